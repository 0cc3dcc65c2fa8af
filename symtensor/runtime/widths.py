"""The vector width that a compiler should prefer: measured on the machine by the extension.

Out: a flag. 512 bits where the processor has them and they win by a tenth (csrc/executor/widths.c), else 256. None for
processors without vectors of 512 bits, and where units are not compiled for this processor. The cache keeps the answer:
another load may give another one, and units of other flags are other units.
"""
from __future__ import annotations

import ctypes
from collections.abc import Sequence

from symtensor.runtime import cache, processor

try:
    from symtensor import _executor
except ImportError:  # not built: not measured
    _executor = None  # type: ignore[assignment]

FLAGS = ("-mprefer-vector-width=256", "-mprefer-vector-width=512")


def flag(flags: Sequence[str]) -> tuple[str, ...]:
    """What to add to a compiler's flags."""
    if "avx512f" not in processor.features() or "-march=native" not in flags:
        return ()
    wins = getattr(_executor, "wide_vectors_win", None)
    if wins is None:  # no extension, or one that was built long ago
        return FLAGS[:1]
    key = cache.key_of([("vector width", "1"), ("processor", processor.identity())])
    kept = cache.read_note(key)
    if kept is None:
        measured = FLAGS[wins(_logarithm("d", 8), _logarithm("e", 16))].encode()
        cache.write_note(key, measured)
        kept = cache.read_note(key) or measured  # of processes that start at once the first decides
    return (kept.decode(),)


def _logarithm(kind: str, lanes: int) -> int:
    """The address of libmvec's logarithm of `lanes` floats for a kind of vectors (d: AVX2, e: AVX-512), or 0."""
    try:
        function = getattr(ctypes.CDLL("libmvec.so.1"), f"_ZGV{kind}N{lanes}v_logf")
    except (OSError, AttributeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0
