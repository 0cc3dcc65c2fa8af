"""One segment of vector code: a loop over the elements of a block.

In comes a segment of a `BlockPlan` with the C names of where the block starts and how many elements it has. Where the
segment calls a function that the vector libm computes, its last incomplete vector is filled up and computed by the same
code, so equal elements give equal results wherever they stand.
"""
from __future__ import annotations


from symtensor.codegen.c.dialect import ITEMSIZE, LOCAL, MEMORY, kind
from symtensor.codegen.c.plan import BlockPlan, Fold, Segment
from symtensor.codegen.c.printer import bare
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.values import StoreItem, Value

__all__ = ["SegmentPrinter"]


class SegmentPrinter:
    """Prints one segment of a block."""

    def __init__(self, plan: BlockPlan, segment: Segment, start: str, count: str):
        self.b = plan
        self.p = plan.p
        self.start = start
        self.count = count
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
        if not body:
            return
        if self.two_passes:
            self.print_two_passes(body)
        else:
            p.open_block()  # for the pointers
            for line in self.head:
                p.emit(line)
            count = self.count
            if self.vector:
                width = self.width()
                count = f"(({self.count} + {width - 1}) & -{width})"
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

    def widens(self) -> bool:
        """Whether floats become doubles here."""
        return not self.vector and any(
            isinstance(item, Value) and item.kind == "cast" and item.dtype == "float64"
            and any(v.dtype == "float32" for v in self.p.operands(item)) for item in self.segment.items)

    def print_loop(self, body: list[str], count: str) -> None:
        p = self.p
        if self.segment.kind != "ordered":
            # As many elements as fit a vector of the wider type: otherwise gcc takes vectors apart, which is slower.
            lanes = f" simdlen({p.target.vector_bytes // 8})" if self.widens() else ""
            p.emit(f"#pragma omp simd{lanes}")
        p.open(f"for (st_i64 j = 0; j < {count}; j++)")
        if self.clamped:
            w = "w + j" if self.two_passes else "j"
            p.emit(f"const st_i64 e = {w} < {self.count} ? {w} : {self.count} - 1;")
        for line in body:
            p.emit(line)
        p.close()

    def print_two_passes(self, body: list[str]) -> None:
        p, count, width = self.p, self.count, self.width()
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
        start = self.start
        p.names[b.scope.index] = f"({start} + {self.inside})" if start else self.inside
        for value, text in b.kept.items():
            if b.where.get(value) is not self.segment:
                p.names[value] = p.call(text.format(self.position)) if "st_" in text else text.format(self.position)
                self.named.append(value)
        wanted = self.wanted()
        for item in self.segment.items:
            if isinstance(item, Value):
                if item in wanted:
                    self.value(item)
            elif isinstance(item, StoreItem):
                p.store(item, self.lvalue(item.buffer, item.index, "w" if item.op is None else "u"))
            else:
                self.step(item.fold)

    def wanted(self) -> set[Value]:
        """The values that this segment needs itself (others may be here for a segment that loads them again)."""
        found: set[Value] = set()
        for item in reversed(self.segment.items):
            if not isinstance(item, Value) or item in found or self.is_kept_here(item):
                if isinstance(item, Value):
                    found.add(item)
                found.update(self.b.operands(item))
        return found

    def is_kept_here(self, value: Value) -> bool:
        return value in self.b.kept and self.b.where.get(value) is self.segment

    def value(self, value: Value) -> None:
        p, b = self.p, self.b
        kept = b.kept[value] if self.is_kept_here(value) else None
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
            terms = [x for x in (offset if items else "0", self.start or "0") if x != "0"]
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
        if self.start:
            address += f" + {self.start} * {stride if stride.isidentifier() else f'({stride})'}"
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
