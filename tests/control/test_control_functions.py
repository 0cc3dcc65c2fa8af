"""Functions with loops, choices, graphs as ops and draws: DebugMode, pickles, copies with other shared variables."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.compile.builders import OpFromGraph
from symtensor.ifelse import ifelse
from symtensor.sandbox.rng_mrg import MRG_RandomStreams
from symtensor.scan_module import until
from symtensor.tensor.shared_randomstreams import RandomStreams


def a_loop(x, w):
    r, _ = symtensor.scan(lambda e, h, w: T.tanh(h * w + e), x, T.zeros_like(w), w)
    return r


def a_loop_with_a_condition(x, w):
    r, _ = symtensor.scan(lambda e, h, w: (h * w + e, until((h * w + e).sum() > 2)), x, T.zeros_like(w), w)
    return r


def a_choice(x, w):
    return ifelse(T.gt(w.sum(), 0), x * w, x - w)


def a_graph(x, w):
    a, b = T.dmatrix(), T.dvector()
    return OpFromGraph([a, b], [T.exp(a * b).sum(1)])(x, w)


def an_inlined_graph(x, w):
    a, b = T.dmatrix(), T.dvector()
    return OpFromGraph([a, b], [T.exp(a * b).sum(1)], inline=True)(x, w)


def all_of_them(x, w):
    a, b = T.dvector(), T.dvector()
    op = OpFromGraph([a, b], [T.tanh(a * b)])
    r, _ = symtensor.scan(lambda e, h, w: ifelse(T.gt(e.sum(), 0), op(h + e, w), op(h - e, w)), x, T.ones_like(w), w)
    return r


GRAPHS = [a_loop, a_loop_with_a_condition, a_choice, a_graph, an_inlined_graph, all_of_them]

X = np.array([[0.5, -0.25], [-1.0, 0.75], [0.25, 0.5]])
W = np.array([0.5, 1.5])


def built(graph, mode=None):
    """A function with a shared variable that each call moves along the gradient."""
    x, w = T.dmatrix("x"), symtensor.shared(W, "w")
    result = graph(x, w)
    gradient = T.grad(T.sqr(result).sum(), w)
    return symtensor.function([x], [result, gradient], updates=[(w, w - 0.1 * gradient)], mode=mode), w


def calls(f, n=2):
    return [[np.array(out) for out in f(X)] for _ in range(n)]


def assert_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("graph", GRAPHS)
def test_all_modes_agree(graph):
    wanted = calls(built(graph)[0])
    for mode in ("FAST_COMPILE", "DebugMode", symtensor.Mode(linker="py")):
        assert_equal(calls(built(graph, mode)[0]), wanted)


@pytest.mark.parametrize("graph", GRAPHS)
def test_pickles_and_deep_copies(graph):
    f, w = built(graph)
    data, twin = pickle.dumps(f), copy.deepcopy(f)
    wanted = calls(f)
    assert_equal(calls(pickle.loads(data)), wanted)
    assert_equal(calls(twin), wanted)
    assert not np.array_equal(w.get_value(), W)


@pytest.mark.parametrize("graph", GRAPHS)
def test_copies_with_other_shared_variables(graph):
    f, w = built(graph)
    other = symtensor.shared(W.copy(), "other")
    g, shared = f.copy(swap={w: other}), f.copy(share_memory=True)
    frozen = f.copy(delete_updates=True)
    wanted = calls(f, 3)
    assert_equal(calls(g, 2), wanted[:2])
    moved = w.get_value()
    first = frozen(X)
    assert np.array_equal(w.get_value(), moved)
    assert_equal([first], calls(shared, 1))
    assert not np.array_equal(w.get_value(), moved) and not np.array_equal(w.get_value(), other.get_value())


@pytest.mark.parametrize("kind", [RandomStreams, MRG_RandomStreams])
def test_draws(kind):
    """In a loop, in a choice and by themselves."""
    def build(mode=None):
        streams = kind(5)
        noise, scale = streams.normal((4,)), streams.uniform((1,))
        r, updates = symtensor.scan(lambda h: T.tanh(h + streams.uniform((2,))), outputs_info=T.zeros(2), n_steps=3)
        chosen = ifelse(T.gt(scale[0], 0.5), noise.sum(), noise.max())
        return symtensor.function([], [r, noise, chosen], updates=updates, mode=mode), streams

    f, streams = build()
    data, twin = pickle.dumps((f, streams)), copy.deepcopy(f)
    wanted = [f() for _ in range(3)]
    assert not np.array_equal(wanted[0][0], wanted[1][0]) and not np.array_equal(wanted[0][1], wanted[1][1])
    for mode in ("FAST_COMPILE", "DebugMode", symtensor.Mode(linker="py")):
        g, _ = build(mode)
        assert_equal([g() for _ in range(3)], wanted)
    assert_equal([twin() for _ in range(3)], wanted)
    g, other = pickle.loads(data)
    assert_equal([g() for _ in range(3)], wanted)
    # The streams of the pickle belong to its function.
    other.seed(5)
    streams.seed(5)
    assert_equal([g()], [f()])
    # A stream goes on where it was, with new variables too.
    again = pickle.loads(pickle.dumps(streams))
    one, two = symtensor.function([], streams.uniform((3,))), symtensor.function([], again.uniform((3,)))
    assert_equal([[one()]], [[two()]])


@pytest.mark.parametrize("kind", [RandomStreams, MRG_RandomStreams])
def test_a_copy_draws_from_another_state(kind):
    draw = kind(5).uniform((3,))
    f = symtensor.function([], [draw])
    (state,) = f.get_shared()
    other = symtensor.shared(state.get_value(), "other")
    g = f.copy(swap={state: other})
    first, second = f(), f()
    np.testing.assert_array_equal(g(), first)
    np.testing.assert_array_equal(g(), second)
    np.testing.assert_array_equal(f(), g())


def test_errors_name_the_users_line():
    x, y = T.dmatrix("x"), T.dvector("y")
    r, _ = symtensor.scan(lambda e: e + y, x)  # this line
    f = symtensor.function([x, y], r)
    with pytest.raises(ValueError) as caught:
        f(X, np.ones(3))
    assert "# this line" in str(caught.value) or "e + y" in str(caught.value)
    choice = ifelse(T.gt(y.sum(), 0), x + y, x)  # that line
    g = symtensor.function([x, y], choice)
    with pytest.raises(ValueError) as caught:
        g(X, np.ones(3))
    assert "x + y" in str(caught.value)
    np.testing.assert_array_equal(g(X, -np.ones(3)), X)
