"""Elemwise: a scalar op applied to every element of broadcast tensors.

In: a `ScalarOp` and tensors whose broadcast patterns fit. Tensors of lower rank get broadcastable axes on the left (a
DimShuffle in the graph). Out: tensors of the common pattern, dtypes as the scalar op says.

Broadcasting is static: an axis is repeated only where its type says that its length is 1. Lengths that differ at run
time raise ValueError, also 1 against n.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.op import Op
from symtensor.graph.traversal import io_toposort
from symtensor.tensor.constant import as_tensor_variable, constant
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.type import tensor_type

__all__ = ["Elemwise"]


class Elemwise(Op):
    """A scalar op, element by element.

    scalar_op        the `ScalarOp`
    inplace_pattern  output position -> input position whose memory the output takes (user graphs only: compiled
                     functions decide about memory by themselves)
    name             printed instead of `Elemwise{...}`
    nfunc_spec       (NumPy name, number of inputs, of outputs), kept for programs that read it
    openmp           whether the user asked for threads; threads are decided for whole functions here
    """

    __module__ = "symtensor.tensor.elemwise"
    __props__ = ("scalar_op", "inplace_pattern")

    def __init__(
        self, scalar_op: Any, inplace_pattern: Mapping[int, int] | None = None, name: str | None = None,
        nfunc_spec: tuple[str, int, int] | None = None, openmp: bool | None = None,
    ):
        self.name = name
        self.scalar_op = scalar_op
        self.inplace_pattern = dict(inplace_pattern or {})
        self.destroy_map = {output: [taken] for output, taken in self.inplace_pattern.items()}
        self.nfunc_spec = nfunc_spec if nfunc_spec is not None else getattr(scalar_op, "nfunc_spec", None)
        self.openmp = bool(config.openmp if openmp is None else openmp)
        self._key = (type(self), scalar_op, tuple(sorted(self.inplace_pattern.items())))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Elemwise) and self._key == other._key)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        if self.name:
            return self.name
        taken = sorted(self.inplace_pattern.items())
        return "Elemwise{%s}%s" % (self.scalar_op, taken if taken else "")

    # -- building ----------------------------------------------------------------------------------------------------

    def get_output_info(self, dim_shuffle: Any, *inputs: Any) -> tuple[list[str], list[list[bool]], list[Any]]:
        """Output dtypes, output patterns, and the inputs brought to a common rank by `dim_shuffle`."""
        given = tuple([x.type.dtype for x in inputs])
        dtypes = _output_dtypes(self.scalar_op, given, config.floatX, config.cast_policy)
        patterns = tuple([x.type.broadcastable for x in inputs])
        pattern = _common_pattern(patterns)
        ndim = len(pattern)
        same_rank = [
            x if len(own) == ndim else _padding(dim_shuffle, own, ndim)(x) for x, own in zip(inputs, patterns)
        ]
        return list(dtypes), [list(pattern) for _ in dtypes], same_rank

    def make_node(self, *inputs: Any) -> Apply:
        inputs = [as_tensor_variable(x) for x in inputs]  # type: ignore[assignment]
        dtypes, patterns, operands = self.get_output_info(DimShuffle, *inputs)
        for output, taken in self.inplace_pattern.items():
            if any(theirs and not ours for ours, theirs in zip(patterns[output], operands[taken].type.broadcastable)):
                raise ValueError("Operation cannot be done inplace on an input with broadcasted dimensions.")
            if operands[taken].type.dtype != dtypes[output]:
                raise TypeError(
                    "Cannot do an inplace operation on incompatible data types.",
                    ([x.type.dtype for x in operands], dtypes, self.inplace_pattern),
                )
        outputs = [tensor_type(dtype, tuple(pattern))() for dtype, pattern in zip(dtypes, patterns)]
        return Apply(self, operands, outputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The scalar op's, where it has one; else every output depends on every input."""
        pattern = getattr(self.scalar_op, "connection_pattern", None)
        if pattern is not None:
            return pattern(node)
        return [[True for _ in node.outputs] for _ in node.inputs]

    # -- values ------------------------------------------------------------------------------------------------------

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        shape = _common_shape(node, inputs)
        results = scal.evaluate(self.scalar_op, list(inputs), [v.type.dtype for v in node.outputs])
        for position, (result, storage, variable) in enumerate(zip(results, output_storage, node.outputs)):
            if position in self.inplace_pattern:
                target = inputs[self.inplace_pattern[position]]
                target[...] = result
                storage[0] = target
                continue
            result = np.asarray(result, dtype=variable.type.dtype)
            if result.shape != shape:  # a constant function of some inputs
                result = np.broadcast_to(result, shape).copy()
            elif any(np.may_share_memory(result, x) for x in inputs):
                result = result.copy()
            storage[0] = result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        result = []
        for axis, broadcastable in enumerate(node.outputs[0].type.broadcastable):
            if broadcastable:
                result.append(constant(1, dtype="int64"))
                continue
            lengths = [s[axis] for s, x in zip(shapes, node.inputs) if not x.type.broadcastable[axis]]
            known = [n for n in lengths if isinstance(n, Constant)]
            result.append((known or lengths)[0])
        return [tuple(result)] * len(node.outputs)

    # -- derivatives -------------------------------------------------------------------------------------------------

    def L_op(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
        gradients = self._elementwise_gradients(inputs, outputs, output_gradients)
        pattern = outputs[0].type.broadcastable
        result = []
        for x, gradient in zip(inputs, gradients):
            if isinstance(gradient.type, (NullType, DisconnectedType)):
                result.append(gradient)
                continue
            repeated = [
                axis for axis, (ours, theirs) in enumerate(zip(x.type.broadcastable, pattern)) if ours and not theirs
            ]
            if repeated:
                gradient = gradient.sum(axis=repeated, keepdims=True)
            result.append(_filled(x, gradient))
        return result

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        outputs = self(*inputs, return_list=True)
        result = []
        for position, output in enumerate(outputs):
            seeds = [v.ones_like() if k == position else v.zeros_like() for k, v in enumerate(outputs)]
            total = None
            gradients = self._elementwise_gradients(inputs, outputs, seeds)
            for x, gradient, point in zip(inputs, gradients, eval_points):
                # A constant does not move; 0 times its derivative would be NaN where that is (log(x) for x ** 2).
                if point is None or isinstance(gradient.type, DisconnectedType) or _is_literal(x):
                    continue
                term = gradient if isinstance(gradient.type, NullType) else gradient * point
                total = term if total is None else total + term
            result.append(total if total is None else _filled(output, total))
        return result

    def _elementwise_gradients(self, inputs: Any, outputs: Any, output_gradients: Any) -> list[Any]:
        """The scalar op's gradients as tensors of the outputs' pattern, not yet summed over repeated axes."""
        gradients = [as_tensor_variable(g) if _carries_values(g) else g for g in output_gradients]
        plan = _derivative(
            self.scalar_op, tuple(x.type.dtype for x in inputs),
            tuple(g.type.dtype if _carries_values(g) else None for g in gradients),
            config.floatX, config.cast_policy,
        )
        known = dict(zip(plan.inputs, inputs))
        known.update(zip(plan.outputs, outputs))
        known.update(zip(plan.output_gradients, gradients))
        ndim = outputs[0].type.ndim

        def tensor_of(variable: Any) -> Any:
            tensor = known.get(variable)
            if tensor is None:
                if isinstance(variable, Constant):
                    literal = constant(np.asarray(variable.data), dtype=variable.type.dtype)
                    tensor = DimShuffle((), ["x"] * ndim)(literal)
                elif isinstance(variable.type, (NullType, DisconnectedType)):
                    tensor = variable.type()
                else:
                    raise TypeError(f"The gradient of {self.scalar_op} uses {variable}, which is not one of its inputs")
                known[variable] = tensor
            return tensor

        for node in plan.nodes:
            made = _lifted(node.op)(*[tensor_of(v) for v in node.inputs], return_list=True)
            known.update(zip(node.outputs, made))
        return [tensor_of(v) for v in plan.input_gradients]


def _carries_values(gradient: Any) -> bool:
    return not (isinstance(gradient, Variable) and isinstance(gradient.type, DisconnectedType))


def _is_literal(x: Any) -> bool:
    while x.owner is not None and isinstance(x.owner.op, DimShuffle):
        x = x.owner.inputs[0]
    return isinstance(x, Constant)


def _filled(model: Any, x: Any) -> Any:
    """`x`, repeated along the axes where it is broadcastable and `model` is not."""
    if any(theirs and not ours for ours, theirs in zip(model.type.broadcastable, x.type.broadcastable)):
        return _lifted(scal.second)(model, x)
    return x


@lru_cache(maxsize=1024)
def _lifted(scalar_op: Any) -> Elemwise:
    return Elemwise(scalar_op)


@lru_cache(maxsize=4096)
def _common_pattern(patterns: tuple[tuple[bool, ...], ...]) -> tuple[bool, ...]:
    """The broadcast pattern of an elementwise result: an axis repeats unless it is broadcastable in all inputs."""
    ndim = max((len(own) for own in patterns), default=0)
    padded = [(True,) * (ndim - len(own)) + own for own in patterns]
    return tuple(all(flags) for flags in zip(*padded))


@lru_cache(maxsize=1024)
def _padding(dim_shuffle: Any, pattern: tuple[bool, ...], ndim: int) -> Any:
    """The op that adds axes on the left, made once."""
    return dim_shuffle(pattern, ["x"] * (ndim - len(pattern)) + list(range(len(pattern))))


@lru_cache(maxsize=16384)
def _output_dtypes(scalar_op: Any, dtypes: tuple[str, ...], floatX: str, cast_policy: str) -> tuple[str, ...]:
    node = scalar_op.make_node(*[scal.get_scalar_type(dtype=d)() for d in dtypes])
    return tuple(v.type.dtype for v in node.outputs)


class _Derivative:
    """The vector-Jacobian product of a scalar op as a graph of scalars, to be repeated with tensors."""

    def __init__(self, scalar_op: Any, dtypes: Sequence[str], gradient_dtypes: Sequence[str | None]):
        self.inputs = [scal.get_scalar_type(dtype=d)() for d in dtypes]
        self.outputs = scalar_op.make_node(*self.inputs).outputs
        self.output_gradients = [
            DisconnectedType()() if d is None else scal.get_scalar_type(dtype=d)() for d in gradient_dtypes
        ]
        self.input_gradients = [
            DisconnectedType()() if g is None else g
            for g in scalar_op.L_op(self.inputs, self.outputs, self.output_gradients)
        ]
        if len(self.input_gradients) != len(self.inputs):
            raise TypeError(f"{scalar_op} has {len(self.inputs)} inputs but {len(self.input_gradients)} gradients")
        self.nodes = io_toposort(self.inputs + self.outputs + self.output_gradients, self.input_gradients)


@lru_cache(maxsize=4096)
def _derivative(
    scalar_op: Any, dtypes: tuple[str, ...], gradient_dtypes: tuple[str | None, ...], floatX: str, cast_policy: str
) -> _Derivative:
    # The two settings are part of the key because gradients of integers and promotions depend on them.
    return _Derivative(scalar_op, dtypes, gradient_dtypes)


def _common_shape(node: Apply, inputs: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The outputs' shape; ValueError where lengths differ along an axis that is not broadcastable."""
    shape = [1] * len(node.outputs[0].type.broadcastable)
    for axis in range(len(shape)):
        first = None
        for position, (x, variable) in enumerate(zip(inputs, node.inputs)):
            if variable.type.broadcastable[axis]:
                continue
            if first is None:
                first, shape[axis] = position, x.shape[axis]
            elif x.shape[axis] != shape[axis]:
                raise ValueError(
                    f"Input dimension mis-match. (input[{first}].shape[{axis}] = {shape[axis]}, "
                    f"input[{position}].shape[{axis}] = {x.shape[axis]})"
                )
    return tuple(shape)
