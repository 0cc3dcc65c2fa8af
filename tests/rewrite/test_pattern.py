"""The language of patterns: what matches, what does not, and what the placeholders stand for."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.graph.basic import Constant
from symtensor.rewrite import pattern as p
from symtensor.rewrite.rule import floating, integer, real, rule
from symtensor.tensor.elemwise import DimShuffle

x, y, c = p.Var("x"), p.Var("y"), p.Const("c")


def matches(pattern, variable):
    """The bindings of all matches, as texts of what the placeholders stand for."""
    names = p.names_in(pattern)
    once = frozenset(name for name in names if names.count(name) == 1)
    return [{**found.values, **{name: str(found.argument(name)) for name in found.bound}}
            for found in p.match(pattern, variable, once)]


def test_plain_expressions():
    a, b = T.vectors("a", "b")
    assert matches(p.exp(x), T.exp(a)) == [{"x": "a"}]
    assert matches(p.exp(x), T.log(a)) == [] and matches(p.exp(x), a) == []
    assert matches(x - y, a - b) == [{"x": "a", "y": "b"}]
    assert matches(x + y, a + b) == [{"x": "a", "y": "b"}, {"x": "b", "y": "a"}]
    assert matches(x - x, a - a) == [{"x": "a"}] and matches(x - x, a - b) == []
    assert matches(p.exp(x) * y, b * T.exp(a)) == [{"x": "a", "y": "b"}]
    for pattern, made in [(x / y, a / b), (x ** y, a ** b), (x // y, a // b), (x % y, a % b), (-x, -a),
                          (abs(x), abs(a)),
                          (2 ** x, 2 ** a), (1 / x, 1 / a), (3 - x, 3 - a), (7 // x, 7 // a), (7 % x, 7 % a),
                          (x * 2, a * 2), (2 * x, a * 2)]:
        assert {"x": "a", "y": "b"}.items() >= matches(pattern, made)[0].items()


@pytest.mark.parametrize("make", [
    lambda a: a + 1, lambda a: 1 + a, lambda a: a + 1.0, lambda a: a + np.float32(1), lambda a: a + np.ones(1),
    lambda a: a + T.constant(np.ones((1,))), lambda a: a + T.constant(1).dimshuffle("x"),
])
def test_literals(make):
    assert matches(1 + x, make(T.vector("a"))) == [{"x": "a"}]


@pytest.mark.parametrize("make", [
    lambda a: a + 2, lambda a: a + np.nan, lambda a: a + T.constant(np.ones(3)), lambda a: a + T.vector("b"),
    lambda a: a + T.constant(np.ones(1)).dimshuffle(0).reshape((1,)), lambda a: a * 1, lambda a: a - 1,
])
def test_what_is_not_one_plus(make):
    assert matches(1 + x, make(T.vector("a"))) == []


def test_a_vector_of_one_element_takes_part_in_checks():
    # Its type does not say that the axis has length 1, so at run time it must fit the other operand.
    ones = Constant(T.dvector, np.ones(1))
    assert not any(ones.type.broadcastable)
    assert matches(1 + x, T.vector("a") + ones) == []


def test_constants_of_any_value():
    a = T.vector("a")
    (found,) = matches(x ** c, a ** 2.5)
    assert found["c"] == 2.5 and found["c"].dtype == "float64" or found["c"].dtype == "float32"
    assert matches(x ** c, a ** T.vector("b")) == []
    assert len(matches((x + c) * c, (a + 2) * 2)) == 1
    assert matches((x + c) * c, (a + 2) * 3) == []


def test_the_last_placeholder_takes_the_rest():
    a, b = T.vectors("a", "b")
    (found,) = matches(1 + x, T.add(a, 1, b))
    assert found["x"].startswith("Elemwise{add")
    inner = next(p.match(1 + x, T.add(a, 1, b), frozenset("x"))).argument("x")
    assert inner.owner.inputs == [a, b]
    assert matches(p.exp(x) * y, T.mul(a, T.exp(b), 2)) == [{"x": "b", "y": "Elemwise{mul,no_inplace}.0"}]
    assert matches(x * x, T.mul(a, a, b)) == []
    # The rest would be of another dtype, or of another shape: the sum would be another one.
    i, j = T.lvector("i"), T.dvector("d")
    assert matches(1 + x, T.add(i, T.constant(1.0), i)) == []
    row = T.row("r")
    assert matches(1 + x, T.add(row, 1, row)) != [] and matches(p.exp(x) + y, T.add(T.exp(T.matrix()), row, row)) == []
    assert matches(1 + x, T.add(1, j, i))[0]["x"].startswith("Elemwise{add")


def test_seen_through_axes():
    a, m = T.vector("a"), T.matrix("m")
    for variable, expected in [
        (T.log((1 + m).T), "[[1. 3.]\n [2. 4.]]"),
        (T.log((1 + a).dimshuffle("x", 0)), "[[1. 2.]]"),
        (T.log((1 + a.dimshuffle(0, "x")).dimshuffle(0)), "[1. 2.]"),
        (T.log((1 + m).reshape((4,))), "[1. 2. 3. 4.]"),
        (T.log(((1 + m).T).reshape((4,))), "[1. 3. 2. 4.]"),
        (T.log((1 + m).reshape((4,)).dimshuffle("x", 0)), "[[1. 2. 3. 4.]]"),
    ]:
        (found,) = p.match(p.log(1 + x), variable, frozenset("x"))
        bound = found.argument("x")
        values = {a: np.array([1.0, 2.0]), m: np.array([[1.0, 2.0], [3.0, 4.0]])}
        assert str(computed(bound, values)) == expected


def computed(variable, values):
    """The value of a variable by `perform`, node by node."""
    from symtensor.graph.test_values import run_node
    from symtensor.graph.traversal import io_toposort

    known = dict(values)
    for node in io_toposort(list(values), [variable]):
        inputs = [known.get(v, getattr(v, "data", None)) for v in node.inputs]
        known.update(zip(node.outputs, run_node(node, inputs)))
    return known[variable]


def test_a_reshape_hides_what_is_broadcast():
    m, row = T.matrix("m"), T.row("row")
    assert matches(p.log(x + y), T.log((m + row).reshape((4,)))) == []
    assert len(matches(p.log(x + y), T.log((m + m * 2).reshape((4,))))) == 2
    assert len(matches(p.log(x + y), T.log((m + row).T))) == 2


def test_ops_in_place_are_left_alone():
    a = T.vector("a")
    assert matches(p.exp(x), T.inplace.exp_inplace(a)) == []


def test_other_ops():
    a, b = T.matrices("a", "b")
    dot = T.dot(a, b)
    assert matches(p.of(type(dot.owner.op), x, y), dot) == [{"x": "a", "y": "b"}]
    assert matches(p.of(dot.owner.op, x, y), dot) == [{"x": "a", "y": "b"}]
    assert matches(p.of(DimShuffle, x), dot) == []
    assert matches(p.of(DimShuffle, x), a.T) == [{"x": "a"}]
    assert matches(p.exp(p.of(DimShuffle, x)), T.exp(a.T)) == [{"x": "a"}]


def test_nonsense_is_refused():
    with pytest.raises(AttributeError, match="no operation 'nothing'"):
        p.nothing(x)
    with pytest.raises(TypeError, match="exp takes 1 operands, not 2"):
        p.exp(x, y)
    with pytest.raises(TypeError, match="patterns are made of"):
        x + "a"
    with pytest.raises(TypeError, match="not for both"):
        rule(p.exp(x), DimShuffle)
    with pytest.raises(TypeError, match="z does not occur in exp"):
        rule(p.exp(x))(lambda z: z)
    with pytest.raises(TypeError, match="an operation at its root"):
        rule(x)


def test_conditions():
    a, i = T.vector("a"), T.ivector("i")

    def fires(when, variable):
        made = rule(p.exp(x), when=when, name="test")(lambda x: T.exp(x) * 1)
        return bool(made.transform(variable.owner))

    assert fires(real(x), T.exp(a)) and fires(real(x), T.exp(i)) and not fires(real(x), T.exp(T.zvector()))
    assert fires(floating(x), T.exp(a)) and not fires(floating(x), T.exp(i))
    assert fires(integer(x) | floating(x), T.exp(i)) and not fires(integer(x) & floating(x), T.exp(i))
    assert fires(~integer(x), T.exp(a)) and repr(~integer(x) & real(x)) == "((not integer(x)) and real(x))"
    assert fires(lambda x: x.name == "a", T.exp(a)) and not fires(lambda x: x.name == "a", T.exp(i))
    assert fires(lambda node: len(node.inputs) == 1, T.exp(a))


def test_a_rule_goes_on_to_the_next_match():
    a, b = T.vectors("a", "b")
    picky = rule(x + y, name="test")(lambda x, y: T.sub(x, y) if x.name == "b" else None)
    (answer,) = picky.transform((a + b).owner)
    assert answer.owner.inputs == [b, a]


def test_alternatives():
    either = rule(p.exp(x), p.log(x), name="test")(lambda x: x)
    a = T.vector("a")
    assert either.transform(T.exp(a).owner) == [a] == either.transform(T.log(a).owner)
    assert [row.name for row in either.tracks()] == ["exp", "log"]


def test_another_type_is_no_answer():
    widens = rule(p.exp(x), name="test")(lambda x: T.cast(x, "float64"))
    assert widens.transform(T.exp(T.fvector()).owner) is None
    assert widens.transform(T.exp(T.dvector()).owner) is not None
