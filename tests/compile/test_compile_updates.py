"""Updates, default updates and givens: which values they see, when they are stored, and that failures store nothing."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, function, shared
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op

# -- updates -----------------------------------------------------------------------------------------------------------


def test_updates_are_computed_from_old_values(mode):
    a, b = shared(1.0, "a"), shared(2.0, "b")
    f = function([], [a, b], updates=[(a, b), (b, a)], mode=mode)
    assert f() == [1, 2] and (a.get_value(), b.get_value()) == (2, 1)
    assert f() == [2, 1] and (a.get_value(), b.get_value()) == (1, 2)


def test_swapped_arrays_do_not_come_to_share_memory(mode):
    a, b = shared(np.ones(3)), shared(np.zeros(3))
    for updates, expected in (
            ([(a, b), (b, a)], ([0, 0, 0], [1, 1, 1])), ([(a, b + 1), (b, a + 2)], ([2, 2, 2], [2, 2, 2])),
            ([(a, a), (b, a)], ([2, 2, 2], [2, 2, 2])), ([(a, a + 1), (b, a + 1)], ([3, 3, 3], [3, 3, 3])),
            ([(a, b[::-1])], ([3, 3, 3], [3, 3, 3]))):
        function([], [], updates=updates, mode=mode)()
        assert (a.get_value().tolist(), b.get_value().tolist()) == expected
        assert not np.shares_memory(a.get_value(borrow=True), b.get_value(borrow=True))


def test_an_update_by_a_view_of_itself(mode):
    a = shared(np.arange(9.0).reshape(3, 3))
    f = function([], a, updates=[(a, a.T)], mode=mode)
    np.testing.assert_array_equal(f(), np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(a.get_value(), np.arange(9.0).reshape(3, 3).T)
    function([], updates=[(a, a[::-1] + a)], mode=mode)()
    old = np.arange(9.0).reshape(3, 3).T
    np.testing.assert_array_equal(a.get_value(), old[::-1] + old)


def test_outputs_show_the_values_before(mode):
    s = shared(np.zeros(3))
    f = function([], s, updates=[(s, s + 1)], mode=mode)
    kept = [f() for _ in range(3)]
    assert [k.tolist() for k in kept] == [[0] * 3, [1] * 3, [2] * 3] and s.get_value().tolist() == [3] * 3
    f = function([], s + 1, updates=[(s, s + 1)], mode=mode)
    result = f()
    assert result.tolist() == [4] * 3 and not np.shares_memory(result, s.get_value(borrow=True))


def test_an_argument_that_becomes_the_value_is_copied(mode):
    s, x = shared(np.zeros(3)), T.dvector("x")
    f = function([x], updates=[(s, x)], mode=mode)
    given = np.ones(3)
    f(given)
    given[0] = 9
    assert s.get_value().tolist() == [1, 1, 1]


def test_a_borrowed_array_stays_the_value(mode):
    array = np.zeros(3)
    s = shared(array, borrow=True)
    function([], updates=[(s, s + 1)], mode=mode)()
    assert array.tolist() == [1, 1, 1] and s.get_value().tolist() == [1, 1, 1]


def test_an_argument_that_is_the_shared_array(mode):
    array = np.arange(4.0)
    s, x = shared(array, borrow=True), T.dvector("x")
    f = function([x], [x + 1], updates=[(s, s + x)], mode=mode)
    (result,) = f(array[::-1])
    assert result.tolist() == [4, 3, 2, 1] and s.get_value().tolist() == [3, 3, 3, 3]


def test_what_updates_may_be(mode):
    s = shared(1.0, "s")
    for updates in ({s: s + 1}, [(s, s + 1)], ((s, s + 1),), [[s, s + 1]], symtensor.OrderedUpdates([(s, s + 1)])):
        before = s.get_value()
        function([], updates=updates, mode=mode)()
        assert s.get_value() == before + 1
    for value in (3.0, 3, np.float64(3), np.array(3.0)):
        s.set_value(0.0)
        function([], updates=[(s, value)], mode=mode)()
        assert s.get_value() == 3 and s.get_value().dtype == "float64"
    vector = shared(np.zeros(3))
    function([], updates=[(vector, np.ones(3))], mode=mode)()
    assert vector.get_value().tolist() == [1, 1, 1]


def test_new_sizes_of_a_shared_array(mode):
    s, x = shared(np.zeros(2)), T.dvector("x")
    f = function([x], s.sum(), updates=[(s, x * 2)], mode=mode)
    for n in (3, 0, 5):
        f(np.ones(n))
        assert s.get_value().tolist() == [2] * n


# -- failures ----------------------------------------------------------------------------------------------------------


class Fails(Op):
    """Raises for a negative number."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        if inputs[0] < 0:
            raise ArithmeticError("no negative numbers")
        output_storage[0][0] = inputs[0].copy()


