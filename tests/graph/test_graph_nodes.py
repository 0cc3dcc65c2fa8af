"""Variables, nodes, constants, types: what Theano 1.0.5 does, recorded, and the wording of its errors."""
from __future__ import annotations

import copy

import pytest
from graph_toys import Number, Split, Sum, add, add1, number, split, wide

from symtensor.config import change_flags
from symtensor.graph.basic import Apply, Constant, Variable, eval_through_cache
from symtensor.graph.null_type import DisconnectedType, NullType, disconnected_type, null_type
from symtensor.graph.op import Op
from symtensor.graph.type import Generic, SingletonType, Type, generic
from symtensor.graph.utils import MethodNotDefined, object2, scratchpad, toposort


def test_text_of_variables_and_nodes():
    x, y = number("x"), number()
    z = add(x, y)
    assert str(x) == "x"
    assert str(y) == "<Number>"
    assert str(z) == repr(z) == "Sum{bias=0.0}.0"
    assert str(z.owner) == "Sum{bias=0.0}(x, <Number>)"
    assert [str(v) for v in split(x, y)] == ["Split.0", "Split.1"]
    assert str(Constant(number, 1.5)) == "Constant{1.5}"
    assert str(Constant(number, 1.5, name="c")) == "c"
    assert str(Constant(generic, "a" * 20)) == "Constant{" + "a" * 20 + "}"
    assert str(Constant(generic, "a" * 21)) == "Constant{aaaaaaaaaa...aaaaaaaaaa}"
    assert str(generic()) == "<Generic>"


def test_repr_shows_test_values_when_asked():
    x = number("x")
    x.tag.test_value = 2.5
    with change_flags(print_test_value=True):
        assert repr(x) == "x\n2.5"
        assert repr(number("y")) == "y"
    assert repr(x) == "x"


@pytest.mark.parametrize("kwargs, message", [
    ({"owner": 3}, "owner must be an Apply instance"),
    ({"index": "a"}, "index must be an int"),
    ({"name": 3}, "name must be a string"),
])
def test_variables_refuse_nonsense(kwargs, message):
    with pytest.raises(TypeError, match=message):
        Variable(number, **kwargs)


def test_apply_refuses_nonsense():
    x = number("x")
    with pytest.raises(TypeError, match="The inputs of an Apply must be a list or tuple"):
        Apply(add, 3, [])
    with pytest.raises(TypeError, match="'inputs' argument to Apply must contain Variable instances, not 3"):
        Apply(add, [3], [])
    with pytest.raises(TypeError, match="The output of an Apply must be a list or tuple"):
        Apply(add, [x], x)
    with pytest.raises(TypeError,
                       match="'outputs' argument to Apply must contain Variable instances with no owner, not 3"):
        Apply(add, [x], [3])
    with pytest.raises(ValueError, match="All output variables passed to Apply must belong to it."):
        Apply(add, [x], [add1(x)])


def test_default_outputs():
    x = number("x")
    only = add(x)
    assert only.owner.out is only and only.owner.default_output() is only
    node = Split().make_node(x, x)
    with pytest.raises(AttributeError, match="Split.default_output should be an output index."):
        node.default_output()

    class Second(Split):
        default_output = 1

    first, second = Second().make_node(x, x).outputs
    assert second.owner.out is second
    result = Second()(x, x)
    assert result.index == 1
    assert [v.index for v in Second()(x, x, return_list=True)] == [1]
    assert [v.index for v in split(x, x)] == [0, 1]
    assert isinstance(add(x, return_list=True), list)
    assert (node.nin, node.nout) == (2, 2)


def test_clones():
    x, y = number("x"), number("y")
    x.tag.note = "kept"
    assert x.clone() is not x and x.clone().name == "x" and x.clone().tag.note == "kept"
    assert x.clone().tag is not x.tag
    node = add(x, y).owner
    assert node.clone().inputs == [x, y] and node.clone().outputs[0] is not node.outputs[0]
    other = node.clone_with_new_inputs([y, y])
    assert other.inputs == [y, y] and other.op is node.op
    w = wide("w")
    with pytest.raises(TypeError, match=r"Cannot convert Type Number\(wide\) \(of Variable w\) into Type Number. "
                                        r"You can try to manually convert w into a Number."):
        node.clone_with_new_inputs([w, y])
    assert node.clone_with_new_inputs([w, y], strict=False).inputs[0] is w


def test_conversion_by_the_type():
    x = number("x")
    widened = wide.filter_variable(x)
    assert widened.type == wide and widened.owner.inputs == [x]
    assert number.filter_variable(x) is x
    constant = number.filter_variable(3)
    assert isinstance(constant, Constant) and constant.data == 3.0


def test_constants():
    c, d = Constant(number, 2), Constant(number, 2)
    assert c.data == c.value == 2.0 and c.owner is None
    assert c.equals(d) and not c.equals(Constant(number, 3)) and not c.equals(number("x"))
    assert not Constant(number, 2).equals(Constant(wide, 2))
    assert c.signature() == (number, 2.0) == c.merge_signature()
    assert c.clone().equals(c) and c.clone() is not c
    with pytest.raises(ValueError, match="Constant instances cannot have an owner."):
        c.owner = 3
    with pytest.raises(AttributeError):
        c.value = 3


def test_comparisons_must_be_defined_by_subclasses():
    v = number()
    for compare in (lambda: v < v, lambda: v <= v, lambda: v > v, lambda: v >= v):
        with pytest.raises(NotImplementedError, match="Subclasses of Variable must provide"):
            compare()


