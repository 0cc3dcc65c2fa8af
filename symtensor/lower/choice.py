"""Positions of the elements that are not 0: counted first, then written down."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import ZERO, int_
from symtensor.ir.nodes import Call, Const, Expr, Load, Op, View, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, emit
from symtensor.tensor.choice import Nonzero

__all__: list[str] = []


@emit(Nonzero, uses=BUFFER)
def nonzero(ctx: Lowering, node: Apply) -> None:
    x, out = node.inputs[0], node.outputs[0]
    name, dims, dtype = ctx.buffer(x), ctx.dims(x), x.type.dtype
    counted = ctx.scratch("int64", ())

    def counts(index: Sequence[Expr]) -> Expr:
        value = Load(name, tuple(index), dtype)
        # A complex number has no cast to bool.
        there = Op("neq", (value, Const(0j, dtype)), "bool") if dtype.startswith("complex") else convert(value, "bool")
        return convert(there, "int64")

    with ctx.nest(node) as nest:
        nest.store(counted, (), nest.reduce("add", dims, "int64", counts))
    count = ctx.let(Load(counted, (), "int64"))
    positions = ctx.define(out, (int_(x.type.ndim), count))
    rows = []
    for axis in range(x.type.ndim):
        row = ctx.declare("int64", (False,), "any")
        ctx.emit(View(row, positions, (int_(axis), ZERO), (ViewAxis(1, count),)))
        rows.append(row)
    ctx.emit(Call("nonzero", tuple(rows), (name,), (), ctx.origin(node)))
