/* IEEE half precision as a storage type: conversions in integer arithmetic, without branches, so loops vectorise. */

ST_INLINE float st_f32_of_bits(st_u32 bits) {
    float x;
    __builtin_memcpy(&x, &bits, 4);
    return x;
}

ST_INLINE st_u32 st_bits_of_f32(float x) {
    st_u32 bits;
    __builtin_memcpy(&bits, &x, 4);
    return bits;
}

ST_INLINE float st_f32_from_f16(st_u16 half) {
    st_u32 magnitude = half & 0x7fffu, sign = (st_u32)(half & 0x8000u) << 16;
    /* Normal numbers move their exponent by 127 - 15; subnormal ones are scaled by 2**-24; the rest is inf or NaN. */
    float normal = st_f32_of_bits((magnitude << 13) + 0x38000000u);
    float small = (float)(st_i32)magnitude * 0x1p-24f;
    float special = st_f32_of_bits((magnitude << 13) | 0x7f800000u);
    float x = magnitude < 0x400u ? small : magnitude < 0x7c00u ? normal : special;
    return st_f32_of_bits(st_bits_of_f32(x) | sign);
}

ST_INLINE st_u16 st_f16_from_f32(float x) {
    st_u32 bits = st_bits_of_f32(x), magnitude = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
    /* To nearest, ties to even: normal by adding half a unit, subnormal by adding a number whose last bit is 2**-24. */
    st_u32 normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    st_u32 small = st_bits_of_f32(st_f32_of_bits(magnitude) + 0.5f) - 0x3f000000u;
    st_u32 special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    st_u32 half = magnitude < 0x38800000u ? small : magnitude < 0x477ff000u ? normal : special;
    return (st_u16)(half | sign);
}

ST_INLINE float st_f16_round(float x) { return st_f32_from_f16(st_f16_from_f32(x)); }

/* Once rounded: to float with the last bit set where that is inexact, so the second rounding sees it. */
ST_INLINE float st_f16_from_f64(double x) {
    float f = (float)x;
    st_u32 bits = st_bits_of_f32(f);
    int inexact = (double)f != x && x == x && (bits & 1u) == 0u && __builtin_fabsf(f) < __builtin_inff();
    st_u32 toward = __builtin_fabs((double)f) > __builtin_fabs(x) ? bits - 1u : bits + 1u;
    return st_f16_round(st_f32_of_bits(inexact ? toward : bits));
}
