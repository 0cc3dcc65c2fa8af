"""Copies, pickles and deep copies of functions."""
from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, function, function_dump, shared
from symtensor.compile.function_module import AliasedMemoryError, Function
from symtensor.compile.strip_pickler import StripPickler

x, y = T.dscalars("x", "y")


def accumulator(mode=None, **kwargs):
    s = shared(1.0, "s")
    return s, function([x], x + s, updates=[(s, s + x)], name="orig", mode=mode, **kwargs)


def test_a_copy_shares_shared_variables_and_returns_lists(mode):
    s, f = accumulator(mode)
    g = f.copy()
    assert g.name == "orig copy" and g.maker is not f.maker and g.get_shared() == [s]
    assert g(1) == [2] and isinstance(g(1), list) and s.get_value() == 3 and f(1) == 4
    assert f.copy(name="nn").name == "nn"
    assert f.copy(share_memory=True)(1) == [5] and s.get_value() == 5
    assert [type(k(1)) for k in (function([x], {"a": x}).copy(), function([x], [x]).copy())] == [list, list]
    assert function([x], on_unused_input="ignore").copy()(1) == []
    assert f.copy().copy()(1) == [6]


def test_a_copy_without_updates(mode):
    s, f = accumulator(mode)
    g = f.copy(delete_updates=True)
    assert g(1) == [2] and g(1) == [2] and s.get_value() == 1 and g.get_shared() == [s]
    h = function([x, In(y, value=3.0, update=y + x)], x + y, mode=mode).copy(delete_updates=True)
    assert h(1) == [4] and h(1) == [4] and h[y] == 3


def test_a_copy_with_other_shared_variables(mode):
    s, f = accumulator(mode)
    t = shared(5.0, "t")
    g = f.copy(swap={s: t})
    assert g(1) == [6] and g(1) == [7] and (t.get_value(), s.get_value()) == (7, 1) and g.get_shared() == [t]
    assert t in g and s not in g and g["t"] == 7
    assert f(1) == 2
    both = function([x], x + s - t, updates=[(s, s + 1), (t, t * 2)], mode=mode)
    swapped = both.copy(swap={s: t, t: s})
    s.set_value(1.0), t.set_value(5.0)
    assert swapped(1) == [5] and (s.get_value(), t.get_value()) == (2, 6)


def test_what_swap_refuses():
    s, f = accumulator()
    other, vector = shared(5.0, "t"), shared(np.zeros(2), "v")
    for swap, kind, phrase in (
            ({x: T.dscalar()}, AssertionError, "Key of swap should be SharedVariable, given:"),
            ({s: x}, AssertionError, "Value of swap should be SharedVariable, given:"),
            ({other: s}, ValueError, "SharedVariable: t not found"),
            ({s: vector}, AssertionError, "Type of given SharedVariable conflicts with original one")):
        with pytest.raises(kind, match=phrase):
            f.copy(swap=swap)


def test_defaults_of_a_copy_are_its_own(mode):
    f = function([x, In(y, value=3.0)], x + y, mode=mode)
    for share_memory in (False, True):
        g = f.copy(share_memory=share_memory)
        g[y] = 10
        assert g(1) == [11] and f(1) == 4 and g(1) == [4]
    f = function([x, In(y, value=3.0, update=y + x)], x + y, mode=mode)
    g = f.copy()
    assert f(1) == 4 and f(1) == 5 and g(1) == [4] and f[y] == 5 and g[y] == 4


def test_copies_of_many_outputs_and_updates_of_arrays(mode):
    s, t = shared(np.arange(3.0)), shared(np.zeros(3))
    v = T.dvector("v")
    f = function([v], [s * v, t], updates=[(s, s + v), (t, s * 2)], mode=mode)
    g = f.copy(delete_updates=True)
    f(np.ones(3))
    np.testing.assert_array_equal(g(np.ones(3)), [[1, 2, 3], [0, 2, 4]])
    assert s.get_value().tolist() == [1, 2, 3]


