"""Batches of elements and rows in registers: every length around their limits, and what must stay in memory."""
from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from golden import PROGRAMS
from harness import Builder, op
from nests import Checked, Collection

from symtensor.ir.nodes import Axis, Let, Local, Loop, Nest, Program, Reduce, Store

LENGTHS = [0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 257, 600]


@lru_cache(maxsize=None)
def checked(name: str) -> Checked:
    program = in_place() if name == "in_place" else picked() if name == "picked" else PROGRAMS[name]()
    return Checked(program, Collection(), tolerance=1e-5)


def rows(b: Builder, x: str, z: str, n, m, *, last=()) -> Nest:
    """z = exp(x) / its sum, by rows; and what else happens at each row."""
    i, j, k = Local("i"), Local("j"), Local("k")
    return Nest((Loop(Axis("i", n), (
        Loop(Axis("j", m), (Store(z, (i, j), op("exp", b.load(x, i, j))),)),
        Let("total", Reduce("add", (Axis("s", m),), b.load(z, i, Local("s")), "float32")),
        Loop(Axis("k", m), (Store(z, (i, k), op("true_div", b.load(z, i, k), Local("total", "float32"))),)),
        *last,
    )),), inplace=((z, x),) if x != z else ())


def in_place() -> Program:
    """A row takes the place of another buffer's."""
    b = Builder()
    x = b.input("x", "float32", 2, layout="c")
    n, m = b.dims(x)
    b.alloc("z", "float32", n, m, output=True)
    b.body.append(rows(b, x, "z", n, m))
    return b.program()


def picked() -> Program:
    """One element of the finished row is read by all threads: the row cannot stay with those who computed it."""
    b = Builder()
    x = b.input("x", "float32", 2, layout="c")
    y = b.input("y", "int64", 1, layout="c")
    n, m = b.dims(x)
    b.alloc("z", "float32", n, m, output=True)
    b.alloc("p", "float32", n, output=True)
    i = Local("i")
    b.body.append(rows(b, x, "z", n, m, last=(Store("p", (i,), b.load("z", i, b.load(y, i))),)))
    return b.program()


@pytest.mark.parametrize("width", [1, 8, 32, 64])
@pytest.mark.parametrize("name", ["softmax", "variance", "sums", "in_place"])
def test_lengths(name, width):
    for length in LENGTHS[name == "softmax":]:  # there is no largest of nothing
        for shape in ((3, length), (max(length, 1), 3)):
            x = np.random.default_rng(length).standard_normal(shape).astype("float32")
            found = checked(name)
            x = x.astype(found.program.buffers[0].dtype) if name != "in_place" else x
            with np.errstate(all="ignore"):
                found.run([x], width=width)


@pytest.mark.parametrize("width", [1, 8, 32, 64])
def test_a_row_that_others_read_stays_in_memory(width):
    found = checked("picked")
    text = next(iter(found.collection.kernels))
    assert "st_group_wait();" in text
    for length in LENGTHS[1:]:
        rng = np.random.default_rng(length)
        found.run([rng.standard_normal((3, length)).astype("float32"), rng.integers(0, length, 3)], width=width)


def test_rows_are_read_once_and_nobody_waits():
    text = next(iter(checked("in_place").collection.kernels))
    kept, _, other = text.partition("} else {")
    assert kept.count("float *)") == 2  # a load and a store
    assert "st_group_wait" not in kept and "st_group_wait" in other
