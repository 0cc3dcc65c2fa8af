"""Pickling and deep-copying graphs of any depth, without recursion over the depth.

Python pickles objects depth first, so a chain of nodes would nest as deep as the chain. Here the first variable or node
that a pickler meets puts all its ancestors, in topological order, at the front of its own state. The pickler then meets
each ancestor when everything that it refers to is known already, and nesting stays shallow.

An ancestor must not repeat this for itself: while such a state is being written, the ancestors are noted in
`_expected`, and a noted one writes its plain state. An `_End` marker behind the list takes the notes away. The notes
only save work: whether or not one is there, the result is a correct pickle, and identity between objects is kept by
the pickler's memo.
"""
from __future__ import annotations

import threading
from typing import Any

__all__ = ["BEFORE", "flattened_reduce", "strip_prerequisites"]

BEFORE = "__before__"
"""The key of the state under which the ancestors travel."""


class _Notes(threading.local):
    def __init__(self) -> None:
        self.expected: dict[int, Any] = {}


_notes = _Notes()


def _nothing() -> None:
    """What an `_End` becomes when it is read."""
    return None


class _End:
    """Written behind the ancestors: takes back the notes made for them."""

    def __init__(self, things: list[Any]) -> None:
        self.things = things

    def __reduce__(self) -> tuple[Any, ...]:
        for thing in self.things:
            _notes.expected.pop(id(thing), None)
        return _nothing, ()


def _prerequisites(thing: Any) -> list[Any]:
    """All variables and nodes that `thing` refers to, itself left out, each after what it refers to."""
    seen: set[int] = set()
    order: list[Any] = []
    stack: list[tuple[Any, bool]] = [(thing, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
            order.extend(node.outputs)
            continue
        if not hasattr(node, "inputs"):
            owner = node.owner
            if owner is None:
                if id(node) not in seen:
                    seen.add(id(node))
                    order.append(node)
                continue
            node = owner
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        for parent in reversed(node.inputs):
            if id(parent.owner or parent) not in seen:
                stack.append((parent, False))
    return order


def flattened_reduce(thing: Any, protocol: Any) -> Any:
    """The `__reduce_ex__` of variables and nodes."""
    reduced = object.__reduce_ex__(thing, max(int(protocol), 2))
    if _notes.expected.pop(id(thing), None) is not None or not isinstance(reduced, tuple):
        return reduced
    state = reduced[2]
    if not isinstance(state, dict):
        return reduced
    before = _prerequisites(thing)
    if len(before) <= 1:
        return reduced
    for item in before:
        _notes.expected[id(item)] = item
    end = _End(before)
    shallow = [item for item in before if item is not thing]
    return (*reduced[:2], {BEFORE: (*shallow, end), **state}, *reduced[3:])


def strip_prerequisites(state: Any) -> Any:
    """The state without what `flattened_reduce` added."""
    if isinstance(state, dict):
        state.pop(BEFORE, None)
    return state
