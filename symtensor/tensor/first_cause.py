"""Why an expression has another type than it should: the first line of the user's program that made it so.

Comes in: an expression and the type that was expected of it (an update and its shared variable, a new state of a scan
and the old one, the branches of an ifelse). Goes out: sentences that name the line where the wider dtype, the dimension
or the length came in, the variable that brought it, and what to do. Nothing is refused: where nothing can be said, the
text is empty.

Lines are those that variables recorded at birth (`graph.trace`). The first of several causes is the one whose variable
was made first.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.trace import birthplace, made_here
from symtensor.scalar.dtypes import upcast
from symtensor.tensor.careduce import CAReduce
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.sharedvar import SharedVariable
from symtensor.tensor.type import TensorType

__all__ = ["first_cause", "lines", "wrong_update"]

# Names of further sources that are told beside the first.
_MORE = 3


def first_cause(expression: Any, wanted: Any, stands_for: Mapping[Any, Any] | None = None) -> str:
    """What first gave `expression` another type than `wanted`, as lines of text; "" where that is not known.

    Both have to be tensors; any difference of dtype comes before differences of rank and broadcast pattern.
    `stands_for`: for an expression inside of a graph, what its inputs are copies of.
    """
    kind = getattr(expression, "type", None)
    if not isinstance(expression, Variable) or not isinstance(kind, TensorType) or not isinstance(wanted, TensorType):
        return ""
    if kind.dtype != wanted.dtype:
        if _fits(kind.dtype, wanted.dtype):
            return (f"Nothing in it is wider than {kind.dtype}. To get {wanted.dtype}, convert it: "
                    f"T.cast({_short(expression)}, '{wanted.dtype}').")
        return _of_dtype(expression, wanted.dtype, dict(stands_for or {}))
    if kind.ndim != wanted.ndim:
        return _of_rank(expression, wanted.ndim, stands_for or {})
    for axis, (own, other) in enumerate(zip(kind.broadcastable, wanted.broadcastable)):
        if own != other:
            return _of_length(expression, axis, other)
    return ""


def lines(cause: str) -> str:
    """A cause as lines behind a message."""
    return "\n" + indent(cause, "    ") if cause else ""


class _Lines(str):
    """An argument of an exception that is shown as lines of its own where the exception shows all of its arguments."""

    def __repr__(self) -> str:
        return lines(str(self))


def wrong_update(target: Any, value: Any) -> TypeError:
    """The error for an update of another type than its shared variable: Theano's two sentences, then the cause."""
    cause = first_cause(value, target.type)
    return TypeError(
        f"An update must have the same type as the original shared variable (shared_var={target}, "
        f"shared_var.type={target.type}, update_val={value}, update_val.type={getattr(value, 'type', None)}).",
        "If the difference is related to the broadcast pattern, you can call the "
        "tensor.unbroadcast(var, axis_to_unbroadcast[, ...]) function to remove broadcastable dimensions.",
        *([_Lines(cause)] if cause else []),
    )


# -- dtypes ------------------------------------------------------------------------------------------------------------


def _fits(dtype: str, wanted: str) -> bool:
    """Whether values of a dtype can join an expression of the dtype `wanted` without changing it."""
    return dtype == wanted or upcast(wanted, dtype) == wanted


