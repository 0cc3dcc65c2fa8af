"""`Scan`: a loop as an op, over a graph of its own that computes one step.

The slots (`ScanInfo` says how many there are) and their order:

    outer inputs   n_steps (int64 scalar); sequences; initial rows of each recurrent state; initial carried values;
                   non-sequences
    inner inputs   each tap of each sequence; each tap of each recurrent state; carried values; non-sequences
    inner outputs  new value of each recurrent state; untapped values; new carried values; the condition, if any
    outer outputs  trace of each recurrent state (the computed rows, not the initial ones); trace of each untapped
                   value; final carried values

Step t reads of a sequence with taps k the rows `t + k - min(taps)`: the array is cut so that it has n_steps + max(taps)
- min(taps) rows. The initial rows of a state are -min(taps), the oldest first. Carried values are called `shared`
because updates of shared variables are what they are for; arrays among them keep their shape. With a condition the loop
ends after the first step in which it holds, and the traces have as many rows as steps were done.

Goes in: the inner graph, whose free variables must all be inputs. Refused: inner types that do not fit one another.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.errors import MissingInputError
from symtensor.graph.hooks import hooks
from symtensor.graph.op import Op
from symtensor.graph.traversal import clone_get_equiv, io_connection_pattern, io_toposort
from symtensor.graph.traversal import inputs as leaves_of
from symtensor.scan_module.info import ScanInfo
from symtensor.scan_module.pullback import pullback
from symtensor.scan_module.pushforward import pushforward
from symtensor.scan_module.shapes import empty_trace, row_shapes
from symtensor.scan_module.steps import run_steps
from symtensor.tensor.basic import as_tensor_variable
from symtensor.tensor.type import TensorType

__all__ = ["Scan", "ScanInfo"]


class Scan(Op):
    """A loop over the graph from `inputs` to `outputs`, which is copied.

    info               the slots
    name               printed; also in the names of gradients
    truncate_gradient  how many steps, counted from the last, gradients flow back; -1: all
    mode, allow_gc, profile, strict
                       what the caller of `scan` said; kept for programs that look there. The loop is compiled as a part
                       of the function around it, in its mode

    TypeError where a new state has not the type of the state, ValueError for wrong numbers of variables,
    MissingInputError where the graph has free variables that are not inputs.
    """

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        info: ScanInfo,
        *,
        name: str | None = None,
        truncate_gradient: int = -1,
        mode: Any = None,
        allow_gc: bool | None = None,
        profile: Any = False,
        strict: bool = False,
    ) -> None:
        if len(inputs) != info.n_inner_inputs or len(outputs) != info.n_inner_outputs:
            raise ValueError(
                f"the inner graph of this scan should have {info.n_inner_inputs} inputs and {info.n_inner_outputs} "
                f"outputs, but has {len(inputs)} and {len(outputs)}"
            )
        self.info = info
        self.name = name
        self.truncate_gradient = truncate_gradient
        self.mode = mode
        self.allow_gc = allow_gc
        self.profile = profile
        self.strict = strict
        self.inputs, self.outputs = _copied(inputs, _fitted(info, name, inputs, outputs))
        self.inner_nodes = io_toposort(self.inputs, self.outputs)
        self._cache: dict[str, Any] = {}

    # -- identity ----------------------------------------------------------------------------------------------------

    def _key(self) -> Any:
        """Equal for equal loops: the inner graph with its variables numbered in the order in which they are met."""
        if "key" not in self._cache:
            numbers: dict[Variable, Any] = {x: i for i, x in enumerate(self.inputs)}

            def number(x: Variable) -> Any:
                return x.signature() if isinstance(x, Constant) and x not in numbers else numbers[x]

            nodes = []
            for node in self.inner_nodes:
                nodes.append((node.op, tuple(number(x) for x in node.inputs), tuple(x.type for x in node.outputs)))
                for x in node.outputs:
                    numbers.setdefault(x, len(numbers))
            self._cache["key"] = (
                self.info, self.name, self.truncate_gradient, tuple(x.type for x in self.inputs), tuple(nodes),
                tuple(number(x) for x in self.outputs),
            )
        return self._cache["key"]

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self._key() == other._key())  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        if "hash" not in self._cache:
            self._cache["hash"] = hash((type(self), self._key()))
        return self._cache["hash"]

    def __str__(self) -> str:
        return f"{'do_while' if self.info.until else 'for'}{{cpu,{self.name or 'scan_fn'}}}"

    def __getstate__(self) -> dict[str, Any]:
        # The functions and keys are made anew where they are needed.
        return {**self.__dict__, "_cache": {}}

    def like(self, inputs: Sequence[Variable], outputs: Sequence[Variable], info: ScanInfo, **changes: Any) -> Scan:
        """A scan with another graph and the other attributes of this one, except for those given."""
        names = ("name", "truncate_gradient", "mode", "allow_gc", "profile", "strict")
        return type(self)(inputs, outputs, info, **{**{name: getattr(self, name) for name in names}, **changes})

    # -- building ----------------------------------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        info = self.info
        if len(inputs) != info.n_outer_inputs:
            raise ValueError(f"{self} needs {info.n_outer_inputs} inputs, got {len(inputs)}")
        outer, inner = info.outer_inputs(inputs), info.inner_inputs(self.inputs)
        given: list[Any] = [_as_n_steps(outer.n_steps)]
        for x, row in zip([*outer.sequences, *outer.initial], [*inner.sequences, *inner.recurrent]):
            given.append(_rows_of(self, x, row[0].type))
        for x, one in zip([*outer.shared, *outer.non_sequences], [*inner.shared, *inner.non_sequences]):
            given.append(one.type.filter_variable(x))
        new = info.inner_outputs(self.outputs)
        results = [TensorType(x.type.dtype, (False, *x.type.broadcastable))() for x in (*new.recurrent, *new.untapped)]
        return Apply(self, given, results + [x.type() for x in new.shared])

    def printed_inner_graph(self, node: Apply) -> tuple[list[Variable], dict[Variable, Variable]]:
        """The inner outputs, and for each inner input the outer variable that it is taken from."""
        outer, inner = self.info.outer_inputs(node.inputs), self.info.inner_inputs(self.inputs)
        stands_for: dict[Variable, Variable] = {}
        for slices, x in zip([*inner.sequences, *inner.recurrent], [*outer.sequences, *outer.initial]):
            stands_for.update((one, x) for one in slices)
        stands_for.update(zip([*inner.shared, *inner.non_sequences], [*outer.shared, *outer.non_sequences]))
        return list(self.outputs), stands_for

    # -- computing ---------------------------------------------------------------------------------------------------

    @property
    def step(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """The inner graph as a function from the values of its inputs to those of its outputs, run node by node."""
        if "step" not in self._cache:
            self._cache["step"] = hooks.node_by_node(self.inputs, self.outputs, self.inner_nodes)
        return self._cache["step"]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        results = run_steps(self.info, self.step, inputs, lambda i, values: empty_trace(self, node, i, values))
        for cell, value in zip(output_storage, results):
            cell[0] = value

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """With a condition the traces' lengths are known only when the loop has run."""
        outer = self.info.outer_inputs(shapes)
        if self.info.until:
            return [None] * self.info.n_traces + list(outer.shared)
        n_steps = node.inputs[0]
        rows = [initial[1:] for initial in outer.initial] + row_shapes(self, node, shapes)
        return [None if row is None else (n_steps, *row) for row in rows] + list(outer.shared)

    def do_constant_folding(self, node: Apply) -> bool:
        # A loop over constants may run long; it is compiled instead.
        return False

    # -- derivatives -------------------------------------------------------------------------------------------------

    def connection_pattern(self, node: Apply | None) -> list[list[bool]]:
        """`[i][o]`: whether output o depends on input i through any number of steps; never on n_steps."""
        if "pattern" not in self._cache:
            self._cache["pattern"] = _pattern(self)
        return [list(row) for row in self._cache["pattern"]]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        return pullback(self, inputs, outputs, output_grads)

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return pushforward(self, inputs, eval_points)


