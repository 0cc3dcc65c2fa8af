"""The meaning of a scan: one step after the other, in Python.

In: the slots, a function that computes one step, and the values of a node's inputs. Out: the values of its outputs.
Compiled loops are compared with this. Refused: a negative number of steps (IndexError), sequences and initial states of
the wrong length, and rows of a trace or values of a carried array that differ in shape (ValueError).
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor.scan_module.info import ScanInfo

__all__ = ["run_steps"]


class _Trace:
    """The rows of one output, in an array that is made when the first row is known."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.rows: np.ndarray | None = None

    def put(self, t: int, row: Any) -> None:
        row = np.asarray(row)
        if self.rows is None:
            self.rows = np.empty((self.n_steps, *row.shape), dtype=row.dtype)
        elif self.rows.shape[1:] != row.shape:
            raise ValueError(
                f"the values that one output of scan takes must all have one shape: step {t} gave shape {row.shape}, "
                f"the step before it {self.rows.shape[1:]}"
            )
        self.rows[t] = row


def run_steps(
    info: ScanInfo,
    step: Callable[[Sequence[Any]], Sequence[Any]],
    values: Sequence[Any],
    empty_trace: Callable[[int, Sequence[Any]], np.ndarray],
) -> list[Any]:
    """The outputs for the given input values. `empty_trace(i, values)` is trace i of a loop that does no step."""
    outer = info.outer_inputs(values)
    n_steps = int(outer.n_steps)
    check_lengths(info, values)
    histories = [list(rows) for rows in outer.initial]
    carried = list(outer.shared)
    traces = [_Trace(n_steps) for _ in range(info.n_traces)]
    done = 0
    while done < n_steps:
        inputs: list[Any] = []
        for taps, rows in zip(info.sequences, outer.sequences):
            inputs += [np.asarray(rows[done + tap - min(taps)]) for tap in taps]
        for taps, rows in zip(info.recurrent, histories):
            inputs += [np.asarray(rows[tap]) for tap in taps]
        new = info.inner_outputs(step([*inputs, *carried, *outer.non_sequences]))
        for trace, row in zip(traces, [*new.recurrent, *new.untapped]):
            trace.put(done, row)
        for history, row, initial in zip(histories, new.recurrent, outer.initial):
            if np.shape(row) != np.shape(initial)[1:]:
                raise ValueError(
                    f"a recurrent state of scan changed its shape from {np.shape(initial)[1:]} to {np.shape(row)} in "
                    f"step {done}"
                )
            history.append(row)
            del history[0]
        for old, value in zip(carried, new.shared):
            if isinstance(old, np.ndarray) and old.shape != np.shape(value):
                raise ValueError(
                    f"a value that scan carries from step to step changed its shape from {old.shape} to "
                    f"{np.shape(value)} in step {done}"
                )
        carried = list(new.shared)
        done += 1
        if info.until and np.any(new.condition):
            break
    found = [empty_trace(i, values) if t.rows is None else _cut(t.rows, done) for i, t in enumerate(traces)]
    # A step may hand on what it was given: a result shares no memory with an input.
    return found + [np.array(v) if isinstance(v, np.ndarray) and _is_given(v, values) else v for v in carried]


def _is_given(value: np.ndarray, values: Sequence[Any]) -> bool:
    return any(isinstance(v, np.ndarray) and np.may_share_memory(value, v) for v in values)


def _cut(rows: np.ndarray, done: int) -> np.ndarray:
    return rows if len(rows) == done else rows[:done].copy()


def check_lengths(info: ScanInfo, values: Sequence[Any]) -> None:
    """Whether the values have the rows that the steps read."""
    outer = info.outer_inputs(values)
    n_steps = int(outer.n_steps)
    if n_steps < 0:
        raise IndexError(f"Scan was asked to run for negative number of step {n_steps}")
    for i, rows in enumerate(outer.sequences):
        wanted = n_steps + info.spread(i)
        if n_steps and len(rows) != wanted:
            relation = "shorter then" if len(rows) < wanted else "longer than"
            raise ValueError(
                f"Sequence is {relation} the required number of steps : (n_steps, seq, seq.shape):",
                n_steps, i, np.shape(rows),
            )
    for r, rows in enumerate(outer.initial):
        if len(rows) != info.depth(r):
            raise ValueError(
                f"the initial state of a recurrent output with taps {info.recurrent[r]} needs {info.depth(r)} rows, "
                f"one for each step before the first, but has {len(rows)}"
            )
