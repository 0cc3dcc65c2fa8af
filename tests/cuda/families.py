"""Nests of many kinds, with values to run them on. Each family is made once, so that its kernels are compiled together.

A family is a `Collection` of kernels and a list of `Run`s: a checked program, the values of its inputs, and how many
threads a group has.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from harness import Builder, i64, op, reduced, variants
from lowered import lowered
from nests import Checked, Collection
from test_laws import DTYPES as LAW_DTYPES
from test_laws import Generator, tie
from test_rows import DTYPES, sample
from test_rows import cases as row_cases
from test_rows import tolerance as row_tolerance

import symtensor.tensor as T
from symtensor.codegen.target import DEFAULT_TARGET, Target
from symtensor.ir import spec
from symtensor.ir.nodes import (
    Accumulate, Axis, Cast, Check, Dim, Let, Local, Loop, Nest, Op, Program, Reduce, Site, Store,
)
from symtensor.sandbox.rng_mrg import MRG_RandomStreams
from symtensor.scalar.table import ROWS

WIDTHS = [1, 4, 32, 96, 256]
REAL = [d for d in DTYPES if not d.startswith("complex")]
TOLERANCE = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-13}


@dataclass
class Run:
    checked: Checked
    values: list[Any]
    width: int = 32
    constants: Sequence[Any] = ()
    pycalls: Sequence[Any] = ()

    def __call__(self) -> None:
        written = {position for position, _ in self.checked.program.updates}
        values = [v.copy() if k in written else v for k, v in enumerate(self.values)]
        with np.errstate(all="ignore"):
            self.checked.run(values, self.width, self.constants, self.pycalls)


@dataclass
class Family:
    kernels: Collection = field(default_factory=Collection)
    runs: list[Run] = field(default_factory=list)

    def add(self, program: Program, tolerance: float | Callable[[str], float] = 0.0,
            target: Target = DEFAULT_TARGET) -> Checked:
        return Checked(spec.check(program), self.kernels, target, tolerance)

    def run(self, checked: Checked, *values: Any, width: int = 32) -> None:
        self.runs.append(Run(checked, list(values), width))


def same_sizes(b: Builder, x: str, y: str) -> None:
    for k in range(len(b.buffers[x].broadcast)):
        b.body.append(Check(op("eq", Dim(x, k), Dim(y, k), dtype="bool"), 0))
    if not b.sites:
        b.sites.append(Site("ValueError", "sizes differ"))


# -- elementwise


def elementwise() -> Family:
    """Dense and strided memory, also mixed; broadcasts; empty axes and axes of length 1; results in place."""
    family, rng = Family(), np.random.default_rng(1)
    shapes = [(), (0,), (1,), (17,), (1000,), (0, 3), (3, 0), (1, 5), (5, 1), (4, 7), (33, 65), (2, 3, 4), (3, 1, 9)]
    for dtype in ("float32", "float64", "float16", "int32", "uint8", "bool"):
        for ndim in range(4):
            for layouts in (("c", "c"), ("any", "c"), ("any", "any")):
                b = Builder()
                x, y = (b.input(n, dtype, ndim, layout=layout) for n, layout in zip("xy", layouts))
                same_sizes(b, x, y)
                b.alloc("z", dtype, *b.dims(x), output=True)
                b.elementwise("z", b.dims(x), lambda *i: op("add", op("mul", b.load(x, *i), b.load(y, *i)),
                                                            b.load(x, *i)))
                checked = family.add(b.program())
                for shape in (s for s in shapes if len(s) == ndim):
                    vx, vy = ((rng.standard_normal(shape) * 9).astype(dtype) for _ in range(2))
                    for k, given in enumerate(variants(np.asarray(vx)).values() if ndim else [vx]):
                        if layouts[0] == "c" and not given.flags.c_contiguous:
                            continue
                        other = vy if layouts[1] == "c" else list(variants(np.asarray(vy)).values())[k] if ndim else vy
                        family.run(checked, given, other)
    for dtype in ("float32", "float64"):
        b = Builder()  # a row and a column over a matrix, a scalar
        x, row = b.input("x", dtype, 2, layout="c"), b.input("row", dtype, broadcast=(True, False))
        column, number = b.input("column", dtype, broadcast=(False, True)), b.input("number", dtype)
        b.sites.append(Site("ValueError", "sizes differ"))
        b.body.append(Check(op("eq", Dim(x, 1), Dim(row, 1), dtype="bool"), 0))
        b.body.append(Check(op("eq", Dim(x, 0), Dim(column, 0), dtype="bool"), 0))
        b.alloc("z", dtype, *b.dims(x), output=True)
        zero = i64(0)
        b.elementwise("z", b.dims(x), lambda i, j: op("mul", op("sub", b.load(x, i, j), b.load(row, zero, j)),
                                                      op("add", b.load(column, i, zero), b.load(number))))
        checked = family.add(b.program())
        for n, m in [(1, 1), (3, 5), (40, 33), (0, 4)]:
            family.run(checked, *((rng.standard_normal(s)).astype(dtype) for s in ((n, m), (1, m), (n, 1), ())))
        b = Builder()  # in place, with an input of other strides
        x, y = b.input("x", dtype, 2, layout="c"), b.input("y", dtype, 2)
        same_sizes(b, x, y)
        b.elementwise(x, b.dims(x), lambda i, j: op("add", b.load(x, i, j), b.load(y, i, j)), ((x, x),))
        b.updates.append((0, x))
        checked = family.add(b.program())
        for shape in [(3, 5), (33, 65)]:
            v = rng.standard_normal(shape).astype(dtype)
            for given in variants(v).values():
                family.run(checked, v.copy(), given)
    return family


def rows() -> Family:
    """Every row of the scalar table for every dtype, on ordinary and special values."""
    family, rng = Family(), np.random.default_rng(2)
    for dtype in REAL:
        b = Builder()
        names = [b.input(f"x{k}", dtype, 1) for k in range(3)]
        wanted = [(name, arity, out) for name, arity, out in row_cases(dtype) if not out.startswith("complex")]
        for k, (name, arity, out) in enumerate(wanted):
            operands = ROWS[name].operand_dtypes((dtype,) * arity, out)
            args = tuple(Cast(b.load(x, Local("i0")), d) if d != dtype else b.load(x, Local("i0"))
                         for x, d in zip(names, operands))
            b.alloc(f"z{k}", out, *b.dims("x0"), output=True)
            b.elementwise(f"z{k}", b.dims("x0"), lambda i, name=name, args=args, out=out: Op(name, args, out))
        bounds = {f"z{k}": row_tolerance(name, out) for k, (name, _, out) in enumerate(wanted)}
        checked = family.add(b.program(), bounds.__getitem__)
        for _ in range(2):
            family.run(checked, *(sample(dtype, rng, k) for k in range(3)))
    return family


def conversions() -> Family:
    """Every dtype to every other, within the range of both."""
    family, rng = Family(), np.random.default_rng(3)
    for source in REAL:
        b = Builder()
        x = b.input("x", source, 1)
        for d in REAL:
            b.alloc("z_" + d, d, *b.dims(x), output=True)
            b.elementwise("z_" + d, b.dims(x), lambda i, d=d: Cast(b.load(x, i), d))
        checked = family.add(b.program())
        if source.startswith("float"):
            family.run(checked, (rng.uniform(0, 120, 64)).astype(source))
        else:
            family.run(checked, sample(source, rng, 0))
    b = Builder()
    x, y = b.input("x", "float16", 1), b.input("y", "float64", 1)
    b.alloc("f", "float32", *b.dims(x), output=True)
    b.elementwise("f", b.dims(x), lambda i: Cast(b.load(x, i), "float32"))
    b.alloc("h", "float16", *b.dims(y), output=True)
    b.elementwise("h", b.dims(y), lambda i: Cast(b.load(y, i), "float16"))
    half = np.arange(0, 0x7C00, 7, dtype=np.uint16).view(np.float16).astype("float64")
    ties = (half[1:] + half[:-1]) / 2
    family.run(family.add(b.program()), np.arange(1 << 16, dtype=np.uint16)[::5].view(np.float16),
               np.concatenate([ties, -ties, ties * (1 + 1e-9), ties * (1 - 1e-9)]))
    return family


# -- reductions

_OPS = {"f": ["add", "mul", "maximum", "minimum", "argmax", "argmin"],
        "i": ["add", "mul", "maximum", "minimum", "argmax", "argmin", "and_", "or_", "xor"],
        "u": ["add", "maximum", "argmin", "and_"],
        "b": ["add", "mul", "maximum", "minimum", "and_", "or_", "xor", "argmax"]}


def reductions() -> Family:
    """All of an array, rows, columns, one axis of three; several group widths; NaN, infinities and ties."""
    family, rng = Family(), np.random.default_rng(4)
    shapes = [(1, 1), (3, 5), (1, 300), (300, 1), (17, 33), (70, 300), (5, 2000)]
    for dtype in ("float32", "float64", "float16", "int32", "int64", "int8", "uint16", "uint64", "bool"):
        for name in _OPS[dtype[0]]:
            out = "int64" if name.startswith("arg") else dtype
            for axes in ((0, 1), (0,), (1,)):
                b = Builder()
                x = b.input("x", dtype, 2)
                kept = [k for k in range(2) if k not in axes]
                b.alloc("z", out, *(b.dims(x)[k] for k in kept), output=True)

                def value(*outer: Any) -> Reduce:
                    def body(*inner: Any) -> Any:
                        at = dict(zip([*kept, *axes], [*outer, *inner]))
                        return b.load(x, at[0], at[1])
                    return reduced(name, [b.dims(x)[k] for k in axes], body, out)

                b.elementwise("z", [b.dims(x)[k] for k in kept], value)
                exact = name not in ("add", "mul") or dtype[0] != "f"
                checked = family.add(b.program(), 0.0 if exact else TOLERANCE[dtype] * 30)
                for k, shape in enumerate(shapes[:5 if dtype[0] in "ub" else None]):
                    v = sample(dtype, rng, 0)[rng.integers(0, 64, shape)]
                    if dtype[0] == "f" and not (exact and k % 2):
                        v = (1 + rng.standard_normal(shape) / 8).astype(dtype)
                    given = list(variants(v).values())
                    family.run(checked, given[0], width=WIDTHS[k % 5])
                    family.run(checked, given[1 + k % 4], width=WIDTHS[(k + 2) % 5])
    for dtype in ("float32", "int32"):  # empty reductions, and rows whose length differs
        b = Builder()
        x = b.input("x", dtype, 2)
        b.alloc("z", dtype, b.dims(x)[0], output=True)
        b.elementwise("z", b.dims(x)[:1], lambda i: reduced("add", [b.dims(x)[1]], lambda r: b.load(x, i, r), dtype))
        b.alloc("lower", dtype, b.dims(x)[0], output=True)
        b.elementwise("lower", b.dims(x)[:1], lambda i: reduced(
            "add", [op("minimum", b.dims(x)[1], i)], lambda r: b.load(x, i, r), dtype))
        checked = family.add(b.program(), 1e-5)
        for shape in [(3, 0), (0, 3), (0, 0), (7, 40)]:
            for width in (4, 64):
                family.run(checked, rng.integers(-9, 9, shape).astype(dtype), width=width)
    return family


# -- updates, and loops in order


def updates() -> Family:
    """Accumulation at places that repeat: atomic, in order where that is asked for; and into places of one's own."""
    family, rng = Family(), np.random.default_rng(5)
    for deterministic in (False, True):
        target = Target(deterministic=deterministic)
        for dtype in REAL if not deterministic else ["float32", "int32", "float16"]:
            for name in ("add", "mul", "maximum", "minimum"):
                for kind in ("vector", "serial"):
                    b = Builder()
                    x, at = b.input("x", dtype, 2), b.input("at", "int64", 1)
                    start = b.input("start", dtype, 1, layout="c")
                    i, j = Local("i"), Local("j")
                    b.body.append(Nest((Loop(Axis("i", Dim(at, 0), kind), (
                        Let("k", b.load(at, i)),
                        Loop(Axis("j", Dim(x, 1)), (Accumulate(start, (Local("k"),), name, b.load(x, i, j)),)))),)))
                    b.updates.append((2, start))
                    checked = family.add(b.program(), TOLERANCE.get(dtype, 0.0) * 300, target)
                    where = rng.integers(0, 4, 6)
                    values = (rng.integers(1, 3, (6, 5)) if dtype[0] != "f" else
                              1 + rng.standard_normal((6, 5)) / 16).astype(dtype)
                    family.run(checked, values, where, np.ones(4, dtype))
    b = Builder()  # rows of a matrix: each thread has its own
    x, total = b.input("x", "float32", 2), b.input("total", "float32", 1, layout="c")
    i, j = Local("i"), Local("j")
    b.body.append(Nest((Loop(Axis("i", Dim(x, 0)), (Loop(Axis("j", Dim(x, 1), "serial"), (
        Accumulate(total, (i,), "add", b.load(x, i, j)),)),)),)))
    b.updates.append((1, total))
    family.run(family.add(b.program(), 1e-5), rng.standard_normal((70, 9)).astype("float32"), np.zeros(70, "float32"))
    return family


