"""Where compiled code is kept: a directory that only we can write, or a private temporary one.

In: `config.compiledir` (normally `base_compiledir`, a place in the user's cache). Out: an existing directory that is
ours alone. Cached code is run, so a directory is as trusted as the code in it; refused, with one warning and a
temporary directory instead: a symbolic link, another owner, one that group or others may write, one below a directory
that everybody may write without the sticky bit, one that cannot be made. A directory of ours that cannot be written
(read-only file system, quota) is still read from.
"""
from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from symtensor.config import config
from symtensor.runtime.advice import CacheWarning, warn_user


class RefusedDirectory(Exception):
    """The directory exists but is not ours alone."""


def wanted() -> Path:
    """The directory that the configuration asks for; need not exist."""
    return Path(os.path.expanduser(str(config.compiledir)))


def inspect(path: Path) -> None:
    """Raises RefusedDirectory, with the reason, unless an existing directory is ours alone (POSIX; Windows keeps user
    directories private by itself)."""
    facts = os.lstat(path)
    if stat.S_ISLNK(facts.st_mode):
        raise RefusedDirectory(f"{path} is a symbolic link")
    if not stat.S_ISDIR(facts.st_mode):
        raise RefusedDirectory(f"{path} is not a directory")
    if not hasattr(os, "geteuid"):
        return
    if facts.st_uid != os.geteuid():
        raise RefusedDirectory(f"{path} belongs to user {facts.st_uid}, not to user {os.geteuid()}")
    if facts.st_mode & 0o022:
        raise RefusedDirectory(f"{path} can be written by others (mode {stat.S_IMODE(facts.st_mode):o})")
    for parent in Path(os.path.realpath(path)).parents:
        mode = os.lstat(parent).st_mode
        if mode & 0o002 and not mode & stat.S_ISVTX:
            raise RefusedDirectory(f"{parent}, above {path}, can be written by everybody")


def prepared(path: Path) -> Path:
    """Makes the directory (0700) if it is missing and inspects it. Raises OSError or RefusedDirectory."""
    if str(path).startswith("~"):
        raise RefusedDirectory("there is no home directory")
    try:
        inspect(path)
    except FileNotFoundError:
        for place in (*(parent for parent in reversed(path.parents) if not parent.exists()), path):
            with contextlib.suppress(FileExistsError):  # another process was quicker
                place.mkdir(mode=0o700)
        inspect(path)
    return path


class _Chosen:
    """The decision of this process, by wanted directory: a directory, once refused, is not asked again."""

    def __init__(self) -> None:
        self.refused: set[Path] = set()
        self.temporary: Path | None = None
        self.owner = os.getpid()

    def private(self) -> Path:
        if self.temporary is None or not _is_ours(self.temporary):  # cleaners remove old directories
            self.temporary = Path(tempfile.mkdtemp(prefix="symtensor-"))
            self.owner = os.getpid()
        return self.temporary

    def clean(self) -> None:
        if self.temporary is not None and self.owner == os.getpid():  # not in a forked child
            shutil.rmtree(self.temporary, ignore_errors=True)


_chosen = _Chosen()
atexit.register(_chosen.clean)


def _is_ours(path: Path) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and (not hasattr(os, "geteuid") or facts.st_uid == os.geteuid())


def directory() -> Path:
    """The cache directory in use. It exists and is ours; writing to it may still fail. Inspected at every call: while a
    process lives, somebody may remove a directory and put another one in its place."""
    wish = wanted()
    if wish in _chosen.refused:
        return temporary()
    try:
        return prepared(wish)
    except (OSError, RefusedDirectory, RuntimeError) as error:
        _chosen.refused.add(wish)
        warn_user(f"compiled code is not kept beyond this process: {error}. Set base_compiledir to a directory of your "
                  f"own.", CacheWarning)
        return temporary()


def temporary() -> Path:
    """A private directory that goes with the process."""
    return _chosen.private()


def build_directory(parent: Path) -> Path:
    """A new private directory to compile in. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix="build-", dir=parent))


def platform_text() -> str:
    """Operating system and machine, for keys."""
    return f"{sys.platform} {os.uname().machine if hasattr(os, 'uname') else ''}".strip()
