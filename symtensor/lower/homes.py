"""Where the buffers of a Program live: on the host or on a device.

In: a Program of the buffered stage, the positions of the inputs whose values may stay on the device, and what the
device can run. Out: `Homes`: the class of each buffer (names for one memory) and the classes that live on the device.

Memory decides: a statement runs where what it writes lives. What only the host can write (results of Python
operations, arguments, complex numbers) lives on the host. Of the rest, a class lives on the device if a statement
that is worth a kernel writes it, or, if it comes from outside and is more than one number, reads it.
"""
from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from symtensor.ir.nodes import Buffer, Call, Loop, Nest, Program, PyCall, Reduce, Stmt
from symtensor.ir.walk import alias_of, defines, expressions, nest_expressions, reads, statements, writes

__all__ = ["DEVICE_ROUTINES", "Homes", "Runs", "find_homes", "is_number"]

DEVICE_ROUTINES = ("batched_gemm", "dot", "gemm", "gemv", "ger")

Runs = Callable[[Nest], bool]


def is_number(buffer: Buffer) -> bool:
    """Whether a buffer is a single element whatever its sizes at run time."""
    return all(buffer.broadcast) and buffer.dtype != "object"


@dataclass
class Homes:
    """leader: each buffer's class, named by one of its members. device: the classes that live on the device."""

    leader: dict[str, str]
    device: set[str]

    def of(self, name: str) -> str:
        """The class of a buffer."""
        while self.leader.get(name, name) != name:
            self.leader[name] = self.leader.get(self.leader[name], self.leader[name])
            name = self.leader[name]
        return name

    def on_device(self, name: str) -> bool:
        """Whether a buffer lives on the device."""
        return self.of(name) in self.device

    def unite(self, a: str, b: str) -> None:
        """Makes the classes of two buffers one."""
        a, b = self.of(a), self.of(b)
        if a != b:
            self.leader[b] = a


def find_homes(program: Program, resident: Collection[int], runs: Runs, routines: Collection[str]) -> Homes:
    """Decides for a whole Program; see the module."""
    homes = Homes({}, set())
    body = list(statements(program.body))
    for stmt in body:
        alias = alias_of(stmt)
        if alias is not None:
            homes.unite(alias[1], alias[0])
        elif isinstance(stmt, PyCall):
            for output, position in stmt.views:
                homes.unite(stmt.inputs[position], stmt.outputs[output])
    kinds = {buffer.name: buffer for buffer in program.buffers}
    host = _only_on_host(program, resident, body, homes, kinds)
    workers = [stmt for stmt in body if isinstance(stmt, (Nest, Call))]
    able = _able(workers, homes, host, kinds, runs, routines)
    _spread(program, resident, able, homes, host, kinds)
    return homes


def _only_on_host(program: Program, resident: Collection[int], body: list[Stmt], homes: Homes,
                  kinds: dict[str, Buffer]) -> set[str]:
    """Classes that must live on the host, whatever the device can run."""
    host = {homes.of(name) for k, name in enumerate(program.inputs) if k not in resident}
    host.update(homes.of(name) for name, buffer in kinds.items() if buffer.dtype.startswith(("object", "complex")))
    for stmt in body:
        if isinstance(stmt, PyCall):
            host.update(homes.of(name) for name in defines(stmt))
            host.update(homes.of(stmt.inputs[k]) for k in stmt.destroys)
    return host


def _able(workers: list[Nest | Call], homes: Homes, host: set[str], kinds: dict[str, Buffer], runs: Runs,
          routines: Collection[str]) -> list[Nest | Call]:
    """The statements that can run on the device; what the others write is added to `host`."""
    able = []
    for stmt in workers:
        touched = [kinds[name] for name in (*reads(stmt), *writes(stmt))]
        if isinstance(stmt, Nest):
            fits = not any(b.dtype.startswith(("object", "complex")) for b in touched) and runs(stmt)
        else:
            fits = stmt.name in routines and all(b.dtype in ("float32", "float64") for b in touched)
        if fits:
            able.append(stmt)
        else:
            host.update(homes.of(name) for name in writes(stmt))
    while True:
        left = [stmt for stmt in able if not any(homes.of(name) in host for name in writes(stmt))]
        if len(left) == len(able):
            return able
        for stmt in able:
            if any(homes.of(name) in host for name in writes(stmt)):
                host.update(homes.of(name) for name in writes(stmt))
        able = left


def _spread(program: Program, resident: Collection[int], able: list[Nest | Call], homes: Homes, host: set[str],
            kinds: dict[str, Buffer]) -> None:
    """Finds the classes on the device: those that statements with work write, then what these entail."""
    movable = {homes.of(name) for k, name in enumerate(program.inputs) if k in resident}
    movable |= {homes.of(name) for name in program.constants}
    movable -= host
    device = homes.device
    renewed = [(homes.of(program.inputs[k]), homes.of(name)) for k, name in program.updates if k in resident]
    open_ones, size = list(able), -1
    while size != len(device):
        size = len(device)
        waiting = []
        for stmt in open_ones:
            touched = [*writes(stmt), *reads(stmt)]
            if _has_work(stmt) or any(homes.on_device(name) for name in touched):
                device.update(homes.of(name) for name in writes(stmt))
                device.update(homes.of(name) for name in reads(stmt)
                              if homes.of(name) in movable and not is_number(kinds[name]))
            else:
                waiting.append(stmt)
        open_ones = waiting
        device.update(old for old, new in renewed if new in device and old not in host)


def _has_work(stmt: Nest | Call) -> bool:
    """Whether a statement is more than a few scalar operations."""
    if isinstance(stmt, Call):
        return True
    return any(isinstance(s, Loop) for s in stmt.body) or any(
        isinstance(e, Reduce) for top in nest_expressions(stmt.body) for e in expressions(top))
