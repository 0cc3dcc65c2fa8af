/* How fast one thread can read 40 MB of floats: the bound of every reduction of a (10000, 1000) float32 matrix.
 *
 *     gcc -O3 -march=native benchmarks/limits/read_rate.c -o read_rate && taskset -c 1 ./read_rate
 *
 * Adds the floats in sixteen-lane floats, the cheapest thing to do with them, from huge pages. Measured on an EPYC 9004
 * core: 0.70 to 0.85 ms, while NumPy's argmax over rows takes 1.19 ms: no argmax can be below 0.59 of it, and one that
 * needs a comparison, two selections and an addition a vector (csrc/reduce.h) takes 1.07 ms. Zeros of (50000, 128) floats:
 * 0.45 to 0.5 ms by ordinary stores, which is most of the gradient of a lookup (0.56 ms). */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef float vec __attribute__((vector_size(64)));
enum { N = 10000000, ZEROS = 50000 * 128 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static __attribute__((noinline)) float sum(const float *x) {
    vec a = {0}, b = {0}, c = {0}, d = {0};
    for (long i = 0; i + 64 <= N; i += 64) {
        a += *(const vec *)(x + i);
        b += *(const vec *)(x + i + 16);
        c += *(const vec *)(x + i + 32);
        d += *(const vec *)(x + i + 48);
    }
    a += b + (c + d);
    return a[0] + a[7];
}

int main(void) {
    char *memory = mmap(0, 1 << 26, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    float *x = (float *)(((unsigned long)memory + (2 << 20)) & -(2UL << 20));
    madvise(x, N * sizeof(float), MADV_HUGEPAGE);
    for (long i = 0; i < N; i++) x[i] = (float)i;
    double read = 1e9, zeros = 1e9;
    volatile float sink = 0;
    for (int r = 0; r < 100; r++) {
        double t = now();
        sink += sum(x);
        t = now() - t;
        read = t < read ? t : read;
    }
    for (int r = 0; r < 100; r++) {
        double t = now();
        memset(x, 0, ZEROS * sizeof(float));
        __asm__ volatile("" ::: "memory");
        t = now() - t;
        zeros = t < zeros ? t : zeros;
    }
    printf("read 40 MB: %.0f us; zeros of 25.6 MB: %.0f us\n", read, zeros);
    return 0;
}
