"""Expressions that lose digits or overflow, by ones that do not. These run in every mode, before constants are folded.

Patterns may be written with terms in either order; constants are matched by value.
"""
from __future__ import annotations

from typing import Any

from symtensor.rewrite import pattern as p
from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import floating, real, rule
from symtensor.rewrite.rules.algebra import read_product, rewritten_product, without_one
from symtensor.rewrite.rules.support import like, literal_like, of_row, same, scalar_value
from symtensor.scalar.dtypes import FLOAT
from symtensor.tensor import math as tt
from symtensor.tensor.nnet.sigm import sigmoid, softplus

__all__ = ["STABILIZE"]

x, y = p.Var("x"), p.Var("y")


# -- log and exp near one ----------------------------------------------------------------------------------------------


@rule(Row("log"), aliases=("local_log1p",))
def log_of_one_plus_becomes_log1p(node: Any) -> Any:
    """log(1 + x) -> log1p(x), log(1 - x) -> log1p(-x), also in longer sums: log(a + 1 + b) -> log1p(a + b)."""
    dtype = node.outputs[0].type.dtype
    total = of_row(node.inputs[0], "add", "sub")
    if total is None or dtype not in FLOAT or total.outputs[0].type.dtype != dtype:
        return None
    rest = without_one(total)
    return None if rest is None else like(tt.log1p(rest), node)


@rule(p.exp(x) - 1, p.exp(x) + (-1), when=real(x), aliases=("local_expm1",))
def exp_minus_one_becomes_expm1(x: Any) -> Any:
    return tt.expm1(x)


@rule(1 - p.exp(x), when=real(x), aliases=("local_expm1",))
def one_minus_exp_becomes_negative_expm1(x: Any) -> Any:
    return tt.neg(tt.expm1(x))


# -- sigmoid and softplus ----------------------------------------------------------------------------------------------


@rule(p.inv(1 + p.exp(x)), 1 / (1 + p.exp(x)), when=floating(x), aliases=("local_inv_1_plus_exp",))
def reciprocal_of_one_plus_exp_becomes_sigmoid(x: Any) -> Any:
    """1 / (1 + exp(x)) -> sigmoid(-x), sigmoid(z) if x is -z."""
    inner = of_row(x, "neg")
    return sigmoid(inner.inputs[0] if inner is not None else tt.neg(x))


@rule(p.exp(x) / (1 + p.exp(x)), when=floating(x), aliases=("local_exp_over_1_plus_exp",))
def exp_over_one_plus_exp_becomes_sigmoid(x: Any) -> Any:
    return sigmoid(x)


@rule(y / (1 + p.exp(x)), when=floating(x), aliases=("local_exp_over_1_plus_exp",))
def quotient_by_one_plus_exp_becomes_product_with_sigmoid(y: Any, x: Any, node: Any) -> Any:
    """y / (1 + exp(x)) -> y * sigmoid(-x), and exp(x) among the factors of y makes that sigmoid(x)."""
    if scalar_value(y) is not None and scalar_value(y) == 1:
        return None
    inner = of_row(x, "neg")
    return like(tt.mul(y, sigmoid(inner.inputs[0] if inner is not None else tt.neg(x))), node)


@rule(Row("mul"), aliases=("local_sigm_times_exp",))
def exp_times_sigmoid_of_negative_becomes_sigmoid(node: Any) -> Any:
    """exp(x) * sigmoid(-x) -> sigmoid(x), among any number of factors."""
    if node.outputs[0].type.dtype not in FLOAT:
        return None
    found = read_product(node)
    for i, v in enumerate(found.plus):
        exp = of_row(v, "exp")
        if exp is None or v.type.dtype != node.outputs[0].type.dtype:
            continue
        for j, w in enumerate(found.plus):
            sig = of_row(w, "sigmoid")
            if sig is not None and _opposite(exp.inputs[0], sig.inputs[0]):
                rest = [u for k, u in enumerate(found.plus) if k not in (i, j)]
                return rewritten_product(node, found, [*rest, sigmoid(exp.inputs[0])], found.minus)
    return None


def _opposite(a: Any, b: Any) -> bool:
    """Whether one variable is the negative of the other."""
    for one, other in ((a, b), (b, a)):
        inner = of_row(one, "neg")
        if inner is not None and same(inner.inputs[0], other):
            return True
    return False


@rule(1 - p.sigmoid(x), when=floating(x), aliases=("local_1msigmoid",), single_use=True)
def one_minus_sigmoid_becomes_sigmoid_of_negative(x: Any) -> Any:
    """1 - sigmoid(x) -> sigmoid(-x), which does not become 0 for x beyond 40, where sigmoid(x) itself is not needed."""
    inner = of_row(x, "neg")
    return sigmoid(inner.inputs[0] if inner is not None else tt.neg(x))


