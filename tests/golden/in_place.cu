// points dim x 0, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 s0, char *p0, st_i64 s1, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        const double t0 = (*(double *)(p0 + q0 * s0));
        *(double *)(p1 + q0 * s1) = t0 * 0x1.ccccccccccccdp-1;
    }
}
