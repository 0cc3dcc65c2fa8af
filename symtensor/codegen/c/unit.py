"""A whole buffered Program as one C file.

In comes a `Program` of the buffered stage, out comes a `CUnit`: abi.h, the functions of csrc/ that are needed, one
function for each different nest, and `st_main`, which walks through the program's statements. The text depends on
nothing but the structure of the program and the target: names are numbered in order of appearance.
"""
from __future__ import annotations

import re
from typing import Any

from symtensor.codegen.c.blocks import print_block
from symtensor.codegen.c.dialect import ITEMSIZE, LOCAL, MEMORY, literal
from symtensor.codegen.c.helpers import PRELUDE, Helpers, abi_text
from symtensor.codegen.c.host import Names, Place, list_text
from symtensor.codegen.c.nests import PrintedNest, print_nest
from symtensor.codegen.c.parallel import PART, Shared, kind_of, range_function, shared_by_threads, signature
from symtensor.codegen.c.parts import LEAST_NESTS, halves
from symtensor.codegen.c.printer import NestPrinter, bare
from symtensor.codegen.c.reductions import print_reduce
from symtensor.codegen.facts import BufferFacts, of_buffer, of_view
from symtensor.codegen.library import entry_name
from symtensor.codegen.target import DEFAULT_TARGET, CUnit, Target
from symtensor.codegen.values import StoreItem, build
from symtensor.ir.nodes import (
    Alloc, Buffer, Call, Check, Const, Dim, Expr, If, Let, Local, Loop, Move, Nest, Op, Program, PyCall, Reduce,
    Reshape, Same, Stmt, Store, View, While,
)
from symtensor.ir.walk import defines, expressions, statements

__all__ = ["FLAGS", "UnitPrinter", "print_program"]

# No contraction of a * b + c: x*x - y*y is then 0 where x equals y, and results do not depend on the optimiser.
FLAGS = ("-ffp-contract=off", "-fno-strict-aliasing")
# Units are compiled with less effort (`Target.light`). Small ones with sums of columns, which are a tenth faster with
# all of -O2, or with loops between nests get all of it.
LARGE_UNIT, LONG_UNIT = 8, 50_000  # nests, characters of text
# Beyond so many lines the main function, which only calls, is compiled with less effort, then with none: gcc's time
# grows with the square of its length.
LONG_MAIN, VERY_LONG_MAIN = 300, 800

# From this many on, allocations of one size are a loop.
MANY_ALLOCS = 8

_TEMPORARY = re.compile(r" *const [\w ]+ (t\d+) = ")
_NAME = re.compile(r"\b[bdvtwxyz]\d+(?:[ds]\d+)?\b")


class HostPrinter(NestPrinter):
    """Prints scalar expressions inside the main function: parameters are the main function's own names."""

    unit: UnitPrinter

    def param(self, key: tuple[Any, ...], ctype: str, letter: str) -> str:
        if key[0] == "value":
            return str(key[1])
        place = self.unit.names.places[key[1]]
        return place.pointer if key[0] == "pointer" else place.stride(key[2])


