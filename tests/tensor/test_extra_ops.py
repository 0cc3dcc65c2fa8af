"""NumPy's functions beyond the basic ones: values, shapes, gradients, refusals; comparisons; services."""
from __future__ import annotations

import itertools

import numpy as np
import pytest

import symtensor.tensor as T
import symtensor.tensor.extra_ops as E
from symtensor.gradient import grad
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.null_type import NullType
from symtensor.tensor import utils
from tensor_perform import check_gradient, check_gradient_of, evaluate, text
from tensor_rop import check_rop

x, v, s, i, iv = T.dmatrix("x"), T.dvector("v"), T.dscalar("s"), T.lscalar("i"), T.lvector("iv")
A = np.array([[1.0, -2.5, 3.0], [4.0, 0.5, -6.0]])
V = np.array([2.0, 0.5, -1.5, 3.0])


# -- running sums ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running(name, axis, rng):
    function = getattr(E, name)
    np.testing.assert_allclose(evaluate(function(x, axis), {x: A}), getattr(np, name)(A, axis))
    check_gradient(lambda q: function(q, axis), A, rng=rng)
    check_rop(lambda q: function(q, axis), A, rng=rng, tolerance=1e-4)
    b = T.bvector("b")
    assert evaluate(function(b), {b: np.array([100, 100], "int8")}).dtype == "int8"


def test_running_refuses():
    for axis in (2, -3):
        with pytest.raises(ValueError, match=r"axis\(=-?\d\) out of bounds"):
            E.cumsum(x, axis=axis)
    with pytest.raises(ValueError, match='CumOp: Unknown mode "foo"'):
        E.CumOp(mode="foo")
    assert str(E.CumOp(1, "mul")) == "CumOp{1, mul}" and str(E.CumsumOp(0)) == "CumOp{0, add}"
    assert evaluate(E.cumsum(s), {s: 2.0}).shape == (1,)


@pytest.mark.parametrize("n, axis", [(0, 0), (1, -1), (1, 0), (2, 1), (3, 1), (5, 0)])
def test_differences(n, axis, rng):
    np.testing.assert_allclose(evaluate(E.diff(x, n, axis), {x: A}), np.diff(A, n, axis))
    if n < 3:
        check_gradient(lambda q: E.diff(q, n, axis), rng.normal(size=(4, 5)), rng=rng)
        check_rop(lambda q: E.diff(q, n, axis), rng.normal(size=(4, 5)), rng=rng)


# -- repeating ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_repeat(axis, rng):
    length = A.size if axis is None else A.shape[axis]
    counts = np.arange(length) % 3
    for repeats in (2, 0, [3], counts):
        expected = np.repeat(A, repeats, axis)
        np.testing.assert_array_equal(evaluate(E.repeat(x, repeats, axis), {x: A}), expected)
        check_gradient(lambda q: E.repeat(q, repeats, axis), A, rng=rng) if expected.size else None
    np.testing.assert_array_equal(evaluate(E.repeat(x, i, axis), {x: A, i: 2}), np.repeat(A, 2, axis))
    np.testing.assert_array_equal(evaluate(E.repeat(x, iv, axis), {x: A, iv: counts}), np.repeat(A, counts, axis))
    np.testing.assert_array_equal(evaluate(E.RepeatOp(axis)(x, i), {x: A, i: 2}), np.repeat(A, 2, axis))
    check_gradient(lambda q: E.RepeatOp(axis)(q, T.constant(2)), A, rng=rng)
    check_rop(lambda q: E.RepeatOp(axis)(q, T.constant(counts)), A, rng=rng)


def test_repeat_of_a_broadcastable_axis():
    r = T.drow("r")
    np.testing.assert_array_equal(evaluate(E.repeat(r, 2, axis=0), {r: A[:1]}), np.repeat(A[:1], 2, 0))
    assert E.RepeatOp(0)(r, 2).type == T.dmatrix and E.RepeatOp(0)(r, 1).type == T.drow
    assert E.RepeatOp(1)(r, 2).type == T.drow


@pytest.mark.parametrize("repeats, axis, error, message", [
    (1.5, None, TypeError, "must be integers"), (v, None, TypeError, "repeats.dtype must be an integer."),
    (T.TensorType("uint64", [False])(), 0, TypeError, "not supported by numpy.repeat"),
    (T.imatrix(), None, ValueError, "The dimension of repeats should not exceed 1."),
    (2, 5, ValueError, "Axis should not exceed x.ndim-1."),
])
def test_repeat_refuses(repeats, axis, error, message):
    with pytest.raises(error, match=message):
        E.repeat(x, repeats, axis)


