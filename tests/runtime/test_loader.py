"""The parsed interface is that of csrc/abi.h; units are loaded once."""
from __future__ import annotations

import pathlib
import subprocess
import sys

import handmade
import pytest

from symtensor.runtime import abi_source, loader, toolchain
from symtensor.runtime._abi import ffi


def test_interface_is_up_to_date(tmp_path):
    """After a change of csrc/abi.h: python -m symtensor.runtime.abi_source"""
    header = pathlib.Path(__file__).resolve().parents[2] / "csrc" / "abi.h"
    assert abi_source.generated(header.read_text(), tmp_path / "_abi.py") == abi_source.TARGET.read_text()


def test_interface_costs_no_parser():
    code = "import sys, symtensor.runtime.loader; print(any(m.startswith('pycparser') for m in sys.modules))"
    root = pathlib.Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.split() == ["False"]


def test_loaded_once(compiler, tmp_path):
    path = toolchain.compile_text(compiler, handmade.ABI + handmade.SCALAR_ADD, tmp_path)
    unit = loader.load(path, "key of this test")
    assert loader.load(tmp_path / "gone", "key of this test") is unit is loader.known("key of this test")
    frame = ffi.new("st_frame *")
    assert unit.address == int(ffi.cast("intptr_t", unit.main)) and frame.inputs == ffi.NULL
    with pytest.raises(OSError):
        loader.load(tmp_path / "gone", "another key")
