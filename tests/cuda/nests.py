"""Checks the kernels of the nests of programs: on the shim each must do what the interpreter does.

`collect` prints the kernels of a program's nests; `Checked` is an interpreter run in which every nest is done twice,
once by the interpreter and once by its kernel, on copies of the same memory, and what they write is compared.
"""
from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np
import shim

from symtensor.codegen.cuda import PrintedKernel, has_kernel, kernel_text, print_kernel
from symtensor.codegen.facts import BufferFacts, of_buffer, of_view
from symtensor.codegen.target import DEFAULT_TARGET, Target
from symtensor.ir.nodes import (
    Alloc, Check, Const, Dim, Expr, Local, Nest, Op, Program, Reshape, Same, View,
)
from symtensor.ir.walk import statements, writes
from symtensor.runtime import interpreter
from symtensor.runtime.nests import NestEvaluator

KERNELS_A_UNIT = 40

_bounds = np.lib.array_utils.byte_bounds if hasattr(np.lib, "array_utils") else np.byte_bounds  # NumPy 1.26

C_TYPES = {"_Bool": np.bool_, "st_i8": np.int8, "st_i16": np.int16, "st_i32": np.int32, "st_i64": np.int64,
           "st_u8": np.uint8, "st_u16": np.uint16, "st_u32": np.uint32, "st_u64": np.uint64, "float": np.float32,
           "double": np.float64}


class Facts:
    """What is known about sizes in a program: keys as the printers of units make them, checks counted everywhere."""

    def __init__(self, program: Program):
        self.buffers = {b.name: b for b in program.buffers}
        self.keys: dict[tuple[str, int], str] = {}
        self.equal: dict[str, str] = {}
        self.views: dict[str, View] = {}
        order = list(statements(program.body))
        for stmt in order:
            if isinstance(stmt, (Alloc, Reshape)):
                self.define(stmt.buffer, stmt.dims)
            elif isinstance(stmt, View):
                self.views[stmt.buffer] = stmt
                self.define(stmt.buffer, [a.extent for a in stmt.axes])
            elif isinstance(stmt, Same):
                self.define(stmt.buffer, [Dim(stmt.source, k) for k in range(self.buffers[stmt.buffer].ndim)])
        for stmt in order:
            if isinstance(stmt, Check):
                self.check(stmt.condition)

    def define(self, name: str, dims: Sequence[Expr]) -> None:
        for axis, expr in enumerate(dims):
            if isinstance(expr, Const):
                self.keys[name, axis] = str(expr.value)
            elif isinstance(expr, (Dim, Local)):
                self.keys[name, axis] = self.key(expr)

    def check(self, condition: Expr) -> None:
        if isinstance(condition, Op) and condition.name == "and_":
            for arg in condition.args:
                self.check(arg)
        if isinstance(condition, Op) and condition.name == "eq":
            a, b = condition.args
            if all(isinstance(e, (Dim, Local)) or isinstance(e, Const) and e.dtype == "int64" for e in (a, b)):
                first, second = (str(e.value) if isinstance(e, Const) else self.key(e) for e in (a, b))
                first, second = sorted((self.root(first), self.root(second)), key=lambda k: not k.isdigit())
                if first != second:
                    self.equal[second] = first

    def root(self, key: str) -> str:
        while key in self.equal:
            key = self.equal[key]
        return key

    def key(self, expr: Expr) -> str:
        if isinstance(expr, Local):
            return self.root(f"local {expr.name}")
        assert isinstance(expr, Dim)
        if self.buffers[expr.buffer].broadcast[expr.axis]:
            return "1"
        return self.root(self.keys.get((expr.buffer, expr.axis), f"dim {expr.buffer} {expr.axis}"))

    def of(self, name: str) -> BufferFacts:
        buffer = self.buffers[name]
        dims = tuple(self.key(Dim(name, k)) for k in range(buffer.ndim))
        view = self.views.get(name)
        return of_buffer(buffer, dims) if view is None else of_view(buffer, dims, view, self.of(view.base))


class Collection:
    """The kernels of many programs, in units of several. `change` may make other texts of them, to see what happens."""

    def __init__(self, change: Callable[[str], str] = str) -> None:
        self.kernels: dict[str, PrintedKernel] = {}
        self.where: dict[str, tuple[int, str]] = {}
        self.change = change
        self.modules: dict[int, shim.Module] = {}
        self.ran = 0

    def add(self, kernel: PrintedKernel) -> None:
        if kernel.text not in self.kernels:
            unit, at = divmod(len(self.kernels), KERNELS_A_UNIT)
            assert unit not in self.modules
            self.kernels[kernel.text] = kernel
            self.where[kernel.text] = unit, f"k{at}"

    def texts(self) -> list[str]:
        """The units' texts."""
        kernels = list(self.kernels.values())
        return [kernel_text(kernels[k:k + KERNELS_A_UNIT]) for k in range(0, len(kernels), KERNELS_A_UNIT)]

    def launch(self, kernel: PrintedKernel, grid: int, block: tuple[int, int], args: int) -> None:
        unit, name = self.where[kernel.text]
        if unit not in self.modules:
            self.modules[unit] = shim.load(self.change(self.texts()[unit]))
        self.modules[unit].launch(name, (grid, 1, 1), (*block, 1), args)
        self.ran += 1


