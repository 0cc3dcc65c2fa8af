"""Scalar operations as expressions: rows of the table, casts, and compositions of them."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Constant
from symtensor.ir.nodes import Expr, Op
from symtensor.lower.nest import convert, literal
from symtensor.scalar.composite import Composite
from symtensor.scalar.op import ScalarOp
from symtensor.scalar.ops import Cast
from symtensor.scalar.table import ROWS

BITS = ("and_", "or_", "xor", "invert")


def is_known(op) -> bool:
    """Whether an expression can say what a scalar op does (user-defined ones cannot)."""
    if isinstance(op, Composite):
        return all(is_known(node.op) for node in op.fgraph.toposort())
    return type(op) is Cast or (getattr(op, "row_name", None) is not None and type(op).impl is ScalarOp.impl)


def apply_scalar_op(op, args: Sequence[Expr], out_dtypes: Sequence[str], position: int = 0) -> Expr:
    """The expression of one output of a known scalar op on operands of any numeric dtype."""
    if isinstance(op, Composite):
        return _composite(op, args, position)
    dtype = out_dtypes[position]
    if type(op) is Cast or op.row_name == "identity":
        return convert(args[0], dtype)
    if op.row_name == "second":
        return convert(args[1], dtype)
    row = ROWS[op.row_name]
    wanted = row.operand_dtypes(tuple(a.dtype for a in args), dtype)
    operands = [convert(a, d) for a, d in zip(args, wanted, strict=True)]
    computed = _computed_dtype(row.name, wanted[0], dtype)
    if row.arity is not None:
        result: Expr = Op(row.name, tuple(operands), computed)
    else:
        result = operands[0]
        for other in operands[1:]:
            result = Op(row.name, (result, other), computed)
    return convert(result, dtype)


def _computed_dtype(name: str, operand: str, output: str) -> str:
    """The dtype of the operation itself; the conversion to the op's output dtype is a Cast of its own."""
    if name in BITS or (operand.startswith("float") and output.startswith("float")):
        return operand
    return output


def _composite(op: Composite, args: Sequence[Expr], position: int) -> Expr:
    values = dict(zip(op.inputs, args, strict=True))
    for node in op.fgraph.toposort():
        inner = [literal(v.data, v.type.dtype) if isinstance(v, Constant) else values[v] for v in node.inputs]
        for k, v in enumerate(node.outputs):
            values[v] = apply_scalar_op(node.op, inner, [o.type.dtype for o in node.outputs], k)
    return values[op.outputs[position]]
