"""Powers and products by quicker operations: squares, roots, reciprocals, repeated squaring.

x ** n for a small whole n becomes a chain of squares and products, which rounds differently in the last digit from what
the power function gives. x * x becomes sqr(x). For integers only what is exact in their arithmetic.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import like, literal_like, of_row, same, scalar_value
from symtensor.scalar.dtypes import DISCRETE, FLOAT, INTEGER
from symtensor.tensor import math as T

__all__ = ["SPECIALIZE"]

_LARGEST_POWER = 16


def _power(node: Any) -> tuple[Any, Any]:
    """The base in the dtype of the result, and the exponent if it is one constant (else None)."""
    base, exponent = node.inputs
    dtype = node.outputs[0].type.dtype
    return base if base.type.dtype == dtype else T.cast(base, dtype), scalar_value(exponent)


@rule(Row("pow"), aliases=("local_pow_specialize",))
def power_of_constant_becomes_simple_operation(node: Any) -> Any:
    """x ** 2 -> sqr(x), x ** -1 -> 1 / x, x ** -2 -> 1 / sqr(x)."""
    x, value = _power(node)
    if value is None:
        return None
    if value == 2:
        return like(T.sqr(x), node)
    if node.outputs[0].type.dtype not in FLOAT or value not in (-1, -2):
        return None
    return like(T.inv(x) if value == -1 else T.inv(T.sqr(x)), node)


@rule(Row("pow"), aliases=("local_pow_specialize",), tags=("nan_unsafe",))
def power_of_one_half_becomes_root(node: Any) -> Any:
    """x ** 0.5 -> sqrt(x), x ** -0.5 -> 1 / sqrt(x). sqrt(-inf) is NaN, where pow has inf."""
    x, value = _power(node)
    if value is None or node.outputs[0].type.dtype not in FLOAT or value not in (0.5, -0.5):
        return None
    return like(T.sqrt(x) if value == 0.5 else T.inv(T.sqrt(x)), node)


@rule(Row("pow"), aliases=("local_pow_specialize_device",))
def whole_power_becomes_products(node: Any) -> Any:
    """x ** 3 -> sqr(x) * x, up to the power 16 (and -16)."""
    dtype = node.outputs[0].type.dtype
    square, value = _power(node)
    if value is None or dtype not in FLOAT and dtype not in INTEGER or not np.isfinite(value) or value != int(value):
        return None
    n = int(value)
    if not 2 < abs(n) <= _LARGEST_POWER or n < 0 and dtype in DISCRETE:
        return None
    factors, rest = [], abs(n)
    while rest:
        if rest & 1:
            factors.append(square)
        rest >>= 1
        if rest:
            square = T.sqr(square)
    result = factors[0] if len(factors) == 1 else T.mul(*reversed(factors))
    return like(T.inv(result) if n < 0 else result, node)


@rule(Row("mul"), aliases=("local_mul_to_sqr",))
def product_of_equal_factors_becomes_square(node: Any) -> Any:
    """x * x -> sqr(x), also among other factors."""
    inputs, dtype = list(node.inputs), node.outputs[0].type.dtype
    for i, x in enumerate(inputs):
        if x.type.dtype != dtype or dtype == "bool" or scalar_value(x) is not None:
            continue
        j = next((j for j in range(i + 1, len(inputs)) if same(x, inputs[j])), None)
        if j is not None:
            rest = [v for k, v in enumerate(inputs) if k not in (i, j)]
            return like(T.mul(T.sqr(x), *rest) if rest else T.sqr(x), node)
    return None


@rule(Row("mul"), aliases=("local_mul_specialize",))
def product_with_minus_one_becomes_negative(node: Any) -> Any:
    """-1 * x * y -> -(x * y)."""
    dtype = node.outputs[0].type.dtype
    if dtype not in FLOAT and dtype not in ("int8", "int16", "int32", "int64"):
        return None
    i = next((i for i, v in enumerate(node.inputs) if scalar_value(v) == -1), None)
    if i is None or len(node.inputs) < 2:
        return None
    rest = [v for k, v in enumerate(node.inputs) if k != i]
    value = T.mul(*rest) if len(rest) > 1 else rest[0]
    return like(T.neg(value if value.type.dtype == dtype else T.cast(value, dtype)), node)


@rule(Row("sqr"))
def square_of_what_only_changes_sign(node: Any) -> Any:
    """sqr(-x) -> sqr(x), sqr(|x|) -> sqr(x) for real numbers."""
    inner = of_row(node.inputs[0], "neg", "abs_")
    if inner is None or inner.inputs[0].type.dtype != node.outputs[0].type.dtype or "complex" in node.outputs[0].dtype:
        return None
    return T.sqr(inner.inputs[0])


@rule(Row("true_div"), aliases=("local_div_to_inv",))
def one_over_x_becomes_reciprocal(node: Any) -> Any:
    """1 / x -> inv(x)."""
    dtype = node.outputs[0].type.dtype
    if scalar_value(node.inputs[0]) != 1 or dtype in DISCRETE:
        return None
    x = node.inputs[1]
    return like(T.inv(x if x.type.dtype == dtype else T.cast(x, dtype)), node)


@rule(Row("true_div"), aliases=("local_div_to_inv",))
def division_by_power_of_two_becomes_product(node: Any) -> Any:
    """x / 4 -> 0.25 * x, which is exact."""
    x, y = node.inputs
    value, dtype = scalar_value(y), node.outputs[0].type.dtype
    if value is None or dtype not in FLOAT:
        return None
    mantissa, exponent = np.frexp(np.float64(value))
    if abs(mantissa) != 0.5 or abs(int(exponent)) > (12 if dtype == "float16" else 100):
        return None
    return like(T.mul(literal_like(1.0 / np.float64(value), node.outputs[0]), x), node)


SPECIALIZE = (
    product_with_minus_one_becomes_negative, product_of_equal_factors_becomes_square,
    power_of_constant_becomes_simple_operation, power_of_one_half_becomes_root, whole_power_becomes_products,
    square_of_what_only_changes_sign,
    one_over_x_becomes_reciprocal, division_by_power_of_two_becomes_product,
)
