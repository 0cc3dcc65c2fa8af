"""The exceptions of graphs and their rewriting."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.graph.hooks import hooks

__all__ = [
    "AlreadyThere", "BadOptimization", "CachedConstantError", "InconsistencyError", "MissingInputError",
    "ReplacementDidntRemovedError", "blame", "blamed", "forget_blame",
]


def blame(error: BaseException, node: Any, values: Sequence[Any]) -> None:
    """Notes with an exception the node that raised it and the values of its inputs. The first node to be noted, the
    innermost, stays."""
    error.__dict__.setdefault("_blamed", (node, list(values)))


def blamed(error: BaseException) -> tuple[Any, list[Any]] | None:
    """What `blame` noted, or None."""
    return error.__dict__.get("_blamed")


def forget_blame(error: BaseException) -> None:
    """Takes back what `blame` noted: an exception should not keep values alive, nor carry them into pickles."""
    error.__dict__.pop("_blamed", None)


class CachedConstantError(Exception):
    """A graph that was to be used without being cloned holds a constant that many graphs share."""


class InconsistencyError(Exception):
    """A feature found that a graph has become invalid; what was changed is to be taken back."""


class MissingInputError(Exception):
    """A graph depends on a variable that is neither an input nor has a value. `variable` is that variable, if known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.variable = kwargs.pop("variable", None)
        super().__init__(*args)


class AlreadyThere(Exception):
    """Raised by `on_attach` of a feature that the graph has already; the feature is then not attached."""


class ReplacementDidntRemovedError(Exception):
    """A replacement that should have removed a node from a graph has not."""


class BadOptimization(Exception):
    """A rewrite replaced a variable by one of another type, or (in DebugMode) of another value.

    The attributes hold the old and new variable, their values, the name of the rewrite and the texts of both graphs.
    """

    new_r: Any = None
    old_r: Any = None
    old_r_val: Any = None
    new_r_val: Any = None
    reason: Any = None
    old_graph: str = ""
    new_graph: str = ""

    def __init__(self, old_r: Any, new_r: Any = None, old_r_val: Any = None, new_r_val: Any = None, reason: Any = None,
                 old_graph: str | None = None, new_graph: str | None = None) -> None:
        super().__init__()
        self.old_r = old_r
        self.new_r = new_r
        self.old_r_val = old_r_val
        self.new_r_val = new_r_val
        self.reason = reason
        self.old_graph = hooks.debugprint(old_r) if old_graph is None else old_graph
        self.new_graph = hooks.debugprint(new_r) if new_graph is None and new_r is not None else (new_graph or "")

    def __str__(self) -> str:
        return self.str_diagnostic()

    def str_diagnostic(self) -> str:
        """The whole story as text."""
        owner = self.new_r.owner if self.new_r is not None else None
        lines = [
            "BadOptimization Error ",
            f"  Variable: id {id(self.new_r)} {self.new_r}",
            f"  Op {owner}",
            f"  Value Type: {type(self.new_r_val)}",
            f"  Old Value:  {self.old_r_val}",
            f"  New Value:  {self.new_r_val}",
            f"  Reason:  {self.reason}",
            "  Old Graph:",
            _indented(self.old_graph),
            "  New Graph:",
            _indented(self.new_graph),
            "",
            "Hint: relax the tolerance by setting tensor.cmp_sloppy=1",
            "  or even tensor.cmp_sloppy=2 for less-strict comparison",
        ]
        return "\n".join(lines)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
