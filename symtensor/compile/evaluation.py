"""`variable.eval(...)`: what fills the graph layer's hook.

A variable that is asked for once should not wait for a compiler: its graph is rewritten for stability and run node by
node. The function made for it is kept on the variable for the next time.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symtensor.compile.function import function
from symtensor.compile.link import NodeLinker
from symtensor.compile.mode import OPT_FAST_COMPILE, Mode, get_default_mode, predefined_optimizers
from symtensor.config import config
from symtensor.graph.basic import Variable, eval_through_cache

__all__ = ["eval_variable"]


def eval_variable(variable: Variable, inputs_to_values: Mapping[Any, Any]) -> Any:
    """The value of `variable` for given values of the free variables that it needs.

    Raises what `function` and the call raise: MissingInputError, UnusedInputError, TypeError.
    """
    if not hasattr(inputs_to_values, "keys"):
        raise AttributeError(f"eval takes a dict from variables to values, not {inputs_to_values!r}")
    return eval_through_cache(variable, dict(inputs_to_values), _make)


def _make(inputs: list[Any], variable: Variable) -> Any:
    return function(inputs, variable, mode=_mode())


def _mode() -> Mode:
    """The default mode where the configuration names one; otherwise nodes run one by one after light rewriting."""
    if config.mode != "Mode":
        return get_default_mode()
    light = config.optimizer in ("None", "merge", "o1", "fast_compile")
    return Mode(NodeLinker(), predefined_optimizers[config.optimizer] if light else OPT_FAST_COMPILE)
