"""Mistakes and what is said about them: the type and the key phrase of Theano 1.0.5 (its name replaced)."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Out, function, shared
from symtensor.compile.function_module import UnusedInputError
from symtensor.compile.pfunc import pfunc
from symtensor.graph.errors import MissingInputError

x, y = T.dscalars("x", "y")
v, m = T.dvector("v"), T.dmatrix("m")
s = shared(1.0, "s")

# what is tried, the exception, what its text holds
WHEN_MAKING = {
    "shared variable as input": (
        lambda: function([s], s + 1), TypeError,
        "Cannot use a shared variable (s) as explicit input. Consider substituting a non-shared variable via the "
        "`givens` "
        "parameter"),
    "shared variable in In": (lambda: function([In(s)], s), TypeError, "Cannot use a shared variable (s)"),
    "input twice": (
        lambda: function([x, x], x), UnusedInputError,
        "Variable x is used twice in inputs to symtensor.function, at indices 0 and 1.  This would result in values "
        "provided for it being ignored."),
    "input twice with In": (lambda: function([y, x, In(y, value=1)], x + y), UnusedInputError, "at indices 0 and 2"),
    "constant as input": (
        lambda: function([T.constant(2.0)], []), TypeError,
        "'Constants not allowed in param list', TensorConstant{2.0}"),
    "number as input": (lambda: function([1], x), TypeError, "Unknown parameter type: <class 'int'>"),
    "no list of inputs": (
        lambda: function(x, x), Exception,
        "Input variables of a symtensor function should be contained in a list, even "
        "when there is a single input."),
    "no list of params": (
        lambda: pfunc(x, x), Exception, "in pfunc() the first argument must be a list or a tuple"),
    "tuples with updates": (
        lambda: function([((x, x + 1), 3)], x, updates=[(s, s + 1)]), NotImplementedError,
        "tuple inputs trigger the old semantics, which disallow using updates and givens"),
    "unused input": (
        lambda: function([x, y], x), UnusedInputError,
        "symtensor.function was asked to create a function computing outputs given certain inputs, but the provided "
        "input "
        "variable at index 1 is not part of the computational graph needed to compute the outputs: y."),
    "how to ignore it": (
        lambda: function([x, y], x), UnusedInputError,
        "To make this error into a warning, you can pass the parameter on_unused_input='warn' to symtensor.function. "
        "To "
        "disable it completely, use on_unused_input='ignore'."),
    "unknown reaction": (
        lambda: function([x, y], x, on_unused_input="foo"), ValueError,
        "Invalid value for keyword on_unused_input of symtensor.function: 'foo'.\n"
        "Valid values are 'raise', 'warn', and 'ignore'."),
    "missing input": (
        lambda: function([x], x + y), MissingInputError,
        "Input 1 of the graph (indices start from 0), used to compute Elemwise{add,no_inplace}(x, y), was not "
        "provided and "
        "not given a value."),
    "missing input of an update": (
        lambda: function([], s, updates=[(s, s + y)]), MissingInputError,
        "used to compute Elemwise{add,no_inplace}(s, y)"),
    "number as output": (
        lambda: function([], 3), TypeError, "Outputs must be symtensor Variable or Out instances. Received 3 of type "
        "<class 'int'>"),
    "array as output": (lambda: function([], np.ones(2)), TypeError,
        "Received [1. 1.] of type <class 'numpy.ndarray'>"),
    "text among outputs": (lambda: function([x], [x, "abc"]), TypeError, "Received abc of type <class 'str'>"),
    "nested outputs": (lambda: function([x], [[x]]), TypeError, "Received [x] of type <class 'list'>"),
    "keys that are no strings": (lambda: function([x], {1: x}), AssertionError, ""),
    "name that is no string": (lambda: In(x, name=3), TypeError, "name must be a string! (got: 3)"),
    "mutable but not borrowed": (
        lambda: In(x, mutable=True, borrow=False), AssertionError,
        "has flags mutable=True, borrow=False. This combination is incompatible since mutable=True implies that the "
        "input "
        "variable may be both aliased (borrow=True) and overwritten."),
    "update of another dtype in In": (
        lambda: In(x, update=T.fscalar("q")), TypeError,
        "Variable 'x' has type TensorType(float64, scalar) but an update of type TensorType(float32, scalar). The "
        "type of "
        "the update should be the same as the type of the variable"),
    "symbolic default": (lambda: In(x, value=T.constant(3.0)), TypeError, "should not be a symbolic variable"),
    "shared without a container": (lambda: In(x, value=3.0, shared=True), AssertionError, "shared"),
    "default of another rank": (
        lambda: function([In(x, value=[1, 2])], x), TypeError,
        "'Wrong number of dimensions: expected 0, got 1 with shape (2,).', 'Container name \"x\"'"),
    "update of no shared variable": (
        lambda: function([x], x, updates=[(x, x + 1)]), TypeError, "('update target must be a SharedVariable', x)"),
    "two updates": (
        lambda: function([], s, updates=[(s, s + 1), (s, s + 2)]), ValueError,
        "('this shared variable already has an update expression', (s, Elemwise{add,no_inplace}.0))"),
    "update of another type": (
        lambda: function([v], s, updates=[(s, v)]), TypeError,
        "An update must have the same type as the original shared variable (shared_var=s, shared_var.type=TensorType("
        "float64, scalar), update_val=v, update_val.type=TensorType(float64, vector))."),
    "what to do about it": (
        lambda: function([v], s, updates=[(s, v)]), TypeError,
        "'If the difference is related to the broadcast pattern, you can call the tensor.unbroadcast(var, "
        "axis_to_unbroadcast[, ...]) function to remove broadcastable dimensions.'"),
    "no update": (lambda: function([], s, updates=[(s, None)]), TypeError, "update_val=None, update_val.type=None"),
    "output as update": (lambda: function([], [], updates=[(s, Out(s + 1))]), TypeError, "update_val=Out(Elemwise"),
    "updates not in pairs": (
        lambda: function([], s, updates=[s, s + 1]), ValueError,
        "The updates parameter must be an OrderedDict/dict or a list of lists/tuples with 2 elements"),
    "updates of three": (lambda: function([], s, updates=[(s, s + 1, 3)]), ValueError, "too many values to unpack"),
    "no_default_updates is text": (
        lambda: function([], s, no_default_updates="abc"), TypeError,
        "no_default_update should be either a boolean or a list"),
    "no_default_updates is a tuple": (lambda: function([], s, no_default_updates=(s,)), TypeError, "boolean or a list"),
    "given that is an input": (
        lambda: function([x], x * 10, givens={x: y}), RuntimeError,
        "You are trying to replace variable 'x' through the `givens` parameter, but this variable is an input to your "
        "function. Replacing inputs is currently forbidden because it has no effect."),
    "given of text": (lambda: function([y], x, givens={"x": y}), TypeError, "('given keys must be Variable', 'x')"),
    "given of another type": (
        lambda: function([v], x, givens={x: v}), TypeError,
        "Cannot convert Type TensorType(float64, vector) (of Variable v) into Type TensorType(float64, scalar). You "
        "can try "
        "to manually convert v into a TensorType(float64, scalar)."),
    "given value of another dtype": (
        lambda: function([], x, givens={x: 3}), TypeError,
        "Cannot convert Type TensorType(int64, scalar) (of Variable <TensorType(int64, scalar)>) into Type "
        "TensorType(float64, scalar)."),
    "givens of three": (lambda: function([y], x, givens=[(x, y, 3)]), ValueError, "too many values to unpack"),
    "givens that depend on one another": (
        lambda: function([], s + x, givens=[(s, x + 1), (x, s + 1)]), AssertionError,
        "you can not have a new_v variable depend on an old_v one. For instance, givens = {a:b, b:(a+1)} is not "
        "allowed. "
        "Here, the old_v x is used to compute other new_v's, but it is scheduled to be replaced by "
        "Elemwise{add,no_inplace}.0."),
    "variable given twice": (
        lambda: function([y], x, givens=[(x, y), (x, y + 1)]), AssertionError, "the old_v x is used to compute"),
    "unknown mode": (lambda: function([x], x, mode="zz"), Exception, "No predefined mode exist for string: zz"),
    "unknown linker": (lambda: symtensor.Mode("foo"), KeyError, "foo"),
    "unknown optimizer": (lambda: symtensor.Mode("py", "bar"), KeyError, "bar"),
    "in-place graph": (
        lambda: function([v], T.inplace.exp_inplace(v)), TypeError, "('Graph must not contain inplace operations'"),
}


@pytest.mark.parametrize("case", WHEN_MAKING)
def test_mistakes_when_making_a_function(case):
    attempt, kind, phrase = WHEN_MAKING[case]
    with pytest.raises(kind) as caught:
        attempt()
    assert type(caught.value) is kind
    assert phrase in str(caught.value)


def test_the_order_in_which_mistakes_are_found():
    def kind(*args, **kwargs):
        with pytest.raises(Exception) as caught:
            function(*args, **kwargs)
        return type(caught.value).__name__, str(caught.value)[:30]

    z = T.dscalar("z")
    assert kind([s, x, x], "abc", updates=[(x, 1)], givens={"q": 1})[0] == "UnusedInputError"
    assert kind([x], "abc", updates=[(x, 1)], givens={"q": 1})[1].startswith("('given keys")
    assert kind([x], "abc", updates=[(x, 1)])[1].startswith("('update target")
    assert kind([x], z, updates=[(s, s + 1)])[0] == "UnusedInputError"
    assert kind([x, 3], x, givens={x: 1.0})[1].startswith("Unknown parameter type")
    assert kind([x], x, givens={x: 1.0}, updates=[(x, 1)])[0] == "RuntimeError"
    assert kind([x], z, mode="zz")[1].startswith("No predefined mode")
    assert kind([x], "abc", mode="zz")[1].startswith("Outputs must be")


def test_unused_inputs_warn_or_pass():
    with pytest.warns(UserWarning, match="the provided input variable at index 1 is not part of") as caught:
        assert function([x, y], x, on_unused_input="warn")(1, 2) == 1
    text = str(caught[0].message)
    assert "To make this warning into an error, you can pass the parameter on_unused_input='raise'" in text
    assert caught[0].filename == __file__
    assert function([x, y], x, on_unused_input="ignore")(1, 2) == 1
    with symtensor.change_flags(on_unused_input="ignore"):
        assert function([x, y], x)(1, 2) == 1


two = function([x, y], x + y, name="two")
matrices = function([m, T.dmatrix()], m, name="myfun", on_unused_input="ignore")
one_unnamed = T.dscalar()
WHEN_CALLING = {
    "too many": (lambda: two(1, 2, 3), TypeError, "Too many parameter passed to symtensor function"),
    "too many with names": (lambda: two(1, 2, z=1), TypeError, "Too many parameter passed to symtensor function"),
    "none": (lambda: two(), TypeError, "Missing required input: x"),
    "too few": (lambda: two(1), TypeError, "Missing required input: y"),
    "the first missing": (lambda: two(y=1), TypeError, "Missing required input: x"),
    "unnamed missing": (
        lambda: function([one_unnamed], one_unnamed + 1)(), TypeError,
        "Missing required input: <TensorType(float64, scalar)>"),
    "by position and name": (lambda: two(1, x=1), TypeError, "Multiple values for input: x"),
    "unknown name": (
        lambda: two(1, z=1), TypeError, "Unknown input or state: z. The function has 2 named inputs (x, y)."),
    "ambiguous name": (
        lambda: function([x, T.dscalar("x")], x, on_unused_input="ignore")(x=3), TypeError,
        "Ambiguous name: x - please check the names of the inputs of your function for duplicates."),
    "shared variable by name": (
        lambda: function([x], x + s)(1, s=3), TypeError, "Tried to provide value for implicit input: s"),
    "shared variable by position": (
        lambda: function([x], x + s)(1, 3), TypeError, "Tried to provide value for implicit input: s"),
    "implicit input": (
        lambda: function([x, In(y, value=3, implicit=True)], x + y)(1, 2), TypeError,
        "Tried to provide value for implicit input: y"),
    "wrong rank": (
        lambda: two([1.0], 2), TypeError, "Wrong number of dimensions: expected 0, got 1 with shape (1,)."),
    "which argument": (
        lambda: matrices([[1.0]], [1, 2]), TypeError,
        "Bad input argument to symtensor function with name \"myfun\" at index 1 (0-based)"),
    "which name": (
        lambda: matrices([1.0], [[1]]), TypeError,
        "Bad input argument with name \"m\" to symtensor function with name \"myfun\" at index 0 (0-based)"),
    "where the input was made": (lambda: two([1.0], 2), TypeError, "test_compile_errors.py"),
    "by name": (lambda: two(1, y=[1, 2]), TypeError, "expected 0, got 1 with shape (2,)."),
    "not broadcastable": (
        lambda: function([(r := T.drow("r"))], r)([[1.0], [2.0]]), TypeError,
        "Non-unit value on shape on a broadcastable dimension."),
    "None": (lambda: two(None, 1), TypeError, "expected an ndarray, not None"),
    "text": (lambda: two("abc", 1), TypeError, "Bad input argument"),
    "variable": (
        lambda: two(x, 1), TypeError,
        "Expected an array-like object, but found a Variable: maybe you are trying to call a "
        "function on a (possibly shared) variable instead of a numeric array?"),
    "loses precision": (
        lambda: function([(f := T.fscalar("f"))], f, allow_input_downcast=False)(0.1), TypeError,
        "If you do not mind this precision loss, you can: 1) explicitly convert your data to a numpy array of dtype "
        "float32, "
        'or 2) set "allow_input_downcast=True" when calling "function".'),
    "integer from float": (
        lambda: function([(i := T.iscalar("i"))], i)(2.5), TypeError, "cannot store accurately value 2.5"),
    "strict": (
        lambda: function([In(v, strict=True)], v)([1, 2]), TypeError,
        "TensorType(float64, vector) expected a ndarray object."),
    "strict number": (
        lambda: function([In(x, strict=True)], x)(0.1), TypeError, "expected a ndarray object."),
    "strict dtype": (
        lambda: function([In(v, strict=True)], v)(np.zeros(2, "float32")), TypeError,
        "expected a ndarray object with dtype = float64 (got float32)."),
    "what was given": (
        lambda: function([In(v, strict=True)], v, name="mine")(["a"] * 100_000), TypeError,
        "expected a ndarray object.\nGiven: ['a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', ...], <class 'list'>"),
    "on lines of their own": (
        lambda: function([In(v, allow_downcast=False)], v, name="mine")(["a"]), TypeError,
        "v, m = T.dvector(\"v\"), T.dmatrix(\"m\")\n"
        "TensorType(float64, vector) cannot store a value that is not a number."
    ),
    "no such input": (lambda: two["q"], TypeError, "Unknown input or state: q"),
    "no such input to set": (
        lambda: two.__setitem__(7, 1), TypeError, "Unknown input or state: 7. The function has 2 named inputs (x, y)."),
    "no such container": (lambda: two.container["q"], KeyError, "q"),
    "wrong value to set": (
        lambda: two.__setitem__("y", [1, 2]), TypeError, "'Container name \"y\"'"),
    "several with that name": (
        lambda: function([x, T.dscalar("x")], x, on_unused_input="ignore")["x"], TypeError, "Ambiguous name: x"),
}


@pytest.mark.parametrize("case", WHEN_CALLING)
def test_mistakes_when_calling_a_function(case):
    attempt, kind, phrase = WHEN_CALLING[case]
    with pytest.raises(kind) as caught:
        attempt()
    assert type(caught.value) is kind
    assert phrase in str(caught.value)


def test_a_function_works_after_bad_calls():
    for _ in range(3):
        with pytest.raises(TypeError):
            two([1.0], 2)
        assert two(1, 2) == 3


def test_in_without_names_says_how_to_name():
    f = function([one_unnamed, T.dscalar()], one_unnamed + 1, on_unused_input="ignore")
    with pytest.raises(TypeError, match="The function has 2 inputs, but none of them is named"):
        f(1, q=2)
