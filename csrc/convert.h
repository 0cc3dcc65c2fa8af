/* Conversions from floats to integers, as NumPy does them inside the range; outside it the most negative number, without
 * undefined behaviour. Small integers are taken from int32, uint32 from int64, so they wrap. */

ST_INLINE st_i32 st_i32_from_f64(double x) { return (x > -2147483649.0) & (x < 2147483648.0) ? (st_i32)x : -2147483647 - 1; }

ST_INLINE st_i32 st_i32_from_f32(float x) { return (x >= -2147483648.0f) & (x < 2147483648.0f) ? (st_i32)x : -2147483647 - 1; }

ST_INLINE st_i64 st_i64_from_f64(double x) {
    return (x >= -0x1p63) & (x < 0x1p63) ? (st_i64)x : -9223372036854775807LL - 1;
}

ST_INLINE st_i64 st_i64_from_f32(float x) {
    return (x >= -0x1p63f) & (x < 0x1p63f) ? (st_i64)x : -9223372036854775807LL - 1;
}

ST_INLINE st_i8 st_i8_from_f64(double x) { return (st_i8)st_i32_from_f64(x); }

ST_INLINE st_i8 st_i8_from_f32(float x) { return (st_i8)st_i32_from_f32(x); }

ST_INLINE st_u8 st_u8_from_f64(double x) { return (st_u8)st_i32_from_f64(x); }

ST_INLINE st_u8 st_u8_from_f32(float x) { return (st_u8)st_i32_from_f32(x); }

ST_INLINE st_i16 st_i16_from_f64(double x) { return (st_i16)st_i32_from_f64(x); }

ST_INLINE st_i16 st_i16_from_f32(float x) { return (st_i16)st_i32_from_f32(x); }

ST_INLINE st_u16 st_u16_from_f64(double x) { return (st_u16)st_i32_from_f64(x); }

ST_INLINE st_u16 st_u16_from_f32(float x) { return (st_u16)st_i32_from_f32(x); }

ST_INLINE st_u32 st_u32_from_f64(double x) { return (st_u32)st_i64_from_f64(x); }

ST_INLINE st_u32 st_u32_from_f32(float x) { return (st_u32)st_i64_from_f32(x); }

ST_INLINE st_u64 st_u64_from_f64(double x) {
    return (x >= 0x1p63) & (x < 0x1p64) ? (st_u64)(st_i64)(x - 0x1p63) + (1ULL << 63) : (st_u64)st_i64_from_f64(x);
}

ST_INLINE st_u64 st_u64_from_f32(float x) { return st_u64_from_f64(x); }
