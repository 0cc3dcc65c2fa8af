"""What a device has to offer, and which one new functions are made for.

`current()` is the device that `compile` asks for when a function is made: the one that tests or callers have put in
place by `use`, else the one that `config.device` names (opened at the first question, never at import), else None.

Addresses are plain integers. Work is queued in order; only `to_host` and `synchronize` wait for it. Errors of a device
are exceptions: MemoryError where there is no memory, RuntimeError with the driver's words for all others.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Optional, Protocol

from symtensor.codegen.target import KernelUnit
from symtensor.config import config
from symtensor.runtime.cuda.queue import Launcher
from symtensor.utils.optional import optional_import

__all__ = ["Array", "Device", "Routine", "current", "opened", "use"]


class Array(Protocol):
    """A strided array in the device's memory, as a routine gets it; strides in bytes."""

    address: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# routine(outputs, inputs, scalars): queues the routine of symtensor.codegen.library; scalars are Python numbers.
Routine = Callable[[Sequence[Array], Sequence[Array], Sequence[Any]], None]


class Device(Protocol):
    """A device. `name` tells it from others; `multiprocessors` is what launches are sized for."""

    name: str
    multiprocessors: int

    def alloc(self, size: int) -> int:
        """The address of new memory of `size` bytes, aligned to 256; MemoryError where there is none."""

    def free(self, address: int) -> None:
        """Gives memory back, once the work that is queued is done."""

    def to_device(self, address: int, host: int, size: int) -> None:
        """Copies from the host, whose memory may be reused on return."""

    def to_host(self, host: int, address: int, size: int) -> None:
        """Copies to the host, after all work that is queued."""

    def copy(self, target: int, source: int, size: int) -> None:
        """Copies within the device."""

    def load(self, unit: KernelUnit) -> Any:
        """Compiles and loads kernels, once for each text; what it returns is handed to `launch`."""

    def launch(self, module: Any, kernel: int, grid: tuple[int, int, int], block: tuple[int, int, int],
               args: int) -> None:
        """Queues kernel number `kernel` of a loaded unit; `args` is the address of a list of addresses of arguments, as
        cuLaunchKernel takes it, read before it returns."""

    def launcher(self, module: Any) -> Optional[Launcher]:
        """How C launches the kernels of a loaded unit, while the device is `active`; None: by `launch` only."""

    def active(self) -> AbstractContextManager[Any]:
        """The device as the thread's own, which launches by C need."""

    def synchronize(self) -> None:
        """Waits for all work that is queued; raises what went wrong in it."""

    def routine(self, entry: str) -> Optional[Routine]:
        """The routine of an entry such as "gemm_f32", or None."""


_in_use: list[Optional[Device]] = []


def current() -> Optional[Device]:
    """The device that functions are made for now; None: the host.

    That of `use`, else the one that `config.device` names, opened here the first time: `Unavailable` if it cannot be.
    """
    if _in_use:
        return _in_use[-1]
    return None if config.device == "cpu" else opened(config.device)


def opened(name: str) -> Device:
    """The device called cuda, cuda1 ...; `Unavailable`, a RuntimeError, says why it cannot be used."""
    module: Any = optional_import("symtensor.runtime.cuda.pycuda_device")  # takes its time; most processes have no need
    return module.open_device(name)


@contextmanager
def use(device: Optional[Device]) -> Iterator[Optional[Device]]:
    """Functions that are made inside run on `device` (None: on the host)."""
    _in_use.append(device)
    try:
        yield device
    finally:
        _in_use.pop()
