"""Whole functions on a device give what they give on the host, call after call, updates included."""
from __future__ import annotations

import gc

import numpy as np
import pytest
from shim_device import ShimDevice

import symtensor
import symtensor.tensor as T
from symtensor import function, scan, shared
from symtensor.compile import memo
from symtensor.control.function_op import as_op
from symtensor.control.ifelse import ifelse
from symtensor.runtime.cuda.array import DeviceArray
from symtensor.runtime.cuda.device import use
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

F = "float32"


def arrays(*shapes, dtype=F):
    rng = np.random.default_rng(7)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def both(make, calls, rtol=2e-5, n_launched=None):
    """`make()` gives a function and its shared variables; it is made and called on the host and on the shim."""
    found = []
    device = ShimDevice()
    for where in (None, device):
        with use(where):
            f, variables = make()
            results = [f(*values) for values in calls]
        found.append((results, [v.get_value() for v in variables]))
    for expected, result in zip(*[results for results, _ in found]):
        for a, b in zip(*[r if isinstance(r, list) else [r] for r in (expected, result)], strict=True):
            assert type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-6)
    for a, b in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-6)
    if n_launched is not None:
        assert device.launched == n_launched
    return device, f, variables


def test_elementwise():
    def make():
        x, y, s = T.fmatrix(), T.frow(), T.fscalar()
        return function([x, y, s], [x * y + s, T.exp(x).T, x > y, T.cast(x * 5, "int8")]), []

    x, y = arrays((5, 7), (1, 7))
    device, _, _ = both(make, [(x, y, np.float32(3)), (x.T.copy().T, y, np.float32(2)),
                               (x[:, ::-1], y[:, ::-1], np.float32(1)), (x[:0], y, np.float32(0))])
    assert device.launched > 0


def test_sums():
    def make():
        x = T.fmatrix()
        outputs = [x.sum(), x.sum(0), x.mean(1), x.max(1), x.argmax(0), T.nnet.softmax(x), T.diag(x[:3, :3]),
                   (x ** 2).sum(axis=0, dtype="float64"), T.all(x > -9, axis=1), x.prod(1)]
        return function([x], outputs), []

    both(make, [arrays((6, 40)), arrays((3, 3)), [arrays((40, 60))[0].T]])


def softmax_regression():
    x, y, rate = T.fmatrix(), T.lvector(), shared(np.float32(0.2))
    w, b = (shared(v) for v in arrays((6, 4), (4,)))
    p = T.nnet.softmax(T.dot(x, w) + b)
    cost = -T.log(p)[T.arange(y.shape[0]), y].mean() + 0.01 * (w ** 2).sum()
    g = T.grad(cost, [w, b])
    updates = [(w, w - rate * g[0]), (b, b - rate * g[1]), (rate, rate * 0.5)]
    return function([x, y], [cost, T.neq(p.argmax(1), y).sum()], updates=updates), [w, b, rate]


def test_products():
    def make():
        x, y = T.fmatrix(), T.fvector()
        return function([x, y], [T.dot(x[0], x[1]), T.dot(x, y), T.dot(x.T, x), T.outer(y, x[0]), T.dot(y, y)]), []

    both(make, [arrays((2, 5), (5,)), arrays((7, 1), (1,))])


def test_softmax_regression():
    x, y = arrays((9, 6))[0], np.arange(9) % 4
    _, _, (w, b, rate) = both(softmax_regression, [(x, y)] * 3)
    assert isinstance(w.container.value, DeviceArray) and isinstance(b.container.value, DeviceArray)
    assert not isinstance(rate.container.value, DeviceArray), "a number that only scalar code reads stays on the host"


def test_shared_values_are_moved_once():
    device, f, _ = both(softmax_regression, [(arrays((9, 6))[0], np.arange(9) % 4)])
    before = dict(device.moved)
    f(arrays((9, 6))[0], np.arange(9) % 4)
    assert device.moved["to_device"] - before["to_device"] == 2, "the two arguments"
    assert device.moved["to_host"] - before["to_host"] <= 3


