"""Between positions in a flattened array and index tuples.

In: integers, and the array's shape. Out: int64 tensors. Refused: positions that are not integers, unknown numbers of
axes, unknown orders and modes.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import INTEGER
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.static_value import get_vector_length
from symtensor.tensor.type import tensor_type
from symtensor.tensor.undefined import grad_undefined

__all__ = ["RavelMultiIndex", "UnravelIndex", "ravel_multi_index", "unravel_index"]


def _integers(x: Any) -> Any:
    x = as_tensor_variable(x)
    if x.type.dtype not in INTEGER:
        raise TypeError(f"'{x.type.dtype}' object cannot be interpreted as an index")
    return x


def _shape_vector(dims: Any) -> Any:
    dims = _integers(dims)
    if dims.type.ndim != 1:
        raise TypeError("dims must be a 1D array")
    return dims


class UnravelIndex(Op):
    """Positions in a flattened array of shape `dims` as `ndim` indices; "C" or "F" order. ValueError out of bounds."""

    __props__ = ("ndim", "order")
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, ndim: int, order: str = "C"):
        if order not in ("C", "F"):
            raise ValueError(f"order must be 'C' or 'F', not {order!r}")
        self.ndim = ndim
        self.order = order

    def make_node(self, indices: Any, dims: Any) -> Apply:
        indices, dims = _integers(indices), _shape_vector(dims)
        pattern = indices.type.broadcastable
        return Apply(self, [indices, dims], [tensor_type("int64", pattern)() for _ in range(self.ndim)])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        indices, dims = inputs
        order: Any = self.order
        found = np.unravel_index(indices, tuple(int(n) for n in dims), order=order)
        if len(found) != self.ndim:
            raise ValueError(f"dims has {len(found)} elements, but {self.ndim} indices were announced")
        for storage, value in zip(output_storage, found):
            storage[0] = np.array(value, dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]] * self.ndim

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, position, x) for position, x in enumerate(inputs)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None] * self.ndim


def unravel_index(indices: Any, dims: Any, order: str = "C", ndim: int | None = None) -> Any:
    """A tuple of index tensors for positions in a flattened array of shape `dims`.

    `ndim`: the length of `dims`, where it is not known from `dims` (ValueError if it is needed and not given).
    """
    if ndim is None:
        try:
            ndim = get_vector_length(dims)
        except ValueError:
            raise ValueError(
                f"The length of the provided dimension list ({dims}) cannot be automatically determined, so the number "
                "of dimensions of the unraveled index is not known. You can provide the 'ndim' keyword argument to "
                "'unravel_index' to avoid this problem."
            ) from None
    found = UnravelIndex(ndim=ndim, order=order)(indices, dims, return_list=True)
    return tuple(found)


class RavelMultiIndex(Op):
    """Index tuples as positions in the flattened array of shape `dims`, the last input; the others are the indices.

    `mode` for indices out of bounds: "raise" (ValueError), "wrap" or "clip"; `order`: "C" or "F".
    """

    __props__ = ("mode", "order")
    __module__ = "symtensor.tensor.extra_ops"

    def __init__(self, mode: str = "raise", order: str = "C"):
        if mode not in ("raise", "wrap", "clip"):
            raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
        if order not in ("C", "F"):
            raise ValueError(f"order must be 'C' or 'F', not {order!r}")
        self.mode = mode
        self.order = order

    def make_node(self, *inputs: Any) -> Apply:
        *indices, dims = inputs
        indices, dims = [_integers(x) for x in indices], _shape_vector(dims)
        ndim = max((x.type.ndim for x in indices), default=0)
        # Indices broadcast like elementwise operands.
        indices = [as_tensor_variable(x, ndim=ndim) for x in indices]
        pattern = tuple(all(flags) for flags in zip(*(x.type.broadcastable for x in indices)))
        return Apply(self, [*indices, dims], [tensor_type("int64", pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        *indices, dims = inputs
        shape = tuple(int(n) for n in dims)
        found = np.ravel_multi_index(tuple(indices), shape, mode=self.mode, order=self.order)  # type: ignore[call-overload]
        output_storage[0][0] = np.asarray(found, dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        result = []
        for axis, one in enumerate(node.outputs[0].type.broadcastable):
            lengths = [s[axis] for s, x in zip(shapes, node.inputs[:-1]) if not x.type.broadcastable[axis]]
            result.append(constant(1, dtype="int64") if one else lengths[0])
        return [tuple(result)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, position, x) for position, x in enumerate(inputs)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> Any:
    """Positions in the flattened array of shape `dims` of the index tensors in the tuple or list `multi_index`.

    Raises TypeError where `multi_index` is no tuple or list, or holds other than integers.
    """
    if not isinstance(multi_index, (tuple, list)):
        raise TypeError("multi_index must be a tuple or a list.")
    return RavelMultiIndex(mode=mode, order=order)(*multi_index, dims)
