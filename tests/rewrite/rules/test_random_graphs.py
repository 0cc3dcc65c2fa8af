"""Random expressions keep their values through the whole pipeline, also with their gradients.

Values are compared where the plain expression is finite: rules may hide NaN, and must not change numbers.
"""
from __future__ import annotations

import warnings

import numpy as np
import pytest
from rule_scope import performed

import symtensor.tensor as T
from symtensor.config import change_flags
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.optdb import Query
from symtensor.rewrite.pipeline import optimize
from symtensor.tensor import nnet as N

UNARY = [
    T.exp, T.tanh, T.sin, abs, lambda v: -v, T.sqr, N.sigmoid, N.softplus, lambda v: v * 1, lambda v: v + 0,
    lambda v: 2 * v, lambda v: v / 4, lambda v: v / 3, lambda v: v - 1, lambda v: 1 - v, lambda v: v**2,
    lambda v: v**3, lambda v: T.log(1 + T.sqr(v)), lambda v: 1 / (1 + T.exp(v)), lambda v: T.exp(v) - 1,
    lambda v: T.sqrt(T.sqr(v)), lambda v: T.fill(v, 2.0) * v, lambda v: T.zeros_like(v) + v, lambda v: -(-v),
    lambda v: T.log(T.exp(v)), lambda v: 1 - N.sigmoid(v), lambda v: T.inv(1.5 + T.sqr(v)), lambda v: v[::-1],
    lambda v: v[1:], lambda v: v[:],
]
BINARY = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (1 + T.sqr(b)), T.maximum,
    T.minimum, lambda a, b: T.switch(a > b, a, b), lambda a, b: T.switch(a > 0, b, 0),
    lambda a, b: a * b / (1 + b * b), lambda a, b: a + b - a, lambda a, b: T.switch(a > 0, a, 0) * b,
]
MATRIX = [
    lambda m, n: T.dot(m, n), lambda m, n: m + T.dot(m, n), lambda m, n: m - 0.5 * T.dot(m.T, n),
    lambda m, n: (m + n).T, lambda m, n: 2 * T.dot(m, n) - n, lambda m, n: m * m.sum(axis=0),
    lambda m, n: m / (1 + T.sqr(n)), lambda m, n: N.softmax(m), lambda m, n: T.log(N.softmax(m + n[0])),
    lambda m, n: m.reshape((25,)).reshape((5, 5)), lambda m, n: T.outer(m[0], n[:, 1]), lambda m, n: T.exp(m)[::-1],
    lambda m, n: T.set_subtensor(m[1], n[2]), lambda m, n: T.inc_subtensor(m[1:3], n[:2]),
    lambda m, n: m - m.max(axis=1, keepdims=True), lambda m, n: T.join(0, m[:2], n[:3]),
    lambda m, n: T.tanh(T.dot(m, n[0]) + m[:, 0]).dimshuffle(0, "x") * n,
]


def pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def vector_expression(rng, x, y, s, size):
    pool = [x, y]
    for _ in range(size):
        a = pick(rng, pool)
        if rng.random() < 0.5:
            made = pick(rng, UNARY)(a)
        else:
            b = pick(rng, [*pool, s])
            length = min(len_of(a), len_of(b)) if b is not s else None
            made = pick(rng, BINARY)(a[:length] if length else a, b[:length] if length else b)
        if rng.random() < 0.5:
            made = T.tanh(made)  # keeps numbers small
        pool.append(made)
    return pool[-1]


LENGTHS: dict = {}


def len_of(variable):
    if variable not in LENGTHS:
        known = performed(LENGTHS["inputs"], [variable], LENGTHS["values"])[0]
        LENGTHS[variable] = known.shape[0] if known.ndim else 1
    return LENGTHS[variable]


def check(inputs, outputs, values, include):
    fgraph = FunctionGraph(inputs, outputs, clone=True)
    with change_flags(on_opt_error="raise"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimize(fgraph, Query(include=[include]))
    assert not fgraph.rewrites.cycles and not fgraph.rewrites.failed
    before = performed(inputs, outputs, values)
    after = performed(fgraph.inputs, fgraph.outputs, values)
    for a, b, old, new in zip(before, after, outputs, fgraph.outputs):
        assert old.type == new.type and a.dtype == b.dtype
        b = np.broadcast_to(b, a.shape) if b.shape != a.shape and b.size == 1 else b
        assert a.shape == b.shape
        finite = np.isfinite(a)
        tolerance = 1e-4 if a.dtype == np.float32 else 1e-9
        scale = np.max(np.abs(a[finite]), initial=1.0)
        np.testing.assert_allclose(b[finite], a[finite], rtol=tolerance, atol=tolerance * scale, err_msg=str(fgraph))


@pytest.mark.parametrize("seed", range(40))
def test_random_vectors(seed):
    rng = np.random.default_rng(seed)
    dtype = pick(rng, ["float64", "float32"])
    x, y, s = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype), T.scalar("s", dtype=dtype)
    inputs = [x, y, s]
    values = [rng.uniform(-1.5, 1.5, 7).astype(dtype), rng.uniform(-1.5, 1.5, 7).astype(dtype), np.asarray(0.7, dtype)]
    LENGTHS.clear()
    LENGTHS.update(inputs=inputs, values=values)
    z = vector_expression(rng, x, y, s, int(rng.integers(2, 12)))
    gradients = T.grad(z.sum(), inputs, disconnected_inputs="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(inputs, [z, *gradients], values, pick(rng, ["fast_run", "fast_run", "fast_compile"]))


@pytest.mark.parametrize("seed", range(40))
def test_random_matrices(seed):
    rng = np.random.default_rng(1000 + seed)
    dtype = pick(rng, ["float64", "float32"])
    m, n = T.matrix("m", dtype=dtype), T.matrix("n", dtype=dtype)
    values = [rng.uniform(-1, 1, (5, 5)).astype(dtype) for _ in range(2)]
    pool = [m, n]
    with change_flags(floatX=dtype):
        for _ in range(int(rng.integers(1, 7))):
            pool.append(pick(rng, MATRIX)(pick(rng, pool), pick(rng, pool)))
        z = T.tanh(pool[-1])
        gradients = T.grad(z.sum(), [m, n], disconnected_inputs="ignore")
        check([m, n], [z, *gradients], values, pick(rng, ["fast_run", "fast_run", "fast_compile"]))
