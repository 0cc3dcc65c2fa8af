/* Reductions over contiguous elements, each continuing from what it is given: the inner loops of nests that reduce.
 *
 * Sums of floats: lanes of 64 (32 in double) independent partial sums, folded every 2048 elements into a double (with
 * a compensation term for double), so the error does not grow with the length. Maximum and minimum: NaN stays. */

/* sum[0] + sum[1] is the sum of everything added so far; float uses sum[0] alone. */
ST_NEST void st_add_f32(double *sum, const float *x, st_i64 n) {
    typedef float vec __attribute__((vector_size(64), aligned(4)));
    double total = 0.0;
    while (n >= 16) {
        vec a = {0}, b = {0}, c = {0}, d = {0};
        st_i64 m = n < 2048 ? n : 2048, i = 0;
        for (; i + 64 <= m; i += 64) {
            a += *(const vec *)(x + i);
            b += *(const vec *)(x + i + 16);
            c += *(const vec *)(x + i + 32);
            d += *(const vec *)(x + i + 48);
        }
        for (; i + 16 <= m; i += 16) a += *(const vec *)(x + i);
        a = (a + b) + (c + d);
        for (int k = 0; k < 16; k++) total += (double)a[k];
        x += i;
        n -= i;
    }
    for (st_i64 i = 0; i < n; i++) total += (double)x[i];
    sum[0] += total;
}

/* Knuth's exact sum of two numbers: sum[1] collects what sum[0] loses. */
ST_INLINE void st_two_sum(double *sum, double x) {
    double s = sum[0] + x, part = s - sum[0];
    double lost = (sum[0] - (s - part)) + (x - part);
    sum[0] = s;
    /* Beyond the largest number the error term is NaN; the sum itself is right. */
    if (lost == lost) sum[1] += lost;
}

