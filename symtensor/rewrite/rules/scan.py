"""What a loop need not do: results that nobody reads, and products and sums row by row that can be done at once for all
rows.

In: a scan's node in a graph, its body rewritten. Out: the node of a cheaper scan, and what the old results are now.

  unread result         a collected value without readers, or a carried value that only feeds itself
  unread row            a sequence whose rows no step reads

  product of a row      `dot(x[t], W)`, x[t] a vector or a matrix, with W the same in every step: one product of all
                        rows before the loop, whose rows the loop then reads
  collected product     `dot(v[t], W)` that is only collected: the v[t] are, and one product is done after the loop
  sum of products       a carried value that only gains `dot(a[t].T, b[t])` in every step (the gradient of a weight):
                        one product of all rows after the loop
  sum of sums           a carried value that only gains `sum(x[t], axes)` in every step (the gradient of a bias): one
                        sum of all x[t] after the loop, where these are there anyway: as rows of a sequence, or in a
                        trace that is kept for another reader. For the sum alone no trace is made: that would take
                        memory for all steps, and time to write and read it
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.fg import FunctionGraph
from symtensor.graph.trace import copy_traces, spread_traces
from symtensor.graph.traversal import ancestors
from symtensor.rewrite.rules.support import of_row
from symtensor.rewrite.rules.turned import turned
from symtensor.scan_module.info import ScanInfo
from symtensor.tensor.blas import Dot22, Gemm, Gemv, Ger
from symtensor.tensor.careduce import Sum
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.linear import Dot, dot
from symtensor.tensor.math import add

__all__ = ["products_leave_the_loop", "unread_parts_are_left_out"]


@dataclass
class _Loop:
    """A scan taken apart. sequences: (taps, inner rows, outer array)."""

    n_steps: Any
    sequences: list[tuple[tuple[int, ...], list[Variable], Any]]
    non_sequences: dict[Variable, Variable]
    body: Any

    def rows(self, variable: Variable) -> _Rows | None:
        """All rows of a sequence of which `variable` is a step's row."""
        for taps, inner, outer in self.sequences:
            if variable in inner:
                start, spread = taps[inner.index(variable)] - min(taps), max(taps) - min(taps)
                base: Any = turned(outer)
                if base is not None:
                    return _Rows(base[spread - start : spread - start + self.n_steps] if spread else base, True)
                return _Rows(outer[start : start + self.n_steps] if spread else outer)
        return None

    def outside(self, variable: Variable) -> Variable | None:
        """A matrix that is the same in every step, seen from outside the loop."""
        if _transposed(variable) is not None:
            inner = self.outside(_transposed(variable))
            return None if inner is None else inner.dimshuffle(1, 0)
        return self.non_sequences.get(variable)


@dataclass(frozen=True)
class _Rows:
    """An array with one row a step; the first row is that of the last step where it is backwards."""

    array: Any
    backwards: bool = False


def _transposed(variable: Any) -> Any:
    """x where the variable is the transpose of the matrix x, else None."""
    owner = variable.owner
    if owner is not None and isinstance(owner.op, DimShuffle) and tuple(owner.op.new_order) == (1, 0):
        return owner.inputs[0]
    return None


