// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        double a0 = (-__builtin_inf());
        st_i64 q1 = threadIdx.x;
        for (; q1 + 7 * blockDim.x < n1; q1 += 8 * blockDim.x) {
            double w0[8];
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0 * blockDim.x;
                w0[u0] = *(double *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = q1 + u1 * blockDim.x;
                const double t0 = w0[u1];
                a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
            }
        }
        if (q1 < n1) {
            const st_u32 m0 = (st_u32)(n1 - q1);
            double w1[8];
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = q1 + u2 * blockDim.x;
                const st_i64 q5 = u2 * blockDim.x < m0 ? q4 : q1;
                w1[u2] = *(double *)(p0 + q0 * s0 + q5 * s1);
            }
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q6 = q1 + u3 * blockDim.x;
                if (u3 * blockDim.x < m0) {
                    const double t1 = w1[u3];
                    a0 = (a0 > t1) | (a0 != a0) ? a0 : t1;
                }
            }
        }
        a0 = st_group_maximum_f64(a0);
        const double t2 = a0;
        if (threadIdx.x == 0) {
            ((double *)p1)[q0] = t2;
        }
    }
}

// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        double a0 = 0;
        st_i64 k0 = -1;
        st_i64 k1 = 0;
        st_i64 q1 = 0;
        for (; q1 + 7 < n1; q1 += 8) {
            double w0[8];
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0;
                w0[u0] = *(double *)(p0 + q2 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = q1 + u1;
                const double t0 = w0[u1];
                if (k0 < 0 || t0 > a0 || (t0 != t0 && a0 == a0)) { a0 = t0; k0 = k1; }
                k1++;
            }
        }
        if (q1 < n1) {
            const st_u32 m0 = (st_u32)(n1 - q1);
            double w1[8];
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = q1 + u2;
                const st_i64 q5 = u2 < m0 ? q4 : q1;
                w1[u2] = *(double *)(p0 + q5 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q6 = q1 + u3;
                if (u3 < m0) {
                    const double t1 = w1[u3];
                    if (k0 < 0 || t1 > a0 || (t1 != t1 && a0 == a0)) { a0 = t1; k0 = k1; }
                    k1++;
                }
            }
        }
        const st_i64 t2 = k0 < 0 ? 0 : k0;
        ((st_i64 *)p1)[q0] = t2;
    }
}
