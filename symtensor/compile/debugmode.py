"""`DebugMode`: finds rewrites, ops and compiled code that lie.

    making a function   the graph is rewritten `stability_patience` times more: other rewrites the second time raise
                        StochasticOrder. Every replacement is written down.
    each call           nodes run one by one: inputs that change without a destroy_map (BadDestroyMap), outputs that
                        share memory without a view_map (BadViewMap), values of a wrong type or not finite
                        (InvalidValueError); every replaced variable against what replaced it (BadOptimization);
                        the Program, interpreted with its memory poisoned and without sharing memory, and compiled,
                        against the nodes (BadThunkOutput; the node that is to blame is found by compiling it alone)

In: what any mode takes. Out: a function that returns what the nodes' `perform` computed. The tables of exceptions are
in `debug_errors`, the checks of a call in `debug_checks`.
"""
from __future__ import annotations

import logging
from typing import Any

from symtensor.compile.aliasing import infer_reuse_pattern
from symtensor.compile.code import Code, LinkRequest
from symtensor.compile.debug_checks import DebugCode, Replacements
from symtensor.compile.debug_errors import (
    BadDestroyMap, BadOptimization, BadThunkOutput, BadViewMap, DebugModeError, InvalidValueError, StochasticOrder,
)
from symtensor.compile.fgraphs import std_fgraph
from symtensor.compile.function_module import Function, FunctionMaker
from symtensor.compile.link import Linker
from symtensor.compile.mode import Mode, mode_factories, register_mode
from symtensor.config import change_flags, config
from symtensor.control.builders import ops_with_inner_function
from symtensor.printing import char_from_number, debugprint

__all__ = [
    "BadDestroyMap", "BadOptimization", "BadThunkOutput", "BadViewMap", "DataDestroyed", "DebugMode", "DebugModeError",
    "Function", "FunctionMaker", "InvalidValueError", "Mode", "NoDuplicateOptWarningFilter", "StochasticOrder",
    "change_flags", "char_from_number", "check_eq", "config", "data_destroyed", "debugprint",
    "infer_reuse_pattern", "ops_with_inner_function", "register_mode",
    "std_fgraph",
]


for _public in (BadDestroyMap, BadOptimization, BadThunkOutput, BadViewMap, DebugModeError, InvalidValueError,
                StochasticOrder):
    _public.__module__ = __name__  # the public path is Theano's


class DataDestroyed:
    """Stands for a value whose memory an op has taken over."""


data_destroyed = DataDestroyed()


def check_eq(var: Any, val1: Any, val2: Any) -> bool:
    """Whether two values are equal for a variable: up to rounding, as its type says."""
    return bool(var.type.values_eq_approx(val1, val2))


