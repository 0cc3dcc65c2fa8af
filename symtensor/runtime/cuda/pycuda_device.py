"""A CUDA device through pycuda and the driver: memory, copies, kernels, cuBLAS.

`open_device("cuda1")` gives the device of that number, opened once for the process: its primary context (the one that
CuPy, PyTorch and JAX use too) is retained through pycuda, with one stream and pycuda's pool of memory. The driver's
functions are called through cffi with pycuda's handles. The thread's current context is put back after every call.

Raised: `Unavailable` where there is no device that works, with what was tried; MemoryError; `KernelFault`, `DeviceLost`
and other `CudaError`s with the driver's words; `CompileError` for kernels that do not compile. In a child process made
by a fork the device cannot be used: CUDA does not survive it.
"""
from __future__ import annotations

import ctypes
import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Optional

from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda import compiler, cublas, driver
from symtensor.runtime.cuda.driver import Unavailable, ffi
from symtensor.runtime.cuda.graphs import Graphs, NotInGraph
from symtensor.runtime.cuda.queue import Launcher
from symtensor.utils.optional import optional_import

__all__ = ["LoadedKernels", "PycudaDevice", "number_of", "open_device", "why_not"]

logger = logging.getLogger("symtensor.cuda")

_CONTEXTS = ("cuCtxGetCurrent", "cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2")
_WORD = 4  # bytes: atomic updates of smaller elements change the word around them
_PINNED_QUERY = 2  # CU_POINTER_ATTRIBUTE_MEMORY_TYPE


@dataclass(frozen=True)
class LoadedKernels:
    """A loaded module and its kernels, in the order of the unit's names."""

    module: Any
    functions: tuple[Any, ...]


