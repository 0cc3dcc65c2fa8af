"""The benchmarks on a GPU, without one: their programs on the shim and on stand-ins, at tiny sizes; processes that die
or hang; the tables."""
from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import fake_cuda
import numpy as np
import pytest

from benchmarks import with_symtensor as programs
from benchmarks.gpu import everything, reference, table, with_driver, with_symtensor, worker
from benchmarks.gpu.cases import CASES, error, sample

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name in CASES if name != "copy"]
no_gpu = pytest.mark.skipif(with_driver.why_not() == "", reason="there is a GPU")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("given")
    reference.write(made, list(CASES), tiny=True)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_symtensor_on_the_shim(name, folder, device, monkeypatch):
    monkeypatch.setattr(programs, "DEVICE", "cuda")
    row = worker.measure(with_symtensor, CASES[name], folder, 0)
    assert "failed" not in row, row
    assert row["memory"]["values"] > 0 and row["best_s"] > 0
    assert "alloc" not in vars(device) and "free" not in vars(device)  # counting has ended


@pytest.mark.parametrize("name", ["chain", "red_sum", "red_softmax", "gemm_f32", "call"])
def test_nothing_moves_while_the_clock_runs(name, folder, device, monkeypatch):
    monkeypatch.setattr(programs, "DEVICE", "cuda")
    call, _ = getattr(with_symtensor, CASES[name].case.function)(reference.read(folder, name)[0])
    call()
    before = dict(device.moved)
    call()
    assert device.moved == before


def test_cupy_on_numpy(folder, monkeypatch):
    """The programs in CuPy, with NumPy in its place."""
    pool = SimpleNamespace(free_all_blocks=lambda: None, total_bytes=lambda: 7)
    wait = SimpleNamespace(Device=lambda: SimpleNamespace(synchronize=lambda: None), runtime=SimpleNamespace(
        getDeviceProperties=lambda k: {"name": b"NumPy"}))
    names = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    standin = SimpleNamespace(**{**names, "__version__": "0", "fuse": lambda: lambda f: f, "asnumpy": np.asarray,
                                 "asarray": np.array, "cuda": wait, "get_default_memory_pool": lambda: pool})
    monkeypatch.setitem(sys.modules, "cupy", standin)
    monkeypatch.delitem(sys.modules, "benchmarks.gpu.with_cupy", raising=False)
    module = importlib.import_module("benchmarks.gpu.with_cupy")
    monkeypatch.delitem(sys.modules, "benchmarks.gpu.with_cupy")
    assert module.start() == "NumPy"
    for name in CASES:
        row = worker.measure(module, CASES[name], folder, 0)
        assert row.get("failed", "") == ("" if name not in ("rnn", "lstm") else "not written for this library"), name


def test_the_copy_on_a_stand_in_driver(folder, tmp_path):
    fake_cuda.built(tmp_path)
    command = [sys.executable, "-m", "benchmarks.gpu.worker", "driver", str(folder), "copy", "--seconds", "0"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}, timeout=60,
                          capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0] == worker.BEGIN + "copy", (done.returncode, done.stderr)
    row = json.loads(lines[1][len(worker.MARK):])
    assert row["error"] == 0 and row["amount"] == 8 * 1037 and row["device"].startswith("Host memory, 1024 GiB")
    assert row["device"].endswith("driver for CUDA 13.0")


DYING = """
import os, time
from shim_device import ShimDevice

class Device(ShimDevice):
    def alloc(self, size):
        if size == 9 * 9 * 4:
            print("no more", file=__import__("sys").stderr, flush=True)
            os._exit(7)
        if size == 10 * 4:
            time.sleep(60)
        return super().alloc(size)
"""


def bench(*args, path=()):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "cuda"), *map(str, path)])}
    return subprocess.run([sys.executable, "-m", "benchmarks.gpu", *args], cwd=ROOT, env=environment, timeout=120,
                          capture_output=True, text=True)


def test_processes_that_die_or_hang(tmp_path):
    (tmp_path / "dying.py").write_text(DYING)
    document = tmp_path / "gpu.md"
    document.write_text(f"before\n{table.MARK_BEGIN}\nold\n{table.MARK_END}\nafter\n")
    done = bench("--tiny", "--device", "dying:Device", "--libraries", "driver,symtensor,torch",
                 "--python", f"torch={sys.executable}", "--cases", "gemm_f32,call,chain", "--limit", "4",
                 "--out", str(tmp_path / "gpu.json"), "--write", str(document), "--note", "tests: all", path=[tmp_path])
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert found["symtensor"]["gemm_f32"]["failed"] == "ended with 7: no more"
    assert found["symtensor"]["call"]["failed"] == "not within 4 s"
    assert found["symtensor"]["chain"]["error"] < 1e-4 and list(found["symtensor"]) == ["gemm_f32", "call", "chain"]
    assert {row["failed"] for row in found["driver"].values()} == {"needs a GPU"}
    text = document.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "A trial of the programs, not a measurement" in text and "- tests: all" in text
    assert "- symtensor: call: not within 4 s" in text


