"""What a group of threads does at one point.

Every thread walks through the statements of the point. Loops and reductions are shared by the threads, single elements
are computed by all and stored by thread 0. Where a statement reads what another thread wrote, or writes what another
one may still read, a barrier stands between them.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from symtensor.codegen.cuda.batches import OF_POINTS, counted_loop
from symtensor.codegen.cuda.printer import KernelPrinter
from symtensor.codegen.cuda.reductions import shared_reduce
from symtensor.codegen.cuda.rows import KEPT, kept_rows
from symtensor.codegen.cuda.shapes import chain_from, group_work, is_shared, needed
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, StoreItem, Value

__all__ = ["print_group"]


@dataclass
class Pending:
    """What the group's threads have read and written since they last waited for one another."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)


def print_group(p: KernelPrinter, scope: Scope) -> None:
    """Prints the body of a point, where rows may be kept in registers twice: for those that fit, and for others."""
    rows = kept_rows(p, scope)
    if rows is not None:
        names, extents = dict(p.names), dict(p.extents)
        length = p.extent(rows.scopes[0])
        p.open(f"if ({length} > 0 && {length} <= {KEPT} * blockDim.x)")
        rows.declare(p)
        p.rows = rows
        body(p, scope, Pending())
        p.rows = None
        p.names, p.extents = names, extents
        p.indent -= 1
        p.open("} else")
    body(p, scope, Pending())
    if rows is not None:
        p.close()


def body(p: KernelPrinter, scope: Scope, pending: Pending) -> None:
    for item in needed(p, scope):
        reads, writes = touched(p, item)
        inner = isinstance(item, LoopItem) and not is_split(p, item.scope) and bool(group_work(p, item.scope, p.splits))
        if writes & (pending.reads | pending.writes) or reads & pending.writes:
            p.emit(p.call("st_group_wait();"))
            pending.reads.clear()
            pending.writes.clear()
        if inner:
            loop(p, item.scope, pending, reads, writes)
        else:
            single(p, item)
        pending.reads |= reads
        pending.writes |= writes


def loop(p: KernelPrinter, scope: Scope, pending: Pending, reads: set[str], writes: set[str]) -> None:
    """A loop that all threads run through, sharing what is inside."""
    p.loop_head(scope)
    inside = Pending(set(pending.reads), set(pending.writes))
    body(p, scope, inside)
    if writes & (reads | writes):
        p.emit(p.call("st_group_wait();"))
    p.close()


def single(p: KernelPrinter, item: Any) -> None:
    """An item without group work of its own inside other loops."""
    if isinstance(item, Value):
        p.compute(item)
    elif isinstance(item, ReduceItem):
        if is_shared(p, item):
            shared_reduce(p, item)
        else:
            p.item(item)
    elif isinstance(item, LoopItem) and is_split(p, item.scope):
        chain = [item.scope, *chain_from(p, item.scope, p.splits)]
        counted_loop(p, chain, *p.joined(chain), "threadIdx.x", "blockDim.x", partial(p.body, chain[-1]),
                     OF_POINTS)
    else:
        p.open("if (threadIdx.x == 0)")
        p.item(item)
        p.close()


def is_split(p: KernelPrinter, scope: Scope) -> bool:
    """Whether threads share the iterations of a loop, rather than what is inside of each."""
    if scope.kind != "vector" or not p.splits(scope):
        return False
    inner = [s for share in group_work(p, scope, p.splits) for s in share]
    return max((p.votes.get(s, 0) for s in inner), default=0) <= p.votes.get(scope, 0) or bool(
        chain_from(p, scope, p.splits))


def touched(p: KernelPrinter, item: Any) -> tuple[set[str], set[str]]:
    """Memory that an item reads and writes, as far as the nest writes to it: names of written buffers. Of rows in
    registers each thread has its own elements."""
    reads: set[str] = set()
    writes: set[str] = set()
    for part in parts(item):
        if p.rows is not None and part in p.rows.rows:
            continue
        if isinstance(part, Value) and part.kind == "load":
            reads |= p.shares_memory(part.name)
        elif isinstance(part, StoreItem):
            writes |= p.shares_memory(part.buffer)
            if part.op is not None:
                reads |= p.shares_memory(part.buffer)
    return reads, writes


def parts(item: Any) -> Iterator[Any]:
    """An item and everything in the loops that it opens."""
    stack = [item]
    while stack:
        at = stack.pop()
        yield at
        if isinstance(at, LoopItem):
            stack += at.scope.items
        elif isinstance(at, ReduceItem):
            stack += at.scopes[0].items
