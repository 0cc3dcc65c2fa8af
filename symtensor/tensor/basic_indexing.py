"""Basic indexing, the ops: integers and slices, read (`Subtensor`) and written (`IncSubtensor`).

In: a tensor, and the integers of an index as scalar variables; which entries are integers and which are slices is
static. Out: a view, or the tensor with those elements replaced or increased.

Refused: more entries than axes; values of higher rank, or of a dtype that cannot be stored.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.graph.type import Type
from symtensor.tensor.advanced_indexing import sum_to_pattern
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.index_list import (
    as_index_scalar,
    collapse,
    convert,
    entry_text,
    get_idx_list,
    hashable,
    numeric_index,
)
from symtensor.tensor.shape_ops import parts_of_input
from symtensor.tensor.sizes import entry_of, find_entry, size, sizes, slice_length
from symtensor.tensor.static_value import (
    NotScalarConstantError,
    ValueOf,
    get_scalar_constant_value,
    known_length,
    known_value,
    vector_length,
)
from symtensor.tensor.type import TensorType

__all__ = ["IncSubtensor", "Subtensor"]


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

    __module__ = "symtensor.tensor.subtensor"
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

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
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
            slice_length(_bound(entry.start), _bound(entry.stop), _bound(entry.step), length)
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


def _bound(part: Any) -> Any:
    """A part of a slice as a length; None stays."""
    return None if part is None else size(part)


_CONTINUOUS = ("float16", "float32", "float64", "complex64", "complex128")


def _floatX_zeros(x: Any) -> Any:
    return x.zeros_like(dtype="floatX") if x.type.dtype not in _CONTINUOUS else x.zeros_like()


def _keeps_one(entry: slice) -> bool:
    """Whether a slice is known to take the only element of an axis of length 1."""
    if entry.start is None and entry.stop is None:
        return True
    try:
        bounds = (entry.start, entry.stop, entry.step)
        parts = (None if part is None else int(get_scalar_constant_value(part)) for part in bounds)
        return len(range(*slice(*parts).indices(1))) == 1
    except (NotScalarConstantError, ValueError):
        return False


class IncSubtensor(Op):
    """`x` with the elements at integers and slices increased by `y`, or replaced by it.

    `y` broadcasts to what the index names. With `inplace`, `x` itself is overwritten. TypeError for a `y` whose dtype
    cannot be stored; ValueError for a `y` of higher rank; IndexError as `Subtensor` does.
    """

    __module__ = "symtensor.tensor.subtensor"
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
        casting: Any = "unsafe" if self.set_instead_of_inc else "same_kind"
        if not np.can_cast(y.type.dtype, x.type.dtype, casting) or (
            y.type.dtype.startswith("complex") and not x.type.dtype.startswith("complex")
        ):
            raise TypeError(f"Cannot store values of dtype {y.type.dtype} into a subtensor of dtype {x.type.dtype}.")
        return Apply(self, [x, y, *scalars], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
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
