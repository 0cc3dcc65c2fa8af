"""The value graph of one nest: what a dialect prints from.

In comes the body of a `Nest`; out comes a tree of loop scopes, each with its items in order: values to compute, inner
loops, reductions and stores. On the way equal values are merged, values that a loop does not change move out of it, and
operations with more than two operands become chains. Loads from buffers that the nest also writes (or that may share
memory with such) stay where they were and are never merged across a store.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from symtensor.codegen.rows import EXPANSIONS
from symtensor.ir.nodes import (
    Accumulate, Axis, Cast, Const, Dim, Expr, Let, Load, Local, Loop, Nest, Op, Reduce, Store,
)

__all__ = ["Graph", "Linear", "LoopItem", "ReduceItem", "Scope", "StoreItem", "Value", "accesses", "build", "linear",
           "natural_dtype"]

COMPARISONS = frozenset({
    "lt", "gt", "le", "ge", "eq", "neq", "isnan", "isinf", "inopenrange", "inclosedrange", "inrange_open_closed",
    "inrange_closed_open",
})
_REAL = {"complex64": "float32", "complex128": "float64"}
_COMPLEX = {"float32": "complex64", "float64": "complex128"}
VARIADIC = frozenset({"add", "mul", "maximum", "minimum", "or_", "xor", "and_"})

IDEMPOTENT = frozenset({"maximum", "minimum", "and_", "or_"})


def natural_dtype(name: str, dtypes: tuple[str, ...]) -> str:
    """The dtype in which a row computes its result, before the conversion to the dtype of the `Op`."""
    if name in COMPARISONS:
        return "bool"
    if name in ("switch", "second"):
        return dtypes[1]
    if name in ("abs_", "real", "imag", "angle"):
        return _REAL.get(dtypes[0], dtypes[0])
    if name in ("complex", "complex_from_polar"):
        return _COMPLEX[dtypes[0]]
    return dtypes[0]


class Scope:
    """A loop (of a `Loop` or of one axis of a `Reduce`), or the nest itself: `parent` is then None.

    bit     identifies the loop in `Value.mask`; 0 for the nest itself
    static  the printer has merged the loop into the one inside it (its index counts as 0)
    """

    __slots__ = ("parent", "depth", "bit", "index", "extent", "kind", "items", "static", "reduce")

    def __init__(self, parent: Scope | None, bit: int, extent: Value | None = None, kind: str = "vector",
                 reduce: bool = False):
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.bit = bit
        self.extent = extent
        self.kind = kind
        self.items: list[Any] = []
        self.static = False
        self.reduce = reduce
        self.index: Value = Value("index", "", "int64", (), self, bit, self)


class Value:
    """One scalar value.

    kind   const (extra: the number), param (extra: key of a value of the program), index (extra: its scope), load
           (name: buffer; args: indices; extra: extents that must not be empty, or None), op (name: row), cast,
           reduce (extra: its ReduceItem)
    scope  the innermost loop that it depends on, where it is computed
    mask   bits of all loops that it depends on
    """

    __slots__ = ("kind", "name", "dtype", "args", "scope", "mask", "extra", "pinned", "form")

    def __init__(self, kind: str, name: str, dtype: str, args: tuple[Value, ...], scope: Scope, mask: int,
                 extra: Any = None,
                 pinned: bool = False):
        self.kind = kind
        self.name = name
        self.dtype = dtype
        self.args = args
        self.scope = scope
        self.mask = mask
        self.extra = extra
        self.pinned = pinned
        self.form: Linear | None = None


@dataclass(slots=True, eq=False)
class LoopItem:
    scope: Scope


@dataclass(slots=True, eq=False)
class ReduceItem:
    """`result` = fold of `body` over `scopes` (outermost first; each is the only item of the one before)."""

    op: str
    scopes: tuple[Scope, ...]
    body: Value
    result: Value


@dataclass(slots=True, eq=False)
class StoreItem:
    """buffer[index] = value, or op(buffer[index], value) where `op` is set."""

    buffer: str
    index: tuple[Value, ...]
    value: Value
    op: str | None
    scope: Scope


@dataclass(slots=True)
class Graph:
    root: Scope
    stored: frozenset[str] = frozenset()
    scopes: list[Scope] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Linear:
    """An int64 value as constant + sum of factor * term; terms are loop indices or values that are not sums."""

    constant: int
    terms: tuple[tuple[Value, int], ...]

    def factor(self, index: Value) -> int:
        for value, f in self.terms:
            if value is index:
                return f
        return 0


def linear(value: Value) -> Linear:
    """The value as a sum. Products count where one side is a constant."""
    if value.form is None:
        value.form = _linear(value)
    return value.form


def _linear(value: Value) -> Linear:
    if value.kind == "const":
        return Linear(int(value.extra), ())
    if value.kind == "op" and value.dtype == "int64" and all(a.dtype == "int64" for a in value.args):
        if value.name in ("add", "sub"):
            a, b = linear(value.args[0]), linear(value.args[1])
            return _sum(a, b, 1 if value.name == "add" else -1)
        if value.name == "neg":
            return _sum(Linear(0, ()), linear(value.args[0]), -1)
        if value.name == "mul":
            a, b = linear(value.args[0]), linear(value.args[1])
            if not a.terms:
                return _sum(Linear(0, ()), b, a.constant)
            if not b.terms:
                return _sum(Linear(0, ()), a, b.constant)
    return Linear(0, ((value, 1),))


def _sum(a: Linear, b: Linear, factor: int) -> Linear:
    terms = dict(a.terms)
    for value, f in b.terms:
        terms[value] = terms.get(value, 0) + f * factor
    return Linear(a.constant + factor * b.constant, tuple((v, f) for v, f in terms.items() if f))


class _Builder:
    def __init__(self, nest: Nest, program_key: Callable[[Expr], Any]):
        self.program_key = program_key
        self.root = Scope(None, 0)
        self.graph = Graph(self.root)
        self.names: dict[str, Value] = {}
        self.known: dict[Any, Value] = {}
        self.version: dict[str, int] = {}
        self.scope = self.root
        self.partners: dict[str, set[str]] = {}
        for written, read in nest.inplace:
            self.partners.setdefault(written, set()).add(read)
        stored: set[str] = set()
        loops: list[Any] = [nest.body]
        while loops:
            for stmt in loops.pop():
                if isinstance(stmt, Loop):
                    loops.append(stmt.body)
                elif isinstance(stmt, (Store, Accumulate)):
                    stored.add(stmt.buffer)
                    self.version[stmt.buffer] = 0
                    self.version.update((p, 0) for p in self.partners.get(stmt.buffer, ()))
        self.graph.stored = frozenset(stored)
        self.body(nest.body)

    # -- statements

    def open(self, axis: Axis, reduce: bool = False) -> Scope:
        extent = self.expr(axis.extent)
        scope = Scope(self.scope, 1 << len(self.graph.scopes), extent, axis.kind, reduce)
        self.graph.scopes.append(scope)
        self.names[axis.index] = scope.index
        self.scope = scope
        return scope

    def body(self, body: tuple[Any, ...]) -> None:
        for stmt in body:
            if isinstance(stmt, Let):
                self.names[stmt.name] = self.expr(stmt.value)
            elif isinstance(stmt, Loop):
                outer = self.scope
                if isinstance(stmt.axis.extent, Const) and stmt.axis.extent.value == 1:
                    self.names[stmt.axis.index] = self.constant(0, "int64")
                    self.body(stmt.body)
                    continue
                scope = self.open(stmt.axis)
                self.body(stmt.body)
                self.scope = outer
                outer.items.append(LoopItem(scope))
            else:
                index = tuple(self.expr(i) for i in stmt.index)
                value = self.expr(stmt.value)
                op = stmt.op if isinstance(stmt, Accumulate) else None
                self.scope.items.append(StoreItem(stmt.buffer, index, value, op, self.scope))
                for name in (stmt.buffer, *sorted(self.partners.get(stmt.buffer, ()))):
                    self.version[name] += 1

    # -- expressions

    def constant(self, number: Any, dtype: str) -> Value:
        # repr tells -0.0 from 0.0, and one NaN is like another.
        return self.value(("const", repr(number), dtype), "const", "", dtype, (), number)

    def value(self, key: Any, kind: str, name: str, dtype: str, args: tuple[Value, ...], extra: Any = None) -> Value:
        found = self.known.get(key)
        if found is None:
            scope, mask = self.root, 0
            for arg in args:
                mask |= arg.mask
                if arg.scope.depth > scope.depth:
                    scope = arg.scope
            found = self.known[key] = Value(kind, name, dtype, args, scope, mask, extra)
            if kind in ("op", "cast"):
                scope.items.append(found)
        return found

    def expr(self, expr: Expr) -> Value:
        if isinstance(expr, Local) and expr.name in self.names:
            return self.names[expr.name]
        if isinstance(expr, (Local, Dim)):
            key = self.program_key(expr)
            return self.value(("param", key), "param", "", expr.dtype, (), key)
        if isinstance(expr, Const):
            return self.constant(expr.value, expr.dtype)
        if isinstance(expr, Load):
            return self.load(expr)
        if isinstance(expr, Op):
            return self.op(expr.name, tuple(self.expr(a) for a in expr.args), expr.dtype)
        if isinstance(expr, Cast):
            return self.cast(self.expr(expr.arg), expr.dtype)
        return self.reduce(expr)

    def cast(self, arg: Value, dtype: str) -> Value:
        if arg.dtype == dtype:
            return arg
        return self.value(("cast", dtype, arg), "cast", "", dtype, (arg,))

    def op(self, name: str, args: tuple[Value, ...], dtype: str) -> Value:
        if name in VARIADIC and len(args) != 2:
            result = args[0]
            for arg in args[1:]:
                result = self.op(name, (result, arg), args[0].dtype)
            return self.cast(result, dtype)
        if name in ("identity", "second") or (name in IDEMPOTENT and args[0] is args[1]):
            return self.cast(args[-1], dtype)
        expand = EXPANSIONS.get(name)
        expanded = None if expand is None else expand(self, *args)
        if expanded is not None:
            return self.cast(expanded, dtype)
        natural = natural_dtype(name, tuple(a.dtype for a in args))
        result = self.value((name, *args), "op", name, natural, args)
        return self.cast(result, dtype)

    def row(self, name: str, *args: Value) -> Value:
        """A row in the dtype that it computes in (for expansions)."""
        return self.op(name, args, natural_dtype(name, tuple(a.dtype for a in args)))

    def number(self, value: float, like: Value) -> Value:
        """A constant of the dtype of `like` (for expansions)."""
        make = complex if like.dtype.startswith("complex") else float
        return self.constant(make(value), like.dtype)

    def load(self, expr: Load) -> Value:
        args = tuple(self.expr(i) for i in expr.index)
        version = self.version.get(expr.buffer)
        if version is not None:
            key: Any = ("load", expr.buffer, args, version, self.scope)
            found = self.known.get(key)
            if found is None:
                mask = 0
                for arg in args:
                    mask |= arg.mask
                mask |= self.scope.bit
                found = self.known[key] = Value("load", expr.buffer, expr.dtype, args, self.scope, mask, None, True)
                self.scope.items.append(found)
            return found
        return self.free_load(expr, args)

    def free_load(self, expr: Load, args: tuple[Value, ...]) -> Value:
        """A load from memory that the nest does not write, in the outermost loop that knows its index. A loop that it
        leaves may be empty, and then nobody has vouched for the index: it is guarded by the extents of such loops."""
        scope, mask = self.root, 0
        for arg in args:
            mask |= arg.mask
            if arg.scope.depth > scope.depth:
                scope = arg.scope
        guards: list[Value] = []
        if not all(a.kind == "index" for a in args):
            left: list[Scope] = []
            at: Scope | None = self.scope
            while at is not None and at is not scope:
                left.append(at)
                at = at.parent
            for outer in reversed(left):
                assert outer.extent is not None
                if outer.extent.scope.depth > scope.depth:
                    scope = outer.extent.scope
                    guards.clear()
                if outer.extent.kind != "const":
                    guards.append(outer.extent)
        key = ("load", expr.buffer, args, scope, tuple(guards))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Value("load", expr.buffer, expr.dtype, args, scope, mask, tuple(guards) or None)
            scope.items.append(found)
        return found

    def reduce(self, expr: Reduce) -> Value:
        outer = self.scope
        axes = [a for a in expr.axes if not (isinstance(a.extent, Const) and a.extent.value == 1)]
        for axis in expr.axes:
            if axis not in axes:
                self.names[axis.index] = self.constant(0, "int64")
        scopes = tuple(self.open(axis, True) for axis in axes)
        for let in expr.lets:
            self.names[let.name] = self.expr(let.value)
        body = self.expr(expr.body)
        self.scope = outer
        extreme = expr.op in ("argmax", "argmin")
        if not scopes:
            return self.constant(0, "int64") if extreme else body
        for above, below in zip(scopes, scopes[1:]):
            above.items.append(LoopItem(below))
        mask = body.mask
        for scope in scopes:
            mask |= scope.extent.mask if scope.extent is not None else 0
        for scope in scopes:
            mask &= ~scope.bit
        result = Value("reduce", expr.op, expr.dtype, (), outer, mask)
        result.extra = ReduceItem(expr.op, scopes, body, result)
        outer.items.append(result.extra)
        return result


def build(nest: Nest, program_key: Callable[[Expr], Any]) -> Graph:
    """The value graph of a nest. `program_key` names a `Dim` or `Local` of the program around it: equal keys are equal
    values."""
    return _Builder(nest, program_key).graph


def accesses(scope: Scope) -> Iterator[tuple[str, tuple[Value, ...], bool]]:
    """(buffer, index, is a store) of every load and store in a scope and inside it, in order."""
    stack: list[Iterator[Any]] = [iter(scope.items)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, Value):
                if item.kind == "load":
                    yield item.name, item.args, False
            elif isinstance(item, StoreItem):
                yield item.buffer, item.index, True
            elif isinstance(item, LoopItem):
                stack.append(iter(item.scope.items))
                break
            else:
                stack.append(iter(item.scopes[0].items))
                break
        else:
            stack.pop()
