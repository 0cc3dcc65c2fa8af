"""Shared variables: constructors, values, borrowing, checks, copies, as Theano 1.0.5 has them."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.tensor.sharedvar import (
    ScalarSharedVariable,
    SharedVariable,
    TensorSharedVariable,
    generic,
    load_shared_variable,
    scalar_constructor,
    shared,
    shared_constructor,
    tensor_constructor,
)
from tensor_perform import text


@pytest.mark.parametrize("value, kind, type_", [
    (1, ScalarSharedVariable, T.lscalar), (1.5, ScalarSharedVariable, T.dscalar),
    (True, ScalarSharedVariable, T.TensorType("bool", ())), (np.float32(2), ScalarSharedVariable, T.fscalar),
    (np.int8(3), ScalarSharedVariable, T.bscalar), (1j, ScalarSharedVariable, T.zscalar),
    (2**40, ScalarSharedVariable, T.lscalar), (np.ones(3), TensorSharedVariable, T.dvector),
    (np.ones((1, 3)), TensorSharedVariable, T.dmatrix), (np.array(3), TensorSharedVariable, T.lscalar),
    (np.ma.array([1.0]), TensorSharedVariable, T.dvector), ([1, 2], SharedVariable, generic),
    (None, SharedVariable, generic), ("a", SharedVariable, generic), ({}, SharedVariable, generic),
    (np.array(["a"]), SharedVariable, generic), (np.array([1, 2], dtype=object), SharedVariable, generic),
    (2**64, SharedVariable, generic), (np.bool_(1), SharedVariable, generic), (range(3), SharedVariable, generic),
], ids=lambda v: repr(v).split(" at 0x")[0])
def test_constructors(value, kind, type_):
    made = shared(value)
    assert type(made) is kind and made.type == type_ and made.owner is None and made.name is None


def test_symbolic_values_are_refused():
    for value in (shared(2), T.dscalar()):
        with pytest.raises(TypeError, match="needs numeric values and not symbolic variables"):
            shared(value)


def test_arguments():
    assert shared(3, "nm").name == "nm"
    assert shared(np.ones((1, 3)), broadcastable=(True, False)).type == T.drow
    assert shared(np.ones(3), target="cpu").type == T.dvector
    for value, options in [(3, {"foo": 1}), (3, {"target": "gpu"}), (3, {"broadcastable": ()}), (3, {"name": 5}),
                           (np.ones((2, 3)), {"broadcastable": (True, False)})]:
        with pytest.raises(TypeError, match="No suitable SharedVariable constructor could be found"):
            shared(value, **options)


def test_constructors_can_be_added_and_removed():
    class Mine:
        pass

    @shared_constructor
    def mine(value, name=None, strict=False, allow_downcast=None):
        if not isinstance(value, Mine):
            raise TypeError("not mine")
        return SharedVariable(name or "mine", generic, value, strict)

    try:
        assert shared(Mine()).name == "mine"
        assert type(shared(1)) is ScalarSharedVariable
    finally:
        shared_constructor(mine, remove=True)
    assert mine not in shared.constructors and shared(Mine()).name is None


def test_values_are_copied_unless_borrowed():
    mine = np.ones((2, 3))
    x = shared(mine)
    assert x.get_value(borrow=True) is not mine
    assert x.get_value() is not x.get_value() and x.get_value(borrow=True) is x.container.storage[0]
    x.get_value()[...] = 5
    assert (x.get_value() == 1).all()
    x.set_value(mine)
    mine[...] = 7
    assert (x.get_value() == 1).all()
    x.set_value(mine, borrow=True)
    assert x.get_value(borrow=True) is mine
    assert shared(mine, borrow=True).get_value(borrow=True, return_internal_type=True) is mine
    number = shared(np.array(3))
    assert number.container.value.flags.writeable


def test_values_are_checked():
    x = shared(np.zeros((2, 3)))
    for value in (np.ones((2, 3), "float32"), np.ones((5, 3), "int32"), [[1, 2]]):
        x.set_value(value)
        assert x.get_value().dtype == "float64"
    np.testing.assert_array_equal(x.get_value(), [[1, 2]])
    for wrong, message in [(np.ones(3), "Wrong number of dimensions"), (np.ones((2, 3)) * 1j, "risking loss"),
                           ("a", "not a number")]:
        with pytest.raises(TypeError, match=message) as caught:
            x.set_value(wrong)
        assert caught.value.args[-1] == 'Container name "None"'
    np.testing.assert_array_equal(x.get_value(), [[1, 2]])
    x.set_value(None)
    assert x.get_value() is None


def test_strict_and_downcast():
    with pytest.raises(TypeError, match="expected a ndarray object"):
        shared(np.ones(2, "float32"), strict=True).set_value([1, 2])
    with pytest.raises(TypeError, match="risking loss"):
        shared(np.ones(2, "float32")).set_value(np.ones(2))
    loose = shared(np.ones(2, "float32"), allow_downcast=True)
    loose.set_value(np.array([0.1, 2]))
    assert loose.get_value().dtype == "float32"
    with pytest.raises(TypeError, match="cannot store accurately value 1.5"):
        shared(3).set_value(1.5)


def test_old_attribute():
    x = shared(3)
    with pytest.raises(Exception, match="sharedvar.value does not exist anymore"):
        x.value
    with pytest.raises(Exception, match="does not exist anymore"):
        x.value = 3


def test_zero():
    for value in (np.ones(3), np.ones(2, "int8"), np.float32(3)):
        x = shared(value)
        memory = x.get_value(borrow=True)
        x.zero()
        assert (x.get_value() == 0).all() and x.get_value().dtype == x.dtype
        assert memory.all()
        x = shared(value)
        memory = x.get_value(borrow=True)
        x.zero(borrow=True)
        assert x.get_value(borrow=True) is memory and not memory.any()


def test_default_update_is_an_attribute():
    x = shared(1.0)
    with pytest.raises(AttributeError, match="'ScalarSharedVariable' object has no attribute 'default_update'"):
        x.default_update
    x.default_update = x + 1
    assert text(x.default_update).startswith("Elemwise{add,no_inplace}(")
    x.default_update = None
    assert x.default_update is None


def test_clones_share_the_value():
    x = shared(np.ones(2), name="x")
    twin = x.clone()
    assert twin is not x and twin.container is x.container and twin.name == "x" and type(twin) is type(x)
    shallow, deep, loaded = copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))
    assert shallow.container is x.container
    assert deep.container is not x.container and loaded.name == "x" and loaded.type == x.type
    for other in (deep, loaded):
        np.testing.assert_array_equal(other.get_value(), [1, 1])
        other.set_value([5, 5])
    np.testing.assert_array_equal(x.get_value(), [1, 1])


def test_deep_copies_of_several_keep_sharing():
    x = shared(np.ones(2))
    a, b = copy.deepcopy([x, x.clone()])
    a.set_value([3, 3])
    np.testing.assert_array_equal(b.get_value(), [3, 3])


def test_objects():
    g = shared({1: 2})
    assert g.get_value() == {1: 2} and g.get_value() is not g.get_value(borrow=True)
    g.set_value("abc")
    with pytest.raises(TypeError, match="unsupported operand"):
        g + 1
    with pytest.raises(TypeError, match="is not subscriptable.*<class 'str'>.*cast it into a Numpy array"):
        g[0]
    with pytest.raises(TypeError, match="Numpy array with dtype: '<U1'"):
        shared(np.array(["a"]))[0]


def test_direct_construction():
    x = SharedVariable("n", T.dvector, [1.0, 2], strict=False)
    assert x.get_value(borrow=True).dtype == "float64"
    with pytest.raises(TypeError, match="expected a ndarray object"):
        SharedVariable("n", T.dvector, [1.0, 2], strict=True)
    with pytest.raises(TypeError, match="value and strict are ignored if you pass a container here"):
        SharedVariable("n", T.dvector, None, False, container=x.container)
    assert load_shared_variable(np.ones(2)).type == T.dvector
    with pytest.raises(TypeError):
        tensor_constructor([1])
    with pytest.raises(TypeError):
        scalar_constructor([1])


def test_containers():
    x = shared(np.ones(2), name="x")
    c = x.container
    assert (c.name, c.readonly, c.strict, c.allow_downcast, c.type) == ("x", False, False, None, T.dvector)
    assert c.value is c.data is c.storage[0]
    c.readonly = True
    with pytest.raises(Exception, match="Cannot set readonly storage: x"):
        x.set_value([1, 2])
    assert str(shared(3).container) == "<3>"


def test_operators():
    x = shared(np.ones((2, 3)), name="x")
    assert text(x + 1) == "Elemwise{add,no_inplace}(x, InplaceDimShuffle{x,x}(TensorConstant{1}))"
    assert text(x[0]) == "Subtensor{int64}(x, Constant{0})"
    assert T.dmatrix.SharedVariable is TensorSharedVariable
