"""How ops take part in lowering: three tables by class, filled by the files beside this one.

element   `rule(ctx, node, position, index, at) -> Expr`: one element of output `position` at `index`, as an expression
          of elements of the inputs, `at(k, index)`. Such outputs need no memory: they are computed where they are read.
view      `rule(ctx, node, position) -> None`: makes the output a strided view of an input's buffer (`ctx.emit(View
          ...)`).
emit      `rule(ctx, node) -> None`: statements that define buffers for all outputs.

An op may have an element and a view rule (DimShuffle, basic indexing), an element rule alone (it is stored by a plain
nest where memory is needed), or an emit rule. An op with none becomes a call of its `perform` (`lower.python`).

`uses` says what a rule wants of each input, so that nothing is stored that nobody reads from memory:

  BUFFER   its memory                    ELEMENT  its elements, each about once (the producer may be inlined)
  SCALAR   its value as a host scalar    SHAPE    its sizes only
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symtensor.graph.basic import Apply, Variable

BUFFER, ELEMENT, SCALAR, SHAPE = "buffer", "element", "scalar", "shape"
Uses = Callable[[Apply], Sequence[str]]


@dataclass(frozen=True)
class Rule:
    """A lowering function, what it wants of the inputs, the nodes that it can do (others become Python calls), and
    whether the op works element by element on operands of one size (then it fuses)."""

    function: Callable[..., Any]
    uses: Uses
    when: Callable[[Apply], bool] | None = None
    fusible: bool = False


ELEMENT_RULES: dict[type, Rule] = {}
VIEW_RULES: dict[type, Rule] = {}
EMIT_RULES: dict[type, Rule] = {}


def _uses(uses: str | Sequence[str] | Uses) -> Uses:
    """Accepts one kind for all inputs, a kind per input (the last one repeats), or a function of the node."""
    if callable(uses):
        return uses
    kinds = (uses,) if isinstance(uses, str) else tuple(uses)
    return lambda node: [kinds[min(k, len(kinds) - 1)] for k in range(len(node.inputs))]


def _registering(table: dict[type, Rule], default: str):
    def register(
        *ops: type,
        uses: str | Sequence[str] | Uses = default,
        when: Callable[[Apply], bool] | None = None,
        fusible: bool = False,
    ):
        def keep(function):
            for op in ops:
                assert op not in table, f"two lowerings of one kind for {op.__name__}"
                table[op] = Rule(function, _uses(uses), when, fusible)
            return function

        return keep

    return register


element = _registering(ELEMENT_RULES, ELEMENT)
view = _registering(VIEW_RULES, SCALAR)
emit = _registering(EMIT_RULES, BUFFER)


def find(table: dict[type, Rule], node: Apply) -> Rule | None:
    """The rule for a node by its op's class. A subclass that brings a `perform` of its own is another operation."""
    cls = type(node.op)
    for base in cls.__mro__:
        if base in table:
            rule = table[base]
            same = getattr(cls, "perform", None) is getattr(base, "perform", None)
            return rule if same and (rule.when is None or rule.when(node)) else None
    return None


@dataclass(frozen=True)
class Lowerings:
    """How one node can be lowered.

    host         its values are single numbers: program-level `Let`s
    elementwise  it may join a fusion group
    """

    element: Rule | None
    view: Rule | None
    emit: Rule | None
    host: bool
    elementwise: bool


class RuleBook(dict[Apply, Lowerings]):
    """The lowerings of nodes, looked up once each."""

    def __missing__(self, node: Apply) -> Lowerings:
        element, view, emit = (find(table, node) for table in (ELEMENT_RULES, VIEW_RULES, EMIT_RULES))
        host = element is not None and all(is_scalar(v) for v in node.outputs)
        found = Lowerings(element, view, emit, host, element is not None and element.fusible and not host)
        self[node] = found
        return found


def is_scalar(variable: Variable) -> bool:
    """Variables of one number by type: Scalars, and arrays of length 1 along every axis."""
    return hasattr(variable.type, "dtype") and all(getattr(variable.type, "broadcastable", ()))
