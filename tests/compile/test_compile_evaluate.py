"""Values without compiling: `evaluate`, `variable.eval`, and the laziness of node-by-node runs."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import shared
from symtensor.compile.evaluate import evaluate, run_node
from symtensor.compile.function_module import UnusedInputError
from symtensor.control.ifelse import ifelse
from symtensor.graph.basic import Apply
from symtensor.graph.errors import MissingInputError
from symtensor.graph.op import Op

x, y = T.dscalars("x", "y")


def test_eval():
    z = x + y
    assert z.eval({x: 1, y: 2}) == 3 and isinstance(z.eval({x: 1, y: 2}), np.ndarray)
    assert (x * 2).eval({x: np.float32(3)}) == 6 and x.eval({x: 3.0}) == 3
    inner = x + 1
    assert (inner * 2).eval({inner: 5.0}) == 10
    assert (shared(2.0) + 1).eval() == 3 and T.constant(3).eval() == 3 and shared(2.0).eval() == 2


def test_eval_keeps_its_function():
    z = x + y
    z.eval({x: 1, y: 2})
    (entry,) = z._fn_cache.values()
    z.eval({x: 3, y: 4})
    assert list(z._fn_cache.values()) == [entry]
    with symtensor.change_flags(mode="FAST_COMPILE"):
        assert z.eval({x: 3, y: 4}) == 7
    assert len(z._fn_cache) == 2


def test_eval_makes_default_updates():
    s = shared(1.0)
    s.default_update = s + 1
    assert (s + 0).eval() == 1 and s.get_value() == 2 and s.eval() == 2 and s.get_value() == 3


def test_mistakes_in_eval():
    z = x + y
    for given, kind, phrase in (
            ({x: 1}, MissingInputError, "was not provided and not given a value"),
            (None, MissingInputError, "was not provided and not given a value"),
            ({x: 1, y: 2, T.dscalar("q"): 3}, UnusedInputError, "is not part of the computational graph.*: q"),
            ({"x": 1, "y": 2}, TypeError, "Unknown parameter type: <class 'str'>"),
            ({x: 1, y: [1, 2]}, TypeError, "Wrong number of dimensions"),
            ([1, 2], AttributeError, "")):
        with pytest.raises(kind, match=f"(?s){phrase}"):
            z.eval(given)


def test_evaluate_many_at_once():
    s = shared(np.arange(3.0))
    a, b, c = evaluate([x + y, s * x, s], {x: 2, y: 3})
    assert a == 5 and b.tolist() == [0, 2, 4] and c.tolist() == [0, 1, 2]
    assert not np.shares_memory(c, s.get_value(borrow=True))
    assert evaluate(x, {x: 1}) == 1 and evaluate(T.constant(2.0)) == 2
    with pytest.raises(MissingInputError, match="no value for y"):
        evaluate(x + y, {x: 2})


class Boom(Op):
    """Fails whenever it runs."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        raise RuntimeError("ran")


def test_only_the_branch_that_is_taken_runs():
    c = T.bscalar("c")
    z = ifelse(c, x + 1, Boom()(x)) * 2
    assert evaluate(z, {c: 1, x: 1}) == 4
    with pytest.raises(RuntimeError, match="ran"):
        evaluate(z, {c: 0, x: 1})
    both = ifelse(c, [x, Boom()(x)], [y, x])
    assert [float(r) for r in evaluate(both, {c: 0, x: 1, y: 2})] == [2, 1]
    nested = ifelse(T.neq(ifelse(c, x, Boom()(x)), 0), y, Boom()(y))
    assert evaluate(nested, {c: 1, x: 3, y: 5}) == 5


class Overwrites(Op):
    """Adds one to its input, in place."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        inputs[0] += 1
        output_storage[0][0] = inputs[0]


def test_ops_that_overwrite_get_copies(mode):
    v = T.dvector("v")
    given = np.zeros(3)
    assert evaluate([Overwrites()(v), v * 2], {v: given})[1].tolist() == [0, 0, 0] and given.tolist() == [0, 0, 0]
    inner = v * 2
    f = symtensor.function([v], [Overwrites()(inner), inner, Overwrites()(v)], accept_inplace=True, mode=mode)
    assert [r.tolist() for r in f(given)] == [[1] * 3, [0] * 3, [1] * 3] and given.tolist() == [0, 0, 0]


class OwnThunk(Op):
    """Has no perform, only a thunk of its own."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        def thunk():
            storage_map[node.outputs[0]][0] = storage_map[node.inputs[0]][0] * 3
            compute_map[node.outputs[0]][0] = True

        thunk.lazy = False
        return thunk


def test_ops_with_thunks_of_their_own():
    node = OwnThunk()(x).owner
    assert run_node(node, [np.array(2.0)])[0] == 6
    assert evaluate(OwnThunk()(x) + 1, {x: 2}) == 7


def test_a_long_chain():
    z = x
    for _ in range(20000):
        z = z + 1
    assert evaluate(z, {x: 1}) == 20001
