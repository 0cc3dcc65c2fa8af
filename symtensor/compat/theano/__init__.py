"""Runs programs that say `import theano`: `python -m symtensor.compat.theano script.py`, or `install()` in a program.

After `install()` every `theano.X` is the module `symtensor.X` itself, so `isinstance` holds across both words. The
flags of THEANO_FLAGS and .theanorc are read as if they were SYMTENSOR_FLAGS and .symtensorrc (which win).
"""
from __future__ import annotations

import os
import sys

from symtensor.compat.finder import AliasFinder, install_old_paths
from symtensor.config import load_flags, load_rc

__all__ = ["install"]


def install(word: str = "theano", read_settings: bool = True) -> None:
    """Lets `import theano` find this package. Does nothing the second time.

    Raises:
        ImportError: another package has already been imported under the name.
    """
    if any(isinstance(finder, AliasFinder) and finder.word == word for finder in sys.meta_path):
        return
    present = sys.modules.get(word)
    if present is not None:
        raise ImportError(f"{word} has already been imported from {getattr(present, '__file__', 'somewhere')}: "
                          "call symtensor.compat.theano.install() before the first `import theano`")
    install_old_paths()
    sys.meta_path.insert(0, AliasFinder(word))
    if read_settings:
        for path in os.environ.get("THEANORC", "~/.theanorc").split(os.pathsep):
            load_rc(os.path.expanduser(path))
        load_flags(os.environ.get("THEANO_FLAGS", ""))
