"""Variables of tensor types: `TensorVariable`, `TensorConstant`, and how constants are compared.

In: a type, and a value or whoever applies an op. Out: variables with the operators of `symtensor.tensor.operators`.
This is the top of the tensor package: loading it completes what the modules below leave open (`TensorType.Variable`).
"""
from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Constant, Variable
from symtensor.graph.hooks import hooks
from symtensor.scalar.basic import ComplexError, IntegerDivisionError
from symtensor.tensor import joining, shape_ops
from symtensor.tensor.constant import AsTensorError, as_tensor_variable, constant, join_variables
from symtensor.tensor.operators import _tensor_py_operators
from symtensor.tensor.type import TensorType
from symtensor.tensor.utils import hash_from_ndarray

__all__ = [
    "AsTensorError", "ComplexError", "IntegerDivisionError", "TensorConstant", "TensorConstantSignature",
    "TensorVariable", "equal_slices",
]


def equal_slices(s1: slice, s2: slice) -> bool:
    """Have two slices the same parts?"""
    return (s1.start, s1.stop, s1.step) == (s2.start, s2.stop, s2.step)


class TensorVariable(_tensor_py_operators, Variable):
    """A symbolic array.

    Making a float64 one is announced as `config.warn_float64` says ("warn", "raise", "pdb"): a program meant for
    float32 has made it by mistake.
    """

    def __init__(self, type: Any, owner: Any = None, index: int | None = None, name: str | None = None):
        super().__init__(type, owner=owner, index=index, name=name)
        if type.dtype == "float64" and config.warn_float64 != "ignore":
            _announce_float64(config.warn_float64)


def _announce_float64(action: str) -> None:
    message = (
        "You are creating a TensorVariable with float64 dtype. You requested an action via the flag "
        "warn_float64={ignore,warn,raise,pdb}."
    )
    if action == "warn":
        warnings.warn(message, stacklevel=3)
    elif action == "raise":
        raise Exception(message)
    elif action == "pdb":
        breakpoint()


class TensorConstantSignature(tuple):
    """(type, data) of a constant, compared by content: same dtype, pattern, shape and bytes.

    A NaN equals the same NaN, and 0.0 differs from -0.0: constants are merged only where no program can tell.
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        (t0, d0), (t1, d1) = self, other  # type: ignore[misc]
        return (
            t0 == t1 and d0.shape == d1.shape and d0.dtype == d1.dtype
            and (d0 is d1 or np.array_equal(_bytes(d0), _bytes(d1)))
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        kind, data = self
        # A large array is told apart by its ends and its shape; equality reads all of it.
        ends = np.concatenate([data.flat[:32], data.flat[-32:]])
        return hash((TensorConstantSignature, kind, data.shape, ends.tobytes()))

    def theano_hash(self) -> str:
        """A name for the content, the same in every process."""
        return hash_from_ndarray(self[1])

    symtensor_hash = theano_hash

    @property
    def sum(self) -> Any:
        """The sum of the elements that are numbers."""
        return self.no_nan.sum()

    @property
    def no_nan(self) -> Any:
        """The data with NaN masked."""
        data = self[1]
        if data.dtype.kind in "fc" and np.isnan(data).any():
            return np.ma.masked_array(data, np.isnan(data))
        return data


def _bytes(data: np.ndarray) -> np.ndarray:
    """The bytes of an array in C order, without a copy where they are so already."""
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8)


_NOT_ASKED_YET = object()


class TensorConstant(_tensor_py_operators, Constant):
    """An array that is known when the graph is built."""

    _unique_value: Any = _NOT_ASKED_YET

    def __init__(self, type: Any, data: Any, name: str | None = None):
        Constant.__init__(self, type, data, name)

    @property
    def unique_value(self) -> Any:
        """The number that all elements are, or None; found out at the first question."""
        if self._unique_value is _NOT_ASKED_YET:
            self._unique_value = _only_value(self.data)
        return self._unique_value

    def __str__(self) -> str:
        unique = self.unique_value
        if unique is None:
            shown = str(self.data)
        else:
            shown = "%s of %s" % (self.data.shape, unique) if self.data.ndim else str(unique)
        if len(shown) > 20:
            shown = shown[:10] + ".." + shown[-10:]
        return "TensorConstant{%s}" % shown

    def signature(self) -> TensorConstantSignature:
        return TensorConstantSignature((self.type, self.data))

    def equals(self, other: Any) -> bool:
        """Is `other` (a constant, or an array or number to compare with) the same value?"""
        if isinstance(other, (np.ndarray, int, float)):
            other = constant(other)
        return isinstance(other, TensorConstant) and self.signature() == other.signature()

    def __copy__(self) -> TensorConstant:
        return type(self)(self.type, self.data, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> TensorConstant:
        return type(self)(copy.deepcopy(self.type, memo), copy.deepcopy(self.data, memo), self.name)


def _only_value(data: np.ndarray) -> Any:
    """The number that all elements are, bit by bit (zeros of both signs are not the same), or None."""
    if not data.size:
        return None
    first = data.flat[0]
    if data.flat[-1] != first or not (data == first).all():  # this also sorts out NaN
        return None
    if first == 0 and data.dtype.kind in "fc" and not np.array_equal(_bytes(data), _bytes(np.full_like(data, first))):
        return None
    return first


TensorType.Variable = TensorVariable
TensorType.Constant = TensorConstant
TensorType._loosen = staticmethod(shape_ops.patternbroadcast)
join_variables.append(joining.stack)
hooks.as_variable = as_tensor_variable
