"""`Scalar` types, their variables and constants, and how Python numbers become scalar constants.

A scalar variable stands for one number of a dtype. Elementwise tensor ops describe their element's arithmetic with
scalars; shapes and indices use int64 ones. Python numbers in an expression become constants of the smallest dtype that
`autocast_int` and `autocast_float` allow (`config.cast_policy`, `config.floatX`).
"""
from __future__ import annotations

import builtins
from functools import lru_cache
from typing import Any, Callable, Iterator, Optional, Sequence

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.type import Type
from symtensor.scalar import dtypes as dt

__all__ = [
    "AUTOCAST", "NumpyAutocaster", "Scalar", "ScalarConstant", "ScalarVariable", "all_types", "as_common_dtype",
    "as_scalar", "autocast_float", "autocast_float_as", "autocast_int", "bool", "complex128", "complex64",
    "complex_types", "complexs", "complexs128", "complexs64", "constant", "continuous_types", "convert",
    "discrete_types", "dtype_name", "float16", "float32", "float64", "float_types", "floats", "from_variable",
    "get_scalar_type", "int16", "int32", "int64", "int8", "int_types", "integer_types", "ints", "operators",
    "uint16", "uint32", "uint64", "uint8", "uint_types", "upcast",
]

upcast = dt.upcast


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a name, NumPy dtype or type; "floatX" means `config.floatX`."""
    if isinstance(dtype, str):
        if dtype == "floatX":
            return config.floatX
        if dtype in dt.ALL:
            return dtype
    return str(np.dtype(dtype))


class Scalar(Type):
    """The type of a single number of a dtype. TypeError for a dtype that is not one of the fourteen supported ones.

    Values are NumPy scalars of that dtype. Types of the same dtype are equal.
    """

    __module__ = "symtensor.scalar.basic"
    __props__ = ("dtype",)
    ndim = 0

    def __init__(self, dtype: str) -> None:
        if dtype == "floatX":
            dtype = config.floatX
        if dtype not in dt.ALL:
            raise TypeError(f"Unsupported dtype for {self.__class__.__name__}: {dtype}")
        self.dtype = str(dtype)
        self._class = np.dtype(self.dtype).type

    def dtype_specs(self) -> tuple[type, str, str]:
        """(NumPy's class, the C type, the suffix of NumPy's C names) of the dtype."""
        name = self.dtype
        c_type = f"symtensor_{name}" if name in dt.COMPLEX else f"npy_{name}"
        suffix = name[:2].upper() + name[2:] if name.startswith("u") else name.capitalize()
        return self._class, c_type, suffix

    def filter(self, data: Any, strict: builtins.bool = False, allow_downcast: Optional[builtins.bool] = None) -> Any:
        """`data` as a NumPy scalar of this dtype.

        TypeError if that would change the value, unless `allow_downcast` is true, or it is None and `data` is a Python
        float and the dtype is `config.floatX`. With `strict` only a NumPy scalar of exactly this dtype is accepted.
        """
        if strict:
            if isinstance(data, self._class):
                return data
            raise TypeError(f"{self} expected a {self._class}, got {data} of type {type(data)}", data)
        if type(data) is self._class:
            return data
        try:
            array = np.asarray(data)
            if array.ndim != 0:
                raise TypeError(f"expected a single number, got an array of shape {array.shape}")
            if array.dtype.kind == "c" and self.dtype not in dt.COMPLEX:
                raise TypeError("a complex number is no real number")
            with np.errstate(all="ignore"):
                converted = array.astype(self.dtype)[()]
                if allow_downcast or self._keeps(data, converted, allow_downcast):
                    return converted
            raise TypeError(
                f"Value cannot accurately be converted to dtype ({self.dtype}) and allow_downcast is not True")
        except Exception as error:
            raise TypeError(f"Could not convert {type(data)} (value={data}) to {self.dtype}", error) from error

    def _keeps(self, data: Any, converted: Any, allow_downcast: Optional[builtins.bool]) -> builtins.bool:
        if allow_downcast is None and type(data) is float and self.dtype == config.floatX:
            return True
        original = np.asarray(data)
        same = builtins.bool(np.all(original == converted))
        # NaN differs from itself, and is a NaN in every float dtype.
        return same or (original.dtype.kind in "fc" and self.dtype in dt.CONTINUOUS
                        and builtins.bool(np.isnan(original)) and builtins.bool(np.isnan(converted)))

    def values_eq(self, a: Any, b: Any) -> builtins.bool:
        """Whether both are the same number; NaN equals NaN."""
        return builtins.bool(a == b) or builtins.bool(a != a and b != b)

    def values_eq_approx(self, a: Any, b: Any, tolerance: float = 1e-4) -> builtins.bool:
        """Whether the numbers agree within a relative `tolerance`."""
        if self.values_eq(a, b):
            return True
        # The quotient, as for tensors of different magnitudes; 0 agrees with 0 only.
        return b != 0 and builtins.bool(abs(1 - a / b) < tolerance)

    def make_variable(self, name: Optional[str] = None) -> Any:
        """A free variable of this type."""
        return ScalarVariable(self, name=name)

    def upcast(self, *others: Any) -> str:
        """The name of the dtype that this type and `others` promote to."""
        return upcast(self.dtype, *[other.dtype for other in others])

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> builtins.bool:
        """Numbers never do."""
        return False

    def get_shape_info(self, obj: Any) -> int:
        """The number of bytes of a value."""
        return obj.itemsize

    def get_size(self, shape_info: int) -> int:
        """The number of bytes of what `get_shape_info` returned."""
        return shape_info

    def __str__(self) -> str:
        return str(self.dtype)

    def __repr__(self) -> str:
        return f"Scalar({self.dtype})"


@lru_cache(maxsize=None)
def _scalar_type(dtype: str) -> Scalar:
    return Scalar(dtype)


def get_scalar_type(dtype: Any) -> Scalar:
    """The one `Scalar` type of a dtype."""
    return _scalar_type(dtype_name(dtype))


# -- variables ---------------------------------------------------------------------------------------------------------

operators: dict[str, Callable[..., Any]] = {}
"""The ops behind Python's operators, by row name; filled by `symtensor.scalar.ops`."""