ST_NEST void st_add_f64(double *sum, const double *x, st_i64 n) {
    typedef double vec __attribute__((vector_size(64), aligned(8)));
    while (n >= 8) {
        vec a = {0}, b = {0}, c = {0}, d = {0};
        st_i64 m = n < 2048 ? n : 2048, i = 0;
        for (; i + 32 <= m; i += 32) {
            a += *(const vec *)(x + i);
            b += *(const vec *)(x + i + 8);
            c += *(const vec *)(x + i + 16);
            d += *(const vec *)(x + i + 24);
        }
        for (; i + 8 <= m; i += 8) a += *(const vec *)(x + i);
        a = (a + b) + (c + d);
        st_two_sum(sum, ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
        x += i;
        n -= i;
    }
    if (n > 0) {
        double total = x[0];
        for (st_i64 i = 1; i < n; i++) total += x[i];
        st_two_sum(sum, total);
    }
}

/* Floats summed in double. gcc splits conversions to 512 bits, and they share ports with additions, so both are spelled
 * out and the multiplier adds: y * 1 + a. */
ST_NEST void st_add_wide(double *sum, const float *x, st_i64 n) {
    typedef float half __attribute__((vector_size(32), aligned(4)));
    typedef double vec __attribute__((vector_size(64), aligned(8)));
#ifdef __AVX512F__
    const vec one = {1, 1, 1, 1, 1, 1, 1, 1};
#define ST_ADD(a, x) \
    do { \
        vec y; \
        __asm__("vcvtps2pd %1, %0" : "=v"(y) : "m"(*(const half *)(x))); \
        __asm__("vfmadd231pd %1, %2, %0" : "+v"(a) : "v"(y), "v"(one)); \
    } while (0)
#else
#define ST_ADD(a, x) a += __builtin_convertvector(*(const half *)(x), vec)
#endif
    while (n >= 8) {
        vec a = {0}, b = {0}, c = {0}, d = {0};
        st_i64 m = n < 2048 ? n : 2048, i = 0;
        for (; i + 32 <= m; i += 32) {
            ST_ADD(a, x + i);
            ST_ADD(b, x + i + 8);
            ST_ADD(c, x + i + 16);
            ST_ADD(d, x + i + 24);
        }
        for (; i + 8 <= m; i += 8) ST_ADD(a, x + i);
        a = (a + b) + (c + d);
        st_two_sum(sum, ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
        x += i;
        n -= i;
    }
#undef ST_ADD
    if (n > 0) {
        double total = (double)x[0];
        for (st_i64 i = 1; i < n; i++) total += (double)x[i];
        st_two_sum(sum, total);
    }
}

ST_NEST void st_cadd_X(double *sum, const C *x, st_i64 n) {
    double re = 0.0, im = 0.0;
    for (st_i64 i = 0; i < n; i++) {
        re += (double)__real__ x[i];
        im += (double)__imag__ x[i];
    }
    sum[0] += re;
    sum[1] += im;
}

/* Integers wrap. */
ST_NEST void st_add_X(T *sum, const T *x, st_i64 n) {
    U s = (U)*sum;
#pragma omp simd reduction(+ : s)
    for (st_i64 i = 0; i < n; i++) s += (U)x[i];
    *sum = (T)s;
}

/* From left to right. */
ST_NEST void st_mul_X(T *product, const T *x, st_i64 n) {
#if ST_FLOAT
    T p = *product;
    for (st_i64 i = 0; i < n; i++) p *= x[i];
    *product = p;
#else
    U p = (U)*product;
    for (st_i64 i = 0; i < n; i++) p *= (U)x[i];
    *product = (T)p;
#endif
}

ST_NEST void st_cmul_all_X(C *product, const C *x, st_i64 n) {
    for (st_i64 i = 0; i < n; i++) *product = st_cmul_X(*product, x[i]);
}

/* The greater or the less of two; `b` where they are equal or not ordered. */
ST_INLINE T st_extreme_X(T a, T b, int greatest) {
    return (greatest ? a > b : a < b) ? a : b;
}

ST_INLINE int st_is_nan_X(T x) {
#if ST_FLOAT
    return x != x;
#else
    (void)x;
    return 0;
#endif
}

/* Whether one of the elements is NaN. */
ST_INLINE int st_any_nan_X(const T *x, st_i64 n) {
    int found = 0;
#pragma omp simd reduction(| : found)
    for (st_i64 i = 0; i < n; i++) found |= st_is_nan_X(x[i]);
    return found;
}

/* The extreme of x and what *top has been. Of floats four vectors of extremes are kept, and the sum of all elements,
 * which tells of NaN by one addition a vector: where it is NaN (as for infinities of both signs), x is looked through. */
ST_INLINE void st_extremes_X(T *top, const T *x, st_i64 n, int greatest) {
    T m = *top;
    st_i64 i = 0;
#if ST_FLOAT
    typedef T vec __attribute__((vector_size(64), aligned(sizeof(T))));
    enum { lanes = 64 / sizeof(T) };
    if (n >= lanes) {
        vec a = *(const vec *)x, b = a, c = a, d = a, sum = {0};
        for (; i + 4 * lanes <= n; i += 4 * lanes) {
            vec p = *(const vec *)(x + i), q = *(const vec *)(x + i + lanes);
            vec r = *(const vec *)(x + i + 2 * lanes), s = *(const vec *)(x + i + 3 * lanes);
            sum += (p + q) + (r + s);
            for (int k = 0; k < lanes; k++) a[k] = st_extreme_X(p[k], a[k], greatest);
            for (int k = 0; k < lanes; k++) b[k] = st_extreme_X(q[k], b[k], greatest);
            for (int k = 0; k < lanes; k++) c[k] = st_extreme_X(r[k], c[k], greatest);
            for (int k = 0; k < lanes; k++) d[k] = st_extreme_X(s[k], d[k], greatest);
        }
        /* The last vector may reach back: twice the same element changes nothing. */
        for (; i < n; i += lanes) {
            vec p = *(const vec *)(x + (i + lanes <= n ? i : n - lanes));
            sum += p;
            for (int k = 0; k < lanes; k++) a[k] = st_extreme_X(p[k], a[k], greatest);
        }
        for (int k = 0; k < lanes; k++) a[k] = st_extreme_X(c[k], a[k], greatest);
        for (int k = 0; k < lanes; k++) b[k] = st_extreme_X(d[k], b[k], greatest);
        for (int k = 0; k < lanes; k++) a[k] = st_extreme_X(b[k], a[k], greatest);
        T best[lanes], all[lanes];
        *(vec *)best = a;
        *(vec *)all = sum;
#pragma GCC unroll 4
        for (int w = lanes / 2; w > 0; w /= 2)
#pragma GCC unroll 8
            for (int k = 0; k < w; k++) {
                best[k] = st_extreme_X(best[k + w], best[k], greatest);
                all[k] += all[k + w];
            }
        m = st_extreme_X(best[0], m, greatest);
        if (__builtin_expect(all[0] != all[0], 0) && st_any_nan_X(x, n)) m = ST_F(__builtin_nan)("");
    }
    for (; i < n; i++) m = x[i] != x[i] ? x[i] : st_extreme_X(x[i], m, greatest);
#else
    if (greatest) {
#pragma omp simd reduction(max : m)
        for (i = 0; i < n; i++) m = m > x[i] ? m : x[i];
    } else {
#pragma omp simd reduction(min : m)
        for (i = 0; i < n; i++) m = m < x[i] ? m : x[i];
    }
#endif
    *top = m;
}

ST_NEST void st_maximum_X(T *top, const T *x, st_i64 n) {
    st_extremes_X(top, x, n, 1);
}

ST_NEST void st_minimum_X(T *top, const T *x, st_i64 n) {
    st_extremes_X(top, x, n, 0);
}

/* The position of the first element that equals `value`, or is NaN if that is; there is one. */
ST_INLINE st_i64 st_find_X(const T *x, st_i64 n, T value) {
    st_i64 k = 0;
    for (; k + 128 <= n && !st_is_nan_X(value); k += 128) {
        int found = 0;
#pragma omp simd reduction(| : found)
        for (st_i64 i = 0; i < 128; i++) found |= x[k + i] == value;
        if (found) break;
    }
    while (x[k] != value && !st_is_nan_X(x[k])) k++;
    return k;
}

/* The extreme of x and its first position, or a NaN and its. Of floats each lane keeps its own with the number of the
 * vector that it came from, so that one pass is enough; NaN is found as in st_extremes_X. n < 2**31. */
ST_INLINE st_i64 st_first_X(T *best, const T *x, st_i64 n, int greatest) {
#if ST_FLOAT
    typedef T vec __attribute__((vector_size(64), aligned(sizeof(T))));
    typedef __typeof__(__builtin_choose_expr(sizeof(T) == 4, 0, 0LL)) place;
    typedef place places __attribute__((vector_size(64)));
    enum { lanes = 64 / sizeof(T) };
    if (n >= lanes) {
        vec a = *(const vec *)x, b = a, sum = {0};
        places at = {0}, bt = {0};
        for (st_i64 i = 0; i < n; i += 2 * lanes) {
            /* The last vectors may reach back: what is equal is not taken again. */
            const place i0 = (place)(i + lanes <= n ? i : n - lanes);
            const place i1 = (place)(i + 2 * lanes <= n ? i + lanes : n - lanes);
            vec p = *(const vec *)(x + i0), q = *(const vec *)(x + i1);
            sum += p + q;
            for (int k = 0; k < lanes; k++) at[k] = (greatest ? p[k] > a[k] : p[k] < a[k]) ? i0 : at[k];
            for (int k = 0; k < lanes; k++) bt[k] = (greatest ? q[k] > b[k] : q[k] < b[k]) ? i1 : bt[k];
            for (int k = 0; k < lanes; k++) a[k] = st_extreme_X(p[k], a[k], greatest);
            for (int k = 0; k < lanes; k++) b[k] = st_extreme_X(q[k], b[k], greatest);
        }
        T top[lanes], all[lanes];
        place first[lanes];
        for (int k = 0; k < lanes; k++) top[k] = st_extreme_X(b[k], a[k], greatest);
        *(vec *)all = sum;
#pragma GCC unroll 4
        for (int w = lanes / 2; w > 0; w /= 2)
#pragma GCC unroll 8
            for (int k = 0; k < w; k++) {
                top[k] = st_extreme_X(top[k + w], top[k], greatest);
                all[k] += all[k + w];
            }
        if (__builtin_expect(all[0] == all[0], 1) || !st_any_nan_X(x, n)) {
            for (int k = 0; k < lanes; k++) at[k] = a[k] == top[0] ? at[k] + k : (place)n;
            for (int k = 0; k < lanes; k++) bt[k] = b[k] == top[0] ? bt[k] + k : (place)n;
            for (int k = 0; k < lanes; k++) first[k] = at[k] < bt[k] ? at[k] : bt[k];
#pragma GCC unroll 4
            for (int w = lanes / 2; w > 0; w /= 2)
#pragma GCC unroll 8
                for (int k = 0; k < w; k++) first[k] = first[k] < first[k + w] ? first[k] : first[k + w];
            *best = top[0];
            return first[0];
        }
    }
#endif
    *best = x[0];
    st_extremes_X(best, x, n, greatest);
    return st_find_X(x, n, *best);
}

/* The first extreme element, or the first NaN: *at is its position, -1 if there was none before; x[0] has position base. */
ST_INLINE void st_place_X(T *best, st_i64 *at, const T *x, st_i64 n, st_i64 base, int greatest) {
    for (st_i64 i = 0; i < n; i += 16384) {
        if (*at >= 0 && st_is_nan_X(*best)) return;
        T top;
        st_i64 k = st_first_X(&top, x + i, n - i < 16384 ? n - i : 16384, greatest);
        if (*at >= 0 && !(greatest ? top > *best : top < *best) && !st_is_nan_X(top)) continue;
        *best = top;
        *at = base + i + k;
    }
}

ST_NEST void st_argmax_X(T *best, st_i64 *at, const T *x, st_i64 n, st_i64 base) {
    st_place_X(best, at, x, n, base, 1);
}

ST_NEST void st_argmin_X(T *best, st_i64 *at, const T *x, st_i64 n, st_i64 base) {
    st_place_X(best, at, x, n, base, 0);
}

ST_NEST void st_and__X(T *all, const T *x, st_i64 n) {
    T r = *all;
#pragma omp simd reduction(& : r)
    for (st_i64 i = 0; i < n; i++) r &= x[i];
    *all = r;
}

ST_NEST void st_or__X(T *any, const T *x, st_i64 n) {
    T r = *any;
#pragma omp simd reduction(| : r)
    for (st_i64 i = 0; i < n; i++) r |= x[i];
    *any = r;
}

ST_NEST void st_xor_X(T *odd, const T *x, st_i64 n) {
    T r = *odd;
#pragma omp simd reduction(^ : r)
    for (st_i64 i = 0; i < n; i++) r ^= x[i];
    *odd = r;
}

/* Moves partial sums into totals, so that rounding errors do not grow with the number of rows. */
ST_NEST void st_flush_X(double *total, T *part, st_i64 n) {
#pragma omp simd
    for (st_i64 i = 0; i < n; i++) {
        total[i] += (double)part[i];
        part[i] = 0;
    }
}

ST_NEST void st_fill_X(T *x, st_i64 n, T value) {
#pragma omp simd
    for (st_i64 i = 0; i < n; i++) x[i] = value;
}

ST_NEST void st_cfill_X(C *x, st_i64 n, C value) {
    for (st_i64 i = 0; i < n; i++) x[i] = value;
}
