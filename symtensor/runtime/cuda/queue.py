"""How work reaches a device: the size of launches, and the functions of a frame that need no Python.

`geometry` sizes launches for every device. A `Queue` is the table of functions that a frame carries (csrc/abi.h) in the
form that csrc/executor/device.c knows: where a device has a `Launcher`, kernels are launched and workspaces that are
large enough are found by C; all else, and everything without the extension, by the functions in Python. With a
`replay` (symtensor/runtime/cuda/graphs.py) work is written to its list first.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]

__all__ = ["Launcher", "Queue", "geometry"]

THREADS = 256  # of a block, where points have a thread each
BLOCKS = 32  # a multiprocessor, at most: threads stride over the rest
WARP, WIDEST = 32, 1024
RESIDENT = 2048  # threads that a multiprocessor holds at a time
SHARE = 8  # elements a thread of a group, where there are threads enough

Triple = tuple[int, int, int]


def geometry(points: int, width: int, multiprocessors: int) -> tuple[Triple, Triple]:
    """(grid, block) of a kernel for `points` points (at least one): a thread each (width 0), or groups of threads that
    share `width` elements: a power of two from 32 to 1024; groups of more than 32 have a block for themselves.

    csrc/executor/device.c has the same.
    """
    groups = 1
    if width == 0:
        threads = min(THREADS, -(-points // WARP) * WARP)
        return (min(-(-points // threads), BLOCKS * multiprocessors), 1, 1), (threads, 1, 1)
    many = width >= -(-SHARE * RESIDENT * multiprocessors // points)
    wanted = -(-width // SHARE) if many else width
    group = min(WIDEST, max(WARP, 1 << (wanted - 1).bit_length()))
    if group == WARP:
        groups = min(THREADS // WARP, points)
    return (min(-(-points // groups), BLOCKS * multiprocessors), 1, 1), (group, groups, 1)


@dataclass(frozen=True)
class Launcher:
    """What C needs to launch the kernels of a loaded unit.

    function  address of cuLaunchKernel, or of a function with its signature
    kernels   address of the list of kernels' handles
    stream    the stream's handle
    error     the exception for what `function` answers when it fails
    keep      what must live as long
    graphs    the device's `Graphs`, or None: work is queued at once
    context   addresses of cuCtxGetCurrent, cuCtxPushCurrent, cuCtxPopCurrent and the context, which C makes the
              thread's own; zeros: the device is made `active` by Python
    """

    function: int
    kernels: int
    stream: int
    error: Callable[[int], Exception]
    keep: Any = None
    graphs: Any = None
    context: tuple[int, int, int, int] = (0, 0, 0, 0)


class _Table(ctypes.Structure):
    """Queue of csrc/executor/queue.h."""

    _fields_ = [*((name, ctypes.c_void_p) for name in (
        "slot", "output", "launch", "move", "call", "python", "function", "kernels", "stream", "slots", "sizes")),
        ("multiprocessors", ctypes.c_longlong), ("status", ctypes.c_longlong), ("failed", ctypes.c_longlong),
        ("replay", ctypes.c_void_p)]


class Queue:
    """The table for one call at a time. `address` is what a frame carries, `replay` the list to write work to."""

    def __init__(self, python: int, launcher: Optional[Launcher], multiprocessors: int, slots: Any, sizes: Any,
                 replay: Any = None) -> None:
        self.launcher = launcher
        self.replay = replay
        self.keep = slots, sizes
        self.address = python
        if launcher is None or _executor is None:
            self.launcher = self.replay = None
            return
        self.table = _Table()
        ctypes.memmove(ctypes.addressof(self.table), python, 5 * ctypes.sizeof(ctypes.c_void_p))
        slot, launch, move, call = _executor.device_functions(replay is not None)
        self.table.slot, self.table.launch = slot, launch
        if replay is not None:
            self.table.move, self.table.call, self.table.replay = move, call, id(replay)
        self.table.python, self.table.function, self.table.kernels = python, launcher.function, launcher.kernels
        self.table.stream, self.table.multiprocessors = launcher.stream, multiprocessors
        self.table.slots, self.table.sizes = ctypes.addressof(slots), ctypes.addressof(sizes)
        self.address = ctypes.addressof(self.table)

    def failure(self) -> Optional[Exception]:
        """What work that C queued ended with, once."""
        if self.launcher is None or not self.table.status:
            return None
        status, self.table.status = self.table.status, 0
        if self.table.failed and self.launcher.graphs is not None:
            return self.launcher.graphs.error(self.table.failed, status)
        return self.launcher.error(status)
