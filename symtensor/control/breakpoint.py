"""`PdbBreakpoint`: stop in Python's debugger, in the middle of a compiled function, when a condition holds."""
from __future__ import annotations

import pdb
from typing import Any, Sequence

import numpy as np

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable

__all__ = ["PdbBreakpoint"]


class PdbBreakpoint(Op):
    """`PdbBreakpoint(name)(condition, *monitored)` is the monitored variables, unchanged.

    When the condition (of rank 0) is not zero, the debugger opens; the values are in the list `monitored`. Changing an
    element of that list changes the value that the function goes on with.
    """

    __module__ = "symtensor.tests.breakpoint"

    __props__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def make_node(self, condition: Any, *monitored_vars: Any) -> Apply:
        if not isinstance(condition, Variable):
            condition = as_tensor_variable(condition)
        if condition.type.ndim != 0:
            raise TypeError(f"PdbBreakpoint needs a condition of rank 0, got {condition} of type {condition.type}")
        monitored = [x if isinstance(x, Variable) else as_tensor_variable(x) for x in monitored_vars]
        return Apply(self, [condition, *monitored], [x.type() for x in monitored])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        monitored = [np.array(x) if isinstance(x, np.ndarray) else x for x in inputs[1:]]
        if inputs[0]:
            print(f"\nConditional breakpoint '{self.name}' activated\n")
            print("The monitored variables are stored, in order, in the list variable 'monitored'. Their names:")
            for i, x in enumerate(node.inputs[1:]):
                print(f"    monitored[{i}]: {x}")
            pdb.set_trace()
        for storage, value, variable in zip(output_storage, monitored, node.outputs):
            storage[0] = variable.type.filter(value)

    def infer_shape(self, inputs: Any, input_shapes: list[Any]) -> list[Any]:
        return input_shapes[1:]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        n = len(node.outputs)
        return [[False] * n] + [[i == j for j in range(n)] for i in range(n)]

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return [DisconnectedType()(), *output_gradients]

    def do_constant_folding(self, node: Apply) -> bool:
        return False
