"""Neural network functions: recorded graphs and errors of Theano 1.0.5, values against NumPy, gradients."""
from __future__ import annotations

import warnings

import numpy as np
import pytest
from tensor_perform import check_gradient, evaluate, text

from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.tensor import nnet
from symtensor.tensor.constructors import (
    bvector,
    col,
    fmatrix,
    imatrix,
    ivector,
    matrix,
    row,
    scalar,
    tensor3,
    vector,
    wvector,
    zvector,
)

x, f, v, s, r, c = matrix("x"), fmatrix("f"), vector("v"), scalar("s"), row("r"), col("c")
t3, iv, im, jv = tensor3("t3"), ivector("iv"), imatrix("im"), ivector("jv")
A = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 3.0]])
P = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])


def softmax(a):
    e = np.exp(a - a.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


GRAPHS = [
    (lambda: nnet.sigmoid(x), "sigmoid(x)"),
    (lambda: nnet.softplus(x), "softplus(x)"),
    (lambda: nnet.ultra_fast_sigmoid(x), "ultra_fast_sigmoid(x)"),
    (lambda: nnet.softsign(x), "softsign(x)"),
    (lambda: nnet.hard_sigmoid(x), "Elemwise{clip,no_inplace}(Elemwise{add,no_inplace}(Elemwise{mul,no_inplace}(x, "
     "InplaceDimShuffle{x,x}(TensorConstant{0.2})), InplaceDimShuffle{x,x}(TensorConstant{0.5})), "
     "InplaceDimShuffle{x,x}(TensorConstant{0}), InplaceDimShuffle{x,x}(TensorConstant{1}))"),
    (lambda: nnet.relu(x), "Elemwise{mul,no_inplace}(InplaceDimShuffle{x,x}(TensorConstant{0.5}), "
     "Elemwise{add,no_inplace}(x, Elemwise{abs_,no_inplace}(x)))"),
    (lambda: nnet.relu(x, s), "Elemwise{add,no_inplace}(Elemwise{mul,no_inplace}(InplaceDimShuffle{x,x}("
     "Elemwise{mul,no_inplace}(TensorConstant{0.5}, Elemwise{add,no_inplace}(TensorConstant{1}, s))), x), "
     "Elemwise{mul,no_inplace}(InplaceDimShuffle{x,x}(Elemwise{mul,no_inplace}(TensorConstant{0.5}, "
     "Elemwise{sub,no_inplace}(TensorConstant{1}, s))), Elemwise{abs_,no_inplace}(x)))"),
    (lambda: nnet.elu(x), "Elemwise{switch,no_inplace}(Elemwise{gt,no_inplace}(x, InplaceDimShuffle{x,x}("
     "TensorConstant{0})), x, Elemwise{mul,no_inplace}(InplaceDimShuffle{x,x}(TensorConstant{1}), "
     "Elemwise{expm1,no_inplace}(x)))"),
    (lambda: nnet.softmax(x), "Softmax(x)"),
    (lambda: nnet.logsoftmax(x), "LogSoftmax(x)"),
    (lambda: nnet.softmax_with_bias(x, v), "SoftmaxWithBias(x, v)"),
    (lambda: nnet.softmax_grad(v, v), "SoftmaxGrad(InplaceDimShuffle{x,0}(v), InplaceDimShuffle{x,0}(v))"),
    (lambda: nnet.softmax_graph(x), "Elemwise{true_div,no_inplace}(Elemwise{exp,no_inplace}(x), InplaceDimShuffle{0,x}("
     "Sum{axis=[1], acc_dtype=float64}(Elemwise{exp,no_inplace}(x))))"),
    (lambda: nnet.binary_crossentropy(x, x), "Elemwise{neg,no_inplace}(Elemwise{add,no_inplace}("
     "Elemwise{mul,no_inplace}(x, Elemwise{log,no_inplace}(x)), Elemwise{mul,no_inplace}(Elemwise{sub,no_inplace}("
     "InplaceDimShuffle{x,x}(TensorConstant{1.0}), x), Elemwise{log,no_inplace}(Elemwise{sub,no_inplace}("
     "InplaceDimShuffle{x,x}(TensorConstant{1.0}), x)))))"),
    (lambda: nnet.sigmoid_binary_crossentropy(x, x), "sigmoid_binary_crossentropy{inline=True}(x, x)"),
    (lambda: nnet.categorical_crossentropy(x, iv), "CrossentropyCategorical1Hot(x, iv)"),
    (lambda: nnet.categorical_crossentropy(v, v), "Elemwise{neg,no_inplace}(Sum{axis=[0], acc_dtype=float64}("
     "Elemwise{mul,no_inplace}(v, Elemwise{log,no_inplace}(v))))"),
    (lambda: nnet.crossentropy_categorical_1hot_grad(v, x, iv), "CrossentropyCategorical1HotGrad(v, x, iv)"),
    (lambda: nnet.crossentropy_softmax_1hot(x, iv)[1], "CrossentropySoftmaxArgmax1HotWithBias.1(x, "
     "Elemwise{second,no_inplace}(Subtensor{int64, ::}(x, Constant{0}), InplaceDimShuffle{x}(TensorConstant{0.0})), "
     "iv)"),
    (lambda: nnet.crossentropy_softmax_max_and_argmax_1hot_with_bias(x, v, iv)[3],
     "MaxAndArgmax{axis=(1,)}.1(CrossentropySoftmaxArgmax1HotWithBias.1(x, v, iv))"),
    (lambda: nnet.crossentropy_softmax_1hot_with_bias_dx(s, x, iv), "CrossentropySoftmax1HotWithBiasDx(s, x, iv)"),
    (lambda: nnet.prepend_0_to_each_row(x), "Prepend_scalar_constant_to_each_row{Constant{0.0}}(x)"),
    (lambda: nnet.prepend_scalar_to_each_row(s, x), "Prepend_scalar_to_each_row(s, x)"),
    (lambda: nnet.confusion_matrix(iv, jv)[1], "Unique{return_index=False, return_inverse=False, return_counts=False, "
     "axis=None}(Join(TensorConstant{0}, iv, jv))"),
]


@pytest.mark.parametrize("build, graph", GRAPHS, ids=[g[1][:30] for g in GRAPHS])
def test_graphs(build, graph):
    assert text(build()) == graph


TYPES = [
    (lambda: nnet.sigmoid(im), "float64"), (lambda: nnet.softplus(bvector("b")), "float32"),
    (lambda: nnet.sigmoid(zvector("z")), "complex128"), (lambda: nnet.hard_sigmoid(f), "float32"),
    (lambda: nnet.relu(f), "float32"), (lambda: nnet.relu(f, 0.1), "float64"), (lambda: nnet.selu(f), "float64"),
    (lambda: nnet.softmax_with_bias(f, v), "float32"), (lambda: nnet.crossentropy_softmax_1hot_with_bias(f, v, iv)[0],
     "float32"), (lambda: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, wvector("w"))[2], "int16"),
    (lambda: nnet.sigmoid_binary_crossentropy(f, im), "float64"), (lambda: nnet.softmax_grad(x, f), "float32"),
]


