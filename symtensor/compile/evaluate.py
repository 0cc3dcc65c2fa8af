"""Running a graph node by node with `op.perform`: no rewriting, no lowering, no compiler.

In: a graph's inputs, outputs and nodes in order, and values of the inputs. Out: values of the outputs. This is what
`evaluate` (values needed once), the debugging modes and the linker "perform" use, and what they compare compiled code
with. Ops that overwrite inputs get copies, lazy ops (`ifelse`) get only the branch that they ask for. Refused: missing
values.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.errors import MissingInputError, blame
from symtensor.graph.op import Op
from symtensor.graph.traversal import io_toposort
from symtensor.utils.device_value import on_host

__all__ = ["NodeHook", "NodeProgram", "Thunk", "evaluate", "node_by_node", "run_node"]

Cell = list[Any]
ErrorHook = Callable[[Exception, Apply, Sequence[Any]], BaseException]


class Thunk:
    """One node ready to run: a callable without arguments over the cells `inputs` and `outputs` (lists of one
    value)."""

    __slots__ = ("node", "inputs", "outputs")

    def __init__(self, node: Apply, inputs: list[Cell], outputs: list[Cell]) -> None:
        self.node = node
        self.inputs = inputs
        self.outputs = outputs

    def __call__(self) -> None:
        for cell, value in zip(self.outputs, run_node(self.node, [cell[0] for cell in self.inputs])):
            cell[0] = value


NodeHook = Callable[[int, Apply, Thunk], None]
"""Called in place of each node that runs, with the node's place in the order and the thunk, which it calls."""


def run_node(node: Apply, values: Sequence[Any]) -> list[Any]:
    """The outputs of one node for the given input values, which stay as they are."""
    given = list(values)
    for positions in (getattr(node.op, "destroy_map", None) or {}).values():
        for i in positions:
            given[i] = copied(given[i])
    storage: list[Cell] = [[None] for _ in node.outputs]
    if type(node.op).make_thunk is Op.make_thunk:
        node.op.run_perform(node, given, storage)
    else:
        _run_own_thunk(node, given, storage)
    return [_as_array(cell[0], variable) for cell, variable in zip(storage, node.outputs)]


def _run_own_thunk(node: Apply, values: Sequence[Any], storage: list[Cell]) -> None:
    """Runs an op that makes its thunks itself."""
    storage_map: dict[Any, Cell] = {}
    compute_map: dict[Any, list[bool]] = {}
    for variable, value in zip(node.inputs, values):
        storage_map[variable], compute_map[variable] = [value], [True]
    for variable, cell in zip(node.outputs, storage):
        storage_map[variable], compute_map[variable] = cell, [False]
    node.op.make_thunk(node, storage_map, compute_map, [])()


def copied(value: Any) -> Any:
    """A copy of a value that shares no memory with it."""
    return value.copy() if isinstance(value, np.ndarray) else copy.deepcopy(value)


def _as_array(value: Any, variable: Variable) -> Any:
    """NumPy scalars become 0-d arrays where the variable is a tensor: what `perform` returns need not be careful."""
    if isinstance(value, np.generic) and hasattr(variable.type, "broadcastable"):
        return np.asarray(value)
    return value


