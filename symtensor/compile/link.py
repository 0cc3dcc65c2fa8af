"""Linkers: which consumer runs a rewritten graph, under Theano's names.

    c, c|py, vm, cvm      the Program printed as C           (the interpreter where there is no compiler)
    py                    the Program interpreted with NumPy
    perform               each node by its `perform`, no Program

The names with "_nogc" keep workspace between calls. In: a `LinkRequest`. Out: `Code`, of which any number of
executables can be made. `accept` with `make_function` and `make_thunk` runs a `FunctionGraph` without a `Function`
around it.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from symtensor.compile.code import Code, LinkRequest, NodeCode, ProgramCode, WrappedExecutable
from symtensor.compile.evaluate import Thunk
from symtensor.config import config
from symtensor.graph.utils import undef
from symtensor.tensor.sharedvar import Container

__all__ = ["CLinker", "DualLinker", "Linker", "LocalLinker", "OpWiseCLinker", "PerformLinker", "NodeLinker",
           "VM_Linker"]


class Linker:
    """The base of linkers.

    Attributes:
        consumer: "c", "interpreter" or "perform".
        allow_gc: whether workspace is given back after each call; None: as `config.allow_gc` says.
    """

    consumer = "c"

    def __init__(self, allow_gc: bool | None = None, schedule: Callable[[Any], Sequence[Any]] | None = None) -> None:
        self.allow_gc = config.allow_gc if allow_gc is None else allow_gc
        self.fgraph: Any = None
        self._schedule = schedule

    def clone(self, allow_gc: Any = undef) -> Linker:
        """A linker of the same kind that has accepted no graph; `allow_gc` may be changed."""
        new = copy.copy(self)
        new.fgraph = None
        if allow_gc is not undef:
            new.allow_gc = allow_gc
        return new

    def schedule(self, fgraph: Any) -> list[Any]:
        """The nodes in the order in which they are to run."""
        return list(self._schedule(fgraph)) if self._schedule is not None else fgraph.toposort()

    def prepare(self, request: LinkRequest) -> Code:
        """The code for a graph."""
        if self.consumer == "perform":
            return NodeCode(request)
        return ProgramCode(request, self.consumer, bool(self.allow_gc))

    # -- a graph without a Function ---------------------------------------------------------------------------------

    def accept(self, fgraph: Any, no_recycling: Any = None, profile: Any = None) -> Linker:
        """The linker for this graph: this one, or a clone where it has accepted another graph.

        Outputs are never recycled, so `no_recycling` changes nothing; `profile` is told the time of linking.
        """
        if self.fgraph is not None and self.fgraph is not fgraph:
            return self.clone().accept(fgraph, no_recycling, profile)
        self.fgraph = fgraph
        self.profile = profile
        return self

    def make_thunk(self, input_storage: Sequence[Any] | None = None, output_storage: Sequence[Any] | None = None,
                   storage_map: Any = None) -> tuple[Callable[[], None], list[Container], list[Container]]:
        """(thunk, input containers, output containers): the thunk runs the graph on the containers' values.

        Storages given are lists of one value (or containers); `storage_map` gives those of some variables by variable.
        """
        fgraph = self.fgraph
        known = storage_map or {}

        def containers(variables: Sequence[Any], given: Sequence[Any] | None) -> list[Container]:
            cells = [known.get(v, [None]) for v in variables] if given is None else given
            return [Container(v, getattr(cell, "storage", cell)) for v, cell in zip(variables, cells)]

        ins = containers(fgraph.inputs, input_storage)
        outs = containers(fgraph.outputs, output_storage)
        run = self.prepare(LinkRequest(fgraph, self.schedule(fgraph))).instance().run

        def thunk() -> None:
            results, _ = run([container.storage[0] for container in ins])
            for container, result in zip(outs, results):
                container.storage[0] = result

        return thunk, ins, outs

    def make_function(self, unpack_single: bool = True, **kwargs: Any) -> Callable[..., Any]:
        """A callable of the graph's inputs by position. Raises TypeError for a wrong number of arguments."""
        thunk, ins, outs = self.make_thunk(**kwargs)

        def call(*args: Any) -> Any:
            if len(args) != len(ins):
                plural = "s" if len(ins) != 1 else ""
                raise TypeError(f"Function call takes exactly {len(ins)} argument{plural} ({len(args)} given)")
            for arg, container in zip(args, ins):
                container.value = arg
            thunk()
            results = [container.data for container in outs]
            return results[0] if unpack_single and len(results) == 1 else results

        call.thunk = thunk  # type: ignore[attr-defined]
        return call


