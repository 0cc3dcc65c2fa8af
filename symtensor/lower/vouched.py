"""Indices that are known to be in bounds: a device need not be waited for to learn it.

A program that reads rows by indices looks at the indices first, and ends the call if one is out of bounds. Where they
are on a device, that is a wait in the middle of each call. But often they are part of a shared variable that nobody
changes: the labels of a data set, of which each call takes a slice. What is true of all its elements is true of the
slice, so the program gets two more inputs for such a variable, its least and its greatest element, and looks at the
indices themselves only if these are not good enough.

In: a buffered Program. Out: one with these inputs at its end, and for each pair the position of the variable and the
dtypes that its elements are converted to, one after the other, before they are indices.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from symtensor.ir.expressions import both, compare
from symtensor.ir.nodes import (
    Alloc, Buffer, Cast, Const, Expr, If, Let, Load, Local, Loop, Nest, Op, Program, Reduce, Stmt, Store,
)
from symtensor.ir.walk import alias_of, expressions, statements, writes

__all__ = ["Source", "with_extremes"]

# The position of an input, and the dtypes that its elements are converted to.
Source = tuple[int, tuple[str, ...]]


def with_extremes(program: Program, shared: Collection[int]) -> tuple[Program, list[Source]]:
    """The program with such inputs; `shared` are the positions of shared variables."""
    return _Search(program, shared).run()


class _Search:
    def __init__(self, program: Program, shared: Collection[int]) -> None:
        self.program = program
        self.inputs = {program.inputs[k]: k for k in shared}
        self.bases: dict[str, str] = {}
        self.fillers: dict[str, list[Stmt]] = {}
        for stmt in statements(program.body):
            alias = alias_of(stmt)
            if alias is not None:
                self.bases[alias[0]] = alias[1]
            for name in writes(stmt):
                self.fillers.setdefault(name, []).append(stmt)
        self.found: dict[Source, tuple[str, str]] = {}

    def run(self) -> tuple[Program, list[Source]]:
        body = self.block(self.program.body)
        if not self.found:
            return self.program, []
        names = [name for pair in self.found.values() for name in pair]
        return replace(self.program, body=body, inputs=(*self.program.inputs, *names), buffers=(
            *self.program.buffers, *(Buffer(name, "int64", ()) for name in names))), list(self.found)

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        """A block in which flags of what is vouched for are looked at only where that is not so."""
        done: list[Stmt] = []
        for stmt in body:
            flag = stmt.condition if isinstance(stmt, If) and not stmt.orelse else None
            if isinstance(flag, Load) and not flag.index and len(done) >= 2:
                condition = self.doubt(done[-2:], flag.buffer)
                if condition is not None:
                    done[-2:] = [If(condition, (*done[-2:], stmt), (), stmt.origin)]  # type: ignore[union-attr]
                    continue
            done.append(stmt)
        return tuple(done)

    def doubt(self, before: Sequence[Stmt], flag: str) -> Expr | None:
        """Whether it has to be looked whether a flag is raised; None: always."""
        alloc, nest = before
        if not isinstance(alloc, Alloc) or alloc.buffer != flag or not isinstance(nest, Nest) or writes(nest) != [flag]:
            return None
        parts = bounds(nest)
        if parts is None:
            return None
        indices, lowest, length = parts
        source = self.source(indices)
        if source is None:
            return None
        if source not in self.found:
            self.found[source] = tuple(f"{self.program.inputs[source[0]]}_{end}{len(self.found)}"  # type: ignore
                                       for end in ("least", "greatest"))
        least, greatest = (Load(name, (), "int64") for name in self.found[source])
        fine = both(compare("ge", least, lowest), compare("lt", greatest, length))
        return Op("eq", (fine, Const(False, "bool")), "bool")

    def source(self, name: str) -> Source | None:
        """Which shared variable's elements the elements of a buffer are, and how they were converted."""
        dtypes: tuple[str, ...] = ()
        for _ in range(4):
            while name in self.bases:
                name = self.bases[name]
            if name in self.inputs:
                return self.inputs[name], dtypes
            filler = self.fillers.get(name, [])
            converted = conversion(filler[0], name) if len(filler) == 1 else None
            if converted is None:
                return None
            name, more = converted
            dtypes = (*more, *dtypes)
        return None


def bounds(nest: Nest) -> tuple[str, Expr, Expr] | None:
    """The buffer whose elements a nest compares with bounds, and these, if that is all it does."""
    values = {s.name: s.value for s in nest.body if isinstance(s, Let)}
    stores = [s for s in nest.body if isinstance(s, Store)]
    if len(values) + len(stores) != len(nest.body) or len(stores) != 1:
        return None
    value = stores[0].value
    found: Any = values.get(value.name) if isinstance(value, Local) else value
    if not isinstance(found, Reduce) or found.op != "or_":
        return None
    inner: dict[Expr, Expr] = {Local(let.name, let.value.dtype): let.value for let in found.lets}
    body = inner.get(found.body, found.body)
    sides = [inner.get(a, a) for a in body.args] if isinstance(body, Op) and body.name == "or_" else []
    if [getattr(side, "name", "") for side in sides] != ["lt", "ge"]:
        return None
    (low, lowest), (high, length) = (side.args for side in sides)  # type: ignore[union-attr]
    low, high = inner.get(low, low), inner.get(high, high)
    own = {a.index for a in found.axes} | {let.name for let in found.lets} | set(values)
    if low != high or any(getattr(e, "name", "") in own for side in (lowest, length) for e in expressions(side)):
        return None
    while isinstance(low, Cast):
        low = inner.get(low.arg, low.arg)
    return (low.buffer, lowest, length) if isinstance(low, Load) else None


def conversion(stmt: Stmt, name: str) -> tuple[str, tuple[str, ...]] | None:
    """The buffer whose elements a statement stores in another one, and the dtypes that it converts them to."""
    if not isinstance(stmt, Nest):
        return None
    body: tuple[Any, ...] = stmt.body
    while len(body) == 1 and isinstance(body[0], Loop):
        body = body[0].body
    values = {s.name: s.value for s in body if isinstance(s, Let)}
    stores = [s for s in body if isinstance(s, Store)]
    if len(values) + len(stores) != len(body) or [s.buffer for s in stores] != [name]:
        return None
    value: Any = stores[0].value
    dtypes: tuple[str, ...] = ()
    while not isinstance(value, Load):
        if isinstance(value, Local) and value.name in values:
            value = values[value.name]
        elif isinstance(value, Cast):
            value, dtypes = value.arg, (value.dtype, *dtypes)
        else:
            return None
    return value.buffer, dtypes
