/* Error functions and the gamma family in double. The methods are those of symtensor/scalar/special.py, which names the
 * sources: NIST DLMF 5.11, 5.15, 7.9, 8.7, 8.9, 8.11, 8.12; Wichura, AS 241, Applied Statistics 37 (1988); Loader (2000). */

/* A polynomial of `count` coefficients, the highest power first. */
static double st_horner(const double *c, int count, double x) {
    double r = c[0];
    for (int k = 1; k < count; k++) r = r * x + c[k];
    return r;
}

/* exp(x**2) erfc(x): continued fraction (DLMF 7.9.1) above 6, else the product with x * x split. */
static double st_erfcx(double x) {
    if (x != x) return x;
    if (x < -26.7) return __builtin_inf();
    if (x > 6.0) {
        double tail = x;
        for (int k = 40; k > 0; k--) tail = x + 0.5 * k / tail;
        return 1.0 / (1.7724538509055160273 * tail);
    }
    double high = __builtin_rint(x * 16.0) / 16.0;
    return exp(high * high) * exp((x - high) * (x + high)) * erfc(x);
}

/* The point with probability 1/2 + q below it; `tail` is 1/2 - |q|, given exactly (AS 241). */
static double st_normal_quantile(double q, double tail) {
    const double central_top[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                                  13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
    const double central_bottom[] = {5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
                                     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0};
    const double middle_top[] = {7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1,
                                 1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
                                 1.42343711074968357734};
    const double middle_bottom[] = {1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2,
                                    1.4810397642748007459e-1, 6.8976733498510000455e-1, 1.6763848301838038494,
                                    2.05319162663775882187, 1.0};
    const double far_top[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                              2.6532189526576123093e-2, 2.9656057182850489123e-1, 1.7848265399172913358, 5.4637849111641143699,
                              6.6579046435011037772};
    const double far_bottom[] = {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
                                 7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.3692988092273580531e-1,
                                 5.9983220655588793769e-1, 1.0};
    if (__builtin_fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * st_horner(central_top, 8, r) / st_horner(central_bottom, 8, r);
    }
    double r = __builtin_sqrt(-log(tail)), size;
    if (tail == 0.0) size = __builtin_inf();
    else if (r <= 5.0) size = st_horner(middle_top, 8, r - 1.6) / st_horner(middle_bottom, 8, r - 1.6);
    else size = st_horner(far_top, 8, r - 5.0) / st_horner(far_bottom, 8, r - 5.0);
    return __builtin_copysign(size, q);
}

static double st_erfinv(double y) {
    return st_normal_quantile(0.5 * y, 0.5 * (1.0 - __builtin_fabs(y))) / 1.4142135623730950488;
}

static double st_erfcinv(double y) {
    return st_normal_quantile(0.5 * (1.0 - y), 0.5 * (y < 1.0 ? y : 2.0 - y)) / 1.4142135623730950488;
}

/* log |gamma(x)|; libm's lgamma writes to a global, lgamma_r does not. */
static double st_gammaln(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* Sum of B(2k) weights(k) / z**(2k) for k = 8 .. 1; weight 0: 1 / (2k), 1: 1, 2: z / (2k (2k - 1)). */
static double st_bernoulli(double z, int weight) {
    const double b[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
    double s = 0.0;
    for (int k = 8; k > 0; k--) {
        double w = weight == 0 ? 2.0 * k : weight == 1 ? 1.0 : 2.0 * k * (2.0 * k - 1.0);
        s = (s + b[k - 1] / w) / (z * z);
    }
    return weight == 2 ? s * z : s;
}

/* Recurrence up to 10, then DLMF 5.11.2; reflection below 0. */
static double st_psi(double x) {
    if (x == 0.0) return -__builtin_copysign(__builtin_inf(), x);
    if (x == __builtin_inf()) return x;
    double z = x < 0.0 ? 1.0 - x : x, total = 0.0;
    for (; z < 10.0; z += 1.0) total -= 1.0 / z;
    double value = total + log(z) - 0.5 / z - st_bernoulli(z, 0);
    if (x < 0.0) {
        double fraction = x - __builtin_rint(x), pi = 3.14159265358979323846;
        if (fraction == 0.0) return __builtin_nan("");
        value -= pi / tan(pi * fraction);
    }
    return value;
}

/* Recurrence up to 10, then DLMF 5.15.8; reflection below 0. */
static double st_tri_gamma(double x) {
    if (x == __builtin_inf()) return 0.0;
    double z = x < 0.0 ? 1.0 - x : x, total = 0.0;
    for (; z < 10.0; z += 1.0) total += 1.0 / (z * z);
    double value = total + (1.0 + st_bernoulli(z, 1)) / z + 0.5 / (z * z);
    if (x < 0.0) {
        double fraction = x - __builtin_rint(x), pi = 3.14159265358979323846;
        if (fraction == 0.0) return __builtin_inf();
        double ratio = pi / sin(pi * fraction);
        value = ratio * ratio - value;
    }
    return value;
}

/* log(x / a) - u with u = (x - a) / a, without cancellation near u = 0. */
static double st_log_minus_deviation(double x, double a) {
    double u = (x - a) / a;
    if (__builtin_fabs(u) >= 0.5) return log(x / a) - u;
    double r = u / (2.0 + u), square = r * r, series = 0.0;
    for (int k = 20; k > 0; k--) series = series * square + 1.0 / (2 * k + 1);
    return 2.0 * r * square * series - u * r;
}

/* x**a exp(-x) / gamma(a + 1) for positive a and x; Loader's form from a = 10 on, with DLMF 5.11.1. */
static double st_power_over_gamma(double a, double x) {
    if (a < 10.0) return exp(a * log(x) - x - st_gammaln(a + 1.0));
    return exp(a * st_log_minus_deviation(x, a) - st_bernoulli(a, 2)) / __builtin_sqrt(6.28318530717958647693 * a);
}

/* P or Q for large a by two terms of Temme's uniform expansion (DLMF 8.12.3 to 8.12.10). */
static double st_temme_gamma(double a, double x, int upper) {
    double mu = (x - a) / a, square = -2.0 * st_log_minus_deviation(x, a);
    double eta = __builtin_copysign(__builtin_sqrt(square > 0.0 ? square : 0.0), mu), first;
    if (__builtin_fabs(eta) < 0.02)
        first = -1.0 / 3 + eta * (1.0 / 12 + eta * (-2.0 / 135 + eta * (1.0 / 864 + eta / 2835)));
    else
        first = 1.0 / mu - 1.0 / eta;
    double rest = exp(-0.5 * a * eta * eta) / __builtin_sqrt(6.28318530717958647693 * a) * (first - (1.0 / 540 + eta / 288) / a);
    double edge = eta * __builtin_sqrt(0.5 * a);
    return upper ? 0.5 * erfc(edge) + rest : 0.5 * erfc(-edge) - rest;
}

/* The regularised incomplete gamma functions: P for upper = 0, Q for upper = 1. Series DLMF 8.11.4 below a + 1 (8.7.3 for
 * Q where a < 1), continued fraction 8.9.2 by the modified Lentz method above. */
static double st_incomplete_gamma(double a, double x, int upper) {
    double inf = __builtin_inf();
    if ((a > 0.0 && x == inf && a < inf) || (a == 0.0 && x > 0.0)) return upper ? 0.0 : 1.0;
    if ((a > 0.0 && x == 0.0) || (a == inf && x >= 0.0 && x < inf)) return upper ? 1.0 : 0.0;
    if (!(a > 0.0 && x > 0.0 && a < inf && x < inf)) return __builtin_nan("");
    if (a > 1e7) return st_temme_gamma(a, x, upper);
    if (x < a + 1.0) {
        if (upper && a < 1.0 && x <= 1.1) {
            double power = a * log(x) - st_gammaln(a + 1.0), term = 1.0, total = 0.0;
            for (int k = 1; k < 40; k++) {
                term *= -x / k;
                total += term / (a + k);
            }
            return -expm1(power) - exp(power) * a * total;
        }
        double term = 1.0, total = 1.0;
        for (int n = 1; n <= 200000 && term > 0x1p-53 * total; n++) {
            term *= x / (a + n);
            total += term;
        }
        double p = st_power_over_gamma(a, x) * total;
        return upper ? 1.0 - p : p;
    }
    double tiny = 1e-300, b = x + 1.0 - a, c = 1.0 / tiny, d = 1.0 / (b == 0.0 ? tiny : b), h = d, change = 2.0;
    for (int n = 1; n <= 200000 && __builtin_fabs(change - 1.0) > 0x1p-52; n++) {
        double top = -n * (n - a);
        b += 2.0;
        d = top * d + b;
        d = 1.0 / (d == 0.0 ? tiny : d);
        c = b + top / c;
        c = c == 0.0 ? tiny : c;
        change = c * d;
        h *= change;
    }
    double q = a * st_power_over_gamma(a, x) * h;
    return upper ? q : 1.0 - q;
}

static double st_gammainc(double a, double x) { return st_incomplete_gamma(a, x, 0); }

static double st_gammaincc(double a, double x) { return st_incomplete_gamma(a, x, 1); }

static double st_gammal(double a, double x) { return st_incomplete_gamma(a, x, 0) * tgamma(a); }

static double st_gammau(double a, double x) { return st_incomplete_gamma(a, x, 1) * tgamma(a); }

static double st_chi2sf(double x, double k) {
    if (!(k > 0.0)) return __builtin_nan("");
    return x <= 0.0 ? 1.0 : st_incomplete_gamma(0.5 * k, 0.5 * x, 1);
}
