"""What two nests do at one point, as the body of one nest.

In: bodies of nests of the device. Out: bodies again. A value that was stored is at hand for those who load the same
element later (`forwarded`); elements of rows that nobody else wants are computed where they are read, if that is a few
operations (`recomputed`); then their stores go (`without`).
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Any

from symtensor.ir.nodes import Axis, Const, Expr, Let, Load, Local, Loop, Nest, Op, Reduce, Store
from symtensor.ir.walk import expressions, nest_expressions, nest_statements, rewrite

__all__ = ["bound", "forwarded", "has_reductions", "is_flat", "loads_in", "looped", "mapped", "of_the_point", "points",
           "recomputed", "without"]

MOST_AGAIN = 12  # parts of an expression that is computed again
CHEAP = frozenset({"add", "sub", "mul", "neg", "sqr", "abs_", "maximum", "minimum", "identity"})


def points(nest: Nest) -> tuple[list[Axis], tuple[Any, ...]]:
    """The independent loops that a nest begins with, and what is inside them."""
    axes: list[Axis] = []
    body = nest.body
    while len(body) == 1 and isinstance(body[0], Loop) and body[0].axis.kind == "vector":
        axes.append(body[0].axis)
        body = body[0].body
    return axes, body


def looped(axes: Sequence[Axis], body: Sequence[Any]) -> tuple[Any, ...]:
    for axis in reversed(axes):
        body = (Loop(axis, tuple(body)),)
    return tuple(body)


def without(body: Sequence[Any], is_unread: Callable[[str], bool]) -> tuple[Any, ...]:
    """A body without the stores to some buffers, and without loops that have nothing left to do."""
    done: list[Any] = []
    for stmt in body:
        if isinstance(stmt, Loop):
            stmt = replace(stmt, body=without(stmt.body, is_unread))
            if all(isinstance(s, Let) for s in stmt.body):
                continue
        elif isinstance(stmt, Store) and is_unread(stmt.buffer):
            continue
        done.append(stmt)
    return tuple(done)


def has_reductions(body: Sequence[Any]) -> bool:
    return any(isinstance(e, Reduce) for top in nest_expressions(body) for e in expressions(top))


def is_flat(body: Sequence[Any]) -> bool:
    """Whether a body has neither loops nor reductions."""
    return not any(isinstance(s, Loop) for s in body) and not has_reductions(body)


def bound(nest: Nest) -> set[str]:
    """The names that a nest binds."""
    found = {s.name for s in nest_statements(nest.body) if isinstance(s, Let)}
    for top in nest_expressions(nest.body):
        for e in expressions(top):
            if isinstance(e, Reduce):
                found |= {a.index for a in e.axes} | {let.name for let in e.lets}
    return found | {s.axis.index for s in nest_statements(nest.body) if isinstance(s, Loop)}


def mapped(body: Sequence[Any], change: Callable[[Expr], Expr | None],
           names: Mapping[str, str] = MappingProxyType({})) -> tuple[Any, ...]:
    """A body with its expressions rewritten, and its stores to other buffers."""
    done: list[Any] = []
    for stmt in body:
        if isinstance(stmt, Let):
            stmt = Let(stmt.name, rewrite(stmt.value, change))
        elif isinstance(stmt, Loop):
            extent = rewrite(stmt.axis.extent, change)
            stmt = Loop(replace(stmt.axis, extent=extent), mapped(stmt.body, change, names))
        else:
            stmt = replace(stmt, buffer=names.get(stmt.buffer, stmt.buffer),
                           index=tuple(rewrite(i, change) for i in stmt.index), value=rewrite(stmt.value, change))
        done.append(stmt)
    return tuple(done)


def loads_in(body: Sequence[Any]) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    """Each buffer that a body loads from, and where."""
    for top in nest_expressions(body):
        for e in expressions(top):
            if isinstance(e, Load):
                yield e.buffer, e.index


def accesses(body: Sequence[Any]) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    """Each buffer that a body loads from or stores to, and where."""
    yield from loads_in(body)
    for stmt in nest_statements(body):
        if isinstance(stmt, Store):
            yield stmt.buffer, stmt.index


def of_the_point(indices: Sequence[str], overwritten: Set[str], *bodies: Sequence[Any]) -> bool:
    """Whether different points touch different elements of what is written, be it by another name: each index of a
    point stands alone, and always at the same axis."""
    written = {s.buffer for body in bodies for s in nest_statements(body) if isinstance(s, Store)} | overwritten
    places: dict[str, list[int | None]] = {}
    for body in bodies:
        for buffer, index in accesses(body):
            if buffer in written:
                found = [index.index(Local(i)) if Local(i) in index else None for i in indices]
                if None in found or places.setdefault(buffer, found) != found:
                    return False
    return True


def forwarded(body: Sequence[Any]) -> Iterator[Any]:
    """The statements of a point, in which values that were stored are at hand for those who load them later."""
    known: dict[Expr, Expr] = {}
    names = {stmt.name for stmt in nest_statements(body) if isinstance(stmt, Let)}
    for stmt in body:
        if isinstance(stmt, Loop):
            stored = {s.buffer for s in nest_statements((stmt,)) if isinstance(s, Store)}
            known = {load: value for load, value in known.items() if load.buffer not in stored}  # type: ignore
        stmt, = mapped((stmt,), known.get)
        if isinstance(stmt, Store):
            known = {load: value for load, value in known.items() if load.buffer != stmt.buffer}  # type: ignore
            if stmt.value.dtype != "float16":  # which is rounded when it is stored
                value = stmt.value
                if not isinstance(value, (Local, Const)):
                    name = next(n for k in count() if (n := f"{stmt.buffer}_value{k}") not in names)
                    names.add(name)
                    value = Local(name, value.dtype)
                    yield Let(value.name, stmt.value)
                    stmt = replace(stmt, value=value)
                known[Load(stmt.buffer, stmt.index, value.dtype)] = value
        yield stmt


def recomputed(body: Sequence[Any], own: set[str]) -> tuple[Any, ...]:
    """The statements of a point, where elements of rows that only this nest wants are computed when they are read, as
    long as that is not much more than a load. What they are computed from must be what it was."""
    rows: dict[str, tuple[str, tuple[Expr, ...], Expr]] = {}  # buffer -> the loop's index, the element's, its value
    stored = Counter(s.buffer for s in nest_statements(body) if isinstance(s, Store))

    def change(e: Expr) -> Expr | None:
        if not isinstance(e, Load) or e.buffer not in rows:
            return None
        index, place, value = rows[e.buffer]
        here = [own for own, there in zip(e.index, place) if there == Local(index)]
        moved: dict[Expr, Expr] = {Local(index): here[0]} if here else {}
        return rewrite(value, moved.get) if tuple(rewrite(p, moved.get) for p in place) == e.index else None

    done: list[Any] = []
    for stmt in body:
        stmt, = mapped((stmt,), change)
        done.append(stmt)
        if isinstance(stmt, Loop) and is_flat(stmt.body):
            values: dict[Expr, Expr] = {}
            for each in stmt.body:
                assert isinstance(each, (Let, Store))
                value = rewrite(each.value, values.get)
                if isinstance(each, Let):
                    values[Local(each.name, value.dtype)] = value
                elif (each.buffer in own and stored[each.buffer] == 1 and is_cheap(value) and value.dtype != "float16"
                      and not any(stored[e.buffer] for e in expressions(value) if isinstance(e, Load))):
                    rows[each.buffer] = stmt.axis.index, each.index, value
    return tuple(done)


def is_cheap(value: Expr) -> bool:
    """Whether a value is a few sums, products and the like."""
    parts = list(expressions(value))
    return len(parts) <= MOST_AGAIN and all(not isinstance(e, Op) or e.name in CHEAP for e in parts)
