ST_NEST void k0(st_i64 n0, char *p0, char *p1, char *p2) {
    {
        st_i8 *q0 = (st_i8 *)p0;
        st_i8 *q1 = (st_i8 *)p1;
        st_i8 *q2 = (st_i8 *)p2;
        #pragma omp simd
        for (st_i64 j = 0; j < n0; j++) {
            const st_i8 t0 = q0[j];
            const st_i8 t1 = q1[j];
            q2[j] = (st_i8)(st_int_div_i8(t0, t1) + (st_i8)(t0 < 0 ? -(st_u32)t0 : (st_u32)t0));
        }
    }
}
ST_NEST void k1(st_i64 n0, char *p0, char *p1, char *p2) {
    {
        st_i8 *q0 = (st_i8 *)p0;
        st_i8 *q1 = (st_i8 *)p1;
        st_u8 *q2 = (st_u8 *)p2;
        #pragma omp simd
        for (st_i64 j = 0; j < n0; j++) {
            const st_i8 t0 = q0[j];
            const st_i8 t1 = q1[j];
            q2[j] = t0 < t1;
        }
    }
}
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    const st_i64 b0d0 = f->inputs[0].dims[0];
    char *b1 = f->inputs[1].data;
    st_i64 d0[] = {b0d0};
    char *b2 = st_result(f, 0, 1, 1, d0);
    if (!b2) return 1;
    k0(b0d0, b0, b1, b2);
    char *b3 = st_result(f, 1, 1, 1, d0);
    if (!b3) return 1;
    k1(b0d0, b0, b1, b3);
    return 0;
}
