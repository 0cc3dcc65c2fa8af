"""The type of dense arrays: a dtype and, per axis, whether its length is known to be 1.

In: a dtype and a broadcast pattern. Out: `TensorType`, which checks and converts Python values (`filter`), compares
them (`values_eq`, `values_eq_approx`) and makes variables of itself. It knows no ops: the one conversion between tensor
types that needs an op (forgetting that an axis has length 1) is filled in by `symtensor.tensor.var`, as are the classes
of its variables, constants and shared variables.

Refused: values whose conversion would lose precision, unless the caller allows it; values of another rank; a length
other than 1 along a broadcastable axis.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.config import config
from symtensor.graph.basic import Variable
from symtensor.graph.type import Type
from symtensor.utils.device_value import DeviceValue

__all__ = [
    "TensorType", "default_tolerance", "float16_atol", "float16_rtol", "float32_atol", "float32_rtol", "float64_atol",
    "float64_rtol", "tensor_type", "values_eq_approx", "values_eq_approx_always_true", "values_eq_approx_remove_inf",
    "values_eq_approx_remove_inf_nan", "values_eq_approx_remove_nan",
]

# dtype -> (Python type, C type, NumPy's type code), as `dtype_specs` reports it.
_DTYPE_SPECS: dict[str, tuple[type, str, str]] = {
    "bool": (bool, "npy_bool", "NPY_BOOL"),
    **{
        f"{sign}int{bits}": (int, f"npy_{sign}int{bits}", f"NPY_{sign.upper()}INT{bits}")
        for sign in ("", "u") for bits in (8, 16, 32, 64)
    },
    **{f"float{bits}": (float, f"npy_float{bits}", f"NPY_FLOAT{bits}") for bits in (16, 32, 64)},
    "complex64": (complex, "symtensor_complex64", "NPY_COMPLEX64"),
    "complex128": (complex, "symtensor_complex128", "NPY_COMPLEX128"),
}

_PATTERN_NAMES = {
    (): "scalar",
    (False,): "vector",
    (False, True): "col",
    (True, False): "row",
    (False, False): "matrix",
}


class TensorType(Type):
    """The type of arrays of one dtype and one broadcast pattern.

    Parameters: `dtype`, a dtype name or "floatX"; `broadcastable`, one truth value per axis (True: the length is 1);
    `name`, printed instead of the type; `sparse_grad`, whether gradients of indexing into variables of this type may be
    sparse. Two types are equal when dtype and pattern are. Raises TypeError for an unknown dtype.
    """

    context_name = "cpu"
    filter_checks_isfinite = False

    # Filled in by symtensor.tensor.var: gives a variable with the same values and a looser pattern.
    _loosen: Callable[[Any, tuple[bool, ...]], Any] | None = None

    def __init__(self, dtype: Any, broadcastable: Sequence[Any], name: str | None = None, sparse_grad: bool = False):
        self.dtype = str(dtype)
        if self.dtype == "floatX":
            self.dtype = config.floatX
        self.broadcastable = tuple(bool(b) for b in broadcastable)
        if self.dtype not in _DTYPE_SPECS:
            raise TypeError(f"Unsupported dtype for {type(self).__name__}: {self.dtype}")
        self.numpy_dtype = np.dtype(self.dtype)
        self.name = name
        self.sparse_grad = sparse_grad

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.broadcastable)

    def dtype_specs(self) -> tuple[type, str, str]:
        """The Python type, the C type and NumPy's type code of an element."""
        return _DTYPE_SPECS[self.dtype]

    def to_scalar_type(self) -> Any:
        """The scalar type of the elements."""
        return scal.get_scalar_type(dtype=self.dtype)

    def clone(self, dtype: Any = None, broadcastable: Sequence[Any] | None = None) -> TensorType:
        """A copy with another dtype or pattern."""
        return type(self)(
            self.dtype if dtype is None else dtype,
            self.broadcastable if broadcastable is None else broadcastable,
            name=self.name,
            sparse_grad=self.sparse_grad,
        )

    # -- values ------------------------------------------------------------------------------------------------------

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> np.ndarray:
        """`data` as an array of this type, itself where it already is one.

        strict          only an array of exactly this dtype, rank and pattern is taken
        allow_downcast  True: any conversion; None: no loss, except from a Python float to floatX; False: no loss

        Raises TypeError where the value does not fit; the message names the type and the value.
        """
        if isinstance(data, Variable):
            raise TypeError(
                "Expected an array-like object, but found a Variable: maybe you are trying to call a function on a "
                "(possibly shared) variable instead of a numeric array?"
            )
        if isinstance(data, DeviceValue):
            data = data.get()
        if isinstance(data, np.memmap) and data.dtype == self.numpy_dtype:
            pass  # kept as it is: copying a file into memory is the user's decision
        elif strict:
            self._check_strict(data)
        elif isinstance(data, np.ndarray):  # its own dtype counts, unlike a Python number's or list's
            data = self._convert_array(data, allow_downcast)
        else:
            data = self._convert_other(data, allow_downcast)
        return self._check_layout(data)

    def _check_strict(self, data: Any) -> None:
        if type(data) is not np.ndarray:
            raise TypeError(f"{self} expected a ndarray object.", data, type(data))
        if data.dtype != self.numpy_dtype:
            raise TypeError(f"{self} expected a ndarray object with dtype = {self.numpy_dtype} (got {data.dtype}).")

    def _convert_array(self, data: np.ndarray, allow_downcast: bool | None) -> np.ndarray:
        if type(data) is np.ndarray and data.dtype == self.numpy_dtype:
            return data
        kind = data.dtype.name
        if allow_downcast or (kind in _DTYPE_SPECS and scal.upcast(self.dtype, kind) == self.dtype):
            return np.asarray(data).astype(self.dtype, copy=False)
        raise TypeError(
            f"{self} cannot store a value of dtype {data.dtype} without risking loss of precision. If you do not mind "
            f"this loss, you can: 1) explicitly cast your data to {self.dtype}, or 2) set "
            f'"allow_input_downcast=True" when calling "function". Value: "{data!r}"'
        )

    def _convert_other(self, data: Any, allow_downcast: bool | None) -> np.ndarray:
        as_given = np.asarray(data)
        if as_given.dtype.kind not in "biufc":
            raise TypeError(f"{self} cannot store a value that is not a number.", data, type(data))
        if as_given.dtype.kind == "c" and self.numpy_dtype.kind != "c":
            raise TypeError(f"{self} cannot store a complex value.", data)
        if allow_downcast or (allow_downcast is None and type(data) is float and self.dtype == config.floatX):
            return _as_dtype(data, self.numpy_dtype)
        converted = _as_dtype(data, self.numpy_dtype)
        if not type(self).values_eq(np.asarray(as_given), converted, force_same_dtype=False):
            raise TypeError(
                f"{self} cannot store accurately value {data}, it would be represented as {converted}. If you "
                "do not mind this precision loss, you can: 1) explicitly convert your data to a numpy array of dtype "
                f'{self.dtype}, or 2) set "allow_input_downcast=True" when calling "function".',
                data,
            )
        return converted

    def _check_layout(self, data: np.ndarray) -> np.ndarray:
        if data.ndim != self.ndim:
            raise TypeError(
                f"Wrong number of dimensions: expected {self.ndim}, got {data.ndim} with shape {data.shape}."
            )
        if not data.flags.aligned:
            raise TypeError(
                "The numpy.ndarray object is not aligned. Compiled code does not support that.",
                "object shape", data.shape, "object strides", data.strides, "object dtype", data.dtype,
            )
        for length, one in zip(data.shape, self.broadcastable):
            if one and length != 1:
                raise TypeError(
                    "Non-unit value on shape on a broadcastable dimension.", data.shape, self.broadcastable
                )
        return data

    def value_validity_msg(self, a: Any) -> str:
        """Why `a` is not a value of this type, or "value is valid"."""
        try:
            self.filter(a, strict=True)
        except Exception as error:
            return str(error)
        return "value is valid"

    def value_zeros(self, shape: Any) -> np.ndarray:
        """An array of zeros of this dtype."""
        return np.zeros(shape, dtype=self.dtype)

    def get_shape_info(self, obj: np.ndarray) -> tuple[int, ...]:
        """What `get_size` needs to know of a value."""
        return obj.shape

    def get_size(self, shape_info: tuple[int, ...]) -> int:
        """Bytes taken by the elements of a value of that shape."""
        return int(np.prod(shape_info, dtype=np.int64)) * self.numpy_dtype.itemsize

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Could a write to one change the other? Always False unless both are arrays."""
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and bool(np.may_share_memory(a, b))

    @staticmethod
    def values_eq(a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Same shape, same dtype unless waived, same elements; a NaN equals a NaN at the same place."""
        if a.shape != b.shape or (force_same_dtype and a.dtype != b.dtype):
            return False
        same = np.asarray(a == b)
        if same.all():
            return True
        # a != a exactly where a is NaN.
        return bool((same | ((a != a) & (b != b))).all())

    @staticmethod
    def values_eq_approx(
        a: Any, b: Any, allow_remove_inf: bool = False, allow_remove_nan: bool = False,
        rtol: float | None = None, atol: float | None = None,
    ) -> bool:
        """See the function `values_eq_approx`."""
        return values_eq_approx(a, b, allow_remove_inf, allow_remove_nan, rtol, atol)

    # -- variables ---------------------------------------------------------------------------------------------------

    def make_variable(self, name: str | None = None) -> Any:
        """A fresh symbolic variable of this type."""
        return self.Variable(self, name=name)

    def convert_variable(self, var: Any) -> Any:
        """`var` as a variable of this type where only its pattern says more than ours does, else None."""
        if self == var.type:
            return var
        if (
            type(self) is type(var.type)
            and self.dtype == var.type.dtype
            and self.ndim == var.type.ndim
            and all(theirs or not ours for ours, theirs in zip(self.broadcastable, var.type.broadcastable))
        ):
            loosen = TensorType._loosen
            assert loosen is not None
            return loosen(var, self.broadcastable)
        return None

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """`other`, a variable or a value, as a variable of this type.

        Raises TypeError where it has another dtype or rank, or may have another length where ours is 1.
        """
        if not isinstance(other, Variable):
            other = self.Constant(type=self, data=other)
        if other.type == self:
            return other
        if allow_convert:
            converted = self.convert_variable(other)
            if converted is not None:
                return converted
        raise TypeError(
            f"Cannot convert Type {other.type} (of Variable {other}) into Type {self}. You can try to manually convert "
            f"{other} into a {self}."
        )

    # -- identity and printing -----------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and self.dtype == other.dtype
            and self.broadcastable == other.broadcastable
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((TensorType, self.dtype, self.broadcastable))

    def __str__(self) -> str:
        if self.name:
            return self.name
        pattern = self.broadcastable
        known = _PATTERN_NAMES.get(pattern)
        if known is None:
            known = str(pattern) if any(pattern) else f"{len(pattern)}D"
        return f"TensorType({self.dtype}, {known})"

    def __repr__(self) -> str:
        return str(self)


