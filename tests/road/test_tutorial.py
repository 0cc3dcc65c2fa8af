"""What Theano's tutorials print, as facts: first steps, state, softmax regression."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.compile.io as compile_io
import symtensor.tensor as T
from symtensor import In, function, pp, shared
from symtensor.gradient import DisconnectedInputError
from symtensor.graph.errors import MissingInputError
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements
from symtensor.tensor.nnet.nnet import Softmax, SoftmaxGrad, softmax_op

@pytest.fixture(autouse=True)
def no_python_inside(monkeypatch):
    """Whatever a tutorial compiles is C from end to end: its Program calls no Python."""
    made = []

    def recording(*args, **kwargs):
        made.append(symtensor.function(*args, **kwargs))
        return made[-1]

    monkeypatch.setitem(globals(), "function", recording)
    yield
    for f in made:
        assert not any(isinstance(s, PyCall) for s in statements(f.maker.code.lowered.program.body)), f


LETTERS = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}
SHAPES = {
    "scalar": ((), "scalar"),
    "vector": ((False,), "vector"),
    "matrix": ((False, False), "matrix"),
    "row": ((True, False), "row"),
    "col": ((False, True), "col"),
    "tensor3": ((False,) * 3, "3D"),
    "tensor4": ((False,) * 4, "4D"),
    "tensor5": ((False,) * 5, "5D"),
}


def test_adding_two_numbers():
    x, y = T.dscalar("x"), T.dscalar("y")
    z = x + y
    assert str(type(x)) == "<class 'symtensor.tensor.var.TensorVariable'>"
    assert str(x.type) == "TensorType(float64, scalar)" and x.type is T.dscalar
    assert pp(z) == "(x + y)"
    f = function([x, y], z)
    result = f(1, 2)
    assert type(result) is np.ndarray and result.shape == () and result.dtype == "float64" and result == 3
    assert z.eval({x: 16.3, y: 12.1}) == 16.3 + 12.1


@pytest.mark.parametrize("letter", LETTERS)
def test_type_constructors(letter):
    for shape, (pattern, word) in SHAPES.items():
        t = getattr(T, letter + shape)
        assert (t.dtype, t.broadcastable) == (LETTERS[letter], pattern)
        assert str(t) == f"TensorType({LETTERS[letter]}, {word})"


def test_several_outputs():
    a, b = T.dmatrices("a", "b")
    diff = a - b
    results = function([a, b], [diff, abs(diff), diff**2])([[1, 1], [1, 1]], [[0, 1], [2, 3]])
    assert type(results) is list
    for result, expected in zip(results, ([[1, 0], [-1, -2]], [[1, 0], [1, 2]], [[1, 0], [1, 4]])):
        assert result.dtype == "float64" and result.tolist() == expected


def test_default_values_and_names():
    x, y, w = T.dscalars("x", "y", "w")
    for make in (In, compile_io.In):
        f = function([x, make(y, value=1), make(w, value=2, name="w_by_name")], (x + y) * w)
        assert [f(33), f(33, 2), f(33, 0, 1), f(33, w_by_name=1), f(33, w_by_name=1, y=0)] == [68, 70, 33, 34, 33]
        with pytest.raises(TypeError, match="Missing required input: x"):
            f()
        with pytest.raises(
            TypeError, match=r"Unknown input or state: w. The function has 3 named inputs \(x, y, w_by_name\)."
        ):
            f(33, w=1)


def test_logistic_in_two_forms():
    x = T.dmatrix("x")
    logistic = function([x], 1 / (1 + T.exp(-x)))
    by_tanh = function([x], (1 + T.tanh(x / 2)) / 2)
    value = np.array([[0.0, 1.0], [-1.0, -2.0]])
    np.testing.assert_allclose(logistic(value), [[0.5, 0.73105858], [0.26894142, 0.11920292]], atol=1e-8)
    assert abs(logistic(value) - by_tanh(value)).max() < 1e-15
    assert [str(node.op) for node in logistic.maker.fgraph.toposort()] == ["sigmoid"]


def test_accumulator():
    state = shared(0)
    inc = T.iscalar("inc")
    assert str(state.type) == "TensorType(int64, scalar)"
    assert str(type(state)) == "<class 'symtensor.tensor.sharedvar.ScalarSharedVariable'>"
    accumulator = function([inc], state, updates=[(state, state + inc)])
    decrementor = function([inc], state, updates=[(state, state - inc)])
    assert accumulator(1) == 0 and state.get_value() == 1
    assert accumulator(300) == 1 and state.get_value() == 301
    state.set_value(-1)
    assert accumulator(3) == -1 and state.get_value() == 2
    assert decrementor(2) == 2 and state.get_value() == 0
    assert state.get_value().dtype == "int64"


@pytest.mark.parametrize("start, name", [(0, "int64"), (np.int32(0), "int32")])
def test_update_of_another_type(start, name):
    state, inc = shared(start), T.dscalar("inc")
    with pytest.raises(TypeError) as caught:
        function([inc], state, updates=[(state, state + inc)])
    first, second, cause = caught.value.args
    assert first == (
        "An update must have the same type as the original shared variable "
        f"(shared_var=<TensorType({name}, scalar)>, shared_var.type=TensorType({name}, scalar), "
        "update_val=Elemwise{add,no_inplace}.0, update_val.type=TensorType(float64, scalar))."
    )
    assert "tensor.unbroadcast(var, axis_to_unbroadcast[, ...])" in second


def test_givens():
    state, inc = shared(0.0), T.dscalar("inc")
    foo = T.scalar(dtype=state.dtype)
    assert function([inc, foo], state + inc, givens=[(state, foo)])(1, 3) == 4
    assert state.get_value() == 0
    with pytest.raises(TypeError, match="Cannot convert Type TensorType.int32, matrix"):
        function([inc, T.iscalar("foo32")], state + inc, givens=[(state, T.imatrix("foo32"))])
    a, b = T.dscalars("a", "b")
    with pytest.raises(
        RuntimeError, match="through the `givens` parameter, but this variable is an input to your function"
    ):
        function([a, b], a * 10 + b, givens=[(a, b + 1), (b, a + 1)])
    left, right = shared(1.0, "left"), shared(2.0, "right")
    with pytest.raises(AssertionError, match="you can not have a new_v variable depend on an old_v one"):
        function([], left * 10 + right, givens=[(left, right + 1), (right, left + 1)])
    assert function([], left * 10 + right, givens=[(left, right + 1)])() == 32
    assert function([], left * 10 + right, givens={left: np.float64(5)})() == 52
    with pytest.raises(ValueError, match="this shared variable already has an update expression"):
        function([], left, updates=[(left, right), (left, right + 1)])
    with pytest.raises(TypeError, match="update target must be a SharedVariable"):
        function([], left, updates=[(a, right)])


def test_swapping_updates():
    left, right = shared(1.0), shared(2.0)
    values = function([], [left, right], updates=[(left, right), (right, left)])()
    assert values == [1, 2] and (left.get_value(), right.get_value()) == (2, 1)


def test_copy_with_other_memory():
    state, new, other = shared(0.0), shared(0.0), shared(1.0)
    inc = T.dscalar("inc")
    accumulator = function([inc], state, updates=[(state, state + inc)])
    assert accumulator.copy(swap={state: new})(100) == [0]
    assert new.get_value() == 100 and state.get_value() == 0
    assert accumulator.copy(delete_updates=True, swap={state: other})(20) == [1]
    assert other.get_value() == 1


def test_softmax_regression():
    rs = np.random.RandomState(0)
    data, labels = rs.rand(12, 5), rs.randint(0, 3, 12)
    x, y, index = T.matrix("x"), T.ivector("y"), T.lscalar()
    points, label = shared(data), T.cast(shared(labels.astype("float64")), "int32")
    theta = shared(rs.randn(5, 3) * 0.1, name="theta")
    p = T.nnet.softmax(T.dot(x, theta))
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y]) + 0.5 * 0.01 * T.sum(theta**2)
    rows = slice(index * 4, (index + 1) * 4)
    train = function(
        [index], cost, updates=[(theta, theta - 0.5 * T.grad(cost, theta))], givens={x: points[rows], y: label[rows]}
    )
    costs = [[float(train(k)) for k in range(3)] for _ in range(3)]
    np.testing.assert_allclose(
        costs,
        [
            [1.06203293114136, 0.894216060842026, 1.0424353487344655],
            [0.738965430456195, 0.7707948043166358, 1.0405603089387565],
            [0.6334039166573935, 0.7258792112330084, 1.0430971083495406],
        ],
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        theta.get_value(),
        [
            [-0.12977156, 0.3414389, -0.16705914],
            [-0.12566343, 0.40302464, -0.34375648],
            [0.10924526, 0.24457429, -0.53019646],
            [-0.14697047, 0.35872661, -0.39821553],
            [0.04927422, 0.0104344, -0.25802841],
        ],
        atol=1e-8,
    )
    assert function([], T.argmax(p, axis=1), givens={x: points})().tolist() == [1] * 12


def test_softmax_op():
    z, gz = T.dmatrix("z"), T.dmatrix("gz")
    node = softmax_op(z).owner
    assert type(softmax_op) is Softmax and str(Softmax) == "<class 'symtensor.tensor.nnet.nnet.Softmax'>"
    assert not hasattr(softmax_op, "grad")
    value, out = np.random.RandomState(0).rand(12, 5)[:2], [[None]]
    softmax_op.perform(node, [value], out)
    np.testing.assert_allclose(
        out[0][0],
        [
            [0.1955079, 0.23089814, 0.20634523, 0.194741, 0.17250773],
            [0.19106125, 0.15513367, 0.24431856, 0.2625293, 0.14695721],
        ],
        atol=1e-8,
    )
    (gradient,) = softmax_op.L_op([z], [node.outputs[0]], [gz])
    assert type(gradient.owner.op) is SoftmaxGrad
    np.testing.assert_allclose(
        function([z, gz], gradient)(value, np.eye(2, 5)),
        [
            [0.15728456, -0.04514241, -0.04034212, -0.0380734, -0.03372662],
            [-0.02964003, 0.13106722, -0.03790204, -0.04072714, -0.02279801],
        ],
        atol=1e-8,
    )
    v = T.vector("v")
    with pytest.warns(UserWarning, match="DEPRECATION"):
        row = T.nnet.softmax(v)
    assert str(row.type) == "TensorType(float64, row)"
    np.testing.assert_allclose(function([v], row)([1, 2, 3]), [[0.09003057, 0.24472847, 0.66524096]], atol=1e-8)
    with pytest.raises(ValueError, match="x must be 1-d or 2-d tensor of floats"):
        T.nnet.softmax(T.tensor3())


def test_claims_about_function_and_grad():
    state, u = shared(1.0, "state"), T.dmatrix("u")
    with pytest.raises(TypeError, match=r"Cannot use a shared variable \(state\) as explicit input"):
        function([state], state * 2)
    assert function([u], T.grad((u**2).sum(), u))([[1, 2]]).tolist() == [[2, 4]]
    with pytest.raises(TypeError, match="cost must be a scalar"):
        T.grad(T.dmatrix("m"), u)
    with pytest.raises(DisconnectedInputError):
        T.grad(T.dscalar("other") * 2, u)
    with pytest.raises(symtensor.compile.UnusedInputError, match="is not part of the computational graph"):
        function([u, T.dscalar("unused")], u)
    with pytest.raises(MissingInputError, match="was not provided and not given a value"):
        function([], u * 2)
