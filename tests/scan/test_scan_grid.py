"""Compiled loops over the grid of taps, numbers of steps, directions, conditions, readers and dtypes.

Each function holds a loop for every pair of taps. Values are held against a loop in plain Python and against the
interpreter, gradients against central differences; nothing calls Python.
"""
from __future__ import annotations

import itertools

import numpy as np
import pytest
from scan_loops import python_loop

import symtensor
import symtensor.tensor as T
from symtensor.scan_module import until

SEQUENCES = [(), (0,), (-1,), (1,), (-1, 0), (0, 1), (-1, 1), (-2, 0, 1), (1, -1), (2,), (0, 0)]
STATES = [(-1,), (-2,), (-3,), (-2, -1), (-3, -1), (-3, -2), (-3, -2, -1), (-1, -2), ()]
# Every taps of a sequence and every taps of a state, each beside several of the other kind.
PAIRS = [(SEQUENCES[k % 11], STATES[k % 9]) for k in range(20)]
PAIRS = [pair for pair in PAIRS if pair != ((), ())]

READERS = {
    "all": lambda h, c: [h, c],
    "last": lambda h, c: [h[-1], c[-1]],
    "two": lambda h, c: [h[-2:], c[-2:]],
    "one of two": lambda h, c: [c],
}
ROWS, WIDTH = 10, 2


def weighted(rows):
    return sum((0.3 * k - 0.4) * row for k, row in enumerate(rows))


class Grid:
    """All loops of `PAIRS`, as variables."""

    def __init__(self, dtype, backwards, stops):
        self.x, self.start = T.matrix("x", dtype=dtype), T.matrix("start", dtype=dtype)
        self.w, self.n, self.stop = T.vector("w", dtype=dtype), T.lscalar("n"), T.lscalar("stop")
        self.dtype, self.backwards, self.stops = dtype, backwards, stops
        self.loops = [self.loop(*pair) for pair in PAIRS]

    @property
    def inputs(self):
        return [self.x, self.start, self.w, self.n, *([self.stop] if self.stops else [])]

    def loop(self, sequence, taps):
        def step(*given):
            rows, states, (count, w) = given[:len(sequence)], given[len(sequence):-2], given[-2:]
            h, c = self.step(T.tanh, rows, states, w)
            new = [T.cast(h, self.dtype), T.cast(c, self.dtype), count + 1]
            return (new, until(count + 1 >= self.stop)) if self.stops else new

        initial = None
        if taps:  # the state of one step alone is given without an axis of steps
            initial = {"initial": self.start[0] if taps == (-1,) else self.start[:-min(taps)], "taps": list(taps)}
        (h, c, _), _ = symtensor.scan(
            step, {"input": self.x, "taps": list(sequence)} if sequence else [],
            [initial, None, T.constant(0, dtype="int64")], self.w, n_steps=self.n, go_backwards=self.backwards,
        )
        return h, c

    def step(self, tanh, rows, states, w):
        h = tanh((weighted(rows) if rows else 0.7) * w + (weighted(states) if states else w))
        return h, h * (rows[0] if rows else w) - (states[0] * 0.5 if states else w)

    def expected(self, x, start, w, n, stop):
        """Traces of all loops, by plain Python."""
        result = []
        for sequence, taps in PAIRS:
            depth = 1 if not taps else -min(taps)

            def step(*given):
                rows, states, count = given[:len(sequence)], given[len(sequence):-1], given[-1]
                h, c = self.step(np.tanh, rows, states, w)
                return [h.astype(self.dtype), c.astype(self.dtype), count + 1], self.stops and count + 1 >= stop

            h, c, _ = python_loop(
                step, [(x, sequence)] if sequence else [],
                [(start[:depth], taps) if taps else None, None, ([0], (-1,))], n, go_backwards=self.backwards,
            )
            result.append([rows.reshape(len(rows), WIDTH) for rows in (h, c)])
        return result


def values(dtype):
    r = np.random.RandomState(3)
    return [r.uniform(-1, 1, shape).astype(dtype) for shape in ((ROWS, WIDTH), (3, WIDTH), (WIDTH,))]


def compiled(inputs, outputs, linker="c"):
    f = symtensor.function(inputs, outputs, mode=symtensor.Mode(linker=linker), on_unused_input="ignore")
    assert not f.maker.code.lowered.pycalls
    return f


GRID = list(itertools.product(["float64", "float32"], [False, True], [False, True]))
NAMES = [f"{dtype}{'-backwards' * back}{'-until' * stops}" for dtype, back, stops in GRID]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("dtype, backwards, stops", GRID, ids=NAMES)
def test_values(dtype, backwards, stops, reader):
    grid, given, read = Grid(dtype, backwards, stops), values(dtype), READERS[reader]
    outputs = [out for loop in grid.loops for out in read(*loop)]
    f = compiled(grid.inputs, outputs)
    plain = compiled(grid.inputs, outputs, "py")
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13}
    for n, stop in itertools.product(range(6), (1, 2, 4, 9) if stops else (9,)):
        args = [*given, n, *([stop] if stops else [])]
        if n == 0 and reader == "last":
            for function in (f, plain):
                with pytest.raises(IndexError):
                    function(*args)
            continue
        wanted = [out for loop in grid.expected(*given, n, stop) for out in read(*loop)]
        for one, other, truth in zip(f(*args), plain(*args), wanted, strict=True):
            assert one.dtype == other.dtype == dtype and one.shape == other.shape == truth.shape
            np.testing.assert_allclose(one, truth, **tolerance)
            np.testing.assert_allclose(one, other, **tolerance)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("backwards, stops", [(False, False), (True, False), (False, True), (True, True)])
def test_gradients(backwards, stops, reader):
    grid, given = Grid("float64", backwards, stops), values("float64")
    costs = []
    for loop in grid.loops:
        outs = READERS[reader](*loop)
        costs.append(sum((T.sqr(out) * (k + 1) + out).sum() for k, out in enumerate(outs)))
    wrt = [grid.x, grid.start, grid.w]
    gradients = [T.grad(cost, wrt, disconnected_inputs="ignore") for cost in costs]
    value = compiled(grid.inputs, T.stack(costs))
    slopes = symtensor.function(
        grid.inputs, [g for gs in gradients for g in gs], mode=symtensor.Mode(linker="c"), on_unused_input="ignore"
    )
    assert not slopes.maker.code.lowered.pycalls
    for n, stop in ((0, 9), (1, 9), (4, 9), *([(5, 1), (5, 3)] if stops else [(5, 9)])):
        rest = [n, *([stop] if stops else [])]
        if n == 0 and reader == "last":
            continue
        found = slopes(*given, *rest)
        assert [g.shape for g in found] == [v.shape for _ in costs for v in given]
        for k, array in enumerate(given):
            for place in np.ndindex(array.shape):
                sides = []
                for move in (1e-6, -1e-6):
                    other = array.copy()
                    other[place] += move
                    sides.append(value(*given[:k], other, *given[k + 1:], *rest))
                wanted = (sides[0] - sides[1]) / 2e-6
                np.testing.assert_allclose([g[place] for g in found[k::3]], wanted, rtol=1e-6, atol=2e-8)
