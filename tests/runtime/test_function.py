"""The protocol of FunctionBase: arguments, containers, committed updates, forms; in C, in Python, and interpreted."""
from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref

import cases
import handmade
import numpy as np
import pytest

from symtensor.runtime import executor, function

HAS_EXTENSION = executor._executor is not None


def calls(base):
    """A class that notes its slow calls and lets NumPy filter the values."""

    class Function(base):
        def __init__(self):
            self.slow = []

        def _slow_call(self, args, kwargs):
            self.slow.append((args, kwargs))
            count = 1 + max(function.split(source)[0] for source in self._sources)
            values = [*args, *(kwargs.get(name, ...) for name in ["x", "y"][len(args):count])]
            return self._execute([v if v is ... else np.asarray(v, float) for v in values])

    return Function


class PlainPython(function.PythonFunction):
    pass


@pytest.fixture(params=["c", "cffi", "python function", "interpreter"])
def make(request, monkeypatch, compiler):
    """make(case, text) -> (function, executable), the quick way or not."""
    if request.param == "c" and not HAS_EXTENSION:
        pytest.skip("the extension is not built")
    if request.param == "cffi":
        monkeypatch.setattr(executor, "_executor", None)
        executor._said.topics.add("extension")
    base = PlainPython if request.param == "python function" else function.FunctionBase

    def make(case, text, sources, form, **kwargs):
        if request.param == "interpreter":
            executable = executor.link(case.program, case.constants, case.pycalls, consumer="interpreter", **kwargs)
        else:
            executable = handmade.link(monkeypatch, case.program, text, case.constants, pycalls=case.pycalls, **kwargs)
        f = calls(base)()
        f._bind(executable, sources, form)
        f.quick = request.param == "c"
        return f

    return make


def test_forms_and_arguments(make):
    case = cases.scalar_add()
    for form, expected in [("bare", 3.5), ("list", [3.5]), ("none", None), (("sum",), {"sum": 3.5})]:
        f = make(case, handmade.SCALAR_ADD, (0, 1), form)
        assert f(np.array(1.0), np.array(2.5)) == expected
        assert f(1.0, 2.5) == expected and f(np.float64(1), 2.5) == expected
        assert len(f.slow) == (0 if f.quick else 3)
        assert f(np.float32(1), 2.5) == expected and f(1.0, y=2.5) == expected
        assert len(f.slow) == (2 if f.quick else 5)
        assert f._form == form and f._sources == (0, 1)
    f = make(case, handmade.SCALAR_ADD, (1, 0), "bare")
    z = f(np.array(1.0), np.array(2.0))
    assert type(z) is np.ndarray and z.shape == ()
    for bad in [(1.0,), (1.0, 2.0, 3.0), ("one", 1.0)]:
        with pytest.raises((TypeError, ValueError)):
            f(*bad)


def test_binding_is_checked(make):
    case = cases.scalar_add()
    for sources, form in [((0,), "bare"), ((0, 1), "naked"), ((0, 1), ("a", "b")), ((0, 1), 3)]:
        with pytest.raises(ValueError):
            make(case, handmade.SCALAR_ADD, sources, form)
    with pytest.raises(TypeError):
        make(case, handmade.SCALAR_ADD, (0, "1"), "bare")
    with pytest.raises(RuntimeError, match="not bound"):
        calls(function.FunctionBase)()._execute([1.0])
    with pytest.raises(TypeError):
        function.FunctionBase()(1.0)


def test_defaults_in_containers(make):
    f = make(cases.scalar_add(), handmade.SCALAR_ADD, (0, (1, [np.array(10.0)])), "bare")
    assert f(1.0) == 11.0 and f(1.0, 2.0) == 3.0 and f(1.0) == 11.0
    assert f(x=np.float32(5)) == 15.0


