"""Graphs of repeated work: functions with and without them give the same, whatever changes between calls.

On the stand-in for the driver, whose work runs when somebody waits for it (`fake_lazy`), so that memory which is
overwritten too early shows."""
from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from dataclasses import replace

import fake_cuda
import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.target import KernelUnit
from symtensor.ir.nodes import Const, Let, Load, Nest, PyCall, Same, Store
from symtensor.runtime.cuda import compiler
from symtensor.runtime.cuda.array import DeviceArray
from symtensor.runtime.cuda.device import use
from symtensor.runtime.cuda.driver import CudaError, KernelFault, ffi
from symtensor.runtime.cuda.graphs import late_results, parameter_sizes

pytest.importorskip("symtensor._executor")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return fake_cuda.opened(fake_cuda.built(tmp_path_factory.mktemp("fake")))


@pytest.fixture(autouse=True, params=[0, 1], ids=["at once", "late"])
def device(request, world, monkeypatch):
    fake, device = world
    monkeypatch.setattr(compiler, "image", fake.image)
    fake.library.fake_lazy = request.param
    with use(device):
        fake.log()
        yield device
    device.synchronize()
    assert fake.failed == [] and fake.library.fake_depth() == 0
    fake.library.fake_fault = fake.library.fake_lazy = fake.library.fake_no_pinning = 0
    for k in range(6):
        fake.library.fake_refuse[k] = 0
    fake.library.fake_room = 1 << 40


RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def the_same_numbers_for_each_test():
    RNG.bit_generator.state = START


def numbers(*shape):
    return RNG.standard_normal(shape).astype("float32")


def softmax_regression():
    x, y, rate = T.fmatrix("x"), T.lvector("y"), T.fscalar("rate")
    w, b = symtensor.shared(np.zeros((7, 3), "float32"), "w"), symtensor.shared(np.zeros(3, "float32"), "b")
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(x.dot(w) + b), y).mean()
    return [x, y, rate], cost, [w, b], lambda n: (numbers(n, 7), RNG.integers(0, 3, n))


def mlp():
    x, y, rate = T.fmatrix("x"), T.lvector("y"), T.fscalar("rate")
    rng = np.random.default_rng(1)
    w, v = (symtensor.shared(rng.standard_normal(shape).astype("float32")) for shape in ((7, 5), (5, 3)))
    b, c = (symtensor.shared(np.zeros(n, "float32")) for n in (5, 3))
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.tanh(x.dot(w) + b).dot(v) + c), y).mean()
    return [x, y, rate], cost, [w, b, v, c], lambda n: (numbers(n, 7), RNG.integers(0, 3, n))


def rnn():
    x, y, rate = T.ftensor3("x"), T.fmatrix("y"), T.fscalar("rate")
    rng = np.random.default_rng(1)
    w, u = (symtensor.shared(0.3 * rng.standard_normal(shape).astype("float32")) for shape in ((4, 6), (6, 6)))
    h, _ = symtensor.scan(lambda row, h: T.tanh(row.dot(w) + h.dot(u)), sequences=x,
                          outputs_info=T.zeros((x.shape[1], 6), dtype="float32"))
    cost = ((h[-1] - y) ** 2).mean()
    return [x, y, rate], cost, [w, u], lambda n: (numbers(3, n, 4), numbers(n, 6))


MODELS = {"softmax regression": softmax_regression, "mlp": mlp, "rnn": rnn}


def made(model):
    inputs, cost, params, batch = model()
    updates = [(p, p - inputs[-1] * g) for p, g in zip(params, T.grad(cost, params))]
    return symtensor.function(inputs, cost, updates=updates), params, batch


def pair(model):
    """A step with graphs, and one without."""
    with symtensor.change_flags(**{"cuda.graphs": False}):
        plain = made(model)
    assert recorder_of(plain[0]) is None
    return made(model), plain


def recorder_of(f):
    executable = f._executable
    while hasattr(executable, "inner"):
        executable = executable.inner
    return executable.run.__self__.recorder


def native(f):
    return recorder_of(f).native


def same(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.get_value(), b.get_value())


@pytest.mark.parametrize("name", list(MODELS))
def test_steps(world, name):
    (f, params, batch), (g, others, _) = pair(MODELS[name])
    for k in range(10):
        values = batch(20)
        assert f(*values, 0.5) == g(*values, 0.5)
    same(params, others)
    found = native(f)
    assert found.captured >= 1 and found.replayed >= 7
    world[0].log()
    f(*batch(20), 0.5)
    log = [line.split()[0] for line in world[0].log()]
    assert log.count("graph") == 1 and log.count("wait") == 1 and "launch" not in log and "Sgemm" not in log