def test_mlp():
    def make():
        x, y = T.fmatrix(), T.lvector()
        values = arrays((6, 5), (5,), (5, 3), (3,))
        parameters = [shared(v) for v in values]
        w0, b0, w1, b1 = parameters
        h = T.tanh(T.dot(x, w0) + b0)
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.dot(h, w1) + b1), y).mean()
        speed = [shared(np.zeros_like(v)) for v in values]
        updates = []
        for p, v, g in zip(parameters, speed, T.grad(cost, parameters)):
            new = np.float32(0.9) * v - np.float32(0.1) * g
            updates += [(v, new), (p, p + new)]
        return function([x, y], cost, updates=updates), parameters + speed

    both(make, [(arrays((8, 6))[0], np.arange(8) % 3)] * 3)


def test_embedding():
    def make():
        i, target = T.lmatrix(), T.fmatrix()
        table, w = (shared(v) for v in arrays((11, 4), (4, 3)))
        cost = T.sqr(T.dot(table[i].mean(axis=1), w) - target).sum()
        g = T.grad(cost, [table, w])
        updates = [(table, table - np.float32(0.1) * g[0]), (w, w - np.float32(0.1) * g[1])]
        return function([i, target], cost, updates=updates), [table, w]

    indices = np.array([[1, 1, 10], [0, 3, 1]])
    both(make, [(indices, arrays((2, 3))[0])] * 2)


def test_sparse_updates_of_rows():
    def make():
        i, v = T.lvector(), T.fmatrix()
        table = shared(arrays((6, 3))[0])
        return function([i, v], table[i] * 2, updates=[(table, T.inc_subtensor(table[i], v))]), [table]

    both(make, [(np.array([1, 1, 5]), arrays((3, 3))[0])] * 2)


def test_rnn_and_its_gradient():
    def make():
        x = T.ftensor3()
        values = arrays((4, 5), (5, 5), (5,))
        w, u, b = (shared(v * np.float32(0.3)) for v in values)

        def step(x_t, h):
            return T.tanh(T.dot(x_t, w) + T.dot(h, u) + b)

        h, _ = scan(step, sequences=[x], outputs_info=[T.zeros((x.shape[1], 5), F)])
        cost = (h[-1] ** 2).sum()
        g = T.grad(cost, [w, u, b])
        updates = [(p, p - np.float32(0.1) * d) for p, d in zip([w, u, b], g)]
        return function([x], [cost, h], updates=updates), [w, u, b]

    both(make, [arrays((6, 2, 4))] * 2)


def test_loops_move_nothing_in_each_step():
    counts = []
    for steps in (3, 9):
        device, _, _ = both(lambda: (function(*_recurrence()), []), [arrays((steps, 2, 4))])
        counts.append(dict(device.moved))
    assert counts[0] == counts[1]


def _recurrence():
    x = T.ftensor3()
    w = shared(arrays((4, 4))[0] * np.float32(0.3))
    h, _ = scan(lambda x_t, h: T.tanh(x_t + T.dot(h, w)), sequences=[x], outputs_info=[T.zeros_like(x[0])])
    return [x], h


def test_loops_that_end_by_a_value():
    def make():
        x, limit = T.fvector(), T.fscalar()
        h, _ = scan(lambda h: (h * 2, symtensor.scan_module.until(h.sum() * 2 > limit)), outputs_info=[x], n_steps=30)
        return function([x, limit], [h, h.shape[0]]), []

    both(make, [(abs(arrays(3)[0]), np.float32(50)), (abs(arrays(3)[0]), np.float32(0))])


def test_branches():
    def make():
        c, x, y = T.iscalar(), T.fmatrix(), T.fvector()
        z = ifelse(c > 0, T.dot(x, y), x.sum(axis=1) * 2)
        s = ifelse(x.sum() > 0, x * 2, x[::-1] - 1)
        return function([c, x, y], [z, s, z.sum()]), []

    x, y = arrays((3, 4), (4,))
    both(make, [(np.int32(1), x, y), (np.int32(0), x, y), (np.int32(0), -x, y)])


