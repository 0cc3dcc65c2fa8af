"""Indexing as users write it: `x[...]`, `take`, and tensors with the elements so named set or increased.

In: tensors, and what stands between brackets. Out: `index_variable`, which is what `x[...]` means; `set_subtensor` and
`inc_subtensor`. The ops are in `symtensor.tensor.basic_indexing` and `symtensor.tensor.advanced_indexing`; their names
are handed on from here.

Refused: Python booleans as indices, more than one Ellipsis, more indices than axes, values of higher rank than what
they are written to.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Variable
from symtensor.tensor.advanced_indexing import (
    AdvancedBooleanIncSubtensor,
    AdvancedBooleanSubtensor,
    AdvancedIncSubtensor,
    AdvancedIncSubtensor1,
    AdvancedSubtensor,
    AdvancedSubtensor1,
    BaseAdvancedIncSubtensor,
    BaseAdvancedSubtensor,
    adv_index_broadcastable_pattern,
    advanced_boolean_inc_subtensor,
    advanced_boolean_set_subtensor,
    advanced_boolean_subtensor,
    advanced_inc_subtensor,
    advanced_inc_subtensor1,
    advanced_set_subtensor,
    advanced_set_subtensor1,
    advanced_subtensor,
    advanced_subtensor1,
    as_index_variable,
    check_advanced_indexing_dimensions,
    check_and_reject_bool,
)
from symtensor.tensor.alloc import alloc
from symtensor.tensor.basic_indexing import IncSubtensor, Subtensor
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.index_list import (
    AdvancedBooleanIndexingError,
    AdvancedIndexingError,
    collapse,
    convert,
    get_canonical_form_slice,
    get_idx_list,
    make_constant,
)
from symtensor.tensor.joining import join
from symtensor.tensor.math import clip
from symtensor.tensor.shape_ops import Reshape, addbroadcast, shape
from symtensor.tensor.type_other import NoneConst, NoneTypeT, SliceType, make_slice

__all__ = [
    "AdvancedBooleanIncSubtensor", "AdvancedBooleanIndexingError", "AdvancedBooleanSubtensor", "AdvancedIncSubtensor",
    "AdvancedIncSubtensor1", "AdvancedIndexingError", "AdvancedSubtensor", "AdvancedSubtensor1",
    "BaseAdvancedIncSubtensor", "BaseAdvancedSubtensor", "IncSubtensor", "NoneConst", "NoneTypeT", "SliceType",
    "Subtensor", "adv_index_broadcastable_pattern", "advanced_boolean_inc_subtensor",
    "advanced_boolean_set_subtensor", "advanced_boolean_subtensor", "advanced_inc_subtensor",
    "advanced_inc_subtensor1", "advanced_set_subtensor", "advanced_set_subtensor1", "advanced_subtensor",
    "advanced_subtensor1", "as_index_variable", "check_advanced_indexing_dimensions", "check_and_reject_bool",
    "get_canonical_form_slice", "get_idx_list", "inc_subtensor", "index_variable", "make_constant", "make_slice",
    "set_subtensor", "take",
]


# -- what x[...] means -------------------------------------------------------------------------------------------------


def index_variable(x: Any, args: Any) -> Any:
    """`x[args]`.

    Integers, slices, None, Ellipsis, integer arrays and boolean masks mean what they mean in NumPy, where Python
    booleans are refused (TypeError). Raises IndexError for too many indices, TypeError for what is not an index.
    """
    _reject_python_booleans(args)
    if isinstance(args, list) and any(isinstance(entry, (slice, list)) or entry is None for entry in args[:32]):
        if any(isinstance(entry, slice) for entry in args):
            args = tuple(args)
    if not isinstance(args, tuple):
        args = (args,)
    args = _without_ellipsis(x, tuple(_tidied(entry) for entry in args))
    kinds = [_kind(entry) for entry in args]
    if "mask" in kinds:
        return advanced_boolean_subtensor(x, *_index_inputs(args, kinds))
    if "array" in kinds:
        return _advanced(x, args, kinds)
    if "new" in kinds:
        return _with_new_axes(x, args, kinds)
    args = make_constant(args)
    return Subtensor(args)(x, *collapse(args, lambda entry: isinstance(entry, Variable)))


def _reject_python_booleans(entry: Any) -> None:
    if isinstance(entry, (bool, np.bool_)):
        raise TypeError(
            "TensorType does not support Python bools for indexing, such as tensor[[True, False]]. To use a boolean "
            "mask, convert the mask to a NumPy array first, e.g., tensor[numpy.array([True, False])]."
        )
    if isinstance(entry, (list, tuple)):
        for part in entry:
            _reject_python_booleans(part)


def _tidied(entry: Any) -> Any:
    """Arrays of rank 0 as the integers that they are, the variable of None as None."""
    if isinstance(entry, np.ndarray) and entry.ndim == 0 and entry.dtype.kind in "iu":
        return int(entry)
    if isinstance(entry, Variable) and isinstance(entry.type, NoneTypeT):
        return None
    return entry


def _without_ellipsis(x: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index with the Ellipsis spelled out."""
    places = [place for place, entry in enumerate(args) if entry is Ellipsis]
    if len(places) > 1:
        raise IndexError("an index can only have a single Ellipsis (`...`)")
    used = sum(_axes_used(entry) for entry in args)
    if used > x.type.ndim:
        raise IndexError("too many indices for array")
    if places:
        place = places[0]
        args = args[:place] + (slice(None),) * (x.type.ndim - used) + args[place + 1:]
    return args


