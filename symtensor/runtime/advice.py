"""Warnings that point at the user's line, each said once."""
from __future__ import annotations

from symtensor.utils.warn import warn_user

__all__ = ["Advice", "CacheWarning", "SlowWarning", "warn_user"]


class SlowWarning(UserWarning):
    """Programs run, but not as fast as they could."""


class CacheWarning(UserWarning):
    """Compiled code cannot be kept where it should be."""


class Advice:
    """Advice by topic: the first time counts."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def once(self, topic: str, message: str, category: type[Warning] = SlowWarning) -> None:
        """Warns unless the topic has come up before."""
        if topic not in self.topics:
            self.topics.add(topic)
            warn_user(message, category)
