"""Reductions by name: sum, prod, any, all, mean, var, std, max, min, argmax, argmin, ptp, norms.

In: a tensor, an axis (None for all, an int, or several), `keepdims` (put the reduced axes back, broadcastable). Out: a
tensor without those axes. The ops for sums and products are in `symtensor.tensor.careduce`; `max` and `argmax` share
one op here, `MaxAndArgmax`.

Refused: axes that are not there, and at run time the maximum of no numbers. The minimum is the maximum of the negated
(for integers and booleans: bitwise inverted) numbers, negated again; it has no other op.
"""
from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE, UINT
from symtensor.tensor import careduce
from symtensor.tensor.careduce import CAReduce, CAReduceDtype, Prod, ProdWithoutZeros, Sum, padded
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.joining import join
from symtensor.tensor.linear import dot
from symtensor.tensor.math import abs_, cast, conj, eq, invert, neg, neq, sqrt, sub, true_div
from symtensor.tensor.math import pow as power
from symtensor.tensor.ranges import arange
from symtensor.tensor.shape_ops import shape
from symtensor.tensor.type import tensor_type

__all__ = [
    "Argmax", "CAReduce", "CAReduceDtype", "MaxAndArgmax", "Mean", "Prod", "ProdWithoutZeros", "Sum", "all", "any",
    "argmax", "argmin", "check_and_normalize_axes", "cov", "makeKeepDims", "max", "max_and_argmax", "mean", "min",
    "norm", "prod", "ptp", "std", "sum", "var",
]


def check_and_normalize_axes(x: Any, axis: Any) -> list[int]:
    """The axes as a sorted list of ints from 0 on; an empty list for None.

    `axis` may be None, an int, a constant, or several of these. Raises TypeError for something else, ValueError for an
    axis that `x` does not have.
    """
    x = as_tensor_variable(x)
    if axis is None:
        axes: list[int] = []
    elif isinstance(axis, (int, np.integer)) or (isinstance(axis, np.ndarray) and axis.ndim == 0):
        axes = [int(axis)]
    elif isinstance(axis, (tuple, list, np.ndarray)):
        axes = [int(a) for a in axis]
    elif isinstance(axis, Constant):
        if axis.data is None:
            axes = []
        else:
            axes = [int(a) for a in np.atleast_1d(axis.data)]
    elif isinstance(axis, Variable):
        raise TypeError(f"Computation needs a constant axis. Got {axis}")
    else:
        raise TypeError(f"Axis must be an integer, tuple, list of integers or a TensorVariable. Got {axis}")
    for a in axes:
        if not -x.type.ndim <= a < x.type.ndim:
            raise ValueError(f"Computation needs a valid axis number for {x.type.ndim}-D tensor. Got {a}")
    return sorted({a % x.type.ndim for a in axes})


