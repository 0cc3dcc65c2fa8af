"""Diagonals overwritten, windows, and memory in C order.

In: a matrix (or a hypercube), a value, an offset. Out: a copy with the value on a diagonal; the Bartlett window; a
C-contiguous copy. Refused: values of a dtype that the tensor cannot hold.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE, INTEGER, upcast
from symtensor.tensor.alloc import zeros_like
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.diagonal import diagonal
from symtensor.tensor.math import cast, maximum, minimum, switch
from symtensor.tensor.ranges import arange
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "Bartlett", "CpuContiguous", "FillDiagonal", "FillDiagonalOffset", "bartlett", "bartlett_", "cpu_contiguous",
    "fill_diagonal", "fill_diagonal_", "fill_diagonal_offset", "fill_diagonal_offset_",
]


def _checked(name: str, a: Any, val: Any) -> tuple[Any, Any]:
    """The tensor, and the value in its dtype; TypeError where the value is no scalar or of a larger dtype."""
    a, val = as_tensor_variable(a), as_tensor_variable(val)
    if a.type.ndim < 2:
        raise TypeError(f"{name}: first parameter must have at least two dimensions")
    if val.type.ndim != 0:
        raise TypeError(f"{name}: second parameter must be a scalar")
    val = cast(val, upcast(a.type.dtype, val.type.dtype))
    if val.type.dtype != a.type.dtype:
        raise TypeError(f"{name}: type of second parameter must be the same as the first's")
    return a, val


def _without_diagonal(gz: Any, op: Any, *rest: Any) -> Any:
    return op(gz, constant(0, dtype="int8").astype(gz.type.dtype), *rest)


class FillDiagonal(Op):
    """A copy of `a` with the scalar `val` where all indices are equal; more than two axes must have equal lengths."""

    __props__ = ()
    __module__ = "symtensor.tensor.extra_ops"

    def make_node(self, a: Any, val: Any) -> Apply:
        a, val = _checked(type(self).__name__, a, val)
        return Apply(self, [a, val], [a.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        a, val = inputs
        if a.ndim > 2 and len(set(a.shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        a = a.copy(order="C")
        place = np.arange(min(a.shape))
        a[(place,) * a.ndim] = val
        output_storage[0][0] = a

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        a, val = inputs
        (gz,) = output_gradients
        if a.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX) for x in inputs]
        if a.type.ndim > 2:
            return [_without_diagonal(gz, self), _hyperdiagonal(gz).sum()]
        return [_without_diagonal(gz, self), diagonal(gz).sum()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return _fill_r_op(self, inputs, eval_points, ())


def _hyperdiagonal(x: Any) -> Any:
    """The elements whose indices are all equal."""
    place = arange(x.shape[0])
    return x[(place,) * x.type.ndim]


class FillDiagonalOffset(Op):
    """A copy of the matrix `a` with the scalar `val` on diagonal number `offset` (above the main one if positive)."""

    __props__ = ()
    __module__ = "symtensor.tensor.extra_ops"

    def make_node(self, a: Any, val: Any, offset: Any) -> Apply:
        name = type(self).__name__
        a, offset = as_tensor_variable(a), as_tensor_variable(offset)
        if a.type.ndim != 2:
            raise TypeError(f"{name}: first parameter must have exactly two dimensions")
        a, val = _checked(name, a, val)
        if offset.type.ndim != 0:
            raise TypeError(f"{name}: third parameter must be a scalar")
        if offset.type.dtype not in INTEGER:
            raise TypeError(
                f"{name}: type of third parameter must be as integer use symtensor.tensor.cast( input, 'int32/int64')"
            )
        return Apply(self, [a, val, offset], [a.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        a, val, offset = inputs
        a = a.copy(order="C")
        k = int(offset)
        rows, columns = a.shape
        length = min(rows + min(k, 0), columns - max(k, 0))
        if length > 0:
            place = np.arange(length)
            a[place - min(k, 0), place + max(k, 0)] = val
        output_storage[0][0] = a

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        a, val, offset = inputs
        (gz,) = output_gradients
        no_offset = grad_undefined(self, 2, offset, "offset is not defined for non-integer offset so fill_diagonal_"
                                                    "offset(a,val,offset+eps) is undefined")
        if a.type.dtype in DISCRETE:
            return [*(x.zeros_like(dtype=config.floatX) for x in (a, val)), no_offset]
        rows, columns = gz.shape[0], gz.shape[1]
        down, right = maximum(-offset, 0), maximum(offset, 0)
        length = maximum(minimum(rows - down, columns - right), 0)
        start = switch(offset >= 0, offset, -offset * columns)
        along = gz.flatten()[start + arange(length) * (columns + 1)]
        return [_without_diagonal(gz, self, offset), along.sum(), no_offset]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return _fill_r_op(self, inputs, eval_points[:2], (inputs[2],))


def _fill_r_op(op: Any, inputs: Any, eval_points: Any, rest: tuple[Any, ...]) -> list[Any]:
    if all(point is None for point in eval_points):
        return [None]
    a, val = (zeros_like(x) if point is None else point for x, point in zip(inputs, eval_points))
    return op(a, val, *rest, return_list=True)


fill_diagonal_ = FillDiagonal()
fill_diagonal_offset_ = FillDiagonalOffset()


def fill_diagonal(a: Any, val: Any) -> Any:
    """A copy of `a` with the scalar `val` on its main diagonal. TypeError for fewer than two axes."""
    return fill_diagonal_(a, val)


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> Any:
    """A copy of the matrix `a` with the scalar `val` on the diagonal number `offset`. TypeError unless a matrix."""
    return fill_diagonal_offset_(a, val, offset)


class Bartlett(Op):
    """The triangular window of M points, as `numpy.bartlett`; a float64 vector."""

    __props__ = ()
    __module__ = "symtensor.tensor.extra_ops"

    def make_node(self, M: Any) -> Apply:
        M = as_tensor_variable(M)
        if M.type.ndim != 0:
            raise TypeError(f"{type(self).__name__} only works on scalar input")
        if M.type.dtype not in INTEGER:
            raise TypeError(f"{type(self).__name__} only works on integer input")
        return Apply(self, [M], [tensor_type("float64", (False,))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = np.bartlett(int(inputs[0]))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(maximum(cast(node.inputs[0], "int64"), constant(0, dtype="int64")),)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, 0, inputs[0], "a window has a whole number of points")]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


bartlett_ = Bartlett()


def bartlett(M: Any) -> Any:
    """The triangular window of M points (none for M < 1). TypeError unless M is an integer scalar."""
    return bartlett_(M)


class CpuContiguous(Op):
    """The same tensor in C-contiguous memory: itself where it is so already."""

    __props__ = ()
    __module__ = "symtensor.tensor.extra_ops"
    view_map = {0: [0]}

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        output_storage[0][0] = x if x.flags["C_CONTIGUOUS"] else x.copy(order="C")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return shapes

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        return [cpu_contiguous(gz)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None] if eval_points[0] is None else self(*eval_points, return_list=True)


cpu_contiguous = CpuContiguous()
