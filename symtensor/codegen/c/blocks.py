"""Vector code: one loop whose iterations walk along dense memory, printed as short loops over many elements.

In comes the loop's scope; everything in it is cut into segments. A segment is one `for` over the elements of a block,
vectorised by the compiler; inner loops and reductions over other axes run around segments, and what one segment computes
for another waits in an array on the stack (then the loop runs in blocks of elements, else over its whole length).

Where a segment calls a function that the vector libm computes, its last incomplete vector is filled up and computed by
the same code: equal elements give equal results wherever they stand. Functions without a vector variant, scattered
stores and updates get segments of their own that run in order.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symtensor.codegen.c.dialect import BLOCK as BLOCK_TYPE
from symtensor.codegen.c.dialect import ITEMSIZE, LOCAL, MEMORY, TAG, extreme, kind, literal
from symtensor.codegen.c.printer import BLOCK, ROW_BLOCK, NestPrinter, bare, walked
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, StoreItem, Value, linear

__all__ = ["BlockPrinter"]

ROWS_TO_FLUSH = 64  # rows that are added up in the array's own precision


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


class BlockPrinter:
    """Prints the loop `scope` as vector code. `sink`: a value that is wanted in an array (see `reductions`)."""

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
        self.start = ""
        self.count = ""

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
                    if value in seen or value in self.kept or not self.depends(value) or self.where.get(value) is node:
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

    # -- printing

    def run(self) -> None:
        """Prints the whole loop (without sink)."""
        p = self.p
        extent = p.extent(self.scope)
        if not self.chunked:
            self.count = extent
            self.print_nodes(self.nodes)
            return
        self.open_chunk(extent)
        self.print_nodes(self.nodes)
        p.close()

    def open_chunk(self, extent: str) -> None:
        p = self.p
        self.start, self.count = p.fresh("v"), p.fresh("m")
        p.open(f"for (st_i64 {self.start} = 0, {self.count}; {self.start} < {extent}; {self.start} += {self.count})")
        p.emit(f"{self.count} = {extent} - {self.start};")
        p.emit(f"if ({self.count} > {self.size}) {self.count} = {self.size};")

    def print_nodes(self, nodes: list[Any]) -> None:
        for node in nodes:
            if isinstance(node, Plain):
                self.p.item(node.item)
            elif isinstance(node, Segment):
                SegmentPrinter(self, node).run()
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


class SegmentPrinter:
    """Prints one segment of a block."""

    def __init__(self, block: BlockPrinter, segment: Segment):
        self.b = block
        self.p = block.p
        self.segment = segment
        self.streams: dict[tuple[str, str], tuple[str, str]] = {}  # (buffer, address) -> (name, directions)
        self.head: list[str] = []
        self.named: list[Value] = []
        self.clamped = False
        self.vector = segment.kind == "vector"

    @property
    def position(self) -> str:
        """The element's number within the block."""
        return "w + j" if self.two_passes else "j"

    @property
    def inside(self) -> str:
        """The same within the loop, but never beyond the last element."""
        return "e" if self.vector else "j"

    def run(self) -> None:
        p, b = self.p, self.b
        self.two_passes = self.vector and any(
            isinstance(i, StoreItem) and b.is_unit(i.buffer, i.index)
            or isinstance(i, Value) and i.kind == "load" and b.is_unit(i.name, i.args) for i in self.segment.items)
        outer, indent = p.lines, p.indent
        p.lines, p.indent = [], 0
        saved = p.names.get(b.scope.index)
        self.print_items()
        body, p.lines, p.indent = p.lines, outer, indent
        self.clamped = self.vector and any(mentions_e(line) for line in body)
        for value in self.named:
            p.names.pop(value, None)
        p.names.pop(b.scope.index, None)
        if saved is not None:
            p.names[b.scope.index] = saved
        if self.two_passes:
            self.print_two_passes(body)
        else:
            p.open_block()  # for the pointers
            for line in self.head:
                p.emit(line)
            count = b.count
            if self.vector:
                width = self.width()
                count = f"(({b.count} + {width - 1}) & -{width})"
            self.print_loop(body, count)
            p.close()

    def width(self) -> int:
        sizes = [8]
        for item in self.segment.items:
            if isinstance(item, StoreItem):
                sizes.append(ITEMSIZE[self.p.facts[item.buffer].dtype])
            elif isinstance(item, Value):
                if item.kind == "load" or item.dtype != "bool":
                    sizes.append(ITEMSIZE[item.dtype])
                if item in self.b.kept and item.dtype == "bool":
                    sizes.append(1)
        # At least 64 bytes: the compiler may take wider vectors than the target says.
        return max(64, self.p.target.vector_bytes) // min(sizes)

    def print_loop(self, body: list[str], count: str) -> None:
        p = self.p
        if self.segment.kind != "ordered":
            p.emit("#pragma omp simd")
        p.open(f"for (st_i64 j = 0; j < {count}; j++)")
        if self.clamped:
            w = "w + j" if self.two_passes else "j"
            p.emit(f"const st_i64 e = {w} < {self.b.count} ? {w} : {self.b.count} - 1;")
        for line in body:
            p.emit(line)
        p.close()

    def print_two_passes(self, body: list[str]) -> None:
        p, count, width = self.p, self.b.count, self.width()
        n = len(self.streams)
        sizes = [ITEMSIZE[p.facts[buffer].dtype] for buffer, _ in self.streams]
        spec = "".join(f"{directions}{chr(ord('0') + size)}"
                       for size, (_, directions) in zip(sizes, self.streams.values()))
        room = width * sum(sizes)
        p.tail = max(p.tail, room)
        p.open_block()
        for line in self.head:
            p.emit(line)
        p.emit(f"char *q[{2 * n}] = {{{', '.join(f'(char *)({address})' for _, address in self.streams)}}};")
        p.emit(f"st_i64 w = 0, r = {factor_text(count)} & -{width};")
        p.open("for (;;)")
        for k, ((buffer, _), (name, directions)) in enumerate(self.streams.items()):
            const = "const " if directions == "r" else ""
            t = MEMORY[p.facts[buffer].dtype]
            p.emit(f"{const}{t} *{name} = ({const}{t} *)q[{k}];")
        self.print_loop(body, f"(r & -{width})")
        p.emit("w += r;")
        p.emit(f"if (w >= {factor_text(count)}) break;")
        p.emit(p.call(f'st_tail_in(q, {n}, x, "{spec}", r, {count} - w, {width});'))
        p.emit(f"r = {width};")
        p.close()
        if "w" in spec or "u" in spec:
            p.emit(p.call(f'if (w > {factor_text(count)}) st_tail_out(q, {n}, "{spec}", {count} - w + {width});'))
        p.close()

    # -- items

    def print_items(self) -> None:
        p, b = self.p, self.b
        start = b.start
        p.names[b.scope.index] = f"({start} + {self.inside})" if start else self.inside
        for value, text in b.kept.items():
            if b.where.get(value) is not self.segment:
                p.names[value] = p.call(text.format(self.position)) if "st_" in text else text.format(self.position)
                self.named.append(value)
        for item in self.segment.items:
            if isinstance(item, Value):
                self.value(item)
            elif isinstance(item, StoreItem):
                p.store(item, self.lvalue(item.buffer, item.index, "w" if item.op is None else "u"))
            else:
                self.step(item.fold)

    def value(self, value: Value) -> None:
        p, b = self.p, self.b
        if value not in p.uses:
            return
        kept = b.kept.get(value) if b.where.get(value) is self.segment else None
        if kept is None and p.is_inline(value):
            return
        if value.kind == "load":
            text = p.loaded(value.dtype, self.lvalue(value.name, value.args, "r"))
            if value.extra:
                conditions = " & ".join(f"({p.text(g)} > 0)" for g in value.extra)
                text = f"{conditions} ? {text} : 0"
        else:
            text = p.computed(value)
        p.name_value(value, text)
        self.named.append(value)
        if kept is not None:
            place = kept.split(" != ")[0].lstrip("(") if value.dtype == "bool" else kept
            p.emit(f"{place.format(self.position)} = {p.names[value]};")

    def lvalue(self, buffer: str, index: tuple[Value, ...], direction: str) -> str:
        """An element of a buffer in memory."""
        p, b = self.p, self.b
        if not b.is_affine(index):
            return p.element(buffer, index)
        steps = b.steps(index)
        if not steps:
            return p.element(buffer, index)
        t = MEMORY[p.facts[buffer].dtype]
        const = "const " if direction == "r" else ""
        if b.is_unit(buffer, index):
            offset, items = p.offset(buffer, index, b.scope.index)
            pointer = p.pointer(buffer)
            terms = [x for x in (offset if items else "0", b.start or "0") if x != "0"]
            base = f"({t} *){pointer}" if items or offset == "0" else f"({t} *)({pointer} + {offset})"
            address = " + ".join([base, *terms])
            name, directions = self.streams.get((buffer, address), ("", direction))
            if directions != direction:
                directions = "u"
            if not name:
                name = p.fresh("q")
                if not self.two_passes:
                    self.head.append(f"{t} *{name} = {address};")
            self.streams[(buffer, address)] = (name, directions)
            return f"{name}[j]"
        stride = " + ".join(f"{s} * ({f})" if f != 1 else s for s, f in ((p.stride(buffer, a), f) for a, f in steps))
        address = p.address(buffer, index, b.scope.index)
        if b.start:
            address += f" + {b.start} * {stride if stride.isidentifier() else f'({stride})'}"
        name = p.fresh("q")
        self.head.append(f"char *{name} = {address};")
        step = self.inside
        return f"*({const}{t} *)({name} + {step} * ({stride}))"

    def step(self, fold: Fold) -> None:
        """Folds one row's values into the arrays."""
        p, item = self.p, fold.item
        dtype = "float32" if item.body.dtype == "float16" else item.body.dtype
        x, at = p.text(item.body), self.position
        part = f"{fold.part}[{at}]"
        if not x.isidentifier():
            name = p.fresh("t")
            p.emit(f"const {LOCAL[dtype]} {name} = {bare(x)};")
            x = name
        if fold.place:
            sign = ">" if item.op == "argmax" else "<"
            test = f"{x} {sign} {part}"
            if kind(dtype) == "f":
                test = f"({test}) | (({x} != {x}) & ({part} == {part}))"
            take = p.fresh("t")
            p.emit(f"const _Bool {take} = {test};")
            p.emit(f"{part} = {take} ? {x} : {part};")
            p.emit(f"{fold.place}[{at}] = {take} ? {fold.counter} : {fold.place}[{at}];")
            return
        old = f"({part} != 0)" if dtype == "bool" else part
        p.emit(f"{part} = {p.call(operation(item.op, (dtype, dtype)).template.format(old, x))};")


def mentions_e(line: str) -> bool:
    """Whether a line of C uses the name e."""
    return any(word == "e" for word in "".join(c if c.isalnum() or c == "_" else " " for c in line).split())


def factor_text(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"


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

