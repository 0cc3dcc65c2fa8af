"""Views with other axes: fewer of them, and nearer to the inputs, where they cost nothing and hide nothing."""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.rewrite.dispatch import Row, row_of
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import is_cast, scalar_value, uses
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.elemwise import DimShuffle, Elemwise
from symtensor.tensor.linear import Dot, dot
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.shape_ops import Rebroadcast, Reshape, Shape, Shape_i

__all__ = ["CANONICALIZE", "USELESS"]


@rule(DimShuffle, tags=("fast_compile",), aliases=("local_dimshuffle_lift",))
def dimshuffle_of_dimshuffle_becomes_one(node: Any) -> Any:
    """Two in a row become one, and one that changes nothing disappears."""
    (x,), order, pattern = node.inputs, list(node.op.new_order), node.op.input_broadcastable
    while x.owner is not None and type(x.owner.op) is DimShuffle:
        inner = x.owner.op
        order = [axis if axis == "x" else inner.new_order[axis] for axis in order]
        x, pattern = x.owner.inputs[0], inner.input_broadcastable
    if order == list(range(len(pattern))):
        return x
    if x is node.inputs[0]:
        return None
    return DimShuffle(pattern, order)(x)


@rule(DimShuffle, aliases=("constant_folding",), tags=("fast_compile",))
def dimshuffle_of_number_becomes_number(node: Any) -> Any:
    """A constant of one value has its axes from the start, so that equal ones are one."""
    (x,) = node.inputs
    if not isinstance(x, Constant) or x.data.size != 1 or not all(x.type.broadcastable):
        return None
    kind = node.outputs[0].type
    return kind.Constant(kind, np.asarray(x.data).reshape((1,) * kind.ndim))


@rule(DimShuffle, aliases=("local_dimshuffle_lift",))
def dimshuffle_moves_through_arithmetic(node: Any) -> Any:
    """exp(x).T -> exp(x.T), (x + y).T -> x.T + y.T, where nothing else uses the untransposed value."""
    (x,) = node.inputs
    inner = x.owner
    if inner is None or type(inner.op) is not Elemwise or inner.op.inplace_pattern or uses(x) > 1:
        return None
    if row_of(inner.op) is None and not is_cast(inner) or row_of(inner.op) == Row("second"):
        return None
    operands = [DimShuffle(v.type.broadcastable, node.op.new_order)(v) for v in inner.inputs]
    return inner.op(*operands)


@rule(DimShuffle, aliases=("local_lift_transpose_through_dot",))
def transpose_of_product_becomes_product_of_transposes(node: Any) -> Any:
    """dot(x, y).T -> dot(y.T, x.T) for matrices, where nothing else uses the product."""
    (z,) = node.inputs
    if node.op.new_order != (1, 0) or z.owner is None or type(z.owner.op) is not Dot or uses(z) > 1:
        return None
    x, y = z.owner.inputs
    if x.type.ndim != 2 or y.type.ndim != 2:
        return None
    return dot(DimShuffle(y.type.broadcastable, (1, 0))(y), DimShuffle(x.type.broadcastable, (1, 0))(x))


@rule(DimShuffle, aliases=("local_dimshuffle_alloc",))
def dimshuffle_of_scalar_alloc_becomes_alloc(node: Any) -> Any:
    """alloc(s, n, m).T -> alloc(s, m, n) for a single number s."""
    alloc = node.inputs[0].owner
    if alloc is None or type(alloc.op) is not Alloc or not all(alloc.inputs[0].type.broadcastable):
        return None
    value, *lengths = alloc.inputs
    if "x" in node.op.new_order or node.op.drop:
        return None
    number = DimShuffle(value.type.broadcastable, ())(value) if value.type.ndim else value
    return alloc.op(number, *[lengths[axis] for axis in node.op.new_order])


# -- reshape -----------------------------------------------------------------------------------------------------------


@rule(Reshape, aliases=("local_reshape_chain",), tags=("fast_compile",))
def reshape_of_reshape_becomes_one(node: Any) -> Any:
    """reshape(reshape(x, s), t) -> reshape(x, t)."""
    x, shape = node.inputs
    if x.owner is None or type(x.owner.op) is not Reshape:
        return None
    return node.op(x.owner.inputs[0], shape)


@rule(Reshape, aliases=("local_useless_dimshuffle_in_reshape",))
def reshape_sees_through_axes_of_length_one(node: Any) -> Any:
    """reshape(x.dimshuffle('x', 0), s) -> reshape(x, s): axes of length 1 keep the order of elements."""
    x, shape = node.inputs
    if x.owner is None or type(x.owner.op) is not DimShuffle:
        return None
    source, op = x.owner.inputs[0], x.owner.op
    moving = [axis for axis in op.shuffle if not op.input_broadcastable[axis]]
    return node.op(source, shape) if moving == sorted(moving) else None


