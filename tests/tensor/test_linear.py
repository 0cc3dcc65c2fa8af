"""Products: recorded graphs and errors of Theano 1.0.5, values against NumPy, gradients against differences."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import check_gradient, check_gradient_of, evaluate, text

from symtensor.graph.fg import InconsistencyError
from symtensor.tensor import blas
from symtensor.tensor.constructors import (
    bmatrix,
    col,
    fmatrix,
    imatrix,
    iscalar,
    ivector,
    matrix,
    row,
    scalar,
    tensor3,
    tensor4,
    vector,
    zmatrix,
)
from symtensor.tensor.linear import Dot, batched_dot, batched_tensordot, dot, outer, tensordot

x, y, z, f, v, w, s, r, c = (matrix("x"), matrix("y"), matrix("z"), fmatrix("f"), vector("v"), vector("w"), scalar("s"),
                             row("r"), col("c"))
t3, u3, t4, im, i, iv = tensor3("t3"), tensor3("u3"), tensor4("t4"), imatrix("im"), iscalar("i"), ivector("iv")

GRAPHS = [
    (lambda: dot(x, y), "dot(x, y)", (False, False)),
    (lambda: dot(x, v), "dot(x, v)", (False,)),
    (lambda: dot(v, w), "dot(v, w)", ()),
    (lambda: dot(r, c), "dot(r, c)", (True, True)),
    (lambda: dot(s, x), "Elemwise{mul,no_inplace}(InplaceDimShuffle{x,x}(s), x)", (False, False)),
    (lambda: dot(x, 2), "Elemwise{mul,no_inplace}(x, InplaceDimShuffle{x,x}(TensorConstant{2}))", (False, False)),
    (lambda: dot([[1, 2]], x), "dot(TensorConstant{[[1 2]]}, x)", (True, False)),
    (lambda: outer(v, w), "dot(InplaceDimShuffle{0,x}(v), InplaceDimShuffle{x,0}(w))", (False, False)),
    (lambda: outer(s, v), "dot(InplaceDimShuffle{0,x}(Rebroadcast{1}(Reshape{1}(s, TensorConstant{(1,) of -1}))), "
     "InplaceDimShuffle{x,0}(v))", (True, False)),
    (lambda: batched_dot(t3, u3), "BatchedDot(t3, u3)", (False, False, False)),
    (lambda: batched_dot(x, y), "BatchedDot(x, y)", (False,)),
    (lambda: batched_dot(v, x), "Elemwise{mul,no_inplace}(InplaceDimShuffle{0,x}(v), x)", (False, False)),
    (lambda: batched_dot(f, t3), "BatchedDot(Elemwise{Cast{float64}}(f), t3)", (False, False)),
    (lambda: batched_dot(r, x), "BatchedDot(r, x)", (True,)),
    (lambda: blas._dot22(x, y), "Dot22(x, y)", (False, False)),
    (lambda: blas._dot22scalar(x, y, s), "Dot22Scalar(x, y, s)", (False, False)),
    (lambda: blas.gemm(z, s, x, y, s), "Gemm{no_inplace}(z, s, x, y, s)", (False, False)),
    (lambda: blas.gemm_inplace(z, s, x, y, s), "Gemm{inplace}(z, s, x, y, s)", (False, False)),
    (lambda: blas.gemv(v, s, x, w, s), "Gemv{no_inplace}(v, s, x, w, s)", (False,)),
    (lambda: blas.gemv_inplace(v, s, x, w, s), "Gemv{inplace}(v, s, x, w, s)", (False,)),
    (lambda: blas.ger(x, s, v, w), "Ger{non-destructive}(x, s, v, w)", (False, False)),
    (lambda: blas.ger_destructive(x, s, v, w), "Ger{destructive}(x, s, v, w)", (False, False)),
]


@pytest.mark.parametrize("build, graph, pattern", GRAPHS, ids=[g[1][:30] for g in GRAPHS])
def test_graphs(build, graph, pattern):
    out = build()
    assert text(out) == graph
    assert out.type.broadcastable == pattern


DTYPES = [(im, x, "float64"), (im, im, "int32"), (f, im, "float64"), (x, f, "float64"),
          (bmatrix("b"), bmatrix("b"), "int8")]


@pytest.mark.parametrize("a, b, dtype", DTYPES)
def test_dtypes(a, b, dtype):
    assert dot(a, b).type.dtype == dtype


REFUSED = [
    (lambda: Dot()(x, t3), TypeError, r"Dot: input 1 \(0-indexed\) must have ndim of 1 or 2, 3 given. Consider"),
    (lambda: Dot()(s, x), TypeError, r"Dot: input 0 \(0-indexed\) must have ndim of 1 or 2, 0 given. Consider calling"),
    (lambda: Dot()(x), TypeError, "Dot: 2 arguments required, 1 given"),
    (lambda: tensordot(x, y, axes=3), ValueError,
     r"axes can not be larger than the dimension of a \(a.ndim=2, axes=3\)"),
    (lambda: tensordot(x, y, axes=[[0], [0, 1]]), ValueError, "Axes elements must have the same length."),
    (lambda: tensordot(x, y, axes=[[0, 1, 2], [0, 1, 2]]), ValueError,
     r"axes\[0\] should be array_like with length less than the dimensions of a \(a.ndim=2, len\(axes\[0\]\)=3\)."),
    (lambda: tensordot(x, y, axes=[[5], [0]]), ValueError,
     r"axes\[0\] contains dimensions greater than or equal to a.ndim \(a.ndim=2, max\(axes\[0\]\)=5\)."),
    (lambda: tensordot(x, y, axes=[[0], [0], [0]]), ValueError, "Axes should be an integer or a list/tuple of len 2"),
    (lambda: tensordot(t3, t3, axes=[[0, 0], [0, 1]]), ValueError, "an axis twice"),
    (lambda: batched_tensordot(t3, u3, [[0], [1]]), ValueError,
     r"axes to sum over must not contain the batch axis \(axes\[0\]=\[0\]\)"),
    (lambda: batched_tensordot(t3, u3, axes=3), ValueError,
     r"axes to sum over must not include the batch axis of a \(a.ndim=3, axes=3\)"),
    (lambda: batched_dot(s, v), TypeError, r"a must have at least one \(batch\) axis"),
    (lambda: blas.batched_dot(v, v), TypeError,
     r"BatchedDot: input 0 \(0-indexed\) must have ndim of 2 or 3, 1 given. Consider calling"),
    (lambda: blas.gemm(x, s, y, z), TypeError, r"Wrong number of inputs for Gemm\{no_inplace\} \(expected 5, got 4\)"),
    (lambda: blas.gemm(x, s, f, y, s), TypeError, "gemm requires matching dtypes"),
    (lambda: blas.gemm(x, s, y, v, s), TypeError, "gemm only works for rank 2"),
    (lambda: blas.gemm(x, v, y, z, s), TypeError, "gemm requires scalar argument"),
    (lambda: blas.gemm(im, i, im, im, i), TypeError, "gemm requires floating-point dtypes"),
    (lambda: blas.gemm_inplace(x, s, x, y, s), InconsistencyError, "argument z aliased to x or y"),
    (lambda: blas.gemm_inplace(x.T, s, y, x, s), InconsistencyError, "argument z aliased to x or y"),
    (lambda: blas.gemv(v, s, x, y, s), TypeError, "gemv requires vector for x"),
    (lambda: blas.gemv(v, s, f, v, s), TypeError, "Gemv requires matching dtypes"),
    (lambda: blas.ger(x, s, y, v), TypeError, "ger requires vector for x"),
    (lambda: blas.ger(im, i, iv, iv), TypeError, "only float and complex types supported"),
    (lambda: blas.ger(x, v, v, v), TypeError, "ger requires scalar alpha"),
    (lambda: blas._dot22(x, f), TypeError, "dtype mismatch to Dot22"),
    (lambda: blas._dot22(x, v), TypeError, "v"),
    (lambda: blas._dot22scalar(x, y, f), TypeError, "gemm requires scalar argument"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_dot_is_numpy_s(rng):
    a, b, n = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=3)
    given = {x: a, y: b, v: n, w: n[::-1].copy()}
    assert np.allclose(evaluate(dot(x, y), given), a @ b)
    assert np.allclose(evaluate(dot(x, v), given), a @ n)
    assert np.allclose(evaluate(dot(v, y), given), n @ b)
    assert np.allclose(evaluate(dot(v, w), given), n @ n[::-1])
    assert np.allclose(evaluate(dot(x, y[:0].T.T.reshape((3, 0))), given, laws=False), np.zeros((2, 0)))
    assert np.allclose(evaluate(outer(x, v), given), np.outer(a, n))
    with pytest.raises(ValueError):
        evaluate(dot(x, y), {x: a, y: b.T}, laws=False)


RANKS = [(1, 3), (3, 1), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize("first, second", RANKS)
def test_dot_of_higher_ranks(first, second, rng):
    inner = 3
    shapes = {1: (inner,), 2: (4, inner), 3: (2, 4, inner)}, {1: (inner,), 2: (inner, 5), 3: (2, inner, 5)}
    a, b = rng.normal(size=shapes[0][first]), rng.normal(size=shapes[1][second])
    p, q = {1: v, 2: x, 3: t3}[first], {1: w, 2: y, 3: u3}[second]
    assert np.allclose(evaluate(dot(p, q), {p: a, q: b}), np.dot(a, b))


AXES = [0, 1, 2, [[1], [0]], [[0, 1], [0, 2]], [1, 2], ([-1], [1]), [[0, 1, 2], [0, 2, 1]]]


@pytest.mark.parametrize("axes", AXES)
def test_tensordot(axes, rng):
    a, b = rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3))
    found = evaluate(tensordot(t3, u3, axes), {t3: a, u3: b})
    assert np.allclose(found, np.tensordot(a, b, axes))


def test_batches(rng):
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))
    assert np.allclose(evaluate(batched_dot(t3, u3), {t3: a, u3: b}), a @ b)
    assert np.allclose(evaluate(batched_dot(x, u3), {x: a[:, 0], u3: b}), (a[:, :1] @ b)[:, 0])
    assert np.allclose(evaluate(batched_dot(t3, y), {t3: a, y: b[..., 0]}), (a @ b[..., :1])[..., 0])
    assert np.allclose(evaluate(batched_dot(x, y), {x: a[:, 0], y: b[..., 0]}), (a[:, 0] * b[..., 0]).sum(1))
    q = rng.normal(size=(2, 2, 3, 4))
    assert np.allclose(evaluate(batched_dot(t4, u3), {t4: q, u3: b}), np.einsum("bijk,bkl->bijl", q, b))
    assert np.allclose(
        evaluate(batched_tensordot(t3, u3, [[1], [2]]), {t3: a, u3: rng_like(b)}),
        np.einsum("bij,bki->bjk", a, rng_like(b)),
    )
    for wrong in (b[:1], b[:, :2]):
        with pytest.raises(ValueError, match="Shape mismatch"):
            evaluate(batched_dot(t3, u3), {t3: a, u3: wrong}, laws=False)


def rng_like(b):
    return b.transpose(0, 2, 1)[:, :, :3].copy()


def test_blas_ops(rng):
    a, b, c = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    al, be = scalar("al"), scalar("be")
    given = {x: a, y: b, z: c, al: 2.0, be: -0.5, v: c[:, 0], w: b[:, 0]}
    for op in (blas.gemm_no_inplace, blas.gemm_inplace):
        assert np.allclose(evaluate(op(z, al, x, y, be), {**given, z: c.copy()}), -0.5 * c + 2 * a @ b)
    assert np.allclose(evaluate(blas._dot22scalar(x, y, al), given), 2 * a @ b)
    assert np.allclose(evaluate(blas.gemv(v, al, x, w, be), given), -0.5 * c[:, 0] + 2 * a @ b[:, 0])
    assert np.allclose(evaluate(blas.ger(z, al, x[:, 0], y[0]), given), c + 2 * np.outer(a[:, 0], b[0]))
    # What z holds does not matter where it is multiplied by 0.
    dirty = np.full((2, 4), np.nan)
    assert np.allclose(evaluate(blas.gemm(z, al, x, y, be), {**given, z: dirty, be: 0.0}), 2 * a @ b)
    assert np.allclose(evaluate(blas.gemv(v, al, x, w, be), {**given, v: dirty[:, 0], be: 0.0}), 2 * a @ b[:, 0])
    with pytest.raises(ValueError, match="Shape mismatch"):
        evaluate(blas.gemm(z, al, x, y, be), {**given, z: c.T}, laws=False)
    with pytest.raises(ValueError, match=r"Shape mismatch: A.shape\[1\] != x.shape\[0\]"):
        evaluate(blas.gemv(v, al, x, w, be), {**given, w: [1.0]}, laws=False)
    assert blas.gemm_inplace.destroy_map == {0: [0]} and blas.ger_destructive.destroy_map == {0: [0]}
    assert blas._dot22(zmatrix("p"), zmatrix("q")).type.dtype == "complex128"


def test_gradients(rng):
    a, b, n, m = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=3)
    for build, values in (
        (lambda p, q: dot(p, q), (a, b)), (lambda p, q: dot(p, q), (a, n)), (lambda p, q: dot(p, q), (n, b)),
        (lambda p, q: dot(p, q), (n, m)), (outer, (n, m)),
        (lambda p, q: tensordot(p, q, [[0, 2], [2, 0]]), (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2, 2)))),
        (batched_dot, (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2, 3)))),
        (batched_dot, (rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 2)))),
        (batched_dot, (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2)))),
        (batched_dot, (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))),
    ):
        check_gradient(build, *values, rng=rng)
    check_gradient_of(dot, [row("p"), col("q")], [n[None], m[:, None]], rng)
    check_gradient_of(dot, [col("p"), row("q")], [n[:, None], m[None]], rng)


def test_directions():
    node = dot(x, v).owner
    assert text(node.op.R_op([x, v], [y, w])[0]) == "Elemwise{add,no_inplace}(dot(y, v), dot(x, w))"
    assert text(node.op.R_op([x, v], [None, w])[0]) == "dot(x, w)"
    assert node.op.R_op([x, v], [None, None]) == [None]
