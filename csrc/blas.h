/* Matrix products on strided arrays, by the BLAS of csrc/blas_table.h or by loops of our own. C is the element type.
 * An operand is handed to the BLAS as it is where one of its strides is one element, else a dense copy is made. Where
 * beta is 0 the old values are not read, so NaN in fresh memory does not come through. */

ST_INLINE C st_times_X(C a, C b) {
#if ST_COMPLEX
    return __builtin_complex(__real__ a * __real__ b - __imag__ a * __imag__ b,
                             __real__ a * __imag__ b + __imag__ a * __real__ b);
#else
    return a * b;
#endif
}

/* Position of the type's functions in the table. */
ST_INLINE int st_blas_index_X(void) { return ST_COMPLEX * 2 + (sizeof(T) == 8); }

/* A row-major matrix for the BLAS: the leading dimension if the rows are dense, else 0. */
ST_INLINE st_i64 st_leading(st_i64 rows, st_i64 columns, st_i64 row_step, st_i64 column_step, st_i64 itemsize) {
    st_i64 least = columns > 1 ? columns : 1;
    if (columns > 1 && column_step != itemsize) return 0;
    if (rows <= 1) return least;
    if (row_step <= 0 || row_step % itemsize || row_step / itemsize < least) return 0;
    return row_step / itemsize;
}

/* Row-major product; a flag is 1 where the operand is stored transposed. Everything has been checked. */
static void st_blas_gemm_X(const st_blas *blas, int at, int bt, st_i64 m, st_i64 n, st_i64 k, C alpha, const char *a, st_i64 lda,
                           const char *b, st_i64 ldb, C beta, char *c, st_i64 ldc) {
    void *function = blas->gemm[st_blas_index_X()];
#if ST_COMPLEX
    typedef const void *number;
    number one = &alpha, two = &beta;
#else
    typedef T number;
    number one = alpha, two = beta;
#endif
    if (blas->abi == 1) {
        typedef void gemm(int, int, int, int, int, int, number, const void *, int, const void *, int, number, void *, int);
        ((gemm *)function)(101, 111 + at, 111 + bt, (int)m, (int)n, (int)k, one, a, (int)lda, b, (int)ldb, two, c, (int)ldc);
    } else if (blas->abi == 2) {
        typedef void gemm(int, int, int, st_i64, st_i64, st_i64, number, const void *, st_i64, const void *, st_i64, number, void *,
                          st_i64);
        ((gemm *)function)(101, 111 + at, 111 + bt, m, n, k, one, a, lda, b, ldb, two, c, ldc);
    } else {
        /* By columns the operands and the result are their transposes. */
        typedef void gemm(const char *, const char *, const void *, const void *, const void *, const void *, const void *,
                          const void *, const void *, const void *, const void *, void *, const void *);
        st_i64 wide[6] = {m, n, k, lda, ldb, ldc};
        int narrow[6];
        const char *sizes[6];
        for (int i = 0; i < 6; i++) {
            narrow[i] = (int)wide[i];
            sizes[i] = blas->abi == 3 ? (const char *)&narrow[i] : (const char *)&wide[i];
        }
        ((gemm *)function)(bt ? "T" : "N", at ? "T" : "N", sizes[1], sizes[0], sizes[2], &alpha, b, sizes[4], a, sizes[3], &beta, c,
                           sizes[5]);
    }
}

/* How many rows of a to multiply at a time. Where gemm has kernels for small products that read the operands in place,
 * a product with a small b goes through them in pieces: copying costs up to half of the time where m or n is small. */
ST_INLINE st_i64 st_gemm_rows_X(const st_blas *blas, int at, int bt, st_i64 m, st_i64 n, st_i64 k) {
    const st_i64 small = blas->small, least = bt ? 32 : 8;
    if (ST_COMPLEX || at || (bt && n > 16) || n > small || k > small || n * k > small / least || m <= small / (n * k)) return m;
    if (m > 16 * (small / (n * k)) && blas->threads && blas->threads() > 1) return m; /* better shared by the threads */
    const st_i64 most = small / (n * k) & ~(st_i64)3, pieces = (m + most - 1) / most;
    return ((m + pieces - 1) / pieces + 3) & ~(st_i64)3; /* of equal sizes, whole groups of four rows */
}

