/* The signature of every library routine (symtensor/codegen/library.py). Needs abi.h. */

/* frame    for workspaces and errors
 * blas     the BLAS that the runtime found (csrc/blas.h), never NULL
 * scratch  the routine may use workspaces scratch, scratch + 1 and scratch + 2
 * ndim     rank of inputs[0]
 * scalars  addresses of the scalar arguments, each of the dtype that its role names
 * Returns 0, or 1 with frame->error_site set. */
struct st_blas;
typedef int st_routine(st_frame *frame, const struct st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs,
                       const st_array *inputs, const void *const *scalars);
