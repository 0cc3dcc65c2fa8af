"""Loops keep no more rows of a state than are read."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import Alloc
from symtensor.ir.walk import statements
from symtensor.scan_module import until
from symtensor.scan_module.scan_op import Scan


def recurrent(f):
    return [node.op.info.recurrent for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan)]


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE", "DebugMode"])
@pytest.mark.parametrize("taps", [(-1,), (-2, -1), (-3,), (-1, -3)])
def test_last_rows(taps, mode):
    start, n = T.dmatrix("start"), T.lscalar("n")
    depth = -min(taps)
    h, _ = symtensor.scan(
        lambda *states: sum(states) * 0.5 + 1, None, dict(initial=start if depth > 1 else start[0], taps=list(taps)),
        n_steps=n,
    )
    readers = {1: [h[-1], h[-1, 0], h[-1:]], 2: [h[-2], h[-2:], h[-1]], 4: [h[-4:]]}
    rows = np.arange(2.0 * depth).reshape(depth, 2) + 1
    for most, outputs in readers.items():
        f = symtensor.function([start, n], outputs, mode=mode)
        assert recurrent(f) == [()]
        for steps in (1, 2, 3, 5):
            values = list(rows)
            for _ in range(steps):
                values.append(sum(values[tap] for tap in [t + len(values) for t in taps]) * 0.5 + 1)
            trace = np.array(values[depth:])
            if most == 2 and steps == 1:
                with pytest.raises(IndexError):
                    f(rows, steps)
                continue
            truth = {1: [trace[-1], trace[-1, 0], trace[-1:]], 2: [trace[-2:][0], trace[-2:], trace[-1]],
                     4: [trace[-4:]]}[most]
            for found, expected in zip(f(rows, steps), truth, strict=True):
                assert found.shape == expected.shape
                np.testing.assert_allclose(found, expected)
        if most == 4:
            assert f(rows, 0)[0].shape == (0, 2)
        else:
            with pytest.raises(IndexError):
                f(rows, 0)


def test_a_condition_leaves_at_least_one_row():
    x = T.dvector("x")
    h, _ = symtensor.scan(lambda v, s: (s + v, until(s + v > 5)), x, T.constant(np.float64(0)))
    f, g = symtensor.function([x], h[-1]), symtensor.function([x], h[-2:])
    assert (recurrent(f), recurrent(g)) == ([()], [((-1,),)])
    assert f([1.0, 2.0, 3.0, 4.0]) == 6
    assert g([9.0, 1.0]).tolist() == [9] and g([1.0, 2.0]).tolist() == [1, 3]


def test_other_readers_keep_the_trace():
    x = T.dvector("x")
    for reader in (lambda h: h, lambda h: h[0], lambda h: h[::-1], lambda h: h[-3:-1], lambda h: h[-1] + h.sum()):
        h, _ = symtensor.scan(lambda v, s: s + v, x, T.constant(np.float64(0)))
        f = symtensor.function([x], reader(h))
        assert recurrent(f) == [((-1,),)]
        np.testing.assert_allclose(f([1.0, 2.0, 3.0, 4.0]), reader(np.cumsum([1.0, 2.0, 3.0, 4.0])))


def test_memory_does_not_grow_with_the_steps():
    """No array of the compiled loop has a length that depends on their number."""
    n, v = T.lscalar("n"), T.dvector("v")
    h, _ = symtensor.scan(lambda h: h * 0.5 + v, None, T.zeros(3), n_steps=n)
    f = symtensor.function([n, v], h[-1])
    allocated = [s for s in statements(f.maker.code.lowered.program.body) if isinstance(s, Alloc)]
    count = f.maker.code.lowered.program.inputs[0]
    assert allocated and not any(count in repr(s.dims) for s in allocated)
    np.testing.assert_allclose(f(10**6, [1.0, 2.0, 3.0]), [2.0, 4.0, 6.0])


@pytest.mark.parametrize("mode", [None, "FAST_COMPILE", "DebugMode"])
def test_last_rows_of_collected_values(mode):
    x, h0, w = T.dmatrix("x"), T.dvector("h0"), T.dmatrix("w")

    def step(row, h, w):
        h = T.tanh(row + h)
        return h, T.exp(h).dimshuffle(0, "x") * w, h.sum()

    (h, product, total), _ = symtensor.scan(step, x, [h0, None, None], w)
    rows, start, weight = np.arange(6.0).reshape(3, 2) / 6, np.ones(2), np.arange(8.0).reshape(2, 4)
    f = symtensor.function([x, h0, w], [product[-1], total[-2:], product[-1, 1:], h], mode=mode)
    (info,) = (node.op.info for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan))
    assert (len(info.recurrent), info.n_untapped) == (1, 0)
    states = [start]
    for row in rows:
        states.append(np.tanh(row + states[-1]))
    states = np.array(states[1:])
    for steps in (1, 2, 3):
        got = f(rows[:steps], start, weight)
        kept = states[:steps]
        products = np.exp(kept)[:, :, None] * weight
        for value, truth in zip(got, (products[-1], kept.sum(1)[-2:], products[-1, 1:], kept)):
            assert value.shape == truth.shape
            np.testing.assert_allclose(value, truth)
    with pytest.raises(IndexError):
        f(rows[:0], start, weight)


def test_collected_values_with_a_condition():
    x = T.dvector("x")
    values, _ = symtensor.scan(lambda v: (v * 2, until(v > 2)), x)
    f = symtensor.function([x], values[-1])
    (info,) = (node.op.info for node in f.maker.fgraph.toposort() if isinstance(node.op, Scan))
    assert info.n_untapped == 0
    assert (f([1, 2, 3, 4]), f([1, 2]), f([5, 6])) == (6, 4, 10)
