"""`OpFromGraph`: values, gradients, overrides, shared variables, shapes. Facts are Theano 1.0.5's."""
from __future__ import annotations

import pickle

import numpy as np
import pytest
from control_toys import evaluate, interpreted_functions

import symtensor.tensor as T
from symtensor.control.builders import OpFromGraph, ops_with_inner_function
from symtensor.gradient import DisconnectedInputError, DisconnectedType, NullType, NullTypeGradError, Rop, grad
from symtensor.printing import debugprint, pp
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.sharedvar import shared
from symtensor.tensor.sizes import ShapeError


@pytest.fixture(autouse=True)
def interpreted():
    with interpreted_functions():
        yield


x, y, w = T.dscalar("x"), T.dscalar("y"), T.dscalar("w")
a, b, c = T.dscalar("a"), T.dscalar("b"), T.dscalar("c")


def test_values():
    op = OpFromGraph([x, y, w], [x + y * w])
    assert evaluate(op(a, b, c) * 2, {a: 1.0, b: 2.0, c: 3.0}) == 14.0
    assert str(op) == "OpFromGraph{inline=False}"
    assert str(OpFromGraph([x], [x], inline=True, name="nm")) == "nm{inline=True}"
    first, second = OpFromGraph([x, y], [x * 2, y + 1])(a, b)
    assert evaluate([first, second], {a: 1.0, b: 2.0}) == [2.0, 3.0]
    assert evaluate(OpFromGraph([], [T.constant(1.5)])()) == 1.5
    assert evaluate(OpFromGraph([x, y], [x * 2])(a, b), {a: 1.0, b: 2.0}) == 2.0  # an input that nothing reads


def test_attributes():
    out = x + y
    op = OpFromGraph([x, y], [out], on_unused_input="ignore")
    assert op.inputs == [x, y] and op.outputs == [out] and op.shared_inputs == []
    assert op.input_types == [x.type, y.type] and op.output_types == [x.type]
    assert op.kwargs == {"on_unused_input": "ignore"} and op.is_inline is False and op.name is None
    assert [str(v) for v in op.local_inputs] == ["x", "y"] and op.local_inputs[0] is not x
    assert op == op and op != OpFromGraph([x, y], [out]) and op in {op}
    assert ops_with_inner_function[OpFromGraph] == "fn"


def test_inputs_are_checked():
    op = OpFromGraph([x, y], [x + y])
    with pytest.raises(ValueError, match="Expected 2 inputs, got 1"):
        op(a)
    for wrong in (T.iscalar("i"), T.dvector("v"), T.fscalar("f")):
        with pytest.raises(TypeError, match="Cannot convert Type"):
            op(a, wrong)
    assert pp(op(a, 2.0)) == "OpFromGraph{inline=False}(a, TensorConstant{2.0})"


def test_refused():
    for arguments in (([3], [x]), ([x], [3]), (x, [x]), ([x], x)):
        with pytest.raises(TypeError, match="must be"):
            OpFromGraph(*arguments)
    for name in ("updates", "givens"):
        with pytest.raises(TypeError, match="updates and givens are not allowed"):
            OpFromGraph([x], [x], **{name: {}})
    with pytest.raises(ValueError, match="mutually exclusive"):
        OpFromGraph([x], [x], grad_overrides=lambda i, g: g, lop_overrides=lambda i, o, g: g)


def test_the_graph_is_copied_and_inner_variables_may_be_inputs():
    z = x * 2
    op = OpFromGraph([z], [z + 1])
    assert evaluate(op(a), {a: 5.0}) == 6.0
    assert pp(op.inlined(op(a).owner)[0]) == "(a + TensorConstant{1})"


def test_shared_variables_are_hidden_inputs():
    s = shared(2.0, "s")
    op = OpFromGraph([x], [x * s])
    assert op.shared_inputs == [s] and len(op.local_inputs) == 2
    z = op(a)
    assert debugprint(z, file="str") == "OpFromGraph{inline=False} [id A] ''   \n |a [id B]\n |s [id C]\n"
    assert evaluate(z, {a: 3.0}) == 6.0
    s.set_value(5.0)
    assert evaluate(z, {a: 3.0}) == 15.0
    assert evaluate(grad(z ** 2, [a, s]), {a: 3.0}) == [150.0, 90.0]
    assert OpFromGraph([x, s], [x * s]).shared_inputs == []


