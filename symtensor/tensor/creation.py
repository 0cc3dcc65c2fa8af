"""Ops that make tensors of scalars and lengths, under one name; the code is in the modules named here.

Diagonals, which need indexing, are in `symtensor.tensor.diagonal`.
"""
from __future__ import annotations

from symtensor.tensor.alloc import (
    Alloc,
    AllocEmpty,
    alloc,
    alloc_validate_shape,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar, scalar_from_tensor, tensor_from_scalar
from symtensor.tensor.make_vector import MakeVector, make_vector
from symtensor.tensor.ranges import ARange, arange, mgrid, ogrid
from symtensor.tensor.triangles import Eye, Tri, eye, identity_like, tri, tril, triu

__all__ = [
    "ARange", "Alloc", "AllocEmpty", "Eye", "MakeVector", "ScalarFromTensor", "TensorFromScalar", "Tri", "alloc",
    "alloc_validate_shape", "arange", "eye", "identity_like", "make_vector", "mgrid", "ogrid", "ones", "ones_like",
    "scalar_from_tensor", "tensor_from_scalar", "tri", "tril", "triu", "zeros", "zeros_like",
]