def test_squeeze():
    q = T.TensorType("float64", [True, False, True])("q")
    assert text(E.squeeze(q)) == "InplaceDimShuffle{1}(q)"
    assert evaluate(q.squeeze(), {q: np.ones((1, 3, 1))}).shape == (3,)


# -- diagonals and windows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (3, 3, 3)])
def test_fill_diagonal(shape, rng):
    data = rng.normal(size=shape)
    expected = data.copy()
    for k in range(min(shape)):
        expected[(k,) * len(shape)] = 7.5
    a = T.TensorType("float64", [False] * len(shape))("a")
    np.testing.assert_array_equal(evaluate(E.fill_diagonal(a, s), {a: data, s: 7.5}), expected)
    check_gradient(E.fill_diagonal, data, 2.0, rng=rng)
    check_rop(E.fill_diagonal, data, 2.0, rng=rng)


@pytest.mark.parametrize("offset", [0, 1, -1, 3, -3, 9, -9])
def test_fill_diagonal_offset(offset, rng):
    for shape in ((3, 3), (2, 4), (4, 2)):
        data = rng.normal(size=shape)
        expected = np.where(np.eye(*shape, k=offset, dtype=bool), 7.5, data)
        np.testing.assert_array_equal(
            evaluate(E.fill_diagonal_offset(x, s, i), {x: data, s: 7.5, i: offset}), expected
        )
        check_gradient(lambda p, q: E.fill_diagonal_offset(p, q, T.constant(offset)), data, 2.0, rng=rng)
    check_rop(lambda p, q: E.fill_diagonal_offset(p, q, offset), data, 2.0, rng=rng)


def test_filling_refuses():
    for build, message in [
        (lambda: E.fill_diagonal(v, 1), "first parameter must have at least two dimensions"),
        (lambda: E.fill_diagonal(x, v), "second parameter must be a scalar"),
        (lambda: E.fill_diagonal(T.imatrix(), 1.5), "type of second parameter must be the same as the first's"),
        (lambda: E.fill_diagonal_offset(T.dtensor3(), 1, 1), "first parameter must have exactly two dimensions"),
        (lambda: E.fill_diagonal_offset(x, 1, v), "third parameter must be a scalar"),
        (lambda: E.fill_diagonal_offset(x, 1, 1.5), "type of third parameter must be as integer"),
        (lambda: E.bartlett(1.5), "Bartlett only works on integer input"),
        (lambda: E.bartlett(v), "Bartlett only works on scalar input"),
    ]:
        with pytest.raises(TypeError) as caught:
            build()
        assert message in str(caught.value)
    cube = T.dtensor3()
    with pytest.raises(ValueError, match="All dimensions of input must be of equal length"):
        evaluate(E.fill_diagonal(cube, 1.0), {cube: np.ones((2, 3, 2))}, laws=False)


def test_window_and_memory_order():
    for points in (-1, 0, 1, 2, 5, 6):
        np.testing.assert_allclose(evaluate(E.bartlett(i), {i: points}), np.bartlett(points))
    node = E.cpu_contiguous(x).owner
    for given in (A, np.asfortranarray(A), A[:, ::-1]):
        storage = [[None]]
        node.op.perform(node, [given], storage)
        assert storage[0][0].flags.c_contiguous and (storage[0][0] == given).all()
    assert text(grad(E.cpu_contiguous(x).sum(), x)).startswith("CpuContiguous(")


# -- searching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    data, order = np.sort(V), np.argsort(V)
    for wanted in (np.array(0.5), V, A):
        variable = T.TensorType("float64", [False] * wanted.ndim)()
        found = evaluate(E.searchsorted(v, variable, side), {v: data, variable: wanted})
        np.testing.assert_array_equal(found, np.searchsorted(data, wanted, side))
        assert found.dtype == "int64"
    found = evaluate(E.searchsorted(v, s, side, sorter=iv), {v: V, s: 0.5, iv: order})
    assert found == np.searchsorted(V, 0.5, side, sorter=order)


def test_searchsorted_refuses():
    with pytest.raises(ValueError, match="'foo' is an invalid value for keyword 'side'"):
        E.searchsorted(v, v, side="foo")
    for sorter in (v, T.TensorType("uint64", [False])()):
        with pytest.raises(TypeError, match="sorter must be an integer vector"):
            E.searchsorted(v, v, sorter=sorter)
    with pytest.raises(ValueError, match="could not be cast to have 1 dimensions"):
        E.searchsorted(x, s)
    np.testing.assert_array_equal(
        evaluate(grad((E.searchsorted(v, v) * v).sum(), v), {v: np.sort(V)}), np.arange(4.0)
    )


