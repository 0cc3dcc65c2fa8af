"""From a rewritten graph to something that runs: `lower`, then the runtime's `link`, or node by node.

In: a `LinkRequest`. Out: a `Code`, whose `instance()` makes executables with workspaces of their own: objects with
`run(values) -> (outputs, new values)`, `free()`, and `native` (the executor's own form, or None). Errors that a run
raises are described by `symtensor.printing`: the node, its inputs, the user's line.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symtensor.compile.clocks import clocked
from symtensor.compile.evaluate import NodeHook, NodeProgram
from symtensor.compile.postmortem import described, examined
from symtensor.graph.basic import Apply
from symtensor.lower.driver import Lowered, lower
from symtensor.runtime.cuda.device import current
from symtensor.runtime.executor import linked
from symtensor.scalar.type import Scalar
from symtensor.utils.device_value import on_host
from symtensor.utils.optional import optional_import

__all__ = ["Code", "LinkRequest", "NodeCode", "Outline", "PlainExecutable", "ProgramCode", "WrappedExecutable",
           "outline"]


@dataclass(frozen=True)
class LinkRequest:
    """A graph to run.

    fgraph            the rewritten graph: inputs (explicit, then shared), outputs (returned, then new values)
    order             its nodes in the order in which they are to run
    n_outputs         how many outputs are returned; None: all
    updates           (position in inputs, position in outputs) of each new value
    borrowed          (position in outputs, position in inputs) of outputs that are inputs and may be returned as they
                      are
    shared            positions in inputs of shared variables, whose values may live on a device
    name              the function's name
    describe_errors   whether errors at run time tell about the node
    profile           a ProfileStats that wants the time of each statement, or None
    """

    fgraph: Any
    order: Sequence[Apply]
    n_outputs: int | None = None
    updates: tuple[tuple[int, int], ...] = ()
    borrowed: tuple[tuple[int, int], ...] = ()
    shared: tuple[int, ...] = ()
    name: str = "f"
    describe_errors: bool = True
    profile: Any = None

    def changed(self, **fields: Any) -> LinkRequest:
        """A request that differs in some fields."""
        return replace(self, **fields)

    @property
    def returned(self) -> int:
        """The number of outputs that are returned."""
        return len(self.fgraph.outputs) if self.n_outputs is None else self.n_outputs


def outline(request: LinkRequest) -> Outline:
    """The outline of the program that a request is for."""
    outputs = request.fgraph.outputs
    return Outline(tuple(request.fgraph.inputs), tuple(outputs[:request.returned]),
                   tuple((position, outputs[k]) for position, k in request.updates))


class Code:
    """What a linker makes of a graph."""

    def instance(self) -> Any:
        """A new executable with its own workspace."""
        raise NotImplementedError("a subclass of Code makes its executables")


@dataclass(frozen=True)
class Outline:
    """What `FunctionBase` asks of a program: how many inputs and outputs, and which inputs get new values."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    updates: tuple[tuple[int, Any], ...]


class PlainExecutable:
    """An executable from a Python function `run(values) -> (outputs, new values)`, which overwrites none of its
    values."""

    native = None
    written: frozenset[int] = frozenset()
    moving: frozenset[int] = frozenset()

    def __init__(self, run: Callable[[Sequence[Any]], tuple[list[Any], list[Any]]], program: Any) -> None:
        self.run = run
        self.program = program

    def settled(self, position: int, value: Any) -> Any:
        """The value of an input as its container may keep it."""
        return value

    def free(self) -> None:
        """Gives back what is kept between calls: nothing."""


class WrappedExecutable(PlainExecutable):
    """Another executable, whose calls all pass through Python."""

    def __init__(self, inner: Any, run: Any = None, program: Any = None) -> None:
        super().__init__(inner.run if run is None else run, inner.program if program is None else program)
        self.inner = inner
        self.written = frozenset(getattr(inner, "written", ()))
        self.moving = inner.moving

    def settled(self, position: int, value: Any) -> Any:
        return self.inner.settled(position, value)

    def free(self) -> None:
        """Gives back what the other one keeps between calls."""
        self.inner.free()


