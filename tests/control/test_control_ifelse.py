"""`ifelse`: types, forms, gradients, shapes. Facts are Theano 1.0.5's."""
from __future__ import annotations

import numpy as np
import pytest
from control_toys import evaluate

import symtensor.tensor as T
from symtensor.control.ifelse import IfElse, ifelse
from symtensor.gradient import Rop, grad
from symtensor.graph.type import Generic
from symtensor.printing import debugprint, pp
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.sharedvar import shared


@pytest.fixture
def v():
    class Variables:
        x, y, u, w, m = T.dscalar("x"), T.dscalar("y"), T.dvector("u"), T.dvector("w"), T.dmatrix("m")
        c = T.lt(x, y)

    return Variables


def test_picks(v):
    z = ifelse(v.c, v.x * 2, v.y + 1)
    assert evaluate(z, {v.x: 1.0, v.y: 2.0}) == 2.0
    assert evaluate(z, {v.x: 3.0, v.y: 2.0}) == 3.0
    assert evaluate(ifelse(v.x, v.x, v.y), {v.x: 0.0, v.y: 5.0}) == 5.0
    assert evaluate(ifelse(np.nan, v.x, v.y), {v.x: 1.0, v.y: 5.0}) == 1.0  # anything but zero is true


def test_branches_of_different_lengths(v):
    z = ifelse(v.c, v.u, v.w)
    np.testing.assert_array_equal(evaluate(z, {v.x: 1, v.y: 2, v.u: [1, 2], v.w: [3, 4, 5]}), [1, 2])
    np.testing.assert_array_equal(evaluate(z, {v.x: 3, v.y: 2, v.u: [1, 2], v.w: [3, 4, 5]}), [3, 4, 5])


def test_results_are_copies_unless_views_are_asked_for(v):
    storage, value = [[None]], np.ones(2)
    for op, same in ((IfElse(1), False), (IfElse(1, as_view=True), True)):
        node = op.make_node(v.c, v.u, v.w)
        op.perform(node, [np.array(True), value, value + 1], storage)
        assert (storage[0][0] is value) is same
    assert IfElse(2, as_view=True).view_map == {0: [1], 1: [2]}
    assert not hasattr(IfElse(2), "view_map")


def test_forms(v):
    assert not isinstance(ifelse(v.c, v.x, v.y), list)
    assert isinstance(ifelse(v.c, [v.x, v.u], [v.y, v.w]), list)
    assert isinstance(ifelse(v.c, (v.x, v.u), [v.y, v.w]), tuple)
    assert isinstance(ifelse(v.c, [v.x], v.y), list) and isinstance(ifelse(v.c, v.x, [v.y]), list)
    assert ifelse(v.c, [], []) == []
    assert pp(ifelse(1, v.x, v.y)) == "if{}(TensorConstant{1}, x, y)"
    assert pp(ifelse(v.c, np.ones(3), v.u)) == "if{}(lt(x, y), TensorConstant{(3,) of 1.0}, u)"
    s = shared(1.0, "s")
    assert pp(ifelse(v.c, s, v.x)) == "if{}(lt(x, y), s, x)"
    assert pp(ifelse(v.c, Generic()("a"), Generic()("b"))) == "if{}(lt(x, y), a, b)"


@pytest.mark.parametrize("then, other", [
    ("dscalar", "fscalar"), ("iscalar", "dscalar"), ("drow", "dmatrix"), ("dcol", "drow"), ("dvector", "dscalar"),
])
def test_types_must_agree(v, then, other):
    a, b = getattr(T, then)("a"), getattr(T, other)("b")
    for pair in ((a, b), (b, a)):
        with pytest.raises(TypeError, match="The two branches should have identical types, but they are"):
            ifelse(v.c, *pair)
    with pytest.raises(TypeError, match="requires same types for true and false"):
        IfElse(1)(v.c, a, b)


