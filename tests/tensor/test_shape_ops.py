"""Shapes: the graphs, types and errors that Theano 1.0.5 gives, values against NumPy, gradients against differences."""
from __future__ import annotations

import numpy as np
import pytest

from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.type import Generic
from symtensor.tensor.constructors import imatrix, iscalar, ivector, matrix, row, scalar, tensor, tensor3, vector
from symtensor.tensor.joining import concatenate
from symtensor.tensor.shape_ops import (
    Flatten,
    Rebroadcast,
    Reshape,
    Shape,
    Shape_i,
    addbroadcast,
    flatten,
    is_flat,
    patternbroadcast,
    reshape,
    shape,
    shape_i,
    shape_i_op,
    shape_padaxis,
    shape_padleft,
    shape_padright,
    specify_shape,
    swapaxes,
    transpose,
    unbroadcast,
)
from tensor_perform import check_gradient, evaluate, text

x, v, s, r = matrix("x"), vector("v"), scalar("s"), row("r")
t3, i, iv = tensor3("t3"), iscalar("i"), ivector("iv")
A = np.arange(12.0).reshape(3, 4)


def test_shape_reads_lengths():
    assert evaluate(shape(x), {x: A}).tolist() == [3, 4]
    assert evaluate(shape(s), {s: 1.0}).shape == (0,)
    assert evaluate(Shape_i(1)(x), {x: A}) == 4
    assert text(shape_i(x, 0)) == "Subtensor{int64}(Shape(x), Constant{0})"
    assert shape(Generic()()).type.ndim == 1
    assert shape_i_op(1) is shape_i_op(1) and str(shape_i_op(1)) == "Shape_i{1}"
    assert text(shape([1, 2])) == "Shape(TensorConstant{[1 2]})"


@pytest.mark.parametrize("axis, variable", [(2, x), (0, s), (-1, x)])
def test_shape_i_of_a_missing_axis(axis, variable):
    with pytest.raises(TypeError, match="x has too few dimensions for Shape_i"):
        Shape_i(axis)(variable)


def test_lengths_have_no_gradient():
    assert Shape().connection_pattern(shape(x).owner) == [[False]]
    assert isinstance(Shape().grad([x], [s])[0].type, DisconnectedType)
    assert isinstance(Shape_i(0).grad([x], [s])[0].type, NullType)
    assert Shape().R_op([x], [x]) == [None]


def test_specify_shape():
    assert str(specify_shape(x, (2, 3))) == "SpecifyShape.0"
    assert evaluate(specify_shape(x, (3, 4)), {x: A}).tolist() == A.tolist()
    with pytest.raises(AssertionError, match="dim 0 of input has shape 3, expected 2"):
        evaluate(specify_shape(x, (2, i)), {x: A, i: 4})
    with pytest.raises(AssertionError, match="vector of shape has 3 elements, but the input has 2 dimensions"):
        evaluate(specify_shape(x, iv), {x: A, iv: [3, 4, 1]}, laws=False)
    for refused in ((2, 3, 4), i, vector("w"), (1.5, 3)):
        with pytest.raises(AssertionError):
            specify_shape(x, refused)
    node = specify_shape(x, (2, 3)).owner
    assert node.op.connection_pattern(node) == [[True], [False]]


