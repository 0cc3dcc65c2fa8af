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
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Any

from symtensor.codegen.c.dialect import ITEMSIZE
from symtensor.codegen.cuda.split import worth_splitting
from symtensor.ir.expressions import ONE, compare, either
from symtensor.ir.nodes import (
    Accumulate, Alloc, Axis, Buffer, Const, Dim, Expr, If, Let, Load, Local, Loop, Nest, Op, Program, Reduce, Reshape,
    Same, Stmt, Store, View, While,
)
from symtensor.ir.walk import (
    alias_of, defines, expressions, nest_expressions, nest_statements, reads, rewrite, statements, writes,
)

__all__ = ["join_points"]

FARTHEST = 12  # statements between two nests that are joined
LONGEST = 60  # statements of a joined nest
MOST_AGAIN = 12  # parts of an expression that is computed again
CHEAP = frozenset({"add", "sub", "mul", "neg", "sqr", "abs_", "maximum", "minimum", "identity"})
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
        self.bases: dict[str, str] = {}  # a name -> another one for the same memory
        self.same: dict[str, str] = {}  # a name -> the first one for the very same array
        self.slots: dict[Any, Any] = {}  # a memory's last name, or a slot -> another one that has the same slot
        self.dtypes = {b.name: b.dtype for b in program.buffers}
        self.sizes: dict[Expr, Expr] = {}
        self.rooms: dict[str, list[tuple[Counter[Expr], int]]] = {}  # of a memory's last name: what was allocated
        self.made: dict[int, Stmt] = {}  # nests and choices that were made here
        self.defined = Counter(name for stmt in statements(program.body) for name in defines(stmt))
        for stmt in statements(program.body):
            self.learn(stmt)
        for stmt in statements(program.body):
            if isinstance(stmt, Alloc):
                slot = self.slot((stmt.buffer in self.remote, stmt.place))
                if self.memory(stmt.buffer) != slot:
                    self.slots[self.memory(stmt.buffer)] = slot
                self.rooms.setdefault(self.base(stmt.buffer), []).append(self.room(stmt))
        self.readers: Counter[str] = Counter(self.base(name) for name in (
            *program.outputs, *program.inputs, *(name for _, name in program.updates)))
        self.readers.update(self.read_in(program.body))

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
            self.sizes.update((Dim(stmt.buffer, k), e) for k, e in enumerate(stmt.dims))
        elif isinstance(stmt, View):
            self.sizes.update((Dim(stmt.buffer, k), a.extent) for k, a in enumerate(stmt.axes))
        elif isinstance(stmt, Let):
            self.sizes[Local(stmt.name)] = stmt.value

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
            extent = self.sizes.get(first, first)
            if extent == first:
                break
        return extent

    def read_in(self, body: Sequence[Stmt]) -> Counter[str]:
        """How many statements read each memory."""
        return Counter(base for stmt in statements(body) for base in {self.base(name) for name in reads(stmt)})

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
        written, read = ({self.memory(name) for s in statements((moved,)) for name in f(s)} for f in (writes, reads))
        touched = {name for s in statements((moved,)) for name in (*reads(s), *writes(s))}
        for stmt in statements(between):
            if isinstance(stmt, Alloc) and not all(self.stays(name, stmt) for name in touched):
                return False
            changed = {self.memory(name) for name in writes(stmt)}
            if written & (changed | {self.memory(name) for name in reads(stmt)}) or read & changed:
                return False
        return True

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
        overwritten = {b for a, b in pairs if self.memory(a) == self.memory(b)}
        if not of_the_point([a.index for a, _ in common], overwritten, inside, body):
            return None
        both = tuple(forwarded((*inside, *body)))
        own = {name for name in {s.buffer for s in nest_statements(both) if isinstance(s, Store)}
               if not self.readers[self.base(name)]}
        both = recomputed(both, own)
        loaded = {self.base(buffer) for buffer, _ in loads_in(both)}
        both = without(both, lambda name: name in own and self.base(name) not in loaded)
        made = Nest(looped([a for a, _ in common], both), (*first.origin, *second.origin), pairs)
        if not writes(made) or sum(1 for _ in nest_statements(made.body)) > LONGEST or self.meet(made):
            return None
        if not is_flat(body) and not self.in_groups(made):
            return None
        return made, [size for size in differ if size not in (None, NEVER)]

    def differ(self, a: Expr, b: Expr) -> Expr | None:
        """When two extents differ; None: perhaps always. What must not be done for empty rows has an extent of its own:
        0 for those, else that of others."""
        if self.size(a) == self.size(b):
            return NEVER
        chosen = self.sizes.get(a)
        if isinstance(chosen, Op) and chosen.name == "switch" and self.size(b) in map(self.size, chosen.args[1:]):
            return compare("neq", a, b)
        return None

    def renamed(self, nest: Nest) -> Nest:
        """The nest with the first name of each array."""
        def change(e: Expr) -> Expr | None:
            if isinstance(e, Load) and e.buffer in self.same:
                return replace(e, buffer=self.same[e.buffer], index=tuple(rewrite(i, change) for i in e.index))
            return None

        pairs = ((self.same.get(a, a), self.same.get(b, b)) for a, b in nest.inplace)
        return Nest(mapped(nest.body, change, self.same), nest.origin, tuple((a, b) for a, b in pairs if a != b))

    def meet(self, nest: Nest) -> bool:
        """Whether a nest writes to memory that it knows by another name: a kernel would not see that."""
        names = {*reads(nest), *writes(nest)}
        return any(a != b and self.memory(a) == self.memory(b) and (a, b) not in nest.inplace
                   for a in writes(nest) for b in names)


