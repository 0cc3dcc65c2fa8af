"""Elementwise ops, views with other axes, and reductions under one name; the code is in the modules named here."""
from __future__ import annotations

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
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise

__all__ = [
    "All", "Any", "CAReduce", "CAReduceDtype", "DimShuffle", "Elemwise", "MulWithoutZeros", "Prod",
    "ProdWithoutZeros", "Sum", "mul_without_zeros",
]
