"""Arithmetic of lengths, as `infer_shape` writes it.

A length is a Python int where it is known when the graph is built, else an int64 tensor of rank 0. The functions here
compute with ints at once and build graphs only for what is not known, so that shape programs stay small. `size` makes a
length of whatever an index or a shape may hold.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.tensor.conversion import ScalarFromTensor, tensor_from_scalar
from symtensor.tensor.math import maximum as _maximum
from symtensor.tensor.math import minimum as _minimum
from symtensor.tensor.math import switch as _switch

__all__ = [
    "ShapeError", "ceil_quotient", "entry", "entry_of", "find_entry", "lower", "product", "quotient", "same", "select",
    "size", "sizes", "slice_bounds", "slice_length", "upper", "wrapped",
]

Length = Any  # int, or a Variable of TensorType("int64", ())


class ShapeError(Exception):
    """Raised by an op's `infer_shape`: the lengths of its outputs are known only when it has run."""

    __module__ = "symtensor.tensor.basic"


def size(value: Any) -> Length:
    """An index or length as an int where it is a constant, else as an int64 tensor of rank 0."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, np.ndarray):
        return int(value[()])
    if isinstance(value, Constant):
        return int(value.data)
    if isinstance(value.type, scal.Scalar):
        inner = value.owner is not None and isinstance(value.owner.op, ScalarFromTensor)
        value = value.owner.inputs[0] if inner else tensor_from_scalar(value)
        if isinstance(value, Constant):
            return int(value.data)
    return value if value.type.dtype == "int64" else value.astype("int64")


def sizes(lengths: Sequence[Any]) -> tuple[Length, ...]:
    """The lengths that `infer_shape` is given, with constants as ints."""
    return tuple(size(length) for length in lengths)


def same(a: Length, b: Length) -> bool:
    """Whether two lengths are known to be equal."""
    return a is b or (isinstance(a, int) and isinstance(b, int) and a == b)


def select(condition: Any, then: Length, otherwise: Length) -> Length:
    """`then` where the condition holds, else `otherwise`; the condition may be a Python bool."""
    if not isinstance(condition, Variable):
        return then if condition else otherwise
    return then if same(then, otherwise) else _switch(condition, then, otherwise)


def upper(a: Length, b: Length) -> Length:
    """The larger one."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return a if a is b else _maximum(a, b)


def lower(a: Length, b: Length) -> Length:
    """The smaller one."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return a if a is b else _minimum(a, b)


def product(lengths: Sequence[Length]) -> Length:
    """The product of all."""
    known = 1
    result: Length = None
    for length in lengths:
        if isinstance(length, int):
            known *= length
        else:
            result = length if result is None else result * length
    if result is None:
        return known
    return result if known == 1 else result * known


def quotient(lengths: Sequence[Length], others: Sequence[Length]) -> Length:
    """The product of `lengths` over the product of `others`, 0 where that is 0. Equal factors cancel."""
    left = list(lengths)
    divisors = []
    for other in others:
        place = next((i for i, length in enumerate(left) if length is other and isinstance(other, Variable)), None)
        if place is None:
            divisors.append(other)
        else:
            del left[place]
    total, divisor = product(left), product(divisors)
    return total if same(divisor, 1) else total // upper(divisor, 1)


def ceil_quotient(a: Length, b: int) -> Length:
    """`a / b` rounded up, for positive b."""
    return a if b == 1 else (a + (b - 1)) // b


def wrapped(index: Length, length: Length) -> Length:
    """An index with negative ones counted from the end. The result may still be out of bounds."""
    if isinstance(index, int):
        return index if index >= 0 else length + index
    return _switch(index < 0, index + length, index)


def _clamped(bound: Length, length: Length, low: int, high: Length) -> Length:
    """A slice's bound, counted from the end where negative, and put between `low` and `high`."""
    if isinstance(bound, int) and bound >= 0 and low == 0:
        return 0 if bound == 0 else lower(bound, high)
    if isinstance(bound, int) and bound < 0 and low == 0 and high is length:
        return upper(length + bound, 0)
    return lower(upper(wrapped(bound, length), low), high)


