"""Indexing: taken before arithmetic instead of after, merged, read out of what was just written or put together.

Integers in an index are known (constants) or not; rules that add bounds need them known and not negative. What a rule
takes out of a vector of known entries, an alloc or a written place trusts that the index is within bounds.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.basic import Constant
from symtensor.rewrite.dispatch import Row, row_of
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import is_cast, same, scalar_value, uses
from symtensor.scalar.type import ScalarConstant, get_scalar_type
from symtensor.tensor import math as T
from symtensor.tensor.advanced_indexing import AdvancedIncSubtensor1, AdvancedSubtensor1
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.conversion import ScalarFromTensor
from symtensor.tensor.elemwise import DimShuffle, Elemwise
from symtensor.tensor.index_list import get_idx_list
from symtensor.tensor.linear import Dot, dot
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.shape_ops import Shape_i
from symtensor.tensor.subtensor import IncSubtensor, Subtensor

__all__ = ["CANONICALIZE", "USELESS", "index_of", "is_zero", "taken"]

_INT64 = get_scalar_type("int64")


def _known(part: Any) -> int | None:
    """The number that a part of an index is, if it is known."""
    if part is None:
        return None
    if isinstance(part, Constant):
        return int(part.data)
    if part.owner is not None and type(part.owner.op) is ScalarFromTensor:
        value = scalar_value(part.owner.inputs[0])
        return None if value is None else int(value)
    return None


def index_of(node: Any) -> tuple[Any, ...]:
    """The index of a Subtensor or IncSubtensor node, with variables in it."""
    skip = 1 if isinstance(node.op, Subtensor) else 2
    return get_idx_list([None, *node.inputs[skip:]], node.op.idx_list)


def taken(x: Any, index: Any) -> Any:
    """`x` at an index of slices and integers (numbers or scalar variables)."""
    parts: list[Any] = []

    def place(part: Any) -> Any:
        if part is None:
            return None
        parts.append(ScalarConstant(_INT64, _INT64.filter(part)) if isinstance(part, int) else part)
        return parts[-1].type

    idx_list = [slice(place(e.start), place(e.stop), place(e.step)) if isinstance(e, slice) else place(e)
                for e in index]
    return Subtensor(idx_list)(x, *parts)


def _is_full(entry: Any) -> bool:
    return isinstance(entry, slice) and entry.start is None and entry.stop is None and (
        entry.step is None or _known(entry.step) == 1)


def _stops_at_end(entry: Any, x: Any, axis: int) -> bool:
    """Whether a slice goes from the start to the length of the axis."""
    if not isinstance(entry, slice) or entry.step is not None and _known(entry.step) != 1:
        return False
    if entry.start is not None and _known(entry.start) != 0:
        return False
    stop = entry.stop
    if stop is None:
        return True
    if _known(stop) is not None:
        return (_known(stop) or 0) >= 2**62
    if stop.owner is not None and type(stop.owner.op) is ScalarFromTensor:
        length = stop.owner.inputs[0].owner
        return length is not None and type(length.op) is Shape_i and length.op.i == axis and length.inputs[0] is x
    return False


@rule(Subtensor, aliases=("local_useless_slice", "local_useless_subtensor"), tags=("fast_compile",))
def slices_that_take_all_disappear(node: Any) -> Any:
    """x[:] -> x, x[0:x.shape[0], 1] -> x[:, 1], x[1, :] -> x[1]."""
    x, index = node.inputs[0], list(index_of(node))
    new = [slice(None) if _stops_at_end(e, x, axis) else e for axis, e in enumerate(index)]
    while new and _is_full(new[-1]):
        new.pop()
    if not new:
        return x
    if len(new) == len(index) and all(a is b or _is_full(a) and _is_full(b) and b.step is None and b.stop is None
                                      for a, b in zip(new, index)):
        return None
    return taken(x, new)


@rule(Subtensor, aliases=("local_subtensor_lift",))
def index_moves_through_arithmetic(node: Any) -> Any:
    """exp(x)[i] -> exp(x[i]), (x + y)[i] -> x[i] + y[i], where nothing else uses the whole, or where it is made of
    scalars."""
    x = node.inputs[0]
    inner = x.owner
    if inner is None or type(inner.op) is not Elemwise or inner.op.inplace_pattern:
        return None
    if uses(x) > 1 and not all(v.owner is not None and type(v.owner.op) is MakeVector for v in inner.inputs):
        return None
    if row_of(inner.op) is None and not is_cast(inner) or row_of(inner.op) == Row("second"):
        return None
    pattern = x.type.broadcastable
    index, out = node.inputs[1:], node.outputs[0].type
    operands = []
    for v in inner.inputs:
        if tuple(v.type.broadcastable) == tuple(pattern):
            operands.append(node.op(v, *index))
        elif all(v.type.broadcastable):
            operands.append(DimShuffle(v.type.broadcastable, ["x"] * out.ndim)(v))
        else:
            return None
    return inner.op(*operands)


@rule(Subtensor, aliases=("local_subtensor_merge",))
def index_of_index_becomes_one(node: Any) -> Any:
    """x[1:][2:] -> x[3:], x[2:8:2][1] -> x[4], for known bounds that are not negative and steps that are positive."""
    inner = node.inputs[0].owner
    if inner is None or type(inner.op) is not Subtensor:
        return None
    first, second = list(index_of(inner)), list(index_of(node))
    kept = [axis for axis, e in enumerate(first) if isinstance(e, slice)]
    rank = inner.inputs[0].type.ndim
    places = kept + list(range(len(first), rank))
    merged: list[Any] = first + [slice(None)] * (rank - len(first))
    for place, entry in zip(places, second):
        combined = _combined(merged[place], entry)
        if combined is None:
            return None
        merged[place] = combined
    while merged and _is_full(merged[-1]):
        merged.pop()
    return taken(inner.inputs[0], merged) if merged else inner.inputs[0]


def _combined(outer: Any, inner: Any) -> Any:
    """The entry that does what a slice and then another entry do, on one axis; None where it is not known."""
    if _is_full(outer):
        return inner
    if _is_full(inner):
        return outer
    if isinstance(inner, slice) and _reverses(outer) and _reverses(inner):
        return slice(None)
    bounds = [_known(p) for p in (outer.start, outer.stop, outer.step)]
    if any(p is not None and b is None for p, b in zip((outer.start, outer.stop, outer.step), bounds)):
        return None
    start, stop, step = bounds[0] or 0, bounds[1], 1 if bounds[2] is None else bounds[2]
    if start < 0 or stop is not None and stop < 0 or step <= 0:
        return None
    if not isinstance(inner, slice):
        position = _known(inner)
        if position is None or position < 0:
            return None
        place = start + position * step
        return place if stop is None or place < stop else None
    parts = (inner.start, inner.stop, inner.step)
    known = [_known(p) for p in parts]
    if any(p is not None and b is None for p, b in zip(parts, known)):
        return None
    first, last, stride = known[0] or 0, known[1], 1 if known[2] is None else known[2]
    if first < 0 or last is not None and last < 0 or stride <= 0:
        return None
    ends = [e for e in (stop, None if last is None else start + last * step) if e is not None]
    every = step * stride
    return slice(start + first * step or None, min(ends) if ends else None, every if every != 1 else None)


def _reverses(entry: Any) -> bool:
    return isinstance(entry, slice) and entry.start is None and entry.stop is None and _known(entry.step) == -1


@rule(Subtensor, aliases=("local_subtensor_make_vector",), tags=("fast_compile", "shape_unsafe"))
def index_of_vector_of_scalars_becomes_the_scalar(node: Any) -> Any:
    """[a, b, c][1] -> b, [a, b, c][1:] -> [b, c]."""
    x = node.inputs[0]
    if x.owner is None or type(x.owner.op) is not MakeVector or len(node.op.idx_list) != 1:
        return None
    (entry,) = index_of(node)
    entries = x.owner.inputs
    if not isinstance(entry, slice):
        position = _known(entry)
        return entries[position] if position is not None and -len(entries) <= position < len(entries) else None
    parts = (entry.start, entry.stop, entry.step)
    known = [_known(p) for p in parts]
    if any(p is not None and b is None for p, b in zip(parts, known)):
        return None
    chosen = entries[slice(*known)]
    return x.owner.op(*chosen) if chosen else None


@rule(Subtensor, aliases=("local_subtensor_of_alloc",), tags=("shape_unsafe",))
def index_of_alloc_becomes_smaller(node: Any) -> Any:
    """alloc(v, n, m)[i] -> alloc(v, m), for integers, and slices that are full, on axes where v only repeats."""
    x = node.inputs[0]
    if x.owner is None or type(x.owner.op) is not Alloc:
        return None
    value, *lengths = x.owner.inputs
    missing = len(lengths) - value.type.ndim
    index = list(index_of(node)) + [slice(None)] * (len(lengths) - len(node.op.idx_list))
    left, kept_axes = [], []
    for axis, (entry, length) in enumerate(zip(index, lengths)):
        if _is_full(entry):
            left.append(length)
            kept_axes.append(axis)
        elif isinstance(entry, slice) or axis >= missing and not value.type.broadcastable[axis - missing]:
            return None
    order = [axis - missing for axis in kept_axes if axis >= missing]
    if len(order) != value.type.ndim:
        value = DimShuffle(value.type.broadcastable, order)(value)
    if value.type == node.outputs[0].type:
        return value
    return x.owner.op(value, *left) if left else None


@rule(Subtensor, aliases=("local_subtensor_remove_broadcastable_index",))
def index_zero_of_axis_of_length_one_becomes_dimshuffle(node: Any) -> Any:
    """x.dimshuffle('x', 0)[0] -> x: the only element of an axis of length 1 is that axis dropped."""
    x, index = node.inputs[0], list(index_of(node))
    dropped = []
    for axis, entry in enumerate(index):
        if not isinstance(entry, slice) and x.type.broadcastable[axis] and _known(entry) in (0, -1):
            dropped.append(axis)
        elif not _is_full(entry):
            return None
    if not dropped:
        return None
    return DimShuffle(x.type.broadcastable, [axis for axis in range(x.type.ndim) if axis not in dropped])(x)


@rule(Subtensor, aliases=("local_subtensor_of_dot",))
def rows_of_a_product_are_products_of_rows(node: Any) -> Any:
    """dot(x, y)[i] -> dot(x[i], y), dot(x, y)[i, j] -> dot(x[i], y[:, j]), where nothing else uses the product."""
    z = node.inputs[0]
    if z.owner is None or type(z.owner.op) is not Dot or uses(z) > 1:
        return None
    x, y = z.owner.inputs
    index = list(index_of(node)) + [slice(None)] * (z.type.ndim - len(node.op.idx_list))
    of_x, of_y = index[:x.type.ndim - 1], index[x.type.ndim - 1:]
    if not all(map(_is_full, of_x)):
        x = taken(x, of_x)
    if not all(map(_is_full, of_y)):
        y = taken(y, [slice(None), *of_y] if y.type.ndim == 2 else [])
    return dot(x, y)


# -- what was just written ---------------------------------------------------------------------------------------------


def _same_index(a: Any, b: Any) -> bool:
    """Whether two nodes index with the same entries."""
    if len(a.op.idx_list) != len(b.op.idx_list):
        return False
    for one, other in zip(_flat(index_of(a)), _flat(index_of(b))):
        if one is None or other is None or isinstance(one, str) or isinstance(other, str):
            if one is not other and one != other:
                return False
        elif not same(one, other) and (_known(one) is None or _known(one) != _known(other)):
            return False
    return True


def _flat(index: Any) -> list[Any]:
    found: list[Any] = []
    for entry in index:
        found.extend(["slice", entry.start, entry.stop, entry.step] if isinstance(entry, slice) else ["at", entry])
    return found


@rule(Subtensor, aliases=("local_subtensor_inc_subtensor",), tags=("shape_unsafe",))
def reading_what_was_set_gives_the_value(node: Any) -> Any:
    """set_subtensor(x[i], y)[i] -> y, where y has the full shape."""
    written = node.inputs[0].owner
    if written is None or type(written.op) is not IncSubtensor or not written.op.set_instead_of_inc:
        return None
    y = written.inputs[1]
    if y.type != node.outputs[0].type or not _same_index(written, node):
        return None
    return y


@rule(AdvancedSubtensor1, aliases=("local_adv_sub1_adv_inc_sub1",), tags=("shape_unsafe",))
def reading_rows_that_were_set_gives_the_rows(node: Any) -> Any:
    """set_subtensor(x[rows], y)[rows] -> y, for rows that are constants without repetition."""
    written = node.inputs[0].owner
    if written is None or type(written.op) is not AdvancedIncSubtensor1 or not written.op.set_instead_of_inc:
        return None
    _, y, rows = written.inputs
    if y.type != node.outputs[0].type or not same(rows, node.inputs[1]) or not isinstance(rows, Constant):
        return None
    return y if len(set(rows.data.tolist())) == len(rows.data) and (rows.data >= 0).all() else None


def is_zero(variable: Any) -> bool:
    """Whether a variable is 0 everywhere."""
    while variable.owner is not None:
        if type(variable.owner.op) is Alloc:
            variable = variable.owner.inputs[0]
        elif row_of(variable.owner.op) == Row("second"):
            variable = variable.owner.inputs[1]
        else:
            break
    value = scalar_value(variable)
    return value is not None and bool(value == 0)


@rule(IncSubtensor, AdvancedIncSubtensor1, aliases=("local_useless_inc_subtensor", "local_incsubtensor_of_zeros"),
      tags=("shape_unsafe",))
def adding_zero_somewhere_does_nothing(node: Any) -> Any:
    """inc_subtensor(x[i], 0) -> x."""
    if node.op.set_instead_of_inc or node.op.inplace or not is_zero(node.inputs[1]):
        return None
    return node.inputs[0]


@rule(IncSubtensor, aliases=("local_useless_inc_subtensor",))
def writing_everything_is_the_value(node: Any) -> Any:
    """set_subtensor(x[:], y) -> y repeated to the shape of x; inc_subtensor(x[:], y) -> x + y."""
    x, y = node.inputs[:2]
    if node.op.inplace or not all(_is_full(e) for e in index_of(node)) or x.type.dtype == "bool":
        return None
    if not node.op.set_instead_of_inc:
        return T.add(x, y) if y.type.dtype == x.type.dtype else None
    if "complex" in y.type.dtype:
        return None
    value = T.second(x, y)
    return value if value.type.dtype == x.type.dtype else T.cast(value, x.type.dtype)


@rule(IncSubtensor, aliases=("local_useless_inc_subtensor",))
def writing_back_what_is_there_does_nothing(node: Any) -> Any:
    """set_subtensor(x[i], x[i]) -> x."""
    x, y = node.inputs[:2]
    read = y.owner
    if not node.op.set_instead_of_inc or node.op.inplace or read is None or type(read.op) is not Subtensor:
        return None
    return x if read.inputs[0] is x and _same_index(node, read) else None


USELESS = (slices_that_take_all_disappear, adding_zero_somewhere_does_nothing)
CANONICALIZE = (
    slices_that_take_all_disappear, index_of_vector_of_scalars_becomes_the_scalar,
    index_zero_of_axis_of_length_one_becomes_dimshuffle, index_of_index_becomes_one, index_of_alloc_becomes_smaller,
    reading_what_was_set_gives_the_value, reading_rows_that_were_set_gives_the_rows, index_moves_through_arithmetic,
    rows_of_a_product_are_products_of_rows, adding_zero_somewhere_does_nothing, writing_everything_is_the_value,
    writing_back_what_is_there_does_nothing,
)
