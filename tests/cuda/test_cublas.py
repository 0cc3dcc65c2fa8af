"""Products on the device against NumPy, with a cuBLAS that computes on the host and refuses what the real one would."""
from __future__ import annotations

import itertools

import fake_cuda
import numpy as np
import pytest

from symtensor.runtime.cuda import compiler, cublas
from symtensor.runtime.cuda.driver import CudaError


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return fake_cuda.opened(fake_cuda.built(tmp_path_factory.mktemp("fake")))


@pytest.fixture(autouse=True)
def image(monkeypatch, world):
    """Kernels run behind the shim, which reads and writes what it is told to."""
    monkeypatch.setattr(compiler, "image", world[0].image)
    yield
    world[0].library.fake_room = 1 << 40
    assert world[0].failed == []


def on_device(x):
    """The fake device's memory is the host's: an array is an operand where it lies."""
    return cublas.Operand(x.ctypes.data, str(x.dtype), x.shape, x.strides)


def laid_out(x, kind):
    """Equal arrays that lie differently in memory."""
    if kind == "C":
        return x.copy()
    if kind == "F":
        return np.array(x, order="F")
    if kind == "padded":
        big = np.full(tuple(n + 3 for n in x.shape), 7, x.dtype)
    elif kind == "padded F":
        big = np.full(tuple(n + 3 for n in x.shape), 7, x.dtype, order="F")
    elif kind == "steps":
        big = np.full(tuple(2 * n + 1 for n in x.shape), 7, x.dtype)
        big = big[tuple(slice(None, 2 * n, 2) for n in x.shape)]
    else:
        assert kind == "backwards"
        big = np.full(x.shape, 7, x.dtype)[tuple(slice(None, None, -1) for _ in x.shape)]
    view = big[tuple(slice(0, n) for n in x.shape)]
    view[...] = x
    return view


KINDS = ("C", "F", "padded", "padded F", "steps", "backwards")
ENTRY = {"float32": "f32", "float64": "f64"}


def run(device, name, outputs, inputs, scalars=()):
    routine = device.routine(f"{name}_{ENTRY[str(outputs[0].dtype)]}")
    routine([on_device(x) for x in outputs], [on_device(x) for x in inputs], scalars)
    assert device.driver.library and not device._blocks  # what was packed has been given back


def times(a, b):
    """The product of matrices of small whole numbers."""
    return (a.astype("int64") @ b.astype("int64")).astype(a.dtype)


def draw(rng, shape, dtype):
    return rng.integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, repeat=2)), ids="-".join)
