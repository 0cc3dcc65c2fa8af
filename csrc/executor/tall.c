/* Products c = alpha * a.T b + beta * c of tall matrices, as gradients of weights are: a is k x m, b k x n, both by rows,
 * and c is small enough to stay in the cache. Nothing is packed: both operands are read in the order in which they lie,
 * KB rows of them at a time; a BLAS packs them first, which takes long where m and n are small (docs/performance.md has
 * the speeds). For processors with AVX-512. */
#include "executor.h"

#if defined(__GNUC__) && defined(__x86_64__)

enum { ROWS = 8, VECTORS = 2, KB = 256 };

#define TALL(T, NAME)                                                                                                    \
    typedef T NAME##_vector __attribute__((vector_size(64)));                                                            \
    typedef T NAME##_loaded __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));                             \
    /* ROWS x (VECTORS * 64 bytes) of c, from k rows of a and b. */                                                      \
    __attribute__((target("avx512f"))) static void NAME##_tile(st_i64 k, T alpha, const T *a, st_i64 lda, const T *b,    \
                                                               st_i64 ldb, T beta, T *c, st_i64 ldc)                     \
    {                                                                                                                    \
        enum { LANES = 64 / sizeof(T) };                                                                                 \
        NAME##_vector sums[ROWS][VECTORS] = {{{0}}};                                                                     \
        for (st_i64 p = 0; p < k; p++, a += lda, b += ldb) {                                                             \
            NAME##_vector low = *(const NAME##_loaded *)b, high = *(const NAME##_loaded *)(b + LANES);                   \
            _Pragma("GCC unroll 8") for (int i = 0; i < ROWS; i++) {                                                     \
                sums[i][0] += a[i] * low;                                                                                \
                sums[i][1] += a[i] * high;                                                                               \
            }                                                                                                            \
        }                                                                                                                \
        _Pragma("GCC unroll 8") for (int i = 0; i < ROWS; i++)                                                           \
            _Pragma("GCC unroll 2") for (int j = 0; j < VECTORS; j++) {                                                  \
                NAME##_loaded *out = (NAME##_loaded *)(c + i * ldc + j * LANES);                                         \
                NAME##_vector scaled = alpha * sums[i][j];                                                               \
                if (beta != 0) scaled += beta * *out;                                                                    \
                *out = scaled;                                                                                           \
            }                                                                                                            \
    }                                                                                                                    \
    static void NAME(st_i64 m, st_i64 n, st_i64 k, T alpha, const T *a, st_i64 lda, const T *b, st_i64 ldb, T beta,      \
                     T *c, st_i64 ldc)                                                                                   \
    {                                                                                                                    \
        enum { COLUMNS = VECTORS * 64 / sizeof(T) };                                                                     \
        for (st_i64 p = 0; p < k; p += KB, a += KB * lda, b += KB * ldb)                                                 \
            for (st_i64 j = 0; j < n; j += COLUMNS)                                                                      \
                for (st_i64 i = 0; i < m; i += ROWS)                                                                     \
                    NAME##_tile(k - p < KB ? k - p : KB, alpha, a + i, lda, b + j, ldb, p ? 1 : beta, c + i * ldc + j,   \
                                ldc);                                                                                    \
    }

TALL(float, tall_f32)
TALL(double, tall_f64)

/* The addresses of the two, as `tall_products`; an empty tuple where the processor lacks what they need. */
static PyObject *addresses(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f"))
        return PyTuple_New(0);
    return Py_BuildValue("(NN)", PyLong_FromVoidPtr((void *)tall_f32), PyLong_FromVoidPtr((void *)tall_f64));
}

#else

static PyObject *addresses(void)
{
    return PyTuple_New(0);
}

#endif

int st_add_tall(PyObject *module)
{
    PyObject *found = addresses();
    int failed = !found || PyModule_AddObjectRef(module, "tall_products", found);
    Py_XDECREF(found);
    return failed ? -1 : 0;
}
