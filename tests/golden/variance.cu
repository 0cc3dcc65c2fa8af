// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    const double t0 = (double)n0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n1; q0 += (st_i64)gridDim.x * blockDim.y) {
        if (n0 > 0 && n0 <= 8 * blockDim.x) {
            double r0[8];
            double a0 = 0, a1 = 0;
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = threadIdx.x + u0 * blockDim.x;
                const st_i64 q2 = (st_u32)q1 < (st_u32)n0 ? q1 : 0;
                r0[u0] = *(double *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = threadIdx.x + u1 * blockDim.x;
                if ((st_u32)q3 < (st_u32)n0) {
                    const double t1 = r0[u1];
                    st_add_to_f64(&a0, &a1, t1);
                }
            }
            a0 = st_group_add_f64(a0 + a1);
            const double t2 = a0;
            const double t3 = t2 / t0;
            double a2 = 0, a3 = 0;
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = threadIdx.x + u2 * blockDim.x;
                if ((st_u32)q4 < (st_u32)n0) {
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
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q5 = threadIdx.x + u3 * blockDim.x;
                if ((st_u32)q5 < (st_u32)n0) {
                    const double t9 = r0[u3];
                    ((double *)p1)[q0 * n0 + q5] = (t9 - t3) * t8;
                }
            }
        } else {
            double a4 = 0, a5 = 0;
            st_i64 q6 = threadIdx.x;
            for (; q6 + 7 * blockDim.x < n0; q6 += 8 * blockDim.x) {
                double w0[8];
                #pragma unroll
                for (st_u32 u4 = 0; u4 < 8; u4++) {
                    const st_i64 q7 = q6 + u4 * blockDim.x;
                    w0[u4] = *(double *)(p0 + q0 * s0 + q7 * s1);
                }
                #pragma unroll
                for (st_u32 u5 = 0; u5 < 8; u5++) {
                    const st_i64 q8 = q6 + u5 * blockDim.x;
                    const double t10 = w0[u5];
                    st_add_to_f64(&a4, &a5, t10);
                }
            }
            if (q6 < n0) {
                const st_u32 m0 = (st_u32)(n0 - q6);
                double w1[8];
                #pragma unroll
                for (st_u32 u6 = 0; u6 < 8; u6++) {
                    const st_i64 q9 = q6 + u6 * blockDim.x;
                    const st_i64 q10 = u6 * blockDim.x < m0 ? q9 : q6;
                    w1[u6] = *(double *)(p0 + q0 * s0 + q10 * s1);
                }
                #pragma unroll
                for (st_u32 u7 = 0; u7 < 8; u7++) {
                    const st_i64 q11 = q6 + u7 * blockDim.x;
                    if (u7 * blockDim.x < m0) {
                        const double t11 = w1[u7];
                        st_add_to_f64(&a4, &a5, t11);
                    }
                }
            }
            a4 = st_group_add_f64(a4 + a5);
            const double t12 = a4;
            const double t13 = t12 / t0;
            double a6 = 0, a7 = 0;
            st_i64 q12 = threadIdx.x;
            for (; q12 + 7 * blockDim.x < n0; q12 += 8 * blockDim.x) {
                double w2[8];
                #pragma unroll
                for (st_u32 u8 = 0; u8 < 8; u8++) {
                    const st_i64 q13 = q12 + u8 * blockDim.x;
                    w2[u8] = *(double *)(p0 + q0 * s0 + q13 * s1);
                }
                #pragma unroll
                for (st_u32 u9 = 0; u9 < 8; u9++) {
                    const st_i64 q14 = q12 + u9 * blockDim.x;
                    const double t14 = w2[u9];
                    const double t15 = t14 - t13;
                    const double t16 = t15 * t15;
                    st_add_to_f64(&a6, &a7, t16);
                }
            }
            if (q12 < n0) {
                const st_u32 m1 = (st_u32)(n0 - q12);
                double w3[8];
                #pragma unroll
                for (st_u32 u10 = 0; u10 < 8; u10++) {
                    const st_i64 q15 = q12 + u10 * blockDim.x;
                    const st_i64 q16 = u10 * blockDim.x < m1 ? q15 : q12;
                    w3[u10] = *(double *)(p0 + q0 * s0 + q16 * s1);
                }
                #pragma unroll
                for (st_u32 u11 = 0; u11 < 8; u11++) {
                    const st_i64 q17 = q12 + u11 * blockDim.x;
                    if (u11 * blockDim.x < m1) {
                        const double t17 = w3[u11];
                        const double t18 = t17 - t13;
                        const double t19 = t18 * t18;
                        st_add_to_f64(&a6, &a7, t19);
                    }
                }
            }
            a6 = st_group_add_f64(a6 + a7);
            const double t20 = a6;
            const double t21 = 1.0 / __builtin_sqrt(((t20 / t0) + 0x1.4f8b588e368f1p-17));
            for (st_i64 q18 = threadIdx.x; q18 < n0; q18 += 4 * blockDim.x) {
                double w4[4];
                #pragma unroll
                for (st_u32 u12 = 0; u12 < 4; u12++) {
                    const st_i64 q19 = q18 + u12 * blockDim.x;
                    const st_i64 q20 = q19 < n0 ? q19 : n0 - 1;
                    w4[u12] = *(double *)(p0 + q0 * s0 + q20 * s1);
                }
                #pragma unroll
                for (st_u32 u13 = 0; u13 < 4; u13++) {
                    const st_i64 q21 = q18 + u13 * blockDim.x;
                    if (q21 < n0) {
                        const double t22 = w4[u13];
                        ((double *)p1)[q0 * n0 + q21] = (t22 - t13) * t21;
                    }
                }
            }
        }
    }
}
