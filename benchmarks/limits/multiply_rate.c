/* How many multiplications and additions one thread can do at most: the bound of every product of matrices.
 *
 *     gcc -O3 -march=native benchmarks/limits/multiply_rate.c -o multiply_rate && taskset -c 1 ./multiply_rate
 *
 * Fused multiply-adds between registers only, in as many independent chains as hide their latency; nothing is loaded. A
 * product of two (2000, 2000) matrices needs 16e9 operations; the program says how long that takes at this rate. */
#include <stdio.h>
#include <time.h>

typedef float vf __attribute__((vector_size(64)));
typedef double vd __attribute__((vector_size(64)));

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define RATE(NAME, V, T)                                                                                     \
    static __attribute__((noinline)) double NAME(void) {                                                     \
        enum { CHAINS = 24, ROUNDS = 4000000 };                                                              \
        V s[CHAINS];                                                                                         \
        volatile T one = (T)0.999999, two = (T)1e-9;                                                         \
        V x = (V){0} + one, y = (V){0} + two;                                                                \
        for (int k = 0; k < CHAINS; k++) s[k] = (V){0} + (T)k;                                               \
        double start = now();                                                                                \
        for (long r = 0; r < ROUNDS; r++)                                                                    \
            _Pragma("GCC unroll 24") for (int k = 0; k < CHAINS; k++) s[k] = s[k] * x + y;                   \
        double seconds = now() - start;                                                                      \
        volatile T kept = 0;                                                                                 \
        for (int k = 0; k < CHAINS; k++) kept += s[k][0];                                                    \
        return 2.0 * CHAINS * ROUNDS * (64 / sizeof(T)) / seconds * 1e-9;                                    \
    }
RATE(of_floats, vf, float)
RATE(of_doubles, vd, double)

int main(void) {
    double f = 0, d = 0;
    for (int k = 0; k < 10; k++) {
        double a = of_floats(), b = of_doubles();
        f = a > f ? a : f;
        d = b > d ? b : d;
    }
    printf("floats:  %.1f GF/s, product of 2000 x 2000 matrices in %.1f ms at best\n", f, 16e3 / f);
    printf("doubles: %.1f GF/s, product of 2000 x 2000 matrices in %.1f ms at best\n", d, 16e3 / d);
    return 0;
}