@pytest.mark.parametrize("index, inverse, counts", list(itertools.product([False, True], repeat=3)))
def test_unique(index, inverse, counts):
    data = np.array([[2.0, 1.0, 2.0], [2.0, 1.0, 2.0], [0.0, 5.0, 2.0]])
    for axis in (None, 0, 1, -1):
        out = E.Unique(index, inverse, counts, axis)(x, return_list=True)
        expected = np.unique(data, index, inverse, counts, axis)
        expected = expected if isinstance(expected, tuple) else (expected,)
        assert len(out) == len(expected)
        for a, b in zip(out, expected):
            np.testing.assert_array_equal(evaluate(a, {x: data}, laws=False), np.asarray(b).reshape(a.ndim * (-1,)
                                          if a.ndim == 1 else b.shape))
    with pytest.raises(ValueError, match="outside of input ndim = 2"):
        E.Unique(axis=5)(x)
    node = E.Unique()(x).owner
    assert isinstance(node.op.grad(node.inputs, [v])[0].type, NullType)


def test_bincount(rng):
    data, weights = np.array([0, 3, 1, 3, 3]), np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    np.testing.assert_array_equal(evaluate(E.bincount(iv), {iv: data}), np.bincount(data))
    np.testing.assert_array_equal(evaluate(E.bincount(iv, v), {iv: data, v: weights}), np.bincount(data, weights))
    for minlength in (2, 9):
        found = evaluate(E.bincount(iv, minlength=minlength), {iv: data})
        np.testing.assert_array_equal(found, np.bincount(data, minlength=minlength))
    check_gradient(lambda q: E.bincount(T.constant(data), q), weights, rng=rng)
    checked = E.bincount(iv, assert_nonneg=True)
    np.testing.assert_array_equal(evaluate(checked, {iv: data}), np.bincount(data))
    with pytest.raises(AssertionError, match="Input to bincount has negative values!"):
        evaluate(checked, {iv: data - 1}, laws=False)
    for wrong, message in [(T.imatrix(), "Inputs must be of dimension 1."), (v, "index must be integers")]:
        with pytest.raises(TypeError, match=message):
            E.bincount(wrong)


def test_selections():
    keep = np.array([1, 0, 2])
    np.testing.assert_array_equal(evaluate(E.compress(iv, x, axis=1), {iv: keep, x: A}), np.compress(keep, A, 1))
    np.testing.assert_array_equal(evaluate(E.compress(iv, x), {iv: keep, x: A}), np.compress(keep, A))
    hot = evaluate(E.to_one_hot(iv, 4, dtype="int8"), {iv: keep})
    np.testing.assert_array_equal(hot, np.eye(4)[keep])
    assert hot.dtype == "int8"
    np.testing.assert_array_equal(evaluate(E.to_one_hot(iv, i), {iv: keep, i: 3}), np.eye(3)[keep])
    with pytest.raises(TypeError, match="index must be integers"):
        E.to_one_hot(v, 3)


@pytest.mark.parametrize("order", ["C", "F"])
def test_flat_indices(order):
    shape, places = (3, 4, 2), np.array([[0, 23], [7, 11]])
    im = T.lmatrix("im")
    for dims in (shape, T.constant(shape)):
        found = [evaluate(q, {im: places}) for q in E.unravel_index(im, dims, order=order)]
        np.testing.assert_array_equal(found, np.unravel_index(places, shape, order))
    found = E.unravel_index(im, iv, order=order, ndim=3)
    expected = np.unravel_index(places, shape, order)
    np.testing.assert_array_equal(evaluate(found[1], {im: places, iv: shape}), expected[1])
    index = (np.array([0, 2, 1]), np.array(3), np.array([1, 0, 1]))
    symbols = (T.lvector(), T.lscalar(), T.lvector())
    back = E.ravel_multi_index(symbols, shape, order=order)
    np.testing.assert_array_equal(
        evaluate(back, dict(zip(symbols, index))), np.ravel_multi_index(index, shape, order=order)
    )
    outside = (np.array([-1, 5, 1]), np.array(9), np.array([1, 0, 1]))
    for mode in ("wrap", "clip"):
        found = evaluate(E.ravel_multi_index(symbols, shape, mode, order), dict(zip(symbols, outside)))
        np.testing.assert_array_equal(found, np.ravel_multi_index(outside, shape, mode=mode, order=order))
    with pytest.raises(ValueError):
        evaluate(back, dict(zip(symbols, outside)), laws=False)


def test_flat_indices_refuse():
    for build, error in [
        (lambda: E.unravel_index(v, (2, 3)), TypeError), (lambda: E.ravel_multi_index((v, v), (2, 3)), TypeError),
        (lambda: E.ravel_multi_index(T.lmatrix(), (2, 3)), TypeError), (lambda: E.unravel_index(iv, iv), ValueError),
        (lambda: E.unravel_index(iv, (2, 3), order="X"), ValueError),
        (lambda: E.ravel_multi_index((iv, iv), (2, 3), mode="foo"), ValueError),
    ]:
        with pytest.raises(error):
            build()


