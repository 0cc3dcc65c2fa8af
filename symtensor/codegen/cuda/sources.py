"""What kernels call: the scalar functions of csrc/ as they are, and those of cuda/ that only a device has.

A function of csrc/ is C for the host, `static T st_name(...)` or `ST_INLINE T st_name(...)`; for the device the same
text gets another word in front (cuda/prelude.h defines what else differs). libm's functions need no prototypes there.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from symtensor.codegen.c.helpers import Helpers, Sources, source_folder, without_comments
from symtensor.codegen.target import PLAIN_TARGET

__all__ = ["SOURCES", "helpers_text", "prelude_text"]

SOURCES = Sources([
    ("csrc", "convert.h"), ("csrc", "arith.h"), ("csrc", "float16.h"), ("csrc", "special.h"), ("csrc", "bessel.h"),
    ("cuda", "sums.h"), ("cuda", "group.h"), ("cuda", "atomic.h"),
    ("cuda", "wide.h"),
], {})


@lru_cache(maxsize=None)
def prelude_text() -> str:
    """cuda/prelude.h without comments."""
    text = without_comments((source_folder("cuda") / "prelude.h").read_text())
    return re.sub(r"\n{2,}", "\n", text).lstrip("\n")


def helpers_text(called: Iterable[str]) -> str:
    """Definitions of functions and of what they call, as functions of the device."""
    helpers = Helpers(PLAIN_TARGET, SOURCES)
    helpers.need_all(called)
    texts = [re.sub(r"\Astatic (?!__device__)", "ST_APART ", text) for text in helpers.texts.values()]
    return "".join(f"{text}\n" for text in texts)
