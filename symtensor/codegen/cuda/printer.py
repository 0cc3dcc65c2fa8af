"""The state of printing one kernel: `NestPrinter`'s values and addresses, and loops shared out among threads.

The outer vector loops of the nest are its points; threads, or groups of threads, take points one after the other,
striding over the grid. What is inside a point of one thread is plain code; `groups` prints what a group shares.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from symtensor.codegen.c.dialect import LOCAL, MEMORY, TAG, kind
from symtensor.codegen.c.printer import NestPrinter, factor
from symtensor.codegen.c.scalar_ops import UnsupportedRow, operation
from symtensor.codegen.cuda.batches import OF_POINTS, counted_loop
from symtensor.codegen.cuda.reductions import print_reduce
from symtensor.codegen.cuda.rows import Rows
from symtensor.codegen.cuda.shapes import accumulations, covers, needed, shape_of
from symtensor.codegen.cuda.sources import SOURCES
from symtensor.codegen.cuda.wide import print_wide
from symtensor.codegen.facts import BufferFacts
from symtensor.codegen.target import Target
from symtensor.codegen.values import Graph, Scope, StoreItem, Value

__all__ = ["KernelPrinter"]

# What the device adds to memory by itself.
_ADDS = frozenset({"float32", "float64", "int32", "uint32", "int64", "uint64"})

_UNKNOWN_WIDTH = "256"  # where only the device knows how much there is to share


def _no_block(printer: NestPrinter, item: Any) -> None:
    raise AssertionError("kernels have no vector code")


class KernelPrinter(NestPrinter):
    """Prints the nest as a kernel; `points` and `width` say how it is launched."""

    def __init__(self, graph: Graph, facts: Mapping[str, BufferFacts], target: Target,
                 print_group: Callable[[KernelPrinter, Scope], None], inplace: Sequence[tuple[str, str]],
                 deterministic: bool):
        super().__init__(graph, facts, target, _no_block, lambda _, item: print_reduce(self, item))
        for value in self.uses:
            if value.dtype.startswith("complex"):
                raise UnsupportedRow(f"kernels have no {value.dtype}")
        self.print_group = print_group
        self.inplace = inplace
        self.deterministic = deterministic
        self.shape = shape_of(self, self.splits)
        self.points = tuple(self.size_key(s) for s in self.shape.chain)
        self.width: tuple[str, ...] = ()
        if self.shape.width is not None:
            known = [s for s in self.shape.width if s.extent is not None and s.extent.kind in ("const", "param")]
            self.width = tuple(map(self.size_key, known)) or (_UNKNOWN_WIDTH,)
        self.wide: dict[str, str] = {}  # buffer -> its element in a variable
        self.preloaded: dict[Value, str] = {}  # load -> the array in registers that has it for each element of a batch
        self.lane = ""  # the number of the element in its batch
        self.rows: Rows | None = None  # those that are in registers where the printer is
        self.counter = ""  # of the loop that was opened last: which iteration this is
        self.parallel: list[Scope] = []  # the loops around that threads share

    def size_key(self, scope: Scope) -> str:
        assert scope.extent is not None
        return str(scope.extent.extra)

    # -- what differs from C for the host

    def call(self, text: str) -> str:
        for name in SOURCES.mentioned(text):
            self.called[name] = None
        return text

    def is_block(self, scope: Scope) -> bool:
        return False

    def choose_dense(self, inner: Scope) -> None:
        """Nobody packs: strides are parameters."""

    def shares_memory(self, buffer: str) -> set[str]:
        """The buffers written by the nest that a buffer is, or may share memory with."""
        found = {a for a, b in self.inplace if b == buffer}
        return found | {buffer} if buffer in self.graph.stored else found

    def element(self, buffer: str, index: tuple[Value, ...]) -> str:
        return self.wide.get(buffer) or super().element(buffer, index)

    def splits(self, scope: Scope) -> bool:
        """Whether threads may share a loop. Where additions have to be in order, not those that may meet."""
        if not self.deterministic:
            return True
        return all(covers(item, scope) or item.op in ("maximum", "minimum")
                   or kind(self.facts[item.buffer].dtype) != "f" for item in accumulations(self, scope))

    def store(self, item: StoreItem, lvalue: str) -> None:
        if self.rows is not None and item in self.rows.rows:
            register = f"{self.rows.registers[self.rows.rows[item]]}[{self.lane}]"
            super().store(item, register)
            if item in self.rows.last:
                self.emit(f"{lvalue} = {register};")
            return
        if item.op is None or all(covers(item, scope) for scope in self.parallel):
            super().store(item, lvalue)
            return
        dtype, value = self.facts[item.buffer].dtype, self.text(item.value)
        if item.op == "add" and dtype in _ADDS:
            self.emit(self.call(f"st_atomic_add_{TAG[dtype]}(&{lvalue}, {value});"))
            return
        t, new = MEMORY[dtype], value
        if not new.isidentifier():
            new = self.fresh("t")
            self.emit(f"const {LOCAL[dtype]} {new} = {value};")
        at, old, found, fresh = self.fresh("u"), self.fresh("u"), self.fresh("t"), self.fresh("u")
        self.emit(f"{t} *const {at} = &{lvalue};")
        self.emit(f"{t} {old}, {fresh};")
        self.open("do")
        self.emit(f"{old} = *(volatile {t} *){at};")
        self.emit(f"const {LOCAL[dtype]} {found} = {self.loaded(dtype, old)};")
        text = self.call(operation(item.op, (dtype, dtype)).template.format(found, new))
        self.emit(f"{fresh} = {self.call(f'st_f16_from_f32({text})') if dtype == 'float16' else text};")
        self.indent -= 1
        self.emit(self.call(f"}} while (!st_swapped({at}, {old}, {fresh}));"))

    # -- the kernel

    def run(self) -> None:
        """Prints the whole body."""
        chain = self.shape.chain
        group = self.shape.width is not None
        first = ("(st_i64)blockIdx.x * blockDim.y + threadIdx.y" if group
                 else "(st_i64)blockIdx.x * blockDim.x + threadIdx.x")
        stride = f"(st_i64)gridDim.x * blockDim.{'y' if group else 'x'}"
        inside = chain[-1] if chain else self.graph.root
        if group:
            contents = partial(self.print_group, self, inside)
        else:
            contents = partial(self.body, inside)
        if chain:
            self.values(self.graph.root)
            loops, count = self.joined(chain)
            done = "" if group else print_wide(self, loops, count, first, stride)
            counted_loop(self, chain, loops, count, f"{done} + {first}" if done else first, stride, contents,
                         1 if done else OF_POINTS)
        else:
            self.open(f"if ({first} == 0)")
            contents()
            self.close()

    def joined(self, chain: Sequence[Scope]) -> tuple[list[Scope], str]:
        """The loops that are left of a chain after those over dense memory are joined; how many iterations they have
        in all."""
        perfect = len(chain) - 1
        while perfect > 0 and len(needed(self, chain[perfect - 1])) == 1:
            perfect -= 1
        loops = [*chain[:perfect], *self.join(list(chain[perfect:])), chain[-1]]
        count = " * ".join(factor(self.extent(s)) for s in loops)
        if not count.isalnum():
            name = self.fresh("m")
            self.emit(f"const st_i64 {name} = {count};")
            count = name
        return loops, count

    def indices(self, at: str, loops: Sequence[Scope]) -> None:
        """Names the indices of loops from a number that counts through all of them."""
        rest = at
        for scope in reversed(loops[1:]):
            name, extent, above = self.fresh("i"), factor(self.extent(scope)), self.fresh("q")
            self.emit(self.call(f"const st_i64 {above} = st_quotient({rest}, {extent});"))
            self.emit(f"const st_i64 {name} = {rest} - {above} * {extent};")
            self.names[scope.index] = name
            rest = above
        self.names[loops[0].index] = rest

    def values(self, scope: Scope) -> None:
        """The values of a loop whose other items come later."""
        for item in scope.items:
            if isinstance(item, Value) and not item.pinned:
                self.compute(item)

    def compute(self, value: Value) -> None:
        if value in self.names:
            return
        if value in self.preloaded:
            self.name_value(value, self.loaded(value.dtype, f"{self.preloaded[value]}[{self.lane}]"))
        else:
            super().compute(value)
