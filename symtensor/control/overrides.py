"""What stands in for an op's own derivatives: "default", functions, ops, or variables that say "there is none".

Comes in: the overrides as the user of `OpFromGraph` wrote them. Goes out: one variable per gradient. Refused with
TypeError and ValueError: what is none of these, wrong numbers, variables of other types.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.graph.basic import Variable
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.op import Op

__all__ = [
    "INPUT_COUNT_MESSAGE", "PLACEHOLDER_MESSAGE", "TYPE_MESSAGE", "check_overrides", "overridden_gradients",
    "overridden_rop",
]

INPUT_COUNT_MESSAGE = "expect overrider with %d inputs, got %d"
PLACEHOLDER_MESSAGE = "Overriding Variable instance can only have type of DisconnectedType or NullType, got %s"
TYPE_MESSAGE = (
    "L_op/gradient override should be (single or list of)'default' | OpFromGraph | callable | Variable with NullType "
    "or DisconnectedType, got %s"
)


def check_overrides(overrides: Any, count: int, what: str) -> Any:
    """The overrides, if they are of a kind that is known: one for all, or a list with `count` entries."""
    if isinstance(overrides, list):
        if len(overrides) != count:
            raise ValueError(f"Need to override {count} {what}, got {len(overrides)}", overrides)
        for entry in overrides:
            _check_entry(entry)
    else:
        _check_entry(overrides)
    return overrides


def _check_entry(entry: Any) -> None:
    if isinstance(entry, Variable):
        if not isinstance(entry.type, (DisconnectedType, NullType)):
            raise ValueError(PLACEHOLDER_MESSAGE % entry.type)
    elif entry != "default" and not callable(entry):
        raise TypeError(TYPE_MESSAGE % entry)


def overridden_gradients(
    overrides: Any, kind: str, default: Callable[[], list[Any]], inputs: list[Any], outputs: list[Any], grads: list[Any]
) -> list[Any]:
    """One gradient per input. `kind` says what functions and ops are called with: "lop" outputs too, "grad" not."""
    arguments = [inputs, outputs, grads] if kind == "lop" else [inputs, grads]
    results = _overridden(overrides, default, arguments, len(inputs), "Gradient/L_op")
    return results


def overridden_rop(overrides: Any, default: Callable[[], list[Any]], inputs: list[Any], points: list[Any]) -> list[Any]:
    """One result per output; variables that say "there is none" become None."""
    count = len(overrides) if isinstance(overrides, list) else None
    results = _overridden(overrides, default, [inputs, points], count, "R_op")
    return [None if isinstance(r, Variable) and isinstance(r.type, DisconnectedType) else r for r in results]


def _overridden(
    overrides: Any, default: Callable[[], list[Any]], arguments: list[list[Any]], count: int | None, what: str
) -> list[Any]:
    if isinstance(overrides, str):
        return default()
    if isinstance(overrides, Variable):
        return [overrides] * (count or 1)
    if not isinstance(overrides, list):
        results = _called(overrides, arguments)
        if count is not None and len(results) != count:
            raise ValueError(f"{what} overriding function should return list of {count} outputs, got {len(results)}")
        return results
    usual = default() if any(isinstance(entry, str) for entry in overrides) else []
    results = []
    for i, entry in enumerate(overrides):
        if isinstance(entry, str):
            results.append(usual[i])
        elif isinstance(entry, Variable):
            results.append(entry)
        else:
            results.append(_called(entry, arguments)[0])
    return results


def _called(override: Any, arguments: list[list[Any]]) -> list[Any]:
    """What an op or a function gives, as a list."""
    if isinstance(override, Op):
        flat = [x for group in arguments for x in group]
        types = getattr(override, "input_types", flat)
        if len(types) != len(flat):
            raise ValueError(INPUT_COUNT_MESSAGE % (len(flat), len(types)))
        return override(*flat, return_list=True)
    result = override(*arguments)
    return list(result) if isinstance(result, (list, tuple)) else [result]
