"""Calling a unit of the target stage: the host unit through cffi, its kernels and device memory through a `Device`.

In: a loaded host unit, its placed program, its kernels and the device. `run(values)` binds, calls and collects as
`Executable.run` says. Inputs that live on the device may come as `DeviceArray`s or as NumPy arrays, which are moved
there; what lives there among the updates comes back as `DeviceArray`s. Workspaces of the device are kept between calls
like those of the host; large ones go back to the device's pool unless `keep` is set, or there are graphs, or may be.

A failed call has written no shared value: writes over them stand at the program's end, other new values are memory of
their own.
"""
from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, Optional

import numpy as np

from symtensor.codegen.target import CUnit
from symtensor.ir.nodes import Buffer, Program
from symtensor.runtime._abi import ffi
from symtensor.runtime.binding import separated
from symtensor.runtime.cffi_runner import CffiRunner, Fail, Fit, _Call
from symtensor.runtime.cuda.array import UNKNOWN, DeviceArray, Extremes, Source
from symtensor.runtime.cuda.device import Device
from symtensor.runtime.cuda.graphs import Recorder, recorder
from symtensor.runtime.cuda.queue import Launcher, Queue, geometry
from symtensor.runtime.loader import Unit

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]

__all__ = ["CudaRunner"]

LEAST_KEPT = 1 << 20  # bytes of a workspace that goes back to the pool


class _Operand(NamedTuple):
    """An array as a routine gets it."""

    address: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Workspaces:
    """Memory of the device for the slots of one call at a time; C reads the lists of addresses and sizes."""

    def __init__(self, device: Device, count: int, launcher: Optional[Launcher],
                 recorder: Optional[Recorder] = None) -> None:
        self.device = device
        self.recorder = recorder
        self.addresses = (ctypes.c_void_p * (count + 1))()
        self.sizes = (ctypes.c_longlong * (count + 1))()
        self.queue = Queue(int(ffi.cast("uintptr_t", _table())), launcher, device.multiprocessors, self.addresses,
                           self.sizes, recorder.native if recorder is not None else None)
        if recorder is not None:
            recorder.queue = self.queue

    def get(self, k: int, size: int) -> int:
        address = self.addresses[k]
        if address and self.sizes[k] >= size:
            return address
        self._free(k)
        self.addresses[k] = address = self.device.alloc(max(size, 1))
        self.sizes[k] = max(size, 1)
        return address

    def _free(self, k: int) -> None:
        address, self.addresses[k] = self.addresses[k], None
        if address:
            if self.recorder is not None:
                self.recorder.drop()
            self.device.free(address)

    def drop(self, least: int = 0) -> None:
        """Gives back blocks of at least so many bytes."""
        for k, size in enumerate(self.sizes):
            if size >= least:
                self._free(k)

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.drop()


class _DeviceCall(_Call):
    """The state of one call."""

    runner: CudaRunner

    def __init__(self, runner: CudaRunner, values: list[Any], slots: list[Any], workspaces: _Workspaces) -> None:
        super().__init__(runner, values, slots)
        self.workspaces = workspaces
        self.new: dict[int, DeviceArray] = {}

    def describe(self, target: Any, value: Any) -> None:
        if not isinstance(value, DeviceArray):
            super().describe(target, value)
            return
        sizes = ffi.new("st_i64[]", [*value.shape, *_strides(value.shape, value.dtype.itemsize), 0])
        self.alive.append(sizes)
        target.data = ffi.cast("char *", value.address)
        target.dims = sizes
        target.strides = sizes + len(value.shape)

    def output(self, k: int, dims: tuple[int, ...]) -> Any:
        self.alive.append(self.made.get(k))  # work that was written down may be for it
        return super().output(k, dims)

    def python(self, callee: int, inputs: Any, outputs: Any) -> None:
        replay = self.workspaces.queue.replay
        if replay is not None and replay.submit(int(ffi.cast("uintptr_t", self.frame))):
            raise self.error or self.workspaces.queue.failure() or RuntimeError("the device failed")
        super().python(callee, inputs, outputs)

    def device_output(self, k: int, dims: tuple[int, ...]) -> Any:
        found = self.new.get(k)
        if found is None or found.shape != dims:
            self.alive.append(found)  # as above
            found = self.new[k] = DeviceArray.empty(self.runner.device, dims, self.runner.results[k].dtype)
        self.describe(self.frame.results[k], found)
        return ffi.cast("char *", found.address)

    def routine(self, entry: int, ndim: int, outputs: Any, inputs: Any, scalars: Any) -> None:
        name, run, ranks, dtype, count = self.runner.routines[entry]
        operands = [
            _Operand(int(ffi.cast("intptr_t", a.data)), dtype, tuple(a.dims[k] for k in range(rank)),
                     tuple(a.strides[k] for k in range(rank)))  # of rank 0 there are no lists at all
            for group, array in zip(ranks, (outputs, inputs))
            for a, rank in ((array[k], rank) for k, rank in enumerate(group))]
        kind = "double *" if dtype == "float64" else "float *"
        numbers = [float(ffi.cast(kind, scalars[k])[0]) for k in range(count)]
        run(operands[:len(ranks[0])], operands[len(ranks[0]):], numbers)


