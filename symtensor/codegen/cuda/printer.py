"""The state of printing one kernel: `NestPrinter`'s values and addresses, and loops shared out among threads.

The outer vector loops of the nest are its points; each thread takes points one after the other, striding over the
grid. What is inside a point is plain code.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symtensor.codegen.c.printer import NestPrinter, factor
from symtensor.codegen.c.scalar_ops import UnsupportedRow
from symtensor.codegen.cuda.sources import SOURCES
from symtensor.codegen.cuda.reductions import print_reduce
from symtensor.codegen.facts import BufferFacts
from symtensor.codegen.target import Target
from symtensor.codegen.values import Graph, LoopItem, ReduceItem, Scope, StoreItem, Value

__all__ = ["KernelPrinter"]


def _no_block(printer: NestPrinter, item: Any) -> None:
    raise AssertionError("kernels have no vector code")


class KernelPrinter(NestPrinter):
    """Prints the nest as a kernel; `points` and `width` say how it is launched."""

    def __init__(self, graph: Graph, facts: Mapping[str, BufferFacts], target: Target):
        super().__init__(graph, facts, target, _no_block, print_reduce)
        self.points: tuple[str, ...] = ()
        self.width: tuple[str, ...] = ()
        for value in self.uses:
            if value.dtype.startswith("complex"):
                raise UnsupportedRow(f"kernels have no {value.dtype}")

    # -- what differs from C for the host

    def call(self, text: str) -> str:
        for name in SOURCES.mentioned(text):
            self.called[name] = None
        return text

    def is_block(self, scope: Scope) -> bool:
        return False

    def choose_dense(self, inner: Scope) -> None:
        """Nobody packs: strides are parameters."""

    # -- the kernel

    def needed(self, scope: Scope) -> list[Any]:
        """The items that are not values which nobody reads."""
        return [i for i in scope.items if not (isinstance(i, Value) and i not in self.uses)]

    def chain(self) -> list[Scope]:
        """The outer vector loops that are points: each holds nothing but the next, values aside."""
        chain: list[Scope] = []
        scope = self.graph.root
        while True:
            work = [i for i in self.needed(scope) if not isinstance(i, Value) or i.pinned]
            if len(work) != 1 or not isinstance(work[0], LoopItem):
                return chain
            scope = work[0].scope
            assert scope.extent is not None
            if scope.kind != "vector" or scope.extent.kind not in ("const", "param"):
                return chain
            chain.append(scope)

    def size_key(self, value: Value) -> str:
        return str(value.extra)

    def run(self) -> None:
        """Prints the whole body."""
        chain = self.chain()
        self.points = tuple(self.size_key(s.extent) for s in chain if s.extent is not None)
        self.values(self.graph.root)
        perfect = len(chain) - 1
        while perfect > 0 and len(self.needed(chain[perfect - 1])) == 1:
            perfect -= 1
        loops = chain[:perfect] + self.join_all(chain[perfect:])
        if not chain:
            self.open("if (blockIdx.x == 0 && threadIdx.x == 0)")
            self.body_of(self.graph.root)
            self.close()
            return
        count = " * ".join(factor(self.extent(s)) for s in loops)
        at, points = self.fresh("q"), self.fresh("m")
        self.emit(f"const st_i64 {points} = {count};")
        self.open(f"for (st_i64 {at} = (st_i64)blockIdx.x * blockDim.x + threadIdx.x; {at} < {points}; "
                  f"{at} += (st_i64)gridDim.x * blockDim.x)")
        self.indices(at, loops)
        for scope in chain[:-1]:
            self.values(scope)
        self.body_of(chain[-1])
        self.close()

    def join_all(self, chain: list[Scope]) -> list[Scope]:
        """The loops that remain of a perfect chain."""
        return [*self.join(chain), chain[-1]] if chain else []

    def indices(self, at: str, loops: list[Scope]) -> None:
        """Names the indices of loops from a number that counts through all of them."""
        rest = at
        for scope in reversed(loops[1:]):
            name, extent = self.fresh("i"), factor(self.extent(scope))
            above = self.fresh("q")
            self.emit(f"const st_i64 {above} = st_quotient({rest}, {extent});")
            self.called["st_quotient"] = None
            self.emit(f"const st_i64 {name} = {rest} - {above} * {extent};")
            self.names[scope.index] = name
            rest = above
        self.names[loops[0].index] = rest

    def values(self, scope: Scope) -> None:
        """The values of a loop whose other items come later."""
        for item in scope.items:
            if isinstance(item, Value):
                self.compute(item)

    def body_of(self, scope: Scope) -> None:
        """The items of a loop, without values that have been printed."""
        for item in scope.items:
            if not isinstance(item, Value) or item not in self.names:
                self.item(item)


__all__ += ["ReduceItem", "StoreItem"]
