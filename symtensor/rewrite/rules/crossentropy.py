"""Softmax and what is taken of it: logarithms, likelihoods of known classes, and their gradients, in stable forms.

    log(softmax(x))                                  logsoftmax(x)
    log(softmax(x))[arange(n), y]                    -CrossentropySoftmaxArgmax1HotWithBias(x, 0, y)[0]
    -log of CrossentropyCategorical1Hot(softmax, y)  the same, with the bias taken out of a sum
    the gradients of these                           CrossentropySoftmax1HotWithBiasDx

The ops check that there are as many classes as rows and that classes are not negative; indexing would have counted
negative ones from the end.
"""
from __future__ import annotations

from typing import Any

from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import literal, of_row, row_name, same, scalar_value, uses
from symtensor.scalar.dtypes import INTEGER
from symtensor.tensor import math as T
from symtensor.tensor.advanced_indexing import AdvancedIncSubtensor, AdvancedSubtensor, AdvancedSubtensor1
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.elemwise import DimShuffle, Sum
from symtensor.tensor.nnet.crossentropy import (
    CrossentropyCategorical1Hot,
    CrossentropyCategorical1HotGrad,
    CrossentropySoftmax1HotWithBiasDx,
    CrossentropySoftmaxArgmax1HotWithBias,
    crossentropy_softmax_1hot_with_bias_dx,
    crossentropy_softmax_argmax_1hot_with_bias,
)
from symtensor.tensor.nnet.softmax import LogSoftmax, Softmax, SoftmaxGrad, SoftmaxWithBias, logsoftmax_op
from symtensor.tensor.ranges import ARange
from symtensor.tensor.shape_ops import Reshape, Shape_i, shape_i_op
from symtensor.tensor.subtensor import Subtensor

__all__ = ["SPECIALIZE", "STABILIZE", "UNCANONICALIZE"]

_FLOATS = ("float16", "float32", "float64")


def _is(variable: Any, *classes: type) -> bool:
    return variable.owner is not None and type(variable.owner.op) in classes


def _scores_and_bias(x: Any) -> tuple[Any, Any]:
    """A matrix as scores plus a row of biases, where it is such a sum; else with a bias of zeros."""
    total = of_row(x, "add")
    if total is not None and len(total.inputs) == 2:
        for scores, row in (total.inputs, total.inputs[::-1]):
            if _is(row, DimShuffle) and row.owner.op.new_order == ("x", 0) and scores.type == x.type:
                bias = row.owner.inputs[0]
                if bias.type.dtype in _FLOATS and not bias.type.broadcastable[0]:
                    return scores, bias
    zero = literal(0, x.type.dtype)
    return x, Alloc()(zero, shape_i_op(1)(x))


def _softmax_input(sm: Any) -> tuple[Any, Any] | None:
    """(scores, bias) of what is the softmax of something, else None."""
    if _is(sm, Softmax):
        return _scores_and_bias(sm.owner.inputs[0])
    if _is(sm, SoftmaxWithBias):
        return tuple(sm.owner.inputs)
    return None


_PARTS = (DimShuffle, Reshape, Subtensor, AdvancedSubtensor, AdvancedSubtensor1)


@rule(Row("log"), aliases=("local_logsoftmax",))
def log_of_softmax_becomes_logsoftmax(node: Any) -> Any:
    """log(softmax(x)) -> logsoftmax(x), also of parts of it: log(softmax(x)[i]) -> logsoftmax(x)[i]."""
    sm, parts = node.inputs[0], []
    while _is(sm, *_PARTS):
        parts.append(sm.owner)
        sm = sm.owner.inputs[0]
    if _is(sm, Softmax):
        value = logsoftmax_op(sm.owner.inputs[0])
    elif _is(sm, SoftmaxWithBias):
        scores, bias = sm.owner.inputs
        value = logsoftmax_op(T.add(scores, DimShuffle(bias.type.broadcastable, ("x", 0))(bias)))
    else:
        return None
    for part in reversed(parts):
        value = part.op(value, *part.inputs[1:])
    return value


# -- likelihoods -------------------------------------------------------------------------------------------------------


