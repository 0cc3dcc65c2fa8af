"""Launches: their sizes, and those that C does without Python in between."""
from __future__ import annotations

import ctypes

import numpy as np
import pytest
from shim_device import NearDevice, launch_library

import symtensor.tensor as T
from symtensor import function, scan, shared
from symtensor.runtime.cuda.device import use
from symtensor.runtime.cuda.queue import Queue, geometry

executor = pytest.importorskip("symtensor._executor")

POINTS = (1, 7, 31, 32, 33, 255, 256, 257, 1000, 16384, 10**6, 2**31, 2**40)
WIDTHS = (0, 1, 20, 32, 33, 100, 1000, 8192, 10**6, 2**40)


def test_sizes():
    for points in POINTS:
        for width in WIDTHS:
            (x, y, z), (threads, groups, depth) = geometry(points, width, 132)
            assert y == z == depth == 1 and 1 <= x <= 32 * 132 and threads % 32 == 0
            assert threads * groups <= (256 if width == 0 else 1024)
            if width:
                assert threads & (threads - 1) == 0 and (groups == 1 or threads == 32)
            assert x * threads * groups >= min(points, 32 * 132)
    assert geometry(1000, 0, 132) == ((4, 1, 1), (256, 1, 1))
    assert geometry(10, 5, 132) == ((2, 1, 1), (32, 8, 1))
    assert geometry(1, 10**6, 132) == ((1, 1, 1), (1024, 1, 1))


def test_c_sizes_launches_alike():
    seen = []
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, *[ctypes.c_void_p] * 3)

    @kind
    def launched(function, *rest):
        seen.append((rest[:3], rest[3:6]))
        return 0

    from symtensor.runtime.cuda.queue import Launcher
    kernels = (ctypes.c_void_p * 1)()
    launcher = Launcher(ctypes.cast(launched, ctypes.c_void_p).value, ctypes.addressof(kernels), 0, RuntimeError)
    python = (ctypes.c_void_p * 5)()
    queue = Queue(ctypes.addressof(python), launcher, 132, (ctypes.c_void_p * 1)(), (ctypes.c_longlong * 1)())
    from symtensor.runtime._abi import ffi
    frame = ffi.new("st_frame *")
    frame.device = ffi.cast("st_device *", queue.address)
    for points in POINTS:
        for width in WIDTHS:
            assert frame.device.launch(frame, 0, points, width, ffi.NULL) == 0
            assert seen.pop() == geometry(points, width, 132)
    assert frame.device.launch(frame, 0, 0, 0, ffi.NULL) == 0 and not seen
    assert queue.failure() is None


@pytest.fixture
def device():
    library = launch_library()
    ctypes.c_int.in_dll(library, "failing").value = -1
    ctypes.c_longlong.in_dll(library, "count").value = 0
    made = NearDevice()
    with use(made):
        yield made


def test_programs_run(device):
    x, w = T.fmatrix(), shared(np.full((4, 3), 0.5, "float32"))
    h, _ = scan(lambda h: T.tanh(h * w), outputs_info=[T.dot(x.T, x)[:, :3]], n_steps=5)
    f = function([x], [h.sum(axis=(1, 2)), T.nnet.softmax(x)], updates=[(w, w * np.float32(0.9))])
    with use(None):
        v = shared(np.full((4, 3), 0.5, "float32"))
        h, _ = scan(lambda h: T.tanh(h * v), outputs_info=[T.dot(x.T, x)[:, :3]], n_steps=5)
        g = function([x], [h.sum(axis=(1, 2)), T.nnet.softmax(x)], updates=[(v, v * np.float32(0.9))])
    value = np.random.default_rng(3).standard_normal((5, 4)).astype("float32")
    for _ in range(3):
        for a, b in zip(f(value), g(value)):
            np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), v.get_value(), rtol=1e-6)
    assert ctypes.c_longlong.in_dll(launch_library(), "count").value >= 10 and device.inside == 0


def test_a_launch_that_fails(device):
    x, w = T.fmatrix(), shared(np.ones((4, 3), "float32"))
    f = function([x], T.exp(x).sum(axis=0), updates=[(w, w + T.exp(x))])
    value = np.ones((4, 3), "float32")
    f(value)
    ctypes.c_int.in_dll(launch_library(), "failing").value = ctypes.c_longlong.in_dll(launch_library(), "count").value
    with pytest.raises(RuntimeError, match="code 700"):
        f(value)
    np.testing.assert_allclose(w.get_value(), np.exp(1) + 1, rtol=1e-6)
    f(value)
    np.testing.assert_allclose(w.get_value(), 2 * np.exp(1) + 1, rtol=1e-6)
