"""The names of a unit's main function: where each buffer of the program is, how long and how far apart.

`Place` tells how a buffer is written in C text. `Names` holds what is known at the current statement; blocks open and
close it. Sizes are atoms: a number, the C name of a length or of a name bound by the program. A check that two sizes
are equal makes their atoms equal for the rest of the block.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from symtensor.codegen.c.dialect import ITEMSIZE
from symtensor.codegen.facts import BufferFacts

__all__ = ["Names", "Place", "list_text"]


@dataclass(frozen=True)
class Place:
    """A buffer in C text: its pointer and its strides in bytes (none for dense buffers: they follow from the sizes)."""

    facts: BufferFacts
    pointer: str
    strides: tuple[str, ...] = ()

    def stride(self, axis: int) -> str:
        facts = self.facts
        if self.strides:
            return self.strides[axis]
        dims = [facts.dims[a] for a in range(axis + 1, facts.ndim) if not facts.broadcast[a]]
        return " * ".join([str(ITEMSIZE[facts.dtype]), *dims])

    @property
    def dims_text(self) -> str:
        return list_text(self.facts.dims)

    @property
    def strides_text(self) -> str:
        return list_text(tuple(self.stride(a) for a in range(self.facts.ndim)))

    @property
    def array_text(self) -> str:
        """An initialiser of an `st_array` (which has no const, so the lists have none either)."""
        if not self.facts.ndim:
            return f"{{{self.pointer}, 0, 0}}"
        return f"{{{self.pointer}, {self.dims_text}, {self.strides_text}}}"


def list_text(items: tuple[str, ...]) -> str:
    """A list of int64 as an argument; 0 for an empty one."""
    return f"(st_i64[]){{{', '.join(items)}}}" if items else "0"


class Names(Mapping[str, BufferFacts]):
    """Buffers and atoms known at a statement; as a mapping it gives facts with equal atoms made one."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.locals: dict[str, tuple[str, str]] = {}  # name of the program -> (C name, dtype)
        self.equal: dict[str, str] = {}
        self.computed: dict[str, str] = {}  # text of a size -> the C name that holds it
        self.resolved: dict[str, BufferFacts] = {}

    def copy(self) -> Names:
        new = Names()
        new.places = dict(self.places)
        new.locals = dict(self.locals)
        new.equal = dict(self.equal)
        new.computed = dict(self.computed)
        new.resolved = dict(self.resolved)
        return new

    def atom(self, atom: str) -> str:
        """The name that stands for all atoms known to be equal to this one."""
        while atom in self.equal:
            atom = self.equal[atom]
        return atom

    def unite(self, a: str, b: str) -> None:
        a, b = self.atom(a), self.atom(b)
        if a != b:
            if b.isdigit():
                a, b = b, a
            self.equal[b] = a
            self.resolved.clear()

    def put(self, name: str, place: Place) -> None:
        self.places[name] = place
        self.resolved.pop(name, None)

    def __getitem__(self, name: str) -> BufferFacts:
        found = self.resolved.get(name)
        if found is None:
            facts = self.places[name].facts
            dims = tuple(self.atom(d) for d in facts.dims)
            found = self.resolved[name] = facts if dims == facts.dims else replace(facts, dims=dims)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
