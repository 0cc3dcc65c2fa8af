"""What the executor promises, with units written by hand, through the extension and through cffi."""
from __future__ import annotations

import gc
import os
import pathlib
import signal
import sys
import threading
import time
import weakref

import cases
import handmade
import numpy as np
import pytest

from symtensor.ir.nodes import PyCall
from symtensor.runtime import executor
from symtensor.runtime.toolchain import CompileError

pytestmark = pytest.mark.usefixtures("compiler")
HAS_EXTENSION = executor._executor is not None


@pytest.fixture(params=["extension", "cffi"])
def way(request, monkeypatch):
    if request.param == "cffi":
        monkeypatch.setattr(executor, "_executor", None)
        executor._said.topics.add("extension")
    elif not HAS_EXTENSION:
        pytest.skip("the extension is not built")
    return request.param


@pytest.fixture
def link(way, monkeypatch):
    def make(case, text, **kwargs):
        kwargs.setdefault("pycalls", case.pycalls)
        return handmade.link(monkeypatch, case.program, text, case.constants, **kwargs)

    return make


def island_case(operation, views=()):
    """x -> workspace x + 1 -> python -> doubled."""
    program = cases.program(
        [cases.buf("x", 1), cases.buf("w", 1, layout="c"), cases.buf("r", 1), cases.buf("z", 1, layout="c")], ["x"],
        [PyCall(0, ("w",), ("r",), views=views, origin=(3,))], ["z"], slots=1)
    return cases.Case(program, [np.arange(3.0)], [], pycalls=[operation])


def test_scalars(link):
    run = link(cases.scalar_add(), handmade.SCALAR_ADD).run
    for x, y in [(np.array(1.0), np.array(2.5)), (1.0, 2.5), (1, 2.5), (np.float64(1), np.array(2.5))]:
        (z,), updates = run([x, y])
        assert type(z) is np.ndarray and z.shape == () and z == 3.5 and updates == []
    for bad in ["1", None, np.float32(1), 1j, np.zeros(1), [1.0]]:
        with pytest.raises(TypeError):
            run([bad, 1.0])
    with pytest.raises(TypeError, match="2 input values expected"):
        run([1.0])


def test_arrays_of_any_layout(link):
    run = link(cases.checked(), handmade.VECTOR_ADD).run
    swapped = np.arange(3.0).astype(">f8")
    unaligned = np.frombuffer(b"\0" + np.arange(3.0).tobytes(), "u1")[1:].view("f8")
    for x in [np.arange(3.0), np.arange(6.0)[::2] / 2, np.arange(3.0)[::-1][::-1], swapped, unaligned]:
        (z,), _ = run([x, np.ones(3)])
        np.testing.assert_array_equal(z, [1.0, 2.0, 3.0])
        assert z.flags.c_contiguous and z.flags.writeable and z.flags.aligned
    (z,), _ = run([np.zeros(0), np.zeros(0)])
    assert z.shape == (0,)


def test_failed_check(link):
    run = link(cases.checked(), handmade.VECTOR_ADD).run
    with pytest.raises(ValueError, match="mis-match: 3 against 2"):
        run([np.zeros(3), np.zeros(2)])
    seen = []

    def hook(error, node, values):
        seen.append((type(error), node, [v.shape for v in values]))
        return RuntimeError("decorated")

    run = link(cases.checked(), handmade.VECTOR_ADD, on_error=hook).run
    with pytest.raises(RuntimeError, match="decorated") as info:
        run([np.zeros(3), np.zeros(2)])
    assert isinstance(info.value.__cause__, ValueError)
    assert seen == [(ValueError, 5, [(3,), (2,)])]


def test_updates(link):
    executable = link(cases.updates(), handmade.UPDATES)
    x, y = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    (s,), (new_x, new_y) = executable.run([x, y])
    assert s == 3.0 and new_y is y and new_x is not x
    np.testing.assert_array_equal(y, [20.0, 40.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])
    np.testing.assert_array_equal(new_x, [11.0, 22.0])
    assert executable.written == (1,)


