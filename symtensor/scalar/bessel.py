"""Bessel functions J and I of real order and argument, in NumPy alone.

Arguments are arrays or scalars of any real dtype, computed in float64. J of a negative argument and a non-integer order
is NaN. Accuracy: about 1e-15 times the largest value nearby (J oscillates: relative accuracy is lost at its zeros) for
arguments up to a few thousand, relative 1e-14 for I.

J of an order or argument beyond a million is NaN unless the argument is far beyond the order's square.

J: Miller's backward recurrence normalised by Neumann's series (DLMF 10.23.15 with 10.74(iv)), and Hankel's expansion
(DLMF 10.17.3) for large arguments. I: its power series (10.25.2), 10.40.1 for
large arguments, and the uniform expansions 10.41.3 and 10.41.4 for orders from 50 on.
"""
from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from symtensor.scalar.special import real_function

__all__ = ["i0", "i1", "iv", "j0", "j1", "jv"]

_HANKEL_FROM = 25.0
_LARGEST = 1e6
_UNIFORM_FROM = 50.0


def _hankel_from(order: np.ndarray) -> np.ndarray:
    """The argument from which Hankel's expansion is accurate to the last bit."""
    return np.maximum(_HANKEL_FROM, 0.6 * order * order + 15.0)


def _hankel_terms(order: np.ndarray, x: np.ndarray, count: int) -> list[np.ndarray]:
    """a_k(order) / x**k, each until the terms begin to grow, then 0."""
    terms = [np.ones_like(x)]
    alive = np.ones_like(x, dtype=bool)
    for k in range(1, count):
        factor = (4.0 * order * order - (2 * k - 1) ** 2) / (8.0 * k * x)
        alive = alive & (np.abs(factor) < 1.0)
        terms.append(np.where(alive, terms[-1] * factor, 0.0))
    return terms


