"""A Program with a clock between its statements: the same code in either consumer, timed.

In: a linked function's Program. Out: a Program with Python calls that take no values between its top-level statements.
What lies inside a loop or a branch counts for the loop or branch.
"""
from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symtensor.ir.nodes import Call, If, Nest, Program, PyCall, While

__all__ = ["Clock", "clocked"]


class Clock:
    """What the inserted calls run: gives the time since the last call to the statement before it."""

    def __init__(self, nodes: Sequence[Any], compiled: bool, profile: Any) -> None:
        self.nodes = nodes
        self.compiled = compiled
        self.profile = profile
        self.timed: list[Any] = []
        self.last = 0.0

    def start(self, values: list[Any]) -> list[Any]:
        """The program begins."""
        self.last = time.perf_counter()
        return []

    def tick(self, k: int) -> Any:
        """The operation to insert behind timed statement `k`."""
        stmt = self.timed[k]
        origin = [i for i in stmt.origin if 0 <= i < len(self.nodes)]
        node = self.nodes[origin[-1]] if origin else None
        compiled = self.compiled and not isinstance(stmt, PyCall)

        def note(values: list[Any]) -> list[Any]:
            now = time.perf_counter()
            if node is not None:
                self.profile.note_node(node, now - self.last, compiled, len(origin) - 1)
            self.last = time.perf_counter()
            return []

        return note


def clocked(program: Program, pycalls: Sequence[Any], nodes: Sequence[Any], compiled: bool,
            profile: Any) -> tuple[Program, list[Any]]:
    """The program with clocks, and its Python operations with those of the clocks behind them."""
    clock = Clock(nodes, compiled, profile)
    operations = [*pycalls, clock.start]
    body: list[Any] = [PyCall(len(operations) - 1, (), ())]
    for stmt in program.body:
        body.append(stmt)
        if isinstance(stmt, (Nest, Call, PyCall, If, While)) and stmt.origin:
            clock.timed.append(stmt)
            operations.append(clock.tick(len(clock.timed) - 1))
            body.append(PyCall(len(operations) - 1, (), ()))
    return replace(program, body=tuple(body)), operations
