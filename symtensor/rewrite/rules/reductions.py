"""Reductions: merged, freed of scalar factors and of axes that come and go, and cheaper kinds of them."""
from __future__ import annotations

from typing import Any

from symtensor import scalar as scal
from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import literal, of_row, row_name, scalar_value, uses
from symtensor.scalar.dtypes import COMPLEX, DISCRETE
from symtensor.tensor import math as T
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.elemwise import All, CAReduce, CAReduceDtype, DimShuffle, Prod, Sum
from symtensor.tensor.elemwise import Any as AnyOf
from symtensor.tensor.nnet.softmax import Softmax, SoftmaxWithBias
from symtensor.tensor.reductions import Argmax, MaxAndArgmax
from symtensor.tensor.shape_ops import shape_i_op

__all__ = ["CANONICALIZE", "SPECIALIZE", "STABILIZE", "UNCANONICALIZE", "USELESS"]

REDUCTIONS = (Sum, Prod, CAReduce, CAReduceDtype, All, AnyOf)


def _axes(node: Any) -> tuple[int, ...]:
    """The axes that a reduction goes over."""
    axis = node.op.axis
    return tuple(range(node.inputs[0].type.ndim)) if axis is None else tuple(axis)


def _over(op: Any, axes: tuple[int, ...], ndim: int) -> Any:
    """The same reduction over other axes; all of them are written as None."""
    if isinstance(op, CAReduceDtype):
        return op.rebuilt(None if len(axes) == ndim else axes, op.dtype, op.acc_dtype)
    changed = op.with_axis(axes)
    if len(axes) == ndim:
        changed.axis = None
    return changed


@rule(*REDUCTIONS, aliases=("local_sum_prod_all_to_none",))
def axes_that_are_all_are_written_as_none(node: Any) -> Any:
    """sum(m, axis=[0, 1]) -> sum(m), for a matrix."""
    ndim = node.inputs[0].type.ndim
    if node.op.axis is None or len(_axes(node)) != ndim or ndim == 0:
        return None
    return _over(node.op, _axes(node), ndim)(node.inputs[0])


@rule(*REDUCTIONS, aliases=("local_reduce_broadcastable", "local_useless_reduce", "local_cut_useless_reduce"),
      tags=("fast_compile",))
def reduction_of_axes_of_length_one_becomes_dimshuffle(node: Any) -> Any:
    """sum over an axis that is known to have length 1 (or over no axis) -> that axis is dropped."""
    (x,) = node.inputs
    axes = _axes(node)
    dropped = [axis for axis in axes if x.type.broadcastable[axis]]
    if not dropped and axes:
        return None
    out = node.outputs[0].type
    if type(node.op) in (All, AnyOf) and x.type.dtype != "bool":
        return None
    if dropped:
        kept = [axis for axis in range(x.type.ndim) if axis not in dropped]
        value = DimShuffle(x.type.broadcastable, kept)(x)
        left = tuple(kept.index(axis) for axis in axes if axis not in dropped)
    else:
        value, left = x, ()
    if left:
        return _over(node.op, left, value.type.ndim)(value)
    if value.type.dtype in COMPLEX and out.dtype not in COMPLEX:
        return None
    return value if value.type.dtype == out.dtype else T.cast(value, out.dtype)


@rule(Sum, Prod, CAReduce, aliases=("local_op_of_op",))
def reduction_of_reduction_becomes_one(node: Any) -> Any:
    """sum(sum(x, axis=1), axis=0) -> sum(x, axis=[0, 1]), for sums, products and extremes."""
    (x,) = node.inputs
    inner = x.owner
    if inner is None or type(inner.op) is not type(node.op) or uses(x) > 1:
        return None
    if node.op.scalar_op != inner.op.scalar_op or getattr(inner.op.scalar_op, "row_name", None) == "sub":
        return None
    for name in ("dtype", "acc_dtype", "no_zeros_in_input"):
        if getattr(node.op, name, None) != getattr(inner.op, name, None):
            return None
    if type(node.op) is CAReduce and getattr(node.op.scalar_op, "row_name", "") not in (
            "maximum", "minimum", "add", "mul", "and_", "or_", "xor"):
        return None
    source = inner.inputs[0]
    gone = _axes(inner)
    kept = [axis for axis in range(source.type.ndim) if axis not in gone]
    axes = tuple(sorted([*gone, *(kept[axis] for axis in _axes(node))]))
    if isinstance(node.op, CAReduceDtype) and node.op.acc_dtype != node.op.accumulator_dtype(source.type.dtype):
        return None
    return _over(node.op, axes, source.type.ndim)(source)


