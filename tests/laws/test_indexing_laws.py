"""Reading and writing by integers, slices, arrays and masks; what is out of bounds."""
from __future__ import annotations

import numpy as np
import pytest
from law import agree, case, fail, layouts, sample, slow

import symtensor.tensor as T

F2, F3 = (False,) * 2, (False,) * 3
SLICES = [
    slice(None), slice(1, 3), slice(-2, None), slice(None, None, -1), slice(None, None, 2), slice(4, 0, -2),
    slice(-100, 100), slice(100, -100, -1), slice(3, 1), slice(10, 20), slice(0, 0), slice(-1, -3, -1), slice(2, None,
        -1),
]


@pytest.mark.parametrize("dtype", ["int8", "complex128", *slow("bool", "float32")])
def test_slices(dtype, rng):
    cases = []
    for shape in [(5, 6), (0, 6), (1, 2)]:
        for name, value in layouts(sample(rng, dtype, shape)):
            cases.append(case(f"{shape} {name}", lambda x: [
                *[x[s] for s in SLICES], *[x[:, s] for s in SLICES], x[1:, ::-1][:, 1:], x[::-2, ::2].T[::-1]],
                (value, F2)))
    agree(cases)


def test_slices_known_when_called(rng):
    cases = []
    value = rng.standard_normal((5, 4))
    for start, stop, step in [(0, 5, 1), (-3, 5, 2), (4, -6, -1), (10, -10, -3), (2, 2, 1), (-1, 0, -1), (3, 1, 1)]:
        numbers = [np.asarray(n) for n in (start, stop, step)]
        cases.append(case(f"{start} {stop} {step}", lambda x, a, b, c: [
            x[a:b:c], x[a:b], x[:, a::c], x[:b:c], T.set_subtensor(x[a:b:c], 0), T.inc_subtensor(x[:, a::c], 1)],
            value, *numbers))
    agree(cases)


@pytest.mark.parametrize("dtype", ["int16", "float64"])
def test_integers(dtype, rng):
    cases = []
    for name, value in layouts(sample(rng, dtype, (3, 4, 5))):
        cases.append(case(name, lambda x, i: [
            x[0], x[-1], x[2, -4], x[1, 2, 3], x[:, -1], x[..., 0], x[0, ..., -5], x[i], x[:, -i], x[i, :, i], x[i,
                ::-1, -i],
            x[None, 1], x[:, None, 2]], value, np.asarray(2)))
    agree(cases)


@pytest.mark.parametrize("dtype", ["bool", "float32", *slow("uint8", "complex64")])
def test_writing_through_slices(dtype, rng):
    def writes(x, row, s):
        inc = [] if dtype == "bool" else [T.inc_subtensor(x[1], row), T.inc_subtensor(x[::-1, 1:3], s),
                                          T.inc_subtensor(x[:, ::2], x[:, 1::2]), T.inc_subtensor(x[:], x)]
        return [T.set_subtensor(x[0], row), T.set_subtensor(x[:, -1], s), T.set_subtensor(x[1:3, ::-2], s),
                T.set_subtensor(x[::-1], x), T.set_subtensor(x[4:2], s), T.set_subtensor(x[1, 2], s),
                T.set_subtensor(x[:, 1:], row[1:]), *inc]

    cases = [case(name, writes, value, sample(rng, dtype, 4), sample(rng, dtype, ()))
             for name, value in layouts(sample(rng, dtype, (5, 4)))]
    agree(cases)


def test_writing_other_dtypes(rng):
    x, y = rng.standard_normal((3, 4)), np.arange(4, dtype="int8")
    agree([case("int8 into float64", lambda x, y: [T.set_subtensor(x[1], y), T.inc_subtensor(x[:, :4], y)], x, y),
           case("float32 into float64", lambda x, y: [T.inc_subtensor(x[1:], y)], x, y.astype("float32")),
           case("bool into int64", lambda x, y: [T.inc_subtensor(x[0], y)], x.astype("int64"), y > 1)])


