"""What is timed on a GPU: the cases of `benchmarks.cases` in sizes that fill one, what of them counts, and the goals.

A memory-bound case counts the bytes that it must move: each array read once, each result written once. The yardstick
is `copy`, a copy within the device by the driver.
"""
from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable

import numpy as np

from benchmarks import cases
from benchmarks.cases import LONG, SINGLE, Case

YARDSTICK = "copy"
PRODUCT = 2e-5  # of a product in float32: one in TF32, which keeps ten bits of the factors, is wrong
SAMPLED = 1_000_003  # as many elements of a result are compared


@dataclass(frozen=True)
class GpuCase:
    """`amount(inputs)` is in bytes or in operations, as `counts` says. The goal is a share of the yardstick's bytes a
    second, or the longest time in seconds of a call."""

    case: Case
    what: str
    counts: str = ""
    amount: Callable[[SimpleNamespace], float] = lambda d: 0.0
    share: float | None = None
    longest: float | None = None


def spread(rng, *shape, low=-1.0, high=2.0):
    x = rng.random(shape, dtype="float32")
    x *= np.float32(high - low)
    x += np.float32(low)
    return x


def vector(rng, n):
    return dict(x=spread(rng, n), a=np.asarray(0.7, "float32"), b=np.asarray(0.3, "float32"))


def two_vectors(rng, n):
    return dict(vector(rng, n), y=spread(rng, n, low=-2.0))


def matrix(rng, rows, columns):
    return dict(x=spread(rng, rows, columns))


def few(rng, n):
    return dict(x=spread(rng, n))


def product_operations(d):
    return 2.0 * d.a.shape[0] * d.a.shape[1] * d.b.shape[1]


def mlp_operations(d):
    """Forward, both gradients of the second product, the gradient of the first one's matrix."""
    rows, inside = d.x.shape
    hidden, classes = d.W2.shape
    return 2.0 * rows * hidden * (2 * inside + 3 * classes)


def _all_cases():
    # First: JAX knows only the peak of memory since the process's start.
    yield GpuCase(Case("mlp_large", "mlp_large", "mlp", cases.mlp,
                       dict(rows=8192, inside=2048, hidden=8192, classes=1000),
                       dict(rows=11, inside=7, hidden=5, classes=3), SINGLE),
                  "a step of training, 2048-8192-1000 on 8192 rows", "operations", mlp_operations)
    size, tiny = dict(n=100_000_000), dict(n=1037)
    yield GpuCase(Case("copy", "vector", "copy", vector, size, tiny, 0.0), "1e8 numbers to another place", "bytes",
                  lambda d: 2 * d.x.nbytes)
    yield GpuCase(Case("chain", "vector", "pointwise", vector, size, tiny, SINGLE),
                  "ten cheap operations on 1e8 numbers", "bytes", lambda d: 2 * d.x.nbytes, share=0.85)
    yield GpuCase(Case("functions", "two_vectors", "elementwise", two_vectors, size, tiny, SINGLE),
                  "tanh(a x + b) exp(-x^2) + log1p(abs y) on 1e8 numbers", "bytes", lambda d: 3 * d.x.nbytes)
    for name, what, passes in (("red_sum", "all", 1), ("red_mean0", "each column", 1), ("red_mean1", "each row", 1),
                               ("red_logsumexp", "log of the sum of exp of each row", 1),
                               ("red_softmax", "softmax of each row", 2)):
        said = what if passes == 2 or "log" in what else f"{'sum' if what == 'all' else 'mean'} of {what}"
        yield GpuCase(Case(name, "matrix", name, matrix, dict(rows=100_000, columns=1000), dict(rows=23, columns=17),
                           SINGLE),
                      f"{said}, 100,000 x 1000", "bytes", lambda d, passes=passes: passes * d.x.nbytes, share=0.80)
    yield GpuCase(Case("gemm_f32", "gemm", "gemm", cases.two_matrices, dict(n=4096, dtype="float32"),
                       dict(n=9, dtype="float32"), PRODUCT),
                  "a product of two matrices of 4096 x 4096, no TF32", "operations", product_operations)
    yield GpuCase(Case("embed_sgd", "embed", "embed_sgd", cases.embedding,
                       dict(words=500_000, width=128, read=65536), dict(words=20, width=3, read=15), SINGLE),
                  "65536 rows of 500,000 x 128 changed in place", "bytes", lambda d: 3 * d.G.nbytes)
    yield GpuCase(Case("call", "few", "grow", few, dict(n=10), dict(n=10), SINGLE),
                  "s becomes s / 2 + 1, ten numbers: what a call costs", longest=20e-6)
    yield GpuCase(Case("mlp", "mlp", "mlp", cases.mlp, dict(rows=500, inside=784, hidden=500, classes=10),
                       dict(rows=11, inside=7, hidden=5, classes=3), SINGLE),
                  "a step of training, 784-500-10 on 500 rows", "operations", mlp_operations)
    yield GpuCase(Case("rnn", "rnn", "rnn_grad", cases.rnn, dict(steps=200, batch=64, hidden=256),
                       dict(steps=7, batch=3, hidden=5), LONG),
                  "a recurrent layer with its gradients, 200 steps of 64 x 256")
    yield GpuCase(Case("lstm", "lstm", "lstm", cases.lstm, dict(steps=100, batch=64, hidden=512),
                       dict(steps=5, batch=3, hidden=4), LONG),
                  "a step of training an LSTM, 100 steps of 64 x 512")


CASES = {one.case.name: one for one in _all_cases()}


def sample(result: np.ndarray) -> np.ndarray:
    """What is compared of a result: elements all over it, and its end."""
    flat = result.reshape(-1)
    return np.concatenate([flat[::max(1, flat.size // SAMPLED)], flat[-1000:]])


def error(got: list[np.ndarray], expected: list[tuple[tuple[int, ...], np.ndarray]]) -> float:
    """The largest error of samples, as `benchmarks.cases.error` has it."""
    if [a.shape for a in got] != [shape for shape, _ in expected]:
        return float("inf")
    return cases.error([sample(a) for a in got], [b for _, b in expected])