def _as_dtype(data: Any, dtype: np.dtype) -> np.ndarray:
    """`data` converted as a C cast would: NumPy 2 refuses to make an int8 of a Python integer that does not fit."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.asarray(data).astype(dtype))


@lru_cache(maxsize=4096)
def tensor_type(dtype: str, broadcastable: tuple[bool, ...]) -> TensorType:
    """The nameless type of a dtype and a pattern, made once: for the outputs of ops."""
    return TensorType(dtype, broadcastable)


# -- comparison of values ----------------------------------------------------------------------------------------------

# cmp_sloppy -> dtype -> (rtol, atol); 0 is the strict setting.
_TOLERANCES = (
    {"float16": (1e-3, 1e-3), "float32": (1e-5, 1e-5), "float64": (1e-5, 1e-8)},
    {"float16": (1e-2, 5e-3), "float32": (1e-3, 1e-4), "float64": (1e-4, 1e-3)},
    {"float16": (5e-2, 1e-2), "float32": (1e-3, 5e-4), "float64": (1e-4, 1e-3)},
)
_STRICTNESS = min(int(config.tensor.cmp_sloppy), 2)
float16_rtol, float16_atol = _TOLERANCES[_STRICTNESS]["float16"]
float32_rtol, float32_atol = _TOLERANCES[_STRICTNESS]["float32"]
float64_rtol, float64_atol = _TOLERANCES[_STRICTNESS]["float64"]
_REAL_PART = {"complex64": "float32", "complex128": "float64"}


def default_tolerance(*dtypes: Any) -> tuple[float, float]:
    """(rtol, atol) at which two arrays count as equal: those of the least precise floating dtype among theirs."""
    table = _TOLERANCES[min(int(config.tensor.cmp_sloppy), 2)]
    names = [_REAL_PART.get(str(d), str(d)) for d in dtypes]
    for name in ("float16", "float32"):
        if name in names:
            return table[name]
    return table["float64"]


def _allclose(a: np.ndarray, b: np.ndarray, rtol: float | None = None, atol: float | None = None) -> bool:
    """NumPy's allclose with the tolerance that suits the dtypes."""
    default_rtol, default_atol = default_tolerance(a.dtype, b.dtype)
    if rtol is not None:
        default_rtol = rtol
    if atol is not None:
        default_atol = atol
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, rtol=default_rtol, atol=default_atol))


