"""Gradients that do not exist, and the errors for asking for them.

An op says "this derivative is not implemented" or "is undefined" by returning a variable of `NullType`; `grad` carries
it along and complains only where the answer depends on it. Comes in: an op and the input in question. Goes out: a
variable that explains itself (`type.why_null`).
"""
from __future__ import annotations

from symtensor.graph.basic import Variable
from symtensor.graph.null_type import NullType
from symtensor.graph.op import Op

__all__ = ["DisconnectedInputError", "NullTypeGradError", "grad_not_implemented", "grad_undefined"]


class DisconnectedInputError(ValueError):
    """A gradient was asked with respect to a variable that the cost does not depend on, as far as gradients see."""


class NullTypeGradError(TypeError):
    """A gradient was asked that some op on the way declares undefined or does not implement."""


def grad_not_implemented(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """What an op's `grad` returns for input number `x_pos`, the variable `x`, whose gradient nobody has written yet.

    `comment` is added to the explanation.
    """
    return _null(f"the grad method for input {x_pos} ({x}) of the {op} op is not implemented. {comment}")


def grad_undefined(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """What an op's `grad` returns for input number `x_pos`, the variable `x`, whose gradient does not exist.

    `comment` is added to the explanation.
    """
    return _null(f"the grad method for input {x_pos} ({x}) of the {op} op is mathematically undefined. {comment}")


def _null(reason: str) -> Variable:
    return NullType(f"This variable is Null because {reason}")()
