"""FunctionGraph and its features: edits, callbacks in Theano's order, refusals, and speed in the large."""
from __future__ import annotations

import time

import pytest
from graph_toys import Sum, add, add1, chain, number, split, wide

from symtensor.graph.basic import Constant
from symtensor.graph.errors import (
    AlreadyThere,
    BadOptimization,
    CachedConstantError,
    InconsistencyError,
    MissingInputError,
    ReplacementDidntRemovedError,
)
from symtensor.graph.features import (
    Feature,
    History,
    NodeFinder,
    PreserveNames,
    PreserveVariableAttributes,
    PrintListener,
    ReplaceValidate,
)
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.null_type import NullType
from symtensor.utils.memory import collector_paused

mul = Sum(2.0)
exp = Sum(3.0)
log = Sum(4.0)


def small(**kwargs):
    x, w = number("x"), number("w")
    return FunctionGraph([x, w], [exp(mul(add(x, w), Constant(number, 2.0)))], **kwargs)


def test_construction_clones_and_registers():
    x, w = number("x"), number("w")
    a = add(x, w)
    fg = FunctionGraph([x, w], [a, x])
    assert fg.inputs[0] is not x and not hasattr(x, "clients")
    assert str(fg) == "[Sum{bias=0.0}(x, w), x]" == repr(fg)
    node = fg.outputs[0].owner
    assert fg.inputs[0].clients == [(node, 0), ("output", 1)] and fg.clients(fg.inputs[1]) == [(node, 1)]
    assert fg.outputs[0].clients == [("output", 0)] and fg.outputs[0].fgraph is fg and node.fgraph is fg
    assert list(fg.apply_nodes) == [node] and set(fg.variables) == {*fg.inputs, fg.outputs[0]}
    fg.check_integrity()
    plain = FunctionGraph([x, w], [a], clone=False)
    assert plain.inputs[0] is x and plain.outputs == [a]
    with pytest.raises(Exception, match="x is already owned by another fgraph"):
        FunctionGraph([x, w], [a], clone=False)
    plain.disown()
    assert not hasattr(x, "fgraph") and not hasattr(a.owner, "fgraph") and plain.inputs == []
    FunctionGraph([x, w], [a], clone=False).check_integrity()


def test_what_a_graph_refuses():
    x, w = number("x"), number("w")
    missing = (r"Input 1 of the graph \(indices start from 0\), used to compute Sum{bias=0.0}\(x, w\), was not "
               "provided and not given a value")
    with pytest.raises(MissingInputError, match=missing) as info:
        FunctionGraph([x], [add(x, w)])
    assert info.value.variable.name == "w"
    assert "Backtrace when that variable is created" in str(info.value)
    assert "test_what_a_graph_refuses" in str(info.value)
    with pytest.raises(MissingInputError, match="Undeclared input"):
        FunctionGraph([Constant(number, 1.0)], [x])
    with pytest.raises(TypeError, match="Computation graph contains a NaN. since"):
        FunctionGraph([], [NullType("since")()])
    with pytest.raises(ValueError, match="output of an already existing node"):
        FunctionGraph([add1(x)], [add1(x)], clone=False)
    cached = Constant(number, 1.0)
    cached.cached = True
    with pytest.raises(CachedConstantError):
        FunctionGraph([x], [add(x, cached)], clone=False)
    FunctionGraph([x], [add(x, cached)])
    assert FunctionGraph([x, x], [add1(x)]).inputs[0].name == "x"


def test_replace():
    fg = small()
    out = fg.outputs[0]
    fg.replace(out, log(fg.inputs[0]), reason="because")
    assert str(fg) == "[Sum{bias=4.0}(x)]" and len(fg.apply_nodes) == 1 and fg.inputs[1].clients == []
    fg.check_integrity()
    fg.replace(out, fg.inputs[0])  # `out` has left the graph: passed over
    assert str(fg) == "[Sum{bias=4.0}(x)]"
    with pytest.raises(Exception, match="Cannot replace q because it does not belong to this FunctionGraph"):
        fg.replace(number("q"), fg.inputs[0])
    with pytest.raises(BadOptimization, match="The type of the replacement must be the same"):
        fg.replace(fg.outputs[0], wide("m"))
    with pytest.raises(MissingInputError):
        fg.replace(fg.outputs[0], log(number("q")))
    fg.check_integrity()


