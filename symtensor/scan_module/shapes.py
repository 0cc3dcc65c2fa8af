"""The shapes of rows that a scan collects, from the shapes of its inputs.

In: the op, a node and the shapes of the node's inputs. Out: for each untapped output the shape of one row, or None
where it depends on what the steps compute.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.hooks import hooks
from symtensor.graph.traversal import ancestors, clone_get_equiv, io_toposort
from symtensor.tensor.constant import constant
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.shape_ops import Shape_i

__all__ = ["empty_trace", "row_shapes"]


def row_shapes(op: Any, node: Any, shapes: Sequence[Any]) -> list[tuple[Any, ...] | None]:
    """The shape of a row of each untapped output; lengths are ints or int64 scalars."""
    info = op.info
    outer, inner = info.outer_inputs(shapes), info.inner_inputs(op.inputs)
    known: dict[Variable, Any] = {}
    for slices, shape in zip([*inner.sequences, *inner.recurrent], [*outer.sequences, *outer.initial]):
        known.update((x, shape[1:]) for x in slices)
    known.update(zip([*inner.shared, *inner.non_sequences], [*outer.shared, *outer.non_sequences]))
    # Non-sequences are the same outside: lengths may depend on their values.
    values = dict(zip(inner.non_sequences, info.outer_inputs(node.inputs).non_sequences))
    env = ShapeEnv(op.inputs)
    return [_outside(env.shape(x), known, values) for x in info.inner_outputs(op.outputs).untapped]


def _outside(
    lengths: tuple[Any, ...], known: dict[Variable, Any], values: dict[Variable, Any]
) -> tuple[Any, ...] | None:
    """Lengths in terms of the node's inputs, or None where they depend on what a step computes."""
    outer: dict[Any, Any] = dict(values)
    todo = list(lengths)
    seen: set[Variable] = set()
    while todo:
        length = todo.pop()
        if length in seen or length in values:
            continue
        seen.add(length)
        node = length.owner
        if node is not None and isinstance(node.op, Shape_i) and node.inputs[0] in known:
            entry = known[node.inputs[0]][node.op.i]
            outer[length] = entry if isinstance(entry, Variable) else constant(np.asarray(entry, dtype="int64"))
        elif node is None and not isinstance(length, Constant):
            return None
        elif node is not None:
            todo.extend(node.inputs)
    equiv = clone_get_equiv(list(outer), lengths, copy_inputs=False, copy_orphans=False, memo=outer)
    return tuple(equiv[length] for length in lengths)


def empty_trace(op: Any, node: Any, i: int, values: Sequence[Any]) -> np.ndarray:
    """Trace `i` of a loop that does no step. Lengths that only a step would tell are 0."""
    info = op.info
    kind = node.outputs[i].type
    if i < len(info.recurrent):
        row: tuple[int, ...] = np.shape(info.outer_inputs(values).initial[i])[1:]
    else:
        shapes = [np.shape(value) for value in values]
        lengths = row_shapes(op, node, shapes)[i - len(info.recurrent)]
        if lengths is None:
            row = tuple(int(b) for b in kind.broadcastable[1:])
        else:
            given = dict(zip(node.inputs, values))
            inputs = [x for x in ancestors(lengths) if x in given]
            found = hooks.node_by_node(inputs, lengths, io_toposort(inputs, lengths))([given[x] for x in inputs])
            row = tuple(int(n) for n in found)
    return np.empty((0, *row), dtype=kind.dtype)
