"""Products of tensors: dot, tensordot and their forms over a batch.

In: tensors of numbers. Out: the op `Dot` (vectors and matrices; no conversion of dtypes is seen: the operands take the
dtype of the result where the product is computed), and `dot`, `tensordot`, `outer`, `batched_dot` and
`batched_tensordot`, which shape other ranks into it.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.tensor.blas import batched_dot as _batched_dot
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.joining import join
from symtensor.tensor.shape_ops import patternbroadcast, reshape, shape
from symtensor.tensor.type import TensorType

__all__ = ["Dot", "batched_dot", "batched_tensordot", "dot", "outer", "tensordot"]


class Dot(Op):
    """The product of two tensors of rank 1 or 2, as `numpy.dot`.

    Raises TypeError for another rank; at run time ValueError where the inner lengths differ.
    """

    __module__ = "symtensor.tensor.basic"
    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        if len(inputs) != 2:
            raise TypeError(f"symtensor.tensor.Dot: 2 arguments required, {len(inputs)} given ")
        a, b = map(as_tensor_variable, inputs)
        for k, x in enumerate((a, b)):
            if x.type.ndim not in (1, 2):
                raise TypeError(
                    f"symtensor.tensor.Dot: input {k} (0-indexed) must have ndim of 1 or 2, {x.type.ndim} given. "
                    "Consider calling symtensor.tensor.dot instead."
                )
        pattern = a.type.broadcastable[:-1] + b.type.broadcastable[1:]
        return Apply(self, [a, b], [TensorType(scal.upcast(a.type.dtype, b.type.dtype), pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        a, b = inputs
        dtype = node.outputs[0].type.dtype
        # Converted first: NumPy promotes some pairs of dtypes otherwise.
        output_storage[0][0] = np.asarray(np.dot(a.astype(dtype, copy=False), b.astype(dtype, copy=False)), dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(*shapes[0][:-1], *shapes[1][1:])]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y = inputs
        (gz,) = output_gradients
        if gz.type.ndim == 0:
            gx, gy = gz * y, gz * x
        elif x.type.ndim == 1:
            gx, gy = dot(gz, y.T), outer(x.T, gz)
        elif y.type.ndim == 1:
            gx, gy = outer(gz, y.T), dot(x.T, gz)
        else:
            gx, gy = dot(gz, y.T), dot(x.T, gz)
        # Patterns known of x and y may not be known of the products.
        return [_like(gx, x), _like(gy, y)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        # d(x y) = dx y + x dy
        x, y = inputs
        dx, dy = eval_points
        if dx is None and dy is None:
            return [None]
        terms = ([self(dx, y)] if dx is not None else []) + ([self(x, dy)] if dy is not None else [])
        return [terms[0] + terms[1] if len(terms) == 2 else terms[0]]

    def __str__(self) -> str:
        return "dot"


_dot = Dot()


def _like(g: Any, x: Any) -> Any:
    return g if g.type.broadcastable == x.type.broadcastable else patternbroadcast(g, x.type.broadcastable)


def dot(a: Any, b: Any) -> Any:
    """The product of two tensors, as `numpy.dot`: the sum over the last axis of `a` and the last but one of `b`.

    An object with a method `__dot__` (or `__rdot__`), such as a sparse variable, computes it itself.
    """
    for owner, name, args in ((a, "__dot__", (a, b)), (b, "__rdot__", (a, b))):
        method = getattr(type(owner), name, None)
        if method is not None and not isinstance(getattr(owner, "type", None), TensorType):
            return method(owner, *(args[1:] if owner is a else args[:1]))
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    if a.type.ndim == 0 or b.type.ndim == 0:
        return a * b
    if a.type.ndim > 2 or b.type.ndim > 2:
        return tensordot(a, b, [[a.type.ndim - 1], [max(0, b.type.ndim - 2)]])
    return _dot(a, b)


def outer(x: Any, y: Any) -> Any:
    """The matrix of the products of every element of `x` with every element of `y`, both flattened."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    if x.type.ndim != 1:
        x = x.flatten()
    if y.type.ndim != 1:
        y = y.flatten()
    return dot(x.dimshuffle(0, "x"), y.dimshuffle("x", 0))


