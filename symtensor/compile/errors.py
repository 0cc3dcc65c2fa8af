"""Exceptions of the compile layer that several of its modules raise."""
from __future__ import annotations

__all__ = ["AliasedMemoryError", "UnusedInputError"]


class UnusedInputError(Exception):
    """An input is given twice, or no output and no update needs it."""


class AliasedMemoryError(Exception):
    """Two values that must have memory of their own share it."""
