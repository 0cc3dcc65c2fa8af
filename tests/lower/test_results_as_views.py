"""Results that are nearly all of a new array are views of it; all others have memory of their own."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T

X = np.arange(12.0).reshape(3, 4)
W = np.arange(8.0).reshape(4, 2)
Y = np.arange(60.0).reshape(5, 3, 4)


def trace(x):
    return symtensor.scan(lambda row, s: s + row, x, T.zeros_like(x[0]))[0]


def test_states_without_the_initial_one():
    x = T.dmatrix()
    f = symtensor.function([x], trace(x))
    first, second = f(X), f(X + 1)
    assert first.base is not None and first.flags.c_contiguous and first.flags.writeable
    np.testing.assert_array_equal(first, X.cumsum(0))
    np.testing.assert_array_equal(second, (X + 1).cumsum(0))
    assert f(X[:0]).shape == (0, 4)


def test_a_product_with_its_axes_split():
    y, w = T.dtensor3(), T.dmatrix()
    f = symtensor.function([y, w], T.tensordot(y, w, 1))
    assert f(Y, W).base is not None
    np.testing.assert_array_equal(f(Y, W), np.tensordot(Y, W, 1))
    assert f(Y[:, :0], W).shape == (5, 0, 2)


def test_a_new_array_turned():
    x = T.dmatrix()
    f = symtensor.function([x], T.sort(x, axis=1).T)
    assert f(X).base is not None
    np.testing.assert_array_equal(f(X), X.T)


@pytest.mark.parametrize("part", [lambda v: v[:1], lambda v: v[::2], lambda v: v[0], lambda v: v[::-1]])
def test_a_part_does_not_keep_the_whole(part):
    x, w = T.dmatrix(), T.dmatrix()
    f = symtensor.function([x, w], part(T.dot(x, w)))
    assert f(X, W).base is None
    np.testing.assert_array_equal(f(X, W), part(X @ W))


def test_one_array_two_results():
    x, w = T.dmatrix(), T.dmatrix()
    product = T.dot(x, w)
    a, b, c = symtensor.function([x, w], [product.T, product, product.T * 1])(X, W)
    assert not any(np.may_share_memory(u, v) for u, v in ((a, b), (a, c), (b, c)))
    for got in (a, b.T, c):
        np.testing.assert_array_equal(got, (X @ W).T)


def test_updates_have_whole_arrays():
    x, state = T.dmatrix(), symtensor.shared(np.zeros((1, 4)))
    f = symtensor.function([x], [], updates=[(state, trace(x))])
    for _ in range(2):
        f(X)
        np.testing.assert_array_equal(state.get_value(borrow=True), X.cumsum(0))
    assert state.get_value(borrow=True).base is None
