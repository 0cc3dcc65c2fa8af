"""Dtypes by name: their order, their promotion, and the rules that give an op's output dtype.

In come dtype names ("int8", "float32", ...), out comes a dtype name. A combination that a rule does not accept raises
TypeError with the wording Theano users know. Two settings matter and are read at every call: `config.floatX` (what two
integers divide to) and `config.cast_policy` ("numpy+floatX" keeps float64 out of results that no input asked for).

No graphs, no variables: `symtensor.scalar.basic` wraps these rules for `Scalar` types.
"""
from __future__ import annotations

from functools import lru_cache, reduce
from typing import Callable, Union

import numpy as np

from symtensor.config import config

__all__ = [
    "ALL", "BOOL", "COMPLEX", "CONTINUOUS", "DISCRETE", "FLOAT", "INT", "INTEGER", "UINT", "ComplexError",
    "IntegerDivisionError", "OutputRule", "autocast_float_dtype", "autocast_int_dtype", "complex_counterpart",
    "float_of", "in_range_out", "is_complex", "is_discrete", "is_float", "real_counterpart", "upcast", "rule_bitwise",
    "rule_bool", "rule_complex_pair", "rule_float64", "rule_real", "rule_same", "rule_same_float_only",
    "rule_same_min8", "rule_same_nobool", "rule_same_nocomplex", "rule_second", "rule_sgn", "rule_switch",
    "rule_true_div", "rule_unary_bitwise", "rule_upcast", "rule_upcast_min8", "rule_upcast_nobool",
    "rule_upcast_nocomplex", "rule_upgrade_to_float", "rule_upgrade_to_float64", "rule_upgrade_to_float_no_complex",
]

BOOL = ("bool",)
INT = ("int8", "int16", "int32", "int64")
UINT = ("uint8", "uint16", "uint32", "uint64")
FLOAT = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGER = INT + UINT
DISCRETE = BOOL + INTEGER
CONTINUOUS = FLOAT + COMPLEX
ALL = DISCRETE + CONTINUOUS

OutputRule = Callable[..., str]

# What a discrete operand counts as where a function needs a float: the smallest float (at least float32) that holds
# every value of an 8 or 16 bit integer, float64 for the others.
_FLOAT_OF_DISCRETE = {
    "bool": "float32", "int8": "float32", "int16": "float32", "int32": "float64", "int64": "float64",
    "uint8": "float32", "uint16": "float32", "uint32": "float64", "uint64": "float64",
}


class ComplexError(NotImplementedError):
    """An operation that is not defined on complex numbers was asked for."""


class IntegerDivisionError(Exception):
    """`x / y` on two integer types while `config.int_division` is "raise"."""


def is_discrete(dtype: str) -> bool:
    """Whether the dtype is bool, signed or unsigned integer."""
    return dtype in DISCRETE


def is_float(dtype: str) -> bool:
    """Whether the dtype is a real floating dtype."""
    return dtype in FLOAT


def is_complex(dtype: str) -> bool:
    """Whether the dtype is complex."""
    return dtype in COMPLEX


