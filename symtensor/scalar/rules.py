"""Output-type rules of scalar ops: functions from the inputs' `Scalar` types to a tuple of output types.

They are what `ScalarOp(output_types_preference=...)` takes. Each wraps the rule of the same name in
`symtensor.scalar.dtypes`; a combination that a rule does not accept raises TypeError.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.utils import object2
from symtensor.scalar import dtypes as dt
from symtensor.scalar.type import Scalar, float64, get_scalar_type, int64

__all__ = [
    "float_out", "float_out_nocomplex", "int_out", "int_out_nocomplex", "real_out", "same_out", "same_out_float_only",
    "same_out_min8", "same_out_nobool", "same_out_nocomplex", "specific_out", "transfer_type", "unary_out_lookup",
    "upcast_out", "upcast_out_min8", "upcast_out_no_complex", "upcast_out_nobool", "upgrade_to_float",
    "upgrade_to_float64", "upgrade_to_float_no_complex",
]


def _types(rule: dt.OutputRule, types: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return (get_scalar_type(rule(*[t.dtype for t in types])),)


def _no_complex(types: tuple[Scalar, ...]) -> None:
    for t in types:
        if t.dtype in dt.COMPLEX:
            raise TypeError("complex argument not supported")


def upcast_out(*types: Scalar) -> tuple[Scalar, ...]:
    """The promotion of the inputs."""
    return _types(dt.rule_upcast, types)


def upcast_out_nobool(*types: Scalar) -> tuple[Scalar, ...]:
    """The promotion of the inputs, which must not be bool."""
    return _types(dt.rule_upcast_nobool, types)


def upcast_out_min8(*types: Scalar) -> tuple[Scalar, ...]:
    """The promotion of the inputs, int8 instead of bool."""
    return _types(dt.rule_upcast_min8, types)


def upcast_out_no_complex(*types: Scalar) -> tuple[Scalar, ...]:
    """The promotion of the inputs, none of which may be complex."""
    return _types(dt.rule_upcast_nocomplex, types)


def upgrade_to_float(*types: Scalar) -> tuple[Scalar, ...]:
    """The promotion of the inputs where discrete ones count as float32 or float64."""
    return _types(dt.rule_upgrade_to_float, types)


def upgrade_to_float_no_complex(*types: Scalar) -> tuple[Scalar, ...]:
    """As `upgrade_to_float`, without complex inputs."""
    return _types(dt.rule_upgrade_to_float_no_complex, types)


def upgrade_to_float64(*types: Scalar) -> tuple[Scalar, ...]:
    """float64."""
    return (float64,)


def same_out(type: Scalar) -> tuple[Scalar, ...]:
    """The input's type."""
    return (type,)


def same_out_nobool(type: Scalar) -> tuple[Scalar, ...]:
    """The input's type, which must not be bool."""
    return _types(dt.rule_same_nobool, (type,))


def same_out_min8(type: Scalar) -> tuple[Scalar, ...]:
    """The input's type, int8 instead of bool."""
    return _types(dt.rule_same_min8, (type,))


def same_out_nocomplex(type: Scalar) -> tuple[Scalar, ...]:
    """The input's type, which must not be complex."""
    return _types(dt.rule_same_nocomplex, (type,))


def same_out_float_only(type: Scalar) -> tuple[Scalar, ...]:
    """The input's type, which must be a real float."""
    return _types(dt.rule_same_float_only, (type,))


def real_out(type: Scalar) -> tuple[Scalar, ...]:
    """The type of the input's real part."""
    return _types(dt.rule_real, (type,))


def int_out(*types: Scalar) -> tuple[Scalar, ...]:
    """int64."""
    return (int64,)


def int_out_nocomplex(*types: Scalar) -> tuple[Scalar, ...]:
    """int64; no input may be complex."""
    _no_complex(types)
    return (int64,)


def float_out(*types: Scalar) -> tuple[Scalar, ...]:
    """float64."""
    return (float64,)


def float_out_nocomplex(*types: Scalar) -> tuple[Scalar, ...]:
    """float64; no input may be complex."""
    _no_complex(types)
    return (float64,)


class specific_out(object2):
    """The given types, whatever the inputs are."""

    __module__ = "symtensor.scalar.basic"
    __props__ = ("spec",)

    def __init__(self, *spec: Scalar) -> None:
        self.spec = spec

    def __call__(self, *types: Scalar) -> tuple[Scalar, ...]:
        return self.spec


class transfer_type(object2):
    """One output type for each entry of `transfer`: a number names an input, None all of them promoted, or a type."""

    __module__ = "symtensor.scalar.basic"
    __props__ = ("transfer",)

    def __init__(self, *transfer: Any) -> None:
        for entry in transfer:
            assert entry is None or isinstance(entry, (int, str, Scalar))
        self.transfer = transfer

    def __str__(self) -> str:
        return f"transfer_type{{{', '.join(map(str, self.transfer))}}}"

    def __call__(self, *types: Scalar) -> tuple[Scalar, ...]:
        result: list[Scalar] = []
        for entry in self.transfer:
            if entry is None:
                result.extend(upcast_out(*types))
            elif isinstance(entry, int):
                result.append(types[entry])
            else:
                result.append(get_scalar_type(entry) if isinstance(entry, str) else entry)
        return tuple(result)


class unary_out_lookup(object2):
    """The output type of a unary op from a table {input type: output type}; TypeError for what is not in it."""

    __module__ = "symtensor.scalar.basic"

    def __init__(self, type_table: dict[Scalar, Any]) -> None:
        self.tbl = type_table

    def __call__(self, *types: Scalar) -> tuple[Scalar, ...]:
        if len(types) != 1 or types[0] not in self.tbl:
            raise TypeError(types)
        found = self.tbl[types[0]]
        return tuple(found) if isinstance(found, (list, tuple)) else (found,)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.tbl == other.tbl

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.tbl.items())))
