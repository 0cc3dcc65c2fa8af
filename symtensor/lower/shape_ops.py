"""Reshapes and promises about shapes: views, with the checks that the sizes fit."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.ir.expressions import ZERO, both, compare, either, product
from symtensor.ir.nodes import Cast, Const, Expr, Op
from symtensor.lower.context import Lowering
from symtensor.lower.indices import entry_value, host
from symtensor.lower.registry import BUFFER, ELEMENT, SHAPE, element, emit, view
from symtensor.tensor.shape_ops import Flatten, Rebroadcast, Reshape, SpecifyShape
from symtensor.tensor.sizes import find_entry
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value, vector_length

__all__: list[str] = []


def _is_free(entry: Any) -> bool:
    """Whether a length asked for is -1."""
    try:
        return entry is not None and int(get_scalar_constant_value(entry)) == -1
    except NotScalarConstantError:
        return False


@emit(Reshape, uses=(BUFFER, SHAPE))
def reshape(ctx: Lowering, node: Apply) -> None:
    x, lengths = node.inputs
    out = node.outputs[0]
    ndim = node.op.ndim
    if vector_length(lengths) is None:
        given = ctx.shape_element(lengths, 0)
        ctx.check(compare("eq", given, ndim), "ValueError",
                  f"shape argument to Reshape.perform has incorrect length {{0}}, should be {ndim}", node, (given,))
    dims = ctx.dims(out)
    shown = ",".join(f"{{{k + 1}}}" for k in range(ndim))
    for axis, dim in enumerate(dims):
        if not isinstance(dim, Const) or dim.value < 0:
            ctx.check(compare("ge", dim, 0), "ValueError", f"cannot reshape to a negative length: {{0}} on axis {axis}",
                      node, (dim,))
    total = product(ctx.dims(x))
    if ndim == 1:
        # Whatever is asked for, the length inferred is the only one that fits.
        asked = entry_value(ctx, lengths, 0)
        ctx.check(either(compare("eq", asked, total), compare("lt", asked, 0)), "ValueError",
                  "cannot reshape array of size {0} into shape ({1},)", node, (total, asked))
    free = [_is_free(find_entry(lengths, k)) for k in range(ndim)]
    if any(free) and ndim > 1:
        rest = product(d for d, is_free in zip(dims, free) if not is_free)
        ctx.check(compare("neq", rest, 0), "ValueError",
                  f"cannot reshape array of size {{0}} into shape ({shown}): any length would do for -1", node,
                  (total, *dims))
    fits = compare("eq", product(dims), total)
    if ndim > 1 and not all(isinstance(d, Const) for d in dims):
        fits = both(fits, _is_no_multiple_of_2_to_64(dims))
    ctx.check(fits, "ValueError",
              f"cannot reshape array of size {{0}} into shape ({shown})", node, (total, *dims))
    ctx.reshape(out, ctx.buffer(x), dims)


def _is_no_multiple_of_2_to_64(dims: Sequence[Expr]) -> Expr:
    """Whether a product of lengths is as small as it looks: products of integers lose what 64 bits do not hold."""
    total: Expr = Const(1.0, "float64")
    for dim in dims:
        total = Op("mul", (total, Cast(dim, "float64")), "float64")
    return Op("lt", (total, Const(float(1 << 62), "float64")), "bool")


@emit(Flatten, uses=BUFFER)
def flatten(ctx: Lowering, node: Apply) -> None:
    ctx.reshape(node.outputs[0], ctx.buffer(node.inputs[0]), ctx.dims(node.outputs[0]))


def _check_rebroadcast(ctx: Lowering, node: Apply) -> None:
    x = node.inputs[0]
    with host(ctx):
        for axis, promised in node.op.axis.items():
            if promised:
                length = ctx.shape_element(x, axis)
                ctx.check(compare("eq", length, 1), "ValueError",
                          f"Dimension {axis} in Rebroadcast's input was supposed to be 1 (got {{0}} instead)", node,
                          (length,))


def _check_specified(ctx: Lowering, node: Apply) -> None:
    x, wanted = node.inputs
    with host(ctx):
        if vector_length(wanted) is None:
            given = ctx.shape_element(wanted, 0)
            ctx.check(compare("eq", given, x.type.ndim), "AssertionError",
                      f"SpecifyShape: vector of shape has {{0}} elements, but the input has {x.type.ndim} dimensions.",
                      node, (given,))
        for axis in range(x.type.ndim):
            length, expected = ctx.shape_element(x, axis), entry_value(ctx, wanted, axis)
            ctx.check(compare("eq", length, expected), "AssertionError",
                      f"SpecifyShape: dim {axis} of input has shape {{0}}, expected {{1}}.", node, (length, expected))


def _same_index(x: Variable, index) -> tuple[Expr, ...]:
    return tuple(ZERO if b else i for i, b in zip(index, x.type.broadcastable, strict=True))


@element(Rebroadcast, uses=ELEMENT)
def rebroadcast_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    _check_rebroadcast(ctx, node)
    return at(0, _same_index(node.inputs[0], index))


@view(Rebroadcast, uses=BUFFER)
def rebroadcast_view(ctx: Lowering, node: Apply, position: int) -> None:
    _check_rebroadcast(ctx, node)
    ctx.same(node.outputs[0], ctx.buffer(node.inputs[0]))


@element(SpecifyShape, uses=(ELEMENT, SHAPE))
def specified_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    _check_specified(ctx, node)
    return at(0, _same_index(node.inputs[0], index))


@view(SpecifyShape, uses=(BUFFER, SHAPE))
def specified_view(ctx: Lowering, node: Apply, position: int) -> None:
    _check_specified(ctx, node)
    ctx.same(node.outputs[0], ctx.buffer(node.inputs[0]))
