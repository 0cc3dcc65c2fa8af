"""From Python values to variables: dtypes, patterns, names and errors that Theano 1.0.5 gives."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import scalar as scal
from symtensor.tensor.var import TensorConstant, TensorConstantSignature

VALUES = [
    (1, "int8", ()), (300, "int16", ()), (70000, "int32", ()), (2**40, "int64", ()), (-1, "int8", ()),
    (2**63, "uint64", ()), (1.5, "float32", ()), (0.1, "float64", ()), (1e300, "float64", ()), (np.nan, "float64", ()),
    (float("inf"), "float32", ()), (1j, "complex128", ()), (np.float64(1), "float64", ()), (np.int64(3), "int64", ()),
    (np.float16(1), "float16", ()), (np.bool_(True), "bool", ()), (np.array(3), "int64", ()), ([1, 2], "int64", (0,)),
    ((1, 2), "int64", (0,)), (range(3), "int64", (0,)), ([[1.5]], "float64", (1, 1)),
    (np.ones((1, 3)), "float64", (1, 0)), ([True], "bool", (1,)), ([], "float64", (0,)), ([0.1, 1], "float64", (0,)),
    (np.uint8(3), "uint8", ()),
]


@pytest.mark.parametrize("value, dtype, pattern", VALUES, ids=repr)
def test_dtype_and_pattern(value, dtype, pattern):
    made = T.as_tensor_variable(value)
    assert isinstance(made, TensorConstant)
    assert made.type == T.TensorType(dtype, pattern)
    np.testing.assert_array_equal(made.data, np.asarray(value))


@pytest.mark.parametrize("value", ["abc", None, np.array(["a"]), slice(1), {}, np.array([1, 2], dtype=object), [1, [2]],
                                   len, T.dvector], ids=repr)
def test_what_is_no_array_of_numbers(value):
    with pytest.raises(TypeError, match="Could not convert .* to TensorType"):
        T.constant(value)
    with pytest.raises(T.AsTensorError, match="Cannot convert .* to TensorType"):
        T.as_tensor_variable(value)


def test_booleans_come_from_comparisons():
    x = T.dscalar()
    for value in (True, False, x == 1):
        with pytest.raises(T.AsTensorError, match="Cannot cast True or False as a tensor variable"):
            T.as_tensor_variable(value)


@pytest.mark.parametrize("value, text", [
    (np.zeros((0,)), "[]"), (np.zeros((0, 3)), "[]"), (np.zeros((2, 2)), "(2, 2) of 0.0"), ([1, 1, 2], "[1 1 2]"),
    ([1.5] * 10, "(10,) of 1.5"), (np.full((2, 2), np.nan), "[[nan nan]..[nan nan]]"),
    (np.arange(10), "[0 1 2 3 4..5 6 7 8 9]"), (np.arange(9), "[0 1 2 3 4 5 6 7 8]"),
    (np.ones((1, 1)), "(1, 1) of 1.0"),
    (np.array(1e-20), "1e-20"), (np.float32(0.1), "0.1"), (np.array([0.1], "float32"), "(1,) of 0.1"), (-0.0, "-0.0"),
    ([2**40], "(1,) of 10..9511627776"), (1j, "1j"),
])
def test_printing(value, text):
    assert str(T.constant(value)) == "TensorConstant{%s}" % text
    assert str(T.constant(value, name="n")) == "TensorConstant{%s}" % text


def test_mixed_zeros_are_not_one_value():
    assert str(T.constant([0.0, -0.0])) == "TensorConstant{[ 0. -0.]}"


def test_name_dtype_ndim():
    assert T.constant(1, name="one").name == "one"
    assert T.constant(1, dtype="float32").type == T.fscalar
    assert T.constant(1.5, dtype="int8").data == 1
    assert T.constant([1.0, 2.0], ndim=2).type == T.drow
    with pytest.raises(ValueError, match="ndarray could not be cast to constant with 1 dimensions"):
        T.constant([[1.0, 2]], ndim=1)


def test_small_numbers_are_made_once():
    for value in (1, 1.5, 10, -10, 0.1, [1], [[5]], np.float32(2), np.int64(5)):
        assert T.constant(value) is T.constant(value)
    for value in (300, 11, -11, [1, 2], np.nan):
        assert T.constant(value) is not T.constant(value)
    assert T.constant(1, name="z") is not T.constant(1)
    assert T.constant(0.0) is not T.constant(-0.0)
    assert T.constant(1) is not T.constant(1.0)


def test_a_cached_constant_cannot_be_changed_through_the_callers_array():
    mine = np.array([3.0])
    first = T.constant(mine)
    mine[0] = 4.0
    assert first.data[0] == 3.0 and T.constant(np.array([3.0])).data[0] == 3.0


def test_an_array_is_not_copied():
    data = np.ones(3)
    assert T.constant(data).data is data


def test_signatures_compare_by_content():
    def signature(value, **options):
        return T.constant(value, **options).signature()

    ones = signature(np.ones(3))
    assert isinstance(ones, TensorConstantSignature)
    assert ones == signature(np.ones(3)) and hash(ones) == hash(signature(np.ones(3)))
    assert ones != signature(np.ones(3, "float32")) and ones != signature([1, 1, 2.0])
    assert signature(np.ones((1, 2))) != signature(np.ones((2, 1)))
    assert signature([np.nan, 1]) == signature([np.nan, 1])
    assert signature([0.0, 1]) != signature([-0.0, 1])
    big = np.arange(1000.0)
    other = big.copy()
    other[500] = -1
    assert signature(big) != signature(other)
    assert ones.sum == 3 and ones.theano_hash() == signature(np.ones(3)).theano_hash()
    np.testing.assert_array_equal(signature([np.nan, 1]).no_nan.compressed(), [1])


def test_fortran_order_does_not_matter():
    a = np.arange(6.0).reshape(2, 3)
    assert T.constant(a).signature() == T.constant(np.asfortranarray(a)).signature()


def test_equals():
    a, b = T.constant(3), T.constant(3, name="b")
    assert a.equals(b) and a.equals(3) and not a.equals(4) and not a.equals("a") and not a.equals(T.constant(3.0))


def test_copies_and_pickles():
    c = T.constant(np.ones(3), name="cc")
    shallow, deep, loaded = copy.copy(c), copy.deepcopy(c), pickle.loads(pickle.dumps(c))
    assert shallow is not c and shallow.data is c.data and shallow.name == "cc"
    assert deep.data is not c.data and deep.equals(c)
    assert loaded.equals(c) and loaded.name == "cc"


def test_variables_pass_through():
    x, row = T.dvector("x"), T.drow("row")
    assert T.as_tensor_variable(x) is x and T.as_tensor is T.as_tensor_variable
    assert str(T.as_tensor_variable(x, ndim=2).owner) == "InplaceDimShuffle{x,0}(x)"
    assert str(T.as_tensor_variable(row, ndim=1).owner) == "InplaceDimShuffle{1}(row)"
    with pytest.raises(ValueError, match="TensorType could not be cast to have 1 dimensions"):
        T.as_tensor_variable(T.dmatrix(), ndim=1)


def test_scalars_nodes_and_objects():
    s = scal.float64("s")
    assert str(T.as_tensor_variable(s).owner) == "TensorFromScalar(s)"
    x = T.dvector("x")
    assert T.as_tensor_variable((x + 1).owner).owner.op == T.add
    with pytest.raises(ValueError, match="ambiguous which output"):
        T.as_tensor_variable(T.max_and_argmax(x)[0].owner)
    for other in (T.NoneConst, T.slicetype()):
        with pytest.raises(T.AsTensorError, match="Variable type field must be a TensorType."):
            T.as_tensor_variable(other)

    class Mine:
        def _as_TensorVariable(self):
            return x

    assert T.as_tensor_variable(Mine()) is x


def test_lists_of_variables_are_stacked():
    i, s, v = T.iscalar("i"), T.dscalar("s"), T.dvector("v")
    assert str(T.as_tensor_variable([s, 1]).owner.op) == "MakeVector{dtype='float64'}"
    assert T.as_tensor_variable((i, 1)).type == T.ivector
    assert T.as_tensor_variable([v, v]).type == T.dmatrix
    assert T.as_tensor_variable([s]).type == T.dvector
    with pytest.raises(T.AsTensorError, match=r"Cannot convert \[v, s\] to TensorType"):
        T.as_tensor_variable([v, s])
    with pytest.raises(T.AsTensorError):
        T.as_tensor_variable([[s, s], [s, s]])


def test_numpy_scalar():
    assert T.numpy_scalar(np.array(3.0)) == 3
    with pytest.raises(T.EmptyConstantError):
        T.numpy_scalar(np.array([]))
    for wrong in (np.array([1, 2]), np.array("a")):
        with pytest.raises(T.NotScalarConstantError):
            T.numpy_scalar(wrong)


def test_slices_and_none():
    part = T.make_slice(T.iscalar("i"), None, 2)
    assert str(part.owner) == "MakeSlice(i, NoneConst, TensorConstant{2})" and part.type == T.slicetype
    constant = T.SliceConstant(T.slicetype, slice(1, 2))
    assert str(constant) == "SliceConstant{1, 2, None}"
    assert constant.signature() == (T.SliceConstant, 1, 2, None)
    storage = [[None]]
    part.owner.op.perform(part.owner, [np.array(1), None, np.array(2)], storage)
    assert storage[0][0] == slice(1, None, 2)
    assert str(T.NoneConst) == "NoneConst"
    assert T.as_int_none_variable(None) is T.NoneConst
    with pytest.raises(TypeError, match="index must be integers"):
        T.as_int_none_variable(1.5)
    for kind, wrong, message in [(T.slicetype, 3, "Expected a slice!"), (T.none_type_t, 3, "Expected None!")]:
        with pytest.raises(TypeError, match=message):
            kind.filter(wrong)
    assert pickle.loads(pickle.dumps(T.none_type_t)) == T.none_type_t
