"""Random numbers: the recurrences of MRG31k3p, stream by stream, and draws from uniform numbers.

The states of all streams are kept in one scratch array of six rows, three for each recurrence, used as two rings: in
round t the word three steps back is in row t mod 3, where the new word goes. So every round is a loop over the streams
that reads four words and writes two, and nothing is moved. Sample k of the flat output is round k // n_streams of
stream k % n_streams.
"""
from __future__ import annotations

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.ir.expressions import ZERO, add, cast, compare, floor_div, minimum, mul, product, sub
from symtensor.ir.nodes import Cast, Const, Expr, Load, Op, Reshape
from symtensor.lower.context import Lowering
from symtensor.lower.indices import entry_value, host
from symtensor.lower.nest import NestBuilder, convert
from symtensor.lower.registry import BUFFER, SCALAR, emit
from symtensor.sandbox.multinomial import NO_OUTCOME, TOO_FEW, TOO_MANY, ChoiceFromUniform, MultinomialFromUniform
from symtensor.sandbox.rng_mrg import mrg_uniform, sampling
from symtensor.scalar.dtypes import upcast

__all__: list[str] = []

WORD = "uint32"
M1, M2, MULT2 = 2147483647, 2147462579, 21069


# -- arithmetic on words -----------------------------------------------------------------------------------------------


def _word(value: int) -> Const:
    return Const(value, WORD)


def _op(name: str, a: Expr, b: Expr | int) -> Expr:
    return Op(name, (a, _word(b) if isinstance(b, int) else b), WORD)


def _shift(a: Expr, bits: int) -> Expr:
    """a shifted left, or right for negative `bits`."""
    return _op("mul", a, 1 << bits) if bits > 0 else _op("int_div", a, 1 << -bits)


def _less(nest: NestBuilder, value: Expr, modulus: int) -> Expr:
    """A value below twice the modulus, reduced."""
    value = nest.bind(value)
    return nest.bind(Op("switch", (compare_words("ge", value, modulus), _op("sub", value, modulus), value), WORD))


def compare_words(name: str, a: Expr, b: Expr | int) -> Expr:
    return Op(name, (a, _word(b) if isinstance(b, int) else b), "bool")


def _round(nest: NestBuilder, ring: str, turn: Expr, stream: Expr) -> Expr:
    """Steps one stream once; returns the draw. `turn` is the number of the round modulo 3."""

    def row(back: int) -> Expr:
        # (turn + back) % 3, of a number below 3.
        return Op("mod", (add(turn, back), Const(3, "int64")), "int64") if back else turn

    def word(first: int, back: int) -> Expr:
        return nest.bind(Load(ring, (add(row(back), first), stream), WORD))

    x3, x2, y3, y1 = word(0, 0), word(0, 1), word(3, 0), word(3, 2)
    rotated = _op("add", _shift(_op("and_", x2, 511), 22), _shift(x2, -9))
    rotated = _op("add", rotated, _op("add", _shift(_op("and_", x3, 16777215), 7), _shift(x3, -24)))
    first = _less(nest, _op("add", _less(nest, rotated, M1), x3), M1)

    def scaled(y: Expr) -> Expr:
        low = _shift(_op("and_", y, 65535), 15)
        return _less(nest, _op("add", low, _op("mul", _shift(y, -16), MULT2)), M2)

    third = _less(nest, _op("add", scaled(y3), y3), M2)
    second = _less(nest, _op("add", scaled(y1), third), M2)
    nest.store(ring, (turn, stream), first)
    nest.store(ring, (add(turn, 3), stream), second)
    above = nest.bind(_op("sub", first, second))
    return nest.bind(Op(
        "switch", (compare_words("le", first, second), _op("sub", _op("add", first, M1), second), above), WORD
    ))


def _sample(draw: Expr, dtype: str) -> Expr:
    norm, mask, offset, computed = sampling(dtype)
    if mask:
        draw = _op("add", _op("and_", draw, mask), offset)
    # Draws are below 2**31; signed integers have the faster conversion.
    number = Cast(Cast(draw, "int32"), computed)
    scale = Const(float(np.dtype(computed).type(norm)), computed)
    return convert(Op("mul", (number, scale), computed), dtype)


# -- uniform numbers ---------------------------------------------------------------------------------------------------


