"""Values at the edge of a Program: what a caller hands in, and what a Python operation hands back.

In: any Python value and the Buffer it is meant for. Out: an ndarray of exactly that dtype and rank, aligned and in
native byte order (copied if the value was not; arrays on a device are), or the object itself for object buffers.
Refused with TypeError: another dtype or rank, a length other than 1 along an axis that promises to be broadcastable.
User-facing conversion (lists, safe casts, `allow_downcast`) has happened before, in the variable's type.
"""
from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.ir.nodes import Buffer, PyCall
from symtensor.utils.device_value import on_host

NUMBERS = (bool, int, float, complex)


def fitted(value: Any, buffer: Buffer, what: str) -> Any:
    """`value` as the array or object that `buffer` promises; `what` names it in errors ("argument 0 (x)")."""
    if buffer.dtype == "object":
        return value
    dtype = np.dtype(buffer.dtype)
    value = on_host(value)
    if isinstance(value, np.ndarray):
        array = value if type(value) is np.ndarray else np.asarray(value)
    elif isinstance(value, NUMBERS):
        array = _number(value, dtype)
    elif isinstance(value, np.generic):
        array = np.asarray(value)
    else:
        raise TypeError(f"{what}: expected an array of dtype {buffer.dtype} with {buffer.ndim} dimension(s), "
                        f"got {type(value).__name__}")
    if array.dtype != dtype:
        if array.dtype.newbyteorder("=") != dtype:
            raise TypeError(f"{what}: expected dtype {buffer.dtype}, got {array.dtype}")
        array = array.astype(dtype)
    if array.ndim != buffer.ndim:
        raise TypeError(f"{what}: expected {buffer.ndim} dimension(s), got {array.ndim} (shape {array.shape})")
    for axis, (length, one) in enumerate(zip(array.shape, buffer.broadcast)):
        if one and length != 1:
            raise TypeError(f"{what}: axis {axis} is broadcastable and must have length 1, got shape {array.shape}")
    if not array.flags.aligned or (buffer.layout == "c" and not array.flags.c_contiguous):
        array = array.copy()
    return array


def _number(value: Any, dtype: np.dtype) -> np.ndarray:
    """A Python number as a 0-d array of `dtype` if that holds it exactly, else of the dtype that NumPy gives it."""
    if not isinstance(value, complex) or dtype.kind == "c":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array = np.array(value).astype(dtype)
            if array[()] == value or value != value:
                return array
        except (OverflowError, TypeError, ValueError):
            pass
    return np.array(value)


def separated(values: list[Any], written: Sequence[int]) -> list[Any]:
    """The input values, where those that the program writes to share no memory with any other and can be written:
    the others (the later one of two that are written) are replaced by copies."""
    for d in written:
        if isinstance(values[d], np.ndarray) and not values[d].flags.writeable:
            values[d] = values[d].copy()
        for k, value in enumerate(values):
            if k != d and isinstance(value, np.ndarray) and np.may_share_memory(value, values[d]):
                victim = d if k in written and k < d else k
                values[victim] = values[victim].copy()
    return values


def adopted(results: Any, stmt: PyCall, buffers: Sequence[Buffer], inputs: Sequence[Any], name: str,
            others: Sequence[Any] = ()) -> list[Any]:
    """What a Python operation returned, checked against the buffers that it defines.

    The program may write to what it adopts. So a result is copied if it shares memory with an input (without `views`
    saying so), with another result or with `others` (workspaces), if somebody else still holds it, or if it is
    read-only or has several elements at one address.
    """
    if not isinstance(results, (list, tuple)) or len(results) != len(buffers):
        raise TypeError(f"{name}: expected a list of {len(buffers)} result(s), got {describe(results)}")
    ours = type(results) is list and _references(results) <= _LEAST
    views = set(stmt.views)
    taken: list[Any] = []
    for k, buffer in enumerate(buffers):
        value = results[k]
        if ours:
            results[k] = None  # type: ignore[index]  # now nobody has it but us, if the operation does not keep it
        value = fitted(value, buffer, f"result {k} of {name}")
        if buffer.dtype != "object":
            wrong = [x for j, x in enumerate(inputs) if (k, j) not in views] + taken
            right = [x for j, x in enumerate(inputs) if (k, j) in views]
            if _meets(value, wrong) or (not _meets(value, right) and (
                    _meets(value, others) or _references(value) > _LEAST or _is_shared(value))):
                value = value.copy()
        taken.append(value)
    return taken


def _meets(value: np.ndarray, others: Sequence[Any]) -> bool:
    return any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in others)


def _is_shared(value: np.ndarray) -> bool:
    """Whether an array that we alone hold is still not ours to write to."""
    if not value.flags.writeable or any(s == 0 and n > 1 for s, n in zip(value.strides, value.shape)):
        return True
    return value.base is not None and (type(value.base) is not np.ndarray or _references(value.base) > _LEAST)


def _references(value: Any) -> int:
    return sys.getrefcount(value)


def _least() -> int:
    value = object()
    return _references(value)


_LEAST = _least()  # of a value that one local variable holds


def describe(value: Any) -> str:
    """A value in a few words, for error messages."""
    return f"{len(value)} values" if isinstance(value, (list, tuple)) else type(value).__name__