def in_order() -> Family:
    """Running sums, elements that are stored several times, loops in order outside of independent ones."""
    family, rng = Family(), np.random.default_rng(6)
    i, j = Local("i"), Local("j")
    for dtype in ("float32", "int64"):
        b = Builder()  # the last one stays
        x, at = b.input("x", dtype, 2), b.input("at", "int64", 1)
        out = b.input("out", dtype, 2, layout="c")
        b.body.append(Nest((Loop(Axis("i", Dim(at, 0), "serial"), (
            Let("k", b.load(at, i)),
            Loop(Axis("j", Dim(x, 1)), (Store(out, (Local("k"), j), b.load(x, i, j)),)))),)))
        b.updates.append((2, out))
        family.run(family.add(b.program()), (rng.standard_normal((9, 40)) * 9).astype(dtype), rng.integers(0, 3, 9),
                   np.zeros((3, 40), dtype))
        for kinds in (("serial", "vector"), ("vector", "serial")):
            b = Builder()  # along one axis
            x = b.input("x", dtype, 2)
            b.alloc("z", dtype, *b.dims(x), output=True)
            b.elementwise("z", b.dims(x), lambda *k: b.load(x, *k))
            axis = kinds.index("serial")
            before = tuple(op("maximum", op("sub", e, i64(1)), i64(0)) if k == axis else e
                           for k, e in enumerate((i, j)))
            first = op("eq", (i, j)[axis], i64(0), dtype="bool")
            value = Op("switch", (first, b.load(x, i, j), op("add", b.load("z", *before), b.load(x, i, j))), dtype)
            b.body.append(Nest((Loop(Axis("i", Dim(x, 0), kinds[0]), (Loop(Axis("j", Dim(x, 1), kinds[1]), (
                Store("z", (i, j), value),)),)),)))
            checked = family.add(b.program(), 1e-5)
            for shape in [(7, 40), (40, 3), (1, 1), (0, 3)]:
                family.run(checked, (rng.standard_normal(shape) * 9).astype(dtype))
        b = Builder()  # a serial loop whose steps are shared: each reads its neighbours
        x = b.input("x", dtype, 1)
        b.alloc("z", dtype, b.dims(x)[0], output=True)
        b.alloc("y", dtype, b.dims(x)[0])
        b.elementwise("z", b.dims(x), lambda k: b.load(x, k))
        n = Dim(x, 0)
        back = op("sub", op("sub", n, i64(1)), j)
        b.body.append(Nest((Loop(Axis("i", i64(3), "serial"), (
            Loop(Axis("j", n), (Store("y", (j,), op("add", b.load("z", back), b.load("z", j))),)),
            Loop(Axis("j2", n), (Store("z", (Local("j2"),), b.load("y", Local("j2"))),)),
        )),)))
        checked = family.add(b.program(), 1e-5)
        for width in (8, 32, 64):
            family.run(checked, rng.integers(0, 9, 70).astype(dtype), width=width)
    return family


