"""Pickling and deep-copying keep structure and identity, at any depth."""
from __future__ import annotations

import copy
import pickle

import pytest
from graph_toys import Sum, add, add1, chain, number, split

from symtensor.config import change_flags
from symtensor.graph.basic import Constant
from symtensor.graph.features import NodeFinder, ReplaceValidate
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.traversal import equal_computations, inputs, is_same_graph
from symtensor.graph.type import generic
from symtensor.utils.memory import collector_paused


def pure_python_round_trip(obj):
    import io

    buffer = io.BytesIO()
    pickle._Pickler(buffer, 4).dump(obj)
    return pickle._loads(buffer.getvalue())


ROUND_TRIPS = [lambda obj: pickle.loads(pickle.dumps(obj)), lambda obj: pickle.loads(pickle.dumps(obj, 2)),
               copy.deepcopy,
               pure_python_round_trip]


@pytest.mark.parametrize("again", ROUND_TRIPS)
def test_identity_is_kept(again):
    x, w = number("x"), number("w")
    a = add(x, w)
    one, two = split(a, x)
    c = Constant(number, 2.0)
    z = add(one, c, a)
    for things in ([x, z, a, two], [z, x, a, two], [a, two, x, z], (two, z, {"x": x, "a": a})):
        new = again(things)
        flat = [*new[:-1], *new[-1].values()] if isinstance(new[-1], dict) else new
        named = {v.name: v for v in flat if v.name}
        x2 = named["x"]
        found = [v for v in flat if v.owner is not None and v.owner.op == z.owner.op and len(v.owner.inputs) == 3]
        z2 = found[0]
        one2, c2, a2 = z2.owner.inputs
        assert one2.owner.inputs == [a2, x2] and a2.owner.inputs[0] is x2
        assert c2.data == 2.0 and c2.type == number
        two2 = next(v for v in flat if v.owner is not None and v.index == 1)
        assert two2.owner is one2.owner and one2.owner.outputs == [one2, two2]
        assert a2 in flat or len(flat) == 2
        assert equal_computations([z], [z2], [x, w], [x2, next(v for v in inputs([z2]) if v.name == "w")])


def test_a_node_alone():
    x = number("x")
    node = pickle.loads(pickle.dumps(add(add1(x), x).owner))
    assert [str(v) for v in node.inputs] == ["Sum{bias=1.0}.0", "x"] and node.outputs[0].owner is node
    assert node.inputs[0].owner.inputs[0] is node.inputs[1]


def test_what_travels_and_what_does_not():
    x = number("x")
    z = add1(x)
    z.name, z.tag.note, z._fn_cache = "z", [1], {}
    x.tag.test_value = 3.0
    new = pickle.loads(pickle.dumps(z))
    assert new.name == "z" and new.tag.note == [1] and not hasattr(new, "_fn_cache")
    assert new.owner.inputs[0].tag.test_value == 3.0
    assert new.tag.trace == z.tag.trace and new.tag.trace[0][-2][2] == "test_what_travels_and_what_does_not"
    assert "__before__" not in new.__dict__
    with change_flags(pickle_test_value=False):
        assert not hasattr(pickle.loads(pickle.dumps(x)).tag, "test_value")
    assert x.tag.test_value == 3.0
    FunctionGraph([x], [z], clone=False)
    assert not hasattr(pickle.loads(pickle.dumps(z)), "fgraph")


def test_a_tag_that_points_forward():
    x = number("x")
    z = add1(add1(x))
    x.tag.result = z
    new = pickle.loads(pickle.dumps(z))
    assert new.owner.inputs[0].owner.inputs[0].tag.result is new
    new = copy.deepcopy(x)
    assert new.tag.result.owner.inputs[0].owner.inputs[0] is new


def test_graphs_within_ops():
    x = number("x")
    inner = chain(5000, x)
    op = Sum(FunctionGraph([x], [inner]))
    z = op(add1(number("y")))
    new = pickle.loads(pickle.dumps(z))
    assert len(new.owner.op.bias.apply_nodes) == 5000
    new.owner.op.bias.check_integrity()


@pytest.mark.parametrize("again", ROUND_TRIPS[:1] + ROUND_TRIPS[2:])
def test_function_graphs(again):
    x, w, unused = number("x"), number("w"), number("unused")
    z = add(add1(x), w)
    graph = FunctionGraph([x, w, unused], [z, add1(z)], features=[ReplaceValidate(), NodeFinder()],
                          update_mapping={1: 0})
    new = again(graph)
    new.check_integrity()
    graph.check_integrity()
    assert str(new) == str(graph) and new.update_mapping == {1: 0}
    assert [v.name for v in new.inputs] == ["x", "w", "unused"]
    assert new.get_nodes(add1) == [n for n in new.apply_nodes if n.op == add1]
    new.replace_validate(new.outputs[0], new.inputs[0])
    new.check_integrity()
    assert str(new) == "[x, Sum{bias=1.0}(x)]" and str(new) != str(graph)


def test_a_hundred_thousand_nodes():
    with collector_paused():
        x = number("x")
        y = chain(100_000, x)
        new_y, new_x = pickle.loads(pickle.dumps([y, x]))
    assert is_same_graph(y, new_y, {x: new_x})


def test_deep_copies_and_slow_picklers_do_not_recurse():
    x = number("x")
    y = chain(3_000, x)
    for again in (copy.deepcopy, pure_python_round_trip):
        new_x, new_y = again((x, y))
        assert is_same_graph(y, new_y, {x: new_x})


def test_all_intermediates_of_a_chain():
    x = number("x")
    stages = [x]
    for _ in range(300):
        stages.append(add1(stages[-1]))
    for things in (stages, stages[::-1]):
        new = pickle.loads(pickle.dumps(things))
        flat = new if things is stages else new[::-1]
        for before, after in zip(flat, flat[1:]):
            assert after.owner.inputs == [before] and after.owner.outputs == [after]


def test_generic_constants():
    c = pickle.loads(pickle.dumps(Constant(generic, [1])))
    assert c.data == [1] and c.type is generic
