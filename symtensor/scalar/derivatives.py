"""Derivatives of the scalar ops, each written once for scalars and for tensors.

A derivative is a function `(m, inputs, outputs, gz) -> list` with one entry per input: the vector-Jacobian product of
the output's gradient `gz`. `inputs` and `outputs` are symbolic variables with `.dtype`, `-x`, `x + y`, `x - y`,
`x * y`, `x / y`, `x // y` and `x ** y`; `m` is a namespace of

    the rows of the scalar table by name      m.exp(x), m.switch(c, a, b), ...
    m.constant(value, dtype)                  a constant; without a dtype the smallest one that holds a Python number
    m.cast(x, dtype)

so the same text serves `symtensor.scalar` and elementwise tensor ops. An entry may also be `DISCONNECTED` (the output's
value does not depend on that input at all) or `NOT_IMPLEMENTED` (it depends on it, but nobody wrote it down): the
caller turns these into gradients of the corresponding types.

Where an output is discrete, every derivative is zero (of the input's dtype, `config.floatX` if that is discrete).
Complex inputs: linear functions, `mul`, `abs_`, `real`, `imag`, `conj` and division are differentiated with the
convention d/dRe + i d/dIm; others raise NotImplementedError.
"""
from __future__ import annotations

import enum
import math
from typing import Any, Callable, Sequence

from symtensor.config import config
from symtensor.scalar.dtypes import COMPLEX, DISCRETE, real_counterpart, upcast

__all__ = ["DERIVATIVES", "DISCONNECTED", "NOT_IMPLEMENTED", "Derivative", "NoGradient"]

Derivative = Callable[[Any, Sequence[Any], Sequence[Any], Any], list]


class NoGradient(enum.Enum):
    """Why there is no gradient with respect to an input."""

    DISCONNECTED = "disconnected"
    NOT_IMPLEMENTED = "not implemented"


DISCONNECTED = NoGradient.DISCONNECTED
NOT_IMPLEMENTED = NoGradient.NOT_IMPLEMENTED

# -- helpers -----------------------------------------------------------------------------------------------------------


def _zero(m: Any, x: Any) -> Any:
    """Zeros like `x`, in a dtype that a gradient may have."""
    return m.second(x, m.constant(0, config.floatX if x.dtype in DISCRETE else x.dtype))