@rule(*REDUCTIONS)
def reduction_sees_through_axes(node: Any) -> Any:
    """sum(x.T, axis=0) -> sum(x, axis=1): axes are put in another order after reducing, if any are left."""
    (x,) = node.inputs
    if x.owner is None or type(x.owner.op) is not DimShuffle or type(node.op) in (All, AnyOf):
        return None
    source, order = x.owner.inputs[0], x.owner.op.new_order
    if x.owner.op.drop and not all(source.type.broadcastable[axis] for axis in x.owner.op.drop):
        return None
    axes = _axes(node)
    taken = [order[axis] for axis in axes if order[axis] != "x"]
    gone = tuple(sorted({*taken, *x.owner.op.drop}))
    if not gone or len(taken) != len(axes):
        return None
    reduced = _over(node.op, gone, source.type.ndim)(source)
    place = {axis: k for k, axis in enumerate(axis for axis in range(source.type.ndim) if axis not in gone)}
    after = ["x" if axis == "x" else place[axis] for k, axis in enumerate(order) if k not in axes]
    if after == list(range(reduced.type.ndim)):
        return reduced
    return DimShuffle(reduced.type.broadcastable, after)(reduced)


def _scalar_factors(variables: Any, axes: tuple[int, ...]) -> list[Any]:
    """Those of the operands that do not change along the axes."""
    return [v for v in variables if all(v.type.broadcastable[axis] for axis in axes)]


def _without(variable: Any, axes: tuple[int, ...]) -> Any:
    """A variable without axes of length 1."""
    kept = [axis for axis in range(variable.type.ndim) if axis not in axes]
    return DimShuffle(variable.type.broadcastable, kept)(variable)


@rule(Sum, aliases=("local_sum_prod_mul_by_scalar", "local_sum_prod_div_dimshuffle"), tags=("nan_unsafe",))
def factors_that_do_not_vary_leave_the_sum(node: Any) -> Any:
    """sum(a * x) -> a * sum(x), sum(x / a) -> sum(x) / a, for an a that does not change along the summed axes.
    What an infinite a times elements of both signs, or times none, gives is another NaN then."""
    (x,) = node.inputs
    inner = of_row(x, "mul", "true_div", "neg")
    axes = _axes(node)
    dtype = node.outputs[0].type.dtype
    if inner is None or uses(x) > 1 or not axes or dtype in DISCRETE or x.type.dtype != dtype:
        return None
    name = row_name(inner)
    if name == "neg":
        return T.neg(node.op(inner.inputs[0]))
    if name == "true_div":
        top, bottom = inner.inputs
        if not _scalar_factors([bottom], axes) or top.type.dtype != dtype or not _full(top, x, axes):
            return None
        return T.true_div(node.op(top), _without(bottom, axes))
    outside = _scalar_factors(inner.inputs, axes)
    inside = [v for v in inner.inputs if not any(v is o for o in outside)]
    if not outside or not inside:
        return None
    rest = T.mul(*inside) if len(inside) > 1 else inside[0]
    if rest.type.dtype != dtype or not _full(rest, x, axes):
        return None
    return T.mul(*[_without(v, axes) for v in outside], node.op(rest))


def _full(rest: Any, x: Any, axes: tuple[int, ...]) -> bool:
    """Whether what stays inside still has the lengths of the summed axes."""
    return all(rest.type.broadcastable[axis] == x.type.broadcastable[axis] for axis in axes)


@rule(Sum, Prod, aliases=("local_opt_alloc",))
def reduction_of_a_repeated_value_is_a_product(node: Any) -> Any:
    """sum(second(x, c)) -> c * x.size, prod(alloc(c, n)) -> c ** n, for a c that does not change along the axes."""
    (x,) = node.inputs
    inner, axes = x.owner, _axes(node)
    if inner is None or not axes:
        return None
    if type(inner.op) is Alloc:
        value, lengths = inner.inputs[0], inner.inputs[1:]
        lengths = [lengths[axis] for axis in axes]
    elif row_name(inner) == "second":
        model, value = inner.inputs
        if any(model.type.broadcastable[axis] != x.type.broadcastable[axis] for axis in axes):
            return None
        lengths = [shape_i_op(axis)(model) for axis in axes]
    else:
        return None
    missing = x.type.ndim - value.type.ndim
    value = DimShuffle(value.type.broadcastable, ["x"] * missing + list(range(value.type.ndim)))(value)
    if not all(value.type.broadcastable[axis] for axis in axes):
        return None
    out = node.outputs[0].type
    if out.dtype in DISCRETE and type(node.op) is Prod:
        return None
    count = lengths[0] if len(lengths) == 1 else T.mul(*lengths)
    reduced = _without(value, axes)
    if tuple(reduced.type.broadcastable) != tuple(out.broadcastable):
        return None
    reduced = reduced if reduced.type.dtype == out.dtype else T.cast(reduced, out.dtype)
    count = count if count.type.dtype == out.dtype else T.cast(count, out.dtype)
    known = scalar_value(reduced)
    if type(node.op) is Prod:
        return T.pow(reduced, count)
    if known is not None and known == 1 and reduced.type.ndim == 0:
        return count
    return T.mul(reduced, count)


@rule(MaxAndArgmax, aliases=("local_max_and_argmax",), tags=("fast_compile",))
def half_of_max_and_argmax_becomes_max_or_argmax(node: Any) -> Any:
    """Only the output that is used is computed."""
    largest, position = node.outputs
    if uses(largest) and not uses(position):
        axes = tuple(node.op.axis)
        reduce = CAReduce(scal.maximum, None if len(axes) == node.inputs[0].type.ndim else axes)
        return [reduce(node.inputs[0]), None]
    if uses(position) and not uses(largest):
        return [None, Argmax(node.op.axis)(node.inputs[0])]
    return None


