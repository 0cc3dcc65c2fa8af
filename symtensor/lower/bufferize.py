"""Decides where every value lives: in place, in a workspace slot, or in a result of the call.

In: a Program of the nests stage. Out: the same statements in the buffered stage, where

  - the new value of a shared variable is written over the old one where that is possible (see updates.py);
  - a value takes over the memory of one that dies in the nest that computes it (`Nest.inplace`, `Copied`);
  - results have memory of their own; a result that is nearly all of a new array is a view of it (the states of a loop
    without the initial ones, a product with its axes split or exchanged); a result that is another view, an input or a
    constant is copied;
  - all other memory comes from slots, shared by values whose lives do not overlap.

Everything here follows from one fact base: alias classes (who shares memory with whom) and last uses.
"""
from __future__ import annotations

from dataclasses import replace

from symtensor.ir.nodes import (
    Alloc, Axis, Buffer, Const, Copied, Define, Dim, Expr, If, Load, Local, Loop, Nest, Op, Program, Reshape, Same,
    Stmt, Store, View, While,
)
from symtensor.ir.walk import blocks, defines, reads, statements, writes
from symtensor.lower.aliases import aliases, reads_part, touched
from symtensor.lower.updates import updates_in_place

END = 1 << 60
ONE = Const(1, "int64")


