"""What programs ask of `theano.sandbox.cuda`, the oldest of Theano's ways to a GPU, which knew float32 only.

Names that have lived on mean what `symtensor.compat.gpuarray` says; `cuda_available` and `cuda_enabled` are answered
when they are read.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.compat.gpuarray import dnn_available, gpu_contiguous, host_from_gpu, use, why_not
from symtensor.config import config
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.sharedvar import shared
from symtensor.tensor.type import TensorType

__all__ = [
    "CudaNdarrayType", "as_cuda_ndarray_variable", "dnn_available", "float32_shared_constructor", "gpu_contiguous",
    "gpu_from_host", "host_from_gpu", "use",
]


class CudaNdarrayType:
    """`CudaNdarrayType(broadcastable)` is the TensorType of float32 values, which may live on the device like all
    others; so no type is an instance of this one."""

    def __new__(cls, broadcastable: Any, name: str | None = None, dtype: str = "float32") -> Any:
        if dtype != "float32":
            raise TypeError(f"CudaNdarrayType is for float32, not {dtype}")
        return TensorType(dtype, broadcastable, name=name)


def as_cuda_ndarray_variable(x: Any) -> Any:
    """`x` as a variable."""
    return as_tensor_variable(x)


def gpu_from_host(x: Any) -> Any:
    """`x` as a variable."""
    return as_tensor_variable(x)


def float32_shared_constructor(value: Any, name: str | None = None, strict: bool = False,
                               allow_downcast: bool | None = None, borrow: bool = False,
                               broadcastable: Any = None) -> Any:
    """A shared array of float32. TypeError for another dtype."""
    if getattr(value, "dtype", None) != np.float32:
        raise TypeError("float32 arrays only")
    return shared(value, name=name, strict=strict, allow_downcast=allow_downcast, borrow=borrow,
                  broadcastable=broadcastable)


def __getattr__(name: str) -> Any:
    if name == "cuda_available":  # whether there is a device that works
        return not why_not("cuda")
    if name == "cuda_enabled":  # whether functions run on one
        return config.device != "cpu" and not why_not(config.device)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
