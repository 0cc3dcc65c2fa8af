"""Batch normalisation: a nest over the statistics, each reduced from its elements, and one over the elements."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ONE, ZERO, product, sub
from symtensor.ir.nodes import Const, Expr, Load, Op
from symtensor.lower.context import Lowering
from symtensor.lower.indices import host
from symtensor.lower.nest import NestBuilder, convert
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, element, emit
from symtensor.tensor.nnet.bn import (
    AbstractBatchNormInference,
    AbstractBatchNormTrain,
    AbstractBatchNormTrainGrad,
)

__all__: list[str] = []


class _Statistics:
    """Loops over the kept axes around reductions over the others."""

    def __init__(self, ctx: Lowering, node: Apply, x: Variable):
        self.ctx = ctx
        self.axes = node.op.axes
        self.dims = ctx.dims(x)
        self.dtype = "float32" if x.type.dtype == "float16" else x.type.dtype
        self.kept = [ONE if k in self.axes else d for k, d in enumerate(self.dims)]
        self.extents = [self.dims[k] for k in self.axes]
        self.count = convert(product(self.extents), self.dtype)

    def inner(self, outer: Sequence[Expr], reduced: Sequence[Expr]) -> tuple[Expr, ...]:
        """The element that is one of those reduced to `outer`."""
        found = dict(zip(self.axes, reduced, strict=True))
        return tuple(found.get(k, i) for k, i in enumerate(outer))

    def load(self, variable: Variable, index: Sequence[Expr]) -> Expr:
        """An element of an input, in the dtype of computation."""
        own = tuple(ZERO if b else i for i, b in zip(index, variable.type.broadcastable, strict=True))
        return convert(Load(self.ctx.buffer(variable), own, variable.type.dtype), self.dtype)

    def sum(self, nest: NestBuilder, outer: Sequence[Expr], term) -> Expr:
        return nest.reduce("add", self.extents, self.dtype, lambda r: term(self.inner(outer, r)))

    def mean(self, nest: NestBuilder, outer: Sequence[Expr], term) -> Expr:
        return nest.bind(self.op("true_div", self.sum(nest, outer, term), self.count))

    def op(self, name: str, *args: Expr) -> Expr:
        return Op(name, args, self.dtype)


def _check_parameters(ctx: Lowering, node: Apply, x: Variable, parameters: Sequence[Variable]) -> None:
    """The lengths of the parameters along the kept axes must be those of x."""
    for p in parameters:
        for axis, b in enumerate(p.type.broadcastable):
            if b or ctx.sizes.root(p, axis) == ctx.sizes.root(x, axis):
                continue
            left, right = ctx.shape_element(p, axis), ctx.shape_element(x, axis)
            ctx.check(Op("eq", (left, right), "bool"), "ValueError",
                      f"Input dimension mis-match: a parameter has length {{0}} along axis {axis}, the inputs {{1}}",
                      node, (left, right))


@emit(AbstractBatchNormTrain, uses=lambda node: [BUFFER] * 3 + [SCALAR] * 2 + [BUFFER] * (len(node.inputs) - 5))
def train(ctx: Lowering, node: Apply) -> None:
    x, scale, bias, epsilon, factor, *averages = node.inputs
    out, mean, inverse, *new_averages = node.outputs
    _check_parameters(ctx, node, x, [scale, bias, *averages])
    s = _Statistics(ctx, node, x)
    for variable in (x, scale, bias, *averages):
        ctx.buffer(variable)
    small, weight = (convert(ctx.scalar(v), s.dtype) for v in (epsilon, factor))
    means, inverses = ctx.define(mean), ctx.define(inverse)
    news = [ctx.define(v) for v in new_averages]
    one = Const(1.0, s.dtype)
    with ctx.nest(node) as nest:
        at = nest.loops(s.kept)
        m = s.mean(nest, at, lambda i: s.load(x, i))

        def squared(i: tuple[Expr, ...]) -> Expr:
            difference = nest.bind(s.op("sub", s.load(x, i), m))
            return s.op("mul", difference, difference)

        var = s.mean(nest, at, squared)
        nest.store(means, at, convert(m, mean.type.dtype))
        nest.store(inverses, at, convert(
            s.op("true_div", one, s.op("sqrt", s.op("add", var, small))), inverse.type.dtype))
        if averages:
            others = convert(sub(product(s.extents), 1), s.dtype)
            unbiased = s.op("mul", s.op("true_div", s.count, others), var)
            for old, new, statistic, variable in zip(averages, news, (m, unbiased), new_averages, strict=True):
                kept = s.op("mul", s.load(old, at), s.op("sub", one, weight))
                nest.store(new, at, convert(s.op("add", kept, s.op("mul", statistic, weight)), variable.type.dtype))
    if out not in ctx.wanted:
        return
    name = ctx.define(out)
    with ctx.nest(node) as nest:
        i = nest.loops(s.dims)
        stretch = nest.bind(s.op("mul", s.load(scale, i), s.load(inverse, i)))
        centred = s.op("sub", s.load(x, i), s.load(mean, i))
        nest.store(name, i, convert(s.op("add", s.op("mul", centred, stretch), s.load(bias, i)), out.type.dtype))


@emit(AbstractBatchNormTrainGrad, uses=(BUFFER, BUFFER, BUFFER, BUFFER, BUFFER, SCALAR))
def train_grad(ctx: Lowering, node: Apply) -> None:
    x, dy, scale, mean, inverse, _ = node.inputs
    g_x, g_scale, g_bias = node.outputs
    _check_parameters(ctx, node, x, [dy, scale, mean, inverse])
    s = _Statistics(ctx, node, x)
    for variable in (x, dy, scale, mean, inverse):
        ctx.buffer(variable)
    scales, biases = ctx.define(g_scale), ctx.define(g_bias)

    def weighted(i: tuple[Expr, ...]) -> Expr:
        return s.op("mul", s.load(dy, i), s.op("sub", s.load(x, i), s.load(mean, i)))

    # Of the batch: the sums of dy (x - mean) and of dy, and the mean of x - mean: 0 up to rounding, for the mean that
    # training gave.
    shifts = ctx.scratch(s.dtype, s.kept)
    with ctx.nest(node) as nest:
        at = nest.loops(s.kept)
        total = s.sum(nest, at, weighted)
        nest.store(scales, at, convert(s.op("mul", total, s.load(inverse, at)), g_scale.type.dtype))
        nest.store(biases, at, convert(s.sum(nest, at, lambda i: s.load(dy, i)), g_bias.type.dtype))
        nest.store(shifts, at, s.mean(nest, at, lambda i: s.op("sub", s.load(x, i), s.load(mean, i))))
    if g_x not in ctx.wanted:
        return
    name = ctx.define(g_x)
    with ctx.nest(node) as nest:
        i = nest.loops(s.dims)
        inv = nest.bind(s.load(inverse, i))
        kept = tuple(ZERO if k in s.axes else j for k, j in enumerate(i))
        mean_dy = nest.bind(s.op("true_div", s.load(g_bias, i), s.count))
        slope = nest.bind(s.op("true_div", s.op("mul", s.load(g_scale, i), inv), s.count))
        centred = s.op("sub", s.op("sub", s.load(x, i), s.load(mean, i)), Load(shifts, kept, s.dtype))
        change = s.op("sub", s.op("sub", s.load(dy, i), mean_dy), s.op("mul", centred, slope))
        stretch = nest.bind(s.op("mul", s.load(scale, i), inv))
        nest.store(name, i, convert(s.op("mul", change, stretch), g_x.type.dtype))


@element(AbstractBatchNormInference, uses=(ELEMENT, ELEMENT, ELEMENT, ELEMENT, ELEMENT, SCALAR))
def inference(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    x, *parameters, epsilon = node.inputs
    with host(ctx):
        _check_parameters(ctx, node, x, parameters)
    dtype = "float32" if x.type.dtype == "float16" else x.type.dtype

    def read(k: int) -> Expr:
        own = tuple(ZERO if b else i for i, b in zip(index, node.inputs[k].type.broadcastable, strict=True))
        return convert(at(k, own), dtype)

    small = convert(ctx.scalar(epsilon), dtype)
    spread = Op("sqrt", (Op("add", (read(4), small), dtype),), dtype)
    stretch: Expr = Op("true_div", (read(1), spread), dtype)
    if ctx.open_nest is not None:
        stretch = ctx.open_nest.bind(stretch)
    centred = Op("sub", (read(0), read(3)), dtype)
    value = Op("add", (Op("mul", (centred, stretch), dtype), read(2)), dtype)
    return convert(value, node.outputs[0].type.dtype)
