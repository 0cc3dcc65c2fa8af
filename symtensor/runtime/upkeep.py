"""Upkeep of the cache: what it holds, whether that is sound, how much it may hold.

In: the directory. Out: counts, or files that are gone. Everything here may run while other processes use the cache: a
library that is mapped stays when its file goes, and what is missing is compiled again. Only files that the cache made
are touched.
"""
from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from symtensor.runtime.entry import SUFFIXES, NotAnEntry, OtherFormat, checked, notes_of, write

DEFAULT_LIMIT = 2 << 30  # least recently used entries beyond this are removed
STALE_SECONDS = 24 * 3600.0  # what a killed compiler left behind
SWEEP_SECONDS = 24 * 3600.0

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Summary:
    """What the cache holds: compiled files and notes, their bytes, leftovers of builds (running or killed)."""

    directory: str
    entries: int
    notes: int
    size: int
    limit: int
    leftovers: int
    elsewhere: int  # entries that were made for another processor


def files(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What lies in the directory, by name."""
    with contextlib.suppress(OSError):
        for path in sorted(place.iterdir()):
            with contextlib.suppress(OSError):
                yield path, os.lstat(path)


def is_leftover(path: Path) -> bool:
    """Whether this is what a build needs while it runs."""
    return path.name.startswith("build-") or path.suffix == ".lock"


def summary(place: Path, processor: str = "") -> Summary:
    """Counts; `processor` is the identity of ours."""
    entries = notes = size = leftovers = elsewhere = 0
    for path, facts in files(place):
        if path.suffix in SUFFIXES:
            size += facts.st_size
            entries += path.suffix == ".so"
            notes += path.suffix == ".note"
            if processor and path.suffix == ".so":
                elsewhere += notes_of(path).get("processor", processor) != processor
        elif is_leftover(path):
            leftovers += 1
    return Summary(str(place), entries, notes, size, limit(place), leftovers, elsewhere)


def verify(place: Path) -> list[tuple[Path, str]]:
    """Reads every entry; what is wrong with which. Entries of other versions of this package are left to these."""
    wrong = []
    for path, _ in files(place):
        if path.suffix in SUFFIXES:
            try:
                checked(path)
            except (FileNotFoundError, OtherFormat):  # removed meanwhile; not ours to judge
                pass
            except (NotAnEntry, OSError) as error:
                wrong.append((path, str(error)))
    return wrong


def sweep(place: Path, force: bool = False) -> int:
    """Removes what killed processes left behind and the least recently used entries beyond the limit; looks at most
    once a day unless forced. Returns how many files are gone."""
    stamp = place / "swept"
    with contextlib.suppress(OSError):
        if not force and 0 <= time.time() - os.lstat(stamp).st_mtime < SWEEP_SECONDS:
            return 0
    with contextlib.suppress(OSError):
        stamp.touch(mode=0o600)
    now, gone = time.time(), 0
    entries = []
    for path, facts in files(place):
        if is_leftover(path):
            if now - facts.st_mtime > STALE_SECONDS:
                gone += remove(path)
        elif path.suffix in SUFFIXES:
            entries.append((facts.st_mtime, facts.st_size, path))
    total, most = sum(size for _, size, _ in entries), limit(place)
    for _, size, path in sorted(entries):
        if total <= most:
            break
        gone += remove(path)
        total -= size
    return gone


def purge(place: Path) -> int:
    """Removes every entry and every leftover; the directory and its limit stay. Returns how many files are gone."""
    gone = 0
    for path, _ in files(place):
        ours = path.suffix in SUFFIXES or is_leftover(path) or path.name == "swept"
        if ours or (path.name.startswith("failed-") and path.suffix == ".c"):
            gone += remove(path)
    return gone


def remove(path: Path) -> bool:
    """Removes a file or a directory; whether it is gone."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    return not os.path.lexists(path)


# ------------------------------------------------------------------------------------------------------------- limit


def limit(place: Path) -> int:
    """The size that is swept down to: what was set, or 2 GiB."""
    path = place / "limit"
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and os.lstat(path).st_size < 32:
            return max(0, int(path.read_text()))
    return DEFAULT_LIMIT


def set_limit(place: Path, size: int) -> None:
    """Keeps another limit, in the directory itself. Raises OSError."""
    temporary = place / f"limit-{os.getpid()}"
    try:
        write(temporary, str(size).encode())
        os.replace(temporary, place / "limit")
    finally:
        temporary.unlink(missing_ok=True)


def parsed_size(text: str) -> int:
    """Bytes of "500M", "2 GiB", "1.5g", "1048576". Raises ValueError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{text!r} is not a size: write 500M, 2G or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def size_text(size: int) -> str:
    """A size for people."""
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f} {unit}iB"
    return f"{size} B"
