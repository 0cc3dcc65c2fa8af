"""Where BLAS comes from: function pointers, never a linker.

Out: `table()`, the address of an `st_blas` (csrc/blas_table.h) that library routines receive. Looked at in this
order: the libraries named by `config.blas.ldflags`, the BLAS that NumPy carries, SciPy's `cython_blas`, libraries of
the system by their usual names; the first that has every double-precision function wins. None: all pointers are NULL,
and the routines use their own loops. Nothing is looked for before the first compiled function that needs it.
"""
from __future__ import annotations

import ctypes
import logging
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Optional

import numpy as np

from symtensor.config import config
from symtensor.utils.optional import optional_import

logger = logging.getLogger("symtensor.blas")

# abi codes of csrc/blas_table.h
NONE, CBLAS32, CBLAS64, FORTRAN32, FORTRAN64 = range(5)

# (prefix, suffix, abi) of the C interface in the builds of NumPy and in system libraries.
SPELLINGS = (
    ("scipy_cblas_", "64_", CBLAS64), ("cblas_", "64_", CBLAS64), ("scipy_cblas_", "", CBLAS32),
    ("cblas_", "$NEWLAPACK$ILP64", CBLAS64), ("cblas_", "", CBLAS32),
)
SYSTEM = (
    "libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so", "libblis.so.4", "libcblas.so.3",
    "libblas.so.3", "/System/Library/Frameworks/Accelerate.framework/Accelerate", "openblas.dll", "libopenblas.dll",
    "mkl_rt.2.dll",
)

# Rows of the table: names for float, double, complex float, complex double.
C_NAMES = (
    ("sgemm", "dgemm", "cgemm", "zgemm"), ("sgemv", "dgemv", "cgemv", "zgemv"), ("sger", "dger", "cgeru", "zgeru"),
    ("sdot", "ddot", None, None),
)


class Table(ctypes.Structure):
    """`struct st_blas`."""

    _fields_ = [("abi", ctypes.c_longlong), ("gemm", ctypes.c_void_p * 4), ("gemv", ctypes.c_void_p * 4),
                ("ger", ctypes.c_void_p * 4), ("dot", ctypes.c_void_p * 4)]


@dataclass(frozen=True)
class Blas:
    """A BLAS that was found: where, how it is called, its functions, and its setter of the number of threads."""

    origin: str
    abi: int
    functions: tuple[tuple[Optional[int], ...], ...]
    library: Any = None

    def table(self) -> Table:
        result = Table(abi=self.abi)
        for field, row in zip(("gemm", "gemv", "ger", "dot"), self.functions):
            for k, address in enumerate(row):
                getattr(result, field)[k] = address
        return result


def _collect(find: Callable[[str], Optional[int]]) -> Optional[tuple[tuple[Optional[int], ...], ...]]:
    """The functions that `find` knows; None unless all of double precision are there."""
    rows = tuple(tuple(None if name is None else find(name) for name in row) for row in C_NAMES)
    return rows if all(row[1] for row in rows) else None


def _in_library(library: Any, origin: str) -> Optional[Blas]:
    for prefix, suffix, abi in SPELLINGS:
        def find(name: str) -> Optional[int]:
            function = getattr(library, prefix + name + suffix, None)
            return None if function is None else ctypes.cast(function, ctypes.c_void_p).value

        functions = _collect(find)
        if functions is not None:
            return Blas(f"{origin} ({prefix}...{suffix})", abi, functions, library)
    return None


def _opened(path: str) -> Optional[Blas]:
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    return _in_library(library, path)


def _configured() -> Iterator[Optional[Blas]]:
    """Libraries that `blas.ldflags` names: -l and -L as a linker reads them, or paths."""
    words = shlex.split(str(config.blas.ldflags or ""))
    places = [word[2:] for word in words if word.startswith("-L")]
    for word in words:
        if word.startswith("-l"):
            for name in (f"lib{word[2:]}.so", f"lib{word[2:]}.dylib", f"{word[2:]}.dll"):
                for place in (*places, ""):
                    yield _opened(f"{place}/{name}" if place else name)
        elif not word.startswith("-"):
            yield _opened(word)


def _of_numpy() -> Optional[Blas]:
    core = getattr(np, "_core", None) or getattr(np, "core")
    path = getattr(core._multiarray_umath, "__file__", None)
    return _opened(path) if path else None


def _of_scipy() -> Optional[Blas]:
    module = optional_import("scipy.linalg.cython_blas")
    capsules = getattr(module, "__pyx_capi__", {})
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

    def find(name: str) -> Optional[int]:
        capsule = capsules.get(name)
        return None if capsule is None else pointer_of(capsule, name_of(capsule))

    functions = _collect(find)
    return None if functions is None else Blas("scipy.linalg.cython_blas", FORTRAN32, functions, module)


def _places() -> Iterator[Optional[Blas]]:
    yield from _configured()
    yield _of_numpy()
    yield _of_scipy()
    for name in SYSTEM:
        yield _opened(name)


@lru_cache(maxsize=None)
def _found(ldflags: str) -> Optional[Blas]:
    for blas in _places():
        if blas is not None:
            logger.info("BLAS from %s", blas.origin)
            return blas
    logger.info("no BLAS: own loops")
    return None


def find() -> Optional[Blas]:
    """The BLAS in use, or None."""
    return _found(str(config.blas.ldflags or ""))


@lru_cache(maxsize=None)
def _table(ldflags: str) -> Table:
    blas = _found(ldflags)
    return Table(abi=NONE) if blas is None else blas.table()


def table() -> int:
    """The address of the `st_blas` of the BLAS in use; it stays valid as long as the process lives."""
    return ctypes.addressof(_table(str(config.blas.ldflags or "")))
