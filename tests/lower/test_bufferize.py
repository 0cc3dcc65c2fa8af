"""Bufferisation changes where values live, never what they are: random programs run equal with and without sharing."""

from __future__ import annotations

import numpy as np
import pytest

from symtensor.ir.nodes import (
    Alloc,
    Buffer,
    Check,
    Const,
    Copied,
    Define,
    Dim,
    If,
    Let,
    Load,
    Local,
    Nest,
    Op,
    Program,
    Reshape,
    Same,
    Site,
    View,
    ViewAxis,
)
from symtensor.ir.spec import check
from symtensor.ir.text import program_text
from symtensor.ir.walk import statements, writes
from symtensor.lower.bufferize import bufferize
from symtensor.lower.nest import NestBuilder
from symtensor.runtime.interpreter import Interpreter


class Random:
    """A random legal program over vectors of one length."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.buffers: list[Buffer] = []
        self.counts: dict[str, int] = {}
        self.body: list = []
        self.inputs = tuple(self.declare("any") for _ in range(2 + int(self.rng.integers(3))))
        self.vectors = list(self.inputs)
        self.length = Dim(self.inputs[0], 0)
        for _ in range(int(self.rng.integers(1, 14))):
            self.step()
        pick = lambda k: [self.vectors[i] for i in self.rng.integers(0, len(self.vectors), k)]
        outputs = tuple(pick(int(self.rng.integers(0, 4))))
        updated = [k for k in range(len(self.inputs)) if self.rng.random() < 0.6]
        updates = tuple(zip(updated, pick(len(updated))))
        self.program = check(
            Program(
                "random",
                "nests",
                tuple(self.buffers),
                self.inputs,
                (),
                outputs,
                updates,
                tuple(self.body),
                (Site("ValueError", "never"),),
            )
        )

    def fresh(self, prefix: str) -> str:
        self.counts[prefix] = self.counts.get(prefix, -1) + 1
        return f"{prefix}{self.counts[prefix]}"

    def declare(self, layout: str = "c") -> str:
        name = self.fresh("b")
        self.buffers.append(Buffer(name, "float64", (False,), layout))
        return name

    def any_vector(self) -> str:
        recent = self.vectors[-4:] if self.rng.random() < 0.7 else self.vectors
        return recent[int(self.rng.integers(len(recent)))]

    def step(self) -> None:
        kind = self.rng.choice(
            ["nest", "nest", "nest", "pair", "accumulate", "reverse", "reshape", "same", "check", "branch", "scaled",
             "again"]
        )
        getattr(self, kind)()

    def nest(self) -> None:
        self.vectors.append(self.filled([self.any_vector(), self.any_vector()]))

    def filled(self, sources) -> str:
        out = self.declare()
        self.body.append(Define(out, (self.length,)))
        builder = NestBuilder(self.fresh, ())
        i = builder.loop(self.length)
        reversed_ = Op("sub", (Op("sub", (self.length, Const(1, "int64")), "int64"), i), "int64")
        index = [i, i if self.rng.random() < 0.7 else reversed_]
        a, b = (builder.bind(Load(s, (k,), "float64")) for s, k in zip(sources, index))
        builder.store(out, (i,), Op("add", (Op("mul", (a, Const(0.5, "float64")), "float64"), b), "float64"))
        self.body.append(builder.finish())
        return out

    def pair(self) -> None:
        source = self.any_vector()
        outs = [self.declare(), self.declare()]
        self.body += [Define(o, (self.length,)) for o in outs]
        builder = NestBuilder(self.fresh, ())
        i = builder.loop(self.length)
        a = builder.bind(Load(source, (i,), "float64"))
        value = builder.bind(Op("add", (a, Const(1.0, "float64")), "float64"))
        builder.store(outs[0], (i,), value)
        builder.store(outs[1], (i,), Op("mul", (value, a), "float64"))
        self.body.append(builder.finish())
        self.vectors += outs

    def accumulate(self) -> None:
        source, other = self.any_vector(), self.any_vector()
        out = self.declare()
        self.body.append(Copied(out, source))
        builder = NestBuilder(self.fresh, ())
        i = builder.loop(self.length)
        value = builder.bind(Load(other, (i,), "float64"))
        builder.accumulate(out, (Op("int_div", (i, Const(2, "int64")), "int64"),), "add", value)
        if out == other:
            return
        self.body.append(builder.finish())
        self.vectors.append(out)

    def scaled(self) -> None:
        """A vector times an element of another, which the host reads."""
        source, other, out = self.any_vector(), self.any_vector(), self.declare()
        element = Let(self.fresh("n"), Load(other, (Const(1, "int64"),), "float64"))
        self.body += [element, Define(out, (self.length,))]
        builder = NestBuilder(self.fresh, ())
        i = builder.loop(self.length)
        value = builder.bind(Load(source, (i,), "float64"))
        builder.store(out, (i,), Op("mul", (value, Local(element.name, "float64")), "float64"))
        self.body.append(builder.finish())
        self.vectors.append(out)

    def again(self) -> None:
        """What some may have read already is written a second time, as loops do with what they carry."""
        aliased = {s.base if isinstance(s, (View, Reshape)) else s.source
                   for s in self.body if isinstance(s, (View, Reshape, Same, Copied))}
        own = [s.buffer for s in self.body if isinstance(s, Define) and s.buffer not in aliased]
        if not own:
            return
        target, source = own[int(self.rng.integers(len(own)))], self.any_vector()
        builder = NestBuilder(self.fresh, ())
        i = builder.loop(self.length)
        builder.accumulate(target, (i,), "add", builder.bind(Load(source, (i,), "float64")))
        self.body.append(builder.finish())

    def reverse(self) -> None:
        source, out = self.any_vector(), self.declare("any")
        start = Op("sub", (self.length, Const(1, "int64")), "int64")
        self.body.append(View(out, source, (start,), (ViewAxis(0, self.length, Const(-1, "int64")),)))
        self.vectors.append(out)

    def reshape(self) -> None:
        source, out = self.any_vector(), self.declare()
        self.body.append(Reshape(out, source, (self.length,)))
        self.vectors.append(out)

    def same(self) -> None:
        source = self.any_vector()
        layout = next(b.layout for b in self.buffers if b.name == source)
        out = self.declare(layout)
        self.body.append(Same(out, source))
        self.vectors.append(out)

    def check(self) -> None:
        self.body.append(Check(Op("ge", (self.length, Const(0, "int64")), "bool"), 0))

    def branch(self) -> None:
        """Both sides of an If define one buffer, which is read afterwards."""
        sources = [self.any_vector(), self.any_vector()]
        out, then = self.apart(sources)
        other, orelse = self.apart(sources[::-1])
        self.buffers = [b for b in self.buffers if b.name != other]
        condition = Op("gt", (Load(self.any_vector(), (Const(0, "int64"),), "float64"), Const(0.0, "float64")), "bool")
        self.body.append(If(condition, tuple(then), tuple(_renamed(s, other, out) for s in orelse)))
        self.vectors.append(out)

    def apart(self, sources) -> tuple:
        """A filled buffer and the statements that make it, not appended to the body."""
        body, self.body = self.body, []
        name = self.filled(sources)
        made, self.body = self.body, body
        return name, made


def _renamed(stmt, old, new):
    if isinstance(stmt, Define):
        return Define(new, stmt.dims)
    assert isinstance(stmt, Nest)
    (loop,) = stmt.body
    body = tuple(
        type(s)(new, *[getattr(s, f) for f in s.__slots__[1:]]) if getattr(s, "buffer", None) == old else s
        for s in loop.body
    )
    pairs = tuple((new if w == old else w, r) for w, r in stmt.inplace)
    return Nest((type(loop)(loop.axis, body),), (), pairs)


def values(program: Program, seed: int):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(5) for _ in program.inputs]


def run(program, arrays, **options):
    outputs, updates = Interpreter(program, **options).run([a.copy() for a in arrays])
    return [np.array(v) for v in outputs + updates]


@pytest.mark.parametrize("block", range(8))
def test_random_programs_run_equal(block):
    for seed in range(block * 50, block * 50 + 50):
        nests = Random(seed).program
        arrays = values(nests, seed)
        expected = run(nests, arrays)
        for share in (True, False):
            buffered = check(bufferize(nests, share_memory=share))
            got = run(buffered, arrays, sharing=True, poison=True)
            for k, (a, b) in enumerate(zip(got, expected, strict=True)):
                assert np.array_equal(a, b), (
                    f"seed {seed} share {share} value {k}\n{program_text(nests)}\n{program_text(buffered)}"
                )


def test_failed_call_has_not_written():
    """Statements that can fail come before the first write to a shared value."""
    for seed in range(300):
        buffered = bufferize(Random(seed).program)
        in_place = {
            name
            for _, name in buffered.updates
            if any(isinstance(s, Same) and s.buffer == name and s.source in buffered.inputs for s in buffered.body)
        }
        written = False
        for stmt in statements(buffered.body):
            written = written or not in_place.isdisjoint(writes(stmt))
            assert not (written and isinstance(stmt, (Check, Alloc, Reshape, If))), (
                f"seed {seed}\n{program_text(buffered)}"
            )


def test_sgd_updates_in_place_and_memory_is_reused():
    """A chain of elementwise values needs one slot; p - g is written over p."""
    rng = Random(0)
    rng.buffers, rng.body, rng.counts = [], [], {}
    rng.inputs = (rng.declare("any"), rng.declare("any"))
    rng.length = Dim(rng.inputs[0], 0)

    def straight(source, other):
        out = rng.declare()
        rng.body.append(Define(out, (rng.length,)))
        builder = NestBuilder(rng.fresh, ())
        i = builder.loop(rng.length)
        a, b = (builder.bind(Load(s, (i,), "float64")) for s in (source, other))
        builder.store(out, (i,), Op("sub", (a, b), "float64"))
        rng.body.append(builder.finish())
        return out

    value = rng.inputs[1]
    for _ in range(6):
        value = straight(value, rng.inputs[1])
    new = straight(rng.inputs[0], value)
    program = Program("sgd", "nests", tuple(rng.buffers), rng.inputs, (), (), ((0, new),), tuple(rng.body))
    buffered = check(bufferize(check(program)))
    assert buffered.slots == 1
    assert buffered.body[-2] == Same(new, rng.inputs[0])
    x, g = np.arange(4.0), np.ones(4)
    _, (updated,) = Interpreter(buffered).run([x, g])
    assert updated is x
    np.testing.assert_array_equal(x, np.arange(4.0) - (1 - 6))


def test_swapping_updates_are_not_in_place():
    a, b = Buffer("a", "float64", (False,), "any"), Buffer("b", "float64", (False,), "any")
    program = Program("swap", "nests", (a, b), ("a", "b"), (), (), ((0, "b"), (1, "a")), ())
    x, y = np.arange(3.0), np.arange(3.0) + 10
    _, (new_x, new_y) = Interpreter(check(bufferize(program))).run([x, y])
    np.testing.assert_array_equal(new_x, np.arange(3.0) + 10)
    np.testing.assert_array_equal(new_y, np.arange(3.0))
    np.testing.assert_array_equal(x, np.arange(3.0))


def test_what_a_result_starts_from_is_made_in_its_memory():
    """A result that takes over a value has it computed where the result will be: nothing is copied."""
    x, zeros, out = (Buffer(n, "float64", (False,), layout) for n, layout in (("x", "any"), ("z", "c"), ("out", "c")))
    length = Dim("x", 0)
    fill, add = NestBuilder(lambda letter: letter + "0", ()), NestBuilder(lambda letter: letter + "1", ())
    fill.store("z", (fill.loop(length),), Const(0.0, "float64"))
    i = add.loop(length)
    add.accumulate("out", (i,), "add", Load("x", (i,), "float64"))
    body = (Define("z", (length,)), fill.finish(), Copied("out", "z"), add.finish())
    program = Program("scatter", "nests", (x, zeros, out), ("x",), (), ("out",), (), body)
    buffered = check(bufferize(check(program)))
    assert [s for s in buffered.body if isinstance(s, Alloc)] == [Alloc("z", (length,), ("output", 0))]
    assert Same("out", "z") in buffered.body
    (got,), _ = Interpreter(buffered).run([np.arange(3.0)])
    np.testing.assert_array_equal(got, np.arange(3.0))
