"""What `DebugMode` does at each call, and the record of what rewrites did.

In: the rewritten graph, the mode's settings, the replacements. Out: results of the nodes' own `perform`, after
everything else has agreed with them. Python operations run once: in the Programs their recorded results take their
place, so that an op with side effects or chance has them once a call.
"""
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor.compile.code import Code, LinkRequest, PlainExecutable, outline
from symtensor.compile.debug_errors import BadDestroyMap, BadOptimization, BadThunkOutput, BadViewMap, InvalidValueError
from symtensor.compile.evaluate import NodeProgram, Thunk, copied, run_node
from symtensor.compile.postmortem import described
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.traversal import io_toposort
from symtensor.lower.driver import lower
from symtensor.printing import debugprint
from symtensor.runtime import toolchain
from symtensor.runtime.executor import link

__all__ = ["DebugCode", "Replacements"]

PREALLOCATED = ("initial", "previous", "c_contiguous", "f_contiguous", "strided", "wrong_size")
_SHOWN_DEPTH = 6


class Replacements:
    """A feature that writes down every change of a graph: what replaced what, why, and how both looked.

    `texts` False leaves out how they looked.
    """

    def __init__(self, texts: bool = True) -> None:
        self.texts = texts
        self.events: list[tuple[str, str, str, int | None]] = []
        self.pairs: list[tuple[Variable, Variable, str, str, str]] = []
        self._seen: set[tuple[int, int]] = set()

    def on_import(self, fgraph: Any, node: Apply, reason: Any) -> None:
        """A node came in."""
        self.events.append(("import", str(reason), str(node.op), None))

    def on_prune(self, fgraph: Any, node: Apply, reason: Any) -> None:
        """A node went out."""
        self.events.append(("prune", str(reason), str(node.op), None))

    def on_change_input(self, fgraph: Any, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None) -> None:
        """A variable took another's place."""
        self.events.append(("change", str(reason), node if isinstance(node, str) else str(node.op), i))
        if not self.texts or (id(r), id(new_r)) in self._seen:
            return
        self._seen.add((id(r), id(new_r)))
        old, new = (debugprint(v, depth=_SHOWN_DEPTH, file="str", print_type=True) for v in (r, new_r))
        self.pairs.append((r, new_r, str(reason), old, new))

    def difference(self, other: Replacements) -> str:
        """Where two records part, as text; "" where they are the same."""
        if self.events == other.events:
            return ""
        text = ("WARNING: Optimization process is unstable...\n"
                "  (HINT: Ops that the nodes point to must compare equal)\n"
                "(event index)  (one event trace)  (other event trace)\n"
                "-----------------------------------------------------\n")
        for k, (a, b) in enumerate(zip(self.events, other.events)):
            if a != b:
                text += f"non-equal optimization events {k} :\n    {_event(a)}\n    {_event(b)}\n"
                break
        for which, longer in ((0, self), (1, other)):
            shorter = (other, self)[which]
            for k in range(len(shorter.events), len(longer.events)):
                text += f"trailing event in optimization {which} : {k}\n    {_event(longer.events[k])}\n"
        return text


def _event(event: tuple[str, str, str, int | None]) -> str:
    kind, reason, op, position = event
    return f"{kind} {reason} {op}" + ("" if position is None else f" {position}")