@pytest.mark.parametrize("index_dtype", ["int64", "uint16", *slow("int8")])
def test_arrays_of_indices(index_dtype, rng):
    cases = []
    picks = np.array([2, 0, 2, 1], index_dtype)
    others = np.array([3, 3, 0, 1], index_dtype)
    if index_dtype[0] == "i":
        picks[1], others[2] = -1, -4
    grid = np.array([[0, 1], [2, 2], [1, 0]], index_dtype)
    for name, value in layouts(rng.standard_normal((3, 4, 2))):
        cases.append(case(name, lambda x, i, j, g: [
            x[i], x[:, j], x[i, j], x[g], x[g, 1], x[:, g], x[1:, j, ::-1], x[i, :, 0], x[0, j], x[i.dimshuffle(0,
                "x"), g[0]],
            x[:, :, i % 2], x.take(i, axis=0), x.take(j, axis=1), T.take(x, g), T.take(x, i, axis=2, mode="clip"),
            T.take(x, i, axis=0, mode="wrap"), x[None, i], x[i, None], x[i][:, j]], value, picks, others, grid))
    cases.append(case("no indices", lambda x, i: [x[i], x[:, i], x[i, i]], (rng.random((3, 4)), F2),
                      (np.zeros(0, index_dtype), (False,))))
    agree(cases, python=index_dtype == "uint16")


def test_writing_through_arrays(rng):
    cases = []
    picks, others = np.array([2, 0, 2, -1]), np.array([3, 3, 0, 1])
    for dtype in ("int32", "float32", "complex128"):
        for name, value in layouts(sample(rng, dtype, (3, 4))):
            row, s = sample(rng, dtype, 4), sample(rng, dtype, ())
            cases.append(case(f"{dtype} {name}", lambda x, i, j, row, s: [
                T.inc_subtensor(x[i], row), T.inc_subtensor(x[i], s), T.inc_subtensor(x[:, j], s),
                T.inc_subtensor(x[i, j], row), T.set_subtensor(x[i, j], s), T.inc_subtensor(x[i, 1], row),
                T.inc_subtensor(x[i], x[::-1][:1]), T.set_subtensor(x[i[:2]], row), T.inc_subtensor(x[1:, j], row)],
                value, picks, others, row, s))
    cases.append(case("nothing", lambda x, i: [T.inc_subtensor(x[i], 1), T.set_subtensor(x[i, i], 2)],
                      (rng.random((3, 4)), F2), (np.zeros(0, int), (False,))))
    agree(cases)


def test_masks(rng):
    cases = []
    for dtype in ("int32", "float64"):
        for name, value in layouts(sample(rng, dtype, (4, 5))):
            full, rows = rng.random((4, 5)) < 0.5, np.array([True, False, False, True])
            cases.append(case(f"{dtype} {name}", lambda x, m, r: [
                x[m], x[r], x[r, 1:], x[:, np.array([True, False, True, True, False])], T.set_subtensor(x[m], 0),
                T.inc_subtensor(x[m], x[m] * 2), T.inc_subtensor(x[r], 1), T.set_subtensor(x[r], x[r] + 1),
                x[T.gt(x, 0)], m.nonzero()[0], x[m.nonzero()], T.nonzero_values(x), T.flatnonzero(x)], value, full,
                rows))
    none = np.zeros(4, bool)
    cases.append(case("none", lambda x, m: [x[m], T.inc_subtensor(x[m], 1)], rng.random(4), none))
    agree(cases)


OUT = {
    "too large": lambda x, i, v: x[i],
    "of a column": lambda x, i, v: x[:, i],
    "in an array": lambda x, i, v: x[v],
    "in a column's array": lambda x, i, v: x[:, v],
    "in pairs": lambda x, i, v: x[v, v],
    "when set": lambda x, i, v: T.set_subtensor(x[i], 0),
    "when an array is incremented": lambda x, i, v: T.inc_subtensor(x[v], 1),
    "when pairs are incremented": lambda x, i, v: T.inc_subtensor(x[v, v], 1),
}


@pytest.mark.parametrize("label", list(OUT))
def test_out_of_bounds(label):
    x = np.zeros((4, 4))
    fail(case(label, OUT[label], x, np.asarray(4), np.array([0, 4, 1])), IndexError)
    fail(case(f"negative {label}", OUT[label], x, np.asarray(-5), np.array([0, -5, 1])), IndexError)


def test_what_does_not_fit():
    x, row = np.zeros((3, 4)), np.zeros(3)
    fail(case("row", lambda x, y: T.set_subtensor(x[0], y), x, row), ValueError)
    fail(case("slice", lambda x, y: T.inc_subtensor(x[:, 1:3], y), x, row), ValueError)
    fail(case("arrays", lambda x, i, j: x[i, j], x, np.array([0, 1]), np.array([0, 1, 2])), IndexError)
    fail(case("mask", lambda x, m: x[m], x, np.ones(4, bool)), IndexError)
    fail(case("zero step", lambda x, n: x[::n], x, np.asarray(0)), ValueError)
    fail(case("added", lambda x, y: x + y, x, row), ValueError)
    fail(case("lengths 1 are not repeated", lambda x, y: x + y, x, (np.zeros((3, 1)), F2)), ValueError)
