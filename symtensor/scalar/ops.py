"""The scalar ops of the table under their public names: a class and an instance for each row, and the casts.

`Add` is the class, `add` the op; what they do is said in `symtensor.scalar.table`. Ops that are no plain rows: `Cast`,
`InRange` and `Second` (which has a connection pattern).
"""
from __future__ import annotations

import builtins
import warnings
from typing import Any, Optional, Sequence

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.scalar import arithmetic
from symtensor.scalar import dtypes as dt
from symtensor.scalar import rules
from symtensor.scalar.op import (
    BinaryBitOp,
    BinaryScalarOp,
    FixedLogicalComparison,
    LogicalComparison,
    ScalarOp,
    UnaryBitOp,
    UnaryScalarOp,
)
from symtensor.scalar.table import ROWS
from symtensor.scalar.type import Scalar, as_scalar, dtype_name, get_scalar_type, operators

__all__ = [
    "Abs", "abs_", "Add", "add", "AND", "and_", "Angle", "angle", "ArcCos", "arccos", "ArcCosh", "arccosh", "ArcSin",
    "arcsin", "ArcSinh", "arcsinh", "ArcTan", "arctan", "ArcTan2", "arctan2", "ArcTanh", "arctanh", "Cast", "cast",
    "Ceil", "ceil", "Clip", "clip", "Complex", "complex", "complex_from_polar", "ComplexFromPolar", "Conj", "conj",
    "convert_to_bool", "convert_to_complex128", "convert_to_complex64", "convert_to_float16", "convert_to_float32",
    "convert_to_float64", "convert_to_int16", "convert_to_int32", "convert_to_int64", "convert_to_int8",
    "convert_to_uint16", "convert_to_uint32", "convert_to_uint64", "convert_to_uint8", "Cos", "cos", "Cosh", "cosh",
    "Deg2Rad", "deg2rad", "div_proxy", "EQ", "eq", "Exp", "exp", "Exp2", "exp2", "Expm1", "expm1", "Floor", "floor",
    "floor_div", "GE", "ge", "GT", "gt", "Identity", "identity", "Imag", "imag", "inclosedrange", "inopenrange",
    "InRange", "int_div", "int_or_true_div", "IntDiv", "Inv", "inv", "Invert", "invert", "IsInf", "isinf", "IsNan",
    "isnan", "LE", "le", "Log", "log", "Log10", "log10", "Log1p", "log1p", "Log2", "log2", "LT", "lt", "Maximum",
    "maximum", "Minimum", "minimum", "Mod", "mod", "mod_check", "Mul", "mul", "Neg", "neg", "NEQ", "neq", "op_class",
    "OR", "or_", "Pow", "pow", "Rad2Deg", "rad2deg", "Real", "real", "round_half_away_from_zero",
    "round_half_away_from_zero_", "round_half_away_from_zero_vec", "round_half_to_even", "RoundHalfAwayFromZero",
    "RoundHalfToEven", "Second", "second", "Sgn", "sgn", "Sin", "sin", "Sinh", "sinh", "Sqr", "sqr", "Sqrt", "sqrt",
    "Sub", "sub", "Switch", "switch", "Tan", "tan", "Tanh", "tanh", "true_div", "TrueDiv", "Trunc", "trunc", "XOR",
    "xor",
]


def op_class(name: str, row_name: str, base: type = UnaryScalarOp, module: str = "symtensor.scalar.basic",
             **attributes: Any) -> Any:
    """The class of a row's op. It carries the row's algebra as attributes: commutative, associative, identity."""
    row = ROWS[row_name]
    algebra: dict[str, Any] = {"commutative": row.commutative, "associative": row.associative}
    if row.identity is not None:
        algebra["identity"] = row.identity
    doc = f"The class of the scalar op `{row_name}`."
    return type(name, (base,), {"__module__": module, "__doc__": doc, "row_name": row_name, **algebra, **attributes})


