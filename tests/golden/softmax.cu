// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        if (n1 > 0 && n1 <= 8 * blockDim.x) {
            float r0[8];
            float a0 = (-__builtin_inff());
            #pragma unroll
            for (int u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = threadIdx.x + u0 * blockDim.x;
                const st_i64 q2 = q1 < n1 ? q1 : n1 - 1;
                r0[u0] = *(float *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (int u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = threadIdx.x + u1 * blockDim.x;
                if (q3 < n1) {
                    const float t0 = r0[u1];
                    a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
                }
            }
            a0 = st_group_maximum_f32(a0);
            const float t1 = a0;
            float a1 = 0, a2 = 0;
            #pragma unroll
            for (int u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = threadIdx.x + u2 * blockDim.x;
                if (q4 < n1) {
                    const float t2 = r0[u2];
                    const float t3 = expf((t2 - t1));
                    st_add_to_f32(&a1, &a2, t3);
                }
            }
            a1 = st_group_add_f32(a1 + a2);
            const float t4 = a1;
            #pragma unroll
            for (int u3 = 0; u3 < 8; u3++) {
                const st_i64 q5 = threadIdx.x + u3 * blockDim.x;
                if (q5 < n1) {
                    const float t5 = r0[u3];
                    const float t6 = expf((t5 - t1));
                    ((float *)p1)[q0 * n1 + q5] = t6 / t4;
                }
            }
        } else {
            float a3 = (-__builtin_inff());
            for (st_i64 q6 = threadIdx.x; q6 < n1; q6 += 8 * blockDim.x) {
                float w0[8];
                #pragma unroll
                for (int u4 = 0; u4 < 8; u4++) {
                    const st_i64 q7 = q6 + u4 * blockDim.x;
                    const st_i64 q8 = q7 < n1 ? q7 : n1 - 1;
                    w0[u4] = *(float *)(p0 + q0 * s0 + q8 * s1);
                }
                #pragma unroll
                for (int u5 = 0; u5 < 8; u5++) {
                    const st_i64 q9 = q6 + u5 * blockDim.x;
                    if (q9 < n1) {
                        const float t7 = w0[u5];
                        a3 = (a3 > t7) | (a3 != a3) ? a3 : t7;
                    }
                }
            }
            a3 = st_group_maximum_f32(a3);
            const float t8 = a3;
            float a4 = 0, a5 = 0;
            for (st_i64 q10 = threadIdx.x; q10 < n1; q10 += 8 * blockDim.x) {
                float w1[8];
                #pragma unroll
                for (int u6 = 0; u6 < 8; u6++) {
                    const st_i64 q11 = q10 + u6 * blockDim.x;
                    const st_i64 q12 = q11 < n1 ? q11 : n1 - 1;
                    w1[u6] = *(float *)(p0 + q0 * s0 + q12 * s1);
                }
                #pragma unroll
                for (int u7 = 0; u7 < 8; u7++) {
                    const st_i64 q13 = q10 + u7 * blockDim.x;
                    if (q13 < n1) {
                        const float t9 = w1[u7];
                        const float t10 = expf((t9 - t8));
                        st_add_to_f32(&a4, &a5, t10);
                    }
                }
            }
            a4 = st_group_add_f32(a4 + a5);
            const float t11 = a4;
            for (st_i64 q14 = threadIdx.x; q14 < n1; q14 += 4 * blockDim.x) {
                float w2[4];
                #pragma unroll
                for (int u8 = 0; u8 < 4; u8++) {
                    const st_i64 q15 = q14 + u8 * blockDim.x;
                    const st_i64 q16 = q15 < n1 ? q15 : n1 - 1;
                    w2[u8] = *(float *)(p0 + q0 * s0 + q16 * s1);
                }
                #pragma unroll
                for (int u9 = 0; u9 < 4; u9++) {
                    const st_i64 q17 = q14 + u9 * blockDim.x;
                    if (q17 < n1) {
                        const float t12 = w2[u9];
                        const float t13 = expf((t12 - t8));
                        ((float *)p1)[q0 * n1 + q17] = t13 / t11;
                    }
                }
            }
        }
    }
}
