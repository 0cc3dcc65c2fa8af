// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        float a0 = (-__builtin_inff());
        for (st_i64 q1 = 0; q1 < n1; q1 += 8) {
            float w0[8];
            #pragma unroll
            for (int u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0;
                const st_i64 q3 = q2 < n1 ? q2 : n1 - 1;
                w0[u0] = *(float *)(p0 + q3 * s0 + q0 * s1);
            }
            #pragma unroll
            for (int u1 = 0; u1 < 8; u1++) {
                const st_i64 q4 = q1 + u1;
                if (q4 < n1) {
                    const float t0 = w0[u1];
                    a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
                }
            }
        }
        const float t1 = a0;
        float a1 = 0, a2 = 0;
        for (st_i64 q5 = 0; q5 < n1; q5 += 8) {
            float w1[8];
            #pragma unroll
            for (int u2 = 0; u2 < 8; u2++) {
                const st_i64 q6 = q5 + u2;
                const st_i64 q7 = q6 < n1 ? q6 : n1 - 1;
                w1[u2] = *(float *)(p0 + q7 * s0 + q0 * s1);
            }
            #pragma unroll
            for (int u3 = 0; u3 < 8; u3++) {
                const st_i64 q8 = q5 + u3;
                if (q8 < n1) {
                    const float t2 = w1[u3];
                    const float t3 = expf((t2 - t1));
                    st_add_to_f32(&a1, &a2, t3);
                }
            }
        }
        const float t4 = a1 + a2;
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            const float t5 = (*(float *)(p0 + i0 * s0 + q0 * s1));
            const float t6 = expf((t5 - t1));
            ((float *)p1)[i0 * n0 + q0] = t6 / t4;
        }
    }
}
