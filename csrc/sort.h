/* Sorting along one axis: stable merge sort of each line, in a workspace. M is the type in memory. */

/* NaN last; complex numbers by real, then imaginary part, those with NaN behind the others. */
ST_INLINE int st_before_X(M a, M b) {
#if ST_COMPLEX
    int p = 2 * (__real__ a != __real__ a) + (__imag__ a != __imag__ a), q = 2 * (__real__ b != __real__ b) + (__imag__ b != __imag__ b);
    if (p != q) return p < q;
    if (__real__ a < __real__ b || __real__ a > __real__ b) return __real__ a < __real__ b;
    return __imag__ a < __imag__ b;
#elif ST_HALF
    float x = st_f32_from_f16(a), y = st_f32_from_f16(b);
    return x < y || (y != y && x == x);
#elif ST_FLOAT
    return a < b || (b != b && a == a);
#else
    return a < b;
#endif
}

/* Sorts x[0 .. n) with room for as many. */
static void st_sort_line_X(M *x, M *room, st_i64 n) {
    for (st_i64 start = 0; start < n; start += 16)
        for (st_i64 i = start + 1; i < n && i < start + 16; i++) {
            M item = x[i];
            st_i64 j = i;
            for (; j > start && st_before_X(item, x[j - 1]); j--) x[j] = x[j - 1];
            x[j] = item;
        }
    M *from = x, *to = room;
    for (st_i64 width = 16; width < n; width *= 2) {
        for (st_i64 low = 0; low < n; low += 2 * width) {
            st_i64 middle = low + width < n ? low + width : n, high = middle + width < n ? middle + width : n;
            st_i64 i = low, j = middle;
            for (st_i64 k = low; k < high; k++)
                to[k] = j >= high || (i < middle && !st_before_X(from[j], from[i])) ? from[i++] : from[j++];
        }
        M *other = from;
        from = to;
        to = other;
    }
    if (from != x) __builtin_memcpy(x, from, (unsigned long)n * sizeof(M));
}

/* The same for positions: p[0 .. n) is put in the order of x. */
static void st_order_line_X(const M *x, st_i64 *p, st_i64 *room, st_i64 n) {
    for (st_i64 start = 0; start < n; start += 16)
        for (st_i64 i = start; i < n && i < start + 16; i++) {
            st_i64 j = i;
            for (; j > start && st_before_X(x[i], x[p[j - 1]]); j--) p[j] = p[j - 1];
            p[j] = i;
        }
    st_i64 *from = p, *to = room;
    for (st_i64 width = 16; width < n; width *= 2) {
        for (st_i64 low = 0; low < n; low += 2 * width) {
            st_i64 middle = low + width < n ? low + width : n, high = middle + width < n ? middle + width : n;
            st_i64 i = low, j = middle;
            for (st_i64 k = low; k < high; k++)
                to[k] = j >= high || (i < middle && !st_before_X(x[from[j]], x[from[i]])) ? from[i++] : from[j++];
        }
        st_i64 *other = from;
        from = to;
        to = other;
    }
    if (from != p) __builtin_memcpy(p, from, (unsigned long)n * sizeof(st_i64));
}

/* Steps to the next line: position holds the index along every axis but one; returns 0 after the last. */
static int st_next_line(st_i64 *position, st_i64 ndim, const st_i64 *dims, st_i64 axis) {
    for (st_i64 a = ndim - 1; a >= 0; a--) {
        if (a == axis) continue;
        if (++position[a] < dims[a]) return 1;
        position[a] = 0;
    }
    return 0;
}

ST_INLINE char *st_line(const st_array *x, const st_i64 *position, st_i64 ndim) {
    char *at = x->data;
    for (st_i64 a = 0; a < ndim; a++) at += position[a] * x->strides[a];
    return at;
}

int st_sort_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
              const void *const *scalars) {
    st_i64 axis = *(const st_i64 *)scalars[0], position[32] = {0};
    axis += axis < 0 ? ndim : 0;
    st_i64 n = ndim ? inputs->dims[axis] : 1, step = ndim ? inputs->strides[axis] : 0, out_step = ndim ? outputs->strides[axis] : 0;
    (void)blas;
    for (st_i64 a = 0; a < ndim; a++)
        if (inputs->dims[a] == 0) return 0;
    M *line = (M *)st_workspace(frame, scratch, sizeof(M), 2, (st_i64[]){2, n});
    if (!line) return 1;
    do {
        const char *from = st_line(inputs, position, ndim);
        for (st_i64 i = 0; i < n; i++) line[i] = *(const M *)(from + i * step);
        st_sort_line_X(line, line + n, n);
        char *to = st_line(outputs, position, ndim);
        for (st_i64 i = 0; i < n; i++) *(M *)(to + i * out_step) = line[i];
    } while (st_next_line(position, ndim, inputs->dims, axis));
    return 0;
}

int st_argsort_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
                 const void *const *scalars) {
    st_i64 axis = *(const st_i64 *)scalars[0], position[32] = {0};
    axis += axis < 0 ? ndim : 0;
    st_i64 n = ndim ? inputs->dims[axis] : 1, step = ndim ? inputs->strides[axis] : 0, out_step = ndim ? outputs->strides[axis] : 0;
    (void)blas;
    for (st_i64 a = 0; a < ndim; a++)
        if (inputs->dims[a] == 0) return 0;
    M *line = (M *)st_workspace(frame, scratch, sizeof(M), 1, &n);
    if (!line) return 1;
    st_i64 *order = (st_i64 *)st_workspace(frame, scratch + 1, sizeof(st_i64), 2, (st_i64[]){2, n});
    if (!order) return 1;
    do {
        const char *from = st_line(inputs, position, ndim);
        for (st_i64 i = 0; i < n; i++) line[i] = *(const M *)(from + i * step);
        st_order_line_X(line, order, order + n, n);
        char *to = st_line(outputs, position, ndim);
        for (st_i64 i = 0; i < n; i++) *(st_i64 *)(to + i * out_step) = order[i];
    } while (st_next_line(position, ndim, inputs->dims, axis));
    return 0;
}
