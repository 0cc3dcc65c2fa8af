"""Allocating, joining, splitting and checking, where it does nothing or is known."""
from __future__ import annotations

from typing import Any

from symtensor.control.raise_op import Assert
from symtensor.graph.basic import Constant
from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import is_cast, literal, same, scalar_value
from symtensor.tensor import math as T
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.elemwise import DimShuffle
from symtensor.tensor.joining import Join, Split
from symtensor.tensor.linear import Dot
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.shape_ops import Shape_i, shape_i_op

__all__ = ["CANONICALIZE", "SPECIALIZE", "USELESS"]


def _plain(length: Any) -> Any:
    """A length without conversions around it."""
    while length.owner is not None and is_cast(length.owner):
        length = length.owner.inputs[0]
    return length


@rule(Alloc, aliases=("local_useless_alloc", "local_canonicalize_alloc"), tags=("fast_compile", "shape_unsafe"))
def alloc_of_full_shape_becomes_its_value(node: Any) -> Any:
    """alloc(x, x.shape[0]) -> x, alloc(x, 1, x.shape[0]) -> x.dimshuffle('x', 0)."""
    value = node.inputs[0]
    missing = node.outputs[0].type.ndim - value.type.ndim
    for axis, length in enumerate(map(_plain, node.inputs[1:]), -missing):
        asked = length.owner
        own = asked is not None and type(asked.op) is Shape_i and asked.op.i == axis and asked.inputs[0] is value
        if not own and (scalar_value(length) != 1 or axis >= 0 and not value.type.broadcastable[axis]):
            return None
    if missing:
        value = DimShuffle(value.type.broadcastable, ["x"] * missing + list(range(value.type.ndim)))(value)
    return value if value.type == node.outputs[0].type else None


@rule(Alloc, aliases=("local_merge_alloc",))
def alloc_of_alloc_becomes_one(node: Any) -> Any:
    """alloc(alloc(v, n), m, n) -> alloc(v, m, n), where the lengths are the same."""
    inner = node.inputs[0].owner
    if inner is None or type(inner.op) is not Alloc:
        return None
    outer_lengths, inner_lengths = node.inputs[1:], inner.inputs[1:]
    last = outer_lengths[len(outer_lengths) - len(inner_lengths):]
    for outer, length in zip(last, inner_lengths):
        if not same(_plain(outer), _plain(length)) and scalar_value(length) != 1:
            return None
    return node.op(inner.inputs[0], *outer_lengths)


@rule(Row("second"), aliases=("local_fill_to_alloc",))
def fill_becomes_alloc(node: Any) -> Any:
    """second(a, b) -> alloc(b, a.shape[0], ...): the lengths of a computed `a` are then asked of what it comes from."""
    model, value = node.inputs
    lengths = []
    for axis, one in enumerate(node.outputs[0].type.broadcastable):
        if one:
            lengths.append(literal(1, "int64"))
        else:
            lengths.append(shape_i_op(axis)(value if model.type.broadcastable[axis] else model))
    made = Alloc()(value, *lengths)
    return made if made.type == node.outputs[0].type else None


# -- join and split ----------------------------------------------------------------------------------------------------


@rule(Join, aliases=("local_join_1",), tags=("fast_compile",))
def join_of_one_becomes_it(node: Any) -> Any:
    """join(0, x) -> x."""
    return node.inputs[1] if len(node.inputs) == 2 else None


@rule(Join, aliases=("local_join_empty",))
def join_leaves_out_empty_constants(node: Any) -> Any:
    """join(0, x, []) -> join(0, x), along a known axis."""
    axis = scalar_value(node.inputs[0])
    if axis is None:
        return None
    tensors = node.inputs[1:]
    kept = [v for v in tensors if not (isinstance(v, Constant) and v.data.ndim and v.data.shape[int(axis)] == 0)]
    if len(kept) == len(tensors) or not kept:
        return None
    # A shape that only the empty one could have refused is accepted; other lengths are checked among the rest.
    if any(v.data.ndim > 1 for v in tensors if isinstance(v, Constant) and v.data.size == 0):
        return None
    value = node.op(node.inputs[0], *kept) if len(kept) > 1 else kept[0]
    return value if value.type.dtype == node.outputs[0].type.dtype else T.cast(value, node.outputs[0].type.dtype)


