// points dim x 0 * dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 s0, st_i64 s1, st_i64 n0, st_i64 s2, st_i64 s3, st_i64 n1, char *p0, char *p1, char *p2) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * s1 && s2 == m0 * s3) {
        m0 *= m1;
        m1 = 1;
    }
    const st_i64 m2 = m1 * m0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m2; q0 += 4 * (st_i64)gridDim.x * blockDim.x) {
        float w0[4];
        float w1[4];
        #pragma unroll
        for (st_u32 u0 = 0; u0 < 4; u0++) {
            const st_i64 q1 = q0 + u0 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q2 = q1 < m2 ? q1 : m2 - 1;
            const st_i64 q3 = st_quotient(q2, m0);
            const st_i64 i0 = q2 - q3 * m0;
            w0[u0] = *(float *)(p0 + q3 * s0 + i0 * s1);
            w1[u0] = *(float *)(p1 + q3 * s2 + i0 * s3);
        }
        #pragma unroll
        for (st_u32 u1 = 0; u1 < 4; u1++) {
            const st_i64 q4 = q0 + u1 * (st_i64)gridDim.x * blockDim.x;
            if (q4 < m2) {
                const st_i64 q5 = st_quotient(q4, m0);
                const st_i64 i1 = q4 - q5 * m0;
                const float t0 = w0[u1];
                const float t1 = w1[u1];
                ((float *)p2)[q5 * n0 + i1] = (t0 * t1) + 0x1p-1f;
            }
        }
    }
}

// points dim x 0 * dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 s0, st_i64 s1, st_i64 n0, st_i64 n1, char *p0, char *p1, char *p2) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * s1) {
        m0 *= m1;
        m1 = 1;
    }
    const st_i64 m2 = m1 * m0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m2; q0 += 4 * (st_i64)gridDim.x * blockDim.x) {
        float w0[4];
        float w1[4];
        #pragma unroll
        for (st_u32 u0 = 0; u0 < 4; u0++) {
            const st_i64 q1 = q0 + u0 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q2 = q1 < m2 ? q1 : m2 - 1;
            const st_i64 q3 = st_quotient(q2, m0);
            const st_i64 i0 = q2 - q3 * m0;
            w0[u0] = ((float *)p0)[q3 * n0 + i0];
            w1[u0] = *(float *)(p1 + q3 * s0 + i0 * s1);
        }
        #pragma unroll
        for (st_u32 u1 = 0; u1 < 4; u1++) {
            const st_i64 q4 = q0 + u1 * (st_i64)gridDim.x * blockDim.x;
            if (q4 < m2) {
                const st_i64 q5 = st_quotient(q4, m0);
                const st_i64 i1 = q4 - q5 * m0;
                const float t0 = w0[u1];
                const float t1 = w1[u1];
                ((float *)p2)[q5 * n0 + i1] = (t0 > t1) | (t0 != t0) ? t0 : t1;
            }
        }
    }
}
