"""Errors of a running Program: from a Check site, or from anything else that a statement raised, to what the user sees.

In: the site and the values of a failed Check, or an exception and the graph node it came from. Out: the exception to
raise, after the hook `on_error(exception, node, values)` of the compile layer had the chance to describe the node. The
hook returns the exception to raise (its argument, or another one), or None to keep it. Interrupts are never decorated.
"""
from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, Optional

from symtensor.ir.nodes import Site

ErrorHook = Callable[[BaseException, int, Sequence[Any]], Optional[BaseException]]

# st_frame.error_site of failures that are no Check (csrc/abi.h).
OUT_OF_MEMORY, PYTHON_ERROR, INTERRUPTED = -1, -2, -3


def site_error(site: Site, values: Sequence[int]) -> BaseException:
    """The exception of a failed Check: the class that the site names, its message filled with the values."""
    found = getattr(builtins, site.error, None)
    kind = found if isinstance(found, type) and issubclass(found, BaseException) else RuntimeError
    try:
        message = site.message.format(*values)
    except (IndexError, KeyError, ValueError):
        message = f"{site.message} {tuple(values)}"
    return kind(message)


def decorated(error: BaseException, node: int, values: Sequence[Any], hook: ErrorHook | None) -> BaseException:
    """The exception to raise for `error`, which node `node` (-1: unknown) caused in a call with these input values."""
    if hook is None or not isinstance(error, Exception):
        return error
    return hook(error, node, values) or error
