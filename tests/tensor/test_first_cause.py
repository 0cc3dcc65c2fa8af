"""Errors about types name the line of the program that brought the wrong one in."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, function, shared
from symtensor.ifelse import ifelse
from symtensor.tensor.first_cause import first_cause

W = shared(np.zeros((3, 2), "float32"), "W")
s = shared(np.float32(0), "s")
n = shared(np.int32(0), "n")
lr = shared(0.1, "lr")
row = shared(np.zeros((1, 3), "float32"), "row", broadcastable=(True, False))
x, v = T.fmatrix("x"), T.fvector("v")
y = T.dmatrix("y")

hidden = T.tanh(T.dot(x, W))
error = hidden - y
half = n / 2
by_length = x.shape[0] * W
wide_constant = T.constant(np.float64(2.5))
scaled = W * wide_constant
cast = T.cast(x, "float64")
mean = x.mean(axis=0, dtype="float64")
small = T.exp(x) * 3
picked = y[T.lscalar("k")]
mixed = v + picked
loop, _ = symtensor.scan(lambda a: a * lr, sequences=[v])
inside = symtensor.OpFromGraph([v], [v * T.constant(np.arange(3.0))])(v)
flat = W.sum(axis=0)
tall = row + x
summed = s + v * 2

# the shared variable, the new value, what the message says
UPDATES = {
    "an input of the wider dtype": (W, W - T.grad((error ** 2).sum(), hidden).sum() + error.sum(), [
        "float64 came in here: error = hidden - y  (File \"", "It comes from the variable y of dtype float64",
        "y = T.dmatrix(\"y\")  (File", "T.cast(y, 'float32')"]),
    "a division of integers": (n, half + 1, [
        "float64 came in here: half = n / 2", "true_div of int32 and int8 gives float64", "divide by //"]),
    "a length": (W, W + by_length, [
        "float64 came in here: by_length = x.shape[0] * W", "mul of int64 and float32 gives float64", "is int64"]),
    "a constant": (W, W + T.exp(scaled), [
        "float64 came in here: scaled = W * wide_constant", "the constant 2.5 of dtype float64",
        "numpy.float32(...)", "numbers in expressions become floatX, now float64"]),
    "a shared variable": (W, (W * lr) + 1, [
        "the shared variable lr of dtype float64, made here: lr = shared(0.1, \"lr\")", "value.astype('float32')"]),
    "a cast": (W, W * cast.sum(), ["float64 came in here: cast = T.cast(x, \"float64\")"]),
    "an accumulator": (W, W * mean.sum(), ["float64 came in here: mean = x.mean(axis=0, dtype=\"float64\")"]),
    "behind an index": (W, W + mixed.sum(), [
        "float64 came in here: mixed = v + picked", "the variable y of dtype float64"]),
    "in a loop": (s, s + loop.sum(), [
        "float64 came in here: loop, _ = symtensor.scan(lambda a: a * lr", "the shared variable lr"]),
    "in a graph as an op": (s, s + inside.sum(), ["float64 came in here: inside = symtensor.OpFromGraph"]),
    "too narrow": (lr, v.sum(), ["Nothing in it is wider than float32", "float64"]),
    "a vector for a scalar": (s, summed, [
        "the variable v, which has 1 dimension, made here: x, v = T.fmatrix", "reduction"]),
    "a vector for a matrix": (W, flat + 1, ["1 dimension first appears here: flat = W.sum(axis=0)", "keepdims=True"]),
    "a matrix for a row": (row, tall * 2, [
        "Along axis 0, a length that is not known to be 1 comes from the variable x", "T.addbroadcast(x, 0)"]),
    "a row for a matrix": (W, T.zeros((1, 2), "float32"), ["Along axis 0, length 1 first appears here", "unbroadcast"]),
}


@pytest.mark.parametrize("case", UPDATES)
def test_updates(case):
    target, value, phrases = UPDATES[case]
    with pytest.raises(TypeError) as caught:
        function([], [], updates=[(target, value)], on_unused_input="ignore")
    assert len(caught.value.args) == 3 and "\\n" not in str(caught.value)
    for phrase in phrases:
        assert phrase in str(caught.value), str(caught.value)


def test_several_causes_are_counted():
    first = x + y
    text = first_cause(first * lr * wide_constant, W.type)
    assert "came in here: first = x + y" in text
    assert "Not narrow enough either: the shared variable lr (float64); the constant 2.5 (float64)." in text


def test_what_is_no_tensor_says_nothing():
    assert first_cause(3, W.type) == "" and first_cause(x, symtensor.gof.generic) == ""
    assert first_cause(x, x.type) == ""


def test_default_updates():
    state = shared(np.float32(0), "state")
    state.default_update = state * lr
    with pytest.raises(TypeError, match="default update of the shared variable state") as caught:
        function([], state)
    assert "float64 came in here: state.default_update = state * lr" in str(caught.value)


def test_updates_of_inputs():
    i = T.fscalar("i")
    with pytest.raises(TypeError, match="Variable 'i' has type") as caught:
        In(i, update=i + lr)
    assert "the shared variable lr of dtype float64" in str(caught.value)


def test_states_of_loops():
    def step(a, state):
        grown = a * lr
        return state + grown

    with pytest.raises(ValueError, match="results in an upcast or downcast") as caught:
        symtensor.scan(step, sequences=[v], outputs_info=[T.zeros((), "float32")])
    assert "float64 came in here: grown = a * lr" in str(caught.value)
    assert "the shared variable lr of dtype float64, made here: lr = shared(0.1" in str(caught.value)
    with pytest.raises(ValueError, match="one less than the initial state") as caught:
        symtensor.scan(lambda a, state: state + v, sequences=[v], outputs_info=[T.zeros((), "float32")])
    assert "It has the dimensions of the variable v, which has 1 dimension" in str(caught.value)
    with pytest.raises(TypeError, match="An update must have the same type") as caught:
        symtensor.scan(lambda a: {n: n / 2}, sequences=[v])
    assert "true_div of int32 and int8 gives float64" in str(caught.value)


def test_branches():
    with pytest.raises(TypeError, match="should have identical types") as caught:
        ifelse(T.iscalar(), v, v * lr)
    assert "In the `else` branch: float64 came in here" in str(caught.value)
    with pytest.raises(TypeError, match="In the `then` branch: float64"):
        ifelse(T.iscalar(), v * lr, v)
    with pytest.raises(TypeError, match="has 2 dimensions, made here"):
        ifelse(T.iscalar(), v, x)


def test_deep_graphs():
    deep = y
    for _ in range(20_000):
        deep = T.exp(deep)
    text = first_cause(deep + x, W.type)
    assert "deep + x" in text and "the variable y of dtype float64" in text
