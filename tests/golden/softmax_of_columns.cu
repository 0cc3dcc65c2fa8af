// points dim x 1, width 0
extern "C" __global__ void __launch_bounds__(256) @(st_i64 n0, st_i64 n1, st_i64 s0, st_i64 s1, char *p0, char *p1) {
    for (st_i64 q0 = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; q0 < n0; q0 += (st_i64)gridDim.x * blockDim.x) {
        float a0 = (-__builtin_inff());
        for (st_i64 i0 = 0; i0 < n1; i0++) {
            const float t0 = (*(float *)(p0 + i0 * s0 + q0 * s1));
            a0 = (a0 > t0) | (a0 != a0) ? a0 : t0;
        }
        const float t1 = a0;
        float a1 = 0, a2 = 0;
        for (st_i64 i1 = 0; i1 < n1; i1++) {
            const float t2 = (*(float *)(p0 + i1 * s0 + q0 * s1));
            const float t3 = expf((t2 - t1));
            st_add_to_f32(&a1, &a2, t3);
        }
        const float t4 = a1 + a2;
        for (st_i64 i2 = 0; i2 < n1; i2++) {
            const float t5 = (*(float *)(p0 + i2 * s0 + q0 * s1));
            const float t6 = expf((t5 - t1));
            ((float *)p1)[i2 * n0 + q0] = t6 / t4;
        }
    }
}
