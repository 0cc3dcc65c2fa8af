"""Who shares memory with whom in a Program of the nests stage, and who writes it.

Names that views, reshapes and `Same` give to one memory form a class, known by its root: the name under which it came
into being. Everything that is decided about memory is decided for roots.
"""
from __future__ import annotations

from dataclasses import dataclass

from symtensor.ir.nodes import Call, Copied, Define, Dim, Load, Nest, Program, PyCall, Stmt
from symtensor.ir.walk import alias_of, defines, expressions, host_expressions, reads, statements, writes

__all__ = ["Aliases", "aliases", "reads_part", "touched"]


@dataclass
class Aliases:
    """Alias classes and how the statements touch them."""

    root: dict[str, str]
    kind: dict[str, str]  # of roots: input, constant, memory, python
    writers: dict[str, int]  # statements that write a root's memory

    def of(self, name: str) -> str:
        while name in self.root:
            name = self.root[name]
        return name


def aliases(program: Program) -> Aliases:
    """The alias classes of a Program."""
    root: dict[str, str] = {}
    kind: dict[str, str] = {name: "input" for name in program.inputs}
    kind.update({name: "constant" for name in program.constants})
    writers: dict[str, int] = {}
    found = Aliases(root, kind, writers)
    for stmt in statements(program.body):
        alias = alias_of(stmt)
        if alias is not None:
            if alias[0] not in kind and alias[0] not in root:
                root[alias[0]] = alias[1]
        elif isinstance(stmt, (Define, Copied)):
            kind.setdefault(stmt.buffer, "memory")
        elif isinstance(stmt, PyCall):
            viewed = dict(stmt.views)
            for k, name in enumerate(stmt.outputs):
                if k in viewed:
                    root[name] = stmt.inputs[viewed[k]]
                else:
                    kind.setdefault(name, "python")
        for name in writes(stmt):
            if not isinstance(stmt, (PyCall, Copied)):
                writers[found.of(name)] = writers.get(found.of(name), 0) + 1
    return found


def touched(stmt: Stmt) -> set[str]:
    """Every buffer a statement (and what is inside it) mentions: read, written, aliased or asked for its sizes."""
    found: set[str] = set()
    for inner in statements((stmt,)):
        for top in host_expressions(inner):
            found.update(e.buffer for e in expressions(top) if isinstance(e, (Load, Dim)))
        found.update(writes(inner))
        found.update(defines(inner))
        alias = alias_of(inner)
        if alias is not None:
            found.add(alias[1])
        elif isinstance(inner, Copied):
            found.add(inner.source)
        elif isinstance(inner, (Call, PyCall)):
            found.update(inner.inputs)
    return found


def reads_part(known: Aliases, stmt: Stmt, root: str) -> bool:
    """Whether a statement reads memory by another name than its first: by other indices, therefore."""
    return any(name != root and known.of(name) == root for name in reads(stmt))


def is_nest_over(known: Aliases, stmt: Stmt, root: str, source: str) -> bool:
    """Whether a nest that computes `root` may write it over the memory of `source`."""
    return isinstance(stmt, Nest) and (root, source) in stmt.inplace and not reads_part(known, stmt, source)