# -- gradients ---------------------------------------------------------------------------------------------------------

GIVEN = {a: 1.0, b: 2.0, c: 3.0}


def test_gradients():
    op = OpFromGraph([x, y, w], [x + y * w])
    out = op(a, b, c)
    assert evaluate(grad(out ** 2, [a, b, c]), GIVEN) == [14.0, 42.0, 28.0]
    assert [v.index for v in grad(out, [a, b, c])] == [0, 1, 2]
    assert evaluate(grad(grad(out ** 2, b), c), GIVEN) == 26.0  # Theano cannot do this one
    nested = OpFromGraph([x], [op(x, x, x)])
    assert evaluate(grad(nested(a), a), {a: 3.0}) == 7.0


def test_the_gradient_op():
    op = OpFromGraph([x, y], [T.exp(x) * y], name="NN", inline=True)
    assert str(op.get_lop_op()) == "NN_lop{inline=True}" and str(op.get_rop_op()) == "NN_rop{inline=True}"
    assert len(op.get_lop_op().local_inputs) == 4 and len(op.get_rop_op().local_inputs) == 4
    assert op.get_lop_op() is op.get_lop_op()


def test_what_is_disconnected():
    op = OpFromGraph([x, y], [x * 2, y, x * y])
    assert op.connection_pattern(None) == [[True, False, True], [False, True, True]]
    with pytest.raises(DisconnectedInputError):
        grad(op(a, b)[0], b)
    # Outputs that the cost does not use; Theano fails here.
    assert evaluate(grad(op(a, b)[2], [a, b]), GIVEN) == [2.0, 1.0]
    given = OpFromGraph([x, y], [x * y, x], connection_pattern=[[True, False], [False, True]])
    assert given.connection_pattern(None) == [[True, False], [False, True]]


def test_integer_inputs_and_outputs():
    i = T.iscalar("i")
    j = T.iscalar("j")
    op = OpFromGraph([x, i], [x * i, i + 1])
    assert evaluate(grad(op(a, j)[0], [a, j]), {a: 3.0, j: 4}) == [4.0, 3.0]
    assert evaluate(grad(op(a, j)[1] * a, [a, j]), {a: 3.0, j: 4}) == [5.0, 0.0]


def test_rop():
    op = OpFromGraph([x, y, w], [x + y * w])
    assert evaluate(Rop(op(a, b, c) * a, [a, b], [c, c]), GIVEN) == 33.0
    assert evaluate(Rop(op(a, b, c), [a], [b]), GIVEN) == 2.0


# -- overrides ---------------------------------------------------------------------------------------------------------


def test_function_overrides():
    def by_inputs(inputs, grads):
        assert [str(v) for v in inputs] == ["x", "y"] and len(grads) == 1
        return [grads[0] * inputs[0] * 100, grads[0] * inputs[1]]

    def by_outputs(inputs, outputs, grads):
        return [grads[0] * outputs[0], grads[0] * inputs[1]]

    given = {a: 2.0, b: 3.0}
    op = OpFromGraph([x, y], [x * y], grad_overrides=by_inputs)
    assert evaluate(grad(op(a, b), [a, b]), given) == [200.0, 3.0]
    op = OpFromGraph([x, y], [x * y], lop_overrides=by_outputs)
    assert evaluate(grad(op(a, b), [a, b]), given) == [6.0, 3.0]
    op.set_grad_overrides(by_inputs)
    assert evaluate(grad(op(a, b), [a, b]), given) == [200.0, 3.0]
    op.set_lop_overrides("default")
    assert evaluate(grad(op(a, b), [a, b]), given) == [3.0, 2.0]


def test_list_overrides():
    given = {a: 2.0, b: 3.0}

    def gradients(entry, null="raise", wrt=(a, b)):
        op = OpFromGraph([x, y], [x * y], grad_overrides=["default", entry])
        return grad(op(a, b), list(wrt), disconnected_inputs="ignore", null_gradients=null)

    assert evaluate(gradients(lambda inputs, grads: grads[0] * 1000), given) == [3.0, 1000.0]
    assert evaluate(gradients(DisconnectedType()()), given) == [3.0, 0.0]
    with pytest.raises(NullTypeGradError, match="why"):
        gradients(NullType("why")())
    assert evaluate(gradients(NullType("why")(), wrt=[a]), given) == [3.0]
    other = OpFromGraph([x, y, w], [w * x * 9])
    assert evaluate(gradients(other), given) == [3.0, 18.0]


