"""What users may write for an input, and the words that describe a function's inputs in errors.

In: variables, `In`s, and the old tuple spellings. Out: `In`s. Refused: constants and anything that is no variable.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.compile.io import In, SymbolicInput
from symtensor.graph.basic import Constant, Variable
from symtensor.graph.type import Generic
from symtensor.scalar.type import Scalar
from symtensor.tensor.type import TensorType

__all__ = ["convert_function_input", "get_info_on_inputs", "needs_filter", "plain_arrays"]


def convert_function_input(input: Any) -> Any:
    """An `In` for what the user wrote: a variable, an `In`, or a tuple of an optional name, a variable (or a pair of a
    variable and its update) and an optional default value.

    Raises TypeError for constants, for values that are variables, and for anything else.
    """
    if isinstance(input, SymbolicInput):
        return input
    if isinstance(input, Constant):
        raise TypeError("A Constant instance is not a legal function input", input)
    if isinstance(input, Variable):
        return In(input)
    if not isinstance(input, (list, tuple)):
        raise TypeError(f"Unknown input type: {type(input)}, expected Variable instance", input)
    if not input:
        raise TypeError(f"Nonsensical input specification: {input}")
    original = input
    name: str | None = None
    if isinstance(input[0], str):
        name, input = input[0], input[1:]
    if isinstance(input[0], (list, tuple)):
        pair = input[0]
        if len(pair) != 2 or len(input) not in (1, 2):
            raise TypeError(f"Invalid input syntax: {original} (check documentation or use an In instance)")
        variable, update = pair
    else:
        variable, update = input[0], None
    value = input[1] if len(input) == 2 else None
    if len(input) > 2:
        raise TypeError(f"Invalid input syntax: {original} (check documentation or use an In instance)")
    if not isinstance(variable, Variable):
        raise TypeError(f"Unknown input type: {type(variable)}, expected Variable instance", variable)
    if update is not None and not isinstance(update, Variable):
        raise TypeError(f"Unknown update type: {type(update)}, expected Variable instance", update)
    if isinstance(value, (Variable, SymbolicInput)):
        raise TypeError(f"The value for input {variable} should not be a Variable or SymbolicInput instance (got: "
                        f"{value})")
    return In(variable, name=name, value=value, update=update)


def get_info_on_inputs(named_inputs: Sequence[str | None], n_unnamed_inputs: int) -> str:
    """A sentence about a function's named and unnamed inputs, for messages about unknown keywords."""
    names = ", ".join(str(name) for name in named_inputs)
    hint = "(use 'name=...' in a Variable's constructor to give it a name)"
    if not named_inputs:
        if n_unnamed_inputs == 0:
            return "The function is supposed to have no input."
        if n_unnamed_inputs == 1:
            return ("The function has a single input variable which has no name, and thus cannot be assigned through a "
                    f"keyword argument {hint}.")
        return (f"The function has {n_unnamed_inputs} inputs, but none of them is named, and thus they cannot be "
                f"assigned through keyword arguments {hint}.")
    known = f"The function has {len(named_inputs)} named input{_s(len(named_inputs))} ({names})"
    if n_unnamed_inputs == 0:
        return known + "."
    hint = hint.replace("Variable's", "variable's")
    return (f"{known}, and {n_unnamed_inputs} unnamed input{_s(n_unnamed_inputs)} which thus cannot be accessed "
            f"through keyword argument{_s(n_unnamed_inputs)} {hint}.")


def _s(count: int) -> str:
    return "s" if count > 1 else ""


def plain_arrays(kind: Any) -> tuple[Any, int]:
    """dtype and rank of arrays that are values of a type as they are; (None, 0) where more is to be checked."""
    if not isinstance(kind, TensorType) or any(kind.broadcastable):
        return None, 0
    return kind.numpy_dtype, kind.ndim


def needs_filter(spec: Any) -> bool:
    """Whether values of an input must go through its type even where they look right to the executor."""
    kind = spec.variable.type
    return getattr(spec, "strict", False) or not isinstance(kind, (TensorType, Scalar, Generic))
