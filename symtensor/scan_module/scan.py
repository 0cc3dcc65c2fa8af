"""`scan`: a loop over sequences, with states that are handed from step to step.

In: a function that computes one step, what it steps through, and initial states. Out: the stacked results of all
steps, and the updates of shared variables that the loop makes. `arguments` brings the arguments into one form, `body`
finds the inputs of the inner graph, `scan_op.Scan` is the loop as an op.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Variable
from symtensor.scan_module.arguments import (
    OutputInfo,
    initial_rows,
    number_of_steps,
    output_infos,
    row_variable,
    rows_for,
    sequence_infos,
    steps_given,
    test_value,
)
from symtensor.scan_module.body import check_states, make_body
from symtensor.scan_module.info import ScanInfo
from symtensor.scan_module.scan_op import Scan
from symtensor.scan_module.scan_utils import get_updates_and_outputs
from symtensor.tensor.basic import as_tensor_variable, shape_padleft
from symtensor.updates import OrderedUpdates

__all__ = ["scan"]


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """Calls `fn` once, to learn what a step computes, and builds a loop of such steps.

    fn                 gets: for each sequence its taps, for each state its taps, the non-sequences, in this order.
                       Returns: a variable or list of variables, one for each entry of `outputs_info`; then updates of
                       shared variables (a dict or list of pairs), if any; then `until(condition)`, if any
    sequences          an array or a list of arrays, of which step t reads row t; or of dicts {"input": array,
                       "taps": [..]} of which it reads several: tap -1 is the row before
    outputs_info       one entry for each output of `fn`: None for one that no step reads; the value before the first
                       step for one of which each step reads the last; or a dict {"initial": rows, "taps": [-2, -1]}
                       with -min(taps) rows, the oldest first
    non_sequences      further arguments of `fn`, the same in every step. What a step uses of other variables it may
                       simply use; but what is computed from them is then computed in the loop
    n_steps            int or integer scalar; by default as many as the shortest sequence has rows for
    truncate_gradient  let gradients flow through so many steps only, counted from the last; -1: through all
    go_backwards       step through the sequences from the end
    mode, profile, allow_gc
                       kept with the loop for programs that look there: the loop is compiled as a part of the function
                       around it
    name               printed with the loop
    strict             refuse shared variables that are not among `non_sequences` (MissingInputError)
    return_list        return a list of results even if there is only one

    Returns (results, updates): the results are None, a variable or a list, with the steps along the first axis; the
    updates are to be handed to `function`. The values that a state had before the first step are not among the results.

    Raises ValueError for arguments that do not fit one another, for outputs in another number than `outputs_info` has
    entries, and for states that change their dtype or rank from step to step. When run: IndexError for a negative
    number of steps, ValueError for sequences that are too short and for rows that differ in shape.
    """
    given_steps = steps_given(n_steps)
    steps_through = sequence_infos(sequences, go_backwards)
    infos = output_infos(outputs_info)
    constant_args = [x if isinstance(x, Variable) else as_tensor_variable(x) for x in _listed(non_sequences)]
    n = number_of_steps(given_steps, steps_through)

    # The body.
    sequence_rows = [
        [row_variable(s.array.name, -tap if go_backwards else tap, s.rows, tap - min(s.taps)) for tap in s.taps]
        for s in steps_through
    ]
    state_rows = [[_state_variable(info, tap) for tap in info.taps] for info in infos]
    slices = [x for group in (*sequence_rows, *state_rows) for x in group]
    condition, outputs, updates = get_updates_and_outputs(fn(*slices, *constant_args))
    if not infos:
        infos = [OutputInfo() for _ in outputs]
        state_rows = [[] for _ in outputs]
    if len(infos) != len(outputs):
        raise ValueError(
            "Please provide None as outputs_info for any output that does not feed back into scan (i.e. it behaves "
            "like a map) "
        )
    body = make_body(
        slices, constant_args, outputs, updates, None if condition is None else condition.condition, strict
    )
    initial = [initial_rows(info) if info.taps else None for info in infos]
    n_sequence_rows = sum(map(len, sequence_rows))
    check_states(infos, initial, [rows[0] if rows else None for rows in state_rows], body, n_sequence_rows)

    # The loop.
    recurrent = [i for i, info in enumerate(infos) if info.taps]
    untapped = [i for i, info in enumerate(infos) if not info.taps]
    op = Scan(
        [*slices, *body.inner_shared, *body.inner_non_sequences],
        [
            *[body.outputs[i] for i in recurrent], *[body.outputs[i] for i in untapped], *body.new_shared,
            *([] if body.condition is None else [body.condition]),
        ],
        ScanInfo(
            sequences=tuple(s.taps for s in steps_through),
            recurrent=tuple(infos[i].taps for i in recurrent),
            n_untapped=len(untapped),
            n_shared=len(body.shared),
            n_non_sequences=len(body.non_sequences),
            until=body.condition is not None,
        ),
        name=name, truncate_gradient=truncate_gradient, mode=mode, profile=profile, strict=strict,
        allow_gc=config.scan.allow_gc if allow_gc is None else allow_gc,
    )
    if not op.outputs:
        return ([] if return_list else None), OrderedUpdates()
    exact = given_steps is None and len(steps_through) == 1 and not steps_through[0].spread
    found = op(
        n, *[rows_for(s, n, exact) for s in steps_through], *[initial[i] for i in recurrent], *body.shared,
        *body.non_sequences, return_list=True,
    )
    results: list[Any] = [None] * len(infos)
    for i, result in zip([*recurrent, *untapped], found):
        results[i] = result
    changed = OrderedUpdates((x, _as_entry(final)) for x, final in zip(body.shared, found[len(infos):]))
    if return_list or len(results) > 1:
        return results, changed
    return (results[0] if results else None), changed


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _as_entry(final: Any) -> Any:
    """The last value of a shared array. Programs print the updates, and find an entry of an array there."""
    return shape_padleft(final)[0] if hasattr(final.type, "broadcastable") else final


def _state_variable(info: OutputInfo, tap: int) -> Any:
    """What the body sees of a state."""
    if info.taps != (-1,):
        return row_variable(info.initial.name, tap, info.initial, tap - min(info.taps))
    state = info.initial.type(name=f"{info.initial.name}[t-1]" if info.initial.name else None)
    value = test_value(info.initial) if config.compute_test_value != "off" else None
    if value is not None:
        state.tag.test_value = value
    return state
