"""Graphs of repeated work: functions with and without them give the same, whatever changes between calls.

On the stand-in for the driver, whose work runs when somebody waits for it (`fake_lazy`), so that memory which is
overwritten too early shows."""
from __future__ import annotations

import gc
import logging
import threading
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
from symtensor.runtime.cuda.driver import KernelFault
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
    for k in range(4):
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
