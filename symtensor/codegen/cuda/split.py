"""Reductions with few results, in two nests: a device wants thousands of threads, and one sum is not enough for them.

In comes a placed Program, out comes one in which a nest of the device that reduces something to few values has become
two where the sizes, at run time, are worth while: the first reduces parts of one axis to an array of
partial results, the second reduces these and does the rest. The number of parts depends on sizes alone, so results do
not change from run to run.

Sums and products of float16 stay as they are (partial ones would be rounded), as do nests with updates, several
reductions or loops inside.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symtensor.codegen.cuda.points import bound, looped, points
from symtensor.ir.expressions import ONE, add, both, compare, floor_div, int_, maximum, minimum, mul, product, sub
from symtensor.ir.nodes import (
    Alloc, Axis, Buffer, Const, Dim, Expr, If, Let, Load, Local, Nest, Op, Program, Reduce, Reshape, Stmt, Store,
    While,
)
from symtensor.ir.walk import blocks, expressions, reads, rewrite, writes

__all__ = ["split_sums", "worth_splitting"]


@dataclass(frozen=True)
class Worth:
    """When a nest is split, and into how many parts.

    length   the least number of elements that are reduced to one
    results  the most results of the nest
    workers  threads or groups that the first nest should have
    part     the least number of elements of a part
    """

    length: int
    results: int
    workers: int
    part: int


# Where neighbouring elements are reduced, groups of threads share them; else each result has one thread, which is slow
# at a hundred elements.
OF_GROUPS = Worth(16384, 512, 1024, 2048)
OF_THREADS = Worth(256, 32768, 262144, 32)
MOST_PARTS = 1024

_EXACT = frozenset({"maximum", "minimum", "and_", "or_", "xor", "argmax", "argmin"})


@dataclass(frozen=True)
class _Found:
    """A nest that can be split: its loops, its statements, and which of them has the reduction."""

    loops: tuple[Axis, ...]
    body: tuple[Any, ...]
    at: int
    reduce: Reduce


def split_sums(program: Program, on_device: Callable[[Buffer], bool] = lambda b: b.home == "device") -> Program:
    """The program with such nests split. `on_device` tells of a buffer whether the nests that write it are kernels."""
    return _Splitter(program, on_device).run()


class _Splitter:
    def __init__(self, program: Program, on_device: Callable[[Buffer], bool]):
        self.program = program
        self.on_device = on_device
        self.buffers = {b.name: b for b in program.buffers}
        self.taken = {*self.buffers, *_names(program.body)}
        self.slots = 0
        self.count = 0

    def run(self) -> Program:
        body = self.block(self.program.body)
        return replace(self.program, body=body, buffers=tuple(self.buffers.values()),
                       slots=self.program.slots + self.slots)

    def block(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        done: list[Stmt] = []
        for stmt in body:
            if isinstance(stmt, If):
                stmt = replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))
            elif isinstance(stmt, While):
                stmt = replace(stmt, body=self.block(stmt.body))
            elif isinstance(stmt, Nest) and self.on_device(self.buffers[writes(stmt)[0]]):
                found = splittable(stmt)
                done += [stmt] if found is None else self.split(stmt, found)
                continue
            done.append(stmt)
        return tuple(done)

    def fresh(self, stem: str) -> str:
        while True:
            name = f"{stem}{self.count}"
            self.count += 1
            if name not in self.taken:
                self.taken.add(name)
                return name

    def declare(self, nest: Nest, dtype: str, ndim: int) -> str:
        name = self.fresh("part")
        home = self.buffers[writes(nest)[0]].home
        self.buffers[name] = Buffer(name, dtype, (False,) * ndim, home=home)
        return name

    # -- one nest

    def split(self, nest: Nest, found: _Found) -> list[Stmt]:
        """Both ways to do a nest, and the choice by sizes."""
        reduce = found.reduce
        done: list[Stmt] = []
        before: list[Stmt] = []
        conditions: list[Expr] = []
        buffers = dict(self.buffers)
        flat = self.flattened(nest, found)
        if flat is not None:
            reduce, before, conditions = flat
        # What is worth while is known where sizes are; a literal may say at once that nothing is.
        worth = worth_of(reduce)
        results, length, rest = (product(a.extent for a in axes)
                                 for axes in (found.loops, reduce.axes[:1], reduce.axes[1:]))
        for size, fine in ((mul(length, rest), lambda n: n >= worth.length), (results, lambda n: n <= worth.results)):
            if isinstance(size, Const) and not fine(size.value):
                self.buffers = buffers
                return [nest]
        results, length, rest = (self.bind(size, done) for size in (results, length, rest))
        condition = is_worth(worth, results, length, rest)
        for one in conditions:
            condition = both(condition, one)
        then = [*before, *self.two(nest, found, reduce, length, rest, results, worth)]
        return [*done, If(condition, tuple(then), (nest,), nest.origin)]

    def bind(self, expr: Expr, done: list[Stmt]) -> Expr:
        if isinstance(expr, (Const, Local, Dim)):
            return expr
        name = self.fresh("size")
        done.append(Let(name, expr))
        return Local(name)

    def flattened(self, nest: Nest, found: _Found) -> tuple[Reduce, list[Stmt], list[Expr]] | None:
        """A reduction of whole arrays as one over their elements in one row; the statements that make the rows; under
        which conditions the arrays are whole."""
        reduce = found.reduce
        index = tuple(Local(a.index) for a in reduce.axes)
        if found.loops or len(index) < 2:
            return None
        loads = {e for top in (reduce.body, *(let.value for let in reduce.lets)) for e in expressions(top)
                 if isinstance(e, Load)}
        own = {a.index for a in reduce.axes}
        whole = sorted({e.buffer for e in loads if e.index == index})
        if not whole or any(self.buffers[b].layout != "c" or any(self.buffers[b].broadcast) for b in whole):
            return None
        row = Axis(self.fresh("r"), product(a.extent for a in reduce.axes))
        before: list[Stmt] = []
        conditions: list[Expr] = []
        flat: dict[str, str] = {}
        for name in whole:
            flat[name] = self.fresh("row")
            source = self.buffers[name]
            self.buffers[flat[name]] = Buffer(flat[name], source.dtype, (False,), home=source.home)
            before.append(Reshape(flat[name], name, (row.extent,)))
            conditions += [compare("eq", Dim(name, k), a.extent) for k, a in enumerate(reduce.axes)]

        def change(e: Expr) -> Expr | None:
            if isinstance(e, Load) and e.index == index:
                return Load(flat[e.buffer], (Local(row.index),), e.dtype)
            return None

        lets = tuple(Let(let.name, rewrite(let.value, change)) for let in reduce.lets)
        body = rewrite(reduce.body, change)
        left = (e for top in (body, *(let.value for let in lets)) for e in expressions(top))
        if any(isinstance(e, Local) and e.name in own for e in left):
            return None
        return replace(reduce, axes=(row,), lets=lets, body=body), before, conditions

    def two(self, nest: Nest, found: _Found, reduce: Reduce, length: Expr, rest: Expr, results: Expr,
            worth: Worth) -> list[Stmt]:
        """The two nests and the memory between them."""
        done: list[Stmt] = []
        wanted = maximum(1, minimum(MOST_PARTS, floor_div(worth.workers, maximum(results, 1))))
        step = self.bind(maximum(_parts(int_(worth.part), maximum(rest, 1)), _parts(length, wanted)), done)
        parts = self.bind(_parts(length, step), done)
        extreme = reduce.op in ("argmax", "argmin")
        dtypes = (reduce.body.dtype, "int64") if extreme else (reduce.dtype,)
        names = []
        for k, dtype in enumerate(dtypes):
            name = self.declare(nest, dtype, len(found.loops) + 1)
            done.append(Alloc(name, (*(a.extent for a in found.loops), parts), ("slot", self.program.slots + k)))
            names.append(name)
        self.slots = max(self.slots, len(names))
        done.append(self.first(nest, found, reduce, names, length, step, parts))
        done.append(self.second(nest, found, names, parts))
        return done

    def first(self, nest: Nest, found: _Found, reduce: Reduce, names: Sequence[str], length: Expr, step: Expr,
              parts: Expr) -> Nest:
        """partial[..., p] = the reduction of part p."""
        p, start = self.fresh("p"), self.fresh("start")
        first = reduce.axes[0]
        own = Axis(self.fresh("r"), minimum(step, sub(length, Local(start))))

        def shifted(e: Expr) -> Expr | None:
            return add(Local(start), Local(own.index)) if e == Local(first.index) else None

        lets = tuple(Let(let.name, rewrite(let.value, shifted)) for let in reduce.lets)
        part = replace(reduce, axes=(own, *reduce.axes[1:]), lets=lets, body=rewrite(reduce.body, shifted))
        place = (*(Local(a.index) for a in found.loops), Local(p))
        body: list[Any] = [s for s in found.body[:found.at] if isinstance(s, Let)]
        body.append(Let(start, mul(Local(p), step)))
        if reduce.op in ("argmax", "argmin"):
            body += self.extreme(part, names, place, Local(start))
        else:
            body.append(Store(names[0], place, part))
        return Nest(looped((Axis(p, parts), *found.loops), body), nest.origin)

    def extreme(self, part: Reduce, names: Sequence[str], place: tuple[Expr, ...], start: Local) -> list[Any]:
        """The position of a part's extreme, counted from the start of all, and the element there."""
        at = self.fresh("at")
        body: list[Any] = [Let(at, part)]
        rest = Local(at)
        index: dict[str, Expr] = {}
        for axis in reversed(part.axes[1:]):
            index[axis.index] = Op("mod", (rest, axis.extent), "int64")
            name = self.fresh("at")
            body.append(Let(name, floor_div(rest, axis.extent)))
            rest = Local(name)
        index[part.axes[0].index] = rest
        names_of_lets = {let.name: self.fresh("v") for let in part.lets}

        def there(e: Expr) -> Expr | None:
            if isinstance(e, Local) and e.name in index:
                return index[e.name]
            if isinstance(e, Local) and e.name in names_of_lets:
                return Local(names_of_lets[e.name], e.dtype)
            return None

        body += [Let(names_of_lets[let.name], rewrite(let.value, there)) for let in part.lets]
        body.append(Store(names[0], place, rewrite(part.body, there)))
        position = add(mul(start, product(a.extent for a in part.axes[1:])), Local(at))
        body.append(Store(names[1], place, position))
        return body

    def second(self, nest: Nest, found: _Found, names: Sequence[str], parts: Expr) -> Nest:
        """The nest as it was, with a reduction of the partial results."""
        p = Axis(self.fresh("p"), parts)
        place = tuple(Local(a.index) for a in found.loops)
        load = Load(names[0], (*place, Local(p.index)), self.buffers[names[0]].dtype)
        new: Expr = Reduce(found.reduce.op, (p,), load, found.reduce.dtype)
        body = list(found.body)
        if len(names) > 1:
            best = self.fresh("at")
            body.insert(found.at, Let(best, new))
            new = Load(names[1], (*place, Local(best)), "int64")
        body = [_replaced(s, found.reduce, new) for s in body]
        made = Nest(looped(found.loops, body), nest.origin)
        return replace(made, inplace=tuple(pair for pair in nest.inplace if pair[1] in reads(made)))


