"""x log x and x log y, continued to 0 at x = 0.

In: tensors. Out: `xlogx(x)` and `xlogy0(x, y)`, elementwise. Their derivatives are those of the formula, infinite where
the logarithm is.
"""
from __future__ import annotations

from symtensor.scalar.activations import XlogX, XlogY0, scalar_xlogx, scalar_xlogy0
from symtensor.tensor.elementwise import Elemwise

__all__ = ["XlogX", "XlogY0", "scalar_xlogx", "scalar_xlogy0", "xlogx", "xlogy0"]

xlogx = Elemwise(scalar_xlogx, name="xlogx")
xlogy0 = Elemwise(scalar_xlogy0, name="xlogy0")
