"""Products with the Jacobian: `Rop` (forward, J v) and `Lop` (backward, v J), and the gradient of a part of a graph.

Comes in: outputs, inputs and the vectors to multiply with. Goes out: unoptimised graphs in the form that Theano 1.0.5
builds. Refused: pairs whose dimensions differ, ops without `R_op` (Rop only), outputs that do not depend on the inputs
(unless asked otherwise). Explicit stacks: graphs of any depth work.
"""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from symtensor.gradient.reverse import Wrt, grad, zeros_like_gradient
from symtensor.gradient.barriers import view_op
from symtensor.gradient.errors import DisconnectedInputError
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.trace import format_trace
from symtensor.tensor.constant import as_tensor_variable
from symtensor.utils.memory import collector_paused

__all__ = ["Lop", "Rop", "entering", "format_as", "subgraph_grad"]

Several = Union[Variable, Sequence[Variable]]

_NOT_PART = (
    "Rop method was asked to compute the gradient with respect to a variable that is not part of the computational "
    "graph of variables in wrt, or is used only by a non-differentiable operator: {}"
)


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """`outputs` as a list, as a tuple, or, with neither, its single element (or itself where it is no sequence)."""
    if use_list and use_tuple:
        raise AssertionError("Both flags cannot be simultaneously True")
    if use_list or use_tuple:
        sequence = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        return tuple(sequence) if use_tuple else sequence
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise AssertionError("Wrong arguments. Expected a one element list")
        return outputs[0]
    return outputs


def _listed(several: Any) -> list[Any]:
    return list(several) if isinstance(several, (list, tuple)) else [several]


# -- forward -----------------------------------------------------------------------------------------------------------


def Rop(
    f: Several,
    wrt: Wrt,
    eval_points: Any,
    disconnected_outputs: str = "raise",
    return_disconnected: str = "zero",
) -> Any:
    """The Jacobian of `f` with respect to `wrt`, times `eval_points` from the right: how `f` moves as `wrt` does.

    f                     a variable, or a list or tuple of them
    wrt                   a variable, or a list or tuple of them
    eval_points           one direction per element of `wrt`, of the same number of dimensions
    disconnected_outputs  "raise" (DisconnectedInputError), "warn" or "ignore" where an output does not depend on `wrt`
    return_disconnected   for such outputs give "zero", "None" or "Disconnected" (a variable of DisconnectedType)

    Returns a variable of the shape of `f`, or a list or tuple as `f` is one. Each op on the way needs an `R_op`, else
    NotImplementedError.
    """
    outputs = _listed(f)
    points = _directions(_listed(wrt), _listed(eval_points))
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"Expected Variable, got {output} of type {type(output)}")
    with collector_paused():
        _push_forward(outputs, points)

    results = []
    for output in outputs:
        result = points.get(output)
        if result is None:
            _complain(output, disconnected_outputs)
            result = _instead(output, return_disconnected)
        results.append(result)
    return format_as(isinstance(f, list), isinstance(f, tuple), results)


def _directions(wrt: list[Any], eval_points: list[Any]) -> dict[Variable, Any]:
    if len(wrt) != len(eval_points):
        raise ValueError(f"Rop needs one eval_point per element of wrt, got {len(eval_points)} for {len(wrt)}.")
    points: dict[Variable, Any] = {}
    for i, (variable, point) in enumerate(zip(wrt, eval_points)):
        variable, point = as_tensor_variable(variable), as_tensor_variable(point)
        if variable.type.ndim != point.type.ndim:
            raise ValueError(
                f"Element {i} of wrt/eval_point have mismatched dimensionality: "
                f"{variable.type.ndim} versus {point.type.ndim}"
            )
        points[variable] = _fitted(variable, point)
    return points


def _push_forward(outputs: list[Variable], points: dict[Variable, Any]) -> None:
    """Puts the direction in which each of `outputs` moves into `points`; None where it moves in none."""
    stack = list(reversed(outputs))
    while stack:
        variable = stack[-1]
        if variable in points:
            stack.pop()
            continue
        node = variable.owner
        if node is None:
            # Whatever is not in wrt stands still.
            points[variable] = variable.zeros_like() if hasattr(variable, "zeros_like") else None
            continue
        missing = [x for x in node.inputs if x not in points]
        if missing:
            stack.extend(reversed(missing))
            continue
        for output, result in zip(node.outputs, _ask(node, [_fitted(x, points[x]) for x in node.inputs])):
            points.setdefault(output, result)


def _fitted(variable: Variable, point: Any) -> Any:
    """The direction in the type of the variable that moves."""
    if point is None:
        return None
    dtype = getattr(variable.type, "dtype", None)
    if dtype is not None and getattr(point.type, "dtype", dtype) != dtype:
        point = point.astype(dtype)
    return variable.type.filter_variable(point)


