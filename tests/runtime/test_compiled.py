"""The same programs, printed and compiled: equal to the interpreter."""
from __future__ import annotations

import cases
import numpy as np
import pytest
from test_interpreter import copies

from symtensor.runtime import executor, function

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture(params=["extension", "cffi"])
def way(request, monkeypatch):
    if request.param == "cffi":
        monkeypatch.setattr(executor, "_executor", None)
        executor._said.topics.add("extension")
    elif executor._executor is None:
        pytest.skip("the extension is not built")
    return request.param


@pytest.mark.parametrize("make", cases.ALL, ids=lambda f: f.__name__)
def test_case(make, way):
    case = make()
    executable = executor.link(case.program, case.constants, case.pycalls)
    assert executable.consumer == "c"
    for _ in range(3):
        outputs, updates = executable.run(copies(case.values))
        for got, expected in zip(outputs + updates, case.outputs + case.updates, strict=True):
            np.testing.assert_array_equal(got, expected)
            assert np.asarray(got).dtype == np.asarray(expected).dtype


@pytest.mark.parametrize("make", cases.ALL, ids=lambda f: f.__name__)
def test_interpreter_agrees_on_other_sizes(make, rng):
    """Random values in the shapes of the case, repeated along the first axis, against the interpreter."""
    case = make()
    if make in (cases.ragged, cases.objects_and_constants, cases.loop_and_branch, cases.gather_scatter):
        pytest.skip("the values are indices or counts")
    executable = executor.link(case.program, case.constants, case.pycalls)
    reference = executor.link(case.program, case.constants, case.pycalls, consumer="interpreter")
    for factor in (0, 1, 7, 40):
        if factor == 0 and make in (cases.reductions, cases.cumulative):
            continue  # no maximum of nothing; the first row is read

        def grown(value):
            if not value.ndim:
                return value
            shape = tuple(1 if n == 1 else n * factor for n in value.shape)
            return (100 * rng.standard_normal(shape)).astype(value.dtype)

        with np.errstate(invalid="ignore"):
            values = [grown(v) for v in case.values]
        got, expected = executable.run(copies(values)), reference.run(copies(values))
        for a, b in zip(got[0] + got[1], expected[0] + expected[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-10)
            assert a.dtype == b.dtype


def test_linking_again_compiles_nothing(monkeypatch, way):
    case = cases.outer_sum()
    executor.link(case.program)
    monkeypatch.setattr(executor.toolchain, "compile_text", None)
    executable = executor.link(case.program)
    np.testing.assert_array_equal(executable.run(case.values)[0][0], case.outputs[0])


def test_committed_through_a_function(way):
    class Function(function.FunctionBase):
        def _slow_call(self, args, kwargs):
            return self._execute(args)

    case = cases.updates()
    xs, ys = copies(case.values)
    f = Function()
    f._bind(executor.link(case.program), ([xs], [ys]), "bare")
    assert f() == 3.0
    np.testing.assert_array_equal(f._sources[0][0], [11.0, 22.0])
    np.testing.assert_array_equal(f._sources[1][0], [20.0, 40.0])
