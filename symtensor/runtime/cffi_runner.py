"""Calling a loaded unit through cffi: what the extension `symtensor._executor` does, where that was not built.

In: a loaded unit and its program. `run(values)` binds, calls and collects as `Executable.run` says. The rules are
those of csrc/executor: workspaces are kept between calls and used by one call at a time; a call from inside itself has
its own; what Python has seen of our memory keeps that memory alive.
"""
from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor.codegen.target import CUnit
from symtensor.ir.nodes import Buffer, Program, PyCall
from symtensor.runtime import facts
from symtensor.runtime._abi import ffi
from symtensor.runtime.binding import adopted, separated
from symtensor.runtime.loader import Unit

Fit = Callable[[int, Any], Any]
Fail = Callable[..., None]


# NumPy 2 moved it.
byte_bounds = np.lib.array_utils.byte_bounds if hasattr(np.lib, "array_utils") else np.byte_bounds


class _Memory:
    """Memory of a unit that NumPy looks at; keeps `owner` alive."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype,
                 owner: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "data": (address, False), "shape": shape, "strides": strides, "typestr": dtype.str}


class _Call:
    """The state of one call."""

    def __init__(self, runner: CffiRunner, values: list[Any], slots: list[Any]) -> None:
        self.runner = runner
        self.values = values
        self.slots = slots  # arrays of bytes
        self.made: dict[int, np.ndarray] = {}
        self.cells: dict[tuple[int, int], Any] = {}  # (operation, output) -> what it returned last
        self.alive: list[Any] = []  # memory that cffi must keep
        self.frame = ffi.new("st_frame *")
        self.error: BaseException | None = None
        self.callee = -1

    def describe(self, target: Any, value: Any) -> None:
        """Fills an st_array for an array or object, in memory of its own."""
        if not isinstance(value, np.ndarray):
            target.data = ffi.cast("char *", id(value))
            return
        sizes = ffi.new("st_i64[]", [*value.shape, *value.strides, 0])
        self.alive.append(sizes)
        target.data = ffi.cast("char *", value.ctypes.data)
        target.dims = sizes
        target.strides = sizes + value.ndim

    def known(self) -> list[Any]:
        """Every array whose memory a descriptor may point into."""
        found = [*self.slots, *self.cells.values(), *self.made.values(), *self.values, *self.runner.constants]
        return [x for x in found if isinstance(x, np.ndarray)]

    def array(self, source: Any, buffer: Buffer) -> np.ndarray:
        """The array that a descriptor describes: one that we know, or a view that keeps its memory alive."""
        dtype = np.dtype(buffer.dtype)
        shape = tuple(source.dims[k] for k in range(buffer.ndim))
        strides = tuple(source.strides[k] for k in range(buffer.ndim))
        if 0 in shape:
            return np.empty(shape, dtype)
        address = int(ffi.cast("intptr_t", source.data))
        for other in self.known():
            low, high = byte_bounds(other)
            if low <= address < high:
                if (other.ctypes.data, other.shape, other.strides, other.dtype) == (address, shape, strides, dtype):
                    return other
                return np.asarray(_Memory(address, shape, strides, dtype, other))
        return np.asarray(_Memory(address, shape, strides, dtype, None)).copy()

    def output(self, k: int, dims: tuple[int, ...]) -> Any:
        array = np.empty(dims, np.dtype(self.runner.results[k].dtype))
        self.made[k] = array
        if len(dims) == self.runner.results[k].ndim:  # else the result is a view, which the unit describes
            self.describe(self.frame.results[k], array)
        return ffi.cast("char *", array.ctypes.data)

    def slot(self, k: int, size: int) -> Any:
        block = self.slots[k]
        if block is None or block.nbytes - 64 < size or self.references(k) > _ALONE:  # Python may still look at it
            block = self.slots[k] = np.empty(size + 64, np.uint8)
        address = block.ctypes.data
        return ffi.cast("char *", address + -address % 64)

    def references(self, k: int) -> int:
        block = self.slots[k]
        return sys.getrefcount(block)

    def python(self, callee: int, inputs: Any, outputs: Any) -> None:
        runner = self.runner
        stmt = runner.called[callee]
        kinds = [runner.kinds[name] for name in stmt.inputs]
        values = [runner.object_at(inputs[k].data, self) if kind.dtype == "object" else self.array(inputs[k], kind)
                  for k, kind in enumerate(kinds)]
        operation = runner.pycalls[callee]
        kinds_out = [runner.kinds[name] for name in stmt.outputs]
        others = [*self.made.values(), *(block for block in self.slots if block is not None)]
        results = adopted(operation(list(values)), stmt, kinds_out, values, str(operation), others)
        for k, value in enumerate(results):
            self.cells[callee, k] = value
            self.fill(outputs[k], value)

    def fill(self, target: Any, value: Any) -> None:
        """Like `describe`, but into the sizes that the caller has set, as the unit may look at them directly."""
        if isinstance(value, np.ndarray) and target.dims:
            for k in range(value.ndim):
                target.dims[k] = value.shape[k]
                target.strides[k] = value.strides[k]
            target.data = ffi.cast("char *", value.ctypes.data)
        else:
            self.describe(target, value)


def _alone() -> int:
    blocks = [np.empty(1)]
    call = _Call.__new__(_Call)
    call.slots = blocks
    return call.references(0)


_ALONE = _alone()  # references to a workspace that nobody looks at


class CffiRunner:
    """Runs a unit; see the module."""

    def __init__(self, program: Program, unit: CUnit, loaded: Unit, library: Sequence[int], constants: Sequence[Any],
                 pycalls: Sequence[Callable[..., Any]], fit: Fit, fail: Fail) -> None:
        self.program = program
        self.loaded = loaded
        self.constants = list(constants)
        self.pycalls = tuple(pycalls)
        self.fit = fit
        self.fail = fail
        self.kinds = facts.by_name(program)
        self.called: dict[int, PyCall] = facts.operations(program)
        self.results = [self.kinds[name] for name in (*program.outputs, *(name for _, name in program.updates))]
        self.n_slots = max(unit.slots, program.slots)
        self.destroyed = facts.written_inputs(program)
        self.library = ffi.new("void *[]", [ffi.cast("void *", address) for address in library] or [ffi.NULL])
        self.slots: list[Any] = [None] * self.n_slots
        self.lock = threading.Lock()

    def free(self) -> None:
        """Gives back the workspaces."""
        self.slots = [None] * self.n_slots

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """One call; see `symtensor.runtime.executor`."""
        if len(values) != len(self.program.inputs):
            raise TypeError(f"{len(self.program.inputs)} input values expected, got {len(values)}")
        bound = separated([self.fit(k, value) for k, value in enumerate(values)], self.destroyed)
        if self.lock.acquire(blocking=False):
            try:
                return self.call(_Call(self, bound, self.slots))
            finally:
                self.lock.release()
        return self.call(_Call(self, bound, [None] * self.n_slots))

    def call(self, call: _Call) -> tuple[list[Any], list[Any]]:
        frame = call.frame
        inputs = ffi.new("st_array[]", len(call.values) + len(self.constants) + 1)
        results = ffi.new("st_array[]", len(self.results) + 1)
        handle = ffi.new_handle(call)
        call.alive += [inputs, results, handle]
        for k, value in enumerate((*call.values, *self.constants)):
            call.describe(inputs[k], value)
        for k, kind in enumerate(self.results):
            sizes = ffi.new("st_i64[]", 2 * kind.ndim + 1)
            call.alive.append(sizes)
            results[k].dims, results[k].strides = sizes, sizes + kind.ndim
        frame.inputs, frame.results, frame.library, frame.owner = inputs, results, self.library, handle
        frame.output, frame.slot, frame.pycall, frame.interrupted = _callbacks()
        frame.error_site = -2
        status = self.main(call)
        if status or call.error is not None:
            site = int(frame.error_site) if call.error is None else -2
            self.fail(site, [int(v) for v in frame.error_values], call.error, call.callee, call.values)
        taken = [self.take(call, results[k], k) for k in range(len(self.results))]
        count = len(self.program.outputs)
        return taken[:count], taken[count:]

    def main(self, call: _Call) -> int:
        """Runs the unit on a frame that is filled in."""
        return self.loaded.main(call.frame)

    def take(self, call: _Call, source: Any, k: int) -> Any:
        """Result k."""
        kind = self.results[k]
        count = len(self.program.outputs)
        position = self.program.updates[k - count][0] if k >= count else -1
        if source.data == ffi.NULL:
            if position < 0:
                raise SystemError(f"the unit did not fill result {k}")
            return call.values[position]
        if kind.dtype == "object":
            return self.object_at(source.data, call)
        array = call.array(source, kind)
        made = call.made.get(k)
        if position >= 0 and array is call.values[position] or array is made:
            return array
        if made is not None and np.may_share_memory(array, made):
            return array
        return array if any(array is cell for cell in call.cells.values()) else array.copy()

    def object_at(self, pointer: Any, call: _Call) -> Any:
        """The Python object at an address, which must be one that the call knows."""
        address = int(ffi.cast("intptr_t", pointer))
        for value in (*call.cells.values(), *call.values, *self.constants):
            if id(value) == address:
                return value
        raise SystemError("the unit returned an object that it was never given")


def _output(frame: Any, k: int, ndim: int, dims: Any, itemsize: int) -> Any:
    call = ffi.from_handle(frame.owner)
    try:
        return call.output(k, tuple(dims[d] for d in range(ndim)))
    except BaseException as error:
        call.error = error if not isinstance(error, ValueError) else MemoryError(str(error))
        return ffi.NULL


def _slot(frame: Any, k: int, size: int) -> Any:
    call = ffi.from_handle(frame.owner)
    try:
        return call.slot(k, size)
    except BaseException as error:
        call.error = error
        return ffi.NULL


def _python(frame: Any, callee: int, n_in: int, inputs: Any, n_out: int, outputs: Any) -> int:
    call = ffi.from_handle(frame.owner)
    try:
        call.python(callee, inputs, outputs)
        return 0
    except BaseException as error:
        call.error, call.callee = error, callee
        frame.error_site = -2
        return -1


def _interrupted(frame: Any) -> int:
    """Running Python at all lets a pending KeyboardInterrupt rise, which cffi hands to `_noted`."""
    return 0


def _noted(kind: Any, error: Any, trace: Any) -> None:
    """Keeps an exception that rose outside of a callback's own care."""
    frame = None if trace is None else trace.tb_frame.f_locals.get("frame")
    if frame is not None:
        ffi.from_handle(frame.owner).error = error


_made: list[tuple[Any, ...]] = []


def _callbacks() -> tuple[Any, ...]:
    """The four callbacks, made once a process."""
    if not _made:
        _made.append((
            ffi.callback("char *(st_frame *, st_i64, st_i64, st_i64 *, st_i64)", _output, ffi.NULL, _noted),
            ffi.callback("char *(st_frame *, st_i64, st_i64)", _slot, ffi.NULL, _noted),
            ffi.callback("int(st_frame *, st_i64, st_i64, st_array **, st_i64, st_array **)", _python, -1, _noted),
            ffi.callback("int(st_frame *)", _interrupted, 1, _noted),
        ))
    return _made[0]