def points(nest: Nest) -> tuple[list[Axis], tuple[Any, ...]]:
    """The independent loops that a nest begins with, and what is inside them."""
    axes: list[Axis] = []
    body = nest.body
    while len(body) == 1 and isinstance(body[0], Loop) and body[0].axis.kind == "vector":
        axes.append(body[0].axis)
        body = body[0].body
    return axes, body


def looped(axes: Sequence[Axis], body: Sequence[Any]) -> tuple[Any, ...]:
    for axis in reversed(axes):
        body = (Loop(axis, tuple(body)),)
    return tuple(body)


def without(body: Sequence[Any], is_unread: Callable[[str], bool]) -> tuple[Any, ...]:
    """A body without the stores to some buffers, and without loops that have nothing left to do."""
    done: list[Any] = []
    for stmt in body:
        if isinstance(stmt, Loop):
            stmt = replace(stmt, body=without(stmt.body, is_unread))
            if all(isinstance(s, Let) for s in stmt.body):
                continue
        elif isinstance(stmt, Store) and is_unread(stmt.buffer):
            continue
        done.append(stmt)
    return tuple(done)


def has_reductions(body: Sequence[Any]) -> bool:
    return any(isinstance(e, Reduce) for top in nest_expressions(body) for e in expressions(top))


def is_flat(body: Sequence[Any]) -> bool:
    """Whether a body has neither loops nor reductions."""
    return not any(isinstance(s, Loop) for s in body) and not has_reductions(body)


def bound(nest: Nest) -> set[str]:
    """The names that a nest binds, its loops' at the beginning aside."""
    found = {s.name for s in nest_statements(nest.body) if isinstance(s, Let)}
    for top in nest_expressions(nest.body):
        for e in expressions(top):
            if isinstance(e, Reduce):
                found |= {a.index for a in e.axes} | {let.name for let in e.lets}
    return found | {s.axis.index for s in nest_statements(nest.body) if isinstance(s, Loop)}


def mapped(body: Sequence[Any], change: Callable[[Expr], Expr | None],
           names: Mapping[str, str] = MappingProxyType({})) -> tuple[Any, ...]:
    """A body with its expressions rewritten, and its stores to other buffers."""
    done: list[Any] = []
    for stmt in body:
        if isinstance(stmt, Let):
            stmt = Let(stmt.name, rewrite(stmt.value, change))
        elif isinstance(stmt, Loop):
            extent = rewrite(stmt.axis.extent, change)
            stmt = Loop(replace(stmt.axis, extent=extent), mapped(stmt.body, change, names))
        else:
            stmt = replace(stmt, buffer=names.get(stmt.buffer, stmt.buffer),
                           index=tuple(rewrite(i, change) for i in stmt.index), value=rewrite(stmt.value, change))
        done.append(stmt)
    return tuple(done)


