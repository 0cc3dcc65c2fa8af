"""Helpers in the extension: used where they come from the installed headers, absent from units, and equal to printed
ones in every variant that this processor has."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.c import built_in_text
from symtensor.codegen.c.built_in import NAMES, VARIANTS, symbol
from symtensor.compile import memo
from symtensor.runtime import built_in, cache, executor, processor, routines, toolchain

compiler = toolchain.find()
pytestmark = pytest.mark.skipif(compiler is None or executor._executor is None, reason="no C compiler, or no extension")


@pytest.fixture
def fresh():
    """What was found is forgotten, before the test and after it."""
    built_in._found.cache_clear()
    yield
    built_in._found.cache_clear()


def offered():
    return [name for name in executor._executor.built_in.split()
            if name not in VARIANTS or VARIANTS[name][1] <= processor.features()]


def programs():
    """A function of every row that is built in, of strided arguments, of a tail, of products; and arguments."""
    x, i, b, c = T.matrix("x"), T.lmatrix("i"), T.matrix("b", dtype="bool"), T.fmatrix("c")
    j = T.imatrix("j")
    v = T.vector("v")
    outputs = [f(y) for y in (x, c, i) for f in (T.sum, T.max, T.min, T.prod, T.argmax, T.argmin)]
    outputs += [j.sum(dtype="int32"), j.max(), j.min(), T.all(b), T.any(b), T.exp(x) + T.log1p(abs(x)), T.tanh(c),
                x.sum(axis=0), c.sum(axis=0), c.mean(axis=1), T.dot(x, x.T), T.dot(x, v), T.dot(v, v),
                x[T.argmax(i, axis=1) % 3]]
    rng = np.random.default_rng(3)
    values = [rng.standard_normal((67, 45)), rng.integers(-5, 5, (67, 45)), rng.integers(0, 2, (67, 45)).astype(bool),
              rng.standard_normal((67, 45)).astype("float32"), rng.integers(-5, 5, (67, 45)).astype("int32"),
              rng.standard_normal(90)]
    strided = [value[::-1, 10:31:2] for value in values[:-1]] + [values[-1][:22:2]]
    return [x, i, b, c, j, v], outputs, [[*values[:-1], values[-1][::2]], strided]


def results():
    inputs, outputs, calls = programs()
    memo.forget()  # equal graphs would share the code of the first
    f = symtensor.function(inputs, outputs)
    return f, [f(*values) for values in calls]


def test_units_declare_what_is_built_in():
    f, _ = results()
    text = f.fn.executable.unit.text
    for name in ("st_argmax_f64", "st_minimum_i32", "st_add_wide", "st_fail", "st_packed"):
        assert f'__asm__("{symbol(name, built_in.variant())}")' in text
        assert f"{name}(" in text and "ST_NEST" not in text.partition(f"{name}(")[0].rpartition("\n")[2]
    assert built_in.variant() == offered()[0]


@pytest.mark.parametrize("variant", ["", *(executor._executor.built_in.split() if executor._executor else ())])
def test_variants_are_equal(variant, monkeypatch):
    if variant and variant not in offered():
        pytest.skip("not for this processor")
    _, wanted = results()
    library = built_in._found()[1] if variant else None
    monkeypatch.setattr(built_in, "_found", lambda: (variant, library))
    f, found = results()
    assert (f"symtensor_{variant}_" in f.fn.executable.unit.text) == bool(variant)
    for one, other in zip(sum(found, []), sum(wanted, []), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5 if one.dtype == "float32" else 1e-13, atol=1e-13)


def test_routines_that_are_built_in_are_not_compiled(monkeypatch):
    def compile_text(*args, **more):
        raise AssertionError("a routine was compiled")

    monkeypatch.setattr(toolchain, "compile_text", compile_text)
    target = toolchain.target(compiler)
    for entry in (f"{name}_{tag}" for name in ("gemm", "batched_gemm", "gemv", "ger", "dot") for tag in ("f32", "f64")):
        assert routines.address(entry, compiler, target) == built_in.address(f"st_{entry}") > 0
    assert built_in.address("st_sort_f64") is None


def test_other_headers_are_printed(monkeypatch, fresh):
    """After a change of csrc/, and before the extension is built again, all is as without it."""
    assert built_in.variant() and built_in.digest() == executor._executor.built_in_digest
    built_in._found.cache_clear()
    monkeypatch.setattr(built_in_text, "digest", lambda: "another")
    assert built_in.variant() == built_in.digest() == "" and built_in.address("st_gemm_f64") is None
    assert toolchain.target(compiler).built_in == ""
    assert routines.address("dot_f64", compiler, toolchain.target(compiler)) > 0


def test_keys_tell_of_what_is_built_in(monkeypatch):
    """A unit that calls the extension is not taken for one of an extension with other helpers."""
    one = cache.key_of(compiler.facts())
    monkeypatch.setattr(built_in, "digest", lambda: "another")
    assert cache.key_of(compiler.facts()) != one


def test_generated_text_exports_all():
    text = built_in_text.generated("v1")
    for name in NAMES:
        assert text.count(f'__asm__("{symbol(name, "v1")}")') == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_either_way(dtype, rng, monkeypatch):
    a, b, v = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.vector(dtype=dtype)
    outputs = [T.dot(a, b), T.dot(a, v), T.dot(v, v), T.dot(a.T, a)]
    values = [rng.standard_normal((5, 7)).astype(dtype), rng.standard_normal((7, 3)).astype(dtype),
              rng.standard_normal(14).astype(dtype)[::2]]
    first = symtensor.function([a, b, v], outputs)(*values)
    monkeypatch.setattr(built_in, "_found", lambda: ("", None))
    memo.forget()
    second = symtensor.function([a, b, v], outputs)(*values)
    x, y, z = values
    for one, other, truth in zip(first, second, [x @ y, x @ z, z @ z, x.T @ x], strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, truth, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)
