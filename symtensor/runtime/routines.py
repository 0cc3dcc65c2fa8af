"""Library routines for compiled units: each is printed and compiled once, like a unit, and kept.

In: an entry of `CUnit.library` ("blas", or a routine and dtype such as "gemm_f64"). Out: its address. What the
extension was built with (products of real matrices) is not compiled.
"""
from __future__ import annotations

import ctypes
from pathlib import Path

from symtensor.codegen.c import print_routine
from symtensor.codegen.target import Target
from symtensor.runtime import blas, built_in, cache, loader, toolchain

_addresses: dict[tuple[str, str], int] = {}


def address(entry: str, compiler: toolchain.Compiler, target: Target) -> int:
    """The address of an entry. Raises CompileError or OSError."""
    if entry == "blas":
        return blas.table()
    there = built_in.address(f"st_{entry}")
    if there is not None:
        return there
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
