"""The documentation's Python blocks run as they stand, one after another; the short examples run."""

from __future__ import annotations

import pathlib
import re
import runpy

import pytest

import symtensor
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/tutorial.md", "docs/coming-from-theano.md"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page, capsys):
    space: dict = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S):
        if "symtensor.compat.theano.install()" not in block:  # would change every later test
            exec(compile(block, page, "exec"), space)
    promised = re.findall(r"print\(.*?\)\s+# (.+)$", (ROOT / page).read_text(), flags=re.M)
    printed = capsys.readouterr().out
    for text in promised:
        if re.match(r"[\d(\[T]", text):  # a value, no remark
            for word in re.findall(r"[\w.+]+", text):
                assert word.strip(".") in printed, f"{page} promises {text!r}"


@pytest.mark.parametrize("name", ["basics", "state", "softmax_regression"])
def test_short_examples(name, capsys, monkeypatch):
    """They run, and nothing that they compile calls Python."""
    made, function = [], symtensor.function

    def recording(*args, **kwargs):
        made.append(function(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(symtensor, "function", recording)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out
    assert made
    for f in made:
        assert not any(isinstance(s, PyCall) for s in statements(f.maker.code.lowered.program.body)), f


@pytest.mark.slow
def test_training_on_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["train_images.py", "--out", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "train_images.py"), run_name="__main__")
    last = capsys.readouterr().out.strip().splitlines()[-1]
    found = re.fullmatch(r"test accuracy: (\d+\.\d\d) %", last)
    assert found and float(found.group(1)) >= 97
    assert (tmp_path / "curves.png").stat().st_size > 10_000


LARGER = {  # name: tiny settings, the last line printed, pictures
    "char_lm": (["--epochs", "2", "--batches", "3", "--hidden", "12", "--length", "20"], r"Alice .{20}", []),
    "rbm": (["--epochs", "1", "--hidden", "12", "--steps", "1"], r"pictures in .*", ["rbm_weights", "rbm_samples"]),
    "hmc": (["--samples", "40", "--chains", "5", "--leapfrog", "3", "--grid", "15"], r"picture in .*", ["hmc"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER)
def test_larger_examples(name, tmp_path, monkeypatch, capsys):
    options, last, pictures = LARGER[name]
    out = ["--out", str(tmp_path)] if pictures else []
    monkeypatch.setattr("sys.argv", [f"{name}.py", *options, *out])
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.fullmatch(last, printed.strip("\n").splitlines()[-1])
    assert not re.search(r"\b(nan|inf)\b", printed)
    for picture in pictures:
        assert (tmp_path / f"{picture}.png").stat().st_size > 1000


@pytest.mark.slow
def test_vanilla_cell(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["char_lm.py", "--cell", "rnn", *LARGER["char_lm"][0]])
    runpy.run_path(str(ROOT / "examples" / "char_lm.py"), run_name="__main__")
    costs = re.findall(r"cost (\d\.\d+)", capsys.readouterr().out)
    assert len(costs) == 2 and float(costs[1]) < float(costs[0])
