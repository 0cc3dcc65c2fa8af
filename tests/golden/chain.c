ST_NEST void k0(st_i64 s0, st_i64 n0, st_i64 s1, st_i64 n1, char *p0, char *p1, char *p2) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * 4 && s1 == m0 * 4) {
        m0 *= m1;
        m1 = 1;
    }
    for (st_i64 i0 = 0; i0 < m1; i0++) {
        {
            float *q0 = (float *)(p0 + i0 * s0);
            float *q1 = (float *)(p1 + i0 * s1);
            float *q2 = (float *)p2 + i0 * n0;
            #pragma omp simd
            for (st_i64 j = 0; j < m0; j++) {
                const float t0 = q0[j];
                const float t1 = q1[j];
                q2[j] = (t0 * t1) + 0x1p-1f;
            }
        }
    }
}
ST_NEST void k1(st_i64 s0, st_i64 n0, st_i64 n1, char *p0, char *p1, char *p2) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * 4) {
        m0 *= m1;
        m1 = 1;
    }
    for (st_i64 i0 = 0; i0 < m1; i0++) {
        {
            float *q0 = (float *)p0 + i0 * n0;
            float *q1 = (float *)(p1 + i0 * s0);
            float *q2 = (float *)p2 + i0 * n0;
            #pragma omp simd
            for (st_i64 j = 0; j < m0; j++) {
                const float t0 = q0[j];
                const float t1 = q1[j];
                q2[j] = (t0 > t1) | (t0 != t0) ? t0 : t1;
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
    const st_i64 b1d1 = f->inputs[1].dims[1];
    const st_i64 b1s0 = f->inputs[1].strides[0];
    const st_i64 b1s1 = f->inputs[1].strides[1];
    if (__builtin_expect(!(b0d0 == b1d0), 0)) return st_fail(f, 0, 2, (st_i64[]){b0d0, b1d0});
    if (__builtin_expect(!(b0d1 == b1d1), 0)) return st_fail(f, 0, 2, (st_i64[]){b0d1, b1d1});
    st_i64 d0[] = {b0d0, b0d1};
    char *b2 = st_workspace(f, 0, 4, 2, d0);
    if (!b2) return 1;
    {
        char *x0 = b0;
        st_i64 y0[2] = {b0s0, b0s1};
        if ((y0[1] != 4) & (b0d1 > 1) && !(x0 = st_packed(f, 1, x0, 4, 2, (st_i64[]){b0d0, b0d1}, y0, 1))) return 1;
        char *x1 = b1;
        st_i64 y1[2] = {b1s0, b1s1};
        if ((y1[1] != 4) & (b1d1 > 1) && !(x1 = st_packed(f, 2, x1, 4, 2, (st_i64[]){b1d0, b1d1}, y1, 1))) return 1;
        k0(y0[0], b0d1, y1[0], b0d0, x0, x1, b2);
    }
    char *b3 = st_result(f, 0, 4, 2, d0);
    if (!b3) return 1;
    {
        char *x2 = b0;
        st_i64 y2[2] = {b0s0, b0s1};
        if ((y2[1] != 4) & (b0d1 > 1) && !(x2 = st_packed(f, 1, x2, 4, 2, (st_i64[]){b0d0, b0d1}, y2, 1))) return 1;
        k1(y2[0], b0d1, b0d0, b2, x2, b3);
    }
    return 0;
}
