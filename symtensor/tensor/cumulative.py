"""Running sums, products and differences along an axis.

In: a tensor and an axis (None: the flattened tensor). Out: a tensor of the same shape (`cumsum`, `cumprod`), or shorter
by n along the axis (`diff`). Dtypes are kept. Refused: axes that are not there.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE
from symtensor.tensor.alloc import zeros
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.joining import concatenate
from symtensor.tensor.math import maximum
from symtensor.tensor.type import tensor_type

__all__ = ["CumOp", "CumprodOp", "CumsumOp", "DiffOp", "cumprod", "cumsum", "diff"]


class CumOp(Op):
    """The running sum (mode "add") or product ("mul") along an axis; of the flattened tensor for axis None."""

    __props__: tuple[str, ...] = ("axis", "mode")
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, axis: int | None = None, mode: str = "add"):
        if mode not in ("add", "mul"):
            raise ValueError(f'{type(self).__name__}: Unknown mode "{mode}"')
        self.axis = axis
        self.mode = mode

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        pattern = x.type.broadcastable
        if self.axis is None:
            pattern = (False,)
        elif not -x.type.ndim <= self.axis < x.type.ndim:
            raise ValueError(f"axis(={self.axis}) out of bounds")
        return Apply(self, [x], [tensor_type(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        running = np.cumsum if self.mode == "add" else np.cumprod
        with np.errstate(all="ignore"):
            output_storage[0][0] = running(x, axis=self.axis, dtype=x.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        if self.axis is not None:
            return [lengths]
        product = constant(1, dtype="int64")
        for n in lengths:
            product = product * n
        return [(product,)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,), (gz,) = inputs, output_gradients
        if x.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX)]
        # Backwards, everything behind an element depends on it.
        backwards = (slice(None, None, -1),) if self.axis is None else tuple(
            slice(None, None, -1) if axis == self.axis % x.type.ndim else slice(None) for axis in range(x.type.ndim)
        )
        if self.mode == "add":
            result = cumsum(gz[backwards], self.axis)[backwards]
            return [result if self.axis is not None else result.reshape(x.shape, ndim=x.type.ndim)]
        result = cumsum((cumprod(x, self.axis) * gz)[backwards], self.axis)[backwards]
        return [(result if self.axis is not None else result.reshape(x.shape, ndim=x.type.ndim)) / x]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        (x,), (point,) = inputs, eval_points
        if point is None:
            return [None]
        if self.mode == "add":
            return self(point, return_list=True)
        if self.axis is None:
            x, point = x.flatten(), point.flatten()
        return [cumprod(x, self.axis) * cumsum(point / x, self.axis)]

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.axis}, {self.mode}}}"


class CumsumOp(CumOp):
    """The running sum along an axis."""

    __props__ = ("axis",)

    def __init__(self, axis: int | None = None):
        super().__init__(axis, "add")

    def __str__(self) -> str:
        return f"CumOp{{{self.axis}, add}}"


class CumprodOp(CumOp):
    """The running product along an axis."""

    __props__ = ("axis",)

    def __init__(self, axis: int | None = None):
        super().__init__(axis, "mul")

    def __str__(self) -> str:
        return f"CumOp{{{self.axis}, mul}}"


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Sums of the first elements along an axis, of the flattened tensor by default. ValueError for a bad axis."""
    return CumOp(axis=axis, mode="add")(x)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Products of the first elements along an axis, of the flattened tensor by default. ValueError for a bad axis."""
    return CumOp(axis=axis, mode="mul")(x)


class DiffOp(Op):
    """The n-th difference of neighbours along an axis, as `numpy.diff`."""

    __props__ = ("n", "axis")
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, n: int = 1, axis: int = -1):
        self.n = n
        self.axis = axis

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if self.n < 0:
            raise ValueError(f"order must be non-negative but got {self.n}")
        if not -x.type.ndim <= self.axis < x.type.ndim:
            raise ValueError(f"diff: axis {self.axis} is not among the {x.type.ndim} dimensions")
        pattern = list(x.type.broadcastable)
        if self.n:
            pattern[self.axis] = False
        return Apply(self, [x], [tensor_type(x.type.dtype, tuple(pattern))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        with np.errstate(all="ignore"):
            result = np.diff(x, n=self.n, axis=self.axis)
        output_storage[0][0] = result if self.n else result.copy()

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        result = list(lengths)
        if self.n:
            result[self.axis] = maximum(result[self.axis] - self.n, constant(0, dtype="int64"))
        return [tuple(result)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,), (gz,) = inputs, output_gradients
        if x.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX)]
        axis = self.axis % x.type.ndim
        for _ in range(self.n):
            lengths = [constant(1) if k == axis else gz.shape[k] for k in range(x.type.ndim)]
            border = zeros(lengths, dtype=gz.type.dtype)
            gz = concatenate([border, gz], axis=axis) - concatenate([gz, border], axis=axis)
        return [gz]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(*eval_points, return_list=True)


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """The n-th difference of neighbours along an axis. ValueError for a bad axis."""
    return DiffOp(n=n, axis=axis)(x)
