"""The search for a compiler, its flags, and what happens without one."""
from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import warnings
from types import SimpleNamespace

import cases
import numpy as np
import pytest

from symtensor.codegen.target import SIMD_MATH
from symtensor.runtime import cachedir, entry, executor, processor, toolchain, widths
from symtensor.runtime.advice import SlowWarning

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A search that remembers nothing, with a cache of its own."""
    monkeypatch.setattr(cachedir, "wanted", lambda: tmp_path / "cache")
    toolchain.forget()
    yield tmp_path
    toolchain.forget()


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_found_by_compiling(compiler, fresh, monkeypatch):
    """The first search runs the compiler, the next process reads the note and runs nothing."""
    found = toolchain.find()
    assert (found.path, found.version) == (compiler.path, compiler.version)
    toolchain.forget()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert toolchain.find() == found


def test_note_that_was_tampered_with(compiler, fresh):
    toolchain.find()
    (note,) = (note for note in (fresh / "cache").glob("*.note") if b"version" in note.read_bytes())
    payload, _ = entry.opened(note.stem, note.read_bytes())
    assert json.loads(payload)["path"] == compiler.path
    for bad in [payload, *(entry.sealed(note.stem, data, "") for data in (b"[]", b"{}", b"\xff"))]:
        note.write_bytes(bad)
        toolchain.forget()
        assert toolchain.find().path == compiler.path


def test_candidates(monkeypatch, fresh):
    first = script(fresh / "my cc", "exit 0")
    second = script(fresh / "gcc", "exit 0")
    monkeypatch.setenv("PATH", str(fresh))
    monkeypatch.setenv("CC", "")
    monkeypatch.setattr(toolchain.config, "cxx", f'"{first}"')
    assert toolchain.candidates() == (first, second)
    monkeypatch.setattr(toolchain.config, "cxx", "gcc")
    assert toolchain.candidates() == (second,)
    assert toolchain.named(second) and not toolchain.named(first)
    monkeypatch.setenv("CC", first)
    assert toolchain.candidates() == (second, first)
    monkeypatch.setattr(toolchain.config, "cxx", "")
    assert toolchain.candidates() == ()


@pytest.mark.skipif(os.name != "posix", reason="shell scripts")
def test_compilers_that_do_not_work(fresh, monkeypatch):
    """Each is named with its reason; a broken one does not keep the next from being tried."""
    garbage = 'while [ "$1" != -o ]; do shift; done; echo x > "$2"'
    for name, text, reason in [
        ("gcc", "echo 'gcc: error: no input' >&2; exit 1", "ended with status 1: gcc: error: no input"),
        ("cc", 'case "$1" in --version) echo cc 1.0;; *) exit 0;; esac', "No such file"),
        ("clang", f'case "$1" in --version) echo clang;; *) {garbage};; esac', "invalid"),
    ]:
        script(fresh / name, text)
        monkeypatch.setenv("PATH", f"{fresh}:/bin:/usr/bin")
        monkeypatch.setattr(toolchain, "candidates", lambda name=name: (str(fresh / name),))
        toolchain.forget()
        assert toolchain.find() is None
        said = toolchain.why_not()
        assert str(fresh / name) in said and (reason in said or "cannot open" in said or "short" in said), said


def test_environment_is_cleaned(compiler, monkeypatch, tmp_path):
    """Variables that change what a compiler means are dropped."""
    header = tmp_path / "evil.h"
    header.write_text("#error evil")
    monkeypatch.setenv("CPATH", str(tmp_path))
    monkeypatch.setenv("GCC_EXEC_PREFIX", str(tmp_path))
    monkeypatch.setenv("COMPILER_PATH", str(tmp_path))
    path = toolchain.compile_text(compiler, "int st_main(void) { return 0; }", tmp_path)
    assert path.exists()
    with pytest.raises(toolchain.CompileError, match="evil.h"):
        toolchain.compile_text(compiler, "#include <evil.h>\n", tmp_path)


def test_timeout(compiler, monkeypatch, tmp_path):
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 1e-4)
    with pytest.raises(toolchain.CompileError, match="timed out"):
        toolchain.compile_text(compiler, "int st_main(void) { return 0; }", tmp_path)


def test_user_flags_are_in_the_key(compiler, monkeypatch):
    facts = dict(compiler.facts())
    assert compiler.path in facts["compiler"] and "-O2" in facts["flags"] and facts["processor"]
    monkeypatch.setattr(toolchain.config.gcc, "cxxflags", "-DX='a b'")
    assert "-DX=a b" in dict(compiler.facts())["flags"]
    assert toolchain.all_flags(compiler)[-1] == compiler.link[-1]


def test_semantics_of_the_flags(compiler, tmp_path):
    """No flag that gives up NaN, infinities or signed zeros; no contraction."""
    flags = " ".join(toolchain.all_flags(compiler))
    assert "fast-math" not in flags and "-Ofast" not in flags and "-ffp-contract=off" in flags


def test_target(compiler):
    target = toolchain.target(compiler)
    assert target.vector_bits in (128, 256, 512)
    assert target.simd_math <= SIMD_MATH
    assert processor.vector_functions(frozenset({"nosuchfunction"})) == frozenset()


def test_no_compiler(fresh, monkeypatch):
    """Programs run with NumPy, said once, with the reason."""
    monkeypatch.setattr(toolchain.config, "cxx", "")
    monkeypatch.setattr(executor, "_said", executor.Advice())
    case = cases.outer_sum()
    with pytest.warns(SlowWarning, match="no C compiler .config.cxx is empty.: running with NumPy") as caught:
        executable = executor.link(case.program)
    assert caught[0].filename == __file__
    assert executable.consumer == "interpreter"
    np.testing.assert_array_equal(executable.run(case.values)[0][0], case.outputs[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        executor.link(case.program)
    assert not (fresh / "cache").exists()


def test_nowhere_to_write(compiler, fresh, monkeypatch):
    """No directory at all: NumPy, said once."""
    toolchain.find()
    monkeypatch.setattr(executor, "_said", executor.Advice())

    def mkdtemp(**kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cachedir.tempfile, "mkdtemp", mkdtemp)
    case = cases.scalar_add()
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    with pytest.warns(SlowWarning, match="No space left on device"):
        executable = executor.link(case.program)
    assert executable.run(case.values)[0][0] == 2.5


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory")
def test_file_system_without_execution(compiler, tmp_path):
    """What the linker refuses to map from disk is loaded from memory."""
    path = toolchain.compile_text(compiler, "int st_main(void) { return 0; }", tmp_path)
    seen = []

    def dlopen(name):
        seen.append(name)
        if not name.startswith("/proc/self/fd/"):
            raise OSError("failed to map segment from shared object: Operation not permitted")
        with open(name, "rb") as file:
            return file.read()

    assert executor.loader.opened(path, dlopen) == path.read_bytes()
    assert len(seen) == 2


def test_arguments_of_link():
    case = cases.scalar_add()
    with pytest.raises(ValueError, match="no consumer 'java'"):
        executor.link(case.program, consumer="java")
    with pytest.raises(ValueError, match="belong to the interpreter"):
        executor.link(case.program, poison=True)
    with pytest.raises(ValueError, match="constants"):
        executor.link(cases.objects_and_constants().program, consumer="interpreter")


def test_another_compiler_is_not_used_silently(compiler, fresh, monkeypatch):
    """A flag cxx that names no compiler is said once; the next that works is used."""
    monkeypatch.setattr(executor, "_said", executor.Advice())
    monkeypatch.setattr(toolchain.config, "cxx", str(fresh / "gcc"))
    if toolchain.find() is None:
        pytest.skip("no other compiler on the path")
    case = cases.outer_sum()
    with pytest.warns(UserWarning, match="the flag cxx names, .*gcc, does not work: using"):
        assert executor.link(case.program).consumer == "c"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        executor.link(case.program)


def five_lines(monkeypatch):
    """Counts how often the five-line file is tried."""
    tried = []
    answers = toolchain._answers
    monkeypatch.setattr(toolchain, "_answers", lambda compiler: tried.append(compiler) or answers(compiler))
    return tried


def test_the_first_unit_is_the_trial(compiler, fresh, monkeypatch):
    """It is compiled with the usual flags, no other file is; then the compiler is known, to this process and others."""
    tried = five_lines(monkeypatch)
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    chosen = toolchain.chosen()
    assert (chosen.path, chosen.version) == (compiler.path, compiler.version)
    assert toolchain.is_on_trial(chosen) and toolchain.chosen() is chosen
    assert executor.link(cases.scalar_add().program).consumer == "c"
    assert not tried and not toolchain.is_on_trial(chosen) and toolchain.find() is chosen
    toolchain.forget()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert toolchain.chosen() == chosen and not toolchain.is_on_trial(toolchain.chosen())


@pytest.mark.skipif(os.name != "posix", reason="shell scripts")
@pytest.mark.parametrize("first", [
    "exit 1", "case $1 in --version) echo 1;; *) exit 1;; esac", "case $1 in --version) echo 1;; *) sleep 300;; esac",
    'case $1 in --version) echo 1;; *) while [ "$1" != -o ]; do shift; done; echo x > "$2";; esac'])
def test_a_trial_that_is_not_passed(compiler, fresh, monkeypatch, first):
    """A first candidate that does not work, in any way, costs its trial; the next one is used, after five lines."""
    bad = script(fresh / "gcc", first)
    monkeypatch.setattr(toolchain, "candidates", lambda: (bad, compiler.path))
    monkeypatch.setattr(toolchain.config, "cxx", bad)
    monkeypatch.setattr(executor, "_said", executor.Advice())
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    monkeypatch.setattr(toolchain, "PROBE_SECONDS", 1.0 if "sleep" in first else 30.0)
    with pytest.warns(UserWarning, match="does not work: using"):
        executable = executor.link(cases.scalar_add().program)
    assert executable.consumer == "c" and toolchain.find().path == compiler.path
    assert executable.run(cases.scalar_add().values)[0][0] == 2.5


def test_a_compiler_that_wants_other_flags(compiler, fresh, monkeypatch):
    """Flags that the compiler does not know end the trial; the five lines find those that work."""
    tried = five_lines(monkeypatch)
    (flags, *more), *others = toolchain._ATTEMPTS
    monkeypatch.setattr(toolchain, "_ATTEMPTS", ((("-fno-such-flag", *flags), *more), *others))
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    assert executor.link(cases.scalar_add().program).consumer == "c"
    assert len(tried) == 2 and "-fno-such-flag" not in toolchain.find().flags


@pytest.mark.skipif(os.name != "posix", reason="shell scripts")
def test_a_compiler_without_flags_of_gcc(compiler, fresh, monkeypatch):
    """As clang: units are compiled without what makes gcc quicker."""
    other = script(fresh / "gcc", f'case "$*" in *-ftree-loop-vectorize*) exit 1;; *) exec {compiler.path} "$@";; esac')
    monkeypatch.setattr(toolchain, "candidates", lambda: (other,))
    monkeypatch.setattr(toolchain.config, "cxx", other)
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    assert executor.link(cases.scalar_add().program).consumer == "c"
    found = toolchain.find()
    assert (found.path, found.light, toolchain.target(found).light) == (other, (), ())
    assert "-march=native" in found.flags and compiler.light


def test_a_trial_that_another_thread_ends(compiler, fresh, monkeypatch):
    """A unit that took too long for a trial gets its time, though the trial is over when it fails."""
    monkeypatch.setattr(executor.loader, "known", lambda key: None)
    compile_text, tried = toolchain.compile_text, []

    def slow(used, *args, **more):
        tried.append(used)
        if len(tried) == 1:
            toolchain.passed(used)  # as a thread with a small unit does
            raise toolchain.CompileTimeout("gcc timed out after 30 seconds")
        return compile_text(used, *args, **more)

    monkeypatch.setattr(toolchain, "compile_text", slow)
    assert executor.link(cases.scalar_add().program).consumer == "c" and len(tried) == 2


@pytest.mark.skipif("avx512f" not in processor.features(), reason="no vectors of 512 bits")
def test_width_is_measured(compiler, fresh, monkeypatch):
    """By the extension; once for all processes, whatever later ones would measure."""
    assert widths.flag(("-O2",)) == ()
    for first, wanted in ((True, widths.FLAGS[1]), (False, widths.FLAGS[0])):
        place = fresh / str(first)
        monkeypatch.setattr(cachedir, "wanted", lambda place=place: place)
        for answer in (first, not first):
            monkeypatch.setattr(widths, "_executor", SimpleNamespace(wide_vectors_win=lambda *a, answer=answer: answer))
            assert widths.flag(("-march=native",)) == (wanted,)
    for absent in (None, SimpleNamespace()):
        monkeypatch.setattr(widths, "_executor", absent)
        assert widths.flag(("-march=native",)) == widths.FLAGS[:1]
    if "clang" not in compiler.version and "-march=native" in compiler.flags:
        assert sum(flag in widths.FLAGS for flag in compiler.flags) == 1
