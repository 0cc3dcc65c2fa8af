"""Arithmetic with neutral elements and inverses."""
from __future__ import annotations

from typing import Any

from symtensor.rewrite import pattern as p
from symtensor.rewrite.rule import rule
from symtensor.tensor import math as tt

__all__ = ["CANONICALIZE"]

x, y = p.Var("x"), p.Var("y")


@rule(x * 1, tags=("fast_compile",))
def times_one_becomes_itself(x: Any) -> Any:
    return x


@rule(x + 0, tags=("fast_compile",))
def plus_zero_becomes_itself(x: Any) -> Any:
    """As IEEE arithmetic but for the sign of a zero: -0.0 + 0.0 is 0.0, and stays -0.0 here."""
    return x


@rule(x - 0, tags=("fast_compile",))
def minus_zero_becomes_itself(x: Any) -> Any:
    return x


@rule(x / 1, tags=("fast_compile",))
def divided_by_one_becomes_itself(x: Any) -> Any:
    return x


@rule(-(-x), aliases=("local_neg_neg",))
def negative_of_negative_becomes_itself(x: Any) -> Any:
    return x


@rule(-(x - y), when=lambda node: node.outputs[0].type.dtype.startswith("float"))
def negative_of_difference_becomes_reversed_difference(x: Any, y: Any) -> Any:
    """Exact: rounding to nearest is symmetric. Not for unsigned integers, and no gain for the others."""
    return tt.sub(y, x)


CANONICALIZE = (
    times_one_becomes_itself, plus_zero_becomes_itself, minus_zero_becomes_itself, divided_by_one_becomes_itself,
    negative_of_negative_becomes_itself, negative_of_difference_becomes_reversed_difference,
)
