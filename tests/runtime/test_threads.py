"""Loops on several threads (config.openmp): the same bits as on one, in forked children and for several callers too."""
from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.c.parallel import shared_by_threads
from symtensor.config import config
from symtensor.ir.nodes import Nest
from symtensor.ir.walk import statements
from symtensor.utils.optional import optional_import

pytestmark = [
    pytest.mark.usefixtures("compiler"),
    pytest.mark.skipif(optional_import("symtensor._executor") is None, reason="threads come with the extension"),
]


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(config, "openmp_elemwise_minsize", 1)


def both(inputs, outputs, **more):
    """The function on one thread, and on several."""
    made = []
    for openmp in (False, True):
        config.openmp = openmp
        try:
            made.append(symtensor.function(inputs, outputs, **more))
        finally:
            config.openmp = False
    assert "f->parallel" not in made[0].fn.executable.unit.text
    assert "f->parallel" in made[1].fn.executable.unit.text
    return made


def test_the_same_bits(threads, rng):
    x, y, v, i = T.dmatrix(), T.fmatrix(), T.dvector(), T.lvector()
    outputs = [
        T.tanh(x * 2 + v), x + y, x.sum(1), x.sum(0), x.argmax(1), T.nnet.softmax(x), x.T * 2, (x[:, ::-1] > v),
        x.max(0), x.var(1), T.sqr(x).sum(), T.cumsum(x, 1), x[i] + 1, T.inc_subtensor(x[i], 1.0), T.outer(v, v),
        T.eye(5, 7) + 1,
        T.arange(9) * 2, T.exp(v), x.mean(0, keepdims=True) - x, T.concatenate([x, x * 2]), T.switch(x > 0, x, -x),
    ]
    one, several = both([x, y, v, i], outputs)
    for rows, columns in ((7, 5), (1, 5), (0, 5), (5, 1), (300, 40), (3, 5000), (5000, 3)):
        base = rng.standard_normal((2 * rows, 2 * columns))
        for a in (np.ascontiguousarray(base[:rows, :columns]), base[::2, ::2], base[:rows, :columns].T.copy().T):
            values = [a, a.astype("float32"), a[0] if rows else np.ones(columns), np.zeros(4 if rows else 0, "int64")]
            if not rows:
                one_, several_ = (f.copy() for f in (one, several))
                with pytest.raises(ValueError):
                    one_(*values)  # no extreme of nothing
                with pytest.raises(ValueError):
                    several_(*values)
                continue
            for k, (u, w) in enumerate(zip(one(*values), several(*values))):
                np.testing.assert_array_equal(u, w, err_msg=str(k))
                assert u.dtype == w.dtype


def test_updates_in_place(threads):
    x, states = T.dvector(), [symtensor.shared(np.ones(10_000)) for _ in range(2)]
    for state, f in zip(states, (both([x], [], updates=[(s, s * x + 1)])[k] for k, s in enumerate(states))):
        for _ in range(3):
            f(np.arange(10_000.0))
    np.testing.assert_array_equal(*(s.get_value() for s in states))


def test_what_is_shared():
    x, i = T.dmatrix(), T.lvector()

    def shared(out):
        f = symtensor.function([x, i], out, on_unused_input="ignore")
        nests = [s for s in statements(f.maker.code.lowered.program.body) if isinstance(s, Nest)]
        return [shared_by_threads(nest) is not None for nest in nests]

    assert shared(x * 2) == [True]
    assert shared(x.sum(1)) == [True]
    assert shared(x.sum()) == [False]  # the order of additions would depend on the threads
    assert shared(T.inc_subtensor(x[i], 1.0))[-1] is False  # rows may repeat
    assert shared(x.dimshuffle(1, 0) + x[:1, :1].sum())[-1]


def test_several_callers(threads, rng):
    x = T.dvector()
    _, f = both([x], T.exp(x) * 2)
    value = rng.standard_normal(100_000)
    truth, wrong = f(value), []

    def call():
        for _ in range(30):
            if not np.array_equal(f(value), truth):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_child_has_threads_of_its_own(threads, rng):
    x = T.dvector()
    _, f = both([x], T.exp(x) * 2)
    value = rng.standard_normal(100_000)
    truth = f(value)
    child = os.fork()
    if child == 0:
        os._exit(0 if all(np.array_equal(f(value), truth) for _ in range(5)) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(f(value), truth)
