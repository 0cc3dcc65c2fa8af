/* Searching in arrays. M is the type in memory. */

/* The indices of the elements that are not 0, in C order: one output for each axis. */
int st_nonzero_X(st_frame *frame, const st_blas *blas, st_i64 scratch, st_i64 ndim, const st_array *outputs, const st_array *inputs,
                 const void *const *scalars) {
    st_i64 position[32] = {0}, last = ndim - 1, found = 0;
    (void)frame;
    (void)blas;
    (void)scratch;
    (void)scalars;
    for (st_i64 a = 0; a < ndim; a++)
        if (inputs->dims[a] == 0) return 0;
    do {
        const char *row = st_line(inputs, position, ndim);
        for (st_i64 i = 0; i < inputs->dims[last]; i++) {
#if ST_HALF
            if (!(*(const M *)(row + i * inputs->strides[last]) & 0x7fff)) continue;
#else
            if (*(const M *)(row + i * inputs->strides[last]) == 0) continue;
#endif
            for (st_i64 a = 0; a < ndim; a++)
                *(st_i64 *)(outputs[a].data + found * outputs[a].strides[0]) = a == last ? i : position[a];
            found++;
        }
    } while (st_next_line(position, ndim, inputs->dims, last));
    return 0;
}