def test_updates_are_committed(make):
    """x gets a new array of its own, y is updated in place; the spare array comes back two calls later."""
    xs, ys = [np.array([1.0, 2.0])], [np.array([10.0, 20.0])]
    f = make(cases.updates(), handmade.UPDATES, (xs, ys), "bare")
    y = ys[0]
    x_expected, y_expected = xs[0].copy(), y.copy()
    for _ in range(4):
        assert f() == x_expected.sum()
        x_expected, y_expected = x_expected + y_expected, 2 * y_expected
        np.testing.assert_array_equal(xs[0], x_expected)
        np.testing.assert_array_equal(ys[0], y_expected)
        assert ys[0] is y
    if f.quick:
        addresses = []
        for _ in range(4):
            f()
            addresses.append(xs[0].ctypes.data)
        assert addresses[0] == addresses[2] != addresses[1] == addresses[3]


def test_borrowed_values_stay_the_variables_values(make):
    """Whoever holds the container's array, or a view of it, or owns its memory, sees the update."""
    def fresh():
        return np.array([1.0, 2.0])

    mine = fresh()
    whole = np.arange(4.0)
    view = whole[1:3]
    for first, watch in [(mine, lambda: mine), (view, lambda: whole[1:3]), (whole[1:3], lambda: whole[1:3])]:
        before = watch().copy()
        xs = [first]
        held = xs[0]
        f = make(cases.updates(), handmade.UPDATES, (xs, [np.ones(2)]), "bare")
        f()
        np.testing.assert_array_equal(watch(), before + 1)
        f()
        np.testing.assert_array_equal(watch(), before + 3)
        assert xs[0] is held
        del held
    xs = [fresh()]
    f = make(cases.updates(), handmade.UPDATES, (xs, [np.ones(2)]), "bare")
    seen = xs[0][:]
    f()
    np.testing.assert_array_equal(seen, [2.0, 3.0])
    seen = None
    f()
    np.testing.assert_array_equal(xs[0], [4.0, 5.0])


def test_an_output_is_never_overwritten(make):
    """What a call returned stays what it was, although later calls commit updates."""
    xs, ys = [np.array([1.0, 2.0])], [np.array([10.0, 20.0])]
    f = make(cases.updates(), handmade.UPDATES, (xs, ys), "bare")
    results = [f() for _ in range(5)]
    assert [float(r) for r in results] == [3.0, 33.0, 93.0, 213.0, 453.0]


def test_failed_call_changes_nothing(make):
    """The operation of a unit with an update fails: the state stays; then it succeeds."""
    case = cases.objects_and_constants()
    failing = [True]

    def draw(inputs):
        if failing[0]:
            raise ValueError("not now")
        return [inputs[0] * inputs[1], inputs[0] + 1]

    case.pycalls = [draw]
    state = [7]
    f = make(case, handmade.OBJECTS, (state,), ("z", "draw"))
    with pytest.raises(ValueError, match="not now"):
        f()
    assert state == [7]
    failing[0] = False
    result = f()
    assert state == [8]
    np.testing.assert_array_equal(result["draw"], [7, 14, 21])


def test_swapped_and_shared_containers(make):
    """An argument that is the very array being updated in place; a container emptied by somebody."""
    ys = [np.array([10.0, 20.0])]
    f = make(cases.updates(), handmade.UPDATES, (0, ys), "bare")
    assert f(ys[0]) == 30.0
    np.testing.assert_array_equal(ys[0], [20.0, 40.0])
    assert f(ys[0]) == 60.0
    ys.clear()
    with pytest.raises(TypeError, match="no value for input 1"):
        f._execute([np.ones(2)])


def test_value_given_for_a_container_that_is_updated_in_place(make):
    """The caller's array is read, the container gets the new value."""
    ys = [np.array([10.0, 20.0])]
    f = make(cases.updates(), handmade.UPDATES, ([np.zeros(2)], (0, ys)), "bare")
    given = np.array([1.0, 2.0])
    f(given)
    np.testing.assert_array_equal(given, [1.0, 2.0])
    np.testing.assert_array_equal(ys[0], [2.0, 4.0])
    f()
    np.testing.assert_array_equal(ys[0], [4.0, 8.0])


