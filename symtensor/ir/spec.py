"""What a legal Program is, stage by stage. `check(program)` raises SpecError naming the statement that breaks a rule.

Checked: every name is bound before it is read and bound once a scope; dtypes, ranks and indices fit the buffers; index
and size expressions are int64, conditions bool; each stage holds only its own statements; stores hit only buffers that
were defined; in-place pairs are what they claim to be; in the target stage, every statement works in one memory and
only `Move` goes from one to the other. Not checked (the law tests do): bounds of run-time indices.
"""

from __future__ import annotations

from symtensor.ir.nodes import (
    Accumulate,
    Alloc,
    Buffer,
    Call,
    Cast,
    Check,
    Const,
    Copied,
    Define,
    Dim,
    Expr,
    If,
    Let,
    Load,
    Local,
    Loop,
    Move,
    Nest,
    Op,
    Program,
    PyCall,
    Reduce,
    Reshape,
    Same,
    Store,
    View,
    While,
)
from symtensor.ir.text import statement_lines
from symtensor.ir.walk import alias_of, host_expressions, loads, reads, writes
from symtensor.scalar.table import ROWS

STAGES = {
    "nests": (Let, Nest, Define, Copied, Same, View, Reshape, Call, PyCall, Check, If, While),
    "buffered": (Let, Nest, Alloc, Same, View, Reshape, Call, PyCall, Check, If, While),
    "target": (Let, Nest, Alloc, Move, Same, View, Reshape, Call, PyCall, Check, If, While),
}
REDUCTIONS = ("add", "mul", "and_", "or_", "xor", "maximum", "minimum", "argmax", "argmin")
ACCUMULATIONS = ("add", "mul", "maximum", "minimum")


class SpecError(AssertionError):
    """A Program that no consumer has to accept."""


