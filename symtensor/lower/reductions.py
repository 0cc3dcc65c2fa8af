"""Reductions: loops over the kept axes around one `Reduce` over the others, fused with what computes their operand."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import compare, either, floor_div, mul, product, sub
from symtensor.ir.nodes import Const, Expr, Op
from symtensor.lower.context import Lowering
from symtensor.lower.nest import NestBuilder, convert
from symtensor.lower.registry import ELEMENT, SHAPE, emit
from symtensor.scalar import basic as scal
from symtensor.tensor.careduce import All, Any, CAReduce, CAReduceDtype, Prod, ProdWithoutZeros, Sum
from symtensor.tensor.reductions import Argmax, MaxAndArgmax, Mean

__all__: list[str] = []

WITHOUT_IDENTITY = ("maximum", "minimum")


def _axes(axis: object, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,))))


class _Frame:
    """The loops of one reduction: kept axes outside, reduced axes inside."""

    def __init__(self, ctx: Lowering, operand: Variable, axes: tuple[int, ...]):
        self.kept = [k for k in range(operand.type.ndim) if k not in axes]
        self.axes = axes
        self.dims = ctx.dims(operand)

    def check_not_empty(self, ctx: Lowering, node: Apply, name: str) -> None:
        """NumPy's error for a reduction without identity over no elements (unless nothing is asked for)."""
        some = compare("gt", product(self.dims[k] for k in self.axes), 0)
        none_wanted = compare("eq", product(self.dims[k] for k in self.kept), 0)
        ctx.check(either(some, none_wanted), "ValueError",
                  f"zero-size array to reduction operation {name} which has no identity", node)

    def extents(self) -> list[Expr]:
        return [self.dims[k] for k in self.axes]

    def index(self, outer: Sequence[Expr], inner: Sequence[Expr]) -> tuple[Expr, ...]:
        found = {**dict(zip(self.kept, outer, strict=True)), **dict(zip(self.axes, inner, strict=True))}
        return tuple(found[k] for k in sorted(found))


FOLDED = ("add", "mul", "and_", "or_", "xor")


def _is_ordered(node: Apply) -> bool:
    """Whether the operand's numbers have an order that C knows (NumPy orders complex ones by their parts)."""
    return not node.inputs[0].type.dtype.startswith("complex")


def _folds(node: Apply) -> bool:
    row = getattr(node.op.scalar_op, "row_name", None)
    return row in FOLDED or (row in WITHOUT_IDENTITY and _is_ordered(node))


@emit(CAReduce, CAReduceDtype, Sum, Prod, All, Any, uses=ELEMENT,
      when=lambda node: _folds(node))
def reduction(ctx: Lowering, node: Apply) -> None:
    operand, out = node.inputs[0], node.outputs[0]
    axes = _axes(node.op.axis, operand.type.ndim)
    frame = _Frame(ctx, operand, axes)
    row = node.op.scalar_op.row_name
    dtype = _accumulator(node)
    if row in WITHOUT_IDENTITY:
        frame.check_not_empty(ctx, node, row)
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        outer = nest.loops([frame.dims[k] for k in frame.kept])
        value = nest.reduce(
            row, frame.extents(), dtype,
            lambda inner: convert(ctx.element(operand, frame.index(outer, inner)), dtype),
        )
        nest.store(name, outer, convert(value, out.type.dtype))


def _accumulator(node: Apply) -> str:
    """The dtype that the reduction computes in."""
    asked = getattr(node.op, "acc_dtype", None)
    return asked if asked is not None else node.outputs[0].type.dtype


