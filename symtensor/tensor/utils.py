"""Small services: a name for an array's content, and the shapes of all variables of a graph on given input shapes."""
from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from symtensor.graph.traversal import io_toposort
from symtensor.tensor.shape_env import ShapeEnv

__all__ = ["hash_from_code", "hash_from_ndarray", "shape_of_variables"]


def hash_from_code(msg: str | bytes) -> str:
    """A name for a text, the same in every process."""
    data = msg.encode() if isinstance(msg, str) else msg
    return "m" + hashlib.sha256(data).hexdigest()


def hash_from_ndarray(data: np.ndarray) -> str:
    """A name for an array's content, shape, strides and dtype, the same in every process."""
    content = data if data.flags["C_CONTIGUOUS"] else np.ascontiguousarray(data)
    parts = [content.tobytes(), str(data.shape).encode(), str(data.strides).encode(), str(data.dtype).encode()]
    return hash_from_code(b"".join(hashlib.sha256(part).digest() for part in parts))


def shape_of_variables(fgraph: Any, input_shapes: dict[Any, Any]) -> dict[Any, tuple[int, ...]]:
    """The shape of every variable in the graph, given the shapes of its inputs.

    Raises ValueError where an input's shape is missing or a shape depends on values.
    """
    for variable in fgraph.inputs:
        if variable not in input_shapes:
            raise ValueError(f"the shape of the input {variable} is missing")
    env = ShapeEnv(fgraph.inputs)
    variables = [v for v in fgraph.variables if hasattr(v.type, "broadcastable")]
    lengths = {v: env.shape(v) for v in variables}
    known: dict[Any, Any] = {}
    for variable in fgraph.inputs:
        for n, length in zip(input_shapes[variable], env.shape(variable)):
            if length.owner is not None:
                known[length] = np.asarray(n, dtype="int64")
    goals = [n for shape in lengths.values() for n in shape]
    for node in io_toposort(list(known), goals):
        values = [known[x] if x in known else getattr(x, "data", None) for x in node.inputs]
        if any(value is None for value in values):
            raise ValueError(f"the shape of some variables depends on the value of {node.inputs[0]}")
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        node.op.perform(node, values, storage)
        known.update(zip(node.outputs, (cell[0] for cell in storage)))
    return {v: tuple(int(known[n] if n in known else n.data) for n in shape) for v, shape in lengths.items()}
