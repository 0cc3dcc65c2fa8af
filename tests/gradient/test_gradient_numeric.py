"""`numeric_grad`, `verify_grad`, `GradientError`. Facts are Theano 1.0.5's."""
from __future__ import annotations

import pickle

import numpy as np
import pytest
from gradient_toys import Toy

import symtensor
import symtensor.tensor as T
from symtensor.gradient import GradientError, numeric_grad, verify_grad


def cube(x):
    return (x ** 3).sum()


def test_numeric_gradient():
    several = numeric_grad(cube, [np.array([1.0, 2.0, 3.0])])
    np.testing.assert_allclose(several.gf[0], [3, 12, 27], rtol=1e-6)
    assert isinstance(numeric_grad(cube, np.array([1.0])).gf, np.ndarray)
    a, b = numeric_grad(lambda x, y: (x ** 3).sum() * y, [np.array([[1.0, 2.0]]), np.array(3.0)]).gf
    assert a.shape == (1, 2) and b.shape == ()
    np.testing.assert_allclose(a, [[9, 36]], rtol=1e-6)
    np.testing.assert_allclose(numeric_grad(cube, [1.0]).gf[0], 3, rtol=1e-6)
    weights = np.arange(6).reshape(2, 3)
    (f,) = numeric_grad(lambda x: (x ** 3 * weights).sum(), [np.asfortranarray(np.ones((2, 3)))]).gf
    np.testing.assert_allclose(f, 3 * weights, rtol=1e-6)


def test_steps():
    np.testing.assert_allclose(numeric_grad(cube, [np.array([1.0, 2.0])], eps=1e-3).gf[0], [3.003001, 12.006001])
    # The least precise point decides.
    a, _ = numeric_grad(lambda x, y: (x ** 3 * y).sum(), [np.array([1.0], "float32"), np.array([1.0])]).gf
    np.testing.assert_allclose(a, [3.0009], rtol=1e-4)
    assert a.dtype == "float64"
    assert numeric_grad.type_eps["float32"] == numeric_grad.type_eps[np.dtype("float32")] == 3e-4
    with pytest.raises(KeyError):
        numeric_grad(cube, [np.array([1, 2])])


def test_the_points_are_left_alone():
    point = np.array([1.0, 2.0])
    numeric_grad(lambda x: cube(x), [point])
    np.testing.assert_array_equal(point, [1, 2])


def test_errors_are_absolute_and_relative():
    absolute, relative = numeric_grad.abs_rel_err(np.array([1.0, 2.0, 0.0]), np.array([1.1, 2.0, 0.0]))
    np.testing.assert_allclose(absolute, [0.1, 0, 0])
    np.testing.assert_allclose(relative, [0.1 / 2.1, 0, 0])
    numeric = numeric_grad(cube, [np.array([1.0, 2.0])])
    with pytest.raises(ValueError, match="argument has wrong number of elements"):
        numeric.abs_rel_errors([np.ones(2), np.ones(2)])
    with pytest.raises(ValueError, match="argument element 0 has wrong shape"):
        numeric.abs_rel_errors([np.ones(3)])
    arg, place, absolute, relative = numeric.max_err([np.array([3.0, 12.5])], 1e-4, 1e-4)
    assert (arg, place) == (0, 1)
    np.testing.assert_allclose([absolute, relative], [0.5, 0.5 / 24.5], rtol=1e-4)
    with pytest.raises(ValueError, match="abs_err not finite"):
        numeric.max_err([np.array([3.0, np.nan])], 1e-4, 1e-4)
    assert numeric_grad(cube, [np.zeros(0)]).max_err([np.zeros(0)], 1, 1) == (0, 0, 0.0, 0.0)


