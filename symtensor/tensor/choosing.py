"""Choosing between arrays, element by element.

In: integers `a`, and the arrays to choose from: one tensor, whose first axis counts them, or several tensors that
broadcast with `a`. Out: the op `Choose` and `choose`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.advanced_indexing import sum_to_pattern
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.creation import arange
from symtensor.tensor.joining import stack
from symtensor.tensor.math import clip, eq, switch
from symtensor.tensor.shape_ops import shape
from symtensor.tensor.type import TensorType

__all__ = ["Choose", "choose"]

_CONTINUOUS = ("float16", "float32", "float64", "complex64", "complex128")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class Choose(Op):
    """Of several arrays, element by element, the one that `a` tells: `numpy.choose`.

    The inputs are `a` and either one tensor, whose first axis counts the choices, or several tensors. mode: "raise"
    (ValueError at run time for a choice that is not there), "wrap" or "clip".
    """

    __module__ = "symtensor.tensor.basic"
    __props__ = ("mode",)

    def __init__(self, mode: str):
        if mode not in ("raise", "wrap", "clip"):
            raise AssertionError("choose: the mode must be 'raise', 'wrap' or 'clip'", mode)
        self.mode = mode

    def __str__(self) -> str:
        return f"{type(self).__name__}{{mode={self.mode!r}}}"

    def make_node(self, a: Any, *choices: Any) -> Apply:
        a = as_tensor_variable(a)
        if a.type.dtype not in _INTEGERS:
            raise TypeError(f"choose first argument must have an [u]int* dtype. Got {a.type.dtype}.")
        if len(choices) == 1 and isinstance(choices[0], (list, tuple)):
            choices = tuple(choices[0])
            if len(choices) == 1:
                choices = (stack([as_tensor_variable(choices[0])]),)
        choices = tuple(as_tensor_variable(c) for c in choices)
        if len(choices) == 1 and choices[0].type.ndim == 0:
            raise TypeError("choose: the choices must be a list or have a first axis", choices[0])
        patterns = [c.type.broadcastable for c in choices]
        if len(choices) == 1:
            patterns = [patterns[0][1:]]
        ndim = max(a.type.ndim, *map(len, patterns))
        padded = [(True,) * (ndim - len(p)) + tuple(p) for p in (*patterns, a.type.broadcastable)]
        out = TensorType(scal.upcast(*(c.type.dtype for c in choices)), [all(b) for b in zip(*padded)])
        return Apply(self, [a, *choices], [out()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        a, *choices = inputs
        options = list(choices[0]) if len(choices) == 1 else choices
        index, *options = np.broadcast_arrays(a, *options) if options else (a,)
        count = len(options)
        if self.mode == "clip":
            index = np.clip(index, 0, max(count - 1, 0))
        elif self.mode == "wrap":
            index = index % count if count else index
        if index.size and (count == 0 or index.min() < 0 or index.max() >= count):
            raise ValueError("invalid entry in choice array")
        chosen = np.empty(index.shape, dtype=node.outputs[0].type.dtype)
        for k, option in enumerate(options):
            np.copyto(chosen, option, where=index == k)
        output_storage[0][0] = chosen

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        lengths = [shapes[0], shapes[1][1:]] if len(shapes) == 2 else list(shapes)
        patterns = [v.type.broadcastable for v in node.inputs]
        if len(patterns) == 2:
            patterns[1] = patterns[1][1:]
        result = []
        for axis, one in enumerate(reversed(node.outputs[0].type.broadcastable)):
            long = [n[-1 - axis] for n, p in zip(lengths, patterns) if axis < len(p) and not p[-1 - axis]]
            result.append(1 if one else long[0])
        return [tuple(reversed(result))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]] + [[True]] * (len(node.inputs) - 1)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        a, *choices = inputs
        (gz,) = output_gradients
        count = shape(choices[0])[0] if len(choices) == 1 else len(choices)
        if self.mode == "clip":
            a = clip(a, 0, count - 1)
        elif self.mode == "wrap":
            a = a % count
        if len(choices) == 1:
            numbers = arange(count).dimshuffle([0] + ["x"] * gz.type.ndim)
            return [DisconnectedType()(), _chosen(choices[0], eq(a, numbers), gz)]
        return [DisconnectedType()(), *(_chosen(c, eq(a, k), gz) for k, c in enumerate(choices))]


def _chosen(x: Any, here: Any, gz: Any) -> Any:
    """The gradient of what was chosen where `here` holds."""
    if x.type.dtype not in _CONTINUOUS:
        return x.zeros_like(dtype="floatX")
    return sum_to_pattern(x, switch(here, gz, 0))


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """Of several arrays, element by element, the one that `a` tells, as `numpy.choose`.

    choices  a list or tuple of tensors, or a tensor whose first axis counts them
    mode     what happens for a choice that is not there: "raise" (ValueError at run time), "wrap" or "clip"

    `out` must be None (AssertionError). TypeError where `a` is not of an integer dtype.
    """
    if out is not None:
        raise AssertionError("choose: results are new variables, out must be None")
    return Choose(mode)(a, choices)