def loads_in(body: Sequence[Any]) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    """Each buffer that a body loads from, and where."""
    for top in nest_expressions(body):
        for e in expressions(top):
            if isinstance(e, Load):
                yield e.buffer, e.index


def accesses(body: Sequence[Any]) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    """Each buffer that a body loads from or stores to, and where."""
    yield from loads_in(body)
    for stmt in nest_statements(body):
        if isinstance(stmt, Store):
            yield stmt.buffer, stmt.index


def of_the_point(indices: Sequence[str], overwritten: Set[str], *bodies: Sequence[Any]) -> bool:
    """Whether different points touch different elements of what is written, be it by another name: each index of a
    point stands alone, and always at the same axis."""
    written = {s.buffer for body in bodies for s in nest_statements(body) if isinstance(s, Store)} | overwritten
    places: dict[str, list[int | None]] = {}
    for body in bodies:
        for buffer, index in accesses(body):
            if buffer in written:
                found = [index.index(Local(i)) if Local(i) in index else None for i in indices]
                if None in found or places.setdefault(buffer, found) != found:
                    return False
    return True


def forwarded(body: Sequence[Any]) -> Iterator[Any]:
    """The statements of a point, in which values that were stored are at hand for those who load them later."""
    known: dict[Expr, Expr] = {}
    names = {stmt.name for stmt in nest_statements(body) if isinstance(stmt, Let)}
    for stmt in body:
        if isinstance(stmt, Loop):
            stored = {s.buffer for s in nest_statements((stmt,)) if isinstance(s, Store)}
            known = {load: value for load, value in known.items() if load.buffer not in stored}  # type: ignore
        stmt, = mapped((stmt,), known.get)
        if isinstance(stmt, Store):
            known = {load: value for load, value in known.items() if load.buffer != stmt.buffer}  # type: ignore
            if stmt.value.dtype != "float16":  # which is rounded when it is stored
                value = stmt.value
                if not isinstance(value, (Local, Const)):
                    name = next(n for k in count() if (n := f"{stmt.buffer}_value{k}") not in names)
                    names.add(name)
                    value = Local(name, value.dtype)
                    yield Let(value.name, stmt.value)
                    stmt = replace(stmt, value=value)
                known[Load(stmt.buffer, stmt.index, value.dtype)] = value
        yield stmt


def recomputed(body: Sequence[Any], own: set[str]) -> tuple[Any, ...]:
    """The statements of a point, where elements of rows that only this nest wants are computed when they are read, as
    long as that is not much more than a load. What they are computed from must be what it was."""
    rows: dict[str, tuple[str, tuple[Expr, ...], Expr]] = {}  # buffer -> the loop's index, the element's, its value
    stored = Counter(s.buffer for s in nest_statements(body) if isinstance(s, Store))

    def change(e: Expr) -> Expr | None:
        if not isinstance(e, Load) or e.buffer not in rows:
            return None
        index, place, value = rows[e.buffer]
        here = [own for own, there in zip(e.index, place) if there == Local(index)]
        moved: dict[Expr, Expr] = {Local(index): here[0]} if here else {}
        return rewrite(value, moved.get) if tuple(rewrite(p, moved.get) for p in place) == e.index else None

    done: list[Any] = []
    for stmt in body:
        stmt, = mapped((stmt,), change)
        done.append(stmt)
        if isinstance(stmt, Loop) and is_flat(stmt.body):
            values: dict[Expr, Expr] = {}
            for each in stmt.body:
                assert isinstance(each, (Let, Store))
                value = rewrite(each.value, values.get)
                if isinstance(each, Let):
                    values[Local(each.name, value.dtype)] = value
                elif (each.buffer in own and stored[each.buffer] == 1 and is_cheap(value) and value.dtype != "float16"
                      and not any(stored[e.buffer] for e in expressions(value) if isinstance(e, Load))):
                    rows[each.buffer] = stmt.axis.index, each.index, value
    return tuple(done)


def is_cheap(value: Expr) -> bool:
    """Whether a value is a few sums, products and the like."""
    parts = list(expressions(value))
    return len(parts) <= MOST_AGAIN and all(not isinstance(e, Op) or e.name in CHEAP for e in parts)
