"""Tensors of a given shape: repeated values, zeros, ones, and memory that nobody has written yet.

In: a value and lengths (integers, symbolic or not). Out: a tensor of that shape; an axis is broadcastable where its
length is the constant 1. Refused: lengths that are not integer scalars, and values with more axes than the shape.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import INTEGER
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import second
from symtensor.tensor.static_value import (
    NotScalarConstantError,
    ValueOf,
    get_scalar_constant_value,
    known_length,
    known_value,
)
from symtensor.tensor.type import TensorType, tensor_type, values_eq_approx_always_true

__all__ = [
    "Alloc", "AllocEmpty", "alloc", "alloc_validate_shape", "ones", "ones_like", "zeros", "zeros_like",
]


def alloc_validate_shape(shape: Any) -> tuple[list[Any], list[bool]]:
    """The lengths as variables, and which are the constant 1.

    Raises TypeError for a length that is not an integer scalar.
    """
    lengths = [as_tensor_variable(n) for n in shape]
    pattern = []
    for position, n in enumerate(lengths):
        if n.type.dtype not in INTEGER:
            raise TypeError(
                f"Shape arguments to Alloc must be integers, but argument {position} is not for apply node: {n}"
            )
        if n.type.ndim != 0:
            raise TypeError(
                "Each shape dimension to Alloc must be a scalar, ",
                f"but dimension {position} have {n.type.ndim} dimensions for apply node: {n}",
            )
        pattern.append(is_known_one(n))
    return lengths, pattern


def is_known_one(n: Any) -> bool:
    """Is this length known to be 1?"""
    try:
        return bool(get_scalar_constant_value(n) == 1)
    except NotScalarConstantError:
        return False


def _lengths(values: Sequence[np.ndarray]) -> tuple[int, ...]:
    return tuple(int(n) for n in values)


class Alloc(Op):
    """`value` repeated to a shape. Axes of the value that are not broadcastable must have the length asked for."""

    __module__ = "symtensor.tensor.basic"
    __props__ = ()
    _f16_ok = True

    def validate_shape(self, shape: Any) -> tuple[list[Any], list[bool]]:
        """See `alloc_validate_shape`."""
        return alloc_validate_shape(shape)

    def make_node(self, value: Any, *shape: Any) -> Apply:
        v = as_tensor_variable(value)
        lengths, pattern = alloc_validate_shape(shape)
        if v.type.ndim > len(lengths):
            raise TypeError(
                "The Alloc value to use has more dimensions than the specified dimensions", v.type.ndim, len(lengths)
            )
        return Apply(self, [v, *lengths], [tensor_type(v.type.dtype, tuple(pattern))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        value, *lengths = inputs
        shape = _lengths(lengths)
        missing = len(shape) - value.ndim
        for axis, (n, one) in enumerate(zip(value.shape, node.inputs[0].type.broadcastable)):
            if not one and n != shape[missing + axis]:
                raise ValueError(
                    f"could not broadcast input array from shape {value.shape} into shape {shape}: axis {axis} of the "
                    "value is not broadcastable"
                )
        out = np.empty(shape, dtype=node.outputs[0].type.dtype)
        out[...] = value
        output_storage[0][0] = out

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [tuple(node.inputs[1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The value counts, the lengths do not."""
        return [[True], *([[False]] * (len(node.inputs) - 1))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, (gz,) = inputs[0], output_gradients
        ndim = len(inputs) - 1
        added = ndim - x.type.ndim
        # Summed along new axes, and along axes of length 1 that were repeated.
        new_axes = list(range(added))
        repeated = [
            added + axis for axis, one in enumerate(x.type.broadcastable)
            if one and not gz.type.broadcastable[added + axis]
        ]
        gx = gz.sum(axis=new_axes + repeated)
        if repeated:
            kept = iter(range(gx.type.ndim))
            gx = gx.dimshuffle(["x" if added + axis in repeated else next(kept) for axis in range(x.type.ndim)])
        return [gx, *(DisconnectedType()() for _ in range(ndim))]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(eval_points[0], *inputs[1:], return_list=True)

    def do_constant_folding(self, node: Apply) -> bool:
        """Not folded: a large constant array costs more than filling memory when it is needed."""
        return False


alloc = Alloc()


class AllocEmpty(Op):
    """Memory of a shape and dtype whose contents are arbitrary."""

    __module__ = "symtensor.tensor.basic"
    __props__ = ("dtype",)

    def __init__(self, dtype: Any):
        self.dtype = config.floatX if str(dtype) == "floatX" else str(dtype).lower()
        TensorType(self.dtype, ())  # TypeError for an unknown dtype

    def make_node(self, *shape: Any) -> Apply:
        lengths, pattern = alloc_validate_shape(shape)
        output = TensorType(self.dtype, pattern)()
        # Two runs need not agree on what was in memory.
        output.tag.values_eq_approx = values_eq_approx_always_true
        return Apply(self, lengths, [output])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = np.empty(_lengths(inputs), dtype=self.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [tuple(node.inputs)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The contents depend on nothing."""
        return [[False] for _ in node.inputs]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [DisconnectedType()() for _ in inputs]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [zeros(inputs, self.dtype)]

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: each run gets its own memory."""
        return False


@known_value.register(Alloc)
def _alloc_value(op: Alloc, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    return value_of(node.inputs[0])


@known_length.register(Alloc)
@known_length.register(AllocEmpty)
def _alloc_length(op: Any, node: Apply, index: int) -> int | None:
    try:
        return int(get_scalar_constant_value(node.inputs[-1]))
    except NotScalarConstantError:
        return None


def _filled(shape: Any, value: int, dtype: Any) -> Any:
    if not isinstance(shape, (list, tuple)) and not (isinstance(shape, Variable) and shape.type.ndim > 0):
        shape = shape.tolist() if isinstance(shape, np.ndarray) and shape.ndim else [shape]
    return alloc(constant(value, dtype=config.floatX if dtype is None or str(dtype) == "floatX" else dtype), *shape)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros of a shape (a length, several, or a vector of known length); of dtype `config.floatX` unless given."""
    return _filled(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones of a shape (a length, several, or a vector of known length); of dtype `config.floatX` unless given."""
    return _filled(shape, 1, dtype)


def _like(model: Any, value: int, dtype: Any, opt: bool) -> Any:
    model = as_tensor_variable(model)
    dtype = model.type.dtype if dtype is None else config.floatX if str(dtype) == "floatX" else str(dtype)
    literal = constant(value, dtype=dtype)
    if opt and model.type.ndim == 0 and model.type.dtype == dtype:
        return literal
    return second(model, literal)


def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Zeros of the model's shape, and of its dtype unless given.

    `opt`: give the bare constant where the model is a scalar of that dtype, instead of an expression of the model.
    """
    return _like(model, 0, dtype, opt)


def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Ones of the model's shape, and of its dtype unless given. `opt`: see `zeros_like`."""
    return _like(model, 1, dtype, opt)
