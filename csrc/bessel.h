/* Bessel functions J and I of real order in double. The methods are those of symtensor/scalar/bessel.py: Miller's backward
 * recurrence with Neumann's series (DLMF 10.23.15, 10.74(iv)), Hankel's expansion (10.17.3), the power series (10.25.2),
 * 10.40.1 and 10.41.3. j0 and j1 are libm's. */

ST_INLINE double st_hankel_from(double order) {
    double from = 0.6 * order * order + 15.0;
    return from > 25.0 ? from : 25.0;
}

static double st_j_large(double order, double x) {
    if (x == __builtin_inf()) return 0.0;
    double p = 1.0, q = 0.0, term = 1.0;
    for (int k = 1; k < 60; k++) {
        double factor = (4.0 * order * order - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * k * x);
        if (!(__builtin_fabs(factor) < 1.0)) break;
        term *= factor;
        double sign = (k / 2) % 2 ? -1.0 : 1.0;
        if (k % 2) q += sign * term;
        else p += sign * term;
    }
    double phase = (0.5 * order + 0.25) * 3.14159265358979323846;
    double cos_x = cos(x), sin_x = sin(x), cos_p = cos(phase), sin_p = sin(phase);
    return __builtin_sqrt(2.0 / (3.14159265358979323846 * x)) *
           (p * (cos_x * cos_p + sin_x * sin_p) - q * (sin_x * cos_p - cos_x * sin_p));
}

/* J of an order >= 0 at x > 0 by Miller's algorithm. */
static double st_j_recurrence(double order, double x) {
    double whole = __builtin_floor(order), part = order - whole, top = whole > x ? whole : x;
    int start = (int)(top + 12.0 * cbrt(top) + 40.0), sign;
    start += start % 2;
    double following = 0.0, current = 1e-280, norm = 0.0, at = 0.0;
    for (int n = start; n >= 0; n--) {
        if (n == (int)whole) at = current;
        if (n % 2 == 0) {
            int k = n / 2;
            double weight = k == 0 ? tgamma(part + 1.0) : 2.0;
            if (k > 0 && part != 0.0) weight = (part + n) * exp(lgamma_r(part + k, &sign) - lgamma_r(k + 1.0, &sign));
            norm += weight * current;
        }
        if (n == 0) break;
        double before = 2.0 * (part + n) / x * current - following;
        following = current;
        current = before;
        if (__builtin_fabs(current) > 1e200) {
            following *= 1e-200;
            current *= 1e-200;
            norm *= 1e-200;
            at *= 1e-200;
        }
    }
    return (part == 0.0 ? 1.0 : pow(0.5 * x, part)) * (at / norm);
}

/* J of an order >= 0 at x >= 0. */
static double st_j_positive(double order, double x) {
    int sign;
    if (order != order || x != x) return __builtin_nan("");
    if (x >= st_hankel_from(order)) return st_j_large(order, x);
    if (!(x > 0.0) || order == __builtin_inf()) return order == 0.0 ? 1.0 : 0.0;
    double leading = order * log(0.5 * x) - lgamma_r(order + 1.0, &sign);
    if (x * x < 1e-16 * (order + 1.0)) return exp(leading);
    if (leading <= -700.0) return 0.0;
    return order < 1e6 && x < 1e6 ? st_j_recurrence(order, x) : __builtin_nan("");
}

static double st_jv(double order, double x) {
    double whole = __builtin_floor(order);
    int is_whole = order == whole, odd = is_whole && __builtin_fabs(fmod(order, 2.0)) == 1.0;
    if (!is_whole && x < 0.0) return __builtin_nan("");
    if (order < 0.0 && !is_whole && x == 0.0)
        return fmod(__builtin_ceil(-order), 2.0) == 1.0 ? __builtin_inf() : -__builtin_inf();
    if (order < 0.0 && !is_whole && x > 0.0) {
        /* The recurrence downwards from orders in [0, 2). */
        double part = order - whole, first = st_j_positive(part, x), second = st_j_positive(part + 1.0, x);
        if (-whole > 100000.0) return __builtin_nan("");
        for (double n = 0.0; n < -whole; n += 1.0) {
            double before = 2.0 * (part - n) / x * first - second;
            second = first;
            first = before;
        }
        return first;
    }
    double value = st_j_positive(__builtin_fabs(order), __builtin_fabs(x));
    return (odd && order < 0.0) != (odd && x < 0.0) ? -value : value;
}