class UnitPrinter:
    """The state of printing one program."""

    def __init__(self, program: Program, target: Target):
        self.program = program
        self.target = target
        self.helpers = Helpers(target)
        self.names = Names()
        self.lines: list[tuple[str, str]] = []  # text, and the name that it defines and is useless without
        self.indent = 1
        self.counts: dict[str, int] = {}
        self.functions: dict[str, str] = {}
        self.called: dict[str, tuple[str, ...]] = {}
        self.library: list[str] = []
        self.scratch = 0
        self.buffers: dict[str, Buffer] = {b.name: b for b in program.buffers}
        self.number = {b.name: k for k, b in enumerate(program.buffers)}
        self.times: dict[str, int] = {}
        for stmt in statements(program.body):
            for name in defines(stmt):
                self.times[name] = self.times.get(name, 0) + 1
        self.direct: dict[str, set[Any]] = {}

    # -- text

    def emit(self, text: str, define: str = "") -> None:
        self.lines.append(("    " * self.indent + text, define))

    def fresh(self, letter: str) -> str:
        n = self.counts.get(letter, 0)
        self.counts[letter] = n + 1
        return f"{letter}{n}"

    def call(self, text: str) -> str:
        self.helpers.scan(text)
        return text

    def define(self, ctype: str, name: str, text: str, shared: bool = False, key: str = "") -> None:
        """Defines a name that may turn out to be unused; `shared` ones are declared already."""
        star = "" if ctype.endswith("*") else " "
        self.emit(f"{name} = {text};" if shared else f"{ctype}{star}{name} = {text};", key or name)

    def fail_unless(self, condition: str) -> None:
        self.emit(f"if ({condition}) return 1;")

    # -- scalar expressions

    def key(self, expr: Expr) -> str:
        """The C text of a Dim or of a name bound by the program."""
        if isinstance(expr, Dim):
            return self.names.atom(self.names.places[expr.buffer].facts.dims[expr.axis])
        assert isinstance(expr, Local)
        return self.names.atom(self.names.locals[expr.name][0])

    def host(self, expr: Expr) -> str:
        """A scalar expression as text without need of parentheses; what it needs is computed in lines before."""
        if isinstance(expr, Const):
            return literal(expr.value, expr.dtype)
        if isinstance(expr, (Dim, Local)):
            return self.key(expr)
        if any(isinstance(e, Reduce) for e in expressions(expr)):
            return self.host_nest(expr)
        graph = build(Nest((Store("", (), expr),)), self.key)
        printer = HostPrinter(graph, self.names, self.target, print_block, print_reduce)
        printer.unit = self
        printer.counts, printer.indent = self.counts, self.indent
        for item in graph.root.items:
            if isinstance(item, StoreItem):
                text = printer.text(item.value)
            else:
                printer.compute(item)
        for line in printer.lines:
            defined = _TEMPORARY.match(line)
            self.lines.append((line, defined.group(1) if defined else ""))
        self.helpers.need_all(printer.called)
        return text

    def host_nest(self, expr: Expr) -> str:
        """An expression with a reduction: a nest that stores to a local variable."""
        name = self.fresh("v")
        self.emit(f"{MEMORY[expr.dtype]} {name} = 0;")
        place = Place(BufferFacts("", expr.dtype, (), True, (), None, None), f"(char *)&{name}")
        self.names.put("", place)
        self.nest(Nest((Store("", (), expr),)))
        return name if expr.dtype != "bool" else f"({name} != 0)"

    def size(self, expr: Expr, name: str) -> str:
        """The atom of a size; computed into `name` if it has none."""
        if isinstance(expr, Const):
            return str(int(expr.value))
        if isinstance(expr, (Dim, Local)):
            return self.key(expr)
        text = self.host(expr)
        known = self.names.computed.get(text)
        if known is None:
            known = self.names.computed[text] = name
            self.define("const st_i64", name, text)
        return known

    # -- buffers

    def new_name(self, buffer: str) -> str:
        return f"b{self.number[buffer]}"

    def is_shared(self, buffer: str) -> bool:
        """Whether several blocks define the buffer: its C names are then declared before them."""
        return self.times.get(buffer, 0) > 1

    def put(self, buffer: str, pointer: str, dims: tuple[str, ...], strides: tuple[str, ...],
            facts: BufferFacts) -> None:
        """Defines a buffer whose pointer, sizes and strides are the given texts."""
        name = self.new_name(buffer)
        if not self.is_shared(buffer):
            if pointer != name:
                self.define("char *", name, pointer)
            self.names.put(buffer, Place(facts, name, () if facts.dense else strides))
            return
        place = self.names.places[buffer]
        if pointer != name and facts.dtype == "object":
            self.emit(f"{name} = {pointer};")  # a loop reads it above, in its next iteration
        elif pointer != name:
            self.define("char *", name, pointer, True)
        for axis in range(facts.ndim):
            if not facts.broadcast[axis]:
                self.define("st_i64", place.facts.dims[axis], dims[axis], True)
            if place.strides:
                self.define("st_i64", place.strides[axis], strides[axis], True)

    def declare_shared(self, buffer: str) -> None:
        """Declares the names of a buffer that several blocks define."""
        name, declared = self.new_name(buffer), self.buffers[buffer]
        dims, strides = [], []
        self.define("char *", name, "0")
        for axis, one in enumerate(declared.broadcast):
            dims.append("1" if one else f"{name}d{axis}")
            if not one:
                self.define("st_i64", f"{name}d{axis}", "0")
            if declared.layout != "c":
                strides.append(f"{name}s{axis}")
                self.define("st_i64", f"{name}s{axis}", "0")
        self.names.put(buffer, Place(of_buffer(declared, tuple(dims)), name, tuple(strides)))

    def bind_input(self, buffer: str, position: int) -> None:
        name, declared = self.new_name(buffer), self.buffers[buffer]
        at = f"f->inputs[{position}]"
        self.define("char *", name, f"{at}.data")
        dims = self.read_sizes(name, declared, f"{at}.dims")
        strides = self.read_strides(name, declared, f"{at}.strides")
        self.names.put(buffer, Place(of_buffer(declared, dims), name, strides))

    def read_sizes(self, name: str, declared: Buffer, source: str) -> tuple[str, ...]:
        dims = tuple("1" if one else f"{name}d{axis}" for axis, one in enumerate(declared.broadcast))
        for axis, dim in enumerate(dims):
            if dim != "1":
                self.define("const st_i64", dim, f"{source}[{axis}]")
        return dims

    def read_strides(self, name: str, declared: Buffer, source: str) -> tuple[str, ...]:
        if declared.layout == "c" or declared.dtype == "object":
            return ()
        for axis in range(declared.ndim):
            self.define("const st_i64", f"{name}s{axis}", f"{source}[{axis}]")
        return tuple(f"{name}s{axis}" for axis in range(declared.ndim))

    def memory(self, place: tuple[str, int], buffer: Buffer, dims: tuple[str, ...]) -> str:
        """The call that gets memory for an array."""
        size, (table, prefix) = ITEMSIZE[buffer.dtype], self.source_of_memory(buffer)
        if not dims:
            rest = str(size) if place[0] == "slot" else f"0, 0, {size}"
            return f"{table}{place[0]}(f, {place[1]}, {rest})"
        function = prefix + ("workspace" if place[0] == "slot" else "result")
        return self.call(f"{function}(f, {place[1]}, {size}, {len(dims)}, {self.sizes(dims)})")

    def source_of_memory(self, buffer: Buffer) -> tuple[str, str]:
        """Where the functions are that make memory for a buffer, and how those of csrc/ begin that call them."""
        return "f->", "st_"

    def sizes(self, dims: tuple[str, ...]) -> str:
        """A list of sizes as an argument: one array for all equal lists."""
        if not dims:
            return "0"
        text = f"{{{', '.join(dims)}}}"
        name = self.names.computed.get(text)
        if name is None:
            name = self.names.computed[text] = self.fresh("d")
            self.define("st_i64", f"{name}[]", text, key=name)
        return name

    # -- statements

    def block(self, body: tuple[Stmt, ...]) -> None:
        done = 0
        for k, stmt in enumerate(body):
            if k >= done and isinstance(stmt, Alloc):
                done = k + self.allocs(body, k)
            if k >= done:
                getattr(self, "do_" + type(stmt).__name__)(stmt)

    def inner_block(self, body: tuple[Stmt, ...]) -> None:
        """A block in braces: what it learns and defines ends with it."""
        outer = self.names
        self.names = outer.copy()
        self.indent += 1
        self.block(body)
        self.indent -= 1
        self.names = outer

    def do_Let(self, stmt: Let) -> None:
        text, dtype = self.host(stmt.value), stmt.value.dtype
        if not text.replace("_", "a").isalnum():
            name = self.fresh("v")
            self.define(f"const {LOCAL[dtype]}", name, text)
            text = name
        self.names.locals[stmt.name] = (text, dtype)

    def do_Alloc(self, stmt: Alloc) -> None:
        declared, name = self.buffers[stmt.buffer], self.new_name(stmt.buffer)
        dims = tuple(self.size(e, f"{name}d{k}" if not self.is_shared(stmt.buffer) else self.fresh("v"))
                     for k, e in enumerate(stmt.dims))
        memory = self.memory(stmt.place, declared, dims)
        self.emit(f"{'' if self.is_shared(stmt.buffer) else 'char *'}{name} = {memory};")
        self.fail_unless(f"!{name}")
        self.put_new(stmt, name, dims)

    def allocs(self, body: tuple[Stmt, ...], start: int) -> int:
        """Prints a run of many allocations of one size as a loop over an array of pointers; returns how many. As calls
        with a variable each they would take gcc as long as the nests."""
        run: list[Alloc] = []
        sizes: tuple[str, ...] = ()
        name = f"m{self.counts.get('m', 0)}"
        for stmt in body[start:]:
            if not isinstance(stmt, Alloc) or stmt.place[0] != "slot" or not stmt.dims or self.is_shared(stmt.buffer):
                break
            if not all(isinstance(e, (Const, Dim, Local)) for e in stmt.dims):
                break
            declared, first = self.buffers[stmt.buffer], self.buffers[run[0].buffer if run else stmt.buffer]
            if (declared.dtype, declared.home) != (first.dtype, "host"):
                break
            dims = tuple(self.size(e, "") for e in stmt.dims)
            if run and dims != sizes:
                break
            sizes = dims
            self.put_new(stmt, f"{name}[{len(run)}]", dims)
            run.append(stmt)
        if len(run) < MANY_ALLOCS:
            return 0
        self.fresh("m")
        slots = [stmt.place[1] for stmt in run]
        if slots == list(range(slots[0], slots[0] + len(run))):
            slot = f"{slots[0]} + m"
        else:
            slot = f"((const int[]){{{', '.join(map(str, slots))}}})[m]"
        itemsize = ITEMSIZE[self.buffers[run[0].buffer].dtype]
        self.emit(f"char *{name}[{len(run)}];")
        memory = self.call(f"st_workspace(f, {slot}, {itemsize}, {len(sizes)}, {self.sizes(sizes)})")
        self.emit(f"for (int m = 0; m < {len(run)}; m++)")
        self.emit(f"    if (!({name}[m] = {memory})) return 1;")
        return len(run)

    def put_new(self, stmt: Alloc, pointer: str, dims: tuple[str, ...]) -> None:
        """Makes memory that was just allocated known as a buffer."""
        declared = self.buffers[stmt.buffer]
        dims = tuple("1" if one else dim for one, dim in zip(declared.broadcast, dims))
        facts = of_buffer(declared, dims)
        if self.is_shared(stmt.buffer):
            strides = tuple(Place(facts, pointer).stride(a) for a in range(facts.ndim))
            self.put(stmt.buffer, pointer, dims, strides, facts)
        else:
            self.names.put(stmt.buffer, Place(facts, pointer))
        self.direct.setdefault(stmt.buffer, set()).add(stmt.place)

    def do_Same(self, stmt: Same) -> None:
        source = self.names.places[stmt.source]
        declared = self.buffers[stmt.buffer]
        strides = source.strides or tuple(source.stride(a) for a in range(source.facts.ndim))
        dims = tuple("1" if one else dim for one, dim in zip(declared.broadcast, source.facts.dims))
        dense = declared.layout == "c" or source.facts.dense
        facts = BufferFacts(declared.name, declared.dtype, declared.broadcast, dense, dims, source.facts.unit_axis,
                            source.facts.fast_axis)
        if dense:
            facts = of_buffer(Buffer(declared.name, declared.dtype, declared.broadcast, "c"), dims)
        if self.is_shared(stmt.buffer):
            if stmt.buffer not in self.names.places:  # an object that a loop hands on: its name is a variable
                self.declare_shared(stmt.buffer)
            self.put(stmt.buffer, source.pointer, dims, strides, facts)
        else:
            self.names.put(stmt.buffer, Place(facts, source.pointer, () if dense else strides))
        self.direct.setdefault(stmt.buffer, set()).update(self.direct.get(stmt.source, {None}))

    def do_View(self, stmt: View) -> None:
        base, declared, name = self.names.places[stmt.base], self.buffers[stmt.buffer], self.new_name(stmt.buffer)
        shared = self.is_shared(stmt.buffer)
        pointer = base.pointer
        for axis, start in enumerate(stmt.start):
            text = self.host(start)
            if text != "0":
                pointer += f" + {text} * {base.stride(axis)}"
        dims, strides = [], []
        for axis, walk in enumerate(stmt.axes):
            dim = self.size(walk.extent, f"{name}d{axis}" if not shared else self.fresh("v"))
            dims.append("1" if declared.broadcast[axis] else dim)
            if walk.base_axis is None:
                strides.append("0")
                continue
            text, step = base.stride(walk.base_axis), self.host(walk.step)
            if step != "1":
                text = f"{text} * {step}"
            if not text.isalnum() and not shared:
                self.define("const st_i64", f"{name}s{axis}", text)
                text = f"{name}s{axis}"
            strides.append(text)
        facts = of_view(declared, tuple(dims), stmt, base.facts)
        self.put(stmt.buffer, pointer, tuple(dims), tuple(strides), facts)
        self.direct.setdefault(stmt.buffer, set()).add(None)

    def do_Reshape(self, stmt: Reshape) -> None:
        base, declared, name = self.names.places[stmt.base], self.buffers[stmt.buffer], self.new_name(stmt.buffer)
        shared = self.is_shared(stmt.buffer)
        sizes = tuple(self.size(e, f"{name}d{k}" if not shared else self.fresh("v")) for k, e in enumerate(stmt.dims))
        dims = tuple("1" if one else dim for one, dim in zip(declared.broadcast, sizes))
        pointer = base.pointer
        if not base.facts.dense and stmt.place is not None:
            itemsize, ndim = ITEMSIZE[declared.dtype], base.facts.ndim
            memory = self.memory(stmt.place, declared, sizes)  # its list of sizes may be used after the block
            self.emit(f"{'' if shared else 'char *'}{name} = {pointer};")
            self.emit(self.call(f"if (!st_is_dense({itemsize}, {ndim}, {base.dims_text}, {base.strides_text})) {{"))
            self.indent += 1
            self.emit(f"{name} = {memory};")
            self.fail_unless(f"!{name}")
            self.emit(self.call(
                f"st_move({name}, {base.pointer}, {itemsize}, {ndim}, {base.dims_text}, {base.strides_text}, 1);"))
            self.indent -= 1
            self.emit("}")
            pointer = name
        facts = of_buffer(Buffer(declared.name, declared.dtype, declared.broadcast, "c"), dims)
        strides = tuple(Place(facts, name).stride(a) for a in range(facts.ndim))
        self.put(stmt.buffer, pointer, dims, strides, facts)
        self.direct.setdefault(stmt.buffer, set()).add(None)

    def do_Check(self, stmt: Check) -> None:
        parts, open_parts = [], [stmt.condition]
        while open_parts:
            part = open_parts.pop()
            if isinstance(part, Op) and part.name == "and_" and part.dtype == "bool":
                open_parts += reversed(part.args)
            else:
                parts.append(part)
        equal = [(part, self.equal_sizes(part)) for part in parts]
        conditions = [bare(self.host(part)) for part, sizes in equal if sizes is None or sizes[0] != sizes[1]]
        if conditions:
            condition = conditions[0] if len(conditions) == 1 else " & ".join(f"({c})" for c in conditions)
            values = tuple(self.host(v) for v in stmt.values)
            fail = self.call(f"st_fail(f, {stmt.site}, {len(values)}, {list_text(values)})")
            self.emit(f"if (__builtin_expect(!({condition}), 0)) return {fail};")
        for _, sizes in equal:
            if sizes is not None:
                self.names.unite(*sizes)

    def equal_sizes(self, condition: Expr) -> tuple[str, str] | None:
        """The atoms of two sizes if the condition says that they are equal."""
        if not (isinstance(condition, Op) and condition.name == "eq"):
            return None
        atoms = []
        for arg in condition.args:
            if isinstance(arg, Const) and arg.dtype == "int64" and arg.value >= 0:
                atoms.append(str(int(arg.value)))
            elif isinstance(arg, (Dim, Local)) and arg.dtype == "int64":
                atoms.append(self.key(arg))
            else:
                return None
        return atoms[0], atoms[1]

    def do_If(self, stmt: If) -> None:
        condition = self.host(stmt.condition)
        mine = {n for s in statements(stmt.then) for n in defines(s)}
        for s in statements(stmt.orelse):
            for name in defines(s):
                if name in mine and name not in self.names.places:
                    self.declare_shared(name)
                    mine.discard(name)
        self.emit(f"if ({bare(condition)}) {{")
        self.inner_block(stmt.then)
        if stmt.orelse:
            self.emit("} else {")
            self.inner_block(stmt.orelse)
        self.emit("}")

    def do_While(self, stmt: While) -> None:
        limit = self.host(stmt.limit)
        index, until = self.fresh("w"), self.fresh("w")
        end = self.fresh("w")
        self.emit(f"st_i64 {index} = 0, {until} = {limit};")
        self.emit(f"while ({index} < {until}) {{")
        chunk = 16 if any(takes_long(s) for s in statements(stmt.body)) else 1024
        stop = self.call("st_fail(f, -3, 0, 0)")
        self.emit(f"    if ({index} && f->interrupted(f)) return {stop};")
        self.emit(f"    st_i64 {end} = {until} - {index} > {chunk} ? {index} + {chunk} : {until};")
        self.emit(f"    for (; {index} < {end}; {index}++) {{")
        self.indent += 1
        outer = self.names
        self.names = outer.copy()
        self.names.locals[stmt.index] = (index, "int64")
        self.indent += 1
        self.block(stmt.body)
        if stmt.until is not None:
            self.emit(f"if ({bare(self.host(stmt.until))}) {end} = {until} = {index} + 1;")
        self.indent -= 2
        self.names = outer
        self.emit("    }")
        self.emit("}")
        if stmt.count is not None:
            self.names.locals[stmt.count] = (index, "int64")

    # -- nests and calls

    def do_Nest(self, stmt: Nest) -> None:
        self.nest(stmt)

    def nest(self, stmt: Nest) -> None:
        shared = shared_by_threads(stmt) if self.target.threads_from else None
        printed = self.printed(stmt if shared is None else shared.nest)
        if shared is not None and ("value", PART) not in printed.params:
            shared, printed = None, self.printed(stmt)
        function = self.functions.get(printed.text)
        if function is None:
            function = self.functions[printed.text] = f"k{len(self.functions)}"
            self.called[printed.text] = printed.called
            self.helpers.need_all(printed.called)
        arguments = [self.argument(p) for p in printed.params]
        if not printed.dense and shared is None:
            self.emit(f"{function}({', '.join(arguments)});")
            return
        self.emit("{")
        self.indent += 1
        pointers = self.packed(printed)
        for k, p in enumerate(printed.params):
            if p[0] == "pointer" and p[1] in pointers:
                arguments[k] = pointers[p[1]][0]
            elif p[0] == "stride" and p[1] in pointers:
                arguments[k] = f"{pointers[p[1]][1]}[{p[2]}]"
        if shared is None:
            self.emit(f"{function}({', '.join(arguments)});")
        else:
            self.threads(shared, function, printed, arguments, pointers)
        self.unpacked(printed, pointers)
        self.indent -= 1
        self.emit("}")

    def printed(self, stmt: Nest) -> PrintedNest:
        self.names.locals[PART] = (PART, "int64")
        return print_nest(stmt, self.names, self.key, self.target)

    def argument(self, param: tuple[Any, ...]) -> str:
        if param[0] == "value":
            return str(param[1])
        place = self.names.places[param[1]]
        return place.pointer if param[0] == "pointer" else place.stride(param[2])

    def packed(self, printed: PrintedNest) -> dict[str, tuple[str, str]]:
        """The C names of pointer and strides of the buffers that a nest wants dense along an axis: where they are not,
        it gets copies."""
        pointers: dict[str, tuple[str, str]] = {}
        for k, (buffer, axis) in enumerate(printed.dense):
            place = self.names.places[buffer]
            facts = place.facts
            x, y = self.fresh("x"), self.fresh("y")
            itemsize = ITEMSIZE[facts.dtype]
            self.emit(f"char *{x} = {place.pointer};")
            self.emit(f"st_i64 {y}[{facts.ndim}] = {{{', '.join(place.stride(a) for a in range(facts.ndim))}}};")
            packed = self.call(f"st_packed(f, {self.program.slots + k}, {x}, {itemsize}, {facts.ndim}, "
                               f"{place.dims_text}, {y}, {axis})")
            self.emit(f"if (({y}[{axis}] != {itemsize}) & ({facts.dims[axis]} > 1) && !({x} = {packed})) return 1;")
            pointers[buffer] = (x, y)
        self.scratch = max(self.scratch, len(printed.dense))
        return pointers

    def unpacked(self, printed: PrintedNest, pointers: dict[str, tuple[str, str]]) -> None:
        """Copies back what a nest has written to copies."""
        for buffer, axis in printed.dense:
            if buffer in printed.written:
                place, x = self.names.places[buffer], pointers[buffer][0]
                self.emit(self.call(
                    f"if ({x} != {place.pointer}) st_unpacked({x}, {place.pointer}, {ITEMSIZE[place.facts.dtype]}, "
                    f"{place.facts.ndim}, {place.dims_text}, {place.strides_text}, {axis});"))

    def threads(self, shared: Shared, function: str, printed: PrintedNest, arguments: list[str],
                pointers: dict[str, tuple[str, str]]) -> None:
        """Calls a nest, on several threads if one of its arrays is large."""
        text = range_function(function, printed.text, printed.params, shared.axes)
        name = self.functions.setdefault(text, f"r{len(self.functions)}")
        self.called.setdefault(text, ())
        length = self.fresh("n")
        self.emit(f"const st_i64 {length} = {self.host(shared.length)};")
        arguments = [length if p == ("value", PART) else a for p, a in zip(printed.params, arguments, strict=True)]
        buffers = [p[1] for p in printed.params if p[0] == "pointer"]
        sizes = dict.fromkeys(" * ".join(self.names[b].dims) or "1" for b in buffers)
        large = " | ".join(f"({size} >= {self.target.threads_from})" for size in sizes)
        steps = [f"{pointers[b][1]}[{shared.axes[b]}]" if b in pointers else self.names.places[b].stride(shared.axes[b])
                 for b in buffers if b in shared.axes]
        kinds = [kind_of(declared) for declared in signature(printed.text)] + ["st_i64"] * len(steps)
        addresses = ", ".join(f"&({kind}){{{a}}}" for kind, a in zip(kinds, [*arguments, *steps], strict=True))
        self.emit(f"if (f->parallel && ({large})) f->parallel({name}, (const void *const[]){{{addresses}}}, {length});")
        self.emit(f"else {function}({', '.join(arguments)});")

    def do_Call(self, stmt: Call) -> None:
        first = self.names.places[stmt.inputs[0]].facts
        scalars = [f"&({MEMORY[scalar.dtype]}){{{self.host(scalar)}}}" for scalar in stmt.scalars]
        outputs, inputs = (f"(st_array[]){{{', '.join(self.names.places[b].array_text for b in names)}}}"
                           for names in (stmt.outputs, stmt.inputs))
        addresses = f"(const void *const[]){{{', '.join(scalars)}}}" if scalars else "0"
        routine = self.routine(stmt, entry_name(stmt.name, first.dtype))
        self.fail_unless(f"{routine}, {first.ndim}, {outputs}, {inputs}, {addresses})")

    def routine(self, stmt: Call, entry: str) -> str:
        """The beginning of a call of a library routine."""
        if not self.library:
            self.library.append("blas")
        if entry not in self.library:
            self.library.append(entry)
        self.scratch = max(self.scratch, 3)
        self.helpers.need("st_routine")
        return f"((st_routine *)f->library[{self.library.index(entry)}])(f, f->library[0], {self.program.slots}"

    def do_PyCall(self, stmt: PyCall) -> None:
        arrays = []
        for buffer in stmt.outputs:
            z, declared = f"z{self.number[buffer]}", self.buffers[buffer]
            n = declared.ndim if declared.dtype != "object" else 0
            self.emit(f"st_i64 {z}[{max(2 * n, 1)}] = {{0}};")
            self.emit(f"st_array x{z} = {{0, {z}, {z} + {n}}};")
            arrays.append(f"&x{z}")
        inputs = ", ".join(f"&(st_array){self.names.places[b].array_text}" for b in stmt.inputs)
        given = f"(st_array *const[]){{{inputs}}}" if inputs else "0"
        made = f"(st_array *const[]){{{', '.join(arrays)}}}" if arrays else "0"
        self.fail_unless(f"f->pycall(f, {stmt.callee}, {len(stmt.inputs)}, {given}, {len(arrays)}, {made})")
        for buffer in stmt.outputs:
            self.adopt(buffer)
            self.direct.setdefault(buffer, set()).add(None)

    def adopt(self, buffer: str) -> None:
        """Defines a buffer by what a Python operation returned."""
        z, name, declared = f"z{self.number[buffer]}", self.new_name(buffer), self.buffers[buffer]
        n = declared.ndim if declared.dtype != "object" else 0
        if not self.is_shared(buffer):
            self.define("char *", name, f"x{z}.data")
            dims = self.read_sizes(name, declared, z)
            strides: tuple[str, ...] = ()
            if declared.layout != "c":
                for axis in range(n):
                    self.define("const st_i64", f"{name}s{axis}", f"{z}[{n + axis}]")
                strides = tuple(f"{name}s{axis}" for axis in range(n))
            self.names.put(buffer, Place(of_buffer(declared, dims), name, strides))
            return
        dims = tuple("1" if one else f"{z}[{axis}]" for axis, one in enumerate(declared.broadcast))
        self.put(buffer, f"x{z}.data", dims, tuple(f"{z}[{n + a}]" for a in range(n)), of_buffer(declared, dims))

    # -- the whole

    def results(self) -> None:
        """Fills in the results that were not written to memory made for them."""
        names = self.program.outputs + tuple(name for _, name in self.program.updates)
        for k, name in enumerate(names):
            if self.direct.get(name) == {("output", k)}:
                continue
            place = self.names.places[name]
            self.emit(f"f->results[{k}].data = {place.pointer};")
            if place.facts.dtype == "object":
                continue
            for axis in range(place.facts.ndim):
                self.emit(f"f->results[{k}].dims[{axis}] = {place.facts.dims[axis]};")
                self.emit(f"f->results[{k}].strides[{axis}] = {place.stride(axis)};")

    def useful_lines(self) -> list[str]:
        """The lines, without definitions of names that nobody reads."""
        used: set[str] = set()
        kept: list[str] = []
        for text, define in reversed(self.lines):
            if define and define not in used:
                continue
            kept.append(text)
            used.update(_NAME.findall(text))
        kept.reverse()
        return kept

    def gains_from_effort(self) -> bool:
        """Whether code of this kind was seen to run faster with all of -O2."""
        columns = any(name.startswith("st_flush_") for names in self.called.values() for name in names)
        return columns or any(isinstance(stmt, While) for stmt in statements(self.program.body))

    def run(self) -> CUnit:
        program = self.program
        for k, name in enumerate(program.inputs + program.constants):
            self.bind_input(name, k)
        self.block(program.body)
        self.results()
        parts = [abi_text(), PRELUDE, self.helpers.text()]
        body = self.useful_lines()
        if not any("f->" in line or "(f" in line for line in body):
            body.insert(0, "    (void)f;")
        effort = "O0" if len(body) > VERY_LONG_MAIN else "O1"
        head = f'__attribute__((optimize("{effort}"))) ' if len(body) > LONG_MAIN else ""
        main = "\n".join([f"{head}int st_main(st_frame *f) {{", *body, "    return 0;", "}", ""])
        split = sum(text.startswith("ST_NEST ") for text in self.functions) >= LEAST_NESTS
        if split:
            parts.append(halves(self.functions, self.called, main, self.helpers))
        else:
            parts += [*(text.replace("@", name, 1) + "\n" for text, name in self.functions.items()), main]
        large = len(self.functions) >= LARGE_UNIT or sum(map(len, self.functions)) > LONG_UNIT
        flags = FLAGS + (self.target.light if large or not self.gains_from_effort() else ())
        return CUnit("".join(parts), tuple(self.library), program.slots + self.scratch, flags, parts=1 + split)


def takes_long(stmt: Stmt) -> bool:
    """Whether a statement may take longer than a few instructions."""
    return isinstance(stmt, (Call, Move, PyCall, While)) or isinstance(stmt, Nest) and any(
        isinstance(x, Loop) for x in stmt.body)


def print_program(program: Program, target: Target = DEFAULT_TARGET) -> CUnit:
    """The C unit of a buffered program; its one export is `st_main` of csrc/abi.h.

    Raises `UnsupportedRow` for scalar operations that have no C text (mod or erf of complex numbers ...).
    """
    if program.stage != "buffered":
        raise ValueError(f"the C printer takes the buffered stage, got {program.stage}")
    return UnitPrinter(program, target).run()
