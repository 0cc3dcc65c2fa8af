"""Ops that make tensors: values against NumPy, shapes, dtypes, gradients, and what they refuse."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import scalar as scal
from symtensor.config import config
from symtensor.gradient import grad
from symtensor.graph.null_type import DisconnectedType, NullType
from tensor_perform import check_gradient, check_gradient_of, evaluate, text
from tensor_rop import check_rop

x, v, s, i, r, c = T.dmatrix("x"), T.dvector("v"), T.dscalar("s"), T.iscalar("i"), T.drow("r"), T.dcol("c")
A = np.arange(1.0, 7.0).reshape(2, 3)


# -- alloc -------------------------------------------------------------------------------------------------------------


def test_alloc_repeats():
    np.testing.assert_array_equal(evaluate(T.alloc(s, i, 3), {s: 2.5, i: 2}), np.full((2, 3), 2.5))
    np.testing.assert_array_equal(evaluate(T.alloc(v, 2, i), {v: [1, 2, 3], i: 3}), [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(evaluate(T.alloc(r, 4, 3), {r: [[1, 2, 3]]}), [[1, 2, 3]] * 4)
    assert evaluate(T.alloc(s, 0, i), {s: 1, i: 5}).shape == (0, 5)
    assert T.alloc(s, i, 1).type == T.dcol and T.alloc(r, 1, 3).type == T.drow


def test_alloc_checks_lengths_at_run_time():
    for value in (np.ones((2, 4)), np.ones((3, 1))):
        with pytest.raises(ValueError, match="could not broadcast input array from shape"):
            evaluate(T.alloc(x, 3, 4), {x: value}, laws=False)
    assert evaluate(T.alloc(c, 3, 4), {c: np.ones((3, 1))}).shape == (3, 4)


def test_alloc_gradients(rng):
    check_gradient(lambda q: T.alloc(q, 3, 4), rng.normal(size=()), rng=rng)
    check_gradient(lambda q: T.alloc(q, 2, 3, 4), rng.normal(size=4), rng=rng)
    check_gradient_of(lambda q: T.alloc(q, 3, 4, 5), [T.dcol()], [rng.normal(size=(4, 1))], rng)
    check_gradient_of(lambda q: T.alloc(q, 4, 5), [T.TensorType("float64", [1, 1])()], [rng.normal(size=(1, 1))], rng)
    check_rop(lambda q: T.alloc(q, 2, 3), rng.normal(size=3), rng=rng)
    node = T.alloc(s, i).owner
    assert node.op.connection_pattern(node) == [[True], [False]]
    assert isinstance(node.op.grad(node.inputs, [v])[1].type, DisconnectedType)
    assert not node.op.do_constant_folding(node)


@pytest.mark.parametrize("shape, message", [
    ((1.5,), "Shape arguments to Alloc must be integers, but argument 0 is not for apply node: TensorConstant{1.5}"),
    ((v,), "must be integers"), (((2, 3),), "Each shape dimension to Alloc must be a scalar"),
])
def test_alloc_refuses(shape, message):
    with pytest.raises(TypeError) as caught:
        T.alloc(s, *shape)
    assert message in str(caught.value)
    with pytest.raises(TypeError, match="more dimensions than the specified"):
        T.alloc(x, 3)


def test_alloc_empty():
    out = T.AllocEmpty("int8")(2, i)
    found = evaluate(out, {i: 3})
    assert found.shape == (2, 3) and found.dtype == "int8"
    assert T.AllocEmpty("float32")(3, 1).type == T.fcol
    assert out.tag.values_eq_approx(np.ones(1), np.zeros(1))
    node = out.owner
    assert node.op.connection_pattern(node) == [[False], [False]]
    assert T.AllocEmpty("floatX") == T.AllocEmpty(config.floatX)


@pytest.mark.parametrize("shape, expected", [
    ((2, 3), (2, 3)), (3, (3,)), ((), ()), ([], ()), (np.array([2, 3]), (2, 3)), ((1, 2), (1, 2)),
])
def test_zeros_and_ones(shape, expected):
    for function, reference in ((T.zeros, np.zeros), (T.ones, np.ones)):
        np.testing.assert_array_equal(evaluate(function(shape), {}), reference(expected))
        assert function(shape, dtype="int8").dtype == "int8"
        assert function(shape, dtype="floatX").dtype == config.floatX


def test_zeros_of_a_symbolic_shape():
    np.testing.assert_array_equal(evaluate(T.zeros(x.shape), {x: A}), np.zeros((2, 3)))
    np.testing.assert_array_equal(evaluate(T.ones((i, 2)), {i: 3}), np.ones((3, 2)))
    assert T.zeros(i).ndim == 1
    with pytest.raises(ValueError, match="length not known"):
        T.zeros(T.ivector())


def test_like():
    np.testing.assert_array_equal(evaluate(T.zeros_like(x), {x: A}), np.zeros((2, 3)))
    assert evaluate(T.ones_like(x, dtype="int8"), {x: A}).dtype == "int8"
    assert T.zeros_like(x, dtype="floatX").dtype == config.floatX
    assert text(T.zeros_like(s, opt=True)) == "TensorConstant{0.0}"
    assert text(T.ones_like(s, dtype="int8", opt=True)) == "Elemwise{second,no_inplace}(s, TensorConstant{1})"
    assert T.zeros_like([1, 2]).type == T.lvector


# -- counting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [
    (0,), (3,), (2, 7), (2, 7, 2), (7, 2, -2), (7, 2), (0, 1, 0.1), (-3, 4.5, 1.25), (1.0, 3), (5, 0, -1), (2, 2, 3),
    (0, 10, 3), (10, 0, -3),
])
def test_arange(bounds):
    expected = np.arange(*bounds)
    found = evaluate(T.arange(*bounds), {})
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    symbols = [T.lscalar() if isinstance(b, int) else T.dscalar() for b in bounds]
    found = evaluate(T.arange(*symbols), dict(zip(symbols, bounds)))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("dtypes, expected", [
    (["bool"], "int64"), (["int8"], "int64"), (["uint8"], "int64"), (["uint32"], "int64"), (["uint64"], "float64"),
    (["float16"], "float16"), (["float32"], "float32"), (["complex64"], "complex64"), (["int8", "uint64"], "float64"),
    (["uint8", "float16"], "float16"), (["int32", "float32"], "float64"),
])
def test_arange_dtypes(dtypes, expected):
    assert T.arange(*(T.TensorType(d, ())() for d in dtypes)).dtype == expected


def test_arange_of_given_dtype():
    assert evaluate(T.arange(0, 10, 2, dtype="int8"), {}).dtype == "int8"
    assert T.arange(3, dtype="floatX").dtype == config.floatX
    assert str(T.arange(3).owner.op) == "ARange{dtype='int64'}"
    with pytest.raises(TypeError, match="arange needs scalars"):
        T.arange(v)


def test_arange_gradient():
    start, stop, step = T.dscalars("abc")
    out = T.arange(start, stop, step)
    node = out.owner
    assert node.op.connection_pattern(node) == [[True], [False], [True]]
    weights = T.dvector("w")
    gradients = grad((out * weights).sum(), [start, step])
    given = {start: 1.0, stop: 3.1, step: 0.5, weights: np.array([1.0, 2, 3, 4, 5])}
    np.testing.assert_allclose(evaluate(gradients, given), [15.0, 40.0])


def test_grids():
    for found, expected in [
        (T.mgrid[0:3, 0:2], np.mgrid[0:3, 0:2]), (T.ogrid[0:3, 0:2], np.ogrid[0:3, 0:2]),
        (T.mgrid[0:5:2, 1:3], np.mgrid[0:5:2, 1:3]), (T.mgrid[:3, :2], np.mgrid[:3, :2]),
        (T.mgrid[0:1.0:0.25, 0:2], np.mgrid[0:1.0:0.25, 0:2]), (T.mgrid[0:4], np.mgrid[0:4][None]),
    ]:
        for a, b in zip(found, expected):
            np.testing.assert_allclose(evaluate(a, {}), b)
    np.testing.assert_array_equal(evaluate(T.mgrid[0:i, 0:2][0], {i: 3}), np.mgrid[0:3, 0:2][0])
    with pytest.raises(NotImplementedError, match="step is complex"):
        T.mgrid[0:1:3j, 0:2]
    with pytest.raises(TypeError, match="indexed with slices"):
        T.mgrid[3]


# -- triangles and diagonals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [-2, -1, 0, 1, 2, 5])
def test_matrices_with_a_diagonal(k):
    np.testing.assert_array_equal(evaluate(T.eye(2, 3, k), {}), np.eye(2, 3, k))
    np.testing.assert_array_equal(evaluate(T.tri(3, 2, k, dtype="int8"), {}), np.tri(3, 2, k, dtype="int8"))
    np.testing.assert_array_equal(evaluate(T.eye(i, dtype="int32"), {i: 3}), np.eye(3))
    np.testing.assert_array_equal(evaluate(T.tril(x, k), {x: A}), np.tril(A, k))
    np.testing.assert_array_equal(evaluate(T.triu(x, k), {x: A}), np.triu(A, k))


def test_more_triangles(rng):
    assert evaluate(T.identity_like(T.constant(np.ones((2, 3), "int8"))), {}).dtype == "int8"
    check_gradient(T.tril, A, rng=rng)
    check_gradient(T.triu, A, rng=rng)
    node = T.eye(i).owner
    assert all(isinstance(g.type, NullType) for g in node.op.grad(node.inputs, [x]))
    with pytest.raises(ValueError, match="triangle is cut out of a matrix"):
        T.tril(v)


@pytest.mark.parametrize("offset, axis1, axis2", [
    (0, 0, 1), (1, 0, 1), (-1, 0, 1), (0, 2, 0), (2, 1, 2), (-2, 1, 2), (1, -1, 0), (7, 0, 1), (-7, 1, 2),
])
def test_diagonals(offset, axis1, axis2, rng):
    data = rng.normal(size=(3, 4, 2))
    t = T.dtensor3("t")
    for view in (False, True):
        out = T.ExtractDiag(offset, axis1, axis2, view=view)(t)
        np.testing.assert_array_equal(evaluate(out, {t: data}), data.diagonal(offset, axis1, axis2))
    if abs(offset) < 2:
        check_gradient(lambda q: T.diagonal(q, offset, axis1, axis2), data, rng=rng)
        check_rop(lambda q: T.diagonal(q, offset, axis1, axis2), data, rng=rng)


def test_a_view_shares_memory():
    node = T.ExtractDiag(view=True)(x).owner
    storage = [[None]]
    node.op.perform(node, [A], storage)
    assert np.may_share_memory(storage[0][0], A) and node.op.view_map == {0: [0]}
    assert not hasattr(T.ExtractDiag(), "view_map")


@pytest.mark.parametrize("k", [0, 1, -2])
def test_diagonals_put_into_matrices(k, rng):
    values = rng.normal(size=3)
    np.testing.assert_array_equal(evaluate(T.diag(v, k), {v: values}), np.diag(values, k))
    np.testing.assert_array_equal(evaluate(T.diag(x, k), {x: A}), np.diag(A, k))
    check_gradient(lambda q: T.diag(q, k), values, rng=rng)
    stack = evaluate(T.AllocDiag(k, 0, 2)(x), {x: A})
    for row in range(2):
        np.testing.assert_array_equal(stack[:, row, :], np.diag(A[row], k))
    check_gradient(T.AllocDiag(k, 2, 0), A, rng=rng)


@pytest.mark.parametrize("build, message", [
    (lambda: T.diag(s), "Input must has v.ndim >= 1."), (lambda: T.diagonal(v), "2 or more dimensions"),
    (lambda: T.ExtractDiag(0, 1, 1)(x), "two different axes"), (lambda: T.AllocDiag(0, 0, 0)(v), "two different axes"),
    (lambda: T.AllocDiag()(s), "1 or more dimensions"),
])
def test_diagonals_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# -- scalars and vectors of scalars ------------------------------------------------------------------------------------


def test_between_scalars_and_tensors(rng):
    out = T.tensor_from_scalar(T.scalar_from_tensor(s))
    assert evaluate(out, {s: 2.5}) == 2.5 and out.type == T.dscalar
    check_gradient(lambda q: T.tensor_from_scalar(T.scalar_from_tensor(q)) * 3, 1.5, rng=rng)
    with pytest.raises(TypeError):
        T.scalar_from_tensor(v)
    with pytest.raises(TypeError):
        T.tensor_from_scalar(s)
    node = T.tensor_from_scalar(scal.int8("n")).owner
    assert node.op.grad(node.inputs, [s])[0].type.dtype == "float64"


def test_make_vector(rng):
    op = T.basic.stack([s, i]).owner.op
    assert str(op) == "MakeVector{dtype='float64'}"
    np.testing.assert_array_equal(evaluate(op(s, i), {s: 1.5, i: 2}), [1.5, 2.0])
    check_gradient(lambda a, b: type(op)("float64")(a, b, a), 1.0, 2.0, rng=rng)
    check_rop(lambda a, b: type(op)("float64")(a, b, a), 1.0, 2.0, rng=rng)
    with pytest.raises(TypeError, match="should match the dtype given"):
        type(op)("int32")(s)
    with pytest.raises(TypeError, match="takes scalars"):
        type(op)("float64")(v)
    assert evaluate(type(op)("int8")(), {}).shape == (0,)
