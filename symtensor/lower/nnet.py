"""Softmax and cross-entropy: one nest, whose outer loop runs over rows and whose inner ones reduce and write a row.

The maximum of a row is subtracted before exponentials are taken. float16 is computed in float32.
"""
from __future__ import annotations

from collections.abc import Callable

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ONE, ZERO, add, compare, either, mul, select
from symtensor.ir.nodes import Const, Expr, Load, Op
from symtensor.lower.advanced_indexing import check_indices
from symtensor.lower.context import Lowering
from symtensor.lower.indices import host, wrapped
from symtensor.lower.nest import NestBuilder, convert
from symtensor.lower.registry import BUFFER, ELEMENT, element, emit
from symtensor.tensor.nnet.crossentropy import (
    CrossentropyCategorical1Hot,
    CrossentropyCategorical1HotGrad,
    CrossentropySoftmax1HotWithBiasDx,
    CrossentropySoftmaxArgmax1HotWithBias,
)
from symtensor.tensor.nnet.rows import Prepend_scalar_constant_to_each_row, Prepend_scalar_to_each_row
from symtensor.tensor.nnet.softmax import LogSoftmax, Softmax, SoftmaxGrad, SoftmaxWithBias

__all__: list[str] = []

Score = Callable[[Expr, Expr], Expr]


def _wide(dtype: str) -> str:
    return "float32" if dtype == "float16" else dtype


def _load(ctx: Lowering, variable: Variable, index: tuple[Expr, ...], dtype: str) -> Expr:
    name = ctx.buffer(variable)
    own = tuple(ZERO if b else i for i, b in zip(index, variable.type.broadcastable, strict=True))
    return convert(Load(name, own, variable.type.dtype), dtype)


def _scores(ctx: Lowering, node: Apply, x: Variable, b: Variable | None) -> tuple[Score, str, Expr, Expr]:
    """Element (i, j) of x, or of x + b, the dtype it is computed in, and the numbers of rows and columns.

    Where there are no columns there are no rows either: nothing has to be computed.
    """
    ctx.buffer(x)
    columns = ctx.dim(x, 1)
    rows = ctx.let(select(compare("eq", columns, 0), 0, ctx.dim(x, 0)))
    if b is None:
        dtype = _wide(x.type.dtype)
        return lambda i, j: _load(ctx, x, (i, j), dtype), dtype, rows, columns
    length = ctx.shape_element(b, 0)
    if ctx.sizes.root(x, 1) != ctx.sizes.root(b, 0):
        ctx.check(compare("eq", columns, length), "ValueError",
                  "number of columns in x ({0}) does not match length of b ({1})", node, (columns, length))
    dtype = _wide(scal.upcast(x.type.dtype, b.type.dtype))

    def score(i: Expr, j: Expr) -> Expr:
        return Op("add", (_load(ctx, x, (i, j), dtype), _load(ctx, b, (j,), dtype)), dtype)

    ctx.buffer(b)
    return score, dtype, rows, columns


def _above_top(score: Score, i: Expr, j: Expr, top: Expr, dtype: str) -> Expr:
    return Op("sub", (score(i, j), top), dtype)


def _exponential(score: Score, i: Expr, j: Expr, top: Expr, dtype: str) -> Expr:
    return Op("exp", (_above_top(score, i, j, top, dtype),), dtype)


def _top(nest: NestBuilder, score: Score, i: Expr, columns: Expr, dtype: str) -> Expr:
    return nest.reduce("maximum", (columns,), dtype, lambda r: score(i, r[0]))


@emit(Softmax, SoftmaxWithBias, uses=BUFFER)
def softmax(ctx: Lowering, node: Apply) -> None:
    out = node.outputs[0]
    score, dtype, rows, columns = _scores(ctx, node, node.inputs[0], node.inputs[1] if len(node.inputs) == 2 else None)
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        i = nest.loop(rows)
        top = _top(nest, score, i, columns, dtype)
        _store_softmax(nest, name, out.type.dtype, score, i, columns, top, dtype)


def _store_softmax(nest: NestBuilder, name: str, stored: str, score: Score, i: Expr, columns: Expr, top: Expr,
                   dtype: str) -> Expr:
    """Writes the softmax of a row; returns the sum of its exponentials.

    The exponentials are kept in the row itself until their sum is known, where the dtype allows it.
    """
    if stored != dtype:
        total = nest.reduce("add", (columns,), dtype, lambda r: _exponential(score, i, r[0], top, dtype))
        j = nest.loop(columns)
        value = Op("true_div", (_exponential(score, i, j, top, dtype), total), dtype)
        nest.store(name, (i, j), convert(value, stored))
        nest.close(int(columns != ONE))
        return total
    j = nest.loop(columns)
    nest.store(name, (i, j), _exponential(score, i, j, top, dtype))
    nest.close(int(columns != ONE))
    total = nest.reduce("add", (columns,), dtype, lambda r: Load(name, (i, r[0]), dtype))
    j = nest.loop(columns)
    nest.store(name, (i, j), Op("true_div", (Load(name, (i, j), dtype), total), dtype))
    nest.close(int(columns != ONE))
    return total


