"""Named types and makers of input variables.

In: names and dtypes. Out: `TensorType` instances `bscalar` ... `ztensor7` (a letter for the dtype, a word for the
pattern), and functions that make variables of dtype `config.floatX` (`vector("x")`) or several at once
(`dmatrices("a", "b")`, `vectors(3)`).
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.config import config
from symtensor.scalar import dtypes
from symtensor.tensor.type import TensorType

DTYPES = ("int8", "int16", "int32", "int64", "float32", "float64", "complex64", "complex128")  # letters b w i l f d c z
PATTERNS: dict[str, tuple[bool, ...]] = {
    "scalar": (), "vector": (False,), "matrix": (False, False), "row": (True, False), "col": (False, True),
    **{f"tensor{n}": (False,) * n for n in range(3, 8)},
}

all_dtypes = list(dtypes.ALL)
int_dtypes = list(dtypes.INT)
uint_dtypes = list(dtypes.UINT)
integer_dtypes = list(dtypes.INTEGER)
discrete_dtypes = list(dtypes.DISCRETE)
float_dtypes = list(dtypes.FLOAT)
complex_dtypes = list(dtypes.COMPLEX)
continuous_dtypes = list(dtypes.CONTINUOUS)


def tensor(*args: Any, **kwargs: Any) -> Any:
    """A variable of the type that the arguments describe; `name` names the variable. See `TensorType`."""
    name = kwargs.pop("name", None)
    return TensorType(*args, **kwargs)(name=name)


def constructor(f: Callable[..., Any]) -> Callable[..., Any]:
    """A maker of several variables by a maker of one.

    The result takes names, one variable each, or one string or list of them (a string counts letter by letter), or a
    number n for n nameless variables. It gives the variable where there is exactly one name, else a list.
    """

    def several(*names: Any) -> Any:
        if len(names) == 1 and isinstance(names[0], int):
            return [f() for _ in range(names[0])]
        if len(names) == 1:
            names = tuple(names[0])
        return f(names[0]) if len(names) == 1 else [f(name) for name in names]

    several.__doc__ = "One variable per name given; a number n makes n nameless ones."
    return several


def _types(word: str) -> tuple[TensorType, ...]:
    return tuple(TensorType(dtype, PATTERNS[word]) for dtype in DTYPES)


def _maker(word: str) -> Callable[..., Any]:
    def make(name: str | None = None, dtype: Any = None) -> Any:
        return TensorType(config.floatX if dtype is None else dtype, PATTERNS[word])(name)

    make.__name__ = make.__qualname__ = word
    make.__doc__ = f"A symbolic {word}, of dtype `config.floatX` unless `dtype` is given."
    return make


bscalar, wscalar, iscalar, lscalar, fscalar, dscalar, cscalar, zscalar = _types("scalar")
bvector, wvector, ivector, lvector, fvector, dvector, cvector, zvector = _types("vector")
bmatrix, wmatrix, imatrix, lmatrix, fmatrix, dmatrix, cmatrix, zmatrix = _types("matrix")
brow, wrow, irow, lrow, frow, drow, crow, zrow = _types("row")
bcol, wcol, icol, lcol, fcol, dcol, ccol, zcol = _types("col")
btensor3, wtensor3, itensor3, ltensor3, ftensor3, dtensor3, ctensor3, ztensor3 = _types("tensor3")
btensor4, wtensor4, itensor4, ltensor4, ftensor4, dtensor4, ctensor4, ztensor4 = _types("tensor4")
btensor5, wtensor5, itensor5, ltensor5, ftensor5, dtensor5, ctensor5, ztensor5 = _types("tensor5")
btensor6, wtensor6, itensor6, ltensor6, ftensor6, dtensor6, ctensor6, ztensor6 = _types("tensor6")
btensor7, wtensor7, itensor7, ltensor7, ftensor7, dtensor7, ctensor7, ztensor7 = _types("tensor7")

scalar = _maker("scalar")
vector = _maker("vector")
matrix = _maker("matrix")
row = _maker("row")
col = _maker("col")
tensor3 = _maker("tensor3")
tensor4 = _maker("tensor4")
tensor5 = _maker("tensor5")
tensor6 = _maker("tensor6")
tensor7 = _maker("tensor7")

scalars = constructor(scalar)
iscalars, lscalars, fscalars, dscalars = (constructor(t) for t in (iscalar, lscalar, fscalar, dscalar))
vectors = constructor(vector)
ivectors, lvectors, fvectors, dvectors = (constructor(t) for t in (ivector, lvector, fvector, dvector))
matrices = constructor(matrix)
imatrices, lmatrices, fmatrices, dmatrices = (constructor(t) for t in (imatrix, lmatrix, fmatrix, dmatrix))
rows = constructor(row)
irows, lrows, frows, drows = (constructor(t) for t in (irow, lrow, frow, drow))
cols = constructor(col)
icols, lcols, fcols, dcols = (constructor(t) for t in (icol, lcol, fcol, dcol))
tensor3s = constructor(tensor3)
itensor3s, ltensor3s, ftensor3s, dtensor3s = (constructor(t) for t in (itensor3, ltensor3, ftensor3, dtensor3))
tensor4s = constructor(tensor4)
itensor4s, ltensor4s, ftensor4s, dtensor4s = (constructor(t) for t in (itensor4, ltensor4, ftensor4, dtensor4))
tensor5s = constructor(tensor5)
itensor5s, ltensor5s, ftensor5s, dtensor5s = (constructor(t) for t in (itensor5, ltensor5, ftensor5, dtensor5))
tensor6s = constructor(tensor6)
itensor6s, ltensor6s, ftensor6s, dtensor6s = (constructor(t) for t in (itensor6, ltensor6, ftensor6, dtensor6))
tensor7s = constructor(tensor7)
itensor7s, ltensor7s, ftensor7s, dtensor7s = (constructor(t) for t in (itensor7, ltensor7, ftensor7, dtensor7))

int_types = int_scalar_types = (bscalar, wscalar, iscalar, lscalar)
float_types = float_scalar_types = (fscalar, dscalar)
complex_types = complex_scalar_types = (cscalar, zscalar)
int_vector_types = (bvector, wvector, ivector, lvector)
float_vector_types = (fvector, dvector)
complex_vector_types = (cvector, zvector)
int_matrix_types = (bmatrix, wmatrix, imatrix, lmatrix)
float_matrix_types = (fmatrix, dmatrix)
complex_matrix_types = (cmatrix, zmatrix)
