"""Params, enums and the orders of `sched`: behaviour recorded from Theano 1.0.5."""
from __future__ import annotations

import pickle

import pytest
from graph_toys import Sum, number

from symtensor.graph import sched
from symtensor.graph.basic import Apply, Constant, nodes_constructed
from symtensor.graph.enum_type import EnumList, EnumType
from symtensor.graph.op import Op
from symtensor.graph.params_type import Params, ParamsType
from symtensor.graph.test_values import run_node
from symtensor.graph.type import generic
from symtensor.graph.utils import deprecated, give_variables_names, hash_from_code, hash_from_file
from symtensor.utils.frozen import FrozenOrderedDict, frozendict
from symtensor.utils.ordered import OrderedSet, check_deterministic

ENUM = EnumType(CONSTANT_1=0, CONSTANT_2=1, CONSTANT_3=("alias", 2), ctype="short", cname="MY")


def test_enums():
    assert str(ENUM) == "EnumType<short>(CONSTANT_1:0, CONSTANT_2:1, CONSTANT_3(alias):2)" == repr(ENUM)
    assert ENUM.CONSTANT_3 == ENUM["CONSTANT_3"] == ENUM.fromalias("alias") == 2
    assert ENUM.ctype == "short" and ENUM.cname == "MY"
    assert ENUM.has_alias("alias") and ENUM.get_aliases() == ("alias",)
    assert [ENUM.filter(v) for v in (1, "CONSTANT_2", "alias", True)] == [1, 1, 2, 1]
    assert ENUM == EnumType(CONSTANT_1=0, CONSTANT_2=1, CONSTANT_3=("alias", 2), ctype="short", cname="MY")
    assert ENUM != EnumType(CONSTANT_1=0) and hash(ENUM) == hash(pickle.loads(pickle.dumps(ENUM)))
    assert pickle.loads(pickle.dumps(ENUM)) == ENUM and ENUM.values_eq(1, 1.0) and not ENUM.values_eq_approx(1, 2)
    names = EnumList("A", "B", ("C", "c"))
    assert str(names) == "EnumList<int>(A:0, B:1, C(c):2)" and names.fromalias("c") == 2 == names.C
    assert pickle.loads(pickle.dumps(names)) == names and str(EnumType(A=1)) == "EnumType<double>(A:1)"


@pytest.mark.parametrize("make, error, message", [
    (lambda: ENUM.filter(5), AssertionError, "5 is no value"),
    (lambda: ENUM.filter("zz"), KeyError, "zz"),
    (lambda: ENUM.filter("CONSTANT_1", strict=True), AssertionError, "no value"),
    (lambda: ENUM.__setitem__("A", 1), NotImplementedError, "constant values are immutable."),
    (lambda: setattr(ENUM, "CONSTANT_1", 1), NotImplementedError, "constant values are immutable."),
    (lambda: ENUM.foo, AttributeError, "foo"),
    (lambda: EnumType(constant=1), AttributeError, 'invalid enum name: "constant". Only capital letters'),
    (lambda: EnumType(A="x"), TypeError, 'constant "A": expected integer or floating value, got "str".'),
    (lambda: EnumType(A=("a", 1), B=("a", 2)), TypeError, 'alias "a" already used'),
    (lambda: EnumType(A=(1, 2)), TypeError, 'constant alias should be a string, got "1".'),
    (lambda: EnumList(1), TypeError, 'constant name should be a string, got "1".'),
    (lambda: EnumList("A", "A"), TypeError, r'constant name already used \("A"\).'),
    (lambda: EnumList("A", foo=3), AttributeError, 'invalid enum name: "foo"'),
])
def test_enums_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


KIND = ParamsType(a=number, c=generic, e=ENUM)


def test_params():
    assert str(KIND) == f"ParamsType<a:Number, c:Generic, e:{ENUM}>"
    assert KIND.fields == ("a", "c", "e") and KIND.length == 3
    params = KIND.get_params(a=1, c="x", e="CONSTANT_2")
    assert repr(params) == "Params(a:float:1.0, c:str:x, e:int:1)" and params.a == 1.0 == params["a"]

    class Source:
        a, c, e = 3, None, "alias"

    assert repr(KIND.get_params(Source())) == "Params(a:float:3.0, c:NoneType:None, e:int:2)"
    assert KIND.get_params(Source(), a=7).a == 7.0 and KIND.filter(Source()).e == 2
    assert params == KIND.get_params(a=1, c="x", e=1) != KIND.get_params(a=2, c="x", e=1)
    assert hash(params) == hash(KIND.get_params(a=1, c="x", e=1)) and pickle.loads(pickle.dumps(params)) == params
    assert KIND == ParamsType(a=number, c=generic, e=ENUM) and hash(KIND) == hash(pickle.loads(pickle.dumps(KIND)))
    assert KIND.get_field(number) == "a" and KIND.get_type("c") is generic and not KIND.has_type(EnumList("Z"))
    assert KIND.get_enum("CONSTANT_1") == 0 == KIND.CONSTANT_1 and KIND.enum_from_alias("alias") == 2
    assert KIND.extended(z=number).fields == ("a", "c", "e", "z")
    assert KIND.values_eq(params, KIND.get_params(a=1, c="x", e=1)) and KIND.name.startswith("_Params_")


