"""What is timed: the inputs of every case, its sizes, and how close to float64 NumPy its results must be.

A case is one timed call; a group is the set of cases that one process runs. Each file `with_LIBRARY.py` has, for each
case, a function that takes the inputs as attributes of one object and returns `(call, state)`: `call()` does the timed
work and returns its results, `state()` gives the values of the parameters that a call changes.
"""
from __future__ import annotations

import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable

import numpy as np

# Set by benchmarks.gpu: cuda, or cpu in dry runs. Then inputs and results stay on the device, and no call waits for it.
DEVICE = os.environ.get("BENCH_DEVICE", "")


@dataclass(frozen=True)
class Case:
    name: str
    group: str
    function: str  # its name in with_LIBRARY.py
    inputs: Callable[..., dict]  # of a source of random numbers and the sizes
    sizes: dict
    tiny: dict  # sizes for tests
    tolerance: float  # of the largest error relative to the largest value of each result
    moments: bool = False  # results are draws: compare their moments


def normal(rng, *shape, scale=1.0, dtype="float32"):
    return (scale * rng.standard_normal(shape)).astype(dtype)


def two_numbers(rng):
    return dict(x=np.asarray(1.5), y=np.asarray(2.25))


def elementwise(rng, n, dtype):
    return dict(x=normal(rng, n, dtype=dtype), y=normal(rng, n, dtype=dtype),
                a=np.asarray(0.7, dtype), b=np.asarray(0.3, dtype))


def matrix(rng, rows, columns):
    return dict(x=normal(rng, rows, columns))


def logreg(rng, rows, features):
    return dict(x=normal(rng, rows, features, dtype="float64"), y=rng.integers(0, 2, rows).astype("float64"),
                w=normal(rng, features, scale=0.01, dtype="float64"), rate=np.float64(0.1), decay=np.float64(0.01))


def mlp(rng, rows, inside, hidden, classes):
    return dict(x=rng.uniform(0, 1, (rows, inside)).astype("float32"), y=rng.integers(0, classes, rows).astype("int32"),
                W1=normal(rng, inside, hidden, scale=0.05), b1=np.zeros(hidden, "float32"),
                W2=normal(rng, hidden, classes, scale=0.05), b2=np.zeros(classes, "float32"), rate=np.float32(0.01))


def rnn(rng, steps, batch, hidden):
    return dict(x=normal(rng, steps, batch, hidden), h0=np.zeros((batch, hidden), "float32"),
                W=normal(rng, hidden, hidden, scale=0.05), U=normal(rng, hidden, hidden, scale=0.05),
                b=normal(rng, hidden, scale=0.05))


def lstm(rng, steps, batch, hidden):
    return dict(x=normal(rng, steps, batch, hidden), y=normal(rng, batch, hidden, scale=0.3),
                h0=np.zeros((batch, hidden), "float32"), c0=np.zeros((batch, hidden), "float32"),
                Wx=normal(rng, hidden, 4 * hidden, scale=0.08), Wh=normal(rng, hidden, 4 * hidden, scale=0.08),
                b=normal(rng, 4 * hidden, scale=0.08), hidden=hidden, rate=np.float32(0.1))


def power(rng, steps):
    return dict(A=1 + 0.001 * rng.uniform(-1, 1, 10), k=steps)


def polynomial(rng, terms):
    return dict(coef=rng.standard_normal(terms), x=np.asarray(0.999))


def counter(rng, steps):
    return dict(k=steps)


def draw(rng, rows, columns):
    return dict(shape=(rows, columns))


def square_and_vector(rng, n):
    return dict(W=normal(rng, n, n, scale=0.1, dtype="float64"), x=normal(rng, n, dtype="float64"))


def chain(rng, ops, n):
    return dict(x=normal(rng, n, dtype="float64"), ops=ops)


def two_matrices(rng, n, dtype):
    return dict(a=normal(rng, n, n, dtype=dtype), b=normal(rng, n, n, dtype=dtype))


def embedding(rng, words, width, read):
    return dict(E=normal(rng, words, width, scale=0.1), idx=rng.integers(0, words, read), G=normal(rng, read, width),
                rate=np.float32(0.01))


def no_state() -> list:
    """The state of a case whose calls change nothing."""
    return []


EXACT, SINGLE, LONG = 1e-9, 2e-4, 2e-3  # float64; float32; float32 through hundreds of steps