def test_python_in_the_middle():
    def make():
        @as_op(itypes=[T.fmatrix, T.fvector], otypes=[T.fmatrix])
        def doubled(a, b):
            assert type(a) is np.ndarray
            return a * 2 + b

        x, w = T.fmatrix(), shared(arrays((4, 4))[0])
        y = T.tanh(doubled(T.dot(x, w), w.sum(axis=0)))
        return function([x], y.sum(axis=1), updates=[(w, w + y.sum())]), [w]

    both(make, [arrays((3, 4))] * 2)


def test_advanced_indexing():
    def make():
        x, i, j, m = T.fmatrix(), T.lvector(), T.lvector(), T.bmatrix()
        outputs = [x[i], x[:, j], x[i, j], x[m.nonzero()], T.set_subtensor(x[i, j], 7), T.inc_subtensor(x[i], x[:3]),
                   x[i[0]], x[1:, ::-2], x[-1, j], T.sort(x, axis=1), T.argsort(x, axis=0)]
        return function([x, i, j, m], outputs), []

    x = arrays((5, 6))[0]
    both(make, [(x, np.array([0, 4, 0]), np.array([5, 1, 5]), (x > 0).astype("int8"))])


def test_indices_out_of_bounds(device):
    x, i = T.fmatrix(), T.lvector()
    w = shared(arrays((4, 3))[0])
    f = function([x, i], w[i].sum(), updates=[(w, w + x)])
    before = w.get_value()
    with pytest.raises(IndexError):
        f(before, [0, 9])
    with pytest.raises(ValueError, match="Input dimension mis-match"):
        f(before[:, :2], [0, 1])
    assert (w.get_value() == before).all()


def test_random_streams():
    def make():
        rng = MRG_RandomStreams(3)
        x = T.fmatrix()
        kept = rng.binomial(x.shape, p=0.5, dtype=F)
        outputs = [x * kept, rng.uniform((3, 5), dtype=F), rng.normal((4, 2))]
        return function([x], outputs), [s for s, *_ in rng.state_updates]

    both(make, [arrays((4, 6))] * 2, rtol=1e-4)


def test_numpy_random_streams():
    def make():
        rng = T.shared_randomstreams.RandomStreams(3)
        x = T.fmatrix()
        return function([x], x * rng.uniform((4, 6))), []

    both(make, [arrays((4, 6))] * 2)


def test_swapped_updates():
    def make():
        a, b = (shared(v) for v in arrays((3, 2), (3, 2)))
        return function([], [a + b], updates=[(a, b), (b, a + 1)]), [a, b]

    both(make, [()] * 3)


def test_complex_numbers_stay_on_the_host():
    def make():
        x, w = T.cmatrix(), shared(arrays((3, 4))[0].astype("complex64"))
        y = x * w + 1j
        return function([x], [abs(y) * 2, y], updates=[(w, w * 2)]), [w]

    both(make, [((arrays((3, 4))[0] + 1j).astype("complex64"),)] * 2)


