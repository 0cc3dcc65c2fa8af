"""The C compiler: found by trying, asked by argument list, never through a shell.

In: `config.cxx` ("" means: no compiler), `$CC`, and the names gcc, cc and clang on the path. The first of them gets the
first unit as its trial (`chosen`): if that compiles and loads, the compiler is remembered in the cache under its path,
time stamp and size and the processor. If not, the candidates are searched (`find`): one is good if it compiles a
five-line file into a library that loads and answers, with the first of a few sets of flags that work. One flag says
the width of vectors (`symtensor.runtime.widths`). Out: `Compiler`, or None. `CompileError` keeps the command, the
compiler's words and the source.

Refused: compiling in an environment that changes what a compiler means (CPATH, GCC_EXEC_PREFIX, CFLAGS ...).
"""
from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from symtensor.codegen.target import LIGHT, SEMANTICS, SIMD_MATH, Target
from symtensor.config import config
from symtensor.runtime import built_in, cache, cachedir, loader, processor, widths

logger = logging.getLogger("symtensor.toolchain")

TIMEOUT_SECONDS = 600.0
PROBE_SECONDS = 30.0  # for five lines

_SHARED = ("-x", "c", "-std=gnu11", "-fPIC", "-shared")
_BARE = ("-nostartfiles", "-nostdlib")
# Flags before the source, flags after it, and what units with less effort add to the first (clang knows none of gcc's).
_ATTEMPTS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("-O2", "-march=native", "-fopenmp-simd", *SEMANTICS, *_SHARED), (*_BARE, "-lm"), LIGHT),
    (("-O2", "-march=native", "-fopenmp-simd", *SEMANTICS, *_SHARED), (*_BARE, "-lm"), ()),
    (("-O2", "-march=native", "-fopenmp-simd", *SEMANTICS, *_SHARED), ("-lm",), ()),
    (("-O2", "-fopenmp-simd", *SEMANTICS, *_SHARED), ("-lm",), ()),
    (("-O2", "-ffp-contract=off", "-fPIC", "-shared", "-x", "c"), ("-lm",), ()),
)
_TEST = """\
int st_probe(void);
double tanh(double);
static volatile double x = 0.5;
int st_probe(void)
{ double y = tanh(x); return y > 0.46 && y < 0.47 ? 42 : 0; }
"""
# Variables that would make the same command mean something else.
_DROPPED = ("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH", "GCC_EXEC_PREFIX",
            "COMPILER_PATH", "GCC_COMPARE_DEBUG", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CFLAGS", "CXXFLAGS",
            "CPPFLAGS", "LDFLAGS", "LD_PRELOAD", "SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS")

# What compilers, assemblers and linkers say (LC_ALL=C) when files, not programs, are the trouble.
_NO_ROOM = ((errno.ENOSPC, "No space left on device"), (errno.EDQUOT, "Disk quota exceeded"),
            (errno.EFBIG, "File too large"), (errno.EFBIG, "File size limit exceeded"),
            (errno.EROFS, "Read-only file system"))


class CompileError(Exception):
    """The compiler refused a unit. `command`, `stderr` and `source` (a file that is kept) say more."""

    def __init__(self, message: str, command: Sequence[str] = (), stderr: str = "", source: str = "") -> None:
        super().__init__(message)
        self.command = tuple(command)
        self.stderr = stderr
        self.source = source


class CompileTimeout(CompileError):
    """The compiler did not end in time and was killed."""


@dataclass(frozen=True)
class Compiler:
    """A compiler that works, the flags before the source and those after it, and those of units with less effort."""

    path: str
    version: str
    flags: tuple[str, ...]
    link: tuple[str, ...]
    light: tuple[str, ...] = ()

    def facts(self, extra: Sequence[str] = ()) -> list[tuple[str, str]]:
        """What of the compiler belongs into a cache key."""
        return [("compiler", f"{self.path} {self.version}"), ("flags", " ".join(all_flags(self, extra))),
                ("processor", processor.identity()), ("platform", cachedir.platform_text()),
                ("built in", built_in.digest())]


