"""Matrices with a diagonal: identity, ones below a diagonal, and the triangular parts of a matrix.

In: numbers of rows and columns and the diagonal's offset, integers, symbolic or not; a matrix for `tril` and `triu`.
Out: matrices. Refused: sizes that are not scalars.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_undefined

__all__ = ["Eye", "Tri", "eye", "identity_like", "tri", "tril", "triu"]


class _DiagonalMatrix(Op):
    """What `Eye` and `Tri` share: three integer scalars to a matrix of a given dtype."""

    __props__ = ("dtype",)
    __module__ = "symtensor.tensor.basic"

    def __init__(self, dtype: Any = None):
        self.dtype = config.floatX if dtype is None or str(dtype) == "floatX" else np.dtype(dtype).name

    def make_node(self, rows: Any, columns: Any, offset: Any) -> Apply:
        sizes = [as_tensor_variable(x) for x in (rows, columns, offset)]
        for x in sizes:
            if x.type.ndim != 0:
                raise TypeError(f"{type(self).__name__} needs scalars, got {x} with {x.type.ndim} dimensions")
        return Apply(self, sizes, [tensor_type(self.dtype, (False, False))()])

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(node.inputs[0], node.inputs[1])]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, position, x) for position, x in enumerate(inputs)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


class Eye(_DiagonalMatrix):
    """A matrix of n rows and m columns with ones on its diagonal number k (0: the main one, above it if positive)."""

    __props__ = ("dtype",)
    __module__ = "symtensor.tensor.basic"

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        n, m, k = (int(x) for x in inputs)
        output_storage[0][0] = np.eye(n, m, k, dtype=self.dtype)


class Tri(_DiagonalMatrix):
    """A matrix of N rows and M columns with ones on its diagonal number k and below it."""

    __props__ = ("dtype",)
    __module__ = "symtensor.tensor.basic"

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        n, m, k = (int(x) for x in inputs)
        output_storage[0][0] = np.tri(n, m, k, dtype=self.dtype)


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """A matrix of n rows and m (default: n) columns with ones on diagonal k, of dtype `config.floatX` unless given."""
    return Eye(dtype)(n, n if m is None else m, k)


def identity_like(x: Any) -> Any:
    """A matrix of x's shape and dtype with ones on the diagonal. ValueError unless x is a matrix."""
    x = as_tensor_variable(x)
    if x.type.ndim != 2:
        raise ValueError(f"identity_like needs a matrix, got {x.type.ndim} dimensions")
    return eye(x.shape[0], x.shape[1], k=0, dtype=x.type.dtype)


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Any:
    """A matrix of N rows and M (default: N) columns with ones on diagonal k and below it; floatX by default."""
    return Tri(dtype)(N, N if M is None else M, k)


def tril(m: Any, k: Any = 0) -> Any:
    """The matrix `m` with zeros above diagonal k. ValueError unless `m` is a matrix."""
    m = _matrix(m)
    return m * tri(m.shape[0], m.shape[1], k=k, dtype=m.type.dtype)


def triu(m: Any, k: Any = 0) -> Any:
    """The matrix `m` with zeros below diagonal k. ValueError unless `m` is a matrix."""
    m = _matrix(m)
    return m * (1 - tri(m.shape[0], m.shape[1], k=k - 1, dtype=m.type.dtype))


def _matrix(m: Any) -> Any:
    m = as_tensor_variable(m)
    if m.type.ndim != 2:
        raise ValueError(f"a triangle is cut out of a matrix, got {m.type.ndim} dimensions")
    return m
