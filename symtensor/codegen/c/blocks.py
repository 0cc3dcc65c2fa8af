"""Vector code: one loop whose iterations walk along dense memory, printed as short loops over many elements.

In comes the loop's scope, cut into segments by `plan`; `segments` prints each of them, this module what is around them:
the loop over blocks, inner loops, and reductions over other axes, which add up whole rows.
"""
from __future__ import annotations

from typing import Any

from symtensor.codegen.c.dialect import LOCAL, TAG, extreme, kind, literal
from symtensor.codegen.c.plan import BlockPlan, Fold, Inner, Plain, Segment
from symtensor.codegen.c.printer import NestPrinter
from symtensor.codegen.c.segments import SegmentPrinter
from symtensor.codegen.values import Scope, Value

__all__ = ["BlockPrinter", "block_tag", "fold_start", "print_block"]

ROWS_TO_FLUSH = 64  # rows that are added up in the array's own precision


class BlockPrinter:
    """Prints the loop `scope` as vector code. `sink`: a value that is wanted in an array (see `reductions`)."""

    def __init__(self, printer: NestPrinter, scope: Scope, sink: Value | None = None):
        self.p = printer
        self.plan = BlockPlan(printer, scope, sink)
        self.start = ""
        self.count = ""

    def run(self) -> None:
        """Prints the whole loop (without sink)."""
        p = self.p
        extent = p.extent(self.plan.scope)
        if not self.plan.chunked:
            self.count = extent
            self.print_nodes(self.plan.nodes)
            return
        self.open_chunk(extent)
        self.print_nodes(self.plan.nodes)
        p.close()

    def open_chunk(self, extent: str) -> None:
        p = self.p
        self.start, self.count = p.fresh("v"), p.fresh("m")
        p.open(f"for (st_i64 {self.start} = 0, {self.count}; {self.start} < {extent}; {self.start} += {self.count})")
        p.emit(f"{self.count} = {extent} - {self.start};")
        p.emit(f"if ({self.count} > {self.plan.size}) {self.count} = {self.plan.size};")

    def print_nodes(self, nodes: list[Any]) -> None:
        for node in nodes:
            if isinstance(node, Plain):
                self.p.item(node.item)
            elif isinstance(node, Segment):
                SegmentPrinter(self.plan, node, self.start, self.count).run()
            elif isinstance(node, Inner):
                self.p.loop_head(node.scope)
                self.print_nodes(node.nodes)
                self.p.close()
            else:
                self.print_fold(node)

    def print_fold(self, fold: Fold) -> None:
        p, item = self.p, fold.item
        dtype = item.body.dtype
        tag = block_tag(dtype)
        room = f"({self.count} + 63) & -64"
        fill = "st_cfill" if kind(dtype) == "c" else "st_fill"
        p.emit(p.call(f"{fill}_{tag}({fold.part}, {room}, {fold_start(item.op, dtype)});"))
        counter = ""
        if fold.total:
            p.emit(p.call(f"st_fill_f64({fold.total}, {room}, 0.0);"))
        if fold.place:
            p.emit(p.call(f"st_fill_i64({fold.place}, {room}, 0);"))
        if fold.total or fold.place:
            counter = p.fresh("c")
            p.emit(f"st_i64 {counter} = 0;")
        fold.counter = counter

        def loops(nodes: list[Any], depth: int) -> None:
            p.loop_head(item.scopes[depth])
            for node in nodes:
                if isinstance(node, Inner) and depth + 1 < len(item.scopes) and node.scope is item.scopes[depth + 1]:
                    loops(node.nodes, depth + 1)
                else:
                    self.print_nodes([node])
            if depth + 1 == len(item.scopes):
                if fold.place:
                    p.emit(f"{counter}++;")
                elif fold.total:
                    flush = p.call(f"st_flush_{tag}({fold.total}, {fold.part}, {self.count});")
                    p.emit(f"if (++{counter} == {ROWS_TO_FLUSH}) {{ {flush} {counter} = 0; }}")
            p.close()

        loops(fold.nodes, 0)
        if fold.total:
            p.emit(p.call(f"st_flush_{tag}({fold.total}, {fold.part}, {self.count});"))


def block_tag(dtype: str) -> str:
    """The tag of the dtype in which a block keeps values."""
    return TAG["float32" if dtype == "float16" else dtype]


def fold_start(op: str, dtype: str) -> str:
    """What a reduction starts from."""
    if op in ("maximum", "argmax"):
        return extreme(dtype, False)
    if op in ("minimum", "argmin"):
        return extreme(dtype, True)
    if op == "and_":
        return "1" if dtype == "bool" else f"({LOCAL[dtype]})-1"
    return literal(1 if op == "mul" else 0, dtype)


def print_block(printer: NestPrinter, scope: Scope) -> None:
    """Prints a loop as vector code."""
    BlockPrinter(printer, scope).run()