def _of_dtype(expression: Any, wanted: str, outer: dict[Any, Any]) -> str:
    nodes, step = _reached(expression, lambda v: _wide_inputs(v, wanted, outer))
    entries, sources = [], []
    for variable, wide in nodes.items():
        node = variable.owner
        if not wide:
            sources.append(variable)
            if node is not None:
                entries.append(variable)
        elif node is not None and any(_meets(x, wide, wanted) for x in node.inputs):
            entries.append(variable)
    sources.sort(key=_age)
    entry = min(entries, key=_age, default=None)
    source = sources[0]
    if entry is not None:
        source = entry
        while nodes[source]:
            source = min(nodes[source], key=_age)
    elif source is not expression:
        entry = step[source]

    dtype = source.type.dtype
    said = []
    if source.owner is not None:
        # The node itself made the wider dtype of narrower ones.
        said.append(f"{dtype} came in here: {made_here(source)}")
        said.append(_sum_of(source.owner, wanted))
    else:
        if entry is not None:
            said.append(f"{dtype} came in here: {made_here(entry)}")
        said.append(f"It comes from {_kind(source)} of dtype {dtype}{_born(source)}")
    others = [x for x in sources if x is not source and birthplace(x) != birthplace(source)]
    if others:
        more = f" and {len(others) - _MORE} more" if len(others) > _MORE else ""
        said.append("Not narrow enough either: "
                     + "; ".join(f"{_kind(x)} ({x.type.dtype})" for x in others[:_MORE]) + more + ".")
    said.append(_dtype_advice(source, entry, wanted))
    return "\n".join(line for line in said if line)


def _wide_inputs(variable: Any, wanted: str, outer: dict[Any, Any]) -> list[Any]:
    """The inputs that give a variable its dtype because they have it already: were they all of the dtype `wanted`, it
    would be another one. An op that holds a graph leads into it, and its inputs out again."""
    node = variable.owner
    if node is None:
        return [outer[variable]] if variable in outer else []
    inner = _inner(node, variable, outer)
    if inner is not None:
        return [inner]
    dtype = variable.type.dtype
    same = [x for x in node.inputs if isinstance(x.type, TensorType) and x.type.dtype == dtype]
    taking = [x for x in same if _dtype_with(node, variable, {x: wanted}) is not None]
    if taking and isinstance(node.op, CAReduce):
        return taking  # which have fixed the dtype when the reduction was made
    if not taking or _dtype_with(node, variable, {x: wanted for x in taking}) == dtype:
        return []
    others = [{y: wanted for y in taking if y is not x} for x in taking]
    return [x for x, narrowed in zip(taking, others) if _dtype_with(node, variable, narrowed) == dtype]


def _inner(node: Apply, variable: Any, outer: dict[Any, Any]) -> Any:
    """The variable inside an op that holds a graph (a scan's new row, ...) which an output is made of, or None."""
    if hasattr(node.op, "printed_inner_graph"):
        outputs, stands_for = node.op.printed_inner_graph(node)
    elif hasattr(node.op, "local_outputs"):
        outputs, stands_for = node.op.local_outputs, dict(zip(node.op.local_inputs, node.inputs))
    else:
        return None
    outer.update((one, x) for one, x in stands_for.items() if isinstance(x.type, TensorType))
    k = node.outputs.index(variable)
    found = outputs[k] if k < len(outputs) else None
    if getattr(getattr(found, "type", None), "dtype", None) != variable.type.dtype:
        return None
    return found


def _dtype_with(node: Apply, variable: Any, changed: dict[Any, str]) -> str | None:
    """The dtype of an output if some of the node's inputs were of other dtypes; None where the op refuses them."""
    given = [TensorType(changed[x], x.type.broadcastable)() if x in changed else x for x in node.inputs]
    try:
        return node.op.make_node(*given).outputs[node.outputs.index(variable)].type.dtype
    except Exception:  # ops refuse in many ways
        return None


def _meets(x: Any, wide: Sequence[Any], wanted: str) -> bool:
    """Whether an operand is one that would have kept the narrower dtype."""
    return (not isinstance(x, Constant) and isinstance(x.type, TensorType) and x not in wide
            and _fits(x.type.dtype, wanted) and not _only_constants(x))


def _only_constants(x: Any) -> bool:
    while x.owner is not None and isinstance(x.owner.op, DimShuffle):
        x = x.owner.inputs[0]
    return isinstance(x, Constant)


