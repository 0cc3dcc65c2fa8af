"""What is known before anything runs: constants through ops, lengths of vectors."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import scalar as scal
from symtensor.graph.basic import Constant
from symtensor.tensor.static_value import known_value

x, v, s, r, i = T.dmatrix("x"), T.dvector("v"), T.dscalar("s"), T.drow("r"), T.iscalar("i")
two = T.constant(2)


@pytest.mark.parametrize("variable, value", [
    (two, 2), (T.constant(np.ones((2, 3))), 1), (3, 3), (2.5, 2.5), (np.array(4), 4), (np.array([4]), 4),
    (two + 3, 5), (two * 2 - 1, 3), (T.alloc(two, 3, i), 2), (T.second(x, two), 2), (T.fill(x, 1.5), 1.5),
    (two.dimshuffle("x"), 2), (T.cast(two, "float32"), 2), (T.maximum(two, 7), 7), (T.switch(two > 1, 5, 6), 5),
    (T.tensor_from_scalar(scal.constant(3)), 3), (T.scalar_from_tensor(two), 2), (T.zeros((2, 3)), 0),
    (T.constant([1])[0], 1), (r.shape[0], 1), (T.stack([i, two])[1], 2), (T.zeros_like(x), 0),
    (T.constant([[5.0]]).sum(), 5), (T.unbroadcast(T.constant([[5.0]]), 0)[0, 0], 5),
])
def test_known_values(variable, value):
    found = T.get_scalar_constant_value(variable)
    assert found == value and isinstance(found, np.ndarray) and found.ndim == 0
    assert T.extract_constant(variable) == value


@pytest.mark.parametrize("variable", [
    s, x, T.constant([1, 2]), s + 1, x.shape[0], None, "a", T.NoneConst, T.stack([i, two])[0], T.constant("a" == "b"),
][:-1])
def test_unknown_values(variable):
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(variable)
    assert T.extract_constant(variable) is variable


def test_empty_constants():
    with pytest.raises(T.EmptyConstantError):
        T.get_scalar_constant_value(T.constant([]))


def test_how_far_to_look():
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(two + 3, elemwise=False)
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(T.alloc(two, 3), only_process_constants=True)
    deep = two
    for _ in range(11):
        deep = deep + 1
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(deep)
    assert T.get_scalar_constant_value(deep, max_recur=12) == 13


def test_values_may_be_changed_by_the_caller():
    found = T.get_scalar_constant_value(two)
    found[...] = 9
    assert two.data == 2


def test_a_scalar_variable_comes_back_as_a_tensor():
    n = scal.int64("n")
    assert str(T.extract_constant(n).owner) == "TensorFromScalar(n)"


def test_user_ops_may_take_part():
    class Answer(type(T.alloc)):
        pass

    @known_value.register(Answer)
    def _answer(op, node, index, value_of):
        return np.asarray(42)

    assert T.get_scalar_constant_value(Answer()(s, i)) == 42


@pytest.mark.parametrize("vector, length", [
    (x.shape, 2), (T.constant([1, 2]), 2), ([1, 2, 3], 3), (T.stack([i, i, i]), 3), (x.shape[1:], 1), (x.shape[:1], 1),
    (T.TensorType("int8", [True])(), 1), (T.arange(2, 9, 3), 3), (T.zeros(4), 4), (T.join(0, x.shape, [1]), 3),
    (x.shape + 1, 2), (T.cast(x.shape, "float64"), 2), (T.alloc(s, 5), 5),
])
def test_known_lengths(vector, length):
    assert T.get_vector_length(vector) == length


def test_long_chains_have_lengths_too():
    deep = x.shape
    for _ in range(5000):
        deep = deep + 1
    assert T.get_vector_length(deep) == 2
    views = x.shape
    for _ in range(2000):
        views = views[::-1]
    assert T.get_vector_length(views) == 2


def test_unknown_lengths():
    for vector in (v, T.arange(i), T.zeros(i), v + 1):
        with pytest.raises(ValueError, match="length not known"):
            T.get_vector_length(vector)
    with pytest.raises(TypeError, match="argument must be symbolic vector, got 'x'"):
        T.get_vector_length(x)


def test_constants_of_other_types():
    assert isinstance(T.NoneConst, Constant)
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(T.SliceConstant(T.slicetype, slice(1)))