def test_small_and_large_types():
    def make():
        x, h, i = T.dmatrix(), T.TensorType("float16", (False, False))(), T.TensorType("uint8", (False,))()
        return function([x, h, i], [x.sum(), (h * 2).sum(axis=0), T.cast(h, "float64") + x, i // 3, i.sum()]), []

    x = arrays((3, 4), dtype="float64")[0]
    both(make, [(x, x.astype("float16"), np.arange(250, 256).astype("uint8"))])


def test_outputs_do_not_share_memory(device):
    x = T.fmatrix()
    f = function([x], [x * 2, (x * 2).T, x[1:]])
    value = arrays((3, 4))[0]
    first, second = f(value), f(value)
    for a, b in zip(first, second):
        assert not np.shares_memory(a, b) and (a == b).all() and a.flags.writeable


def test_a_failed_call_leaves_shared_values(device):
    w = shared(arrays((4, 4))[0])
    v = shared(arrays((4, 4))[0])
    f = function([], w.sum(), updates=[(w, w * 2), (v, T.dot(v, w))])
    f()
    before, kept = w.get_value(), v.get_value()
    for number in range(2):
        device.fail_at = device.launched + number
        with pytest.raises(RuntimeError, match="the kernel failed"):
            f()
        if number == 0:
            assert (w.get_value() == before).all() and (v.get_value() == kept).all()
    device.fail_at = -1
    f()


def test_no_memory(device):
    x = T.fmatrix()
    f = function([x], T.exp(x).sum(axis=0) * x)
    value = arrays((300, 400))[0]
    device.room = 1000
    with pytest.raises(MemoryError, match="not enough memory"):
        f(value)
    device.room = None
    np.testing.assert_allclose(f(value), np.exp(value).sum(0) * value, rtol=1e-4)


def test_memory_goes_back(device):
    f, variables = softmax_regression()
    f(arrays((9, 6))[0], np.arange(9) % 4)
    assert len(device.blocks) > 2
    f.free()
    assert len(device.blocks) == 2, "w and b"
    del f, variables
    memo.forget()
    gc.collect()
    assert not device.blocks


def test_host_functions_read_values_of_the_device(device):
    w = shared(arrays((4, 4))[0])
    f = function([], updates=[(w, w + 1)])
    f()
    assert isinstance(w.container.value, DeviceArray)
    with use(None):
        g = function([], w.sum(), updates=[(w, w * 2)])
    expected = w.get_value()
    np.testing.assert_allclose(g(), expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), expected * 2)
    f()
    np.testing.assert_allclose(w.get_value(), expected * 2 + 1)
    assert isinstance(w.container.value, DeviceArray)


def test_set_value_between_calls(device):
    w = shared(arrays((4, 4))[0])
    f = function([], w.sum(axis=0), updates=[(w, w + 1)])
    f()
    w.set_value(np.ones((2, 4), F))
    np.testing.assert_allclose(f(), [2, 2, 2, 2])
    assert w.get_value().tolist() == [[2] * 4] * 2


def test_functions_of_host_and_device_are_kept_apart(device):
    x = T.fvector("x")
    made = []
    for where in (device, None, device):
        with use(where):
            made.append(function([x], x * 2))
    kinds = [type(f.fn.executable).__name__ for f in made]
    assert kinds == ["DeviceExecutable", "CompiledExecutable", "DeviceExecutable"]
    assert made[0].maker.code is made[2].maker.code


def test_two_variables_with_one_array(device):
    a = shared(np.zeros(3, F))
    function([], updates=[(a, a + 1)])()
    b = shared(np.zeros(3, F))
    b.container.storage[0] = a.container.storage[0]
    f = function([], [a + b], updates=[(a, a + 1), (b, b + 5)])
    assert f()[0].tolist() == [2, 2, 2]
    assert a.get_value().tolist() == [2, 2, 2] and b.get_value().tolist() == [6, 6, 6]


def test_an_interrupt_ends_a_loop(device, monkeypatch):
    x = T.fvector()
    h, _ = scan(lambda h: h * 2, outputs_info=[x], n_steps=50)
    f = function([x], h[-1])

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "launch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        f(np.ones(3, F))


def test_a_branch_reads_a_number_of_the_device():
    def make():
        c, x, y = T.iscalar(), T.fmatrix(), T.fmatrix()
        number = y.sum() * np.float32(0.1)
        return function([c, x, y], [ifelse(c, T.switch(T.gt(x, 0), x, number), x), T.exp(x) * number]), []

    both(make, [(c, *arrays((5, 4), (7, 4))) for c in (0, 1)])


def test_without_routines_products_run_on_the_host():
    device = ShimDevice(routines=False)
    with use(device):
        x, w = T.fmatrix(), shared(arrays((4, 3))[0])
        f = function([x], T.exp(x).sum(axis=0) + T.tanh(T.dot(x, w)).sum())
    value = arrays((2, 4))[0]
    np.testing.assert_allclose(f(value), np.exp(value).sum(0) + np.tanh(value @ w.get_value()).sum(), rtol=1e-5)
    assert device.launched > 0
