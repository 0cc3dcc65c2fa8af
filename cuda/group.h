/* What the threads of a group do together. A group is the row of a block that shares threadIdx.y: blockDim.x threads, a
 * power of two up to 1024. Groups of more than 32 threads have the block for themselves. */

ST_INLINE st_u32 st_mask(void) {
    return blockDim.x >= 32 ? 0xffffffffu : ((1u << blockDim.x) - 1u) << (threadIdx.y * blockDim.x % 32);
}

/* Rounds down; a >= 0, b > 0. Numbers below 2**32 divide several times faster. */
ST_INLINE st_i64 st_quotient(st_i64 a, st_i64 b) {
    return (a | b) >> 32 ? a / b : (st_i64)((st_u32)a / (st_u32)b);
}