@pytest.mark.parametrize("build, dtype", TYPES)
def test_dtypes(build, dtype):
    assert build().type.dtype == dtype


REFUSED = [
    (lambda: nnet.softmax(t3), ValueError, "x must be 1-d or 2-d tensor of floats. Got TensorType\\(float64, 3D\\)"),
    (lambda: nnet.softmax(im), ValueError, "x must be 1-d or 2-d tensor of floats. Got TensorType\\(int32, matrix\\)"),
    (lambda: nnet.softmax(s), ValueError, "x must be 1-d or 2-d tensor of floats"),
    (lambda: nnet.softmax_with_bias(v, v), ValueError, "x must be 2-d tensor of floats"),
    (lambda: nnet.softmax_with_bias(x, iv), ValueError, "b must be 1-d tensor of floats"),
    (lambda: nnet.softmax_grad(im, im), ValueError, "dy must be 1-d or 2-d tensor of floats"),
    (lambda: nnet.categorical_crossentropy(x, v), TypeError, "integer vector required for argument: true_one_of_n"),
    (lambda: nnet.categorical_crossentropy(x, t3), TypeError, "rank mismatch between coding and true distributions"),
    (lambda: nnet.categorical_crossentropy(t3, im), TypeError, "matrix required for argument: coding_dist"),
    (lambda: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, x, iv), ValueError, "b must be 1-d tensor of floats"),
    (lambda: nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, v), ValueError,
     r"y_idx must be 1-d tensor of \[u\]ints"),
    (lambda: nnet.crossentropy_softmax_argmax_1hot_with_bias(v, v, iv), ValueError, "x must be 2-d tensor of floats"),
    (lambda: nnet.crossentropy_softmax_1hot_with_bias_dx(x, x, iv), ValueError, r"dy must be \{0,1\}-d tensor"),
    (lambda: nnet.confusion_matrix(im, iv), ValueError, "actual must be 1-d tensor variable"),
    (lambda: nnet.prepend_scalar_to_each_row(x, x), TypeError, "scalar"),
    (lambda: nnet.prepend_0_to_each_row(v), TypeError, "matrix"),
]


