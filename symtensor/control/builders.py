"""`OpFromGraph`: a graph as an op.

Comes in: inputs, and outputs computed from them; shared variables that the outputs use are further, hidden inputs. Goes
out: an op with those inputs and outputs whose gradient, shapes and values follow from the graph. What gradients are can
be overridden. Refused: updates and givens.

The graph is copied: changing the variables it was made from does not change the op.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from symtensor.config import config
from symtensor.control.overrides import (
    INPUT_COUNT_MESSAGE,
    PLACEHOLDER_MESSAGE,
    TYPE_MESSAGE,
    check_overrides,
    overridden_gradients,
    overridden_rop,
)
from symtensor.gradient import grad
from symtensor.gradient.directional import Rop, entering
from symtensor.gradient.reverse import zeros_like_gradient
from symtensor.gradient.terms import is_disconnected, is_discrete, is_null
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.hooks import hooks
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.graph.traversal import (
    ancestors,
    clone_get_equiv,
    inputs as leaves_of,
    io_connection_pattern,
    io_toposort,
)
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.shape_ops import Shape_i
from symtensor.tensor.sharedvar import SharedVariable
from symtensor.tensor.sizes import ShapeError

__all__ = ["OpFromGraph", "ops_with_inner_function"]


class OpFromGraph(Op):
    """An op that computes `outputs` from `inputs`, two lists of variables.

    inline               put the graph in place of the op when a function is compiled (it is always called by value;
                         inlining only decides what optimisations may see)
    lop_overrides        what the gradient is: "default"; or a function of (inputs, outputs, output gradients) that
                         returns a gradient per input; or an `OpFromGraph` with those inputs; or a list with one entry
                         per input: "default", a function or OpFromGraph for that input, or a variable of NullType or
                         DisconnectedType
    grad_overrides       the same for functions and ops of (inputs, output gradients); excludes `lop_overrides`
    rop_overrides        what `Rop` is: "default"; or a function of (inputs, eval points) that returns one variable per
                         output; or an `OpFromGraph`; or a list with one entry per output
    connection_pattern   `[i][j]`: whether gradients flow from output j to input i; by default as the graph says
    name                 printed instead of `OpFromGraph`
    **kwargs             arguments of `function` (mode, profile, on_unused_input ...), kept in `kwargs` for programs
                         that look there; the graph is compiled as a part of the function around it, in its mode

    Gradients are taken as if the inputs were independent of one another. TypeError for what is no variable and for
    updates and givens, ValueError for overrides that do not fit.
    """

    __module__ = "symtensor.compile.builders"

    LOP_TYPE_ERR_MSG = 'L_op type can only be "grad" or "lop", got %s.'
    OV_INP_LEN_ERR_MSG = INPUT_COUNT_MESSAGE
    STYPE_ERR_MSG = PLACEHOLDER_MESSAGE
    TYPE_ERR_MSG = TYPE_MESSAGE

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        inline: bool = False,
        lop_overrides: Any = "default",
        grad_overrides: Any = "default",
        rop_overrides: Any = "default",
        connection_pattern: list[list[bool]] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(inputs, Variable) or isinstance(outputs, Variable):
            raise TypeError("inputs and outputs must be lists of Variable instances")
        for variable in [*inputs, *outputs]:
            if not isinstance(variable, Variable):
                raise TypeError("inputs and outputs must be Variable instances", variable)
        if "updates" in kwargs or "givens" in kwargs:
            raise TypeError("updates and givens are not allowed here")
        self.is_inline = inline
        self.name = name
        self.kwargs = kwargs
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        given = set(inputs)
        self.shared_inputs = [
            x for x in leaves_of(outputs, inputs) if isinstance(x, SharedVariable) and x not in given
        ]
        self.local_inputs, self.local_outputs = _copied(self.inputs, self.shared_inputs, self.outputs)
        self.input_types = [x.type for x in self.inputs]
        self.output_types = [x.type for x in self.outputs]

        if lop_overrides != "default" and grad_overrides != "default":
            raise ValueError("lop_overrides and grad_overrides are mutually exclusive")
        if lop_overrides != "default":
            self.set_lop_overrides(lop_overrides)
        else:
            self.set_grad_overrides(grad_overrides)
        self.set_rop_overrides(rop_overrides)
        self._connection_pattern = connection_pattern
        self._fn: Callable[..., Any] | None = None

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return hash((type(self), id(self)))

    def __str__(self) -> str:
        return f"{self.name or type(self).__name__}{{inline={self.is_inline}}}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fn": None}

    # -- building and computing --------------------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        if len(inputs) != len(self.input_types):
            raise ValueError(f"Expected {len(self.input_types)} inputs, got {len(inputs)}")
        given = [kind.filter_variable(x) for kind, x in zip(self.input_types, inputs)]
        return Apply(self, given + self.shared_inputs, [kind() for kind in self.output_types])

    def inlined(self, node: Apply) -> list[Variable]:
        """The outputs of a node of this op, written out as the graph over the node's inputs."""
        equiv = clone_get_equiv(
            self.local_inputs, self.local_outputs, copy_inputs=False, copy_orphans=False,
            memo=dict(zip(self.local_inputs, node.inputs)),
        )
        return [equiv[x] for x in self.local_outputs]

    def with_body(self, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> OpFromGraph:
        """The same operation computed by another graph, over inputs of the same types."""
        op = copy.copy(self)
        op.local_inputs, op.local_outputs, op._fn = list(inputs), list(outputs), None
        return op

    @property
    def inner_nodes(self) -> list[Apply]:
        """The nodes of its graph, in topological order."""
        return io_toposort(self.local_inputs, self.local_outputs)

    @property
    def fn(self) -> Callable[..., Any]:
        """The graph as a compiled function of its own, made when first needed."""
        if self._fn is None:
            self._fn = hooks.compile_function(self.local_inputs, self.local_outputs)
        return self._fn

    def perform(self, node: Apply, inputs: Sequence[Any], outputs: Sequence[list[Any]], params: Any = None) -> None:
        for storage, value in zip(outputs, self.fn(*inputs)):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        env = ShapeEnv(self.local_inputs)
        inner = [env.shape(x) if hasattr(x.type, "broadcastable") else None for x in self.local_outputs]
        lengths = [length for shape in inner if shape is not None for length in shape]
        outer: dict[Any, Any] = dict(zip(self.local_inputs, node.inputs))
        places = {x: i for i, x in enumerate(self.local_inputs)}
        for length in ancestors(lengths):
            if length.owner is not None and isinstance(length.owner.op, Shape_i):
                (x,) = length.owner.inputs
                if x not in places:
                    raise ShapeError(f"{self} has lengths that are known only when it has run")
                outer[length] = shapes[places[x]][length.owner.op.i]
        equiv = clone_get_equiv(list(outer), lengths, copy_inputs=False, copy_orphans=False, memo=outer)
        return [None if shape is None else tuple(equiv[length] for length in shape) for shape in inner]

    # -- derivatives -------------------------------------------------------------------------------------------------

    def set_grad_overrides(self, grad_overrides: Any) -> None:
        """From now on the gradient is what `grad_overrides` says (see the class)."""
        self._set_lop("grad", grad_overrides)

    def set_lop_overrides(self, lop_overrides: Any) -> None:
        """From now on the gradient is what `lop_overrides` says (see the class)."""
        self._set_lop("lop", lop_overrides)

    def _set_lop(self, kind: str, overrides: Any) -> None:
        self._lop_type, self._lop_overrides = kind, overrides
        self._lop: tuple[OpFromGraph, list[Any]] | None = None

    def set_rop_overrides(self, rop_overrides: Any) -> None:
        """From now on `Rop` is what `rop_overrides` says (see the class)."""
        self._rop_overrides = rop_overrides
        self._rop: tuple[OpFromGraph, list[Any]] | None = None

    def connection_pattern(self, node: Apply | None) -> list[list[bool]]:
        """`[i][j]`: whether gradients flow from output j to input i."""
        if self._connection_pattern is not None:
            return self._connection_pattern
        pattern = io_connection_pattern(self.local_inputs, self.local_outputs)
        if isinstance(self._lop_overrides, str):
            return pattern
        everything = [True] * len(self.local_outputs)
        if not isinstance(self._lop_overrides, list):
            return [list(everything) for _ in pattern]
        for i, entry in enumerate(self._lop_overrides[: len(pattern)]):
            if isinstance(entry, Variable) and is_disconnected(entry):
                pattern[i] = [False] * len(everything)
            elif not isinstance(entry, str):
                pattern[i] = list(everything)
        return pattern

    def get_lop_op(self) -> OpFromGraph:
        """The op that computes the gradients: its inputs are the inputs, the outputs and the output gradients."""
        return self._lop_parts()[0]

    def get_rop_op(self) -> OpFromGraph:
        """The op that computes `Rop`: its inputs are the inputs and the eval points."""
        return self._rop_parts()[0]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        op, placed = self._lop_parts()
        grads = [
            zeros_like_gradient(y) if is_disconnected(g) else g.astype(config.floatX) if is_discrete(y) else g
            for y, g in zip(outputs, output_grads)
        ]
        gradients = _filled(placed, op, [*inputs, *outputs, *grads])
        flows = [not is_disconnected(g) for g in output_grads]
        return [
            g if any(connected and f for connected, f in zip(row, flows)) else DisconnectedType()()
            for g, row in zip(gradients, self.connection_pattern(None))
        ]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        if all(point is None for point in eval_points):
            return [None] * len(self.local_outputs)
        op, placed = self._rop_parts()
        moving = [hasattr(x, "zeros_like") for x in self.local_inputs]
        points = [
            x.zeros_like() if point is None else point for x, point, moves in zip(inputs, eval_points, moving) if moves
        ]
        return _filled(placed, op, [*inputs, *points])

    def _lop_parts(self) -> tuple[OpFromGraph, list[Any]]:
        """The gradient op, and per input its number among that op's outputs or the placeholder that stands for it."""
        if self._lop is None:
            local = self.local_inputs, self.local_outputs
            output_grads = [zeros_like_gradient(y).type() for y in self.local_outputs]
            overrides = check_overrides(self._lop_overrides, len(self.local_inputs), "gradients")

            def default() -> list[Any]:
                return grad(
                    None, self.local_inputs, known_grads=entering(self.local_outputs, output_grads),
                    disconnected_inputs="ignore", return_disconnected="Disconnected", null_gradients="return",
                )

            results = overridden_gradients(overrides, self._lop_type, default, *local, output_grads)
            self._lop = self._derived("_lop", [*self.local_inputs, *self.local_outputs, *output_grads], results)
        return self._lop

    def _rop_parts(self) -> tuple[OpFromGraph, list[Any]]:
        """The Rop op, and per output its number among that op's outputs or None."""
        if self._rop is None:
            wrt = [x for x in self.local_inputs if hasattr(x, "zeros_like")]
            points = [x.type() for x in wrt]
            overrides = check_overrides(self._rop_overrides, len(self.local_outputs), "R_op")

            def default() -> list[Any]:
                return Rop(
                    self.local_outputs, wrt, points, disconnected_outputs="ignore", return_disconnected="None"
                )

            results = overridden_rop(overrides, default, self.local_inputs, points)
            self._rop = self._derived("_rop", [*self.local_inputs, *points], results)
        return self._rop

    def _derived(self, suffix: str, inputs: list[Any], results: list[Any]) -> tuple[OpFromGraph, list[Any]]:
        computed: list[Any] = []
        placed: list[Any] = []
        for result in results:
            if result is None or is_disconnected(result) or is_null(result):
                placed.append(result)
            else:
                placed.append(len(computed))
                computed.append(result)
        name = None if self.name is None else self.name + suffix
        return OpFromGraph(inputs, computed, inline=self.is_inline, name=name), placed


def _copied(
    inputs: list[Variable], shared: list[Any], outputs: list[Variable]
) -> tuple[list[Variable], list[Variable]]:
    """The graph over variables of its own: copies of the inputs (a copy for each place), and plain variables for the
    shared ones. An input that is computed from something stops being computed."""
    equiv: dict[Any, Any] = {}
    local: list[Variable] = []
    for x in inputs:
        # A constant or shared variable among the inputs becomes an ordinary one.
        copy = x.type(name=x.name)
        local.append(copy)
        equiv[x] = copy
    for x in shared:
        local.append(x.type())
        equiv[x] = local[-1]
    clone_get_equiv([*inputs, *shared], outputs, copy_inputs=False, copy_orphans=False, memo=equiv)
    return local, [equiv[y] for y in outputs]


def _filled(placed: list[Any], op: OpFromGraph, inputs: list[Any]) -> list[Any]:
    computed = op(*inputs, return_list=True) if op.local_outputs else []
    return [
        computed[place] if isinstance(place, int) else DisconnectedType()() if place is not None and
        is_disconnected(place) else place
        for place in placed
    ]


ops_with_inner_function: dict[type, str] = {OpFromGraph: "fn"}
