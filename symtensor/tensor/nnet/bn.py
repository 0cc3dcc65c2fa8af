"""Batch normalisation: inputs centred and scaled by their own statistics over some axes, or by given ones.

In: inputs, and gamma and beta, each with an axis of length 1 per normalised axis (or without those axes: then they are
put in). Out: the normalised inputs; when training also the mean, the inverse standard deviation and running averages.
Source: Ioffe and Szegedy, Batch normalization (2015).

Refused: an epsilon below 1e-5, axes that the inputs do not have, only one of the two running averages, parameters of
another rank.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.control.builders import OpFromGraph
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.composite import Composite
from symtensor.tensor.alloc import zeros_like
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.math import cast, sqrt, true_div
from symtensor.tensor.reductions import mean as mean_of
from symtensor.tensor.shape_ops import addbroadcast, shape
from symtensor.tensor.type import TensorType

__all__ = [
    "AbstractBatchNormInference", "AbstractBatchNormTrain", "AbstractBatchNormTrainGrad", "BNComposite",
    "batch_normalization", "batch_normalization_test", "batch_normalization_train",
]


class BNComposite(Composite):
    """((x - mean) / std) * gamma + beta on scalars of one dtype."""

    init_param = ("dtype",)

    def __init__(self, dtype: str):
        self.dtype = dtype
        kind = scal.get_scalar_type(dtype)
        x, mean, std, gamma, beta = (kind(name) for name in ("x", "mean", "std", "gamma", "beta"))
        super().__init__([x, mean, std, gamma, beta], [((x - mean) / std) * gamma + beta])
        self._text = self._text.replace("BNComposite", "Composite", 1)


def batch_normalization(inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem") -> Any:
    """(inputs - mean) * gamma / std + beta, elementwise, for statistics that the caller has.

    mode  "low_mem": one elementwise op; "high_mem": a graph of several, which optimisations may take apart

    Raises ValueError for another mode.
    """
    if mode == "low_mem":
        return Elemwise(scalar_op=BNComposite(dtype=as_tensor_variable(inputs).type.dtype))(
            inputs, mean, std, gamma, beta
        )
    if mode == "high_mem":
        return (inputs - mean) * (gamma / std) + beta
    raise ValueError('mode must be either "low_mem", "high_mem"')


# -- arguments ---------------------------------------------------------------------------------------------------------


def _checked_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """The axes that are normalised, in order. ValueError for others than the inputs have."""
    if axes == "per-activation":
        axes = (0,)
    elif axes == "spatial":
        axes = (0, *range(2, ndim))
    elif isinstance(axes, str) or not isinstance(axes, (tuple, list, np.ndarray)):
        raise ValueError("invalid axes: %s", str(axes))
    axes = tuple(sorted(int(axis) for axis in axes))
    if not axes:
        raise ValueError("there should be at least one normalization axis")
    if min(axes) < 0 or max(axes) >= ndim:
        raise ValueError(f"axes should be less than ndim (<{ndim}), but {axes} given")
    return axes


def _check_epsilon(epsilon: Any) -> None:
    if not hasattr(epsilon, "type") and epsilon < 1e-5:
        raise ValueError(f"epsilon must be at least 1e-5, got {epsilon}")


class _Parameters:
    """Brings parameters to the rank of the inputs, and statistics back to the rank that the parameters had."""

    def __init__(self, inputs: Any, axes: tuple[int, ...], names: str, parameters: Sequence[Any]):
        ndim = inputs.type.ndim
        kept = [axis for axis in range(ndim) if axis not in axes]
        ranks = {p.type.ndim for p in parameters}
        if ranks == {len(kept)} and len(kept) != ndim:
            self.pattern: list[Any] | None = ["x"] * ndim
            for position, axis in enumerate(kept):
                self.pattern[axis] = position
        elif ranks == {ndim}:
            self.pattern = None
        else:
            found = " and ".join(str(p.type.ndim) for p in parameters)
            raise ValueError(
                f"{names} dimensionality must match the number of non-normalized axes, or have the same number of "
                f"dimensions as the inputs; got {found} instead of {len(kept)}"
            )
        self.axes = axes
        self.kept = kept

    def padded(self, parameter: Any) -> Any:
        if self.pattern is not None:
            return parameter.dimshuffle(self.pattern)
        return addbroadcast(parameter, *self.axes)

    def as_given(self, statistic: Any) -> Any:
        return statistic if self.pattern is None else statistic.dimshuffle(self.kept)


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: Any = 1e-4,
    running_average_factor: Any = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> tuple[Any, ...]:
    """(inputs - mean) * gamma / sqrt(var + epsilon) + beta, with the mean and variance of the inputs over `axes`.

    axes                    "per-activation" (the first), "spatial" (all but the second), or the axes
    running_average_factor  weight of this batch in the new running averages: of the mean, and of the variance with the
                            divisor m - 1
    running_mean, running_var  the old running averages: both or neither

    Returns (normalised, mean, inverse standard deviation), and the two new running averages if old ones are given.
    ValueError for arguments that do not fit.
    """
    inputs, gamma, beta = map(as_tensor_variable, (inputs, gamma, beta))
    axes = _checked_axes(axes, inputs.type.ndim)
    _check_epsilon(epsilon)
    parameters = _Parameters(inputs, axes, "gamma and beta", (gamma, beta))
    arguments = [inputs, parameters.padded(gamma), parameters.padded(beta), epsilon, running_average_factor]
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be given or both be None")
    if running_mean is not None:
        averages = [as_tensor_variable(running_mean), as_tensor_variable(running_var)]
        of_averages = _Parameters(inputs, axes, "running_mean and running_var", averages)
        if of_averages.pattern != parameters.pattern:
            raise ValueError("running_mean and running_var must be of the same dimensionality as gamma and beta")
        arguments += [of_averages.padded(a) for a in averages]
    arguments = _common_dtype(arguments)
    out, *statistics = AbstractBatchNormTrain(axes)(*arguments)
    return (out, *(parameters.as_given(statistic) for statistic in statistics))


def _common_dtype(arguments: Sequence[Any]) -> list[Any]:
    """All arguments in a float dtype that holds the arrays among them."""
    arrays = [a.type.dtype for a in arguments if hasattr(a, "type") and a.type.ndim]
    dtype = scal.upcast(*arrays)
    if not dtype.startswith("float"):
        dtype = scal.upcast(dtype, "float32")
    return [
        cast(a, dtype) if hasattr(a, "type") else constant(np.asarray(a, dtype=dtype)) for a in arguments
    ]


def batch_normalization_test(
    inputs: Any, gamma: Any, beta: Any, mean: Any, var: Any, axes: Any = "per-activation", epsilon: Any = 1e-4
) -> Any:
    """(inputs - mean) * gamma / sqrt(var + epsilon) + beta, with given statistics, the running averages of training.

    See `batch_normalization_train`. ValueError for arguments that do not fit.
    """
    inputs, gamma, beta, mean, var = map(as_tensor_variable, (inputs, gamma, beta, mean, var))
    axes = _checked_axes(axes, inputs.type.ndim)
    _check_epsilon(epsilon)
    names = "gamma, beta, mean and var"
    parameters = _Parameters(inputs, axes, names, (gamma, beta, mean, var))
    arguments = [inputs, *map(parameters.padded, (gamma, beta, mean, var)), epsilon]
    return AbstractBatchNormInference(axes)(*_common_dtype(arguments))


# -- the ops -----------------------------------------------------------------------------------------------------------


class _BatchNorm(Op):
    """The common part: `axes` are normalised; parameters have length 1 there."""

    __props__ = ("axes",)

    def __init__(self, axes: Sequence[int] = (0,)):
        if not axes:
            raise ValueError("there should be at least one normalization axis")
        self.axes = tuple(int(axis) for axis in axes)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{axes={self.axes}}}"

    def _check(self, x: Any, parameters: Sequence[Any]) -> None:
        if min(self.axes) < 0 or max(self.axes) >= x.type.ndim:
            raise ValueError(f"axes should be less than ndim (<{x.type.ndim}), but {self.axes} given")
        for p in parameters:
            if p.type.ndim != x.type.ndim or not all(p.type.broadcastable[axis] for axis in self.axes):
                raise ValueError(
                    f"parameters of {self} must have the rank of the inputs, broadcastable along the axes", p.type
                )


class AbstractBatchNormTrain(_BatchNorm):
    """Inputs: x, scale, bias, epsilon, running_average_factor, and the old running mean and variance or neither.

    Outputs: the normalised x, the mean, the inverse standard deviation, and the new running averages. All parameters
    have the rank of x; epsilon and the factor are scalars.
    """

    def make_node(
        self, x: Any, scale: Any, bias: Any, epsilon: Any = 1e-4, running_average_factor: Any = 0.1,
        running_mean: Any = None, running_var: Any = None,
    ) -> Apply:
        x, scale, bias = map(as_tensor_variable, (x, scale, bias))
        scalars = [_scalar(value, scale.type.dtype) for value in (epsilon, running_average_factor)]
        inputs = [x, scale, bias, *scalars]
        outputs = [x.type(), scale.type(), scale.type()]
        if (running_mean is None) != (running_var is None):
            raise ValueError("running_mean and running_var must either both be given or both be None")
        if running_mean is not None:
            averages = [as_tensor_variable(running_mean), as_tensor_variable(running_var)]
            inputs += averages
            outputs += [a.type() for a in averages]
        self._check(x, inputs[1:3] + inputs[5:])
        return Apply(self, inputs, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, scale, bias, epsilon, factor, *averages = inputs
        mean = x.mean(self.axes, keepdims=True)
        var = ((x - mean) ** 2).mean(self.axes, keepdims=True)
        inverse = 1.0 / np.sqrt(var + epsilon)
        results = [(x - mean) * (scale * inverse) + bias, mean, inverse]
        if averages:
            count = x.size // max(mean.size, 1)
            with np.errstate(divide="ignore", invalid="ignore"):
                unbiased = np.divide(count, count - 1) * var
            results += [old * (1 - factor) + new * factor for old, new in zip(averages, (mean, unbiased))]
        for storage, result, variable in zip(output_storage, results, node.outputs):
            storage[0] = np.asarray(result, dtype=variable.type.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0], shapes[1], shapes[1], *shapes[5:]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        more = [False] * (len(node.outputs) - 3)
        rows = [[True, True, True, *more], [True, False, False, *more], [True, False, False, *more]]
        rows += [[False] * len(node.outputs) for _ in range(2)]
        for k in range(len(more)):
            rows.append([output == 3 + k for output in range(len(node.outputs))])
        return rows

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        x, scale, bias, epsilon, factor, *averages = inputs
        _, mean, inverse = outputs[:3]
        g_out, g_mean, g_inverse, *g_averages = output_gradients
        g_x = g_scale = g_bias = None
        if _connected(g_out):
            g_x, g_scale, g_bias = AbstractBatchNormTrainGrad(self.axes)(x, g_out, scale, mean, inverse, epsilon)
        count = _count(x, self.axes)
        if _connected(g_mean):
            g_x = _plus(g_x, g_mean / count + zeros_like(x))
        if _connected(g_inverse):
            g_x = _plus(g_x, -g_inverse * inverse ** 3 * (x - mean) / count)
        no = DisconnectedType()
        gradients = [g if g is not None else no() for g in (g_x, g_scale, g_bias)] + [no(), no()]
        return gradients + [g * (1 - factor) if _connected(g) else no() for g in g_averages]


def _scalar(value: Any, dtype: str) -> Any:
    """A scalar parameter, constants in the dtype of the arrays."""
    return as_tensor_variable(value) if hasattr(value, "type") else constant(np.asarray(value, dtype=dtype))


def _connected(gradient: Any) -> bool:
    return not isinstance(gradient.type, DisconnectedType)


def _plus(total: Any, term: Any) -> Any:
    return term if total is None else total + term


def _count(x: Any, axes: Sequence[int]) -> Any:
    """How many elements share a statistic, as a number of the dtype of x."""
    count = shape(x)[axes[0]]
    for axis in axes[1:]:
        count = count * shape(x)[axis]
    return cast(count, x.type.dtype)


class AbstractBatchNormInference(_BatchNorm):
    """Inputs: x, scale, bias, mean, variance, epsilon. Output: x normalised by these statistics."""

    def make_node(
        self, x: Any, scale: Any, bias: Any, estimated_mean: Any, estimated_variance: Any, epsilon: Any = 1e-4
    ) -> Apply:
        x, *parameters = map(as_tensor_variable, (x, scale, bias, estimated_mean, estimated_variance))
        self._check(x, parameters)
        return Apply(self, [x, *parameters, _scalar(epsilon, parameters[0].type.dtype)], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, scale, bias, mean, var, epsilon = inputs
        out = (x - mean) * (scale / np.sqrt(var + epsilon)) + bias
        output_storage[0][0] = np.asarray(out, dtype=node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True]] * 5 + [[False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, scale, bias, mean, var, epsilon = inputs
        (dy,) = output_gradients
        padded = var + epsilon
        stretch = true_div(scale, sqrt(padded))
        centred = x - mean
        d_mean = -dy.sum(self.axes, keepdims=True) * stretch
        d_var = -(dy * centred).sum(self.axes, keepdims=True) * (scale / (2.0 * padded * sqrt(padded)))
        d_scale = (dy * centred).sum(self.axes, keepdims=True) / sqrt(padded)
        return [dy * stretch, d_scale, dy.sum(self.axes, keepdims=True), d_mean, d_var, DisconnectedType()()]


class AbstractBatchNormTrainGrad(_BatchNorm):
    """The gradients of `AbstractBatchNormTrain`'s first output by x, scale and bias.

    Inputs: x, the gradient dy, scale, the mean, the inverse standard deviation, epsilon.
    """

    def make_node(self, x: Any, dy: Any, scale: Any, x_mean: Any, x_invstd: Any, epsilon: Any = 1e-4) -> Apply:
        x, dy, scale, x_mean, x_invstd = map(as_tensor_variable, (x, dy, scale, x_mean, x_invstd))
        self._check(x, (scale, x_mean, x_invstd))
        inputs = [x, dy, scale, x_mean, x_invstd, _scalar(epsilon, scale.type.dtype)]
        return Apply(self, inputs, [x.type(), scale.type(), scale.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, dy, scale, mean, inverse, _ = inputs
        centred = x - mean
        shared = (dy * centred).mean(self.axes, keepdims=True)
        c = dy * inverse - centred * (shared * inverse ** 3)
        results = [
            scale * (c - c.mean(self.axes, keepdims=True)),
            (dy * inverse * centred).sum(self.axes, keepdims=True),
            dy.sum(self.axes, keepdims=True),
        ]
        for storage, result, variable in zip(output_storage, results, node.outputs):
            storage[0] = np.asarray(result, dtype=variable.type.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0], shapes[2], shapes[2]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, True, False], [True, True, True], [True, False, False], [True, True, False],
                [True, True, False], [False, False, False]]

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        """By the chain rule over the formulas that `perform` computes."""
        same = _train_grad_graph(self.axes, tuple(v.type for v in inputs[:5]))
        node = same.make_node(*inputs[:5])
        return [*same.L_op(node.inputs, node.outputs, output_gradients), DisconnectedType()()]


@lru_cache(maxsize=64)
def _train_grad_graph(axes: tuple[int, ...], types: tuple[TensorType, ...]) -> OpFromGraph:
    """`AbstractBatchNormTrainGrad` written out, with independent inputs."""
    x, dy, scale, mean, inverse = inputs = [kind() for kind in types]
    centred = x - mean
    shared = mean_of(dy * centred, axis=axes, keepdims=True)
    c = dy * inverse - centred * (shared * inverse ** 3)
    outputs = [
        scale * (c - mean_of(c, axis=axes, keepdims=True)),
        (dy * inverse * centred).sum(axis=axes, keepdims=True),
        dy.sum(axis=axes, keepdims=True),
    ]
    return OpFromGraph(inputs, outputs, inline=True)
