"""Indexing, reshaping, joining: lowered, interpreted and compiled, against `perform`."""
from __future__ import annotations

import numpy as np
import pytest
from lowered import failures, lowered, run_all

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import If, Nest
from symtensor.ir.walk import statements

x, t, y1, y2, f = T.matrix("x"), T.tensor3("t"), T.matrix("y1"), T.vector("y2"), T.fmatrix("f")
i, iv, jv, im = T.iscalar("i"), T.ivector("iv"), T.ivector("jv"), T.imatrix("im")
m, vm = T.TensorType("bool", (False, False))("m"), T.TensorType("bool", (False,))("vm")
u8 = T.TensorType("uint8", (False,))("u8")
A = np.arange(12.0).reshape(3, 4)
GIVEN = {
    x: A, t: np.arange(24.0).reshape(2, 3, 4), i: 1, iv: [0, 2, 2, -1], jv: [1, 3, 0, 0], im: [[0, 1], [-1, 2]],
    m: A % 3 == 0, vm: [True, False, True], y1: np.arange(8.0).reshape(2, 4), y2: np.arange(4.0) + 0.5,
    f: np.ones((2, 4)), u8: [2, 0],
}
INPUTS, VALUES = list(GIVEN), list(GIVEN.values())

GROUPS = {
    "basic": lambda: [
        x[1], x[-1, i], x[i:], x[-i:, ::2], x[::-1, 3:0:-2], x[5:, :-7], x[2:1, ::-i], x[i:-i:i, -2::-1], x[None],
        x[1, None, 2:], t[..., 1], t[0, ..., None], x[i:] * 2, T.exp(x)[1], (x[1:] + x[:-1]).sum(), x[:0].sum(),
        x[::-1][i:][::-i], x[i, i] + x[0], t[:, i, 1:].T,
    ],
    "advanced": lambda: [
        x[iv], x[:, jv], x[im], x[:, im], x[iv, jv], x[iv, 1:3], x[im, 0], t[:, iv, jv], t[i, :, jv], x[u8],
        t[None, 0, im, ::-2], t[0, None, iv], x[im[:, :1], iv], x.take(im, axis=1), x.take(iv), t.take(2, axis=1),
        t.take(im, axis=-1), x[T.arange(3), T.arange(3)], T.log(x + 1)[T.arange(4) % 3, jv] * 3, x[np.array([0, -1])],
        x[iv, jv[:1]], x[iv[:0]], x[[[0, -1]]], t[:, iv][:, :, jv],
    ],
    "masks": lambda: [x[m], x[vm], x[vm, 1:], t[:, m], t[0, m], t[:, vm, 2], x[m].sum(), x[x > 100], x[vm, u8]],
    "written": lambda: [
        T.set_subtensor(x[1], 1.5), T.set_subtensor(x[1], y2), T.inc_subtensor(x[i:, 0], y2[:1]),
        T.set_subtensor(x[::2, ::-1], y1), T.inc_subtensor(x[0:9], y2.sum()), T.set_subtensor(x[...], 4.0),
        T.set_subtensor(x[1:], x[:-1] * 2), T.set_subtensor(x[1:], y1[:1]), T.inc_subtensor(im[0], iv[:2]),
        T.set_subtensor(f[0], y2), T.inc_subtensor(f[0], y2), T.inc_subtensor(m[0], np.ones(4, "bool")),
        T.inc_subtensor(T.set_subtensor(x[0], y2)[1:, 1], y2[:2]), T.set_subtensor(x[:0], y2),
    ],
    "scattered": lambda: [
        T.inc_subtensor(x[iv], y2), T.set_subtensor(x[iv], 3.0), T.inc_subtensor(x[iv, jv], y2),
        T.set_subtensor(x[iv, jv], y2), T.inc_subtensor(x[iv, 1:3], y1[:, :2][np.array([0, 1, 1, 0])]),
        T.set_subtensor(x[m], 5.0), T.inc_subtensor(x[m], y2), T.inc_subtensor(x[vm, 1:], y1[:, 1:]),
        T.inc_subtensor(im[iv[:1]], y2[:2]), T.inc_subtensor(m[iv], vm[np.array([0, 1, 2, 0])].dimshuffle(0, "x")),
        T.inc_subtensor(x[[0, 0]], 1.0), T.inc_subtensor(x[T.arange(3), T.arange(3)], -1.0),
        T.inc_subtensor(x[iv], y1[:1] * 2), T.inc_subtensor(t[:, iv, 1:], y2[1:]), T.inc_subtensor(x[:, jv], 1.0),
    ],
    "reshaped": lambda: [
        x.reshape((2, 6)), x.reshape((-1, 3)), x.T.flatten(), x.reshape((x.shape[1], 1, -1)),
        T.addbroadcast(x[:1], 0) + y1, T.unbroadcast(T.addbroadcast(x[:1], 0), 0) * 3, T.specify_shape(x, (3, 4)) * 2,
        T.specify_shape(x.T, (4, 3)), x.reshape((i * 3, 4)), x.reshape(iv[:1] * 0 - 1, ndim=1), T.flatten(t, 2),
        x.reshape((12,)).reshape((4, 3)).T, x.dimshuffle("x", 0, 1).reshape((1, 12)), x[:0].reshape((4, 0)),
        T.specify_shape(x, x.shape).sum(), x.reshape(t.shape[1:]),
    ],
    "joined": lambda: [
        T.join(0, x, x * 2, y1), T.join(1, x, x[:, :1], T.exp(x)), T.concatenate([y2, iv, [1.0, 2]]),
        T.join(1, im, f[:, :1]), T.stack([x, x + 1], axis=2), T.roll(x, 2, 1), T.roll(x, -1),
        *T.split(x, [1, 3], 2, axis=1), T.split(x, u8 + np.array([0, 1], "uint8"), 2)[0] + 1, T.tile(x, (2, 3)),
        T.tile(x, (i, 2)), T.stack([y2[0], i, 1.0]), T.join(0, y2.shape, x.shape), T.join(0, x[:0], y1),
        T.roll(x[:, :0], 1, 1),
    ],
    "found": lambda: [*x.nonzero(), *(x > 4).nonzero(), x[(x > 4).nonzero()], *im.nonzero(), x.nonzero(True)],
}