def _lowers(node: Apply) -> bool:
    states, size = node.inputs
    return (not node.op.inplace and states.type.dtype == "int32" and states.type.ndim == 2 and size.type.ndim == 1
            and size.type.dtype.startswith(("int", "uint")))


@emit(mrg_uniform, uses=(BUFFER, SCALAR), when=_lowers)
def uniform(ctx: Lowering, node: Apply) -> None:
    states, size = node.inputs
    new_states, sample = node.outputs
    rank, dtype = sample.type.ndim, sample.type.dtype
    state = ctx.buffer(states)
    given = ctx.shape_element(size, 0)
    ctx.check(compare("eq", given, rank), "ValueError", f"size must have length {rank} (not {{0}})", node, (given,))
    streams, columns = ctx.shape_element(states, 0), ctx.shape_element(states, 1)
    ctx.check(compare("eq", columns, 6), "ValueError", "rstate must have 6 columns", node)
    ctx.check(compare("gt", streams, 0), "ValueError", "rstate must have at least one row", node)
    dims = []
    for axis in range(rank):
        with host(ctx):
            length = entry_value(ctx, size, axis)
        if sample.type.broadcastable[axis]:
            ctx.check(compare("eq", length, 1), "ValueError", f"size must be 1 along axis {axis}, not {{0}}", node,
                      (length,))
        ctx.check(compare("ge", length, 0), "ValueError", "negative dimensions are not allowed in size", node)
        dims.append(length)
    out = ctx.define(sample, dims)
    count = ctx.let(product(dims))
    flat = ctx.declare(dtype, (False,))
    ctx.emit(Reshape(flat, out, (count,)))
    rounds = ctx.let(floor_div(count, streams))
    rest = ctx.let(sub(count, mul(rounds, streams)))
    ring = ctx.scratch(WORD, (Const(6, "int64"), streams))
    with ctx.nest(node) as nest:
        stream = nest.loop(streams)
        for row in range(6):
            # Row 0 holds the word three steps back, which is the last of its three.
            column = (2, 1, 0, 5, 4, 3)[row]
            value = Load(state, (stream, Const(column, "int64")), "int32")
            nest.store(ring, (Const(row, "int64"), stream), Cast(value, WORD))
    with ctx.nest(node) as nest:
        turn = nest.loop(rounds, "serial")
        phase = nest.bind(Op("mod", (turn, Const(3, "int64")), "int64"))
        stream = nest.loop(streams)
        draw = _round(nest, ring, phase, stream)
        nest.store(flat, (add(mul(turn, streams), stream),), _sample(draw, dtype))
    phase = ctx.let(Op("mod", (rounds, Const(3, "int64")), "int64"))
    done = ctx.let(mul(rounds, streams))
    with ctx.nest(node) as nest:
        stream = nest.loop(rest)
        draw = _round(nest, ring, phase, stream)
        nest.store(flat, (add(done, stream),), _sample(draw, dtype))
    if new_states not in ctx.wanted:
        return
    name = ctx.define(new_states, (streams, columns))
    with ctx.nest(node) as nest:
        stream = nest.loop(streams)
        steps = nest.bind(add(rounds, Cast(Op("lt", (stream, rest), "bool"), "int64")))
        for column in range(6):
            # The word of column 0 is the latest: two rows before where the next one goes.
            place = Op("mod", (add(steps, 2 - column % 3), Const(3, "int64")), "int64")
            value = Load(ring, (add(place, 3 * (column // 3)), stream), WORD)
            nest.store(name, (stream, Const(column, "int64")), Cast(value, "int32"))


# -- draws from uniform numbers ----------------------------------------------------------------------------------------


class _Draws:
    """What both draws need: checked sizes, and scratch for the probabilities added from the left."""

    def __init__(self, ctx: Lowering, node: Apply):
        pvals, unis, n = node.inputs
        self.dtype, self.other = pvals.type.dtype, unis.type.dtype
        self.pvals, self.unis = ctx.buffer(pvals), ctx.buffer(unis)
        self.rows, self.outcomes = ctx.shape_element(pvals, 0), ctx.shape_element(pvals, 1)
        self.n = ctx.let(cast(ctx.scalar(n), "int64"))
        ctx.check(compare("ge", self.outcomes, 1), "ValueError", NO_OUTCOME, node)
        if isinstance(node.op, ChoiceFromUniform):
            ctx.check(compare("le", self.n, self.outcomes), "ValueError", TOO_MANY, node)
        ctx.check(compare("ge", self.n, 0), "ValueError", TOO_FEW, node)
        ctx.check(compare("eq", ctx.shape_element(unis, 0), mul(self.rows, self.n)), "ValueError", TOO_FEW, node)
        self.summed = ctx.scratch(self.dtype, (self.rows, self.outcomes))

    def add_up(self, nest: NestBuilder, source: str, row: Expr) -> None:
        """summed[row, m] = source[row, 0] + ... + source[row, m]."""
        m = nest.loop(self.outcomes, "serial")
        own = Load(source, (row, m), self.dtype)
        before = Load(self.summed, (row, Op("maximum", (sub(m, 1), ZERO), "int64")), self.dtype)
        more = Op("add", (before, own), self.dtype)
        nest.store(self.summed, (row, m), Op("switch", (compare("eq", m, 0), own, more), self.dtype))
        if m != ZERO:
            nest.close()

    def pick(self, nest: NestBuilder, row: Expr, k: Expr) -> Expr:
        """The first outcome whose sum exceeds the number; `outcomes` where there is none."""
        common = upcast(self.dtype, self.other)
        number = nest.bind(convert(Load(self.unis, (add(mul(k, self.rows), row),), self.other), common))

        def body(index) -> Expr:
            value = convert(Load(self.summed, (row, index[0]), self.dtype), common)
            return Op("switch", (Op("gt", (value, number), "bool"), index[0], self.outcomes), "int64")

        return nest.reduce("minimum", (self.outcomes,), "int64", body)


@emit(MultinomialFromUniform, uses=(BUFFER, BUFFER, SCALAR))
def multinomial(ctx: Lowering, node: Apply) -> None:
    draws = _Draws(ctx, node)
    out = node.outputs[0]
    name, dtype = ctx.define(out, (draws.rows, draws.outcomes)), out.type.dtype
    with ctx.nest(node) as nest:
        row = nest.loop(draws.rows)
        draws.add_up(nest, draws.pvals, row)
    with ctx.nest(node) as nest:
        row, m = nest.loops((draws.rows, draws.outcomes))
        nest.store(name, (row, m), convert(Const(0, "int64"), dtype))
    with ctx.nest(node) as nest:
        row = nest.loop(draws.rows)
        k = nest.loop(draws.n, "serial")
        picked = draws.pick(nest, row, k)
        there = convert(Op("lt", (picked, draws.outcomes), "bool"), dtype)
        nest.accumulate(name, (row, minimum(picked, sub(draws.outcomes, 1))), "add", there)


@emit(ChoiceFromUniform, uses=(BUFFER, BUFFER, SCALAR))
def choice(ctx: Lowering, node: Apply) -> None:
    draws = _Draws(ctx, node)
    out = node.outputs[0]
    name = ctx.define(out, (draws.rows, draws.n))
    left = ctx.scratch(draws.dtype, (draws.rows, draws.outcomes))
    ctx.copy(left, draws.pvals)
    with ctx.nest(node) as nest:
        row = nest.loop(draws.rows)
        k = nest.loop(draws.n, "serial")
        draws.add_up(nest, left, row)
        picked = draws.pick(nest, row, k)
        found = nest.bind(Op("lt", (picked, draws.outcomes), "bool"))
        chosen = Op("switch", (found, picked, ZERO), "int64")
        nest.store(name, (row, k), convert(chosen, out.type.dtype))
        if not node.op.replace:
            m = nest.loop(draws.outcomes, "serial")
            gone = Op("eq", (m, picked), "bool")
            own = Load(left, (row, m), draws.dtype)
            nest.store(left, (row, m), Op("switch", (gone, Const(0.0, draws.dtype), own), draws.dtype))
            if m != ZERO:
                nest.close()
            draws.add_up(nest, left, row)
            m = nest.loop(draws.outcomes, "serial")
            own = Load(left, (row, m), draws.dtype)
            total = Load(draws.summed, (row, sub(draws.outcomes, 1)), draws.dtype)
            scaled = Op("true_div", (own, total), draws.dtype)
            nest.store(left, (row, m), Op("switch", (found, scaled, own), draws.dtype))
