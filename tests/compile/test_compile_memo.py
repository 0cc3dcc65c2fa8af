"""The in-process memory: the same function again takes the same code, anything else does not, nothing is kept alive."""
from __future__ import annotations

import gc
import pickle
import time
import weakref

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Mode, Out, change_flags, function, shared
from symtensor.compile import memo
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.rewrite.base import local_optimizer
from symtensor.rewrite.optdb import optdb


@pytest.fixture(autouse=True)
def empty():
    memo.forget()
    yield
    memo.forget()


def model(name="x", factor=2.0, dtype="float64", kind=T.exp, size=3):
    """A function with a shared variable, an update and a constant; always made by the same lines."""
    x = T.TensorType(dtype, (False,))(name)
    s = shared(np.zeros(size, dtype), "s")
    f = function([x], kind(x * T.constant(factor, dtype=dtype)) + s, updates=[(s, s + x)])
    return f, s


def same(one, other):
    return one.maker.code is other.maker.code


def several(n, *args, **kwargs):
    return [model(*args, **kwargs) for _ in range(n)]


def test_the_same_function_again_is_not_compiled_again():
    (f, s), (g, t) = several(2)
    assert same(f, g) and f.fn.executable is not g.fn.executable
    np.testing.assert_allclose(f([0, 0, 0]), 1)
    f([1, 1, 1])
    assert s.get_value().tolist() == [1, 1, 1] and t.get_value().tolist() == [0, 0, 0]
    np.testing.assert_allclose(g([0, 0, 0]), 1)
    assert g.get_shared() == [t] and g.maker.fgraph is not f.maker.fgraph and g["s"].tolist() == [0, 0, 0]


