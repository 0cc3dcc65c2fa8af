"""Types: what values a variable may hold, how foreign values become such values, and when two of them are equal.

A `Type` is asked by name: `filter` (a value, or an error), `filter_variable` (another variable as one of this type),
`values_eq`. Types compare by identity unless they define `__eq__` or `__props__`.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.trace import add_tag_trace
from symtensor.graph.utils import MethodNotDefined, object2

__all__ = ["Generic", "PureType", "SingletonType", "Type", "generic"]


class PureType:
    """The interface of types. `filter` is the one method that a type must define."""

    Variable: Any = Variable
    Constant: Any = Constant

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """`data` as a value of this type; TypeError or ValueError when it is none.

        With `strict` nothing is converted. `allow_downcast` true allows losing precision, None allows it only where the
        type says so.
        """
        raise MethodNotDefined("filter", type(self), self.__class__.__name__)

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """`other`, a variable or a value, as a variable of this type; TypeError when that cannot be."""
        if not isinstance(other, Variable):
            other = self.Constant(type=self, data=other)
        if other.type is not self and other.type != self and allow_convert:
            converted = self.convert_variable(other)
            if converted is not None:
                return converted
        if other.type is not self and other.type != self:
            raise TypeError(
                f"Cannot convert Type {other.type} (of Variable {other}) into Type {self}. "
                f"You can try to manually convert {other} into a {self}.")
        return other

    def convert_variable(self, var: Any) -> Any:
        """`var` as a variable of this type, or None when this type knows no way that always works."""
        return None

    def is_valid_value(self, a: Any) -> bool:
        """Whether `a` is a value of this type as it is."""
        try:
            self.filter(a, strict=True)
            return True
        except (TypeError, ValueError):
            return False

    def value_validity_msg(self, a: Any) -> str:
        """Why `a` is not valid, for messages."""
        return "none"

    def make_variable(self, name: str | None = None) -> Any:
        """A free variable of this type, without trace."""
        return self.Variable(self, name=name)

    def make_constant(self, value: Any, name: str | None = None) -> Any:
        """A constant of this type."""
        return self.Constant(type=self, data=value, name=name)

    def __call__(self, name: str | None = None) -> Any:
        """A free variable of this type that remembers the line which made it."""
        return add_tag_trace(self.make_variable(name))

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether two values of this type are equal."""
        return a == b

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether two values of this type are equal up to the rounding that rewriting may cause."""
        return self.values_eq(a, b)


class Type(object2, PureType):
    """The base of all types."""

    def in_same_class(self, other: Any) -> bool:
        """Whether a variable of `other` can stand where one of this type does."""
        return self == other

    def may_share_memory(self, a: Any, b: Any) -> bool:
        """Whether two values may be views of the same memory; types whose values can must say so themselves."""
        return False


class SingletonType(Type):
    """A type with one instance per class."""

    __instance: Any = None

    def __new__(cls) -> Any:
        # A subclass must not inherit the instance of its base.
        if cls.__instance is None or not isinstance(cls.__instance, cls):
            cls.__instance = Type.__new__(cls)
        return cls.__instance

    def __str__(self) -> str:
        return self.__class__.__name__

    # Equality by class, so that an instance that came out of a pickle is still the one.

    def __eq__(self, other: Any) -> bool:
        return self is other or type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class Generic(SingletonType):
    """Any Python object."""

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        return data

    def is_valid_value(self, a: Any) -> bool:
        return True


generic = Generic()
"""The one instance of `Generic`."""
