"""Where the buffers of a Program live: on the host or on a device.

In: a Program of the buffered stage, the positions of the inputs whose values may stay on the device, and what the
device can run. Out: `Homes`: the class of each buffer (names for one memory) and the classes that live on the device.

Memory decides: a statement runs where what it writes lives. What only the host can write (results of Python
operations, arguments, complex numbers) lives on the host. Of the rest, a class lives on the device if a statement
that is worth a kernel writes it, or, if it comes from outside and is more than one number, reads it.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from symtensor.ir.nodes import Buffer, Call, Expr, Let, Local, Loop, Nest, Program, PyCall, Reduce, Stmt
from symtensor.ir.walk import (
    alias_of, defines, expressions, host_expressions, nest_expressions, nest_statements, reads, statements, writes,
)

__all__ = ["DEVICE_ROUTINES", "Homes", "Runs", "find_homes", "is_number", "locals_in"]

DEVICE_ROUTINES = ("batched_gemm", "dot", "gemm", "gemv", "ger")

Runs = Callable[[Nest], bool]


def is_number(buffer: Buffer) -> bool:
    """Whether a buffer is a single element whatever its sizes at run time."""
    return all(buffer.broadcast) and buffer.dtype != "object"


@dataclass
class Homes:
    """leader: each buffer's class, named by one of its members. device: the classes that live on the device. numbers:
    names bound by `Let` that are computed there, because they come from values there and only kernels read them."""

    leader: dict[str, str]
    device: set[str]
    numbers: set[str] = field(default_factory=set)

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
    lets = _free_lets(body, able)
    able = _without_checks(program, body, able, lets, homes, host, kinds)
    _spread(program, resident, able, homes, host, kinds, lets)
    return homes


def _without_checks(program: Program, body: list[Stmt], able: list[Nest | Call], lets: list[Let], homes: Homes,
                    host: set[str], kinds: dict[str, Buffer]) -> list[Nest | Call]:
    """The statements without nests that make single numbers of arguments for the host alone, such as whether indices
    are out of bounds: on the device the host would have to wait for them."""
    kernels = {id(stmt) for stmt in (*able, *lets)}
    elsewhere = {homes.of(name) for name in (*program.outputs, *(name for _, name in program.updates))}
    elsewhere.update(homes.of(name) for stmt in body if id(stmt) in kernels for name in (*reads(stmt), *writes(stmt))
                     if not (isinstance(stmt, Nest) and name in writes(stmt)))
    computed: set[str] = set()  # names of values that perhaps come from the device
    for let in lets:
        if any(homes.of(name) not in host for name in reads(let)) or not computed.isdisjoint(locals_in([let.value])):
            computed.add(let.name)

    def stays(stmt: Nest | Call) -> bool:
        return isinstance(stmt, Nest) and all(
            is_number(kinds[name]) and homes.of(name) not in elsewhere for name in writes(stmt)) and all(
            homes.of(name) in host for name in reads(stmt)) and computed.isdisjoint(
            locals_in(nest_expressions(stmt.body)))

    staying = [stmt for stmt in able if stays(stmt)]
    host.update(homes.of(name) for stmt in staying for name in writes(stmt))
    left = {id(stmt) for stmt in staying}
    return [stmt for stmt in able if id(stmt) not in left]


def _free_lets(body: list[Stmt], able: list[Nest | Call]) -> list[Let]:
    """The Lets whose values the host does not need: neither for sizes, places and conditions nor in its own nests."""
    kernels = {id(stmt) for stmt in able if isinstance(stmt, Nest)}
    lets = [stmt for stmt in body if isinstance(stmt, Let)]
    needed: set[str] = set()
    for stmt in body:
        if id(stmt) in kernels:
            assert isinstance(stmt, Nest)
            tops = [s.axis.extent for s in nest_statements(stmt.body) if isinstance(s, Loop)]
            tops += [axis.extent for top in nest_expressions(stmt.body) for e in expressions(top)
                     if isinstance(e, Reduce) for axis in e.axes]
        else:
            tops = [] if isinstance(stmt, Let) else list(host_expressions(stmt))
        needed.update(locals_in(tops))
    for let in reversed(lets):
        if let.name in needed or let.value.dtype.startswith("complex"):
            needed.add(let.name)
            needed.update(locals_in([let.value]))
    return [let for let in lets if let.name not in needed]


def locals_in(tops: Iterable[Expr]) -> set[str]:
    """The names that expressions read."""
    return {e.name for top in tops for e in expressions(top) if isinstance(e, Local)}


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
            kinds: dict[str, Buffer], lets: list[Let]) -> None:
    """Finds the classes on the device: those that statements with work write, then what these entail."""
    movable = {homes.of(name) for k, name in enumerate(program.inputs) if k in resident}
    movable |= {homes.of(name) for name in program.constants}
    movable -= host
    device = homes.device
    renewed = [(homes.of(program.inputs[k]), homes.of(name)) for k, name in program.updates if k in resident]
    names = {id(stmt): locals_in(nest_expressions(stmt.body)) if isinstance(stmt, Nest) else set() for stmt in able}
    open_ones, size = list(able), -1
    while size != len(device) + len(homes.numbers):
        size = len(device) + len(homes.numbers)
        for let in lets:
            if any(map(homes.on_device, reads(let))) or not homes.numbers.isdisjoint(locals_in([let.value])):
                homes.numbers.add(let.name)
        waiting = []
        for stmt in open_ones:
            touched = [*writes(stmt), *reads(stmt)]
            if (_has_work(stmt) or any(homes.on_device(name) for name in touched)
                    or not homes.numbers.isdisjoint(names[id(stmt)])):
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
