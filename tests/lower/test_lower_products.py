"""Products, softmax, cross-entropies and sorting: lowered, interpreted and compiled, against `perform`."""
from __future__ import annotations

import numpy as np
import pytest
from lowered import failures, lowered, run_all

import symtensor.tensor as T
from symtensor.ir.nodes import Call, Copied, Nest
from symtensor.ir.walk import statements
from symtensor.tensor import blas, nnet
from symtensor.tensor.nnet import bn

x, y, z, t, u, f, r = (T.matrix("x"), T.matrix("y"), T.matrix("z"), T.tensor3("t"), T.tensor3("u"), T.fmatrix("f"),
                       T.row("r"))
i, iv, im, v, w, s, c = (T.iscalar("i"), T.ivector("iv"), T.imatrix("im"), T.vector("v"), T.vector("w"), T.scalar("s"),
                         T.zmatrix("c"))
rng = np.random.default_rng(7)
GIVEN = {
    x: rng.normal(size=(3, 4)), y: rng.normal(size=(4, 2)), z: rng.normal(size=(3, 2)), t: rng.normal(size=(2, 3, 4)),
    u: rng.normal(size=(2, 4, 5)), i: 1, iv: [1, 0, 3], im: rng.integers(0, 5, (4, 4)), v: rng.normal(size=4),
    w: rng.normal(size=2), s: 0.7, f: rng.normal(size=(4, 4)), r: rng.normal(size=(1, 4)),
    c: rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)),
}
INPUTS, VALUES = list(GIVEN), list(GIVEN.values())
p = nnet.softmax(x)
zero = T.constant(0.0, dtype="float64")

GROUPS = {
    "dot": lambda: [
        T.dot(x, y), T.dot(x, v), T.dot(v, y), T.dot(v, v), T.dot(y.T, x.T), T.outer(v, w), T.dot(im, im),
        T.dot(im.T, iv[np.array([0, 1, 2, 0])]), T.dot(f, y), T.dot(f, f.T), T.dot(x[::-1, ::2], y[1:3]), T.dot(c, c.T),
        T.dot(im > 1, im.T > 2), T.tensordot(t, u, [[2], [1]]), T.dot(t, y), T.dot(r, y), T.dot(x[:0], y),
        T.dot(x[:, :0], y[:0]), T.dot(v[:0], v[:0]), T.dot(f.astype("float16"), f.astype("float16")),
    ],
    "batches": lambda: [
        T.batched_dot(t, u), T.batched_dot(t[:, 0], u), T.batched_dot(t, u[:, :, 1]),
        T.batched_dot(t[:, 0], u[:, :, 0]), T.batched_dot(im.dimshuffle("x", 0, 1), im.T.dimshuffle("x", 0, 1)),
        T.batched_dot(t[:0], u[:0]), T.batched_tensordot(t, u, [[2], [1]]),
    ],
    "blas": lambda: [
        blas.gemm(z, s, x, y, s * 2), blas.gemm(z, s, x, y, zero), blas._dot22(x, y), blas._dot22scalar(x, y, s),
        blas.gemv(w, s, y.T, v, s), blas.gemv(w, s, y.T, v, zero), blas.ger(y, s, v, w),
        blas.gemm(c, c[0, 0], c, c, c[0, 1]), blas.gemm(f, f[0, 0], f, f.T, f[0, 1]),
    ],
    "softmax": lambda: [
        p, nnet.softmax(r), nnet.softmax(f), nnet.softmax_with_bias(x, v), nnet.softmax_with_bias(f, v),
        nnet.logsoftmax(x), nnet.logsoftmax(f), nnet.softmax_grad(x, p), nnet.softmax(x[:0]), nnet.softmax(x[:, :0]),
        nnet.logsoftmax(x[:, :0]), nnet.softmax(x.astype("float16")), nnet.softmax(x * 1e4), nnet.softmax(x[:, :1]),
        nnet.prepend_1_to_each_row(x), nnet.prepend_scalar_to_each_row(s, x),
    ],
    "crossentropy": lambda: [
        *nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, iv), nnet.crossentropy_softmax_1hot(x, iv)[0],
        nnet.crossentropy_softmax_1hot_with_bias(f[:3], v, iv)[1],
        nnet.crossentropy_softmax_1hot_with_bias(x[:0], v, iv[:0])[0],
        nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, iv)[2] + 1,
        nnet.crossentropy_softmax_1hot_with_bias_dx(v[:3], p, iv),
        nnet.crossentropy_softmax_1hot_with_bias_dx(s, p, iv),
        nnet.crossentropy_softmax_1hot_with_bias_dx(v[:1], p, iv), nnet.categorical_crossentropy(p, iv),
        nnet.categorical_crossentropy(p, iv - 2), nnet.crossentropy_categorical_1hot_grad(v[:3], p, iv - 1),
        nnet.binary_crossentropy(p, p), nnet.categorical_crossentropy(p, p),
    ],
    "batchnorm": lambda: [
        *bn.batch_normalization_train(x, v, v + 1),
        *bn.batch_normalization_train(x, r, r, running_mean=r * 2, running_var=r ** 2),
        *bn.batch_normalization_train(t, t[:1, :, :1], t[:1, :, 1:2] + 1, (0, 2)),
        bn.batch_normalization_test(x, r, r, r, r ** 2), bn.batch_normalization(x, r, r, v, v ** 2),
        *T.grad(bn.batch_normalization_train(x, r, r + 1)[0][0].sum(), [x, r]),
        bn.batch_normalization_train(f, v.astype("float32"), v.astype("float32"))[0],
        *bn.AbstractBatchNormTrainGrad((0,))(x, x * 2, r, r, r + 3),
    ],
    "curves": lambda: [
        nnet.relu(x), nnet.relu(x, 0.1), nnet.elu(x), nnet.selu(x), nnet.sigmoid(x), nnet.softplus(x), nnet.softsign(x),
        nnet.ultra_fast_sigmoid(x), nnet.hard_sigmoid(x),
    ],
    "sort": lambda: [
        T.sort(x), T.sort(x, 0), T.sort(x, None), T.sort(x, i), T.argsort(x), T.argsort(v, 0), T.sort(im, -1),
        T.sort(c), T.argsort(im, kind="mergesort"), T.sort(T.log(x)), T.sort(f[:0]),
    ],
}