class ProgramCode(Code):
    """A lowered Program and the consumer ("c" or "interpreter") that runs it.

    `keep` is whether workspace stays allocated between calls. Further arguments go to the interpreter (hooks, sharing).
    """

    def __init__(self, request: LinkRequest, consumer: str, give_back: bool, **options: Any) -> None:
        fgraph = request.fgraph
        self.request = request
        self.consumer = consumer
        self.give_back = give_back
        self.options = options
        self.device = current() if consumer == "c" else None
        self._make: Callable[[], Any] | None = None
        lent = {k for k, _ in request.borrowed}
        outputs = [v for k, v in enumerate(fgraph.outputs) if k not in lent]
        updates = tuple((position, k - len(lent)) for position, k in request.updates)
        self.returned = request.returned - len(lent)
        self.lowered: Lowered = lower(
            fgraph.inputs, outputs, request.order, n_outputs=self.returned, updates=updates,
            share_memory=options.pop("share_memory", True), name="f")
        self.scalars = tuple(k for k, v in enumerate(outputs) if isinstance(v.type, Scalar))

    def instance(self) -> Any:
        executable = self._linked()
        if self.scalars:
            executable = WrappedExecutable(executable, _Unwrapped(executable.run, self.scalars, self.returned))
        if self.request.borrowed:
            executable = WrappedExecutable(executable, _Borrowing(executable.run, self.request.borrowed),
                                           outline(self.request))
        return executable

    def _linked(self) -> Any:
        """A new executable; text is printed and compiled for the first one only."""
        if self._make is None:
            self._make = self._maker_of_executables()
        return self._make()

    def _maker_of_executables(self) -> Callable[[], Any]:
        lowered = self.lowered
        hook = self._describe if self.request.describe_errors else None
        program, operations = lowered.program, list(lowered.pycalls)
        profile = self.request.profile
        if profile and profile.flag_time_thunks:
            program, operations = clocked(program, operations, lowered.nodes, self.consumer == "c", profile)
        if self.device is not None:  # most processes have none, and no need of what it takes
            on_device: Any = optional_import("symtensor.compile.on_device")
            return on_device.linked_on(self.device, program, lowered.constants, operations, self.request.shared,
                                       keep_workspaces=not self.give_back, on_error=hook, **self.options)
        return linked(program, lowered.constants, operations, consumer=self.consumer,
                      keep_workspaces=not self.give_back, on_error=hook, **self.options)

    def _describe(self, error: BaseException, node: int, values: Sequence[Any]) -> BaseException | None:
        return examined(error, node, self.lowered, self.request.fgraph.inputs, values)


class NodeCode(Code):
    """A graph run node by node; `around` is called in place of each node, `on_inputs` before each run with the pairs of
    inputs and constants and their values."""

    def __init__(self, request: LinkRequest, *, around: NodeHook | None = None,
                 on_inputs: Callable[[Sequence[tuple[Any, Any]]], None] | None = None) -> None:
        fgraph = request.fgraph
        self.on_inputs = on_inputs
        self.inputs = list(fgraph.inputs)
        self.constants = [(v, v.data) for v in fgraph.variables if v.owner is None and hasattr(v, "data")]
        self.outline = outline(request)
        position = {node: i for i, node in enumerate(request.order)}

        def describe(error: Exception, node: Apply, values: Sequence[Any]) -> BaseException:
            return described(error, node, values, position[node])

        self.program = NodeProgram(fgraph.inputs, fgraph.outputs, request.order, request.returned, around=around,
                                   on_error=describe if request.describe_errors else None)

    def instance(self) -> Any:
        return PlainExecutable(self.program.run if self.on_inputs is None else self._run_with_inputs, self.outline)

    def _run_with_inputs(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        assert self.on_inputs is not None
        self.on_inputs([*zip(self.inputs, values), *self.constants])
        return self.program.run(values)


class _Borrowing:
    """Runs an executable and puts some of the values that it was given among its outputs."""

    def __init__(self, run: Callable[[Sequence[Any]], Any], borrowed: tuple[tuple[int, int], ...]) -> None:
        self.inner, self.borrowed = run, borrowed

    def __call__(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        outputs, updates = self.inner(values)
        outputs = list(outputs)
        for k, i in self.borrowed:  # in ascending order of k
            outputs.insert(k, on_host(values[i]))
        return outputs, updates


class _Unwrapped:
    """Runs an executable and turns its 0-d arrays for outputs of the scalar layer's types into NumPy scalars."""

    def __init__(self, run: Callable[[Sequence[Any]], Any], positions: tuple[int, ...], n_outputs: int) -> None:
        self.inner, self.positions, self.n_outputs = run, positions, n_outputs

    def __call__(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        outputs, updates = self.inner(values)
        found = [*outputs, *updates]
        for k in self.positions:
            if isinstance(found[k], np.ndarray):
                found[k] = found[k][()]
        return found[:self.n_outputs], found[self.n_outputs:]