@rule(p.log(p.sigmoid(x)), when=floating(x), aliases=("logsigm_to_softplus",))
def log_of_sigmoid_becomes_softplus(x: Any) -> Any:
    """log(sigmoid(x)) -> -softplus(-x)."""
    inner = of_row(x, "neg")
    return tt.neg(softplus(inner.inputs[0] if inner is not None else tt.neg(x)))


@rule(p.log(1 - p.sigmoid(x)), p.log1p(-p.sigmoid(x)), when=floating(x),
      aliases=("log1msigm_to_softplus", "log1p_neg_sigmoid,"))
def log_of_one_minus_sigmoid_becomes_softplus(x: Any) -> Any:
    """log(1 - sigmoid(x)) -> -softplus(x)."""
    return tt.neg(softplus(x))


@rule(p.log1p(p.exp(x)), when=floating(x), aliases=("log1pexp_to_softplus",))
def log1p_of_exp_becomes_softplus(x: Any) -> Any:
    """log(1 + exp(x)) -> softplus(x), also where exp overflows."""
    return softplus(x)


_LOG_2 = 0.6931471805599453


@rule(p.log1p(-p.exp(x)), p.log(-p.expm1(x)), when=floating(x))
def log_of_one_minus_exp_becomes_stable(x: Any) -> Any:
    """log(1 - exp(x)) -> log(-expm1(x)) for x > -log(2), where 1 - exp(x) is small, log1p(-exp(x)) below."""
    if x.type.dtype not in ("float32", "float64") or _bounded_by(x, -_LOG_2) or _bounded_below(x, -_LOG_2):
        return None
    edge = literal_like(-_LOG_2, x)
    near = tt.log(tt.neg(tt.expm1(tt.maximum(x, edge))))
    far = tt.log1p(tt.neg(tt.exp(tt.minimum(x, edge))))
    return tt.switch(tt.gt(x, edge), near, far)


def _bounded_below(variable: Any, bound: float) -> bool:
    inner = of_row(variable, "maximum")
    return inner is not None and any(
        value is not None and abs(value - bound) < 1e-6 for value in map(scalar_value, inner.inputs))


# -- sums of exponentials ----------------------------------------------------------------------------------------------


@rule(Row("log"), aliases=("local_log_add",))
def log_of_sum_of_two_exponentials_becomes_stable(node: Any) -> Any:
    """log(exp(a) + exp(b)) -> maximum(a, b) + log1p(exp(-|a - b|)), which does not overflow."""
    total = of_row(node.inputs[0], "add")
    if total is None or len(total.inputs) != 2 or node.outputs[0].type.dtype not in FLOAT:
        return None
    parts = [of_row(v, "exp") for v in total.inputs]
    if any(part is None for part in parts):
        return None
    a, b = (part.inputs[0] for part in parts)
    if a.type.dtype not in FLOAT or b.type.dtype not in FLOAT:
        return None
    largest, distance = tt.maximum(a, b), tt.abs_(tt.sub(a, b))
    # inf - inf: equal infinities are no distance apart.
    distance = tt.switch(tt.eq(a, b), literal_like(0, distance), distance)
    value = tt.add(largest, tt.log1p(tt.exp(tt.neg(distance))))
    # log(2 exp(-inf)) and log(2 exp(inf)) are that infinity; adding log(2) changes nothing.
    return like(value, node)


# -- the error function ------------------------------------------------------------------------------------------------


@rule(1 - p.erf(x), 1 + -p.erf(x), when=real(x), aliases=("local_one_minus_erf", "local_one_minus_erf2"))
def one_minus_erf_becomes_erfc(x: Any) -> Any:
    return tt.erfc(x)


@rule(1 + p.erf(x), when=real(x), aliases=("local_one_plus_erf",))
def one_plus_erf_becomes_erfc_of_negative(x: Any) -> Any:
    if not x.type.dtype.startswith(("float", "int")):
        return None
    return tt.erfc(tt.neg(x))


@rule(p.erf(x) - 1, p.erf(x) + (-1), when=real(x), aliases=("local_erf_minus_one",))
def erf_minus_one_becomes_negative_erfc(x: Any) -> Any:
    return tt.neg(tt.erfc(x))


@rule(1 - p.erfc(x), 1 + -p.erfc(x), when=real(x), aliases=("local_one_minus_erfc", "local_one_add_neg_erfc"))
def one_minus_erfc_becomes_erf(x: Any) -> Any:
    return tt.erf(x)


@rule(p.erfc(x) - 1, p.erfc(x) + (-1), when=real(x), aliases=("local_erf_neg_minus_one",))
def erfc_minus_one_becomes_negative_erf(x: Any) -> Any:
    return tt.neg(tt.erf(x))


