"""Between scalar variables and rank-0 tensors.

In: a variable of a scalar type, or a tensor of rank 0. Out: the same number in the other world. The two worlds exist
because scalar ops describe one element inside an `Elemwise`; only shape computations carry scalars across.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.dtypes import CONTINUOUS
from symtensor.scalar.type import from_variable
from symtensor.tensor.type import TensorType

__all__ = ["ScalarFromTensor", "TensorFromScalar", "scalar_from_tensor", "tensor_from_scalar"]


class TensorFromScalar(Op):
    """The rank-0 tensor holding a scalar variable. TypeError unless the input is of a scalar type."""

    __module__ = "symtensor.tensor.basic"
    __props__ = ()

    def make_node(self, s: Any) -> Apply:
        if not isinstance(s.type, scal.Scalar):
            raise TypeError("TensorFromScalar needs a scalar variable", s)
        return Apply(self, [s], [TensorType(s.type.dtype, ())()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (s,) = inputs
        output_storage[0][0] = np.asarray(s)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [()]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (s,) = inputs
        (gz,) = output_gradients
        if s.type.dtype in CONTINUOUS:
            return [scalar_from_tensor(gz)]
        # An integer's gradient is zero, of a dtype that can hold a gradient.
        return [s.zeros_like(dtype=gz.type.dtype)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self.make_node(*eval_points).outputs


class ScalarFromTensor(Op):
    """The scalar held by a rank-0 tensor. TypeError for another rank or type."""

    __module__ = "symtensor.tensor.basic"
    __props__ = ()

    def make_node(self, t: Any) -> Apply:
        if not (isinstance(t.type, TensorType) and t.type.ndim == 0):
            raise TypeError("ScalarFromTensor needs a tensor of rank 0", t)
        return Apply(self, [t], [scal.get_scalar_type(dtype=t.type.dtype)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (t,) = inputs
        output_storage[0][0] = t.flatten()[0]

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [()]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        return [tensor_from_scalar(gz)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self.make_node(*eval_points).outputs


tensor_from_scalar = TensorFromScalar()
scalar_from_tensor = ScalarFromTensor()


def _scalar_of(x: Any) -> Any:
    """What `as_scalar` makes of a tensor: the number in one of rank 0, nothing of others."""
    return scalar_from_tensor(x) if isinstance(x.type, TensorType) and x.type.ndim == 0 else None


from_variable.append(_scalar_of)
