"""Modes: how a function's graph is rewritten and what runs it. A `Mode` is a linker and an optimizer.

In: names or instances of linkers and optimizers, tags. Out: `Mode`s; `get_mode` gives the one that a name, or the
configuration, stands for. Refused: names that are not registered.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.compile.aliasing import Supervisor
from symtensor.compile.link import CLinker, Linker, NodeLinker, OpWiseCLinker, PerformLinker, VM_Linker
from symtensor.config import config
from symtensor.printing import debugprint
from symtensor.rewrite.base import Optimizer
from symtensor.rewrite.optdb import Query, optdb
from symtensor.rewrite.pipeline import optimize

__all__ = [
    "AddFeatureOptimizer", "FAST_COMPILE", "FAST_RUN", "Mode", "OPT_FAST_COMPILE", "OPT_FAST_RUN",
    "OPT_FAST_RUN_STABLE",
    "OPT_MERGE", "OPT_NONE", "OPT_O2", "OPT_O3", "OPT_STABILIZE", "OPT_UNSAFE", "PrintCurrentFunctionGraph",
    "Supervisor",
    "config", "get_default_mode", "get_mode", "optdb", "predefined_linkers", "predefined_modes",
    "predefined_optimizers",
    "register_linker", "register_mode", "register_optimizer",
]

predefined_linkers: dict[Any, Linker] = {
    "py": PerformLinker(),
    "c": CLinker(),
    "c|py": OpWiseCLinker(),
    "c|py_nogc": OpWiseCLinker(allow_gc=False),
    "vm": VM_Linker(allow_gc=True, use_cloop=False, c_thunks=True),
    "cvm": VM_Linker(allow_gc=True, use_cloop=True, c_thunks=True),
    "vm_nogc": VM_Linker(allow_gc=False, use_cloop=False, c_thunks=True),
    "cvm_nogc": VM_Linker(allow_gc=False, use_cloop=True, c_thunks=True),
    "perform": NodeLinker(),
}
"""Linkers by name."""

OPT_NONE = Query(include=[])
OPT_MERGE = Query(include=["merge"])
OPT_FAST_RUN = Query(include=["fast_run"])
OPT_FAST_RUN_STABLE = OPT_FAST_RUN.requiring("stable")
OPT_FAST_COMPILE = Query(include=["fast_compile", "fast_compile_gpu"])
OPT_STABILIZE = Query(include=["fast_run"], position_cutoff=1.5000001)
OPT_O2 = OPT_FAST_COMPILE.including("fusion")
OPT_O3 = OPT_FAST_RUN.excluding("inplace")
OPT_UNSAFE = OPT_O3.including("unsafe")

predefined_optimizers: dict[Any, Any] = {
    None: OPT_NONE,
    "None": OPT_NONE,
    "merge": OPT_MERGE,
    "o4": OPT_FAST_RUN,
    "o3": OPT_O3,
    "o2": OPT_O2,
    "o1": OPT_FAST_COMPILE,
    "unsafe": OPT_UNSAFE,
    "fast_compile": OPT_FAST_COMPILE,
    "fast_run": OPT_FAST_RUN,
    "fast_run_stable": OPT_FAST_RUN_STABLE,
    "stabilize": OPT_STABILIZE,
}
"""Queries for rewrites, by name."""


def register_linker(name: str, linker: Linker) -> None:
    """Adds a linker that `Mode(name)` finds. A name that is taken raises ValueError."""
    if name in predefined_linkers:
        raise ValueError(f"Linker name already taken: {name}")
    predefined_linkers[name] = linker


def register_optimizer(name: str, opt: Any) -> None:
    """Adds an optimizer (or a query) that `Mode(optimizer=name)` finds. A name that is taken raises ValueError."""
    if name in predefined_optimizers:
        raise ValueError(f"Optimizer name already taken: {name}")
    predefined_optimizers[name] = opt


class AddFeatureOptimizer(Optimizer):
    """A rewrite that only attaches a feature to the graph."""

    def __init__(self, feature: Any) -> None:
        self.feature = feature

    def add_requirements(self, fgraph: Any) -> None:
        """Attaches the feature."""
        fgraph.attach_feature(self.feature)

    def apply(self, fgraph: Any) -> None:
        """Changes nothing."""


class PrintCurrentFunctionGraph(Optimizer):
    """A rewrite that only prints the graph, below a header."""

    def __init__(self, header: str) -> None:
        self.header = header

    def apply(self, fgraph: Any) -> None:
        """Prints the graph as it is now."""
        print("PrintCurrentFunctionGraph:", self.header)
        debugprint(fgraph.outputs)


class Mode:
    """How to rewrite a graph (`optimizer`) and what runs it (`linker`).

    Args:
        linker: a name of `predefined_linkers`, a linker, or None for `config.linker`.
        optimizer: a name of `predefined_optimizers`, a query, an optimizer, None for no rewriting, or 'default' for
            `config.optimizer`.

    Raises KeyError for a name that is not registered.
    """

    def __init__(self, linker: Any = None, optimizer: Any = "default") -> None:
        if linker is None:
            linker = config.linker
        if isinstance(optimizer, str) and optimizer == "default":
            optimizer = config.optimizer
        self.__setstate__((linker, optimizer))
        self.call_time: float = 0
        self.fn_time: float = 0

    def __getstate__(self) -> Any:
        return self.provided_linker, self.provided_optimizer

    def __setstate__(self, state: Any) -> None:
        linker, optimizer = state
        self.provided_linker = linker
        self.provided_optimizer = optimizer
        if isinstance(linker, str) or linker is None:
            linker = predefined_linkers[linker]
        self.linker = linker
        if isinstance(optimizer, str) or optimizer is None:
            optimizer = predefined_optimizers[optimizer]
            self.provided_optimizer = optimizer
        self._optimizer = optimizer
        self.call_time = 0
        self.fn_time = 0

    def __str__(self) -> str:
        return f"{type(self).__name__}(linker = {self.provided_linker}, optimizer = {self.provided_optimizer})"

    def get_linker_optimizer(self, linker: Any, optimizer: Any) -> tuple[Any, Any]:
        """The linker and the optimizer that names stand for; instances are returned as they are."""
        if isinstance(linker, str) or linker is None:
            linker = predefined_linkers[linker]
        if isinstance(optimizer, str) or optimizer is None:
            optimizer = predefined_optimizers[optimizer]
        return linker, optimizer

    @property
    def optimizer(self) -> Any:
        """The optimizer: an object with `optimize(fgraph)`."""
        if isinstance(self._optimizer, Query):
            return optdb.query(self._optimizer)
        return self._optimizer

    def rewrite(self, fgraph: Any) -> Any:
        """Rewrites a graph in place as this mode says; returns the profile of the rewriting, if there is one."""
        if isinstance(self._optimizer, Query):
            return optimize(fgraph, self._optimizer)
        return self._optimizer.optimize(fgraph)

    # -- variants ---------------------------------------------------------------------------------------------------

    def including(self, *tags: str) -> Mode:
        """A mode that uses rewrites with these tags too."""
        return self.clone(optimizer=self._query().including(*tags))

    def excluding(self, *tags: str) -> Mode:
        """A mode that uses no rewrite with one of these tags (or names)."""
        return self.clone(optimizer=self._query().excluding(*tags))

    def requiring(self, *tags: str) -> Mode:
        """A mode that uses only rewrites with all of these tags."""
        return self.clone(optimizer=self._query().requiring(*tags))

    def register(self, *optimizations: Any) -> Mode:
        """A mode that also runs these optimizers: pairs of an optimizer and its position in the order."""
        return self.clone(optimizer=self._query().register(*optimizations))

    def _query(self) -> Any:
        if isinstance(self._optimizer, Query) or hasattr(self._optimizer, "including"):
            return self._optimizer
        raise TypeError(f"tags apply to a mode whose optimizer is a query, not {self._optimizer}")

    def clone(self, link_kwargs: dict[str, Any] | None = None, optimizer: Any = "", **kwargs: Any) -> Mode:
        """A mode with a clone of this one's linker.

        Args:
            link_kwargs: what to change in the linker, e.g. `{'allow_gc': False}`.
            optimizer: another optimizer; "" keeps this one's.
            kwargs: for subclasses; a plain mode has nothing else to change and passes over them.
        """
        new_linker = self.linker.clone(**(link_kwargs or {}))
        new_optimizer = self.provided_optimizer if isinstance(optimizer, str) and optimizer == "" else optimizer
        return type(self)(linker=new_linker, optimizer=new_optimizer)


FAST_COMPILE = Mode(VM_Linker(use_cloop=False, c_thunks=False), "fast_compile")
FAST_RUN = Mode("cvm", "fast_run")

predefined_modes: dict[str, Mode] = {"FAST_COMPILE": FAST_COMPILE, "FAST_RUN": FAST_RUN}
"""Modes by name."""

mode_factories: dict[str, Callable[[], Mode]] = {"Mode": Mode}
"""Names that make a new mode from the configuration each time."""

_default: tuple[Any, Mode] | None = None


def register_mode(name: str, mode: Mode) -> None:
    """Adds a mode that `function(mode=name)` finds. A name that is taken raises ValueError."""
    if name in predefined_modes:
        raise ValueError(f"Mode name already taken: {name}")
    predefined_modes[name] = mode


def get_mode(orig_string: Any) -> Any:
    """The mode that a name stands for; None is the default of the configuration; anything but a string is returned as
    is.

    Raises Exception for an unknown name.
    """
    if orig_string is None:
        return get_default_mode()
    if not isinstance(orig_string, str):
        return orig_string
    if orig_string in predefined_modes:
        return predefined_modes[orig_string]
    if orig_string in mode_factories:
        return mode_factories[orig_string]()
    raise Exception(f"No predefined mode exist for string: {orig_string}")


def get_default_mode() -> Mode:
    """The mode that `config.mode`, `linker`, `optimizer` and `optimizer_including`, `_excluding`, `_requiring`
    describe.

    It is the same object as long as these do not change.
    """
    global _default
    key = (config.mode, config.linker, config.optimizer, config.optimizer_including, config.optimizer_excluding,
           config.optimizer_requiring)
    if _default is not None and _default[0] == key:
        return _default[1]
    mode = get_mode(config.mode)
    for tags, change in ((config.optimizer_including, "including"), (config.optimizer_excluding, "excluding"),
                         (config.optimizer_requiring, "requiring")):
        if tags:
            mode = getattr(mode, change)(*tags.split(":"))
    _default = (key, mode)
    return mode


def __getattr__(name: str) -> Any:
    if name == "instantiated_default_mode":
        return _default[1] if _default is not None else None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


