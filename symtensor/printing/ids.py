"""Short names for things in the order in which they are met: A, B, ... Z, BA, BB, ..."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Ids", "char_from_number"]


def char_from_number(number: int) -> str:
    """0 is A, 25 is Z, 26 is BA: the number to the base 26. ValueError for negative numbers."""
    if number < 0:
        raise ValueError(f"expected a number of at least 0, got {number}")
    text = chr(ord("A") + number % 26)
    while number >= 26:
        number //= 26
        text = chr(ord("A") + number % 26) + text
    return text


# From the count of what was met before, and the thing itself, to what is printed in brackets.
_KINDS: dict[str, Callable[[int, Any], str]] = {
    "CHAR": lambda count, thing: f"[id {char_from_number(count)}]",
    "int": lambda count, thing: f"[id {count}]",
    "id": lambda count, thing: f"[id {id(thing)}]",
    "": lambda count, thing: "",
}


class Ids:
    """Gives each thing (a node or a leaf) an identifier when it is first met.

    kind   "CHAR" ([id A], [id B], ...), "int" ([id 0], ...), "id" (Python's id) or "" (nothing); ValueError for others
    known  identifiers given earlier, to go on with; filled further
    """

    def __init__(self, kind: str, known: dict[Any, str] | None) -> None:
        if kind not in _KINDS:
            raise ValueError(f"ids must be one of {list(_KINDS)}, got {kind!r}")
        self.make = _KINDS[kind]
        self.known = {} if known is None else known

    def of(self, thing: Any) -> str:
        """The identifier of the thing."""
        if thing not in self.known:
            self.known[thing] = self.make(len(self.known), thing)
        return self.known[thing]
