"""Derivatives of scan, against finite differences and against what Theano 1.0.5 gives."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import evaluate

import symtensor
import symtensor.tensor as T
from symtensor.gradient import Lop, Rop
from symtensor.scan_module import until

SEQUENCE_TAPS = [(0,), (-1,), (1,), (-1, 1), (1, -1), (-2, 0), (0, 0)]
STATE_TAPS = [(-1,), (-2,), (-3,), (-2, -1), (-1, -2), (-3, -1), (-3, -2, -1)]


def arrays(*shape, seed=3):
    return np.random.RandomState(seed).uniform(-1, 1, shape)


def check(cost, given, wrt, tolerance=1e-6):
    """Gradients of a scalar cost against central differences."""
    found = evaluate(T.grad(cost, wrt), given)
    for variable, g in zip(wrt, found):
        value = np.array(given[variable], dtype="float64")
        assert g.shape == value.shape
        for place in np.ndindex(*value.shape):
            moved = []
            for step in (1e-6, -1e-6):
                other = value.copy()
                other[place] += step
                moved.append(float(evaluate(cost, {**given, variable: other}, laws=False)))
            difference = (moved[0] - moved[1]) / 2e-6
            assert abs(difference - g[place]) <= tolerance * max(1, abs(difference)), (variable, place, difference, g)


def weighted(*rows):
    return sum((k + 1) * row for k, row in enumerate(rows))


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("taps", SEQUENCE_TAPS)
def test_gradients_of_sequences(taps, go_backwards):
    x, w = T.matrix("x"), T.vector("w")
    result, _ = symtensor.scan(
        lambda *rows: T.tanh(weighted(*rows[:-1]) * rows[-1]), {"input": x, "taps": list(taps)}, non_sequences=w,
        go_backwards=go_backwards,
    )
    given = {x: arrays(5, 2), w: arrays(2)}
    check((result * T.arange(2.0)).sum() + result[-1].sum(), given, [x, w])


@pytest.mark.parametrize("n_steps", [1, 2, 4])
@pytest.mark.parametrize("taps", STATE_TAPS)
def test_gradients_of_states(taps, n_steps):
    x, w, start = T.matrix("x"), T.matrix("w"), T.matrix("start")
    result, _ = symtensor.scan(
        lambda row, *rows: T.tanh(T.dot(weighted(*rows), w) + row), x, n_steps=n_steps,
        outputs_info={"initial": start[0] if taps == (-1,) else start, "taps": list(taps)},
    )
    given = {x: arrays(5, 2), w: arrays(2, 2), start: arrays(-min(taps), 2, seed=1)}
    check((result**2).sum(), given, [x, w, start])
    check(result[-1].sum(), given, [x, w, start])


def test_gradients_of_zero_steps_are_zero():
    x, w, start, n = T.matrix("x"), T.matrix("w"), T.vector("start"), T.lscalar("n")
    result, _ = symtensor.scan(lambda row, h: T.tanh(T.dot(h, w) + row), x, start, n_steps=n)
    for g in evaluate(T.grad(result.sum(), [x, w, start]), {x: arrays(3, 2), w: arrays(2, 2), start: arrays(2), n: 0}):
        assert not g.any()
    everything, _ = symtensor.scan(lambda row, h: T.tanh(T.dot(h, w) + row), x, start)
    given = {x: np.zeros((0, 2)), w: arrays(2, 2), start: arrays(2)}
    found = evaluate(T.grad(everything.sum(), [x, w, start]), given)
    assert [g.shape for g in found] == [(0, 2), (2, 2), (2,)] and not found[1].any()


def test_several_states_that_depend_on_one_another():
    x, a, b, w = T.matrix("x"), T.vector("a"), T.matrix("b"), T.matrix("w")
    (first, second, third), _ = symtensor.scan(
        lambda row, h, c2, c1, w: [T.tanh(T.dot(c1, w) + row), h * c2, h + c1 * row], x,
        [a, {"initial": b, "taps": [-2, -1]}, None], w,
    )
    given = {x: arrays(4, 2), a: arrays(2), b: arrays(2, 2, seed=2), w: arrays(2, 2, seed=4)}
    for cost in (first.sum(), second[-1].sum(), third[1:].sum(), (first * second + third).sum()):
        check(cost, given, [x, a, b, w])


def test_an_unused_state_has_no_gradient():
    x, a, b = T.vector("x"), T.scalar("a"), T.scalar("b")
    (first, second), _ = symtensor.scan(lambda row, h, c: [h * row, c + row], x, [a, b])
    check(first.sum(), {x: arrays(3), a: 0.5, b: 1.5}, [x, a])
    with pytest.raises(symtensor.gradient.DisconnectedInputError):
        T.grad(first.sum(), b)


@pytest.mark.parametrize("limit", [5.0, 30.0, 1e9])
def test_gradients_with_a_condition(limit):
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    (result, other), _ = symtensor.scan(
        lambda a1, a0, h, q: ([a0 * h + q * a1, h * a1], until(a0 * h + q * a1 > limit)), {"input": x, "taps": [-1, 0]},
        [s, None], q,
    )
    given = {x: np.arange(1.0, 8.0), s: 2.0, q: 0.25}
    check(result.sum() + (other**2).sum(), given, [x, s, q], tolerance=1e-5)
    check(result[-1], given, [x, s, q])


def test_rows_after_the_end_have_no_gradient():
    # Theano 1.0.5 gives [0, 872, 290, 144, 84, 48, 0] and 872 here: it reads rows past the end of the loop.
    x, s = T.vector("x"), T.scalar("s")
    result, _ = symtensor.scan(lambda a, b: (a * b, until(a * b > 50)), x, s)
    found = evaluate([result, *T.grad(result.sum(), [x, s])], {x: np.arange(1.0, 8.0), s: 2.0})
    assert found[0].tolist() == [2.0, 4.0, 12.0, 48.0, 240.0]
    assert found[1].tolist() == [306.0, 152.0, 100.0, 72.0, 48.0, 0.0, 0.0] and found[2] == 153.0


# truncate_gradient: (last value?, gradients of sequence, initial value, factor), recorded from Theano 1.0.5.
TRUNCATED = [
    (-1, True, [81.0, 27.0, 9.0, 3.0, 1.0], 243.0, 994.0),
    (-1, False, [121.0, 40.0, 13.0, 4.0, 1.0], 363.0, 1329.0),
    (1, True, [0.0, 0.0, 0.0, 0.0, 1.0], 0.0, 220.0),
    (1, False, [0.0, 0.0, 0.0, 0.0, 1.0], 0.0, 220.0),
    (2, True, [0.0, 0.0, 0.0, 3.0, 1.0], 0.0, 436.0),
    (2, False, [0.0, 0.0, 0.0, 4.0, 1.0], 0.0, 508.0),
    (3, True, [0.0, 0.0, 9.0, 3.0, 1.0], 0.0, 643.0),
    (4, False, [0.0, 40.0, 13.0, 4.0, 1.0], 0.0, 1087.0),
    (5, True, [81.0, 27.0, 9.0, 3.0, 1.0], 243.0, 994.0),
    (10, False, [121.0, 40.0, 13.0, 4.0, 1.0], 363.0, 1329.0),
]


@pytest.mark.parametrize("truncate, last, of_x, of_s, of_q", TRUNCATED)
def test_truncated_gradients(truncate, last, of_x, of_s, of_q):
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    result, _ = symtensor.scan(lambda a, b, c: a + b * c, x, s, q, truncate_gradient=truncate)
    cost = result[-1] if last else result.sum()
    found = evaluate(T.grad(cost, [x, s, q]), {x: np.arange(1.0, 6.0), s: 2.0, q: 3.0})
    assert [g.tolist() for g in found] == [of_x, of_s, of_q]


# The same for a state with taps -2 and -1: gradients of the sequence, the two initial rows, the factor.
TRUNCATED_TAPS = [
    (-1, [61.0, 20.0, 7.0, 2.0, 1.0], [183.0, 182.0], 327.0),
    (1, [0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0], 76.0),
    (2, [0.0, 0.0, 0.0, 2.0, 1.0], [0.0, 0.0], 122.0),
    (3, [0.0, 0.0, 7.0, 2.0, 1.0], [0.0, 0.0], 185.0),
    (4, [0.0, 20.0, 7.0, 2.0, 1.0], [0.0, 60.0], 205.0),
    (5, [61.0, 20.0, 7.0, 2.0, 1.0], [183.0, 182.0], 327.0),
]


@pytest.mark.parametrize("truncate, of_x, of_w, of_q", TRUNCATED_TAPS)
def test_truncated_gradients_of_two_taps(truncate, of_x, of_w, of_q):
    x, w, q = T.vector("x"), T.vector("w"), T.scalar("q")
    result, _ = symtensor.scan(
        lambda a, b, d, c: a + b * c + 2 * d, x, {"initial": w, "taps": [-2, -1]}, q, truncate_gradient=truncate
    )
    found = evaluate(T.grad(result[-1], [x, w, q]), {x: np.arange(1.0, 6.0), w: [2.0, 1.0], q: 3.0})
    assert [g.tolist() for g in found] == [of_x, of_w, of_q]


@pytest.mark.parametrize("truncate, of_x, of_s, of_q", [
    (-1, [0.0, 9.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0], 27.0, 62.0),
    (1, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.0, 23.0),
    (2, [0.0, 0.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.0, 44.0),
    (5, [0.0, 9.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0], 27.0, 62.0),
])
def test_truncated_gradients_with_a_condition(truncate, of_x, of_s, of_q):
    # Theano 1.0.5 puts the gradient of the sequence one row too far where a condition ended the loop early: the rows
    # recorded from it are these moved by one.
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    result, _ = symtensor.scan(
        lambda a, b, c: (a + b * c, until(a + b * c > 70)), x, s, q, truncate_gradient=truncate
    )
    found = evaluate(T.grad(result[-1], [x, s, q]), {x: np.arange(1.0, 9.0), s: 2.0, q: 3.0})
    assert [g.tolist() for g in found] == [of_x[1:] + [0.0], of_s, of_q]


def test_truncated_gradients_of_taps_and_backwards():
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    given = {x: np.arange(1.0, 7.0), s: 2.0, q: 3.0}
    result, _ = symtensor.scan(
        lambda a, a2, b, c: a + 2 * a2 + b * c, {"input": x, "taps": [-1, 0]}, s, q, truncate_gradient=2
    )
    found = evaluate(T.grad(result[-1], [x, s, q]), given)
    assert [g.tolist() for g in found] == [[0.0, 0.0, 0.0, 3.0, 7.0, 2.0], 0.0, 818.0]
    result, _ = symtensor.scan(lambda a, b, c: a + b * c, x, s, q, truncate_gradient=2, go_backwards=True)
    found = evaluate(T.grad(result[-1], [x, s, q]), given)
    assert [g.tolist() for g in found] == [[1.0, 3.0, 0.0, 0.0, 0.0, 0.0], 0.0, 2306.0]


def test_gradients_through_updates():
    k = symtensor.shared(0.5, "k")
    x = T.vector("x")
    result, updates = symtensor.scan(lambda row: (row * k**2, {k: k * row + 1}), x)
    cost = result.sum() + updates[k] ** 2
    check(cost, {x: arrays(4), k: 0.5}, [x, k])
    check(updates[k], {x: arrays(4), k: 0.5}, [x, k])


def test_gradients_through_integer_states():
    x, n = T.vector("x"), T.iscalar("n")
    counter = symtensor.shared(1, "counter")
    (count, value), updates = symtensor.scan(
        lambda row, i: ([i + 1, row * i * counter], {counter: counter * 2}), x, [n, None]
    )
    found = evaluate(T.grad(value.sum(), x), {x: arrays(3), n: 2, counter: 1})
    assert found.tolist() == [2.0, 6.0, 16.0]
    of_n = T.grad(value.sum() + count.sum(), n)
    assert of_n.dtype == "float64" and evaluate(of_n, {x: arrays(3), n: 2, counter: 1}) == 0


def test_gradients_of_inner_scans():
    x, w = T.matrix("x"), T.vector("w")

    def step(row, h, w):
        inner, _ = symtensor.scan(lambda e, t, w: T.tanh(e * t + w[0]), row, np.float64(0.5), w)
        return h * inner[-1] + w[1]

    result, _ = symtensor.scan(step, x, np.float64(1), w)
    check(result[-1], {x: arrays(3, 2), w: arrays(2)}, [x, w])


def test_second_derivatives():
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    result, _ = symtensor.scan(lambda a, b, c: T.tanh(a * b + c), x, s, q)
    given = {x: arrays(3), s: 0.4, q: 0.3}
    first = T.grad(result[-1] + (result**2).sum(), [x, s, q])
    check(first[0].sum() + first[1] ** 2 + first[2], given, [x, s, q], tolerance=1e-5)
    result, _ = symtensor.scan(
        lambda a, b2, b1, c: T.sin(a * b2 + c * b1), x, {"initial": x[:2], "taps": [-2, -1]}, q, truncate_gradient=-1
    )
    check(T.grad(result.sum(), x)[0] * T.grad(result[-1], q), {x: arrays(4), q: 0.3}, [x, q], tolerance=1e-5)


def test_third_derivatives():
    s, n = T.scalar("s"), T.lscalar("n")
    power, _ = symtensor.scan(lambda p, s: p * s, outputs_info=T.ones_like(s), non_sequences=s, n_steps=n)
    d3 = T.grad(T.grad(T.grad(power[-1], s), s), s)
    assert evaluate(d3, {s: 2.0, n: 5}) == 5 * 4 * 3 * 4


def test_rop_and_lop():
    x, w, s = T.matrix("x"), T.matrix("w"), T.vector("s")
    (h, c), _ = symtensor.scan(lambda row, h, w: [T.tanh(T.dot(h, w) + row), (h * row).sum()], x, [s, None], w)
    given = {x: arrays(4, 2), w: arrays(2, 2), s: arrays(2)}
    points = {v: T.TensorType("float64", v.broadcastable)(v.name + "_point") for v in given}
    values = {points[v]: arrays(*given[v].shape, seed=9) for v in given}
    for f in (h, c):
        moved = evaluate(Rop(f, list(given), [points[v] for v in given]), {**given, **values}, laws=False)
        step = 1e-6
        ahead, behind = [
            evaluate(f, {v: given[v] + sign * step * values[points[v]] for v in given}) for sign in (1, -1)
        ]
        np.testing.assert_allclose(moved, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-8)
        weights = arrays(*moved.shape, seed=11)
        u = T.TensorType("float64", f.broadcastable)("u")
        back = evaluate(Lop(f, list(given), u), {**given, u: weights}, laws=False)
        np.testing.assert_allclose(
            (moved * weights).sum(), sum((g * values[points[v]]).sum() for g, v in zip(back, given))
        )


def test_rop_of_one_input_leaves_the_others_alone():
    x, w = T.vector("x"), T.scalar("w")
    result, _ = symtensor.scan(lambda row, before: before * w + row, x, np.float64(1))
    point = T.scalar("point")
    found = evaluate(Rop(result, w, point), {x: [1.0, 2.0], w: 3.0, point: 1.0}, laws=False)
    np.testing.assert_allclose(found, [1.0, 7.0])


def test_undefined_gradients_are_reported():
    x = T.vector("x")
    result, _ = symtensor.scan(lambda row: symtensor.gradient.undefined_grad(row), x)
    with pytest.raises(symtensor.gradient.NullTypeGradError):
        T.grad(result.sum(), x)
    s = T.scalar("s")
    result, _ = symtensor.scan(lambda row, h: symtensor.gradient.undefined_grad(h) * row, x, s)
    with pytest.raises(symtensor.gradient.NullTypeGradError):
        T.grad(result.sum(), s)


def test_float32_stays_float32():
    x, w = T.fmatrix("x"), T.fmatrix("w")
    start = T.fvector("start")
    result, _ = symtensor.scan(lambda row, h, w: T.tanh(T.dot(h, w) + row), x, start, w)
    for g in T.grad(result.sum(), [x, w, start]):
        assert g.dtype == "float32"


def test_the_backward_step_reads_traces_instead_of_computing_again():
    x, w, start = T.matrix("x"), T.matrix("w"), T.vector("start")
    result, _ = symtensor.scan(lambda row, h, w: T.tanh(T.dot(h, w) + row), x, start, w)
    gradient = T.grad(result.sum(), w)
    (op,) = {v.owner.op for v in symtensor.gof.graph.ancestors([gradient]) if "grad_of" in str(v.owner and v.owner.op)}
    assert not any("tanh" in str(node.op) for node in op.inner_nodes)


def test_jacobian():
    v, w, a = T.vector("v"), T.vector("w"), T.matrix("a")
    assert evaluate(T.jacobian(v**2, v), {v: [1.0, 2.0]}).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert evaluate(T.jacobian((v**2).sum(), v), {v: [1.0, 2.0]}).tolist() == [2.0, 4.0]
    both = T.jacobian(v * w, [v, w])
    assert isinstance(both, list) and isinstance(T.jacobian(v * w, (v, w)), tuple)
    found = evaluate(both, {v: [1.0, 2.0], w: [3.0, 4.0]}, laws=False)
    assert [j.tolist() for j in found] == [[[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]]
    found = evaluate(symtensor.gradient.jacobian((a**2).sum(0), a), {a: [[1.0, 2.0], [3.0, 4.0]]})
    assert found.tolist() == [[[2.0, 0.0], [6.0, 0.0]], [[0.0, 4.0], [0.0, 8.0]]]
    with pytest.raises(AssertionError, match="expects a 1 dimensional variable as `expression`"):
        T.jacobian(a, a)
    with pytest.raises(AssertionError, match="expects a Variable as `expression`"):
        T.jacobian(3, a)
    with pytest.raises(symtensor.gradient.DisconnectedInputError):
        T.jacobian(v * 2, w)


def test_hessian():
    v, w = T.vector("v"), T.vector("w")
    given = {v: [1.0, 2.0], w: [3.0, 4.0]}
    assert evaluate(T.hessian((v**3).sum(), v), {v: given[v]}).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    found = evaluate(T.hessian((v**3 * w).sum(), [v, w]), given, laws=False)
    assert [h.tolist() for h in found] == [[[18.0, 0.0], [0.0, 48.0]], [[0.0, 0.0], [0.0, 0.0]]]
    assert evaluate(T.hessian((v * 2).sum(), v), {v: given[v]}).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    for arguments, what in [
        ((3, v), "a Variable as `cost`"), ((v, v), "a 0 dimensional variable as `cost`"),
        (((v**3).sum(), 3), r"a \(list of\) Variable as `wrt`"),
        ((T.matrix("m").sum(), T.matrix("m")), r"a \(list of\) 1 dimensional variable as `wrt`"),
    ]:
        with pytest.raises(AssertionError, match=f"tensor.hessian expects {what}"):
            T.hessian(*arguments)


@pytest.mark.parametrize("n", [0, 1, 4])
@pytest.mark.parametrize("taps", [[-1], [-3, -1]])
def test_traces_written_and_read_backwards(n, taps):
    """Products summed over the steps, rows of sequences, initial rows: compiled against node by node, any length."""
    deep = min(taps) < -1
    x, w, u = T.dtensor3("x"), T.dmatrix("w"), T.dmatrix("u")
    h0 = T.dtensor3("h0") if deep else T.dmatrix("h0")
    states, _ = symtensor.scan(
        lambda v, *rest: T.tanh(T.dot(v, rest[-2]) + sum(T.dot(h, rest[-1]) for h in rest[:-2])), x,
        dict(initial=h0, taps=taps), [w, u],
    )
    cost = (states**2).sum()
    wrt = [x, h0, w, u]
    random = np.random.RandomState(n)
    values = [random.normal(size=size) for size in ((n, 2, 3), (3, 2, 4) if deep else (2, 4), (3, 4), (4, 4))]
    f = symtensor.function(wrt, symtensor.grad(cost, wrt))
    g = symtensor.function(wrt, symtensor.grad(cost, wrt), mode=symtensor.Mode("py", None))
    for found, expected in zip(f(*values), g(*values)):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
