"""The cache of compiled code: content-addressed files, correct without locks.

In: the named facts that decide a compilation (C text, flags, compiler, processor ...) and a function that builds. Out:
a file that was checked. An entry is one file, `<sha256 of the facts>.so`: the library, a JSON text of the facts, and a
trailer (magic, two lengths, sha256 of all before). It is made in a private directory inside the cache and published by
one `os.replace`. A file whose trailer is wrong (truncated, flipped bit, full disk) is deleted and counts as missing.
Nothing is unpickled. A lock of the operating system keeps processes from compiling the same unit at the same time, but
nobody waits for it longer than half a minute and nothing depends on it.

Refused: nothing; what cannot be written is used from a private place and forgotten.
"""
from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from symtensor.runtime import cachedir

try:
    import fcntl
except ImportError:  # Windows: no advisory lock, work may be done twice
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("symtensor.cache")

FORMAT = "1"
MAGIC = b"symtensr"
_TRAILER = struct.Struct("<8sQQ32s")

LIMIT_BYTES = 2 << 30  # least recently used entries beyond this are removed
STALE_SECONDS = 24 * 3600.0  # what a killed compiler left behind
LOCK_SECONDS = 30.0
SWEEP_SECONDS = 24 * 3600.0
TOUCH_SECONDS = 3600.0

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Summary:
    """What the cache holds."""

    directory: str
    entries: int
    size: int
    broken: int


def key_of(facts: Facts) -> str:
    """The name of an entry: sha256 over the named facts, which are logged (long ones by their own hash)."""
    text = json.dumps([["format", FORMAT], *map(list, facts)], ensure_ascii=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()
    if logger.isEnabledFor(logging.DEBUG):
        digest = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in facts}
        logger.debug("key %s of %s", key, {name: v if len(v) < 200 else digest[name] for name, v in facts})
    return key


def sealed(payload: bytes, notes: str) -> bytes:
    """An entry's bytes."""
    body = payload + notes.encode()
    return body + _TRAILER.pack(MAGIC, len(payload), len(notes.encode()), hashlib.sha256(body).digest())


def opened(data: bytes) -> tuple[bytes, str] | None:
    """(payload, notes) of an entry's bytes; None if they are not exactly what was sealed."""
    if len(data) < _TRAILER.size:
        return None
    magic, size, notes, digest = _TRAILER.unpack(data[-_TRAILER.size:])
    body = data[:-_TRAILER.size]
    if magic != MAGIC or size + notes != len(body) or hashlib.sha256(body).digest() != digest:
        return None
    return body[:size], body[size:].decode()


def lookup(key: str, suffix: str = ".so") -> Path | None:
    """The checked file of an entry, or None. A broken one is removed."""
    path = cachedir.directory() / (key + suffix)
    try:
        facts = os.lstat(path)
        data = path.read_bytes() if not path.is_symlink() else b""
    except OSError:
        return None
    if opened(data) is None or (hasattr(os, "geteuid") and facts.st_uid != os.geteuid()):
        logger.warning("removed a damaged cache entry: %s", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    if time.time() - facts.st_mtime > TOUCH_SECONDS:
        with contextlib.suppress(OSError):
            os.utime(path)  # recently used
    return path


def read_note(key: str) -> bytes | None:
    """The payload of a small entry (facts about the compiler, probes)."""
    path = lookup(key, ".note")
    if path is None:
        return None
    try:
        found = opened(path.read_bytes())
    except OSError:
        return None
    return None if found is None else found[0]


def write_note(key: str, payload: bytes) -> None:
    """Keeps a small entry, if that is possible."""
    with contextlib.suppress(OSError):
        with build_place() as place:
            path = place / "note"
            _write(path, sealed(payload, ""))
            os.replace(path, cachedir.directory() / (key + ".note"))


def obtain(facts: Facts, build: Callable[[Path], Path], load: Callable[[Path, str], object]) -> object:
    """`load(path, key)` of the entry for these facts, which `build(directory)` makes (and returns the file's path)
    where it is missing. A file that was just built is loaded from its private place, before it gets its name. OSError
    of `load` on a cached file counts as a miss; errors of `build` and of the last `load` go to the caller."""
    key = key_of(facts)
    found = _load_cached(key, load)
    if found is not None:
        return found
    with locked(key):
        found = _load_cached(key, load)  # somebody may have been quicker
        if found is not None:
            return found
        with build_place() as place:
            path = build(place)
            _write(path, sealed(path.read_bytes(), json.dumps([[n, v] for n, v in facts if len(v) < 2000])))
            loaded = load(path, key)
            _publish(path, key)
    return loaded


def _load_cached(key: str, load: Callable[[Path, str], object]) -> object | None:
    path = lookup(key)
    if path is None:
        return None
    try:
        return load(path, key)
    except OSError as error:  # evicted meanwhile, or a file system that does not execute
        logger.info("cannot load %s: %s", path, error)
        return None


def _publish(path: Path, key: str) -> None:
    try:
        os.replace(path, cachedir.directory() / (key + ".so"))
    except OSError as error:  # used from its private place by this process, and forgotten
        logger.info("cannot publish %s: %s", key, error)
        return
    sweep()


def _write(path: Path, data: bytes) -> None:
    """Writes a whole file and pushes it to the disk, so that a name never leads to half a file."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def build_place() -> Iterator[Path]:
    place = cachedir.build_directory()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def locked(key: str) -> Iterator[None]:
    """Holds the lock of a key if it can be had in time. The kernel frees it when a process dies."""
    handle = None
    path = cachedir.directory() / (key + ".lock")
    if fcntl is not None:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC, 0o600)
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.02)
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(handle)


# ---------------------------------------------------------------------------------------------------------- upkeep


def _files() -> Iterator[tuple[Path, os.stat_result]]:
    with contextlib.suppress(OSError):
        for path in sorted(cachedir.directory().iterdir()):
            with contextlib.suppress(OSError):
                yield path, os.lstat(path)


def sweep(force: bool = False, limit: int = LIMIT_BYTES) -> None:
    """Removes what killed processes left behind and the least recently used entries beyond `limit` bytes. Looks at most
    once a day unless forced. Files in use may be unlinked: a mapped library stays."""
    stamp = cachedir.directory() / "swept"
    with contextlib.suppress(OSError):
        if not force and time.time() - os.lstat(stamp).st_mtime < SWEEP_SECONDS:
            return
    with contextlib.suppress(OSError):
        stamp.touch(mode=0o600)
    now = time.time()
    entries = []
    for path, facts in _files():
        if path.name.startswith("build-") or path.suffix == ".lock":
            if now - facts.st_mtime > STALE_SECONDS:
                _remove(path)
        elif path.suffix in (".so", ".note"):
            entries.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= limit:
            break
        _remove(path)
        total -= size


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def summary() -> Summary:
    """Counts entries and bytes, and checks every entry's trailer."""
    entries = size = broken = 0
    for path, facts in _files():
        if path.suffix in (".so", ".note"):
            entries += 1
            size += facts.st_size
            try:
                broken += opened(path.read_bytes()) is None
            except OSError:
                broken += 1
    return Summary(str(cachedir.directory()), entries, size, broken)


def purge() -> None:
    """Removes every entry and every leftover; the directory stays. Processes that use an entry keep it."""
    for path, _ in _files():
        if path.suffix in (".so", ".note", ".lock") or path.name.startswith("build-") or path.name == "swept":
            _remove(path)
