"""The search for a compiler, its flags, and what happens without one."""
from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys
import warnings

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
    (note,) = (fresh / "cache").glob("*.note")
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


def test_prepared_search(compiler, fresh):
    """The search runs beside the caller; `find` waits for it. A second process reads the note at once."""
    toolchain.prepare()
    assert toolchain._search.thread is not None
    assert toolchain.find().path == compiler.path
    toolchain._search.thread.join(60)
    toolchain._search.thread = None
    toolchain.forget()
    toolchain.prepare()
    assert toolchain._search.thread is None and len(toolchain._search.found) == 1


def test_process_that_ends_during_the_search(tmp_path):
    """Nobody waits for a compiler that hangs, and it does not outlive the process."""
    hangs = script(tmp_path / "gcc", f"case $1 in --version) echo 1;; *) echo $$ > {tmp_path}/pid; sleep 300; esac")
    code = f"""if 1:
        import os, time
        from symtensor.runtime import toolchain
        toolchain.config.cxx = {hangs!r}
        toolchain.prepare()
        while not os.path.exists({str(tmp_path / "pid")!r}):
            time.sleep(0.01)
    """
    subprocess.run([sys.executable, "-c", code], timeout=25, check=True, cwd=ROOT,
                   env={**os.environ, "SYMTENSOR_FLAGS": f"base_compiledir={tmp_path / 'c'}"})
    assert not [p for p in (tmp_path / "c").rglob("build-*")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_during_the_search(compiler, tmp_path):
    """A child does not wait for a thread that it does not have."""
    code = """if 1:
        import os, signal, warnings
        from symtensor.runtime import toolchain
        warnings.simplefilter("ignore")
        toolchain.prepare()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(toolchain.find() is None)
        assert os.waitpid(child, 0)[1] == 0 and toolchain.find() is not None
    """
    subprocess.run([sys.executable, "-c", code], timeout=100, check=True, cwd=ROOT,
                   env={**os.environ, "SYMTENSOR_FLAGS": f"base_compiledir={tmp_path / 'c'}"})


@pytest.mark.skipif("avx512f" not in processor.features(), reason="no vectors of 512 bits")
def test_width_is_measured(compiler):
    assert widths.flag(("-O2",)) == ()
    if "clang" not in compiler.version and "-march=native" in compiler.flags:
        assert sum(flag in widths.FLAGS for flag in compiler.flags) == 1
