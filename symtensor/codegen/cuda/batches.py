"""Loops by several elements at a time: all their loads first, then what is done with them.

A thread that waits for each element before it asks for the next has one request under way, which is a third of what
memory delivers. So where a loop does little with what it loads, a thread takes a batch of its elements: it loads them
all, one of them again where the batch is longer than what is left, and then goes through them in order.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symtensor.codegen.c.dialect import ITEMSIZE, MEMORY
from symtensor.codegen.cuda.rows import KEPT
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, Value, linear

if TYPE_CHECKING:
    from symtensor.codegen.cuda.printer import KernelPrinter

__all__ = ["OF_POINTS", "counted_loop"]

LONGEST = 8  # elements of a batch ...
OF_POINTS = 4  # ... where each is stored to: beyond, registers are too few for many threads
MOST_BYTES = 64  # of a batch: registers that loads occupy
MOST_VALUES = 24  # of a loop that is worth while: beyond, memory is not what it waits for
FEW_VALUES = 8  # that many are worth a batch of more than LONGEST / 2


@dataclass(frozen=True)
class Batch:
    """The elements that a thread takes at a time.

    start    the number of the first one
    stride   how far it is to the next
    size     how many there are
    is_left  whether there is another one, as a text with {at}, its number, and {step}, how far it is from the first; ""
             if certainly
    instead  the number of an element to load in its place
    """

    start: str
    stride: str
    size: int
    is_left: str = ""
    instead: str = ""

    def open(self, p: KernelPrinter) -> tuple[str, str]:
        """Opens the loop over the elements; an element's number, and whether there is one."""
        p.lane, at = p.fresh("u"), p.fresh("q")
        step = times(self.stride, p.lane)
        p.emit("#pragma unroll")
        p.open(f"for (st_u32 {p.lane} = 0; {p.lane} < {self.size}; {p.lane}++)")
        p.emit(f"const st_i64 {at} = {self.start} + {step};")
        return at, self.is_left.format(at=at, step=step)


def counted_loop(p: KernelPrinter, chain: Sequence[Scope], loops: Sequence[Scope], count: str, first: str, stride: str,
                 inside: Callable[[], None], longest: int = LONGEST) -> None:
    """Prints one loop over all `count` iterations of a chain of loops, of which `loops` are left after joining: the
    first one's number, how far it is to the next, what prints the contents of the innermost one, and how many elements
    a batch may have."""
    outer, before = len(p.parallel), p.preloaded
    p.parallel += chain
    p.preloaded = {}
    rows = p.rows if p.rows is not None and chain[0] in p.rows.scopes else None
    if rows is not None:
        batch = Batch(first, stride, KEPT, f"(st_u32){{at}} < (st_u32){count}", "0")
        preload(p, rows.to_fill(chain[0]), loops, batch)
        p.preloaded = {i: rows.registers[key] for i, key in rows.rows.items() if isinstance(i, Value)}
        lanes(p, chain, loops, batch, inside)
    elif (size := length(p, chain, levels := loads_by_level(p, chain), longest)) > 1:
        start = p.fresh("q")
        if longest < LONGEST:
            p.open(f"for (st_i64 {start} = {first}; {start} < {count}; {start} += {times(stride, size)})")
            whole(p, chain, loops, levels, Batch(start, stride, size, f"{{at}} < {count}", f"{count} - 1"), inside)
        else:  # the compiler keeps more loads under way where it need not ask whether they are
            p.emit(f"st_i64 {start} = {first};")
            p.open(f"for (; {start} + {times(stride, size - 1)} < {count}; {start} += {times(stride, size)})")
            whole(p, chain, loops, levels, Batch(start, stride, size), inside)
            p.close()
            p.open(f"if ({start} < {count})")
            left = p.fresh("m")
            p.emit(f"const st_u32 {left} = (st_u32)({count} - {start});")
            whole(p, chain, loops, levels, Batch(start, stride, size, f"{{step}} < {left}", start), inside)
        p.close()
    else:
        at = p.counter = p.fresh("q")
        p.open(f"for (st_i64 {at} = {first}; {at} < {count}; {at} += {stride})")
        p.indices(at, loops)
        for scope in chain[:-1]:
            p.values(scope)
        inside()
        p.close()
    p.preloaded = before
    del p.parallel[outer:]


