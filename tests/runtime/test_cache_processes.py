"""One cache, many processes: at once, killed at any moment, forked, spawned, of two versions, on two processors."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time

import pytest
from processes import POSIX, environment, run, start

from symtensor.runtime import cache, cachedir, upkeep

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.mark.slow
def test_thirty_two_processes_on_a_cold_cache(tmp_path):
    """All succeed, the unit is compiled once, nothing is left lying about."""
    processes = [start("""
        texts = []
        toolchain.compile_text = lambda c, text, *rest, **more: texts.append(text) or compile_text(
            c, text, *rest, **more)
        print(*said(), sum("st_main" in text for text in texts))
        """, tmp_path / "c") for _ in range(32)]
    results = [process.communicate(timeout=300) for process in processes]
    assert all(process.returncode == 0 for process in processes), results
    assert all(out.split()[0] == "c" and len(out.split()) == 2 for out, _ in results), results
    if os.name == "posix":
        assert sum(int(out.split()[1]) for out, _ in results) == 1
    assert upkeep.verify(tmp_path / "c") == []
    assert upkeep.summary(tmp_path / "c").leftovers == 0


def test_no_lock_is_needed(tmp_path):
    """Without any lock the same work may be done twice, and the outcome is the same."""
    processes = [start("cache.fcntl = None\nprint(*said(), use(cases.scalar_add()))", tmp_path / "c") for _ in range(4)]
    results = [process.communicate(timeout=300) for process in processes]
    assert [out.split() for out, _ in results] == [["c", "c"]] * 4, results
    assert upkeep.verify(tmp_path / "c") == []
    found = upkeep.summary(tmp_path / "c")
    assert (found.entries, found.leftovers) == (2, 0)


@POSIX
@pytest.mark.slow
def test_killed_two_hundred_times(tmp_path, rng):
    """Processes that look for a compiler, compile, seal and publish are killed at random moments. Every entry that is
    there afterwards is sound, the next run finds or makes what it needs, and leftovers go when they are old."""
    place = tmp_path / "c"
    moments = [float(moment) for moment in rng.uniform(0.0, 0.25, 200)]
    out = run(f"""
        import random, shutil, signal, time
        moments = {moments!r}
        ended = 0
        for k, moment in enumerate(moments):
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                toolchain.config.gcc.cxxflags = f"-DROUND={{k // 4}}"  # others find the lock, or the entry
                use()
                use(cases.scalar_add())
                os._exit(0)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            ended += os.waitpid(child, 0)[1] == 0
            if k % 40 == 39:
                shutil.rmtree(cachedir.directory(), ignore_errors=True)
            assert upkeep.verify(cachedir.directory()) == [], k
        print(ended, len(count))
        """, place)
    ended, compiled = map(int, out.split())
    print(f"{ended} of 200 had ended before they were killed")
    assert ended < 200 and compiled == 0
    assert run("print(*said(), use(cases.scalar_add()))", place).split() == ["c", "c"]
    assert upkeep.verify(place) == []
    for path, _ in upkeep.files(place):
        if upkeep.is_leftover(path):
            os.utime(path, (0, 0))
    upkeep.sweep(place, force=True)
    assert upkeep.summary(place).leftovers == 0 and upkeep.summary(place).entries >= 2


WORKERS = """
import multiprocessing, sys
import numpy as np
import symtensor
import symtensor.tensor as T

def compiled(k):
    x = T.dvector("x")
    return symtensor.function([x], x * (k + 2) + k)

first = compiled(100)

def work(k):
    return list(compiled(k)(np.arange(3.0))) + list(first(np.arange(2.0)))

if __name__ == "__main__":
    expected = [[k, 2.0 * k + 2, 3.0 * k + 4, 100.0, 202.0] for k in range(4)]
    first(np.arange(2.0))
    if sys.argv[1] == "loky":
        executors = __import__(sys.argv[2], fromlist=["get_reusable_executor"])
        with executors.get_reusable_executor(max_workers=2) as pool:
            found = list(pool.map(work, range(4)))
    else:
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            found = pool.map(work, range(4))
    assert found == expected, found