def _j_large(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    terms = _hankel_terms(order, x, 60)
    p = sum((-1) ** k * terms[2 * k] for k in range(30))
    q = sum((-1) ** k * terms[2 * k + 1] for k in range(30))
    # cos(x - phase) by addition theorems: subtracting the phase from a large x would round it.
    phase = (0.5 * order + 0.25) * np.pi
    cos_x, sin_x, cos_p, sin_p = np.cos(x), np.sin(x), np.cos(phase), np.sin(phase)
    cosine = cos_x * cos_p + sin_x * sin_p
    sine = sin_x * cos_p - cos_x * sin_p
    return np.where(np.isposinf(x), 0.0, np.sqrt(2.0 / (np.pi * x)) * (p * cosine - q * sine))


def _j_recurrence(order: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(J of the order, J of the order + 1) for order >= 0 and 0 < x, by Miller's algorithm.

    (x/2)**m = sum over k of (m + 2k) gamma(m + k) / k! J_{m + 2k}(x), m the fractional part of the order, gives the
    factor that the recurrence leaves open.
    """
    whole = np.floor(order)
    part = order - whole
    top = np.maximum(whole, x)
    start = int(np.max(top + 12.0 * np.cbrt(top) + 40.0)) if x.size else 0
    start += start % 2
    following, current = np.zeros_like(x), np.full_like(x, 1e-280)
    norm = np.zeros_like(x)
    at_order, at_next = np.zeros_like(x), np.zeros_like(x)
    for n in range(start, -1, -1):
        at_order = np.where(whole == n, current, at_order)
        at_next = np.where(whole + 1 == n, current, at_next)
        if n % 2 == 0:
            norm = norm + _neumann_weight(part, n // 2) * current
        if n == 0:
            break
        following, current = current, 2.0 * (part + n) / x * current - following
        large = np.abs(current) > 1e200
        if large.any():
            scale = np.where(large, 1e-200, 1.0)
            following, current, norm = following * scale, current * scale, norm * scale
            at_order, at_next = at_order * scale, at_next * scale
    factor = np.where(part == 0.0, 1.0, np.power(0.5 * x, part))
    return factor * (at_order / norm), factor * (at_next / norm)


def _neumann_weight(part: np.ndarray, k: int) -> np.ndarray:
    """(m + 2k) gamma(m + k) / k!, where m is the fractional order; 1 for m = k = 0, 2 for m = 0 < k."""
    if k == 0:
        return np.fromiter((math.gamma(m + 1.0) for m in part.tolist()), np.float64, part.size)
    weight = [(m + 2 * k) * math.exp(math.lgamma(m + k) - math.lgamma(k + 1)) if m else 2.0 for m in part.tolist()]
    return np.array(weight, dtype=np.float64)


def _j_positive(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """J of an order >= 0 at x >= 0."""
    result = np.where(np.isnan(order) | np.isnan(x), np.nan, np.where(order == 0.0, 1.0, 0.0))
    large = x >= _hankel_from(order)
    inner = (x > 0.0) & ~large & np.isfinite(order)
    # Below (x/2)**order / gamma(order + 1) the recurrence has no digits to start from, and needs none.
    if inner.any():
        a, z = order[inner], x[inner]
        leading = a * np.log(0.5 * z) - np.array([math.lgamma(v + 1.0) for v in a.tolist()])
        value = np.zeros_like(z)
        tiny = z * z < 1e-16 * (a + 1.0)
        usual = ~tiny & (leading > -700.0) & (np.maximum(a, z) < _LARGEST)
        value[~tiny & (leading > -700.0) & ~usual] = np.nan
        value[tiny] = np.exp(leading[tiny])
        if usual.any():
            value[usual] = _j_recurrence(a[usual], z[usual])[0]
        result[inner] = value
    if large.any():
        result[large] = _j_large(order[large], x[large])
    return result


def _j_negative(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """J of a negative non-integer order at x > 0: the recurrence downwards from orders in [0, 2)."""
    part = order - np.floor(order)
    first, second = _j_positive(part, x), _j_positive(part + 1.0, x)
    result = np.full_like(x, np.nan)
    steps = -np.floor(order)
    n = 0
    while np.any(n < steps) and n < 100_000:
        first, second = 2.0 * (part - n) / x * first - second, first
        n += 1
        result = np.where(n == steps, first, result)
    return result


@real_function
def jv(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The Bessel function of the first kind of real order."""
    whole = order == np.floor(order)
    odd = whole & (np.mod(order, 2.0) == 1.0)
    sign = np.where((odd & (order < 0.0)) ^ (odd & (x < 0.0)), -1.0, 1.0)
    result = sign * _j_positive(np.abs(order), np.abs(x))
    fractional = (order < 0.0) & ~whole & (x > 0.0) & np.isfinite(order)
    if fractional.any():
        result[fractional] = _j_negative(order[fractional], x[fractional])
    pole = (order < 0.0) & ~whole & (x == 0.0)
    result = np.where(pole, np.where(np.mod(np.ceil(-order), 2.0) == 1.0, np.inf, -np.inf), result)
    return np.where(~whole & (x < 0.0), np.nan, result)


@real_function
def j0(x: np.ndarray) -> np.ndarray:
    """The Bessel function of the first kind of order 0."""
    return _j_positive(np.zeros_like(x), np.abs(x))


@real_function
def j1(x: np.ndarray) -> np.ndarray:
    """The Bessel function of the first kind of order 1."""
    return np.copysign(1.0, x) * _j_positive(np.ones_like(x), np.abs(x))


# -- modified Bessel functions -----------------------------------------------------------------------------------------


def _reciprocal_gamma(x: float) -> float:
    if x <= 0.0 and x == math.floor(x):
        return 0.0
    return 1.0 / math.gamma(x) if x < 171.0 else 0.0


def _i_series(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(x/2)**order times the sum of (x/2)**(2k) / (k! gamma(order + k + 1))."""
    quarter = 0.25 * x * x
    # Negative orders: the first terms are added one by one until the gamma function's argument is positive.
    start = np.where(order < 0.0, np.ceil(-order), 0.0)
    head = np.zeros_like(x)
    for k in range(int(np.max(start)) if x.size else 0):
        weight = np.array([_reciprocal_gamma(v + k + 1.0) / math.factorial(min(k, 170)) for v in order.tolist()])
        head = np.where(k < start, head + weight * quarter**k, head)
    base = order + start
    term = np.ones_like(x)
    total = np.ones_like(x)
    k = 0
    while np.any(term > 2.0**-53 * total) and k < 100_000:
        k += 1
        term = term * quarter / ((start + k) * (base + k))
        total = total + term
    first = np.array([1.0 / (math.gamma(s + 1.0) * math.gamma(b + 1.0)) for s, b in zip(start.tolist(), base.tolist())])
    return np.power(0.5 * x, order) * (head + first * quarter**start * total)


@lru_cache(maxsize=None)
def _uniform_polynomials(count: int) -> list[np.polynomial.Polynomial]:
    """U_0 ... U_{count-1} of DLMF 10.41.9."""
    p = np.polynomial.Polynomial([0.0, 1.0])
    result = [np.polynomial.Polynomial([1.0])]
    for _ in range(count - 1):
        last = result[-1]
        result.append(0.5 * p**2 * (1 - p**2) * last.deriv() + 0.125 * ((1 - 5 * p**2) * last).integ())
    return result


def _i_uniform(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """I for orders of 50 and more, by the uniform expansions; below -50 with K's (DLMF 10.27.2)."""
    size = np.abs(order)
    ratio = x / size
    root = np.sqrt(1.0 + ratio * ratio)
    exponent = size * (root + np.log(ratio / (1.0 + root)))
    polynomials = _uniform_polynomials(14)
    growing = sum(u(1.0 / root) / size**k for k, u in enumerate(polynomials))
    falling = sum((-1) ** k * u(1.0 / root) / size**k for k, u in enumerate(polynomials))
    half = np.exp(0.5 * exponent)  # the product may be finite where exp(exponent) is not
    value = half * (growing / (np.sqrt(2.0 * np.pi * size) * np.sqrt(root))) * half
    # sin(pi order) of the fractional part; 0 for integers.
    sine = np.sin(np.pi * (size - np.round(size))) * np.where(np.mod(np.round(size), 2.0) == 1.0, -1.0, 1.0)
    k_value = np.sqrt(np.pi / (2.0 * size)) * np.exp(-exponent) / np.sqrt(root) * falling
    extra = np.where((order < 0.0) & (sine != 0.0), 2.0 / np.pi * sine * k_value, 0.0)
    return value + extra


def _i_large(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    terms = _hankel_terms(order, x, 40)
    total = sum((-1) ** k * term for k, term in enumerate(terms))
    half = np.exp(0.5 * x)  # exp(x) itself overflows before the product does
    return np.where(np.isposinf(x), np.inf, half * (total / np.sqrt(2.0 * np.pi * x)) * half)


def _i_positive(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """I of a real order at x >= 0."""
    result = np.where(np.isnan(order) | np.isnan(x), np.nan, np.where(order == 0.0, 1.0, 0.0))
    large = x >= _hankel_from(order)
    inner = (x > 0.0) & ~large & np.isfinite(order)
    uniform = inner & (np.abs(order) >= _UNIFORM_FROM)
    series = inner & ~uniform
    if series.any():
        result[series] = _i_series(order[series], x[series])
    if uniform.any():
        result[uniform] = _i_uniform(order[uniform], x[uniform])
    if large.any():
        result[large] = _i_large(order[large], x[large])
    return result


@real_function
def iv(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind of real order."""
    whole = order == np.floor(order)
    effective = np.where(whole, np.abs(order), order)
    odd = whole & (np.mod(order, 2.0) == 1.0)
    result = np.where(odd & (x < 0.0), -1.0, 1.0) * _i_positive(effective, np.abs(x))
    pole = (order < 0.0) & ~whole & (x == 0.0)
    result = np.where(pole, np.where(np.mod(np.ceil(-order), 2.0) == 1.0, np.inf, -np.inf), result)
    return np.where(~whole & (x < 0.0), np.nan, result)


@real_function
def i0(x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind of order 0."""
    return _i_positive(np.zeros_like(x), np.abs(x))


@real_function
def i1(x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind of order 1."""
    return np.copysign(1.0, x) * _i_positive(np.ones_like(x), np.abs(x))
