"""Rows that the threads of a group keep in registers from one loop to the next.

A softmax goes over each row four times: for the largest element, the exponentials, their sum, the quotients. Where a
row has at most `KEPT` elements a thread (groups are as wide as that, up to rows of 8192), every thread meets the same
elements in each loop: it loads them once, keeps what it stores until the last loop that stores them, and waits for
nobody. Kernels have both ways, and longer rows take the other one.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from symtensor.codegen.c.dialect import ITEMSIZE, MEMORY
from symtensor.codegen.cuda.shapes import needed, shared_loops
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, StoreItem, Value, linear

if TYPE_CHECKING:
    from symtensor.codegen.cuda.printer import KernelPrinter

__all__ = ["KEPT", "Rows", "kept_rows"]

KEPT = 8  # elements of a row that a thread keeps
MOST_BYTES = 16  # of an element in all rows together: registers
MOST_VALUES = 32  # operations of all loops: they are printed twice, and KEPT times unrolled

# A row: its buffer, and its index with the loop's own place left out.
Key = tuple[str, tuple[Value | None, ...]]


@dataclass(eq=False)
class Rows:
    """The rows of one point.

    scopes     the loops that go over them
    rows       the row that a load or a store is an element of
    last       the stores that put a row's elements into memory
    registers  of each row, the array that keeps it
    filled     the rows whose array has been filled so far
    """

    scopes: list[Scope]
    rows: dict[Any, Key] = field(default_factory=dict)
    last: set[StoreItem] = field(default_factory=set)
    registers: dict[Key, str] = field(default_factory=dict)
    filled: set[Key] = field(default_factory=set)

    def declare(self, p: KernelPrinter) -> None:
        """Declares the arrays; nothing is in them yet."""
        for key in dict.fromkeys(self.rows.values()):
            self.registers[key] = p.fresh("r")
            p.emit(f"{MEMORY[p.facts[key[0]].dtype]} {self.registers[key]}[{KEPT}];")

    def to_fill(self, scope: Scope) -> dict[Value, str]:
        """The loads that fill arrays before a loop, which is printed next."""
        found: dict[Value, str] = {}
        for item in scope.items:
            key = self.rows.get(item)
            if key is not None and key not in self.filled:
                self.filled.add(key)
                if isinstance(item, Value):
                    found[item] = self.registers[key]
        return found


def kept_rows(p: KernelPrinter, point: Scope) -> Rows | None:
    """The rows that are worth keeping at a point; None if there are none."""
    loops = [s for item in needed(p, point) if (s := own_loop(p, item)) is not None]
    loops = [s for s in loops if s.extent is loops[0].extent]
    if len(loops) < 2 or loops[0].extent is None or loops[0].extent.kind != "param":
        return None
    if sum(isinstance(i, Value) and i in p.uses and i.kind != "load" for s in loops for i in s.items) > MOST_VALUES:
        return None
    found = Rows(loops)
    keys = {item: row_of(item, s) for s in loops for item in s.items if is_access(p, item)}
    everywhere = [(i, keys.get(i)) for s in (point, *p.inner_scopes(point)) for i in s.items if is_access(p, i)]
    written = {name for name in p.graph.stored if is_kept(p, name, everywhere)}
    times = Counter(key for s in loops for key in {keys[i] for i in s.items if keys.get(i) is not None})
    for item, key in keys.items():
        once = isinstance(item, StoreItem) and times[key] == 1  # as well stored at once
        if key is not None and not once and p.shares_memory(key[0]) <= written:
            found.rows[item] = key
    for name in written:
        found.last.add([i for i, _ in everywhere if isinstance(i, StoreItem) and i.buffer == name][-1])
    wanted = set(found.rows.values())
    if not any(times[key] > 1 for key in wanted) or sum(ITEMSIZE[p.facts[k[0]].dtype] for k in wanted) > MOST_BYTES:
        return None
    return found


def is_kept(p: KernelPrinter, name: str, everywhere: Sequence[tuple[Any, Key | None]]) -> bool:
    """Whether all that a point does with a buffer that it stores to, and with what may share memory with it, is done
    with elements of one row of each, and only this buffer is stored to."""
    keys: dict[str, Key] = {}
    stores = 0
    for item, key in everywhere:
        buffer = buffer_of(item)
        if name not in p.shares_memory(buffer):
            continue
        if key is None or keys.setdefault(buffer, key) != key or p.shares_memory(buffer) != {name}:
            return False
        if isinstance(item, StoreItem):
            if buffer != name or item.op is not None:
                return False
            stores += 1
    return stores > 0


def is_access(p: KernelPrinter, item: Any) -> bool:
    return isinstance(item, StoreItem) or isinstance(item, Value) and item.kind == "load" and item in p.uses


def buffer_of(item: Any) -> str:
    name: str = item.buffer if isinstance(item, StoreItem) else item.name
    return name


def row_of(item: Any, scope: Scope) -> Key | None:
    """The row that a loop walks along by one axis of a buffer, element by element."""
    index = item.index if isinstance(item, StoreItem) else item.args
    forms = [linear(i) for i in index]
    along = [a for a, form in enumerate(forms) if any(v.mask & scope.bit for v, _ in form.terms)]
    if len(along) != 1 or forms[along[0]].constant or forms[along[0]].terms != ((scope.index, 1),):
        return None
    if isinstance(item, Value) and item.extra:
        return None
    return buffer_of(item), tuple(None if a == along[0] else i for a, i in enumerate(index))


def own_loop(p: KernelPrinter, item: Any) -> Scope | None:
    """The loop of an item that threads share and that holds nothing but values and stores."""
    scopes = shared_loops(p, item, p.splits)
    if len(scopes) != 1 or any(isinstance(i, (LoopItem, ReduceItem)) for i in needed(p, scopes[0])):
        return None
    return scopes[0]
