"""Which rewriters a node is offered to: those that track its op, its op's class, its scalar operation, or
everything."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import ref

__all__ = ["Dispatch", "Row", "row_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """Tracks elementwise ops by the name of their scalar operation in `symtensor.scalar.table`."""

    name: str


_rows: dict[str, Row] = {}
_row_by_op: dict[int, tuple[Any, Any]] = {}


def _remembered(table: dict[int, tuple[Any, Any]], op: Any, look_up: Callable[[Any], Any]) -> Any:
    """Puts what is found for an op into a table, by identity: hashing an op may cost more than all the rest. The entry
    goes when the op goes, which may hold whole graphs, and before its id can be another's."""
    answer = look_up(op)
    try:
        table[id(op)] = (ref(op, partial(table.pop, id(op))), answer)
    except TypeError:  # a class that does without weak references
        pass
    return answer


def row_of(op: Any) -> Row | None:
    """The row of an elementwise op of one table operation that works out of place; None for every other op."""
    found = _row_by_op.get(id(op))
    return _remembered(_row_by_op, op, _row) if found is None else found[1]


def _row(op: Any) -> Row | None:
    name = getattr(getattr(op, "scalar_op", None), "row_name", None)
    if name is not None and type(op).__name__ == "Elemwise" and not getattr(op, "inplace_pattern", None):
        return _rows.setdefault(name, Row(name))
    return None


class Dispatch:
    """The rewriters in their order, found by op in constant time. Classes are compared exactly, not by inheritance:
    a rule knows what the class does, not what a user's subclass does."""

    def __init__(self, rewriters: Iterable[Any]) -> None:
        self.rewriters = list(rewriters)
        self._by_key: dict[Any, list[tuple[int, Any]]] = {}
        self._for_all: list[tuple[int, Any]] = []
        for position, rewriter in enumerate(self.rewriters):
            tracks = rewriter.tracks()
            if tracks is None:
                self._for_all.append((position, rewriter))
                continue
            for key in dict.fromkeys(tracks):
                self._by_key.setdefault(key, []).append((position, rewriter))
        self._found: dict[int, tuple[Any, Any]] = {}

    def __call__(self, op: Any) -> tuple[Any, ...]:
        """The rewriters for nodes of `op`."""
        found = self._found.get(id(op))
        return _remembered(self._found, op, self._look_up) if found is None else found[1]

    def _look_up(self, op: Any) -> tuple[Any, ...]:
        found = list(self._for_all)
        for key in (type(op), row_of(op), op):
            if key is None:
                continue
            try:
                found.extend(self._by_key.get(key, ()))
            except TypeError:  # an op that cannot be hashed
                continue
        unique = {position: rewriter for position, rewriter in found}
        return tuple(unique[position] for position in sorted(unique))