class _Standing(_DeviceCall):
    """The state of all calls of a unit, one after the other, that the extension binds, runs and collects
    (csrc/executor/placed.c)."""

    def __init__(self, runner: CudaRunner, library: Sequence[int]) -> None:
        super().__init__(runner, [], runner.slots, runner.workspaces)
        program, kinds = runner.program, runner.kinds
        names = (*program.inputs, *program.constants)
        queue = runner.workspaces.queue
        self.native = _executor.Placed(
            main=runner.loaded.address, inputs=tuple(_spec(kinds[name]) for name in names),
            constants=tuple(runner.constants), results=tuple(map(_spec, runner.results)),
            positions=tuple(position for position, _ in program.updates),
            written=bytes(k in runner.destroyed for k in range(len(program.inputs))),
            remote=bytes(kinds[name].home == "device" for name in names),
            remote_results=bytes(kind.home == "device" for kind in runner.results), library=tuple(library),
            slots=runner.n_slots, kind=DeviceArray, device=runner.device, queue=queue.address, replay=queue.replay,
            context=(0, 0, 0, 0) if runner.launcher is None else runner.launcher.context)
        self.frame = ffi.cast("st_frame *", self.native.frame)
        self.handle = ffi.new_handle(self)
        self.frame.owner = self.handle
        self.remote = tuple(k for k, kind in enumerate(runner.results) if kind.home == "device")

    def clear(self) -> None:
        """Forgets a call."""
        self.values = []
        self.error = None
        if self.new or self.alive:
            self.new, self.alive = {}, []


def _wanted(buffer: Buffer) -> tuple[np.dtype, int, tuple[int, ...]]:
    """A buffer's dtype and rank, and its axes of length 1."""
    return np.dtype(buffer.dtype), buffer.ndim, tuple(k for k, one in enumerate(buffer.broadcast) if one)


def _spec(buffer: Buffer) -> tuple[Any, tuple[bool, ...], bool]:
    """A buffer as the extension reads it."""
    return np.dtype(buffer.dtype), tuple(buffer.broadcast), buffer.layout == "c" and buffer.ndim > 0


# Ranks of outputs and of inputs, and the number of scalars, of the routines that a device may have.
_ROUTINES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "gemm": ((2,), (2, 2), 2), "batched_gemm": ((3,), (3, 3), 2), "gemv": ((1,), (2, 1), 2), "ger": ((2,), (1, 1), 1),
    "dot": ((0,), (1, 1), 0),
}


def _strides(shape: Sequence[int], itemsize: int) -> list[int]:
    strides, step = [], itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return strides[::-1]