def test_replace_converts_where_the_type_knows_how():
    y, x = wide("y"), number("x")
    fg = FunctionGraph([y, x], [add(y, x)], clone=False)
    fg.replace(y, x)
    assert str(fg) == "[Sum{bias=0.0}(Widen(x), x)]"


def test_change_input():
    fg = small()
    node = fg.outputs[0].owner
    fg.change_input(node, 0, fg.inputs[0])
    assert str(fg) == "[Sum{bias=3.0}(x)]"
    fg.change_input("output", 0, fg.inputs[1])
    assert str(fg) == "[w]" and not fg.apply_nodes
    with pytest.raises(TypeError, match="The type of the replacement must be the same"):
        fg.change_input("output", 0, wide())
    with pytest.raises(Exception, match="does not belong to this FunctionGraph"):
        fg.change_input(node, 0, fg.inputs[0])
    fg.add_input(number("new"))
    fg.add_input(fg.inputs[0])
    assert [v.name for v in fg.inputs] == ["x", "w", "new"]
    fg.check_integrity()


class Recorder(Feature):
    def __init__(self):
        self.events = []

    def on_attach(self, fgraph):
        self.events.append(("attach",))

    def on_detach(self, fgraph):
        self.events.append(("detach",))

    def on_import(self, fgraph, node, reason):
        self.events.append(("import", node.op.bias, reason))

    def on_prune(self, fgraph, node, reason):
        self.events.append(("prune", node.op.bias, reason))

    def on_change_input(self, fgraph, node, i, r, new_r, reason=None):
        self.events.append(("change", node if node == "output" else node.op.bias, i, str(r), str(new_r), reason))


def test_callbacks_in_order():
    recorder = Recorder()
    fg = small(features=[recorder])
    assert recorder.events == [("attach",), ("import", 0.0, "init"), ("import", 2.0, "init"), ("import", 3.0, "init")]
    recorder.events.clear()
    fg.replace_all([(fg.outputs[0].owner.inputs[0], fg.inputs[0])], reason="RR")
    assert recorder.events == [
        ("prune", 2.0, "RR"), ("prune", 0.0, "RR"), ("change", 3.0, 0, "Sum{bias=2.0}.0", "x", "RR")]
    fg.attach_feature(recorder)
    fg.remove_feature(recorder)
    fg.remove_feature(recorder)
    assert recorder.events[3:] == [("detach",)]


def test_multiple_outputs_are_pruned_together():
    x = number("x")
    one, two = split(x, x)
    fg = FunctionGraph([x], [one, two])
    node = fg.outputs[0].owner
    fg.replace(fg.outputs[0], fg.inputs[0])
    assert node in fg.apply_nodes
    fg.replace(fg.outputs[1], fg.inputs[0])
    assert not fg.apply_nodes and list(fg.variables) == fg.inputs
    fg.check_integrity()


def test_a_feature_that_is_there_already():
    class Refuses:
        def on_attach(self, fgraph):
            raise AlreadyThere()

    fg = small(features=[ReplaceValidate()])
    before = list(fg._features)
    fg.attach_feature(Refuses())
    fg.attach_feature(ReplaceValidate())
    fg.attach_feature(History())
    assert fg._features == before


def test_history():
    fg = small(features=[History()])
    text = str(fg)
    mark = fg.checkpoint()
    fg.replace(fg.outputs[0].owner.inputs[0], log(fg.inputs[1]))
    fg.replace(fg.outputs[0], fg.inputs[0])
    assert str(fg) == "[x]"
    fg.revert(mark)
    assert str(fg) == text
    fg.check_integrity()


def test_replace_validate(capsys):
    class Refuses(Feature):
        refuse = True

        def validate(self, fgraph):
            if self.refuse:
                raise InconsistencyError("no")

    fg = small(features=[ReplaceValidate()])
    assert fg.consistent() and fg.validate() is None
    refuses = Refuses()
    fg.attach_feature(refuses)
    text = str(fg)
    with pytest.raises(InconsistencyError, match="no"):
        fg.replace_validate(fg.outputs[0], log(fg.inputs[0]), reason="z")
    with pytest.raises(InconsistencyError, match="no"):
        fg.replace_all_validate([(fg.outputs[0], fg.inputs[0])], reason="z", verbose=True)
    assert "validate failed on node Sum{bias=3.0}.0.\n Reason: z, no" in capsys.readouterr().out
    assert str(fg) == text and not fg.consistent()
    with pytest.raises(BadOptimization):
        fg.replace_all_validate([(fg.outputs[0], wide())])
    refuses.refuse = False
    fg.replace_validate(fg.outputs[0], fg.inputs[0])
    assert str(fg) == "[x]"
    fg.check_integrity()


