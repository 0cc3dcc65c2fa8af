"""From Python values to tensor variables.

In: numbers, NumPy arrays, lists (of numbers or of variables), scalar variables, nodes. Out: tensor variables; what is
already one comes back unchanged. A Python number takes the smallest dtype that holds it (`symtensor.scalar`'s
autocasting), an array or list keeps NumPy's dtype, and an axis of length 1 is broadcastable.

Refused with AsTensorError: booleans (they come from `==` on variables, which compares identities), strings, None,
arrays of objects, variables of other types.
"""
from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Variable
from symtensor.scalar.dtypes import ALL
from symtensor.tensor.conversion import tensor_from_scalar
from symtensor.tensor.type import TensorType, tensor_type

__all__ = [
    "AsTensorError", "as_tensor", "as_tensor_variable", "check_equal_numpy", "constant",
    "constant_cache", "forget_leading_axes", "join_variables",
]


class AsTensorError(TypeError):
    """A value cannot stand for a tensor variable."""

    __module__ = "symtensor.tensor.var"


# Small numbers are made once: graphs are full of 0, 1 and 2.
constant_cache: dict[Any, Any] = {}
_CACHE_LIMIT = 4096


def constant(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> Any:
    """A `TensorConstant` holding `x`.

    `dtype` overrides the dtype that `x` would take; `ndim`, if larger than x's rank, pads with broadcastable axes on
    the left. Raises TypeError for what is not an array of numbers, ValueError where the rank is above `ndim`.
    """
    if isinstance(x, Variable):
        raise TypeError("constant() wants a value, not a variable; use as_tensor_variable", x)
    data = _as_array(x, dtype)
    if data is None:
        raise TypeError(f"Could not convert {x} to TensorType", type(x))
    if ndim is not None and data.ndim != ndim:
        if data.ndim > ndim:
            raise ValueError(f"ndarray could not be cast to constant with {ndim} dimensions")
        data = data.reshape((1,) * (ndim - data.ndim) + data.shape)
    kind = tensor_type(_DTYPES[data.dtype], tuple([length == 1 for length in data.shape]))
    if name is None and data.size == 1 and data.dtype.kind in "iuf" and -10 <= data.item() <= 10:
        key = (kind, data.tobytes())
        known = constant_cache.get(key)
        if known is None:
            # A copy: the caller may write to the array later.
            known = kind.Constant(kind, data.copy())
            if len(constant_cache) < _CACHE_LIMIT:
                known.cached = True
                constant_cache[key] = known
        return known
    return kind.Constant(kind, data, name=name)


# NumPy computes `dtype.name` anew each time.
_DTYPES = {np.dtype(name): name for name in ALL}


def _as_array(x: Any, dtype: Any) -> np.ndarray | None:
    """`x` as an array of numbers, or None where it is not one."""
    try:
        if dtype is not None:
            data = np.asarray(x)
            if data.dtype.kind in "biufc":
                with np.errstate(invalid="ignore", over="ignore"):
                    data = data.astype(scal.dtype_name(dtype), copy=False)
        elif isinstance(x, (builtins.bool, int, float)) and not isinstance(x, np.generic):
            data = np.asarray(scal.convert(x))
        else:
            data = np.asarray(x)
    except (ValueError, TypeError):  # a ragged list, or one whose elements are not numbers
        return None
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    return data if data.dtype in _DTYPES else None


# Filled in by symtensor.tensor.var: makes one variable of a list that contains variables.
join_variables: list[Callable[[Sequence[Any]], Any]] = []


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Any:
    """`x` as a tensor variable.

    A tensor variable comes back as it is (with `ndim`: padded with broadcastable axes on the left, or stripped of
    leading broadcastable ones); a node gives its default output; a scalar variable its rank-0 tensor; a list or tuple
    with variables in it is stacked; other values become constants called `name`.

    Raises AsTensorError for what cannot be a tensor, ValueError for a node with several outputs and for a rank that
    cannot be changed to `ndim`.
    """
    convert = getattr(x, "_as_TensorVariable", None)
    if convert is not None:
        return convert()
    if isinstance(x, Apply):
        x = _only_output(x)
    if isinstance(x, Variable):
        if isinstance(x.type, scal.Scalar):
            x = tensor_from_scalar(x)
        if not isinstance(x.type, TensorType):
            raise AsTensorError("Variable type field must be a TensorType.", x, x.type)
        if ndim is None or x.type.ndim == ndim:
            return x
        return forget_leading_axes(x, ndim) if x.type.ndim > ndim else x.dimshuffle(
            ["x"] * (ndim - x.type.ndim) + list(range(x.type.ndim))
        )
    if isinstance(x, (tuple, list)) and any(isinstance(element, Variable) for element in x):
        try:
            return join_variables[-1](x)
        except (TypeError, ValueError) as error:
            raise AsTensorError(f"Cannot convert {x} to TensorType", type(x)) from error
    if isinstance(x, builtins.bool):
        raise AsTensorError(
            "Cannot cast True or False as a tensor variable. Please use np.array(True) or np.array(False) if you need "
            "these constants. This error might be caused by using the == operator on Variables. v == w does not do "
            "what you think it does, use symtensor.tensor.eq(v, w) instead."
        )
    try:
        return constant(x, name=name, ndim=ndim)
    except TypeError as error:
        try:
            shown = str(x)
        except Exception:
            shown = repr(x)
        raise AsTensorError(f"Cannot convert {shown} to TensorType", type(x)) from error


as_tensor = as_tensor_variable


def _only_output(node: Apply) -> Any:
    if node.op.default_output is not None:
        return node.outputs[node.op.default_output]
    if len(node.outputs) != 1:
        raise ValueError("It is ambiguous which output of a multi-output Op has to be fetched.", node)
    return node.outputs[0]


def forget_leading_axes(x: Any, ndim: int) -> Any:
    """`x` without its first axes, so that `ndim` are left; they must be broadcastable (ValueError)."""
    dropped = x.type.ndim - ndim
    if not all(x.type.broadcastable[:dropped]):
        raise ValueError(f"TensorType could not be cast to have {ndim} dimensions", x.type)
    return x.dimshuffle(list(range(dropped, x.type.ndim)))


def check_equal_numpy(x: Any, y: Any) -> bool:
    """Are two values equal? Arrays: also in dtype and shape; random generators: in their state."""
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x.dtype == y.dtype and x.shape == y.shape and bool(np.all(abs(x - y) < 1e-10))
    if isinstance(x, np.random.RandomState) and isinstance(y, np.random.RandomState):
        return all(np.all(a == b) for a, b in zip(x.__getstate__(), y.__getstate__()))
    return bool(x == y)
