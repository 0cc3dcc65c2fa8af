"""Symbolic gradients against differences, through every op that has one; shared variables after failed calls."""
from __future__ import annotations

import numpy as np
import pytest
from law import case, gradients

import symtensor
import symtensor.tensor as T
from symtensor.tensor import nnet
from symtensor.tensor.extra_ops import diff, fill_diagonal, fill_diagonal_offset
from symtensor.tensor.nnet import bn

F2 = (False, False)


def away(rng, *shape: int) -> np.ndarray:
    """Numbers well away from each other and from the kinks at 0, 1 and -1."""
    count = int(np.prod(shape))
    return (rng.permutation(count) * 0.07 + 0.11 - 0.035 * count).reshape(shape) + 0.013


UNARY = {
    name: getattr(T, name) for name in (
        "neg", "abs_", "exp", "exp2", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arcsinh", "sqr",
        "erf", "erfc", "deg2rad", "rad2deg", "sgn", "ceil", "floor", "round", "trunc")
}
POSITIVE = {
    name: getattr(T, name) for name in ("log", "log2", "log10", "log1p", "sqrt", "inv", "gamma", "gammaln", "psi")
}
BOUNDED = {name: getattr(T, name) for name in ("arcsin", "arccos", "arctanh", "erfinv")}


def test_elementwise_functions(rng):
    x, p, b = away(rng, 3, 4), abs(away(rng, 5)) + 0.3, rng.uniform(-0.8, 0.8, 4)
    cases = [case(name, op, x) for name, op in UNARY.items()]
    cases += [case(name, op, p) for name, op in POSITIVE.items()]
    cases += [case(name, op, b) for name, op in BOUNDED.items()]
    cases += [case("arccosh", T.arccosh, p + 1.5), case("erfcinv", T.erfcinv, p / 3)]
    gradients(cases, rng)


def test_elementwise_operations(rng):
    x, y, row, s = away(rng, 3, 4), away(rng, 3, 4) + 0.02, abs(away(rng, 4)) + 0.5, np.asarray(1.7)
    column = abs(away(rng, 3, 1)) + 0.4
    pairs = {"add": T.add, "sub": T.sub, "mul": T.mul, "true_div": T.true_div, "maximum": T.maximum,
             "minimum": T.minimum,
             "arctan2": T.arctan2, "second": T.second}
    cases = [case(f"{name} {label}", op, x, other) for name, op in pairs.items()
             for label, other in [("alike", y), ("row", row), ("column", column), ("scalar", s)]]
    cases += [
        case("mod", T.mod, x, row), case("pow", lambda a, b: a ** b, abs(x) + 0.2, row), case("pow 2",
            lambda a: a ** 2 + a ** 3 + abs(a) ** 0.5, x),
        case("switch", lambda a, b: T.switch(T.gt(a, 0.1), a * b, b), x, row), case("clip", lambda a: T.clip(a, -0.2,
            0.3), x),
        case("variadic", lambda a, b, c: a * b * c * a + T.add(a, b, c), x, row, s),
    ]
    gradients(cases, rng)


def test_reductions(rng):
    x = away(rng, 2, 3, 4)
    folds = {"sum": T.sum, "prod": T.prod, "mean": T.mean, "max": T.max, "min": T.min, "var": T.var, "std": T.std}
    cases = [case(f"{name} {axis}", lambda a, fold=fold, axis=axis: fold(a, axis=axis), x if name != "prod" else x * 2)
             for name, fold in folds.items() for axis in (None, 0, 2, (0, 2)) if not (name in ("max",
                 "min") and axis == (0, 2))]
    zero = away(rng, 3, 3)
    zero[1, 1] = 0
    cases += [case("prod with a zero", lambda a: T.prod(a, axis=1), zero), case("norm", lambda a: a.norm(2), x),
              case("cumsum", lambda a: [T.cumsum(a), T.cumsum(a, axis=1)], x),
              case("cumprod", lambda a: [T.cumprod(a + 3), T.cumprod(a, axis=0)], x), case("ptp", T.ptp, x),
              case("diff", lambda a: [diff(a), diff(a, n=2, axis=1)], x)]
    gradients(cases, rng)


