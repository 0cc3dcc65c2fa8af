"""The gradient of a scan: another scan that runs backwards.

In: a scan's op, its inputs and outputs and the gradients of its outputs. Out: the gradients of its inputs. The backward
step is what `grad` says of the forward step:

    gradient of a state     a recurrent state with deepest tap -k has k pending gradients, those of the values that 1, 2
                            .. k steps of the forward loop have still to read backwards; each step completes the first,
                            and the others move up by one. They are carried values: their last ones are the gradients of
                            the initial rows
    ... of a sequence       untapped outputs, one for each tap, put back in their places afterwards
    ... of a non-sequence   a carried sum

What the backward step needs of the forward one comes in as sequences: inputs of the step, and its outputs where a
derivative is written in terms of them. Values that the forward loop hands on without keeping them (carried arrays, and
what is computed from carried objects like random states) are had from `traced`, the same loop with more outputs.

With `truncate_gradient` the backward loop does no more than that many steps; what it does not reach has gradient 0.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from symtensor.config import change_flags
from symtensor.gradient.directional import entering
from symtensor.gradient.reverse import grad, zeros_like_gradient
from symtensor.gradient.terms import is_continuous, is_disconnected, is_null
from symtensor.graph.basic import Constant
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.traversal import ancestors
from symtensor.scan_module.info import ScanInfo
from symtensor.scan_module.traced import Traced
from symtensor.tensor.basic import gt, join, minimum, patternbroadcast, shape_padleft, switch
from symtensor.tensor.subtensor import inc_subtensor
from symtensor.tensor.undefined import grad_undefined

__all__ = ["pullback"]


@dataclass
class _State:
    """A recurrent state, or a carried array seen as one with tap -1."""

    place: int                  # among the node's inputs
    output: int                 # among the node's outputs
    taps: tuple[int, ...]
    slices: list[Any]           # inner inputs, one per tap
    new: Any                    # inner output
    initial: Any                # outer input
    carried: bool
    pending: list[Any] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return -min(self.taps)


def pullback(op: Any, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
    """The gradients of a scan's inputs. See the module's text."""
    return _Pullback(op, inputs, outputs, output_grads).results()


class _Pullback:
    def __init__(self, op: Any, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> None:
        info: ScanInfo = op.info
        self.op, self.info = op, info
        self.inputs = list(inputs)
        self.grads = list(output_grads)
        self.flows = [not is_disconnected(g) for g in output_grads]
        self.pattern = op.connection_pattern(None)
        self.inner = info.inner_inputs(op.inputs)
        self.new = info.inner_outputs(op.outputs)
        self.outer = info.outer_inputs(inputs)
        self.traced = Traced(op, inputs, outputs)
        self.states = self._states()
        self.active = self._active()
        # The backward loop: (array, taps, inner variables), carried (inner variable, start, new), untapped outputs.
        self.sequences: list[tuple[Any, tuple[int, ...], list[Any]]] = []
        self.carried: list[tuple[Any, Any, Any]] = []
        self.untapped: list[Any] = []

    # -- which gradients flow ----------------------------------------------------------------------------------------

    def _states(self) -> list[_State]:
        info = self.info
        first = 1 + len(info.sequences)
        states = [
            _State(first + r, r, taps, self.inner.recurrent[r], self.new.recurrent[r], self.outer.initial[r], False)
            for r, taps in enumerate(info.recurrent)
        ]
        first += len(info.recurrent)
        states += [
            _State(first + s, info.n_traces + s, (-1,), [x], self.new.shared[s], self.outer.shared[s], True)
            for s, x in enumerate(self.inner.shared)
        ]
        return [state for state in states if is_continuous(state.new)]

    def _active(self) -> list[_State]:
        """The states whose gradient is not known to be zero in every step."""
        return [s for s in self.states if any(c and f for c, f in zip(self.pattern[s.place], self.flows))
                or self.flows[s.output]]

    # -- numbers of steps --------------------------------------------------------------------------------------------

    @property
    def n_forward(self) -> Any:
        """How many steps the forward loop did."""
        return self.traced.length() if self.info.until else self.outer.n_steps

    @property
    def truncated(self) -> bool:
        return self.op.truncate_gradient >= 0

    @property
    def n_backward(self) -> Any:
        return minimum(self.n_forward, self.op.truncate_gradient) if self.truncated else self.n_forward

    # -- sequences of the backward loop ------------------------------------------------------------------------------

    def _backwards(self, rows: Any, spread: int = 0) -> Any:
        """Rows in the order in which the backward loop reads them, no more of them than it reads."""
        rows = rows[::-1]
        return rows[: self.n_backward + spread] if self.truncated else rows

    def _read(self, rows: Any, taps: tuple[int, ...], variables: list[Any]) -> None:
        """`rows` begin with what step 0 of the forward loop reads for the lowest tap and end with what its last step
        reads for the highest."""
        self.sequences.append((self._backwards(rows, max(taps) - min(taps)), tuple(-tap for tap in taps), variables))

    def _read_sequence(self, i: int, needed: list[int]) -> None:
        taps = self.info.sequences[i]
        kept = [taps[k] for k in needed]
        first, last = min(kept) - min(taps), max(kept) - min(taps)
        rows = self.outer.sequences[i]
        if self.info.until:
            rows = rows[first: self.n_forward + last]
        elif first or last != self.info.spread(i):
            rows = rows[first: last - self.info.spread(i) or None]
        self._read(rows, tuple(kept), [self.inner.sequences[i][k] for k in needed])

    def _read_state(self, state: _State, needed: list[int], new: bool) -> None:
        taps = [state.taps[k] for k in needed] + [0] * new
        variables = [state.slices[k] for k in needed] + [state.new] * new
        trace, initial = self.traced.trace(state)
        rows = trace
        if needed:
            rows = join(0, initial, trace)
            first, last = min(taps) + state.depth, max(taps)
            if first or last:
                rows = rows[first: last or None]
        self._read(rows, tuple(taps), variables)

    # -- the backward step -------------------------------------------------------------------------------------------

    def results(self) -> list[Any]:
        cotangents = self._cotangents()
        wrt = [x for x in self.op.inputs if is_continuous(x)]
        found: dict[Any, Any] = {}
        if cotangents and wrt:
            with _inside_the_step():
                found = dict(zip(wrt, grad(
                    None, wrt, known_grads=entering([x for x, _ in cotangents], [g for _, g in cotangents]),
                    disconnected_inputs="ignore", return_disconnected="Disconnected", null_gradients="return",
                )))
        found = {x: g for x, g in found.items() if not is_disconnected(g)}
        null = next((found[x] for s in self.active for x in s.slices if x in found and is_null(found[x])), None)
        if null is not None:
            return self._by_pattern([null] * len(self.inputs))
        return self._by_pattern(self._run(found))

    def _cotangents(self) -> list[tuple[Any, Any]]:
        """Outputs of the step and their gradients, as variables of the backward step."""
        result = []
        for state in self.active:
            state.pending = [state.slices[0].type() for _ in range(state.depth)]
            total = state.pending[0]
            if self.flows[state.output] and not state.carried:
                row = self._row_of_gradient(state.output, state.new)
                with _inside_the_step():
                    total = row + total
            result.append((state.new, total))
        n = len(self.info.recurrent)
        for u, x in enumerate(self.new.untapped):
            if self.flows[n + u] and is_continuous(x):
                result.append((x, self._row_of_gradient(n + u, x)))
        return result

    def _row_of_gradient(self, output: int, x: Any) -> Any:
        g = self.grads[output]
        if g.type.dtype != x.type.dtype:
            g = g.astype(x.type.dtype)
        g = _as_pattern(g, (g.type.broadcastable[0], *x.type.broadcastable))
        row = x.type()
        self._read(g, (0,), [row])
        return row

    def _run(self, found: dict[Any, Any]) -> list[Any]:
        results: list[Any] = [None] * len(self.inputs)
        for state in self.active:
            by_tap = dict(zip(state.taps, state.slices))
            for i, p in enumerate(state.pending, start=1):
                parts = [state.pending[i]] if i < state.depth else []
                parts += [found[x] for x in [by_tap.get(-i)] if x in found]
                with _inside_the_step():
                    new = parts[0] + parts[1] if len(parts) == 2 else parts[0] if parts else p.zeros_like()
                self.carried.append((p, self._start(state, i), new))
        slices: list[tuple[int, int, Any]] = []
        for i, variables in enumerate(self.inner.sequences):
            for k, x in enumerate(variables):
                if x not in found:
                    continue
                if is_null(found[x]):
                    results[1 + i] = found[x]
                else:
                    slices.append((i, self.info.sequences[i][k] - min(self.info.sequences[i]), found[x]))
        self.untapped = [g for _, _, g in slices]
        sums: list[tuple[int, Any]] = []
        place = len(self.inputs) - self.info.n_non_sequences
        for j, x in enumerate(self.inner.non_sequences):
            if x in found:
                if is_null(found[x]):
                    results[place + j] = found[x]
                    continue
                total = x.type()
                with _inside_the_step():
                    new = total + found[x]
                self.carried.append((total, self.outer.non_sequences[j].zeros_like(), new))
                sums.append((place + j, len(self.carried) - 1))
        if not self.carried and not self.untapped:
            return results
        traces, last = self._loop()
        for place, k in sums:
            results[place] = last[k]
        at = 0
        for state in self.active:
            results[state.place] = self._initial_gradient(state, last[at: at + state.depth])
            at += state.depth
        for (i, offset, _), trace in zip(slices, traces):
            if results[1 + i] is None or not is_null(results[1 + i]):
                results[1 + i] = self._put_back(i, offset, trace, results[1 + i])
        return results

    def _start(self, state: _State, i: int) -> Any:
        """A pending gradient before the backward loop: zero, or the gradient of a carried value's last one."""
        if not state.carried:
            return state.initial[0].zeros_like()
        if not self.flows[state.output]:
            return state.initial.zeros_like()
        return self.grads[state.output].astype(state.initial.type.dtype)

    def _loop(self) -> tuple[list[Any], list[Any]]:
        """The backward loop: traces of the untapped outputs, last carried values."""
        with _inside_the_step():
            outputs = self.untapped + [_in_type(new, x.type) for x, _, new in self.carried]
        needed = self._read_what_is_needed(outputs)
        sequences = [x for _, _, variables in self.sequences for x in variables]
        info = ScanInfo(
            sequences=tuple(taps for _, taps, _ in self.sequences), n_untapped=len(self.untapped),
            n_shared=len(self.carried), n_non_sequences=len(needed),
        )
        op = self.op.like(
            [*sequences, *[x for x, _, _ in self.carried], *needed], outputs, info,
            name=f"grad_of_{self.op.name or 'scan_fn'}", truncate_gradient=-1,
        )
        non_sequences = dict(zip(self.inner.non_sequences, self.outer.non_sequences))
        results = op(
            self.n_backward, *[rows for rows, _, _ in self.sequences],
            *[_in_type(start, x.type) for x, start, _ in self.carried],
            *[non_sequences[x] for x in needed], return_list=True,
        )
        return results[: len(self.untapped)], results[len(self.untapped):]

    def _read_what_is_needed(self, outputs: list[Any]) -> list[Any]:
        """Adds sequences for the values of the forward step that the backward step reads; returns the non-sequences
        that it reads."""
        kept = self.traced.kept_inside
        known = {*self.op.inputs, *self.new.recurrent, *self.new.untapped, *self.new.shared, *kept}
        found = [x for x in ancestors(outputs, known) if x in known and not isinstance(x, Constant)]
        places = {x: n for n, x in enumerate(found)}
        for i, variables in enumerate(self.inner.sequences):
            needed = [k for k, x in enumerate(variables) if x in places]
            if needed:
                self._read_sequence(i, needed)
            for x in variables:
                places.pop(x, None)
        states = self._states_with_trace()
        for state in states:
            needed = [k for k, x in enumerate(state.slices) if x in places]
            for x in state.slices:
                places.pop(x, None)
            new = state.new in places and state.new not in self.op.inputs
            if new:
                del places[state.new]
            if needed or new:
                self._read_state(state, needed, new)
        non_sequences = [x for x in self.inner.non_sequences if places.pop(x, None) is not None]
        n = len(self.info.recurrent)
        for u, x in enumerate(self.new.untapped):
            if places.pop(x, None) is not None:
                self._read(self.traced.outputs[n + u], (0,), [x])
        for x in kept:
            if places.pop(x, None) is not None:
                self._read(self.traced.inside(x), (0,), [x])
        return non_sequences

    def _states_with_trace(self) -> list[_State]:
        """All states that are arrays, whatever their dtype."""
        info = self.info
        states = [
            _State(0, r, taps, self.inner.recurrent[r], self.new.recurrent[r], self.outer.initial[r], False)
            for r, taps in enumerate(info.recurrent)
        ]
        return states + [
            _State(0, s, (-1,), [x], self.new.shared[s], self.outer.shared[s], True)
            for s, x in enumerate(self.inner.shared) if hasattr(x.type, "broadcastable")
        ]

    # -- after the loop ----------------------------------------------------------------------------------------------

    def _initial_gradient(self, state: _State, pending: list[Any]) -> Any:
        missed = self.n_forward - self.n_backward if self.truncated else None
        if state.carried:
            (g,) = pending
            return g if missed is None else switch(gt(missed, 0), g.zeros_like(), g)
        rows = [shape_padleft(g) for g in reversed(pending)]
        g = rows[0] if len(rows) == 1 else join(0, *rows)
        if missed is not None:
            missed = minimum(missed, state.depth)
            g = join(0, g.zeros_like()[:missed], g[: state.depth - missed])
        return g

    def _put_back(self, i: int, offset: int, trace: Any, so_far: Any) -> Any:
        """Adds what the backward loop found for one tap of sequence `i` in the places that the tap reads."""
        trace = trace[::-1]
        spread = self.info.spread(i)
        whole = not self.info.until and not self.truncated
        if whole and not spread and so_far is None:
            return trace
        rows = self.outer.sequences[i].zeros_like() if so_far is None else so_far
        if whole:
            return inc_subtensor(rows[offset: offset - spread or None], trace)
        end = self.n_forward + offset
        return inc_subtensor(rows[end - self.n_backward: end], trace)

    def _by_pattern(self, results: list[Any]) -> list[Any]:
        """Results that fit the connection pattern: zeros where the derivatives are, and no more than it promises."""
        final = []
        for i, (x, g) in enumerate(zip(self.inputs, results)):
            if not any(c and f for c, f in zip(self.pattern[i], self.flows)):
                final.append(DisconnectedType()())
            elif g is not None:
                final.append(g)
            elif hasattr(x, "zeros_like") and hasattr(x.type, "broadcastable"):
                final.append(zeros_like_gradient(x))
            else:
                final.append(grad_undefined(self.op, i, x))
        return final


def _inside_the_step() -> Any:
    """Variables of the backward step have no test values."""
    return change_flags(compute_test_value="off")


def _in_type(g: Any, kind: Any) -> Any:
    return _as_pattern(g if g.type.dtype == kind.dtype else g.astype(kind.dtype), kind.broadcastable)


def _as_pattern(g: Any, pattern: tuple[bool, ...]) -> Any:
    return g if g.type.broadcastable == pattern else patternbroadcast(g, pattern)
