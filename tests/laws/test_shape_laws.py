"""Ops that move elements: DimShuffle, reshape, flatten, join, split, stack, tile, repeat, alloc, ranges, diagonals."""
from __future__ import annotations

import numpy as np
import pytest
from law import agree, case, fail, layouts, sample, slow

import symtensor.tensor as T

F3 = (False,) * 3
SHAPES = [(3, 4, 5), (0, 4, 5), (3, 0, 2), (1, 4, 1), (1, 1, 1)]


@pytest.mark.parametrize("dtype", ["int16", "complex64", *slow("bool", "float32")])
def test_dimshuffle_and_reshape(dtype, rng):
    cases = []
    for shape in SHAPES:
        for name, value in layouts(sample(rng, dtype, shape)):
            cases.append(case(f"{dtype} {shape} {name}", lambda x: [
                x.dimshuffle(2, 0, 1), x.dimshuffle(1, "x", 0, 2, "x"), x.T, x.transpose(1, 0, 2), x.swapaxes(0, 2),
                x.flatten(), *([x.flatten(2), T.flatten(x.T, 2)] if 0 not in shape else []), x.ravel(),
                x.reshape((-1,)), x.T.reshape((x.size,)),
                x.reshape((x.shape[0], x.shape[1] * x.shape[2])), T.shape_padleft(x, 2), T.shape_padright(x),
                T.shape_padaxis(x, 1), x.shape, x.size, T.roll(x, 2, axis=1),
            ], (value, F3)))
    agree(cases)


