"""The table of library routines: what `ir.Call` may name, the roles of its arguments, and what it computes.

A routine is C that is compiled once and kept, not printed into every unit. `CUnit.library` lists what a unit needs, in
the order of `frame->library`: first "blas" (the address of an `st_blas`, see csrc/blas.h), then entry points such as
"gemm_f64": the routine's name and the tag of the dtype of its first input. The runtime compiles the text of
`symtensor.codegen.c.print_routine("gemm_f64")` once and takes the address of the function it exports. Every entry point
has the same signature, `st_routine` of csrc/routine.h, so the runtime need not know the routines apart.

The interpreter has a NumPy version of each under the same name. Inputs may have any strides, be empty and share memory
with each other; outputs are C-contiguous or at least do not overlap themselves, and share no memory with inputs.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DTYPE_TAGS", "ROUTINES", "Routine", "entry_name"]

DTYPE_TAGS: Mapping[str, str] = {
    "bool": "b8", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
    "float16": "f16", "float32": "f32", "float64": "f64", "complex64": "c64", "complex128": "c128",
}

_BLAS = ("float32", "float64", "complex64", "complex128")
_ALL = tuple(DTYPE_TAGS)


@dataclass(frozen=True)
class Routine:
    """One library routine.

    outputs, inputs  roles of the buffers, "name: shape"
    scalars          roles of the scalar arguments; "T" is the dtype of the buffers
    meaning          what is computed
    dtypes           of the first input (and of every other buffer, where not said otherwise)
    header           the file in csrc/ that holds the text
    """

    name: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    scalars: tuple[str, ...]
    meaning: str
    dtypes: tuple[str, ...]
    header: str


ROUTINES: Mapping[str, Routine] = {r.name: r for r in (
    Routine("gemm", ("c: (m, n)",), ("a: (m, k)", "b: (k, n)"), ("alpha: T", "beta: T"),
            "c = alpha * a @ b + beta * c; c is not read where beta is 0", _BLAS, "blas.h"),
    Routine("batched_gemm", ("c: (i, m, n)",), ("a: (i, m, k)", "b: (i, k, n)"), ("alpha: T", "beta: T"),
            "c[i] = alpha * a[i] @ b[i] + beta * c[i]; c is not read where beta is 0", _BLAS, "blas.h"),
    Routine("gemv", ("y: (m)",), ("a: (m, n)", "x: (n)"), ("alpha: T", "beta: T"),
            "y = alpha * a @ x + beta * y; y is not read where beta is 0", _BLAS, "blas.h"),
    Routine("ger", ("a: (m, n)",), ("x: (m)", "y: (n)"), ("alpha: T",),
            "a = a + alpha * outer(x, y), without conjugation", _BLAS, "blas.h"),
    Routine("dot", ("z: ()",), ("x: (n)", "y: (n)"), (),
            "z = sum(x * y), without conjugation", _BLAS, "blas.h"),
    Routine("sort", ("y: shape of x",), ("x: any rank",), ("axis: int64",),
            "y = x sorted along the axis; NaN last, complex by real then imaginary part", _ALL, "sort.h"),
    Routine("argsort", ("y: int64, shape of x",), ("x: any rank",), ("axis: int64",),
            "y = positions that sort x along the axis, equal elements in their old order (stable)", _ALL, "sort.h"),
    Routine("nonzero", ("i0 ... : (count) int64, one for each axis of x",), ("x: any rank >= 1",), (),
            "indices of the elements that are not 0, in C order; the caller has counted them", _ALL, "search.h"),
)}


def entry_name(name: str, dtype: str) -> str:
    """The library entry of a routine for the dtype of its first input; KeyError or ValueError if there is none."""
    routine = ROUTINES[name]
    if dtype not in routine.dtypes:
        raise ValueError(f"{name} does not take {dtype}")
    return f"{name}_{DTYPE_TAGS[dtype]}"
