"""Small building blocks of the graph classes: `scratchpad`, `object2` (equality, hash and text from `__props__`),
sentinels.

Nothing here knows variables or nodes.
"""
from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from symtensor.utils.optional import optional_import

__all__ = [
    "ABORT", "ANY_TYPE", "D", "FAILURE", "FALL_THROUGH", "Keyword", "MetaObject", "MethodNotDefined", "PY3", "RETRY",
    "comm_guard", "deprecated", "difference", "flatten", "from_return_values", "give_variables_names",
    "hash_from_code", "hash_from_file", "hashtype", "hist", "memoize", "object2", "remove", "scratchpad",
    "simple_types", "to_return_values", "toposort", "type_guard", "undef", "uniq", "unique",
]

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)

undef = object()
"""Stands for "no value given" where None is a value."""


class MethodNotDefined(Exception):
    """A class lacks a method that was asked for; arguments: the method's name, the class, the class's name."""


class MetaObject(type):
    """Gives a class with `__props__` (a tuple of attribute names) `__eq__`, `__hash__` and `__str__` made from them.

    Two instances are equal when they are of exactly the same class and all their props are. A class that defines one of
    these methods itself keeps it. A `__props__` that is not a tuple raises TypeError.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], dct: dict[str, Any]) -> type:
        props = dct.get("__props__")
        if props is not None:
            if not isinstance(props, tuple):
                raise TypeError("__props__ has to be a tuple")
            if not all(isinstance(prop, str) for prop in props):
                raise TypeError("elements of __props__ have to be strings")

            def _props(self: Any) -> tuple[Any, ...]:
                """The values of the properties, in the order of `__props__`."""
                return tuple([getattr(self, prop) for prop in props])

            def _props_dict(self: Any) -> dict[str, Any]:
                """The properties by name; `type(op)(**op._props_dict())` rebuilds an op whose constructor takes
                them."""
                return {prop: getattr(self, prop) for prop in props}

            dct.setdefault("_props", _props)
            dct.setdefault("_props_dict", _props_dict)
            if "__hash__" not in dct:

                def __hash__(self: Any) -> int:
                    return hash((type(self), tuple([getattr(self, prop) for prop in props])))

                dct["__hash__"] = __hash__
            if "__eq__" not in dct:

                def __eq__(self: Any, other: Any) -> bool:
                    if self is other:
                        return True
                    return type(self) is type(other) and all(
                        [getattr(self, prop) == getattr(other, prop) for prop in props])

                dct["__eq__"] = __eq__
            if "__str__" not in dct:
                if props:

                    def __str__(self: Any) -> str:
                        inside = ", ".join(f"{prop}={getattr(self, prop)!r}" for prop in props)
                        return f"{type(self).__name__}{{{inside}}}"
                else:

                    def __str__(self: Any) -> str:
                        return type(self).__name__

                dct["__str__"] = __str__
        elif "__eq__" in dct and "__hash__" not in dct:
            # Python would make the class unhashable; say so in our own terms only when somebody hashes it.
            pass
        return super().__new__(cls, name, bases, dct)


class object2(metaclass=MetaObject):
    """The base of ops, types and nodes: see `MetaObject`."""

    def __ne__(self, other: Any) -> bool:
        return not self == other


class scratchpad:
    """An open bag of attributes: the `tag` of a variable or node.

    `trace` holds where the variable was made and `test_value` its test value; users may put anything else there.
    """

    def clear(self) -> None:
        """Drop every attribute."""
        self.__dict__.clear()

    def __update__(self, other: scratchpad) -> scratchpad:
        """Take over the attributes of `other`; returns self."""
        self.__dict__.update(other.__dict__)
        return self

    def __copy__(self) -> scratchpad:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __str__(self) -> str:
        return "scratchpad" + str(self.__dict__)

    def __repr__(self) -> str:
        return "scratchpad" + str(self.__dict__)

    def info(self) -> None:
        """Print the attributes, one a line."""
        print(f"<symtensor.graph.utils.scratchpad instance at {id(self)}>")
        for key, value in self.__dict__.items():
            print(f"  {key}: {value}")


class D:
    """A bag of attributes given as keywords."""

    def __init__(self, **d: Any) -> None:
        self.__dict__.update(d)


class Keyword:
    """A named sentinel; false when `nonzero` is."""

    def __init__(self, name: str, nonzero: bool = True) -> None:
        self.name = name
        self.nonzero = nonzero

    def __bool__(self) -> bool:
        return self.nonzero

    def __str__(self) -> str:
        return f"<{self.name}>"

    def __repr__(self) -> str:
        return f"<{self.name}>"


ABORT = Keyword("ABORT", False)
RETRY = Keyword("RETRY", False)
FAILURE = Keyword("FAILURE", False)
ANY_TYPE = Keyword("ANY_TYPE")
FALL_THROUGH = Keyword("FALL_THROUGH")


PY3 = True
simple_types = (int, str, float, bool, type(None), Keyword)


def hash_from_code(msg: str | bytes) -> str:
    """The letter m and the SHA-256 of a text."""
    hashlib: Any = optional_import("hashlib")
    return "m" + hashlib.sha256(msg.encode() if isinstance(msg, str) else msg).hexdigest()


def hash_from_file(file_path: str) -> str:
    """`hash_from_code` of a file's content."""
    with open(file_path, "rb") as file:
        return hash_from_code(file.read())


