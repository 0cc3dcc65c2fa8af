"""Which nests may be shared by threads, and the function that runs a range of one.

A nest whose outer loop has independent iterations, and whose arrays are all walked by that loop along one axis (or not
at all), does a range of it when its pointers are moved and its first length is changed: the nest's own function serves.
Whole reductions stay on one thread: so results do not depend on the number of threads.
"""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symtensor.ir.nodes import Accumulate, Expr, Load, Local, Loop, Nest, Store
from symtensor.ir.walk import expressions, nest_expressions, nest_statements

__all__ = ["PART", "Shared", "range_function", "shared_by_threads"]

PART = "part"  # the name of the outer loop's length


@dataclass(frozen=True)
class Shared:
    """A nest with its outer loop's length replaced by `PART`; that length; the axis along which it walks each array."""

    nest: Nest
    length: Expr
    axes: Mapping[str, int]


def shared_by_threads(nest: Nest) -> Shared | None:
    """The nest as one that runs a range of its outer loop; None where iterations could meet."""
    if len(nest.body) != 1 or not isinstance(nest.body[0], Loop) or nest.body[0].axis.kind != "vector":
        return None
    loop = nest.body[0]
    index = Local(loop.axis.index)
    axes: dict[str, int | None] = {}
    places = 0  # where the index stands as one index of an array: it must stand nowhere else

    def walked(buffer: str, indices: Sequence[Expr]) -> bool:
        nonlocal places
        at = [k for k, e in enumerate(indices) if e == index]
        places += len(at)
        axis = at[0] if at else None
        return len(at) < 2 and axes.setdefault(buffer, axis) == axis

    for stmt in nest_statements(loop.body):
        if isinstance(stmt, (Store, Accumulate)):
            if not walked(stmt.buffer, stmt.index) or axes[stmt.buffer] is None:
                return None
    uses = 0
    for top in nest_expressions(loop.body):
        for e in expressions(top):
            uses += e == index
            if isinstance(e, Load) and not walked(e.buffer, e.index):
                return None
    if uses != places:
        return None
    nest = replace(nest, body=(replace(loop, axis=replace(loop.axis, extent=Local(PART))),))
    return Shared(nest, loop.axis.extent, {buffer: axis for buffer, axis in axes.items() if axis is not None})


def range_function(name: str, text: str, params: Sequence[tuple[Any, ...]], axes: Mapping[str, int]) -> str:
    """The function (@ stands for its name) that runs a range of the nest function `name`. Its arguments are the
    addresses of those of the nest, then of the steps in bytes of the arrays that the outer loop walks along, in the
    order of their pointers."""
    kinds = [kind_of(declared) for declared in signature(text)]
    step = len(params)
    arguments = []
    for k, (param, kind) in enumerate(zip(params, kinds, strict=True)):
        value = f"*({kind} const *)args[{k}]"
        if param == ("value", PART):
            value = "high - low"
        elif param[0] == "pointer" and param[1] in axes:
            value += f" + low * *(const st_i64 *)args[{step}]"
            step += 1
        arguments.append(value)
    head = "static void @(const void *const *args, st_i64 low, st_i64 high) {"
    return f"{head}\n    {name}({', '.join(arguments)});\n}}"


def signature(text: str) -> list[str]:
    """The parameters of a printed function."""
    found = re.search(r"void @\(([^)]*)\)", text)
    return found.group(1).split(", ") if found and found.group(1) != "void" else []


def kind_of(declared: str) -> str:
    """The C type of a parameter: "char *p0" -> "char *"."""
    return re.sub(r"\w+$", "", declared).strip()
