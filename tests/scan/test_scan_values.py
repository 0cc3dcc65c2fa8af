"""What scan computes, against a loop in plain Python: by `perform`, with the laws of shapes and types."""
from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from scan_loops import python_loop
from tensor_perform import evaluate

import symtensor
import symtensor.tensor as T
from symtensor.scan_module import until
from symtensor.scan_module.scan_op import Scan, ScanInfo

SEQUENCE_TAPS = [(0,), (-1,), (1,), (-1, 0), (0, 1), (-1, 1), (-2, 0, 1), (1, -1), (2,), (0, 0)]
STATE_TAPS = [(-1,), (-2,), (-3,), (-2, -1), (-1, -2), (-3, -1), (-3, -2), (-3, -2, -1)]


def arrays(*shape, dtype="float64", seed=3):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(dtype)


def weighted(*rows):
    return sum((k + 1) * row for k, row in enumerate(rows))


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("taps", SEQUENCE_TAPS)
def test_taps_of_sequences(taps, go_backwards):
    x = T.vector("x")
    value = arrays(6)
    for n_steps in (None, 0, 1, 2):
        result, _ = symtensor.scan(
            lambda *rows: T.stack(rows), {"input": x, "taps": list(taps)}, go_backwards=go_backwards, n_steps=n_steps
        )
        (wanted,) = python_loop(
            lambda *rows: ([rows], False), [(value, taps)], [None], n_steps, go_backwards=go_backwards
        )
        found = evaluate(result, {x: value})
        assert found.shape == (len(wanted), len(taps))
        np.testing.assert_array_equal(found, wanted.reshape(found.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("taps", STATE_TAPS)
def test_taps_of_states(taps, dtype):
    x = T.matrix("x", dtype=dtype)
    n = T.lscalar("n")
    result, _ = symtensor.scan(
        lambda *rows: T.cast(0.5 * weighted(*rows), dtype), n_steps=n,
        # The state of one step alone is given without an axis of steps.
        outputs_info={"initial": x[0] if taps == (-1,) else x, "taps": list(taps)},
    )
    assert result.type == T.TensorType(dtype, (False, False))
    value = arrays(-min(taps), 2, dtype=dtype)
    for steps in range(6):
        found, last, two = evaluate([result, result[-1:], result[-2:]], {x: value, n: steps})
        (wanted,) = python_loop(
            lambda *rows: ([np.asarray(0.5 * weighted(*rows), dtype)], False), (), [(value, taps)], steps
        )
        assert found.dtype == dtype and found.shape == (steps, 2)
        np.testing.assert_allclose(found, wanted.reshape(found.shape), rtol=1e-6)
        np.testing.assert_array_equal(last, found[-1:])
        np.testing.assert_array_equal(two, found[-2:])


@pytest.mark.parametrize("go_backwards", [False, True])
def test_several_sequences_states_and_outputs(go_backwards):
    x, y, a, b, w = T.matrix("x"), T.matrix("y"), T.vector("a"), T.matrix("b"), T.matrix("w")

    def step(x_before, x_now, y_now, a_before, b_2, b_1):
        return [T.tanh(T.dot(a_before, w) + x_now), b_2 * b_1 + y_now, x_before + a_before.sum()]

    results, updates = symtensor.scan(
        step, [{"input": x, "taps": [-1, 0]}, y], [a, {"initial": b, "taps": [-2, -1]}, None],
        go_backwards=go_backwards,
    )
    values = {x: arrays(6, 3), y: arrays(8, 3, seed=1), a: arrays(3), b: arrays(2, 3, seed=5), w: arrays(3, 3, seed=7)}
    found = evaluate(results, values)

    def plain(x_before, x_now, y_now, a_before, b_2, b_1):
        return [np.tanh(a_before @ values[w] + x_now), b_2 * b_1 + y_now, x_before + a_before.sum()], False

    wanted = python_loop(
        plain, [(values[x], (-1, 0)), (values[y], (0,))], [(values[a][None], (-1,)), (values[b], (-2, -1)), None],
        go_backwards=go_backwards,
    )
    assert not updates and all(len(f) == 5 for f in found)
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("limit", [-1.0, 0.5, 2.0, 100.0])
def test_until_ends_after_the_step_in_which_it_holds(limit):
    x, s = T.vector("x"), T.scalar("s")
    (total, doubled), _ = symtensor.scan(
        lambda row, before: ([before + row, 2 * row], until(before + row > limit)), x, [s, None]
    )
    assert str(total.owner.op) == "do_while{cpu,scan_fn}"
    value = np.arange(6.0)
    found = evaluate([total, doubled], {x: value, s: 0.0})
    wanted = python_loop(
        lambda row, before: ([before + row, 2 * row], before + row > limit), [(value, (0,))], [([0.0], (-1,)), None]
    )
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert evaluate(total, {x: value[:0], s: 0.0}).shape == (0,)


def test_updates_are_carried_and_returned():
    k, m = symtensor.shared(5, "k"), symtensor.shared(np.zeros(2), "m")
    n, x = T.iscalar("n"), T.vector("x")
    result, updates = symtensor.scan(lambda: (m.sum() + k, {k: k + 1, m: m + x}), n_steps=n)
    assert list(updates) == [k, m] and str(updates[k]) == "Subtensor{int64}.0"
    f = symtensor.function([n, x], result, updates=updates)
    np.testing.assert_array_equal(f(3, [1.0, 2.0]), [5, 9, 13])
    assert k.get_value() == 8 and list(m.get_value()) == [3.0, 6.0]
    assert f(0, [1.0, 2.0]).shape == (0,)
    assert k.get_value() == 8 and list(m.get_value()) == [3.0, 6.0]


def test_default_updates_are_carried():
    k = symtensor.shared(1.0, "k")
    k.default_update = k * 2
    result, updates = symtensor.scan(lambda x: x * k, T.arange(3.0))
    assert list(updates) == [k]
    f = symtensor.function([], result, updates=updates)
    np.testing.assert_array_equal(f(), [0, 2, 8])
    assert k.get_value() == 8


def test_forms_of_updates():
    k = symtensor.shared(0, "k")
    x = T.vector("x")
    stop = until(x.sum() > 0)
    forms = [
        (lambda row: {k: k + 1}, False), (lambda row: [(k, k + 1)], False), (lambda row: (row, {k: k + 1}), True),
        (lambda row: ([row], [(k, k + 1)]), True), (lambda row: (row, {k: k + 1}, stop), True),
        (lambda row: ({k: k + 1}, stop), False),
    ]
    for fn, has_result in forms:
        result, updates = symtensor.scan(fn, x)
        assert list(updates) == [k] and (result is not None) == has_result


def test_free_variables_constants_and_shared_variables_are_found():
    x, a = T.vector("x"), T.scalar("a")
    w = symtensor.shared(np.array([1.0, 2.0]), "w")
    for strict in (False, True):
        result, _ = symtensor.scan(
            lambda row, *rest: (row + a) * 3 * w.sum() + T.constant(1.0), x, non_sequences=[w] if strict else None,
            strict=strict,
        )
        np.testing.assert_allclose(evaluate(result, {x: [1.0, 2.0], a: 1.0, w: w.get_value()}), [19.0, 28.0])


def test_non_sequences_cut_the_graph():
    x, a = T.vector("x"), T.scalar("a")
    b = T.exp(a)
    inside, _ = symtensor.scan(lambda row: row * b, x)
    outside, _ = symtensor.scan(lambda row, b: row * b, x, non_sequences=b)
    assert len(inside.owner.op.inner_nodes) == 2 and inside.owner.inputs[-1] is a
    assert len(outside.owner.op.inner_nodes) == 1 and outside.owner.inputs[-1] is b


def test_numbers_as_arguments():
    result, _ = symtensor.scan(
        lambda x, before, k, v: before + x * k + v.sum(), np.arange(3.0), outputs_info=np.float64(1),
        non_sequences=[2, np.ones(2)],
    )
    np.testing.assert_array_equal(evaluate(result, {}), [3.0, 7.0, 13.0])


def test_scans_inside_scans():
    x = T.matrix("x")

    def row_sums(row):
        total, _ = symtensor.scan(lambda e, t: t + e, row, outputs_info=np.float64(0))
        return total[-1]

    result, _ = symtensor.scan(row_sums, x)
    np.testing.assert_allclose(evaluate(result, {x: arrays(3, 4)}), arrays(3, 4).sum(1))


def test_lazy_choice_inside_a_step():
    x = T.vector("x")
    result, _ = symtensor.scan(
        lambda e: symtensor.ifelse.ifelse(e > 0, T.log(e), symtensor.raise_op.assert_op(e, e <= 0)), x
    )
    np.testing.assert_allclose(evaluate(result, {x: [1.0, -2.0]}), [0.0, -2.0])


def test_results_come_in_theanos_forms():
    x = T.vector("x")
    one = [symtensor.scan(fn, x)[0] for fn in (lambda e: e, lambda e: [e], lambda e: (e,))]
    assert all(isinstance(r, T.TensorVariable) for r in one)
    assert isinstance(symtensor.scan(lambda e: e, x, return_list=True)[0], list)
    assert isinstance(symtensor.scan(lambda e: (e, e), x)[0], list)
    assert symtensor.scan(lambda e: [], x)[0] is None
    assert isinstance(symtensor.scan(lambda e: e, x)[1], symtensor.OrderedUpdates)


def test_names_are_those_of_theano():
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")
    w = symtensor.shared(np.zeros(2), "w")
    result, _ = symtensor.scan(
        lambda a, b, c, d, e: a + b + c + d * e + w.sum(), {"input": x, "taps": [1, -1]},
        outputs_info={"initial": x, "taps": [-2, -1]}, non_sequences=q, name="walk",
    )
    op = result.owner.op
    assert str(op) == "for{cpu,walk}"
    assert [v.name for v in op.inputs] == ["x[t+1]", "x[t-1]", "x[t-2]", "x[t-1]", "q_copy", "w_copy"]
    single, _ = symtensor.scan(lambda a, b: a + b, x, outputs_info=s)
    assert [v.name for v in single.owner.op.inputs] == ["x[t]", "s[t-1]"]
    (gradient,) = T.grad(single.sum(), [s])
    text = symtensor.printing.debugprint(gradient, file="str")
    assert "for{cpu,grad_of_scan_fn}" in text and "Inner graphs of the scan ops:" in text
    assert "> |s[t-1] [id" not in text.split("grad_of")[0]


def test_equal_loops_are_equal():
    x, y = T.vector("x"), T.vector("y")

    def build(v, number=2.0):
        return symtensor.scan(lambda e: T.exp(e) * number, v)[0].owner.op

    assert build(x) == build(y) and hash(build(x)) == hash(build(y))
    assert build(x) != build(x, 3.0)
    assert build(x) != symtensor.scan(lambda e: T.exp(e) * 2.0, x, name="other")[0].owner.op
    assert build(x) != symtensor.scan(lambda e: T.exp(e) * 2.0, x, truncate_gradient=2)[0].owner.op


def test_pickles():
    x, s = T.vector("x"), T.scalar("s")
    result, _ = symtensor.scan(lambda e, t: t * e, x, outputs_info=s)
    x2, s2, result2 = pickle.loads(pickle.dumps((x, s, result)))
    assert result2.owner.op == result.owner.op
    np.testing.assert_array_equal(evaluate(result2, {x2: [1.0, 2.0], s2: 3.0}), [3.0, 6.0])


def test_the_op_copies_its_graph_and_refuses_free_variables():
    x, y = T.scalar("x"), T.scalar("y")
    op = Scan([x], [x * 2], ScanInfo(sequences=((0,),), n_untapped=1))
    assert op.inputs[0] is not x and op.inputs[0].name == "x"
    with pytest.raises(symtensor.gof.fg.MissingInputError, match="missing an input: y"):
        Scan([x], [x * y], ScanInfo(sequences=((0,),), n_untapped=1))
    with pytest.raises(ValueError, match="should have 1 inputs and 1 outputs"):
        Scan([x, y], [x * y], ScanInfo(sequences=((0,),), n_untapped=1))


def test_errors_when_run():
    x, n = T.vector("x"), T.iscalar("n")
    result, _ = symtensor.scan(lambda e: e * 2, x, n_steps=n)
    with pytest.raises(IndexError, match="Scan was asked to run for negative number of step -2"):
        evaluate(result, {x: [1.0, 2.0], n: -2}, laws=False)
    with pytest.raises(ValueError, match="Sequence is shorter then the required number of steps"):
        evaluate(result, {x: [1.0, 2.0], n: 3}, laws=False)
    result, _ = symtensor.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=2)
    with pytest.raises(ValueError, match="needs 2 rows"):
        evaluate(result, {x: [1.0]}, laws=False)
    result, _ = symtensor.scan(lambda e: T.arange(e), T.arange(3))
    with pytest.raises(ValueError, match="must all have one shape: step 1"):
        evaluate(result, {}, laws=False)
    result, _ = symtensor.scan(lambda e: T.concatenate([e, e]), outputs_info=x, n_steps=2)
    with pytest.raises(ValueError, match="changed its shape"):
        evaluate(result, {x: [1.0]}, laws=False)


def test_shapes_that_depend_on_non_sequences_are_known():
    n, x = T.lscalar("n"), T.vector("x")
    result, _ = symtensor.scan(lambda e, n: T.arange(n) * e, x, non_sequences=n)
    assert evaluate(result, {x: [1.0, 2.0], n: 3}).shape == (2, 3)
    assert evaluate(result, {x: np.zeros(0), n: 3}).shape == (0, 3)


def test_views():
    x, s = T.vector("x"), T.scalar("s")
    given = {x: [1.0, 2.0, 4.0], s: 10.0}
    np.testing.assert_array_equal(evaluate(symtensor.map(lambda e: e * e, x)[0], {x: given[x]}), [1.0, 4.0, 16.0])
    assert evaluate(symtensor.reduce(lambda e, t: t + e, x, s)[0], given) == 17.0
    assert evaluate(symtensor.foldl(lambda e, t: t / 2 + e, x, s)[0], given) == 6.5 + 1e-300
    assert evaluate(symtensor.foldr(lambda e, t: t / 2 + e, x, s)[0], given) == (((5 + 4) / 2 + 2) / 2 + 1)
    sums, _ = symtensor.reduce(lambda e, a, b: [a + e, b * e], x, [s, s])
    assert evaluate(sums, given) == [17.0, 80.0]


def test_checkpoints_keep_every_nth_step():
    x, s, q = T.vector("x"), T.scalar("s"), T.scalar("q")

    def step(e, before, factor):
        return before * factor + e

    for length, size in itertools.product((1, 5, 6, 7), (1, 2, 3, 10)):
        value = arrays(length)
        full, _ = symtensor.scan(step, x, s, q)
        given = {x: value, s: 0.3, q: 0.7}
        places = sorted({min(size * (b + 1), length) - 1 for b in range(-(-length // size))})
        for padding in (True, False) if length % size == 0 else (True,):
            kept, _ = symtensor.scan_checkpoints(step, [x], s, [q], save_every_N=size, padding=padding)
            np.testing.assert_allclose(evaluate(kept, given, laws=False), evaluate(full, given)[places])
        wrt = [x, s, q]
        for one, other in zip(
            evaluate(T.grad(kept[-1], wrt), given, laws=False), evaluate(T.grad(full[-1], wrt), given, laws=False)
        ):
            np.testing.assert_allclose(one, other)
    with pytest.raises(RuntimeError, match="scan_checkpoints doesn't work with taps"):
        symtensor.scan_checkpoints(step, [{"input": x, "taps": [-1]}], s, [q])
    with pytest.raises(ValueError, match="positive integer"):
        symtensor.scan_checkpoints(step, [x], s, [q], save_every_N=0)


def test_test_values_reach_the_steps():
    x, s, b = T.vector("x"), T.scalar("s"), T.vector("b")
    x.tag.test_value, s.tag.test_value, b.tag.test_value = np.arange(1.0, 5.0), np.asarray(2.0), np.array([3.0, 5.0])
    w = symtensor.shared(10.0, "w")
    seen = []

    def step(x1, x0, before, b2, b1):
        total = x1 + x0 * before + b2 - b1 + w
        seen.append([v.tag.test_value.tolist() for v in (x1, x0, before, b2, b1, total)])
        return total, total

    with symtensor.change_flags(compute_test_value="raise"):
        results, _ = symtensor.scan(
            step, {"input": x, "taps": [-1, 0]}, [s, {"initial": b, "taps": [-2, -1]}]
        )
        gradient = T.grad(results[0].sum(), x)
    assert seen == [[1.0, 2.0, 2.0, 3.0, 5.0, 13.0]]
    assert results[0].tag.test_value.tolist() == [13.0, 10.0 + 2 + 3 * 13.0 + 5 - 13, 10.0 + 3 + 4 * 43.0 + 13 - 43]
    assert gradient.tag.test_value.shape == (4,)


def test_old_paths():
    from symtensor.scan_module.scan_op import Scan as op
    from symtensor.scan_module.scan_utils import clone

    assert op is Scan and clone is symtensor.clone is symtensor.scan_module.clone
    assert symtensor.scan is symtensor.scan_module.scan
    assert symtensor.scan_module.scan_views.map is symtensor.map
    assert T.jacobian is symtensor.gradient.jacobian and T.hessian is symtensor.gradient.hessian


def test_long_bodies():
    x = T.scalar("x")

    def step(before):
        for _ in range(3000):
            before = before + x
        return before

    result, _ = symtensor.scan(step, outputs_info=np.float64(0), n_steps=2)
    assert hash(result.owner.op) and result.owner.op == result.owner.op.like(
        result.owner.op.inputs, result.owner.op.outputs, result.owner.op.info
    )
    assert evaluate(result, {x: 1.0}, laws=False).tolist() == [3000.0, 6000.0]
    assert evaluate(T.grad(result[-1], x), {x: 1.0}, laws=False) == 6000.0
