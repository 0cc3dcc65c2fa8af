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
    if (__builtin_expect(!(b1d0 == b0d1), 0)) return st_fail(f, 0, 2, (st_i64[]){b1d0, b0d1});
    st_i64 d0[] = {2, b1d0};
    char *b3 = st_workspace(f, 0, 8, 2, d0);
    if (!b3) return 1;
    {
        char *x0 = b1;
        st_i64 y0[1] = {b1s0};
        if ((y0[0] != 8) & (b1d0 > 1) && !(x0 = st_packed(f, 2, x0, 8, 1, (st_i64[]){b1d0}, y0, 0))) return 1;
        k0(b1d0, x0, b3);
    }
    char *b4 = f->output(f, 0, 0, 0, 8);
    if (!b4) return 1;
    k1(b4);
    st_i64 w0 = 0, w1 = b0d0;
    while (w0 < w1) {
        if (w0 && f->interrupted(f)) return st_fail(f, -3, 0, 0);
        st_i64 w2 = w1 - w0 > 16 ? w0 + 16 : w1;
        for (; w0 < w2; w0++) {
            char *b5 = b0 + w0 * b0s0;
            char *b6 = b3 + st_mod_i64((st_i64)((st_u64)w0 + (st_u64)1), 2) * 8 * b1d0;
            char *b7 = b3 + st_mod_i64(w0, 2) * 8 * b1d0;
            char *b8 = 0;
            st_i64 b8d0 = 0;
            st_i64 b8s0 = 0;
            if ((st_mod_i64(w0, 3) == 2)) {
                st_i64 z8[2] = {0};
                st_array xz8 = {0, z8, z8 + 1};
                if (f->pycall(f, 0, 2, (st_array *const[]){&(st_array){b5, (st_i64[]){b1d0}, (st_i64[]){b0s1}}, &(st_array){b6, (st_i64[]){b1d0}, (st_i64[]){8}}}, 1, (st_array *const[]){&xz8})) return 1;
                b8 = xz8.data;
                b8d0 = z8[0];
                b8s0 = z8[1];
            } else {
                st_i64 d1[] = {b1d0};
                b8 = st_workspace(f, 1, 8, 1, d1);
                if (!b8) return 1;
                b8d0 = b1d0;
                b8s0 = 8;
                {
                    char *x1 = b5;
                    st_i64 y1[1] = {b0s1};
                    if ((y1[0] != 8) & (b1d0 > 1) && !(x1 = st_packed(f, 2, x1, 8, 1, (st_i64[]){b1d0}, y1, 0))) return 1;
                    char *x2 = b8;
                    st_i64 y2[1] = {b8s0};
                    if ((y2[0] != 8) & (b8d0 > 1) && !(x2 = st_packed(f, 3, x2, 8, 1, (st_i64[]){b8d0}, y2, 0))) return 1;
                    k2(b1d0, x1, b6, x2);
                    if (x2 != b8) st_unpacked(x2, b8, 8, 1, (st_i64[]){b8d0}, (st_i64[]){b8s0}, 0);
                }
            }
            {
                char *x3 = b8;
                st_i64 y3[1] = {b8s0};
                if ((y3[0] != 8) & (b8d0 > 1) && !(x3 = st_packed(f, 2, x3, 8, 1, (st_i64[]){b8d0}, y3, 0))) return 1;
                k3(b1d0, x3, b7);
            }
            k4(b4, b7, b1d0);
            const double t0 = ((double *)b4)[0];
            const double t1 = ((double *)b2)[0];
            if (t0 < t1) w2 = w1 = w0 + 1;
        }
    }
    char *b9 = f->output(f, 1, 0, 0, 8);
    if (!b9) return 1;
    k5(b9, w0);
    return 0;
}
#endif
#if ST_PART != 1
ST_SHARED void k2(st_i64 n0, char *p0, char *p1, char *p2) {
    {
        double *q0 = (double *)p0;
        double *q1 = (double *)p1;
        double *q2 = (double *)p2;
        #pragma omp simd
        for (st_i64 j = 0; j < n0; j++) {
            const double t0 = q0[j];
            const double t1 = q1[j];
            q2[j] = t0 + t1;
        }
    }
}
ST_SHARED void k3(st_i64 n0, char *p0, char *p1) {
    char x[128] __attribute__((aligned(64)));
    {
        char *q[4] = {(char *)((double *)p0), (char *)((double *)p1)};
        st_i64 w = 0, r = n0 & -8;
        for (;;) {
            const double *q0 = (const double *)q[0];
            double *q1 = (double *)q[1];
            #pragma omp simd
            for (st_i64 j = 0; j < (r & -8); j++) {
                const double t0 = q0[j];
                const double t1 = tanh(t0);
                q1[j] = t1;
            }
            w += r;
            if (w >= n0) break;
            st_tail_in(q, 2, x, "r8w8", r, n0 - w, 8);
            r = 8;
        }
        if (w > n0) st_tail_out(q, 2, "r8w8", n0 - w + 8);
    }
}
#endif
