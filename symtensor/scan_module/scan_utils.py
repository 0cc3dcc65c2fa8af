"""What the body of a scan returns: outputs, updates and a stopping condition, in this order.

In: the return value of the user's function. Out: its parts. Refused: other orders, and anything but variables.
"""
from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.traversal import equal_computations
from symtensor.tensor.basic import as_tensor_variable
from symtensor.tensor.static_value import get_scalar_constant_value

__all__ = ["equal_computations", "get_scalar_constant_value", "get_updates_and_outputs", "safe_new", "until"]

_NOT_VARIABLES = (
    "The return value of your scan lambda expression may only be made of lists, tuples, or dictionaries containing "
    "variables (or `until` objects for conditions). In particular if you need to use constant values, you can use "
    "`tensor.constant` to turn them into variables."
)
_ORDER = (
    "The return value of the lambda function has been restricted. you have to always return first the outputs (if "
    "any), afterwards the updates (if any) and at the end the conclusion"
)
_CANNOT_PARSE = "Scan cannot parse the return value of your lambda expression, which is: "


class until:
    """Returned by the body of a scan, after everything else: stop after this step if `condition` holds.

    condition  a scalar, zero for false (AssertionError for other ranks)
    """

    def __init__(self, condition: Any) -> None:
        self.condition = as_tensor_variable(condition)
        assert self.condition.type.ndim == 0


def safe_new(x: Any, tag: str = "", dtype: Any = None) -> Any:
    """A new free variable of the type of `x` (of another dtype if given), named after it. Constants are copied."""
    name = None if x.name is None else x.name + (tag or "")
    if isinstance(x, Constant):
        copy = x.clone() if dtype is None or not hasattr(x.type, "dtype") else x.astype(dtype)
        copy.name = name
        return copy
    kind = x.type if dtype is None or dtype == getattr(x.type, "dtype", dtype) else x.type.clone(dtype=dtype)
    new = kind(name=name)
    if hasattr(x.tag, "test_value"):
        new.tag.test_value = x.tag.test_value
    return new


def _is_updates(x: Any) -> bool:
    if isinstance(x, Mapping):
        return True
    return isinstance(x, (list, tuple)) and bool(x) and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in x)


def _is_outputs(x: Any) -> bool:
    return isinstance(x, Variable) or (
        isinstance(x, (list, tuple)) and all(isinstance(one, Variable) for one in x)
    )


def _check_variables(x: Any) -> None:
    todo = [x]
    while todo:
        one = todo.pop()
        if isinstance(one, Mapping):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            todo += one
        elif not isinstance(one, (Variable, until)):
            raise ValueError(_NOT_VARIABLES)


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _pairs(updates: Any) -> dict[Any, Any]:
    return dict(updates.items() if isinstance(updates, Mapping) else updates)


def get_updates_and_outputs(ls: Any) -> tuple[until | None, list[Any], dict[Any, Any]]:
    """(condition, outputs, updates) of what a scan's body returned.

    The forms: outputs; updates; `until(...)` after either; a pair of outputs and updates; all three. Outputs are a
    variable or a list or tuple of them, updates a dict or a list of pairs. ValueError for anything else.
    """
    _check_variables(ls)
    if _is_outputs(ls):
        return None, _listed(ls), {}
    if _is_updates(ls) and not _holds_until(ls):
        given = _pairs(ls)
        return None, [], given
    if isinstance(ls, (list, tuple)) and 2 <= len(ls) <= 3:
        stop = ls[-1] if isinstance(ls[-1], until) else None
        rest = ls if stop is None else ls[:-1]
        if len(rest) == 2:
            return stop, *_outputs_then_updates(rest, ls)
        if len(rest) == 1 and _is_updates(rest[0]):
            return stop, [], _pairs(rest[0])
        if len(rest) == 1 and _is_outputs(rest[0]):
            return stop, _listed(rest[0]), {}
    raise ValueError(f"{_CANNOT_PARSE}{ls}")


def _holds_until(x: Any) -> bool:
    return any(isinstance(part, until) for part in (x if isinstance(x, (list, tuple)) else ()))


def _outputs_then_updates(pair: Any, whole: Any) -> tuple[list[Any], dict[Any, Any]]:
    first, second = pair
    if _is_updates(first) and _is_outputs(second):
        raise ValueError(_ORDER)
    if _is_outputs(first) and (_is_updates(second) or second == [] or second == ()):
        return _listed(first), _pairs(second)
    raise ValueError(f"{_CANNOT_PARSE}{whole}")


# Names of a layer above this one, by the module that has them.
_LATER = {"clone": "symtensor.compile.rebuild"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
