"""Reductions: a binary scalar op folded over axes of a tensor.

In: a tensor. Out: a tensor without the reduced axes. `CAReduce` keeps the dtype; `CAReduceDtype` (`Sum`, `Prod`) has an
output dtype and a dtype to accumulate in: a sum of int8 is an int64, and a sum of float32 is added up in float64.

Refused: axes that are not there, an accumulator that loses precision, and at run time reducing nothing with an op that
has no identity (the maximum of no numbers).
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any as _Any  # the class below takes the plain name

import numpy as np

from symtensor import scalar as scal
from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import CONTINUOUS, DISCRETE, upcast
from symtensor.tensor import math
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_not_implemented

__all__ = [
    "All", "Any", "CAReduce", "CAReduceDtype", "MulWithoutZeros", "Prod", "ProdWithoutZeros", "Sum",
    "mul_without_zeros", "normalized_axes", "padded",
]

_UFUNCS = {
    "add": np.add, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "or_": np.bitwise_or,
    "and_": np.bitwise_and, "xor": np.bitwise_xor,
}
_IDENTITIES = {"add": 0, "mul": 1, "or_": 0, "and_": -1, "xor": 0}


def normalized_axes(axis: _Any) -> tuple[int, ...] | None:
    """None for all axes, else a sorted tuple of different ints (negative ones count from the end, and come first)."""
    if axis is None:
        return None
    if isinstance(axis, (int, np.integer)) or (isinstance(axis, np.ndarray) and axis.ndim == 0):
        return (int(axis),)
    return tuple(sorted({int(a) for a in axis}))


def padded(reduced: _Any, ndim: int, axes: Iterable[int] | None) -> _Any:
    """The result of a reduction with the reduced axes put back, broadcastable."""
    left_out = set(range(ndim) if axes is None else axes)
    kept = iter(range(reduced.type.ndim))
    return reduced.dimshuffle(["x" if axis in left_out else next(kept) for axis in range(ndim)])


class CAReduce(Op):
    """A commutative, associative scalar op with two inputs folded over axes.

    `axis`: None (all), an int, or several; negative ones count from the end. The result keeps the input's dtype.
    """

    __module__ = "symtensor.tensor.elemwise"
    __props__: tuple[str, ...] = ("scalar_op", "axis")

    def __init__(self, scalar_op: _Any, axis: _Any = None):
        if getattr(scalar_op, "nin", 2) not in (-1, 2) or getattr(scalar_op, "nout", 1) != 1:
            raise NotImplementedError("CAReduce only supports binary functions with a single output.")
        self.scalar_op = scalar_op
        self.axis = normalized_axes(axis)

    def with_axis(self, axis: tuple[int, ...]) -> CAReduce:
        """This op over other axes."""
        return type(self)(self.scalar_op, axis)

    def output_dtype(self, input_dtype: str) -> str:
        """The dtype of the result."""
        return input_dtype

    def make_node(self, input: _Any) -> Apply:
        x = as_tensor_variable(input)
        ndim = x.type.ndim
        op = self
        if self.axis is not None:
            for axis in self.axis:
                if not -ndim <= axis < ndim:
                    raise ValueError(f"Not enough dimensions on {x} to reduce on axis {axis}")
            if any(axis < 0 for axis in self.axis):
                op = self.with_axis(tuple(sorted({axis % ndim for axis in self.axis})))
        left_out = range(ndim) if op.axis is None else op.axis
        pattern = tuple(b for axis, b in enumerate(x.type.broadcastable) if axis not in left_out)
        return Apply(op, [x], [tensor_type(op.output_dtype(x.type.dtype), pattern)()])

    def __str__(self) -> str:
        title = "Reduce{%s}" % self.scalar_op
        return title if self.axis is None else "%s{%s}" % (title, ", ".join(str(a) for a in self.axis))

    def perform(self, node: Apply, inputs: _Any, output_storage: _Any) -> None:
        (x,) = inputs
        out_dtype = node.outputs[0].type.dtype
        acc_dtype = getattr(self, "acc_dtype", None) or x.dtype.name
        axes = tuple(range(x.ndim)) if self.axis is None else self.axis
        result = _fold(self.scalar_op, x.astype(acc_dtype, copy=False), axes)
        if result.dtype.kind == "c" and np.dtype(out_dtype).kind != "c":
            result = result.real
        output_storage[0][0] = np.array(result, dtype=out_dtype)

    def infer_shape(self, node: Apply, shapes: _Any) -> _Any:
        (shape,) = shapes
        left_out = range(len(shape)) if self.axis is None else self.axis
        return [tuple(n for axis, n in enumerate(shape) if axis not in left_out)]

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        (x,), (out,), (gz,) = inputs, outputs, output_gradients
        if getattr(self.scalar_op, "row_name", None) not in ("maximum", "minimum"):
            return [grad_not_implemented(self, 0, x)]
        if x.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX)]
        ndim = x.type.ndim
        return [math.eq(padded(out, ndim, self.axis), x) * padded(gz, ndim, self.axis)]


def _fold(scalar_op: _Any, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """`x` folded over `axes`, in the dtype of `x`."""
    if not axes:
        return x
    name = getattr(scalar_op, "row_name", None)
    if name not in _IDENTITIES:
        for axis in axes:
            if x.shape[axis] == 0 and getattr(scalar_op, "identity", None) is None:
                raise ValueError(f"Input of CAReduce{{{scalar_op}}} has zero-size on axis {axis}")
    with np.errstate(all="ignore"):
        if name in _UFUNCS:
            return np.asarray(_UFUNCS[name].reduce(x, axis=axes, dtype=x.dtype))
        rows = np.moveaxis(x, axes, range(len(axes))).reshape((-1,) + tuple(
            n for axis, n in enumerate(x.shape) if axis not in axes
        ))
        if not len(rows):
            return np.full(rows.shape[1:], scalar_op.identity, dtype=x.dtype)
        result = rows[0]
        for row in rows[1:]:
            (result,) = scal.evaluate(scalar_op, [result, row], [x.dtype.name])
        return np.asarray(result)


class All(CAReduce):
    """Are all elements along the axes different from 0? True where there is none."""

    __module__ = "symtensor.tensor.elemwise"
    __props__ = ("axis",)

    def __init__(self, axis: _Any = None):
        super().__init__(scal.and_, axis)

    def with_axis(self, axis: tuple[int, ...]) -> All:
        return All(axis)

    def output_dtype(self, input_dtype: str) -> str:
        return "bool"

    def __str__(self) -> str:
        return _short_title("All", self.axis)

    def make_node(self, input: _Any) -> Apply:
        return super().make_node(_as_booleans(input))

    def grad(self, inputs: _Any, output_gradients: _Any) -> _Any:
        (x,) = inputs
        return [x.zeros_like(dtype=config.floatX)]

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        return self.grad(inputs, output_gradients)


class Any(CAReduce):  # type: ignore[no-redef]
    """Is any element along the axes different from 0? False where there is none."""

    __props__ = ("axis",)

    def __init__(self, axis: _Any = None):
        super().__init__(scal.or_, axis)

    def with_axis(self, axis: tuple[int, ...]) -> Any:
        return Any(axis)

    def output_dtype(self, input_dtype: str) -> str:
        return "bool"

    def __str__(self) -> str:
        return _short_title("Any", self.axis)

    def make_node(self, input: _Any) -> Apply:
        return super().make_node(_as_booleans(input))

    def grad(self, inputs: _Any, output_gradients: _Any) -> _Any:
        (x,) = inputs
        return [x.zeros_like(dtype=config.floatX)]

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        return self.grad(inputs, output_gradients)


def _short_title(word: str, axes: tuple[int, ...] | None) -> str:
    return word if axes is None else "%s{%s}" % (word, ", ".join(str(a) for a in axes))


def _as_booleans(x: _Any) -> _Any:
    x = as_tensor_variable(x)
    return x if x.type.dtype == "bool" else math.neq(x, 0)


class CAReduceDtype(CAReduce):
    """A reduction with an output dtype and a dtype to accumulate in.

    dtype       of the result; None: int64 or uint64 for small integers and booleans, else the input's
    acc_dtype   of the accumulator; None: int64 or uint64 for small integers and booleans, float32 for float16, float64
                for float32, complex128 for complex64, else the input's

    Raises TypeError where the accumulator cannot hold the input's values.
    """

    __module__ = "symtensor.tensor.elemwise"
    __props__: tuple[str, ...] = ("scalar_op", "axis", "dtype", "acc_dtype")

    def __init__(self, scalar_op: _Any, axis: _Any = None, dtype: _Any = None, acc_dtype: _Any = None):
        super().__init__(scalar_op, axis)
        self.dtype = _dtype_name(dtype)
        self.acc_dtype = _dtype_name(acc_dtype)

    def rebuilt(self, axis: tuple[int, ...] | None, dtype: str | None, acc_dtype: str | None) -> CAReduceDtype:
        """This op with other settings."""
        return type(self)(self.scalar_op, axis, dtype, acc_dtype)

    def with_axis(self, axis: tuple[int, ...]) -> CAReduceDtype:
        return self.rebuilt(axis, self.dtype, self.acc_dtype)

    def output_dtype(self, input_dtype: str) -> str:
        return self.dtype if self.dtype is not None else _WIDE.get(input_dtype, input_dtype)

    def accumulator_dtype(self, input_dtype: str) -> str:
        """The dtype to accumulate in, given or by rule. TypeError where a given one loses precision."""
        if self.acc_dtype is None:
            return _WIDE.get(input_dtype, _PRECISE.get(input_dtype, input_dtype))
        if self.acc_dtype in CONTINUOUS and input_dtype in DISCRETE:
            return self.acc_dtype
        if upcast(input_dtype, self.acc_dtype) != self.acc_dtype:
            raise TypeError(
                f"Cannot build {self} node with input dtype {input_dtype} and acc_dtype {self.acc_dtype}, as precision "
                "would be lost. To correct this error, you can:\n"
                "  - not specify acc_dtype, or\n"
                f"  - use an acc_dtype at least as precise as {input_dtype}.\n"
                '  - specify "dtype" instead of "acc_dtype", so the reduction will be precise, but the result will be '
                'casted into "dtype" at the end.\n'
                "If you are expecting the precision loss, you can use tensor.cast(..., "
                f'dtype="{self.acc_dtype}"), on your input.'
            )
        return self.acc_dtype

    def make_node(self, input: _Any) -> Apply:
        x = as_tensor_variable(input)
        dtype, acc_dtype = self.output_dtype(x.type.dtype), self.accumulator_dtype(x.type.dtype)
        if (dtype, acc_dtype) != (self.dtype, self.acc_dtype):
            return self.rebuilt(self.axis, dtype, acc_dtype).make_node(x)
        return super().make_node(x)

    def __str__(self) -> str:
        return self._title("ReduceDtype{%s}" % self.scalar_op)

    def _title(self, word: str) -> str:
        axes = "" if self.axis is None else "axis=[%s], " % ", ".join(str(a) for a in self.axis)
        return "%s{%sacc_dtype=%s}" % (word, axes, self.acc_dtype)


_WIDE = {
    "bool": "int64", "int8": "int64", "int16": "int64", "int32": "int64", "uint8": "uint64", "uint16": "uint64",
    "uint32": "uint64",
}
_PRECISE = {"float16": "float32", "float32": "float64", "complex64": "complex128"}


def _dtype_name(dtype: _Any) -> str | None:
    if dtype is None:
        return None
    return config.floatX if str(dtype) == "floatX" else np.dtype(dtype).name


class Sum(CAReduceDtype):
    """The sum over axes; 0 where there is nothing. Dtypes: see `CAReduceDtype`."""

    __module__ = "symtensor.tensor.elemwise"
    __props__ = ("axis", "dtype", "acc_dtype")

    def __init__(self, axis: _Any = None, dtype: _Any = None, acc_dtype: _Any = None):
        super().__init__(scal.add, axis, dtype, acc_dtype)

    def rebuilt(self, axis: tuple[int, ...] | None, dtype: str | None, acc_dtype: str | None) -> Sum:
        return Sum(axis, dtype, acc_dtype)

    def __str__(self) -> str:
        return self._title("Sum")

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        (x,), (out,), (gz,) = inputs, outputs, output_gradients
        if out.type.dtype not in CONTINUOUS:
            return [x.zeros_like(dtype=config.floatX)]
        return [Elemwise(scal.second)(x, padded(as_tensor_variable(gz), x.type.ndim, self.axis))]

    def R_op(self, inputs: _Any, eval_points: _Any) -> _Any:
        # No accumulator is forced on the perturbation, whose dtype may differ.
        if None in eval_points:
            return [None]
        return self(*eval_points, return_list=True)


class _ProductOp(CAReduceDtype):
    """What the two products share."""

    __props__ = ("axis", "dtype", "acc_dtype")

    def __str__(self) -> str:
        return "%s{axis=%r, dtype=%r, acc_dtype=%r}" % (type(self).__name__, self.axis, self.dtype, self.acc_dtype)


class Prod(_ProductOp):
    """The product over axes; 1 where there is nothing. Dtypes: see `CAReduceDtype`.

    `no_zeros_in_input`: a promise that makes the gradient cheaper. It is wrong (0 / 0) where the promise is not kept.
    """

    __module__ = "symtensor.tensor.elemwise"

    def __init__(
        self, axis: _Any = None, dtype: _Any = None, acc_dtype: _Any = None, no_zeros_in_input: bool = False
    ):
        super().__init__(scal.mul, axis, dtype, acc_dtype)
        self.no_zeros_in_input = bool(no_zeros_in_input)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Prod) and type(self) is type(other)
            and (self.axis, self.dtype, self.acc_dtype, self.no_zeros_in_input)
            == (other.axis, other.dtype, other.acc_dtype, other.no_zeros_in_input)
        )

    def __hash__(self) -> int:
        return hash((Prod, self.axis, self.dtype, self.acc_dtype, self.no_zeros_in_input))

    def rebuilt(self, axis: tuple[int, ...] | None, dtype: str | None, acc_dtype: str | None) -> Prod:
        return Prod(axis, dtype, acc_dtype, self.no_zeros_in_input)

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        """With no zero in a group, the product divided by the element. With one zero only that element has a gradient:
        the product of the others. With more than one, all are zero."""
        (x,), (out,), (gz,) = inputs, outputs, output_gradients
        if x.type.dtype in DISCRETE or out.type.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX)]
        ndim = x.type.ndim
        gz = padded(as_tensor_variable(gz), ndim, self.axis)
        by_division = gz * padded(out, ndim, self.axis) / x
        if self.no_zeros_in_input:
            return [by_division]
        is_zero = math.eq(x, 0.0)
        zeros = is_zero.sum(axis=self.axis)
        one_zero = padded(math.eq(zeros, 1), ndim, self.axis)
        # Groups whose product nobody needs are multiplied by 0 beforehand, so that they cannot overflow.
        others = ProdWithoutZeros(self.axis)(one_zero * math.neq(gz, 0.0) * x)
        at_the_zero = math.switch(one_zero * is_zero, padded(others, ndim, self.axis), 0.0) * gz
        return [math.switch(padded(math.eq(zeros, 0), ndim, self.axis), by_division, at_the_zero)]

    def R_op(self, inputs: _Any, eval_points: _Any) -> _Any:
        if None in eval_points:
            return [None]
        (x,) = inputs
        seed = self(x).ones_like()
        (gradient,) = self.L_op(inputs, [self(x)], [seed])
        return [(gradient * eval_points[0]).sum(axis=self.axis)]


class MulWithoutZeros(scal.BinaryScalarOp):
    """x * y, where a factor 0 counts as 1; 0 for two zeros."""

    __module__ = "symtensor.tensor.elemwise"
    identity = 0.0
    commutative = True
    associative = True

    def impl(self, x: _Any, y: _Any) -> _Any:
        return y if x == 0 else x if y == 0 else x * y


mul_without_zeros = MulWithoutZeros(scal.upcast_out, name="mul_without_zeros")


class ProdWithoutZeros(_ProductOp):
    """The product of the elements that are not 0; 0 where there is none. It has no gradient of its own."""

    __module__ = "symtensor.tensor.elemwise"

    def __init__(self, axis: _Any = None, dtype: _Any = None, acc_dtype: _Any = None):
        super().__init__(mul_without_zeros, axis, dtype, acc_dtype)

    def rebuilt(self, axis: tuple[int, ...] | None, dtype: str | None, acc_dtype: str | None) -> ProdWithoutZeros:
        return ProdWithoutZeros(axis, dtype, acc_dtype)

    def perform(self, node: Apply, inputs: _Any, output_storage: _Any) -> None:
        (x,) = inputs
        axes = tuple(range(x.ndim)) if self.axis is None else self.axis
        nonzero = x != 0
        with np.errstate(all="ignore"):
            product = np.where(nonzero, x, 1).prod(axis=axes, dtype=self.acc_dtype)
        output_storage[0][0] = np.array(np.where(nonzero.any(axis=axes), product, 0), dtype=node.outputs[0].type.dtype)

    def L_op(self, inputs: _Any, outputs: _Any, output_gradients: _Any) -> _Any:
        return [grad_not_implemented(
            self, 0, inputs[0],
            "2nd derivatives of `product(a)` is not currently supported. If `a` is guaranteed to contain no zeros, "
            "use `product(a, no_zeros_in_input=True)`.",
        )]
