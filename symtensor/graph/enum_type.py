"""Types whose values are named numbers: `EnumType(A=1, B=2)` and `EnumList("A", "B")`.

They serve as types of an op's params. Names are capital letters, digits and underscores; a constant may have an alias,
any string. Refused: other names, values that are no numbers, a name or alias used twice.
"""
from __future__ import annotations

import re
from typing import Any

from symtensor.graph.type import Type

__all__ = ["EnumList", "EnumType"]


class EnumType(Type, dict):
    """A type of named numbers. A constant is `name=value` or `name=(alias, value)`.

    `ctype` names the C type of the values (only printed here) and `cname` the type. The constants are attributes and
    items, and cannot be changed (NotImplementedError).
    """

    def __init__(self, **kwargs: Any) -> None:
        self.__dict__["ctype"] = kwargs.pop("ctype", "double")
        self.__dict__["cname"] = kwargs.pop("cname", type(self).__name__)
        self.__dict__["aliases"] = {}
        kind = type(self).__name__
        values: dict[str, Any] = {}
        for name, value in kwargs.items():
            if re.fullmatch("[A-Z_][A-Z0-9_]*", name) is None:
                raise AttributeError(f'{kind}: invalid enum name: "{name}". '
                                     "Only capital letters, underscores and digits are allowed.")
            if isinstance(value, (list, tuple)):
                if len(value) != 2:
                    raise TypeError(f"{kind}: when using a tuple to define a constant, your tuple should contain 2 "
                                    "values: constant alias followed by constant value.")
                alias, value = value
                if not isinstance(alias, str):
                    raise TypeError(f'{kind}: constant alias should be a string, got "{alias}".')
                if alias == name:
                    raise TypeError(f"{kind}: it's useless to create an alias with the same name as its associated "
                                    "constant.")
                if alias in self.aliases:
                    raise TypeError(f'{kind}: consant alias "{alias}" already used.')
                self.aliases[alias] = name
            if isinstance(value, bool):
                value = int(value)
            if not isinstance(value, (int, float)):
                raise TypeError(f'{kind}: constant "{name}": expected integer or floating value, got '
                                f'"{type(value).__name__}".')
            values[name] = value
        dict.__init__(self, values)

    aliases: dict[str, str]
    ctype: str
    cname: str

    def fromalias(self, alias: str) -> Any:
        """The value for an alias, or for a constant's name."""
        return self[self.aliases.get(alias, alias)]

    def has_alias(self, alias: str) -> bool:
        """Whether there is such an alias."""
        return alias in self.aliases

    def get_aliases(self) -> tuple[str, ...]:
        """The aliases."""
        return tuple(self.aliases)

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """One of the values; unless `strict`, a name or alias becomes its value. KeyError or AssertionError for
        others."""
        if not strict and isinstance(data, bool):
            data = int(data)
        if not strict and isinstance(data, str):
            data = self.fromalias(data)
        assert data in self.values(), f"{data!r} is no value of {self}"
        return data

    def values_eq(self, a: Any, b: Any) -> bool:
        return a == b

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        return a == b

    def __repr__(self) -> str:
        names = {name: alias for alias, name in self.aliases.items()}
        inside = ", ".join(f"{k}({names[k]}):{v}" if k in names else f"{k}:{v}" for k, v in sorted(self.items()))
        return f"{type(self).__name__}<{self.ctype}>({inside})"

    __str__ = __repr__

    def __getattr__(self, key: str) -> Any:
        if key in self:
            return self[key]
        raise AttributeError(f"{type(self).__name__}: no constant or attribute {key!r}")

    def __setattr__(self, key: str, value: Any) -> None:
        if key in self:
            raise NotImplementedError("constant values are immutable.")
        self.__dict__[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError("constant values are immutable.")

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError("constant values are immutable.")

    def _key(self) -> tuple[Any, ...]:
        return (type(self), self.ctype, tuple(sorted(self.items())), tuple(sorted(self.aliases.items())))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key() == other._key()  # type: ignore[union-attr]

    def __reduce__(self) -> tuple[Any, ...]:
        names = {name: alias for alias, name in self.aliases.items()}
        constants = {k: (names[k], v) if k in names else v for k, v in self.items()}
        return _remade, (type(self), constants, self.ctype, self.cname)


class EnumList(EnumType):
    """An `EnumType` that counts: `EnumList("A", ("B", "alias"))` has A=0 and B=1. `ctype` and `cname` may be given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind = type(self).__name__
        unknown = [key for key in kwargs if key not in ("ctype", "cname")]
        if unknown:
            raise AttributeError(f'{kind}: invalid enum name: "{unknown[0]}". '
                                 "Only capital letters, underscores and digits are allowed.")
        constants: dict[str, Any] = {}
        for number, item in enumerate(args):
            name, alias = item if isinstance(item, (list, tuple)) else (item, None)
            if not isinstance(name, str):
                raise TypeError(f'{kind}: constant name should be a string, got "{name}".')
            if name in constants:
                raise TypeError(f'{kind}: constant name already used ("{name}").')
            constants[name] = number if alias is None else (alias, number)
        kwargs.setdefault("ctype", "int")
        super().__init__(**constants, **kwargs)


def _remade(kind: Any, constants: dict[str, Any], ctype: str, cname: str) -> Any:
    """An enum type out of a pickle."""
    new = kind.__new__(kind)
    EnumType.__init__(new, ctype=ctype, cname=cname, **constants)
    return new
