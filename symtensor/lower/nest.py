"""Builds one loop nest: opens and closes loops, and puts every shared value at the outermost place where it is
known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from symtensor.ir.expressions import ONE, ZERO
from symtensor.ir.nodes import Accumulate, Axis, Cast, Const, Expr, Let, Load, Local, Loop, Nest, Op, Reduce, Store
from symtensor.ir.walk import expressions, nest_expressions
from symtensor.scalar.dtypes import real_counterpart


@dataclass
class _Block:
    axes: tuple[Axis, ...]
    body: list = field(default_factory=list)
    memo: dict = field(default_factory=dict)


class NestBuilder:
    """The nest under construction. Block 0 is outside all loops; every `loop` and `reduce` opens one more."""

    def __init__(self, fresh: Callable[[str], str], origin: tuple[int, ...]):
        self.fresh = fresh
        self.origin = origin
        self.blocks = [_Block(())]
        self.depth: dict[str, int] = {}  # of the names bound here; others belong to the host

    def loop(self, extent: Expr, kind: str = "vector") -> Expr:
        """Opens a loop; returns its index. An axis of length 1 needs no loop: its index is 0."""
        if extent == ONE:
            return ZERO
        return self._open((Axis(self.fresh("i"), extent, kind),))[0]

    def loops(self, extents: Sequence[Expr], kind: str = "vector") -> tuple[Expr, ...]:
        return tuple(self.loop(e, kind) for e in extents)

    def close(self, count: int = 1) -> None:
        """Closes the innermost `count` loops."""
        for _ in range(count):
            block = self.blocks.pop()
            self.blocks[-1].body.append(Loop(block.axes[0], tuple(block.body)))

    def reduce(self, op: str, extents: Sequence[Expr], dtype: str, body: Callable[[tuple[Expr, ...]], Expr]) -> Expr:
        """The reduction of `body(indices)` over new axes, bound to a name."""
        long = [e for e in extents if e != ONE]
        if not long:
            value = body((ZERO,) * len(extents))
            return ZERO if op in ("argmax", "argmin") else value
        opened = iter(self._open(tuple(Axis(self.fresh("r"), e) for e in long)))
        value = body(tuple(ZERO if e == ONE else next(opened) for e in extents))
        block = self.blocks.pop()
        return self.bind(Reduce(op, block.axes, value, dtype, tuple(block.body)))

    def _open(self, axes: tuple[Axis, ...]) -> tuple[Local, ...]:
        self.blocks.append(_Block(axes))
        for axis in axes:
            self.depth[axis.index] = len(self.blocks) - 1
        return tuple(Local(axis.index) for axis in axes)

    def bind(self, expr: Expr) -> Expr:
        """A name for the value, bound in the outermost block that knows what it needs. Literals and names pass."""
        if isinstance(expr, (Const, Local)):
            return expr
        depth = self._depth(expr)
        name = self.fresh("v")
        self.blocks[depth].body.append(Let(name, expr))
        self.depth[name] = depth
        return Local(name, expr.dtype)

    def _depth(self, expr: Expr) -> int:
        return max(
            (
                self.depth.get(e.name, 0)
                for e in expressions(expr)
                if isinstance(e, Local) and self.depth.get(e.name, 0) < len(self.blocks)
            ),
            default=0,
        )

    def remember(self, key: object, make: Callable[[], Expr]) -> Expr:
        """`make()` bound to a name, once for each key as long as the name is in scope."""
        for block in self.blocks:
            if key in block.memo:
                return block.memo[key]
        value = self.bind(make())
        depth = self.depth.get(value.name, 0) if isinstance(value, Local) else 0
        self.blocks[depth].memo[key] = value
        return value

    def store(self, buffer: str, index: Sequence[Expr], value: Expr) -> None:
        self.blocks[-1].body.append(Store(buffer, tuple(index), value))

    def accumulate(self, buffer: str, index: Sequence[Expr], op: str, value: Expr) -> None:
        self.blocks[-1].body.append(Accumulate(buffer, tuple(index), op, value))

    def finish(self) -> Nest:
        """Closes every loop. Values that nobody reads are dropped."""
        self.close(len(self.blocks) - 1)
        body = _without_unread(self.blocks[0].body)
        return Nest(body, self.origin, inplace_pairs(body))


def _names(*tops: Expr) -> set[str]:
    return {e.name for top in tops for e in expressions(top) if isinstance(e, Local)}


def _without_unread(body, read: set[str] | None = None):
    """The statements without `Let`s that nobody reads. A `Let` stands before its readers, so one backward pass is
    enough; `read` collects the names."""
    read = set() if read is None else read
    kept: list = []
    for stmt in reversed(body):
        if isinstance(stmt, Loop):
            kept.append(Loop(stmt.axis, _without_unread(stmt.body, read)))
            read |= _names(stmt.axis.extent)
        elif not isinstance(stmt, Let):
            kept.append(stmt)
            read |= _names(*stmt.index, stmt.value)
        elif stmt.name in read:
            kept.append(stmt)
            read |= _names(stmt.value)
    return tuple(reversed(kept))


def inplace_pairs(body) -> tuple[tuple[str, str], ...]:
    """(stored, loaded) buffers that may share memory: the nest is one chain of loops, the loaded one is read only at
    the index of the store, and every element is read before any is stored."""
    chain: list = []
    block = body
    while True:
        inner = [s for s in block if isinstance(s, Loop)]
        chain += [a for a in (s.axis.index for s in inner)]
        if not inner:
            break
        if len(inner) > 1 or block[-1] is not inner[0] or inner[0].axis.kind != "vector":
            return ()
        if any(isinstance(s, (Store, Accumulate)) for s in block):
            return ()
        block = inner[0].body
    stores = [s for s in block if isinstance(s, Store)]
    if not stores or any(isinstance(s, Accumulate) for s in block):
        return ()
    if any(isinstance(s, Let) for s in block[block.index(stores[0]) :]):
        return ()
    if len(stores) > 1 and any(isinstance(e, Load) for s in stores for e in expressions(s.value)):
        return ()  # a later store would read what an earlier one has overwritten
    everywhere: dict[str, set] = {}
    for top in nest_expressions(body):
        for expr in expressions(top):
            if isinstance(expr, Load):
                everywhere.setdefault(expr.buffer, set()).add((expr.index, expr.dtype))
    pairs = []
    for store in stores:
        if [i.name for i in store.index if isinstance(i, Local)] != chain or any(
            isinstance(e, Load) for e in expressions(store.value)
        ):
            continue
        for name, uses in everywhere.items():
            if len(uses) == 1 and next(iter(uses)) == (store.index, store.value.dtype):
                pairs.append((store.buffer, name))
    return tuple(pairs)


def convert(expr: Expr, dtype: str) -> Expr:
    """The expression in another dtype; literals are converted at once where that is exact. Of a complex number in a
    real dtype the real part is kept."""
    if expr.dtype == dtype:
        return expr
    if expr.dtype.startswith("complex") and dtype == "bool":
        return Op("neq", (expr, Const(0j, expr.dtype)), "bool")
    if expr.dtype.startswith("complex") and not dtype.startswith("complex"):
        return convert(Op("real", (expr,), real_counterpart(expr.dtype)), dtype)
    if isinstance(expr, Const) and not isinstance(expr.value, complex):
        if dtype == "float64" or (dtype.startswith(("int", "uint")) and isinstance(expr.value, bool)):
            return Const(float(expr.value) if dtype == "float64" else int(expr.value), dtype)
        if dtype == "float32" and isinstance(expr.value, (bool, int)) and abs(expr.value) <= 1 << 24:
            return Const(float(expr.value), dtype)
        if dtype in ("int64", "int32") and isinstance(expr.value, int) and abs(expr.value) < 1 << 31:
            return Const(int(expr.value), dtype)
    return Cast(expr, dtype)


def literal(value: object, dtype: str) -> Const:
    """A Const of a NumPy scalar or 0-d array."""
    return Const(np.asarray(value, dtype=dtype).item(), dtype)
