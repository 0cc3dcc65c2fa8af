"""Reverse mode: the gradient of a scalar cost.

Comes in: a cost (or the gradients of some later variables, `known_grads`) and the variables to differentiate with
respect to. Goes out: an unoptimised graph per variable, in the form that Theano 1.0.5 builds. Refused: costs that are
not scalars or not real, and gradients that do not exist.

Two passes, both with explicit stacks so that chains of any length work: from the cost towards the inputs to learn which
node reads which variable (`_reads`), then for each wanted variable the sum, over the nodes that read it, of their
terms. Each node's `L_op` is called at most once, and only if some wanted gradient needs it.
"""
from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Union

from symtensor.config import config
from symtensor.gradient.terms import (
    connection_pattern,
    input_terms,
    is_continuous,
    is_disconnected,
    is_discrete,
    is_null,
)
from symtensor.gradient.errors import DisconnectedInputError, NullTypeGradError
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.trace import format_trace
from symtensor.utils.memory import collector_paused

__all__ = ["grad", "seconds_in_grad", "zeros_like_gradient"]

Wrt = Union[Variable, Sequence[Variable]]
Reads = dict[Variable, dict[Apply, list[int]]]

_NOT_PART = (
    "grad method was asked to compute the gradient with respect to a variable that is not part of the computational "
    "graph of the cost, or is used only by a non-differentiable operator: {}"
)


class _Clock:
    """Seconds spent in `grad` since the program began; the profiler prints them."""

    def __init__(self) -> None:
        self.seconds = 0.0


_clock = _Clock()


def seconds_in_grad() -> float:
    """The time spent in building gradients so far, in seconds."""
    return _clock.seconds


def grad(
    cost: Variable | None,
    wrt: Wrt,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Variable] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """The symbolic gradient of a scalar with respect to one or several variables.

    cost                 a real scalar, or None where `known_grads` says where to begin
    wrt                  a variable, or a list or tuple of them; may be inner variables of the graph
    consider_constant    variables that no gradient flows through
    disconnected_inputs  "raise" (DisconnectedInputError), "warn" or "ignore" where the cost does not depend on a
                         variable of `wrt`
    add_names            call the gradients `(dCOST/dX)` where cost and variable have names
    known_grads          gradients of variables, taken as given instead of what flows back from the cost
    return_disconnected  for such variables give "zero" (zeros of the variable's shape), "None" or "Disconnected" (a
                         variable of DisconnectedType)
    null_gradients       "raise" NullTypeGradError for gradients that are undefined or not implemented, or "return" them

    Returns a variable, or a list or tuple as `wrt` is one. An integer or bool cost counts as a float of
    `config.floatX`, whose gradient is mostly zero. The gradient with respect to an integer variable is a float: it
    treats the variable as if it were continuous.
    """
    began = time.perf_counter()
    wanted: list[Any] = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    _check_wrt(wanted)
    if return_disconnected not in ("zero", "None", "Disconnected"):
        raise ValueError(
            "Invalid value for keyword 'return_disconnected', valid values are 'zero', 'None' and 'Disconnected'."
        )
    if null_gradients not in ("raise", "return"):
        raise ValueError("Invalid value for keyword 'null_gradients', valid values are 'raise' and 'return'.")
    grads = _seeds(cost, known_grads)
    given = set((known_grads or {}).values())
    constants = _as_variables(consider_constant)

    # The cost goes before the known ones: the order decides how sums of several terms are written.
    ends = list(known_grads or ())
    name = cost.name if cost is not None and add_names else None
    terms: dict[Apply, list[Variable]] = {}
    with collector_paused():
        reads, patterns = _reads(ends if cost is None else [cost, *ends], constants)
        for variable in wanted:
            _accumulate(variable, reads, patterns, grads, terms, given, name)

    results: list[Any] = []
    for variable in wanted:
        g = grads[variable]
        if is_null(g) and null_gradients == "raise":
            raise NullTypeGradError(f"tensor.grad encountered a NaN. {g.type.why_null}")
        if is_disconnected(g):
            _complain(variable, disconnected_inputs)
            g = _instead(variable, g, return_disconnected)
        results.append(g)
    _clock.seconds += time.perf_counter() - began

    if isinstance(wrt, tuple):
        return tuple(results)
    return results if isinstance(wrt, list) else results[0]


# -- arguments ---------------------------------------------------------------------------------------------------------


def _check_wrt(wanted: list[Any]) -> None:
    for variable in wanted:
        if not isinstance(variable, Variable):
            raise TypeError(f"Expected Variable, got {variable} of type {type(variable)}")


def _as_variables(consider_constant: Any) -> Collection[Variable]:
    if consider_constant is None:
        return ()
    if isinstance(consider_constant, Variable) or not hasattr(consider_constant, "__iter__"):
        raise TypeError(f"consider_constant must be an iterable collection, got {type(consider_constant)}")
    variables = list(consider_constant)
    for variable in variables:
        if not isinstance(variable, Variable):
            raise TypeError(f"Elements of consider_constant must be variables, but got {type(variable)}")
    return set(variables)


def _seeds(cost: Any, known_grads: Any) -> dict[Variable, Any]:
    """The gradients that are known before anything flows: those given, and 1 for the cost."""
    if cost is None and known_grads is None:
        raise AssertionError("cost and known_grads can't both be None.")
    if cost is not None:
        _check_cost(cost)
    grads: dict[Variable, Any] = {}
    if known_grads is not None:
        if not isinstance(known_grads, Mapping):
            raise TypeError(f"known_grads must be a dictionary from variables to gradients, got {type(known_grads)}")
        for variable, g in known_grads.items():
            _check_known(variable, g)
            grads[variable] = g
    if cost is not None and cost not in grads:
        grads[cost] = cost.ones_like(dtype=config.floatX if is_discrete(cost) else cost.type.dtype)
    return grads


