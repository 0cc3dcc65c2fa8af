"""Reductions of all kinds, over every kind of memory."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, i64, op, reduced, run, variants

from symtensor.codegen.c import print_program
from symtensor.ir.nodes import Axis, Cast, Const, Let, Local, Loop, Nest, Reduce, Store

SHAPES = [(1, 1), (3, 5), (1, 300), (300, 1), (17, 33), (70, 300), (300, 70)]
NUMPY = {
    "add": np.sum,
    "mul": np.prod,
    "maximum": np.max,
    "minimum": np.min,
    "and_": np.bitwise_and.reduce,
    "or_": np.bitwise_or.reduce,
    "xor": np.bitwise_xor.reduce,
    "argmax": np.argmax,
    "argmin": np.argmin,
}


def over_all(name: str, dtype: str, body=lambda v: v):
    b = Builder()
    x = b.input("x", dtype, 2)
    out = "int64" if name.startswith("arg") else dtype
    b.alloc("z", out, output=True)
    b.body.append(Nest((Store("z", (), reduced(name, b.dims(x), lambda i, j: body(b.load(x, i, j)), out)),)))
    return b.program()


def over_axis(name: str, dtype: str, axis: int, body=lambda v: v):
    b = Builder()
    x = b.input("x", dtype, 2)
    out = "int64" if name.startswith("arg") else dtype
    kept = b.dims(x)[1 - axis]
    b.alloc("z", out, kept, output=True)
    b.elementwise(
        "z",
        (kept,),
        lambda k: reduced(
            name, b.dims(x)[axis : axis + 1], lambda r: body(b.load(x, *((r, k) if axis == 0 else (k, r)))), out
        ),
    )
    return b.program()


def sample(rng, shape, dtype):
    if dtype.startswith(("float", "complex")):
        values = rng.standard_normal(shape)
        return (values + 1j * rng.standard_normal(shape) if dtype.startswith("complex") else values).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(0, 100, shape).astype(dtype)


def check(z, expected, dtype):
    rtol = {"float16": 3e-3, "float32": 2e-6, "float64": 1e-14, "complex64": 2e-5, "complex128": 1e-12}.get(dtype, 0)
    np.testing.assert_allclose(z, expected, rtol=rtol, atol=rtol * 100)


@pytest.mark.parametrize(
    "name, dtype",
    [
        ("add", "float64"),
        ("add", "float32"),
        ("add", "float16"),
        ("add", "int32"),
        ("add", "int64"),
        ("add", "complex64"),
        ("add", "complex128"),
        ("maximum", "float64"),
        ("maximum", "float32"),
        ("minimum", "float64"),
        ("maximum", "int32"),
        ("minimum", "uint8"),
        ("and_", "int32"),
        ("or_", "bool"),
        ("and_", "bool"),
        ("xor", "int64"),
        ("argmax", "float64"),
        ("argmax", "float32"),
        ("argmin", "float32"),
        ("argmax", "int32"),
        ("argmin", "uint8"),
        ("mul", "float64"),
        ("mul", "int64"),
        ("mul", "complex128"),
        ("maximum", "float16"),
    ],
)
def test_reductions(name, dtype, rng):
    programs = [(None, over_all(name, dtype)), (0, over_axis(name, dtype, 0)), (1, over_axis(name, dtype, 1))]
    for shape in SHAPES:
        x = sample(rng, shape, dtype)
        if name == "mul" and dtype.startswith(("float", "complex")):
            x = (1 + x / 100).astype(dtype)
        for axis, program in programs:
            wide = {"float32": "float64", "float16": "float64", "complex64": "complex128"}.get(dtype, dtype)
            expected = NUMPY[name](x.astype(wide) if name == "add" else x, axis=axis)
            if name == "add" and dtype == "int32":
                expected = expected.astype("int32")
            for variant in variants(x).values():
                check(run(program, variant)[0], expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nan_stays(dtype, rng):
    for n in (1, 5, 16, 40, 700):
        for at in {0, n // 2, n - 1}:
            x = sample(rng, (3, n), dtype)
            x[1, at] = np.nan
            for name in ("maximum", "minimum", "argmax", "argmin"):
                for axis in (0, 1, None):
                    program = over_all(name, dtype) if axis is None else over_axis(name, dtype, axis)
                    expected = NUMPY[name](x, axis=axis)
                    np.testing.assert_array_equal(run(program, x)[0], expected, err_msg=f"{name} {n} {at} {axis}")
                    np.testing.assert_array_equal(run(program, np.asfortranarray(x))[0], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_beside_infinities_of_both_signs(dtype):
    """The sum that tells of NaN is NaN here, although no element is."""
    programs = {name: over_axis(name, dtype, 1) for name in ("maximum", "minimum", "argmax", "argmin")}
    for n in (2, 15, 16, 17, 65, 127, 130, 2049):
        x = np.zeros((3, n), dtype)
        x[:, n // 2], x[:, n - 1] = -np.inf, np.inf
        x[1] = np.where(np.arange(n) % 2, np.finfo(dtype).max, -np.finfo(dtype).max)
        for last in (np.inf, np.nan):
            x[2, n - 1] = last
            for name, program in programs.items():
                np.testing.assert_array_equal(run(program, x)[0], NUMPY[name](x, axis=1), err_msg=f"{name} {n}")


def test_first_of_equal_extremes_and_infinities():
    x = np.array([[-np.inf, -np.inf, 3.0, 3.0], [np.inf, 1.0, np.inf, 0.0], [-np.inf] * 4])
    for name in ("argmax", "argmin"):
        for axis in (0, 1):
            np.testing.assert_array_equal(run(over_axis(name, "float64", axis), x)[0], NUMPY[name](x, axis=axis))
        assert run(over_all(name, "float64"), x)[0] == NUMPY[name](x)
    big = np.zeros((3, 2000))
    big[1, 700] = big[2, 5] = 1.0
    assert run(over_all("argmax", "float64"), big)[0] == 2700


def test_identities_of_empty_reductions():
    for shape in [(0, 4), (4, 0), (0, 0)]:
        x = np.zeros(shape)
        for name, value in (("add", 0.0), ("mul", 1.0)):
            assert run(over_all(name, "float64"), x)[0] == value
            for axis in (0, 1):
                np.testing.assert_array_equal(
                    run(over_axis(name, "float64", axis), x)[0], np.full(shape[1 - axis], value)
                )


def test_sums_are_accurate(rng):
    x = rng.uniform(0, 1, (3000, 1001)).astype("float32")
    exact = x.astype("float64")
    assert abs(run(over_all("add", "float32"), x)[0] / exact.sum() - 1) < 3e-7
    for axis in (0, 1):
        error = np.abs(run(over_axis("add", "float32", axis), x)[0] / exact.sum(axis) - 1).max()
        assert error < 8e-7, (axis, error)
        computed = run(over_axis("add", "float32", axis, lambda v: op("sqr", v)), x)[0]
        assert np.abs(computed / (exact**2).sum(axis) - 1).max() < 8e-7
    y = np.concatenate([[1e16], np.ones(5000), [-1e16]])[None]
    assert abs(run(over_all("add", "float64"), y)[0] - 5000) < 100


def test_infinite_sums():
    x = np.array([[np.inf, 1.0, 2.0], [np.inf, -np.inf, 1.0], [1e308, 1e308, 1.0]] * 9)
    with np.errstate(all="ignore"):
        for axis in (0, 1):
            np.testing.assert_array_equal(run(over_axis("add", "float64", axis), x)[0], x.sum(axis))


def softmax(axis: int, dtype: str):
    b = Builder()
    x = b.input("x", dtype, 2)
    b.alloc("z", dtype, *b.dims(x), output=True)
    along, kept = b.dims(x)[axis], b.dims(x)[1 - axis]

    def at(name):
        return (Local("k"), Local(name)) if axis == 1 else (Local(name), Local("k"))

    def shifted(name):
        return op("exp", op("sub", b.load(x, *at(name)), Local("m", dtype)))

    b.body.append(
        Nest(
            (
                Loop(
                    Axis("k", kept),
                    (
                        Let("m", Reduce("maximum", (Axis("r", along),), b.load(x, *at("r")), dtype)),
                        Let("s", Reduce("add", (Axis("q", along),), shifted("q"), dtype)),
                        Loop(Axis("j", along), (Store("z", at("j"), op("true_div", shifted("j"), Local("s", dtype))),)),
                    ),
                ),
            )
        )
    )
    return b.program()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax(axis, dtype, rng):
    program = softmax(axis, dtype)
    for shape in [(1, 1), (3, 10), (10, 3), (4, 300), (300, 4), (0, 3), (2, 257)]:
        x = (rng.standard_normal(shape) * 3).astype(dtype)
        e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
        for variant in variants(x).values():
            check(run(program, variant)[0], e / e.sum(axis, keepdims=True), dtype)


def test_log_sum_exp_of_columns(rng):
    b = Builder()
    x = b.input("x", "float64", 2)
    b.alloc("z", "float64", b.dims(x)[1], output=True)
    b.body.append(
        Nest(
            (
                Loop(
                    Axis("j", b.dims(x)[1]),
                    (
                        Let("m", reduced("maximum", b.dims(x)[:1], lambda r: b.load(x, r, Local("j")), "float64")),
                        Let(
                            "s",
                            Reduce(
                                "add",
                                (Axis("q", b.dims(x)[0]),),
                                op("exp", op("sub", b.load(x, Local("q"), Local("j")), Local("m", "float64"))),
                                "float64",
                            ),
                        ),
                        Store("z", (Local("j"),), op("add", Local("m", "float64"), op("log", Local("s", "float64")))),
                    ),
                ),
            )
        )
    )
    for shape in [(5, 7), (90, 300), (2, 256), (3, 257)]:
        v = rng.standard_normal(shape)
        for variant in variants(v).values():
            np.testing.assert_allclose(run(b.program(), variant)[0], np.log(np.exp(v).sum(0)), rtol=1e-13)


def test_middle_and_outer_axes(rng):
    for kept in range(3):
        b = Builder()
        x = b.input("x", "float32", 3)
        dims = b.dims(x)
        others = [k for k in range(3) if k != kept]
        b.alloc("z", "float32", dims[kept], output=True)

        def body(k, *r, kept=kept, others=others, b=b):
            index = {kept: k, others[0]: r[0], others[1]: r[1]}
            return b.load("x", *(index[a] for a in range(3)))

        b.elementwise(
            "z", (dims[kept],), lambda k: reduced("add", [dims[o] for o in others], lambda *r: body(k, *r), "float32")
        )
        for shape in [(3, 4, 5), (1, 50, 60), (70, 2, 300)]:
            v = rng.standard_normal(shape).astype("float32")
            for variant in variants(v).values():
                check(run(b.program(), variant)[0], v.astype("float64").sum(tuple(others)), "float32")


def test_reduction_of_reductions_and_ragged_sums(rng):
    b = Builder()
    x = b.input("x", "float64", 2)
    b.alloc("z", "float64", output=True)
    b.body.append(
        Nest(
            (
                Store(
                    "z",
                    (),
                    Reduce(
                        "add",
                        (Axis("i", b.dims(x)[0]),),
                        Reduce("maximum", (Axis("j", b.dims(x)[1]),), b.load(x, Local("i"), Local("j")), "float64"),
                        "float64",
                    ),
                ),
            )
        )
    )
    b.alloc("t", "float64", b.dims(x)[0], output=True)
    b.elementwise(
        "t",
        b.dims(x)[:1],
        lambda i: Reduce("add", (Axis("r", op("add", i, i64(1))),), b.load(x, i, Local("r")), "float64"),
    )
    for n in (1, 5, 40):
        v = rng.standard_normal((n, n))
        for variant in variants(v).values():
            z, t = run(b.program(), variant)
            np.testing.assert_allclose(z, v.max(1).sum(), rtol=1e-13)
            np.testing.assert_allclose(t, np.tril(v).sum(1), rtol=1e-12, atol=1e-13)


def test_sum_of_positions():
    b = Builder()
    x = b.input("x", "float64", 1)
    b.alloc("z", "int64", output=True)
    b.body.append(Nest((Store("z", (), reduced("add", b.dims(x), lambda i: i, "int64")),)))
    b.alloc("c", "float64", output=True)
    b.body.append(Nest((Store("c", (), reduced("add", b.dims(x), lambda i: Const(0.5, "float64"), "float64")),)))
    z, c = run(b.program(), np.zeros(1000))
    assert (int(z), float(c)) == (499500, 500.0)


def test_sum_over_converted_values(rng):
    b = Builder()
    x = b.input("x", "uint8", 2)
    b.alloc("z", "float64", b.dims(x)[0], output=True)
    b.elementwise(
        "z",
        b.dims(x)[:1],
        lambda i: reduced(
            "add", b.dims(x)[1:], lambda r: op("exp", op("neg", Cast(b.load(x, i, r), "float64"))), "float64"
        ),
    )
    v = rng.integers(0, 5, (4, 333)).astype("uint8")
    np.testing.assert_allclose(run(b.program(), v)[0], np.exp(-v.astype(float)).sum(1), rtol=1e-13)


def test_host_expressions_may_reduce():
    b = Builder()
    x = b.input("x", "int64", 1)
    b.body.append(Let("total", reduced("add", b.dims(x), lambda r: b.load(x, r), "int64")))
    b.alloc("z", "float64", Local("total"), output=True)
    b.elementwise("z", (Local("total"),), lambda i: Cast(i, "float64"))
    np.testing.assert_array_equal(run(b.program(), np.array([2, 0, 3]))[0], np.arange(5.0))


def test_floats_summed_in_double(rng):
    b = Builder()
    x = b.input("x", "float32", 2)
    b.alloc("z", "float64", output=True)
    wide = reduced("add", b.dims(x), lambda i, j: Cast(b.load(x, i, j), "float64"), "float64")
    b.body.append(Nest((Store("z", (), wide),)))
    b.alloc("r", "float64", b.dims(x)[0], output=True)
    b.elementwise(
        "r",
        b.dims(x)[:1],
        lambda i: reduced("add", b.dims(x)[1:], lambda j: Cast(b.load(x, i, j), "float64"), "float64"),
    )
    assert "st_add_wide" in print_program(b.program()).text
    for shape in [(0, 3), (3, 0), (1, 1), (5, 7), (3, 33), (10, 5000)]:
        v = rng.standard_normal(shape).astype("float32")
        for variant in variants(v).values():
            z, r = run(b.program(), variant)
            np.testing.assert_allclose(z, v.astype("float64").sum(), rtol=1e-13, atol=1e-13)
            np.testing.assert_allclose(r, v.astype("float64").sum(1), rtol=1e-13, atol=1e-13)
