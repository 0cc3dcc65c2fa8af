"""Sigmoid curves and softplus, elementwise.

In: tensors. Out: tensors of a float dtype: `sigmoid` 1 / (1 + exp(-x)), its approximations `ultra_fast_sigmoid`
(piecewise rational) and `hard_sigmoid` (piecewise linear), and `softplus` log(1 + exp(x)).
"""
from __future__ import annotations

from typing import Any

from symtensor.scalar.activations import (
    ScalarSigmoid,
    ScalarSoftplus,
    UltraFastScalarSigmoid,
    scalar_sigmoid,
    scalar_softplus,
    ultra_fast_scalar_sigmoid,
)
from symtensor.scalar.dtypes import rule_upgrade_to_float
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.math import clip

__all__ = [
    "ScalarSigmoid", "ScalarSoftplus", "UltraFastScalarSigmoid", "hard_sigmoid", "scalar_sigmoid", "scalar_softplus",
    "sigmoid", "sigmoid_inplace", "softplus", "ultra_fast_scalar_sigmoid", "ultra_fast_sigmoid",
    "ultra_fast_sigmoid_inplace",
]

sigmoid = Elemwise(scalar_sigmoid, name="sigmoid")
sigmoid_inplace = Elemwise(scalar_sigmoid, inplace_pattern={0: 0}, name="sigmoid_inplace")
ultra_fast_sigmoid = Elemwise(ultra_fast_scalar_sigmoid, name="ultra_fast_sigmoid")
ultra_fast_sigmoid_inplace = Elemwise(
    ultra_fast_scalar_sigmoid, inplace_pattern={0: 0}, name="ultra_fast_sigmoid_inplace"
)
softplus = Elemwise(scalar_softplus, name="softplus")


def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, kept between 0 and 1: a sigmoid of three straight pieces. Integers give floats."""
    x = as_tensor_variable(x)
    dtype = rule_upgrade_to_float(x.type.dtype)
    return clip(x * constant(0.2, dtype=dtype) + constant(0.5, dtype=dtype), 0, 1)
