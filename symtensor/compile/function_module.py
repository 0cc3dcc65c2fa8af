"""`Function`, the callable that `function` returns, and `FunctionMaker`, which makes it.

    inputs, outputs (In, Out) --std_fgraph--> FunctionGraph --mode's rewrites--> maker.fgraph
       --compile.linking: lower, link--> an executable --> Function

In: specifications and a mode; at call time, Python values. Out: results, and new values of shared variables and of
inputs with updates, stored only after everything has been computed. Refused: wrong numbers, names and types of
arguments (the message names the function, the argument and the user's line), inputs that nothing needs, in-place graphs
unless accepted.
"""
from __future__ import annotations

import logging
import reprlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symtensor.compile.aliasing import (
    Supervisor, alias_root, check_equal, fgraph_updated_vars, infer_reuse_pattern, register_checker, view_tree_set,
)
from symtensor.compile.errors import AliasedMemoryError, UnusedInputError
from symtensor.compile.fgraphs import check_unused_inputs, derived_specs, std_fgraph
from symtensor.compile.inputs import convert_function_input, get_info_on_inputs, needs_filter, plain_arrays
from symtensor.compile.io import In, SymbolicInput, SymbolicOutput
from symtensor.compile.code import LinkRequest, WrappedExecutable
from symtensor.compile.memo import Remembered, on_own_variables, on_variables, recall, remember, spec_key
from symtensor.compile.mode import get_mode
from symtensor.compile.profiling import ProfileStats
from symtensor.compile.runner import Runner
from symtensor.compile.values import DUPLICATE, Containers, Values, hashable
from symtensor.config import change_flags, config
from symtensor.control.builders import ops_with_inner_function
from symtensor.graph.basic import Variable
from symtensor.graph.trace import format_trace
from symtensor.graph.traversal import is_same_graph
from symtensor.runtime.function import FunctionBase
from symtensor.tensor.sharedvar import Container
from symtensor.utils.memory import collector_paused

__all__ = [
    "AliasedMemoryError", "DUPLICATE", "Function", "FunctionMaker", "In", "NODEFAULT", "Supervisor", "SymbolicInput",
    "SymbolicOutput", "UnusedInputError", "alias_root", "check_equal", "config", "convert_function_input",
    "fgraph_updated_vars", "get_info_on_inputs", "infer_reuse_pattern", "is_same_graph", "ops_with_inner_function",
    "orig_function",
    "register_checker", "std_fgraph", "view_tree_set",
]

# Public class paths are Theano's.
AliasedMemoryError.__module__ = UnusedInputError.__module__ = __name__

_log = logging.getLogger("symtensor.compile.function_module")

# How values of refused arguments are shown.
_short = reprlib.Repr()
_short.maxlist = _short.maxtuple = 8
_short.maxstring = _short.maxother = 200

NODEFAULT = ["NODEFAULT"]
"""Stands for "no default value"."""


