"""Error functions and the gamma family for real arguments, in NumPy and the standard library alone.

Arguments are arrays or scalars of any real dtype; the arithmetic is done in float64 and the result has the float
dtype of the arguments (float64 for integers). Outside a function's domain the result is NaN; at poles it is what C's
libm or SciPy gives. Complex arguments need SciPy for `erf`, `gamma` and `psi` and raise TypeError otherwise.

Accuracy is a few units in 1e-15 relative for erf, erfc, erfcx, gamma, gammaln, erfinv and erfcinv (relative to the
argument's own rounding), 1e-14 for psi (absolute near its roots) and tri_gamma, 1e-12 for the incomplete gamma
functions.

Sources: W. J. Lentz / NIST Digital Library of Mathematical Functions (DLMF) 5.7, 5.11, 5.15, 7.9, 8.7, 8.9, 8.11;
M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988);
DLMF 8.12 (Temme); C. Loader, "Fast and accurate computation of binomial probabilities" (2000) for x**a exp(-x) /
gamma(a + 1).
"""
from __future__ import annotations

import math
from functools import wraps
from typing import Any, Callable

import numpy as np

from symtensor.utils.optional import optional_import

__all__ = [
    "chi2sf", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "gamma", "gammainc", "gammaincc", "gammal", "gammaln",
    "gammau", "psi", "real_function", "tri_gamma",
]

Array = Any


def real_function(function: Callable[..., np.ndarray]) -> Callable[..., Array]:
    """Makes a function of flat float64 arrays accept anything real, and return the callers' float dtype and shape."""

    @wraps(function)
    def wrapped(*args: Array) -> Array:
        arrays = [np.asarray(a) for a in args]
        if any(a.dtype.kind == "c" for a in arrays):
            return _complex_function(function.__name__, arrays)
        floats = [a.dtype for a in arrays if a.dtype.kind == "f"]
        dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
        broadcast = np.broadcast_arrays(*(a.astype(np.float64) for a in arrays))
        with np.errstate(all="ignore"):
            flat = function(*(np.ascontiguousarray(b).reshape(-1) for b in broadcast))
            return flat.astype(dtype).reshape(broadcast[0].shape)[()]

    return wrapped


def _complex_function(name: str, arrays: list[np.ndarray]) -> Array:
    special = optional_import("scipy.special") if name in ("erf", "gamma", "psi") else None
    if special is None:
        raise TypeError(f"{name} is not supported for complex arguments" + (" without SciPy" if name == "erf" else ""))
    return getattr(special, name)(*arrays)


def _each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    return np.fromiter(map(function, x.tolist()), dtype=np.float64, count=x.size)


def _horner(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """The polynomial whose coefficients are given from the highest power down."""
    result = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        result = result * x + c
    return result


# -- error functions ---------------------------------------------------------------------------------------------------


@real_function
def erf(x: np.ndarray) -> np.ndarray:
    """The error function."""
    return _each(math.erf, x)


@real_function
def erfc(x: np.ndarray) -> np.ndarray:
    """The complementary error function 1 - erf(x), exact in its tail."""
    return _each(math.erfc, x)


@real_function
def erfcx(x: np.ndarray) -> np.ndarray:
    """exp(x**2) erfc(x): its continued fraction (DLMF 7.9.1) above 6, else the product itself."""
    # x * x is split so that the error of its rounding is not multiplied by 700.
    high = np.round(x * 16.0) / 16.0
    product = np.exp(high * high) * np.exp((x - high) * (x + high)) * _each(math.erfc, x)
    product = np.where(x < -26.7, np.inf, product)
    z = np.where(x > 6.0, x, 6.0)
    tail = z
    for k in range(40, 0, -1):
        tail = z + 0.5 * k / tail
    fraction = 1.0 / (math.sqrt(math.pi) * tail)
    return np.where(np.isnan(x), x, np.where(x > 6.0, fraction, product))


_CENTRAL = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)
_MIDDLE = (
    (7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2, 1.4810397642748007459e-1,
     6.8976733498510000455e-1, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.6532189526576123093e-2,
     2.9656057182850489123e-1, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.3692988092273580531e-1, 5.9983220655588793769e-1, 1.0),
)


