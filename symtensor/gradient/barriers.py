"""Identities that change how gradients flow: zero_grad, disconnected_grad, undefined_grad, grad_clip, grad_scale.

Each op returns a view of its input; only its gradient differs from the identity's. Comes in and goes out: one variable
of any type. Anything that is not a variable is refused.
"""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.math import clip
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "ConsiderConstant", "DisconnectedGrad", "GradClip", "GradScale", "UndefinedGrad", "ViewOp", "ZeroGrad",
    "consider_constant", "consider_constant_", "disconnected_grad", "disconnected_grad_", "grad_clip", "grad_scale",
    "undefined_grad", "undefined_grad_", "view_op", "zero_grad", "zero_grad_",
]


class ViewOp(Op):
    """The identity, as a view of its input. Its subclasses differ from it in their gradients."""

    __module__ = "symtensor.compile.ops"

    view_map = {0: [0]}
    __props__: tuple[str, ...] = ()

    def make_node(self, x: Variable) -> Apply:
        if not isinstance(x, Variable):
            raise TypeError(f"{self} expects a variable, got {x!r} of type {type(x)}")
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = inputs[0]

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        return shapes

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return list(output_gradients)


class ConsiderConstant(ViewOp):
    """The identity whose gradient is zero."""

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [g.zeros_like() for g in output_gradients]


class ZeroGrad(ViewOp):
    """The identity whose gradient is zero, forward too."""

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [g.zeros_like() for g in output_gradients]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None if point is None else point.zeros_like() for point in eval_points]


class DisconnectedGrad(ViewOp):
    """The identity that no gradient passes: whatever lies behind is disconnected."""

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [DisconnectedType()() for _ in inputs]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]


class UndefinedGrad(ViewOp):
    """The identity whose gradient is declared undefined: asking for it is an error."""

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [grad_undefined(self, i, x) for i, x in enumerate(inputs)]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True]]


class GradClip(ViewOp):
    """The identity whose gradient is clipped, element by element, to an interval."""

    # Unlike Theano's, two of these with other bounds are not equal: merging them would clip to the wrong interval.
    __props__ = ("clip_lower_bound", "clip_upper_bound")

    def __init__(self, clip_lower_bound: Any, clip_upper_bound: Any) -> None:
        if not clip_upper_bound >= clip_lower_bound:
            raise ValueError(f"grad_clip needs lower <= upper, got {clip_lower_bound} and {clip_upper_bound}.")
        self.clip_lower_bound = _plain(clip_lower_bound)
        self.clip_upper_bound = _plain(clip_upper_bound)

    def __str__(self) -> str:
        return type(self).__name__

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [clip(g, self.clip_lower_bound, self.clip_upper_bound) for g in output_gradients]


class GradScale(ViewOp):
    """The identity whose gradient is multiplied by a number, an array or a variable."""

    # Two of these are equal where their multipliers are; arrays and variables count by identity.
    __props__ = ()

    def __init__(self, multiplier: Any) -> None:
        self.multiplier = _plain(multiplier)

    def _key(self) -> tuple[Any, ...]:
        number = isinstance(self.multiplier, (int, float, np.generic))
        return (type(self), type(self.multiplier), self.multiplier if number else id(self.multiplier))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradScale) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return type(self).__name__

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [self.multiplier * g for g in output_gradients]


def _plain(value: Any) -> Any:
    """A 0-d array as its scalar, which can be hashed and compared; anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


view_op = ViewOp()
consider_constant_ = ConsiderConstant()
zero_grad_ = ZeroGrad()
disconnected_grad_ = DisconnectedGrad()
undefined_grad_ = UndefinedGrad()


def consider_constant(x: Variable) -> Variable:
    """`x`, seen as a constant by `grad`: the gradient through it is zero (`zero_grad` also zeroes `Rop`)."""
    return consider_constant_(x)


def zero_grad(x: Variable) -> Variable:
    """`x`, with a gradient of zero through it. `x` still counts as connected to the cost."""
    return zero_grad_(x)


def disconnected_grad(x: Variable) -> Variable:
    """`x`, with no gradient through it: if this was the only way to the cost, `grad` calls `x` disconnected."""
    return disconnected_grad_(x)


def undefined_grad(x: Variable) -> Variable:
    """`x`, with a gradient through it that is declared undefined: `grad` raises where the answer needs it."""
    return undefined_grad_(x)


def grad_clip(x: Variable, lower_bound: float, upper_bound: float) -> Variable:
    """`x`, with the gradient through it clipped element by element to [lower_bound, upper_bound].

    Meant for recurrent nets whose gradients explode. ValueError where the bounds are in the wrong order.
    """
    return GradClip(lower_bound, upper_bound)(x)


def grad_scale(x: Variable, multiplier: Any) -> Variable:
    """`x`, with the gradient through it multiplied by `multiplier` (-1 reverses it)."""
    return GradScale(multiplier)(x)
