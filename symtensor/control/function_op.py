"""`as_op`: a Python function as an op.

Comes in: a function of NumPy values, and the types of its arguments and results. Goes out: an op that calls it. Such an
op has no gradient, and its shapes are known only if the caller gives a function for them.
"""
from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.graph.type import Type

__all__ = ["FromFunctionOp", "as_op", "load_back"]


def load_back(mod: str, name: str) -> Any:
    """The object `name` of module `mod`: how a pickled op finds the function that was decorated."""
    import_module(mod)
    return getattr(sys.modules[mod], name)


class FromFunctionOp(Op):
    """The op of a function: `fn(*inputs)` returns the output, or a list or tuple of the outputs.

    itypes, otypes  lists of types
    infer_shape     None, or a function of (node, input shapes) that returns the output shapes

    Two of these are equal where their functions are. One that was made by decorating a function of a module can be
    pickled; it is found again by its name.
    """

    __module__ = "symtensor.compile.ops"

    def __init__(
        self,
        fn: Callable[..., Any],
        itypes: Sequence[Any],
        otypes: Sequence[Any],
        infer_shape: Callable[[Any, Any], Any] | None,
    ) -> None:
        self._fn = fn
        self.itypes = itypes
        self.otypes = otypes
        if infer_shape is not None:
            # Set on the instance: an op without this attribute says that its shapes are unknown.
            self.infer_shape = self._infer_shape
        self._shape_fn = infer_shape

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._fn == other._fn  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self._fn))

    def __str__(self) -> str:
        return f"FromFunctionOp{{{getattr(self._fn, '__name__', self._fn)}}}"

    def perform(self, node: Apply, inputs: Sequence[Any], outputs: Sequence[list[Any]], params: Any = None) -> None:
        results = self._fn(*inputs)
        if not isinstance(results, (list, tuple)):
            results = (results,)
        if len(results) != len(outputs):
            raise ValueError(f"{self} should return {len(outputs)} values, but returned {len(results)}.")
        for storage, result in zip(outputs, results):
            storage[0] = result

    def _infer_shape(self, node: Apply, shapes: Any) -> Any:
        assert self._shape_fn is not None
        return self._shape_fn(node, shapes)

    def __reduce__(self) -> tuple[Any, ...]:
        module, name = self._fn.__module__, self._fn.__name__
        try:
            found = load_back(module, name)
        except (ImportError, AttributeError):
            found = None
        if found != self:
            raise pickle.PicklingError(f"Can't pickle {self}: it is not found as {module}.{name}")
        return load_back, (module, name)


def as_op(
    itypes: Any, otypes: Any, infer_shape: Callable[[Any, Any], Any] | None = None
) -> Callable[[Callable[..., Any]], FromFunctionOp]:
    """Decorator that makes an op of a function.

    itypes       the type of the argument, or a list or tuple of types
    otypes       the type of the result, or a list or tuple of types
    infer_shape  a function of (node, input shapes) that returns the output shapes

    TypeError where types are no types or `infer_shape` is no function. The op's gradient is not defined.
    """
    inputs, outputs = _types(itypes, "itypes"), _types(otypes, "otypes")
    if infer_shape is not None and not callable(infer_shape):
        raise TypeError("infer_shape needs to be a callable")

    def make_op(fn: Callable[..., Any]) -> FromFunctionOp:
        return FromFunctionOp(fn, inputs, outputs, infer_shape)

    return make_op


def _types(types: Any, which: str) -> list[Any]:
    listed = list(types) if isinstance(types, (list, tuple)) else [types]
    if not all(isinstance(t, Type) for t in listed):
        raise TypeError(f"{which} has to be a list of Symtensor types")
    return listed
