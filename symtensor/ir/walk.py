"""Questions about expressions and statements: what they contain, what they read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from symtensor.ir.nodes import (
    Accumulate,
    Alloc,
    Call,
    Cast,
    Check,
    Copied,
    Define,
    Expr,
    If,
    Let,
    Load,
    Loop,
    Move,
    Nest,
    Op,
    PyCall,
    Reduce,
    Reshape,
    Same,
    Stmt,
    Store,
    View,
    While,
)


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside an expression."""
    if isinstance(expr, Op):
        return expr.args
    if isinstance(expr, Cast):
        return (expr.arg,)
    if isinstance(expr, Load):
        return expr.index
    if isinstance(expr, Reduce):
        return tuple(a.extent for a in expr.axes) + tuple(let.value for let in expr.lets) + (expr.body,)
    return ()


def expressions(expr: Expr) -> Iterator[Expr]:
    """The expression and everything inside it, outermost first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(operands(node)))


def nest_expressions(body) -> Iterator[Expr]:
    """The top expressions of the statements of a nest, in order."""
    for stmt in body:
        if isinstance(stmt, Let):
            yield stmt.value
        elif isinstance(stmt, (Store, Accumulate)):
            yield from stmt.index
            yield stmt.value
        else:
            yield stmt.axis.extent
            yield from nest_expressions(stmt.body)


def nest_statements(body) -> Iterator:
    """Every statement of a nest, loops before their bodies."""
    for stmt in body:
        yield stmt
        if isinstance(stmt, Loop):
            yield from nest_statements(stmt.body)


def host_expressions(stmt: Stmt) -> tuple[Expr, ...]:
    """The expressions that a program-level statement itself evaluates (not those of blocks inside it)."""
    if isinstance(stmt, Let):
        return (stmt.value,)
    if isinstance(stmt, Nest):
        return tuple(nest_expressions(stmt.body))
    if isinstance(stmt, (Define, Alloc, Reshape)):
        return stmt.dims
    if isinstance(stmt, View):
        return stmt.start + tuple(e for a in stmt.axes for e in (a.extent, a.step))
    if isinstance(stmt, Call):
        return stmt.scalars
    if isinstance(stmt, Check):
        return (stmt.condition,) + stmt.values
    if isinstance(stmt, If):
        return (stmt.condition,)
    if isinstance(stmt, While):
        return (stmt.limit,) if stmt.until is None else (stmt.limit, stmt.until)
    return ()


def loads(exprs) -> Iterator[str]:
    """Buffers whose elements the expressions read, with repetitions."""
    for expr in exprs:
        for node in expressions(expr):
            if isinstance(node, Load):
                yield node.buffer


def reads(stmt: Stmt) -> list[str]:
    """Buffers whose contents a statement reads itself, in order, without repetition (not inside its blocks)."""
    found: list[str] = list(loads(host_expressions(stmt)))
    if isinstance(stmt, Nest):
        found += [s.buffer for s in nest_statements(stmt.body) if isinstance(s, Accumulate)]
    elif isinstance(stmt, (Copied, Move)):
        found.append(stmt.source)
    elif isinstance(stmt, (Call, PyCall)):
        found += stmt.inputs
    elif isinstance(stmt, Reshape):
        found.append(stmt.base)  # it may copy
    return list(dict.fromkeys(found))


def writes(stmt: Stmt) -> list[str]:
    """Buffers whose contents a statement changes or makes, in order, without repetition (not inside its blocks)."""
    if isinstance(stmt, Nest):
        found = [s.buffer for s in nest_statements(stmt.body) if isinstance(s, (Store, Accumulate))]
    elif isinstance(stmt, (Call, PyCall)):
        found = list(stmt.outputs)
    elif isinstance(stmt, (Copied, Move)):
        found = [stmt.buffer]
    else:
        found = []
    return list(dict.fromkeys(found))


def defines(stmt: Stmt) -> tuple[str, ...]:
    """Buffers that come into being with a statement (not inside its blocks)."""
    if isinstance(stmt, (Define, Copied, Alloc, Same, View, Reshape)):
        return (stmt.buffer,)
    if isinstance(stmt, PyCall):
        return stmt.outputs
    return ()


def alias_of(stmt: Stmt) -> tuple[str, str] | None:
    """(new buffer, buffer whose memory it shares) for statements that make a second name for memory."""
    if isinstance(stmt, Same):
        return stmt.buffer, stmt.source
    if isinstance(stmt, (View, Reshape)):
        return stmt.buffer, stmt.base
    return None


def blocks(stmt: Stmt) -> tuple[tuple[Stmt, ...], ...]:
    """The program-level blocks inside a statement."""
    if isinstance(stmt, If):
        return (stmt.then, stmt.orelse)
    if isinstance(stmt, While):
        return (stmt.body,)
    return ()


def statements(body) -> Iterator[Stmt]:
    """Every program-level statement, blocks after their owner."""
    for stmt in body:
        yield stmt
        for block in blocks(stmt):
            yield from statements(block)


def rewrite(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with every part for which `change` answers replaced (outermost first, replaced parts
    untouched)."""
    new = change(expr)
    if new is not None:
        return new
    if isinstance(expr, Op):
        return Op(expr.name, tuple(rewrite(a, change) for a in expr.args), expr.dtype)
    if isinstance(expr, Cast):
        return Cast(rewrite(expr.arg, change), expr.dtype)
    if isinstance(expr, Load):
        return Load(expr.buffer, tuple(rewrite(i, change) for i in expr.index), expr.dtype)
    if isinstance(expr, Reduce):
        axes = tuple(type(a)(a.index, rewrite(a.extent, change), a.kind) for a in expr.axes)
        lets = tuple(Let(let.name, rewrite(let.value, change)) for let in expr.lets)
        return Reduce(expr.op, axes, rewrite(expr.body, change), expr.dtype, lets)
    return expr
