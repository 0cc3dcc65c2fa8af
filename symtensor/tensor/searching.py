"""Searching and counting: sorted insertion, distinct values, histograms of integers, one-hot rows, selected slices.

In: vectors and matrices. Out: positions (int64), counts, or selections. Refused: positions and counts of other than
integers.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE, INT, INTEGER
from symtensor.tensor import reductions
from symtensor.tensor.alloc import zeros
from symtensor.tensor.choice import flatnonzero
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import cast, maximum
from symtensor.tensor.ranges import arange
from symtensor.tensor.subtensor import advanced_inc_subtensor1, set_subtensor
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_not_implemented

__all__ = ["NonNegative", "SearchsortedOp", "Unique", "bincount", "compress", "searchsorted", "to_one_hot"]


class SearchsortedOp(Op):
    """Where elements belong in a sorted vector, as `numpy.searchsorted`: int64 positions of the elements' shape."""

    __props__ = ("side",)
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, side: str = "left"):
        if side not in ("left", "right"):
            raise ValueError(f"'{side}' is an invalid value for keyword 'side'")
        self.side = side

    def make_node(self, x: Any, v: Any, sorter: Any = None) -> Apply:
        x, v = as_tensor_variable(x, ndim=1), as_tensor_variable(v)
        inputs = [x, v]
        if sorter is not None:
            sorter = as_tensor_variable(sorter, ndim=1)
            if sorter.type.dtype not in INT:
                raise TypeError("sorter must be an integer vector", sorter.type)
            inputs.append(sorter)
        return Apply(self, inputs, [tensor_type("int64", v.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, v = inputs[:2]
        options: dict[str, Any] = {"side": self.side, "sorter": inputs[2] if len(inputs) == 3 else None}
        output_storage[0][0] = np.asarray(np.searchsorted(x, v, **options), dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[1]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        zeros = [x.zeros_like(dtype=config.floatX if x.type.dtype in DISCRETE else None) for x in inputs[:2]]
        return zeros + [DisconnectedType()() for _ in inputs[2:]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Positions are locally constant in the values; the sorter is no number to move."""
        return [[True], [True], [False]][: len(node.inputs)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where each element of `v` belongs in the vector `x`, which is sorted, or which `sorter` sorts.

    `side`: "left" of equal elements or "right". Raises ValueError for another side, TypeError for a `sorter` that is
    not a vector of signed integers.
    """
    return SearchsortedOp(side=side)(x, v, sorter)


class Unique(Op):
    """The different elements, or slices along `axis`, in increasing order, as `numpy.unique`.

    Further outputs on request, int64 vectors: where each was first seen, which one each element is, how many there are.
    Raises ValueError for an axis that is not there.
    """

    __props__ = ("return_index", "return_inverse", "return_counts", "axis")
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(
        self, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
        axis: int | None = None,
    ):
        self.return_index = return_index
        self.return_inverse = return_inverse
        self.return_counts = return_counts
        self.axis = axis

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        pattern = [False]
        if self.axis is not None:
            if not -x.type.ndim <= self.axis < x.type.ndim:
                raise ValueError(f"Unique axis `{self.axis}` is outside of input ndim = {x.type.ndim}.")
            pattern = list(x.type.broadcastable)
            pattern[self.axis] = False
        extra = int(self.return_index) + int(self.return_inverse) + int(self.return_counts)
        outputs = [tensor_type(x.type.dtype, tuple(pattern))()]
        return Apply(self, [x], outputs + [tensor_type("int64", (False,))() for _ in range(extra)])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        options: dict[str, Any] = self._props_dict()
        found: Any = np.unique(x, **options)
        found = found if isinstance(found, tuple) else (found,)
        output_storage[0][0] = np.asarray(found[0])
        for storage, value in zip(output_storage[1:], found[1:]):
            storage[0] = np.asarray(value, dtype="int64").reshape(-1)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_not_implemented(self, 0, inputs[0])]


class NonNegative(Op):
    """An integer vector as it is; AssertionError at run time where an element is negative."""

    __props__ = ("message",)
    view_map = {0: [0]}

    def __init__(self, message: str):
        self.message = message

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        if (x < 0).any():
            raise AssertionError(self.message)
        output_storage[0][0] = x

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return shapes

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return output_gradients

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return eval_points


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Any:
    """How often each integer from 0 on occurs in the vector `x`; with `weights`, their sums instead of counts.

    `minlength`: at least so many counts; `assert_nonneg`: raise AssertionError at run time where an element is negative
    (without it negative numbers count from the end). Raises TypeError for what is not a vector of integers.
    """
    x = as_tensor_variable(x)
    if x.type.ndim != 1:
        raise TypeError("Inputs must be of dimension 1.")
    if x.type.dtype not in INTEGER:
        raise TypeError("index must be integers")
    if assert_nonneg:
        x = NonNegative("Input to bincount has negative values!")(x)
    length = cast(reductions.max(x) + 1, "int64")
    if minlength is not None:
        length = maximum(length, minlength)
    if weights is None:
        # Counts have x's dtype.
        start, step = zeros([length], dtype=x.type.dtype), constant(1)
    else:
        step = as_tensor_variable(weights)
        start = zeros([length], dtype=step.type.dtype)
    return advanced_inc_subtensor1(start, step, x)


def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The slices of `x` along an axis (the elements of the flattened tensor) where the vector `condition` is not 0."""
    condition, x = as_tensor_variable(condition), as_tensor_variable(x)
    chosen = flatnonzero(condition)
    return x.take(chosen, axis=axis)


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Any:
    """A matrix with one row per element of the integer vector `y`: 1 in the column that it names, 0 elsewhere."""
    y = as_tensor_variable(y)
    if y.type.dtype not in INTEGER:
        raise TypeError("index must be integers")
    rows = zeros((y.shape[0], nb_class), dtype=dtype)
    return set_subtensor(rows[arange(y.shape[0]), y], 1)
