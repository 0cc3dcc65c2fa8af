"""Where a variable was made: raw frames at birth, text only when somebody looks.

`user_frames` walks the Python stack and keeps the frames that belong to the user, that is, those whose file lies
outside this package. The result, `Frames`, behaves as Theano's list of `(file, line, function, source text)`,
outermost first, but reads no source file before it is asked for an element.
"""
from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any, overload

from symtensor.config import config

__all__ = [
    "Frames", "add_tag_trace", "birthplace", "copy_traces", "format_trace", "get_variable_trace_string", "made_here",
    "innermost", "recorded_trace", "shown_line", "simple_extract_stack", "spread_traces", "user_frames",
]

Entry = tuple[str, int, str, str]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_is_ours: dict[str, bool] = {}
_known: dict[tuple[Any, ...], Frames] = {}
_entries: dict[tuple[CodeType, int], Entry] = {}
_KNOWN_LIMIT = 4096


def _ours(filename: str) -> bool:
    """Whether a file belongs to this package; also true for the import system's frames."""
    answer = _is_ours.get(filename)
    if answer is None:
        answer = filename.startswith(_PACKAGE) or filename.startswith("<frozen ")
        _is_ours[filename] = answer
    return answer


def _entry(code: CodeType, line: int) -> Entry:
    """The formatted form of one frame; the same object each time, so that pickles of many traces stay small."""
    known = _entries.get((code, line))
    if known is None:
        text = linecache.getline(code.co_filename, line).strip()
        known = (code.co_filename, line, code.co_name, text)
        if len(_entries) >= _KNOWN_LIMIT:
            _entries.clear()
        _entries[(code, line)] = known
    return known


class Frames(Sequence[Entry]):
    """A frozen sequence of `(file, line, function, source text)`, formatted lazily; equal to a list of the same
    tuples."""

    __slots__ = ("_raw", "_formatted")

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self._raw: tuple[Any, ...] | None = raw
        self._formatted: list[Entry] | None = None

    @classmethod
    def from_entries(cls, entries: list[Entry]) -> Frames:
        """Frames whose text is known already."""
        new = cls(())
        new._formatted = entries
        return new

    def entries(self) -> list[Entry]:
        """All entries; reads the source files on the first call."""
        if self._formatted is None:
            assert self._raw is not None
            flat = self._raw
            self._formatted = [_entry(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
            self._raw = None
        return self._formatted

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self.entries()[index]

    def __len__(self) -> int:
        return len(self._formatted) if self._formatted is not None else len(self._raw or ()) // 2

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Frames):
            return self.entries() == other.entries()
        if isinstance(other, list):
            return self.entries() == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.entries())

    def __copy__(self) -> Frames:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Frames:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Frames.from_entries, (self.entries(),)


_NO_FRAMES = Frames(())


def user_frames(limit: int | None = None) -> Frames:
    """The user's innermost `limit` frames (all of them when `limit` is None or negative, none when it is 0)."""
    if limit == 0:
        return _NO_FRAMES
    remaining = sys.maxsize if limit is None or limit < 0 else limit
    frame = sys._getframe(1)
    raw: list[Any] = []
    while frame is not None and remaining:
        code = frame.f_code
        filename = code.co_filename
        ours = _is_ours.get(filename)
        if ours is None:
            ours = _ours(filename)
        if not ours:
            raw.append(frame.f_lineno)
            raw.append(code)
            remaining -= 1
        frame = frame.f_back  # type: ignore[assignment]
    raw.reverse()
    key = tuple(raw)
    frames = _known.get(key)
    if frames is None:
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        frames = _known[key] = Frames(key)
    return frames


def add_tag_trace(thing: Any, user_line: int | None = None) -> Any:
    """Record in `thing.tag.trace` where the user made it, unless `config.traceback.limit` is 0; returns `thing`."""
    limit = config.traceback.limit if user_line is None else user_line
    if limit:
        thing.tag.trace = [user_frames(limit)]
    return thing


