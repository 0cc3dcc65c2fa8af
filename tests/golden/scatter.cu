// points dim i 0 * dim e 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, st_i64 s1, st_i64 s2, char *p1, char *p2) {
    const st_i64 m0 = n0 * n1;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m0; q0 += 4 * (st_i64)gridDim.x * blockDim.x) {
        st_i64 w0[4];
        #pragma unroll
        for (st_u32 u0 = 0; u0 < 4; u0++) {
            const st_i64 q1 = q0 + u0 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q2 = q1 < m0 ? q1 : m0 - 1;
            const st_i64 q3 = st_quotient(q2, n1);
            const st_i64 i0 = q2 - q3 * n1;
            w0[u0] = *(st_i64 *)(p0 + q3 * s0);
        }
        double w1[4];
        #pragma unroll
        for (st_u32 u1 = 0; u1 < 4; u1++) {
            const st_i64 q4 = q0 + u1 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q5 = q4 < m0 ? q4 : m0 - 1;
            const st_i64 q6 = st_quotient(q5, n1);
            const st_i64 i1 = q5 - q6 * n1;
            const st_i64 t0 = w0[u1];
            w1[u1] = *(double *)(p1 + t0 * s1 + i1 * s2);
        }
        #pragma unroll
        for (st_u32 u2 = 0; u2 < 4; u2++) {
            const st_i64 q7 = q0 + u2 * (st_i64)gridDim.x * blockDim.x;
            if (q7 < m0) {
                const st_i64 q8 = st_quotient(q7, n1);
                const st_i64 i2 = q7 - q8 * n1;
                const st_i64 t1 = w0[u2];
                const double t2 = w1[u2];
                ((double *)p2)[q8 * n1 + i2] = t2;
            }
        }
    }
}

// points dim e 0 * dim e 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, char *p0) {
    const st_i64 m0 = n0 * n1;
    const st_i64 m1 = (((st_u64)p0) & 15) == 0 ? m0 / 2 : 0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m1; q0 += (st_i64)gridDim.x * blockDim.x) {
        st_wide_f64 w0;
        #pragma unroll
        for (int u0 = 0; u0 < 2; u0++) {
            w0.x[u0] = 1.0;
        }
        ((st_wide_f64 *)p0)[q0] = w0;
    }
    for (st_i64 q1 = m1 * 2 + (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q1 < m0; q1 += (st_i64)gridDim.x * blockDim.x) {
        ((double *)p0)[q1] = 1.0;
    }
}

// points dim i 0 * dim e 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, st_i64 s1, st_i64 s2, char *p1, char *p2) {
    const st_i64 m0 = n0 * n1;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m0; q0 += 4 * (st_i64)gridDim.x * blockDim.x) {
        st_i64 w0[4];
        double w1[4];
        #pragma unroll
        for (st_u32 u0 = 0; u0 < 4; u0++) {
            const st_i64 q1 = q0 + u0 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q2 = q1 < m0 ? q1 : m0 - 1;
            const st_i64 q3 = st_quotient(q2, n1);
            const st_i64 i0 = q2 - q3 * n1;
            w0[u0] = *(st_i64 *)(p0 + q3 * s0);
            w1[u0] = *(double *)(p1 + q3 * s1 + i0 * s2);
        }
        #pragma unroll
        for (st_u32 u1 = 0; u1 < 4; u1++) {
            const st_i64 q4 = q0 + u1 * (st_i64)gridDim.x * blockDim.x;
            if (q4 < m0) {
                const st_i64 q5 = st_quotient(q4, n1);
                const st_i64 i1 = q4 - q5 * n1;
                const st_i64 t0 = w0[u1];
                const double t1 = w1[u1];
                st_atomic_add_f64(&((double *)p2)[t0 * n1 + i1], t1);
            }
        }
    }
}