class PycudaDevice:
    """Implements `symtensor.runtime.cuda.device.Device`; see the module.

    Args:
        number: which of CUDA's devices.
        cuda: the module pycuda.driver.
        pool_of: makes a pool of memory (`pycuda.tools.DeviceMemoryPool`).
        library: the driver.
    """

    def __init__(self, number: int, cuda: Any, pool_of: Callable[[], Any], library: driver.Driver) -> None:
        self.number = number
        self.driver = library
        self._cuda = cuda
        found = cuda.Device(number)
        self.capability: tuple[int, int] = tuple(found.compute_capability())
        self.name = f"cuda{number}: {found.name()}"
        self.multiprocessors = int(found.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT))
        self._context = found.retain_primary_context()
        self.context = ffi.cast("CUcontext", self._context.handle)
        with self._pushed():
            # A stream that waits for the default one and is waited for by it, as others who share arrays expect.
            self._stream = cuda.Stream()
            self._pool = pool_of()
        self.stream = ffi.cast("CUstream", self._stream.handle)
        for kept in (self._context, self._stream, self._pool):
            _immortal(kept)
        self._blocks: dict[int, Any] = {}
        self.keepers: weakref.WeakSet[Any] = weakref.WeakSet()  # whose `free` gives back memory
        self._modules: dict[str, LoadedKernels] = {}
        self._lock = threading.RLock()  # again in the same thread: a pool without memory collects garbage
        self._blas: Optional[cublas.Cublas] = None
        self._no_blas = ""
        self._graphs: Optional[Graphs] = None
        self._no_graphs = False
        self._here = threading.local()  # .captures: the stream whose work this thread captures
        self.forked_away = False  # this is a child process, where nothing of the device works

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __reduce__(self) -> Any:
        return open_device, (f"cuda{self.number}",)

    # ------------------------------------------------------------------------------------------- whose turn it is

    @contextmanager
    def _pushed(self) -> Iterator[None]:
        """The context as pycuda's current one, which its pool asks for."""
        self._context.push()
        try:
            yield
        finally:
            self._cuda.Context.pop()

    @contextmanager
    def active(self) -> Iterator[driver.Driver]:
        """The context as the thread's current one."""
        if self.forked_away:
            raise Unavailable(f"{self.name} was opened before this process was forked, and CUDA does not work in the "
                              "child: start processes by spawn or forkserver (multiprocessing.set_start_method)")
        with self.driver.current(self.context):
            yield self.driver

    def is_current(self) -> bool:
        """Whether the device is `active` already."""
        found = ffi.new("CUcontext *")
        return not self.forked_away and self.driver.library.cuCtxGetCurrent(found) == 0 and found[0] == self.context

    def forked(self) -> None:
        """Called in a child process."""
        self.forked_away = True

    # ----------------------------------------------------------------------------------------------------- memory

    def alloc(self, size: int) -> int:
        if getattr(self._here, "captures", None) is not None:
            raise NotInGraph("memory is taken in the middle")
        with self.active(), self._lock, self._pushed():
            try:
                block = self._block(max(-(-size // _WORD) * _WORD, _WORD))
            except self._cuda.MemoryError as error:
                free, total = self._cuda.mem_get_info()
                used, kept = self._pool.active_bytes, self._pool.managed_bytes - self._pool.active_bytes
                raise MemoryError(f"{self.name}: no room for {size} bytes: {free} of {total} bytes are free, {used} "
                                  f"hold values, {kept} are kept for reuse") from error
            except self._cuda.Error as error:
                raise self._translated(error) from error
            _immortal(block)
            address = int(block)
            self._blocks[address] = block
        return address

    def _block(self, size: int) -> Any:
        try:
            return self._pool.allocate(size)
        except self._cuda.MemoryError:
            if not self.keepers:
                raise
        for keeper in [*self.keepers]:  # what functions that are not running keep for their next call
            keeper.free()
        return self._pool.allocate(size)

    def free(self, address: int) -> None:
        # Back to the pool. Work that is queued runs before what comes to use it next.
        if self.forked_away:  # where the lock may be held for ever
            return
        with self._lock:
            block = self._blocks.pop(address)
            try:
                with self._pushed():
                    block.free()
            except self._cuda.Error:  # the context is gone, and all memory with it
                return
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(block))

    def to_device(self, address: int, host: int, size: int) -> None:
        if not size:
            return
        source = ffi.cast("void *", host)
        with self.active() as cuda:
            cuda.cuMemcpyHtoDAsync_v2(address, source, size, self.stream)
            kind = ffi.new("unsigned *")
            if cuda.library.cuPointerGetAttribute(kind, _PINNED_QUERY, host) == 0:
                cuda.cuStreamSynchronize(self.stream)  # pinned memory is read later; the caller may reuse it now

    def to_host(self, host: int, address: int, size: int) -> None:
        with self.active() as cuda:
            if size:
                cuda.cuMemcpyDtoHAsync_v2(ffi.cast("void *", host), address, size, self.stream)
            cuda.cuStreamSynchronize(self.stream)

    def copy(self, target: int, source: int, size: int) -> None:
        if size:
            with self.active() as cuda:
                cuda.cuMemcpyDtoDAsync_v2(target, source, size, self.stream)

    def memory(self) -> dict[str, int]:
        """Bytes that are free and in all, as the driver says; that hold values, and that the pool keeps."""
        with self.active(), self._lock, self._pushed():
            free, total = self._cuda.mem_get_info()
            active, managed = self._pool.active_bytes, self._pool.managed_bytes
        return {"free": free, "total": total, "used": active, "kept": managed - active}

    def release(self) -> None:
        """Gives the driver back what the pool keeps for reuse."""
        with self.active(), self._lock, self._pushed():
            self._pool.free_held()

    def with_room(self, work: Callable[[], Any]) -> Any:
        """Does what takes memory beside the pool, which gives back what it keeps if there is not enough."""
        try:
            return work()
        except MemoryError:
            if getattr(self._here, "captures", None) is not None:
                raise
            self.release()
            return work()

    # ---------------------------------------------------------------------------------------------------- kernels

    def load(self, unit: KernelUnit) -> LoadedKernels:
        with self._lock:
            known = self._modules.get(unit.text)
            if known is None:
                known = self._modules[unit.text] = self._loaded(unit)
        return known

    def _loaded(self, unit: KernelUnit) -> LoadedKernels:
        image = compiler.image(unit.text, self.capability)
        module, function, functions = ffi.new("CUmodule *"), ffi.new("CUfunction *"), []
        with self.active() as cuda:
            data = ffi.from_buffer(image + b"\0")  # PTX must end in one
            self.with_room(lambda: cuda.cuModuleLoadData(module, data))
            for name in unit.names:
                cuda.cuModuleGetFunction(function, module[0], name.encode())
                functions.append(function[0])
        return LoadedKernels(module[0], tuple(functions))

    def launch(self, module: LoadedKernels, kernel: int, grid: tuple[int, int, int], block: tuple[int, int, int],
               args: int) -> None:
        stream = getattr(self._here, "captures", None) or self.stream
        with self.active() as cuda:
            cuda.cuLaunchKernel(module.functions[kernel], *grid, *block, 0, stream, ffi.cast("void **", args), ffi.NULL)

    def launcher(self, module: LoadedKernels) -> Launcher:
        handles = ffi.new("CUfunction[]", module.functions)
        get, push, pop = (int(ffi.cast("uintptr_t", ffi.addressof(self.driver.library, name))) for name in _CONTEXTS)
        function = ffi.addressof(self.driver.library, "cuLaunchKernel")
        return Launcher(int(ffi.cast("uintptr_t", function)), int(ffi.cast("uintptr_t", handles)),
                        int(ffi.cast("uintptr_t", self.stream)),
                        lambda code: self.driver.error("cuLaunchKernel", code), (handles, module), self.graphs(),
                        (get, push, pop, int(ffi.cast("uintptr_t", self.context))))

    def graphs(self) -> Optional[Graphs]:
        """Graphs of this device's work; None where the driver has none."""
        with self._lock:
            if self._graphs is None and not self._no_graphs:
                try:
                    self._graphs = Graphs(self)
                except (AttributeError, driver.CudaError) as error:
                    self._no_graphs = True
                    logger.info("no graphs on %s: %s", self.name, error)
        return self._graphs

    @contextmanager
    def captures(self, stream: Any) -> Iterator[None]:
        """What this thread queues goes to another stream, which is being captured; memory cannot be taken."""
        with self._blas.captured(stream) if self._blas is not None else nullcontext():
            self._here.captures = stream
            try:
                yield
            finally:
                self._here.captures = None

    def prepare_capture(self) -> None:
        """Before `captures`: what needs memory."""
        if self._blas is not None:
            self._blas.prepare()

    def synchronize(self) -> None:
        with self.active() as cuda:
            cuda.cuStreamSynchronize(self.stream)

    def synchronize_all(self) -> None:
        """Waits for the work of everybody in this process."""
        with self.active() as cuda:
            cuda.cuCtxSynchronize()

    # --------------------------------------------------------------------------------------------------- routines

    def routine(self, entry: str) -> Optional[Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], None]]:
        with self._lock:
            if self._blas is None and not self._no_blas and entry in cublas.ENTRIES:
                try:
                    with self.active():
                        self._blas = cublas.opened(self, self.stream)
                except driver.CudaError as error:
                    self._no_blas = str(error)
        return None if self._blas is None else self._blas.routine(entry)

    def _translated(self, error: Exception) -> Exception:
        """An exception of pycuda's as one of ours."""
        kind = driver.KernelFault if isinstance(error, self._cuda.LaunchError) else driver.CudaError
        return kind(f"{self.name}: {error}")