def test_shapes_may_change(make):
    xs, ys = [np.ones(2)], [np.ones(2)]
    f = make(cases.updates(), handmade.UPDATES, (xs, ys), "bare")
    for size in (2, 5, 0, 3):
        xs[0], ys[0] = np.ones(size), np.ones(size)
        for _ in range(3):
            f()
        np.testing.assert_array_equal(xs[0], np.full(size, 8.0))


def test_functions_are_collected(make):
    xs = [np.ones(2)]
    f = make(cases.updates(), handmade.UPDATES, (xs, [np.ones(2)]), "bare")
    f()
    xs.append(f)
    f.me = f
    gone = weakref.ref(f)
    del f, xs
    gc.collect()
    assert gone() is None


def test_updates_from_threads(make):
    """No update is lost: reading, running and committing are one step."""
    xs = [np.zeros(20_000)]
    f = make(cases.updates(), handmade.UPDATES, (xs, 0), "none")

    def work():
        y = np.ones(20_000)
        for _ in range(25):
            y[...] = 1
            f._execute([y])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    np.testing.assert_array_equal(xs[0], np.full(20_000, 100.0))


def test_two_functions_that_call_each_other_from_threads(make):
    """f runs g inside, g runs f: threads that do both do not wait for each other for ever."""
    case = cases.objects_and_constants()
    functions = {}

    def operation(name):
        def run(inputs):
            time.sleep(0.001)
            if inputs[0] > 0:
                functions[name]._execute([inputs[0] - 1])
            return [inputs[1] * 1.0, inputs[0]]

        return run

    for name, other in [("f", "g"), ("g", "f")]:
        case = cases.objects_and_constants()
        case.pycalls = [operation(other)]
        functions[name] = make(case, handmade.OBJECTS, ((0, [5]),), "list")
    threads = [threading.Thread(target=functions[name]._execute, args=([4],), daemon=True) for name in "fgfg"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_no_leaks(make):
    """Calls of every kind, with updates, borrowed values and failures, leave nothing behind."""
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    xs, ys = [np.ones(30_000)], [np.ones(30_000)]
    plain = make(cases.updates(), handmade.UPDATES, (xs, ys), "bare")
    borrowed = make(cases.updates(), handmade.UPDATES, ([ys[0][:]], 0), "list")
    scalar = make(cases.scalar_add(), handmade.SCALAR_ADD, (0, 1), ("sum",))
    check = make(cases.checked(), handmade.VECTOR_ADD, (0, 1), "bare")
    y = np.ones(30_000)

    def once():
        xs[0][...] = ys[0][...] = 1
        plain()
        borrowed(y)
        scalar(1, 2.0)
        scalar(x=1, y=np.float32(3))
        for bad in [(y, y[1:]), ("no", y)]:
            try:
                check(*bad)
            except (ValueError, TypeError):
                pass
        for f in (plain, borrowed, scalar, check):
            f.slow.clear()

    for _ in range(100):
        once()
    gc.collect()
    before, counts = resident(), [sys.getrefcount(v) for v in (xs, ys, y, None)]
    for _ in range(150):
        once()
    gc.collect()
    after = [sys.getrefcount(v) for v in (xs, ys, y, None)]
    assert all(abs(a - b) < 20 for a, b in zip(after, counts)), (counts, after)
    assert resident() - before < 8 << 20


@pytest.mark.skipif(not HAS_EXTENSION, reason="the extension is not built")
def test_a_class_with_its_own_call(compiler, monkeypatch):
    class Loud(calls(function.FunctionBase)):
        def __call__(self, *args):
            return "called", super().__call__(*args)

    f = Loud()
    f._bind(handmade.link(monkeypatch, cases.scalar_add().program, handmade.SCALAR_ADD), (0, 1), "bare")
    assert f(1.0, 2.0) == ("called", 3.0)
