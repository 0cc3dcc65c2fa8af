ST_NEST void k0(st_i64 s0, st_i64 n0, st_i64 n1, char *p0, char *p1) {
    double a0[2] = {0.0, 0.0};
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * 4) {
        m0 *= m1;
        m1 = 1;
    }
    for (st_i64 i0 = 0; i0 < m1; i0++) {
        st_add_f32(a0, (const float *)(p0 + i0 * s0), m0);
    }
    const float t0 = (float)a0[0];
    ((float *)p1)[0] = t0;
}
ST_NEST void k1(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, char *p1) {
    float u0[256] __attribute__((aligned(64)));
    for (st_i64 i0 = 0; i0 < n0; i0++) {
        double a0[2] = {0.0, 0.0};
        for (st_i64 v0 = 0, m0; v0 < n1; v0 += m0) {
            m0 = n1 - v0;
            if (m0 > 256) m0 = 256;
            {
                float *q0 = (float *)(p0 + i0 * s0) + v0;
                #pragma omp simd
                for (st_i64 j = 0; j < m0; j++) {
                    const float t0 = q0[j];
                    const float t1 = t0 * t0;
                    u0[j] = t1;
                }
            }
            st_add_f32(a0, u0, m0);
        }
        const float t2 = (float)a0[0];
        ((float *)p1)[i0] = t2;
    }
}
ST_NEST void k2(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, char *p1) {
    float a0[1024] __attribute__((aligned(64)));
    double b0[1024] __attribute__((aligned(64)));
    for (st_i64 v0 = 0, m0; v0 < n0; v0 += m0) {
        m0 = n0 - v0;
        if (m0 > 1024) m0 = 1024;
        st_fill_f32(a0, (m0 + 63) & -64, 0.0f);
        st_fill_f64(b0, (m0 + 63) & -64, 0.0);
        st_i64 c0 = 0;
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            {
                float *q0 = (float *)(p0 + i0 * s0) + v0;
                #pragma omp simd
                for (st_i64 j = 0; j < m0; j++) {
                    const float t0 = q0[j];
                    a0[j] = a0[j] + t0;
                }
            }
            if (++c0 == 64) { st_flush_f32(b0, a0, m0); c0 = 0; }
        }
        st_flush_f32(b0, a0, m0);
        {
            float *q1 = (float *)p1 + v0;
            #pragma omp simd
            for (st_i64 j = 0; j < m0; j++) {
                q1[j] = (float)b0[j];
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
    char *b1 = f->output(f, 0, 0, 0, 4);
    if (!b1) return 1;
    st_i64 d0[] = {b0d0};
    char *b2 = st_result(f, 1, 4, 1, d0);
    if (!b2) return 1;
    st_i64 d1[] = {b0d1};
    char *b3 = st_result(f, 2, 4, 1, d1);
    if (!b3) return 1;
    {
        char *x0 = b0;
        st_i64 y0[2] = {b0s0, b0s1};
        if ((y0[1] != 4) & (b0d1 > 1) && !(x0 = st_packed(f, 0, x0, 4, 2, (st_i64[]){b0d0, b0d1}, y0, 1))) return 1;
        k0(y0[0], b0d1, b0d0, x0, b1);
    }
    {
        char *x1 = b0;
        st_i64 y1[2] = {b0s0, b0s1};
        if ((y1[1] != 4) & (b0d1 > 1) && !(x1 = st_packed(f, 0, x1, 4, 2, (st_i64[]){b0d0, b0d1}, y1, 1))) return 1;
        k1(b0d0, b0d1, y1[0], x1, b2);
    }
    {
        char *x2 = b0;
        st_i64 y2[2] = {b0s0, b0s1};
        if ((y2[1] != 4) & (b0d1 > 1) && !(x2 = st_packed(f, 0, x2, 4, 2, (st_i64[]){b0d0, b0d1}, y2, 1))) return 1;
        k2(b0d1, b0d0, y2[0], x2, b3);
    }
    return 0;
}
