"""Jacobians and Hessians, row by row with a scan over `grad`.

In: an expression of rank 0 or 1 and what to differentiate with respect to. Out: one array for each of these, whose
first axis is the expression's. Refused: higher ranks (AssertionError, as in Theano 1.0.5).
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symtensor.gradient.directional import format_as
from symtensor.gradient.reverse import grad
from symtensor.graph.basic import Variable
from symtensor.scan_module.scan import scan
from symtensor.tensor.basic import arange

__all__ = ["hessian", "jacobian"]


def jacobian(
    expression: Variable, wrt: Any, consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The derivatives of each element of `expression`, stacked: entry [i, ...] is that of element i.

    expression           a vector, or a scalar, whose gradient it then is
    wrt                  a variable, or a list or tuple of them
    consider_constant    variables that no gradient flows through
    disconnected_inputs  "raise", "warn" or "ignore", as in `grad`

    Returns a variable, or a list or tuple as `wrt` is one.
    """
    if not isinstance(expression, Variable):
        raise AssertionError("tensor.jacobian expects a Variable as `expression`")
    if expression.type.ndim > 1:
        raise AssertionError(
            "tensor.jacobian expects a 1 dimensional variable as `expression`. If not use flatten to make it a vector"
        )
    several = isinstance(wrt, (list, tuple))
    wanted = list(wrt) if several else [wrt]
    if expression.type.ndim == 0:
        results = grad(
            expression, wanted, consider_constant=consider_constant, disconnected_inputs=disconnected_inputs
        )
    else:
        results = _rows(expression, wanted, consider_constant, disconnected_inputs)
    return format_as(isinstance(wrt, list), isinstance(wrt, tuple), results)


def hessian(
    cost: Variable, wrt: Any, consider_constant: Iterable[Variable] | None = None, disconnected_inputs: str = "raise",
) -> Any:
    """The second derivatives of a scalar with respect to a vector, or to each of several by itself.

    cost                 a scalar
    wrt                  a vector, or a list or tuple of vectors
    consider_constant    variables that no gradient flows through
    disconnected_inputs  "raise", "warn" or "ignore", as in `grad`, for the first derivative; where the first derivative
                         does not depend on the variable the second is zero

    Returns a matrix, or a list or tuple of them as `wrt` is one.
    """
    if not isinstance(cost, Variable):
        raise AssertionError("tensor.hessian expects a Variable as `cost`")
    if cost.type.ndim != 0:
        raise AssertionError("tensor.hessian expects a 0 dimensional variable as `cost`")
    results = []
    for x in wrt if isinstance(wrt, (list, tuple)) else [wrt]:
        if not isinstance(x, Variable):
            raise AssertionError("tensor.hessian expects a (list of) Variable as `wrt`")
        if x.type.ndim != 1:
            raise AssertionError("tensor.hessian expects a (list of) 1 dimensional variable as `wrt`")
        first = grad(cost, x, consider_constant=consider_constant, disconnected_inputs=disconnected_inputs)
        results += _rows(first, [x], consider_constant, "ignore")
    return format_as(isinstance(wrt, list), isinstance(wrt, tuple), results)


def _rows(expression: Any, wrt: list[Any], consider_constant: Any, disconnected_inputs: str) -> list[Any]:
    """The gradients of each element of a vector."""

    def step(i: Any, *unused: Any) -> list[Any]:
        return grad(
            expression[i], wrt, consider_constant=consider_constant, disconnected_inputs=disconnected_inputs
        )

    results, updates = scan(step, sequences=arange(expression.shape[0]), return_list=True)
    if updates:
        raise ValueError(
            "Scan has returned a list of updates. The derivatives of random numbers drawn in "
            "the loop would belong to other draws: draw them before."
        )
    return results