class DebugCode(Code):
    """The checks of one graph. One executable serves all functions of a maker: nothing is kept but the outputs
    before."""

    def __init__(self, request: LinkRequest, mode: Any, replacements: Replacements | None) -> None:
        self.request = request
        self.mode = mode
        self.replacements = replacements
        self.inputs = list(request.fgraph.inputs)
        self.outputs = list(request.fgraph.outputs)
        self.outline = outline(request)
        self.position = {node: i for i, node in enumerate(request.order)}
        self.previous: dict[Apply, list[Any]] = {}
        self.compiler = mode.check_c_code and toolchain.find() is not None
        self.programs = self._programs() if mode.check_c_code else []

    def instance(self) -> Any:
        return PlainExecutable(self.run, self.outline)

    def _programs(self) -> list[tuple[str, Any, Any]]:
        """(what runs, lowered, how to link it): poisoned without sharing memory, and compiled with."""
        options: dict[str, Any] = {"n_outputs": self.request.returned, "updates": self.request.updates}
        apart = lower(self.inputs, self.outputs, self.request.order, share_memory=False, **options)
        together = lower(self.inputs, self.outputs, self.request.order, share_memory=True, **options)
        found: list[tuple[str, Any, dict[str, Any]]] = [
            ("interpreter without sharing memory", apart, {"consumer": "interpreter", "poison": True}),
            ("interpreter", together, {"consumer": "interpreter", "poison": True, "sharing": True})]
        if self.compiler:
            found.append(("c_code", together, {"consumer": "c"}))
        return found

    # -- one call ---------------------------------------------------------------------------------------------------

    def run(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Runs and checks everything; returns what the nodes computed."""
        for variable, value in zip(self.inputs, values):
            self.check_value(variable, value, None, "Graph Input '%s'" % variable)
        recorded: dict[Apply, list[Any]] = {}

        def around(i: int, node: Apply, thunk: Thunk) -> None:
            self.checked(node, thunk, recorded)

        def describe(error: Exception, node: Apply, inputs: Sequence[Any]) -> BaseException:
            if isinstance(error, (BadDestroyMap, BadViewMap, BadThunkOutput, InvalidValueError)):
                return error
            return described(error, node, inputs, self.position[node])

        program = NodeProgram(self.inputs, self.outputs, self.request.order, self.request.returned,
                              around=around if self.mode.check_py_code else None, on_error=describe)
        outputs, updates = program.run(values)
        self.check_replacements(values, recorded)
        for name, lowered, options in self.programs:
            self.check_program(name, lowered, options, values, [*outputs, *updates], recorded)
        return outputs, updates

    def check_value(self, variable: Variable, value: Any, client: Any, hint: str) -> None:
        """Raises InvalidValueError for a value that the variable's type does not have."""
        try:
            variable.type.filter(value, strict=True)
        except (TypeError, ValueError) as error:
            raise InvalidValueError(variable, value, client, hint, str(error)) from None
        if self.mode.check_isfinite and isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            if not np.isfinite(value).all():
                raise InvalidValueError(variable, value, client, hint, "non-finite elements not allowed")

    def checked(self, node: Apply, thunk: Thunk, recorded: dict[Apply, list[Any]]) -> None:
        """Runs one node on copies of its inputs and checks what it did to them and what it made."""
        given = [cell[0] for cell in thunk.inputs]
        lent = [copied(value) for value in given]
        storage: list[list[Any]] = [[None] for _ in node.outputs]
        node.op.run_perform(node, lent, storage)
        destroyed = {i for places in (getattr(node.op, "destroy_map", None) or {}).values() for i in places}
        for i, (variable, before, after) in enumerate(zip(node.inputs, given, lent)):
            if i not in destroyed and not _unchanged(variable, before, after):
                raise BadDestroyMap(node, i, before, after, "py")
        self.check_views(node, lent, [cell[0] for cell in storage])
        for variable, made, cell in zip(node.outputs, storage, thunk.outputs):
            value = made[0]
            if isinstance(value, np.generic) and hasattr(variable.type, "broadcastable"):
                value = np.asarray(value)
            self.check_value(variable, value, None, "perform output")
            cell[0] = value
        results = [copied(cell[0]) for cell in thunk.outputs]
        self.check_preallocated(node, given, results)
        recorded[node] = results
        self.previous[node] = results

    def check_views(self, node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Raises BadViewMap for an output that shares memory with an input that neither map names for it."""
        views, destroys = (getattr(node.op, name, None) or {} for name in ("view_map", "destroy_map"))
        for k, (variable, value) in enumerate(zip(node.outputs, outputs)):
            allowed = {*views.get(k, ()), *destroys.get(k, ())}
            shared = [i for i, other in enumerate(inputs)
                      if i not in allowed and node.inputs[i].type.may_share_memory(value, other)]
            if shared:
                raise BadViewMap(node, k, value, in_alias_idx=shared)
            for j in range(k):
                both = _read_by_nodes(variable) and _read_by_nodes(node.outputs[j])
                if both and not allowed and variable.type.may_share_memory(value, outputs[j]):
                    raise BadViewMap(node, k, value, out_alias_idx=[j])

    # -- memory offered to perform ----------------------------------------------------------------------------------

    def check_preallocated(self, node: Apply, given: Sequence[Any], expected: Sequence[Any]) -> None:
        """Runs the node with its output cells filled; raises BadThunkOutput where that changes the result."""
        kinds = [kind for kind in self.mode.check_preallocated_output if kind]
        for kind in PREALLOCATED if "ALL" in kinds else kinds:
            offered = [[_memory(kind, value)] for value in expected]
            if kind == "previous":
                offered = [[copied(value)] for value in self.previous.get(node, [None] * len(node.outputs))]
            node.op.run_perform(node, [copied(value) for value in given], offered)
            for variable, value, cell in zip(node.outputs, expected, offered):
                if not variable.type.values_eq_approx(value, cell[0]):
                    raise BadThunkOutput(variable, "Reference value", value, f"py with {kind} output", cell[0], given)

    # -- rewrites ---------------------------------------------------------------------------------------------------

    def check_replacements(self, values: Sequence[Any], recorded: dict[Apply, list[Any]]) -> None:
        """Raises BadOptimization where a replaced variable and its replacement have different values."""
        if self.replacements is None or not self.replacements.pairs:
            return
        wanted = list(dict.fromkeys(v for pair in self.replacements.pairs for v in pair[:2]))
        wanted = [v for v in wanted if v.owner is not None or v in set(self.inputs) or isinstance(v, Constant)]
        try:
            order = io_toposort(self.inputs, wanted)
        except ValueError:  # a rewrite tied old and new into a circle: nothing can be computed
            return
        found = dict(zip(wanted, _values_of(self.inputs, wanted, order, values, recorded)))
        for old, new, reason, old_text, new_text in self.replacements.pairs:
            a, b = found.get(old, _nothing), found.get(new, _nothing)
            if a is _nothing or b is _nothing or _passes(old, a, b):
                continue
            raise BadOptimization(old_r=old, new_r=new, old_r_val=a, new_r_val=b, reason=reason, old_graph=old_text,
                                  new_graph=new_text)

    # -- programs ---------------------------------------------------------------------------------------------------

    def check_program(self, name: str, lowered: Any, options: dict[str, Any], values: Sequence[Any],
                      expected: Sequence[Any], recorded: dict[Apply, list[Any]]) -> None:
        """Runs a whole Program; raises BadThunkOutput, for the node to blame where it can be found."""
        calls = [_replayed(operation, recorded) for operation in lowered.pycalls]
        executable = link(lowered.program, lowered.constants, calls, **options)
        outputs, updates = executable.run([copied(value) for value in values])
        for variable, value, other in zip(self.outputs, expected, [*outputs, *updates]):
            if _passes(variable, value, other):
                self.check_strides(variable, value, other)
                continue
            for node in self.request.order:
                self.check_node(node, name, options, recorded)
            raise BadThunkOutput(variable, "perform", value, name, other, _inputs_of(variable, recorded))

    def check_strides(self, variable: Variable, value: Any, other: Any) -> None:
        """Compares strides as far as the mode asks for it."""
        level = self.mode.require_matching_strides
        if level and isinstance(value, np.ndarray) and value.strides != getattr(other, "strides", None):
            if level > 1:
                raise BadThunkOutput(variable, "perform", value, "strides", other, ())
            warnings.warn(f"{variable}: strides {other.strides}, its perform gives {value.strides}", stacklevel=2)

    def check_node(self, node: Apply, name: str, options: dict[str, Any], recorded: dict[Apply, list[Any]]) -> None:
        """Runs the Program of one node alone on the values that it had; raises BadThunkOutput where it is wrong."""
        if node not in recorded:
            return
        inputs = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
        given = [_recorded(v, recorded) for v in inputs]
        if any(value is None for value in given):
            return
        lowered = lower(inputs, node.outputs, [node])
        if lowered.pycalls:
            return
        outputs, _ = link(lowered.program, lowered.constants, [], **options).run([copied(value) for value in given])
        for variable, value, other in zip(node.outputs, recorded[node], outputs):
            if not _passes(variable, value, other):
                raise BadThunkOutput(variable, "perform", value, name, other, given)


_nothing = object()


def _unchanged(variable: Variable, before: Any, after: Any) -> bool:
    """Whether a value is bit for bit what it was (NaN for NaN)."""
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        equal_nan = before.dtype.kind in "fc"
        return before.shape == after.shape and bool(np.array_equal(before, after, equal_nan=equal_nan))
    if before is None:  # the branch of a lazy op that is not taken
        return after is None
    try:
        return bool(variable.type.values_eq(before, after))
    except (NotImplementedError, ValueError, TypeError):
        return True


def _passes(variable: Variable, a: Any, b: Any) -> bool:
    """Whether two values of a variable are equal up to rounding."""
    kind = variable.type
    check = getattr(variable.tag, "values_eq_approx", None) or kind.values_eq_approx
    return bool(check(a, b))


def _read_by_nodes(variable: Variable) -> bool:
    """Whether a node reads a variable (results of the function are copied where they share memory)."""
    return any(client != "output" for client, _ in getattr(variable, "clients", ()))


def _memory(kind: str, value: Any) -> Any:
    """An array of the same dtype, filled with nonsense, as a node's output cell might hold it; None for other
    values."""
    if not isinstance(value, np.ndarray) or kind in ("initial", "previous"):
        return None
    if kind == "wrong_size":
        made = np.empty([n + 1 for n in value.shape], value.dtype)
    elif kind == "strided":
        made = np.empty([2 * n for n in value.shape], value.dtype)[tuple(slice(None, None, 2) for _ in value.shape)]
    else:
        made = np.empty(value.shape, value.dtype, order="F" if kind == "f_contiguous" else "C")
    made[...] = np.array(-1).astype(value.dtype)
    return made


def _replayed(operation: Any, recorded: dict[Apply, list[Any]]) -> Callable[[list[Any]], list[Any]]:
    """The recorded results of a Python operation, or the operation itself where it has not run as a node."""
    results = recorded.get(operation.node)
    if results is None:
        return operation

    def replay(inputs: list[Any]) -> list[Any]:
        return [copied(value) for value in results]

    return replay


def _values_of(inputs: Sequence[Variable], wanted: Sequence[Variable], order: Sequence[Apply],
               values: Sequence[Any], recorded: dict[Apply, list[Any]]) -> list[Any]:
    """The values of many variables at once; `_nothing` for those that cannot be computed. Nodes whose results are
    recorded do not run again."""
    known: dict[Variable, Any] = dict(zip(inputs, values))
    for node in order:
        if node in recorded:
            known.update(zip(node.outputs, recorded[node]))
            continue
        given = [v.data if isinstance(v, Constant) else known.get(v, _nothing) for v in node.inputs]
        if any(value is _nothing for value in given):
            continue
        try:
            with np.errstate(all="ignore"):
                results = run_node(node, given)
        except Exception:  # a branch that is not taken, a shape that does not fit: not this check's business
            continue
        known.update(zip(node.outputs, results))
    return [v.data if isinstance(v, Constant) else known.get(v, _nothing) for v in wanted]


def _inputs_of(variable: Variable, recorded: dict[Apply, list[Any]]) -> list[Any]:
    node = variable.owner
    if node is None:
        return []
    return [_recorded(v, recorded) for v in node.inputs]


def _recorded(variable: Variable, recorded: dict[Apply, list[Any]]) -> Any:
    """The value of a constant or of a node's output; None where it has not been computed."""
    if isinstance(variable, Constant):
        return variable.data
    results = recorded.get(variable.owner) if variable.owner is not None else None
    return None if results is None or variable.index is None else results[variable.index]