class Function(FunctionBase):
    """A compiled function. Call it with values for its inputs, by position or by name.

    `f(..., output_subset=[...])` returns some of the outputs only, by position (by key where the outputs are a dict). A
    call raises TypeError for missing, unknown, superfluous, repeated or ill-typed arguments, and whatever running the
    graph raises; then no shared variable has changed.

    An instance also works as a mapping from inputs and shared variables to their current values: `f['x']`, `f[x]`,
    `f[x] = 3`. `f.trust_input = True` passes arguments on without converting them.

    Attributes:
        maker: the `FunctionMaker`; `maker.fgraph` is the rewritten graph.
        fn: runs the function on what the containers hold, without arguments.
        input_storage, output_storage: containers, one an input (shared variables included) and one an output. Arguments
            do not pass through them: they hold defaults, shared values, and what `fn` reads and writes.
        name: for messages.
        profile: a `ProfileStats`, or None or False.
    """

    pickle_aliased_memory_strategy = "warn"
    """What pickling does when two inputs' values share memory, which a pickle does not keep: 'warn', 'ignore',
    'raise'."""

    fn: Any = None
    input_storage: Any = None
    output_storage: Any = None
    indices: Any = None
    defaults: Any = None
    unpack_single: Any = None
    return_none: Any = None
    maker: Any = None
    finder: Any = None
    inv_finder: Any = None

    def __init__(
        self,
        fn: Runner,
        input_storage: Sequence[Container],
        output_storage: Sequence[Container],
        indices: Any,
        outputs: Any,
        defaults: Sequence[tuple[bool, bool, Any]],
        unpack_single: bool,
        return_none: bool,
        output_keys: list[str] | None,
        maker: FunctionMaker,
        name: str | None = None,
    ) -> None:
        self.fn = fn
        self.input_storage = list(input_storage)
        self.output_storage = list(output_storage)
        self.indices = indices
        self.outputs = outputs
        self.defaults = list(defaults)
        self.unpack_single = unpack_single
        self.return_none = return_none
        self.output_keys = output_keys
        self.maker = maker
        self.name = name
        self.profile: Any = None
        self.trust_input = False
        self.nodes_with_inner_function: list[Any] = []
        self.n_returned_outputs = len(outputs)
        self._specs: list[Any] = [entry[0] for entry in indices]
        self.finder = {}
        self.inv_finder = {}
        for i, (spec, container) in enumerate(zip(self._specs, self.input_storage)):
            container.strict = getattr(spec, "strict", False)
            container.allow_downcast = getattr(spec, "allow_downcast", None)
            container.required, container.implicit, container.provided = self.defaults[i][0], spec.implicit, 0
            self.finder[i] = container
            self.finder[spec.variable] = container
            if spec.name is not None:
                self.finder[spec.name] = DUPLICATE if spec.name in self.finder else container
            self.inv_finder[container] = spec
        self._assigned: set[int] = set()
        self._connect()

    def _connect(self) -> None:
        """Tells the executor where each input's value comes from and in which form the outputs go out."""
        specs, sources = self._specs, []
        for i, (spec, container) in enumerate(zip(specs, self.input_storage)):
            if spec.implicit:
                sources.append(container.storage)
            else:
                sources.append(i if self.defaults[i][0] else (i, container.storage))
        explicit = [i for i, spec in enumerate(specs) if not spec.implicit]
        self._n_arguments = explicit[-1] + 1 if explicit else 0
        self._position = {id(container): i for i, container in enumerate(self.input_storage)}
        self._plain = [plain_arrays(spec.variable.type) for spec in specs]
        if self.return_none:
            form: Any = "none"
        elif self.output_keys is not None:
            form = tuple(self.output_keys)
        else:
            form = "bare" if self.unpack_single and self.n_returned_outputs == 1 else "list"
        executable = self.fn.executable
        # The executor binds arrays, numbers and any object itself. Where it may not, all calls pass `_slow_call`.
        gap = len(explicit) != self._n_arguments
        if self.profile or self._assigned or gap or any(needs_filter(specs[i]) for i in explicit):
            executable = WrappedExecutable(executable)
        if gap:
            sources = [(i, container.storage) if i < self._n_arguments else container.storage
                       for i, container in enumerate(self.input_storage)]
        self._bind(executable, tuple(sources), form)

    def _note_assignment(self, item: Any) -> None:
        """A default that is assigned to serves the next call; after that the original one is back."""
        i = self._position[id(self._container(item))]
        if self.defaults[i][1]:
            self._assigned.add(i)
            self._connect()

    # -- calls ------------------------------------------------------------------------------------------------------

    def _slow_call(self, args: tuple[Any, ...], kwargs: Any) -> Any:
        """A call that is not just arrays of the right kind by position."""
        start = time.perf_counter()
        subset = kwargs.pop("output_subset", None)
        arguments = self._arguments(args, kwargs)
        running = time.perf_counter()
        try:
            result = self._execute(arguments)
        finally:
            if self._assigned:
                for i in self._assigned:
                    self.input_storage[i].value = self.defaults[i][2]
                self._assigned.clear()
                self._connect()
        if self.profile:
            end = time.perf_counter()
            self.profile.note_call(end - start, end - running)
            self.maker.mode.call_time += end - start
            self.maker.mode.fn_time += end - running
        if subset is None:
            return result
        if self.output_keys is not None:
            return {key: result[key] for key in subset}
        results = result if isinstance(result, list) else [result]
        return [results[i] for i in subset]

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """A value for each argument position, `...` where the container's is meant."""
        if len(args) + len(kwargs) > len(self.input_storage):
            raise TypeError("Too many parameter passed to symtensor function")
        specs = self._specs
        values: list[Any] = [...] * len(specs)
        provided = [0] * len(specs)
        for i, arg in enumerate(args):
            values[i] = arg if self.trust_input else self._filtered(i, arg)
            provided[i] = 1
        for name, arg in kwargs.items():
            if name not in self.finder:
                self.value[name] = arg  # raises, with what inputs there are
            container = self._container(name)
            i = self._position[id(container)]
            values[i] = arg if self.trust_input else self._filtered(i, arg)
            provided[i] += 1
        for i, spec in enumerate(specs):
            if self.defaults[i][0] and not provided[i]:
                raise TypeError(f"Missing required input: {spec.variable}")
            if provided[i] > 1:
                raise TypeError(f"Multiple values for input: {spec.variable}")
            if spec.implicit and provided[i]:
                raise TypeError(f"Tried to provide value for implicit input: {spec.variable}")
        return values[:self._n_arguments]

    def _filtered(self, i: int, arg: Any) -> Any:
        """Argument `i` as a value of its type; errors say which argument of which function, and where it was made."""
        dtype, rank = self._plain[i]
        if arg.__class__ is np.ndarray and arg.dtype is dtype and arg.ndim == rank:
            return arg
        spec, container = self._specs[i], self.input_storage[i]
        kind = spec.variable.type
        try:
            if arg is None and not kind.is_valid_value(None):
                raise TypeError("expected an ndarray, not None")
            return kind.filter(arg, strict=container.strict, allow_downcast=container.allow_downcast)
        except Exception as error:
            named = f'with name "{spec.name}" ' if spec.name else ""
            function = "symtensor function" + (f' with name "{self.name}"' if self.name else "")
            where = f"Bad input argument {named}to {function} at index {i} (0-based). {format_trace(spec.variable)}"
            break_line = "" if where.endswith("\n") else "\n"
            what, *details = error.args or (type(error).__name__,)
            text = f"{where}{break_line}{what}"
            if details and isinstance(what, str):
                text += f"\nGiven: {', '.join(_short.repr(detail) for detail in details)}"
            error.args = (text,)
            raise

    # -- the function as a mapping ----------------------------------------------------------------------------------

    def _container(self, item: Any) -> Container:
        found = self.finder.get(item) if hashable(item) else None
        if found is None:
            raise TypeError(f"Unknown input or state: {item}")
        if found is DUPLICATE:
            raise TypeError(f"Ambiguous name: {item} - please check the names of the inputs of your function for "
                            "duplicates.")
        return found

    def __contains__(self, item: Any) -> bool:
        return item in self.value

    def __getitem__(self, item: Any) -> Any:
        return self.value[item]

    def __setitem__(self, item: Any, value: Any) -> None:
        self.value[item] = value

    # Made anew each time: kept, they would tie the function into a circle and delay its end.
    value = property(Values, doc="Current values by name, variable or position; may be assigned to.")
    container = property(Containers, doc="Containers by name, variable or position.")

    def get_shared(self) -> list[Any]:
        """The shared variables that this function reads or updates."""
        return [spec.variable for spec in self.maker.inputs if spec.implicit]

    def sync_shared(self) -> None:
        """Waits until shared values that live on another device are up to date: on the CPU they always are."""
        self.fn.synchronise()

    def free(self) -> None:
        """Gives back the memory that this function keeps for intermediate values between calls."""
        self.fn.free()

    # -- copies -----------------------------------------------------------------------------------------------------

    def copy(self, share_memory: bool = False, swap: Any = None, delete_updates: bool = False, name: str | None = None,
             profile: Any = None) -> Function:
        """A function with the same graph and its own defaults, without compiling it again.

        Args:
            share_memory: use the same workspace for intermediate values; such functions must not run at the same time.
            swap: a dict from shared variables of this function to other shared variables of the same types.
            delete_updates: leave out all updates of shared variables and inputs.
            name: the new name; default: this one's with " copy" behind it.
            profile: as in `function`.

        The copy returns a list, even of one output. Raises AssertionError for a swap of something that is no shared
        variable or of another type, ValueError for one that this function does not use.
        """
        swap = dict(swap.items()) if swap else {}
        maker = self.maker
        shared_of = {spec.variable: spec for spec in maker.inputs if spec.implicit}
        for old, new in swap.items():
            if not hasattr(old, "container"):
                raise AssertionError("Key of swap should be SharedVariable, given:", old, " type", type(old))
            if not hasattr(new, "container"):
                raise AssertionError("Value of swap should be SharedVariable, given:", new, "type", type(old))
            if old not in shared_of:
                raise ValueError(f"SharedVariable: {old} not found")
            if new.type != old.type:
                raise AssertionError("Type of given SharedVariable conflicts with original one",
                                     "Type of given SharedVariable:", new.type, "Type of original SharedVariable:",
                                     old.type)
        inputs, outputs, fgraph = derived_specs(maker.inputs, maker.outputs, maker.fgraph, swap, delete_updates)
        if name is None and self.name:
            name = self.name + " copy"
        new_maker = type(maker)(
            inputs, outputs, mode=maker.mode, accept_inplace=maker.accept_inplace,
            function_builder=maker.function_builder,
            profile=_profile(profile, name), on_unused_input="ignore", fgraph=fgraph, name=name)
        if not delete_updates:
            new_maker.code = maker.code
        function = new_maker.create([getattr(spec, "value", None) for spec in inputs],
                                    executable=self.fn.executable if share_memory and not delete_updates else None)
        function.trust_input = self.trust_input
        return function

    def __copy__(self) -> Function:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        _warn_of_aliases(self)
        own = [None if isinstance(getattr(spec, "value", None), Container) else container.data
               for spec, container in zip(self._specs, self.input_storage)]
        state = {"trust_input": self.trust_input, "name": self.name}
        return _rebuild_function, (self.maker, own, state)


