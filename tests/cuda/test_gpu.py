"""On a real GPU, where pycuda finds one: `python -m pytest tests/cuda/test_gpu.py`. Nothing else here touches it."""
from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda import cublas, device, driver
from symtensor.runtime.cuda.array import DeviceArray, from_dlpack
from symtensor.runtime.cuda.compiler import CompileError
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gpu():
    try:
        return device.opened("cuda")
    except driver.Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def functions_run_there(gpu):
    with device.use(gpu):
        yield


def test_arrays(gpu):
    for x in (np.arange(6, dtype="float32").reshape(2, 3), np.float64(3), np.zeros((2, 0), "int8"),
              np.random.default_rng(0).standard_normal(3_000_000)):
        a = DeviceArray.from_host(gpu, x)
        for back in (a, a.copy(), from_dlpack(gpu, a)):
            np.testing.assert_array_equal(back.get(), x)


def test_threads(gpu):
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(50):
            x = rng.standard_normal(rng.integers(1, 100_000))
            if not (DeviceArray.from_host(gpu, x).copy().get() == x).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_kernel_that_does_not_compile(gpu):
    with pytest.raises(CompileError, match="refused the kernels: .*error"):
        gpu.load(KernelUnit('extern "C" __global__ void k0(float *x) { *x = oops; }', ("k0",)))


def test_no_memory(gpu):
    with pytest.raises(MemoryError, match="no room for"):
        gpu.alloc(1 << 50)
    gpu.free(gpu.alloc(100))


# ---------------------------------------------------------------------------------------------------------- cuBLAS


def put(gpu, x, kind):
    """An array on the device that lies in one of several ways, and what brings it back."""
    if kind == "F":
        x = np.asfortranarray(x)
    if kind == "steps":
        base = np.full(tuple(2 * n + 1 for n in x.shape), 7, x.dtype)
        index = tuple(slice(None, 2 * n, 2) for n in x.shape)
        base[index] = x
    else:
        base, index = x, ()
    memory = DeviceArray.from_host(gpu, base.T if kind == "F" else base)
    view = base[index]
    operand = cublas.Operand(memory.address, str(x.dtype), view.shape, view.strides)
    return memory, operand, lambda: (memory.get().T if kind == "F" else memory.get()[index])


@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-4), ("float64", 1e-11)])
@pytest.mark.parametrize("name", ["gemm", "batched_gemm", "gemv", "ger", "dot"])
def test_products(gpu, name, dtype, rtol):
    routine = gpu.routine(f"{name}_{'f32' if dtype == 'float32' else 'f64'}")
    assert routine is not None, "there is no cuBLAS"
    rng = np.random.default_rng(0)
    for m, n, k in [(1, 1, 1), (3, 4, 5), (1, 7, 2), (100, 70, 300), (3, 4, 0)]:
        shapes = {"gemm": [(m, n), (m, k), (k, n)], "batched_gemm": [(3, m, n), (3, m, k), (3, k, n)],
                  "gemv": [(m,), (m, k), (k,)], "ger": [(m, n), (m,), (n,)], "dot": [(), (k,), (k,)]}[name]
        out, one, two = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
        expected = {"gemm": lambda: 2 * one @ two - out, "batched_gemm": lambda: 2 * one @ two - out,
                    "gemv": lambda: 2 * one @ two - out, "ger": lambda: out + 2 * np.outer(one, two),
                    "dot": lambda: one @ two}[name]()
        scalars = {"ger": (2,), "dot": ()}.get(name, (2, -1))
        for kinds in itertools.product(["C", "F", "steps"], repeat=3):
            held = [put(gpu, x, kind) for x, kind in zip((out, one, two), kinds)]
            routine([held[0][1]], [held[1][1], held[2][1]], scalars)
            np.testing.assert_allclose(held[0][2](), expected, rtol=rtol, atol=rtol * 10)


# ------------------------------------------------------------------------------------------------------- functions

RNG = np.random.default_rng(1)
X = RNG.standard_normal((300, 200)).astype("float32")
POINTS = np.sort(RNG.integers(0, 300, 1000))