@rule(p.log(p.erfc(x)), when=floating(x), aliases=("local_log_erfc",))
def log_of_erfc_becomes_stable(x: Any) -> Any:
    """log(erfc(x)) -> log(erfcx(x)) - x**2 for x > 1: erfc underflows beyond 26, its logarithm does not."""
    if x.type.dtype not in ("float32", "float64") or _bounded_by(x, 1):
        return None
    one = literal_like(1, x)
    far = tt.sub(tt.log(tt.erfcx(tt.maximum(x, one))), tt.sqr(x))
    return tt.switch(tt.gt(x, one), far, tt.log(tt.erfc(tt.minimum(x, one))))


def _bounded_by(variable: Any, bound: float) -> bool:
    """Whether a variable is minimum(z, bound): what these rules themselves write where the plain form is good."""
    inner = of_row(variable, "minimum")
    return inner is not None and any(
        value is not None and abs(value - bound) < 1e-6 for value in map(scalar_value, inner.inputs))


@rule(Row("true_div"), aliases=("local_grad_log_erfc_neg",))
def gaussian_over_erfc_becomes_stable(node: Any) -> Any:
    """c * exp(-x**2) / erfc(x) -> switch(x > 1, c / erfcx(x), ...): the gradient of log(erfc(x))."""
    top, bottom = node.inputs
    erfc = of_row(bottom, "erfc")
    if erfc is None or node.outputs[0].type.dtype not in ("float32", "float64"):
        return None
    z = erfc.inputs[0]
    if z.type.dtype != node.outputs[0].type.dtype or _bounded_by(z, 1):
        return None
    factors = list(top.owner.inputs) if of_row(top, "mul") is not None else [top]
    for i, factor in enumerate(factors):
        exp = of_row(factor, "exp")
        if exp is None or not _is_negative_square(exp.inputs[0], z):
            continue
        rest = factors[:i] + factors[i + 1:]
        if rest and not all(v.type.dtype == z.type.dtype for v in rest):
            return None
        one = literal_like(1, z)
        far = tt.inv(tt.erfcx(tt.maximum(z, one)))
        near = tt.true_div(tt.exp(tt.neg(tt.sqr(tt.minimum(z, one)))), tt.erfc(tt.minimum(z, one)))
        ratio = tt.switch(tt.gt(z, one), far, near)
        return like(tt.mul(*rest, ratio) if rest else ratio, node)
    return None


def _is_negative_square(variable: Any, z: Any) -> bool:
    """Whether a variable is -z * z in one of the ways that gradients write it."""
    inner = of_row(variable, "neg")
    if inner is not None:
        square = inner.inputs[0]
        if of_row(square, "sqr") is not None:
            return same(square.owner.inputs[0], z)
        return of_row(square, "mul") is not None and len(square.owner.inputs) == 2 and all(
            same(v, z) for v in square.owner.inputs)
    product = of_row(variable, "mul")
    if product is None:
        return False
    rest = list(product.inputs)
    numbers = [v for v in rest if scalar_value(v) is not None]
    if len(numbers) == 1 and scalar_value(numbers[0]) == -1:
        rest = [v for v in rest if v is not numbers[0]]
        if len(rest) == 1 and of_row(rest[0], "sqr") is not None:
            return same(rest[0].owner.inputs[0], z)
        return len(rest) == 2 and all(same(v, z) for v in rest)
    if len(rest) == 2:
        for a, b in (rest, rest[::-1]):
            negative = of_row(a, "neg")
            if negative is not None and same(negative.inputs[0], z) and same(b, z):
                return True
    return False


STABILIZE = (
    log_of_one_minus_sigmoid_becomes_softplus, log_of_one_plus_becomes_log1p, log_of_one_minus_exp_becomes_stable,
    log_of_sigmoid_becomes_softplus, log1p_of_exp_becomes_softplus, log_of_sum_of_two_exponentials_becomes_stable,
    reciprocal_of_one_plus_exp_becomes_sigmoid, exp_over_one_plus_exp_becomes_sigmoid,
    quotient_by_one_plus_exp_becomes_product_with_sigmoid, exp_times_sigmoid_of_negative_becomes_sigmoid,
    one_minus_sigmoid_becomes_sigmoid_of_negative, exp_minus_one_becomes_expm1,
    one_minus_exp_becomes_negative_expm1, one_minus_erf_becomes_erfc, one_plus_erf_becomes_erfc_of_negative,
    erf_minus_one_becomes_negative_erfc, one_minus_erfc_becomes_erf, erfc_minus_one_becomes_negative_erf,
    log_of_erfc_becomes_stable, gaussian_over_erfc_becomes_stable,
)