def test_moved_elements(rng):
    x, v = away(rng, 3, 4), away(rng, 4)
    i, g = np.array([2, 0, 2]), np.array([[0, 1], [2, 2]])
    gradients([
        case("shapes", lambda x: [x.T * 2, x.dimshuffle(1, "x", 0), x.reshape((2, 6)), x.flatten(), x.reshape((-1,
            2))], x),
        case("joined", lambda x, v: [T.join(0, x, x * 2), T.stack([v, v * v]), T.concatenate([v, x[0]]),
                                     T.as_tensor_variable([v[0], v[1] * 2]), *T.split(x, [1, 3], 2, axis=1)], x, v),
        case("slices", lambda x: [x[1:], x[::-1, ::2], x[-1], x[0, 2], x[2:0:-1]], x),
        case("arrays", lambda x, i, g: [x[i], x[:, i], x[i, i], x[g], x[i, 1:], x[x.nonzero()]], x, i, g),
        case("masks", lambda x: [x[T.gt(x, 0).nonzero()], x[np.array([True, False, True])]], x),
        case("written", lambda x, v: [T.set_subtensor(x[1], v), T.inc_subtensor(x[:, 1], v[:3]),
                                      T.inc_subtensor(x[::2], v[0])],
             x, v),
        case("written by arrays", lambda x, v, i: [T.inc_subtensor(x[i], v), T.set_subtensor(x[i[:2], i[:2]], v[:2]),
                                                   T.inc_subtensor(x[i, i], v[:3])], x, v, i),
        case("repeated", lambda x: [T.repeat(x, 2, axis=0), T.repeat(x, 3), T.tile(x, (2, 2)), T.alloc(x, 2, 3, 4)], x),
        case("counted", lambda x, i: T.repeat(x, i, axis=0), x, i),
        case("diagonals", lambda x, v: [T.diag(v), T.diag(x), T.diagonal(x, 1), T.tril(x), fill_diagonal(x, v[0]),
                                        fill_diagonal_offset(x, v[1], 1)], x, v),
        case("sorted", lambda x: [T.sort(x, axis=1), T.sort(x, axis=0), T.roll(x, 1, axis=0)], x),
        case("chosen", lambda x, g: [T.choose(g, [x[0, :2], x[1, :2], x[2, 2:]])], x, g),
    ], rng)


def test_products(rng):
    a, b, v, w = away(rng, 3, 4), away(rng, 4, 2), away(rng, 4), away(rng, 3)
    x, y = away(rng, 2, 3, 4), away(rng, 2, 4, 2)
    gradients([
        case("dot", lambda a, b: [T.dot(a, b), T.dot(a[:, ::-1], b)], a, b), case("matrix and vector", T.dot, a, v),
        case("vector and matrix", T.dot, w, a), case("vectors", T.dot, v, v * 2), case("outer", T.outer, v, w),
        case("tensordot", lambda x, y: [T.tensordot(x, y, [[2, 0], [1, 0]]), T.tensordot(x, y, [[2], [1]])], x, y),
        case("batched", T.batched_dot, x, y), case("of a cube", lambda x, b: T.dot(x, b), x, b),
        case("gemm", lambda a, b, c: 0.5 * c + 2 * T.dot(a, b), a, b, away(rng, 3, 2)),
        case("ger", lambda a, w, v: a + 0.3 * T.outer(w, v), a, w, v),
    ], rng)


def test_networks(rng):
    x, b, labels = away(rng, 3, 4), away(rng, 4), np.array([0, 3, 1])
    p = abs(away(rng, 3, 4)) + 0.2
    image = away(rng, 3, 2, 4)
    gradients([
        case("softmax", nnet.softmax, x), case("logsoftmax", nnet.logsoftmax, x),
        case("with bias", nnet.softmax_with_bias, x, b), case("sigmoid", nnet.sigmoid, x), case("softplus",
            nnet.softplus, x),
        case("relu", lambda x: nnet.relu(x, 0.1), x), case("elu", nnet.elu, x), case("softsign", nnet.softsign, x),
        case("one hot", nnet.crossentropy_categorical_1hot, p, labels),
        case("cross-entropy", lambda x, b, y: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[0], x, b,
             labels),
        case("of softmax", lambda x, y: -T.mean(T.log(nnet.softmax(x))[T.arange(3), y]), x, labels),
        case("binary", lambda x, p: nnet.binary_crossentropy(nnet.sigmoid(x), p / 3), x, p),
        case("rows", lambda x, b: nnet.nnet.prepend_scalar_to_each_row(b[0], x), x, b),
        case("batch normalisation", lambda x, g, b: bn.batch_normalization_train(x, g, b, (0, 2))[0], image,
             abs(away(rng, 1, 2, 1)) + 1, away(rng, 1, 2, 1)),
    ], rng, rtol=3e-5)


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_failed_calls_change_nothing(mode):
    """An error after and before other updates leaves every shared variable as it was."""
    table, total = symtensor.shared(np.arange(12.0).reshape(4, 3)), symtensor.shared(np.zeros(3))
    i, x = T.ivector("i"), T.dvector("x")
    f = symtensor.function([i, x], table.sum(), mode=mode, updates=[
        (total, total + x), (table, T.inc_subtensor(table[i], x))])
    f([0, 1], np.ones(3))
    before, sums = table.get_value(), total.get_value()
    for wrong, size, error in [([0, 7], 3, IndexError), ([-5], 3, IndexError), ([1], 2, ValueError)]:
        with pytest.raises(error):
            f(wrong, np.ones(size))
        np.testing.assert_array_equal(table.get_value(), before)
        np.testing.assert_array_equal(total.get_value(), sums)