def test_written_input_that_overlaps_another(link):
    """y is doubled in place; x is the same array: it must be read as it was."""
    executable = link(cases.updates(), handmade.UPDATES)
    y = np.array([10.0, 20.0])
    (s,), (new_x, new_y) = executable.run([y, y])
    assert s == 30.0 and new_y is y
    np.testing.assert_array_equal(new_x, [20.0, 40.0])
    np.testing.assert_array_equal(y, [20.0, 40.0])
    base = np.arange(4.0)
    executable.run([base[1:3], base[:2]])
    np.testing.assert_array_equal(base, [0, 2, 2, 3])


def test_written_input_that_is_read_only(link):
    executable = link(cases.updates(), handmade.UPDATES)
    y = np.array([10.0, 20.0])
    y.flags.writeable = False
    _, (_, new_y) = executable.run([np.ones(2), y])
    np.testing.assert_array_equal(y, [10.0, 20.0])
    np.testing.assert_array_equal(new_y, [20.0, 40.0])


def test_objects_and_constants(link):
    case = cases.objects_and_constants()
    outputs, updates = link(case, handmade.OBJECTS).run(case.values)
    for got, expected in zip(outputs + updates, case.outputs + case.updates, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_python_operation_errors(link):
    case = cases.objects_and_constants()

    def failing(inputs):
        raise ZeroDivisionError("inside")

    for operation, error, message in [
        (failing, ZeroDivisionError, "inside"),
        (lambda i: [i[1]], TypeError, "expected a list of 2"),
        (lambda i: None, TypeError, "got NoneType"),
        (lambda i: [i[1].astype("float32"), 1], TypeError, "expected dtype float64, got float32"),
        (lambda i: [i[1][None], 1], TypeError, r"expected 1 dimension\(s\), got 2"),
    ]:
        with pytest.raises(error, match=message):
            link(case, handmade.OBJECTS, pycalls=[operation]).run([1])


def test_island_errors_name_the_node(link):
    seen = []

    def failing(inputs):
        raise KeyError("k")

    executable = link(island_case(failing), handmade.ISLAND, slots=1,
                      on_error=lambda error, node, values: seen.append((type(error), node)))
    with pytest.raises(KeyError):
        executable.run([np.arange(3.0)])
    assert seen == [(KeyError, 3)]


def test_python_keeps_what_it_saw(link):
    """An operation that keeps its input: the memory is not reused by later calls."""
    kept = []

    def keep(inputs):
        kept.append(inputs[0])
        return [inputs[0] * 10]

    executable = link(island_case(keep), handmade.ISLAND, slots=1)
    for start in range(4):
        (z,), _ = executable.run([np.arange(3.0) + start])
        np.testing.assert_array_equal(z, 20 * (np.arange(3.0) + start + 1))
    del executable
    gc.collect()
    for start, array in enumerate(kept):
        np.testing.assert_array_equal(array, np.arange(3.0) + start + 1)


@pytest.mark.parametrize("size", [3, 300_000])
def test_python_results_are_adopted(link, size):
    """Results that are views, read-only, kept elsewhere or strided are used, and never changed behind one's back."""
    mine = np.ones(size)
    operations = [
        lambda i: [i[0]], lambda i: [i[0][::-1]], lambda i: [mine], lambda i: (mine[:],),
        lambda i: [np.broadcast_to(1.0, size)], lambda i: [np.repeat(i[0], 2)[::2]], lambda i: [i[0].astype(">f8")],
    ]
    x = np.arange(float(size))
    expected = [x + 1, (x + 1)[::-1], mine, mine, mine, x + 1, x + 1]
    for operation, value in zip(operations, expected, strict=True):
        for views in [(), ((0, 0),)]:
            (z,), _ = link(island_case(operation, views), handmade.ISLAND, slots=1).run([x])
            np.testing.assert_array_equal(z, 2 * value)
    assert (mine == 1).all()


def test_reentrant_call(link):
    """A Python operation that calls the very function it is in."""
    depth = []

    def again(inputs):
        w = inputs[0]
        if len(depth) < 3:
            depth.append(1)
            before = w.copy()
            (inner,), _ = executable.run([w])
            np.testing.assert_array_equal(w, before)  # the inner call has workspaces of its own
            return [inner]
        return [w * 1.0]

    executable = link(island_case(again), handmade.ISLAND, slots=1)
    (z,), _ = executable.run([np.arange(3.0)])
    np.testing.assert_array_equal(z, 16 * (np.arange(3.0) + 4))


def test_unit_that_breaks_its_promises(link):
    case = cases.scalar_add()
    with pytest.raises(SystemError, match="did not fill result 0"):
        link(case, "int st_main(st_frame *f) { return 0; }").run([1.0, 2.0])
    with pytest.raises((RuntimeError, SystemError)):
        link(case, "int st_main(st_frame *f) { return 1; }").run([1.0, 2.0])


def test_out_of_memory(link):
    text = """
    int st_main(st_frame *f) {
        st_i64 big = 1LL << 61;
        return f->output(f, 0, 1, &big, 8) == 0;
    }"""
    with pytest.raises(MemoryError):
        link(cases.checked(), text).run([np.zeros(1), np.zeros(1)])
    text = """
    int st_main(st_frame *f) {
        if (!f->slot(f, 0, 1LL << 61)) { f->error_site = -1; return 1; }
        return 0;
    }"""
    with pytest.raises(MemoryError):
        link(cases.checked(), text, slots=1).run([np.zeros(1), np.zeros(1)])


def test_c_that_does_not_compile(link):
    with pytest.raises(CompileError, match="error: expected") as info:
        link(cases.scalar_add(), "int st_main(st_frame *f) { return ; ; } garbage")
    assert "garbage" in info.value.stderr
    assert "garbage" in pathlib.Path(info.value.source).read_text()
    assert info.value.command[0].endswith(("gcc", "cc", "clang", "g++"))


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also where the tests were started in the background (SIGINT is ignored there)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_keyboard_interrupt(link, interruptible):
    program = cases.program([cases.buf("n", 0, "int64"), cases.buf("z", 0, layout="c")], ["n"],
                            [cases.Let("m", cases.Load("n", (), "int64"))], ["z"])
    executable = link(cases.Case(program, [], []), handmade.ENDLESS)
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        executable.run([10**9])
    timer.join()
    assert time.monotonic() - start < 10
    (z,), _ = executable.run([3])
    assert z > 0


def test_threads(link):
    """Many threads, one function with a workspace and a Python operation: no result is another thread's."""
    executable = link(island_case(lambda i: [i[0] + 0.5]), handmade.ISLAND, slots=1)
    wrong = []

    def work(seed):
        for k in range(60):
            x = np.full(20_000, float(seed * 1000 + k))
            (z,), _ = executable.run([x])
            if not (z == 2 * (x + 1.5)).all():
                wrong.append((seed, k))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_during_a_call(link):
    """A child forked while another thread is inside the function can call it."""
    program = cases.program([cases.buf("n", 0, "int64"), cases.buf("z", 0, layout="c")], ["n"],
                            [cases.Let("m", cases.Load("n", (), "int64"))], ["z"])
    executable = link(cases.Case(program, [], []), handmade.ENDLESS)
    thread = threading.Thread(target=executable.run, args=([300_000],))
    thread.start()
    time.sleep(0.05)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            (z,), _ = executable.run([3])
            status = 0 if z > 0 else 2
        finally:
            os._exit(status)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.02)
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        pytest.fail("the child hangs")
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


