"""What the rules share: reading elementwise nodes, making constants, giving a result the shape that it must have.

In: nodes and variables. Out: variables, or None where something cannot be had. Nothing here changes a graph.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.rewrite.dispatch import row_of
from symtensor.rewrite.pattern import scalar_value
from symtensor.scalar.ops import Cast
from symtensor.tensor import math as T
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.type import TensorType

__all__ = [
    "cast_source", "covers", "is_cast", "like", "literal", "literal_like", "of_row", "owned", "row_name", "same",
    "scalar_value", "shaped", "stretched", "uses",
]


def row_name(node: Any) -> str | None:
    """The name of the scalar operation of an elementwise node that works out of place, else None."""
    row = row_of(node.op)
    return None if row is None else row.name


def of_row(variable: Any, *names: str) -> Any:
    """The node that computes `variable`, if it is elementwise of one of these scalar operations; else None."""
    node = variable.owner
    return node if node is not None and row_name(node) in names else None


def owned(variable: Any) -> Any:
    """`variable` with constants of its own: functions that build expressions share theirs between graphs."""
    if isinstance(variable, Constant):
        return variable.clone() if getattr(variable, "cached", False) else variable
    todo, seen = [variable.owner] if variable.owner is not None else [], set()
    while todo:
        node = todo.pop()
        if node in seen or getattr(node, "fgraph", None) is not None:
            continue
        seen.add(node)
        for i, v in enumerate(node.inputs):
            if isinstance(v, Constant):
                if getattr(v, "cached", False):
                    node.inputs[i] = v.clone()
            elif v.owner is not None:
                todo.append(v.owner)
    return variable


def uses(variable: Any) -> int:
    """How many inputs of nodes (or outputs of the graph) a variable is."""
    return len(getattr(variable, "clients", ()))


def same(a: Any, b: Any) -> bool:
    """Whether two variables stand for the same value: one variable, or equal constants."""
    return a is b or isinstance(a, Constant) and isinstance(b, Constant) and a.equals(b)


def is_cast(node: Any) -> bool:
    """Whether a node converts elements to another dtype."""
    op = None if node is None else node.op
    return type(op) is Elemwise and type(op.scalar_op) is Cast and not op.inplace_pattern


def cast_source(variable: Any) -> Any:
    """What a variable is converted from, or None if it is not computed by a conversion."""
    return variable.owner.inputs[0] if is_cast(variable.owner) else None


def literal(value: Any, dtype: str, ndim: int = 0) -> Any:
    """A constant of one value with `ndim` broadcastable axes."""
    with np.errstate(all="ignore"):
        data = np.full((1,) * ndim, value).astype(dtype)
    # Not `constant(...)`: the constants that it keeps are shared between graphs.
    kind = TensorType(dtype, (True,) * ndim)
    return kind.Constant(kind, data)


def literal_like(value: Any, variable: Any) -> Any:
    """A constant of one value in the dtype and rank of a variable."""
    return literal(value, variable.type.dtype, variable.type.ndim)


def stretched(pattern: Sequence[bool], ndim: int) -> tuple[bool, ...]:
    """A broadcast pattern with axes added on the left."""
    return (True,) * (ndim - len(pattern)) + tuple(pattern)


def covers(variables: Iterable[Any], pattern: Sequence[bool]) -> bool:
    """Whether variables broadcast together have this pattern."""
    patterns = [stretched(v.type.broadcastable, len(pattern)) for v in variables]
    return bool(patterns) and tuple(all(flags) for flags in zip(*patterns)) == tuple(pattern)


def shaped(value: Any, models: Iterable[Any], kind: Any) -> Any:
    """`value` converted to the dtype of `kind` and repeated to its broadcast pattern, the lengths taken from `models`.

    None if the models do not have these axes.
    """
    if not isinstance(kind, TensorType) or value.type.ndim > kind.ndim:
        return None
    if value.type.dtype != kind.dtype:
        value = T.cast(value, kind.dtype)
    wanted = tuple(kind.broadcastable)
    if value.type.ndim < kind.ndim:
        value = DimShuffle(value.type.broadcastable,
                           ["x"] * (kind.ndim - value.type.ndim) + list(range(value.type.ndim)))(value)
    models = [m for m in models if m.type.ndim <= kind.ndim]
    # One model that has all that is missing, if there is one: fewer values to keep alive for their lengths.
    for model in models:
        if tuple(value.type.broadcastable) != wanted and covers([value, model], wanted):
            return T.second(model, value)
    for model in models:
        if tuple(value.type.broadcastable) == wanted:
            break
        pattern = stretched(model.type.broadcastable, kind.ndim)
        if any(have and not has for have, has in zip(value.type.broadcastable, pattern)):
            value = T.second(model, value)
    return value if tuple(value.type.broadcastable) == wanted else None


def like(value: Any, node: Any) -> Any:
    """`value` as what stands for the only output of an elementwise node: of its type, lengths taken from its inputs."""
    out = node.outputs[0].type
    if value.type.dtype == out.dtype and tuple(value.type.broadcastable) == tuple(out.broadcastable):
        return value
    return shaped(value, node.inputs, out)
