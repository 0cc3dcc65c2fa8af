"""Warnings that point at the user's line, each said once."""
from __future__ import annotations

import os
import sys
import warnings

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class SlowWarning(UserWarning):
    """Programs run, but not as fast as they could."""


class CacheWarning(UserWarning):
    """Compiled code cannot be kept where it should be."""


def warn_user(message: str, category: type[Warning]) -> None:
    """Warns as if the first line outside of this package had said it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOME):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


class Advice:
    """Advice by topic: the first time counts."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def once(self, topic: str, message: str, category: type[Warning] = SlowWarning) -> None:
        """Warns unless the topic has come up before."""
        if topic not in self.topics:
            self.topics.add(topic)
            warn_user(message, category)