@pytest.mark.parametrize("group", list(GROUPS))
def test_group(group):
    outputs = GROUPS[group]()
    for out in outputs:
        run_all(INPUTS, [out], VALUES, compile=False)
    run_all(INPUTS, outputs, VALUES)


FAILING = [
    (lambda: x[7], {}, IndexError, "index 7 is out of bounds for axis 0 with size 3"),
    (lambda: x[i], {i: -4}, IndexError, "index -4 is out of bounds for axis 0 with size 3"),
    (lambda: x[::i], {i: 0}, ValueError, "slice step cannot be zero"),
    (lambda: x[iv], {iv: [0, 5, 1]}, IndexError, "index 5 is out of bounds for axis 0 with size 3"),
    (lambda: x[iv], {iv: [0, -9, 2, 1]}, IndexError, "index -9 is out of bounds for axis 0 with size 3"),
    (lambda: T.inc_subtensor(x[iv, jv], y2), {jv: [0, 0, 0, 4]}, IndexError,
     "index 4 is out of bounds for axis 1 with size 4"),
    (lambda: x[iv, jv], {jv: [0, 0]}, IndexError, "shape mismatch: indexing arrays could not be broadcast together"),
    (lambda: x[T.arange(i), 0], {i: 4}, IndexError, "index 3 is out of bounds for axis 0 with size 3"),
    (lambda: x[m], {m: A[:2] > 1}, IndexError, "boolean index did not match indexed array along dimension 0"),
    (lambda: T.set_subtensor(x[0], y2), {y2: [1.0, 2.0]}, ValueError, "could not broadcast input array"),
    (lambda: T.inc_subtensor(x[iv], y1), {}, ValueError, "could not broadcast input array"),
    (lambda: x.reshape((i, 4)), {i: 2}, ValueError, r"cannot reshape array of size 12 into shape \(2,4\)"),
    (lambda: x.reshape((-1, 5)), {}, ValueError, "cannot reshape array of size 12 into shape"),
    (lambda: x.reshape((i, -6)), {i: -2}, ValueError, "negative length"),
    (lambda: x.reshape(iv, ndim=2), {}, ValueError, "incorrect length 4, should be 2"),
    (lambda: T.addbroadcast(x, 0), {}, ValueError, r"Dimension 0 in Rebroadcast's input was supposed to be 1"),
    (lambda: T.specify_shape(x, (3, 5)), {}, AssertionError, "dim 1 of input has shape 4, expected 5"),
    (lambda: T.join(0, x, y1[:, :2]), {}, ValueError, "along dimension 1, the array at index 0 has size 4 and"),
    (lambda: T.split(x, iv, 2)[0], {iv: [1, 1]}, ValueError, "Split: the splits sums to 2, expected 3."),
    (lambda: T.split(x, iv, 2)[0], {iv: [4, -1]}, ValueError, r"you try to take a negative number \(-1\)"),
    (lambda: T.split(x, iv, 2)[0], {iv: [1, 1, 1]}, ValueError, r"splits count \(3\) != expected count \(2\)"),
]


