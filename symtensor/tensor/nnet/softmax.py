"""Softmax of rows, and its logarithm.

In: matrices of real floats, one distribution a row; a vector counts as one row (with a warning), so that the result is
always a matrix. Out: the ops `Softmax`, `SoftmaxWithBias`, `LogSoftmax` and `SoftmaxGrad`, and functions. All subtract
the row's maximum first: large inputs do not overflow. A row with a NaN or +inf, or of -inf only, gives NaNs.
"""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.math import exp, neg
from symtensor.tensor.shape_ops import shape_padleft

__all__ = [
    "LogSoftmax", "Softmax", "SoftmaxGrad", "SoftmaxWithBias", "logsoftmax", "logsoftmax_op", "softmax", "softmax_grad",
    "softmax_graph", "softmax_op", "softmax_with_bias",
]

FLOATS = ("float16", "float32", "float64")


def rows_softmax(x: np.ndarray) -> np.ndarray:
    """The softmax of every row of a matrix. Computed in float32 at least."""
    if x.shape[1] == 0:
        return x.copy()
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        wide = x.astype("float32") if x.dtype == np.float16 else x
        e = np.exp(wide - wide.max(axis=1, keepdims=True))
        return (e / e.sum(axis=1, keepdims=True)).astype(x.dtype, copy=False)


def _one_row_per_vector(op: Op, x: Any) -> Any:
    """The input as a matrix. ValueError for what is not a vector or matrix of floats."""
    x = as_tensor_variable(x)
    if x.type.ndim not in (1, 2) or x.type.dtype not in FLOATS:
        raise ValueError(f"x must be 1-d or 2-d tensor of floats. Got {x.type}")
    if x.type.ndim == 1:
        warnings.warn(
            f"DEPRECATION: If x is a vector, {type(op).__name__} will not automatically pad x anymore in next "
            "releases. If you need it, please do it manually. The vector case is gonna be supported soon and the "
            "output will be a vector.",
            stacklevel=4,
        )
        x = shape_padleft(x, n_ones=1)
    return x


