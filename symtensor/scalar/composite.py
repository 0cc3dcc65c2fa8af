"""`Composite`: a graph of scalar ops as one scalar op.

What fusion and user code build when several operations should be applied element by element in one go.
"""
from __future__ import annotations

import builtins
from typing import Any, Sequence

import numpy as np

from symtensor.graph.basic import Apply, Constant
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.traversal import io_toposort
from symtensor.scalar.op import ScalarOp, evaluate
from symtensor.scalar.type import Scalar, as_scalar, operators

__all__ = ["Composite"]

_INFIX = {
    "add": " + ", "sub": " - ", "mul": " * ", "true_div": " / ", "int_div": " // ", "mod": " % ", "pow": " ** ",
}
_LONGEST = 10_000


class Composite(ScalarOp):
    """The op that computes `outputs` from `inputs`, both lists of scalar variables.

    The graph between them is copied; composites in it are spread out. The inputs must not be constants.
    MissingInputError if the outputs need anything else, AssertionError if an input is an output.

    Applied to inputs of other dtypes, the graph is made anew for those dtypes: the node's op is another Composite. Two
    composites are equal if their graphs are. `fgraph`, `inputs` and `outputs` are the copy.
    """

    __module__ = "symtensor.scalar.basic"
    init_param: tuple[str, ...] = ("inputs", "outputs")

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        ScalarOp.__init__(self)
        for x in inputs:
            assert x not in outputs, "an input of a Composite cannot be its output"
        self.fgraph = FunctionGraph(list(inputs), _merged(inputs, outputs), clone=True)
        self.inputs = list(self.fgraph.inputs)
        self.outputs = list(self.fgraph.outputs)
        self.nin = len(self.inputs)
        self.nout = len(self.outputs)
        self.inputs_type = tuple(x.type for x in self.inputs)
        self.outputs_type = tuple(x.type for x in self.outputs)
        self._nodes = self.fgraph.toposort()
        self._signature = _signature(self.inputs, self.outputs, self._nodes)
        self._text = f"{self.__class__.__name__}{{{_text(self.inputs, self.outputs, self._nodes)}}}"

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def output_types(self, input_types: Sequence[Scalar]) -> Sequence[Scalar]:
        if tuple(input_types) != self.inputs_type:
            raise TypeError(f"Wrong types for Composite. Expected {self.inputs_type}, got {tuple(input_types)}.")
        return self.outputs_type

    def make_node(self, *inputs: Any) -> Apply:
        if len(inputs) != self.nin:
            raise TypeError(f"Wrong number of inputs for {self}.make_node (got {len(inputs)}({inputs}), "
                            f"expected {self.nin})")
        scalars = [as_scalar(x) for x in inputs]
        if tuple(x.type for x in scalars) == self.inputs_type:
            return Apply(self, scalars, [t() for t in self.outputs_type])
        fresh = [x.type() for x in scalars]
        retyped = Composite(fresh, _remade(dict(zip(self.inputs, fresh)), self.outputs, self._nodes))
        return Apply(retyped, scalars, [t() for t in retyped.outputs_type])

    # -- values --------------------------------------------------------------------------------------------------------

    def impl(self, *inputs: Any) -> Any:
        """The output's value, or the list of the outputs' values."""
        values = [np.asarray(x).astype(t.dtype)[()] for x, t in zip(inputs, self.inputs_type)]
        results = self.evaluate_arrays(values, [t.dtype for t in self.outputs_type])
        return results[0] if self.nout == 1 else results

    def evaluate_arrays(self, inputs: Sequence[Any], out_dtypes: Sequence[str]) -> list[Any]:
        """The outputs on arrays, element by element."""
        values: dict[Any, Any] = dict(zip(self.inputs, inputs))
        for node in self._nodes:
            arguments = [x.data if isinstance(x, Constant) else values[x] for x in node.inputs]
            values.update(zip(node.outputs, evaluate(node.op, arguments, [v.type.dtype for v in node.outputs])))
        return [x.data if isinstance(x, Constant) else values[x] for x in self.outputs]

    # -- derivatives ---------------------------------------------------------------------------------------------------

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return self.L_op(inputs, self(*inputs, return_list=True), output_gradients)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        """The chain rule over the inner graph, as one more graph of scalars."""
        inner: dict[Any, Any] = dict(zip(self.inputs, inputs))
        gradients: dict[Any, Any] = {}
        made = _made_nodes(inner, self._nodes)
        for variable, gz in zip(self.outputs, output_gradients):
            _accumulate(gradients, variable, gz)
        for node in reversed(self._nodes):
            received = [gradients.get(v) for v in node.outputs]
            if all(g is None for g in received):
                continue
            copy = made[node]
            received = [DisconnectedType()() if g is None else g for g in received]
            for x, g in zip(node.inputs, node.op.L_op(copy.inputs, copy.outputs, received)):
                _accumulate(gradients, x, g)
        return [gradients.get(x, DisconnectedType()()) for x in self.inputs]

    # -- identity ------------------------------------------------------------------------------------------------------

    def __eq__(self, other: Any) -> builtins.bool:
        return type(self) is type(other) and self._signature == other._signature

    def __hash__(self) -> int:
        return hash((type(self), self._signature))

    def __str__(self) -> str:
        return self.name or self._text


