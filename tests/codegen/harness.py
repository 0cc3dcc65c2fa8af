"""Building small buffered programs, and compiling and running them with strict warnings."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symtensor.codegen.c import print_program, print_routine
from symtensor.codegen.target import DEFAULT_TARGET, CUnit, Target
from symtensor.ir import spec
from symtensor.ir.nodes import (
    Alloc,
    Axis,
    Buffer,
    Const,
    Dim,
    Expr,
    Load,
    Local,
    Loop,
    Nest,
    Op,
    Program,
    Reduce,
    Site,
    Stmt,
    Store,
)
from symtensor.runtime import blas, loader
from symtensor.runtime.binding import fitted
from symtensor.runtime.cffi_runner import CffiRunner

STRICT = (
    "gcc",
    "-std=gnu11",
    "-O2",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-builtin-sinf",
    "-fno-builtin-cosf",
    "-fno-builtin-sin",
    "-fno-builtin-cos",
    "-fopenmp-simd",
    "-mprefer-vector-width=512",
    "-Wall",
    "-Wextra",
    "-Wno-type-limits",  # programs may compare unsigned numbers with 0
    "-Wno-sign-compare",
    "-Wno-tautological-compare",
    "-Wno-bool-compare",
    "-Werror",
    "-fPIC",
    "-shared",
    "-x",
    "c",
)
folder = tempfile.TemporaryDirectory(prefix="symtensor-codegen-")
numbers = itertools.count()
loaded: dict[tuple[str, tuple[str, ...]], Any] = {}


def compile_unit(unit: CUnit, flags: Sequence[str] = ()) -> Path:
    """The library of a unit, without any warning of the compiler."""
    source = Path(folder.name) / f"u{next(numbers)}.c"
    source.write_text(unit.text)
    target = source.with_suffix(".so")
    command = [
        *STRICT,
        *unit.flags,
        *flags,
        *os.environ.get("SYMTENSOR_TEST_CFLAGS", "").split(),
        str(source),
        "-nostartfiles",
        "-nostdlib",
        "-o",
        str(target),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return target


def load_unit(unit: CUnit, flags: Sequence[str] = ()) -> Any:
    key = (unit.text, tuple(flags))
    if key not in loaded:
        loaded[key] = loader.load(compile_unit(unit, flags), str(hash(key)))
    return loaded[key]


def routine_address(entry: str) -> int:
    if entry == "blas":
        return blas.table()
    unit = print_routine(entry)
    if (entry, ()) not in loaded:
        library = ctypes.CDLL(str(compile_unit(unit)))
        loaded[entry, ()] = library
    return ctypes.cast(getattr(loaded[entry, ()], unit.exports[0]), ctypes.c_void_p).value or 0


class Failed(Exception):
    """A failed call: the site and the values."""


def runner(
    program: Program,
    constants: Sequence[Any] = (),
    pycalls: Sequence[Callable[..., Any]] = (),
    target: Target = DEFAULT_TARGET,
    flags: Sequence[str] = (),
) -> CffiRunner:
    spec.check(program)
    unit = print_program(program, target)
    kinds = {b.name: b for b in program.buffers}

    def fit(k: int, value: Any) -> Any:
        return fitted(value, kinds[program.inputs[k]], f"input {k}")

    def fail(site: int, values: list[int], error: Any, callee: int, given: Any) -> None:
        if error is not None:
            raise error
        raise Failed(site, *values[:8])

    return CffiRunner(
        program, unit, load_unit(unit, flags), [routine_address(e) for e in unit.library], constants, pycalls, fit, fail
    )


def run(program: Program, *values: Any, **options: Any) -> list[Any]:
    """The outputs of one call."""
    return runner(program, **options).run(list(values))[0]


# -- building


def i64(value: int) -> Const:
    return Const(value, "int64")


def op(name: str, *args: Expr, dtype: str | None = None) -> Op:
    return Op(name, args, dtype or args[0].dtype)


class Builder:
    """Collects the parts of a program. Buffers are named by the caller."""

    def __init__(self) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.inputs: list[str] = []
        self.constants: list[str] = []
        self.body: list[Stmt] = []
        self.outputs: list[str] = []
        self.updates: list[tuple[int, str]] = []
        self.sites: list[Site] = []
        self.slots = 0

    def buffer(
        self, name: str, dtype: str, ndim: int = 0, broadcast: tuple[bool, ...] | None = None, layout: str = "c"
    ) -> str:
        self.buffers[name] = Buffer(name, dtype, broadcast if broadcast is not None else (False,) * ndim, layout)
        return name

    def input(
        self, name: str, dtype: str, ndim: int = 0, broadcast: tuple[bool, ...] | None = None, layout: str = "any"
    ) -> str:
        self.inputs.append(self.buffer(name, dtype, ndim, broadcast, layout))
        return name

    def alloc(self, name: str, dtype: str, *dims: Expr, output: bool = False, emit: bool = True) -> str:
        self.buffer(name, dtype, broadcast=tuple(isinstance(d, Const) and d.value == 1 for d in dims))
        if output:
            place = ("output", len(self.outputs))
            self.outputs.append(name)
        else:
            place = ("slot", self.slots)
            self.slots += 1
        if emit:
            self.body.append(Alloc(name, dims, place))
        return name

    def load(self, name: str, *index: Expr) -> Load:
        return Load(name, index, self.buffers[name].dtype)

    def dims(self, name: str) -> tuple[Dim, ...]:
        return tuple(Dim(name, k) for k in range(len(self.buffers[name].broadcast)))

    def elementwise(self, out: str, extents: Sequence[Expr], value: Callable[..., Expr], inplace: tuple = ()) -> None:
        """out[i, j ...] = value(i, j ...)."""
        names = [f"i{k}" for k in range(len(extents))]
        index = tuple(Local(n) for n in names)
        body: Any = Store(out, index, value(*index))
        for name, extent in zip(reversed(names), reversed(extents)):
            body = Loop(Axis(name, extent), (body,))
        self.body.append(Nest((body,), inplace=inplace))

    def program(self) -> Program:
        return Program(
            "test",
            "buffered",
            tuple(self.buffers.values()),
            tuple(self.inputs),
            tuple(self.constants),
            tuple(self.outputs),
            tuple(self.updates),
            tuple(self.body),
            tuple(self.sites),
            self.slots,
        )


def reduced(name: str, extents: Sequence[Expr], body: Callable[..., Expr], dtype: str) -> Reduce:
    """A reduction over new axes."""
    names = [f"r{k}" for k in range(len(extents))]
    return Reduce(name, tuple(Axis(n, e) for n, e in zip(names, extents)), body(*(Local(n) for n in names)), dtype)


def variants(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same values in different memory: dense, transposed, reversed, every second element, at an odd offset."""
    wide = np.zeros(tuple(2 * n + 1 for n in array.shape), array.dtype)
    spread = wide[tuple(slice(0, 2 * n, 2) for n in array.shape)]
    spread[...] = array
    backwards = array[tuple(slice(None, None, -1) for _ in array.shape)].copy()[
        tuple(slice(None, None, -1) for _ in array.shape)
    ]
    room = np.zeros(array.size + 1, array.dtype)
    shifted = room[1:].reshape(array.shape)
    shifted[...] = array
    return {
        "dense": array.copy(),
        "fortran": np.asfortranarray(array),
        "reversed": backwards,
        "spread": spread,
        "shifted": shifted,
    }
