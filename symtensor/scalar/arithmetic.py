"""What the scalar ops compute, in NumPy: the truth that generated code is compared with.

Arguments are NumPy arrays or scalars that already have the dtypes named by the row's `operand_dtypes`; results may have
any dtype and are converted to the output dtype by `symtensor.scalar.table.evaluate`, which also silences floating-point
warnings. Where NumPy, Python and C disagree the choice is written down here:

  integer division   floors; by zero it gives 0, and the most negative number by -1 gives itself (it wraps)
  float `int_div`    is floor(x / y), so 1 // 0.1 is 10 and inf // 1 is inf
  `mod`              has the sign of the divisor; integer mod by zero is 0; x mod +-inf is x or +-inf as in Python
  integer `pow`      wraps; with a negative exponent it is the exact value truncated (0 unless the base is 1 or -1)
  `maximum`, `clip`  a NaN in either argument of maximum or minimum gives NaN; clip lets a NaN value through and ignores
                     NaN bounds, and the upper bound loses against the lower one for values below both
  rounding           half to even, or half away from zero exactly (0.49999999999999994 rounds to 0)
  `sgn`              NaN gives NaN, zeros give 0
  range tests        NaN is in no range
"""
from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

__all__ = [
    "abs_", "add", "angle", "and_", "clip", "complex_", "complex_from_polar", "identity", "inclosedrange",
    "inopenrange", "inrange_closed_open", "inrange_open_closed", "int_div", "inv", "maximum", "minimum", "mod",
    "mul", "or_", "pow_", "round_half_away_from_zero", "second", "sigmoid", "softplus", "softsign", "switch",
    "ultra_fast_sigmoid", "xlogx", "xlogy0", "xor",
]

Array = Any


def add(*args: Array) -> Array:
    """The sum, from left to right (`or` for bool)."""
    return reduce(np.add, args)


def mul(*args: Array) -> Array:
    """The product, from left to right (`and` for bool)."""
    return reduce(np.multiply, args)


def maximum(*args: Array) -> Array:
    """The largest, NaN if any is NaN."""
    return reduce(np.maximum, args)


def minimum(*args: Array) -> Array:
    """The smallest, NaN if any is NaN."""
    return reduce(np.minimum, args)


def and_(*args: Array) -> Array:
    """Bitwise and."""
    return reduce(np.bitwise_and, args)


def or_(*args: Array) -> Array:
    """Bitwise or."""
    return reduce(np.bitwise_or, args)


def xor(*args: Array) -> Array:
    """Bitwise exclusive or."""
    return reduce(np.bitwise_xor, args)


def _kind(x: Array) -> str:
    return np.asarray(x).dtype.kind


def int_div(x: Array, y: Array) -> Array:
    """The quotient rounded down."""
    if _kind(x) == "b":
        return np.logical_and(x, y)
    if _kind(x) in "iu":
        return np.floor_divide(x, y)
    if _kind(x) == "c":
        return np.floor(np.real(np.true_divide(x, y)))
    return np.floor(np.true_divide(x, y))


def mod(x: Array, y: Array) -> Array:
    """The remainder, with the sign of the divisor."""
    if _kind(x) == "b":
        return np.zeros_like(np.logical_and(x, y))
    return np.mod(x, y)


def pow_(x: Array, y: Array) -> Array:
    """x to the power y; integers wrap, and negative exponents of integers truncate."""
    if _kind(x) != "i":
        return np.power(x, y)
    x, y = np.broadcast_arrays(x, y)
    negative = y < 0
    result = np.power(x, np.where(negative, 0, y))
    odd = (y & 1).astype(bool)
    truncated = np.where(x == 1, 1, np.where(x == -1, np.where(odd, -1, 1), 0)).astype(x.dtype)
    return np.where(negative, truncated, result)


def inv(x: Array) -> Array:
    """The reciprocal."""
    return np.true_divide(np.asarray(x).dtype.type(1), x)


def abs_(x: Array) -> Array:
    """The absolute value; that of the most negative integer is itself."""
    return np.absolute(x)


