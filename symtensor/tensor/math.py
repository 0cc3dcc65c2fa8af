"""Elementwise functions of tensors.

In: tensors, or what `as_tensor_variable` takes. Out: tensors of the broadcast pattern; dtypes follow the scalar ops.
Each name is an `Elemwise`: its doc says what it computes per element. Functions that need reductions or memory
(`isnan`, `isclose`, `smallest`, ...) are in `symtensor.tensor.comparison`.
"""
from __future__ import annotations

from typing import Any

from symtensor import scalar as scal
from symtensor.config import config
from symtensor.scalar.dtypes import DISCRETE
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.elementwise import Elemwise

__all__ = [
    "abs_", "add", "and_", "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "cast", "ceil", "ceil_intdiv", "chi2sf", "clip",
    "complex", "complex_from_polar", "conj", "cos", "cosh", "deg2rad", "div_proxy", "divmod", "eq", "erf", "erfc",
    "erfcinv", "erfcx", "erfinv", "exp", "exp2", "expm1", "fill", "floor", "floor_div", "gamma", "gammainc",
    "gammaincc", "gammal", "gammaln", "gammau", "ge", "gt", "i0", "i1", "imag", "int_div", "inv", "invert", "iround",
    "isinf_", "isnan_", "iv", "j0", "j1", "jv", "le", "log", "log10", "log1p", "log2", "lt", "maximum", "minimum",
    "mod", "mod_check", "mul", "neg", "neq", "or_", "pow", "power", "psi", "rad2deg", "real", "round",
    "round_half_away_from_zero", "round_half_to_even", "second", "sgn", "sin", "sinh", "sqr", "sqrt", "square", "sub",
    "switch", "tan", "tanh", "tensor_copy", "tri_gamma", "true_div", "trunc", "where", "xor",
]


def _op(scalar_op: Any, name: str, doc: str) -> Elemwise:
    op = Elemwise(scalar_op, name="Elemwise{%s,no_inplace}" % name)
    op.__doc__ = doc
    return op


# -- arithmetic --------------------------------------------------------------------------------------------------------

add = _op(scal.add, "add", "a + b + ... (logical or for booleans).")
sub = _op(scal.sub, "sub", "a - b. TypeError for two booleans.")
mul = _op(scal.mul, "mul", "a * b * ... (logical and for booleans).")
true_div = _op(scal.true_div, "true_div", "a / b; two integers give `config.floatX`.")
int_div = _op(scal.int_div, "int_div", "a / b rounded down; 0 for an integer divided by 0.")
floor_div = int_div
mod = _op(scal.mod, "mod", "What int_div leaves over: has the sign of b; 0 for an integer modulo 0.")
pow = _op(scal.pow, "pow", "a to the power b.")
neg = _op(scal.neg, "neg", "-a. TypeError for booleans.")
inv = _op(scal.inv, "inv", "1 / a, a float.")
abs_ = _op(scal.abs_, "abs_", "The absolute value; the modulus of a complex number.")
sgn = _op(scal.sgn, "sgn", "The sign: -1, 0 or 1; NaN for NaN.")
sqr = _op(scal.sqr, "sqr", "a * a.")
square = sqr
sqrt = _op(scal.sqrt, "sqrt", "The square root, a float; NaN below 0.")
maximum = _op(scal.maximum, "maximum", "The larger of x and y; NaN if either is.")
minimum = _op(scal.minimum, "minimum", "The smaller of x and y; NaN if either is.")
clip = _op(scal.clip, "clip", "x kept between min and max.")
second = _op(scal.second, "second", "b, repeated to the shape of a.")
fill = second
switch = _op(scal.switch, "switch", "`ift` where `cond` is not 0, else `iff`. Both are computed.")
where = switch
tensor_copy = Elemwise(scal.identity)
tensor_copy.__doc__ = "A copy."

# -- comparison and logic ----------------------------------------------------------------------------------------------