def splittable(nest: Nest) -> _Found | None:
    """The parts of a nest, if it is a chain of independent loops around one reduction and stores of what it gives."""
    loops, body = points(nest)
    if not all(isinstance(s, (Let, Store)) for s in body):
        return None
    own = {a.index for a in loops}
    if any(_mentions(a.extent, own) for a in loops):
        return None
    found = [(k, e) for k, s in enumerate(body) for e in _reductions(s)]
    if len(found) != 1 or any(isinstance(s, Store) for s in body[:found[0][0]]):
        return None
    at, reduce = found[0]
    sums = reduce.op in ("add", "mul") and reduce.dtype != "float16"
    if not (sums or reduce.op in _EXACT) or any(a.kind != "vector" for a in reduce.axes):
        return None
    inside = own | {s.name for s in body if isinstance(s, Let)} | {a.index for a in reduce.axes}
    if any(_mentions(a.extent, inside) for a in reduce.axes):
        return None
    sizes = [a.extent for a in (*loops, *reduce.axes)]
    if any(isinstance(e, Load) for size in sizes for e in expressions(size)):
        return None
    return _Found(tuple(loops), tuple(body), at, reduce)


def worth_splitting(nest: Nest) -> Expr:
    """The sizes for which a nest with loops around its reduction is split."""
    found = splittable(nest)
    if found is None:
        return Const(False, "bool")
    axes = found.reduce.axes
    return is_worth(worth_of(found.reduce), *(product(a.extent for a in part) for part in (
        found.loops, axes[:1], axes[1:])))