class Search:
    """The outcome of looking for a compiler: which was tried, and why not. Remembered by configuration."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, ...], Compiler | None] = {}
        self.on_trial: dict[tuple[str, ...], Compiler | None] = {}
        self.reasons: list[str] = []
        self.place_error = ""  # what was wrong with places for files, not with compilers
        self.turn = threading.RLock()


_search = Search()


def _unlocked() -> None:
    """In a child process: whoever was searching in the parent is not here."""
    _search.turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlocked)


def all_flags(compiler: Compiler, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Every flag of a compilation: the compiler's own, those of the unit, then the user's `gcc.cxxflags`."""
    flags = compiler.flags
    if config.cmodule.remove_gxx_opt:
        flags = tuple("-O0" if flag == "-O2" else flag for flag in flags)
        extra = [flag for flag in extra if flag not in compiler.light]
    return (*flags, *extra, *shlex.split(config.gcc.cxxflags), *compiler.link)


def candidates() -> tuple[str, ...]:
    """Compilers to try, in order; none where `config.cxx` is empty."""
    if not config.cxx.strip():
        return ()
    names = [config.cxx, os.environ.get("CC", ""), "gcc", "cc", "clang"]
    paths = [shutil.which(_command(name)) for name in names if name.strip()]
    return tuple(dict.fromkeys(path for path in paths if path))


def named(path: str) -> bool:
    """Whether a compiler is the one that `config.cxx` names (and not the next that works)."""
    return path in (_command(config.cxx), shutil.which(_command(config.cxx)))


def _command(name: str) -> str:
    return os.path.expanduser(name.strip().strip('"'))


def _asked() -> tuple[str, ...]:
    """What a search depends on."""
    return config.cxx, os.environ.get("CC", ""), os.environ.get("PATH", "")


def find() -> Compiler | None:
    """The compiler in use, or None; `why_not()` then says what was tried."""
    key = _asked()
    with _search.turn:
        if key not in _search.found:
            _search.reasons.clear()
            _search.place_error = ""
            found = None
            for path in candidates():
                found = _remembered(path) or _tried(path)
                if found is not None:
                    break
            _search.found[key] = found
        return _search.found[key]


def chosen() -> Compiler | None:
    """The compiler to use: one that works, or, before any was tried, the first candidate with the usual flags."""
    key = _asked()
    with _search.turn:
        if key not in _search.found and key not in _search.on_trial:
            paths = candidates()
            known = _remembered(paths[0]) if paths else None
            if known is not None:
                _search.found[key] = known
            else:
                _search.on_trial[key] = _unproven(paths[0]) if paths else None
        if key not in _search.found and _search.on_trial[key] is not None:
            return _search.on_trial[key]
        return find()


def is_on_trial(compiler: Compiler) -> bool:
    """Whether nothing was compiled by a compiler yet that loads: `passed` or `find` ends its trial."""
    key = _asked()
    return key not in _search.found and _search.on_trial.get(key) is compiler


def passed(compiler: Compiler) -> None:
    """A unit was compiled and loaded."""
    with _search.turn:
        if is_on_trial(compiler):
            _search.found[_asked()] = compiler
            with contextlib.suppress(OSError):
                _note(compiler)


def _unproven(path: str) -> Compiler | None:
    """A candidate with the usual flags; None if it does not even say its version."""
    try:
        return _with_flags(path, run([path, "--version"], None, PROBE_SECONDS).partition("\n")[0], *_ATTEMPTS[0])
    except CompileError:
        return None


def _with_flags(path: str, version: str, flags: tuple[str, ...], link: tuple[str, ...],
                light: tuple[str, ...]) -> Compiler:
    return Compiler(path, version, flags + widths.flag(flags), link, light)


def _note(compiler: Compiler) -> None:
    """Remembers a compiler that works."""
    cache.write_note(_note_key(compiler.path), json.dumps(asdict(compiler)).encode())


