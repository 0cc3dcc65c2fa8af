"""Functions as objects, on a device: copies, pickles, threads, modes, profiles, values as arguments."""
from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import function, shared
from symtensor.compile.io import In, Out
from symtensor.compile.mode import Mode
from symtensor.compile.profiling import ProfileStats
from symtensor.control.function_op import as_op
from symtensor.runtime.cuda.array import DeviceArray
from symtensor.runtime.cuda.device import use

F = "float32"


def ones(*shape):
    return np.ones(shape, F)


def test_copies_share_or_swap_values(device):
    w, v = shared(ones(2, 3)), shared(ones(2, 3) * 5)
    f = function([], w.sum(axis=0), updates=[(w, w + 1)])
    f()
    assert f.copy()()[0].tolist() == [4, 4, 4]
    swapped = f.copy(swap={w: v})
    assert swapped()[0].tolist() == [10, 10, 10] and v.get_value()[0, 0] == 6 and w.get_value()[0, 0] == 3
    still = f.copy(delete_updates=True)
    assert still()[0].tolist() == still()[0].tolist() == [6, 6, 6]


def test_pickles_hold_numpy_arrays(device):
    w = shared(ones(2, 3), name="w")
    f = function([], w.sum(axis=0), updates=[(w, w + 1)])
    f()
    assert isinstance(w.container.value, DeviceArray)
    data = pickle.dumps(f)
    with use(None):
        host = pickle.loads(data)
        assert host()[0] == 4 and type(host.fn.executable).__name__ == "CompiledExecutable"
    again = pickle.loads(data)
    assert again()[0] == 4 and type(again.fn.executable).__name__ == "DeviceExecutable"


def test_many_threads(device):
    x, w = T.fmatrix(), shared(ones(4, 3))
    f = function([x], T.exp(x).sum(axis=0) + w.sum())
    wrong = []

    def run(k):
        for _ in range(5):
            if not np.allclose(f(ones(2 + k, 3) * k), (2 + k) * np.exp(k) + 12, rtol=1e-5):
                wrong.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_function_inside_itself(device):
    x = T.fmatrix()
    found, depth = [], [0]

    @as_op(itypes=[T.fmatrix], otypes=[T.fmatrix])
    def inner(a):
        depth[0] += 1
        if depth[0] == 1:
            found.append(f(a * 0))
        return a + 1

    f = function([x], T.exp(inner(T.tanh(x) * 0 + x)).sum(axis=1))
    np.testing.assert_allclose(f(ones(2, 3)), 3 * np.exp([2, 2]), rtol=1e-5)
    np.testing.assert_allclose(found[0], 3 * np.exp([1, 1]), rtol=1e-5)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "FAST_RUN", Mode("perform"), "DebugMode"])
def test_modes_that_run_on_the_host_read_values_of_the_device(device, mode):
    w = shared(ones(2, 3))
    function([], updates=[(w, w + 1)])()
    assert isinstance(w.container.value, DeviceArray)
    f = function([], w.sum(axis=0), updates=[(w, w * 2)], mode=mode)
    assert f().tolist() == [4, 4, 4] and w.get_value().tolist() == [[4] * 3] * 2
    function([], updates=[(w, w + 1)])()
    assert w.get_value()[0, 0] == 5


def test_profiles(device):
    x, w = T.fmatrix(), shared(ones(2, 3))
    f = function([x], T.exp(x).sum(axis=0), updates=[(w, w + x)], profile=ProfileStats(atexit_print=False))
    f(ones(2, 3))
    assert w.get_value()[0, 0] == 2 and f.profile.fct_callcount == 1


def test_workspace_kept(device):
    x = T.fmatrix()
    for linker, blocks in (("cvm", 0), ("cvm_nogc", 2)):
        f = function([x], T.dot(x, x).sum(axis=0), mode=Mode(linker=linker))
        f(ones(700, 700))
        assert sum(len(block) > 1 << 20 for block in device.blocks.values()) == blocks, "the argument and the product"


def test_values_of_the_device_as_arguments(device):
    x = T.fmatrix()
    f = function([x], T.exp(x).sum(axis=0))
    value = DeviceArray.from_host(device, ones(2, 3))
    np.testing.assert_allclose(f(value), f(ones(2, 3)))


def test_defaults_with_updates(device):
    x, y = T.fmatrix(), T.fmatrix("y")
    f = function([In(x, value=ones(2, 3), update=T.exp(x) * 0 + x + y), y], x.sum(axis=0))
    assert f(y=ones(2, 3)).tolist() == [2, 2, 2] and f(y=ones(2, 3)).tolist() == [4, 4, 4]


def test_a_shared_variable_as_output(device):
    w = shared(ones(2, 3))
    function([], updates=[(w, w + 1)])()
    for output in (w, Out(w, borrow=True), w[1:]):
        result = function([], output)()
        assert type(result) is np.ndarray and result[0, 0] == 2


def test_sizes_that_change(device):
    x, w = T.fmatrix(), shared(ones(2, 3))
    f = function([x], [T.exp(x), w.sum()], updates=[(w, T.concatenate([w, x]))])
    for rows, total in ((1, 6), (0, 9), (4, 9), (2, 21)):
        results = f(ones(rows, 3))
        assert results[0].shape == (rows, 3) and results[1] == total
    assert w.get_value().shape == (9, 3)
