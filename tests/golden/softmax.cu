// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        if (n1 > 0 && n1 <= 8 * blockDim.x) {
            float r0[8];
            float a0 = (-__builtin_inff());
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = threadIdx.x + u0 * blockDim.x;
                const st_i64 q2 = (st_u32)q1 < (st_u32)n1 ? q1 : 0;
                r0[u0] = *(float *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = threadIdx.x + u1 * blockDim.x;
                if ((st_u32)q3 < (st_u32)n1) {
                    const float t0 = r0[u1];
                    a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
                }
            }
            a0 = st_group_maximum_f32(a0);
            const float t1 = a0;
            float a1 = 0, a2 = 0;
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = threadIdx.x + u2 * blockDim.x;
                if ((st_u32)q4 < (st_u32)n1) {
                    const float t2 = r0[u2];
                    const float t3 = expf((t2 - t1));
                    st_add_to_f32(&a1, &a2, t3);
                }
            }
            a1 = st_group_add_f32(a1 + a2);
            const float t4 = a1;
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q5 = threadIdx.x + u3 * blockDim.x;
                if ((st_u32)q5 < (st_u32)n1) {
                    const float t5 = r0[u3];
                    const float t6 = expf((t5 - t1));
                    ((float *)p1)[q0 * n1 + q5] = t6 / t4;
                }
            }
        } else {
            float a3 = (-__builtin_inff());
            st_i64 q6 = threadIdx.x;
            for (; q6 + 7 * blockDim.x < n1; q6 += 8 * blockDim.x) {
                float w0[8];
                #pragma unroll
                for (st_u32 u4 = 0; u4 < 8; u4++) {
                    const st_i64 q7 = q6 + u4 * blockDim.x;
                    w0[u4] = *(float *)(p0 + q0 * s0 + q7 * s1);
                }
                #pragma unroll
                for (st_u32 u5 = 0; u5 < 8; u5++) {
                    const st_i64 q8 = q6 + u5 * blockDim.x;
                    const float t7 = w0[u5];
                    a3 = (a3 > t7) | (a3 != a3) ? a3 : t7;
                }
            }
            if (q6 < n1) {
                const st_u32 m0 = (st_u32)(n1 - q6);
                float w1[8];
                #pragma unroll
                for (st_u32 u6 = 0; u6 < 8; u6++) {
                    const st_i64 q9 = q6 + u6 * blockDim.x;
                    const st_i64 q10 = u6 * blockDim.x < m0 ? q9 : q6;
                    w1[u6] = *(float *)(p0 + q0 * s0 + q10 * s1);
                }
                #pragma unroll
                for (st_u32 u7 = 0; u7 < 8; u7++) {
                    const st_i64 q11 = q6 + u7 * blockDim.x;
                    if (u7 * blockDim.x < m0) {
                        const float t8 = w1[u7];
                        a3 = (a3 > t8) | (a3 != a3) ? a3 : t8;
                    }
                }
            }
            a3 = st_group_maximum_f32(a3);
            const float t9 = a3;
            float a4 = 0, a5 = 0;
            st_i64 q12 = threadIdx.x;
            for (; q12 + 7 * blockDim.x < n1; q12 += 8 * blockDim.x) {
                float w2[8];
                #pragma unroll
                for (st_u32 u8 = 0; u8 < 8; u8++) {
                    const st_i64 q13 = q12 + u8 * blockDim.x;
                    w2[u8] = *(float *)(p0 + q0 * s0 + q13 * s1);
                }
                #pragma unroll
                for (st_u32 u9 = 0; u9 < 8; u9++) {
                    const st_i64 q14 = q12 + u9 * blockDim.x;
                    const float t10 = w2[u9];
                    const float t11 = expf((t10 - t9));
                    st_add_to_f32(&a4, &a5, t11);
                }
            }
            if (q12 < n1) {
                const st_u32 m1 = (st_u32)(n1 - q12);
                float w3[8];
                #pragma unroll
                for (st_u32 u10 = 0; u10 < 8; u10++) {
                    const st_i64 q15 = q12 + u10 * blockDim.x;
                    const st_i64 q16 = u10 * blockDim.x < m1 ? q15 : q12;
                    w3[u10] = *(float *)(p0 + q0 * s0 + q16 * s1);
                }
                #pragma unroll
                for (st_u32 u11 = 0; u11 < 8; u11++) {
                    const st_i64 q17 = q12 + u11 * blockDim.x;
                    if (u11 * blockDim.x < m1) {
                        const float t12 = w3[u11];
                        const float t13 = expf((t12 - t9));
                        st_add_to_f32(&a4, &a5, t13);
                    }
                }
            }
            a4 = st_group_add_f32(a4 + a5);
            const float t14 = a4;
            for (st_i64 q18 = threadIdx.x; q18 < n1; q18 += 4 * blockDim.x) {
                float w4[4];
                #pragma unroll
                for (st_u32 u12 = 0; u12 < 4; u12++) {
                    const st_i64 q19 = q18 + u12 * blockDim.x;
                    const st_i64 q20 = q19 < n1 ? q19 : n1 - 1;
                    w4[u12] = *(float *)(p0 + q0 * s0 + q20 * s1);
                }
                #pragma unroll
                for (st_u32 u13 = 0; u13 < 4; u13++) {
                    const st_i64 q21 = q18 + u13 * blockDim.x;
                    if (q21 < n1) {
                        const float t15 = w4[u13];
                        const float t16 = expf((t15 - t9));
                        ((float *)p1)[q0 * n1 + q21] = t16 / t14;
                    }
                }
            }
        }
    }
}
