"""Rules: our own local rewriters, as data. A rule is a function that says what stands for a node, with the ops it is
for.

    x = p.Var("x")

    @rule(p.log(1 + x), when=real(x), aliases=("local_log1p",))
    def log_of_one_plus_becomes_log1p(x):
        return log1p(x)

    @rule(DimShuffle)
    def dimshuffle_of_dimshuffle_becomes_one(node): ...

A rule is pure: it looks at the node and returns variables, or None where it does not apply. Everything else is the
driver's: it checks types (a replacement of another dtype or broadcast pattern is not used), carries the user's lines
along, counts.
"""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from symtensor.graph.basic import Variable
from symtensor.rewrite.base import LocalOptimizer
from symtensor.rewrite.pattern import Call, Match, Pattern, Var, match, names_in

__all__ = ["Condition", "Rule", "floating", "integer", "real", "rule"]

UNSAFE_TAGS = ("nan_unsafe", "shape_unsafe")


class Condition:
    """A test of what the placeholders of a match stand for; `&`, `|` and `~` combine them."""

    def __init__(self, test: Callable[[Match], bool], text: str) -> None:
        self.test = test
        self.text = text

    def __call__(self, found: Match) -> bool:
        return self.test(found)

    def __and__(self, other: Condition) -> Condition:
        return Condition(lambda found: self(found) and other(found), f"({self.text} and {other.text})")

    def __or__(self, other: Condition) -> Condition:
        return Condition(lambda found: self(found) or other(found), f"({self.text} or {other.text})")

    def __invert__(self) -> Condition:
        return Condition(lambda found: not self(found), f"(not {self.text})")

    def __repr__(self) -> str:
        return self.text


def _of_dtype(kinds: tuple[str, ...], text: str) -> Callable[[Var], Condition]:
    def make(var: Var) -> Condition:
        def test(found: Match) -> bool:
            return all(v.type.dtype.startswith(kinds) for v in found.bound[var.name].variables)

        return Condition(test, f"{text}({var.name})")

    make.__doc__ = f"The condition that a placeholder stands for a tensor of a {text} dtype."
    return make


floating = _of_dtype(("float",), "floating")
integer = _of_dtype(("int", "uint", "bool"), "integer")
real = _of_dtype(("float", "int", "uint", "bool"), "real")


@dataclass(frozen=True, eq=False)
class Rule(LocalOptimizer):
    """A pure local rewriter.

    name          what_becomes_what
    function      of a node (function rules) or of the placeholders (pattern rules)
    tracked       the ops, op classes and rows whose nodes it is offered; empty: all
    patterns      alternatives, for a pattern rule
    when          a condition, or a function of placeholders, that a match must meet
    tags          "fast_compile" and so on; "nan_unsafe": may hide or invent NaN, "shape_unsafe": trusts shapes
    aliases       Theano's names for the same, which users exclude by
    single_use    match only where nothing else uses what is below the root
    """

    name: str = field()
    function: Callable[..., Any] = field()
    tracked: tuple[Any, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    when: Any = None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    single_use: bool = False
    pure: bool = field(default=True, init=False)

    @property
    def unsafe(self) -> tuple[str, ...]:
        """Those of the tags that say what may go wrong."""
        return tuple(tag for tag in self.tags if tag in UNSAFE_TAGS)

    def tracks(self) -> Sequence[Any] | None:
        return list(self.tracked) or None

    def transform(self, node: Any) -> Any:
        if self.patterns:
            return self._by_pattern(node)
        return _as_answer(self.function(node))

    def _by_pattern(self, node: Any) -> Any:
        wanted = _parameters(self.function)
        output = node.outputs[0]
        for pattern in self.patterns:
            for found in match(pattern, output, _absorbers(pattern)):
                if found.inner[:1] != (node,):
                    continue  # seen through a change of axes: the node below is a match by itself
                if self.single_use and any(len(inner.outputs[0].clients) > 1 for inner in found.inner[1:]):
                    continue
                if self.when is not None and not self._accepted(found, node):
                    continue
                answer = _as_answer(self.function(*[_argument(found, name, node) for name in wanted]))
                if answer is None:
                    continue
                if all(new.type == old.type for new, old in zip(answer, node.outputs)):
                    return answer
        return None

    def _accepted(self, found: Match, node: Any) -> bool:
        if isinstance(self.when, Condition):
            return self.when(found)
        return bool(self.when(*[_argument(found, name, node) for name in _parameters(self.when)]))

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return id(self)


@functools.lru_cache(maxsize=None)
def _absorbers(pattern: Pattern) -> frozenset[str]:
    """The placeholders that occur once."""
    names = names_in(pattern)
    return frozenset(name for name in names if names.count(name) == 1)


def _argument(found: Match, name: str, node: Any) -> Any:
    if name == "node":
        return node
    return found.argument(name)


@functools.lru_cache(maxsize=None)
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _as_answer(answer: Any) -> Any:
    """One variable as a list; None and False as None."""
    if answer is None or answer is False:
        return None
    if isinstance(answer, Variable):
        return [answer]
    return answer


def rule(*what: Any, when: Any = None, tags: Iterable[str] = (), aliases: Iterable[str] = (), single_use: bool = False,
         name: str | None = None) -> Callable[[Callable[..., Any]], Rule]:
    """Decorator: a function as a `Rule`.

    `what` are patterns (alternatives, tried in order) or ops, op classes and `Row`s; nothing means that every node is
    offered. The function of a pattern rule has the placeholders it needs as parameters, and may have `node`; it
    returns a variable or None. Any other function gets the node.

    Raises TypeError for patterns mixed with ops, and for a parameter that is no placeholder of every pattern.
    """
    patterns = tuple(item for item in what if isinstance(item, Pattern))
    if patterns and len(patterns) != len(what):
        raise TypeError("a rule is for patterns or for ops, not for both")
    tracked = tuple(what) if not patterns else tuple(dict.fromkeys(_head(pattern) for pattern in patterns))

    def decorate(function: Callable[..., Any]) -> Rule:
        if patterns:
            for parameter in _parameters(function):
                missing = [str(pattern) for pattern in patterns if parameter not in (*names_in(pattern), "node")]
                if missing:
                    raise TypeError(f"{function.__name__}: {parameter} does not occur in {missing[0]}")
        made = Rule(name or function.__name__, function, tracked, patterns, when, tuple(tags), tuple(aliases),
                    single_use)
        object.__setattr__(made, "__doc__", function.__doc__)
        object.__setattr__(made, "__name__", made.name)
        return made

    return decorate


def _head(pattern: Pattern) -> Any:
    if not isinstance(pattern, Call):
        raise TypeError(f"a rule needs an operation at its root, not {pattern}")
    return pattern.head
