"""A value may take the place of another only if it is exactly as large; and no loop runs over lengths that have not
been compared yet."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T

MODES = ["FAST_RUN", "FAST_COMPILE"]


@pytest.mark.parametrize("mode", MODES)
def test_a_shorter_new_value_is_shorter(mode):
    s = symtensor.shared(np.arange(5.0))
    f = symtensor.function([], [], updates=[(s, s[:-1] * 2)], mode=mode)
    for n in (4, 3):
        f()
        np.testing.assert_array_equal(s.get_value(), np.arange(n) * 2.0 ** (5 - n))


@pytest.mark.parametrize("mode", MODES)
def test_a_part_of_a_value_computed_elsewhere_keeps_its_length(mode):
    x = T.dvector()
    y = T.tanh(x)
    total = T.cumsum(y)
    z = T.exp(y[:-1]) + T.sort(total)[0]
    f = symtensor.function([x], [z, T.max(total)], mode=mode)
    given = np.array([0.5, -1, 2, 0.25])
    found = f(given)[0]
    np.testing.assert_allclose(found, np.exp(np.tanh(given)[:-1]) + np.tanh(given).cumsum().min())


@pytest.mark.parametrize("mode", MODES)
def test_lengths_that_only_the_other_branch_compares(mode):
    x, c = T.dvector(), T.dscalar()
    f = symtensor.function([x, c], symtensor.ifelse.ifelse(c > 0, x[:-1] + x, T.exp(x[:-1])), mode=mode)
    np.testing.assert_allclose(f(np.arange(4.0), -1.0), np.exp(np.arange(3.0)))
    with pytest.raises(ValueError, match="mis-match"):
        f(np.arange(4.0), 1.0)


@pytest.mark.parametrize("mode", MODES)
def test_lengths_are_compared_before_anything_relies_on_them(mode):
    """The first result would be computed from memory far behind its argument."""
    x, y = T.dvector(), T.dvector()
    f = symtensor.function([x, y], [T.cumsum(T.exp(y[1:])), y[1:] + x, T.sort(T.exp(x))], mode=mode)
    with pytest.raises(ValueError, match="mis-match"):
        f(np.zeros(10_000_000), np.ones(3))
    np.testing.assert_allclose(f(np.ones(2), np.ones(3))[1], [2, 2])


@pytest.mark.parametrize("mode", MODES)
def test_rows_written_from_rows_of_the_same_array(mode):
    """The old value is read through a view, at other places than are written."""
    start = np.arange(12.0).reshape(4, 3)
    s, t, u = (symtensor.shared(start) for _ in range(3))
    updates = [
        (s, T.set_subtensor(s[T.constant([1, 0])], s[:2])),
        (t, T.inc_subtensor(t[1:], t[:-1])),
        (u, u + u[::-1]),
    ]
    symtensor.function([], [], updates=updates, mode=mode)()
    np.testing.assert_array_equal(s.get_value(), start[[1, 0, 2, 3]])
    np.testing.assert_array_equal(t.get_value(), start + np.concatenate([0 * start[:1], start[:-1]]))
    np.testing.assert_array_equal(u.get_value(), start + start[::-1])


@pytest.mark.parametrize("mode", MODES)
def test_an_argument_that_is_a_shared_variables_own_array(mode):
    """What one update overwrites, another still reads as an argument."""
    s, t = symtensor.shared(np.arange(3.0)), symtensor.shared(np.ones(3))
    x = T.dvector()
    f = symtensor.function([x], x.sum(), updates=[(s, s * 2), (t, t - x)], mode=mode)
    assert f(s.get_value(borrow=True)) == 3
    np.testing.assert_array_equal(s.get_value(), [0, 2, 4])
    np.testing.assert_array_equal(t.get_value(), [1, 0, -1])


def _optimiser(rule):
    """Weights, their optimiser's state and a training step that returns the cost."""
    rng = np.random.RandomState(3)
    w, m, v = (symtensor.shared(value) for value in (rng.randn(6, 4), np.zeros((6, 4)), np.zeros((6, 4))))
    x, y = T.dmatrix(), T.dmatrix()
    cost = T.mean((T.tanh(T.dot(x, w)) - y) ** 2) + 0.1 * T.sum(w**2)
    g = T.grad(cost, w)
    if rule == "momentum":
        new = [(v, 0.9 * v - 0.1 * g)]
        new.append((w, w + new[0][1]))
    else:
        new = [(m, 0.9 * m + 0.1 * g), (v, 0.99 * v + 0.01 * g**2)]
        new.append((w, w - 0.1 * new[0][1] / (T.sqrt(new[1][1]) + 1e-4)))
    return new, (x, y), cost, (rng.randn(5, 6), rng.randn(5, 4))


@pytest.mark.parametrize("rule", ["momentum", "adam"])
def test_optimisers_write_over_their_state(rule):
    """The new weights read the new state, which is written where the old one was."""
    new, inputs, cost, given = _optimiser(rule)
    expected = [symtensor.function(inputs, value)(*given) for _, value in new]
    step = symtensor.function(inputs, cost, updates=new)
    memory = [s.get_value(borrow=True).ctypes.data for s, _ in new]
    step(*given)
    for (s, _), value in zip(new, expected):
        np.testing.assert_allclose(s.get_value(), value, rtol=1e-12)
    assert [s.get_value(borrow=True).ctypes.data for s, _ in new] == memory


def test_a_failed_step_leaves_the_optimiser_as_it_was():
    new, inputs, cost, given = _optimiser("adam")
    step = symtensor.function(inputs, [cost, T.opt.Assert("too large")(T.sum(inputs[0]), T.lt(cost, 1e6))], updates=new)
    before = [s.get_value() for s, _ in new]
    with pytest.raises(AssertionError, match="too large"):
        step(given[0], given[1] * 1e6)
    for (s, _), value in zip(new, before):
        np.testing.assert_array_equal(s.get_value(), value)


def test_an_old_value_that_is_returned_is_the_old_one():
    new, inputs, cost, given = _optimiser("momentum")
    states = [s for s, _ in new]
    step = symtensor.function(inputs, [*states, cost], updates=new)
    before = [s.get_value() for s in states]
    for found, value in zip(step(*given), before):
        np.testing.assert_array_equal(found, value)
