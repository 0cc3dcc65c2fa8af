"""The scalar operations: one row each, the only place where an operation is described.

In comes nothing, out comes `ROWS`, by row name. A row tells what an op is called, how many operands it takes, which
dtype it gives, in which dtypes it computes, its NumPy truth, its derivative, its algebra and what it does with NaN.
Scalars, elementwise tensor ops, rewrite rules, lowering, the interpreter and the C printer all read it.

An operand is converted to the dtype that `operand_dtypes` names before the operation; the operation computes in those
dtypes, and its result is then converted to the output dtype (comparisons give bool, integer true division computes in
float64, `and_` of int8 and uint64 computes in uint64 and gives float64). Casts are not rows.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

from symtensor.scalar import arithmetic, bessel, special
from symtensor.scalar.derivatives import DERIVATIVES, Derivative
from symtensor.scalar.dtypes import (
    COMPLEX,
    DISCRETE,
    FLOAT,
    OutputRule,
    in_range_out,
    real_counterpart,
    rule_bitwise,
    rule_bool,
    rule_complex_pair,
    rule_real,
    rule_same,
    rule_same_float_only,
    rule_same_min8,
    rule_same_nobool,
    rule_second,
    rule_sgn,
    rule_switch,
    rule_true_div,
    rule_unary_bitwise,
    rule_upcast,
    rule_upcast_min8,
    rule_upcast_nobool,
    rule_upcast_nocomplex,
    rule_upgrade_to_float,
    rule_upgrade_to_float64,
    rule_upgrade_to_float_no_complex,
    upcast,
)

__all__ = ["ROWS", "ScalarRow", "evaluate"]

Operands = Callable[[tuple[str, ...], str], tuple[str, ...]]

# -- in which dtypes an op computes ------------------------------------------------------------------------------------


def _in_output(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return (output,) * len(inputs)


def _in_common(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return (upcast(*inputs),) * len(inputs)


def _as_they_are(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return inputs


def _quotient(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    # int32 / int32 rounds once, also where the result is float32.
    dtype = "float64" if all(d in DISCRETE for d in inputs) else output
    return (dtype,) * len(inputs)


def _bits(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return ("uint64" if output in FLOAT else output,) * len(inputs)


def _parts(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return (real_counterpart(output),) * len(inputs)


def _second(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return (inputs[0], output)


def _branches(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return ("bool", output, output)


def _double(inputs: tuple[str, ...], output: str) -> tuple[str, ...]:
    return tuple("complex128" if d in COMPLEX else "float64" for d in inputs)


# -- rows --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScalarRow:
    """One scalar operation.

    name          in programs and in this table
    arity         number of operands; None: two or more (one gives the operand itself)
    output        the output dtype, from the input dtypes; TypeError for what the op does not take
    operands      see `operand_dtypes`
    numpy         the truth on arrays or scalars of the operand dtypes; call it within `np.errstate(all="ignore")`
    title         how the op prints
    grad          the derivative, None if it is not defined
    identity      op(x, identity) == x, None if there is none (for and_ the number whose bits are all ones)
    absorber      op(x, absorber) == absorber for every x that is neither NaN nor infinite, None if there is none
    nan           "propagates": a NaN operand makes the result NaN; "selects": operands pass through unchanged or are
                  not looked at; "tests": the result is a truth value; "hides": some NaN operand gives a number;
                  "none": the op takes no floats
    """

    name: str
    arity: Optional[int]
    output: OutputRule
    operands: Operands
    numpy: Callable[..., Any]
    title: str
    grad: Optional[Derivative] = None
    commutative: bool = False
    associative: bool = False
    identity: Optional[int] = None
    absorber: Optional[int] = None
    nan: str = "propagates"

    def output_dtype(self, *dtypes: str) -> str:
        """The output dtype; TypeError for a wrong number of operands or dtypes that the op does not take."""
        if self.arity is not None and self.arity != len(dtypes):
            raise TypeError(f"{self.title} takes {self.arity} operands, got {len(dtypes)}")
        return self.output(*dtypes)

    def operand_dtypes(self, in_dtypes: tuple[str, ...], out_dtype: str) -> tuple[str, ...]:
        """The dtype that each operand is converted to before the operation."""
        return self.operands(tuple(in_dtypes), out_dtype)


def _rows() -> dict[str, ScalarRow]:
    rows: dict[str, ScalarRow] = {}

    def row(name: str, arity: Optional[int], output: OutputRule, operands: Operands, function: Callable[..., Any],
            title: str = "", **traits: Any) -> None:
        rows[name] = ScalarRow(name, arity, output, operands, function, title or name, DERIVATIVES.get(name), **traits)

    def both(**traits: Any) -> dict[str, Any]:
        return {"commutative": True, "associative": True, **traits}

    a = arithmetic
    row("add", None, rule_upcast, _in_output, a.add, **both(identity=0))
    row("mul", None, rule_upcast, _in_output, a.mul, **both(identity=1, absorber=0))
    row("sub", 2, rule_upcast_nobool, _in_output, np.subtract)
    row("true_div", 2, rule_true_div, _quotient, np.true_divide)
    row("int_div", 2, rule_upcast, _in_output, a.int_div)
    row("mod", 2, rule_upcast, _in_output, a.mod)
    row("pow", 2, rule_upcast_min8, _in_output, a.pow_, nan="hides")
    row("maximum", None, rule_upcast, _in_output, a.maximum, **both())
    row("minimum", None, rule_upcast, _in_output, a.minimum, **both())

    row("lt", 2, rule_bool, _in_common, np.less, "LT", nan="tests")
    row("gt", 2, rule_bool, _in_common, np.greater, "GT", nan="tests")
    row("le", 2, rule_bool, _in_common, np.less_equal, "LE", nan="tests")
    row("ge", 2, rule_bool, _in_common, np.greater_equal, "GE", nan="tests")
    row("eq", 2, rule_bool, _in_common, np.equal, "EQ", nan="tests", commutative=True)
    row("neq", 2, rule_bool, _in_common, np.not_equal, "NEQ", nan="tests", commutative=True)
    row("isnan", 1, rule_bool, _as_they_are, np.isnan, "IsNan", nan="tests")
    row("isinf", 1, rule_bool, _as_they_are, np.isinf, "IsInf", nan="tests")
    row("inopenrange", 3, in_range_out, _in_common, a.inopenrange, "InRange{openlow=True, openhi=True}", nan="tests")
    row("inclosedrange", 3, in_range_out, _in_common, a.inclosedrange, "InRange{openlow=False, openhi=False}",
        nan="tests")
    row("inrange_open_closed", 3, in_range_out, _in_common, a.inrange_open_closed,
        "InRange{openlow=True, openhi=False}", nan="tests")
    row("inrange_closed_open", 3, in_range_out, _in_common, a.inrange_closed_open,
        "InRange{openlow=False, openhi=True}", nan="tests")

    row("or_", None, rule_bitwise, _bits, a.or_, "OR", nan="none", **both(identity=0, absorber=-1))
    row("xor", None, rule_bitwise, _bits, a.xor, "XOR", nan="none", **both(identity=0))
    row("and_", None, rule_bitwise, _bits, a.and_, "AND", nan="none", **both(identity=-1, absorber=0))
    row("invert", 1, rule_unary_bitwise, _as_they_are, np.invert, "Invert", nan="none")

    row("switch", 3, rule_switch, _branches, a.switch, "Switch", nan="selects")
    row("clip", 3, rule_upcast_nocomplex, _in_output, a.clip, nan="hides")
    row("second", 2, rule_second, _second, a.second, nan="selects")
    row("identity", 1, rule_same, _in_output, a.identity, nan="selects")

    row("abs_", 1, rule_real, _as_they_are, a.abs_, "Abs")
    row("sgn", 1, rule_sgn, _in_output, np.sign)
    row("neg", 1, rule_same_nobool, _in_output, np.negative)
    row("inv", 1, rule_upgrade_to_float, _in_output, a.inv)
    row("sqr", 1, rule_same, _in_output, np.square)
    row("ceil", 1, rule_upgrade_to_float_no_complex, _in_output, np.ceil)
    row("floor", 1, rule_upgrade_to_float_no_complex, _in_output, np.floor)
    row("trunc", 1, rule_upgrade_to_float_no_complex, _in_output, np.trunc)
    row("round_half_to_even", 1, rule_same_float_only, _in_output, np.rint, "RoundHalfToEven")
    row("round_half_away_from_zero", 1, rule_same_float_only, _in_output, a.round_half_away_from_zero,
        "RoundHalfAwayFromZero")

    for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "deg2rad", "rad2deg", "cos", "sin",
                 "tan", "arccos", "arcsin", "arctan", "cosh", "sinh", "tanh", "arccosh", "arcsinh", "arctanh"):
        row(name, 1, rule_upgrade_to_float, _in_output, getattr(np, name))
    row("arctan2", 2, rule_upgrade_to_float, _in_output, np.arctan2)

    row("real", 1, rule_real, _as_they_are, np.real)
    row("imag", 1, rule_real, _as_they_are, np.imag, nan="hides")
    row("conj", 1, rule_same_min8, _in_output, np.conj)
    row("angle", 1, rule_upgrade_to_float64, _double, a.angle)
    row("complex", 2, rule_complex_pair, _parts, a.complex_)
    row("complex_from_polar", 2, rule_complex_pair, _parts, a.complex_from_polar)

    row("erf", 1, rule_upgrade_to_float, _in_output, special.erf)
    for name in ("erfc", "erfcx", "erfinv", "erfcinv"):
        row(name, 1, rule_upgrade_to_float_no_complex, _in_output, getattr(special, name))
    for name in ("gamma", "gammaln", "psi", "tri_gamma"):
        row(name, 1, rule_upgrade_to_float, _in_output, getattr(special, name))
    for name in ("gammainc", "gammaincc", "gammal", "gammau"):
        row(name, 2, rule_upgrade_to_float, _in_output, getattr(special, name))
    row("chi2sf", 2, rule_upgrade_to_float64, _double, special.chi2sf)
    for name in ("j0", "j1", "i0", "i1"):
        row(name, 1, rule_upgrade_to_float, _in_output, getattr(bessel, name))
    for name in ("jv", "iv"):
        row(name, 2, rule_upgrade_to_float, _in_output, getattr(bessel, name))

    row("sigmoid", 1, rule_upgrade_to_float, _in_output, a.sigmoid, "scalar_sigmoid")
    row("ultra_fast_sigmoid", 1, rule_upgrade_to_float, _in_output, a.ultra_fast_sigmoid, "ultra_fast_scalar_sigmoid")
    row("softplus", 1, rule_upgrade_to_float, _in_output, a.softplus, "scalar_softplus")
    row("softsign", 1, rule_upgrade_to_float, _in_output, a.softsign, "scalar_softsign")
    row("xlogx", 1, rule_upgrade_to_float, _in_output, a.xlogx, "scalar_xlogx")
    row("xlogy0", 2, rule_upgrade_to_float, _in_output, a.xlogy0, "scalar_xlogy0", nan="hides")
    return rows


ROWS: dict[str, ScalarRow] = _rows()


def evaluate(name: str, args: tuple[Any, ...], out_dtype: str) -> Any:
    """The value of a row on NumPy arrays or numbers of any dtypes: operands converted, computed, result converted.

    No floating-point warnings. Arrays broadcast as in NumPy; 0-d results come back as NumPy scalars.
    """
    row = ROWS[name]
    arrays = [np.asarray(arg) for arg in args]
    dtypes = row.operand_dtypes(tuple(str(x.dtype) for x in arrays), out_dtype)
    with np.errstate(all="ignore"):
        result = np.asarray(row.numpy(*(x.astype(d, copy=False) for x, d in zip(arrays, dtypes))))
        return result.astype(out_dtype, copy=False)[()]