def whole(p: KernelPrinter, chain: Sequence[Scope], loops: Sequence[Scope], levels: Sequence[Sequence[Value]],
          batch: Batch, inside: Callable[[], None]) -> None:
    """Loads the elements of a batch and goes through them."""
    names = dict(p.names)
    for level in levels:
        registers = {value: p.fresh("w") for value in level}
        for value, register in registers.items():
            p.emit(f"{MEMORY[p.facts[value.name].dtype]} {register}[{batch.size}];")
        preload(p, registers, loops, batch)
        p.preloaded.update(registers)
    lanes(p, chain, loops, batch, inside)
    p.names, p.preloaded = names, {}


def lanes(p: KernelPrinter, chain: Sequence[Scope], loops: Sequence[Scope], batch: Batch,
          inside: Callable[[], None]) -> None:
    """Goes through the elements of a batch."""
    p.counter, is_left = batch.open(p)
    if is_left:
        p.open(f"if ({is_left})")
    p.indices(p.counter, loops)
    for scope in chain[:-1]:
        p.values(scope)
    inside()
    if is_left:
        p.close()
    p.close()


def preload(p: KernelPrinter, registers: Mapping[Value, str], loops: Sequence[Scope], batch: Batch) -> None:
    """Fills arrays in registers with the loads of a batch's elements, whose places may be computed from what was loaded
    before."""
    if not registers:
        return
    names = dict(p.names)
    place, is_left = batch.open(p)
    if is_left:
        there, place = place, p.fresh("q")
        p.emit(f"const st_i64 {place} = {is_left} ? {there} : {batch.instead};")
    p.indices(place, loops)
    for value in p.preloaded:
        p.compute(value)
    for value, register in registers.items():
        p.emit(f"{register}[{p.lane}] = {p.guarded(value, p.element(value.name, value.args))};")
    p.close()
    p.names = names


def times(stride: str, count: int | str) -> str:
    return str(count) if stride == "1" else f"{count} * {stride}"


def length(p: KernelPrinter, chain: Sequence[Scope], levels: Sequence[Sequence[Value]], longest: int) -> int:
    """The elements of a batch; 1: there is none."""
    inner = chain[-1]
    items = [i for i in inner.items if not isinstance(i, Value) or i in p.uses]
    if not levels or any(isinstance(i, (LoopItem, ReduceItem)) for i in items):
        return 1
    known = all(s.extent is not None and s.extent.kind == "const" and s.extent.extra <= LONGEST for s in chain)
    work = sum(isinstance(i, Value) and i.kind != "load" for i in items)
    if known or work > MOST_VALUES:
        return 1
    bytes_ = sum(ITEMSIZE[p.facts[value.name].dtype] for level in levels for value in level)
    size = longest if work <= FEW_VALUES else longest // 2
    while size * bytes_ > MOST_BYTES:
        size //= 2
    return max(size, 1)


def loads_by_level(p: KernelPrinter, chain: Sequence[Scope]) -> list[list[Value]]:
    """The loads of a chain of loops that may be done before everything else, those whose places do not depend on other
    loads first."""
    level: dict[Value, int] = {}
    for scope in chain:
        written = False
        for item in scope.items:
            if not isinstance(item, Value):
                written = True
            elif item.kind == "load" and item in p.uses and item not in p.names and not (item.pinned and written):
                needs = [level.get(v, -1) for v in loads_behind(p, item) if v.scope in chain]
                if -1 not in needs:
                    level[item] = max(needs, default=0) + 1
    return [[v for v in level if level[v] == k] for k in range(1, max(level.values(), default=0) + 1)]


def loads_behind(p: KernelPrinter, load: Value) -> set[Value]:
    """The loads and reductions that the place of a load is computed from, at once or by operations."""
    found: set[Value] = set()
    stack = [v for i in load.args for v, _ in linear(i).terms] + list(load.extra or ())
    while stack:
        value = stack.pop()
        if value.kind in ("load", "reduce"):
            found.add(value)
        elif value.kind in ("op", "cast"):
            stack += value.args
    return found
