"""The body of a scan: what the user's function computes, as an inner graph with all its inputs.

In: the outputs, updates and condition that the function returned, and the variables it was called with. Out: the inner
inputs and outputs by slot. Whatever the outputs depend on becomes an input: shared variables that are updated (by the
function, or by their `default_update`) are carried from step to step; free variables, other shared variables and the
non-sequences that the function was given are the same in every step. What is computed from free variables is computed
inside the loop unless it was given as a non-sequence.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.errors import MissingInputError
from symtensor.graph.traversal import ancestors, clone_get_equiv
from symtensor.scan_module.arguments import OutputInfo
from symtensor.scan_module.draws import warn_of_repeated_draws
from symtensor.scan_module.scan_utils import safe_new
from symtensor.tensor.basic import as_tensor_variable
from symtensor.tensor.first_cause import first_cause, lines, wrong_update
from symtensor.tensor.sharedvar import SharedVariable

__all__ = ["Body", "check_states", "make_body"]


@dataclass(frozen=True)
class Body:
    """The inner graph of a scan, its outputs in the order of the user's function."""

    shared: list[Any]                # outer variables
    non_sequences: list[Any]         # outer variables
    inner_shared: list[Any]
    inner_non_sequences: list[Any]
    outputs: list[Any]
    new_shared: list[Any]
    condition: Any

    @property
    def stands_for(self) -> dict[Any, Any]:
        """What the inner inputs are copies of."""
        return dict(zip([*self.inner_shared, *self.inner_non_sequences], [*self.shared, *self.non_sequences]))


def make_body(
    slices: Sequence[Any], given: Sequence[Any], outputs: Sequence[Any], updates: dict[Any, Any], condition: Any,
    strict: bool,
) -> Body:
    """The graph between `slices` (what changes from step to step) and non-sequences on one side and outputs on the
    other. `given`: the non-sequences that the function was called with. `strict`: shared variables must be among them
    (MissingInputError)."""
    outputs = [as_tensor_variable(x) for x in outputs]
    new_values = {target: _update(target, value) for target, value in updates.items()}
    ends = [*outputs, *new_values.values(), *([] if condition is None else [condition])]
    non_sequences = [x for x in given if not isinstance(x, Constant)]
    blocked = {*slices, *non_sequences}

    # Default updates may bring in more shared variables, with default updates of their own.
    leaves = _leaves(ends, blocked)
    while True:
        missing = {}
        for x in leaves:
            default = getattr(x, "default_update", None)
            if isinstance(x, SharedVariable) and default is not None and x not in new_values:
                missing[x] = _update(x, default)
        if not missing:
            break
        new_values.update(missing)
        ends += missing.values()
        leaves = _leaves(ends, blocked)
    warn_of_repeated_draws(
        ends, new_values, set(updates),
        "The function that the outer scan calls should return the inner scan's updates.",
        blocked,
    )

    used = set(leaves)
    shared = list(new_values)
    rest = [x for x in non_sequences if x in used and x not in new_values]
    known = {*rest, *shared, *slices}
    found = [x for x in leaves if x not in known]
    if strict:
        for x in found:
            if isinstance(x, SharedVariable):
                raise MissingInputError(f"ScanOp is missing an input: {x}", variable=x)
    # Free variables first, then shared ones, as they are met.
    rest += [x for x in found if not isinstance(x, SharedVariable)]
    rest += [x for x in found if isinstance(x, SharedVariable)]

    inner_shared = [_inner(x) for x in shared]
    inner_rest = [_inner(x) for x in rest]
    copies: dict[Any, Any] = dict(zip([*shared, *rest], [*inner_shared, *inner_rest]))
    clone_get_equiv([*slices, *copies], ends, copy_inputs=False, copy_orphans=False, memo=copies)
    return Body(
        shared, rest, inner_shared, inner_rest, [copies[x] for x in outputs],
        [copies[x] for x in new_values.values()], None if condition is None else copies[condition],
    )


def _inner(x: Any) -> Any:
    copy = safe_new(x, "_copy")
    if isinstance(x, SharedVariable) and hasattr(x.type, "broadcastable") and not hasattr(copy.tag, "test_value"):
        copy.tag.test_value = x.get_value(borrow=True)
    return copy


def _leaves(ends: Sequence[Any], blocked: set[Variable]) -> list[Any]:
    """What the ends are computed from: blocked variables and free ones, not constants."""
    return [
        x for x in ancestors(ends, blocked) if (x.owner is None or x in blocked) and not isinstance(x, Constant)
    ]


def _update(target: Any, value: Any) -> Any:
    if not isinstance(target, SharedVariable):
        raise TypeError("update target must be a SharedVariable", target)
    try:
        return target.type.filter_variable(value, allow_convert=False)
    except TypeError:
        raise wrong_update(target, value) from None


def check_states(
    infos: Sequence[OutputInfo], rows: Sequence[Any], slices: Sequence[Any], body: Body, first: int
) -> None:
    """Whether new values fit the states they replace. `slices`: a variable that the body read of each output's state,
    None for untapped ones; `first`: the number of inputs of the body before the states. ValueError if not."""
    argument = first
    for info, initial, state, new in zip(infos, rows, slices, body.outputs):
        if not info.taps:
            continue
        where = (
            f"The initial state (`outputs_info` in scan nomenclature) of variable {initial} (argument number "
            f"{argument})"
        )
        if new.type.dtype != state.type.dtype:
            raise ValueError(
                f"When compiling the inner function of scan the following error has been encountered: {where} has "
                f"dtype {state.type.dtype}, while the result of the inner function (`fn`) has dtype {new.type.dtype}. "
                "This can happen if the inner function of scan results in an upcast or downcast."
                f"{lines(first_cause(new, state.type, body.stands_for))}"
            )
        if new.type.ndim != state.type.ndim:
            raise ValueError(
                "When compiling the inner function of scan (the function called by scan in each of its iterations) the "
                f"following error has been encountered: {where} has {state.type.ndim + 1} dimension(s), while the "
                "corresponding variable in the result of the inner function of scan (`fn`) has "
                f"{new.type.ndim} dimension(s) (it should be one less than the initial state). For example, if the "
                "inner function of scan returns a vector of size d and scan uses the values of the previous time-step, "
                "then the initial state in scan should be a matrix of shape (1, d). The first dimension of this matrix "
                "corresponds to the number of previous time-steps that scan uses in each of its iterations. In order "
                "to solve this issue if the two variables currently have the same dimensionality, you can increase the "
                "dimensionality of the variable in the initial state of scan by using dimshuffle or shape_padleft."
                f"{lines(first_cause(new, state.type, body.stands_for))}"
            )
        argument += len(info.taps)
