/* Complex arithmetic as NumPy does it (products by the plain formula, quotients by Smith's method, Communications of the
 * ACM 5 (1962) 435). T is the real type, C the complex one, X the tag, ST_F(name) the libm function for T. */

ST_INLINE C st_cmul_X(C a, C b) {
    return __builtin_complex(__real__ a * __real__ b - __imag__ a * __imag__ b,
                             __real__ a * __imag__ b + __imag__ a * __real__ b);
}

static C st_ctrue_div_X(C a, C b) {
    T ar = __real__ a, ai = __imag__ a, br = __real__ b, bi = __imag__ b;
    T wr = br < 0 ? -br : br, wi = bi < 0 ? -bi : bi;
    if (wr >= wi) {
        if (wr == 0 && wi == 0) return __builtin_complex(ar / wr, ai / wr);
        T ratio = bi / br, scale = (T)1 / (br + bi * ratio);
        return __builtin_complex((ar + ai * ratio) * scale, (ai - ar * ratio) * scale);
    }
    T ratio = br / bi, scale = (T)1 / (bi + br * ratio);
    return __builtin_complex((ar * ratio + ai) * scale, (ai * ratio - ar) * scale);
}

static C st_cint_div_X(C a, C b) {
    C q = st_ctrue_div_X(a, b);
    return __builtin_complex(ST_F(__builtin_floor)(__real__ q), (T)0);
}

/* Whole exponents below 100 by multiplication, others by libm. */
static C st_cpow_X(C a, C b) {
    T br = __real__ b, bi = __imag__ b;
    if (br == 0 && bi == 0) return __builtin_complex((T)1, (T)0);
    if (__real__ a == 0 && __imag__ a == 0) {
        if (br > 0) return __builtin_complex((T)0, (T)0);
        return __builtin_complex((T)__builtin_nan(""), (T)__builtin_nan(""));
    }
    if (bi == 0 && br > -100 && br < 100 && br == (T)(int)br) {
        int n = (int)br;
        C power = __builtin_complex((T)1, (T)0), square = a;
        for (int k = n < 0 ? -n : n; k; k >>= 1) {
            if (k & 1) power = st_cmul_X(power, square);
            square = st_cmul_X(square, square);
        }
        return n < 0 ? st_ctrue_div_X(__builtin_complex((T)1, (T)0), power) : power;
    }
    return ST_F(cpow)(a, b);
}

/* The order of NumPy: by real part, then by imaginary part. */
ST_INLINE int st_clt_X(C a, C b) {
    return __real__ a < __real__ b || (__real__ a == __real__ b && __imag__ a < __imag__ b);
}

ST_INLINE int st_cgt_X(C a, C b) { return st_clt_X(b, a); }

ST_INLINE int st_cle_X(C a, C b) {
    return __real__ a < __real__ b || (__real__ a == __real__ b && __imag__ a <= __imag__ b);
}

ST_INLINE int st_cge_X(C a, C b) { return st_cle_X(b, a); }

static C st_cmaximum_X(C a, C b) { return a != a || st_cge_X(a, b) ? a : b; }

static C st_cminimum_X(C a, C b) { return a != a || st_cle_X(a, b) ? a : b; }

static C st_csgn_X(C a) {
    T size = ST_F(hypot)(__real__ a, __imag__ a);
    if (size == 0) return __builtin_complex((T)0, (T)0);
    return __builtin_complex(__real__ a / size, __imag__ a / size);
}

static C st_cexpm1_X(C a) {
    T half = ST_F(sin)(__imag__ a / 2), grow = ST_F(exp)(__real__ a);
    return __builtin_complex(ST_F(expm1)(__real__ a) * ST_F(cos)(__imag__ a) - 2 * half * half, grow * ST_F(sin)(__imag__ a));
}

static C st_clog1p_X(C a) {
    T size = ST_F(hypot)(__real__ a + 1, __imag__ a);
    return __builtin_complex(ST_F(log)(size), ST_F(atan2)(__imag__ a, __real__ a + 1));
}

static C st_cexp2_X(C a) {
    T ln2 = (T)0x1.62e42fefa39efp-1;
    return ST_F(cexp)(__builtin_complex(__real__ a * ln2, __imag__ a * ln2));
}

static C st_clog2_X(C a) {
    C l = ST_F(clog)(a);
    T scale = (T)0x1.71547652b82fep+0;
    return __builtin_complex(__real__ l * scale, __imag__ l * scale);
}

static C st_clog10_X(C a) {
    C l = ST_F(clog)(a);
    T scale = (T)0x1.bcb7b1526e50ep-2;
    return __builtin_complex(__real__ l * scale, __imag__ l * scale);
}
