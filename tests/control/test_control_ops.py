"""Assert, Raise, Print, as_op, PdbBreakpoint. Facts are Theano 1.0.5's."""
from __future__ import annotations

import importlib
import pdb
import pickle
import sys

import numpy as np
import pytest
from control_toys import evaluate

import symtensor.tensor as T
from symtensor.control.breakpoint import PdbBreakpoint
from symtensor.control.function_op import FromFunctionOp, as_op, load_back
from symtensor.control.ifelse import IfElse
from symtensor.control.print_op import Print
from symtensor.control.raise_op import Assert, Raise, assert_, assert_op
from symtensor.gradient import DisconnectedInputError, Rop, grad
from symtensor.gradient.barriers import view_op
from symtensor.graph.type import Generic
from symtensor.printing import pp


@pytest.fixture
def x():
    return T.dscalar("x")


@pytest.fixture
def v():
    return T.dvector("v")


# -- Assert and Raise --------------------------------------------------------------------------------------------------


def test_assert_passes_or_raises(x):
    checked = Assert("must be positive")(x, x > 0, 1) * 2
    assert evaluate(checked, {x: 1.0}) == 2.0
    with pytest.raises(AssertionError, match="^must be positive$"):
        evaluate(checked, {x: -1.0})
    with pytest.raises(AssertionError):
        evaluate(Assert()(x, x), {x: 0.0})
    assert evaluate(Assert()(x), {x: 3.0}) == 3.0


def test_assert_builds(x, v):
    assert pp(Assert("a")(3.0, x > 0)) == "Assert{msg='a'}(TensorConstant{3.0}, gt(x, TensorConstant{0}))"
    assert Assert("a")(Generic()("g"), x > 0).type == Generic()
    with pytest.raises(TypeError, match="rank 0"):
        Assert("a")(x, v > 0)
    with pytest.raises(TypeError, match="Cannot cast True or False"):
        Assert("a")(x, True)
    assert assert_ is assert_op and isinstance(assert_, Assert)
    assert Assert("a") == Assert("a") != Assert("b") and Assert("a").view_map == {0: [0]}


def test_assert_differentiates(x):
    y = T.dscalar("y")
    z = Assert("a")(x, y)
    assert z.owner.op.connection_pattern(z.owner) == [[True], [False]]
    assert pp(grad(z * 2, x)).endswith("* TensorConstant{2})")
    with pytest.raises(DisconnectedInputError):
        grad(z * 2, y)
    assert Rop(z, x, y) is y  # Theano's has no R_op
    assert z.owner.op.infer_shape(z.owner, [("a",), ()]) == [("a",)]


def test_raise(x):
    assert str(Raise("msg here")) == "Raise{<class 'NotImplementedError'>(msg here)}"
    with pytest.raises(NotImplementedError, match="msg here"):
        evaluate(Raise("msg here")(x), {x: 1.0})
    with pytest.raises(ValueError, match="a"):
        evaluate(Raise("a", ValueError)(x), {x: 1.0})
    assert not Raise("a").do_constant_folding(None)


# -- Print -------------------------------------------------------------------------------------------------------------


def test_print_shows_attributes(v, capsys):
    seen = Print("hello", attrs=["__str__", "shape", "dtype", "min", "__repr__", "strides"])(v)
    np.testing.assert_array_equal(evaluate(seen, {v: [0.0, 1.0, 2.0]}), [0, 1, 2])
    assert capsys.readouterr().out == (
        "hello __str__ = [0. 1. 2.]\nhello shape = (3,)\nhello dtype = float64\nhello min = 0.0\n"
        "hello __repr__ = array([0., 1., 2.])\nhello strides = (8,)\n"
    )


def test_print_without_arguments(v, capsys):
    evaluate(Print()(v), {v: [1.0]})
    assert capsys.readouterr().out == " __str__ = [1.]\n"
    with pytest.raises(AttributeError, match="foo"):
        evaluate(Print("m", attrs=["foo"])(v), {v: [1.0]})


def test_print_calls_another_function(v):
    calls = []
    op = Print("m", global_fn=lambda op, value: calls.append((op.message, value.tolist())))
    evaluate(op(v), {v: [1.0]})
    assert calls == [("m", [1.0])]


def test_print_is_the_identity(x, v):
    op = Print("m", ["shape"])
    assert op.attrs == ("shape",) and op == Print("m", ("shape",)) and op != Print("n", ("shape",))
    assert op(T.drow("r")).type == T.drow and op(Generic()("g")).type == Generic()
    assert pp(grad(op(x) * 2, x)).endswith("* TensorConstant{2})")
    assert Rop(op(x), x, x) is x
    assert pickle.loads(pickle.dumps(Print("m"))) == Print("m")
    assert not op.do_constant_folding(None)
    with pytest.raises(TypeError, match="expects a variable"):
        op(3.0)