LT = op_class("LT", "lt", LogicalComparison)
GT = op_class("GT", "gt", LogicalComparison)
LE = op_class("LE", "le", LogicalComparison)
GE = op_class("GE", "ge", LogicalComparison)
EQ = op_class("EQ", "eq", LogicalComparison)
NEQ = op_class("NEQ", "neq", LogicalComparison)
IsNan = op_class("IsNan", "isnan", FixedLogicalComparison)
IsInf = op_class("IsInf", "isinf", FixedLogicalComparison)
Switch = op_class("Switch", "switch", ScalarOp, nin=3)
OR = op_class("OR", "or_", BinaryBitOp)
XOR = op_class("XOR", "xor", BinaryBitOp)
AND = op_class("AND", "and_", BinaryBitOp)
Invert = op_class("Invert", "invert", UnaryBitOp)
Maximum = op_class("Maximum", "maximum", BinaryScalarOp)
Minimum = op_class("Minimum", "minimum", BinaryScalarOp)
Add = op_class("Add", "add", ScalarOp)
Mul = op_class("Mul", "mul", ScalarOp)
Sub = op_class("Sub", "sub", BinaryScalarOp)
TrueDiv = op_class("TrueDiv", "true_div", BinaryScalarOp)
IntDiv = op_class("IntDiv", "int_div", BinaryScalarOp)
Mod = op_class("Mod", "mod", BinaryScalarOp)
Pow = op_class("Pow", "pow", BinaryScalarOp)
Clip = op_class("Clip", "clip", ScalarOp, nin=3)
Identity = op_class("Identity", "identity")
Abs = op_class("Abs", "abs_")
Sgn = op_class("Sgn", "sgn")
Ceil = op_class("Ceil", "ceil")
Floor = op_class("Floor", "floor")
Trunc = op_class("Trunc", "trunc")
RoundHalfToEven = op_class("RoundHalfToEven", "round_half_to_even")
RoundHalfAwayFromZero = op_class("RoundHalfAwayFromZero", "round_half_away_from_zero")
Neg = op_class("Neg", "neg")
Inv = op_class("Inv", "inv")
Log = op_class("Log", "log")
Log2 = op_class("Log2", "log2")
Log10 = op_class("Log10", "log10")
Log1p = op_class("Log1p", "log1p")
Exp = op_class("Exp", "exp")
Exp2 = op_class("Exp2", "exp2")
Expm1 = op_class("Expm1", "expm1")
Sqr = op_class("Sqr", "sqr")
Sqrt = op_class("Sqrt", "sqrt")
Deg2Rad = op_class("Deg2Rad", "deg2rad")
Rad2Deg = op_class("Rad2Deg", "rad2deg")
Cos = op_class("Cos", "cos")
ArcCos = op_class("ArcCos", "arccos")
Sin = op_class("Sin", "sin")
ArcSin = op_class("ArcSin", "arcsin")
Tan = op_class("Tan", "tan")
ArcTan = op_class("ArcTan", "arctan")
ArcTan2 = op_class("ArcTan2", "arctan2", BinaryScalarOp)
Cosh = op_class("Cosh", "cosh")
ArcCosh = op_class("ArcCosh", "arccosh")
Sinh = op_class("Sinh", "sinh")
ArcSinh = op_class("ArcSinh", "arcsinh")
Tanh = op_class("Tanh", "tanh")
ArcTanh = op_class("ArcTanh", "arctanh")
Real = op_class("Real", "real")
Imag = op_class("Imag", "imag")
Angle = op_class("Angle", "angle")
Complex = op_class("Complex", "complex", BinaryScalarOp)
Conj = op_class("Conj", "conj")
ComplexFromPolar = op_class("ComplexFromPolar", "complex_from_polar", BinaryScalarOp)


class Second(BinaryScalarOp):
    """The class of the scalar op `second`: its first input gives only a shape."""

    __module__ = "symtensor.scalar.basic"
    row_name = "second"

    def connection_pattern(self, node: Apply) -> list[list[builtins.bool]]:
        return [[False], [True]]


class InRange(ScalarOp):
    """Whether x lies between two bounds, `openlow` and `openhi` say which of them are excluded; int8."""

    __module__ = "symtensor.scalar.basic"
    nin = 3
    _ROWS = {
        (True, True): "inopenrange", (False, False): "inclosedrange",
        (True, False): "inrange_open_closed", (False, True): "inrange_closed_open",
    }

    def __init__(self, openlow: builtins.bool, openhi: builtins.bool) -> None:
        self.openlow = openlow
        self.openhi = openhi
        self.row_name = self._ROWS[builtins.bool(openlow), builtins.bool(openhi)]  # type: ignore[misc]
        ScalarOp.__init__(self)

    def __eq__(self, other: Any) -> builtins.bool:
        return type(self) is type(other) and self.row_name == other.row_name

    def __hash__(self) -> int:
        return hash((type(self), self.row_name))


