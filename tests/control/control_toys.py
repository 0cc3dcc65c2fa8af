"""Evaluating graphs op by op for the tests of control ops."""
from __future__ import annotations

import contextlib

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.graph.hooks import hooks
from symtensor.graph.traversal import io_toposort


def evaluate(output, given=()):
    """The value of a variable (or list), op by op with `perform`, for values of the inputs of its graph."""
    outputs = output if isinstance(output, (list, tuple)) else [output]
    given = dict(given)
    values = {
        x: x.type.filter(np.asarray(v, x.type.dtype) if hasattr(x.type, "dtype") else v) for x, v in given.items()
    }
    for node in io_toposort(list(values), list(outputs)):
        storage = [[None] for _ in node.outputs]
        inputs = [_leaf(v) if v.owner is None and v not in values else values[v] for v in node.inputs]
        node.op.perform(node, inputs, storage)
        values.update((v, v.type.filter(cell[0])) for v, cell in zip(node.outputs, storage))
    results = [values[v] if v in values else _leaf(v) for v in outputs]
    return results if isinstance(output, (list, tuple)) else results[0]


def _leaf(variable):
    return variable.data if isinstance(variable, Constant) else variable.get_value(borrow=True)


@contextlib.contextmanager
def interpreted_functions():
    """Inside, inner graphs are run op by op, without any compiled function."""
    kept = hooks.compile_function

    def compile_function(inputs, outputs, mode=None, reference=False):
        several = isinstance(outputs, (list, tuple))

        def run(*values):
            found = evaluate(list(outputs) if several else [outputs], zip(inputs, values))
            return found if several else found[0]

        return run

    hooks.compile_function = compile_function
    try:
        yield
    finally:
        hooks.compile_function = kept
