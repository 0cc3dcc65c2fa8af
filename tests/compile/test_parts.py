"""Large units are compiled in two parts: the same results as in one, from a text that compiles either way."""
from __future__ import annotations

import subprocess

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.codegen.c import print_program
from symtensor.codegen.c.parts import LEAST_NESTS
from symtensor.compile import memo
from symtensor.runtime import executor, loader, processor, toolchain

compiler = toolchain.find()
pytestmark = pytest.mark.skipif(compiler is None, reason="no C compiler")


def large():
    x = T.matrix("x")
    outputs = [T.sum(x, axis=0), T.max(x, axis=1), x.T + 1, T.exp(x) / 2, T.prod(x), x.argmax(axis=0), T.tanh(x[::-1])]
    return [x], [*outputs, T.sqrt(x * x)[:, ::2]]


def test_both_ways_agree(monkeypatch, rng):
    value = rng.standard_normal((7, 9))
    printed, commands = [], []
    run_all = toolchain._run_all
    monkeypatch.setattr(executor, "print_program", lambda *a: printed.append(print_program(*a)) or printed[-1])
    monkeypatch.setattr(executor.cache, "obtain", lambda facts, build, load: executor.cache.in_place(
        lambda place: load(build(place), f"of this test {len(printed)}")))
    monkeypatch.setattr(loader, "known", lambda key: None)
    monkeypatch.setattr(toolchain, "_run_all", lambda c, *rest: commands.append(len(c)) or run_all(c, *rest))
    results = []
    for count in (1, 2):
        monkeypatch.setattr(processor, "count", lambda count=count: count)
        memo.forget()
        results.append(symtensor.function(*large())(value))
    assert printed[0] == printed[1] and printed[0].parts == 2
    assert printed[0].text.count("ST_SHARED void k") >= 2 * LEAST_NESTS
    assert commands == [1, 2, 1]
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_part_is_free_of_warnings(monkeypatch, tmp_path):
    printed = []
    monkeypatch.setattr(executor, "print_program", lambda *a: printed.append(print_program(*a)) or printed[-1])
    memo.forget()
    symtensor.function(*large())
    (tmp_path / "unit.c").write_text(printed[-1].text)
    flags = [flag for flag in compiler.flags if flag not in ("-w", "-shared")]
    for part in ([], ["-DST_PART=1"], ["-DST_PART=2"]):
        done = subprocess.run([compiler.path, *flags, *part, "-O0", "-Wall", "-Wextra", "-Wno-unused-function", "-c",
                               "-o", "x.o", "unit.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_part_that_fails(tmp_path, monkeypatch):
    """The error is the compiler's; the other process does not stay."""
    monkeypatch.setattr(processor, "count", lambda: 2)
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **more: started.append(popen(*a, **more)) or started[-1])
    text = "#if ST_PART == 1\nint st_main(void) { return wrong; }\n#endif\n"
    with pytest.raises(toolchain.CompileError, match="wrong"):
        toolchain.compile_text(compiler, text, tmp_path, parts=2)
    assert len(started) == 2 and all(process.returncode is not None for process in started)
