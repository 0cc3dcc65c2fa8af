ST_NEST void k0(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, char *p1) {
    float a0[1024] __attribute__((aligned(64)));
    float a1[1024] __attribute__((aligned(64)));
    double b0[1024] __attribute__((aligned(64)));
    char x[128] __attribute__((aligned(64)));
    for (st_i64 v0 = 0, m0; v0 < n0; v0 += m0) {
        m0 = n0 - v0;
        if (m0 > 1024) m0 = 1024;
        st_fill_f32(a0, (m0 + 63) & -64, (-__builtin_inff()));
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            {
                float *q0 = (float *)(p0 + i0 * s0) + v0;
                #pragma omp simd
                for (st_i64 j = 0; j < m0; j++) {
                    const float t0 = q0[j];
                    a0[j] = (a0[j] > t0) | (a0[j] != a0[j]) ? a0[j] : t0;
                }
            }
        }
        st_fill_f32(a1, (m0 + 63) & -64, 0.0f);
        st_fill_f64(b0, (m0 + 63) & -64, 0.0);
        st_i64 c0 = 0;
        for (st_i64 i1 = 0; i1 < n1; i1++) {
            {
                char *q[2] = {(char *)((float *)(p0 + i1 * s0) + v0)};
                st_i64 w = 0, r = m0 & -16;
                for (;;) {
                    const float *q1 = (const float *)q[0];
                    #pragma omp simd
                    for (st_i64 j = 0; j < (r & -16); j++) {
                        const float t1 = q1[j];
                        const float t2 = expf((t1 - a0[w + j]));
                        a1[w + j] = a1[w + j] + t2;
                    }
                    w += r;
                    if (w >= m0) break;
                    st_tail_in(q, 1, x, "r4", r, m0 - w, 16);
                    r = 16;
                }
            }
            if (++c0 == 64) { st_flush_f32(b0, a1, m0); c0 = 0; }
        }
        st_flush_f32(b0, a1, m0);
        for (st_i64 i2 = 0; i2 < n1; i2++) {
            {
                char *q[4] = {(char *)((float *)(p0 + i2 * s0) + v0), (char *)((float *)p1 + i2 * n0 + v0)};
                st_i64 w = 0, r = m0 & -16;
                for (;;) {
                    const float *q2 = (const float *)q[0];
                    float *q3 = (float *)q[1];
                    #pragma omp simd
                    for (st_i64 j = 0; j < (r & -16); j++) {
                        const float t3 = q2[j];
                        const float t4 = expf((t3 - a0[w + j]));
                        q3[j] = t4 / (float)b0[w + j];
                    }
                    w += r;
                    if (w >= m0) break;
                    st_tail_in(q, 2, x, "r4w4", r, m0 - w, 16);
                    r = 16;
                }
                if (w > m0) st_tail_out(q, 2, "r4w4", m0 - w + 16);
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
    st_i64 d0[] = {b0d0, b0d1};
    char *b1 = st_result(f, 0, 4, 2, d0);
    if (!b1) return 1;
    {
        char *x0 = b0;
        st_i64 y0[2] = {b0s0, b0s1};
        if ((y0[1] != 4) & (b0d1 > 1) && !(x0 = st_packed(f, 0, x0, 4, 2, (st_i64[]){b0d0, b0d1}, y0, 1))) return 1;
        k0(b0d1, b0d0, y0[0], x0, b1);
    }
    return 0;
}
