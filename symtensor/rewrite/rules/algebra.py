"""Sums and products: constants combined, terms and factors that cancel removed, signs kept in one place.

A tree of `add`, `sub` and `neg` (or `mul`, `true_div`, `inv` and `neg`) is read as a whole into a sum (product) of
plain terms and one constant, in one dtype; it is written anew only where that has become simpler. Branches that others
use too are terms. Cancelling hides what NaN and infinities would have done (inf - inf, 0 / 0), as in Theano; combining
constants reassociates, within the rounding of the dtype.

Not done: distributing, ordering, combining integers where a conversion lies between.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import (
    like,
    literal,
    literal_like,
    of_row,
    row_name,
    same,
    scalar_value,
    shaped,
    uses,
)
from symtensor.scalar.dtypes import COMPLEX, DISCRETE, FLOAT, upcast
from symtensor.scalar.table import evaluate
from symtensor.tensor import math as T

__all__ = ["CANONICALIZE", "SUM", "inside_larger", "quotient", "read_product", "read_sum", "rewritten_product",
           "rewritten_sum", "without_one"]

_MOST_TERMS = 256
SUM = ("add", "sub", "neg")
SUMS = tuple(map(Row, SUM))
PRODUCT = ("mul", "true_div", "inv", "neg")
PRODUCTS = tuple(map(Row, PRODUCT))


@dataclass
class _Terms:
    """A sum or product read from a tree: what counts positively (or multiplies), what negatively (or divides)."""

    plus: list[Any] = field(default_factory=list)
    minus: list[Any] = field(default_factory=list)
    numbers: list[tuple[Any, bool]] = field(default_factory=list)  # constants, and whether they count inversely
    negations: int = 0
    nodes: int = 0
    operations: int = 0  # binary additions (multiplications) and sign changes (divisions)


def _grouped(node: Any, names: tuple[str, ...]) -> Any:
    """Whether an operand of `node` continues its tree: used nowhere else and of the same dtype."""
    out = node.outputs[0].type.dtype

    def continues(variable: Any) -> Any:
        inner = of_row(variable, *names)
        return inner if inner is not None and variable.type.dtype == out and uses(variable) <= 1 else None

    return continues


def read_sum(root: Any) -> _Terms:
    """The sum that ends in a node of `add`, `sub` or `neg`."""
    found = _Terms()
    continues = _grouped(root, SUM)
    stack = [(root, False)]
    while stack:
        node, negative = stack.pop()
        found.nodes += 1
        found.operations += max(len(node.inputs) - 1, 1)
        name = row_name(node)
        flips = [negative != (name == "neg" or name == "sub" and i == 1) for i in range(len(node.inputs))]
        for variable, flip in reversed(list(zip(node.inputs, flips))):
            inner = continues(variable) if found.nodes + len(stack) < _MOST_TERMS else None
            if inner is not None:
                stack.append((inner, flip))
                continue
            value = scalar_value(variable)
            if value is not None:
                found.numbers.append((value, flip))
            else:
                (found.minus if flip else found.plus).append(variable)
    found.plus.reverse()
    found.minus.reverse()
    return found


def read_product(root: Any, names: tuple[str, ...] = PRODUCT) -> _Terms:
    """The product that ends in a node of `mul`, `true_div`, `inv` or `neg` (those in `names`)."""
    found = _Terms()
    continues = _grouped(root, names)
    stack = [(root, False)]
    while stack:
        node, below = stack.pop()
        found.nodes += 1
        found.operations += max(len(node.inputs) - 1, 1)
        name = row_name(node)
        if name == "neg":
            found.negations += 1
        for i, variable in reversed(list(enumerate(node.inputs))):
            flip = below != (name == "inv" or name == "true_div" and i == 1)
            inner = continues(variable) if found.nodes + len(stack) < _MOST_TERMS else None
            if inner is not None:
                stack.append((inner, flip))
                continue
            value = scalar_value(variable)
            if value is not None:
                found.numbers.append((value, flip))
            else:
                (found.minus if flip else found.plus).append(variable)
    found.plus.reverse()
    found.minus.reverse()
    return found


def inside_larger(node: Any, names: tuple[str, ...]) -> bool:
    """Whether the only user of a node continues its tree: then the tree is read from there."""
    output = node.outputs[0]
    clients = getattr(output, "clients", ())
    if len(clients) != 1:
        return False
    user = next(iter(clients))[0]
    if user == "output":
        return False
    return row_name(user) in names and user.outputs[0].type.dtype == output.type.dtype


def _nothing_to_cancel(node: Any, names: tuple[str, ...]) -> bool:
    """Whether a node is a whole sum (product) by itself, without negative terms (divisors): most are."""
    return row_name(node) in ("add", "mul") and all(of_row(v, *names) is None for v in node.inputs)


def _cancel(plus: list[Any], minus: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """What is left after removing pairs, and what was removed."""
    left, gone = list(minus), []
    kept = []
    for variable in plus:
        position = next((i for i, other in enumerate(left) if same(variable, other)), None)
        if position is None:
            kept.append(variable)
        else:
            gone.append(left.pop(position))
    return kept, left, gone


def _converted(variable: Any, dtype: str) -> Any:
    return variable if variable.type.dtype == dtype else T.cast(variable, dtype)


def _joined(op: Any, terms: list[Any], dtype: str) -> Any:
    """All terms combined by a variadic op in the dtype: int8 terms of an int64 sum must not wrap as int8."""
    if len(terms) == 1:
        return terms[0]
    if upcast(*(v.type.dtype for v in terms)) != dtype:
        terms = [T.cast(terms[0], dtype), *terms[1:]]
    return op(*terms)


def _sum_of(plus: list[Any], minus: list[Any], number: Any, kind: Any) -> Any:
    """plus - minus + number, None for nothing at all."""
    dtype = kind.dtype
    terms = list(plus)
    if number is not None and number != 0:
        terms.insert(0, literal(number, dtype, kind.ndim))
    positive = _joined(T.add, terms, dtype) if terms else None
    if not minus:
        return positive
    negative = _converted(_joined(T.add, minus, dtype), dtype)
    return T.neg(negative) if positive is None else T.sub(positive, negative)


def _total(found: _Terms, dtype: str) -> Any:
    """The constants of a sum added up in the dtype, None if there are none."""
    if not found.numbers:
        return None
    total = np.zeros((), dtype=dtype)[()]
    for value, flip in found.numbers:
        total = evaluate("sub" if flip else "add", (total, value), dtype)
    return total


def rewritten_sum(node: Any, found: _Terms, plus: list[Any], minus: list[Any]) -> Any:
    """plus - minus + the constants of a sum, as what stands for `node`."""
    kind = node.outputs[0].type
    value = _sum_of(plus, minus, _total(found, kind.dtype), kind)
    if value is None:
        value = literal(0, kind.dtype, kind.ndim)
    return _of_shape(value, node, found)


def _of_shape(value: Any, node: Any, found: _Terms) -> Any:
    models = [*node.inputs, *found.plus, *found.minus]
    return shaped(value, models, node.outputs[0].type)


def without_one(node: Any) -> Any:
    """What is left of a sum when 1 is taken away, if its constants add up to 1 and something is left; else None."""
    found = read_sum(node)
    kind = node.outputs[0].type
    total = _total(found, kind.dtype)
    if total is None or total != 1 or not (found.plus or found.minus):
        return None
    return _of_shape(_sum_of(found.plus, found.minus, None, kind), node, found)


@rule(*SUMS, aliases=("local_add_canonizer",), tags=("fast_compile", "nan_unsafe"))
def terms_that_cancel_disappear(node: Any) -> Any:
    """a + b - a -> b. Hides inf - inf and NaN - NaN."""
    if _nothing_to_cancel(node, SUM) or inside_larger(node, SUM):
        return None
    found = read_sum(node)
    plus, minus, gone = _cancel(found.plus, found.minus)
    return rewritten_sum(node, found, plus, minus) if gone else None


@rule(*SUMS, aliases=("local_add_canonizer",), tags=("fast_compile",))
def constants_of_a_sum_combine(node: Any) -> Any:
    """1 + x - 3 -> -2 + x, x + 0 -> x; -(-x) -> x, a + -b -> a - b, a - -b -> a + b, -(a - b) -> b - a."""
    if _nothing_to_cancel(node, SUM):
        numbers = [value for value in map(scalar_value, node.inputs) if value is not None]
        if len(numbers) < 2 and not any(value == 0 for value in numbers):
            return None
    if inside_larger(node, SUM):
        return None
    found = read_sum(node)
    dtype = node.outputs[0].type.dtype
    total = _total(found, dtype)
    if len(found.numbers) < 2 and _operations(found, total) >= found.operations:
        return None
    return rewritten_sum(node, found, found.plus, found.minus)


def _operations(found: _Terms, total: Any) -> int:
    """How many operations the sum takes when it is written anew."""
    terms = len(found.plus) + bool(total is not None and total != 0)
    return max(terms - 1, 0) + max(len(found.minus) - 1, 0) + bool(found.minus)


def quotient(found: _Terms, dtype: str) -> Any:
    """The constants of a product multiplied in the dtype, None if one divides by zero or the result is not finite."""
    total = np.ones((), dtype=dtype)[()]
    for k, (value, flip) in enumerate(found.numbers):
        if flip and value == 0:
            return None
        if k == 0 and not flip and value.dtype == dtype:
            total = value
        else:
            total = evaluate("true_div" if flip else "mul", (total, value), dtype)
    return -total if found.negations % 2 else total


def _product_of(plus: list[Any], minus: list[Any], number: Any, kind: Any) -> Any:
    """number * plus / minus."""
    dtype = kind.dtype
    factors = list(plus)
    negative = bool(number == -1) and (plus or minus)
    if number != 1 and not negative:
        factors.insert(0, literal(number, dtype, kind.ndim))
    top = _joined(T.mul, factors, dtype) if factors else None
    if minus:
        bottom = _converted(_joined(T.mul, minus, dtype), dtype)
        value = T.inv(bottom) if top is None else T.true_div(top, bottom)
    else:
        value = literal(1, dtype, kind.ndim) if top is None else top
    return T.neg(_converted(value, dtype)) if negative else value


def rewritten_product(node: Any, found: _Terms, plus: list[Any], minus: list[Any], number: Any = None) -> Any:
    """number * plus / minus as what stands for `node`; the number is that of the constants unless given."""
    if number is None:
        number = quotient(found, node.outputs[0].type.dtype)
        if number is None:
            return None
    value = _product_of(plus, minus, number, node.outputs[0].type)
    return _of_shape(value, node, found)


@rule(*PRODUCTS, aliases=("local_mul_canonizer",), tags=("fast_compile", "nan_unsafe"))
def factors_that_cancel_disappear(node: Any) -> Any:
    """a * b / a -> b. Hides 0 / 0 and inf / inf. Floats only."""
    if node.outputs[0].type.dtype in DISCRETE or _nothing_to_cancel(node, PRODUCT) or inside_larger(node, PRODUCT):
        return None
    found = read_product(node)
    plus, minus, gone = _cancel(found.plus, found.minus)
    if not gone:
        return None
    number = quotient(found, node.outputs[0].type.dtype)
    return None if number is None else rewritten_product(node, found, plus, minus, number)


@rule(*PRODUCTS, aliases=("local_mul_canonizer", "local_inv_canon", "local_neg_to_mul"), tags=("fast_compile",))
def constants_of_a_product_combine(node: Any) -> Any:
    """2 * x * 3 -> 6 * x, x * 1 -> x, (-x) * (-y) -> x * y, (-x) * 2 -> -2 * x, x / 2 -> 0.5 * x, 1 / (1 / x) -> x.

    x / 3 stays as it is: multiplying by a rounded 1/3 would lose precision.
    """
    dtype = node.outputs[0].type.dtype
    if dtype in DISCRETE and row_name(node) != "mul":
        return None
    if _nothing_to_cancel(node, PRODUCT):
        numbers = [value for value in map(scalar_value, node.inputs) if value is not None]
        if len(numbers) < 2 and not any(abs(value) == 1 for value in numbers):
            return None
    if inside_larger(node, PRODUCT):
        return None
    found = read_product(node, PRODUCT if dtype not in DISCRETE else ("mul",))
    number = quotient(found, dtype)
    if number is None or number == 0 or not np.isfinite(number) or not _worth(node, found, number, dtype):
        return None
    return rewritten_product(node, found, found.plus, found.minus, number)


@rule(Row("mul"), aliases=("local_greedy_distributor",), tags=("nan_unsafe",))
def factors_move_into_quotients_where_they_cancel(node: Any) -> Any:
    """(a / x + b / y) * x * y -> a * y + b * x: the gradient of a cross-entropy divides by what may be 0 and multiplies
    by it again. Hides 0 / 0."""
    dtype = node.outputs[0].type.dtype
    if dtype not in FLOAT or inside_larger(node, PRODUCT):
        return None
    if all(of_row(v, *PRODUCT) is None for v in node.inputs):
        # A sum that is multiplied by something else that could cancel.
        if all(of_row(v, "add", "sub") is None for v in node.inputs):
            return None
        if sum(scalar_value(v) is None for v in node.inputs) < 2:
            return None
    found = read_product(node)
    for position, factor in enumerate(found.plus):
        total = of_row(factor, "add", "sub")
        if total is None or uses(factor) > 1 or factor.type.dtype != dtype:
            continue
        number = quotient(found, dtype)
        if number is None:
            return None
        terms = read_sum(total)
        others = [v for i, v in enumerate(found.plus) if i != position]
        parts = [_parts(v, dtype) for v in (*terms.plus, *terms.minus)]
        moving = [v for v in others if any(same(v, below) for part in parts for below in part.minus)]
        if not moving or terms.numbers or any(quotient(part, dtype) is None for part in parts):
            continue
        products = []
        for part in parts:
            plus, minus, _ = _cancel([*part.plus, *moving], part.minus)
            products.append(_product_of(plus, minus, quotient(part, dtype), node.outputs[0].type))
        count = len(terms.plus)
        inner = _sum_of(products[:count], products[count:], None, node.outputs[0].type)
        left = [v for v in others if not any(v is m for m in moving)]
        value = _product_of([*left, inner], found.minus, number, node.outputs[0].type)
        return _of_shape(value, node, found)
    return None


def _parts(variable: Any, dtype: str) -> _Terms:
    """A term as a product."""
    inner = of_row(variable, *PRODUCT)
    if inner is None or variable.type.dtype != dtype or uses(variable) > 1:
        return _Terms(plus=[variable])
    return read_product(inner)


def _worth(node: Any, found: _Terms, number: Any, dtype: str) -> bool:
    """Whether the product is simpler when written anew."""
    exact = _exact(found, dtype)
    if len(found.numbers) == 1 and found.numbers[0][1] and not exact:
        return False
    negative = bool(number == -1) and bool(found.plus or found.minus)
    factors = len(found.plus) + bool(number != 1 and not negative)
    operations = max(factors - 1, 0) + max(len(found.minus) - 1, 0) + bool(found.minus) + negative
    if operations < found.operations or len(found.numbers) > 1:
        return True
    # As many operations as before, but a constant that has gone, or moved from below to where it is cheaper.
    return bool(found.numbers) and bool(number == 1 or negative or found.numbers[0][1])


def _exact(found: _Terms, dtype: str) -> bool:
    """Whether every constant that divides is a power of two, so that multiplying by its inverse is exact."""
    if dtype not in FLOAT:
        return False
    for value, flip in found.numbers:
        if flip:
            mantissa, exponent = np.frexp(np.float64(value))
            if abs(mantissa) != 0.5 or not np.isfinite(value) or abs(int(exponent)) > 100:
                return False
    return True


@rule(Row("mul"), aliases=("local_mul_zero",), tags=("fast_compile", "nan_unsafe"))
def product_with_zero_becomes_zero(node: Any) -> Any:
    """0 * x -> 0. Hides 0 * inf and 0 * NaN."""
    if not any(value is not None and value == 0 for value in map(scalar_value, node.inputs)):
        return None
    return like(literal_like(0, node.outputs[0]), node)


@rule(Row("true_div"), Row("int_div"), aliases=("local_zero_div",), tags=("fast_compile", "nan_unsafe"))
def zero_over_x_becomes_zero(node: Any) -> Any:
    """0 / x -> 0. Hides 0 / 0."""
    value = scalar_value(node.inputs[0])
    if value is None or value != 0:
        return None
    return like(literal_like(0, node.outputs[0]), node)


@rule(Row("int_div"), aliases=("local_intdiv_by_one",), tags=("fast_compile",))
def integer_over_one_becomes_itself(node: Any) -> Any:
    """i // 1 -> i for integers."""
    if node.outputs[0].type.dtype not in DISCRETE or scalar_value(node.inputs[1]) != 1:
        return None
    return like(node.inputs[0], node)