class Softmax(Op):
    """exp(x) / sum(exp(x)) for every row. ValueError for what is not a vector or matrix of floats."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __module__ = "symtensor.tensor.nnet.nnet"
    nin = 1
    nout = 1
    __props__ = ()

    def make_node(self, x: Any) -> Apply:
        x = _one_row_per_vector(self, x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        output_storage[0][0] = rows_softmax(x)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return shapes

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        return [softmax_grad(output_gradients[0], outputs[0])]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        # The Jacobian is symmetric.
        if None in eval_points:
            return [None]
        return self.L_op(inputs, [self(*inputs)], eval_points)


class SoftmaxGrad(Op):
    """The gradient dy of a softmax sm, seen from its input: (dy - sum(dy sm)) sm, row by row. Inputs: dy, sm."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __module__ = "symtensor.tensor.nnet.nnet"
    nin = 2
    nout = 1
    __props__ = ()

    def make_node(self, dy: Any, sm: Any) -> Apply:
        matrices = []
        for x, name in ((as_tensor_variable(dy), "dy"), (as_tensor_variable(sm), "sm")):
            if x.type.ndim not in (1, 2) or x.type.dtype not in FLOATS:
                raise ValueError(f"{name} must be 1-d or 2-d tensor of floats. Got ", x.type)
            matrices.append(shape_padleft(x, n_ones=1) if x.type.ndim == 1 else x)
        return Apply(self, matrices, [matrices[1].type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        dy, sm = inputs
        if dy.shape != sm.shape:
            axis = 0 if dy.shape[0] != sm.shape[0] else 1
            raise ValueError(f"dy.shape[{axis}] != sm.shape[{axis}]")
        weighted = dy * sm
        dx = weighted - sm * weighted.sum(axis=1, keepdims=True)
        output_storage[0][0] = dx.astype(sm.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[1]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        dy, sm = inputs
        (g,) = output_gradients
        centred = g + neg((g * sm).sum(axis=1).dimshuffle(0, "x"))
        g_dy = centred * sm
        g_sm = centred * dy - g * (dy * sm).sum(axis=1).dimshuffle(0, "x")
        return [g_dy, g_sm]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        dy, sm = inputs
        d_dy, d_sm = eval_points
        terms = []
        if d_dy is not None:
            terms.append(self(d_dy, sm))
        if d_sm is not None:
            mean = (dy * sm).sum(axis=1).dimshuffle(0, "x")
            change = (dy * d_sm).sum(axis=1).dimshuffle(0, "x")
            terms.append((dy - mean) * d_sm - sm * change)
        if not terms:
            return [None]
        return [terms[0] + terms[1] if len(terms) == 2 else terms[0]]


class SoftmaxWithBias(Op):
    """The softmax of every row of x + b, for a matrix x and a vector b. ValueError for other types, and at run time
    for another length of b."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __module__ = "symtensor.tensor.nnet.nnet"
    nin = 2
    nout = 1
    __props__ = ()

    def make_node(self, x: Any, b: Any) -> Apply:
        x, b = as_tensor_variable(x), as_tensor_variable(b)
        if x.type.ndim != 2 or x.type.dtype not in FLOATS:
            raise ValueError("x must be 2-d tensor of floats")
        if b.type.ndim != 1 or b.type.dtype not in FLOATS:
            raise ValueError("b must be 1-d tensor of floats")
        return Apply(self, [x, b], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, b = inputs
        check_bias(x, b)
        output_storage[0][0] = rows_softmax(x + b).astype(x.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        dx = softmax_grad(output_gradients[0], outputs[0])
        return [dx, dx.sum(axis=0)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        changes = [e for e in eval_points if e is not None]
        if not changes:
            return [None]
        sm = self(*inputs)
        change = changes[0] + changes[1] if len(changes) == 2 else changes[0]
        if change.type.ndim == 1:
            change = change + inputs[0].zeros_like()
        return [softmax_grad(change, sm)]


def check_bias(x: np.ndarray, b: np.ndarray) -> None:
    """ValueError unless the vector b has an element per column of x."""
    if x.shape[1] != b.shape[0]:
        raise ValueError(
            f"number of columns in x ({x.shape[1]}) does not match length of b ({b.shape[0]})"
        )


class LogSoftmax(Op):
    """The logarithm of the softmax of every row, without the loss of taking it afterwards."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __module__ = "symtensor.tensor.nnet.nnet"
    __props__ = ()

    def make_node(self, x: Any) -> Apply:
        x = _one_row_per_vector(self, x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        if x.shape[1] == 0:
            output_storage[0][0] = x.copy()
            return
        with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
            wide = x.astype("float32") if x.dtype == np.float16 else x
            centred = wide - wide.max(axis=1, keepdims=True)
            result = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
        output_storage[0][0] = result.astype(x.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return shapes

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,) = inputs
        (g,) = output_gradients
        return [g - g.sum(axis=1, keepdims=True) * softmax_op(x)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points:
            return [None]
        (x,), (dx,) = inputs, eval_points
        return [dx - (dx * softmax_op(x)).sum(axis=1, keepdims=True)]


softmax_op = Softmax()
softmax_grad = SoftmaxGrad()
softmax_with_bias = SoftmaxWithBias()
logsoftmax_op = LogSoftmax()


def softmax(c: Any) -> Any:
    """The softmax of every row of a matrix; a vector counts as one row. See `Softmax`."""
    c = as_tensor_variable(c)
    if c.type.ndim and c.type.broadcastable[-1]:
        warnings.warn(
            "The softmax is applied on a dimension of shape 1, which does not have a semantic meaning.", stacklevel=2
        )
    return softmax_op(c)


def logsoftmax(c: Any) -> Any:
    """The logarithm of `softmax(c)`."""
    return logsoftmax_op(c)


def softmax_graph(c: Any) -> Any:
    """exp(c) / sum(exp(c)) over the last axis, for any rank, as simple ops; large inputs overflow."""
    c = as_tensor_variable(c)
    return exp(c) / exp(c).sum(axis=-1, keepdims=True)