#if !ST_COMPLEX
/* a.T b where a is tall: the result stays in the cache. What is left of m and n goes to the BLAS. 0: not such a case. */
static int st_tall_gemm_X(const st_blas *blas, st_i64 m, st_i64 n, st_i64 k, T alpha, const char *a, st_i64 lda, const char *b,
                          st_i64 ldb, T beta, char *c, st_i64 ldc) {
    typedef void tall(st_i64, st_i64, st_i64, T, const void *, st_i64, const void *, st_i64, T, void *, st_i64);
    void *function = blas->tall[st_blas_index_X()];
    const st_i64 size = sizeof(T), rows = m & ~(st_i64)7, columns = n & ~(128 / size - 1);
    if (!function || rows < m - m / 4 || columns < n - n / 4 || m > (1 << 19) / size / n || k < 32) return 0;
    if (m * n > 1000000 / k && blas->threads && blas->threads() > 1) return 0; /* better shared by the threads */
    ((tall *)function)(rows, columns, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (columns < n)
        st_blas_gemm_X(blas, 1, 0, m, n - columns, k, alpha, a, lda, b + columns * size, ldb, beta, c + columns * size, ldc);
    if (rows < m)
        st_blas_gemm_X(blas, 1, 0, m - rows, columns, k, alpha, a + rows * size, lda, b, ldb, beta, c + rows * ldc * size, ldc);
    return 1;
}
#endif

/* The same by loops; steps in bytes. */
static void st_loop_gemm_X(st_i64 m, st_i64 n, st_i64 k, C alpha, const char *a, st_i64 a0, st_i64 a1, const char *b, st_i64 b0,
                           st_i64 b1, C beta, char *c, st_i64 c0, st_i64 c1) {
    for (st_i64 i = 0; i < m; i++)
        for (st_i64 j = 0; j < n; j++) {
            C *out = (C *)(c + i * c0 + j * c1);
            *out = beta == 0 ? 0 : st_times_X(beta, *out);
        }
    for (st_i64 i = 0; i < m; i++)
        for (st_i64 l = 0; l < k; l++) {
            const C x = st_times_X(alpha, *(const C *)(a + i * a0 + l * a1));
            if (c1 == (st_i64)sizeof(C) && b1 == (st_i64)sizeof(C)) {
                C *out = (C *)(c + i * c0);
                const C *row = (const C *)(b + l * b0);
                for (st_i64 j = 0; j < n; j++) out[j] += st_times_X(x, row[j]);
            } else {
                for (st_i64 j = 0; j < n; j++) *(C *)(c + i * c0 + j * c1) += st_times_X(x, *(const C *)(b + l * b0 + j * b1));
            }
        }
}

static int st_gemm_one_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 m, st_i64 n, st_i64 k, C alpha, const char *a,
                         st_i64 a0, st_i64 a1, const char *b, st_i64 b0, st_i64 b1, C beta, char *c, st_i64 c0, st_i64 c1) {
    const st_i64 size = sizeof(C), most = 2147483647;
    if (m == 0 || n == 0) return 0;
    int narrow = blas->abi == 1 || blas->abi == 3, wide = m > most || n > most || k > most;
    if (k == 0 || !blas->gemm[st_blas_index_X()] || (narrow && wide)) {
        st_loop_gemm_X(m, n, k, alpha, a, a0, a1, b, b0, b1, beta, c, c0, c1);
        return 0;
    }
    st_i64 ldc = st_leading(m, n, c0, c1, size);
    if (!ldc && st_leading(n, m, c1, c0, size))
        return st_gemm_one_X(frame, blas, scratch, n, m, k, alpha, b, b1, b0, a, a1, a0, beta, c, c1, c0);
    char *out = c;
    if (!ldc) {
        out = st_workspace(frame, scratch + 2, size, 2, (st_i64[]){m, n});
        if (!out) return 1;
        ldc = n;
        if (beta != 0) st_move(out, c, size, 2, (st_i64[]){m, n}, (st_i64[]){c0, c1}, 1);
    }
    int at = 0, bt = 0;
    st_i64 lda = st_leading(m, k, a0, a1, size), ldb = st_leading(k, n, b0, b1, size);
    if (!lda) at = (lda = st_leading(k, m, a1, a0, size)) != 0;
    if (!ldb) bt = (ldb = st_leading(n, k, b1, b0, size)) != 0;
    if (!lda || (narrow && lda > most)) {
        char *copy = st_workspace(frame, scratch, size, 2, (st_i64[]){m, k});
        if (!copy) return 1;
        st_move(copy, (char *)a, size, 2, (st_i64[]){m, k}, (st_i64[]){a0, a1}, 1);
        a = copy;
        at = 0;
        lda = k;
    }
    if (!ldb || (narrow && ldb > most)) {
        char *copy = st_workspace(frame, scratch + 1, size, 2, (st_i64[]){k, n});
        if (!copy) return 1;
        st_move(copy, (char *)b, size, 2, (st_i64[]){k, n}, (st_i64[]){b0, b1}, 1);
        b = copy;
        bt = 0;
        ldb = n;
    }
    st_i64 done = 0;
#if !ST_COMPLEX
    if (at && !bt && st_tall_gemm_X(blas, m, n, k, alpha, a, lda, b, ldb, beta, out, ldc)) done = m;
#endif
    const st_i64 step = st_gemm_rows_X(blas, at, bt, m, n, k);
    for (st_i64 i = done; i < m; i += step)
        st_blas_gemm_X(blas, at, bt, m - i < step ? m - i : step, n, k, alpha, a + i * lda * size, lda, b, ldb, beta,
                       out + i * ldc * size, ldc);
    if (out != c) st_move(out, c, size, 2, (st_i64[]){m, n}, (st_i64[]){c0, c1}, 0);
    return 0;
}

