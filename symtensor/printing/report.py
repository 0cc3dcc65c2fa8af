"""The message of an error at run time: the cause, the user's line, then the sections that Theano's users know.

Comes in: the node that failed, the values of its inputs, the exception. Goes out: text, or the same exception with that
text as its message. `config.exception_verbosity` "high" adds the graph above the node and, where they are known, the
sizes of all values held at that moment.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Constant
from symtensor.graph.trace import birthplace, innermost, made_here, recorded_trace, shown_line
from symtensor.printing.tree import debugprint
from symtensor.tensor.dimshuffle import DimShuffle

__all__ = ["attach_report", "cause_of", "error_report"]

# Values of more elements than this are not shown.
_SHOWN = 5
# No more operands than this have a line of their own.
_OPERANDS = 8
# No more lines than this are told of a node that stands for several.
_LINES = 3

_HINT_NO_TRACE = (
    "HINT: Re-running with most optimizations disabled could give you a back-trace of when this node was created. This "
    "can be done with by setting the flag 'optimizer=fast_compile'. If that does not work, optimizations can be "
    "disabled with 'optimizer=None'."
)
_HINT_VERBOSITY = (
    "HINT: Use the flag 'exception_verbosity=high' for a debugprint and storage map footprint of this apply node."
)


def error_report(
    node: Any,
    inputs: Sequence[Any] | None,
    exception: BaseException,
    *,
    toposort_index: int | None = None,
    clients: Sequence[Sequence[Any]] | None = None,
    storage: Iterable[tuple[Any, Any, str]] | None = None,
    verbosity: str | None = None,
    shapes: Sequence[Any] | None = None,
    outer: Any = None,
) -> str:
    """The whole message for an exception that came out of a node.

    inputs          the values of the node's inputs, or None where they are not known
    toposort_index  the node's place in the order of the function
    clients         for each output, who uses it: nodes or "output"; by default what the variables themselves know
    storage         values held by the function: (variable, value, kind); kind is "Input", "Shared Input" or ""
    verbosity       "low" or "high"; `config.exception_verbosity` by default
    shapes          shapes of the node's inputs (None among them: unknown), where their values are not known
    outer           the node, a loop, to whose inner graph the failed node belongs

    The first line is the cause, the second the line of the user's program that made the node (where that is known);
    then a line for each operand: its shape, and the line that made it.
    """
    high = (verbosity or config.exception_verbosity) == "high"
    lines = [cause_of(exception)]
    trace = recorded_trace(node)
    if trace:
        lines += [f"{'and' if k else 'Made'} by: {line}" for k, line in enumerate(_lines(node))]
    if outer is not None:
        lines.append(f"Inside of: {outer.op}" + (f", made by: {made_here(outer)}" if birthplace(outer) else ""))
    if inputs is not None:
        shapes = [getattr(v, "shape", None) for v in inputs]
    op: Any = getattr(outer, "op", None)
    lines += _operands(node, shapes, op.printed_inner_graph(outer)[1] if hasattr(op, "printed_inner_graph") else {})
    lines.append(f"Apply node that caused the error: {node}")
    if toposort_index is not None:
        lines.append(f"Toposort index: {toposort_index}")
    lines.append(f"Inputs types: {[x.type for x in node.inputs]}")
    if inputs is not None:
        lines.append(f"Inputs shapes: {[getattr(v, 'shape', 'No shapes') for v in inputs]}")
        lines.append(f"Inputs strides: {[getattr(v, 'strides', 'No strides') for v in inputs]}")
        lines.append(f"Inputs values: {[_shown(v) for v in inputs]}")
    elif shapes is not None:
        lines.append(f"Inputs shapes: {['unknown' if shape is None else shape for shape in shapes]}")
    lines.append(f"Outputs clients: {_clients(node, clients)}")

    text = "\n".join(lines) + "\n"
    if trace:
        text += "\nBacktrace when the node is created(use the flag traceback.limit=N to make it longer):\n"
        for filename, line, function, source in trace:
            text += f'  File "{filename}", line {line}, in {function}\n'
            if source:
                text += f"    {source}\n"
    if high:
        text += "\nDebugprint of the apply node: \n" + debugprint(node, file="str", print_type=True)
        if storage is not None:
            text += "\nStorage map footprint:\n" + _footprint(storage)
    hints = ([] if trace else [_HINT_NO_TRACE]) + ([] if high else [_HINT_VERBOSITY])
    return text + ("\n" + "\n".join(hints) if hints else "")


def cause_of(exception: BaseException) -> str:
    """The exception's own message, without a report that was attached to it before."""
    attached = exception.__dict__.get("_report")
    args = exception.args if attached is None else attached[0]
    if len(args) == 1:
        return str(args[0])
    return str(args) if args else type(exception).__name__


