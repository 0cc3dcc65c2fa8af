"""What is known about the buffers of a program where a nest is printed.

Sizes are known by key: equal keys are equal sizes (a `Check` that two sizes are equal makes their keys equal from there
on). For buffers of any layout two more facts help: along which axis the elements certainly lie side by side, and along
which they probably do.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

from symtensor.ir.nodes import Buffer, Const, View

__all__ = ["BufferFacts", "of_buffer", "of_view"]


@dataclass(frozen=True)
class BufferFacts:
    """Static facts of one buffer.

    dims       per axis the key of its length; "1" where it is broadcastable
    unit_axis  axis along which the stride is certainly the item size, None if none is (layout "any" only)
    fast_axis  axis along which it probably is
    """

    name: str
    dtype: str
    broadcast: tuple[bool, ...]
    dense: bool
    dims: tuple[str, ...]
    unit_axis: int | None
    fast_axis: int | None

    @property
    def ndim(self) -> int:
        return len(self.broadcast)


def of_buffer(buffer: Buffer, dims: tuple[str, ...]) -> BufferFacts:
    """Facts of an input, a constant or an allocated buffer."""
    last = last_axis(buffer.broadcast)
    dense = buffer.layout == "c"
    return BufferFacts(buffer.name, buffer.dtype, buffer.broadcast, dense, dims, last if dense else None, last)


def of_view(buffer: Buffer, dims: tuple[str, ...], view: View, base: BufferFacts) -> BufferFacts:
    """Facts of a view: an axis that walks its base's dense axis one by one is dense too; one whose step is known at run
    time only probably is (it is 1 or 0 where something is broadcast)."""
    facts = of_buffer(buffer, dims)
    if facts.dense:
        return facts
    surely: dict[int | None, int] = {}
    probably: dict[int | None, int] = {}
    for k, axis in enumerate(view.axes):
        if axis.base_axis is None:
            continue
        if axis.step == Const(1, "int64"):
            surely[axis.base_axis] = k
        if axis.step == Const(1, "int64") or not isinstance(axis.step, Const):
            probably[axis.base_axis] = k
    return replace(facts, unit_axis=surely.get(base.unit_axis), fast_axis=probably.get(base.fast_axis))


def last_axis(broadcast: tuple[bool, ...]) -> int | None:
    """The last axis whose length may differ from 1."""
    return next((k for k in range(len(broadcast) - 1, -1, -1) if not broadcast[k]), None)
