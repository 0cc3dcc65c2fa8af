"""CUDA's graphs: a call's work on the device, captured once and launched in one go when it comes again.

csrc/executor/replay.c writes down what a unit asks of the device, every byte of it, and looks whether that came before;
here is what it needs Python for. `Graphs` makes graphs of a device's work, on a stream of its own, so that what other
threads queue meanwhile is no part of them; it has pinned memory and events too. A `Recorder` is the list of one unit's
work and its graphs. `late_results` and `parameter_sizes` are what the list has to know about a program and its kernels.

A graph that cannot be made (memory is taken in the middle, the driver refuses) or updated is no error: the unit's work,
or what changes of it, is queued piece by piece from then on, said once in the log.
"""
from __future__ import annotations

import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np

from symtensor.codegen.target import KernelUnit
from symtensor.config import config
from symtensor.ir.nodes import Alloc, Move, Program, PyCall
from symtensor.ir.walk import alias_of, host_expressions, loads, reads, statements, writes
from symtensor.runtime import facts
from symtensor.runtime._abi import ffi as abi
from symtensor.runtime.cuda.driver import CudaError, ffi
from symtensor.runtime.cuda.queue import Launcher

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]

__all__ = ["FUNCTIONS", "Graphs", "NotInGraph", "Recorder", "late_results", "parameter_sizes", "recorder"]

logger = logging.getLogger("symtensor.cuda")

# In the order of csrc/executor/replay.c.
FUNCTIONS = ("cuLaunchKernel", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuStreamSynchronize", "cuGraphLaunch",
             "cuEventRecord", "cuEventSynchronize", "cuStreamGetCaptureInfo_v2", "cuGraphExecKernelNodeSetParams")
_TO_UPDATE = FUNCTIONS[-2:]  # where a driver lacks one, graphs are not updated
_NEEDED = (*FUNCTIONS[:-2], "cuGraphInstantiateWithFlags", "cuGraphDestroy", "cuGraphExecDestroy", "cuStreamEndCapture",
           "cuMemHostAlloc", "cuMemFreeHost")
_PATIENCE = 8  # lists that are queued before we stop hoping for graphs
_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may do what they like
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: the default stream may be used while we capture
_NO_TIMES = 2  # CU_EVENT_DISABLE_TIMING


# What is launched, and the graph that it was made of: the nodes that are updated belong to that one.
Handles = tuple[int, int]


class NotInGraph(CudaError):
    """Something that cannot be part of a graph."""


