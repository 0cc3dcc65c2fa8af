"""Indices in shared variables: what is known of the whole variable spares a wait, and never hides a bad index."""
from __future__ import annotations

import numpy as np
import pytest
from shim_device import ShimDevice

import symtensor.tensor as T
from symtensor import function, grad, shared
from symtensor.runtime.cuda.array import UNKNOWN, DeviceArray
from symtensor.runtime.cuda.device import use

LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0])


@pytest.fixture
def device():
    found = ShimDevice()
    with use(found):
        yield found


def training(dtype: str, labels=LABELS):
    """A step on two rows of a data set; the parameter and the labels."""
    rng = np.random.default_rng(3)
    x, y = shared(rng.standard_normal((len(labels), 4))), shared(labels.astype(dtype))
    w, k = shared(rng.standard_normal((4, 3))), T.lscalar("k")
    rows = T.cast(y, "int32")[2 * k:2 * k + 2]
    cost = -T.log(T.nnet.softmax(T.dot(x[2 * k:2 * k + 2], w)))[T.arange(rows.shape[0]), rows].mean()
    return function([k], cost, updates=[(w, w - 0.1 * grad(cost, w))]), w, y


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
def test_labels_that_are_in_bounds_are_not_waited_for(device, dtype):
    f, w, _ = training(dtype)
    with use(None):
        g, v, _ = training(dtype)
    f(0)  # moves the values there, and looks at all labels once
    device.moved.update(to_host=0)
    costs = [f(k) for k in range(4)]
    assert device.moved["to_host"] == 4  # the costs
    g(0)
    np.testing.assert_allclose(costs, [g(k) for k in range(4)], rtol=1e-9)
    np.testing.assert_allclose(w.get_value(), v.get_value(), rtol=1e-9)


@pytest.mark.parametrize("bad", [3, -4])
def test_bad_labels_are_found(device, bad):
    f, w, y = training("int32")
    f(1)
    before = w.get_value()
    changed = LABELS.astype("int32")
    changed[2] = bad
    y.set_value(changed)
    with pytest.raises((IndexError, ValueError), match=f"{bad}"):
        f(1)
    np.testing.assert_array_equal(w.get_value(), before)
    f(2)  # others are as good as ever
    y.set_value(LABELS.astype("int32"))
    f(1)


def test_labels_that_a_function_changes_are_looked_at(device):
    f, w, y = training("int32")
    f(1)
    step = function([], [], updates=[(y, T.inc_subtensor(y[2:3], 1))])
    step()
    f(1)  # 2 is one
    step()
    before = w.get_value()
    with pytest.raises((IndexError, ValueError), match="3"):
        f(1)
    np.testing.assert_array_equal(w.get_value(), before)


def test_rows_of_a_table(device):
    table, ids, out = shared(np.arange(12.0).reshape(6, 2)), shared(np.array([5, -6, 0])), shared(np.zeros((3, 2)))
    f = function([], [], updates=[(out, out + table[ids])])
    f()
    device.moved.update(to_host=0)
    f()
    assert device.moved["to_host"] == 0
    np.testing.assert_array_equal(out.get_value(), 2 * np.arange(12.0).reshape(6, 2)[[5, 0, 0]])
    table.set_value(np.zeros((5, 2)))  # the bounds are those of the call
    with pytest.raises(IndexError, match="out of bounds for axis 0 with size 5"):
        f()


def test_extremes(device):
    a = DeviceArray.from_host(device, np.array([[3, -1], [2, 7]], "int16"))
    assert [int(end) for end in a.extremes(())] == [-1, 7]
    assert [int(end) for end in a.extremes(("uint8",))] == [2, 255]
    moved = dict(device.moved)
    a.extremes(())
    assert device.moved == moved  # once
    assert [int(e) for e in DeviceArray.from_host(device, np.zeros((0, 2), "int8")).extremes(())] == [0, -1]
    top = DeviceArray.from_host(device, np.array([2**64 - 1], "uint64"))
    assert int(top.extremes(())[1]) == 2**63 - 1
    a.set(np.zeros((2, 2), "int16"))
    assert a.extremes(()) is UNKNOWN
    assert DeviceArray.empty(device, (2,), "int32").extremes(()) is UNKNOWN
    assert a.copy().extremes(()) is UNKNOWN
