"""Loops of gradients read what the forward loop has computed; a loop that another one contains disappears."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.compile.memo import forget
from symtensor.rewrite.rules import scan_pairs
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.blas import Dot22, Gemm
from symtensor.tensor.shared_randomstreams import RandomStreams

RANDOM = np.random.RandomState(3)
X, W, U = RANDOM.normal(size=(5, 2, 3)), RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(4, 4))
H0 = RANDOM.normal(size=(2, 4))


def scans(f):
    return [node.op for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]


def products(op):
    return sum(isinstance(node.op, (Dot22, Gemm)) for node in op.inner_nodes)


def all_products(f):
    outside = sum(isinstance(node.op, (Dot22, Gemm)) for node in f.maker.fgraph.toposort())
    return outside + sum(products(op) for op in scans(f))


def variables():
    x, h0, w, u = T.dtensor3("x"), T.dmatrix("h0"), T.dmatrix("w"), T.dmatrix("u")
    return x, h0, w, u


def compiled(monkeypatch, inputs, outputs, **kwargs):
    """The function with the rules of this file, and without."""
    f = symtensor.function(inputs, outputs, **kwargs)
    forget()  # the graph is the same, what is made of it is not
    with monkeypatch.context() as patch:
        patch.setattr("symtensor.rewrite.inner.backward_loops_read_forward_values", lambda fgraph: None)
        patch.setattr("symtensor.rewrite.inner.loops_within_others_are_left_out", lambda fgraph: None)
        g = symtensor.function(inputs, outputs, **kwargs)
    forget()
    return f, g


@pytest.mark.parametrize("truncate", [-1, 2])
@pytest.mark.parametrize("taps", [(-1,), (-2, -1)])
def test_products_of_the_forward_step_are_not_computed_again(monkeypatch, taps, truncate):
    x, h0, w, u = variables()

    def step(v, *rest):
        *states, w, u = rest
        z = T.dot(v, w) + sum(T.dot(h, u) for h in states)
        return T.nnet.relu(z) + T.nnet.sigmoid(z)  # a derivative that reads z, which is no result of the step

    initial = dict(initial=T.stack([h0] * -min(taps)) if min(taps) < -1 else h0, taps=list(taps))
    hs, _ = symtensor.scan(step, x, initial, [w, u], truncate_gradient=truncate)
    f, g = compiled(monkeypatch, [x, h0, w, u], symtensor.grad((hs[-1] ** 2).sum(), [x, w, u]))
    # The product with all of x is the same for both loops, unless the second has no more than its last rows.
    assert all_products(f) == all_products(g) - len(taps) - (truncate > 0)
    assert scans(f)[0].info.n_untapped == 2  # the sigmoid and the sum that relu is of
    for found, expected in zip(f(X, H0, W, U), g(X, H0, W, U)):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradient_of_gradient(monkeypatch):
    x, h0, w, u = variables()
    hs, _ = symtensor.scan(lambda v, h, w, u: T.tanh(T.dot(v, w) + T.dot(h, u)) * T.exp(-h), x, h0, [w, u])
    first = symtensor.grad((hs[-1] ** 2).sum(), u)
    f, g = compiled(monkeypatch, [x, h0, w, u], symtensor.grad((first**2).sum(), [u, h0]))
    assert all_products(f) < all_products(g)
    for found, expected in zip(f(X, H0, W, U), g(X, H0, W, U)):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_what_an_inner_loop_computes_is_computed_again():
    x = T.dmatrix("x")

    def outer(row):
        inner, _ = symtensor.scan(lambda v, s: T.tanh(v + s), row, T.constant(np.float64(0)))
        return inner[-1]

    ys, _ = symtensor.scan(outer, x)
    f = symtensor.function([x], symtensor.grad(ys.sum(), x))
    assert scans(f)[0].info.n_untapped <= 1


@pytest.mark.parametrize("n", [0, 4])
def test_second_loop_of_a_carried_array_replaces_the_first(monkeypatch, n):
    state = symtensor.shared(np.array([0.5, -0.25]), "state")
    w = T.dscalar("w")
    values, updates = symtensor.scan(lambda w: (T.sum(state**2), {state: T.tanh(state * w)}), None, None, w, n_steps=n)
    cost = updates[state].sum() + values.sum()
    f, g = compiled(monkeypatch, [w], [cost, symtensor.grad(cost, w), updates[state]], updates=updates)
    assert (len(scans(f)), len(scans(g))) == (2, 3)
    start = state.get_value()
    found = f(1.3)
    after = state.get_value()
    state.set_value(start)
    for a, b in zip(found, g(1.3)):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_array_equal(after, state.get_value())


def test_draws_are_kept_by_the_loop_that_the_gradient_shares(monkeypatch):
    w = T.dscalar("w")

    def build():
        stream = RandomStreams(7)
        start = T.constant(np.float64(0.1))
        values, updates = symtensor.scan(lambda h, w: T.tanh(h * w + stream.normal()), None, start, w, n_steps=6)
        return [values[-1], symtensor.grad(values[-1], w)], updates

    outputs, updates = build()
    f = symtensor.function([w], outputs, updates=updates)
    assert len(scans(f)) == 2
    outputs, updates = build()
    monkeypatch.setattr("symtensor.rewrite.inner.backward_loops_read_forward_values", lambda fgraph: None)
    monkeypatch.setattr("symtensor.rewrite.inner.loops_within_others_are_left_out", lambda fgraph: None)
    g = symtensor.function([w], outputs, updates=updates)
    for _ in range(2):
        np.testing.assert_allclose(f(0.7), g(0.7), rtol=1e-12)


def test_other_rows_are_not_taken_for_the_forward_loops():
    """A backward loop over an array that is one row off."""
    x = T.dvector("x")
    a, _ = symtensor.scan(lambda v: T.exp(v), x)
    b, _ = symtensor.scan(lambda v: T.exp(v), x[1:][::-1], n_steps=x.shape[0])
    n = x.shape[0]
    first, second = (v.owner for v in (a, b))
    assert isinstance(first.op, Scan) and isinstance(second.op, Scan)
    assert scan_pairs._shared_values(first, second) is None
    c, _ = symtensor.scan(lambda v: T.exp(v) * 2, x[::-1])
    f = symtensor.function([x], [a, c])
    np.testing.assert_allclose(f([0.0, 1.0, 2.0])[1], 2 * np.exp([2.0, 1.0, 0.0]))
    assert n is not None
