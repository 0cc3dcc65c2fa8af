"""rebuild_collect_shared, clone, pfunc, the old input spellings, and the graph a maker builds."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Out, function, shared
from symtensor.compile import (
    FunctionMaker, Mode, alias_root, check_equal, convert_function_input, fgraph_updated_vars, get_info_on_inputs,
    infer_reuse_pattern, orig_function, register_checker, std_fgraph, view_tree_set,
)
from symtensor.compile.aliasing import Supervisor, _checkers
from symtensor.compile.pfunc import Param, iter_over_pairs, pfunc, rebuild_collect_shared
from symtensor.graph.errors import InconsistencyError
from symtensor.graph.fg import FunctionGraph

x, q = T.dscalar("x"), T.dscalar("q")
s = shared(1.0, "s")
t = shared(2.0, "t")
t.default_update = t + 1


def test_what_is_collected():
    inputs, outputs, (clones, updates, pairs, found) = rebuild_collect_shared([x + s, x * t], [x], updates=[(s, s + 1)])
    assert inputs == [x] and found == [s, t] and list(updates) == [s, t] and [pair[0] for pair in pairs] == [s, t]
    assert str(outputs) == "[Elemwise{add,no_inplace}.0, Elemwise{mul,no_inplace}.0]"
    assert clones[x] is x and updates[t].owner.inputs[0] is t


def test_copies_and_what_they_share():
    y = (x + 1) * s
    inputs, outputs, (clones, *_) = rebuild_collect_shared([y], [x])
    assert outputs[0] is not y and inputs[0] is x and clones[y] is outputs[0]
    inputs, outputs, rest = rebuild_collect_shared([y], [x], copy_inputs_over=False)
    assert inputs[0] is not x and inputs[0].name == "x" and rest[3] == [s]
    assert outputs[0].owner.inputs[0].owner.inputs[0] is inputs[0]


def test_forms_of_outputs_and_inputs():
    y = x + s
    assert str(rebuild_collect_shared(Out(y, borrow=True), [x])[1]) == "Out(Elemwise{add,no_inplace}.0,True)"
    assert str(rebuild_collect_shared([Out(y), x], [x])[1]) == "[Out(Elemwise{add,no_inplace}.0,False), x]"
    assert rebuild_collect_shared(None, [x])[1] == [] and rebuild_collect_shared(y, None)[0] == []
    given = In(x, value=2, update=x + s)
    (new,), _, rest = rebuild_collect_shared([y], [given], replace={s: q})
    assert new is not given and new.update is not given.update and new.update.owner.inputs[1] is q
    assert given.update.owner.inputs[1] is s and rest[3] == []
    for bad in ({"a": y}, 3):
        with pytest.raises(TypeError, match="output must be a symtensor Variable or Out instance"):
            rebuild_collect_shared(bad, [x])


def test_clone():
    y = x * 2
    assert symtensor.clone(y) is not y and symtensor.clone(x) is x
    assert function([q], symtensor.clone(y, replace={x: q + 1}))(2) == 6
    assert symtensor.clone([y, x])[1] is x
    assert symtensor.clone(y, share_inputs=False).owner.inputs[0] is not x
    assert symtensor.clone(x + q, replace={x: T.dvector()}, strict=False).type == T.dvector
    with pytest.raises(TypeError, match="Cannot convert Type TensorType"):
        symtensor.clone(x + q, replace={x: T.dvector()})
    with pytest.warns(UserWarning, match="renamed into `share_inputs`"):
        symtensor.clone(y, copy_inputs=False)


def test_deep_graphs():
    y = x
    for _ in range(30000):
        y = y + s
    _, (new,), rest = rebuild_collect_shared([y], [x], replace={s: q})
    assert rest[3] == [] and new.owner.inputs[1] is q


def test_pfunc_and_its_old_parameters():
    with pytest.warns(UserWarning, match="The Param class is deprecated"):
        param = Param(x, default=3)
    assert str(param) == "In(x)" and pfunc([param], x + 1)() == 4
    assert list(iter_over_pairs({1: 2})) == [(1, 2)] and iter_over_pairs([(1, 2)]) == [(1, 2)]


def test_tuples_as_inputs():
    f = function([((x, x + 1), 3)], x + 1)
    assert f() == 4 and f() == 5
    assert function([("n", x)], x + 1)(n=1) == 2 and function([(x, 3)], x + 1)() == 4


@pytest.mark.parametrize("given, text, name, value, update", [
    (x, "In(x)", "x", None, False), (In(x), "In(x)", "x", None, False), ((x, "n"), "In(x)", "x", "n", False),
    (("n", x), "In(x)", "n", None, False), (("n", x, 4), "In(x)", "n", 4, False), ([x], "In(x)", "x", None, False),
    (("a", (x, x + 1), 4), "In(x -> Elemwise{add,no_inplace}.0)", "a", 4, True),
    (((x, x + 1), 4), "In(x -> Elemwise{add,no_inplace}.0)", "x", 4, True)])
def test_convert_function_input(given, text, name, value, update):
    spec = convert_function_input(given)
    assert (str(spec), spec.name, spec.value, spec.update is not None) == (text, name, value, update)


@pytest.mark.parametrize("given, phrase", [
    (T.constant(2), "A Constant instance is not a legal function input"), (3, "Unknown input type: <class 'int'>"),
    ("abc", "Unknown input type: <class 'str'>"), ([x, x], "The value for input x should not be a Variable"),
    ((x, 1, 2), "Invalid input syntax"), ((), "Nonsensical input specification"),
    (((x, 1), 2), "Unknown update type"), ((3, 4), "Unknown input type: <class 'int'>")])
def test_what_is_no_input(given, phrase):
    with pytest.raises(TypeError, match=phrase):
        convert_function_input(given)


def test_get_info_on_inputs():
    hint = "(use 'name=...' in a Variable's constructor to give it a name)."
    assert get_info_on_inputs([], 0) == "The function is supposed to have no input."
    assert get_info_on_inputs([], 1) == (
        "The function has a single input variable which has no name, and thus cannot be assigned through a keyword "
        "argument " + hint)
    assert get_info_on_inputs(["x"], 2) == (
        "The function has 1 named input (x), and 2 unnamed inputs which thus cannot be accessed through keyword "
        "arguments "
        + hint.replace("Variable's", "variable's"))


def test_makers():
    f = FunctionMaker([In(x)], [Out(x + 1)], mode=Mode("py")).create([None])
    assert f(2) == [3] and f.name is None
    assert FunctionMaker([x], x + 1, mode="FAST_COMPILE").create()(2) == 3
    f = FunctionMaker([(x, x + 1)], [x]).create([5.0])
    assert f() == [5] and f() == [6]
    assert FunctionMaker([x], None, on_unused_input="ignore").create()(1) is None
    trusted = FunctionMaker([In(x, value=3)], x + 1, mode=Mode("perform")).create([np.array(3.0)], trustme=True)
    assert trusted() == 4
    cell = [np.array(7.0)]
    maker = FunctionMaker([In(x, value=1.0)], x + 1)
    assert maker.create([None], storage_map={maker.fgraph.inputs[0]: cell}).input_storage[0].storage is cell
    for bad in (3, (x, x, x)):
        with pytest.raises(TypeError, match="Unknown input type"):
            FunctionMaker.wrap_in(bad)
    with pytest.raises(TypeError, match="Unknown output type"):
        FunctionMaker.wrap_out(3)
    assert FunctionMaker.wrap_out((x, True)).borrow and str(FunctionMaker.wrap_in((x, x + 1))).startswith("In(x ->")
    assert orig_function([In(x, value=3)], [Out(x + 1)])() == [4] and orig_function([x], x)(2) == 2


def test_a_graph_that_is_rewritten_already():
    fgraph = FunctionGraph([x], [x + x])
    f = FunctionMaker([In(x)], [Out(x + x)], fgraph=fgraph).create([None])
    assert f.maker.fgraph is fgraph and f(2) == [4]


def test_the_graph_of_a_function():
    fgraph, updates = std_fgraph([In(x, update=x + 1), In(q)], [Out(x * q)])
    assert str(fgraph) == "[Elemwise{mul,no_inplace}(x, q), Elemwise{add,no_inplace}(x, TensorConstant{1})]"
    assert fgraph.update_mapping == {1: 0} and len(updates) == 1 and fgraph.inputs[0] is not x
    assert fgraph_updated_vars(fgraph, [In(x, update=x + 1), In(q)]) == {fgraph.inputs[0]: fgraph.outputs[1]}
    with pytest.raises(TypeError, match="inplace"):
        std_fgraph([In(x)], [Out(T.inplace.exp_inplace(x))])
    with pytest.raises(ValueError):
        fgraph_updated_vars(fgraph, [])


def test_views():
    m = T.dmatrix("m")
    fgraph = FunctionGraph([m], [m.T[0], T.exp(m.T)])
    base = fgraph.inputs[0]
    assert alias_root(fgraph.outputs[0]) is base and alias_root(fgraph.outputs[1]) is fgraph.outputs[1]
    found = set()
    view_tree_set(base, found)
    assert fgraph.outputs[0] in found and fgraph.outputs[1] not in found
    assert infer_reuse_pattern(fgraph, [fgraph.outputs[0]]) == found - {base}


def test_a_supervisor_protects_variables():
    v = T.dvector("v")
    overwritten = FunctionGraph([v], [T.inplace.exp_inplace(v)])
    with pytest.raises(InconsistencyError, match="Trying to destroy protected Variables"):
        Supervisor(overwritten.inputs).validate(overwritten)
    Supervisor([]).validate(overwritten)
    inner = FunctionGraph([v], [T.inplace.exp_inplace(v + 1)])
    Supervisor(inner.inputs).validate(inner)


def test_check_equal():
    assert check_equal(np.ones(2), np.ones(2)) and not check_equal(1, 2) and not check_equal(np.ones(2), np.ones(3))

    def about_text(a, b):
        if not isinstance(a, str):
            raise NotImplementedError()
        return a.lower() == b.lower()

    register_checker(about_text)
    try:
        assert check_equal("A", "a") and check_equal(1, 1)
    finally:
        _checkers.remove(about_text)
