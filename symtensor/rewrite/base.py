"""The two kinds of rewriters: `Optimizer` changes a whole graph, `LocalOptimizer` says what may stand for one node.

A local optimizer's `transform(node)` returns False or None for "nothing", a list with one replacement (or None) for
each output, or a dict from variables to replacements, whose key "remove" may list nodes that must disappear.
"""
from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from symtensor.config import change_flags, config
from symtensor.graph.features import ReplaceValidate

__all__ = [
    "FromFunctionLocalOptimizer", "FromFunctionOptimizer", "LocalOptimizer", "Optimizer", "inplace_optimizer",
    "local_optimizer", "name_of", "optimizer",
]


def name_of(rewriter: Any) -> str:
    """What a rewriter is called: its `name`, or `__name__`, or its text."""
    return getattr(rewriter, "name", None) or getattr(rewriter, "__name__", None) or str(rewriter)


class Optimizer:
    """Changes a `FunctionGraph`. Subclasses define `apply`, and `add_requirements` if they need features."""

    name: str | None = None

    def apply(self, fgraph: Any) -> Any:
        """Change the graph, by its methods `replace...` only. May return a profile."""
        raise NotImplementedError(f"{type(self).__name__} must define apply")

    def add_requirements(self, fgraph: Any) -> None:
        """Attach the features that `apply` needs."""

    def optimize(self, fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        """`add_requirements`, then `apply`; test values are computed as `config.compute_test_value_opt` says."""
        with change_flags(compute_test_value=config.compute_test_value_opt):
            self.add_requirements(fgraph)
            return self.apply(fgraph, *args, **kwargs)

    def __call__(self, fgraph: Any) -> Any:
        return self.optimize(fgraph)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        """Print what this is, indented by `level`."""
        name = getattr(self, "name", None)
        print(f"{' ' * level}{self.__class__.__name__} {name} id={id(self)}", file=stream or sys.stdout)

    @staticmethod
    def print_profile(stream: Any, prof: Any, level: int = 0) -> None:
        """Print what `apply` returned."""
        if prof is not None:
            print(f"{'    ' * level}{prof}", file=stream)


class FromFunctionOptimizer(Optimizer):
    """An optimizer whose `apply` is a function."""

    def __init__(self, fn: Callable[..., Any], requirements: Iterable[Callable[[Any], Any]] = ()) -> None:
        self.fn = fn
        self.requirements = tuple(requirements)
        self.__name__ = fn.__name__

    def apply(self, fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        return self.fn(fgraph, *args, **kwargs)

    def add_requirements(self, fgraph: Any) -> None:
        for requirement in self.requirements:
            requirement(fgraph)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.apply} id={id(self)}", file=stream or sys.stdout)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    def __str__(self) -> str:
        return self.__name__


def optimizer(f: Callable[..., Any]) -> FromFunctionOptimizer:
    """Decorator: a function of a graph as an optimizer."""
    return FromFunctionOptimizer(f)


def _attach_replace_validate(fgraph: Any) -> None:
    fgraph.attach_feature(ReplaceValidate())


def inplace_optimizer(f: Callable[..., Any]) -> FromFunctionOptimizer:
    """Decorator: a function of a graph that puts in-place ops as an optimizer."""
    return FromFunctionOptimizer(f, (_attach_replace_validate,))


class LocalOptimizer:
    """Says what may stand for a node. Subclasses define `transform` and, to be asked less, `tracks`."""

    name: str | None = None

    def tracks(self) -> Sequence[Any] | None:
        """The ops and op classes whose nodes are offered to `transform`; None: all nodes."""
        return None

    def transform(self, node: Any) -> Any:
        """What stands for the outputs of `node`: see the module."""
        raise NotImplementedError(f"{type(self).__name__} must define transform")

    def add_requirements(self, fgraph: Any) -> None:
        """Attach the features that `transform` needs."""

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        """Print what this is, indented by `level`."""
        print(f"{' ' * level}{self.__class__.__name__} id={id(self)}", file=stream or sys.stdout)


class FromFunctionLocalOptimizer(LocalOptimizer):
    """A local optimizer whose `transform` is a function."""

    def __init__(self, fn: Callable[[Any], Any], tracks: Sequence[Any] | None = None,
                 requirements: Iterable[Callable[[Any], Any]] = ()) -> None:
        self.fn = fn
        self._tracks = tracks
        self.requirements = tuple(requirements)
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__

    def tracks(self) -> Sequence[Any] | None:
        return self._tracks

    def transform(self, node: Any) -> Any:
        if self._tracks is not None and not (type(node.op) in self._tracks or node.op in self._tracks):
            return False
        return self.fn(node)

    def add_requirements(self, fgraph: Any) -> None:
        for requirement in self.requirements:
            requirement(fgraph)

    def __str__(self) -> str:
        return self.__name__

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.fn} id={id(self)}", file=stream or sys.stdout)


def local_optimizer(tracks: Sequence[Any] | None, inplace: bool = False,
                    requirements: Iterable[Callable[[Any], Any]] = ()) -> Callable[[Any], FromFunctionLocalOptimizer]:
    """Decorator: a function of a node as a local optimizer, offered the nodes of the ops and op classes in `tracks`.

    `tracks` None means all nodes; an empty list raises ValueError. `inplace` says that it puts in-place ops, so that it
    must be validated.
    """
    needed = tuple(requirements)
    if tracks is not None:
        if len(tracks) == 0:
            raise ValueError("Use None instead of an empty list to apply to all nodes.")
        for tracked in tracks:
            if not (hasattr(tracked, "make_node") or inspect.isclass(tracked) and hasattr(tracked, "make_node")):
                raise ValueError("Tracks are op classes or instances", tracked)

    def decorator(f: Callable[[Any], Any]) -> FromFunctionLocalOptimizer:
        wanted = (*needed, _attach_replace_validate) if inplace else needed
        return FromFunctionLocalOptimizer(f, tracks, wanted)

    return decorator


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self.start
