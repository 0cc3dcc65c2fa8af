"""What may share memory with what in a graph, as the ops' `view_map` and `destroy_map` tell.

Compiled functions do not rest on these: the bufferiser decides what shares memory. They answer programs that ask, and
`Supervisor` refuses in-place graphs that would overwrite what a caller wants to keep.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Variable
from symtensor.graph.errors import InconsistencyError
from symtensor.graph.traversal import view_roots

__all__ = [
    "Supervisor", "alias_root", "check_equal", "fgraph_updated_vars", "infer_reuse_pattern", "register_checker",
    "view_tree_set",
]

_checkers: list[Callable[[Any, Any], bool]] = []


def register_checker(checker: Callable[[Any, Any], bool]) -> None:
    """Adds a comparison that `check_equal` asks before the others; it raises NotImplementedError for what it cannot
    compare."""
    _checkers.insert(0, checker)


def check_equal(x: Any, y: Any) -> bool:
    """Whether two values are equal: by the registered checkers, as arrays, or by `==`."""
    for checker in _checkers:
        try:
            return bool(checker(x, y))
        except NotImplementedError:
            continue
    if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
        return bool(np.array_equal(x, y))
    return bool(x == y)


def alias_root(v: Variable) -> Variable:
    """The variable whose memory `v` is, following views and overwritten inputs. Several sources raise Exception."""
    while v.owner is not None:
        sources = _sources(v)
        if len(sources) > 1:
            raise Exception(f"{v} is a view/destroyed version of more then one inputs. "
                            "Currently, we only support the case where an output is a view or a destroyed version of "
                            "one input.")
        if not sources:
            return v
        v = sources[0]
    return v


def _sources(v: Variable) -> list[Variable]:
    node = v.owner
    assert node is not None
    position = node.outputs.index(v)
    view = (getattr(node.op, "view_map", None) or {}).get(position, [])
    destroyed = (getattr(node.op, "destroy_map", None) or {}).get(position, [])
    return [node.inputs[i] for i in (*view, *destroyed)]


def view_tree_set(v: Variable, treeset: set[Variable]) -> None:
    """Adds `v` and every variable of its graph that is a view or an overwritten version of it to `treeset`."""
    todo = [v]
    while todo:
        variable = todo.pop()
        treeset.add(variable)
        for client, _ in getattr(variable, "clients", ()):
            if client == "output":
                continue
            todo.extend(out for out in client.outputs if variable in _sources(out) and out not in treeset)


def infer_reuse_pattern(fgraph: Any, outputs_to_disown: Sequence[Variable]) -> set[Variable]:
    """Every variable of a graph that may share memory with one of `outputs_to_disown`."""
    found: set[Variable] = set()
    for output in outputs_to_disown:
        view_tree_set(alias_root(output), found)
    return {v for v in found if v.owner is not None}


def fgraph_updated_vars(fgraph: Any, expanded_inputs: Sequence[Any]) -> dict[Variable, Variable]:
    """For each input with an update the graph's input variable and its new value, which stand at the end of the
    outputs."""
    potential = list(fgraph.outputs)
    if len(expanded_inputs) != len(fgraph.inputs):
        raise ValueError("expanded_inputs must match len(fgraph.inputs)")
    updated = {}
    for spec, variable in reversed(list(zip(expanded_inputs, fgraph.inputs))):
        if spec.update is not None:
            updated[variable] = potential.pop()
    return updated


class Supervisor:
    """A feature of graphs: refuses changes after which an op would overwrite one of the `protected` variables."""

    def __init__(self, protected: Sequence[Variable]) -> None:
        self.protected = list(protected)

    def validate(self, fgraph: Any) -> None:
        """Raises InconsistencyError when a node destroys a protected variable or a view of one."""
        protected = set(self.protected)
        for node in fgraph.apply_nodes:
            for positions in (getattr(node.op, "destroy_map", None) or {}).values():
                for i in positions:
                    for root in view_roots(node.inputs[i]):
                        if root in protected:
                            raise InconsistencyError(f"Trying to destroy protected Variables: {root} by {node}")
