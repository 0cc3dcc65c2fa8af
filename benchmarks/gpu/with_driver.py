"""The yardstick: copies within the device by NVIDIA's driver alone. `why_not()` says why there is no GPU to use."""
from __future__ import annotations

import ctypes

import numpy as np

VERSION = ""
_NAME, _STEPS = "libcuda.so.1", []


def call(name: str, *args) -> None:
    code = getattr(_STEPS[0], name)(*args)
    if code:
        text = ctypes.c_char_p()
        _STEPS[0].cuGetErrorString(code, ctypes.byref(text))
        raise RuntimeError(f"{name}: {(text.value or b'').decode() or code}")


def opened() -> None:
    """Loads and initialises the driver. OSError or RuntimeError with the reason."""
    if not _STEPS:
        _STEPS.append(ctypes.CDLL(_NAME))
    call("cuInit", 0)


def why_not() -> str:
    """Why no GPU can be used, "" if one can."""
    count = ctypes.c_int()
    try:
        opened()
        call("cuDeviceGetCount", ctypes.byref(count))
    except (OSError, RuntimeError) as problem:
        return str(problem)
    return "" if count.value else "CUDA has no device"


def start() -> str:
    """Takes the first device; what it is."""
    opened()
    device, context, major, minor = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
    size, version, name = ctypes.c_size_t(), ctypes.c_int(), ctypes.create_string_buffer(200)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxPushCurrent_v2", context)
    call("cuDeviceGetName", name, len(name), device)
    call("cuMemGetInfo_v2", ctypes.byref(ctypes.c_size_t()), ctypes.byref(size))
    call("cuDriverGetVersion", ctypes.byref(version))
    for what, attribute in ((major, 75), (minor, 76)):
        call("cuDeviceGetAttribute", ctypes.byref(what), attribute, device)
    return (f"{name.value.decode()}, {size.value / 2**30:.0f} GiB, compute capability {major.value}.{minor.value}; "
            f"driver for CUDA {version.value // 1000}.{version.value % 1000 // 10}")


def wait(returned, state) -> None:
    call("cuCtxSynchronize")


def host(value) -> np.ndarray:
    return value


def reset_peak() -> None:
    pass


def peak() -> dict:
    return {}


def copy(d):
    source, target, size = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_size_t(d.x.nbytes)
    for memory in (source, target):
        call("cuMemAlloc_v2", ctypes.byref(memory), size)
    call("cuMemcpyHtoDAsync_v2", source, ctypes.c_void_p(d.x.ctypes.data), size, None)
    call("cuCtxSynchronize")

    def state():
        result = np.empty_like(d.x)
        call("cuMemcpyDtoHAsync_v2", ctypes.c_void_p(result.ctypes.data), target, size, None)
        call("cuCtxSynchronize")
        return [result]

    def step():
        call("cuMemcpyDtoDAsync_v2", target, source, size, None)
        return ()
    return step, state
