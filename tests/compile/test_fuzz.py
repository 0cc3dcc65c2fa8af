"""Odd arguments of `function` and of calls end in documented errors: never in a crash, an internal error, changed
shared variables, or something else in C than node by node. `fuzz.py` makes the examples, always the same."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import In, Out, function

HERE = Path(__file__).parent


def fuzz(what: str, examples: int, tmp_path: Path) -> None:
    last = tmp_path / "last example"
    done = subprocess.run(
        [sys.executable, str(HERE / "fuzz.py"), what, str(examples), str(last)], capture_output=True, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HERE.parents[1])}, timeout=3000)
    if done.returncode:
        raise AssertionError(f"status {done.returncode} at {last.read_text()[:2000]}\n{done.stderr[-4000:]}")


@pytest.mark.parametrize("examples", [150, pytest.param(15_000, marks=pytest.mark.slow)])
def test_calls(examples, tmp_path):
    fuzz("calls", examples, tmp_path)


@pytest.mark.parametrize("examples", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_making(examples, tmp_path):
    fuzz("making", examples, tmp_path)


x = T.dvector("x")


@pytest.mark.parametrize("wrong", [
    lambda: In(3), lambda: In(x, update=3), lambda: function([x], Out(3)), lambda: function([x], x, mode=3),
    lambda: function([x], x, profile=3),
], ids=["input", "update", "output", "mode", "profile"])
def test_what_is_no_variable_or_mode(wrong):
    with pytest.raises(TypeError):
        wrong()


def test_an_ellipsis_is_no_default():
    n = T.dscalar("n")
    f = symtensor.function([x, In(n, value=2.0)], x * n)
    np.testing.assert_array_equal(f(np.ones(2)), [2, 2])
    with pytest.raises(TypeError):
        f(np.ones(2), ...)
    with pytest.raises(TypeError):
        f(..., 3.0)
