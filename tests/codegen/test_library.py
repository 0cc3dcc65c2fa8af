"""Library routines called from programs."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from harness import Builder, compile_unit, i64, op, reduced, run, runner, variants

from symtensor.codegen.c import print_routine
from symtensor.codegen.library import ROUTINES, entry_name
from symtensor.ir.nodes import Call, Cast, Const, Dim, Let, Local
from symtensor.runtime._abi import ffi

NUMBERS = ["float32", "float64", "complex64", "complex128"]


def number(value, dtype):
    return Const(complex(value) if dtype.startswith("complex") else float(value), dtype)


def values(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.startswith("complex") else x).astype(dtype)


def product(name, dtype, ranks, out, alpha=1, beta=0):
    b = Builder()
    a, x = b.input("a", dtype, ranks[0]), b.input("x", dtype, ranks[1])
    b.alloc("c", dtype, *out(a, x), output=True)
    if beta:
        b.input("old", dtype, len(out(a, x)))
        b.elementwise("c", b.dims("c"), lambda *i: b.load("old", *i))
    scalars = {"gemm": 2, "gemv": 2, "batched_gemm": 2, "ger": 1, "dot": 0}[name]
    b.body.append(Call(name, ("c",), (a, x), tuple(number(v, dtype) for v in (alpha, beta))[:scalars]))
    return b.program()


def close(actual, expected, dtype):
    rtol = 1e-4 if dtype in ("float32", "complex64") else 1e-12
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("own", [False, True], ids=["blas", "loops"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_gemm(dtype, own, rng):
    plain = product("gemm", dtype, (2, 2), lambda a, x: (Dim(a, 0), Dim(x, 1)))
    scaled = product("gemm", dtype, (2, 2), lambda a, x: (Dim(a, 0), Dim(x, 1)), 2, 0.5)
    runners = [runner(plain), runner(scaled)]
    if own:
        empty = (ctypes.c_int64 * 17)()
        for r in runners:
            r.library[0] = ffi.cast("void *", ctypes.addressof(empty))
    for m, k, n in [(1, 1, 1), (3, 4, 5), (0, 3, 2), (3, 0, 2), (2, 3, 0), (1, 7, 1), (20, 1, 30)]:
        a, x, old = values(rng, (m, k), dtype), values(rng, (k, n), dtype), values(rng, (m, n), dtype)
        for va in variants(a).values():
            for vx in variants(x).values():
                close(runners[0].run([va, vx])[0][0], a @ x, dtype)
        close(runners[1].run([a, x, old])[0][0], 2 * (a @ x) + 0.5 * old, dtype)


def test_old_values_are_not_read_where_beta_is_0(rng):
    program = product("gemm", "float64", (2, 2), lambda a, x: (Dim(a, 0), Dim(x, 1)))
    r = runner(program)
    for _ in range(5):
        junk = np.full((50, 50), np.nan)
        del junk
        a = rng.standard_normal((50, 50))
        assert np.isfinite(r.run([a, a])[0][0]).all()
    assert (run(program, np.zeros((3, 0)), np.zeros((0, 4)))[0] == 0).all()


@pytest.mark.parametrize("dtype", NUMBERS)
def test_vectors_and_stacks(dtype, rng):
    gemv = product("gemv", dtype, (2, 1), lambda a, x: (Dim(a, 0),), 3, 2)
    batch = product("batched_gemm", dtype, (3, 3), lambda a, x: (Dim(a, 0), Dim(a, 1), Dim(x, 2)))
    dot = product("dot", dtype, (1, 1), lambda a, x: ())
    for m, n in [(1, 1), (3, 5), (0, 2), (4, 0), (30, 40)]:
        a, x, y = values(rng, (m, n), dtype), values(rng, n, dtype), values(rng, m, dtype)
        for va in variants(a).values():
            for vx in variants(x).values():
                close(run(gemv, va, vx, y)[0], 3 * (a @ x) + 2 * y, dtype)
        close(run(dot, x, x[::-1])[0], np.dot(x, x[::-1]), dtype)
        close(run(dot, variants(x)["spread"], x)[0], np.dot(x, x), dtype)
        s, t = values(rng, (4, m, n), dtype), values(rng, (4, n, 3), dtype)
        close(run(batch, np.asfortranarray(s), t)[0], s @ t, dtype)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_ger(dtype, rng):
    b = Builder()
    a, x, y = b.input("a", dtype, 2), b.input("x", dtype, 1), b.input("y", dtype, 1)
    b.alloc("c", dtype, *b.dims(a), output=True)
    b.elementwise("c", b.dims(a), lambda i, j: b.load(a, i, j))
    b.body.append(Call("ger", ("c",), (x, y), (number(1.5, dtype),)))
    for m, n in [(1, 1), (3, 5), (0, 4), (3, 0)]:
        va, vx, vy = values(rng, (m, n), dtype), values(rng, m, dtype), values(rng, n, dtype)
        for wx in variants(vx).values():
            close(run(b.program(), va, wx, vy[::-1])[0], va + 1.5 * np.outer(vx, vy[::-1]), dtype)


def sorted_program(name, dtype, ndim, axis):
    b = Builder()
    x = b.input("x", dtype, ndim)
    b.alloc("z", dtype if name == "sort" else "int64", *b.dims(x), output=True)
    b.body.append(Call(name, ("z",), (x,), (i64(axis),)))
    return b.program()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "uint16", "bool", "complex128"])
def test_sort_and_argsort(dtype, rng):
    for n in (0, 1, 2, 15, 17, 33, 500):
        x = rng.integers(0, 2 if dtype == "bool" else 60, (3, n))
        x = (x + 1j * rng.integers(0, 3, (3, n))).astype(dtype) if dtype == "complex128" else x.astype(dtype)
        if dtype.startswith(("float", "complex")) and n > 5:
            x[1, 3] = np.nan
            x[1, 4], x[2, 2] = np.inf, -np.inf
        for axis in (0, 1):
            for variant in variants(x).values():
                np.testing.assert_array_equal(run(sorted_program("sort", dtype, 2, axis), variant)[0], np.sort(x, axis))
                np.testing.assert_array_equal(
                    run(sorted_program("argsort", dtype, 2, axis), variant)[0], np.argsort(x, axis, kind="stable")
                )


@pytest.mark.parametrize("dtype", ["float64", "float16", "bool", "int32", "complex64"])
def test_nonzero(dtype, rng):
    b = Builder()
    x = b.input("x", dtype, 2)
    test = b.load(x, Local("r0"), Local("r1"))
    zero = Const(complex(0) if dtype == "complex64" else 0.0 if "float" in dtype else 0, dtype)
    flag = test if dtype == "bool" else op("neq", test, zero, dtype="bool")
    b.body.append(Let("count", reduced("add", b.dims(x), lambda r, q: Cast(flag, "int64"), "int64")))
    b.alloc("i", "int64", Local("count"), output=True)
    b.alloc("j", "int64", Local("count"), output=True)
    b.body.append(Call("nonzero", ("i", "j"), (x,)))
    for shape in [(0, 3), (1, 1), (5, 7), (30, 40)]:
        v = rng.integers(0, 2, shape).astype(dtype)
        for variant in variants(v).values():
            for actual, expected in zip(run(b.program(), variant), np.nonzero(v)):
                np.testing.assert_array_equal(actual, expected)


def test_every_routine_compiles_for_every_dtype():
    for routine in ROUTINES.values():
        for dtype in routine.dtypes if routine.name in ("nonzero",) else routine.dtypes[:1]:
            unit = print_routine(entry_name(routine.name, dtype))
            assert unit.exports == (f"st_{entry_name(routine.name, dtype)}",)
            assert compile_unit(unit).exists()
    with pytest.raises(ValueError):
        entry_name("gemm", "int32")
    with pytest.raises(KeyError):
        print_routine("gemm_i32")
