/* Memory, views and errors of a unit. */

/* Fails the call with an error site; up to four values for its message. */
ST_RARE int st_fail(st_frame *frame, st_i64 site, st_i64 count, const st_i64 *values) {
    for (st_i64 k = 0; k < count && k < 8; k++) frame->error_values[k] = values[k];
    frame->error_site = site;
    return 1;
}

/* The bytes of an array; nonzero, with the error set, if they are beyond 63 bits. An empty array has none. */
ST_NEST int st_too_large(st_frame *frame, st_i64 itemsize, st_i64 ndim, const st_i64 *dims, st_i64 *bytes) {
    int over = 0;
    *bytes = itemsize;
    for (st_i64 a = 0; a < ndim; a++) over |= __builtin_mul_overflow(*bytes, dims[a], bytes);
    if (__builtin_expect(over, 0)) {
        for (st_i64 a = 0; a < ndim; a++) over &= dims[a] != 0;
        *bytes = 0;
        if (over) frame->error_site = -1;
    }
    return over;
}

/* Workspace k for an array; NULL if there is no memory or its size is beyond 63 bits. */
ST_NEST char *st_workspace(st_frame *frame, st_i64 k, st_i64 itemsize, st_i64 ndim, const st_i64 *dims) {
    st_i64 bytes;
    if (st_too_large(frame, itemsize, ndim, dims, &bytes)) return 0;
    return frame->slot(frame, k, bytes);
}

/* Result k of the call for an array. */
ST_NEST char *st_result(st_frame *frame, st_i64 k, st_i64 itemsize, st_i64 ndim, const st_i64 *dims) {
    st_i64 bytes;
    if (st_too_large(frame, itemsize, ndim, dims, &bytes)) return 0;
    return frame->output(frame, k, ndim, dims, itemsize);
}

/* Whether the elements lie in C order without gaps. */
ST_NEST int st_is_dense(st_i64 itemsize, st_i64 ndim, const st_i64 *dims, const st_i64 *strides) {
    st_i64 step = itemsize;
    for (st_i64 a = ndim - 1; a >= 0; a--) {
        if (dims[a] == 0) return 1;
        if (dims[a] != 1 && strides[a] != step) step = -1;
        step = step < 0 ? step : step * dims[a];
    }
    return step >= 0;
}

/* Copies between dense memory in C order and strided memory; returns the end of the dense part. */
ST_NEST char *st_move(char *dense, char *strided, st_i64 itemsize, st_i64 ndim, const st_i64 *dims, const st_i64 *strides,
                      int to_dense) {
    if (ndim == 0) {
        __builtin_memcpy(to_dense ? dense : strided, to_dense ? strided : dense, (unsigned long)itemsize);
        return dense + itemsize;
    }
    st_i64 n = dims[0], s = strides[0];
    if (ndim > 1) {
        for (st_i64 i = 0; i < n; i++) dense = st_move(dense, strided + i * s, itemsize, ndim - 1, dims + 1, strides + 1, to_dense);
        return dense;
    }
    if (s == itemsize) {
        __builtin_memcpy(to_dense ? dense : strided, to_dense ? strided : dense, (unsigned long)(n * itemsize));
        return dense + n * itemsize;
    }
    for (st_i64 i = 0; i < n; i++, dense += itemsize, strided += s) {
        char *to = to_dense ? dense : strided, *from = to_dense ? strided : dense;
        switch (itemsize) {
        case 1: *to = *from; break;
        case 2: __builtin_memcpy(to, from, 2); break;
        case 4: __builtin_memcpy(to, from, 4); break;
        case 8: __builtin_memcpy(to, from, 8); break;
        default: __builtin_memcpy(to, from, (unsigned long)itemsize);
        }
    }
    return dense;
}

/* The array with elements side by side along its last axis of `order`: itself, or a copy in workspace k. The axis that
 * has to be dense is exchanged with the last one in the copy; `strides` receives the new strides. NULL: no memory. */
ST_RARE char *st_packed(st_frame *frame, st_i64 k, char *data, st_i64 itemsize, st_i64 ndim, const st_i64 *dims, st_i64 *strides,
                        st_i64 axis) {
    st_i64 d[32], s[32], step = itemsize, last = ndim - 1;
    for (st_i64 a = 0; a < ndim; a++) {
        d[a] = dims[a];
        s[a] = strides[a];
    }
    d[axis] = dims[last];
    s[axis] = strides[last];
    d[last] = dims[axis];
    s[last] = strides[axis];
    char *copy = st_workspace(frame, k, itemsize, ndim, d);
    if (!copy) return 0;
    for (st_i64 a = 0; a < ndim; a++)
        if (d[a] == 0) return copy;
    st_move(copy, data, itemsize, ndim, d, s, 1);
    for (st_i64 a = last; a >= 0; a--) {
        strides[a == last ? axis : a == axis ? last : a] = step;
        step *= d[a];
    }
    return copy;
}

/* The way back, for a copy that was written to. */
ST_RARE void st_unpacked(char *copy, char *data, st_i64 itemsize, st_i64 ndim, const st_i64 *dims, const st_i64 *strides,
                         st_i64 axis) {
    st_i64 d[32], s[32], last = ndim - 1;
    for (st_i64 a = 0; a < ndim; a++) {
        if (dims[a] == 0) return;
        d[a] = dims[a];
        s[a] = strides[a];
    }
    d[axis] = dims[last];
    s[axis] = strides[last];
    d[last] = dims[axis];
    s[last] = strides[axis];
    st_move(copy, data, itemsize, ndim, d, s, 0);
}

/* The last, incomplete vector of a loop whose functions exist as vectors only: q[0 .. count) point to the streams' rows,
 * of which `rest` elements from `done` on are left. They are copied to x, filled up to w by repeating the last one, and
 * q is pointed there; q[count ...) keeps where they came from. spec has two letters a stream: r, w or u (both), and '0' + size. */
ST_NEST void st_tail_in(char **q, st_i64 count, char *x, const char *spec, st_i64 done, st_i64 rest, st_i64 w) {
    for (st_i64 k = 0; k < count; k++) {
        st_i64 size = spec[2 * k + 1] - '0';
        char *from = q[k] + done * size;
        q[count + k] = from;
        q[k] = x;
        if (spec[2 * k] != 'w') {
            for (st_i64 i = 0; i < w; i++) {
                char *item = from + (i < rest ? i : rest - 1) * size;
                switch (size) {
                case 1: x[i] = *item; break;
                case 2: __builtin_memcpy(x + 2 * i, item, 2); break;
                case 4: __builtin_memcpy(x + 4 * i, item, 4); break;
                case 8: __builtin_memcpy(x + 8 * i, item, 8); break;
                default: __builtin_memcpy(x + 16 * i, item, 16);
                }
            }
        }
        x += w * size;
    }
}

ST_NEST void st_tail_out(char **q, st_i64 count, const char *spec, st_i64 rest) {
    for (st_i64 k = 0; k < count; k++)
        if (spec[2 * k] != 'r') __builtin_memcpy(q[count + k], q[k], (unsigned long)(rest * (spec[2 * k + 1] - '0')));
}