def products_leave_the_loop(node: Any) -> tuple[Apply, dict[Variable, Variable]] | None:
    """The new node and old results -> new ones, or None where nothing can be moved. Values of which only the last rows
    are read are carried by now: traces are kept with all their rows."""
    info = node.op.info
    body = FunctionGraph(node.op.inputs, node.op.outputs, clone=True)
    inner, outer = info.inner_inputs(body.inputs), info.outer_inputs(node.inputs)
    results = info.outer_outputs(node.outputs)
    loop = _Loop(
        outer.n_steps,
        list(zip(info.sequences, inner.sequences, outer.sequences)),
        dict(zip(inner.non_sequences, outer.non_sequences)),
        body,
    )
    before = _products_of_rows(loop)
    made = info.inner_outputs(body.outputs)
    after = _collected_products(loop, made.untapped)
    # With a condition nobody knows before how many rows count.
    sums = {} if info.until else _sums_of_products(loop, inner.shared, made.shared)
    untapped = [k for k in range(info.n_untapped) if k not in after]
    collected = list(dict.fromkeys(product.row for product in after.values()))
    for total in sums.values():
        for factor in (total.left, total.right):
            if factor.rows is None and factor.row not in collected:
                collected.append(factor.row)
    traced = {*made.recurrent, *(made.untapped[k] for k in untapped), *collected}
    gains = {} if info.until else _sums_of_rows(loop, inner.shared, made.shared, traced)
    if not before and not after and not sums and not gains:
        return None

    kept = [k for k in range(info.n_shared) if k not in sums and k not in gains]
    new_info = ScanInfo(
        tuple(taps for taps, _, _ in loop.sequences),
        info.recurrent,
        len(untapped) + len(collected),
        len(kept),
        info.n_non_sequences,
        info.until,
    )
    inputs = [v for _, rows, _ in loop.sequences for v in rows] + [v for rows in inner.recurrent for v in rows]
    inputs += [inner.shared[k] for k in kept] + inner.non_sequences
    outputs = [*made.recurrent, *(made.untapped[k] for k in untapped), *collected, *(made.shared[k] for k in kept)]
    outputs += [made.condition] if info.until else []
    op = node.op.like(inputs, outputs, new_info)
    new = op.make_node(
        outer.n_steps, *(array for _, _, array in loop.sequences), *outer.initial, *(outer.shared[k] for k in kept),
        *outer.non_sequences,
    )
    found = new_info.outer_outputs(new.outputs)
    replaced = dict(zip(results.recurrent, found.recurrent))
    replaced.update((results.untapped[k], v) for k, v in zip(untapped, found.untapped))
    replaced.update((results.shared[k], found.shared[n]) for n, k in enumerate(kept))
    stacks = dict(zip(collected, found.untapped[len(untapped) :]))
    read_backwards = {made.untapped[k] for k in untapped if _is_read_backwards(results.untapped[k])}
    for k, product in after.items():
        old: Any = results.untapped[k]
        backwards = _is_read_backwards(old)
        if backwards:
            read_backwards.add(product.row)
        replaced[old] = product.of(stacks[product.row], backwards)
        spread_traces([product.made.owner, product.made], [replaced[old]])
    for k, total in sums.items():
        # The order of the steps is free: that in which arrays lie in memory needs no copy.
        backwards = any(f.rows is not None and f.rows.backwards for f in (total.left, total.right))
        if backwards:
            read_backwards.update(f.row for f in (total.left, total.right) if f.rows is None)
        product = dot(total.left.flat(stacks, backwards).dimshuffle(1, 0), total.right.flat(stacks, backwards))
        spread_traces([total.made.owner, total.made], [product])
        replaced[results.shared[k]] = outer.shared[k] + total.scale * product
    traces = {**stacks, **dict(zip([*made.recurrent, *(made.untapped[k] for k in untapped)], new.outputs))}
    for k, gained in gains.items():
        totals = [_sum_of_all(node, loop, traces, read_backwards) for node in gained]
        spread_traces([made.shared[k].owner, made.shared[k]], totals)
        replaced[results.shared[k]] = add(outer.shared[k], *totals)
    return new, replaced


def _is_read_backwards(trace: Any) -> bool:
    """Whether all that anybody reads of a trace is `trace[::-1]`."""
    return all(client != "output" and turned(client.outputs[0]) is not None for client, _ in trace.clients)


def unread_parts_are_left_out(node: Any) -> tuple[Apply, dict[Variable, Variable]] | None:
    """The new node and old results -> new ones (unread ones are missing), or None where all are needed."""
    unread = {v for v in node.outputs if not v.clients}
    info = node.op.info
    inner, made = info.inner_inputs(node.op.inputs), info.inner_outputs(node.op.outputs)
    outer, results = info.outer_inputs(node.inputs), info.outer_outputs(node.outputs)
    untapped = [k for k, v in enumerate(results.untapped) if v not in unread]
    kept = [k for k, v in enumerate(results.shared) if v not in unread]
    condition = [made.condition] if info.until else []
    while True:
        wanted = [*made.recurrent, *(made.untapped[k] for k in untapped), *(made.shared[k] for k in kept), *condition]
        read = set(ancestors(wanted))
        more = [k for k, v in enumerate(inner.shared) if k not in kept and v in read]
        if not more:
            break
        kept = sorted(kept + more)
    sequences = [k for k, rows in enumerate(inner.sequences) if any(v in read for v in rows)]
    if (len(untapped), len(kept), len(sequences)) == (info.n_untapped, info.n_shared, len(info.sequences)):
        return None
    new_info = replace(
        info, sequences=tuple(info.sequences[k] for k in sequences), n_untapped=len(untapped), n_shared=len(kept)
    )
    slices = [v for group in (*(inner.sequences[k] for k in sequences), *inner.recurrent) for v in group]
    inputs = [*slices, *(inner.shared[k] for k in kept), *inner.non_sequences]
    new = node.op.like(inputs, wanted, new_info).make_node(
        outer.n_steps, *(outer.sequences[k] for k in sequences), *outer.initial, *(outer.shared[k] for k in kept),
        *outer.non_sequences,
    )
    found = new_info.outer_outputs(new.outputs)
    replaced = dict(zip(results.recurrent, found.recurrent))
    replaced.update((results.untapped[k], v) for k, v in zip(untapped, found.untapped))
    replaced.update((results.shared[k], v) for k, v in zip(kept, found.shared))
    return new, replaced