# -- as_op -------------------------------------------------------------------------------------------------------------


@as_op(itypes=[T.dvector, T.dscalar], otypes=[T.dvector])
def times(a, b):
    return a * b


def test_as_op(v, x):
    assert isinstance(times, FromFunctionOp) and str(times) == "FromFunctionOp{times}"
    np.testing.assert_array_equal(evaluate(times(v, x), {v: [1.0, 2.0], x: 3.0}), [3.0, 6.0])
    with pytest.raises(ValueError, match="We expected 2 inputs but got 1."):
        times(v)
    with pytest.raises(TypeError, match="We expected inputs of types"):
        times(x, v)
    with pytest.raises(AttributeError, match="neither grad nor L_op"):
        grad(times(v, x).sum(), x)


def test_as_op_with_several_results(v):
    @as_op(itypes=[T.dvector], otypes=[T.dscalar, T.lvector])
    def two(a):
        return np.asarray(a.sum()), np.arange(3)

    total, numbers = two(v)
    assert evaluate([total, numbers], {v: [1.0, 2.0]})[0] == 3.0

    @as_op(itypes=T.dvector, otypes=[T.dscalar, T.dscalar])
    def one(a):
        return (a.sum(),)

    with pytest.raises(ValueError, match="should return 2 values, but returned 1"):
        evaluate(one(v)[0], {v: [1.0]})
    assert as_op([T.dvector], [])(lambda a: None)(v) == []


def test_as_op_shapes(v):
    op = as_op(itypes=[T.dvector], otypes=[T.dvector], infer_shape=lambda node, shapes: [shapes[0]])(lambda a: a * 2)
    assert op.infer_shape(None, [(3,)]) == [(3,)]
    assert not hasattr(times, "infer_shape")


def test_as_op_refuses():
    one = [T.dscalar]
    for itypes, otypes, which in (([3], one, "itypes"), (one, [3], "otypes"), (3, one, "itypes")):
        with pytest.raises(TypeError, match=f"{which} has to be a list"):
            as_op(itypes, otypes)(lambda a: a)
    with pytest.raises(TypeError, match="infer_shape needs to be a callable"):
        as_op([T.dscalar], [T.dscalar], infer_shape=3)


def test_as_op_equality_and_pickling():
    def f(a):
        return a

    types = [T.dscalar]
    assert FromFunctionOp(f, types, types, None) == FromFunctionOp(f, types, types, None)
    assert FromFunctionOp(f, types, types, None) != times
    assert pickle.loads(pickle.dumps(times)) == times
    assert load_back(times.__reduce__()[1][0], "times") is times
    with pytest.raises(pickle.PicklingError, match="not found"):
        pickle.dumps(as_op(types, types)(lambda a: a))


# -- PdbBreakpoint -----------------------------------------------------------------------------------------------------


def test_breakpoint(x, v, monkeypatch, capsys):
    first, second = PdbBreakpoint("stop")(x > 1, x, v)
    assert evaluate([first, second], {x: 0.5, v: [1.0]})[0] == 0.5
    # As a user in the debugger would: find the frame, change the list, go on.
    monkeypatch.setattr(pdb, "set_trace", lambda: sys._getframe(1).f_locals["monitored"].__setitem__(0, 7.0))
    values = evaluate([first, second], {x: 2.0, v: [1.0]})
    assert values[0] == 7.0 and values[1].tolist() == [1.0]
    assert "Conditional breakpoint 'stop' activated" in capsys.readouterr().out


def test_breakpoint_builds(x, v):
    first, second = PdbBreakpoint("stop")(x > 1, x, v)
    assert (first.type, second.type) == (x.type, v.type)
    assert pp(grad(first * 2, x)).endswith("* TensorConstant{2})")
    with pytest.raises(TypeError, match="rank 0"):
        PdbBreakpoint("stop")(v > 1, x)
    assert PdbBreakpoint("a") == PdbBreakpoint("a") != PdbBreakpoint("b")
    assert first.owner.op.infer_shape(None, [(), (), ("n",)]) == [(), ("n",)]


# -- where programs find the classes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [
    IfElse(2, name="a"), Assert("a"), Raise("a", ValueError), Print("a"), PdbBreakpoint("a"), view_op, times,
])
def test_classes_are_found_under_theanos_paths(value):
    kind = type(value)
    assert getattr(importlib.import_module(kind.__module__), kind.__name__) is kind
    assert not kind.__module__.startswith(("symtensor.control", "symtensor.gradient"))
    assert pickle.loads(pickle.dumps(value)) == value
