"""Arrays put together of parts: a part that a nest of its own computes is computed in its place in the whole.

In: the nodes of a block and what of them is stored. Out: `Whole`s, the arrays made by joins and by writes into new
memory, one after the other, and for each stored part what names its place (`Lowering.define` asks it).

The memory of the whole comes into being when its first part is computed, so the sizes of the whole and the place of the
part have to be known by then; else the part is copied when all parts are there. What is written to a slice may have
length 1 where the slice is longer, as in NumPy: where nobody knows whether it has the slice's sizes, the Program finds
out, and computes it in its place or copies it.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import TRUE, ZERO, both, compare
from symtensor.ir.nodes import Define, Expr, If, View, ViewAxis
from symtensor.lower.context import Lowering
from symtensor.lower.joining import begin_join, join_axis
from symtensor.lower.known import KnownNow
from symtensor.lower.registry import RuleBook
from symtensor.lower.subtensor import index_parts
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.alloc import Alloc, AllocEmpty
from symtensor.tensor.basic_indexing import IncSubtensor, Subtensor
from symtensor.tensor.index_list import get_idx_list
from symtensor.tensor.index_regions import are_apart
from symtensor.tensor.joining import Join

__all__ = ["find_wholes"]

Place = Callable[[Lowering, Sequence[Expr]], bool]


def find_wholes(
    ctx: Lowering, nodes: Sequence[Apply], outputs: Collection[Variable], stored: Collection[Variable]
) -> None:
    """Tells `ctx` of the wholes among the nodes of a block, and of the places of their parts."""
    ctx.wholes, ctx.places = {}, {}
    if not any(type(node.op) in (Join, IncSubtensor) for node in nodes):
        return
    readers: dict[Variable, int] = {}
    for node in nodes:
        for v in ctx.regions.inputs(node):
            readers[v] = readers.get(v, 0) + 1
    passing = {v for v, count in readers.items() if count == 1}.difference(outputs)  # read by one node alone
    wholes = [*_written(ctx, nodes, passing), *_joined(ctx, nodes)]
    for whole in wholes:
        for part, place in whole.places(ctx.rules):
            if part in stored and part not in outputs:
                ctx.places.setdefault(part, place)


def _computed_by_a_nest(part: Variable, whole: Variable, rules: RuleBook) -> bool:
    return part.owner is not None and rules[part.owner].elementwise and part.type.dtype == whole.type.dtype


# -- writes ------------------------------------------------------------------------------------------------------------


class Written:
    """New memory (filled, if it is an Alloc) and the writes into it, of which only the last is read by anything else.

    name     the buffer, once it is there
    placed   the writes whose value is in its place already, and under which condition
    """

    def __init__(self, base: Apply, writes: Sequence[Apply]):
        self.base, self.writes = base, list(writes)
        self.whole: Any = self.writes[-1].outputs[0]
        self.name: str | None = None
        self.placed: dict[Apply, Expr] = {}

    def begin(self, ctx: Lowering) -> str:
        """The buffer of the whole; it comes into being now if it is not there yet."""
        if self.name is None:
            dims = ctx.dims(self.whole)
            self.name = ctx.define(self.whole, dims)
            del ctx.names[self.whole]  # nobody may read it yet
            if type(self.base.op) is Alloc:
                with ctx.nest(self.base) as nest:
                    index = nest.loops(dims)
                    nest.store(self.name, index, ctx.element(self.base.outputs[0], index))
        return self.name

    def places(self, rules: RuleBook) -> Iterator[tuple[Variable, Place]]:
        """The parts that may be computed in their places: no other write may touch these."""
        indices = [get_idx_list(node.inputs, node.op.idx_list) for node in self.writes]
        for k, node in enumerate(self.writes):
            part = node.inputs[1]
            if not node.op.set_instead_of_inc or not _computed_by_a_nest(part, self.whole, rules):
                continue
            if all(are_apart(indices[k], other) for other in indices[:k] + indices[k + 1:]):
                yield part, partial(self._place, node)

    def _place(self, node: Apply, ctx: Lowering, dims: Sequence[Expr]) -> bool:
        """Lets the value of a write be computed in its place; False where the place is not known yet."""
        part: Any = node.inputs[1]
        read: Any = Subtensor(node.op.idx_list)(node.inputs[0], *node.inputs[2:])
        if read.type.broadcastable != part.type.broadcastable:
            return False
        known = KnownNow(ctx)
        sizes = [ctx.sizes.own(v, axis) for v in (self.whole, read) for axis in range(v.type.ndim)]
        value = self.base.inputs[:1] if type(self.base.op) is Alloc else []
        if not all(map(known, (*sizes, *node.inputs[2:], *value))):
            return False
        base = self.begin(ctx)
        taken = index_parts(ctx, read.owner, read)
        fits: Expr = TRUE
        axes: list[ViewAxis] = []
        for axis, entry in enumerate(taken):
            if entry.step is None:
                continue
            k = len(axes)
            axes.append(ViewAxis(axis, dims[k], entry.step))
            if ctx.sizes.root(part, k) != ctx.sizes.root(read, k):
                fits = both(fits, compare("eq", dims[k], entry.count))
        fits = ctx.let(fits, "c")
        name = ctx.declare_for(part, "any")
        view = View(name, base, tuple(entry.start for entry in taken), tuple(axes))
        ctx.emit(view if fits == TRUE else If(fits, (view,), (Define(name, tuple(dims)),)))
        self.placed[node] = fits
        return True


def _written(ctx: Lowering, nodes: Sequence[Apply], passing: Collection[Variable]) -> Iterator[Written]:
    """The runs of writes into new memory."""
    here = set(nodes)
    seen: set[Apply] = set()
    for last in reversed(nodes):
        if type(last.op) is not IncSubtensor or last in seen:
            continue
        writes = [last]
        base = last.inputs[0]
        while base in passing and base.owner in here and type(base.owner.op) is IncSubtensor:
            writes.append(base.owner)
            base = base.owner.inputs[0]
        seen.update(writes)
        if base in passing and base.owner in here and type(base.owner.op) in (Alloc, AllocEmpty):
            found = Written(base.owner, writes[::-1])
            ctx.wholes.update((node, found) for node in (base.owner, *writes))
            yield found


# -- joins -------------------------------------------------------------------------------------------------------------


class Joined:
    """A join along a known axis. name, offsets: the buffer and where each part begins, once they are there. placed: the
    parts that are in their place already."""

    def __init__(self, node: Apply):
        self.node, self.whole, self.parts = node, node.outputs[0], node.inputs[1:]
        self.base: Apply | None = None
        self.name: str | None = None
        self.offsets: list[Expr] = []
        self.placed: set[Variable] = set()

    def begin(self, ctx: Lowering) -> str:
        """The buffer of the whole; it comes into being now if it is not there yet."""
        if self.name is None:
            self.name, self.offsets = begin_join(ctx, self.node)
            del ctx.names[self.whole]
        return self.name

    def places(self, rules: RuleBook) -> Iterator[tuple[Variable, Place]]:
        """The parts that may be computed in their places."""
        for k, part in enumerate(self.parts):
            if self.parts.count(part) == 1 and _computed_by_a_nest(part, self.whole, rules):
                yield part, partial(self._place, k)

    def _place(self, k: int, ctx: Lowering, dims: Sequence[Expr]) -> bool:
        known = KnownNow(ctx)
        if not all(known(ctx.sizes.own(v, axis)) for v in self.parts for axis in range(v.type.ndim)):
            return False
        base, along = self.begin(ctx), join_axis(self.node)
        start = [self.offsets[k] if axis == along else ZERO for axis in range(len(dims))]
        ctx.view(self.parts[k], base, start, [ViewAxis(axis, d) for axis, d in enumerate(dims)])
        self.placed.add(self.parts[k])
        return True


def _joined(ctx: Lowering, nodes: Sequence[Apply]) -> Iterator[Joined]:
    """The joins, but for those of a loop's initial rows with its trace, which are views."""
    for node in nodes:
        if type(node.op) is Join and ctx.rules[node].emit is not None:
            if not any(v.owner is not None and isinstance(v.owner.op, Scan) for v in node.inputs):
                ctx.wholes[node] = found = Joined(node)
                yield found
