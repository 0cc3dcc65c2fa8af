"""The interpreter: runs a Program with NumPy, statement by statement. It is the meaning that the printed C must match.

In: a Program in stage "nests" or "buffered", its constants, its Python operations (callables that take the list of
input values and return the list of results), the values of its inputs. Out: the output values and the new values of the
updates. Refused: inputs of another dtype or rank (TypeError); whatever a Check refuses.

`before` and `after` are called with every statement and the buffers by name (a dict of arrays and objects): debugging
modes look at `symtensor.ir.walk.writes(stmt)`. `poison` fills new memory with NaN and other implausible values;
`sharing` puts buffers of one slot into the same memory, as compiled code does, instead of fresh arrays.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np

from symtensor.ir.nodes import (
    Alloc, Call, Check, Copied, Define, Expr, If, Let, Nest, Program, PyCall, Reshape, Same, Stmt, View, While,
)
from symtensor.ir.walk import statements
from symtensor.runtime import facts
from symtensor.runtime.binding import adopted, fitted, separated
from symtensor.runtime.failures import ErrorHook, decorated, site_error
from symtensor.runtime.library import ROUTINES
from symtensor.runtime.nests import NestEvaluator, Scope, serial_indices

Hook = Callable[[Stmt, dict[str, Any]], None]
PyOperation = Callable[[list[Any]], Sequence[Any]]


class Interpreter:
    """A program made ready for interpretation; `run` may be called any number of times, from several threads."""

    def __init__(self, program: Program, constants: Sequence[Any] = (), pycalls: Sequence[PyOperation] = (), *,
                 on_error: Optional[ErrorHook] = None, before: Optional[Hook] = None, after: Optional[Hook] = None,
                 poison: bool = False, sharing: bool = False) -> None:
        if len(constants) != len(program.constants):
            raise ValueError(f"{len(program.constants)} constants expected, got {len(constants)}")
        self.program = program
        self.facts = facts.by_name(program)
        self.written = facts.written_inputs(program)
        self.constants = [fitted(value, self.facts[name], f"constant {name}")
                          for name, value in zip(program.constants, constants)]
        self.pycalls = tuple(pycalls)
        self.on_error = on_error
        self.before = before
        self.after = after
        self.poison = poison
        self.sharing = sharing
        self.serial = {id(s): serial_indices(s) for s in statements(program.body) if isinstance(s, Nest)}

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """One call: (outputs, new values of `program.updates`, in order). An update made in place returns the array
        that was handed in, or a copy of it where it was read-only or shared memory with another input."""
        program = self.program
        if len(values) != len(program.inputs):
            raise TypeError(f"{len(program.inputs)} input values expected, got {len(values)}")
        bound = [fitted(value, self.facts[name], f"input {k} ({name})")
                 for k, (name, value) in enumerate(zip(program.inputs, values))]
        run = _Run(self, separated(bound, self.written))
        with np.errstate(all="ignore"):
            run.block(program.body, {})
        outputs = [run.buffers[name] for name in program.outputs]
        updates = [run.buffers[name] for _, name in program.updates]
        if program.stage == "nests":
            outputs = _separate(outputs, [*run.values, *self.constants, *updates])
            updates = _separate(updates, [*run.values, *self.constants])
        return outputs, updates


class _Run:
    """The state of one call."""

    def __init__(self, plan: Interpreter, values: list[Any]) -> None:
        self.plan = plan
        self.values = values
        self.buffers: dict[str, Any] = dict(zip(plan.program.inputs, values))
        self.buffers.update(zip(plan.program.constants, plan.constants))
        self.evaluator = NestEvaluator(self.buffers)
        self.slots: dict[int, Any] = {}
        self.user_errstate = np.geterr()

    def block(self, body: tuple[Stmt, ...], names: dict[str, Any]) -> None:
        """Runs statements in order; `names` gains what they bind."""
        plan = self.plan
        for stmt in body:
            if plan.before is not None:
                plan.before(stmt, self.buffers)
            try:
                _STATEMENTS[type(stmt)](self, stmt, names)
            except Exception as error:
                if isinstance(stmt, (If, While)):
                    raise  # the statement inside has been named
                origin = getattr(stmt, "origin", ())
                node = plan.program.sites[stmt.site].node if isinstance(stmt, Check) else (origin or (-1,))[0]
                final = decorated(error, node, self.values, plan.on_error)
                if final is error:
                    raise
                raise final from error
            if plan.after is not None:
                plan.after(stmt, self.buffers)

    def scalar(self, expr: Expr, names: dict[str, Any]) -> Any:
        return self.evaluator.value(expr, Scope(names, {}, ()))

    def integers(self, exprs: tuple[Expr, ...], names: dict[str, Any]) -> tuple[int, ...]:
        return tuple(int(self.scalar(expr, names)) for expr in exprs)

    # ------------------------------------------------------------------------------------------------------ memory

    def memory(self, buffer: str, dims: tuple[int, ...], place: tuple[str, int] | None) -> np.ndarray:
        """A new array for a buffer, in the place that the plan gives it."""
        dtype = np.dtype(self.plan.facts[buffer].dtype)
        if min(dims, default=0) < 0:
            raise ValueError(f"negative size in shape {dims}")
        size = math.prod(dims) * dtype.itemsize
        if size > np.iinfo(np.int64).max:
            raise MemoryError(f"an array of shape {dims} is too large")
        if place is None or place[0] == "output":
            array = np.empty(dims, dtype)
        elif self.plan.sharing:
            block = self.slots.get(place[1])
            if block is None or block.nbytes < size:
                block = self.slots[place[1]] = np.empty(size, np.uint8)
            array = block[:size].view(dtype).reshape(dims)
        else:
            self.buffers.pop(self.slots.get(place[1], ""), None)
            self.slots[place[1]] = buffer
            array = np.empty(dims, dtype)
        if self.plan.poison:
            array[...] = poison_value(dtype)
        return array

    def alloc(self, stmt: Alloc, names: dict[str, Any]) -> None:
        self.buffers[stmt.buffer] = self.memory(stmt.buffer, self.integers(stmt.dims, names), stmt.place)

    def define(self, stmt: Define, names: dict[str, Any]) -> None:
        self.buffers[stmt.buffer] = self.memory(stmt.buffer, self.integers(stmt.dims, names), None)

    def copied(self, stmt: Copied, names: dict[str, Any]) -> None:
        self.buffers[stmt.buffer] = self.buffers[stmt.source].copy(order="C")

    def same(self, stmt: Same, names: dict[str, Any]) -> None:
        self.buffers[stmt.buffer] = self.buffers[stmt.source]

    def view(self, stmt: View, names: dict[str, Any]) -> None:
        base = self.buffers[stmt.base]
        start = self.integers(stmt.start, names)
        extents = self.integers(tuple(a.extent for a in stmt.axes), names)
        steps = self.integers(tuple(a.step for a in stmt.axes), names)
        self.buffers[stmt.buffer] = _view(base, start, list(zip((a.base_axis for a in stmt.axes), extents, steps)))

    def reshape(self, stmt: Reshape, names: dict[str, Any]) -> None:
        base = self.buffers[stmt.base]
        dims = self.integers(stmt.dims, names)
        if not base.flags.c_contiguous:
            if stmt.place is not None:
                copy = self.memory(stmt.buffer, dims, stmt.place)
                copy.reshape(base.shape)[...] = base
                base = copy
            elif self.plan.program.stage == "buffered":
                raise ValueError(f"{stmt.base} was promised to be contiguous")
        self.buffers[stmt.buffer] = base.reshape(dims)

    # ------------------------------------------------------------------------------------------------- computations

    def let(self, stmt: Let, names: dict[str, Any]) -> None:
        names[stmt.name] = self.scalar(stmt.value, names)

    def nest(self, stmt: Nest, names: dict[str, Any]) -> None:
        self.evaluator.run(stmt, names, self.plan.serial[id(stmt)])

    def call(self, stmt: Call, names: dict[str, Any]) -> None:
        scalars = [self.scalar(expr, names) for expr in stmt.scalars]
        ROUTINES[stmt.name]([self.buffers[n] for n in stmt.outputs], [self.buffers[n] for n in stmt.inputs], scalars)

    def pycall(self, stmt: PyCall, names: dict[str, Any]) -> None:
        inputs = [self.buffers[name] for name in stmt.inputs]
        operation = self.plan.pycalls[stmt.callee]
        facts = [self.plan.facts[name] for name in stmt.outputs]
        others = list(self.slots.values()) if self.plan.sharing else ()
        results = adopted(self.python(operation, list(inputs)), stmt, facts, inputs, str(operation), others)
        self.buffers.update(zip(stmt.outputs, results))

    def python(self, operation: PyOperation, inputs: list[Any]) -> Any:
        """Runs a Python operation under the caller's floating-point settings."""
        with np.errstate(**self.user_errstate):
            return operation(inputs)

    def check(self, stmt: Check, names: dict[str, Any]) -> None:
        if not self.scalar(stmt.condition, names):
            raise site_error(self.plan.program.sites[stmt.site], self.integers(stmt.values, names))

    # ---------------------------------------------------------------------------------------------------- control

    def branch(self, stmt: If, names: dict[str, Any]) -> None:
        self.block(stmt.then if self.scalar(stmt.condition, names) else stmt.orelse, dict(names))

    def repeat(self, stmt: While, names: dict[str, Any]) -> None:
        count = 0
        for step in range(int(self.scalar(stmt.limit, names))):
            inner = {**names, stmt.index: np.int64(step)}
            self.block(stmt.body, inner)
            count = step + 1
            if stmt.until is not None and self.scalar(stmt.until, inner):
                break
        if stmt.count is not None:
            names[stmt.count] = np.int64(count)