class _Checker:
    def __init__(self, program: Program):
        self.program = program
        self.buffers: dict[str, Buffer] = {}
        for buffer in program.buffers:
            self.expect(buffer.name not in self.buffers, f"buffer {buffer.name} is declared twice")
            self.expect(buffer.home == "host" or program.stage == "target" and buffer.home == "device",
                        f"{buffer.name} lives in {buffer.home} in stage {program.stage}")
            self.buffers[buffer.name] = buffer

    def expect(self, condition: bool, message: str) -> None:
        if not condition:
            raise SpecError(message)

    def buffer(self, name: str, known: set[str]) -> Buffer:
        self.expect(name in self.buffers, f"buffer {name} is not declared")
        self.expect(name in known, f"buffer {name} is used before it is defined")
        return self.buffers[name]

    def expr(self, expr: Expr, known: set[str], names: dict[str, str]) -> None:
        if isinstance(expr, Const):
            self.expect(isinstance(expr.value, (bool, int, float, complex)), f"constant {expr.value!r} is no number")
        elif isinstance(expr, Local):
            self.expect(expr.name in names, f"name {expr.name} is not bound")
            self.expect(names[expr.name] == expr.dtype, f"name {expr.name} is {names[expr.name]}, read as {expr.dtype}")
        elif isinstance(expr, Dim):
            buffer = self.buffer(expr.buffer, known)
            self.expect(0 <= expr.axis < buffer.ndim, f"{expr.buffer} has no axis {expr.axis}")
        elif isinstance(expr, Load):
            buffer = self.buffer(expr.buffer, known)
            self.expect(buffer.dtype == expr.dtype, f"{expr.buffer} is {buffer.dtype}, loaded as {expr.dtype}")
            self.index(buffer, expr.index, known, names)
        elif isinstance(expr, Op):
            self.expect(expr.name in ROWS, f"no scalar operation {expr.name}")
            row = ROWS[expr.name]
            self.expect(
                row.arity in (None, len(expr.args)), f"{expr.name} takes {row.arity} operands, got {len(expr.args)}"
            )
            for arg in expr.args:
                self.expr(arg, known, names)
        elif isinstance(expr, Cast):
            self.expr(expr.arg, known, names)
            self.expect(
                not (expr.arg.dtype.startswith("complex") and not expr.dtype.startswith("complex")),
                "a complex value is cast to a real dtype",
            )
        elif isinstance(expr, Reduce):
            self.expect(expr.op in REDUCTIONS, f"no reduction {expr.op}")
            inner = dict(names)
            for axis in expr.axes:
                self.integer(axis.extent, known, names)
                self.expect(axis.index not in inner, f"index {axis.index} is bound twice")
                inner[axis.index] = "int64"
            for let in expr.lets:
                self.expr(let.value, known, inner)
                self.expect(let.name not in inner, f"name {let.name} is bound twice")
                inner[let.name] = let.value.dtype
            self.expr(expr.body, known, inner)
            if expr.op in ("argmax", "argmin"):
                self.expect(expr.dtype == "int64", f"{expr.op} yields int64")
            else:
                self.expect(expr.body.dtype == expr.dtype, f"body {expr.body.dtype} reduced in {expr.dtype}")
        else:
            raise SpecError(f"not an expression: {expr!r}")

    def integer(self, expr: Expr, known: set[str], names: dict[str, str]) -> None:
        self.expr(expr, known, names)
        self.expect(expr.dtype == "int64", f"size or index of dtype {expr.dtype}")

    def index(self, buffer: Buffer, index: tuple[Expr, ...], known: set[str], names: dict[str, str]) -> None:
        self.expect(buffer.dtype != "object", f"{buffer.name} is an object")
        self.expect(len(index) == buffer.ndim, f"{buffer.name} has {buffer.ndim} axes, indexed by {len(index)}")
        for part in index:
            self.integer(part, known, names)

    def nest(self, body, known: set[str], names: dict[str, str]) -> None:
        names = dict(names)
        for stmt in body:
            if isinstance(stmt, Let):
                self.expr(stmt.value, known, names)
                self.expect(stmt.name not in names, f"name {stmt.name} is bound twice")
                names[stmt.name] = stmt.value.dtype
            elif isinstance(stmt, (Store, Accumulate)):
                buffer = self.buffer(stmt.buffer, known)
                self.index(buffer, stmt.index, known, names)
                self.expr(stmt.value, known, names)
                self.expect(
                    stmt.value.dtype == buffer.dtype, f"{stmt.value.dtype} stored to {buffer.dtype} {buffer.name}"
                )
                if isinstance(stmt, Accumulate):
                    self.expect(stmt.op in ACCUMULATIONS, f"no accumulation {stmt.op}")
            elif isinstance(stmt, Loop):
                self.integer(stmt.axis.extent, known, names)
                self.expect(stmt.axis.kind in ("vector", "serial"), f"no loop kind {stmt.axis.kind}")
                self.expect(stmt.axis.index not in names, f"index {stmt.axis.index} is bound twice")
                self.nest(stmt.body, known, {**names, stmt.axis.index: "int64"})
            else:
                raise SpecError(f"not a statement of a nest: {stmt!r}")

    def define(self, name: str, known: set[str], rank: int | None = None) -> None:
        self.expect(name in self.buffers, f"buffer {name} is not declared")
        self.expect(name not in known, f"buffer {name} is defined twice")
        if rank is not None:
            self.expect(
                self.buffers[name].ndim == rank,
                f"{name} is declared with {self.buffers[name].ndim} axes, defined with {rank}",
            )
        known.add(name)

    def block(self, body, known: set[str], names: dict[str, str]) -> None:
        """Checks statements in order; `known` and `names` grow."""
        for stmt in body:
            try:
                self.statement(stmt, known, names)
            except SpecError as error:
                if "\n" in str(error):
                    raise
                raise SpecError(f"{error}\n  in: " + "\n      ".join(statement_lines(stmt, ""))) from None

    def homes(self, stmt) -> None:
        """What a statement reads and writes lives in the memory where it runs."""
        alias = alias_of(stmt)
        if isinstance(stmt, Move):
            ends = self.buffers[stmt.buffer], self.buffers[stmt.source]
            self.expect(ends[0].home != ends[1].home, "a move within one memory")
            self.expect(ends[0].dtype == ends[1].dtype and ends[0].ndim == ends[1].ndim, "a move between two types")
            self.expect(ends[0].layout == "c", "a move to strided memory")
            self.expect(ends[1].layout == "c" or ends[1].home == "host", "a move from strided memory of the device")
        elif alias is not None:
            self.expect(self.buffers[alias[0]].home == self.buffers[alias[1]].home, "one memory with two homes")
            self.expect(not isinstance(stmt, Reshape) or stmt.place is None or self.buffers[stmt.buffer].home == "host",
                        "a reshape on the device copies")
        elif isinstance(stmt, (Nest, Call, PyCall)):
            mine = [self.buffers[name] for name in dict.fromkeys([*reads(stmt), *writes(stmt)])]
            home = mine[0].home if mine and not isinstance(stmt, PyCall) else "host"
            for buffer in mine:
                self.expect(buffer.home == home, f"{buffer.name} lives on the {buffer.home}, not on the {home}")
                self.expect(home == "host" or not buffer.dtype.startswith(("complex", "object")),
                            f"{buffer.dtype} on the device")
        if not isinstance(stmt, Nest):
            for name in loads(host_expressions(stmt)):
                self.expect(self.buffers[name].home == "host", f"the host reads {name}, which lives on the device")

    def statement(self, stmt, known: set[str], names: dict[str, str]) -> None:
        self.expect(
            isinstance(stmt, STAGES[self.program.stage]), f"{type(stmt).__name__} in stage {self.program.stage}"
        )
        if self.program.stage == "target":
            self.homes(stmt)
        if isinstance(stmt, Let):
            self.expr(stmt.value, known, names)
            self.expect(stmt.name not in names, f"name {stmt.name} is bound twice")
            names[stmt.name] = stmt.value.dtype
        elif isinstance(stmt, Nest):
            self.nest(stmt.body, known, names)
            for written, read in stmt.inplace:
                self.expect(
                    self.buffer(written, known).dtype == self.buffer(read, known).dtype, "in-place pair of two dtypes"
                )
        elif isinstance(stmt, (Define, Alloc, Reshape)):
            for dim in stmt.dims:
                self.integer(dim, known, names)
            if isinstance(stmt, Reshape):
                base = self.buffer(stmt.base, known)
                self.expect(base.dtype == self.buffers[stmt.buffer].dtype, "reshape changes the dtype")
            place = None if isinstance(stmt, Define) else stmt.place
            if place is not None:
                self.expect(place[0] in ("slot", "output"), f"no place {place}")
                if place[0] == "slot":
                    self.expect(0 <= place[1] < self.program.slots, f"slot {place[1]} of {self.program.slots}")
            self.define(stmt.buffer, known, len(stmt.dims))
        elif isinstance(stmt, Move):
            self.buffer(stmt.buffer, known)
            self.buffer(stmt.source, known)
        elif isinstance(stmt, (Copied, Same)):
            source = self.buffer(stmt.source, known)
            if not (isinstance(stmt, Same) and stmt.buffer in known and source.dtype == "object"):
                self.define(stmt.buffer, known, source.ndim)
            self.expect(self.buffers[stmt.buffer].dtype == source.dtype, "two names of different dtype")
        elif isinstance(stmt, View):
            base = self.buffer(stmt.base, known)
            self.expect(len(stmt.start) == base.ndim, f"view starts at {len(stmt.start)} of {base.ndim} axes")
            for part in stmt.start + tuple(e for a in stmt.axes for e in (a.extent, a.step)):
                self.integer(part, known, names)
            used = [a.base_axis for a in stmt.axes if a.base_axis is not None]
            self.expect(
                len(set(used)) == len(used) and all(0 <= a < base.ndim for a in used),
                f"view axes {used} of {base.ndim}",
            )
            self.define(stmt.buffer, known, len(stmt.axes))
            self.expect(self.buffers[stmt.buffer].dtype == base.dtype, "view of another dtype")
            self.expect(self.buffers[stmt.buffer].layout == "any", "a view promises no layout")
        elif isinstance(stmt, (Call, PyCall)):
            for name in stmt.inputs:
                self.buffer(name, known)
            if isinstance(stmt, Call):
                for name in stmt.outputs:
                    self.buffer(name, known)
                for scalar in stmt.scalars:
                    self.expr(scalar, known, names)
            else:
                for name in stmt.outputs:
                    self.define(name, known)
                    self.expect(
                        self.buffers[name].layout == "any" or self.buffers[name].dtype == "object",
                        "a Python result promises no layout",
                    )
        elif isinstance(stmt, Check):
            self.expr(stmt.condition, known, names)
            self.expect(stmt.condition.dtype == "bool", "a check of no bool")
            self.expect(0 <= stmt.site < len(self.program.sites), f"no site {stmt.site}")
            self.expect(len(stmt.values) <= 8, "more than 8 values")
            for value in stmt.values:
                self.integer(value, known, names)
        elif isinstance(stmt, If):
            self.expr(stmt.condition, known, names)
            self.expect(stmt.condition.dtype == "bool", "a condition of no bool")
            then, orelse = set(known), set(known)
            self.block(stmt.then, then, dict(names))
            self.block(stmt.orelse, orelse, dict(names))
            known |= then & orelse
        elif isinstance(stmt, While):
            self.integer(stmt.limit, known, names)
            self.expect(stmt.index not in names, f"index {stmt.index} is bound twice")
            inner, inner_names = set(known), {**names, stmt.index: "int64"}
            self.block(stmt.body, inner, inner_names)
            if stmt.until is not None:
                self.expr(stmt.until, inner, inner_names)
                self.expect(stmt.until.dtype == "bool", "until of no bool")
            if stmt.count is not None:
                self.expect(stmt.count not in names, f"name {stmt.count} is bound twice")
                names[stmt.count] = "int64"

    def whole(self) -> None:
        program = self.program
        self.expect(program.stage in STAGES, f"no stage {program.stage}")
        known: set[str] = set()
        for name in program.inputs + program.constants:
            self.define(name, known)
        self.block(program.body, known, {})
        for name in program.outputs:
            self.buffer(name, known)
        for position, name in program.updates:
            self.expect(0 <= position < len(program.inputs), f"update of input {position}")
            old, new = self.buffers[program.inputs[position]], self.buffer(name, known)
            self.expect((old.dtype, old.ndim) == (new.dtype, new.ndim), f"update of {old.name} by another type")


def check(program: Program) -> Program:
    """Returns the program if it is legal in its stage; raises SpecError otherwise."""
    _Checker(program).whole()
    return program
