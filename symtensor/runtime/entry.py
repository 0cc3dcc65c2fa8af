"""The files of the cache: how they are named, sealed and checked.

An entry is a payload (a shared library, or a few bytes of facts), a text of notes, and a trailer: magic, two lengths,
sha256 of the key, the payload and the notes. So a file that was truncated, flipped, planted or renamed is none. Nothing
is unpickled. In: bytes and keys. Out: bytes and keys, or None for what was not sealed here under that key.
"""
from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger("symtensor.cache")

FORMAT = "2"
_FAMILY = b"symtens"
MAGIC = _FAMILY + FORMAT.encode()
SUFFIXES = (".so", ".note")
_TRAILER = struct.Struct("<8sQQ32s")

Facts = Sequence[tuple[str, str]]


class NotAnEntry(Exception):
    """A file that was not sealed under its name; the text says what is wrong."""


class OtherFormat(NotAnEntry):
    """An entry of another version of this package, which looks for it under names of its own."""


def key_of(facts: Facts) -> str:
    """The name of an entry: sha256 over the named facts, which are logged (long ones by their own hash)."""
    text = json.dumps([["format", FORMAT], *map(list, facts)], ensure_ascii=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()
    if logger.isEnabledFor(logging.DEBUG):
        digest = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in facts}
        logger.debug("key %s of %s", key, {name: v if len(v) < 200 else digest[name] for name, v in facts})
    return key


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + body).digest()


def sealed(key: str, payload: bytes, notes: str) -> bytes:
    """An entry's bytes."""
    body = payload + notes.encode()
    return body + _TRAILER.pack(MAGIC, len(payload), len(notes.encode()), _digest(key, body))


def opened(key: str, data: bytes) -> tuple[bytes, str] | None:
    """(payload, notes) of an entry's bytes; None if they are not exactly what was sealed under this key."""
    if len(data) < _TRAILER.size:
        return None
    magic, size, notes, digest = _TRAILER.unpack(data[-_TRAILER.size:])
    body = data[:-_TRAILER.size]
    if magic != MAGIC or size + notes != len(body) or _digest(key, body) != digest:
        return None
    return body[:size], body[size:].decode()


def checked(path: Path) -> tuple[bytes, str]:
    """(payload, notes) of an entry's file. Raises NotAnEntry, or OSError where it cannot be read."""
    facts = os.lstat(path)
    if not stat.S_ISREG(facts.st_mode):  # a pipe would keep us waiting, a link leads elsewhere
        raise NotAnEntry("not a regular file")
    if hasattr(os, "geteuid") and facts.st_uid != os.geteuid():
        raise NotAnEntry(f"belongs to user {facts.st_uid}")
    data = path.read_bytes()
    found = opened(path.stem, data)
    if found is None:
        magic = data[-_TRAILER.size:][:len(MAGIC)]
        if magic.startswith(_FAMILY) and magic != MAGIC:
            raise OtherFormat("made by another version")
        raise NotAnEntry("damaged, or made under another name")
    return found


def write(path: Path, data: bytes) -> None:
    """Writes a whole file and pushes it to the disk, so that a name never leads to half a file."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def notes_of(path: Path) -> dict[str, str]:
    """The notes of an entry, read from its end without a check: for listings only."""
    try:
        with open(path, "rb") as file:
            file.seek(-_TRAILER.size, os.SEEK_END)
            magic, _, size, _ = _TRAILER.unpack(file.read())
            if not magic.startswith(_FAMILY) or size > 1 << 20:
                return {}
            file.seek(-_TRAILER.size - size, os.SEEK_END)
            return {str(name): str(value) for name, value in json.loads(file.read(size))}
    except (OSError, ValueError, TypeError):
        return {}