def _ask(node: Apply, points: list[Any]) -> Sequence[Any]:
    results = node.op.R_op(node.inputs, points)
    if results is None:
        return [None] * len(node.outputs)
    if not isinstance(results, (list, tuple)) or len(results) < len(node.outputs):
        raise TypeError(
            f"{node.op}.R_op should return one variable or None for each of its {len(node.outputs)} outputs, "
            f"got {results} of type {type(results)}"
        )
    return results


def _complain(output: Variable, disconnected_outputs: str) -> None:
    if disconnected_outputs == "ignore":
        return
    message = _NOT_PART.format(output)
    if disconnected_outputs == "warn":
        warnings.warn(message, UserWarning, stacklevel=3)
    elif disconnected_outputs == "raise":
        raise DisconnectedInputError(message + format_trace(output))
    else:
        raise ValueError(
            "Invalid value for keyword 'disconnected_outputs', valid values are 'ignore', 'warn' and 'raise'."
        )


def _instead(output: Variable, return_disconnected: str) -> Any:
    kind = return_disconnected.lower()
    if kind == "zero":
        return zeros_like_gradient(output)
    if kind == "none":
        return None
    if kind == "disconnected":
        return DisconnectedType()()
    raise ValueError(
        "Invalid value for keyword 'return_disconnected', valid values are 'zero', 'None' and 'Disconnected'."
    )


# -- backward ----------------------------------------------------------------------------------------------------------


def Lop(
    f: Several,
    wrt: Wrt,
    eval_points: Several,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """`eval_points` times the Jacobian of `f` with respect to `wrt`: the gradient of their inner product with `f`.

    f, eval_points  variables of the same shapes, or lists or tuples of them
    wrt             a variable, or a list or tuple of them

    The other arguments are those of `grad`. Returns a variable, or a list or tuple as `wrt` is one.
    """
    outputs, points = _listed(f), _listed(eval_points)
    if len(outputs) != len(points):
        raise ValueError(f"Lop needs one eval_point per element of f, got {len(points)} for {len(outputs)}.")
    return grad(
        None, wrt, consider_constant=consider_constant, disconnected_inputs=disconnected_inputs,
        known_grads=entering(outputs, points),
    )


def entering(outputs: Sequence[Any], grads: Sequence[Any]) -> dict[Any, Any]:
    """`known_grads` that make each gradient enter at its output, beside what flows there from the other outputs.

    Given for the outputs themselves they would replace what flows, and where one output is computed from another (or
    appears twice) the result would be wrong, as it is in Theano. Views leave no trace in the gradient's graph.
    """
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"Expected Variable, got {output} of type {type(output)}")
    return {view_op(output): g for output, g in zip(outputs, grads)}


# -- part of a graph ---------------------------------------------------------------------------------------------------


def subgraph_grad(
    wrt: list[Variable],
    end: list[Variable],
    start: Mapping[Variable, Variable] | None = None,
    cost: Variable | None = None,
    details: bool = False,
) -> Any:
    """The gradients of a part of a graph, to be chained by hand from the last part to the first.

    wrt      variables to differentiate with respect to, usually the parameters of this part
    end      variables at which this part ends: gradients reach them, but do not pass
    start    gradients of variables at which this part starts, as the later part's call gave them for its `end`
    cost     a scalar to differentiate (also) in this part
    details  also return what `start` and what `cost` contributed

    Returns the gradients for `wrt` and those for `end`, two lists. With `details` also two lists over `wrt + end`: what
    flowed from `start` and from `cost` (None for the one not given). Variables that nothing reaches have gradient zero.
    """
    if cost is None and start is None:
        raise AssertionError("subgraph_grad needs a cost, a start, or both.")
    if not isinstance(wrt, list) or not isinstance(end, list):
        raise AssertionError("subgraph_grad expects lists as wrt and end.")
    if start is not None and not isinstance(start, Mapping):
        raise AssertionError("subgraph_grad expects a dictionary from variables to gradients as start.")
    variables = [*wrt, *end]
    from_start: Any = None
    from_cost: Any = None
    total: list[Any]
    if start is not None:
        known = entering(list(start), list(start.values()))
        from_start = grad(None, variables, consider_constant=end, disconnected_inputs="ignore", known_grads=known)
    if cost is not None:
        from_cost = grad(cost, variables, consider_constant=end, disconnected_inputs="ignore")
    if from_start is not None and from_cost is not None:
        total = [a + b for a, b in zip(from_start, from_cost)]
    else:
        total = from_cost if from_start is None else from_start
    parts = (total[: len(wrt)], total[len(wrt):])
    return (*parts, from_start, from_cost) if details else parts