def _as_n_steps(n_steps: Any) -> Any:
    n_steps = as_tensor_variable(n_steps)
    return n_steps if n_steps.type.dtype == "int64" else n_steps.astype("int64")


def _rows_of(op: Scan, x: Any, row: Any) -> Any:
    x = as_tensor_variable(x)
    if x.type.ndim != row.ndim + 1 or x.type.dtype != row.dtype:
        raise TypeError(f"{op} steps through an array whose rows are {row}, which {x} of type {x.type} is not")
    return TensorType(row.dtype, (x.type.broadcastable[0], *row.broadcastable)).filter_variable(x)


def _fitted(info: ScanInfo, name: str | None, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """The outputs, with new states in the exact type of the states."""
    inner, new = info.inner_inputs(inputs), info.inner_outputs(outputs)
    result: list[Any] = []
    for slices, value in zip([*inner.recurrent, *[[x] for x in inner.shared]], [*new.recurrent, *new.shared]):
        state = slices[0]
        if value.type != state.type:
            try:
                value = state.type.filter_variable(value, allow_convert=False)
            except TypeError:
                raise TypeError(
                    f"Inconsistency in the inner graph of scan '{name or 'scan_fn'}' : an input and an output are "
                    "associated with the same recurrent state and should have the same type but have type "
                    f"'{state.type}' and '{value.type}' respectively."
                ) from None
        result.append(value)
    n = len(info.recurrent)
    for value in new.untapped:
        if not hasattr(value.type, "broadcastable"):
            raise TypeError(f"scan can collect the values of tensors only, not of {value} of type {value.type}")
    condition = [] if new.condition is None else [new.condition]
    return [*result[:n], *new.untapped, *result[n:], *condition]


def _copied(inputs: Sequence[Any], outputs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    given = set(inputs)
    for x in leaves_of(outputs, inputs):
        if x not in given and not isinstance(x, Constant):
            raise MissingInputError(f"ScanOp is missing an input: {x}", variable=x)
    equiv: dict[Any, Any] = {}
    local = []
    for x in inputs:
        copy = x.type(name=x.name)
        if hasattr(x.tag, "test_value"):
            copy.tag.test_value = x.tag.test_value
        equiv[x] = copy
        local.append(copy)
    clone_get_equiv(inputs, outputs, copy_inputs=False, copy_orphans=False, memo=equiv)
    return local, [equiv[x] for x in outputs]


def _pattern(op: Scan) -> list[list[bool]]:
    info = op.info
    step = io_connection_pattern(op.inputs, op.outputs)
    places = info.inner_inputs(range(len(op.inputs)))
    groups = [[]] + places.sequences + places.recurrent + [[i] for i in (*places.shared, *places.non_sequences)]
    n_outputs = info.n_traces + info.n_shared
    pattern = [[any(step[i][o] for i in group) for o in range(n_outputs)] for group in groups]
    first = 1 + len(info.sequences)
    states = {first + r: r for r in range(len(info.recurrent))}
    shared = {first + len(info.recurrent) + s: info.n_traces + s for s in range(info.n_shared)}
    for i, o in shared.items():
        pattern[i][o] = True  # a loop that does no step hands the value through
    states.update(shared)
    changed = True
    while changed:
        changed = False
        for i, o in states.items():
            # What the state's new value depends on reaches whatever reads the state.
            for row in pattern:
                if row[o]:
                    for k in range(n_outputs):
                        if pattern[i][k] and not row[k]:
                            row[k] = changed = True
    return pattern
