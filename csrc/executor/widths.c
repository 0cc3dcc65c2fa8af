/* Whether vectors of 512 bits are faster here than those of 256: a short loop with a logarithm of the vector libm, where
 * there is one (processors that halve long vectors gain only there), timed both ways in turns, so that other load hits
 * both. The clock is read here: another thread of Python may be busy. */
#include "executor.h"

#if defined(__GNUC__) && defined(__x86_64__)
#include <x86intrin.h>

enum { COUNT = 1024, ROUNDS = 16, RUNS = 80 };

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

static int wins(void *log256, void *log512)
{
    /* Aligned, a quarter of the first cache, not a multiple of 4 kB apart: else the place in memory may decide. */
    static float x[2 * COUNT + 64] __attribute__((aligned(64)));
    float *y = x + COUNT + 64;
    unsigned long long least[2] = {-1ull, -1ull};
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
