"""Arrays put together of parts: parts computed in their place, with the values, errors and dtypes of copied ones."""
from __future__ import annotations

import numpy as np
import pytest
from lowered import failures, run_all

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import If, Nest, While
from symtensor.ir.walk import statements
from symtensor.tensor.alloc import AllocEmpty

MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode"]


def passes(body):
    """The nests that run whatever the sizes are (branches hold what is done only for some)."""
    count = 0
    for stmt in body:
        if isinstance(stmt, While):
            count += passes(stmt.body)
        elif not isinstance(stmt, If):
            count += isinstance(stmt, Nest)
    return count


def passes_of(f):
    return passes(f.maker.code.lowered.program.body)


def parts_of(x, y):
    """Three values that one nest computes."""
    shared = T.tanh(x) * y
    return shared + 1, shared * x, T.exp(shared)


WHOLES = {  # x, y (rows, n) -> the whole, with parts of n = 3 columns
    "join of columns": lambda x, y: T.join(1, *parts_of(x, y)),
    "join of rows": lambda x, y: T.join(0, *parts_of(x, y)),
    "with another array": lambda x, y: T.join(1, *parts_of(x, y), x),
    "one part twice": lambda x, y: T.join(1, *parts_of(x, y), T.exp(T.tanh(x) * y)),
    "of another dtype": lambda x, y: T.join(1, *parts_of(x, y)[:2], T.cast(parts_of(x, y)[2], "int32")),
    "sets": lambda x, y: chain(T.alloc(np.zeros((), x.dtype), x.shape[0], 9), *parts_of(x, y)),
    "sets over nothing": lambda x, y: chain(AllocEmpty(x.dtype)(x.shape[0], 9), *parts_of(x, y)),
    "sets of all": lambda x, y: T.set_subtensor(
        T.set_subtensor(T.zeros((x.shape[0], 6), x.dtype)[:, :3], parts_of(x, y)[0])[:, 3:], parts_of(x, y)[1]),
    "sets with a gap": lambda x, y: chain(T.alloc(np.ones((), x.dtype), x.shape[0], 10), *parts_of(x, y)),
    "sets of rows": lambda x, y: T.set_subtensor(
        T.set_subtensor(T.zeros((2 * x.shape[0], 3), x.dtype)[::2], parts_of(x, y)[0])[1::2], parts_of(x, y)[1]),
    "sets that overlap": lambda x, y: T.set_subtensor(
        T.set_subtensor(T.zeros((x.shape[0], 5), x.dtype)[:, :3], parts_of(x, y)[0])[:, 2:], parts_of(x, y)[1]),
    "an addition on a set": lambda x, y: T.inc_subtensor(
        T.set_subtensor(T.zeros((x.shape[0], 6), x.dtype)[:, 1:4], parts_of(x, y)[0])[:, 3:6], parts_of(x, y)[1]),
    "planes": lambda x, y: T.set_subtensor(
        T.set_subtensor(T.zeros((x.shape[0], 2, 3), x.dtype)[:, 0], parts_of(x, y)[0])[:, 1], parts_of(x, y)[1]),
    "backwards": lambda x, y: T.set_subtensor(
        T.set_subtensor(T.zeros((2, x.shape[0], 3), x.dtype)[0, ::-1], parts_of(x, y)[0])[1, :, ::-1],
        parts_of(x, y)[1]),
    "a part of a part": lambda x, y: T.join(0, T.join(1, *parts_of(x, y)), T.join(1, *parts_of(y, x))),
}


def chain(base, a, b, c):
    return T.set_subtensor(T.set_subtensor(T.set_subtensor(base[:, 3:6], a)[:, :3], b)[:, 6:9], c)


