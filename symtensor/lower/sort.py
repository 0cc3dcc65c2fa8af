"""Sorting: calls of the library's routines. Orders by the fields of records do not exist here and stay Python."""
from __future__ import annotations

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import add, both, compare, select
from symtensor.ir.nodes import Call, Expr
from symtensor.lower.context import Lowering
from symtensor.lower.indices import integer
from symtensor.lower.registry import BUFFER, SCALAR, emit
from symtensor.tensor.sort import ArgSortOp, SortOp

__all__: list[str] = []


def _axis(ctx: Lowering, node: Apply) -> Expr:
    """The axis, counted from the front."""
    x, given = node.inputs
    axis = integer(ctx, given)
    ndim = x.type.ndim
    ctx.check(both(compare("ge", axis, -ndim), compare("lt", axis, ndim)), "ValueError",
              f"axis {{0}} is out of bounds for array of dimension {ndim}", node, (axis,))
    return ctx.let(select(compare("lt", axis, 0), add(axis, ndim), axis))


@emit(SortOp, uses=(BUFFER, SCALAR), when=lambda node: node.op.order is None)
def sort(ctx: Lowering, node: Apply) -> None:
    axis = _axis(ctx, node)
    ctx.emit(Call("sort", (ctx.define(node.outputs[0]),), (ctx.buffer(node.inputs[0]),), (axis,), ctx.origin(node)))


@emit(ArgSortOp, uses=(BUFFER, SCALAR), when=lambda node: node.op.order is None)
def argsort(ctx: Lowering, node: Apply) -> None:
    """Whatever kind is asked for: the stable order is one of those that any kind may give."""
    axis = _axis(ctx, node)
    ctx.emit(Call("argsort", (ctx.define(node.outputs[0]),), (ctx.buffer(node.inputs[0]),), (axis,), ctx.origin(node)))
