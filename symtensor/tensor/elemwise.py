"""Elementwise ops, views with other axes, and reductions under one name; the code is in the modules named here."""
from __future__ import annotations

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.op import Op
from symtensor.scalar.basic import get_scalar_type
from symtensor.tensor.careduce import (
    All,
    Any,
    CAReduce,
    CAReduceDtype,
    MulWithoutZeros,
    Prod,
    ProdWithoutZeros,
    Sum,
    mul_without_zeros,
)
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.type import TensorType

__all__ = [
    "All", "Any", "Apply", "CAReduce", "CAReduceDtype", "DimShuffle", "DisconnectedType", "Elemwise",
    "MulWithoutZeros", "NullType", "Op", "Prod", "ProdWithoutZeros", "Sum", "TensorType", "as_tensor_variable",
    "config", "get_scalar_type", "mul_without_zeros",
]