_STATEMENTS: dict[type, Callable[..., None]] = {
    Let: _Run.let, Nest: _Run.nest, Define: _Run.define, Copied: _Run.copied, Alloc: _Run.alloc, Same: _Run.same,
    View: _Run.view, Reshape: _Run.reshape, Call: _Run.call, PyCall: _Run.pycall, Check: _Run.check, If: _Run.branch,
    While: _Run.repeat,
}


def poison_value(dtype: np.dtype) -> Any:
    """What nobody should read: NaN, or a large odd number."""
    if dtype.kind in "fc":
        return np.nan
    return True if dtype.kind == "b" else np.iinfo(dtype).max // 3 * 2 + 1


def _view(base: np.ndarray, start: tuple[int, ...], axes: list[tuple[Optional[int], int, int]]) -> np.ndarray:
    parts: list[Any] = list(start)
    steady = False
    for axis, extent, step in axes:
        if axis is not None:
            stop = start[axis] + step * extent
            parts[axis] = slice(start[axis], stop if stop >= 0 else None, step) if extent and step else slice(0, 0)
            steady |= extent > 0 and step == 0
    if steady:  # the same element again and again: no slice says this
        parts = [slice(s, s + 1) if base.shape[k] else slice(0, 0) for k, s in enumerate(start)]
        shape = [extent for _, extent, _ in axes]
        strides = [0 if axis is None else base.strides[axis] * step for axis, _, step in axes]
        return np.lib.stride_tricks.as_strided(base[tuple(parts)], shape, strides)
    if any(isinstance(p, int) and p >= length for p, length in zip(parts, base.shape)):
        if all(extent for _, extent, _ in axes):
            raise IndexError(f"view of shape {base.shape} starts at {start}")
        return np.empty([extent for _, extent, _ in axes], base.dtype)
    view = base[tuple(parts) + (...,)]
    left = sorted(axis for axis, _, _ in axes if axis is not None)
    view = view.transpose([left.index(axis) for axis, _, _ in axes if axis is not None])
    return view[tuple(None if axis is None else slice(None) for axis, _, _ in axes) + (...,)]


def _separate(values: list[Any], others: list[Any]) -> list[Any]:
    """Results that share no memory with what the caller keeps, nor with one another."""
    result: list[Any] = []
    for value in values:
        if isinstance(value, np.ndarray):
            if any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in (*others, *result)):
                value = value.copy()
        result.append(value)
    return result