def test_refused(v):
    with pytest.raises(TypeError, match="identical types"):
        ifelse(v.c, v.x, 1)
    with pytest.raises(TypeError, match="Cannot convert Type"):
        ifelse(v.c, Generic()("a"), v.x)
    with pytest.raises(ValueError, match=r"variables on `then` 2, variables on `else` 1"):
        ifelse(v.c, [v.x, v.u], [v.y])
    with pytest.raises(TypeError, match="has to be a scalar with 0 standing for False"):
        ifelse(v.u, v.x, v.y)
    with pytest.raises(TypeError, match="Cannot cast True or False"):
        ifelse(True, v.x, v.y)
    with pytest.raises(AssertionError, match="expected 2, got 3"):
        IfElse(1)(v.c, v.x, v.y, v.x)


def test_text_and_equality():
    assert str(IfElse(1)) == "if{}" and str(IfElse(2, name="q")) == "if{q}"
    assert str(IfElse(1, as_view=True)) == "if{inplace}" and str(IfElse(1, as_view=True, name="a")) == "if{a,inplace}"
    assert str(IfElse(1, gpu=True)) == "if{gpu}"
    assert IfElse(1) == IfElse(1, name="a") and hash(IfElse(1)) == hash(IfElse(1, name="a"))
    assert IfElse(1) != IfElse(2) and IfElse(1) != IfElse(1, as_view=True) and IfElse(1) != IfElse(1, gpu=True)


def test_gradients_are_lazy_too(v):
    z = ifelse(v.c, v.x * 2, v.y * v.x, name="pick")
    gx = grad(z, v.x)
    text = debugprint(gx, file="str")
    assert "if{pick_grad_t}" in text and "if{pick_grad_f}" in text
    assert evaluate(gx, {v.x: 1.0, v.y: 2.0}) == 2.0
    assert evaluate(gx, {v.x: 3.0, v.y: 2.0}) == 2.0
    assert evaluate(gx, {v.x: 3.0, v.y: 0.5}) == 0.5
    assert evaluate(grad(z, v.y), {v.x: 3.0, v.y: 0.5}) == 3.0
    assert evaluate(grad(z, v.y), {v.x: 1.0, v.y: 2.0}) == 0.0


def test_the_condition_has_a_gradient_of_zero(v):
    assert pp(grad(ifelse(v.x, v.y * 2, v.y * 3), v.x)) == "fill(x, TensorConstant{0.0})"


def test_one_of_several_outputs(v):
    # Theano cannot differentiate this one.
    first, second = ifelse(v.c, [v.x * 2, v.y], [v.y * v.x, v.x])
    given = {v.x: 3.0, v.y: 0.5}
    assert evaluate(grad(first, [v.x, v.y]), given) == [0.5, 3.0]
    assert evaluate(grad(second, v.x), given) == 1.0
    assert evaluate(grad(first + second, [v.x, v.y]), given) == [1.5, 3.0]


def test_integer_branches(v):
    i, k = T.iscalar("i"), T.iscalar("k")
    cost = ifelse(v.c, i, k) * 2.5
    assert evaluate(grad(cost, [i, k]), {v.x: 1.0, v.y: 2.0, i: 3, k: 4}) == [2.5, 0.0]


def test_rop(v):
    z = ifelse(v.c, v.x ** 2, v.y ** 3, name="pick")
    forward = Rop(z, [v.x, v.y], [T.dscalar("a"), T.dscalar("b")])
    assert str(forward.owner.op) == "if{pick}"
    a, b = (x for x in (T.dscalar("a"), T.dscalar("b")))
    forward = Rop(z, [v.x, v.y], [a, b])
    assert evaluate(forward, {v.x: 1.0, v.y: 2.0, a: 10.0, b: 100.0}) == 20.0
    assert evaluate(forward, {v.x: 3.0, v.y: 2.0, a: 10.0, b: 100.0}) == 1200.0


def test_shapes(v):
    z = ifelse(v.c, [v.u, v.m], [v.w, v.m * 2])
    env = ShapeEnv([v.u, v.w, v.m, v.x, v.y])
    (length,) = env.shape(z[0])
    assert str(length.owner.op) == "if{shape}"
    assert env.shape(z[1]) == env.shape(v.m)  # the same in both branches: nothing to choose
    assert pp(ifelse(v.c, v.u, v.w).shape) == "Shape(if{}(lt(x, y), u, w))"
    generic = ifelse(v.c, Generic()("a"), Generic()("b"))
    assert generic.owner.op.infer_shape(generic.owner, [(), None, None]) == [None]
