"""The sizes that local optimizers of user programs may ask for."""
from __future__ import annotations

import pickle

import pytest

import symtensor.tensor as T
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.opt import in2out, local_optimizer
from symtensor.rewrite.optdb import Query
from symtensor.rewrite.pipeline import optimize
from symtensor.rewrite.shape_feature import ShapeFeature


@pytest.fixture
def graph():
    x, y, row = T.matrix("x"), T.vector("y"), T.row("row")
    fg = FunctionGraph([x, y, row], [T.exp(T.dot(x, y)) + 1, x + row], features=[ShapeFeature()])
    return fg, fg.shape_feature


def test_sizes(graph):
    fg, shapes = graph
    x, y, row = fg.inputs
    out, other = fg.outputs
    assert [str(n) for n in shapes.shape_of[x]] == ["Shape_i{0}.0", "Shape_i{1}.0"]
    assert shapes.shape_of[out] == (shapes.shape_of[x][0],) and shapes.get_shape(out, 0) is shapes.shape_ir(0, x)
    assert shapes.shape_of[row][0] is shapes.lscalar_one and shapes.lscalar_one.data == 1
    assert shapes.same_shape(out, out) and shapes.same_shape(x, other) and not shapes.same_shape(x, out)
    assert shapes.same_shape(x, out, 0, 0) and not shapes.same_shape(x, out, 1, 0)
    assert out in shapes.shape_of and T.exp(x) not in shapes.shape_of and len(shapes.shape_of) == len(fg.variables)
    assert shapes.shape_tuple(T.type_other.NoneConst) is None
    assert shapes.make_vector_shape(x).type.dtype == "int64"
    with pytest.raises(ValueError, match="go together"):
        shapes.same_shape(x, out, dim_x=0)


def test_sizes_that_are_said(graph):
    fg, shapes = graph
    out = fg.outputs[0]
    shapes.set_shape(out, (3,))
    assert shapes.shape_of[out][0].data == 3
    with pytest.raises(AssertionError, match="already in shape_of"):
        shapes.set_shape(out, (4,))
    shapes.set_shape(out, (4,), override=True)
    shapes.set_shape_i(out, 0, 5)
    assert shapes.shape_of[out][0].data == 5
    new = T.exp(fg.inputs[1])
    shapes.update_shape(new, out)
    assert shapes.get_shape(new, 0).data == 5
    with pytest.raises(AssertionError, match="one size per axis"):
        shapes.set_shape(fg.outputs[1], (3,))


def test_changes_and_pickles(graph):
    fg, shapes = graph
    fg.replace(fg.outputs[0], T.exp(fg.inputs[1]))
    assert shapes.shape_of[fg.outputs[0]] == shapes.shape_of[fg.inputs[1]]
    new = pickle.loads(pickle.dumps(fg))
    assert new.shape_feature.fgraph is new and new.shape_feature.same_shape(new.inputs[1], new.outputs[0])
    fg.remove_feature(shapes)
    assert not hasattr(fg, "shape_feature")


def test_local_optimizers_may_ask():
    asked = []

    @local_optimizer([T.exp])
    def asks(node):
        asked.append(node.fgraph.shape_feature.same_shape(node.inputs[0], node.outputs[0]))

    x = T.vector("x")
    fg = FunctionGraph([x], [T.exp(x)])
    optimize(fg, Query(["fast_run"]).register((in2out(asks), 1.1)))
    assert asked == [True]