class CudaRunner(CffiRunner):
    """Runs a unit; see the module. `moving`: positions of the inputs that live on the device."""

    def __init__(self, program: Program, unit: CUnit, loaded: Unit, library: Sequence[int], constants: Sequence[Any],
                 pycalls: Sequence[Callable[..., Any]], fit: Fit, fail: Fail, device: Device, keep: bool,
                 sources: Sequence[Source] = ()) -> None:
        super().__init__(program, unit, loaded, library, constants, pycalls, fit, fail)
        self.device = device
        self.keep = keep
        self.sources = sources
        self.module = device.load(unit.kernels) if unit.kernels is not None else None
        self.moving = frozenset(k for k, name in enumerate(program.inputs) if self.kinds[name].home == "device")
        self.overwritten = tuple(k for k in self.destroyed if k in self.moving)
        self.wanted = {k: _wanted(self.kinds[program.inputs[k]]) for k in self.moving}
        self.constants = [
            DeviceArray.from_host(device, value) if self.kinds[name].home == "device" else value
            for name, value in zip(program.constants, constants, strict=True)]
        self.routines: list[tuple[str, Any, tuple[tuple[int, ...], tuple[int, ...]], str, int]] = []
        for entry in unit.routines:
            name, _, tag = entry.rpartition("_")
            found = device.routine(entry)
            if found is None:
                raise ValueError(f"{device.name} has no {entry}")
            outputs, inputs, count = _ROUTINES[name]
            self.routines.append((entry, found, (outputs, inputs), "float64" if tag == "f64" else "float32", count))
        self.launcher = device.launcher(self.module) if self.module is not None else None
        self.recorder: Optional[Recorder] = None
        if unit.kernels is not None:
            self.recorder = recorder(self.launcher, unit.kernels, program, [
                (*ranks, count, np.dtype(dtype).itemsize) for _, _, ranks, dtype, count in self.routines])
        self.workspaces = _Workspaces(device, self.n_slots, self.launcher, self.recorder)
        objects = any(kind.dtype == "object" for kind in program.buffers)
        plain = not (self.called or objects or set(self.destroyed) - self.moving)
        self.standing = _Standing(self, library) if plain and _executor is not None else None
        if isinstance(keepers := getattr(device, "keepers", None), weakref.WeakSet):
            keepers.add(self)
        # Where C cannot, Python makes the device the thread's own.
        self.activates = self.launcher is not None and not self.launcher.context[3]

    def free(self) -> None:
        super().free()
        if self.lock.acquire(blocking=False):
            try:
                self.workspaces.drop()
                if self.recorder is not None:
                    self.recorder.free()
                if self.standing is not None:
                    self.standing.native.free()
            finally:
                self.lock.release()

    def settled(self, position: int, value: Any) -> Any:
        """The value of an input in the memory where the program wants it."""
        if position not in self.moving:
            return value
        dtype, ndim, ones = self.wanted[position]
        if value.__class__ is DeviceArray and value.device is self.device and value.dtype == dtype:
            shape = value.shape
            if len(shape) == ndim and (not ones or all(shape[k] == 1 for k in ones)):
                return value
        return DeviceArray.from_host(self.device, self.fit(position, value))

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        if self.sources:
            values = [*values, *(end for position, dtypes in self.sources
                                 for end in self._extremes(values[position], dtypes))]
        for k in self.overwritten:
            if values[k].__class__ is DeviceArray:
                values[k].changes()
        if len(values) != len(self.program.inputs):
            raise TypeError(f"{len(self.program.inputs)} input values expected, got {len(values)}")
        if not self.lock.acquire(blocking=False):
            workspaces = _Workspaces(self.device, self.n_slots, self.launcher)
            return self.call(_DeviceCall(self, self._bound(values), [None] * self.n_slots, workspaces))
        try:
            if self.standing is not None:
                return self._run(self.standing, values)
            return self.call(_DeviceCall(self, self._bound(values), self.slots, self.workspaces))
        finally:
            if not self.keep and not (self.recorder is not None and self.recorder.hopes()):
                self.workspaces.drop(LEAST_KEPT)
            self.lock.release()

    def _run(self, call: _Standing, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """A call by the extension, as far as it goes."""
        call.values = values = list(values)
        try:
            with self.device.active() if self.activates or self.away() else nullcontext():
                found = call.native.call(values)
                if found is NotImplemented:
                    call.values = values = self._bound(values)
                    found = call.native.call(values)
            if found is NotImplemented:
                return self.call(_DeviceCall(self, values, self.slots, self.workspaces))
            call.error = call.error or self.workspaces.queue.failure()
            if call.error is not None or not isinstance(found, list):
                site = int(call.frame.error_site) if call.error is None else -2
                self.fail(site, [int(v) for v in call.frame.error_values], call.error, -1, values)
            for k in call.remote:
                if found[k] is None:
                    found[k] = self.take(call, call.frame.results[k], k)
            count = len(self.program.outputs)
            return found[:count], found[count:]
        finally:
            call.clear()

    @staticmethod
    def _extremes(value: Any, dtypes: tuple[str, ...]) -> Extremes:
        return value.extremes(dtypes) if value.__class__ is DeviceArray else UNKNOWN

    def away(self) -> bool:
        """Whether the device was left behind by a fork, which `active` says."""
        return getattr(self.device, "forked_away", False)

    def _bound(self, values: Sequence[Any]) -> list[Any]:
        """The inputs in the memory where they are wanted."""
        bound = [self.settled(k, value) if k in self.moving else self.fit(k, value) for k, value in enumerate(values)]
        self._separate(bound)
        return bound

    def _separate(self, bound: list[Any]) -> None:
        """Inputs that the program writes to share no memory with others."""
        host = [k for k in range(len(bound)) if k not in self.moving]
        kept = separated([bound[k] for k in host], [host.index(k) for k in self.destroyed if k not in self.moving])
        for k, value in zip(host, kept):
            bound[k] = value
        seen: set[int] = set()
        for k in (*(k for k in self.moving if k not in self.destroyed), *self.destroyed):
            if k in self.moving:
                if bound[k].address in seen and k in self.destroyed:
                    bound[k] = bound[k].copy()
                seen.add(bound[k].address)

    def main(self, call: Any) -> int:
        queue = call.workspaces.queue
        call.frame.device = ffi.cast("st_device *", queue.address)
        with self.device.active() if self.launcher is not None else nullcontext():
            if queue.replay is None:
                status = super().main(call)
            else:
                status = queue.replay.run(self.loaded.address, int(ffi.cast("uintptr_t", call.frame)))
        call.error = call.error or queue.failure()
        return status

    def take(self, call: Any, source: Any, k: int) -> Any:
        kind = self.results[k]
        if kind.home != "device":
            return super().take(call, source, k)
        count = len(self.program.outputs)
        address = int(ffi.cast("intptr_t", source.data))
        shape = tuple(source.dims[d] for d in range(kind.ndim))
        candidates = [call.new.get(k), call.values[self.program.updates[k - count][0]] if k >= count else None]
        for found in candidates:
            if isinstance(found, DeviceArray) and found.address == address and found.shape == shape:
                return found
        made = DeviceArray.empty(self.device, shape, kind.dtype)
        self.device.copy(made.address, address, made.nbytes)
        return made


def _failed(frame: Any, error: BaseException) -> int:
    ffi.from_handle(frame.owner).error = error
    frame.error_site = -2
    return 1


def _slot(frame: Any, k: int, size: int) -> Any:
    try:
        return ffi.cast("char *", ffi.from_handle(frame.owner).workspaces.get(k, size))
    except BaseException as error:
        _failed(frame, error)
        return ffi.NULL


def _output(frame: Any, k: int, ndim: int, dims: Any, itemsize: int) -> Any:
    try:
        return ffi.from_handle(frame.owner).device_output(k, tuple(dims[d] for d in range(ndim)))
    except BaseException as error:
        _failed(frame, error)
        return ffi.NULL


def _launch(frame: Any, kernel: int, points: int, width: int, args: Any) -> int:
    if points <= 0:
        return 0
    try:
        runner = ffi.from_handle(frame.owner).runner
        grid, block = geometry(points, width, runner.device.multiprocessors)
        runner.device.launch(runner.module, kernel, grid, block, int(ffi.cast("intptr_t", args)))
        return 0
    except BaseException as error:
        return _failed(frame, error)


def _move(frame: Any, to_device: int, target: Any, source: Any, size: int) -> int:
    try:
        device = ffi.from_handle(frame.owner).runner.device
        copy = device.to_device if to_device else device.to_host
        copy(int(ffi.cast("intptr_t", target)), int(ffi.cast("intptr_t", source)), size)
        return 0
    except BaseException as error:
        return _failed(frame, error)


def _routine(frame: Any, entry: int, ndim: int, outputs: Any, inputs: Any, scalars: Any) -> int:
    try:
        ffi.from_handle(frame.owner).routine(entry, ndim, outputs, inputs, scalars)
        return 0
    except BaseException as error:
        return _failed(frame, error)


_made: list[tuple[Any, ...]] = []


def _table() -> Any:
    """The functions of csrc/abi.h, made once a process."""
    if not _made:
        table = ffi.new("st_device *")
        table.slot = slot = ffi.callback("char *(st_frame *, st_i64, st_i64)", _slot, ffi.NULL)
        table.output = output = ffi.callback("char *(st_frame *, st_i64, st_i64, st_i64 *, st_i64)", _output, ffi.NULL)
        table.launch = launch = ffi.callback("int(st_frame *, st_i64, st_i64, st_i64, void **)", _launch, 1)
        table.move = move = ffi.callback("int(st_frame *, int, char *, char *, st_i64)", _move, 1)
        table.call = routine = ffi.callback(
            "int(st_frame *, st_i64, st_i64, st_array *, st_array *, void **)", _routine, 1)
        _made.append((table, slot, output, launch, move, routine))
    return _made[0][0]
