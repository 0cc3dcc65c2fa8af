"""Elementwise nests over all kinds of memory."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, Failed, i64, op, run, runner, variants

from symtensor.codegen.target import PLAIN_TARGET, Target
from symtensor.ir.nodes import Cast, Check, Const, Dim, Let, Local, Same, Site

SHAPES = [
    (0,),
    (1,),
    (3,),
    (8,),
    (17,),
    (1000,),
    (0, 3),
    (3, 0),
    (1, 5),
    (5, 1),
    (4, 7),
    (33, 65),
    (2, 3, 4),
    (3, 1, 9),
]


def binary(ndim: int, dtype: str, value, out_dtype: str | None = None, layout: str = "any"):
    b = Builder()
    x, y = b.input("x", dtype, ndim, layout=layout), b.input("y", dtype, ndim, layout=layout)
    for k in range(ndim):
        b.body.append(Check(op("eq", Dim(x, k), Dim(y, k), dtype="bool"), 0, (Dim(x, k), Dim(y, k))))
    b.sites.append(Site("ValueError", "sizes {0} and {1}"))
    b.alloc("z", out_dtype or dtype, *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda *i: value(b.load(x, *i), b.load(y, *i)))
    return b.program()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "int64"])
def test_arithmetic_over_every_memory(dtype, rng):
    for ndim in (1, 2, 3):
        program = binary(ndim, dtype, lambda x, y: op("sub", op("mul", x, y), x))
        for shape in (s for s in SHAPES if len(s) == ndim):
            x, y = ((rng.standard_normal(shape) * 100).astype(dtype) for _ in range(2))
            for name, vx in variants(x).items():
                for vy in (y, variants(y)["fortran"], variants(y)["spread"]):
                    (z,) = run(program, vx, vy)
                    np.testing.assert_array_equal(z, x * y - x, err_msg=f"{shape} {name}")


@pytest.mark.parametrize("target", [Target(), Target(256), PLAIN_TARGET], ids=["512", "256", "plain"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_elements_give_equal_results_wherever_they_stand(dtype, target, rng):
    names = ["exp", "log", "sin", "tanh", "erf", "log1p"]

    def value(x, y):
        total = op("pow", op("abs_", x), y)
        for name in names:
            total = op("add", total, op(name, op("abs_", x)))
        return total

    flat, square = binary(1, dtype, value), binary(2, dtype, value)
    sample = rng.standard_normal(1).astype(dtype)
    for n in (1, 2, 7, 8, 15, 16, 17, 31, 33, 100):
        x, y = np.repeat(sample, n), np.repeat(sample * 2, n)
        (z,) = run(flat, x, y, target=target)
        assert len(np.unique(z)) == 1 and np.isfinite(z[0])
        (w,) = run(square, np.tile(x, (3, 1)), np.tile(y, (3, 1))[:, ::-1], target=target)
        assert len(np.unique(w)) == 1
        assert w.flat[0] == z[0]


def test_values_of_vector_functions(rng):
    functions = {
        "exp": np.exp,
        "tanh": np.tanh,
        "log": np.log,
        "sin": np.sin,
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "softplus": lambda v: np.logaddexp(0, v),
    }
    for name, function in functions.items():
        program = binary(2, "float64", lambda x, y, name=name: op("mul", op(name, x), y))
        x, y = np.abs(rng.standard_normal((13, 21))) * 5, rng.standard_normal((13, 21))
        for vx in variants(x).values():
            np.testing.assert_allclose(run(program, vx, y)[0], function(x) * y, rtol=1e-14)


def test_broadcasting_and_scalars(rng):
    b = Builder()
    x, row = b.input("x", "float32", 2), b.input("r", "float32", 1)
    column, s = b.input("c", "float32", 2, (False, True)), b.input("s", "float32")
    b.alloc("z", "float32", *b.dims(x), output=True)
    b.elementwise(
        "z",
        b.dims(x),
        lambda i, j: op(
            "add",
            op("mul", b.load(x, i, j), op("add", b.load(row, j), b.load(column, i, i64(0)))),
            op("exp", b.load(s)),
        ),
    )
    program = b.program()
    for shape in [(0, 4), (4, 0), (1, 1), (5, 9), (40, 100)]:
        x, r, c = (rng.standard_normal(n).astype("float32") for n in (shape, shape[1], (shape[0], 1)))
        s = np.float32(0.5)
        expected = x * (r + c) + np.exp(s)
        for vx in variants(x).values():
            np.testing.assert_allclose(
                run(program, vx, np.ascontiguousarray(r[::-1])[::-1], c, s)[0], expected, rtol=2e-6, atol=1e-6
            )


def test_indices_as_values(rng):
    b = Builder()
    n = b.input("n", "float64", 1)
    b.alloc("z", "float64", *b.dims(n), output=True)
    b.elementwise(
        "z", b.dims(n), lambda i: op("add", op("sqrt", Cast(i, "float64")), op("exp", op("neg", Cast(i, "float64"))))
    )
    for length in (0, 1, 9, 300):
        k = np.arange(length, dtype=float)
        np.testing.assert_allclose(run(b.program(), k)[0], np.sqrt(k) + np.exp(-k), rtol=1e-14)


def test_neighbours_and_reversed(rng):
    b = Builder()
    x = b.input("x", "float64", 1)
    n = op("sub", Dim(x, 0), i64(1))
    b.alloc("d", "float64", n, output=True)
    b.elementwise("d", (n,), lambda i: op("sub", b.load(x, op("add", i, i64(1))), b.load(x, i)))
    b.alloc("r", "float64", Dim(x, 0), output=True)
    b.elementwise("r", (Dim(x, 0),), lambda i: op("tanh", b.load(x, op("sub", op("sub", Dim(x, 0), i64(1)), i))))
    for length in (1, 2, 30, 1000):
        v = rng.standard_normal(length)
        for variant in variants(v).values():
            d, r = run(b.program(), variant)
            np.testing.assert_array_equal(d, np.diff(v))
            np.testing.assert_allclose(r, np.tanh(v[::-1]), rtol=1e-14)


def test_in_place(rng):
    b = Builder()
    x = b.input("x", "float64", 2)
    b.buffer("y", "float64", 2, layout="any")
    b.body.append(Same("y", x))
    b.elementwise(
        "y", b.dims(x), lambda i, j: op("exp", op("mul", b.load(x, i, j), Const(0.5, "float64"))), (("y", "x"),)
    )
    b.updates.append((0, "y"))
    program = b.program()
    values = rng.standard_normal((5, 13))
    for name, variant in variants(values).items():
        runner(program).run([variant])
        np.testing.assert_allclose(variant, np.exp(values / 2), rtol=1e-14, err_msg=name)


def test_a_wrong_size_fails_with_its_values():
    program = binary(1, "float64", lambda x, y: op("add", x, y))
    with pytest.raises(Failed) as error:
        run(program, np.zeros(3), np.zeros(4))
    assert error.value.args[:3] == (0, 3, 4)


def test_a_load_that_moves_out_of_an_empty_loop_is_not_made():
    b = Builder()
    x, y = b.input("x", "float64", 1), b.input("y", "float64", 1)
    b.alloc("z", "float64", *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda i: op("mul", b.load(x, i), b.load(y, i64(1000000))))
    assert run(b.program(), np.zeros(0), np.zeros(0))[0].shape == (0,)


def test_names_of_the_program_are_read_in_nests():
    b = Builder()
    x = b.input("x", "float64", 1)
    b.body.append(Let("scale", op("mul", Const(2.5, "float64"), Cast(Dim(x, 0), "float64"))))
    b.alloc("z", "float64", *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda i: op("mul", b.load(x, i), Local("scale", "float64")))
    np.testing.assert_array_equal(run(b.program(), np.arange(4.0))[0], np.arange(4.0) * 10)
