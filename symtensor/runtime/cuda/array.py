"""Arrays in a device's memory."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.runtime.cuda.device import Device

__all__ = ["DeviceArray"]


class _Memory:
    """Memory of a device, given back with the last array that uses it."""

    def __init__(self, device: Device, size: int) -> None:
        self.device = device
        self.address = device.alloc(size)

    def __del__(self) -> None:
        if hasattr(self, "address") and not sys.is_finalizing():
            self.device.free(self.address)


class DeviceArray:
    """An array in C order in a device's memory; `owner` keeps the memory."""

    def __init__(self, device: Device, address: int, shape: Sequence[int], dtype: Any, owner: Any) -> None:
        self.device = device
        self.address = address
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.owner = owner

    @classmethod
    def empty(cls, device: Device, shape: Sequence[int], dtype: Any) -> DeviceArray:
        """New memory. MemoryError where there is none."""
        size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
        memory = _Memory(device, size)
        return cls(device, memory.address, shape, dtype, memory)

    @classmethod
    def from_host(cls, device: Device, value: Any) -> DeviceArray:
        """A copy of a NumPy array."""
        dense = np.asarray(value, order="C")
        new = cls.empty(device, dense.shape, dense.dtype)
        device.to_device(new.address, dense.ctypes.data, new.nbytes)
        return new

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def copy(self) -> DeviceArray:
        """A copy on the device."""
        new = self.empty(self.device, self.shape, self.dtype)
        self.device.copy(new.address, self.address, self.nbytes)
        return new

    def get(self) -> np.ndarray:
        """A copy on the host."""
        value = np.empty(self.shape, self.dtype)
        self.device.to_host(value.ctypes.data, self.address, self.nbytes)
        return value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        value = self.get()
        return value if dtype is None else value.astype(dtype, copy=False)
