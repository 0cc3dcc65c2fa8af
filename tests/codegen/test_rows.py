"""Every row of the scalar table for every dtype it takes, against its NumPy function; conversions against astype."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, runner

from symtensor.codegen.c import UnsupportedRow
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.rows import EXPANSIONS
from symtensor.codegen.target import PLAIN_TARGET, Target
from symtensor.ir.nodes import Cast, Op
from symtensor.scalar.table import ROWS, evaluate

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]

# No C text: NumPy has none either (mod, rounding ...), or SciPy is needed.
WITHOUT = {
    "complex": {
        "mod",
        "erf",
        "arctan2",
        "gamma",
        "psi",
        "floor",
        "ceil",
        "trunc",
        "deg2rad",
        "rad2deg",
        "gammaln",
        "tri_gamma",
        "gammainc",
        "gammaincc",
        "gammal",
        "gammau",
        "chi2sf",
        "j0",
        "j1",
        "i0",
        "i1",
        "jv",
        "iv",
        "ultra_fast_sigmoid",
        "xlogx",
        "xlogy0",
        "clip",
        "round_half_to_even",
        "round_half_away_from_zero",
    }
}
EXACT = {
    "add",
    "sub",
    "mul",
    "true_div",
    "int_div",
    "mod",
    "maximum",
    "minimum",
    "lt",
    "gt",
    "le",
    "ge",
    "eq",
    "neq",
    "isnan",
    "isinf",
    "inopenrange",
    "inclosedrange",
    "inrange_open_closed",
    "inrange_closed_open",
    "or_",
    "xor",
    "and_",
    "invert",
    "switch",
    "clip",
    "second",
    "identity",
    "sgn",
    "neg",
    "sqr",
    "ceil",
    "floor",
    "trunc",
    "round_half_to_even",
    "round_half_away_from_zero",
    "sqrt",
    "real",
    "imag",
    "conj",
    "complex",
}
LOOSE = {
    "erfcx": 1e-13,
    "erfinv": 1e-12,
    "erfcinv": 1e-12,
    "psi": 1e-12,
    "tri_gamma": 1e-12,
    "gammainc": 1e-11,
    "gammaincc": 1e-11,
    "gammal": 1e-11,
    "gammau": 1e-11,
    "chi2sf": 1e-11,
    "jv": 1e-9,
    "iv": 1e-11,
    "j0": 1e-10,
    "j1": 1e-10,
    "i0": 1e-12,
    "i1": 1e-12,
    "gamma": 1e-13,
    "gammaln": 1e-12,
}


def sample(dtype: str, rng, operand: int) -> np.ndarray:
    if dtype == "bool":
        return rng.integers(0, 2, 64).astype(bool)
    if dtype.startswith(("int", "uint")):
        info = np.iinfo(dtype)
        special = np.array([info.min, info.max, 0, 1, info.max // 2, 2, 3, info.min + 1], dtype=dtype)
        small = rng.integers(0 if info.min == 0 else -9, 10, 56).astype(dtype)
        return rng.permutation(np.concatenate([special, small]))
    special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        np.inf,
        -np.inf,
        np.nan,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        0.49999999999999994,
        88.0,
        -100.0,
        1e-5,
    ]
    values = np.concatenate([special, rng.standard_normal(24) * 3, rng.uniform(-1, 1, 24)])
    if dtype.startswith("complex"):
        values = values.copy()
        values[~np.isfinite(values)] = 0.25
        return (values + 1j * rng.permutation(rng.standard_normal(64))).astype(dtype)
    return rng.permutation(values).astype(dtype)


def cases(dtype: str):
    """(row, output dtype) for all rows that take operands of one dtype."""
    for name, row in ROWS.items():
        arity = row.arity or 2
        try:
            out = row.output_dtype(*(dtype,) * arity)
            row.operand_dtypes((dtype,) * arity, out)
        except TypeError:
            continue
        if name == "switch" and dtype.startswith("complex"):
            continue  # its condition is cast to bool
        if name in WITHOUT["complex"] and (dtype.startswith("complex") or out.startswith("complex")):
            continue
        yield name, arity, out


def tolerance(name: str, out: str) -> float:
    eps = {"float16": 1e-3, "float32": 1.2e-7, "complex64": 1.2e-7}.get(out, 2.3e-16)
    if name in EXACT and not out.startswith("complex"):
        return 0.0
    return max(LOOSE.get(name, 0.0), 8 * eps * (8 if out.startswith("complex") else 1))


@pytest.mark.parametrize("target", [Target(), PLAIN_TARGET], ids=["vector", "scalar"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows(dtype, target, rng):
    if target is PLAIN_TARGET and not dtype.startswith("float"):
        pytest.skip("the texts are the same")
    b = Builder()
    names = [b.input(f"x{k}", dtype, 1) for k in range(3)]
    wanted = list(cases(dtype))
    assert len(wanted) > (18 if dtype == "bool" else 30)
    for k, (name, arity, out) in enumerate(wanted):
        operands = ROWS[name].operand_dtypes((dtype,) * arity, out)
        b.alloc(f"z{k}", out, *b.dims("x0"), output=True)
        b.elementwise(
            f"z{k}",
            b.dims("x0"),
            lambda i, operands=operands, name=name, out=out: Op(
                name, tuple(Cast(b.load(x, i), d) if d != dtype else b.load(x, i) for x, d in zip(names, operands)), out
            ),
        )
    run = runner(b.program(), target=target, flags=("-O1",))
    for round_ in range(3):
        values = [sample(dtype, rng, k) for k in range(3)]
        for (name, arity, out), actual in zip(wanted, run.run(values)[0]):
            expected = np.asarray(evaluate(name, tuple(values[:arity]), out))
            if name in ("maximum", "minimum", "clip", "mod") and out.startswith("float"):
                actual, expected = actual + 0.0, expected + 0.0
            rtol = tolerance(name, out)
            note = f"{name}({', '.join([dtype] * arity)}) -> {out}: {[v.tolist() for v in values[:arity]]}"
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(actual, expected, rtol=rtol, atol=min(rtol, 1e-3), err_msg=note)


@pytest.mark.parametrize("source", DTYPES)
def test_conversions(source, rng):
    targets = [d for d in DTYPES if not (source.startswith("complex") and not d.startswith("complex"))]
    b = Builder()
    x = b.input("x", source, 1)
    for d in targets:
        b.alloc("z_" + d, d, *b.dims(x), output=True)
        b.elementwise("z_" + d, b.dims(x), lambda i, d=d: Cast(b.load(x, i), d))
    run = runner(b.program(), flags=("-O1",))
    values = sample(source, rng, 0)
    if source.startswith("float"):
        values = np.concatenate(
            [values, np.array([65519.9, 6e-8, 2.9e-8, 1e-7, 5.96e-8, 2047.5, 2048.5]).astype(source)]
        )
    for d, actual in zip(targets, run.run([values])[0]):
        with np.errstate(all="ignore"):
            expected = values.astype(d)
            keep = np.ones(len(values), bool)
            if source.startswith("float") and d.startswith(("int", "uint")):
                wide = values.astype("float64")
                low = -(2.0**31) if d in ("int8", "int16", "int32", "uint8", "uint16") else -(2.0**63)
                keep = np.isfinite(wide) & (wide > low) & (wide < -low)
                if d.startswith("int"):
                    info = np.iinfo(d)
                    keep &= (wide > info.min) & (wide < info.max)
                else:
                    keep &= (wide >= 0) & (wide < float(np.iinfo(d).max))
            np.testing.assert_array_equal(actual[keep], expected[keep], err_msg=f"{source} -> {d}")


def test_half_precision_round_trip():
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    b = Builder()
    x = b.input("x", "float16", 1)
    b.alloc("f", "float32", *b.dims(x), output=True)
    b.elementwise("f", b.dims(x), lambda i: Cast(b.load(x, i), "float32"))
    b.alloc("h", "float16", *b.dims(x), output=True)
    b.elementwise("h", b.dims(x), lambda i: Cast(Cast(b.load(x, i), "float64"), "float16"))
    f, h = runner(b.program()).run([every])[0]
    np.testing.assert_array_equal(f, every.astype("float32"))
    np.testing.assert_array_equal(h, every)


def test_rounding_to_half_precision(rng):
    b = Builder()
    x, y = b.input("x", "float32", 1), b.input("y", "float64", 1)
    for name in (x, y):
        b.alloc("h" + name, "float16", *b.dims(name), output=True)
        b.elementwise("h" + name, b.dims(name), lambda i, name=name: Cast(b.load(name, i), "float16"))
    half = np.arange(0, 0x7C00, dtype=np.uint16).view(np.float16).astype("float64")
    ties = (half[1:] + half[:-1]) / 2
    y = np.concatenate(
        [ties, ties * (1 + 1e-9), ties * (1 - 1e-9), ties * (1 + 1e-15), -ties, rng.standard_normal(1000) * 1e4]
    )
    x = np.concatenate([ties, np.nextafter(ties.astype("float32"), np.float32(np.inf)), -ties]).astype("float32")
    with np.errstate(over="ignore"):
        hx, hy = runner(b.program()).run([x, y])[0]
        np.testing.assert_array_equal(hx, x.astype("float16"))
        np.testing.assert_array_equal(hy, y.astype("float16"))


def test_every_row_has_a_text_for_double():
    for name, row in ROWS.items():
        if name in EXPANSIONS or name in ("identity", "second", "or_", "xor", "and_", "invert"):
            continue
        assert operation(
            name, ("bool" if name == "switch" else "float64",) + ("float64",) * ((row.arity or 2) - 1)
        ).template
    with pytest.raises(UnsupportedRow):
        operation("erf", ("complex128",))
