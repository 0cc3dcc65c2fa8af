"""Loops: `scan` and what is built on it.

    scan              the user's function
    arguments, body   its arguments in one form; the inner graph of a step
    draws             warns of draws that would be repeated
    info, scan_op     the loop as an op, with named slots
    steps, shapes     what it computes; the shapes of what it collects
    pullback, traced, pushforward
                      its derivatives
    scan_utils        `until`, and what a step may return
    scan_views        map, reduce, foldl, foldr
    scan_checkpoints  loops that keep only some of their steps
    jacobian          jacobian, hessian
"""
from __future__ import annotations

import importlib
from typing import Any

from symtensor.scan_module.scan import scan
from symtensor.scan_module.scan_checkpoints import scan_checkpoints
from symtensor.scan_module.scan_utils import until
from symtensor.scan_module.scan_views import foldl, foldr, map, reduce

__all__ = ["foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]

# Names of a layer above this one, by the module that has them.
_LATER = {"clone": "symtensor.compile.rebuild"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
