"""The cache of compiled code: content-addressed files, correct without locks.

In: the named facts that decide a compilation (C text, flags, compiler, processor ...) and a function that builds. Out:
a file that was checked. An entry is one sealed file, `<sha256 of the facts>.so` (see `symtensor.runtime.entry`). It is
made in a private directory inside the cache and published by one `os.replace`. A file whose seal is wrong (truncated,
flipped bit, full disk, renamed) is deleted and counts as missing. A lock of the operating system keeps processes from
compiling the same unit at the same time, but nobody waits for it longer than half a minute and nothing depends on it.

Refused: nothing; what cannot be written is used from a private place and forgotten.
"""
from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from symtensor.runtime import cachedir, upkeep
from symtensor.runtime.entry import Facts, NotAnEntry, checked, key_of, sealed, write

try:
    import fcntl
except ImportError:  # Windows: no advisory lock, work may be done twice
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("symtensor.cache")

LOCK_SECONDS = 30.0
TOUCH_SECONDS = 3600.0
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EINTR)

Made = TypeVar("Made")


def _sound(path: Path) -> bytes | None:
    """The payload of an entry's file; None if there is none, or a broken one, which is removed."""
    try:
        return checked(path)[0]
    except NotAnEntry as error:
        logger.warning("removed from the cache: %s: %s", path, error)
        upkeep.remove(path)
    except OSError:
        pass
    return None


def lookup(key: str) -> Path | None:
    """The checked file of an entry, or None."""
    path = cachedir.directory() / (key + ".so")
    if _sound(path) is None:
        return None
    with contextlib.suppress(OSError):  # not in a directory that can only be read
        if time.time() - os.lstat(path).st_mtime > TOUCH_SECONDS:
            os.utime(path)  # recently used
    return path


def read_note(key: str) -> bytes | None:
    """The payload of a small entry (facts about the compiler, probes)."""
    return _sound(cachedir.directory() / (key + ".note"))


def write_note(key: str, payload: bytes) -> None:
    """Keeps a small entry, if that is possible. The first process decides: what measures says one thing to all."""
    with contextlib.suppress(OSError):
        with build_place(cachedir.directory()) as place:
            path, final = place / "note", cachedir.directory() / (key + ".note")
            write(path, sealed(key, payload, ""))
            try:
                os.link(path, final)
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                os.replace(path, final)


def drop_note(key: str) -> None:
    """Forgets a small entry."""
    upkeep.remove(cachedir.directory() / (key + ".note"))


def obtain(facts: Facts, build: Callable[[Path], Path], load: Callable[[Path, str], Made]) -> Made:
    """`load(path, key)` of the entry for these facts, which `build(directory)` makes (and returns the file's path)
    where it is missing. A file that was just built is loaded from its private place, before it gets its name. OSError
    of `load` on a cached file counts as a miss; errors of `build` and of the last `load` go to the caller."""
    key = key_of(facts)

    def make(place: Path) -> Made:
        path = build(place)
        write(path, sealed(key, path.read_bytes(), json.dumps([[n, v] for n, v in facts if len(v) < 2000])))
        loaded = load(path, key)
        _publish(path, key)
        return loaded

    found = _load_cached(key, load)
    if found is not None:
        return found
    with locked(key):
        found = _load_cached(key, load)  # somebody may have been quicker
        return in_place(make) if found is None else found


def in_place(make: Callable[[Path], Made]) -> Made:
    """`make(directory)` in a private directory inside the cache; where that fails for want of space or rights, in a
    temporary one. Raises what the first try raised, if the second fails for such a reason too."""
    try:
        with build_place(cachedir.directory()) as place:
            return make(place)
    except OSError as error:
        logger.info("cannot work in the cache: %s", error)
        first = error
    try:
        with build_place(cachedir.temporary()) as place:
            return make(place)
    except OSError as error:
        raise first from error


def _load_cached(key: str, load: Callable[[Path, str], Made]) -> Made | None:
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
    upkeep.sweep(cachedir.directory())


@contextlib.contextmanager
def build_place(parent: Path) -> Iterator[Path]:
    """A new private directory, gone at the end."""
    place = cachedir.build_directory(parent)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def locked(key: str) -> Iterator[None]:
    """Holds the lock of a key if it can be had in time. The kernel frees it when a process dies."""
    path, handle, held = Path(), None, False
    if fcntl is not None:
        with contextlib.suppress(OSError):
            path = cachedir.directory() / (key + ".lock")
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC, 0o600)
            held = _lock_in_time(handle)
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                if held:  # the name of a lock that somebody else holds stays
                    path.unlink()
                    fcntl.flock(handle, fcntl.LOCK_UN)  # also what a child forked meanwhile holds of it
            os.close(handle)


def _lock_in_time(handle: int) -> bool:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:  # a file system without locks is not waited for
            if error.errno not in _BUSY or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
