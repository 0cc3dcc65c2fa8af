"""Values of which only the last rows are read: a loop need not keep the others.

In: a scan's node in a graph. Out: the node of a scan that carries the last rows of such values from step to step, and
what their readers read now. `h[-1]`, `h[-k]` and `h[-k:]` with a small known k are such readers. Where
fewer steps are done than rows are read, readers find as many rows as there would have been.

Not changed: values that something else reads too, the backward loop of a gradient above all, and collected values
whose sizes do not follow from those of the loop's inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.traversal import ancestors
from symtensor.rewrite.rules.turned import number
from symtensor.tensor.basic import alloc, join, maximum, patternbroadcast, shape_padleft, zeros_like
from symtensor.tensor.basic_indexing import Subtensor, get_idx_list
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.sizes import ShapeError

__all__ = ["only_the_last_rows_are_kept"]

_MOST_ROWS = 8


def only_the_last_rows_are_kept(node: Any) -> tuple[Apply, dict[Variable, Variable]] | None:
    """The new node; old results, or what is read of them -> new variables. None where nothing changes."""
    info = node.op.info
    inner, outer = info.inner_inputs(node.op.inputs), info.outer_inputs(node.inputs)
    made, results = info.inner_outputs(node.op.outputs), info.outer_outputs(node.outputs)
    short = {
        r: max(read, -min(taps))
        for r, (taps, trace) in enumerate(zip(info.recurrent, results.recurrent))
        if (read := _rows_read(trace, info.until)) is not None and max(read, -min(taps)) <= _MOST_ROWS
    }
    zeros = {
        u: row
        for u, trace in enumerate(results.untapped)
        if (_rows_read(trace, info.until) or _MOST_ROWS + 1) <= _MOST_ROWS
        and (row := _row_of_zeros(node, trace)) is not None
    }
    if not short and not zeros:
        return None
    # The values of the last steps, the newest first: each step puts the new one in front.
    carried: list[Variable] = []
    starts: list[Variable] = []
    new: list[Variable] = []
    counts: list[tuple[Variable, int]] = []  # each trace that is not kept, and how many rows of it are
    for r, kept in short.items():
        taps, initial = info.recurrent[r], outer.initial[r]
        depth = -min(taps)
        values = [inner.recurrent[r][taps.index(-k)] if -k in taps else made.recurrent[r].type() for k in
                  range(1, kept + 1)]
        carried += values
        starts += [initial[depth - k] if k <= depth else zeros_like(initial[0]) for k in range(1, kept + 1)]
        new += [made.recurrent[r], *values[:-1]]
        counts.append((results.recurrent[r], kept))
    for u, row in zeros.items():
        kept = _rows_read(results.untapped[u], info.until) or 1
        values = [made.untapped[u].type() for _ in range(kept)]
        carried += values
        starts += [row] * kept
        new += [made.untapped[u], *values[:-1]]
        counts.append((results.untapped[u], kept))
    long = [r for r in range(len(info.recurrent)) if r not in short]
    whole = [u for u in range(info.n_untapped) if u not in zeros]
    new_info = replace(
        info, recurrent=tuple(info.recurrent[r] for r in long), n_untapped=len(whole),
        n_shared=info.n_shared + len(carried),
    )
    slices = [v for group in (*inner.sequences, *(inner.recurrent[r] for r in long)) for v in group]
    condition = [made.condition] if info.until else []
    op = node.op.like(
        [*slices, *inner.shared, *carried, *inner.non_sequences],
        [*(made.recurrent[r] for r in long), *(made.untapped[u] for u in whole), *made.shared, *new, *condition],
        new_info,
    )
    scan = op.make_node(
        outer.n_steps, *outer.sequences, *(outer.initial[r] for r in long), *outer.shared, *starts,
        *outer.non_sequences,
    )
    found = new_info.outer_outputs(scan.outputs)
    now: dict[Variable, Variable] = {results.untapped[u]: v for u, v in zip(whole, found.untapped)}
    now.update(zip(results.shared, found.shared))
    now.update((results.recurrent[r], v) for r, v in zip(long, found.recurrent))
    last = iter(found.shared[info.n_shared:])
    for trace, kept in counts:
        rows = _rows([next(last) for _ in range(kept)], outer.n_steps)
        for client, _ in trace.clients:
            now[client.outputs[0]] = client.op(rows, *client.inputs[1:])
    return scan, now


def _row_of_zeros(node: Apply, trace: Variable) -> Variable | None:
    """A row like those of a trace; None where its sizes are known only when the loop has run."""
    try:
        sizes = ShapeEnv(node.inputs).shape(trace)[1:]
    except ShapeError:
        return None
    if any(v.owner is node for v in ancestors(list(sizes))):
        return None
    return patternbroadcast(alloc(np.zeros((), trace.type.dtype), *sizes), trace.type.broadcastable[1:])


def _rows(newest_first: Sequence[Any], n_steps: Any) -> Any:
    """The last values as rows, no more of them than steps were to be done."""
    rows = [shape_padleft(v) for v in reversed(newest_first)]
    kept = len(rows)
    return (rows[0] if kept == 1 else join(0, *rows))[maximum(0, kept - n_steps):]


def _rows_read(trace: Any, until: bool) -> int | None:
    """How many rows from the end on the readers look at; None if one may look at others. With `until` there may be
    fewer rows than steps, but not none: then the last one alone can be counted on."""
    most = 0
    for client, _ in trace.clients:
        if client == "output" or not isinstance(client.op, Subtensor) or client.inputs[0] is not trace:
            return None
        first = get_idx_list(client.inputs, client.op.idx_list)[0]
        if isinstance(first, slice):
            if first.stop is not None or first.step is not None:
                return None
            first = first.start
        place = number(first)
        if place is None or place >= 0:
            return None
        most = max(most, -place)
    return None if most == 0 or until and most > 1 else most
