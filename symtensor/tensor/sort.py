"""Sorting along an axis, and the k largest or smallest elements.

In: a tensor of real numbers and an axis; None flattens first. Out: `sort`, `argsort`, `topk` and their ops. NaNs come
last, as in NumPy.

Refused: an axis that is not there, orders that NumPy does not know, `topk` in sorted order (NotImplementedError, as it
always was: the order among the k elements is arbitrary).
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.advanced_indexing import advanced_inc_subtensor
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.creation import arange
from symtensor.tensor.math import abs_
from symtensor.tensor.shape_ops import shape
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = ["ArgSortOp", "SortOp", "TopKOp", "argsort", "argtopk", "sort", "topk", "topk_and_argtopk"]

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class _Sorting(Op):
    """The common part of `SortOp` and `ArgSortOp`. Inputs: the tensor, the axis."""

    __props__ = ("kind", "order")

    def __init__(self, kind: str, order: Any = None):
        self.kind: Any = kind
        self.order = order

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.kind}, {self.order}}}"

    def _inputs(self, input: Any, axis: Any) -> tuple[Any, Any]:
        input, axis = as_tensor_variable(input), as_tensor_variable(axis)
        if axis.type.ndim != 0 or axis.type.dtype not in _INTEGERS:
            raise TypeError(f"{type(self).__name__}: the axis must be an integer", axis.type)
        if input.type.ndim == 0:
            raise ValueError(f"{type(self).__name__}: a tensor of rank 0 has no axis to sort along")
        if isinstance(axis, Constant) and not -input.type.ndim <= int(axis.data) < input.type.ndim:
            raise ValueError(
                f"axis(={int(axis.data)}) out of bounds for a tensor of rank {input.type.ndim}"
            )
        return input, axis

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]


class SortOp(_Sorting):
    """A sorted copy of a tensor along an axis. `kind` and `order` are NumPy's."""

    def make_node(self, input: Any, axis: Any = -1) -> Apply:
        input, axis = self._inputs(input, axis)
        return Apply(self, [input, axis], [input.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        a, axis = inputs
        output_storage[0][0] = np.sort(a, int(axis), self.kind, self.order)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        # The gradient of an element goes back to where the element came from.
        a, axis = inputs
        (gz,) = output_gradients
        if a.type.dtype not in ("float16", "float32", "float64", "complex64", "complex128"):
            return [a.zeros_like(dtype="floatX"), grad_undefined(self, 1, axis)]
        place = _axis_number(axis)
        if place is None:
            raise ValueError("sort() is differentiable only where the axis is known when the graph is built")
        order = ArgSortOp(self.kind, self.order)(a, axis)
        return [_scatter(a, place % a.type.ndim, order, gz), grad_undefined(self, 1, axis)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        a, axis = inputs
        place = _axis_number(axis)
        if place is None:
            raise ValueError("sort() is differentiable only where the axis is known when the graph is built")
        order = ArgSortOp(self.kind, self.order)(a, axis)
        return [eval_points[0][_grid(a, place % a.type.ndim, order)]]


def _axis_number(axis: Any) -> int | None:
    try:
        return int(get_scalar_constant_value(axis))
    except NotScalarConstantError:
        return None


def _grid(x: Any, axis: int, along: Any) -> tuple[Any, ...]:
    """The index that takes, along `axis`, the elements at `along`, and all others in place."""
    index = []
    for k in range(x.type.ndim):
        pattern: list[Any] = ["x"] * x.type.ndim
        pattern[k] = 0
        index.append(along if k == axis else arange(shape(x)[k]).dimshuffle(pattern))
    return tuple(index)


def _scatter(x: Any, axis: int, along: Any, values: Any) -> Any:
    """Zeros like `x` with `values` at the places `along` of an axis."""
    return advanced_inc_subtensor(x.zeros_like(), values, *_grid(x, axis, along))


class ArgSortOp(_Sorting):
    """The int64 indices that sort a tensor along an axis. `kind` and `order` are NumPy's."""

    def make_node(self, input: Any, axis: Any = -1) -> Apply:
        input, axis = self._inputs(input, axis)
        return Apply(self, [input, axis], [TensorType("int64", input.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        a, axis = inputs
        output_storage[0][0] = np.asarray(np.argsort(a, int(axis), self.kind, self.order), dtype="int64")

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        a, axis = inputs
        # The indices do not change where the elements change a little.
        zeros = a.zeros_like() if a.type.dtype.startswith(("float", "complex")) else a.zeros_like(dtype="floatX")
        return [zeros, grad_undefined(self, 1, axis)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


def sort(a: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """A sorted copy of `a` along `axis`, or of `a` flattened where the axis is None.

    `kind` and `order` are those of `numpy.sort`. ValueError for an axis that `a` does not have.
    """
    if axis is None:
        a, axis = as_tensor_variable(a).flatten(), 0
    return SortOp(kind, order)(a, axis)


def argsort(a: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """The indices that sort `a` along `axis`, or `a` flattened where the axis is None. See `sort`."""
    if axis is None:
        a, axis = as_tensor_variable(a).flatten(), 0
    return ArgSortOp(kind, order)(a, axis)


# -- the k largest -----------------------------------------------------------------------------------------------------


class TopKOp(Op):
    """The k largest elements along an axis (for negative k the smallest), their indices, or both; in arbitrary order.

    Inputs: the tensor, k. Outputs: the values and the indices (of dtype `idx_dtype`) as far as asked for. At run time
    ValueError unless 1 <= |k| <= the length of the axis.
    """

    __props__ = ("axis", "sorted", "return_values", "return_indices", "idx_dtype")

    def __init__(
        self,
        axis: int = -1,
        sorted: bool = True,
        idx_dtype: str = "int64",
        return_values: bool = True,
        return_indices: bool = True,
    ):
        if sorted:
            raise NotImplementedError(
                "The sorted parameter is not yet implemented. Use sorted=False for now."
            )
        if idx_dtype not in _INTEGERS:
            raise TypeError(f'"idx_dtype" parameter must be an integer dtype, got "{idx_dtype}"')
        if not (return_values or return_indices):
            raise ValueError("Neither return_values nor return_indices is True, this isn't allowed")
        if not isinstance(axis, int):
            raise TypeError(f'"axis" parameter must be integer, got "{type(axis)}"')
        self.axis = axis
        self.sorted = sorted
        self.return_values = return_values
        self.return_indices = return_indices
        self.idx_dtype = idx_dtype

    def __str__(self) -> str:
        return f"{type(self).__name__}{{axis={self.axis}, sorted={self.sorted}}}"

    def make_node(self, inp: Any, kth: Any) -> Apply:
        inp, kth = as_tensor_variable(inp), as_tensor_variable(kth)
        if not -inp.type.ndim <= self.axis < inp.type.ndim:
            raise IndexError(
                f'"axis" parameter out of range, expected integer within [{-inp.type.ndim}, {inp.type.ndim - 1}]'
            )
        if kth.type.ndim != 0 or kth.type.dtype not in _INTEGERS:
            raise TypeError(f'"kth" parameter must be an integer scalar, got "{kth.type}"')
        pattern = list(inp.type.broadcastable)
        pattern[self.axis] = False
        outputs = []
        if self.return_values:
            outputs.append(TensorType(inp.type.dtype, pattern)())
        if self.return_indices:
            outputs.append(TensorType(self.idx_dtype, pattern)())
        return Apply(self, [inp, kth], outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, k = inputs
        k = int(k)
        length = x.shape[self.axis]
        if not 1 <= abs(k) <= length:
            raise ValueError(f"topk: kth must not be zero, and must fit the length {length} of the axis, got {k}")
        at: list[Any] = [slice(None)] * x.ndim
        at[self.axis] = slice(length - k, None) if k > 0 else slice(None, -k)
        order = np.argpartition(x, -k if k > 0 else -k - 1, axis=self.axis)[tuple(at)]
        results = [np.take_along_axis(x, order, axis=self.axis)] if self.return_values else []
        if self.return_indices:
            results.append(order.astype(self.idx_dtype))
        for storage, result in zip(output_storage, results):
            storage[0] = result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        lengths = list(shapes[0])
        lengths[self.axis] = abs_(node.inputs[1]).astype("int64")
        return [tuple(lengths)] * len(node.outputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        flows = ([True] if self.return_values else []) + ([False] if self.return_indices else [])
        return [flows, [False] * len(flows)]

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        x, k = inputs
        if not self.return_values:
            return [x.zeros_like(dtype="floatX"), DisconnectedType()()]
        if x.type.dtype not in ("float16", "float32", "float64", "complex64", "complex128"):
            return [x.zeros_like(dtype="floatX"), DisconnectedType()()]
        if isinstance(output_gradients[0].type, DisconnectedType):
            return [x.zeros_like(), DisconnectedType()()]
        if not self.return_indices:
            raise ValueError(
                "topk() gradient is only implemented for indices returned together with values: use topk_and_argtopk()"
            )
        return [_scatter(x, self.axis % x.type.ndim, outputs[1], output_gradients[0]), DisconnectedType()()]


def _flat(x: Any, axis: int | None) -> tuple[Any, int]:
    x = as_tensor_variable(x)
    return (x.flatten(), 0) if axis is None else (x, axis)


def topk(x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64") -> Any:
    """The `kth` largest elements of `x` along an axis (of `x` flattened where it is None), the smallest for a negative
    `kth`; in arbitrary order: NotImplementedError unless `sorted` is False.

    `idx_dtype` is the dtype of the indices kept for the gradient. At run time ValueError for a `kth` of 0 or beyond the
    length of the axis.
    """
    x, axis = _flat(x, axis)
    return TopKOp(axis=axis, sorted=sorted, idx_dtype=idx_dtype)(x, kth)[0]


def argtopk(x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64") -> Any:
    """The indices, of dtype `idx_dtype`, of the elements that `topk` gives."""
    x, axis = _flat(x, axis)
    return TopKOp(axis=axis, sorted=sorted, idx_dtype=idx_dtype, return_values=False)(x, kth)


def topk_and_argtopk(
    x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> list[Any]:
    """What `topk` gives and the indices, of dtype `idx_dtype`, of these elements."""
    x, axis = _flat(x, axis)
    return TopKOp(axis=axis, sorted=sorted, idx_dtype=idx_dtype)(x, kth)
