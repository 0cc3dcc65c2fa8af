"""Activations, softmax, cross-entropies and batch normalisation."""
from __future__ import annotations

import numpy as np
import pytest
from law import agree, case, fail, layouts, sample

import symtensor.tensor as T
from symtensor.tensor import nnet
from symtensor.tensor.nnet import bn

F2 = (False, False)
ACTIVATIONS = {
    "sigmoid": nnet.sigmoid, "ultra_fast_sigmoid": nnet.ultra_fast_sigmoid, "hard_sigmoid": nnet.hard_sigmoid,
    "softplus": nnet.softplus, "relu": nnet.relu, "leaky relu": lambda x: nnet.relu(x, 0.1), "elu": nnet.elu,
    "selu": nnet.selu, "softsign": nnet.softsign, "xlogx": T.xlogx.xlogx, "tanh": T.tanh,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations(dtype, rng):
    big = np.array([-1000.0, -40, -18, -3, -0.0, 0, 1e-30, 2.5, 17, 40, 800], dtype)
    agree([case(f"{name} {label}", op, value if name != "xlogx" else abs(value))
           for name, op in ACTIVATIONS.items()
           for label, value in [("big", big), *layouts(sample(rng, dtype, (3, 5)))]], loose=20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax(dtype, rng):
    cases = []
    for shape in [(3, 5), (1, 7), (4, 1), (0, 5), (2, 33)]:
        for name, x in layouts(sample(rng, dtype, shape) * 20):
            b, dy = sample(rng, dtype, shape[1]), sample(rng, dtype, shape)
            cases.append(case(f"{shape} {name}", lambda x, b, dy: [
                nnet.softmax(x), nnet.logsoftmax(x), nnet.softmax_with_bias(x, b), nnet.nnet.softmax_grad(dy,
                    nnet.softmax(x)),
                nnet.nnet.softmax_graph(x)], (x, F2), (b, (False,)), (dy, F2)))
    agree(cases, loose=20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropies(dtype, rng):
    cases = []
    for shape in [(4, 5), (1, 3), (0, 3)]:
        labels = (rng.integers(0, shape[1], shape[0]).astype("int32"), (False,))
        for name, x in layouts(sample(rng, dtype, shape)):
            b = (sample(rng, dtype, shape[1]), (False,))
            p = (np.abs(sample(rng, dtype, shape)) + np.asarray(0.1, dtype), F2)
            cases.append(case(f"{shape} {name}", lambda x, b, p, y: [
                *nnet.crossentropy_softmax_argmax_1hot_with_bias(x, b, y), nnet.crossentropy_categorical_1hot(p, y),
                nnet.categorical_crossentropy(p, y), nnet.categorical_crossentropy(p, p), nnet.binary_crossentropy(
                    nnet.sigmoid(x), T.gt(x, 0)), nnet.nnet.crossentropy_categorical_1hot_grad(x[:, 0], p, y),
                nnet.nnet.crossentropy_softmax_1hot_with_bias_dx(x[:, 0], p, y), nnet.nnet.prepend_0_to_each_row(x),
                nnet.nnet.prepend_scalar_to_each_row(b[0], x)], (x, F2), b, p, labels))
    agree(cases, loose=20)


def test_labels_out_of_range(rng):
    x, y = rng.random((3, 4)), np.array([0, 4, 1])
    fail(case("one hot", nnet.crossentropy_categorical_1hot, x, y), IndexError)
    fail(case("softmax", lambda x, y: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, x[0], y)[0], x, y), ValueError)


@pytest.mark.parametrize("axes", ["per-activation", "spatial"])
def test_batch_normalisation(axes, rng):
    cases = []
    for dtype in ("float32", "float64"):
        x = sample(rng, dtype, (4, 3, 5, 2))
        shape = (1, 3, 1, 1) if axes == "spatial" else (1, 3, 5, 2)
        gamma, beta, mean = (sample(rng, dtype, shape) for _ in range(3))
        var = np.abs(sample(rng, dtype, shape)) + np.asarray(0.5, dtype)
        cases += [
            case(f"train {dtype}", lambda x, g, b: bn.batch_normalization_train(x, g, b, axes), x, gamma, beta),
            case(f"test {dtype}", lambda x, g, b, m, v: bn.batch_normalization_test(x, g, b, m, v, axes), x, gamma,
                 beta,
                 mean, var),
        ]
    agree(cases, loose=50)