# -- comparisons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("equal_nan", [False, True])
def test_closeness(equal_nan):
    special = np.array([0.0, -0.0, 1.0, 1 + 1e-6, 1 + 1e-3, np.nan, np.inf, -np.inf, 1e-9, 1e300])
    a, b = (q.ravel() for q in np.meshgrid(special, special))
    p, q = T.dvector("p"), T.dvector("q")
    found = evaluate(T.isclose(p, q, equal_nan=equal_nan), {p: a, q: b})
    np.testing.assert_array_equal(found, np.isclose(a, b, equal_nan=equal_nan))
    assert evaluate(T.allclose(p, q), {p: V, q: V + 1e-9}) and not evaluate(T.allclose(p, q), {p: a, q: b})
    k = T.ivector("k")
    np.testing.assert_array_equal(evaluate(T.isclose(k, k + 1), {k: np.array([1, 10**6])}), [False, True])


def test_nan_and_infinity():
    special = np.array([0.0, np.nan, np.inf, -np.inf])
    for name in ("isnan", "isinf"):
        np.testing.assert_array_equal(evaluate(getattr(T, name)(v), {v: special}), getattr(np, name)(special))
        found = evaluate(getattr(T, name)(iv), {iv: np.array([1, 2])})
        assert found.dtype == "bool" and not found.any()


def test_extremes_of_several():
    p, q = T.dvector("p"), T.dvector("q")
    given = {v: V, p: -V, q: V * 0}
    np.testing.assert_array_equal(evaluate(T.smallest(v, p), given), np.minimum(V, -V))
    np.testing.assert_array_equal(evaluate(T.largest(v, p), given), np.maximum(V, -V))
    np.testing.assert_array_equal(evaluate(T.smallest(v, p, q), given), -np.abs(V))
    np.testing.assert_array_equal(evaluate(T.largest(v, p, q), given), np.abs(V))


def test_more_arithmetic():
    k = T.lvector("k")
    data = np.array([-7, -6, 0, 6, 7])
    np.testing.assert_array_equal(evaluate(T.ceil_intdiv(k, 3), {k: data}), -(-data // 3))
    np.testing.assert_array_equal(evaluate(T.power(v, 2), {v: V}), V**2)
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    np.testing.assert_array_equal(evaluate(T.round(v), {v: halves}), np.round(halves))
    np.testing.assert_array_equal(evaluate(T.round(v, "half_away_from_zero"), {v: halves}), [-3, -2, -1, 1, 2, 3])
    assert evaluate(T.iround(v), {v: halves}).dtype == "int64"
    np.testing.assert_allclose(evaluate(T.outer(v, v), {v: V}), np.outer(V, V))


@pytest.mark.parametrize("source", T.all_dtypes)
def test_casts(source, rng):
    data = (rng.uniform(0, 100, size=5)).astype(source)
    variable = T.TensorType(source, [False])()
    for target in T.all_dtypes:
        if source.startswith("complex") and not target.startswith("complex"):
            with pytest.raises(TypeError, match="Casting from complex to real is ambiguous"):
                T.cast(variable, target)
            continue
        out = T.cast(variable, target)
        if source == target:
            assert out is variable
            continue
        found = evaluate(out, {variable: data})
        np.testing.assert_array_equal(found, data.astype(target))
        assert found.dtype == target


def test_gradient_of_casts(rng):
    check_gradient_of(lambda q: T.cast(q * q, "float64"), [T.dvector()], [V], rng)
    f = T.fvector("f")
    # As in Theano the gradient has the dtype of what was computed, not of the input.
    assert grad(T.cast(f, "float64").sum(), f).type == T.dvector


# -- services ----------------------------------------------------------------------------------------------------------


def test_names_for_arrays():
    name = utils.hash_from_ndarray
    assert name(A) == name(A.copy()) and name(A) != name(A + 1) and name(A) != name(A.reshape(3, 2))
    assert name(np.zeros(2)) != name(np.zeros(4, "float32")) and name(A[:, ::2]) == name(A[:, ::2])


def test_shapes_of_all_variables():
    y = T.dmatrix("y")
    out = (T.join(0, x, y)[1:] * 2).sum(axis=1)
    fgraph = FunctionGraph([x, y], [out])
    first, second = fgraph.inputs
    shapes = utils.shape_of_variables(fgraph, {first: (5, 6), second: (2, 6)})
    total = fgraph.outputs[0]
    assert shapes[total] == (6,) and shapes[first] == (5, 6) and shapes[total.owner.inputs[0]] == (6, 6)
    with pytest.raises(ValueError, match="missing"):
        utils.shape_of_variables(fgraph, {first: (5, 6)})
