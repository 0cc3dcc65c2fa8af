"""The state of printing one nest, and what is printed outside of vector code: values, addresses, plain loops.

In comes the value graph of a nest with what is known about its buffers. Loops whose iterations walk along dense memory
are handed to `print_block`, reductions to `print_reduce`; everything else becomes plain loops here. Loops over arrays
that lie without gaps are joined, at once where that is certain, else by a test at run time.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from symtensor.codegen.c.dialect import ITEMSIZE, LOCAL, MEMORY, literal
from symtensor.codegen.c.helpers import mentioned
from symtensor.codegen.c.scalar_ops import Operation, conversion, operation
from symtensor.codegen.facts import BufferFacts
from symtensor.codegen.target import Target
from symtensor.codegen.values import (
    Graph, Linear, LoopItem, ReduceItem, Scope, StoreItem, Value, accesses, linear,
)

__all__ = ["BLOCK", "ROW_BLOCK", "NestPrinter", "Part", "bare", "walked"]

# Elements that a block of vector code keeps in arrays on the stack: few, so that the arrays stay in the nearest
# cache; more where rows are added up, so that memory is read in long runs.
BLOCK, ROW_BLOCK = 256, 1024

DEEPEST = 8  # operations that are printed inside one another


# A function that prints an item of a nest.
Part = Callable[["NestPrinter", Any], None]


class NestPrinter:
    """The state of printing one nest: parameters, names and lines so far."""

    def __init__(self, graph: Graph, facts: Mapping[str, BufferFacts], target: Target, print_block: Part,
                 print_reduce: Part):
        self.print_block = print_block
        self.print_reduce = print_reduce
        self.tail = 0  # bytes for incomplete vectors
        self.graph = graph
        self.facts = facts
        self.target = target
        self.params: dict[tuple[Any, ...], str] = {}
        self.types: list[str] = []
        self.lines: list[str] = []
        self.indent = 1
        self.arrays: list[str] = []
        self.names: dict[Value, str] = {}
        self.counts: dict[str, int] = {}
        self.uses: dict[Value, int] = {}
        self.user: dict[Value, Scope] = {}
        self.dense: dict[str, int] = {}
        self.called: dict[str, None] = {}
        self.nested: dict[Value, int] = {}  # of inlined values: how deeply
        self.operations: dict[Value, Operation] = {}
        self.extents: dict[Scope, str] = {}
        self.count_uses()
        self.votes = self.votes_of(accesses(self.graph.root))

    # -- text

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def open(self, text: str) -> None:
        self.emit(text + " {")
        self.indent += 1

    def open_block(self) -> None:
        self.emit("{")
        self.indent += 1

    def close(self) -> None:
        self.indent -= 1
        self.emit("}")

    def fresh(self, letter: str) -> str:
        n = self.counts.get(letter, 0)
        self.counts[letter] = n + 1
        return f"{letter}{n}"

    def array(self, ctype: str, letter: str, size: str) -> str:
        """Memory on the stack. Aligned: vectors that straddle two cache lines are stored at half the speed."""
        name = self.fresh(letter)
        self.arrays.append(f"    {ctype} {name}[{size}] __attribute__((aligned(64)));")
        return name

    def call(self, text: str) -> str:
        """Notes the functions that a text calls."""
        for name in mentioned(text):
            self.called[name] = None
        return text

    def param(self, key: tuple[Any, ...], ctype: str, letter: str) -> str:
        name = self.params.get(key)
        if name is None:
            name = self.params[key] = self.fresh(letter)
            self.types.append(f"{ctype} {name}" if not ctype.endswith("*") else f"{ctype}{name}")
        return name

    def pointer(self, buffer: str) -> str:
        return self.param(("pointer", buffer), "char *", "p")

    # -- before printing: what is needed, how often, and where loops lead

    def operation(self, value: Value) -> Operation:
        found = self.operations.get(value)
        if found is None:
            if value.kind == "cast":
                found = conversion(value.args[0].dtype, value.dtype)
            else:
                found = operation(value.name, tuple(a.dtype for a in value.args))
            self.operations[value] = found
        return found

    def count_uses(self) -> None:
        """How often each value is read, twice for operands that an operation mentions twice; unread values stay out."""
        stack: list[tuple[Value, Scope]] = []
        scopes: list[Scope] = [self.graph.root]
        while scopes:
            scope = scopes.pop()
            for item in scope.items:
                if isinstance(item, LoopItem):
                    stack.append((item.scope.extent, scope))  # type: ignore[arg-type]
                    scopes.append(item.scope)
                elif isinstance(item, StoreItem):
                    stack.append((item.value, item.scope))
                    stack += [(v, item.scope) for v in self.index_values(item.index)]
        while stack:
            value, scope = stack.pop()
            first = value not in self.uses
            self.uses[value] = self.uses.get(value, 0) + 1
            self.user[value] = scope
            if not first:
                continue
            if value.kind in ("op", "cast"):
                times = 2 if self.operation(value).repeats else 1
                stack += [(arg, value.scope) for arg in self.operands(value) for _ in range(times)]
            elif value.kind == "reduce":
                stack += [(s.extent, value.scope) for s in value.extra.scopes]
                stack.append((value.extra.body, value.extra.scopes[-1]))
            elif value.kind == "load":
                stack += [(v, value.scope) for v in self.index_values(value.args)]
                stack += [(g, value.scope) for g in value.extra or ()]

    def index_values(self, index: tuple[Value, ...]) -> list[Value]:
        """The values that an index is computed from, loop indices and parameters aside."""
        return [v for i in index for v, _ in linear(i).terms if v.kind not in ("index", "param")]

    def votes_of(self, found: Iterable[tuple[str, tuple[Value, ...], bool]]) -> dict[Scope, int]:
        """Each access along memory that is (probably) dense votes for the loop that walks it; inner ones count more."""
        loops = {s.index: s for s in self.graph.scopes}
        votes: dict[Scope, int] = {}
        for buffer, index, is_store in found:
            axis = self.facts[buffer].fast_axis if index else None
            if axis is None:
                continue
            walkers = [(v, f) for v, f in linear(index[axis]).terms if v.kind == "index"]
            depth = max((v.scope.depth for i in index for v, _ in linear(i).terms), default=0)
            for value, factor in walkers:
                if factor in (1, -1):
                    scope = loops[value]
                    weight = (3 if is_store else 2) * (4 if factor == 1 else 1)
                    votes[scope] = votes.get(scope, 0) + weight * 4**depth
        return votes

    def inner_scopes(self, scope: Scope) -> list[Scope]:
        """The loops inside a loop, at any depth."""
        found: list[Scope] = []
        stack = [scope]
        while stack:
            for item in stack.pop().items:
                if isinstance(item, LoopItem):
                    found.append(item.scope)
                    stack.append(item.scope)
                elif isinstance(item, ReduceItem):
                    found += item.scopes
                    stack.append(item.scopes[-1])
        return found

    def is_block(self, scope: Scope) -> bool:
        """Whether a loop is best printed as vector code along its own index."""
        if scope.kind != "vector":
            return False
        inner = self.inner_scopes(scope)
        own = self.votes.get(scope, 0)
        if not inner:
            return True
        if any(s.extent is not None and s.extent.mask & scope.bit for s in inner):
            return False
        best = max(self.votes.get(s, 0) for s in inner)
        return own >= best and own > 0

    # -- values

    def text(self, value: Value) -> str:
        """A value as text that needs no parentheses; inlined if nobody named it."""
        name = self.names.get(value)
        if name is not None:
            return name
        if value.kind == "const":
            return literal(value.extra, value.dtype)
        if value.kind == "param":
            return self.param(("value", value.extra), LOCAL[value.dtype],
                              "n" if value.dtype == "int64" else "c")
        assert value.kind in ("op", "cast"), (value.kind, value.name)
        text = self.computed(value)
        return text if self.operation(value).primary else f"({text})"

    def computed(self, value: Value) -> str:
        """The operation of a value, its operands as text."""
        found = self.operation(value)
        self.call(found.template)
        return found.template.format(*(self.text(a) if k in found.reads else "" for k, a in enumerate(value.args)))

    def operands(self, value: Value) -> list[Value]:
        """The arguments that the text of an operation mentions."""
        args = value.args
        return [args[k] for k in self.operation(value).reads]

    def is_inline(self, value: Value) -> bool:
        """Whether a computed value is read once, in the same loop, and may be printed where it is read."""
        if value.kind not in ("op", "cast") or self.uses[value] != 1 or self.user[value] is not value.scope:
            return False
        found = self.operation(value)
        if found.math or found.scalar:
            return False
        depth = 1 + max((self.nested.get(arg, 0) for arg in value.args), default=0)
        if depth > DEEPEST:
            return False
        self.nested[value] = depth
        return True

    def name_value(self, value: Value, text: str) -> None:
        name = self.fresh("t")
        self.emit(f"const {LOCAL[value.dtype]} {name} = {text};")
        self.names[value] = name

    # -- addresses

    def dim(self, buffer: str, axis: int) -> str:
        key = self.facts[buffer].dims[axis]
        return key if key.isdigit() else self.param(("value", key), "st_i64", "n")

    def is_unit(self, buffer: str, axis: int) -> bool:
        facts = self.facts[buffer]
        return facts.unit_axis == axis or self.dense.get(buffer) == axis

    def stride(self, buffer: str, axis: int) -> str:
        """The stride in bytes."""
        facts = self.facts[buffer]
        itemsize = ITEMSIZE[facts.dtype]
        if facts.dense:
            dims = [self.dim(buffer, a) for a in range(axis + 1, facts.ndim) if not facts.broadcast[a]]
            return " * ".join([str(itemsize), *dims])
        if self.is_unit(buffer, axis):
            return str(itemsize)
        return self.param(("stride", buffer, axis), "st_i64", "s")

    def sum_text(self, form: Linear, skip: Value | None = None) -> str:
        """A sum as text, without one of its terms; "0" if nothing is left."""
        parts: list[str] = []
        for value, factor in form.terms:
            if value is skip or (value.kind == "index" and value.extra.static):
                continue
            text = self.text(value)
            parts.append(text if factor == 1 else f"-{text}" if factor == -1 else f"{text} * {factor}" if factor >= 0
                         else f"{text} * ({factor})")
        if form.constant or not parts:
            parts.append(str(form.constant))
        text = parts[0]
        for part in parts[1:]:
            text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        return text

    def offset(self, buffer: str, index: tuple[Value, ...], skip: Value | None = None) -> tuple[str, bool]:
        """(offset of an element, whether it counts items instead of bytes)."""
        facts = self.facts[buffer]
        if facts.dense:
            text = "0"
            for axis in range(facts.ndim):
                if facts.broadcast[axis]:
                    continue
                if text != "0":
                    text = f"{text if text.isidentifier() else f'({text})'} * {self.dim(buffer, axis)}"
                part = self.sum_text(linear(index[axis]), skip)
                if part != "0":
                    text = part if text == "0" else f"{text} + {part}"
            return text, True
        parts = []
        for axis in range(facts.ndim):
            part = "0" if facts.broadcast[axis] else self.sum_text(linear(index[axis]), skip)
            if part != "0":
                parts.append(f"{part if part.isidentifier() else f'({part})'} * {self.stride(buffer, axis)}")
        return " + ".join(parts) or "0", False

    def address(self, buffer: str, index: tuple[Value, ...], skip: Value | None = None) -> str:
        """The address of an element as a char pointer."""
        offset, items = self.offset(buffer, index, skip)
        pointer = self.pointer(buffer)
        if offset == "0":
            return pointer
        if items:
            return f"{pointer} + {ITEMSIZE[self.facts[buffer].dtype]} * ({offset})"
        return f"{pointer} + {offset}"

    def element(self, buffer: str, index: tuple[Value, ...]) -> str:
        """An element as an lvalue."""
        offset, items = self.offset(buffer, index)
        t, pointer = MEMORY[self.facts[buffer].dtype], self.pointer(buffer)
        if items or offset == "0":
            return f"(({t} *){pointer})[{offset}]"
        return f"*({t} *)({pointer} + {offset})"

    def loaded(self, dtype: str, lvalue: str) -> str:
        """The value of an element in memory, needing no parentheses."""
        if dtype == "bool":
            return f"({lvalue} != 0)"
        if dtype == "float16":
            return self.call(f"st_f32_from_f16({lvalue})")
        return lvalue if not lvalue.startswith("*") else f"({lvalue})"

    def store(self, item: StoreItem, lvalue: str) -> None:
        """Writes one element, or updates it."""
        dtype, value = self.facts[item.buffer].dtype, self.text(item.value)
        if item.op is not None:
            old, new = self.fresh("t"), value
            if not new.isidentifier():
                new = self.fresh("t")
                self.emit(f"const {LOCAL[dtype]} {new} = {value};")
            self.emit(f"const {LOCAL[dtype]} {old} = {self.loaded(dtype, lvalue)};")
            value = self.call(operation(item.op, (dtype, dtype)).template.format(old, new))
        if dtype == "float16":
            value = self.call(f"st_f16_from_f32({value})")
        if value.startswith("(") and value.endswith(")") and item.op is None:
            value = bare(value)
        self.emit(f"{lvalue} = {value};")

    # -- loops

    def extent(self, scope: Scope) -> str:
        found = self.extents.get(scope)
        if found is None:
            assert scope.extent is not None
            found = self.extents[scope] = self.text(scope.extent)
        return found

    def compute(self, value: Value) -> None:
        """Names a value in plain code, unless nobody reads it or its only reader prints it."""
        if value not in self.uses or self.is_inline(value):
            return
        if value.kind == "load":
            self.name_value(value, self.guarded(value, self.loaded(value.dtype, self.element(value.name, value.args))))
        else:
            self.name_value(value, self.computed(value))

    def guarded(self, load: Value, text: str) -> str:
        """The text of a load, 0 where loops that it was taken out of are empty."""
        conditions = " & ".join(f"({self.text(g)} > 0)" for g in load.extra or ())
        return f"{conditions} ? {text} : 0" if conditions else text

    def body(self, scope: Scope) -> None:
        """The items of a loop in plain code."""
        for item in scope.items:
            self.item(item)

    def item(self, item: Any) -> None:
        if isinstance(item, Value):
            self.compute(item)
        elif isinstance(item, StoreItem):
            self.store(item, self.element(item.buffer, item.index))
        elif isinstance(item, LoopItem):
            self.loop(item.scope)
        else:
            self.print_reduce(self, item)

    def loop(self, scope: Scope) -> None:
        """A loop in plain code, or the chain of loops that it begins, down to vector code."""
        chain = [scope]
        while not self.is_block(chain[-1]):
            items = [i for i in chain[-1].items if not (isinstance(i, Value) and i not in self.uses)]
            if len(items) != 1 or not isinstance(items[0], LoopItem):
                break
            chain.append(items[0].scope)
        if not self.is_block(chain[-1]):
            self.plain_loop(scope)
            return
        outer = self.join(chain)
        for at in outer:
            self.loop_head(at)
        self.print_block(self, chain[-1])
        for _ in outer:
            self.close()

    def loop_head(self, scope: Scope) -> None:
        name = self.names[scope.index] = self.fresh("i")
        self.open(f"for (st_i64 {name} = 0; {name} < {self.extent(scope)}; {name}++)")

    def plain_loop(self, scope: Scope) -> None:
        self.loop_head(scope)
        self.body(scope)
        self.close()

    def join(self, chain: list[Scope]) -> list[Scope]:
        """Joins loops of a chain with the last one where all arrays allow it; returns the loops left outside."""
        inner = chain[-1]
        self.choose_dense(inner)
        outer = chain[:-1]
        if not outer:
            return outer
        walks = [(b, [linear(v) for v in i]) for b, i in dict.fromkeys((b, i) for b, i, _ in accesses(inner))]
        while outer and self.join_test(outer[-1], chain[len(outer)], inner, walks) == "":
            self.extents[inner] = f"{factor(self.extent(outer[-1]))} * {factor(self.extent(inner))}"
            outer.pop().static = True
        self.join_at_run_time(outer, inner, walks)
        return outer

    def join_at_run_time(self, outer: list[Scope], inner: Scope, walks: list[Any]) -> None:
        """Makes the loop inside as long as several where the strides turn out to allow it; the others then run once."""
        tests: list[tuple[Scope, str]] = []
        length, total = self.extent(inner), ""
        for scope in reversed(outer):
            if self.join_test(scope, inner, inner, walks) is None:
                break
            if not tests:
                total = self.extents[inner] = self.fresh("m")
                self.emit(f"st_i64 {total} = {length};")
            test = self.join_test(scope, inner, inner, walks)
            count = self.fresh("m")
            self.emit(f"st_i64 {count} = {self.extent(scope)};")
            self.extents[scope] = count
            tests.append((scope, test or "1"))
        for scope, test in tests:
            self.open(f"if ({test})")
            self.emit(f"{total} *= {self.extents[scope]};")
            self.emit(f"{self.extents[scope]} = 1;")
        for _ in tests:
            self.close()

    def join_test(self, scope: Scope, following: Scope, inner: Scope, walks: list[Any]) -> str | None:
        """The condition under which a loop can be joined with the ones inside it, of which `following` comes next and
        `inner` is the innermost: "" always, None never."""
        if scope.kind != "vector" or scope.index in self.uses or inner.index in self.uses:
            return None
        if any(s.extent is None or s.extent.mask & scope.bit for s in (following, inner)):
            return None
        tests: dict[str, None] = {}
        for buffer, forms in walks:
            if any(v.kind != "index" and v.mask & (scope.bit | inner.bit) for form in forms for v, _ in form.terms):
                return None
            one = self.facts[buffer].broadcast  # addresses leave the indices of such axes out
            mine, after, last = ([(a, f) for a, f in walked(forms, s.index) if not one[a]]
                                 for s in (scope, following, inner))
            if not mine and not after and not last:
                continue
            if self.follows(buffer, mine, after, following):
                continue
            if not mine or not last:
                return None
            steps, inner_steps = (" + ".join(scaled(self.stride(buffer, a), f) for a, f in s) for s in (mine, last))
            tests[f"{steps} == {factor(self.extent(inner))} * {factor(inner_steps)}"] = None
        return " && ".join(tests)

    def follows(self, buffer: str, mine: list[tuple[int, int]], other: list[tuple[int, int]], following: Scope) -> bool:
        """Whether a step of the outer index certainly is the whole length of the inner one."""
        facts = self.facts[buffer]
        if not facts.dense or len(mine) != 1 or len(other) != 1 or mine[0][1] != 1 or other[0][1] != 1:
            return False
        a, b = mine[0][0], other[0][0]
        if a >= b or any(not facts.broadcast[k] for k in range(a + 1, b)):
            return False
        extent = following.extent
        assert extent is not None
        key = extent.extra if extent.kind == "param" else str(extent.extra) if extent.kind == "const" else None
        return key == facts.dims[b]

    def choose_dense(self, inner: Scope) -> None:
        """Notes the buffers of any layout that vector code wants dense along the axis that it walks."""
        for buffer, index, _ in accesses(inner):
            facts = self.facts[buffer]
            axis = facts.fast_axis
            if facts.dense or axis is None or facts.unit_axis is not None or buffer in self.dense:
                continue
            if any(linear(i).factor(inner.index) for a, i in enumerate(index) if a != axis):
                continue
            form = linear(index[axis])
            others = (v for v, _ in form.terms if v is not inner.index)
            if form.factor(inner.index) == 1 and not any(v.mask & inner.bit for v in others):
                self.dense[buffer] = axis


def walked(forms: list[Linear], index: Value) -> list[tuple[int, int]]:
    """(axis, factor) of the axes along which a loop index walks."""
    found = []
    for axis, form in enumerate(forms):
        f = form.factor(index)
        if f:
            found.append((axis, f))
    return found


def scaled(text: str, by: int) -> str:
    return text if by == 1 else f"{text} * ({by})"


def factor(text: str) -> str:
    """Text that can stand in a product."""
    return f"({text})" if "+" in text or "-" in text else text


def bare(text: str) -> str:
    """Text without the pair of parentheses around the whole of it."""
    if not text.startswith("(") or text.startswith(("(st_", "(*")):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if k == len(text) - 1 else text
    return text
