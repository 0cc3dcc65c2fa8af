"""Merging: equal nodes and constants become one, and nothing else does."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.graph.basic import Apply, Constant
from symtensor.graph.errors import InconsistencyError
from symtensor.graph.features import Feature
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.op import Op
from symtensor.graph.traversal import list_of_nodes
from symtensor.graph.type import generic
from symtensor.rewrite.merge import MergeOptimizer, constant_key, merge
from symtensor.utils.memory import collector_paused


def graph(inputs, outputs):
    return FunctionGraph(inputs, outputs)


def test_equal_nodes_become_one():
    x, y = T.vectors("x", "y")
    fg = graph([x, y], [T.exp(x + y) + T.exp(x + y), T.exp(y + x)])
    assert merge(fg) == 2
    assert str(fg) == ("[Elemwise{add,no_inplace}(*1 -> Elemwise{exp,no_inplace}(Elemwise{add,no_inplace}(x, y)), *1), "
                       "Elemwise{exp,no_inplace}(Elemwise{add,no_inplace}(y, x))]")
    fg.check_integrity()
    assert merge(fg) == 0


def test_constants_are_merged_by_bytes_dtype_and_type():
    values = [0.0, -0.0, np.nan, np.inf, 1.0]
    dtypes = ["float32", "float64", "int8", "int64", "bool"]
    constants = []
    for value in values:
        for dtype in dtypes:
            with np.errstate(invalid="ignore"):
                data = np.asarray(value,
                                  dtype="float64").astype(dtype) if np.isfinite(value) or "float" in dtype else None
            if data is None:
                continue
            for shape in ((), (1,), (2,)):
                constants.append(T.constant(np.full(shape, data, dtype=dtype)))
    for a in constants:
        for b in constants:
            same = (a.type == b.type and a.data.dtype == b.data.dtype and a.data.shape == b.data.shape
                    and a.data.tobytes() == b.data.tobytes())
            assert (constant_key(a) == constant_key(b)) == same, (a, b)


def test_zero_and_minus_zero_stay_apart():
    x = T.vector("x")
    zeros = [Constant(T.dscalar, np.float64(v)) for v in (0.0, -0.0, 0.0, np.nan, np.nan)]
    fg = graph([x], [sum((x * z for z in zeros[1:]), x * zeros[0])])
    merge(fg)
    kept = {v for node in fg.apply_nodes for v in node.inputs if isinstance(v, Constant)}
    assert sorted(str(np.asarray(v.data).reshape(-1)[0]) for v in kept) == ["-0.0", "0.0", "nan"]


def test_constants_that_are_outputs_and_names():
    one, other = Constant(T.dscalar, 1.0), Constant(T.dscalar, 1.0, name="one")
    fg = graph([], [one, other])
    assert merge(fg) == 1 and fg.outputs[0] is fg.outputs[1] and fg.outputs[0].name == "one"


def test_constants_of_other_kinds():
    assert constant_key(Constant(generic, 1)) != constant_key(Constant(generic, True))
    assert constant_key(Constant(generic, 1)) != constant_key(Constant(generic, 1.0))
    assert constant_key(Constant(generic, 0.0)) != constant_key(Constant(generic, -0.0))
    assert constant_key(Constant(generic, slice(1, 2))) == constant_key(Constant(generic, slice(1, 2)))
    thing = []
    assert constant_key(Constant(generic, thing)) == constant_key(Constant(generic, thing))
    assert constant_key(Constant(generic, [])) != constant_key(Constant(generic, []))
    large = np.arange(10_000.0)
    assert constant_key(T.constant(large)) == constant_key(T.constant(large.copy()))
    assert constant_key(T.constant(large)) != constant_key(T.constant(large[::-1].copy()))


class Unhashable(Op):
    __props__ = ("what",)

    def __init__(self):
        self.what = []

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


class ByIdentity(Op):
    def make_node(self, x):
        return Apply(self, [x], [x.type()])


def test_what_cannot_be_compared_is_not_merged():
    x = T.vector("x")
    op = Unhashable()
    fg = graph([x], [op(x) + op(x)])
    assert merge(fg) == 0
    fg = graph([x], [ByIdentity()(x) + ByIdentity()(x)])
    assert merge(fg) == 0
    same = ByIdentity()
    assert merge(graph([x], [same(x) + same(x)])) == 1


def test_nodes_that_destroy_are_not_merged():
    class Destroys(ByIdentity):
        __props__ = ()
        destroy_map = {0: [0]}

    x = T.vector("x")
    assert merge(graph([x], [Destroys()(x) + Destroys()(x)])) == 0


def test_a_feature_may_object():
    class Objects(Feature):
        def validate(self, fgraph):
            raise InconsistencyError("no")

    x = T.vector("x")
    fg = FunctionGraph([x], [T.exp(x) + T.exp(x)], features=[Objects()])
    text = str(fg)
    assert merge(fg) == 0 and str(fg) == text


def test_as_an_optimizer():
    x = T.vector("x")
    fg = graph([x], [T.exp(x) + T.exp(x)])
    assert MergeOptimizer().optimize(fg) == 1
    assert fg.rewrites.counts == {"merge": 1}


@pytest.mark.parametrize("length", [100_000])
def test_two_long_chains(length):
    class Step(ByIdentity):
        __props__ = ()

    step, x = Step(), T.vector("x")
    a = b = x
    with collector_paused():
        for _ in range(length // 2):
            a, b = step(a), step(b)
    fg = FunctionGraph([x], [a, b], clone=False)
    assert merge(fg) == length // 2
    assert len(fg.apply_nodes) == length // 2 == len(list_of_nodes(fg.inputs, fg.outputs))
