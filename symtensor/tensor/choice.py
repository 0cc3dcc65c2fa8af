"""Picking: positions and values of nonzero elements, default values, permutations of rows.

In: tensors. Out: index vectors for advanced indexing (`nonzero`), or tensors. Refused: scalars, and permutations that
are not integers.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import CONTINUOUS, INTEGER
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.math import eq
from symtensor.tensor.ranges import arange
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "Default", "Nonzero", "PermuteRowElements", "default", "flatnonzero", "inverse_permutation", "nonzero",
    "nonzero_values", "permute_row_elements", "setdefault",
]


class Nonzero(Op):
    """The positions of elements that are not 0, in C order: an int64 matrix with one row per axis of the input.

    ValueError for a scalar.
    """

    __props__ = ()
    __module__ = "symtensor.tensor.basic"

    def make_node(self, a: Any) -> Apply:
        a = as_tensor_variable(a)
        if a.type.ndim == 0:
            raise ValueError("Nonzero only supports non-scalar arrays.")
        return Apply(self, [a], [tensor_type("int64", (False, False))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (a,) = inputs
        output_storage[0][0] = np.asarray(np.nonzero(a), dtype="int64").reshape((a.ndim, -1))

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, 0, inputs[0])]


_nonzero = Nonzero()


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """The positions of elements that are not 0: one int64 vector per axis, fit for indexing `a`.

    `return_matrix`: give them as the rows of one matrix. ValueError for a scalar.
    """
    a = as_tensor_variable(a)
    rows = _nonzero(a)
    if return_matrix:
        return rows
    return tuple(rows[axis] for axis in range(a.type.ndim))


def flatnonzero(a: Any) -> Any:
    """The positions of elements that are not 0 in the flattened tensor. ValueError for a scalar."""
    a = as_tensor_variable(a)
    if a.type.ndim == 0:
        raise ValueError("Nonzero only supports non-scalar arrays.")
    return nonzero(a.flatten(), return_matrix=False)[0]


def nonzero_values(a: Any) -> Any:
    """The elements that are not 0, as a vector. ValueError for a scalar."""
    a = as_tensor_variable(a)
    return a.flatten()[flatnonzero(a)]


class Default(Op):
    """`x`, or where its value is None when the function runs, `default`. TypeError for different types."""

    __props__ = ()
    __module__ = "symtensor.tensor.basic"
    view_map = {0: [0]}

    def make_node(self, x: Any, default: Any) -> Apply:
        x, default = as_tensor_variable(x), as_tensor_variable(default)
        if x.type != default.type:
            raise TypeError("Both default() arguments must have same type", x, default)
        return Apply(self, [x, default], [default.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, default = inputs
        # The view map speaks of x only, so the default is copied.
        output_storage[0][0] = default.copy() if x is None else x

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, position, x) for position, x in enumerate(inputs)]


default = Default()
setdefault = default


class PermuteRowElements(Op):
    """The last axis of `x` in the order that the integers in `y` say; inverted: put to the places that they say.

    All axes but the last broadcast where their lengths are known to be 1. Inputs: x, y, and `inverse`, 0 or 1.
    """

    __props__ = ()
    __module__ = "symtensor.tensor.basic"

    def make_node(self, x: Any, y: Any, inverse: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        inverse = as_tensor_variable(1 if inverse else 0) if isinstance(inverse, (bool, int)) else inverse
        inverse = as_tensor_variable(inverse)
        if y.type.dtype not in INTEGER:
            raise TypeError(f"a permutation holds integers, got {y.type.dtype}")
        if inverse.type.dtype not in INTEGER or inverse.type.ndim != 0:
            raise TypeError("`inverse` must be an integer scalar")
        ndim = max(x.type.ndim, y.type.ndim)
        x, y = as_tensor_variable(x, ndim=ndim), as_tensor_variable(y, ndim=ndim)
        pattern = tuple(a and b for a, b in zip(x.type.broadcastable, y.type.broadcastable))
        return Apply(self, [x, y, inverse], [tensor_type(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, y, inverse = inputs
        if x.shape[-1] != y.shape[-1]:
            raise ValueError(f"rows of length {x.shape[-1]} cannot be permuted by {y.shape[-1]} positions")
        for axis in range(x.ndim - 1):
            one_x, one_y = (v.type.broadcastable[axis] for v in node.inputs[:2])
            if x.shape[axis] != y.shape[axis] and not one_x and not one_y:
                raise ValueError(f"Dimension mismatch along axis {axis}: {x.shape[axis]}, {y.shape[axis]}")
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = np.broadcast_to(x, shape), np.broadcast_to(y, shape)
        out = np.empty(shape, dtype=x.dtype)
        if inverse:
            np.put_along_axis(out, y, x, axis=-1)
        else:
            out[...] = np.take_along_axis(x, y, axis=-1)
        output_storage[0][0] = out

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        ours, theirs, _ = shapes
        return [tuple(
            b if one else a for a, b, one in zip(ours, theirs, node.inputs[0].type.broadcastable)
        )]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y, inverse = inputs
        (gz,) = output_gradients
        gx = permute_row_elements(gz, y, eq(inverse, 0).astype("int8"))
        repeated = [
            axis for axis, (ours, theirs) in enumerate(zip(x.type.broadcastable, gx.type.broadcastable))
            if ours and not theirs
        ]
        if repeated:
            gx = gx.sum(axis=repeated, keepdims=True)
        if x.type.dtype not in CONTINUOUS:
            gx = x.zeros_like(dtype=config.floatX)
        return [gx, grad_undefined(self, 1, y), grad_undefined(self, 2, inverse)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(eval_points[0], *inputs[1:], return_list=True)


_permute_row_elements = PermuteRowElements()


def permute_row_elements(x: Any, y: Any, inverse: Any = 0) -> Any:
    """Each row (last axis) of `x` in the order of the positions in `y`'s rows; with `inverse`, the way back."""
    return _permute_row_elements(x, y, inverse)


def inverse_permutation(perm: Any) -> Any:
    """The permutation that undoes `perm`, row by row if it is a matrix."""
    perm = as_tensor_variable(perm)
    return permute_row_elements(arange(perm.shape[-1], dtype=perm.type.dtype), perm, inverse=1)
