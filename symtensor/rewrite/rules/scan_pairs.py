"""What one loop need not compute again because another loop has it.

In: the scans of a graph, their bodies as the user and `grad` wrote them. Out: fewer and cheaper ones.

  values of the forward loop   a gradient's loop runs backwards over the rows that the forward loop read and made, and
                               computes anew what its own step needs of the forward step. Where that costs more than
                               reading, the forward loop keeps the values of every step and the backward loop reads them
  a loop within another        the gradient of a carried array needs its value in every step, and writes the loop a
                               second time with more outputs (`scan_module.traced`); the first is then not needed

A step's values are the same in both loops where the nodes that compute them are: equal ops on equal inputs, beginning
with rows of the same arrays. What a loop in the body computes is not kept for the backward loop: `scan_checkpoints`
relies on its being computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symtensor.control.builders import OpFromGraph
from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.trace import spread_traces
from symtensor.graph.traversal import clone_get_equiv
from symtensor.rewrite.rules.support import of_row, same
from symtensor.rewrite.rules.turned import number, rows_of, turned
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.basic import join
from symtensor.tensor.basic_indexing import Subtensor
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.joining import Join
from symtensor.tensor.shape_ops import Rebroadcast, Reshape, Shape, Shape_i, SpecifyShape

__all__ = ["backward_loops_read_forward_values", "is_cheap", "loops_within_others_are_left_out"]

_CHEAP = {
    "abs_", "add", "and_", "cast", "ceil", "clip", "eq", "floor", "ge", "gt", "identity", "inv", "invert", "le", "lt",
    "maximum", "minimum", "mul", "neg", "neq", "or_", "second", "sgn", "sqr", "sub", "switch", "true_div", "xor",
}
_MOVES = (Subtensor, DimShuffle, Reshape, Join, Alloc, Shape, Shape_i, SpecifyShape, Rebroadcast)
_GRAPHS = (Scan, IfElse, OpFromGraph)


def loops_within_others_are_left_out(fgraph: Any) -> None:
    """Replaces the results of each scan by those of one that computes them too, if there is one."""
    scans = [node for node in fgraph.toposort() if isinstance(node.op, Scan)]
    for small in scans:
        for large in scans:
            results = None if large is small else _results_in(small, large)
            if results is not None:
                spread_traces(small.outputs, results)
                fgraph.replace_all(list(zip(small.outputs, results)), reason="loops_within_others_are_left_out")
                break


def backward_loops_read_forward_values(fgraph: Any) -> None:
    """Lets the loops of gradients read values of the steps of earlier loops. The last loops come first: what they need
    of a loop in between is a value that this one may read in its turn."""
    scans = [node for node in fgraph.toposort() if isinstance(node.op, Scan)]
    for k in reversed(range(len(scans))):
        for i in reversed(range(k)):
            pair = _shared_values(scans[i], scans[k])
            if pair is not None:
                scans[i], scans[k] = _changed(fgraph, scans[i], scans[k], pair)


# -- values of the forward loop ----------------------------------------------------------------------------------------


def _shared_values(forward: Apply, backward: Apply) -> dict[Variable, Variable] | None:
    """Values of the backward step that are worth reading, and which values of the forward step they are."""
    known = _same_rows(forward, backward)
    if not known:
        return None
    nodes = {_key(node, {}): node for node in reversed(forward.op.inner_nodes)}
    own = set(backward.op.inputs)
    shared: set[Apply] = set()
    for node in backward.op.inner_nodes:
        if all(v in known or isinstance(v, Constant) for v in node.inputs):
            twin = nodes.get(_key(node, known))
            if twin is not None:
                known.update(zip(node.outputs, twin.outputs))
                shared.add(node)
    stored: dict[Variable, frozenset[Variable]] = {}
    for node in backward.op.inner_nodes:  # inputs before what they are needed for
        if node in shared:
            below = frozenset().union(*(stored.get(v, frozenset()) for v in _read_values(node)))
            for v in node.outputs:
                collectable = hasattr(v.type, "broadcastable") and not isinstance(node.op, _GRAPHS)
                keep = collectable and (not is_cheap(node) or len(below) > 1)
                stored[v] = frozenset([v]) if keep else below
    read = [v for node in backward.op.inner_nodes if node not in shared for v in _read_values(node)]
    wanted = {v for start in [*read, *backward.op.outputs] for v in stored.get(start, ()) if v not in own}
    ordered = [v for node in backward.op.inner_nodes for v in node.outputs if v in wanted]
    return {v: known[v] for v in ordered} or None


def _key(node: Apply, known: dict[Variable, Variable]) -> Any:
    return node.op, tuple(v.signature() if isinstance(v, Constant) else known.get(v, v) for v in node.inputs)


def _read_values(node: Apply) -> Sequence[Variable]:
    """The inputs of which a node needs more than the sizes."""
    if isinstance(node.op, (Shape, Shape_i)):
        return ()
    if of_row(node.outputs[0], "second"):
        return node.inputs[1:]
    return node.inputs


def is_cheap(node: Apply) -> bool:
    """Whether computing once more takes no longer than writing and reading."""
    if isinstance(node.op, Elemwise):
        return getattr(node.op.scalar_op, "name", None) in _CHEAP or of_row(node.outputs[0], *_CHEAP) is not None
    return isinstance(node.op, (*_MOVES, *_GRAPHS))


def _same_rows(forward: Apply, backward: Apply) -> dict[Variable, Variable]:
    """What the backward step reads that is an input or a result of the forward step of the same row; nothing where
    the one does not undo the steps of the other from the last on."""
    first, second = forward.op.info, backward.op.info
    if first.until or second.until:
        return {}  # the number of steps is known only afterwards
    outer, inner = first.outer_inputs(forward.inputs), first.inner_inputs(forward.op.inputs)
    outer2, inner2 = second.outer_inputs(backward.inputs), second.inner_inputs(backward.op.inputs)
    cut = not same(outer.n_steps, outer2.n_steps)
    if cut and not _is_least(outer2.n_steps, outer.n_steps):
        return {}
    places = list(_rows_of_forward(forward))
    found: dict[Variable, Variable] = {}
    for taps, rows, array in zip(second.sequences, inner2.sequences, outer2.sequences):
        steps = -max(taps), -min(taps)
        source = turned(array, cut)
        if source is None:
            continue
        base, start, stop = _sliced(source)
        for place in places:
            # The array begins with what the first step reads for the lowest tap, and ends with the highest of the last.
            if place.is_array(base) and start == steps[0] - place.lowest and stop == steps[1] - place.highest:
                found.update((v, place.values[-tap]) for tap, v in zip(taps, rows) if -tap in place.values)
    if found:
        same_everywhere = dict(zip(outer.non_sequences, inner.non_sequences))
        for v, array in zip(inner2.non_sequences, outer2.non_sequences):
            if array in same_everywhere:
                found[v] = same_everywhere[array]
    return found


@dataclass(frozen=True)
class _Place:
    """An array (or one joined to initial rows) whose rows a forward step reads or makes, by tap."""

    array: Variable
    initial: Variable | None
    lowest: int
    highest: int
    values: dict[int, Variable]

    def is_array(self, variable: Variable) -> bool:
        if self.initial is None:
            return variable is self.array
        node = variable.owner
        return (
            node is not None and isinstance(node.op, Join) and len(node.inputs) == 3
            and isinstance(node.inputs[0], Constant) and node.inputs[0].data == 0
            and node.inputs[1] is self.initial and node.inputs[2] is self.array
        )


def _rows_of_forward(node: Apply) -> Iterator[_Place]:
    info = node.op.info
    outer, inner = info.outer_inputs(node.inputs), info.inner_inputs(node.op.inputs)
    made, traces = info.inner_outputs(node.op.outputs), info.outer_outputs(node.outputs)
    for taps, rows, array in zip(info.sequences, inner.sequences, outer.sequences):
        yield _Place(array, None, min(taps), max(taps), dict(zip(taps, rows)))
    for v, trace in [*zip(made.recurrent, traces.recurrent), *zip(made.untapped, traces.untapped)]:
        yield _Place(trace, None, 0, 0, {0: v})
    for taps, rows, v, initial, trace in zip(
        info.recurrent, inner.recurrent, made.recurrent, outer.initial, traces.recurrent
    ):
        yield _Place(trace, initial, min(taps), 0, {0: v, **dict(zip(taps, rows))})


def _is_least(steps: Variable, of: Variable) -> bool:
    """Whether `steps` is `minimum(of, something)`."""
    node = of_row(steps, "minimum")
    return node is not None and any(same(v, of) for v in node.inputs)


def _sliced(array: Variable) -> tuple[Variable, int | None, int | None]:
    """(x, i, j) where the array is x[i:j], x without its first i rows and its last -j rows; None where unknown."""
    source, index = rows_of(array)
    if index is None or index.step is not None:
        return array, 0, 0
    start = 0 if index.start is None else number(index.start)
    stop = 0 if index.stop is None else number(index.stop)
    return source, start, stop if stop is None or stop <= 0 else None


def _changed(
    fgraph: Any, forward: Apply, backward: Apply, values: dict[Variable, Variable]
) -> tuple[Apply, Apply]:
    """The two scans anew: the forward one collects the values, the backward one reads them."""
    info = forward.op.info
    made = info.inner_outputs(forward.op.outputs)
    old = [*made.recurrent, *made.untapped]
    more = [v for v in dict.fromkeys(values.values()) if v not in old]
    new_info = replace(info, n_untapped=info.n_untapped + len(more))
    op = forward.op.like(forward.op.inputs, [*old, *more, *made.shared], new_info)
    collecting = op.make_node(*forward.inputs)
    n = info.n_traces
    results = [*collecting.outputs[:n], *collecting.outputs[n + len(more):]]
    traces = dict(zip([*old, *more], collecting.outputs))
    spread_traces(forward.outputs, collecting.outputs)
    fgraph.replace_all(list(zip(forward.outputs, results)), reason="backward_loops_read_forward_values")

    info = backward.op.info
    outer, inner = info.outer_inputs(backward.inputs), info.inner_inputs(backward.op.inputs)
    cut = not same(new_info.outer_inputs(collecting.inputs).n_steps, outer.n_steps)
    arrays = [traces[v][::-1] for v in values.values()]
    if cut:
        arrays = [array[: outer.n_steps] for array in arrays]
    rows = [v.type() for v in values]
    memo: dict[Any, Any] = dict(zip(values, rows))
    clone_get_equiv(backward.op.inputs, backward.op.outputs, copy_inputs=False, copy_orphans=False, memo=memo)
    new_info = replace(info, sequences=(*info.sequences, *[(0,) for _ in rows]))
    slices = [v for group in inner.sequences for v in group]
    rest = backward.op.inputs[len(slices):]
    op = backward.op.like([*slices, *rows, *rest], [memo[v] for v in backward.op.outputs], new_info)
    reading = op.make_node(outer.n_steps, *outer.sequences, *arrays, *backward.inputs[1 + len(outer.sequences):])
    spread_traces(backward.outputs, reading.outputs)
    fgraph.replace_all(list(zip(backward.outputs, reading.outputs)), reason="backward_loops_read_forward_values")
    return collecting, reading


# -- a loop within another ---------------------------------------------------------------------------------------------


def _results_in(small: Apply, large: Apply) -> list[Variable] | None:
    """The results of one scan in terms of those of another that does the same steps and keeps more; else None.
    Carried arrays of the one may be recurrent states of the other, after its own ones."""
    a, b = small.op.info, large.op.info
    n = len(a.recurrent)
    if a.until or b.until or a.sequences != b.sequences or b.recurrent[:n] != a.recurrent:
        return None
    outer, outer2 = a.outer_inputs(small.inputs), b.outer_inputs(large.inputs)
    inner, inner2 = a.inner_inputs(small.op.inputs), b.inner_inputs(large.op.inputs)
    pairs = [
        (outer.n_steps, outer2.n_steps), *zip(outer.sequences, outer2.sequences), *zip(outer.initial, outer2.initial)
    ]
    if len(outer.non_sequences) != len(outer2.non_sequences) or not all(same(x, y) for x, y in pairs):
        return None
    if not all(same(x, y) for x, y in zip(outer.non_sequences, outer2.non_sequences)):
        return None
    known: dict[Variable, Variable] = dict(zip(inner.non_sequences, inner2.non_sequences))
    for one, other in zip([*inner.sequences, *inner.recurrent], [*inner2.sequences, *inner2.recurrent]):
        known.update(zip(one, other))
    # Where each carried value is found: (recurrent state of the other, None) or (None, carried value of the other).
    where: list[tuple[int | None, int | None]] = []
    for v, start in zip(inner.shared, outer.shared):
        r = next((r for r in range(n, len(b.recurrent)) if b.recurrent[r] == (-1,)
                  and _one_row(outer2.initial[r]) is start), None)
        s = next((s for s, x in enumerate(outer2.shared) if x is start), None)
        if r is not None:
            known[v] = inner2.recurrent[r][0]
        elif s is not None:
            known[v] = inner2.shared[s]
        else:
            return None
        where.append((r, s))
    nodes = {_key(node, {}): node for node in reversed(large.op.inner_nodes)}
    for node in small.op.inner_nodes:
        twin = nodes.get(_key(node, known))
        if twin is None:
            return None
        known.update(zip(node.outputs, twin.outputs))
    made, made2 = a.inner_outputs(small.op.outputs), b.inner_outputs(large.op.outputs)
    results2 = b.outer_outputs(large.outputs)
    if any(known.get(v) is not x for v, x in zip(made.recurrent, made2.recurrent)):
        return None
    result: list[Variable] = list(results2.recurrent[:n])
    for v in made.untapped:
        if known.get(v) not in made2.untapped:
            return None
        result.append(results2.untapped[made2.untapped.index(known[v])])
    for v, (r, s) in zip(made.shared, where):
        if r is not None:
            if known.get(v) is not made2.recurrent[r]:
                return None
            # The last value, which is the initial one where no step was done.
            result.append(join(0, outer2.initial[r], results2.recurrent[r])[-1])
        else:
            assert s is not None
            if known.get(v) is not made2.shared[s]:
                return None
            result.append(results2.shared[s])
    return result


def _one_row(initial: Variable) -> Variable | None:
    """x where the array is x with a new first axis of length 1, else None."""
    node = initial.owner
    if node is None or not isinstance(node.op, DimShuffle):
        return None
    x = node.inputs[0]
    return x if tuple(node.op.new_order) == ("x", *range(x.type.ndim)) else None
