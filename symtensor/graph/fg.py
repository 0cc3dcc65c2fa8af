"""`FunctionGraph`: a graph between inputs and outputs that can be changed, knows who uses what, and tells its features.

In: inputs and outputs, cloned unless told otherwise, so that the user's graph never changes. While a variable belongs
to a graph it carries `fgraph` and `clients` (pairs of a node, or "output", and the position at which the variable is
used), and so does a node carry `fgraph`. Refused: variables that belong to another graph, inputs that are missing
(`MissingInputError`), replacements of another type (`BadOptimization`).

Every edit costs time proportional to what it adds and removes, not to the size of the graph or to the number of
clients.
"""
from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.graph.errors import (
    AlreadyThere,
    BadOptimization,
    CachedConstantError,
    InconsistencyError,
    MissingInputError,
)
from symtensor.graph.hooks import hooks
from symtensor.graph.null_type import NullType
from symtensor.graph.text import as_string
from symtensor.graph.trace import get_variable_trace_string
from symtensor.graph.traversal import clone, clone_get_equiv, io_toposort
from symtensor.graph.utils import object2
from symtensor.utils.memory import collector_paused
from symtensor.utils.ordered import OrderedSet

__all__ = ["CachedConstantError", "Clients", "FunctionGraph", "InconsistencyError", "MissingInputError"]