def in_memory(x, y):
    """Everything, and again where a part is read by something else than the whole."""
    a, b, _ = parts_of(x, y)
    found = {name: make(x, y) for name, make in WHOLES.items()}
    found["a part is a result"] = [T.join(1, a, b), a]
    found["a part is read later"] = T.dot(T.join(1, a, b), T.join(1, a, b).T).sum() + T.dot(a, b.T)
    found["a size unknown"] = T.join(1, a, T.tile(b, (1, T.cast(a.shape[0], "int64"))))
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_every_way_agrees(rows, dtype):
    x, y = T.matrix("x", dtype=dtype), T.matrix("y", dtype=dtype)
    values = list(np.random.default_rng(rows).uniform(-1, 1, size=(2, rows, 3)).astype(dtype))
    outputs = [v for found in in_memory(x, y).values() for v in (found if isinstance(found, list) else [found])]
    run_all([x, y], outputs, values, rtol=1e-10 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("name", WHOLES)
def test_every_mode_agrees(name):
    x, y = T.dmatrices("xy")
    values = np.random.default_rng(0).uniform(-1, 1, size=(2, 4, 3))
    results = [symtensor.function([x, y], WHOLES[name](x, y), mode=mode)(*values) for mode in MODES]
    for found in results[1:]:
        assert found.dtype == results[0].dtype
        np.testing.assert_allclose(found, results[0], rtol=1e-12)


PASSES = {
    "join of columns": 1, "join of rows": 1, "with another array": 2, "of another dtype": 2, "sets": 2,
    "sets over nothing": 1, "sets of all": 1, "sets with a gap": 2, "sets of rows": 2, "sets that overlap": 3,
    "planes": 2,
}


@pytest.mark.parametrize("name", PASSES)
def test_passes(name):
    x, y = T.dmatrices("xy")
    assert passes_of(symtensor.function([x, y], WHOLES[name](x, y))) == PASSES[name]


def test_parts_of_length_one_are_repeated():
    """A value set in a slice may have length 1 along an axis where nobody knew, as in NumPy."""
    x, y = T.dmatrices("xy")
    base = T.zeros((4, 9))
    out = chain(base, *parts_of(x, y))
    for shape in [(1, 3), (4, 1), (1, 1), (4, 3)]:
        run_all([x, y], [out], np.random.default_rng(0).uniform(-1, 1, size=(2, *shape)))
    for shape in [(4, 2), (3, 3), (0, 3), (4, 0)]:
        errors = failures([x, y], [out], np.ones((2, *shape)))
        assert all("could not broadcast" in str(e) for e in errors)
    empty = chain(T.zeros((4, 3)), *parts_of(x, y))  # slices that are shorter, or empty
    assert all("could not broadcast" in str(e) for e in failures([x, y], [empty], np.ones((2, 4, 3))))
    run_all([x, y], [empty], np.ones((2, 4, 1)))


def test_joins_of_other_sizes_fail():
    x, y = T.dmatrices("xy")
    out = T.join(1, *parts_of(x, x), y)
    run_all([x, y], [out], [np.ones((2, 3)), np.ones((2, 5))])
    errors = failures([x, y], [out], [np.ones((2, 3)), np.ones((3, 5))])
    assert all("must match exactly" in str(e) for e in errors)


@pytest.mark.parametrize("mode", MODES)
def test_in_loops(mode):
    """The whole is a row of a trace, a state, and what a branch computes."""
    x, h0 = T.dtensor3("x"), T.dmatrix("h0")

    def step(v, h):
        a, b, _ = parts_of(v, h[:, :3])
        whole = T.join(1, a, b)
        other = T.set_subtensor(T.set_subtensor(T.zeros((v.shape[0], 6))[:, :3], b)[:, 3:], a)
        return [whole, other, T.switch(v.sum() > 0, whole, other), a]

    found, _ = symtensor.scan(step, x, [h0, None, None, None])
    f = symtensor.function([x, h0], found, mode=mode)
    values, h = np.random.default_rng(0).uniform(-1, 1, size=(5, 2, 3)), np.ones((2, 6)) * 0.5
    results = f(values, h)
    for k, v in enumerate(values):
        shared = np.tanh(v) * h[:, :3]
        a, b = shared + 1, shared * v
        h, other = np.hstack([a, b]), np.hstack([b, a])
        for result, expected in zip(results, [h, other, h if v.sum() > 0 else other, a]):
            np.testing.assert_allclose(result[k], expected, rtol=1e-12)


def test_passes_of_the_gradient_of_gates_in_a_loop():
    """The step of the gradient of an LSTM: one nest, which writes four gradients into the trace, and one product."""
    n = 3
    x, h0, c0 = T.dtensor3("x"), T.dmatrix("h0"), T.dmatrix("c0")
    weights = [T.dmatrix("w"), T.dmatrix("u"), T.dvector("b")]

    def step(v, h, c, w, u, b):
        z = T.dot(v, w) + T.dot(h, u) + b
        i, f, o = (T.nnet.sigmoid(z[:, k * n:(k + 1) * n]) for k in range(3))
        c = f * c + i * T.tanh(z[:, 3 * n:])
        return o * T.tanh(c), c

    (hs, _), _ = symtensor.scan(step, x, [h0, c0], weights)
    outputs = T.grad((hs[-1] ** 2).sum(), weights)
    inputs = [x, h0, c0, *weights]
    fast, slow = (symtensor.function(inputs, outputs, mode=mode) for mode in ("FAST_RUN", "FAST_COMPILE"))
    loops = [s for s in statements(fast.maker.code.lowered.program.body) if isinstance(s, While)]
    assert [passes(loop.body) for loop in loops] == [1, 1]
    rng = np.random.default_rng(1)
    for steps, batch in [(4, 2), (1, 1), (3, 1)]:
        values = [rng.uniform(-1, 1, size=shape)
                  for shape in [(steps, batch, 5), (batch, n), (batch, n), (5, 4 * n), (n, 4 * n), (4 * n,)]]
        for found, expected in zip(fast(*values), slow(*values)):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
