"""What fills the graph layer's hooks: `variable.eval(...)`, and functions for the layers below this one.

A variable that is asked for once should not wait for a compiler: its graph is rewritten for stability and run node by
node. The function made for it is kept on the variable for the next time.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symtensor.compile.debugmode import DebugMode
from symtensor.compile.function import function
from symtensor.compile.link import NodeLinker
from symtensor.compile.mode import Mode, get_default_mode, get_mode
from symtensor.config import config
from symtensor.graph.basic import Variable

__all__ = ["compile_function", "eval_variable"]


def eval_variable(variable: Variable, inputs_to_values: Mapping[Any, Any]) -> Any:
    """The value of `variable` for given values of the free variables that it needs.

    Raises what `function` and the call raise: MissingInputError, UnusedInputError, TypeError.
    """
    if not hasattr(inputs_to_values, "keys"):
        raise AttributeError(f"eval takes a dict from variables to values, not {inputs_to_values!r}")
    known: dict[Any, Any] = variable.__dict__.setdefault("_fn_cache", {})
    inputs = list(inputs_to_values)
    mode = _mode()
    key = (id(mode), *map(id, inputs))
    if key not in known:
        # The entry keeps the inputs alive, so that an id in its key cannot come to mean another object.
        known[key] = function(inputs, variable, mode=mode), (inputs, mode)
    return known[key][0](*[inputs_to_values[i] for i in inputs])


def compile_function(inputs: Any, outputs: Any, mode: Any = None, reference: bool = False) -> Any:
    """A function that ignores inputs it does not need. `reference`: not in DebugMode, whatever the mode says."""
    mode = get_default_mode() if mode is None else get_mode(mode)
    if reference and isinstance(mode, DebugMode):
        mode = get_mode("FAST_RUN")
    return function(inputs, outputs, mode=mode, on_unused_input="ignore")


def _mode() -> Mode:
    """The default mode where the configuration names one; otherwise nodes run one by one after light rewriting."""
    if config.mode != "Mode":
        return get_default_mode()
    light = config.optimizer in ("None", "merge", "o1", "fast_compile")
    return _LIGHT[config.optimizer if light else "fast_compile"]


_LIGHT = {name: Mode(NodeLinker(), name) for name in ("None", "merge", "o1", "fast_compile")}
