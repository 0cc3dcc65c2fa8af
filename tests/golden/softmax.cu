// points dim x 0, width dim x 1
extern "C" __global__ void __launch_bounds__(1024) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.y + threadIdx.y; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.y) {
        float a0 = (-__builtin_inff());
        for (st_i64 q1 = threadIdx.x; q1 < n1; q1 += blockDim.x) {
            const float t0 = (*(float *)(p0 + q0 * s0 + q1 * s1));
            a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
        }
        a0 = st_group_maximum_f32(a0);
        const float t1 = a0;
        float a1 = 0, a2 = 0;
        for (st_i64 q2 = threadIdx.x; q2 < n1; q2 += blockDim.x) {
            const float t2 = (*(float *)(p0 + q0 * s0 + q2 * s1));
            const float t3 = expf((t2 - t1));
            st_add_to_f32(&a1, &a2, t3);
        }
        a1 = st_group_add_f32(a1 + a2);
        const float t4 = a1;
        for (st_i64 q3 = threadIdx.x; q3 < n1; q3 += blockDim.x) {
            const float t5 = (*(float *)(p0 + q0 * s0 + q3 * s1));
            const float t6 = expf((t5 - t1));
            ((float *)p1)[q0 * n1 + q3] = t6 / t4;
        }
    }
}
