"""The words of C: types, literals and names for each dtype."""
from __future__ import annotations

import math
from collections.abc import Mapping

from symtensor.codegen.library import DTYPE_TAGS

ITEMSIZE: Mapping[str, int] = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}

# In memory.
MEMORY: Mapping[str, str] = {
    "bool": "st_u8", "int8": "st_i8", "int16": "st_i16", "int32": "st_i32", "int64": "st_i64",
    "uint8": "st_u8", "uint16": "st_u16", "uint32": "st_u32", "uint64": "st_u64",
    "float16": "st_u16", "float32": "float", "float64": "double",
    "complex64": "float _Complex", "complex128": "double _Complex",
}

# In a local variable. float16 is computed in float and rounded after every operation.
LOCAL: Mapping[str, str] = {**MEMORY, "bool": "_Bool", "float16": "float"}

# In the arrays that hold the values of one block: as in memory, but float16 as float.
BLOCK: Mapping[str, str] = {**MEMORY, "float16": "float"}

UNSIGNED: Mapping[str, str] = {"int8": "st_u32", "int16": "st_u32", "int32": "st_u32", "int64": "st_u64",
                               "uint8": "st_u32", "uint16": "st_u32", "uint32": "st_u32", "uint64": "st_u64"}

BITS: Mapping[str, int] = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint32": 32,
                           "uint64": 64}

TAG = DTYPE_TAGS


def kind(dtype: str) -> str:
    """b bool, i signed, u unsigned, f float16, float32 or float64, c complex."""
    return dtype[0]


def literal(value: object, dtype: str) -> str:
    """A constant of the dtype as an expression that needs no parentheses."""
    k = kind(dtype)
    if k == "b":
        return "1" if value else "0"
    if k in "iu":
        return _integer(int(value), dtype)  # type: ignore[call-overload]
    if k == "f":
        return _float(float(value), "" if dtype == "float64" else "f")  # type: ignore[arg-type]
    number = complex(value)  # type: ignore[call-overload]
    suffix = "" if dtype == "complex128" else "f"
    return f"__builtin_complex({_float(number.real, suffix)}, {_float(number.imag, suffix)})"


def _integer(value: int, dtype: str) -> str:
    if dtype == "uint64":
        return f"{value}ULL"
    if dtype == "uint32":
        return f"{value}U"
    if value == -(1 << 63):
        return "(-9223372036854775807LL - 1)"
    if value == -(1 << 31) and dtype == "int32":
        return "(-2147483647 - 1)"
    text = f"{value}LL" if abs(value) >= 1 << 31 else str(value)
    return f"({text})" if value < 0 else text


def _float(value: float, suffix: str) -> str:
    if math.isnan(value):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(value):
        text = f"__builtin_inf{suffix}()"
        return text if value > 0 else f"(-{text})"
    if value == int(value) and abs(value) < 1e6:
        text = f"{abs(int(value))}.0"
    else:
        text = short_hex(abs(value))
    text += suffix
    return f"(-{text})" if math.copysign(1.0, value) < 0 else text


def short_hex(value: float) -> str:
    """A hexadecimal floating literal without trailing zeros."""
    head, exponent = value.hex().split("p")
    return f"{head.rstrip('0').rstrip('.')}p{exponent}" if "." in head else f"{head}p{exponent}"


def extreme(dtype: str, largest: bool) -> str:
    """The largest or the smallest value of a dtype (infinities for floats): where maximum and minimum start from."""
    k = kind(dtype)
    if k == "b":
        return "1" if largest else "0"
    if k == "f":
        suffix = "" if dtype == "float64" else "f"
        return f"__builtin_inf{suffix}()" if largest else f"(-__builtin_inf{suffix}())"
    bits = BITS[dtype]
    if k == "u":
        return _integer((1 << bits) - 1 if largest else 0, dtype)
    return _integer((1 << bits - 1) - 1 if largest else -(1 << bits - 1), dtype)
