"""What one node contributes: from the gradients of its outputs to the gradients of its inputs.

Comes in: a node and one gradient per output (a variable, or one of `DisconnectedType` or `NullType`). Goes out: one
such variable per input. The op's `L_op` is asked, and what it returns is not trusted: the number of terms, their types,
dimensions and dtypes must fit the inputs and the op's own connection pattern.
"""
from __future__ import annotations

import warnings
from typing import Any, Sequence

from symtensor.config import config
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.op import Op
from symtensor.graph.test_values import get_debug_values
from symtensor.scalar.dtypes import CONTINUOUS, DISCRETE
from symtensor.tensor.static_value import NotScalarConstantError, get_scalar_constant_value

__all__ = ["connection_pattern", "input_terms", "is_continuous", "is_discrete", "is_disconnected", "is_null"]


def is_disconnected(variable: Variable) -> bool:
    """Whether the variable says "no gradient flows here"."""
    return isinstance(variable.type, DisconnectedType)


def is_null(variable: Variable) -> bool:
    """Whether the variable stands for a gradient that is undefined or not implemented."""
    return isinstance(variable.type, NullType)


def is_discrete(variable: Variable) -> bool:
    """Whether the variable has a dtype and it is an integer or bool."""
    return getattr(variable.type, "dtype", None) in DISCRETE


def is_continuous(variable: Variable) -> bool:
    """Whether the variable has a dtype and it is a float or complex one."""
    return getattr(variable.type, "dtype", None) in CONTINUOUS


def connection_pattern(node: Apply) -> list[list[bool]]:
    """`pattern[i][o]`: whether gradients flow from output `o` to input `i` of the node. All do unless the op says not.

    TypeError and ValueError where the op's own `connection_pattern` is not a list of one list per input.
    """
    method = getattr(node.op, "connection_pattern", None)
    if method is None:
        return [[True] * len(node.outputs) for _ in node.inputs]
    pattern = method(node)
    if not isinstance(pattern, list):
        raise TypeError(
            f"Op.connection_pattern should return list of list of bool, but for Op={node.op} got {pattern} "
            f"with type {type(pattern)}."
        )
    if len(pattern) != len(node.inputs):
        raise ValueError(f"{node.op}.connection_pattern should have {len(node.inputs)} rows but has {len(pattern)}.")
    for row in pattern:
        if not isinstance(row, (list, tuple)) or len(row) != len(node.outputs):
            raise ValueError(
                f"{node.op}.connection_pattern should have {len(node.outputs)} columns in each row, but has {row}."
            )
    return pattern


def input_terms(node: Apply, output_grads: Sequence[Variable], pattern: list[list[bool]]) -> list[Variable]:
    """One gradient term per input of the node, given one gradient per output and the node's connection pattern."""
    flows = [not is_disconnected(g) for g in output_grads]
    connected = [any(p and f for p, f in zip(row, flows)) for row in pattern]
    if not any(connected):
        return [DisconnectedType()() for _ in node.inputs]
    null = next((g for g in output_grads if is_null(g)), None)
    if null is not None:
        return [null if c else DisconnectedType()() for c in connected]

    grads = [_as_dtype_of(output, g) for output, g in zip(node.outputs, output_grads)]
    terms = _ask(node, grads)
    for i, (term, row) in enumerate(zip(terms, pattern)):
        _check_connection(node, i, term, connected[i])
        if not (is_disconnected(term) or is_null(term)):
            _check_type(node, i, term)
            _check_zero_through_integers(node, i, term, row)
            _check_test_value(node, i, term)
    return terms


def _as_dtype_of(output: Variable, g: Variable) -> Any:
    """The gradient in the dtype of the output; integer outputs take gradients as they come."""
    if is_disconnected(g) or not (is_continuous(output) and hasattr(g.type, "dtype")):
        return g
    return g if g.type.dtype == output.type.dtype else g.astype(output.type.dtype)


def _ask(node: Apply, output_grads: list[Any]) -> list[Variable]:
    if type(node.op).L_op is Op.L_op and not hasattr(node.op, "grad"):
        raise AttributeError(f"{node.op} has no gradient: {type(node.op).__name__} defines neither grad nor L_op.")
    terms = node.op.L_op(node.inputs, node.outputs, output_grads)
    # A variable has __len__ and __iter__ of its own, with other errors.
    if terms is None or isinstance(terms, Variable) or not hasattr(terms, "__len__"):
        raise TypeError(f"{node.op}.grad returned {type(terms).__name__}, expected iterable.")
    if len(terms) != len(node.inputs):
        raise ValueError(
            f"{node.op} returned the wrong number of gradient terms: {len(terms)} for {len(node.inputs)} inputs."
        )
    for i, term in enumerate(terms):
        if term is None:
            raise TypeError(
                f"{node.op}.grad returned None for a gradient term (input {i}), this is prohibited. Instead of None, "
                "return zeros_like(input), disconnected_type(), or a NullType variable such as those made with the "
                "grad_undefined or grad_not_implemented helper functions."
            )
        if not isinstance(term, Variable):
            raise TypeError(
                f"{node.op}.grad returned {term!r} of type {type(term)} for input {i}, expected a Variable."
            )
    return list(terms)


def _check_connection(node: Apply, i: int, term: Variable, connected: bool) -> None:
    if connected and is_disconnected(term):
        message = f"{node.op}.grad returned DisconnectedType for input {i}."
        if getattr(node.op, "connection_pattern", None) is not None:
            raise TypeError(message + " Its connection_pattern method does not allow this.")
        warnings.warn(
            message + " You may want to implement a connection_pattern method for it.", UserWarning, stacklevel=2
        )
    elif not connected and not is_disconnected(term):
        raise TypeError(
            f"{node.op}.grad returned {term} of type {type(term.type).__name__} for input {i}. Expected "
            "DisconnectedType instance based on the output of the op's connection_pattern method."
        )


def _check_type(node: Apply, i: int, term: Variable) -> None:
    wanted, got = getattr(node.inputs[i].type, "ndim", None), getattr(term.type, "ndim", None)
    if wanted is not None and got is not None and wanted != got:
        raise ValueError(f"{node.op}.grad returned a term with {got} dimensions, but {wanted} are required.")
    if not is_continuous(term):
        dtype = getattr(term.type, "dtype", None)
        raise TypeError(
            f"{node.op}.grad illegally returned an integer-valued variable. (Input index {i}, dtype {dtype})"
        )


def _check_zero_through_integers(node: Apply, i: int, term: Variable, row: list[bool]) -> None:
    """An integer output is piecewise constant: what flows through such outputs only must be zero."""
    if not all(is_discrete(output) for output, connected in zip(node.outputs, row) if connected):
        return
    try:
        value = get_scalar_constant_value(term)
    except NotScalarConstantError:
        return
    if value != 0:
        raise ValueError(
            f"{node.op}.grad returned {term} of type {type(term)} for input {i}. Since this input is only connected to "
            f"integer-valued outputs, it should evaluate to zeros, but it evaluates to {value}."
        )


def _check_test_value(node: Apply, i: int, term: Variable) -> None:
    """With test values switched on, a term of another shape than its input is found here and not deep in a model."""
    if config.compute_test_value == "off":
        return
    for value, grad_value in get_debug_values(node.inputs[i], term):
        if getattr(value, "shape", None) != getattr(grad_value, "shape", None):
            raise ValueError(
                f"{node.op}.grad returned object of shape {grad_value.shape} as gradient term on input {i} "
                f"of shape {value.shape}"
            )