class Graphs:
    """Graphs of the work on a device (a `PycudaDevice`). AttributeError: the driver has none; CudaError: it refuses."""

    def __init__(self, device: Any) -> None:
        self.device = device
        library = device.driver.library
        found = {name: int(ffi.cast("uintptr_t", ffi.addressof(library, name))) for name in _NEEDED}
        try:
            found.update((name, int(ffi.cast("uintptr_t", ffi.addressof(library, name)))) for name in _TO_UPDATE)
        except AttributeError as error:
            logger.info("graphs on %s are not updated: %s", device.name, error)
        self.functions = tuple(found.get(name, 0) for name in FUNCTIONS)
        made = ffi.new("CUstream *")
        with device.active() as cuda:
            cuda.cuStreamCreate(made, _NON_BLOCKING)
        self.stream = made[0]
        self._lock = threading.Lock()  # one capture at a time
        self._capturing = 0  # the thread that captures
        self._later: list[tuple[Sequence[Handles], Sequence[int]]] = []  # what it has given back meanwhile
        self._said: set[str] = set()

    def error(self, function: int, code: int) -> Exception:
        """The exception for what a function answered."""
        return self.device.driver.error(FUNCTIONS[function], code)

    def event(self) -> int:
        """A new event."""
        made = ffi.new("CUevent *")
        with self.device.active() as cuda:
            cuda.cuEventCreate(made, _NO_TIMES)
        return int(ffi.cast("uintptr_t", made[0]))

    def pinned(self, size: int) -> int:
        """The address of host memory that the device reads and writes directly."""
        made = ffi.new("void **")
        with self.device.active() as cuda:
            cuda.cuMemHostAlloc(made, size, 0)
        return int(ffi.cast("uintptr_t", made[0]))

    def captured(self, queue: Callable[[int], None]) -> Handles:
        """A graph of what `queue(stream)` queues; what that raises ends the capture. NotInGraph: there is none."""
        with self._lock, self.device.active() as cuda:
            self.device.prepare_capture()
            graph, handle = ffi.new("CUgraph *"), ffi.new("CUgraphExec *")
            try:
                with self.device.captures(self.stream):
                    cuda.cuStreamBeginCapture_v2(self.stream, _THREAD_LOCAL)
                    self._capturing = threading.get_ident()
                    try:
                        queue(int(ffi.cast("uintptr_t", self.stream)))
                    finally:
                        code = cuda.library.cuStreamEndCapture(self.stream, graph)
                        self._capturing = 0
                        while self._later:
                            self.forget(*self._later.pop())
                if code:
                    raise NotInGraph(str(self.device.driver.error("cuStreamEndCapture", code)), code)
                self.device.with_room(lambda: cuda.cuGraphInstantiateWithFlags(handle, graph[0], 0))
            except BaseException:
                if graph[0] != ffi.NULL:
                    cuda.library.cuGraphDestroy(graph[0])
                raise
            return int(ffi.cast("uintptr_t", handle[0])), int(ffi.cast("uintptr_t", graph[0]))

    def forget(self, handles: Sequence[Handles], memory: Sequence[int] = ()) -> None:
        """Gives back graphs (those that run are finished first) and pinned memory, when the device is done with it."""
        if sys.is_finalizing() or self.device.forked_away or not (handles or any(memory)):
            return
        if self._capturing == threading.get_ident():  # garbage is collected; the driver would end the capture
            self._later.append((handles, tuple(memory)))
            return
        if any(memory):
            self.device.synchronize()
        with self.device.active() as cuda:
            for exec_handle, graph in handles:
                cuda.library.cuGraphExecDestroy(ffi.cast("CUgraphExec", exec_handle))
                cuda.library.cuGraphDestroy(ffi.cast("CUgraph", graph))
            for address in memory:
                if address:
                    cuda.library.cuMemFreeHost(ffi.cast("void *", address))

    def say(self, reason: str, work: str = "repeats") -> None:
        """Says once why there is no graph of work that does something."""
        if reason not in self._said:
            self._said.add(reason)
            logger.warning("work on %s that %s is queued piece by piece, not as a graph: %s", self.device.name, work,
                           reason)


