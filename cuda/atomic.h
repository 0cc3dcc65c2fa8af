/* Updates of elements that several threads may update at the same time. */

/* Puts `fresh` where `old` is still found, bit for bit; whether it did. Elements of fewer than 4 bytes change within the
 * word that holds them. */
template <class M> ST_INLINE bool st_swapped(M *at, M old, M fresh) {
    if (sizeof(M) == 8) {
        st_u64 a = 0, b = 0;
        memcpy(&a, &old, sizeof(M));
        memcpy(&b, &fresh, sizeof(M));
        return atomicCAS((st_u64 *)at, a, b) == a;
    }
    if (sizeof(M) == 4) {
        st_u32 a = 0, b = 0;
        memcpy(&a, &old, sizeof(M));
        memcpy(&b, &fresh, sizeof(M));
        return atomicCAS((st_u32 *)at, a, b) == a;
    }
    st_u32 *word = (st_u32 *)((st_u64)at & ~3ull);
    const st_u32 shift = (st_u32)((st_u64)at & 3u) * 8u, mask = (sizeof(M) == 2 ? 0xffffu : 0xffu) << shift;
    st_u32 a = 0, b = 0;
    memcpy(&a, &old, sizeof(M));
    memcpy(&b, &fresh, sizeof(M));
    const st_u32 seen = *(volatile st_u32 *)word;
    if ((seen & mask) != a << shift) return false;
    return atomicCAS(word, seen, (seen & ~mask) | b << shift) == seen;
}

ST_INLINE void st_atomic_add_f32(float *at, float x) { atomicAdd(at, x); }

ST_INLINE void st_atomic_add_f64(double *at, double x) { atomicAdd(at, x); }

ST_INLINE void st_atomic_add_i32(st_i32 *at, st_i32 x) { atomicAdd(at, x); }

ST_INLINE void st_atomic_add_u32(st_u32 *at, st_u32 x) { atomicAdd(at, x); }

ST_INLINE void st_atomic_add_i64(st_i64 *at, st_i64 x) { atomicAdd((st_u64 *)at, (st_u64)x); }

ST_INLINE void st_atomic_add_u64(st_u64 *at, st_u64 x) { atomicAdd(at, x); }