RESHAPES = [
    (lambda: reshape(x, (2, 6)), (False, False), (2, 6)),
    (lambda: reshape(x, (-1, 3)), (False, False), (4, 3)),
    (lambda: reshape(x, (1, 12)), (True, False), (1, 12)),
    (lambda: reshape(x, (-1, 1)), (False, True), (12, 1)),
    (lambda: reshape(x, (x.shape[1], 1, x.shape[0])), (False, True, False), (4, 1, 3)),
    (lambda: reshape(x, (x.shape[0], -1)), (False, False), (3, 4)),
    (lambda: reshape(x, (x.shape[0], -1, 2)), (False, False, False), (3, 2, 2)),
    (lambda: reshape(x, x.shape), (False, False), (3, 4)),
    (lambda: reshape(x, x.shape[::-1]), (False, False), (4, 3)),
    (lambda: reshape(x, np.array([6, 2])), (False, False), (6, 2)),
    (lambda: x.reshape((12,)), (False,), (12,)),
    (lambda: x.reshape((x.shape[0] * 2, 2)), (False, False), (6, 2)),
    (lambda: x.reshape(concatenate([[1], x.shape]), ndim=3), (True, False, False), (1, 3, 4)),
    (lambda: flatten(x), (False,), (12,)),
    (lambda: x.ravel(), (False,), (12,)),
    (lambda: flatten(x, 2), (False, False), (3, 4)),
    (lambda: flatten(shape_padleft(x), 2), (True, False), (1, 12)),
    (lambda: flatten(shape_padright(x, 2), 3), (False, False, True), (3, 4, 1)),
    (lambda: shape_padleft(x, 2), (True, True, False, False), (1, 1, 3, 4)),
    (lambda: shape_padright(x), (False, False, True), (3, 4, 1)),
    (lambda: shape_padaxis(x, 1), (False, True, False), (3, 1, 4)),
    (lambda: shape_padaxis(x, -2), (False, True, False), (3, 1, 4)),
    (lambda: shape_padaxis(x, -1), (False, False, True), (3, 4, 1)),
    (lambda: transpose(x), (False, False), (4, 3)),
    (lambda: swapaxes(x, 0, -1), (False, False), (4, 3)),
]


@pytest.mark.parametrize("build, pattern, lengths", RESHAPES)
def test_reshaped(build, pattern, lengths):
    out = build()
    assert out.type.broadcastable == pattern
    value = evaluate(out, {x: A})
    swapped = text(out).startswith("InplaceDimShuffle{1,0}")
    assert value.tolist() == (A.T if swapped else A.reshape(lengths)).tolist()


def test_reshape_by_a_vector_known_at_run_time():
    out = reshape(x, iv, ndim=2)
    assert str(out.owner.op) == "Reshape{2}" and out.type.ndim == 2
    for lengths in ([2, 6], [-1, 6], [2, -1], [12, 1]):
        assert evaluate(out, {x: A, iv: lengths}).shape == tuple(np.reshape(A, lengths).shape)
    assert evaluate(reshape(x, iv, ndim=1), {x: A, iv: [-1]}).shape == (12,)
    assert evaluate(reshape(x, (1, i)), {x: A, i: 12}).shape == (1, 12)
    assert evaluate(reshape(x, ()), {x: [[2.0]]}) == 2.0


@pytest.mark.parametrize("lengths", [[5, 2], [-1, 5], [-1, -1], [-2, 6], [3, 4, 1]])
def test_reshape_that_does_not_fit(lengths):
    with pytest.raises(ValueError):
        evaluate(reshape(x, iv, ndim=2), {x: A, iv: lengths}, laws=False)


