"""Basic indexing: a view, or one element at an index; writing to a part of a copy."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ONE, TRUE, ZERO, add, compare, either, is_const, mul, select
from symtensor.ir.nodes import Expr, If, Load, Op, View, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.indices import host, in_bounds, integer, slice_steps, wrapped
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, element, emit, is_scalar, view
from symtensor.lower.scalar_ops import apply_scalar_op
from symtensor.tensor.basic_indexing import IncSubtensor, Subtensor
from symtensor.tensor.index_list import get_idx_list

__all__ = ["broadcast_value", "incremented", "index_parts"]


@dataclass(frozen=True)
class _Part:
    """What an index takes of an axis: a fixed element (`step` None), or every `step`-th from `start` on."""

    start: Expr
    step: Expr | None
    count: Expr = ONE


def index_parts(ctx: Lowering, node: Apply, read: Variable) -> list[_Part]:
    """The index of a node, axis by axis, checked. `read`: the variable that reads there (its sizes count)."""
    x = node.inputs[0]
    parts = []
    out_axis = 0
    for axis, entry in enumerate(get_idx_list(node.inputs, node.op.idx_list)):
        if isinstance(entry, slice):
            count = ctx.dim(read, out_axis)
            start, step = slice_steps(ctx, (entry.start, entry.stop, entry.step), x, axis, count, node)
            parts.append(_Part(start, step, count))
            out_axis += 1
            continue
        index, length = integer(ctx, entry), ctx.dim(x, axis)
        place = ctx.let(wrapped(index, length))
        ctx.check(in_bounds(place, length), "IndexError",
                  f"index {{0}} is out of bounds for axis {axis} with size {{1}}", node, (index, length))
        parts.append(_Part(place, None))
    for axis in range(len(parts), x.type.ndim):
        parts.append(_Part(ZERO, ONE, ctx.dim(read, out_axis)))
        out_axis += 1
    return parts


def _place(parts: Sequence[_Part], index: Sequence[Expr]) -> tuple[Expr, ...]:
    """The element of the whole that is element `index` of the part."""
    inner = iter(index)
    return tuple(p.start if p.step is None else add(p.start, mul(next(inner), p.step)) for p in parts)


@element(Subtensor, uses=(ELEMENT, SCALAR))
def subtensor_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    with host(ctx):
        parts = index_parts(ctx, node, node.outputs[0])
    place = _place(parts, index)
    return at(0, tuple(ZERO if b else i for i, b in zip(place, node.inputs[0].type.broadcastable, strict=True)))


@view(Subtensor, uses=(BUFFER, SCALAR))
def subtensor_view(ctx: Lowering, node: Apply, position: int) -> None:
    parts = index_parts(ctx, node, node.outputs[0])
    axes = [ViewAxis(axis, p.count, p.step) for axis, p in enumerate(parts) if p.step is not None]
    ctx.view(node.outputs[0], ctx.buffer(node.inputs[0]), [p.start for p in parts], axes)


# -- writing -----------------------------------------------------------------------------------------------------------


def broadcast_value(ctx: Lowering, node: Apply, y: Variable, dims: Sequence[Expr], same: Sequence[bool]):
    """A function of the place in a region of sizes `dims` that gives the element of `y`, broadcast to it.

    An axis of `y` that is not broadcastable may still have length 1 at run time, as in NumPy; `same` tells of each axis
    of the region whether the length of `y` there is known to be the region's.
    """
    missing = len(dims) - y.type.ndim
    stretched = [not b and not same[missing + k] for k, b in enumerate(y.type.broadcastable)]
    if not any(stretched):
        return lambda index: ctx.element(y, tuple(
            ZERO if b else i for i, b in zip(index[missing:], y.type.broadcastable, strict=True)))
    sources = {v: ctx.buffer(v) for v in _stored_operands(ctx, y)}
    axes = []
    for k, b in enumerate(y.type.broadcastable):
        own, wanted = ctx.shape_element(y, k), dims[missing + k]
        if b:
            axes.append(ViewAxis(k, ONE))
            continue
        if stretched[k]:
            ctx.check(either(compare("eq", own, wanted), compare("eq", own, 1)), "ValueError",
                      f"could not broadcast input array: its axis {k} has length {{0}}, the region written to {{1}}",
                      node, (own, wanted))
        axes.append(ViewAxis(k, wanted, ctx.let(select(compare("eq", own, 1), 0, 1)) if stretched[k] else ONE))
    views = {}
    for v, base in sources.items():
        views[v] = ctx.declare(v.type.dtype, v.type.broadcastable, "any")
        parts = [ViewAxis(k, ONE) if b else axes[k] for k, b in enumerate(v.type.broadcastable)]
        ctx.emit(View(views[v], base, (ZERO,) * v.type.ndim, tuple(parts)))

    def stretched_element(v: Variable, index: Sequence[Expr]) -> Expr:
        if v in views:
            at = tuple(ZERO if b else i for i, b in zip(index, v.type.broadcastable, strict=True))
            return Load(views[v], at, v.type.dtype)
        made = v.owner
        if made is None or is_scalar(v):
            return ctx.element(v, index)
        rule, operands = ctx.rules[made].element, made.inputs
        assert rule is not None
        position = made.outputs.index(v)
        return rule.function(ctx, made, position, index, lambda k, at: stretched_element(operands[k], at))

    return lambda index: stretched_element(y, tuple(index[missing:]))


def _stored_operands(ctx: Lowering, y: Variable) -> list[Variable]:
    """What elements of a variable are computed from that lies in memory and is as large as the variable: itself, or
    operands of the elementwise operations that are computed where it is read."""
    found: dict[Variable, None] = {}
    stack = [y]
    while stack:
        v = stack.pop()
        if is_scalar(v):
            continue
        if v.owner is None or v in ctx.names or not ctx.rules[v.owner].elementwise:
            found[v] = None
        else:
            stack.extend(v.owner.inputs)
    return list(found)


def incremented(old: Expr, change: Expr) -> Expr:
    """The sum, in the dtype of `old`; computed in the wider of the two, as NumPy's `+=`."""
    if old.dtype == "bool":
        return Op("or_", (old, convert(change, "bool")), "bool")
    wide = scal.upcast(old.dtype, change.dtype)
    return convert(apply_scalar_op(scal.add, [old, change], [wide]), old.dtype)


