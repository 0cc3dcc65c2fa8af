"""Disks that are full, file systems that refuse, compilers that hang, crash or go away: the right result, another
place, another compiler or NumPy, said in words; never a hang."""
from __future__ import annotations

import ctypes
import errno
import os
import pathlib
import shutil
import stat
import tempfile
import time
import warnings

import cases
import pytest
from processes import POSIX, mounted, run
from test_cache_processes import gone

from symtensor.runtime import cache, cachedir, entry, executor, loader, toolchain, upkeep
from symtensor.runtime.advice import CacheWarning, SlowWarning

FACTS = [("source", "int x;"), ("compiler", "none")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache directory that nobody has used, and a search for compilers that remembers nothing."""
    path = tmp_path / "cache"
    monkeypatch.setattr(cachedir, "wanted", lambda: path)
    monkeypatch.setattr(executor, "_said", executor.Advice())
    toolchain.forget()
    yield path
    toolchain.forget()


def obtain(facts=FACTS, calls=None, text=b"library"):
    def build(directory):
        if calls is not None:
            calls.append(directory)
        (directory / "unit.so").write_bytes(text)
        return directory / "unit.so"

    return cache.obtain(facts, build, lambda path, key: entry.opened(key, path.read_bytes())[0])


# -------------------------------------------------------------------------------------------------------------- entries


def test_an_entry_under_another_name(place):
    """What was sealed as one thing is not loaded as another."""
    other = [("source", "int y;"), ("compiler", "none")]
    obtain()
    obtain(other, text=b"another")
    shutil.copyfile(place / (cache.key_of(other) + ".so"), place / (cache.key_of(FACTS) + ".so"))
    assert [path.stem for path, _ in upkeep.verify(place)] == [cache.key_of(FACTS)]
    calls = []
    assert obtain(calls=calls) == b"library" and len(calls) == 1
    assert upkeep.verify(place) == []


def test_damage_of_every_kind(rng):
    """Any flipped bit, any length: none passes for what was sealed."""
    data = entry.sealed("key", bytes(rng.integers(0, 256, 500, dtype="u1")), "[]")
    assert entry.opened("key", data) is not None and entry.opened("other", data) is None
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert entry.opened("key", bytes(flipped)) is None
    for length in range(len(data)):
        assert entry.opened("key", data[:length]) is None and entry.opened("key", data[length + 1:]) is None


@POSIX
@pytest.mark.parametrize("plant", ["pipe", "directory", "dangling"])
def test_names_that_are_taken(place, plant):
    """Something else under the name of an entry, or of its lock, keeps nobody waiting."""
    place.mkdir(mode=0o700)
    for suffix in (".so", ".lock"):
        path = place / (cache.key_of(FACTS) + suffix)
        if plant == "pipe":
            os.mkfifo(path)
        elif plant == "directory":
            (path / "inside").mkdir(parents=True)
        else:
            path.symlink_to(place / "nowhere")
    calls = []
    assert obtain(calls=calls) == obtain(calls=calls) == b"library" and len(calls) == 1
    assert not (place / "nowhere").exists()


# ---------------------------------------------------------------------------------------------------------- directories


@POSIX
def test_a_directory_that_changes_under_a_process(place, tmp_path):
    """It is looked at again at every use: an open one, or a link in its place, is refused."""
    obtain()
    place.chmod(0o770)
    with pytest.warns(CacheWarning, match="can be written by others"):
        assert cachedir.directory() != place
    cachedir._chosen.refused.clear()
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    with pytest.warns(CacheWarning, match="symbolic link"):
        assert cachedir.directory() != place
    cachedir._chosen.refused.clear()


def test_a_directory_that_goes_away(place):
    """rm -r of the cache while we live: it is made again."""
    obtain()
    shutil.rmtree(place)
    calls = []
    assert obtain(calls=calls) == b"library" and len(calls) == 1 and len(list(place.glob("*.so"))) == 1


@POSIX
def test_parents_are_made_private(tmp_path, monkeypatch):
    """Whatever the umask: what others could write would be refused at once."""
    before = os.umask(0)
    try:
        cachedir.prepared(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")} == {0o700}


@POSIX
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("home", ["unset", "read-only"])
def test_homes(home):
    """A user without a home, or with one that cannot be written: compiled in a temporary directory, said once; nothing
    called "~" appears."""
    if os.geteuid() != 0 and home == "unset":
        pytest.skip("this user has a home all the same")
    place = pathlib.Path(tempfile.mkdtemp())  # not below pytest's own, which other users may not enter
    try:
        place.chmod(0o755)
        (place / "home").mkdir(mode=0o555)
        (place / "work").mkdir()
        drop = "os.setuid(54321)\n" if os.geteuid() == 0 else ""
        out = run(drop + "print(*said(), sep=chr(10))", None, cwd=str(place / "work"), XDG_CACHE_HOME=None,
                  HOME=None if home == "unset" else str(place / "home"))
        assert list((place / "work").iterdir()) == []
    finally:
        shutil.rmtree(place)
    consumer, said = out.splitlines()
    assert consumer == "c" and said.count("not kept beyond this process") == 1
    assert ("there is no home directory" if home == "unset" else "Permission denied") in said


# ------------------------------------------------------------------------------------------------------------- no room


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_entry_that_cannot_be_written(place, monkeypatch, number):
    """The disk is full when the entry is sealed: it is made once more, elsewhere."""

    def write(path, data, original=entry.write):
        if place in path.parents:
            path.write_bytes(data[:10])
            raise OSError(number, os.strerror(number))
        original(path, data)

    monkeypatch.setattr(cache, "write", write)
    calls = []
    assert obtain(calls=calls) == b"library"
    assert [place in path.parents for path in calls] == [True, False]
    assert list(place.glob("build-*")) == [] and upkeep.verify(place) == []


@POSIX
def test_a_compiler_without_room(compiler, place, tmp_path):
    """What compilers say of full disks is no error of the program."""
    for said in ("as: unit.o: No space left on device", "ld: final link failed: File too large",
                 "gcc: fatal error: File size limit exceeded signal terminated program as"):
        script(tmp_path / "full", f"echo '{said}' >&2; exit 1")
        with pytest.raises(OSError, match="No space|too large"):
            toolchain.compile_text(toolchain.Compiler(str(tmp_path / "full"), "", (), ()), "int x;", tmp_path)


@POSIX
@pytest.mark.usefixtures("compiler")
def test_limited_file_size(tmp_path):
    """RLIMIT_FSIZE of any size: compiled, or NumPy with the reason; the results are right."""
    out = run("""
        import resource
        for limit in (0, 100, 1000, 5000, 9000, 14000, 16500, 20000, 1 << 20):
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                print(limit, *said())
                sys.stdout.flush()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0, limit
        """, tmp_path / "c").splitlines()
    assert len(out) == 9 and out[-1].split() == ["1048576", "c"]
    for line in out:
        _, consumer, *said = line.split(maxsplit=2)
        assert consumer == "c" or "cannot be written" in said[0] and "running with NumPy" in said[0], line
    assert out[0].split()[1] == "interpreter"


@POSIX
@pytest.mark.usefixtures("compiler")
@pytest.mark.slow
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_tiny_disk(tmp_path, everywhere):
    """A cache on a file system of some pages, and nowhere else to go: compiled, or NumPy with the reason."""
    point = tmp_path / "disk"
    point.mkdir()
    (tmp_path / "tmp").mkdir()
    for pages in (2, 5, 8, 12, 500):
        out = run("print(*said(), len(os.listdir(cachedir.directory())))", point / "c",
                  mounted(f"size={4 * pages}k", point), TMPDIR=str(point if everywhere else tmp_path / "tmp"))
        consumer, *said = out.split(maxsplit=1)
        if everywhere and consumer == "interpreter":
            assert pages < 500 and ("No space left" in said[0] or "No usable temporary directory" in said[0]), out
        else:
            assert consumer == "c", out
    assert list((tmp_path / "tmp").iterdir()) == []


# -------------------------------------------------------------------------------------------------- without execution


@pytest.mark.usefixtures("compiler")
def test_no_execution_anywhere(tmp_path):
    """Cache and temporary directory on a file system that executes nothing: several functions, each itself."""
    point = tmp_path / "disk"
    point.mkdir()
    code = "print(use(), use(cases.scalar_add()), use(), len(count))"
    prefix = mounted("noexec,size=20m", point)
    assert run(code, point / "c", prefix, TMPDIR=str(point)).split()[:3] == ["c"] * 3


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory")
def test_copies_in_memory_are_different_libraries(compiler, tmp_path):
    """The dynamic linker knows libraries by name, and the numbers of files are used again."""

    def dlopen(name):
        if not name.startswith("/proc/self/fd"):
            raise OSError("failed to map segment from shared object")
        return ctypes.CDLL(name)

    found = []
    for k in range(4):
        (tmp_path / str(k)).mkdir()
        path = toolchain.compile_text(compiler, f"int f(void) {{ return {k}; }}", tmp_path / str(k))
        found.append(loader.opened(path, dlopen).f())
    assert found == [0, 1, 2, 3]
    assert len({loader.memory_name(3, number) for number in range(5000)}) == 5000
    assert os.path.realpath(loader.memory_name(0, 4711)) == os.path.realpath("/proc/self/fd/0")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory")
def test_the_first_reason_is_said(tmp_path):
    """A file that is no library: the error names it, not the copy."""
    path = tmp_path / "unit.so"
    path.write_bytes(b"none")
    with pytest.raises(OSError, match="unit.so"):
        loader.opened(path, ctypes.CDLL)


# --------------------------------------------------------------------------------------------------------------- locks


def test_file_systems_without_locks(place, monkeypatch):
    """No lock is no reason to wait."""
    pytest.importorskip("fcntl")

    def flock(handle, flags):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(cache.fcntl, "flock", flock)
    start = time.monotonic()
    assert obtain() == b"library"
    assert time.monotonic() - start < cache.LOCK_SECONDS / 2


def test_the_lock_of_another_stays(place, monkeypatch):
    """Who gave up waiting does not take away the name of the lock."""
    pytest.importorskip("fcntl")
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.05)
    path = cachedir.directory() / "key.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        cache.fcntl.flock(handle, cache.fcntl.LOCK_EX)
        with cache.locked("key"):
            pass
        assert path.exists()
    finally:
        os.close(handle)
    with cache.locked("key"):
        assert path.exists()
    assert not path.exists()


# ----------------------------------------------------------------------------------------------------------- compilers


def script(path, text):
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o700)
    return str(path)


@POSIX
def test_a_compiler_that_hangs(compiler, place, tmp_path, monkeypatch):
    """It is killed with its children, which hold its pipes; the next compiler is used."""
    hangs = script(tmp_path / "hangs", f"sleep 300 & echo $! > {tmp_path}/child; wait")
    monkeypatch.setattr(toolchain, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(toolchain, "candidates", lambda: (hangs,))
    assert toolchain.find() is None
    assert f"{hangs} timed out after 0.3 seconds" in toolchain.why_not()
    assert gone(int((tmp_path / "child").read_text()))
    script(tmp_path / "hangs", 'case "$1" in --version) echo 1;; *) sleep 300; esac')
    monkeypatch.setattr(toolchain, "PROBE_SECONDS", 5.0)
    monkeypatch.setattr(toolchain, "_answers", lambda compiler, answers=toolchain._answers:
                        monkeypatch.setattr(toolchain, "PROBE_SECONDS", 0.3 if compiler.path == hangs else 30.0)
                        or answers(compiler))
    monkeypatch.setattr(toolchain, "candidates", lambda: (hangs, compiler.path))
    toolchain.forget()
    start = time.monotonic()
    assert toolchain.find().path == compiler.path
    assert time.monotonic() - start < 100 and "timed out" in toolchain.why_not()


@POSIX
def test_a_compiler_that_crashes(compiler, place, tmp_path, monkeypatch):
    crashes = script(tmp_path / "crashes", 'case "$1" in --version) echo 1;; *) kill -SEGV $$; esac')
    monkeypatch.setattr(toolchain, "candidates", lambda: (crashes,))
    assert toolchain.find() is None
    assert f"{crashes} was killed by SIGSEGV" in toolchain.why_not()


@POSIX
@pytest.mark.parametrize("end", ["hangs", "crashes", "is missing", "has lost its assembler"])
def test_a_compiler_that_goes_bad(compiler, place, tmp_path, monkeypatch, end):
    """It worked, and the cache remembers so; then it does not: the next one, or NumPy, said with the reason."""
    path = script(tmp_path / "gcc", f'exec {compiler.path} "$@"'.ljust(100))
    monkeypatch.setattr(toolchain, "candidates", lambda: (path,) if os.path.exists(path) else ())
    monkeypatch.setattr(toolchain.config, "cxx", path)
    assert toolchain.find().path == path
    facts = os.stat(path)
    size = facts.st_size
    text = {"hangs": "sleep 300", "crashes": "kill -9 $$", "is missing": "",
            "has lost its assembler": "echo 'gcc: fatal error: cannot execute as' >&2; exit 1"}[end]
    if end == "is missing":
        os.unlink(path)
    else:  # as if nothing had happened to it
        script(tmp_path / "gcc", text.ljust(100))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert os.stat(path).st_size == size
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(toolchain, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(loader, "_loaded", {})
    case = cases.outer_sum()
    with pytest.warns(SlowWarning, match="no C compiler") as caught:
        executable = executor.link(case.program)
    said = str(caught[0].message)
    assert executable.consumer == "interpreter"
    assert (executable.run(case.values)[0][0] == case.outputs[0]).all()
    assert {"hangs": "timed out", "crashes": "killed by SIGKILL", "is missing": "",
            "has lost its assembler": "cannot execute as"}[end] in said
    assert not [note for note in place.glob("*.note") if b"version" in note.read_bytes()] or end == "is missing"
    # Another compiler is found where there is one.
    monkeypatch.setattr(toolchain, "PROBE_SECONDS", 30.0)
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 30.0)
    monkeypatch.setattr(toolchain, "candidates", lambda: (compiler.path,))
    toolchain.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert executor.link(case.program).consumer == "c"


def test_a_text_that_does_not_compile(compiler, place, monkeypatch):
    """The compiler is sound, so the text is not: an error that names both, and keeps the compiler."""
    monkeypatch.setattr(loader, "_loaded", {})
    toolchain.find()

    def compile_text(compiler, text, place, *rest, original=toolchain.compile_text, **more):
        return original(compiler, text + "#error no\n" * ("st_main" in text), place, *rest, **more)

    monkeypatch.setattr(toolchain, "compile_text", compile_text)
    with pytest.raises(toolchain.CompileError, match="#error no") as caught:
        executor.link(cases.outer_sum().program)
    assert os.path.exists(caught.value.source) and toolchain.find().path == compiler.path
    assert list(place.glob("*.so")) == []
