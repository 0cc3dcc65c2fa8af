"""Compiles units of kernels with g++ behind cuda/shim/shim.h and runs them on the CPU."""
from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

HEADER = Path(__file__).resolve().parents[2] / "cuda" / "shim" / "shim.h"
COMPILER = shutil.which("g++") or shutil.which("c++")
FLAGS = ("-std=c++17", "-O1", "-ffp-contract=off", "-fno-math-errno", "-U_FORTIFY_SOURCE", "-Wall", "-Werror",
         "-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-bool-operation",
         "-Wno-int-in-bool-context", "-Wno-maybe-uninitialized", "-Wno-bool-compare", "-Wno-tautological-compare",
         "-Wno-parentheses", "-Wno-unused-value", "-Wno-unknown-pragmas", "-fno-strict-aliasing", "-fPIC", "-shared")

_folder = tempfile.TemporaryDirectory(prefix="symtensor-shim-")
_loaded: dict[str, "Module"] = {}
_KERNEL = re.compile(r"__global__ void (?:__launch_bounds__\(\d+\) )?(\w+)\(")


class ShimError(RuntimeError):
    """What the shim found wrong with a kernel."""


class Module:
    """A compiled unit."""

    def __init__(self, path: Path):
        self.library = ctypes.CDLL(str(path))
        self.library.shim_error.restype = ctypes.c_char_p

    def launch(self, name: str, grid: Sequence[int], block: Sequence[int], args: int) -> None:
        """Runs a kernel. `args`: the address of the list of the arguments' addresses. Raises ShimError."""
        kernel = ctypes.cast(getattr(self.library, f"shim_{name}"), ctypes.c_void_p)
        grid_, block_ = (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block)
        if self.library.shim_launch(kernel, grid_, block_, ctypes.c_void_p(args)):
            raise ShimError(f"{name}: {self.library.shim_error().decode()}")


def load(text: str) -> Module:
    """The unit as a library in this process; compiled once for each text."""
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    if key not in _loaded:
        source = Path(_folder.name) / f"{key}.cpp"
        kernels = "".join(f"SHIM_KERNEL({name})\n" for name in _KERNEL.findall(text))
        source.write_text(f'#include "{HEADER}"\n{text}\n{kernels}')
        library = source.with_suffix(".so")
        if COMPILER is None:
            pytest.skip("there is no C++ compiler")
        more = os.environ.get("SYMTENSOR_TEST_SHIM_FLAGS", "").split()
        command = [COMPILER, *FLAGS, *more, str(source), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr[:8000])
        _loaded[key] = Module(library)
    return _loaded[key]
