"""Graphs, types and error classes that Theano 1.0.5 gave for some 460 expressions, and where we differ on purpose."""
from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

import symtensor.scalar as sc
import symtensor.tensor as T
import symtensor.tensor.extra_ops as E
from tensor_perform import text

FACTS = json.loads((pathlib.Path(__file__).parent / "theano_expressions.json").read_text())

NAMES = {
    "np": np, "T": T, "E": E, "sc": sc,
    "x": T.dmatrix("x"), "y": T.dmatrix("y"), "r": T.drow("r"), "c": T.dcol("c"), "v": T.dvector("v"),
    "s": T.dscalar("s"), "t": T.dtensor3("t"), "f": T.fmatrix("f"), "fv": T.fvector("fv"), "i": T.iscalar("i"),
    "iv": T.ivector("iv"), "lv": T.lvector("lv"), "im": T.imatrix("im"), "b": T.bvector("b"), "z": T.zvector("z"),
    "bo": T.TensorType("bool", [0])("bo"), "h": T.TensorType("float16", [0])("h"),
    "u": T.TensorType("uint8", [0])("u"), "one": T.TensorType("float64", [1, 1])("one"),
    "uv": T.TensorType("uint64", [0])("uv"),
}


def described(expression):
    try:
        result = eval(expression, dict(NAMES))
    except Exception as error:
        return {"error": type(error).__name__}
    if isinstance(result, (list, tuple)) and result and all(hasattr(q, "owner") for q in result):
        return {"text": [text(q) for q in result], "type": [str(q.type) for q in result]}
    if hasattr(result, "owner") and hasattr(result, "type"):
        return {"text": text(result), "type": str(result.type)}
    return {"value": str(result)}


@pytest.mark.parametrize("expression", sorted(FACTS))
def test_same_as_recorded(expression):
    assert described(expression) == FACTS[expression]


# What Theano accepts and computes wrongly, or refuses although it makes sense.
OURS = {
    "T.min(iv)": "Elemwise{invert,no_inplace}(MaxAndArgmax{axis=(0,)}.0(Elemwise{invert,no_inplace}(iv)))",
    "T.sum(t, axis=(-1,0))": "Sum{axis=[0, 2], acc_dtype=float64}(t)",
    "T.zeros(i)": "Alloc(TensorConstant{0.0}, i)",
    "T.zeros(np.array([2,3]))": "Alloc(TensorConstant{0.0}, TensorConstant{2}, TensorConstant{3})",
    "T.diag([1,2])": "AllocDiag{offset=0, axis1=0, axis2=1}(TensorConstant{[1 2]})",
    "T.AllocEmpty('floatX')(3)": "AllocEmpty{dtype='float64'}(TensorConstant{3})",
    "x.norm(float('inf'))": "MaxAndArgmax{axis=(0, 1)}.0(Elemwise{abs_,no_inplace}(x))",
    "x @ v": "dot(x, v)",
}
REFUSED = {
    "T.tril(v)": "ValueError", "T.identity_like(v)": "ValueError", "T.ExtractDiag(0,0,5)(x)": "ValueError",
    "E.diff(s)": "ValueError", "E.diff(x,axis=3)": "ValueError", "T.AllocEmpty('a')": "TypeError",
    "T.cast(x,'foo')": "TypeError", "T.eye(iv)": "TypeError", "T.permute_row_elements(x,v)": "TypeError",
    "T.cov(t)": "ValueError", "int(i)": "TypeError",
}


@pytest.mark.parametrize("expression", sorted(OURS))
def test_different_on_purpose(expression):
    assert described(expression)["text"] == OURS[expression]


@pytest.mark.parametrize("expression", sorted(REFUSED))
def test_refused_on_purpose(expression):
    assert described(expression) == {"error": REFUSED[expression]}


@pytest.mark.parametrize("expression, length", [
    ("T.arange(3)", 3), ("T.join(0,x.shape,[1])", 3), ("T.zeros(3)", 3), ("x.shape+1", 2), ("x.shape[::-1]", 2),
    ("x.shape.astype('int8')", 2),
])
def test_more_lengths_are_known(expression, length):
    assert T.get_vector_length(eval(expression, dict(NAMES))) == length
