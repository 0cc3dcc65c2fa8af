"""Lengths: asked of inputs instead of results, so that nothing is computed for its shape alone."""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Constant, Variable
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.support import literal, owned
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar
from symtensor.tensor.elemwise import DimShuffle, Elemwise
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.math import cast
from symtensor.tensor.shape_ops import Shape, Shape_i, shape_i_op
from symtensor.tensor.sizes import ShapeError

__all__ = ["CANONICALIZE"]


@rule(Shape, aliases=("local_shape_to_shape_i",), tags=("fast_compile",))
def shape_becomes_lengths(node: Any) -> Any:
    """x.shape -> [x.shape[0], x.shape[1]]."""
    (x,) = node.inputs
    ndim = getattr(x.type, "ndim", None)
    if ndim is None or not hasattr(x.type, "broadcastable"):
        return None
    if ndim == 0:
        kind = node.outputs[0].type
        return kind.Constant(kind, np.zeros((0,), dtype="int64"))
    return MakeVector("int64")(*[_length(x, axis) for axis in range(ndim)])


def _length(x: Any, axis: int) -> Any:
    return literal(1, "int64") if x.type.broadcastable[axis] else shape_i_op(axis)(x)


@rule(Shape_i, aliases=("local_track_shape_i",), tags=("fast_compile",))
def length_of_result_becomes_lengths_of_inputs(node: Any) -> Any:
    """(x + y).shape[0] -> x.shape[0], by what the op says of its shape; elementwise chains in one go."""
    (x,), axis = node.inputs, node.op.i
    while True:
        if x.type.broadcastable[axis]:
            return literal(1, "int64")
        if isinstance(x, Constant):
            return literal(np.shape(x.data)[axis], "int64")
        inner = x.owner
        if inner is None:
            break
        if type(inner.op) is DimShuffle:
            x, axis = inner.inputs[0], inner.op.new_order[axis]
        elif type(inner.op) is Elemwise:
            x = next(v for v in inner.inputs if not v.type.broadcastable[axis])
        else:
            break
    if x is not node.inputs[0]:
        return shape_i_op(axis)(x)
    return _asked_of_the_op(x, axis) if x.owner is not None else None


def _asked_of_the_op(x: Any, axis: int) -> Any:
    inner = x.owner
    infer = getattr(inner.op, "infer_shape", None)
    if infer is None:
        return None
    shapes = []
    for v in inner.inputs:
        pattern = getattr(v.type, "broadcastable", None)
        if pattern is None:
            shapes.append(() if hasattr(v.type, "dtype") else None)
        elif isinstance(v, Constant):
            shapes.append(tuple(literal(n, "int64") for n in np.shape(v.data)))
        else:
            shapes.append(tuple(_length(v, k) for k in range(len(pattern))))
    try:
        found = infer(inner, shapes)[x.index]
    except (ShapeError, NotImplementedError):
        return None
    if found is None or len(found) <= axis:
        return None
    length = found[axis]
    if not isinstance(length, Variable):
        return literal(int(length), "int64")
    if not hasattr(length.type, "broadcastable"):
        length = _tensor(length)
    if length.type.ndim or _asks(length, x):
        return None
    return owned(length if length.type.dtype == "int64" else cast(length, "int64"))


def _tensor(scalar: Any) -> Any:
    """A scalar variable as a tensor."""
    if scalar.owner is not None and type(scalar.owner.op) is ScalarFromTensor:
        return scalar.owner.inputs[0]
    return TensorFromScalar()(scalar)


def _asks(length: Any, x: Any) -> bool:
    """Whether an expression needs `x` itself, and so would say nothing new."""
    todo: list[Any] = [length]
    seen: set[Any] = set()
    while todo and len(seen) < 1000:
        v = todo.pop()
        if v is x:
            return True
        if v in seen or v.owner is None or v in x.owner.inputs:
            continue
        seen.add(v)
        todo.extend(v.owner.inputs)
    return False


@rule(ScalarFromTensor, aliases=("local_scalar_tensor_scalar",), tags=("fast_compile",))
def scalar_of_tensor_of_scalar_becomes_itself(node: Any) -> Any:
    """scalar_from_tensor(tensor_from_scalar(s)) -> s."""
    inner = node.inputs[0].owner
    return inner.inputs[0] if inner is not None and type(inner.op) is TensorFromScalar else None


@rule(TensorFromScalar, aliases=("local_tensor_scalar_tensor",), tags=("fast_compile",))
def tensor_of_scalar_of_tensor_becomes_itself(node: Any) -> Any:
    """tensor_from_scalar(scalar_from_tensor(t)) -> t."""
    inner = node.inputs[0].owner
    return inner.inputs[0] if inner is not None and type(inner.op) is ScalarFromTensor else None


CANONICALIZE = (
    shape_becomes_lengths, length_of_result_becomes_lengths_of_inputs, scalar_of_tensor_of_scalar_becomes_itself,
    tensor_of_scalar_of_tensor_becomes_itself,
)
