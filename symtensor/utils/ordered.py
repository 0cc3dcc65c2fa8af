"""Ordered containers: a set that remembers the order of insertion, so that nothing depends on hashes or addresses."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet
from typing import Any, Generic, TypeVar

__all__ = ["OrderedSet", "check_deterministic"]

T = TypeVar("T")


def check_deterministic(iterable: Any) -> None:
    """Raise AssertionError for a set or dict view, whose order may differ from one process to the next."""
    if iterable is not None:
        assert isinstance(iterable, (list, tuple, dict, OrderedSet, Iterator)) or hasattr(iterable, "__getitem__"), (
            "Get an not ordered iterable when one was expected")


class OrderedSet(MutableSet, Generic[T]):
    """A set whose iteration order is the order in which the elements were first added.

    All operations of `set` that change or ask for one element cost O(1). Comparison with another `OrderedSet` takes the
    order into account; comparison with any other set does not.
    """

    __slots__ = ("_items",)

    def __init__(self, iterable: Iterable[T] | None = None) -> None:
        self._items: dict[T, None] = dict.fromkeys(iterable) if iterable is not None else {}

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[T]:
        return reversed(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value: T) -> None:
        self._items[value] = None

    def discard(self, value: T) -> None:
        self._items.pop(value, None)

    def remove(self, value: T) -> None:
        del self._items[value]

    def update(self, iterable: Iterable[T]) -> None:
        """Add every element of `iterable`, in its order."""
        self._items.update(dict.fromkeys(iterable))

    def union(self, iterable: Iterable[T]) -> OrderedSet[T]:
        """A new set with this one's elements followed by the new ones of `iterable`."""
        result = OrderedSet(self)
        result.update(iterable)
        return result

    def difference(self, iterable: Iterable[Any]) -> OrderedSet[T]:
        """A new set with the elements of this one that `iterable` lacks."""
        other = set(iterable)
        return OrderedSet(item for item in self._items if item not in other)

    def difference_update(self, iterable: Iterable[Any]) -> None:
        """Remove every element of `iterable`."""
        for item in list(iterable):
            self._items.pop(item, None)

    def intersection_update(self, iterable: Iterable[Any]) -> None:
        """Remove every element that `iterable` lacks."""
        other = set(iterable)
        for item in list(self._items):
            if item not in other:
                del self._items[item]

    def intersection(self, iterable: Iterable[Any]) -> OrderedSet[T]:
        """A new set with the elements of this one that `iterable` has too."""
        other = set(iterable)
        return OrderedSet(item for item in self._items if item in other)

    def copy(self) -> OrderedSet[T]:
        return OrderedSet(self._items)

    def clear(self) -> None:
        self._items.clear()

    def pop(self, last: bool = True) -> T:
        """Remove and return the element added last (or first). An empty set raises KeyError."""
        if not self._items:
            raise KeyError("pop from an empty set")
        item = next(reversed(self._items) if last else iter(self._items))
        del self._items[item]
        return item

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OrderedSet):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other))
        if isinstance(other, (set, frozenset)):
            return set(self._items) == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._items)!r})"
