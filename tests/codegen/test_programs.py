"""Whole programs: views, reshapes, checks, branches, loops, Python operations, updates."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, Failed, i64, op, reduced, run, runner, variants

from symtensor.codegen.c import UnsupportedRow, print_program
from symtensor.ir.nodes import (
    Accumulate,
    Alloc,
    Axis,
    Call,
    Cast,
    Check,
    Const,
    Dim,
    If,
    Let,
    Load,
    Local,
    Loop,
    Nest,
    Op,
    PyCall,
    Reduce,
    Reshape,
    Same,
    Site,
    Store,
    View,
    ViewAxis,
    While,
)

F = "float64"


def test_views_of_views(rng):
    b = Builder()
    x = b.input("x", F, 2)
    rows, columns = b.dims(x)
    b.buffer("t", F, 2, layout="any")
    b.body.append(View("t", x, (i64(0), i64(0)), (ViewAxis(1, columns), ViewAxis(0, rows))))
    b.buffer("v", F, broadcast=(False, True, False), layout="any")
    half = op("int_div", op("add", columns, i64(1)), i64(2))
    b.body.append(
        View(
            "v",
            "t",
            (op("sub", columns, i64(1)), i64(1)),
            (ViewAxis(0, half, i64(-2)), ViewAxis(None, i64(1)), ViewAxis(1, op("sub", rows, i64(1)))),
        )
    )
    b.alloc("z", F, *b.dims("v")[:1], i64(1), b.dims("v")[2], output=True)
    b.elementwise(
        "z", (b.dims("v")[0], i64(1), b.dims("v")[2]), lambda i, j, k: op("mul", b.load("v", i, j, k), Const(2.0, F))
    )
    b.alloc("s", F, columns, output=True)
    b.elementwise("s", (columns,), lambda i: reduced("add", (rows,), lambda r: b.load("t", i, r), F))
    for shape in [(2, 3), (5, 8), (40, 30)]:
        v = rng.standard_normal(shape)
        for variant in variants(v).values():
            z, s = run(b.program(), variant)
            np.testing.assert_array_equal(z, 2 * v.T[::-2, None, 1:])
            np.testing.assert_allclose(s, v.sum(0), rtol=1e-12, atol=1e-13)


def test_reshape(rng):
    b = Builder()
    x = b.input("x", F, 2)
    total = op("mul", *b.dims(x))
    b.sites.append(Site("ValueError", "odd"))
    b.body.append(Check(op("eq", op("mod", total, i64(2)), i64(0), dtype="bool"), 0, (total,)))
    b.buffer("f", F, 2)
    b.body.append(Reshape("f", x, (op("int_div", total, i64(2)), i64(2)), ("slot", 0)))
    b.slots = 1
    b.alloc("z", F, op("int_div", total, i64(2)), output=True)
    b.elementwise("z", b.dims("z"), lambda i: op("sub", b.load("f", i, i64(0)), b.load("f", i, i64(1))))
    for shape in [(1, 2), (4, 3), (0, 5), (16, 17)]:
        v = rng.standard_normal(shape)
        for variant in variants(v).values():
            np.testing.assert_array_equal(run(b.program(), variant)[0], np.diff(v.reshape(-1, 2))[:, 0] * -1)
    with pytest.raises(Failed) as error:
        run(b.program(), np.zeros((3, 3)))
    assert error.value.args[:2] == (0, 9)


def gather_and_scatter(kind: str):
    b = Builder()
    table, index, g = b.input("e", F, 2), b.input("i", "int64", 1), b.input("g", F, 2)
    n, width = b.dims(index)[0], b.dims(table)[1]
    b.alloc("z", F, n, width, output=True)
    b.elementwise("z", (n, width), lambda i, j: b.load(table, b.load(index, i), j))
    b.alloc("s", F, *b.dims(table), output=True)
    b.elementwise("s", b.dims(table), lambda i, j: Const(1.0, F))
    i, j = Local("i0"), Local("i1")
    row = b.load(index, i)
    b.body.append(
        Nest(
            (
                Loop(
                    Axis("i0", n, "serial"),
                    (Loop(Axis("i1", width), (Accumulate("s", (row, j), kind, b.load(g, i, j)),)),),
                ),
            )
        )
    )
    return b.program()


@pytest.mark.parametrize("kind", ["add", "mul", "maximum", "minimum"])
def test_gather_and_scatter(kind, rng):
    ufunc = {"add": np.add, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}[kind]
    for vocabulary, width, n in [(5, 3, 20), (30, 128, 64), (4, 1, 9), (3, 4, 0)]:
        e, g = rng.standard_normal((vocabulary, width)), rng.standard_normal((n, width))
        index = rng.integers(0, vocabulary, n)
        expected = np.ones_like(e)
        ufunc.at(expected, index, g)
        for ve, vg in zip(variants(e).values(), variants(g).values()):
            z, s = run(gather_and_scatter(kind), ve, variants(index)["reversed"], vg)
            np.testing.assert_array_equal(z, e[index])
            np.testing.assert_allclose(s, expected, rtol=1e-12)


def test_scatter_along_the_vector_axis(rng):
    b = Builder()
    index, g = b.input("i", "int32", 1), b.input("g", "float32", 1)
    n = b.dims(index)[0]
    b.alloc("s", "float32", i64(7), output=True)
    b.elementwise("s", (i64(7),), lambda i: Const(0.0, "float32"))
    value = op("mul", op("exp", b.load(g, Local("k"))), Const(2.0, "float32"))
    b.body.append(
        Nest(
            (
                Loop(
                    Axis("k", n, "serial"),
                    (Accumulate("s", (Cast(b.load(index, Local("k")), "int64"),), "add", value),),
                ),
            )
        )
    )
    v, k = rng.standard_normal(100).astype("float32"), rng.integers(0, 7, 100).astype("int32")
    expected = np.zeros(7)
    np.add.at(expected, k, 2 * np.exp(v.astype(F)))
    np.testing.assert_allclose(run(b.program(), k, v)[0], expected, rtol=1e-5)


def test_cumulative_sum(rng):
    for axis in (0, 1):
        b = Builder()
        x = b.input("x", F, 2)
        along, kept = b.dims(x)[axis], b.dims(x)[1 - axis]
        b.alloc("z", F, *b.dims(x), output=True)

        def at(i, k, axis=axis):
            return (i, k) if axis == 0 else (k, i)

        i, k = Local("i"), Local("k")
        first = Loop(
            Axis("k", kept),
            (
                Store("z", at(i64(0), k), b.load(x, *at(i64(0), k))),
                Loop(
                    Axis("i", op("sub", along, i64(1)), "serial"),
                    (
                        Store(
                            "z",
                            at(op("add", i, i64(1)), k),
                            op("add", b.load("z", *at(i, k)), b.load(x, *at(op("add", i, i64(1)), k))),
                        ),
                    ),
                ),
            ),
        )
        b.body.append(Nest((first,)))
        for shape in [(1, 1), (5, 9), (40, 300)]:
            v = rng.standard_normal(shape)
            for variant in variants(v).values():
                np.testing.assert_allclose(run(b.program(), variant)[0], np.cumsum(v, axis), rtol=1e-12, atol=1e-12)


def ring_buffer():
    """h[t] = tanh(x[t] + h[t-1]) in a ring of two; every third step goes through Python; ends when the sum < limit."""
    b = Builder()
    x, h0, stop = b.input("x", F, 2), b.input("h0", F, 1), b.input("stop", F)
    width = b.dims(h0)[0]
    b.sites.append(Site("ValueError", "widths"))
    b.body.append(Check(op("eq", width, Dim(x, 1), dtype="bool"), 0, (width, Dim(x, 1))))
    b.alloc("ring", F, i64(2), width)
    b.elementwise(
        "ring",
        (i64(2), width),
        lambda i, j: op("switch", op("eq", i, i64(1), dtype="bool"), b.load(h0, j), Const(0.0, F), dtype=F),
    )
    b.alloc("total", F, output=True)
    b.body.append(Nest((Store("total", (), Const(0.0, F)),)))
    t = Local("t")
    b.buffer("row", F, 1, layout="any")
    b.buffer("old", F, 1, layout="any")
    b.buffer("new", F, 1, layout="any")
    before = op("mod", op("add", t, i64(1)), i64(2))

    def view(name, base, at):
        return View(name, base, (at, i64(0)), (ViewAxis(1, width),))

    b.alloc("sum", F, width, emit=False)
    plain = Nest(
        (
            Loop(
                Axis("i0", width),
                (Store("sum", (Local("i0"),), op("add", b.load("row", Local("i0")), b.load("old", Local("i0")))),),
            ),
        )
    )
    b.buffers.pop("sum")
    b.buffer("sum", F, 1, layout="any")
    third = op("eq", op("mod", t, i64(3)), i64(2), dtype="bool")
    body = (
        view("row", x, t),
        view("old", "ring", before),
        view("new", "ring", op("mod", t, i64(2))),
        If(third, (PyCall(0, ("row", "old"), ("sum",)),), (Alloc("sum", (width,), ("slot", 1)), plain)),
        Nest((Loop(Axis("i0", width), (Store("new", (Local("i0"),), op("tanh", b.load("sum", Local("i0")))),)),)),
        Nest(
            (
                Store(
                    "total",
                    (),
                    op("add", b.load("total"), Reduce("add", (Axis("r", width),), b.load("new", Local("r")), F)),
                ),
            )
        ),
    )
    b.slots = 2
    b.body.append(While("t", Dim(x, 0), body, op("lt", b.load("total"), b.load(stop), dtype="bool"), "steps"))
    b.alloc("n", "int64", output=True)
    b.body.append(Nest((Store("n", (), Local("steps")),)))
    return b.program()


def test_loop_over_a_ring_buffer_with_a_lazy_python_step(rng):
    program = ring_buffer()
    calls = []

    def python(values):
        calls.append(1)
        return [np.asfortranarray(values[0] + values[1])[::1]]

    for steps, width, stop in [(0, 3, -1e9), (1, 4, -1e9), (50, 9, -1e9), (50, 9, 5.0), (2000, 2, -1e9)]:
        x, h = rng.standard_normal((steps, width)), rng.standard_normal(width)
        calls.clear()
        total, n = run(program, variants(x)["spread"], h, np.array(stop), pycalls=[python])
        expected, state, count = 0.0, h, 0
        for t in range(steps):
            state = np.tanh(x[t] + state)
            expected += state.sum()
            count += 1
            if expected < stop:
                break
        assert (int(n), len(calls)) == (count, sum(t % 3 == 2 for t in range(count)))
        np.testing.assert_allclose(total, expected, rtol=1e-9, atol=1e-9)


def test_an_error_in_python_comes_through():
    program = ring_buffer()

    def python(values):
        raise ZeroDivisionError("in Python")

    with pytest.raises(ZeroDivisionError, match="in Python"):
        run(program, np.zeros((5, 2)), np.zeros(2), np.array(-1e9), pycalls=[python])


def test_objects_pass_through_branches():
    b = Builder()
    x, flag = b.input("x", "object"), b.input("flag", "bool")
    b.buffer("y", "object")
    b.body.append(If(b.load(flag), (PyCall(0, (x,), ("y",)),), (Same("y", x),)))
    b.outputs.append("y")
    program = b.program()
    for value in ({"a": 1}, None, slice(1, 2)):
        assert run(program, value, np.array(True), pycalls=[lambda v: [("seen", v[0])]]) == [("seen", value)]
        assert run(program, value, np.array(False), pycalls=[lambda v: [0]]) == [value]


def test_updates_in_place_and_beside(rng):
    b = Builder()
    x, y = b.input("x", F, 1), b.input("y", F, 1)
    b.buffer("x2", F, 1, layout="any")
    b.alloc("y2", F, Dim(y, 0), output=True)
    b.outputs.clear()
    b.elementwise("y2", (Dim(y, 0),), lambda i: op("add", b.load(x, i), b.load(y, i)))
    b.body.append(Same("x2", x))
    b.elementwise("x2", (Dim(x, 0),), lambda i: op("mul", b.load(x, i), Const(2.0, F)), (("x2", "x"),))
    b.updates += [(0, "x2"), (1, "y2")]
    program = b.program()
    program = type(program)(
        **{
            **{f: getattr(program, f) for f in program.__dataclass_fields__},
            "body": tuple(Alloc("y2", s.dims, ("output", 1)) if isinstance(s, Alloc) else s for s in program.body),
        }
    )
    vx, vy = rng.standard_normal(20), rng.standard_normal(20)
    kept = vx.copy()
    _, updates = runner(program).run([vx, vy])
    assert updates[0] is vx
    np.testing.assert_array_equal(vx, 2 * kept)
    np.testing.assert_array_equal(updates[1], kept + vy)


def test_sizes_beyond_memory_are_refused():
    b = Builder()
    n = b.input("n", "int64")
    b.body.append(Let("k", b.load(n)))
    b.alloc("z", F, Local("k"), Local("k"), output=True)
    with pytest.raises(Failed) as error:
        run(b.program(), np.array(1 << 40))
    assert error.value.args[0] == -1
    assert run(b.program(), np.array(0))[0].shape == (0, 0)


def test_equal_programs_have_equal_texts_whatever_the_names():
    def made(prefix):
        b = Builder()
        x = b.input(prefix + "x", F, 2)
        b.alloc(prefix + "t", F, *b.dims(x))
        b.elementwise(prefix + "t", b.dims(x), lambda i, j: op("exp", b.load(x, i, j)))
        b.alloc(prefix + "z", F, *b.dims(x), output=True)
        b.elementwise(prefix + "z", b.dims(x), lambda i, j: op("exp", b.load(prefix + "t", i, j)))
        return print_program(b.program())

    assert made("a") == made("quite_another")


def test_equal_nests_print_once():
    b = Builder()
    x = b.input("x", F, 2, layout="c")
    name = x
    for k in range(20):
        new = b.alloc(f"t{k}", F, *b.dims(name), output=k == 19)
        b.elementwise(new, b.dims(name), lambda i, j, name=name: op("tanh", b.load(name, i, j)))
        name = new
    text = print_program(b.program()).text
    assert text.count("ST_NEST void k") == 1
    np.testing.assert_allclose(run(b.program(), np.full((3, 4), 0.3))[0].shape, (3, 4))


def test_rows_without_c_text_are_refused():
    b = Builder()
    x = b.input("x", "complex128", 1)
    b.alloc("z", "complex128", *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda i: op("mod", b.load(x, i), b.load(x, i)))
    with pytest.raises(UnsupportedRow, match="mod of complex128"):
        print_program(b.program())
    b = Builder()
    with pytest.raises(ValueError, match="buffered"):
        print_program(type(b.program())("p", "nests", (), (), (), (), (), ()))


def test_residual_layers_with_products(rng):
    b = Builder()
    x, w = b.input("x", "float32", 2), b.input("w", "float32", 2)
    b.sites.append(Site("ValueError", "shapes"))
    b.body.append(Check(op("eq", Dim(x, 1), Dim(w, 0), dtype="bool"), 0))
    b.body.append(Check(op("eq", Dim(x, 1), Dim(w, 1), dtype="bool"), 0))
    name = x
    for k in range(4):
        p = b.alloc(f"p{k}", "float32", *b.dims(x))
        b.body.append(Call("gemm", (p,), (name, w), (Const(1.0, "float32"), Const(0.0, "float32"))))
        out = b.alloc(f"h{k}", "float32", *b.dims(x), output=k == 3)
        b.elementwise(
            out, b.dims(x), lambda i, j, p=p, name=name: op("add", op("tanh", b.load(p, i, j)), b.load(name, i, j))
        )
        name = out
    vx, vw = rng.standard_normal((6, 10)).astype("float32"), rng.standard_normal((10, 10)).astype("float32")
    expected = vx.astype(F)
    for _ in range(4):
        expected = np.tanh(expected @ vw) + expected
    for variant in variants(vw).values():
        np.testing.assert_allclose(run(b.program(), vx, variant)[0], expected, rtol=1e-4, atol=1e-4)


def test_unread_results_and_names(rng):
    """Definitions that nobody reads leave no trace that the compiler would warn of."""
    b = Builder()
    x = b.input("x", F, 2)
    b.input("unused", F, 3)
    b.buffer("v", F, 2, layout="any")
    b.body.append(View("v", x, (i64(0), i64(0)), (ViewAxis(1, Dim(x, 1)), ViewAxis(0, Dim(x, 0)))))
    b.body.append(Let("unread", op("mul", Dim(x, 0), i64(3))))
    b.alloc("z", F, output=True)
    b.body.append(Nest((Let("q", Load("x", (i64(0), i64(0)), F)), Store("z", (), Const(1.0, F)))))
    assert run(b.program(), np.zeros((1, 1)), np.zeros((1, 1, 1)))[0] == 1.0
    empty = Builder()
    assert run(empty.program()) == []


def test_deep_chains_of_sizes():
    b = Builder()
    x = b.input("x", F, 1)
    size = b.dims(x)[0]
    for k in range(300):
        b.body.append(Let(f"n{k}", Op("add", (size, i64(1)), "int64")))
        size = Local(f"n{k}")
    b.alloc("z", F, size, output=True)
    b.elementwise("z", (size,), lambda i: Cast(i, F))
    assert run(b.program(), np.zeros(3))[0].shape == (303,)


def test_a_nest_of_hundreds_of_operations(rng):
    b = Builder()
    x = b.input("x", F, 1)
    b.alloc("z", F, *b.dims(x), output=True)
    i, body, value = Local("i"), [], b.load(x, Local("i"))
    for k in range(400):
        body.append(Let(f"v{k}", op("sub", op("mul", value, Const(0.75, F)), b.load(x, i))))
        value = Local(f"v{k}", F)
    b.body.append(Nest((Loop(Axis("i", Dim(x, 0)), (*body, Store("z", (i,), value))),)))
    v = rng.standard_normal(50)
    expected = v
    for _ in range(400):
        expected = expected * 0.75 - v
    np.testing.assert_allclose(run(b.program(), v)[0], expected, rtol=1e-12)


def test_a_check_of_sizes_known_to_be_equal_is_not_printed_again():
    b = Builder()
    x, y = b.input("x", F, 1), b.input("y", F, 1)
    b.sites.append(Site("ValueError", "sizes"))
    for _ in range(3):
        b.body.append(Check(op("eq", Dim(x, 0), Dim(y, 0), dtype="bool"), 0))
    assert print_program(b.program()).text.count("return st_fail") == 1
    with pytest.raises(Failed):
        run(b.program(), np.zeros(2), np.zeros(3))
