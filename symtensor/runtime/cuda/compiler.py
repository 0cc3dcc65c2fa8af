"""Kernels compiled: CUDA C++ text in, the driver's food out, through the cache of compiled code.

In: the text of a unit of kernels (it includes nothing) and a device's compute capability. Out: a cubin for exactly that
device, or, where the compiler does not know a device so new, PTX of the newest kind it knows, which the driver
translates. NVRTC does it in the process where its library is found (in milliseconds), else nvcc; `find()` says which,
`why_not()` what was tried. The cache's key is the text, the compiler's identity and version, the target and the flags.

Refused with `CompileError`, the compiler's words and the kept source: text that does not compile, a device that is
older than the compiler supports. Flags keep the meaning of the C side: products and sums are not contracted, divisions
and roots are exact, small numbers are not flushed to zero.
"""
from __future__ import annotations

import glob
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Optional, Protocol

import cffi

from symtensor.config import config
from symtensor.runtime import cache, cachedir, entry, toolchain
from symtensor.runtime.cuda.driver import reason
from symtensor.runtime.toolchain import CompileError

__all__ = ["CompileError", "KernelCompiler", "Nvcc", "Nvrtc", "find", "homes", "image", "libraries", "why_not"]

logger = logging.getLogger("symtensor.cuda")

FLAGS = ("--std=c++17", "--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false")

_TRIAL = 'extern "C" __global__ void k0() {}'  # a compiler that cannot do this is none

_ffi = cffi.FFI()
_ffi.cdef("""
typedef struct _nvrtcProgram *nvrtcProgram;
int nvrtcVersion(int *major, int *minor);
const char *nvrtcGetErrorString(int result);
int nvrtcGetNumSupportedArchs(int *count);
int nvrtcGetSupportedArchs(int *archs);
int nvrtcCreateProgram(nvrtcProgram *program, const char *text, const char *name, int n_headers,
                       const char *const *headers, const char *const *names);
int nvrtcCompileProgram(nvrtcProgram program, int n_options, const char *const *options);
int nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size);
int nvrtcGetProgramLog(nvrtcProgram program, char *log);
int nvrtcGetCUBINSize(nvrtcProgram program, size_t *size);
int nvrtcGetCUBIN(nvrtcProgram program, char *image);
int nvrtcGetPTXSize(nvrtcProgram program, size_t *size);
int nvrtcGetPTX(nvrtcProgram program, char *image);
int nvrtcDestroyProgram(nvrtcProgram *program);
""")


class KernelCompiler(Protocol):
    """A compiler of kernels: what people call it, what the cache must know of it, the architectures it knows (90 for
    9.0), and compiling."""

    name: str
    identity: str
    archs: tuple[int, ...]

    def compile(self, text: str, target: str, place: Path) -> bytes:
        """The image of a text for "sm_90" (a cubin) or "compute_90" (PTX). CompileError says what is wrong."""


# ------------------------------------------------------------------------------------------- where CUDA's files are