class NoDuplicateOptWarningFilter(logging.Filter):
    """Lets a warning about an optimisation through only once."""

    prev_msgs: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to print the record."""
        message = record.getMessage()
        if not message.startswith("Optimization Warning: "):
            return True
        if message in self.prev_msgs:
            return False
        self.prev_msgs.add(message)
        return True


class _DummyLinker(Linker):
    """Says that DebugMode runs the function itself."""

    consumer = "perform"

    def clone(self, allow_gc: Any = None) -> _DummyLinker:
        """The linker itself."""
        return self


class DebugMode(Mode):
    """A mode that checks every step; slow.

    Args:
        optimizer: as in `Mode`.
        stability_patience: how many more times to rewrite, to see that the same happens (`config.DebugMode.patience`).
        check_c_code: compare the Programs with the nodes (`config.DebugMode.check_c`).
        check_py_code: run and check the nodes (`config.DebugMode.check_py`).
        check_isfinite: infinities and NaNs are errors (`config.DebugMode.check_finite`).
        check_preallocated_output: kinds of memory offered to `perform` for its outputs: "initial", "previous",
            "c_contiguous", "f_contiguous", "strided", "wrong_size" or "ALL"; a list or one text joined by colons
            (`config.DebugMode.check_preallocated_output`).
        require_matching_strides: 1: warn, 2: raise where compiled results have other strides than the nodes'
            (`config.DebugMode.check_strides`).
        linker: none but the default is accepted (Exception).

    Raises ValueError when neither kind of code is to be checked.
    """

    def __init__(
        self,
        optimizer: Any = "fast_run",
        stability_patience: int | None = None,
        check_c_code: bool | None = None,
        check_py_code: bool | None = None,
        check_isfinite: bool | None = None,
        check_preallocated_output: Any = None,
        require_matching_strides: int | None = None,
        linker: Any = _DummyLinker(),
    ) -> None:
        if not isinstance(linker, _DummyLinker):
            raise Exception("DebugMode can only use its own linker! You should not provide one.", linker)
        super().__init__(optimizer=optimizer, linker=linker)
        flags = config.DebugMode
        self.stability_patience: int = flags.patience if stability_patience is None else stability_patience
        self.check_c_code: bool = flags.check_c if check_c_code is None else check_c_code
        self.check_py_code: bool = flags.check_py if check_py_code is None else check_py_code
        self.check_isfinite: bool = flags.check_finite if check_isfinite is None else check_isfinite
        self.require_matching_strides: int = (
            flags.check_strides if require_matching_strides is None else require_matching_strides)
        kinds = flags.check_preallocated_output if check_preallocated_output is None else check_preallocated_output
        self.check_preallocated_output: list[str] = kinds.split(":") if isinstance(kinds, str) else list(kinds)
        if not (self.check_c_code or self.check_py_code):
            raise ValueError("DebugMode has to check at least one of c and py code")

    def __str__(self) -> str:
        return f"DebugMode(linker={self.provided_linker}, optimizer={self.provided_optimizer})"

    def __getstate__(self) -> Any:
        settings = ("stability_patience", "check_c_code", "check_py_code", "check_isfinite",
                    "check_preallocated_output", "require_matching_strides")
        return {"optimizer": self._optimizer, **{name: getattr(self, name) for name in settings}}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__init__(**state)  # type: ignore[misc]
        else:
            super().__setstate__(state)

    def clone(self, link_kwargs: Any = None, optimizer: Any = "", **kwargs: Any) -> DebugMode:
        """A mode with the same settings; the optimizer and the settings given by name may be changed."""
        state = self.__getstate__()
        if not (isinstance(optimizer, str) and optimizer == ""):
            state["optimizer"] = optimizer
        return type(self)(**{**state, **kwargs})

    def function_maker(self, i: Any, o: Any, m: Any, *args: Any, **kwargs: Any) -> _Maker:
        """The maker of this mode's functions."""
        return _Maker(i, o, self, *args, **kwargs)


class _Maker(FunctionMaker):
    """A maker that watches the rewrites and makes functions that check themselves."""

    replacements: Replacements | None = None

    def rewritten(self, fgraph: Any) -> Any:
        """Rewrites the graph, and copies of it, and compares what happened."""
        mode = self.mode
        copies = [fgraph.clone_get_equiv(check_integrity=False)[0] for _ in range(mode.stability_patience)]
        self.replacements = Replacements()
        fgraph.attach_feature(self.replacements)
        mode.rewrite(fgraph)
        fgraph.remove_feature(self.replacements)
        for copy in copies:
            other = Replacements(texts=False)
            copy.attach_feature(other)
            mode.rewrite(copy)
            difference = self.replacements.difference(other)
            if difference:
                raise StochasticOrder(difference)
        return fgraph

    def prepared(self, request: LinkRequest) -> Code:
        """Code that checks itself."""
        return DebugCode(request, self.mode, self.replacements)


mode_factories["DebugMode"] = lambda: DebugMode(optimizer=config.optimizer)
register_mode("DEBUG_MODE", DebugMode(optimizer="fast_run"))
