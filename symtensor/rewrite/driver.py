"""The driver: applies local rewriters to a graph until nothing changes, in time near-linear in the graph.

A worklist holds the nodes to look at: at first all, in topological order, then those that a replacement has made, those
whose inputs it has changed (up to `reach` steps towards the outputs) and those whose input it has left with one user.
When the worklist is empty, all that lies around what has changed is looked at again, and must not change, or it goes on
(rules may read trees that are deeper than `reach`). A rule that fires
too often for the size of the graph stops the stage; a rule that would undo what others made of a node (A becomes B
becomes A) is stopped at that node.
"""
from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Constant
from symtensor.graph.features import Feature, ReplaceValidate
from symtensor.rewrite.apply import rewrite_node, warn_failure
from symtensor.rewrite.base import name_of
from symtensor.rewrite.dispatch import Dispatch
from symtensor.rewrite.log import RewriteLog, log_of
from symtensor.rewrite.merge import constant_key
from symtensor.utils.memory import collector_paused

__all__ = ["Worklist", "run_to_fixed_point", "run_once"]

_log = logging.getLogger("symtensor.rewrite")

_REACH = 2
_FAR = 8  # steps from a change to where rules may still see it
_ANCESTRY = 32
_ROUNDS = 50


class Worklist(Feature):
    """The nodes still to look at. As a feature of the graph it learns of what changes."""

    def __init__(self, dispatch: Dispatch, follow: bool, new_nodes: bool) -> None:
        self.dispatch = dispatch
        self.follow = follow
        self.new_nodes = new_nodes
        self.queue: deque[Any] = deque()
        self.waiting: set[Any] = set()
        self.changes = 0
        self.imported: list[Any] = []
        self.touched: dict[Any, None] = {}  # what has changed, or is used by others than before

    def push(self, node: Any) -> None:
        """Look at a node (again) later, if any rewriter is for its op."""
        if node not in self.waiting and self.dispatch(node.op):
            self.waiting.add(node)
            self.queue.append(node)

    def pop(self) -> Any:
        """The next node."""
        node = self.queue.popleft()
        self.waiting.discard(node)
        return node

    def around_changes(self, fgraph: Any) -> list[Any]:
        """The nodes for which rules may see something new since this was asked last: those that changed, and those that
        compute with what they compute. In topological order."""
        found = {node for node in self.touched if getattr(node, "fgraph", None) is fgraph}
        level = list(found)
        for _ in range(_FAR):
            level = list(dict.fromkeys(user for node in level for output in node.outputs for user, _ in output.clients
                                       if user != "output" and user not in found))
            found.update(level)
        self.touched.clear()
        return [node for node in fgraph.toposort() if node in found] if found else []

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        self.imported.append(node)
        self.touched[node] = None
        if self.new_nodes:
            self.push(node)

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        self.changes += 1
        for maker in (r.owner, new_r.owner):
            if maker is not None:
                self.touched[maker] = None
        if node == "output":
            return
        self.touched[node] = None
        if not self.follow:
            return
        level = [node]
        for step in range(_REACH):
            for item in level:
                self.push(item)
            if step < _REACH - 1:
                level = [user for item in level for output in item.outputs if len(output.clients) <= 16
                         for user, _ in output.clients if user != "output"]

    def on_prune(self, fgraph: Any, node: Any, reason: Any) -> None:
        if not self.follow:
            return
        for variable in node.inputs:
            if variable.owner is not None:
                self.touched[variable.owner] = None
            clients: Any = getattr(variable, "clients", ())
            if len(clients) == 1:
                user = clients[0][0]
                if user != "output":
                    self.push(user)


class _Ancestry:
    """Which rules made a node out of which nodes: finds a rule that is about to go in a circle."""

    def __init__(self) -> None:
        self.made_by: dict[Any, tuple[str, Any, Any]] = {}

    def key(self, node: Any) -> Any:
        """What makes two nodes the same: their op and inputs, constants by value. Holds the variables, so that none of
        them can be mistaken for a later one at the same address."""
        inputs = tuple([constant_key(v) if isinstance(v, Constant) else v for v in node.inputs])
        try:
            hash(node.op)
            return (node.op, inputs)
        except TypeError:
            return (id(node.op), inputs)

    def in_circle(self, node: Any, rule: str) -> bool:
        """Whether `rule` has already fired on a node like this one, and this one came out of it."""
        event = self.made_by.get(node)
        if event is None:
            return False
        key = self.key(node)
        for _ in range(_ANCESTRY):
            if event is None:
                return False
            fired, fired_on, event = event
            if fired == rule and fired_on == key:
                return True
        return False

    def note(self, node: Any, rule: str, new_nodes: Iterable[Any]) -> None:
        """`rule` has turned `node` into `new_nodes`."""
        event: Any = None
        for new in new_nodes:
            if event is None:
                event = (rule, self.key(node), self.made_by.pop(node, None))
            self.made_by[new] = event


