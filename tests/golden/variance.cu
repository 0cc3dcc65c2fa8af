// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    const double t0 = (double)n0;
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n1; q0 += (st_i64)gridDim.x * blockDim.y) {
        double a0 = 0, a1 = 0;
        for (st_i64 q1 = threadIdx.x; q1 < n0; q1 += blockDim.x) {
            const double t1 = (*(double *)(p0 + q0 * s0 + q1 * s1));
            st_add_to_f64(&a0, &a1, t1);
        }
        a0 = st_group_add_f64(a0 + a1);
        const double t2 = a0;
        const double t3 = t2 / t0;
        double a2 = 0, a3 = 0;
        for (st_i64 q2 = threadIdx.x; q2 < n0; q2 += blockDim.x) {
            const double t4 = (*(double *)(p0 + q0 * s0 + q2 * s1));
            const double t5 = t4 - t3;
            const double t6 = t5 * t5;
            st_add_to_f64(&a2, &a3, t6);
        }
        a2 = st_group_add_f64(a2 + a3);
        const double t7 = a2;
        const double t8 = 1.0 / __builtin_sqrt(((t7 / t0) + 0x1.4f8b588e368f1p-17));
        for (st_i64 q3 = threadIdx.x; q3 < n0; q3 += blockDim.x) {
            const double t9 = (*(double *)(p0 + q0 * s0 + q3 * s1));
            ((double *)p1)[q0 * n0 + q3] = (t9 - t3) * t8;
        }
    }
}
