ST_NEST void k0(st_i64 s0, st_i64 s1, st_i64 n0, st_i64 n1, char *p0, char *p1) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * s1) {
        m0 *= m1;
        m1 = 1;
    }
    for (st_i64 i0 = 0; i0 < m1; i0++) {
        {
            char *q0 = p0 + i0 * s0;
            double *q1 = (double *)p1 + i0 * n0;
            #pragma omp simd
            for (st_i64 j = 0; j < m0; j++) {
                const double t0 = (*(const double *)(q0 + j * (s1)));
                q1[j] = -t0;
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
    const st_i64 b1d0 = (st_i64)((st_u64)b0d1 - (st_u64)1);
    char *b1 = b0 + 1 * b0s1;
    st_i64 d0[] = {b1d0, b0d0};
    char *b2 = st_result(f, 0, 8, 2, d0);
    if (!b2) return 1;
    k0(b0s1, b0s0, b0d0, b1d0, b1, b2);
    return 0;
}
