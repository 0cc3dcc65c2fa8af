"""`OpFromGraph(inline=False)` in compiled functions: its statements stand in the function's own C."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements

MODES = ["FAST_COMPILE", "FAST_RUN", "DebugMode"]
A, B = np.arange(9.0).reshape(3, 3), np.eye(3) * 2


def calls_python(f):
    return any(isinstance(s, PyCall) for s in statements(f.maker.code.lowered.program.body))


@pytest.mark.parametrize("mode", MODES)
def test_values_gradients_updates(mode):
    x, y, a, b = (T.dmatrix(name) for name in "xyab")
    state = symtensor.shared(np.ones((3, 3)))
    op = symtensor.OpFromGraph([x, y], [T.dot(x, y) + state, x, y.T])
    first, same, turned = op(a, b)
    second = op(first, b)[0]
    outputs = [second, same, turned, T.grad(second.sum(), a)]
    f = symtensor.function([a, b], outputs, updates=[(state, state + first)], mode=mode)
    for k in range(2):
        held = state.get_value()
        got = f(A, B)
        expected = [(A @ B + held) @ B + held, A, B.T, np.ones((3, 3)) @ B.T @ B.T]
        for value, right in zip(got, expected, strict=True):
            np.testing.assert_allclose(value, right)
        np.testing.assert_allclose(state.get_value(), 2 * held + A @ B)
        assert not any(np.may_share_memory(value, given) for value in got for given in (A, B))
    assert mode != "FAST_RUN" or not calls_python(f)


def test_inside_a_loop_and_around_one():
    v, s, xs = T.dvector("v"), T.dvector("s"), T.dmatrix("xs")
    step = symtensor.OpFromGraph([v, s], [T.tanh(v + s)])
    loop = symtensor.OpFromGraph([xs, s], [symtensor.scan(step, xs, s)[0]])
    f = symtensor.function([xs, s], loop(xs, s))
    assert not calls_python(f)
    state, rows = np.ones(3), []
    for row in A:
        state = np.tanh(row + state)
        rows.append(state)
    np.testing.assert_allclose(f(A, np.ones(3)), rows)


def test_a_failure_names_the_operation():
    x, y = T.dvector("x"), T.dvector("y")
    op = symtensor.OpFromGraph([x, y], [x * y])
    f = symtensor.function([x, y], op(x, y))
    with pytest.raises(ValueError, match="(?s)Input dimension mis-match.*OpFromGraph"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
