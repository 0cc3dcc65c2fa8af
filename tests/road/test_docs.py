"""The documentation's Python blocks run as they stand, one after another; the short examples run."""

from __future__ import annotations

import pathlib
import re
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/tutorial.md", "docs/coming-from-theano.md"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page, capsys):
    space: dict = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S):
        if "symtensor.compat.theano.install()" not in block:  # would change the whole test session
            exec(compile(block, page, "exec"), space)
    promised = re.findall(r"print\(.*?\)\s+# (.+)$", (ROOT / page).read_text(), flags=re.M)
    printed = capsys.readouterr().out
    for text in promised:
        if re.match(r"[\d(\[T]", text):  # a value, no remark
            for word in re.findall(r"[\w.+]+", text):
                assert word.strip(".") in printed, f"{page} promises {text!r}"


@pytest.mark.parametrize("name", ["basics", "state", "softmax_regression"])
def test_short_examples(name, capsys):
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.slow
def test_training_on_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["train_images.py", "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "train_images.py"), run_name="__main__")
    last = capsys.readouterr().out.strip().splitlines()[-1]
    found = re.fullmatch(r"test accuracy: (\d+\.\d\d) %", last)
    assert found and float(found.group(1)) >= 97
    assert (tmp_path / "curves.png").stat().st_size > 10_000
