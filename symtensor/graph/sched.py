"""Orders of nodes by comparison functions: a topological order that breaks its ties as the caller wishes.

A comparison takes two nodes and returns a negative number when the first must come before the second, a positive one
for the other way round, and 0 when it does not care.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symtensor.graph.traversal import is_in_ancestors, list_of_nodes

__all__ = [
    "key_to_cmp", "list_of_nodes", "make_dependence_cmp", "make_depends", "memodict", "posort", "reverse_dict",
    "sort_apply_nodes", "sort_schedule_fn",
]

Comparison = Callable[[Any, Any], int]


class _Memory(dict):
    """A dict that computes what it lacks."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        super().__init__()
        self.f = f

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self.f(key)
        return value


def memodict(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of one argument that remembers its results."""
    return _Memory(f).__getitem__


def make_depends() -> Callable[[tuple[Any, Any]], bool]:
    """A remembering function of a pair of nodes: whether the first depends on the second."""

    def depends(pair: tuple[Any, Any]) -> bool:
        after, before = pair
        if after is before:
            return False
        return is_in_ancestors(after, before)

    return memodict(depends)


def make_dependence_cmp() -> Comparison:
    """A comparison that puts every node after those that it depends on."""
    depends = make_depends()

    def dependence(a: Any, b: Any) -> int:
        if depends((a, b)):
            return 1
        if depends((b, a)):
            return -1
        return 0

    return dependence


def reverse_dict(d: Mapping[Any, Iterable[Any]]) -> dict[Any, tuple[Any, ...]]:
    """`{a: (1, 2)}` as `{1: (a,), 2: (a,)}`."""
    result: dict[Any, tuple[Any, ...]] = {}
    for key, values in d.items():
        for value in values:
            result[value] = (*result.get(value, ()), key)
    return result


def posort(l: Iterable[Any], *cmps: Comparison) -> list[Any]:  # noqa: E741  (the name is public)
    """Sort by comparisons that may leave pairs undecided; of several, the first that decides a pair counts.

    Items that nothing decides about keep their order. Comparisons that go in a circle give up: the order given returns.
    """
    items = list(l)
    before: dict[int, set[int]] = {i: set() for i in range(len(items))}
    for i, a in enumerate(items):
        for j in range(i + 1, len(items)):
            for compare in cmps:
                one_way, other_way = compare(a, items[j]), compare(items[j], a)
                if one_way * other_way > 0:
                    return items
                decided = one_way or -other_way
                if decided:
                    (before[j] if decided < 0 else before[i]).add(i if decided < 0 else j)
                    break
    done: list[int] = []
    waiting = list(range(len(items)))
    placed: set[int] = set()
    while waiting:
        ready = [i for i in waiting if before[i] <= placed]
        if not ready:
            return items
        done.extend(ready)
        placed.update(ready)
        waiting = [i for i in waiting if i not in placed]
    return [items[i] for i in done]


def sort_apply_nodes(inputs: Sequence[Any], outputs: Sequence[Any], cmps: Sequence[Comparison]) -> list[Any]:
    """The nodes between `inputs` and `outputs` in topological order, ties broken by the comparisons in turn."""
    return posort(list_of_nodes(inputs, outputs), make_dependence_cmp(), *cmps)


def sort_schedule_fn(*cmps: Comparison) -> Callable[[Any], list[Any]]:
    """A function of a FunctionGraph: its nodes, sorted as `sort_apply_nodes` does."""

    def schedule(fgraph: Any) -> list[Any]:
        return sort_apply_nodes(fgraph.inputs, fgraph.outputs, cmps)

    return schedule


def key_to_cmp(key: Callable[[Any], Any]) -> Comparison:
    """The comparison that a sorting key means."""

    def compare(a: Any, b: Any) -> int:
        return (key(a) > key(b)) - (key(a) < key(b))

    return compare
