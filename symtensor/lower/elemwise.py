"""Elemwise and DimShuffle: one element from elements; a fusion group as one nest."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ONE, ZERO
from symtensor.ir.nodes import Expr, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.registry import BUFFER, ELEMENT, element, view
from symtensor.lower.scalar_ops import apply_scalar_op, is_known
from symtensor.tensor.elemwise import DimShuffle, Elemwise

__all__ = ["emit_group"]


@element(Elemwise, uses=ELEMENT, when=lambda node: is_known(node.op.scalar_op), fusible=True)
def elemwise_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    args = []
    for k, operand in enumerate(node.inputs):
        own = tuple(ZERO if b else i for i, b in zip(index, operand.type.broadcastable, strict=True))
        args.append(at(k, own))
    return apply_scalar_op(node.op.scalar_op, args, [v.type.dtype for v in node.outputs], position)


@element(DimShuffle, uses=ELEMENT)
def dimshuffle_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    operand = node.inputs[0]
    own: list[Expr] = [ZERO] * operand.type.ndim
    for axis, source in enumerate(node.op.new_order):
        if source != "x" and not operand.type.broadcastable[source]:
            own[source] = index[axis]
    return at(0, tuple(own))


@view(DimShuffle, uses=BUFFER)
def dimshuffle_view(ctx: Lowering, node: Apply, position: int) -> None:
    operand = node.inputs[0]
    base = ctx.buffer(operand)
    axes = [
        ViewAxis(None, ONE) if source == "x" else ViewAxis(source, ctx.dim(operand, source))
        for source in node.op.new_order
    ]
    ctx.view(node.outputs[0], base, [ZERO] * operand.type.ndim, axes)


def emit_group(ctx: Lowering, group: Sequence[Apply], stored: Sequence[Variable]) -> None:
    """One nest that computes a fusion group and stores what is read elsewhere."""
    for node in group:
        for operand in node.inputs:
            if not ctx.computable(operand) and operand.type.ndim:
                ctx.buffer(operand)
    dims = ctx.dims(stored[0])
    names = [ctx.define(v, dims) for v in stored]
    for v in stored:
        del ctx.names[v]  # the elements are computed here, not read
    with ctx.nest(*group) as nest:
        index = nest.loops(dims)
        values = {v: ctx.element(v, index) for node in group for v in node.outputs}
        for v, name in zip(stored, names, strict=True):
            nest.store(name, index, values[v])
    ctx.names.update(zip(stored, names, strict=True))
