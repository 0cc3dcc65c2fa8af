"""Scan: a `While` inside the function's own Program.

Every recurrent or collected output is a trace: an array with one row a step (and, before them, the initial rows). A step
reads rows of sequences and traces through views, computes, and writes its rows. What the body computes from
non-sequences alone is computed once, before the loop. Refused (and run by `perform` in Python): carried Python objects,
and collected values whose sizes are known only when they have been computed.
"""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import ZERO, add, compare
from symtensor.ir.nodes import Const, Define, Dim, Expr, Load, Local, View, ViewAxis, While
from symtensor.lower.blocks import lower_block
from symtensor.lower.context import Lowering
from symtensor.lower.nest import convert
from symtensor.lower.python import emit_python
from symtensor.lower.registry import BUFFER, SCALAR, emit, is_scalar
from symtensor.lower.sizes import Sizes
from symtensor.scan_module.scan_op import Scan
from symtensor.tensor.shape_ops import Shape_i

__all__: list[str] = []


class _Slots:
    """The inner and outer variables of a Scan node by role."""

    def __init__(self, node: Apply):
        info = node.op.info
        inner, outer = iter(node.op.inputs), iter(node.inputs)
        self.n_steps = next(outer)
        take = lambda source, count: [next(source) for _ in range(count)]
        self.sequences = take(outer, len(info.sequences))
        self.initial = take(outer, len(info.recurrent))
        self.shared = take(outer, info.n_shared)
        self.constant = take(outer, info.n_non_sequences)
        self.inner_sequences = [take(inner, len(taps)) for taps in info.sequences]
        self.inner_recurrent = [take(inner, len(taps)) for taps in info.recurrent]
        self.inner_shared = take(inner, info.n_shared)
        self.inner_constant = take(inner, info.n_non_sequences)
        made, outputs = iter(node.op.outputs), iter(node.outputs)
        self.new_rows = take(made, len(info.recurrent))
        self.collected = take(made, info.n_untapped)
        self.new_shared = take(made, info.n_shared)
        self.until = next(made) if info.until else None
        self.traces = take(outputs, len(info.recurrent) + info.n_untapped)
        self.final = take(outputs, info.n_shared)


@emit(Scan, uses=lambda node: [SCALAR] + [BUFFER] * (len(node.inputs) - 1))
def scan(ctx: Lowering, node: Apply) -> None:
    slots = _Slots(node)
    sizes = Sizes(node.op.inner_nodes, node.op.inputs)
    if not _loopable(slots, sizes):
        emit_python(ctx, node)
        return
    _Loop(ctx, node, slots, sizes).emit()


def _loopable(slots: _Slots, sizes: Sizes) -> bool:
    """Whether all carried values are arrays and the sizes of collected values follow from sizes (or from values that do
    not change)."""
    if not all(hasattr(v.type, "dtype") for v in slots.inner_shared):
        return False
    known = set(slots.inner_constant)
    for v in slots.collected:
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


