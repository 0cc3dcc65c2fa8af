"""Workspaces that a device adds behind the first write over a shared value are asked for before it."""
from __future__ import annotations

import numpy as np

import symtensor.tensor as T
from symtensor import function, shared
from symtensor.codegen.cuda import split_sums
from symtensor.ir.nodes import Alloc, If
from symtensor.ir.spec import check
from symtensor.ir.walk import statements, writes
from symtensor.lower.placement import place
from symtensor.lower.reserve import reserve_workspaces

F = "float32"


def reserved(inputs, outputs, updates):
    """The program of the function, split, without and with what is asked for ahead, and the first slot of its own."""
    f = function(inputs, outputs, updates=updates)
    program = f.maker.code.lowered.program
    positions = [k for k, spec in enumerate(f.maker.inputs) if spec.implicit]
    placed = split_sums(place(program, positions))
    return placed, check(reserve_workspaces(placed, positions, program.slots)), program.slots


def added(inputs, outputs, updates):
    """The statements that were put into the program, and those behind them."""
    placed, program, first = reserved(inputs, outputs, updates)
    count = len(program.body) - len(placed.body)
    at = next((k for k, (a, b) in enumerate(zip(placed.body, program.body)) if a != b), len(placed.body))
    assert program.body[:at] + program.body[at + count:] == placed.body
    assert not any(writes(s) for s in statements(program.body[at:at + count]))
    return program.body[at:at + count], program.body[at + count:]


def workspaces(body):
    return {s.place: s.dims for s in statements(body) if isinstance(s, Alloc)}


def test_a_copy_of_what_the_host_has():
    x = T.fmatrix("x")
    s, t = shared(np.ones((4, 4), F)), shared(np.ones(9, F))
    ahead, behind = added([x], [], [(t, t * np.float32(2)), (s, s + x)])
    assert workspaces(ahead) and workspaces(ahead) == workspaces(behind)


def test_partial_sums():
    """In the branch that needs them, by sizes that are computed anew."""
    t = shared(np.ones(9, F))
    new = t * np.float32(2)
    ahead, behind = added([], [new.max()], [(t, new)])
    asked = [s for s in ahead if isinstance(s, If)]
    assert len(asked) == 1 and workspaces(asked[0].then) and not asked[0].orelse
    assert set(workspaces(ahead)) == {place for place in workspaces(behind) if place[0] == "slot"}


def test_nothing_to_ask_for():
    x = T.fmatrix("x")
    t = shared(np.ones((9, 9), F))
    placed, program, _ = reserved([x], [x.sum()], [(t, t * x)])
    assert program == placed
    placed, program, _ = reserved([x], [T.exp(x).sum()], [])
    assert program == placed
