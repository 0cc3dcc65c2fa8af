"""The in-process memory of compiled graphs: making the same function again skips rewriting, lowering and compiling.

In: a maker's specifications, before its graph is copied or rewritten, and its mode. Out: a key that is equal for graphs
of the same ops, types, constants, names and user's lines (so that errors name the right ones) under the same settings;
and what was remembered under it: the rewritten graph on variables of its own, and its `Code`. Not remembered: graphs
with large constants or with tags that rewrites might read, modes of the user's own, functions that are profiled.

An entry holds no shared variable and no array of a user, only constants.
"""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symtensor.compile.link import CLinker, OpWiseCLinker, PerformLinker, VM_Linker
from symtensor.compile.mode import Mode
from symtensor.config import config
from symtensor.configparser import _config_var_list
from symtensor.graph.basic import Constant, Variable
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.trace import copy_traces
from symtensor.graph.traversal import clone_get_equiv, io_toposort
from symtensor.rewrite.optdb import Query, optdb
from symtensor.runtime.cuda.device import current

__all__ = ["Remembered", "forget", "on_own_variables", "on_variables", "recall", "remember", "spec_key"]

_LINKERS = (CLinker, OpWiseCLinker, PerformLinker, VM_Linker)
_LARGE = 1 << 14  # bytes of a constant
_LIMIT = 64  # entries
_HARMLESS_TAGS = {"trace", "test_value"}


@dataclass(frozen=True)
class Remembered:
    """graph: rewritten, on variables of its own. code: what runs it. kept: objects whose ids stand in the key."""

    graph: FunctionGraph
    code: Any
    kept: tuple[Any, ...]


_memory: OrderedDict[Any, Remembered] = OrderedDict()
_lock = threading.Lock()


def recall(key: Any) -> Remembered | None:
    """What is remembered under a key."""
    with _lock:
        found = _memory.get(key)
        if found is not None:
            _memory.move_to_end(key)
        return found


def remember(key: Any, entry: Remembered) -> None:
    """Keeps an entry; the one that was used least recently makes room."""
    with _lock:
        _memory[key] = entry
        while len(_memory) > _LIMIT:
            _memory.popitem(last=False)


def forget() -> None:
    """Forgets everything."""
    with _lock:
        _memory.clear()


def on_own_variables(fgraph: FunctionGraph) -> FunctionGraph:
    """A copy of a graph whose inputs are plain variables (not shared ones, which would keep their values alive)."""
    memo: dict[Any, Any] = {v: v.type.make_variable(v.name) for v in fgraph.inputs}
    for v, own in memo.items():
        copy_traces([v], [own])
    equiv = clone_get_equiv(fgraph.inputs, fgraph.outputs, memo=memo)
    return FunctionGraph([equiv[v] for v in fgraph.inputs], [equiv[v] for v in fgraph.outputs], clone=False,
                         update_mapping=fgraph.update_mapping)


def on_variables(entry: Remembered, variables: Sequence[Variable]) -> FunctionGraph:
    """A copy of a remembered graph on copies of the given inputs."""
    graph = entry.graph
    memo: dict[Any, Any] = {v: new.clone() for v, new in zip(graph.inputs, variables)}
    equiv = clone_get_equiv(graph.inputs, graph.outputs, memo=memo)
    return FunctionGraph([equiv[v] for v in graph.inputs], [equiv[v] for v in graph.outputs], clone=False,
                         update_mapping=graph.update_mapping)


def _flags() -> tuple[Any, ...]:
    """The values of all flags: which of them can matter is nobody's knowledge for long."""
    return tuple([str(flag.val) for flag in _config_var_list])


def _mode_key(mode: Any) -> Any:
    """A key for a plain mode of the library's own linkers and a query; None for any other."""
    if type(mode) is not Mode or type(mode.linker) not in _LINKERS or type(mode._optimizer) is not Query:
        return None
    linker, query = mode.linker, mode._optimizer
    if linker._schedule is not None or linker.consumer == "perform" or query.extra_optimizations or query.subquery:
        return None
    return (type(linker), linker.consumer, bool(linker.allow_gc), getattr(linker, "nice_errors", True),
            getattr(linker, "fallback_on_perform", True), tuple(query.include), tuple(query.require),
            tuple(query.exclude), query.position_cutoff)


def _device_key(inputs: Sequence[Any]) -> Any:
    """The device that functions are made for now, and which inputs' values may live there."""
    device = current()
    return None if device is None else (device.name, tuple(bool(spec.implicit) for spec in inputs))


def spec_key(inputs: Sequence[Any], outputs: Sequence[Any], mode: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """The key of a function's specification and the objects whose ids it holds; None where nothing may be
    remembered."""
    settings = _mode_key(mode)
    if settings is None or config.compute_test_value != "off":
        return None
    builder = _Builder([spec.variable for spec in inputs])
    updates = tuple((i, spec.update) for i, spec in enumerate(inputs) if spec.update is not None)
    wanted = [spec.variable for spec in outputs] + [update for _, update in updates]
    try:
        nodes = builder.nodes(wanted)
        given = tuple((v.type, v.name, getattr(spec, "borrow", None), spec.mutable, builder.lines(v))
                      for spec, v in zip(inputs, builder.inputs))
        key = (settings, nodes, given, tuple((builder.code(spec.variable), spec.borrow) for spec in outputs),
               tuple((i, builder.code(update)) for i, update in updates), optdb.total_version(), _flags(),
               _device_key(inputs))
        hash(key)
    except (_NotRemembered, TypeError):  # TypeError: an op, a type or a constant without a hash
        return None
    return key, tuple(builder.kept)


class _NotRemembered(Exception):
    """Something in the graph that a key cannot hold."""


class _Builder:
    """Numbers the variables of a graph and writes its nodes down."""

    def __init__(self, inputs: list[Variable]) -> None:
        self.inputs = inputs
        self.codes: dict[Variable, Any] = {v: i for i, v in enumerate(inputs)}
        self.kept: list[Any] = []

    def nodes(self, outputs: list[Variable]) -> tuple[Any, ...]:
        """One entry a node: op, inputs, types and names of outputs, the user's lines."""
        found = []
        codes = self.codes
        number = len(codes)
        for node in io_toposort(self.inputs, outputs):
            inputs = tuple([codes[v] if v in codes else self.code(v) for v in node.inputs])
            made = []
            for v in node.outputs:
                self.look_at_tag(v)
                codes[v] = number
                number += 1
                made.append((v.type, v.name))
            found.append((node.op, inputs, tuple(made), self.look_at_tag(node)))
        return tuple(found)

    def code(self, variable: Variable) -> Any:
        """The number of a variable, or the content of a constant."""
        known = self.codes.get(variable)
        if known is not None:
            return known
        if not isinstance(variable, Constant) or getattr(variable.data, "nbytes", 0) > _LARGE:
            raise _NotRemembered
        self.look_at_tag(variable)
        return "constant", variable.name, variable.merge_signature()

    def look_at_tag(self, thing: Any) -> tuple[int, ...]:
        """`lines`; anything else in the tag forbids remembering."""
        tag = thing.tag.__dict__
        if not tag.keys() <= _HARMLESS_TAGS:
            raise _NotRemembered
        return self.lines(thing)

    def lines(self, thing: Any) -> tuple[int, ...]:
        """The ids of the lines that made a node or variable."""
        frames = getattr(thing.tag, "trace", None) or ()
        self.kept.extend(frames)
        return tuple(map(id, frames))
