/* Memory of a device, as a unit asks for it. Needs memory.h. */

/* Workspace k of the device for an array. */
ST_NEST char *st_device_workspace(st_frame *frame, st_i64 k, st_i64 itemsize, st_i64 ndim, const st_i64 *dims) {
    st_i64 bytes;
    if (st_too_large(frame, itemsize, ndim, dims, &bytes)) return 0;
    return frame->device->slot(frame, k, bytes);
}

/* Result k of the call, on the device, for an array. */
ST_NEST char *st_device_result(st_frame *frame, st_i64 k, st_i64 itemsize, st_i64 ndim, const st_i64 *dims) {
    st_i64 bytes;
    if (st_too_large(frame, itemsize, ndim, dims, &bytes)) return 0;
    return frame->device->output(frame, k, ndim, dims, itemsize);
}

/* Copies an array of the host, dense or not, to the device; workspace k is for packing it. */
ST_NEST int st_to_device(st_frame *frame, char *target, char *source, st_i64 k, st_i64 itemsize, st_i64 ndim,
                         const st_i64 *dims, const st_i64 *strides) {
    st_i64 bytes = itemsize;
    for (st_i64 a = 0; a < ndim; a++) bytes *= dims[a];
    if (bytes == 0) return 0;
    if (!st_is_dense(itemsize, ndim, dims, strides)) {
        char *dense = frame->slot(frame, k, bytes);
        if (!dense) return 1;
        st_move(dense, source, itemsize, ndim, dims, strides, 1);
        source = dense;
    }
    return frame->device->move(frame, 1, target, source, bytes);
}