def slice_bounds(start: Any, stop: Any, step: Length, length: Length) -> tuple[Length, Length]:
    """Where a slice begins and where it ends on an axis, as `slice.indices` tells; None as in a slice.

    For a negative step the end may be -1, one before the first element.
    """
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and isinstance(length, int):
        first, last, _ = slice(start, stop, step).indices(length)
        return first, last
    if isinstance(step, int):
        if step > 0:
            first = 0 if start is None else _clamped(start, length, 0, length)
            last = length if stop is None else _clamped(stop, length, 0, length)
        else:
            first = length - 1 if start is None else _clamped(start, length, -1, length - 1)
            last = -1 if stop is None else _clamped(stop, length, -1, length - 1)
        return first, last
    forward = slice_bounds(start, stop, 1, length)
    backward = slice_bounds(start, stop, -1, length)
    up = step > 0
    return select(up, forward[0], backward[0]), select(up, forward[1], backward[1])


def _simple_span(start: Length, stop: Any, length: Length) -> Length | None:
    """`stop - start` for the usual slices, in one form for all that are equal: x[1:] and x[:-1] have one length."""
    if not isinstance(start, int):
        return None
    if stop is None:
        if start < 0:
            return lower(length, -start)
        return upper(length - start, 0) if start else length
    if not isinstance(stop, int):
        return None
    if stop < 0:
        return upper(length - (start - stop), 0) if start >= 0 else None
    return lower(length, stop) if start == 0 else None


def slice_length(start: Any, stop: Any, step: Any, length: Length) -> Length:
    """How many elements a slice takes of an axis; the parts are lengths or None."""
    step = 1 if step is None else step
    if start is None and stop is None and isinstance(step, int):
        return ceil_quotient(length, abs(step))
    if isinstance(step, int) and step > 0:
        span = _simple_span(0 if start is None else start, stop, length)
        if span is not None:
            return ceil_quotient(span, step)
    first, last = slice_bounds(start, stop, step, length)
    if isinstance(step, int):
        span = last - first if step > 0 else first - last
        if same(first, 0) and step > 0:
            return ceil_quotient(span, step)  # the end is not before 0
        return ceil_quotient(upper(span, 0), abs(step))
    up = step > 0
    span = upper(select(up, last - first, first - last), 0)
    stride = upper(select(up, step, -step), 1)
    return (span + stride - 1) // stride


# -- entries of shape vectors ------------------------------------------------------------------------------------------


@singledispatch
def entry_of(op: Any, node: Apply, index: int) -> tuple[Any, int | None] | None:
    """Where entry `index` of a node's output, a vector, comes from; a rule per class of op.

    The answer is (scalar variable or int, None), or (vector, index) to look further, or None where it has to be
    computed.
    """
    return None


def _origin(vector: Any, index: int) -> tuple[Any, int | None]:
    """Where an entry comes from: (scalar variable or int, None), or a vector and an index that lead no further."""
    while True:
        if isinstance(vector, Constant):
            known = -len(vector.data) <= index < len(vector.data)
            return (int(vector.data[index]), None) if known else (vector, index)
        found = None if vector.owner is None else entry_of(vector.owner.op, vector.owner, index)
        if found is None:
            return vector, index
        vector, place = found
        if place is None:
            return vector, None
        index = place


def find_entry(vector: Any, index: int) -> Any:
    """Entry `index` of a vector as an int or as the scalar variable it was made from, None where neither is known."""
    found, place = _origin(vector, index)
    return found if place is None else None


def entry(vector: Any, index: int) -> Length:
    """Entry `index` of an integer vector as a length."""
    found, place = _origin(vector, index)
    return size(found if place is None else found[place])
