"""Scalar operations as expressions: rows of the table, casts, and compositions of them."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Constant
from symtensor.ir.nodes import Const, Expr, Op
from symtensor.lower.nest import convert, operation
from symtensor.scalar.basic import Cast as CastOp
from symtensor.scalar.basic import Composite
from symtensor.scalar.table import ROWS

# Variadic rows are applied pairwise, in the dtype of the result.


def apply_scalar_op(op, args: Sequence[Expr], out_dtypes: Sequence[str], position: int = 0) -> Expr:
    """The expression of one output of a ScalarOp on operands of any numeric dtype."""
    if isinstance(op, Composite):
        return _composite(op, args, position)
    dtype = out_dtypes[position]
    if isinstance(op, CastOp):
        return convert(args[0], dtype)
    row = ROWS[op.row_name]
    operand_dtypes = row.operand_dtypes(tuple(a.dtype for a in args), dtype)
    if row.name in ("identity",):
        return convert(args[0], dtype)
    if row.name == "second":
        return convert(args[1], dtype)
    if row.arity is None:
        converted = [convert(a, d) for a, d in zip(args, operand_dtypes, strict=True)]
        result = converted[0]
        for other in converted[1:]:
            result = Op(row.name, (result, other), dtype)
        return result
    return operation(row.name, args, operand_dtypes, dtype)


def _composite(op: Composite, args: Sequence[Expr], position: int) -> Expr:
    values = dict(zip(op.inputs, args, strict=True))
    for node in op.fgraph.toposort():
        inner = [Const(v.data.item(), v.type.dtype) if isinstance(v, Constant) else values[v] for v in node.inputs]
        for k, v in enumerate(node.outputs):
            values[v] = apply_scalar_op(node.op, inner, [o.type.dtype for o in node.outputs], k)
    return values[op.outputs[position]]
