"""What the graph layer asks of layers that it may not import: one registry of callables, filled at import by those
layers.

A hook that nobody has filled raises RuntimeError when it is called, naming itself.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Hooks", "hooks"]


def _unfilled(name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"nothing has filled the hook {name!r}: import symtensor before using this")

    return call


class Hooks:
    """The hooks. Assign a callable to an attribute to fill it.

    eval_variable(variable, inputs_to_values)   the value of `variable.eval(...)`; filled by symtensor.compile
    compile_function(inputs, outputs, mode=None, reference=False) -> callable
                                                a function that ignores unused inputs; `reference`: never in DebugMode,
                                                whatever the mode says; filled by symtensor.compile
    node_by_node(inputs, outputs, order) -> callable
                                                from values of the inputs to values of the outputs, running the nodes
                                                one
                                                by one in that order; nothing is compiled   filled by symtensor.compile
    run_node(node, values) -> list              run one node on values; None (then `perform` does it) or filled by
                                                symtensor.compile
    as_variable(x)                              a number or array as a symbolic constant; filled by symtensor.tensor
    to_device(array)                            the array on the device that `config.device` names; filled by symtensor,
                                                done by symtensor.runtime
    debugprint(obj) -> str                      the text of a graph, for error messages; filled by symtensor.printing
    """

    eval_variable: Callable[[Any, Any], Any]
    compile_function: Callable[..., Any]
    node_by_node: Callable[..., Callable[..., Any]]
    run_node: Callable[[Any, list[Any]], list[Any]] | None
    as_variable: Callable[[Any], Any]
    to_device: Callable[[Any], Any]
    debugprint: Callable[[Any], str]

    def __init__(self) -> None:
        self.eval_variable = _unfilled("eval_variable")
        self.compile_function = _unfilled("compile_function")
        self.node_by_node = _unfilled("node_by_node")
        self.run_node = None
        self.as_variable = _unfilled("as_variable")
        self.to_device = _unfilled("to_device")
        self.debugprint = _plain_text

    def __repr__(self) -> str:
        return f"Hooks({', '.join(sorted(self.__dict__))})"


def _plain_text(obj: Any) -> str:
    return f"{obj}\n"


hooks = Hooks()
