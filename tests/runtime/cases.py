"""Hand-built Programs with their expected results: one list that the interpreter and compiled code are tested on."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symtensor.ir.nodes import (
    Accumulate, Alloc, Axis, Buffer, Cast, Check, Const, Dim, If, Let, Load, Local, Loop, Nest, Op, Program, PyCall,
    Reduce, Reshape, Same, Site, Store, View, ViewAxis, While,
)

F, I, B = "float64", "int64", "bool"


@dataclass
class Case:
    """A program, its link-time arguments, a call and what it must give."""

    program: Program
    values: list[Any]
    outputs: list[Any]
    updates: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    pycalls: list[Callable[..., Any]] = field(default_factory=list)


def const(value, dtype=I):
    return Const(value, dtype)


def add(*args, dtype=F):
    return Op("add", args, dtype)


def mul(*args, dtype=F):
    return Op("mul", args, dtype)


def local(name, dtype=I):
    return Local(name, dtype)


def load(buffer, *index, dtype=F):
    return Load(buffer, tuple(local(i) if isinstance(i, str) else i for i in index), dtype)


def loops(*axes, body):
    """Loops around statements; an axis is (index, extent expression) or (index, extent, kind)."""
    body = tuple(body)
    for axis in reversed(axes):
        body = (Loop(Axis(*axis), body),)
    return body


def store(buffer, *index, value):
    return Store(buffer, tuple(local(i) if isinstance(i, str) else i for i in index), value)


def buf(name, ndim, dtype=F, layout="any", broadcast=None):
    return Buffer(name, dtype, broadcast or (False,) * ndim, layout)


def program(buffers, inputs, body, outputs, **more):
    return Program("case", "buffered", tuple(buffers), tuple(inputs), tuple(more.pop("constants", ())), tuple(outputs),
                   tuple(more.pop("updates", ())), tuple(body), **more)


def out(name, *dims, k=0):
    return Alloc(name, tuple(const(d) if isinstance(d, int) else d for d in dims), ("output", k))


def slot(name, *dims, k=0):
    return Alloc(name, tuple(const(d) if isinstance(d, int) else d for d in dims), ("slot", k))


def scalar_add() -> Case:
    p = program([buf("x", 0), buf("y", 0), buf("z", 0, layout="c")], ["x", "y"],
                [out("z"), Nest((Store("z", (), add(Load("x", (), F), Load("y", (), F))),))], ["z"])
    return Case(p, [np.array(2.0), np.array(0.5)], [np.array(2.5)])


def outer_sum() -> Case:
    """z[i, j] = x[i] + y[j, 0] * w[]: broadcasting, a transposed input, a let."""
    n, m = Dim("x", 0), Dim("y", 1)
    body = loops(("i", n), ("j", m), body=[
        Let("t", mul(load("y", const(0), "j"), Load("w", (), F))),
        store("z", "i", "j", value=add(load("x", "i"), local("t", F)))])
    p = program([buf("x", 1), buf("y", 2, broadcast=(True, False)), buf("w", 0), buf("z", 2, layout="c")],
                ["x", "y", "w"], [out("z", n, m), Nest(body)], ["z"])
    x, y, w = np.arange(8.0)[::-2], np.arange(3.0).reshape(3, 1).T, np.array(10.0)
    return Case(p, [x, y, w], [x[:, None] + y * w])


def reductions() -> Case:
    """Sum over both axes, maximum over rows (one is NaN), argmax with NaN, mean-like use of a slot."""
    n, m = Dim("x", 0), Dim("x", 1)
    ax = (Axis("a", n), Axis("b", m))
    element = load("x", "a", "b")
    p = program(
        [buf("x", 2), buf("s", 0, layout="c"), buf("r", 1, layout="c"), buf("q", 1, I, "c"), buf("d", 2, layout="c")],
        ["x"],
        [out("s"), Nest((Store("s", (), Reduce("add", ax, element, F)),)),
         out("r", n, k=1), Nest(loops(("a", n), body=[store("r", "a", value=Reduce("maximum", ax[1:], element, F))])),
         out("q", m, k=2), Nest(loops(("b", m), body=[store("q", "b", value=Reduce("argmax", ax[:1], element, I))])),
         out("d", n, m, k=3), Nest(loops(("a", n), body=[
             Let("top", Reduce("minimum", ax[1:], element, F)),
             *loops(("b", m), body=[store("d", "a", "b", value=Op("sub", (element, local("top", F)), F))])]))],
        ["s", "r", "q", "d"])
    x = np.array([[1.0, 5.0, -2.0], [4.0, np.nan, 8.0]])
    return Case(p, [x], [np.array(np.nan), np.array([5.0, np.nan]), np.array([1, 1, 1]), x - x.min(1, keepdims=True)])


def matrix_product() -> Case:
    n, k, m = Dim("x", 0), Dim("x", 1), Dim("y", 1)
    body = loops(("i", n), ("j", m), body=[
        store("z", "i", "j", value=Reduce("add", (Axis("k", k),), mul(load("x", "i", "k"), load("y", "k", "j")), F))])
    p = program([buf("x", 2), buf("y", 2), buf("z", 2, layout="c")], ["x", "y"], [out("z", n, m), Nest(body)], ["z"])
    x, y = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(5, 4).T
    return Case(p, [x, y], [x @ y])


def gather_scatter() -> Case:
    """z[i] = x[index[i]]; h[index[i]] += 1.5 (repeated); r[n-1-i] = x[i]."""
    n, k = Dim("x", 0), Dim("index", 0)
    at = load("index", "i", dtype=I)
    back = Op("sub", (Op("sub", (n, const(1)), I), local("i")), I)
    p = program(
        [buf("x", 1), buf("index", 1, I), buf("z", 1, layout="c"), buf("h", 1, layout="c"), buf("r", 1, layout="c")],
        ["x", "index"],
        [out("z", k), Nest(loops(("i", k), body=[store("z", "i", value=load("x", at))])),
         out("h", n, k=1), Nest(loops(("i", n), body=[store("h", "i", value=const(0.0, F))])),
         Nest(loops(("i", k), body=[Accumulate("h", (at,), "add", const(1.5, F))])),
         out("r", n, k=2), Nest(loops(("i", n), body=[Store("r", (back,), load("x", "i"))]))],
        ["z", "h", "r"])
    x, index = np.array([1.0, 2.0, 4.0, 8.0]), np.array([3, 0, 3, 3, 1])
    return Case(p, [x, index], [x[index], np.array([1.5, 1.5, 0, 4.5]), x[::-1]])


def cumulative() -> Case:
    """A serial loop: c[i] = c[i-1] + x[i], column by column."""
    n, m = Dim("x", 0), Dim("x", 1)
    body = loops(("j", m), body=[
        store("c", const(0), "j", value=load("x", const(0), "j")),
        *loops(("i", Op("sub", (n, const(1)), I), "serial"), body=[
            Let("t", Op("add", (local("i"), const(1)), I)),
            store("c", "t", "j", value=add(load("c", "i", "j"), load("x", "t", "j")))])])
    p = program([buf("x", 2), buf("c", 2, layout="c")], ["x"], [out("c", n, m), Nest(body)], ["c"])
    x = np.arange(15.0).reshape(5, 3)
    return Case(p, [x], [np.cumsum(x, 0)])


def ragged() -> Case:
    """Row sums of a sparse matrix in CSR form: the inner extent depends on the outer index."""
    n = Op("sub", (Dim("start", 0), const(1)), I)
    first, last = load("start", "i", dtype=I), load("start", Op("add", (local("i"), const(1)), I), dtype=I)
    body = loops(("i", n), body=[
        Let("first", first),
        store("z", "i", value=Reduce("add", (Axis("k", Op("sub", (last, local("first")), I)),),
                                     load("data", Op("add", (local("first"), local("k")), I)), F))])
    p = program([buf("data", 1), buf("start", 1, I), buf("z", 1, layout="c")], ["data", "start"],
                [out("z", n), Nest(body)], ["z"])
    return Case(p, [np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, 2, 2, 4])], [np.array([3.0, 0.0, 12.0])])


def views() -> Case:
    """Reversed every-other rows of the transpose, reshaped (a copy into a slot), then doubled."""
    n, m = Dim("x", 0), Dim("x", 1)
    size = Op("mul", (n, const(2)), I)
    p = program(
        [buf("x", 2), buf("v", 3), buf("f", 1, layout="c"), buf("z", 1, layout="c")], ["x"],
        [View("v", "x", (const(0), Op("sub", (m, const(1)), I)),
              (ViewAxis(1, const(2), const(-2)), ViewAxis(None, const(1)), ViewAxis(0, n))),
         Reshape("f", "v", (size,), ("slot", 0)),
         out("z", size), Nest(loops(("i", size), body=[store("z", "i", value=add(load("f", "i"), load("f", "i")))]))],
        ["z"], slots=1)
    x = np.arange(12.0).reshape(3, 4)
    return Case(p, [x], [2 * x[:, ::-2].T.ravel()])


def slots_and_inplace() -> Case:
    """Two workspaces of which the first is reused; the second buffer is overwritten in place."""
    n = Dim("x", 0)

    def nest(target, value, *pairs):
        return Nest(loops(("i", n), body=[store(target, "i", value=value)]), inplace=pairs)

    p = program(
        [buf("x", 1), *(buf(b, 1, layout="c") for b in "abcdz")], ["x"],
        [slot("a", n, k=0), nest("a", add(load("x", "i"), const(1.0, F))),
         slot("b", n, k=1), nest("b", mul(load("a", "i"), load("a", "i"))),
         slot("c", n, k=0), nest("c", add(load("b", "i"), load("x", "i"))),
         Same("d", "b"), nest("d", add(load("b", "i"), load("c", "i")), ("d", "b")),
         out("z", n), nest("z", mul(load("d", "i"), load("c", "i")))],
        ["z"], slots=2)
    x = np.array([1.0, 2.0, 3.0])
    b = (x + 1) ** 2
    return Case(p, [x], [(b + b + x) * (b + x)])


def loop_and_branch() -> Case:
    """A While over a ring buffer of two rows, a lazy If inside it, and a Python operation on one side.

    h[t] = h[t-1] + h[t-2] where t is even, else python(h[t-1]); stops when h > 50. Returns the last row and the count.
    """
    m = Dim("x", 0)
    two = const(2)
    row = Op("mod", (local("t"), two), I)
    other = Op("mod", (Op("add", (local("t"), const(1)), I), two), I)
    total = add(load("ring", "row", "i"), load("ring", "other", "i"))
    even = [slot("e", m, k=1), Nest(loops(("i", m), body=[store("e", "i", value=total)])), Same("step", "e")]
    odd = [View("previous", "ring", (local("other"), const(0)), (ViewAxis(1, m),)),
           PyCall(0, ("previous",), ("step",))]
    loop = While("t", local("limit"), (
        Let("row", row), Let("other", other),
        If(Op("eq", (local("row"), const(0)), B), tuple(even), tuple(odd)),
        Nest(loops(("i", m), body=[store("ring", "row", "i", value=load("step", "i"))])),
        Nest((Store("last", (), local("row")),)),
    ), until=Op("gt", (load("ring", "row", const(0)), const(50.0, F)), B), count="steps")
    p = program(
        [buf("x", 1), buf("limit_", 0, I), buf("ring", 2, layout="c"), buf("last", 0, I, "c"), buf("e", 1, layout="c"),
         buf("previous", 1), buf("step", 1), buf("z", 1, layout="c"), buf("n", 0, I, "c")], ["x", "limit_"],
        [Let("limit", Load("limit_", (), I)),
         slot("ring", two, m), slot("last", k=2),
         Nest(loops(("i", m), body=[store("ring", const(0), "i", value=load("x", "i")),
                                    store("ring", const(1), "i", value=load("x", "i"))])),
         Nest((Store("last", (), const(0)),)),
         loop,
         Let("at", Load("last", (), I)),
         out("z", m), Nest(loops(("i", m), body=[store("z", "i", value=load("ring", "at", "i"))])),
         out("n", k=1), Nest((Store("n", (), local("steps")),))],
        ["z", "n"], slots=3)
    x = np.array([1.0, 2.0])
    previous, last, count = x, x, 0
    for t in range(40):
        previous, last = last, (last + previous if t % 2 == 0 else 3 * last)
        count += 1
        if last[0] > 50:
            break
    return Case(p, [x, np.array(40)], [last, np.array(count)], pycalls=[lambda inputs: [3 * inputs[0]]])


def updates() -> Case:
    """new x = x + y (its own result), y updated in place by y *= 2; output: the old sum."""
    n = Dim("x", 0)
    p = program(
        [buf("x", 1), buf("y", 1), buf("s", 0, layout="c"), buf("x2", 1, layout="c"), buf("y2", 1)], ["x", "y"],
        [out("s"), Nest((Store("s", (), Reduce("add", (Axis("i", n),), load("x", "i"), F)),)),
         out("x2", n, k=1), Nest(loops(("i", n), body=[store("x2", "i", value=add(load("x", "i"), load("y", "i")))])),
         Same("y2", "y"),
         Nest(loops(("i", n), body=[store("y2", "i", value=mul(load("y", "i"), const(2.0, F)))]),
              inplace=(("y2", "y"),))],
        ["s"], updates=[(0, "x2"), (1, "y2")])
    x, y = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    return Case(p, [x, y], [np.array(3.0)], [x + y, 2 * y])


def objects_and_constants() -> Case:
    """An object moves through a Python operation and is updated; a constant table is bound when linking."""
    p = program(
        [buf("state", 0, "object"), buf("table", 1), buf("draw", 1), buf("new", 0, "object"), buf("z", 1, layout="c")],
        ["state"],
        [PyCall(0, ("state", "table"), ("draw", "new")),
         out("z", Dim("draw", 0)),
         Nest(loops(("i", Dim("draw", 0)), body=[store("z", "i", value=add(load("draw", "i"), load("table", "i")))]))],
        ["z", "draw"], constants=["table"], updates=[(0, "new")])

    def draw(inputs):
        state, table = inputs
        return [state * table, state + 1]

    table = np.array([1.0, 2.0, 3.0])
    return Case(p, [7], [8 * table, 7 * table], [8], [table], [draw])


def checked() -> Case:
    """Fails unless both lengths agree; the message shows them."""
    n, m = Dim("x", 0), Dim("y", 0)
    p = program(
        [buf("x", 1), buf("y", 1), buf("z", 1, layout="c")], ["x", "y"],
        [Check(Op("eq", (n, m), B), 0, (n, m)), out("z", n),
         Nest(loops(("i", n), body=[store("z", "i", value=add(load("x", "i"), load("y", "i")))]))],
        ["z"], sites=(Site("ValueError", "Input dimension mis-match: {0} against {1}", 5),))
    return Case(p, [np.arange(3.0), np.arange(3.0)], [2 * np.arange(3.0)])


def small_types() -> Case:
    """Integers wrap, casts truncate, comparisons give bool."""
    n = Dim("x", 0)
    p = program(
        [buf("x", 1, "uint8"), buf("z", 1, "uint8", "c"), buf("b", 1, B, "c"), buf("f", 1, "float32", "c")], ["x"],
        [out("z", n), out("b", n, k=1), out("f", n, k=2),
         Nest(loops(("i", n), body=[
             Let("v", load("x", "i", dtype="uint8")),
             Let("w", Cast(local("v", "uint8"), "float32")),
             store("z", "i", value=Op("mul", (local("v", "uint8"), local("v", "uint8")), "uint8")),
             store("b", "i", value=Op("gt", (local("v", "uint8"), const(15, "uint8")), B)),
             store("f", "i", value=Op("true_div", (local("w", "float32"), const(2.0, "float32")), "float32"))]))],
        ["z", "b", "f"])
    x = np.array([0, 15, 16, 255], "uint8")
    return Case(p, [x], [x * x, x > 15, x.astype("float32") / np.float32(2)])


ALL = [scalar_add, outer_sum, reductions, matrix_product, gather_scatter, cumulative, ragged, views, slots_and_inplace,
       loop_and_branch, updates, objects_and_constants, checked, small_types]
