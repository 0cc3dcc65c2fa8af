"""The text of the helpers that are built with the extension (see `symtensor.codegen.c.built_in`).

setup.py compiles `generated(variant)` for each variant and links them into the extension, together with the digest of
the headers that they were made from; the runtime uses them only where that is the digest of the installed headers, and
prints them everywhere else.
"""
from __future__ import annotations

import hashlib

from symtensor.codegen.c.built_in import NAMES, VARIANTS, symbol
from symtensor.codegen.c.helpers import HEADERS, PRELUDE, Helpers, abi_text, declared, source_folder
from symtensor.codegen.target import PLAIN_TARGET, SEMANTICS

__all__ = ["digest", "generated"]

_HEAD = '#define ST_BUILT_IN __attribute__((noinline, visibility("default")))'


def digest() -> str:
    """Of the headers of csrc/, the names of what is built and the flags."""
    found = hashlib.sha256(repr((sorted(NAMES), [(name, flags) for name, (flags, _) in VARIANTS.items()], SEMANTICS,
                                 _HEAD, PRELUDE)).encode())
    for header in ("abi.h", *HEADERS):
        found.update((source_folder() / header).read_bytes())
    return found.hexdigest()


def generated(variant: str) -> str:
    """A C file with all functions, under the names of a variant."""
    helpers = Helpers(PLAIN_TARGET)
    helpers.need_all(sorted(NAMES))
    labels, functions = [], []
    for name, text in helpers.texts.items():
        if name in NAMES:
            labels.append(f'{declared(text)} __asm__("{symbol(name, variant)}");')
            text = f"ST_BUILT_IN {declared(text)}{text[text.index(' {'):]}"
        functions.append(text)
    types = [text for text in functions if text.startswith(("typedef", "struct", "#define"))]
    return "\n".join([_HEAD, abi_text() + PRELUDE + "\n".join(helpers.prototypes.values()), *types, *labels,
                      *(text for text in functions if text not in types), ""])
