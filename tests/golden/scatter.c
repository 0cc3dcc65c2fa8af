ST_NEST void k0(st_i64 n0, st_i64 s0, char *p0, st_i64 n1, st_i64 s1, char *p1, char *p2) {
    for (st_i64 i0 = 0; i0 < n0; i0++) {
        const st_i64 t0 = (*(st_i64 *)(p0 + i0 * s0));
        {
            double *q0 = (double *)(p1 + t0 * s1);
            double *q1 = (double *)p2 + i0 * n1;
            #pragma omp simd
            for (st_i64 j = 0; j < n1; j++) {
                const double t1 = q0[j];
                q1[j] = t1;
            }
        }
    }
}
ST_NEST void k1(st_i64 n0, st_i64 n1, char *p0) {
    {
        double *q0 = (double *)p0;
        #pragma omp simd
        for (st_i64 j = 0; j < n0 * n1; j++) {
            q0[j] = 1.0;
        }
    }
}
ST_NEST void k2(st_i64 n0, st_i64 s0, char *p0, st_i64 n1, st_i64 s1, char *p1, char *p2) {
    for (st_i64 i0 = 0; i0 < n0; i0++) {
        const st_i64 t0 = (*(st_i64 *)(p0 + i0 * s0));
        {
            double *q0 = (double *)(p1 + i0 * s1);
            double *q1 = (double *)p2 + t0 * n1;
            #pragma omp simd
            for (st_i64 j = 0; j < n1; j++) {
                const double t1 = q0[j];
                const double t2 = q1[j];
                q1[j] = t2 + t1;
            }
        }
    }
}
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    const st_i64 b0d0 = f->inputs[0].dims[0];
    const st_i64 b0d1 = f->inputs[0].dims[1];
    const st_i64 b0s0 = f->inputs[0].strides[0];
    const st_i64 b0s1 = f->inputs[0].strides[1];
    char *b1 = f->inputs[1].data;
    const st_i64 b1d0 = f->inputs[1].dims[0];
    const st_i64 b1s0 = f->inputs[1].strides[0];
    char *b2 = f->inputs[2].data;
    const st_i64 b2d0 = f->inputs[2].dims[0];
    const st_i64 b2d1 = f->inputs[2].dims[1];
    const st_i64 b2s0 = f->inputs[2].strides[0];
    const st_i64 b2s1 = f->inputs[2].strides[1];
    st_i64 d0[] = {b1d0, b0d1};
    char *b3 = st_result(f, 0, 8, 2, d0);
    if (!b3) return 1;
    {
        char *x0 = b0;
        st_i64 y0[2] = {b0s0, b0s1};
        if ((y0[1] != 8) & (b0d1 > 1) && !(x0 = st_packed(f, 0, x0, 8, 2, (st_i64[]){b0d0, b0d1}, y0, 1))) return 1;
        k0(b1d0, b1s0, b1, b0d1, y0[0], x0, b3);
    }
    st_i64 d1[] = {b0d0, b0d1};
    char *b4 = st_result(f, 1, 8, 2, d1);
    if (!b4) return 1;
    k1(b0d0, b0d1, b4);
    {
        char *x1 = b2;
        st_i64 y1[2] = {b2s0, b2s1};
        if ((y1[1] != 8) & (b2d1 > 1) && !(x1 = st_packed(f, 0, x1, 8, 2, (st_i64[]){b2d0, b2d1}, y1, 1))) return 1;
        k2(b1d0, b1s0, b1, b0d1, y1[0], x1, b4);
    }
    return 0;
}
