"""Facts about a Program that whoever calls it needs: what it writes to, how long it may run."""
from __future__ import annotations

from symtensor.ir.nodes import Buffer, Let, Program, PyCall, While
from symtensor.ir.walk import alias_of, loads, statements, writes


def roots(program: Program) -> dict[str, set[str]]:
    """For each buffer, the inputs (and constants) whose memory it may share."""
    found: dict[str, set[str]] = {name: {name} for name in program.inputs + program.constants}
    for stmt in statements(program.body):
        pairs = [alias_of(stmt)]
        if isinstance(stmt, PyCall):
            pairs = [(stmt.outputs[o], stmt.inputs[i]) for o, i in stmt.views]
        for pair in pairs:
            if pair is not None:
                found.setdefault(pair[0], set()).update(found.get(pair[1], ()))
    return found


def written_inputs(program: Program) -> tuple[int, ...]:
    """Positions of the inputs whose memory the program writes to (updates in place, mutable arguments)."""
    memory = roots(program)
    written: set[str] = set()
    for stmt in statements(program.body):
        names = writes(stmt)
        if isinstance(stmt, PyCall):
            names = [stmt.inputs[i] for i in stmt.destroys]
        for name in names:
            written |= memory.get(name, set())
    return tuple(k for k, name in enumerate(program.inputs) if name in written)


def may_run_long(program: Program) -> bool:
    """Whether the time of a call is not bounded by the size of its inputs: loops, sizes read from values."""
    return any(isinstance(s, While) or (isinstance(s, Let) and next(loads((s.value,)), None) is not None)
               for s in statements(program.body))


def operations(program: Program) -> dict[int, PyCall]:
    """The PyCall statement of each Python operation. ValueError: two statements name the same operation (the results of
    an operation are kept by its number until it is called again)."""
    found: dict[int, PyCall] = {}
    for stmt in statements(program.body):
        if isinstance(stmt, PyCall) and found.setdefault(stmt.callee, stmt) is not stmt:
            raise ValueError(f"two statements call Python operation {stmt.callee}")
    return found


def by_name(program: Program) -> dict[str, Buffer]:
    """The program's buffers."""
    return {buffer.name: buffer for buffer in program.buffers}
