"""Where buffers live, which statements run on the device, and what is moved, how often."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor import function, scan, shared
from symtensor.control.function_op import as_op
from symtensor.control.ifelse import ifelse
from symtensor.ir.nodes import (
    Alloc, Axis, Buffer, Call, Const, Dim, Let, Load, Local, Loop, Move, Nest, Program, PyCall, Reshape, Same, Store,
    While,
)
from symtensor.ir.spec import SpecError, check
from symtensor.ir.walk import statements, writes
from symtensor.lower.placement import place

F = "float32"


class Placed:
    """A function's program, placed: its statements by kind and home."""

    def __init__(self, inputs, outputs, updates=(), **options):
        f = function(inputs, outputs, updates=updates, on_unused_input="ignore")
        program = f.maker.code.lowered.program
        self.before = program
        shared_ones = [k for k, spec in enumerate(f.maker.inputs) if spec.implicit]
        self.program = place(program, shared_ones, **options)
        self.homes = {b.name: b.home for b in self.program.buffers}
        self.body = list(statements(self.program.body))

    def home(self, stmt):
        return self.homes[writes(stmt)[0]]

    def nests(self, home):
        return [s for s in self.body if isinstance(s, Nest) and self.home(s) == home]

    def calls(self, home):
        return [s for s in self.body if isinstance(s, Call) and self.home(s) == home]

    def moves(self, to, body=None):
        return [s for s in (self.body if body is None else statements(body))
                if isinstance(s, Move) and self.homes[s.buffer] == to]

    def loop(self):
        return next(s for s in self.body if isinstance(s, While))

    @property
    def counts(self):
        return len(self.moves("device")), len(self.moves("host"))


def parameter(*shape, dtype=F):
    return shared(np.ones(shape, dtype))


def test_arguments_and_results_are_moved_once():
    x, y = T.fmatrix(), T.fmatrix()
    made = Placed([x, y], [T.exp(x) * y, T.tanh(x).sum(axis=0), T.dot(x, y.T)])
    assert made.counts == (2, 3)
    assert not made.nests("host") and len(made.calls("device")) == 1


def test_shared_values_stay():
    x, w, b = T.fmatrix(), parameter(3, 4), parameter(4)
    cost = T.nnet.softmax(T.dot(x, w) + b).sum()
    made = Placed([x], [], [(p, p - np.float32(0.1) * T.grad(cost, p)) for p in (w, b)])
    assert made.counts == (1, 0)
    assert [made.homes[name] for name in made.program.inputs] == ["host", "device", "device"]
    assert [made.homes[name] for _, name in made.program.updates] == ["device", "device"]


def test_numbers_of_the_host_are_arguments():
    x, s, rate = T.fmatrix(), T.fscalar(), shared(np.float32(0.1))
    made = Placed([x, s], x * s + rate, [(rate, rate * np.float32(0.9))])
    assert made.counts == (1, 1), "only x"
    assert made.homes[made.program.inputs[2]] == "host"
    (kernel,) = made.nests("device")
    names = {s.name for s in made.body if isinstance(s, Let)}
    assert names and all(made.homes[name] == "device" for name in writes(kernel))


def test_numbers_of_the_device_are_not_waited_for():
    x, w = T.fmatrix(), parameter(3, 4)
    norm = T.sqrt((w ** 2).sum())
    made = Placed([x], [], [(w, w * (T.minimum(norm, 5) / norm).astype(F) + x)])
    assert made.counts == (1, 0)


def test_numbers_of_the_device_are_not_copied():
    """What is read by the name of a Let keeps its memory: whatever comes after it must not take it."""
    w = parameter(50)
    total, largest = w.sum(), abs(w).max()
    made = Placed([], [], [(w, w / total * T.exp(w).sum() / largest * T.exp(-w).sum())])
    before, after = ([s.place for s in body if isinstance(s, Alloc)] for body in (made.before.body, made.body))
    assert len(made.nests("device")) == 5, "four numbers and what they are for"
    assert len(set(before)) == 1 and len(set(after)) == len(after) == 4


def test_what_the_host_wants_to_know_it_waits_for():
    x, w = T.fmatrix(), parameter(3, 4)
    made = Placed([x], ifelse(w.sum() > 0, x * 2, x - w), [(w, w + x)])
    assert made.counts == (1, 2), "the condition and the result"


def test_checks_of_arguments_do_not_wait_for_the_device():
    i, w = T.lvector(), parameter(10, 4)
    made = Placed([i], [], [(w, T.inc_subtensor(w[i], 1))])
    assert made.counts == (1, 0)


def test_numbers_alone_stay_on_the_host():
    a, b, n = T.fscalar(), T.fscalar(), shared(0)
    made = Placed([a, b], [a * b, T.stack([a, b])], [(n, n + 1)])
    assert made.counts == (0, 0) and not made.nests("device")


def test_views_of_what_was_moved_are_made_anew():
    x = T.fmatrix()
    made = Placed([x], [T.exp(x[1:]) + x[:-1], T.exp(x.T)])
    assert len(made.moves("device")) <= 2


def test_loops_move_nothing_that_could_be_moved_before():
    x, w, h0 = T.ftensor3(), parameter(4, 4), T.fmatrix()
    h, _ = scan(lambda x_t, h: T.tanh(x_t + T.dot(h, w)), sequences=[x], outputs_info=[h0])
    made = Placed([x, h0], h)
    body = made.loop().body
    assert not made.moves("device", body) and not made.moves("host", body)
    assert made.counts == (2, 1)


