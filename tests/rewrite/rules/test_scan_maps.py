"""Loops whose steps are elementwise and know nothing of one another become arithmetic on whole arrays."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.scan_module.scan_op import Scan

X, Y, V = np.arange(12.0).reshape(4, 3) / 7, np.ones((6, 3)) * 3, np.array([0.5, 1.0, 2.0])


def loops(f):
    return sum(isinstance(node.op, Scan) for node in f.maker.fgraph.toposort())


def variables():
    return T.dmatrix("x"), T.dmatrix("y"), T.dvector("v"), T.dscalar("s")


MAPS = {
    "one sequence": lambda x, y, v, s: symtensor.map(lambda a: T.exp(a) + 1, x)[0],
    "two of different lengths": lambda x, y, v, s: symtensor.map(lambda a, b: a * T.tanh(b), [x, y])[0],
    "what is the same in every step": lambda x, y, v, s: symtensor.map(lambda a, v, s: a * T.exp(v) ** s, x, [v, s])[0],
    "rows of another rank": lambda x, y, v, s: symtensor.map(lambda a, b: a.dimshuffle("x") * b, [v, x])[0],
    "polynomial": lambda x, y, v, s: symtensor.scan(
        lambda c, power, s: c * s**power, [v, T.arange(100)], None, s)[0].sum(),
    "several results": lambda x, y, v, s: sum(symtensor.map(lambda a: [a.astype("float32") * 2, a > 0.5], x)[0]),
    "gradient": lambda x, y, v, s: T.grad(symtensor.map(lambda a, s: T.tanh(a * s), x, s)[0].sum(), [x, s])[0],
    "backwards": lambda x, y, v, s: symtensor.map(lambda a, b: a - b, [x, y], go_backwards=True)[0],
}
LOOPS = {
    "its own number of steps": lambda x, y, v, s: symtensor.scan(lambda a: T.exp(a), x, n_steps=3)[0],
    "a state": lambda x, y, v, s: symtensor.scan(lambda a, h: a + h, x, T.zeros(3))[0],
    "a reduction": lambda x, y, v, s: symtensor.map(lambda a: a.sum(), x)[0],
    "taps": lambda x, y, v, s: symtensor.scan(lambda a, b: a * b, dict(input=x, taps=[-1, 0]))[0],
    "always the same": lambda x, y, v, s: symtensor.map(lambda a, v: T.exp(v), x, v)[0],
}


@pytest.mark.parametrize("name", [*MAPS, *LOOPS])
def test_maps(name):
    inputs = variables()
    out = {**MAPS, **LOOPS}[name](*inputs)
    f = symtensor.function(inputs, out, on_unused_input="ignore")
    g = symtensor.function(inputs, out, mode=symtensor.Mode("py", None), on_unused_input="ignore")
    assert (loops(f) == 0) == (name in MAPS)
    for rows in (4, 1, 0):
        given = X[:rows], Y, V, 0.7
        if rows < 3 and name in ("its own number of steps", "taps"):
            continue  # there is no step to do, or none without error
        np.testing.assert_allclose(f(*given), g(*given), rtol=1e-6)


def test_rows_that_do_not_fit_are_refused():
    x, _, v, _ = variables()
    f = symtensor.function([x, v], symtensor.map(lambda a, v: a * v, x, v)[0])
    with pytest.raises(ValueError, match="mis-match"):
        f(X, V[:2])


def test_sequences_that_are_too_short_are_refused():
    x, y, _, _ = variables()
    n = T.lscalar("n")
    f = symtensor.function([x, n], symtensor.scan(lambda a: T.exp(a), x, n_steps=n)[0])
    with pytest.raises(ValueError, match="too short"):
        f(X, 5)
