"""Ops that hand their input on: barriers of gradients, assertions, and promises about memory."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.control.raise_op import Assert
from symtensor.gradient.barriers import (
    ConsiderConstant, DisconnectedGrad, GradClip, GradScale, UndefinedGrad, ViewOp, ZeroGrad,
)
from symtensor.graph.basic import Apply
from symtensor.ir.nodes import Expr, Load, Op
from symtensor.lower.context import Lowering
from symtensor.lower.indices import host
from symtensor.lower.nest import convert, literal
from symtensor.lower.registry import BUFFER, ELEMENT, SCALAR, element, emit, view
from symtensor.tensor.filling import CpuContiguous
from symtensor.tensor.searching import NonNegative
from symtensor.tensor.type import TensorType

__all__: list[str] = []

BARRIERS = (ViewOp, ConsiderConstant, DisconnectedGrad, GradClip, GradScale, UndefinedGrad, ZeroGrad)


def _is_array(node: Apply) -> bool:
    return isinstance(node.inputs[0].type, TensorType)


@element(*BARRIERS, uses=ELEMENT, when=_is_array)
def barrier_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    return at(0, tuple(index))


@view(*BARRIERS, uses=BUFFER, when=_is_array)
def barrier_view(ctx: Lowering, node: Apply, position: int) -> None:
    ctx.same(node.outputs[0], ctx.buffer(node.inputs[0]))


def _message(text: str) -> str:
    """A text without places for values."""
    return text.replace("{", "{{").replace("}", "}}")


def _check_assertion(ctx: Lowering, node: Apply) -> None:
    with host(ctx):
        for condition in node.inputs[1:]:
            holds = ctx.let(convert(ctx.scalar(condition), "bool"))
            ctx.check(holds, "AssertionError", _message(str(node.op.msg)), node)


@element(Assert, uses=(ELEMENT, SCALAR), when=_is_array)
def assert_element(ctx: Lowering, node: Apply, position: int, index, at) -> Expr:
    _check_assertion(ctx, node)
    return at(0, tuple(index))


@view(Assert, uses=(BUFFER, SCALAR), when=_is_array)
def assert_view(ctx: Lowering, node: Apply, position: int) -> None:
    _check_assertion(ctx, node)
    ctx.same(node.outputs[0], ctx.buffer(node.inputs[0]))


@emit(NonNegative, uses=BUFFER)
def non_negative(ctx: Lowering, node: Apply) -> None:
    """A pass over the integers that looks for negative ones."""
    x = node.inputs[0]
    name, dtype = ctx.buffer(x), x.type.dtype
    if not dtype.startswith("u"):
        found = ctx.scratch("bool", ())

        def fine(index: Sequence[Expr]) -> Expr:
            return Op("ge", (Load(name, tuple(index), dtype), literal(0, dtype)), "bool")

        with ctx.nest(node) as nest:
            nest.store(found, (), nest.reduce("and_", ctx.dims(x), "bool", fine))
        ctx.check(Load(found, (), "bool"), "AssertionError", _message(str(node.op.message)), node)
    ctx.same(node.outputs[0], name)


@emit(CpuContiguous, uses=BUFFER)
def cpu_contiguous(ctx: Lowering, node: Apply) -> None:
    """The memory itself where it is in C order, else a copy: what a reshape to the same sizes does."""
    x = node.inputs[0]
    ctx.reshape(node.outputs[0], ctx.buffer(x), ctx.dims(x))
