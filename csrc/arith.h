/* Scalar arithmetic where C differs from NumPy. Text for several dtypes is written once: T is the C type, U the unsigned
 * type it computes in, X the tag of the dtype, ST_F(name) the libm function for the type. */

/* Rounds down; 0 for division by zero; the most negative number by -1 wraps. */
ST_INLINE T st_int_div_X(T a, T b) {
#if ST_SIGNED
    if (b == -1) return (T)-(U)a;
    if (b == 0) return 0;
    T q = (T)(a / b);
    return (a % b != 0) & ((a < 0) != (b < 0)) ? (T)(q - 1) : q;
#else
    return b == 0 ? 0 : (T)(a / b);
#endif
}

/* Has the sign of the divisor; 0 for a divisor of zero. */
ST_INLINE T st_mod_X(T a, T b) {
#if ST_SIGNED
    if ((b == -1) | (b == 0)) return 0;
    T r = (T)(a % b);
    return (r != 0) & ((r < 0) != (b < 0)) ? (T)(r + b) : r;
#else
    return b == 0 ? 0 : (T)(a % b);
#endif
}

/* Wraps; a negative exponent gives the exact value truncated. */
static T st_pow_X(T a, T b) {
#if ST_SIGNED
    if (b < 0) return a == 1 ? 1 : a == (T)-1 ? (b & 1 ? (T)-1 : 1) : 0;
#endif
    U x = (U)a, r = 1;
    for (; b; b = (T)(b >> 1)) {
        if (b & 1) r *= x;
        x *= x;
    }
    return (T)r;
}

/* Python's and NumPy's remainder. */
static double st_mod_f64(double a, double b) {
    double r = fmod(a, b);
    if (b == 0.0) return r;
    if (r == 0.0) return __builtin_copysign(0.0, b);
    return (r < 0.0) != (b < 0.0) ? r + b : r;
}

static float st_mod_f32(float a, float b) {
    float r = fmodf(a, b);
    if (b == 0.0f) return r;
    if (r == 0.0f) return __builtin_copysignf(0.0f, b);
    return (r < 0.0f) != (b < 0.0f) ? r + b : r;
}

/* Halves away from zero; x - trunc(x) is exact. */
ST_INLINE double st_round_f64(double x) {
    double whole = __builtin_trunc(x);
    return __builtin_fabs(x - whole) >= 0.5 ? whole + __builtin_copysign(1.0, x) : whole;
}

ST_INLINE float st_round_f32(float x) {
    float whole = __builtin_truncf(x);
    return __builtin_fabsf(x - whole) >= 0.5f ? whole + __builtin_copysignf(1.0f, x) : whole;
}

ST_INLINE double st_fast_sigmoid_f64(double x) {
    double half = __builtin_fabs(x) * 0.5, near = 1.5 * half / (1.0 + half);
    double middle = 0.935409070603099 + 0.0458812946797165 * (half - 1.7);
    double size = half < 1.7 ? near : half < 3.0 ? middle : 0.99505475368673;
    return x != x ? x : 0.5 * (__builtin_copysign(size, x) + 1.0);
}

ST_INLINE float st_fast_sigmoid_f32(float x) {
    float half = __builtin_fabsf(x) * 0.5f, near = 1.5f * half / (1.0f + half);
    float middle = 0.935409070603099f + 0.0458812946797165f * (half - 1.7f);
    float size = half < 1.7f ? near : half < 3.0f ? middle : 0.99505475368673f;
    return x != x ? x : 0.5f * (__builtin_copysignf(size, x) + 1.0f);
}
