"""One step: offer a node to a rewriter, check what it answers, put it into the graph, carry the user's lines along.

The checks are here and not in rules: the number and types of the replacements, that nothing changes silently, and that
a failing rewriter is treated as `config.on_opt_error` says.
"""
from __future__ import annotations

import logging
import pdb
import traceback
from collections.abc import Callable
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Variable
from symtensor.graph.errors import InconsistencyError, ReplacementDidntRemovedError
from symtensor.graph.trace import copy_traces
from symtensor.rewrite.base import name_of
from symtensor.rewrite.log import RewriteLog

__all__ = ["Declined", "copy_stack_trace", "replacements_of", "rewrite_node", "warn_failure"]

_log = logging.getLogger("symtensor.rewrite")


class Declined(Exception):
    """Raised within a rule to say that it does not apply after all."""


def copy_stack_trace(from_var: Any, to_var: Any) -> Any:
    """Let `to_var` answer for the lines of `from_var`; each may be a variable or a list of them. Returns `to_var`."""
    sources = from_var if isinstance(from_var, (list, tuple)) else [from_var]
    targets = to_var if isinstance(to_var, (list, tuple)) else [to_var]
    copy_traces(sources, targets)
    return to_var


def warn_failure(error: BaseException, rewriter: Any, node: Any) -> None:
    """Treat an exception of a rewriter as `config.on_opt_error` says; to be called where it is being handled."""
    action = config.on_opt_error
    if action == "raise":
        raise error
    if action == "pdb":
        pdb.post_mortem(error.__traceback__)
        return
    if action == "ignore":
        return
    _log.error("Optimization failure due to: %s", name_of(rewriter))
    _log.error("node: %s", node)
    _log.error("TRACEBACK:")
    _log.error("%s", "".join(traceback.format_exception(type(error), error, error.__traceback__)))


def replacements_of(node: Any, answer: Any, name: str) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """The pairs (old, new) and the nodes to remove that an answer of `transform` means.

    TypeError or ValueError for an answer of another kind or length, and for None in the place of a variable in use.
    """
    remove: list[Any] = []
    if isinstance(answer, dict):
        answer = dict(answer)
        remove = list(answer.pop("remove", ()))
        old, new = list(answer), list(answer.values())
    else:
        if isinstance(answer, Variable) or not isinstance(answer, (list, tuple)):
            raise TypeError(f"Optimizer {name} gave wrong type of replacement. Expected list or tuple. Got {answer}")
        old, new = list(node.outputs), list(answer)
        if len(old) != len(new):
            raise ValueError(f"Optimizer {name} gave wrong number of replacements")
    pairs = []
    for before, after in zip(old, new):
        if after is before:
            continue
        if after is None:
            if getattr(before, "clients", ()):
                raise ValueError("A local optimizer tried to remove a Variable that is used")
            continue
        if not isinstance(after, Variable):
            raise TypeError(f"Optimizer {name} gave wrong type of replacement. Expected variables. Got {after}")
        pairs.append((before, after))
    return pairs, remove


def _fitted(before: Any, after: Any) -> Any:
    """`after` with the type of `before`, if its type knows how; else None."""
    if before.type is after.type or before.type == after.type:
        return after
    converted = before.type.convert_variable(after)
    return converted if converted is not None and converted.type == before.type else None


def _carry_traces(fgraph: Any, pairs: list[tuple[Any, Any]]) -> None:
    """Give the user's lines of each replaced variable to the new variables that compute its replacement."""
    for before, after in pairs:
        trace = getattr(before.tag, "trace", None)
        if not trace:
            continue
        todo, seen = [after], set()
        while todo:
            variable = todo.pop()
            node = variable.owner
            if variable in seen or getattr(variable, "fgraph", None) is fgraph:
                continue
            seen.add(variable)
            copy_traces([before], [variable])
            if node is not None:
                if not getattr(node.tag, "trace", None):
                    node.tag.trace = trace
                todo.extend(node.inputs)


def rewrite_node(fgraph: Any, node: Any, rewriter: Any, log: RewriteLog,
                 may_fire: Callable[[Any, Any], bool] | None = None,
                 on_failure: Callable[[BaseException, Any, Any], None] = warn_failure) -> list[tuple[Any, Any]]:
    """Offer `node` to a local optimizer or rule; returns the replacements made, an empty list if there are none.

    `may_fire(node, rewriter)` is asked before anything is replaced. A pure rule (`rewriter.pure`) whose replacement has
    another type has declined; for any other rewriter that is an error.
    """
    try:
        answer = rewriter.transform(node)
    except Declined:
        return []
    except Exception as error:
        name = name_of(rewriter)
        log.failed[name] = log.failed.get(name, 0) + 1
        on_failure(error, rewriter, node)
        return []
    if answer is False or answer is None:
        return []
    name = name_of(rewriter)
    pairs, remove = replacements_of(node, answer, name)
    if not pairs and not remove:
        return []
    if may_fire is not None and not may_fire(node, rewriter):
        return []
    pure = getattr(rewriter, "pure", False)
    fitted = []
    for before, after in pairs:
        new = _fitted(before, after)
        if new is None:
            if pure:
                log.declined[name] = log.declined.get(name, 0) + 1
                return []
            new = after  # the graph refuses it with the whole story
        fitted.append((before, new))
    _carry_traces(fgraph, fitted)
    try:
        if remove:
            fgraph.replace_all_validate_remove(fitted, remove, reason=rewriter)
        else:
            fgraph.replace_all_validate(fitted, reason=rewriter)
    except (InconsistencyError, ReplacementDidntRemovedError):
        # A feature objected, or a node that was to go stayed: the graph is as it was.
        log.declined[name] = log.declined.get(name, 0) + 1
        return []
    except Exception as error:
        log.failed[name] = log.failed.get(name, 0) + 1
        on_failure(error, rewriter, node)
        return []
    log.note_fired(name, node, getattr(rewriter, "unsafe", ()))
    return fitted
