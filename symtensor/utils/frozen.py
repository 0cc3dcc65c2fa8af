"""Dicts that cannot be changed and can be hashed."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["FrozenOrderedDict", "frozendict"]


class frozendict(Mapping):
    """A mapping that cannot be changed; `copy(**changes)` makes another. Hashable if its values are."""

    dict_cls: Any = dict

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._dict = self.dict_cls(*args, **kwargs)
        self._hash: int | None = None

    def __getitem__(self, key: Any) -> Any:
        return self._dict[key]

    def __contains__(self, key: object) -> bool:
        return key in self._dict

    def copy(self, **add_or_replace: Any) -> Any:
        """A new one with some values added or replaced."""
        return type(self)(self, **add_or_replace)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._dict!r}>"

    def __hash__(self) -> int:
        if self._hash is None:
            total = 0
            for key, value in self._dict.items():
                total ^= hash((key, value))
            self._hash = total
        return self._hash


class FrozenOrderedDict(frozendict):
    """A `frozendict` that remembers the order."""

    dict_cls = OrderedDict
