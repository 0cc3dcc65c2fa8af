"""A loop in plain Python, to compare scans with: dictionaries of lists, no arrays but the rows."""
from __future__ import annotations

import numpy as np


def python_loop(step, sequences=(), states=(), n_steps=None, go_backwards=False):
    """What scan should compute. sequences: (array, taps); states: (initial rows, taps), or None for untapped outputs.

    `step(*rows)` returns the outputs and whether to stop. Returns the outputs' rows, initial ones left out.
    """
    cut = []
    for array, taps in sequences:
        low, high = min(0, *taps), max(0, *taps)
        usable = len(array) - (high - low)
        steps = [[array[t - low + tap] for tap in taps] for t in range(max(usable, 0))]
        cut.append(steps[::-1] if go_backwards else steps)
    n_steps = min(map(len, cut)) if n_steps is None else n_steps
    rows = [list(state[0]) if state else [] for state in states]
    start = [len(r) for r in rows]
    for t in range(n_steps):
        read = [row for steps in cut for row in steps[t]]
        read += [r[tap] for r, state in zip(rows, states) if state for tap in state[1]]
        new, stop = step(*read)
        for r, value in zip(rows, new):
            r.append(value)
        if stop:
            break
    return [np.array(r[n:]) for r, n in zip(rows, start)]