@emit(IncSubtensor, uses=(BUFFER, ELEMENT, SCALAR))
def inc_subtensor(ctx: Lowering, node: Apply) -> None:
    x, out = node.inputs[0], node.outputs[0]
    whole = ctx.wholes.get(node)
    if whole is None:
        _write(ctx, node, lambda: ctx.copied(out, ctx.buffer(x)))
        return
    name = whole.begin(ctx)
    placed = whole.placed.get(node)  # under which condition the value has been computed in its place
    if placed is None:
        _write(ctx, node, lambda: name)
    elif placed != TRUE:
        otherwise = ctx.fork()
        _write(otherwise, node, lambda: name)
        ctx.emit(If(placed, (), tuple(otherwise.body)))
    ctx.names[out] = name


def _write(ctx: Lowering, node: Apply, target: Callable[[], str]) -> None:
    """Writes the value into a part of a buffer. `target` makes that after the value has been seen to."""
    x, y, *scalars = node.inputs
    read = Subtensor(node.op.idx_list)(x, *scalars)
    parts = index_parts(ctx, read.owner, read)
    dims = [p.count for p in parts if p.step is not None]
    missing = read.type.ndim - y.type.ndim
    same = [
        k >= missing and (is_const(d, 1) if y.type.broadcastable[k - missing]
                          else ctx.sizes.root(y, k - missing) == ctx.sizes.root(read, k))
        for k, d in enumerate(dims)
    ]
    value = broadcast_value(ctx, node, y, dims, same)
    name = target()
    with ctx.nest(node) as nest:
        index = nest.loops(dims)
        place = _place(parts, index)
        new = value(index)
        if not node.op.set_instead_of_inc:
            new = incremented(Load(name, place, x.type.dtype), new)
        nest.store(name, place, convert(new, x.type.dtype))