def values_eq_approx(
    a: Any, b: Any, allow_remove_inf: bool = False, allow_remove_nan: bool = False,
    rtol: float | None = None, atol: float | None = None,
) -> bool:
    """Are two arrays equal up to the rounding that another order of the same operations may cause?

    Shapes and dtypes must agree; integers and booleans must be identical. NaN equals NaN and an infinity its equal,
    place by place; with `allow_remove_nan` or `allow_remove_inf` a place where either side is NaN or infinite is not
    compared at all.
    """
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.all(a == b))
    if _allclose(a, b, rtol, atol):
        return True
    nan_a, nan_b, inf_a, inf_b = np.isnan(a), np.isnan(b), np.isinf(a), np.isinf(b)
    if not allow_remove_nan and (nan_a != nan_b).any():
        return False
    if not allow_remove_inf and (inf_a != inf_b).any():
        return False
    kept = ~(nan_a | nan_b)
    if allow_remove_inf:
        kept &= ~(inf_a | inf_b)
    return _allclose(a[kept], b[kept], rtol, atol)


def values_eq_approx_remove_inf(a: Any, b: Any) -> bool:
    """`values_eq_approx`, not compared where either is infinite."""
    return values_eq_approx(a, b, True)


def values_eq_approx_remove_nan(a: Any, b: Any) -> bool:
    """`values_eq_approx`, not compared where either is NaN."""
    return values_eq_approx(a, b, False, True)


def values_eq_approx_remove_inf_nan(a: Any, b: Any) -> bool:
    """`values_eq_approx`, not compared where either is infinite or NaN."""
    return values_eq_approx(a, b, True, True)


def values_eq_approx_always_true(a: Any, b: Any) -> bool:
    """Counts any two values as equal: for outputs whose values are arbitrary."""
    return True