def homes() -> list[Path]:
    """Folders that may be a CUDA toolkit: the flag `cuda.root`, the environment, nvcc's own, the usual ones."""
    named = [config.cuda.root, *(os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"))]
    nvcc = shutil.which("nvcc")
    if nvcc:
        named.append(str(Path(os.path.realpath(nvcc)).parent.parent))
    usual = ["/usr/local/cuda", *sorted(glob.glob("/usr/local/cuda-*"), key=_version, reverse=True), "/opt/cuda"]
    found = [Path(name) for name in (*named, *usual) if name and os.path.isdir(name)]
    return list(dict.fromkeys(found))


def _version(path: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", os.path.basename(path))))


def libraries(stem: str) -> list[str]:
    """Paths and names under which a library of the toolkit (`nvrtc`, `cublas`) may be found: in the toolkit, among the
    packages of Python (NVIDIA's wheels), by the dynamic linker's own search."""
    folders = [home / part for home in homes() for part in ("lib64", "lib", "targets/x86_64-linux/lib", "bin")]
    for place in dict.fromkeys(sys.path):
        folders += [Path(found) for found in sorted(glob.glob(os.path.join(glob.escape(place), "nvidia/*/lib")))]
    found = []
    for folder in folders:
        files = [*folder.glob(f"lib{stem}.so*"), *folder.glob(f"{stem}64_*.dll")]
        found += sorted(map(str, files), key=lambda name: (-max(_version(name), default=0), len(name)))
    versions = ("13", "12", "11.2" if stem == "nvrtc" else "11")
    names = [f"lib{stem}.so.{version}" for version in versions] + [f"lib{stem}.so"]
    return list(dict.fromkeys([*found, *names]))


def _file_facts(path: str) -> str:
    """What tells a file from another of the same name; "" for a name that only the dynamic linker can resolve."""
    try:
        file = os.stat(path)
    except OSError:
        return ""
    return f"({os.path.realpath(path)}, {file.st_size} bytes of {file.st_mtime_ns})"


# ------------------------------------------------------------------------------------------------------- NVRTC


class Nvrtc:
    """NVRTC: the compiler as a library. It opens its other half by name when it compiles first; in folders that the
    dynamic linker does not search, it finds it only if that is loaded already."""

    def __init__(self, path: str) -> None:
        self.halves = [_ffi.dlopen(str(half)) for half in sorted(Path(path).parent.glob("libnvrtc-builtins.so*"))]
        self.library = _ffi.dlopen(path)
        major, minor = _ffi.new("int *"), _ffi.new("int *")
        self._checked("nvrtcVersion", self.library.nvrtcVersion(major, minor))
        self.version = (major[0], minor[0])
        self.name = f"NVRTC {major[0]}.{minor[0]}"
        self.identity = f"{self.name} {_file_facts(path)}".strip()
        self.path = path
        count = _ffi.new("int *")
        self._checked("nvrtcGetNumSupportedArchs", self.library.nvrtcGetNumSupportedArchs(count))
        archs = _ffi.new("int[]", count[0])
        self._checked("nvrtcGetSupportedArchs", self.library.nvrtcGetSupportedArchs(archs))
        self.archs = tuple(sorted(archs))
        self.compile(_TRIAL, f"sm_{self.archs[-1]}", Path())

    def _checked(self, name: str, code: int) -> None:
        if code:
            said = _ffi.string(self.library.nvrtcGetErrorString(code)).decode(errors="replace")
            raise CompileError(f"{name}: {said}", (self.path,))

    def compile(self, text: str, target: str, place: Path) -> bytes:
        program = _ffi.new("nvrtcProgram *")
        args = (program, text.encode(), b"unit.cu", 0, _ffi.NULL, _ffi.NULL)
        self._checked("nvrtcCreateProgram", self.library.nvrtcCreateProgram(*args))
        try:
            options = [_ffi.new("char[]", option.encode()) for option in (f"--gpu-architecture={target}", *FLAGS)]
            code = self.library.nvrtcCompileProgram(program[0], len(options), _ffi.new("char *[]", options))
            if code:
                raise _refused(self.path, [self.path, *FLAGS], self._data(program, "ProgramLog").decode(
                    errors="replace").rstrip("\0"), text)
            return self._data(program, "CUBIN" if target.startswith("sm_") else "PTX")
        finally:
            self.library.nvrtcDestroyProgram(program)

    def _data(self, program: Any, what: str) -> bytes:
        size = _ffi.new("size_t *")
        self._checked(f"nvrtcGet{what}Size", getattr(self.library, f"nvrtcGet{what}Size")(program[0], size))
        data = _ffi.new("char[]", max(size[0], 1))
        self._checked(f"nvrtcGet{what}", getattr(self.library, f"nvrtcGet{what}")(program[0], data))
        return _ffi.buffer(data, size[0])[:]


# -------------------------------------------------------------------------------------------------------- nvcc


class Nvcc:
    """nvcc: the compiler as a program."""

    def __init__(self, path: str) -> None:
        self.path = path
        said = toolchain.run([path, "--version"], None, toolchain.PROBE_SECONDS)
        found = re.search(r"V(\d[\d.]*)", said)
        self.name = "nvcc " + (found[1] if found else said.strip()[-40:])
        self.identity = f"{self.name} {_file_facts(path)}"
        codes = toolchain.run([path, "--list-gpu-code"], None, toolchain.PROBE_SECONDS)
        self.archs = tuple(sorted({int(number) for number in re.findall(r"sm_(\d+)$", codes, re.MULTILINE)}))

    def compile(self, text: str, target: str, place: Path) -> bytes:
        kind = "cubin" if target.startswith("sm_") else "ptx"
        source, image = place / "unit.cu", place / f"unit.{kind}"
        source.write_text(text)
        # The text includes nothing of the host compiler's, so any will do.
        command = [self.path, f"-{kind}", f"-arch={target}", *FLAGS, "--allow-unsupported-compiler", "-o", str(image),
                   str(source)]
        try:
            toolchain.run(command, place, toolchain.TIMEOUT_SECONDS)
        except toolchain.CompileTimeout:
            raise
        except CompileError as error:
            raise _refused(self.path, command, error.stderr.replace(str(source), "unit.cu"), text) from error
        return image.read_bytes()


def _refused(path: str, command: list[str], said: str, text: str) -> CompileError:
    """The error for a text that was refused, whose source is kept for looking at."""
    lines = [line for line in said.splitlines() if line.strip()] or ["no message"]
    cause = next((line for line in lines if "error" in line.lower()), lines[0])
    kept = toolchain.kept(text, ".cu")
    return CompileError(f"{path} refused the kernels: {cause}" + (f" (source: {kept})" if kept else ""), command, said,
                        kept)


# ------------------------------------------------------------------------------------------------------ the search


@dataclass(frozen=True)
class _Search:
    found: Optional[KernelCompiler]
    tried: tuple[str, ...]


def _compilers() -> Iterator[tuple[str, Any]]:
    for path in libraries("nvrtc"):
        yield path, partial(Nvrtc, path)
    for path in dict.fromkeys([*(str(home / "bin" / "nvcc") for home in homes()), shutil.which("nvcc") or "nvcc"]):
        yield path, partial(Nvcc, path)


@lru_cache(maxsize=None)
def _searched(*asked: str) -> _Search:
    tried = []
    for path, make in _compilers():
        try:
            found = make()
        except (OSError, AttributeError, CompileError) as error:  # no such file, too old a library, a broken program
            text = reason(error) if isinstance(error, OSError) else str(error)
            tried.append(f"{path}: {text}" if path not in text else text)
            continue
        logger.info("kernels are compiled by %s (%s)", found.name, path)
        return _Search(found, tuple(tried))
    return _Search(None, tuple(tried))


def _search() -> _Search:
    return _searched(config.cuda.root, *(os.environ.get(name, "")
                                         for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "PATH")))


def find() -> Optional[KernelCompiler]:
    """The compiler in use, or None."""
    return _search().found


def why_not() -> str:
    """What was tried, a line each."""
    return "\n".join(_search().tried)


# ----------------------------------------------------------------------------------------------------- compiling


def target_of(compiler: KernelCompiler, capability: tuple[int, int]) -> str:
    """"sm_90" for a device that the compiler knows, "compute_..." for a newer one. CompileError for an older one."""
    wanted = 10 * capability[0] + capability[1]
    if wanted in compiler.archs:
        return f"sm_{wanted}"
    older = [arch for arch in compiler.archs if arch < wanted]
    same = [arch for arch in older if arch // 10 == capability[0]]
    if not older:
        raise CompileError(f"{compiler.name} compiles for devices of compute capability "
                           f"{min(compiler.archs, default=0) / 10:.1f} and later; this one has "
                           f"{capability[0]}.{capability[1]}: install an older CUDA toolkit")
    return f"sm_{min(same)}" if same else f"compute_{max(older)}"  # cubins run on later minor versions


def image(text: str, capability: tuple[int, int], compiler: Optional[KernelCompiler] = None) -> bytes:
    """What the driver loads for a unit of kernels on a device; from the cache if it was compiled before.

    Raises CompileError for text that is refused, and where there is no compiler.
    """
    compiler = compiler or find()
    if compiler is None:
        raise CompileError("no compiler for kernels: neither NVRTC nor nvcc was found; install CUDA's toolkit or "
                           f"nvidia-cuda-nvrtc, or name the toolkit in the flag cuda.root. Tried:\n{why_not()}")
    target = target_of(compiler, capability)
    facts = [("kernels", text), ("compiler", compiler.identity), ("target", target), ("flags", " ".join(FLAGS)),
             ("platform", cachedir.platform_text())]

    def build(place: Path) -> Path:
        start = time.perf_counter()
        path = place / "unit.image"
        path.write_bytes(compiler.compile(text, target, place))
        logger.debug("compiled %d bytes of kernels in %.1f ms", len(text), 1e3 * (time.perf_counter() - start))
        return path

    def load(path: Path, key: str) -> bytes:
        found = entry.opened(key, path.read_bytes())
        if found is None:
            raise OSError(f"{path} is damaged")
        return found[0]

    return cache.obtain(facts, build, load)