def programs():
    """Name, outputs of a matrix `x`."""
    x = T.fmatrix("x")
    yield "elementwise", x, [T.exp(x) * T.sin(x) + T.log1p(x ** 2), T.switch(x > 0, x, -x)]
    yield "sums", x, [x.sum(), x.sum(axis=0), x.sum(axis=1), x.mean(), x.prod(axis=1), x.max(axis=0), x.argmax(axis=1)]
    yield "rows", x, [T.nnet.softmax(x), T.log(T.exp(x).sum(axis=1)), x / x.norm(2, axis=1).dimshuffle(0, "x")]
    yield "products", x, [x.dot(x.T), T.dot(x[0], x[1]), x.T.dot(x[:, 3])]
    yield "indices", x, [x[POINTS], x[::-2, 3:], T.inc_subtensor(x[POINTS], 1), T.set_subtensor(x[:, 1], 0)]
    yield "a loop", x, [symtensor.scan(lambda row, h: T.tanh(row + 0.5 * h), sequences=x, outputs_info=x[0] * 0)[0]]
    yield "gradients", x, [T.grad(T.nnet.sigmoid(x.dot(x.T)).mean(), x)]
    yield "other dtypes", x, [(x * 10).astype("int8").sum(axis=0), x.astype("float64").sum(), T.cast(x > 0, "bool")]


@pytest.mark.parametrize("name", [name for name, _, _ in programs()])
def test_functions(name):
    (x, outputs), = [(x, outputs) for other, x, outputs in programs() if other == name]
    found = symtensor.function([x], outputs)(X)
    with device.use(None):
        expected = symtensor.function([x], outputs)(X)
    for k, (one, two) in enumerate(zip(found, expected)):
        assert one.dtype == two.dtype and one.shape == two.shape
        np.testing.assert_allclose(one, two, rtol=3e-4, atol=3e-4, err_msg=f"output {k}")


def test_training(gpu):
    def trained():
        a, b = T.fmatrix("a"), T.lvector("b")
        w, v = symtensor.shared(np.zeros((200, 10), "float32")), symtensor.shared(np.zeros(10, "float32"))
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(a.dot(w) + v), b).mean()
        step = symtensor.function([a, b], cost, updates=[
            (p, p - np.float32(0.1) * T.grad(cost, p)) for p in (w, v)])
        y = (X[:, 0] > 0).astype("int64") + 2 * (X[:, 1] > 0)
        return [float(step(X, y)) for _ in range(30)], w

    costs, w = trained()
    assert isinstance(w.get_value(borrow=True, return_internal_type=True), DeviceArray)
    with device.use(None):
        expected, _ = trained()
    np.testing.assert_allclose(costs, expected, rtol=1e-4)
    assert costs[-1] < 0.7 * costs[0]


