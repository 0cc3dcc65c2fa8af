"""The vector width that a compiler should prefer: measured on the machine by a few lines of C.

In: C text to be compiled with the trial of a compiler, and the loaded library. Out: a flag. 512 bits where the
processor has them and they win by a tenth, else 256. Tried with a function of the vector libm where there is one:
processors that halve vectors of 512 bits gain in these only. The clock is read in C: another thread of Python may be
busy. Refused: processors without vectors of 512 bits, and compilers that do not know the attribute (clang): no flag.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.runtime import processor

FLAGS = ("-mprefer-vector-width=256", "-mprefer-vector-width=512")

# Both loops in one file, in turns, so that other load hits both. The arrays are aligned, take a quarter of the first
# cache and do not lie a multiple of 4 kB apart: otherwise the place where a process finds its memory may decide.
TEXT = """\
#if !defined __clang__
#if VECTOR_LOG
__attribute__((simd("notinbranch"))) float logf(float);
#else
#define logf(x) (x)
#endif
#define ST_RUN(WIDTH) \\
    __attribute__((noinline, target("prefer-vector-width=" #WIDTH))) \\
    static void run##WIDTH(const float *restrict x, float *restrict y) { \\
        for (int r = 0; r < 16; r++) { \\
            _Pragma("omp simd") \\
            for (long i = 0; i < 1024; i++) y[i] = logf((x[i] * 1.5f + y[i]) * x[i] + 0.5f) * 0.25f; \\
        } \\
    }
ST_RUN(256)
ST_RUN(512)
int st_width(void);
int st_width(void)
{
    static float x[2112] __attribute__((aligned(64)));
    float *y = x + 1088;
    unsigned long long least[2] = {-1ull, -1ull};
    for (int r = 0; r < 80; r++) {
        unsigned long long start = __builtin_ia32_rdtsc(), time;
        if (r & 1) run512(x, y); else run256(x, y);
        time = __builtin_ia32_rdtsc() - start;
        if (time < least[r & 1]) least[r & 1] = time;
    }
    return least[1] * 10 < least[0] * 9;
}
#endif
"""


def text(flags: Sequence[str]) -> str:
    """What to compile besides the trial with these flags; "" where there is nothing to find out."""
    if "avx512f" not in processor.features() or "-march=native" not in flags:
        return ""
    return f"#define VECTOR_LOG {int(bool(processor.vector_functions(frozenset({'logf'}))))}\n" + TEXT


def flag(library: Any) -> tuple[str, ...]:
    """The flag that the loaded library says; none if it was compiled without the text, or skipped it."""
    measure = getattr(library, "st_width", None)
    return () if measure is None else (FLAGS[1] if measure() else FLAGS[0],)
