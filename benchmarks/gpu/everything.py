"""What can only be tried on a GPU, in one go: `python -m benchmarks.gpu.everything`, or `./run gpu`.

The package's extension, if it is not built for this interpreter; the tests of tests/cuda and the laws on the GPU, side
by side; some of them under compute-sanitizer, where it is found; then the benchmarks, which write docs/gpu.md. Logs lie
in out/gpu/. Each step has its time, the whole `--seconds`; what takes longer is ended and said to be. Exit status 1 if
there is no GPU to use, or if anything failed.
"""
from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.gpu.__main__ import ROOT, program

GPU_TESTS = "tests/cuda/test_gpu.py"
CALM = ["-W", "ignore:the extension symtensor"]  # where it cannot be built, tests go on without it


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]


def tests() -> list[Step]:
    pytest, several = [sys.executable, "-m", "pytest", "-rfE", *CALM], []
    if importlib.util.find_spec("xdist"):
        several = ["--numprocesses", str(max(1, (os.cpu_count() or 1) // 2 - 1))]
    return [Step("tests", [*pytest, *several, "tests/cuda"]),
            Step("laws", [*pytest, *several, "-p", "on_gpu", "tests/laws"])]


def checks(sanitizer: str) -> list[Step]:
    """A few kernels under compute-sanitizer. The driver is asked some questions whose answer is an error: not those."""
    def step(tool, chosen):
        return Step(tool, [sanitizer, "--tool", tool, "--error-exitcode", "9", "--report-api-errors", "no",
                           "--target-processes", "application-only", "--", sys.executable, "-m", "pytest",
                           *CALM, GPU_TESTS, "-k", chosen])
    return [step("memcheck", "test_functions or test_training or test_draws"), step("racecheck", "sums or rows")]


def together(steps: list[Step], seconds: float, logs: pathlib.Path) -> list[tuple[bool, str]]:
    """Run steps side by side, each into a log of its own; (went well, what to say of it) of each."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        filter(None, [str(ROOT / "tests" / "cuda"), os.environ.get("PYTHONPATH", "")]))}
    end, running = time.monotonic() + seconds, []
    for step in steps:
        with open(logs / f"{step.name}.log", "w") as log:
            running.append(subprocess.Popen(step.command, cwd=ROOT, env=environment, stdout=log, stderr=log,
                                            start_new_session=True))
    found = []
    for step, child in zip(steps, running):
        late = ""
        try:
            child.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            late = f"not done within {seconds:g} s; "
        lines = (logs / f"{step.name}.log").read_text(errors="replace").strip().splitlines()
        last = lines[-1].strip("= ") if lines else "no output"
        found.append((child.returncode == 0, f"{step.name}: {late}{last}"))
        print(found[-1][1], flush=True)
        if child.returncode:
            print("\n".join(lines[-25:]), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=475, help="for all")
    parser.add_argument("--tests", type=float, default=140, help="of these at most for the tests")
    parser.add_argument("--checks", type=float, default=70, help="and at most for compute-sanitizer")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "out" / "gpu")
    parser.add_argument("--document", type=pathlib.Path, default=ROOT / "docs" / "gpu.md")
    args = parser.parse_args()
    begin, bench = time.monotonic(), [sys.executable, "-m", "benchmarks.gpu"]
    if subprocess.run([*bench, "--look"], cwd=ROOT).returncode:
        sys.exit(1)
    args.logs.mkdir(parents=True, exist_ok=True)
    if not importlib.util.find_spec("symtensor._executor"):
        together([Step("extension", [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"])], 60, args.logs)
    found = together(tests(), args.tests, args.logs)
    sanitizer = program("compute-sanitizer")
    if sanitizer:
        found += together(checks(sanitizer), args.checks, args.logs)
    else:
        found.append((True, "compute-sanitizer was not there: its checks have not run"))
    budget = max(30.0, args.seconds - (time.monotonic() - begin) - 5)
    notes = [word for _, what in found for word in ("--note", what)]
    done = subprocess.run([*bench, "--budget", str(budget), "--out", str(args.logs / "benchmarks.json"), "--write",
                           str(args.document), *notes], cwd=ROOT)
    print(f"{time.monotonic() - begin:.0f} s")
    sys.exit(0 if done.returncode == 0 and all(well for well, _ in found) else 1)


if __name__ == "__main__":
    main()
