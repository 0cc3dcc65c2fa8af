"""Gradients that an op cannot give, for ops below the gradient package.

In: an op and one of its inputs. Out: a variable of `NullType` that says why there is no gradient; `grad` complains only
where an answer depends on it.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.null_type import NullType

__all__ = ["grad_not_implemented", "grad_undefined"]


def grad_not_implemented(op: Any, x_pos: int, x: Any, comment: str = "") -> Any:
    """The gradient of input number `x_pos`, the variable `x`, which nobody has written."""
    return NullType(
        f"This variable is Null because the grad method for input {x_pos} ({x}) of the {op} op is not implemented. "
        f"{comment}"
    )()


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> Any:
    """The gradient of input number `x_pos`, the variable `x`, which does not exist."""
    return NullType(
        f"This variable is Null because the grad method for input {x_pos} ({x}) of the {op} op is mathematically "
        f"undefined. {comment}"
    )()
