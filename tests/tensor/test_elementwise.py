"""Elemwise and DimShuffle: values against NumPy, shapes, gradients, Rop, in-place variants, errors."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import scalar as scal
from symtensor.gradient import grad
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.tensor import inplace
from symtensor.tensor.elemwise import DimShuffle, Elemwise
from tensor_perform import check_gradient, check_gradient_of, evaluate, text
from tensor_rop import check_rop

x, y, v, r, c, s = T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.drow("r"), T.dcol("c"), T.dscalar("s")
A = np.arange(1.0, 7.0).reshape(2, 3)
V = np.array([0.5, -1.5, 2.0])


def test_broadcasting_follows_the_pattern():
    for out, expected in [
        (x + v, A + V), (x * r, A * V[None]), (c - r, A[:, :1] - V[None]), (x / s, A / 2), (v + x, V + A),
        (T.add(x, v, s, r), A + V + 2 + V), (T.switch(x > v, r, c), np.where(A > V, V[None], A[:, :1])),
        (s + s, 4.0), (T.clip(x, v, 4), np.clip(A, V, 4)),
    ]:
        given = {x: A, v: V, r: V[None], c: A[:, :1], s: 2.0}
        np.testing.assert_allclose(evaluate(out, given), expected)


@pytest.mark.parametrize("name, low, high", [
    ("abs_", -2, 2), ("neg", -2, 2), ("inv", 0.5, 2), ("sqr", -2, 2), ("sqrt", 0.5, 2), ("exp", -2, 2), ("exp2", -2, 2),
    ("expm1", -2, 2), ("log", 0.5, 2), ("log2", 0.5, 2), ("log10", 0.5, 2), ("log1p", -0.5, 2), ("sin", -2, 2),
    ("cos", -2, 2), ("tan", -1, 1), ("arcsin", -0.9, 0.9), ("arccos", -0.9, 0.9), ("arctan", -2, 2), ("sinh", -2, 2),
    ("cosh", -2, 2), ("tanh", -2, 2), ("arcsinh", -2, 2), ("arccosh", 1.5, 3), ("arctanh", -0.9, 0.9),
    ("deg2rad", -2, 2), ("rad2deg", -2, 2), ("erf", -2, 2), ("erfc", -2, 2), ("gammaln", 0.5, 3), ("gamma", 0.5, 3),
    ("psi", 0.5, 3), ("tensor_copy", -2, 2),
])
def test_gradients_of_one_argument(name, low, high, rng):
    values = rng.uniform(low, high, size=(2, 3))
    values[np.abs(values) < 0.05] = 0.3
    op = getattr(T, name)
    check_gradient(op, values, rng=rng)
    check_rop(op, values, rng=rng, tolerance=1e-4)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "true_div", "pow", "maximum", "minimum", "arctan2", "second"])
def test_gradients_are_summed_over_repeated_axes(name, rng):
    op = getattr(T, name)
    a, b = rng.uniform(0.5, 1.4, size=(2, 3)), rng.uniform(1.6, 2.5, size=(1, 3))
    kind = T.drow
    if name != "second":
        check_gradient_of(lambda p, q: op(p, q), [T.dmatrix(), kind()], [a, b], rng)
        check_gradient_of(lambda p, q: op(q, p), [T.dmatrix(), kind()], [a, b], rng)
    check_gradient_of(lambda q: op(T.constant(a), q), [kind()], [b], rng)
    check_gradient_of(lambda q: op(T.constant(a), q), [T.dvector()], [b[0]], rng)
    check_gradient_of(lambda q: op(T.constant(a), q), [T.dscalar()], [b[0, 0]], rng)


def test_rop_adds_up_the_arguments(rng):
    a, b = rng.uniform(0.5, 1.5, size=(2, 3)), rng.uniform(0.5, 1.5, size=3)
    check_rop(lambda p, q: p * q + T.exp(p) / q, a, b, rng=rng)
    check_rop(lambda p, q: T.maximum(p, q), a, b, rng=rng)
    # The derivative of the row is smaller than the output.
    check_rop(lambda q: T.constant(a) + q, b, rng=rng)


def test_gradient_of_zero_derivative_has_the_inputs_shape():
    g = grad((x // v).sum(), [x, v])
    assert [q.type for q in g] == [x.type, v.type]
    np.testing.assert_array_equal(evaluate(g[0], {x: A, v: V}), np.zeros((2, 3)))
    np.testing.assert_array_equal(evaluate(g[1], {x: A, v: V}), np.zeros(3))


def test_integer_inputs_get_float_zeros():
    i = T.ivector("i")
    cost = (i * v).sum()
    op = cost.owner.inputs[0].owner
    gradients = op.op.L_op(op.inputs, op.outputs, [v])
    assert gradients[0].type.dtype.startswith("float")
    np.testing.assert_array_equal(
        evaluate(grad(cost, v), {i: np.array([1, 2, 3]), v: V}), [1.0, 2.0, 3.0]
    )


def test_disconnected_arguments():
    out = T.second(x, s)
    node = out.owner
    assert node.op.connection_pattern(node) == [[False], [True]]
    assert isinstance(node.op.L_op(node.inputs, node.outputs, [x])[0].type, DisconnectedType)
    both = T.add(x, y).owner
    assert both.op.connection_pattern(both) == [[True], [True]]


def test_gradient_graphs_print_as_recorded():
    assert text(grad((x**2).sum(), x)) == (
        "Elemwise{mul}(Elemwise{mul}(Elemwise{second}(Elemwise{pow,no_inplace}(x, InplaceDimShuffle{x,x}("
        "TensorConstant{2})), InplaceDimShuffle{x,x}(Elemwise{second,no_inplace}(Sum{acc_dtype=float64}("
        "Elemwise{pow,no_inplace}(x, InplaceDimShuffle{x,x}(TensorConstant{2}))), TensorConstant{1.0}))), "
        "InplaceDimShuffle{x,x}(TensorConstant{2})), Elemwise{pow}(x, Elemwise{sub}(InplaceDimShuffle{x,x}("
        "TensorConstant{2}), InplaceDimShuffle{x,x}(TensorConstant{1}))))"
    )
    assert text(grad((x + v).sum(), v)).startswith(
        "InplaceDimShuffle{1}(Elemwise{identity}(InplaceDimShuffle{x,0}(Sum{axis=[0], acc_dtype=float64}("
    )
    assert text(grad(s * s, s)).count("Elemwise{mul}") == 2


def test_user_defined_scalar_ops_are_lifted(rng):
    class Cube(scal.UnaryScalarOp):
        def impl(self, a):
            return a * a * a

        def grad(self, inputs, gradients):
            (a,), (gz,) = inputs, gradients
            return [gz * 3 * a * a]

    cube = Elemwise(Cube(scal.upgrade_to_float, name="cube"))
    assert str(cube) == "Elemwise{cube}"
    np.testing.assert_allclose(evaluate(cube(x), {x: A}), A**3)
    check_gradient(cube, rng.uniform(-1, 1, size=(2, 3)), rng=rng)


def test_composite_of_two_outputs():
    a, b = scal.float64("a"), scal.float64("b")
    op = Elemwise(scal.Composite([a, b], [a + b, a * b]))
    total, product = op(x, v)
    np.testing.assert_allclose(evaluate(total, {x: A, v: V}), A + V)
    np.testing.assert_allclose(evaluate(product, {x: A, v: V}), A * V)


def test_lengths_must_agree_at_run_time():
    for other in (np.ones((2, 4)), np.ones((1, 3))):
        with pytest.raises(ValueError, match=r"Input dimension mis-match. \(input\[0\].shape\[\d\] = \d, input\[1\]"):
            evaluate(x + y, {x: A, y: other})


def test_empty_tensors():
    assert evaluate(x + v, {x: np.ones((0, 3)), v: V}).shape == (0, 3)
    assert evaluate(x * c, {x: np.ones((2, 0)), c: np.ones((2, 1))}).shape == (2, 0)


def test_results_own_their_memory():
    given = np.ones((2, 3))
    for out in (T.tensor_copy(x), T.second(y, x), T.switch(x > 0, x, x), T.real(x), T.conj(x)):
        found = evaluate(out, {x: given, y: given.copy()})
        assert not np.may_share_memory(found, given)


def test_inplace_variants():
    target = np.ones(3)
    a = T.dvector("a")
    out = inplace.add_inplace(a, v)
    assert str(out.owner.op) == "add_inplace" and out.owner.op.destroy_map == {0: [0]}
    assert str(Elemwise(scal.add, {0: 1})) == "Elemwise{add}[(0, 1)]"
    storage = [[None]]
    out.owner.op.perform(out.owner, [target, V], storage)
    assert storage[0][0] is target and target[2] == 3.0
    with pytest.raises(ValueError, match="cannot be done inplace on an input with broadcasted dimensions"):
        inplace.add_inplace(r, x)
    with pytest.raises(TypeError, match="Cannot do an inplace operation on incompatible data types."):
        inplace.add_inplace(T.ivector(), v)
    assert inplace.fill_inplace is inplace.second_inplace
    assert str(inplace.transpose_inplace(x).owner.op) == "InplaceDimShuffle{1,0}"


def test_equality_of_ops():
    assert Elemwise(scal.add) == T.add and hash(Elemwise(scal.add)) == hash(T.add)
    assert Elemwise(scal.add, {0: 0}) != T.add and Elemwise(scal.mul) != T.add
    assert pickle.loads(pickle.dumps(T.add)) == T.add


def test_derivatives_without_formula_are_null():
    a = T.dvector("a")
    node = T.gammainc(a, v).owner
    gradients = node.op.L_op(node.inputs, node.outputs, [v])
    assert any(isinstance(g.type, NullType) for g in gradients)


# -- DimShuffle --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern, order", [
    ((0, 0), (1, 0)), ((0, 0), ("x", 1, "x", 0)), ((1, 0), (1,)), ((0, 1), ("x", 0)), ((), ("x", "x")), ((1, 1), ()),
    ((0,), (0,)), ((0, 1, 0), (2, 0)),
])
def test_dimshuffle_values(pattern, order, rng):
    shape = [1 if one else n for one, n in zip(pattern, (2, 3, 4))]
    value = rng.normal(size=shape)
    variable = T.TensorType("float64", pattern)()
    out = variable.dimshuffle(*order)
    kept = [k for k in order if k != "x"]
    expected = value.transpose(kept + [k for k in range(len(shape)) if k not in kept])
    expected = expected.reshape([1 if k == "x" else shape[k] for k in order])
    found = evaluate(out, {variable: value})
    np.testing.assert_array_equal(found, expected)
    assert out.type.broadcastable == tuple(k == "x" or bool(pattern[k]) for k in order)
    check_gradient_of(lambda q: q.dimshuffle(*order) * 2.0, [variable], [value], rng)


def test_dimshuffle_is_a_view():
    value = np.asfortranarray(A)[:, ::-1]
    node = x.dimshuffle("x", 1, 0).owner
    storage = [[None]]
    node.op.perform(node, [value], storage)
    assert np.may_share_memory(storage[0][0], value) and node.op.view_map == {0: [0]}


def test_dimshuffle_attributes_and_printing():
    op = DimShuffle([True, False], ["x", 1, "x"])
    assert (op.shuffle, op.augment, op.drop, op.transposition) == ([1], [0, 2], [0], [1, 0])
    assert str(op) == "InplaceDimShuffle{x,1,x}"
    assert pickle.loads(pickle.dumps(op)) == op and op != DimShuffle([True, False], [1])
    assert hash(op) == hash(DimShuffle((1, 0), ("x", 1, "x")))


@pytest.mark.parametrize("pattern, order, error, message", [
    ((0,), (0, 0), ValueError, "may not appear twice"),
    ((0, 1), (1,), ValueError, "You cannot drop a non-broadcastable dimension."),
    ((0,), (0, 1), ValueError, "new_order[1] is 1, but the input only has 1 axis."),
    ((0,), (-1,), ValueError, "drop a non-broadcastable"),
    ((0,), (1.0,), TypeError, "DimShuffle indices must be python ints"),
    ((0,), ("y",), TypeError, "DimShuffle indices must be python ints"),
])
def test_dimshuffle_refuses(pattern, order, error, message):
    with pytest.raises(error) as caught:
        DimShuffle(pattern, order)
    assert message in str(caught.value)


def test_dimshuffle_refuses_other_patterns():
    with pytest.raises(TypeError, match="number of dimensions of the input is incorrect"):
        DimShuffle((False,), ("x", 0))(x)
    with pytest.raises(TypeError, match="broadcastable pattern of the input is incorrect"):
        DimShuffle((True,), (0,))(v)
    with pytest.raises(ValueError, match="inplace for DimShuffle must be true"):
        DimShuffle((False,), (0,), inplace=False)


def test_dropped_axes_must_have_length_one_at_run_time():
    node = r.dimshuffle(1).owner
    with pytest.raises(ValueError):
        node.op.perform(node, [np.ones((2, 3))], [[None]])
