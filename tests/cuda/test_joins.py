"""Nests over the same points that become one: the program means what it meant, and its kernels do that."""
from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, i64, op, reduced
from lowered import lowered
from nests import Checked, Collection
from test_device_programs import arrays, both

import symtensor
import symtensor.tensor as T
from symtensor import function, grad, scan
from symtensor.codegen.cuda import in_groups
from symtensor.codegen.cuda.joins import join_points
from symtensor.codegen.cuda.split import split_sums
from symtensor.control.ifelse import ifelse
from symtensor.ir import spec
from symtensor.ir.nodes import (
    Alloc, Axis, Call, Cast, If, Let, Load, Local, Loop, Nest, Program, Reduce, Same, Store, While,
)
from symtensor.ir.walk import statements, writes
from symtensor.runtime.interpreter import Interpreter

SHAPES = [(1, 1), (3, 5), (40, 3), (3, 40), (7, 300)]


def made(program: Program) -> Program:
    buffers = {b.name: b for b in program.buffers}
    return spec.check(join_points(program, lambda nest: in_groups(nest, buffers), lambda buffer: True))


def optimised(function) -> tuple[Program, list]:
    x = T.matrix("x", dtype="float64")
    graph = symtensor.function([x], function(x)).maker.fgraph
    found = lowered(list(graph.inputs), list(graph.outputs))
    return found.program, found.constants


def nests(program: Program) -> int:
    """How many there are, those of the way that long rows take aside."""
    return sum(isinstance(s, Nest) for s in statements(program.body)) - sum(
        len(s.then) for s in statements(program.body) if isinstance(s, If))


def softmax_gradient(x):
    return grad((T.nnet.softmax(x) ** 2).sum(), x)


def normalised(x):
    return (x - x.mean(axis=1, keepdims=True)) / T.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def exponentials(x):
    y = x - x.mean(axis=1, keepdims=True)
    z = T.exp(y)
    return y / T.sqrt(z.sum(axis=1, keepdims=True) * z.max(axis=1, keepdims=True))


