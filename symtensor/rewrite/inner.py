"""Graphs inside ops: an `OpFromGraph(inline=True)` is written out; the body of every scan is rewritten by the same
stages as the graph around it, and what the loop need not do step by step leaves it (`rules.scan`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.control.builders import OpFromGraph
from symtensor.graph.basic import Apply
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.trace import spread_traces
from symtensor.rewrite.rules.scan import products_leave_the_loop, unread_parts_are_left_out
from symtensor.rewrite.rules.scan_maps import map_as_arithmetic
from symtensor.rewrite.rules.scan_memory import only_the_last_rows_are_kept
from symtensor.rewrite.rules.scan_pairs import (
    backward_loops_read_forward_values,
    loops_within_others_are_left_out,
)
from symtensor.scan_module.scan_op import Scan

__all__ = ["rewrite_inner_graphs"]


def rewrite_inner_graphs(fgraph: Any, rewrite: Callable[[Any], Any]) -> None:
    """Writes out what is to be inlined; applies `rewrite` to a copy of each scan's body, and puts the scan of the
    result in the place of the old one."""
    while True:
        inlined = [n for n in fgraph.toposort() if isinstance(n.op, OpFromGraph) and n.op.is_inline]
        if not inlined:
            break
        for node in inlined:
            results = node.op.inlined(node)
            spread_traces(node.outputs, results)
            fgraph.replace_all(list(zip(node.outputs, results)), reason="rewrite_inner_graphs")
    loops_within_others_are_left_out(fgraph)
    backward_loops_read_forward_values(fgraph)
    rewritten: dict[Any, Any] = {}
    for node in fgraph.toposort():
        if not isinstance(node.op, (Scan, OpFromGraph)):
            continue
        if node.op not in rewritten:
            rewritten[node.op] = _with_rewritten_body(node.op, rewrite)
        op = rewritten[node.op]
        if op != node.op:
            new = Apply(op, list(node.inputs), [v.type() for v in node.outputs])
            node = _replaced(fgraph, node, new, dict(zip(node.outputs, new.outputs)))
        if isinstance(op, OpFromGraph):
            continue
        for change in (unread_parts_are_left_out, only_the_last_rows_are_kept, products_leave_the_loop,
                       unread_parts_are_left_out):
            changed = change(node)
            if changed is not None:
                node = _replaced(fgraph, node, *changed)
        results = map_as_arithmetic(node)
        if results is not None:
            _replaced(fgraph, node, None, results)


def _with_rewritten_body(op: Any, rewrite: Callable[[Any], Any]) -> Any:
    if isinstance(op, Scan):
        body = FunctionGraph(op.inputs, op.outputs, clone=True)
        rewrite(body)
        return op.like(body.inputs, body.outputs, op.info)
    body = FunctionGraph(op.local_inputs, op.local_outputs, clone=True)
    rewrite(body)
    return op.with_body(body.inputs, body.outputs)


def _replaced(fgraph: Any, old: Any, new: Any, results: dict[Any, Any]) -> Any:
    """Puts `new` in the place of a scan's node, and returns it; `results` says what has become of what is read."""
    spread_traces(old.outputs, list(results.values()))
    fgraph.replace_all([pair for pair in results.items() if pair[0].clients], reason="rewrite_inner_graphs")
    return new