def test_loops_that_end_by_a_value_move_one_number_a_step():
    x = T.fvector()
    from symtensor.scan_module import until
    h, _ = scan(lambda h: (h * 2, until(h.sum() > 50)), outputs_info=[x], n_steps=30)
    made = Placed([x], h)
    inside = made.moves("host", made.loop().body)
    buffers = {b.name: b for b in made.program.buffers}
    assert not made.moves("device", made.loop().body)
    assert [buffers[move.buffer].ndim for move in inside] == [0]


def test_python_gets_host_memory():
    @as_op(itypes=[T.fmatrix], otypes=[T.fmatrix])
    def same(a):
        return a * 1

    x, w = T.fmatrix(), parameter(4, 4)
    made = Placed([x], T.tanh(same(T.dot(x, w))).sum(axis=0))
    (python,) = [s for s in made.body if isinstance(s, PyCall)]
    assert all(made.homes[name] == "host" for name in python.inputs + python.outputs)
    assert made.counts == (2, 2)


def test_complex_numbers_stay_on_the_host():
    x = T.cmatrix()
    made = Placed([x], abs(x * 2) + 1)
    assert all(made.homes[b.name] == "host" for b in made.program.buffers if b.dtype == "complex64")


def test_nests_without_kernels_stay_on_the_host():
    x = T.fmatrix()
    made = Placed([x], T.exp(x) * 2, runs=lambda nest: False)
    assert not made.nests("device") and made.counts == (0, 0)


def test_routines_that_are_not_there_run_on_the_host():
    x, y = T.fmatrix(), T.fmatrix()
    made = Placed([x, y], T.exp(T.dot(T.exp(x), y)).sum(axis=0) + T.exp(y).sum(axis=0), routines=())
    assert len(made.calls("host")) == 1 and made.moves("host")


def test_results_come_before_shared_values_are_written():
    x, w = T.fmatrix(), parameter(3, 4)
    made = Placed([x], (x * w).sum(axis=0), [(w, w + x)])
    order = [s for s in made.body if isinstance(s, Move) or made.program.updates[0][1] in writes(s)]
    assert isinstance(order[-1], Nest) and isinstance(order[-2], Move)


def test_explicit_inputs_with_updates_stay_on_the_host():
    from symtensor.compile.io import In
    x, y = T.fmatrix(), T.fmatrix()
    f = function([In(x, value=np.ones((2, 2), F), update=T.exp(x) + y), y], x.sum(axis=0))
    program = place(f.maker.code.lowered.program, ())
    homes = {b.name: b.home for b in program.buffers}
    assert all(homes[name] == "host" for name in program.inputs)
    assert all(homes[name] == "host" for _, name in program.updates)


def test_the_text_is_the_same_each_time():
    from symtensor.ir.text import program_text
    x, w = T.fmatrix(), parameter(3, 4)
    made = Placed([x], T.nnet.softmax(x).sum(axis=0), [(w, w + x)])
    resident = [1]
    assert program_text(place(made.before, resident)) == program_text(place(made.before, resident))


# -- what the target stage may not be ----------------------------------------------------------------------------------


def target(body, *buffers, outputs=("y",)):
    return Program("f", "target", buffers, ("x",), (), outputs, (), tuple(body), (), 2)


X = Buffer("x", F, (False,), "any")
Y = Buffer("y", F, (False,), "c")
XD = Buffer("xd", F, (False,), "c", "device")
YD = Buffer("yd", F, (False,), "c", "device")
N = (Dim("x", 0),)


def copy(target, source):
    return Nest((Loop(Axis("i", Dim("x", 0)), (Store(target, (Local("i"),), Load(source, (Local("i"),), F)),)),))


LEGAL = (Alloc("xd", N, ("slot", 0)), Move("xd", "x"), Alloc("yd", N, ("slot", 1)), copy("yd", "xd"),
         Alloc("y", N, ("output", 0)), Move("y", "yd"))


def test_a_legal_program():
    check(target(LEGAL, X, Y, XD, YD))


@pytest.mark.parametrize("body, message", [
    ((*LEGAL[:3], copy("yd", "x"), *LEGAL[4:]), "lives on the"),
    ((*LEGAL[:5], copy("y", "yd")), "lives on the"),
    ((*LEGAL[:5], Move("y", "x")), "within one memory"),
    ((*LEGAL, Let("n", Load("xd", (Const(0, "int64"),), F))), "which lives on the device"),
    ((*LEGAL[:4], Same("y", "yd")), "two homes"),
    ((*LEGAL, Reshape("z", "xd", N, ("slot", 0))), "a reshape on the device copies"),
    ((*LEGAL[:4], PyCall(0, ("xd",), ("y",))), "lives on the"),
])
def test_illegal_programs(body, message):
    y = Buffer("y", F, (False,), "any") if isinstance(body[-1], PyCall) else Y
    with pytest.raises(SpecError, match=message):
        check(target(body, X, y, XD, YD, Buffer("z", F, (False,), "c", "device")))


def test_other_stages_have_one_memory():
    with pytest.raises(SpecError, match="lives in device"):
        check(Program("f", "buffered", (X, XD), ("x",), (), (), (), ()))
    with pytest.raises(ValueError, match="buffered stage is placed"):
        place(target(LEGAL, X, Y, XD, YD))
