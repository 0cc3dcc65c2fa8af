// points dim i 0 * dim e 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, char *p0, st_i64 s1, st_i64 s2, char *p1, char *p2) {
    const st_i64 m0 = n0 * n1;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m0; q0 += (st_i64)gridDim.x * blockDim.x) {
        const st_i64 q1 = st_quotient(q0, n1);
        const st_i64 i0 = q0 - q1 * n1;
        const st_i64 t0 = (*(st_i64 *)(p0 + q1 * s0));
        const double t1 = (*(double *)(p1 + t0 * s1 + i0 * s2));
        ((double *)p2)[q1 * n1 + i0] = t1;
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
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < m0; q0 += (st_i64)gridDim.x * blockDim.x) {
        const st_i64 q1 = st_quotient(q0, n1);
        const st_i64 i0 = q0 - q1 * n1;
        const st_i64 t0 = (*(st_i64 *)(p0 + q1 * s0));
        const double t1 = (*(double *)(p1 + q1 * s1 + i0 * s2));
        st_atomic_add_f64(&((double *)p2)[t0 * n1 + i0], t1);
    }
}
