"""Random programs: compiled code gives what the interpreter gives, for any memory of the inputs."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, i64, op, runner, variants

from symtensor.ir import spec
from symtensor.ir.nodes import (
    Accumulate,
    Axis,
    Cast,
    Const,
    Dim,
    Expr,
    Let,
    Local,
    Loop,
    Nest,
    Reduce,
    Reshape,
    Store,
    View,
    ViewAxis,
)
from symtensor.runtime.interpreter import Interpreter

BINARY = ["add", "sub", "mul", "maximum", "minimum"]
UNARY = ["neg", "tanh", "abs_", "sqr", "exp", "arctan", "floor", "gammaln"]
DTYPES = ["float64", "float32", "float64", "int32", "uint8", "int64"]
WHOLE_BINARY = [*BINARY, "int_div", "mod", "and_", "xor"]
WHOLE_UNARY = ["neg", "abs_", "sqr", "invert", "sgn"]


class Generator:
    """Grows one random program. Sizes come from three inputs of rank 1, so that shapes fit by construction."""

    def __init__(self, rng: np.random.Generator, dtype: str):
        self.rng = rng
        self.dtype = dtype
        self.b = Builder()
        self.sizes = [Dim(self.b.input(f"n{k}", "int8", 1), 0) for k in range(3)]
        self.shapes: dict[str, list[int]] = {}  # buffer -> index of the size of each axis
        self.count = 0
        self.whole = "int" in dtype
        self.binary, self.unary = (WHOLE_BINARY, WHOLE_UNARY) if self.whole else (BINARY, UNARY)

    def bounded(self, value: Expr) -> Expr:
        """Floats near 1, so that sums of both consumers may be compared."""
        return value if self.whole else op("tanh", value)

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def choose(self, items):
        return items[int(self.rng.integers(len(items)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def input(self) -> None:
        shape = [int(k) for k in self.rng.integers(0, 3, int(self.rng.integers(0, 4)))]
        name = self.b.input(self.fresh("x"), self.dtype, len(shape))
        self.shapes[name] = shape

    def view(self) -> None:
        name = self.choose([n for n, s in self.shapes.items() if s])
        shape = self.shapes[name]
        order = [int(k) for k in self.rng.permutation(len(shape))]
        start, axes = [i64(0)] * len(shape), []
        for k in order:
            size = self.sizes[shape[k]]
            if self.chance(0.3):  # backwards
                start[k] = op("maximum", op("sub", size, i64(1)), i64(0))
                axes.append(ViewAxis(k, size, i64(-1)))
            else:
                axes.append(ViewAxis(k, size))
        new = self.b.buffer(self.fresh("v"), self.dtype, len(shape), layout="any")
        self.b.body.append(View(new, name, tuple(start), tuple(axes)))
        self.shapes[new] = [shape[k] for k in order]

    def flat(self) -> None:
        """A reshape there and back: only the first changes memory."""
        name = self.choose([n for n, s in self.shapes.items() if len(s) > 1])
        shape = [self.sizes[k] for k in self.shapes[name]]
        total: Expr = shape[0]
        for size in shape[1:]:
            total = op("mul", total, size)
        flat, back = self.fresh("f"), self.fresh("g")
        self.b.buffer(flat, self.dtype, 1)
        self.b.buffer(back, self.dtype, len(shape))
        self.b.body.append(Reshape(flat, name, (total,), ("slot", self.b.slots)))
        self.b.slots += 1
        self.b.body.append(Reshape(back, flat, tuple(shape)))
        self.shapes[back] = self.shapes[name]

    def leaf(self, known: dict[str, int]) -> Expr:
        """A load whose indices are among the known ones, a constant, or an index."""
        fitting = [n for n, s in self.shapes.items() if all(k in known.values() for k in s)]
        if fitting and self.chance(0.85):
            name = self.choose(fitting)
            index = tuple(Local(self.choose([i for i, k in known.items() if k == size])) for size in self.shapes[name])
            return self.b.load(name, *index)
        if known and self.chance(0.3):
            return Cast(Local(self.choose(list(known))), self.dtype)
        number = int(self.rng.integers(0, 4))
        return Const(number if self.whole else number / 2, self.dtype)

    def value(self, known: dict[str, int], depth: int, names: list[str]) -> Expr:
        if depth == 0 or self.chance(0.15):
            if names and self.chance(0.4):
                return Local(self.choose(names), self.dtype)
            return self.leaf(known)
        if self.chance(0.3):
            return op(self.choose(self.unary), self.value(known, depth - 1, names))
        if self.chance(0.12):
            test = op("lt", self.value(known, depth - 1, names), self.value(known, 0, names), dtype="bool")
            return op(
                "switch", test, self.value(known, depth - 1, names), self.value(known, 0, names), dtype=self.dtype
            )
        return op(self.choose(self.binary), self.value(known, depth - 1, names), self.value(known, depth - 1, names))

    def reduction(self, known: dict[str, int], names: list[str]) -> Expr:
        axes, inner = [], dict(known)
        for _ in range(int(self.rng.integers(1, 3))):
            name, size = self.fresh("r"), int(self.rng.integers(3))
            axes.append(Axis(name, self.sizes[size]))
            inner[name] = size
        name = self.choose(["add", "add", "maximum", "minimum", "argmax", "argmin"])
        body = self.value(inner, 2, names)
        if name.startswith("arg"):
            return Cast(Reduce(name, tuple(axes), body, "int64"), self.dtype)
        if self.whole and self.chance(0.3):
            name = self.choose(["mul", "and_", "or_", "xor"])
        return Reduce(name, tuple(axes), self.bounded(body), self.dtype)

    def nest(self, output: bool) -> None:
        shape = [int(k) for k in self.rng.integers(0, 3, int(self.rng.integers(0, 4)))]
        indices = [self.fresh("i") for _ in shape]
        known, lets, names = dict(zip(indices, shape)), [], []
        for _ in range(int(self.rng.integers(0, 3))):
            value = self.reduction(known, names) if self.chance(0.5) else self.value(known, 2, names)
            names.append(self.fresh("t"))
            lets.append(Let(names[-1], value))
        out = self.b.alloc(self.fresh("z"), self.dtype, *(self.sizes[k] for k in shape), output=output)
        value = self.bounded(self.value(known, 3, names))
        if self.chance(0.3):
            value = op("add", value, self.reduction(known, names))
        body: list = [*lets, Store(out, tuple(Local(i) for i in indices), value)]
        if self.chance(0.3):  # another result of the same loops
            second = self.b.alloc(self.fresh("z"), self.dtype, *(self.sizes[k] for k in shape))
            body.append(Store(second, tuple(Local(i) for i in indices), self.value(known, 2, names)))
        else:
            second = ""
        order = [int(k) for k in self.rng.permutation(len(indices))]
        for k in order:
            body = [
                Loop(Axis(indices[k], self.sizes[shape[k]], self.choose(["vector", "vector", "serial"])), tuple(body))
            ]
        self.b.body.append(Nest(tuple(body)))
        self.shapes[out] = shape
        if second:
            self.shapes[second] = shape

    def scatter(self) -> None:
        """Accumulates into fewer axes than it loops over."""
        source = self.choose([n for n, s in self.shapes.items() if s])
        shape = self.shapes[source]
        keep = [k for k in range(len(shape)) if self.chance(0.5)]
        out = self.b.alloc(self.fresh("z"), self.dtype, *(self.sizes[shape[k]] for k in keep), output=True)
        names = [self.fresh("i") for _ in shape]
        self.b.elementwise(
            out, [self.sizes[shape[k]] for k in keep], lambda *i: Const(1 if self.whole else 1.0, self.dtype)
        )
        index = tuple(Local(n) for n in names)
        body: tuple = (
            Accumulate(
                out,
                tuple(index[k] for k in keep),
                self.choose(["add", "maximum"]),
                self.bounded(self.b.load(source, *index)),
            ),
        )
        for k in reversed(range(len(shape))):
            body = (Loop(Axis(names[k], self.sizes[shape[k]], "vector" if k in keep else "serial"), body),)
        self.b.body.append(Nest(body))
        self.shapes[out] = [shape[k] for k in keep]

    def program(self):
        for _ in range(int(self.rng.integers(2, 4))):
            self.input()
        self.shapes.setdefault(self.b.input("m", self.dtype, 2), [0, 1])
        for _ in range(int(self.rng.integers(1, 4))):
            if self.chance(0.5):
                self.view()
            if self.chance(0.25):
                self.flat()
            self.nest(True)
        if self.chance(0.3):
            self.scatter()
        return self.b.program()


def tie(x: np.ndarray) -> np.ndarray:
    """A few values again and again, so that extremes are met more than once."""
    return np.round(x * 2) / 2


SEEDS = [*range(60), *(pytest.param(k, marks=pytest.mark.slow) for k in range(60, 600))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(seed):
    rng = np.random.default_rng([20240229, seed])
    dtype = DTYPES[seed % len(DTYPES)]
    generator = Generator(rng, dtype)
    program = spec.check(generator.program())
    compiled, reference = runner(program, flags=("-O1",)), Interpreter(program)
    for sizes in [(1, 1, 1), (2, 3, 5), (7, 4, 19), (33, 18, 2)]:
        values = [np.zeros(n, "int8") for n in sizes]
        for name in program.inputs[3:]:
            shape = tuple(sizes[k] for k in generator.shapes[name])
            drawn = rng.standard_normal(shape)
            values.append(np.abs(drawn * 5).astype(dtype) if "int" in dtype else tie(drawn).astype(dtype))
        with np.errstate(all="ignore"):
            expected = reference.run(values)[0]
        chosen = [list(variants(v).values())[int(rng.integers(5))] if v.ndim else v for v in values[3:]]
        for given in (values, values[:3] + chosen):
            for actual, wanted in zip(compiled.run(given)[0], expected):
                tolerance = {"float32": 3e-5, "float64": 1e-11}.get(dtype, 0)
                np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance)