class Checked:
    """A program whose nests are checked each time it runs. `collection` gets the kernels when this is made."""

    def __init__(self, program: Program, collection: Collection, target: Target = DEFAULT_TARGET,
                 tolerance: float | Callable[[str], float] = 0.0):
        self.program = program
        self.collection = collection
        self.tolerance = tolerance
        self.buffers = {b.name: b for b in program.buffers}
        self.kernels: dict[int, PrintedKernel | None] = {}
        self.checked = 0
        self.facts = facts = Facts(program)
        for stmt in statements(program.body):
            if isinstance(stmt, Nest):
                kernel = None
                if has_kernel(stmt, self.buffers):
                    names = {name: facts.of(name) for name in self.buffers}
                    kernel = print_kernel(stmt, names, facts.key, target)
                    collection.add(kernel)
                self.kernels[id(stmt)] = kernel

    def run(self, values: Sequence[Any], width: int = 32, constants: Sequence[Any] = (),
            pycalls: Sequence[Any] = ()) -> list[Any]:
        """The interpreter's outputs. Asserts that every kernel writes what the interpreter does."""
        checked = self

        class Evaluator(NestEvaluator):
            def run(self, nest: Nest, names: dict[str, Any], serial: frozenset[str]) -> None:
                kernel = checked.kernels[id(nest)]
                if kernel is None:
                    super().run(nest, names, serial)
                    return
                arrays, memory = copies(self.buffers, [p[1] for p in kernel.params if p[0] == "pointer"])
                super().run(nest, names, serial)
                checked.kernel(kernel, arrays, self.buffers, names, width)
                for name in writes(nest):
                    checked.compare(nest, kernel, name, arrays[name], self.buffers[name])
                checked.checked += 1

        with mock.patch.object(interpreter, "NestEvaluator", Evaluator):
            plan = interpreter.Interpreter(self.program, constants, pycalls, sharing=False, poison=True)
            return plan.run(values)[0]

    def compare(self, nest: Nest, kernel: PrintedKernel, name: str, found: np.ndarray, wanted: np.ndarray) -> None:
        text = f"{name} of {nest}\n{kernel.text}"
        tolerance = self.tolerance if isinstance(self.tolerance, float) else self.tolerance(name)
        if wanted.dtype.kind == "f" and tolerance:
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=min(tolerance, 1e-3), err_msg=text)
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=text)

    def kernel(self, kernel: PrintedKernel, arrays: dict[str, np.ndarray], buffers: dict[str, Any],
               names: dict[str, Any], width: int) -> None:
        """Runs a kernel on arrays."""
        declared = kernel.text.partition("@(")[2].partition(") {")[0].split(", ")
        held: list[Any] = []
        for param, text in zip(kernel.params, declared if kernel.params else [], strict=True):
            if param[0] == "pointer":
                held.append(ctypes.c_void_p(arrays[param[1]].ctypes.data))
            elif param[0] == "stride":
                held.append(ctypes.c_int64(arrays[param[1]].strides[param[2]]))
            else:
                held.append(np.array([self.value(param[1], buffers, names)], C_TYPES[text.rsplit(" ", 1)[0]]))
        addresses = (ctypes.c_void_p * max(len(held), 1))(*(
            x.ctypes.data if isinstance(x, np.ndarray) else ctypes.addressof(x) for x in held))
        points = self.product(kernel.points, buffers, names)
        if points == 0:
            return
        if kernel.width:
            block, grid = (width, max(1, 64 // width) if width <= 32 else 1), min(points, 3)
        else:
            block, grid = (64, 1), min(-(-points // 64), 3)
        self.collection.launch(kernel, grid, block, ctypes.addressof(addresses))

    def value(self, key: str, buffers: dict[str, Any], names: dict[str, Any]) -> Any:
        """What a key of `Facts` stands for."""
        for same in [key, *(k for k in self.facts.equal if self.facts.root(k) == key)]:
            kind, *words = same.split(" ")
            if kind == "dim" and words[0] in buffers:
                return buffers[words[0]].shape[int(words[1])]
            if kind == "local" and words[0] in names:
                return names[words[0]]
            if kind.isdigit():
                return int(kind)
        raise KeyError(key)

    def product(self, factors: Sequence[str], buffers: dict[str, Any], names: dict[str, Any]) -> int:
        return math.prod(int(self.value(factor, buffers, names)) for factor in factors)


def copies(buffers: dict[str, Any], names: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[int, np.ndarray]]:
    """Copies of arrays that share memory where the arrays do, each inside memory of its own otherwise."""
    memory: dict[int, np.ndarray] = {}
    found: dict[str, np.ndarray] = {}
    for name in names:
        array = buffers[name]
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        low = _bounds(base)[0] if base.size else 0
        key = base.ctypes.data
        if key not in memory:
            size = _bounds(base)[1] - low if base.size else 0
            memory[key] = np.empty(size + 16, np.uint8)
            if size:
                ctypes.memmove(memory[key].ctypes.data, low, size)
        offset = array.ctypes.data - low if array.size else 0
        found[name] = np.ndarray(array.shape, array.dtype, memory[key], offset, array.strides)
    return found, memory