FUNCTIONS = {
    "log of sum of exp": (lambda x: T.log(T.exp(x).sum(axis=1)), 1),
    "mean of rows": (lambda x: x.mean(axis=1), 1),
    "mean of columns": (lambda x: x.mean(axis=0), 1),
    "exponentials of what is put out": (exponentials, 3),
    "softmax gradient": (softmax_gradient, 1),
    "normalised": (normalised, 1),
    "rows shifted": (lambda x: x.sum(axis=1)[::-1] * 2, 2),
    "the sum of each row's largest": (lambda x: x.max(axis=1).sum(), 2),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions(name, rng):
    function, wanted = FUNCTIONS[name]
    program, constants = optimised(function)
    joined = made(program)
    assert nests(joined) <= wanted
    split = spec.check(split_sums(joined, lambda buffer: True))
    checked = Checked(split, Collection(), tolerance=1e-12)
    for shape in SHAPES:
        value = rng.standard_normal(shape)
        expected = Interpreter(program, constants).run([value])[0]
        for width in (1, 32, 64):
            for a, b in zip(checked.run([value], width, constants), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def two(second, between=()) -> Program:
    """y[i] = the sum of row i, and what comes after."""
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    b.alloc("y", "float64", n)
    b.alloc("z", "float64", n, output=True)
    i, j = Local("i"), Local("j")
    total = reduced("add", [m], lambda r: b.load(x, i, r), "float64")
    b.body.append(Nest((Loop(Axis("i", n), (Store("y", (i,), total),)),)))
    b.body += between
    b.body.append(Nest((Loop(Axis("j", n), (Store("z", (j,), second(b, j, n)),)),)))
    return b.program()


def test_other_points_are_left_alone():
    def own(b, j, n):
        return op("add", b.load("y", j), b.load("x", j, i64(0)))

    def mirrored(b, j, n):
        return b.load("y", op("sub", op("sub", n, i64(1)), j))

    def first(b, j, n):
        return b.load("y", i64(0))

    assert nests(made(two(own))) == 1
    assert nests(made(two(mirrored))) == 2
    assert nests(made(two(first))) == 2


def test_what_nobody_reads_is_not_stored():
    program, _ = optimised(FUNCTIONS["log of sum of exp"][0])
    *_, nest = (s for s in statements(made(program).body) if isinstance(s, Nest))
    assert len({s.buffer for s in nest.body[0].body if isinstance(s, Store)}) == 1


def test_rows_stay_apart_from_what_takes_their_memory():
    """The exponentials are in memory that a later row of numbers gets: no kernel may write both."""
    program, _ = optimised(FUNCTIONS["exponentials of what is put out"][0])
    rows = {s.buffer: s.place for s in program.body if isinstance(s, Alloc)}
    for nest in (s for s in statements(made(program).body) if isinstance(s, Nest)):
        places = [rows[name] for name in writes(nest) if name in rows]
        assert len(places) == len(set(places))


# -- what a name, a size or a store means elsewhere in the program


def check(program: Program, *values, joined: bool) -> None:
    """The program means what it meant, in the memory that its values share; whether nests were joined."""
    found = made(program)
    assert (nests(found) < nests(program)) == joined
    expected, result = (Interpreter(p, poison=True, sharing=True).run([np.copy(v) for v in values])[0]
                        for p in (program, found))
    for a, b in zip(expected, result, strict=True):
        np.testing.assert_array_equal(b, a)


def stored(b: Builder, name: str, axes, value, *index) -> None:
    """A nest with one loop for each axis: name[index ...] = value, index being the loops' if there is none given."""
    body = (Store(name, index or tuple(Local(i) for i, _ in axes), value),)
    for name_of_loop, extent in reversed(axes):
        body = (Loop(Axis(name_of_loop, extent), body),)
    b.body.append(Nest(body))


def rows(name: str, i: str, extent, how: str = "add"):
    """Row i of a matrix, reduced."""
    return Reduce(how, (Axis(f"r_{i}", extent),), Load(name, (Local(i), Local(f"r_{i}")), "float64"), "float64")


def test_sizes_of_what_each_branch_makes():
    def make():
        c, x, y = T.iscalar(), T.fmatrix(), T.fmatrix()
        chosen = ifelse(c, T.dot(x, x.T), T.dot(y, y.T))
        return function([c, x, y], [T.exp(chosen).sum(1), T.exp(y).sum(1)]), []

    both(make, [(c, *arrays((n, 4), (7, 4))) for c in (0, 1) for n in (5, 9)])


def test_names_that_each_branch_gives(rng):
    b = Builder()
    c, x, y = b.input("c", "bool"), b.input("x", "float64", 2), b.input("y", "float64", 2)
    n, m = b.dims(x)
    b.buffer("chosen", "float64", 2, layout="any")
    b.body.append(If(b.load(c), (Same("chosen", x),), (Same("chosen", y),)))
    b.alloc("p", "float64", n, output=True)
    b.alloc("q", "float64", n, output=True)
    stored(b, "p", [("i", n)], rows("chosen", "i", m))
    stored(b, "q", [("j", n)], rows("chosen", "j", m, "maximum"))
    for chosen in (True, False):
        check(b.program(), np.array(chosen), *rng.standard_normal((2, 3, 5)), joined=True)


@pytest.mark.parametrize("slot", [0, 1])
def test_memory_that_each_branch_takes(slot, rng):
    """What is chosen is in one of two slots. Both are anybody's once it has been read."""
    b = Builder()
    c, x = b.input("c", "bool"), b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    b.buffer("chosen", "float64", 2)
    b.slots = 2
    b.body.append(If(b.load(c), *((Alloc("chosen", (n, m), ("slot", k)),) for k in (0, 1))))
    stored(b, "chosen", [("j0", m), ("i0", n)], b.load(x, Local("i0"), Local("j0")), Local("i0"), Local("j0"))
    b.alloc("y", "float64", n)
    stored(b, "y", [("i1", n)], rows("chosen", "i1", m))
    b.buffer("z", "float64", 2)
    b.body.append(Alloc("z", (n, m), ("slot", slot)))
    b.body.append(Call("sort", ("z",), (x,), (i64(1),)))
    b.alloc("q", "float64", n, output=True)
    stored(b, "q", [("i2", n)], op("add", b.load("y", Local("i2")), rows("z", "i2", m, "maximum")))
    for chosen in (True, False):
        check(b.program(), np.array(chosen), rng.standard_normal((3, 5)), joined=False)


def test_memory_is_read_before_it_is_taken(rng):
    """A row that nobody reads is not stored, but its memory is taken all the same, and that may be larger."""
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    b.alloc("a", "float64", n, m)
    stored(b, "a", [("j0", m), ("i0", n)], b.load(x, Local("i0"), Local("j0")), Local("i0"), Local("j0"))
    b.alloc("y", "float64", n, output=True)
    stored(b, "y", [("i1", n)], rows("a", "i1", m))
    b.buffer("unread", "float64", 2)
    b.body.append(Alloc("unread", (n, op("mul", m, i64(2))), ("slot", 0)))
    j = Local("j2")
    b.body.append(Nest((Loop(Axis("i2", n), (
        Let("v", b.load("y", Local("i2"))),
        Loop(Axis("j2", op("mul", m, i64(2))), (Store("unread", (Local("i2"), j), Local("v", "float64")),)),
    )),)))
    check(b.program(), rng.standard_normal((3, 5)), joined=False)


def test_what_a_step_left_is_read_before_it_is_replaced(rng):
    """Only the next step reads what this one stores, and does so before it stores its own."""
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    b.alloc("state", "float64", n, m)
    stored(b, "state", [("j0", m), ("i0", n)], b.load(x, Local("i0"), Local("j0")), Local("i0"), Local("j0"))
    b.alloc("y", "float64", i64(3), n, output=True)
    outer, b.body = b.body, []
    stored(b, "y", [("i1", n)], rows("state", "i1", m), Local("t"), Local("i1"))
    stored(b, "state", [("i2", n), ("j2", m)], op("mul", b.load(x, Local("i2"), Local("j2")), Cast(
        Local("t"), "float64")))
    b.body = [*outer, While("t", i64(3), tuple(b.body))]
    check(b.program(), rng.standard_normal((3, 5)), joined=True)


def test_nests_for_nobody(rng):
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    for k, (name, value) in enumerate([("p", rows(x, "i0", m)), ("q", b.load(x, Local("i1"), i64(0)))]):
        b.alloc(name, "float64", n)
        stored(b, name, [(f"i{k}", n)], value)
    b.alloc("y", "float64", m, output=True)
    stored(b, "y", [("i2", m)], b.load(x, i64(0), Local("i2")))
    check(b.program(), rng.standard_normal((3, 5)), joined=False)


def test_what_have_been_points_are_not_left_to_one_group(rng):
    """A number after a loop, a column after a matrix, a row after sums over a third axis."""
    b = Builder()
    x, t = b.input("x", "float64", 3, layout="c"), b.input("t", "float64")
    n, m, k = b.dims(x)
    i, j, zero = Local("i"), Local("j"), i64(0)
    total = reduced("add", [k], lambda r: b.load(x, i, j, r), "float64")
    for name, sizes, value in [("a", (n, m), b.load(x, i, j, zero)), ("b", (n,), b.load(x, i, zero, zero)),
                               ("c", (), op("mul", b.load(t), b.load(t))), ("d", (n, m), total)]:
        b.alloc(name, "float64", *sizes, output=True)
        stored(b, name, list(zip("ij", sizes)), value)
    b.alloc("e", "float64", n, output=True)
    stored(b, "e", [("l", n)], rows("d", "l", m))
    check(b.program(), rng.standard_normal((2, 3, 4)), np.array(3.0), joined=False)


def test_names_of_values_differ(rng):
    """Rows go after their values have been named, so that a later store stands where an earlier one stood."""
    b = Builder()
    x = b.input("x", "float64", 2, layout="c")
    n, m = b.dims(x)
    for name in "pqr":
        b.alloc(name, "float64", n, m)
    b.alloc("y", "float64", n, output=True)
    i, factors = Local("i"), [b.load(name, Local("i"), Local("k")) for name in "pqr"]
    loops = [Loop(Axis(j, m), (Store(name, (i, Local(j)), op("neg", b.load(x, i, Local(j)))),))
             for name, j in zip("pqr", ("j0", "j1", "j2"))]
    total = Reduce("add", (Axis("k", m),), op("mul", *factors), "float64")
    b.body.append(Nest((Loop(Axis("i", n), (*loops, Store("y", (i,), total))),)))
    for index in ("i2", "i3"):
        stored(b, "y", [(index, n)], op("add", b.load("y", Local(index)), b.load(x, Local(index), i64(0))))
    check(b.program(), rng.standard_normal((3, 5)), joined=True)


def carried_by_another_name(x, s, c):
    return scan(lambda x, s: (T.tanh(x + s), s.sum(1)), sequences=x, outputs_info=[s, None])[0][1]


def carried_beside_what_is_split(x, s, c):
    return scan(lambda x, c: (T.tanh(x.max(1)), (x * c.dimshuffle(0, "x")).sum(1)), sequences=x,
                outputs_info=[c, None])[0][1]


@pytest.mark.parametrize("step", [carried_by_another_name, carried_beside_what_is_split])
def test_states_that_only_the_next_step_reads(step):
    def make():
        x, s, c = T.ftensor3(), T.fmatrix(), T.fvector()
        return function([x, s, c], step(x, s, c), on_unused_input="ignore"), []

    both(make, [arrays((4, 3, 20), (3, 20), (3,))])
