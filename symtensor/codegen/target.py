"""What a unit is printed for, and what comes out of the printer: plain data that the runtime and the printers share.

`Target` says what the machine's compiler and vector libm can do; the runtime probes it once and caches it. `CUnit` is
the text with everything that is needed to compile and call it.
"""
from __future__ import annotations

from dataclasses import dataclass

# glibc 2.22 has the first row of each, 2.35 the second.
_SIMD_ROOTS = (
    "exp", "log", "sin", "cos", "pow",
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "atan2", "cosh", "sinh", "tan", "tanh", "exp2", "expm1", "log10",
    "log1p", "log2", "erf", "erfc",
)
SIMD_MATH = frozenset(root + suffix for root in _SIMD_ROOTS for suffix in ("", "f"))
SIMD_MATH_2_22 = frozenset(root + suffix for root in _SIMD_ROOTS[:5] for suffix in ("", "f"))

# Flags that C is compiled with for its meaning: errno and traps are not observed; products and sums are not contracted,
# so that equal expressions give equal values in every loop variant and agree with NumPy (loops that want fused
# operations ask for them by name). A sine and a cosine of one number stay two calls: gcc would make one of them, for
# which there is no vector variant.
SEMANTICS = ("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fwrapv", "-fno-strict-aliasing", "-w",
             *(f"-fno-builtin-{name}" for name in ("sin", "cos", "sinf", "cosf")))
# Less effort than -O2, in a third less time: of what that adds to -O1 only that which loops need to become vectors.
LIGHT = ("-O1", "-ftree-loop-vectorize", "-ftree-vrp", "--param=vect-epilogues-nomask=0")


@dataclass(frozen=True)
class Target:
    """The machine that a unit is printed for.

    vector_bits  width of the vectors that the compiler is told to prefer (-mprefer-vector-width): 512, 256 or 128
    simd_math    libm functions with vector variants that the linker finds (probe the symbol `_ZGVbN2v_tanh` for "tanh",
                 `_ZGVbN4v_tanhf` for "tanhf", `_ZGVbN2vv_pow` for two arguments); empty where there is no libmvec
    threads_from how many elements an array of a nest needs to have before its outer loop is shared by threads; 0: never
    light        flags for units that need less effort (see codegen/c/unit.py); () where the compiler has others
    built_in     the variant of the helpers in the extension that units call (symtensor/codegen/c/built_in.py); "": all
                 helpers are printed
    deterministic  kernels add floats in the same order in every run (no atomic additions)
    """

    vector_bits: int = 512
    simd_math: frozenset[str] = SIMD_MATH
    threads_from: int = 0
    deterministic: bool = False
    light: tuple[str, ...] = LIGHT
    built_in: str = ""

    @property
    def vector_bytes(self) -> int:
        return self.vector_bits // 8


DEFAULT_TARGET = Target()
PLAIN_TARGET = Target(vector_bits=128, simd_math=frozenset())


@dataclass(frozen=True)
class KernelUnit:
    """The kernels of a unit: the whole text for the device, and their names in the order of their numbers."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class CUnit:
    """A printed unit.

    text     the whole C text; the same Program gives the same bytes in every process
    library  names of library routines in the order of `frame->library`; empty, or "blas" first (see codegen/library.py)
    slots    number of workspaces that the unit asks `frame->slot` for: those of the Program, then its own
    flags    compiler flags that the text relies on, beside the runtime's own
    exports  names of the functions that the unit offers
    parts    2 if the text may be compiled as two objects, with ST_PART defined as 1 and as 2
    kernels  what runs on the device, if anything does
    routines library entries that run on the device, in the order of their numbers (`st_device.call`)
    """

    text: str
    library: tuple[str, ...] = ()
    slots: int = 0
    flags: tuple[str, ...] = ()
    exports: tuple[str, ...] = ("st_main",)
    parts: int = 1
    kernels: KernelUnit | None = None
    routines: tuple[str, ...] = ()
