"""Tests of tensors: NaN and infinity, closeness, and the extremes of several tensors.

In: tensors. Out: booleans of the broadcast shape (`isnan`, `isinf`, `isclose`), one boolean (`allclose`), or tensors.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.scalar.dtypes import DISCRETE
from symtensor.tensor import reductions
from symtensor.tensor.alloc import alloc
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.joining import stack
from symtensor.tensor.math import (
    abs_,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    eq,
    gt,
    isinf_,
    isnan_,
    le,
    lt,
    sgn,
    switch,
)

__all__ = ["allclose", "isclose", "isinf", "isnan", "largest", "smallest"]


def isnan(a: Any) -> Any:
    """Is each element NaN? Discrete dtypes have none."""
    return _float_test(isnan_, a)


def isinf(a: Any) -> Any:
    """Is each element infinite? Discrete dtypes have no infinity."""
    return _float_test(isinf_, a)


def _float_test(test: Any, a: Any) -> Any:
    a = as_tensor_variable(a)
    if a.type.dtype in DISCRETE:
        return alloc(constant(np.asarray(False)), *[a.shape[axis] for axis in range(a.type.ndim)])
    return test(a)


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Is |a - b| <= atol + rtol * |b|, element by element? Infinities must be equal; NaN is close to nothing.

    `equal_nan`: two NaNs are close.
    """
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    near = le(abs_(a - b), atol + rtol * abs_(b))
    a_nan, b_nan, a_inf, b_inf = isnan(a), isnan(b), isinf(a), isinf(b)
    special = bitwise_or(bitwise_or(a_nan, b_nan), bitwise_or(a_inf, b_inf))
    near = bitwise_and(near, bitwise_not(special))
    both_inf = bitwise_and(a_inf, b_inf)
    same_inf = bitwise_and(both_inf, eq(a_inf * _sign(a), b_inf * _sign(b)))
    close = bitwise_or(near, same_inf)
    if equal_nan:
        close = bitwise_or(close, bitwise_and(a_nan, b_nan))
    return close


def _sign(x: Any) -> Any:
    return x if x.type.dtype == "bool" else sgn(x)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Are all elements close? See `isclose`."""
    return reductions.all(isclose(a, b, rtol, atol, equal_nan))


def smallest(*args: Any) -> Any:
    """The smallest of the arguments, element by element."""
    if len(args) == 2:
        a, b = (as_tensor_variable(x) for x in args)
        return switch(lt(a, b), a, b)
    return reductions.min(stack(list(args)), axis=0)


def largest(*args: Any) -> Any:
    """The largest of the arguments, element by element."""
    if len(args) == 2:
        a, b = (as_tensor_variable(x) for x in args)
        return switch(gt(a, b), a, b)
    return reductions.max(stack(list(args)), axis=0)
