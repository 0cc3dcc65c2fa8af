"""Random graphs of everything at once: compiled with all rewrites and shared updates, against `perform` node by
node."""

from __future__ import annotations

import numpy as np
import pytest
from law import Case, performed

import symtensor
import symtensor.tensor as T

UNARY = [
    T.tanh,
    T.exp,
    T.sqr,
    T.neg,
    T.abs_,
    T.nnet.sigmoid,
    lambda x: T.log1p(T.abs_(x)),
    lambda x: T.maximum(x, 0.1),
    lambda x: x * 0.5,
    lambda x: 1 - x,
    lambda x: T.switch(x > 0, x, 0.25 * x),
    T.nnet.softplus,
]
BINARY = [
    T.add,
    T.sub,
    T.mul,
    T.maximum,
    T.minimum,
    lambda a, b: a / (1 + T.sqr(b)),
    lambda a, b: T.switch(a > b, a, -b),
]
REDUCE = [T.sum, T.mean, T.max, T.min, T.std, lambda x, axis: T.log(T.sum(T.exp(x), axis=axis))]
N, M = 5, 7


class Graph:
    """A pool of (N, M) matrices, (M,) and (N,) vectors and scalars that grows at random."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        x, y, b, c = T.dmatrix("x"), T.dmatrix("y"), T.dvector("b"), T.dscalar("c")
        self.inputs = [x, y, b, c]
        self.pool = {"matrix": [x, y], "row": [b], "column": [], "scalar": [c]}
        for _ in range(int(self.rng.integers(4, 16))):
            self.step()

    def pick(self, kind):
        pool = self.pool[kind]
        return pool[int(self.rng.integers(max(0, len(pool) - 6), len(pool)))] if pool else None

    def one_of(self, functions):
        return functions[int(self.rng.integers(len(functions)))]

    def step(self):
        getattr(
            self,
            self.rng.choice(
                [
                    "unary",
                    "unary",
                    "binary",
                    "binary",
                    "broadcast",
                    "reduce",
                    "reduce",
                    "view",
                    "product",
                    "softmax",
                    "join",
                    "subtensor",
                    "vectors",
                ]
            ),
        )()

    def unary(self):
        kind = self.rng.choice(["matrix", "matrix", "row", "scalar"])
        self.pool[kind].append(self.one_of(UNARY)(self.pick(kind)))

    def binary(self):
        self.pool["matrix"].append(self.one_of(BINARY)(self.pick("matrix"), self.pick("matrix")))

    def broadcast(self):
        other = self.pick(self.rng.choice(["row", "scalar"]))
        if self.pool["column"] and self.rng.random() < 0.5:
            other = self.pick("column").dimshuffle(0, "x")
        self.pool["matrix"].append(self.one_of(BINARY)(self.pick("matrix"), other))

    def reduce(self):
        axis = int(self.rng.integers(3))
        fold = self.one_of(REDUCE)
        x = T.tanh(self.pick("matrix")) if self.rng.random() < 0.5 else self.pick("matrix")
        kind, axis = [("row", 0), ("column", 1), ("scalar", None)][axis]
        self.pool[kind].append(fold(x, axis=axis))

    def view(self):
        x = self.pick("matrix")
        self.pool["matrix"].append(
            self.one_of(
                [
                    lambda x: x[::-1],
                    lambda x: x[:, ::-1],
                    lambda x: x.T.reshape((M, N)).T,
                    lambda x: x.reshape((N * M,)).reshape((N, M)),
                    lambda x: x.dimshuffle(1, 0).dimshuffle(1, 0),
                ]
            )(x)
        )

    def product(self):
        square = T.dot(self.pick("matrix").T, self.pick("matrix")) * 0.1
        self.pool["matrix"].append(T.dot(self.pick("matrix"), square))
        self.pool["column"].append(T.dot(self.pick("matrix"), self.pick("row")))

    def softmax(self):
        function = self.one_of([T.nnet.softmax, lambda x: T.log(T.nnet.softmax(x))])
        self.pool["matrix"].append(function(self.pick("matrix")))

    def join(self):
        k = int(self.rng.integers(1, N))
        self.pool["matrix"].append(T.join(0, self.pick("matrix")[:k], self.pick("matrix")[k:]))

    def subtensor(self):
        x, k = self.pick("matrix"), int(self.rng.integers(N))
        self.pool["row"].append(x[k])
        self.pool["matrix"].append(
            self.one_of(
                [
                    lambda: T.inc_subtensor(x[k], self.pick("row")),
                    lambda: T.set_subtensor(x[:, 1:3], 0.5),
                    lambda: x[T.constant([0, 2, 2, 1, k])],
                    lambda: T.inc_subtensor(x[T.constant([k, k])], 1.0),
                ]
            )()
        )

    def vectors(self):
        self.pool["row"].append(self.one_of(BINARY)(self.pick("row"), self.pick("row")))
        self.pool["scalar"].append(T.sum(self.pick("row")) * 0.1)


def values(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((N, M)), rng.standard_normal((N, M)), rng.standard_normal(M), np.array(0.7)]


def compare(seed: int, mode=None, gradient: bool = False) -> None:
    graph = Graph(seed)
    outputs = [v for pool in graph.pool.values() for v in pool if v.owner is not None][-5:]
    if gradient:
        cost = sum(T.mean(T.tanh(v)) for v in outputs)
        outputs = [cost, *T.grad(cost, graph.inputs[:3], disconnected_inputs="ignore")]
    given = values(seed)
    expected = performed(Case(str(seed), graph.inputs, given, outputs))
    f = symtensor.function(graph.inputs, outputs, mode=mode, on_unused_input="ignore")
    for k, (got, want) in enumerate(zip(f(*given), expected, strict=True)):
        scale = np.max(np.abs(want), initial=1.0)
        assert got.shape == want.shape and got.dtype == want.dtype, f"seed {seed} output {k}"
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * scale, err_msg=f"seed {seed} output {k}")


@pytest.mark.parametrize("block", range(4))
def test_values(block):
    for seed in range(block * 6, block * 6 + 6):
        compare(seed)


@pytest.mark.parametrize("block", range(3))
def test_gradients(block):
    for seed in range(100 + block * 5, 105 + block * 5):
        compare(seed, gradient=True)


@pytest.mark.slow
def test_many_more():
    for seed in range(1000, 1200):
        compare(seed, gradient=seed % 2 == 0)


def test_debug_mode_on_a_sample():
    for seed in (0, 3, 7):
        compare(seed, mode="DebugMode")
