"""Basic indexing: integers and slices, read (`Subtensor`) and written (`IncSubtensor`).

In: tensors, and indices as users write them between brackets. Out: `index_variable`, which is what `x[...]` means;
`set_subtensor` and `inc_subtensor`, which give `x` with the elements that an indexing expression names replaced or
increased; and the two ops. Indexing by arrays and masks is in `symtensor.tensor.advanced_indexing`; its names are
handed on from here.

Refused: Python booleans as indices, more than one Ellipsis, more indices than axes, values of higher rank than what
they are written to.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.graph.type import Type
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
    sum_to_pattern,
)
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.static_value import (
    NotScalarConstantError,
    ValueOf,
    get_scalar_constant_value,
    known_length,
    known_value,
    vector_length,
)
from symtensor.tensor.alloc import alloc
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.index_list import (
    AdvancedBooleanIndexingError,
    AdvancedIndexingError,
    as_index_scalar,
    collapse,
    convert,
    entry_text,
    get_canonical_form_slice,
    get_idx_list,
    hashable,
    make_constant,
    numeric_index,
)
from symtensor.tensor.joining import join
from symtensor.tensor.math import clip
from symtensor.tensor.shape_ops import Reshape, addbroadcast, parts_of_input, shape
from symtensor.tensor.sizes import entry_of, find_entry, size, sizes, slice_length
from symtensor.tensor.type import TensorType
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


def _checked_parts(x: Any, parts: Sequence[Any], idx_list: Sequence[Any]) -> list[Any]:
    """The run-time parts of an index as scalar variables; they must be of the types that `idx_list` has."""
    scalars = [as_index_scalar(part) for part in parts]
    if len(idx_list) > x.type.ndim:
        raise IndexError("too many indices for array")
    expected = collapse(idx_list, lambda e: isinstance(e, Type))
    if len(scalars) != len(expected):
        word = "Not enough" if len(scalars) < len(expected) else "Too many"
        raise IndexError(f"{word} inputs to fill in the Subtensor template.", tuple(scalars), list(idx_list))
    for given, wanted in zip(scalars, expected):
        if given.type != wanted:
            raise TypeError(f"Wrong type for Subtensor template. Expected {wanted}, got {given.type}.")
    return scalars


class Subtensor(Op):
    """The elements of `x` at integers and slices; a view.

    `idx_list` has, per axis from the first on, the scalar type of an integer or a slice of types and Nones; the
    integers are further inputs. Raises IndexError for more entries than axes, and at run time for integers out of
    bounds; ValueError for a step of 0.
    """

    view_map = {0: [0]}
    __props__ = ("idx_list",)
    e_indextype = "Invalid index type or slice for Subtensor"
    e_subslice = "nested slicing is not supported"

    convert = staticmethod(convert)
    collapse = staticmethod(collapse)
    my_as_scalar = staticmethod(as_index_scalar)
    str_from_slice = staticmethod(entry_text)

    def __init__(self, idx_list: Sequence[Any]):
        self.idx_list = tuple(convert(entry) for entry in idx_list)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and hashable(self.idx_list) == hashable(other.idx_list)

    def __hash__(self) -> int:
        return hash((type(self), hashable(self.idx_list)))

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{', '.join(entry_text(entry) for entry in self.idx_list)}}}"

    def make_node(self, x: Any, *inputs: Any) -> Apply:
        x = as_tensor_variable(x)
        scalars = _checked_parts(x, inputs, self.idx_list)
        index = get_idx_list([x, *scalars], self.idx_list)
        pattern = [
            broadcastable and _keeps_one(entry)
            for entry, broadcastable in zip(index, x.type.broadcastable)
            if isinstance(entry, slice)
        ]
        pattern += x.type.broadcastable[len(index):]
        return Apply(self, [x, *scalars], [TensorType(x.type.dtype, pattern)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, *values = inputs
        output_storage[0][0] = np.asarray(x[numeric_index(values, self.idx_list)])

    def get_constant_idx(
        self,
        inputs: Sequence[Any],
        allow_partial: bool = False,
        only_process_constants: bool = False,
        elemwise: bool = True,
    ) -> list[Any]:
        """The index with known integers as numbers.

        Parts that are not known raise NotScalarConstantError, or stay variables with `allow_partial`.
        """

        def value(part: Any) -> Any:
            if part is None:
                return None
            try:
                return get_scalar_constant_value(
                    part, only_process_constants=only_process_constants, elemwise=elemwise
                )
            except NotScalarConstantError:
                if allow_partial:
                    return part
                raise

        return [
            slice(value(e.start), value(e.stop), value(e.step)) if isinstance(e, slice) else value(e)
            for e in get_idx_list(inputs, self.idx_list)
        ]

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        lengths = sizes(shapes[0])
        index = get_idx_list(node.inputs, self.idx_list)
        taken = [
            slice_length(*(None if p is None else size(p) for p in (entry.start, entry.stop, entry.step)), length)
            for entry, length in zip(index, lengths)
            if isinstance(entry, slice)
        ]
        return [(*taken, *lengths[len(index):])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True]] + [[False]] * (len(node.inputs) - 1)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, *rest = inputs
        (gz,) = output_gradients
        if x.type.dtype not in _CONTINUOUS:
            first = _floatX_zeros(x)
        else:
            first = IncSubtensor(self.idx_list)(x.zeros_like(), gz, *rest)
        return [first, *(DisconnectedType()() for _ in rest)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        # What happens to the integers does not matter: they have no derivative.
        if eval_points[0] is None:
            return [None]
        return self(eval_points[0], *inputs[1:], return_list=True)


_CONTINUOUS = ("float16", "float32", "float64", "complex64", "complex128")


def _floatX_zeros(x: Any) -> Any:
    return x.zeros_like(dtype="floatX") if x.type.dtype not in _CONTINUOUS else x.zeros_like()


def _keeps_one(entry: slice) -> bool:
    """Whether a slice is known to take the only element of an axis of length 1."""
    if entry.start is None and entry.stop is None:
        return True
    try:
        parts = (None if p is None else int(get_scalar_constant_value(p)) for p in (entry.start, entry.stop, entry.step))
        return len(range(*slice(*parts).indices(1))) == 1
    except (NotScalarConstantError, ValueError):
        return False


class IncSubtensor(Op):
    """`x` with the elements at integers and slices increased by `y`, or replaced by it.

    `y` broadcasts to what the index names. With `inplace`, `x` itself is overwritten. TypeError for a `y` whose dtype
    cannot be stored; ValueError for a `y` of higher rank; IndexError as `Subtensor` does.
    """

    __props__ = ("idx_list", "inplace", "set_instead_of_inc")

    def __init__(
        self,
        idx_list: Sequence[Any],
        inplace: bool = False,
        set_instead_of_inc: bool = False,
        destroyhandler_tolerate_aliased: Sequence[tuple[int, int]] | None = None,
    ):
        self.idx_list = tuple(convert(entry) for entry in idx_list)
        self.inplace = inplace
        self.set_instead_of_inc = set_instead_of_inc
        self.destroyhandler_tolerate_aliased = list(destroyhandler_tolerate_aliased or ())
        if inplace:
            self.destroy_map = {0: [0]}

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and hashable(self.idx_list) == hashable(other.idx_list)
            and self.inplace == other.inplace
            and self.set_instead_of_inc == other.set_instead_of_inc
        )

    def __hash__(self) -> int:
        return hash((type(self), hashable(self.idx_list), self.inplace, self.set_instead_of_inc))

    def __str__(self) -> str:
        word = ("Inplace" if self.inplace else "") + ("Set" if self.set_instead_of_inc else "Inc")
        return f"{type(self).__name__}{{{word};{', '.join(entry_text(entry) for entry in self.idx_list)}}}"

    def make_node(self, x: Any, y: Any, *inputs: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        scalars = _checked_parts(x, inputs, self.idx_list)
        ndim = x.type.ndim - sum(not isinstance(entry, slice) for entry in self.idx_list)
        if y.type.ndim > ndim:
            raise ValueError(
                f"Trying to increment a {ndim}-dimensional subtensor with a {y.type.ndim}-dimensional value."
            )
        casting = "unsafe" if self.set_instead_of_inc else "same_kind"
        if not np.can_cast(y.type.dtype, x.type.dtype, casting) or (
            y.type.dtype.startswith("complex") and not x.type.dtype.startswith("complex")
        ):
            raise TypeError(f"Cannot store values of dtype {y.type.dtype} into a subtensor of dtype {x.type.dtype}.")
        return Apply(self, [x, y, *scalars], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, y, *values = inputs
        index = numeric_index(values, self.idx_list)
        result = x if self.inplace else x.copy()
        if self.set_instead_of_inc:
            with np.errstate(invalid="ignore", over="ignore"):
                result[index] = y
        elif result.dtype == bool:
            result[index] = result[index] | y
        else:
            result[index] += y
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Any) -> Any:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True]] + [[False]] * (len(node.inputs) - 2)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        x, y, *rest = inputs
        (gz,) = output_gradients
        if x.type.dtype not in _CONTINUOUS:
            gx, gy = _floatX_zeros(x), _floatX_zeros(y)
        else:
            gx = gz
            if self.set_instead_of_inc:
                gx = IncSubtensor(self.idx_list, set_instead_of_inc=True)(gz, y.zeros_like(), *rest)
            gy = _floatX_zeros(y)
            if y.type.dtype in _CONTINUOUS:
                gy = sum_to_pattern(y, Subtensor(self.idx_list)(gz, *rest))
        return [gx, gy, *(DisconnectedType()() for _ in rest)]

    def R_op(self, inputs: Any, eval_points: Any) -> Any:
        if eval_points[0] is None or eval_points[1] is None:
            return [None]
        return self(eval_points[0], eval_points[1], *inputs[2:], return_list=True)


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


# -- what is known of a subtensor before anything runs -----------------------------------------------------------------

parts_of_input.append(Subtensor)


@known_value.register(Subtensor)
def _known_element(op: Subtensor, node: Apply, index: int, value_of: ValueOf) -> np.ndarray:
    x = node.inputs[0]
    if x.type.ndim == 1 and node.outputs[0].type.ndim == 0:
        place = _static_index(op, node)[0]
        found = None if place is None else _entry(x, place)
        if isinstance(found, Variable):
            return np.asarray(value_of(found), dtype=x.type.dtype)
        if found is not None:
            return np.asarray(found, dtype=x.type.dtype)
    return value_of(x)


def _entry(vector: Any, place: int) -> Any:
    """An entry counted from either end; None where it is not known."""
    if place < 0:
        length = vector_length(vector)
        if length is None:
            return None
        place += length
    if isinstance(vector, Constant):  # of any dtype
        return vector.data[place] if 0 <= place < len(vector.data) else None
    return find_entry(vector, place) if place >= 0 else None


def _static_index(op: Subtensor, node: Apply) -> list[Any]:
    """The index with known integers; an entry with an unknown part is None."""
    result: list[Any] = []
    for entry in op.get_constant_idx(node.inputs, allow_partial=True):
        parts = (entry.start, entry.stop, entry.step) if isinstance(entry, slice) else (entry,)
        if any(isinstance(part, Variable) for part in parts):
            result.append(None)
        else:
            known = [None if part is None else int(part) for part in parts]
            result.append(slice(*known) if isinstance(entry, slice) else known[0])
    return result


@known_length.register(Subtensor)
def _known_part_length(op: Subtensor, node: Apply, index: int) -> int | None:
    """The length of parts of parts of a vector whose length is known."""
    cuts = []
    vector = node.outputs[0]
    while vector.owner is not None and isinstance(vector.owner.op, Subtensor):
        if vector.owner.inputs[0].type.ndim != 1:
            return None
        (cut,) = _static_index(vector.owner.op, vector.owner) or (slice(None),)
        if not isinstance(cut, slice):
            return None
        cuts.append(cut)
        vector = vector.owner.inputs[0]
    length = vector_length(vector)
    for cut in reversed(cuts):
        length = None if length is None else len(range(*cut.indices(length)))
    return length


@entry_of.register(Subtensor)
def _entry_of_part(op: Subtensor, node: Apply, index: int) -> tuple[Any, int] | None:
    x = node.inputs[0]
    if x.type.ndim != 1:
        return None
    (cut,) = _static_index(op, node) or (slice(None),)
    if not isinstance(cut, slice):
        return None
    step = 1 if cut.step is None else cut.step
    if index >= 0 and step > 0 and (cut.start is None or cut.start >= 0) and cut.stop is None:
        return x, (cut.start or 0) + index * step
    length = vector_length(x)
    if length is None:
        return None
    places = range(*cut.indices(length))
    return (x, places[index]) if -len(places) <= index < len(places) else None
