"""Draws in loops: numbers recorded from Theano 1.0.5, and the warning where updates are dropped."""
from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.sandbox.rng_mrg import MRG_RandomStreams
from symtensor.tensor import raw_random
from symtensor.tensor.shared_randomstreams import RandomStreams

DROPPED = r"the updates of the loop for\{cpu,scan_fn\} .*are dropped"

STREAMS = [RandomStreams, MRG_RandomStreams]


def drawing(kind, n_steps=3):
    streams = kind(3)
    draws, updates = symtensor.scan(lambda: streams.uniform((2,)), n_steps=n_steps)
    (state,) = updates
    return draws, updates, state


# Three steps of uniform((2,)), seed 3, called four times: twice without the updates, then twice with them.
RECORDED = {
    RandomStreams: [
        [[0.32425445, 0.65706762], [0.90274907, 0.14416201], [0.67693837, 0.20199967]],
        [[0.90274907, 0.14416201], [0.67693837, 0.20199967], [0.41044355, 0.08431198]],
        [[0.67693837, 0.20199967], [0.41044355, 0.08431198], [0.98482638, 0.01536457]],
        [[0.0443117, 0.93477316], [0.05530013, 0.82607623], [0.98021532, 0.69729935]],
    ],
    MRG_RandomStreams: [
        [[0.005768, 0.20905948], [0.00573857, 0.16766801], [0.79128773, 0.55296285]],
        [[0.00573857, 0.16766801], [0.79128773, 0.55296285], [0.73698179, 0.43429992]],
        [[0.79128773, 0.55296285], [0.73698179, 0.43429992], [0.58187212, 0.70376314]],
        [[0.62578969, 0.38485248], [0.73792676, 0.52350536], [0.21239798, 0.76083926]],
    ],
}


@pytest.mark.parametrize("kind", STREAMS)
def test_dropped_updates_repeat_draws_and_warn(kind):
    draws, updates, _ = drawing(kind)
    with pytest.warns(UserWarning, match=DROPPED) as found:
        f = symtensor.function([], draws)
    (warning,) = found
    # Both lines are named: that of the loop in the text, that of the function as the place of the warning.
    assert "draws, updates = symtensor.scan(lambda: streams.uniform((2,)), n_steps=n_steps)" in str(warning.message)
    assert f'file "{__file__}", line ' in str(warning.message) and ", in drawing:" in str(warning.message)
    assert "function(..., updates=...)" in str(warning.message) and warning.filename == __file__
    first, second = RECORDED[kind][:2]
    np.testing.assert_allclose(f(), first, atol=1e-8)
    np.testing.assert_allclose(f(), second, atol=1e-8)
    g = symtensor.function([], draws, updates=updates)
    for wanted in RECORDED[kind][2:]:
        np.testing.assert_allclose(g(), wanted, atol=1e-8)


@pytest.mark.parametrize("kind", STREAMS)
def test_other_ways_to_drop_them_warn_too(kind):
    draws, updates, state = drawing(kind)
    other = symtensor.shared(0.0)
    with pytest.warns(UserWarning, match=DROPPED):
        symtensor.function([], [], updates=[(other, draws.sum())])
    with pytest.warns(UserWarning, match=DROPPED):
        symtensor.function([], symtensor.Out(draws[-1].sum(), borrow=True))
    with pytest.warns(UserWarning, match=DROPPED):
        symtensor.function([], {"sum": draws.sum()}, no_default_updates=[other])
    # Without a default update the whole call is repeated.
    state.default_update = None
    with pytest.warns(UserWarning, match=DROPPED):
        f = symtensor.function([], draws)
    assert np.array_equal(f(), f())


def test_one_warning_for_each_loop():
    streams = RandomStreams(3)
    draws, _ = symtensor.scan(lambda: [streams.uniform(), streams.normal()], n_steps=3)
    with pytest.warns(UserWarning, match=DROPPED) as found:
        symtensor.function([], draws)
    assert len(found) == 1


