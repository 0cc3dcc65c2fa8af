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
        st_i64 q0 = threadIdx.x;
        for (; q0 + 7 * blockDim.x < m2; q0 += 8 * blockDim.x) {
            float w0[8];
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q1 = q0 + u0 * blockDim.x;
                const st_i64 q2 = st_quotient(q1, m0);
                const st_i64 i0 = q1 - q2 * m0;
                w0[u0] = *(float *)(p0 + q2 * s0 + i0 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = q0 + u1 * blockDim.x;
                const st_i64 q4 = st_quotient(q3, m0);
                const st_i64 i1 = q3 - q4 * m0;
                const float t0 = w0[u1];
                st_add_to_f32(&a0, &a1, t0);
            }
        }
        if (q0 < m2) {
            const st_u32 m3 = (st_u32)(m2 - q0);
            float w1[8];
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q5 = q0 + u2 * blockDim.x;
                const st_i64 q6 = u2 * blockDim.x < m3 ? q5 : q0;
                const st_i64 q7 = st_quotient(q6, m0);
                const st_i64 i2 = q6 - q7 * m0;
                w1[u2] = *(float *)(p0 + q7 * s0 + i2 * s1);
            }
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q8 = q0 + u3 * blockDim.x;
                if (u3 * blockDim.x < m3) {
                    const st_i64 q9 = st_quotient(q8, m0);
                    const st_i64 i3 = q8 - q9 * m0;
                    const float t1 = w1[u3];
                    st_add_to_f32(&a0, &a1, t1);
                }
            }
        }
        a0 = st_group_add_f32(a0 + a1);
        const float t2 = a0;
        if (threadIdx.x == 0) {
            ((float *)p1)[0] = t2;
        }
    }
}

// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        float a0 = 0, a1 = 0;
        st_i64 q1 = threadIdx.x;
        for (; q1 + 7 * blockDim.x < n1; q1 += 8 * blockDim.x) {
            float w0[8];
            #pragma unroll
            for (st_u32 u0 = 0; u0 < 8; u0++) {
                const st_i64 q2 = q1 + u0 * blockDim.x;
                w0[u0] = *(float *)(p0 + q0 * s0 + q2 * s1);
            }
            #pragma unroll
            for (st_u32 u1 = 0; u1 < 8; u1++) {
                const st_i64 q3 = q1 + u1 * blockDim.x;
                const float t0 = w0[u1];
                const float t1 = t0 * t0;
                st_add_to_f32(&a0, &a1, t1);
            }
        }
        if (q1 < n1) {
            const st_u32 m0 = (st_u32)(n1 - q1);
            float w1[8];
            #pragma unroll
            for (st_u32 u2 = 0; u2 < 8; u2++) {
                const st_i64 q4 = q1 + u2 * blockDim.x;
                const st_i64 q5 = u2 * blockDim.x < m0 ? q4 : q1;
                w1[u2] = *(float *)(p0 + q0 * s0 + q5 * s1);
            }
            #pragma unroll
            for (st_u32 u3 = 0; u3 < 8; u3++) {
                const st_i64 q6 = q1 + u3 * blockDim.x;
                if (u3 * blockDim.x < m0) {
                    const float t2 = w1[u3];
                    const float t3 = t2 * t2;
                    st_add_to_f32(&a0, &a1, t3);
                }
            }
        }
        a0 = st_group_add_f32(a0 + a1);
        const float t4 = a0;
        if (threadIdx.x == 0) {
            ((float *)p1)[q0] = t4;
        }
    }
}

// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        float a0 = 0, a1 = 0;
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
                st_add_to_f32(&a0, &a1, t0);
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
                    st_add_to_f32(&a0, &a1, t1);
                }
            }
        }
        const float t2 = a0 + a1;
        ((float *)p1)[q0] = t2;
    }
}