def _check_cost(cost: Any) -> None:
    if not isinstance(cost, Variable):
        raise TypeError(f"cost must be a scalar variable, got {cost} of type {type(cost)}")
    if is_null(cost):
        raise ValueError(f"Can't differentiate a NaN cost. cost is NaN because {cost.type.why_null}")
    if not (is_continuous(cost) or is_discrete(cost)) or getattr(cost.type, "ndim", 0) != 0:
        raise TypeError(f"cost must be a scalar. Got {cost} of type {cost.type}.")
    if cost.type.dtype.startswith("complex"):
        raise TypeError(f"cost must be real, got {cost} of dtype {cost.type.dtype}.")


def _check_known(variable: Any, g: Any) -> None:
    if not isinstance(variable, Variable):
        raise TypeError(f"The keys of known_grads must be variables, got {variable} of type {type(variable)}")
    if not isinstance(g, Variable):
        raise TypeError(
            "output grads must be symbolic variables. "
            f"Ambiguous whether {type(g)} should be made into tensor or sparse variable"
        )
    if is_null(g) or is_disconnected(g):
        return
    if not is_continuous(g):
        raise TypeError(
            "Gradients must always be NullType, DisconnectedType, or continuous, "
            f"but grad was given a known_grad of type {g.type}"
        )
    wanted, got = getattr(variable.type, "ndim", None), getattr(g.type, "ndim", None)
    if wanted is not None and got is not None and wanted != got:
        raise ValueError(
            f"known_grads gives {variable} a gradient with {got} dimensions, but the variable has {wanted} dimensions."
        )


# -- the two passes ----------------------------------------------------------------------------------------------------


def _reads(ends: list[Variable], constants: Collection[Variable]) -> tuple[Reads, dict[Apply, list[list[bool]]]]:
    """For each variable on a way from `ends`: the nodes that read it, each with the input positions, in depth-first
    order. Inputs that the op declares disconnected from all outputs do not count, and constants end the way."""
    reads: Reads = {}
    patterns: dict[Apply, list[list[bool]]] = {}
    stack: list[tuple[Apply, Any]] = []

    def enter(variable: Variable) -> None:
        node = variable.owner
        if node is not None and node not in patterns and variable not in constants:
            patterns[node] = connection_pattern(node)
            stack.append((node, iter(enumerate(node.inputs))))

    for end in ends:
        enter(end)
        while stack:
            node, inputs = stack[-1]
            for i, variable in inputs:
                if any(patterns[node][i]):
                    reads.setdefault(variable, {}).setdefault(node, []).append(i)
                    enter(variable)
                    if stack[-1][0] is not node:
                        break
            else:
                stack.pop()
    return reads, patterns


def _accumulate(
    target: Variable,
    reads: Reads,
    patterns: dict[Apply, list[list[bool]]],
    grads: dict[Variable, Any],
    terms: dict[Apply, list[Variable]],
    given: set[Any],
    cost_name: str | None,
) -> None:
    """Puts the gradient of `target`, and of all that lies between it and the cost, into `grads` (and `terms`)."""
    stack = [target]
    while stack:
        variable = stack[-1]
        if variable in grads:
            stack.pop()
            continue
        readers = reads.get(variable, {})
        missing = [output for node in readers for output in node.outputs if output not in grads]
        if missing:
            stack.extend(reversed(missing))
            continue
        for node in readers:
            if node not in terms:
                terms[node] = input_terms(node, [grads[output] for output in node.outputs], patterns[node])
        g = _sum([terms[node][i] for node, positions in readers.items() for i in positions])
        # A gradient that the user handed in keeps its name.
        if cost_name and variable.name and not is_disconnected(g) and g not in given:
            g.name = f"(d{cost_name}/d{variable.name})"
        grads[variable] = g
        stack.pop()


def _sum(terms: list[Any]) -> Any:
    """The sum from left to right. Nothing at all is disconnected, and one undefined term makes the sum undefined."""
    flowing = [term for term in terms if not is_disconnected(term)]
    if not flowing:
        return DisconnectedType()()
    null = next((term for term in flowing if is_null(term)), None)
    if null is not None:
        return null
    total = flowing[0]
    for term in flowing[1:]:
        total = total + term
    return total


# -- results -----------------------------------------------------------------------------------------------------------


def _complain(variable: Variable, disconnected_inputs: str) -> None:
    if disconnected_inputs == "ignore":
        return
    message = _NOT_PART.format(variable)
    if disconnected_inputs == "warn":
        warnings.warn(message, UserWarning, stacklevel=3)
    elif disconnected_inputs == "raise":
        raise DisconnectedInputError(message + format_trace(variable))
    else:
        raise ValueError(
            "Invalid value for keyword 'disconnected_inputs', valid values are 'ignore', 'warn' and 'raise'."
        )


def _instead(variable: Variable, g: Variable, return_disconnected: str) -> Any:
    if return_disconnected == "None":
        return None
    return g if return_disconnected == "Disconnected" else zeros_like_gradient(variable)


def zeros_like_gradient(variable: Any) -> Any:
    """Zeros of the variable's shape, in its dtype where that is a float, else in `config.floatX`."""
    if not hasattr(variable, "zeros_like"):
        raise TypeError(
            f"The gradient with respect to {variable} is disconnected, and its type {variable.type} has no zeros: "
            "use return_disconnected='None' or 'Disconnected'."
        )
    zeros = variable.zeros_like()
    return zeros.astype(config.floatX) if is_discrete(zeros) else zeros
