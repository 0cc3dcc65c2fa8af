"""Functions of NumPy beyond the basic ones, under one name; the code is in the modules named here."""
from __future__ import annotations

from symtensor.tensor.cumulative import CumOp, CumprodOp, CumsumOp, DiffOp, cumprod, cumsum, diff
from symtensor.tensor.filling import (
    Bartlett,
    CpuContiguous,
    FillDiagonal,
    FillDiagonalOffset,
    bartlett,
    bartlett_,
    cpu_contiguous,
    fill_diagonal,
    fill_diagonal_,
    fill_diagonal_offset,
    fill_diagonal_offset_,
)
from symtensor.tensor.flat_index import RavelMultiIndex, UnravelIndex, ravel_multi_index, unravel_index
from symtensor.tensor.repetition import RepeatOp, repeat, squeeze
from symtensor.tensor.searching import SearchsortedOp, Unique, bincount, compress, searchsorted, to_one_hot

__all__ = [
    "Bartlett", "CpuContiguous", "CumOp", "CumprodOp", "CumsumOp", "DiffOp", "FillDiagonal", "FillDiagonalOffset",
    "RavelMultiIndex", "RepeatOp", "SearchsortedOp", "Unique", "UnravelIndex", "bartlett", "bartlett_", "bincount",
    "compress", "cpu_contiguous", "cumprod", "cumsum", "diff", "fill_diagonal", "fill_diagonal_",
    "fill_diagonal_offset", "fill_diagonal_offset_", "ravel_multi_index", "repeat", "searchsorted", "squeeze",
    "to_one_hot", "unravel_index",
]
