"""The interpreter on hand-built programs, its hooks and poison, its errors."""
from __future__ import annotations

import dataclasses

import cases
import numpy as np
import pytest

from symtensor.ir import nodes, spec, walk
from symtensor.runtime import nests
from symtensor.runtime.interpreter import Interpreter


def copies(values):
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


def run(case, **options):
    return Interpreter(case.program, case.constants, case.pycalls, **options).run(copies(case.values))


@pytest.mark.parametrize("make", cases.ALL, ids=lambda f: f.__name__)
def test_case_is_legal(make):
    spec.check(make().program)


@pytest.mark.parametrize("sharing", [False, True])
@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("make", cases.ALL, ids=lambda f: f.__name__)
def test_case(make, poison, sharing):
    case = make()
    outputs, updates = run(case, poison=poison, sharing=sharing)
    for got, expected in zip(outputs + updates, case.outputs + case.updates, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert np.asarray(got).dtype == np.asarray(expected).dtype


@pytest.mark.parametrize("make", cases.ALL, ids=lambda f: f.__name__)
def test_case_in_pieces(make, monkeypatch):
    """Grids larger than the limit are evaluated piece by piece with the same result."""
    monkeypatch.setattr(nests, "GRID_LIMIT", 2)
    case = make()
    outputs, _ = run(case)
    for got, expected in zip(outputs, case.outputs, strict=True):
        np.testing.assert_allclose(got, expected)


def test_update_in_place_returns_the_same_array():
    case = cases.updates()
    x, y = copies(case.values)
    _, (new_x, new_y) = Interpreter(case.program).run([x, y])
    assert new_y is y and new_x is not x
    np.testing.assert_array_equal(y, [20.0, 40.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_failed_check_and_hook():
    case = cases.checked()
    seen = []

    def hook(error, node, values):
        seen.append((str(error), node, len(values)))
        return KeyError("decorated")

    plain = Interpreter(case.program)
    with pytest.raises(ValueError, match="mis-match: 3 against 2"):
        plain.run([np.zeros(3), np.zeros(2)])
    with pytest.raises(KeyError, match="decorated") as info:
        Interpreter(case.program, on_error=hook).run([np.zeros(3), np.zeros(2)])
    assert isinstance(info.value.__cause__, ValueError)
    assert seen == [("Input dimension mis-match: 3 against 2", 5, 2)]


def test_python_operation_errors():
    case = cases.objects_and_constants()
    table = case.constants

    def failing(inputs):
        raise ZeroDivisionError("inside")

    for operation, error, message in [
        (failing, ZeroDivisionError, "inside"),
        (lambda i: [i[1]], TypeError, "expected a list of 2"),
        (lambda i: [i[1].astype("float32"), 1], TypeError, "expected dtype float64, got float32"),
        (lambda i: [i[1][None], 1], TypeError, r"expected 1 dimension\(s\), got 2"),
        (lambda i: [None, 1], TypeError, "got NoneType"),
    ]:
        with pytest.raises(error, match=message):
            Interpreter(case.program, table, [operation]).run([1])


def test_python_result_that_shares_memory_is_copied():
    """An operation that returns its input without saying so must not make two buffers one."""
    case = cases.objects_and_constants()
    table = np.array([1.0, 2.0])
    (_, draw), _ = Interpreter(case.program, [table], [lambda i: [i[1], i[0]]]).run([0])
    assert not np.shares_memory(draw, table)


def test_hooks_see_every_statement():
    case = cases.loop_and_branch()
    before, after = [], []
    written = []

    def note(stmt, buffers):
        after.append(stmt)
        written.extend(name for name in walk.writes(stmt) if buffers[name] is not None)

    run(case, before=lambda stmt, buffers: before.append(stmt), after=note)
    assert sorted(map(id, before)) == sorted(map(id, after))
    assert before[0] is case.program.body[0]
    assert {"ring", "e", "step", "z", "n"} <= set(written)
    pycalls = [s for s in before if isinstance(s, nodes.PyCall)]
    assert len(pycalls) == 3  # t = 1, 3, 5 of the 6 steps


@pytest.mark.parametrize("value, message", [
    (np.zeros(3, "float32"), "expected dtype float64, got float32"),
    (np.zeros((3, 1)), r"expected 1 dimension\(s\), got 2"),
    ([1.0, 2.0], "got list"),
])
def test_refused_inputs(value, message):
    with pytest.raises(TypeError, match=message):
        Interpreter(cases.checked().program).run([value, np.zeros(3)])


def test_broadcastable_axis_must_have_length_one():
    with pytest.raises(TypeError, match="axis 0 is broadcastable"):
        Interpreter(cases.outer_sum().program).run([np.zeros(3), np.zeros((2, 2)), 1.0])


def test_unusual_inputs_are_copied():
    case = cases.checked()
    swapped = np.arange(3.0).astype(">f8")
    unaligned = np.frombuffer(b"\0" + np.arange(3.0).tobytes(), "u1")[1:].view("f8")
    (z,), _ = Interpreter(case.program).run([swapped, unaligned])
    np.testing.assert_array_equal(z, case.outputs[0])


def test_empty_arrays():
    for make, values in [
        (cases.checked, [np.zeros(0), np.zeros(0)]),
        (cases.matrix_product, [np.zeros((2, 0)), np.zeros((0, 3))]),
        (cases.matrix_product, [np.zeros((0, 4)), np.zeros((4, 3))]),
        (cases.outer_sum, [np.zeros(0), np.zeros((1, 2)), 1.0]),
        (cases.gather_scatter, [np.zeros(0), np.zeros(0, "int64")]),
        (cases.ragged, [np.zeros(0), np.zeros(1, "int64")]),
    ]:
        outputs, _ = Interpreter(make().program).run(values)
        assert all(np.all(z == 0) for z in outputs)
    (z,), _ = Interpreter(cases.matrix_product().program).run([np.zeros((2, 0)), np.zeros((0, 3))])
    assert z.shape == (2, 3)
    with pytest.raises(ValueError, match="maximum over no element"):
        Interpreter(cases.reductions().program).run([np.zeros((2, 0))])


def test_poison_shows_reads_of_unwritten_memory():
    case = cases.slots_and_inplace()
    body = tuple(s for k, s in enumerate(case.program.body) if k != 1)  # the nest that fills `a` is missing
    broken = dataclasses.replace(case.program, body=body)
    (z,), _ = Interpreter(broken, poison=True).run(case.values)
    assert np.isnan(z).all()


def test_out_of_bounds_is_noticed():
    case = cases.gather_scatter()
    with pytest.raises(IndexError, match="out of bounds"):
        Interpreter(case.program).run([np.zeros(3), np.array([0, 3])])
    with pytest.raises(IndexError, match="out of bounds"):
        Interpreter(case.program).run([np.zeros(3), np.array([0, -1])])


def test_nests_stage_separates_results():
    """Before storage is decided, `Copied` copies and a result that aliases an input is copied at the end."""
    x, c, v = cases.buf("x", 1), cases.buf("c", 1, layout="c"), cases.buf("v", 1)
    n = nodes.Dim("x", 0)
    program = nodes.Program(
        "nests", "nests", (x, c, v), ("x",), (), ("c", "v"), (),
        (nodes.Copied("c", "x"),
         nodes.Nest(cases.loops(("i", n), body=[
             nodes.Accumulate("c", (cases.local("i"),), "mul", cases.const(3.0, "float64"))])),
         nodes.View("v", "x", (cases.const(0),), (nodes.ViewAxis(0, n),))))
    spec.check(program)
    given = np.array([1.0, 2.0])
    (c, v), _ = Interpreter(program).run([given])
    np.testing.assert_array_equal(c, [3.0, 6.0])
    np.testing.assert_array_equal(v, given)
    assert not np.shares_memory(v, given)