@pytest.mark.parametrize("build, error, message", REFUSED)
def test_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


FAILING = [
    (lambda: nnet.softmax_with_bias(x, v), ValueError,
     r"number of columns in x \(3\) does not match length of b \(2\)"),
    (lambda: nnet.crossentropy_softmax_1hot_with_bias(x, v, iv)[0], ValueError,
     r"number of columns in x \(3\) does not match length of b \(2\)"),
    (lambda: nnet.crossentropy_softmax_1hot(x, jv)[0], ValueError,
     r"number of rows in x \(2\) does not match length of y \(1\)"),
    (lambda: nnet.crossentropy_softmax_1hot(x, iv)[0], ValueError, "y_i value out of bounds"),
    (lambda: nnet.categorical_crossentropy(x, iv), IndexError, "index 3 is out of bounds for axis 1 with size 3"),
    (lambda: nnet.categorical_crossentropy(x, jv), IndexError, "index 1 is out of bounds for axis 0 with size 1"),
    (lambda: nnet.crossentropy_softmax_1hot_with_bias_dx(v, x[:, :1], jv), ValueError,
     r"dnll.shape\[0\] \(2\) != y_idx.shape\[0\] \(1\)"),
    (lambda: nnet.crossentropy_softmax_1hot_with_bias_dx(v, x, iv), ValueError, "y_i >= dx dimensions"),
    (lambda: nnet.softmax_grad(x, x[:1]), ValueError, r"dy.shape\[0\] != sm.shape\[0\]"),
]


@pytest.mark.parametrize("build, error, message", FAILING)
def test_failing_at_run_time(build, error, message):
    with pytest.raises(error, match=message):
        evaluate(build(), {x: A, v: [0.0, 0.0], iv: [0, 3], jv: [0]}, laws=False)


def test_vectors_count_as_a_row():
    for op, name in ((nnet.softmax, "Softmax"), (nnet.logsoftmax, "LogSoftmax")):
        with pytest.warns(UserWarning, match=f"DEPRECATION: If x is a vector, {name} will not automatically pad x"):
            out = op(v)
        assert text(out) == f"{name}(InplaceDimShuffle{{x,0}}(v))" and out.type.broadcastable == (True, False)
    with pytest.warns(UserWarning, match="The softmax is applied on a dimension of shape 1"):
        nnet.softmax(c)


def test_curves():
    a = np.array([[-100.0, -3.0, -0.5, 0.0, 0.5, 3.0, 100.0]])
    given = {x: a}
    sig = 1 / (1 + np.exp(-a))
    assert np.allclose(evaluate(nnet.sigmoid(x), given), sig)
    assert np.allclose(evaluate(nnet.softplus(x), given), np.logaddexp(0, a))
    assert np.abs(evaluate(nnet.ultra_fast_sigmoid(x), given) - sig).max() < 0.1
    assert np.allclose(evaluate(nnet.hard_sigmoid(x), given), np.clip(0.2 * a + 0.5, 0, 1))
    assert np.allclose(evaluate(nnet.relu(x), given), np.maximum(a, 0))
    assert np.allclose(evaluate(nnet.relu(x, 0.1), given), np.where(a > 0, a, 0.1 * a))
    assert np.allclose(evaluate(nnet.elu(x, 2), given), np.where(a > 0, a, 2 * np.expm1(a)))
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    assert np.allclose(evaluate(nnet.selu(x), given), scale * np.where(a > 0, a, alpha * np.expm1(a)))
    assert np.allclose(evaluate(nnet.softsign(x), given), a / (1 + abs(a)))


def test_recorded_approximation():
    found = evaluate(nnet.ultra_fast_sigmoid(x), {x: [[0.0, 1, -1, 5, -5]]})
    assert np.allclose(found, [[0.5, 0.75, 0.25, 0.98605705, 0.01394295]])


