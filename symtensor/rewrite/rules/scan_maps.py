"""Loops without memory: what every step computes alone, element by element, is arithmetic on whole arrays.

In: a scan's node in a graph. Out: its results without a loop, where the step is elementwise and no value goes from one
step to the next. Whole arrays are computed by vector instructions, and what reads them (a sum, say) joins them.

Only where the number of steps is known to be the length of the sequences: so no check of lengths is lost.
"""

from __future__ import annotations

from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.trace import spread_traces
from symtensor.rewrite.rules.support import of_row, same, scalar_value
from symtensor.rewrite.rules.turned import number, rows_of, turned
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.basic import shape_padleft
from symtensor.tensor.basic_indexing import Subtensor, get_idx_list
from symtensor.tensor.conversion import ScalarFromTensor
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.shape_ops import Shape

__all__ = ["map_as_arithmetic"]


def map_as_arithmetic(node: Any) -> dict[Variable, Variable] | None:
    """Old results -> new ones; None where the loop stays."""
    op, info = node.op, node.op.info
    if info.recurrent or info.n_shared or info.until or not info.sequences:
        return None
    if any(not isinstance(n.op, (Elemwise, DimShuffle)) for n in op.inner_nodes):
        return None
    outer, inner = info.outer_inputs(node.inputs), info.inner_inputs(op.inputs)
    if any(taps != (0,) for taps in info.sequences) or not all(_has_all(x, outer.n_steps) for x in outer.sequences):
        return None
    whole: dict[Variable, Any] = {rows[0]: x for rows, x in zip(inner.sequences, outer.sequences)}
    alone: dict[Variable, Any] = dict(zip(inner.non_sequences, outer.non_sequences))

    def lone(v: Any) -> Any:
        return alone[v] if v in alone else v.clone()  # a constant, which belongs to the step's graph

    for n in op.inner_nodes:
        if not any(v in whole for v in n.inputs):
            alone.update(zip(n.outputs, n.op.make_node(*map(lone, n.inputs)).outputs))
            spread_traces(n.outputs, [alone[v] for v in n.outputs])
        elif isinstance(n.op, Elemwise):
            given = [whole[v] if v in whole else shape_padleft(lone(v)) for v in n.inputs]
            whole.update(zip(n.outputs, n.op.make_node(*given).outputs))
        else:
            x = whole[n.inputs[0]]
            order = [0, *(k if k == "x" else k + 1 for k in n.op.new_order)]
            whole[n.outputs[0]] = DimShuffle(x.type.broadcastable, order)(x)
        spread_traces(n.outputs, [whole[v] for v in n.outputs if v in whole])
    made: list[Any] = [whole.get(v) for v in op.outputs]
    if any(new is None or new.type != old.type for new, old in zip(made, node.outputs)):
        return None
    return dict(zip(node.outputs, made))


_FAR = 100


def _has_all(array: Any, n_steps: Any) -> bool:
    """Whether an array has exactly `n_steps` rows: it is x with n_steps = x.shape[0], or x[:n_steps] where n_steps is
    the least of lengths, that of x among them; or arithmetic on such arrays."""
    todo = [array]
    for _ in range(_FAR):
        if not todo:
            return False
        x = todo.pop()
        if _is_length(n_steps, x) or _is_cut(x, n_steps):
            return True
        node = x.owner
        if turned(x) is not None:
            todo.append(turned(x))
        elif node is not None and isinstance(node.op, Elemwise):
            todo.extend(v for v in node.inputs if not v.type.broadcastable[0])
        elif node is not None and isinstance(node.op, DimShuffle) and node.op.new_order[0] == 0:
            todo.append(node.inputs[0])
        elif node is not None and isinstance(node.op, Scan) and not node.op.info.until:
            if node.outputs.index(x) < node.op.info.n_traces and same(node.inputs[0], n_steps):
                return True
    return False


def _is_cut(array: Any, n_steps: Any) -> bool:
    """Whether an array is x[:n_steps], and n_steps no more than the length of x."""
    x, index = rows_of(array)
    if index is None or index.step is not None or index.start is not None and number(index.start) != 0:
        return False
    stop = index.stop
    if not isinstance(stop, Variable) or stop.owner is None or not isinstance(stop.owner.op, ScalarFromTensor):
        return False
    stop = stop.owner.inputs[0]
    total = of_row(stop, "add")
    if total is not None and len(total.inputs) == 2 and scalar_value(total.inputs[1]) == 0:
        stop = total.inputs[0]
    return same(stop, n_steps) and _is_least_with(n_steps, x)


def _is_least_with(n_steps: Any, x: Any) -> bool:
    todo = [n_steps]
    while todo:
        size = todo.pop()
        if _is_length(size, x):
            return True
        node = of_row(size, "minimum")
        todo.extend(node.inputs if node is not None else ())
    return False


def _is_length(size: Any, x: Any) -> bool:
    """Whether `size` is `x.shape[0]`."""
    node = size.owner
    if node is None or not isinstance(node.op, Subtensor):
        return False
    index = get_idx_list(node.inputs, node.op.idx_list)
    shape = node.inputs[0].owner
    return (
        len(index) == 1 and isinstance(index[0], (Constant, int)) and number(index[0]) == 0
        and shape is not None and isinstance(shape.op, Shape) and shape.inputs[0] is x
    )
