"""Scan: a `While` inside the function's own Program.

Every recurrent or collected output is a trace: an array with one row a step (and, before them, the initial rows). A
step reads rows of sequences and traces through views, computes, and writes its rows. Collected values that everybody
reads backwards are written backwards, so that they lie in memory as they are read. What the body computes from
non-sequences alone is computed once, before the loop. Refused (and run by `perform` in Python): carried
objects that a step swaps, and collected values whose sizes are known only when they have been computed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import ZERO, add, compare, maximum, sub
from symtensor.ir.nodes import Const, Copied, Define, Dim, Expr, Load, Local, Same, ViewAxis, While
from symtensor.lower.blocks import lower_block
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.python import emit_python
from symtensor.lower.registry import BUFFER, SCALAR, emit, is_scalar
from symtensor.lower.sizes import Sizes
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.basic_indexing import Subtensor, get_idx_list
from symtensor.tensor.blas import Dot22, Dot22Scalar, Gemm
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.shape_ops import Shape_i

__all__ = ["read_backwards"]


def read_backwards(nodes: Sequence[Apply], outputs: Sequence[Variable]) -> frozenset[Variable]:
    """The variables of which nobody reads anything but `x[::-1]`."""
    turned, otherwise = set(), set(outputs)
    for node in nodes:
        if isinstance(node.op, Subtensor) and _turns(node):
            turned.add(node.inputs[0])
            otherwise.update(node.inputs[1:])
        else:
            otherwise.update(node.inputs)
    return frozenset(turned - otherwise)


def _turns(node: Apply) -> bool:
    index = get_idx_list(node.inputs, node.op.idx_list)
    if len(index) != 1 or not isinstance(index[0], slice):
        return False
    start, stop, step = index[0].start, index[0].stop, index[0].step
    return start is None and stop is None and isinstance(step, Constant) and int(step.data) == -1


@emit(Scan, uses=lambda node: [SCALAR] + [BUFFER] * (len(node.inputs) - 1))
def scan(ctx: Lowering, node: Apply) -> None:
    op = node.op
    assert isinstance(op, Scan)
    sizes = Sizes(op.inner_nodes, op.inputs)
    if _loopable(ctx, op, sizes):
        _Loop(ctx, node, sizes).emit()
    else:
        emit_python(ctx, node)


def _loopable(ctx: Lowering, op: Scan, sizes: Sizes) -> bool:
    """Whether no step swaps carried objects, and the sizes of collected values follow from sizes (or from values that
    do not change)."""
    inner = op.info.inner_inputs(op.inputs)
    for old, new in zip(inner.shared, op.info.inner_outputs(op.outputs).shared, strict=True):
        if not hasattr(new.type, "dtype") and new in inner.shared and new is not old:
            return False  # written one after the other, one of them might be read too late
    known = set(inner.non_sequences)
    for v in op.info.inner_outputs(op.outputs).untapped:
        stack = [sizes.own(v, axis) for axis in range(v.type.ndim)]
        while stack:
            size = stack.pop()
            owner = size.owner
            if isinstance(size, Constant) or size in known:
                continue
            if owner is None or (isinstance(owner.op, Shape_i) and owner.inputs[0].owner is not None):
                return False
            if not isinstance(owner.op, Shape_i):
                stack.extend(owner.inputs)
    return True


def _is_factor(variable: Variable, nodes: Sequence[Apply]) -> bool:
    """Whether one of the nodes multiplies matrices of which the variable is one."""
    return any(isinstance(node.op, (Dot22, Dot22Scalar, Gemm)) and variable in node.inputs for node in nodes)


def _results_of_statements(ctx: Lowering, nodes: Sequence[Apply], variables: Sequence[Variable]) -> list[Variable]:
    """What of variables, or of what the nodes compute numbers among them from, is the result of statements, not of an
    expression: the plan must know that it is wanted."""
    own = set(nodes)
    found: dict[Variable, bool] = {}
    stack = list(reversed(variables))
    while stack:
        v = stack.pop()
        if v in found:
            continue
        inside = is_scalar(v) and (v.owner is None or ctx.rules[v.owner].element is not None)
        found[v] = not inside
        if inside and v.owner in own:
            stack.extend(v.owner.inputs)
    return [v for v, wanted in found.items() if wanted]


class _Loop:
    """The emission of one scan. outer, results: the node's variables by slot; inner, made: those of a step."""

    def __init__(self, ctx: Lowering, node: Apply, sizes: Sizes):
        self.ctx, self.node, self.info = ctx, node, node.op.info
        self.outer = self.info.outer_inputs(node.inputs)
        self.results = self.info.outer_outputs(node.outputs)
        self.inner = self.info.inner_inputs(node.op.inputs)
        self.made = self.info.inner_outputs(node.op.outputs)
        self.steps = ctx.let(ctx.scalar(self.outer.n_steps, "int64"))
        self.body = ctx.fork()
        self.body.sizes = sizes
        self.body.names = {
            v: ctx.buffer(outer) for v, outer in zip(self.inner.non_sequences, self.outer.non_sequences, strict=True)
        }
        own = ctx.node_ids.get(node, -1)
        self.body.node_ids = {inner: own for inner in (node, *node.op.inner_nodes)} if own >= 0 else {}
        self.body.within = ctx.within or node
        self.lengths = [self.info.depth(r) for r in range(len(self.info.recurrent))]  # initial rows

    def emit(self) -> None:
        ctx = self.ctx
        self.check_lengths()
        self.bind_sizes()
        varying = self.emit_invariants()
        collected_dims = self.dims_of_collected()
        self.traces = [self.trace(v, k) for v, k in zip(self.outer.initial, self.lengths, strict=True)]
        self.collected = [
            self.new_trace(v, dims) if out in ctx.wanted else None
            for v, dims, out in zip(self.made.untapped, collected_dims, self.results.untapped, strict=True)
        ]
        self.states = [self.state(v) for v in self.outer.shared]
        self.turned = [not self.info.until and out in ctx.read_backwards for out in self.results.untapped]
        self.last = ctx.let(add(self.steps, -1)) if any(self.turned) else ZERO

        index = ctx.fresh("t")
        count = ctx.fresh("steps") if self.info.until else None
        until = self.emit_step(Local(index), varying)
        ctx.emit(While(index, self.steps, tuple(self.body.body), until, count, ctx.origin(self.node)))
        self.name_results(self.steps if count is None else Local(count))

    # -- before the loop --------------------------------------------------------------------------------------------

    def check_lengths(self) -> None:
        ctx = self.ctx
        ctx.check(
            compare("ge", self.steps, 0), "IndexError",
            "Scan was asked to run for negative number of step {0}", self.node, (self.steps,),
        )
        for k, v in enumerate(self.outer.initial):
            rows = Dim(ctx.buffer(v), 0)
            ctx.check(
                compare("ge", rows, self.lengths[k]), "ValueError",
                f"The initial state of output {k} of the scan has {{0}} rows, its taps need {self.lengths[k]}",
                self.node, (rows,),
            )
        for k, v in enumerate(self.outer.sequences):
            needed = add(self.steps, self.info.spread(k))
            length = Dim(ctx.buffer(v), 0)
            ctx.check(
                compare("ge", length, needed),
                "ValueError",
                f"Sequence {k} of the scan is too short: it has {{0}} rows, {{1}} are needed",
                self.node,
                (length, needed),
            )

    def emit_invariants(self) -> list[Apply]:
        """Computes before the loop what does not change in it; returns the other nodes."""
        fixed: set[Variable] = set(self.inner.non_sequences)
        before, varying = [], []
        for node in self.node.op.inner_nodes:
            if all(v in fixed or isinstance(v, Constant) for v in node.inputs):
                fixed.update(node.outputs)
                before.append(node)
            else:
                varying.append(node)
        read = {v for node in varying for v in node.inputs} | set(self.node.op.outputs)
        needed = [v for node in before for v in node.outputs if v in read]
        hoisted = copy.copy(self.body)  # binds the same names
        hoisted.body = self.ctx.body
        lower_block(hoisted, before, _results_of_statements(self.ctx, before, needed))
        for v in needed:
            if is_scalar(v):
                hoisted.scalar(v)
            elif isinstance(v.owner.op, DimShuffle) and v.type.ndim == 2 and _is_factor(v, varying):
                # BLAS would pack a transpose anew in every step, which may take as long as multiplying.
                source = hoisted.buffer(v)
                hoisted.copy(hoisted.define(v, [Dim(source, axis) for axis in range(2)]), source)
        return varying

    def bind_sizes(self) -> None:
        """Before the loop only the sizes of what a step reads are known."""
        self.body.rows_of = {
            v: self.ctx.buffer(outer)
            for group, outer in (
                *zip(self.inner.sequences, self.outer.sequences, strict=True),
                *zip(self.inner.recurrent, self.outer.initial, strict=True),
            )
            for v in group
        }
        for v, outer in zip(self.inner.shared, self.outer.shared, strict=True):
            self.body.names[v] = self.ctx.buffer(outer)

    def dims_of_collected(self) -> list[tuple[Expr, ...]]:
        """Sizes of one row of each collected value."""
        before = copy.copy(self.body)
        before.body = self.ctx.body
        # What a step asserts may be assumed: rows of other lengths are refused where they are written.
        _, before.sizes = self.body.sizes.assuming(self.node.op.inner_nodes, lambda size: True)
        return [before.dims(v) for v in self.made.untapped]

    def row(self, ctx: Lowering, variable: Variable, base: str, index: Expr) -> None:
        """Makes an inner variable the row of an array."""
        axes = [
            ViewAxis(axis + 1, Const(1, "int64") if b else Dim(base, axis + 1))
            for axis, b in enumerate(variable.type.broadcastable)
        ]
        ctx.view(variable, base, (index, *[ZERO] * len(axes)), axes)

    def new_trace(self, row: Variable, dims: Sequence[Expr], extra: int = 0) -> str:
        ctx = self.ctx
        name = ctx.declare(row.type.dtype, (False, *row.type.broadcastable))
        ctx.emit(Define(name, (add(self.steps, extra), *dims)))
        return name

    def trace(self, initial: Variable, length: int) -> str:
        """A trace that begins with the initial rows."""
        ctx = self.ctx
        source = ctx.buffer(initial)
        pattern = initial.type.broadcastable[1:]
        dims = [Const(1, "int64") if b else Dim(source, axis + 1) for axis, b in enumerate(pattern)]
        name = ctx.declare(initial.type.dtype, (False, *pattern))
        ctx.emit(Define(name, (add(self.steps, length), *dims)))
        with ctx.nest(self.node) as nest:
            index = nest.loops([Const(length, "int64"), *dims])
            nest.store(name, index, Load(source, index, initial.type.dtype))
        return name

    def state(self, initial: Variable) -> str:
        ctx = self.ctx
        source = ctx.buffer(initial)
        if ctx.declared[source].dtype == "object":
            name = ctx.declare("object", (), "any")
            ctx.emit(Same(name, source))
            return name
        name = ctx.declare(initial.type.dtype, getattr(initial.type, "broadcastable", ()))
        ctx.emit(Copied(name, source))
        return name

    # -- the loop ---------------------------------------------------------------------------------------------------

    def emit_step(self, t: Local, varying: Sequence[Apply]) -> Expr | None:
        """One iteration; returns the condition that ends the loop after it."""
        body, made = self.body, self.made
        for group, outer, taps in zip(self.inner.sequences, self.outer.sequences, self.info.sequences, strict=True):
            for v, tap in zip(group, taps, strict=True):
                self.row(body, v, self.ctx.buffer(outer), add(t, tap - min(taps)))
        for group, name, taps, k in zip(
            self.inner.recurrent, self.traces, self.info.recurrent, self.lengths, strict=True
        ):
            for v, tap in zip(group, taps, strict=True):
                self.row(body, v, name, add(t, k + tap))
        body.names.update(zip(self.inner.shared, self.states, strict=True))

        rows = [(v, name, add(t, k)) for v, name, k in zip(made.recurrent, self.traces, self.lengths, strict=True)]
        rows += [
            (v, name, sub(self.last, t) if turned else t)
            for v, name, turned in zip(made.untapped, self.collected, self.turned, strict=True) if name is not None
        ]
        for v, name, index in rows:
            if v.owner is not None and not is_scalar(v):
                body.rows_to_fill.setdefault(v, partial(self.fill_row, v, name, index))
        to_fill = set(body.rows_to_fill)
        needed = [v for v, _, _ in rows] + made.shared + ([made.condition] if self.info.until else [])
        lower_block(body, varying, _results_of_statements(self.ctx, varying, needed))
        until = body.let(convert(body.scalar(made.condition), "bool"), "c") if self.info.until else None
        states = [body.scalar(v) if is_scalar(v) else body.buffer(v) for v in made.shared]
        filled = to_fill - set(body.rows_to_fill)
        for v, name, index in rows:
            if v in filled:
                filled.discard(v)  # a value may be a row of several traces
            else:
                self.write_row(v, name, index)
        # The states are written one after the other: what is part of one that is written before is kept aside.
        states = [
            self.aside(value) if isinstance(value, str) and self.is_part_of_state(v) else value
            for v, value in zip(made.shared, states, strict=True)
        ]
        for v, value, name in zip(made.shared, states, self.states, strict=True):
            if value != name:
                self.write_state(v, value, name)
        return until

    def is_part_of_state(self, new: Variable) -> bool:
        """Whether the new value of a state may share memory with the old value of another."""
        view = new.owner is not None and self.ctx.rules[new.owner].view is not None
        return hasattr(new.type, "dtype") and (view or new in self.inner.shared)

    def aside(self, source: str) -> str:
        """A copy."""
        body = self.body
        buffer = body.declared[source]
        name = body.scratch(
            buffer.dtype, [Const(1, "int64") if b else Dim(source, k) for k, b in enumerate(buffer.broadcast)]
        )
        body.copy(name, source)
        return name

    def fill_row(self, variable: Variable, trace: str, index: Expr, dims: Sequence[Expr]) -> None:
        """Lets a value be computed where it belongs."""
        for axis, (size, b) in enumerate(zip(dims, variable.type.broadcastable, strict=True)):
            if not b:
                self.check_row(variable, self.body.let(size), Dim(trace, axis + 1))
        self.row(self.body, variable, trace, index)

    def write_row(self, value: Variable, trace: str, index: Expr) -> None:
        body = self.body
        if is_scalar(value):
            number = body.scalar(value)
            with body.nest(self.node) as nest:
                nest.store(trace, (index, *[ZERO] * value.type.ndim), number)
            return
        source = body.buffer(value)
        for axis, b in enumerate(value.type.broadcastable):
            if not b:
                self.check_row(value, Dim(source, axis), Dim(trace, axis + 1))
        with body.nest(self.node) as nest:
            inner = nest.loops(
                [Const(1, "int64") if b else Dim(source, axis) for axis, b in enumerate(value.type.broadcastable)]
            )
            nest.store(trace, (index, *inner), Load(source, inner, value.type.dtype))

    def check_row(self, value: Variable, got: Expr, expected: Expr) -> None:
        self.body.check(
            compare("eq", got, expected),
            "ValueError",
            "a step of the scan yields a value of another shape than the steps before: length {0}, expected {1}",
            self.node if value.owner is None else value.owner,
            (got, expected),
        )

    def write_state(self, variable: Variable, value: Expr | str, state: str) -> None:
        body = self.body
        if isinstance(value, str) and body.declared[state].dtype == "object":
            body.emit(Same(state, value))
        elif isinstance(value, str):
            for axis, b in enumerate(getattr(variable.type, "broadcastable", ())):
                if not b:
                    self.check_row(variable, Dim(value, axis), Dim(state, axis))
            body.copy(state, value)
        else:
            with body.nest(self.node) as nest:
                nest.store(state, [ZERO] * len(body.declared[state].broadcast), value)

    # -- after the loop ---------------------------------------------------------------------------------------------

    def name_results(self, steps: Expr) -> None:
        ctx = self.ctx
        for out, initial, name, length in zip(
            self.results.recurrent, self.outer.initial, self.traces, self.lengths, strict=True
        ):
            self.name_rows(out, name, Const(length, "int64"), steps)
            ctx.traces[initial, out] = name, add(steps, length)
        for out, collected, turned in zip(self.results.untapped, self.collected, self.turned, strict=True):
            if collected is not None and turned:
                # Where there is no row, any start will do that lies in the array.
                self.name_rows(out, collected, ctx.let(maximum(self.last, ZERO)), steps, -1)
            elif collected is not None and self.info.until:
                self.name_rows(out, collected, ZERO, steps)
            elif collected is not None:
                ctx.names[out] = collected
        ctx.names.update(zip(self.results.shared, self.states, strict=True))

    def name_rows(self, out: Variable, trace: str, start: Expr, steps: Expr, step: int = 1) -> None:
        """Makes a result the rows of a trace from `start` on."""
        pattern = self.ctx.declared[trace].broadcast
        axes = [ViewAxis(0, steps, Const(step, "int64"))] + [
            ViewAxis(axis, Const(1, "int64") if b else Dim(trace, axis)) for axis, b in enumerate(pattern) if axis
        ]
        self.ctx.view(out, trace, (start, *[ZERO] * (len(pattern) - 1)), axes)