# -- products of rows and of collected values --------------------------------------------------------------------------


@dataclass
class _Product:
    """beta * target + alpha * dot(row, weight) with a vector or a matrix as row; or with weight.T where `turned`."""

    row: Variable
    weight: Variable
    turned: bool = False
    alpha: Any = None
    beta: Any = None
    target: Any = None

    @property
    def is_alone(self) -> bool:
        """Whether the target does not count."""
        return self.target is None or isinstance(self.beta, Constant) and self.beta.data == 0

    def outside(self, loop: _Loop) -> Any:
        """The second factor seen from outside the loop, if it is the same in every step; else None."""
        weight = loop.outside(self.weight)
        return weight.dimshuffle(1, 0) if weight is not None and self.turned else weight


def _product(node: Apply | None) -> _Product | None:
    """What a node multiplies, if that is a product of a vector or matrix and a matrix."""
    if node is None or any(getattr(node.outputs[0].type, "broadcastable", ())):
        return None
    if isinstance(node.op, (Dot22, Dot)):
        a, b = node.inputs
        if b.type.ndim == 2:
            return _Product(a, b)
        return _Product(b, a, turned=True) if a.type.ndim == 2 else None
    if isinstance(node.op, Gemm):
        target, alpha, a, b, beta = node.inputs
        return _Product(a, b, False, alpha, beta, target)
    if isinstance(node.op, Gemv):
        target, alpha, a, b, beta = node.inputs
        return _Product(b, a, True, alpha, beta, target)
    return None


def _product_of_all(rows: Any, weight: Any) -> Any:
    """dot(row, weight) for all rows, which are vectors or matrices."""
    if rows.type.ndim == 2:
        return dot(rows, weight)
    n, m, _ = rows.shape
    return dot(_flat(rows), weight).reshape((n, m, weight.shape[1]), ndim=3)


def _products_of_rows(loop: _Loop) -> bool:
    """Replaces products of rows by rows of one product, which become sequences of the loop."""
    found = False
    for node in loop.body.toposort():
        product = _product(node)
        rows = None if product is None else loop.rows(product.row)
        weight = None if product is None or rows is None else product.outside(loop)
        if product is None or rows is None or weight is None:
            continue
        one = node.outputs[0].type()
        loop.body.add_input(one)
        new = _scaled(product.alpha, one)
        if not product.is_alone:
            new = _scaled(product.beta, product.target) + new
        value = _product_of_all(rows.array, weight)
        spread_traces([node, *node.outputs], [new, value])
        copy_traces(node.outputs, [one])
        loop.body.replace(node.outputs[0], new, reason="products_leave_the_loop")
        loop.sequences.append(((0,), [one], value[::-1] if rows.backwards else value))
        found = True
    return found


@dataclass
class _Collected:
    """Each step's alpha * dot(row, weight); `made`: what the step computes so."""

    made: Variable
    row: Variable
    weight: Any
    alpha: Any

    def of(self, rows: Any, backwards: bool) -> Any:
        """All of them, from all rows; computed from the last to the first if that is how they are read."""
        value = _scaled(self.alpha, _product_of_all(rows[::-1] if backwards else rows, self.weight))
        return value[::-1] if backwards else value