@rule(CrossentropyCategorical1Hot, aliases=("crossentropy_to_crossentropy_with_softmax_with_bias",
                                            "crossentropy_to_crossentropy_with_softmax"))
def crossentropy_of_softmax_becomes_one_operation(node: Any) -> Any:
    """crossentropy_categorical_1hot(softmax(x), y) -> crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[0]."""
    sm, y = node.inputs
    found = _softmax_input(sm)
    if found is None or y.type.dtype not in INTEGER:
        return None
    return crossentropy_softmax_argmax_1hot_with_bias(*found, y)[0]


def _counts(variable: Any, labels: Any, rows_of: Any) -> bool:
    """Whether a variable is arange(n) with n the number of labels, or of rows."""
    if not _is(variable, ARange):
        return False
    start, stop, step = variable.owner.inputs
    if scalar_value(start) != 0 or scalar_value(step) != 1:
        return False
    while stop.owner is not None and _is_int_cast(stop.owner):
        stop = stop.owner.inputs[0]
    return _is(stop, Shape_i) and stop.owner.op.i == 0 and (
        same(stop.owner.inputs[0], labels) or _same_rows(stop.owner.inputs[0], rows_of))


def _is_int_cast(node: Any) -> bool:
    scalar_op = getattr(node.op, "scalar_op", None)
    return type(scalar_op).__name__ == "Cast" and node.outputs[0].type.dtype == "int64"


def _same_rows(a: Any, b: Any) -> bool:
    """Whether two matrices have as many rows: one is a sum, softmax or logarithm of the other."""
    for _ in range(6):
        if same(a, b):
            return True
        if b.owner is None or not (_is(b, Softmax, SoftmaxWithBias, LogSoftmax) or row_name(b.owner) is not None):
            return False
        full = [v for v in b.owner.inputs if tuple(v.type.broadcastable) == tuple(b.type.broadcastable)]
        if not full:
            return False
        b = full[0]
    return False


@rule(AdvancedSubtensor, aliases=("local_advanced_indexing_crossentropy_onehot",), tags=("shape_unsafe",))
def log_softmax_at_classes_becomes_crossentropy(node: Any) -> Any:
    """log(softmax(x))[arange(n), y] -> -crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[0]."""
    if len(node.inputs) != 3:
        return None
    logs, rows, labels = node.inputs
    if not hasattr(labels.type, "dtype") or labels.type.dtype not in INTEGER or labels.type.ndim != 1:
        return None
    if _is(logs, LogSoftmax):
        matrix = logs.owner.inputs[0]
        found = _scores_and_bias(matrix)
    elif of_row(logs, "log") is not None and _softmax_input(logs.owner.inputs[0]) is not None:
        matrix, found = logs, _softmax_input(logs.owner.inputs[0])  # type: ignore[assignment]
    else:
        return None
    if uses(logs) > 1 and not _only_shapes(logs, node):
        return None
    if not _counts(rows, labels, matrix):
        return None
    value = T.neg(crossentropy_softmax_argmax_1hot_with_bias(*found, labels)[0])
    return value if value.type == node.outputs[0].type else None


def _only_shapes(variable: Any, node: Any) -> bool:
    """Whether everything but `node` asks a variable only for its shape (fills and lengths)."""
    for user, position in variable.clients:
        if user is node:
            continue
        if user == "output":
            return False
        if not (type(user.op) is Shape_i or row_name(user) == "second" and position == 0):
            return False
    return True


# -- gradients ---------------------------------------------------------------------------------------------------------


@rule(SoftmaxGrad, aliases=("local_softmax_grad_to_crossentropy_with_softmax_grad",))
def gradient_of_crossentropy_of_softmax_becomes_one_operation(node: Any) -> Any:
    """softmax_grad(crossentropy_categorical_1hot_grad(g, sm, y), sm) -> softmax_1hot_with_bias_dx(g, sm, y)."""
    dy, sm = node.inputs
    if not _is(dy, CrossentropyCategorical1HotGrad):
        return None
    g, coding, y = dy.owner.inputs
    if coding is not sm or g.type.ndim != 1:
        return None
    return crossentropy_softmax_1hot_with_bias_dx(g, sm, y)


