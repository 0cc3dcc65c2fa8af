"""The language of patterns: expressions over placeholders that read as algebra and match nodes of a graph.

    from symtensor.rewrite import pattern as p
    x = p.Var("x")
    p.log(1 + x)            # an elementwise log of a sum one of whose terms is the constant 1

`p.NAME(...)` is the elementwise operation NAME of the scalar table; `+ - * / // % **` and unary `-` are operators for
the usual ones; `p.of(op, ...)` is any other op (an instance, or a class). A number stands for a constant of that value
with nothing but broadcastable axes; `p.Const("c")` for any such constant.

Matching sees through axes that are added, dropped or permuted (DimShuffle) and through Reshape between elementwise
operations, tries the operands of commutative operations in every order, and lets the last placeholder of a commutative
and associative operation take all operands that are left (`1 + x` matches `add(a, 1, b)` with x = a + b). A
placeholder that occurs twice must stand for the same variable, or for equal constants.

Refused: operations in place, operations with several outputs.
"""
from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symtensor.graph.basic import Constant, Variable
from symtensor.rewrite.dispatch import Row, row_of
from symtensor.scalar.table import ROWS
from symtensor.tensor.elemwise import DimShuffle
from symtensor.tensor.shape_ops import Reshape

_MOST_WAYS = 256

__all__ = ["Bound", "Call", "Const", "Literal", "Match", "Pattern", "Var", "as_pattern", "match", "of", "scalar_value"]


class Pattern:
    """The base of patterns: arithmetic on them makes patterns of elementwise operations."""

    def __add__(self, other: Any) -> Call:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> Call:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> Call:
        return _call("sub", self, other)

    def __rsub__(self, other: Any) -> Call:
        return _call("sub", other, self)

    def __mul__(self, other: Any) -> Call:
        return _call("mul", self, other)

    def __rmul__(self, other: Any) -> Call:
        return _call("mul", other, self)

    def __truediv__(self, other: Any) -> Call:
        return _call("true_div", self, other)

    def __rtruediv__(self, other: Any) -> Call:
        return _call("true_div", other, self)

    def __floordiv__(self, other: Any) -> Call:
        return _call("int_div", self, other)

    def __rfloordiv__(self, other: Any) -> Call:
        return _call("int_div", other, self)

    def __mod__(self, other: Any) -> Call:
        return _call("mod", self, other)

    def __rmod__(self, other: Any) -> Call:
        return _call("mod", other, self)

    def __pow__(self, other: Any) -> Call:
        return _call("pow", self, other)

    def __rpow__(self, other: Any) -> Call:
        return _call("pow", other, self)

    def __neg__(self) -> Call:
        return _call("neg", self)

    def __abs__(self) -> Call:
        return _call("abs_", self)


@dataclass(frozen=True, eq=False)
class Var(Pattern):
    """A placeholder for any variable."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Const(Pattern):
    """A placeholder for a constant of one value; a rule gets the value, a NumPy scalar."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Literal(Pattern):
    """A constant of this value."""

    value: Any

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False)
class Call(Pattern):
    """An operation on patterns. `head` is a `Row` for elementwise operations, else an op or an op class."""

    head: Any
    args: tuple[Pattern, ...]

    def __str__(self) -> str:
        name = self.head.name if isinstance(self.head, Row) else getattr(self.head, "__name__", str(self.head))
        return f"{name}({', '.join(map(str, self.args))})"


def as_pattern(value: Any) -> Pattern:
    """A pattern as it is, a number as a `Literal`; TypeError for anything else."""
    if isinstance(value, Pattern):
        return value
    if isinstance(value, (int, float, complex, np.generic)) and not isinstance(value, bool):
        return Literal(value)
    raise TypeError(f"patterns are made of placeholders, operations and numbers, not {value!r}")


def _call(row: str, *args: Any) -> Call:
    return Call(Row(row), tuple(as_pattern(arg) for arg in args))


def of(op: Any, *args: Any) -> Call:
    """The pattern of a node whose op equals `op`, or is of exactly the class `op`."""
    return Call(op, tuple(as_pattern(arg) for arg in args))


def __getattr__(name: str) -> Callable[..., Call]:
    row = ROWS.get(name)
    if row is None:
        raise AttributeError(f"the scalar table has no operation {name!r}")

    def make(*args: Any) -> Call:
        if row.arity is not None and len(args) != row.arity:
            raise TypeError(f"{name} takes {row.arity} operands, not {len(args)}")
        return _call(name, *args)

    make.__name__ = name
    return make


# ------------------------------------------------------------------------------------------------------------ constants


