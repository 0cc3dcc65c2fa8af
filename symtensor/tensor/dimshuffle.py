"""DimShuffle: permute the axes of a tensor, drop axes of length 1, add axes of length 1.

In: a tensor of a known broadcast pattern. Out: a view of it. Refused: dropping an axis that is not broadcastable, using
an axis twice, axes that are not there.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.type import tensor_type

__all__ = ["DimShuffle"]


class DimShuffle(Op):
    """A view with axes in a new order.

    `input_broadcastable` is the broadcast pattern of the input, `new_order` has for each axis of the output the input's
    axis or "x" for a new broadcastable axis. `shuffle` are the axes kept, `augment` the places of the new ones, `drop`
    the axes left out. The output is always a view; `inplace` must be True.

    Raises ValueError or TypeError for an order that does not fit the pattern.
    """

    __module__ = "symtensor.tensor.elemwise"
    __props__ = ("input_broadcastable", "new_order", "inplace")

    def __init__(self, input_broadcastable: Sequence[bool], new_order: Sequence[Any], inplace: bool = True):
        self.input_broadcastable = tuple(bool(b) for b in input_broadcastable)
        self.new_order = tuple(_checked_order(self.input_broadcastable, new_order))
        if not inplace:
            raise ValueError("DimShuffle is inplace by default and hence the inplace for DimShuffle must be true")
        self.inplace = inplace
        self.view_map = {0: [0]}
        self.shuffle = [axis for axis in self.new_order if axis != "x"]
        self.augment = [place for place, axis in enumerate(self.new_order) if axis == "x"]
        self.drop = [axis for axis in range(len(self.input_broadcastable)) if axis not in self.shuffle]
        self._hash = hash((type(self), self.input_broadcastable, self.new_order))

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and self.new_order == other.new_order
            and self.input_broadcastable == other.input_broadcastable
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        # Hashes of strings differ between processes.
        return {"input_broadcastable": self.input_broadcastable, "new_order": self.new_order}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["input_broadcastable"], state["new_order"])  # type: ignore[misc]

    @property
    def transposition(self) -> list[int]:
        """All axes of the input: those kept, in their new order, then those dropped."""
        return self.shuffle + self.drop

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        pattern = tuple(x.type.broadcastable)
        if pattern != self.input_broadcastable:
            wrong = "number of dimensions" if len(pattern) != len(self.input_broadcastable) else "broadcastable pattern"
            raise TypeError(
                f"The {wrong} of the input is incorrect for this op. "
                f"Expected {self.input_broadcastable}, got {pattern}."
            )
        shuffled = tuple(True if axis == "x" else pattern[axis] for axis in self.new_order)
        return Apply(self, [x], [tensor_type(x.type.dtype, shuffled)()])

    def __str__(self) -> str:
        return "InplaceDimShuffle{%s}" % ",".join(str(axis) for axis in self.new_order)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (x,) = inputs
        shape = [x.shape[axis] for axis in self.shuffle]
        for place in self.augment:
            shape.insert(place, 1)
        # Reshaping drops and adds only axes of length 1, so the result stays a view.
        output_storage[0][0] = np.asarray(x.transpose(self.transposition).reshape(shape))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (shape,) = shapes
        one = constant(1, dtype="int64")
        return [tuple(one if axis == "x" else shape[axis] for axis in self.new_order)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,), (gz,) = inputs, output_gradients
        gz = as_tensor_variable(gz)
        order: list[Any] = ["x"] * x.type.ndim
        for place, axis in enumerate(self.new_order):
            if axis != "x":
                order[axis] = place
        if inputs[0].type.dtype in DISCRETE:
            return [x.zeros_like(dtype=gz.type.dtype)]
        # The copy keeps a gradient from being a view of another one.
        return [DimShuffle(gz.type.broadcastable, order)(gz.copy())]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points:
            return [None]
        return self(*eval_points, return_list=True)


def _checked_order(pattern: tuple[bool, ...], new_order: Sequence[Any]) -> list[Any]:
    """`new_order` with plain ints, or the error that says what is wrong with it."""
    order: list[Any] = []
    for place, axis in enumerate(new_order):
        if isinstance(axis, str) and axis == "x":
            order.append("x")
            continue
        if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
            raise TypeError(f"DimShuffle indices must be python ints. Got: '{axis}' of type '{type(axis)}'.")
        if axis >= len(pattern):
            raise ValueError(
                f"new_order[{place}] is {axis}, but the input only has {len(pattern)} "
                f"{'axis' if len(pattern) == 1 else 'axes'}."
            )
        if int(axis) in order:
            raise ValueError(
                "The same input dimension may not appear twice in the list of output dimensions", tuple(new_order)
            )
        order.append(int(axis))
    for axis, broadcastable in enumerate(pattern):
        if not broadcastable and axis not in order:
            raise ValueError("You cannot drop a non-broadcastable dimension.", (pattern, tuple(new_order)))
    if any(axis != "x" and axis < 0 for axis in order):
        raise ValueError("DimShuffle takes no negative axes", tuple(new_order))
    return order


