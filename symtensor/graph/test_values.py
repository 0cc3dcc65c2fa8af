"""Test values: numbers carried along while a graph is built, so that a mistake shows at the line that made it.

`config.compute_test_value` says what a missing value does: "off" (nothing is computed), "ignore", "warn", "raise",
"pdb".
"""
from __future__ import annotations

import copy
import warnings
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Constant, Variable
from symtensor.graph.hooks import hooks
from symtensor.graph.trace import format_trace

__all__ = [
    "compute_test_value", "debug_assert", "debug_error_message", "get_debug_values", "get_test_value",
    "missing_test_message", "run_node",
]


def get_test_value(v: Any) -> Any:
    """The test value of a variable; a constant's data; a shared variable's own value; a plain number as an array.

    Raises AttributeError when there is none and TypeError when it does not fit the variable's type.
    """
    if not isinstance(v, Variable):
        v = hooks.as_variable(v)
    if isinstance(v, Constant):
        return v.value
    container = getattr(v, "container", None)
    if container is not None and hasattr(v, "get_value"):
        return v.get_value(borrow=True)
    if not hasattr(v.tag, "test_value"):
        raise AttributeError(f"{v} has no test value {format_trace(v)}")
    try:
        return v.type.filter(v.tag.test_value)
    except Exception as error:
        message = (f"For compute_test_value, one input test value does not have the requested type.\n{format_trace(v)}"
                   f"\nThe error when converting the test value to that variable type:\n{error}")
        raise type(error)(message) from error


def missing_test_message(msg: str) -> None:
    """React to a missing test value as `config.compute_test_value` says."""
    action = config.compute_test_value
    if action == "raise":
        raise AttributeError(msg)
    if action == "warn":
        warnings.warn(msg, stacklevel=2)
    elif action == "pdb":
        breakpoint()
    else:
        assert action in ("ignore", "off")


def debug_error_message(msg: str) -> None:
    """Report a wrong test value; does nothing unless test values are checked."""
    action = config.compute_test_value
    if action in ("raise", "ignore"):
        raise ValueError(msg)
    if action == "warn":
        warnings.warn(msg, stacklevel=2)


def debug_assert(condition: Any, msg: str | None = None) -> None:
    """Report a failed condition over test values."""
    if not condition:
        debug_error_message("debug_assert failed" if msg is None else msg)


def get_debug_values(*args: Any) -> list[tuple[Any, ...]]:
    """The test values of the arguments as a list of one tuple, or an empty list when test values are off or missing.

    Made for `for x, y in get_debug_values(a, b): ...`. With compute_test_value "raise" a missing value raises
    AttributeError.
    """
    if config.compute_test_value == "off":
        return []
    values = []
    for i, arg in enumerate(args):
        try:
            values.append(get_test_value(arg))
        except AttributeError:
            if hasattr(arg, "name") and arg.name is not None:
                missing_test_message(f"Argument {i}('{arg.name}') has no test value")
            else:
                missing_test_message(f"Argument {i} has no test value")
            return []
    return [tuple(values)]


def run_node(node: Any, values: list[Any]) -> list[Any]:
    """Run one node by its `perform`, giving values that it destroys as copies."""
    destroyed = {i for positions in (getattr(node.op, "destroy_map", None) or {}).values() for i in positions}
    given = [copy.copy(value) if i in destroyed else value for i, value in enumerate(values)]
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    node.op.run_perform(node, given, storage)
    return [cell[0] for cell in storage]


def compute_test_value(node: Any) -> None:
    """Compute the test values of a node's outputs from those of its inputs, as `config.compute_test_value` says.

    Raises ValueError for a missing value when the flag is "raise"; what the op raises comes through.
    """
    values = []
    for i, variable in enumerate(node.inputs):
        try:
            values.append(get_test_value(variable))
        except AttributeError:
            message = f"Cannot compute test value: input {i} ({variable}) of Op {node} missing default value"
            action = config.compute_test_value
            if action == "ignore":
                return
            if action == "warn":
                warnings.warn("Warning, " + message, stacklevel=3)
                return
            if action == "pdb":
                breakpoint()
                return
            raise ValueError(f"{message}. {format_trace(variable)}") from None
    run = hooks.run_node or run_node
    for output, value in zip(node.outputs, run(node, values)):
        assert value is not None
        output.tag.test_value = value
