"""Elementwise ops that overwrite their first argument, and a transposed view.

In: tensors whose first one has the dtype and pattern of the result. Out: that tensor's memory with the result in it.
Compiled functions decide about memory by themselves; these ops are for graphs that ask for it. Refused where the result
does not fit the first argument.
"""
from __future__ import annotations

from typing import Any

from symtensor import scalar as scal
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise

__all__ = [
    "abs__inplace", "add_inplace", "and__inplace", "arccos_inplace", "arccosh_inplace", "arcsin_inplace",
    "arcsinh_inplace", "arctan2_inplace", "arctan_inplace", "arctanh_inplace", "ceil_inplace", "chi2sf_inplace",
    "conj_inplace", "cos_inplace", "cosh_inplace", "deg2rad_inplace", "eq_inplace", "erf_inplace", "erfc_inplace",
    "erfcx_inplace", "exp2_inplace", "exp_inplace", "expm1_inplace", "fill_inplace", "floor_inplace", "gamma_inplace",
    "gammaln_inplace", "ge_inplace", "gt_inplace", "i0_inplace", "i1_inplace", "int_div_inplace", "inv_inplace",
    "invert_inplace", "iv_inplace", "j0_inplace", "j1_inplace", "jv_inplace", "le_inplace", "log10_inplace",
    "log1p_inplace", "log2_inplace", "log_inplace", "lt_inplace", "maximum_inplace", "minimum_inplace", "mod_inplace",
    "mul_inplace", "neg_inplace", "neq_inplace", "or__inplace", "pow_inplace", "psi_inplace", "rad2deg_inplace",
    "round_half_away_from_zero_inplace", "round_half_to_even_inplace", "second_inplace", "sgn_inplace", "sin_inplace",
    "sinh_inplace", "sqr_inplace", "sqrt_inplace", "sub_inplace", "tan_inplace", "tanh_inplace", "transpose_inplace",
    "tri_gamma_inplace", "true_div_inplace", "trunc_inplace", "xor_inplace",
]


def _inplace(scalar_op: Any, name: str) -> Elemwise:
    op = Elemwise(scalar_op, inplace_pattern={0: 0}, name=name + "_inplace")
    op.__doc__ = f"`{name}`, written over the first argument."
    return op


abs__inplace = _inplace(scal.abs_, "abs_")
add_inplace = _inplace(scal.add, "add")
and__inplace = _inplace(scal.and_, "and_")
arccos_inplace = _inplace(scal.arccos, "arccos")
arccosh_inplace = _inplace(scal.arccosh, "arccosh")
arcsin_inplace = _inplace(scal.arcsin, "arcsin")
arcsinh_inplace = _inplace(scal.arcsinh, "arcsinh")
arctan_inplace = _inplace(scal.arctan, "arctan")
arctan2_inplace = _inplace(scal.arctan2, "arctan2")
arctanh_inplace = _inplace(scal.arctanh, "arctanh")
ceil_inplace = _inplace(scal.ceil, "ceil")
chi2sf_inplace = _inplace(scal.chi2sf, "chi2sf")
conj_inplace = _inplace(scal.conj, "conj")
cos_inplace = _inplace(scal.cos, "cos")
cosh_inplace = _inplace(scal.cosh, "cosh")
deg2rad_inplace = _inplace(scal.deg2rad, "deg2rad")
eq_inplace = _inplace(scal.eq, "eq")
erf_inplace = _inplace(scal.erf, "erf")
erfc_inplace = _inplace(scal.erfc, "erfc")
erfcx_inplace = _inplace(scal.erfcx, "erfcx")
exp_inplace = _inplace(scal.exp, "exp")
exp2_inplace = _inplace(scal.exp2, "exp2")
expm1_inplace = _inplace(scal.expm1, "expm1")
floor_inplace = _inplace(scal.floor, "floor")
gamma_inplace = _inplace(scal.gamma, "gamma")
gammaln_inplace = _inplace(scal.gammaln, "gammaln")
ge_inplace = _inplace(scal.ge, "ge")
gt_inplace = _inplace(scal.gt, "gt")
i0_inplace = _inplace(scal.i0, "i0")
i1_inplace = _inplace(scal.i1, "i1")
int_div_inplace = _inplace(scal.int_div, "int_div")
inv_inplace = _inplace(scal.inv, "inv")
invert_inplace = _inplace(scal.invert, "invert")
iv_inplace = _inplace(scal.iv, "iv")
j0_inplace = _inplace(scal.j0, "j0")
j1_inplace = _inplace(scal.j1, "j1")
jv_inplace = _inplace(scal.jv, "jv")
le_inplace = _inplace(scal.le, "le")
log_inplace = _inplace(scal.log, "log")
log10_inplace = _inplace(scal.log10, "log10")
log1p_inplace = _inplace(scal.log1p, "log1p")
log2_inplace = _inplace(scal.log2, "log2")
lt_inplace = _inplace(scal.lt, "lt")
maximum_inplace = _inplace(scal.maximum, "maximum")
minimum_inplace = _inplace(scal.minimum, "minimum")
mod_inplace = _inplace(scal.mod, "mod")
mul_inplace = _inplace(scal.mul, "mul")
neg_inplace = _inplace(scal.neg, "neg")
neq_inplace = _inplace(scal.neq, "neq")
or__inplace = _inplace(scal.or_, "or_")
pow_inplace = _inplace(scal.pow, "pow")
psi_inplace = _inplace(scal.psi, "psi")
rad2deg_inplace = _inplace(scal.rad2deg, "rad2deg")
round_half_away_from_zero_inplace = _inplace(scal.round_half_away_from_zero, "round_half_away_from_zero")
round_half_to_even_inplace = _inplace(scal.round_half_to_even, "round_half_to_even")
second_inplace = _inplace(scal.second, "second")
sgn_inplace = _inplace(scal.sgn, "sgn")
sin_inplace = _inplace(scal.sin, "sin")
sinh_inplace = _inplace(scal.sinh, "sinh")
sqr_inplace = _inplace(scal.sqr, "sqr")
sqrt_inplace = _inplace(scal.sqrt, "sqrt")
sub_inplace = _inplace(scal.sub, "sub")
tan_inplace = _inplace(scal.tan, "tan")
tanh_inplace = _inplace(scal.tanh, "tanh")
tri_gamma_inplace = _inplace(scal.tri_gamma, "tri_gamma")
true_div_inplace = _inplace(scal.true_div, "true_div")
trunc_inplace = _inplace(scal.trunc, "trunc")
xor_inplace = _inplace(scal.xor, "xor")
fill_inplace = second_inplace


def transpose_inplace(x: Any) -> Any:
    """A matrix's transpose as a view of its memory; more or fewer axes are reversed."""
    order = range(x.type.ndim - 1, -1, -1)
    return DimShuffle(x.type.broadcastable, list(order))(x)