def deprecated(filename: str, msg: str = "") -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Decorator: the first call of the function warns that it is deprecated."""

    def wrap(f: Callable[..., T]) -> Callable[..., T]:
        warned = False

        @functools.wraps(f)
        def g(*args: Any, **kwargs: Any) -> T:
            nonlocal warned
            if not warned:
                warned = True
                warnings.warn(f"{filename}.{f.__name__} deprecated. {msg}", DeprecationWarning, stacklevel=2)
            return f(*args, **kwargs)

        return g

    return wrap


def give_variables_names(variables: Iterable[Any]) -> list[Any]:
    """Give variables different names: one without gets `_` and how many names precede it, those that share one numbers.

    Returns the variables as a list; ValueError when the names still collide.
    """
    items = list(variables)
    counts = hist([variable.name for variable in items])
    numbers: dict[str, int] = {}
    given: dict[Any, None] = {}
    for variable in items:
        name = variable.name
        if name is None:
            variable.name = f"_{len(given)}"
            given[variable.name] = None
            continue
        given[name] = None
        if counts[name] > 1:
            numbers[name] = numbers.get(name, -1) + 1
            variable.name = f"{name}_{numbers[name]}"
    if not unique([variable.name for variable in items]):
        raise ValueError("Not all variables have unique names. Maybe you've named some of the variables identically")
    return items


def hashtype(self: Any) -> int:
    """A hash of the type of `self` alone."""
    kind = type(self)
    return hash(kind.__name__) ^ hash(kind.__module__)


def memoize(f: Callable[..., T]) -> Callable[..., T]:
    """Remember the results of `f` by its positional and keyword arguments (which must be hashable)."""
    cache: dict[Any, T] = {}

    def remembered(*args: Any, **kwargs: Any) -> T:
        key = (args, tuple(sorted(kwargs.items())))
        if key not in cache:
            cache[key] = f(*args, **kwargs)
        return cache[key]

    return remembered


def uniq(seq: Iterable[T]) -> list[T]:
    """The elements of `seq` without those equal to an earlier one; they need not be hashable."""
    result: list[T] = []
    try:
        return list(dict.fromkeys(seq))  # type: ignore[type-var]
    except TypeError:
        for item in seq:
            if item not in result:
                result.append(item)
        return result


def unique(x: list[Any]) -> bool:
    """Whether no two elements are equal."""
    return len(uniq(x)) == len(x)


def difference(seq1: Iterable[T], seq2: Iterable[T]) -> list[T]:
    """The elements of `seq1` that `seq2` lacks, in the order of `seq1`."""
    others = list(seq2)
    try:
        as_set = set(others)  # type: ignore[type-var]
        return [x for x in seq1 if x not in as_set]
    except TypeError:
        return [x for x in seq1 if x not in others]


def to_return_values(values: list[Any]) -> Any:
    """A list of one becomes its element; any other list stays."""
    return values[0] if len(values) == 1 else values


def from_return_values(values: Any) -> list[Any] | tuple[Any, ...]:
    """The inverse of `to_return_values`: anything but a list or tuple becomes a list of one."""
    return values if isinstance(values, (list, tuple)) else [values]


def flatten(a: Any) -> list[Any]:
    """Nested lists, tuples and sets as one flat list, in order."""
    if not isinstance(a, (list, tuple, set)):
        return [a]
    result: list[Any] = []
    stack = [iter(a)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, (list, tuple, set)):
                stack.append(iter(item))
                break
            result.append(item)
        else:
            stack.pop()
    return result


def hist(coll: Iterable[H]) -> dict[H, int]:
    """How often each element occurs."""
    counts: dict[H, int] = {}
    for item in coll:
        counts[item] = counts.get(item, 0) + 1
    return counts


def remove(predicate: Callable[[T], Any], coll: Iterable[T]) -> list[T]:
    """The elements for which `predicate` is false."""
    return [x for x in coll if not predicate(x)]


def toposort(prereqs_d: dict[H, Iterable[H]]) -> list[H]:
    """Order the keys of `prereqs_d` so that each follows all its prerequisites.

    A prerequisite that is no key counts as having none. A cycle raises ValueError.
    """
    waiting: dict[H, int] = {}
    followers: dict[H, list[H]] = {}
    for item, prerequisites in prereqs_d.items():
        needed = dict.fromkeys(prerequisites)
        waiting[item] = len(needed)
        for other in needed:
            followers.setdefault(other, []).append(item)
    for other in followers:
        waiting.setdefault(other, 0)
    result = [item for item, count in waiting.items() if count == 0]
    for item in result:
        for follower in followers.get(item, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                result.append(follower)
    if len(result) != len(waiting):
        raise ValueError("there is a cycle in the prerequisites")
    return result


def comm_guard(type1: Any, type2: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: try the function for arguments of these two types in either order before the one defined earlier.

    The decorated function may return FALL_THROUGH to hand on to the definition that its name had before.
    """

    def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
        old_f = f.__globals__.get(f.__name__)

        def matches(value: Any, kind: Any) -> bool:
            return kind is ANY_TYPE or isinstance(value, kind)

        def new_f(arg1: Any, arg2: Any, *rest: Any) -> Any:
            if matches(arg1, type1) and matches(arg2, type2):
                result = f(arg1, arg2, *rest)
            elif matches(arg1, type2) and matches(arg2, type1):
                result = f(arg2, arg1, *rest)
            else:
                result = FALL_THROUGH
            if result is FALL_THROUGH:
                if old_f is None:
                    raise TypeError(f"no definition of {f.__name__} takes {type(arg1)} and {type(arg2)}")
                return old_f(arg1, arg2, *rest)
            return result

        new_f.__name__ = f.__name__
        new_f.__doc__ = f.__doc__
        return new_f

    return wrap


def type_guard(type1: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: use the function when its first argument is a `type1`, else the one that its name had before."""

    def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
        old_f = f.__globals__.get(f.__name__)

        def new_f(arg1: Any, *rest: Any) -> Any:
            if type1 is ANY_TYPE or isinstance(arg1, type1):
                result = f(arg1, *rest)
                if result is not FALL_THROUGH:
                    return result
            if old_f is None:
                raise TypeError(f"no definition of {f.__name__} takes {type(arg1)}")
            return old_f(arg1, *rest)

        new_f.__name__ = f.__name__
        new_f.__doc__ = f.__doc__
        return new_f

    return wrap
