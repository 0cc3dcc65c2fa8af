"""The two types of variables that have no values: undefined gradients and gradients that do not exist.

`NullType` marks a gradient that is mathematically undefined or not implemented, with the reason. `DisconnectedType`
marks the gradient with respect to something that an output does not depend on.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.type import Type

__all__ = ["DisconnectedType", "NullType", "disconnected_type", "null_type"]


class NullType(Type):
    """The type of a variable that must never be computed; `why_null` says why. All instances are equal."""

    def __init__(self, why_null: str = "(no explanation given)") -> None:
        self.why_null = why_null

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        raise ValueError("No values may be assigned to a NullType")

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        raise ValueError("No values may be assigned to a NullType")

    def may_share_memory(self, a: Any, b: Any) -> bool:
        return False

    def values_eq(self, a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        raise ValueError("NullType has no values to compare")

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __str__(self) -> str:
        return "NullType"


null_type = NullType()


class DisconnectedType(Type):
    """The type of the gradient with respect to something that a cost does not depend on."""

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        raise AssertionError(
            "If you're assigning to a DisconnectedType you're doing something wrong. "
            "It should only be used as a symbolic placeholder.")

    def fiter_variable(self, other: Any) -> Any:
        """Never works; kept under the name that Theano gives it."""
        raise AssertionError(
            "If you're assigning to a DisconnectedType you're doing something wrong. "
            "It should only be used as a symbolic placeholder.")

    def may_share_memory(self, a: Any, b: Any) -> bool:
        return False

    def __str__(self) -> str:
        return "DisconnectedType"


disconnected_type = DisconnectedType()
