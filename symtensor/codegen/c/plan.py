"""How one loop becomes vector code: what is computed together, and what waits in arrays in between.

In comes the scope of a loop whose iterations walk along dense memory; out comes a tree of nodes. A segment is one `for`
over the elements of a block, vectorised by the compiler; inner loops and reductions over other axes run around
segments, and what one segment computes for another waits in an array on the stack (the loop then runs in blocks of
elements, else over its whole length). Functions without a vector variant, scattered stores and updates get segments
that run in order.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symtensor.codegen.c.dialect import BLOCK as BLOCK_TYPE
from symtensor.codegen.c.dialect import kind
from symtensor.codegen.c.printer import BLOCK, ROW_BLOCK, NestPrinter, walked
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, StoreItem, Value, linear

__all__ = ["BlockPlan", "Fold", "Inner", "Plain", "Segment", "Step"]


@dataclass(slots=True, eq=False)
class Segment:
    """Items that one loop over the elements computes. kind: "any", "vector" (calls vector libm), "ordered"."""

    items: list[Any] = field(default_factory=list)
    kind: str = "any"
    stored: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Plain:
    """A value or reduction that is the same for all elements."""

    item: Any


@dataclass(slots=True, eq=False)
class Inner:
    """A loop around segments."""

    scope: Scope
    nodes: list[Any]


@dataclass(slots=True, eq=False)
class Fold:
    """A reduction over other axes: `part` accumulates rows; `total` sums parts; `place` holds positions."""

    item: ReduceItem
    nodes: list[Any]
    part: str
    total: str
    place: str
    counter: str = ""


@dataclass(slots=True, eq=False)
class Step:
    """Folds the body's value of one row into the arrays of a Fold."""

    fold: Fold


