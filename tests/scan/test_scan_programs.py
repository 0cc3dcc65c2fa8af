"""Scans as loops of the compiled Program: no Python call for the loop, draws step by step, invariants before it."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import Let, Op, PyCall, While
from symtensor.ir.walk import expressions, host_expressions, statements
from symtensor.tensor import raw_random
from symtensor.tensor.shared_randomstreams import RandomStreams

MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode"]


def python_calls(f):
    lowered = f.maker.code.lowered
    return [
        type(lowered.pycalls[s.callee].node.op).__name__
        for s in statements(lowered.program.body)
        if isinstance(s, PyCall)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_draws_of_a_body_go_from_step_to_step(mode):
    streams = RandomStreams(7)
    x = T.dvector()
    step = lambda h: (h + streams.uniform((3,)), h.sum() + streams.normal())
    (hs, ss), updates = symtensor.scan(step, outputs_info=[x, None], n_steps=4)
    f = symtensor.function([x], [hs, ss], updates=updates, mode=mode)
    if mode == "FAST_RUN":
        assert python_calls(f) == ["RandomFunction"] * 2
    seeds = np.random.RandomState(7)
    uniform, normal = (np.random.RandomState(seeds.randint(2**30)) for _ in range(2))
    for _ in range(2):
        h, expected_h, expected_s = np.zeros(3), [], []
        for _ in range(4):
            expected_s.append(h.sum() + normal.normal())
            h = h + uniform.uniform(size=3)
            expected_h.append(h)
        got_h, got_s = f(np.zeros(3))
        np.testing.assert_array_equal(got_h, expected_h)
        np.testing.assert_array_equal(got_s, expected_s)


@pytest.mark.parametrize("mode", MODES)
def test_a_generator_whose_last_state_nobody_reads(mode):
    rng = RandomStreams(3).uniform((3,)).rng
    x = T.dvector()

    def step(r):
        new, draw = raw_random.uniform(rng, (3,), 0.0, 2.0)
        return draw + 0 * r, {rng: new}

    draws, _ = symtensor.scan(step, x)
    with pytest.warns(UserWarning, match="the updates of the loop for"):
        f = symtensor.function([x], draws, mode=mode)
    rng.set_value(np.random.RandomState(7))
    np.testing.assert_array_equal(f([1.0, 2.0]), np.random.RandomState(7).uniform(0, 2, (2, 3)))


@pytest.mark.parametrize("mode", MODES)
def test_no_rows(mode):
    x, h = T.dmatrix(), T.dvector()
    sums, _ = symtensor.scan(lambda row, s: row + s, x, outputs_info=h)
    f = symtensor.function([x, h], [sums, T.grad(sums.sum(), h)], mode=mode)
    rows, gradient = f(np.zeros((0, 3)), np.ones(3))
    assert rows.shape == (0, 3) and gradient.tolist() == [0, 0, 0]


def test_what_does_not_change_is_computed_once():
    x, c = T.dvector(), T.dscalar()
    out, _ = symtensor.scan(lambda v, s, c: s + v * T.exp(c), x, T.zeros(()), c)
    f = symtensor.function([x, c], out)
    assert python_calls(f) == []
    body = f.maker.code.lowered.program.body
    (loop,) = (s for s in statements(body) if isinstance(s, While))
    inside = {
        e.name
        for s in statements(loop.body)
        for top in host_expressions(s)
        for e in expressions(top)
        if isinstance(e, Op)
    }
    before = {e.name for s in body if isinstance(s, Let) for e in expressions(s.value) if isinstance(e, Op)}
    assert "exp" in before and "exp" not in inside
    np.testing.assert_allclose(f([1, 2, 3], 0.5), np.array([1, 3, 6]) * np.exp(0.5))


def test_a_failing_step_changes_nothing():
    state, x = symtensor.shared(np.ones(3)), T.dmatrix()
    index = T.lvector()
    out, _ = symtensor.scan(lambda i, s: s + x[i], index, outputs_info=state)
    f = symtensor.function([x, index], out, updates=[(state, out[-1])])
    f(np.ones((4, 3)), [0, 1])
    assert state.get_value().tolist() == [3, 3, 3]
    with pytest.raises(IndexError):
        f(np.ones((4, 3)), [0, 9])
    assert state.get_value().tolist() == [3, 3, 3]


def test_a_number_that_an_inner_loop_yields():
    n = T.lscalar("n")
    outer, _ = symtensor.scan(
        lambda a: symtensor.scan(lambda b: T.exp(a * b), T.arange(n))[0].sum(), T.arange(3.0)
    )
    f = symtensor.function([n], outer)
    np.testing.assert_allclose(f(3), np.exp(np.outer(np.arange(3.0), np.arange(3))).sum(1), rtol=1e-6)


@pytest.mark.parametrize("linker", ["c", "py"])
def test_too_few_initial_rows_and_negative_numbers_of_steps(linker):
    x, n = T.dvector("x"), T.lscalar("n")
    out, _ = symtensor.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=n)
    f = symtensor.function([x, n], out, mode=symtensor.Mode(linker=linker))
    np.testing.assert_array_equal(f([1, 1], 3), [2, 3, 5])
    with pytest.raises(ValueError, match="1 rows|needs 2 rows"):
        f([1], 2)
    with pytest.raises(IndexError, match="Scan was asked to run for negative number of step -2"):
        f([1, 1], -2)


def test_carried_values_that_swap():
    a, b = symtensor.shared(np.array([1.0, 2.0]), "a"), symtensor.shared(np.array([3.0, 4.0]), "b")
    c = symtensor.shared(np.array([[1.0, 2.0], [3.0, 4.0]]), "c")
    n = T.lscalar("n")
    _, updates = symtensor.scan(lambda: {a: b, b: a, c: c.T}, n_steps=n)
    f = symtensor.function([n], updates=updates)
    assert not f.maker.code.lowered.pycalls
    f(3)
    assert (a.get_value().tolist(), b.get_value().tolist()) == ([3, 4], [1, 2])
    assert c.get_value().tolist() == [[1, 3], [2, 4]]
    f(0)
    f(2)
    assert (a.get_value().tolist(), c.get_value().tolist()) == ([3, 4], [[1, 3], [2, 4]])


@pytest.mark.parametrize("mode", ["FAST_RUN", "DebugMode"])
def test_values_computed_in_their_rows(mode):
    """A value in several traces, one that is read on in the step, one of another's row, products and reductions."""
    x, w = T.dmatrix("x"), T.dmatrix("w")

    def step(v, g, h, w):
        new = T.tanh(T.dot(v, w) + h)
        return new, new, new * 2 + g, T.dot(new, w), v, h, new.sum()

    start = T.zeros(3)
    outs, _ = symtensor.scan(step, x, [start, None, start, None, None, None, None], w)
    # The states come in the order of the outputs.
    f = symtensor.function([x, w], outs, mode=mode)
    a, b = np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(-0.5, 1, 9).reshape(3, 3)
    g, h = np.zeros(3), np.zeros(3)
    rows = []
    for v in a:
        new = np.tanh(v @ b + h)
        rows.append((new, new, new * 2 + g, new @ b, v, h, new.sum()))
        g, h = rows[-1][0], rows[-1][2]
    for found, expected in zip(f(a, b), zip(*rows), strict=True):
        np.testing.assert_allclose(found, np.array(expected), rtol=1e-12)
    assert f(a[:0], b)[3].shape == (0, 3)
