"""Shapes: reading them, promising them, changing them.

In: tensor variables, and shapes as vectors, lists or tuples of integers. Out: the ops `Shape`, `Shape_i`,
`SpecifyShape`, `Reshape`, `Flatten` and `Rebroadcast`, and the functions around them (`reshape`, `flatten`, axes of
length 1, broadcast promises, transposition).

Rank and broadcast pattern are static: `reshape` must be able to tell how many entries its shape has, and an axis is
broadcastable exactly where the shape is known to be 1 when the graph is built.
"""
from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.scalar.basic import Cast
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.math import lt
from symtensor.tensor.sizes import entry, entry_of, find_entry, product, quotient, select, sizes
from symtensor.tensor.static_value import (
    NotScalarConstantError,
    ValueOf,
    get_scalar_constant_value,
    get_vector_length,
    known_length,
    known_value,
    vector_length,
)
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "Flatten", "Rebroadcast", "Reshape", "Shape", "Shape_i", "SpecifyShape", "addbroadcast", "flatten", "is_flat",
    "patternbroadcast", "reshape", "shape", "shape_i", "shape_i_op", "shape_padaxis", "shape_padleft",
    "shape_padright", "specify_shape", "swapaxes", "transpose", "unbroadcast",
]

_INT64_VECTOR = TensorType("int64", (False,))
_INT64_SCALAR = TensorType("int64", ())


# -- reading a shape ---------------------------------------------------------------------------------------------------