def _rebuild_function(maker: Any, values: list[Any], state: dict[str, Any]) -> Any:
    """What unpickling calls. With `config.unpickle_function` off, functions come back as None."""
    if not config.unpickle_function:
        return None
    function = maker.create([getattr(spec, "value", None) for spec in maker.inputs])
    for container, value in zip(function.input_storage, values):
        if value is not None:
            container.storage[0] = value
    function.trust_input, function.name = state["trust_input"], state["name"]
    return function


def _warn_of_aliases(function: Function) -> None:
    """Applies `pickle_aliased_memory_strategy` to inputs whose values share memory."""
    strategy = function.pickle_aliased_memory_strategy
    if strategy == "ignore":
        return
    held = [(container.type, container.data) for container in function.input_storage]
    held = [(kind, data) for kind, data in held if isinstance(data, np.ndarray)]
    for i, (kind, data) in enumerate(held):
        for _, other in held[:i]:
            if other is not data and kind.may_share_memory(other, data):
                text = (f"aliased relationship between Function arguments {other}, {data} will not be preserved by "
                        "un-pickling operation")
                if strategy == "raise":
                    raise AliasedMemoryError(other, data)
                _log.warning(text)


def _profile(profile: Any, name: str | None) -> Any:
    """A `ProfileStats` or False or None, from what the user gave as `profile`."""
    if profile is None:
        profile = config.profile or None
    if profile is True:
        return ProfileStats(message=name)
    if isinstance(profile, str):
        return ProfileStats(message=profile)
    if profile and not isinstance(profile, ProfileStats):
        raise TypeError(f"profile must be True, False, None, a message or a ProfileStats, not {profile}")
    return profile