def run_to_fixed_point(fgraph: Any, rewriters: Iterable[Any] | Dispatch, *, final: Iterable[Any] = (),
                       cleanup: Iterable[Any] = (), whole: Iterable[Any] = (), max_use_ratio: float | None = None,
                       on_failure: Callable[[BaseException, Any, Any], None] = warn_failure) -> RewriteLog:
    """Apply local rewriters until none of them changes the graph any more; returns the graph's log.

    whole      optimizers of whole graphs that run before each pass
    final      optimizers of whole graphs that run whenever the local ones have come to an end
    cleanup    the same, after those
    """
    dispatch = rewriters if isinstance(rewriters, Dispatch) else Dispatch(rewriters)
    log = log_of(fgraph)
    fgraph.attach_feature(ReplaceValidate())
    whole, final, cleanup = list(whole), list(final), list(cleanup)
    ratio = config.optdb.max_use_ratio if max_use_ratio is None else max_use_ratio
    limit = ratio * max(len(fgraph.apply_nodes), 16)
    uses: dict[str, int] = {}
    work = Worklist(dispatch, follow=True, new_nodes=True)
    ancestry = _Ancestry()
    # Rules look at what is around their node, users' rewriters anywhere.
    near = all(getattr(rewriter, "pure", False) for rewriter in dispatch.rewriters)

    def may_fire(node: Any, rewriter: Any) -> bool:
        name = name_of(rewriter)
        if ancestry.in_circle(node, name):
            log.cycles.append((name, str(node)))
            return False
        return True

    def run_whole(optimizers: list[Any]) -> None:
        for item in optimizers:
            item.apply(fgraph)

    fgraph.attach_feature(work)
    try:
        with collector_paused():
            for _ in range(_ROUNDS):
                changes = work.changes
                run_whole(whole)
                for node in work.around_changes(fgraph) if changes and near else fgraph.toposort():
                    work.push(node)
                while True:
                    while work.queue:
                        node = work.pop()
                        if getattr(node, "fgraph", None) is not fgraph:
                            continue
                        for rewriter in dispatch(node.op):
                            work.imported.clear()
                            if not rewrite_node(fgraph, node, rewriter, log, may_fire, on_failure):
                                continue
                            name = name_of(rewriter)
                            uses[name] = uses.get(name, 0) + 1
                            ancestry.note(node, name, work.imported)
                            if uses[name] > limit:
                                _too_often(name, ratio)
                                return log
                            if getattr(node, "fgraph", None) is not fgraph:
                                break
                    run_whole(final)
                    run_whole(cleanup)
                    if not work.queue:
                        break
                if work.changes == changes:
                    break
    finally:
        fgraph.remove_feature(work)
    return log


def _too_often(name: str, ratio: float) -> None:
    message = (f"EquilibriumOptimizer max'ed out by '{name}'. You can safely raise the current threshold of {ratio} "
               "with the flag 'optdb.max_use_ratio'.")
    if config.on_opt_error == "raise":
        raise AssertionError(message)
    _log.error(message)


def run_once(fgraph: Any, rewriters: Iterable[Any] | Dispatch, *, order: str = "in_to_out",
             ignore_newtrees: bool = True, start_from: Any = None,
             on_failure: Callable[[BaseException, Any, Any], None] = warn_failure) -> RewriteLog:
    """Offer every node once, from inputs to outputs or the other way; nodes that come in too, unless ignored."""
    dispatch = rewriters if isinstance(rewriters, Dispatch) else Dispatch(rewriters)
    log = log_of(fgraph)
    fgraph.attach_feature(ReplaceValidate())
    nodes = fgraph.toposort()
    if start_from is not None:
        wanted = set(start_from)
        nodes = [node for node in nodes if any(v in wanted for v in (*node.outputs, *node.inputs))]
    work = Worklist(dispatch, follow=False, new_nodes=not ignore_newtrees)
    for node in nodes if order == "in_to_out" else reversed(nodes):
        work.push(node)
    fgraph.attach_feature(work)
    try:
        with collector_paused():
            while work.queue:
                node = work.pop()
                if getattr(node, "fgraph", None) is not fgraph:
                    continue
                for rewriter in dispatch(node.op):
                    if rewrite_node(fgraph, node, rewriter, log, None, on_failure):
                        if getattr(node, "fgraph", None) is not fgraph:
                            break
    finally:
        fgraph.remove_feature(work)
    return log
