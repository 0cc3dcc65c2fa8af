"""Constructors of scalar expressions that fold what is known: sizes and offsets stay short.

In: expressions and Python numbers. Out: expressions of `ir.nodes`. Only int64 and bool arithmetic is folded here; the
arithmetic of users' values is left as it is (the rewriter has folded it in the right dtype).
"""
from __future__ import annotations

from symtensor.ir.nodes import Cast, Const, Expr, Op

INT = "int64"
ZERO = Const(0, INT)
ONE = Const(1, INT)
TRUE = Const(True, "bool")


def int_(value: int | Expr) -> Expr:
    """An int64 expression of a Python int (expressions pass through)."""
    return Const(int(value), INT) if isinstance(value, int) else value


def is_const(expr: Expr, value: object = None) -> bool:
    return isinstance(expr, Const) and (value is None or expr.value == value)


def add(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(a.value + b.value, INT)
    if is_const(a, 0):
        return b
    if is_const(b, 0):
        return a
    return Op("add", (a, b), INT)


def sub(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(a.value - b.value, INT)
    if is_const(b, 0):
        return a
    if a == b:
        return ZERO
    return Op("sub", (a, b), INT)


def mul(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(a.value * b.value, INT)
    if is_const(a, 0) or is_const(b, 0):
        return ZERO
    if is_const(a, 1):
        return b
    if is_const(b, 1):
        return a
    return Op("mul", (a, b), INT)


def product(factors) -> Expr:
    result: Expr = ONE
    for factor in factors:
        result = mul(result, factor)
    return result


def floor_div(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const) and b.value != 0:
        return Const(a.value // b.value, INT)
    if is_const(b, 1):
        return a
    return Op("int_div", (a, b), INT)


def maximum(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(max(a.value, b.value), INT)
    return a if a == b else Op("maximum", (a, b), INT)


def minimum(a: int | Expr, b: int | Expr) -> Expr:
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(min(a.value, b.value), INT)
    return a if a == b else Op("minimum", (a, b), INT)


COMPARISONS = {
    "eq": lambda a, b: a == b, "neq": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}


def compare(name: str, a: int | Expr, b: int | Expr) -> Expr:
    """A bool expression: eq, neq, lt, le, gt or ge of two int64 expressions."""
    a, b = int_(a), int_(b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(COMPARISONS[name](a.value, b.value), "bool")
    if a == b:
        return Const(name in ("eq", "le", "ge"), "bool")
    return Op(name, (a, b), "bool")


def both(a: Expr, b: Expr) -> Expr:
    if is_const(a, True):
        return b
    if is_const(b, True):
        return a
    if is_const(a, False) or is_const(b, False):
        return Const(False, "bool")
    return Op("and_", (a, b), "bool")


def either(a: Expr, b: Expr) -> Expr:
    if is_const(a, False):
        return b
    if is_const(b, False):
        return a
    if is_const(a, True) or is_const(b, True):
        return TRUE
    return Op("or_", (a, b), "bool")


def select(condition: Expr, a: int | Expr, b: int | Expr) -> Expr:
    """int64 choice; both sides are evaluated."""
    a, b = int_(a), int_(b)
    if isinstance(condition, Const):
        return a if condition.value else b
    return a if a == b else Op("switch", (condition, a, b), INT)


def cast(expr: Expr, dtype: str) -> Expr:
    if expr.dtype == dtype:
        return expr
    if isinstance(expr, Const) and dtype == INT and isinstance(expr.value, (bool, int)):
        return Const(int(expr.value), INT)
    return Cast(expr, dtype)