lt = _op(scal.lt, "lt", "a < b, a boolean.")
gt = _op(scal.gt, "gt", "a > b, a boolean.")
le = _op(scal.le, "le", "a <= b, a boolean.")
ge = _op(scal.ge, "ge", "a >= b, a boolean.")
eq = _op(scal.eq, "eq", "a == b, a boolean.")
neq = _op(scal.neq, "neq", "a != b, a boolean.")
isnan_ = _op(scal.isnan, "isnan", "Is a NaN? See also `isnan`.")
isinf_ = _op(scal.isinf, "isinf", "Is a infinite? See also `isinf`.")
and_ = _op(scal.and_, "and_", "Bitwise and of integers, logical and of booleans.")
or_ = _op(scal.or_, "or_", "Bitwise or of integers, logical or of booleans.")
xor = _op(scal.xor, "xor", "Bitwise exclusive or of integers, logical of booleans.")
invert = _op(scal.invert, "invert", "All bits flipped; logical not of booleans.")
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = and_, or_, xor, invert

# -- rounding ----------------------------------------------------------------------------------------------------------

ceil = _op(scal.ceil, "ceil", "The next whole number above, a float.")
floor = _op(scal.floor, "floor", "The next whole number below, a float.")
trunc = _op(scal.trunc, "trunc", "The next whole number towards 0, a float.")
round_half_to_even = _op(scal.round_half_to_even, "round_half_to_even", "The nearest whole number, halves to the even.")
round_half_away_from_zero = _op(
    scal.round_half_away_from_zero, "round_half_away_from_zero", "The nearest whole number, halves away from 0."
)

# -- exponentials, logarithms, trigonometry ----------------------------------------------------------------------------

exp = _op(scal.exp, "exp", "e to the power a.")
exp2 = _op(scal.exp2, "exp2", "2 to the power a.")
expm1 = _op(scal.expm1, "expm1", "e to the power a, minus 1, exact for small a.")
log = _op(scal.log, "log", "The natural logarithm.")
log2 = _op(scal.log2, "log2", "The logarithm to base 2.")
log10 = _op(scal.log10, "log10", "The logarithm to base 10.")
log1p = _op(scal.log1p, "log1p", "The natural logarithm of 1 + a, exact for small a.")
deg2rad = _op(scal.deg2rad, "deg2rad", "Degrees in radians.")
rad2deg = _op(scal.rad2deg, "rad2deg", "Radians in degrees.")
sin = _op(scal.sin, "sin", "The sine.")
cos = _op(scal.cos, "cos", "The cosine.")
tan = _op(scal.tan, "tan", "The tangent.")
arcsin = _op(scal.arcsin, "arcsin", "The inverse sine.")
arccos = _op(scal.arccos, "arccos", "The inverse cosine.")
arctan = _op(scal.arctan, "arctan", "The inverse tangent.")
arctan2 = _op(scal.arctan2, "arctan2", "The angle of the point (b, a), from -pi to pi.")
sinh = _op(scal.sinh, "sinh", "The hyperbolic sine.")
cosh = _op(scal.cosh, "cosh", "The hyperbolic cosine.")
tanh = _op(scal.tanh, "tanh", "The hyperbolic tangent.")
arcsinh = _op(scal.arcsinh, "arcsinh", "The inverse hyperbolic sine.")
arccosh = _op(scal.arccosh, "arccosh", "The inverse hyperbolic cosine.")
arctanh = _op(scal.arctanh, "arctanh", "The inverse hyperbolic tangent.")

# -- complex numbers ---------------------------------------------------------------------------------------------------

real = _op(scal.real, "real", "The real part.")
imag = _op(scal.imag, "imag", "The imaginary part; 0 for a real number.")
angle = _op(scal.angle, "angle", "The angle of a complex number, in radians.")
complex = _op(scal.complex, "complex", "The complex number of a real and an imaginary part.")
complex_from_polar = _op(scal.complex_from_polar, "complex_from_polar", "The complex number of a modulus and an angle.")
conj = _op(scal.conj, "conj", "The complex conjugate; a real number is its own.")

# -- special functions -------------------------------------------------------------------------------------------------

