"""ifelse: an `If` whose sides hold the nodes that only one branch needs."""
from __future__ import annotations

from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import compare
from symtensor.ir.nodes import Const, Define, Dim, Expr, If, Same, Stmt
from symtensor.lower.blocks import lower_region
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, SCALAR, emit

__all__: list[str] = []


@emit(IfElse, uses=lambda node: [SCALAR] + [BUFFER] * (len(node.inputs) - 1))
def if_else(ctx: Lowering, node: Apply) -> None:
    n = node.op.n_outs
    condition = ctx.let(_truth(ctx.scalar(node.inputs[0])), "c")
    outputs = [ctx.declare_for(v) for v in node.outputs]
    sides = [_side(ctx, node, side, node.inputs[1 + side * n:1 + side * n + n], outputs) for side in (0, 1)]
    ctx.emit(If(condition, sides[0], sides[1], ctx.origin(node)))


def _truth(value: Expr) -> Expr:
    if value.dtype == "int64":
        return compare("neq", value, 0)
    return convert(value, "bool")


def _side(ctx: Lowering, node: Apply, side: int, values: list[Variable], outputs: list[str]) -> tuple[Stmt, ...]:
    """The statements of one branch; at its end its values stand in the outputs."""
    inner = ctx.fork()
    if node in ctx.regions.reads:
        lower_region(inner, (node, side), values)
    for value, name in zip(values, outputs, strict=True):
        source = inner.buffer(value)
        buffer = ctx.declared[name]
        if buffer.dtype == "object":
            inner.emit(Same(name, source))
            continue
        inner.emit(Define(name, tuple(
            Const(1, "int64") if b else Dim(source, axis) for axis, b in enumerate(buffer.broadcast)
        )))
        inner.copy(name, source)
    return tuple(inner.body)
