"""What is known of a variable before anything runs: the number that it stands for, and the length of a vector.

In: a variable, a number or an array. Out: a 0-d array, or an int. Ops take part by registering a rule for their class
(`known_value.register`, `known_length.register`), so that no list of ops is kept here.

Refused with NotScalarConstantError: values that are not known or not all the same; with ValueError: unknown lengths.
"""
from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import singledispatch
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.hooks import hooks
from symtensor.tensor.careduce import CAReduce
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.type import TensorType

__all__ = [
    "EmptyConstantError", "NotScalarConstantError", "extract_constant", "get_scalar_constant_value",
    "get_vector_length", "known_length", "known_value", "numpy_scalar",
]


class NotScalarConstantError(Exception):
    """The value is not known, or is not one number."""

    __module__ = "symtensor.tensor.basic"


class EmptyConstantError(NotScalarConstantError):
    """The value is an array without elements."""

    __module__ = "symtensor.tensor.basic"


def numpy_scalar(data: Any) -> Any:
    """The number that an array holds: `data` itself where it has exactly one element.

    Raises EmptyConstantError for no element, NotScalarConstantError for several or for what is not a number.
    """
    if data.ndim > 0 and data.size == 0:
        raise EmptyConstantError()
    if data.size != 1 or data.dtype.kind not in "biufc":
        raise NotScalarConstantError("v.data is non-numeric, non-scalar, or has more than one unique value", data)
    return data


ValueOf = Callable[[Any], np.ndarray]


@singledispatch
def known_value(op: Any, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    """The number that output `index` of a node is, everywhere in it; a rule per class of op.

    `value_of` gives the number that an input is. Raises NotScalarConstantError where it is not known.
    """
    raise NotScalarConstantError(node.outputs[index])


@known_value.register(DimShuffle)
@known_value.register(ScalarFromTensor)
@known_value.register(TensorFromScalar)
def _same_as_first_input(op: Any, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    return value_of(node.inputs[0])


@known_value.register(Elemwise)
def _elementwise_value(op: Elemwise, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    row = getattr(op.scalar_op, "row_name", None)
    if row == "second":
        return value_of(node.inputs[1])
    if len(node.outputs) != 1 or op.inplace_pattern:
        raise NotScalarConstantError(node.outputs[index])
    numbers = [np.reshape(value_of(x), (1,) * x.type.ndim) for x in node.inputs]
    storage: list[list[Any]] = [[None]]
    op.perform(node, numbers, storage)
    return storage[0][0].reshape(())


@known_value.register(CAReduce)
def _reduced_value(op: CAReduce, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    (x,) = node.inputs
    axes = range(x.type.ndim) if op.axis is None else op.axis
    if not all(x.type.broadcastable[axis] for axis in axes):
        raise NotScalarConstantError(node.outputs[index])
    return np.asarray(value_of(x), dtype=node.outputs[0].type.dtype)


def get_scalar_constant_value(
    orig_v: Any, elemwise: bool = True, only_process_constants: bool = False, max_recur: int = 10
) -> np.ndarray:
    """The number that `orig_v` stands for, as a 0-d array.

    `orig_v` may be a number, an array of one element, or a variable that is one number everywhere: a constant, or what
    shape ops, casts and arithmetic make of constants. `elemwise`: look through arithmetic; `only_process_constants`:
    look at constants alone; `max_recur`: through how many ops to look at most.

    Raises NotScalarConstantError where the number is not known, EmptyConstantError for an empty constant.
    """
    if orig_v is None:
        raise NotScalarConstantError(orig_v)
    if isinstance(orig_v, (np.integer, int, float, complex, np.generic)):
        return np.asarray(orig_v)
    if isinstance(orig_v, np.ndarray):
        return np.reshape(numpy_scalar(orig_v), ()).copy()
    if not isinstance(orig_v, Variable):
        raise NotScalarConstantError(orig_v)
    if isinstance(orig_v, Constant):
        return _constant_value(orig_v)
    node = orig_v.owner
    if node is None or only_process_constants or max_recur <= 0:
        raise NotScalarConstantError(orig_v)
    if isinstance(node.op, Elemwise) and not elemwise:
        raise NotScalarConstantError(orig_v)

    def value_of(x: Any) -> np.ndarray:
        return get_scalar_constant_value(x, elemwise, only_process_constants, max_recur - 1)

    assert orig_v.index is not None
    return known_value(node.op, node, orig_v.index, value_of)


def _constant_value(variable: Any) -> np.ndarray:
    unique = getattr(variable, "unique_value", None)
    if unique is not None:
        return np.asarray(unique).copy()
    if variable.data is None or not hasattr(variable.data, "dtype") and not isinstance(variable.data, (int, float)):
        raise NotScalarConstantError(variable)
    return np.reshape(numpy_scalar(np.asarray(variable.data)), ()).copy()


def extract_constant(x: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The number that `x` stands for, or `x` itself (a scalar variable as a tensor) where it is not known."""
    try:
        x = get_scalar_constant_value(x, elemwise, only_process_constants)
    except NotScalarConstantError:
        pass
    if isinstance(x, Variable) and hasattr(x.type, "dtype") and not hasattr(x.type, "broadcastable"):
        x = as_tensor_variable(x)
    return x


@singledispatch
def known_length(op: Any, node: Apply, index: int) -> int | None:
    """The length of output `index` of a node, a vector, where it is known; a rule per class of op."""
    return None


# How deeply rules may ask for the lengths of their inputs: shapes are made of few ops, graphs of many.
_DEEPEST = 40
_depth: ContextVar[int] = ContextVar("depth of rules", default=0)


def vector_length(v: Any) -> int | None:
    """The length of a vector variable, None where it is not known."""
    if v.type.broadcastable[0]:
        return 1
    if _depth.get() >= _DEEPEST:
        return None
    before = _depth.set(_depth.get() + 1)
    try:
        return _found_length(v)
    finally:
        _depth.reset(before)


def _found_length(v: Any) -> int | None:
    # Elementwise operands have the length of the result; chains of them may be long.
    stack, seen = [v], {v}
    while stack:
        x = stack.pop()
        if isinstance(x, Constant):
            return len(x.data)
        if x.owner is None:
            continue
        if isinstance(x.owner.op, Elemwise):
            operands = [y for y in x.owner.inputs if not y.type.broadcastable[0] and y not in seen]
            seen.update(operands)
            stack.extend(reversed(operands))
            continue
        length = known_length(x.owner.op, x.owner, x.index)
        if length is not None:
            return length
    return None


def get_vector_length(v: Any) -> int:
    """The length of a vector, known from how it was made: a constant, a shape, a list of scalars, a part of these.

    Raises TypeError for what is not a vector, ValueError where the length is not known.
    """
    v = as_tensor_variable(v)
    if not (isinstance(v.type, TensorType) and v.type.ndim == 1):
        raise TypeError(f"argument must be symbolic vector, got '{v}'")
    length = vector_length(v)
    if length is None:
        raise ValueError(f"length not known: {hooks.debugprint(v)}")
    return length
