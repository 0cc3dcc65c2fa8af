// points 1, width dim x 0 * dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 s0, st_i64 s1, st_i64 n0, st_i64 n1, char *p0, char *p1) {
    if ((st_i64)blockIdx.x * blockDim.y + threadIdx.y == 0) {
        float a0 = 0, a1 = 0;
        st_i64 m0 = n0;
        st_i64 m1 = n1;
        if (s0 == m0 * s1) {
            m0 *= m1;
            m1 = 1;
        }
        const st_i64 m2 = m1 * m0;
        for (st_i64 q0 = threadIdx.x; q0 < m2; q0 += 8 * blockDim.x) {
            float w0[8];
            #pragma unroll
            for (int u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = q0 + u0 * blockDim.x;
                const st_i64 q2 = q1 < m2 ? q1 : m2 - 1;
                const st_i64 q3 = st_quotient(q2, m0);
                const st_i64 i0 = q2 - q3 * m0;
                w0[u0] = *(float *)(p0 + q3 * s0 + i0 * s1);
            }
            #pragma unroll
            for (int u1 = 0; u1 < 8; u1++) {
                const st_i64 q4 = q0 + u1 * blockDim.x;
                if (q4 < m2) {
                    const st_i64 q5 = st_quotient(q4, m0);
                    const st_i64 i1 = q4 - q5 * m0;
                    const float t0 = w0[u1];
                    st_add_to_f32(&a0, &a1, t0);
                }
            }
        }
        a0 = st_group_add_f32(a0 + a1);
        const float t1 = a0;
        if (threadIdx.x == 0) {
            ((float *)p1)[0] = t1;
        }
    }
}

// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        float a0 = 0, a1 = 0;
        for (st_i64 q1 = threadIdx.x; q1 < n1; q1 += 8 * blockDim.x) {
            float w0[8];
            #pragma unroll
            for (int u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0 * blockDim.x;
                const st_i64 q3 = q2 < n1 ? q2 : n1 - 1;
                w0[u0] = *(float *)(p0 + q0 * s0 + q3 * s1);
            }
            #pragma unroll
            for (int u1 = 0; u1 < 8; u1++) {
                const st_i64 q4 = q1 + u1 * blockDim.x;
                if (q4 < n1) {
                    const float t0 = w0[u1];
                    const float t1 = t0 * t0;
                    st_add_to_f32(&a0, &a1, t1);
                }
            }
        }
        a0 = st_group_add_f32(a0 + a1);
        const float t2 = a0;
        if (threadIdx.x == 0) {
            ((float *)p1)[q0] = t2;
        }
    }
}

// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        float a0 = 0, a1 = 0;
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
                    st_add_to_f32(&a0, &a1, t0);
                }
            }
        }
        const float t1 = a0 + a1;
        ((float *)p1)[q0] = t1;
    }
}
