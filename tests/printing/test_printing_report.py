"""The message of an error at run time."""
from __future__ import annotations

import sys
import traceback

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.op import Op
from symtensor.printing import attach_report, cause_of, error_report


@pytest.fixture
def node():
    x, y = T.dvector("x"), T.dvector("y")
    z = T.exp(x) + y
    fgraph = FunctionGraph([x, y], [z * 2])
    return fgraph.outputs[0].owner.inputs[0].owner


VALUES = [np.ones(3), np.arange(20.0)]


def test_low(node):
    text = error_report(node, VALUES, ValueError("they do not fit"), toposort_index=1)
    lines = text.splitlines()
    assert lines[0] == "they do not fit"
    assert lines[1].startswith('Made by: z = T.exp(x) + y  (File "') and "in node)" in lines[1]
    assert lines[2].startswith("Operand 0: Elemwise{exp,no_inplace}.0, shape (3,), made by: z = T.exp(x) + y  (File ")
    assert lines[3].startswith('Operand 1: y, shape (20,), made by: x, y = T.dvector("x"), T.dvector("y")  (File ')
    del lines[2:4]
    assert lines[2] == "Apply node that caused the error: Elemwise{add,no_inplace}(Elemwise{exp,no_inplace}.0, y)"
    assert lines[3:7] == [
        "Toposort index: 1",
        "Inputs types: [TensorType(float64, vector), TensorType(float64, vector)]",
        "Inputs shapes: [(3,), (20,)]",
        "Inputs strides: [(8,), (8,)]",
    ]
    assert lines[7] == "Inputs values: [array([1., 1., 1.]), 'not shown']"
    assert lines[8].startswith("Outputs clients: [[Elemwise{mul,no_inplace}(Elemwise{add,no_inplace}.0,")
    assert "Backtrace when the node is created" in lines[10]
    assert "    z = T.exp(x) + y" in lines
    assert lines[-1].startswith("HINT: Use the flag 'exception_verbosity=high'")
    assert "Debugprint" not in text


def test_high(node):
    storage = [(node.inputs[1], VALUES[1], "Input"), (node.inputs[0], VALUES[0], ""), (T.dscalar("None"), None, "")]
    text = error_report(node, VALUES, ValueError("no"), verbosity="high", storage=storage)
    assert "Debugprint of the apply node: \nElemwise{add,no_inplace} [id A] <TensorType(float64, vector)> ''" in text
    assert " - y, Input, Shape: (20,), ElemSize: 8 Byte(s), TotalSize: 160 Byte(s)\n - Elemwise{exp" in text
    assert " TotalSize: 184 Byte(s) 0.000 GB\n TotalSize inputs: 160 Byte(s)" in text
    assert "HINT" not in text


def test_verbosity_comes_from_the_configuration(node, monkeypatch):
    monkeypatch.setattr(config, "exception_verbosity", "high")
    assert "Debugprint of the apply node" in error_report(node, VALUES, ValueError("no"))


def test_without_a_trace():
    class Untraced(Op):
        def make_node(self, x):
            return Apply(self, [x], [x.type()])

    node = Untraced().make_node(T.dvector("x"))
    node.outputs[0].tag.clear()
    text = error_report(node, None, ValueError("no"), clients=[["output"]])
    assert "HINT: Re-running with most optimizations disabled" in text and "optimizer=fast_compile" in text
    assert "Inputs values" not in text and "Made by" not in text and ", shape" not in text
    assert "Outputs clients: [['output']]" in text


def test_objects_without_shapes(node):
    text = error_report(node, [{"a": 1}, None], ValueError("no"))
    assert "Inputs shapes: ['No shapes', 'No shapes']" in text and "Inputs values: [{'a': 1}, None]" in text


@pytest.mark.parametrize("error, cause", [
    (ValueError("a"), "a"), (ValueError("a", "b"), "('a', 'b')"), (IndexError(), "IndexError"), (KeyError("k"), "k"),
])
def test_causes(error, cause):
    assert cause_of(error) == cause


class Detailed(Exception):
    def __init__(self, number):
        super().__init__("message")
        self.number = number


def test_the_report_becomes_the_message(node):
    for error in (ValueError("cause"), ValueError("a", 3), IndexError(), AssertionError("x"), Detailed(7)):
        report = error_report(node, VALUES, error)
        attach_report(error, node, report)
        assert str(error) == report and error.args == (report,)
    assert error.number == 7 and type(error) is Detailed


def test_a_second_report_of_the_same_node_replaces_the_first(node):
    error = ValueError("cause")
    for _ in range(3):  # an op may raise one and the same object at every call
        report = error_report(node, VALUES, error)
        attach_report(error, node, report)
    assert str(error) == report and report.count("Apply node that caused") == 1 and report.startswith("cause\n")


def test_the_innermost_node_is_reported(node):
    error = ValueError("cause")
    inner = error_report(node, VALUES, error)
    attach_report(error, node, inner)
    attach_report(error, node.inputs[0].owner, "outer")
    assert str(error) == inner


class Fixed(Exception):
    def __str__(self):
        return "always this"


@pytest.mark.parametrize("make", [
    lambda: UnicodeDecodeError("utf8", b"a", 0, 1, "x"), lambda: KeyError("k"), lambda: Fixed("a"),
    lambda: OSError(2, "no such file"),
])
def test_types_that_do_not_show_their_arguments(make, node):
    error = make()
    before = str(error)
    for _ in range(2):
        attach_report(error, node, error_report(node, VALUES, error))
    if sys.version_info >= (3, 11):
        assert str(error) == before
        shown = "".join(traceback.format_exception(error))
        assert shown.count("Apply node that caused the error") == 1
    elif isinstance(error, KeyError):
        assert "Apply node that caused the error" in str(error)
