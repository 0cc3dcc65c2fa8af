"""Profiles: what is counted, and what is printed."""
from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import Mode, ProfileStats, function, shared
from symtensor.compile import profiling
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op

v = T.dvector("v")


class Slow(Op):
    """Python, so that it shows as such."""

    __props__ = ()

    def make_node(self, a):
        return Apply(self, [a], [a.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] * 2


def profiled(mode=None, **kwargs):
    profile = ProfileStats(atexit_print=False, **kwargs)
    s = shared(0.0)
    return profile, function([v], [Slow()(T.exp(v)).sum(), v.max()], updates=[(s, s + 1)], profile=profile, mode=mode)


@pytest.mark.parametrize("linker", ["cvm", "py"])
def test_calls_and_statements_are_timed(linker):
    profile, f = profiled(Mode(linker))
    for _ in range(3):
        np.testing.assert_allclose(f([0, 0, 0]), [6, 0])
    f(np.zeros(3))
    assert profile.fct_callcount == 4 and profile.fct_call_time >= profile.vm_call_time > 0
    assert profile.compile_time > 0 and profile.optimizer_time > 0 and profile.linker_time > 0
    assert profile.nb_nodes == len(f.maker.fgraph.apply_nodes)
    assert profile.class_callcount()[Slow] == 4 and profile.class_impl()[Slow] == "Py"
    assert profile.class_nodes()[Slow] == 1
    assert all(seconds >= 0 for seconds in profile.op_time().values()) and set(profile.op_callcount().values()) == {4}
    assert sum(profile.class_time().values()) == pytest.approx(sum(profile.apply_time.values()))
    slow = next(node for node in profile.apply_time if isinstance(node.op, Slow))
    assert profile.compute_total_times()[slow] >= profile.apply_time[slow]


def test_a_summary():
    profile, f = profiled(message="mine")
    f([1, 2])
    out = io.StringIO()
    profile.summary(file=out)
    text = out.getvalue()
    for phrase in ("Function profiling\n==================\n  Message: mine\n", "Time in 1 calls to Function.__call__:",
                   "Total compile time:", "Number of Apply nodes:", "Class\n---\n", "Ops\n---\n", "Apply\n------\n",
                   "<% time> <sum %> <apply time> <time per call>", "test_compile_profiling.Slow", "Slow(",
                   "These ops run in Python, not in C: Slow"):
        assert phrase in text
    profile.reset()
    assert profile.fct_callcount == 0 and not profile.apply_time and profile.compile_time > 0


def test_without_times_of_statements():
    profile, f = profiled(flag_time_thunks=False)
    f([1, 2])
    out = io.StringIO()
    profile.summary(file=out)
    assert "No execution time accumulated (hint: try config profiling.time_thunks=1)" in out.getvalue()


def test_the_first_call_may_be_left_out():
    with symtensor.change_flags(**{"profiling.ignore_first_call": True}):
        profile, f = profiled()
        f([1, 2]), f([1, 2])
    assert profile.fct_callcount == 1 and set(profile.apply_callcount.values()) == {1}


def test_what_may_be_given_as_profile():
    x = T.dscalar("x")
    assert function([x], x + 1).profile is None and function([x], x + 1, profile=False).profile is False
    before = list(profiling._at_exit)
    f = function([x], x + 1, profile="words")
    assert f.profile.message == "words" and f(1) == 2
    g = function([x], x + 1, profile=True, name="gg")
    assert g.profile.message == "gg"
    profiling._at_exit[:] = before


def test_copies_profile_on_their_own():
    profile, f = profiled()
    other = ProfileStats(atexit_print=False)
    g = f.copy(profile=other)
    g([1, 2])
    assert other.fct_callcount == 1 and profile.fct_callcount == 0


def test_printers_of_the_users_own():
    calls = []

    @profiling.register_profiler_printer
    def printer(*args):
        calls.append(args)

    try:
        profile, f = profiled(message="m")
        f([1])
        profile.summary(file=io.StringIO())
        assert calls[0][0] == "m" and len(calls[0]) == 7
    finally:
        profiling._printers.remove(printer)


@pytest.mark.slow
def test_profiles_are_printed_at_exit():
    code = ("import symtensor, symtensor.tensor as T\nx = T.dscalar()\nf = symtensor.function([x], x + 1, "
            "profile=True)\nf(1)\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Function profiling" in done.stderr and not done.stdout