def test_replacements_that_must_remove(capsys):
    fg = small(features=[ReplaceValidate()])
    text, out = str(fg), fg.outputs[0]
    with pytest.raises(ReplacementDidntRemovedError):
        fg.replace_all_validate_remove([(out, log(out))], [out.owner.inputs[0]], reason="z")
    assert "the replacement for it doesn't remove it" in capsys.readouterr().err and str(fg) == text
    fg.replace_all_validate_remove([(out, log(fg.inputs[0]))], [out.owner], reason="z")
    assert str(fg) == "[Sum{bias=4.0}(x)]"


def test_node_finder():
    fg = small(features=[NodeFinder()])
    assert fg.get_nodes(mul) == [fg.outputs[0].owner.inputs[0].owner] and fg.get_nodes(log) == []
    fg.replace(fg.outputs[0], log(fg.outputs[0].owner.inputs[0]))
    assert fg.get_nodes(exp) == [] and fg.get_nodes(log) == [fg.outputs[0].owner]
    with pytest.raises(TypeError, match="unhashable"):
        fg.get_nodes(Sum([]))


def test_names_travel():
    x = number("x")
    for feature in (PreserveNames(), PreserveVariableAttributes()):
        y = add1(x)
        y.name = "y"
        fg = FunctionGraph([x], [exp(y)], features=[feature])
        fg.replace(fg.outputs[0].owner.inputs[0], mul(fg.inputs[0]))
        assert fg.outputs[0].owner.inputs[0].name == "y"


def test_print_listener(capsys):
    fg = FunctionGraph([number("x")], [], features=[PrintListener()])
    fg = small()
    fg.attach_feature(PrintListener())
    fg.replace(fg.outputs[0], log(fg.inputs[0]))
    out = capsys.readouterr().out
    assert "-- attaching to:  [Sum{bias=3.0}(" in out and "-- importing: Sum{bias=4.0}(x), reason: None" in out
    assert "-- pruning: Sum{bias=3.0}(" in out
    assert "-- changing (output.inputs[0]) from Sum{bias=3.0}.0 to Sum{bias=4.0}.0" in out


def test_clone():
    fg = small(features=[ReplaceValidate()], update_mapping={0: 1})
    new, equiv = fg.clone_get_equiv(attach_feature=False)
    assert str(new) == str(fg) and new.inputs[0] is equiv[fg.inputs[0]] and new.update_mapping == {0: 1}
    assert not hasattr(new, "replace_validate")
    assert set(new.apply_nodes) == {equiv[n] for n in fg.apply_nodes}
    assert fg.clone().inputs[0] is not fg.inputs[0]


def test_a_cycle_is_found():
    fg = small()
    node = fg.outputs[0].owner
    fg.replace(node.inputs[0], fg.outputs[0])
    assert str(fg) == "[*1 -> Sum{bias=3.0}(*1)]"
    fg.replace(fg.outputs[0], add(fg.outputs[0], fg.inputs[0]))
    with pytest.raises(ValueError, match="graph contains cycles"):
        fg.toposort()


def test_orderings_of_features():
    x = number("x")
    fg = FunctionGraph([x], [exp(x), log(x)])
    first, second = fg.toposort()

    class Swap(Feature):
        def orderings(self, fgraph):
            return {first: [second]}

    fg.attach_feature(Swap())
    assert fg.toposort() == [second, first]


def test_many_clients_cost_little():
    x = number("x")
    outputs = [add1(x) for _ in range(20_000)]
    fg = FunctionGraph([x], outputs)
    start = time.perf_counter()
    for output in list(fg.outputs)[:10_000]:
        fg.replace(output, fg.inputs[0])
    assert time.perf_counter() - start < 5  # quadratic would take minutes
    fg.check_integrity()


def test_a_hundred_thousand_nodes():
    with collector_paused():
        x = number("x")
        fg = FunctionGraph([x], [chain(100_000, x)], clone=False)
    assert len(fg.toposort()) == 100_000
    fg.check_integrity()
    fg.replace(fg.outputs[0], fg.inputs[0])
    assert not fg.apply_nodes