def _accumulate(gradients: dict[Any, Any], variable: Any, gradient: Any) -> None:
    if isinstance(gradient.type, DisconnectedType):
        return
    known = gradients.get(variable)
    if known is None or isinstance(gradient.type, NullType):
        gradients[variable] = gradient
    elif not isinstance(known.type, NullType):
        gradients[variable] = operators["add"](known, gradient)


def _made_nodes(known: dict[Any, Any], nodes: Sequence[Apply]) -> dict[Apply, Apply]:
    """The nodes made again on other inputs; `known` maps old variables to new ones and is completed."""
    made = {}
    for node in nodes:
        new = node.op.make_node(*[known.get(x, x) for x in node.inputs])
        known.update(zip(node.outputs, new.outputs))
        made[node] = new
    return made


def _remade(known: dict[Any, Any], outputs: Sequence[Any], nodes: Sequence[Apply]) -> list[Any]:
    _made_nodes(known, nodes)
    return [known.get(x, x) for x in outputs]


def _merged(inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """The outputs computed from the inputs with inner composites spread out and equal nodes made once."""
    known: dict[Any, Any] = {x: x for x in inputs}
    made: dict[Any, Apply] = {}

    def make(node: Apply, arguments: Sequence[Any]) -> Sequence[Any]:
        key = (node.op, tuple(("constant", x.signature()) if isinstance(x, Constant) else x for x in arguments))
        if key not in made:
            made[key] = node.op.make_node(*arguments)
        return made[key].outputs

    for node in io_toposort(list(inputs), list(outputs)):
        arguments = [known.get(x, x) for x in node.inputs]
        if isinstance(node.op, Composite):
            inner: dict[Any, Any] = dict(zip(node.op.inputs, arguments))
            for inner_node in node.op._nodes:
                inner.update(zip(inner_node.outputs, make(inner_node, [inner.get(x, x) for x in inner_node.inputs])))
            results: Sequence[Any] = [inner.get(x, x) for x in node.op.outputs]
        else:
            results = make(node, arguments)
        known.update(zip(node.outputs, results))
    return [known.get(x, x) for x in outputs]


def _signature(inputs: Sequence[Any], outputs: Sequence[Any], nodes: Sequence[Apply]) -> tuple[Any, ...]:
    """A hashable description of the graph that does not depend on names or on the order of independent nodes' birth."""
    numbers: dict[Any, int] = {x: i for i, x in enumerate(inputs)}

    def reference(x: Any) -> Any:
        return ("constant", x.signature()) if isinstance(x, Constant) else numbers[x]

    steps = []
    for node in nodes:
        steps.append((node.op, tuple(reference(x) for x in node.inputs)))
        for output in node.outputs:
            numbers[output] = len(numbers)
    return tuple(x.type for x in inputs), tuple(steps), tuple(reference(x) for x in outputs)


def _text(inputs: Sequence[Any], outputs: Sequence[Any], nodes: Sequence[Apply]) -> str:
    texts: dict[Any, str] = {x: f"i{i}" for i, x in enumerate(inputs)}
    for node in nodes:
        arguments = [str(x) if isinstance(x, Constant) else texts[x] for x in node.inputs]
        for output in node.outputs:
            texts[output] = _shortened(_apply_text(node.op, arguments, output.index if len(node.outputs) > 1 else None))
    return ", ".join(str(x) if isinstance(x, Constant) else texts[x] for x in outputs)


def _apply_text(op: Any, arguments: list[str], position: Any) -> str:
    infix = _INFIX.get(op.row_name or "")
    if infix is not None and len(arguments) > 1:
        return f"({infix.join(arguments)})"
    if op.row_name == "neg":
        return f"(-{arguments[0]})"
    text = f"{op}({', '.join(arguments)})"
    return text if position is None else f"{text}.{position}"


def _shortened(text: str) -> str:
    # A value that is used twice is written twice, so the text may grow exponentially with the depth.
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST // 2]}...{text[-100:]}"
