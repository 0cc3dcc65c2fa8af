"""What is known of a program's arrays: which names are one array, or lie in one memory, and which lengths are equal.

In: a placed Program. Out: `Arrays`, which answers such questions about names; what it cannot tell it denies.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from symtensor.codegen.c.dialect import ITEMSIZE
from symtensor.ir.expressions import ONE
from symtensor.ir.nodes import Alloc, Buffer, Dim, Expr, Let, Local, Program, Reshape, Same, Stmt, View
from symtensor.ir.walk import alias_of, defines, statements

__all__ = ["Arrays"]


class Arrays:
    """See the module. `on_device` tells in which of the two memories a buffer is: each has slots of its own.

    bases   a name -> another one for the same memory
    same    a name -> the first one of the very same array
    slots   a memory's last name, or a slot -> another one that has the same slot
    values  of sizes and of names: what they were defined as
    rooms   of a memory's last name: what was allocated
    """

    def __init__(self, program: Program, on_device: Callable[[Buffer], bool]) -> None:
        self.bases: dict[str, str] = {}
        self.same: dict[str, str] = {}
        self.slots: dict[Any, Any] = {}
        self.values: dict[Expr, Expr] = {}
        self.rooms: dict[str, list[tuple[Counter[Expr], int]]] = {}
        self.dtypes = {b.name: b.dtype for b in program.buffers}
        self.defined = Counter(name for stmt in statements(program.body) for name in defines(stmt))
        for stmt in statements(program.body):
            self.learn(stmt)
        remote = {b.name for b in program.buffers if on_device(b)}
        for stmt in statements(program.body):
            if isinstance(stmt, Alloc):
                slot = self.slot((stmt.buffer in remote, stmt.place))
                if self.memory(stmt.buffer) != slot:
                    self.slots[self.memory(stmt.buffer)] = slot
                self.rooms.setdefault(self.base(stmt.buffer), []).append(self.room(stmt))

    def learn(self, stmt: Stmt) -> None:
        """What a statement says about names and sizes. What each branch of an `If` defines is one thing or another:
        it shares memory with either, and that is all."""
        alias = alias_of(stmt)
        if alias is not None and self.base(alias[0]) != self.base(alias[1]):
            self.bases[self.base(alias[0])] = self.base(alias[1])
        if any(self.defined[name] > 1 for name in defines(stmt)):
            return
        if isinstance(stmt, Same):
            self.same[stmt.buffer] = self.same.get(stmt.source, stmt.source)
        elif isinstance(stmt, (Alloc, Reshape)):
            self.values.update((Dim(stmt.buffer, k), e) for k, e in enumerate(stmt.dims))
        elif isinstance(stmt, View):
            self.values.update((Dim(stmt.buffer, k), a.extent) for k, a in enumerate(stmt.axes))
        elif isinstance(stmt, Let):
            self.values[Local(stmt.name)] = stmt.value

    def base(self, name: str) -> str:
        while name in self.bases:
            name = self.bases[name]
        return name

    def memory(self, name: str) -> Any:
        """What two names have in common that may be names for the same memory, if only one after the other."""
        return self.slot(self.base(name))

    def slot(self, place: Any) -> Any:
        while place in self.slots:
            place = self.slots[place]
        return place

    def size(self, extent: Expr) -> Expr:
        """An extent by the first name that it has."""
        while isinstance(extent, Dim):
            first = Dim(self.same.get(extent.buffer, extent.buffer), extent.axis)
            extent = self.values.get(first, first)
            if extent == first:
                break
        return extent

    def stays(self, name: str, other: Alloc) -> bool:
        """Whether a buffer is still there once another one has been given memory: a slot that grows is a new one. One
        that has all sizes of the other is as large, or empty."""
        if self.memory(name) != self.memory(other.buffer):
            return True
        sizes, itemsize = self.room(other)
        return all(not sizes - own and itemsize <= size for own, size in self.rooms[self.base(name)])

    def room(self, stmt: Alloc) -> tuple[Counter[Expr], int]:
        """The sizes of an array and of its elements."""
        return Counter(self.size(d) for d in stmt.dims if d != ONE), ITEMSIZE[self.dtypes[stmt.buffer]]