@pytest.mark.parametrize("build, given, error, message", FAILING, ids=[f[3][:30] for f in FAILING])
def test_failures(build, given, error, message):
    values = [given.get(v, GIVEN[v]) for v in INPUTS]
    for found in failures(INPUTS, [build()], values, compile=False):
        assert type(found) is error
        with pytest.raises(error, match=message):
            raise found


def test_compiled_failures():
    build, given, error, message = FAILING[3]
    values = [given.get(v, GIVEN[v]) for v in INPUTS]
    for found in failures(INPUTS, [build()], values):
        assert type(found) is error and "index 5 is out of bounds for axis 0 with size 3" in str(found)


def nests(outputs):
    return [s for s in statements(lowered(INPUTS, outputs).nests.body) if isinstance(s, Nest)]


def test_indices_are_looked_at_once():
    """For all arrays of a length together."""
    def checks(*outputs) -> int:
        made = lowered([x, y1, iv], outputs)
        return sum(isinstance(s, If) for s in statements(made.program.body))

    assert checks(x[iv]) == checks(x[iv], (x * 2)[iv]) == checks(x[iv], T.set_subtensor(x[iv], 0)) == 1
    assert checks(x[iv], y1[iv]) == 2


def test_no_memory_for_what_is_only_looked_at():
    assert len(nests([x[i] * 2 + x[0]])) == 1  # views are read in place
    assert len(nests([T.set_subtensor(x[1:], x[:-1] * 2)])) == 1  # the value is computed where it is stored
    assert len(nests([T.exp(x[T.arange(3), T.arange(3)])])) == 1  # positions that count up need no check in memory


def test_hidden_slices_and_orders_stay_python():
    hidden = T.type_other.slicetype("cut")
    out = T.subtensor.AdvancedSubtensor()(x, iv, hidden)
    made = lowered([x, iv, hidden], [out], python=True)
    assert len(made.pycalls) == 1
    symbolic = T.lscalar("axis")
    assert len(lowered([x, symbolic], [T.join(symbolic, x, x)], python=True).pycalls) == 1


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE", "DebugMode"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (3, 1), (1, 1)])
def test_a_computed_value_that_is_stretched(mode, shape):
    """What is added to rows, or to a region, is computed where it is added, also if only the call knows that it is to
    be repeated; every operand is."""
    x, g, h, i = T.dmatrix("x"), T.dmatrix("g"), T.dmatrix("h"), T.lvector("i")
    c = T.dscalar("c")
    y = -c * g + T.exp(h) * g.T.T
    f = symtensor.function([x, g, h, i, c], [T.inc_subtensor(x[i], y), T.set_subtensor(x[1:4], y),
                                             T.inc_subtensor(x[::2], y * 2)], mode=mode)
    a, rng = np.arange(20.0).reshape(5, 4), np.random.default_rng(0)
    p, q, rows = rng.standard_normal(shape), rng.standard_normal(shape), np.array([3, 0, 3])
    value = -0.5 * p + np.exp(q) * p
    added, put, region = a.copy(), a.copy(), a.copy()
    np.add.at(added, rows, value)
    put[1:4] = value
    region[::2] += 2 * value
    for found, wanted in zip(f(a, p, q, rows, 0.5), (added, put, region), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    with pytest.raises(ValueError, match="broadcast|mis-match"):
        f(a, np.ones((2, 4)), np.ones((2, 4)), rows, 0.5)
