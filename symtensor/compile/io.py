"""What a function's inputs and outputs may carry beside the variable: defaults, updates, permission to overwrite.

In: variables with options. Out: `In` and `Out` specifications, which `function` and `FunctionMaker` read. Refused: a
name that is no string, an update of another type than its variable, `mutable=True` with `borrow=False`.
"""
from __future__ import annotations

from typing import Any

from symtensor.tensor.first_cause import first_cause, lines
from symtensor.graph.basic import Variable
from symtensor.tensor.sharedvar import Container, SharedVariable

__all__ = ["In", "Out", "SharedVariable", "SymbolicInput", "SymbolicOutput"]


class SymbolicInput:
    """A variable that a function takes as an argument, and how.

    Args:
        variable: the symbolic input.
        name: the keyword of the argument; with `autoname` a missing name is the variable's own.
        update: an expression of the same type; after each call its value becomes the input's default.
        mutable: whether the function may overwrite the value it was given; None means: only if there is an update.
        strict: True accepts only values that need no conversion.
        allow_downcast: True allows lossy conversion of the value, False never, None only of a Python float to floatX.
        implicit: True: callers may not give a value.

    Raises TypeError for a name that is no string, for what is no variable, and for an update of another type.
    """

    def __init__(
        self,
        variable: Any,
        name: str | None = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool = False,
    ) -> None:
        assert implicit is not None
        if not isinstance(variable, Variable):
            raise TypeError(f"an input must be a Variable, not {variable} of type {type(variable)}")
        if update is not None and not isinstance(update, Variable):
            raise TypeError(f"the update of {variable} must be a Variable, not {update} of type {type(update)}")
        self.variable = variable
        self.name: str | None = variable.name if (autoname and name is None) else name
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"name must be a string! (got: {self.name})")
        self.update = update
        if update is not None and not variable.type == update.type:
            raise TypeError(
                f"Variable '{variable}' has type {variable.type} but an update of type {update.type}. "
                "The type of the update should be the same as the type of the variable"
                f"{lines(first_cause(update, variable.type))}")
        self.mutable: bool = mutable if mutable is not None else update is not None
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.implicit = implicit

    def __str__(self) -> str:
        return f"In({self.variable} -> {self.update})" if self.update is not None else f"In({self.variable})"

    def __repr__(self) -> str:
        return str(self)


class In(SymbolicInput):
    """An input of a function with a default value.

    Args beyond those of `SymbolicInput`:
        value: the default, restored after each call that gave another one, unless there is an `update`. A shared
            variable or a container stands for its current value, which this input then shares.
        borrow: whether the function may keep the caller's array without copying it; `mutable` implies it.
        implicit: None: only where the value is a container.
        shared: the container belongs to a shared variable.

    Raises TypeError for a default that is a variable but not a shared one, AssertionError for `mutable=True` with
    `borrow=False`, and for `shared` without a container.
    """

    # Unannotated, as programs print this signature.
    def __init__(
        self,
        variable,
        name=None,
        value=None,
        update=None,
        mutable=None,
        strict=False,
        allow_downcast=None,
        autoname=True,
        implicit=None,
        borrow=None,
        shared=False,
    ):
        self.borrow: bool | None = mutable if borrow is None else borrow
        if mutable and not self.borrow:
            raise AssertionError(
                f"Symbolic input for variable {variable} (name={name}) has flags mutable=True, borrow=False. This "
                "combination is incompatible since mutable=True implies that the input variable may be both aliased "
                "(borrow=True) and overwritten.", variable, name)
        if implicit is None:
            implicit = isinstance(value, (Container, SharedVariable))
        super().__init__(variable, name=name, update=update, mutable=mutable, strict=strict,
                         allow_downcast=allow_downcast, autoname=autoname, implicit=implicit)
        if isinstance(value, SharedVariable):
            value = value.container
        elif hasattr(value, "owner") and hasattr(value, "type"):
            raise TypeError(f"The default value of input {variable} should not be a symbolic variable (got: {value})")
        if shared and not isinstance(value, Container):
            raise AssertionError(f"Input {variable} is declared shared, but its value is not the container of a shared "
                                 "variable")
        self.value = value
        self.shared = shared


class SymbolicOutput:
    """A result of a function.

    Args:
        variable: what to return.
        borrow: True lets the result share memory with an input, a shared variable or another result, where that saves a
            copy; it may then change later.
    """

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable
        self.borrow = borrow

    def __str__(self) -> str:
        return f"Out({self.variable},{self.borrow})"

    def __repr__(self) -> str:
        return str(self)


Out = SymbolicOutput
