"""Products: calls of BLAS where it has the dtype, loops for the others.

Operands of other dtypes are converted first. What BLAS takes may have any strides, so transposed operands stay views.
"""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import ONE, ZERO, compare
from symtensor.ir.nodes import Call, Const, Dim, Expr, Load, Op, View, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, SCALAR, emit
from symtensor.tensor.blas import BatchedDot, Dot22, Dot22Scalar, Gemm, Gemv, Ger
from symtensor.tensor.linear import Dot

__all__: list[str] = []

BLAS = ("float32", "float64", "complex64", "complex128")


def _number(value: int, dtype: str) -> Const:
    return Const(complex(value) if dtype.startswith("complex") else float(value), dtype)


def _operand(ctx: Lowering, variable: Variable, dtype: str) -> str:
    """The buffer of an operand, converted to the dtype of the product where it has another one."""
    name = ctx.buffer(variable)
    if variable.type.dtype == dtype:
        return name
    dims = ctx.dims(variable)
    converted = ctx.scratch(dtype, dims)
    with ctx.nest() as nest:
        index = nest.loops(dims)
        nest.store(converted, index, convert(Load(name, tuple(index), variable.type.dtype), dtype))
    return converted


def _viewed(ctx: Lowering, base: str, axes: Sequence[int | None]) -> str:
    """A view with axes in another order; None is a new axis of length 1."""
    buffer = ctx.declared[base]
    name = ctx.declare(buffer.dtype, [True if a is None else buffer.broadcast[a] for a in axes], "any")
    sizes = [ViewAxis(None, ONE) if a is None else ViewAxis(a, Dim(base, a)) for a in axes]
    ctx.emit(View(name, base, (ZERO,) * buffer.ndim, tuple(sizes)))
    return name


def _agree(ctx: Lowering, node: Apply, message: str, a: tuple[Variable, int], b: tuple[Variable, int],
           shown: Sequence[tuple[Variable, int]] = ()) -> None:
    """Checks that two lengths are equal. Operands may well be known to fit: then nothing is left to check."""
    if ctx.sizes.root(*a) == ctx.sizes.root(*b):
        return
    left, right = ctx.shape_element(*a), ctx.shape_element(*b)
    values = [ctx.shape_element(*s) for s in shown] or [left, right]
    ctx.check(compare("eq", left, right), "ValueError", message, node, values)


MATRICES = "Shape mismatch: x has {0} cols (and {1} rows) but y has {2} rows (and {3} cols)"
MATRIX_VECTOR = "Shape mismatch: A.shape[1] != x.shape[0] ({0} != {1})"


@emit(Dot, Dot22, uses=BUFFER)
def dot(ctx: Lowering, node: Apply) -> None:
    a, b = node.inputs
    out = node.outputs[0]
    dtype = out.type.dtype
    ranks = (a.type.ndim, b.type.ndim)
    if ranks == (2, 2):
        _agree(ctx, node, MATRICES, (a, 1), (b, 0), [(a, 1), (a, 0), (b, 0), (b, 1)])
    else:
        _agree(ctx, node, MATRIX_VECTOR, (a, a.type.ndim - 1), (b, 0))
    if dtype not in BLAS:
        _looped(ctx, node)
        return
    x, y = _operand(ctx, a, dtype), _operand(ctx, b, dtype)
    name = ctx.define(out)
    one, zero, origin = _number(1, dtype), _number(0, dtype), ctx.origin(node)
    if ranks == (2, 2):
        ctx.emit(Call("gemm", (name,), (x, y), (one, zero), origin))
    elif ranks == (2, 1):
        ctx.emit(Call("gemv", (name,), (x, y), (one, zero), origin))
    elif ranks == (1, 2):
        ctx.emit(Call("gemv", (name,), (_viewed(ctx, y, (1, 0)), x), (one, zero), origin))
    else:
        ctx.emit(Call("dot", (name,), (x, y), (), origin))


def _looped(ctx: Lowering, node: Apply) -> None:
    """A product in loops: integers, booleans (or of ands), float16 (added up in float32)."""
    a, b = node.inputs
    out = node.outputs[0]
    dtype = out.type.dtype
    wide = "float32" if dtype == "float16" else dtype
    x, y = ctx.buffer(a), ctx.buffer(b)
    inner = ctx.dim(a, a.type.ndim - 1)
    name = ctx.define(out)
    fold, times = ("or_", "and_") if dtype == "bool" else ("add", "mul")
    with ctx.nest(node) as nest:
        rows = nest.loops(ctx.dims(a)[:-1])
        columns = nest.loops(ctx.dims(b)[1:])

        def term(k: tuple[Expr, ...]) -> Expr:
            left = convert(Load(x, (*rows, *k), a.type.dtype), wide)
            right = convert(Load(y, (*k, *columns), b.type.dtype), wide)
            return Op(times, (left, right), wide)

        value = nest.reduce(fold, (inner,), wide, term)
        nest.store(name, (*rows, *columns), convert(value, dtype))


def _is_blas(node: Apply) -> bool:
    return node.outputs[0].type.dtype in BLAS


@emit(Dot22Scalar, uses=(BUFFER, BUFFER, SCALAR), when=_is_blas)
def dot22scalar(ctx: Lowering, node: Apply) -> None:
    x, y, a = node.inputs
    _agree(ctx, node, MATRICES, (x, 1), (y, 0), [(x, 1), (x, 0), (y, 0), (y, 1)])
    dtype = x.type.dtype
    factor = ctx.let(ctx.scalar(a))
    name = ctx.define(node.outputs[0])
    ctx.emit(Call("gemm", (name,), (ctx.buffer(x), ctx.buffer(y)), (factor, _number(0, dtype)), ctx.origin(node)))


