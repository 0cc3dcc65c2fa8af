"""A device without a GPU: its memory is host memory under other addresses, its kernels run behind cuda/shim/shim.h.

Addresses of the device are those of the host plus `FAR`, which no process can read: where the host's side reads or
writes memory of the device, or a kernel memory of the host, the test ends at once.
"""
from __future__ import annotations

import ctypes
import functools
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import shim

from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda.queue import Launcher

FAR = 1 << 60
_count = itertools.count()
GUARD = 64


class ShimDevice:
    """Implements `symtensor.runtime.cuda.device.Device`. `launched` and `moved` count; `fail_at` is the number of the
    launch that raises."""

    multiprocessors = 2
    far = FAR

    def __init__(self, routines: bool = True):
        self.name = f"shim{next(_count)}"
        self.blocks: dict[int, np.ndarray] = {}
        self.launched = 0
        self.moved = {"to_device": 0, "to_host": 0}
        self.fail_at = -1
        self.room: int | None = None
        self.with_routines = routines

    def alloc(self, size: int) -> int:
        if self.room is not None and sum(map(len, self.blocks.values())) + size > self.room:
            raise MemoryError(f"no room for {size} bytes on {self.name}")
        block = np.full(size + 256 + 2 * GUARD, 0xCB, np.uint8)
        address = block.ctypes.data + GUARD
        address += -address % 256 + self.far
        self.blocks[address] = block
        return address

    def free(self, address: int) -> None:
        if sys.is_finalizing():
            return
        block = self.blocks.pop(address)
        assert (block[: address - self.far - block.ctypes.data] == 0xCB).all(), "a kernel wrote before its memory"
        block[:] = 0xCB

    def near(self, address: int) -> int:
        """The host's address of memory of the device."""
        real = address - self.far
        for start, block in [*self.blocks.items()]:  # collected garbage may free some meanwhile
            if start - self.far <= real <= block.ctypes.data + len(block):
                return real
        raise AssertionError(f"{address:#x} is no memory of the device")

    def to_device(self, address: int, host: int, size: int) -> None:
        assert host < FAR, "memory of the device as memory of the host"
        self.moved["to_device"] += 1
        ctypes.memmove(self.near(address), host, size)

    def to_host(self, host: int, address: int, size: int) -> None:
        assert host < FAR, "memory of the device as memory of the host"
        self.moved["to_host"] += 1
        ctypes.memmove(host, self.near(address), size)

    def copy(self, target: int, source: int, size: int) -> None:
        ctypes.memmove(self.near(target), self.near(source), size)

    def load(self, unit: KernelUnit) -> Any:
        pointers = []
        for name in unit.names:
            found = re.search(rf"\b{name}\(([^)]*)\) {{", unit.text)
            assert found is not None
            pointers.append(["*" in one for one in found.group(1).split(", ")] if found.group(1) else [])
        return unit, shim.load(unit.text), pointers

    def launch(self, module: Any, kernel: int, grid: tuple[int, int, int], block: tuple[int, int, int],
               args: int) -> None:
        unit, library, pointers = module
        if self.launched == self.fail_at:
            raise RuntimeError("the kernel failed")
        self.launched += 1
        count = len(pointers[kernel])
        given = (ctypes.c_void_p * count).from_address(args) if count else ()
        kept, passed = [], (ctypes.c_void_p * max(count, 1))()
        for k, is_pointer in enumerate(pointers[kernel]):
            if is_pointer:
                far = ctypes.c_uint64.from_address(given[k]).value
                kept.append(ctypes.c_uint64(self.near(far)))
                passed[k] = ctypes.addressof(kept[-1])
            else:
                passed[k] = given[k]
        library.launch(unit.names[kernel], grid, block, ctypes.addressof(passed))

    def launcher(self, module: Any) -> None:
        return None

    def active(self) -> Any:
        return nullcontext()

    def synchronize(self) -> None:
        pass

    def array(self, x: Any) -> np.ndarray:
        """An operand as a view of the memory."""
        if 0 in x.shape:
            return np.empty(x.shape, x.dtype)
        info = {"version": 3, "data": (self.near(x.address), False), "shape": x.shape, "strides": x.strides,
                "typestr": np.dtype(x.dtype).str}
        return np.asarray(type("memory", (), {"__array_interface__": info})())

    def routine(self, entry: str) -> Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], None] | None:
        name = entry.rpartition("_")[0]
        if name not in _ROUTINES or not self.with_routines:
            return None

        def run(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
            _ROUTINES[name]([self.array(x) for x in outputs], [self.array(x) for x in inputs], scalars)

        return run


_LAUNCH = """
typedef struct { int (*launch)(void *, unsigned *, unsigned *, void **); void *kernel; } handle;
int failing = -1;
long long sizes[6], count;
int launch(handle *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
           void *stream, void **args, void **extra) {
    unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    for (int k = 0; k < 3; k++) sizes[k] = grid[k], sizes[3 + k] = block[k];
    (void)shared, (void)stream, (void)extra;
    return count++ == failing ? 700 : f->launch(f->kernel, grid, block, args);
}
"""


@functools.lru_cache(maxsize=None)
def launch_library() -> ctypes.CDLL:
    """A function with cuLaunchKernel's signature."""
    folder = Path(tempfile.mkdtemp(prefix="symtensor-launch-"))
    (folder / "launch.c").write_text(_LAUNCH)
    try:
        subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-fPIC", "-shared", str(folder / "launch.c"), "-o",
                        str(folder / "launch.so")], check=True)
        return ctypes.CDLL(str(folder / "launch.so"))
    finally:
        shutil.rmtree(folder)


class NearDevice(ShimDevice):
    """A device whose kernels are launched by C, and whose memory is at its own addresses."""

    far = 0

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0

    def launch(self, *args: Any) -> None:
        raise AssertionError("launched through Python")

    def launcher(self, module: Any) -> Launcher:
        unit, library, _ = module
        pairs = (ctypes.c_void_p * (2 * len(unit.names)))()
        handles = (ctypes.c_void_p * len(unit.names))()
        for k, name in enumerate(unit.names):
            pairs[2 * k] = ctypes.cast(library.library.shim_launch, ctypes.c_void_p).value
            pairs[2 * k + 1] = ctypes.cast(getattr(library.library, f"shim_{name}"), ctypes.c_void_p).value
            handles[k] = ctypes.addressof(pairs) + 2 * k * ctypes.sizeof(ctypes.c_void_p)
        function = ctypes.cast(launch_library().launch, ctypes.c_void_p).value
        assert function is not None
        return Launcher(function, ctypes.addressof(handles), 0, lambda code: RuntimeError(f"code {code}"),
                        (pairs, handles))

    @contextmanager
    def active(self) -> Iterator[None]:
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


def _product(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    (c,), (a, b), (alpha, beta) = outputs, inputs, scalars
    product = (a @ b) * c.dtype.type(alpha)
    c[...] = product if beta == 0 else product + c.dtype.type(beta) * c


def _ger(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    outputs[0][...] += outputs[0].dtype.type(scalars[0]) * np.outer(*inputs)


def _dot(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    outputs[0][...] = np.dot(*inputs)


_ROUTINES = {"gemm": _product, "batched_gemm": _product, "gemv": _product, "ger": _ger, "dot": _dot}
