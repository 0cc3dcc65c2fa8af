ST_NEST void k0(st_i64 n0, st_i64 s0, char *p0, st_i64 n1, char *p1) {
    for (st_i64 i0 = 0; i0 < n0; i0++) {
        double a0 = (-__builtin_inf());
        st_maximum_f64(&a0, (const double *)(p0 + i0 * s0), n1);
        const double t0 = a0;
        ((double *)p1)[i0] = t0;
    }
}
ST_NEST void k1(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, char *p1) {
    double a0[1024] __attribute__((aligned(64)));
    st_i64 k0[1024] __attribute__((aligned(64)));
    for (st_i64 v0 = 0, m0; v0 < n0; v0 += m0) {
        m0 = n0 - v0;
        if (m0 > 1024) m0 = 1024;
        st_fill_f64(a0, (m0 + 63) & -64, (-__builtin_inf()));
        st_fill_i64(k0, (m0 + 63) & -64, 0);
        st_i64 c0 = 0;
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            {
                double *q0 = (double *)(p0 + i0 * s0) + v0;
                #pragma omp simd
                for (st_i64 j = 0; j < m0; j++) {
                    const double t0 = q0[j];
                    const _Bool t1 = (t0 > a0[j]) | ((t0 != t0) & (a0[j] == a0[j]));
                    a0[j] = t1 ? t0 : a0[j];
                    k0[j] = t1 ? c0 : k0[j];
                }
            }
            c0++;
        }
        {
            st_i64 *q1 = (st_i64 *)p1 + v0;
            #pragma omp simd
            for (st_i64 j = 0; j < m0; j++) {
                q1[j] = k0[j];
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
    st_i64 d0[] = {b0d0};
    char *b1 = st_result(f, 0, 8, 1, d0);
    if (!b1) return 1;
    {
        char *x0 = b0;
        st_i64 y0[2] = {b0s0, b0s1};
        if ((y0[1] != 8) & (b0d1 > 1) && !(x0 = st_packed(f, 0, x0, 8, 2, (st_i64[]){b0d0, b0d1}, y0, 1))) return 1;
        k0(b0d0, y0[0], x0, b0d1, b1);
    }
    st_i64 d1[] = {b0d1};
    char *b2 = st_result(f, 1, 8, 1, d1);
    if (!b2) return 1;
    {
        char *x1 = b0;
        st_i64 y1[2] = {b0s0, b0s1};
        if ((y1[1] != 8) & (b0d1 > 1) && !(x1 = st_packed(f, 0, x1, 8, 2, (st_i64[]){b0d0, b0d1}, y1, 1))) return 1;
        k1(b0d1, b0d0, y1[0], x1, b2);
    }
    return 0;
}
