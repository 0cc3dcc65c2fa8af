"""Functions on the real device class: everything but the driver, cuBLAS and the GPU is what a GPU would get."""
from __future__ import annotations

import gc
import pickle

import fake_cuda
import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.compile import memo
from symtensor.runtime.cuda import compiler
from symtensor.runtime.cuda.array import DeviceArray
from symtensor.runtime.cuda.device import use
from symtensor.runtime.cuda.driver import KernelFault


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return fake_cuda.opened(fake_cuda.built(tmp_path_factory.mktemp("fake")))


@pytest.fixture(autouse=True)
def device(world, monkeypatch):
    fake, device = world
    monkeypatch.setattr(compiler, "image", fake.image)
    with use(device):
        fake.log()
        yield device
    assert fake.failed == [] and fake.library.fake_depth() == 0
    fake.library.fake_fault = 0
    fake.library.fake_room = 1 << 40


def called(log):
    return [line.split()[0] for line in log]


def test_a_step_of_training(world, device):
    fake = world[0]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 7)).astype("float32"), rng.integers(0, 3, 20)
    a, b = T.fmatrix("a"), T.lvector("b")
    w = symtensor.shared(np.zeros((7, 3), "float32"), "w")
    v = symtensor.shared(np.zeros(3, "float32"), "v")

    def made():
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(a.dot(w) + v), b).mean()
        updates = [(p, p - np.float32(0.5) * T.grad(cost, p)) for p in (w, v)]
        return symtensor.function([a, b], cost, updates=updates)

    step = made()
    fake.log()
    costs = [float(step(x, y)) for _ in range(5)]
    log = called(fake.log())
    assert "launch" in log and "Sgemm" in log
    assert all(isinstance(p.get_value(borrow=True, return_internal_type=True), DeviceArray) for p in (w, v))
    found = w.get_value(), v.get_value()
    w.set_value(np.zeros((7, 3), "float32"))
    v.set_value(np.zeros(3, "float32"))
    with use(None):
        step = made()
    np.testing.assert_allclose(costs, [float(step(x, y)) for _ in range(5)], rtol=1e-5)
    np.testing.assert_allclose(found[0], w.get_value(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], v.get_value(), rtol=1e-4, atol=1e-6)


def test_values_move_once(world):
    fake = world[0]
    s = symtensor.shared(np.arange(1000.0), "s")
    x = T.dscalar("x")
    f = symtensor.function([x], [], updates=[(s, s * x)])
    fake.log()
    f(2.0)
    first = called(fake.log())
    f(3.0)
    assert first.count("to") == 1 and "to" not in called(fake.log())
    np.testing.assert_array_equal(s.get_value(), 6 * np.arange(1000.0))
    assert called(fake.log()) == ["to", "wait"]


def test_memory_of_functions_goes_back(device):
    def used_after_a_function():
        s = symtensor.shared(np.arange(100_000.0))
        x = T.dvector("x")
        f = symtensor.function([x], T.exp(s + x).sum() + T.exp(s - x).sum(), updates=[(s, s + x)])
        for _ in range(5):
            f(np.zeros(100_000))
        assert device.memory()["used"] >= s.get_value(borrow=True, return_internal_type=True).nbytes
        del f, s
        gc.collect()
        return device.memory()["used"]

    memo.forget()  # the new function would drive out older ones
    gc.collect()
    before = used_after_a_function()  # once, a device takes memory for itself: cuBLAS wants some
    assert used_after_a_function() == before


def test_a_borrowed_value(device):
    s = symtensor.shared(np.arange(6.0), "s")
    f = symtensor.function([], [], updates=[(s, s + 1)])
    f()
    held = s.get_value(borrow=True, return_internal_type=True)
    copied = s.get_value(return_internal_type=True)
    f()
    np.testing.assert_array_equal(s.get_value(), np.arange(6.0) + 2)
    np.testing.assert_array_equal(copied.get(), np.arange(6.0) + 1)
    assert held.get().tolist() in ((np.arange(6.0) + 1).tolist(), (np.arange(6.0) + 2).tolist())


def test_pickles(device):
    s = symtensor.shared(np.arange(6.0), "s")
    f = symtensor.function([], s * 2, updates=[(s, s + 1)])
    f()
    other = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(other(), 2 * (np.arange(6.0) + 1))
    np.testing.assert_array_equal(f(), 2 * (np.arange(6.0) + 1))


def test_no_memory(world):
    fake = world[0]
    s = symtensor.shared(np.arange(50_000.0), "s")
    f = symtensor.function([], [], updates=[(s, T.sqrt(s))])
    fake.library.fake_room = fake.library.fake_taken
    with pytest.raises(MemoryError, match="no room for 400000 bytes"):
        f()
    fake.library.fake_room = 1 << 40
    f()
    np.testing.assert_array_equal(s.get_value(), np.sqrt(np.arange(50_000.0)))


def test_a_fault(world):
    fake = world[0]
    x = T.dvector("x")
    s = symtensor.shared(np.ones(5))
    f = symtensor.function([x], (s * x).sum())
    assert f(np.ones(5)) == 5
    fake.library.fake_fault = 700
    with pytest.raises(KernelFault, match="illegal memory access.*start a new process"):
        f(np.ones(5))