def test_replay(gpu):
    """Work that repeats is captured and replayed, cuBLAS's too, and gives what it gives without; nothing is refused."""
    pytest.importorskip("symtensor._executor")

    def made():
        rng = np.random.default_rng(2)
        a, b, rate = T.fmatrix("a"), T.lvector("b"), T.fscalar("rate")
        w, v = (symtensor.shared(0.1 * rng.standard_normal(shape).astype("float32")) for shape in ((200, 64), (64, 10)))
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.tanh(a.dot(w)).dot(v)), b).mean()
        step = symtensor.function([a, b, rate], cost, updates=[(p, p - rate * T.grad(cost, p)) for p in (w, v)])
        quiet = symtensor.function([a, rate], [], updates=[(w, w - rate * T.tanh(a.T.dot(a.dot(w)))), (v, v * rate)])
        return step, quiet, w, v

    step, quiet, w, v = made()
    with symtensor.change_flags(**{"cuda.graphs": False}):
        plain_step, plain_quiet, w2, v2 = made()
    rng = np.random.default_rng(3)
    for k in range(60):
        x = X[rng.integers(0, 300, (128, 50)[k % 7 == 0])]
        y = (x[:, 0] > 0).astype("int64")
        rate = np.float32(0.5 if k < 30 else 0.25)
        np.testing.assert_allclose(step(x, y, rate), plain_step(x, y, rate), rtol=1e-3)
        quiet(x, np.float32(0.999))
        plain_quiet(x, np.float32(0.999))
        x[:] = np.nan
    np.testing.assert_allclose(w.get_value(), w2.get_value(), rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(v.get_value(), v2.get_value(), rtol=1e-2, atol=1e-3)
    for f in (step, quiet):
        native = f._executable.run.__self__.recorder.native
        assert not native.off and native.captured and native.replayed > 30
    assert plain_step._executable.run.__self__.recorder is None


def test_replay_of_what_changes(gpu):
    """A graph whose launches are given other numbers and grids in each call gives what queueing them gives."""
    pytest.importorskip("symtensor._executor")

    def made():
        rng = np.random.default_rng(2)
        a, b = T.fmatrix("a"), T.lvector("b")
        w, v = (symtensor.shared(0.1 * rng.standard_normal(shape).astype("float32")) for shape in ((200, 64), (64, 10)))
        cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.tanh(a.dot(w)).dot(v)), b).mean()
        count = symtensor.shared(np.float32(0))
        t = count + 1
        rate = np.float32(0.01) * T.sqrt(1 - np.float32(0.999) ** t) / (1 - np.float32(0.9) ** t)
        updates = [(count, t)]
        for p, g in zip((w, v), T.grad(cost, (w, v))):
            m, s = (symtensor.shared(np.zeros(p.get_value().shape, "float32")) for _ in range(2))
            mean, square = m + np.float32(0.1) * (g - m), s + np.float32(0.001) * (g ** 2 - s)
            updates += [(m, mean), (s, square), (p, p - rate * mean / (T.sqrt(square) + np.float32(1e-8)))]
        step = symtensor.function([a, b], cost, updates=updates)
        n = T.lscalar("n")
        data, sums = symtensor.shared(X.ravel()), symtensor.shared(np.zeros(60_000, "float32"))
        quiet = symtensor.function([n], [], updates=[
            (sums, T.inc_subtensor(sums[:n], T.tanh(data[:n]) * T.exp(data[:n]).max()))])
        return step, quiet, (w, v, sums)

    step, quiet, values = made()
    with symtensor.change_flags(**{"cuda.graphs": False}):
        plain_step, plain_quiet, others = made()
    rng = np.random.default_rng(3)
    for k in range(40):
        x = X[rng.integers(0, 300, 128)]
        y = (x[:, 0] > 0).astype("int64")
        np.testing.assert_allclose(step(x, y), plain_step(x, y), rtol=1e-3)
        for n in rng.integers(1, 60_000, 3):
            quiet(n)
            plain_quiet(n)
    for one, two in zip(values, others):
        np.testing.assert_allclose(one.get_value(), two.get_value(), rtol=1e-2, atol=1e-3)
    for f in (step, quiet):
        native = f._executable.run.__self__.recorder.native
        assert not native.off and not native.fixed and native.captured and native.updated > 30


def test_draws():
    def drawn():
        streams = MRG_RandomStreams(7)
        shape = (1000,)
        f = symtensor.function([], [streams.uniform(shape, dtype="float32"), streams.normal(shape, dtype="float32")])
        return [f(), f()]

    found = drawn()
    with device.use(None):
        expected = drawn()
    for one, two in zip(found, expected):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_allclose(one[1], two[1], rtol=1e-4, atol=1e-5)


def test_a_fault_is_said(gpu):
    """In a process of its own, which loses what it has on the device."""
    done = subprocess.run([sys.executable, "-c", """
import ctypes
from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda import device, driver
d = device.opened("cuda")
loaded = d.load(KernelUnit('extern "C" __global__ void k0(float *x) { *x = 1; }', ("k0",)))
bad = ctypes.c_uint64(8)
args = (ctypes.c_void_p * 1)(ctypes.addressof(bad))
d.launch(loaded, 0, (1, 1, 1), (1, 1, 1), ctypes.addressof(args))
try:
    d.synchronize()
except driver.KernelFault as error:
    print(error)
"""], capture_output=True, text=True, timeout=120)
    assert "start a new process" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_the_laws(gpu):
    """What every op keeps, on the GPU."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "on_gpu", "tests/laws", "-q"], cwd=ROOT, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "cuda")})
    assert done.returncode == 0, done.stdout[-5000:]
