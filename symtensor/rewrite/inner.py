"""Graphs inside ops: the body of every scan is rewritten by the same stages as the graph around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.opt import copy_stack_trace
from symtensor.scan_module.scan_op import Scan

__all__ = ["rewrite_inner_graphs"]


def rewrite_inner_graphs(fgraph: Any, rewrite: Callable[[Any], Any]) -> None:
    """Applies `rewrite` to a copy of each scan's body, and puts the scan of the result in the place of the old one."""
    done: dict[Any, Any] = {}
    for node in fgraph.toposort():
        if not isinstance(node.op, Scan):
            continue
        if node.op not in done:
            body = FunctionGraph(node.op.inputs, node.op.outputs, clone=True)
            rewrite(body)
            done[node.op] = node.op.like(body.inputs, body.outputs, node.op.info)
        if done[node.op] != node.op:
            results = done[node.op].make_node(*node.inputs).outputs
            copy_stack_trace(node.outputs, results)
            fgraph.replace_all(list(zip(node.outputs, results)), reason="rewrite_inner_graphs")
