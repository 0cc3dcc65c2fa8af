/* Whether vectors of 512 bits are faster here than those of 256: a short loop with a logarithm of the vector libm, where
 * there is one (processors that halve long vectors gain only there), timed both ways in turns, so that other load hits
 * both. The clock is read here: another thread of Python may be busy. */
#include "executor.h"

#if defined(__GNUC__) && defined(__x86_64__)
#include <x86intrin.h>

enum { COUNT = 1024, ROUNDS = 16, RUNS = 10, PLACES = 20, STEP = 5 * 1024 + 320 };

#define RUN(NAME, FEATURES, BYTES)                                                                                       \
    typedef float NAME##_vector __attribute__((vector_size(BYTES)));                                                     \
    __attribute__((noinline, target(FEATURES))) static void NAME(const float *x, float *y, void *logarithm)              \
    {                                                                                                                    \
        NAME##_vector (*log)(NAME##_vector) = (NAME##_vector(*)(NAME##_vector))logarithm;                                \
        for (int r = 0; r < ROUNDS; r++)                                                                                 \
            for (int i = 0; i < COUNT; i += BYTES / 4) {                                                                 \
                NAME##_vector a = *(const NAME##_vector *)(x + i), *b = (NAME##_vector *)(y + i);                        \
                a = (a * 1.5f + *b) * a + 0.5f;                                                                          \
                *b = (log ? log(a) : a) * 0.25f;                                                                         \
            }                                                                                                            \
    }

RUN(run256, "avx2", 32)
RUN(run512, "avx512f", 64)

/* Where the arrays and the stack happen to lie in a process decides as much as the width (addresses that agree in their
 * last bits disturb each other), so that many places are tried. x and y of a place are not a multiple of 4 kB apart. */
static __attribute__((noinline)) void tried(int places, void *log256, void *log512, unsigned long long *least)
{
    static float room[PLACES * STEP] __attribute__((aligned(64)));
    volatile char apart[192];
    apart[0] = 0;
    float *x = room + (places - 1) * STEP, *y = x + COUNT + 64;
    for (int r = 0; r < RUNS; r++) {
        unsigned long long start = __rdtsc(), time;
        if (r & 1)
            run512(x, y, log512);
        else
            run256(x, y, log256);
        time = __rdtsc() - start;
        if (time < least[r & 1])
            least[r & 1] = time;
    }
    if (places > 1)
        tried(places - 1, log256, log512, least);
    (void)apart[0]; /* no tail call: deeper places have their own part of the stack */
}

static int wins(void *log256, void *log512)
{
    unsigned long long least[2] = {-1ull, -1ull};
    tried(PLACES, log256, log512, least);
    return least[1] * 10 < least[0] * 9;
}
#else
static int wins(void *log256, void *log512)
{
    (void)log256;
    (void)log512;
    return 0;
}
#endif

PyObject *st_wide_vectors_win(PyObject *self, PyObject *args)
{
    (void)self;
    unsigned long long log256, log512;
    if (!PyArg_ParseTuple(args, "KK", &log256, &log512))
        return NULL;
    return PyBool_FromLong(wins((void *)(uintptr_t)log256, (void *)(uintptr_t)log512));
}