@emit(LogSoftmax, uses=BUFFER)
def logsoftmax(ctx: Lowering, node: Apply) -> None:
    out = node.outputs[0]
    score, dtype, rows, columns = _scores(ctx, node, node.inputs[0], None)
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        i = nest.loop(rows)
        top = _top(nest, score, i, columns, dtype)
        total = nest.reduce("add", (columns,), dtype, lambda r: _exponential(score, i, r[0], top, dtype))
        logarithm = nest.bind(Op("log", (total,), dtype))
        j = nest.loop(columns)
        value = Op("sub", (_above_top(score, i, j, top, dtype), logarithm), dtype)
        nest.store(name, (i, j), convert(value, out.type.dtype))


@emit(SoftmaxGrad, uses=BUFFER)
def softmax_grad(ctx: Lowering, node: Apply) -> None:
    dy, sm = node.inputs
    out = node.outputs[0]
    for axis in range(2):
        if ctx.sizes.root(dy, axis) != ctx.sizes.root(sm, axis):
            left, right = ctx.shape_element(dy, axis), ctx.shape_element(sm, axis)
            ctx.check(compare("eq", left, right), "ValueError", f"dy.shape[{axis}] != sm.shape[{axis}]", node)
    dtype = _wide(scal.upcast(dy.type.dtype, sm.type.dtype))
    ctx.buffer(dy), ctx.buffer(sm)
    rows, columns = ctx.dim(sm, 0), ctx.dim(sm, 1)
    name = ctx.define(out)

    def product(i: Expr, j: Expr) -> Expr:
        return Op("mul", (_load(ctx, dy, (i, j), dtype), _load(ctx, sm, (i, j), dtype)), dtype)

    with ctx.nest(node) as nest:
        i = nest.loop(rows)
        total = nest.reduce("add", (columns,), dtype, lambda r: product(i, r[0]))
        j = nest.loop(columns)
        share = Op("mul", (_load(ctx, sm, (i, j), dtype), total), dtype)
        nest.store(name, (i, j), convert(Op("sub", (product(i, j), share), dtype), out.type.dtype))


# -- cross-entropies ---------------------------------------------------------------------------------------------------


def _class_of(ctx: Lowering, y: Variable, i: Expr, length: Expr | None = None) -> Expr:
    """The class of row i, counted from the end where it is negative and a length is given."""
    own = ZERO if y.type.broadcastable[0] else i
    value = convert(ctx.element(y, (own,)), "int64")
    if length is None or y.type.dtype.startswith("u"):
        return value
    return wrapped(ctx.open_nest.bind(value) if ctx.open_nest is not None else ctx.let(value), length)


@emit(CrossentropySoftmaxArgmax1HotWithBias, uses=BUFFER)
def crossentropy_softmax_argmax(ctx: Lowering, node: Apply) -> None:
    x, b, y = node.inputs
    nll, sm, am = node.outputs
    score, dtype, rows, columns = _scores(ctx, node, x, b)
    ctx.buffer(y)
    if ctx.sizes.root(x, 0) != ctx.sizes.root(y, 0):
        left, right = ctx.shape_element(x, 0), ctx.shape_element(y, 0)
        ctx.check(compare("eq", left, right), "ValueError",
                  "number of rows in x ({0}) does not match length of y ({1})", node, (left, right))
    check_indices(ctx, node, y, columns, "ValueError", "y_i value out of bounds", wrap=False)
    names = {v: ctx.define(v) for v in node.outputs if v in ctx.wanted}
    with ctx.nest(node) as nest:
        i = nest.loop(rows)
        if am in names:
            where = nest.reduce("argmax", (columns,), "int64", lambda r: score(i, r[0]))
            nest.store(names[am], (i,), convert(where, am.type.dtype))
            top = nest.bind(score(i, where))
        else:
            top = _top(nest, score, i, columns, dtype)
        if sm in names:
            total = _store_softmax(nest, names[sm], sm.type.dtype, score, i, columns, top, dtype)
        elif nll in names:
            total = nest.reduce("add", (columns,), dtype, lambda r: _exponential(score, i, r[0], top, dtype))
        if nll in names:
            chosen = _above_top(score, i, nest.bind(_class_of(ctx, y, i)), top, dtype)
            value = Op("sub", (Op("log", (total,), dtype), chosen), dtype)
            nest.store(names[nll], (i,), convert(value, nll.type.dtype))


