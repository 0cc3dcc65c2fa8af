"""`Print`: a value is shown as it goes by."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.op import Op

__all__ = ["Print"]


def _print_fn(op: Any, xin: Any) -> None:
    """Prints a line `MESSAGE ATTRIBUTE = VALUE` for each attribute of the op, calling those that are methods."""
    for attr in op.attrs:
        value = getattr(xin, attr)
        print(op.message, attr, "=", value() if callable(value) else value)


class Print(Op):
    """`Print(message, attrs)(x)` is `x`; every time it is computed, attributes of the value are printed.

    message    begins each line
    attrs      names of attributes, or of methods without arguments, of the value (an ndarray): "shape", "min" ...
    global_fn  what to call with the op and the value instead of printing

    Where nothing needs the result nothing is printed: go on with what `Print` returns. Optimisations may change how
    often and in which order values are printed. A variable of any type will do; anything else is a TypeError.
    """

    __module__ = "symtensor.printing"

    __props__ = ("message", "attrs", "global_fn")
    view_map = {0: [0]}

    def __init__(
        self, message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Callable[[Any, Any], Any] = _print_fn
    ) -> None:
        self.message = message
        self.attrs = tuple(attrs)
        self.global_fn = global_fn

    def make_node(self, xin: Any) -> Apply:
        if not isinstance(xin, Variable):
            raise TypeError(f"Print expects a variable, got {xin!r} of type {type(xin)}")
        return Apply(self, [xin], [xin.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        (value,) = inputs
        output_storage[0][0] = value
        self.global_fn(self, value)

    def grad(self, input: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        return list(output_gradients)

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return list(eval_points)

    def do_constant_folding(self, node: Apply) -> bool:
        # A constant is printed at every call too.
        return False
