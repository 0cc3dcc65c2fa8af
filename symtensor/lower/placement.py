"""Places a Program in two memories: the buffered stage becomes the target stage.

`symtensor.lower.homes` decides where every buffer lives; here each statement gets what it reads in the memory where it
runs. Where that is the other one, a `Move` into memory of its own comes before it: once for each definition of the
buffer that reaches it, and before a loop in which nothing writes it. Single numbers that a kernel reads from the host
are bound by a `Let` and become arguments. Views of what has been moved are made anew on the moved array.

Results of the call come to the host, before anything is written over a shared value if they are known by then; new
values of inputs at `resident` positions stay where they are made, and these inputs are bound in the memory where the
program wants them.

On the device a `Reshape` never copies and `Move` takes dense arrays only: where arrays are not dense there, a nest
copies them before. Routines take any strides.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from symtensor.ir.nodes import (
    Accumulate, Alloc, Axis, Buffer, Call, Check, Const, Dim, Expr, If, Let, Load, Local, Loop, Move, Nest, NestStmt,
    Op, Program, PyCall, Reduce, Reshape, Same, Stmt, Store, View, While,
)
from symtensor.ir.spec import check
from symtensor.ir.walk import defines, expressions, host_expressions, reads, rewrite, statements, writes
from symtensor.lower.homes import DEVICE_ROUTINES, Homes, Runs, find_homes, is_number, locals_in

__all__ = ["place"]

ONE = Const(1, "int64")
NO_ARGUMENT = ("float16",)  # single numbers of these dtypes are moved: a Let holds them as another C type


@dataclass
class _Block:
    """A block that is being rewritten.

    owner    the If or While that it belongs to
    members  ids of all statements in it
    written  classes that something in it writes
    done     its new statements
    defined  buffers that it has defined
    copies   buffer -> its copy in the other memory, as long as that is valid
    numbers  buffer of one element -> the local that holds it
    """

    owner: Stmt | None
    members: set[int]
    written: set[str]
    done: list[Stmt] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    copies: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Local] = field(default_factory=dict)


class _Placer:
    def __init__(self, program: Program, resident: Collection[int], runs: Runs, routines: Collection[str]):
        self.program = program
        self.resident = frozenset(resident)
        self.homes: Homes = find_homes(program, resident, runs, routines)
        self.buffers: dict[str, Buffer] = {}
        entering = {*program.inputs, *program.constants}
        for b in program.buffers:
            home = "device" if self.homes.on_device(b.name) else "host"
            dense = home == "device" and b.name in entering
            self.buffers[b.name] = replace(b, home=home, layout="c" if dense else b.layout)
        self.made: dict[str, Stmt] = {}
        several: set[str] = set()
        for stmt in statements(program.body):
            for name in defines(stmt):
                if name in self.made:
                    several.add(name)
                self.made[name] = stmt
        for name in several:
            del self.made[name]
        self.slots = program.slots
        self.result_slots: dict[int, tuple[str, int]] = {}
        self.read = locals_in(top for stmt in statements(program.body) for top in host_expressions(stmt))
        self.readers: dict[str, set[int]] = {}  # buffer -> ids of the statements that read it in the other memory
        for stmt in statements(program.body):
            there = self.runs_there(stmt)
            for name in reads(stmt):
                if self.homes.on_device(name) != there:
                    self.readers.setdefault(name, set()).add(id(stmt))
        self.device_numbers: dict[str, Load] = {}
        self.read_later = self.numbers_read_later()
        self.number_nest: Nest | None = None  # the last nest that computes numbers on the device
        self.blocks: list[_Block] = []
        self.count = 0
        n_outputs = len(program.outputs)
        self.staying = {n_outputs + j for j, (position, _) in enumerate(program.updates) if position in self.resident}

    def numbers_read_later(self) -> set[str]:
        """Numbers on the device that kernels read by the name of a Let and that one statement alone writes: they need
        no copy, but must outlive the Let."""
        written: dict[str, int] = {}
        for stmt in statements(self.program.body):
            for name in writes(stmt):
                written[self.homes.of(name)] = written.get(self.homes.of(name), 0) + 1
        return {
            stmt.value.buffer for stmt in statements(self.program.body)
            if isinstance(stmt, Let) and stmt.name in self.homes.numbers and isinstance(stmt.value, Load)
            and self.homes.on_device(stmt.value.buffer) and is_number(self.buffers[stmt.value.buffer])
            and written.get(self.homes.of(stmt.value.buffer)) == 1
            and isinstance(self.made.get(stmt.value.buffer), Alloc)
        }

    def runs_there(self, stmt: Stmt) -> bool:
        """Whether a statement of the buffered program runs on the device."""
        if isinstance(stmt, (Nest, Call)):
            return self.homes.on_device(writes(stmt)[0])
        return isinstance(stmt, Let) and stmt.name in self.homes.numbers

    # -- names and small statements

    def emit(self, stmt: Stmt, level: int = -1) -> None:
        self.blocks[level].done.append(stmt)
        self.blocks[level].defined.update(defines(stmt))

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def new_buffer(self, like: Buffer, home: str, layout: str = "c",
                   broadcast: tuple[bool, ...] | None = None) -> Buffer:
        suffix = "dev" if home == "device" else "host"
        made = Buffer(self.name(f"{like.name}_{suffix}"), like.dtype,
                      like.broadcast if broadcast is None else broadcast, layout, home)
        self.buffers[made.name] = made
        return made

    def own_slot(self) -> tuple[str, int]:
        self.slots += 1
        return "slot", self.slots - 1

    def dims(self, name: str) -> tuple[Expr, ...]:
        return tuple(Dim(name, axis) for axis in range(self.buffers[name].ndim))

    def copy_nest(self, target: str, source: str) -> Nest:
        """Copies all elements within one memory."""
        buffer = self.buffers[source]
        indices = tuple(Const(0, "int64") if one else Local(self.name("p")) for one in buffer.broadcast)
        body: NestStmt = Store(target, indices, Load(source, indices, buffer.dtype))
        for axis, index in reversed(list(enumerate(indices))):
            if isinstance(index, Local):
                body = Loop(Axis(index.name, Dim(source, axis)), (body,))
        return Nest((body,))

    def packed(self, name: str, level: int = -1) -> str:
        """A name for the same elements on the device in C order: the buffer itself, or a copy."""
        buffer = self.buffers[name]
        if buffer.layout == "c":
            return name
        new = self.new_buffer(buffer, "device")
        if self.is_dense(name):
            self.emit(Reshape(new.name, name, self.dims(name)), level)
        else:
            self.emit(Alloc(new.name, self.dims(name), self.own_slot()), level)
            self.emit(self.copy_nest(new.name, name), level)
        return new.name

    def is_dense(self, name: str) -> bool:
        """Whether the elements are certainly in C order, without gaps."""
        while self.buffers[name].layout != "c":
            stmt = self.made.get(name)
            if isinstance(stmt, Same):
                name = stmt.source
            elif isinstance(stmt, View) and self.is_slice(stmt):
                name = stmt.base
            else:
                return False
        return True

    def is_slice(self, view: View) -> bool:
        """Whether a view is one stretch of its base: nothing but some of its rows, or rows of one of them."""
        walked = [axis for axis in view.axes if axis.base_axis is not None]
        if any(axis.step != ONE for axis in walked):
            return False
        order = [axis.base_axis for axis in walked]
        if order != sorted(order):  # type: ignore[type-var]
            return False
        extents = {axis.base_axis: axis.extent for axis in walked}
        made = self.made.get(view.base)
        sizes = made.dims if isinstance(made, (Alloc, Reshape)) else self.dims(view.base)
        whole = True
        for axis in reversed(range(len(sizes))):
            extent = extents.get(axis, ONE)
            if self.buffers[view.base].broadcast[axis]:
                continue
            if not whole and extent != ONE:
                return False
            whole = whole and extent in (sizes[axis], Dim(view.base, axis))
        return True

    # -- copies in the other memory

    def level_of(self, name: str) -> int:
        """The outermost block where a copy of a buffer can be made now: outside of loops that do not write it, and of
        branches that do not either if something else reads it too."""
        family = self.homes.of(name)
        best = level = len(self.blocks) - 1
        while name not in self.blocks[level].defined and family not in self.blocks[level].written:
            level -= 1
            assert level >= 0, f"{name} is not defined"
            inner = self.blocks[level + 1]
            if isinstance(inner.owner, While) or self.readers.get(name, set()) - inner.members:
                best = level
        return best

    def copied(self, name: str) -> str:
        """The name of a buffer's elements in the other memory."""
        for block in reversed(self.blocks):
            if name in block.copies:
                return block.copies[name]
        level = self.level_of(name)
        made = self.made.get(name)
        new: str | None = None
        if isinstance(made, (Same, View, Reshape)):
            base = made.source if isinstance(made, Same) else made.base
            if any(base in block.copies for block in self.blocks) or self.level_of(base) < level:
                moved = self.copied(base)
                if not isinstance(made, Reshape) or self.buffers[moved].layout == "c":
                    level = max(level, next(k for k, b in enumerate(self.blocks) if base in b.copies))
                    new = self.mirrored(made, moved, level)
        if new is None:
            new = self.moved(name, level)
        self.blocks[level].copies[name] = new
        return new

    def mirrored(self, made: Same | View | Reshape, base: str, level: int) -> str:
        """A view, made anew on the copy of its base."""
        if isinstance(made, Same):
            return base
        kind = self.buffers[made.buffer]
        new = self.new_buffer(kind, self.buffers[base].home, kind.layout).name
        anew = replace(made, buffer=new, base=base)
        self.made[new] = anew = anew if isinstance(anew, View) else replace(anew, place=None)
        self.emit(anew, level)
        return new

    def moved(self, name: str, level: int = -1, place: tuple[str, int] | None = None) -> str:
        """Memory of its own for a buffer's elements in the other memory."""
        kind = self.buffers[name]
        source = self.packed(name, level) if kind.home == "device" else name
        new = self.new_buffer(kind, "host" if kind.home == "device" else "device").name
        self.emit(Alloc(new, self.dims(name), place or self.own_slot()), level)
        self.emit(Move(new, source), level)
        return new

    def number(self, name: str) -> Local:
        """The only element of a host buffer, bound by a Let."""
        for block in self.blocks:
            if name in block.numbers:
                return block.numbers[name]
        kind = self.buffers[name]
        local = Local(self.name(f"{name}_value"), kind.dtype)
        self.emit(Let(local.name, Load(name, (Const(0, "int64"),) * kind.ndim, kind.dtype)))
        self.blocks[-1].numbers[name] = local
        return local

    def forget(self, families: Collection[str]) -> None:
        """Copies of what is about to be written are no longer copies."""
        for block in self.blocks:
            for table in (block.copies, block.numbers):
                for name in [n for n in table if self.homes.of(n) in families]:
                    del table[name]  # type: ignore[attr-defined]

    # -- expressions

    def host(self, expr: Expr) -> Expr:
        """An expression that the host evaluates, on buffers of the host."""
        loads = [e for e in expressions(expr) if isinstance(e, Load) and self.homes.on_device(e.buffer)]
        if not loads:
            return expr
        inner = {n.name for e in expressions(expr) if isinstance(e, Reduce) for n in e.lets}
        inner |= {axis.index for e in expressions(expr) if isinstance(e, Reduce) for axis in e.axes}
        guarded = any(isinstance(e, Op) and e.name == "switch" for e in expressions(expr))

        def change(e: Expr) -> Expr | None:
            if not isinstance(e, Load):
                return None
            index = tuple(rewrite(i, change) for i in e.index)
            if not self.homes.on_device(e.buffer):
                return Load(e.buffer, index, e.dtype)
            free = not any(isinstance(x, Local) and x.name in inner for i in index for x in expressions(i))
            small = is_number(self.buffers[e.buffer]) or self.level_of(e.buffer) < len(self.blocks) - 1
            if free and not small and not guarded:
                return Load(self.element(e.buffer, index), (), e.dtype)
            return Load(self.copied(e.buffer), index, e.dtype)

        return rewrite(expr, change)

    def element(self, name: str, index: tuple[Expr, ...]) -> str:
        """One element of an array on the device, moved to the host."""
        at = self.new_buffer(self.buffers[name], "device", "any", broadcast=()).name
        self.emit(View(at, name, index, ()))
        dense = self.new_buffer(self.buffers[at], "device").name
        self.emit(Reshape(dense, at, ()))
        return self.moved(dense)

    # -- statements

    def block(self, body: Sequence[Stmt], owner: Stmt | None, last: Expr | None = None
              ) -> tuple[tuple[Stmt, ...], Expr | None]:
        """A block rewritten, and an expression that is evaluated at its end."""
        written = {self.homes.of(name) for stmt in statements(body) for name in writes(stmt)}
        if isinstance(owner, While):
            self.forget(written)
        self.blocks.append(_Block(owner, {id(stmt) for stmt in statements(body)}, written))
        for stmt in body:
            self.statement(stmt)
        if last is not None:
            last = self.host(last)
        return tuple(self.blocks.pop().done), last

    def statement(self, stmt: Stmt) -> None:
        if isinstance(stmt, Nest):
            stmt = self.nest(stmt)
        elif isinstance(stmt, Call):
            stmt = self.call(stmt)
        elif isinstance(stmt, PyCall):
            stmt = replace(stmt, inputs=tuple(self.copied(n) if self.homes.on_device(n) else n for n in stmt.inputs))
        elif isinstance(stmt, Let):
            if stmt.name not in self.read:
                return
            if stmt.name in self.homes.numbers:
                self.number_there(stmt)
                return
            stmt = Let(stmt.name, self.host(stmt.value))
        elif isinstance(stmt, Alloc):
            stmt = self.alloc(stmt)
        elif isinstance(stmt, Same):
            self.same_layout(stmt)
        elif isinstance(stmt, View):
            axes = tuple(replace(a, extent=self.host(a.extent), step=self.host(a.step)) for a in stmt.axes)
            stmt = replace(stmt, start=tuple(self.host(e) for e in stmt.start), axes=axes)
        elif isinstance(stmt, Reshape):
            stmt = replace(stmt, dims=tuple(self.host(e) for e in stmt.dims))
            if self.homes.on_device(stmt.buffer):
                stmt = replace(stmt, base=self.packed(stmt.base), place=None)
        elif isinstance(stmt, Check):
            stmt = replace(stmt, condition=self.host(stmt.condition), values=tuple(self.host(v) for v in stmt.values))
        elif isinstance(stmt, If):
            condition = self.host(stmt.condition)
            then, _ = self.block(stmt.then, stmt)
            orelse, _ = self.block(stmt.orelse, stmt)
            self.blocks[-1].defined.update(n for s in stmt.then for n in self.all_defined(s))
            stmt = replace(stmt, condition=condition, then=then, orelse=orelse)
        elif isinstance(stmt, While):
            limit = self.host(stmt.limit)
            body, until = self.block(stmt.body, stmt, stmt.until)
            stmt = replace(stmt, limit=limit, body=body, until=until)
        self.forget({self.homes.of(name) for name in writes(stmt)})
        self.emit(stmt)

    def number_there(self, let: Let) -> None:
        """A Let that only kernels read: a nest stores its value on the device, unless it lies there already. Such nests
        in a row are one."""
        if isinstance(let.value, Load) and let.value.buffer in self.read_later:
            self.device_numbers[let.name] = let.value
            return
        buffer = Buffer(self.name(f"{let.name}_dev"), let.value.dtype, (), "c", "device")
        self.buffers[buffer.name] = buffer
        mine = Nest((let, Store(buffer.name, (), Local(let.name, let.value.dtype))))
        done = self.blocks[-1].done
        before = self.number_nest if done and done[-1] is self.number_nest else None
        known = {} if before is None else {s.name: None for s in before.body if isinstance(s, Let)}
        mine = self.nest(mine, known)
        if before is not None and done[-1] is before:
            done.pop()
            mine = Nest(before.body + mine.body)
        self.emit(Alloc(buffer.name, (), self.own_slot()))
        self.emit(mine)
        self.number_nest = mine
        self.device_numbers[let.name] = Load(buffer.name, (), let.value.dtype)

    @staticmethod
    def all_defined(stmt: Stmt) -> list[str]:
        return [name for inner in statements((stmt,)) for name in defines(inner)]

    def alloc(self, stmt: Alloc) -> Alloc:
        stmt = replace(stmt, dims=tuple(self.host(e) for e in stmt.dims))
        kind, k = stmt.place
        if kind == "slot" and stmt.buffer in self.read_later:
            return replace(stmt, place=self.own_slot())
        if kind == "output" and k not in self.staying and self.homes.on_device(stmt.buffer):
            if k not in self.result_slots:
                self.result_slots[k] = self.own_slot()
            return replace(stmt, place=self.result_slots[k])
        return stmt

    def same_layout(self, stmt: Same) -> None:
        """A second name for a dense array of the device is dense too."""
        kind, source = self.buffers[stmt.buffer], self.buffers[stmt.source]
        if kind.home == "device" and source.layout == "c" and stmt.buffer in self.made:
            self.buffers[stmt.buffer] = replace(kind, layout="c")

    def nest(self, stmt: Nest, known: Collection[str] = ()) -> Nest:
        """A nest that reads the memory where it writes; `known` are numbers that it knows by their names."""
        device = self.buffers[writes(stmt)[0]].home == "device"
        renamed: dict[str, str] = {}
        numbers: dict[str, Local] = {}
        for name in reads(stmt):
            if (self.buffers[name].home == "device") == device:
                continue
            if device and is_number(self.buffers[name]) and self.buffers[name].dtype not in NO_ARGUMENT:
                numbers[name] = self.number(name)
            else:
                renamed[name] = self.copied(name)
        if not renamed and not numbers and not (device and self.device_numbers):
            return stmt

        def change(e: Expr) -> Expr | None:
            if isinstance(e, Local) and e.name not in known:
                return self.device_numbers.get(e.name)
            if isinstance(e, Dim) and e.buffer in renamed:
                return Dim(renamed[e.buffer], e.axis)
            if not isinstance(e, Load):
                return None
            if e.buffer in numbers:
                return numbers[e.buffer]
            return Load(renamed.get(e.buffer, e.buffer), tuple(rewrite(i, change) for i in e.index), e.dtype)

        pairs = tuple(pair for pair in stmt.inplace if pair[1] not in renamed and pair[1] not in numbers)
        return replace(stmt, body=tuple(_changed(s, change) for s in stmt.body), inplace=pairs)

    def call(self, stmt: Call) -> Call:
        """A call of a routine on arrays of one memory."""
        stmt = replace(stmt, scalars=tuple(self.host(e) for e in stmt.scalars))
        device = self.homes.on_device(stmt.outputs[0])
        inputs = [name if self.homes.on_device(name) == device else self.copied(name) for name in stmt.inputs]
        return replace(stmt, inputs=tuple(inputs))

    # -- the whole

    def results(self, from_here: Sequence[Stmt], names: dict[int, str], wanted: dict[int, str]) -> None:
        """Moves those results to the host that are there and that none of the statements to come writes."""
        coming = {self.homes.of(n) for stmt in statements(from_here) for n in writes(stmt)}
        for k in [k for k, name in wanted.items()
                  if name in self.blocks[0].defined and self.homes.of(name) not in coming]:
            names[k] = self.moved(wanted.pop(k), place=("output", k))

    def whole(self) -> Program:
        program = self.program
        everything = [*program.outputs, *(name for _, name in program.updates)]
        wanted = {k: name for k, name in enumerate(everything) if self.homes.on_device(name) and k not in self.staying}
        names: dict[int, str] = {}
        shared = {self.homes.of(program.inputs[k]) for k in self.resident}
        top = _Block(None, set(), set(), defined={*program.inputs, *program.constants})
        self.blocks.append(top)
        reached = False
        for k, stmt in enumerate(program.body):
            if not reached and any(self.homes.of(n) in shared for s in statements((stmt,)) for n in writes(s)):
                reached = True
                self.results(program.body[k:], names, wanted)
            self.statement(stmt)
        self.results((), names, wanted)
        final = [names.get(k, name) for k, name in enumerate(everything)]
        n = len(program.outputs)
        updates = tuple((position, final[n + j]) for j, (position, _) in enumerate(program.updates))
        return check(replace(program, stage="target", buffers=tuple(self.buffers.values()), outputs=tuple(final[:n]),
                             updates=updates, body=tuple(top.done), slots=self.slots))


def _changed(stmt: NestStmt, change) -> NestStmt:
    """A statement of a nest with its expressions rewritten."""
    if isinstance(stmt, Let):
        return Let(stmt.name, rewrite(stmt.value, change))
    if isinstance(stmt, Loop):
        axis = replace(stmt.axis, extent=rewrite(stmt.axis.extent, change))
        return Loop(axis, tuple(_changed(s, change) for s in stmt.body))
    index, value = tuple(rewrite(i, change) for i in stmt.index), rewrite(stmt.value, change)
    if isinstance(stmt, Store):
        return Store(stmt.buffer, index, value)
    return Accumulate(stmt.buffer, index, stmt.op, value)


def place(program: Program, resident: Collection[int] = (), *, runs: Runs = lambda nest: True,
          routines: Collection[str] = DEVICE_ROUTINES) -> Program:
    """The target stage of a buffered Program.

    Args:
        resident: positions of the inputs whose values may live on the device between calls (shared variables).
        runs: whether the device has a kernel for a nest without complex numbers.
        routines: names of the library routines that the device has for float32 and float64.
    """
    if program.stage != "buffered":
        raise ValueError(f"the buffered stage is placed, not {program.stage}")
    return _Placer(program, resident, runs, routines).whole()