# -- programs


def laws() -> Family:
    """Random programs."""
    family = Family()
    for seed in range(60):
        rng = np.random.default_rng([20240229, seed])
        dtype = LAW_DTYPES[seed % len(LAW_DTYPES)]
        generator = Generator(rng, dtype)
        checked = family.add(generator.program(), {"float32": 3e-5, "float64": 1e-11}.get(dtype, 0.0),
                             Target(deterministic=seed % 3 == 0))
        for sizes in [(1, 1, 1), (2, 3, 5), (7, 4, 19), (20, 6, 3)]:
            values: list[Any] = [np.zeros(n, "int8") for n in sizes]
            for name in checked.program.inputs[3:]:
                drawn = rng.standard_normal(tuple(sizes[k] for k in generator.shapes[name]))
                value = np.abs(drawn * 5).astype(dtype) if "int" in dtype else tie(drawn).astype(dtype)
                values.append(list(variants(value).values())[int(rng.integers(5))] if value.ndim else value)
            family.run(checked, *values, width=WIDTHS[int(rng.integers(5))])
    return family


def functions() -> Family:
    """What is lowered from graphs: the nests of real functions."""
    family, rng = Family(), np.random.default_rng(8)
    for dtype in ("float32", "float64"):
        x, y, v = T.matrix("x", dtype), T.matrix("y", dtype), T.vector("v", dtype)
        i, k, t4 = T.lvector("i"), T.lmatrix("k"), T.tensor4("t", dtype)
        mean = x.mean(axis=1, keepdims=True)
        normed = (x - mean) / T.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5) * v
        outputs = [
            T.nnet.softmax(x), T.nnet.softmax(x.T), T.log(T.exp(x).sum(axis=1)), x.sum(), (x * x).sum(axis=0), normed,
            T.argmax(x, axis=1), T.argmin(x), x.max(axis=0), x.min(), T.any(x > 1), T.all(x < 9, axis=0),
            x.prod(axis=1), x.std(axis=0), T.nnet.categorical_crossentropy(T.nnet.softmax(x), i % x.shape[1]),
            T.grad(T.nnet.softmax(x)[:, 0].sum(), x), T.grad(T.log(T.exp(x).sum(axis=1)).sum(), x),
            x[i % x.shape[0]], x[i % x.shape[0], i % x.shape[1]], x[k % x.shape[0]],
            T.inc_subtensor(x[i % x.shape[0]], y), T.set_subtensor(x[i % x.shape[0]], y),
            T.inc_subtensor(v[i % v.shape[0]], 2.0), T.set_subtensor(x[::2], 0), T.set_subtensor(x[:, -1], 1),
            T.grad(x[i % x.shape[0]].sum(), x), T.cumsum(x, axis=0), T.cumsum(x, axis=1), T.cumprod(v), T.cumsum(x),
            T.concatenate([x, y], axis=0), T.stack([x, y]), x.T + y.T, x.dimshuffle(1, "x", 0) * v[:, None, None],
            T.eye(x.shape[0], dtype=dtype), T.arange(x.shape[1]), T.alloc(v[0], x.shape[0], 3), T.tri(x.shape[0]),
            T.switch(x > 0, x, T.exp(x) - 1), T.clip(x, -1, 1), T.nnet.sigmoid(x), T.nnet.softplus(x), T.erf(x),
            T.repeat(x, 3, axis=1), T.tile(x, (2, 1)), x[::-1, ::2], T.extra_ops.diff(x, axis=0),
            T.extra_ops.bincount(i % 5), T.extra_ops.to_one_hot(i % 4, 4),
            T.nnet.relu(t4).sum(axis=(0, 2, 3)), t4.max(axis=(2, 3)), t4.mean(axis=(0, 2, 3), keepdims=True) + t4,
            T.gammaln(T.abs_(x) + 1), T.diag(x), T.extra_ops.fill_diagonal(x, 7.0),
            T.maximum(x, 0).norm(2), T.tensordot(x, y, axes=[[0, 1], [0, 1]]),
        ]
        made = lowered([x, y, v, i, k, t4], outputs, python=True)
        checked = Checked(made.program, family.kernels, tolerance={"float32": 1e-4, "float64": 1e-11}[dtype])
        for n, m in [(1, 2), (6, 40), (70, 6), (33, 130)]:
            values = [rng.standard_normal(s).astype(dtype) for s in [(n, m), (n, m), (m,)]]
            values += [rng.integers(0, 50, n), rng.integers(0, 50, (3, 2))]
            values.append(rng.standard_normal((2, 3, 4, 5)).astype(dtype))
            for width in (32, 128):
                family.runs.append(Run(checked, values, width, made.constants, made.pycalls))
    for dtype in ("float32", "float64"):
        streams = MRG_RandomStreams(7)
        draws = [streams.uniform((n,), dtype=dtype) for n in (1, 50, 700)] + [streams.normal((4, 6), dtype=dtype)]
        given = streams.state_updates
        inputs = [old for old, *_ in given]
        made = lowered(inputs, [*draws, *(new for _, new, *_ in given)], python=True)
        checked = Checked(made.program, family.kernels, tolerance=1e-5)
        values = [old.get_value() for old in inputs]
        family.runs.append(Run(checked, values, 32, made.constants, made.pycalls))
    return family


FAMILIES: dict[str, Callable[[], Family]] = {
    f.__name__: lru_cache(maxsize=None)(f)
    for f in (elementwise, rows, conversions, reductions, updates, in_order, laws, functions)
}

__all__ = ["FAMILIES", "Family", "Run"]
