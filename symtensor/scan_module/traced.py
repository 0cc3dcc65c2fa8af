"""A scan's values in every step, where the gradient needs those that the loop does not keep.

In: a scan's op, inputs and outputs. Out: traces. What the loop keeps is taken from its outputs; for carried arrays, and
for arrays that a step computes from carried objects (draws from a random state), the loop is written a second time with
these as further outputs. It does the same steps and draws the same numbers.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.graph.basic import Variable
from symtensor.scan_module.info import ScanInfo
from symtensor.tensor.basic import shape_padleft

__all__ = ["Traced"]


class Traced:
    """Traces of a scan's states and inner values; `outputs` are the node's own outputs."""

    def __init__(self, op: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.op = op
        self.info: ScanInfo = op.info
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.kept_inside = _from_objects(op)
        self._arrays = [s for s in range(self.info.n_shared) if _is_array(op.info.inner_inputs(op.inputs).shared[s])]
        self._twin: list[Any] | None = None

    def length(self) -> Any:
        """How many steps the loop did, from the length of a trace."""
        trace = self.outputs[0] if self.info.n_traces else self.twin()[0]
        return trace.shape[0]

    def trace(self, state: Any) -> tuple[Any, Any]:
        """(trace, initial rows) of a state: `state.output` is its number among the recurrent or the carried ones."""
        if not state.carried:
            return self.outputs[state.output], state.initial
        found = self.twin()[len(self.info.recurrent) + self._arrays.index(state.output)]
        return found, shape_padleft(state.initial)

    def inside(self, x: Variable) -> Any:
        """The trace of one of `kept_inside`."""
        n = self.info.n_traces + len(self._arrays)
        return self.twin()[n + self.kept_inside.index(x)]

    def twin(self) -> list[Any]:
        """The outputs of the loop with carried arrays as recurrent states and `kept_inside` as untapped outputs."""
        if self._twin is None:
            self._twin = self._second_loop()
        return self._twin

    def _second_loop(self) -> list[Any]:
        op, info = self.op, self.info
        inner, new, outer = info.inner_inputs(op.inputs), info.inner_outputs(op.outputs), info.outer_inputs(self.inputs)
        objects = [s for s in range(info.n_shared) if s not in self._arrays]
        second = ScanInfo(
            sequences=info.sequences,
            recurrent=(*info.recurrent, *[(-1,) for _ in self._arrays]),
            n_untapped=info.n_untapped + len(self.kept_inside),
            n_shared=len(objects),
            n_non_sequences=info.n_non_sequences,
            until=info.until,
        )
        slices = [x for group in (*inner.sequences, *inner.recurrent) for x in group]
        inputs = [
            *slices, *[inner.shared[s] for s in self._arrays], *[inner.shared[s] for s in objects], *inner.non_sequences
        ]
        outputs = [
            *new.recurrent, *[new.shared[s] for s in self._arrays], *new.untapped, *self.kept_inside,
            *[new.shared[s] for s in objects], *([new.condition] if info.until else []),
        ]
        return op.like(inputs, outputs, second)(
            outer.n_steps, *outer.sequences, *outer.initial, *[shape_padleft(outer.shared[s]) for s in self._arrays],
            *[outer.shared[s] for s in objects], *outer.non_sequences, return_list=True,
        )


def _is_array(x: Any) -> bool:
    return hasattr(x.type, "broadcastable")


def _from_objects(op: Any) -> list[Any]:
    """The arrays that nodes of the step compute from carried objects."""
    objects = {x for x in op.info.inner_inputs(op.inputs).shared if not _is_array(x)}
    found = []
    if objects:
        for node in op.inner_nodes:
            if any(x in objects for x in node.inputs):
                objects.update(x for x in node.outputs if not _is_array(x))
                found += [x for x in node.outputs if _is_array(x)]
    return found
