"""`python -m symtensor.doctor [--json]` (also `symtensor doctor`): is everything here that makes functions fast?

Out: a list of findings, each with its state, what was found, and the one thing to do where something is wrong, as text
or JSON; exit status 1 if anything is wrong. Nothing is changed, except that a compiler that is found and the function
that is tried are kept in the cache, as always. An examination that fails is a finding itself.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

import cffi
import numpy as np

from symtensor._version import __version__
from symtensor.codegen.target import SIMD_MATH
from symtensor.compile.function import function
from symtensor.config import config
from symtensor.runtime import blas, built_in, cachedir, executor, processor, toolchain, upkeep
from symtensor.runtime.cuda import compiler as kernel_compiler
from symtensor.runtime.cuda import cublas, driver
from symtensor.tensor.type import TensorType
from symtensor.utils.optional import is_installed, optional_import

OK, NOTE, WRONG = "ok", "note", "wrong"
LITTLE_ROOM = 200 << 20


@dataclass(frozen=True)
class Finding:
    """What one examination says: `todo` is empty where nothing needs to be done; `facts` are for programs."""

    name: str
    state: str
    what: str
    todo: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def _versions() -> Finding:
    scipy = optional_import("scipy")
    facts = {"symtensor": __version__, "python": platform.python_version(), "numpy": np.__version__,
             "cffi": cffi.__version__, "scipy": None if scipy is None else scipy.__version__,
             "platform": platform.platform()}
    what = ", ".join(f"{name} {version or 'none'}" for name, version in facts.items() if name != "platform")
    if tuple(map(int, np.__version__.split(".")[:2])) < (1, 26):
        return Finding("versions", WRONG, what, "pip install --upgrade numpy (1.26 or later)", facts)
    if scipy is None:
        return Finding("versions", NOTE, what, "pip install scipy, if special functions or linear algebra are used",
                       facts)
    return Finding("versions", OK, what, facts=facts)


def _flags() -> Finding:
    facts = {name: os.environ.get(name, "") for name in ("SYMTENSOR_FLAGS", "THEANO_FLAGS")}
    facts.update(mode=config.mode, cxx=config.cxx)
    if config.mode == "FAST_COMPILE":
        return Finding("flags", NOTE, "mode is FAST_COMPILE: functions run with NumPy", "unset mode to compile them",
                       facts)
    said = " ".join(f"{name}={facts[name]}" for name in ("SYMTENSOR_FLAGS", "THEANO_FLAGS") if facts[name])
    return Finding("flags", OK, said or "none in the environment", facts=facts)


def _compiler() -> Finding:
    found = toolchain.find()
    if found is None:
        if toolchain.place_error():
            return Finding("compiler", WRONG, f"no place to compile in: {toolchain.place_error()}",
                           "set base_compiledir or TMPDIR to a directory with room")
        return Finding("compiler", WRONG, f"none: {toolchain.why_not()}",
                       "install gcc or clang, or name a compiler in the flag cxx")
    facts = {"path": found.path, "version": found.version, "flags": list(toolchain.all_flags(found))}
    if not toolchain.named(found.path):
        return Finding("compiler", WRONG, f"{found.path}, because {config.cxx} does not work",
                       "name a compiler that works in the flag cxx", facts)
    return Finding("compiler", OK, f"{found.path} ({found.version})", facts=facts)


def _processor() -> Finding:
    found = toolchain.find()
    if found is None:
        return Finding("vectors", NOTE, "decided by the compiler, of which there is none")
    target = toolchain.target(found)
    facts = {"processor": processor.identity(), "vector_bits": target.vector_bits,
             "vector_functions": sorted(target.simd_math)}
    what = f"{target.vector_bits} bits; {len(target.simd_math)} of {len(SIMD_MATH)} functions have vector variants"
    if "-march=native" not in found.flags:
        return Finding("vectors", WRONG, f"{what}; {found.path} does not know this processor",
                       "install a newer gcc or clang", facts)
    if not target.simd_math and platform.machine() in ("x86_64", "AMD64") and sys.platform.startswith("linux"):
        return Finding("vectors", NOTE, what, "install glibc's libmvec, if exp, log ... are what takes time", facts)
    return Finding("vectors", OK, what, facts=facts)


def _extension() -> Finding:
    if executor._executor is None:
        return Finding("calls", WRONG, "the extension symtensor._executor was not built: calls cost microseconds more",
                       "install a C compiler and Python's headers, and reinstall symtensor")
    if getattr(executor._executor, "built_in", "none") and not built_in.variant():
        return Finding("calls", WRONG, "the extension was built from another csrc/, so its helpers are not used",
                       "reinstall symtensor")
    return Finding("calls", OK, f"one call into C ({executor._executor.__file__}); "
                   f"helpers built in: {built_in.variant() or 'none'}")


def _blas() -> Finding:
    found = blas.find()
    if found is None:
        return Finding("BLAS", WRONG, "none: products of matrices use plain loops",
                       "pip install --upgrade numpy scipy, or name a library in the flag blas.ldflags")
    core = blas.core_of(found)
    better = blas.better_core(core, processor.vendor(), processor.features())
    facts = {"origin": found.origin, "core": core, "better_core": better}
    what = found.origin + f", core {core}" * bool(core)
    if better is not None:
        return Finding("BLAS", WRONG, f"{what}: half the speed of this processor",
                       f"set the environment variable OPENBLAS_CORETYPE={better}", facts)
    return Finding("BLAS", OK, what, facts=facts)


def _cuda() -> list[Finding]:
    """What functions on a GPU need. What is missing is wrong where `config.device` asks for it, else worth a note; one
    note if nothing of it is here. The driver is initialised, but no context is made."""
    missing = NOTE if config.device == "cpu" else WRONG
    try:
        found = driver.opened()
    except driver.Unavailable as error:
        if missing == NOTE and not is_installed("pycuda"):
            return [Finding("CUDA", NOTE, "none", facts={"driver": None})]
        first = Finding("CUDA", missing, str(error), "install NVIDIA's driver; nvidia-smi then lists the GPU",
                        {"driver": None})
    else:
        version = driver.ffi.new("int *")
        found.cuDriverGetVersion(version)
        text = f"{version[0] // 1000}.{version[0] % 1000 // 10}"
        first = Finding("CUDA", OK, f"driver for CUDA {text} ({found.origin})", facts={"driver": text})
    return [first, _pycuda(missing), _kernels(missing), _cublas(missing)]


def _pycuda(missing: str) -> Finding:
    try:
        package = optional_import("pycuda")
        cuda = optional_import("pycuda.driver")
    except ImportError as error:
        return Finding("pycuda", missing, f"does not load: {error}",
                       "install NVIDIA's driver, or build pycuda for the CUDA that the driver knows (docs/gpu.md)")
    if package is None or cuda is None:
        return Finding("pycuda", missing, "not installed", "pip install 'symtensor[cuda]'; docs/gpu.md says how where "
                       "only the bare toolkit is there")
    version = getattr(package, "VERSION_TEXT", "")
    try:
        cuda.init()
        devices = [cuda.Device(k) for k in range(cuda.Device.count())]
        names = [f"{found.name()} ({'.'.join(map(str, found.compute_capability()))})" for found in devices]
    except cuda.Error as error:
        return Finding("pycuda", missing, f"{version}: CUDA says: {error}",
                       "look at nvidia-smi and at CUDA_VISIBLE_DEVICES")
    facts = {"pycuda": version, "devices": names}
    if not names:
        return Finding("pycuda", missing, f"{version}, no device", "look at nvidia-smi and at CUDA_VISIBLE_DEVICES",
                       facts)
    return Finding("pycuda", OK, f"{version}; " + ", ".join(f"cuda{k}: {name}" for k, name in enumerate(names)),
                   facts=facts)


def _kernels(missing: str) -> Finding:
    compiler = kernel_compiler.find()
    if compiler is None:
        return Finding("kernels", missing, f"no compiler:\n{kernel_compiler.why_not()}",
                       "pip install nvidia-cuda-nvrtc (for CUDA 12: nvidia-cuda-nvrtc-cu12), or name the toolkit in "
                       "the flag cuda.root")
    return Finding("kernels", OK, f"compiled by {compiler.name}",
                   facts={"compiler": compiler.identity, "archs": list(compiler.archs)})


def _cublas(missing: str) -> Finding:
    try:
        origin = cublas.library()[1]
    except driver.Unavailable as error:
        return Finding("cuBLAS", missing, f"{error}: products of matrices run on the host",
                       "pip install nvidia-cublas (for CUDA 12: nvidia-cublas-cu12), or name the toolkit in the flag "
                       "cuda.root")
    return Finding("cuBLAS", OK, origin, facts={"library": origin})


def _cache() -> Finding:
    place = cachedir.wanted()
    todo = "set base_compiledir to a directory of your own, mode 0700"
    try:
        cachedir.prepared(place)
        with open(place / "swept", "ab"):  # the time stamp of the daily look
            pass
        room = shutil.disk_usage(place).free
    except (OSError, RuntimeError, cachedir.RefusedDirectory) as error:
        return Finding("cache", WRONG, f"not kept: {error}", todo, {"directory": str(place)})
    found = upkeep.summary(place, processor.identity())
    facts = {**asdict(found), "free": room}
    what = f"{place}: {found.entries} compiled, {upkeep.size_text(found.size)} of {upkeep.size_text(found.limit)}"
    wrong = upkeep.verify(place)
    if wrong:
        return Finding("cache", WRONG, f"{what}; {len(wrong)} damaged",
                       "symtensor cache verify --delete, and look at the disk", facts)
    if room < LITTLE_ROOM:
        return Finding("cache", WRONG, f"{what}; {upkeep.size_text(room)} left on the disk",
                       "make room, or symtensor cache purge", facts)
    return Finding("cache", OK, what, facts=facts)


def _trial() -> Finding:
    """Compiles and calls a function that needs everything: a loop, a vector function, BLAS."""
    matrix = TensorType("float64", (False, False))
    x, y = matrix("x"), matrix("y")
    values = np.arange(12.0).reshape(3, 4) / 12, np.arange(20.0).reshape(4, 5) / 20
    start = time.perf_counter()
    compiled = function([x, y], x.dot(y).tanh() + 1)
    seconds = time.perf_counter() - start
    if not np.allclose(compiled(*values), np.tanh(values[0] @ values[1]) + 1):
        return Finding("trial", WRONG, "a function gives a wrong result", "symtensor cache purge; then report it")
    what = f"a function was made in {1e3 * seconds:.0f} ms and is right"
    return Finding("trial", OK, what, facts={"seconds": seconds})


EXAMINATIONS: tuple[tuple[str, Callable[[], Finding | list[Finding]]], ...] = (
    ("versions", _versions), ("flags", _flags), ("compiler", _compiler), ("vectors", _processor),
    ("calls", _extension), ("BLAS", _blas), ("CUDA", _cuda), ("cache", _cache), ("trial", _trial),
)


def findings() -> list[Finding]:
    """Every examination's finding, in the order of EXAMINATIONS."""
    result = []
    for name, examine in EXAMINATIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is found here
            try:
                found = examine()
                result += found if isinstance(found, list) else [found]
            except Exception as error:  # whatever is broken: the others are still worth knowing
                result.append(Finding(name, WRONG, f"{type(error).__name__}: {error}",
                                      "the error above says what is broken; report it if it does not"))
    return result


def text_of(found: Sequence[Finding]) -> str:
    """Findings for people: a line each, and below it what to do."""
    lines = []
    for finding in found:
        what = "\n".join(f"{'':17}{line}" for line in finding.what.splitlines() or [""]).lstrip()
        lines.append(f"{finding.state:<6} {finding.name:<9} {what}")
        if finding.todo:
            lines.append(f"{'':17}-> {finding.todo}")
    return "\n".join(lines)


def report(as_json: bool) -> int:
    """Examines and prints; 1 if anything is wrong."""
    found = findings()
    wrong = sum(finding.state == WRONG for finding in found)
    print(json.dumps({"wrong": wrong, "findings": [asdict(finding) for finding in found]}, indent=2) if as_json
          else text_of(found))
    return int(wrong > 0)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m symtensor.doctor", description="Looks at what functions need.")
    parser.add_argument("--json", action="store_true", help="for programs")
    return report(parser.parse_args(arguments).json)


if __name__ == "__main__":
    sys.exit(main())
