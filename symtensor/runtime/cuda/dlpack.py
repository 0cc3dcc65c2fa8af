"""DLPack's capsules, by hand: the structure of version 0 that every library reads, through cffi and Python's C API.

Out: a capsule that keeps an object until its consumer, or nobody, has used it. In: a capsule of somebody's; BufferError
for elements that are not in C order or of a kind that NumPy has no dtype for.
"""
from __future__ import annotations

import ctypes
from typing import Any

import cffi
import numpy as np

__all__ = ["CPU", "CUDA", "exported", "imported"]

CPU, CUDA = 1, 2

_ffi = cffi.FFI()
_ffi.cdef("""
typedef struct { int device_type; int device_id; } DLDevice;
typedef struct { uint8_t code; uint8_t bits; uint16_t lanes; } DLDataType;
typedef struct { void *data; DLDevice device; int32_t ndim; DLDataType dtype; int64_t *shape; int64_t *strides;
                 uint64_t byte_offset; } DLTensor;
typedef struct DLManagedTensor { DLTensor dl_tensor; void *manager_ctx; void (*deleter)(struct DLManagedTensor *);
} DLManagedTensor;
""")
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_KINDS = {code: kind for kind, code in _CODES.items()}
_NEW, _USED = b"dltensor", b"used_dltensor"

_api = ctypes.pythonapi
_new = _api.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_is_valid = _api.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]
_pointer = _api.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
_rename = _api.PyCapsule_SetName
_rename.restype, _rename.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]

_given: dict[int, tuple[Any, ...]] = {}  # address of a structure that somebody has: what it needs


@_ffi.callback("void(DLManagedTensor *)")
def _delete(tensor: Any) -> None:
    _given.pop(int(_ffi.cast("uintptr_t", tensor)), None)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _unused(capsule: int) -> None:
    """The end of a capsule: what nobody has taken out of it goes with it."""
    if _is_valid(capsule, _NEW):
        _given.pop(_pointer(capsule, _NEW), None)


def exported(owner: Any, address: int, shape: tuple[int, ...], dtype: np.dtype, device: tuple[int, int]) -> Any:
    """A capsule for an array in C order, which keeps `owner`."""
    tensor = _ffi.new("DLManagedTensor *")
    sizes = _ffi.new("int64_t[]", [*shape, 0])
    t = tensor.dl_tensor
    t.data = _ffi.cast("void *", address)
    t.device.device_type, t.device.device_id = device
    t.ndim = len(shape)
    t.dtype.code, t.dtype.bits, t.dtype.lanes = _CODES[dtype.kind], 8 * dtype.itemsize, 1
    t.shape = sizes
    tensor.deleter = _delete
    key = int(_ffi.cast("uintptr_t", tensor))
    _given[key] = (owner, tensor, sizes)
    return _new(key, _NEW, ctypes.cast(_unused, ctypes.c_void_p))


class _Taken:
    """Somebody's array, which is given back when nobody refers to this any more."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def __del__(self) -> None:
        if self._tensor.deleter != _ffi.NULL:
            self._tensor.deleter(self._tensor)


def imported(capsule: Any) -> tuple[int, tuple[int, ...], np.dtype, Any]:
    """(address, shape, dtype, what keeps the memory) of a capsule, which is used up."""
    if not _is_valid(id(capsule), _NEW):
        raise BufferError("this is no capsule of DLPack's, or it has been used")
    tensor = _ffi.cast("DLManagedTensor *", _pointer(id(capsule), _NEW))
    t = tensor.dl_tensor
    shape = tuple(t.shape[k] for k in range(t.ndim))
    expected = 1
    for k in reversed(range(t.ndim)):
        if t.strides != _ffi.NULL and shape[k] != 1 and 0 not in shape and t.strides[k] != expected:
            raise BufferError("the array is not in C order: copy it first")
        expected *= shape[k]
    kind = _KINDS.get(t.dtype.code)
    if kind is None or t.dtype.lanes != 1 or t.dtype.bits % 8:
        raise BufferError(f"DLPack's type {t.dtype.code} of {t.dtype.bits} bits is none that tensors have")
    try:
        dtype = np.dtype(f"{kind}{t.dtype.bits // 8}")
    except TypeError as error:
        raise BufferError(f"DLPack's type {t.dtype.code} of {t.dtype.bits} bits is none that tensors have") from error
    address = int(_ffi.cast("uintptr_t", t.data)) + t.byte_offset
    _rename(id(capsule), _USED)
    return address, shape, dtype, _Taken(tensor)