def test_props_give_equality_hash_and_text():
    class Two(object2):
        __props__ = ("a", "b")

        def __init__(self, a, b):
            self.a, self.b = a, b

    class None_(object2):
        __props__ = ()

    class Sub(Two):
        pass

    assert Two(1, "z") == Two(1, "z") and hash(Two(1, "z")) == hash(Two(1, "z"))
    assert Two(1, "z") != Two(1, "y") and not Two(1, "z") != Two(1, "z")
    assert str(Two(1, "z")) == "Two{a=1, b='z'}" and str(None_()) == "None_"
    assert None_() == None_() and Sub(1, 2) != Two(1, 2)
    assert str(Sub(1, 2)) == "Sub{a=1, b=2}"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Two(1, []))
    with pytest.raises(TypeError, match="__props__ has to be a tuple"):
        type(object2)("Bad", (object2,), {"__props__": "a"})

    class Plain(Op):
        pass

    assert Plain() != Plain()


def test_ops_by_itypes():
    class ByTypes(Op):
        __props__ = ()
        itypes = [number]
        otypes = [wide]

    x = number("x")
    assert ByTypes()(x).type == wide
    with pytest.raises(ValueError, match="We expected 1 inputs but got 2."):
        ByTypes()(x, x)
    with pytest.raises(TypeError, match="We expected inputs of types"):
        ByTypes()(wide())

    class Nothing(Op):
        __props__ = ()

    with pytest.raises(NotImplementedError, match="itypes and otypes"):
        Nothing()(x)
    with pytest.raises(MethodNotDefined):
        Nothing().perform(None, [], [])
    with pytest.raises(AttributeError, match="grad"):
        Nothing().L_op([x], [x], [x])
    with pytest.raises(NotImplementedError, match="Nothing of class Nothing does not implement R_op"):
        Nothing().R_op([x], [x])
    for name in ("infer_shape", "connection_pattern", "view_map", "destroy_map", "grad"):
        assert not hasattr(Nothing(), name)
    with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
        add(x, name="foo")


def test_types():
    assert Type() != Type() and Number() == Number() and Number("a") != Number("b")
    with pytest.raises(MethodNotDefined):
        Type().filter(3)
    assert Type().value_validity_msg(3) == "none"
    assert number.is_valid_value(3.0) and not number.is_valid_value(3)
    assert number.values_eq(1.0, 1.0) and number.values_eq_approx(1.0, 1.0) and not number.values_eq(1.0, 2.0)
    assert generic.is_valid_value(object()) and Generic() is generic and generic.filter(3) == 3

    class Other(SingletonType):
        pass

    assert Other() is Other() and Other() != generic and str(Other()) == "Other"
    with pytest.raises(TypeError, match="into Type Generic"):
        generic.filter_variable(number("x"))


def test_types_without_values():
    assert NullType("a") == NullType("b") and hash(NullType("a")) == hash(NullType("b"))
    assert NullType("why").why_null == "why" and str(null_type) == "NullType"
    for call in (lambda: null_type.filter(3), lambda: null_type.filter_variable(3)):
        with pytest.raises(ValueError, match="No values may be assigned to a NullType"):
            call()
    with pytest.raises(ValueError, match="NullType has no values to compare"):
        null_type.values_eq(1, 1)
    assert str(disconnected_type()) == "<DisconnectedType>"
    assert DisconnectedType() != disconnected_type
    with pytest.raises(AssertionError, match="assigning to a DisconnectedType"):
        disconnected_type.filter(3)
    with pytest.raises(TypeError, match="into Type DisconnectedType"):
        disconnected_type.filter_variable(number("x"))


def test_scratchpad():
    tag = scratchpad()
    tag.a = 1
    assert str(tag) == "scratchpad{'a': 1}" == repr(tag)
    other = copy.copy(tag)
    other.b = 2
    assert tag.__update__(other).b == 2
    tag.clear()
    assert not hasattr(tag, "a") and other.a == 1


def test_toposort_of_a_dict():
    assert toposort({1: {2}, 2: {3}, 3: set()}) == [3, 2, 1]
    with pytest.raises(ValueError, match="cycle"):
        toposort({1: {2}, 2: {1}})


def test_construction_observers():
    class Observer:
        seen: list = []

        def observe(self, variable):
            self.seen.append(variable)

    observer = Observer()
    Variable.append_construction_observer(observer)
    try:
        x = number("x")
    finally:
        Variable.remove_construction_observer(observer)
    number("y")
    assert observer.seen == [x]


def test_eval_cache_keeps_one_function_per_set_of_inputs():
    x, y = number("x"), number("y")
    z = add(x, y)
    made = []

    def make_function(inputs, output):
        made.append(inputs)
        return lambda *values: dict(zip(inputs, values))

    first = eval_through_cache(z, {x: 1.0, y: 2.0}, make_function)
    second = eval_through_cache(z, {y: 5.0, x: 4.0}, make_function)
    assert first == {x: 1.0, y: 2.0} and second == {x: 4.0, y: 5.0} and len(made) == 1
    eval_through_cache(z, {x: 1.0}, make_function)
    assert len(made) == 2
    assert "_fn_cache" not in z.__getstate__()


def test_copy_of_a_variable_shares_its_owner():
    z = Sum(2.0)(number("x"))
    other = copy.copy(z)
    assert other is not z and other.owner is z.owner and other.tag is z.tag
