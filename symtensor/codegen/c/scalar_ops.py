"""The rows of the scalar table as C expressions.

In comes a row's name and the dtypes of its operands, out comes an `Operation`: a template with {0}, {1}, {2} for the
operands. What C does otherwise than NumPy (integer overflow, division, NaN in maximum, casts, complex products) is
spelled out or goes through a helper of csrc/. Refused with `UnsupportedRow`: rows and dtypes that have no C text.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

from symtensor.codegen.c.dialect import LOCAL, TAG, UNSIGNED, kind, literal

__all__ = ["Operation", "UnsupportedRow", "conversion", "operation"]


class UnsupportedRow(TypeError):
    """A row or a conversion that has no C text for the given dtypes."""


@dataclass(frozen=True)
class Operation:
    """How one operation prints.

    template  C text with {0} ...; wrapped in parentheses by the caller where it is not a primary expression
    math      the libm function that it calls and that may have a vector variant, or ""
    scalar    it calls something that has no vector variant
    repeats   operands that the template mentions more than once, or evaluates only under a condition: must be names
    primary   the template needs no parentheses
    reads     positions of the operands that the template mentions
    """

    template: str
    math: str = ""
    scalar: bool = False
    repeats: bool = False
    primary: bool = False
    reads: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", tuple(k for k in range(3) if f"{{{k}}}" in self.template))


# Vector variants of these are asked of the target.
_MATH = {"exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10",
         "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "arccos": "acos", "arcsin": "asin",
         "arctan": "atan", "cosh": "cosh",
         "sinh": "sinh", "tanh": "tanh", "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "arctan2": "atan2",
         "pow": "pow", "erf": "erf", "erfc": "erfc"}

# The compiler makes instructions of these.
_BUILTIN = {"sqrt": "sqrt", "ceil": "ceil", "floor": "floor", "trunc": "trunc", "round_half_to_even": "rint"}

# Computed in double by a function of csrc/special.h or csrc/bessel.h, or by libm.
_SPECIAL = {"erfcx": "st_erfcx", "erfinv": "st_erfinv", "erfcinv": "st_erfcinv", "gamma": "tgamma",
            "gammaln": "st_gammaln", "psi": "st_psi", "tri_gamma": "st_tri_gamma", "gammainc": "st_gammainc",
            "gammaincc": "st_gammaincc",
            "gammal": "st_gammal", "gammau": "st_gammau", "chi2sf": "st_chi2sf", "j0": "j0", "j1": "j1", "i0": "st_i0",
            "i1": "st_i1", "jv": "st_jv", "iv": "st_iv"}

_COMPLEX = {"exp": "cexp", "log": "clog", "sin": "csin", "cos": "ccos", "tan": "ctan", "arcsin": "casin",
            "arccos": "cacos", "arctan": "catan", "sinh": "csinh", "cosh": "ccosh", "tanh": "ctanh",
            "arcsinh": "casinh", "arccosh": "cacosh", "arctanh": "catanh", "sqrt": "csqrt"}

_COMPARE = {"lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "neq": "!="}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*"}
_BITWISE = {"or_": "|", "xor": "^", "and_": "&"}

# Rows whose float16 result is exact without rounding.
_EXACT = frozenset({"neg", "abs_", "maximum", "minimum", "switch", "clip", "ceil", "floor", "trunc",
                    "round_half_to_even", "round_half_away_from_zero", "sgn", "real", "conj", *_COMPARE, "isnan",
                    "isinf"})


@lru_cache(maxsize=None)
def operation(name: str, dtypes: tuple[str, ...]) -> Operation:
    """How a row prints for operands of the given dtypes; the result has the row's natural dtype."""
    dtype = dtypes[1] if name == "switch" else dtypes[0]
    found = _BY_KIND[kind(dtype)](name, dtype)
    if found is None:
        raise UnsupportedRow(f"no C text for {name} of {', '.join(dtypes)}")
    if dtype == "float16" and name not in _EXACT:
        return Operation(f"st_f16_round({found.template})", found.math, found.scalar, found.repeats, True)
    return found


def _plain(template: str) -> Operation:
    return Operation(template)


def _call(template: str, repeats: bool = False) -> Operation:
    """A helper that the compiler puts in line."""
    return Operation(template, repeats=repeats, primary=True)


def _choice(template: str) -> Operation:
    return Operation(template, repeats=True)


def _common(name: str, dtype: str) -> Operation | None:
    """Rows that look alike for all but complex numbers."""
    if name in _COMPARE:
        return _plain(f"{{0}} {_COMPARE[name]} {{1}}")
    if name == "switch":
        return _choice("{0} ? {1} : {2}")
    if name == "clip":
        return _choice("{0} < {1} ? {1} : {0} > {2} ? {2} : {0}")
    if name in ("real", "conj"):
        return Operation("{0}", primary=True)
    if name == "imag":
        return Operation(literal(0, dtype), primary=True)
    return None


