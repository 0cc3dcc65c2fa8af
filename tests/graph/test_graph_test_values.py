"""Test values and traces."""
from __future__ import annotations

import pytest
from graph_toys import Bump, add, add1, number

from symtensor.config import change_flags
from symtensor.graph.basic import Constant
from symtensor.graph.op import get_debug_values, get_test_value
from symtensor.graph.trace import Frames, copy_traces, format_trace, simple_extract_stack
from symtensor.graph.type import generic


def test_values_are_computed_while_building():
    x, y = number("x"), number("y")
    x.tag.test_value = 1.0
    with change_flags(compute_test_value="raise"):
        z = add(x, 2.0)
        assert z.tag.test_value == 3.0 and get_test_value(z) == 3.0
        with pytest.raises(ValueError,
                           match=r"Cannot compute test value: input 1 \(y\) of Op Sum{bias=0.0}\(x, y\) missing "
                                             "default value") as info:
            add(x, y)
        assert "Backtrace when that variable is created" in str(info.value)
        assert get_debug_values(x, z) == [(1.0, 3.0)]
        with pytest.raises(AttributeError, match=r"Argument 1\('y'\) has no test value"):
            get_debug_values(x, y)
    with change_flags(compute_test_value="warn"), pytest.warns(UserWarning, match="Cannot compute test value: input 1"):
        assert not hasattr(add(x, y).tag, "test_value")
    with change_flags(compute_test_value="ignore"):
        assert not hasattr(add(x, y).tag, "test_value")
        assert get_debug_values(x, y) == []
    assert not hasattr(add(x, x).tag, "test_value") and get_debug_values(x) == []


def test_bad_test_values():
    x = number("x")
    with pytest.raises(AttributeError, match="x has no test value"):
        get_test_value(x)
    x.tag.test_value = "no number"
    with pytest.raises(ValueError, match="one input test value does not have the requested type") as info:
        get_test_value(x)
    assert "could not convert string to float" in str(info.value)
    assert get_test_value(Constant(number, 2)) == 2.0


def test_an_op_that_destroys_gets_a_copy():
    class Clear(Bump):
        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]
            inputs[0].clear()

    x = generic("x")
    x.tag.test_value = [1, 2]
    with change_flags(compute_test_value="raise"):
        Clear()(x)
    assert x.tag.test_value == [1, 2]


def test_trace_names_the_users_lines():
    x = number("x")
    z = add1(x)  # the line that is looked for
    (frames,) = z.tag.trace
    file, line, function, text = next(e for e in frames if e[2] == "test_trace_names_the_users_lines")
    assert file == __file__ and text == "z = add1(x)  # the line that is looked for"
    assert z.owner.tag.trace is not None and isinstance(frames, Frames) and frames == list(frames)
    assert "z = add1(x)" in format_trace(z)
    assert format_trace(z).startswith(" \nBacktrace when that variable is created:")
    assert not any("symtensor/graph" in entry[0] for entry in frames)


def test_limit_of_traces():
    with change_flags(**{"traceback.limit": 0}):
        assert not hasattr(add1(number("x")).tag, "trace")
    with change_flags(**{"traceback.limit": 1}):
        assert len(number("x").tag.trace[0]) == 1
    with change_flags(**{"traceback.limit": -1}):
        assert len(number("x").tag.trace[0]) > 8


def test_loops_share_their_trace():
    first, second = [number() for _ in range(2)]
    assert first.tag.trace[0] is second.tag.trace[0]


def test_copy_traces():
    x, y, z = number("x"), number("y"), number("z")
    tx, ty, tz = x.tag.trace[0], y.tag.trace[0], z.tag.trace[0]
    copy_traces([x, y], [z])
    assert [t is u for t, u in zip(z.tag.trace, [tx, ty, tz])] == [True] * len(z.tag.trace)
    before = list(z.tag.trace)
    copy_traces([x, y], [z])
    assert len(z.tag.trace) == len(before)


def test_simple_extract_stack():
    entry = simple_extract_stack(limit=1)[0]
    assert entry[2] == "test_simple_extract_stack" and entry[3].startswith("entry = simple_extract_stack")