class Cast(UnaryScalarOp):
    """Conversion to the dtype of `o_type`, a `Scalar` type.

    As NumPy's astype: to bool it is `!= 0`, to integers it truncates. Values that an integer dtype cannot hold wrap
    where the processor does. TypeError for complex to real.
    """

    __module__ = "symtensor.scalar.basic"

    def __init__(self, o_type: Scalar, name: Optional[str] = None) -> None:
        if not isinstance(o_type, Scalar):
            raise TypeError(o_type)
        ScalarOp.__init__(self, rules.specific_out(o_type), name=name)
        self.o_type = o_type

    def __str__(self) -> str:
        return f"{self.__class__.__name__}{{{self.o_type.dtype}}}"

    def impl(self, input: Any) -> Any:
        return self.evaluate_arrays([input], [self.o_type.dtype])[0]

    def evaluate_arrays(self, inputs: Sequence[Any], out_dtypes: Sequence[str]) -> list[Any]:
        """The converted array."""
        x = np.asarray(inputs[0])
        if x.dtype.kind == "c" and self.o_type.dtype not in dt.COMPLEX:
            raise TypeError("can't convert complex to float")
        with np.errstate(all="ignore"):
            return [x.astype(out_dtypes[0])[()]]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        (x,) = inputs
        (gz,) = output_gradients
        if isinstance(gz.type, DisconnectedType):
            return [gz]
        if self.o_type.dtype in dt.DISCRETE:
            return [x.zeros_like(dtype=config.floatX if x.dtype in dt.DISCRETE else None)]
        if gz.dtype in dt.COMPLEX and x.dtype not in dt.COMPLEX:
            gz = operators["real"](gz)
        return [gz]

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return self.L_op(inputs, [self(*inputs)], output_gradients)


# -- instances ---------------------------------------------------------------------------------------------------------

lt = LT()
gt = GT()
le = LE()
ge = GE()
eq = EQ()
neq = NEQ()
isnan = IsNan()
isinf = IsInf()
switch = Switch()
or_ = OR()
xor = XOR()
and_ = AND()
invert = Invert()
maximum = Maximum()
minimum = Minimum()
add = Add()
mul = Mul()
sub = Sub()
true_div = TrueDiv()
int_div = IntDiv()
mod = Mod()
pow = Pow()
clip = Clip()
second = Second()
identity = Identity()
abs_ = Abs()
sgn = Sgn()
ceil = Ceil()
floor = Floor()
trunc = Trunc()
round_half_to_even = RoundHalfToEven()
round_half_away_from_zero = RoundHalfAwayFromZero()
neg = Neg()
inv = Inv()
log = Log()
log2 = Log2()
log10 = Log10()
log1p = Log1p()
exp = Exp()
exp2 = Exp2()
expm1 = Expm1()
sqr = Sqr()
sqrt = Sqrt()
deg2rad = Deg2Rad()
rad2deg = Rad2Deg()
cos = Cos()
arccos = ArcCos()
sin = Sin()
arcsin = ArcSin()
tan = Tan()
arctan = ArcTan()
arctan2 = ArcTan2()
cosh = Cosh()
arccosh = ArcCosh()
sinh = Sinh()
arcsinh = ArcSinh()
tanh = Tanh()
arctanh = ArcTanh()
real = Real()
imag = Imag()
angle = Angle()
complex = Complex()
conj = Conj()
complex_from_polar = ComplexFromPolar()
inopenrange = InRange(True, True)
inclosedrange = InRange(False, False)
floor_div = int_div

convert_to_bool = Cast(get_scalar_type("bool"), name="convert_to_bool")
convert_to_int8 = Cast(get_scalar_type("int8"), name="convert_to_int8")
convert_to_int16 = Cast(get_scalar_type("int16"), name="convert_to_int16")
convert_to_int32 = Cast(get_scalar_type("int32"), name="convert_to_int32")
convert_to_int64 = Cast(get_scalar_type("int64"), name="convert_to_int64")
convert_to_uint8 = Cast(get_scalar_type("uint8"), name="convert_to_uint8")
convert_to_uint16 = Cast(get_scalar_type("uint16"), name="convert_to_uint16")
convert_to_uint32 = Cast(get_scalar_type("uint32"), name="convert_to_uint32")
convert_to_uint64 = Cast(get_scalar_type("uint64"), name="convert_to_uint64")
convert_to_float16 = Cast(get_scalar_type("float16"), name="convert_to_float16")
convert_to_float32 = Cast(get_scalar_type("float32"), name="convert_to_float32")
convert_to_float64 = Cast(get_scalar_type("float64"), name="convert_to_float64")
convert_to_complex64 = Cast(get_scalar_type("complex64"), name="convert_to_complex64")
convert_to_complex128 = Cast(get_scalar_type("complex128"), name="convert_to_complex128")

