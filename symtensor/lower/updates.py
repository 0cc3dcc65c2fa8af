"""Which new values of shared variables are written over the old ones.

A failed call must leave shared variables as they were, so what writes over them runs at the end, behind everything that
can fail. With it moves whatever reads a value that is written there (the sum of squares that one loop computes beside
the new weights); so an update is in place only if all of that cannot fail, and if nobody who moves would read an old
value after it was overwritten. Memory is never moved: buffers are defined where they were.

In: a Program of the nests stage and its alias classes. Out: the roots of new values with the shared inputs that they
overwrite, and the statements that move, in order.
"""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.ir.nodes import Call, Copied, Define, Let, Local, Nest, Program, Reshape, Stmt
from symtensor.ir.walk import expressions, host_expressions, reads, statements, writes
from symtensor.lower.aliases import Aliases, is_nest_over

__all__ = ["updates_in_place"]


def updates_in_place(program: Program, known: Aliases) -> tuple[dict[str, str], list[int]]:
    """(root of a new value -> the shared input that it overwrites, positions in the body of what moves to the end)."""
    search = _Search(program, known)
    returned = {known.of(name) for name in program.outputs}
    roots = [known.of(name) for _, name in program.updates]
    for position, name in program.updates:
        root = known.of(name)
        if root == name and known.kind.get(root) == "memory" and root not in returned and roots.count(root) == 1:
            search.consider(root, program.inputs[position])
    return search.chosen, sorted(search.moved)


class _Search:
    """Who makes, writes and reads each root, and what has been decided so far."""

    def __init__(self, program: Program, known: Aliases):
        self.body = program.body
        self.known = known
        self.contiguous = {b.name for b in program.buffers if b.layout == "c"}
        self.made: dict[str, int] = {}  # root -> position
        self.writers: dict[str, list[int]] = {}
        self.readers: dict[str, list[int]] = {}  # of contents: lengths do not change
        self.users: dict[str, list[int]] = {}  # of names that a Let binds
        for k, stmt in enumerate(program.body):
            for inner in statements((stmt,)):
                self._note(k, inner)
        self.chosen: dict[str, str] = {}
        self.moved: set[int] = set()
        self.overwritten: dict[str, tuple[int, frozenset[int]]] = {}  # shared input -> since when, by whom

    def _note(self, k: int, stmt: Stmt) -> None:
        of = self.known.of
        if isinstance(stmt, (Define, Copied)):
            self.made.setdefault(stmt.buffer, k)
        else:
            for root in dict.fromkeys(map(of, writes(stmt))):
                self.writers.setdefault(root, []).append(k)
        if not (isinstance(stmt, Reshape) and stmt.base in self.contiguous):  # such a one is another name, no copy
            for root in dict.fromkeys(map(of, reads(stmt))):
                self.readers.setdefault(root, []).append(k)
        for name in {e.name for top in host_expressions(stmt) for e in expressions(top) if isinstance(e, Local)}:
            self.users.setdefault(name, []).append(k)

    def consider(self, root: str, shared: str) -> None:
        """Takes an update into what is decided, if it fits."""
        writers = self.writers.get(root, [])
        if not writers or root not in self.made or not self._overwrites(root, shared, writers):
            return
        moving = self._with_readers(writers)
        if moving is None:
            return
        overwritten = {**self.overwritten, shared: (writers[0], frozenset(writers))}
        moved = self.moved | moving
        if not self._reads_old_values(shared, overwritten, moved, moving):
            self.chosen[root] = shared
            self.moved, self.overwritten = moved, overwritten

    def _overwrites(self, root: str, shared: str, writers: Sequence[int]) -> bool:
        """Whether the statements that write `root` make it out of `shared`."""
        first = self.body[self.made[root]]
        if isinstance(first, Define):
            return len(writers) == 1 and is_nest_over(self.known, self.body[writers[0]], root, shared)
        if not isinstance(first, Copied) or first.source != shared:
            return False
        return all(
            all(self.known.of(name) == root for name in writes(self.body[k])) and k not in self.readers.get(shared, ())
            for k in writers)

    def _with_readers(self, positions: Sequence[int]) -> set[int] | None:
        """The statements that have to move together; None if one of them can fail, or must stay where it is."""
        moving: set[int] = set()
        stack = [k for k in positions if k not in self.moved]
        while stack:
            k = stack.pop()
            if k in moving:
                continue
            stmt = self.body[k]
            if not isinstance(stmt, (Nest, Call, Let)):
                return None
            moving.add(k)
            after = [*self.users.get(stmt.name, ())] if isinstance(stmt, Let) else []
            for root in map(self.known.of, writes(stmt)):
                after += [j for j in (*self.readers.get(root, ()), *self.writers.get(root, ())) if j > k]
            stack += [j for j in after if j not in self.moved]
        return moving

    def _reads_old_values(self, shared: str, overwritten: dict[str, tuple[int, frozenset[int]]], moved: set[int],
                          moving: set[int]) -> bool:
        """Whether a statement that moves would read what has been overwritten, or what is written before it now."""
        since, by = overwritten[shared]
        if any(k in moved and k > since and k not in by for k in self.readers.get(shared, ())):
            return True
        for k in moving:
            for root in map(self.known.of, reads(self.body[k])):
                before, others = overwritten.get(root, (k, frozenset()))
                if before < k and k not in others:
                    return True
                if any(j > k and j not in moved for j in self.writers.get(root, ())):
                    return True
        return False
