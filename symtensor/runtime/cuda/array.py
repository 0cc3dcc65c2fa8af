"""Arrays on a device: `DeviceArray`, and how it is shared with NumPy, pickle and other libraries.

A DeviceArray lies in C order at an address; `owner` keeps the memory (None: somebody else sees to that). It turns into
NumPy where NumPy wants an array, and in pickles: those are read where there is no device. Without a copy it goes to
libraries on the same device through `__cuda_array_interface__` (version 3) and DLPack, and `from_dlpack` takes theirs.

Refused: copies to another shape or dtype (ValueError), DLPack from and to another device or not in C order
(BufferError).
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Optional

import numpy as np

from symtensor.runtime.cuda import dlpack
from symtensor.runtime.cuda.device import Device, current
from symtensor.utils.device_value import DeviceValue

__all__ = ["DeviceArray", "from_dlpack", "to_device"]

# The position of an input of a program, and the dtypes of `DeviceArray.extremes`; what that gives.
Source = tuple[int, tuple[str, ...]]
Extremes = tuple[np.ndarray, np.ndarray]
UNKNOWN: Extremes = (np.asarray(np.iinfo("int64").min), np.asarray(np.iinfo("int64").max))

_LEGACY_STREAM = 1  # the default stream of others: ours waits for it, and it for ours


class _Block:
    """Memory that is given back when nobody refers to this any more."""

    __slots__ = ("_free", "address")

    def __init__(self, device: Device, size: int) -> None:
        self.address = device.alloc(size)
        self._free = device.free

    def __del__(self) -> None:
        free = getattr(self, "_free", None)  # there is none if there was no memory
        if free is not None:
            free(self.address)


class DeviceArray(DeviceValue):
    """An array on a device; see the module."""

    __slots__ = ("__weakref__", "_extremes", "address", "device", "dtype", "owner", "shape")

    # NumPy leaves arithmetic with arrays to their `__array__`.
    __array_priority__ = -1.0

    def __init__(self, device: Device, address: int, shape: tuple[int, ...], dtype: Any, owner: Any = None) -> None:
        self.device = device
        self.address = int(address)
        self.shape = tuple(map(int, shape))
        self.dtype = np.dtype(dtype)
        self.owner = owner
        self._extremes: Optional[dict[tuple[str, ...], Extremes]] = None

    @classmethod
    def empty(cls, device: Device, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        """An array in new memory, whose elements are whatever was there. MemoryError where there is none."""
        size = np.dtype(dtype).itemsize
        for length in shape:
            size *= int(length)
        block = _Block(device, size)
        return cls(device, block.address, shape, dtype, block)

    @classmethod
    def from_host(cls, device: Device, value: Any) -> DeviceArray:
        """A copy of an array on the host."""
        value = np.asarray(value)
        made = cls.empty(device, value.shape, value.dtype)
        made.set(value)
        made._extremes = {}  # until others write to it
        return made

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        """The number of bytes."""
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next along each axis."""
        steps, step = [], self.dtype.itemsize
        for length in reversed(self.shape):
            steps.append(step)
            step *= length
        return tuple(reversed(steps))

    def get(self) -> np.ndarray:
        """A copy on the host, when all work that is queued is done."""
        result = np.empty(self.shape, self.dtype)
        self.device.to_host(result.ctypes.data, self.address, result.nbytes)
        return result

    def set(self, value: Any) -> None:
        """Overwrites the elements with those of an array of the same shape and dtype."""
        value = np.asarray(value)
        if value.shape != self.shape or value.dtype != self.dtype:
            raise ValueError(f"cannot copy {value.dtype}{value.shape} to {self.dtype}{self.shape} on the device")
        dense = np.ascontiguousarray(value)
        self.changes()
        self.device.to_device(self.address, dense.ctypes.data, self.nbytes)

    def changes(self) -> None:
        """Others write to the memory, now or later: `extremes` knows nothing any more."""
        self._extremes = None

    def extremes(self, dtypes: tuple[str, ...]) -> Extremes:
        """The least and the greatest element as int64, the elements converted to some dtypes one after the other first.

        Found once, by a copy to the host, for arrays that came from there and are as they were. For others, to which
        somebody may write, UNKNOWN: the least and the greatest number that there is.
        """
        known = self._extremes
        if known is None:
            return UNKNOWN
        if dtypes not in known:
            found = self.get()
            with np.errstate(invalid="ignore"):
                for dtype in dtypes:
                    found = found.astype(dtype)
            ends = (int(found.min()), int(found.max())) if found.size else (0, -1)
            limits = np.iinfo("int64")
            known[dtypes] = tuple(np.asarray(min(end, limits.max), "int64") for end in ends)  # type: ignore[assignment]
        return known[dtypes]

    def copy(self) -> DeviceArray:
        """A copy on the device."""
        made = DeviceArray.empty(self.device, self.shape, self.dtype)
        self.device.copy(made.address, self.address, self.nbytes)
        return made

    def __copy__(self) -> DeviceArray:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> DeviceArray:
        return self.copy()

    def __reduce__(self) -> Any:
        return np.asarray, (self.get(),)

    def __repr__(self) -> str:
        return f"DeviceArray({np.array2string(self.get(), separator=', ', prefix='DeviceArray(')}, " \
               f"dtype={self.dtype}, device={self.device.name!r})"

    def __str__(self) -> str:
        return str(self.get())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    # ------------------------------------------------------------------------------------------- to other libraries

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        if copy is False:
            raise ValueError("an array on a device cannot be on the host without a copy")
        found = self.get()
        return found if dtype is None else found.astype(dtype, copy=False)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        self._number()
        self.changes()
        return {"version": 3, "shape": self.shape, "typestr": self.dtype.str, "strides": None,
                "data": (self.address if self.size else 0, False), "stream": _LEGACY_STREAM}

    def _number(self) -> int:
        number = getattr(self.device, "number", None)
        if number is None:
            raise AttributeError(f"{self.device.name} is no device of CUDA's")
        return int(number)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CUDA, self._number()

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None,
                   copy: Optional[bool] = None) -> Any:
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            if tuple(dl_device) == (dlpack.CPU, 0) and copy is not False:
                return self.get().__dlpack__()
            raise BufferError(f"an array on {self.device.name} cannot go to device {tuple(dl_device)} of DLPack's"
                              + " without a copy" * (copy is False))
        source = self.copy() if copy else self
        source.changes()
        if stream in (None, _LEGACY_STREAM, -1):
            done = dlpack.nothing
        else:  # a stream that does not wait for ours, nor ours for it: what it reads may be given back too early
            self.device.synchronize()
            done = partial(quietly, getattr(self.device, "synchronize_all", self.device.synchronize))
        return dlpack.exported(source, source.address, source.shape, source.dtype, self.__dlpack_device__(), done)