def attach_report(exception: BaseException, node: Any, report: str) -> None:
    """Makes the report the message of the exception, which keeps its type, its attributes and its traceback.

    Where a type does not show its arguments as they are (KeyError, OSError, ...), the report becomes a note (Python
    3.11 and later; earlier it is put in the arguments of KeyError and left out of others). An exception that passes
    several nodes, as it does from a graph inside a graph, keeps the report of the first.
    """
    attached = exception.__dict__.get("_report")
    if attached is not None and attached[1] is not node:
        return
    original = exception.args if attached is None else attached[0]
    exception.__dict__["_report"] = (original, node)
    exception.args = (report,)
    if str(exception) == report:
        return
    if hasattr(exception, "add_note"):
        exception.args = original
        notes = [note for note in getattr(exception, "__notes__", []) if not getattr(note, "is_report", False)]
        exception.__dict__["__notes__"] = notes
        exception.add_note(_Note(report))
    elif report not in str(exception) and not isinstance(exception, KeyError):
        exception.args = original


class _Note(str):
    """A report among the notes of an exception."""

    is_report = True


def _lines(node: Any) -> list[str]:
    """The lines of the user's program that a node answers for: several, where it stands for several nodes."""
    found: dict[str, None] = {}
    for thing in (node, *node.outputs):
        for trace in getattr(thing.tag, "trace", None) or ():
            place = innermost(trace)
            if place is not None:
                found[shown_line(place)] = None
    return list(found)[:_LINES]


def _operands(node: Any, shapes: Sequence[Any] | None, outside: Mapping[Any, Any]) -> list[str]:
    """What each operand is: its shape, and the line of the user's program that made it."""
    lines = []
    for k, x in enumerate(node.inputs[:_OPERANDS]):
        shape = None if shapes is None else shapes[k]
        if isinstance(x, Constant) and not shape:
            continue
        source = x
        # An axis that was put before others to make the ranks equal has no line of its own.
        while source.owner is not None and isinstance(source.owner.op, DimShuffle) and \
                birthplace(source) in (None, birthplace(node)):
            source = source.owner.inputs[0]
        source = outside.get(source, source)
        words = [f"Operand {k}: {x}" + (f" of {source}" if source is not x else "")]
        if isinstance(shape, tuple):
            words.append(f"shape {shape}")
        if birthplace(source):
            words.append(f"made by: {made_here(source)}")
        if len(words) > 1:
            lines.append(", ".join(words))
    return lines


def _shown(value: Any) -> Any:
    size = getattr(value, "size", 0)
    return value if not isinstance(size, (int, np.integer)) or size <= _SHOWN else "not shown"


def _clients(node: Any, clients: Sequence[Sequence[Any]] | None) -> list[list[Any]]:
    if clients is not None:
        return [list(users) for users in clients]
    return [[user for user, _ in getattr(output, "clients", ())] for output in node.outputs]


def _footprint(storage: Iterable[tuple[Any, Any, str]]) -> str:
    """One line per value, largest first, and the totals."""
    rows = []
    for variable, value, kind in storage:
        item = getattr(value, "itemsize", None)
        shape = getattr(value, "shape", None)
        total = getattr(value, "nbytes", None)
        rows.append((total or 0, f"{variable}{', ' + kind if kind else ''}", shape, item, kind))
    rows.sort(key=lambda row: -row[0])
    text = ""
    for total, name, shape, item, _ in rows:
        size = "" if item is None else f", ElemSize: {item} Byte(s), TotalSize: {total} Byte(s)"
        text += f" - {name}, Shape: {shape}{size}\n"
    everything = sum(row[0] for row in rows)
    inputs = sum(row[0] for row in rows if row[4])
    text += f" TotalSize: {everything} Byte(s) {everything / 2**30:.3f} GB\n"
    return text + f" TotalSize inputs: {inputs} Byte(s) {inputs / 2**30:.3f} GB\n"
