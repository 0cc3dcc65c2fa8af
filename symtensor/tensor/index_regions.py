"""Which elements of an array basic indices take: whether two have none in common, whether several have all of them.

In: indices as `get_idx_list` gives them, for arrays of one shape that nobody knows here. Out: True where it holds
whatever the lengths are, bounds beyond the ends and bounds counted from the end included.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.graph.basic import Constant
from symtensor.tensor.conversion import ScalarFromTensor

__all__ = ["are_apart", "cover_all"]


def are_apart(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two indices surely take no element in common: on one axis they take other places."""
    return any(_places_are_apart(one, other) for one, other in zip(a, b))


def cover_all(indices: Sequence[Sequence[Any]]) -> bool:
    """Whether indices surely take all elements together: slices that follow one another on one axis, and everything on
    the others."""
    axes = {axis for index in indices for axis, entry in enumerate(index) if not _is_full(entry)}
    if len(axes) != 1:
        return not axes and bool(indices)
    axis = axes.pop()
    left = [_interval(index[axis]) for index in indices if axis < len(index) and _takes_all_between(index[axis])]
    if any(axis >= len(index) for index in indices):
        return True
    end: Any = 0
    while end is not None:
        # All places before `end` are taken. What begins there or before takes all places before its own end.
        following = next((entry for entry in left if entry is not None and _not_after(entry[0], end)), None)
        if following is None:
            return False
        left.remove(following)
        end = following[1]
    return True


def _places_are_apart(a: Any, b: Any) -> bool:
    one, other = _interval(a), _interval(b)
    if one is not None and other is not None and (_not_after(one[1], other[0]) or _not_after(other[1], one[0])):
        return True
    return _interleave(a, b)


def _interleave(a: Any, b: Any) -> bool:
    """Whether two slices take every n-th place, beginning at others: x[::2] and x[1::2]."""
    if not isinstance(a, slice) or not isinstance(b, slice):
        return False
    step, first, second = _number(a.step), _first(a), _first(b)
    if step is None or step < 2 or step != _number(b.step) or not isinstance(first, int) or not isinstance(second, int):
        return False
    return first >= 0 and second >= 0 and (first - second) % step != 0


def _is_full(entry: Any) -> bool:
    return isinstance(entry, slice) and entry.stop is None and _first(entry) == 0 and _step_is_one(entry)


def _takes_all_between(entry: Any) -> bool:
    return not isinstance(entry, slice) or _step_is_one(entry)


def _step_is_one(entry: slice) -> bool:
    return entry.step is None or _number(entry.step) == 1


def _first(entry: slice) -> Any:
    """The start of a slice: an int where it is known."""
    return 0 if entry.start is None else _known(entry.start)


def _interval(entry: Any) -> tuple[Any, Any] | None:
    """(start, stop) of the places among which are those that an entry takes: ints where they are known, a stop of None
    for the end of the axis. None for an entry of which that cannot be told."""
    if isinstance(entry, slice):
        if not _step_is_one(entry) and (_number(entry.step) or 0) < 1:
            return None
        return _first(entry), None if entry.stop is None else _known(entry.stop)
    place = _number(entry)
    if place is None:
        return None
    return place, None if place == -1 else place + 1


def _not_after(stop: Any, start: Any) -> bool:
    """Whether one bound, cut to the axis, surely is not after another: they are one variable, or both are counted from
    the same end. (A variable counts from either end, but the same variable always from the same one.)"""
    if isinstance(stop, int) and isinstance(start, int):
        return stop == 0 or (stop < 0) == (start < 0) and stop <= start
    return stop is not None and stop is start


def _known(part: Any) -> Any:
    """An int for a known bound, else the variable."""
    number = _number(part)
    return _source(part) if number is None else number


def _number(part: Any) -> int | None:
    source = _source(part)
    return int(source.data) if isinstance(source, Constant) else None


def _source(part: Any) -> Any:
    """The tensor that a scalar variable is the value of, if it is of one."""
    owner = getattr(part, "owner", None)
    return owner.inputs[0] if owner is not None and type(owner.op) is ScalarFromTensor else part
