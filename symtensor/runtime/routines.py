"""Library routines for compiled units: each is printed and compiled once, like a unit, and kept.

In: an entry of `CUnit.library` ("blas", or a routine and dtype such as "gemm_f64"). Out: its address. What the
extension was built with (products of real matrices) is not compiled, if it comes from the texts that would be printed
and there is a BLAS: the routines' own loops want the processor's flags.
"""
from __future__ import annotations

import ctypes
import hashlib
from functools import lru_cache
from pathlib import Path

from symtensor.codegen.c import print_routine, source_folder
from symtensor.codegen.target import Target
from symtensor.runtime import blas, cache, loader, toolchain

try:
    from symtensor import _executor
except ImportError:  # not built
    _executor = None  # type: ignore[assignment]

# What csrc/executor/routines.c includes, in the order of setup.py.
_SOURCES = ("abi.h", "blas.h", "blas_table.h", "memory.h", "routine.h")

_addresses: dict[tuple[str, str], int] = {}


def address(entry: str, compiler: toolchain.Compiler, target: Target) -> int:
    """The address of an entry. Raises CompileError or OSError."""
    if entry == "blas":
        return blas.table()
    if entry in _built_in() and blas.find() is not None:
        return _built_in()[entry]
    unit = print_routine(entry, target)
    facts = [("source", unit.text), *compiler.facts(unit.flags)]
    name = (unit.exports[0], cache.key_of(facts))
    if name not in _addresses:

        def load(path: Path, key: str) -> int:
            function = getattr(loader.opened(path, ctypes.CDLL), unit.exports[0])
            found = ctypes.cast(function, ctypes.c_void_p).value
            assert found is not None
            return found

        found = cache.obtain(facts, lambda place: toolchain.compile_text(compiler, unit.text, place, unit.flags), load)
        assert isinstance(found, int)
        _addresses[name] = found
    return _addresses[name]


@lru_cache(maxsize=None)
def _built_in() -> dict[str, int]:
    """The routines in the extension, by entry; none if its sources are not those that are installed."""
    digest = hashlib.sha256()
    try:
        for name in _SOURCES:
            digest.update((source_folder() / name).read_bytes())
    except OSError:
        return {}
    if getattr(_executor, "routines_digest", "") != digest.hexdigest():
        return {}
    return dict(_executor.routines)