def is_worth(worth: Worth, results: Expr, length: Expr, rest: Expr) -> Expr:
    """Whether the sizes are worth splitting: the results, the length of the axis that is split and of the others."""
    whole = both(compare("ge", mul(length, rest), worth.length), compare("le", results, worth.results))
    return whole if rest == ONE else both(whole, compare("ge", length, 2))


def worth_of(reduce: Reduce) -> Worth:
    return OF_GROUPS if of_neighbours(reduce) else OF_THREADS


def of_neighbours(reduce: Reduce) -> bool:
    """Whether a reduction walks along the last axis of an array."""
    own = {axis.index for axis in reduce.axes}
    tops = (reduce.body, *(let.value for let in reduce.lets))
    loads = [e for top in tops for e in expressions(top) if isinstance(e, Load) and e.index]
    return not loads or any(_mentions(e.index[-1], own) for e in loads)


def _reductions(stmt: Any) -> Iterator[Reduce]:
    tops = (stmt.value,) if isinstance(stmt, Let) else (*stmt.index, stmt.value)
    return (e for top in tops for e in expressions(top) if isinstance(e, Reduce))


def _replaced(stmt: Any, old: Expr, new: Expr) -> Any:
    def change(e: Expr) -> Expr | None:
        return new if e is old else None

    if isinstance(stmt, Let):
        return Let(stmt.name, rewrite(stmt.value, change))
    return replace(stmt, index=tuple(rewrite(i, change) for i in stmt.index), value=rewrite(stmt.value, change))


def _mentions(expr: Expr, names: set[str]) -> bool:
    return any(isinstance(e, Local) and e.name in names for e in expressions(expr))


def _parts(length: Expr, step: Expr) -> Expr:
    """How many steps a length has, the last one perhaps shorter."""
    return floor_div(add(length, sub(step, ONE)), step)


def _names(body: Sequence[Stmt]) -> Iterator[str]:
    """Names that are bound anywhere in a block."""
    for stmt in body:
        if isinstance(stmt, Let):
            yield stmt.name
        elif isinstance(stmt, While):
            yield stmt.index
            if stmt.count is not None:
                yield stmt.count
        elif isinstance(stmt, Nest):
            yield from bound(stmt)
        for block in blocks(stmt):
            yield from _names(block)
