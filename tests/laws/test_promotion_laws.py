"""Operands of two dtypes: promotion, conversion and arithmetic in every pair; casts between all dtypes."""
from __future__ import annotations

import numpy as np
import pytest
from law import Case, agree, case, sample

import symtensor.tensor as T
from symtensor.scalar.dtypes import ALL

BINARY = {
    "add": T.add, "sub": T.sub, "mul": T.mul, "true_div": T.true_div, "int_div": T.int_div, "mod": T.mod, "pow": T.pow,
    "maximum": T.maximum, "minimum": T.minimum, "eq": T.eq, "neq": T.neq, "lt": T.lt, "le": T.le, "gt": T.gt,
    "ge": T.ge, "and_": T.and_, "xor": T.xor, "arctan2": T.arctan2,
}
NUMBER = 11  # elements: no multiple of a vector's length


def operands(rng, name: str, one: str, two: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = sample(rng, one, NUMBER), sample(rng, two, NUMBER)
    if name == "pow":  # no negative powers of integers, no roots of negative numbers
        return np.abs(a).astype(one), np.abs(b).astype(two)
    if name in ("int_div", "mod", "true_div"):
        b[b == 0] = 2
    return a, b


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", list(BINARY))
def test_pairs_of_dtypes(name, part, rng):
    """A third of the pairs, another one for each operation; the other thirds with `--slow`."""
    cases = []
    shift = list(BINARY).index(name) + part
    for i, one in enumerate(ALL):
        for j, two in enumerate(ALL):
            if (i + j + shift) % 3 or (name in ("mod", "arctan2") and "complex" in one + two):
                continue
            a, b = operands(rng, name, one, two)
            try:
                made = case(f"{name} {one} {two}", BINARY[name], a, b)
            except (TypeError, NotImplementedError):
                continue
            cases.append(made)
    assert len(cases) >= (20 if name in ("and_", "xor") else 30)
    agree(cases, loose=20)


def extremes(dtype: str) -> np.ndarray:
    """The ends of a dtype's range and what is near zero."""
    if dtype == "bool":
        return np.array([True, False])
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return np.array([info.min, info.max, 0, 1, info.max // 2], dtype)
    return np.array([0.0, -0.0, 1.5, -1.5, 0.3, 100.0], dtype)


@pytest.mark.parametrize("source", ALL)
def test_casts(source):
    values = extremes(source)
    cases = []
    for target in ALL:
        if source.startswith("complex") and not target.startswith("complex"):
            continue
        kept = values
        if target.startswith("u") and np.dtype(source).kind == "f":
            kept = values[values >= 0]  # a negative float has no value in an unsigned dtype
        cases.append(case(f"{source} to {target}", lambda x, target=target: T.cast(x, target), kept))
    if np.dtype(source).kind == "f":
        for target in ("bool", "float16", "float32", "float64", "complex64", "complex128"):
            special = np.array([np.nan, np.inf, -np.inf, np.finfo(source).max, np.finfo(source).tiny], source)
            cases.append(case(f"special {source} to {target}", lambda x, target=target: T.cast(x, target), special))
    with np.errstate(over="ignore"):
        agree(cases)


def test_mixed_operands_of_three(rng):
    """Variadic additions and products convert to the common dtype before they compute; `switch` does not mix in the
    condition's dtype."""
    cases = []
    for dtypes in [("int8", "uint8", "float32"), ("bool", "bool", "int16"), ("int32", "float16", "complex64"),
                   ("uint64", "int64", "float32"), ("int64", "bool", "float32")]:
        values = [sample(rng, dtype, 9) for dtype in dtypes]
        for op in (T.add, T.mul):
            cases.append(case(f"{op} {dtypes}", op, *values))
        if not dtypes[0].startswith("complex"):
            cases.append(case(f"switch {dtypes}", T.switch, *values))
        if not any(d.startswith(("complex", "bool")) for d in dtypes):
            cases.append(case(f"clip {dtypes}", T.clip, *values))
    agree(cases, loose=20)


def test_scalar_variables_keep_dtypes(rng):
    """0-d operands promote like arrays: dtypes alone decide."""
    x, n, z = T.fscalar("x"), T.lscalar("n"), T.zscalar("z")
    values = [np.asarray(1.5, "float32"), np.asarray(-7), np.asarray(1 - 2j)]
    outputs = [x + n, x * z, n // 2, n % 3, n / 2, T.maximum(x, n), x ** 2, T.switch(n < 0, x, n), T.sqr(z), abs(z)]
    agree([Case("scalars", [x, n, z], values, outputs)], loose=20)