# ----------------------------------------------------------------------------------------------------------- leaks


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_no_leaks(link, way):
    """Successful and failing calls on every path leave nothing behind."""
    rounds = 300 if way == "extension" else 60

    def failing(inputs):
        raise ValueError("inside")

    vector = link(cases.checked(), handmade.VECTOR_ADD)
    update = link(cases.updates(), handmade.UPDATES)
    objects = cases.objects_and_constants()
    island = link(objects, handmade.OBJECTS)
    broken = link(objects, handmade.OBJECTS, pycalls=[failing])
    wrong = link(objects, handmade.OBJECTS, pycalls=[lambda i: [i[1], 1, 2]])
    big, x, state = np.ones(40_000), np.ones(20_000), object()
    swapped = big.astype(">f8")

    def once():
        vector.run([big, big])
        vector.run([swapped, big])
        update.run([x, x.copy()])
        update.run([x, x])
        island.run([7])
        for call, values in [(vector, [big, x]), (vector, [big, "no"]), (broken, [state]), (wrong, [state])]:
            try:
                call.run(values)
            except (ValueError, TypeError):
                pass

    for _ in range(rounds // 2):
        once()
    gc.collect()
    watched = [big, x, state, swapped, None, ValueError, np.dtype("float64"), *objects.constants]
    before, counts = resident(), [sys.getrefcount(v) for v in watched]
    for _ in range(rounds):
        once()
    gc.collect()
    after = [sys.getrefcount(v) for v in watched]
    assert all(abs(a - b) < 20 for a, b in zip(after, counts)), list(zip(counts, after))
    assert resident() - before < 8 << 20


def test_executable_is_collected(link):
    """An executable in a cycle with its own Python operation goes away."""

    class Operation:
        def __call__(self, inputs):
            return [inputs[0] * 1.0]

    operation = Operation()
    executable = link(island_case(operation), handmade.ISLAND, slots=1)
    executable.run([np.arange(3.0)])
    operation.executable = executable
    gone = weakref.ref(operation)
    del operation, executable
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(not HAS_EXTENSION, reason="the extension is not built")
def test_pool(monkeypatch):
    """Large outputs come back to the pool and are handed out again, up to its bound."""
    module = executor._executor
    run = handmade.link(monkeypatch, cases.checked().program, handmade.VECTOR_ADD).run
    x = np.ones(1 << 18)
    module.trim()
    (z,), _ = run([x, x])
    kept, used = module.pool_state()
    assert kept == 0 and used >= 2 << 20
    address = z.ctypes.data
    assert address % 64 == 0 and z.base is None
    del z
    kept, now = module.pool_state()
    assert kept >= 2 << 20 and now < used
    (z,), _ = run([x, x])
    assert z.ctypes.data == address and (z == 2).all()
    z.resize(1 << 19, refcheck=False)
    assert (z[: 1 << 18] == 2).all()
    limit = module.pool_limit(0)
    try:
        del z
        assert module.pool_state()[0] == 0
    finally:
        module.pool_limit(limit)


@pytest.mark.skipif(not HAS_EXTENSION, reason="the extension is not built")
def test_workspaces(monkeypatch):
    """Small workspaces stay with the executable, large ones go back to the pool unless they are to be kept."""
    text = """
    int st_main(st_frame *f) {
        char *a = f->slot(f, 0, 1000), *b = f->slot(f, 1, 3 << 20), *z = f->output(f, 0, 0, 0, 8);
        if (!a || !b || !z) return 1;
        *(double *)z = (st_u64)a % 64 + (st_u64)b % 64;
        return 0;
    }"""
    program = cases.scalar_add().program
    plain = handmade.link(monkeypatch, program, text, slots=2)
    assert plain.run([1.0, 1.0])[0][0] == 0
    assert 1000 <= plain.native.kept_bytes < 1 << 20
    plain.free()
    assert plain.native.kept_bytes == 0
    keeping = handmade.link(monkeypatch, program, text, slots=2, keep_workspaces=True)
    keeping.run([1.0, 1.0])
    assert keeping.native.kept_bytes > 3 << 20
    keeping.free()
    assert keeping.native.kept_bytes == 0
