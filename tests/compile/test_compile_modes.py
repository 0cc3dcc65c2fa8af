"""Modes, linkers and what the configuration chooses."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import Mode, change_flags, function
from symtensor.compile import mode as modes
from symtensor.compile.link import DualLinker, Linker, OpWiseCLinker, PerformLinker, VM_Linker
from symtensor.compile.mode import FAST_COMPILE, FAST_RUN, get_default_mode, get_mode
from symtensor.graph.basic import Apply
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.op import Op
from symtensor.rewrite.base import local_optimizer
from symtensor.rewrite.optdb import Query
from symtensor.rewrite.whole import EquilibriumOptimizer

x = T.dscalar("x")


def tags(mode):
    query = mode._optimizer
    return list(query.include), list(query.exclude), list(query.require)


def test_names_of_modes_linkers_and_optimizers():
    assert set(modes.predefined_modes) == {"FAST_COMPILE", "FAST_RUN", "DEBUG_MODE"}
    assert {"py", "c", "c|py", "c|py_nogc", "vm", "cvm", "vm_nogc", "cvm_nogc"} < set(modes.predefined_linkers)
    assert list(map(str, modes.predefined_optimizers)) == [
        "None", "None", "merge", "o4", "o3", "o2", "o1", "unsafe", "fast_compile", "fast_run", "fast_run_stable",
        "stabilize"]
    assert tags(Mode("py", "unsafe")) == (["fast_run", "unsafe"], ["inplace"], [])
    assert tags(Mode("py", "o2"))[0] == ["fast_compile", "fast_compile_gpu", "fusion"]
    assert tags(Mode("py", "fast_run_stable"))[2] == ["stable"]


def test_get_mode():
    assert get_mode(None) is get_default_mode() is get_mode(None)
    assert get_mode("FAST_RUN") is FAST_RUN and get_mode("FAST_COMPILE") is FAST_COMPILE
    assert type(get_mode("DebugMode")).__name__ == "DebugMode" and get_mode("DEBUG_MODE") is get_mode("DEBUG_MODE")
    assert type(get_mode("NanGuardMode")).__name__ == "NanGuardMode" and get_mode("Mode") is not get_mode("Mode")
    mine = Mode("py")
    assert get_mode(mine) is mine and modes.instantiated_default_mode is get_default_mode()


def test_the_text_of_a_mode():
    assert str(Mode("py", "fast_run")).startswith("Mode(linker = py, optimizer = Query{inc=OrderedSet(['fast_run'])")


@pytest.mark.parametrize("flags, linker, included", [
    ({}, "cvm", ["fast_run"]), ({"linker": "py"}, "py", ["fast_run"]), ({"optimizer": "None"}, "cvm", []),
    ({"linker": "c|py", "optimizer": "fast_compile"}, "c|py", ["fast_compile", "fast_compile_gpu"]),
    ({"mode": "FAST_RUN", "linker": "py"}, "cvm", ["fast_run"])])
def test_the_default_follows_the_configuration(flags, linker, included):
    with change_flags(**flags):
        mode = get_default_mode()
        assert mode.provided_linker == linker and tags(mode)[0] == included
        assert function([x], x + 1).maker.mode is mode


def test_a_mode_object_in_the_configuration():
    mine = Mode("perform", None)
    with change_flags(mode=mine):
        assert get_mode(None) is mine and function([x], x + 1).maker.mode is mine


def test_variants_of_a_mode():
    mode = Mode("py", "fast_run")
    with_tags = mode.including("a", "b")
    assert tags(with_tags) == (["fast_run", "a", "b"], [], []) and tags(mode) == (["fast_run"], [], [])
    assert tags(with_tags.excluding("a").requiring("c")) == (["fast_run", "a", "b"], ["a"], ["c"])
    assert mode.including() is not mode and with_tags.linker is not mode.linker
    assert mode.clone(link_kwargs={"allow_gc": False}).linker.allow_gc is False and mode.linker.allow_gc is True
    assert tags(mode.clone(optimizer=None))[0] == []
    assert tags(mode.clone(optimizer="fast_compile"))[0][0] == "fast_compile"
    assert mode.register(("foo", 1.5))._optimizer.extra_optimizations == [("foo", 1.5)]
    assert tags(pickle.loads(pickle.dumps(with_tags))) == tags(with_tags)


def test_registering():
    with pytest.raises(ValueError, match="Mode name already taken: FAST_RUN"):
        modes.register_mode("FAST_RUN", Mode("py"))
    with pytest.raises(ValueError, match="Linker name already taken: py"):
        modes.register_linker("py", PerformLinker())
    with pytest.raises(ValueError, match="Optimizer name already taken: fast_run"):
        modes.register_optimizer("fast_run", None)
    modes.register_mode("test mode", Mode("py"))
    try:
        assert function([x], x + 1, mode="test mode")(1) == 2
    finally:
        del modes.predefined_modes["test mode"]


@local_optimizer([T.add])
def add_becomes_mul(node):
    return [T.mul(*node.inputs)] if node.op == T.add else False


def test_an_optimizer_of_the_users_own():
    mode = Mode("py", EquilibriumOptimizer([add_becomes_mul], max_use_ratio=10))
    f = function([x], x + x, mode=mode)
    assert f(3) == 9 and str(f.maker.fgraph) == "[Elemwise{mul,no_inplace}(x, x)]"
    with pytest.raises(TypeError, match="tags apply to a mode whose optimizer is a query"):
        mode.including("a")
    untouched = function([x], x + x, mode=Mode("py", None))
    assert str(untouched.maker.fgraph) == "[Elemwise{add,no_inplace}(x, x)]"
    assert function([x], x + x, mode=Mode("py", Query(include=[])))(3) == 6


def test_rewrites_that_only_look(capsys):
    class Watcher:
        def on_attach(self, fgraph):
            self.graph = fgraph

    watcher = Watcher()
    fgraph = FunctionGraph([x], [x + 1])
    modes.AddFeatureOptimizer(watcher).optimize(fgraph)
    assert watcher.graph is fgraph
    modes.PrintCurrentFunctionGraph("here").apply(fgraph)
    assert capsys.readouterr().out.startswith("PrintCurrentFunctionGraph: here\nElemwise{add,no_inplace} [id A]")


# -- linkers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(modes.predefined_linkers))
def test_every_linker_computes_the_same(name):
    v, s = T.dvector("v"), symtensor.shared(np.zeros(3))
    f = function([v], [(v * 2 + s).sum(), T.exp(v)[::-1]], updates=[(s, s + v)], mode=Mode(name))
    for step in range(3):
        total, reversed_exp = f([1, 2, 3])
        assert total == 12 + 6 * step
        np.testing.assert_allclose(reversed_exp, np.exp([3, 2, 1]))
    f.free()
    assert s.get_value().tolist() == [3, 6, 9] and f([0, 0, 0])[0] == 18


def test_which_consumer_runs():
    kinds = {name: function([x], x + 1, mode=Mode(name)).fn.executable for name in ("py", "cvm", "vm", "c", "c|py")}
    assert kinds["py"].consumer == "interpreter"
    assert len({kinds[name].consumer for name in ("cvm", "vm", "c", "c|py")}) == 1
    assert function([x], x + 1, mode="FAST_COMPILE").fn.executable.consumer == "interpreter"


def test_linkers_without_a_function_around_them():
    fgraph = FunctionGraph([x], [x * 2])
    call = PerformLinker().accept(fgraph).make_function()
    assert call(3.0) == 6
    with pytest.raises(TypeError, match=r"Function call takes exactly 1 argument \(2 given\)"):
        call(1, 2)
    assert PerformLinker().accept(FunctionGraph([x], [x * 2])).make_function(unpack_single=False)(2.0) == [4]
    thunk, inputs, outputs = VM_Linker().accept(FunctionGraph([x], [x * 2])).make_thunk()
    inputs[0].data = 3.0
    thunk()
    assert outputs[0].data == 6
    linker = PerformLinker().accept(fgraph)
    assert linker.accept(FunctionGraph([x], [x])) is not linker and linker.fgraph is fgraph
    _, inputs, outputs, thunks, nodes = PerformLinker().accept(FunctionGraph([x], [T.exp(x) * 2])).make_all()
    inputs[0].data = 0.0
    for step in thunks:
        step()
    assert outputs[0].data == 2 and [str(node.op) for node in nodes][-1] == "Elemwise{mul,no_inplace}"


def test_a_schedule_of_the_users_own():
    order = []

    def schedule(fgraph):
        order.extend(reversed(fgraph.toposort()))
        return fgraph.toposort()

    assert function([x], T.exp(x) * 2, mode=Mode(PerformLinker(schedule=schedule), None))(0) == 2
    assert len(order) >= 2


def test_callbacks_of_the_vm():
    seen, given = [], []

    def callback(node, thunk, storage_map, compute_map):
        seen.append((str(node.op), [float(storage_map[v][0]) for v in node.outputs], compute_map[node.outputs[0]]))

    linker = VM_Linker(callback=callback, callback_input=lambda variable, value: given.append((str(variable),
                                                                                               float(value))))
    f = function([x], T.exp(x) * x, mode=Mode(linker, None))
    assert f(2) == pytest.approx(2 * np.exp(2))
    assert [s[0] for s in seen] == ["Elemwise{exp,no_inplace}", "Elemwise{mul,no_inplace}"]
    assert seen[0][1][0] == pytest.approx(np.exp(2)) and seen[0][2] == [True] and given == [("x", 2.0)]


class Untruthful(Op):
    """Computes one thing; its lowering (none: `perform` again) cannot differ, but its state can."""

    __props__ = ()
    calls = 0

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        Untruthful.calls += 1
        output_storage[0][0] = np.asarray(inputs[0] + Untruthful.calls)


def test_the_dual_linker_compares():
    assert function([x], x + 1, mode=Mode(DualLinker()))(2) == 3
    with pytest.raises(Exception, match="Output mismatch"):
        function([x], Untruthful()(x), mode=Mode(DualLinker()))(2)
    pairs = []
    f = function([x], x + 1, mode=Mode(DualLinker(checker=lambda a, b: pairs.append((float(a.data), float(b.data))))))
    assert f(2) == 3 and pairs == [(3.0, 3.0)]


def test_a_linker_that_refuses_python_operations():
    with pytest.raises(TypeError, match="no C code for"):
        function([x], Untruthful()(x), mode=Mode(OpWiseCLinker(fallback_on_perform=False)))
    assert function([x], x + 1, mode=Mode(OpWiseCLinker(fallback_on_perform=False)))(1) == 2


class Broken(Untruthful):
    def perform(self, node, inputs, output_storage, params=None):
        raise RuntimeError("plain words")


def test_errors_without_descriptions():
    with pytest.raises(RuntimeError) as caught:
        function([x], Broken()(x), mode=Mode(OpWiseCLinker(nice_errors=False)))(2)
    assert str(caught.value) == "plain words"
    with pytest.raises(RuntimeError, match="Apply node that caused the error") as caught:
        function([x], Broken()(x), mode=Mode(OpWiseCLinker()))(2)
    assert str(caught.value).startswith("plain words")


def test_clones_keep_everything_but_the_graph():
    linker = OpWiseCLinker(fallback_on_perform=False).accept(FunctionGraph([x], [x]))
    clone = linker.clone(allow_gc=False)
    assert isinstance(clone,
                      OpWiseCLinker) and not clone.fallback_on_perform and not clone.allow_gc and clone.fgraph is None
    assert isinstance(clone, Linker) and linker.fgraph is not None
