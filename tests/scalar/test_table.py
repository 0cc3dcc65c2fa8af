"""The rows' values against Theano 1.0.5's on special values, and their algebra by trying it."""
from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from symtensor.scalar import dtypes
from symtensor.scalar.table import ROWS, evaluate

RECORDED = json.loads((pathlib.Path(__file__).parent / "theano_values.json").read_text())

nan, inf = float("nan"), float("inf")
BIG = 1e3


def decode(values, dtype):
    if dtype.startswith("complex"):
        values = [complex(*v) for v in values]
    return np.array(values, dtype=dtype)


def always(*args):
    return True


# Where our value is meant to differ from the recorded one, and why. Each takes the operands and says whether to skip.
DIFFERENT = {
    # C's tgamma and IEEE's poles; Theano answers differently in Python (inf) and in C (NaN, -inf).
    "gamma": lambda x: not isinstance(x, complex) and x <= 0 and x == np.floor(x),
    "gammal": lambda k, x: k == 0,
    "gammaln": lambda x: x == -inf,
    "tri_gamma": lambda x: x == -inf,
    # NaN stays NaN.
    "gammainc": lambda k, x: k != k or x != x,
    "gammaincc": lambda k, x: k != k or x != x,
    "gammau": lambda k, x: k != k or x != x,
    "ultra_fast_sigmoid": lambda x: x != x or abs(x) > 100,
    "chi2sf": lambda x, k: x == inf and k == inf,
    # Limits at infinity, and libm's accuracy for large arguments.
    "i0": lambda x: abs(x) == inf,
    "i1": lambda x: abs(x) == inf,
    "iv": lambda v, x: abs(x) == inf or abs(v) > BIG,
    "j0": lambda x: abs(x) > BIG,
    "j1": lambda x: abs(x) > BIG,
    "jv": lambda v, x: abs(x) > BIG or abs(v) > BIG,
    # floor(x / y) everywhere.
    "int_div": lambda x, y: isinstance(x, complex) or abs(y) == inf,
    # Accurate in the tails, and in float32 for small integers.
    "sigmoid": lambda x: x == -100,
    "softplus": lambda x: x == -100 or isinstance(x, bool),
    "angle": lambda x: x == 0 or isinstance(x, int),
    # Theano's C code has the bounds of the open and the closed range mixed up.
    "inopenrange": always,
    "inclosedrange": always,
    "pow": lambda x, y: x == 0 and isinstance(y, complex) and y.imag != 0,
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_values_are_theanos(name):
    recorded = RECORDED["values"].get(name, {})
    assert recorded or name.startswith("inrange_")
    arity = ROWS[name].arity or 2
    skip = DIFFERENT.get(name, lambda *args: False)
    for dtype, (out_dtype, points, expected) in recorded.items():
        if dtype == "complex128" and name in ("erf", "gamma", "psi"):
            pytest.importorskip("scipy.special")
        if points is None:
            grid = decode(RECORDED["grids"][str(arity)][dtype], dtype)
            args = [p.ravel() for p in np.meshgrid(*[grid] * arity, indexing="ij")]
        else:
            args = [decode(p, dtype) for p in points]
        assert ROWS[name].output_dtype(*[dtype] * arity) == out_dtype
        result = evaluate(name, tuple(args), out_dtype)
        assert result.dtype == out_dtype
        wanted = decode(expected, out_dtype)
        same = (result == wanted) | ((result != result) & (wanted != wanted))
        if wanted.dtype.kind in "fc":
            tolerance = 2e-13 if out_dtype in ("float64", "complex128") else 3e-6
            with np.errstate(all="ignore"):
                same |= np.isclose(result, wanted, rtol=tolerance, atol=1e-300)
        checked = 0
        for i in range(len(wanted)):
            point = tuple(a[i].item() for a in args)
            if not skip(*point):
                checked += 1
                assert same[i], (name, dtype, point, result[i], wanted[i])
        assert checked or skip is always or dtype == "bool" or dtype.startswith("complex") or name == "angle"


@pytest.mark.parametrize("name, args, expected", [
    ("maximum", ([nan, 1, nan], [1, nan, nan]), [nan, nan, nan]),
    ("minimum", ([nan, 1, nan], [1, nan, nan]), [nan, nan, nan]),
    ("clip", ([nan, 1, 1, nan, 5, 5, 5, 2, 0, nan], [0, nan, 0, nan, 3, nan, 1, 3, nan, 3],
              [2, 2, nan, nan, 1, 3, nan, 1, nan, 1]), [nan, 1, 1, nan, 1, 3, 5, 3, 0, nan]),
    ("sgn", ([nan, 0.0, -3, inf],), [nan, 0, -1, 1]),
    ("round_half_away_from_zero", ([0.5, -0.5, 0.49999999999999994, 2.5, -2.5, 4503599627370497.0, nan, -inf],),
     [1, -1, 0, 3, -3, 4503599627370497.0, nan, -inf]),
    ("round_half_to_even", ([0.5, -0.5, 1.5, 2.5, nan],), [0, 0, 2, 2, nan]),
    ("switch", ([nan, 0.0, -0.0, 0.5], [1, 1, 1, 1], [2, 2, 2, 2]), [1, 2, 2, 1]),
    ("inopenrange", ([1, 0, 2, nan], [0, 0, 0, 0], [2, 2, 2, 2]), [1, 0, 0, 0]),
    ("inclosedrange", ([1, 0, 2, nan], [0, 0, 0, 0], [2, 2, 2, 2]), [1, 1, 1, 0]),
    ("inrange_open_closed", ([1, 0, 2, nan], [0, 0, 0, 0], [2, 2, 2, 2]), [1, 0, 1, 0]),
    ("inrange_closed_open", ([1, 0, 2, nan], [0, 0, 0, 0], [2, 2, 2, 2]), [1, 1, 0, 0]),
    ("mod", ([1, -1, 7, -7, inf], [inf, inf, -2, 2, 1]), [1, inf, -1, 1, nan]),
    ("int_div", ([7, -7, 7, 1, 0, inf], [2, 2, -2, 0, 0, 1]), [3, -4, -4, inf, nan, inf]),
    ("xlogx", ([0.0, -1, nan, inf],), [0, nan, nan, inf]),
    ("xlogy0", ([0, 0, nan, 2], [0, nan, 0, 0]), [0, 0, nan, -inf]),
    ("softplus", ([-inf, inf, nan, 0],), [0, inf, nan, np.log(2)]),
    ("sigmoid", ([-inf, inf, nan, -1000],), [0, 1, nan, 0]),
    ("softsign", ([inf, nan, -3],), [nan, nan, -0.75]),
])
def test_special_values(name, args, expected):
    dtype = ROWS[name].output_dtype(*["float64"] * len(args))
    result = evaluate(name, tuple(np.array(a, dtype="float64") for a in args), dtype)
    np.testing.assert_array_equal(result, np.array(expected, dtype=dtype))


def test_integer_division_by_zero_and_overflow():
    low = np.array([-128, -128, 7, -7], dtype="int8")
    by = np.array([-1, 0, 0, 0], dtype="int8")
    np.testing.assert_array_equal(evaluate("int_div", (low, by), "int8"), np.array([-128, 0, 0, 0], dtype="int8"))
    np.testing.assert_array_equal(evaluate("mod", (low, by), "int8"), np.zeros(4, dtype="int8"))


def test_integer_power():
    base = np.array([0, 1, -1, -1, 2, -2, 2, 2, 3], dtype="int8")
    exponent = np.array([-1, -1, -3, -2, -1, -2, 7, 8, 0], dtype="int8")
    np.testing.assert_array_equal(evaluate("pow", (base, exponent), "int8"), np.array([0, 1, -1, 1, 0, 0, -128, 0, 1]))


def test_signed_with_uint64():
    a, b = np.array([-1, 3, 5]), np.array([1, 3, 2**64 - 1], dtype="uint64")
    np.testing.assert_array_equal(evaluate("and_", (a, b), "float64"), [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(evaluate("lt", (a, b), "bool"), [True, False, True])


def test_complex_parts_are_not_multiplied():
    value = evaluate("complex", (np.float64(inf), np.float64(nan)), "complex128")
    assert value.real == inf and np.isnan(value.imag)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
@pytest.mark.parametrize("name", [n for n in sorted(ROWS) if ROWS[n].commutative or ROWS[n].associative])
def test_algebra(name, dtype, rng):
    row = ROWS[name]
    if row.nan == "none" and dtype.startswith("float"):
        pytest.skip("takes no floats")
    values = [rng.integers(-9, 9, size=50).astype(dtype) for _ in range(3)]
    out = row.output_dtype(dtype, dtype)

    def apply(*args):
        return evaluate(name, args, out)

    x, y, z = values
    if row.commutative:
        np.testing.assert_array_equal(apply(x, y), apply(y, x))
    if row.associative:
        np.testing.assert_array_equal(apply(apply(x, y), z), apply(x, apply(y, z)))
        np.testing.assert_array_equal(apply(x, y, z), apply(apply(x, y), z))
    if row.identity is not None:
        np.testing.assert_array_equal(apply(x, np.array(row.identity).astype(dtype)), x)
    if row.absorber is not None:
        absorber = np.array(row.absorber).astype(dtype)
        np.testing.assert_array_equal(apply(x, absorber), np.broadcast_to(absorber, x.shape))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_what_rows_say_about_nan(name):
    row = ROWS[name]
    arity = row.arity or 2
    if row.nan == "none":
        with pytest.raises(TypeError):
            row.output_dtype(*["float64"] * arity)
        return
    out = row.output_dtype(*["float64"] * arity)
    seen = [evaluate(name, tuple(np.float64(nan) if i == k else np.float64(0.5) for i in range(arity)), out)
            for k in range(arity)]
    if row.nan == "tests":
        assert out in ("bool", "int8")
    elif row.nan == "propagates":
        assert all(np.isnan(v) for v in seen)
    else:
        assert row.nan in ("selects", "hides")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", [n for n in sorted(ROWS) if ROWS[n].nan != "none"])
def test_narrow_floats(name, dtype):
    """Each row runs in float16 and float32 and agrees with float64 to the dtype's precision."""
    row = ROWS[name]
    arity = row.arity or 2
    points = [np.array([0.25, 0.5, 0.75]) + 0.125 * k for k in range(arity)]
    out = row.output_dtype(*[dtype] * arity)
    result = evaluate(name, tuple(p.astype(dtype) for p in points), out)
    assert result.dtype == out
    wanted = evaluate(name, tuple(points), row.output_dtype(*["float64"] * arity))
    np.testing.assert_allclose(result.astype(wanted.dtype), wanted, rtol=1e-2 if dtype == "float16" else 1e-5)


def test_rows_are_complete():
    assert len(ROWS) >= 90
    for name, row in ROWS.items():
        assert row.name == name and row.title
        assert row.identity is None or row.associative
    assert {n for n, row in ROWS.items() if row.grad is None} == {"tri_gamma", "ultra_fast_sigmoid"}
    assert all(d in dtypes.ALL for d in dtypes.AUTOCAST_INT)
