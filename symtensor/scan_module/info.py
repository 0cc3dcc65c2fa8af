"""What slots a scan has, and how flat lists of variables are split by slot.

In: the numbers of slots and their taps (`ScanInfo`), and a flat list of inner or outer variables or values in the order
that `scan_op` describes. Out: the same list as named parts. Nothing is checked here beyond the taps themselves.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["InnerInputs", "InnerOutputs", "OuterInputs", "OuterOutputs", "ScanInfo"]


class InnerInputs(NamedTuple):
    """Inner inputs by slot: one list of taps for each sequence and each recurrent state."""

    sequences: list[list[Any]]
    recurrent: list[list[Any]]
    shared: list[Any]
    non_sequences: list[Any]


class InnerOutputs(NamedTuple):
    """Inner outputs by slot; `condition` is None unless the scan may end early."""

    recurrent: list[Any]
    untapped: list[Any]
    shared: list[Any]
    condition: Any


class OuterInputs(NamedTuple):
    """The inputs of a node by slot; `initial` holds the rows before the first step of each recurrent state."""

    n_steps: Any
    sequences: list[Any]
    initial: list[Any]
    shared: list[Any]
    non_sequences: list[Any]


class OuterOutputs(NamedTuple):
    """The outputs of a node by slot: traces, traces, final values."""

    recurrent: list[Any]
    untapped: list[Any]
    shared: list[Any]


@dataclass(frozen=True)
class ScanInfo:
    """The slots of a scan.

    sequences        for each sequence its taps, in the order of the inner inputs. Step t reads for tap k the row
                     `t + k - min(taps)` of the array
    recurrent        for each state with a trace its taps, all negative: what step t reads was computed at step t + tap,
                     or is row `t + tap - min(taps)` of the initial rows
    n_untapped       outputs of which every step's value is kept, and that no step reads
    n_shared         values of any type that are handed from step to step and of which only the last is kept
    n_non_sequences  values that are the same in every step
    until            whether the last inner output is a condition that ends the loop after the step in which it holds
    """

    sequences: tuple[tuple[int, ...], ...] = ()
    recurrent: tuple[tuple[int, ...], ...] = ()
    n_untapped: int = 0
    n_shared: int = 0
    n_non_sequences: int = 0
    until: bool = False

    def __post_init__(self) -> None:
        for taps in (*self.sequences, *self.recurrent):
            if not taps:
                raise ValueError("every sequence and every recurrent state needs at least one tap")
        if any(tap >= 0 for taps in self.recurrent for tap in taps):
            raise ValueError(f"All the tap values must be smaller than 0, got {self.recurrent}")

    @property
    def n_inner_inputs(self) -> int:
        """How many inputs the inner graph has."""
        return sum(map(len, self.sequences)) + sum(map(len, self.recurrent)) + self.n_shared + self.n_non_sequences

    @property
    def n_inner_outputs(self) -> int:
        """How many outputs the inner graph has."""
        return len(self.recurrent) + self.n_untapped + self.n_shared + self.until

    @property
    def n_outer_inputs(self) -> int:
        """How many inputs a node has."""
        return 1 + len(self.sequences) + len(self.recurrent) + self.n_shared + self.n_non_sequences

    @property
    def n_traces(self) -> int:
        """How many outputs of a node are traces; they come first."""
        return len(self.recurrent) + self.n_untapped

    def spread(self, i: int) -> int:
        """How many rows more than steps sequence `i` has."""
        return max(self.sequences[i]) - min(self.sequences[i])

    def depth(self, r: int) -> int:
        """How many initial rows recurrent state `r` has."""
        return -min(self.recurrent[r])

    def inner_inputs(self, flat: Sequence[Any]) -> InnerInputs:
        """A list in the order of the inner inputs, by slot."""
        rest = iter(flat)
        return InnerInputs(
            [[next(rest) for _ in taps] for taps in self.sequences],
            [[next(rest) for _ in taps] for taps in self.recurrent],
            [next(rest) for _ in range(self.n_shared)],
            list(rest),
        )

    def inner_outputs(self, flat: Sequence[Any]) -> InnerOutputs:
        """A list in the order of the inner outputs, by slot."""
        rest = iter(flat)
        return InnerOutputs(
            [next(rest) for _ in self.recurrent],
            [next(rest) for _ in range(self.n_untapped)],
            [next(rest) for _ in range(self.n_shared)],
            next(rest) if self.until else None,
        )

    def outer_inputs(self, flat: Sequence[Any]) -> OuterInputs:
        """A list in the order of a node's inputs, by slot."""
        rest = iter(flat)
        return OuterInputs(
            next(rest),
            [next(rest) for _ in self.sequences],
            [next(rest) for _ in self.recurrent],
            [next(rest) for _ in range(self.n_shared)],
            list(rest),
        )

    def outer_outputs(self, flat: Sequence[Any]) -> OuterOutputs:
        """A list in the order of a node's outputs, by slot."""
        rest = iter(flat)
        return OuterOutputs(
            [next(rest) for _ in self.recurrent], [next(rest) for _ in range(self.n_untapped)], list(rest)
        )
