"""`MonitorMode`: calls the user's functions before and after each node of a function.

The nodes of the rewritten graph run one by one by their `perform`, so that every value can be seen.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symtensor.compile.code import Code, LinkRequest, NodeCode
from symtensor.compile.link import Linker
from symtensor.compile.mode import Mode, predefined_linkers
from symtensor.printing import debugprint

__all__ = ["Mode", "MonitorMode", "detect_nan"]

Monitor = Callable[[int, Any, Any], None]


class _MonitorLinker(Linker):
    """Runs nodes through a mode's `eval`."""

    consumer = "perform"

    def __init__(self, mode: MonitorMode, allow_gc: bool | None = None) -> None:
        super().__init__(allow_gc)
        self.mode = mode

    def prepare(self, request: LinkRequest) -> Code:
        return NodeCode(request, around=self.mode.eval)


class MonitorMode(Mode):
    """A mode that calls functions around each node.

    Args:
        pre_func, post_func: called as `func(i, node, fn)` with the node's place in the order, the node, and its thunk:
            `[cell[0] for cell in fn.inputs]` are the input values, `fn.outputs` the cells of the outputs (None before).
        optimizer: as in `Mode`.
        linker: as in `Mode`; its schedule is used, and nodes run one by one whatever it is.
    """

    def __init__(self, pre_func: Monitor | None = None, post_func: Monitor | None = None, optimizer: Any = "default",
                 linker: Any = None) -> None:
        self.pre_func = pre_func
        self.post_func = post_func
        super().__init__(linker=_monitoring(self, linker), optimizer=optimizer)

    def __getstate__(self) -> Any:
        return self.pre_func, self.post_func, self._optimizer

    def __setstate__(self, state: Any) -> None:
        if len(state) == 3:
            self.__init__(*state)  # type: ignore[misc]
        else:
            super().__setstate__(state)

    def eval(self, i: int, node: Any, fn: Any) -> None:
        """Runs one node between the two functions."""
        if self.pre_func is not None:
            self.pre_func(i, node, fn)
        fn()
        if self.post_func is not None:
            self.post_func(i, node, fn)

    def clone(self, link_kwargs: Any = None, optimizer: Any = "", **kwargs: Any) -> MonitorMode:
        """A mode that monitors with the same functions; `optimizer` and `allow_gc` (in `link_kwargs`) may be
        changed."""
        new_optimizer = self.provided_optimizer if isinstance(optimizer, str) and optimizer == "" else optimizer
        new = type(self)(pre_func=self.pre_func, post_func=self.post_func, optimizer=new_optimizer)
        if link_kwargs and "allow_gc" in link_kwargs:
            new.linker.allow_gc = link_kwargs["allow_gc"]
        return new


def _monitoring(mode: MonitorMode, linker: Any) -> _MonitorLinker:
    """The linker of a mode, with the schedule of the one that the user named."""
    if isinstance(linker, str):
        linker = predefined_linkers[linker]
    own = _MonitorLinker(mode, getattr(linker, "allow_gc", None))
    own._schedule = getattr(linker, "_schedule", None)
    return own


def detect_nan(i: int, node: Any, fn: Any) -> None:
    """A `post_func` that prints the node and its values where an output holds a NaN."""
    for cell in fn.outputs:
        value = cell[0]
        if isinstance(value, np.random.RandomState) or not isinstance(value, (np.ndarray, np.generic)):
            continue
        if value.dtype.kind in "fc" and np.isnan(value).any():
            print("*** NaN detected ***")
            debugprint(node)
            print(f"Inputs : {[c[0] for c in fn.inputs]}")
            print(f"Outputs: {[c[0] for c in fn.outputs]}")
            break
