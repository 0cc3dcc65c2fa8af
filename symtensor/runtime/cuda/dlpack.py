"""DLPack's capsules, by hand: the structure of version 0 that every library reads, through ctypes.

Out: a capsule that keeps an object until its consumer, or nobody, has used it. In: a capsule of somebody's; BufferError
for elements that are not in C order or of a kind that NumPy has no dtype for.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CPU", "CUDA", "exported", "imported"]

CPU, CUDA = 1, 2


class _Tensor(ctypes.Structure):
    """`DLManagedTensor`, with the structures inside it written out."""

    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int), ("device_id", ctypes.c_int), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64), ("manager_ctx", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
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


@_Deleter
def _delete(tensor: int) -> None:
    kept = _given.pop(tensor, None)
    if kept is not None:
        kept[-1]()


@_Deleter
def _unused(capsule: int) -> None:
    """The end of a capsule: what nobody has taken out of it goes with it."""
    if _is_valid(capsule, _NEW):
        _given.pop(_pointer(capsule, _NEW), None)


def nothing() -> None:
    """What has to be done where nothing has to."""


def exported(owner: Any, address: int, shape: tuple[int, ...], dtype: np.dtype, device: tuple[int, int],
             back: Callable[[], None] = nothing) -> Any:
    """A capsule for an array in C order, which keeps `owner`. `back` is called when its consumer gives it back."""
    sizes = (ctypes.c_int64 * max(len(shape), 1))(*shape)
    tensor = _Tensor(
        data=address, device_type=device[0], device_id=device[1], ndim=len(shape), code=_CODES[dtype.kind],
        bits=8 * dtype.itemsize, lanes=1, shape=sizes, deleter=ctypes.cast(_delete, ctypes.c_void_p))
    key = ctypes.addressof(tensor)
    _given[key] = (owner, tensor, sizes, back)
    return _new(key, _NEW, ctypes.cast(_unused, ctypes.c_void_p))


class _Taken:
    """Somebody's array, which is given back when nobody refers to this any more."""

    __slots__ = ("_back", "_tensor")

    def __init__(self, tensor: Any, back: Callable[[], None]) -> None:
        self._tensor = tensor
        self._back = back

    def __del__(self) -> None:
        self._back()
        if self._tensor.deleter:
            _Deleter(self._tensor.deleter)(ctypes.addressof(self._tensor))


def imported(capsule: Any, back: Callable[[], None] = nothing) -> tuple[int, tuple[int, ...], np.dtype, Any]:
    """(address, shape, dtype, what keeps the memory) of a capsule, which is used up. `back` is called before the memory
    is given back."""
    if not _is_valid(id(capsule), _NEW):
        raise BufferError("this is no capsule of DLPack's, or it has been used")
    t = _Tensor.from_address(_pointer(id(capsule), _NEW))
    shape = tuple(t.shape[k] for k in range(t.ndim))
    expected = 1
    for k in reversed(range(t.ndim)):
        if t.strides and shape[k] != 1 and 0 not in shape and t.strides[k] != expected:
            raise BufferError("the array is not in C order: copy it first")
        expected *= shape[k]
    kind = _KINDS.get(t.code)
    if kind is None or t.lanes != 1 or t.bits % 8:
        raise BufferError(f"DLPack's type {t.code} of {t.bits} bits is none that tensors have")
    try:
        dtype = np.dtype(f"{kind}{t.bits // 8}")
    except TypeError as error:
        raise BufferError(f"DLPack's type {t.code} of {t.bits} bits is none that tensors have") from error
    address = (t.data or 0) + t.byte_offset
    _rename(id(capsule), _USED)
    return address, shape, dtype, _Taken(t, back)
