"""Features: objects attached to a `FunctionGraph` that hear of every change to it, and some that put methods on it.

A feature is any object with some of the methods of `Feature`. `ReplaceValidate` is what rewriting uses: it gives the
graph `replace_validate`, which takes a replacement back when another feature's `validate` objects.
"""
from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from symtensor.config import config
from symtensor.graph.errors import (
    AlreadyThere,
    BadOptimization,
    InconsistencyError,
    ReplacementDidntRemovedError,
)
from symtensor.graph.traversal import io_toposort
from symtensor.utils.ordered import OrderedSet

__all__ = [
    "AlreadyThere", "BadOptimization", "Bookkeeper", "Feature", "GetCheckpoint", "History", "LambdExtract",
    "NodeFinder", "NoOutputFromInplace", "PreserveNames", "PreserveVariableAttributes", "PrintListener",
    "ReplaceValidate", "ReplacementDidntRemovedError", "Validator",
]

_log = logging.getLogger("symtensor")


class Feature:
    """The methods that a feature may have; each of them does nothing here."""

    def on_attach(self, function_graph: Any) -> None:
        """The feature is being attached. Raise `AlreadyThere` if the graph has one already: it is then not attached."""

    def on_detach(self, function_graph: Any) -> None:
        """The feature is being removed: undo what `on_attach` did."""

    def on_import(self, function_graph: Any, node: Any, reason: Any) -> None:
        """`node` has become part of the graph; its inputs are part of it already."""

    def on_prune(self, function_graph: Any, node: Any, reason: Any) -> None:
        """`node` has left the graph."""

    def on_change_input(self, function_graph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        """Input `i` of `node` (or output `i` of the graph, when `node` is "output") was `r` and is `new_r` now."""

    def orderings(self, function_graph: Any) -> Any:
        """Further constraints on the order: a dict from a node to the nodes that must run before it."""
        return {}


class Bookkeeper(Feature):
    """A feature that hears of the nodes there already, as if they were imported and pruned, when attached and
    removed."""

    def on_attach(self, fgraph: Any) -> None:
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_import(fgraph, node, "on_attach")

    def on_detach(self, fgraph: Any) -> None:
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_prune(fgraph, node, "Bookkeeper.detach")


class GetCheckpoint:
    """`fgraph.checkpoint()`: a mark in the history."""

    def __init__(self, history: History, fgraph: Any) -> None:
        self.history = history
        self.fgraph = fgraph
        self.nb = 0

    def __call__(self) -> int:
        self.history.history[self.fgraph] = []
        self.nb += 1
        return self.nb


class LambdExtract:
    """How to take one change back: puts input `i` of `node` to `r`."""

    def __init__(self, fgraph: Any, node: Any, i: Any, r: Any, reason: Any = None) -> None:
        self.fgraph = fgraph
        self.node = node
        self.i = i
        self.r = r
        self.reason = reason

    def __call__(self) -> None:
        self.fgraph.change_input(self.node, self.i, self.r, reason=("Revert", self.reason))


class History(Feature):
    """Remembers changes since the last checkpoint: `fgraph.checkpoint()` makes one, `fgraph.revert(mark)` goes back
    to it."""

    pickle_rm_attr = ["checkpoint", "revert"]

    def __init__(self) -> None:
        self.history: dict[Any, Any] = {}

    def on_attach(self, fgraph: Any) -> None:
        if hasattr(fgraph, "checkpoint") or hasattr(fgraph, "revert"):
            raise AlreadyThere("History feature is already present or in conflict with another plugin.")
        self.history[fgraph] = []
        History.unpickle(self, fgraph)

    def unpickle(self, fgraph: Any) -> None:
        """Put the methods on the graph again."""
        self.history.setdefault(fgraph, [])
        fgraph.checkpoint = GetCheckpoint(self, fgraph)
        fgraph.revert = partial(self.revert, fgraph)

    def on_detach(self, fgraph: Any) -> None:
        del fgraph.checkpoint
        del fgraph.revert
        del self.history[fgraph]

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        changes = self.history.get(fgraph)
        if changes is None:
            return
        changes.append(LambdExtract(fgraph, node, i, r, reason))

    def revert(self, fgraph: Any, checkpoint: int) -> None:
        """Take back every change since the checkpoint."""
        changes = self.history[fgraph]
        self.history[fgraph] = None
        assert fgraph.checkpoint.nb == checkpoint
        while changes:
            changes.pop()()
        self.history[fgraph] = changes

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "history": {}}


