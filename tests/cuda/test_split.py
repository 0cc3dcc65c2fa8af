"""Reductions with few results in two nests: the program means what it meant, and its kernels do that."""
from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, i64, reduced
from lowered import lowered
from nests import Checked, Collection

import symtensor.tensor as T
from symtensor.codegen.cuda import split
from symtensor.codegen.cuda.split import split_sums
from symtensor.ir import spec
from symtensor.ir.nodes import Cast, If, Nest, Op, Program, Reduce
from symtensor.ir.walk import statements
from symtensor.runtime.interpreter import Interpreter

SHAPES = [(1, 1), (3, 5), (40, 3), (3, 40), (50, 30), (1, 300)]


@pytest.fixture
def small(monkeypatch):
    """Splits what is small, too."""
    for name in ("OF_GROUPS", "OF_THREADS"):
        monkeypatch.setattr(split, name, split.Worth(10, 40, 100, 4))
    monkeypatch.setattr(split, "MOST_PARTS", 7)


def made(program: Program) -> Program:
    return spec.check(split_sums(program, lambda buffer: True))


def count(program: Program) -> int:
    """How many nests are split."""
    return sum(isinstance(s, If) and sum(isinstance(t, Nest) for t in s.then) == 2 for s in statements(program.body))


def over(name: str, dtype: str, axes: tuple[int, ...], layout: str) -> Program:
    b = Builder()
    x = b.input("x", dtype, 2, layout=layout)
    kept = [k for k in range(2) if k not in axes]
    out = "int64" if name.startswith("arg") else dtype
    b.alloc("z", out, *(b.dims(x)[k] for k in kept), output=True)

    def value(*outer) -> Reduce:
        def body(*inner):
            at = dict(zip([*kept, *axes], [*outer, *inner]))
            return Op("add", (b.load(x, at[0], at[1]), Cast(at[1], dtype)), dtype)
        return reduced(name, [b.dims(x)[k] for k in axes], body, out)

    b.elementwise("z", [b.dims(x)[k] for k in kept], value)
    return b.program()


@pytest.mark.parametrize("layout", ["c", "any"])
def test_every_reduction(small, layout, rng):
    collection, cases = Collection(), []
    for name in ("add", "mul", "maximum", "argmax", "argmin", "xor"):
        for axes in ((0, 1), (0,), (1,)):
            dtype = "int32" if name in ("xor", "argmin") else "float64"
            program = over(name, dtype, axes, layout)
            two = made(program)
            assert count(two) == 1
            cases.append((program, dtype, Checked(two, collection, tolerance=1e-12)))
    for program, dtype, checked in cases:
        for shape in SHAPES:
            x = rng.integers(-9, 9, shape).astype(dtype)
            (wanted,), _ = Interpreter(program).run([x])
            (found,) = checked.run([x], width=32)
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert collection.ran > 4 * len(SHAPES)


@pytest.mark.parametrize("axes", [(0, 2), (0, 1), (1, 2)])
def test_several_axes(small, axes, rng):
    """The first one is cut in parts, whatever its length is."""
    b = Builder()
    x = b.input("x", "float64", 3, layout="any")
    kept, = {0, 1, 2} - {*axes}
    b.alloc("z", "float64", b.dims(x)[kept], output=True)

    def value(k):
        def body(*inner):
            at = {kept: k, **dict(zip(axes, inner))}
            return b.load(x, at[0], at[1], at[2])
        return reduced("add", [b.dims(x)[a] for a in axes], body, "float64")

    b.elementwise("z", [b.dims(x)[kept]], value)
    two = made(b.program())
    assert count(two) == 1
    checked = Checked(two, Collection(), tolerance=1e-12)
    for shape in [(4, 3, 20), (2, 2, 2), (1, 9, 9), (30, 1, 4), (0, 3, 3), (5, 0, 2)]:
        v = rng.standard_normal(shape)
        np.testing.assert_allclose(checked.run([v])[0], v.sum(axes), rtol=1e-12, atol=1e-14)


def test_whole_arrays_become_rows(small, rng):
    b = Builder()
    x, y = b.input("x", "float64", 2, layout="c"), b.input("y", "float64", 2, layout="c")
    b.alloc("z", "float64", output=True)
    b.elementwise("z", (), lambda: reduced("add", b.dims(x), lambda i, j: Op(
        "mul", (b.load(x, i, j), b.load(y, i, j)), "float64"), "float64"))
    program = b.program()
    two = made(program)
    assert sum(s.ndim == 1 and s.name.startswith("row") for s in two.buffers) == 2
    checked = Checked(two, Collection(), tolerance=1e-12)
    for more in (0, 2):  # where an array is larger than what is summed of it, its elements are no row
        vx, vy = rng.standard_normal((30, 20)), rng.standard_normal((30, 20 + more))
        np.testing.assert_allclose(checked.run([vx, vy])[0], (vx * vy[:, :20]).sum(), rtol=1e-12)


def test_functions(small, rng):
    x, v = T.dmatrix("x"), T.dvector("v")
    outputs = [x.sum(), x.mean(axis=0), T.log(T.exp(x).sum()), x.max(), T.argmax(x), T.argmin(x, axis=0), (x * v).sum(),
               x.std(), T.any(x > 2), T.sqrt((x ** 2).sum(axis=1)), T.grad(((x - v) ** 2).sum(), v), x.prod()]
    program = lowered([x, v], outputs).program
    two = made(program)
    assert count(two) >= 10
    checked = Checked(two, Collection(), tolerance=1e-11)
    for shape in SHAPES:
        values = [rng.standard_normal(shape), rng.standard_normal(shape[1])]
        wanted, _ = Interpreter(program).run([v.copy() for v in values])
        for width in (32, 64):
            for a, b in zip(checked.run([v.copy() for v in values], width=width), wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10)


def test_what_stays_as_it_is():
    for name, dtype in (("mul", "float16"), ("add", "float16")):
        program = over(name, dtype, (0, 1), "c")
        assert made(program) == program
    b = Builder()  # few elements, certainly
    x = b.input("x", "float64", 2, layout="c")
    b.alloc("z", "float64", output=True)
    b.elementwise("z", (), lambda: reduced("add", (i64(3), i64(4)), lambda i, j: b.load(x, i, j), "float64"))
    program = b.program()
    assert made(program) == program
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    b.alloc("z", "float64", b.dims(x)[0], output=True)
    b.elementwise("z", b.dims(x)[:1], lambda i: b.load(x, i, i))
    program = b.program()
    assert made(program) == program
    assert split_sums(over("add", "float64", (0,), "c")) == over("add", "float64", (0,), "c")  # nothing on a device