class NodeProgram:
    """A graph to be run node by node.

    Args:
        inputs, outputs: variables; `order`: the nodes in topological order.
        n_outputs: how many outputs are returned; the others are new values of inputs.
        around: called in place of each node; it calls the thunk. What it raises counts as raised by the node.
        on_error: makes the exception to raise from one that a node raised, the node and its input values.
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], order: Sequence[Apply],
                 n_outputs: int | None = None, *, around: NodeHook | None = None,
                 on_error: ErrorHook | None = None) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.order = list(order)
        self.n_outputs = len(self.outputs) if n_outputs is None else n_outputs
        self.around = around
        self.on_error = on_error
        self.position = {node: i for i, node in enumerate(self.order)}
        self.lazy = {node for node in self.order if isinstance(node.op, IfElse)}
        self._last_use = _last_uses(self.order, self.outputs) if not self.lazy else {}

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """(values of the outputs, new values of inputs), none of which shares memory with the inputs or another."""
        cells: dict[Variable, Cell] = {variable: [value] for variable, value in zip(self.inputs, values)}
        with np.errstate(all="ignore"):
            if self.lazy:
                self._run_on_demand(cells)
            else:
                for i, node in enumerate(self.order):
                    self._run_node(i, node, cells)
                    for variable in self._last_use.get(node, ()):
                        del cells[variable]
        found = [_cell(cells, variable)[0] for variable in self.outputs]
        found = separated(found, list(values) + [v.data for v in self.outputs if isinstance(v, Constant)])
        return found[:self.n_outputs], found[self.n_outputs:]

    def free(self) -> None:
        """Nothing is kept between calls."""

    def _run_node(self, i: int, node: Apply, cells: dict[Variable, Cell]) -> None:
        thunk = Thunk(node, [_cell(cells, v) for v in node.inputs], [cells.setdefault(v, [None]) for v in node.outputs])
        try:
            if self.around is None:
                thunk()
            else:
                self.around(i, node, thunk)
        except Exception as error:
            if self.on_error is None:
                blame(error, node, [cell[0] for cell in thunk.inputs])
                raise
            final = self.on_error(error, node, [cell[0] for cell in thunk.inputs])
            if final is error:
                raise
            raise final from error

    def _run_on_demand(self, cells: dict[Variable, Cell]) -> None:
        """Runs the nodes that the outputs need; lazy ops say step by step which inputs they need."""
        done: set[Apply] = set()
        stack: list[Apply] = [v.owner for v in reversed(self.outputs)
                              if v.owner is not None and v.owner in self.position and v not in cells]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            ready = [v in cells or v.owner is None or v.owner in done for v in node.inputs]
            wanted = [i for i, ok in enumerate(ready) if not ok]
            if wanted and node in self.lazy:
                if not ready[0]:
                    wanted = [0]
                else:
                    first = 1 if np.any(_cell(cells, node.inputs[0])[0]) else 1 + node.op.n_outs
                    wanted = [i for i in wanted if first <= i < first + node.op.n_outs]
            if wanted:
                owners = [node.inputs[i].owner for i in reversed(wanted)]
                stack.extend(owner for owner in owners if owner is not None)
                continue
            stack.pop()
            done.add(node)
            for v, ok in zip(node.inputs, ready):
                if not ok:
                    cells[v] = [None]  # the branch that is not taken
            self._run_node(self.position[node], node, cells)
            for v, ok in zip(node.inputs, ready):
                if not ok:
                    del cells[v]


def _cell(cells: dict[Variable, Cell], variable: Variable) -> Cell:
    found = cells.get(variable)
    if found is not None:
        return found
    if isinstance(variable, Constant):
        return [variable.data]
    raise MissingInputError(f"no value for {variable}", variable=variable)


def _last_uses(order: Sequence[Apply], outputs: Sequence[Variable]) -> dict[Apply, list[Variable]]:
    """For each node the variables that nobody reads after it."""
    last: dict[Variable, Apply] = {}
    for node in order:
        for variable in (*node.inputs, *node.outputs):
            if variable.owner is not None:
                last[variable] = node
    kept = set(outputs)
    own = set(order)
    result: dict[Apply, list[Variable]] = {}
    for variable, node in last.items():
        if variable not in kept and variable.owner in own:
            result.setdefault(node, []).append(variable)
    return result


def separated(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The values, copied where they share memory with `others` or with a value before."""
    result: list[Any] = []
    for value in values:
        if isinstance(value, np.ndarray):
            if any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in (*others, *result)):
                value = value.copy()
        elif not isinstance(value, np.generic) and any(value is x for x in (*others, *result)) and _mutable(value):
            value = copy.deepcopy(value)
        result.append(value)
    return result


def _mutable(value: Any) -> bool:
    return not (value is None or isinstance(value, (bool, int, float, complex, str, bytes, tuple, slice, type)))


def node_by_node(
    inputs: Sequence[Variable], outputs: Sequence[Variable], order: Sequence[Apply]
) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from values of the inputs to values of the outputs that runs the nodes in the given order."""
    program = NodeProgram(inputs, outputs, order)
    return lambda values: program.run(values)[0]


def evaluate(outputs: Any, inputs_to_values: Mapping[Variable, Any] | None = None) -> Any:
    """The values of a variable, or of a list of variables, for given values of others.

    Shared variables and constants need no value. Raises MissingInputError for a free variable without one, what a
    type's `filter` raises for a wrong one, and what the ops raise.
    """
    given = dict(inputs_to_values or {})
    single = isinstance(outputs, Variable)
    wanted: list[Any] = [outputs] if single else list(outputs)
    values = [variable.type.filter(value) for variable, value in given.items()]
    inputs = list(given)
    order = io_toposort(inputs, wanted)
    for variable in [v for node in order for v in node.inputs] + wanted:
        if variable.owner is None and variable not in given and not isinstance(variable, Constant):
            container = getattr(variable, "container", None)
            if container is None:
                raise MissingInputError(f"no value for {variable}", variable=variable)
            given[variable] = on_host(container.storage[0])
            inputs.append(variable)
            values.append(given[variable])
    results, _ = NodeProgram(inputs, wanted, order).run(values)
    return results[0] if single else results