class BlockPlan:
    """The plan for the loop `scope`. `sink`: a value that is wanted in an array (see `reductions`)."""

    def __init__(self, printer: NestPrinter, scope: Scope, sink: Value | None = None):
        self.p = printer
        self.scope = scope
        self.bit = scope.bit
        self.sink = sink
        self.where: dict[Value, Segment] = {}
        self.units: dict[tuple[str, tuple[Value, ...]], bool] = {}
        self.kept: dict[Value, str] = {}  # value -> element of its array, with {} for the position
        self.chunked = sink is not None
        self.math = self.has_math(scope)
        self.size = ROW_BLOCK if self.has_fold(scope) else BLOCK
        printer.choose_dense(scope)
        self.nodes = self.plan(scope)
        self.keep_across(self.nodes)
        if sink is not None and sink not in self.kept:
            self.keep(sink)

    # -- cutting into segments

    def has_math(self, scope: Scope) -> bool:
        stack = [scope]
        while stack:
            for item in stack.pop().items:
                if isinstance(item, Value):
                    if item in self.p.uses and item.mask & self.bit and self.is_math(item):
                        return True
                elif isinstance(item, LoopItem):
                    stack.append(item.scope)
                elif isinstance(item, ReduceItem):
                    stack.append(item.scopes[0])
        return False

    def has_fold(self, scope: Scope) -> bool:
        stack = [scope]
        while stack:
            for item in stack.pop().items:
                if isinstance(item, ReduceItem) and (item.body.mask | item.result.mask) & self.bit:
                    return True
                if isinstance(item, LoopItem):
                    stack.append(item.scope)
        return False

    def is_math(self, value: Value) -> bool:
        return value.kind == "op" and self.p.operation(value).math in self.p.target.simd_math

    def depends(self, value: Value) -> bool:
        return bool(value.mask & self.bit) or value.pinned

    def plan(self, scope: Scope) -> list[Any]:
        nodes: list[Any] = []
        pending: list[Segment] = []  # the open segment, if any

        def segment(wanted: str) -> Segment:
            if pending and wanted != "any" and pending[0].kind not in ("any", wanted):
                pending.clear()
            if not pending:
                pending.append(Segment())
                nodes.append(pending[0])
            if wanted != "any":
                pending[0].kind = wanted
            return pending[0]

        for item in scope.items:
            if isinstance(item, Value):
                if item not in self.p.uses:
                    continue
                if not self.depends(item):
                    nodes.insert(len(nodes) - len(pending), Plain(item))
                    continue
                if item.pinned and pending and item.name in pending[0].stored:
                    pending.clear()
                at = segment(self.wanted(item))
                at.items.append(item)
                self.where[item] = at
            elif isinstance(item, StoreItem):
                ordered = not self.is_unit(item.buffer, item.index)
                at = segment("ordered" if ordered and (self.math or item.op or not self.steps(item.index)) else "any")
                at.items.append(item)
                at.stored.add(item.buffer)
            elif isinstance(item, LoopItem):
                pending.clear()
                nodes.append(Inner(item.scope, self.plan(item.scope)))
            elif item.result not in self.p.uses:
                continue
            elif not (item.body.mask | item.result.mask) & self.bit:
                nodes.insert(len(nodes) - len(pending), Plain(item))
            else:
                pending.clear()
                nodes.append(self.fold(item))
        return nodes

    def wanted(self, value: Value) -> str:
        if value.kind not in ("op", "cast"):
            return "any"
        if self.is_math(value):
            return "vector"
        found = self.p.operation(value)
        return "ordered" if found.scalar or found.math else "any"

    def fold(self, item: ReduceItem) -> Fold:
        self.chunked = True
        p, dtype = self.p, item.body.dtype
        t = BLOCK_TYPE[dtype]
        part = p.array(t, "a", str(self.size))
        total = p.array("double", "b", str(self.size)) if item.op == "add" and kind(dtype) == "f" else ""
        place = p.array("st_i64", "k", str(self.size)) if item.op in ("argmax", "argmin") else ""
        fold = Fold(item, [], part, total, place)
        nodes = self.plan(item.scopes[0])
        inner = nodes
        for scope in item.scopes[1:]:
            inner = next(n for n in inner if isinstance(n, Inner) and n.scope is scope).nodes
        if not inner or not isinstance(inner[-1], Segment):
            inner.append(Segment())
        inner[-1].items.append(Step(fold))
        fold.nodes = nodes
        if place:
            self.kept[item.result] = place + "[{}]"
        elif total:
            self.kept[item.result] = {"float64": total + "[{}]", "float32": f"(float){total}[{{}}]"}.get(
                dtype, f"st_f16_round((float){total}[{{}}])")
        else:
            self.kept[item.result] = f"({part}[{{}}] != 0)" if dtype == "bool" else part + "[{}]"
        return fold

    # -- values that travel between segments

    def operands(self, item: Any) -> list[Value]:
        if isinstance(item, StoreItem):
            return [item.value, *self.p.index_values(item.index)]
        if isinstance(item, Step):
            return [item.fold.item.body]
        if item.kind == "load":
            return self.p.index_values(item.args)
        return self.p.operands(item)

    def keep(self, value: Value) -> None:
        self.chunked = True
        name = self.p.array(BLOCK_TYPE[value.dtype], "u", str(self.size))
        self.kept[value] = f"({name}[{{}}] != 0)" if value.dtype == "bool" else name + "[{}]"

    def keep_across(self, nodes: list[Any]) -> None:
        """Gives an array to every value that another segment computes than reads; free loads are loaded again."""
        for node in nodes:
            if isinstance(node, (Inner, Fold)):
                self.keep_across(node.nodes)
            elif isinstance(node, Segment):
                again: list[Value] = []
                stack = [v for item in node.items for v in self.operands(item)]
                seen: set[Value] = set()
                while stack:
                    value = stack.pop()
                    if value in seen or value in self.kept or self.where.get(value) is node:
                        continue
                    if not self.depends(value) or value.scope.depth < self.scope.depth:
                        continue
                    if value.kind not in ("load", "op", "cast"):
                        continue
                    seen.add(value)
                    if value.kind == "load" and not value.pinned:
                        again.append(value)
                        stack += self.operands(value)
                    else:
                        self.keep(value)
                node.items[:0] = list(dict.fromkeys(reversed(again)))

    # -- addresses

    def is_affine(self, index: tuple[Value, ...]) -> bool:
        return not any(v.mask & self.bit and v is not self.scope.index for i in index for v, _ in linear(i).terms)

    def steps(self, index: tuple[Value, ...]) -> list[tuple[int, int]]:
        """(axis, factor) of the axes along which the loop walks."""
        return walked([linear(i) for i in index], self.scope.index)

    def is_unit(self, buffer: str, index: tuple[Value, ...]) -> bool:
        found = self.units.get((buffer, index))
        if found is None:
            steps = self.steps(index)
            found = self.units[buffer, index] = (
                len(steps) == 1 and steps[0][1] == 1 and self.p.is_unit(buffer, steps[0][0]) and self.is_affine(index))
        return found
