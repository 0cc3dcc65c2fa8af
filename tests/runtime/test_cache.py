"""The cache under attack: damaged entries, directories that are not ours, no space, races, killed builders."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from symtensor.runtime import cache, cachedir, entry, upkeep

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATHS = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'runtime'}"}
FACTS = [("source", "int x;"), ("compiler", "none")]
POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache directory that nobody has used."""
    path = tmp_path / "cache"
    monkeypatch.setattr(cachedir, "wanted", lambda: path)
    return path


def builder(text=b"library", calls=None):
    def build(directory):
        if calls is not None:
            calls.append(directory)
        path = directory / "unit.so"
        path.write_bytes(text)
        return path

    return build


def load(path, key):
    return entry.opened(key, path.read_bytes())[0]


def obtain(calls=None, text=b"library"):
    return cache.obtain(FACTS, builder(text, calls), load)


def names(place):
    return sorted(p.name for p in place.iterdir() if p.name != "swept")


def test_built_once_and_found(place):
    calls = []
    assert obtain(calls) == obtain(calls) == b"library"
    assert len(calls) == 1 and calls[0].parent == place
    assert names(place) == [cache.key_of(FACTS) + ".so"]
    assert place.stat().st_mode & 0o777 == 0o700
    payload, notes = entry.checked(place / names(place)[0])
    assert payload == b"library" and json.loads(notes) == [list(fact) for fact in FACTS]


def test_key_depends_on_every_fact():
    keys = {cache.key_of(facts) for facts in [
        FACTS, FACTS[::-1], FACTS[:1], [("source", "int x;")], [("source", "int x; ")], [("sourc", "eint x;")],
        [("source", 'int x;"],["compiler","none')], [("source", "int x;"), ("compiler", "nonė")]]}
    assert len(keys) == 7  # two of them are the same


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:10], lambda data: data[:-1], lambda data: data + b"\0",
    lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: data[:-40] + bytes([data[-40] ^ 0x10]) + data[-39:],
    lambda data: b"\0" * len(data), lambda data: b"#!/bin/sh\n",
], ids=["empty", "cut", "one byte short", "one byte long", "bit in code", "bit in hash", "zeros", "planted"])
def test_damaged_entries_are_rebuilt(place, damage):
    calls = []
    obtain(calls)
    path = place / (cache.key_of(FACTS) + ".so")
    path.write_bytes(damage(path.read_bytes()))
    assert [wrong for wrong, _ in upkeep.verify(place)] == [path]
    assert obtain(calls) == b"library" and len(calls) == 2
    assert upkeep.verify(place) == []


@POSIX
def test_planted_link_is_not_followed(place, tmp_path):
    obtain()
    path = place / (cache.key_of(FACTS) + ".so")
    other = tmp_path / "other.so"
    path.rename(other)
    path.symlink_to(other)
    calls = []
    assert obtain(calls) == b"library" and len(calls) == 1
    assert not path.is_symlink() and other.exists()


@POSIX
@pytest.mark.parametrize("spoil", ["symlink", "group", "others", "file", "parent", "stranger"])
def test_directories_that_are_not_ours_alone(tmp_path, monkeypatch, spoil):
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    path = base / "cache"
    path.mkdir(mode=0o700)
    if spoil == "symlink":
        path.rename(base / "real")
        path.symlink_to(base / "real")
    elif spoil == "group":
        path.chmod(0o770)
    elif spoil == "others":
        path.chmod(0o707)
    elif spoil == "file":
        path.rmdir()
        path.write_text("")
    elif spoil == "parent":
        base.chmod(0o777)
    elif os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        path = pathlib.Path("/usr")
    before = os.listdir(path) if path.is_dir() else []
    monkeypatch.setattr(cachedir, "wanted", lambda: path)
    with pytest.warns(cachedir.CacheWarning, match="not kept beyond this process"):
        assert obtain() == b"library"
    calls = []
    assert obtain(calls) == b"library" and not calls  # kept in the process's own place; said once
    assert not path.is_dir() or os.listdir(path) == before
    if spoil == "parent":
        base.chmod(0o1777)
        cachedir.inspect(path)