def test_softmaxes():
    bias = np.array([1.0, 0.0, -1.0])
    assert np.allclose(evaluate(nnet.softmax(x), {x: A}), softmax(A))
    large = evaluate(nnet.logsoftmax(x), {x: A * 500})
    assert np.allclose(large, [[0, -1500, -250], [-1500 - np.log(2), -np.log(2), -np.log(2)]])
    assert np.allclose(evaluate(nnet.logsoftmax(x), {x: A}), np.log(softmax(A)))
    assert np.allclose(evaluate(nnet.softmax_with_bias(x, v), {x: A, v: bias}), softmax(A + bias))
    assert np.allclose(evaluate(nnet.softmax_graph(x), {x: A}), softmax(A))
    for empty in (np.ones((2, 0)), np.ones((0, 3))):
        for op in (nnet.softmax, nnet.logsoftmax):
            assert evaluate(op(x), {x: empty}).shape == empty.shape
    strange = np.array([[np.nan, 1], [np.inf, 1], [-np.inf, -np.inf], [1e4, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(nnet.softmax(x), {x: strange})
        logs = evaluate(nnet.logsoftmax(x), {x: strange})
    assert np.isnan(found[:3]).all() and found[3].tolist() == [1, 0]
    assert np.isnan(logs[:3]).all() and logs[3].tolist() == [0, -1e4]
    assert evaluate(nnet.softmax(f.astype("float16")), {f: A}).dtype == "float16"


def test_crossentropies():
    bias, picks = np.array([1.0, 0.0, -1.0]), [2, 0]
    given = {x: A, v: bias, iv: picks}
    nll, sm, am = evaluate(nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, iv), given)
    expected = softmax(A + bias)
    assert np.allclose(nll, -np.log(expected[[0, 1], picks])) and np.allclose(sm, expected)
    assert am.tolist() == expected.argmax(1).tolist()
    far = {**given, x: A * 1e4}
    assert np.isfinite(evaluate(nnet.crossentropy_softmax_1hot_with_bias(x, v, iv)[0], far)).all()
    one_hot = np.eye(3)[picks]
    for weight in (2.0, np.array([2.0, -1.0])):
        variable = s if np.ndim(weight) == 0 else v
        found = evaluate(
            nnet.crossentropy_softmax_1hot_with_bias_dx(variable, x, iv), {x: P, variable: weight, iv: picks}
        )
        assert np.allclose(found, np.reshape(weight, (-1, 1)) * (P - one_hot))
    assert np.allclose(evaluate(nnet.categorical_crossentropy(x, iv), {x: P, iv: picks}), -np.log(P[[0, 1], picks]))
    assert np.allclose(evaluate(nnet.categorical_crossentropy(x, iv), {x: P, iv: [-1, 0]}), -np.log(P[[0, 1], picks]))
    assert np.allclose(
        evaluate(nnet.categorical_crossentropy(x, f), {x: P, f: one_hot}), -np.log(P[[0, 1], picks]), rtol=1e-6
    )
    targets = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    assert np.allclose(
        evaluate(nnet.binary_crossentropy(x, f), {x: P, f: targets}),
        -(targets * np.log(P) + (1 - targets) * np.log(1 - P)),
    )


def test_rows():
    assert evaluate(nnet.prepend_1_to_each_row(x), {x: A}).tolist() == np.c_[np.ones(2), A].tolist()
    assert evaluate(nnet.prepend_scalar_to_each_row(s, x), {x: A, s: 3.0}).tolist() == np.c_[[3, 3], A].tolist()
    assert nnet.Prepend_scalar_constant_to_each_row(1.0) == nnet.prepend_1_to_each_row != nnet.prepend_0_to_each_row
    counts, order = evaluate(nnet.confusion_matrix(iv, jv), {iv: [2, 0, 2, 2], jv: [0, 0, 2, 1]})
    assert order.tolist() == [0, 1, 2] and counts.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_h_softmax(rng):
    inputs, w1, b1 = rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    w2, b2 = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2))
    W1, b, W2, B2 = matrix("W1"), vector("b"), tensor3("W2"), matrix("B2")
    given = {x: inputs, W1: w1, b: b1, W2: w2, B2: b2, iv: [2, 1]}
    all_outputs = evaluate(nnet.h_softmax(x, 2, 3, 2, 2, W1, b, W2, B2), given, laws=False)
    first = softmax(inputs @ w1 + b1)
    within = np.stack([softmax(inputs @ w2[k] + b2[k]) for k in range(2)], axis=1)
    expected = (first[:, :, None] * within).reshape(2, -1)
    assert np.allclose(all_outputs, expected[:, :3])
    chosen = evaluate(nnet.h_softmax(x, 2, 3, 2, 2, W1, b, W2, B2, iv), given, laws=False)
    assert np.allclose(chosen, expected[[0, 1], [2, 1]])


