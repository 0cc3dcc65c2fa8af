"""Checks inside graphs: `Assert` passes a value on if conditions hold, `Raise` never does.

Comes in: a variable of any type and, for Assert, conditions (tensors of rank 0; anything but zero is true). Goes out:
the same value. When a condition fails at run time the call raises, with the op's message.
"""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable

__all__ = ["Assert", "Raise", "assert_", "assert_op"]


class Assert(Op):
    """`Assert(msg)(x, *conditions)` is `x`, and raises AssertionError(msg) at run time where a condition is zero.

    The check counts only where the result is used. Conditions have rank 0 (TypeError).
    """

    __module__ = "symtensor.tensor.opt"

    __props__ = ("msg",)
    view_map = {0: [0]}

    def __init__(self, msg: str = "Symtensor Assert failed!") -> None:
        self.msg = msg

    def make_node(self, value: Any, *conds: Any) -> Apply:
        if not isinstance(value, Variable):
            value = as_tensor_variable(value)
        conditions = [as_tensor_variable(c) for c in conds]
        for condition in conditions:
            if condition.type.ndim != 0:
                raise TypeError(f"Assert needs conditions of rank 0, got {condition} of type {condition.type}")
        return Apply(self, [value, *conditions], [value.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        value, *conditions = inputs
        if not np.all(conditions):
            raise AssertionError(self.msg)
        output_storage[0][0] = value

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True]] + [[False]] * (len(node.inputs) - 1)

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [output_gradients[0]] + [DisconnectedType()() for _ in inputs[1:]]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [eval_points[0]]


assert_op = Assert()
assert_ = assert_op


class Raise(Op):
    """`Raise(msg, exc)(x)` raises `exc(msg)` whenever its value is needed."""

    __module__ = "symtensor.raise_op"

    __props__ = ("msg", "exc")

    def __init__(self, msg: str = "", exc: type[Exception] = NotImplementedError) -> None:
        self.msg = msg
        self.exc = exc

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.exc}({self.msg})}}"

    def make_node(self, x: Any) -> Apply:
        if not isinstance(x, Variable):
            x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        raise self.exc(self.msg)

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        return shapes

    def do_constant_folding(self, node: Apply) -> bool:
        # The error belongs to the call, not to the compilation.
        return False