def _factors(variable: Any) -> tuple[list[Any], list[Any], int]:
    """A product as (factors above, factors below, number of sign changes)."""
    above: list[Any] = []
    below: list[Any] = []
    signs = 0
    stack = [(variable, False)]
    while stack:
        v, flip = stack.pop()
        inner = of_row(v, "mul", "true_div", "neg", "inv")
        if inner is None:
            (below if flip else above).append(v)
        elif row_name(inner) == "mul":
            stack.extend((w, flip) for w in reversed(inner.inputs))
        elif row_name(inner) == "neg":
            signs += 1
            stack.append((inner.inputs[0], flip))
        elif row_name(inner) == "inv":
            stack.append((inner.inputs[0], not flip))
        else:
            stack.append((inner.inputs[1], not flip))
            stack.append((inner.inputs[0], flip))
    return above, below, signs


@rule(SoftmaxGrad, aliases=("local_advanced_indexing_crossentropy_onehot_grad",), tags=("shape_unsafe", "nan_unsafe"))
def gradient_of_log_softmax_at_classes_becomes_one_operation(node: Any) -> Any:
    """softmax_grad(inc_subtensor(zeros[arange(n), y], g) / sm, sm) -> softmax_1hot_with_bias_dx(-g, sm, y), and
    the same for inc_subtensor(zeros[arange(n), y], g / sm[arange(n), y]).

    Never divides by a probability that is 0.
    """
    dy, sm = node.inputs
    above, below, signs = _factors(dy)
    divided = any(v is sm for v in below)
    hot = next((v for v in above if _is(v, AdvancedIncSubtensor) and len(v.owner.inputs) == 4), None)
    if hot is None or hot.owner.op.set_instead_of_inc or not _zero(hot.owner.inputs[0]):
        return None
    _, g, rows, labels = hot.owner.inputs
    if not hasattr(labels.type, "dtype") or labels.type.dtype not in INTEGER or labels.type.ndim != 1:
        return None
    if not _counts(rows, labels, sm) or g.type.ndim > 1:
        return None
    rest = [v for v in above if v is not hot] + [T.inv(v) for v in below if v is not sm]
    if not divided:
        g = _without_quotient(g, sm, rows, labels)
        if g is None:
            return None
    if any(not all(v.type.broadcastable) or v.type.dtype != sm.type.dtype for v in rest):
        return None
    rest = [DimShuffle(v.type.broadcastable, ())(v) if v.type.ndim else v for v in rest]
    if g.type.ndim == 1 and g.type.broadcastable[0]:
        g = DimShuffle(g.type.broadcastable, ())(g)
    value = T.mul(g, *rest) if rest else g
    if signs % 2 == 0:
        value = T.neg(value)
    return crossentropy_softmax_1hot_with_bias_dx(value, sm, labels)


def _without_quotient(g: Any, sm: Any, rows: Any, labels: Any) -> Any:
    """c for a g that is c / sm[rows, labels]; else None."""
    while g.owner is not None and row_name(g.owner) == "second":
        g = g.owner.inputs[1]
    quotient = of_row(g, "true_div", "inv", "neg", "mul")
    if quotient is None:
        return None
    above, below, signs = _factors(g)
    read = next((v for v in below if _is(v, AdvancedSubtensor) and v.owner.inputs[0] is sm), None)
    if read is None or len(read.owner.inputs) != 3 or not same(read.owner.inputs[2], labels):
        return None
    if not same(read.owner.inputs[1], rows) and not _counts(read.owner.inputs[1], labels, sm):
        return None
    above += [T.inv(v) for v in below if v is not read]
    value = literal(1, sm.type.dtype) if not above else T.mul(*above) if len(above) > 1 else above[0]
    if value.type.dtype != sm.type.dtype or value.type.ndim > 1:
        return None
    return T.neg(value) if signs % 2 else value