@rule(Row("sub"), Row("xor"), aliases=("local_elemwise_sub_zeros", "local_useless_elemwise"), tags=("fast_compile",))
def integer_minus_itself_becomes_zero(node: Any) -> Any:
    """i - i -> 0 and i ^ i -> 0 for integers and bools, where that is exact."""
    a, b = (*node.inputs, None, None)[:2]
    if len(node.inputs) != 2 or not same(a, b) or node.outputs[0].type.dtype not in DISCRETE:
        return None
    return like(literal_like(0, node.outputs[0]), node)


@rule(Row("pow"), aliases=("local_pow_canonicalize",), tags=("fast_compile",))
def power_of_zero_or_one(node: Any) -> Any:
    """x ** 0 -> 1 and x ** 1 -> x, also for NaN, as pow has it."""
    value = scalar_value(node.inputs[1])
    if value is None:
        return None
    if value == 0:
        return like(literal_like(1, node.outputs[0]), node)
    return like(node.inputs[0], node) if value == 1 else None


@rule(Row("pow"), aliases=("local_pow_canonicalize",), tags=("fast_compile",))
def one_to_any_power_becomes_one(node: Any) -> Any:
    """1 ** x -> 1, also for NaN, as pow has it."""
    if scalar_value(node.inputs[0]) != 1 or node.outputs[0].type.dtype in COMPLEX:
        return None
    return like(literal_like(1, node.outputs[0]), node)


CANONICALIZE = (
    terms_that_cancel_disappear, factors_that_cancel_disappear, product_with_zero_becomes_zero,
    zero_over_x_becomes_zero, integer_minus_itself_becomes_zero, factors_move_into_quotients_where_they_cancel,
    constants_of_a_sum_combine, constants_of_a_product_combine, integer_over_one_becomes_itself,
    power_of_zero_or_one, one_to_any_power_becomes_one,
)