def _collected_products(loop: _Loop, made: list[Variable]) -> dict[int, _Collected]:
    """The collected values that are such products and are read by nothing else in the step, by position."""
    found = {}
    for k, value in enumerate(made):
        product = _product(value.owner)
        if product is None or not product.is_alone or len(value.clients) != 1:  # type: ignore[attr-defined]
            continue
        constant = product.alpha is None or isinstance(product.alpha, Constant)
        weight = product.outside(loop)
        if constant and weight is not None and product.row.owner is not None:
            found[k] = _Collected(value, product.row, weight, product.alpha)
    return found


def _scaled(factor: Any, value: Any) -> Any:
    return value if factor is None or isinstance(factor, Constant) and factor.data == 1 else factor * value


def _flat(rows: Any) -> Any:
    """(steps, n, m) as (steps * n, m); (steps, m) stays."""
    if rows.type.ndim == 2:
        return rows
    return rows.reshape((rows.shape[0] * rows.shape[1], rows.shape[2]), ndim=2)


# -- sums of products --------------------------------------------------------------------------------------------------


@dataclass
class _Factor:
    """One factor, (n, m) or (m,), of each step's product: the row in the body; `rows`: all rows of a sequence."""

    row: Variable
    rows: _Rows | None

    def flat(self, stacks: dict[Variable, Variable], backwards: bool) -> Any:
        """All steps' factors below one another, the last step's first if `backwards`."""
        rows = self.rows or _Rows(stacks[self.row])
        return _flat(rows.array if rows.backwards == backwards else rows.array[::-1])


@dataclass
class _Sum:
    """sum over the steps of scale * dot(left[t].T, right[t]), or of the outer product of two vectors; `made`: what the
    step computes so."""

    made: Variable
    left: _Factor
    right: _Factor
    scale: np.ndarray


def _sums_of_products(loop: _Loop, states: list[Variable], new: list[Variable]) -> dict[int, _Sum]:
    """The carried values that are nothing but such sums, by position."""
    found = {}
    for k, (state, value) in enumerate(zip(states, new)):
        owner = value.owner
        row: Any = None
        if owner is not None and isinstance(owner.op, Gemm):
            target, alpha, left, right, beta = owner.inputs
            row = _transposed(left) if isinstance(beta, Constant) and beta.data == 1 else None
        elif owner is not None and isinstance(owner.op, Ger):
            target, alpha, row, right = owner.inputs
        if row is None or target is not state or not isinstance(alpha, Constant):
            continue
        if len(state.clients) != 1 or len(value.clients) != 1:  # type: ignore[attr-defined]
            continue
        found[k] = _Sum(
            value, _Factor(row, loop.rows(row)), _Factor(right, loop.rows(right)), np.asarray(alpha.data)
        )
    return found


# -- sums of sums ------------------------------------------------------------------------------------------------------


def _sums_of_rows(
    loop: _Loop, states: list[Variable], new: list[Variable], traced: set[Variable]
) -> dict[int, list[Apply]]:
    """The carried values that gain nothing but sums of rows of sequences, or of values with a trace, by position, and
    the nodes of these sums."""
    found = {}
    for k, (state, value) in enumerate(zip(states, new)):
        if of_row(value, "add") is None or len(state.clients) != 1 or len(value.clients) != 1:  # type: ignore[attr-defined]
            continue
        assert value.owner is not None
        gained = [v for v in value.owner.inputs if v is not state]
        sums = [v.owner for v in gained if v.owner is not None and type(v.owner.op) is Sum and v.type == state.type]
        if state not in value.owner.inputs or len(sums) < len(gained):
            continue
        if all(node.inputs[0] in traced or loop.rows(node.inputs[0]) is not None for node in sums):
            found[k] = sums
    return found


def _sum_of_all(node: Apply, loop: _Loop, traces: dict[Variable, Any], read_backwards: set[Variable]) -> Any:
    """The sum that a node computes of one row, of all rows. A trace that others read backwards is read so here too:
    then it is written backwards, and nothing is copied."""
    x, op = node.inputs[0], node.op
    rows = loop.rows(x)
    array = traces[x] if rows is None else rows.array
    if rows is None and x in read_backwards:
        array = array[::-1]
    axes = range(x.type.ndim) if op.axis is None else op.axis  # type: ignore[attr-defined]
    return op.with_axis((0, *(axis + 1 for axis in axes)))(array)  # type: ignore[attr-defined]