def _zero(variable: Any) -> bool:
    """Whether a variable is filled with 0."""
    while variable.owner is not None:
        if _is(variable, Alloc):
            variable = variable.owner.inputs[0]
        elif row_name(variable.owner) == "second":
            variable = variable.owner.inputs[1]
        else:
            break
    value = scalar_value(variable)
    return value is not None and bool(value == 0)


@rule(SoftmaxGrad, aliases=("local_logsoftmax_grad",), tags=("nan_unsafe",))
def gradient_of_log_softmax_does_not_divide(node: Any) -> Any:
    """softmax_grad(g / sm, sm) -> g - sum(g, axis=1) * sm: the probabilities, which may be 0, are not divided by."""
    dy, sm = node.inputs
    quotient = of_row(dy, "true_div")
    if quotient is None or quotient.inputs[1] is not sm or not _is(sm, Softmax, SoftmaxWithBias):
        return None
    g = quotient.inputs[0]
    if g.type.dtype != sm.type.dtype or tuple(g.type.broadcastable) != tuple(sm.type.broadcastable):
        return None
    total = Sum(axis=(1,))(g)
    if total.type.dtype != sm.type.dtype:
        total = T.cast(total, sm.type.dtype)
    return T.sub(g, T.mul(DimShuffle(total.type.broadcastable, (0, "x"))(total), sm))


# -- sharing and speed -------------------------------------------------------------------------------------------------


@rule(Softmax, aliases=("local_softmax_with_bias",))
def softmax_of_sum_with_row_becomes_softmax_with_bias(node: Any) -> Any:
    """softmax(x + b.dimshuffle('x', 0)) -> softmax_with_bias(x, b)."""
    (matrix,) = node.inputs
    if uses(matrix) > 1:
        return None
    scores, bias = _scores_and_bias(matrix)
    return None if scores is matrix else SoftmaxWithBias()(scores, bias)


@rule(Softmax, SoftmaxWithBias, aliases=("graph_merge_softmax_with_crossentropy_softmax",))
def softmax_beside_its_crossentropy_is_taken_from_it(node: Any) -> Any:
    """softmax(x) where crossentropy_softmax_argmax_1hot_with_bias(x, b, y) is computed too -> its second output."""
    x = node.inputs[0]
    scores, bias = (x, None) if len(node.inputs) == 1 else node.inputs
    for user, position in getattr(scores, "clients", ()):
        if user == "output" or type(user.op) is not CrossentropySoftmaxArgmax1HotWithBias or position != 0:
            continue
        if not uses(user.outputs[0]):
            continue
        other = user.inputs[1]
        if bias is None and _zero(other) or bias is not None and same(other, bias):
            return user.outputs[1]
    return None


@rule(CrossentropySoftmax1HotWithBiasDx, aliases=("local_useless_crossentropy_softmax_1hot_with_bias_dx_alloc",),
      tags=("shape_unsafe",))
def repeated_gradient_of_crossentropy_becomes_one_number(node: Any) -> Any:
    """dx(second(v, g), sm, y) -> dx(g, sm, y): the op takes one number for all rows."""
    dy, sm, y = node.inputs
    if not _is(dy, Alloc) and (dy.owner is None or row_name(dy.owner) != "second"):
        return None
    value = dy.owner.inputs[0 if _is(dy, Alloc) else 1]
    if not all(value.type.broadcastable) or dy.type.ndim != 1:
        return None
    return node.op(DimShuffle(value.type.broadcastable, ())(value) if value.type.ndim else value, sm, y)


STABILIZE = (
    crossentropy_of_softmax_becomes_one_operation, gradient_of_crossentropy_of_softmax_becomes_one_operation,
    gradient_of_log_softmax_at_classes_becomes_one_operation, log_softmax_at_classes_becomes_crossentropy,
    gradient_of_log_softmax_does_not_divide, log_of_softmax_becomes_logsoftmax,
)
SPECIALIZE = (
    softmax_of_sum_with_row_becomes_softmax_with_bias, repeated_gradient_of_crossentropy_becomes_one_number,
)
# After everything that was computed for its shape alone has gone.
UNCANONICALIZE = (softmax_beside_its_crossentropy_is_taken_from_it,)
