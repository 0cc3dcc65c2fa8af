"""Updates of shared variables, as functions and `scan` hand them around.

In: shared variables and expressions for their new values. Out: an ordered dictionary of them that refuses other keys,
and that refuses to be combined with another one that gives a variable a different new value.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from symtensor.tensor.sharedvar import SharedVariable

__all__ = ["OrderedUpdates"]


class OrderedUpdates(OrderedDict):
    """Shared variables and their new values, in the order in which they were given.

    Made of what `dict` takes. Keys that are not shared variables raise TypeError. Assignment replaces a value; `update`
    and `+` raise KeyError where a variable would get two different new values.
    """

    def __init__(self, *key: Any, **kwargs: Any):
        super().__init__()
        for given, value in _pairs(*key, **kwargs):
            self[given] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            raise TypeError("OrderedUpdates keys must inherit from SharedVariable", key)
        # What belongs to a variable is checked where a function is built from the updates.
        super().__setitem__(key, value)

    def update(self, other: Any = None) -> None:  # type: ignore[override]
        """Add updates (a mapping or pairs). KeyError where a variable has another new value already."""
        if other is None:
            return
        for key, value in _pairs(other):
            if key in self and self[key] is not value:
                raise KeyError("Collision", key)
            self[key] = value

    def __add__(self, other: Any) -> OrderedUpdates:
        """All updates of both. KeyError where a variable would get two different new values."""
        result = OrderedUpdates(self)
        result.update(other)
        return result

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items())!r})"


def _pairs(*given: Any, **named: Any) -> Iterable[tuple[Any, Any]]:
    if len(given) > 1:
        raise TypeError(f"OrderedUpdates takes one mapping or sequence of pairs, got {len(given)}")
    pairs: list[tuple[Any, Any]] = []
    for source in given:
        pairs.extend(source.items() if isinstance(source, Mapping) else source)
    pairs.extend(named.items())
    return pairs