@rule(Row("neg"), aliases=("local_max_to_min",))
def negative_of_largest_negative_becomes_smallest(node: Any) -> Any:
    """-max(-x) -> min(x) for floats."""
    (x,) = node.inputs
    reduce = x.owner
    if reduce is None or type(reduce.op) is not CAReduce or uses(x) > 1:
        return None
    if getattr(reduce.op.scalar_op, "row_name", None) != "maximum" or x.type.dtype in DISCRETE:
        return None
    inner = of_row(reduce.inputs[0], "neg")
    return None if inner is None else CAReduce(scal.minimum, reduce.op.axis)(inner.inputs[0])


@rule(Row("invert"), aliases=("local_max_to_min",))
def inverse_of_largest_inverse_becomes_smallest(node: Any) -> Any:
    """~max(~i) -> min(i) for integers."""
    (x,) = node.inputs
    reduce = x.owner
    if reduce is None or type(reduce.op) is not CAReduce or uses(x) > 1:
        return None
    if getattr(reduce.op.scalar_op, "row_name", None) != "maximum":
        return None
    inner = of_row(reduce.inputs[0], "invert")
    return None if inner is None else CAReduce(scal.minimum, reduce.op.axis)(inner.inputs[0])


@rule(Argmax, aliases=("local_argmax_pushdown",), tags=("nan_unsafe",))
def argmax_of_softmax_becomes_argmax(node: Any) -> Any:
    """argmax(softmax(x), axis=1) -> argmax(x, axis=1): softmax keeps the order within a row. A row with an infinity has
    a softmax of NaN, but an argmax of its own."""
    x = node.inputs[0]
    inner = x.owner
    if inner is None or node.op.axis != (1,):
        return None
    if type(inner.op) is Softmax and inner.inputs[0].type.ndim == 2:
        return node.op(inner.inputs[0])
    if type(inner.op) is SoftmaxWithBias:
        matrix, bias = inner.inputs
        return node.op(T.add(matrix, DimShuffle(bias.type.broadcastable, ("x", 0))(bias)))
    return None


@rule(Row("log"), aliases=("local_log_sum_exp",))
def log_of_sum_of_exp_becomes_stable(node: Any) -> Any:
    """log(sum(exp(x))) -> m + log(sum(exp(x - m))) with m the largest x (0 where that is infinite)."""
    from_axes, reduced = None, node.inputs[0]
    if reduced.owner is not None and type(reduced.owner.op) is DimShuffle:
        from_axes, reduced = reduced.owner.op, reduced.owner.inputs[0]
    total = reduced.owner
    if total is None or type(total.op) is not Sum:
        return None
    exp = of_row(total.inputs[0], "exp")
    if exp is None or exp.inputs[0].type.dtype not in ("float16", "float32", "float64"):
        return None
    x, axes = exp.inputs[0], _axes(total)
    if reduced.type.dtype != x.type.dtype or not axes or _already_shifted(x):
        return None
    largest = CAReduce(scal.maximum, total.op.axis)(x)
    shift = T.switch(T.isinf_(largest), literal(0, x.type.dtype, largest.type.ndim), largest)
    kept = iter(range(shift.type.ndim))
    spread = DimShuffle(shift.type.broadcastable, ["x" if axis in axes else next(kept) for axis in range(x.type.ndim)])
    value = T.add(shift, T.log(total.op(T.exp(T.sub(x, spread(shift))))))
    if from_axes is not None:
        value = DimShuffle(value.type.broadcastable, from_axes.new_order)(value)
    return value if value.type == node.outputs[0].type else None


def _already_shifted(x: Any) -> bool:
    """Whether x is a difference from a maximum."""
    inner = of_row(x, "sub")
    if inner is None:
        return False
    below = inner.inputs[1]
    while below.owner is not None and (type(below.owner.op) is DimShuffle or row_name(below.owner) == "switch"):
        below = below.owner.inputs[-1]
    return below.owner is not None and isinstance(below.owner.op, (CAReduce, MaxAndArgmax))


USELESS = (reduction_of_axes_of_length_one_becomes_dimshuffle,)
CANONICALIZE = (
    axes_that_are_all_are_written_as_none, reduction_of_axes_of_length_one_becomes_dimshuffle,
    reduction_of_reduction_becomes_one, reduction_sees_through_axes, factors_that_do_not_vary_leave_the_sum,
)
STABILIZE = (log_of_sum_of_exp_becomes_stable,)
SPECIALIZE = (reduction_of_a_repeated_value_is_a_product, argmax_of_softmax_becomes_argmax)
UNCANONICALIZE = (
    half_of_max_and_argmax_becomes_max_or_argmax, argmax_of_softmax_becomes_argmax,
    negative_of_largest_negative_becomes_smallest, inverse_of_largest_inverse_becomes_smallest,
)
