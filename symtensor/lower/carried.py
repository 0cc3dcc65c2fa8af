"""States of loops whose new values are computed where the old ones lie.

A step computes the new value of a carried state into memory of its own, and copies it over the old value at its end.
Where nobody reads the old value any more once the new one is written, and the statement that writes it reads the old
one at the same index at most, it is written there at once, and the copy goes. That the sizes are equal is then checked
before.

In and out: a Program of the nests stage.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Optional

from symtensor.ir.expressions import ZERO
from symtensor.ir.nodes import (
    Call, Check, Define, Dim, Expr, If, Load, Local, Loop, Nest, Op, Program, Same, Stmt, Store, While,
)
from symtensor.ir.walk import defines, reads, rewrite, statements, writes
from symtensor.lower.aliases import Aliases, aliases, reads_part
from symtensor.lower.nest import inplace_pairs

__all__ = ["states_in_place"]


def states_in_place(program: Program) -> Program:
    """The Program with every state that can be in place."""
    if not any(isinstance(stmt, While) for stmt in statements(program.body)):
        return program
    return replace(program, body=_block(program.body, program, aliases(program)))


def _block(body: Sequence[Stmt], program: Program, known: Aliases) -> tuple[Stmt, ...]:
    done: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, If):
            stmt = replace(stmt, then=_block(stmt.then, program, known), orelse=_block(stmt.orelse, program, known))
        elif isinstance(stmt, While):
            stmt = replace(stmt, body=_step(_block(stmt.body, program, known), program, known))
        done.append(stmt)
    return tuple(done)


def _step(body: Sequence[Stmt], program: Program, known: Aliases) -> tuple[Stmt, ...]:
    """The body of a loop. `known` speaks of the Program as it was: what changes here are names that one statement
    defines, one writes and one copies."""
    own = {name for stmt in statements(body) for name in defines(stmt)}
    one_long = {b.name: b.broadcast for b in program.buffers}
    result: list[Optional[Stmt]] = list(body)
    extra: dict[int, list[Stmt]] = {}  # what comes before a statement
    for end, stmt in enumerate(body):
        state, new = _copy(stmt) or ("", "")
        if not state or state in own or known.of(state) != state or known.writers.get(new) != 1:
            continue
        made = next((k for k in range(end) if isinstance(body[k], Define) and defines(body[k]) == (new,)), None)
        if made is None or not isinstance(result[made], Define):
            continue
        written = next(k for k in range(end) if new in map(known.of, _written(body[k])))
        over = _written_over(known, result[written], new, state)
        checks = _checks(body, made, end, new, state, one_long[new])
        if over is not None and checks is not None and not _is_touched(known, body[written + 1:end], state):
            extra[made], result[made], result[written], result[end] = checks, Same(new, state), over, None
    return tuple(s for k, stmt in enumerate(result) for s in (*extra.get(k, ()), stmt) if s is not None)


def _written(stmt: Stmt) -> Iterator[str]:
    """What a statement, or one inside it, writes, by whatever name."""
    return (name for inner in statements((stmt,)) for name in writes(inner))


def _copy(stmt: Stmt) -> Optional[tuple[str, str]]:
    """(target, source), if a nest copies all elements of one array to another."""
    if not isinstance(stmt, Nest) or len(stmt.body) != 1:
        return None
    inner, loops = stmt.body[0], []
    while isinstance(inner, Loop) and len(inner.body) == 1:
        loops.append(inner.axis)
        inner = inner.body[0]
    if not isinstance(inner, Store) or not isinstance(inner.value, Load) or inner.value.index != inner.index:
        return None
    target, source = inner.buffer, inner.value.buffer
    for axis, index in enumerate(inner.index):
        if index == ZERO:  # an axis of length 1, by type
            continue
        loop = loops.pop(0) if loops else None
        if loop is None or index != Local(loop.index) or loop.extent not in (Dim(source, axis), Dim(target, axis)):
            return None
    return None if loops else (target, source)


def _written_over(known: Aliases, stmt: Optional[Stmt], new: str, state: str) -> Optional[Stmt]:
    """The statement as one that writes `new` into the memory of `state`, if it may."""
    if isinstance(stmt, (Nest, Call)) and state not in map(known.of, reads(stmt)):
        return stmt
    pair = new, state
    if isinstance(stmt, Nest) and pair in inplace_pairs(stmt.body) and not reads_part(known, stmt, state):
        return replace(stmt, inplace=tuple(dict.fromkeys((*stmt.inplace, pair))))
    return None


def _is_touched(known: Aliases, body: Sequence[Stmt], root: str) -> bool:
    """Whether some memory is read or written by any of the statements."""
    return any(known.of(name) == root for stmt in statements(body) for name in (*reads(stmt), *writes(stmt)))


def _checks(body: Sequence[Stmt], made: int, end: int, new: str, state: str,
            one_long: Sequence[bool]) -> Optional[list[Stmt]]:
    """The checks of sizes that have to come before `new` is made; None if nobody knows that its sizes are equal."""
    define = body[made]
    assert isinstance(define, Define)
    sizes: dict[Expr, Expr] = {Dim(new, axis): size for axis, size in enumerate(define.dims)}
    found: list[Stmt] = []
    for axis, (size, one) in enumerate(zip(define.dims, one_long, strict=True)):
        if one or size == Dim(state, axis):
            continue
        check = next(_equal(body[made:end], Dim(new, axis), Dim(state, axis)), None)
        if check is None:
            return None
        condition, *values = (rewrite(e, lambda e: sizes.get(e)) for e in (check.condition, *check.values))
        found.append(Check(condition, check.site, tuple(values)))
    return found


def _equal(body: Sequence[Stmt], one: Expr, other: Expr) -> Iterator[Check]:
    """The checks that two sizes are equal."""
    for stmt in body:
        if isinstance(stmt, Check) and isinstance(stmt.condition, Op) and stmt.condition.name == "eq":
            if set(stmt.condition.args) == {one, other}:
                yield stmt