static double st_i_series(double order, double x) {
    double quarter = 0.25 * x * x, start = order < 0.0 ? __builtin_ceil(-order) : 0.0, head = 0.0, power = 1.0;
    /* Negative orders: terms one by one until the gamma function's argument is positive. */
    for (double k = 0.0; k < start; k += 1.0) {
        double g = order + k + 1.0;
        int pole = g <= 0.0 && g == __builtin_floor(g);
        if (!pole && g < 171.0) head += power / (tgamma(g) * tgamma((k < 170.0 ? k : 170.0) + 1.0));
        power *= quarter;
    }
    double base = order + start, term = 1.0, total = 1.0;
    for (int k = 1; k < 100000 && term > 0x1p-53 * total; k++) {
        term *= quarter / ((start + k) * (base + k));
        total += term;
    }
    return pow(0.5 * x, order) * (head + power * total / (tgamma(start + 1.0) * tgamma(base + 1.0)));
}

/* Orders of 50 and more by the uniform expansion 10.41.3, whose polynomials U_k (10.41.9) are made one from the other;
 * below -50 with K's expansion 10.41.4 (10.27.2). */
static double st_i_uniform(double order, double x) {
    double size = __builtin_fabs(order), ratio = x / size, root = __builtin_sqrt(1.0 + ratio * ratio), p = 1.0 / root;
    double exponent = size * (root + log(ratio / (1.0 + root))), growing = 0.0, falling = 0.0, scale = 1.0, pi = 3.14159265358979323846;
    double u[48] = {1.0};
    for (int k = 0; k < 14; k++) {
        double value = 0.0, next[48] = {0.0};
        for (int j = 3 * k; j >= 0; j--) value = value * p + u[j];
        growing += value * scale;
        falling += (k % 2 ? -value : value) * scale;
        scale /= size;
        for (int j = 0; j <= 3 * k; j++) {
            next[j + 1] += u[j] * (0.5 * j + 0.125 / (j + 1));
            next[j + 3] -= u[j] * (0.5 * j + 0.625 / (j + 3));
        }
        for (int j = 0; j < 48; j++) u[j] = next[j];
    }
    double half = exp(0.5 * exponent), value = half * (growing / (__builtin_sqrt(2.0 * pi * size) * __builtin_sqrt(root))) * half;
    double whole = __builtin_rint(size), sine = sin(pi * (size - whole));
    if (fmod(whole, 2.0) == 1.0) sine = -sine;
    if (order < 0.0 && sine != 0.0)
        value += 2.0 / pi * sine * (__builtin_sqrt(pi / (2.0 * size)) * exp(-exponent) / __builtin_sqrt(root) * falling);
    return value;
}

static double st_i_large(double order, double x) {
    if (x == __builtin_inf()) return x;
    double total = 1.0, term = 1.0, half = exp(0.5 * x);
    for (int k = 1; k < 40; k++) {
        double factor = (4.0 * order * order - (2.0 * k - 1.0) * (2.0 * k - 1.0)) / (8.0 * k * x);
        if (!(__builtin_fabs(factor) < 1.0)) break;
        term *= -factor;
        total += term;
    }
    return half * (total / __builtin_sqrt(6.28318530717958647693 * x)) * half;
}

static double st_iv(double order, double x) {
    int is_whole = order == __builtin_floor(order), odd = is_whole && __builtin_fabs(fmod(order, 2.0)) == 1.0;
    if (order != order || x != x || (!is_whole && x < 0.0)) return __builtin_nan("");
    if (order < 0.0 && !is_whole && x == 0.0)
        return fmod(__builtin_ceil(-order), 2.0) == 1.0 ? __builtin_inf() : -__builtin_inf();
    double o = is_whole ? __builtin_fabs(order) : order, z = __builtin_fabs(x), value;
    if (z >= st_hankel_from(o)) value = st_i_large(o, z);
    else if (z > 0.0 && __builtin_fabs(o) < __builtin_inf()) value = __builtin_fabs(o) >= 50.0 ? st_i_uniform(o, z) : st_i_series(o, z);
    else value = o == 0.0 ? 1.0 : 0.0;
    return odd && x < 0.0 ? -value : value;
}

static double st_i0(double x) { return st_iv(0.0, x); }

static double st_i1(double x) { return st_iv(1.0, x); }