def copy_traces(from_vars: Any, to_vars: Any) -> None:
    """Prepend the traces of `from_vars` to those of each of `to_vars`: a new variable answers for the lines of the
    old."""
    traces: list[Any] = []
    for var in from_vars:
        for trace in getattr(var.tag, "trace", ()):
            if not any(trace is other for other in traces):
                traces.append(trace)
    if not traces:
        return
    for var in to_vars:
        own = [t for t in getattr(var.tag, "trace", ()) if not any(t is other for other in traces)]
        var.tag.trace = traces + own


def spread_traces(from_vars: Any, to_vars: Any) -> None:
    """`copy_traces`, and the same lines for all new variables and nodes without lines that `to_vars` are computed by;
    what belongs to a function's graph already is not new."""
    copy_traces(from_vars, to_vars)
    traces = next((t for t in (getattr(var.tag, "trace", None) for var in from_vars) if t), None)
    if traces is None:
        return
    todo, seen = list(to_vars), set()
    while todo:
        var = todo.pop()
        node = var.owner
        if node is None or node in seen or getattr(var, "fgraph", None) is not None:
            continue
        seen.add(node)
        for thing in (node, *node.outputs):
            if not getattr(thing.tag, "trace", None):
                thing.tag.trace = traces
        todo.extend(x for x in node.inputs if not getattr(x.tag, "trace", None))


def recorded_trace(thing: Any) -> list[Entry]:
    """Where the user made a node or variable, outermost first: its own trace, or its owner's, or that of a variable
    that it computes; empty where none was recorded."""
    owner = getattr(thing, "owner", None)
    for one in (thing, *(() if owner is None else (owner,)), *getattr(thing, "outputs", ())):
        traces = getattr(one.tag, "trace", None)
        if traces and len(traces[0]):
            return list(traces[0])
    return []


def birthplace(thing: Any) -> Entry | None:
    """The innermost line of the user's program that made a node or variable, None where it was not recorded."""
    return innermost(recorded_trace(thing))


def innermost(trace: Sequence[Entry]) -> Entry | None:
    """The last line of a trace, before a `make_node` of the user's own; None where there is none."""
    last = len(trace) - 1
    while last > 0 and trace[last][2] == "make_node":
        last -= 1
    return trace[last] if trace else None


def made_here(thing: Any) -> str:
    """`birthplace` on one line, as messages show it."""
    place = birthplace(thing)
    return f"{thing} (its line was not recorded)" if place is None else shown_line(place)


def shown_line(place: Entry) -> str:
    """A line with its place, as messages show it."""
    filename, line, function, text = place
    return f'{text or "?"}  (File "{filename}", line {line}, in {function})'


def format_trace(thing: Any) -> str:
    """The recorded traces as Python prints them, with a heading; "" where there are none."""
    traces = getattr(thing.tag, "trace", None)
    if not traces:
        return ""
    lines = [" \nBacktrace when that variable is created:\n\n"]
    for filename, line, function, text in traces[0]:
        lines.append(f'  File "{filename}", line {line}, in {function}\n')
        if text:
            lines.append(f"    {text}\n")
    return "".join(lines)


def get_variable_trace_string(v: Any) -> str:
    """`format_trace`, under the name that Theano gives it."""
    return format_trace(v)


def simple_extract_stack(f: Any = None, limit: int | None = None, skips: Sequence[str] = ()) -> list[Entry]:
    """The stack from frame `f` (default: the caller's) as a list of entries, outermost first.

    Innermost frames whose file contains one of `skips` are left out, and at most `limit` frames are kept.
    """
    frame = sys._getframe(1) if f is None else f
    while frame is not None and any(skip in frame.f_code.co_filename for skip in skips):
        frame = frame.f_back
    entries: list[Entry] = []
    while frame is not None and (limit is None or len(entries) < limit):
        entries.append(_entry(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    entries.reverse()
    return entries