def forget() -> None:
    """Looks again at the next call of `find`."""
    with _search.turn:
        _search.found.clear()
        _search.on_trial.clear()
        _search.reasons.clear()


def has_gone_bad(compiler: Compiler) -> bool:
    """After a compilation that failed: whether the compiler does not even compile five lines any more (an image without
    its assembler, an upgrade under way). It is forgotten then, and `find` looks again."""
    try:
        if _answers(compiler):
            return False
    except (CompileError, OSError):
        pass
    with contextlib.suppress(OSError):
        cache.drop_note(_note_key(compiler.path))
    forget()
    return True


def place_error() -> str:
    """Why no file could be compiled or loaded anywhere, where that is why no compiler was found; or ""."""
    return _search.place_error


def why_not() -> str:
    """What was tried, one line a compiler."""
    if _search.reasons:
        return "\n".join(_search.reasons)
    if not config.cxx.strip():
        return "config.cxx is empty"
    return "no gcc, cc or clang on the path"


def _note_key(path: str) -> str:
    facts = os.stat(path)
    return cache.key_of([("compiler note", os.path.realpath(path)), ("time", str(facts.st_mtime_ns)),
                         ("size", str(facts.st_size)), ("processor", processor.identity()),
                         ("attempts", repr(_ATTEMPTS))])