int st_gemm_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
              const void *const *scalars) {
    const st_array *a = inputs, *b = inputs + 1;
    (void)ndim;
    return st_gemm_one_X(frame, blas, scratch, a->dims[0], b->dims[1], a->dims[1], *(const C *)scalars[0], a->data, a->strides[0],
                         a->strides[1], b->data, b->strides[0], b->strides[1], *(const C *)scalars[1], outputs->data,
                         outputs->strides[0], outputs->strides[1]);
}

int st_batched_gemm_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs,
                      const st_array *inputs, const void *const *scalars) {
    const st_array *a = inputs, *b = inputs + 1;
    (void)ndim;
    for (st_i64 i = 0; i < a->dims[0]; i++)
        if (st_gemm_one_X(frame, blas, scratch, a->dims[1], b->dims[2], a->dims[2], *(const C *)scalars[0],
                          a->data + i * a->strides[0], a->strides[1], a->strides[2], b->data + i * b->strides[0], b->strides[1],
                          b->strides[2], *(const C *)scalars[1], outputs->data + i * outputs->strides[0], outputs->strides[1],
                          outputs->strides[2]))
            return 1;
    return 0;
}

/* A vector for the BLAS: its increment, and the address of its lowest element in *data; 0 where there is none. */
ST_INLINE st_i64 st_increment(char **data, st_i64 n, st_i64 step, st_i64 itemsize) {
    if (n <= 1) return 1;
    if (step == 0 || step % itemsize) return 0;
    if (step < 0) *data += (n - 1) * step;
    return step / itemsize;
}

int st_gemv_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
              const void *const *scalars) {
    const st_array *a = inputs, *x = inputs + 1;
    const st_i64 size = sizeof(C), most = 2147483647;
    st_i64 m = a->dims[0], n = a->dims[1], a0 = a->strides[0], a1 = a->strides[1], xs = x->strides[0], ys = outputs->strides[0];
    C alpha = *(const C *)scalars[0], beta = *(const C *)scalars[1];
    char *data = a->data, *xd = x->data, *yd = outputs->data;
    void *function = blas->gemv[st_blas_index_X()];
    (void)ndim;
    if (m == 0) return 0;
    int narrow = blas->abi == 1 || blas->abi == 3, transposed = 0;
    st_i64 lda = st_leading(m, n, a0, a1, size);
    if (!lda) transposed = (lda = st_leading(n, m, a1, a0, size)) != 0;
    st_i64 incx = st_increment(&xd, n, xs, size), incy = st_increment(&yd, m, ys, size);
    if (n == 0 || !function || !incx || !incy || (narrow && (m > most || n > most || lda > most))) {
        st_loop_gemm_X(m, 1, n, alpha, data, a0, a1, x->data, xs, 0, beta, outputs->data, ys, 0);
        return 0;
    }
    if (!lda) {
        char *copy = st_workspace(frame, scratch, size, 2, (st_i64[]){m, n});
        if (!copy) return 1;
        st_move(copy, data, size, 2, (st_i64[]){m, n}, (st_i64[]){a0, a1}, 1);
        data = copy;
        lda = n;
    }
#if ST_COMPLEX
    typedef const void *number;
    number one = &alpha, two = &beta;
#else
    typedef T number;
    number one = alpha, two = beta;
#endif
    st_i64 rows = transposed ? n : m, columns = transposed ? m : n;
    if (blas->abi == 1) {
        typedef void gemv(int, int, int, int, number, const void *, int, const void *, int, number, void *, int);
        ((gemv *)function)(101, 111 + transposed, (int)rows, (int)columns, one, data, (int)lda, xd, (int)incx, two, yd, (int)incy);
    } else if (blas->abi == 2) {
        typedef void gemv(int, int, st_i64, st_i64, number, const void *, st_i64, const void *, st_i64, number, void *, st_i64);
        ((gemv *)function)(101, 111 + transposed, rows, columns, one, data, lda, xd, incx, two, yd, incy);
    } else {
        typedef void gemv(const char *, const void *, const void *, const void *, const void *, const void *, const void *,
                          const void *, const void *, void *, const void *);
        st_i64 wide[5] = {columns, rows, lda, incx, incy};
        int ints[5];
        const char *sizes[5];
        for (int i = 0; i < 5; i++) {
            ints[i] = (int)wide[i];
            sizes[i] = blas->abi == 3 ? (const char *)&ints[i] : (const char *)&wide[i];
        }
        ((gemv *)function)(transposed ? "N" : "T", sizes[0], sizes[1], &alpha, data, sizes[2], xd, sizes[3], &beta, yd, sizes[4]);
    }
    return 0;
}