erf = _op(scal.erf, "erf", "The error function.")
erfc = _op(scal.erfc, "erfc", "1 - erf(a), exact for large a.")
erfcx = _op(scal.erfcx, "erfcx", "exp(a ** 2) * erfc(a).")
erfinv = _op(scal.erfinv, "erfinv", "The inverse of erf.")
erfcinv = _op(scal.erfcinv, "erfcinv", "The inverse of erfc.")
gamma = _op(scal.gamma, "gamma", "The gamma function.")
gammaln = _op(scal.gammaln, "gammaln", "The logarithm of the absolute value of the gamma function.")
psi = _op(scal.psi, "psi", "The derivative of gammaln.")
tri_gamma = _op(scal.tri_gamma, "tri_gamma", "The derivative of psi.")
gammainc = _op(scal.gammainc, "gammainc", "The regularised lower incomplete gamma function of (k, x).")
gammaincc = _op(scal.gammaincc, "gammaincc", "The regularised upper incomplete gamma function of (k, x).")
gammal = _op(scal.gammal, "gammal", "The lower incomplete gamma function of (k, x).")
gammau = _op(scal.gammau, "gammau", "The upper incomplete gamma function of (k, x).")
chi2sf = _op(scal.chi2sf, "chi2sf", "The probability that a chi-squared variable with k degrees of freedom exceeds x.")
j0 = _op(scal.j0, "j0", "The Bessel function of the first kind of order 0.")
j1 = _op(scal.j1, "j1", "The Bessel function of the first kind of order 1.")
jv = _op(scal.jv, "jv", "The Bessel function of the first kind of order v (real).")
i0 = _op(scal.i0, "i0", "The modified Bessel function of the first kind of order 0.")
i1 = _op(scal.i1, "i1", "The modified Bessel function of the first kind of order 1.")
iv = _op(scal.iv, "iv", "The modified Bessel function of the first kind of order v (real).")

# -- functions of these ------------------------------------------------------------------------------------------------

_CASTS = {
    dtype: Elemwise(getattr(scal, "convert_to_" + dtype))
    for dtype in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
        "float64", "complex64", "complex128",
    )
}


def cast(x: Any, dtype: Any) -> Any:
    """`x` converted to `dtype` ("floatX" for the configured one), itself where it has that dtype.

    Raises TypeError for an unknown dtype and for complex to real, which does not say what to keep.
    """
    dtype = config.floatX if str(dtype) == "floatX" else str(dtype)
    tensor = as_tensor_variable(x)
    if tensor.type.dtype == dtype:
        return tensor
    if dtype not in _CASTS:
        raise TypeError(f"Unsupported dtype for cast: {dtype}")
    if tensor.type.dtype.startswith("complex") and not dtype.startswith("complex"):
        raise TypeError("Casting from complex to real is ambiguous: consider real(), imag(), angle() or abs()")
    return _CASTS[dtype](tensor)


def power(x: Any, y: Any) -> Any:
    """x to the power y."""
    return pow(x, y)


def mod_check(x: Any, y: Any) -> Any:
    """x modulo y. Raises ComplexError for complex numbers."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    if "complex" in x.type.dtype or "complex" in y.type.dtype:
        raise scal.ComplexError(
            "Symtensor does not support the mod operator (%) on complex numbers, since numpy deprecated it."
        )
    return mod(x, y)


def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """(x // y, x % y)."""
    return int_div(x, y), mod_check(x, y)


def div_proxy(x: Any, y: Any) -> Any:
    """x / y as `config.int_division` says for two integers: "int" rounds down, "floatX" does not, "raise" refuses."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    discrete = x.type.dtype in DISCRETE and y.type.dtype in DISCRETE
    if discrete and config.int_division == "raise":
        raise scal.IntegerDivisionError(
            "With `config.int_division` set to 'raise', dividing two integer types with '/' is forbidden to avoid "
            "confusion between integer and floating point divisions. Please use // for integer division, or if you "
            "want a float result either cast one of the arguments to a float or directly call `x.__truediv__(y)`."
        )
    if discrete and config.int_division == "int":
        return int_div(x, y)
    return true_div(x, y)


def ceil_intdiv(a: Any, b: Any) -> Any:
    """a / b rounded up, for integers."""
    quotient = int_div(a, b)
    return cast(neq(mod(a, b), 0), quotient.dtype) + quotient


def round(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number, of a's float dtype.

    mode: "half_to_even" (the default) or "half_away_from_zero". Raises TypeError for integers.
    """
    if mode is None or mode == "half_to_even":
        return round_half_to_even(a)
    if mode == "half_away_from_zero":
        return round_half_away_from_zero(a)
    raise ValueError(f"round mode {mode} is not implemented.")


def iround(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number as an int64. See `round`."""
    return cast(round(a, mode), "int64")
