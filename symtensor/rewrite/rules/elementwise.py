"""Elementwise operations that do nothing, that repeat themselves, or whose value is known.

Conversions that lose nothing are seen through; `second` (fill) and `alloc` move outwards until something else gives the
shape. Comparisons of a float with itself are kept: they are how programs ask for NaN.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.rewrite.dispatch import Row, row_of
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import (
    cast_source,
    covers,
    is_cast,
    like,
    literal_like,
    of_row,
    row_name,
    same,
    scalar_value,
    shaped,
)
from symtensor.scalar.dtypes import COMPLEX, DISCRETE, FLOAT, INTEGER
from symtensor.scalar.table import ROWS
from symtensor.tensor import math as T
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.shape_ops import Shape_i

__all__ = ["CANONICALIZE", "SPECIALIZE", "USELESS"]


@rule(Row("identity"), aliases=("remove_tensor_copy", "local_useless_elemwise"), tags=("fast_compile",))
def copy_becomes_itself(node: Any) -> Any:
    """A copy of a value is that value: nothing in a graph writes to it."""
    return node.inputs[0]


@rule(Row("add"), Row("mul"), Row("maximum"), Row("minimum"), Row("or_"), Row("and_"), Row("xor"),
      aliases=("local_useless_elemwise",), tags=("fast_compile",))
def operation_on_one_operand_becomes_it(node: Any) -> Any:
    """add(x) -> x."""
    return like(node.inputs[0], node) if len(node.inputs) == 1 else None


@rule(Row("second"), aliases=("local_useless_fill",), tags=("fast_compile",))
def fill_of_full_shape_becomes_its_value(node: Any) -> Any:
    """second(a, b) -> b where b has all the axes of a."""
    value = node.inputs[1]
    return value if value.type == node.outputs[0].type else None


def _plain_value(variable: Any) -> Any:
    """What a fill or an alloc is filled with, brought to its rank; None for anything else."""
    node = variable.owner
    if node is None:
        return None
    if type(node.op) is Alloc:
        value = node.inputs[0]
        missing = variable.type.ndim - value.type.ndim
        if missing:
            return DimShuffle(value.type.broadcastable, ["x"] * missing + list(range(value.type.ndim)))(value)
        return value
    return node.inputs[1] if row_name(node) == "second" else None


@rule(Elemwise, aliases=("local_fill_sink", "local_elemwise_alloc"), tags=("shape_unsafe",))
def fill_moves_out_of_arithmetic(node: Any) -> Any:
    """second(a, b) * c -> b * c where c has the shape, else second(a, b * c); the same for alloc.

    That a and c have the same lengths is not checked any more, as in Theano.
    """
    if row_of(node.op) is None and not is_cast(node) or row_name(node) == "second":
        return None
    fills = [_plain_value(v) for v in node.inputs]
    if all(f is None for f in fills):
        return None
    out = node.outputs[0].type
    inner = node.op(*[v if f is None else f for v, f in zip(node.inputs, fills)])
    if inner.type == out:
        return inner
    filled = [v.owner for v, f in zip(node.inputs, fills) if f is not None]
    for fill in filled:
        if tuple(fill.outputs[0].type.broadcastable) == tuple(out.broadcastable):
            if type(fill.op) is Alloc:
                return fill.op(inner, *fill.inputs[1:])
            if fill.inputs[0].type.broadcastable == fill.outputs[0].type.broadcastable:
                return T.second(fill.inputs[0], inner)
    return shaped(inner, [fill.outputs[0] for fill in filled], out)


@rule(Row("second"), aliases=("local_fill_sink",))
def fill_of_fill_becomes_one(node: Any) -> Any:
    """second(second(a, b), c) -> second(a, c); second(a, second(b, c)) -> second(a, c) where a has the shape."""
    model, value = node.inputs
    outer = model.owner
    if outer is not None and row_name(outer) == "second":
        source = outer.inputs[0]
        if tuple(source.type.broadcastable) == tuple(model.type.broadcastable):
            return T.second(source, value)
    inner = value.owner
    if inner is not None and row_name(inner) == "second":
        deeper = inner.inputs[1]
        if covers([model, deeper], node.outputs[0].type.broadcastable):
            return T.second(model, deeper)
    return None


# -- conversions -------------------------------------------------------------------------------------------------------


def lossless(source: str, target: str) -> bool:
    """Whether a conversion keeps every value of a dtype apart and exact."""
    if source in ("int64", "uint64") and target not in DISCRETE:
        return False  # NumPy calls it safe, but beyond 2**53 it rounds
    return bool(np.can_cast(source, target, "safe"))


@rule(Elemwise, aliases=("local_cast_cast", "local_useless_elemwise"), tags=("fast_compile",))
def conversions_in_a_row_become_one(node: Any) -> Any:
    """cast(cast(x)) -> cast(x) where the inner conversion loses nothing; a conversion to the same dtype disappears."""
    if not is_cast(node):
        return None
    (x,) = node.inputs
    target = node.outputs[0].type.dtype
    if x.type.dtype == target:
        return x
    source = cast_source(x)
    if source is None or not lossless(source.type.dtype, x.type.dtype):
        return None
    if source.type.dtype in COMPLEX and target not in COMPLEX:
        return None
    return T.cast(source, target)


# -- operands that are equal -------------------------------------------------------------------------------------------


@rule(Row("maximum"), Row("minimum"), Row("and_"), Row("or_"), aliases=("local_useless_elemwise",))
def idempotent_operation_on_equal_operands(node: Any) -> Any:
    """maximum(x, x) -> x, x & x -> x."""
    first = node.inputs[0]
    return like(first, node) if all(same(first, v) for v in node.inputs[1:]) and len(node.inputs) > 1 else None


@rule(Row("lt"), Row("gt"), Row("le"), Row("ge"), Row("eq"), Row("neq"),
      aliases=("local_useless_elemwise_comparison", "local_useless_elemwise"))
def comparison_with_itself_is_known(node: Any) -> Any:
    """x < x -> False; for integers also x <= x -> True. A float may be NaN: then x == x is a question."""
    a, b = node.inputs
    if not same(a, b):
        return None
    name = row_name(node)
    if name not in ("lt", "gt") and a.type.dtype not in DISCRETE:
        return None
    return like(literal_like(name in ("le", "ge", "eq"), node.outputs[0]), node)


def nonnegative(variable: Any, depth: int = 8) -> bool:
    """Whether an integer is known not to be negative: a length, or sums, products and maxima of such."""
    value = scalar_value(variable)
    if value is not None:
        return bool(value >= 0)
    if variable.type.dtype.startswith(("uint", "bool")):
        return True
    node = variable.owner
    if node is None or depth == 0:
        return False
    if type(node.op) is Shape_i:
        return True
    if type(node.op) is DimShuffle or is_cast(node) and node.inputs[0].type.dtype in INTEGER:
        return nonnegative(node.inputs[0], depth - 1) and variable.type.dtype == "int64"
    name = row_name(node)
    if variable.type.dtype != "int64":
        return False
    if name == "maximum":
        return any(nonnegative(v, depth - 1) for v in node.inputs)
    if name == "switch":
        return all(nonnegative(v, depth - 1) for v in node.inputs[1:])
    return name in ("add", "mul", "minimum") and all(nonnegative(v, depth - 1) for v in node.inputs)


@rule(Row("lt"), Row("ge"), Row("gt"), Row("le"), aliases=("local_useless_elemwise_comparison",),
      tags=("fast_compile",))
def comparison_of_length_with_zero_is_known(node: Any) -> Any:
    """shape[0] < 0 -> False, shape[0] >= 0 -> True."""
    name, (a, b) = row_name(node), node.inputs
    if name in ("gt", "le"):
        name, a, b = {"gt": "lt", "le": "ge"}[name], b, a
    bound = scalar_value(b)
    if bound is None or bound > 0 or b.type.dtype not in INTEGER or not nonnegative(a):
        return None
    return like(literal_like(name == "ge", node.outputs[0]), node)


@rule(Row("maximum"), Row("minimum"), aliases=("local_useless_elemwise_comparison",))
def length_against_zero_is_known(node: Any) -> Any:
    """maximum(shape[0], 0) -> shape[0], minimum(shape[0], 0) -> 0."""
    if len(node.inputs) != 2 or node.outputs[0].type.dtype not in INTEGER:
        return None
    for a, b in (node.inputs, node.inputs[::-1]):
        if scalar_value(b) == 0 and nonnegative(a):
            return like(a if row_name(node) == "maximum" else literal_like(0, node.outputs[0]), node)
    return None


@rule(Row("and_"), Row("or_"), Row("xor"), aliases=("local_useless_elemwise",))
def bits_with_a_neutral_or_absorbing_number(node: Any) -> Any:
    """x & 0 -> 0, x | 0 -> x, x & True -> x, x | True -> True, x ^ 0 -> x."""
    if len(node.inputs) != 2:
        return None
    dtype = node.outputs[0].type.dtype
    if dtype not in DISCRETE:
        return None
    row = ROWS[row_name(node) or ""]
    identity = None if row.identity is None else np.array(row.identity).astype(dtype)
    absorber = None if row.absorber is None else np.array(row.absorber).astype(dtype)
    for x, other in (node.inputs, node.inputs[::-1]):
        value = scalar_value(other)
        if value is None:
            continue
        value = np.asarray(value).astype(dtype)
        if absorber is not None and value == absorber:
            return like(literal_like(absorber, node.outputs[0]), node)
        if identity is not None and value == identity:
            return like(x, node)
    return None


# -- switch ------------------------------------------------------------------------------------------------------------


@rule(Row("switch"), aliases=("local_useless_switch", "local_remove_switch_const_cond"), tags=("fast_compile",))
def switch_with_known_outcome_becomes_it(node: Any) -> Any:
    """switch(True, a, b) -> a, switch(c, a, a) -> a."""
    condition, then, otherwise = node.inputs
    value = scalar_value(condition)
    if value is not None:
        return like(then if value != 0 else otherwise, node)
    return like(then, node) if same(then, otherwise) else None


@rule(Row("switch"), aliases=("local_useless_switch",))
def switch_on_negated_condition_swaps(node: Any) -> Any:
    """switch(not c, a, b) -> switch(c, b, a) for a bool c."""
    inner = of_row(node.inputs[0], "invert")
    if inner is None or inner.inputs[0].type.dtype != "bool":
        return None
    return T.switch(inner.inputs[0], node.inputs[2], node.inputs[1])


@rule(Row("mul"), Row("true_div"), aliases=("local_mul_switch_sink", "local_div_switch_sink"), tags=("nan_unsafe",))
def factor_moves_into_switch_with_zero(node: Any) -> Any:
    """switch(c, a, 0) * b -> switch(c, a * b, 0): what the gradient of a switch makes must not become NaN where the
    branch was not taken."""
    name = row_name(node)
    for i, variable in enumerate(node.inputs):
        if name == "true_div" and i > 0:
            break
        inner = of_row(variable, "switch")
        if inner is None or len(getattr(variable, "clients", (0,))) > 1:
            continue
        condition, then, otherwise = inner.inputs
        zero_then, zero_otherwise = scalar_value(then) == 0, scalar_value(otherwise) == 0
        if zero_then == zero_otherwise:
            continue
        others = [v for j, v in enumerate(node.inputs) if j != i]
        branch = otherwise if zero_then else then
        moved = T.true_div(branch, others[0]) if name == "true_div" else T.mul(branch, *others)
        zero = literal_like(0, node.outputs[0])
        return like(T.switch(condition, zero, moved) if zero_then else T.switch(condition, moved, zero), node)
    return None


@rule(Row("add"), Row("sub"), Row("mul"), Row("true_div"), Row("maximum"), Row("minimum"),
      aliases=("local_merge_switch_same_cond",))
def switches_on_the_same_condition_become_one(node: Any) -> Any:
    """switch(c, a, b) + switch(c, d, e) -> switch(c, a + d, b + e)."""
    inner = [of_row(v, "switch") for v in node.inputs]
    if len(inner) < 2 or any(n is None for n in inner):
        return None
    condition = inner[0].inputs[0]
    if not all(same(condition, n.inputs[0]) for n in inner[1:]) or row_name(node) == "mul" and len(inner) > 4:
        return None
    if any(len(getattr(v, "clients", (0,))) > 1 for v in node.inputs):
        return None
    if any(n.outputs[0].type.dtype != branch.type.dtype and scalar_value(branch) is None
           for n in inner for branch in n.inputs[1:]):
        return None  # the branches' own promotion may differ from the switch's
    then, otherwise = node.op(*[n.inputs[1] for n in inner]), node.op(*[n.inputs[2] for n in inner])
    return like(T.switch(condition, then, otherwise), node)


# -- pairs that undo each other ----------------------------------------------------------------------------------------

# outer(inner(x)) is x: on all numbers that inner takes ...
_INVERSE = {
    ("log", "exp"), ("log2", "exp2"), ("log1p", "expm1"), ("deg2rad", "rad2deg"), ("rad2deg", "deg2rad"),
    ("sinh", "arcsinh"), ("arcsinh", "sinh"), ("tan", "arctan"), ("arctanh", "tanh"), ("conj", "conj"),
    ("erfinv", "erf"), ("invert", "invert"),
}
# ... or where inner is not NaN.
_INVERSE_ON_DOMAIN = {("cosh", "arccosh"), ("tanh", "arctanh")}


def _undone(node: Any, pairs: set[tuple[str, str]]) -> Any:
    inner = node.inputs[0].owner
    if inner is None:
        return None
    name = row_name(inner)
    if name is None or (row_name(node), name) not in pairs:
        return None
    x = inner.inputs[0]
    if x.type.dtype in COMPLEX and name != "conj":
        return None
    return like(x, node) if x.type.dtype in DISCRETE or x.type.dtype == node.outputs[0].type.dtype else None


@rule(*(Row(outer) for outer, _ in sorted(_INVERSE)), aliases=("local_func_inv",))
def function_of_its_inverse_becomes_the_argument(node: Any) -> Any:
    """log(exp(x)) -> x, also where exp overflows."""
    return _undone(node, _INVERSE)


@rule(*(Row(outer) for outer, _ in sorted(_INVERSE_ON_DOMAIN)), aliases=("local_func_inv",), tags=("nan_unsafe",))
def function_of_its_partial_inverse_becomes_the_argument(node: Any) -> Any:
    """cosh(arccosh(x)) -> x. Hides the NaN outside the domain."""
    return _undone(node, _INVERSE_ON_DOMAIN)


@rule(Row("sqrt"), aliases=("local_func_inv",))
def root_of_square_becomes_absolute_value(node: Any) -> Any:
    """sqrt(sqr(x)) -> |x| for real floats, also where the square overflows."""
    inner = of_row(node.inputs[0], "sqr")
    if inner is None or inner.inputs[0].type.dtype not in FLOAT:
        return None
    return T.abs_(inner.inputs[0])


@rule(Row("abs_"), aliases=("local_abs_lift", "local_abs_merge"))
def absolute_value_of_what_has_no_sign(node: Any) -> Any:
    """|(|x|)| -> |x|, |-x| -> |x|, |exp(x)| -> exp(x), |sqr(x)| -> sqr(x) for floats."""
    (x,) = node.inputs
    if x.type.dtype in COMPLEX:
        return None
    inner = of_row(x, "abs_", "neg", "exp", "exp2", "sqr", "sqrt", "sigmoid", "softplus", "cosh")
    if inner is None:
        return x if x.type.dtype.startswith(("uint", "bool")) else None
    name = row_name(inner)
    if name == "neg":
        return T.abs_(inner.inputs[0])
    if x.type.dtype in DISCRETE or inner.inputs[0].type.dtype in COMPLEX:
        return None  # the absolute value of the smallest integer is negative
    return x


@rule(Row("clip"), aliases=("local_useless_elemwise",))
def clip_without_bounds_becomes_itself(node: Any) -> Any:
    """clip(x, -inf, inf) -> x."""
    x, low, high = node.inputs
    if scalar_value(low) != -np.inf or scalar_value(high) != np.inf:
        return None
    return like(x, node)


# -- merging and shortcuts for speed -----------------------------------------------------------------------------------


@rule(Row("mul"), Row("true_div"), aliases=("local_abs_merge",))
def product_of_absolute_values_becomes_one(node: Any) -> Any:
    """|a| * |b| -> |a * b|, |a| / |b| -> |a / b|."""
    inner = [of_row(v, "abs_") for v in node.inputs]
    if any(n is None for n in inner) or len(inner) < 2:
        return None
    operands = [n.inputs[0] for n in inner]
    if any(v.type.dtype not in FLOAT or v.type.dtype != node.outputs[0].type.dtype for v in operands):
        return None
    if any(len(getattr(v, "clients", (0,))) > 1 for v in node.inputs):
        return None
    return T.abs_(node.op(*operands))


@rule(Elemwise, aliases=("local_upcast_elemwise_constant_inputs",))
def constants_take_the_dtype_of_the_operation(node: Any) -> Any:
    """x + int8(1) -> x + float64(1): one constant for all its uses, and no conversion. Exact, since the operation
    computes in that dtype anyway."""
    row = row_of(node.op)
    if row is None or len(node.inputs) < 2 or row.name in ("switch", "second"):
        return None
    if all(v.type.dtype == node.outputs[0].type.dtype for v in node.inputs):
        return None
    values = [scalar_value(v) for v in node.inputs]
    if all(value is None for value in values):
        return None
    dtypes = ROWS[row.name].operand_dtypes(tuple(v.type.dtype for v in node.inputs), node.outputs[0].type.dtype)
    inputs = list(node.inputs)
    for i, (v, value, dtype) in enumerate(zip(node.inputs, values, dtypes)):
        if value is None or v.type.dtype == dtype or dtype in COMPLEX:
            continue
        inputs[i] = literal_like(value, _Typed(dtype, v.type.ndim))
    if all(a is b for a, b in zip(inputs, node.inputs)):
        return None
    return node.op(*inputs)


class _Typed:
    """Something with a type, for `literal_like`."""

    def __init__(self, dtype: str, ndim: int) -> None:
        self.type = self
        self.dtype = dtype
        self.ndim = ndim


USELESS = (
    copy_becomes_itself, operation_on_one_operand_becomes_it, fill_of_full_shape_becomes_its_value,
    switch_with_known_outcome_becomes_it, conversions_in_a_row_become_one,
)
CANONICALIZE = (
    *USELESS, constants_take_the_dtype_of_the_operation, fill_of_fill_becomes_one, fill_moves_out_of_arithmetic,
    idempotent_operation_on_equal_operands, comparison_with_itself_is_known,
    comparison_of_length_with_zero_is_known, length_against_zero_is_known, bits_with_a_neutral_or_absorbing_number,
    switch_on_negated_condition_swaps, factor_moves_into_switch_with_zero,
    switches_on_the_same_condition_become_one, function_of_its_inverse_becomes_the_argument,
    function_of_its_partial_inverse_becomes_the_argument, root_of_square_becomes_absolute_value,
    absolute_value_of_what_has_no_sign, clip_without_bounds_becomes_itself,
)
SPECIALIZE = (product_of_absolute_values_becomes_one, constants_take_the_dtype_of_the_operation)

