"""Sorting, choosing, counting, running sums: `tensor.sort`, `tensor.extra_ops` and what is left of `tensor.basic`."""
from __future__ import annotations

import numpy as np
import pytest
from law import agree, case, fail, layouts, sample, slow

import symtensor.tensor as T
from symtensor.control.raise_op import Assert
from symtensor.tensor.extra_ops import (
    Unique, bartlett, bincount, compress, cpu_contiguous, diff, fill_diagonal, fill_diagonal_offset, ravel_multi_index,
    searchsorted,
    to_one_hot, unravel_index,
)

F1, F2 = (False,), (False,) * 2


@pytest.mark.parametrize("dtype", ["int16", "float64", *slow("float32")])
def test_sort_and_argsort(dtype, rng):
    cases = []
    for shape in [(4, 7), (0, 3), (3, 0), (1, 5)]:
        for name, x in layouts(sample(rng, dtype, shape)):
            cases.append(case(f"{shape} {name}", lambda x: [
                T.sort(x), T.sort(x, axis=0), T.sort(x, axis=None), T.argsort(x, axis=1, kind="mergesort"),
                T.argsort(x, axis=0, kind="mergesort"), T.argsort(x.flatten(), kind="mergesort")], (x, F2)))
    if dtype != "int16":
        special = np.array([2.0, np.nan, -np.inf, 0.0, -0.0, np.inf, np.nan, 1.0], dtype)
        cases.append(case("special", lambda x: [T.sort(x), T.argsort(x, kind="mergesort")], special))
    agree(cases)


@pytest.mark.parametrize("dtype", ["bool", "int64", "float16", "complex128", *slow("int8", "float32", "float64")])
def test_running_sums_and_differences(dtype, rng):
    cases = []
    for shape in [(4, 5), (0, 3), (3, 0), (1, 4)]:
        for name, x in layouts(sample(rng, dtype, shape)):
            cases.append(case(f"{shape} {name}", lambda x: [
                T.cumsum(x), T.cumsum(x, axis=0), T.cumsum(x, axis=-1), T.cumprod(x), T.cumprod(x, axis=0),
                T.cumprod(x, axis=1)], (x, F2)))
            if dtype != "float16":
                cases.append(case(f"diff {shape} {name}", lambda x: [
                    diff(x), diff(x, axis=0), diff(x, n=2), diff(x, n=4, axis=1), diff(x, n=0)], (x, F2)))
    cases.append(case("size 1", lambda x: [T.cumsum(x, axis=0), T.cumsum(x, axis=1), diff(x)], sample(rng, dtype, (1,
        4))))
    cases.append(case("three axes", lambda x: [T.cumsum(x, axis=k) for k in range(3)], sample(rng, dtype, (2, 3, 4))))
    agree(cases, loose=3)


@pytest.mark.parametrize("dtype", ["float32", *slow("int32", "complex64")])
def test_filled_diagonals(dtype, rng):
    cases = []
    for shape in [(4, 4), (3, 5), (5, 3), (0, 2)]:
        for name, x in layouts(sample(rng, dtype, shape)):
            for k in (0, 2, -1, 9, -9):
                cases.append(case(f"{shape} {name} {k}", lambda x, v, k: [
                    fill_diagonal(x, v), fill_diagonal_offset(x, v, k)], (x, F2), sample(rng, dtype, ()),
                    np.asarray(k)))
    cases.append(case("cube", fill_diagonal, sample(rng, dtype, (3, 3, 3)), sample(rng, dtype, ())))
    agree(cases)
    fail(case("no cube", fill_diagonal, sample(rng, dtype, (3, 3, 2)), sample(rng, dtype, ())), ValueError)


def test_counting(rng):
    x, w = rng.integers(0, 6, 20), rng.standard_normal(20)
    agree([case("bincount", lambda x, w: [bincount(x), bincount(x, w), bincount(x, minlength=10)], x, w),
           case("compress", lambda m, x: [compress(m, x, axis=0), compress(m[:3], x, axis=1), compress(m, x.flatten())],
                np.array([1, 0, 1, 1]), rng.random((4, 3))),
           case("bartlett", lambda n: bartlett(n), np.asarray(7)),
           case("unique", lambda x: Unique(True, True, True)(x), x),
           case("searched", lambda x, v: [searchsorted(x, v), searchsorted(x, v, side="right")], np.sort(w), w[:5]),
           case("flat places", lambda x: [*unravel_index(x, (3, 2)), ravel_multi_index((x, x), (7, 8))], x),
           case("top", lambda w: [*T.topk_and_argtopk(w, 3, sorted=False), T.topk(w, -2, sorted=False)], w)],
          python=True)


def test_choices(rng):
    a = rng.integers(0, 3, (4, 5))
    options = rng.random((3, 4, 5))
    rows = np.argsort(rng.random((4, 5)), axis=1)
    agree([case("choose", lambda a, x: [T.choose(a, x), T.choose(a, [x[0], x[1], x[2]]), T.choose(a - 1, x,
        mode="wrap"),
                                        T.choose(a * 2, x, mode="clip")], a, options),
           case("permuted rows", lambda x, y: [T.permute_row_elements(x, y), T.inverse_permutation(y)], options[0],
                rows)],
          python=True)
    fail(case("no such choice", T.choose, a + 1, options), ValueError, python=True)


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_switch_and_clip(dtype, rng):
    cases = []
    for name, x in layouts(sample(rng, dtype, (3, 5))):
        y = sample(rng, dtype, 5)
        cases.append(case(name, lambda x, y: [
            T.switch(T.gt(x, 0), x, y), T.where(T.gt(x, y), x, 0), T.clip(x, -1, 1), T.clip(x, y - 1, y + 1),
            T.isclose(x, y), T.allclose(x, x), T.ptp(x), T.ptp(x, axis=0), T.largest(x, x + 1), T.smallest(x, x + 1),
            T.std(x), T.var(x, axis=0), T.sgn(x), T.roll(x, 2, axis=1), T.roll(x, -1, axis=0), to_one_hot(
                T.cast(abs(y), "int32") % 3, 3)], x, y))
    agree(cases, loose=20, python=dtype == "int32")


def test_assertions_and_barriers(rng):
    sure = Assert("values {0} must be {positive}")
    x = rng.random((3, 4))
    agree([case("holds", lambda x: [sure(x, T.all(x > 0)), sure(x * 2, x[0, 0] > 0, T.all(x < 2)).sum(),
                                    cpu_contiguous(x.T)], x)])
    fail(case("fails", lambda x: sure(x, T.all(x < 0)), x), AssertionError)
    fail(case("fails inside", lambda x: T.exp(sure(x, T.all(x > 0), x[0, 0] > 2) + 1), x), AssertionError)
    fail(case("negative counts", lambda x, n: T.repeat(x, n, axis=0), x, np.array([1, -1, 2])), ValueError)
    fail(case("too few counts", lambda x, n: T.repeat(x, n, axis=0), x, np.array([1, 2])), ValueError)