def _sum_of(node: Apply, wanted: str) -> str:
    """How a node made its dtype of those of its operands."""
    operands = [_origin(x) for x in node.inputs if isinstance(x.type, TensorType)]
    dtypes = [x.type.dtype for x in operands]
    made = f"{_op_name(node)} of {' and '.join(dtypes)} gives {node.outputs[0].type.dtype}." if dtypes else ""
    wide = [x for x in operands if not _fits(x.type.dtype, wanted)] if len(operands) > 1 else []
    return "\n".join([made, *(f"{_capital(_kind(x))} is {x.type.dtype}{_born(x)}" for x in wide)]).strip()


def _dtype_advice(source: Any, entry: Any, wanted: str) -> str:
    node = source.owner
    if node is not None:
        operands = [_origin(x) for x in node.inputs if isinstance(x.type, TensorType)]
        if _op_name(node) == "true_div" and all(x.type.dtype in _INTEGERS for x in operands):
            return f"To keep {wanted}, divide by // or convert: T.cast(..., '{wanted}')."
        operands = [x for x in operands if not _fits(x.type.dtype, wanted)] if len(operands) > 1 else []
        what = _short(operands[0]) if operands else _short(source)
        return f"To keep {wanted}, convert it there: T.cast({what}, '{wanted}')."
    text = f"To keep {wanted}, convert it there: T.cast({_short(source)}, '{wanted}')"
    dtype_of_numbers = source.type.dtype == config.floatX and wanted in ("float32", "float16")
    if isinstance(source, Constant):
        text = f"To keep {wanted}, write the constant as numpy.{wanted}(...), or convert it: T.cast(..., '{wanted}')"
        if dtype_of_numbers:
            text += f" (numbers in expressions become floatX, now {config.floatX})"
    elif isinstance(source, SharedVariable):
        text += f", or give it a value of that dtype: value.astype('{wanted}')"
    elif wanted in ("float32", "float16"):
        text += f", or make it {wanted} (T.vector, T.matrix ... make variables of dtype floatX, now {config.floatX})"
    elif wanted in _INTEGERS:
        text += f", or make it {wanted}"
    return text + "."


_INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


# -- ranks and lengths -------------------------------------------------------------------------------------------------


def _of_rank(expression: Any, wanted: int, stands_for: Mapping[Any, Any]) -> str:
    more = expression.type.ndim > wanted

    def fault(x: Any) -> bool:
        return isinstance(x.type, TensorType) and (x.type.ndim > wanted if more else x.type.ndim < wanted)

    def towards(v: Any) -> list[Any]:
        if v.owner is None:
            return [stands_for[v]] if v in stands_for else []
        if isinstance(v.owner.op, Elemwise):
            # Operands that were padded to the common rank have not given it.
            own = [x for x in v.owner.inputs if not _padded(x)]
            found = [x for x in own if fault(x)]
            return found if more or len(found) == len(own) else []
        return [x for x in v.owner.inputs[:1] if fault(x) and x.type.ndim == v.type.ndim]

    first = _oldest_source(expression, towards)
    ranks = f"{first.type.ndim} dimension{'s' if first.type.ndim != 1 else ''}"
    if first.owner is None:
        text = f"It has the dimensions of {_kind(first)}, which has {ranks}{_born(first)}"
    else:
        operands = ", ".join(str(_origin(x).type.ndim) for x in first.owner.inputs if isinstance(x.type, TensorType))
        text = f"{ranks} first appear{'s' if first.type.ndim == 1 else ''} here: {made_here(first)}\n" \
               f"{_op_name(first.owner)} makes {ranks} of {operands}."
    advice = ("Take dimensions away by a reduction, an index (x[0]) or x.dimshuffle(...)." if more else
              "Add dimensions by x.dimshuffle(0, 'x'), T.shape_padleft or T.shape_padright, or keep them in reductions "
              "by keepdims=True.")
    return f"{text}\n{advice}"


