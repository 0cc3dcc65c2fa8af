"""Positions and values of nonzeros, permutations, defaults: values against NumPy, gradients, refusals."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.graph.null_type import NullType
from tensor_perform import check_gradient, check_gradient_of, evaluate

x, v, t = T.dmatrix("x"), T.dvector("v"), T.dtensor3("t")
A = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, -1.0]])


def test_nonzero():
    for variable, data in [(x, A), (v, A[0]), (t, A.reshape(1, 2, 3)), (x, np.zeros((2, 3))), (x, np.ones((0, 2)))]:
        found = [evaluate(q, {variable: data}) for q in T.nonzero(variable)]
        expected = np.nonzero(data)
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == "int64"
        np.testing.assert_array_equal(evaluate(T.nonzero(variable, return_matrix=True), {variable: data}), expected)
        np.testing.assert_array_equal(evaluate(T.flatnonzero(variable), {variable: data}), np.flatnonzero(data))
        np.testing.assert_array_equal(evaluate(T.nonzero_values(variable), {variable: data}), data[expected])
        np.testing.assert_array_equal(evaluate(variable.nonzero_values(), {variable: data}), data[expected])


def test_nonzero_refuses_scalars():
    for function in (T.nonzero, T.flatnonzero, T.nonzero_values):
        with pytest.raises(ValueError, match="Nonzero only supports non-scalar arrays."):
            function(T.dscalar())
    node = T.nonzero(x)[0].owner.inputs[0].owner
    assert isinstance(node.op.grad(node.inputs, [x])[0].type, NullType)


def test_default():
    out = T.default(x, T.constant(np.ones((2, 2))))
    node = out.owner
    for given, expected in [(A, A), (None, np.ones((2, 2)))]:
        storage = [[None]]
        node.op.perform(node, [given, np.ones((2, 2))], storage)
        np.testing.assert_array_equal(storage[0][0], expected)
    with pytest.raises(TypeError, match=r"Both default\(\) arguments must have same type"):
        T.default(x, T.fmatrix())
    assert T.setdefault is T.default


def test_permutations(rng):
    rows = T.lmatrix("rows")
    order = np.array([[2, 0, 1], [1, 2, 0]])
    there = T.permute_row_elements(x, rows)
    np.testing.assert_array_equal(evaluate(there, {x: A, rows: order}), np.take_along_axis(A, order, axis=1))
    back = T.permute_row_elements(there, rows, inverse=1)
    np.testing.assert_array_equal(evaluate(back, {x: A, rows: order}), A)
    line = T.ivector("line")
    np.testing.assert_array_equal(evaluate(T.permute_row_elements(x, line), {x: A, line: order[0]}), A[:, order[0]])
    np.testing.assert_array_equal(evaluate(T.inverse_permutation(line), {line: order[0]}), np.argsort(order[0]))
    np.testing.assert_array_equal(evaluate(T.inverse_permutation(rows), {rows: order}), np.argsort(order, axis=1))
    values = rng.normal(size=(2, 3))
    check_gradient(lambda q: T.permute_row_elements(q, T.constant(order)), values, rng=rng)
    check_gradient(lambda q: T.permute_row_elements(q, T.constant(order), 1), values, rng=rng)
    check_gradient_of(lambda q: T.permute_row_elements(q, T.constant(order)), [T.dvector()], [values[0]], rng)


def test_permutations_refuse():
    with pytest.raises(TypeError, match="a permutation holds integers"):
        T.permute_row_elements(x, v)
    line = T.ivector()
    with pytest.raises(ValueError, match="cannot be permuted"):
        evaluate(T.permute_row_elements(x, line), {x: A, line: np.array([1, 0])}, laws=False)
