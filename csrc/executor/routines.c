/* The BLAS routines of real numbers, built with the extension: the first function that multiplies matrices need not
 * compile them. They call and copy; their own loops, for machines without BLAS, are compiled for the processor by the
 * runtime. `routines_digest` says which sources they were built from: the runtime uses no others than it would print. */
#include "executor.h"

#if defined(__GNUC__) && defined(ST_ROUTINES_DIGEST)
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-strict-aliasing")
#endif
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC visibility push(hidden)

#define ST_INLINE static inline __attribute__((always_inline))
#define ST_NEST static __attribute__((noinline))
#define ST_RARE static __attribute__((noinline, cold))
#include "../routine.h"
#include "../blas_table.h"
#include "../memory.h"

/* The patterns of blas.h, for one type after the other. */
#define ST_COMPLEX 0
#define st_leading st_leading_f32
#define st_increment st_increment_f32
#define st_times_X st_times_f32
#define st_blas_index_X st_blas_index_f32
#define st_blas_gemm_X st_blas_gemm_f32
#define st_gemm_rows_X st_gemm_rows_f32
#define st_tall_gemm_X st_tall_gemm_f32
#define st_loop_gemm_X st_loop_gemm_f32
#define st_gemm_one_X st_gemm_one_f32
#define st_gemm_X st_gemm_f32
#define st_batched_gemm_X st_batched_gemm_f32
#define st_gemv_X st_gemv_f32
#define st_ger_X st_ger_f32
#define st_dot_X st_dot_f32
#define T float
#define C float
#include "../blas.h"
#undef st_leading
#undef st_increment
#undef st_times_X
#undef st_blas_index_X
#undef st_blas_gemm_X
#undef st_gemm_rows_X
#undef st_tall_gemm_X
#undef st_loop_gemm_X
#undef st_gemm_one_X
#undef st_gemm_X
#undef st_batched_gemm_X
#undef st_gemv_X
#undef st_ger_X
#undef st_dot_X
#undef T
#undef C
#define st_times_X st_times_f64
#define st_blas_index_X st_blas_index_f64
#define st_blas_gemm_X st_blas_gemm_f64
#define st_gemm_rows_X st_gemm_rows_f64
#define st_tall_gemm_X st_tall_gemm_f64
#define st_loop_gemm_X st_loop_gemm_f64
#define st_gemm_one_X st_gemm_one_f64
#define st_gemm_X st_gemm_f64
#define st_batched_gemm_X st_batched_gemm_f64
#define st_gemv_X st_gemv_f64
#define st_ger_X st_ger_f64
#define st_dot_X st_dot_f64
#define T double
#define C double
#include "../blas.h"
#pragma GCC visibility pop

static const struct {
    const char *name;
    st_routine *address;
} table[] = {
    {"gemm_f32", st_gemm_f32}, {"batched_gemm_f32", st_batched_gemm_f32}, {"gemv_f32", st_gemv_f32},
    {"ger_f32", st_ger_f32},   {"dot_f32", st_dot_f32},                   {"gemm_f64", st_gemm_f64},
    {"batched_gemm_f64", st_batched_gemm_f64}, {"gemv_f64", st_gemv_f64}, {"ger_f64", st_ger_f64},
    {"dot_f64", st_dot_f64},
};

int st_add_routines(PyObject *module)
{
    PyObject *found = PyDict_New();
    if (!found)
        return -1;
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        PyObject *address = PyLong_FromVoidPtr((void *)table[k].address);
        if (!address || PyDict_SetItemString(found, table[k].name, address)) {
            Py_XDECREF(address);
            Py_DECREF(found);
            return -1;
        }
        Py_DECREF(address);
    }
    int failed = PyModule_AddObjectRef(module, "routines", found)
                 || PyModule_AddStringConstant(module, "routines_digest", ST_ROUTINES_DIGEST);
    Py_DECREF(found);
    return failed ? -1 : 0;
}

#else /* a compiler that cannot read them: the runtime compiles them when they are needed */

int st_add_routines(PyObject *module)
{
    PyObject *none = PyDict_New();
    int failed = !none || PyModule_AddObjectRef(module, "routines", none)
                 || PyModule_AddStringConstant(module, "routines_digest", "");
    Py_XDECREF(none);
    return failed ? -1 : 0;
}

#endif
