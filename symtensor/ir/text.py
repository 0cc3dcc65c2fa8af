"""The canonical text form of a Program: one line a statement, for people, golden tests and cache keys.

The text says everything that decides the printed C, and nothing else; equal programs have equal texts in every process.
"""

from __future__ import annotations

from symtensor.ir.nodes import (
    Accumulate,
    Alloc,
    Axis,
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


def constant_text(value: object, dtype: str) -> str:
    if isinstance(value, float):
        return value.hex() if value == value and value not in (float("inf"), float("-inf")) else repr(value)
    if isinstance(value, complex):
        return f"({constant_text(value.real, dtype)}, {constant_text(value.imag, dtype)})"
    return repr(value)


def expr_text(expr: Expr) -> str:
    if isinstance(expr, Const):
        return f"{constant_text(expr.value, expr.dtype)}:{expr.dtype}" if expr.dtype != "int64" else str(expr.value)
    if isinstance(expr, Local):
        return expr.name
    if isinstance(expr, Dim):
        return f"{expr.buffer}.d{expr.axis}"
    if isinstance(expr, Load):
        return f"{expr.buffer}[{', '.join(map(expr_text, expr.index))}]"
    if isinstance(expr, Op):
        return f"{expr.name}:{expr.dtype}({', '.join(map(expr_text, expr.args))})"
    if isinstance(expr, Cast):
        return f"cast:{expr.dtype}({expr_text(expr.arg)})"
    if isinstance(expr, Reduce):
        lets = "".join(f"{let.name} = {expr_text(let.value)}; " for let in expr.lets)
        return f"reduce:{expr.op}:{expr.dtype}({', '.join(map(axis_text, expr.axes))}; {lets}{expr_text(expr.body)})"
    raise TypeError(f"not an expression: {expr!r}")


def axis_text(axis: Axis) -> str:
    return f"{axis.index} < {expr_text(axis.extent)}" + ("" if axis.kind == "vector" else f" {axis.kind}")


def place_text(place: tuple[str, int] | None) -> str:
    return "" if place is None else f" in {place[0]} {place[1]}"


def buffer_text(buffer: Buffer) -> str:
    shape = ", ".join("1" if b else "?" for b in buffer.broadcast)
    layout = "" if buffer.layout == "c" else f" {buffer.layout}"
    home = "" if buffer.home == "host" else f" {buffer.home}"
    return f"{buffer.name}: {buffer.dtype}[{shape}]{layout}{home}"


def _many(exprs) -> str:
    return ", ".join(map(expr_text, exprs))


def statement_lines(stmt, indent: str) -> list[str]:
    """The lines of a statement and of the blocks inside it."""
    inner = indent + "  "
    if isinstance(stmt, Let):
        return [f"{indent}let {stmt.name} = {expr_text(stmt.value)}"]
    if isinstance(stmt, Store):
        return [f"{indent}{stmt.buffer}[{_many(stmt.index)}] = {expr_text(stmt.value)}"]
    if isinstance(stmt, Accumulate):
        return [f"{indent}{stmt.buffer}[{_many(stmt.index)}] {stmt.op}= {expr_text(stmt.value)}"]
    if isinstance(stmt, Loop):
        return [f"{indent}for {axis_text(stmt.axis)}:"] + block_lines(stmt.body, inner)
    if isinstance(stmt, Nest):
        pairs = "".join(f" {w}~{r}" for w, r in stmt.inplace)
        return [f"{indent}nest{pairs}:"] + block_lines(stmt.body, inner)
    if isinstance(stmt, Define):
        return [f"{indent}{stmt.buffer} = define({_many(stmt.dims)})"]
    if isinstance(stmt, Copied):
        return [f"{indent}{stmt.buffer} = copied {stmt.source}"]
    if isinstance(stmt, Alloc):
        return [f"{indent}{stmt.buffer} = alloc({_many(stmt.dims)}){place_text(stmt.place)}"]
    if isinstance(stmt, Move):
        return [f"{indent}{stmt.buffer} = move {stmt.source}"]
    if isinstance(stmt, Same):
        return [f"{indent}{stmt.buffer} = {stmt.source}"]
    if isinstance(stmt, View):
        axes = ", ".join(
            "new"
            if a.base_axis is None
            else f"{a.base_axis}:{expr_text(a.extent)}"
            + ("" if a.step == Const(1, "int64") else f" step {expr_text(a.step)}")
            for a in stmt.axes
        )
        return [f"{indent}{stmt.buffer} = view {stmt.base} from ({_many(stmt.start)}) axes ({axes})"]
    if isinstance(stmt, Reshape):
        return [f"{indent}{stmt.buffer} = reshape {stmt.base} to ({_many(stmt.dims)}){place_text(stmt.place)}"]
    if isinstance(stmt, Call):
        return [
            f"{indent}{', '.join(stmt.outputs)} = call {stmt.name}({', '.join(stmt.inputs)}; {_many(stmt.scalars)})"
        ]
    if isinstance(stmt, PyCall):
        views = "".join(f" {o}views{i}" for o, i in stmt.views) + "".join(f" destroys{i}" for i in stmt.destroys)
        return [f"{indent}{', '.join(stmt.outputs)} = python {stmt.callee}({', '.join(stmt.inputs)}){views}"]
    if isinstance(stmt, Check):
        return [f"{indent}check {expr_text(stmt.condition)} else {stmt.site}({_many(stmt.values)})"]
    if isinstance(stmt, If):
        lines = [f"{indent}if {expr_text(stmt.condition)}:"] + block_lines(stmt.then, inner)
        return lines + [f"{indent}else:"] + block_lines(stmt.orelse, inner)
    if isinstance(stmt, While):
        until = "" if stmt.until is None else f" until {expr_text(stmt.until)}"
        count = "" if stmt.count is None else f" count {stmt.count}"
        return [f"{indent}while {stmt.index} < {expr_text(stmt.limit)}{until}{count}:"] + block_lines(stmt.body, inner)
    raise TypeError(f"not a statement: {stmt!r}")


def block_lines(body, indent: str) -> list[str]:
    lines = [line for stmt in body for line in statement_lines(stmt, indent)]
    return lines or [indent + "nothing"]


def program_text(program: Program) -> str:
    """The whole program as text."""
    lines = [f"program {program.name} ({program.stage}, {program.slots} slots)"]
    lines += ["  buffer " + buffer_text(b) for b in program.buffers]
    lines.append("  inputs " + ", ".join(program.inputs))
    lines.append("  constants " + ", ".join(program.constants))
    lines += block_lines(program.body, "  ")
    lines.append("  outputs " + ", ".join(program.outputs))
    lines += [f"  update {k} = {name}" for k, name in program.updates]
    lines += [f"  site {k}: {s.error}: {s.message}" for k, s in enumerate(program.sites)]
    return "\n".join(lines) + "\n"
