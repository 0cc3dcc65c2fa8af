"""Sequences that are cheap arithmetic on other arrays: computed in the step that reads them.

In: a rewritten graph. Out: scans that read the arrays themselves. `2 * h[::-1]` before a loop is an array written and
read once more than needed; in the step it joins the arithmetic that is there. Only where one of the operands has rows
(the others are the same for all of them): so no check of lengths is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.trace import spread_traces
from symtensor.graph.traversal import clone_get_equiv
from symtensor.rewrite.rules.scan_pairs import is_cheap
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.type import TensorType

__all__ = ["sequences_are_computed_in_the_step"]


def sequences_are_computed_in_the_step(fgraph: Any) -> None:
    """Moves them, until nothing is left to move."""
    todo = [node for node in fgraph.toposort() if isinstance(node.op, Scan)]
    while todo:
        node = todo.pop()
        for k, array in enumerate(node.op.info.outer_inputs(node.inputs).sequences):
            if node.op.info.sequences[k] == (0,) and _is_for_one_step(array):
                new = _with_arithmetic(node, k)
                spread_traces(node.outputs, new.outputs)
                fgraph.replace_all(list(zip(node.outputs, new.outputs)), reason="sequences_are_computed_in_the_step")
                todo.append(new)
                break


def _is_for_one_step(array: Any) -> bool:
    node = array.owner
    return (
        node is not None and isinstance(node.op, Elemwise) and len(node.outputs) == 1 and is_cheap(node)
        and len(array.clients) == 1 and not array.type.broadcastable[0]
        and sum(not x.type.broadcastable[0] for x in node.inputs) == 1
    )


def _with_arithmetic(node: Apply, k: int) -> Apply:
    """The scan whose step computes its k-th sequence from the operands."""
    info, op = node.op.info, node.op
    outer, inner = info.outer_inputs(node.inputs), info.inner_inputs(op.inputs)
    arithmetic: Any = outer.sequences[k].owner
    rows = [TensorType(x.type.dtype, x.type.broadcastable[1:])() for x in arithmetic.inputs]
    with_rows = next(i for i, x in enumerate(arithmetic.inputs) if not x.type.broadcastable[0])
    memo: dict[Any, Any] = {inner.sequences[k][0]: arithmetic.op(*rows)}
    clone_get_equiv(op.inputs, op.outputs, copy_inputs=False, copy_orphans=False, memo=memo)
    same = [i for i in range(len(rows)) if i != with_rows]
    new_info = replace(info, n_non_sequences=info.n_non_sequences + len(same))
    slices = [v for group in _put(inner.sequences, k, [rows[with_rows]]) for v in group]
    slices += [v for group in inner.recurrent for v in group]
    new_op = op.like(
        [*slices, *inner.shared, *inner.non_sequences, *(rows[i] for i in same)], [memo[v] for v in op.outputs],
        new_info,
    )
    return new_op.make_node(
        outer.n_steps, *_put(outer.sequences, k, arithmetic.inputs[with_rows]), *outer.initial, *outer.shared,
        *outer.non_sequences, *(_row(arithmetic.inputs[i]) for i in same),
    )


def _put(values: Sequence[Any], k: int, value: Any) -> Iterator[Any]:
    return (value if i == k else v for i, v in enumerate(values))


def _row(array: Any) -> Variable:
    """An array of one row without its first axis."""
    return array.dimshuffle(*range(1, array.type.ndim))