_CASTS = {op.o_type.dtype: op for op in (
    convert_to_bool, convert_to_int8, convert_to_int16, convert_to_int32, convert_to_int64, convert_to_uint8,
    convert_to_uint16, convert_to_uint32, convert_to_uint64, convert_to_float16, convert_to_float32, convert_to_float64,
    convert_to_complex64, convert_to_complex128,
)}


def cast(x: Any, dtype: Any) -> Any:
    """`x` as a scalar of a dtype ("floatX" too); `x` itself if it has that dtype.

    TypeError for complex to real, which `real`, `imag`, `angle` or `abs_` should decide.
    """
    name = dtype_name(dtype)
    scalar = as_scalar(x)
    if scalar.type.dtype == name:
        return scalar
    if scalar.type.dtype in dt.COMPLEX and name not in dt.COMPLEX:
        raise TypeError("Casting from complex to real is ambiguous: consider real(), imag(), angle() or abs()")
    return _CASTS[name](scalar)


def int_or_true_div(x_discrete: builtins.bool, y_discrete: builtins.bool) -> Any:
    """What `/` means: `true_div` unless both operands are discrete, then what `config.int_division` says.

    "int" gives `int_div` with a DeprecationWarning, "floatX" gives `true_div`, "raise" raises IntegerDivisionError.
    """
    if not (x_discrete and y_discrete):
        return true_div
    if config.int_division == "raise":
        raise dt.IntegerDivisionError(
            "With `config.int_division` set to 'raise', dividing two integer types with '/' is forbidden to avoid "
            "confusion between integer and floating point divisions. Please use // for integer division, or cast one "
            "of the arguments to a float.")
    if config.int_division == "int":
        warnings.warn("Division of two integer types with x / y is deprecated, please use x // y for an integer "
                      "division.", DeprecationWarning, stacklevel=4)
        return int_div
    return true_div


def div_proxy(x: Any, y: Any) -> Any:
    """`x / y` as Python's operator on scalar variables means it."""
    x, y = as_scalar(x), as_scalar(y)
    return int_or_true_div(x.type.dtype in dt.DISCRETE, y.type.dtype in dt.DISCRETE)(x, y)


_COMPLEX_MOD = "Theano does not support the mod operator (%) on complex numbers, since numpy deprecated it."
Mod.complex_error = dt.ComplexError(_COMPLEX_MOD)
IntDiv.complex_error = dt.ComplexError(
    "Theano does not support the integer division operator (//) on complex numbers, since numpy deprecated it.")


def mod_check(x: Any, y: Any) -> Any:
    """`x % y` as Python's operator on scalar variables means it; ComplexError for complex operands."""
    x, y = as_scalar(x), as_scalar(y)
    if x.type.dtype in dt.COMPLEX or y.type.dtype in dt.COMPLEX:
        raise dt.ComplexError(_COMPLEX_MOD)
    return mod(x, y)


def round_half_away_from_zero_(a: Any) -> Any:
    """A number rounded to the nearest integer, halves away from zero."""
    return arithmetic.round_half_away_from_zero(np.asarray(a, dtype=np.result_type(a, np.float16)))[()]


round_half_away_from_zero_vec = round_half_away_from_zero_

operators.update({op.row_name: op for op in (
    lt, gt, le, ge, eq, neq, isnan, isinf, switch, or_, xor, and_, invert, maximum, minimum, add, mul, sub,
    true_div, int_div, mod, pow, clip, second, identity, abs_, sgn, ceil, floor, trunc, round_half_to_even,
    round_half_away_from_zero, neg, inv, log, log2, log10, log1p, exp, exp2, expm1, sqr, sqrt, deg2rad, rad2deg,
    cos, arccos, sin, arcsin, tan, arctan, arctan2, cosh, arccosh, sinh, arcsinh, tanh, arctanh, real, imag, angle,
    complex, conj, complex_from_polar,
)})
operators.update(cast=cast, div_proxy=div_proxy, mod_check=mod_check)