@rule(Join, aliases=("local_join_make_vector",))
def join_of_vectors_of_scalars_becomes_one(node: Any) -> Any:
    """join(0, [a, b], [c]) -> [a, b, c]."""
    vectors = node.inputs[1:]
    if scalar_value(node.inputs[0]) not in (0, -1) or len(vectors) < 2:
        return None
    if any(v.owner is None or type(v.owner.op) is not MakeVector for v in vectors):
        return None
    if len({v.type.dtype for v in vectors}) != 1:
        return None
    return vectors[0].owner.op(*[entry for v in vectors for entry in v.owner.inputs])


@rule(Split, aliases=("local_useless_split",))
def split_into_one_becomes_it(node: Any) -> Any:
    """split(x, [n], 1) -> x, with the check that n is the length."""
    x, axis, splits = node.inputs
    place = scalar_value(axis)
    if node.op.len_splits != 1 or place is None or x.type != node.outputs[0].type:
        return None
    if splits.owner is None or type(splits.owner.op) is not MakeVector:
        return None
    length = splits.owner.inputs[0]
    check = Assert("The splits sum to another number than the length of the axis")
    return check(x, T.eq(shape_i_op(int(place) % x.type.ndim)(x), length))


# -- checks ------------------------------------------------------------------------------------------------------------


@rule(Assert, aliases=("local_remove_useless_assert",), tags=("fast_compile",))
def conditions_known_to_hold_disappear(node: Any) -> Any:
    """Assert(x, True, c) -> Assert(x, c), Assert(x) -> x."""
    value, *conditions = node.inputs
    open_ones: list[Any] = []
    for condition in conditions:
        known = scalar_value(condition)
        if (known is None or not known) and not any(same(condition, c) for c in open_ones):
            open_ones.append(condition)
    if len(open_ones) == len(conditions):
        return None
    return node.op(value, *open_ones) if open_ones else value


# -- products ----------------------------------------------------------------------------------------------------------


def _zeros(variable: Any) -> bool:
    """Whether a variable is a constant, fill or alloc of zeros."""
    while variable.owner is not None and type(variable.owner.op) in (DimShuffle, Alloc):
        variable = variable.owner.inputs[0]
    if isinstance(variable, Constant):
        return bool(variable.data.size) and not variable.data.any()
    return False


@rule(Dot, aliases=("local_0_dot_x",), tags=("nan_unsafe",))
def product_with_zeros_becomes_zeros(node: Any) -> Any:
    """dot(0, x) -> 0, with the check that the inner lengths agree. Hides 0 * inf."""
    x, y = node.inputs
    if not (_zeros(x) or _zeros(y)):
        return None
    out = node.outputs[0].type
    inner = T.eq(shape_i_op(x.type.ndim - 1)(x), shape_i_op(0)(y))
    checked = Assert("dot: the inner lengths differ")(literal(0, out.dtype), inner)
    lengths = [shape_i_op(axis)(x) for axis in range(x.type.ndim - 1)] + [
        shape_i_op(axis)(y) for axis in range(1, y.type.ndim)]
    value = Alloc()(checked, *lengths) if lengths else checked
    return value if value.type == out else None


USELESS = (join_of_one_becomes_it, alloc_of_full_shape_becomes_its_value)
SPECIALIZE = (fill_becomes_alloc,)
CANONICALIZE = (
    alloc_of_full_shape_becomes_its_value, alloc_of_alloc_becomes_one, join_of_one_becomes_it,
    join_leaves_out_empty_constants, join_of_vectors_of_scalars_becomes_one, split_into_one_becomes_it,
    conditions_known_to_hold_disappear, product_with_zeros_becomes_zeros,
)