def _immortal(x: Any) -> None:
    """Keeps an object of pycuda's for good. Destroyed at exit, they would call the driver in whatever thread ends last,
    and pycuda ends the process where that fails; the end of the process frees what they have."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(x))


# ------------------------------------------------------------------------------------------------------- opening


_opened: dict[int, PycudaDevice] = {}
_turn = threading.Lock()


def number_of(name: str) -> int:
    """The number of the device that a name such as cuda, cuda1, gpu0 means. Unavailable for other names."""
    match = re.fullmatch(r"(?:cuda|gpu)(\d*)", name)
    if match is None:
        raise Unavailable(f"{name!r} is no device: cpu, cuda, cuda0, cuda1 ... are")
    return int(match[1] or 0)


def open_device(name: str) -> PycudaDevice:
    """The device of a name, opened once. Unavailable says why it cannot be used, and what to do."""
    number = number_of(name)
    with _turn:
        if number not in _opened:
            try:
                _opened[number] = _new(number)
            except Unavailable as error:
                raise Unavailable(f"device {name} cannot be used: {error}. `python -m symtensor.doctor` looks at all "
                                  "that it needs; device=cpu does without", error.code) from error
        return _opened[number]


def why_not(name: str) -> str:
    """Why a device cannot be used, "" if it can; it is not opened, and nothing is taken of it."""
    try:
        _ready(number_of(name))
    except Unavailable as error:
        return str(error)
    return ""


def _ready(number: int) -> tuple[Any, Any, driver.Driver]:
    """pycuda's modules `driver` and `tools`, and the driver, where the device of a number is there to be opened."""
    try:
        cuda, tools = optional_import("pycuda.driver"), optional_import("pycuda.tools")
    except ImportError as error:
        raise Unavailable(f"pycuda is installed but does not load ({error}): NVIDIA's driver must be installed, and "
                          "pycuda built for a CUDA that the driver knows") from error
    if cuda is None or tools is None:
        raise Unavailable("pycuda is not installed: pip install 'symtensor[cuda]' (docs/gpu.md says what it needs)")
    library = driver.opened()
    try:
        cuda.init()
        count = cuda.Device.count()
        if number >= count:
            raise Unavailable(f"CUDA has {count} device(s), numbered from 0")
        if compiler.find() is None:
            raise Unavailable("there is no compiler for kernels, neither NVRTC nor nvcc: install CUDA's toolkit or the "
                              f"package nvidia-cuda-nvrtc. Tried:\n{compiler.why_not()}\n")
    except cuda.Error as error:
        raise Unavailable(f"CUDA says: {error}") from error
    return cuda, tools, library


def _new(number: int) -> PycudaDevice:
    cuda, tools, library = _ready(number)
    try:
        return PycudaDevice(number, cuda, tools.DeviceMemoryPool, library)
    except cuda.Error as error:
        raise Unavailable(f"CUDA says: {error}") from error


def _after_fork() -> None:
    global _turn
    _turn = threading.Lock()
    for found in _opened.values():
        found.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
