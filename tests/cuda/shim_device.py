"""A device without a GPU: its memory is host memory under other addresses, its kernels run behind cuda/shim/shim.h.

Addresses of the device are those of the host plus `FAR`, which no process can read: where the host's side reads or
writes memory of the device, or a kernel memory of the host, the test ends at once.
"""
from __future__ import annotations

import ctypes
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shim

from symtensor.codegen.target import KernelUnit

FAR = 1 << 60
_count = itertools.count()
GUARD = 64


class ShimDevice:
    """Implements `symtensor.runtime.cuda.device.Device`. `launched` and `moved` count; `fail_at` is the number of the
    launch that raises."""

    multiprocessors = 2

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
        address += -address % 256 + FAR
        self.blocks[address] = block
        return address

    def free(self, address: int) -> None:
        if sys.is_finalizing():
            return
        block = self.blocks.pop(address)
        assert (block[: address - FAR - block.ctypes.data] == 0xCB).all(), "a kernel wrote before its memory"
        block[:] = 0xCB

    def near(self, address: int) -> int:
        """The host's address of memory of the device."""
        real = address - FAR
        for start, block in self.blocks.items():
            if start - FAR <= real <= block.ctypes.data + len(block):
                return real
        raise AssertionError(f"{address:#x} is no memory of the device")

    def to_device(self, address: int, host: int, size: int) -> None:
        assert host < FAR
        self.moved["to_device"] += 1
        ctypes.memmove(self.near(address), host, size)

    def to_host(self, host: int, address: int, size: int) -> None:
        assert host < FAR
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


def _product(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    (c,), (a, b), (alpha, beta) = outputs, inputs, scalars
    product = (a @ b) * c.dtype.type(alpha)
    c[...] = product if beta == 0 else product + c.dtype.type(beta) * c


def _ger(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    outputs[0][...] += outputs[0].dtype.type(scalars[0]) * np.outer(*inputs)


def _dot(outputs: Sequence[Any], inputs: Sequence[Any], scalars: Sequence[Any]) -> None:
    outputs[0][...] = np.dot(*inputs)


_ROUTINES = {"gemm": _product, "batched_gemm": _product, "gemv": _product, "ger": _ger, "dot": _dot}
