"""Builds the executor (symtensor._executor), which may fail without failing the installation: Python then does its
work, slower. The texts that generated code is made of are installed as symtensor/csrc and symtensor/cuda."""
from __future__ import annotations

import hashlib
import pathlib
import shutil

import numpy
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent
SOURCES = ["module.c", "executable.c", "context.c", "call.c", "island.c", "function.c", "pool.c", "routines.c",
           "tall.c", "threads.c", "device.c", "replay.c", "placed.c"]
ROUTINES = ["abi.h", "blas.h", "blas_table.h", "memory.h", "routine.h"]  # what csrc/executor/routines.c includes
DIGEST = hashlib.sha256(b"".join((ROOT / "csrc" / name).read_bytes() for name in ROUTINES)).hexdigest()


class BuildPy(build_py):
    """Copies csrc/*.h and cuda/*.h beside the Python files (an editable installation reads them where they are)."""

    def run(self) -> None:
        super().run()
        if not getattr(self, "editable_mode", False):
            for folder in ("csrc", "cuda"):
                target = pathlib.Path(self.build_lib) / "symtensor" / folder
                target.mkdir(parents=True, exist_ok=True)
                for header in sorted((ROOT / folder).glob("*.h")):
                    shutil.copy(header, target / header.name)


setup(
    cmdclass={"build_py": BuildPy},
    ext_modules=[Extension(
        "symtensor._executor", [f"csrc/executor/{name}" for name in SOURCES], include_dirs=[numpy.get_include()],
        define_macros=[("ST_ROUTINES_DIGEST", f'"{DIGEST}"')], optional=True,
        depends=["csrc/executor/executor.h", "csrc/executor/pool.h", "csrc/executor/queue.h",
                  *(f"csrc/{name}" for name in ROUTINES)])],
)
