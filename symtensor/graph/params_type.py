"""Params: what `perform` gets beside the inputs, as one object with typed, named fields.

    class Scale(Op):
        __props__ = ("factor",)
        params_type = ParamsType(factor=float64)

        def perform(self, node, inputs, output_storage, params):
            output_storage[0][0] = inputs[0] * params.factor

`ParamsType.get_params(op)` reads the fields from attributes of the op. Constants of enum types among the fields are
attributes of the `ParamsType` too.
"""
from __future__ import annotations

import hashlib
import keyword
import re
from typing import Any

from symtensor.graph.enum_type import EnumType
from symtensor.graph.type import Type

__all__ = ["EnumType", "Params", "ParamsType", "Type"]

_C_KEYWORDS = frozenset(
    "auto bool break case catch char class const continue default delete do double else enum explicit extern "
    "false float for friend goto if inline int long mutable namespace new operator private protected public "
    "register return short signed sizeof static struct switch template this throw true try typedef typename union "
    "unsigned using virtual void volatile while".split())


class Params(dict):
    """The values of the fields, as attributes and items; they cannot be changed (NotImplementedError).

    A field of the type that is not given raises TypeError.
    """

    def __init__(self, params_type: ParamsType, **kwargs: Any) -> None:
        for field in params_type.fields:
            if field not in kwargs:
                raise TypeError(f'Params: ParamsType attribute "{field}" not in Params args.')
        dict.__init__(self, **kwargs)
        self.__dict__["__params_type__"] = params_type
        self.__dict__["__signatures__"] = None

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}:{type(self[key]).__name__}:{self[key]}" for key in sorted(self))
        return f"Params({inside})"

    def __getattr__(self, key: str) -> Any:
        if key not in self:
            raise AttributeError(f'Params: attribute "{key}" does not exist.')
        return self[key]

    def __setattr__(self, key: str, value: Any) -> None:
        raise NotImplementedError("Params is immutable")

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError("Params is immutable")

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError("Params is immutable")

    def __hash__(self) -> int:  # type: ignore[override]
        kind = self.__dict__["__params_type__"]
        return hash((type(self), kind, tuple(_signature(kind, field, self[field]) for field in kind.fields)))

    def __eq__(self, other: object) -> bool:
        kind = self.__dict__["__params_type__"]
        if type(self) is not type(other) or kind != other.__dict__["__params_type__"]:
            return False
        return all(_signature(kind, f, self[f]) == _signature(kind, f, other[f]) for f in kind.fields)  # type: ignore

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.__dict__["__params_type__"], dict(self))


def _remade(params_type: ParamsType, fields: dict[str, Any]) -> Params:
    """Params out of a pickle."""
    return Params(params_type, **fields)


def _signature(kind: ParamsType, field: str, value: Any) -> Any:
    return kind.get_type(field).make_constant(value).signature()


class ParamsType(Type):
    """The type of params with the given fields: `ParamsType(a=type_of_a, b=type_of_b)`.

    fields, types, length    the names in alphabetical order, their types, how many

    ValueError without fields; SyntaxError for a name that C uses; TypeError for what is no type; AttributeError where
    two enum types share a name or an alias.
    """

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs:
            raise ValueError("Cannot create ParamsType from empty data.")
        for name, kind in kwargs.items():
            if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) is None:
                raise AttributeError(f'ParamsType: attribute "{name}" should be a valid identifier.')
            if name in _C_KEYWORDS or keyword.iskeyword(name):
                raise SyntaxError(f'ParamsType: "{name}" is a potential C/C++ keyword and should not be used as '
                                  "attribute name.")
            if not isinstance(kind, Type):
                raise TypeError(f'ParamsType: attribute "{name}" should inherit from Theano Type, got '
                                f'"{type(kind).__name__}".')
        self.length = len(kwargs)
        self.fields = tuple(sorted(kwargs))
        self.types = tuple(kwargs[field] for field in self.fields)
        self.name = self.generate_struct_name()
        enums = [kind for kind in self.types if isinstance(kind, EnumType)]
        names = [name for kind in enums for name in kind]
        aliases = [alias for kind in enums for alias in kind.aliases]
        if len(set(names)) != len(names):
            raise AttributeError("ParamsType: found different enum types with common constants names.")
        if len(set(aliases)) != len(aliases):
            raise AttributeError("ParamsType: found different enum types with common constants aliases.")
        self._constants = {name: kind[name] for kind in enums for name in kind}
        self._aliases = {alias: kind.fromalias(alias) for kind in enums for alias in kind.aliases}

    def __repr__(self) -> str:
        return f"ParamsType<{', '.join(f'{field}:{kind}' for field, kind in zip(self.fields, self.types))}>"

    __str__ = __repr__

    def __getattr__(self, key: str) -> Any:
        constants = self.__dict__.get("_constants", {})
        if key in constants:
            return constants[key]
        raise AttributeError(f"'ParamsType' object has no attribute '{key}'")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.fields == other.fields and self.types == other.types  # type: ignore

    def __hash__(self) -> int:
        return hash((type(self), self.fields, self.types))

    def generate_struct_name(self) -> str:
        """A name made of a hash of the types and one of the fields."""
        types, names = ("".join(map(str, part)) for part in (self.types, self.fields))
        return "_Params_" + "_".join(hashlib.sha256(text.encode()).hexdigest() for text in (names, types))

    def has_type(self, theano_type: Any) -> bool:
        """Whether a field has this type."""
        return theano_type in self.types

    def get_type(self, field_name: str) -> Any:
        """The type of a field; ValueError for an unknown one."""
        return self.types[self.fields.index(field_name)]

    def get_field(self, theano_type: Any) -> str:
        """The first field of a type; ValueError where there is none."""
        return self.fields[self.types.index(theano_type)]

    def get_enum(self, key: str) -> Any:
        """The value of a constant of one of the enum types; KeyError for an unknown one."""
        return self._constants[key]

    def enum_from_alias(self, alias: str) -> Any:
        """The value for an alias of one of the enum types, or for a constant's name."""
        return self._aliases[alias] if alias in self._aliases else self._constants[alias]

    def get_params(self, *objects: Any, **kwargs: Any) -> Params:
        """The params with fields from attributes of `objects`, replaced by those given by name, each through its type.

        KeyError for a field that nobody has.
        """
        found = dict(kwargs)
        for field in self.fields:
            for obj in objects:
                if field not in found and hasattr(obj, field):
                    found[field] = getattr(obj, field)
        return self.filter(Params(self, **{field: found[field] for field in self.fields}), strict=False,
                           allow_downcast=True)

    def extended(self, **kwargs: Any) -> ParamsType:
        """The type with further fields."""
        return type(self)(**{**dict(zip(self.fields, self.types)), **kwargs})

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Params:
        """`data` (params, or an object with the fields as attributes) as params whose fields passed their types."""
        if strict and not isinstance(data, Params):
            raise TypeError(f"{self}: strict mode: data should be an instance of Params.")
        values = {field: kind.filter(getattr(data, field), strict, allow_downcast)
                  for field, kind in zip(self.fields, self.types)}
        return data if strict else Params(self, **values)

    def values_eq(self, a: Any, b: Any) -> bool:
        return all(kind.values_eq(getattr(a, field), getattr(b, field)) for field, kind in zip(self.fields, self.types))

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        return all(kind.values_eq_approx(getattr(a, field), getattr(b, field))
                   for field, kind in zip(self.fields, self.types))