def _of_length(expression: Any, axis: int, wanted: bool) -> str:
    """Where a length came in that is not known to be 1 (`wanted`: it should be), or the reverse."""
    axes = {expression: axis}

    def towards(v: Any) -> list[Any]:
        node, own = v.owner, axes[v]
        if node is None:
            return []
        if isinstance(node.op, DimShuffle):
            place = node.op.new_order[own]
            found = [] if place == "x" else [(node.inputs[0], place)]
        elif isinstance(node.op, Elemwise):
            # Of several operands one with another length is enough to widen; for length 1 all must have it.
            found = [(x, own) for x in node.inputs
                     if x.type.broadcastable[own] != wanted and (wanted or not _padded(x))]
        else:
            found = []
        for x, place in found:
            axes.setdefault(x, place)
        return [x for x, _ in found]

    first = _oldest_source(expression, towards)
    state = "a length that is not known to be 1" if wanted else "length 1"
    if first.owner is None:
        text = f"Along axis {axis}, {state} comes from {_kind(first)}, {first.type}{_born(first)}"
    else:
        text = f"Along axis {axis}, {state} first appears here: {made_here(first)}"
    if wanted:
        return f"{text}\nIf that length always is 1, say so: T.addbroadcast(x, {axes[first]})."
    return (f"{text}\nIf other lengths are meant to fit in, forget that it is 1: "
            f"T.unbroadcast({_short(expression)}, {axis}).")


def _padded(x: Any) -> bool:
    """Whether a variable is another one with leading axes of length 1, as operands of lower rank become."""
    if x.owner is None or not isinstance(x.owner.op, DimShuffle) or not x.owner.op.augment:
        return False
    order = x.owner.op.new_order
    ndim = len(x.owner.op.input_broadcastable)
    return tuple(order) == ("x",) * (len(order) - ndim) + tuple(range(ndim))


# -- walking back ------------------------------------------------------------------------------------------------------


def _reached(expression: Any, towards: Callable[[Any], list[Any]]) -> tuple[dict[Any, list[Any]], dict[Any, Any]]:
    """For each variable that can be reached its steps back, and for each the variable from which it was reached."""
    found: dict[Any, list[Any]] = {}
    step: dict[Any, Any] = {}
    todo = [expression]
    while todo:
        variable = todo.pop()
        if variable in found:
            continue
        found[variable] = back = towards(variable)
        for x in back:
            step.setdefault(x, variable)
        todo.extend(reversed(back))
    return found, step


def _oldest_source(expression: Any, towards: Callable[[Any], list[Any]]) -> Any:
    found, _ = _reached(expression, towards)
    return min((v for v, back in found.items() if not back), key=_from_computed)


def _from_computed(variable: Any) -> tuple[bool, int]:
    return variable.owner is None, _age(variable)


def _age(variable: Any) -> int:
    """Variables made earlier have smaller numbers."""
    digits = str(getattr(variable, "auto_name", "")).rpartition("_")[2]
    return int(digits) if digits.isdigit() else 0


# -- words -------------------------------------------------------------------------------------------------------------


def _origin(x: Any) -> Any:
    """What was padded, for what an op works on."""
    while _padded(x):
        x = x.owner.inputs[0]
    return x


def _op_name(node: Apply) -> str:
    return str(node.op.scalar_op if isinstance(node.op, Elemwise) else node.op)


def _names(x: Any) -> Iterator[str]:
    if x.name:
        yield x.name
    if isinstance(x, Constant):
        yield str(x.data) if getattr(x.data, "size", 2) == 1 else str(x)


def _short(x: Any) -> str:
    return next(_names(x), "...")


def _kind(x: Any) -> str:
    name = next(_names(x), "")
    if isinstance(x, Constant):
        return f"the constant {name}"
    if x.owner is not None:
        return f"{name or x}, computed here: {made_here(x)}" if birthplace(x) else str(x)
    return f"{'the shared variable' if isinstance(x, SharedVariable) else 'the variable'} {name or x}"


def _born(x: Any) -> str:
    """Where a leaf was made, as the end of a sentence."""
    # Small constants are made once and serve again: their lines may be somebody else's.
    shown = x.owner is None and birthplace(x) and not (isinstance(x, Constant) and getattr(x.data, "size", 0) == 1)
    return f", made here: {made_here(x)}" if shown else "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
