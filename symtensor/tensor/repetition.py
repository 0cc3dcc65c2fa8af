"""Elements repeated along an axis, and axes of length 1 left out.

In: a tensor and how often to repeat, a number or one number per element. Out: a tensor that is longer along one axis.
Refused: counts that are not integers, or have more than one axis.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE, INTEGER
from symtensor.tensor.alloc import alloc, zeros_like
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import eq, switch
from symtensor.tensor.ranges import arange
from symtensor.tensor.shape_ops import reshape
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value
from symtensor.tensor.subtensor import inc_subtensor
from symtensor.tensor.type import tensor_type

__all__ = ["RepeatOp", "repeat", "squeeze"]


class RepeatOp(Op):
    """`numpy.repeat`: each element (or slice along `axis`) repeated, by one number or by one number each."""

    __props__ = ("axis",)
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, axis: int | None = None):
        self.axis = axis

    def make_node(self, x: Any, repeats: Any) -> Apply:
        x, repeats = as_tensor_variable(x), as_tensor_variable(repeats)
        if repeats.type.dtype not in INTEGER:
            raise TypeError("repeats.dtype must be an integer.")
        if repeats.type.dtype == "uint64":
            raise TypeError(
                "dtypes ('uint64',) are not supported by numpy.repeat for the 'repeats' parameter, ",
                repeats.type.dtype,
            )
        if repeats.type.ndim > 1:
            raise ValueError("The dimension of repeats should not exceed 1.")
        if self.axis is None:
            pattern = [False]
        else:
            if not -x.type.ndim <= self.axis < x.type.ndim:
                raise ValueError("Axis should not exceed x.ndim-1.")
            pattern = list(x.type.broadcastable)
            pattern[self.axis] = pattern[self.axis] and _known_to_be_one(repeats)
        return Apply(self, [x, repeats], [tensor_type(x.type.dtype, tuple(pattern))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, repeats = inputs
        output_storage[0][0] = np.repeat(x, repeats.astype("int64"), axis=self.axis)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        repeats: Any = node.inputs[1]
        lengths = list(shapes[0])
        if self.axis is None:
            total = constant(1, dtype="int64")
            for n in lengths:
                total = total * n
            lengths, axis = [total], 0
        else:
            axis = self.axis % len(lengths)
        if repeats.type.ndim == 0:
            lengths[axis] = lengths[axis] * repeats.astype("int64")
        elif repeats.type.broadcastable[0]:
            lengths[axis] = lengths[axis] * repeats[0].astype("int64")
        else:
            # One number at run time counts for every element.
            lengths[axis] = repeats.sum(dtype="int64") * switch(eq(shapes[1][0], 1), lengths[axis], 1)
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The counts only say where elements go."""
        return [[True], [False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        """Gradients of the copies are added up at the position that each copy came from."""
        (x, repeats), (gz,) = inputs, output_gradients
        if x.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX), DisconnectedType()()]
        flat = x.flatten() if self.axis is None else x
        axis = 0 if self.axis is None else self.axis % x.type.ndim
        sources = repeat(arange(flat.shape[axis]), repeats, axis=0) if repeats.type.ndim == 0 else RepeatOp(axis=0)(
            arange(flat.shape[axis]), repeats
        )
        place = (slice(None),) * axis + (sources,)
        start = zeros_like(flat, dtype=gz.type.dtype)
        result = inc_subtensor(start[place], gz)
        if self.axis is None:
            result = reshape(result, x.shape, ndim=x.type.ndim)
        return [result, DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(eval_points[0], inputs[1], return_list=True)


def _known_to_be_one(repeats: Any) -> bool:
    try:
        return bool(get_scalar_constant_value(repeats) == 1)
    except NotScalarConstantError:
        return False


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element repeated along an axis, of the flattened tensor by default.

    `repeats`: one number, or a vector with one number per element along the axis. Raises ValueError for a bad axis or a
    matrix of counts, TypeError for counts that are not integers.
    """
    x, repeats = as_tensor_variable(x), as_tensor_variable(repeats)
    if repeats.type.ndim > 1:
        raise ValueError("The dimension of repeats should not exceed 1.")
    if repeats.type.ndim == 1 and not repeats.type.broadcastable[0]:
        return RepeatOp(axis=axis)(x, repeats)
    if repeats.type.ndim == 1:
        repeats = repeats[0]
    if repeats.type.dtype == "uint64":
        raise TypeError(
            "dtypes ('uint64',) are not supported by numpy.repeat for the 'repeats' parameter, ", repeats.type.dtype
        )
    if axis is None:
        axis, x = 0, x.flatten()
    elif axis >= x.type.ndim:
        raise ValueError("Axis should not exceed x.ndim-1.")
    elif axis < 0:
        axis = x.type.ndim + axis
    # One number: a new axis of that length, merged into the one before it.
    lengths = [x.shape[k] for k in range(x.type.ndim)]
    apart, merged = list(lengths), list(lengths)
    apart.insert(axis + 1, repeats)
    merged[axis] = merged[axis] * repeats
    order: list[Any] = list(range(x.type.ndim))
    order.insert(axis + 1, "x")
    return alloc(x.dimshuffle(order), *apart).reshape(merged)


def squeeze(x: Any) -> Any:
    """The broadcastable axes left out."""
    x = as_tensor_variable(x)
    return x.dimshuffle([axis for axis, one in enumerate(x.type.broadcastable) if not one])
