ST_NEST void k0(st_i64 n0, char *p0, char *p1) {
    {
        double *q0 = (double *)p0;
        double *q1 = (double *)p1;
        #pragma omp simd
        for (st_i64 j = 0; j < n0; j++) {
            const double t0 = q0[j];
            q1[j] = t0 * 0x1.ccccccccccccdp-1;
        }
    }
}
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    const st_i64 b0d0 = f->inputs[0].dims[0];
    const st_i64 b0s0 = f->inputs[0].strides[0];
    {
        char *x0 = b0;
        st_i64 y0[1] = {b0s0};
        if ((y0[0] != 8) & (b0d0 > 1) && !(x0 = st_packed(f, 0, x0, 8, 1, (st_i64[]){b0d0}, y0, 0))) return 1;
        char *x1 = b0;
        st_i64 y1[1] = {b0s0};
        if ((y1[0] != 8) & (b0d0 > 1) && !(x1 = st_packed(f, 1, x1, 8, 1, (st_i64[]){b0d0}, y1, 0))) return 1;
        k0(b0d0, x0, x1);
        if (x1 != b0) st_unpacked(x1, b0, 8, 1, (st_i64[]){b0d0}, (st_i64[]){b0s0}, 0);
    }
    f->results[0].data = b0;
    f->results[0].dims[0] = b0d0;
    f->results[0].strides[0] = b0s0;
    return 0;
}
