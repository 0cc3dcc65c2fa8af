"""States of loops in place: where the copy goes, where it must stay, and what comes out either way."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import Const, Nest, Store, While
from symtensor.ir.walk import nest_statements, statements
from symtensor.lower import carried

MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode"]


def copies(f):
    """How many nests in the loops of a function copy a whole array."""
    loops = [s for s in statements(f.maker.code.lowered.program.body) if isinstance(s, While)]
    return sum(carried._copy(s) is not None for loop in loops for s in statements(loop.body))


def last(step, starts, mode, others=(), n_steps=4, variables=()):
    """A function of the last values of states; what a plain loop gives is `expected`."""
    found, updates = symtensor.scan(step, outputs_info=list(starts), non_sequences=list(others), n_steps=n_steps)
    found = found if isinstance(found, list) else [found]
    return symtensor.function(list(variables), [v[-1] for v in found], updates=updates, mode=mode)


def expected(step, starts, others=(), n_steps=4):
    values = list(starts)
    for _ in range(n_steps):
        new = step(*values, *others)
        values = list(new) if isinstance(new, (list, tuple)) else [new]
    return values


A, B = np.array([1.5, -0.5, 2.0, 0.25]), np.array([0.5, 3.0, -1.0, 1.0])
M = np.arange(16.0).reshape(4, 4) / 10

CASES = {  # name: (step, number of states, copies of whole states that are left in a step)
    "elementwise": (lambda x, a: x * a + 1, 1, 0),
    "old value not read": (lambda x, a: a * 2, 1, 1),
    "two states apart": (lambda x, y, a: (x * a, y + a), 2, 0),
    "one reads the other's old value": (lambda x, y, a: (x * a, y + x), 2, None),
    "exchanged": (lambda x, y, a: (y * 1.5, x + y + a), 2, None),
    "nearly plainly exchanged": (lambda x, y, a: (y, x + a), 2, None),
    "turned round": (lambda x, a: x[::-1] + a, 1, None),
    "its own sum": (lambda x, a: x / x.sum() + a, 1, None),
    "read again later": (lambda x, y, a: (x * a, (x * a + 1)[::-1] + x[::-1]), 2, None),
    "cumulated": (lambda x, a: x.cumsum() + a, 1, None),
    "the same for both": (lambda x, y, a: (x + a, x + a), 2, None),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_states(name, mode):
    step, count, left = CASES[name]
    variables = [T.dvector(f"s{k}") for k in range(count)]
    a = T.dvector("a")
    f = last(step, variables, mode, [a], variables=[*variables, a])
    starts = [A, B][:count]
    for found, wanted in zip(f(*starts, B[::-1]), expected(step, starts, [B[::-1]]), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11)
    if left is not None and mode == "FAST_RUN":
        assert copies(f) == left


@pytest.mark.parametrize("mode", MODES)
def test_a_product_goes_where_the_state_was(mode):
    x, m = T.dvector("x"), T.dmatrix("m")
    f = last(lambda x, m: T.tanh(T.dot(x, m)), [x], mode, [m], variables=[x, m])
    np.testing.assert_allclose(f(A, M)[0], expected(lambda x, m: np.tanh(x @ m), [A], [M])[0], rtol=1e-12)
    assert mode != "FAST_RUN" or copies(f) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_until(mode, n):
    x, limit = T.dvector("x"), T.dscalar("limit")
    found, _ = symtensor.scan(lambda x, limit: (x * 2, symtensor.scan_module.until((x * 2).max() > limit)),
                              outputs_info=[x], non_sequences=[limit], n_steps=n + 1)
    f = symtensor.function([x, limit], found[-1], mode=mode)
    values = A
    for _ in range(n + 1):
        values = values * 2
        if values.max() > 9:
            break
    np.testing.assert_array_equal(f(A, 9.0), values)


@pytest.mark.parametrize("mode", MODES)
def test_nested(mode):
    """The inner loop carries what the outer one carries."""
    x, a = T.dvector("x"), T.dvector("a")

    def outer(x, a):
        inner, _ = symtensor.scan(lambda y, a: y * a + 0.5, outputs_info=[x], non_sequences=[a], n_steps=3)
        return inner[-1] + x

    f = last(outer, [x], mode, [a], variables=[x, a])

    def wanted(x, a):
        return expected(lambda y, a: y * a + 0.5, [x], [a], 3)[0] + x

    np.testing.assert_allclose(f(A, B)[0], expected(wanted, [A], [B])[0], rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_an_inner_loop(mode):
    """What an inner loop collects is the new state: its rows are written one by one, through views."""
    m, a = T.dmatrix("m"), T.dvector("a")
    f = last(lambda m, a: symtensor.map(lambda row, a: T.tanh(row + a), sequences=[m], non_sequences=[a])[0], [m], mode,
             [a], variables=[m, a])
    np.testing.assert_allclose(f(M, A)[0], expected(lambda m, a: np.tanh(m + a), [M], [A])[0], rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_column(mode):
    c = T.dcol("c")
    f = last(lambda c: T.addbroadcast(c * 2, 1), [c], mode, variables=[c])
    np.testing.assert_array_equal(f(A[:, None])[0], A[:, None] * 16)
    assert mode != "FAST_RUN" or copies(f) == 0


@pytest.mark.parametrize("mode", MODES[:2])
def test_another_length_is_refused(mode):
    """A step whose result is longer than the state, by a size that only the call knows."""
    x, a = T.dvector("x"), T.dvector("a")
    f = last(lambda x, a: T.concatenate([x, a])[:a.shape[0]] * 2, [x], mode, [a], variables=[x, a])
    np.testing.assert_array_equal(f(A, B)[0], A * 16)
    with pytest.raises(ValueError, match="of another shape"):
        f(A, np.ones(3))
    np.testing.assert_array_equal(f(A, B)[0], A * 16)


@pytest.mark.parametrize("mode", MODES)
def test_a_shared_value_keeps_its_own_memory(mode):
    """What the loop starts from is not what it writes to."""
    s = symtensor.shared(A.copy())
    f = last(lambda x: x * 2, [s], mode)
    for _ in range(2):
        np.testing.assert_array_equal(f()[0], A * 16)
    np.testing.assert_array_equal(s.get_value(), A)


@pytest.mark.parametrize("mode", MODES)
def test_numbers_made_of_sums(mode):
    """What a state, a collected number and the end of a loop need is computed, wherever it stands in an expression."""
    x = T.dvector("x")
    (states, collected), _ = symtensor.scan(
        lambda s, x: ([s + x.sum() * 2, T.sqrt((x * s).max() + 9)], symtensor.scan_module.until((x + s).min() + 1 > 8)),
        outputs_info=[T.constant(0.0, dtype="float64"), None], non_sequences=[x], n_steps=9)
    f = symtensor.function([x], [states, collected], mode=mode)
    s, wanted = 0.0, []
    for _ in range(9):
        wanted.append((s + A.sum() * 2, np.sqrt((A * s).max() + 9)))
        end, s = (A + s).min() + 1 > 8, wanted[-1][0]
        if end:
            break
    np.testing.assert_allclose(np.transpose(f(A)), wanted)
    assert 1 < len(wanted) < 9


def test_zeros_that_gradients_begin_with_are_not_copied():
    """What nobody else reads of the initial values of a loop becomes its states."""
    x, w, h0 = T.dmatrix("x"), T.dmatrix("w"), T.dvector("h0")
    found, _ = symtensor.scan(lambda v, h, w: T.tanh(v + T.dot(h, w)), x, h0, w)
    outputs = T.grad((found[-1] ** 2).sum(), [x, w, h0])
    fast, slow = (symtensor.function([x, w, h0], outputs, mode=mode) for mode in ("FAST_RUN", "FAST_COMPILE"))
    body = fast.maker.code.lowered.program.body
    filled = {s.buffer for nest in body if isinstance(nest, Nest) for s in nest_statements(nest.body)
              if isinstance(s, Store) and isinstance(s.value, Const)}
    assert filled and filled.isdisjoint(copy[1] for copy in map(carried._copy, body) if copy is not None)
    values = [np.arange(8.0).reshape(2, 4) / 5, M, A]
    for one, other in zip(fast(*values), slow(*values)):
        np.testing.assert_allclose(one, other, rtol=1e-10)
