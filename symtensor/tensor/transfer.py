"""Variables on devices.

In: a variable and the name of a target. Out: the variable there. A variable's type does not say where its value lives,
and a function for a device decides by itself what it computes where; so for "cpu" and for the device in use (by the
name that `config.device` has, or one of `config.contexts`) the variable itself is there. Other targets are registered
by whoever provides them (`register_transfer`). Refused with ValueError: targets that nobody provides, such as another
device than the one in use.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.config import config
from symtensor.configdefaults import same_device
from symtensor.tensor.constant import as_tensor_variable

__all__ = ["is_device_in_use", "register_transfer", "transfer"]



def is_device_in_use(target: Any) -> bool:
    """Whether a target (None: the usual one) is the device that functions run on; never the CPU."""
    if config.device == "cpu":
        return False
    if target is None:
        return True
    pairs = (pair.partition("->") for pair in config.contexts.split(";") if pair)
    names = {name.strip(): place.strip() for name, _, place in pairs}
    return same_device(names.get(target, target), config.device)


_others: list[Callable[[Any, str], Any]] = []


def transfer(var: Any, target: str) -> Any:
    """`var` on the device called `target` ("cpu", or one that is registered). ValueError for another one."""
    if target == "cpu" or is_device_in_use(target):
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
