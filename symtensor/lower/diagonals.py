"""Diagonals: taken out element by element, put into zeros, and overwritten."""
from __future__ import annotations

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import ZERO, add, compare, maximum, minimum, sub
from symtensor.ir.nodes import Expr
from symtensor.lower.context import Lowering
from symtensor.lower.indices import integer
from symtensor.lower.nest import convert, literal
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, element, emit
from symtensor.tensor.diagonal import AllocDiag, ExtractDiag
from symtensor.tensor.filling import FillDiagonal, FillDiagonalOffset

__all__: list[str] = []


@element(ExtractDiag, uses=ELEMENT)
def extract_diag(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    x, offset = node.inputs[0], node.op.offset
    first, second = node.op.axis1 % x.type.ndim, node.op.axis2 % x.type.ndim
    *outer, along = index
    kept = iter(outer)
    moved = {first: add(along, max(0, -offset)), second: add(along, max(0, offset))}
    place = [moved[axis] if axis in moved else next(kept) for axis in range(x.type.ndim)]
    return at(0, tuple(ZERO if b else i for i, b in zip(place, x.type.broadcastable, strict=True)))


@emit(AllocDiag, uses=ELEMENT)
def alloc_diag(ctx: Lowering, node: Apply) -> None:
    """Zeros first, then the diagonals."""
    (x,), (out,) = node.inputs, node.outputs
    offset, ndim = node.op.offset, out.type.ndim
    first, second = node.op.axis1 % ndim, node.op.axis2 % ndim
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        nest.store(name, nest.loops(ctx.dims(out)), literal(0, out.type.dtype))
    with ctx.nest(node) as nest:
        *outer, along = nest.loops(ctx.dims(x))
        kept = iter(outer)
        moved = {first: add(along, max(0, -offset)), second: add(along, max(0, offset))}
        place = [moved[axis] if axis in moved else next(kept) for axis in range(ndim)]
        nest.store(name, place, ctx.element(x, (*outer, along)))


@emit(FillDiagonal, uses=(BUFFER, SCALAR))
def fill_diagonal(ctx: Lowering, node: Apply) -> None:
    x, value = node.inputs
    dims = ctx.dims(x)
    if x.type.ndim > 2:
        for k, length in enumerate(dims[1:]):
            ctx.check(compare("eq", length, dims[0]), "ValueError", "All dimensions of input must be of equal length",
                      node, (length, dims[0]))
    length = dims[0]
    for other in dims[1:]:
        length = minimum(length, other)
    new = ctx.scalar(value)
    name = ctx.copied(node.outputs[0], ctx.buffer(x))
    with ctx.nest(node) as nest:
        along = nest.loop(ctx.let(length))
        nest.store(name, (along,) * x.type.ndim, convert(new, x.type.dtype))


@emit(FillDiagonalOffset, uses=(BUFFER, SCALAR))
def fill_diagonal_offset(ctx: Lowering, node: Apply) -> None:
    x, value, offset = node.inputs
    rows, columns = ctx.dims(x)
    k = integer(ctx, offset)
    down, right = ctx.let(maximum(sub(0, k), 0)), ctx.let(maximum(k, 0))
    length = ctx.let(maximum(minimum(sub(rows, down), sub(columns, right)), 0))
    new = ctx.scalar(value)
    name = ctx.copied(node.outputs[0], ctx.buffer(x))
    with ctx.nest(node) as nest:
        along = nest.loop(length)
        nest.store(name, (add(along, down), add(along, right)), convert(new, x.type.dtype))