def test_gradient_error():
    error = GradientError(0, 1, (2, 3), 1.0, 2.0, 0.5, 0.25, 1e-4, 1e-4)
    assert str(error) == (
        "GradientError: numeric gradient and analytic gradient exceed tolerance:\n"
        "        At position 1 of argument 0 with shape (2, 3),\n"
        "            val1 = 1.000000      ,  val2 = 2.000000\n"
        "            abs. error = 0.500000,  abs. tolerance = 0.000100\n"
        "            rel. error = 0.250000,  rel. tolerance = 0.000100\n"
        "Exception args: "
    )
    error.args = ("more",)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.rel_tol == 1e-4


@pytest.fixture
def state():
    return np.random.RandomState(42)


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """Small functions that run a few times: not worth a compiler."""
    monkeypatch.setattr(symtensor.config, "mode", "FAST_COMPILE")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_right_gradients_pass(state, dtype):
    verify_grad(lambda x: x ** 2, [np.array([1.0, 2.0], dtype)], rng=state)


def test_right_gradients_of_several_inputs(state):
    verify_grad(lambda x, y: T.dot(x, y), [np.ones((2, 3)), np.arange(3.0)], rng=state)
    verify_grad(lambda x, y: x, [np.array([1.0]), np.array(2.0)], rng=state)  # y is disconnected: zero
    verify_grad(lambda x: T.constant(2.0), [np.array([1.0])], rng=state)
    verify_grad(T.tanh, [[0.1, 0.2]], rng=state)


def wrong():
    class Wrong(Toy):
        def perform(self, node, inputs, output_storage, params=None):
            output_storage[0][0] = inputs[0] * 2

    return Wrong(lambda inputs, grads: [grads[0] * 3])


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-4), ("float32", 1e-2), ("float16", 5e-2)])
def test_wrong_gradients_are_found(state, dtype, tolerance):
    with pytest.raises(GradientError, match="exceed tolerance") as info:
        verify_grad(wrong(), [np.array([1.0, 2.0], dtype)], rng=state)
    error = info.value
    assert error.val1 / error.val2 == pytest.approx(1.5, rel=1e-2)
    assert error.abs_tol == error.rel_tol == tolerance and error.rel_err == pytest.approx(0.2, rel=1e-2)
    assert "The error happened with the following inputs:" in str(error) and "The value of eps is:, None" in str(error)


def test_tolerances_and_tests_are_the_callers(state):
    verify_grad(wrong(), [np.array([1.0])], rng=state, abs_tol=10.0)
    verify_grad(wrong(), [np.array([1.0])], rng=state, rel_tol=0.5)
    verify_grad(wrong(), [np.array([1.0])], rng=state, n_tests=0)


def test_axes_of_length_one_are_broadcastable(state):
    seen = []

    def multiplied(x, y):
        seen.append((x.broadcastable, y.broadcastable, x.name))
        return x * y

    verify_grad(multiplied, [np.ones((1, 3)), np.ones((2, 3))], rng=state)
    assert seen == [((True, False), (False, False), "input 0")]


def test_verify_grad_refuses(state):
    with pytest.raises(TypeError, match="rng should be a valid instance"):
        verify_grad(T.exp, [np.ones(2)])
    with pytest.raises(AssertionError, match="list or tuple of points"):
        verify_grad(T.exp, np.ones(2), rng=state)
    for dtype in ("int64", "complex64"):
        with pytest.raises(TypeError, match=f'only with floating point inputs, but input 0 has dtype "{dtype}"'):
            verify_grad(T.exp, [np.ones(2, dtype)], rng=state)
    with pytest.raises(NotImplementedError, match="multiple outputs"):
        verify_grad(lambda x: [x, x], [np.ones(2)], rng=state)
    with pytest.raises(TypeError, match="single .array-like. output"):
        verify_grad(lambda x: None, [np.ones(2)], rng=state)


def test_verify_grad_in_debug_mode(state):
    verify_grad(lambda x: T.tanh(x) * 2, [np.array([0.5, 1.0])], rng=state, n_tests=1, mode="DebugMode")
