"""Texts that are the same in every run. Facts are Theano 1.0.5's."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.printing import hex_digest, min_informative_str, position_independent_str, var_descriptor


@pytest.fixture
def graph():
    x, y = T.dscalar("x"), T.dscalar("y")
    z = T.exp(x * y) + x
    z.name = "z"
    return x, y, z, z * 2 + T.sin(z)


def test_min_informative_str(graph):
    x, y, z, w = graph
    assert min_informative_str(w) == (
        "A. Elemwise{add,no_inplace}\n B. Elemwise{mul,no_inplace}\n  C. z\n  D. TensorConstant{2}\n"
        " E. Elemwise{sin,no_inplace}\n  <C>"
    )
    assert min_informative_str(x + y, indent_level=2) == "  A. Elemwise{add,no_inplace}\n   B. x\n   C. y"
    assert [min_informative_str(v) for v in (None, 1.5, [1, 2], np.ones(2))] == [
        "A. None", "A. 1.5", "A. [1, 2]", "A. <ndarray>"
    ]
    assert min_informative_str(T.constant(2.0, name="two")) == "A. two"


def test_outputs_of_one_node_are_described_apart():
    v = T.dvector("v")
    a, b = T.split(v, [1, 2], 2, axis=0)
    assert min_informative_str(b + a.sum()) == (
        "A. Elemwise{add,no_inplace}\n B. Split{2}\n  C. v\n  D. TensorConstant{0}\n  E. TensorConstant{[1 2]}\n"
        " F. InplaceDimShuffle{x}\n  G. Sum{acc_dtype=float64}\n   H. Split{2}\n    <C>\n    <D>\n    <E>"
    )
    assert var_descriptor(b + a.sum()) == (
        "A=Elemwise{add,no_inplace}(B=Split{2}(C=v,D=TensorConstant{0},E=TensorConstant{[1 2]}),"
        "F=InplaceDimShuffle{x}(G=Sum{acc_dtype=float64}(H=Split{2}(<C>,<D>,<E>))))"
    )


def test_var_descriptor(graph):
    assert var_descriptor(graph[3]) == (
        "A=Elemwise{add,no_inplace}(B=Elemwise{mul,no_inplace}(C=Elemwise{add,no_inplace}(D=Elemwise{exp,no_inplace}("
        "E=Elemwise{mul,no_inplace}(F=x,G=y)),<F>),H=TensorConstant{2}),I=Elemwise{sin,no_inplace}(<C>))"
    )
    assert var_descriptor(np.arange(4.0)) == (
        "A=<ndarray:strides=[8],digest=9392b85eaba90b4aa6f39e1f269927b4bd6bec47cd2e34a80cf3ed914c26dc7e>"
    )
    assert var_descriptor(3) == "A=3" and var_descriptor("abc") == "A=abc"
    with pytest.raises(NotImplementedError):
        var_descriptor(object())


def test_position_independent_str(graph):
    assert position_independent_str(graph[0]) == "symtensor_var{type=TensorType(float64, scalar)}"
    with pytest.raises(NotImplementedError):
        position_independent_str(3)


@pytest.mark.parametrize("array, digest", [
    (np.arange(4.0), "9392b85eaba90b4aa6f39e1f269927b4bd6bec47cd2e34a80cf3ed914c26dc7e|strides=[8]|shape=[4]"),
    (np.arange(4), "a1e03200f1f82ad2c1cec8795c271aaecf98f5aa2d151d2229ec5fa0c177cf77|strides=[8]|shape=[4]"),
    (np.arange(4)[::2], "c571327cb01ac1de6972713cbf6cc1fc3c2cab8b581ee0bc3fe6d8b56963fd5b|strides=[16]|shape=[2]"),
    (np.ones((2, 2), "float32").T,
     "f6bb1294da2f78cd935b01c7656280df5eaa0439e9d97bc03775825a41a508e4|strides=[4,8]|shape=[2,2]"),
    (np.asarray(3), "35be322d094f9d154a8aba4733b8497f180353bd7ae7b0a15f90b586b549f28b|strides=[]|shape=[]"),
])
def test_hex_digest(array, digest):
    assert hex_digest(array) == digest


def test_hex_digest_refuses():
    with pytest.raises(TypeError):
        hex_digest("abc")