def _zeros(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [_zero(m, x) for x in inputs]


def _const(m: Any, value: float, *like: Any) -> Any:
    """A constant in the dtype that the given variables promote to, so that it never widens the result."""
    return m.constant(value, upcast(*(v.dtype for v in like)))


def _smooth(body: Callable[[Any, Sequence[Any], Sequence[Any], Any], Any]) -> Derivative:
    """The derivative of a function that is discrete nowhere, unless its output is, and not written for complex."""

    def derivative(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
        if any(x.dtype in COMPLEX for x in inputs):
            raise NotImplementedError("the gradient of this function is not defined for complex arguments")
        return _anywhere(body)(m, inputs, outputs, gz)

    return derivative


def _anywhere(body: Callable[[Any, Sequence[Any], Sequence[Any], Any], Any]) -> Derivative:
    """As `_smooth`, complex included."""

    def derivative(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
        if outputs[0].dtype in DISCRETE:
            return _zeros(m, inputs, outputs, gz)
        result = body(m, inputs, outputs, gz)
        return result if isinstance(result, list) else [result]

    return derivative


def _unary(body: Callable[[Any, Any, Any, Any], Any]) -> Derivative:
    """A smooth function of one argument: body(m, x, output, gz)."""
    return _smooth(lambda m, inputs, outputs, gz: body(m, inputs[0], outputs[0], gz))


# -- arithmetic --------------------------------------------------------------------------------------------------------


def _real_part_if_real(m: Any, x: Any, g: Any) -> Any:
    """What a real input of a complex-valued expression receives: the real part of the gradient."""
    if g.dtype in COMPLEX and x.dtype not in COMPLEX:
        return m.real(g)
    return g


def _add(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [_real_part_if_real(m, x, gz) for x in inputs]


def _sub(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    return [_real_part_if_real(m, x, gz), _real_part_if_real(m, y, -gz)]


def _mul(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    result = []
    for i, x in enumerate(inputs):
        others = [y for j, y in enumerate(inputs) if j != i]
        if gz.dtype in COMPLEX:
            others = [m.conj(y) if y.dtype in COMPLEX else y for y in others]
        result.append(_real_part_if_real(m, x, m.mul(gz, *others)))
    return result


def _true_div(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    if outputs[0].dtype in COMPLEX:
        over = m.conj(y) if y.dtype in COMPLEX else y
        top = m.conj(x) if x.dtype in COMPLEX else x
        return [_real_part_if_real(m, x, gz / over), _real_part_if_real(m, y, -(gz * top) / (over * over))]
    return [gz / y, -(gz * x) / (y * y)]


def _mod(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    return [gz, -(x // y) * gz]


def _pow(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    # log(0) belongs to a branch that is not taken: 0 ** y does not move with y.
    by_exponent = m.switch(m.eq(x, m.constant(0)), m.constant(0), gz * m.log(x) * x**y)
    return [gz * y * x ** (y - m.constant(1)), by_exponent]


def _neg(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [-gz]


def _identity(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [gz]


def _abs(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    if x.dtype in COMPLEX:
        return [gz * x / m.abs_(x)]
    return [gz * m.sgn(x)]


def _extreme(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    chosen = m.eq(outputs[0], x)
    return [chosen * gz, (_const(m, 1, gz) - chosen) * gz]


def _clip(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, low, high = inputs
    inside = m.and_(m.ge(x, low), m.le(x, high))
    return [inside * gz, m.lt(x, low) * gz, m.gt(x, high) * gz]


def _second(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    y = inputs[1]
    return [DISCONNECTED, _zero(m, y) if y.dtype in DISCRETE else gz]


def _switch(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    condition = inputs[0]
    zero = m.constant(0, gz.dtype)
    return [_zero(m, condition), m.switch(condition, gz, zero), m.switch(condition, zero, gz)]


# -- complex -----------------------------------------------------------------------------------------------------------


def _real(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    return [m.complex(gz, m.constant(0)) if x.dtype in COMPLEX else gz]


def _imag(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    return [m.complex(m.constant(0), gz) if x.dtype in COMPLEX else _zero(m, x)]


def _conj(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [m.conj(gz) if gz.dtype in COMPLEX else gz]


def _complex(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    return [m.real(gz), m.imag(gz)]


def _complex_from_polar(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    radius, theta = inputs
    sin, cos, real, imag = m.sin(theta), m.cos(theta), m.real(gz), m.imag(gz)
    return [real * cos + imag * sin, radius * (imag * cos - real * sin)]


def _angle(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    if x.dtype not in COMPLEX:
        return [_zero(m, x)]
    re, im = m.real(x), m.imag(x)
    size = m.sqr(re) + m.sqr(im)
    return [m.complex(-(gz * im) / size, (gz * re) / size)]


# -- elementary functions ----------------------------------------------------------------------------------------------

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
_HALF_ROOT_PI = math.sqrt(math.pi) / 2.0


def _arctan2(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    y, x = inputs
    return [gz * x / (m.sqr(x) + m.sqr(y)), gz * -y / (m.sqr(x) + m.sqr(y))]


def _xlogy0(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, y = inputs
    return [gz * m.log(y), gz * x / y]


def _inv(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    if x.dtype in COMPLEX:
        over = m.conj(x)
        return [-gz / (over * over)]
    return [-gz / (x * x)]


def _sqr(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    (x,) = inputs
    return [gz * (m.conj(x) if x.dtype in COMPLEX else x) * m.constant(2)]


def _softsign(m: Any, x: Any, z: Any, gz: Any) -> Any:
    size = _const(m, 1, z) + m.abs_(x)
    return gz / (size * size)


def _gammainc(sign: int) -> Derivative:
    """d/dx of the (un)normalised incomplete gamma functions; the derivative by the order is not elementary."""

    def body(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
        k, x = inputs
        density = m.exp((k - m.constant(1)) * m.log(x) - x - m.gammaln(k))
        return [NOT_IMPLEMENTED, gz * density if sign > 0 else -gz * density]

    return _smooth(body)


def _gamma_unnormalised(sign: int) -> Derivative:
    def body(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
        k, x = inputs
        density = x ** (k - m.constant(1)) * m.exp(-x)
        return [NOT_IMPLEMENTED, gz * density if sign > 0 else -gz * density]

    return _smooth(body)


def _chi2sf(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    x, k = inputs
    half = m.constant(0.5, "float64")
    log_density = (half * k - m.constant(1)) * m.log(x) - half * x - m.gammaln(half * k) - half * k * math.log(2.0)
    return [-gz * m.exp(log_density), NOT_IMPLEMENTED]


def _bessel_j(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    v, x = inputs
    one = m.constant(1)
    return [NOT_IMPLEMENTED, gz * (m.jv(v - one, x) - m.jv(v + one, x)) / m.constant(2.0, real_counterpart(gz.dtype))]


def _bessel_i(m: Any, inputs: Sequence[Any], outputs: Sequence[Any], gz: Any) -> list:
    v, x = inputs
    one = m.constant(1)
    return [NOT_IMPLEMENTED, gz * (m.iv(v - one, x) + m.iv(v + one, x)) / m.constant(2.0, real_counterpart(gz.dtype))]


# Rows that are missing here are not differentiable (their gradient is not defined); rows that are flat almost
# everywhere have zero derivatives.
DERIVATIVES: dict[str, Derivative] = {
    **dict.fromkeys(
        ("lt", "gt", "le", "ge", "eq", "neq", "isnan", "isinf", "inopenrange", "inclosedrange", "inrange_open_closed",
         "inrange_closed_open", "and_", "or_", "xor", "invert", "sgn", "ceil", "floor", "trunc", "round_half_to_even",
         "round_half_away_from_zero", "int_div"),
        _zeros,
    ),
    "add": _anywhere(_add),
    "sub": _anywhere(_sub),
    "mul": _anywhere(_mul),
    "true_div": _anywhere(_true_div),
    "mod": _smooth(_mod),
    "pow": _smooth(_pow),
    "neg": _anywhere(_neg),
    "identity": _anywhere(_identity),
    "abs_": _anywhere(_abs),
    "maximum": _smooth(_extreme),
    "minimum": _smooth(_extreme),
    "clip": _smooth(_clip),
    "second": _second,
    "switch": _switch,
    "inv": _anywhere(_inv),
    "sqr": _anywhere(_sqr),
    "real": _anywhere(_real),
    "imag": _anywhere(_imag),
    "conj": _anywhere(_conj),
    "complex": _complex,
    "complex_from_polar": _complex_from_polar,
    "angle": _anywhere(_angle),
    "exp": _unary(lambda m, x, z, gz: gz * z),
    "exp2": _unary(lambda m, x, z, gz: gz * z * m.log(_const(m, 2, z))),
    "expm1": _unary(lambda m, x, z, gz: gz * m.exp(x)),
    "log": _unary(lambda m, x, z, gz: gz / x),
    "log2": _unary(lambda m, x, z, gz: gz / (x * _const(m, math.log(2.0), z))),
    "log10": _unary(lambda m, x, z, gz: gz / (x * _const(m, math.log(10.0), z))),
    "log1p": _unary(lambda m, x, z, gz: gz / (m.constant(1) + x)),
    "sqrt": _unary(lambda m, x, z, gz: (gz * _const(m, 0.5, z)) / z),
    "deg2rad": _unary(lambda m, x, z, gz: gz * _const(m, math.pi / 180.0, z)),
    "rad2deg": _unary(lambda m, x, z, gz: gz * _const(m, 180.0 / math.pi, z)),
    "cos": _unary(lambda m, x, z, gz: -gz * m.sin(x)),
    "sin": _unary(lambda m, x, z, gz: gz * m.cos(x)),
    "tan": _unary(lambda m, x, z, gz: gz / m.sqr(m.cos(x))),
    "arccos": _unary(lambda m, x, z, gz: -gz / m.sqrt(_const(m, 1, z) - m.sqr(x))),
    "arcsin": _unary(lambda m, x, z, gz: gz / m.sqrt(_const(m, 1, z) - m.sqr(x))),
    "arctan": _unary(lambda m, x, z, gz: gz / (_const(m, 1, z) + m.sqr(x))),
    "arctan2": _smooth(_arctan2),
    "cosh": _unary(lambda m, x, z, gz: gz * m.sinh(x)),
    "sinh": _unary(lambda m, x, z, gz: gz * m.cosh(x)),
    "tanh": _unary(lambda m, x, z, gz: gz * (m.constant(1) - m.sqr(z))),
    "arccosh": _unary(lambda m, x, z, gz: gz / m.sqrt(m.sqr(x) - _const(m, 1, z))),
    "arcsinh": _unary(lambda m, x, z, gz: gz / m.sqrt(m.sqr(x) + _const(m, 1, z))),
    "arctanh": _unary(lambda m, x, z, gz: gz / (_const(m, 1, z) - m.sqr(x))),
    "erf": _unary(lambda m, x, z, gz: gz * _const(m, _TWO_OVER_ROOT_PI, z) * m.exp(-x * x)),
    "erfc": _unary(lambda m, x, z, gz: -gz * _const(m, _TWO_OVER_ROOT_PI, z) * m.exp(-x * x)),
    "erfcx": _unary(lambda m, x, z, gz: gz * (_const(m, -_TWO_OVER_ROOT_PI, z) + (_const(m, 2, z) * x) * z)),
    "erfinv": _unary(lambda m, x, z, gz: gz * _const(m, _HALF_ROOT_PI, z) * m.exp(z ** m.constant(2))),
    "erfcinv": _unary(lambda m, x, z, gz: -gz * _const(m, _HALF_ROOT_PI, z) * m.exp(z ** m.constant(2))),
    "gamma": _unary(lambda m, x, z, gz: gz * z * m.psi(x)),
    "gammaln": _unary(lambda m, x, z, gz: gz * m.psi(x)),
    "psi": _unary(lambda m, x, z, gz: gz * m.tri_gamma(x)),
    "gammainc": _gammainc(1),
    "gammaincc": _gammainc(-1),
    "gammal": _gamma_unnormalised(1),
    "gammau": _gamma_unnormalised(-1),
    "chi2sf": _smooth(_chi2sf),
    "j0": _unary(lambda m, x, z, gz: gz * m.constant(-1) * m.j1(x)),
    "j1": _unary(lambda m, x, z, gz: gz * (m.j0(x) - m.jv(m.constant(2), x)) / _const(m, 2, z)),
    "jv": _smooth(_bessel_j),
    "i0": _unary(lambda m, x, z, gz: gz * m.i1(x)),
    "i1": _unary(lambda m, x, z, gz: gz * (m.i0(x) + m.iv(m.constant(2), x)) / _const(m, 2, z)),
    "iv": _smooth(_bessel_i),
    "sigmoid": _unary(lambda m, x, z, gz: gz * z * (_const(m, 1, z) - z)),
    "softplus": _unary(lambda m, x, z, gz: gz * m.sigmoid(x)),
    "softsign": _unary(_softsign),
    "xlogx": _unary(lambda m, x, z, gz: gz * (m.constant(1) + m.log(x))),
    "xlogy0": _smooth(_xlogy0),
}
