"""The command `symtensor`: what it says of a cache, what it removes, what it refuses."""
from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from symtensor import __main__ as command
from symtensor.runtime import cache, cachedir, entry, upkeep


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache directory that nobody has used."""
    path = tmp_path / "cache"
    monkeypatch.setattr(cachedir, "wanted", lambda: path)
    return path


def fill(count, size=1000):
    """Makes entries, each used a minute later than the one before."""
    paths = []
    for k in range(count):

        def build(directory):
            (directory / "unit.so").write_bytes(b"x" * size)
            return directory / "unit.so"

        facts = [("source", str(k)), ("processor", "mine" if k else "another")]
        cache.obtain(facts, build, lambda path, key: True)
        paths.append(cachedir.directory() / (cache.key_of(facts) + ".so"))
        os.utime(paths[-1], (1e9 + 60 * k, 1e9 + 60 * k))
    return paths


def said(capsys, *arguments, status=0):
    """What a command printed, by --json and for people; commands that change things are run once, with --json."""
    assert command.main([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_info(place, capsys, monkeypatch):
    monkeypatch.setattr(command.processor, "identity", lambda: "mine")
    assert said(capsys, "cache", "info") == {
        "directory": str(place), "entries": 0, "notes": 0, "size": 0, "limit": 2 << 30, "leftovers": 0, "elsewhere": 0,
        "exists": False}
    assert not place.exists()
    fill(3)
    cache.write_note(cache.key_of([("note", "")]), b"1")
    (place / "build-1").mkdir()
    found = said(capsys, "cache", "info")
    assert (found["entries"], found["notes"], found["leftovers"], found["elsewhere"]) == (3, 1, 1, 1)
    assert 3000 < found["size"] < 5000 and found["exists"]
    assert command.main(["cache", "info"]) == 0
    text = capsys.readouterr().out
    assert str(place) in text and "3, 1 of them for other processors" in text and "of 2.0 GiB" in text


def test_verify(place, capsys):
    assert said(capsys, "cache", "verify")["damaged"] == []
    paths = fill(3)
    assert said(capsys, "cache", "verify")["damaged"] == []
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    paths[1].write_bytes(paths[2].read_bytes())
    other = place / ("0" * 64 + ".so")  # of another version: not ours to judge
    other.write_bytes(paths[2].read_bytes().replace(entry.MAGIC, b"symtens0"))
    found = said(capsys, "cache", "verify", status=1)
    assert sorted(wrong["path"] for wrong in found["damaged"]) == sorted(map(str, paths[:2])) and found["removed"] == 0
    assert command.main(["cache", "verify"]) == 1
    assert "2 damaged" in capsys.readouterr().out
    assert said(capsys, "cache", "verify", "--delete")["removed"] == 2
    assert sorted(place.glob("*.so")) == sorted([paths[2], other])
    assert command.main(["cache", "verify"]) == 0
    assert capsys.readouterr().out == "every entry is sound\n"


def test_purge(place, capsys):
    assert said(capsys, "cache", "purge") == {"removed": 0, "freed": 0}
    fill(2)
    (place / "mine.txt").write_text("")
    found = said(capsys, "cache", "purge")
    assert found["removed"] == 3 and found["freed"] > 2000  # two entries and the time stamp
    assert [path.name for path in place.iterdir()] == ["mine.txt"]
    assert command.main(["cache", "purge"]) == 0
    assert capsys.readouterr().out == "removed 0 file(s), 0 B\n"


def test_limit(place, capsys):
    """It is kept, applied at once, and by later sweeps; purging leaves it."""
    assert said(capsys, "cache", "limit")["limit"] == 2 << 30 and not place.exists()
    paths = fill(4)
    assert said(capsys, "cache", "limit", "3K") == {"limit": 3072, "removed": 2}
    assert [path.exists() for path in paths] == [False, False, True, True]
    command.main(["cache", "purge"])
    capsys.readouterr()
    assert said(capsys, "cache", "limit") == {"limit": 3072, "removed": 0}
    fill(4)
    upkeep.sweep(place, force=True)
    assert len(list(place.glob("*.so"))) == 2
    assert command.main(["cache", "limit", "0"]) == 0
    assert capsys.readouterr().out == "limit 0 B; removed 2 file(s)\n"
    (place / "limit").write_text("no number")
    assert upkeep.limit(place) == upkeep.DEFAULT_LIMIT
    assert command.main(["cache", "limit", "much"]) == 2
    assert "'much' is not a size" in capsys.readouterr().err


@pytest.mark.parametrize("text,size", [("0", 0), ("17", 17), ("2k", 2048), ("500M", 500 << 20), ("1.5 GiB", 3 << 29),
                                       ("2tb", 2 << 40), ("5B", 5)])
def test_sizes(text, size):
    assert upkeep.parsed_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "M", "1e9", "1 2", "5 XB"])
def test_no_sizes(text):
    with pytest.raises(ValueError, match="is not a size"):
        upkeep.parsed_size(text)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
@pytest.mark.parametrize("arguments", [["info"], ["verify"], ["purge"], ["limit"], ["limit", "1G"]])
def test_directories_that_are_refused(place, capsys, arguments):
    """Nothing is read, counted or removed in a directory that is not ours alone."""
    fill(1)
    place.chmod(0o777)
    before = sorted(place.iterdir())
    assert command.main(["cache", *arguments]) == 2
    assert "can be written by others (mode 777)" in capsys.readouterr().err
    assert sorted(place.iterdir()) == before


def test_usage(capsys):
    for arguments in ([], ["cache"], ["cache", "burn"], ["--nonsense"]):
        with pytest.raises(SystemExit) as caught:
            command.main(arguments)
        assert caught.value.code == 2
    with pytest.raises(SystemExit):
        command.main(["--version"])
    assert "symtensor 0." in capsys.readouterr().out


def test_as_a_process(tmp_path):
    done = subprocess.run([sys.executable, "-m", "symtensor", "cache", "info", "--json"], capture_output=True,
                          text=True, timeout=120,
                          env={**os.environ, "SYMTENSOR_FLAGS": f"base_compiledir={tmp_path / 'c'}"})
    assert done.returncode == 0 and json.loads(done.stdout)["directory"] == str(tmp_path / "c"), done.stderr


def test_entry_point():
    """What is installed as `symtensor` is this function."""
    found = [point for point in importlib.metadata.entry_points(group="console_scripts") if point.name == "symtensor"]
    if not found:
        pytest.skip("not installed since the command exists")
    assert found[0].load() is command.main