@emit(Gemm, uses=(BUFFER, SCALAR, BUFFER, BUFFER, SCALAR), when=_is_blas)
def gemm(ctx: Lowering, node: Apply) -> None:
    z, a, x, y, b = node.inputs
    _agree(ctx, node, MATRICES, (x, 1), (y, 0), [(x, 1), (x, 0), (y, 0), (y, 1)])
    _agree(ctx, node, "Shape mismatch: x has {0} rows but z has {1} rows", (x, 0), (z, 0))
    _agree(ctx, node, "Shape mismatch: y has {0} cols but z has {1} cols", (y, 1), (z, 1))
    alpha, beta = ctx.let(ctx.scalar(a)), ctx.let(ctx.scalar(b))
    name = _accumulator(ctx, node.outputs[0], z, b)
    ctx.emit(Call("gemm", (name,), (ctx.buffer(x), ctx.buffer(y)), (alpha, beta), ctx.origin(node)))


def _accumulator(ctx: Lowering, out: Variable, z: Variable, factor: Variable | None) -> str:
    """Memory that starts as z; undefined where z is multiplied by a literal 0 and so not read."""
    if isinstance(factor, Constant) and factor.data == 0:
        return ctx.define(out)
    return ctx.copied(out, ctx.buffer(z))


@emit(Gemv, uses=(BUFFER, SCALAR, BUFFER, BUFFER, SCALAR), when=_is_blas)
def gemv(ctx: Lowering, node: Apply) -> None:
    y, alpha, matrix, x, beta = node.inputs
    _agree(ctx, node, MATRIX_VECTOR, (matrix, 1), (x, 0))
    _agree(ctx, node, "Shape mismatch: A.shape[0] != y.shape[0] ({0} != {1})", (matrix, 0), (y, 0))
    a, b = ctx.let(ctx.scalar(alpha)), ctx.let(ctx.scalar(beta))
    name = _accumulator(ctx, node.outputs[0], y, beta)
    ctx.emit(Call("gemv", (name,), (ctx.buffer(matrix), ctx.buffer(x)), (a, b), ctx.origin(node)))


@emit(Ger, uses=(BUFFER, SCALAR, BUFFER, BUFFER), when=_is_blas)
def ger(ctx: Lowering, node: Apply) -> None:
    matrix, alpha, x, y = node.inputs
    _agree(ctx, node, "Shape mismatch: A has {0} rows, x {1} elements", (matrix, 0), (x, 0))
    _agree(ctx, node, "Shape mismatch: A has {0} columns, y {1} elements", (matrix, 1), (y, 0))
    factor = ctx.let(ctx.scalar(alpha))
    name = ctx.copied(node.outputs[0], ctx.buffer(matrix))
    ctx.emit(Call("ger", (name,), (ctx.buffer(x), ctx.buffer(y)), (factor,), ctx.origin(node)))


@emit(BatchedDot, uses=BUFFER)
def batched_dot(ctx: Lowering, node: Apply) -> None:
    x, y = node.inputs
    out = node.outputs[0]
    dtype = out.type.dtype
    _agree(ctx, node, "Shape mismatch: batch sizes unequal: {0} and {1}.", (x, 0), (y, 0))
    _agree(ctx, node, "Shape mismatch: summation axis sizes unequal: {0} and {1}.", (x, x.type.ndim - 1), (y, 1))
    if dtype not in BLAS:
        _looped_batch(ctx, node)
        return
    left, right = ctx.buffer(x), ctx.buffer(y)
    if x.type.ndim == 2:
        left = _viewed(ctx, left, (0, None, 1))
    if y.type.ndim == 2:
        right = _viewed(ctx, right, (0, 1, None))
    scalars, origin = (_number(1, dtype), _number(0, dtype)), ctx.origin(node)
    if out.type.ndim == 3:
        ctx.emit(Call("batched_gemm", (ctx.define(out),), (left, right), scalars, origin))
        return
    rows = ctx.dim(x, 1) if x.type.ndim == 3 else ONE
    columns = ctx.dim(y, 2) if y.type.ndim == 3 else ONE
    whole = ctx.scratch(dtype, (ctx.dim(out, 0), rows, columns))
    ctx.emit(Call("batched_gemm", (whole,), (left, right), scalars, origin))
    ctx.reshape(out, whole, ctx.dims(out))


def _looped_batch(ctx: Lowering, node: Apply) -> None:
    x, y = node.inputs
    out = node.outputs[0]
    dtype = out.type.dtype
    wide = "float32" if dtype == "float16" else dtype
    left, right = ctx.buffer(x), ctx.buffer(y)
    name = ctx.define(out)
    fold, times = ("or_", "and_") if dtype == "bool" else ("add", "mul")
    with ctx.nest(node) as nest:
        i = nest.loop(ctx.dim(out, 0))
        rows = nest.loops(ctx.dims(x)[1:-1])
        columns = nest.loops(ctx.dims(y)[2:])

        def term(k: tuple[Expr, ...]) -> Expr:
            a = convert(Load(left, (_at(x, i), *rows, *k), dtype), wide)
            return Op(times, (a, convert(Load(right, (_at(y, i), *k, *columns), dtype), wide)), wide)

        value = nest.reduce(fold, (ctx.dim(y, 1),), wide, term)
        nest.store(name, (i, *rows, *columns), convert(value, dtype))


def _at(variable: Variable, index: Expr) -> Expr:
    return ZERO if variable.type.broadcastable[0] else index
