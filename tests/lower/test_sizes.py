"""Equal sizes are relied on only behind the check of them."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import Mode, function
from symtensor.ifelse import ifelse

MODES = {"c": Mode("cvm", "fast_compile"), "interpreter": Mode("py", "fast_compile"), "FAST_RUN": "FAST_RUN"}


@pytest.fixture(params=list(MODES), scope="module")
def mode(request):
    return MODES[request.param]


SHORT, LONG = np.arange(3.0), np.arange(5.0)


def test_what_a_branch_asserts_holds_in_that_branch_only(mode):
    c, v, w = T.iscalar("c"), T.dvector("v"), T.dvector("w")
    f = function([c, v, w], [T.exp(v), T.exp(w), ifelse(c, v + w, v), T.exp(v) * 2, T.cumsum(w)], mode=mode)
    for one, other in ((SHORT, LONG), (LONG, SHORT)):
        a, b, chosen, _, running = f(0, one, other)
        np.testing.assert_allclose(a, np.exp(one))
        np.testing.assert_allclose(b, np.exp(other))
        np.testing.assert_array_equal(chosen, one)
        np.testing.assert_allclose(running, np.cumsum(other))
        with pytest.raises(ValueError, match="mis-match"):
            f(1, one, other)
    np.testing.assert_array_equal(f(1, LONG, LONG)[2], LONG + LONG)


def test_what_comes_before_a_node_reads_its_own_elements_only(mode):
    """Compiled, a nest that relied on a check behind it would read what does not belong to the array."""
    v, w = T.dvector("v"), T.dvector("w")
    f = function([v, w], [T.cumsum(T.exp(w)), T.cumsum(T.exp(v)), T.dot(v, w), v + w], mode=mode)
    for one, other in ((SHORT, np.zeros(30_000_000)), (np.zeros(30_000_000), SHORT)):
        with pytest.raises(ValueError):
            f(one, other)
    assert f(LONG, LONG)[2] == 30


def test_lengths_that_are_known_late(mode):
    v, w = T.dvector("v"), T.dvector("w")
    found = v[T.nonzero(v)[0]]
    f = function([v, w], [T.exp(found).sum(), w + found, T.exp(w)], mode=mode)
    assert f(LONG, np.ones(4))[1].tolist() == [2, 3, 4, 5]
    for length in (2, 30_000_000):
        with pytest.raises(ValueError):
            f(LONG, np.ones(length))


def test_steps_of_loops(mode):
    X, v, w = T.dmatrix("X"), T.dvector("v"), T.dvector("w")
    rows, _ = symtensor.scan(lambda x: [T.exp(x) + v, x * 2, T.tanh(v) * w], sequences=[X])
    f = function([X, v, w], rows, mode=mode)
    made = f(np.ones((2, 5)), LONG, LONG)
    np.testing.assert_allclose(made[0], np.exp(1) + np.tile(LONG, (2, 1)))
    np.testing.assert_allclose(made[2], np.tile(np.tanh(LONG) * LONG, (2, 1)))
    for bad in ((np.ones((2, 4)), LONG, LONG), (np.ones((2, 5)), LONG, SHORT), (np.ones((2, 9)), SHORT, SHORT)):
        with pytest.raises(ValueError):
            f(*bad)