class LocalLinker(Linker):
    """The base of linkers whose thunks can be had node by node."""

    def make_all(self, input_storage: Sequence[Any] | None = None,
                 output_storage: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """(thunk, input containers, output containers, thunks of the nodes, nodes)."""
        thunk, ins, outs = self.make_thunk(input_storage, output_storage)
        order = self.schedule(self.fgraph)
        cells: dict[Any, list[Any]] = {v: c.storage for v, c in zip(self.fgraph.inputs, ins)}
        cells.update({v: c.storage for v, c in zip(self.fgraph.outputs, outs)})
        for node in order:
            for v in (*node.inputs, *node.outputs):
                cells.setdefault(v, [getattr(v, "data", None)])
        thunks = [Thunk(node, [cells[v] for v in node.inputs], [cells[v] for v in node.outputs]) for node in order]
        return thunk, ins, outs, thunks, order


class PerformLinker(LocalLinker):
    """The Program, interpreted with NumPy."""

    consumer = "interpreter"


class NodeLinker(LocalLinker):
    """Every node by its `perform`."""

    consumer = "perform"


class CLinker(Linker):
    """The Program, compiled."""

    def __init__(self, schedule: Callable[[Any], Sequence[Any]] | None = None) -> None:
        super().__init__(None, schedule)


class OpWiseCLinker(LocalLinker):
    """The Program, compiled; ops that cannot be compiled run by `perform`.

    Raises TypeError from `prepare` for such ops when `fallback_on_perform` is False. `nice_errors` False leaves the
    description of the node out of errors.
    """

    def __init__(self, fallback_on_perform: bool = True, allow_gc: bool | None = None, nice_errors: bool = True,
                 schedule: Callable[[Any], Sequence[Any]] | None = None) -> None:
        super().__init__(allow_gc, schedule)
        self.fallback_on_perform = fallback_on_perform
        self.nice_errors = nice_errors

    def prepare(self, request: LinkRequest) -> Code:
        if not self.nice_errors:
            request = request.changed(describe_errors=False)
        code = super().prepare(request)
        if not self.fallback_on_perform and isinstance(code, ProgramCode) and code.lowered.pycalls:
            raise TypeError(f"no C code for {[str(call.node.op) for call in code.lowered.pycalls]}")
        return code


class VM_Linker(LocalLinker):
    """The Program: compiled, or interpreted where neither `use_cloop` nor `c_thunks` asks for C.

    Args:
        allow_gc, schedule: as in `Linker`.
        use_cloop, c_thunks: True: C; both False: the interpreter; `c_thunks` None: as C, unless `config.cxx` is empty.
        callback: called after each node as `callback(node=, thunk=, storage_map=, compute_map=)`.
        callback_input: called with each input and its value before a run.
        lazy: kept for old programs: branches that are not taken never run.
        allow_partial_eval: kept for old programs: `output_subset` always works.

    With a callback, nodes run one by one by their `perform`.
    """

    def __init__(self, allow_gc: bool | None = None, use_cloop: bool = False, callback: Any = None,
                 callback_input: Any = None, lazy: bool | None = None,
                 schedule: Callable[[Any], Sequence[Any]] | None = None, c_thunks: bool | None = None,
                 allow_partial_eval: bool | None = None) -> None:
        super().__init__(allow_gc, schedule)
        self.use_cloop = use_cloop
        self.callback = callback
        self.callback_input = callback_input
        self.lazy = config.vm.lazy if lazy is None else lazy
        self.c_thunks = bool(config.cxx) if c_thunks is None else c_thunks
        self.allow_partial_eval = allow_partial_eval

    @property
    def consumer(self) -> str:  # type: ignore[override]
        if self.callback is not None or self.callback_input is not None:
            return "perform"
        return "c" if self.use_cloop or self.c_thunks else "interpreter"

    def prepare(self, request: LinkRequest) -> Code:
        if self.consumer != "perform":
            return super().prepare(request)
        return NodeCode(request, around=self._around if self.callback is not None else None,
                        on_inputs=self._on_inputs if self.callback_input is not None else None)

    def _around(self, i: int, node: Any, thunk: Thunk) -> None:
        thunk()
        storage_map = dict(zip([*node.inputs, *node.outputs], [*thunk.inputs, *thunk.outputs]))
        compute_map = {variable: [True] for variable in storage_map}
        self.callback(node=node, thunk=thunk, storage_map=storage_map, compute_map=compute_map)

    def _on_inputs(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        for variable, value in pairs:
            self.callback_input(variable, value)


class DualLinker(Linker):
    """Runs the interpreter and the compiled Program and gives both results, output by output, to a checker.

    `checker(container1, container2)` gets the interpreter's and the compiled result of each output; the default
    compares them and raises Exception where they differ.
    """

    def __init__(self, checker: Callable[[Any, Any], None] | None = None,
                 schedule: Callable[[Any], Sequence[Any]] | None = None) -> None:
        super().__init__(None, schedule)
        self.checker = _compare if checker is None else checker

    def prepare(self, request: LinkRequest) -> Code:
        return _DualCode(request, self.checker)


class _DualCode(Code):
    def __init__(self, request: LinkRequest, checker: Callable[[Any, Any], None]) -> None:
        self.variables = request.fgraph.outputs
        self.plain = ProgramCode(request, "interpreter", False)
        self.compiled = ProgramCode(request, "c", False)
        self.checker = checker

    def instance(self) -> Any:
        return _DualRun(self)


class _DualRun(WrappedExecutable):
    def __init__(self, code: _DualCode) -> None:
        self.code = code
        self.plain, self.compiled = code.plain.instance(), code.compiled.instance()
        super().__init__(self.compiled, self.compare)

    def compare(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The compiled results, after comparing all outputs and updates with the interpreter's."""
        expected = self.plain.run([copy.deepcopy(value) for value in values])
        found = self.compiled.run(values)
        flat = zip(self.code.variables, [*expected[0], *expected[1]], [*found[0], *found[1]])
        for variable, a, b in flat:
            self.code.checker(Container(variable, [a]), Container(variable, [b]))
        return found


def _compare(first: Container, second: Container) -> None:
    if not first.type.values_eq_approx(first.data, second.data):
        raise Exception("Output mismatch.", {"performlinker": first.data, "clinker": second.data})