int st_ger_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
             const void *const *scalars) {
    const st_i64 size = sizeof(C), most = 2147483647;
    st_i64 m = inputs[0].dims[0], n = inputs[1].dims[0], a0 = outputs->strides[0], a1 = outputs->strides[1];
    C alpha = *(const C *)scalars[0];
    char *xd = inputs[0].data, *yd = inputs[1].data;
    void *function = blas->ger[st_blas_index_X()];
    (void)ndim;
    (void)frame;
    (void)scratch;
    if (m == 0 || n == 0) return 0;
    st_i64 lda = st_leading(m, n, a0, a1, size);
    st_i64 incx = st_increment(&xd, m, inputs[0].strides[0], size), incy = st_increment(&yd, n, inputs[1].strides[0], size);
    int narrow = blas->abi == 1 || blas->abi == 3;
    if (!function || !lda || !incx || !incy || (narrow && (m > most || n > most || lda > most))) {
        for (st_i64 i = 0; i < m; i++) {
            const C scaled = st_times_X(alpha, *(const C *)(inputs[0].data + i * inputs[0].strides[0]));
            for (st_i64 j = 0; j < n; j++)
                *(C *)(outputs->data + i * a0 + j * a1) += st_times_X(scaled, *(const C *)(inputs[1].data + j * inputs[1].strides[0]));
        }
        return 0;
    }
#if ST_COMPLEX
    typedef const void *number;
    number one = &alpha;
#else
    typedef T number;
    number one = alpha;
#endif
    if (blas->abi == 1) {
        typedef void ger(int, int, int, number, const void *, int, const void *, int, void *, int);
        ((ger *)function)(101, (int)m, (int)n, one, xd, (int)incx, yd, (int)incy, outputs->data, (int)lda);
    } else if (blas->abi == 2) {
        typedef void ger(int, st_i64, st_i64, number, const void *, st_i64, const void *, st_i64, void *, st_i64);
        ((ger *)function)(101, m, n, one, xd, incx, yd, incy, outputs->data, lda);
    } else {
        typedef void ger(const void *, const void *, const void *, const void *, const void *, const void *, const void *, void *,
                         const void *);
        st_i64 wide[5] = {n, m, incy, incx, lda};
        int ints[5];
        const char *sizes[5];
        for (int i = 0; i < 5; i++) {
            ints[i] = (int)wide[i];
            sizes[i] = blas->abi == 3 ? (const char *)&ints[i] : (const char *)&wide[i];
        }
        ((ger *)function)(sizes[0], sizes[1], &alpha, yd, sizes[2], xd, sizes[3], outputs->data, sizes[4]);
    }
    return 0;
}

int st_dot_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
             const void *const *scalars) {
    const st_array *x = inputs, *y = inputs + 1;
    st_i64 n = x->dims[0], xs = x->strides[0], ys = y->strides[0];
    (void)ndim;
    (void)frame;
    (void)scratch;
    (void)scalars;
#if !ST_COMPLEX
    const st_i64 size = sizeof(C), most = 2147483647;
    char *xd = x->data, *yd = y->data;
    st_i64 incx = st_increment(&xd, n, xs, size), incy = st_increment(&yd, n, ys, size);
    void *function = blas->dot[st_blas_index_X()];
    if (function && incx && incy && n && (blas->abi == 2 || blas->abi == 4 || n <= most)) {
        if (blas->abi == 1) *(T *)outputs->data = ((T(*)(int, const T *, int, const T *, int))function)(
            (int)n, (const T *)xd, (int)incx, (const T *)yd, (int)incy);
        else if (blas->abi == 2) *(T *)outputs->data = ((T(*)(st_i64, const T *, st_i64, const T *, st_i64))function)(
            n, (const T *)xd, incx, (const T *)yd, incy);
        else if (blas->abi == 3) *(T *)outputs->data = ((T(*)(const int *, const T *, const int *, const T *, const int *))function)(
            &(int){(int)n}, (const T *)xd, &(int){(int)incx}, (const T *)yd, &(int){(int)incy});
        else *(T *)outputs->data = ((T(*)(const st_i64 *, const T *, const st_i64 *, const T *, const st_i64 *))function)(
            &n, (const T *)xd, &incx, (const T *)yd, &incy);
        return 0;
    }
#else
    (void)blas;
#endif
    C sum = 0;
    for (st_i64 i = 0; i < n; i++) sum += st_times_X(*(const C *)(x->data + i * xs), *(const C *)(y->data + i * ys));
    *(C *)outputs->data = sum;
    return 0;
}
