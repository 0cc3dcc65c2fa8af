"""Constant folding: a node of constants becomes the constant that its op computes."""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.graph.hooks import hooks
from symtensor.graph.test_values import run_node
from symtensor.rewrite.rule import rule

__all__ = ["FOLD"]

_LARGE = 1 << 20


@rule(tags=("fast_compile",), aliases=("constant_folding", "topo_constant_folding"))
def node_of_constants_becomes_constant(node: Any) -> Any:
    """Runs the op. A node whose op fails on its inputs stays, and fails when the function runs; so does one whose
    result takes a megabyte and is larger than what it is computed from."""
    if not all(isinstance(v, Constant) for v in node.inputs):
        return None
    fold = getattr(node.op, "do_constant_folding", None)
    if fold is not None and not fold(node):
        return None
    try:
        values = (hooks.run_node or run_node)(node, [v.data for v in node.inputs])
    except Exception:
        return None
    given = sum(getattr(v.data, "nbytes", 0) for v in node.inputs)
    if any(isinstance(value, np.ndarray) and value.nbytes > max(_LARGE, given) for value in values):
        return None
    return [v.type.make_constant(value) for v, value in zip(node.outputs, values)]


FOLD = (node_of_constants_becomes_constant,)