@pytest.mark.parametrize("make, error, message", [
    (lambda: KIND.get_params(a=1), KeyError, "c"),
    (lambda: Params(KIND, a=1), TypeError, 'ParamsType attribute "c" not in Params args.'),
    (lambda: setattr(KIND.get_params(a=1, c=1, e=0), "a", 5), NotImplementedError, "Params is immutable"),
    (lambda: KIND.get_params(a=1, c=1, e=0).zz, AttributeError, 'attribute "zz" does not exist.'),
    (lambda: KIND.filter(object(), strict=True), TypeError, "strict mode: data should be an instance of Params."),
    (lambda: KIND.CONSTANT_9, AttributeError, "CONSTANT_9"),
    (lambda: ParamsType(int=number), SyntaxError, '"int" is a potential C/C'),
    (lambda: ParamsType(a=3), TypeError, 'attribute "a" should inherit from Theano Type, got "int".'),
    (lambda: ParamsType(), ValueError, "Cannot create ParamsType from empty data."),
    (lambda: ParamsType(a=EnumList("A"), b=EnumList("A")), AttributeError, "common constants names"),
])
def test_params_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_perform_gets_the_params():
    class Scale(Op):
        __props__ = ("factor",)
        params_type = ParamsType(factor=number)

        def __init__(self, factor):
            self.factor = factor

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage, params):
            output_storage[0][0] = inputs[0] * params.factor

    node = Scale(3)(number("x")).owner
    assert repr(node.run_params()) == "Params(factor:float:3.0)" and run_node(node, [2.0]) == [6.0]
    assert node.params_type == Scale.params_type


def test_orders():
    assert sched.posort(range(6), lambda a, b: (a % 2 == 0 and b % 2 == 1) - (b % 2 == 0 and a % 2 == 1)) == [
        1, 3, 5, 0, 2, 4]
    assert sched.posort(range(3), lambda a, b: 1) == [0, 1, 2] and sched.posort([2, 1], lambda a, b: a - b) == [1, 2]
    assert sched.reverse_dict({"a": (1, 2), "b": (2, 3)}) == {1: ("a",), 2: ("a", "b"), 3: ("b",)}
    assert sched.memodict(lambda q: q + 1)(3) == 4 and sched.key_to_cmp(lambda q: -q)(1, 2) == 1
    x = number("x")
    a = Sum(1.0)(x)
    b, c = Sum(2.0)(a), Sum(3.0)(x)
    depends, compare = sched.make_depends(), sched.make_dependence_cmp()
    assert depends((b.owner, a.owner)) and not depends((a.owner, b.owner)) and not depends((c.owner, a.owner))
    assert (compare(a.owner, b.owner), compare(b.owner, a.owner), compare(a.owner, c.owner)) == (-1, 1, 0)
    by_text = sched.key_to_cmp(lambda node: str(node.op))
    assert sched.sort_apply_nodes([x], [c, b], [by_text]) == [a.owner, b.owner, c.owner]


def test_small_helpers(tmp_path):
    assert hash_from_code("abc") == hash_from_code(b"abc") == (
        "mba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    (tmp_path / "file").write_text("abc")
    assert hash_from_file(str(tmp_path / "file")) == hash_from_code("abc")
    named = give_variables_names([number("a"), number("a"), number("b"), number()])
    assert [v.name for v in named] == ["a_0", "a_1", "b", "_2"]
    old = deprecated("f.py", "msg")(lambda a: a + 1)
    with pytest.warns(DeprecationWarning, match="deprecated. msg"):
        assert old(3) == 4
    assert old(3) == 4
    with nodes_constructed() as made, nodes_constructed() as again:
        x = number("x")
    number("y")
    assert made == [x] == again
    check_deterministic([1])
    check_deterministic(OrderedSet())
    with pytest.raises(AssertionError):
        check_deterministic({1, 2})
    frozen = frozendict(a=1, b=2)
    assert frozen == {"a": 1, "b": 2} and hash(frozen) == hash(frozendict(b=2, a=1)) and frozen.copy(c=3)["c"] == 3
    assert repr(frozen) == "<frozendict {'a': 1, 'b': 2}>"
    assert list(FrozenOrderedDict([("b", 1), ("a", 2)])) == ["b", "a"]
    assert Constant(generic, frozen).data is frozen
