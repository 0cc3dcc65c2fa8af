"""MakeVector: scalars side by side.

In: tensors of rank 0. Out: a vector of a given dtype. Refused: inputs of another rank, and a dtype that cannot hold
them.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import DISCRETE, upcast
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.math import cast
from symtensor.tensor.static_value import known_length
from symtensor.tensor.type import tensor_type

__all__ = ["MakeVector", "make_vector"]


class MakeVector(Op):
    """A vector of its inputs, scalars, converted to `dtype`. TypeError where that would lose precision."""

    __props__ = ("dtype",)

    def __init__(self, dtype: str = "int64"):
        self.dtype = config.floatX if dtype == "floatX" else np.dtype(dtype).name

    def make_node(self, *inputs: Any) -> Apply:
        scalars = [as_tensor_variable(x) for x in inputs]
        for x in scalars:
            if x.type.ndim != 0:
                raise TypeError(f"MakeVector takes scalars, got {x} with {x.type.ndim} dimensions")
        if scalars and upcast(self.dtype, *(x.type.dtype for x in scalars)) != self.dtype:
            raise TypeError(
                "The upcast of the inputs to MakeVector should match the dtype given in __init__.",
                [x.type.dtype for x in scalars], self.dtype,
            )
        return Apply(self, [cast(x, self.dtype) for x in scalars], [tensor_type(self.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = np.array(inputs, dtype=self.dtype).reshape(len(inputs))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(constant(len(node.inputs), dtype="int64"),)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        if self.dtype in DISCRETE:
            return [x.zeros_like(dtype=config.floatX) for x in inputs]
        return [gz[position] for position in range(len(inputs))]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if all(point is None for point in eval_points):
            return [None]
        return self(*(
            x.zeros_like() if point is None else point for x, point in zip(inputs, eval_points)
        ), return_list=True)


make_vector = MakeVector()


@known_length.register(MakeVector)
def _number_of_scalars(op: MakeVector, node: Apply, index: int) -> int | None:
    return len(node.inputs)