def test_a_place_where_nothing_can_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cachedir, "wanted", lambda: tmp_path / "file" / "cache")
    with pytest.warns(cachedir.CacheWarning):
        assert obtain() == b"library"


def run(code, **environment):
    """Runs code in a process of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, cwd=ROOT,
        env={**os.environ, **PATHS, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


LINK = """
    import sys, pathlib, warnings, cases
    from symtensor.runtime import cachedir, cache, executor, toolchain
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    count = []
    compile_text = toolchain.compile_text
    toolchain.compile_text = lambda *args, **more: count.append(1) or compile_text(*args, **more)
    case = cases.outer_sum()
    def use():
        executable = executor.link(case.program)
        assert (executable.run(case.values)[0][0] == case.outputs[0]).all()
        return executable.consumer
"""


def flags(path):
    return {"SYMTENSOR_FLAGS": f"base_compiledir={path}", "THEANO_FLAGS": "", "HOME": str(path)}


@pytest.mark.usefixtures("compiler")
def test_processes_share_entries(tmp_path):
    """A second process compiles nothing, whatever its hash seed."""
    code = LINK + "    print(use(), len(count))"
    first = run(code, **flags(tmp_path / "c"), PYTHONHASHSEED="1").split()
    assert first[0] == "c" and int(first[1]) >= 1
    assert run(code, **flags(tmp_path / "c"), PYTHONHASHSEED="2").split() == ["c", "0"]


@POSIX
@pytest.mark.usefixtures("compiler")
def test_many_processes_at_once(tmp_path):
    """A cold cache and four processes: all succeed, and the unit is compiled once (compilers are probed by each)."""
    code = textwrap.dedent(LINK + """
    texts = []
    toolchain.compile_text = lambda c, text, *rest, **more: texts.append(text) or compile_text(c, text, *rest, **more)
    use()
    print(sum("st_main" in text for text in texts))
    """)
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, cwd=ROOT, env={**os.environ, **PATHS, **flags(tmp_path / "c")})
                 for _ in range(4)]
    results = [p.communicate(timeout=120) for p in processes]
    assert all(p.returncode == 0 for p in processes), results
    assert sum(int(out) for out, _ in results) == 1
    assert [p for p in (tmp_path / "c").iterdir() if p.name.startswith("build-") or p.suffix == ".lock"] == []


@POSIX
@pytest.mark.usefixtures("compiler")
def test_read_only_cache():
    """Entries are read, new ones are made elsewhere, nothing fails; as a user whom permissions bind."""
    code = LINK + """
    import os
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
        for entry in path.iterdir():
            os.chown(entry, 12345, -1)
        os.setuid(12345)
    print(use(), len(count))
    case = cases.scalar_add()
    print(use(), len(count) > 0)
    """
    place = pathlib.Path(tempfile.mkdtemp()) / "c"
    place.parent.chmod(0o711)
    try:
        run(LINK + "    use()", **flags(place))
        for entry in place.iterdir():
            entry.chmod(0o400)
        place.chmod(0o500)
        out = run(code.replace("sys.argv[1]", repr(str(place))).replace("len(sys.argv) > 1", "True"), **flags(place))
    finally:
        if os.stat(place).st_uid == os.geteuid():
            place.chmod(0o700)
        shutil.rmtree(place.parent)
    assert out.split() == ["c", "0", "c", "True"]


@pytest.mark.usefixtures("compiler")
def test_no_home(tmp_path):
    """Without HOME, and with a place that cannot be made, programs are compiled and run; one warning."""
    code = LINK + """
    import os
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        consumer = use()
    print(consumer, len([w for w in caught if issubclass(w.category, cachedir.CacheWarning)]))
    """
    (tmp_path / "file").write_text("")
    assert run(code, **flags(tmp_path / "file" / "c")).split() == ["c", "1"]


def test_replace_that_fails(place, monkeypatch):
    """A network file system that refuses the rename: this process goes on with its private copy."""
    for number in (16, 18, 2):

        def refused(source, target):
            raise OSError(number, "no")

        monkeypatch.setattr(os, "replace", refused)
        assert obtain() == b"library"
        assert names(place) == []


def test_full_disk(place, monkeypatch):
    """What cannot be written in the cache is written elsewhere."""
    place.mkdir(mode=0o700)
    make = cachedir.tempfile.mkdtemp

    def mkdtemp(prefix, dir=None):
        if dir == place:
            raise OSError(28, "No space left on device")
        return make(prefix=prefix, dir=dir)

    monkeypatch.setattr(cachedir.tempfile, "mkdtemp", mkdtemp)
    assert obtain() == b"library"
    assert [n for n in names(place) if n.startswith("build-")] == []


def test_errors_of_the_builder_reach_the_caller(place):
    def build(directory):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.obtain(FACTS, build, load)
    assert names(place) == []


def test_entry_that_does_not_load_is_built_again(place):
    obtain()
    attempts = []

    def picky(path, key):
        attempts.append(path)
        if path.parent == place:
            raise OSError("gone")
        return load(path, key)

    assert cache.obtain(FACTS, builder(), picky) == b"library"
    assert attempts[0].parent == place and attempts[-1].parent.parent == place


def test_a_lock_that_is_never_given_back(place, monkeypatch):
    """Somebody holds the lock for ever: after a while we compile all the same."""
    pytest.importorskip("fcntl")
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.1)
    place.mkdir(mode=0o700)
    handle = os.open(place / (cache.key_of(FACTS) + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        cache.fcntl.flock(handle, cache.fcntl.LOCK_EX)
        calls = []
        assert obtain(calls) == b"library" and len(calls) == 1
    finally:
        os.close(handle)


def test_notes(place):
    key = cache.key_of([("note", "1")])
    assert cache.read_note(key) is None
    cache.write_note(key, b"{}")
    assert cache.read_note(key) == b"{}"
    path = place / (key + ".note")
    path.write_bytes(path.read_bytes()[:-3])
    assert cache.read_note(key) is None and not path.exists()


def test_sweep(place):
    """Old leftovers go, young ones stay; the least recently used entries go beyond the limit; purge empties all."""
    for k in range(4):
        cache.obtain([("source", str(k))], builder(b"x" * 1000), load)
        os.utime(place / (cache.key_of([("source", str(k))]) + ".so"), (time.time() - 4000 + k, time.time() - 4000 + k))
    old, young, lock = place / "build-old", place / "build-young", place / "abc.lock"
    for path in (old, young):
        path.mkdir()
        (path / "unit.c").write_text("")
    lock.write_text("")
    for path in (old, lock):
        os.utime(path, (0, 0))
    assert cache.lookup(cache.key_of([("source", "0")])) is not None  # used: now the youngest
    upkeep.set_limit(place, 2500)
    upkeep.sweep(place, force=True)
    assert not old.exists() and not lock.exists() and young.exists()
    left = [k for k in range(4) if (place / (cache.key_of([("source", str(k))]) + ".so")).exists()]
    assert left == [0, 3]
    found = upkeep.summary(place)
    assert (found.entries, found.limit, found.leftovers) == (2, 2500, 1) and found.size < 2500
    (place / "not ours").write_text("")
    assert upkeep.purge(place) == 4
    assert sorted(p.name for p in place.iterdir()) == ["limit", "not ours"]
    assert upkeep.purge(place) == 0 and upkeep.summary(place).entries == 0


def test_killed_builder(place):
    """A process killed while it builds leaves a directory behind, and no entry."""
    code = """
    import os, pathlib, signal, sys
    from symtensor.runtime import cache, cachedir
    cachedir.wanted = lambda: pathlib.Path(sys.argv[1])
    def build(directory):
        (directory / "unit.so").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    cache.obtain([("source", "int x;"), ("compiler", "none")], build, None)
    """
    if not hasattr(os, "fork"):
        pytest.skip("no signals")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(place)], cwd=ROOT, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == -9
    calls = []
    assert obtain(calls) == b"library" and len(calls) == 1
    assert any(name.startswith("build-") for name in names(place))