class Recorder:
    """The list of a unit's work, and its graphs. `native` is the extension's part, which a Queue carries.

    Args:
        graphs: the device's.
        sizes: the bytes of each parameter of each kernel.
        routines: for each routine the ranks of outputs and of inputs, the number of its scalars and their bytes.
        late: `late_results` of the program.
    """

    def __init__(self, graphs: Graphs, sizes: Sequence[bytes],
                 routines: Sequence[tuple[Sequence[int], Sequence[int], int, int]], late: bytes) -> None:
        self.graphs = graphs
        self.areas = [0, 0]  # staging memory
        self.plain: list[Any] = [None, None]  # the same where none could be pinned
        self.queue: Any = None  # the Queue that carries the list
        described = tuple(bytes([len(outputs), len(inputs), count, size, *outputs, *inputs])
                          for outputs, inputs, count, size in routines)
        events = graphs.event(), graphs.event()
        self.native = _executor.Replay(tuple(sizes), described, late, graphs.functions, events, self.capture, self.grow,
                                       self.broken)

    def capture(self, address: int) -> Optional[bool]:
        """Makes a graph of the list; False: it cannot be done, and nothing has been; None: the call has failed."""
        frame = abi.cast("st_frame *", address)
        call = abi.from_handle(frame.owner)

        def queue(stream: int) -> None:
            if self.native.play(address, stream):
                raise call.error or self.queue.failure() or NotInGraph("no reason is known")

        try:
            gone = self.native.keep(*self.graphs.captured(queue))
            if gone is not None:
                self.graphs.forget([gone])
            return True
        except (CudaError, MemoryError) as error:
            call.error = None
            self.native.off = 1
            self.graphs.say(str(error))
            return False
        except BaseException as error:
            call.error = error
            return None

    def broken(self, exec_handle: int, graph: int, code: int) -> None:
        """Gives back a graph that could not be updated: the driver answered `code`."""
        self.graphs.forget([(exec_handle, graph)])
        self.graphs.say(str(self.graphs.device.driver.error(_TO_UPDATE[1], code)), "changes in its numbers alone")

    def grow(self, address: int, area: int, size: int) -> int:
        """Other staging memory for an area that nobody uses, or 0."""
        try:
            self.drop()
            self.graphs.forget([], [self.areas[area]])
            self.areas[area] = 0
            try:
                self.areas[area] = self.graphs.pinned(size)
                return self.areas[area]
            except (CudaError, MemoryError) as error:  # memory that the driver copies from at once
                self.native.off = 1
                self.graphs.say(str(error))
                self.plain[area] = np.empty(size + 64, np.uint8)
                start: int = self.plain[area].ctypes.data
                return start + -start % 64
        except BaseException as error:
            abi.from_handle(abi.cast("st_frame *", address).owner).error = error
            return 0

    def hopes(self) -> bool:
        """Whether there are graphs, or may soon be, so that memory should stay where it is."""
        native = self.native
        return bool(native.graphs) or not native.off and native.queued < _PATIENCE

    def drop(self) -> None:
        """Forgets all graphs."""
        self.graphs.forget(self.native.drop())

    def free(self) -> None:
        """Gives back all memory. No call may be under way."""
        self.drop()
        if any(self.areas):
            self.native.areas()
            self.graphs.forget([], self.areas)
        self.areas, self.plain = [0, 0], [None, None]

    def __del__(self) -> None:
        if "areas" in self.__dict__ and not sys.is_finalizing() and not self.graphs.device.forked_away:
            try:
                self.free()
            except CudaError:  # the device is lost, and all memory with it
                pass


def recorder(launcher: Optional[Launcher], unit: KernelUnit, program: Program,
             routines: Sequence[Any]) -> Optional[Recorder]:
    """What replays the work of a unit's kernels and routines; None where it is queued at once."""
    graphs = launcher.graphs if launcher is not None else None
    sizes = parameter_sizes(unit)
    if graphs is None or sizes is None or _executor is None or not config.cuda.graphs:
        return None
    return Recorder(graphs, sizes, routines, late_results(program))


def late_results(program: Program) -> bytes:
    """For each result (outputs, then new values) whether it only comes from the device: moved to memory of its own on
    the host, which nothing else in the program touches. So it is early enough when the call ends."""
    kinds = facts.by_name(program)
    moved: set[str] = set()
    touched = {*program.inputs, *program.constants}
    for stmt in statements(program.body):
        if isinstance(stmt, Move):
            moved.add(stmt.buffer)
            touched.add(stmt.source)
            continue
        touched.update(loads(host_expressions(stmt)), alias_of(stmt) or ())
        if not isinstance(stmt, Alloc):
            touched.update(reads(stmt), writes(stmt))
        if isinstance(stmt, PyCall):
            touched.update(stmt.inputs, stmt.outputs)
    names = (*program.outputs, *(name for _, name in program.updates))
    times = Counter(names)
    return bytes(kinds[name].home == "host" and name in moved and name not in touched and times[name] == 1
                 for name in names)


_SIZES = {"float": 4, "double": 8, "bool": 1, "_Bool": 1,
          **{f"st_{kind}{bits}": bits // 8 for kind in "iu" for bits in (8, 16, 32, 64)}}


def parameter_sizes(unit: KernelUnit) -> Optional[tuple[bytes, ...]]:
    """The bytes of each parameter of each kernel, from the text; None if that says something unknown."""
    found = []
    for name in unit.names:
        head = re.search(rf"__global__ void (?:__launch_bounds__\(\d+\) )?{name}\(([^)]*)\)", unit.text)
        if head is None:
            return None
        types = [one.rpartition(" ") for one in head[1].split(", ")] if head[1] not in ("", "void") else []
        sizes = [8 if "*" in last else _SIZES.get(kind.removeprefix("const ").strip()) for kind, _, last in types]
        if None in sizes:
            return None
        found.append(bytes(sizes))  # type: ignore[arg-type]
    return tuple(found)
