"""The order of a nest's loops, as a device wants it: loops whose iterations are independent outside.

In comes a nest, out comes one that computes the same. A serial loop that only accumulates becomes a vector loop: the
device has atomic additions (unless the order of additions matters to the caller). A vector loop inside a serial one
changes places with it where its iterations never meet in memory.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from symtensor.ir.nodes import Accumulate, Expr, Let, Load, Local, Loop, Nest, Op, Store
from symtensor.ir.walk import expressions, nest_expressions, nest_statements

__all__ = ["scheduled"]


def scheduled(nest: Nest, deterministic: bool = False) -> Nest:
    """The nest with its loops in the order of choice. `deterministic`: floats are added in the order of the nest."""
    partners: dict[str, set[str]] = {}
    for pair in nest.inplace:
        for a, b in (pair, pair[::-1]):
            partners.setdefault(a, {a}).add(b)
    return replace(nest, body=_block(nest.body, partners, deterministic))


def _block(body: Sequence[Any], partners: dict[str, set[str]], deterministic: bool) -> tuple[Any, ...]:
    return tuple(_loop(s, partners, deterministic) if isinstance(s, Loop) else s for s in body)


def _loop(loop: Loop, partners: dict[str, set[str]], deterministic: bool) -> Loop:
    loop = Loop(loop.axis, _block(loop.body, partners, deterministic))
    if loop.axis.kind != "serial":
        return loop
    if only_accumulates(loop, partners, deterministic):
        return Loop(replace(loop.axis, kind="vector"), loop.body)
    lets, last = [s for s in loop.body[:-1] if isinstance(s, Let)], loop.body[-1]
    if not isinstance(last, Loop) or last.axis.kind != "vector" or len(lets) + 1 != len(loop.body):
        return loop
    bound = {loop.axis.index, *(s.name for s in lets)}
    if any(isinstance(e, Local) and e.name in bound for e in expressions(last.axis.extent)):
        return loop
    if not never_meet(loop, last, partners):
        return loop
    # Further loops inside may have waited for this one.
    return Loop(last.axis, (_loop(Loop(loop.axis, (*lets, *last.body)), partners, deterministic),))


def only_accumulates(loop: Loop, partners: dict[str, set[str]], deterministic: bool) -> bool:
    """Whether the iterations may run in any order: all they do is to update elements that nobody reads."""
    updates: dict[str, str] = {}
    for stmt in nest_statements((loop,)):
        if isinstance(stmt, Store):
            return False
        if isinstance(stmt, Accumulate):
            if updates.setdefault(stmt.buffer, stmt.op) != stmt.op:
                return False
            rounds = stmt.op in ("add", "mul") and stmt.value.dtype.startswith("float")
            if stmt.buffer in partners or (deterministic and rounds):
                return False
    return bool(updates) and not any(e.buffer in updates for e in _loads((loop,)))


def _loads(body: Sequence[Any]) -> Iterable[Load]:
    for top in nest_expressions(body):
        for e in expressions(top):
            if isinstance(e, Load):
                yield e


def never_meet(outer: Loop, inner: Loop, partners: dict[str, set[str]]) -> bool:
    """Whether no two iterations of the inner loop touch the same element that one of them writes, whatever the outer
    loop's."""
    index, extent = Local(inner.axis.index), inner.axis.extent
    sites: dict[str, list[tuple[Expr, ...]]] = {}
    written: dict[str, None] = {}
    for stmt in nest_statements((outer,)):
        if isinstance(stmt, (Store, Accumulate)):
            written[stmt.buffer] = None
            sites.setdefault(stmt.buffer, []).append(stmt.index)
    for load in _loads((outer,)):
        sites.setdefault(load.buffer, []).append(load.index)
    for name in written:
        group = [i for partner in sorted(partners.get(name, {name})) for i in sites.get(partner, [])]
        along = [{k for k, e in enumerate(i) if e == index} for i in group]
        if set.intersection(*along):
            continue
        if len(group) == 1 and any(_counts_through(e, outer, index, extent) for e in group[0]):
            continue
        return False
    return True


def _counts_through(expr: Expr, outer: Loop, index: Local, extent: Expr) -> bool:
    """Whether an expression is outer * extent + index: every pair of iterations has a number of its own."""
    if not (isinstance(expr, Op) and expr.name == "add" and len(expr.args) == 2 and index in expr.args):
        return False
    other = expr.args[1 - expr.args.index(index)]
    row = Local(outer.axis.index)
    return isinstance(other, Op) and other.name == "mul" and other.args in ((row, extent), (extent, row))
