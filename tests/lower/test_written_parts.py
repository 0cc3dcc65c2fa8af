"""Arrays put together of parts: the values, the errors, and how many passes over memory they take."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import Nest
from symtensor.ir.walk import statements

MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode"]


def nests(f):
    return sum(isinstance(s, Nest) for s in statements(f.maker.code.lowered.program.body))


def gradient_of_gates(x, w, cuts):
    """The gradient of what reads an array in parts along its second axis; the parts at cuts[k]:cuts[k + 1]."""
    bounds = [None, *cuts, None]
    parts = [x[:, a:b] for a, b in zip(bounds, bounds[1:])]
    read = [T.tanh(parts[0]), parts[-1] ** 2, *(T.exp(p) for p in parts[1:-1])]
    return T.grad(sum((r * v).sum() for r, v in zip(read, w)), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [0, 1, 5, 12, 14])
def test_gradient_of_parts(columns, dtype, rng):
    x = T.matrix("x", dtype=dtype)
    w = T.vector("w", dtype=dtype)
    results = []
    value, weights = rng.normal(size=(3, columns)).astype(dtype), np.array([2, -3, 0.5, 1.5], dtype)
    for mode in MODES:
        f = symtensor.function([x, w], gradient_of_gates(x, [w[k] for k in range(4)], (4, 8, 12)), mode=mode)
        results.append(f(value, weights))
    for found in results[1:]:
        np.testing.assert_allclose(found, results[0], rtol=1e-5)


def test_all_set_is_not_filled():
    x, y, z = T.fmatrices("xyz")
    zeros = T.zeros((x.shape[0], 8), dtype="float32")
    sets = T.set_subtensor(T.set_subtensor(zeros[:, :3], x)[:, 3:], y)
    assert nests(symtensor.function([x, y], sets)) == 2
    assert nests(symtensor.function([x, y], T.inc_subtensor(T.inc_subtensor(zeros[:, :3], x)[:, 3:], y))) == 2
    assert nests(symtensor.function([x, y], T.set_subtensor(T.set_subtensor(zeros[:, :3], x)[:, 4:], y))) == 3


@pytest.mark.parametrize("mode", MODES)
def test_parts_of_other_sizes(mode):
    x, y = T.dmatrices("xy")
    zeros = T.zeros((3, 8))
    f = symtensor.function([x, y], T.inc_subtensor(T.inc_subtensor(zeros[:, :3], x)[:, 3:], y), mode=mode)
    small, large = np.ones((3, 3)), np.full((3, 5), 2.0)
    np.testing.assert_array_equal(f(small, large), np.hstack([small, large]))
    np.testing.assert_array_equal(f(small[:1], large[:, :1]), np.hstack([small, large]))  # repeated, as in NumPy
    for wrong in [(small, small), (large, large), (small, large[:2]), (small[:2], large)]:
        with pytest.raises(ValueError, match="broadcast"):
            f(*wrong)


@pytest.mark.parametrize("mode", MODES)
def test_negative_length(mode):
    n, s = T.lscalar("n"), T.dscalar("s")
    f = symtensor.function([n, s], T.set_subtensor(T.set_subtensor(T.zeros((n,))[:2], s)[2:], -s), mode=mode)
    np.testing.assert_array_equal(f(3, 1.5), [1.5, 1.5, -1.5])
    np.testing.assert_array_equal(f(0, 1.5), [])
    with pytest.raises(ValueError, match="negative"):
        f(-1, 1.5)