@pytest.mark.parametrize("name", list(MODELS))
def test_shapes_and_numbers_that_change(name):
    (f, params, batch), (g, others, _) = pair(MODELS[name])
    for k in range(30):
        values = (*batch((20, 7, 1)[k % 3]), np.float32(1 / (1 + k // 12)))
        assert f(*values) == g(*values)
    same(params, others)
    assert native(f).replayed > 5
    for k in range(12):  # never the same number
        values = (*batch(20), np.float32(0.1 * k))
        assert f(*values) == g(*values)
    same(params, others)


@pytest.mark.parametrize("name", list(MODELS))
def test_shared_values_that_are_swapped(name):
    (f, params, batch), (g, others, _) = pair(MODELS[name])
    kept = [p.get_value() for p in params]
    for k in range(24):
        if k % 6 == 5:
            for p, q, value in zip(params, others, kept):
                p.set_value(value)
                q.set_value(value)
        elif k % 8 == 7:
            held = params[0].get_value(borrow=True, return_internal_type=True)
            params[0].set_value(held.copy(), borrow=True)
            held.set(np.full(held.shape, np.nan, held.dtype))
        values = batch(20)
        assert f(*values, 0.5) == g(*values, 0.5)
    same(params, others)
    assert native(f).replayed > 5


def test_functions_that_share_values():
    (f, params, batch), (g, others, _) = pair(mlp)
    x = T.fmatrix()

    def second(params):
        w, b, v, c = params
        out = T.tanh(x.dot(w) + b).dot(v) + c
        return symtensor.function([x], [out, out.argmax(axis=1)], updates=[(b, b * np.float32(0.99))])

    h, i = second(params), second(others)
    for k in range(12):
        values = batch(20)
        assert f(*values, 0.5) == g(*values, 0.5)
        for a, b in zip(h(values[0]), i(values[0])):
            np.testing.assert_array_equal(a, b)
    same(params, others)
    assert native(f).replayed > 5 and native(h).replayed > 5


def test_work_that_nobody_waits_for(world):
    """The host is ahead of the device: what it hands over must not be overwritten."""
    fake = world[0]
    x = T.fmatrix("x")
    s = symtensor.shared(np.zeros((30, 5), "float32"))
    t = symtensor.shared(np.zeros(5, "float32"))
    f = symtensor.function([x], [], updates=[(s, s + T.tanh(x)), (t, t + x.sum(axis=0) * T.tanh(t).mean() + 1)])
    a, b = np.zeros((30, 5), "float64"), np.zeros(5)
    for k in range(20):
        value = numbers(30, 5)
        f(value)
        a, b = a + np.tanh(value), b + value.sum(axis=0) * np.tanh(b).mean() + 1
        value[:] = np.nan
    assert native(f).replayed > 10 and native(f).captured == 2  # one for each area
    assert "wait" not in fake.log()
    np.testing.assert_allclose(s.get_value(), a, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(t.get_value(), b, rtol=1e-3, atol=1e-3)


def test_results_are_new():
    x = T.fmatrix("x")
    w = symtensor.shared(numbers(5, 4))
    f = symtensor.function([x], [T.tanh(x.dot(w)), T.exp(x.dot(w)).sum(axis=0), symtensor.Out(x.dot(w), borrow=True)])
    with use(None):
        g = symtensor.function([x], [T.tanh(x.dot(w)), T.exp(x.dot(w)).sum(axis=0), x.dot(w)])
    values = [numbers(6, 5) for _ in range(8)]
    found = [f(value) for value in values]
    for value, results in zip(values, found):
        for a, b in zip(results, g(value)):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert native(f).replayed >= 5


def test_new_values_that_need_memory():
    """Of changing shapes, and where another has the old value."""
    s = symtensor.shared(np.ones((2, 3), "float32"))
    t = symtensor.shared(np.ones((2, 3), "float32"))
    f = symtensor.function([], s.sum(), updates=[(s, T.tanh(t) + 1), (t, T.exp(-s) + T.tanh(t))])
    with use(None):
        u, v = symtensor.shared(np.ones((2, 3), "float32")), symtensor.shared(np.ones((2, 3), "float32"))
        g = symtensor.function([], u.sum(), updates=[(u, T.tanh(v) + 1), (v, T.exp(-u) + T.tanh(v))])
    for k in range(20):
        if k == 10:
            for one in (s, t, u, v):
                one.set_value(np.ones((4, 3), "float32"))
        np.testing.assert_allclose(f(), g(), rtol=1e-5)
    np.testing.assert_allclose(s.get_value(), u.get_value(), rtol=1e-5)


def test_what_the_host_reads():
    """A loop that ends by a value of the device, a check, and a Python operation in the middle."""
    x = T.fvector("x")
    s = symtensor.shared(np.ones(50, "float32"))

    @symtensor.as_op(itypes=[T.fvector], otypes=[T.fvector])
    def doubled(a):
        return 2 * a

    def outputs():
        y = T.exp(x) * s + T.tanh(x * s) ** 2  # positive terms: nothing cancels, so the sums of both sides agree
        h, _ = symtensor.scan(lambda h: (h * T.float32(1.5) if hasattr(T, "float32") else h * np.float32(1.5),
                                         symtensor.scan_module.until(h.sum() > 300)), outputs_info=y, n_steps=40)
        return [h[-1], doubled(y + 1) * s, (y / s.sum()).sum()]

    f = symtensor.function([x], outputs(), updates=[(s, s + np.float32(0.01) * x)])
    with use(None):
        s = symtensor.shared(np.ones(50, "float32"))
        g = symtensor.function([x], outputs(), updates=[(s, s + np.float32(0.01) * x)])
    for k in range(10):
        value = numbers(50)
        for a, b in zip(f(value), g(value)):
            np.testing.assert_allclose(a, b, rtol=1e-4)


def test_results_that_the_host_reads_too():
    x = T.fvector("x")
    s = symtensor.shared(np.ones(50, "float32"))

    def outputs():
        y = T.tanh(x * s) + T.exp(x)
        n = T.cast((y > 1).sum(), "int64")
        return [n, T.arange(n) * 2, y[:n] * s[:n], (y * s).sum()]

    f = symtensor.function([x], outputs(), updates=[(s, s + np.float32(0.1) * x)])
    with use(None):
        s = symtensor.shared(np.ones(50, "float32"))
        g = symtensor.function([x], outputs(), updates=[(s, s + np.float32(0.1) * x)])
    for k in range(10):
        value = numbers(50)
        for a, b in zip(f(value), g(value), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4)


def test_calls_that_fail(world):
    f, params, batch = made(mlp)
    values = batch(20)
    for _ in range(5):
        f(*values, 0.5)
    before = [p.get_value() for p in params]
    wrong = values[0], np.full(20, 3)
    with pytest.raises(ValueError, match="y_i value out of bounds"):
        f(*wrong, 0.5)
    for p, value in zip(params, before):
        np.testing.assert_array_equal(p.get_value(), value)
    f(*values, 0.5)
    world[0].library.fake_fault = 700
    with pytest.raises(KernelFault, match="cuStreamSynchronize.*illegal memory access"):
        f(*values, 0.5)
    world[0].library.fake_fault = 0
    world[0].library.fake_refuse[3] = 2
    with pytest.raises(MemoryError):
        f(*values, 0.5)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_driver_that_refuses(world, stage, caplog):
    fake, device = world
    device.graphs()._said.clear()
    gc.collect()
    fake.library.fake_refuse[stage] = 801
    before = fake.library.fake_graphs
    (f, params, batch), (g, others, _) = pair(softmax_regression)
    with caplog.at_level(logging.WARNING, "symtensor.cuda"):
        for k in range(8):
            values = batch(20)
            assert f(*values, 0.5) == g(*values, 0.5)
    same(params, others)
    assert native(f).captured == 0 and native(f).off == 1 and fake.library.fake_graphs == before
    assert len(caplog.records) == 1 and "queued piece by piece" in caplog.text
    fake.library.fake_refuse[stage] = 0


def test_a_routine_that_takes_memory(caplog):
    """cuBLAS takes no vector with a step backwards: a packed copy is made in memory that is given back."""
    x = T.fvector("x")
    w = symtensor.shared(numbers(6, 5))
    f = symtensor.function([x], [T.dot(w, x[::-1] * 2), w[:, ::-1].dot(T.exp(x)), T.tanh(x) * w])
    with use(None):
        g = symtensor.function([x], [T.dot(w, x[::-1] * 2), w[:, ::-1].dot(T.exp(x)), T.tanh(x) * w])
    for k in range(6):
        value = numbers(5)
        for a, b in zip(f(value), g(value)):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_no_pinned_memory(world):
    world[0].library.fake_no_pinning = 2
    (f, params, batch), (g, others, _) = pair(mlp)
    for k in range(6):
        values = batch(20)
        assert f(*values, 0.5) == g(*values, 0.5)
    same(params, others)
    assert native(f).captured == 0


def test_memory_goes_back(world, device):
    fake = world[0]
    gc.collect()
    device.synchronize()
    device.prepare_capture()
    before = device.memory()["used"], fake.library.fake_graphs, fake.library.fake_pinnings
    assert fake.library.fake_sources == before[1]
    f, params, batch = made(mlp)
    for k in range(6):
        f(*batch(20), 0.5)
    assert native(f).graphs == 1 and fake.library.fake_graphs == before[1] + 1
    f.free()
    assert native(f).graphs == 0 and fake.library.fake_graphs == before[1]
    for k in range(6):
        f(*batch(20), 0.5)
    assert native(f).graphs == 1
    for k in range(4):
        f(*batch(30), 0.5)  # larger workspaces
    assert native(f).graphs == 1
    del f, params
    gc.collect()
    assert (device.memory()["used"], fake.library.fake_graphs, fake.library.fake_pinnings) == before
    assert fake.library.fake_sources == before[1]


def test_garbage_that_is_collected_during_a_capture(world, device):
    fake = world[0]
    gc.collect()
    before = fake.library.fake_graphs, fake.library.fake_pinnings
    f, params, batch = made(mlp)
    for k in range(6):
        f(*batch(20), 0.5)
    assert native(f).graphs == 1 and fake.library.fake_pinnings > before[1]
    held = [f, params]
    held.append(held)  # a cycle, which only the collector finds
    device.synchronize()
    del f, params, held
    handles = device.graphs().captured(lambda stream: [gc.collect()])
    device.graphs().forget([handles])
    assert (fake.library.fake_graphs, fake.library.fake_pinnings) == before
    assert fake.library.fake_sources == before[0]


def test_memory_that_others_keep(world, device):
    """Graphs keep workspaces, until somebody needs the memory."""
    fake = world[0]
    gc.collect()
    device.release()
    s = symtensor.shared(np.full(10**6, 0.5, "float32"))
    f = symtensor.function([], T.dot(T.tanh(s), T.exp(s)) + T.dot(T.sin(s), s), updates=[(s, s * np.float32(0.9))])
    for _ in range(5):
        f()
    assert native(f).graphs and device.memory()["used"] > 5 * 10**6
    fake.library.fake_room = fake.library.fake_taken + 10**6
    g = symtensor.function([], T.dot(T.cos(s), T.log(s)))
    assert np.isfinite(g()) and not native(f).graphs
    fake.library.fake_room = 1 << 40
    f()
    np.testing.assert_allclose(s.get_value(), 0.5 * 0.9 ** 6, rtol=1e-5)


@pytest.mark.parametrize("graphs", [True, False])
def test_no_memory_for_a_product_between_writes(world, device, graphs):
    """It has to be packed; without memory it is done without, so the call does not end half way."""
    fake = world[0]
    a, b = numbers(80, 60), numbers(60, 40)
    s, t = symtensor.shared(np.ones(8, "float32")), symtensor.shared(np.ones((40, 20), "float32"))
    left, right = symtensor.shared(a), symtensor.shared(b)
    with symtensor.change_flags(**{"cuda.graphs": graphs}):
        f = symtensor.function([], [], updates=[
            (s, s * np.float32(2)), (t, t + T.dot(left[::2, ::2], right[::2, ::2]))])
    f()
    device.release()
    for k in range(6):
        fake.library.fake_room = fake.library.fake_taken if k % 2 else 1 << 40
        fake.log()
        f()
        device.release()
        launched = " ".join(line.split()[1] for line in fake.log() if line.startswith("launch"))
        assert ("product_f32" in launched) == k % 2
    np.testing.assert_array_equal(s.get_value(), np.full(8, 2.0 ** 7))
    np.testing.assert_allclose(t.get_value(), 1 + 7 * a[::2, ::2].dot(b[::2, ::2]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("graphs", [True, False])
def test_no_memory_for_what_is_read_between_writes(world, device, graphs):
    """A workspace that there is no room for is missed before anything is written, also where it has to grow."""
    fake = world[0]
    x = T.fmatrix("x")
    s, t = symtensor.shared(np.ones(8, "float32")), symtensor.shared(np.ones((5, 5), "float32"))
    with symtensor.change_flags(**{"cuda.graphs": graphs}):
        f = symtensor.function([x], [], updates=[(s, s * np.float32(2)), (t, t + x)])
    for n in (5, 50):
        values = np.full(8, n, "float32"), np.ones((n, n), "float32")
        for one, value in zip((s, t), values):
            one.set_value(DeviceArray.from_host(device, value), borrow=True)
        device.release()
        fake.library.fake_room = fake.library.fake_taken
        with pytest.raises(MemoryError):
            f(values[1])
        fake.library.fake_room = 1 << 40
        for one, value in zip((s, t), values):
            np.testing.assert_array_equal(one.get_value(), value)
        f(values[1])
        for one, value in zip((s, t), values):
            np.testing.assert_array_equal(one.get_value(), 2 * value)


def test_large_values_and_many():
    """Beyond what is staged, and beyond the areas."""
    x, y = T.fmatrix("x"), T.fmatrix("y")
    s = symtensor.shared(np.float32(2) * np.ones(3, "float32"))
    f = symtensor.function([x, y], [T.tanh(x * s), y + s, (x * s).sum(), (y * s).sum(axis=0)])
    with use(None):
        g = symtensor.function([x, y], [T.tanh(x * s), y + s, (x * s).sum(), (y * s).sum(axis=0)])
    for n in (10, 500_000, 10, 200_000, 200_000, 200_000, 200_000, 10):
        values = numbers(n, 3), numbers(n // 2, 3)
        for a, b in zip(f(*values), g(*values)):
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-2)


def test_threads(world):
    """Each trains a model of its own, and calls one function that all share; captures hold nothing of the others'."""
    pairs = [pair(model) for model in (mlp, softmax_regression, rnn)]
    x = T.fmatrix("x")
    w = symtensor.shared(numbers(7, 3))
    common = symtensor.function([x], [T.tanh(x.dot(w)), T.exp(x.dot(w)).sum(axis=1)])
    batches = [[batch(20) for _ in range(12)] for (_, _, batch), _ in pairs]
    shown = numbers(20, 7)
    expected = [a.copy() for a in common(shown)]
    wrong = []

    def work(k):
        try:
            (f, _, _), _ = pairs[k]
            for values in batches[k]:
                f(*values, 0.5)
                for a, b in zip(common(shown), expected):
                    np.testing.assert_array_equal(a, b)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for ((f, params, _), (g, others, _)), values in zip(pairs, batches):
        for value in values:
            g(*value, 0.5)
        same(params, others)
        assert native(f).replayed > 3


def test_many_different_lists():
    """Graphs are bounded, and one that never repeats makes none."""
    i = T.lscalar("i")
    data = symtensor.shared(numbers(400, 5))
    w = symtensor.shared(np.zeros(5, "float32"))
    rows = data[i * 10: (i + 1) * 10]
    f = symtensor.function([i], (rows * w).sum() + T.tanh(rows).sum(), updates=[(w, w + T.exp(-rows).sum(axis=0))])
    for epoch in range(4):
        for k in range(40):
            f(k)
    assert native(f).graphs <= 16 and native(f).captured <= 40
    expected = 4 * np.exp(-data.get_value().astype("float64")).sum(axis=0)
    np.testing.assert_allclose(w.get_value(), expected, rtol=1e-4)


# --------------------------------------------------------------------------------------------- graphs that are updated


def counters(f):
    found = native(f)
    return found.captured, found.replayed, found.updated, found.queued


def kinds(world):
    """How often each kind of call was made since the last time."""
    return Counter(line.split()[0] for line in world[0].log())


def moving_average():
    """Four launches, of which one depends on a number; in NumPy too."""
    x, rate = T.fvector("x"), T.fscalar("rate")
    s, t, u = (symtensor.shared(np.full(6, value, "float32")) for value in (0, 1, 2))
    spread = T.exp(x).sum()
    f = symtensor.function([x, rate], spread, updates=[
        (s, s + rate * (x - s)), (t, T.tanh(t) * spread), (u, u + T.exp(x) / spread)])

    def expected(x, rate, s, t, u):
        spread = np.exp(x).sum(dtype="float32")
        return spread, s + rate * (x - s), np.tanh(t) * spread, u + np.exp(x) / spread

    return f, (s, t, u), expected


def followed(f, shared, expected, rates):
    """Calls with these rates give what NumPy gives."""
    values = [one.get_value() for one in shared]
    for rate in rates:
        x, rate = numbers(6), np.float32(rate)
        spread, *values = expected(x, rate, *values)
        np.testing.assert_allclose(f(x, rate), spread, rtol=1e-5)
        x[:] = np.nan
    for one, value in zip(shared, values):
        np.testing.assert_allclose(one.get_value(), value, rtol=1e-4)


def test_a_number_that_changes(world):
    f, shared, expected = moving_average()
    followed(f, shared, expected, [0.1, 0.2, 0.3, 0.4])
    before = counters(f)
    assert before[0] == 1 and before[1] - before[2] == 1
    kinds(world)
    followed(f, shared, expected, np.linspace(0.4, 0.9, 20))
    # The first is what the graph was made for, the others have one launch that differs.
    assert [now - then for now, then in zip(counters(f), before)] == [0, 20, 19, 0]
    found = kinds(world)
    assert found["graph"] == 20 and found["update"] == 19 and "launch" not in found and "begin" not in found
    followed(f, shared, expected, [0.9] * 5)  # the graph of the last list stays
    assert kinds(world)["update"] == 0


def test_sizes_that_change(world):
    """Other grids and blocks for the same kernels: those that they are launched with."""
    data = numbers(5000)

    def made():
        n = T.lscalar("n")
        part = symtensor.shared(data)[:n]
        s, t = symtensor.shared(np.float32(0)), symtensor.shared(np.zeros(5000, "float32"))
        return symtensor.function([n], [T.exp(part).max(), T.tanh(part).sum()], updates=[
            (s, s + T.sin(part).max()), (t, T.inc_subtensor(t[:n], part))]), s, t

    def geometries(f, n, kind):
        world[0].log()
        f(n)
        return {tuple(line.split()[1:4]) for line in world[0].log() if line.startswith(kind)}

    f, s, t = made()
    with symtensor.change_flags(**{"cuda.graphs": False}):
        plain, _, _ = made()
    total, sums = 0, np.zeros(5000, "float32")
    for n in (100, 100, 300, 1000, 3000, 5000, 2, 4000, 100):
        extreme, tanh = f(n)
        np.testing.assert_allclose(extreme, np.exp(data[:n]).max(), rtol=1e-5)
        np.testing.assert_allclose(tanh, np.tanh(data[:n]).sum(), rtol=1e-3)
        total += np.sin(data[:n]).max()
        sums[:n] += data[:n]
    np.testing.assert_allclose(s.get_value(), total, rtol=1e-4)
    np.testing.assert_allclose(t.get_value(), sums, rtol=1e-4)
    captured, _, updated, _ = counters(f)
    assert captured <= 2 and updated >= 4
    for n in (5000, 50):
        found = geometries(f, n, "update")
        assert found and found <= geometries(plain, n, "launch")


def test_two_lists_in_turn(world):
    """Settle on a graph each."""
    f, shared, expected = moving_average()
    followed(f, shared, expected, [0.1, 0.7] * 4)
    before = counters(f)
    assert before[0] == native(f).graphs == 2
    kinds(world)
    followed(f, shared, expected, [0.1, 0.7] * 4)
    assert [now - then for now, then in zip(counters(f), before)] == [0, 8, 0, 0]
    followed(f, shared, expected, np.linspace(0.2, 0.6, 9))  # a third graph is not made for these
    assert native(f).captured == 2 and native(f).updated - before[2] == 9


def test_many_lists_of_one_skeleton():
    """They take graphs over: not each has one, however often it comes."""
    f, shared, expected = moving_average()
    followed(f, shared, expected, list(np.linspace(0.1, 0.9, 20)) * 6)
    captured, replayed, updated, queued = counters(f)
    assert captured == native(f).graphs == 8 and queued <= 4 and replayed + queued >= 120 and updated > 80


def test_work_that_changes_and_nobody_waits_for(world):
    """An update is for the calls to come alone, not for those that the device has yet to run."""
    rate = T.fscalar("rate")
    x = symtensor.shared(numbers(30, 5))
    s = symtensor.shared(np.zeros((30, 5), "float32"))
    t = symtensor.shared(np.zeros(5, "float32"))
    f = symtensor.function([rate], [], updates=[
        (s, s + rate * T.tanh(x)), (t, t + x.sum(axis=0) * T.tanh(t).mean() + rate)])
    values = x.get_value().astype("float64")
    a, b = np.zeros((30, 5)), np.zeros(5)
    world[0].log()
    for k in range(20):
        f(k)
        a, b = a + k * np.tanh(values), b + values.sum(axis=0) * np.tanh(b).mean() + k
    captured, replayed, updated, queued = counters(f)
    assert captured == 1 and updated == replayed - 1 and replayed + queued == 20 and queued <= 3
    assert "wait" not in kinds(world)
    np.testing.assert_allclose(s.get_value(), a, rtol=1e-4)
    np.testing.assert_allclose(t.get_value(), b, rtol=1e-3)


def test_lists_in_pieces():
    """A loop whose launches have more words than one list holds."""
    n, rate = T.lscalar("n"), T.fscalar("rate")
    s = symtensor.shared(np.ones((3, 2), "float32"))
    many = [symtensor.shared(numbers(3, 2)) for _ in range(8)]
    last, _ = symtensor.scan(lambda h: T.tanh(rate * sum(T.maximum(h, one) for one in many)), outputs_info=s, n_steps=n)
    f = symtensor.function([n, rate], [], updates=[(s, last[-1])])
    expected, values = np.ones((3, 2), "float32"), [one.get_value() for one in many]
    for k in range(4):
        f(4500, k / 8)
        for _ in range(4500):
            expected = np.tanh(np.float32(k / 8) * sum(np.maximum(expected, one) for one in values))
    assert counters(f)[:3] == (2, 4, 2)
    np.testing.assert_allclose(s.get_value(), expected, rtol=1e-4)


@pytest.mark.parametrize("good", [0, 1])
def test_an_update_that_is_refused(world, good, caplog):
    """Before or after another one of the same list: the graph goes, and what changes is queued from then on."""
    fake, device = world
    device.graphs()._said.clear()
    x, rate = T.fvector("x"), T.fscalar("rate")
    s, t = (symtensor.shared(np.zeros(6, "float32")) for _ in range(2))
    f = symtensor.function([x, rate], T.exp(x).sum(), updates=[(s, s + rate * x), (t, t + T.tanh(x).sum() * rate)])
    gc.collect()
    before = fake.library.fake_graphs
    a = b = 0
    with caplog.at_level(logging.WARNING, "symtensor.cuda"):
        for k in range(12):
            if k == 6:
                assert native(f).updated and native(f).graphs == 1
                kinds(world)
                fake.library.fake_refuse[5], fake.library.fake_updates = 801, good
            value = numbers(6)
            np.testing.assert_allclose(f(value, k), np.exp(value).sum(), rtol=1e-5)
            a, b = a + k * value, b + np.tanh(value).sum() * k
        np.testing.assert_allclose(s.get_value(), a, rtol=1e-4)
        np.testing.assert_allclose(t.get_value(), b, rtol=1e-4, atol=1e-4)
        assert native(f).fixed and native(f).graphs == 0 and kinds(world)["update"] == good
        assert fake.library.fake_graphs == fake.library.fake_sources == before
        for k in range(5):  # what does not change may still have a graph
            f(numbers(6), 5)
        assert native(f).graphs == 1 and native(f).queued >= 8
    assert len(caplog.records) == 1 and "changes in its numbers" in caplog.text
    assert "cuGraphExecKernelNodeSetParams" in caplog.text


def test_nodes_that_are_not_told(world, caplog):
    world[0].library.fake_refuse[4] = 801
    f, shared, expected = moving_average()
    followed(f, shared, expected, [0.5] * 6)
    assert counters(f)[:3] == (1, 4, 0)
    followed(f, shared, expected, np.linspace(0.1, 0.4, 9))
    assert counters(f)[:3] == (1, 4, 0)
    assert not caplog.records


def test_a_driver_without_updates(tmp_path_factory, monkeypatch):
    """Only equal lists are replayed."""
    fake, device = fake_cuda.opened(fake_cuda.built(tmp_path_factory.mktemp("old"), "-DNO_UPDATES"))
    monkeypatch.setattr(compiler, "image", fake.image)
    with use(device):
        f, shared, expected = moving_average()
        followed(f, shared, expected, [0.5] * 6)
        assert counters(f)[:3] == (1, 4, 0)
        followed(f, shared, expected, np.linspace(0.1, 0.4, 9))
        assert counters(f)[:3] == (1, 4, 0) and fake.failed == []


def test_graphs_that_go(world):
    """The least recently used: with what they were made of."""
    fake = world[0]
    gc.collect()
    before = fake.library.fake_graphs
    x, rate = T.fvector("x"), T.fscalar("rate")
    s = symtensor.shared(np.float32(0))
    f = symtensor.function([x, rate], T.exp(x).sum(), updates=[(s, s + T.tanh(x).sum() * rate + T.sin(x).max())])
    total, rng = 0, np.random.default_rng(5)
    for turn in range(2):
        for n in range(1, 25):  # each its own skeleton: so many bytes are moved
            for k in range(5):
                value, rate = numbers(n), np.float32(rng.uniform())
                np.testing.assert_allclose(f(value, rate), np.exp(value).sum(), rtol=1e-5)
                total += np.tanh(value).sum() * rate + np.sin(value).max()
                assert native(f).graphs <= 16
                assert fake.library.fake_graphs == fake.library.fake_sources == before + native(f).graphs
    np.testing.assert_allclose(s.get_value(), total, rtol=1e-4)
    assert native(f).captured > 24 and native(f).updated > 50
    f.free()
    assert fake.library.fake_graphs == fake.library.fake_sources == before


def adam(cost, params):
    """Its counter lives on the host, as does what is made of it."""
    count = symtensor.shared(np.float32(0), "count")
    t = count + 1
    rate = np.float32(0.01) * T.sqrt(1 - np.float32(0.999) ** t) / (1 - np.float32(0.9) ** t)
    updates = [(count, t)]
    for p, g in zip(params, T.grad(cost, params)):
        m, v = (symtensor.shared(np.zeros(p.get_value().shape, "float32")) for _ in range(2))
        mean, square = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g ** 2
        updates += [(m, T.cast(mean, "float32")), (v, T.cast(square, "float32")),
                    (p, p - rate * T.cast(mean, "float32") / (T.sqrt(T.cast(square, "float32")) + np.float32(1e-8)))]
    return updates, count


@pytest.mark.parametrize("name", list(MODELS))
def test_adam(world, name):
    """Its numbers are others in each call: from the fourth on the graph is updated and launched."""

    def step():
        inputs, cost, params, batch = MODELS[name]()
        updates, count = adam(cost, params)
        return symtensor.function(inputs[:-1], cost, updates=updates), params, count, batch

    f, params, count, batch = step()
    with use(None):
        g, others, _, _ = step()
    for k in range(12):
        values = batch(20)
        kinds(world)
        np.testing.assert_allclose(f(*values), g(*values), rtol=1e-5)
        if k >= 3:
            found = kinds(world)
            assert found["graph"] == 1 and found["wait"] == 1
            assert "begin" in found or found["update"] and not found["launch"] + found["Sgemm"]
    for p, q in zip(params, others):
        np.testing.assert_allclose(p.get_value(), q.get_value(), rtol=1e-4, atol=1e-5)
    assert count.get_value() == 12
    captured, replayed, updated, _ = counters(f)
    assert captured == 1 and replayed >= 9 and updated == replayed - 1


def test_what_the_stand_in_refuses(device, monkeypatch):
    """An update of a node of another graph, of one that is gone, with another kernel, or of a graph that is gone."""
    monkeypatch.setattr(compiler, "image", lambda *args: b"\x7fELF")
    graphs = device.graphs()
    loaded = device.load(KernelUnit("text", ("k0", "k1")))
    memory = DeviceArray.from_host(device, np.zeros(3, "float32"))
    address, count = ffi.new("unsigned long long *", memory.address), ffi.new("long long *", 3)
    args = ffi.new("void *[]", [address, count])
    nodes = []

    def queue(stream):
        place = ffi.cast("CUstream", stream)
        device.driver.cuLaunchKernel(loaded.functions[0], 1, 1, 1, 32, 1, 1, 0, place, args, ffi.NULL)
        state, found, many = ffi.new("int *"), ffi.new("CUgraphNode **"), ffi.new("size_t *")
        device.driver.cuStreamGetCaptureInfo_v2(place, state, ffi.NULL, ffi.NULL, found, many)
        assert (state[0], many[0]) == (1, 1)
        nodes.append(found[0][0])

    params = ffi.new("struct { CUfunction f; unsigned n[7]; void **args, **extra; } *")
    params.f, params.n, params.args = loaded.functions[0], [1, 1, 1, 32, 1, 1, 0], args

    def update(number, node):
        device.driver.cuGraphExecKernelNodeSetParams(ffi.cast("void *", made[number][0]), nodes[node], params)

    with device.active() as cuda:
        made = [graphs.captured(queue), graphs.captured(queue)]
        cuda.cuGraphLaunch(ffi.cast("void *", made[0][0]), device.stream)
        count[0] = 1
        update(0, 0)
        count[0] = 0  # too late
        assert memory.get().tolist() == [1, 1, 1]
        cuda.cuGraphLaunch(ffi.cast("void *", made[0][0]), device.stream)
        assert memory.get().tolist() == [3, 1, 1]
        with pytest.raises(CudaError):
            update(0, 1)
        params.f = loaded.functions[1]
        with pytest.raises(CudaError):
            update(0, 0)
        params.f = loaded.functions[0]
        cuda.cuGraphDestroy(ffi.cast("void *", made[0][1]))
        with pytest.raises(CudaError):
            update(0, 0)
        cuda.cuGraphLaunch(ffi.cast("void *", made[0][0]), device.stream)
        cuda.cuGraphExecDestroy(ffi.cast("void *", made[0][0]))
        cuda.cuGraphExecDestroy(ffi.cast("void *", made[1][0]))
        with pytest.raises(CudaError):
            update(1, 1)
        with pytest.raises(CudaError):
            cuda.cuGraphLaunch(ffi.cast("void *", made[1][0]), device.stream)
        cuda.cuGraphDestroy(ffi.cast("void *", made[1][1]))
    with pytest.raises(CudaError):  # no context
        update(1, 1)


# ------------------------------------------------------------------------------------------------------------- others


def test_a_device_value_given_away(device):
    f, params, batch = made(softmax_regression)
    for _ in range(5):
        f(*batch(20), 0.5)
    held = params[0].get_value(borrow=True, return_internal_type=True)
    assert isinstance(held, DeviceArray)
    f(*batch(20), 0.5)
    np.testing.assert_array_equal(held.get(), params[0].get_value())


def test_sizes_of_parameters():
    text = 'extern "C" __global__ void __launch_bounds__(9) k0(st_i64 n0, char *p0, float c0, double c1, bool c2) {\n}'
    both = KernelUnit(text + text.replace("k0(", "k1(").replace("float c0", "st_i8 c0"), ("k0", "k1"))
    assert parameter_sizes(both) == (bytes([8, 8, 4, 8, 1]), bytes([8, 8, 1, 8, 1]))
    assert parameter_sizes(KernelUnit(text.replace("double", "half"), ("k0",))) is None
    assert parameter_sizes(KernelUnit(text, ("k7",))) is None


def test_results_that_may_be_late():
    f, _, _ = made(mlp)
    program = f._executable.program
    assert late_results(program) == bytes([1, 0, 0, 0, 0])
    cost = program.outputs[0]
    for more in (Let("n", Load(cost, (), "float32")), Nest((Store(cost, (), Const(0.0, "float32")),)),
                 Same("other", cost), PyCall(0, (cost,), ())):
        assert late_results(replace(program, body=(*program.body, more)))[0] == 0
    assert late_results(replace(program, outputs=(cost, cost))) == bytes(6)
