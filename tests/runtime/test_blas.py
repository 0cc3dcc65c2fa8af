"""BLAS by address: where it is found, what the table says, the private copy of OpenBLAS."""
from __future__ import annotations

import ctypes
import os
import sys

import numpy as np
import pytest

from symtensor.runtime import blas, processor
from symtensor.utils.optional import optional_import


def ddot(found, x, y):
    """Calls ddot through the table, whatever its interface."""
    address = found.table().dot[1]
    n = x.size
    if found.abi in (blas.CBLAS32, blas.CBLAS64):
        integer = ctypes.c_int if found.abi == blas.CBLAS32 else ctypes.c_longlong
        pointer = ctypes.c_void_p
        function = ctypes.CFUNCTYPE(ctypes.c_double, integer, pointer, integer, pointer, integer)(address)
        return function(n, x.ctypes.data, 1, y.ctypes.data, 1)
    integer = ctypes.c_int if found.abi == blas.FORTRAN32 else ctypes.c_longlong
    function = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_void_p] * 5)(address)
    one = integer(1)
    return function(ctypes.byref(integer(n)), x.ctypes.data, ctypes.byref(one), y.ctypes.data, ctypes.byref(one))


def check(found):
    x, y = np.arange(7.0), np.linspace(-1, 1, 7)
    assert ddot(found, x, y) == pytest.approx(x @ y)
    table = found.table()
    assert table.abi == found.abi > 0
    assert all(table.gemm) and all(table.gemv) and all(table.ger) and table.dot[0] and not table.dot[2]


def test_table_outlives_its_lookup():
    table = blas.Table.from_address(blas.table())
    found = blas.find()
    assert table.abi == (blas.NONE if found is None else found.abi)
    assert blas.table() == blas.table()
    if found is not None:
        check(found)


def test_blas_of_numpy():
    found = blas._of_numpy()
    if found is None:
        pytest.skip("this NumPy carries no BLAS with known names")
    check(found)
    assert "multiarray" in found.origin


def test_blas_of_scipy():
    if optional_import("scipy.linalg.cython_blas") is None:
        pytest.skip("no SciPy")
    check(blas._of_scipy())


def test_none(monkeypatch):
    monkeypatch.setattr(blas, "_places", lambda: iter([None, None]))
    blas._found.cache_clear()
    blas._table.cache_clear()
    try:
        assert blas.find() is None
        table = blas.Table.from_address(blas.table())
        assert table.abi == 0 and not any(table.gemm)
    finally:
        blas._found.cache_clear()
        blas._table.cache_clear()


def test_configured_libraries_come_first(monkeypatch):
    tried = []
    monkeypatch.setattr(blas, "_opened", lambda path: tried.append(path))
    monkeypatch.setattr(blas.config.blas, "ldflags", "-L/opt/blas -lmine -Wl,-x /somewhere/libother.so")
    list(blas._configured())
    assert tried[:2] == ["/opt/blas/libmine.so", "libmine.so"] and tried[-1] == "/somewhere/libother.so"


def test_better_core():
    all_ = blas.AVX512 | {"avx2"}
    assert blas.better_core("Haswell", "GenuineIntel", all_) == "SkylakeX"
    for core, vendor, features in [("SkylakeX", "GenuineIntel", all_), ("Haswell", "AuthenticAMD", all_),
                                   ("Haswell", "GenuineIntel", all_ - {"avx512vl"}), ("", "GenuineIntel", all_)]:
        assert blas.better_core(core, vendor, features) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_private_copy(monkeypatch):
    """A copy with another core gives the same results; the original keeps its core, the environment its variables."""
    found = blas._of_numpy()
    if found is None or not blas.core_of(found) or "avx2" not in processor.features():
        pytest.skip("no OpenBLAS to copy")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    before = blas.core_of(found)
    other = "Haswell" if before != "Haswell" else "Sandybridge"
    copy = blas.private_copy(found, other)
    assert copy is not None and blas.core_of(copy) == other and blas.core_of(found) == before
    assert "OPENBLAS_CORETYPE" not in os.environ
    assert copy.functions[0][1] != found.functions[0][1]
    check(copy)
    assert blas.private_copy(found, "NoSuchCore") is None
    monkeypatch.setattr(blas, "better_core", lambda *facts: other)
    assert blas.core_of(blas._improved(found)) == other
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    assert blas._improved(found) is found


def test_addresses_without_a_file():
    assert blas.file_of(0) is None and blas.file_of(id(object())) in (None, sys.executable)
