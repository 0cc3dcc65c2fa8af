ST_NEST void k0(st_i64 n0, char *p0, char *p1) {
    {
        st_u16 *q0 = (st_u16 *)p0;
        st_u16 *q1 = (st_u16 *)p1;
        #pragma omp simd
        for (st_i64 j = 0; j < n0; j++) {
            const float t0 = st_f32_from_f16(q0[j]);
            q1[j] = st_f16_from_f32(st_f16_round(t0 * t0));
        }
    }
}
ST_NEST void k1(st_i64 n0, char *p0, char *p1) {
    {
        float _Complex *q0 = (float _Complex *)p0;
        float _Complex *q1 = (float _Complex *)p1;
        for (st_i64 j = 0; j < n0; j++) {
            const float _Complex t0 = q0[j];
            const float _Complex t1 = cexpf(t0);
            const float _Complex t2 = st_cmul_c64(t1, t0);
            q1[j] = t2;
        }
    }
}
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    const st_i64 b0d0 = f->inputs[0].dims[0];
    char *b1 = f->inputs[1].data;
    const st_i64 b1d0 = f->inputs[1].dims[0];
    st_i64 d0[] = {b0d0};
    char *b2 = st_result(f, 0, 2, 1, d0);
    if (!b2) return 1;
    k0(b0d0, b0, b2);
    st_i64 d1[] = {b1d0};
    char *b3 = st_result(f, 1, 8, 1, d1);
    if (!b3) return 1;
    k1(b1d0, b1, b3);
    return 0;
}