def scalar_value(variable: Any) -> Any:
    """The value of a constant with broadcastable axes only, seen through DimShuffle, as a NumPy scalar; else None.

    A constant of one element whose type says that an axis may be longer is not one: it takes part in run-time checks.
    """
    while variable.owner is not None:
        if type(variable.owner.op) is not DimShuffle:
            return None
        variable = variable.owner.inputs[0]
    if not isinstance(variable, Constant):
        return None
    pattern = getattr(variable.type, "broadcastable", None)
    if pattern is None or not all(pattern):
        return None
    return np.asarray(variable.data).reshape(-1)[0]


def _equals(value: Any, literal: Any) -> bool:
    return value is not None and bool(value == literal)


# ------------------------------------------------------------------------------------------------------------- matching


@dataclass(frozen=True, slots=True)
class _Step:
    """One change of axes between a bound variable and where it is used: a DimShuffle, or a Reshape with its shape."""

    op: Any
    extra: tuple[Any, ...]
    pattern: tuple[bool, ...]

    def same(self, other: _Step) -> bool:
        return bool(self.op == other.op) and all(a is b for a, b in zip(self.extra, other.extra))


@dataclass(frozen=True, slots=True)
class Bound:
    """What a placeholder stands for: `make` applied to variables, then the steps, the innermost first."""

    variables: tuple[Any, ...]
    combine: Any
    steps: tuple[_Step, ...]

    def realise(self) -> Any:
        """The variable itself, with what has to be computed for it."""
        variable = self.variables[0] if self.combine is None else self.combine(*self.variables)
        for step in self.steps:
            variable = _stepped(step, variable)
        return variable

    def same(self, other: Bound) -> bool:
        """Whether two bindings stand for the same value."""
        if len(self.variables) != len(other.variables) or self.combine != other.combine:
            return False
        if len(self.steps) != len(other.steps) or not all(a.same(b) for a, b in zip(self.steps, other.steps)):
            return False
        return all(a is b or isinstance(a, Constant) and a.equals(b) for a, b in zip(self.variables, other.variables))


@dataclass(frozen=True, slots=True)
class Match:
    """A successful match: what each placeholder stands for, the values of constants, the nodes below the root."""

    bound: dict[str, Bound]
    values: dict[str, Any]
    inner: tuple[Any, ...]

    def argument(self, name: str) -> Any:
        """What a rule gets for a placeholder."""
        return self.values[name] if name in self.values else self.bound[name].realise()


_EMPTY = Match({}, {}, ())


def _stepped(step: _Step, variable: Any) -> Any:
    if type(step.op) is DimShuffle:
        pattern = tuple(variable.type.broadcastable)
        op = step.op if pattern == step.op.input_broadcastable else DimShuffle(pattern, step.op.new_order)
        return op(variable)
    return step.op(variable, *step.extra)


def _fits(pattern: tuple[bool, ...], steps: Sequence[_Step]) -> bool:
    """Whether a variable of this broadcast pattern may go through the steps alone. A Reshape needs the full shape."""
    for step in steps:
        if type(step.op) is DimShuffle:
            order = step.op.new_order
            pattern = tuple(True if axis == "x" else pattern[axis] for axis in order)
        elif pattern != step.pattern:
            return False
        else:
            pattern = (False,) * step.op.ndim
    return True


def match(pattern: Pattern, variable: Any, absorbers: frozenset[str] = frozenset()) -> Iterator[Match]:
    """All ways in which a pattern matches the expression that ends in `variable`.

    `absorbers` are the placeholders that may take several operands: those that occur once in the pattern.
    """
    return _match(pattern, variable, (), _EMPTY, absorbers)


def _match(pattern: Pattern, variable: Any, steps: tuple[_Step, ...], so_far: Match,
           absorbers: frozenset[str]) -> Iterator[Match]:
    if isinstance(pattern, Var):
        bound = Bound((variable,), None, steps)
        yield from _bind(pattern.name, bound, so_far)
        return
    if isinstance(pattern, Literal):
        if _equals(scalar_value(variable), pattern.value):
            yield so_far
        return
    if isinstance(pattern, Const):
        value = scalar_value(variable)
        if value is None:
            return
        known = so_far.values.get(pattern.name)
        if known is None:
            yield Match(so_far.bound, {**so_far.values, pattern.name: value}, so_far.inner)
        elif known.dtype == value.dtype and known.tobytes() == value.tobytes():
            yield so_far
        return
    assert isinstance(pattern, Call)
    node = variable.owner
    if node is None or len(node.outputs) != 1:
        return
    if isinstance(pattern.head, Row):
        row = row_of(node.op)
        if row is None:
            step = _step_through(node)
            if step is not None:
                inner = Match(so_far.bound, so_far.values, (*so_far.inner, node))
                yield from _match(pattern, node.inputs[0], (step, *steps), inner, absorbers)
            return
        if row != pattern.head:
            return
        below = Match(so_far.bound, so_far.values, (*so_far.inner, node))
        yield from _match_operands(pattern, node, steps, below, absorbers)
        return
    if isinstance(pattern.head, type):
        if type(node.op) is not pattern.head:
            return
    elif node.op != pattern.head:
        return
    if steps or len(node.inputs) != len(pattern.args):
        return
    below = Match(so_far.bound, so_far.values, (*so_far.inner, node))
    yield from _match_all(pattern.args, node.inputs, (), below, absorbers)