def _normal_quantile(q: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """The point with probability 1/2 + q below it (AS 241); `tail` is the smaller tail, 1/2 - |q|, given exactly."""
    r = 0.180625 - q * q
    central = q * _horner(_CENTRAL[0], r) / _horner(_CENTRAL[1], r)
    r = np.sqrt(-np.log(tail))
    middle = _horner(_MIDDLE[0], r - 1.6) / _horner(_MIDDLE[1], r - 1.6)
    far = _horner(_FAR[0], r - 5.0) / _horner(_FAR[1], r - 5.0)
    outer = np.copysign(np.where(tail == 0, np.inf, np.where(r <= 5.0, middle, far)), q)
    return np.where(np.abs(q) <= 0.425, central, outer)


@real_function
def erfinv(y: np.ndarray) -> np.ndarray:
    """The x with erf(x) = y."""
    return _normal_quantile(0.5 * y, 0.5 * (1.0 - np.abs(y))) / math.sqrt(2.0)


@real_function
def erfcinv(y: np.ndarray) -> np.ndarray:
    """The x with erfc(x) = y."""
    return _normal_quantile(0.5 * (1.0 - y), 0.5 * np.where(y < 1.0, y, 2.0 - y)) / math.sqrt(2.0)


# -- gamma, its logarithm and derivatives ------------------------------------------------------------------------------


def _gamma(x: float) -> float:
    if x == 0.0:
        return math.copysign(math.inf, x)
    if x == -math.inf or (x < 0.0 and x == math.floor(x)):
        return math.nan
    try:
        return math.gamma(x)
    except OverflowError:
        return math.inf


def _gammaln(x: float) -> float:
    if x == -math.inf or (x <= 0.0 and x == math.floor(x)):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


@real_function
def gamma(x: np.ndarray) -> np.ndarray:
    """The gamma function; +-inf at +-0, NaN at the negative integers."""
    return _each(_gamma, x)


@real_function
def gammaln(x: np.ndarray) -> np.ndarray:
    """log |gamma(x)|; inf at zero and the negative integers."""
    return _each(_gammaln, x)


# Bernoulli numbers B2, B4, ... B16.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_SHIFT = 10.0


@real_function
def psi(x: np.ndarray) -> np.ndarray:
    """The digamma function: recurrence up to 10, then its asymptotic series (DLMF 5.11.2); reflection below 0.

    -+inf at +-0, NaN at the negative integers and at -inf.
    """
    negative = x < 0.0
    z = np.where(negative, 1.0 - x, x)
    total = np.zeros_like(z)
    for _ in range(int(_SHIFT)):
        small = z < _SHIFT
        total = np.where(small, total - 1.0 / z, total)
        z = np.where(small, z + 1.0, z)
    series = np.zeros_like(z)
    for k in range(len(_BERNOULLI), 0, -1):
        series = (series + _BERNOULLI[k - 1] / (2 * k)) / (z * z)
    value = total + np.log(z) - 0.5 / z - series
    fraction = x - np.round(x)
    reflected = value - np.pi / np.tan(np.pi * fraction)
    value = np.where(negative, np.where(fraction == 0.0, np.nan, reflected), value)
    return np.where(x == 0.0, -np.copysign(np.inf, x), np.where(np.isposinf(x), np.inf, value))


@real_function
def tri_gamma(x: np.ndarray) -> np.ndarray:
    """The derivative of psi: recurrence up to 10, then DLMF 5.15.8; reflection below 0; inf at the poles."""
    negative = x < 0.0
    z = np.where(negative, 1.0 - x, x)
    total = np.zeros_like(z)
    for _ in range(int(_SHIFT)):
        small = z < _SHIFT
        total = np.where(small, total + 1.0 / (z * z), total)
        z = np.where(small, z + 1.0, z)
    series = np.zeros_like(z)
    for k in range(len(_BERNOULLI), 0, -1):
        series = (series + _BERNOULLI[k - 1]) / (z * z)
    value = total + (1.0 + series) / z + 0.5 / (z * z)
    fraction = x - np.round(x)
    reflected = (np.pi / np.sin(np.pi * fraction)) ** 2 - value
    value = np.where(negative, np.where(fraction == 0.0, np.inf, reflected), value)
    return np.where(np.isposinf(x), 0.0, value)


# -- incomplete gamma functions ----------------------------------------------------------------------------------------

_EPS = 2.0**-53


def _log_minus_deviation(x: np.ndarray, a: np.ndarray) -> np.ndarray:
    """log(x / a) - u with u = (x - a) / a, without cancellation near u = 0."""
    u = (x - a) / a
    near = np.abs(u) < 0.5
    r = np.where(near, u / (2.0 + u), 0.0)
    square = r * r
    series = np.zeros_like(r)
    for k in range(20, 0, -1):
        series = series * square + 1.0 / (2 * k + 1)
    return np.where(near, 2.0 * r * square * series - u * r, np.log(x / a) - u)


def _stirling_error(a: np.ndarray) -> np.ndarray:
    """log gamma(a + 1) - log(sqrt(2 pi a) (a / e)**a), for a >= 10 (DLMF 5.11.1)."""
    series = np.zeros_like(a)
    for k in range(len(_BERNOULLI), 0, -1):
        series = series / (a * a) + _BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return series / a


def _power_over_gamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x**a exp(-x) / gamma(a + 1) for positive a and x."""
    direct = np.exp(a * np.log(x) - x - _each(_gammaln, a + 1.0))
    big = np.where(a >= 10.0, a, 10.0)
    scaled = np.exp(big * _log_minus_deviation(x, big) - _stirling_error(big)) / np.sqrt(2.0 * np.pi * big)
    return np.where(a >= 10.0, scaled, direct)


def _lower_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """sum x**n / ((a + 1) ... (a + n)), for x < a + 1 (DLMF 8.11.4 divided by its first factor)."""
    term = np.ones_like(x)
    total = np.ones_like(x)
    n = 0
    while np.any(term > _EPS * total) and n < 200_000:
        n += 1
        term = term * (x / (a + n))
        total = total + term
    return total


def _upper_fraction(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The continued fraction of gamma(a, x) exp(x) x**-a for x >= a + 1 (DLMF 8.9.2), by the modified Lentz method."""
    tiny = 1e-300
    b = x + 1.0 - a
    c = np.full_like(x, 1.0 / tiny)
    d = 1.0 / np.where(b == 0.0, tiny, b)
    h = d
    n = 0
    change = np.full_like(x, 2.0)
    while np.any(np.abs(change - 1.0) > _EPS * 2) and n < 200_000:
        n += 1
        top = -n * (n - a)
        b = b + 2.0
        d = top * d + b
        d = 1.0 / np.where(d == 0.0, tiny, d)
        c = b + top / c
        c = np.where(c == 0.0, tiny, c)
        change = c * d
        h = h * change
    return h


_UNIFORM_FROM = 1e7


def _uniform(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, Q) for large a by Temme's uniform expansion (DLMF 8.12.3 to 8.12.10), two terms."""
    mu = (x - a) / a
    eta = np.copysign(np.sqrt(np.maximum(-2.0 * _log_minus_deviation(x, a), 0.0)), mu)
    near = np.abs(eta) < 0.02
    safe = np.where(near, 1.0, eta)
    first = np.where(near, -1 / 3 + eta * (1 / 12 + eta * (-2 / 135 + eta * (1 / 864 + eta / 2835))),
                     1.0 / np.where(near, 1.0, mu) - 1.0 / safe)
    rest = np.exp(-0.5 * a * eta * eta) / np.sqrt(2.0 * np.pi * a) * (first - (1 / 540 + eta / 288) / a)
    edge = eta * np.sqrt(0.5 * a)
    return 0.5 * _each(math.erfc, -edge) - rest, 0.5 * _each(math.erfc, edge) + rest


def _upper_small(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Q(a, x) for a < 1 and x <= 1.1 without the cancellation of 1 - P (DLMF 8.7.3)."""
    log_power = a * np.log(x) - _each(_gammaln, a + 1.0)
    term = np.ones_like(x)
    total = np.zeros_like(x)
    for k in range(1, 40):
        term = term * (-x / k)
        total = total + term / (a + k)
    return -np.expm1(log_power) - np.exp(log_power) * a * total


def _incomplete(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, Q), the regularised lower and upper incomplete gamma functions."""
    regular = (a > 0.0) & (x > 0.0) & np.isfinite(a) & np.isfinite(x)
    p = np.full_like(x, np.nan)
    q = np.full_like(x, np.nan)
    lower = regular & (x < a + 1.0)
    small = lower & (a < 1.0) & (x <= 1.1)
    upper = regular & ~lower
    large = regular & (a > _UNIFORM_FROM)
    lower, upper = lower & ~large, upper & ~large
    if large.any():
        p[large], q[large] = _uniform(a[large], x[large])
    if lower.any():
        p[lower] = _power_over_gamma(a[lower], x[lower]) * _lower_series(a[lower], x[lower])
        q[lower] = 1.0 - p[lower]
    if small.any():
        q[small] = _upper_small(a[small], x[small])
    if upper.any():
        q[upper] = a[upper] * _power_over_gamma(a[upper], x[upper]) * _upper_fraction(a[upper], x[upper])
        p[upper] = 1.0 - q[upper]
    one = ((a > 0.0) & np.isposinf(x) & np.isfinite(a)) | ((a == 0.0) & (x > 0.0))
    zero = ((a > 0.0) & (x == 0.0)) | (np.isposinf(a) & (x >= 0.0) & np.isfinite(x))
    p = np.where(one, 1.0, np.where(zero, 0.0, p))
    q = np.where(one, 0.0, np.where(zero, 1.0, q))
    return p, q


@real_function
def gammainc(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularised lower incomplete gamma function P(k, x)."""
    return _incomplete(k, x)[0]


@real_function
def gammaincc(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularised upper incomplete gamma function Q(k, x)."""
    return _incomplete(k, x)[1]


@real_function
def gammal(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The lower incomplete gamma function P(k, x) gamma(k)."""
    return _incomplete(k, x)[0] * _each(_gamma, k)


@real_function
def gammau(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The upper incomplete gamma function Q(k, x) gamma(k)."""
    return _incomplete(k, x)[1] * _each(_gamma, k)


@real_function
def chi2sf(x: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The probability that a chi squared variable of k degrees of freedom exceeds x."""
    survival = np.where(x <= 0.0, 1.0, _incomplete(0.5 * k, 0.5 * np.maximum(x, 0.0))[1])
    return np.where(k > 0.0, survival, np.nan)