def clip(x: Array, low: Array, high: Array) -> Array:
    """`low` where x < low, else `high` where x > high, else x."""
    return np.where(np.less(x, low), low, np.where(np.greater(x, high), high, x))


def identity(x: Array) -> Array:
    """x."""
    return x


def second(x: Array, y: Array) -> Array:
    """y, in the shape that x and y have together."""
    return np.broadcast_arrays(x, y)[1]


def switch(condition: Array, if_true: Array, if_false: Array) -> Array:
    """`if_true` where the condition is not zero, else `if_false`."""
    return np.where(np.asarray(condition).astype(bool), if_true, if_false)


def inopenrange(x: Array, low: Array, high: Array) -> Array:
    """low < x < high."""
    return np.logical_and(np.greater(x, low), np.less(x, high))


def inclosedrange(x: Array, low: Array, high: Array) -> Array:
    """low <= x <= high."""
    return np.logical_and(np.greater_equal(x, low), np.less_equal(x, high))


def inrange_open_closed(x: Array, low: Array, high: Array) -> Array:
    """low < x <= high."""
    return np.logical_and(np.greater(x, low), np.less_equal(x, high))


def inrange_closed_open(x: Array, low: Array, high: Array) -> Array:
    """low <= x < high."""
    return np.logical_and(np.greater_equal(x, low), np.less(x, high))


def round_half_away_from_zero(x: Array) -> Array:
    """The nearest integer, halves away from zero."""
    whole = np.trunc(x)
    # x - trunc(x) is exact, while adding one half to x is not.
    return np.where(np.absolute(x - whole) >= 0.5, whole + np.copysign(np.asarray(x).dtype.type(1), x), whole)


def angle(x: Array) -> Array:
    """The argument: pi for negative reals, arctan2(imag, real) for complex numbers."""
    if _kind(x) == "c":
        return np.arctan2(np.imag(x), np.real(x))
    return np.where(np.isnan(x), x, np.where(np.less(x, 0), np.pi, 0.0))


def complex_(real: Array, imag: Array) -> Array:
    """real + i imag, without arithmetic: infinities and NaN stay in their part."""
    real, imag = np.broadcast_arrays(real, imag)
    result = np.empty(real.shape, dtype=np.promote_types(real.dtype, np.complex64))
    result.real, result.imag = real, imag
    return result[()]


def complex_from_polar(radius: Array, theta: Array) -> Array:
    """radius * (cos(theta) + i sin(theta))."""
    return complex_(radius * np.cos(theta), radius * np.sin(theta))


# -- functions that NumPy has no name for ------------------------------------------------------------------------------


def _one(x: Array) -> Any:
    return np.asarray(x).dtype.type(1)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); where exp overflows the result is 0."""
    return _one(x) / (_one(x) + np.exp(-x))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    if _kind(x) == "c":
        return np.log1p(np.exp(x))
    zero = np.asarray(x).dtype.type(0)
    return np.maximum(x, zero) + np.log1p(np.exp(-np.absolute(x)))


def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    return x / (_one(x) + np.absolute(x))


def ultra_fast_sigmoid(x: Array) -> Array:
    """A piecewise rational approximation of the sigmoid, within 0.007; NaN gives NaN."""
    kind = np.asarray(x).dtype.type
    half = np.absolute(x) * kind(0.5)
    middle = kind(0.935409070603099) + kind(0.0458812946797165) * (half - kind(1.7))
    size = np.where(half < 1.7, kind(1.5) * half / (kind(1) + half), np.where(half < 3, middle, kind(0.99505475368673)))
    return np.where(np.isnan(x), x, kind(0.5) * (np.copysign(size, x) + kind(1)))


def xlogx(x: Array) -> Array:
    """x log(x), 0 at 0."""
    return np.where(np.equal(x, 0), np.asarray(x).dtype.type(0), x * np.log(x))


def xlogy0(x: Array, y: Array) -> Array:
    """x log(y), 0 where x is 0."""
    return np.where(np.equal(x, 0), np.asarray(x).dtype.type(0), x * np.log(y))