def test_gradients(rng):
    a, b, picks = rng.normal(size=(2, 3)), rng.normal(size=3), np.array([2, 0])
    p = softmax(a)
    for build, values in (
        (nnet.sigmoid, (a,)), (nnet.softplus, (a,)), (nnet.softsign, (a,)), (nnet.hard_sigmoid, (a,)),
        (lambda x: nnet.relu(x, 0.2), (a,)), (nnet.elu, (a,)), (nnet.selu, (a,)),
        (nnet.softmax, (a,)), (nnet.logsoftmax, (a,)), (nnet.softmax_with_bias, (a, b)),
        (nnet.softmax_grad, (a, p)), (nnet.softmax_graph, (a,)),
        (lambda x, b: nnet.crossentropy_softmax_1hot_with_bias(x, b, picks)[0], (a, b)),
        (lambda x, b: nnet.crossentropy_softmax_1hot_with_bias(x, b, picks)[1], (a, b)),
        (lambda x, b: nnet.crossentropy_softmax_1hot_with_bias(x, b, picks)[1].sum()
         + nnet.crossentropy_softmax_1hot_with_bias(x, b, picks)[0], (a, b)),
        (lambda d, x: nnet.crossentropy_softmax_1hot_with_bias_dx(d, x, picks), (rng.normal(size=2), p)),
        (lambda d, x: nnet.crossentropy_softmax_1hot_with_bias_dx(d, x, picks), (rng.normal(size=()), p)),
        (lambda x: nnet.categorical_crossentropy(x, picks), (p,)),
        (lambda g, x: nnet.crossentropy_categorical_1hot_grad(g, x, picks), (rng.normal(size=2), p)),
        (nnet.categorical_crossentropy, (p, p[::-1].copy())),
        (nnet.binary_crossentropy, (p, p[::-1].copy())),
        (nnet.prepend_1_to_each_row, (a,)), (nnet.prepend_scalar_to_each_row, (rng.normal(size=()), a)),
    ):
        check_gradient(build, *values, rng=rng)


def test_what_has_no_gradient():
    node = nnet.crossentropy_softmax_argmax_1hot_with_bias(x, v, iv)[0].owner
    assert node.op.connection_pattern(node) == [[True, True, True], [True, True, True], [False, False, True]]
    none = DisconnectedType()()
    assert all(isinstance(g.type, DisconnectedType) for g in node.op.L_op(node.inputs, node.outputs, [none] * 3))
    only_argmax = node.op.L_op(node.inputs, node.outputs, [none, none, v])
    assert [g.type.dtype for g in only_argmax] == ["float64"] * 3
    dx = nnet.crossentropy_softmax_1hot_with_bias_dx(v, x, iv).owner
    assert isinstance(dx.op.grad(dx.inputs, [x])[2].type, NullType)


def test_directions(rng):
    """R_op against differences: J v is the derivative along v."""
    a, d, b, e = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3)
    y, w = matrix("y"), vector("w")
    for out in (nnet.softmax(x), nnet.logsoftmax(x), nnet.softmax_with_bias(x, v),
                nnet.softmax_grad(x, nnet.softmax(x)), nnet.softmax_grad(x, x * 2)):
        node = out.owner
        given = {x: a, v: b, y: d, w: e}
        if str(node.op) == "SoftmaxGrad":
            change = node.op.R_op(node.inputs, [y, None])[0] + node.op.R_op(node.inputs, [None, y])[0]
            ahead = node.op(node.inputs[0] + 1e-6 * y, node.inputs[1] + 1e-6 * y)
            behind = node.op(node.inputs[0] - 1e-6 * y, node.inputs[1] - 1e-6 * y)
        else:
            points = [y, w][: len(node.inputs)]
            change = node.op.R_op(node.inputs, points)[0]
            ahead = node.op(*(i + 1e-6 * p for i, p in zip(node.inputs, points)))
            behind = node.op(*(i - 1e-6 * p for i, p in zip(node.inputs, points)))
        difference = (evaluate(ahead, given) - evaluate(behind, given)) / 2e-6
        assert np.allclose(evaluate(change, given), difference, atol=1e-6)
    assert text(nnet.softmax(x).owner.op.R_op([x], [y])[0]) == "SoftmaxGrad(y, Softmax(x))"
