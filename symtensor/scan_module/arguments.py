"""The arguments of `scan` in one form: sequences, initial states, numbers of steps.

In: what the user gave, in any of the forms that `scan` documents. Out: dataclasses. Refused, with the reasons that the
user needs: taps that make no sense, states without initial value, numbers of steps that are none.
"""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Variable
from symtensor.graph.test_values import get_test_value
from symtensor.tensor.basic import as_tensor_variable, maximum, minimum, shape_padleft, unbroadcast

__all__ = [
    "OutputInfo", "SequenceInfo", "initial_rows", "number_of_steps", "output_infos", "row_variable", "rows_for",
    "sequence_infos", "steps_given", "test_value",
]

_logger = logging.getLogger("symtensor.scan_module.scan")


@dataclass(frozen=True)
class SequenceInfo:
    """An array, the taps with which steps read it, and its rows from the first that any tap reads to the last."""

    array: Any
    taps: tuple[int, ...]
    rows: Any

    @property
    def spread(self) -> int:
        """How many rows more than steps are read."""
        return max(self.taps) - min(self.taps)

    @property
    def n_steps(self) -> Any:
        """For how many steps there are rows."""
        n_rows = self.rows.shape[0]
        return maximum(n_rows - self.spread, 0) if self.spread else n_rows


@dataclass(frozen=True)
class OutputInfo:
    """An output's initial state and taps; no taps for an output that no step reads."""

    initial: Any = None
    taps: tuple[int, ...] = ()

    @property
    def depth(self) -> int:
        """How many initial rows there are."""
        return -min(self.taps)


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _taps(given: Any) -> tuple[int, ...]:
    return tuple(int(tap) for tap in given) if isinstance(given, (list, tuple, np.ndarray)) else (int(given),)


def sequence_infos(sequences: Any, go_backwards: bool) -> list[SequenceInfo]:
    """`sequences` as `scan` takes them: arrays, or dicts with `input` and `taps`.

    A tap says which row a step reads, relative to the step. Where taps are negative the first step is the one for which
    all rows exist. Backwards, the rows are turned round, and what was before is after.
    """
    result = []
    for given in _listed(sequences):
        taps: Any = None
        if isinstance(given, dict):
            array, taps = given["input"], given.get("taps")
        else:
            array = given
        if array is None:
            raise TypeError("None cannot be a sequence of scan: it has no rows")
        array = as_tensor_variable(array)
        if array.type.ndim == 0:
            raise IndexError(f"too many indices for array: scan steps through the rows of {array}, which is a scalar")
        steps = (0,) if taps is None else _taps(taps)
        lowest, highest = min(0, *steps), max(0, *steps)
        first, last = min(steps) - lowest, max(steps) - highest
        rows = array[first: last or None] if first or last else array
        if go_backwards:
            rows = rows[::-1]
            steps = tuple(-tap for tap in steps)
        result.append(SequenceInfo(array, steps, rows))
    return result


def output_infos(outputs_info: Any) -> list[OutputInfo]:
    """`outputs_info` as `scan` takes it: initial states, dicts with `initial` and `taps`, or None."""
    result = []
    for i, given in enumerate(_listed(outputs_info)):
        if given is None:
            result.append(OutputInfo())
            continue
        if not isinstance(given, dict):
            result.append(OutputInfo(_variable(given), (-1,)))
            continue
        if given.get("return_steps") is not None:
            raise ValueError(
                "Using `return_steps` has been deprecated. Simply select the entries you need using a subtensor. Scan "
                "will optimize memory consumption, so do not worry about that."
            )
        initial, taps = given.get("initial"), given.get("taps")
        if initial is None:
            if taps is not None:
                raise ValueError(
                    "If you are using slices of an output you need to provide a initial state for it", given
                )
            result.append(OutputInfo())
            continue
        initial = _variable(initial)
        if taps is None:
            if "taps" in given:
                _logger.warning(
                    "Output %s ( index %d) has a initial state but taps is explicitly set to None ", initial.name, i
                )
            taps = (-1,)
        steps = _taps(taps)
        if any(tap >= 0 for tap in steps):
            raise ValueError("All the tap values must be smaller than 0.", given)
        result.append(OutputInfo(initial, steps))
    return result


def _variable(x: Any) -> Any:
    return x if isinstance(x, Variable) and hasattr(x.type, "broadcastable") else as_tensor_variable(x)


def initial_rows(info: OutputInfo) -> Any:
    """The rows before the first step, the oldest first."""
    if info.taps == (-1,):
        return unbroadcast(shape_padleft(info.initial), 0)
    if info.initial.type.ndim == 0:
        raise IndexError(
            f"too many indices for array: the initial state of an output with taps {list(info.taps)} has one row for "
            f"each step before the first, but {info.initial} is a scalar"
        )
    return info.initial[: info.depth]


def row_variable(name: str | None, tap: int, rows: Any, first: int) -> Any:
    """What the body sees of an array: a variable like one of its rows, with a name like `x[t-1]`. `first`: which row
    the first step reads."""
    if name:
        name = f"{name}[t{tap:+d}]" if tap else f"{name}[t]"
    row = rows.type.clone(broadcastable=rows.type.broadcastable[1:])(name=name)
    value = test_value(rows) if config.compute_test_value != "off" else None
    if value is not None and first < len(value):
        row.tag.test_value = value[first]
    return row


def test_value(x: Any) -> Any:
    """The test value of a variable, or None."""
    try:
        return get_test_value(x)
    except AttributeError:
        return None


def steps_given(n_steps: Any) -> Any:
    """The number of steps that the user wants as an int or an int64 scalar; None where it follows from the sequences.

    TypeError for numbers that are no integers, ValueError for variables that are no integer scalars.
    """
    if n_steps is None:
        return None
    if isinstance(n_steps, (float, np.floating)):
        raise TypeError("Expected an integer")
    if isinstance(n_steps, (int, np.integer)):
        return int(n_steps)
    n_steps = as_tensor_variable(n_steps)
    if not n_steps.type.dtype.startswith(("int", "uint")):
        raise ValueError(f" n_steps must be an int. dtype provided is {n_steps.type.dtype}")
    if n_steps.type.ndim:
        raise ValueError(f"n_steps must be a scalar, not {n_steps} of type {n_steps.type}")
    return n_steps if n_steps.type.dtype == "int64" else n_steps.astype("int64")


def number_of_steps(given: Any, sequences: Sequence[SequenceInfo]) -> Any:
    """As many steps as the user said, or as all sequences have rows for."""
    if given is not None:
        return as_tensor_variable(np.asarray(given, dtype="int64")) if isinstance(given, int) else given
    if not sequences:
        raise ValueError(
            "No information about the number of steps provided. Either provide a value for n_steps argument of scan or "
            "provide an input sequence"
        )
    result = sequences[0].n_steps
    for sequence in sequences[1:]:
        result = minimum(result, sequence.n_steps)
    return result


def rows_for(sequence: SequenceInfo, n_steps: Any, exact: bool) -> Any:
    """The rows that `n_steps` steps read. `exact`: the array is known to have no more."""
    return sequence.rows if exact else sequence.rows[: n_steps + sequence.spread]
