// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        float a0 = (-__builtin_inff());
        st_i64 q1 = 0;
        for (; q1 + 7 < n1; q1 += 8) {
            float w0[8];
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0;
                w0[u0] = *(float *)(p0 + q2 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = q1 + u1;
                const float t0 = w0[u1];
                a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
            }
        }
        if (q1 < n1) {
            const st_u32 m0 = (st_u32)(n1 - q1);
            float w1[8];
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = q1 + u2;
                const st_i64 q5 = u2 < m0 ? q4 : q1;
                w1[u2] = *(float *)(p0 + q5 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q6 = q1 + u3;
                if (u3 < m0) {
                    const float t1 = w1[u3];
                    a0 = (a0 > t1) | (a0 != a0) ? a0 : t1;
                }
            }
        }
        const float t2 = a0;
        float a1 = 0, a2 = 0;
        st_i64 q7 = 0;
        for (; q7 + 7 < n1; q7 += 8) {
            float w2[8];
            #pragma unroll
            for (st_u32 u4 = 0; u4 < 8; u4++) {
                const st_i64 q8 = q7 + u4;
                w2[u4] = *(float *)(p0 + q8 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u5 = 0; u5 < 8; u5++) {
                const st_i64 q9 = q7 + u5;
                const float t3 = w2[u5];
                const float t4 = expf((t3 - t2));
                st_add_to_f32(&a1, &a2, t4);
            }
        }
        if (q7 < n1) {
            const st_u32 m1 = (st_u32)(n1 - q7);
            float w3[8];
            #pragma unroll
            for (st_u32 u6 = 0; u6 < 8; u6++) {
                const st_i64 q10 = q7 + u6;
                const st_i64 q11 = u6 < m1 ? q10 : q7;
                w3[u6] = *(float *)(p0 + q11 * s0 + q0 * s1);
            }
            #pragma unroll
            for (st_u32 u7 = 0; u7 < 8; u7++) {
                const st_i64 q12 = q7 + u7;
                if (u7 < m1) {
                    const float t5 = w3[u7];
                    const float t6 = expf((t5 - t2));
                    st_add_to_f32(&a1, &a2, t6);
                }
            }
        }
        const float t7 = a1 + a2;
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            const float t8 = (*(float *)(p0 + i0 * s0 + q0 * s1));
            const float t9 = expf((t8 - t2));
            ((float *)p1)[i0 * n0 + q0] = t9 / t7;
        }
    }
}