class Shape(Op):
    """The lengths of all axes of a value, as an int64 vector. The value may be of any type that has a `shape`."""

    __props__ = ()

    def make_node(self, x: Any) -> Apply:
        if not isinstance(x, Variable):
            x = as_tensor_variable(x)
        return Apply(self, [x], [_INT64_VECTOR()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        output_storage[0][0] = np.asarray(np.shape(x), dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(len(shapes[0]),)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        # The lengths of the axes do not depend on what the axes hold.
        return [DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


shape = Shape()


class Shape_i(Op):
    """The length of axis `i`, an int64 scalar. TypeError where the value has no such axis."""

    __props__ = ("i",)

    def __init__(self, i: Any):
        self.i = int(i)

    def __str__(self) -> str:
        return f"Shape_i{{{self.i}}}"

    def make_node(self, x: Any) -> Apply:
        if not isinstance(x, Variable):
            raise TypeError("x must be Variable with ndim attribute", x)
        if not 0 <= self.i < x.type.ndim:
            raise TypeError("x has too few dimensions for Shape_i", (x, self.i))
        return Apply(self, [x], [_INT64_SCALAR()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        output_storage[0][0] = np.asarray(x.shape[self.i], dtype="int64")

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, 0, inputs[0], "No gradient for the shape of a matrix is implemented.")]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        return [None]


_SHAPE_I: dict[int, Shape_i] = {}


def shape_i_op(i: int) -> Shape_i:
    """The op `Shape_i(i)`, made once per axis."""
    if i not in _SHAPE_I:
        _SHAPE_I[i] = Shape_i(i)
    return _SHAPE_I[i]


def shape_i(var: Any, i: int, fgraph: Any = None) -> Any:
    """The length of axis `i` of `var`, as an int64 scalar variable.

    With an `fgraph` that knows shapes (one with a `shape_feature`) the answer is what that feature knows, which may be
    an expression of the inputs that does not compute `var` at all.
    """
    feature = getattr(fgraph, "shape_feature", None)
    if feature is not None:
        return feature.get_shape(var, i)
    return shape(var)[i]


# -- promising a shape -------------------------------------------------------------------------------------------------


class SpecifyShape(Op):
    """The input itself; checks at run time that it has the shape given (AssertionError), so that graphs may rely on it.

    `shape` is an integer vector; AssertionError where its length is known and is not the rank.
    """

    view_map = {0: [0]}
    __props__ = ()

    def make_node(self, x: Any, shape: Any) -> Apply:
        if not isinstance(x, Variable):
            x = as_tensor_variable(x)
        shape = as_tensor_variable(shape)
        if shape.type.ndim != 1 or shape.type.dtype not in _INTEGERS:
            raise AssertionError(f"SpecifyShape: the shape must be a vector of integers, not {shape.type}.")
        if isinstance(shape, Constant) and shape.data.size != x.type.ndim:
            raise AssertionError(
                f"SpecifyShape: vector of shape has {shape.data.size} elements, but the input has {x.type.ndim} "
                "dimensions."
            )
        return Apply(self, [x, shape], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, wanted = inputs
        if x.ndim != wanted.size:
            raise AssertionError(
                f"SpecifyShape: vector of shape has {wanted.size} elements, but the input has {x.ndim} dimensions."
            )
        for axis in range(x.ndim):
            if x.shape[axis] != wanted[axis]:
                raise AssertionError(
                    f"SpecifyShape: dim {axis} of input has shape {x.shape[axis]}, expected {wanted[axis]}."
                )
        output_storage[0][0] = x

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        lengths = []
        for axis, length in enumerate(shapes[0]):
            known = _known_entry(node.inputs[1], axis)
            lengths.append(length if known is None else known)
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [output_gradients[0], DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self.make_node(eval_points[0], *inputs[1:]).outputs


specify_shape = SpecifyShape()

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def _known_entry(vector: Any, index: int) -> int | None:
    """The value of an entry of a shape vector where it is known when the graph is built."""
    found = find_entry(vector, index)
    try:
        return None if found is None else int(get_scalar_constant_value(found))
    except NotScalarConstantError:
        return None


# -- changing a shape --------------------------------------------------------------------------------------------------


class Reshape(Op):
    """The elements of the input, in C order, under a new shape of `ndim` entries, one of which may be -1.

    Raises TypeError for a shape that is not an integer vector, ValueError for a constant shape of another length; at
    run time ValueError where the number of elements differs.
    """

    __module__ = "symtensor.tensor.basic"
    view_map = {0: [0]}
    __props__ = ("ndim",)

    def __init__(self, ndim: Any, name: None = None):
        if name is not None:
            raise AssertionError("name attribute for Reshape has been deprecated")
        self.ndim = int(ndim)
        if self.ndim < 0:
            raise ValueError("The output dimensions after reshape must be 0 or greater", ndim)

    def __str__(self) -> str:
        return f"Reshape{{{self.ndim}}}"

    def make_node(self, x: Any, shp: Any) -> Apply:
        x = as_tensor_variable(x)
        shp = as_tensor_variable(shp, ndim=1)
        if shp.type.dtype not in _INTEGERS and not (isinstance(shp, Constant) and shp.data.size == 0):
            raise TypeError("Shape must be integers", shp, shp.type.dtype)
        if isinstance(shp, Constant) and shp.data.size != self.ndim:
            raise ValueError(f"shape argument to Reshape has incorrect length {shp.data.size}, should be {self.ndim}")
        pattern = [_known_entry(shp, index) == 1 for index in range(self.ndim)]
        return Apply(self, [x, shp], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, shp = inputs
        if len(shp) != self.ndim:
            raise ValueError(
                f"shape argument to Reshape.perform has incorrect length {len(shp)}, should be {self.ndim}"
            )
        lengths = tuple(int(length) for length in shp)
        if any(length < -1 for length in lengths):
            raise ValueError(f"Cannot reshape input of shape {x.shape} to shape {lengths}: a length is negative")
        output_storage[0][0] = np.reshape(x, lengths)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        requested = node.inputs[1]
        known = [_known_entry(requested, index) for index in range(self.ndim)]
        if known.count(-1) > 1:
            raise ValueError("shape argument to Reshape.perform must have at most one entry equal to -1")
        entries = [entry(requested, index) if k is None else k for index, k in enumerate(known)]
        if -1 in known:
            rest = quotient(sizes(shapes[0]), [e for e, k in zip(entries, known) if k != -1])
            return [tuple(rest if k == -1 else e for e, k in zip(entries, known))]
        # An entry that is no length of an axis might turn out to be -1.
        open_entries = [k is None and not _is_length(find_entry(requested, index)) for index, k in enumerate(known)]
        if not any(open_entries):
            return [tuple(entries)]
        if self.ndim == 1:
            return [(product(sizes(shapes[0])),)]
        wild = [lt(e, 0) if is_open else False for e, is_open in zip(entries, open_entries)]
        rest = quotient(sizes(shapes[0]), [select(w, 1, e) for w, e in zip(wild, entries)])
        return [tuple(select(w, rest, e) for w, e in zip(wild, entries))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, _ = inputs
        (gz,) = output_gradients
        return [reshape(gz, shape(x), ndim=x.type.ndim), DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(eval_points[0], *inputs[1:], return_list=True)


def _is_length(found: Any) -> bool:
    """Whether a scalar is the length of an axis, and so never -1."""
    if not isinstance(found, Variable):
        return found is not None
    parts = tuple(parts_of_input)
    while found.owner is not None and (
        isinstance(found.owner.op, parts) or isinstance(getattr(found.owner.op, "scalar_op", None), Cast)
    ):
        found = found.owner.inputs[0]
    return found.owner is not None and isinstance(found.owner.op, (Shape, Shape_i))


# Ops whose output is some elements of their first input; filled in by the modules that define them.
parts_of_input: list[type] = []


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Any:
    """`x` with its elements, in C order, under `newshape`; one entry may be -1.

    `ndim` is the number of entries, needed where `newshape` is a symbolic vector of unknown length (ValueError
    otherwise). TypeError where `newshape` is not a vector of integers.
    """
    if ndim is None:
        newshape = as_tensor_variable(newshape)
        if newshape.type.ndim != 1:
            raise TypeError(
                "New shape in reshape must be a vector or a list/tuple of scalar. "
                f"Got {newshape} after conversion to a vector."
            )
        try:
            ndim = get_vector_length(newshape)
        except ValueError:
            raise ValueError(
                f"The length of the provided shape ({newshape}) cannot be automatically determined, so symtensor is "
                "not able to know what the number of dimensions of the reshaped variable will be. You can provide the "
                "'ndim' keyword argument to 'reshape' to avoid this problem."
            ) from None
    return Reshape(ndim)(x, newshape)


class Flatten(Op):
    """The input with its last axes merged, so that `outdim` are left. Deprecated: use `flatten`."""

    __module__ = "symtensor.tensor.basic"
    view_map = {0: [0]}
    __props__ = ("outdim",)

    def __init__(self, outdim: Any = 1):
        warnings.warn(
            "Flatten class is deprecated, please use flatten method instead.", DeprecationWarning, stacklevel=2
        )
        self.outdim = int(outdim)

    def __str__(self) -> str:
        return f"Flatten{{{self.outdim}}}"

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if self.outdim < 1 or (x.type.ndim and self.outdim > x.type.ndim):
            raise ValueError(f"invalid output ndimensions ({self.outdim}) for tensor of rank {x.type.ndim}")
        kept = x.type.broadcastable[: self.outdim - 1]
        merged = all(x.type.broadcastable[self.outdim - 1:])
        return Apply(self, [x], [TensorType(x.type.dtype, (*kept, merged))()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        kept = x.shape[: self.outdim - 1]
        output_storage[0][0] = np.reshape(x, (*kept, int(np.prod(x.shape[self.outdim - 1:], dtype=int))))

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        return [(*lengths[: self.outdim - 1], product(sizes(lengths[self.outdim - 1:])))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,) = inputs
        return [reshape(output_gradients[0], shape(x), x.type.ndim)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points:
            return [None]
        return self.make_node(*eval_points).outputs


def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> Any:
    """`x` with its last axes merged so that `ndim` are left: 1 by default. ValueError unless 1 <= ndim <= the rank."""
    ndim = _rank_wanted(ndim, outdim)
    x = as_tensor_variable(x)
    if ndim < 1 or (ndim > x.type.ndim and x.type.ndim > 0):
        raise ValueError(f"ndim {ndim} out of bound [1, {x.type.ndim + 1})")
    if ndim > 1:
        first = shape(x)[: ndim - 1]
        dims = [*(first[i] for i in range(ndim - 1)), -1]
    else:
        dims = [-1]
    result = x.reshape(dims)
    pattern = (*x.type.broadcastable[: ndim - 1], all(x.type.broadcastable[ndim - 1:]))
    return addbroadcast(result, *(axis for axis in range(ndim) if pattern[axis]))


def is_flat(var: Any, ndim: int | None = None, outdim: int | None = None) -> bool:
    """Whether `var` has rank `ndim` (1 by default)."""
    return var.type.ndim == _rank_wanted(ndim, outdim)


def _rank_wanted(ndim: int | None, outdim: int | None) -> int:
    """The rank asked for by either name; `outdim` is the older one."""
    if outdim is None:
        return 1 if ndim is None else ndim
    if ndim is not None:
        raise ValueError("You should only specify ndim")
    warnings.warn("flatten outdim parameter is deprecated, use ndim instead.", stacklevel=3)
    return outdim


# -- axes of length 1 --------------------------------------------------------------------------------------------------


class Rebroadcast(Op):
    """The input itself, with a broadcast pattern that is promised otherwise on some axes.

    Each argument is a pair (axis, broadcastable?). An axis that becomes broadcastable is checked at run time to have
    length 1 (ValueError). TypeError for pairs of other types, ValueError for an axis the input does not have.
    """

    view_map = {0: [0]}
    __props__ = ("axis",)

    def __init__(self, *axis: tuple[int, bool]):
        for a, broadcastable in axis:
            if not isinstance(a, (int, np.integer)):
                raise TypeError(f"Rebroadcast needs integer axes. Got {a}")
            if not isinstance(broadcastable, (bool, np.bool_)):
                raise TypeError(f"Rebroadcast needs bool for new broadcast pattern. Got {broadcastable}")
        self.axis = OrderedDict(sorted({int(a): bool(b) for a, b in axis}.items()))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.axis == other.axis

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.axis.items())))

    def __str__(self) -> str:
        width = max(self.axis, default=-1) + 1
        shown = (str(int(self.axis[a])) if a in self.axis else "?" for a in range(width))
        return f"Rebroadcast{{{','.join(shown)}}}"

    def make_node(self, x: Any) -> Apply:
        if self.axis and not 0 <= min(self.axis) <= max(self.axis) < x.type.ndim:
            raise ValueError("Trying to rebroadcast non-existent dimension")
        pattern = [self.axis.get(a, b) for a, b in enumerate(x.type.broadcastable)]
        return Apply(self, [x], [x.type.clone(broadcastable=pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        (x,) = inputs
        for axis, broadcastable in self.axis.items():
            if broadcastable and x.shape[axis] != 1:
                raise ValueError(
                    f"Dimension {axis} in Rebroadcast's input was supposed to be 1 (got {x.shape[axis]} instead)"
                )
        output_storage[0][0] = x

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        (lengths,) = shapes
        return [tuple(1 if self.axis.get(a) else length for a, length in enumerate(lengths))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (x,) = inputs
        (gz,) = output_gradients
        return [Rebroadcast(*((axis, x.type.broadcastable[axis]) for axis in self.axis))(gz)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self(*eval_points, return_list=True)


def _promise(x: Any, promises: dict[int, bool]) -> Any:
    """`x` under other broadcast promises. Those of `x`'s own `Rebroadcast` are merged in; useless ones are dropped."""
    x = as_tensor_variable(x)
    promises = {a + x.type.ndim if a < 0 else a: b for a, b in promises.items()}
    if any(not 0 <= a < x.type.ndim for a in promises):
        raise ValueError("Trying to rebroadcast non-existent dimension")
    while x.owner is not None and isinstance(x.owner.op, Rebroadcast):
        promises = {**x.owner.op.axis, **promises}
        x = x.owner.inputs[0]
    promises = {a: b for a, b in promises.items() if x.type.broadcastable[a] != b}
    return Rebroadcast(*promises.items())(x) if promises else x


def addbroadcast(x: Any, *axes: int) -> Any:
    """`x` with `axes` promised to have length 1; checked at run time. ValueError for an axis `x` does not have."""
    return _promise(x, {axis: True for axis in axes})


def unbroadcast(x: Any, *axes: int) -> Any:
    """`x` with `axes` no longer counted on to have length 1, so that they do not broadcast."""
    return _promise(x, {axis: False for axis in axes})


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Any:
    """`x` with the broadcast pattern given; axes that become broadcastable are checked at run time."""
    return _promise(x, {axis: bool(b) for axis, b in enumerate(broadcastable)})


def shape_padleft(t: Any, n_ones: int = 1) -> Any:
    """`t` with `n_ones` broadcastable axes in front."""
    t = as_tensor_variable(t)
    return t.dimshuffle(["x"] * n_ones + list(range(t.type.ndim)))


def shape_padright(t: Any, n_ones: int = 1) -> Any:
    """`t` with `n_ones` broadcastable axes behind."""
    t = as_tensor_variable(t)
    return t.dimshuffle(list(range(t.type.ndim)) + ["x"] * n_ones)


def shape_padaxis(t: Any, axis: int) -> Any:
    """`t` with a broadcastable axis that becomes number `axis`. IndexError where the result has no such axis."""
    t = as_tensor_variable(t)
    ndim = t.type.ndim + 1
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of bounds [-{ndim}, {ndim})")
    axis += ndim if axis < 0 else 0
    pattern: list[Any] = list(range(t.type.ndim))
    pattern.insert(axis, "x")
    return t.dimshuffle(pattern)


# -- the order of axes -------------------------------------------------------------------------------------------------


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """`x` with its axes reversed, or in the order of `axes`."""
    x = as_tensor_variable(x)
    backwards = list(range(x.type.ndim - 1, -1, -1))
    order = backwards if axes is None else axes
    result = x.dimshuffle([int(a) for a in order])
    if x.name and isinstance(order, list) and order == backwards:
        result.name = x.name + ".T"
    return result


def swapaxes(y: Any, axis1: int, axis2: int) -> Any:
    """`y` with two axes exchanged. IndexError where it has no such axis."""
    y = as_tensor_variable(y)
    order = list(range(y.type.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return y.dimshuffle(order)


# -- what is known of them before anything runs ------------------------------------------------------------------------


@known_value.register(Rebroadcast)
@known_value.register(SpecifyShape)
@known_value.register(Reshape)
def _same_everywhere(op: Any, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    return value_of(node.inputs[0])


@known_value.register(Shape_i)
def _known_axis_length(op: Shape_i, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    if node.inputs[0].type.broadcastable[op.i]:
        return np.asarray(1, dtype="int64")
    raise NotScalarConstantError(node.outputs[0])


@known_length.register(Shape)
def _rank(op: Shape, node: Apply, index: int) -> int | None:
    return getattr(node.inputs[0].type, "ndim", None)


@known_length.register(Rebroadcast)
@known_length.register(SpecifyShape)
def _same_length(op: Any, node: Apply, index: int) -> int | None:
    return vector_length(node.inputs[0])


@known_length.register(Reshape)
def _requested_length(op: Reshape, node: Apply, index: int) -> int | None:
    known = _known_entry(node.inputs[1], 0)
    return None if known == -1 else known


@entry_of.register(Shape)
def _entry_of_shape(op: Shape, node: Apply, index: int) -> tuple[Any, None] | None:
    (x,) = node.inputs
    pattern = getattr(x.type, "broadcastable", ())
    if not -len(pattern) <= index < len(pattern):
        return None
    return (1 if pattern[index] else shape_i_op(index % len(pattern))(x)), None


@entry_of.register(Rebroadcast)
@entry_of.register(SpecifyShape)
def _entry_of_first_input(op: Any, node: Apply, index: int) -> tuple[Any, int]:
    return node.inputs[0], index
