"""Diagonals: taken out of a tensor, or put into a new one.

In: a tensor, two axes and an offset (0: the main diagonal, positive: above it). Out: the diagonals as the last axis
(`ExtractDiag`), or a tensor with zeros around them (`AllocDiag`). Refused: equal axes, too few axes.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.tensor.alloc import zeros_like
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import maximum, minimum
from symtensor.tensor.subtensor import set_subtensor
from symtensor.tensor.type import tensor_type

__all__ = ["AllocDiag", "ExtractDiag", "diag", "diagonal"]


class ExtractDiag(Op):
    """The diagonals of the matrices spanned by two axes, as the last axis. `view`: share the input's memory."""

    __props__ = ("offset", "axis1", "axis2", "view")
    __module__ = "symtensor.tensor.basic"

    def __init__(self, offset: int = 0, axis1: int = 0, axis2: int = 1, view: bool = False):
        self.view = bool(view)
        if self.view:
            self.view_map = {0: [0]}
        self.offset = offset
        self.axis1 = axis1
        self.axis2 = axis2

    def _two_axes(self, ndim: int) -> tuple[int, int]:
        if ndim < 2:
            raise ValueError(f"ExtractDiag needs an input with 2 or more dimensions, got {ndim}")
        for axis in (self.axis1, self.axis2):
            if not -ndim <= axis < ndim:
                raise ValueError(f"ExtractDiag: axis {axis} is not among the {ndim} dimensions")
        first, second = self.axis1 % ndim, self.axis2 % ndim
        if first == second:
            raise ValueError("ExtractDiag needs two different axes")
        return first, second

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        taken = self._two_axes(x.type.ndim)
        pattern = tuple(one for axis, one in enumerate(x.type.broadcastable) if axis not in taken) + (False,)
        return Apply(self, [x], [tensor_type(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        diagonals = x.diagonal(self.offset, self.axis1, self.axis2)
        # NumPy's view is read-only, but memory that is ours may be written.
        output_storage[0][0] = diagonals if self.view else diagonals.copy()

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        first, second = self._two_axes(len(lengths))
        rows, columns = lengths[first], lengths[second]
        if self.offset > 0:
            columns = columns - self.offset
        elif self.offset < 0:
            rows = rows + self.offset
        length = maximum(minimum(rows, columns), constant(0, dtype="int64"))
        return [tuple(n for axis, n in enumerate(lengths) if axis not in (first, second)) + (length,)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,), (gz,) = inputs, output_gradients
        first, second = self._two_axes(x.type.ndim)
        # Put the diagonals into square matrices, and these into the top left corner of zeros of x's shape.
        around = AllocDiag(self.offset, first, second)(gz)
        corner: list[Any] = [slice(None)] * x.type.ndim
        for axis in (first, second):
            corner[axis] = slice(around.shape[axis])
        if self.offset == 0:
            return [set_subtensor(zeros_like(x)[tuple(corner)], around)]
        # Off the main diagonal the square may stick out of x on one side.
        for axis in (first, second):
            corner[axis] = slice(minimum(around.shape[axis], x.shape[axis]))
        return [set_subtensor(zeros_like(x)[tuple(corner)], around[tuple(corner)])]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(*eval_points, return_list=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Older pickles know fewer attributes.
        self.__dict__.update({"offset": 0, "axis1": 0, "axis2": 1, "view": False, **state})


class AllocDiag(Op):
    """Zeros with the input's last axis on a diagonal; the two new axes stand at `axis1` and `axis2` of the result."""

    __props__ = ("offset", "axis1", "axis2")
    __module__ = "symtensor.tensor.basic"

    def __init__(self, offset: int = 0, axis1: int = 0, axis2: int = 1):
        self.offset = offset
        self.axis1 = axis1
        self.axis2 = axis2

    def _two_axes(self, ndim: int) -> tuple[int, int]:
        """The places of the new axes, from 0 on, in a result of ndim + 1 axes."""
        if ndim < 1:
            raise ValueError(f"AllocDiag needs an input with 1 or more dimensions, got {ndim}")
        first, second = self.axis1 % (ndim + 1), self.axis2 % (ndim + 1)
        if first == second:
            raise ValueError("AllocDiag needs two different axes")
        return first, second

    def make_node(self, diag: Any) -> Apply:
        x = as_tensor_variable(diag)
        first, second = self._two_axes(x.type.ndim)
        kept = iter(x.type.broadcastable[:-1])
        pattern = tuple(
            False if axis in (first, second) else next(kept) for axis in range(x.type.ndim + 1)
        )
        return Apply(self, [x], [tensor_type(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        first, second = self._two_axes(x.ndim)
        side = x.shape[-1] + abs(self.offset)
        square = np.zeros((*x.shape[:-1], side, side), dtype=x.dtype)
        place = np.arange(x.shape[-1])
        square[..., place + max(0, -self.offset), place + max(0, self.offset)] = x
        output_storage[0][0] = np.ascontiguousarray(np.moveaxis(square, (-2, -1), (first, second)))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        first, second = self._two_axes(len(lengths))
        side = lengths[-1] if self.offset == 0 else lengths[-1] + abs(self.offset)
        kept = iter(lengths[:-1])
        return [tuple(side if axis in (first, second) else next(kept) for axis in range(len(lengths) + 1))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        return [diagonal(gz, offset=self.offset, axis1=self.axis1, axis2=self.axis2)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(*eval_points, return_list=True)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the matrices spanned by two axes, as the last axis. ValueError for fewer than two axes."""
    return ExtractDiag(offset, axis1, axis2)(a)


def diag(v: Any, k: int = 0) -> Any:
    """The matrix with the vector `v` on diagonal k; for more axes, the diagonal k of the first two.

    ValueError for a scalar.
    """
    v = as_tensor_variable(v)
    if v.type.ndim == 1:
        return AllocDiag(k)(v)
    if v.type.ndim >= 2:
        return diagonal(v, offset=k)
    raise ValueError("Input must has v.ndim >= 1.")
