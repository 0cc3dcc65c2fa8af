"""Features and checks around rewriting: what changed, whether the user's lines are still known."""
from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from symtensor.config import config
from symtensor.graph.trace import copy_traces
from symtensor.rewrite.base import Optimizer

__all__ = [
    "ChangeTracker", "CheckStackTraceOptimization", "CheckStrackTraceFeature", "Updater", "check_stack_trace",
    "inherit_stack_trace", "merge_dict",
]

_log = logging.getLogger("symtensor.rewrite")


class Updater:
    """A feature made of up to three functions: of an imported node, a pruned node, a changed input."""

    def __init__(self, importer: Callable[[Any], Any] | None, pruner: Callable[[Any], Any] | None,
                 chin: Callable[..., Any] | None, name: str | None = None) -> None:
        self.importer = importer
        self.pruner = pruner
        self.chin = chin
        self.name = name

    def __str__(self) -> str:
        return f"Updater{{{self.name}}}"

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        """Call the first function."""
        if self.importer is not None:
            self.importer(node)

    def on_prune(self, fgraph: Any, node: Any, reason: Any) -> None:
        """Call the second."""
        if self.pruner is not None:
            self.pruner(node)

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        """Call the third, with node, position, old and new variable, reason."""
        if self.chin is not None:
            self.chin(node, i, r, new_r, reason)

    def on_detach(self, fgraph: Any) -> None:
        """Forget the functions."""
        self.importer = self.pruner = self.chin = None


class ChangeTracker:
    """A feature that says whether and how often a graph has changed since `reset`."""

    def __init__(self) -> None:
        self.changed = False
        self.nb_imported = 0

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        """Count the node."""
        self.nb_imported += 1
        self.changed = True

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        """Note the change."""
        self.changed = True

    def reset(self) -> None:
        """Nothing has changed from here on."""
        self.changed = False

    def on_attach(self, fgraph: Any) -> None:
        """Become `fgraph.change_tracker`."""
        fgraph.change_tracker = self

    def on_detach(self, fgraph: Any) -> None:
        """Be that no longer."""
        del fgraph.change_tracker


def merge_dict(d1: dict[Any, Any], d2: dict[Any, Any]) -> dict[Any, Any]:
    """A dict with the keys of both; the values of keys that both have are added."""
    merged = dict(d1)
    for key, value in d2.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


@contextlib.contextmanager
def inherit_stack_trace(from_var: Any) -> Iterator[None]:
    """Within the block, new variables answer for the lines of `from_var`."""

    class Observer:
        """Hears of each new variable."""

        def __init__(self) -> None:
            self.seen: list[Any] = []

        def observe(self, variable: Any) -> None:
            """Note a variable."""
            self.seen.append(variable)

    observer = Observer()
    kind = type(from_var if not isinstance(from_var, (list, tuple)) else from_var[0])
    kind.append_construction_observer(observer)
    try:
        yield
    finally:
        kind.remove_construction_observer(observer)
        copy_traces(from_var if isinstance(from_var, (list, tuple)) else [from_var], observer.seen)


def check_stack_trace(f_or_fgraph: Any, ops_to_check: Any = "last", bug_print: str = "raise") -> bool:
    """Whether the outputs of nodes know the user's lines.

    `ops_to_check`: "all", "last" (the nodes that compute the graph's outputs), an op, a list of ops, or a function of a
    node. `bug_print`: what a missing trace does: "raise" (Exception), "warn", "ignore".
    """
    fgraph = f_or_fgraph
    if hasattr(f_or_fgraph, "maker"):
        fgraph = f_or_fgraph.maker.fgraph
    if bug_print not in ("raise", "warn", "ignore"):
        raise ValueError('bug_print should be one of "raise", "warn" or "ignore"')
    nodes = list(fgraph.apply_nodes)
    if ops_to_check == "last":
        wanted = {output.owner for output in fgraph.outputs}
        nodes = [node for node in nodes if node in wanted]
    elif ops_to_check != "all":
        if callable(ops_to_check) and not hasattr(ops_to_check, "make_node"):
            nodes = [node for node in nodes if ops_to_check(node)]
        else:
            ops = ops_to_check if isinstance(ops_to_check, (list, tuple)) else [ops_to_check]
            nodes = [node for node in nodes
                     if any(isinstance(op, type) and isinstance(node.op, op) or node.op == op for op in ops)]
    for node in nodes:
        for output in node.outputs:
            if getattr(output.tag, "trace", None):
                continue
            if bug_print == "raise":
                raise Exception("Empty stack trace! The optimization that inserted this variable is "
                                f"{getattr(output.tag, 'optimizer_name', 'unknown')}", output)
            if bug_print == "warn":
                warnings.warn(f"Empty stack trace of {output}", stacklevel=2)
            return False
    return True


class CheckStrackTraceFeature:
    """A feature that treats a new node without trace as `config.check_stack_trace` says."""

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        """Look at the node's outputs."""
        action = config.check_stack_trace
        if action == "off" or all(getattr(output.tag, "trace", None) for output in node.outputs):
            return
        message = f"Empty stack trace! The optimization that inserted this variable is {reason}"
        if action == "raise":
            raise AssertionError(message)
        if action == "warn":
            warnings.warn(message, stacklevel=2)
        else:
            _log.error(message)


class CheckStackTraceOptimization(Optimizer):
    """Attaches `CheckStrackTraceFeature`."""

    def add_requirements(self, fgraph: Any) -> None:
        fgraph.attach_feature(CheckStrackTraceFeature())

    def apply(self, fgraph: Any) -> None:
        """Changes nothing."""
