"""Small functions that Theano has at its top level."""
from __future__ import annotations

import logging
from typing import Any

from symtensor.tensor.advanced_indexing import AdvancedSubtensor1
from symtensor.tensor.static_value import get_scalar_constant_value as _scalar_constant_value

__all__ = ["disable_log_handler", "dot", "get_scalar_constant_value", "has_handlers", "sparse_grad"]

_logger = logging.getLogger("symtensor")


def dot(l: Any, r: Any) -> Any:  # noqa: E741
    """The dot product of two variables of any types that have one (`__dot__` or `__rdot__`).

    Raises NotImplementedError with both reasons when neither has.
    """
    reasons: list[Any] = []
    for holder, name, other in ((l, "__dot__", r), (r, "__rdot__", l)):
        method = getattr(holder, name, None)
        if method is None:
            reasons.append(AttributeError(f"{type(holder).__name__} has no {name}"))
            continue
        try:
            result = method(other)
        except Exception as error:
            reasons.append(error)
            continue
        if result is not NotImplemented:
            return result
        reasons.append(NotImplemented)
    raise NotImplementedError("Dot failed for the following reasons:", tuple(reasons))


def get_scalar_constant_value(v: Any) -> Any:
    """The value of a variable that is a constant scalar, as a 0-d array; NotScalarConstantError where it is none."""
    return _scalar_constant_value(v)


def sparse_grad(var: Any) -> Any:
    """The same rows of a matrix (`x[indices]`), whose gradient is a sparse matrix."""
    node = var.owner
    if node is None or not isinstance(node.op, AdvancedSubtensor1):
        raise AssertionError(f"sparse_grad takes the result of x[vector], not {var}")
    return type(node.op)(sparse_grad=True)(*node.inputs)


def has_handlers(logger: logging.Logger) -> bool:
    """Whether a logger, or one above it that it passes records to, has a handler."""
    return logger.hasHandlers()


def disable_log_handler(logger: logging.Logger = _logger, handler: logging.Handler | None = None) -> None:
    """Takes a handler (default: every one) off a logger, if another one is left to print what it logs."""
    for own in list(logger.handlers) if handler is None else [handler]:
        if has_handlers(logger):
            logger.removeHandler(own)