# -- over several axes -------------------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over several axes, as `numpy.tensordot`.

    axes  a number n: the last n axes of `a` and the first n of `b`; or two lists (or numbers) of axes, of `a` and of
          `b`, in the order in which they belong together

    The result has the other axes of `a` in front of the other axes of `b`. Raises ValueError for axes that are not
    there or that are not as many for `a` as for `b`.
    """
    return _tensordot(a, b, axes, dot, batched=False)


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """`tensordot` of every x[i] with y[i]; `axes` as there, counted with the first axis, which is not summed over.

    Raises ValueError as `tensordot`, and for the first axis among the axes.
    """
    return _tensordot(x, y, axes, batched_dot, batched=True)


def _tensordot(a: Any, b: Any, axes: Any, product: Callable[[Any, Any], Any], batched: bool) -> Any:
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    first = int(batched)
    if np.isscalar(axes) or getattr(axes, "ndim", None) == 0:
        number: Any = axes
        count = int(number)
        for x, name in ((a, "a"), (b, "b")):
            if count > x.type.ndim:
                raise ValueError(
                    f"axes can not be larger than the dimension of {name} ({name}.ndim={x.type.ndim}, axes={count})"
                )
            if batched and count == x.type.ndim:
                raise ValueError(
                    f"axes to sum over must not include the batch axis of {name} ({name}.ndim={x.type.ndim}, "
                    f"axes={count})"
                )
        return _matrix_product(a, b, count, product, batched)
    if not isinstance(axes, Sequence) or len(axes) != 2:
        raise ValueError(f"Axes should be an integer or a list/tuple of len 2 ({axes} was provided)")
    a_axes, b_axes = ([int(k) for k in np.atleast_1d(np.asarray(each))] for each in axes)
    if len(a_axes) != len(b_axes):
        raise ValueError("Axes elements must have the same length.")
    for x, chosen, k in ((a, a_axes, 0), (b, b_axes, 1)):
        name = "ab"[k]
        if len(chosen) > x.type.ndim:
            raise ValueError(
                f"axes[{k}] should be array_like with length less than the dimensions of {name} "
                f"({name}.ndim={x.type.ndim}, len(axes[{k}])={len(chosen)})."
            )
        if chosen and not -x.type.ndim <= min(chosen) <= max(chosen) < x.type.ndim:
            raise ValueError(
                f"axes[{k}] contains dimensions greater than or equal to {name}.ndim ({name}.ndim={x.type.ndim}, "
                f"max(axes[{k}])={max(chosen)})."
            )
        chosen[:] = [axis % x.type.ndim for axis in chosen]
        if len(set(chosen)) < len(chosen):
            raise ValueError(f"axes[{k}] contains an axis twice ({chosen}).")
        if batched and 0 in chosen:
            raise ValueError(f"axes to sum over must not contain the batch axis (axes[{k}]={chosen})")
    a_kept = [axis for axis in range(first, a.type.ndim) if axis not in a_axes]
    b_kept = [axis for axis in range(first, b.type.ndim) if axis not in b_axes]
    batch = [0] * first
    a = a.dimshuffle(batch + a_kept + a_axes)
    b = b.dimshuffle(batch + b_axes + b_kept)
    return _matrix_product(a, b, len(a_axes), product, batched)


def _matrix_product(a: Any, b: Any, count: int, product: Callable[[Any, Any], Any], batched: bool) -> Any:
    """The product over the last `count` axes of `a` and the first ones of `b`, by way of matrices."""
    first = int(batched)
    a_split = a.type.ndim - count
    b_split = first + count
    a_lengths, b_lengths = shape(a), shape(b)
    batch = [a_lengths[0]] if batched else []
    a_matrix = [_merged(a_lengths, range(first, a_split)), _merged(a_lengths, range(a_split, a.type.ndim))]
    b_matrix = [_merged(b_lengths, range(first, b_split)), _merged(b_lengths, range(b_split, b.type.ndim))]
    result = product(
        reshape(a, [*batch, *a_matrix], ndim=2 + first),
        reshape(b, [*([b_lengths[0]] if batched else []), *b_matrix], ndim=2 + first),
    )
    ndim = a_split + b.type.ndim - b_split
    lengths = join(0, a_lengths[0:a_split], b_lengths[b_split:b.type.ndim])
    pattern = a.type.broadcastable[:a_split] + b.type.broadcastable[b_split:]
    return patternbroadcast(reshape(result, lengths, ndim=ndim), pattern)


def _merged(lengths: Any, axes: Sequence[int]) -> Any:
    """The product of lengths, 1 for none."""
    merged: Any = 1
    for axis in axes:
        merged = lengths[axis] if isinstance(merged, int) else merged * lengths[axis]
    return merged


# -- over a batch ------------------------------------------------------------------------------------------------------


def batched_dot(a: Any, b: Any) -> Any:
    """The products a[i] · b[i] for all i, as `dot` computes each. Both need a first axis (TypeError)."""
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    for x, name in ((a, "a"), (b, "b")):
        if x.type.ndim == 0:
            raise TypeError(f"{name} must have at least one (batch) axis")
    if a.type.ndim == 1:
        return a.dimshuffle([0] + ["x"] * (b.type.ndim - 1)) * b
    if b.type.ndim == 1:
        return a * b.dimshuffle([0] + ["x"] * (a.type.ndim - 1))
    if a.type.ndim > 3 or b.type.ndim > 3:
        return batched_tensordot(a, b, [[a.type.ndim - 1], [max(1, b.type.ndim - 2)]])
    return _batched_dot(a, b)
