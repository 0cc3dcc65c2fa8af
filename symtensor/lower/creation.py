"""Values made from sizes and scalars: alloc, arange, eye, vectors of scalars, and the bridges to Scalar types."""
from __future__ import annotations

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import ZERO, cast, compare
from symtensor.ir.nodes import Const, Expr, Op
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.registry import ELEMENT, SCALAR, SHAPE, element, emit
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar
from symtensor.tensor.alloc import Alloc, AllocEmpty
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.ranges import ARange
from symtensor.tensor.shape_ops import Shape, Shape_i
from symtensor.tensor.triangles import Eye, Tri

__all__: list[str] = []


@element(TensorFromScalar, ScalarFromTensor, uses=SCALAR)
def bridge(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    return at(0, ())


@element(Shape_i, uses=SHAPE)
def shape_i(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    return ctx.shape_element(node.inputs[0], node.op.i)


@emit(Shape, uses=SHAPE)
def shape(ctx: Lowering, node: Apply) -> None:
    operand = node.inputs[0]
    name = ctx.define(node.outputs[0], (Const(operand.type.ndim, "int64"),))
    with ctx.nest(node) as nest:
        for axis in range(operand.type.ndim):
            nest.store(name, (Const(axis, "int64"),), ctx.shape_element(operand, axis))


@element(Alloc, uses=lambda node: [ELEMENT] + [SCALAR] * (len(node.inputs) - 1))
def alloc(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    value = node.inputs[0]
    missing = len(index) - value.type.ndim
    own = [ZERO if b else i for i, b in zip(index[missing:], value.type.broadcastable, strict=True)]
    return at(0, tuple(own))


@emit(AllocEmpty, uses=SCALAR)
def alloc_empty(ctx: Lowering, node: Apply) -> None:
    ctx.define(node.outputs[0])


@element(ARange, uses=SCALAR)
def arange(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    """start + k * step, computed as NumPy does: the first two elements decide the step."""
    dtype = node.outputs[0].type.dtype
    start = ctx.let(convert(ctx.scalar(node.inputs[0]), dtype))
    step = ctx.let(convert(ctx.scalar(node.inputs[2]), dtype))
    if dtype.startswith("float"):
        following = ctx.let(Op("add", (start, step), dtype))
        step = ctx.let(Op("sub", (following, start), dtype))
    scaled = Op("mul", (convert(index[0], dtype), step), dtype)
    return Op("add", (start, scaled), dtype)


@element(Eye, uses=SCALAR)
def eye(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    return _by_diagonal(ctx, node, "eq", index)


@element(Tri, uses=SCALAR)
def tri(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    return _by_diagonal(ctx, node, "le", index)


def _by_diagonal(ctx: Lowering, node: Apply, comparison: str, index) -> Expr:
    """1 where column - row compares like that with the diagonal's number."""
    offset = ctx.let(cast(ctx.scalar(node.inputs[2]), "int64"))
    chosen = compare(comparison, Op("sub", (index[1], index[0]), "int64"), offset)
    return convert(chosen, node.outputs[0].type.dtype)


@emit(MakeVector, uses=SCALAR)
def make_vector(ctx: Lowering, node: Apply) -> None:
    out = node.outputs[0]
    name = ctx.define(out, (Const(len(node.inputs), "int64"),))
    values = [convert(ctx.scalar(v), out.type.dtype) for v in node.inputs]
    with ctx.nest(node) as nest:
        for k, value in enumerate(values):
            nest.store(name, (Const(k, "int64"),), value)
