"""The scalar ops of neural networks and entropies: sigmoid, softplus, softsign, x log x.

Their public homes are `symtensor.tensor.nnet.sigm`, `symtensor.tensor.nnet.nnet` and `symtensor.tensor.xlogx`.
"""
from __future__ import annotations

from symtensor.scalar.op import BinaryScalarOp
from symtensor.scalar.ops import op_class
from symtensor.scalar.type import operators

__all__ = [
    "ScalarSigmoid", "ScalarSoftplus", "ScalarSoftsign", "UltraFastScalarSigmoid", "XlogX", "XlogY0", "scalar_sigmoid",
    "scalar_softplus", "scalar_softsign", "scalar_xlogx", "scalar_xlogy0", "ultra_fast_scalar_sigmoid",
]

_HERE = "symtensor.scalar.activations"

ScalarSigmoid = op_class("ScalarSigmoid", "sigmoid", module=_HERE)
UltraFastScalarSigmoid = op_class("UltraFastScalarSigmoid", "ultra_fast_sigmoid", module=_HERE)
ScalarSoftplus = op_class("ScalarSoftplus", "softplus", module=_HERE)
ScalarSoftsign = op_class("ScalarSoftsign", "softsign", module=_HERE)
XlogX = op_class("XlogX", "xlogx", module=_HERE)
XlogY0 = op_class("XlogY0", "xlogy0", BinaryScalarOp, module=_HERE)

scalar_sigmoid = ScalarSigmoid()
ultra_fast_scalar_sigmoid = UltraFastScalarSigmoid()
scalar_softplus = ScalarSoftplus()
scalar_softsign = ScalarSoftsign()
scalar_xlogx = XlogX()
scalar_xlogy0 = XlogY0()

operators.update({op.row_name: op for op in (
    scalar_sigmoid, ultra_fast_scalar_sigmoid, scalar_softplus, scalar_softsign, scalar_xlogx, scalar_xlogy0,
)})
