"""Arrays read backwards: recognising x[::-1] and x[i:j] in a graph.

In: a variable. Out: what it is a slice of the rows of. Nothing here changes a graph.
"""

from __future__ import annotations

from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.tensor.basic_indexing import Subtensor, get_idx_list

__all__ = ["number", "rows_of", "turned"]


def turned(array: Variable, cut: bool = False) -> Variable | None:
    """x where the array is x[::-1], or x[::-1][:n] if `cut`; else None."""
    if cut:
        array, index = rows_of(array)
        if index is None or index.start is not None or index.step is not None:
            return None
    array, index = rows_of(array)
    if index is None or index.start is not None or index.stop is not None or number(index.step) != -1:
        return None
    return array


def rows_of(array: Variable) -> tuple[Variable, slice | None]:
    """(x, slice) where the array is rows of x, else (the array, None)."""
    node = array.owner
    if node is None or not isinstance(node.op, Subtensor) or len(node.op.idx_list) != 1:
        return array, None
    index = get_idx_list(node.inputs, node.op.idx_list)[0]
    return (node.inputs[0], index) if isinstance(index, slice) else (array, None)


def number(x: Any) -> int | None:
    """An index that is known, else None."""
    if isinstance(x, Constant):
        x = x.data
    return None if x is None or isinstance(x, Variable) else int(x)