def _step_through(node: Any) -> _Step | None:
    """The step that stands for a node which only changes axes."""
    if type(node.op) is DimShuffle or type(node.op) is Reshape:
        return _Step(node.op, tuple(node.inputs[1:]), tuple(node.inputs[0].type.broadcastable))
    return None


def _bind(name: str, bound: Bound, so_far: Match) -> Iterator[Match]:
    known = so_far.bound.get(name)
    if known is not None:
        if known.same(bound):
            yield so_far
        return
    pattern = getattr(bound.variables[0].type, "broadcastable", None)
    if bound.steps and (pattern is None or bound.combine is None and not _fits(tuple(pattern), bound.steps)):
        return
    yield Match({**so_far.bound, name: bound}, so_far.values, so_far.inner)


def _match_all(patterns: Sequence[Pattern], variables: Sequence[Any], steps: tuple[_Step, ...], so_far: Match,
               absorbers: frozenset[str]) -> Iterator[Match]:
    if not patterns:
        yield so_far
        return
    for found in _match(patterns[0], variables[0], steps, so_far, absorbers):
        yield from _match_all(patterns[1:], variables[1:], steps, found, absorbers)


def _match_operands(pattern: Call, node: Any, steps: tuple[_Step, ...], so_far: Match,
                    absorbers: frozenset[str]) -> Iterator[Match]:
    """Match the operands of an elementwise node, in any order where it is commutative."""
    row, args, operands = ROWS[pattern.head.name], pattern.args, node.inputs
    if len(args) == len(operands):
        if not row.commutative:
            yield from _match_all(args, operands, steps, so_far, absorbers)
            return
        for order in itertools.permutations(range(len(operands))):
            yield from _match_all(args, [operands[i] for i in order], steps, so_far, absorbers)
        return
    if not (row.commutative and row.associative) or len(operands) < len(args) or len(args) < 1:
        return
    taker = next((arg for arg in reversed(args) if isinstance(arg, Var) and arg.name in absorbers), None)
    if taker is None:
        return
    others = [arg for arg in args if arg is not taker]
    candidates = [[i for i, operand in enumerate(operands) if _possible(other, operand)] for other in others]
    # A sum of ten thousand terms has too many ways to try them all.
    for chosen in itertools.islice(itertools.product(*candidates), _MOST_WAYS):
        if len(set(chosen)) < len(chosen):
            continue
        rest = tuple(operands[i] for i in range(len(operands)) if i not in chosen)
        if not _combines(node, rest):
            continue
        for found in _match_all(others, [operands[i] for i in chosen], steps, so_far, absorbers):
            yield from _bind(taker.name, Bound(rest, node.op if len(rest) > 1 else None, steps), found)


def _possible(pattern: Pattern, variable: Any) -> bool:
    """A quick test: false only where the pattern cannot match."""
    if isinstance(pattern, Literal):
        return _equals(scalar_value(variable), pattern.value)
    if isinstance(pattern, Const):
        return scalar_value(variable) is not None
    return not isinstance(pattern, Call) or variable.owner is not None


def _combines(node: Any, rest: Sequence[Any]) -> bool:
    """Whether some of a node's operands give, combined, what they contribute now: in the dtype and shape of the
    whole."""
    if len(rest) < 2:
        return True
    out = node.outputs[0].type
    dtypes = {v.type.dtype for v in rest}
    pattern = tuple(all(flags) for flags in zip(*(v.type.broadcastable for v in rest)))
    return out.dtype in dtypes and pattern == tuple(out.broadcastable)


def names_in(pattern: Pattern) -> list[str]:
    """The names of the placeholders, each as often as it occurs."""
    if isinstance(pattern, (Var, Const)):
        return [pattern.name]
    if isinstance(pattern, Call):
        return [name for arg in pattern.args for name in names_in(arg)]
    return []


def is_variable(value: Any) -> bool:
    """Whether a value is a variable of a graph."""
    return isinstance(value, Variable)
