"""Reductions: values against NumPy, dtypes as Theano 1.0.5 gives them, gradients, shapes, empty inputs, errors."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import scalar as scal
from symtensor.gradient import grad
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.tensor import elemwise
from symtensor.tensor.elemwise import CAReduce, CAReduceDtype, Prod, ProdWithoutZeros, Sum
from tensor_perform import check_gradient, evaluate, text
from tensor_rop import check_rop

t, x, v = T.dtensor3("t"), T.dmatrix("x"), T.dvector("v")
A = np.array([[[1.0, -2.0, 3.5, 0.25], [4.0, 5.0, -6.0, 1.5], [0.5, 2.0, 7.0, -1.0]],
              [[2.5, 8.0, -3.0, 1.25], [9.0, -4.0, 0.75, 2.25], [6.5, 3.25, -5.0, 4.5]]])
AXES = [None, 0, 1, 2, -1, (0,), (0, 1), (0, 2), (-1, 0), [1, 2], (0, 1, 2), ()]

FUNCTIONS = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std,
    "max": np.max, "min": np.min, "all": np.all, "any": np.any,
}


@pytest.mark.parametrize("axis", AXES, ids=repr)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_values(name, axis):
    if axis == () and name not in ("sum", "prod"):
        pytest.skip("an empty list of axes means all of them, or is refused, as in Theano")
    plain = tuple(axis) if isinstance(axis, list) else axis
    for keepdims in (False, True):
        found = evaluate(getattr(T, name)(t, axis=axis, keepdims=keepdims), {t: A})
        np.testing.assert_allclose(found, FUNCTIONS[name](A, axis=plain, keepdims=keepdims), rtol=1e-12)
        if name not in ("max", "min", "all", "any"):
            found = evaluate(getattr(t, name)(axis=axis, keepdims=keepdims), {t: A})
            np.testing.assert_allclose(found, FUNCTIONS[name](A, axis=plain, keepdims=keepdims), rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1], ids=repr)
def test_positions(axis):
    for name in ("argmax", "argmin"):
        found = evaluate(getattr(T, name)(t, axis=axis), {t: A})
        np.testing.assert_array_equal(found, getattr(np, name)(A, axis=axis))
        assert found.dtype == "int64"
    kept = evaluate(T.argmax(t, axis=axis, keepdims=True), {t: A})
    np.testing.assert_array_equal(kept, np.argmax(A, axis=axis, keepdims=True))


def test_position_over_several_axes_counts_in_C_order():
    found = evaluate(T.argmax(t, axis=(0, 2)), {t: A})
    rows = A.transpose(1, 0, 2).reshape(3, -1)
    np.testing.assert_array_equal(found, rows.argmax(axis=1))
    largest, position = T.max_and_argmax(t, axis=(1, 2))
    np.testing.assert_array_equal(evaluate(largest, {t: A}), A.max(axis=(1, 2)))
    np.testing.assert_array_equal(evaluate(position, {t: A}), A.reshape(2, -1).argmax(axis=1))


def test_nan_counts_as_the_extreme():
    data = np.array([[1, np.nan, 3], [2, 2, 1]])
    for name in ("max", "min", "argmax", "argmin"):
        np.testing.assert_array_equal(
            evaluate(getattr(T, name)(x, axis=1), {x: data}), getattr(np, name)(data, axis=1)
        )


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32", "bool"])
def test_minimum_of_integers_at_the_ends_of_their_range(dtype):
    if dtype == "bool":
        data = np.array([True, False, True])
    else:
        info = np.iinfo(dtype)
        data = np.array([info.max, 3, info.min, 5], dtype)
    i = T.TensorType(dtype, [False])()
    for name in ("min", "max", "argmin", "argmax"):
        found = evaluate(getattr(T, name)(i), {i: data})
        assert found == getattr(np, name)(data)
        assert found.dtype == (dtype if name in ("min", "max") else "int64")


DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "float64", "complex64", "complex128"]
SUMS = ["int64"] * 5 + ["uint64"] * 4 + ["float16", "float32", "float64", "complex64", "complex128"]
ACCUMULATORS = ["int64"] * 5 + ["uint64"] * 4 + ["float32", "float64", "float64", "complex128", "complex128"]
MEANS = ["float64"] * 9 + DTYPES[9:]


@pytest.mark.parametrize("dtype, total, accumulator, mean", list(zip(DTYPES, SUMS, ACCUMULATORS, MEANS)))
def test_dtypes(dtype, total, accumulator, mean):
    i = T.TensorType(dtype, [False])()
    for op in (Sum(), Prod(), ProdWithoutZeros(), CAReduceDtype(scal.add)):
        node = op.make_node(i)
        assert (node.outputs[0].dtype, node.op.acc_dtype) == (total, accumulator)
    assert T.mean(i).dtype == mean and T.var(i).dtype == mean
    assert T.max(i).dtype == dtype and CAReduce(scal.maximum)(i).dtype == dtype
    assert T.all(i).dtype == "bool" and T.any(i).dtype == "bool"
    data = np.array([1, 0, 1], dtype)
    assert evaluate(T.sum(i), {i: data}) == 2
    np.testing.assert_allclose(evaluate(T.mean(i), {i: data}), 2 / 3, rtol=1e-3)
    for wished in DTYPES:
        out = T.sum(i, dtype=wished)
        assert out.dtype == wished and out.owner.op.acc_dtype == accumulator
        assert evaluate(out, {i: data}) == (True if wished == "bool" else 2)


def test_accumulators_that_lose_precision_are_refused():
    allowed = {(a, b) for a in DTYPES for b in DTYPES if a in DTYPES[:9] and b in DTYPES[9:]}
    allowed |= {(a, b) for a in DTYPES for b in DTYPES if np.promote_types(a, b) == np.dtype(b)}
    for dtype in DTYPES:
        for accumulator in DTYPES:
            i = T.TensorType(dtype, [False])()
            if (dtype, accumulator) in allowed:
                assert T.sum(i, acc_dtype=accumulator).owner.op.acc_dtype == accumulator
                assert T.sum(i, acc_dtype=accumulator).dtype == SUMS[DTYPES.index(dtype)]
            else:
                with pytest.raises(TypeError, match=f"Cannot build Sum.* node with input dtype {dtype}"):
                    T.sum(i, acc_dtype=accumulator)


def test_sums_of_float32_are_added_up_in_float64():
    f = T.fvector("f")
    data = np.array([2**24] + [1] * 1000, "float32")
    assert evaluate(T.sum(f), {f: data}) == np.float32(2**24 + 1000)
    small = T.bvector("b")
    assert evaluate(T.sum(small), {small: np.full(10, 127, "int8")}) == 1270


@pytest.mark.parametrize("axis", [None, 0, 2, (0, 1)], ids=repr)
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min"])
def test_gradients(name, axis, rng):
    data = rng.permutation(np.linspace(0.5, 2.5, 12)).reshape(2, 3, 2)
    check_gradient(lambda q: getattr(T, name)(q, axis=axis), data, rng=rng)
    if name not in ("max", "min"):
        check_gradient(lambda q: getattr(T, name)(q, axis=axis, keepdims=True), data, rng=rng)
    check_rop(lambda q: getattr(T, name)(q, axis=axis), data, rng=rng)


@pytest.mark.parametrize("data", [
    [[1.0, 2.0, 3.0], [0.0, 5.0, 2.0]], [[0.0, 2.0, 0.0], [4.0, 0.0, 2.0]], [[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]],
])
def test_gradient_of_products_with_zeros(data):
    data = np.array(data)
    for axis in (None, 0, 1):
        gradient = evaluate(grad(x.prod(axis=axis).sum(), x), {x: data})
        expected = np.zeros_like(data)
        for place in np.ndindex(*data.shape):
            others = data.copy()
            others[place] = 1.0
            product = others.prod(axis=axis)
            group = () if axis is None else place[1] if axis == 0 else place[0]
            expected[place] = product[group]
        np.testing.assert_allclose(gradient, expected)


def test_product_without_zeros():
    data = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 5.0, 0.5]])
    np.testing.assert_allclose(evaluate(ProdWithoutZeros(axis=1)(x), {x: data}), [3.0, 0.0, 5.0])
    node = ProdWithoutZeros(axis=1)(x).owner
    assert isinstance(node.op.L_op(node.inputs, node.outputs, [v])[0].type, NullType)
    promised = evaluate(grad(T.prod(x, axis=0, no_zeros_in_input=True).sum(), x), {x: data + 1})
    np.testing.assert_allclose(promised, (data + 1).prod(axis=0) / (data + 1))


def test_promises_make_another_op():
    assert Prod(0) != Prod(0, no_zeros_in_input=True)
    assert Prod(0) == Prod((0,)) and hash(Sum(0)) == hash(Sum((0,)))
    assert CAReduce(scal.add) != Sum()


def test_positions_are_disconnected():
    node = T.max_and_argmax(x, axis=0)[0].owner
    assert node.op.connection_pattern(node) == [[True, False]]
    assert isinstance(node.op.grad(node.inputs, [DisconnectedType()(), DisconnectedType()()])[0].type, DisconnectedType)


def test_nothing_to_reduce():
    empty = np.ones((0, 3))
    assert evaluate(x.sum(), {x: empty}) == 0 and evaluate(x.prod(), {x: empty}) == 1
    np.testing.assert_array_equal(evaluate(x.sum(axis=0), {x: empty}), np.zeros(3))
    assert evaluate(T.all(x), {x: empty}) and not evaluate(T.any(x), {x: empty})
    assert np.isnan(evaluate(x.mean(), {x: empty}))
    assert evaluate(x.max(axis=1), {x: empty}).shape == (0,)
    for out in (x.max(axis=0), x.max(), x.min(), x.argmax(axis=0), CAReduce(scal.maximum, 0)(x)):
        with pytest.raises(ValueError, match="zero-size|empty sequence"):
            evaluate(out, {x: empty}, laws=False)


@pytest.mark.parametrize("name, expected", [
    ("add", np.sum), ("mul", np.prod), ("maximum", np.max), ("minimum", np.min),
])
def test_general_reductions(name, expected):
    for axis in (None, 1, (0, 2)):
        op = CAReduce(getattr(scal, name), axis)
        np.testing.assert_allclose(evaluate(op(t), {t: A}), expected(A, axis=axis))


def test_reductions_by_other_scalar_ops():
    b = T.bmatrix("b")
    data = np.array([[5, 3, 6], [1, 7, 2]], "int8")
    for name, ufunc in [("or_", np.bitwise_or), ("and_", np.bitwise_and), ("xor", np.bitwise_xor)]:
        np.testing.assert_array_equal(evaluate(CAReduce(getattr(scal, name), 1)(b), {b: data}), ufunc.reduce(data, 1))
    np.testing.assert_array_equal(evaluate(CAReduce(scal.sub, 0)(b), {b: data}), data[0] - data[1])
    with pytest.raises(NotImplementedError, match="only supports binary functions"):
        CAReduce(scal.exp)


def test_gradient_of_general_maxima(rng):
    data = rng.permutation(np.arange(6.0)).reshape(2, 3)
    check_gradient(CAReduce(scal.maximum, 0), data, rng=rng)
    check_gradient(CAReduce(scal.minimum, (0, 1)), data, rng=rng)


@pytest.mark.parametrize("op, expected", [
    (Sum(), "Sum{acc_dtype=None}"), (Sum([1, 0]), "Sum{axis=[0, 1], acc_dtype=None}"),
    (Sum(axis=0, dtype="float32", acc_dtype="float64"), "Sum{axis=[0], acc_dtype=float64}"),
    (Prod(0), "Prod{axis=(0,), dtype=None, acc_dtype=None}"), (elemwise.All(), "All"), (elemwise.Any(0), "Any{0}"),
    (elemwise.All([0, 1]), "All{0, 1}"), (CAReduce(scal.add, 0), "Reduce{add}{0}"),
    (CAReduce(scal.maximum), "Reduce{maximum}"), (CAReduce(scal.or_, ()), "Reduce{OR}{}"),
    (T.MaxAndArgmax([0, 1]), "MaxAndArgmax{axis=(0, 1)}"), (T.basic.Mean(0), "Mean{0}"),
])
def test_printing(op, expected):
    assert str(op) == expected


def test_mean_as_one_op():
    for axis in (None, 0, (0, 1)):
        found = evaluate(T.mean(x, axis=axis, op=True, keepdims=True), {x: A[0]})
        np.testing.assert_allclose(found, A[0].mean(axis=axis, keepdims=True))
    with pytest.raises(NotImplementedError):
        T.mean(x, op=True, dtype="float32")


def test_variance_with_degrees_of_freedom():
    for axis in (None, 0, 1, (0, 2), (0, 1, 2)):
        for ddof in (0, 1, 2):
            for function, reference in ((T.var, np.var), (T.std, np.std)):
                if ddof == 2 and axis == 0:
                    continue
                found = evaluate(function(t, axis=axis, ddof=ddof), {t: A})
                np.testing.assert_allclose(found, reference(A, axis=axis, ddof=ddof), rtol=1e-12)
    np.testing.assert_allclose(evaluate(T.var(t, axis=1, corrected=True), {t: A}), A.var(axis=1))
    assert T.var(x).name == "var" and T.std(x).name == "std" and T.mean(x).name == "mean"
    with pytest.raises(ValueError, match="Parameter keepdims is now at index 3"):
        T.var(x, 0, True)


def test_norms_and_ranges():
    for order in (1, 2, 3, 0, np.inf):
        for axis in (None, 0, 1):
            data = A[0]
            expected = {0: lambda d: (d != 0).sum(axis=axis), np.inf: lambda d: np.abs(d).max(axis=axis)}.get(
                order, lambda d: (np.abs(d) ** order).sum(axis=axis) ** (1.0 / order)
            )(data)
            np.testing.assert_allclose(evaluate(x.norm(order, axis=axis), {x: data}), expected)
    np.testing.assert_allclose(evaluate(T.ptp(x, axis=0), {x: A[0]}), np.ptp(A[0], axis=0))


def test_covariance():
    y, z = T.dmatrix("y"), T.zmatrix("z")
    a, b = A[0], np.cos(A[0])
    for options in ({}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"rowvar": False, "ddof": 1}):
        np.testing.assert_allclose(evaluate(T.cov(x, **options), {x: a}), np.cov(a, **options))
    np.testing.assert_allclose(evaluate(T.cov(x, y), {x: a, y: b}), np.cov(a, b))
    np.testing.assert_allclose(evaluate(T.cov(z), {z: a + 1j * b}), np.cov(a + 1j * b))


@pytest.mark.parametrize("build, error, message", [
    (lambda: T.sum(x, axis=2), ValueError, "Not enough dimensions on x to reduce on axis 2"),
    (lambda: T.max(x, axis=5), ValueError, "Not enough dimensions on x to reduce on axis 5"),
    (lambda: T.argmax(x, axis=5), ValueError, "Computation needs a valid axis number for 2-D tensor. Got 5"),
    (lambda: T.check_and_normalize_axes(x, 1.5), TypeError, "Axis must be an integer"),
    (lambda: T.check_and_normalize_axes(x, T.iscalar()), TypeError, "constant axis"),
    (lambda: T.min(T.zvector()), TypeError, "complex numbers have no minimum"),
])
def test_errors(build, error, message):
    with pytest.raises(error) as caught:
        build()
    assert message in str(caught.value)


def test_normalised_axes():
    for given, expected in [(None, []), (-1, [1]), ([0, -1], [0, 1]), (T.constant(1), [1]), (np.int64(0), [0])]:
        assert T.check_and_normalize_axes(x, given) == expected
    assert text(T.makeKeepDims(x, x.sum(axis=1), 1)) == "InplaceDimShuffle{0,x}(Sum{axis=[1], acc_dtype=float64}(x))"
