"""Products of matrices and vectors in all combinations of rank, with empty, size-1 and strided operands."""
from __future__ import annotations

import pytest
from law import agree, case, fail, layouts, sample, slow

import symtensor.tensor as T
from symtensor.tensor import blas

F1, F2, F3 = (False,), (False,) * 2, (False,) * 3
DTYPES = ["float64", "complex64", *slow("float32", "complex128")]


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64", *slow("float64", "complex64", "float16")])
def test_dot_in_every_rank(dtype, rng):
    cases = []
    for m, k, n in [(3, 4, 5), (1, 4, 1), (3, 1, 5), (0, 4, 5), (3, 0, 5), (3, 4, 0)]:
        a, b = sample(rng, dtype, (m, k)), sample(rng, dtype, (k, n))
        v, w = sample(rng, dtype, k), sample(rng, dtype, k)
        for (name, a), (_, b), (_, v) in zip(layouts(a), reversed(layouts(b)), layouts(v)):
            cases.append(case(f"{m} {k} {n} {name}", lambda a, b, v, w: [
                T.dot(a, b), T.dot(a, v), T.dot(v, b), T.dot(v, w), T.dot(a.T, a), T.dot(b.T, a.T), T.dot(a[::-1], b),
                T.dot(a, b[:, ::2])], (a, F2), (b, F2), (v, F1), (w, F1)))
    x, y = sample(rng, dtype, (2, 3, 4)), sample(rng, dtype, (5, 4, 2))
    cases.append(case("more axes", lambda x, y, s: [
        T.dot(x, y), T.dot(x, y[0]), T.dot(x[0], y), T.dot(x, y[0, :, 0]), T.dot(x[0, 0], y), T.dot(s, x), T.dot(y, s)],
        x, y, sample(rng, dtype, ())))
    agree(cases, loose=20, python=dtype in ("int64", "float16"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensordot_and_batches(dtype, rng):
    x, y = sample(rng, dtype, (2, 3, 4)), sample(rng, dtype, (4, 3, 5))
    cases = [case("tensordot", lambda x, y: [
        T.tensordot(x, y, axes=[[2, 1], [0, 1]]), T.tensordot(x, y, axes=[[1], [1]]), T.tensordot(x, y[:, 0], axes=1),
        T.tensordot(x, y, axes=0), T.tensordot(x.dimshuffle(0, 2, 1), y, axes=2), T.outer(x[0, 0], y[0, 0])], x, y)]
    for shape in [(3, 2, 4), (0, 2, 4), (3, 0, 4), (1, 2, 1)]:
        a, b = sample(rng, dtype, shape), sample(rng, dtype, (shape[0], shape[2], 5))
        for (name, a), (_, b) in zip(layouts(a), reversed(layouts(b))):
            cases.append(case(f"batched {shape} {name}", lambda a, b: [
                T.batched_dot(a, b), T.batched_dot(a[:, 0] if shape[1] else a[:, :, 0], b if shape[1] else a),
                T.batched_dot(a, b[:, :, 0])], (a, F3), (b, F3)) if shape[1] else
                case(f"batched {shape} {name}", lambda a, b: [T.batched_dot(a, b)], (a, F3), (b, F3)))
    agree(cases, loose=20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blas_ops(dtype, rng):
    cases = []
    for m, k, n in [(3, 4, 5), (1, 4, 5), (0, 4, 5), (3, 0, 5)]:
        for (name, a), (_, b), (_, c) in zip(layouts(sample(rng, dtype, (m, k))), reversed(layouts(sample(rng, dtype,
            (k, n)))),
                                             layouts(sample(rng, dtype, (m, n)))):
            cases.append(case(f"{m} {k} {n} {name}", lambda a, b, c, v, w, s: [
                blas.gemm_no_inplace(c, s, a, b, s), blas.gemm_no_inplace(c, s, a, b, s * 0),
                blas.gemv_no_inplace(w, s, a, v, s), blas.gemv_no_inplace(v, s, a.T, w, s), blas.ger(c, s, w,
                    c[0] if m else b[0]),
                blas._dot22(a, b), blas._dot22scalar(a, b, s)],
                (a, F2), (b, F2), (c, F2), (sample(rng, dtype, k), F1), (sample(rng, dtype, m), F1),
                sample(rng, dtype, ())) if m and k else case(f"{m} {k} {n} {name}", lambda a, b, c, s: [
                    blas.gemm_no_inplace(c, s, a, b, s), blas._dot22(a, b), blas._dot22scalar(a, b, s)],
                (a, F2), (b, F2), (c, F2), sample(rng, dtype, ())))
    agree(cases, loose=20)


def test_products_that_do_not_fit(rng):
    a, b, v = rng.random((3, 4)), rng.random((5, 2)), rng.random(3)
    fail(case("matrices", T.dot, a, b), ValueError)
    fail(case("matrix and vector", T.dot, a, v), ValueError)
    fail(case("vectors", T.dot, v, rng.random(4)), ValueError)
    fail(case("gemm", lambda c, a, b: blas.gemm_no_inplace(c, a[0, 0], a, b, a[0, 0]), rng.random((3, 3)), a,
              rng.random((4, 2))),
         ValueError)
    fail(case("batches", T.batched_dot, rng.random((2, 3, 4)), rng.random((3, 4, 2))), (ValueError, TypeError))
