"""`Rop` of a scan: the same loop with a direction beside each value that moves.

In: a scan's op, its inputs and a direction (or None) for each. Out: the direction in which each output moves, or None.
Integers and objects do not move; with a condition the loop ends where it ended before.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.config import change_flags
from symtensor.gradient.directional import Rop
from symtensor.gradient.terms import is_continuous
from symtensor.scan_module.info import ScanInfo
from symtensor.tensor.basic import patternbroadcast

__all__ = ["pushforward"]


def pushforward(op: Any, inputs: Sequence[Any], points: Sequence[Any]) -> list[Any]:
    """The directions of a scan's outputs, given those of its inputs."""
    info: ScanInfo = op.info
    pattern = op.connection_pattern(None)
    n_outputs = info.n_traces + info.n_shared
    given = [p is not None and is_continuous(x) for x, p in zip(inputs, points)]
    reached = [any(g and row[o] for g, row in zip(given, pattern)) for o in range(n_outputs)]
    outer, inner, new = info.outer_inputs(inputs), info.inner_inputs(op.inputs), info.inner_outputs(op.outputs)
    points_of, moves = info.outer_inputs(points), info.outer_inputs(given)
    states_move = [
        is_continuous(x) and (m or r)
        for x, m, r in zip(new.recurrent + new.shared, moves.initial + moves.shared,
                           reached[: len(info.recurrent)] + reached[info.n_traces:])
    ]
    n = len(info.recurrent)
    recurrent, shared = _where(states_move[:n]), _where(states_move[n:])
    sequences, non_sequences = _where(moves.sequences), _where(moves.non_sequences)
    untapped = [u for u in range(info.n_untapped) if reached[n + u] and is_continuous(new.untapped[u])]

    wrt = [x for i in sequences for x in inner.sequences[i]] + [x for r in recurrent for x in inner.recurrent[r]]
    wrt += [inner.shared[s] for s in shared] + [inner.non_sequences[j] for j in non_sequences]
    directions = [x.type() for x in wrt]
    ends = [new.recurrent[r] for r in recurrent] + [new.untapped[u] for u in untapped] + [new.shared[s] for s in shared]
    if not ends:
        return [None] * n_outputs
    with change_flags(compute_test_value="off"):  # the directions of a step have no test values
        moved = Rop(ends, wrt, directions, disconnected_outputs="ignore", return_disconnected="zero")
        moved = [patternbroadcast(m.astype(x.type.dtype), x.type.broadcastable) for m, x in zip(moved, ends)]
    n_recurrent, n_untapped = len(recurrent), len(untapped)

    second = ScanInfo(
        sequences=(*info.sequences, *[info.sequences[i] for i in sequences]),
        recurrent=(*info.recurrent, *[info.recurrent[r] for r in recurrent]),
        n_untapped=info.n_untapped + n_untapped,
        n_shared=info.n_shared + len(shared),
        n_non_sequences=info.n_non_sequences + len(non_sequences),
        until=info.until,
    )
    rest = iter(directions)
    tangents = [
        [next(rest) for i in sequences for _ in info.sequences[i]],
        [next(rest) for r in recurrent for _ in info.recurrent[r]],
        [next(rest) for _ in shared],
        [next(rest) for _ in non_sequences],
    ]
    flat = [[x for group in inner.sequences for x in group], [x for group in inner.recurrent for x in group],
            inner.shared, inner.non_sequences]
    inner_inputs = [x for old, added in zip(flat, tangents) for x in (*old, *added)]
    inner_outputs = [
        *new.recurrent, *moved[:n_recurrent], *new.untapped, *moved[n_recurrent: n_recurrent + n_untapped],
        *new.shared, *moved[n_recurrent + n_untapped:], *([new.condition] if info.until else []),
    ]
    results = op.like(inner_inputs, inner_outputs, second, name=f"rop_of_{op.name or 'scan_fn'}")(
        outer.n_steps,
        *outer.sequences, *[points_of.sequences[i] for i in sequences],
        *outer.initial, *[_point(outer.initial[r], points_of.initial[r]) for r in recurrent],
        *outer.shared, *[_point(outer.shared[s], points_of.shared[s]) for s in shared],
        *outer.non_sequences, *[points_of.non_sequences[j] for j in non_sequences],
        return_list=True,
    )
    found = second.outer_outputs(results)
    answer: list[Any] = [None] * n_outputs
    for r, x in zip(recurrent, found.recurrent[n:]):
        answer[r] = x
    for u, x in zip(untapped, found.untapped[info.n_untapped:]):
        answer[n + u] = x
    for s, x in zip(shared, found.shared[info.n_shared:]):
        answer[info.n_traces + s] = x
    return answer


def _where(flags: Sequence[bool]) -> list[int]:
    return [i for i, flag in enumerate(flags) if flag]


def _point(x: Any, point: Any) -> Any:
    return x.zeros_like() if point is None else point
