"""Rows of the scalar table that are compositions of others: written once here, for every dialect.

`EXPANSIONS[name](m, *args)` returns the composition, where `m` makes values: `m.op(name, args...)` and
`m.number(value, like)`; None where the dialect has a text of its own for the dtypes. The results equal the table's
NumPy function up to rounding.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Maker(Protocol):
    """What an expansion is written with."""

    def row(self, name: str, *args: Any) -> Any:
        """A row applied to values."""

    def number(self, value: float, like: Any) -> Any:
        """A constant of the dtype of `like`."""


def _sigmoid(m: Maker, x: Any) -> Any:
    one = m.number(1, x)
    return m.row("true_div", one, m.row("add", one, m.row("exp", m.row("neg", x))))


def _softplus(m: Maker, x: Any) -> Any:
    if x.dtype.startswith("complex"):
        return m.row("log1p", m.row("exp", x))
    zero = m.number(0, x)
    return m.row("add", m.row("maximum", x, zero), m.row("log1p", m.row("exp", m.row("neg", m.row("abs_", x)))))


def _softsign(m: Maker, x: Any) -> Any:
    size = m.row("abs_", x)
    size = m.row("complex", size, m.number(0, size)) if size.dtype != x.dtype else size
    return m.row("true_div", x, m.row("add", m.number(1, x), size))


def _xlogy0(m: Maker, x: Any, y: Any) -> Any:
    zero = m.number(0, x)
    return m.row("switch", m.row("eq", x, zero), zero, m.row("mul", x, m.row("log", y)))


def _xlogx(m: Maker, x: Any) -> Any:
    return _xlogy0(m, x, x)


def _from_polar(m: Maker, radius: Any, theta: Any) -> Any:
    return m.row("complex", m.row("mul", radius, m.row("cos", theta)), m.row("mul", radius, m.row("sin", theta)))


def _int_div(m: Maker, x: Any, y: Any) -> Any:
    return m.row("floor", m.row("true_div", x, y)) if x.dtype.startswith("float") else None


def _within(low: str, high: str) -> Callable[..., Any]:
    def expand(m: Maker, x: Any, below: Any, above: Any) -> Any:
        return m.row("and_", m.row(low, x, below), m.row(high, x, above))

    return expand


EXPANSIONS: Mapping[str, Callable[..., Any]] = {
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "softsign": _softsign,
    "int_div": _int_div,
    "xlogx": _xlogx,
    "xlogy0": _xlogy0,
    "complex_from_polar": _from_polar,
    "inopenrange": _within("gt", "lt"),
    "inclosedrange": _within("ge", "le"),
    "inrange_open_closed": _within("gt", "le"),
    "inrange_closed_open": _within("ge", "lt"),
}