def _all_cases():
    for name in ("call_add", "call_accum"):
        yield Case(name, "call", name, two_numbers, {}, {}, EXACT)
    for dtype, tolerance in (("float32", SINGLE), ("float64", EXACT)):
        for size in ("1e3", "1e6", "1e7"):
            short = dtype.replace("float", "f")
            yield Case(f"elem_{short}_{size}", f"elem_{short}", "elementwise", elementwise,
                       dict(n=int(float(size)), dtype=dtype), dict(n=37, dtype=dtype), tolerance)
    for name in ("sum", "mean0", "mean1", "max", "argmax", "logsumexp", "softmax"):
        yield Case(f"red_{name}", "reduce", f"red_{name}", matrix, dict(rows=10000, columns=1000),
                   dict(rows=23, columns=17), SINGLE)
    yield Case("logreg", "logreg", "logreg", logreg, dict(rows=400, features=784), dict(rows=13, features=7), EXACT)
    yield Case("mlp", "mlp", "mlp", mlp, dict(rows=500, inside=784, hidden=500, classes=10),
               dict(rows=11, inside=7, hidden=5, classes=3), SINGLE)
    for name, tolerance in (("rnn_fwd", SINGLE), ("rnn_grad", LONG)):
        yield Case(name, "rnn", name, rnn, dict(steps=200, batch=64, hidden=128), dict(steps=7, batch=3, hidden=5),
                   tolerance)
    yield Case("lstm", "lstm", "lstm", lstm, dict(steps=100, batch=16, hidden=128), dict(steps=5, batch=3, hidden=4),
               LONG)
    yield Case("loop_pow", "loop", "loop_pow", power, dict(steps=1000), dict(steps=9), EXACT)
    yield Case("loop_poly", "loop", "loop_poly", polynomial, dict(terms=10000), dict(terms=8), EXACT)
    yield Case("loop_count", "loop", "loop_count", counter, dict(steps=100000), dict(steps=6), EXACT)
    for name in ("rand_uniform", "rand_normal"):
        yield Case(name, "random", name, draw, dict(rows=2000, columns=2000), dict(rows=300, columns=300), 2e-2,
                   moments=True)
    for name in ("jacobian", "hessian"):
        yield Case(name, "derivative", name, square_and_vector, dict(n=100), dict(n=6), EXACT)
    for ops in (30, 100, 300, 1000):
        yield Case(f"chain_{ops}", "chain", "chain", chain, dict(ops=ops, n=1000), dict(ops=10 + ops // 100, n=9),
                   EXACT)
    for dtype, tolerance in (("float32", SINGLE), ("float64", EXACT)):
        yield Case("gemm_" + dtype.replace("float", "f"), "gemm", "gemm", two_matrices, dict(n=2000, dtype=dtype),
                   dict(n=9, dtype=dtype), tolerance)
    for name in ("embed_lookup", "embed_grad", "embed_sgd"):
        yield Case(name, "embed", name, embedding, dict(words=50000, width=128, read=4096),
                   dict(words=20, width=3, read=15), SINGLE)


CASES = {case.name: case for case in _all_cases()}
GROUPS = list(dict.fromkeys(case.group for case in CASES.values()))


def inputs(case: Case, tiny: bool = False) -> SimpleNamespace:
    """The same inputs for every library."""
    return SimpleNamespace(**case.inputs(np.random.default_rng(1234), **(case.tiny if tiny else case.sizes)))


def widened(given: SimpleNamespace) -> SimpleNamespace:
    """A copy of inputs with float64 for float32: what the reference computes with."""
    return SimpleNamespace(**{name: value.astype("float64") if getattr(value, "dtype", None) == np.float32 else value
                              for name, value in vars(given).items()})


def results(case: Case, returned, state: list) -> list:
    """What a call returned and the state after it, as arrays to compare; of draws their moments and a quantile."""
    values = [*(returned if isinstance(returned, (tuple, list)) else [returned]), *state]
    arrays = [np.array(value.detach() if hasattr(value, "detach") else value) for value in values]
    if not case.moments:
        return arrays
    return [np.array([1 + a.mean(dtype="float64"), a.std(dtype="float64"), np.quantile(a, 0.9)]) for a in arrays]


def error(got: list, expected: list) -> float:
    """The largest error, relative to the largest value of each result; infinite where shapes or numbers are wrong."""
    if len(got) != len(expected):
        return float("inf")
    worst = 0.0
    for a, b in zip(got, expected):
        if a.shape != b.shape or not np.isfinite(a).all():
            return float("inf")
        if a.size:
            worst = max(worst, float(np.abs(a.astype("float64") - b).max() / max(np.abs(b).max(), 1e-30)))
    return worst
