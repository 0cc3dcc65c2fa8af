"""Joining and splitting along a known axis: a nest per piece into one buffer; views of the pieces."""
from __future__ import annotations

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import ZERO, add, compare, is_const
from symtensor.ir.nodes import Const, Dim, Expr, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.indices import entry_value, host
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, SHAPE, element, emit, view
from symtensor.tensor.joining import Join, Split
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value, vector_length

__all__ = ["begin_join", "join_axis"]


def _axis(node: Apply, which: int, ndim: int) -> int | None:
    """The axis, where it is known when the function is compiled."""
    try:
        return int(get_scalar_constant_value(node.inputs[which])) % ndim
    except NotScalarConstantError:
        return None


def join_axis(node: Apply) -> int | None:
    """The axis of a join, where it is known when the function is compiled."""
    return _axis(node, 0, node.outputs[0].type.ndim)


@emit(Join, uses=(SCALAR, ELEMENT), when=lambda node: join_axis(node) is not None)
def join(ctx: Lowering, node: Apply) -> None:
    out = node.outputs[0]
    tensors = node.inputs[1:]
    axis = join_axis(node)
    if axis == 0 and tuple(tensors) in ctx.traces:
        # The initial rows of a loop's state before the computed ones: that is how the loop keeps them.
        trace, rows = ctx.traces[tensors[0], tensors[1]]
        axes = [ViewAxis(0, rows)] + [ViewAxis(k, Dim(trace, k)) for k in range(1, out.type.ndim)]
        ctx.view(out, trace, [ZERO] * out.type.ndim, axes)
        return
    whole = ctx.wholes.get(node)
    if whole is None:
        name, offsets = begin_join(ctx, node)
    else:
        name, offsets = whole.begin(ctx), whole.offsets
    ctx.names[out] = name
    for x, offset in zip(tensors, offsets, strict=True):
        if whole is not None and x in whole.placed:
            continue
        # A constant 1 in the type of x may be all that is known of the others' lengths as well.
        dims = [ctx.dim(x, k) for k in range(out.type.ndim)]
        with ctx.nest(node) as nest:
            index = nest.loops(dims)
            value = convert(ctx.element(x, index), out.type.dtype)
            nest.store(name, [add(i, offset) if k == axis else i for k, i in enumerate(index)], value)


def begin_join(ctx: Lowering, node: Apply) -> tuple[str, list[Expr]]:
    """Checks that the parts fit; memory for the whole, and where along the axis each part begins."""
    out = node.outputs[0]
    tensors = node.inputs[1:]
    axis = join_axis(node)
    assert axis is not None
    for which, x in enumerate(tensors[1:], 1):
        for k in range(out.type.ndim):
            if k == axis or ctx.sizes.root(tensors[0], k) == ctx.sizes.root(x, k):
                continue
            first, other = ctx.shape_element(tensors[0], k), ctx.shape_element(x, k)
            ctx.check(compare("eq", first, other), "ValueError",
                      "all the input array dimensions except for the concatenation axis must match exactly, but along "
                      f"dimension {k}, the array at index 0 has size {{0}} and the array at index {which} has size "
                      "{1}", node, (first, other))
    name = ctx.define(out)
    offsets: list[Expr] = [ZERO]
    for x in tensors[:-1]:
        offsets.append(ctx.let(add(offsets[-1], ctx.dim(x, axis))))
    return name, offsets


# -- apart -------------------------------------------------------------------------------------------------------------


def _cut(ctx: Lowering, node: Apply, position: int) -> tuple[int, Expr]:
    """The axis, and where the piece begins; all checked."""
    x, _, splits = node.inputs
    axis = _axis(node, 1, x.type.ndim)
    assert axis is not None
    count = node.op.len_splits
    with host(ctx):
        if vector_length(splits) is None:
            given = ctx.shape_element(splits, 0)
            ctx.check(compare("eq", given, count), "ValueError",
                      f"Split: splits count ({{0}}) != expected count ({count}).", node, (given,))
        lengths = [entry_value(ctx, splits, k) for k in range(count)]
        total: Expr = ZERO
        offsets = []
        for length in lengths:
            ctx.check(compare("ge", length, 0), "ValueError",
                      "Split: you try to take a negative number ({0}) of elements.", node, (length,))
            offsets.append(total)
            total = ctx.let(add(total, length))
        whole = ctx.shape_element(x, axis)
        ctx.check(compare("eq", total, whole), "ValueError", "Split: the splits sums to {0}, expected {1}.", node,
                  (total, whole))
    return axis, offsets[position]


def _known_axis(node: Apply) -> bool:
    return _axis(node, 1, node.inputs[0].type.ndim) is not None


@element(Split, uses=(ELEMENT, SCALAR, SHAPE), when=_known_axis)
def split_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    axis, offset = _cut(ctx, node, position)
    x = node.inputs[0]
    return at(0, tuple(
        add(i, offset) if k == axis else (ZERO if x.type.broadcastable[k] else i) for k, i in enumerate(index)
    ))


@view(Split, uses=(BUFFER, SCALAR, SHAPE), when=_known_axis)
def split_view(ctx: Lowering, node: Apply, position: int) -> None:
    axis, offset = _cut(ctx, node, position)
    out = node.outputs[position]
    dims = ctx.dims(out)
    # An empty piece begins at 0, which is in bounds or as empty as the piece.
    start = offset if is_const(offset) else ctx.let(offset)
    begin = [start if k == axis else Const(0, "int64") for k in range(out.type.ndim)]
    ctx.view(out, ctx.buffer(node.inputs[0]), begin, [ViewAxis(k, d) for k, d in enumerate(dims)])