@emit(Mean, uses=ELEMENT)
def mean(ctx: Lowering, node: Apply) -> None:
    """A sum in double precision, divided by the number of elements."""
    operand, out = node.inputs[0], node.outputs[0]
    frame = _Frame(ctx, operand, _axes(node.op.axis, operand.type.ndim))
    dtype = scal.upcast(operand.type.dtype, "float64")
    count = ctx.let(convert(ctx.let(product(frame.extents())), dtype))
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        outer = nest.loops([frame.dims[k] for k in frame.kept])
        total = nest.reduce(
            "add", frame.extents(), dtype,
            lambda inner: convert(ctx.element(operand, frame.index(outer, inner)), dtype),
        )
        nest.store(name, outer, convert(Op("true_div", (total, count), dtype), out.type.dtype))


@emit(ProdWithoutZeros, uses=ELEMENT)
def product_without_zeros(ctx: Lowering, node: Apply) -> None:
    """The product of the elements that are not zero."""
    operand, out = node.inputs[0], node.outputs[0]
    frame = _Frame(ctx, operand, _axes(node.op.axis, operand.type.ndim))
    dtype = _accumulator(node)
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        outer = nest.loops([frame.dims[k] for k in frame.kept])

        def body(inner: tuple[Expr, ...]) -> Expr:
            value = nest.bind(convert(ctx.element(operand, frame.index(outer, inner)), dtype))
            return _one_for_zero(value, dtype)

        nest.store(name, outer, convert(nest.reduce("mul", frame.extents(), dtype, body), out.type.dtype))


def _one_for_zero(value: Expr, dtype: str) -> Expr:
    from_type = complex if dtype.startswith("complex") else float if dtype.startswith("float") else int
    zero, one = Const(from_type(0), dtype), Const(from_type(1), dtype)
    return Op("switch", (Op("eq", (value, zero), "bool"), one, value), dtype)


def _argmax(ctx: Lowering, nest: NestBuilder, frame: _Frame, operand: Variable, outer: Sequence[Expr]) -> Expr:
    return nest.reduce(
        "argmax", frame.extents(), "int64", lambda inner: ctx.element(operand, frame.index(outer, inner))
    )


def _unravelled(position: Expr, extents: Sequence[Expr]) -> list[Expr]:
    """The indices of a C-order position."""
    indices: list[Expr] = []
    for extent in reversed(extents[1:]):
        quotient = floor_div(position, extent)
        indices.append(sub(position, mul(quotient, extent)))
        position = quotient
    return [position, *reversed(indices)]


@emit(Argmax, uses=(ELEMENT, SHAPE), when=_is_ordered)
def argmax(ctx: Lowering, node: Apply) -> None:
    operand, out = node.inputs[0], node.outputs[0]
    frame = _Frame(ctx, operand, _axes(node.op.axis, operand.type.ndim))
    frame.check_not_empty(ctx, node, "argmax")
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        outer = nest.loops([frame.dims[k] for k in frame.kept])
        nest.store(name, outer, convert(_argmax(ctx, nest, frame, operand, outer), out.type.dtype))


@emit(MaxAndArgmax, uses=ELEMENT, when=_is_ordered)
def max_and_argmax(ctx: Lowering, node: Apply) -> None:
    """Both: the position by a reduction, the maximum by looking there. One alone: by its own reduction."""
    operand, (largest, position) = node.inputs[0], node.outputs
    frame = _Frame(ctx, operand, _axes(node.op.axis, operand.type.ndim))
    frame.check_not_empty(ctx, node, "maximum")
    names = {v: ctx.define(v) for v in node.outputs if v in ctx.wanted}
    with ctx.nest(node) as nest:
        outer = nest.loops([frame.dims[k] for k in frame.kept])
        if position in names:
            where = _argmax(ctx, nest, frame, operand, outer)
            nest.store(names[position], outer, convert(where, position.type.dtype))
        if largest in names and position in names:
            inner = _unravelled(where, frame.extents()) if frame.axes else []
            nest.store(names[largest], outer, ctx.element(operand, frame.index(outer, inner)))
        elif largest in names:
            nest.store(names[largest], outer, nest.reduce(
                "maximum", frame.extents(), operand.type.dtype,
                lambda inner: ctx.element(operand, frame.index(outer, inner)),
            ))
