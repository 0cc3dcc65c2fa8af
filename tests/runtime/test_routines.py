"""Routines of the extension: used where they come from the installed texts and there is a BLAS, and equal to others."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.target import DEFAULT_TARGET
from symtensor.runtime import blas, routines, toolchain

compiler = toolchain.find()
pytestmark = pytest.mark.skipif(compiler is None, reason="no C compiler")


def uncompiled(monkeypatch):
    def compile_text(*args, **more):
        raise AssertionError("a routine was compiled")
    monkeypatch.setattr(toolchain, "compile_text", compile_text)


@pytest.mark.skipif(not routines._built_in() or blas.find() is None, reason="no extension or no BLAS")
def test_built_in_is_not_compiled(monkeypatch):
    uncompiled(monkeypatch)
    entries = [f"{name}_{tag}" for name in ("gemm", "batched_gemm", "gemv", "ger", "dot") for tag in ("f32", "f64")]
    assert sorted(routines._built_in()) == sorted(entries)
    for entry in entries:
        assert routines.address(entry, compiler, DEFAULT_TARGET) == routines._built_in()[entry]


def test_other_sources_are_compiled(monkeypatch):
    monkeypatch.setattr(routines, "_executor", type("other", (), {"routines_digest": "0", "routines": {"gemm_f64": 1}}))
    routines._built_in.cache_clear()
    try:
        assert routines._built_in() == {}
        assert routines.address("dot_f64", compiler, toolchain.target(compiler)) > 1
    finally:
        routines._built_in.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_either_way(dtype, rng, monkeypatch):
    a, b, v = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.vector(dtype=dtype)
    outputs = [T.dot(a, b), T.dot(a, v), T.dot(v, v), T.dot(a.T, a)]
    values = [rng.standard_normal((5, 7)).astype(dtype), rng.standard_normal((7, 3)).astype(dtype),
              rng.standard_normal(14).astype(dtype)[::2]]
    first = symtensor.function([a, b, v], outputs)(*values)
    monkeypatch.setattr(routines, "_built_in", dict)
    second = symtensor.function([a, b, v], outputs)(*values)
    x, y, z = values
    for one, other, truth in zip(first, second, [x @ y, x @ z, z @ z, x.T @ x], strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, truth, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)