class _Bufferizer:
    def __init__(self, program: Program, share_memory: bool):
        self.program = program
        self.share = share_memory
        self.facts = aliases(program)
        self.buffers: dict[str, Buffer] = {b.name: b for b in program.buffers}
        self.place: dict[str, tuple[str, int]] = {}  # roots with memory in a result
        self.in_place: dict[str, str] = {}  # root of a new value -> the shared input that it overwrites
        self.slots = 0
        self.free: list[tuple[object, int]] = []  # (size key, slot)
        self.slot_of: dict[str, int] = {}
        self.slot_key: dict[str, object] = {}
        self.counter = 0
        self.moved: list[int] = []  # statements that go to the end
        if share_memory:
            self.in_place, self.moved = updates_in_place(program, self.facts)

    # -- names ------------------------------------------------------------------------------------------------------

    def new_buffer(self, like: Buffer) -> str:
        name = f"{like.name}_copy{self.counter}"
        self.counter += 1
        self.buffers[name] = Buffer(name, like.dtype, like.broadcast, "c")
        return name

    def copy_nest(self, target: str, source: str) -> Nest:
        buffer = self.buffers[source]
        indices = tuple(Local(f"k{self.counter}_{axis}") for axis in range(buffer.ndim))
        self.counter += 1
        body: object = Store(target, indices, Load(source, indices, buffer.dtype))
        for axis in reversed(range(buffer.ndim)):
            body = Loop(Axis(indices[axis].name, Dim(source, axis)), (body,))  # type: ignore[arg-type]
        return Nest((body,))  # type: ignore[arg-type]

    def dims(self, name: str) -> tuple[Expr, ...]:
        return tuple(Dim(name, axis) for axis in range(self.buffers[name].ndim))

    # -- results ----------------------------------------------------------------------------------------------------

    def place_results(self) -> tuple[list[Stmt], tuple[str, ...], tuple[tuple[int, str], ...]]:
        """Gives results their memory; returns copies to append, and the names of outputs and updates."""
        copies: list[Stmt] = []
        adopted: set[str] = set()

        def result(k: int, name: str) -> str:
            root, buffer = self.facts.of(name), self.buffers[name]
            if buffer.dtype == "object":
                return name
            if root == name and root not in adopted and root not in self.in_place:
                if self.facts.kind[root] == "memory":
                    adopted.add(root)
                    self.place[root] = ("output", k)
                    return name
                if self.facts.kind[root] == "python" and not self._viewed(root):
                    adopted.add(root)
                    return name
            free = root not in adopted and root not in self.in_place
            if free and k < len(self.program.outputs) and self._fills(name):
                adopted.add(root)
                self.place[root] = ("output", k)
                return name
            copy = self.new_buffer(buffer)
            copies.extend([Alloc(copy, self.dims(name), ("output", k)), self.copy_nest(copy, name)])
            return copy

        outputs = tuple(result(k, name) for k, name in enumerate(self.program.outputs))
        updates = tuple(
            (position, name if self.facts.of(name) in self.in_place else result(len(outputs) + j, name))
            for j, (position, name) in enumerate(self.program.updates)
        )
        return copies, outputs, updates

    def _fills(self, name: str) -> bool:
        """Whether a name is a view of nearly all of new memory, so that it may be returned as it is: all elements but a
        constant number of rows, as many as there are initial states of a loop, in a sensible order."""
        made = {d: stmt for stmt in self.program.body for d in defines(stmt)}  # not what branches and loops define
        while name in made and name in self.facts.root:
            stmt = made[name]
            if isinstance(stmt, Reshape):
                if self.buffers[stmt.base].layout != "c":
                    return False  # copied where it is not contiguous
                name = stmt.base
            elif isinstance(stmt, View):
                base = made.get(stmt.base)
                if not isinstance(base, (Define, View, Reshape)):
                    return False
                sizes = base.dims if not isinstance(base, View) else tuple(a.extent for a in base.axes)
                read = {a.base_axis: a for a in stmt.axes if a.base_axis is not None}
                for axis, size in enumerate(sizes):
                    if axis not in read:
                        if size != ONE:
                            return False
                    elif read[axis].step != ONE or not self._nearly(read[axis].extent, size, Dim(stmt.base, axis)):
                        return False
                name = stmt.base
            elif isinstance(stmt, Same):
                name = stmt.source
            else:
                return False
        return isinstance(made.get(name), Define) and self.facts.kind.get(name) == "memory"

    @staticmethod
    def _nearly(extent: Expr, size: Expr, own: Expr) -> bool:
        if extent in (size, own):
            return True
        return isinstance(size, Op) and size.name == "add" and size.args[0] == extent and type(size.args[1]) is Const

    def _viewed(self, root: str) -> bool:
        return any(self.facts.of(name) == root for name in self.facts.root)

    # -- slots ------------------------------------------------------------------------------------------------------

    def take_slot(self, root: str, key: object) -> tuple[str, int]:
        chosen = next((entry for entry in reversed(self.free) if entry[0] == key), None)
        if chosen is None and self.free:
            chosen = self.free[-1]
        if chosen is not None:
            self.free.remove(chosen)
            slot = chosen[1]
        else:
            slot = self.slots
            self.slots += 1
        self.slot_of[root], self.slot_key[root] = slot, key
        return ("slot", slot)

    def release(self, root: str) -> None:
        slot = self.slot_of.pop(root, None)
        if slot is not None and self.share:
            self.free.append((self.slot_key[root], slot))

    def block(self, body, outer_last: dict[str, int], own: bool) -> list[Stmt]:
        """Rewrites one block. `outer_last`: roots that are needed after the block. `own`: the function's own block."""
        last: dict[str, int] = {}
        for k, stmt in enumerate(body):
            for name in touched(stmt):
                last[self.facts.of(name)] = k
        local = {d for stmt in body for inner in statements((stmt,)) for d in defines(inner)}
        for root in list(last):
            if root in outer_last or (not own and root not in local):
                last[root] = END
        ends: dict[int, list[str]] = {}
        for root, k in last.items():
            ends.setdefault(k, []).append(root)

        filled: dict[str, int] = {}  # new array -> position of the statement that writes it first
        for k, stmt in enumerate(body):
            for name in writes(stmt):
                filled.setdefault(name, k)

        done: list[Stmt] = []
        renamed: dict[str, str] = {}  # root whose memory was taken over -> by whom
        for k, stmt in enumerate(body):
            if isinstance(stmt, Define):
                done.append(self._define(stmt, filled.get(stmt.buffer), body, last, renamed, done))
            elif isinstance(stmt, Copied):
                done.extend(self._copied(stmt, k, last, renamed, done))
            elif isinstance(stmt, Reshape):
                contiguous = self.buffers[stmt.base].layout == "c"
                place = None if contiguous else self._own_slot()
                done.append(replace(stmt, place=place))
            elif blocks(stmt):
                needed = {root: END for root, end in last.items() if end > k}
                if isinstance(stmt, If):
                    done.append(replace(stmt, then=tuple(self.block(stmt.then, needed, False)),
                                        orelse=tuple(self.block(stmt.orelse, needed, False))))
                elif isinstance(stmt, While):
                    done.append(replace(stmt, body=tuple(self.block(stmt.body, needed, False))))
            else:
                done.append(stmt)
            for root in ends.get(k, ()):
                if root not in renamed:
                    self.release(root)
        return done

    def _own_slot(self) -> tuple[str, int]:
        self.slots += 1
        return ("slot", self.slots - 1)

    def _define(
        self, stmt: Define, filler: int | None, body, last: dict[str, int], renamed: dict[str, str], done: list[Stmt]
    ) -> Stmt:
        name = stmt.buffer
        if name in self.in_place:
            return self._over_shared(name)
        nest = None if filler is None else body[filler]
        if filler is not None and isinstance(nest, Nest) and self.share and self.facts.writers.get(name) == 1:
            for written, source in nest.inplace:
                if written == name and self._dies_here(source, filler, last, renamed) and not reads_part(
                        self.facts, nest, source) and self._take_over(name, source, renamed, done):
                    return Same(name, source)
        if name in self.place:
            return Alloc(name, stmt.dims, self.place[name])
        key = (stmt.dims, self.buffers[name].dtype)
        return Alloc(name, stmt.dims, self.take_slot(name, key))

    def _copied(
        self, stmt: Copied, k: int, last: dict[str, int], renamed: dict[str, str], done: list[Stmt]
    ) -> list[Stmt]:
        name = stmt.buffer
        if name in self.in_place:
            return [self._over_shared(name)]
        if self.share and self._dies_here(stmt.source, k, last, renamed):
            if self._take_over(name, stmt.source, renamed, done):
                return [Same(name, stmt.source)]
        place = self.place.get(name)
        if place is None:
            place = self.take_slot(name, (self.dims(stmt.source), self.buffers[name].dtype))
        return [Alloc(name, self.dims(stmt.source), place), self.copy_nest(name, stmt.source)]

    def _over_shared(self, name: str) -> Stmt:
        self.buffers[name] = replace(self.buffers[name], layout="any")
        return Same(name, self.in_place[name])

    def _dies_here(self, source: str, k: int, last: dict[str, int], renamed: dict[str, str]) -> bool:
        """Whether the buffer owns a slot, whole, that nobody needs after statement k."""
        root = self.facts.of(source)
        return source == root and root in self.slot_of and root not in renamed and last.get(root) == k

    def _take_over(self, name: str, source: str, renamed: dict[str, str], done: list[Stmt]) -> bool:
        """The memory of `source` lives on as that of `name`, if that is possible. Where `name` is a result, what has
        been a slot becomes the memory of the result from the beginning."""
        place = self.place.get(name)
        if place is not None and not self._begin_in(place, source, done):
            return False
        renamed[source] = name
        slot = self.slot_of.pop(source)
        if place is None:
            self.slot_of[name], self.slot_key[name] = slot, self.slot_key[source]
        else:
            self.free.append((self.slot_key[source], slot))
        return True

    def _begin_in(self, place: tuple[str, int], root: str, done: list[Stmt]) -> bool:
        """Moves the slot of `root`, allocated by one of the statements `done`, to a result."""
        for k in range(len(done) - 1, -1, -1):
            stmt = done[k]
            if isinstance(stmt, Same) and stmt.buffer == root:
                root = stmt.source
            elif isinstance(stmt, Alloc) and stmt.buffer == root:
                done[k] = replace(stmt, place=place)
                return True
        return False

    def whole(self) -> Program:
        copies, outputs, updates = self.place_results()
        left = set(self.moved)
        tail = [self.program.body[k] for k in self.moved]
        changed = {self.facts.of(name) for stmt in tail for name in writes(stmt)}
        # Copies of what is computed at the end follow it; their memory, which may not be there, comes before.
        early: list[Stmt] = []
        for stmt in copies:
            late = isinstance(stmt, Nest) and not changed.isdisjoint(map(self.facts.of, reads(stmt)))
            (tail if late else early).append(stmt)
        ordered = [s for k, s in enumerate(self.program.body) if k not in left] + early + tail
        needed = {self.facts.of(name): END for name in outputs + tuple(n for _, n in updates)}
        done = self.block(ordered, needed, True)
        return replace(
            self.program, stage="buffered", body=tuple(done), outputs=outputs, updates=updates, slots=self.slots,
            buffers=tuple(self.buffers.values()),
        )


def bufferize(program: Program, share_memory: bool = True) -> Program:
    """The buffered stage of a Program; without `share_memory` every value has memory of its own."""
    return _Bufferizer(program, share_memory).whole()
