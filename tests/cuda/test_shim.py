"""The shim that runs kernels on the CPU: it finds what a device would get wrong."""
from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
import shim
from families import FAMILIES
from harness import Builder, i64, op
from nests import Checked, Collection

from symtensor.codegen.cuda.sources import prelude_text
from symtensor.ir.nodes import Axis, Let, Local, Loop, Nest, Program, Reduce, Store

ORDERS = ["forward", "reverse", "1", "2", "3"]


def program() -> Program:
    """The softmax of rows, whose exponentials are summed backwards: threads need those of others."""
    b = Builder()
    x = b.input("x", "float32", 2, layout="c")
    n, m = b.dims(x)
    b.alloc("z", "float32", n, m, output=True)
    b.alloc("e", "float32", n, m)
    i, j, k = Local("i"), Local("j"), Local("k")
    most, total = Local("most", "float32"), Local("total", "float32")
    back = op("sub", op("sub", m, i64(1)), Local("s"))
    b.body.append(Nest((Loop(Axis("i", n), (
        Let("most", Reduce("maximum", (Axis("r", m),), b.load(x, i, Local("r")), "float32")),
        Loop(Axis("j", m), (Store("e", (i, j), op("exp", op("sub", b.load(x, i, j), most))),)),
        Let("total", Reduce("add", (Axis("s", m),), b.load("e", i, back), "float32")),
        Loop(Axis("k", m), (Store("z", (i, k), op("true_div", b.load("e", i, k), total)),)),
    )),)))
    return b.program()


def outcomes(change: Callable[[str], str], width: int, monkeypatch, columns: int = 300) -> list[str]:
    """What becomes of the program with a changed text, in every order of threads: "right", "wrong", or what the shim
    says."""
    checked = Checked(program(), Collection(change), tolerance=1e-5)
    found = []
    for order in ORDERS:
        monkeypatch.setenv("SHIM_ORDER", order)
        x = np.random.default_rng(5).standard_normal((3, columns)).astype("float32")
        try:
            checked.run([x], width=width)
        except shim.ShimError as error:
            found.append(str(error))
        except AssertionError:
            found.append("wrong")
        else:
            found.append("right")
    return found


@pytest.mark.parametrize("width", [1, 8, 32, 64, 1024])
def test_every_order_of_threads_gives_the_result(width, monkeypatch):
    assert outcomes(str, width, monkeypatch) == ["right"] * len(ORDERS)


def without(text: str, what: str, number: int) -> str:
    parts = text.split(what)
    assert len(parts) > number + 1
    return what.join(parts[:number + 1]) + what.join(["", *parts[number + 1:]])[len(what):]


@pytest.mark.parametrize("what, number, columns", [
    ("st_group_wait();\n", 0, 200),  # rows that threads keep in registers
    ("st_group_wait();\n", 1, 1000),  # longer ones
    ("        __syncthreads(); ", 1, 300)])
@pytest.mark.parametrize("width", [32, 64])
def test_a_missing_barrier_is_noticed(what, number, columns, width, monkeypatch):
    found = outcomes(lambda text: without(text, what, number), width, monkeypatch, columns)
    if what.startswith("st_") or width > 32:
        assert "wrong" in found
    else:
        assert set(found) == {"right"}  # a warp needs no shared memory


def test_a_barrier_that_not_all_threads_reach_is_reported(monkeypatch):
    def change(text: str) -> str:
        return text.replace("st_group_wait();", "if (threadIdx.x < 40) st_group_wait();", 1)

    assert all("a barrier that 40 of 64 threads reach" in o or "different barriers" in o
               for o in outcomes(change, 64, monkeypatch))


def test_a_shuffle_that_waits_for_a_thread_that_has_ended_is_reported(monkeypatch):
    def change(text: str) -> str:
        head, kernel, body = text.partition("__global__")
        loop = "    for (st_i64 q0"
        return head + kernel + body.replace(loop, f"    if (threadIdx.x == 5) return;\n{loop}", 1)

    assert all("a thread that has ended" in o for o in outcomes(change, 32, monkeypatch))


def run(text: str, grid: tuple[int, int, int], block: tuple[int, int, int], *arrays: np.ndarray) -> None:
    held = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
    addresses = (ctypes.c_void_p * len(held))(*map(ctypes.addressof, held))
    shim.load(prelude_text() + text).launch("k0", grid, block, ctypes.addressof(addresses))


def test_threads_blocks_shuffles_and_atomics(monkeypatch):
    text = """
extern "C" __global__ void k0(char *p0, char *p1, char *p2) {
    __shared__ int all[96];
    const int at = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    all[at] = at;
    __syncthreads();
    int v = all[95 - at];
    for (int w = 16; w > 0; w /= 2) v += __shfl_down_sync(0xffffffffu, v, w);
    const int first = __shfl_sync(0xffffffffu, v, 0);
    if (at % 32 == 0) ((int *)p0)[blockIdx.x * 3 + at / 32] = first;
    atomicAdd((int *)p1, 1);
    ((int *)p2)[blockIdx.x * 96 + at] = first - v;
}
"""
    for order in ORDERS:
        monkeypatch.setenv("SHIM_ORDER", order)
        sums, count, rest = np.zeros((4, 3), np.int32), np.zeros(1, np.int32), np.ones((4, 96), np.int32)
        run(text, (4, 1, 1), (8, 6, 2), sums, count, rest)
        np.testing.assert_array_equal(sums, [[sum(range(64, 96)), sum(range(32, 64)), sum(range(32))]] * 4)
        assert count[0] == 4 * 96 and not rest[:, ::32].any()


def test_shared_memory_starts_out_as_nonsense():
    text = """
extern "C" __global__ void k0(char *p0) {
    __shared__ int kept[1];
    if (threadIdx.x == 0) {
        ((int *)p0)[blockIdx.x] = kept[0];
        kept[0] = 0;
    }
}
"""
    seen = np.zeros(3, np.int32)
    run(text, (3, 1, 1), (32, 1, 1), seen)
    np.testing.assert_array_equal(seen, [0x7F7F7F7F] * 3)


@pytest.mark.parametrize(
    "grid, block", [((0, 1, 1), (32, 1, 1)), ((1, 1, 1), (2048, 1, 1)), ((1, 70000, 1), (1, 1, 1))])
def test_a_grid_that_no_device_has_is_refused(grid, block):
    with pytest.raises(shim.ShimError, match="no such grid"):
        run('extern "C" __global__ void k0(char *p0) {}', grid, block, np.zeros(1))


@pytest.mark.parametrize("order", ["reverse", "11"])
@pytest.mark.parametrize("name", ["reductions", "in_order", "functions"])
def test_kernels_in_other_orders(name, order, monkeypatch):
    monkeypatch.setenv("SHIM_ORDER", order)
    for run in FAMILIES[name]().runs[::3]:
        run()