class _Loop:
    """The emission of one scan."""

    def __init__(self, ctx: Lowering, node: Apply, slots: _Slots, sizes: Sizes):
        self.ctx, self.node, self.slots, self.info = ctx, node, slots, node.op.info
        self.steps = ctx.let(ctx.scalar(slots.n_steps, "int64"))
        self.body = ctx.fork()
        self.body.sizes = sizes
        self.body.names = {v: ctx.buffer(outer) for v, outer in zip(slots.inner_constant, slots.constant, strict=True)}
        own = ctx.node_ids.get(node, -1)
        self.body.node_ids = {inner: own for inner in node.op.inner_nodes} if own >= 0 else {}
        self.lengths = [-min(taps) for taps in self.info.recurrent]  # initial rows

    def emit(self) -> None:
        ctx, slots = self.ctx, self.slots
        self.check_lengths()
        varying = self.emit_invariants()
        collected_dims = self.dims_of_collected()
        self.traces = [self.trace(v, k) for v, k in zip(slots.initial, self.lengths, strict=True)]
        wanted = {v for v, out in zip(slots.collected, slots.traces[len(self.traces):], strict=True) if out in ctx.wanted}
        self.collected = {
            v: self.new_trace(v, dims) for v, dims in zip(slots.collected, collected_dims, strict=True) if v in wanted
        }
        self.states = [self.state(v) for v in slots.shared]

        index = ctx.fresh("t")
        count = ctx.fresh("steps") if slots.until is not None else None
        until = self.emit_step(Local(index), varying)
        ctx.emit(While(index, self.steps, tuple(self.body.body), until, count, ctx.origin(self.node)))
        self.name_results(self.steps if count is None else Local(count))

    # -- before the loop --------------------------------------------------------------------------------------------

    def check_lengths(self) -> None:
        ctx = self.ctx
        ctx.check(compare("ge", self.steps, 0), "ValueError", "Scan was asked to run for {0} steps", self.node, (self.steps,))
        for k, (v, taps) in enumerate(zip(self.slots.sequences, self.info.sequences, strict=True)):
            needed = add(self.steps, max(taps) - min(taps))
            length = Dim(ctx.buffer(v), 0)
            ctx.check(
                compare("ge", length, needed), "ValueError",
                f"Sequence {k} of the scan is too short: it has {{0}} rows, {{1}} are needed", self.node, (length, needed),
            )

    def emit_invariants(self) -> list[Apply]:
        """Computes before the loop what does not change in it; returns the other nodes."""
        fixed: set[Variable] = set(self.slots.inner_constant)
        before, varying = [], []
        for node in self.node.op.inner_nodes:
            if all(v in fixed or isinstance(v, Constant) for v in node.inputs):
                fixed.update(node.outputs)
                before.append(node)
            else:
                varying.append(node)
        read = {v for node in varying for v in node.inputs} | set(self.node.op.outputs)
        needed = [v for node in before for v in node.outputs if v in read]
        hoisted, statements = self.body, self.body.body
        hoisted.body = self.ctx.body
        lower_block(hoisted, before, [v for v in needed if not is_scalar(v)])
        for v in needed:
            if is_scalar(v):
                hoisted.scalar(v)
        hoisted.body = statements
        return varying

    def dims_of_collected(self) -> list[tuple[Expr, ...]]:
        """Sizes of one row of each collected value, seen from before the loop: the first rows stand for all."""
        probe = self.body.fork()
        probe.body = self.ctx.body
        for group, outer in (*zip(self.slots.inner_sequences, self.slots.sequences, strict=True),
                             *zip(self.slots.inner_recurrent, self.slots.initial, strict=True)):
            for v in group:
                self.row(probe, v, self.ctx.buffer(outer), ZERO)
        for v, outer in zip(self.slots.inner_shared, self.slots.shared, strict=True):
            probe.names[v] = self.ctx.buffer(outer)
        return [probe.dims(v) for v in self.slots.collected]

    def row(self, ctx: Lowering, variable: Variable, base: str, index: Expr) -> None:
        """Makes an inner variable the row of an array."""
        axes = [ViewAxis(axis + 1, Const(1, "int64") if b else Dim(base, axis + 1))
                for axis, b in enumerate(variable.type.broadcastable)]
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
        name = ctx.declare(initial.type.dtype, getattr(initial.type, "broadcastable", ()))
        pattern = ctx.declared[name].broadcast
        ctx.emit(Define(name, tuple(Const(1, "int64") if b else Dim(source, axis) for axis, b in enumerate(pattern))))
        ctx.copy(name, source)
        return name

    # -- the loop ---------------------------------------------------------------------------------------------------

    def emit_step(self, t: Local, varying: Sequence[Apply]) -> Expr | None:
        """One iteration; returns the condition that ends the loop after it."""
        body, slots = self.body, self.slots
        for group, outer, taps in zip(slots.inner_sequences, slots.sequences, self.info.sequences, strict=True):
            for v, tap in zip(group, taps, strict=True):
                self.row(body, v, self.ctx.buffer(outer), add(t, tap - min(taps)))
        for group, name, taps, k in zip(slots.inner_recurrent, self.traces, self.info.recurrent, self.lengths, strict=True):
            for v, tap in zip(group, taps, strict=True):
                self.row(body, v, name, add(t, k + tap))
        body.names.update(zip(slots.inner_shared, self.states, strict=True))

        written = [(v, name, add(t, k)) for v, name, k in zip(slots.new_rows, self.traces, self.lengths, strict=True)]
        written += [(v, name, t) for v, name in self.collected.items()]
        results = [v for v, _, _ in written] + slots.new_shared + ([slots.until] if slots.until is not None else [])
        lower_block(body, varying, [v for v in results if not is_scalar(v)])
        until = None
        if slots.until is not None:
            until = body.let(convert(body.scalar(slots.until), "bool"), "c")
        states = [body.scalar(v) if is_scalar(v) else body.buffer(v) for v in slots.new_shared]
        for v, name, index in written:
            self.write_row(v, name, index)
        for v, value, name in zip(slots.new_shared, states, self.states, strict=True):
            self.write_state(v, value, name)
        return until

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
                self.check_row(Dim(source, axis), Dim(trace, axis + 1))
        with body.nest(self.node) as nest:
            inner = nest.loops([Const(1, "int64") if b else Dim(source, axis)
                                for axis, b in enumerate(value.type.broadcastable)])
            nest.store(trace, (index, *inner), Load(source, inner, value.type.dtype))

    def check_row(self, got: Expr, expected: Expr) -> None:
        self.body.check(
            compare("eq", got, expected), "ValueError",
            "a step of the scan yields a value of another shape than the steps before: length {0}, expected {1}",
            self.node, (got, expected),
        )

    def write_state(self, variable: Variable, value: Expr | str, state: str) -> None:
        body = self.body
        if isinstance(value, str):
            for axis, b in enumerate(getattr(variable.type, "broadcastable", ())):
                if not b:
                    self.check_row(Dim(value, axis), Dim(state, axis))
            body.copy(state, value)
            return
        with body.nest(self.node) as nest:
            nest.store(state, [ZERO] * len(body.declared[state].broadcast), value)

    # -- after the loop ---------------------------------------------------------------------------------------------

    def name_results(self, steps: Expr) -> None:
        ctx, slots = self.ctx, self.slots
        starts: list[tuple[str | None, int]] = [*zip(self.traces, self.lengths, strict=True)]
        starts += [(self.collected[v], 0) if v in self.collected else (None, 0) for v in slots.collected]
        for out, (name, start) in zip(slots.traces, starts, strict=True):
            if name is None:
                continue
            if start == 0 and self.slots.until is None:
                ctx.names[out] = name
                continue
            pattern = ctx.declared[name].broadcast
            axes = [ViewAxis(0, steps)] + [
                ViewAxis(axis, Const(1, "int64") if b else Dim(name, axis)) for axis, b in enumerate(pattern) if axis
            ]
            result = ctx.declare(out.type.dtype, out.type.broadcastable, "any")
            ctx.emit(View(result, name, (Const(start, "int64"), *[ZERO] * (len(pattern) - 1)), tuple(axes)))
            ctx.names[out] = result
        ctx.names.update(zip(slots.final, self.states, strict=True))
