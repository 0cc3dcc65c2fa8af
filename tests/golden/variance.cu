// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    const double t0 = (double)n0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n1; q0 += (st_i64)gridDim.x * blockDim.y) {
        if (n0 > 0 && n0 <= 8 * blockDim.x) {
            double r0[8];
            double a0 = 0, a1 = 0;
            #pragma unroll
            for (int u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = threadIdx.x + u0 * blockDim.x;
                const st_i64 q2 = q1 < n0 ? q1 : n0 - 1;
                r0[u0] = *(double *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (int u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = threadIdx.x + u1 * blockDim.x;
                if (q3 < n0) {
                    const double t1 = r0[u1];
                    st_add_to_f64(&a0, &a1, t1);
                }
            }
            a0 = st_group_add_f64(a0 + a1);
            const double t2 = a0;
            const double t3 = t2 / t0;
            double a2 = 0, a3 = 0;
            #pragma unroll
            for (int u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = threadIdx.x + u2 * blockDim.x;
                if (q4 < n0) {
                    const double t4 = r0[u2];
                    const double t5 = t4 - t3;
                    const double t6 = t5 * t5;
                    st_add_to_f64(&a2, &a3, t6);
                }
            }
            a2 = st_group_add_f64(a2 + a3);
            const double t7 = a2;
            const double t8 = 1.0 / __builtin_sqrt(((t7 / t0) + 0x1.4f8b588e368f1p-17));
            #pragma unroll
            for (int u3 = 0; u3 < 8; u3++) {
                const st_i64 q5 = threadIdx.x + u3 * blockDim.x;
                if (q5 < n0) {
                    const double t9 = r0[u3];
                    ((double *)p1)[q0 * n0 + q5] = (t9 - t3) * t8;
                }
            }
        } else {
            double a4 = 0, a5 = 0;
            for (st_i64 q6 = threadIdx.x; q6 < n0; q6 += 8 * blockDim.x) {
                double w0[8];
                #pragma unroll
                for (int u4 = 0; u4 < 8; u4++) {
                    const st_i64 q7 = q6 + u4 * blockDim.x;
                    const st_i64 q8 = q7 < n0 ? q7 : n0 - 1;
                    w0[u4] = *(double *)(p0 + q0 * s0 + q8 * s1);
                }
                #pragma unroll
                for (int u5 = 0; u5 < 8; u5++) {
                    const st_i64 q9 = q6 + u5 * blockDim.x;
                    if (q9 < n0) {
                        const double t10 = w0[u5];
                        st_add_to_f64(&a4, &a5, t10);
                    }
                }
            }
            a4 = st_group_add_f64(a4 + a5);
            const double t11 = a4;
            const double t12 = t11 / t0;
            double a6 = 0, a7 = 0;
            for (st_i64 q10 = threadIdx.x; q10 < n0; q10 += 8 * blockDim.x) {
                double w1[8];
                #pragma unroll
                for (int u6 = 0; u6 < 8; u6++) {
                    const st_i64 q11 = q10 + u6 * blockDim.x;
                    const st_i64 q12 = q11 < n0 ? q11 : n0 - 1;
                    w1[u6] = *(double *)(p0 + q0 * s0 + q12 * s1);
                }
                #pragma unroll
                for (int u7 = 0; u7 < 8; u7++) {
                    const st_i64 q13 = q10 + u7 * blockDim.x;
                    if (q13 < n0) {
                        const double t13 = w1[u7];
                        const double t14 = t13 - t12;
                        const double t15 = t14 * t14;
                        st_add_to_f64(&a6, &a7, t15);
                    }
                }
            }
            a6 = st_group_add_f64(a6 + a7);
            const double t16 = a6;
            const double t17 = 1.0 / __builtin_sqrt(((t16 / t0) + 0x1.4f8b588e368f1p-17));
            for (st_i64 q14 = threadIdx.x; q14 < n0; q14 += 4 * blockDim.x) {
                double w2[4];
                #pragma unroll
                for (int u8 = 0; u8 < 4; u8++) {
                    const st_i64 q15 = q14 + u8 * blockDim.x;
                    const st_i64 q16 = q15 < n0 ? q15 : n0 - 1;
                    w2[u8] = *(double *)(p0 + q0 * s0 + q16 * s1);
                }
                #pragma unroll
                for (int u9 = 0; u9 < 4; u9++) {
                    const st_i64 q17 = q14 + u9 * blockDim.x;
                    if (q17 < n0) {
                        const double t18 = w2[u9];
                        ((double *)p1)[q0 * n0 + q17] = (t18 - t12) * t17;
                    }
                }
            }
        }
    }
}
