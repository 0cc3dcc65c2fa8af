"""Reductions over dtypes, axes, patterns, strides, empty and size-1 dims, special values, alone and fused."""
from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from law import Case, agree

import symtensor.tensor as T
from symtensor.tensor.type import TensorType

AXES = [None, 0, 1, 2, (0, 1), (0, 2), (1, 2), -1]
FOLDS = {"sum": T.sum, "prod": T.prod, "max": T.max, "min": T.min, "all": T.all, "any": T.any, "mean": T.mean}
# T.mean asks for lengths by indexing; the tests of indexing see to it that this needs no Python.


def layouts(base):
    """The same values in several memory layouts."""
    yield "c", base
    yield "fortran", np.asfortranarray(base)
    yield "reversed", base[::-1, :, ::-1].copy()[::-1, :, ::-1]
    wide = np.zeros((base.shape[0] * 2, base.shape[1], base.shape[2] + 1), base.dtype)
    wide[::2, :, 1:] = base
    yield "strided", wide[::2, :, 1:]
    yield "transposed", np.ascontiguousarray(base.transpose(2, 0, 1)).transpose(1, 2, 0)


def sample(rng, dtype, shape):
    if dtype == "bool":
        return rng.random(shape) < 0.7
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0 if dtype[0] == "u" else -3, 4, shape).astype(dtype)
    return (rng.standard_normal(shape) + 0.1).astype(dtype)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint16", "float32", "float64"])
def test_axes(dtype, rng):
    x = TensorType(dtype, (False,) * 3)("x")
    value = sample(rng, dtype, (4, 5, 19))
    outputs = [fold(x, axis=axis) for fold, axis in itertools.product(FOLDS.values(), AXES)]
    agree([Case(dtype, [x], [value], outputs)], loose=3, python=True)


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_layouts(dtype, rng):
    cases = []
    for name, value in layouts(sample(rng, dtype, (3, 4, 21))):
        x = TensorType(dtype, (False,) * 3)(name)
        outputs = [T.sum(x, axis=0), T.sum(x, axis=2), T.sum(x), T.max(x, axis=1), T.argmax(x, axis=2), T.min(x)]
        cases.append(Case(name, [x], [value], outputs))
    agree(cases, loose=3)


def test_empty_and_size_one(rng):
    cases = []
    for shape in [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 4, 1)]:
        pattern = tuple(n == 1 for n in shape)
        x = TensorType("float64", pattern)(str(shape))
        outputs = [T.sum(x, axis=0), T.sum(x, axis=(1, 2)), T.sum(x), T.prod(x, axis=1), T.all(x > 0, axis=2)]
        outputs += [T.max(x, axis=k) for k in range(3) if shape[k]]
        cases.append(Case(str(shape), [x], [rng.standard_normal(shape)], outputs))
    agree(cases)


def test_nothing_to_maximise():
    x = T.dmatrix("x")
    case = Case("max of nothing", [x], [np.zeros((0, 3))], [T.max(x, axis=0)])
    with pytest.raises(ValueError, match="zero-size"):
        agree([case])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_wins_extremes(dtype):
    x = TensorType(dtype, (False, False))("x")
    value = np.arange(60, dtype=dtype).reshape(3, 20)
    value[1, 7] = np.nan
    value[1, 12] = np.nan
    value[2, 19] = np.inf
    outputs = [T.max(x, axis=1), T.min(x, axis=1), T.argmax(x, axis=1), T.argmin(x, axis=1), T.max(x), T.max(x, axis=0),
               T.argmax(x, axis=0), T.argmax(x)]
    agree([Case("nan", [x], [value], outputs)])


def test_fused_with_what_computes_them(rng):
    """A reduction of an expression does not store the expression."""
    x, b = T.fmatrix("x"), T.fvector("b")
    values = [rng.standard_normal((7, 33)).astype("float32"), rng.standard_normal(33).astype("float32")]
    h = T.tanh(x * 2 + b)
    outputs = [T.sum(h ** 2, axis=1), T.sum(T.exp(x - b), axis=0), T.max(x * b, axis=1), T.mean(T.sqr(x - b)),
               T.argmax(x + b, axis=1)]
    agree([Case("fused", [x, b], values, outputs)], loose=10)


def test_accuracy_of_long_float32_sums(rng):
    """The sum of many float32 numbers, accumulated in float32, is about as good as NumPy's pairwise sum."""
    x = T.fvector("x")
    value = rng.random(1_000_003).astype("float32")
    out = T.sum(x, acc_dtype="float32", dtype="float32")
    case = Case("long", [x], [value], [out])
    agree([case], loose=3)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex64", "complex128"])
def test_dtypes_of_results(dtype, rng):
    """Sums and products in dtypes that are asked for; of complex numbers in a real dtype the real part is left."""
    value = sample(rng, dtype, (5, 6))
    if dtype.startswith("complex"):
        value = (value + 1j * sample(rng, dtype, (5, 6))).astype(dtype)
    x = TensorType(dtype, (False, False))("x")
    outputs = [fold(x, axis=axis, dtype=asked) for fold in (T.sum, T.prod) for axis in (None, 0)
               for asked in ("float32", "float64", "complex64")]
    if not dtype.startswith("complex"):
        outputs += [T.sum(x, dtype="int64" if dtype == "int16" else "float32", acc_dtype="float64"), T.any(x), T.all(x,
            axis=1)]
    outputs += [T.mean(x, op=True), T.mean(x, axis=1, op=True), T.sum(abs(x), axis=1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning if hasattr(np,
            "exceptions") else np.ComplexWarning)
        agree([Case(dtype, [x], [value], outputs)], loose=20)


def test_extremes_of_complex_numbers(rng):
    """They are ordered by their real parts, then by their imaginary parts; NumPy looks for them."""
    x = T.zmatrix("x")
    value = (rng.integers(0, 3, (4, 5)) + 1j * rng.integers(0, 3, (4, 5))).astype("complex128")
    agree([Case("complex", [x], [value], [T.max(x), T.max(x, axis=0), T.argmax(x, axis=1)])], python=True)
