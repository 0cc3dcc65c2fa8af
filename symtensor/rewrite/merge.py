"""Merging: nodes with the same op and the same inputs become one, constants with the same bytes and type become one.

One pass in topological order, near-linear. Never merged: values that only compare equal (0.0 and -0.0, 1 and 1.0, int32
and int64 ones), outputs of different type, ops that cannot be hashed, nodes that overwrite an input.
"""
from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Any

import numpy as np

from symtensor.graph.basic import Constant
from symtensor.graph.errors import AlreadyThere, InconsistencyError
from symtensor.graph.features import Feature, ReplaceValidate
from symtensor.rewrite.base import Optimizer
from symtensor.rewrite.log import log_of
from symtensor.utils.memory import collector_paused

__all__ = ["MergeOptimizer", "constant_key", "merge"]

_LARGE = 4096


def constant_key(constant: Any) -> Hashable:
    """What two constants must share to be one: type, dtype, shape and bytes; for other objects the type and the
    object's own equality if it has a hash, else its identity."""
    data = constant.data
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype != object:
        array = np.asarray(data)
        raw = array.tobytes()
        if len(raw) > _LARGE:
            raw = hashlib.blake2b(raw, digest_size=32).digest()
        return (constant.type, array.dtype.str, array.shape, raw)
    if isinstance(data, (bool, int, str, bytes, type(None))):
        return (constant.type, type(data), data)
    if isinstance(data, float):
        return (constant.type, float, data.hex())
    if isinstance(data, slice):
        parts = (data.start, data.stop, data.step)
        if all(part is None or isinstance(part, int) for part in parts):
            return (constant.type, slice, parts)
    try:
        signature = constant.merge_signature()
        hash(signature)
        return ("signature", constant.type, signature)
    except (TypeError, ValueError, NotImplementedError):
        return ("object", id(data))


class _Changes(Feature):
    """Knows whether a graph has changed since it was last merged."""

    def __init__(self) -> None:
        self.dirty = True
        self.attached = False

    def on_attach(self, fgraph: Any) -> None:
        # Also refuses a copy of the graph that wants to share this object.
        if self.attached or any(type(feature) is _Changes for feature in fgraph._features):
            raise AlreadyThere()
        self.attached = True

    def on_import(self, fgraph: Any, node: Any, reason: Any) -> None:
        self.dirty = True

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        self.dirty = True


def merge(fgraph: Any) -> int:
    """Merge what is the same in a graph; returns how many constants and nodes disappeared."""
    fgraph.attach_feature(ReplaceValidate())
    fgraph.attach_feature(_Changes())
    changes = next(feature for feature in fgraph._features if type(feature) is _Changes)
    if not changes.dirty:
        return 0
    with collector_paused():
        merged = _merge(fgraph)
    changes.dirty = False
    return merged


def _merge(fgraph: Any) -> int:
    fgraph.checkpoint()  # what follows is not to be taken back
    merged = 0
    constants: dict[Hashable, Any] = {}
    nodes: dict[Hashable, Any] = {}
    seen: set[Any] = set()

    def unite(constant: Any) -> None:
        nonlocal merged
        if constant in seen:
            return
        seen.add(constant)
        key = constant_key(constant)
        kept = constants.setdefault(key, constant)
        if kept is constant:
            return
        if kept.name is None:
            kept.name = constant.name
        if kept.type != constant.type or not _replace(fgraph, [(constant, kept)]):
            return
        merged += 1

    for node in fgraph.toposort():
        for variable in node.inputs:
            if isinstance(variable, Constant):
                unite(variable)
        if getattr(node.op, "destroy_map", None):
            continue
        try:
            key = (node.op, tuple([id(v) for v in node.inputs]))
            kept = nodes.setdefault(key, node)
        except TypeError:  # an op that cannot be hashed
            continue
        if kept is node or len(kept.outputs) != len(node.outputs):
            continue
        if any(a.type != b.type for a, b in zip(kept.outputs, node.outputs)):
            continue
        pairs = [(old, new) for old, new in zip(node.outputs, kept.outputs) if old.clients]
        for old, new in pairs:
            if new.name is None and old.name is not None:
                new.name = old.name
        if pairs and _replace(fgraph, pairs):
            merged += 1
    for output in list(fgraph.outputs):
        if isinstance(output, Constant):
            unite(output)
    return merged


def _replace(fgraph: Any, pairs: list[tuple[Any, Any]]) -> bool:
    """Replace, unless a feature objects."""
    if not any(hasattr(f, "validate") and not isinstance(f, ReplaceValidate) for f in fgraph._features):
        fgraph.replace_all(pairs, reason="merge")
        return True
    try:
        fgraph.replace_all_validate(pairs, reason="merge")
    except InconsistencyError:
        return False
    return True


class MergeOptimizer(Optimizer):
    """`merge` as an optimizer."""

    def apply(self, fgraph: Any) -> int:
        merged = merge(fgraph)
        if merged:
            log = log_of(fgraph)
            log.counts["merge"] = log.counts.get("merge", 0) + merged
        return merged

    def add_requirements(self, fgraph: Any) -> None:
        fgraph.attach_feature(ReplaceValidate())
