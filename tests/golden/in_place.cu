// points dim x 0, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 s0, char *p0, st_i64 s1, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += 4 * (st_i64)gridDim.x * blockDim.x) {
        double w0[4];
        #pragma unroll
        for (st_u32 u0 = 0; u0 < 4; u0++) {
            const st_i64 q1 = q0 + u0 * (st_i64)gridDim.x * blockDim.x;
            const st_i64 q2 = q1 < n0 ? q1 : n0 - 1;
            w0[u0] = *(double *)(p0 + q2 * s0);
        }
        #pragma unroll
        for (st_u32 u1 = 0; u1 < 4; u1++) {
            const st_i64 q3 = q0 + u1 * (st_i64)gridDim.x * blockDim.x;
            if (q3 < n0) {
                const double t0 = w0[u1];
                *(double *)(p1 + q3 * s1) = t0 * 0x1.ccccccccccccdp-1;
            }
        }
    }
}
