"""Integers at run time: entries of shape vectors, bounds of slices, indices counted from the end.

In: variables. Out: int64 host expressions, and the checks that they need. Everything here is computed before the nest
that is being built, if one is.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import (
    INT, ONE, ZERO, add, both, cast, compare, int_, is_const, maximum, minimum, select, sub,
)
from symtensor.ir.nodes import Const, Expr
from symtensor.lower.context import Lowering
from symtensor.tensor.sizes import find_entry
from symtensor.tensor.subtensor import index_variable

__all__ = ["entry_value", "host", "in_bounds", "integer", "slice_count", "slice_start", "slice_steps", "wrapped"]


@contextmanager
def host(ctx: Lowering) -> Iterator[None]:
    """Statements emitted here come before the open nest."""
    saved, ctx.open_nest = ctx.open_nest, None
    try:
        yield
    finally:
        ctx.open_nest = saved


def integer(ctx: Lowering, value: Any) -> Expr:
    """An int64 host expression for an int, or for an integer scalar variable."""
    if isinstance(value, int):
        return int_(value)
    if isinstance(value, Constant):
        return int_(int(value.data))
    return ctx.let(cast(ctx.scalar(value), INT))


def entry_value(ctx: Lowering, vector: Variable, k: int) -> Expr:
    """Entry k of an integer vector, without memory for the vector where that is possible."""
    found = find_entry(vector, k)
    if found is not None:
        return integer(ctx, found)
    with host(ctx):
        return ctx.let(cast(ctx.element(vector, (Const(k, INT),)), INT))


def wrapped(index: Expr, length: Expr) -> Expr:
    """An index with negative ones counted from the end."""
    if isinstance(index, Const):
        return index if index.value >= 0 else add(length, index)
    return select(compare("lt", index, 0), add(index, length), index)


def in_bounds(index: Expr, length: Expr) -> Expr:
    """Whether a wrapped index is an element's."""
    return both(compare("ge", index, 0), compare("lt", index, length))


def slice_start(start: Expr | None, step: Expr, length: Expr) -> Expr:
    """Where a slice begins, as `slice.indices` tells (for an empty slice anything)."""
    if isinstance(step, Const):
        if step.value > 0:
            if start is None:
                return ZERO
            if isinstance(start, Const):
                return minimum(start, length) if start.value >= 0 else maximum(add(length, start), 0)
            return minimum(maximum(wrapped(start, length), 0), length)
        last = sub(length, 1)
        return last if start is None else minimum(maximum(wrapped(start, length), -1), last)
    forward = slice_start(start, ONE, length)
    backward = slice_start(start, Const(-1, INT), length)
    return select(compare("gt", step, 0), forward, backward)


def slice_steps(
    ctx: Lowering, parts: Sequence[Any], x: Variable, axis: int, count: Expr, node: Apply
) -> tuple[Expr, Expr]:
    """Start and step of a slice along an axis of `x` that takes `count` elements; 0 is the start of an empty one.

    The parts are variables, ints or None. Checks that the step is not 0.
    """
    start, _, step = parts
    by = ONE if step is None else integer(ctx, step)
    with host(ctx):
        ctx.check(compare("neq", by, 0), "ValueError", "slice step cannot be zero", node)
        first = slice_start(None if start is None else integer(ctx, start), by, ctx.dim(x, axis))
        if not is_const(first, 0):
            first = ctx.let(select(compare("eq", count, 0), 0, first))
    return first, by


def slice_count(ctx: Lowering, parts: Sequence[Any], x: Variable, axis: int) -> Expr:
    """How many elements a slice takes along an axis of `x`."""
    alone = index_variable(x, (slice(None),) * axis + (slice(*parts),))
    with host(ctx):
        return ctx.dim(alone, axis)