def _remembered(path: str) -> Compiler | None:
    try:
        data = cache.read_note(_note_key(path))
        if data is None:
            return None
        facts = json.loads(data)
        return Compiler(path, facts["version"], tuple(facts["flags"]), tuple(facts["link"]), tuple(facts["light"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tried(path: str) -> Compiler | None:
    """Tries a compiler; several processes that start at once agree on the outcome of the first."""
    try:
        key = _note_key(path)
    except OSError as error:
        _search.reasons.append(f"{path}: {error}")
        return None
    with cache.locked(key):
        return _remembered(path) or _probed(path)


def _probed(path: str) -> Compiler | None:
    try:
        version = run([path, "--version"], None, PROBE_SECONDS).partition("\n")[0]
    except CompileError as error:
        _search.reasons.append(f"{path}: {error}")
        return None
    reason = ""
    for attempt in _ATTEMPTS:
        try:
            if _answers(Compiler(path, version, *attempt)):
                compiler = _with_flags(path, version, *attempt)
                _note(compiler)
                return _remembered(path) or compiler
            reason = reason or "the test library gave a wrong answer"
        except CompileTimeout as error:  # not once more with every set of flags
            reason = str(error)
            break
        except OSError as error:
            reason = _search.place_error = reason or str(error)
            break
        except CompileError as error:
            reason = reason or str(error)
    _search.reasons.append(f"{path}: {reason}")
    return None


def _answers(compiler: Compiler) -> bool:
    """Whether the five-line file compiles, loads and gives the right answer."""

    def make(place: Path) -> bool:
        path = compile_text(compiler, _TEST, place, compiler.light, timeout=PROBE_SECONDS)
        return bool(loader.opened(path, ctypes.CDLL).st_probe() == 42)

    return cache.in_place(make)


def target(compiler: Compiler) -> Target:
    """What units are printed for: the vectors that the flags ask for, the vector functions of the C library."""
    features = processor.features()
    width = 256 if {"avx2", "avx"} & features else 128
    for flag in compiler.flags:
        if flag.startswith("-mprefer-vector-width="):
            width = int(flag.partition("=")[2])
    simd = processor.vector_functions(SIMD_MATH) if "-fopenmp-simd" in compiler.flags else frozenset()
    threads_from = max(config.openmp_elemwise_minsize, 1) if config.openmp else 0
    return Target(vector_bits=width, simd_math=simd, threads_from=threads_from,
                  deterministic=config.deterministic == "more", light=compiler.light, built_in=built_in.variant())


# --------------------------------------------------------------------------------------------------------- compiling


def compile_text(compiler: Compiler, text: str, place: Path, extra: Sequence[str] = (), *,
                 timeout: Optional[float] = None, parts: int = 1) -> Path:
    """Compiles a unit in directory `place`, with the flags `extra` beside the usual ones; returns the library's path.
    A text of several `parts` (see `symtensor.codegen.c.parts`) is compiled by as many processes, if there are
    processors for them. Raises CompileError (the source is then kept in a directory that goes with the process), or
    OSError where there is no room for files."""
    source, target = place / "unit.c", place / "unit.so"
    source.write_text(text)
    flags = all_flags(compiler, extra)
    flags, link = flags[:len(flags) - len(compiler.link)], compiler.link
    limit = timeout or (PROBE_SECONDS if is_on_trial(compiler) else TIMEOUT_SECONDS)
    start = time.perf_counter()
    try:
        if parts == 1 or processor.count() < 2:
            run([compiler.path, *flags, "-o", str(target), str(source), *link], place, limit)
        else:
            objects = [str(place / f"unit{k + 1}.o") for k in range(parts)]
            _run_all([[compiler.path, *flags, f"-DST_PART={k + 1}", "-c", "-o", path, str(source)]
                      for k, path in enumerate(objects)], place, limit)
            run([compiler.path, *flags, "-o", str(target), "-x", "none", *objects, *link], place, limit)
    except CompileError as error:
        for number, said in _NO_ROOM:
            if said in error.stderr:
                raise OSError(number, os.strerror(number), str(place)) from error
        error.source = kept(text)
        error.args = (str(error).replace(str(source), error.source or source.name),)
        raise
    logger.debug("compiled %d bytes in %.1f ms", len(text), 1e3 * (time.perf_counter() - start))
    return target


def run(command: list[str], place: Path | None, timeout: float) -> str:
    """What a command says on its standard output; CompileError if it fails or does not end in time."""
    return _run_all([command], place, timeout)[0]


def _run_all(commands: list[list[str]], place: Path | None, timeout: float) -> list[str]:
    """What commands that run at the same time say; where one fails, the others are killed."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_started(command, place)) for command in commands]
        return [_outcome(process, command, timeout) for process, command in zip(processes, commands)]


@contextlib.contextmanager
def _started(command: list[str], place: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed if it is left before its end."""
    environment = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    environment["LC_ALL"] = "C"
    if place is not None:
        environment["TMPDIR"] = str(place)
    try:
        # A session of its own: a compiler is a driver with children, and all of them must be reached.
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=place, start_new_session=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CompileError(f"cannot run {command[0]}: {error}", command) from error
    with process:
        try:
            yield process
        except BaseException:
            if process.returncode is None:
                _kill(process)
            raise


def _outcome(process: subprocess.Popen[bytes], command: list[str], timeout: float) -> str:
    """What a process has said; CompileError if it fails or does not end in time."""
    try:
        stdout, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CompileTimeout(f"{command[0]} timed out after {timeout:g} seconds", command) from None
    stderr = errors.decode(errors="replace")
    if config.cmodule.compilation_warning and stderr:
        logger.warning("%s", stderr)
    if process.returncode:
        lines = stderr.splitlines() or ["no message"]
        cause = next((line for line in lines if "error" in line.lower()), lines[0])
        raise CompileError(f"{command[0]} {_end_text(process.returncode)}: {cause}", command, stderr)
    return stdout.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a compiler with its children, which would keep its pipes open."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, OSError):  # Windows; ended meanwhile
        process.kill()


def _end_text(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def kept(text: str, suffix: str = ".c") -> str:
    """Puts the source of a failed compilation where it can be looked at while the process lives (and longer with the
    flag `nocleanup`)."""
    try:
        name = f"failed-{hashlib.sha256(text.encode()).hexdigest()[:16]}{suffix}"
        path = (cachedir.directory() if config.nocleanup else cachedir.temporary()) / name
        path.write_text(text)
        return str(path)
    except OSError:
        return ""
