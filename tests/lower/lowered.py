"""Runs graphs three ways: op by op with `perform`, interpreted before and after bufferisation, and compiled.

Many expressions over the same inputs make one function, so that the compiler is called once.
"""
from __future__ import annotations

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.graph.traversal import io_toposort
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements
from symtensor.lower.driver import lower
from symtensor.runtime.executor import link
from symtensor.runtime.interpreter import Interpreter


def performed(inputs, outputs, values):
    """The outputs, op by op."""
    known = dict(zip(inputs, values))
    for node in io_toposort(inputs, outputs):
        arguments = [v.data if isinstance(v, Constant) else known[v] for v in node.inputs]
        storage = [[None] for _ in node.outputs]
        node.op.perform(node, arguments, storage)
        known.update(zip(node.outputs, (cell[0] for cell in storage)))
    return [v.data if isinstance(v, Constant) else known[v] for v in outputs]


def lowered(inputs, outputs, python=False):
    """The lowered function; unless `python`, every op must have a lowering."""
    made = lower(inputs, outputs, io_toposort(inputs, outputs))
    islands = [made.pycalls[s.callee].node for s in statements(made.program.body) if isinstance(s, PyCall)]
    assert python or not islands, islands
    return made


def run_all(inputs, outputs, values, python=False, compile=True, rtol=1e-10):
    """Checks that all ways agree; returns the outputs."""
    values = [np.asarray(v, dtype=i.type.dtype) for i, v in zip(inputs, values)]
    expected = performed(inputs, outputs, [v.copy() for v in values])
    made = lowered(inputs, outputs, python)
    ways = {
        "nests": Interpreter(made.nests, made.constants, made.pycalls),
        "buffered": Interpreter(made.program, made.constants, made.pycalls, poison=True),
    }
    if compile:
        ways["C"] = link(made.program, made.constants, made.pycalls)
    for name, way in ways.items():
        given = [v.copy() for v in values]
        found, _ = way.run(given)
        for k, (e, f) in enumerate(zip(expected, found, strict=True)):
            assert f.dtype == e.dtype and f.shape == e.shape, (name, k, f.dtype, f.shape, e.shape)
            np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol, err_msg=f"{name}, output {k}: {outputs[k].owner}")
        for old, new in zip(values, given):
            np.testing.assert_array_equal(new, old)
    return expected


def failures(inputs, outputs, values, compile=True):
    """The messages with which every way fails."""
    values = [np.asarray(v, dtype=i.type.dtype) for i, v in zip(inputs, values)]
    made = lowered(inputs, outputs, python=True)
    ways = [Interpreter(made.program, made.constants, made.pycalls)]
    if compile:
        ways.append(link(made.program, made.constants, made.pycalls))
    errors = []
    for way in ways:
        try:
            way.run([v.copy() for v in values])
        except Exception as error:
            errors.append(error)
        else:
            raise AssertionError(f"{type(way).__name__} did not fail")
    return errors
