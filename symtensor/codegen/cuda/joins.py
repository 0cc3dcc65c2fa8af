"""Nests that go over the same points become one kernel: a launch saved, and rows that are read once.

In comes a placed Program, out comes one in which a nest of the device has joined the one before it where both begin
with the same loops and, of what one of them writes, the other one touches only elements of the point it is at. Rows
that are reduced, used, and reduced again (the logarithm of a sum of exponentials, a softmax and its gradient) are so
read once; numbers that are made of a reduction (a mean) end its nest. The joined nest stands where the later one stood;
what stands between must not care.

Reductions with few results are better split (split.py), so there the choice is left to the sizes. Nests of elements
alone are as lowering has made them.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from symtensor.codegen.cuda.arrays import Arrays
from symtensor.codegen.cuda.points import (
    bound, forwarded, has_reductions, is_flat, loads_in, looped, mapped, of_the_point, points, recomputed, without,
)
from symtensor.codegen.cuda.split import worth_splitting
from symtensor.ir.expressions import compare, either
from symtensor.ir.nodes import (
    Accumulate, Alloc, Buffer, Const, Expr, If, Load, Local, Nest, Op, Program, Stmt, Store, While,
)
from symtensor.ir.walk import nest_statements, reads, rewrite, statements, writes

__all__ = ["join_points"]

FARTHEST = 12  # statements between two nests that are joined
LONGEST = 60  # statements of a joined nest
NEVER = Const(False, "bool")


def join_points(program: Program, in_groups: Callable[[Nest], bool],
                on_device: Callable[[Buffer], bool] = lambda b: b.home == "device") -> Program:
    """The program with such nests joined. `in_groups` tells whether each point of a nest has a group of threads,
    `on_device` of a buffer whether the nests that write it are kernels."""
    return _Joiner(program, in_groups, on_device).run()


class _Joiner:
    def __init__(self, program: Program, in_groups: Callable[[Nest], bool], on_device: Callable[[Buffer], bool]):
        self.program = program
        self.in_groups = in_groups
        self.remote = {b.name for b in program.buffers if on_device(b)}
        self.arrays = Arrays(program, on_device)
        self.made: dict[int, Stmt] = {}  # nests and choices that were made here
        self.readers: Counter[str] = Counter(self.arrays.base(name) for name in (
            *program.outputs, *program.inputs, *(name for _, name in program.updates)))
        self.readers.update(self.read_in(program.body))

    def read_in(self, body: Sequence[Stmt]) -> Counter[str]:
        """How many statements read each memory."""
        return Counter(base for stmt in statements(body) for base in {self.arrays.base(name) for name in reads(stmt)})

    # -- the program

    def run(self) -> Program:
        return replace(self.program, body=self.block(self.program.body))

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        done: list[Stmt] = []
        for stmt in body:
            if isinstance(stmt, If):
                stmt = replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))
            elif isinstance(stmt, While):
                stmt = replace(stmt, body=self.block(stmt.body))
            elif isinstance(stmt, Nest) and self.is_plain(stmt):
                at = self.partner(done)
                found = None if at is None else self.joined(done[at], stmt)
                if at is not None and found is not None:
                    del done[at]
                    self.made[id(found)] = stmt = found
            done.append(stmt)
        return tuple(done)

    def is_plain(self, nest: Nest) -> bool:
        return writes(nest)[0] in self.remote and not any(
            isinstance(s, Accumulate) for s in nest_statements(nest.body))

    def partner(self, done: Sequence[Stmt]) -> int | None:
        """The position of the last nest, or choice between nests, that may as well stand at the end."""
        for at in range(len(done) - 1, max(len(done) - 1 - FARTHEST, -1), -1):
            stmt = done[at]
            if isinstance(stmt, Nest) and self.is_plain(stmt) or id(stmt) in self.made:
                return at if self.may_pass(stmt, done[at + 1:]) else None
        return None

    def may_pass(self, moved: Stmt, between: Sequence[Stmt]) -> bool:
        """Whether a statement may as well run after these."""
        memory, own = self.arrays.memory, list(statements((moved,)))
        written, read = ({memory(name) for stmt in own for name in f(stmt)} for f in (writes, reads))
        touched = {name for stmt in own for name in (*reads(stmt), *writes(stmt))}
        for stmt in statements(between):
            if isinstance(stmt, Alloc) and not all(self.arrays.stays(name, stmt) for name in touched):
                return False
            changed = {memory(name) for name in writes(stmt)}
            if written & (changed | {memory(name) for name in reads(stmt)}) or read & changed:
                return False
        return True

    # -- two nests

    def joined(self, first: Stmt, second: Nest) -> Stmt | None:
        """One statement for two; None: they stay two."""
        assert isinstance(first, (Nest, If))
        apart, together = (first.then, first.orelse[0]) if isinstance(first, If) else ((first,), first)
        assert isinstance(together, Nest)
        before = self.read_in((first, second))
        self.readers.subtract(before)
        made = self.one(together, second)
        if made is None:
            self.readers.update(before)
            return None
        nest, differ = made
        conditions = [first.condition, *differ] if isinstance(first, If) else differ
        last = None
        if not is_flat(points(second)[1]):
            conditions += [worth_splitting(together), worth_splitting(second)]
        elif isinstance(first, If) and isinstance(apart[-1], Nest):
            others = self.read_in(apart[:-1])  # in a loop they may read what the step before left
            self.readers.update(others)
            last = self.one(apart[-1], second)
            self.readers.subtract(others)
        condition: Expr = NEVER
        for each in dict.fromkeys(conditions):
            condition = either(condition, each)
        result: Stmt = nest
        if condition != NEVER:
            apart = (*apart[:-1], last[0]) if last is not None and not last[1] else (*apart, second)
            result = If(condition, apart, (nest,), nest.origin)
        self.readers.update(self.read_in((result,)))
        return result

    def one(self, first: Nest, second: Nest) -> tuple[Nest, list[Expr]] | None:
        """One nest for two, and the sizes for which they have to be two; None: they always have to, or should be."""
        first, second = self.renamed(first), self.renamed(second)
        if bound(first) & bound(second):
            return None
        (outer, inside), (axes, body) = points(first), points(second)
        if is_flat(body) and len(axes) < len(outer):
            return None  # what have been points of their own would be left to one
        depth = len(axes) if is_flat(body) and len(axes) == len(outer) else 1
        if any(len(own) > depth and has_reductions(what) for own, what in ((outer, inside), (axes, body))):
            return None  # and so would their reductions
        common = list(zip(outer, axes))[:depth]
        differ = {self.differ(a.extent, b.extent) for a, b in common}
        if len(common) < depth or None in differ:
            return None
        names: dict[Expr, Expr] = {Local(b.index): Local(a.index) for a, b in common}
        inside, body = looped(outer[depth:], inside), mapped(looped(axes[depth:], body), names.get)
        if is_flat(inside) and (common or not is_flat(body)) and not has_reductions(body):
            return None
        pairs = tuple(dict.fromkeys((*first.inplace, *second.inplace)))
        overwritten = {b for a, b in pairs if self.arrays.memory(a) == self.arrays.memory(b)}
        if not of_the_point([a.index for a, _ in common], overwritten, inside, body):
            return None
        both = tuple(forwarded((*inside, *body)))
        own = {name for name in {s.buffer for s in nest_statements(both) if isinstance(s, Store)}
               if not self.readers[self.arrays.base(name)]}
        both = recomputed(both, own)
        loaded = {self.arrays.base(buffer) for buffer, _ in loads_in(both)}
        both = without(both, lambda name: name in own and self.arrays.base(name) not in loaded)
        made = Nest(looped([a for a, _ in common], both), (*first.origin, *second.origin), pairs)
        if not writes(made) or sum(1 for _ in nest_statements(made.body)) > LONGEST or self.meet(made):
            return None
        if not is_flat(body) and not self.in_groups(made):
            return None
        return made, [size for size in differ if size not in (None, NEVER)]

    def differ(self, a: Expr, b: Expr) -> Expr | None:
        """When two extents differ; None: perhaps always. What must not be done for empty rows has an extent of its own:
        0 for those, else that of others."""
        size, chosen = self.arrays.size, self.arrays.values.get(a)
        if size(a) == size(b):
            return NEVER
        if isinstance(chosen, Op) and chosen.name == "switch" and size(b) in map(size, chosen.args[1:]):
            return compare("neq", a, b)
        return None

    def renamed(self, nest: Nest) -> Nest:
        """The nest with the first name of each array."""
        def change(e: Expr) -> Expr | None:
            if isinstance(e, Load) and e.buffer in self.arrays.same:
                return replace(e, buffer=self.arrays.same[e.buffer], index=tuple(rewrite(i, change) for i in e.index))
            return None

        pairs = ((self.arrays.same.get(a, a), self.arrays.same.get(b, b)) for a, b in nest.inplace)
        return Nest(mapped(nest.body, change, self.arrays.same), nest.origin, tuple((a, b) for a, b in pairs if a != b))

    def meet(self, nest: Nest) -> bool:
        """Whether a nest writes to memory that it knows by another name: a kernel would not see that."""
        names = {*reads(nest), *writes(nest)}
        return any(a != b and self.arrays.memory(a) == self.arrays.memory(b) and (a, b) not in nest.inplace
                   for a in writes(nest) for b in names)
