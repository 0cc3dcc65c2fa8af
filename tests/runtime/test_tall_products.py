"""a.T b of tall matrices, without packing: every size of what is left over, alpha and beta, rows that lie apart."""
from __future__ import annotations

import ctypes

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.utils.optional import optional_import

_executor = optional_import("symtensor._executor")
TALL = getattr(_executor, "tall_products", ())
CASES = [(8, 1), (16, 2), (24, 5), (128, 3)]  # rows of the result, groups of 128 bytes in a row of it


@pytest.mark.skipif(not TALL, reason="no AVX-512, or no extension")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_product_itself(dtype, rng):
    size = np.dtype(dtype).itemsize
    number = ctypes.c_float if size == 4 else ctypes.c_double
    i64, pointer = ctypes.c_longlong, ctypes.c_void_p
    product = ctypes.CFUNCTYPE(None, i64, i64, i64, number, pointer, i64, pointer, i64, number, pointer, i64)(
        TALL[size == 8]
    )
    for m, groups in CASES:
        n = groups * 128 // size
        for k in (0, 1, 255, 256, 257, 600):
            for alpha, beta in ((1.0, 0.0), (2.0, 1.0), (-0.5, 3.0)):
                a, b = (rng.standard_normal((k + 1, width)).astype(dtype) for width in (m + 3, n + 1))
                c = rng.standard_normal((m, n + 2)).astype(dtype)
                if beta == 0:
                    c[:, :n] = np.nan
                expected = c.copy()
                if k:
                    summed = alpha * (a[:k, :m].T.astype("float64") @ b[:k, :n])
                    expected[:, :n] = summed if beta == 0 else summed + beta * c[:, :n]
                product(m, n, k, alpha, a.ctypes.data, m + 3, b.ctypes.data, n + 1, beta, c.ctypes.data, n + 2)
                np.testing.assert_allclose(c, expected, rtol=1e-3 if size == 4 else 1e-10, atol=k * 1e-2 / 10 ** size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_weights(dtype, rng):
    x, d, w = (T.matrix(dtype=dtype) for _ in range(3))
    f = symtensor.function([x, d, w], [T.dot(x.T, d), w - 0.25 * T.dot(x.T, d), T.dot(d.T, x)])
    for m, n in ((7, 31), (8, 32), (9, 33), (33, 40), (40, 70), (128, 128), (1, 64), (64, 1)):
        for k in (1, 31, 32, 100, 300):
            values = [rng.standard_normal(shape).astype(dtype) for shape in ((k, m), (k, n), (m, n))]
            values[0] = np.asfortranarray(values[0])[:, ::1] if k == 31 else values[0]
            u, v, s = f(*values)
            exact = values[0].T.astype("float64") @ values[1]
            close = dict(rtol=1e-4, atol=1e-3) if dtype == "float32" else dict(rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(u, exact, **close)
            np.testing.assert_allclose(v, values[2] - 0.25 * exact, **close)
            np.testing.assert_allclose(s, exact.T, **close)
