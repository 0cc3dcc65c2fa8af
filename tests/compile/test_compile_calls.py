"""How functions are called and what they return. The facts were recorded from Theano 1.0.5."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Out, function, shared


def test_positional_keyword_and_default_arguments(mode):
    x, y, w = T.dscalars("x", "y", "w")
    f = function([x, In(y, value=1), In(w, value=2, name="w_by_name")], (x + y) * w, mode=mode)
    assert f(33) == 68 and f(33, 2) == 70 and f(33, 0, 1) == 33
    assert f(33, w_by_name=1) == 34 and f(33, w_by_name=1, y=0) == 33 and f(x=33) == 68


def test_results_are_arrays_of_the_outputs_dtype(mode):
    x = T.dscalar("x")
    i = T.iscalar("i")
    f = function([x, i], [x + 1, i * 2], mode=mode)
    a, b = f(2, 3)
    assert type(a) is np.ndarray and a.shape == () and a.dtype == "float64" and a == 3
    assert type(b) is np.ndarray and b.dtype == "int32" and b == 6


def test_scalar_variables_give_numpy_scalars(mode):
    s = symtensor.scalar.float64("s")
    result = function([s], s + 1, mode=mode)(2.0)
    assert isinstance(result, np.float64) and result == 3


def test_forms_of_results(mode):
    x = T.dscalar("x")
    assert function([x], x + 1, mode=mode)(2) == 3
    assert function([x], [x + 1], mode=mode)(2) == [3]
    assert function([x], (x, x + 1), mode=mode)(2) == [2, 3]
    assert function([x], Out(x + 1, borrow=True), mode=mode)(2) == 3
    assert function([x], {"b": x + 1, "a": x * 2}, mode=mode)(2) == {"a": 4, "b": 3}
    assert list(function([x], {"b": x + 1, "a": x * 2}, mode=mode)(2)) == ["a", "b"]
    assert function([x], mode=mode, on_unused_input="ignore")(2) == []
    assert function([], [], mode=mode)() == []
    assert function([x], {}, mode=mode, on_unused_input="ignore")(2) == {}


def test_the_same_variable_twice_gives_two_arrays(mode):
    x = T.dvector("x")
    y = x + 1
    given = np.ones(3)
    a, b, c = function([x], [y, y, x], mode=mode)(given)
    assert a.tolist() == b.tolist() == [2, 2, 2] and c.tolist() == [1, 1, 1]
    assert a is not b and not np.shares_memory(a, b) and not np.shares_memory(c, given)


def test_output_subset(mode):
    x, y = T.dscalars("x", "y")
    assert function([x, y], [x + y, x * y], mode=mode)(2, 5, output_subset=[1, 0]) == [10, 7]
    assert function([x, y], {"a": x + y, "b": x * y}, mode=mode)(2, 5, output_subset=["b"]) == {"b": 10}
    assert function([x], x + 1, mode=mode)(1, output_subset=[0]) == [2]


def test_inputs_in_a_tuple_and_inner_variables_as_inputs(mode):
    x = T.dscalar("x")
    y = x + 1
    assert function((x,), x * 3, mode=mode)(2) == 6
    assert function([y], y * 2, mode=mode)(3) == 6
    assert function([x, y], x + y, mode=mode)(1, 10) == 11


def test_an_argument_called_self(mode):
    x, y = T.dscalars("self", "args")
    assert function([x, y], x - y, mode=mode)(**{"self": 5, "args": 2}) == 3


def test_any_object_passes_through_a_generic_input(mode):
    g = symtensor.generic("g")
    f = function([g], g, mode=mode)
    assert f({"a": 1}) == {"a": 1} and f(None) is None


def test_values_are_converted_as_the_types_allow(mode):
    x, i = T.fvector("x"), T.iscalar("i")
    f = function([x, i], [x, i], mode=mode)
    a, b = f([1, 2], np.int8(3))
    assert a.dtype == "float32" and a.tolist() == [1, 2] and b.dtype == "int32" and b == 3
    assert f(np.array([1, 2], "int8"), 3)[0].dtype == "float32"
    loose = function([x, i], [x, i], mode=mode, allow_input_downcast=True)
    a, b = loose(np.array([0.1]), 2.5)
    assert a[0] == np.float32(0.1) and b == 2


def test_strided_byteswapped_and_readonly_arrays(mode):
    x = T.dmatrix("x")
    f = function([x], x * 2 + x.T, mode=mode)
    base = np.arange(16.0).reshape(4, 4)
    readonly = base.copy()
    readonly.flags.writeable = False
    for value in (base.T, base[::-1, ::-1], np.asfortranarray(base), readonly, base.astype(">f8")):
        np.testing.assert_array_equal(f(value), np.asarray(value) * 2 + np.asarray(value).T)


def test_a_default_stays_what_it_was(mode):
    x = T.dvector("x")
    f = function([In(x, value=np.ones(3))], x * 2, mode=mode)
    assert f().tolist() == [2, 2, 2] and f([1, 2]).tolist() == [2, 4] and f().tolist() == [2, 2, 2]
    f(x=[5])
    assert f[x].tolist() == [1, 1, 1]


def test_an_assigned_default_serves_one_call(mode):
    x, y = T.dscalars("x", "y")
    f = function([x, In(y, value=1)], x + y, mode=mode)
    f[y] = 5
    assert f[y] == 5 and f(1) == 6 and f(1) == 2 and f[y] == 1
    f["y"] = 7
    assert f(1, 100) == 101 and f(1) == 2


def test_an_input_with_an_update_keeps_the_new_value(mode):
    x, y = T.dscalars("acc", "y")
    f = function([In(x, value=1.0, update=x + y), y], x, mode=mode)
    assert f(y=2) == 1 and f(y=3) == 3 and f["acc"] == 6
    assert f(10, 1) == 10 and f[x] == 11
    f[x] = 20
    assert f(y=1) == 20 and f(y=1) == 21


def test_an_update_does_not_happen_in_the_callers_array(mode):
    x = T.dvector("x")
    f = function([In(x, value=np.zeros(3), update=x + 1)], x * 2, mode=mode)
    given = np.ones(3)
    f(given)
    assert given.tolist() == [1, 1, 1] and f[x].tolist() == [2, 2, 2]


def test_a_function_is_a_mapping_of_inputs_and_shared_variables():
    x, y, w = T.dscalars("x", "y", "w")
    s = shared(2.0, "s")
    f = function([x, In(y, value=1), In(w, value=2, name="w_by_name")], x + y + w + s)
    assert [key in f for key in ("x", x, "y", y, s, "s", "w", "w_by_name", 0, 5)] == [True] * 6 + [False, True, True,
                                                                                                   False]
    assert (f["y"], f[y], f[1], f["w_by_name"], f[s], f["s"]) == (1, 1, 1, 2, 2, 2) and f[x] is None
    f[s] = 10.0
    assert s.get_value() == 10 and f(1) == 14
    assert f.value["y"] == 1 and f.container["y"].value == 1 and f.container[s].storage is s.container.storage
    f.value["y"] = 3
    assert f(1) == 16
    assert f.get_shared() == [s]


def test_names_of_functions():
    x = T.dscalar("x")
    f = function([x], x)
    assert f.name.startswith(__file__) and f.name.rsplit(":", 1)[1].isdigit()
    assert function([x], x, name="hey").name == "hey"


def test_trusted_input_is_not_converted(mode):
    x = T.dvector("x")
    f = function([x], x + 1, mode=mode)
    f.trust_input = True
    assert f(np.zeros(2)).tolist() == [1, 1]


def test_fn_runs_on_the_containers(mode):
    x = T.dvector("x")
    s = shared(0.0)
    f = function([x], x + 1, updates=[(s, s + 1)], mode=mode)
    f.input_storage[0].storage[0] = np.ones(2)
    f.fn()
    assert f.output_storage[0].data.tolist() == [2, 2] and s.get_value() == 1
    f.fn(n_calls=5)
    assert s.get_value() == 6
    f.free()
    assert f.output_storage[0].data is None and f([3]).tolist() == [4]


@pytest.mark.parametrize("borrow_in", [False, True])
@pytest.mark.parametrize("borrow_out", [False, True])
def test_an_output_that_is_an_input(mode, borrow_in, borrow_out):
    x = T.dvector("x")
    f = function([In(x, borrow=borrow_in)], Out(x, borrow=borrow_out), mode=mode)
    given = np.ones(3)
    result = f(given)
    assert result.tolist() == [1, 1, 1]
    if not (borrow_in and borrow_out):
        assert not np.shares_memory(result, given)


def test_an_output_that_is_a_shared_variable(mode):
    s = shared(np.zeros(3))
    apart = function([], s, mode=mode)()
    assert not np.shares_memory(apart, s.get_value(borrow=True))
    lent = function([], Out(s, borrow=True), mode=mode)()
    assert lent.tolist() == [0, 0, 0]
    changed = function([], Out(s, borrow=True), updates=[(s, s + 1)], mode=mode)()
    assert changed.tolist() == [0, 0, 0] and s.get_value().tolist() == [1, 1, 1]


def test_a_constant_as_output_is_a_fresh_array_each_time(mode):
    c = T.constant(np.ones(3))
    f = function([], c, mode=mode)
    f()[0] = 9
    assert f().tolist() == [1, 1, 1]


def test_arguments_that_overlap(mode):
    x, y = T.dvectors("x", "y")
    f = function([In(x, mutable=True), In(y, mutable=True)], [x + 1, y + 2], mode=mode)
    base = np.arange(4.0)
    a, b = f(base[:3], base[1:])
    assert a.tolist() == [1, 2, 3] and b.tolist() == [3, 4, 5]


def test_attributes():
    x, y = T.dscalars("x", "y")
    s = shared(2.0, "s")
    f = function([x, In(y, value=1)], x + y + s, name="ff")
    assert type(f).__module__ == "symtensor.compile.function_module" and type(f).__name__ == "Function"
    assert set(f.finder) == {0, 1, 2, x, y, s, "x", "y", "s"}
    assert [str(spec) for spec in f.maker.inputs] == ["In(x)", "In(y)", "In(s)"]
    assert f.defaults == [(True, False, None), (False, True, 1), (False, False, None)]
    assert f.maker.required == [True, False, False] and f.maker.refeed == [False, True, False]
    assert f.unpack_single and not f.return_none and f.output_keys is None and f.n_returned_outputs == 1
    assert f.profile is None and not f.trust_input and f.name == "ff" and f.maker.name == "ff"
    assert [len(f.maker.fgraph.inputs), len(f.maker.fgraph.outputs)] == [3, 1]
    assert f.fn.storage_map[f.maker.fgraph.inputs[2]][0] == 2
    assert f.maker.fgraph.toposort() == f.fn.nodes