"""


def _loky():
    for name in ("loky", "joblib.externals.loky"):
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            return name
    return None


@pytest.mark.parametrize("method", ["fork", "spawn",
                                    pytest.param("forkserver", marks=pytest.mark.slow),
                                    pytest.param("loky", marks=pytest.mark.slow)])
def test_workers(tmp_path, method):
    """Worker processes compile, and call what their parent has compiled before them."""
    if method.startswith("fork") and not hasattr(os, "fork"):
        pytest.skip("no fork")
    if method == "loky" and _loky() is None:
        pytest.skip("no loky")
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    done = subprocess.run([sys.executable, str(script), method, str(_loky())], capture_output=True, text=True,
                          timeout=300, cwd=tmp_path, env=environment(tmp_path / "c"))
    assert done.returncode == 0, done.stderr
    assert upkeep.verify(tmp_path / "c") == []


@POSIX
def test_a_fork_does_not_keep_the_lock(tmp_path, monkeypatch):
    """A child that was forked while we compiled lives on; nobody waits for it."""
    monkeypatch.setattr(cachedir, "wanted", lambda: tmp_path / "c")
    code = """
        import time
        key = "ab" * 32
        with cache.locked(key):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            other = os.open(cachedir.directory() / (key + ".lock"), os.O_RDWR)
        try:
            cache.fcntl.flock(other, cache.fcntl.LOCK_EX | cache.fcntl.LOCK_NB)
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
        """
    run(code, tmp_path / "c")


def test_two_versions_share_a_cache(tmp_path):
    """Another format, other headers: each version finds its own entries and leaves those of the other alone."""
    place = tmp_path / "c"
    other = 'entry.FORMAT, entry.MAGIC = "9", b"symtens9"\n'
    assert run("print(use(), len(count) > 0)", place).split() == ["c", "True"]
    mine = {path.name: path.read_bytes() for path in place.iterdir()}
    assert run(other + "print(use(), len(count) > 0)", place).split() == ["c", "True"]
    assert run("print(use(), len(count))", place).split() == ["c", "0"]
    assert run(other + "print(use(), len(count))", place).split() == ["c", "0"]
    assert upkeep.verify(place) == [] and upkeep.summary(place).entries == 2
    assert mine.items() <= {path.name: path.read_bytes() for path in place.iterdir()}.items()


def test_entries_of_another_processor(tmp_path):
    """A home directory on two machines: code for one processor is never loaded on the other."""
    place = tmp_path / "c"
    other = 'processor.identity = lambda: "another processor"\n'
    assert run(other + "print(use(), len(count) > 0)", place).split() == ["c", "True"]
    theirs = set(place.glob("*.so"))
    assert len(theirs) == upkeep.summary(place, "ours").elsewhere == 1
    for path in theirs:  # sealed as it should be, but deadly
        path.write_bytes(cache.sealed(path.stem, b"\x7fELF", ""))
    assert run("print(use(), len(count) > 0)", place).split() == ["c", "True"]
    assert theirs < set(place.glob("*.so"))
    # What is sealed but does not load is made again.
    assert run(other + "print(use(), len(count))", place).split() == ["c", "1"]


@POSIX
def test_a_compiler_that_is_killed_with_its_caller(tmp_path):
    """Ctrl-C during a compilation reaches the children of the compiler too."""
    script = tmp_path / "gcc"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/driver\nsleep 300 &\necho $! > {tmp_path}/child\nwait\n")
    script.chmod(0o700)
    process = start(f"""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        toolchain.config.cxx = {str(script)!r}
        use()
        """, tmp_path / "c")
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(2)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "KeyboardInterrupt" in errors
    assert gone(int((tmp_path / "child").read_text())) and gone(int((tmp_path / "driver").read_text()))


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds (or waits for its parent only)."""
    for _ in range(500):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            if not os.path.exists("/proc/self/stat"):
                pytest.skip("no /proc")
            return True
        time.sleep(0.02)
    return False