def _axes_used(entry: Any) -> int:
    """How many axes an entry of an index speaks about."""
    if entry is None or entry is Ellipsis:
        return 0
    if getattr(entry, "dtype", None) == "bool":
        return entry.ndim
    return 1


def _kind(entry: Any) -> str:
    """Of an entry: "basic", "new" (axis), "array" or "mask"."""
    if entry is None:
        return "new"
    if isinstance(entry, (int, np.integer)):
        return "basic"
    try:
        convert(make_constant(entry) if isinstance(entry, slice) else entry)
        return "basic"
    except AdvancedBooleanIndexingError:
        return "mask"
    except AdvancedIndexingError:
        return "array"


def _with_new_axes(x: Any, args: tuple[Any, ...], kinds: Sequence[str]) -> Any:
    """Basic indexing with new axes: they are put in first."""
    pattern: list[Any] = []
    rest: list[Any] = []
    axis = 0
    for entry, kind in zip(args, kinds):
        pattern.append("x" if kind == "new" else axis)
        rest.append(slice(None) if kind == "new" else entry)
        axis += kind != "new"
    pattern += range(axis, x.type.ndim)
    view = x.dimshuffle(pattern)
    if all(isinstance(entry, slice) and entry == slice(None) for entry in rest):
        return view
    return index_variable(view, tuple(rest))


def _index_inputs(args: Sequence[Any], kinds: Sequence[str]) -> list[Any]:
    """The entries of an advanced index as inputs of a node: integers and bounds as int64."""
    return [as_index_variable(make_constant(entry) if kind == "basic" else entry) for entry, kind in zip(args, kinds)]


def _advanced(x: Any, args: tuple[Any, ...], kinds: Sequence[str]) -> Any:
    """Indexing with arrays. One array and nothing else but full slices is a `take` along an axis."""
    others = [entry for entry, kind in zip(args, kinds) if kind != "array"]
    if kinds.count("array") == 1 and all(isinstance(entry, slice) and entry == slice(None) for entry in others):
        axis = kinds.index("array")
        array = args[axis]
        if isinstance(array, (list, np.ndarray)) and not len(array):
            array = np.asarray(array, dtype="int64")
        return take(x, as_index_variable(array), axis)
    return advanced_subtensor(x, *_index_inputs(args, kinds))


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """The elements of `a` at `indices` along `axis` (None: of `a` flattened), as `numpy.take`.

    mode  "raise": an index out of bounds is an IndexError at run time; "clip": it counts as the nearest valid one;
          "wrap": modulo the length

    Raises ValueError for another mode, IndexError for an axis that `a` does not have.
    """
    a, indices = as_tensor_variable(a), as_tensor_variable(indices)
    if axis is not None:
        if not -a.type.ndim <= axis < a.type.ndim:
            raise IndexError(f"axis {axis} is out of bounds for a tensor of rank {a.type.ndim}")
        axis %= a.type.ndim
    if indices.type.ndim == 1:
        if axis is None:
            return take(a.flatten(), indices, 0, mode)
        if mode == "clip":
            indices = clip(indices, 0, shape(a)[axis] - 1)
        elif mode == "wrap":
            indices = indices % shape(a)[axis]
        elif mode != "raise":
            raise ValueError(f"take: the mode must be 'raise', 'clip' or 'wrap', not {mode!r}")
        if axis == 0:
            return advanced_subtensor1(a, indices)
        order = list(range(a.type.ndim))
        order[0], order[axis] = axis, 0
        return advanced_subtensor1(a.dimshuffle(order), indices).dimshuffle(order)
    if axis is None:
        lengths, ndim = shape(indices), indices.type.ndim
    else:
        before = [shape(a)[:axis]] if axis else []
        lengths = join(0, *before, shape(indices), shape(a)[axis + 1:])
        ndim = a.type.ndim + indices.type.ndim - 1
    return take(a, indices.flatten(), axis, mode).reshape(lengths, ndim)


