"""Every scalar row as an elementwise op: dtypes, broadcast patterns, strides, empty and size-1 dims, special values."""
from __future__ import annotations

import numpy as np
import pytest
from law import Case, agree, layouts

import symtensor.tensor as T
from symtensor.scalar import basic as scalar_ops
from symtensor.scalar.table import ROWS
from symtensor.tensor.elemwise import Elemwise
from symtensor.tensor.type import TensorType

DTYPES = ["bool", "int8", "int32", "int64", "uint8", "uint16", "float32", "float64", "complex64", "complex128"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, np.nan, np.inf, -np.inf, 1e-30, 3.7, 30.0]


def values(rng, dtype, shape):
    """Non-degenerate values of a dtype, special ones among the floats."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        low = 0 if dtype.startswith("u") else -5
        return rng.integers(low, 7, shape).astype(dtype)
    flat = rng.standard_normal(int(np.prod(shape))) * 2
    if dtype.startswith("complex"):
        return (flat + 1j * rng.standard_normal(flat.size)).astype(dtype).reshape(shape)
    take = min(len(SPECIAL), flat.size)
    flat[:take] = SPECIAL[:take]
    return rng.permutation(flat).astype(dtype).reshape(shape)


def op_of(name):
    return Elemwise(getattr(scalar_ops, name))


def available(name):
    return hasattr(scalar_ops, name)


NAMES = [n for n in ROWS if available(n)]
UNDEFINED_FOR_COMPLEX = ("mod", "deg2rad", "rad2deg", "arctan2")  # NumPy has no such functions


def arity(name):
    return ROWS[name].arity or 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_row(dtype, rng):
    """One vector of 23 elements (no multiple of any vector length) for each row that takes the dtype."""
    cases = []
    for name in NAMES:
        if dtype.startswith("complex") and name in UNDEFINED_FOR_COMPLEX:
            continue
        variables = [TensorType(dtype, (False,))() for _ in range(arity(name))]
        try:
            out = op_of(name)(*variables)
        except TypeError:
            continue
        cases.append(Case(f"{name} {dtype}", variables, [values(rng, dtype, (23,)) for _ in variables], [out]))
    assert len(cases) >= 20
    for k in range(0, len(cases), 40):
        agree(cases[k:k + 40], loose=20)


PATTERNS = [((3, 4, 5), (4, 5)), ((3, 4, 5), (3, 1, 5)), ((3, 1, 5), (4, 1)), ((1, 1, 1), (2, 3, 4)), ((), (3, 2)),
            ((0, 4), (1, 4)),
            ((3, 0), (0,)), ((1, 7), (7, 1)), ((2, 1, 3, 1), (1, 4, 1, 5))]


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float64", "int32"), ("complex64", "float64"), ("int8",
    "bool")])
def test_broadcast_patterns_and_layouts(dtypes, rng):
    """Operands of all layouts that repeat along axes of each other."""
    cases = []
    for one, two in PATTERNS:
        for (name, a), (_, b) in zip(layouts(values(rng, dtypes[0], one)), reversed(layouts(values(rng, dtypes[1],
            two)))):
            patterns = [tuple(n == 1 for n in v.shape) for v in (a, b)]
            x, y = (TensorType(str(v.dtype), p)() for v, p in zip((a, b), patterns))
            wide = x.dimshuffle(*["x"] * (y.ndim - x.ndim), *range(x.ndim)) if x.ndim < y.ndim else x
            outputs = [x + y, x * y + x, T.eq(x, y), T.switch(T.eq(y, 1), x, y), wide.T * 2]
            cases.append(Case(f"{one} {two} {name}", [x, y], [a, b], outputs))
    agree(cases, loose=20)