class Clients(Sequence[tuple[Any, int]]):
    """The users of a variable: reads as a list of `(node or "output", position)`, adds and removes in O(1)."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[Any, int]] = ()) -> None:
        self._items: dict[tuple[Any, int], None] = dict.fromkeys(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        return iter(list(self._items))

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __getitem__(self, index: Any) -> Any:
        if index == 0 and self._items:
            return next(iter(self._items))
        return list(self._items)[index]

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return list(self._items) + list(other)

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        return list(other) + list(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Clients):
            return list(self._items) == list(other._items)
        if isinstance(other, list):
            return list(self._items) == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self._items))

    def append(self, item: tuple[Any, int]) -> None:
        self._items[item] = None

    def remove(self, item: tuple[Any, int]) -> None:
        del self._items[item]


class FunctionGraph(object2):
    """A graph that can be changed: see the module.

    inputs, outputs     lists of variables
    apply_nodes         the nodes, an ordered set
    variables           the variables, an ordered set
    update_mapping      {output number: input number} of updates that a function will make, or None

    With `clone` (the default) the graph is built on copies of the variables. `features` are attached before anything is
    imported, so that they hear of every node.
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], features: Sequence[Any] | None = None,
                 clone: bool = True, update_mapping: dict[int, int] | None = None) -> None:
        if clone:
            inputs, outputs = _clone(inputs, outputs)
        self.execute_callbacks_time: float = 0
        self.execute_callbacks_times: dict[Any, float] = {}
        self._features: list[Any] = []
        self._sorted: list[Apply] | None = None  # the order of the nodes, until something changes
        self.apply_nodes: OrderedSet[Apply] = OrderedSet()
        self.variables: OrderedSet[Variable] = OrderedSet()
        self.inputs: list[Any] = list(inputs)
        self.outputs: list[Any] = list(outputs)
        self.name: str | None = None
        self.profile: Any = None
        self.update_mapping = update_mapping
        for feature in features or ():
            self.attach_feature(feature)
        self._input_set: set[Variable] = set(self.inputs)
        for input in self.inputs:
            if input.owner is not None:
                raise ValueError("One of the provided inputs is the output of an already existing node. "
                                 "If that is okay, either discard that input's owner or use graph.clone.")
            self.__setup_r__(input)
            self.variables.add(input)
        with collector_paused():
            for output in self.outputs:
                self.__import_r__(output, reason="init")
        for i, output in enumerate(self.outputs):
            output.clients.append(("output", i))

    # ---------------------------------------------------------------------------------------------- ownership of parts

    def __setup_r__(self, r: Variable) -> None:
        """Make a variable part of this graph."""
        if getattr(r, "cached", False):
            raise CachedConstantError(
                "You manually constructed a FunctionGraph, but you passed it a graph that has a cached constant. "
                "This should not happen. Clone the graph before building the FunctionGraph.")
        owner = getattr(r, "fgraph", None)
        if owner is not None and owner is not self:
            raise Exception(f"{r} is already owned by another fgraph")
        r.fgraph = self  # type: ignore[attr-defined]
        r.clients = Clients()  # type: ignore[attr-defined]

    def __setup_node__(self, node: Apply) -> None:
        """Make a node part of this graph."""
        owner = getattr(node, "fgraph", None)
        if owner is not None and owner is not self:
            raise Exception(f"{node} is already owned by another fgraph")
        for attribute, kind in (("view_map", "view"), ("destroy_map", "destroy")):
            positions = getattr(node.op, attribute, None)
            if positions and not all(isinstance(v, (list, tuple)) for v in positions.values()):
                raise Exception(
                    f"Op '{node.op}' have a bad {kind} map '{positions}', the values must be tuples or lists.")
        node.fgraph = self  # type: ignore[attr-defined]
        node.deps = {}  # type: ignore[attr-defined]

    def disown(self) -> None:
        """Take the graph apart: its variables and nodes may then be used elsewhere, and this object no longer."""
        for feature in list(self._features):
            self.remove_feature(feature)
        for node in self.apply_nodes:
            del node.fgraph  # type: ignore[attr-defined]
            del node.deps  # type: ignore[attr-defined]
        for variable in self.variables:
            del variable.fgraph  # type: ignore[attr-defined]
            del variable.clients  # type: ignore[attr-defined]
        self.apply_nodes = OrderedSet()
        self.variables = OrderedSet()
        self.inputs = []
        self.outputs = []
        self._input_set = set()
        self._sorted = None

    def clients(self, r: Variable) -> Any:
        """The users of a variable, as `(node or "output", position)`."""
        return r.clients  # type: ignore[attr-defined]

    def __add_client__(self, r: Variable, new_client: tuple[Any, int]) -> None:
        """Note a further user of `r`."""
        r.clients.append(new_client)  # type: ignore[attr-defined]

    def __remove_client__(self, r: Variable, client_to_remove: tuple[Any, int], reason: Any = None) -> None:
        """Take away one user of `r`, and what nobody uses any more."""
        todo: list[tuple[Variable, tuple[Any, int]]] = [(r, client_to_remove)]
        while todo:
            variable, client = todo.pop()
            variable.clients.remove(client)  # type: ignore[attr-defined]
            if variable.clients:  # type: ignore[attr-defined]
                continue
            node = variable.owner
            if node is None:
                if variable not in self._input_set:
                    self.variables.discard(variable)
                    variable.fgraph = None  # type: ignore[attr-defined]
                continue
            if any(output.clients for output in node.outputs):  # type: ignore[attr-defined]
                continue
            self.apply_nodes.remove(node)
            for output in node.outputs:
                self.variables.discard(output)
            node.fgraph = None  # type: ignore[attr-defined]
            for output in node.outputs:
                output.fgraph = None  # type: ignore[attr-defined]
            self.execute_callbacks("on_prune", node, reason)
            todo.extend((input, (node, i)) for i, input in enumerate(node.inputs))

    def __import_r__(self, variable: Variable, reason: Any) -> None:
        """Make a variable and everything that it needs part of the graph."""
        if getattr(variable, "fgraph", None) is self:
            return
        if variable.owner is not None:
            self.__import__(variable.owner, reason=reason)
            return
        if isinstance(variable.type, NullType):
            raise TypeError(f"Computation graph contains a NaN. {variable.type.why_null}")
        if not isinstance(variable, Constant) and not self._is_constant(variable):
            raise MissingInputError(f"Undeclared input{get_variable_trace_string(variable)}", variable=variable)
        self.__setup_r__(variable)
        self.variables.add(variable)

    @staticmethod
    def _is_constant(variable: Variable) -> bool:
        return bool(getattr(variable, "is_constant_like", False))

    def __import__(self, apply_node: Apply, check: bool = True, reason: Any = None) -> None:
        """Make a node and everything that it needs part of the graph; nothing is changed when an input is missing."""
        new_nodes = self._new_nodes(apply_node)
        if check:
            for node in new_nodes:
                if hasattr(node, "fgraph") and node.fgraph is not None and node.fgraph is not self:
                    raise Exception(f"{node} is already owned by another fgraph")
                for i, variable in enumerate(node.inputs):
                    if variable.owner is not None or getattr(variable, "fgraph", None) is self:
                        continue
                    if not isinstance(variable, Constant):
                        self._missing(node, variable)
                    if getattr(variable, "cached", False) and reason != "init":
                        node.inputs[i] = variable.clone()  # shared by all graphs, so this one gets its own
        for node in new_nodes:
            self.__setup_node__(node)
            self.apply_nodes.add(node)
            for output in node.outputs:
                self.__setup_r__(output)
                self.variables.add(output)
            for i, input in enumerate(node.inputs):
                if getattr(input, "fgraph", None) is not self:
                    self.__setup_r__(input)
                    self.variables.add(input)
                input.clients.append((node, i))  # type: ignore[attr-defined]
            self.execute_callbacks("on_import", node, reason)

    def _new_nodes(self, apply_node: Apply) -> list[Apply]:
        """The ancestors of a node, itself included, that are not part of the graph yet, in topological order."""
        if getattr(apply_node, "fgraph", None) is self:
            return []
        order: list[Apply] = []
        seen: set[Apply] = set()
        todo: list[tuple[Apply, bool]] = [(apply_node, False)]
        while todo:
            node, expanded = todo.pop()
            if expanded:
                order.append(node)
                continue
            if node in seen:
                continue
            seen.add(node)
            todo.append((node, True))
            for variable in node.inputs:
                owner = variable.owner
                if owner is not None and owner not in seen and getattr(owner, "fgraph", None) is not self:
                    todo.append((owner, False))
        return order

    def _missing(self, node: Apply, variable: Variable) -> None:
        position = node.inputs.index(variable)
        message = (f"Input {position} of the graph (indices start from 0), used to compute {node}, was not provided "
                   "and not given a value. Use the Theano flag exception_verbosity='high', for more information on "
                   "this error.")
        if config.exception_verbosity == "high":
            message += "\n" + hooks.debugprint(node)
        raise MissingInputError(message + "\n" + get_variable_trace_string(variable), variable=variable)

    def add_input(self, input: Variable) -> None:
        """Add an input, unless it is one already."""
        if input in self._input_set:
            return
        self._sorted = None
        self.inputs.append(input)
        self._input_set.add(input)
        self.__setup_r__(input)
        self.variables.add(input)

    # ------------------------------------------------------------------------------------------------------- changes

    def change_input(self, node: Any, i: int, new_r: Variable, reason: Any = None) -> None:
        """Make `new_r` input `i` of `node` (or output `i` of the graph when `node` is "output").

        A type other than the old one's raises TypeError. This is the one primitive through which a graph changes.
        """
        if node == "output":
            r = self.outputs[i]
            if not r.type == new_r.type:
                raise TypeError("The type of the replacement must be the same as the type of the original Variable.",
                                r, new_r)
            places = self.outputs
        else:
            if node.fgraph is not self:
                raise Exception(f"Cannot operate on {node} because it does not belong to this FunctionGraph")
            r = node.inputs[i]
            if not r.type == new_r.type:
                raise TypeError("The type of the replacement must be the same as the type of the original Variable.",
                                r, new_r)
            places = node.inputs
        if r is new_r:
            return
        self._sorted = None
        if getattr(new_r, "cached", False):
            new_r = new_r.clone()
        self.__import_r__(new_r, reason=reason)
        places[i] = new_r
        new_r.clients.append((node, i))  # type: ignore[attr-defined]
        self.__remove_client__(r, (node, i), reason=reason)
        self.execute_callbacks("on_change_input", node, i, r, new_r, reason=reason)

    def replace(self, r: Variable, new_r: Variable, reason: Any = None, verbose: bool | None = None) -> None:
        """Use `new_r` wherever `r` is used.

        A type that cannot be had from `new_r` raises `BadOptimization`; an `r` of another graph raises Exception; one
        that has left this graph is passed over.
        """
        if verbose is None:
            verbose = config.optimizer_verbose
        if verbose:
            print(reason, r, new_r)
        owner = getattr(r, "fgraph", self)
        if owner is not None and owner is not self or not hasattr(r, "fgraph"):
            raise Exception(f"Cannot replace {r} because it does not belong to this FunctionGraph", str(reason))
        if r.type is not new_r.type and r.type != new_r.type:
            converted = r.type.convert_variable(new_r)
            if converted is None or converted.type != r.type:
                raise BadOptimization(
                    r, new_r, None, None, f"{reason}. The type of the replacement must be the same.",
                    hooks.debugprint(r), hooks.debugprint(new_r))
            new_r = converted
        if r not in self.variables:
            return
        if r is new_r:
            return
        for node, i in list(r.clients):  # type: ignore[attr-defined]
            self.change_input(node, i, new_r, reason=reason)

    def replace_all(self, pairs: Iterable[tuple[Variable, Variable]], reason: Any = None) -> None:
        """`replace` for each pair in turn."""
        for r, new_r in pairs:
            self.replace(r, new_r, reason=reason)

    # ------------------------------------------------------------------------------------------------------- features

    def attach_feature(self, feature: Any) -> None:
        """Attach a feature; one that is attached already, or says `AlreadyThere`, is passed over."""
        if feature in self._features:
            return
        attach = getattr(feature, "on_attach", None)
        if attach is not None:
            try:
                attach(self)
            except AlreadyThere:
                return
        self.execute_callbacks_times.setdefault(feature, 0)
        self._features.append(feature)

    def remove_feature(self, feature: Any) -> None:
        """Detach a feature; one that is not attached is passed over."""
        try:
            self._features.remove(feature)
        except ValueError:
            return
        detach = getattr(feature, "on_detach", None)
        if detach is not None:
            detach(self)

    def execute_callbacks(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call the method `name` of each feature that has it, in the order of attachment, as `method(self, *args)`.

        With `config.profile` the time is added up in `execute_callbacks_time`, by feature in `execute_callbacks_times`.
        """
        if not self._features:
            return
        if not config.profile:
            for feature in self._features:
                method = getattr(feature, name, None)
                if method is not None:
                    method(self, *args, **kwargs)
            return
        start = time.perf_counter()
        for feature in self._features:
            method = getattr(feature, name, None)
            if method is None:
                continue
            begin = time.perf_counter()
            method(self, *args, **kwargs)
            self.execute_callbacks_times[feature] += time.perf_counter() - begin
        self.execute_callbacks_time += time.perf_counter() - start

    def collect_callbacks(self, name: str, *args: Any) -> dict[Any, Any]:
        """What the method `name` of each feature that has it returns for `args`, by feature."""
        found = {}
        for feature in self._features:
            method = getattr(feature, name, None)
            if method is not None:
                found[feature] = method(*args)
        return found

    # --------------------------------------------------------------------------------------------------------- reading

    def toposort(self) -> list[Apply]:
        """The nodes, each after those that it depends on. A cycle raises ValueError."""
        if len(self.apply_nodes) < 2:
            return list(self.apply_nodes)
        orderings = self.orderings()
        if orderings:
            return io_toposort(self.inputs, self.outputs, orderings)
        if self._sorted is None:
            self._sorted = io_toposort(self.inputs, self.outputs)
        return list(self._sorted)

    def orderings(self) -> dict[Apply, list[Apply]]:
        """The constraints on the order that features add: from each node to those that must come before it."""
        found: dict[Apply, OrderedSet[Apply]] = {}
        for feature in self._features:
            method = getattr(feature, "orderings", None)
            if method is None:
                continue
            for node, before in (method(self) or {}).items():
                found.setdefault(node, OrderedSet()).update(before)
        return {node: list(before) for node, before in found.items()}

    def check_integrity(self) -> None:
        """Raise Exception where the graph and its bookkeeping disagree."""
        nodes = OrderedSet(io_toposort(self.inputs, self.outputs))
        missing, excess = nodes.difference(self.apply_nodes), self.apply_nodes.difference(nodes)
        if missing or excess:
            raise Exception("The nodes are inappropriately cached. missing, in excess: ", missing, excess)
        wanted: dict[Variable, list[tuple[Any, int]]] = {}
        for input in self.inputs:
            wanted.setdefault(input, [])
        for node in nodes:
            if node.fgraph is not self:  # type: ignore[attr-defined]
                raise Exception("Node should belong to the FunctionGraph.", node)
            for i, variable in enumerate(node.inputs):
                wanted.setdefault(variable, []).append((node, i))
            for output in node.outputs:
                wanted.setdefault(output, [])
        for i, output in enumerate(self.outputs):
            wanted.setdefault(output, []).append(("output", i))
        for variable, users in wanted.items():
            if getattr(variable, "fgraph", None) is not self:
                raise Exception("Variable should belong to the FunctionGraph.", variable)
            if variable.owner is None and variable not in self._input_set and not isinstance(variable, Constant):
                raise Exception("Undeclared input.", variable)
            if set(users) != set(variable.clients) or len(users) != len(variable.clients):  # type: ignore[attr-defined]
                raise Exception("Inconsistent clients list.", variable, users, variable.clients)  # type: ignore
        known = OrderedSet(wanted)
        missing_v, excess_v = known.difference(self.variables), self.variables.difference(known)
        if missing_v or excess_v:
            raise Exception("The variables are inappropriately cached. missing, in excess: ", missing_v, excess_v)

    def __str__(self) -> str:
        return f"[{', '.join(as_string(self.inputs, self.outputs))}]"

    def __repr__(self) -> str:
        return str(self)

    # --------------------------------------------------------------------------------------------------------- copying

    def clone(self, check_integrity: bool = True) -> FunctionGraph:
        """A copy with its own variables and nodes, without the features."""
        return self.clone_get_equiv(check_integrity)[0]

    def clone_get_equiv(self, check_integrity: bool = True,
                        attach_feature: bool = True) -> tuple[FunctionGraph, dict[Any, Any]]:
        """A copy, and a dict from each variable and node to its copy. `attach_feature` attaches the features to it."""
        equiv = clone_get_equiv(self.inputs, self.outputs)
        if check_integrity:
            self.check_integrity()
        new = FunctionGraph([equiv[i] for i in self.inputs], [equiv[o] for o in self.outputs], clone=False,
                            update_mapping=self.update_mapping)
        if check_integrity:
            new.check_integrity()
        if attach_feature:
            for feature in self._features:
                new.attach_feature(feature)
        return new, equiv

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for feature in self._features:
            for attr in getattr(feature, "pickle_rm_attr", ()):
                state.pop(attr, None)
        for key in ("execute_callbacks_times", "apply_nodes", "variables", "_input_set", "_sorted"):
            state.pop(key, None)
        state["_nodes"] = list(self.apply_nodes)
        state["_unused"] = [v for v in self.variables if not v.clients and v.owner is None]  # type: ignore[attr-defined]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        nodes = state.pop("_nodes")
        unused = state.pop("_unused")
        self.__dict__.update(state)
        self.execute_callbacks_times = {feature: 0 for feature in self._features}
        self._sorted = None
        self.apply_nodes = OrderedSet(nodes)
        self.variables = OrderedSet()
        self._input_set = set(self.inputs)
        for variable in [*self.inputs, *unused]:
            self.__setup_r__(variable)
            self.variables.add(variable)
        for node in nodes:
            self.__setup_node__(node)
            for output in node.outputs:
                self.__setup_r__(output)
                self.variables.add(output)
        for node in nodes:
            for i, input in enumerate(node.inputs):
                if getattr(input, "fgraph", None) is not self:
                    self.__setup_r__(input)
                    self.variables.add(input)
                input.clients.append((node, i))
        for i, output in enumerate(self.outputs):
            if getattr(output, "fgraph", None) is not self:
                self.__setup_r__(output)
                self.variables.add(output)
            output.clients.append(("output", i))
        for feature in self._features:
            unpickle = getattr(feature, "unpickle", None)
            if unpickle is not None:
                unpickle(self)


_clone = clone
