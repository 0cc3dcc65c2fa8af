/* The BLAS that the runtime found, as function pointers; filled by symtensor/runtime, read by csrc/blas.h.
 * abi  0: there is none (all pointers are NULL)
 *      1: CBLAS with 32-bit ints      2: CBLAS with 64-bit ints
 *      3: Fortran with 32-bit ints    4: Fortran with 64-bit ints (everything by address)
 * The four entries are float, double, complex float, complex double; NULL where a function is missing. ger is geru for
 * the complex types; dot is there for the real types only (sdot, ddot).
 * small    the most multiplications m * n * k that gemm does without copying its operands first; 0 if it always copies
 * tall     alpha * a.T b + beta * c for float and double, faster than gemm where a and b are tall: m a multiple of 8, n of 128
 *          bytes; arguments in the order of gemm. NULL where the processor has none
 * threads  tells how many threads gemm may use; NULL if it cannot be asked */
typedef struct st_blas {
    st_i64 abi;
    void *gemm[4];
    void *gemv[4];
    void *ger[4];
    void *dot[4];
    st_i64 small;
    void *tall[2];
    int (*threads)(void);
} st_blas;
