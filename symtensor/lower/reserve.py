"""Workspaces of the device are asked for before anything is written over a shared value.

A failed call must leave shared variables as they were, so what writes over them runs at the end, behind everything that
can fail (`lower.updates`). A device adds statements there that may find no memory: copies of what a kernel reads from
the host (`lower.placement`), partial sums (`codegen.cuda.split`). Their workspaces are asked for once before, with the
same sizes, so that they are there.

In: a Program of the target stage. Out: the same with these Allocs of buffers that nobody uses before the first write.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from symtensor.ir.nodes import Alloc, Buffer, Dim, Expr, If, Let, Load, Local, Program, Reduce, Stmt
from symtensor.ir.walk import alias_of, defines, expressions, host_expressions, rewrite, statements, writes

__all__ = ["reserve_workspaces"]


def reserve_workspaces(program: Program, shared: Collection[int], first_slot: int) -> Program:
    """The program with its late workspaces asked for in time.

    Args:
        shared: positions of the inputs whose values live on between calls.
        first_slot: the workspaces from this one on were added for the device: each is free between its uses.
    """
    over = {program.inputs[k] for k in shared}
    for stmt in statements(program.body):
        alias = alias_of(stmt)
        if alias is not None and alias[1] in over:
            over.add(alias[0])
    for k, stmt in enumerate(program.body):
        if any(name in over for inner in statements((stmt,)) for name in writes(inner)):
            search = _Search(program, first_slot)
            ahead = search.block(program.body[k:])
            return replace(program, body=(*program.body[:k], *ahead, *program.body[k:]),
                           buffers=(*program.buffers, *search.made))
    return program


class _Search:
    """What a block asks for, under other names: its Allocs, with the Lets and branches around them."""

    def __init__(self, program: Program, first_slot: int) -> None:
        self.buffers = {b.name: b for b in program.buffers}
        self.first_slot = first_slot
        self.names: dict[str, str] = {}
        self.unknown: set[str] = set()  # names of which nothing is known before the writes
        self.made: list[Buffer] = []

    def block(self, body: Sequence[Stmt]) -> list[Stmt]:
        done: list[Stmt] = []
        for stmt in body:
            if isinstance(stmt, If):
                then, orelse = self.block(stmt.then), self.block(stmt.orelse)
                if (then or orelse) and self.is_known(stmt):
                    done.append(If(self.renamed(stmt.condition), tuple(then), tuple(orelse)))
            elif isinstance(stmt, Let):
                if self.is_known(stmt):
                    done.append(Let(self.name(stmt.name), self.renamed(stmt.value)))
                else:
                    self.unknown.add(stmt.name)
            elif isinstance(stmt, Alloc) and self.is_workspace(stmt) and self.is_known(stmt):
                self.made.append(replace(self.buffers[stmt.buffer], name=self.name(stmt.buffer)))
                done.append(Alloc(self.made[-1].name, tuple(map(self.renamed, stmt.dims)), stmt.place))
            else:
                self.unknown.update(defines(stmt))
        return done if any(isinstance(stmt, (Alloc, If)) for stmt in done) else []

    def is_workspace(self, alloc: Alloc) -> bool:
        kind, k = alloc.place
        return kind == "slot" and k >= self.first_slot and self.buffers[alloc.buffer].home == "device"

    def is_known(self, stmt: Stmt) -> bool:
        """Whether what a statement evaluates depends on sizes and numbers that are there."""
        parts = [e for top in host_expressions(stmt) for e in expressions(top)]
        return not any(isinstance(e, (Load, Reduce)) or isinstance(e, Local) and e.name in self.unknown
                       or isinstance(e, Dim) and e.buffer in self.unknown for e in parts)

    def name(self, name: str) -> str:
        self.names[name] = f"{name}_ahead"
        return self.names[name]

    def renamed(self, expr: Expr) -> Expr:
        def change(e: Expr) -> Expr | None:
            if isinstance(e, Local) and e.name in self.names:
                return Local(self.names[e.name], e.dtype)
            if isinstance(e, Dim) and e.buffer in self.names:
                return Dim(self.names[e.buffer], e.axis)
            return None

        return rewrite(expr, change)
