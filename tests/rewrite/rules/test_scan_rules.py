"""Products that leave the loop: fewer in the body, the same values."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.blas import Dot22, Gemm, Gemv, Ger
from symtensor.tensor.careduce import Sum
from symtensor.tensor.linear import Dot


def network():
    x, h0 = T.dtensor3("x"), T.dmatrix("h0")
    weights = [T.dmatrix("W"), T.dmatrix("U"), T.dvector("b")]
    step = lambda xt, h, W, U, b: T.tanh(T.dot(xt, W) + T.dot(h, U) + b)
    hs, _ = symtensor.scan(step, sequences=x, outputs_info=h0, non_sequences=weights)
    return [x, h0, *weights], hs


def values(steps=4):
    rng = np.random.RandomState(3)
    return [rng.randn(*shape) * 0.5 for shape in [(steps, 2, 3), (2, 5), (3, 5), (5, 5), (5,)]]


def products(f):
    """For each scan of a function, how many matrix products its body holds."""
    scans = [node.op for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    return [sum(isinstance(n.op, (Dot22, Gemm)) for n in op.inner_nodes) for op in scans]


def test_product_of_rows_is_done_before_the_loop():
    inputs, hs = network()
    f = symtensor.function(inputs, hs)
    assert products(f) == [1]
    for steps in (0, 1, 4):
        x, h, W, U, b = values(steps)
        expected = []
        for xt in x:
            h = np.tanh(xt @ W + h @ U + b)
            expected.append(h)
        np.testing.assert_allclose(f(*values(steps)), np.array(expected).reshape(steps, 2, 5), rtol=1e-12)


def test_sum_of_products_is_done_after_the_loop():
    inputs, hs = network()
    gradients = T.grad((hs**2).sum(), inputs[2:])
    fast = symtensor.function(inputs, gradients)
    slow = symtensor.function(inputs, gradients, mode="FAST_COMPILE")
    assert sorted(products(fast)) == [1, 1]
    for steps in (0, 1, 4):
        for got, expected in zip(fast(*values(steps)), slow(*values(steps)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_a_state_that_is_read_stays():
    """The sum is used in every step: it has to be carried."""
    a, b = T.dtensor3("a"), T.dtensor3("b")
    step = lambda at, bt, s: (s + T.dot(at.T, bt)) * 0.5
    (out), _ = symtensor.scan(step, sequences=[a, b], outputs_info=T.zeros((3, 4)))
    f = symtensor.function([a, b], out[-1])
    x, y = np.random.RandomState(0).randn(2, 5, 2, 3)[0], np.random.RandomState(1).randn(5, 2, 4)
    s = np.zeros((3, 4))
    for p, q in zip(x, y, strict=True):
        s = (s + p.T @ q) * 0.5
    np.testing.assert_allclose(f(x, y), s, rtol=1e-12)


def test_collected_products_are_done_after_the_loop():
    """Gradients of sequences, products with vectors and with matrices, read forwards and backwards."""
    inputs, hs = network()
    gradient = T.grad((hs**2).sum(), inputs[0])
    fast = symtensor.function(inputs, [gradient, hs])
    slow = symtensor.function(inputs, [gradient, hs], mode="FAST_COMPILE")
    assert products(fast) == [1, 1]  # one of the step, one of its derivative
    for steps in (0, 1, 4):
        for got, expected in zip(fast(*values(steps)), slow(*values(steps)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)

    x, w = T.dmatrix("x"), T.dmatrix("w")
    out, _ = symtensor.scan(lambda v, w: 3 * T.dot(w, T.tanh(v)), x, non_sequences=w)
    f = symtensor.function([x, w], [out, out[::-1]])
    g = symtensor.function([x, w], out[::-1])
    a, b = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)
    np.testing.assert_allclose(f(a, b)[0], 3 * np.tanh(a) @ b.T)
    np.testing.assert_allclose(f(a, b)[1], (3 * np.tanh(a) @ b.T)[::-1])
    np.testing.assert_allclose(g(a, b), (3 * np.tanh(a) @ b.T)[::-1])
    (op,) = [node.op for node in g.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    assert not any(isinstance(n.op, Gemv) for n in op.inner_nodes)


def test_a_collected_product_that_ends_the_loop_or_is_read_stays_right():
    x, w = T.dmatrix("x"), T.dmatrix("w")

    def step(v, w):
        product = T.dot(w, T.exp(v))
        return [product, product.sum() + v.sum()], symtensor.scan_module.until(v.sum() > 5)

    (a, b), _ = symtensor.scan(step, x, non_sequences=w)
    f = symtensor.function([x, w], [a, b])
    rows, weight = np.array([[0.0, 1.0], [3.0, 4.0], [1.0, 1.0]]), np.arange(6.0).reshape(3, 2)
    expected = np.exp(rows[:2]) @ weight.T
    np.testing.assert_allclose(f(rows, weight)[0], expected)
    np.testing.assert_allclose(f(rows, weight)[1], expected.sum(1) + rows[:2].sum(1))


def test_sequences_that_no_step_reads_are_left_out():
    x, y = T.dvector("x"), T.dvector("y")
    (a, b), _ = symtensor.scan(lambda u, v, s: [s + u, T.exp(v)], [x, y], [T.zeros(()), None])
    f = symtensor.function([x, y], a, on_unused_input="ignore")
    (op,) = [node.op for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    assert len(op.info.sequences) == 1
    np.testing.assert_array_equal(f([1.0, 2.0, 3.0], [0.0, 0.0]), [1.0, 3.0])


def test_products_with_vectors_leave_the_loop():
    """A network that reads one vector a step: nothing but the products with the state is left in the loops."""
    x, h0 = T.dmatrix("x"), T.dvector("h0")
    w, u, b = T.dmatrix("w"), T.dmatrix("u"), T.dvector("b")
    step = lambda v, h, w, u, b: T.nnet.sigmoid(T.dot(v, w) + T.dot(u, h) + b)
    hs, _ = symtensor.scan(step, x, h0, [w, u, b])
    outputs = symtensor.grad((hs**2).sum(), [w, u, b, x])
    fast = symtensor.function([x, h0, w, u, b], outputs)
    slow = symtensor.function([x, h0, w, u, b], outputs, mode="FAST_COMPILE")
    ops = [node.op for node in fast.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    kinds = [[type(n.op) for n in op.inner_nodes if isinstance(n.op, (Dot, Dot22, Gemm, Gemv, Ger))] for op in ops]
    assert [len(k) for k in kinds] == [1, 1] and not any(Ger in k for k in kinds)
    for steps in (0, 1, 4):
        rng = np.random.RandomState(steps)
        given = [rng.randn(*shape) for shape in [(steps, 3), (5,), (3, 5), (5, 5), (5,)]]
        for got, expected in zip(fast(*given), slow(*given), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_cheap_sequences_are_computed_in_the_step():
    x, y, s, row = T.dmatrix("x"), T.dmatrix("y"), T.dscalar("s"), T.drow("row")
    cases = {
        "moved": lambda: 2 * s * x[::-1] - 1,
        "an operand that is the same for all rows": lambda: x + row,
        "two arrays with rows": lambda: x + y,
        "costly": lambda: T.exp(x),
    }
    for name, make in cases.items():
        array = make()
        out, _ = symtensor.scan(lambda v, h: h * 0.5 + v, array, T.zeros(3))
        inputs = [x, y, s, row]
        f = symtensor.function(inputs, out, on_unused_input="ignore")
        g = symtensor.function(inputs, out, mode=symtensor.Mode("py", None), on_unused_input="ignore")
        (node,) = [node for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]
        moved = not isinstance(getattr(node.inputs[1].owner, "op", None), T.Elemwise)
        assert moved == (name in ("moved", "an operand that is the same for all rows")), name
        a, b = np.arange(12.0).reshape(4, 3), np.ones((4, 3)) * 3
        np.testing.assert_allclose(f(a, b, 0.5, b[:1]), g(a, b, 0.5, b[:1]))


def sums(f):
    """For each scan of a function, how many sums its body holds."""
    scans = [node.op for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]
    return [sum(isinstance(n.op, Sum) for n in op.inner_nodes) for op in scans]


def test_sums_of_kept_rows_are_done_after_the_loop():
    """The gradient of a bias: what it sums up is kept for the gradient of a weight."""
    inputs, hs = network()
    gradients = T.grad((hs**2).sum(), inputs[2:])
    fast = symtensor.function(inputs, gradients)
    slow = symtensor.function(inputs, gradients, mode="FAST_COMPILE")
    assert sums(fast) == [0, 0] and sorted(sums(slow)) == [0, 1]
    for steps in (0, 1, 4):
        for got, expected in zip(fast(*values(steps)), slow(*values(steps)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


SUMS = {  # name: (step: row, other row, sum so far -> traces, sum; sums that are left in the loop)
    "rows of a sequence": (lambda x, y, s: ([], s + x.sum(axis=0)), 0),
    "all of each row": (lambda x, y, s: ([], x.sum() + s), 0),
    "two sequences": (lambda x, y, s: ([], T.add(x.sum(axis=1), s, y.sum(axis=0))), 0),
    "a collected value": (lambda x, y, s: ([T.tanh(x * y.T)], s + T.tanh(x * y.T).sum(axis=0)), 0),
    "a value that is not kept": (lambda x, y, s: ([], s + T.tanh(x * y.T).sum(axis=0)), 1),
    "read by the step": (lambda x, y, s: ([x * s], s + x.sum(axis=0)), 1),
    "scaled": (lambda x, y, s: ([], s * 0.5 + x.sum(axis=0)), 1),
    "the sum is collected": (lambda x, y, s: ([x.sum(axis=0)], s + x.sum(axis=0)), 1),
    "another dtype": (lambda x, y, s: ([], s + T.cast(x.sum(axis=0, dtype="float32"), "float64")), 1),
    "of integers": (lambda x, y, s: ([T.cast(x, "int8")], s + T.cast(x, "int8").sum(axis=0)), 0),
    "a maximum": (lambda x, y, s: ([], s + x.max(axis=0)), 0),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("backwards", [False, True])
def test_sums_leave_the_loop(name, backwards):
    step, left = SUMS[name]
    x, y = T.dtensor3("x"), T.dtensor3("y")
    scalar = name == "all of each row"
    start = T.zeros(() if scalar else (3,), dtype="int64" if name == "of integers" else "float64") + 1

    def one(x, y, s):
        traces, s = step(x, y, s)
        return [*traces, s]

    total = T.dscalar() if scalar else T.dvector()
    count = len(step(T.dmatrix(), T.dmatrix(), total)[0])
    found, _ = symtensor.scan(one, [x, y], [*[None] * count, start], go_backwards=backwards)
    found = found if isinstance(found, list) else [found]
    outputs = [*found[:-1], found[-1][-1]]
    fast = symtensor.function([x, y], outputs, on_unused_input="ignore")
    slow = symtensor.function([x, y], outputs, mode=symtensor.Mode("py", None), on_unused_input="ignore")
    assert sum(sums(fast)) == left
    for steps in (1, 4):
        given = np.random.default_rng(steps).uniform(-9, 9, size=(2, steps, 3, 3))
        for got, expected in zip(fast(*given), slow(*given), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_rows_of_which_only_the_last_is_kept_are_summed_in_the_loop():
    x, h0 = T.dmatrix("x"), T.dvector("h0")
    step = lambda v, h, s: [T.tanh(h + v), s + T.tanh(h + v).sum()]
    (hs, total), _ = symtensor.scan(step, x, [h0, np.float64(0)])
    last = symtensor.function([x, h0], [hs[-1], total[-1]])
    all_rows = symtensor.function([x, h0], [hs, total[-1]])
    assert (sums(last), sums(all_rows)) == ([1], [0])
    a, b = np.arange(12.0).reshape(4, 3) / 7, np.array([0.5, -1.0, 0.25])
    np.testing.assert_allclose(last(a, b)[1], all_rows(a, b)[1], rtol=1e-12)
    np.testing.assert_allclose(all_rows(a, b)[1], all_rows(a, b)[0].sum(), rtol=1e-12)