REFUSED = [
    (lambda: reshape(x, 3), TypeError, r"New shape in reshape must be a vector or a list/tuple of scalar. Got Tensor"),
    (lambda: reshape(x, i), TypeError, r"New shape in reshape must be a vector or a list/tuple of scalar. Got i after"),
    (lambda: reshape(x, iv), ValueError, r"The length of the provided shape \(iv\) cannot be automatically determined"),
    (lambda: reshape(x, [1.5, 3]), TypeError, "Shape must be integers"),
    (lambda: reshape(x, (s, 3)), TypeError, "Shape must be integers"),
    (lambda: reshape(x, imatrix("im"), ndim=2), ValueError, "TensorType could not be cast to have 1 dimensions"),
    (lambda: reshape(x, (2, 3), ndim=3), ValueError, "incorrect length 2, should be 3"),
    (lambda: Reshape(2, "name"), AssertionError, "deprecated"),
    (lambda: flatten(x, 3), ValueError, r"ndim 3 out of bound \[1, 3\)"),
    (lambda: flatten(x, 0), ValueError, r"ndim 0 out of bound \[1, 3\)"),
    (lambda: flatten(x, ndim=1, outdim=1), ValueError, "You should only specify ndim"),
    (lambda: shape_padaxis(x, 3), IndexError, r"axis 3 is out of bounds \[-3, 3\)"),
    (lambda: addbroadcast(x, 2), ValueError, "Trying to rebroadcast non-existent dimension"),
    (lambda: Rebroadcast((5, True))(x), ValueError, "Trying to rebroadcast non-existent dimension"),
    (lambda: Rebroadcast((0, 1)), TypeError, "Rebroadcast needs bool for new broadcast pattern. Got 1"),
    (lambda: Rebroadcast((1.5, True)), TypeError, "Rebroadcast needs integer axes. Got 1.5"),
    (lambda: swapaxes(t3, 0, 3), IndexError, "range"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_deprecated_forms():
    with pytest.warns(UserWarning, match="flatten outdim parameter is deprecated"):
        assert flatten(t3, outdim=2).type.ndim == 2
    with pytest.warns(DeprecationWarning, match="Flatten class is deprecated"):
        out = Flatten(2)(t3)
    assert str(out.owner.op) == "Flatten{2}"
    assert evaluate(out, {t3: np.ones((2, 3, 4))}).shape == (2, 12)
    assert out.owner.op.grad([t3], [out])[0].type == t3.type
    assert is_flat(v) and not is_flat(x) and is_flat(x, 2)


def test_broadcast_promises():
    assert str(addbroadcast(x, 0).owner.op) == "Rebroadcast{1}"
    assert str(Rebroadcast((1, True))) == "Rebroadcast{?,1}"
    assert str(Rebroadcast((0, True), (1, False))) == "Rebroadcast{1,0}"
    assert str(Rebroadcast()) == "Rebroadcast{}"
    assert addbroadcast(r, 0) is r and addbroadcast(x) is x and unbroadcast(r, 1) is r
    assert text(addbroadcast(addbroadcast(x, 0), 1)) == "Rebroadcast{1,1}(x)"
    assert unbroadcast(addbroadcast(x, 0), 0) is x
    assert addbroadcast(x, -1).type.broadcastable == (False, True)
    assert str(patternbroadcast(r, (False, True)).owner.op) == "Rebroadcast{0,1}"
    assert Rebroadcast((0, True)) == Rebroadcast((0, True)) != Rebroadcast((0, True), (1, False))
    assert hash(Rebroadcast((0, True))) == hash(Rebroadcast((0, True)))
    assert evaluate(addbroadcast(x, 0), {x: A[:1]}).tolist() == A[:1].tolist()
    assert evaluate(unbroadcast(r, 0), {r: A[:1]}).tolist() == A[:1].tolist()
    with pytest.raises(ValueError, match=r"Dimension 0 in Rebroadcast's input was supposed to be 1 \(got 3 instead\)"):
        evaluate(addbroadcast(x, 0), {x: A}, laws=False)


def test_names_of_transposes():
    assert transpose(x).name == "x.T" and x.T.name == "x.T"
    assert x.transpose(1, 0).name is None and transpose(t3, (0, 2, 1)).name is None
    assert transpose([[1, 2]]).type.ndim == 2
    assert transpose(x, np.array([1, 0])).type.ndim == 2


def test_flatten_knows_lengths_of_one():
    assert flatten(s).type.broadcastable == (True,)
    assert flatten(tensor("float64", (False, True, True)), 2).type.broadcastable == (False, True)
    assert text(flatten(s)) == "Rebroadcast{1}(Reshape{1}(s, TensorConstant{(1,) of -1}))"


def test_gradients(rng):
    a = rng.normal(size=(2, 3))
    check_gradient(lambda x: x.reshape((3, 2)), a, rng=rng)
    check_gradient(lambda x: specify_shape(x, (2, 3)) ** 2, a, rng=rng)
    check_gradient(lambda x: addbroadcast(x, 0) * [[1.0], [2.0]], a[:1], rng=rng)
    check_gradient(lambda x: x.flatten() * x.T.flatten(), a, rng=rng)
