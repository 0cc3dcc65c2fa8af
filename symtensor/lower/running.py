"""Along one axis: running sums and products, differences of neighbours, elements repeated."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ONE, ZERO, add, compare, either, floor_div, maximum, minimum, product, select, sub
from symtensor.ir.nodes import Const, Dim, Expr, Load, Op, Reshape, View, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert, literal
from symtensor.lower.registry import BUFFER, ELEMENT, element, emit
from symtensor.lower.scalar_ops import apply_scalar_op
from symtensor.scalar import basic as scal
from symtensor.tensor.cumulative import CumOp, CumprodOp, CumsumOp, DiffOp
from symtensor.tensor.repetition import RepeatOp

__all__: list[str] = []

MAX_DIFFERENCES = 4  # of a difference; the expression of one element doubles with each


def _along(ctx: Lowering, x: Variable, axis: int | None) -> tuple[str, int]:
    """The buffer of a variable (its elements in one row for axis None), and the axis counted from the front."""
    if axis is not None:
        return ctx.buffer(x), axis % x.type.ndim
    name = ctx.declare(x.type.dtype, (False,))
    ctx.emit(Reshape(name, ctx.buffer(x), (ctx.let(product(ctx.dims(x))),)))
    return name, 0


def _dims(ctx: Lowering, name: str) -> list[Expr]:
    return [ONE if b else Dim(name, k) for k, b in enumerate(ctx.declared[name].broadcast)]


def _at(index: Sequence[Expr], axis: int, position: Expr) -> tuple[Expr, ...]:
    return (*index[:axis], position, *index[axis + 1:])


def _running(ctx: Lowering, node: Apply, target: str, source: str, axis: int, op: object) -> None:
    """The first elements as they are; every other one from the one before it, in order."""
    dims = _dims(ctx, source)
    dtype, given = ctx.declared[target].dtype, ctx.declared[source].dtype
    with ctx.nest(node) as nest:
        index = nest.loops(_at(dims, axis, ctx.let(minimum(dims[axis], 1))))
        index = _at(index, axis, ZERO)
        nest.store(target, index, convert(Load(source, index, given), dtype))
    with ctx.nest(node) as nest:
        index = tuple(
            nest.loop(ctx.let(maximum(sub(n, 1), 0)) if k == axis else n, "serial" if k == axis else "vector")
            for k, n in enumerate(dims))
        here = _at(index, axis, add(index[axis], 1))
        value = [Load(target, index, dtype), convert(Load(source, here, given), dtype)]
        nest.store(target, here, apply_scalar_op(op, value, [dtype]))


@emit(CumOp, CumsumOp, CumprodOp, uses=BUFFER)
def cumulative(ctx: Lowering, node: Apply) -> None:
    source, axis = _along(ctx, node.inputs[0], node.op.axis)
    name = ctx.define(node.outputs[0])
    if ctx.declared[name].broadcast[axis]:
        ctx.copy(name, source)
        return
    _running(ctx, node, name, source, axis, scal.add if node.op.mode == "add" else scal.mul)


@element(DiffOp, uses=ELEMENT, when=lambda node: node.op.n <= MAX_DIFFERENCES)
def difference(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    x = node.inputs[0]
    axis, dtype = node.op.axis % x.type.ndim, x.type.dtype
    values = [at(0, _at(index, axis, ZERO if x.type.broadcastable[axis] else add(index[axis], k)))
              for k in range(node.op.n + 1)]
    while len(values) > 1:
        values = [
            Op("neq", (b, a), dtype) if dtype == "bool" else apply_scalar_op(scal.sub, [b, a], [dtype])
            for a, b in zip(values, values[1:])
        ]
    return values[0]


@emit(RepeatOp, uses=BUFFER)
def repeated(ctx: Lowering, node: Apply) -> None:
    """By one number: a division finds the source. By one number each: where runs end is marked, and how many ended
    before a place is its source."""
    x, counts = node.inputs
    out = node.outputs[0]
    source, axis = _along(ctx, x, node.op.axis)
    length = _dims(ctx, source)[axis]
    times, kind = ctx.buffer(counts), counts.type.dtype
    one = counts.type.ndim == 0 or counts.type.broadcastable[0]
    if one:
        count = ctx.let(convert(ctx.scalar(counts), "int64"))
        ctx.check(compare("ge", count, 0), "ValueError", "repeats may not contain negative values.", node, (count,))
    else:
        given = ctx.shape_element(counts, 0)
        ctx.check(either(compare("eq", given, length), compare("eq", given, 1)), "ValueError",
                  "operands could not be broadcast together with shape ({1},) ({0},)", node, (given, length))
        fine, whole = ctx.scratch("bool", ()), ctx.scratch("float64", ())

        def not_negative(index: Sequence[Expr]) -> Expr:
            return Op("ge", (Load(times, tuple(index), kind), literal(0, kind)), "bool")

        def in_floats(index: Sequence[Expr]) -> Expr:
            return convert(Load(times, tuple(index), kind), "float64")

        with ctx.nest(node) as nest:
            nest.store(fine, (), nest.reduce("and_", [given], "bool", not_negative))
        with ctx.nest(node) as nest:
            nest.store(whole, (), nest.reduce("add", [given], "float64", in_floats))
        ctx.check(Load(fine, (), "bool"), "ValueError", "repeats may not contain negative values.", node)
        # Integers would lose what 64 bits do not hold of the sum, and the marks be set beyond their array.
        most = Op("mul", (Load(whole, (), "float64"), convert(length, "float64")), "float64")
        ctx.check(Op("lt", (most, Const(float(1 << 62), "float64")), "bool"), "MemoryError",
                  "an array of {0} elements, each repeated, is larger than memory can be", node, (length,))
        # One number at run time counts for every element.
        step, stretched = ctx.let(select(compare("eq", given, length), 1, 0)), ctx.declare(kind, (False,), "any")
        ctx.emit(View(stretched, times, (ZERO,), (ViewAxis(0, length, step),)))
        times = stretched
    name = ctx.define(out)
    dims = _dims(ctx, name)
    if not one:
        ends, marks = ctx.scratch("int64", (length,)), ctx.scratch("int64", (ctx.let(add(dims[axis], 1)),))
        _running(ctx, node, ends, times, 0, scal.add)
        with ctx.nest(node) as nest:
            nest.store(marks, (nest.loop(Dim(marks, 0)),), ZERO)
        with ctx.nest(node) as nest:
            end = nest.bind(Load(ends, (nest.loop(length, "serial"),), "int64"))
            nest.accumulate(marks, (end,), "add", ONE)
        origin = ctx.scratch("int64", (Dim(marks, 0),))
        _running(ctx, node, origin, marks, 0, scal.add)
    with ctx.nest(node) as nest:
        index = nest.loops(dims)
        place = floor_div(index[axis], count) if one else Load(origin, (index[axis],), "int64")
        own = [ZERO if b else i for i, b in zip(_at(index, axis, nest.bind(place)), ctx.declared[source].broadcast)]
        nest.store(name, index, Load(source, tuple(own), x.type.dtype))