def _bool(name: str, dtype: str) -> Operation | None:
    table = {"add": "{0} | {1}", "or_": "{0} | {1}", "maximum": "{0} | {1}", "mul": "{0} & {1}", "and_": "{0} & {1}",
             "minimum": "{0} & {1}", "int_div": "{0} & {1}", "xor": "{0} ^ {1}", "invert": "!{0}", "sqr": "{0}",
             "abs_": "{0}", "isnan": "0", "isinf": "0", "mod": "0"}
    return _plain(table[name]) if name in table else _common(name, dtype)


def _integer(name: str, dtype: str) -> Operation | None:
    t, u, tag, signed = LOCAL[dtype], UNSIGNED[dtype], TAG[dtype], kind(dtype) == "i"
    narrow = dtype in ("int8", "int16", "uint8", "uint16")
    if name in _ARITHMETIC:
        sign = _ARITHMETIC[name]
        if dtype in ("uint32", "uint64"):
            return _plain(f"{{0}} {sign} {{1}}")
        if narrow and not (dtype == "uint16" and name == "mul"):
            return Operation(f"({t})({{0}} {sign} {{1}})", primary=True)
        return Operation(f"({t})(({u}){{0}} {sign} ({u}){{1}})", primary=True)
    if name == "sqr":
        return Operation(f"({t})(({u}){{0}} * ({u}){{0}})", repeats=True, primary=True)
    if name in _BITWISE:
        return Operation(f"({t})({{0}} {_BITWISE[name]} {{1}})", primary=True)
    if name == "invert":
        return Operation(f"({t})({{0}} ^ -1)", primary=True)
    if name == "neg":
        return Operation(f"({t})-({u}){{0}}", primary=True)
    if name == "abs_":
        if not signed:
            return Operation("{0}", primary=True)
        return Operation(f"({t})({{0}} < 0 ? -({u}){{0}} : ({u}){{0}})", repeats=True, primary=True)
    if name == "sgn":
        text = "(({0} > 0) - ({0} < 0))" if signed else "({0} > 0)"
        return Operation(f"({t}){text}", repeats=True, primary=True)
    if name in ("maximum", "minimum"):
        return _choice("{0} > {1} ? {0} : {1}" if name == "maximum" else "{0} < {1} ? {0} : {1}")
    if name in ("int_div", "mod", "pow"):
        return _call(f"st_{name}_{tag}({{0}}, {{1}})")
    if name in ("isnan", "isinf"):
        return Operation("0", primary=True)
    return _common(name, dtype)


def _float(name: str, dtype: str) -> Operation | None:
    t, s, tag = LOCAL[dtype], "" if dtype == "float64" else "f", "f64" if dtype == "float64" else "f32"
    if name in _ARITHMETIC:
        return _plain(f"{{0}} {_ARITHMETIC[name]} {{1}}")
    if name == "true_div":
        return _plain("{0} / {1}")
    if name in _MATH:
        function = _MATH[name] + s
        arguments = "{0}, {1}" if name in ("pow", "arctan2") else "{0}"
        return Operation(f"{function}({arguments})", math=function, primary=True)
    if name in _BUILTIN:
        return Operation(f"__builtin_{_BUILTIN[name]}{s}({{0}})", primary=True)
    if name in _SPECIAL:
        two = name in ("gammainc", "gammaincc", "gammal", "gammau", "chi2sf", "jv", "iv")
        text = f"{_SPECIAL[name]}({'{0}, {1}' if two else '{0}'})"
        return Operation(text if dtype == "float64" else f"({t}){text}", scalar=True, primary=True)
    if name in ("maximum", "minimum"):
        sign = ">" if name == "maximum" else "<"
        return _choice(f"({{0}} {sign} {{1}}) | ({{0}} != {{0}}) ? {{0}} : {{1}}")
    simple = {
        "mod": Operation(f"st_mod_{tag}({{0}}, {{1}})", scalar=True, primary=True),
        "sqr": Operation("{0} * {0}", repeats=True),
        "neg": Operation("-{0}"),
        "inv": Operation(f"{literal(1, dtype)} / {{0}}"),
        "abs_": Operation(f"__builtin_fabs{s}({{0}})", primary=True),
        "sgn": Operation(f"{{0}} != {{0}} ? {{0}} : ({t})(({{0}} > 0) - ({{0}} < 0))", repeats=True),
        "isnan": Operation("{0} != {0}", repeats=True),
        "isinf": Operation(f"__builtin_fabs{s}({{0}}) == __builtin_inf{s}()"),
        "deg2rad": Operation(f"{{0}} * {literal(_single(math.pi / 180.0, dtype), dtype)}"),
        "rad2deg": Operation(f"{{0}} * {literal(_single(180.0 / math.pi, dtype), dtype)}"),
        "round_half_away_from_zero": Operation(f"st_round_{tag}({{0}})", primary=True),
        "ultra_fast_sigmoid": Operation(f"st_fast_sigmoid_{tag}({{0}})", primary=True),
        "angle": _choice(f"{{0}} != {{0}} ? {{0}} : {{0}} < 0 ? {literal(math.pi, dtype)} : {literal(0, dtype)}"),
        "complex": Operation("__builtin_complex({0}, {1})", primary=True),
    }
    return simple.get(name) or _common(name, dtype)


