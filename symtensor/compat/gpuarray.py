"""What programs ask of `theano.gpuarray`, its types, ops and `dnn`.

Here a variable's type does not say where its value lives, and a function decides by itself what it computes where. So
the conversions give the variable itself, no variable has a type of the device's, and a "context" is the device in use,
whose name is None, that of `config.device` or one of `config.contexts`. cuDNN is not used. Ops of Theano's that only
its own rewrites made (GpuElemwise, GpuDnnConv ...) are not here.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from symtensor.config import config
from symtensor.configdefaults import choose_device
from symtensor.runtime.cuda import device as devices
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.sharedvar import shared
from symtensor.tensor.transfer import is_device_in_use, transfer
from symtensor.tensor.type import TensorType
from symtensor.utils.optional import optional_import
from symtensor.utils.warn import warn_user

__all__ = [
    "ContextNotDefined", "GpuArrayType", "GpuContiguous", "GpuFromHost", "HostFromGpu", "as_gpuarray_variable",
    "dnn_available", "dnn_present", "get_context", "gpu_contiguous", "gpuarray_shared_constructor", "host_from_gpu",
    "infer_context_name", "init_dev", "list_contexts", "transfer", "use", "version",
]


class ContextNotDefined(ValueError):
    """A name that the device in use does not have."""


class GpuArrayType:
    """`GpuArrayType(dtype, broadcastable)` is the TensorType of values that may live on the device like all others; so
    no type is an instance of this one."""

    def __new__(cls, dtype: str, broadcastable: Any, context_name: Any = None, name: str | None = None) -> Any:
        if context_name is not None:
            _known(context_name)
        return TensorType(dtype, broadcastable, name=name)


# ---------------------------------------------------------------------------------------------------------- devices


def why_not(name: str = "cuda") -> str:
    """Why a device cannot be used, or ""; it is not opened."""
    module: Any = optional_import("symtensor.runtime.cuda.pycuda_device")
    return module.why_not(name)


def use(device: str, force: bool = False, default_to_move_computation_to_gpu: bool = True) -> None:
    """Opens a device ("cuda0"; "gpu0" means the same); functions that are made from now on run there ("cpu": on the
    host), unless `default_to_move_computation_to_gpu` is False.

    A device that cannot be used is an error with `force`, else a warning that gives the reason, and functions stay
    where they are. ValueError for what is no device.
    """
    if device != "cpu":
        try:
            devices.opened(device)
        except RuntimeError as error:
            if force:
                raise
            warn_user(str(error), UserWarning)
            return
    if default_to_move_computation_to_gpu:
        choose_device(device)


def init_dev(dev: str) -> None:
    """Opens a device, and leaves functions where they are. RuntimeError says why it cannot be used."""
    devices.opened(dev)


def _known(name: Any) -> None:
    if not is_device_in_use(name):
        raise ContextNotDefined(f"context name {name} not defined")


def get_context(name: Any) -> Any:
    """The device in use (`symtensor.runtime.cuda.device.Device`). ContextNotDefined for other names than its own."""
    _known(name)
    return devices.current()


def list_contexts() -> list[Any]:
    """The names that `get_context` knows, the usual one first; none where functions run on the CPU."""
    pairs = (pair.partition("->")[0].strip() for pair in config.contexts.split(";") if pair)
    return [name for name in (None, *pairs) if is_device_in_use(name)]


def infer_context_name(*vars: Any) -> None:
    """The name of the context of variables: None, the device in use. ContextNotDefined where there is none."""
    _known(None)


def __getattr__(name: str) -> Any:
    if name == "pygpu_activated":  # whether functions run on a device that works
        return config.device != "cpu" and not why_not(config.device)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# -------------------------------------------------------------------------------------------------------- variables


def as_gpuarray_variable(x: Any, context_name: Any) -> Any:
    """`x` as a variable. ContextNotDefined for another device than the one in use."""
    _known(context_name)
    return as_tensor_variable(x)


def host_from_gpu(x: Any) -> Any:
    """`x` as a variable."""
    return as_tensor_variable(x)


def gpu_contiguous(x: Any) -> Any:
    """`x` as a variable: arrays on the device are in C order."""
    return as_tensor_variable(x)


def GpuFromHost(context_name: Any) -> Callable[[Any], Any]:
    """What makes variables of the device in use: `as_gpuarray_variable`."""
    return partial(as_gpuarray_variable, context_name=context_name)


def HostFromGpu() -> Callable[[Any], Any]:
    """`host_from_gpu`."""
    return host_from_gpu


def GpuContiguous() -> Callable[[Any], Any]:
    """`gpu_contiguous`."""
    return gpu_contiguous


def gpuarray_shared_constructor(value: Any, name: str | None = None, strict: bool = False,
                                allow_downcast: bool | None = None, borrow: bool = False, broadcastable: Any = None,
                                target: Any = None) -> Any:
    """A shared array whose value is moved to the device in use. TypeError where there is none, or another is named."""
    options = {} if broadcastable is None else {"broadcastable": broadcastable}
    return shared(value, name=name, strict=strict, allow_downcast=allow_downcast, borrow=borrow, target=target,
                  **options)


# ------------------------------------------------------------------------------------------------------------ cuDNN

_NO_CUDNN = "cuDNN is not used: functions are compiled to kernels of their own"


def dnn_available(context_name: Any = None) -> bool:
    """Whether cuDNN is used on a device: never. `dnn_available.msg` says why."""
    return False


def dnn_present() -> bool:
    """Whether cuDNN was looked for and found: never. `dnn_present.msg` says why."""
    return False


dnn_available.msg = dnn_present.msg = _NO_CUDNN  # type: ignore[attr-defined]
dnn_present.avail = False  # type: ignore[attr-defined]


def version(raises: bool = True) -> int:
    """cuDNN's version: RuntimeError, or -1 if that is not to be raised."""
    if raises:
        raise RuntimeError(f"We can't determine the cudnn version as it is not available: {_NO_CUDNN}")
    return -1