@element(CrossentropySoftmax1HotWithBiasDx, uses=(ELEMENT, ELEMENT, BUFFER))
def crossentropy_dx(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    dy, sm, y = node.inputs
    dtype = _wide(scal.upcast(dy.type.dtype, sm.type.dtype))
    with host(ctx):
        rows, columns = ctx.dim(sm, 0), ctx.dim(sm, 1)
        if ctx.sizes.root(sm, 0) != ctx.sizes.root(y, 0):
            length = ctx.shape_element(y, 0)
            ctx.check(compare("eq", rows, length), "ValueError", "dnll.shape[0] ({0}) != y_idx.shape[0] ({1})", node,
                      (rows, length))
        check_indices(ctx, node, y, columns, "ValueError", "y_i >= dx dimensions[1] or y_i < 0.", wrap=False)
        factor: Expr = ONE
        if dy.type.ndim and not dy.type.broadcastable[0] and ctx.sizes.root(dy, 0) != ctx.sizes.root(sm, 0):
            length = ctx.shape_element(dy, 0)
            ctx.check(either(compare("eq", length, rows), compare("eq", length, 1)), "ValueError",
                      "dnll.shape[0] ({0}) != sm.shape[0] ({1})", node, (length, rows))
            factor = ctx.let(select(compare("eq", length, 1), 0, 1))
    i, j = index
    own = () if dy.type.ndim == 0 else (ZERO if dy.type.broadcastable[0] else mul(i, factor),)
    weight = convert(at(0, own), dtype)
    here = compare("eq", j, _class_of(ctx, y, i))
    one_hot = Op("switch", (here, Const(1.0, dtype), Const(0.0, dtype)), dtype)
    probability = convert(at(1, tuple(ZERO if b else k for k, b in zip(index, sm.type.broadcastable))), dtype)
    # as the product minus the weight, so that rounding is that of the formula
    value = Op("sub", (Op("mul", (weight, probability), dtype), Op("mul", (weight, one_hot), dtype)), dtype)
    return convert(value, node.outputs[0].type.dtype)


def _checked_classes(ctx: Lowering, node: Apply, coding: Variable, true: Variable) -> Expr:
    """The number of columns; the classes are known to be among them, or to count from the last one."""
    with host(ctx):
        rows, columns = ctx.dim(coding, 0), ctx.dim(coding, 1)
        if ctx.sizes.root(coding, 0) != ctx.sizes.root(true, 0):
            length = ctx.shape_element(true, 0)
            ctx.check(compare("ge", length, rows), "IndexError",
                      "index {0} is out of bounds for axis 0 with size {0}", node, (length,))
        check_indices(ctx, node, true, columns, "IndexError", "index {0} is out of bounds for axis 1 with size {1}")
    return columns


@element(CrossentropyCategorical1Hot, uses=(ELEMENT, BUFFER))
def crossentropy_1hot(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    coding, true = node.inputs
    columns = _checked_classes(ctx, node, coding, true)
    dtype = _wide(coding.type.dtype)
    (i,) = index
    where = _class_of(ctx, true, i, columns)
    place = tuple(ZERO if b else k for k, b in zip((i, where), coding.type.broadcastable))
    logarithm = Op("log", (convert(at(0, place), dtype),), dtype)
    return convert(Op("neg", (logarithm,), dtype), coding.type.dtype)


@element(CrossentropyCategorical1HotGrad, uses=(ELEMENT, ELEMENT, BUFFER))
def crossentropy_1hot_grad(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    g_y, coding, true = node.inputs
    columns = _checked_classes(ctx, node, coding, true)
    dtype = _wide(scal.upcast(g_y.type.dtype, coding.type.dtype))
    i, j = index
    here = compare("eq", j, _class_of(ctx, true, i, columns))
    place = tuple(ZERO if b else k for k, b in zip(index, coding.type.broadcastable))
    gradient = convert(at(0, (ZERO if g_y.type.broadcastable[0] else i,)), dtype)
    share = Op("true_div", (gradient, convert(at(1, place), dtype)), dtype)
    value = Op("switch", (here, Op("neg", (share,), dtype), Const(0.0, dtype)), dtype)
    return convert(value, coding.type.dtype)


# -- columns in front --------------------------------------------------------------------------------------------------


@emit(Prepend_scalar_constant_to_each_row, Prepend_scalar_to_each_row, uses=ELEMENT)
def prepend(ctx: Lowering, node: Apply) -> None:
    mat, out = node.inputs[-1], node.outputs[0]
    first = ctx.scalar(node.inputs[0]) if len(node.inputs) == 2 else Const(float(node.op.val.data), "float64")
    name = ctx.define(out)
    rows, columns = ctx.dim(mat, 0), ctx.dim(mat, 1)
    with ctx.nest(node) as nest:
        i = nest.loop(rows)
        nest.store(name, (i, ZERO), convert(first, out.type.dtype))
    with ctx.nest(node) as nest:
        i, j = nest.loops((rows, columns))
        own = tuple(ZERO if b else k for k, b in zip((i, j), mat.type.broadcastable))
        nest.store(name, (i, add(j, 1)), convert(ctx.element(mat, own), out.type.dtype))
