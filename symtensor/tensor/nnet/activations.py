"""Piecewise activation functions, as graphs of simpler ones.

In: tensors, and the slopes of the pieces (numbers or tensors that broadcast). Out: tensors.
"""
from __future__ import annotations

from typing import Any

from symtensor.scalar.activations import ScalarSoftsign, scalar_softsign
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.math import abs_, expm1, gt, switch

__all__ = ["ScalarSoftsign", "elu", "relu", "scalar_softsign", "selu", "softsign"]

# x / (1 + |x|)
softsign = Elemwise(scalar_softsign, name="softsign")

# Source: Klambauer et al., Self-Normalizing Neural Networks (2017): mean 0 and variance 1 are a fixed point.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def relu(x: Any, alpha: Any = 0) -> Any:
    """max(x, alpha x) for alpha <= 1: x where it is positive, else alpha x.

    Written with the absolute value, which is as fast as a comparison and whose gradient at 0 is (1 + alpha) / 2.
    """
    x = as_tensor_variable(x)
    if isinstance(alpha, (int, float)) and alpha == 0:
        return 0.5 * (x + abs_(x))
    # Constants first: then they are one number per slope, whatever the rank of x.
    alpha = as_tensor_variable(alpha)
    return (0.5 * (1 + alpha)) * x + (0.5 * (1 - alpha)) * abs_(x)


def elu(x: Any, alpha: Any = 1) -> Any:
    """x where it is positive, else alpha (exp(x) - 1). Source: Clevert et al. (2015)."""
    x = as_tensor_variable(x)
    return switch(gt(x, 0), x, alpha * expm1(x))


def selu(x: Any) -> Any:
    """`elu` scaled so that activations keep mean 0 and variance 1. Source: Klambauer et al. (2017)."""
    return _SELU_SCALE * elu(x, _SELU_ALPHA)