class Validator(Feature):
    """Gives the graph `validate()`, which asks every feature that has a method `validate`, and `consistent()`."""

    pickle_rm_attr = ["validate", "consistent"]

    def on_attach(self, fgraph: Any) -> None:
        for attr in ("validate", "validate_time"):
            if hasattr(fgraph, attr):
                raise AlreadyThere("Validator feature is already present or in conflict with another plugin.")
        Validator.unpickle(self, fgraph)

    def unpickle(self, fgraph: Any) -> None:
        """Put the methods on the graph again."""
        fgraph.validate = partial(self.validate_, fgraph)
        fgraph.consistent = partial(self.consistent_, fgraph)

    def on_detach(self, fgraph: Any) -> None:
        del fgraph.validate
        del fgraph.consistent

    def validate_(self, fgraph: Any) -> None:
        """Raise what a feature's `validate` raises (InconsistencyError) when the graph is not valid."""
        fgraph.execute_callbacks("validate")

    def consistent_(self, fgraph: Any) -> bool:
        """Whether `validate` passes."""
        try:
            fgraph.validate()
            return True
        except Exception:
            return False


class ReplaceValidate(History, Validator):
    """Gives the graph `replace_validate`, `replace_all_validate` and `replace_all_validate_remove`."""

    pickle_rm_attr = [
        "replace_validate", "replace_all_validate", "replace_all_validate_remove",
        *History.pickle_rm_attr, *Validator.pickle_rm_attr,
    ]

    def on_attach(self, fgraph: Any) -> None:
        for attr in ("replace_validate", "replace_all_validate", "replace_all_validate_remove"):
            if hasattr(fgraph, attr):
                raise AlreadyThere("ReplaceValidate feature is already present or in conflict with another plugin.")
        self._nodes_removed: set[Any] = set()
        self.fail_validate: Any = False
        History.on_attach(self, fgraph)
        Validator.on_attach(self, fgraph)
        ReplaceValidate.unpickle(self, fgraph)

    def unpickle(self, fgraph: Any) -> None:
        """Put the methods on the graph again."""
        History.unpickle(self, fgraph)
        Validator.unpickle(self, fgraph)
        fgraph.replace_validate = partial(self.replace_validate, fgraph)
        fgraph.replace_all_validate = partial(self.replace_all_validate, fgraph)
        fgraph.replace_all_validate_remove = partial(self.replace_all_validate_remove, fgraph)

    def on_detach(self, fgraph: Any) -> None:
        History.on_detach(self, fgraph)
        Validator.on_detach(self, fgraph)
        del fgraph.replace_validate
        del fgraph.replace_all_validate
        del fgraph.replace_all_validate_remove

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        if node in self._nodes_removed:
            self.fail_validate = ReplacementDidntRemovedError()

    def validate(self, fgraph: Any) -> None:
        """Refuse a replacement that brings back a node which `replace_all_validate_remove` had declared removed."""
        if self.fail_validate:
            error, self.fail_validate = self.fail_validate, False
            raise error

    def replace_validate(self, fgraph: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        """Replace one variable by another unless that makes the graph invalid."""
        self.replace_all_validate(fgraph, [(r, new_r)], reason=reason)

    def replace_all_validate(self, fgraph: Any, replacements: Sequence[tuple[Any, Any]], reason: Any = None,
                             verbose: bool | None = None) -> int:
        """Replace each first variable by the second; when a feature objects, take all of it back and raise its error.

        Returns the checkpoint before the replacements. A replacement of another type raises `BadOptimization`.
        """
        mark = fgraph.checkpoint()
        if verbose is None:
            verbose = config.optimizer_verbose
        for r, new_r in replacements:
            try:
                fgraph.replace(r, new_r, reason=reason, verbose=False)
            except Exception as error:
                text = str(error)
                expected = ("The type of the replacement must be the same", "does not belong to this FunctionGraph")
                if not any(part in text for part in expected):
                    _log.error("<<!! BUG IN FGRAPH.REPLACE OR A LISTENER !!>> %s %s %s", type(error), error, reason)
                fgraph.revert(mark)
                raise
        try:
            fgraph.validate()
        except Exception as error:
            fgraph.revert(mark)
            if verbose:
                names = ", ".join(str(r) for r, _ in replacements)
                print(f"validate failed on node {names}.\n Reason: {reason}, {error}")
            raise
        if verbose:
            for r, new_r in replacements:
                print(reason, r, new_r)
        return mark

    def replace_all_validate_remove(self, fgraph: Any, replacements: Sequence[tuple[Any, Any]], remove: Sequence[Any],
                                    reason: Any = None, warn: bool = True) -> None:
        """As `replace_all_validate`, and take it back with `ReplacementDidntRemovedError` unless the nodes (or
        variables) in `remove` have left the graph."""
        mark = fgraph.replace_all_validate(replacements, reason)
        self._nodes_removed.update(remove)
        for item in remove:
            if item in fgraph.apply_nodes or item in fgraph.variables:
                fgraph.revert(mark)
                self._nodes_removed.difference_update(remove)
                if warn:
                    print("WARNING: An optimization wanted to replace a Variable in the graph, but the replacement "
                          "for it doesn't remove it. We disabled the optimization. Your function runs correctly.",
                          file=sys.stderr)
                    print(reason, replacements, file=sys.stderr)
                raise ReplacementDidntRemovedError()

    def __getstate__(self) -> dict[str, Any]:
        state = History.__getstate__(self)
        state["_nodes_removed"] = set()
        return state


class NodeFinder(Bookkeeper):
    """Gives the graph `get_nodes(op)`: the nodes that apply an op, in the order in which they came."""

    def __init__(self) -> None:
        self.fgraph: Any = None
        self.d: dict[Any, OrderedSet[Any]] = {}

    def on_attach(self, fgraph: Any) -> None:
        if self.fgraph is not None:
            raise Exception("A NodeFinder instance can only serve one FunctionGraph.")
        if hasattr(fgraph, "get_nodes"):
            raise AlreadyThere("NodeFinder is already present or in conflict with another plugin.")
        self.fgraph = fgraph
        fgraph.get_nodes = partial(self.query, fgraph)
        Bookkeeper.on_attach(self, fgraph)

    def on_detach(self, fgraph: Any) -> None:
        if self.fgraph is not fgraph:
            raise Exception("This NodeFinder instance was not attached to the provided fgraph.")
        self.fgraph = None
        self.d.clear()
        del fgraph.get_nodes

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        try:
            self.d.setdefault(node.op, OrderedSet()).add(node)
        except TypeError:  # an op that cannot be hashed is never found
            return

    def on_prune(self, fgraph: Any, node: Any, reason: Any) -> None:
        try:
            nodes = self.d.get(node.op)
        except TypeError:
            return
        if nodes is not None:
            nodes.discard(node)
            if not nodes:
                del self.d[node.op]

    def query(self, fgraph: Any, op: Any) -> list[Any]:
        """The nodes with this op; TypeError when the op cannot be hashed."""
        try:
            return list(self.d.get(op, ()))
        except TypeError:
            raise TypeError(f"{op} in unhashable and cannot be queried by the optimizer") from None

    pickle_rm_attr = ["get_nodes"]

    def unpickle(self, fgraph: Any) -> None:
        """Put the method on the graph again."""
        fgraph.get_nodes = partial(self.query, fgraph)


class PrintListener(Feature):
    """Prints every change of the graph while `active`."""

    def __init__(self, active: bool = True) -> None:
        self.active = active

    def on_attach(self, fgraph: Any) -> None:
        if self.active:
            print("-- attaching to: ", fgraph)

    def on_detach(self, fgraph: Any) -> None:
        if self.active:
            print("-- detaching from: ", fgraph)

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        if self.active:
            print(f"-- importing: {node}, reason: {reason}")

    def on_prune(self, fgraph: Any, node: Any, reason: Any) -> None:
        if self.active:
            print(f"-- pruning: {node}, reason: {reason}")

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        if self.active:
            print(f"-- changing ({node}.inputs[{i}]) from {r} to {new_r}")


class PreserveNames(Feature):
    """A variable without name that takes the place of a named one gets its name."""

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        if r.name is not None and new_r.name is None:
            new_r.name = r.name


class PreserveVariableAttributes(Feature):
    """As `PreserveNames`, and the tag's `nan_guard_mode_check` goes along too."""

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        if r.name is not None and new_r.name is None:
            new_r.name = r.name
        if getattr(r.tag, "nan_guard_mode_check", False) and getattr(new_r.tag, "nan_guard_mode_check", False) is False:
            new_r.tag.nan_guard_mode_check = r.tag.nan_guard_mode_check


class NoOutputFromInplace(Feature):
    """Objects to outputs (from number `first_output_idx` up to `last_output_idx`) that are computed in place."""

    def __init__(self, first_output_idx: int = 0, last_output_idx: int | None = None) -> None:
        self.first_idx = first_output_idx
        self.last_idx = last_output_idx

    def validate(self, fgraph: Any) -> bool:
        """Raise `InconsistencyError` for an output whose op destroys an input to make it."""
        if not hasattr(fgraph, "destroyers"):
            return True
        for output in list(fgraph.outputs[self.first_idx:self.last_idx]):
            node = output.owner
            if node is None:
                continue
            if output.index in (getattr(node.op, "destroy_map", None) or {}):
                raise InconsistencyError(
                    "A function graph Feature has requested that outputs of the graph be prevented from being the "
                    f"result of in-place operations. This has prevented output {output} from being computed by "
                    "modifying another variable in-place.")
        return True
