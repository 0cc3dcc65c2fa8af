"""Which rewriters a node is offered to: those that track its op, its op's class, its scalar operation, or
everything."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Dispatch", "Row", "row_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """Tracks elementwise ops by the name of their scalar operation in `symtensor.scalar.table`."""

    name: str


_rows: dict[str, Row] = {}
_row_by_op: dict[int, tuple[Any, Row | None]] = {}


def row_of(op: Any) -> Row | None:
    """The row of an elementwise op of one table operation that works out of place; None for every other op."""
    known = _row_by_op.get(id(op))
    if known is not None:
        return known[1]
    row = None
    name = getattr(getattr(op, "scalar_op", None), "row_name", None)
    if name is not None and type(op).__name__ == "Elemwise" and not getattr(op, "inplace_pattern", None):
        row = _rows.setdefault(name, Row(name))
    if len(_row_by_op) > 10_000:
        _row_by_op.clear()
    _row_by_op[id(op)] = (op, row)  # the op is kept, so its id stays its own
    return row


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
        # By identity, since hashing an op may cost more than all the rest; the op is kept, so its id stays its own.
        self._found: dict[int, tuple[Any, tuple[Any, ...]]] = {}

    def __call__(self, op: Any) -> tuple[Any, ...]:
        """The rewriters for nodes of `op`."""
        found = self._found.get(id(op))
        if found is None:
            if len(self._found) > 10_000:
                self._found.clear()
            found = self._found[id(op)] = (op, self._look_up(op))
        return found[1]

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
