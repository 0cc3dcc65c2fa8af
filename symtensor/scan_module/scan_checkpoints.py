"""`scan_checkpoints`: a loop that keeps every n-th step, and does the steps between again for the gradient.

In: what `scan` takes, without taps. Out: the values of the outputs after each block of steps, and updates. The loop is
a scan over blocks, each of which is a scan over its steps: traces of single steps live for one block at a time.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.scan_module.arguments import number_of_steps, sequence_infos, steps_given
from symtensor.scan_module.scan import scan
from symtensor.tensor.basic import alloc, arange, as_tensor_variable, concatenate, minimum

__all__ = ["scan_checkpoints"]


def scan_checkpoints(
    fn: Callable[..., Any],
    sequences: Any = [],  # noqa: B006 (never changed; the default is part of the signature)
    outputs_info: Any = None,
    non_sequences: Any = [],  # noqa: B006
    name: str | None = "checkpointscan_fn",
    n_steps: Any = None,
    save_every_N: int = 10,
    padding: bool = True,
) -> Any:
    """As `scan`, but only every `save_every_N`-th value of the outputs is kept, and the last.

    fn, sequences, outputs_info, non_sequences, n_steps, name
                  as for `scan`, without taps (RuntimeError)
    save_every_N  steps in a block
    padding       True: the last block may have fewer steps. False promises that the number of steps is a multiple of
                  `save_every_N`, which saves a copy of the sequences; the call raises ValueError if it is not

    Returns (results, updates). Gradients do every step once more, block by block, and so need memory for the traces of
    one block rather than of all steps.
    """
    given = list(sequences) if isinstance(sequences, (list, tuple)) else [sequences]
    infos = outputs_info if isinstance(outputs_info, (list, tuple)) else [outputs_info]
    if any(isinstance(x, dict) for x in (*given, *infos)):
        raise RuntimeError("scan_checkpoints doesn't work with taps.")
    size = int(save_every_N)
    if size != save_every_N or size < 1:
        raise ValueError(f"save_every_N should be a positive integer, not {save_every_N}")
    rows = [as_tensor_variable(x) for x in given]
    n = number_of_steps(steps_given(n_steps), sequence_infos(rows, False))
    n_blocks = (n + (size - 1)) // size
    blocks = [_in_blocks(x, n, n_blocks, size, padding) for x in rows]
    lengths = minimum(size, n - arange(n_blocks) * size)

    def block(length: Any, *args: Any) -> Any:
        states = [x for x in infos if x is not None]
        own, now, rest = args[: len(rows)], args[len(rows): len(rows) + len(states)], args[len(rows) + len(states):]
        values = iter(now)
        results, updates = scan(
            fn, sequences=list(own), outputs_info=[None if x is None else next(values) for x in infos],
            non_sequences=list(rest), n_steps=length, name=name, return_list=True,
        )
        return [x[-1] for x in results], updates

    if outputs_info is None:
        infos = []
    return scan(block, sequences=[lengths, *blocks], outputs_info=list(infos), non_sequences=non_sequences, name=name)


def _in_blocks(x: Any, n: Any, n_blocks: Any, size: int, padding: bool) -> Any:
    """The first n rows of x, `size` of them in each row; with `padding` the last is filled up with zeros."""
    row: Sequence[Any] = [x.shape[k] for k in range(1, x.type.ndim)]
    x = x[:n]
    if padding:
        x = concatenate([x, alloc(as_tensor_variable(0).astype(x.type.dtype), n_blocks * size - n, *row)])
    return x.reshape((n_blocks, size, *row), ndim=x.type.ndim + 1)