def _single(value: float, dtype: str) -> float:
    return value if dtype == "float64" else _nearest_single(value)


def _nearest_single(value: float) -> float:
    """The float32 nearest to a positive normal number."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(mantissa, 24)), exponent - 24)


def _complex(name: str, dtype: str) -> Operation | None:
    s, tag = ("", TAG[dtype]) if dtype == "complex128" else ("f", TAG[dtype])
    if name in ("add", "sub"):
        return _plain(f"{{0}} {_ARITHMETIC[name]} {{1}}")
    if name in _COMPLEX:
        return Operation(f"{_COMPLEX[name]}{s}({{0}})", scalar=True, primary=True)
    if name in ("mul", "true_div", "pow", "lt", "gt", "le", "ge", "maximum", "minimum"):
        return Operation(f"st_c{name}_{tag}({{0}}, {{1}})", scalar=True, primary=True)
    if name in ("expm1", "exp2", "log1p", "log2", "log10", "sgn"):
        return Operation(f"st_c{name}_{tag}({{0}})", scalar=True, primary=True)
    simple = {
        "eq": Operation("{0} == {1}"),
        "neq": Operation("{0} != {1}"),
        "sqr": Operation(f"st_cmul_{tag}({{0}}, {{0}})", scalar=True, repeats=True, primary=True),
        "inv": Operation(f"st_ctrue_div_{tag}({literal(1, dtype)}, {{0}})", scalar=True, primary=True),
        "int_div": Operation(f"st_cint_div_{tag}({{0}}, {{1}})", scalar=True, primary=True),
        "neg": Operation("-{0}"),
        "conj": Operation("~{0}"),
        "real": Operation("__real__ {0}"),
        "imag": Operation("__imag__ {0}"),
        "abs_": Operation(f"hypot{s}(__real__ {{0}}, __imag__ {{0}})", scalar=True, repeats=True, primary=True),
        "angle": Operation(f"atan2{s}(__imag__ {{0}}, __real__ {{0}})", scalar=True, repeats=True, primary=True),
        "isnan": Operation("(__real__ {0} != __real__ {0}) | (__imag__ {0} != __imag__ {0})", repeats=True),
        "isinf": Operation(f"(__builtin_fabs{s}(__real__ {{0}}) == __builtin_inf{s}()) | "
                           f"(__builtin_fabs{s}(__imag__ {{0}}) == __builtin_inf{s}())", repeats=True),
        "switch": _choice("{0} ? {1} : {2}"),
    }
    return simple.get(name)


_BY_KIND = {"b": _bool, "i": _integer, "u": _integer, "f": _float, "c": _complex}


@lru_cache(maxsize=None)
def conversion(source: str, target: str) -> Operation:
    """A value conversion as NumPy's `astype` does it. Floats outside an integer's range give what the machine's
    instruction gives there too, without undefined behaviour."""
    a, b = kind(source), kind(target)
    t = LOCAL[target]
    if source == target:
        return Operation("{0}", primary=True)
    if b == "b":
        if a == "c":
            return Operation("(__real__ {0} != 0) | (__imag__ {0} != 0)", repeats=True)
        return Operation("{0} != 0")
    if b == "c":
        part = "double" if target == "complex128" else "float"
        if a == "c":
            return Operation(f"({t}){{0}}", primary=True)
        return Operation(f"__builtin_complex(({part}){{0}}, ({part})0)", primary=True)
    if a == "c":
        raise UnsupportedRow(f"a complex value cannot be cast to {target}")
    if target == "float16":
        if source == "float64":
            return Operation("st_f16_from_f64({0})", primary=True)
        if source == "bool" or source in ("int8", "uint8"):
            return Operation("(float){0}", primary=True)
        return Operation("st_f16_round((float){0})" if source != "float32" else "st_f16_round({0})", primary=True)
    if a == "f" and b in "iu":
        return Operation(f"st_{TAG[target]}_from_{'f64' if source == 'float64' else 'f32'}({{0}})", primary=True)
    return Operation(f"({t}){{0}}", primary=True)
