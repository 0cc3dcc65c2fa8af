"""The interpreter's routines: the same names as the printer's, and what the table says they compute."""
from __future__ import annotations

import numpy as np
import pytest

from symtensor.codegen.library import ROUTINES as DECLARED
from symtensor.runtime.library import ROUTINES


def test_same_names():
    assert set(ROUTINES) == set(DECLARED)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_products(rng, dtype):
    def random(*shape):
        imaginary = 1j * rng.standard_normal(shape) if dtype.startswith("c") else 0
        return (rng.standard_normal(shape) + imaginary).astype(dtype)

    a, b, c = random(3, 4), random(4, 5), random(3, 5)
    alpha, beta = dtype_scalar(dtype, 2), dtype_scalar(dtype, 3)
    tolerance = {"rtol": 1e-4 if dtype in ("float32", "complex64") else 1e-10, "atol": 1e-4}
    old = c.copy()
    ROUTINES["gemm"]([c], [a, b], [alpha, beta])
    np.testing.assert_allclose(c, 2 * (a @ b) + 3 * old, **tolerance)
    c[...] = np.nan
    ROUTINES["gemm"]([c], [a, b], [dtype_scalar(dtype, 1), dtype_scalar(dtype, 0)])
    np.testing.assert_allclose(c, a @ b, **tolerance)
    y, x = random(3), random(4)
    old = y.copy()
    ROUTINES["gemv"]([y], [a, x], [alpha, beta])
    np.testing.assert_allclose(y, 2 * (a @ x) + 3 * old, **tolerance)
    stack, other, result = random(2, 3, 4), random(2, 4, 5), random(2, 3, 5)
    ROUTINES["batched_gemm"]([result], [stack, other], [alpha, dtype_scalar(dtype, 0)])
    np.testing.assert_allclose(result, 2 * (stack @ other), **tolerance)
    old = a.copy()
    ROUTINES["ger"]([a], [y, x], [alpha])
    np.testing.assert_allclose(a, old + 2 * np.outer(y, x), **tolerance)
    z = np.empty((), dtype)
    ROUTINES["dot"]([z], [x, x], [])
    np.testing.assert_allclose(z, (x * x).sum(), **tolerance)
    assert a.dtype == c.dtype == y.dtype == z.dtype == dtype


def dtype_scalar(dtype, value):
    return np.dtype(dtype).type(value)


def test_order():
    x = np.array([[3, 1, 2], [1, 1, 0]])
    y = np.empty_like(x)
    ROUTINES["sort"]([y], [x], [np.int64(1)])
    np.testing.assert_array_equal(y, [[1, 2, 3], [0, 1, 1]])
    ROUTINES["argsort"]([y], [x], [np.int64(1)])
    np.testing.assert_array_equal(y, [[1, 2, 0], [2, 0, 1]])
    i, j = np.empty(5, "int64"), np.empty(5, "int64")
    ROUTINES["nonzero"]([i, j], [x], [])
    np.testing.assert_array_equal([i, j], [[0, 0, 0, 1, 1], [0, 1, 2, 0, 1]])
