"""Sorting and the k largest: recorded names and errors of Theano 1.0.5, values against NumPy, gradients."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import check_gradient, evaluate, text

from symtensor.tensor.constructors import iscalar, matrix, scalar, vector
from symtensor.tensor.sort import ArgSortOp, SortOp, TopKOp, argsort, argtopk, sort, topk, topk_and_argtopk
from symtensor.tensor.xlogx import xlogx, xlogy0

x, v, s, i = matrix("x"), vector("v"), scalar("s"), iscalar("i")
A = np.array([[3.0, -1.0, 2.0, np.nan], [0.0, 5.0, -2.0, 5.0]])


def test_graphs():
    assert text(sort(x)) == "SortOp{quicksort, None}(x, TensorConstant{-1})"
    assert text(argsort(v, kind="mergesort")) == "ArgSortOp{mergesort, None}(v, TensorConstant{-1})"
    assert text(sort(x, None)) == (
        "SortOp{quicksort, None}(Reshape{1}(x, TensorConstant{(1,) of -1}), TensorConstant{0})")
    assert str(topk(x, 2, sorted=False).owner.op) == "TopKOp{axis=-1, sorted=False}"
    assert SortOp("quicksort") == SortOp("quicksort") != SortOp("mergesort")
    assert argsort(x).type.dtype == "int64" and ArgSortOp("quicksort").__props__ == ("kind", "order")


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_sorting(axis):
    for wanted in (axis, i) if axis is not None else (axis,):
        given = {x: A, i: 0 if axis is None else axis}
        np.testing.assert_array_equal(evaluate(sort(x, wanted), given), np.sort(A, axis))
        order = evaluate(argsort(x, wanted, kind="stable"), given)
        np.testing.assert_array_equal(order, np.argsort(A, axis, kind="stable"))


@pytest.mark.parametrize("k", [1, 2, -1, -3, 4])
def test_topk(k):
    data = np.array([[3.0, -1.0, 2.0, 7.0], [0.0, 5.0, -2.0, 5.5]])
    for axis in (1, -1):
        values, where = evaluate(topk_and_argtopk(x, k, axis, sorted=False, idx_dtype="int32"), {x: data})
        expected = np.sort(data, 1)[:, -k:] if k > 0 else np.sort(data, 1)[:, :-k]
        assert np.sort(values, 1).tolist() == expected.tolist()
        assert where.dtype == "int32" and np.take_along_axis(data, where, 1).tolist() == values.tolist()
    assert sorted(evaluate(topk(x, i, None, sorted=False), {x: data, i: 2}).tolist()) == [5.5, 7.0]
    assert evaluate(argtopk(v, 1, sorted=False), {v: data[0]}).tolist() == [3]


REFUSED = [
    (lambda: topk(x, 2), NotImplementedError, "The sorted parameter is not yet implemented. Use sorted=False for now."),
    (lambda: topk(x, 2, axis=3, sorted=False), IndexError, '"axis" parameter out of range'),
    (lambda: topk(x, 1.5, sorted=False), TypeError, '"kth" parameter must be an integer scalar'),
    (lambda: topk(x, 2, sorted=False, idx_dtype="float32"), TypeError, '"idx_dtype" parameter must be an integer'),
    (lambda: TopKOp(sorted=False, return_values=False, return_indices=False), ValueError, "Neither"),
    (lambda: sort(x, 5), ValueError, "out of bounds"),
    (lambda: sort(s), ValueError, "rank 0"),
    (lambda: sort(x, s), TypeError, "integer"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_k_must_fit():
    for k in (0, 5, -5):
        with pytest.raises(ValueError, match="kth"):
            evaluate(topk(x, i, sorted=False), {x: A, i: k}, laws=False)


def test_gradients(rng):
    a = rng.permutation(8).reshape(2, 4).astype(float)
    for axis in (0, 1, -1, None):
        check_gradient(lambda x: sort(x, axis) ** 2, a, rng=rng)
    for axis in (0, 1):
        check_gradient(lambda x: topk_and_argtopk(x, 2, axis, sorted=False)[0] ** 2, a, rng=rng)
        check_gradient(lambda x: topk(x, -1, axis, sorted=False) ** 2, a, rng=rng)
    with pytest.raises(ValueError, match="axis is known"):
        sort(x, i).owner.op.grad([x, i], [x])
    zeros = ArgSortOp("quicksort").grad([x, i], [x])[0]
    assert evaluate(zeros, {x: A}).tolist() == np.zeros_like(A).tolist()


def test_x_log_x(rng):
    assert str(xlogx) == "xlogx" and str(xlogy0) == "xlogy0"
    data = np.array([0.0, 1.0, 2.0])
    expected = [0.0, 0.0, 2 * np.log(2)]
    assert np.allclose(evaluate(xlogx(v), {v: data}), expected)
    assert np.allclose(evaluate(xlogy0(v, v), {v: data}), expected)
    w = vector("w")
    assert evaluate(xlogy0(v, w), {v: [0.0, 0.0], w: [0.0, np.inf]}).tolist() == [0.0, 0.0]
    assert xlogx(i).type.dtype == "float64"
    check_gradient(xlogx, rng.uniform(0.5, 2, size=3), rng=rng)
    check_gradient(xlogy0, rng.uniform(0.5, 2, size=3), rng.uniform(0.5, 2, size=3), rng=rng)
