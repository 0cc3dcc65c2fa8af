"""Putting tensors together and taking them apart along an axis.

In: tensors of one rank, and an axis, which may be symbolic. Out: the ops `Join`, `Split` and `Tile`, and `concatenate`,
`stack`, `stacklists`, `split`, `roll` and `tile` around them.

All lengths but those along the axis have to agree; where they do not, the call fails at run time (ValueError).
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.static_value import (
    NotScalarConstantError,
    get_scalar_constant_value,
    known_length,
    vector_length,
)
from symtensor.tensor.alloc import alloc
from symtensor.tensor.creation import MakeVector
from symtensor.tensor.math import eq, lt, switch
from symtensor.tensor.shape_ops import patternbroadcast, reshape, shape, shape_padaxis
from symtensor.tensor.sizes import entry, entry_of, product, sizes
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = [
    "Join", "Split", "Tile", "concatenate", "horizontal_stack", "join", "join_", "roll", "split", "stack", "stacklists",
    "tile", "vertical_stack",
]

_CONTINUOUS = ("float16", "float32", "float64", "complex64", "complex128")
_SIGNED = ("int8", "int16", "int32", "int64")
_INTEGERS = _SIGNED + ("uint8", "uint16", "uint32", "uint64")


def _constant_axis(axis: Any) -> int | None:
    """The axis as a number, where it is known."""
    try:
        return int(get_scalar_constant_value(axis))
    except NotScalarConstantError:
        return None


# -- together ----------------------------------------------------------------------------------------------------------


class Join(Op):
    """The tensors put one behind the other along an axis, which is the first input.

    `view`: the number of the tensor that the result may be a view of where all others turn out empty, or -1.
    Raises ValueError for no tensors, TypeError for tensors of different rank or of rank 0 and for an axis that is not
    an integer, ValueError for a constant axis that the tensors do not have.
    """

    __module__ = "symtensor.tensor.basic"
    __props__ = ("view",)

    def __init__(self, view: int = -1):
        self.view = view
        if view != -1:
            # The first input is the axis.
            self.view_map = {0: [1 + view]}

    def __str__(self) -> str:
        return type(self).__name__ if self.view == -1 else f"{type(self).__name__}{{view={self.view}}}"

    def make_node(self, *axis_and_tensors: Any) -> Apply:
        axis, *given = axis_and_tensors
        if not given:
            raise ValueError("Cannot join an empty list of tensors")
        tensors = [as_tensor_variable(x) for x in given]
        ndim = tensors[0].type.ndim
        if any(x.type.ndim != ndim for x in tensors):
            raise TypeError("Join() can only join tensors with the same number of dimensions.")
        if ndim == 0:
            raise TypeError("Join cannot handle arguments of dimension 0. For joining scalar values, see @stack")
        axis, known = _checked_axis(axis, ndim)
        dtype = scal.upcast(*(x.type.dtype for x in tensors))
        if len(tensors) == 1:
            pattern = list(tensors[0].type.broadcastable)
        elif known is None:
            # Any axis may be the one that grows.
            pattern = [False] * ndim
        else:
            # One length of 1 is enough: the others have to agree with it.
            pattern = [any(x.type.broadcastable[k] for x in tensors) for k in range(ndim)]
            pattern[known] = False
        return Apply(self, [axis, *tensors], [TensorType(dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        axis, *tensors = inputs
        axis = int(axis)
        ndim = tensors[0].ndim
        if not -ndim <= axis < ndim:
            raise IndexError(f"Join axis {axis} out of bounds [0, {ndim})")
        kept = self.view
        if kept != -1 and all(x.shape[axis] == 0 for k, x in enumerate(tensors) if k != kept):
            output_storage[0][0] = tensors[kept]
            return
        joined = np.concatenate(tensors, axis=axis)
        output_storage[0][0] = joined.astype(node.outputs[0].type.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        axis: Any = node.inputs[0]
        lengths = [sizes(of_tensor) for of_tensor in shapes[1:]]
        known = _constant_axis(axis)
        ndim = len(lengths[0])
        pattern = node.outputs[0].type.broadcastable
        result = []
        for k in range(ndim):
            total = _sum([lengths_of[k] for lengths_of in lengths])
            if pattern[k]:
                result.append(1)
            elif known is not None:
                result.append(total if k == known % ndim else lengths[0][k])
            else:
                axis_here = switch(lt(axis, 0), axis + ndim, axis)
                result.append(switch(eq(axis_here, k), total, lengths[0][k]))
        return [tuple(result)]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        (gz,) = output_gradients
        axis, *tensors = inputs
        gaxis = grad_undefined(self, 0, axis)
        if scal.upcast(*(x.type.dtype for x in tensors)) not in _CONTINUOUS:
            return [gaxis, *(x.zeros_like(dtype="floatX") for x in tensors)]
        if len(tensors) == 1:
            return [gaxis, gz]
        lengths = [shape(x)[axis] for x in tensors]
        parts = Split(len(tensors))(gz, axis, MakeVector("int64")(*lengths))
        # An axis of length 1 stays one: the parts have the shapes of the tensors.
        return [gaxis, *(_like(part, x) for part, x in zip(parts, tensors))]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points[1:]:
            return [None]
        return self.make_node(inputs[0], *eval_points[1:]).outputs


def _sum(lengths: Sequence[Any]) -> Any:
    """The sum of lengths, with the known ones added up."""
    known = sum(n for n in lengths if isinstance(n, int))
    total: Any = None
    for n in lengths:
        if not isinstance(n, int):
            total = n if total is None else total + n
    return known if total is None else total + known if known else total


def _like(part: Any, x: Any) -> Any:
    return part if part.type.broadcastable == x.type.broadcastable else patternbroadcast(part, x.type.broadcastable)


def _checked_axis(axis: Any, ndim: int) -> tuple[Any, int | None]:
    """The axis as a variable, counted from the front where it is known, and its number."""
    if not isinstance(axis, (int, np.integer)):
        axis = as_tensor_variable(axis)
        if axis.type.dtype not in _SIGNED or axis.type.ndim:
            raise TypeError(
                "Axis could not be cast to an integer type", axis, axis.type,
                tuple(TensorType(dtype, ()) for dtype in _SIGNED),
            )
        if not isinstance(axis, Constant):
            return axis, _in_range(_constant_axis(axis), ndim)
    number = int(axis.data) if isinstance(axis, Constant) else int(axis)
    if number < -ndim:
        raise IndexError(f"Join axis {number} out of bounds [0, {ndim})")
    if number >= ndim:
        raise ValueError('Join argument "axis" is out of range (given input dimensions)')
    if isinstance(axis, Constant) and number >= 0:
        return axis, number
    return as_tensor_variable(number % ndim), number % ndim


def _in_range(number: int | None, ndim: int) -> int | None:
    if number is None:
        return None
    if not -ndim <= number < ndim:
        raise ValueError('Join argument "axis" is out of range (given input dimensions)')
    return number % ndim


join_ = Join()


def join(axis: Any, *tensors_list: Any) -> Any:
    """The tensors put one behind the other along `axis`; a single tensor comes back as it is. See `Join`."""
    if len(tensors_list) == 1:
        return as_tensor_variable(tensors_list[0])
    return join_(axis, *tensors_list)


def concatenate(tensor_list: Sequence[Any], axis: Any = 0) -> Any:
    """The tensors of a list or tuple put one behind the other along `axis`. TypeError for anything but a list or
    tuple; see `Join` for other errors."""
    if not isinstance(tensor_list, (tuple, list)):
        raise TypeError(
            "The 'tensors' argument must be either a tuple or a list, make sure you did not forget () or [] around "
            "arguments of concatenate.",
            tensor_list,
        )
    return join(axis, *tensor_list)


def stack(*tensors: Any, **kwargs: Any) -> Any:
    """`stack(tensors, axis=0)`: tensors of one shape put side by side along a new axis.

    Scalars become a vector, of the dtype that holds all of them. The older form `stack(*tensors)` is deprecated.
    Raises IndexError for an axis that the result does not have, TypeError for tensors of different rank.
    """
    if not tensors and not kwargs:
        raise Exception("symtensor.tensor.stack(tensors, axis) must have at least one parameter")
    if not kwargs and not isinstance(tensors[0], (list, tuple)):
        warnings.warn(
            "stack(*tensors) interface is deprecated, use stack(tensors, axis=0) instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        axis: Any = 0
    else:
        arguments = dict(zip(("tensors", "axis"), tensors))
        unknown = sorted((set(kwargs) - {"tensors", "axis"}) | (set(kwargs) & set(arguments)))
        if unknown or len(tensors) > 2:
            raise TypeError(f"stack() takes tensors and axis; did not expect {unknown or tensors[2:]}")
        arguments.update(kwargs)
        tensors, axis = arguments["tensors"], arguments.get("axis", 0)
    if len(tensors) == 0:
        raise Exception(
            "tensors is empty. You should at least provide one tensor to symtensor.tensor.stack(tensors, axis)."
        )
    # Constants and scalars mixed: a vector made element by element, in the dtype that holds all.
    if all(isinstance(t, (np.number, float, int, complex)) or (isinstance(t, Variable) and _rank(t) == 0)
           for t in tensors):
        elements = [as_tensor_variable(t) for t in tensors]
        return MakeVector(scal.upcast(*(t.type.dtype for t in elements)))(*elements)
    return join(axis % _stacked_rank(tensors, axis), *(shape_padaxis(t, axis) for t in tensors))


def _rank(t: Any) -> int:
    return getattr(t.type, "ndim", 0)


def _stacked_rank(tensors: Sequence[Any], axis: int) -> int:
    ndim = as_tensor_variable(tensors[0]).type.ndim + 1
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of bounds [-{ndim}, {ndim})")
    return ndim


def stacklists(arg: Any) -> Any:
    """Nested lists of tensors of one shape as one tensor: `stacklists([[a, b], [c, d]])` has two more axes than a."""
    if isinstance(arg, (tuple, list)):
        return stack([stacklists(part) for part in arg])
    return arg


def horizontal_stack(*args: Any) -> Any:
    """At least two matrices side by side."""
    return _stack_matrices(args, 1)


def vertical_stack(*args: Any) -> Any:
    """At least two matrices one below the other."""
    return _stack_matrices(args, 0)


def _stack_matrices(args: Sequence[Any], axis: int) -> Any:
    if len(args) < 2 or any(as_tensor_variable(arg).type.ndim != 2 for arg in args):
        raise AssertionError("horizontal_stack and vertical_stack take two matrices or more")
    return concatenate(args, axis=axis)


# -- apart -------------------------------------------------------------------------------------------------------------


class Split(Op):
    """`x` cut along `axis` into `len_splits` pieces whose lengths `splits` gives. Inputs: x, axis, splits.

    Raises TypeError for splits that are not an integer vector or an axis that is not an integer; at run time ValueError
    unless there are `len_splits` lengths, none negative, that add up to the length of the axis.
    """

    __module__ = "symtensor.tensor.basic"
    __props__ = ("len_splits",)
    len_splits: Any = None  # an int, from the constructor on

    def __init__(self, len_splits: int):
        self.len_splits = int(len_splits)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.len_splits}}}"

    def make_node(self, x: Any, axis: Any, splits: Any) -> Apply:
        x, axis, splits = as_tensor_variable(x), as_tensor_variable(axis), as_tensor_variable(splits)
        if splits.type.ndim != 1 or splits.type.dtype not in _INTEGERS:
            raise TypeError("splits must have type tensor.lvector", splits.type)
        if axis.type.dtype not in _INTEGERS or axis.type.ndim:
            raise TypeError("axis must have type lscalar", axis.type)
        known = _constant_axis(axis)
        pattern = list(x.type.broadcastable)
        if known is None:
            pattern = [False] * x.type.ndim
        elif -x.type.ndim <= known < x.type.ndim:
            pattern[known] = False
        else:
            raise ValueError(f"Split: axis {known} is out of bounds for a tensor of rank {x.type.ndim}")
        kind = TensorType(x.type.dtype, pattern)
        return Apply(self, [x, axis, splits], [kind() for _ in range(self.len_splits)])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, axis, splits = inputs
        axis = int(axis)
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"Split: axis {axis} is out of bounds for a tensor of rank {x.ndim}")
        if len(splits) != self.len_splits:
            raise ValueError(f"Split: splits count ({len(splits)}) != expected count ({self.len_splits}).")
        for length in splits:
            if length < 0:
                raise ValueError(f"Split: you try to take a negative number ({length}) of elements.")
        if np.sum(splits) != x.shape[axis]:
            raise ValueError(f"Split: the splits sums to {np.sum(splits)}, expected {x.shape[axis]}.")
        at: list[Any] = [slice(None)] * x.ndim
        first = 0
        for storage, length in zip(output_storage, splits):
            at[axis] = slice(first, first + int(length))
            storage[0] = x[tuple(at)].copy()
            first += int(length)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        axis: Any
        _, axis, splits = node.inputs
        lengths = shapes[0]
        known = _constant_axis(axis)
        result = []
        for k in range(self.len_splits):
            part = entry(splits, k)
            if known is not None:
                result.append(tuple(part if a == known % len(lengths) else n for a, n in enumerate(lengths)))
            else:
                place = switch(lt(axis, 0), axis + len(lengths), axis)
                result.append(tuple(switch(eq(place, a), part, n) for a, n in enumerate(lengths)))
        return result

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        n = self.len_splits
        return [[True] * n, [True] * n, [True] * n]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        _, axis, n = inputs
        outputs = self(*inputs, return_list=True)
        if all(isinstance(g.type, DisconnectedType) for g in output_gradients):
            return [DisconnectedType()(), grad_undefined(self, 1, axis), grad_undefined(self, 2, n)]
        parts = [
            out.zeros_like() if isinstance(g.type, DisconnectedType) else g
            for out, g in zip(outputs, output_gradients)
        ]
        joined = join(axis, *parts)
        x = inputs[0]
        if joined.type.broadcastable != x.type.broadcastable:
            joined = patternbroadcast(joined, x.type.broadcastable)
        return [joined, grad_undefined(self, 1, axis), grad_undefined(self, 2, n)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None] * self.len_splits
        return self.make_node(eval_points[0], *inputs[1:]).outputs


def split(x: Any, splits_size: Any, n_splits: int, axis: Any = 0) -> list[Any]:
    """`x` cut along `axis` into `n_splits` pieces of lengths `splits_size`, a list of tensors. See `Split`."""
    return Split(n_splits)(x, axis, splits_size, return_list=True)


def roll(x: Any, shift: Any, axis: int | None = None) -> Any:
    """`x` with its elements moved on by `shift` along `axis`, those that fall off the end entering at the beginning;
    without an axis, of `x` flattened. IndexError for an axis that `x` does not have."""
    x = as_tensor_variable(x)
    if axis is None:
        if x.type.ndim > 1:
            return roll(x.flatten(), shift, axis=0).reshape(shape(x))
        axis = 0
    if not -x.type.ndim <= axis < x.type.ndim:
        raise IndexError("too many indices for array")
    axis %= x.type.ndim
    length = shape(x)[axis]
    # modulo 0 where the axis is empty: there is nothing to move
    moved = -(as_tensor_variable(shift) % length)
    before = (slice(None),) * axis
    after = (slice(None),) * (x.type.ndim - axis - 1)
    cuts = [(*before, part, *after) for part in (slice(moved, None), slice(0, moved))]
    return join(axis, *(x[cut] for cut in cuts))


# -- repeated ----------------------------------------------------------------------------------------------------------


class Tile(Op):
    """`x` repeated `reps[i]` times along axis i, `ndim` axes in all. Deprecated: `tile` needs no op of its own."""

    __module__ = "symtensor.tensor.basic"
    __props__ = ("ndim",)

    def __init__(self, ndim: int):
        self.ndim = ndim

    def __str__(self) -> str:
        return f"{type(self).__name__}{{ndim={self.ndim}}}"

    def make_node(self, x: Any, reps: Any) -> Apply:
        warnings.warn("Tile op is deprecated, use tile function instead.", stacklevel=3)
        x, reps = as_tensor_variable(x), as_tensor_variable(reps)
        return Apply(self, [x, reps], [TensorType(x.type.dtype, [False] * self.ndim)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, reps = inputs
        tiled = np.tile(x, reps)
        if tiled.ndim != self.ndim:
            raise ValueError(f"Tile.perform produced incorrect number of dimensions: {tiled.ndim}, not {self.ndim}")
        output_storage[0][0] = tiled

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        reps = node.inputs[1]
        lengths = [1] * (self.ndim - len(shapes[0])) + list(sizes(shapes[0]))
        return [tuple(product([length, entry(reps, k)]) for k, length in enumerate(lengths))]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, reps = inputs
        (gz,) = output_gradients
        return [_sum_over_tiles(x, [entry(reps, k) for k in range(self.ndim)], gz), DisconnectedType()()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]


def _sum_over_tiles(x: Any, reps: Sequence[Any], gz: Any) -> Any:
    """The gradient of a tiling: the gradients of all repetitions added."""
    missing = len(reps) - x.type.ndim
    lengths = [1] * missing + [shape(x)[k] for k in range(x.type.ndim)]
    split_up = gz.reshape([n for pair in zip(reps, lengths) for n in pair], ndim=2 * len(reps))
    added = split_up.sum(axis=[*range(0, 2 * len(reps), 2), *range(1, 2 * missing, 2)])
    return _like(added, x)


def tile(x: Any, reps: Any, ndim: int | None = None) -> Any:
    """`x` repeated along its axes, as `numpy.tile`: the last count is for the last axis, missing ones are 1.

    reps  an integer, a list or tuple of integers (any may be symbolic), or an integer vector, which needs `ndim`
    ndim  the rank of the result, at least that of `x` and the number of `reps`

    Raises ValueError for counts that are not integers or for an `ndim` that is missing or too small.
    """
    x = as_tensor_variable(x)
    if ndim is not None and ndim < x.type.ndim:
        raise ValueError("ndim should be equal or larger than x.ndim")
    if not isinstance(reps, (list, tuple)):
        counts = as_tensor_variable(reps)
        if counts.type.dtype not in _INTEGERS:
            raise ValueError("elements of reps must be integer dtype")
        if counts.type.ndim > 1:
            raise ValueError("the dimension of reps should not exceed 1")
        if counts.type.ndim == 1:
            if ndim is None:
                raise ValueError("if reps is tensor.vector, you should specify the ndim")
            # Counting in front, with 1s; more than ndim counts make the length of the 1s negative, which fails.
            padding = alloc(as_tensor_variable(1).astype(counts.type.dtype), ndim - shape(counts)[0])
            padded = join(0, padding, counts)
            reps = [padded[k] for k in range(ndim)]
        else:
            reps = [counts]
    reps = [_count(r) for r in reps]
    rank = max(len(reps), x.type.ndim)
    if ndim is None:
        ndim = rank
    elif len(reps) > ndim:
        raise ValueError("len(reps) should be equal or less than ndim")
    one = as_tensor_variable(1)
    reps = [one] * (ndim - len(reps)) + reps
    lengths = [shape(x)[k] for k in range(x.type.ndim)]
    missing = ndim - x.type.ndim
    repeated = alloc(x, *reps, *([one] * missing), *lengths)
    order = [axis for k in range(ndim) for axis in (k, ndim + k)]
    sizes = [reps[k] if k < missing else lengths[k - missing] * reps[k] for k in range(ndim)]
    return reshape(repeated.dimshuffle(order), sizes)


def _count(r: Any) -> Any:
    r = as_tensor_variable(r)
    if r.type.dtype not in _INTEGERS or r.type.ndim:
        raise ValueError("elements of reps must be scalars of integer dtype")
    return r


# -- what is known of them before anything runs ------------------------------------------------------------------------


@known_length.register(Join)
def _joined_length(op: Join, node: Apply, index: int) -> int | None:
    total = 0
    for vector in node.inputs[1:]:
        length = vector_length(vector)
        if length is None:
            return None
        total += length
    return total


@entry_of.register(Join)
def _entry_of_join(op: Join, node: Apply, index: int) -> tuple[Any, int] | None:
    for vector in node.inputs[1:]:
        length = vector_length(vector)
        if length is None or index < 0:
            return None
        if index < length:
            return vector, index
        index -= length
    return None


@entry_of.register(MakeVector)
def _entry_of_list(op: MakeVector, node: Apply, index: int) -> tuple[Any, None] | None:
    return (node.inputs[index], None) if 0 <= index < len(node.inputs) else None
