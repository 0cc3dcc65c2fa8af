"""A function's values as mappings: `f.value` and `f.container`, by name, variable or position.

In: a function's table of containers (`finder`). Out: values and containers. Refused with TypeError: keys that no input
or shared variable has, and names that several have.
"""
from __future__ import annotations

from typing import Any

from symtensor.compile.inputs import get_info_on_inputs
from symtensor.utils.device_value import on_host

__all__ = ["Containers", "DUPLICATE", "Values", "hashable"]

DUPLICATE = ["DUPLICATE"]
"""What `Function.finder` holds under a name that several inputs have."""


class Values:
    """`f.value`: the current default of each input and value of each shared variable, by name, variable or position."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __getitem__(self, item: Any) -> Any:
        return on_host(self._function._container(item).value)

    def __setitem__(self, item: Any, value: Any) -> None:
        finder = self._function.finder
        found = finder.get(item) if hashable(item) else None
        if found is None:
            named = [given.name for given in self._function._specs if given.name]
            unnamed = len(self._function._specs) - len(named)
            raise TypeError(f"Unknown input or state: {item}. {get_info_on_inputs(named, unnamed)}")
        self._function._container(item).value = value
        self._function._note_assignment(item)

    def __contains__(self, item: Any) -> bool:
        return hashable(item) and item in self._function.finder


class Containers:
    """`f.container`: the containers of inputs and shared variables, by name, variable or position."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __getitem__(self, item: Any) -> Any:
        return self._function.finder[item]

    def __contains__(self, item: Any) -> bool:
        return hashable(item) and item in self._function.finder


def hashable(item: Any) -> bool:
    """Whether an object can be a key at all."""
    return getattr(type(item), "__hash__", None) is not None
