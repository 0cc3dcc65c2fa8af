"""Zeros into which something was written: sums and products of them without the zeros, no zeros where all is written.

The gradient of x[i] is an array of zeros with one part set. A loop over `grad(y[i], x)` works with such vectors all the
way: products with them are products with one number, and dots with them one row or column. The gradient of an array
that is only read in parts (the gates of an LSTM) is a sum of such arrays: its parts are set one after the other.
"""
from __future__ import annotations

from typing import Any

from symtensor.rewrite.dispatch import Row
from symtensor.rewrite.rule import rule
from symtensor.rewrite.rules.indexing import index_of, is_zero, taken
from symtensor.rewrite.rules.support import uses
from symtensor.tensor import math as T
from symtensor.tensor.alloc import Alloc, AllocEmpty
from symtensor.tensor.index_regions import are_apart, cover_all
from symtensor.tensor.linear import Dot
from symtensor.tensor.subtensor import IncSubtensor

__all__ = ["CANONICALIZE", "SPECIALIZE"]

_LONGEST = 64  # writes after one another that are looked at together: each is compared with all others


def _written(variable: Any) -> Any:
    """The node that writes into zeros, if it computes the variable; else None."""
    node = variable.owner
    if node is None or type(node.op) is not IncSubtensor or node.op.inplace or not is_zero(node.inputs[0]):
        return None
    return node


def _element(variable: Any) -> tuple[Any, Any] | None:
    """(i, s) for a vector of zeros with s at i."""
    node = _written(variable) if variable.type.ndim == 1 else None
    if node is None:
        return None
    (entry,) = index_of(node)
    return None if isinstance(entry, slice) else (entry, node.inputs[1])


@rule(Row("mul"), tags=("nan_unsafe", "shape_unsafe"))
def product_with_one_element_set_is_taken_there(node: Any) -> Any:
    """set_subtensor(zeros[i], s) * x -> set_subtensor(zeros[i], s * x[i])."""
    out = node.outputs[0].type
    if out.ndim != 1:
        return None
    for k, v in enumerate(node.inputs):
        found = _element(v)
        if found is None or v.type != out:
            continue
        i, s = found
        factors = [taken(x, [0 if x.type.broadcastable[0] else i]) for j, x in enumerate(node.inputs) if j != k]
        product = T.mul(s, *factors)
        written = v.owner
        return IncSubtensor(written.op.idx_list, set_instead_of_inc=True)(
            written.inputs[0], T.cast(product, out.dtype), *written.inputs[2:]
        )
    return None


@rule(Dot, tags=("nan_unsafe", "shape_unsafe"))
def dot_with_one_element_set_is_one_row(node: Any) -> Any:
    """dot(set_subtensor(zeros[i], s), x) -> s * x[i]; dot(x, set_subtensor(zeros[i], s)) -> s * x[..., i]."""
    a, b = node.inputs
    out = node.outputs[0].type
    left, right = _element(a), _element(b)
    if left is not None:
        i, s = left
        result = s * taken(b, [i])
    elif right is not None:
        i, s = right
        result = s * taken(a, [*[slice(None)] * (a.type.ndim - 1), i])
    else:
        return None
    return result if result.type == out else None


@rule(Row("add"))
def sum_with_written_zeros_is_written_to(node: Any) -> Any:
    """x + inc_subtensor(zeros[i], y) -> inc_subtensor(x[i], y): no array of zeros, and what is added is only y."""
    if node.outputs[0].type.dtype == "bool":
        return None
    rest: list[Any] = []
    writes: list[Any] = []
    for v in node.inputs:
        ours = _written(v) is not None and uses(v) == 1 and v.type == node.outputs[0].type
        (writes if ours else rest).append(v)
    if len(rest) > 1:
        total = T.add(*rest)
        if total.type != node.outputs[0].type:
            return None
    elif rest:
        total = rest[0]
    elif len(writes) > 1:
        total = writes.pop(0)
    else:
        return None
    if not writes or total.type != node.outputs[0].type:
        return None
    for v in writes:
        total = IncSubtensor(v.owner.op.idx_list)(total, *v.owner.inputs[1:])
    return total


@rule(IncSubtensor, aliases=("local_incsubtensor_of_zeros_to_setsubtensor",))
def adding_to_zeros_becomes_setting(node: Any) -> Any:
    """inc_subtensor(zeros[i], y) -> set_subtensor(zeros[i], y), also where other parts of the zeros were written to."""
    if node.op.set_instead_of_inc or node.op.inplace or node.inputs[0].type.dtype == "bool":
        return None
    index = index_of(node)
    chain, base = _writes_below(node)
    if not is_zero(base) or not all(are_apart(index, index_of(link)) for link in chain):
        return None
    return IncSubtensor(node.op.idx_list, set_instead_of_inc=True)(*node.inputs)


@rule(IncSubtensor)
def allocated_memory_that_is_all_set_is_not_filled(node: Any) -> Any:
    """set_subtensor(set_subtensor(zeros(n)[:i], y)[i:], z) -> the same with memory of any contents."""
    chain, base = _writes_below(node)
    alloc = base.owner
    if alloc is None or type(alloc.op) is not Alloc:
        return None
    chain = [*chain, node]
    if any(not link.op.set_instead_of_inc or link.op.inplace for link in chain):
        return None
    if any(uses(link.outputs[0]) != 1 for link in chain[:-1]) or not cover_all([index_of(link) for link in chain]):
        return None
    written: Any = AllocEmpty(base.type.dtype)(*alloc.inputs[1:])
    if written.type != base.type:
        return None
    for link in chain:
        written = link.op(written, *link.inputs[1:])
    return written


def _writes_below(node: Any) -> tuple[list[Any], Any]:
    """The nodes that write into what `node` writes into, the first first, and what the first one writes into. Of very
    many only the last: then the first of these writes into what the others made."""
    chain: list[Any] = []
    base = node.inputs[0]
    while base.owner is not None and type(base.owner.op) is IncSubtensor and len(chain) < _LONGEST:
        chain.append(base.owner)
        base = base.owner.inputs[0]
    return chain[::-1], base


CANONICALIZE = (product_with_one_element_set_is_taken_there, dot_with_one_element_set_is_one_row)
SPECIALIZE = (
    sum_with_written_zeros_is_written_to, adding_to_zeros_becomes_setting,
    allocated_memory_that_is_all_set_is_not_filled,
)