class _scalar_py_operators:
    """What scalar variables and constants can do with Python's operators."""

    ndim = 0

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return self.type.dtype

    def __abs__(self) -> Any:
        return operators["abs_"](self)

    def __neg__(self) -> Any:
        return operators["neg"](self)

    def __invert__(self) -> Any:
        return operators["invert"](self)

    # eq and neq have no operator: variables are hashed and compared by identity.

    def __lt__(self, other: Any) -> Any:
        return operators["lt"](self, other)

    def __le__(self, other: Any) -> Any:
        return operators["le"](self, other)

    def __gt__(self, other: Any) -> Any:
        return operators["gt"](self, other)

    def __ge__(self, other: Any) -> Any:
        return operators["ge"](self, other)

    def __and__(self, other: Any) -> Any:
        return operators["and_"](self, other)

    def __or__(self, other: Any) -> Any:
        return operators["or_"](self, other)

    def __xor__(self, other: Any) -> Any:
        return operators["xor"](self, other)

    def __add__(self, other: Any) -> Any:
        return operators["add"](self, other)

    def __sub__(self, other: Any) -> Any:
        return operators["sub"](self, other)

    def __mul__(self, other: Any) -> Any:
        return operators["mul"](self, other)

    def __div__(self, other: Any) -> Any:
        return operators["div_proxy"](self, other)

    def __truediv__(self, other: Any) -> Any:
        return operators["div_proxy"](self, other)

    def __floordiv__(self, other: Any) -> Any:
        return operators["int_div"](self, other)

    def __mod__(self, other: Any) -> Any:
        return operators["mod_check"](self, other)

    def __pow__(self, other: Any) -> Any:
        return operators["pow"](self, other)

    def __radd__(self, other: Any) -> Any:
        return operators["add"](other, self)

    def __rsub__(self, other: Any) -> Any:
        return operators["sub"](other, self)

    def __rmul__(self, other: Any) -> Any:
        return operators["mul"](other, self)

    def __rdiv__(self, other: Any) -> Any:
        return operators["div_proxy"](other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return operators["div_proxy"](other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return operators["int_div"](other, self)

    def __rmod__(self, other: Any) -> Any:
        return operators["mod_check"](other, self)

    def __rpow__(self, other: Any) -> Any:
        return operators["pow"](other, self)

    def __rand__(self, other: Any) -> Any:
        return operators["and_"](other, self)

    def __ror__(self, other: Any) -> Any:
        return operators["or_"](other, self)

    def __rxor__(self, other: Any) -> Any:
        return operators["xor"](other, self)

    def astype(self, dtype: Any) -> Any:
        """The value converted to a dtype."""
        return operators["cast"](self, dtype)

    def zeros_like(self, dtype: Optional[str] = None) -> Any:
        """0 of this dtype, or of `dtype`, as `second(self, 0)`."""
        return operators["second"](self, _literal(0, self.dtype if dtype is None else dtype))

    def ones_like(self, dtype: Optional[str] = None) -> Any:
        """1 of this dtype, or of `dtype`, as `second(self, 1)`."""
        return operators["second"](self, _literal(1, self.dtype if dtype is None else dtype))


class ScalarVariable(_scalar_py_operators, Variable):
    """A number to be."""

    __module__ = "symtensor.scalar.basic"


class ScalarConstant(_scalar_py_operators, Constant):
    """A known number: `data` is a NumPy scalar."""

    __module__ = "symtensor.scalar.basic"

    def signature(self) -> Any:
        """(type, bytes): NaN equals NaN, and 0.0 differs from -0.0."""
        return self.type, self.data.tobytes()

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        return f"Constant{{{self.data}}}"


Scalar.Variable = ScalarVariable
Scalar.Constant = ScalarConstant


def _literal(value: Any, dtype: Any) -> ScalarConstant:
    kind = get_scalar_type(dtype)
    return ScalarConstant(kind, kind.filter(value, allow_downcast=True))


# -- types by name -----------------------------------------------------------------------------------------------------

bool = get_scalar_type("bool")
int8 = get_scalar_type("int8")
int16 = get_scalar_type("int16")
int32 = get_scalar_type("int32")
int64 = get_scalar_type("int64")
uint8 = get_scalar_type("uint8")
uint16 = get_scalar_type("uint16")
uint32 = get_scalar_type("uint32")
uint64 = get_scalar_type("uint64")
float16 = get_scalar_type("float16")
float32 = get_scalar_type("float32")
float64 = get_scalar_type("float64")
complex64 = get_scalar_type("complex64")
complex128 = get_scalar_type("complex128")

int_types = (int8, int16, int32, int64)
uint_types = (uint8, uint16, uint32, uint64)
float_types = (float16, float32, float64)
complex_types = (complex64, complex128)
integer_types = int_types + uint_types
discrete_types = (bool,) + integer_types
continuous_types = float_types + complex_types
all_types = discrete_types + continuous_types


def _several(kind: Scalar) -> Callable[..., Any]:
    def make(names: Any) -> Any:
        """Variables of this dtype: one for each letter of a string, or each name of a list."""
        made = [kind(name) for name in names]
        return made[0] if len(made) == 1 else made

    return make


ints = _several(int64)
floats = _several(float64)
complexs = _several(complex128)
complexs64 = _several(complex64)
complexs128 = _several(complex128)


# -- numbers as constants ----------------------------------------------------------------------------------------------


class NumpyAutocaster:
    """Turns a Python number into a 0-d NumPy array of the smallest of `dtypes` that holds it.

    `dtypes` go from small to large. See `symtensor.scalar.dtypes.autocast_float_dtype` for what `config.floatX` and
    `config.cast_policy` change. What has a dtype already keeps it.
    """

    __module__ = "symtensor.scalar.basic"

    def __init__(self, dtypes: Sequence[str]) -> None:
        self.dtypes = tuple(dtypes)

    def __call__(self, x: Any) -> np.ndarray:
        if isinstance(x, (np.ndarray, np.generic)):
            return np.asarray(x)
        discrete = all(d in dt.INTEGER for d in self.dtypes)
        choose = dt.autocast_int_dtype if discrete else dt.autocast_float_dtype
        with np.errstate(over="ignore"):
            return np.asarray(x, dtype=choose(x, self.dtypes))


autocast_int = NumpyAutocaster(dt.AUTOCAST_INT)
autocast_float = NumpyAutocaster(dt.AUTOCAST_FLOAT)
AUTOCAST = (autocast_int, autocast_float)


class autocast_float_as:
    """A context in which Python floats become one of the given dtypes.

        with autocast_float_as("float32"):
            assert (fvector() + 1.1).dtype == "float32"
    """

    __module__ = "symtensor.scalar.basic"

    def __init__(self, *dtypes: str) -> None:
        self.dtypes = dtypes
        assert config.cast_policy == "custom", "autocast_float_as needs cast_policy=custom"

    def __enter__(self) -> None:
        self.old_dtypes = autocast_float.dtypes
        autocast_float.dtypes = self.dtypes

    def __exit__(self, *args: Any) -> None:
        autocast_float.dtypes = self.old_dtypes


def convert(x: Any, dtype: Optional[str] = None) -> np.ndarray:
    """`x` as an array: of `dtype` if given, else Python numbers in the autocast dtype, all else as it is.

    Raises TypeError for anything that is no number.
    """
    if dtype is not None:
        return np.asarray(x).astype(dtype_name(dtype))
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)
    if isinstance(x, (builtins.bool, int)):
        return autocast_int(x)
    if isinstance(x, float):
        return autocast_float(x)
    result = np.asarray(x)
    if result.dtype.kind not in "biufc":
        raise TypeError(f"Unsupported dtype for Scalar: {result.dtype}")
    return result


def constant(x: Any, name: Optional[str] = None, dtype: Optional[str] = None) -> ScalarConstant:
    """A scalar constant holding the number `x`, of `dtype` or the dtype that `convert` chooses.

    Raises TypeError for anything that is not one number.
    """
    data = convert(x, dtype)
    if data.ndim != 0:
        raise TypeError(f"a scalar constant needs a single number, got an array of shape {data.shape}")
    kind = get_scalar_type(data.dtype)
    return ScalarConstant(kind, data[()], name=name)


from_variable: list[Callable[[Any], Any]] = []
"""Functions that turn a variable of another type into a scalar variable or return None; filled by higher layers."""


def as_scalar(x: Any, name: Optional[str] = None) -> Any:
    """`x` as a scalar variable: a node's only output, a scalar variable itself, a 0-d tensor, or a number.

    Raises ValueError for a node with several outputs and TypeError for what is no scalar.
    """
    if isinstance(x, Apply):
        if len(x.outputs) != 1:
            raise ValueError("It is ambiguous which output of a multi-output Op has to be fetched.", x)
        x = x.outputs[0]
    if isinstance(x, Variable):
        if isinstance(x.type, Scalar):
            return x
        for converter in from_variable:
            found = converter(x)
            if found is not None:
                return found
        raise TypeError("Variable type field must be a Scalar.", x, x.type)
    try:
        return constant(x, name=name)
    except TypeError:
        raise TypeError(f"Cannot convert {x} to Scalar", type(x)) from None


def as_common_dtype(*vars: Any) -> Iterator[Any]:
    """The variables as scalars of the dtype that they promote to."""
    scalars = [as_scalar(v) for v in vars]
    common = upcast(*[v.type.dtype for v in scalars])
    return (v.astype(common) for v in scalars)
