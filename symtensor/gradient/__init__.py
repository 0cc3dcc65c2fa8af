"""Symbolic gradients: `grad`, `Lop`, `Rop`, what ops use to say "no gradient here", and `verify_grad`.

    reverse       grad: from a scalar cost backwards
    terms         what one node contributes, checked
    directional   Rop, Lop, subgraph_grad
    barriers      identities that stop, clip or scale gradients
    errors        what asking for gradients that do not exist raises
    numeric       comparison with finite differences
"""
from __future__ import annotations

import importlib
from typing import Any

from symtensor.gradient.barriers import (
    ConsiderConstant,
    DisconnectedGrad,
    GradClip,
    GradScale,
    UndefinedGrad,
    ViewOp,
    ZeroGrad,
    consider_constant,
    consider_constant_,
    disconnected_grad,
    disconnected_grad_,
    grad_clip,
    grad_scale,
    undefined_grad,
    undefined_grad_,
    zero_grad,
    zero_grad_,
)
from symtensor.gradient.directional import Lop, Rop, format_as, subgraph_grad
from symtensor.gradient.errors import DisconnectedInputError, NullTypeGradError
from symtensor.gradient.numeric import GradientError, numeric_grad, verify_grad
from symtensor.gradient.reverse import grad, seconds_in_grad
from symtensor.graph.null_type import DisconnectedType, NullType, disconnected_type, null_type
from symtensor.tensor.undefined import grad_not_implemented, grad_undefined

__all__ = [
    "ConsiderConstant", "DisconnectedGrad", "DisconnectedInputError", "DisconnectedType", "GradClip", "GradScale",
    "GradientError", "Lop", "NullType", "NullTypeGradError", "Rop", "UndefinedGrad", "ViewOp", "ZeroGrad",
    "consider_constant", "consider_constant_", "disconnected_grad", "disconnected_grad_", "disconnected_type",
    "format_as", "grad", "grad_clip", "grad_not_implemented", "grad_scale", "grad_undefined", "null_type",
    "numeric_grad", "subgraph_grad", "undefined_grad", "undefined_grad_", "verify_grad", "zero_grad", "zero_grad_",
]

# Programs see these classes under the path they have in the documentation, whichever file holds them.
for _public in (
    ConsiderConstant, DisconnectedGrad, DisconnectedInputError, GradClip, GradScale, GradientError, NullTypeGradError,
    UndefinedGrad, ZeroGrad, numeric_grad,
):
    _public.__module__ = __name__


# Names of a layer above this one, by the module that has them.
_LATER = {"hessian": "symtensor.scan_module.jacobian", "jacobian": "symtensor.scan_module.jacobian"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name == "grad_time":  # a number that grows: seconds spent in `grad` so far
        return seconds_in_grad()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
