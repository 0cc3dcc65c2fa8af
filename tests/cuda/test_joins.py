"""Nests over the same points that become one: the program means what it meant, and its kernels do that."""
from __future__ import annotations

import numpy as np
import pytest
from harness import Builder, i64, op, reduced
from lowered import lowered
from nests import Checked, Collection

import symtensor
import symtensor.tensor as T
from symtensor import grad
from symtensor.codegen.cuda import in_groups
from symtensor.codegen.cuda.joins import join_points
from symtensor.codegen.cuda.split import split_sums
from symtensor.ir import spec
from symtensor.ir.nodes import Alloc, Axis, If, Local, Loop, Nest, Program, Store
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