def real_counterpart(dtype: str) -> str:
    """The dtype of the real part: float32 for complex64, float64 for complex128, the dtype itself otherwise."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def complex_counterpart(dtype: str) -> str:
    """The complex dtype whose parts hold the real dtype: complex64 up to float32 and 16 bit integers."""
    if dtype in COMPLEX:
        return dtype
    return "complex64" if dtype in ("bool", "int8", "int16", "uint8", "uint16", "float16", "float32") else "complex128"


def float_of(dtype: str) -> str:
    """The dtype that a discrete operand has as a float (8 and 16 bits: float32, else float64); others unchanged."""
    return _FLOAT_OF_DISCRETE.get(dtype, dtype)


@lru_cache(maxsize=4096)
def _promote(*dtypes: str) -> str:
    # Pairwise from left to right: promotion is not associative (int8, uint16, float16 gives float64 this way).
    return str(reduce(np.promote_types, (np.dtype(d) for d in dtypes)))


def upcast(dtype: str, *dtypes: str) -> str:
    """The dtype that holds values of all given dtypes, as NumPy promotes arrays, from left to right.

    With `config.cast_policy` "numpy+floatX", a float wider than `config.floatX` becomes that, unless an input is as
    wide.
    """
    result = _promote(dtype, *dtypes)
    if config.cast_policy == "numpy+floatX" and result in FLOAT:
        wider = FLOAT[FLOAT.index(config.floatX) + 1:]
        if result in wider and not any(d in wider for d in (dtype, *dtypes)):
            return config.floatX
    return result


# -- output rules ------------------------------------------------------------------------------------------------------


def _refuse_complex(dtypes: tuple[str, ...], message: str = "complex argument not supported") -> None:
    if any(d in COMPLEX for d in dtypes):
        raise TypeError(message)


def rule_upcast(*dtypes: str) -> str:
    """The promotion of all inputs."""
    return upcast(*dtypes)


def rule_upcast_nobool(*dtypes: str) -> str:
    """The promotion of all inputs; TypeError where that is bool."""
    result = upcast(*dtypes)
    if result == "bool":
        raise TypeError("bool output not supported", dtypes)
    return result


def rule_upcast_min8(*dtypes: str) -> str:
    """The promotion of all inputs, int8 where that is bool."""
    result = upcast(*dtypes)
    return "int8" if result == "bool" else result


def rule_upcast_nocomplex(*dtypes: str) -> str:
    """The promotion of all inputs; TypeError for a complex one."""
    _refuse_complex(dtypes, "complex type are not supported")
    return upcast(*dtypes)


def rule_upgrade_to_float(*dtypes: str) -> str:
    """The promotion of all inputs where a discrete one counts as float32 or float64."""
    return upcast(*(float_of(d) for d in dtypes))


def rule_upgrade_to_float_no_complex(*dtypes: str) -> str:
    """As `rule_upgrade_to_float`; TypeError for a complex input."""
    _refuse_complex(dtypes)
    return rule_upgrade_to_float(*dtypes)


def rule_upgrade_to_float64(*dtypes: str) -> str:
    """Always float64."""
    return "float64"


rule_float64 = rule_upgrade_to_float64


def rule_same(dtype: str) -> str:
    """The dtype of the only input."""
    return dtype


def rule_same_min8(dtype: str) -> str:
    """The dtype of the only input, int8 for bool."""
    return "int8" if dtype == "bool" else dtype


def rule_same_nobool(dtype: str) -> str:
    """The dtype of the only input; TypeError for bool."""
    if dtype == "bool":
        raise TypeError("bool input not supported")
    return dtype


def rule_same_nocomplex(dtype: str) -> str:
    """The dtype of the only input; TypeError for a complex one."""
    _refuse_complex((dtype,))
    return dtype


def rule_same_float_only(dtype: str) -> str:
    """The dtype of the only input, which must be a real float."""
    if dtype not in FLOAT:
        raise TypeError("only float type are supported")
    return dtype


def rule_sgn(dtype: str) -> str:
    """The dtype of the only input, which must be neither bool nor complex."""
    _refuse_complex((dtype,))
    if dtype == "bool":
        raise TypeError(dtype)
    return dtype


def rule_real(dtype: str) -> str:
    """The dtype of the real part of the only input."""
    return real_counterpart(dtype)


def rule_second(_first: str, second: str) -> str:
    """The dtype of the second input."""
    return second


def rule_switch(_condition: str, if_true: str, if_false: str) -> str:
    """The promotion of the two branches; the condition does not count."""
    return upcast(if_true, if_false)


def rule_bool(*dtypes: str) -> str:
    """Always bool."""
    return "bool"


def in_range_out(*dtypes: str) -> str:
    """Always int8: the range tests are older than the bool dtype."""
    return "int8"


def rule_true_div(numerator: str, denominator: str) -> str:
    """`config.floatX` for two discrete inputs, their promotion otherwise."""
    if numerator in DISCRETE and denominator in DISCRETE:
        return config.floatX
    return upcast(numerator, denominator)


def rule_complex_pair(real: str, imag: str) -> str:
    """The complex dtype whose parts hold both inputs; TypeError for a complex one."""
    for dtype in (real, imag):
        if dtype in COMPLEX:
            raise TypeError(dtype)
    return complex_counterpart(upcast(real, imag))


_BIT_TYPES = "input to a BitOp must have type (u)int8, (u)int16, (u)int32 or (u)int64 or"


def rule_bitwise(*dtypes: str) -> str:
    """bool for bools, the promotion for integers; TypeError for anything else, also for bool with integer.

    The promotion of a signed dtype with uint64 is float64, here as everywhere.
    """
    if all(dtype == "bool" for dtype in dtypes):
        return "bool"
    for dtype in dtypes:
        if dtype not in INTEGER:
            raise TypeError(f"{_BIT_TYPES} be all bools not {dtype}")
    return upcast(*dtypes)


def rule_unary_bitwise(dtype: str) -> str:
    """The dtype of the only input, which must be discrete."""
    if dtype not in DISCRETE:
        raise TypeError(f"{_BIT_TYPES} bool not {dtype}")
    return dtype


# -- dtypes of Python numbers ------------------------------------------------------------------------------------------

AUTOCAST_INT = ("int8", "int16", "int32", "int64")
AUTOCAST_FLOAT = ("float16", "float32", "float64")


def _holds(dtype: str, value: Union[int, float]) -> bool:
    with np.errstate(all="ignore"):
        return float(np.asarray(value).astype(dtype)) == float(value)


def autocast_int_dtype(value: int, dtypes: tuple[str, ...] = AUTOCAST_INT) -> str:
    """The first of `dtypes` that holds the Python integer; int64 under the "numpy+floatX" policy.

    uint64 is used for what only that holds. OverflowError beyond it.
    """
    value = int(value)
    if config.cast_policy == "numpy+floatX" and -(2**63) <= value < 2**63:
        return "int64"
    for dtype in dtypes:
        info = np.iinfo(dtype)
        if info.min <= value <= info.max:
            return dtype
    if 0 <= value < 2**64:
        return "uint64" if value >= 2**63 else dtypes[-1]
    raise OverflowError(f"Python int too large to convert to a 64 bit integer: {value}")


def autocast_float_dtype(value: float, dtypes: tuple[str, ...] = AUTOCAST_FLOAT) -> str:
    """The dtype of a Python float in an expression: `config.floatX` under the "numpy+floatX" policy or if that is
    float16 or float32 and among `dtypes`, else the first of `dtypes` that holds the value exactly, else the last.

    float16 counts only as `config.floatX`: no value becomes half precision by being short.
    """
    if config.cast_policy == "numpy+floatX":
        return config.floatX
    if config.floatX in dtypes and config.floatX != "float64":
        return config.floatX
    wide = [d for d in dtypes if d != "float16"] or list(dtypes)
    if value != value:
        return wide[-1]
    return next((d for d in wide if _holds(d, value)), wide[-1])