@pytest.mark.parametrize("kind", STREAMS)
def test_no_warning_without_cause(kind):
    draws, updates, state = drawing(kind)
    x = state.type("x")
    n = T.lscalar("n")
    plain, _ = symtensor.scan(lambda e, u: e * u, T.arange(3.0), non_sequences=kind(3).uniform((2,)))
    counter = symtensor.shared(1.0)
    counter.default_update = counter * 2
    counted, _ = symtensor.scan(lambda e: e * counter, T.arange(3.0))
    outer, outer_updates = symtensor.scan(lambda e: (draws * e, updates), T.arange(2.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        symtensor.function([], draws, updates=updates)
        symtensor.function([], draws, updates=[*updates.items()], no_default_updates=True)
        symtensor.function([], draws.shape)  # nothing is drawn
        symtensor.function([], draws, updates=[(state, state)])  # the user's own choice
        symtensor.function([x], draws, givens={state: x})
        symtensor.function([], plain)
        symtensor.function([], counted)
        symtensor.function([], outer, updates=outer_updates)
        symtensor.function([n], n + 1)
        state.default_update = updates[state]
        f = symtensor.function([], draws)
        assert not np.array_equal(f(), f())
        pickle.loads(pickle.dumps(f))
        f.copy()


@pytest.mark.parametrize("kind", STREAMS)
def test_no_default_updates_asks_for_the_same_draws(kind):
    draws, _, state = drawing(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for chosen in (True, [state]):
            f = symtensor.function([], draws, no_default_updates=chosen)
            np.testing.assert_array_equal(f(), f())
            np.testing.assert_allclose(f(), RECORDED[kind][0], atol=1e-8)


@pytest.mark.parametrize("kind", STREAMS)
def test_an_inner_loop_whose_updates_the_outer_body_drops(kind):
    streams = kind(3)

    def step(e):
        draws, _ = symtensor.scan(lambda: streams.uniform(()), n_steps=3)
        return draws * e

    with pytest.warns(UserWarning, match=DROPPED) as found:
        draws, updates = symtensor.scan(step, T.ones(2))
    assert "should return the inner scan's updates" in str(found[0].message) and found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = symtensor.function([], draws, updates=updates)()
    np.testing.assert_array_equal(rows[0, 1:], rows[1, :2])


@pytest.mark.parametrize("kind", STREAMS)
def test_gradients_of_loops_that_draw(kind):
    """The backward loop sees the numbers that the forward loop drew."""
    streams, w = kind(3), T.dscalar("w")
    noise = streams.uniform((2,))
    values, updates = symtensor.scan(lambda h: T.tanh(h * w + noise), outputs_info=T.zeros(2), n_steps=3)
    (state,) = updates
    cost = values[-1].sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = symtensor.function([w], [cost, T.grad(cost, w)], updates=updates)
        same = symtensor.function([w], cost, no_default_updates=True)
    for _ in range(2):
        up, down = same(0.5 + 1e-6), same(0.5 - 1e-6)
        value, gradient = f(0.5)
        assert down < value < up or up < value < down
        np.testing.assert_allclose(gradient, (up - down) / 2e-6, rtol=1e-6)
    assert f(0.5)[0] != value


def test_explicit_generators_go_through_loops():
    """Values recorded from Theano 1.0.5."""
    rng = symtensor.shared(np.random.RandomState(5))

    def step(h):
        new, draw = raw_random.normal(rng, (2,), 1.0, 0.5)
        return h + draw, {rng: new}

    sums, updates = symtensor.scan(step, outputs_info=T.zeros(2), n_steps=3)
    f = symtensor.function([], sums, updates=updates)
    generator = np.random.RandomState(5)
    for _ in range(2):
        np.testing.assert_allclose(f(), np.cumsum(generator.normal(1.0, 0.5, (3, 2)), axis=0))
    with pytest.warns(UserWarning, match=DROPPED):
        g = symtensor.function([], sums)
    np.testing.assert_array_equal(g(), g())
