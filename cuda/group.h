/* What the threads of a group do together. A group is the row of a block that shares threadIdx.y: blockDim.x threads, a
 * power of two up to 1024. Groups of more than 32 threads have a block for themselves. */

/* Rounds down; a >= 0, b > 0. Numbers below 2**32 divide several times faster. */
ST_INLINE st_i64 st_quotient(st_i64 a, st_i64 b) {
    return (a | b) >> 32 ? a / b : (st_i64)((st_u32)a / (st_u32)b);
}

/* The group's threads within their warp. */
ST_INLINE st_u32 st_mask(void) {
    return blockDim.x >= 32 ? 0xffffffffu : ((1u << blockDim.x) - 1u) << (threadIdx.y * blockDim.x % 32);
}

/* What the group wrote before is seen by all of it afterwards. */
ST_INLINE void st_group_wait(void) {
    if (blockDim.x > 32) __syncthreads();
    else __syncwarp(st_mask());
}

/* The value that the thread has whose number differs by the bit `with`. */
ST_INLINE T st_exchange_X(T x, int with) {
#if ST_FLOAT
    return __shfl_xor_sync(st_mask(), x, with);
#else
    return (T)__shfl_xor_sync(st_mask(), (U)x, with);
#endif
}

ST_INLINE T st_group_add_X(T x) {
#if ST_FLOAT
    ST_FOLD(T, st_exchange_X, x + y)
#else
    ST_FOLD(T, st_exchange_X, (U)x + (U)y)
#endif
}

ST_INLINE T st_group_mul_X(T x) {
#if ST_FLOAT
    ST_FOLD(T, st_exchange_X, x * y)
#else
    ST_FOLD(T, st_exchange_X, (U)x * (U)y)
#endif
}

/* NaN stays. */
ST_INLINE T st_group_maximum_X(T x) { ST_FOLD(T, st_exchange_X, (x > y) | (x != x) ? x : y) }

ST_INLINE T st_group_minimum_X(T x) { ST_FOLD(T, st_exchange_X, (x < y) | (x != x) ? x : y) }

ST_INLINE T st_group_and__X(T x) { ST_FOLD(T, st_exchange_X, x & y) }

ST_INLINE T st_group_or__X(T x) { ST_FOLD(T, st_exchange_X, x | y) }

ST_INLINE T st_group_xor_X(T x) { ST_FOLD(T, st_exchange_X, x ^ y) }

/* Whether y at position `of_y` goes before x at `of_x` (-1: there is none): NaN first, then the greater or the less, then
 * what stands first. */
ST_INLINE bool st_before_X(T y, st_i64 of_y, T x, st_i64 of_x, bool greatest) {
    if ((of_x < 0) | (of_y < 0)) return of_y >= 0;
    if (y != y) return x == x || of_y < of_x;
    if (x != x) return false;
    return y == x ? of_y < of_x : greatest ? y > x : y < x;
}

/* The position of the first extreme (of the first NaN) of the group; -1 where nobody has one. */
ST_INLINE st_i64 st_group_place_X(T x, st_i64 at, bool greatest) {
    for (int w = blockDim.x < 32 ? blockDim.x / 2 : 16; w > 0; w /= 2) {
        const T y = st_exchange_X(x, w);
        const st_i64 of_y = st_exchange_i64(at, w);
        if (st_before_X(y, of_y, x, at, greatest)) {
            x = y;
            at = of_y;
        }
    }
    if (blockDim.x > 32) {
        __shared__ T part[32];
        __shared__ st_i64 place[32];
        const int warps = blockDim.x / 32;
        __syncthreads();
        if (threadIdx.x % 32 == 0) {
            part[threadIdx.x / 32] = x;
            place[threadIdx.x / 32] = at;
        }
        __syncthreads();
        x = part[0];
        at = place[0];
        for (int k = 1; k < warps; k++) {
            const T y = part[k];
            const st_i64 of_y = place[k];
            if (st_before_X(y, of_y, x, at, greatest)) {
                x = y;
                at = of_y;
            }
        }
    }
    return at;
}

ST_INLINE st_i64 st_group_argmax_X(T x, st_i64 at) { return st_group_place_X(x, at, true); }

ST_INLINE st_i64 st_group_argmin_X(T x, st_i64 at) { return st_group_place_X(x, at, false); }