def _entries(shape: Any) -> list[Any] | None:
    """The entries of a shape: numbers, or variables, or None if they cannot be told apart."""
    if isinstance(shape, Constant):
        return [int(n) for n in shape.data]
    node = shape.owner
    if node is None or type(node.op) is not MakeVector:
        return None
    found = []
    for v in node.inputs:
        source = v.owner.inputs[0] if is_cast(v.owner) else v
        value = scalar_value(source)
        found.append(v if value is None else int(value))
    return found


def _is_length_of(entry: Any, x: Any, axis: int) -> bool:
    """Whether an entry of a shape is x.shape[axis], as rules write it."""
    if not hasattr(entry, "owner"):
        return bool(entry == 1 and x.type.broadcastable[axis])
    while entry.owner is not None and is_cast(entry.owner):
        entry = entry.owner.inputs[0]
    node = entry.owner
    return node is not None and type(node.op) is Shape_i and node.op.i == axis and node.inputs[0] is x


@rule(Reshape, aliases=("local_useless_reshape",), tags=("fast_compile",))
def reshape_to_own_shape_disappears(node: Any) -> Any:
    """x.reshape(x.shape) -> x, v.reshape((-1,)) -> v."""
    x, shape = node.inputs
    if x.type != node.outputs[0].type:
        return None
    if x.type.ndim == 1 and (_entries(shape) or [0])[0] == -1:
        return x
    if shape.owner is not None and type(shape.owner.op) is Shape and shape.owner.inputs[0] is x:
        return x
    entries = _entries(shape)
    if entries is None or len(entries) != x.type.ndim:
        return None
    unknown = [axis for axis, entry in enumerate(entries) if not _is_length_of(entry, x, axis)]
    if not unknown:
        return x
    # All others being right, -1 stands for the one that is left.
    last = entries[unknown[0]]
    return x if len(unknown) == 1 and isinstance(last, int) and last == -1 else None


@rule(Reshape, aliases=("local_reshape_to_dimshuffle",))
def ones_in_a_shape_become_dimshuffle(node: Any) -> Any:
    """x.reshape((1, n, 1)) -> x.reshape((n,)).dimshuffle('x', 0, 'x')."""
    x, shape = node.inputs
    pattern = node.outputs[0].type.broadcastable
    if not any(pattern) or shape.owner is None or type(shape.owner.op) is not MakeVector:
        return None
    kept = [axis for axis, one in enumerate(pattern) if not one]
    if not kept:
        return None
    lengths = shape.owner.op(*[shape.owner.inputs[axis] for axis in kept])
    inner = Reshape(len(kept))(x, lengths)
    if any(inner.type.broadcastable):
        return None
    places = iter(range(len(kept)))
    return DimShuffle(inner.type.broadcastable, ["x" if one else next(places) for one in pattern])(inner)


@rule(Reshape, aliases=("local_reshape_lift", "local_flatten_lift"))
def reshape_moves_through_unary_arithmetic(node: Any) -> Any:
    """exp(x).reshape(s) -> exp(x.reshape(s)), where nothing else uses exp(x)."""
    x, shape = node.inputs
    inner = x.owner
    if inner is None or type(inner.op) is not Elemwise or len(inner.inputs) != 1 or inner.op.inplace_pattern:
        return None
    if uses(x) > 1 or row_of(inner.op) is None and not is_cast(inner):
        return None
    return inner.op(node.op(inner.inputs[0], shape))


# -- promises ----------------------------------------------------------------------------------------------------------


@rule(Rebroadcast, aliases=("local_useless_rebroadcast",), tags=("fast_compile",))
def rebroadcast_that_promises_nothing_disappears(node: Any) -> Any:
    """A promise that the type already keeps, or one taken back at once."""
    (x,) = node.inputs
    if x.type == node.outputs[0].type:
        return x
    inner = x.owner
    if inner is not None and type(inner.op) is Rebroadcast:
        if any(promised for promised in inner.op.axis.values()) and inner.inputs[0].type != node.outputs[0].type:
            return None
        source = inner.inputs[0]
        checked = any(one and not source.type.broadcastable[axis] for axis, one in inner.op.axis.items())
        if checked:
            return None  # the inner promise is checked at run time
        wanted = [(axis, one) for axis, one in enumerate(node.outputs[0].type.broadcastable)
                  if one != source.type.broadcastable[axis]]
        return Rebroadcast(*wanted)(source) if wanted else source
    return None


USELESS = (rebroadcast_that_promises_nothing_disappears, reshape_to_own_shape_disappears)
CANONICALIZE = (
    dimshuffle_of_dimshuffle_becomes_one, dimshuffle_of_number_becomes_number, dimshuffle_moves_through_arithmetic,
    transpose_of_product_becomes_product_of_transposes, dimshuffle_of_scalar_alloc_becomes_alloc,
    reshape_of_reshape_becomes_one, reshape_sees_through_axes_of_length_one, reshape_to_own_shape_disappears,
    ones_in_a_shape_become_dimshuffle, reshape_moves_through_unary_arithmetic,
    rebroadcast_that_promises_nothing_disappears,
)
