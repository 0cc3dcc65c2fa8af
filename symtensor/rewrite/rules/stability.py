"""Expressions that lose digits or overflow, by ones that do not. These run in every mode, before constants are folded."""
from __future__ import annotations

from typing import Any

from symtensor.rewrite import pattern as p
from symtensor.rewrite.rule import real, rule
from symtensor.tensor import math as tt

__all__ = ["STABILIZE"]

x = p.Var("x")


@rule(p.log(1 + x), when=real(x), aliases=("local_log1p",))
def log_of_one_plus_becomes_log1p(x: Any) -> Any:
    return tt.log1p(x)


@rule(p.log(1 - x), when=real(x), aliases=("local_log1p",))
def log_of_one_minus_becomes_log1p(x: Any) -> Any:
    if x.type.dtype.startswith(("uint", "bool")):
        return None
    return tt.log1p(tt.neg(x))


@rule(p.exp(x) - 1, when=real(x), aliases=("local_expm1",))
def exp_minus_one_becomes_expm1(x: Any) -> Any:
    return tt.expm1(x)


STABILIZE = (log_of_one_plus_becomes_log1p, log_of_one_minus_becomes_log1p, exp_minus_one_becomes_expm1)
