"""Values that are not tensors but may stand among an op's inputs: None and slices.

In: None, Python slices, or their symbolic parts. Out: `NoneConst`, constants of `slicetype`, and `make_slice`, which
builds a slice when the function runs. They are what indexing and optional arguments of ops are made of.
"""
from __future__ import annotations

from typing import Any

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.graph.type import Generic, Type
from symtensor.scalar.dtypes import INTEGER
from symtensor.tensor.constant import as_tensor_variable

__all__ = [
    "DisconnectedType", "Generic", "MakeSlice", "NoneConst", "NoneTypeT", "SliceConstant", "SliceType",
    "as_int_none_variable", "make_slice", "none_type_t", "slicetype",
]


def as_int_none_variable(x: Any) -> Any:
    """`NoneConst` for None, else an integer scalar variable. TypeError for other dtypes, ValueError for other ranks."""
    if x is None or (isinstance(x, Variable) and isinstance(x.type, NoneTypeT)):
        return NoneConst
    x = as_tensor_variable(x, ndim=0)
    if x.type.dtype not in INTEGER:
        raise TypeError("index must be integers")
    return x


class MakeSlice(Op):
    """slice(start, stop, step) of integer variables or None."""

    __props__ = ()

    def make_node(self, slc: Any, stop: Any = None, step: Any = None) -> Apply:
        # A single argument that is a slice brings all three parts.
        if isinstance(slc, slice):
            if stop is not None or step is not None:
                raise TypeError("make_slice takes a slice, or a start with stop and step, not both")
            slc, stop, step = slc.start, slc.stop, slc.step
        return Apply(self, [as_int_none_variable(part) for part in (slc, stop, step)], [slicetype()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, params: Any = None) -> None:
        output_storage[0][0] = slice(*inputs)

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [DisconnectedType()() for _ in inputs]


make_slice = MakeSlice()


class SliceType(Type):
    """The type of slices. All instances are equal."""

    def filter(self, x: Any, strict: bool = False, allow_downcast: bool | None = None) -> slice:
        if not isinstance(x, slice):
            raise TypeError("Expected a slice!")
        return x

    def __str__(self) -> str:
        return "slice"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(SliceType)

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        # A slice holds integers only.
        return isinstance(a, slice) and a is b


slicetype = SliceType()


class SliceConstant(Constant):
    """A slice of known integers or None."""

    def __init__(self, type: Any, data: Any, name: str | None = None):
        data = type.filter(data)
        parts = [_known_integer(part) for part in (data.start, data.stop, data.step)]
        super().__init__(type, slice(*parts), name)

    def signature(self) -> Any:
        return (SliceConstant, self.data.start, self.data.stop, self.data.step)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.data.start}, {self.data.stop}, {self.data.step}}}"


SliceType.Constant = SliceConstant


def _known_integer(part: Any) -> int | None:
    return None if part is None else int(part)


class NoneTypeT(Generic):
    """The type whose only value is None."""

    def filter(self, x: Any, strict: bool = False, allow_downcast: bool | None = None) -> None:
        if x is not None:
            raise TypeError("Expected None!")
        return x

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        return False


none_type_t = NoneTypeT()
NoneConst = Constant(none_type_t, None, name="NoneConst")
