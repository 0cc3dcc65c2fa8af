"""Batch normalisation: recorded graphs, values and errors of Theano 1.0.5, gradients against differences."""
from __future__ import annotations

import numpy as np
import pytest
from tensor_perform import check_gradient_of, evaluate, text

from symtensor.graph.null_type import DisconnectedType
from symtensor.tensor.constructors import fmatrix, frow, imatrix, matrix, row, tensor4, vector
from symtensor.tensor.nnet.bn import (
    AbstractBatchNormInference,
    AbstractBatchNormTrain,
    AbstractBatchNormTrainGrad,
    batch_normalization,
    batch_normalization_test,
    batch_normalization_train,
)

x, x4, v, g, b = matrix("x"), tensor4("x4"), vector("v"), row("g"), row("b")
A = np.arange(6.0).reshape(3, 2)
GIVEN = {x: A, g: [[2.0, 2.0]], b: [[1.0, 1.0]]}


def test_graphs():
    out, mean, inverse = batch_normalization_train(x, g, b)
    assert text(out) == "AbstractBatchNormTrain{axes=(0,)}.0(x, g, b, TensorConstant{0.0001}, TensorConstant{0.1})"
    assert mean.type.broadcastable == (True, False) and inverse.owner is out.owner
    by_rank = batch_normalization_train(x4, v, v, "spatial")
    assert text(by_rank[1]) == (
        "InplaceDimShuffle{1}(AbstractBatchNormTrain{axes=(0, 2, 3)}.1(x4, InplaceDimShuffle{x,0,x,x}(v), "
        "InplaceDimShuffle{x,0,x,x}(v), TensorConstant{0.0001}, TensorConstant{0.1}))"
    )
    assert text(batch_normalization_test(x, g, b, g, b)) == (
        "AbstractBatchNormInference{axes=(0,)}(x, g, b, g, b, TensorConstant{0.0001})")
    assert text(batch_normalization(x, g, b, v, v)) == (
        "Elemwise{Composite{((((i0 - i1) / i2) * i3) + i4)}}(x, InplaceDimShuffle{x,0}(v), InplaceDimShuffle{x,0}(v), "
        "g, b)"
    )
    assert str(batch_normalization_train(x, matrix("p"), matrix("q"))[0].owner.inputs[1].owner.op) == "Rebroadcast{1}"
    assert AbstractBatchNormTrain((0, 2)) == AbstractBatchNormTrain((0, 2)) != AbstractBatchNormTrain()


def test_dtypes():
    assert [o.type.dtype for o in batch_normalization_train(imatrix("i"), g, b)] == ["float64"] * 3
    assert [o.type.dtype for o in batch_normalization_train(fmatrix("f"), frow("p"), frow("q"))] == ["float32"] * 3


def test_recorded_values():
    outputs = batch_normalization_train(x, g, b, "per-activation", 1e-4, 0.25, g, b)
    found = evaluate(list(outputs), {**GIVEN, x: A})
    expected = [
        [[-1.44944382, -1.44944382], [1, 1], [3.44944382, 3.44944382]], [[2, 3]], [[0.61236095, 0.61236095]],
        [[2.0, 2.25]], [[1.75, 1.75]],
    ]
    for f, e in zip(found, expected):
        assert np.allclose(f, e)
    alone = evaluate(list(outputs), {**GIVEN, x: A[:1]})
    assert alone[0].tolist() == [[1, 1]] and alone[2].tolist() == [[100, 100]] and np.isnan(alone[4]).all()


AXES = [("per-activation", (1, 2, 3, 4)), ("spatial", (1, 2, 1, 1)), ((1, 3), (3, 1, 3, 1))]


@pytest.mark.parametrize("axes, shape", AXES)
def test_axes(axes, shape, rng):
    data = rng.normal(size=(3, 2, 3, 4))
    numbers = {"per-activation": (0,), "spatial": (0, 2, 3)}.get(axes, axes)
    scale, bias = rng.uniform(1, 2, size=shape), rng.normal(size=shape)
    p, q = tensor4("p"), tensor4("q")
    given = {x4: data, p: scale, q: bias}
    out, mean, inverse = evaluate(list(batch_normalization_train(x4, p, q, axes)), given)
    m, var = data.mean(numbers, keepdims=True), data.var(numbers, keepdims=True)
    assert np.allclose(mean, m) and np.allclose(inverse, 1 / np.sqrt(var + 1e-4))
    assert np.allclose(out, (data - m) / np.sqrt(var + 1e-4) * scale + bias)
    m4, v4 = tensor4("m4"), tensor4("v4")
    tested = evaluate(batch_normalization_test(x4, p, q, m4, v4, axes), {**given, m4: m, v4: var})
    assert np.allclose(tested, out)


