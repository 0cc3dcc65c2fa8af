"""The scalar ops of the error function, gamma and Bessel families under their public names."""
from __future__ import annotations

from symtensor.scalar.op import BinaryScalarOp, UnaryScalarOp
from symtensor.scalar.ops import exp, op_class
from symtensor.scalar.rules import upgrade_to_float, upgrade_to_float64, upgrade_to_float_no_complex
from symtensor.scalar.type import complex_types, discrete_types, float_types, operators, upcast
from symtensor.utils.optional import is_installed

__all__ = [
    "BinaryScalarOp", "Chi2SF", "Erf", "Erfc", "Erfcinv", "Erfcx", "Erfinv", "Gamma", "GammaInc", "GammaIncC",
    "GammaL", "GammaLn", "GammaU", "I0", "I1", "Iv", "J0", "J1", "Jv", "Psi", "TriGamma", "UnaryScalarOp", "chi2sf",
    "complex_types", "discrete_types", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp", "float_types", "gamma",
    "gammainc", "gammaincc", "gammal", "gammaln", "gammau", "i0", "i1", "imported_scipy_special", "iv", "j0", "j1",
    "jv", "psi", "tri_gamma", "upcast", "upgrade_to_float", "upgrade_to_float64", "upgrade_to_float_no_complex",
]

imported_scipy_special = is_installed("scipy")
"""Whether SciPy is installed; only complex arguments need it."""

_HERE = "symtensor.scalar.basic_scipy"

Erf = op_class("Erf", "erf", module=_HERE)
Erfc = op_class("Erfc", "erfc", module=_HERE)
Erfcx = op_class("Erfcx", "erfcx", module=_HERE)
Erfinv = op_class("Erfinv", "erfinv", module=_HERE)
Erfcinv = op_class("Erfcinv", "erfcinv", module=_HERE)
Gamma = op_class("Gamma", "gamma", module=_HERE)
GammaLn = op_class("GammaLn", "gammaln", module=_HERE)
Psi = op_class("Psi", "psi", module=_HERE)
TriGamma = op_class("TriGamma", "tri_gamma", module=_HERE)
Chi2SF = op_class("Chi2SF", "chi2sf", BinaryScalarOp, module=_HERE)
GammaInc = op_class("GammaInc", "gammainc", BinaryScalarOp, module=_HERE)
GammaIncC = op_class("GammaIncC", "gammaincc", BinaryScalarOp, module=_HERE)
GammaL = op_class("GammaL", "gammal", BinaryScalarOp, module=_HERE)
GammaU = op_class("GammaU", "gammau", BinaryScalarOp, module=_HERE)
Jv = op_class("Jv", "jv", BinaryScalarOp, module=_HERE)
J1 = op_class("J1", "j1", module=_HERE)
J0 = op_class("J0", "j0", module=_HERE)
Iv = op_class("Iv", "iv", BinaryScalarOp, module=_HERE)
I1 = op_class("I1", "i1", module=_HERE)
I0 = op_class("I0", "i0", module=_HERE)

erf = Erf()
erfc = Erfc()
erfcx = Erfcx()
erfinv = Erfinv()
erfcinv = Erfcinv()
gamma = Gamma()
gammaln = GammaLn()
psi = Psi()
tri_gamma = TriGamma()
chi2sf = Chi2SF()
gammainc = GammaInc()
gammaincc = GammaIncC()
gammal = GammaL()
gammau = GammaU()
jv = Jv()
j1 = J1()
j0 = J0()
iv = Iv()
i1 = I1()
i0 = I0()

operators.update({op.row_name: op for op in (
    erf, erfc, erfcx, erfinv, erfcinv, gamma, gammaln, psi, tri_gamma, chi2sf, gammainc, gammaincc, gammal, gammau,
    jv, j1, j0, iv, i1, i0,
)})
