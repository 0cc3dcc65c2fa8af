"""Products with BLAS's signature: matrices and vectors of one floating dtype.

In: what the graph rewrites found to be such a product. Out: the ops `Gemm`, `Gemv`, `Ger`, `Dot22`, `Dot22Scalar` and
`BatchedDot`. All are pure unless built with `inplace` (`destructive`), and say so in their `destroy_map`.

Refused (TypeError): mixed dtypes, integers, other ranks.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.fg import InconsistencyError
from symtensor.graph.op import Op
from symtensor.graph.traversal import view_roots
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.shape_ops import patternbroadcast
from symtensor.tensor.type import TensorType

__all__ = [
    "BatchedDot", "Dot22", "Dot22Scalar", "Gemm", "GemmRelated", "Gemv", "Ger", "batched_dot", "gemm", "gemm_inplace",
    "gemm_no_inplace", "gemv", "gemv_inplace", "gemv_no_inplace", "ger", "ger_destructive",
]

_FLOATS = ("float16", "float32", "float64", "complex64", "complex128")


class GemmRelated(Op):
    """The base of products of two matrices."""

    __props__: tuple[str, ...] = ()


class Gemm(GemmRelated):
    """z * b + a * dot(x, y), for matrices x, y, z and scalars a, b. Inputs: z, a, x, y, b.

    With `inplace`, z is overwritten: it must not share memory with x or y (InconsistencyError).
    """

    E_rank = "gemm only works for rank 2"
    E_scalar = "gemm requires scalar argument"
    E_z_uniq = "argument z aliased to x or y"
    E_mixed = "gemm requires matching dtypes"
    E_float = "gemm requires floating-point dtypes"

    __props__ = ("inplace",)

    def __init__(self, inplace: bool):
        self.inplace = bool(inplace)
        if self.inplace:
            self.destroy_map = {0: [0]}

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{'inplace' if self.inplace else 'no_inplace'}}}"

    def make_node(self, *inputs: Any) -> Apply:
        inputs = tuple(map(as_tensor_variable, inputs))
        if len(inputs) != 5:
            raise TypeError(f"Wrong number of inputs for {self} (expected 5, got {len(inputs)})")
        z, a, x, y, b = inputs
        if self.inplace:
            roots = set(view_roots(z))
            if roots & (set(view_roots(x)) | set(view_roots(y))):
                raise InconsistencyError(Gemm.E_z_uniq, (z, x if roots & set(view_roots(x)) else y))
        for matrix in (z, x, y):
            if matrix.type.ndim != 2:
                raise TypeError(Gemm.E_rank, matrix)
        for scalar in (a, b):
            if scalar.type.ndim != 0:
                raise TypeError(Gemm.E_scalar, scalar)
        dtypes = tuple(v.type.dtype for v in inputs)
        if len(set(dtypes)) > 1:
            raise TypeError(Gemm.E_mixed, dtypes)
        if z.type.dtype not in _FLOATS:
            raise TypeError(Gemm.E_float, z.type.dtype)
        return Apply(self, list(inputs), [z.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        z, a, x, y, b = inputs
        product = np.dot(x, y)
        if z.shape != product.shape:
            raise ValueError(f"Shape mismatch: z has shape {z.shape}, dot(x, y) {product.shape}")
        result = z if self.inplace else np.empty_like(z)
        # beta 0 means that z is not read: what it holds (NaN, say) must not matter.
        np.multiply(z, b, out=result) if b != 0 else result.fill(0)
        result += (a * product).astype(z.dtype, copy=False)
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        z, _, x, y, _ = shapes
        pattern = node.outputs[0].type.broadcastable
        return [(1 if pattern[0] else x[0], 1 if pattern[1] else y[1])]


class Dot22(GemmRelated):
    """The product of two matrices of one floating dtype."""

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        for matrix in (x, y):
            if matrix.type.ndim != 2 or matrix.type.dtype not in _FLOATS:
                raise TypeError(matrix)
        if x.type.dtype != y.type.dtype:
            raise TypeError("dtype mismatch to Dot22")
        pattern = (x.type.broadcastable[0], y.type.broadcastable[1])
        return Apply(self, [x, y], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, y = inputs
        output_storage[0][0] = np.asarray(np.dot(x, y))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(shapes[0][0], shapes[1][1])]


class Dot22Scalar(GemmRelated):
    """a * dot(x, y) for matrices x, y of one floating dtype and a scalar a of the same."""

    def make_node(self, x: Any, y: Any, a: Any) -> Apply:
        x, y, a = as_tensor_variable(x), as_tensor_variable(y), as_tensor_variable(a)
        if a.type.ndim != 0:
            raise TypeError(Gemm.E_scalar, a)
        for matrix in (x, y):
            if matrix.type.ndim != 2:
                raise TypeError(Gemm.E_rank, matrix)
        if not a.type.dtype == x.type.dtype == y.type.dtype:
            raise TypeError(
                "Dot22Scalar requires matching dtypes", (a.type.dtype, x.type.dtype, y.type.dtype)
            )
        if a.type.dtype not in _FLOATS:
            raise TypeError("Dot22Scalar requires float or complex args", a.type.dtype)
        pattern = (x.type.broadcastable[0], y.type.broadcastable[1])
        return Apply(self, [x, y, a], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, y, a = inputs
        output_storage[0][0] = np.asarray(a * np.dot(x, y), dtype=x.dtype)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(shapes[0][0], shapes[1][1])]


class Gemv(Op):
    """beta * y + alpha * dot(A, x) for a matrix A, vectors x, y and scalars. Inputs: y, alpha, A, x, beta."""

    __props__ = ("inplace",)

    def __init__(self, inplace: bool):
        self.inplace = bool(inplace)
        if self.inplace:
            self.destroy_map = {0: [0]}

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{'inplace' if self.inplace else 'no_inplace'}}}"

    def make_node(self, y: Any, alpha: Any, A: Any, x: Any, beta: Any) -> Apply:
        y, alpha, A, x, beta = map(as_tensor_variable, (y, alpha, A, x, beta))
        if not y.type.dtype == A.type.dtype == x.type.dtype:
            raise TypeError("Gemv requires matching dtypes", (y.type.dtype, A.type.dtype, x.type.dtype))
        if A.type.ndim != 2:
            raise TypeError("gemv requires matrix for A", A.type)
        if x.type.ndim != 1:
            raise TypeError("gemv requires vector for x", x.type)
        if y.type.ndim != 1:
            raise TypeError("gemv requires vector for y", y.type)
        if y.type.dtype not in _FLOATS:
            raise TypeError("only float and complex types supported", y.type.dtype)
        return Apply(self, [y, *_scalars(y, alpha=alpha), A, x, *_scalars(y, beta=beta)], [y.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        y, alpha, A, x, beta = inputs
        if A.shape[1] != x.shape[0]:
            raise ValueError(f"Shape mismatch: A.shape[1] != x.shape[0] ({A.shape[1]} != {x.shape[0]})")
        if A.shape[0] != y.shape[0]:
            raise ValueError(f"Shape mismatch: A.shape[0] != y.shape[0] ({A.shape[0]} != {y.shape[0]})")
        product = alpha * np.dot(A, x)
        result = (product if beta == 0 else product + beta * y).astype(y.dtype, copy=False)
        if self.inplace:
            y[...] = result
            result = y
        output_storage[0][0] = np.asarray(result)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]


class Ger(Op):
    """A + alpha * outer(x, y) for a matrix A, vectors x, y and a scalar. Inputs: A, alpha, x, y."""

    __props__ = ("destructive",)

    def __init__(self, destructive: bool):
        self.destructive = bool(destructive)
        if self.destructive:
            self.destroy_map = {0: [0]}

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{'destructive' if self.destructive else 'non-destructive'}}}"

    def make_node(self, A: Any, alpha: Any, x: Any, y: Any) -> Apply:
        A, alpha, x, y = map(as_tensor_variable, (A, alpha, x, y))
        if not A.type.dtype == x.type.dtype == y.type.dtype:
            raise TypeError("ger requires matching dtypes", tuple(v.type.dtype for v in (A, alpha, x, y)))
        if alpha.type.ndim != 0:
            raise TypeError("ger requires scalar alpha", alpha.type)
        if A.type.ndim != 2:
            raise TypeError("ger requires matrix for A", A.type)
        if x.type.ndim != 1:
            raise TypeError("ger requires vector for x", x.type)
        if y.type.ndim != 1:
            raise TypeError("ger requires vector for y", y.type)
        if x.type.dtype not in _FLOATS:
            raise TypeError("only float and complex types supported", x.type.dtype)
        return Apply(self, [A, *_scalars(A, alpha=alpha), x, y], [A.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        A, alpha, x, y = inputs
        if A.shape != (x.shape[0], y.shape[0]):
            raise ValueError(f"Shape mismatch: A has shape {A.shape}, x and y {x.shape} and {y.shape}")
        result = A if self.destructive else A.copy()
        result += (alpha * np.outer(x, y)).astype(A.dtype, copy=False)
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]


def _scalars(like: Variable, **scalars: Any) -> list[Any]:
    """The scalar factors, converted to the dtype of the array that they multiply."""
    (name, value), = scalars.items()
    if value.type.ndim != 0:
        raise TypeError(f"gemv requires scalar {name}", value.type)
    if scal.upcast(value.type.dtype, like.type.dtype) != like.type.dtype:
        raise TypeError(f"{name} of dtype {value.type.dtype} cannot multiply arrays of dtype {like.type.dtype}")
    return [value if value.type.dtype == like.type.dtype else value.astype(like.type.dtype)]


class BatchedDot(Op):
    """The products x[i] · y[i] of tensors of rank 2 or 3, over their first axis.

    Raises TypeError for another rank; at run time ValueError where batch or inner lengths differ. Operands of different
    dtypes are converted to one that holds both.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        if len(inputs) != 2:
            raise TypeError(f"symtensor.tensor.blas.BatchedDot: 2 arguments required, {len(inputs)} given ")
        x, y = map(as_tensor_variable, inputs)
        for k, v in enumerate((x, y)):
            if v.type.ndim not in (2, 3):
                raise TypeError(
                    f"symtensor.tensor.blas.BatchedDot: input {k} (0-indexed) must have ndim of 2 or 3, "
                    f"{v.type.ndim} given. Consider calling symtensor.tensor.batched_dot instead."
                )
        dtype = scal.upcast(x.type.dtype, y.type.dtype)
        x, y = (v if v.type.dtype == dtype else v.astype(dtype) for v in (x, y))
        batch = x.type.broadcastable[0] or y.type.broadcastable[0]
        pattern = (batch, *x.type.broadcastable[1:-1], *y.type.broadcastable[2:])
        return Apply(self, [x, y], [TensorType(dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, y = inputs
        if x.shape[0] != y.shape[0]:
            raise ValueError(
                f"Shape mismatch: batch sizes unequal. x.shape is {x.shape}, y.shape is {y.shape}."
            )
        if x.shape[-1] != y.shape[1]:
            raise ValueError(
                f"Shape mismatch: summation axis sizes unequal. x.shape is {x.shape}, y.shape is {y.shape}."
            )
        rows = x if x.ndim == 3 else x[:, None, :]
        columns = y if y.ndim == 3 else y[:, :, None]
        result = np.matmul(rows, columns)
        if x.ndim == 2:
            result = result[:, 0]
        if y.ndim == 2:
            result = result[..., 0]
        output_storage[0][0] = np.ascontiguousarray(result)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        x, y = shapes
        lengths = (x[0], *x[1:-1], *y[2:])
        return [tuple(1 if one else n for one, n in zip(node.outputs[0].type.broadcastable, lengths))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y = inputs
        (gz,) = output_gradients
        if gz.type.ndim == 1:
            gx, gy = gz.dimshuffle(0, "x") * y, gz.dimshuffle(0, "x") * x
        elif x.type.ndim == 2:
            gx = batched_dot(gz, y.dimshuffle(0, 2, 1))
            gy = x.dimshuffle(0, 1, "x") * gz.dimshuffle(0, "x", 1)
        elif y.type.ndim == 2:
            gx = gz.dimshuffle(0, 1, "x") * y.dimshuffle(0, "x", 1)
            gy = batched_dot(x.dimshuffle(0, 2, 1), gz)
        else:
            gx = batched_dot(gz, y.dimshuffle(0, 2, 1))
            gy = batched_dot(x.dimshuffle(0, 2, 1), gz)
        return [
            g if g.type.broadcastable == v.type.broadcastable else patternbroadcast(g, v.type.broadcastable)
            for g, v in ((gx, x), (gy, y))
        ]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        x, y = inputs
        dx, dy = eval_points
        if dx is None and dy is None:
            return [None]
        terms = ([self(dx, y)] if dx is not None else []) + ([self(x, dy)] if dy is not None else [])
        return [terms[0] + terms[1] if len(terms) == 2 else terms[0]]


batched_dot = BatchedDot()
gemm_inplace = Gemm(inplace=True)
gemm_no_inplace = Gemm(inplace=False)
# The pure form is the default: who overwrites what is decided later, where memory is planned.
gemm = gemm_no_inplace
_dot22 = Dot22()
_dot22scalar = Dot22Scalar()
gemv_inplace = Gemv(inplace=True)
gemv_no_inplace = Gemv(inplace=False)
gemv = gemv_no_inplace
ger = Ger(destructive=False)
ger_destructive = Ger(destructive=True)
