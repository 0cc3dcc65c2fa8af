"""Draws in loops whose new random state is dropped, so that calls draw some numbers again.

In: what a function (or the body of an outer loop) computes, and the new values of its shared variables. Out: a warning
for each random state that a loop advances while the state itself gets another new value than the loop's last one, or
none. A stream's `default_update` makes one draw: after a loop of n draws the next call's first n - 1 draws would be the
last n - 1 of this one.
"""
from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.traversal import ancestors
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.shape_ops import Shape, Shape_i
from symtensor.tensor.sharedvar import SharedVariable
from symtensor.utils.warn import warn_user

__all__ = ["warn_of_repeated_draws"]


def warn_of_repeated_draws(
    results: Sequence[Variable], new_values: Mapping[Any, Any], settled: Container[Any], what_to_do: str,
    blocked: Container[Variable] = (),
) -> None:
    """Warns of random states that a loop advances and whose new value does not come from the loop.

    results     variables that are computed; loops of which only shapes are read do not count
    new_values  those of shared variables
    settled     shared variables whose new value, or lack of one, the user chose
    what_to_do  ends the message
    blocked     variables that are given, and not computed from others
    """
    said: set[Apply] = set()
    for state, nodes in _drawing_loops([*results, *new_values.values()], blocked).items():
        if state in settled or nodes[0] in said:
            continue
        new = new_values.get(state)
        if new is not None and any(x.owner in nodes for x in ancestors([new])):
            continue
        said.add(nodes[0])
        warn_user(
            f"the updates of {_named(nodes[0])} are dropped: it draws random numbers in each of its steps, and some of "
            f"them would be drawn again next time. {what_to_do}",
            UserWarning,
        )


def _drawing_loops(results: Sequence[Variable], blocked: Container[Variable]) -> dict[Any, list[Apply]]:
    """The loops that results are computed by, for each shared random state that they carry."""
    found: dict[Any, list[Apply]] = {}
    seen: set[Apply] = set()
    stack = list(reversed(results))
    while stack:
        variable = stack.pop()
        node = variable.owner
        if node is None or node in seen or variable in blocked or isinstance(node.op, (Shape, Shape_i)):
            continue
        seen.add(node)
        if isinstance(node.op, Scan):
            for x in node.op.info.outer_inputs(node.inputs).shared:
                if isinstance(x, SharedVariable) and _is_random_state(x):
                    found.setdefault(x, []).append(node)
        stack.extend(reversed(node.inputs))
    return found


def _is_random_state(x: Any) -> bool:
    return getattr(x.type, "is_random_state", False) or getattr(x.tag, "is_rng", False)


def _named(node: Apply) -> str:
    """A loop, and the user's line that made it."""
    traces = getattr(node.outputs[0].tag, "trace", None)
    if not traces or not traces[0]:
        return f"the loop {node.op}"
    filename, line, function, text = traces[0][-1]
    return f"the loop {node.op} (file \"{filename}\", line {line}, in {function}: {text})"