def to_device(value: Any) -> DeviceArray:
    """An array on the device that functions are made for; `Unavailable` if that cannot be used."""
    device = current()
    if device is None:
        raise ValueError("functions run on the CPU: config.device names no device")
    if isinstance(value, DeviceArray):
        if value.device is device:
            return value
        value = value.get()
    return DeviceArray.from_host(device, value)


def from_dlpack(device: Device, x: Any) -> DeviceArray:
    """The array of another library on the same device, without a copy; the other's memory lives as long as it is used.

    `x` has `__dlpack__` and `__dlpack_device__`, and its elements in C order. BufferError if it is elsewhere.
    """
    place, number = x.__dlpack_device__()
    if (int(place), int(number)) != (dlpack.CUDA, getattr(device, "number", None)):
        raise BufferError(f"the array is on device {(int(place), int(number))} of DLPack's, not on {device.name}")
    # The other library may use the memory again, on a stream of its own, when it comes back.
    back = partial(quietly, device.synchronize)
    return DeviceArray(device, *dlpack.imported(x.__dlpack__(stream=_LEGACY_STREAM), back))


def quietly(wait: Callable[[], None]) -> None:
    """Waits for a device that may be gone, and then there is nothing to wait for."""
    if not sys.is_finalizing():
        with suppress(RuntimeError):
            wait()
