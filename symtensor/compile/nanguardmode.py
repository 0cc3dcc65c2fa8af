"""`NanGuardMode`: raises at the first node that makes a NaN, an infinity or a very large value.

The nodes of the rewritten graph run one by one by their `perform`. Inputs, shared variables and constants are checked
before each call. `config.NanGuardMode.action` says what is done: "raise" (AssertionError), "warn" (log an error) or
"pdb". A variable whose tag has `nan_guard_mode_check = False` is passed over, as is memory that nobody has written yet.
"""
from __future__ import annotations

import logging
import pdb
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symtensor.compile.code import Code, LinkRequest, NodeCode
from symtensor.compile.link import Linker
from symtensor.compile.mode import Mode, get_mode, mode_factories
from symtensor.config import config
from symtensor.graph.trace import format_trace
from symtensor.printing import debugprint
from symtensor.tensor.alloc import AllocEmpty

__all__ = ["Mode", "NanGuardMode", "config", "contains_inf", "contains_nan", "flatten", "get_mode"]

_log = logging.getLogger("symtensor.compile.nanguardmode")
_BIG = 1e10


def flatten(l: Iterable[Any]) -> list[Any]:  # noqa: E741
    """The members of nested lists, tuples and value views, in order."""
    result: list[Any] = []
    todo: list[Any] = [l]
    while todo:
        item = todo.pop()
        if isinstance(item, (list, tuple, type({}.values()))):
            todo.extend(reversed(list(item)))
        else:
            result.append(item)
    return result


def _floats(arr: Any, var: Any) -> np.ndarray | None:
    """The floating-point numbers of a value, or None where it has none."""
    if hasattr(arr, "data") and isinstance(getattr(arr, "data"), np.ndarray):
        arr = arr.data  # a sparse matrix
    if not isinstance(arr, (np.ndarray, np.generic)) or arr.dtype.kind not in "fc" or arr.size == 0:
        return None
    if var is not None and not getattr(var.tag, "nan_guard_mode_check", True):
        return None
    return np.asarray(arr)


def contains_nan(arr: Any, node: Any = None, var: Any = None) -> bool:
    """Whether a value holds a NaN. Values that are no numbers hold none; `var` is the variable that it belongs to."""
    found = _floats(arr, var)
    return found is not None and bool(np.isnan(found).any())


def contains_inf(arr: Any, node: Any = None, var: Any = None) -> bool:
    """Whether a value holds an infinity. Values that are no numbers hold none; `var` is the variable that it belongs
    to."""
    found = _floats(arr, var)
    return found is not None and bool(np.isinf(found).any())


def _contains_big(arr: Any, var: Any) -> bool:
    found = _floats(arr, var)
    return found is not None and bool((np.abs(found) > _BIG).any())


class _GuardLinker(Linker):
    """Runs nodes one by one and has the mode check every value."""

    consumer = "perform"

    def __init__(self, mode: NanGuardMode, allow_gc: bool | None = None) -> None:
        super().__init__(allow_gc)
        self.mode = mode

    def prepare(self, request: LinkRequest) -> Code:
        return NodeCode(request, around=self.mode.run_checked, on_inputs=self.mode.check_inputs)


class NanGuardMode(Mode):
    """A mode that checks every value.

    Args:
        nan_is_error, inf_is_error, big_is_error: what is looked for; None: as `config.NanGuardMode` says. Big is more
            than 1e10 in absolute value.
        optimizer: as in `Mode`.
        linker: as in `Mode`; its schedule is used, and nodes run one by one whatever it is.
    """

    def __init__(self, nan_is_error: bool | None = None, inf_is_error: bool | None = None,
                 big_is_error: bool | None = None, optimizer: Any = "default", linker: Any = None) -> None:
        settings = config.NanGuardMode
        self.nan_is_error = settings.nan_is_error if nan_is_error is None else nan_is_error
        self.inf_is_error = settings.inf_is_error if inf_is_error is None else inf_is_error
        self.big_is_error = settings.big_is_error if big_is_error is None else big_is_error
        if not (self.nan_is_error or self.inf_is_error or self.big_is_error):
            raise AssertionError("NanGuardMode has nothing to look for")
        own = _GuardLinker(self, getattr(linker, "allow_gc", None))
        own._schedule = getattr(linker, "_schedule", None)
        super().__init__(linker=own, optimizer=optimizer)

    def __getstate__(self) -> Any:
        return self.nan_is_error, self.inf_is_error, self.big_is_error, self._optimizer

    def __setstate__(self, state: Any) -> None:
        if len(state) == 4:
            self.__init__(*state)  # type: ignore[misc]
        else:
            super().__setstate__(state)

    def clone(self, link_kwargs: Any = None, optimizer: Any = "", **kwargs: Any) -> NanGuardMode:
        """A mode that looks for the same; `optimizer` and `allow_gc` (in `link_kwargs`) may be changed."""
        new_optimizer = self.provided_optimizer if isinstance(optimizer, str) and optimizer == "" else optimizer
        new = type(self)(self.nan_is_error, self.inf_is_error, self.big_is_error, optimizer=new_optimizer)
        if link_kwargs and "allow_gc" in link_kwargs:
            new.linker.allow_gc = link_kwargs["allow_gc"]
        return new

    def faults(self, value: Any, variable: Any) -> list[str]:
        """What is wrong with a value, as sentences."""
        found = []
        if self.nan_is_error and contains_nan(value, var=variable):
            found.append("NaN detected")
        if self.inf_is_error and contains_inf(value, var=variable):
            found.append("Inf detected")
        if self.big_is_error and _contains_big(value, variable):
            found.append("Big value detected")
        return found

    def check_inputs(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Checks inputs, shared variables and constants."""
        for variable, value in pairs:
            found = self.faults(value, variable)
            if found:
                found.append("NanGuardMode found an error in an input of the graph.")
                _react("\n".join(found) + "\n" + format_trace(variable))

    def run_checked(self, i: int, node: Any, fn: Any) -> None:
        """Runs one node and checks its outputs."""
        fn()
        if isinstance(node.op, AllocEmpty):
            return
        for variable, cell in zip(node.outputs, fn.outputs):
            found = self.faults(cell[0], variable)
            if found:
                found.append("NanGuardMode found an error in the output of a node in this variable:")
                _react("\n".join(found) + "\n" + debugprint(variable, file="str") + "\n\n")


def _react(message: str) -> None:
    action = config.NanGuardMode.action
    if action == "raise":
        raise AssertionError(message)
    if action == "pdb":
        print(message)
        pdb.set_trace()
    else:
        _log.error(message)


mode_factories["NanGuardMode"] = NanGuardMode
