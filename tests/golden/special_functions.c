ST_NEST void k0(st_i64 n0, char *p0, char *p1) {
    float u0[256] __attribute__((aligned(64)));
    float u1[256] __attribute__((aligned(64)));
    char x[128] __attribute__((aligned(64)));
    for (st_i64 v0 = 0, m0; v0 < n0; v0 += m0) {
        m0 = n0 - v0;
        if (m0 > 256) m0 = 256;
        {
            char *q[2] = {(char *)((float *)p0 + v0)};
            st_i64 w = 0, r = m0 & -16;
            for (;;) {
                const float *q0 = (const float *)q[0];
                #pragma omp simd
                for (st_i64 j = 0; j < (r & -16); j++) {
                    const float t0 = q0[j];
                    const float t1 = expf(t0);
                    u0[w + j] = t1;
                }
                w += r;
                if (w >= m0) break;
                st_tail_in(q, 1, x, "r4", r, m0 - w, 16);
                r = 16;
            }
        }
        {
            for (st_i64 j = 0; j < m0; j++) {
                const float t2 = (float)st_gammaln(u0[j]);
                u1[j] = t2;
            }
        }
        {
            char *q[4] = {(char *)((float *)p0 + v0), (char *)((float *)p1 + v0)};
            st_i64 w = 0, r = m0 & -16;
            for (;;) {
                const float *q1 = (const float *)q[0];
                float *q2 = (float *)q[1];
                #pragma omp simd
                for (st_i64 j = 0; j < (r & -16); j++) {
                    const float t3 = q1[j];
                    const float t4 = logf(t3);
                    q2[j] = u1[w + j] * t4;
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
int st_main(st_frame *f) {
    char *b0 = f->inputs[0].data;
    const st_i64 b0d0 = f->inputs[0].dims[0];
    st_i64 d0[] = {b0d0};
    char *b1 = st_result(f, 0, 4, 1, d0);
    if (!b1) return 1;
    k0(b0d0, b0, b1);
    return 0;
}
