"""Views with other axes: fewer of them."""
from __future__ import annotations

from typing import Any

from symtensor.rewrite.rule import rule
from symtensor.tensor.elemwise import DimShuffle

__all__ = ["CANONICALIZE"]


@rule(DimShuffle, tags=("fast_compile",), aliases=("local_dimshuffle_lift",))
def dimshuffle_of_dimshuffle_becomes_one(node: Any) -> Any:
    """Two in a row become one, and one that changes nothing disappears."""
    (x,), order, pattern = node.inputs, list(node.op.new_order), node.op.input_broadcastable
    while x.owner is not None and type(x.owner.op) is DimShuffle:
        inner = x.owner.op
        order = [axis if axis == "x" else inner.new_order[axis] for axis in order]
        x, pattern = x.owner.inputs[0], inner.input_broadcastable
    if order == list(range(len(pattern))):
        return x
    if x is node.inputs[0]:
        return None
    return DimShuffle(pattern, order)(x)


CANONICALIZE = (dimshuffle_of_dimshuffle_becomes_one,)
