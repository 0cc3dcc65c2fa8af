"""The state of one lowering, and what rules may ask of it.

A rule gets `ctx` and a node. It asks for values (`buffer`, `element`, `scalar`, `dims`), opens nests (`nest`), defines
outputs (`define`, `view`, `copied`), emits statements and checks. Everything it emits goes to the current block.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import ONE, TRUE, ZERO, compare, int_
from symtensor.ir.nodes import (
    Buffer,
    Cast,
    Check,
    Const,
    Copied,
    Define,
    Dim,
    Expr,
    Let,
    Load,
    Local,
    Reshape,
    Same,
    Site,
    Stmt,
    View,
    ViewAxis,
)
from symtensor.lower.nest import NestBuilder, literal
from symtensor.lower.regions import Regions
from symtensor.lower.registry import RuleBook, is_scalar
from symtensor.lower.sizes import Sizes
from symtensor.tensor.shape_ops import Shape_i


class Lowering:
    """One function (or loop body) on its way from graph to statements."""

    def __init__(self, sizes: Sizes, nodes: Sequence[Apply]):
        self.sizes = sizes
        self.rules = RuleBook()
        self.regions = Regions((), ())
        self.wanted: set[Variable] = (
            set()
        )  # variables that somebody reads: other outputs of a node need not be computed
        self.node_ids = {node: k for k, node in enumerate(nodes)}
        self.within: Apply | None = None  # the node of the function's graph whose inner graph this is
        self.inner_nodes: dict[tuple[Apply, Apply], int] = {}  # (node of an inner graph, where) -> its id
        self.first_inner = len(self.node_ids)
        self.buffers: list[Buffer] = []
        self.declared: dict[str, Buffer] = {}
        self.names: dict[Variable, str] = {}
        self.sized: dict[str, Variable | tuple[Expr, ...]] = {}  # what has a buffer's sizes, or these themselves
        self.rows_of: dict[Variable, str] = {}  # variables that are rows of an array: so their sizes are known before
        # (initial rows, computed rows) of a loop's state -> the trace with both, and how many rows that is
        self.traces: dict[tuple[Variable, Variable], tuple[str, Expr]] = {}
        self.rows_to_fill: dict[Variable, Callable[[Sequence[Expr]], None]] = {}  # what names a row of a trace for them
        self.wholes: dict[Apply, Any] = {}  # nodes that make arrays of parts -> the whole (see assembly.py)
        # parts of them -> what names their place in the whole, or says that it is not known yet
        self.places: dict[Variable, Callable[[Lowering, Sequence[Expr]], bool]] = {}
        self.read_backwards: frozenset[Variable] = frozenset()  # variables x whose readers all are x[::-1]
        self.constant_names: list[str] = []
        self.constants: list[object] = []
        self.constant_of: dict[object, str] = {}
        self.pycalls: list[Apply] = []
        self.sites: list[Site] = []
        self.site_of: dict[Site, int] = {}
        self.body: list[Stmt] = []
        self.checked: set[object] = set()
        self.host_memo: dict[object, Expr] = {}
        self.open_nest: NestBuilder | None = None
        self.counts: dict[str, int] = {}
        self.emit_node: Callable[[Apply], None] = lambda node: None  # set by `blocks`: emits the node's unit now

    def fork(self) -> Lowering:
        """The same lowering inside a nested block: it sees the names around it; what it binds ends with it. Buffers,
        constants, checks' sites and Python operations are the whole function's."""
        inner = copy.copy(self)
        inner.body = []
        inner.names, inner.host_memo = dict(self.names), dict(self.host_memo)
        inner.checked = set(self.checked)
        inner.rows_to_fill, inner.places = {}, {}
        inner.open_nest = None
        return inner

    # -- names and buffers ------------------------------------------------------------------------------------------

    def fresh(self, prefix: str) -> str:
        count = self.counts.get(prefix, 0)
        self.counts[prefix] = count + 1
        return f"{prefix}{count}"

    def declare(self, dtype: str, broadcast: Sequence[bool], layout: str = "c") -> str:
        name = self.fresh("b")
        buffer = Buffer(name, dtype, tuple(broadcast), layout)
        self.buffers.append(buffer)
        self.declared[name] = buffer
        return name

    def declare_for(self, variable: Variable, layout: str = "c") -> str:
        """A new buffer of the variable's type, known as the variable's from now on."""
        type_ = variable.type
        if hasattr(type_, "broadcastable"):
            name = self.declare(type_.dtype, type_.broadcastable, layout)
            self.sized[name] = variable
        elif hasattr(type_, "dtype") and is_number_type(type_):
            name = self.declare(type_.dtype, (), layout)
        else:
            name = self.declare("object", (), "any")
        self.names[variable] = name
        return name

    def constant(self, value: object, dtype: str = "object", broadcast: Sequence[bool] = ()) -> str:
        """The buffer of a constant bound when linking."""
        name = self.declare(dtype, broadcast, "c" if dtype != "object" else "any")
        self.constant_names.append(name)
        self.constants.append(value)
        return name

    def buffer(self, variable: Variable) -> str:
        """The buffer that holds a variable; constants get one on demand."""
        if variable in self.names:
            return self.names[variable]
        if isinstance(variable, Constant):
            data, type_ = variable.data, variable.type
            if hasattr(type_, "dtype"):
                array = np.ascontiguousarray(np.asarray(data, dtype=type_.dtype)).reshape(np.shape(data))
                key = (type_, array.tobytes(), array.shape)
                if key not in self.constant_of:
                    self.constant_of[key] = self.constant(array, type_.dtype, getattr(type_, "broadcastable", ()))
                self.names[variable] = self.constant_of[key]
            else:
                self.names[variable] = self.constant(data)
            return self.names[variable]
        self.force(variable)
        return self.names[variable]

    def force(self, variable: Variable) -> None:
        """Makes sure that a variable has a buffer now (its producer, and all that it needs, is emitted early)."""
        saved, self.open_nest = self.open_nest, None
        todo = [variable]
        while todo:
            var = todo[-1]
            if var in self.names or isinstance(var, Constant):
                todo.pop()
                continue
            assert var.owner is not None, f"{var} is no input of this function"
            missing = [
                v
                for v in var.owner.inputs
                if v not in self.names and not isinstance(v, Constant) and not self.computable(v)
            ]
            if missing:
                todo.extend(missing)
                continue
            self.emit_node(var.owner)
            if var not in self.names:
                self.materialise(var)
            todo.pop()
        self.open_nest = saved

    def force_inputs(self, node: Apply, within: set[Apply]) -> None:
        """Makes sure that what a node reads from outside `within` is there."""
        for v in node.inputs:
            if v not in self.names and not isinstance(v, Constant) and v.owner not in within and not self.computable(v):
                self.force(v)

    def computable(self, variable: Variable) -> bool:
        """Whether the variable's elements can be had without a buffer of its own."""
        return variable.owner is not None and self.rules[variable.owner].element is not None

    # -- statements -------------------------------------------------------------------------------------------------

    def emit(self, stmt: Stmt) -> None:
        self.body.append(stmt)

    def origin(self, *nodes: Apply) -> tuple[int, ...]:
        return tuple(self.node_ids[n] for n in nodes if n in self.node_ids)

    def define(self, variable: Variable, dims: Sequence[Expr] | None = None) -> str:
        """New memory for an output, of its inferred sizes unless given; or the row of a trace that it is to fill, or
        its place in the whole that it is a part of."""
        dims = self.dims(variable) if dims is None else dims
        if variable in self.rows_to_fill:
            self.rows_to_fill.pop(variable)(dims)
            return self.names[variable]
        if variable in self.places and self.places.pop(variable)(self, dims):
            return self.names[variable]
        name = self.declare_for(variable)
        self.emit(Define(name, tuple(dims)))
        return name

    def scratch(self, dtype: str, dims: Sequence[Expr]) -> str:
        """New memory that belongs to no variable."""
        name = self.declare(dtype, [isinstance(d, Const) and d.value == 1 for d in dims])
        self.sized[name] = tuple(dims)
        self.emit(Define(name, tuple(dims)))
        return name

    def copied(self, variable: Variable, source: str) -> str:
        """An output that starts as the contents of a buffer (and may take over its memory)."""
        name = self.declare_for(variable)
        self.emit(Copied(name, source))
        return name

    def copy(self, target: str, source: str) -> None:
        """Copies all elements of one array to another of the same sizes."""
        buffer = self.declared[source]
        with self.nest() as nest:
            index = nest.loops([ONE if b else Dim(source, axis) for axis, b in enumerate(buffer.broadcast)])
            nest.store(target, index, Load(source, index, buffer.dtype))

    def same(self, variable: Variable, source: str) -> str:
        name = self.declare_for(variable, self.declared[source].layout)
        self.emit(Same(name, source))
        return name

    def view(self, variable: Variable, base: str, start: Sequence[Expr], axes: Sequence[ViewAxis]) -> str:
        name = self.declare_for(variable, "any")
        self.emit(View(name, base, tuple(start), tuple(axes)))
        return name

    def reshape(self, variable: Variable, base: str, dims: Sequence[Expr]) -> str:
        name = self.declare_for(variable)
        self.emit(Reshape(name, base, tuple(dims)))
        return name

    @contextmanager
    def nest(self, *nodes: Apply) -> Iterator[NestBuilder]:
        """Opens a loop nest; on leaving, all loops are closed and the nest is emitted."""
        assert self.open_nest is None, "nests do not nest"
        self.open_nest = builder = NestBuilder(self.fresh, self.origin(*nodes))
        try:
            yield builder
        finally:
            self.open_nest = None
        found = builder.finish()
        self.emit(replace(found, inplace=tuple(pair for pair in found.inplace if self.equally_large(*pair))))

    def equally_large(self, one: str, other: str) -> bool:
        """Whether two buffers surely have the same sizes: one may then take the place of the other."""
        first, second = self.sized.get(one), self.sized.get(other)
        if isinstance(first, Variable) and isinstance(second, Variable):
            return self.sizes.key(first) == self.sizes.key(second)
        return first is not None and first == second

    def site(self, error: str, message: str, node: Apply | None = None) -> int:
        site = Site(error, message, self._place(node))
        if site not in self.site_of:
            self.site_of[site] = len(self.sites)
            self.sites.append(site)
        return self.site_of[site]

    def _place(self, node: Apply | None) -> int:
        """What a site says of its node: its id, or, inside of an inner graph, one beyond the ids of all nodes."""
        own = self.node_ids.get(node, -1) if node is not None else -1
        if node is None or self.within is None or own < 0 or node is self.within:
            return own
        return self.inner_nodes.setdefault((node, self.within), self.first_inner + len(self.inner_nodes))

    def check(self, condition: Expr, error: str, message: str, node: Apply | None, values: Sequence[Expr] = ()) -> None:
        """Fails the call unless the condition holds; {0}, {1} in the message stand for the values."""
        if condition == TRUE:
            return
        key = (condition, error)
        if key not in self.checked:
            self.checked.add(key)
            self.emit(Check(condition, self.site(error, message, node), tuple(values)))

    def let(self, expr: Expr, prefix: str = "n") -> Expr:
        """A host name for a host expression (literals, names and sizes pass as they are)."""
        if isinstance(expr, (Const, Local, Dim)):
            return expr
        if expr not in self.host_memo:
            name = self.fresh(prefix)
            self.emit(Let(name, expr))
            self.host_memo[expr] = Local(name, expr.dtype)
        return self.host_memo[expr]

    # -- sizes ------------------------------------------------------------------------------------------------------

    def dim(self, variable: Variable, axis: int) -> Expr:
        """The length of a variable along an axis, as a host expression."""
        if variable.type.broadcastable[axis]:
            return ONE
        return self._size(self.sizes.best(variable, axis), variable, axis)

    def dims(self, variable: Variable) -> tuple[Expr, ...]:
        return tuple(self.dim(variable, k) for k in range(variable.type.ndim))

    def _size(self, size: Variable, variable: Variable, axis: int) -> Expr:
        owner = size.owner
        if owner is not None and isinstance(owner.op, Shape_i) and owner.inputs[0] is variable:
            if variable in self.rows_of:
                return Dim(self.rows_of[variable], axis + 1)
            return Dim(self.buffer(variable), axis)
        return self.let(self.scalar(size))

    def check_sizes(self, node: Apply) -> None:
        """Emits the run-time checks that the node's operands agree in length."""
        for axis, first, other in self.sizes.asserted.get(node, ()):
            a, b = node.inputs[first], node.inputs[other]
            left = self._size(self.sizes.own(a, axis), a, axis)
            right = self._size(self.sizes.own(b, axis), b, axis)
            self.check(
                compare("eq", left, right),
                "ValueError",
                f"Input dimension mis-match. (input[{first}].shape[{axis}] = {{0}}, "
                f"input[{other}].shape[{axis}] = {{1}})",
                node,
                (left, right),
            )

    # -- values -----------------------------------------------------------------------------------------------------

    def scalar(self, variable: Variable, dtype: str | None = None) -> Expr:
        """The value of a variable of one element as a host expression (cast to `dtype` if given)."""
        saved, self.open_nest = self.open_nest, None
        try:
            value = self.element(variable, (ZERO,) * getattr(variable.type, "ndim", 0))
        finally:
            self.open_nest = saved
        if dtype is not None and value.dtype != dtype:
            value = int_(int(value.value)) if isinstance(value, Const) and dtype == "int64" else Cast(value, dtype)
        return value

    def element(self, variable: Variable, index: Sequence[Expr]) -> Expr:
        """One element of a variable, in the open nest if there is one, else on the host."""
        index = tuple(index)
        if isinstance(variable, Constant):
            data = np.asarray(variable.data)
            if data.size == 1:
                return literal(data.reshape(()), variable.type.dtype)
            known = [i.value for i in index if isinstance(i, Const)]
            if len(known) == len(index):
                return literal(data[tuple(known)], variable.type.dtype)
        if self.open_nest is not None and is_scalar(variable):
            return self.scalar(variable)  # the same everywhere in the nest: computed once, on the host
        if isinstance(variable, Constant) or variable in self.names or not self.computable(variable):
            return self._bound((variable, index), lambda: self._load(variable, index))
        return self._bound((variable, index), lambda: self._computed(variable, index))

    def _computed(self, variable: Variable, index: tuple[Expr, ...]) -> Expr:
        """An element by its op's element rule."""
        node = variable.owner
        assert node is not None
        rule = self.rules[node].element
        assert rule is not None
        return rule.function(
            self, node, node.outputs.index(variable), index, lambda k, at: self.element(node.inputs[k], at)
        )

    def _load(self, variable: Variable, index: tuple[Expr, ...]) -> Expr:
        name = self.buffer(variable)
        buffer = self.declared[name]
        fixed = tuple(int_(0) if b else i for i, b in zip(index, buffer.broadcast, strict=True))
        return Load(name, fixed, buffer.dtype)

    def _bound(self, key: object, make: Callable[[], Expr]) -> Expr:
        if self.open_nest is not None:
            return self.open_nest.remember(key, make)
        if key not in self.host_memo:
            self.host_memo[key] = self.let(make())
        return self.host_memo[key]

    def shape_element(self, operand: Variable, axis: int) -> Expr:
        """The length of a variable as the host knows it (never through an equality with another variable's)."""
        if operand.type.broadcastable[axis]:
            return ONE
        return self._size(self.sizes.own(operand, axis), operand, axis)

    # -- memory for values that have none ---------------------------------------------------------------------------

    def materialise(self, variable: Variable) -> None:
        """A buffer for a variable that only has an element rule."""
        node = variable.owner
        assert node is not None
        view = self.rules[node].view
        if view is not None:
            view.function(self, node, node.outputs.index(variable))
            return
        if self.rules[node].emit is not None:
            self.emit_node(node)
            return
        dims = self.dims(variable)
        name = self.declare(variable.type.dtype, getattr(variable.type, "broadcastable", ()))
        self.sized[name] = variable if dims else ()
        self.emit(Define(name, dims))
        with self.nest(node) as nest:
            index = nest.loops(dims)
            nest.store(name, index, self._computed(variable, index))
        self.names[variable] = name


def is_number_type(type_: object) -> bool:
    """Scalar types: a dtype, no broadcast pattern."""
    return not hasattr(type_, "broadcastable") and hasattr(type_, "dtype")