class WrongType(Op):
    """Returns a value of another dtype than it promised, if asked to."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = np.asarray(inputs[0], dtype="float32" if inputs[0] < 0 else "float64")


x, v, w, i = T.dscalar("x"), T.dvector("v"), T.dvector("w"), T.lscalar("i")
FAILURES = {
    "index out of bounds": (lambda s: ([i], s[i]), (1,), (7,), IndexError),
    "lengths that differ": (lambda s: ([v], s + v), (np.ones(3),), (np.ones(2),), ValueError),
    "lengths of arguments that differ": (lambda s: ([v, w], (v + w).sum()), (np.ones(2),) * 2, (np.ones(2), np.ones(4)),
                                         ValueError),
    "product of shapes that do not fit": (lambda s: ([v], T.dot(s, v)), (np.ones(3),), (np.ones(4),), ValueError),
    "reshape": (lambda s: ([v], v.reshape((2, 2))), (np.ones(4),), (np.ones(3),), ValueError),
    "assertion": (lambda s: ([x], symtensor.raise_op.Assert("x is negative")(x, x >= 0)), (1.0,), (-1.0,),
                  AssertionError),
    "exception in perform": (lambda s: ([x], Fails()(x)), (1.0,), (-1.0,), ArithmeticError),
    "result of a wrong dtype": (lambda s: ([x], WrongType()(x)), (1.0,), (-1.0,), TypeError),
    "bad argument": (lambda s: ([v], v.sum()), (np.ones(2),), (np.ones((2, 2)),), TypeError),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_call_changes_nothing(case, mode):
    if case == "result of a wrong dtype" and mode.provided_linker == "perform":
        pytest.skip("node by node, values are taken as they come")
    build, good, bad, kind = FAILURES[case]
    s, count, other = shared(np.arange(3.0), "s"), shared(0, "count"), shared(np.ones((2, 2)), "other")
    inputs, output = build(s)
    f = function(inputs, output, updates=[(count, count + 1), (s, s * 2 + 1), (other, other + other.T)], mode=mode)
    f(*good)
    state = [u.get_value().tolist() for u in (s, count, other)]
    for _ in range(2):
        with pytest.raises(kind):
            f(*bad)
        assert [u.get_value().tolist() for u in (s, count, other)] == state
    f(*good)
    assert count.get_value() == 2 and s.get_value().tolist() == [3, 7, 11]


def test_an_update_that_fails_itself(mode):
    s, t = shared(np.arange(3.0)), shared(0.0)
    f = function([v], updates=[(t, t + 1), (s, s + v)], mode=mode)
    with pytest.raises(ValueError):
        f(np.ones(5))
    assert t.get_value() == 0 and s.get_value().tolist() == [0, 1, 2]


def test_an_input_with_an_update_keeps_its_value_when_a_call_fails(mode):
    f = function([In(v, value=np.zeros(3), update=v + 1), w], v + w, mode=mode)
    f(w=np.ones(3))
    with pytest.raises(ValueError):
        f(w=np.ones(2))
    assert f[v].tolist() == [1, 1, 1]


def test_the_error_of_a_failed_call_names_the_node_and_the_users_line(mode):
    f = function([v, w], T.exp(v) + w, mode=mode)
    with pytest.raises(ValueError) as caught:
        f(np.ones(2), np.ones(3))
    text = str(caught.value)
    assert "Apply node that caused the error: Elemwise{add,no_inplace}" in text
    assert "test_compile_updates.py" in text and "Inputs shapes: [(2,), (3,)]" in text and "HINT" in text


# -- default updates ---------------------------------------------------------------------------------------------------


def test_default_updates(mode):
    s = shared(1.0, "s")
    s.default_update = s + 1
    f = function([], s, mode=mode)
    assert f() == 1 and f() == 2 and s.get_value() == 3
    for without in (True, [s]):
        f = function([], s, no_default_updates=without, mode=mode)
        assert f() == 3 and f() == 3
    f = function([], s, updates=[(s, s * 10)], mode=mode)
    assert f() == 3 and s.get_value() == 30
    f = function([], s, updates=[(s, s * 3)], no_default_updates=[s], mode=mode)
    assert f() == 30 and s.get_value() == 90


def test_default_updates_of_what_default_updates_need(mode):
    s, t = shared(1.0, "s"), shared(2.0, "t")
    s.default_update = t + 1
    t.default_update = t * 2
    f = function([], s, mode=mode)
    assert f() == 1 and f() == 3 and (s.get_value(), t.get_value()) == (5, 8)


def test_default_updates_count_only_where_the_variable_is_used(mode):
    s, t = shared(1.0, "s"), shared(0.0, "t")
    s.default_update = s + 1
    function([], T.constant(3), mode=mode)()
    assert s.get_value() == 1
    function([], [], updates=[(t, s)], mode=mode)()
    assert (s.get_value(), t.get_value()) == (2, 1)


def test_a_default_update_of_another_type_is_refused():
    s = shared(1, "s")
    s.default_update = s + 1.5
    with pytest.raises(TypeError, match="Cannot convert Type TensorType"):
        function([], s)


def test_the_order_of_shared_variables():
    a, b, c = (shared(float(k), "abc"[k]) for k in range(3))
    assert function([], a + 1, updates=[(b, b + c)]).get_shared() == [a, b, c]
    assert function([], a + 1, updates=[(b, c)]).get_shared() == [a, c, b]
    z = T.dscalar()
    assert function([], z + 1, updates=[(b, b + 1)], givens={z: c}).get_shared() == [c, b]
    c.default_update = c + a
    assert function([], b * c).get_shared() == [b, c, a]


# -- givens ------------------------------------------------------------------------------------------------------------


def test_givens_replace_variables_and_shared_variables(mode):
    s = shared(1.0, "s")
    y = T.dscalar("y")
    assert function([y], x + 1, givens={x: y * 2}, mode=mode)(3) == 7
    assert function([y], s * 10, givens=[(s, y)], mode=mode)(4) == 40 and s.get_value() == 1
    inner = x * 2
    assert function([y], inner + 1, givens={inner: y}, mode=mode)(3) == 4
    assert function([x], inner + 1, givens={inner: inner * 10}, mode=mode)(3) == 61
    assert function([], x + 1, givens={x: np.float64(3)}, mode=mode)() == 4
    assert function([], v + 1, givens={v: np.arange(3.0)}, mode=mode)().tolist() == [1, 2, 3]
    assert function([x], x + 1, givens=None, mode=mode)(3) == 4


def test_givens_apply_to_updates_too(mode):
    s, y = shared(1.0, "s"), T.dscalar("y")
    f = function([y], s * 10, givens={s: y}, updates=[(s, s + 1)], mode=mode)
    assert f(4) == 40 and s.get_value() == 5
    t = shared(7.0, "t")
    f = function([], s * 10, givens={s: t}, updates=[(s, s + 1)], mode=mode)
    assert f() == 70 and (s.get_value(), t.get_value()) == (8, 7)


def test_later_givens_see_earlier_ones(mode):
    s, t, a = shared(1.0, "s"), shared(2.0, "t"), T.dscalar("a")
    assert function([a], s * 10 + t, givens=[(t, a), (s, t + 1)], mode=mode)(1) == 21


def test_a_given_is_converted_to_the_type_it_replaces_or_the_types_follow(mode):
    m, r, f32 = T.dmatrix("m"), T.drow("r"), T.fvector("f32")
    f = function([r], m + 1, givens={m: r}, mode=mode)
    assert f.maker.fgraph.outputs[0].type == T.dmatrix and f([[1, 2]]).tolist() == [[2, 3]]
    f = function([f32], v + 1, givens={v: f32}, rebuild_strict=False, mode=mode)
    assert f([1]).dtype == "float32"
    f = function([m], r + 1, givens={r: m}, rebuild_strict=False, mode=mode)
    assert f.maker.fgraph.outputs[0].type == T.dmatrix
