"""What the language needs to know of arrays on a device: that they are such, and how they come to the host.

`symtensor.runtime.cuda.array.DeviceArray` is the class; the layers below the runtime meet its objects in the containers
of shared variables.
"""
from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DeviceValue", "on_host"]


class DeviceValue:
    """An array on a device, in C order, with `dtype`, `shape` and `ndim` as NumPy has them."""

    __slots__ = ()

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def get(self) -> np.ndarray:
        """A copy on the host, when all work that is queued is done."""
        raise TypeError("a device says how its arrays come to the host")

    def set(self, value: Any) -> None:
        """Overwrites the elements with those of an array on the host of the same shape and dtype."""
        raise TypeError("a device says how its arrays are overwritten")

    def copy(self) -> Any:
        """A copy on the device."""
        raise TypeError("a device says how its arrays are copied")


def on_host(value: Any) -> Any:
    """The value itself, or an array's copy on the host if it is on a device."""
    return value.get() if isinstance(value, DeviceValue) else value
