"""Where BLAS comes from: function pointers, never a linker.

Out: `table()`, the address of an `st_blas` (csrc/blas_table.h) that library routines receive. Looked at in this
order: the libraries named by `config.blas.ldflags`, the BLAS that NumPy carries, SciPy's `cython_blas`, libraries of
the system by their usual names; the first that has every double-precision function wins. None: all pointers are NULL,
and the routines use their own loops. An OpenBLAS that mistakes the processor for an older one is used through a
private copy that is told better (docs/decisions/011-blas-core.md). Nothing is looked for before the first compiled
function that needs it.
"""
from __future__ import annotations

import ctypes
import logging
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

import numpy as np

from symtensor.config import config
from symtensor.runtime import cache, loader, processor
from symtensor.utils.optional import optional_import

_executor = optional_import("symtensor._executor")
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
                ("ger", ctypes.c_void_p * 4), ("dot", ctypes.c_void_p * 4), ("small", ctypes.c_longlong),
                ("tall", ctypes.c_void_p * 2), ("threads", ctypes.c_void_p)]


@dataclass(frozen=True)
class Blas:
    """A BLAS that was found: where, how it is called, its functions, and its setter of the number of threads."""

    origin: str
    abi: int
    functions: tuple[tuple[Optional[int], ...], ...]
    library: Any = None

    def table(self) -> Table:
        threads = _of_openblas(self, "get_num_threads")
        result = Table(
            abi=self.abi, small=SMALL if core_of(self) in SMALL_CORES else 0,
            threads=None if threads is None else ctypes.cast(threads, ctypes.c_void_p).value,
        )
        for k, address in enumerate(getattr(_executor, "tall_products", ())):
            result.tall[k] = address
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


# -------------------------------------------------------------------------------------------- OpenBLAS and its cores

AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def better_core(core: str, vendor: str, features: Set[str]) -> Optional[str]:
    """The OpenBLAS core that suits a processor better than `core`, which OpenBLAS has picked; None if there is none.
    OpenBLAS takes Intel processors that are younger than itself for Haswell, at half their speed."""
    return "SkylakeX" if core == "Haswell" and vendor == "GenuineIntel" and AVX512 <= features else None


# The kernels of these cores multiply without packing the operands while m * n * k is at most SMALL (OpenBLAS's
# sgemm_small_kernel_permit and its like for doubles).
SMALL_CORES, SMALL = {"SkylakeX", "Cooperlake", "Sapphirerapids"}, 1_000_000


def _of_openblas(blas: Blas, name: str) -> Any:
    """A function of OpenBLAS's own, by any of the names it has in builds; None if there is none."""
    for spelled in (f"scipy_openblas_{name}64_", f"openblas_{name}64_", f"scipy_openblas_{name}", f"openblas_{name}"):
        function = getattr(blas.library, spelled, None)
        if function is not None:
            return function
    return None


def core_of(blas: Blas) -> str:
    """The name of the core that an OpenBLAS uses; "" if it is none."""
    function = _of_openblas(blas, "get_corename")
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    return function().decode()


def file_of(address: int) -> Optional[str]:
    """The file that an address was mapped from (Linux)."""
    try:
        with open("/proc/self/maps") as maps:
            for line in maps:
                words = line.split(maxsplit=5)
                low, _, high = words[0].partition("-")
                if int(low, 16) <= address < int(high, 16):
                    return words[5].strip() if len(words) == 6 and words[5].startswith("/") else None
    except OSError:
        pass
    return None


def private_copy(blas: Blas, core: str) -> Optional[Blas]:
    """A copy of an OpenBLAS of our own that uses another core; NumPy's stays as it is. None if that does not work."""
    path = file_of(blas.functions[0][1] or 0)
    if path is None:
        return None

    def build(place: Path) -> Path:
        return Path(shutil.copyfile(path, place / "unit.so"))

    def load(place: Path, key: str) -> Optional[Blas]:
        before = os.environ.get("OPENBLAS_CORETYPE")
        os.environ["OPENBLAS_CORETYPE"] = core  # read once, while the library is loaded
        try:
            return _in_library(loader.opened(place, ctypes.CDLL), f"copy of {path} with core {core}")
        finally:
            if before is None:
                del os.environ["OPENBLAS_CORETYPE"]
            else:
                os.environ["OPENBLAS_CORETYPE"] = before

    try:
        file = os.stat(path)
        facts = [("library", path), ("size", str(file.st_size)), ("time", str(file.st_mtime_ns)), ("core", core)]
        found = cache.obtain(facts, build, load)
    except OSError as error:
        logger.info("no copy of %s: %s", path, error)
        return None
    return found if isinstance(found, Blas) and core_of(found) == core else None


def _improved(blas: Blas) -> Blas:
    if "OPENBLAS_CORETYPE" in os.environ:  # the user has chosen
        return blas
    core = better_core(core_of(blas), processor.vendor(), processor.features())
    return blas if core is None else private_copy(blas, core) or blas


@lru_cache(maxsize=None)
def _found(ldflags: str) -> Optional[Blas]:
    for blas in _places():
        if blas is not None:
            blas = _improved(blas)
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
