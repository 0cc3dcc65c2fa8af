"""The static part of basic indexing: which entries an index has, and of what types its run-time parts are.

An `idx_list` is a tuple with, per axis, the `Scalar` type of an integer index, or a slice whose parts are such types or
None. Beside it a node carries the integers themselves as scalar inputs, in the order in which the types appear. Here
are the conversions both ways, the printed form, and the arithmetic of negative indices and slices.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Variable
from symtensor.graph.type import Type
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.conversion import scalar_from_tensor
from symtensor.tensor.math import abs_, lt, sgn, switch
from symtensor.tensor.sizes import select, size, slice_bounds, slice_length, wrapped
from symtensor.tensor.type import TensorType

__all__ = [
    "AdvancedBooleanIndexingError", "AdvancedIndexingError", "INTEGER_DTYPES", "as_index_scalar", "collapse",
    "convert", "entry_text", "get_canonical_form_slice", "get_idx_list", "hashable", "make_constant", "numeric_index",
]

INTEGER_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class AdvancedIndexingError(TypeError):
    """An index is no integer and no slice: it needs advanced indexing."""

    __module__ = "symtensor.tensor.subtensor"


class AdvancedBooleanIndexingError(TypeError):
    """An index is a boolean mask."""

    __module__ = "symtensor.tensor.subtensor"


def convert(entry: Any, slice_ok: bool = True) -> Any:
    """The static form of one entry of an index: a `Scalar` type, a slice of such, or None.

    Raises AdvancedIndexingError (AdvancedBooleanIndexingError for masks) for entries of advanced indexing, TypeError
    for what cannot be an index.
    """
    if isinstance(entry, (np.ndarray, Variable)) and getattr(entry, "dtype", None) == "bool":
        raise AdvancedBooleanIndexingError("Invalid index type or slice for Subtensor")
    if isinstance(entry, Variable):
        kind = entry.type
    else:
        kind = entry
    if isinstance(kind, scal.Scalar) and kind.dtype in INTEGER_DTYPES:
        return kind
    if isinstance(kind, TensorType) and all(kind.broadcastable):
        if kind.dtype in INTEGER_DTYPES and (kind.ndim == 0 or not isinstance(entry, Variable)):
            return scal.get_scalar_type(kind.dtype)
        if kind.ndim == 0:
            raise TypeError("Expected an integer")
    if slice_ok and isinstance(entry, slice):
        return slice(*(None if part is None else _slice_part(part) for part in (entry.start, entry.stop, entry.step)))
    if isinstance(entry, (int, np.integer)):
        raise TypeError("Python scalar in idx_list: give a scalar type or variable", entry)
    raise AdvancedIndexingError("Invalid index type or slice for Subtensor")


def _slice_part(part: Any) -> Any:
    if isinstance(part, slice):
        raise TypeError("nested slicing is not supported")
    if isinstance(part, Variable) and isinstance(part.type, TensorType) and part.type.ndim > 0:
        raise ValueError("TensorType could not be cast to have 0 dimensions", part.type)
    try:
        return convert(part, slice_ok=False)
    except AdvancedIndexingError:
        raise TypeError("index must be integers") from None


def collapse(idxs: Any, cond: Callable[[Any], bool]) -> list[Any]:
    """The parts of an index, slices taken apart, for which `cond` holds, in order."""
    if isinstance(idxs, (list, tuple)):
        return [part for entry in idxs for part in collapse(entry, cond)]
    if isinstance(idxs, slice):
        return [part for part in (idxs.start, idxs.stop, idxs.step) if cond(part)]
    return [idxs] if cond(idxs) else []


def hashable(idx_list: Sequence[Any]) -> tuple[Any, ...]:
    """An `idx_list` with its slices as tuples."""
    return tuple((slice, e.start, e.stop, e.step) if isinstance(e, slice) else e for e in idx_list)


def entry_text(entry: Any) -> str:
    """How an entry prints: `int64`, `int64:int64:`, `::`."""
    if isinstance(entry, slice):
        return ":".join("" if p is None or p == "" else str(p) for p in (entry.start, entry.stop, entry.step))
    return str(entry)


def get_idx_list(inputs: Sequence[Any], idx_list: Sequence[Any], get_count: bool = False) -> Any:
    """The index of a node: `idx_list` with its types replaced by the node's scalar inputs (or by their values).

    `inputs` are all inputs of the node; the scalars are its last ones. With `get_count`, the number of scalars.
    """
    rest = list(inputs[1:])
    count = len(collapse(idx_list, lambda e: isinstance(e, Type)))
    if get_count:
        return count
    parts = iter(rest[len(rest) - count:])

    def fill(entry: Any) -> Any:
        if isinstance(entry, Type):
            return next(parts)
        if isinstance(entry, slice):
            start, stop, step = entry.start, entry.stop, entry.step
            start = fill(start)
            stop = fill(stop)
            return slice(start, stop, fill(step))
        return entry

    return tuple(fill(entry) for entry in idx_list)


def numeric_index(values: Sequence[Any], idx_list: Sequence[Any]) -> tuple[Any, ...]:
    """The index at run time: `values` are those of the scalar inputs, in order."""
    index = get_idx_list((None, *values), idx_list)

    def number(part: Any) -> Any:
        return None if part is None else int(part)

    return tuple(
        slice(number(e.start), number(e.stop), number(e.step)) if isinstance(e, slice) else number(e) for e in index
    )


def as_index_scalar(a: Any) -> Any:
    """An integer or 0-d tensor as the scalar variable that indexing takes as an input."""
    if isinstance(a, Variable):
        if isinstance(a.type, scal.Scalar):
            return a
        if isinstance(a.type, TensorType) and a.type.ndim:
            a = as_tensor_variable(a, ndim=0)
        return scalar_from_tensor(a)
    return scalar_from_tensor(as_tensor_variable(a, ndim=0))


def make_constant(args: Any) -> Any:
    """The index with its Python integers as int64 scalar constants. OverflowError for integers beyond int64."""
    if isinstance(args, (tuple, list)):
        return tuple(make_constant(entry) for entry in args)
    if isinstance(args, slice):
        return slice(make_constant(args.start), make_constant(args.stop), make_constant(args.step))
    if isinstance(args, (int, np.integer)) and not isinstance(args, (bool, np.bool_)):
        if not -(1 << 63) <= int(args) < 1 << 63:
            raise OverflowError(f"index {args} does not fit int64")
        return scal.ScalarConstant(scal.get_scalar_type("int64"), np.int64(args))
    return args


def get_canonical_form_slice(theslice: Any, length: Any) -> tuple[Any, Any]:
    """An index or slice on an axis of the given length, in canonical form, and a direction.

    An integer comes back non-negative (and direction 1). A slice comes back with a positive step and bounds between 0
    and the length, so that it takes the same elements; the direction is -1 (or a variable of value -1) where the
    elements are then to be reversed. Bounds are Python ints where known.
    """
    length = size(length)
    if not isinstance(theslice, slice):
        index = size(theslice)
        if isinstance(index, int):
            return wrapped(index, length), 1
        return switch(lt(theslice, 0), theslice + length, theslice), 1
    start, stop, step = (None if p is None else size(p) for p in (theslice.start, theslice.stop, theslice.step))
    step = 1 if step is None else step
    if isinstance(step, int) and step == 0:
        raise ValueError("slice step cannot be zero")
    first, last = slice_bounds(start, stop, step, length)
    if isinstance(step, int) and step > 0:
        return slice(first, select(last < first, first, last), step), 1
    count = slice_length(start, stop, step, length)
    lowest = first + (count - 1) * step  # the last element taken, which comes first in canonical form
    if isinstance(step, int):
        begin = select(count < 1, 0, lowest)
        return slice(begin, select(count < 1, 0, first + 1), -step), -1
    up = step > 0
    begin = select(count < 1, 0, select(up, first, lowest))
    end = select(count < 1, 0, select(up, select(last < first, first, last), first + 1))
    return slice(begin, end, abs_(step)), sgn(step)
