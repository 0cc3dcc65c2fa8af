"""Cross-entropy between predicted distributions and true classes.

In: a matrix of scores or of probabilities, one row per example, and the true classes as an integer vector (or true
distributions). Out: ops that take the softmax, the likelihood and the most likely class of every row at once
(`CrossentropySoftmaxArgmax1HotWithBias` and its gradient `CrossentropySoftmax1HotWithBiasDx`), ops on probabilities
(`CrossentropyCategorical1Hot` and its gradient), and functions.

Refused at run time (ValueError): another number of classes than of rows; a class that has no column. On probabilities a
negative class counts from the last column, as in NumPy, and one out of bounds is an IndexError.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from symtensor.control.builders import OpFromGraph
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.advanced_indexing import advanced_inc_subtensor, sum_to_pattern
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.creation import arange
from symtensor.tensor.math import abs_, fill, gt, log
from symtensor.tensor.nnet.sigm import sigmoid, softplus
from symtensor.tensor.nnet.softmax import FLOATS, check_bias, rows_softmax, softmax_grad
from symtensor.tensor.reductions import max_and_argmax
from symtensor.tensor.shape_ops import shape
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_not_implemented

__all__ = [
    "CrossentropyCategorical1Hot", "CrossentropyCategorical1HotGrad", "CrossentropySoftmax1HotWithBiasDx",
    "CrossentropySoftmaxArgmax1HotWithBias", "binary_crossentropy", "categorical_crossentropy",
    "crossentropy_categorical_1hot", "crossentropy_categorical_1hot_grad", "crossentropy_softmax_1hot",
    "crossentropy_softmax_1hot_with_bias", "crossentropy_softmax_1hot_with_bias_dx",
    "crossentropy_softmax_argmax_1hot_with_bias", "crossentropy_softmax_max_and_argmax_1hot",
    "crossentropy_softmax_max_and_argmax_1hot_with_bias", "sigmoid_binary_crossentropy",
]

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


# -- of scores ---------------------------------------------------------------------------------------------------------


class CrossentropySoftmaxArgmax1HotWithBias(Op):
    """Of scores x, a bias b and true classes y_idx: per row -log softmax(x + b)[y], the softmax, and the argmax.

    Outputs: nll (vector), softmax (matrix, the type of x), argmax (vector, the type of y_idx). ValueError for inputs of
    other types.
    """

    __module__ = "symtensor.tensor.nnet.nnet"
    nin = 3
    nout = 3
    __props__ = ()

    def make_node(self, x: Any, b: Any, y_idx: Any) -> Apply:
        x, b, y_idx = map(as_tensor_variable, (x, b, y_idx))
        if x.type.ndim != 2 or x.type.dtype not in FLOATS:
            raise ValueError("x must be 2-d tensor of floats", x.type)
        if b.type.ndim != 1 or b.type.dtype not in FLOATS:
            raise ValueError("b must be 1-d tensor of floats", b.type)
        if y_idx.type.ndim != 1 or y_idx.type.dtype not in _INTEGERS:
            raise ValueError("y_idx must be 1-d tensor of [u]ints", y_idx.type)
        nll = TensorType(x.type.dtype, y_idx.type.broadcastable)()
        return Apply(self, [x, b, y_idx], [nll, x.type(), y_idx.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, b, y_idx = inputs
        check_bias(x, b)
        if x.shape[0] != y_idx.shape[0]:
            raise ValueError(
                f"number of rows in x ({x.shape[0]}) does not match length of y ({y_idx.shape[0]})"
            )
        if np.any(y_idx < 0) or np.any(y_idx >= x.shape[1]):
            raise ValueError("y_i value out of bounds")
        scores = x + b
        if scores.dtype == np.float16:
            scores = scores.astype("float32")
        with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
            top = scores.max(axis=1, initial=-np.inf)
            total = np.exp(scores - top[:, None]).sum(axis=1)
            nll = np.log(total) - (scores[np.arange(len(y_idx)), y_idx] - top)
        output_storage[0][0] = nll.astype(x.dtype, copy=False)
        output_storage[1][0] = rows_softmax(scores).astype(x.dtype, copy=False)
        best = scores.argmax(axis=1) if scores.shape[1] else np.zeros(len(scores))
        output_storage[2][0] = best.astype(y_idx.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        rows = (shapes[0][0],)
        return [rows, shapes[0], rows]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        # The classes choose an element of the softmax: nothing flows through them but into the (integer) argmax.
        return [[True, True, True], [True, True, True], [False, False, True]]

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        x, b, y_idx = inputs
        g_nll, g_sm, g_am = output_gradients
        terms = []
        if not isinstance(g_nll.type, DisconnectedType):
            terms.append(crossentropy_softmax_1hot_with_bias_dx(g_nll, outputs[1], y_idx))
        if not isinstance(g_sm.type, DisconnectedType):
            terms.append(softmax_grad(g_sm, outputs[1]))
        if not terms:
            if isinstance(g_am.type, DisconnectedType):
                return [DisconnectedType()() for _ in inputs]
            return [x.zeros_like(), b.zeros_like(), y_idx.zeros_like(dtype="floatX")]
        dx = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        d_idx = DisconnectedType()() if isinstance(g_am.type, DisconnectedType) else y_idx.zeros_like(dtype="floatX")
        return [dx, dx.sum(axis=0), d_idx]


class CrossentropySoftmax1HotWithBiasDx(Op):
    """The gradient of the likelihoods with respect to the scores: per row dy (softmax - onehot(y)).

    Inputs: dy (a vector, or a scalar for all rows), the softmax, the true classes. ValueError for other types.
    """

    __module__ = "symtensor.tensor.nnet.nnet"
    nin = 3
    nout = 1
    __props__ = ()

    def make_node(self, dy: Any, sm: Any, y_idx: Any, **kwargs: Any) -> Apply:  # type: ignore[override]
        if kwargs:
            raise TypeError(f"unexpected arguments {sorted(kwargs)}")
        dy, sm, y_idx = map(as_tensor_variable, (dy, sm, y_idx))
        if dy.type.ndim > 1 or dy.type.dtype not in FLOATS:
            raise ValueError("dy must be {0,1}-d tensor of floats", dy.type)
        if sm.type.ndim != 2 or sm.type.dtype not in FLOATS:
            raise ValueError("sm must be 2-d tensor of floats", sm.type)
        if y_idx.type.ndim != 1 or y_idx.type.dtype not in _INTEGERS:
            raise ValueError("y_idx must be 1-d tensor of [u]ints", y_idx.type)
        return Apply(self, [dy, sm, y_idx], [sm.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        dy, sm, y_idx = inputs
        if dy.ndim == 1 and dy.shape[0] not in (1, sm.shape[0]):
            raise ValueError(f"dnll.shape[0] ({dy.shape[0]}) != sm.shape[0] ({sm.shape[0]})")
        if y_idx.shape[0] != sm.shape[0]:
            raise ValueError(f"dnll.shape[0] ({sm.shape[0]}) != y_idx.shape[0] ({y_idx.shape[0]})")
        if np.any(y_idx < 0) or np.any(y_idx >= sm.shape[1]):
            raise ValueError("y_i >= dx dimensions[1] or y_i < 0.")
        factor = np.broadcast_to(dy, sm.shape[:1])
        dx = factor[:, None] * sm
        dx[np.arange(len(y_idx)), y_idx] -= factor
        output_storage[0][0] = dx.astype(sm.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[1]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        dy, sm, y_idx = inputs
        (g_dx,) = output_gradients
        difference = advanced_inc_subtensor(sm, fill(dy, -1), arange(shape(y_idx)[0]), y_idx)
        if dy.type.ndim == 0:
            g_dy, g_sm = (g_dx * difference).sum(), dy * g_dx
        elif dy.type.broadcastable[0]:
            g_dy, g_sm = (g_dx * difference).sum().dimshuffle("x"), dy.dimshuffle(0, "x") * g_dx
        else:
            g_dy, g_sm = (g_dx * difference).sum(axis=1), dy.dimshuffle(0, "x") * g_dx
        return [g_dy, g_sm, grad_not_implemented(self, 2, y_idx)]


crossentropy_softmax_argmax_1hot_with_bias = CrossentropySoftmaxArgmax1HotWithBias()
crossentropy_softmax_1hot_with_bias_dx = CrossentropySoftmax1HotWithBiasDx()


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y_idx: Any, **kwargs: Any) -> list[Any]:
    """The likelihoods -log softmax(x + b)[y] of the true classes, and the softmax. Keywords as for calling an op."""
    return crossentropy_softmax_argmax_1hot_with_bias(x, b, y_idx, **kwargs)[0:2]


def crossentropy_softmax_1hot(x: Any, y_idx: Any, **kwargs: Any) -> list[Any]:
    """The likelihoods -log softmax(x)[y] of the true classes, and the softmax. Keywords as for calling an op."""
    x = as_tensor_variable(x)
    return crossentropy_softmax_1hot_with_bias(x, x[0, :].zeros_like(), y_idx, **kwargs)


def crossentropy_softmax_max_and_argmax_1hot_with_bias(x: Any, b: Any, y_idx: Any, **kwargs: Any) -> list[Any]:
    """The likelihoods of the true classes, the softmax, and per row its maximum and where it is."""
    xent, sm = crossentropy_softmax_1hot_with_bias(x, b, y_idx, **kwargs)
    return [xent, sm, *max_and_argmax(sm, axis=-1)]


def crossentropy_softmax_max_and_argmax_1hot(x: Any, y_idx: Any, **kwargs: Any) -> list[Any]:
    """`crossentropy_softmax_max_and_argmax_1hot_with_bias` without a bias."""
    x = as_tensor_variable(x)
    return crossentropy_softmax_max_and_argmax_1hot_with_bias(x, x[0, :].zeros_like(), y_idx, **kwargs)


# -- of probabilities --------------------------------------------------------------------------------------------------


def _rows(values: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(classes) < len(values):
        raise IndexError(f"index {len(classes)} is out of bounds for axis 0 with size {len(classes)}")
    return np.arange(len(values)), classes[: len(values)]


class CrossentropyCategorical1Hot(Op):
    """-log of the probability of the true class, for every row of `coding_dist`. TypeError unless it is a matrix and
    `true_one_of_n` an integer vector."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __props__ = ()

    def make_node(self, coding_dist: Any, true_one_of_n: Any) -> Apply:
        coding, true = as_tensor_variable(coding_dist), as_tensor_variable(true_one_of_n)
        if coding.type.ndim != 2:
            raise TypeError("matrix required for argument: coding_dist")
        if true.type.dtype not in _INTEGERS or true.type.ndim != 1:
            raise TypeError(
                f"integer vector required for argument: true_one_of_n(got type: {true.type} instead of: "
                f"{TensorType('int64', (False,))})"
            )
        return Apply(self, [coding, true], [TensorType(coding.type.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        coding, true = inputs
        with np.errstate(invalid="ignore", divide="ignore"):
            y = -np.log(coding[_rows(coding, true)])
        output_storage[0][0] = y.astype(coding.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(shapes[0][0],)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        coding, true = inputs
        (gy,) = output_gradients
        return [crossentropy_categorical_1hot_grad(gy, coding, true), grad_not_implemented(self, 1, true)]


class CrossentropyCategorical1HotGrad(Op):
    """The gradient of `CrossentropyCategorical1Hot` by the probabilities: -g_y / p at the true classes, else 0."""

    __module__ = "symtensor.tensor.nnet.nnet"
    __props__ = ()

    def make_node(self, g_y: Any, coding_dist: Any, true_one_of_n: Any) -> Apply:
        g_y, coding, true = map(as_tensor_variable, (g_y, coding_dist, true_one_of_n))
        return Apply(self, [g_y, coding, true], [coding.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        g_y, coding, true = inputs
        at = _rows(coding, true)
        g = np.zeros_like(coding)
        with np.errstate(invalid="ignore", divide="ignore"):
            g[at] = -g_y[: len(coding)] / coding[at]
        output_storage[0][0] = g

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[1]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        g_y, coding, true = inputs
        (g,) = output_gradients
        rows = arange(shape(coding)[0])
        p, g_p = coding[rows, true], g[rows, true]
        g_coding = advanced_inc_subtensor(coding.zeros_like(), g_p * g_y / (p * p), rows, true)
        return [-g_p / p, g_coding, grad_not_implemented(self, 2, true)]


crossentropy_categorical_1hot = CrossentropyCategorical1Hot()
crossentropy_categorical_1hot_grad = CrossentropyCategorical1HotGrad()


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """The cross-entropy of every row of `coding_dist`, a matrix of probabilities.

    true_dist  true distributions, of the same rank; or true classes, an integer vector

    Raises TypeError where the ranks do not fit.
    """
    coding, true = as_tensor_variable(coding_dist), as_tensor_variable(true_dist)
    if true.type.ndim == coding.type.ndim:
        return -(true * log(coding)).sum(axis=coding.type.ndim - 1)
    if true.type.ndim == coding.type.ndim - 1:
        return crossentropy_categorical_1hot(coding, true)
    raise TypeError("rank mismatch between coding and true distributions")


def binary_crossentropy(output: Any, target: Any) -> Any:
    """-(target log(output) + (1 - target) log(1 - output)), elementwise, for probabilities `output`."""
    output, target = as_tensor_variable(output), as_tensor_variable(target)
    return -(target * log(output) + (1.0 - target) * log(1.0 - output))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """`binary_crossentropy(sigmoid(output), target)`, without overflow or loss for large |output|.

    The value is softplus(-|output|) + output ((output > 0) - target); the gradient with respect to `output` is
    sigmoid(output) - target everywhere, also at 0, where that formula has a kink.
    """
    output, target = as_tensor_variable(output), as_tensor_variable(target)
    return _sigmoid_binary_crossentropy(output.type, target.type)(output, target)


@lru_cache(maxsize=64)
def _sigmoid_binary_crossentropy(output_type: TensorType, target_type: TensorType) -> OpFromGraph:
    output, target = output_type("output"), target_type("target")
    value = softplus(-abs_(output)) + output * (gt(output, 0).astype(output_type.dtype) - target)

    def gradients(inputs: Any, output_gradients: Any) -> Any:
        output, target = inputs
        (g,) = output_gradients
        return [sum_to_pattern(output, g * (sigmoid(output) - target)), sum_to_pattern(target, -g * output)]

    return OpFromGraph(
        [output, target], [value], grad_overrides=gradients, inline=True, name="sigmoid_binary_crossentropy"
    )
