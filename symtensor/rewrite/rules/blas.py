"""Products of matrices and vectors as BLAS calls: Dot22, Gemm, Gemv, Ger.

alpha * dot(x, y) + beta * z is found in sums of any number of terms, with any signs and scalar factors, where nothing
else uses the product. Only floats and complex numbers of one dtype; other products stay `Dot`.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.trace import spread_traces
from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.algebra import SUM, inside_larger, quotient, read_product, read_sum, rewritten_sum
from symtensor.rewrite.rules.support import literal, of_row, scalar_value, uses
from symtensor.tensor import math as T
from symtensor.tensor.blas import Dot22, Dot22Scalar, Gemm, Gemv, Ger
from symtensor.tensor.elemwise import DimShuffle
from symtensor.tensor.linear import Dot

__all__ = ["BLAS", "SPECIALIZE"]

_FLOATS = ("float32", "float64", "complex64", "complex128")
_PRODUCTS = (Dot, Dot22, Dot22Scalar)


@rule(Dot, aliases=("local_dot_to_dot22",))
def product_of_matrices_becomes_dot22(node: Any) -> Any:
    """dot(x, y) -> Dot22(x, y) for matrices of one float dtype."""
    x, y = node.inputs
    if x.type.ndim != 2 or y.type.ndim != 2 or x.type.dtype != y.type.dtype or x.type.dtype not in _FLOATS:
        return None
    return Dot22()(x, y)


class _Product:
    """A term of a sum that is alpha * dot(x, y)."""

    def __init__(self, variable: Any, negative: bool, dtype: str, ndim: int) -> None:
        self.x: Any = None
        self.y: Any = None
        self.alpha: Any = None
        factors, below, sign = [variable], [], negative
        inner = of_row(variable, "mul", "neg", "true_div")
        if inner is not None and uses(variable) <= 1:
            found = read_product(inner)
            number = quotient(found, dtype)
            if number is None or found.minus:
                return
            factors, below, sign = list(found.plus), [literal(number, dtype)] if number != 1 else [], negative
        dots = [v for v in factors if _is_product(v, dtype, ndim)]
        if len(dots) != 1:
            return
        scalars = [v for v in factors if v is not dots[0]]
        if any(not all(v.type.broadcastable) or v.type.dtype != dtype for v in scalars):
            return
        inputs = dots[0].owner.inputs
        scalars = [DimShuffle(v.type.broadcastable, ())(v) if v.type.ndim else v for v in scalars] + below + inputs[2:]
        self.x, self.y = inputs[:2]
        self.alpha = _scalar_product(scalars, sign, dtype)


def _is_product(variable: Any, dtype: str, ndim: int) -> bool:
    node = variable.owner
    return (node is not None and type(node.op) in _PRODUCTS and uses(variable) <= 1 and variable.type.ndim == ndim
            and all(v.type.dtype == dtype for v in node.inputs))


def _scalar_product(scalars: list[Any], negative: bool, dtype: str) -> Any:
    """The product of scalars as one of rank 0; constants are multiplied here."""
    total = literal(-1 if negative else 1, dtype).data
    symbolic = []
    for v in scalars:
        value = scalar_value(v)
        if value is None:
            symbolic.append(v)
        else:
            total = (total * value).astype(dtype)
    if not symbolic:
        return literal(total, dtype)
    if total == -1:
        return T.neg(symbolic[0] if len(symbolic) == 1 else T.mul(*symbolic))
    if total != 1:
        symbolic.insert(0, literal(total, dtype))
    return symbolic[0] if len(symbolic) == 1 else T.mul(*symbolic)


def _scaled(variable: Any, negative: bool, kind: Any) -> tuple[Any, Any] | None:
    """A term of a sum as (z, beta): beta * z with z of the full type; None if it is not one."""
    inner = of_row(variable, "mul", "neg")
    if inner is not None and uses(variable) <= 1:
        found = read_product(inner)
        full = [v for v in found.plus if v.type == kind]
        rest = [v for v in found.plus if v.type != kind]
        number = quotient(found, kind.dtype)
        if number is not None and not found.minus and len(full) == 1 and all(
                all(v.type.broadcastable) and v.type.dtype == kind.dtype for v in rest):
            scalars = [DimShuffle(v.type.broadcastable, ())(v) if v.type.ndim else v for v in rest]
            if number != 1:
                scalars.append(literal(number, kind.dtype))
            return full[0], _scalar_product(scalars, negative, kind.dtype)
    return (variable, _scalar_product([], negative, kind.dtype)) if variable.type == kind else None


def _terms(node: Any, ndim: int) -> Any:
    """(sum, its terms with their signs), for a node that is the root of a sum of this rank and a float dtype."""
    out = node.outputs[0].type
    if out.ndim != ndim or out.dtype not in _FLOATS or inside_larger(node, SUM):
        return None
    found = read_sum(node)
    terms = [(v, False) for v in found.plus] + [(v, True) for v in found.minus]
    return found, terms


def _with_product(node: Any, ndim: int, build: Any) -> Any:
    """The sum with one product and one other term put together by `build(z, alpha, x, y, beta)`, or None."""
    read = _terms(node, ndim)
    if read is None:
        return None
    found, terms = read
    kind = node.outputs[0].type
    for i, (variable, negative) in enumerate(terms):
        product = _Product(variable, negative, kind.dtype, ndim)
        if product.x is None:
            continue
        for j, (other, flip) in sorted(enumerate(terms), key=lambda item: _is_product(item[1][0], kind.dtype, ndim)):
            if j == i:
                continue
            scaled = _scaled(other, flip, kind)
            if scaled is None:
                continue
            value = build(scaled[0], product.alpha, product.x, product.y, scaled[1])
            if value is None or value.type != kind:
                continue
            spread_traces([variable], [value])  # what fails most is the product; the sum's line comes along anyway
            count = len(found.plus)
            plus = [v for k, (v, _) in enumerate(terms[:count]) if k not in (i, j)]
            minus = [v for k, (v, _) in enumerate(terms[count:], count) if k not in (i, j)]
            if not plus and not minus and not found.numbers:
                return value
            return rewritten_sum(node, found, [value, *plus], minus)
    return None


def _gemm(z: Any, alpha: Any, x: Any, y: Any, beta: Any) -> Any:
    if x.type.ndim != 2 or y.type.ndim != 2 or x.type.broadcastable[1] or y.type.broadcastable[0]:
        return None
    return Gemm(inplace=False)(z, alpha, x, y, beta)


def _gemv(z: Any, alpha: Any, x: Any, y: Any, beta: Any) -> Any:
    if x.type.ndim == 2 and y.type.ndim == 1:
        return Gemv(inplace=False)(z, alpha, x, y, beta)
    if x.type.ndim == 1 and y.type.ndim == 2:
        return Gemv(inplace=False)(z, alpha, DimShuffle(y.type.broadcastable, (1, 0))(y), x, beta)
    return None


def _ger(z: Any, alpha: Any, x: Any, y: Any, beta: Any) -> Any:
    if x.type.ndim != 2 or y.type.ndim != 2 or not (x.type.broadcastable[1] and y.type.broadcastable[0]):
        return None
    if scalar_value(beta) != 1 or x.type.broadcastable[0] or y.type.broadcastable[1]:
        return None
    column = DimShuffle(x.type.broadcastable, (0,))(x)
    row = DimShuffle(y.type.broadcastable, (1,))(y)
    return Ger(destructive=False)(z, alpha, column, row)


SUMS = (Row("add"), Row("sub"))


@rule(*SUMS, aliases=("gemm_optimizer", "GemmOptimizer"))
def sum_with_product_of_matrices_becomes_gemm(node: Any) -> Any:
    """beta * z + alpha * dot(x, y) -> Gemm(z, alpha, x, y, beta)."""
    return _with_product(node, 2, _gemm)


@rule(*SUMS, aliases=("local_gemm_to_gemv",))
def sum_with_product_with_vector_becomes_gemv(node: Any) -> Any:
    """beta * v + alpha * dot(m, w) -> Gemv(v, alpha, m, w, beta)."""
    return _with_product(node, 1, _gemv)


@rule(*SUMS, aliases=("local_gemm_to_ger",))
def sum_with_outer_product_becomes_ger(node: Any) -> Any:
    """z + alpha * outer(x, y) -> Ger(z, alpha, x, y)."""
    return _with_product(node, 2, _ger)


@rule(Row("mul"), Row("neg"), aliases=("local_dot22_to_dot22scalar",))
def scaled_product_of_matrices_becomes_dot22scalar(node: Any) -> Any:
    """alpha * dot(x, y) -> Dot22Scalar(x, y, alpha)."""
    out = node.outputs[0].type
    if out.ndim != 2 or out.dtype not in _FLOATS:
        return None
    found = read_product(node)
    if len(found.plus) + len(found.minus) > 6:
        return None
    product = _Product(node.outputs[0], False, out.dtype, 2)
    if product.x is None or product.x.type.ndim != 2 or product.y.type.ndim != 2:
        return None
    return Dot22Scalar()(product.x, product.y, product.alpha)


@rule(Dot, Dot22)
def product_over_axis_of_length_one_becomes_elementwise(node: Any) -> Any:
    """dot(x, y) -> x * y where the inner axis is known to have length 1: an outer product takes part in fusion."""
    x, y = node.inputs
    if x.type.ndim != 2 or y.type.ndim != 2 or not (x.type.broadcastable[1] and y.type.broadcastable[0]):
        return None
    value = T.mul(x, y)
    return value if value.type == node.outputs[0].type else None


BLAS = (
    product_of_matrices_becomes_dot22, sum_with_outer_product_becomes_ger, sum_with_product_of_matrices_becomes_gemm,
    sum_with_product_with_vector_becomes_gemv, scaled_product_of_matrices_becomes_dot22scalar,
)
SPECIALIZE = (product_over_axis_of_length_one_becomes_elementwise,)
