"""Loop nests evaluated with NumPy: the meaning of `Nest` that the printed C has to match.

In: a nest, the arrays by buffer name, the scalars bound around it. Effect: the stores that the nest makes. Every
"vector" loop adds an axis to a grid and its body is evaluated for the whole grid at once; "serial" loops run in Python.
A value is a NumPy scalar or an array with one axis per grid axis known where it is read (length 1: does not depend).
A vector loop whose index decides the extent of another loop inside (ragged rows) is run serially as well.

Refused: an index out of bounds (IndexError: lowering vouched for it), a maximum over no element.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from symtensor.ir.nodes import (
    Accumulate, Axis, Cast, Const, Dim, Expr, Let, Load, Local, Loop, Nest, Op, Reduce, Store,
)
from symtensor.ir.walk import expressions
from symtensor.scalar.table import ROWS

# Grids of more points than this are evaluated in pieces.
GRID_LIMIT = 1 << 24

UFUNCS: Mapping[str, np.ufunc] = {
    "add": np.add, "mul": np.multiply, "and_": np.bitwise_and, "or_": np.bitwise_or, "xor": np.bitwise_xor,
    "maximum": np.maximum, "minimum": np.minimum,
}
EXTREMES = {"argmax": np.argmax, "argmin": np.argmin}
IDENTITIES = {"add": 0, "mul": 1, "or_": 0, "xor": 0, "argmax": 0, "argmin": 0}


class Scope:
    """What is visible at a point of a nest: scalars and arrays by name, and the grid axes around it."""

    __slots__ = ("names", "grid", "sizes")

    def __init__(self, names: dict[str, Any], grid: dict[str, tuple[int, int, int]], sizes: tuple[int, ...]) -> None:
        self.names = names
        self.grid = grid  # index name -> (grid axis, first value, number of values)
        self.sizes = sizes

    def block(self) -> Scope:
        """A scope whose new names end with it."""
        return Scope(dict(self.names), self.grid, self.sizes)

    def at(self, index: str, value: int) -> Scope:
        """Inside one iteration of a serial loop."""
        return Scope({**self.names, index: np.int64(value)}, self.grid, self.sizes)

    def over(self, index: str, start: int, size: int) -> Scope:
        """Inside a vector loop, for `size` values of its index from `start` on."""
        grid = {**self.grid, index: (len(self.sizes), start, size)}
        return Scope(dict(self.names), grid, self.sizes + (size,))


def serial_indices(nest: Nest) -> frozenset[str]:
    """Indices of vector loops that decide an extent further inside, so that no rectangular grid covers them."""
    depends: dict[str, frozenset[str]] = {}
    found: set[str] = set()

    def needs(expr: Expr) -> frozenset[str]:
        """The loop indices that an expression depends on."""
        for part in expressions(expr):
            if isinstance(part, Reduce):
                bind(part.axes)
                for let in part.lets:
                    depends[let.name] = needs(let.value)
        used = [depends[p.name] for p in expressions(expr) if isinstance(p, Local) and p.name in depends]
        return frozenset().union(*used)

    def bind(axes: tuple[Axis, ...]) -> None:
        for axis in axes:
            found.update(needs(axis.extent))
            depends[axis.index] = frozenset((axis.index,))

    def walk(body: tuple[Any, ...]) -> None:
        for stmt in body:
            if isinstance(stmt, Let):
                depends[stmt.name] = needs(stmt.value)
            elif isinstance(stmt, Loop):
                bind((stmt.axis,))
                walk(stmt.body)
            else:
                for expr in (*stmt.index, stmt.value):
                    needs(expr)

    walk(nest.body)
    return frozenset(found)


class NestEvaluator:
    """Evaluates expressions and nests over the arrays of one run (`buffers`, shared with the interpreter)."""

    def __init__(self, buffers: dict[str, Any]) -> None:
        self.buffers = buffers
        self.serial: frozenset[str] = frozenset()

    # ------------------------------------------------------------------------------------------------- statements

    def run(self, nest: Nest, names: dict[str, Any], serial: frozenset[str]) -> None:
        """Runs a nest; `serial` comes from `serial_indices`."""
        self.serial = serial
        self.body(nest.body, Scope(dict(names), {}, ()))

    def body(self, body: tuple[Any, ...], scope: Scope) -> None:
        for stmt in body:
            if isinstance(stmt, Let):
                value = self.value(stmt.value, scope)
                if isinstance(value, np.ndarray) and not value.flags.owndata:
                    value = value.copy()  # a window on a buffer that a later store may change
                scope.names[stmt.name] = value
            elif isinstance(stmt, Store):
                self.store(stmt, scope)
            elif isinstance(stmt, Accumulate):
                self.accumulate(stmt, scope)
            else:
                self.loop(stmt, scope)

    def loop(self, loop: Loop, scope: Scope) -> None:
        axis = loop.axis
        extent = int(self.value(axis.extent, scope))
        if axis.kind == "serial" or axis.index in self.serial:
            for step in range(extent):
                self.body(loop.body, scope.at(axis.index, step))
        else:
            for start, size in pieces(extent, math.prod(scope.sizes)):
                self.body(loop.body, scope.over(axis.index, start, size))

    def store(self, stmt: Store, scope: Scope) -> None:
        value = lift(self.value(stmt.value, scope), len(scope.sizes))
        array = self.buffers[stmt.buffer]
        found = self.window(array, stmt.index, scope)
        if found is not None:
            found[0][...] = value
        else:
            array[self.positions(array, stmt.index, scope)] = value

    def accumulate(self, stmt: Accumulate, scope: Scope) -> None:
        ufunc = UFUNCS[stmt.op]
        depth = len(scope.sizes)
        value = lift(self.value(stmt.value, scope), depth)
        array = self.buffers[stmt.buffer]
        found = self.window(array, stmt.index, scope)
        if found is not None:
            window, covered = found
            left = tuple(k for k in range(depth) if k not in covered)
            if left:  # the same element many times
                value = ufunc.reduce(spread(value, scope.sizes, left), axis=left, dtype=array.dtype, keepdims=True)
            ufunc(window, value, out=window)
        else:
            index = self.positions(array, stmt.index, scope)
            full = np.broadcast_to(index[0], scope.sizes)
            ufunc.at(array, (full, *index[1:]), np.array(np.broadcast_to(value, scope.sizes)))

    # ------------------------------------------------------------------------------------------------ expressions

    def value(self, expr: Expr, scope: Scope) -> Any:
        """The value of an expression: a NumPy scalar, or an array with as many axes as the grid it was made on."""
        return _VALUES[type(expr)](self, expr, scope)

    def const(self, expr: Const, scope: Scope) -> Any:
        return np.dtype(expr.dtype).type(expr.value)

    def local(self, expr: Local, scope: Scope) -> Any:
        axis = scope.grid.get(expr.name)
        if axis is None:
            return scope.names[expr.name]
        position, start, size = axis
        return np.arange(start, start + size, dtype=np.int64).reshape((1,) * position + (size,))

    def dim(self, expr: Dim, scope: Scope) -> Any:
        return np.int64(self.buffers[expr.buffer].shape[expr.axis])

    def cast(self, expr: Cast, scope: Scope) -> Any:
        return self.value(expr.arg, scope).astype(expr.dtype)

    def op(self, expr: Op, scope: Scope) -> Any:
        depth = len(scope.sizes)
        result = ROWS[expr.name].numpy(*[lift(self.value(arg, scope), depth) for arg in expr.args])
        if getattr(result, "dtype", None) != expr.dtype:
            result = np.asarray(result).astype(expr.dtype)[()]
        return result

    def load(self, expr: Load, scope: Scope) -> Any:
        array = self.buffers[expr.buffer]
        found = self.window(array, expr.index, scope)
        if found is None:
            return array[self.positions(array, expr.index, scope)]
        return found[0] if found[1] else found[0].reshape(())[()]

    # ---------------------------------------------------------------------------------------------------- indices

    def uniform(self, expr: Expr, scope: Scope) -> int | None:
        """The value of an index expression that is one number on the whole grid; None if it is not evidently so."""
        if isinstance(expr, Local):
            value = scope.names.get(expr.name)
            return None if value is None or value.ndim else int(value)
        if isinstance(expr, Op):
            if any(self.uniform(arg, scope) is None for arg in expr.args):
                return None
        elif not isinstance(expr, (Const, Dim)):
            return None
        return int(self.value(expr, scope))

    def affine(self, expr: Expr, scope: Scope) -> tuple[int, int, int] | None:
        """(grid axis, first value, step) of an index that walks evenly along one grid axis; None if it does not."""
        if isinstance(expr, Local):
            axis = scope.grid.get(expr.name)
            return None if axis is None else (axis[0], axis[1], 1)
        if not isinstance(expr, Op) or expr.name not in ("add", "sub", "mul") or len(expr.args) != 2:
            return None
        for moving in (0, 1):
            number = self.uniform(expr.args[1 - moving], scope)
            walk = None if number is None else self.affine(expr.args[moving], scope)
            if number is None or walk is None:
                continue
            place, start, step = walk
            if expr.name == "add":
                return place, start + number, step
            if expr.name == "mul":
                return place, start * number, step * number
            return (place, start - number, step) if moving == 0 else (place, number - start, -step)
        return None

    def window(self, array: np.ndarray, index: tuple[Expr, ...], scope: Scope) -> tuple[np.ndarray, set[int]] | None:
        """The part of an array that an index reaches, as a view laid along the grid, and the grid axes it covers; None
        where a grid axis is used twice or the index does not walk evenly."""
        parts: list[int | slice] = []
        axes: list[int] = []
        for expr, length in zip(index, array.shape):
            number = self.uniform(expr, scope)
            if number is not None:
                first = last = number
                parts.append(number)
            else:
                walk = self.affine(expr, scope)
                if walk is None or walk[0] in axes:
                    return None
                axis, first, step = walk
                if step == 0:
                    return None
                stop = first + step * scope.sizes[axis]
                last = stop - step
                parts.append(slice(first, stop if stop >= 0 else None, step))
                axes.append(axis)
            if min(first, last) < 0 or max(first, last) >= length:
                raise IndexError(f"index {first}..{last} is out of bounds for an axis of length {length}")
        view = array[tuple(parts) + (...,)]
        if axes != sorted(axes):
            view = view.transpose(sorted(range(len(axes)), key=axes.__getitem__))
        if len(axes) < len(scope.sizes):
            view = view[tuple(slice(None) if k in axes else None for k in range(len(scope.sizes)))]
        return view, set(axes)

    def positions(self, array: np.ndarray, index: tuple[Expr, ...], scope: Scope) -> tuple[Any, ...]:
        """Index grids, one for each axis of an array."""
        result = []
        for expr, length in zip(index, array.shape):
            where = lift(self.value(expr, scope), len(scope.sizes))
            least, most = np.min(where), np.max(where)
            if least < 0 or most >= length:
                raise IndexError(f"index {least}..{most} is out of bounds for an axis of length {length}")
            result.append(where)
        return tuple(result)

    # -------------------------------------------------------------------------------------------------- reductions

    def reduce(self, expr: Reduce, scope: Scope) -> Any:
        if expr.op in EXTREMES and not self.serial.isdisjoint(a.index for a in expr.axes):
            raise ValueError(f"{expr.op} over ragged axes has no C order")
        return self.fold(expr, 0, scope)

    def fold(self, expr: Reduce, k: int, scope: Scope) -> Any:
        """The reduction over the axes from `k` on, for every point of the grid."""
        if k == len(expr.axes):
            inner = scope.block()
            self.body(expr.lets, inner)
            return self.value(expr.body, inner)
        axis = expr.axes[k]
        extent = int(self.value(axis.extent, scope))
        if extent == 0:
            return self.identity(expr)
        if axis.index in self.serial:
            parts: Iterator[Any] = (self.fold(expr, k + 1, scope.at(axis.index, step)) for step in range(extent))
            return self.joined(expr, parts, len(scope.sizes))
        if expr.op in EXTREMES:
            return self.extreme(expr, k, scope)
        ahead = [int(self.value(a.extent, scope)) for a in expr.axes[k + 1:] if self.is_known(a, expr)]
        if 0 in ahead:
            return self.identity(expr)
        points = math.prod(scope.sizes) * math.prod(ahead)
        parts = (self.folded(expr, k, scope, start, size) for start, size in pieces(extent, points))
        return self.joined(expr, parts, len(scope.sizes))

    def is_known(self, axis: Axis, expr: Reduce) -> bool:
        """Whether the extent of a later axis is the same at every point of the earlier ones."""
        own = {a.index for a in expr.axes}
        return not any(isinstance(p, Local) and p.name in own for p in expressions(axis.extent))

    def folded(self, expr: Reduce, k: int, scope: Scope, start: int, size: int) -> Any:
        inner = scope.over(expr.axes[k].index, start, size)
        depth = len(inner.sizes)
        value = spread(lift(self.fold(expr, k + 1, inner), depth), inner.sizes, (depth - 1,))
        return UFUNCS[expr.op].reduce(value, axis=depth - 1, dtype=expr.dtype)

    def extreme(self, expr: Reduce, k: int, scope: Scope) -> Any:
        outer = len(scope.sizes)
        for axis in expr.axes[k:]:
            extent = int(self.value(axis.extent, scope))
            if extent == 0:
                return self.identity(expr)
            scope = scope.over(axis.index, 0, extent)
        depth = len(scope.sizes)
        value = lift(self.fold(expr, len(expr.axes), scope), depth)
        value = np.ascontiguousarray(spread(value, scope.sizes, tuple(range(outer, depth))))
        flat = value.reshape(value.shape[:outer] + (math.prod(value.shape[outer:]),))
        return np.asarray(EXTREMES[expr.op](flat, axis=-1)).astype(np.int64)[()]

    def joined(self, expr: Reduce, parts: Iterator[Any], depth: int) -> Any:
        """One value out of the reductions of several pieces."""
        result = None
        for part in parts:
            part = lift(part, depth)
            result = part if result is None else UFUNCS[expr.op](result, part)
        return result

    def identity(self, expr: Reduce) -> Any:
        if expr.op == "and_":
            return np.dtype(expr.dtype).type(True if expr.dtype == "bool" else ~np.dtype(expr.dtype).type(0))
        if expr.op not in IDENTITIES:
            raise ValueError(f"{expr.op} over no element")
        return np.dtype(expr.dtype).type(IDENTITIES[expr.op])


_VALUES: dict[type, Callable[..., Any]] = {
    Const: NestEvaluator.const, Local: NestEvaluator.local, Dim: NestEvaluator.dim, Load: NestEvaluator.load,
    Op: NestEvaluator.op, Cast: NestEvaluator.cast, Reduce: NestEvaluator.reduce,
}


def pieces(extent: int, points: int) -> Iterator[tuple[int, int]]:
    """(start, size) of the pieces in which an axis is added to a grid of `points` points; none for an empty axis."""
    size = max(1, min(extent, GRID_LIMIT // max(points, 1)))
    for start in range(0, extent, size):
        yield start, min(size, extent - start)


def lift(value: Any, depth: int) -> Any:
    """A value made on fewer grid axes, laid out for `depth` of them."""
    missing = depth - value.ndim
    return value if missing == 0 or value.ndim == 0 else value.reshape(value.shape + (1,) * missing)


def spread(value: Any, sizes: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """A value with the given grid axes at their full length (they are going to be reduced)."""
    shape = list(value.shape) if value.ndim else [1] * len(sizes)
    for axis in axes:
        shape[axis] = sizes[axis]
    return np.broadcast_to(value, shape)
