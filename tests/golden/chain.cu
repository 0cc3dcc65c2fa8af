// points dim x 0 * dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 s0, st_i64 s1, st_i64 n0, st_i64 s2, st_i64 s3, st_i64 n1, char *p0, char *p1, char *p2) {
    st_i64 m0 = n0;
    st_i64 m1 = n1;
    if (s0 == m0 * s1 && s2 == m0 * s3) {
        m0 *= m1;
        m1 = 1;
    }
    const st_i64 m2 = m1 * m0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m2; q0 += (st_i64)gridDim.x * blockDim.x) {
        const st_i64 q1 = st_quotient(q0, m0);
        const st_i64 i0 = q0 - q1 * m0;
        const float t0 = (*(float *)(p0 + q1 * s0 + i0 * s1));
        const float t1 = (*(float *)(p1 + q1 * s2 + i0 * s3));
        ((float *)p2)[q1 * n0 + i0] = (t0 * t1) + 0x1p-1f;
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
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m2; q0 += (st_i64)gridDim.x * blockDim.x) {
        const st_i64 q1 = st_quotient(q0, m0);
        const st_i64 i0 = q0 - q1 * m0;
        const float t0 = ((float *)p0)[q1 * n0 + i0];
        const float t1 = (*(float *)(p1 + q1 * s0 + i0 * s1));
        ((float *)p2)[q1 * n0 + i0] = (t0 > t1) | (t0 != t0) ? t0 : t1;
    }
}