@pytest.mark.parametrize("how", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])
def test_pickles_and_deep_copies_are_separate(mode, how):
    s = shared(1.0, "s")
    f = function([x, In(y, value=2.0)], [x + s + y], updates=[(s, s + 1)], name="pk", mode=mode)
    f[y] = 3
    g = how(f)
    assert type(g) is Function and g.name == "pk" and g(2) == [6] and s.get_value() == 1
    (own,) = g.get_shared()
    assert own is not s and own.get_value() == 2 and g[own] == 2 and g["s"] == 2
    assert f(2) == [6] and s.get_value() == 2
    assert str(type(g.maker.mode)) == str(type(f.maker.mode))


@pytest.mark.parametrize("how", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])
def test_a_function_and_its_shared_variable_stay_together(how):
    s, f = accumulator()
    g, t = how((f, s))
    assert g(1) == 2 and t.get_value() == 2 and s.get_value() == 1
    t.set_value(10.0)
    assert g(1) == 11


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "DebugMode", "NanGuardMode"])
def test_functions_of_other_modes_pickle(mode):
    s, f = accumulator(mode)
    g = pickle.loads(pickle.dumps(f))
    assert g(1) == 2 and type(g.maker) is type(f.maker) and type(g.maker.mode) is type(f.maker.mode)


def test_a_copied_function_pickles():
    s, f = accumulator()
    t = shared(5.0, "t")
    g = pickle.loads(pickle.dumps(f.copy(swap={s: t})))
    assert g(1) == [6] and t.get_value() == 5
    g = pickle.loads(pickle.dumps(f.copy(delete_updates=True)))
    assert g(1) == [2] and g(1) == [2]


def test_an_input_with_an_update_pickles_with_its_present_value():
    f = function([In(x, value=1.0, update=x + 1)], x)
    f()
    g = pickle.loads(pickle.dumps(f))
    assert g() == 2 and g() == 3 and f() == 2


def test_unpickling_can_be_turned_off():
    data = pickle.dumps(accumulator()[1])
    with symtensor.change_flags(unpickle_function=False):
        assert pickle.loads(data) is None


def test_a_long_chain_pickles():
    z = x
    for _ in range(3000):
        z = z + 1
    f = function([x], z, mode=symtensor.Mode("perform", None))
    assert pickle.loads(pickle.dumps(f))(1) == 3001
    assert copy.deepcopy(f)(1) == 3001


def test_aliased_values_are_reported(caplog):
    base = np.arange(4.0)
    s = shared(base, borrow=True)
    v = T.dvector("v")
    f = function([In(v, value=base[1:], borrow=True)], v.sum() + s.sum())
    pickle.dumps(f)
    assert "aliased relationship between Function arguments" in caplog.text
    caplog.clear()
    f.pickle_aliased_memory_strategy = "ignore"
    pickle.dumps(f)
    assert not caplog.text
    f.pickle_aliased_memory_strategy = "raise"
    with pytest.raises(AliasedMemoryError):
        pickle.dumps(f)


def test_function_dump_keeps_the_arguments_without_traces(tmp_path):
    z = x + 1
    z.tag.mine = "private"
    path = tmp_path / "dump.pkl"
    function_dump(str(path), [x], z, name="dumped", extra_tag_to_remove="mine")
    with open(path, "rb") as file:
        arguments = pickle.load(file)
    assert sorted(arguments) == [
        "accept_inplace", "allow_input_downcast", "givens", "inputs", "mode", "name", "no_default_updates",
        "on_unused_input", "outputs", "profile", "rebuild_strict", "updates"]
    assert function(**arguments)(2) == 3
    assert not hasattr(arguments["outputs"].tag, "mine") and not hasattr(arguments["outputs"].tag, "trace")
    assert z.tag.mine == "private" and b"test_compile_copies" not in path.read_bytes()


def test_strip_pickler_writes_to_any_file():
    buffer = io.BytesIO()
    StripPickler(buffer, protocol=-1).dump([x + 1])
    assert str(pickle.loads(buffer.getvalue())[0].owner.op) == "Elemwise{add,no_inplace}"
