"""Indexing by arrays and masks: one element from elements (a gather), and writing to elements one by one (a scatter).

Bounds are checked before anything is read: a pass over each index array, and another one that finds the culprit where
there is one. Of a mask, the positions that it takes are counted and written down first.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.ir.expressions import ONE, ZERO, add, both, compare, either, is_const, mul, select, sub
from symtensor.ir.nodes import Call, Cast, Check, Const, Define, Expr, If, Load, Op
from symtensor.lower.context import Lowering
from symtensor.lower.indices import host, slice_count, slice_steps, wrapped
from symtensor.lower.nest import convert
from symtensor.lower.registry import BUFFER, ELEMENT, SHAPE, element, emit
from symtensor.lower.subtensor import broadcast_value, incremented
from symtensor.tensor.advanced_indexing import (
    AdvancedBooleanIncSubtensor,
    AdvancedBooleanSubtensor,
    AdvancedIncSubtensor,
    AdvancedIncSubtensor1,
    AdvancedSubtensor,
    AdvancedSubtensor1,
    index_plan,
    slice_parts,
)
from symtensor.tensor.ranges import ARange
from symtensor.tensor.sizes import ShapeError
from symtensor.tensor.type import TensorType
from symtensor.tensor.type_other import SliceType

__all__ = ["Gather", "check_indices", "gather"]

Read = Callable[[Sequence[Expr]], Expr]


def counts_up(variable: Variable) -> bool:
    """Whether a variable is 0, 1, 2, ...: its elements need no memory and no pass to check them."""
    node = variable.owner
    return node is not None and isinstance(node.op, ARange) and all(
        isinstance(v, Constant) and v.data == wanted for v, wanted in ((node.inputs[0], 0), (node.inputs[2], 1)))


def index_uses(variable: Variable) -> str:
    """What lowering wants of an entry of an index."""
    if not isinstance(variable.type, TensorType):
        return SHAPE
    return ELEMENT if counts_up(variable) or variable.type.ndim == 0 else BUFFER


def check_indices(ctx: Lowering, node: Apply, variable: Variable, length: Expr, error: str, message: str,
                  wrap: bool = True) -> None:
    """Fails the call unless all elements of an integer variable are indices on an axis of this length.

    `wrap`: negative ones count from the end. The message shows the culprit as {0}, the length as {1}.
    """
    lowest = sub(0, length) if wrap else ZERO
    unsigned = variable.type.dtype.startswith("u")
    if unsigned:
        lowest = ZERO
    if counts_up(variable):
        last = sub(ctx.shape_element(variable, 0), 1)
        ctx.check(compare("lt", last, length), error, message, node, (last, length))
        return
    if isinstance(variable, Constant):
        if variable.data.size:
            for extreme in (int(variable.data.min()), int(variable.data.max())):
                fine = both(compare("ge", extreme, lowest), compare("lt", extreme, length))
                ctx.check(fine, error, message, node, (Const(min(extreme, (1 << 63) - 1), "int64"), length))
        return
    if variable.type.ndim == 0:
        value = ctx.let(convert(ctx.scalar(variable), "int64"))
        fine = both(compare("ge", value, lowest), compare("lt", value, length))
        ctx.check(fine, error, message, node, (value, length))
        return
    name = ctx.buffer(variable)
    if {(name, lowest, length), (name, ZERO, length)} & ctx.checked:
        return
    ctx.checked.add((name, lowest, length))
    dims = ctx.dims(variable)
    flag, worst = ctx.scratch("bool", ()), ctx.declare("int64", ())

    def wrong(index: Sequence[Expr]) -> tuple[Expr, Expr]:
        value = convert(Load(name, tuple(index), variable.type.dtype), "int64")
        return either(compare("lt", value, lowest), compare("ge", value, length)), value

    with ctx.nest(node) as nest:
        nest.store(flag, (), nest.reduce("or_", dims, "bool", lambda index: wrong(index)[0]))

    def offender(index: Sequence[Expr]) -> Expr:
        bad, value = wrong(index)
        # 0 is an index wherever any is: what is left is the culprit farthest out
        return Op("switch", (bad, value, Const(0, "int64")), "int64")

    outer, ctx.body = ctx.body, []
    ctx.emit(Define(worst, ()))
    with ctx.nest(node) as nest:
        low = nest.reduce("minimum", dims, "int64", offender)
        high = nest.reduce("maximum", dims, "int64", offender)
        nest.store(worst, (), select(compare("lt", low, 0), low, high))
    ctx.emit(Check(Const(False, "bool"), ctx.site(error, message, node), (Load(worst, (), "int64"), length)))
    inner, ctx.body = ctx.body, outer
    ctx.emit(If(Load(flag, (), "bool"), tuple(inner), (), ctx.origin(node)))


@dataclass
class Gather:
    """How a place in the result of an advanced index maps to a place in the indexed tensor.

    dims    sizes of the result
    arrays  the axes of the result that the index arrays have, as (first, how many)
    unique  whether no element can be named twice
    place   from an index into the result to one into the tensor
    """

    dims: list[Expr]
    arrays: tuple[int, int]
    unique: bool
    place: Callable[[Sequence[Expr]], tuple[Expr, ...]]


def gather(ctx: Lowering, node: Apply, x: Variable, index: Sequence[Variable]) -> Gather:
    """Checks an index and prepares what reading through it needs; once for a node."""
    key = ("gather", node)
    if key not in ctx.host_memo:
        with host(ctx):
            ctx.host_memo[key] = _gather(ctx, node, x, index)  # type: ignore[assignment]
    return ctx.host_memo[key]  # type: ignore[return-value]


def _gather(ctx: Lowering, node: Apply, x: Variable, index: Sequence[Variable]) -> Gather:
    plan = index_plan(x, index)
    steps: dict[int, tuple[Expr, Expr]] = {}
    counts: dict[int, Expr] = {}
    reads: list[tuple[int, Read, list[Expr], Variable | None]] = []
    for kind, variable, axis in plan.entries:
        if kind == "slice":
            parts = slice_parts(variable)
            counts[axis] = slice_count(ctx, parts, x, axis)
            steps[axis] = slice_steps(ctx, parts, x, axis, counts[axis], node)
        elif kind == "array":
            length = ctx.dim(x, axis)
            check_indices(ctx, node, variable, length, "IndexError",
                          f"index {{0}} is out of bounds for axis {axis} with size {{1}}")
            reads.append((axis, _reader(ctx, variable, length), list(ctx.dims(variable)), variable))
        elif kind == "mask":
            count, names = _positions(ctx, node, x, variable, axis)
            reads += [(axis + k, _stored(name), [count], None) for k, name in enumerate(names)]
    arrays, factors = _broadcast(ctx, node, reads, plan.rank)

    def length_of(entry) -> Expr:
        return ONE if entry[0] == "new" else counts[entry[2]]

    dims = [*map(length_of, plan.before), *arrays, *map(length_of, plan.after), *(ctx.dim(x, a) for a in plan.rest)]

    def place(at: Sequence[Expr]) -> tuple[Expr, ...]:
        found: dict[int, Expr] = {}
        outer = dict(zip((id(e) for e in plan.before), at))
        behind = at[plan.place + plan.rank:]
        outer.update(zip((id(e) for e in plan.after), behind))
        for entry in plan.before + plan.after:
            if entry[0] == "slice":
                start, step = steps[entry[2]]
                found[entry[2]] = add(start, mul(outer[id(entry)], step))
        inner = at[plan.place: plan.place + plan.rank]
        for (axis, read, lengths, _), factor in zip(reads, factors, strict=True):
            own = inner[plan.rank - len(lengths):]
            found[axis] = read([mul(i, f) for i, f in zip(own, factor, strict=True)])
        for axis, i in zip(plan.rest, behind[len(plan.after):], strict=True):
            found[axis] = i
        return tuple(
            ZERO if b and axis not in {r[0] for r in reads} else found[axis]
            for axis, b in enumerate(x.type.broadcastable)
        )

    unique = all(array.type.dtype == "bool" or counts_up(array) for array in plan.arrays)
    return Gather(dims, (plan.place, plan.rank), unique, place)


def _reader(ctx: Lowering, variable: Variable, length: Expr) -> Read:
    def read(at: Sequence[Expr]) -> Expr:
        own = tuple(ZERO if b else i for i, b in zip(at, variable.type.broadcastable, strict=True))
        value = convert(ctx.element(variable, own), "int64")
        if variable.type.dtype.startswith("u") or counts_up(variable):
            return value
        value = ctx.open_nest.bind(value) if ctx.open_nest is not None else ctx.let(value)
        return wrapped(value, length)

    return read


def _stored(name: str) -> Read:
    return lambda at: Load(name, tuple(at), "int64")


def _positions(ctx: Lowering, node: Apply, x: Variable, mask: Variable, first: int) -> tuple[Expr, list[str]]:
    """How many elements a mask takes, and buffers of their indices along each of its axes."""
    name, dims = ctx.buffer(mask), ctx.dims(mask)
    for k, length in enumerate(dims):
        axis = first + k
        ctx.check(
            compare("eq", length, ctx.shape_element(x, axis)), "IndexError",
            f"boolean index did not match indexed array along dimension {axis}; dimension is {{0}} but corresponding "
            "boolean dimension is {1}", node, (ctx.shape_element(x, axis), length),
        )
    counted = ctx.scratch("int64", ())
    with ctx.nest(node) as nest:
        nest.store(counted, (), nest.reduce(
            "add", dims, "int64", lambda index: Cast(Load(name, tuple(index), "bool"), "int64")))
    count = ctx.let(Load(counted, (), "int64"))
    names = [ctx.scratch("int64", (count,)) for _ in dims]
    ctx.emit(Call("nonzero", tuple(names), (name,), (), ctx.origin(node)))
    return count, names


def _broadcast(ctx: Lowering, node: Apply, reads, rank: int) -> tuple[list[Expr], list[list[Expr]]]:
    """The sizes that index arrays broadcast to, and per array and axis the factor 1, or 0 where it is repeated.

    As in NumPy, an array whose length happens to be 1 is repeated too.
    """
    sizes: list[Expr] = [ONE] * rank
    keys: list[object] = [None] * rank
    for _, _, lengths, variable in reads:
        for k in range(1, len(lengths) + 1):
            length = lengths[-k]
            if is_const(length, 1):
                continue
            key = length if variable is None else ctx.sizes.root(variable, len(lengths) - k)
            if is_const(sizes[-k], 1):
                sizes[-k], keys[-k] = length, key
            elif keys[-k] != key and sizes[-k] != length:
                known = isinstance(sizes[-k], Const)
                sizes[-k] = sizes[-k] if known else ctx.let(select(compare("eq", sizes[-k], 1), length, sizes[-k]))
                keys[-k] = object()
    factors = []
    for _, _, lengths, variable in reads:
        own: list[Expr] = []
        for k, length in enumerate(lengths):
            whole = sizes[rank - len(lengths) + k]
            key = length if variable is None else ctx.sizes.root(variable, k)
            if is_const(length, 1):
                own.append(ZERO)
            elif length == whole or keys[rank - len(lengths) + k] == key:
                own.append(ONE)
            else:
                ctx.check(either(compare("eq", length, whole), compare("eq", length, 1)), "IndexError",
                          "shape mismatch: indexing arrays could not be broadcast together: lengths {0} and {1}",
                          node, (length, whole))
                own.append(ctx.let(select(compare("eq", length, 1), 0, 1)))
        factors.append(own)
    return sizes, factors


# -- reading -----------------------------------------------------------------------------------------------------------


def _known_slices(index: Sequence[Variable]) -> bool:
    try:
        return all(slice_parts(v) is not None for v in index if isinstance(v.type, SliceType))
    except ShapeError:
        return False


def _lowerable(node: Apply, first: int) -> bool:
    index = node.inputs[first:]
    return _known_slices(index) and not any(
        isinstance(v.type, TensorType) and v.type.dtype == "bool" and v.type.ndim == 0 for v in index)


def _reading_uses(node: Apply) -> list[str]:
    return [ELEMENT, *map(index_uses, node.inputs[1:])]


@element(AdvancedSubtensor1, AdvancedSubtensor, uses=_reading_uses, when=lambda node: _lowerable(node, 1))
def advanced_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    x, *entries = node.inputs
    return at(0, gather(ctx, node, x, entries).place(index))


@emit(AdvancedBooleanSubtensor, uses=lambda node: [BUFFER, *map(index_uses, node.inputs[1:])],
      when=lambda node: _lowerable(node, 1))
def boolean_subtensor(ctx: Lowering, node: Apply) -> None:
    x, *entries = node.inputs
    found = gather(ctx, node, x, entries)
    source = ctx.buffer(x)
    name = ctx.define(node.outputs[0], found.dims)
    with ctx.nest(node) as nest:
        index = nest.loops(found.dims)
        nest.store(name, index, Load(source, found.place(index), x.type.dtype))


# -- writing -----------------------------------------------------------------------------------------------------------


@emit(AdvancedIncSubtensor1, AdvancedIncSubtensor, AdvancedBooleanIncSubtensor,
      uses=lambda node: [BUFFER, ELEMENT, *map(index_uses, node.inputs[2:])], when=lambda node: _lowerable(node, 2))
def advanced_inc_subtensor(ctx: Lowering, node: Apply) -> None:
    x, y, *entries = node.inputs
    found = gather(ctx, node, x, entries)
    missing = len(found.dims) - y.type.ndim
    same = [
        k >= missing and not y.type.broadcastable[k - missing] and ctx.dim(y, k - missing) == dim
        for k, dim in enumerate(found.dims)
    ]
    value = broadcast_value(ctx, node, y, found.dims, same)
    name = ctx.copied(node.outputs[0], ctx.buffer(x))
    dtype = x.type.dtype
    first, count = found.arrays
    with ctx.nest(node) as nest:
        index = [
            nest.loop(dim, "vector" if found.unique or not first <= k < first + count else "serial")
            for k, dim in enumerate(found.dims)
        ]
        place = tuple(nest.bind(i) for i in found.place(index))
        new = convert(value(index), dtype)
        if node.op.set_instead_of_inc:
            nest.store(name, place, new)
        elif dtype == "bool":
            nest.store(name, place, incremented(Load(name, place, dtype), new))
        else:
            nest.accumulate(name, place, "add", new)
