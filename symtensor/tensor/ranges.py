"""Counting: arange, and grids of indices.

In: numbers or scalar variables. Out: vectors (`arange`) and lists of tensors (`mgrid`, `ogrid`). Refused: complex
steps, and bounds that are not scalars.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import CONTINUOUS, DISCRETE, INTEGER, upcast
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import cast, ceil, maximum, true_div
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value, known_length
from symtensor.tensor.type import tensor_type

__all__ = ["ARange", "arange", "mgrid", "ogrid"]


class ARange(Op):
    """start, start + step, ... up to but not including stop, in a given dtype."""

    __props__ = ("dtype",)
    __module__ = "symtensor.tensor.basic"

    def __init__(self, dtype: str):
        self.dtype = dtype

    def make_node(self, start: Any, stop: Any, step: Any) -> Apply:
        bounds = [as_tensor_variable(x) for x in (start, stop, step)]
        for x in bounds:
            if x.type.ndim != 0:
                raise TypeError(f"arange needs scalars, got {x} with {x.type.ndim} dimensions")
        return Apply(self, bounds, [tensor_type(self.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        start, stop, step = (x.item() for x in inputs)
        output_storage[0][0] = np.arange(start, stop, step, dtype=self.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        start, stop, step = node.inputs
        zero, one = _is_known(start, 0), _is_known(step, 1)
        if all(x.type.dtype in INTEGER for x in node.inputs):
            start, stop, step = (cast(x, "int64") for x in node.inputs)
            length = stop if zero else stop - start
            if not one:
                # ceil(length / step) for either sign of the step
                length = -((-length) // step)
            return [(maximum(length, constant(0, dtype="int64")),)]
        start, stop, step = (cast(x, "float64") for x in node.inputs)
        return [(maximum(cast(ceil(true_div(stop - start, step)), "int64"), constant(0, dtype="int64")),)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The stop only sets the length; start and step set the values."""
        return [[True], [False], [True]]

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        start, stop, step = inputs
        (gz,) = output_gradients
        # The values are start + i * step.
        if self.dtype in DISCRETE:
            return [
                start.zeros_like(dtype=config.floatX), DisconnectedType()(), step.zeros_like(dtype=config.floatX)
            ]
        index = arange(outputs[0].shape[0], dtype=self.dtype)
        by_start, by_step = gz.sum(), (gz * index).sum()
        return [_of_dtype_of(start, by_start), DisconnectedType()(), _of_dtype_of(step, by_step)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


def _of_dtype_of(x: Any, gradient: Any) -> Any:
    if x.type.dtype in CONTINUOUS:
        return cast(gradient, x.type.dtype)
    return x.zeros_like(dtype=config.floatX)


def _is_known(x: Any, value: int) -> bool:
    try:
        return bool(get_scalar_constant_value(x) == value)
    except NotScalarConstantError:
        return False


@known_length.register(ARange)
def _arange_length(op: ARange, node: Apply, index: int) -> int | None:
    try:
        bounds = [get_scalar_constant_value(x).item() for x in node.inputs]
    except NotScalarConstantError:
        return None
    return len(np.arange(*bounds, dtype=op.dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """start, start + step, ... below stop; with one argument 0, 1, ... below it.

    The dtype, unless given, is the promotion of the arguments' dtypes, int64 where that is discrete.
    """
    if stop is None:
        start, stop = 0, start
    start, stop, step = (as_tensor_variable(x) for x in (start, stop, step))
    if dtype is None:
        dtype = upcast(start.type.dtype, stop.type.dtype, step.type.dtype)
        if dtype in DISCRETE:
            dtype = "int64"
    dtype = config.floatX if str(dtype) == "floatX" else np.dtype(dtype).name
    return ARange(dtype)(start, stop, step)


class _nd_grid:
    """Index it with slices start:stop:step, one per axis, to get one tensor of coordinates per axis.

    Dense (`mgrid`): every tensor has the whole grid's shape. Open (`ogrid`): lengths 1 but along its own axis.
    Raises NotImplementedError for complex steps, which NumPy reads as a number of points.
    """

    def __init__(self, sparse: bool = False):
        self.sparse = sparse

    def __getitem__(self, *args: Any) -> list[Any]:
        slices = args[0] if isinstance(args[0], tuple) else (args[0],)
        lines = []
        for axis, part in enumerate(slices):
            if not isinstance(part, slice):
                raise TypeError(f"a grid is indexed with slices, got {part!r}")
            step = 1 if part.step is None else part.step
            if isinstance(step, complex):
                raise NotImplementedError("Not implemented for slices whose step is complex")
            line = arange(0 if part.start is None else part.start, part.stop, step)
            lines.append(line.reshape([line.shape[0] if k == axis else 1 for k in range(len(slices))]))
        if self.sparse:
            return lines
        return [_spread(lines, axis) for axis in range(len(lines))]


def _spread(lines: list[Any], axis: int) -> Any:
    # Multiplication with ones repeats a line along the other axes.
    result: Any = 1
    for k, line in enumerate(lines):
        result = result * (line if k == axis else line.ones_like())
    return result


mgrid = _nd_grid()
ogrid = _nd_grid(sparse=True)
