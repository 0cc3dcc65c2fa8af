"""Loading compiled units: from a checked file to the address of `st_main`.

In: the path of a shared library that was printed against `csrc/abi.h`. Out: a `Unit` with its entry point. Loaded units
stay for the life of the process (unloading code that a thread or libgomp may still be in is not safe) and each content
is loaded once. Refused: a file that the dynamic linker refuses (OSError), also from memory.
"""
from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symtensor.runtime._abi import ffi

# The struct must be known before the function: cffi stumbles over the type of st_main, which is also a field's.
FRAME_SIZE = ffi.sizeof("st_frame")

_loaded: dict[str, Unit] = {}


@dataclass(frozen=True)
class Unit:
    """A loaded unit: the cffi library (which keeps it loaded), the entry point for cffi and as a number."""

    key: str
    library: Any
    main: Any
    address: int


def known(key: str) -> Unit | None:
    """The unit of a key, if this process has loaded it."""
    return _loaded.get(key)


def load(path: Path, key: str) -> Unit:
    """Loads a unit, or gives the one that this process has loaded for the key."""
    found = _loaded.get(key)
    if found is not None:
        return found
    library = opened(path, lambda name: ffi.dlopen(name, ffi.RTLD_NOW | ffi.RTLD_LOCAL))
    main = library.st_main
    unit = Unit(key, library, main, int(ffi.cast("uintptr_t", main)))
    return _loaded.setdefault(key, unit)


def opened(path: Path, dlopen: Callable[[str], Any]) -> Any:
    """What `dlopen` makes of a file. Where the file system does not allow execution: of a copy in memory (Linux)."""
    try:
        return dlopen(str(path))
    except OSError as error:
        if not hasattr(os, "memfd_create"):
            raise
        first = error
    try:
        return _from_memory(path, dlopen)
    except OSError:
        raise first from None  # what is wrong with the file itself is said by the first


def _from_memory(path: Path, dlopen: Callable[[str], Any]) -> Any:
    data = path.read_bytes()
    handle = os.memfd_create(path.name)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        return dlopen(memory_name(handle, next(_copies)))
    finally:
        os.close(handle)


_copies = itertools.count()


def memory_name(handle: int, number: int) -> str:
    """A path of an open file that is spelled differently for every number. The dynamic linker knows libraries by the
    name that they were asked for with, and numbers of files come back when these are closed: the second library by the
    name of the first would be the first."""
    dots = "".join("/." if number >> bit & 1 else "/" for bit in range(number.bit_length()))
    return f"/proc/self/fd{dots}/{handle}"