REFUSED = [
    (lambda: batch_normalization(x, g, b, v, v, mode="foo"), 'mode must be either "low_mem", "high_mem"'),
    (lambda: batch_normalization_train(x, g, b, epsilon=1e-6), "epsilon must be at least 1e-5, got 1e-06"),
    (lambda: batch_normalization_test(x, g, b, g, b, epsilon=1e-6), "epsilon must be at least 1e-5, got 1e-06"),
    (lambda: batch_normalization_train(x, g, b, running_mean=g),
     "running_mean and running_var must either both be given or both be None"),
    (lambda: batch_normalization_train(x4, x, x), "gamma and beta dimensionality must match the number of "
     "non-normalized axes, or have the same number of dimensions as the inputs; got 2 and 2 instead of 3"),
    (lambda: batch_normalization_train(x, g, b, "foo"), "invalid axes"),
    (lambda: batch_normalization_train(x4, v, v, (0, 7)), r"axes should be less than ndim \(<4\), but \(0, 7\) given"),
    (lambda: AbstractBatchNormInference((0,))(x, x, x, x, x), "broadcastable"),
]


@pytest.mark.parametrize("build, message", REFUSED)
def test_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_modes_agree():
    statistics = {v: [0.5, 2.0]}
    low = evaluate(batch_normalization(x, g, b, v, v), {**GIVEN, **statistics})
    high = evaluate(batch_normalization(x, g, b, v, v, mode="high_mem"), {**GIVEN, **statistics})
    assert np.allclose(low, high) and np.allclose(low, (A - [0.5, 2]) / [0.5, 2] * 2 + 1)


def test_gradients(rng):
    a, scale, bias = rng.normal(size=(4, 3)), rng.uniform(1, 2, size=(1, 3)), rng.normal(size=(1, 3))
    variables, values = [matrix("x"), row("g"), row("b")], [a, scale, bias]
    for k in range(3):
        if k:
            check_gradient_of(lambda x: batch_normalization_train(x, scale, bias)[k] ** 2, variables[:1], [a], rng)
        else:
            check_gradient_of(lambda *p: batch_normalization_train(*p)[0] ** 2, variables, values, rng)
    check_gradient_of(
        lambda *p: sum(o.sum() for o in batch_normalization_train(*p)) * batch_normalization_train(*p)[2],
        variables, values, rng)
    more = [*variables, row("m"), row("v")]
    check_gradient_of(lambda *p: batch_normalization_test(*p) ** 2, more, [*values, bias, scale], rng)
    check_gradient_of(lambda *p: batch_normalization(*p[:3], p[3], p[4]) ** 2, more, [*values, bias, scale], rng)
    averages = [row("m"), row("v")]
    check_gradient_of(
        lambda m, v: batch_normalization_train(a, scale, bias, running_mean=m, running_var=v)[4] * 2
        + batch_normalization_train(a, scale, bias, running_mean=m, running_var=v)[3], averages, [bias, scale], rng)


def test_second_gradients(rng):
    variables = [matrix("x"), matrix("dy"), row("scale"), row("mean"), row("inverse")]
    values = [rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), *rng.uniform(0.5, 1.5, size=(3, 1, 2))]
    check_gradient_of(lambda *p: AbstractBatchNormTrainGrad((0,))(*p)[0] ** 2, variables, values, rng)
    check_gradient_of(
        lambda *p: sum(o.sum() for o in AbstractBatchNormTrainGrad((0,))(*p)) * p[2], variables, values, rng)
    node = AbstractBatchNormTrainGrad((0,))(*variables)[0].owner
    assert node.op.connection_pattern(node)[2] == [True, False, False]
    assert isinstance(node.op.L_op(node.inputs, node.outputs, [variables[0], variables[2], variables[2]])[5].type,
                      DisconnectedType)
