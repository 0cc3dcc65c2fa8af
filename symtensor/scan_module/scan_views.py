"""`map`, `reduce`, `foldl` and `foldr`: scan for the simple cases.

In: a function of one step and sequences. Out: what `scan` returns; the folds return the last values only.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symtensor.scan_module.scan import scan

__all__ = ["foldl", "foldr", "map", "reduce"]


def map(
    fn: Callable[..., Any], sequences: Any, non_sequences: Any = None, truncate_gradient: int = -1,
    go_backwards: bool = False, mode: Any = None, name: str | None = None,
) -> Any:
    """`fn` of each row of the sequences: (results, updates) as `scan` gives them."""
    return scan(
        fn, sequences=sequences, outputs_info=[], non_sequences=non_sequences, truncate_gradient=truncate_gradient,
        go_backwards=go_backwards, mode=mode, name=name,
    )


def reduce(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, go_backwards: bool = False,
    mode: Any = None, name: str | None = None,
) -> Any:
    """`fn` of a row and the result so far, from one row to the next: (last results, updates).

    `fn` gets rows first, then the results so far, then the non-sequences. Without any rows there is no last result:
    IndexError when run.
    """
    results, updates = scan(
        fn, sequences=sequences, outputs_info=outputs_info, non_sequences=non_sequences, go_backwards=go_backwards,
        truncate_gradient=-1, mode=mode, name=name,
    )
    if isinstance(results, (list, tuple)):
        return [result[-1] for result in results], updates
    return results[-1], updates


def foldl(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None,
) -> Any:
    """`reduce` from the first row to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences=non_sequences, go_backwards=False, mode=mode, name=name)


def foldr(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, mode: Any = None,
    name: str | None = None,
) -> Any:
    """`reduce` from the last row to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences=non_sequences, go_backwards=True, mode=mode, name=name)