def test_the_graph_of_a_remembered_function_is_its_own():
    (f, s), (g, t) = several(2)
    assert str(f.maker.fgraph) == str(g.maker.fgraph)
    assert g.maker.fgraph.inputs[1].container is t.container and g.maker.fgraph.update_mapping == {1: 1}
    g.maker.fgraph.check_integrity()
    h = g.copy(delete_updates=True)
    np.testing.assert_allclose(h([0, 0, 0]), [[1, 1, 1]])
    swapped = g.copy(swap={t: s})
    swapped([1, 1, 1])
    assert s.get_value().tolist() == [1, 1, 1] and t.get_value().tolist() == [0, 0, 0]
    assert pickle.loads(pickle.dumps(g))([0, 0, 0]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("change", [{"name": "y"}, {"factor": 3.0}, {"factor": -2.0}, {"dtype": "float32"},
                                    {"kind": T.tanh}])
def test_another_function_is_compiled(change):
    made = [model(**kwargs) for kwargs in ({}, change, {})]
    assert not same(made[0][0], made[1][0]) and same(made[0][0], made[2][0])
    kwargs = {"factor": 2.0, "dtype": "float64", "kind": T.exp, **change}
    x = np.array([0.5, 1.5], kwargs["dtype"])
    expected = {T.exp: np.exp, T.tanh: np.tanh}[kwargs["kind"]](x * kwargs["factor"])
    f, s = made[1]
    s.set_value(np.zeros(2, kwargs["dtype"]))
    np.testing.assert_allclose(f(x), expected, rtol=1e-6)


@pytest.mark.parametrize("constants", [(0.0, -0.0), (1.0, np.inf), (np.nan, np.inf)])
def test_constants_that_look_alike(constants):
    def make(value):
        x = T.dscalar("x")
        return function([x], x / T.constant(value))

    one, other = [make(value) for value in constants]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(one(1.0), np.float64(1.0) / np.float64(constants[0]))
        np.testing.assert_array_equal(other(1.0), np.float64(1.0) / np.float64(constants[1]))


def test_the_order_of_inputs_outputs_and_updates_counts():
    def make(swap_inputs=False, swap_outputs=False, swap_updates=False):
        x, y = T.dscalars("v", "v")
        a, b = shared(1.0), shared(2.0)
        inputs = [y, x] if swap_inputs else [x, y]
        outputs = [x - y, x * y + a] if not swap_outputs else [x * y + a, x - y]
        updates = [(a, b + x), (b, a - x)]
        f = function(inputs, outputs, updates=updates[::-1] if swap_updates else updates)
        return f(5, 3), a.get_value(), b.get_value()

    results = [make(i, o, u) for i in (0, 1) for o in (0, 1) for u in (0, 1)]
    assert len(memo._memory) == 4  # the order of updates makes no difference
    assert results[0] == ([2, 16], 7, -4) and results[1] == ([2, 16], 7, -4)
    assert results[2] == ([16, 2], 7, -4) and results[4] == ([-2, 16], 5, -2)


def test_permissions_count():
    def make(**kwargs):
        x = T.dvector("x")
        return function([In(x, borrow=kwargs.get("lend"))], Out(x, borrow=kwargs.get("take", False)))

    given = np.ones(3)
    kinds = [make(), make(lend=True), make(take=True), make(lend=True, take=True)]
    assert [np.shares_memory(f(given), given) for f in kinds] == [False, False, False, True]


def test_modes_and_flags_count():
    def make(mode=None):
        x = T.dscalar("x")
        return function([x], T.exp(x) * 2, mode=mode)

    modes = [None, None, Mode(), Mode("py"), Mode("cvm", None), "FAST_COMPILE", Mode("cvm_nogc")]
    made = [make(mode) for mode in modes]
    assert [same(made[0], f) for f in made] == [True, True, True, False, False, False, False]
    made = []
    for kind in ("float32", "float64", "float32"):
        with change_flags(floatX=kind):
            made.append(make())
    assert not same(made[0], made[1]) and same(made[0], made[2])


def test_registering_a_rewrite_counts():
    def make():
        x = T.dscalar("x")
        return function([x], T.sinh(x))

    @local_optimizer([T.sinh])
    def sinh_becomes_cosh(node):
        return [T.cosh(*node.inputs)] if node.op == T.sinh else False

    made = []
    try:
        for step in range(3):
            if step == 2:
                optdb["canonicalize"].register("sinh_becomes_cosh", sinh_becomes_cosh, "fast_run")
            made.append(make())
    finally:
        optdb["canonicalize"].remove_tags("sinh_becomes_cosh", "fast_run")
    assert same(made[0], made[1]) and [float(f(0)) for f in made] == [0, 0, 1]


def test_the_users_line_counts():
    def make():
        v, w = T.dvectors("v", "w")
        return function([v, w], v + w)

    def other():
        v, w = T.dvectors("v", "w")
        return function([v, w], v + w)

    one, again = [make() for _ in range(2)]
    third = other()
    assert same(one, again) and not same(one, third)
    for f, name in ((again, "in make"), (third, "in other")):
        with pytest.raises(ValueError) as caught:
            f([1, 2], [1, 2, 3])
        assert name in str(caught.value) and "Inputs shapes: [(2,), (3,)]" in str(caught.value)


class NoProps(Op):
    """Equal to itself only."""

    def __init__(self, number):
        self.number = number

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + self.number


def test_ops_without_props_count_by_identity():
    def make(op):
        x = T.dscalar("x")
        return function([x], op(x))

    one, two = NoProps(1), NoProps(2)
    f, g, h = [make(op) for op in (one, two, one)]
    assert same(f, h) and not same(f, g) and f(0) == 1 and g(0) == 2


def test_what_is_not_remembered():
    def large():
        x = T.dvector("x")
        return function([x], x + T.constant(np.zeros(10000)))

    def tagged():
        x = T.dscalar("x")
        y = x + 1
        y.tag.something = 1
        return function([x], y)

    def mode_of_its_own():
        x = T.dscalar("x")
        return function([x], x + 1, mode="DebugMode")

    for make in (large, tagged, mode_of_its_own):
        made = [make() for _ in range(2)]
        assert not same(*made)
    assert not memo._memory


def test_no_value_of_a_user_is_kept_alive():
    def make():
        x = T.dvector("x")
        array = np.zeros(1000)
        s = shared(array, "s", borrow=True)
        f = function([x], s.sum() + x, updates=[(s, s * 2 + x.sum())])
        f(np.ones(2))
        return weakref.ref(s), weakref.ref(s.container.storage[0]), weakref.ref(f)

    for _ in range(2):
        references = make()
        gc.collect()
        assert [r() for r in references] == [None, None, None]
    assert memo._memory


def test_a_function_ends_with_its_last_reference():
    gc.collect()
    gc.disable()
    try:
        for mode in ("cvm", "py"):
            x = T.dvector("x")
            s = shared(np.zeros(3))
            f = function([x], s + x, updates=[(s, s + 1)], mode=Mode(mode))
            f(np.ones(3)), f([1, 2, 3]), f["x"]
            reference = weakref.ref(f)
            del f
            assert reference() is None
    finally:
        gc.enable()


def test_only_so_many_are_kept():
    for k in range(memo._LIMIT + 5):
        x = T.dscalar("x")
        function([x], x + k, mode=Mode("py"))
    assert len(memo._memory) == memo._LIMIT


def test_mistakes_are_found_each_time():
    def make(missing):
        x, y = T.dscalars("x", "y")
        return function([x], x + (y if missing else 1))

    for _ in range(2):
        make(False)
        with pytest.raises(symtensor.graph.errors.MissingInputError):
            make(True)


def test_a_second_time_is_quick():
    def make():
        x = T.dvector("x")
        y = x
        for k in range(100):
            y = T.tanh(y * 0.5 + k)
        start = time.perf_counter()
        f = function([x], y, mode=Mode("py"))
        return f, time.perf_counter() - start

    times = [make()[1] for _ in range(5)]
    assert min(times[1:]) < times[0] / 5