@pytest.mark.parametrize("group", list(GROUPS))
@pytest.mark.filterwarnings("ignore:The softmax is applied", "ignore:invalid value")
def test_group(group):
    outputs = GROUPS[group]()
    for out in outputs:
        run_all(INPUTS, [out], VALUES, compile=False, rtol=1e-10 if out.type.dtype in ("float64", "int64") else 2e-3)
    run_all(INPUTS, outputs, VALUES, rtol=2e-3)


def test_strange_rows():
    strange = np.array([[np.nan, 1], [np.inf, 1], [-np.inf, -np.inf], [1e4, 0]])
    for values in run_all([x], [nnet.softmax(x), nnet.logsoftmax(x)], [strange]):
        assert np.isnan(values[:3]).all() and np.isfinite(values[3]).all()


FAILING = [
    (lambda: T.dot(x, y), {y: np.ones((3, 2))}, ValueError,
     r"Shape mismatch: x has 4 cols \(and 3 rows\) but y has 3 rows \(and 2 cols\)"),
    (lambda: T.dot(x, v), {v: np.ones(3)}, ValueError, r"Shape mismatch: A.shape\[1\] != x.shape\[0\]"),
    (lambda: T.dot(im, im[:3]), {}, ValueError, r"Shape mismatch: x has 4 cols"),
    (lambda: T.batched_dot(t, u), {u: np.ones((3, 4, 5))}, ValueError, "Shape mismatch: batch sizes unequal"),
    (lambda: T.batched_dot(t, u), {u: np.ones((2, 3, 5))}, ValueError, "Shape mismatch: summation axis sizes unequal"),
    (lambda: blas.gemm(z, s, x, y, s), {z: np.ones((3, 5))}, ValueError, "y has 2 cols but z has 5 cols"),
    (lambda: nnet.softmax_with_bias(x, w), {}, ValueError, r"number of columns in x \(4\) does not match length of b"),
    (lambda: nnet.crossentropy_softmax_1hot(x, iv)[0], {iv: [0, 4, 1]}, ValueError, "y_i value out of bounds"),
    (lambda: nnet.crossentropy_softmax_1hot(x, iv)[0], {iv: [0, -1, 1]}, ValueError, "y_i value out of bounds"),
    (lambda: nnet.crossentropy_softmax_1hot(x, iv)[0], {iv: [0]}, ValueError, r"number of rows in x \(3\) does not"),
    (lambda: nnet.categorical_crossentropy(x, iv), {iv: [0, 9, 0]}, IndexError, "index 9 is out of bounds for axis 1"),
    (lambda: T.sort(x, i), {i: 2}, ValueError, "axis 2 is out of bounds"),
]


@pytest.mark.parametrize("build, given, error, message", FAILING, ids=[f[3][:30] for f in FAILING])
def test_failures(build, given, error, message):
    values = [given.get(v, GIVEN[v]) for v in INPUTS]
    for found in failures(INPUTS, [build()], values, compile=False):
        assert type(found) is error
        with pytest.raises(error, match=message):
            raise found


def kinds(out, kind):
    return [stmt for stmt in statements(lowered(INPUTS, [out]).nests.body) if isinstance(stmt, kind)]


def test_what_is_emitted():
    assert [call.name for call in kinds(T.dot(y.T, x.T), Call)] == ["gemm"]
    assert [call.name for call in kinds(T.dot(v, y), Call)] == ["gemv"]
    assert not kinds(blas.gemm(z, s, x, y, zero), Copied) and kinds(blas.gemm(z, s, x, y, s), Copied)
    assert len(kinds(nnet.softmax(x), Nest)) == 1
    # the gradient of the scores is computed where it is used
    assert len(kinds(nnet.crossentropy_softmax_1hot_with_bias_dx(s, x, iv) * 2, Nest)) == 3
