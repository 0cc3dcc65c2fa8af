"""Random loops that are hard on the places of states: several states, of which one reads what another is about to
write, by views, products, reductions, indices, branches, Python operations, loops inside; sequences, collected values,
loops that end early, results that are returned twice, shared variables that a state becomes.

`Loop(seed)` is one of them. `results(mode)` runs two calls and gives all results and what the shared variable is after
each.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor.compile.ops import as_op
from symtensor.ifelse import ifelse
from symtensor.scan_module import until

N = 4


@as_op(itypes=[T.dmatrix], otypes=[T.dmatrix])
def negated(v):
    return -v


@as_op(itypes=[T.dmatrix], otypes=[T.dmatrix])
def copied(v):
    return v.copy()


def _last(x: Any, y: Any) -> Any:
    return symtensor.scan(lambda c, y: T.tanh(c / 2 + y), outputs_info=[x], non_sequences=[y], n_steps=2)[0][-1]


def _rows(x: Any, y: Any) -> Any:
    return symtensor.scan(lambda row, y: T.tanh(T.dot(row, y)), sequences=[x], non_sequences=[y])[0]


def _carried_rows(x: Any, y: Any) -> Any:
    return symtensor.scan(lambda row, c: c / 2 + row, sequences=[x], outputs_info=[y[0]])[0]


def _two_states(x: Any, y: Any) -> Any:
    found, _ = symtensor.scan(lambda row, c, d: [T.dot(c, d) / 9 + row, d * 0.9 + row], sequences=[x],
                              outputs_info=[y, x])
    return found[0][-1] + found[1][-1]


# Functions of two matrices (N, N) whose values stay near 1.
STEPS: Sequence[Callable[[Any, Any], Any]] = (
    lambda x, y: T.tanh(x + y), lambda x, y: x / 2 + y / 4, lambda x, y: T.maximum(x, y), lambda x, y: x,
    lambda x, y: x.T, lambda x, y: x[::-1] * 0.7, lambda x, y: x / (1 + abs(y).sum()), lambda x, y: x - y.mean(axis=0),
    lambda x, y: x - y.max(axis=1, keepdims=True), lambda x, y: T.dot(x, y) / 5, lambda x, y: T.sort(x, axis=1),
    lambda x, y: T.set_subtensor(x[1:3], y[:2]), lambda x, y: T.inc_subtensor(x[0], y[1]),
    lambda x, y: ifelse(T.gt(x[0, 0], y[1, 1]), x, y), lambda x, y: ifelse(T.gt(x[0, 0], 0.0), T.tanh(y), x / 2),
    lambda x, y: T.concatenate([x[2:], y[:2]]), lambda x, y: x[[3, 0, 2, 1]], lambda x, y: T.cumsum(x, axis=0) / 3,
    lambda x, y: x.reshape((2, 8))[::-1].reshape((N, N)), lambda x, y: negated(x), lambda x, y: copied(y) - x / 3,
    lambda x, y: T.switch(T.gt(x, 0), y, x / 9), lambda x, y: T.nnet.softmax(x), lambda x, y: T.outer(x[0], y[1]) / 3,
    lambda x, y: T.zeros_like(x) + y[0, 0], _last, _rows, _carried_rows, _two_states,
)


class Loop:
    """A random loop: `inputs`, `outputs`, `updates` and the shared variable `shared`."""

    def __init__(self, seed: int) -> None:
        self.seed, rng = seed, random.Random(seed)
        count, collects = rng.choice([1, 2, 2, 3]), rng.random() < 0.4
        ends, has_sequence = rng.random() < 0.25, rng.random() < 0.3
        states, a = [T.dmatrix(f"s{k}") for k in range(count)], T.dmatrix("a")
        self.shared = symtensor.shared(np.eye(N) / 3, name="shared")

        def step(*args: Any) -> Any:
            pool = list(args)
            for _ in range(rng.randint(1, 8)):
                pool.append(rng.choice(STEPS)(rng.choice(pool), rng.choice(pool)))
            new = [rng.choice(pool[-5:]) for _ in range(count)] + ([rng.choice(pool)] if collects else [])
            return (new, until(T.lt(pool[-1][0, 0] + pool[-1].min(), -0.6))) if ends else new

        found, _ = symtensor.scan(
            step, sequences=[T.stack([a, a * 2, a[::-1], a.T])] if has_sequence else [], n_steps=4,
            outputs_info=[*states, *[None] * collects], non_sequences=[a, self.shared])
        found = found if isinstance(found, list) else [found]
        self.inputs = [*states, a]
        self.outputs = [v[-1] for v in found[:count]] + found[count:]
        self.outputs += [found[0]] * (rng.random() < 0.2) + [self.outputs[0]] * (rng.random() < 0.3)
        self.updates = [(self.shared, self.outputs[0] / 2)] if rng.random() < 0.5 else []

    def results(self, mode: Any) -> list[np.ndarray]:
        f = symtensor.function(self.inputs, self.outputs, updates=self.updates, mode=mode, on_unused_input="ignore")
        rng = np.random.default_rng(self.seed)
        values = [rng.standard_normal((N, N)) for _ in self.inputs]
        self.shared.set_value(np.eye(N) / 3)
        return [np.array(v) for _ in range(2) for v in (*f(*(v.copy() for v in values)), self.shared.get_value())]