class FunctionMaker:
    """Makes functions of one graph: rewrites it when it is made; `create` gives each function its containers.

    Args:
        inputs: `In`s, variables, or pairs of a variable and its update.
        outputs: `Out`s or variables in a list; a single one (the function then returns a bare value); or None.
        mode: a `Mode` or a name.
        accept_inplace: whether ops that overwrite their inputs are allowed in the graph.
        function_builder: the class of the functions.
        profile: a `ProfileStats` or a false value.
        on_unused_input: as in `function`.
        fgraph: a graph that has been rewritten already, whose inputs and outputs fit the specifications.
        output_keys: the keys of a function that returns a dict.
        name: the functions' name.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        mode: Any = None,
        accept_inplace: bool = False,
        function_builder: Callable[..., Any] = Function,
        profile: Any = None,
        on_unused_input: str | None = None,
        fgraph: Any = None,
        output_keys: list[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.mode = get_mode(mode)
        if not hasattr(self.mode, "linker"):
            raise TypeError(f"mode must be a Mode or the name of one, not {self.mode} of type {type(self.mode)}")
        self.profile = profile
        start = time.perf_counter()
        self.return_none = outputs is None
        self.unpack_single = outputs is not None and not isinstance(outputs, (list, tuple))
        if outputs is None:
            outputs = []
        elif self.unpack_single:
            outputs = [outputs]
        inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.inputs: list[Any] = [self.wrap_in(given) for given in inputs]
        self.outputs: list[Any] = [self.wrap_out(given) for given in outputs]
        self.code: Any = None
        self._key: Any = None
        self._fgraph: Any = fgraph
        self._remembered: Remembered | None = None
        if fgraph is None:
            check_unused_inputs(self.inputs, self.outputs, on_unused_input)
            self._key = None if profile else spec_key(self.inputs, self.outputs, self.mode)
            self._remembered = None if self._key is None else recall(self._key[0])
        if self._remembered is not None:
            self.code = self._remembered.code
        elif fgraph is None:
            fgraph, _ = std_fgraph(self.inputs, self.outputs, accept_inplace)
            fgraph.profile = profile
            with change_flags(**{"compute_test_value": config.compute_test_value_opt,
                                 "traceback.limit": config.traceback.compile_limit}):
                self._fgraph = self.rewritten(fgraph)
            if profile:
                profile.note_rewriting(time.perf_counter() - start, self._fgraph)
        self.linker = self.mode.linker
        self.accept_inplace = accept_inplace
        self.function_builder = function_builder
        self.on_unused_input = on_unused_input
        self.output_keys = output_keys
        self.name = name
        self.expanded_inputs = self.inputs
        self.indices = [self.expand_in(spec, None) for spec in self.inputs]
        values = [getattr(spec, "value", None) for spec in self.inputs]
        self.required = [value is None for value in values]
        # A default without update comes back after each call; one with an update stays what the update made it.
        self.refeed = [value is not None and not isinstance(value, Container) and spec.update is None
                       for spec, value in zip(self.inputs, values)]

    @property
    def fgraph(self) -> Any:
        """The rewritten graph."""
        if self._fgraph is None:
            assert self._remembered is not None
            self._fgraph = on_variables(self._remembered, [spec.variable for spec in self.inputs])
        return self._fgraph

    def rewritten(self, fgraph: Any) -> Any:
        """The graph after the mode's rewrites, which may work in place."""
        self.mode.rewrite(fgraph)
        return fgraph

    def _borrowed(self, fgraph: Any, updates: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """Outputs that may be an input's own memory: both allow it, and no update may overwrite it."""
        renewed = {position for position, _ in updates}
        places = {variable: i for i, variable in enumerate(fgraph.inputs)}
        found = []
        for k, (spec, variable) in enumerate(zip(self.outputs, fgraph.outputs)):
            i = places.get(variable)
            if spec.borrow and i is not None and i not in renewed and getattr(self.inputs[i], "borrow", False):
                found.append((k, i))
        return tuple(found)

    def prepared(self, request: LinkRequest) -> Any:
        """The `Code` for the rewritten graph."""
        return self.linker.prepare(request)

    @staticmethod
    def wrap_in(input: Any) -> Any:
        """An input specification for an `In`, a variable, or a pair of a variable and its update; TypeError
        otherwise."""
        if isinstance(input, SymbolicInput):
            return input
        if isinstance(input, Variable):
            return In(input)
        if isinstance(input, (list, tuple)) and len(input) == 2:
            return In(input[0], update=input[1])
        raise TypeError(f"Unknown input type: {type(input)} ({input}), expected Variable, SymbolicInput or pair of "
                        "them")

    @staticmethod
    def wrap_out(output: Any) -> Any:
        """An output specification for an `Out`, a variable, or a tuple of `Out`'s arguments; TypeError otherwise."""
        if isinstance(output, SymbolicOutput):
            return output
        if isinstance(output, Variable):
            return SymbolicOutput(output)
        if isinstance(output, (list, tuple)):
            return SymbolicOutput(*output)
        raise TypeError(f"Unknown output type: {type(output)} ({output})")

    @staticmethod
    def expand_in(sinput: Any, rinputs: Any) -> list[Any]:
        """The entry of `indices` for an input: itself, None, and the list of inputs it stands for."""
        return [sinput, None, [sinput]]

    def create(self, input_storage: Any = None, trustme: bool = False, storage_map: Any = None,
               executable: Any = None) -> Any:
        """A function.

        Args:
            input_storage: for each input its default: a value, a container whose storage is then shared, or None.
            trustme: take the values as they are, without converting them.
            storage_map: cells (lists of one value) to use for some of the graph's variables, by variable.
            executable: run this instead of a new executable with a workspace of its own.
        """
        start = time.perf_counter()
        given = [None] * len(self.inputs) if input_storage is None else list(input_storage)
        # The remembered graph will do, unless the caller names variables of this function's own.
        graph = self._fgraph if self._remembered is None or storage_map else self._remembered.graph
        graph = self.fgraph if graph is None else graph
        known = storage_map or {}
        containers, defaults = [], []
        for spec, variable, value, refeed in zip(self.inputs, graph.inputs, given, self.refeed):
            if isinstance(value, Container):
                storage = value.storage
            else:
                storage = known.get(variable, [None])
            container = Container(spec.variable, storage, strict=getattr(spec, "strict", False),
                                  allow_downcast=getattr(spec, "allow_downcast", None), name=spec.variable.name)
            if isinstance(value, Container):
                defaults.append((False, False, None))
            elif value is None:
                defaults.append((not spec.implicit, False, None))
            else:
                if trustme:
                    storage[0] = value
                else:
                    container.value = value
                defaults.append((False, refeed, value))
            containers.append(container)
        n_outputs = len(self.outputs)
        outputs = [Container(variable, known.get(variable, [None])) for variable in graph.outputs[:n_outputs]]
        if self.code is None:
            updates = tuple(sorted((position, k) for k, position in (graph.update_mapping or {}).items()))
            if self._key is not None:
                graph = on_own_variables(graph)
            shared = tuple(i for i, spec in enumerate(self.inputs) if spec.implicit)
            self.code = self.prepared(LinkRequest(
                graph, self.linker.schedule(graph), n_outputs, updates, self._borrowed(graph, updates), shared,
                name=self.name or "f", profile=self.profile or None))
            if self._key is not None:
                remember(self._key[0], Remembered(graph, self.code, self._key[1]))
        if executable is None:
            executable = self.code.instance()
        fn = Runner(executable, [c.storage for c in containers], [c.storage for c in outputs], self)
        function = self.function_builder(
            fn, containers, outputs, self.indices, self.outputs, defaults, self.unpack_single, self.return_none,
            self.output_keys, self, name=self.name)
        if self.profile:
            self.profile.note_linking(time.perf_counter() - start)
            function.profile = self.profile
            function._connect()
        else:
            function.profile = self.profile
        return function

    def __getstate__(self) -> dict[str, Any]:
        return {
            "inputs": self.inputs, "outputs": self.outputs, "mode": self.mode, "accept_inplace": self.accept_inplace,
            "function_builder": self.function_builder, "output_keys": self.output_keys, "name": self.name,
            "unpack_single": self.unpack_single, "return_none": self.return_none}

    def __setstate__(self, state: dict[str, Any]) -> None:
        single, none = state.pop("unpack_single"), state.pop("return_none")
        self.__init__(on_unused_input="ignore", **state)  # type: ignore[misc]
        self.unpack_single, self.return_none = single, none


def orig_function(
    inputs: Any,
    outputs: Any,
    mode: Any = None,
    accept_inplace: bool = False,
    name: str | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    output_keys: list[str] | None = None,
) -> Any:
    """A function of explicit inputs only; `function` is what to use. The arguments are those of `FunctionMaker`."""
    start = time.perf_counter()
    mode = get_mode(mode)
    inputs = [convert_function_input(given) for given in inputs]
    if outputs is not None:
        if isinstance(outputs, (list, tuple)):
            outputs = [FunctionMaker.wrap_out(output) for output in outputs]
        else:
            outputs = FunctionMaker.wrap_out(outputs)
    profile = _profile(profile, name)
    make = getattr(mode, "function_maker", FunctionMaker)
    with collector_paused():
        maker = make(inputs, outputs, mode, accept_inplace=accept_inplace, profile=profile,
                     on_unused_input=on_unused_input, output_keys=output_keys, name=name)
        function = maker.create([getattr(given, "value", None) for given in inputs])
    if profile:
        profile.note_compiling(time.perf_counter() - start)
    return function
