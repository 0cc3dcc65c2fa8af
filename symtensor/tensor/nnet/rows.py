"""Small helpers on rows: a number in front of each, confusion counts, softmax over a tree of two levels.

In: matrices and vectors. Out: matrices and vectors; see the functions.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.creation import arange
from symtensor.tensor.extra_ops import Unique
from symtensor.tensor.joining import concatenate
from symtensor.tensor.linear import batched_dot, dot, tensordot
from symtensor.tensor.math import eq
from symtensor.tensor.nnet.softmax import softmax
from symtensor.tensor.sizes import size
from symtensor.tensor.type import TensorType

__all__ = [
    "Prepend_scalar_constant_to_each_row", "Prepend_scalar_to_each_row", "confusion_matrix", "h_softmax",
    "prepend_0_to_each_row", "prepend_1_to_each_row", "prepend_scalar_to_each_row",
]


def _with_column(value: Any, mat: np.ndarray) -> np.ndarray:
    out = np.empty((mat.shape[0], mat.shape[1] + 1), dtype=mat.dtype)
    out[:, 0] = value
    out[:, 1:] = mat
    return out


class Prepend_scalar_constant_to_each_row(Op):
    """A matrix with a column of one known number in front. TypeError for what is not a matrix."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __props__ = ()

    def __init__(self, val: Any = 0):
        if isinstance(val, (int, float)):
            val = scal.constant(val, dtype="float64")
        self.val = val

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.val.signature() == other.val.signature()

    def __hash__(self) -> int:
        return hash((type(self), float(self.val.data)))

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.val}}}"

    def make_node(self, mat: Any) -> Apply:
        mat = as_tensor_variable(mat)
        if mat.type.ndim != 2:
            raise TypeError("Expected a matrix as input", mat.type)
        return Apply(self, [mat], [TensorType(mat.type.dtype, (mat.type.broadcastable[0], False))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = _with_column(self.val.data, inputs[0])

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        rows, columns = shapes[0]
        return [(rows, size(columns) + 1)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [output_gradients[0][:, 1:]]


class Prepend_scalar_to_each_row(Op):
    """A matrix with a column of one number in front. Inputs: the number (rank 0), the matrix. TypeError for others."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __props__ = ()

    def make_node(self, val: Any, mat: Any) -> Apply:
        val, mat = as_tensor_variable(val), as_tensor_variable(mat)
        if val.type.ndim != 0:
            raise TypeError("Expected a scalar as first input", val.type)
        if mat.type.ndim != 2:
            raise TypeError("Expected a matrix as second input", mat.type)
        return Apply(self, [val, mat], [TensorType(mat.type.dtype, (mat.type.broadcastable[0], False))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = _with_column(*inputs)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        rows, columns = shapes[1]
        return [(rows, size(columns) + 1)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        return [gz[:, 0].sum(), gz[:, 1:]]


prepend_scalar_to_each_row = Prepend_scalar_to_each_row()
prepend_0_to_each_row = Prepend_scalar_constant_to_each_row(0.0)
prepend_1_to_each_row = Prepend_scalar_constant_to_each_row(1.0)


def confusion_matrix(actual: Any, pred: Any) -> list[Any]:
    """How often each class was taken for each: a list of the matrix, a row per actual and a column per predicted class,
    and the sorted vector of the classes that occur. ValueError unless both are vectors."""
    actual, pred = as_tensor_variable(actual), as_tensor_variable(pred)
    if actual.type.ndim != 1:
        raise ValueError("actual must be 1-d tensor variable")
    if pred.type.ndim != 1:
        raise ValueError("pred must be 1-d tensor variable")
    order = Unique(False, False, False)(concatenate([actual, pred]))
    is_actual = eq(actual.dimshuffle(0, "x"), order.dimshuffle("x", 0)).astype("int64")
    is_predicted = eq(pred.dimshuffle(0, "x"), order.dimshuffle("x", 0)).astype("int64")
    return [dot(is_actual.T, is_predicted), order]


def h_softmax(
    x: Any,
    batch_size: Any,
    n_outputs: int,
    n_classes: int,
    n_outputs_per_class: int,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    target: Any = None,
) -> Any:
    """A softmax over many outputs as one over classes times one within the class.

    x        (batch_size, number of inputs)
    W1, b1   (number of inputs, n_classes), (n_classes,): the scores of the classes
    W2, b2   (n_classes, number of inputs, n_outputs_per_class), (n_classes, n_outputs_per_class): those within
    target   the outputs wanted, an integer vector; None for all

    Returns (batch_size, n_outputs) probabilities, or with a target the (batch_size,) probabilities of the outputs
    wanted. n_classes * n_outputs_per_class must not be less than n_outputs. Source: Goodman, Classes for fast maximum
    entropy training (2001).
    """
    of_class = softmax(dot(x, W1) + b1)
    if target is None:
        scores = tensordot(x, W2, (1, 1)) + b2
        within = softmax(scores.reshape((-1, n_outputs_per_class)))
        within = within.reshape((batch_size, n_classes, -1))
        together = of_class.dimshuffle(0, 1, "x") * within
        return together.reshape((batch_size, -1))[:, :n_outputs]
    target = as_tensor_variable(target).flatten()
    wanted_class, wanted_within = target // n_outputs_per_class, target % n_outputs_per_class
    scores = batched_dot(as_tensor_variable(x), as_tensor_variable(W2)[wanted_class])
    within = softmax(scores + as_tensor_variable(b2)[wanted_class])
    rows = arange(batch_size)
    return of_class[rows, wanted_class] * within[rows, wanted_within]
