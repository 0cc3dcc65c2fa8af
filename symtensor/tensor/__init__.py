"""Symbolic tensors: types, variables, and the functions that build expressions of them.

    import symtensor.tensor as T

    x = T.dmatrix("x")
    y = T.exp(x).sum(axis=0)

This facade only hands names on. What is built on top of tensors (gradients, neural nets, signal processing, linear
algebra, random streams) is found here too, but loaded when it is first asked for.
"""
from __future__ import annotations

import importlib
from typing import Any

from symtensor import scalar as scal
from symtensor.graph.type import Type
from symtensor.graph.utils import MethodNotDefined
from symtensor.tensor import (
    basic,
    blas,
    elemwise,
    extra_ops,
    inplace,
    sharedvar,
    subtensor,
    type,
    type_other,
    utils,
    xlogx,
)
from symtensor.tensor.basic import *  # noqa: F403
from symtensor.tensor.basic import __all__ as _basic_names
from symtensor.tensor.extra_ops import (
    DiffOp,
    bartlett,
    bincount,
    cumprod,
    cumsum,
    fill_diagonal,
    fill_diagonal_offset,
    ravel_multi_index,
    repeat,
    squeeze,
    unravel_index,
)
from symtensor.tensor.shape_ops import SpecifyShape, specify_shape
from symtensor.tensor.sharedvar import ScalarSharedVariable, TensorSharedVariable
from symtensor.tensor.sort import argsort, argtopk, sort, topk, topk_and_argtopk
from symtensor.tensor.subtensor import *  # noqa: F403
from symtensor.tensor.subtensor import __all__ as _subtensor_names
from symtensor.tensor.type_other import (
    MakeSlice,
    SliceConstant,
    as_int_none_variable,
    none_type_t,
    slicetype,
)

integer_types = (int,)

_subtensor_only = [name for name in _subtensor_names if name not in _basic_names]

__all__ = [
    *_basic_names, *_subtensor_only, "DiffOp", "MakeSlice", "MethodNotDefined",
    "ScalarSharedVariable", "SliceConstant", "SpecifyShape", "TensorSharedVariable", "Type", "argsort",
    "argtopk", "as_int_none_variable", "bartlett", "basic", "bincount", "blas", "cumprod", "cumsum", "elemwise",
    "extra_ops", "fill_diagonal", "fill_diagonal_offset", "inplace", "integer_types", "none_type_t",
    "ravel_multi_index", "repeat", "scal", "sharedvar", "slicetype", "sort", "specify_shape", "squeeze", "subtensor",
    "topk", "topk_and_argtopk", "type", "type_other", "unravel_index", "utils", "xlogx",
]

# Names of layers above this one, by the module that has them; None: the name is itself a module of this package.
_LATER = {
    **dict.fromkeys(
        ("Lop", "Rop", "consider_constant", "grad", "hessian", "jacobian", "numeric_grad", "verify_grad",
         "grad_not_implemented", "grad_undefined"),
        "symtensor.gradient",
    ),
    **dict.fromkeys(("min_informative_str", "pprint"), "symtensor.printing"),
    **dict.fromkeys(("LoadFromDisk", "load"), "symtensor.tensor.io"),
    **dict.fromkeys(
        ("fft", "fourier", "io", "nlinalg", "nnet", "opt", "raw_random", "shared_randomstreams", "signal", "slinalg"),
        None,
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _LATER[name]
    if home is None:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
