"""Which helpers of units are built into the extension for this processor, and where.

See `symtensor.codegen.c.built_in`. Units find them through the dynamic linker, so the extension's names are made
global; nothing else in a process has names that begin with `symtensor_`.
"""
from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Optional

from symtensor.codegen.c.built_in import NAMES, VARIANTS, symbol
from symtensor.codegen.c import built_in_text
from symtensor.runtime import processor

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]


def variant() -> str:
    """The best variant for this processor; "" if the extension has none that was made from the installed headers."""
    return _found()[0]


def digest() -> str:
    """What of the built-in helpers belongs into the keys of units that call them."""
    return getattr(_executor, "built_in_digest", "") if variant() else ""


def address(name: str) -> Optional[int]:
    """The address of a function of csrc/; None if it is not built in."""
    best, library = _found()
    if library is None or name not in NAMES:
        return None
    return ctypes.cast(getattr(library, symbol(name, best)), ctypes.c_void_p).value


@lru_cache(maxsize=None)
def _found() -> tuple[str, Optional[ctypes.CDLL]]:
    """The variant and the library that holds it."""
    offered = getattr(_executor, "built_in", "").split()
    best = next((name for name in offered if name not in VARIANTS or VARIANTS[name][1] <= processor.features()), "")
    try:
        if best and built_in_text.digest() == _executor.built_in_digest:
            library = ctypes.CDLL(_executor.__file__, mode=os.RTLD_GLOBAL | os.RTLD_NOW | os.RTLD_NOLOAD)
            if hasattr(ctypes.CDLL(None), symbol("st_fail", best)):
                return best, library
    except (OSError, AttributeError):  # headers that are not there; a system that cannot do this
        pass
    return "", None
