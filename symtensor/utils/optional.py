"""The one door for packages that are not required (SciPy, pycuda, matplotlib ...): imported at first use, or not at
all."""
from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=None)
def optional_import(name: str) -> ModuleType | None:
    """The module, or None where its package is not installed (an installed package that fails to import raises)."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            return None
        raise


def is_installed(package: str) -> bool:
    """Whether a top-level package could be imported; it is not."""
    return importlib.util.find_spec(package) is not None
