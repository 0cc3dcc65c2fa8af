"""Indexing by integer arrays and by boolean masks, read and written.

In: a tensor and, per entry of the index, an integer or boolean tensor, a slice variable, or `NoneConst`. Out: copies of
the elements (`AdvancedSubtensor1` for one integer vector on the first axis, `AdvancedSubtensor`,
`AdvancedBooleanSubtensor`), and tensors with those elements set or increased (`AdvancedIncSubtensor1`,
`AdvancedIncSubtensor`, `AdvancedBooleanIncSubtensor`). An increment counts as often as the index names an element.

The rules of shape are NumPy's: index arrays broadcast together; where they stand side by side the new axes take their
place, else they come first. A mask of rank k speaks about k axes and gives one.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor import scalar as scal
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.conversion import tensor_from_scalar
from symtensor.tensor.index_list import INTEGER_DTYPES, AdvancedBooleanIndexingError, AdvancedIndexingError
from symtensor.tensor.math import eq
from symtensor.tensor.sizes import ShapeError, same, select, size, sizes, slice_length
from symtensor.tensor.type import TensorType
from symtensor.tensor.type_other import MakeSlice, NoneTypeT, SliceConstant, SliceType, as_int_none_variable, make_slice

__all__ = [
    "AdvancedBooleanIncSubtensor", "AdvancedBooleanIndexingError", "AdvancedBooleanSubtensor", "AdvancedIncSubtensor",
    "AdvancedIncSubtensor1", "AdvancedIndexingError", "AdvancedSubtensor", "AdvancedSubtensor1",
    "BaseAdvancedIncSubtensor", "BaseAdvancedSubtensor", "IndexPlan", "adv_index_broadcastable_pattern",
    "advanced_boolean_inc_subtensor", "advanced_boolean_set_subtensor", "advanced_boolean_subtensor",
    "advanced_inc_subtensor", "advanced_inc_subtensor1", "advanced_set_subtensor", "advanced_set_subtensor1",
    "advanced_subtensor", "advanced_subtensor1", "as_index_variable", "check_advanced_indexing_dimensions",
    "check_and_reject_bool", "index_plan", "slice_parts", "sparse_gradient", "sum_to_pattern",
]

_CONTINUOUS = ("float16", "float32", "float64", "complex64", "complex128")

# Filled in by symtensor.sparse: (x, gradient rows, row indices) -> a sparse gradient for x.
sparse_gradient: list[Callable[[Any, Any, Any], Any]] = []


# -- entries of an index -----------------------------------------------------------------------------------------------


def as_index_variable(idx: Any) -> Any:
    """An entry of an index as a variable: a slice variable, `NoneConst`, or an integer or boolean tensor.

    TypeError for tensors of another dtype.
    """
    if idx is None:
        return as_int_none_variable(None)
    if isinstance(idx, slice):
        return make_slice(idx)
    if isinstance(idx, Variable):
        if isinstance(idx.type, (SliceType, NoneTypeT)):
            return idx
        if isinstance(idx.type, scal.Scalar):
            idx = tensor_from_scalar(idx)
    idx = as_tensor_variable(idx)
    if idx.type.dtype not in INTEGER_DTYPES and idx.type.dtype != "bool":
        raise TypeError("index must be integers or a boolean mask")
    return idx


def check_and_reject_bool(args_el: Any) -> None:
    """TypeError where an entry of an index is a boolean mask."""
    if isinstance(args_el, (bool, np.bool_)) or getattr(args_el, "dtype", None) == "bool":
        raise TypeError(
            "AdvancedSubtensor does not support boolean masks for indexing. Use AdvancedBooleanSubtensor instead. "
        )
    if isinstance(args_el, (tuple, list)):
        for entry in args_el:
            check_and_reject_bool(entry)


def check_advanced_indexing_dimensions(input: Any, idx_list: Sequence[Any]) -> None:
    """IndexError where the index speaks about more axes than the array has, or a mask does not fit the array.

    Works on arrays and on variables; of variables only the ranks are known.
    """
    axis = 0
    for index in idx_list:
        if index is None or (isinstance(index, Variable) and isinstance(index.type, NoneTypeT)):
            continue
        if getattr(index, "dtype", None) == "bool":
            if axis + index.ndim > input.ndim:
                raise IndexError("too many indices for array")
            lengths = getattr(index, "shape", ()) if isinstance(index, np.ndarray) else ()
            for i, length in enumerate(lengths):
                if isinstance(input, np.ndarray) and length != input.shape[axis + i]:
                    raise IndexError(
                        f"boolean index did not match indexed array along dimension {axis + i}; dimension is "
                        f"{input.shape[axis + i]} but corresponding boolean dimension is {length}"
                    )
            axis += index.ndim
        else:
            axis += 1
    if axis > input.ndim:
        raise IndexError("too many indices for array")


def slice_parts(entry: Any) -> tuple[Any, Any, Any]:
    """Start, stop and step of a slice variable, each a variable, an int or None. ShapeError where they are hidden."""
    if isinstance(entry, SliceConstant):
        return entry.data.start, entry.data.stop, entry.data.step
    if entry.owner is not None and isinstance(entry.owner.op, MakeSlice):
        start, stop, step = (None if isinstance(p.type, NoneTypeT) else p for p in entry.owner.inputs)
        return start, stop, step
    raise ShapeError("the parts of the slice are not known", entry)


# -- how an index maps axes --------------------------------------------------------------------------------------------


class IndexPlan:
    """Which axes an advanced index reads, and which axes its result has.

    entries  per entry of the index: ("new", variable, None), ("slice", variable, axis), ("array", variable, axis) or
             ("mask", variable, first axis), with the axis of the indexed tensor
    rest     the axes behind those that the index speaks about
    arrays   the index arrays and masks, in order
    rank     of the broadcast index arrays, a mask counting as a vector
    place    where in the result the index arrays' axes stand
    before, after  the entries ("new" and "slice") whose axes stand before and after them in the result
    """

    def __init__(self, x: Any, index: Sequence[Any]):
        self.entries: list[tuple[str, Any, Any]] = []
        axis = 0
        for entry in index:
            if isinstance(entry.type, NoneTypeT):
                self.entries.append(("new", entry, None))
                continue
            if isinstance(entry.type, SliceType):
                self.entries.append(("slice", entry, axis))
            elif entry.type.dtype == "bool":
                self.entries.append(("mask", entry, axis))
                axis += entry.type.ndim
                continue
            else:
                self.entries.append(("array", entry, axis))
            axis += 1
        if axis > x.type.ndim:
            raise IndexError("too many indices for array")
        self.rest = range(axis, x.type.ndim)
        where = [place for place, entry in enumerate(self.entries) if entry[0] in ("array", "mask")]
        self.arrays = [self.entries[place][1] for place in where]
        self.rank = max((1 if a.type.dtype == "bool" else a.type.ndim for a in self.arrays), default=0)
        together = not where or where[-1] - where[0] + 1 == len(where)
        first = where[0] if where and together else 0
        others = [(place, entry) for place, entry in enumerate(self.entries) if place not in where]
        self.before = [entry for place, entry in others if place < first]
        self.after = [entry for place, entry in others if place >= first]
        self.place = len(self.before)


def index_plan(x: Any, index: Sequence[Any]) -> IndexPlan:
    """The plan of an advanced index. IndexError where the index speaks about more axes than `x` has."""
    return IndexPlan(x, index)


def adv_index_broadcastable_pattern(a: Any, idx: Sequence[Any]) -> tuple[bool, ...]:
    """The broadcast pattern of `a[idx]`, for an index of variables."""
    plan = index_plan(a, idx)

    def of_entry(entry: tuple[str, Any, Any]) -> bool:
        kind, variable, axis = entry
        return kind == "new" or (a.type.broadcastable[axis] and _slice_keeps_one(variable))

    arrays = [True] * plan.rank
    for array in plan.arrays:
        pattern = (False,) if array.type.dtype == "bool" else array.type.broadcastable
        for k, broadcastable in enumerate(reversed(pattern)):
            arrays[-1 - k] = arrays[-1 - k] and broadcastable
    return (
        *map(of_entry, plan.before), *arrays, *map(of_entry, plan.after),
        *(a.type.broadcastable[axis] for axis in plan.rest),
    )


def _slice_keeps_one(entry: Any) -> bool:
    """Whether a slice variable is known to take the only element of an axis of length 1."""
    try:
        parts = slice_parts(entry)
    except ShapeError:
        return False
    if parts[0] is None and parts[1] is None:
        return True
    known = [p.data if isinstance(p, Constant) else _number_inside(p) for p in parts]
    if any(k is None and p is not None for k, p in zip(known, parts)):
        return False
    return len(range(*slice(*(None if k is None else int(k) for k in known)).indices(1))) == 1


def _number_inside(part: Any) -> Any:
    """The number of an int, or of the tensor made of a scalar constant; else None."""
    if isinstance(part, (int, np.integer)):
        return part
    if isinstance(part, Variable) and part.owner is not None and len(part.owner.inputs) == 1:
        inner = part.owner.inputs[0]
        return inner.data if isinstance(inner, Constant) else None
    return None


def sum_to_pattern(x: Any, gx: Any) -> Any:
    """A gradient for what `x` was broadcast to, summed over the axes that broadcasting added or stretched."""
    if gx.type.broadcastable == x.type.broadcastable:
        return gx
    added = gx.type.ndim - x.type.ndim
    axes = list(range(added))
    axes += [a + added for a, b in enumerate(x.type.broadcastable) if b and not gx.type.broadcastable[a + added]]
    gx = gx.sum(axis=axes, keepdims=True) if axes else gx
    return gx.dimshuffle(list(range(added, gx.type.ndim))) if added else gx


def _zeros(x: Any) -> Any:
    """Zeros like `x`, in a dtype that can hold a gradient."""
    return x.zeros_like() if x.type.dtype in _CONTINUOUS else x.zeros_like(dtype="floatX")


# -- one integer vector on the first axis ------------------------------------------------------------------------------


def _checked_rows(x: Any, ilist: Any) -> None:
    if ilist.type.dtype not in INTEGER_DTYPES:
        raise TypeError("index must be integers")
    if ilist.type.ndim != 1:
        raise TypeError("index must be vector")
    if x.type.ndim == 0:
        raise TypeError("cannot index into a scalar")


class AdvancedSubtensor1(Op):
    """The elements of `x` along its first axis at an integer vector. IndexError at run time for one out of bounds."""

    __module__ = "symtensor.tensor.subtensor"
    __props__ = ()

    def __init__(self, sparse_grad: bool = False):
        self.sparse_grad = sparse_grad

    def make_node(self, x: Any, ilist: Any) -> Apply:
        x, ilist = as_tensor_variable(x), as_tensor_variable(ilist)
        _checked_rows(x, ilist)
        pattern = (ilist.type.broadcastable[0], *x.type.broadcastable[1:])
        return Apply(self, [x, ilist], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, rows = inputs
        output_storage[0][0] = x.take(_int64(rows), axis=0)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [(*shapes[1], *shapes[0][1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, ilist = inputs
        (gz,) = output_gradients
        if x.type.dtype not in _CONTINUOUS:
            gx = _zeros(x)
        elif self.sparse_grad:
            if x.type.ndim != 2:
                raise TypeError(
                    f"AdvancedSubtensor1: you can't take the sparse grad from a tensor with ndim != 2. ndim is "
                    f"{x.type.ndim}"
                )
            gx = sparse_gradient[-1](x, gz, ilist)
        else:
            gx = advanced_inc_subtensor1(x.zeros_like(), gz, ilist)
        return [gx, DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self.make_node(eval_points[0], *inputs[1:]).outputs


def _int64(index: np.ndarray) -> np.ndarray:
    """The index as NumPy wants it; a uint64 that is no int64 is out of every bound."""
    if index.dtype == np.uint64:
        if index.size and index.max() > np.iinfo("int64").max:
            raise IndexError(f"index {index.max()} is out of bounds")
        return index.astype("int64")
    return index


class AdvancedIncSubtensor1(Op):
    """`x` with its elements along the first axis at an integer vector increased by `y`, or replaced by it.

    `y` broadcasts to the shape of what is read there, and is converted to the dtype of `x`. Where a replaced element is
    named several times, the last one stays.
    """

    __module__ = "symtensor.tensor.subtensor"
    __props__ = ("inplace", "set_instead_of_inc")

    def __init__(self, inplace: bool = False, set_instead_of_inc: bool = False):
        self.inplace = bool(inplace)
        self.set_instead_of_inc = bool(set_instead_of_inc)
        if inplace:
            self.destroy_map = {0: [0]}

    def clone_inplace(self) -> AdvancedIncSubtensor1:
        """The same op, overwriting its input."""
        return type(self)(inplace=True, set_instead_of_inc=self.set_instead_of_inc)

    def __str__(self) -> str:
        place = "inplace" if self.inplace else "no_inplace"
        return f"{type(self).__name__}{{{place},{'set' if self.set_instead_of_inc else 'inc'}}}"

    def make_node(self, x: Any, y: Any, ilist: Any) -> Apply:
        x, y, ilist = as_tensor_variable(x), as_tensor_variable(y), as_tensor_variable(ilist)
        _checked_rows(x, ilist)
        if y.type.ndim > x.type.ndim:
            word = "set" if self.set_instead_of_inc else "increment"
            raise TypeError(
                f"cannot {word} x subtensor with ndim={x.type.ndim} by y with ndim={y.type.ndim} to x subtensor with "
                f"ndim={x.type.ndim}"
            )
        _check_storable(x, y)
        return Apply(self, [x, y, ilist], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, y, rows = inputs
        output_storage[0][0] = _write(x if self.inplace else x.copy(), _int64(rows), y, self.set_instead_of_inc)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True], [False]]

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y, rows = inputs
        (gz,) = output_gradients
        gx, gy = _zeros(x), _zeros(y)
        if x.type.dtype in _CONTINUOUS:
            gx = advanced_set_subtensor1(gz, y.zeros_like(), rows) if self.set_instead_of_inc else gz
            if y.type.dtype in _CONTINUOUS:
                gy = sum_to_pattern(y, advanced_subtensor1(gz, rows))
        return [gx, gy, DisconnectedType()()]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points[:2]:
            return [None]
        return self.make_node(eval_points[0], eval_points[1], *inputs[2:]).outputs


def _check_storable(x: Any, y: Any) -> None:
    if y.type.dtype.startswith("complex") and not x.type.dtype.startswith("complex"):
        raise TypeError(f"Cannot store values of dtype {y.type.dtype} into a subtensor of dtype {x.type.dtype}.")


def _write(target: np.ndarray, index: Any, y: np.ndarray, setting: bool) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        y = y.astype(target.dtype, copy=False)
        if setting:
            target[index] = y
        elif target.dtype == bool:
            np.logical_or.at(target, index, y)
        else:
            np.add.at(target, index, y)
    return target


# -- any index ---------------------------------------------------------------------------------------------------------


def _numeric(x: np.ndarray, index: Sequence[Any]) -> tuple[Any, ...]:
    """The index at run time, checked."""
    index = tuple(_int64(e) if isinstance(e, np.ndarray) else e for e in index)
    check_advanced_indexing_dimensions(x, index)
    return index


class BaseAdvancedSubtensor(Op):
    """The elements of `x` at an index of arrays, slices and new axes; a copy.

    Raises IndexError for too many indices, and at run time for indices out of bounds, for index arrays that do not
    broadcast together and for masks of another shape than the axes they speak about.
    """

    __module__ = "symtensor.tensor.subtensor"
    __props__ = ()

    def make_node(self, x: Any, *index: Any) -> Apply:
        x = as_tensor_variable(x)
        index = tuple(as_index_variable(entry) for entry in index)
        pattern = adv_index_broadcastable_pattern(x, index)
        return Apply(self, [x, *index], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, *index = inputs
        result = np.asarray(x[_numeric(x, index)])
        output_storage[0][0] = result.copy() if np.may_share_memory(result, x) else result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        x, *index = node.inputs
        plan = index_plan(x, index)
        of_input = {id(v): sizes(s) for v, s in zip(node.inputs, shapes) if isinstance(v.type, TensorType)}
        of_x = sizes(shapes[0])
        if any(array.type.dtype == "bool" for array in plan.arrays):
            raise ShapeError("the number of elements that a mask takes is known only when it is")

        def of_entry(entry: tuple[str, Any, Any]) -> Any:
            kind, variable, axis = entry
            if kind == "new":
                return 1
            start, stop, step = (None if part is None else size(part) for part in slice_parts(variable))
            return slice_length(start, stop, step, of_x[axis])

        arrays: list[Any] = [1] * plan.rank
        for array in plan.arrays:
            lengths = of_input[id(array)]
            for k, length in enumerate(reversed(lengths)):
                if not array.type.broadcastable[-1 - k]:
                    arrays[-1 - k] = _broadcast_length(arrays[-1 - k], length)
        lengths = (
            *map(of_entry, plan.before), *arrays, *map(of_entry, plan.after),
            *(of_x[axis] for axis in plan.rest),
        )
        pattern = node.outputs[0].type.broadcastable
        return [tuple(1 if one else length for one, length in zip(pattern, lengths))]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True]] + [[False]] * (len(node.inputs) - 1)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, *index = inputs
        (gz,) = output_gradients
        gx = self.writer(x.zeros_like(), gz, *index) if x.type.dtype in _CONTINUOUS else _zeros(x)
        return [gx, *(DisconnectedType()() for _ in index)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None:
            return [None]
        return self.make_node(eval_points[0], *inputs[1:]).outputs

    @property
    def writer(self) -> BaseAdvancedIncSubtensor:
        """The op that adds to the elements that this one reads."""
        return advanced_inc_subtensor


def _broadcast_length(a: Any, b: Any) -> Any:
    """The length two index arrays broadcast to along an axis; NumPy's rule also stretches a length that happens to be
    1 at run time."""
    if same(a, 1) or same(a, b):
        return b
    if isinstance(a, int):
        return a
    return select(eq(a, 1), b, a)


class AdvancedSubtensor(BaseAdvancedSubtensor):
    """`BaseAdvancedSubtensor` for integer arrays. TypeError for boolean masks."""

    __module__ = "symtensor.tensor.subtensor"
    def make_node(self, x: Any, *index: Any) -> Apply:
        check_and_reject_bool(index)
        return super().make_node(x, *index)


class AdvancedBooleanSubtensor(BaseAdvancedSubtensor):
    """`BaseAdvancedSubtensor` for indices with boolean masks."""

    __module__ = "symtensor.tensor.subtensor"
    @property
    def writer(self) -> BaseAdvancedIncSubtensor:
        return advanced_boolean_inc_subtensor


class BaseAdvancedIncSubtensor(Op):
    """`x` with the elements at an index of arrays, slices and new axes increased by `y`, or replaced by it.

    `y` broadcasts to the shape of what is read there and is converted to the dtype of `x`. There is no in-place form:
    NotImplementedError for `inplace`.
    """

    __module__ = "symtensor.tensor.subtensor"
    __props__ = ("inplace", "set_instead_of_inc")

    def __init__(self, inplace: bool = False, set_instead_of_inc: bool = False):
        if inplace:
            raise NotImplementedError("In place computation is not implemented")
        self.inplace = bool(inplace)
        self.set_instead_of_inc = bool(set_instead_of_inc)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{inplace={self.inplace},  set_instead_of_inc={self.set_instead_of_inc}}}"

    def make_node(self, x: Any, y: Any, *index: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        index = tuple(as_index_variable(entry) for entry in index)
        pattern = adv_index_broadcastable_pattern(x, index)
        if y.type.ndim > len(pattern):
            raise TypeError(
                f"Trying to increment a {len(pattern)}-dimensional subtensor with a {y.type.ndim}-dimensional value."
            )
        _check_storable(x, y)
        return Apply(self, [x, y, *index], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        x, y, *index = inputs
        output_storage[0][0] = _write(x.copy(), _numeric(x, index), y, self.set_instead_of_inc)

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True]] + [[False]] * (len(node.inputs) - 2)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y, *index = inputs
        (gz,) = output_gradients
        gx, gy = _zeros(x), _zeros(y)
        if x.type.dtype in _CONTINUOUS:
            gx = self.setter(gz, y.zeros_like(), *index) if self.set_instead_of_inc else gz
            if y.type.dtype in _CONTINUOUS:
                gy = sum_to_pattern(y, self.reader(gz, *index))
        return [gx, gy, *(DisconnectedType()() for _ in index)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if None in eval_points[:2]:
            return [None]
        return self.make_node(eval_points[0], eval_points[1], *inputs[2:]).outputs

    @property
    def setter(self) -> BaseAdvancedIncSubtensor:
        """The op that replaces the elements that this one writes."""
        return advanced_set_subtensor

    @property
    def reader(self) -> BaseAdvancedSubtensor:
        """The op that reads the elements that this one writes."""
        return advanced_subtensor


class AdvancedIncSubtensor(BaseAdvancedIncSubtensor):
    """`BaseAdvancedIncSubtensor` for integer arrays. TypeError for boolean masks."""

    __module__ = "symtensor.tensor.subtensor"
    def make_node(self, x: Any, y: Any, *index: Any) -> Apply:
        check_and_reject_bool(index)
        return super().make_node(x, y, *index)


class AdvancedBooleanIncSubtensor(BaseAdvancedIncSubtensor):
    """`BaseAdvancedIncSubtensor` for indices with boolean masks."""

    __module__ = "symtensor.tensor.subtensor"
    @property
    def setter(self) -> BaseAdvancedIncSubtensor:
        return advanced_boolean_set_subtensor

    @property
    def reader(self) -> BaseAdvancedSubtensor:
        return advanced_boolean_subtensor


advanced_subtensor1 = AdvancedSubtensor1()
advanced_inc_subtensor1 = AdvancedIncSubtensor1()
advanced_set_subtensor1 = AdvancedIncSubtensor1(set_instead_of_inc=True)
advanced_subtensor = AdvancedSubtensor()
advanced_boolean_subtensor = AdvancedBooleanSubtensor()
advanced_inc_subtensor = AdvancedIncSubtensor()
advanced_set_subtensor = AdvancedIncSubtensor(set_instead_of_inc=True)
advanced_boolean_inc_subtensor = AdvancedBooleanIncSubtensor()
advanced_boolean_set_subtensor = AdvancedBooleanIncSubtensor(set_instead_of_inc=True)
