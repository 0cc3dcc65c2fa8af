"""The law every op keeps: compiled C, the interpreter and the op's own `perform` give the same values.

A `Case` is a small graph with values for its inputs. `agree(cases)` puts all cases into one function (one call of the C
compiler) and compares, output by output: dtype, shape, values. The interpreter must equal `perform` to the last few
bits, C must equal the interpreter within the accuracy of vectorised arithmetic.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.traversal import io_toposort
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements
from symtensor.lower.driver import lower
from symtensor.runtime.executor import link

RTOL = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-13, "complex64": 1e-5, "complex128": 1e-12}


@dataclass
class Case:
    """A label for failures, input variables with values, and outputs."""

    label: str
    inputs: Sequence[Variable]
    values: Sequence[np.ndarray]
    outputs: Sequence[Variable]


def performed(case: Case) -> list[np.ndarray]:
    """The outputs by `perform`, node after node."""
    known = dict(zip(case.inputs, (np.array(v) for v in case.values)))
    value = lambda v: v.data if isinstance(v, Constant) else known[v]
    for node in io_toposort(list(case.inputs), list(case.outputs)):
        storage = [[None] for _ in node.outputs]
        with np.errstate(all="ignore"):
            node.op.perform(node, [value(v) for v in node.inputs], storage)
        known.update(zip(node.outputs, (cell[0] for cell in storage)))
    return [np.asarray(value(v)) for v in case.outputs]


def same(got, expected, label: str, rtol: float) -> None:
    assert got.dtype == expected.dtype, f"{label}: {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"{label}: shape {got.shape}, expected {expected.shape}"
    if got.dtype.kind in "fc":
        scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * float(scale) * 1e-3, err_msg=label)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=label)


def agree(cases: Sequence[Case], loose: float = 1.0, python: bool = False) -> None:
    """Compares the three consumers on all cases at once. `loose` multiplies the tolerance of C against the interpreter
    (functions with larger last-bit errors); `python`: Python islands are expected, else there must be none."""
    inputs = [v for case in cases for v in case.inputs]
    outputs = [v for case in cases for v in case.outputs]
    values = [v for case in cases for v in case.values]
    labels = [f"{case.label} output {k}" for case in cases for k in range(len(case.outputs))]
    lowered = lower(inputs, outputs, io_toposort(inputs, outputs))
    islands = [str(lowered.pycalls[s.callee].node) for s in statements(lowered.program.body) if isinstance(s, PyCall)]
    assert python or not islands, f"no lowering for {islands}"
    expected = [out for case in cases for out in performed(case)]
    before = [np.array(v) for v in values]
    interpreted, _ = link(lowered.program, lowered.constants, lowered.pycalls, consumer="interpreter").run(values)
    compiled, _ = link(lowered.program, lowered.constants, lowered.pycalls, consumer="c").run(values)
    for old, new in zip(before, values):
        np.testing.assert_array_equal(np.asarray(old), np.asarray(new), err_msg="an input was changed")
    for label, a, b, c in zip(labels, expected, interpreted, compiled, strict=True):
        rtol = RTOL.get(str(a.dtype), 0.0)
        same(np.asarray(b), a, f"interpreter against perform: {label}", rtol)
        same(np.asarray(c), np.asarray(b), f"C against interpreter: {label}", rtol * loose)