def test_reshape_with_a_free_length(rng):
    value = rng.standard_normal((4, 6))
    lengths = np.array([3, -1])
    agree([
        case("constant", lambda x: [x.reshape((-1, 3)), x.T.reshape((2, -1, 3)), x.reshape((-1,)), x.reshape((4, 6,
            -1))],
             (value, (False, False))),
        case("a vector of lengths", lambda x, n: [x.reshape(n, ndim=2), x.T.reshape(n, ndim=2) * 2], value, lengths),
        case("a scalar", lambda x, n: [x.reshape((n, -1)), x.reshape((n, x.size // n))], value, np.asarray(8)),
        case("nothing", lambda x: [x.reshape((0, 3)), x.reshape((5, 0, 2)), x.flatten()], (np.zeros((0, 6)),
            (False,) * 2)),
        case("squeeze", lambda x: [x.squeeze(), T.squeeze(x), T.patternbroadcast(x, (True, False, True)) + 1,
                                   T.addbroadcast(x, 0), T.unbroadcast(x, 0)], rng.random((1, 5, 1))),
        case("specified", lambda x: [T.specify_shape(x, (4, 6)), T.specify_shape(x, x.shape) * 2], value),
    ])


def test_reshape_that_does_not_fit():
    x = np.zeros((4, 6))
    fail(case("5 columns", lambda x: x.reshape((-1, 5)), x), ValueError)
    fail(case("23 elements", lambda x, n: x.reshape((n,)), x, np.asarray(23)), ValueError)
    fail(case("-1 of nothing", lambda x: x.flatten(2), (np.zeros((0, 4, 5)), F3)), ValueError)
    fail(case("other shape", lambda x: T.specify_shape(x, (4, 5)), x), AssertionError)
    fail(case("no 1", lambda x: T.addbroadcast(x, 0), x), ValueError)
    fail(case("a vector too long", lambda x, n: x.reshape(n, ndim=2), x, np.array([2, 3, 4])), ValueError)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_join_and_split(axis, rng):
    cases = []
    for dtypes in [("float64", "float64", "float64"), ("int8", "float32", "int16"), ("bool", "int8", "bool")]:
        for lengths in [(2, 3, 1), (0, 4, 0), (1, 1, 1)]:
            values = []
            for k, (dtype, n) in enumerate(zip(dtypes, lengths)):
                shape = [3, 4, 2]
                shape[axis] = n
                values.append((layouts(sample(rng, dtype, tuple(shape)))[k % 4][1], F3))
            cases.append(case(f"join {dtypes} {lengths}", lambda *xs: T.join(axis, *xs), *values))
            whole = np.concatenate([v for v, _ in values], axis)
            splits = np.array(lengths)
            cases.append(case(f"split {dtypes} {lengths}", lambda x, n: T.split(x, n, 3, axis=axis), (whole, F3),
                              splits))
        cases.append(case(f"stack {dtypes}", lambda *xs: T.stack(list(xs), axis=axis),
                          *[(sample(rng, d, (3, 2, 4)), F3) for d in dtypes]))
    agree(cases)


def test_join_and_split_that_do_not_fit():
    a, b = np.zeros((2, 3)), np.zeros((2, 4))
    fail(case("join", lambda x, y: T.join(0, x, y), a, b), ValueError)
    fail(case("split", lambda x, n: T.split(x, n, 2, axis=1), b, np.array([1, 2])), ValueError)
    fail(case("negative", lambda x, n: T.split(x, n, 2, axis=1), b, np.array([-1, 5])), ValueError)


def test_concatenated_vectors_and_scalars(rng):
    a, b = rng.random(4), rng.random(0)
    agree([
        case("vectors", lambda a, b, s: [
            T.concatenate([a, b, a[::-1]]), T.stack([s, s * 2]), T.stacklists([[s, s], [a[0], s]]), T.horizontal_stack(
                a.dimshuffle("x", 0), a.dimshuffle("x", 0)), T.vertical_stack(a.dimshuffle("x", 0), a.dimshuffle("x",
                    0)),
            T.join(T.constant(0), a, b), T.as_tensor_variable([s, a[1]])], a, (b, (False,)), np.asarray(1.5)),
        case("axis known when called", lambda a, k: T.join(k, a, a), rng.random((2, 3)), np.asarray(1)),
    ], python=True)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "complex128"])
def test_alloc_and_ranges(dtype, rng):
    n, m = np.asarray(3), np.asarray(5)
    zero = np.asarray(0)
    cases = []
    for label, rows, columns in [("3 by 5", n, m), ("0 by 5", zero, m), ("1 by 1", np.asarray(1), np.asarray(1))]:
        cases.append(case(f"{dtype} {label}", lambda v, s, n, m: [
            T.alloc(s, n, m), T.alloc(v, n, v.shape[0]), T.zeros((n, m), dtype), T.ones((m,), dtype),
            T.zeros_like(v), T.ones_like(v), T.fill(v, s), T.eye(n, m, 1, dtype=dtype), T.eye(n, dtype=dtype),
            T.eye(n, m, -1, dtype=dtype), T.tri(n, m, 0, dtype=dtype), T.tri(n, m, 1, dtype=dtype),
            T.tri(n, m, -1, dtype=dtype), T.AllocEmpty(dtype)(n, m).shape,
        ], sample(rng, dtype, 4), sample(rng, dtype, ()), rows, columns))
    agree(cases)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64"])
def test_arange(dtype):
    cases = []
    for start, stop, step in [(0, 7, 1), (2, 20, 3), (9, 0, -2), (5, 5, 1), (5, 2, 1), (1, 10, 100)]:
        values = [np.asarray(v, dtype) for v in (start, stop, step)]
        cases.append(case(f"arange {start} {stop} {step}", lambda a, b, c: [
            T.arange(a, b, c), T.arange(a, b), T.arange(b), T.arange(a, b, c, dtype="float64")], *values))
    if dtype.startswith("float"):
        values = [np.asarray(v, dtype) for v in (0.1, 2.3, 0.37)]
        cases.append(case("fractions", lambda a, b, c: [T.arange(a, b, c), T.arange(b, a, -c)], *values))
    agree(cases)


@pytest.mark.parametrize("dtype", ["bool", "float64", *slow("int16", "complex64")])
def test_diagonals(dtype, rng):
    cases = []
    for shape in [(4, 4), (3, 5), (5, 3), (0, 3), (1, 1)]:
        for name, value in layouts(sample(rng, dtype, shape)):
            cases.append(case(f"{shape} {name}", lambda x: [
                T.diag(x), T.diagonal(x), T.diagonal(x, offset=1), T.diagonal(x, offset=-2), T.tril(x), T.triu(x, 1),
                T.diagonal(x, axis1=1, axis2=0)], (value, (False, False))))
    cube = sample(rng, dtype, (3, 4, 2))
    cases.append(case("cube", lambda x: [T.diagonal(x), T.diagonal(x, 1, 1, 2), T.diagonal(x, -1, 2, 0)], cube))
    cases.append(case("vector", lambda v: [T.diag(v), T.AllocDiag(offset=2)(v), T.AllocDiag(offset=-1)(v)],
                      sample(rng, dtype, 3)))
    cases.append(case("matrix", lambda v: [T.AllocDiag()(v), T.AllocDiag(1, 0, 2)(v)], sample(rng, dtype, (3, 2))))
    agree(cases)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "complex128"])
def test_repeat_and_tile(dtype, rng):
    value, counts = sample(rng, dtype, (3, 4)), np.array([2, 0, 3])
    n = np.asarray(2)
    agree([
        case("scalar counts", lambda x, n: [T.repeat(x, 2, axis=0), T.repeat(x, n, axis=1), T.repeat(x, 2), T.repeat(x,
            0),
                                            T.repeat(x[0], 3), T.repeat(x[0, 0], 2), T.repeat(x, n, axis=-1)], value,
                                            n),
        case("many counts", lambda x, c: [T.repeat(x, c, axis=0), T.repeat(x.T, c, axis=1), T.repeat(x[:, 0], c)],
             value, counts),
        case("one count for all", lambda x, c: [T.repeat(x, c, axis=0), T.repeat(x[:, 0], c)], value,
             (np.array([2]), (False,))),
        case("tile", lambda x, n: [T.tile(x, (2, 3)), T.tile(x, (2, 1, 2)), T.tile(x[0], 3), T.tile(x, (n, 2))], value,
             n),
        case("nothing", lambda x: [T.repeat(x, 2, axis=0), T.repeat(x, 3, axis=1), T.tile(x, (2, 2))],
             (value[:0], (False, False))),
    ])