def test_no_time_is_left(tmp_path):
    done = bench("--tiny", "--device", "cpu", "--libraries", "symtensor", "--cases", "chain,call", "--budget", "0",
                 "--out", str(tmp_path / "gpu.json"))
    assert done.returncode == 0 and "- symtensor: chain, call: no time was left" in done.stdout, done.stderr


@no_gpu
def test_where_there_is_no_gpu():
    done = bench()
    assert done.returncode == 1 and done.stderr.startswith("No GPU can be used here: "), done.stderr
    done = bench("--look")
    assert done.returncode == 1 and "There is no GPU that symtensor can use here" in done.stdout, done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()][:2] == ["GPU", "symtensor on it"]


def test_steps_side_by_side(tmp_path, capsys):
    def step(name, code):
        return everything.Step(name, [sys.executable, "-c", code])
    found = everything.together([step("fine", "print('= 3 passed =')"), step("bad", "print('1 failed'); exit(2)"),
                                 step("long", "import time; print('...', flush=True); time.sleep(60)")], 3, tmp_path)
    assert found == [(True, "fine: 3 passed"), (False, "bad: 1 failed"), (False, "long: not done within 3 s; ...")]
    assert (tmp_path / "bad.log").read_text() == "1 failed\n" and "bad: 1 failed" in capsys.readouterr().out


@no_gpu
def test_everything_needs_a_gpu(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu.everything", "--logs", str(tmp_path / "logs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "nothing was measured" in done.stdout and not (tmp_path / "logs").exists()


def row(name, seconds, amount=0, **more):
    return dict(case=name, best_s=seconds, ready_s=10 * seconds, version="1", python="3.12", device="D", amount=amount,
                memory={}, **more)


def test_tables():
    ours = {"chain": row("chain", 1.0, 90e9), "red_sum": row("red_sum", 1.0, 79e9), "call": row("call", 19e-6),
            "copy": dict(case="copy", failed="not written for this library"),
            "gemm_f32": row("gemm_f32", 0.5, 1e12), "mlp_large": row("mlp_large", 1.0) | {"memory": {"values": 3e8}}}
    theirs = {"chain": row("chain", 2.0, 90e9), "red_sum": dict(case="red_sum", failed="a\nwrong: error 1")}
    found = dict(rows=dict(driver={"copy": row("copy", 1.0, 100e9)}, symtensor=ours, torch=theirs,
                           jax={"chain": row("chain", 4.0, 90e9)}), notes=[], tiny=False, device="cuda")
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[2:] for line in
             table.main_table(found).splitlines()}
    assert cells["chain"] == ["1.00 s", "90 GB/s", "90%", "85%: met", "2.00 s", "torch", "0.50"]
    assert cells["red_sum"] == ["1.00 s", "79 GB/s", "79%", "80%: not met", "-", "-", "-"]
    assert cells["gemm_f32"][:4] == ["500 ms", "2 TFLOP/s", "-", "-"] and cells["call"][3] == "20.0 us: met"
    text = table.text(found)
    assert "| mlp_large, values | 300 |" in text and "- torch: red_sum: wrong: error 1" in text
    assert "A copy within the device by driver moves 100 GB/s" in text and "not written" not in text
    assert "trial" not in text
    assert table.copied(dict(rows=dict(symtensor=ours))) is None
    assert "not met" in table.main_table(dict(rows=dict(symtensor=ours)))


def test_errors_are_seen():
    right = np.arange(3_000_000.0).reshape(1000, 3000)
    expected = [(right.shape, sample(right))]
    assert error([right], expected) == 0 and error([right.T], expected) == error([], expected) == float("inf")
    cut = right.copy()
    cut[-1, -1] = 0
    assert error([cut], expected) > 0.5


def test_the_document_has_its_markers():
    text = (ROOT / "docs" / "gpu.md").read_text()
    assert text.count(table.MARK_BEGIN) == text.count(table.MARK_END) == 1
