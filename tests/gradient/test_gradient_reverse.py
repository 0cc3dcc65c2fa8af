"""`grad`: what it builds, what it returns where nothing depends, and what it refuses. Facts are Theano 1.0.5's."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from gradient_toys import Toy, ToyWithPattern, scalar, tensor, vector

import symtensor.gradient
from symtensor.config import config
from symtensor.gradient import (
    DisconnectedInputError,
    DisconnectedType,
    NullType,
    NullTypeGradError,
    grad,
    grad_not_implemented,
    grad_undefined,
)
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.printing.forms import pp
from symtensor.tensor import math as T
from symtensor.tensor.constant import constant


def test_square():
    x = scalar("x")
    assert pp(grad(x ** 2, x)) == (
        "((fill((x ** TensorConstant{2}), TensorConstant{1.0}) * TensorConstant{2}) * "
        "(x ** (TensorConstant{2} - TensorConstant{1})))"
    )


def test_the_form_of_the_result_is_that_of_wrt():
    x, y = scalar("x"), scalar("y")
    assert isinstance(grad(x * y, [x, y]), list)
    assert isinstance(grad(x * y, (x, y)), tuple)
    assert grad(x * y, []) == []
    first, second = grad(x * y, [x, x])
    assert first is second
    assert pp(grad(x, x)) == "fill(x, TensorConstant{1.0})"


def test_inner_variables():
    x = scalar("x")
    z = x ** 2
    assert pp(grad(z * 3, z)) == (
        "(fill(((x ** TensorConstant{2}) * TensorConstant{3}), TensorConstant{1.0}) * TensorConstant{3})"
    )


ORDERS = {
    # How the terms of a sum are ordered: depth first, from the cost.
    "siblings": (
        lambda x: T.sin(x) + T.cos(x) * T.tan(x),
        "(((G * cos(x)) + ((-(G * tan(x))) * sin(x))) + ((G * cos(x)) / sqr(cos(x))))",
    ),
    "leaves between": (
        lambda x: (x + T.sin(x)) * (T.cos(x) + x),
        "((((G * (cos(x) + x)) + ((G * (cos(x) + x)) * cos(x))) + ((-(G * (x + sin(x)))) * sin(x))) + "
        "(G * (x + sin(x))))",
    ),
    "one node reads it three times": (
        lambda x: T.switch(x, x, x),
        "((fill(x, TensorConstant{0.0}) + switch(x, G, TensorConstant{0.0})) + switch(x, TensorConstant{0.0}, G))",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order_of_terms(name):
    build, expected = ORDERS[name]
    x = scalar("x")
    cost = build(x)
    seed = f"fill({pp(cost)}, TensorConstant{{1.0}})"
    assert pp(grad(cost, x)).replace(seed, "G") == expected


def test_the_cost_comes_before_known_gradients():
    x, y = scalar("x"), scalar("y")
    p = T.sin(x)
    q = T.cos(p)
    r = p * q
    assert pp(grad(p + r, [p], known_grads={r: y})[0]) == (
        "((fill((sin(x) + (sin(x) * cos(sin(x)))), TensorConstant{1.0}) + (y * cos(sin(x)))) + "
        "((-(y * sin(x))) * sin(sin(x))))"
    )


# -- names and known gradients -----------------------------------------------------------------------------------------


def test_names():
    x, y = scalar("x"), scalar("y")
    z = x * y
    z.name = "z"
    cost = z + T.exp(z) * z
    assert [g.name for g in grad(cost, [x, z])] == [None, None]
    cost.name = "cost"
    assert [g.name for g in grad(cost, [x, z], add_names=False)] == [None, None]
    assert [g.name for g in grad(cost, [x, z])] == ["(dcost/dx)", "(dcost/dz)"]


def test_a_gradient_of_two_variables_has_the_name_of_the_last():
    x, y = scalar("x"), scalar("y")
    cost = x + y
    cost.name = "C"
    a, b = grad(cost, [x, y])
    assert a is b and a.name == "(dC/dy)"


def test_the_cost_itself_and_given_gradients_get_no_name():
    x, y = scalar("x"), scalar("y")
    a = x * 2
    a.name = "a"
    b = a + scalar("c")
    cost = b * 3
    cost.name = "cost"
    assert grad(cost, cost).name is None
    assert grad(cost, a, known_grads={b: y}) is y
    assert y.name == "y"  # Theano renames the user's variable here


def test_known_gradients_replace_what_flows():
    x, y = scalar("x"), scalar("y")
    z = x ** 2
    expected = "((y * TensorConstant{2}) * (x ** (TensorConstant{2} - TensorConstant{1})))"
    assert pp(grad(None, x, known_grads={z: y})) == expected
    assert pp(grad(z * 3, x, known_grads={z: y})) == expected
    assert grad(None, z, known_grads={z: y}) is y


def test_known_gradients_take_the_dtype_of_what_they_belong_to():
    x, f = scalar("x"), tensor("float32", 0, "f")
    assert pp(grad(None, x, known_grads={x * 2: f})) == "(float64(f) * TensorConstant{2})"


def test_known_gradients_refused():
    x, y = scalar("x"), scalar("y")
    z = x ** 2
    with pytest.raises(AssertionError, match="can't both be None"):
        grad(None, x)
    with pytest.raises(TypeError, match="Ambiguous whether <class 'float'>"):
        grad(None, x, known_grads={z: 1.0})
    with pytest.raises(TypeError, match="Gradients must always be NullType, DisconnectedType, or continuous"):
        grad(None, x, known_grads={z: tensor("int32", 0)})
    with pytest.raises(ValueError, match="1 dimensions"):
        grad(None, x, known_grads={z: vector()})
    with pytest.raises(TypeError, match="dictionary"):
        grad(None, x, known_grads=[(z, y)])
    with pytest.raises(TypeError, match="keys of known_grads"):
        grad(None, x, known_grads={3: y})
    with pytest.raises(DisconnectedInputError):
        grad(None, y, known_grads={z: y})
    with pytest.raises(DisconnectedInputError):
        grad(z, x, known_grads={z: DisconnectedType()()})
    with pytest.raises(NullTypeGradError, match="no explanation given"):
        grad(z, x, known_grads={z: NullType()()})


def test_consider_constant():
    x = scalar("x")
    z = x ** 2
    assert pp(grad(z * x, x, consider_constant=[z])) == (
        "(fill(((x ** TensorConstant{2}) * x), TensorConstant{1.0}) * (x ** TensorConstant{2}))"
    )
    for wrong in (3, z, [3]):
        with pytest.raises(TypeError, match="consider_constant"):
            grad(z * x, x, consider_constant=wrong)


# -- what costs are refused --------------------------------------------------------------------------------------------


def test_costs_refused():
    x = scalar("x")
    with pytest.raises(TypeError, match="cost must be a scalar"):
        grad(vector() ** 2, x)
    with pytest.raises(TypeError, match="cost must be a scalar"):
        grad(3.0, x)
    with pytest.raises(TypeError, match="cost must be a scalar"):
        grad(DisconnectedType()(), x)
    with pytest.raises(TypeError, match="cost must be real"):
        z = tensor("complex128", 0)
        grad(z ** 2, z)
    with pytest.raises(ValueError, match="Can't differentiate a NaN cost.*because reason"):
        grad(NullType("reason")(), x)
    for wrong in (3, "a"):
        with pytest.raises(TypeError, match="Expected Variable, got"):
            grad(x ** 2, [wrong])


# -- disconnected ------------------------------------------------------------------------------------------------------


def test_disconnected_raises_and_says_what():
    x, y = scalar("x"), scalar("y")
    with pytest.raises(DisconnectedInputError, match="not part of the computational graph of the cost.*: y") as info:
        grad(x ** 2, y)
    assert isinstance(info.value, ValueError)
    with pytest.raises(DisconnectedInputError):
        grad(x, constant(1.0))
    with pytest.raises(DisconnectedInputError):
        grad(constant(1.0), x)


def test_disconnected_warns_once():
    x, y = scalar("x"), scalar("y")
    with pytest.warns(UserWarning, match="non-differentiable operator: y") as caught:
        grad(x ** 2, y, disconnected_inputs="warn")
    assert len(caught) == 1


def test_what_comes_back_for_disconnected():
    x, y, i = scalar("x"), scalar("y"), tensor("int32", 1, "i")

    def result(wrt, **kwargs):
        return grad(x ** 2, wrt, disconnected_inputs="ignore", **kwargs)

    assert pp(result(y)) == "fill(y, TensorConstant{0.0})"
    zeros = result(i)
    assert pp(zeros) == "float64(fill(i, TensorConstant{0}))" and zeros.dtype == config.floatX
    assert result([x, y], return_disconnected="None")[1] is None
    assert isinstance(result(y, return_disconnected="Disconnected").type, DisconnectedType)


def test_values_of_keywords_are_checked():
    x, y = scalar("x"), scalar("y")
    with pytest.raises(ValueError, match="'disconnected_inputs', valid values are 'ignore', 'warn' and 'raise'"):
        grad(x ** 2, y, disconnected_inputs="foo")
    with pytest.raises(ValueError, match="return_disconnected"):
        grad(x ** 2, y, disconnected_inputs="ignore", return_disconnected="foo")
    with pytest.raises(ValueError, match="null_gradients"):
        grad(x ** 2, x, null_gradients="foo")


# -- undefined ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make, phrase", [
    (grad_not_implemented, "is not implemented"), (grad_undefined, "is mathematically undefined"),
])
def test_undefined_gradients(make, phrase):
    x, y = scalar("x"), scalar("y")
    op = Toy(lambda inputs, grads: [make(op, 0, inputs[0], "my comment")])
    with pytest.raises(NullTypeGradError, match=rf"for input 0 \(x\) of the Toy op {phrase}. my comment"):
        grad(op(x), x)
    returned = grad(op(x) + x, x, null_gradients="return")
    assert isinstance(returned.type, NullType) and phrase in returned.type.why_null
    # Nobody needs it here.
    assert grad(op(x) * y, y).owner.inputs[1].owner.op is op
    # It spoils everything behind it.
    assert isinstance(grad(op(x * 2), x, null_gradients="return").type, NullType)


def test_null_from_one_output_reaches_connected_inputs_only():
    x, y, z = scalar("x"), scalar("y"), scalar("z")
    both = ToyWithPattern([[True, False], [False, True]], lambda i, g: list(g), [x.type, x.type])
    bad = Toy(lambda inputs, grads: [NullType("why")()])
    first, second = both(x, y)
    a, b = grad(bad(first) * z + 1, [x, y], null_gradients="return", disconnected_inputs="ignore")
    assert isinstance(a.type, NullType)
    assert pp(b) == "fill(y, TensorConstant{0.0})"


# -- integers ----------------------------------------------------------------------------------------------------------


def test_an_integer_cost_counts_as_a_float():
    i = tensor("int32", 0, "i")
    op = Toy(lambda inputs, grads: [inputs[0].zeros_like(dtype=config.floatX)])
    grad(op(i), i)
    (g,), = op.seen
    assert g.dtype == config.floatX and pp(g) == "fill(Toy(i), TensorConstant{1.0})"


def test_integer_inputs_have_float_gradients():
    i, x = tensor("int32", 0, "i"), scalar("x")
    gi, gx = grad(i * x, [i, x])
    assert pp(gi) == "(fill((i * x), TensorConstant{1.0}) * x)" and gi.dtype == "float64"
    assert pp(gx) == "(fill((i * x), TensorConstant{1.0}) * i)"


def test_nothing_flows_through_integers():
    x, y = scalar("x"), scalar("y")
    assert pp(grad(T.cast(x, "int32") * y, x)) == "fill(x, TensorConstant{0.0})"
    assert pp(grad(T.eq(x, y), x)) == "fill(x, TensorConstant{0.0})"


def test_what_is_said_to_flow_through_integers_must_be_zero():
    x, y = scalar("x"), scalar("y")
    op = Toy(lambda inputs, grads: [inputs[0].zeros_like() + 1], [tensor("int32", 0).type])
    with pytest.raises(ValueError, match="only connected to integer-valued outputs, it should evaluate to zeros"):
        grad(op(x) * y, x)
    silent = Toy(lambda inputs, grads: [inputs[0] * 1.0], [tensor("int32", 0).type])
    grad(silent(x) * y, x)  # not a constant: nobody can tell


def test_dtypes_of_gradients():
    f, y = tensor("float32", 0, "f"), scalar("y")
    assert grad(f * y, f).dtype == "float64"  # not cast back, as in Theano
    op = Toy(lambda inputs, grads: list(grads))
    grad(T.cast(op(f), "float64"), f)
    assert op.seen[0][0].dtype == "float32"  # but an op gets gradients in the dtype of its outputs
    assert pp(grad(T.cast(scalar("x"), "float32") * y, y)) == (
        "(fill((float32(x) * y), TensorConstant{1.0}) * float32(x))"
    )


# -- ops that return nonsense ------------------------------------------------------------------------------------------

NONSENSE = {
    "nothing": (None, TypeError, r"Toy.grad returned NoneType, expected iterable\."),
    "a number": (3, TypeError, "expected iterable"),
    "a bare variable": (scalar(), TypeError, "expected iterable"),
    "a list of numbers": ([3], TypeError, "expected a Variable"),
    "None for a gradient": ([None], TypeError, "returned None for a gradient term"),
    "too few": ([], ValueError, "Toy returned the wrong number of gradient terms"),
    "too many": ([scalar(), scalar()], ValueError, "wrong number of gradient terms"),
    "an integer": ([constant(1)], TypeError, r"returned an integer-valued variable. \(Input index 0, dtype int8\)"),
    "a zero integer": ([constant(0)], TypeError, "returned an integer-valued variable"),
    "another rank": ([vector()], ValueError, "Toy.grad returned a term with 1 dimensions, but 0 are required."),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense(case):
    terms, error, message = NONSENSE[case]
    x = scalar("x")
    with pytest.raises(error, match=message):
        grad(Toy(terms)(x) * 2, x)


def test_another_float_dtype_is_no_nonsense():
    x, f = scalar("x"), tensor("float32", 0, "f")
    assert grad(Toy([f])(x) * 2, x) is f


def test_disconnected_without_a_pattern_warns():
    x = scalar("x")
    op = Toy([DisconnectedType()()])
    with pytest.warns(UserWarning, match="You may want to implement a connection_pattern method"):
        with pytest.raises(DisconnectedInputError):
            grad(op(x) * 2, x)


def test_no_gradient_at_all():
    class NoGradient(Op):
        def make_node(self, x):
            return Apply(self, [x], [x.type()])

    x, y = scalar("x"), scalar("y")
    with pytest.raises(AttributeError, match="neither grad nor L_op"):
        grad(NoGradient()(x), x)
    assert grad(NoGradient()(x) * y, y) is not None

    class Raising(NoGradient):
        def grad(self, inputs, output_gradients):
            raise NotImplementedError("because")

    with pytest.raises(NotImplementedError, match="because"):
        grad(Raising()(x), x)
    with pytest.raises(AttributeError, match="'Variable' object has no attribute 'foo'|foo"):
        grad(Toy(lambda inputs, grads: [inputs[0].foo])(x), x)


def test_L_op_is_asked_with_outputs():
    class Squared(Op):
        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def L_op(self, inputs, outputs, output_grads):
            return [output_grads[0] * outputs[0]]

        def __str__(self):
            return "Squared"

    x = scalar("x")
    assert pp(grad(Squared()(x), x)) == "(fill(Squared(x), TensorConstant{1.0}) * Squared(x))"


# -- connection patterns -----------------------------------------------------------------------------------------------


def _two(x, pattern):
    return ToyWithPattern(pattern, lambda inputs, grads: [grads[0]], [x.type, x.type])(x)


def test_patterns_decide_what_flows():
    x = scalar("x")
    for pattern in ([[True, False]], [[1, 0]]):
        assert grad(_two(x, pattern)[0] * 2, x) is not None
        with pytest.raises(DisconnectedInputError):
            grad(_two(x, pattern)[1] * 2, x)
    for i in (0, 1):
        with pytest.raises(DisconnectedInputError):
            grad(_two(x, [[False, False]])[i] * 2, x)
    with pytest.raises(TypeError, match="Its connection_pattern method does not allow this"):
        grad(_two(x, [[True, True]])[1] * 2, x)


def test_an_unused_output_has_a_disconnected_gradient():
    x = scalar("x")
    op = Toy(lambda inputs, grads: [grads[0]], [x.type, x.type])
    grad(op(x)[0] * 2, x)
    used, unused = op.seen[0]
    assert not isinstance(used.type, DisconnectedType) and isinstance(unused.type, DisconnectedType)


PATTERNS = {
    "none": (None, TypeError, "should return list of list of bool"),
    "tuple": (((True, False),), TypeError, "should return list of list of bool"),
    "no rows": ([], ValueError, "should have 1 rows but has 0"),
    "flat": ([True, False], ValueError, "should have 1 rows but has 2"),
    "short row": ([[True]], ValueError, "2 columns"),
    "number": ([3], ValueError, "2 columns"),
}


@pytest.mark.parametrize("case", PATTERNS)
def test_wrong_patterns(case):
    pattern, error, message = PATTERNS[case]
    with pytest.raises(error, match=message):
        grad(_two(scalar("x"), pattern)[0] * 2, scalar("y"))


def test_a_gradient_for_a_disconnected_input_is_refused():
    x, y = scalar("x"), scalar("y")
    for term in (scalar("q"), y.zeros_like(), NullType()()):
        op = ToyWithPattern([[True], [False]], lambda inputs, grads, term=term: [grads[0], term])
        with pytest.raises(TypeError, match="Expected DisconnectedType instance"):
            grad(op(x, y) * 2, x)
    op = ToyWithPattern([[True], [False]], lambda inputs, grads: [grads[0], DisconnectedType()()])
    assert grad(op(x, y), x) is not None


# -- test values, cost, depth ------------------------------------------------------------------------------------------


def test_test_values_find_wrong_shapes(monkeypatch):
    monkeypatch.setattr(config, "compute_test_value", "raise")
    v = vector("v")
    v.tag.test_value = np.ones(3)
    op = Toy(lambda inputs, grads: [grads[0][:2]])
    with pytest.raises(ValueError, match=r"Toy.grad returned object of shape \(2,\) as gradient term on input 0"):
        grad(op(v).sum(), v)


def test_each_op_is_asked_once():
    x, y = scalar("x"), scalar("y")
    op = Toy(lambda inputs, grads: [grads[0], grads[0]])
    z = op(x, y)
    grad(z * z + T.exp(z), [x, y, z])
    assert len(op.seen) == 1


def test_the_clock_runs():
    before = symtensor.gradient.grad_time
    x = scalar("x")
    grad(x ** 2, x)
    assert symtensor.gradient.grad_time > before
    with pytest.raises(AttributeError):
        symtensor.gradient.no_such_name


DEEP = """
import sys
sys.path.insert(0, {here!r})
from gradient_toys import scalar
from symtensor.gradient import Lop, Rop, grad
from symtensor.tensor import math as T

assert sys.getrecursionlimit() == 1000
x = z = scalar("x")
for _ in range(100_000):
    z = -z
g = grad(z, x)
count, variable = 0, g
while variable.owner is not None:
    variable = variable.owner.inputs[0]
    count += 1
assert count == 200_001, count  # 100,000 negations over the seed, whose shape hangs on the whole chain
Rop(z, x, x)
Lop(z, x, x)
assert grad(z + z, [x])[0] is not None
"""


def test_a_chain_of_100_000_nodes():
    script = DEEP.format(here=str(__file__).rsplit("/", 1)[0])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_variable_read_many_times():
    x = scalar("x")
    cost = x
    for _ in range(3000):
        cost = cost + x
    total = grad(cost, x)
    count = 0
    while total.owner is not None and str(total.owner.op) == "Elemwise{add,no_inplace}":
        count, total = count + 1, total.owner.inputs[0]
    assert count == 3000