def test_gemm(world, dtype, kinds):
    _, device = world
    rng = np.random.default_rng(0)
    for (m, n, k), kind_c in itertools.product(
            [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (5, 5, 5), (1, 4, 1), (4, 1, 1)], KINDS):
        a, b, c = draw(rng, (m, k), dtype), draw(rng, (k, n), dtype), draw(rng, (m, n), dtype)
        for alpha, beta in [(1, 0), (2, -1)]:
            left, right, out = laid_out(a, kinds[0]), laid_out(b, kinds[1]), laid_out(c, kind_c)
            if beta == 0:
                out[...] = np.nan
            around = out.base.copy() if kind_c == "padded" else None
            run(device, "gemm", [out], [left, right], (alpha, beta))
            np.testing.assert_array_equal(out, alpha * times(a, b) + beta * c)
            if around is not None:  # nothing beside the result was written
                around[:m, :n] = out
                np.testing.assert_array_equal(out.base, around)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batched_gemm(world, dtype):
    _, device = world
    rng = np.random.default_rng(1)
    for (i, m, n, k), one, two, out_kind in itertools.product(
            [(2, 3, 4, 5), (1, 3, 4, 5), (3, 1, 4, 2), (3, 2, 1, 1)], KINDS, KINDS, ("C", "steps", "padded")):
        a, b, c = draw(rng, (i, m, k), dtype), draw(rng, (i, k, n), dtype), draw(rng, (i, m, n), dtype)
        out = laid_out(c, out_kind)
        run(device, "batched_gemm", [out], [laid_out(a, one), laid_out(b, two)], (2, 1))
        np.testing.assert_array_equal(out, 2 * times(a, b) + c)
    a, b, c = draw(rng, (2, 3), dtype), draw(rng, (4, 3, 2), dtype), np.full((4, 2, 2), np.nan, dtype)
    run(device, "batched_gemm", [c], [np.broadcast_to(a, (4, 2, 3)), b], (1, 0))  # one matrix for all
    np.testing.assert_array_equal(c, times(a, b))
    swapped = draw(rng, (3, 4, 2), dtype)
    run(device, "batched_gemm", [c], [swapped.transpose(1, 2, 0), b], (1, 0))
    np.testing.assert_array_equal(c, times(swapped.transpose(1, 2, 0), b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors(world, dtype, kind):
    _, device = world
    rng = np.random.default_rng(2)
    for (m, n), of_x, of_y in itertools.product([(3, 4), (1, 4), (3, 1), (1, 1)], KINDS, KINDS):
        a, x, y = draw(rng, (m, n), dtype), draw(rng, n, dtype), draw(rng, m, dtype)
        out = laid_out(y, of_y)
        run(device, "gemv", [out], [laid_out(a, kind), laid_out(x, of_x)], (3, -2))
        np.testing.assert_array_equal(out, 3 * times(a, x) - 2 * y)
        out[...] = np.nan
        run(device, "gemv", [out], [laid_out(a, kind), laid_out(x, of_x)], (3, 0))
        np.testing.assert_array_equal(out, 3 * times(a, x))
        matrix = laid_out(a, kind)
        run(device, "ger", [matrix], [laid_out(y, of_y), laid_out(x, of_x)], (2,))
        np.testing.assert_array_equal(matrix, a + 2 * np.outer(y, x))
        other, total = draw(rng, n, dtype), np.full((), np.nan, dtype)
        run(device, "dot", [total], [laid_out(x, of_x), laid_out(other, of_y)])
        assert total == times(x, other)
    same = np.broadcast_to(np.asarray(3, dtype), 5)  # a step of 0
    total = np.zeros((), dtype)
    run(device, "dot", [total], [same, same])
    assert total == 45


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_to_sum(world, dtype):
    fake, device = world
    empty, y = np.zeros((3, 0), dtype), np.arange(6, dtype=dtype).reshape(3, 2)
    run(device, "gemm", [y], [empty, np.zeros((0, 2), dtype)], (1, 2))
    np.testing.assert_array_equal(y, 2 * np.arange(6).reshape(3, 2))
    y[...] = np.nan
    run(device, "gemm", [y.T], [np.zeros((2, 0), dtype), np.zeros((0, 3), dtype)], (1, 0))
    np.testing.assert_array_equal(y, np.zeros((3, 2)))
    y[...] = np.nan
    run(device, "gemv", [y[::2, 1]], [np.zeros((2, 0), dtype), np.zeros(0, dtype)], (1, 0))
    np.testing.assert_array_equal(np.isnan(y), [[True, False], [True, True], [True, False]])
    z = np.full((), np.nan, dtype)
    run(device, "dot", [z], [np.zeros(0, dtype), np.zeros(0, dtype)])
    assert z == 0
    fake.log()
    for name, outputs, inputs, scalars in [
            ("gemm", [empty], [np.zeros((3, 4), dtype), np.zeros((4, 0), dtype)], (1, 0)),
            ("batched_gemm", [np.zeros((0, 2, 2), dtype)], [np.zeros((0, 2, 2), dtype)] * 2, (1, 0)),
            ("gemv", [np.zeros(0, dtype)], [np.zeros((0, 2), dtype), np.zeros(2, dtype)], (1, 0)),
            ("ger", [empty], [np.zeros(3, dtype), np.zeros(0, dtype)], (1,))]:
        run(device, name, outputs, inputs, scalars)
    assert fake.log() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_memory_to_pack_in(world, dtype):
    """One kernel does what takes no memory. It is there before memory is lacking."""
    fake, device = world
    rng = np.random.default_rng(4)
    device.release()
    assert all(device.routine(f"{name}_{ENTRY[dtype]}") for name in ("gemm", "batched_gemm", "gemv", "ger", "dot"))
    fake.library.fake_room = fake.library.fake_taken
    fake.log()
    a, b, c = (draw(rng, shape, dtype) for shape in ((2, 3, 5), (2, 5, 4), (2, 3, 4)))
    one, two, out = (laid_out(x, "steps") for x in (a, b, c))
    run(device, "batched_gemm", [out], [one, two], (2, -1))
    np.testing.assert_array_equal(out, 2 * times(a, b) - c)
    run(device, "gemm", [out[0]], [one[0], laid_out(b[0], "C")], (1, 0))
    np.testing.assert_array_equal(out[0], times(a[0], b[0]))
    out[...] = np.nan
    run(device, "gemv", [out[1, 0, :3]], [one[1], two[1, :, 2]], (3, 0))
    np.testing.assert_array_equal(out[1, 0, :3], 3 * times(a[1], b[1, :, 2]))
    matrix = laid_out(c[0], "steps")
    run(device, "ger", [matrix], [one[0, :, 0], two[1, 3]], (2,))
    np.testing.assert_array_equal(matrix, c[0] + 2 * np.outer(a[0, :, 0], b[1, 3]))
    total = np.full((), np.nan, dtype)
    run(device, "dot", [total], [one[1, 2][::-1], laid_out(b[1, :, 2], "backwards")])
    assert total == times(a[1, 2][::-1], b[1, :, 2])
    assert [line.split()[1][:7] for line in fake.log()] == ["product"] * 5


def test_dense_operands_go_in_as_they_are(world):
    fake, device = world
    a, b, c = np.ones((3, 5)), np.ones((5, 4)), np.ones((3, 4))
    fake.log()
    run(device, "gemm", [c], [a, b], (1, 0))
    run(device, "gemm", [c], [np.asfortranarray(a), b], (1, 0))
    run(device, "gemm", [np.asfortranarray(c)], [a, b], (1, 0))
    run(device, "gemv", [c[:, 0]], [a, b[:, 1]], (1, 0))
    run(device, "ger", [a], [c[:, 0], b[:, 1]], (1,))
    assert fake.log() == ["Dgemm 00 4 3 5 ld 4 5 4 count 1", "Dgemm 01 4 3 5 ld 4 3 4 count 1",
                          "Dgemm 11 3 4 5 ld 5 4 3 count 1", "Dgemv 1 5 3 ld 5 inc 4 4", "Dger 5 3 ld 5 inc 4 4"]
    run(device, "gemm", [c], [np.ones((6, 10))[::2, ::2], b], (1, 0))
    assert [line.split()[:2] for line in fake.log()][-2:] == [["launch", "copy_f64"], ["Dgemm", "00"]]


def test_what_is_refused(world, monkeypatch):
    _, device = world
    assert device.routine("gemm_c64") is None and device.routine("sort_f32") is None
    long = cublas.Operand(0, "float32", (2**31, 1), (4, 4))
    one = cublas.Operand(0, "float32", (1, 1), (4, 4))
    with pytest.raises(CudaError, match="no lengths beyond 2147483647"):
        device.routine("gemm_f32")([long], [long, one], (1, 0))
    for status, kind, said in [(3, MemoryError, "no memory on the device"), (13, CudaError, "a kernel failed"),
                               (99, CudaError, "status 99")]:
        with pytest.raises(kind, match=said):
            device._blas._checked("cublasSgemm", status)
    monkeypatch.setattr(compiler, "libraries", lambda stem: ["/no/libcublas.so.13"])
    with pytest.raises(CudaError, match="cuBLAS cannot be loaded .*/no/libcublas.so.13"):
        cublas.opened(device, device.stream)


def test_lengths_that_are_one_dimension_of_a_view(world):
    """Random views: whatever the strides are, results are NumPy's."""
    _, device = world
    rng = np.random.default_rng(3)
    for _ in range(300):
        base = draw(rng, (6, 6, 6), "float32")

        def view(*shape):
            axes = rng.permutation(3)[:2]
            index = [0, 0, 0]
            for axis, length in zip(axes, shape):
                step = int(rng.choice([-1, 1]))
                index[axis] = slice(None, None, step)
            found = base[tuple(index)]
            found = found.T if axes[0] > axes[1] else found
            return found[:shape[0], :shape[1]]

        m, n, k = rng.integers(1, 6, 3)
        a, b = view(m, k), view(k, n)
        out = np.zeros((m, n), "float32")
        run(device, "gemm", [out], [a, b], (1, 0))
        np.testing.assert_array_equal(out, times(a, b))
