"""Builds the executor (symtensor._executor), which may fail without failing the installation: Python then does its
work, slower. The texts that generated code is made of are installed as symtensor/csrc and symtensor/cuda."""
from __future__ import annotations

import importlib
import os
import pathlib
import platform
import shutil
import sys
import types
from typing import Any

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

ROOT = pathlib.Path(__file__).parent
SOURCES = ["module.c", "executable.c", "context.c", "call.c", "island.c", "function.c", "pool.c", "tall.c", "threads.c",
           "device.c", "replay.c", "placed.c", "built_in.c", "widths.c"]


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


class BuildExt(build_ext):
    """Links the helpers of generated code that are built in (symtensor/codegen/c/built_in.py) into the extension: one
    object for each variant that the compiler knows."""

    def build_extension(self, ext: Extension) -> None:
        text, names, target = (text_module(name) for name in ("c.built_in_text", "c.built_in", "target"))
        place = pathlib.Path(self.build_temp)
        place.mkdir(parents=True, exist_ok=True)
        wider = names.VARIANTS if platform.machine() in ("x86_64", "AMD64") else {}
        flags_of_all = ["-O2", "-fno-fast-math", "-fPIC", "-fopenmp-simd", *target.SEMANTICS]
        built = []
        for variant, flags in [*((name, flags) for name, (flags, _) in wider.items()), ("v1", ())]:
            source = place / f"built_in_{variant}.c"
            source.write_text(text.generated(variant))
            try:
                ext.extra_objects += self.compiler.compile([str(source)], output_dir=str(place),
                                                           extra_postargs=[*flags_of_all, *flags])
                built.append(variant)
            except CompileError:  # units hold what is not built in
                pass
        ext.define_macros += [("ST_BUILT_IN", f'"{" ".join(built)}"'), ("ST_BUILT_IN_DIGEST", f'"{text.digest()}"')]
        super().build_extension(ext)


def text_module(name: str) -> Any:
    """A module of symtensor.codegen, without importing what is not built yet."""
    for package in ("symtensor", "symtensor.codegen", "symtensor.codegen.c"):
        if package not in sys.modules:
            sys.modules[package] = types.ModuleType(package)
            sys.modules[package].__path__ = [str(ROOT.joinpath(*package.split(".")))]
    return importlib.import_module(f"symtensor.codegen.{name}")


setup(
    cmdclass={"build_py": BuildPy, "build_ext": BuildExt},
    ext_modules=[Extension(
        "symtensor._executor", [f"csrc/executor/{name}" for name in SOURCES], include_dirs=[numpy.get_include()],
        # Only what units find by name may be seen by the rest of the process.
        extra_compile_args=[] if os.name == "nt" else ["-fvisibility=hidden"], optional=True,
        depends=[str(path) for files in ("csrc/**/*.h", "symtensor/codegen/**/*.py") for path in ROOT.glob(files)])],
)
