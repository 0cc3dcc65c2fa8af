"""Warnings that point at the user's line: the first one on the stack that lies outside of this package."""
from __future__ import annotations

import os
import sys
import warnings

__all__ = ["warn_user"]

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def warn_user(message: str, category: type[Warning]) -> None:
    """Warns as if the first line outside of this package had said it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOME):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
