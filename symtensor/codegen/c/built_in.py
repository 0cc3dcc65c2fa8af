"""Helpers that are built with the extension, so that units need not compile them again and again.

Functions of csrc/ are usually printed into the unit that calls them. Those named here (memory, rows of common
reductions, products of real matrices) are so long, or in so many units, that compiling them took a large part of the
time of a first call. They are compiled when symtensor is installed, once for each *variant* (a set of processor
features), and exported under names such as `symtensor_v4_maximum_f32`; a unit printed for a variant (`Target.built_in`)
declares them, and the dynamic linker finds them in the extension.
"""
from __future__ import annotations

__all__ = ["NAMES", "VARIANTS", "symbol"]

_V3 = frozenset({"avx2", "bmi1", "bmi2", "fma", "movbe", "abm", "f16c"})
# The variants for x86-64, the best first: the compiler's flags, and the features that a processor needs for them. There
# is one more for any processor, "v1".
VARIANTS = {
    "v4": (("-march=x86-64-v4", "-mprefer-vector-width=512"),
           _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    "v3": (("-march=x86-64-v3",), _V3),
}

_MEMORY = ("fail", "too_large", "workspace", "result", "is_dense", "move", "packed", "unpacked", "tail_in", "tail_out")
_PRODUCTS = ("gemm", "batched_gemm", "gemv", "ger", "dot")
_ROWS = {
    "f32": ("maximum", "minimum", "argmax", "argmin", "mul", "flush", "fill"),
    "f64": ("maximum", "minimum", "argmax", "argmin", "mul", "flush", "fill"),
    "i32": ("add", "maximum", "minimum", "fill"),
    "i64": ("add", "maximum", "minimum", "argmax", "argmin", "mul", "fill"),
    "b8": ("and_", "or_"),
}
NAMES = frozenset(f"st_{name}" for name in (
    *_MEMORY, "add_f32", "add_f64", "add_wide",
    *(f"{name}_{tag}" for tag in ("f32", "f64") for name in _PRODUCTS),
    *(f"{name}_{tag}" for tag, names in _ROWS.items() for name in names)))


def symbol(name: str, variant: str) -> str:
    """The exported name of a function of csrc/."""
    return f"symtensor_{variant}_{name.removeprefix('st_')}"