def makeKeepDims(x: Any, y: Any, axis: Any) -> Any:
    """`y`, a reduction of `x` over `axis`, with the reduced axes put back as broadcastable ones."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    return padded(y, x.type.ndim, _axes(x, axis))


def _axes(x: Any, axis: Any) -> Sequence[int]:
    """The axes from 0 on; ValueError for an axis that is not there."""
    ndim = x.type.ndim
    if axis is None:
        return list(range(ndim))
    axes = [int(axis)] if isinstance(axis, (int, np.integer)) or np.ndim(axis) == 0 else [int(a) for a in axis]
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"Not enough dimensions on {x} to reduce on axis {a}")
    return [a % ndim for a in axes]


def _kept(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return makeKeepDims(x, out, axis) if keepdims else out


# -- sums and logic ----------------------------------------------------------------------------------------------------


def sum(input: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
    """The sum over axes.

    `dtype` of the result (by default int64 or uint64 for small integers and booleans, else the input's); `acc_dtype` of
    the accumulator (by default float64 for float32). TypeError for an accumulator that loses precision.
    """
    input = as_tensor_variable(input)
    return _kept(Sum(axis=axis, dtype=dtype, acc_dtype=acc_dtype)(input), input, axis, keepdims)


def prod(
    input: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> Any:
    """The product over axes. Dtypes: see `sum`.

    `no_zeros_in_input` promises that no element is 0, which makes the gradient cheaper.
    """
    input = as_tensor_variable(input)
    op = Prod(axis, dtype=dtype, acc_dtype=acc_dtype, no_zeros_in_input=no_zeros_in_input)
    return _kept(op(input), input, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Are all elements along the axes different from 0? A boolean."""
    x = as_tensor_variable(x)
    return _kept(careduce.All(axis)(x), x, axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Is any element along the axes different from 0? A boolean."""
    x = as_tensor_variable(x)
    return _kept(careduce.Any(axis)(x), x, axis, keepdims)


# -- extremes ----------------------------------------------------------------------------------------------------------


def _grouped(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """`x` with the reduced axes merged into one, the last."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    moved = np.transpose(x, (*kept, *axes))
    return moved.reshape(moved.shape[: len(kept)] + (int(np.prod([x.shape[axis] for axis in axes], dtype=int)),))


class MaxAndArgmax(Op):
    """The maximum over axes, and its position: the first one, counted in C order over the reduced axes.

    A NaN counts as the maximum. `axis` holds the axes, from 0 on, in increasing order.
    """

    __props__ = ("axis",)
    __module__ = "symtensor.tensor.basic"
    nin = 2  # the second one used to be the axis
    nout = 2

    def __init__(self, axis: Sequence[int]):
        self.axis = tuple(int(a) for a in axis)

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        pattern = tuple(one for axis, one in enumerate(x.type.broadcastable) if axis not in self.axis)
        outputs = [tensor_type(x.type.dtype, pattern)("max"), tensor_type("int64", pattern)("argmax")]
        return Apply(self, [x], outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        for axis in self.axis:
            if x.shape[axis] == 0:
                raise ValueError(f"Input of {self} has zero-size on axis {axis}")
        rows = _grouped(x, self.axis)
        output_storage[0][0] = np.asarray(x.max(axis=self.axis), dtype=x.dtype)
        output_storage[1][0] = np.asarray(rows.argmax(axis=-1), dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        kept = tuple(n for axis, n in enumerate(lengths) if axis not in self.axis)
        return [kept, kept]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The position is locally constant."""
        return [[True, False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        """The gradient goes to every element that equals the maximum."""
        (x,) = inputs
        g_max = output_gradients[0]
        if isinstance(g_max.type, DisconnectedType):
            return [DisconnectedType()()]
        if x.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX)]
        largest = self(x)[0]
        ndim = x.type.ndim
        return [eq(padded(largest, ndim, self.axis), x) * padded(as_tensor_variable(g_max), ndim, self.axis)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        """The perturbation at the maximum's position."""
        if eval_points[0] is None:
            return [None, None]
        (x,), (point,) = inputs, eval_points
        kept = [axis for axis in range(x.type.ndim) if axis not in self.axis]
        position = self(x)[1]
        rows = point.dimshuffle([*kept, *self.axis]).reshape((position.size, -1))
        chosen = rows[arange(position.size), position.flatten()]
        return [chosen.reshape(position.shape, ndim=len(kept)), None]


class Argmax(Op):
    """The position of the maximum over axes: see `MaxAndArgmax`."""

    __props__ = ("axis",)
    __module__ = "symtensor.tensor.basic"
    nin = 2
    nout = 1

    def __init__(self, axis: Any):
        self.axis = None if axis is None else tuple(int(a) for a in axis)

    def make_node(self, x: Any, axis: Any = None) -> Apply:
        x = as_tensor_variable(x)
        if self.axis is None:
            return Argmax(range(x.type.ndim)).make_node(x)
        pattern = tuple(one for a, one in enumerate(x.type.broadcastable) if a not in self.axis)
        return Apply(self, [x], [tensor_type("int64", pattern)("argmax")])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        axes = self.axis or ()
        for axis in axes:
            if x.shape[axis] == 0:
                raise ValueError("attempt to get argmax of an empty sequence")
        output_storage[0][0] = np.asarray(_grouped(x, axes).argmax(axis=-1), dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        return [tuple(n for axis, n in enumerate(lengths) if axis not in (self.axis or ()))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,) = inputs
        return [x.zeros_like(dtype=config.floatX if x.type.dtype in DISCRETE else x.type.dtype)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> list[Any]:
    """The maximum over axes, and the position of its first occurrence (in C order over those axes)."""
    a = as_tensor_variable(a)
    axes = check_and_normalize_axes(a, axis) or list(range(a.type.ndim))
    largest, position = MaxAndArgmax(axes)(a)
    if keepdims:
        return [padded(largest, a.type.ndim, axes), padded(position, a.type.ndim, axes)]
    return [largest, position]


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The maximum over axes; NaN where there is a NaN."""
    x = as_tensor_variable(x)
    if axis is not None:
        _axes(x, _plain(axis))
    return max_and_argmax(x, axis, keepdims)[0]


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the maximum over axes: its first occurrence, counted in C order over those axes."""
    return max_and_argmax(x, axis, keepdims)[1]


def _plain(axis: Any) -> Any:
    return axis.data if isinstance(axis, Constant) else axis


def _upside_down(x: Any) -> Any:
    """A function that turns the order of x's dtype around and is its own inverse."""
    if x.type.dtype == "bool" or x.type.dtype.startswith("int"):
        return invert(x)  # -x would overflow at the smallest integer
    if x.type.dtype in UINT:
        return sub(constant(np.iinfo(x.type.dtype).max, dtype=x.type.dtype), x)
    return neg(x)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The minimum over axes; NaN where there is a NaN. TypeError for complex numbers."""
    x = _ordered(x)
    return _upside_down(max(_upside_down(x), axis=axis, keepdims=keepdims))


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the minimum over axes: its first occurrence, counted in C order over those axes."""
    return argmax(_upside_down(_ordered(x)), axis=axis, keepdims=keepdims)


def _ordered(x: Any) -> Any:
    x = as_tensor_variable(x)
    if x.type.dtype.startswith("complex"):
        raise TypeError("complex numbers have no minimum")
    return x


def ptp(a: Any, axis: Any = None) -> Any:
    """The maximum over axes minus the minimum."""
    a = as_tensor_variable(a)
    return max(a, axis) - min(a, axis)


# -- statistics --------------------------------------------------------------------------------------------------------


class Mean(CAReduce):
    """The mean over axes as an op of its own; it has no gradient. `mean` builds it only when asked to."""

    __props__ = ("axis",)
    __module__ = "symtensor.tensor.basic"

    def __init__(self, axis: Any = None):
        super().__init__(Sum().scalar_op, axis)

    def with_axis(self, axis: tuple[int, ...]) -> Mean:
        return Mean(axis)

    def __str__(self) -> str:
        return "Mean" if self.axis is None else "Mean{%s}" % ", ".join(str(a) for a in self.axis)

    def output_dtype(self, input_dtype: str) -> str:
        return "float64" if input_dtype in DISCRETE else input_dtype

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        lengths = x.shape if self.axis is None else [x.shape[a] for a in self.axis]
        with np.errstate(all="ignore"):
            total = x.sum(axis=self.axis, dtype=np.result_type(x.dtype, "float64"))
            mean = total / np.prod(lengths, dtype="float64")
        output_storage[0][0] = np.asarray(mean, dtype=node.outputs[0].type.dtype)


def mean(
    input: Any, axis: Any = None, dtype: Any = None, op: bool = False, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """The mean over axes: a sum divided by the lengths.

    `dtype` of the sum; integers give a float64 mean. `op`: build one `Mean` op instead, without gradient, and without
    `dtype` and `acc_dtype` (NotImplementedError).
    """
    input = as_tensor_variable(input)
    if op:
        if dtype is not None or acc_dtype is not None:
            raise NotImplementedError(
                "The Mean op does not support the dtype and acc_dtype arguments. If you want to specify them, call "
                "mean(..., op=False)."
            )
        return _kept(Mean(axis)(input), input, axis, keepdims)
    dtype = config.floatX if str(dtype) == "floatX" else dtype
    half = input.type.dtype == "float16" and str(dtype) in ("None", "float16")
    total = sum(input, axis=axis, dtype="float32" if half else dtype, keepdims=keepdims, acc_dtype=acc_dtype)
    lengths = cast(shape(input), "float32" if total.type.dtype in ("float16", "float32", "complex64") else "float64")
    result = total
    for a in _axes(input, axis):
        result = true_div(result, lengths[a])
    if half:
        result = cast(result, "float16")
    result.name = "mean"
    return result


def var(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The variance over axes: the mean of the squared distances from the mean, divided by n - ddof instead of n.

    `corrected`: subtract the squared mean of the rounding errors of the distances.
    """
    if isinstance(ddof, bool) or not isinstance(ddof, (int, np.integer)):
        raise ValueError(
            "Parameter keepdims is now at index 3: (input, axis=None, ddof=0, keepdims=False, corrected=False)"
        )
    input = as_tensor_variable(input)
    axes = _axes(input, axis)
    centered = input - mean(input, axes, keepdims=True)
    squares = power(centered, constant(2, dtype=centered.type.dtype))
    if ddof == 0:
        result = mean(squares, axis=axes, keepdims=keepdims)
    else:
        result = sum(squares, axis=axes, keepdims=keepdims)
        lengths = shape(input)
        if builtins.len(axes) == 1:
            result = true_div(result, (lengths - ddof)[axes[0]])
        elif axes:
            count = lengths[axes[0]]
            for a in axes[1:]:
                count = count * lengths[a]
            result = true_div(result, count - ddof)
    if corrected:
        error = mean(centered, axis=axes, keepdims=keepdims) ** 2
        result = result - error
    result.name = "var"
    return result


def std(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The standard deviation over axes: the square root of `var`."""
    result = sqrt(var(input, axis=axis, ddof=ddof, keepdims=keepdims, corrected=corrected))
    result.name = "std"
    return result


def norm(x: Any, L: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The L-norm over axes: the L-th root of the sum of |x| ** L; the number of nonzeros for 0, the maximum for inf."""
    x = as_tensor_variable(x)
    if L == 0:
        return cast(sum(neq(x, 0), axis=axis, keepdims=keepdims), x.type.dtype)
    if np.isinf(L):
        return max(abs_(x), axis=axis, keepdims=keepdims)
    total = power(sum(power(abs_(x), L), axis=axis), 1.0 / L)
    return _kept(total, x, axis, keepdims)


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """The covariance matrix of the variables in the rows of `m` (its columns unless `rowvar`).

    `y`: more variables, in the same form; `ddof`: the sum is divided by n - ddof, by default 1, or 0 if `bias`.
    Weights raise NotImplementedError.
    """
    if fweights is not None:
        raise NotImplementedError("fweights are not implemented")
    if aweights is not None:
        raise NotImplementedError("aweights are not implemented")
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = _variables_in_rows(m, rowvar)
    if y is not None:
        m = join(0, m, _variables_in_rows(y, rowvar))
    if ddof is None:
        ddof = 0 if bias else 1
    observations = m.shape[1] - int(ddof)
    centered = m - mean(m, axis=1, keepdims=True)
    turned = centered.T
    products = dot(centered, conj(turned) if m.type.dtype.startswith("complex") else turned)
    return (products * (constant(1) / observations)).dimshuffle(0, 1)


def _variables_in_rows(m: Any, rowvar: bool) -> Any:
    m = as_tensor_variable(m)
    if m.type.ndim > 2:
        raise ValueError(f"cov takes vectors and matrices, got {m.type.ndim} dimensions")
    if m.type.ndim == 1:
        m = m.dimshuffle("x", 0)
    elif m.type.ndim == 0:
        m = m.dimshuffle("x", "x")
    elif not rowvar:
        m = m.T
    return m
