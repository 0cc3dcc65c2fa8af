"""Variables on devices.

In: a variable and the name of a target. Out: the variable there. Only "cpu" is known here; other targets are registered
by whoever provides them (`register_transfer`). Refused with ValueError: targets that nobody provides.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.tensor.constant import as_tensor_variable

__all__ = ["register_transfer", "transfer"]

_others: list[Callable[[Any, str], Any]] = []


def transfer(var: Any, target: str) -> Any:
    """`var` on the device called `target` ("cpu", or one that is registered). ValueError for another one."""
    if target == "cpu":
        return as_tensor_variable(var)
    for offer in _others:
        moved = offer(var, target)
        if moved is not None:
            return moved
    raise ValueError(f"Can't transfer to target {target}")


def register_transfer(fn: Callable[[Any, str], Any]) -> None:
    """Let `fn(variable, target)` try transfers other than to the CPU; it returns None for targets it does not know."""
    if not callable(fn):
        raise TypeError(f"register_transfer needs a function, got {fn!r}")
    _others.append(fn)