def test_op_overrides():
    other = OpFromGraph([x, y, w], [w * y * 7, w * x])
    op = OpFromGraph([x, y], [x * y], grad_overrides=other)
    assert evaluate(grad(op(a, b), [a, b]), {a: 2.0, b: 3.0}) == [21.0, 2.0]
    with pytest.raises(ValueError, match="expect overrider with 3 inputs, got 1"):
        grad(OpFromGraph([x, y], [x * y], grad_overrides=OpFromGraph([x], [x]))(a, b), a)


WRONG = {
    "a word": ("foo", TypeError, "override should be .* got foo"),
    "a number": (3, TypeError, "override should be .* got 3"),
    "a variable": (x, ValueError, "can only have type of DisconnectedType or NullType"),
    "too short": (["default"], ValueError, "Need to override 2 gradients, got 1"),
    "a number in a list": (["default", 3], TypeError, "override should be .* got 3"),
    "None in a list": ([None, "default"], TypeError, "override should be .* got None"),
    "a variable in a list": (["default", x], ValueError, "can only have type of"),
    "a function of one": (lambda i, g: [g[0]], ValueError, "should return list of 2 outputs, got 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_overrides(case):
    overrides, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        grad(OpFromGraph([x, y], [x * y], grad_overrides=overrides)(a, b), a)


def test_rop_overrides():
    given = {a: 2.0, b: 3.0}
    op = OpFromGraph([x, y], [x * y], rop_overrides=lambda inputs, points: [points[0] * 17])
    assert evaluate(Rop(op(a, b), [a, b], [a, b]), given) == 34.0
    op = OpFromGraph([x, y], [x * y, x], rop_overrides=["default", lambda inputs, points: points[0] * 9])
    assert evaluate(Rop(op(a, b), [a, b], [a, b]), given) == [12.0, 18.0]
    op.set_rop_overrides("default")
    assert evaluate(Rop(op(a, b), [a, b], [a, b]), given) == [12.0, 2.0]


# -- shapes, inlining, pickling ----------------------------------------------------------------------------------------


def test_shapes():
    v, u, n = T.dvector("v"), T.dmatrix("u"), T.lscalar("n")
    p, q, k = T.dvector("p"), T.dmatrix("q"), T.lscalar("k")
    op = OpFromGraph([v, u, n], [T.dot(u, v), T.alloc(v[0], n, 3), v.sum()])
    outputs = op(p, q, k)
    env = ShapeEnv([p, q, k])
    rows, sizes, nothing = (env.shape(z) for z in outputs)
    given = {p: np.ones(4), q: np.ones((2, 4)), k: 5}
    assert evaluate(list(rows), {q: given[q]}) == [2]
    assert sizes[0] is k or evaluate(sizes[0], {k: 5}) == 5
    assert int(sizes[1].data) == 3 and nothing == ()
    assert [np.shape(value) for value in evaluate(outputs, given)] == [(2,), (5, 3), ()]


def test_shapes_that_only_values_tell():
    v, p = T.dvector("v"), T.dvector("p")
    op = OpFromGraph([v], [v[v.nonzero()]])
    node = op(p).owner
    with pytest.raises(ShapeError):
        op.infer_shape(node, [ShapeEnv([p]).shape(p)])


def test_inlined():
    s = shared(2.0, "s")
    op = OpFromGraph([x, y], [x * y + s, x], inline=True)
    node = op(a + 1, b)[0].owner
    first, second = op.inlined(node)
    assert pp(first) == "(((a + TensorConstant{1}) * b) + s)" and second is node.inputs[0]


def test_pickling():
    op = OpFromGraph([x, y], [x * y])
    op.fn(2.0, 3.0)
    copy = pickle.loads(pickle.dumps(op))
    assert evaluate(copy(a, b), {a: 2.0, b: 3.0}) == 6.0
    assert evaluate(grad(copy(a, b), a), {a: 2.0, b: 3.0}) == 3.0