# -- writing -----------------------------------------------------------------------------------------------------------


def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Any:
    """The tensor that `x` is an indexing expression of, with the elements that `x` names replaced by `y`.

    `set_subtensor(r[10:], 5)` is r with its elements from the eleventh on set to 5. See `inc_subtensor`.
    """
    return inc_subtensor(
        x, y, inplace, set_instead_of_inc=True, tolerate_inplace_aliasing=tolerate_inplace_aliasing
    )


def inc_subtensor(
    x: Any,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
) -> Any:
    """The tensor that `x` is an indexing expression of, with the elements that `x` names increased by `y`.

    Where an index names an element several times, every increment counts. `y` may broadcast to the shape of `x`.

    inplace                    the graph that results may overwrite the tensor
    set_instead_of_inc         replace instead of increase
    tolerate_inplace_aliasing  with `inplace`: the tensor and `y` may share memory

    Raises TypeError where `x` is not an indexing expression (dimshuffled or reshaped at most), or `y` has higher rank.
    """
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    if y.type.ndim > x.type.ndim:
        raise TypeError(
            f"Trying to increment a {x.type.ndim}-dimensional subtensor with a {y.type.ndim}-dimensional value."
        )
    offset = x.type.ndim - y.type.ndim
    promised = [a for a in range(y.type.ndim) if x.type.broadcastable[a + offset] and not y.type.broadcastable[a]]
    y = addbroadcast(y, *promised)
    if x.owner is None:
        raise TypeError("x must be the result of a subtensor operation")
    op, inputs = x.owner.op, x.owner.inputs
    if isinstance(op, Subtensor):
        tolerated = [(0, 1)] if tolerate_inplace_aliasing else []
        writer = IncSubtensor(op.idx_list, inplace, set_instead_of_inc, destroyhandler_tolerate_aliased=tolerated)
        return writer(inputs[0], y, *inputs[1:])
    for read, write in _WRITERS:
        if isinstance(op, read):
            return write(inplace=inplace, set_instead_of_inc=set_instead_of_inc)(inputs[0], y, *inputs[1:])
    if isinstance(op, DimShuffle):
        return _write_through_dimshuffle(x, y, inplace, set_instead_of_inc, tolerate_inplace_aliasing)
    if isinstance(op, Reshape):
        inner = inputs[0]
        if y.type.ndim > 0:
            full = alloc(y, *(shape(x)[axis] for axis in range(x.type.ndim)))
            y = full.reshape(shape(inner), inner.type.ndim)
        return inc_subtensor(inner, y, inplace, set_instead_of_inc, tolerate_inplace_aliasing)
    raise TypeError("x must be the result of a subtensor operation")


_WRITERS = (
    (AdvancedSubtensor1, AdvancedIncSubtensor1),
    (AdvancedSubtensor, AdvancedIncSubtensor),
    (AdvancedBooleanSubtensor, AdvancedBooleanIncSubtensor),
)


def _write_through_dimshuffle(x: Any, y: Any, inplace: bool, setting: bool, aliasing: bool) -> Any:
    """Indexing along a later axis reads through a transposition and back; the result takes the same way."""
    op = x.owner.op
    inner = x.owner.inputs[0]
    missing = x.type.ndim - y.type.ndim
    padded = y.dimshuffle(["x"] * missing + list(range(y.type.ndim))) if missing and y.type.ndim else y
    if y.type.ndim == 0:
        order: list[Any] = ["x"] * inner.type.ndim
    else:
        place = {axis: where for where, axis in enumerate(op.new_order) if axis != "x"}
        order = [place.get(axis, "x") for axis in range(inner.type.ndim)]
    written = inc_subtensor(inner, padded.dimshuffle(order), inplace, setting, aliasing)
    if written.type.ndim != len(op.input_broadcastable):
        raise TypeError("x must be the result of a subtensor operation: a dimshuffle stands between")
    return written.dimshuffle(op.new_order)
