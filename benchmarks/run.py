"""Times the cases side by side: `python -m benchmarks.run`, from a checkout.

Each library and group of cases runs in a process of its own, one at a time, with an empty cache of compiled code,
pinned to as many cores as it may use threads. Times are the fastest of many calls. Results that differ from float64
NumPy are failures. What comes out is one JSON file; `--table` writes the tables of docs/performance.md and its chart.
"""
from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from benchmarks import cases, table
from benchmarks.worker import MARK

ROOT = pathlib.Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Library:
    module: str  # what is imported, and the end of the name of its file here
    environment: dict = field(default_factory=dict)  # {cache} stands for an empty directory
    usual: bool = True  # measured without being asked for


LIBRARIES = {
    "symtensor": Library("symtensor", {"SYMTENSOR_FLAGS": "base_compiledir={cache}"}),
    "numpy": Library("numpy"),
    "jax": Library("jax"),
    "torch": Library("torch"),
    "torch-compile": Library("torch", {"BENCH_TORCH_COMPILE": "1", "TORCHINDUCTOR_CACHE_DIR": "{cache}"}, usual=False),
    "pytensor": Library("pytensor", {"PYTENSOR_FLAGS": "base_compiledir={cache}"}),
}


def main() -> None:
    args = arguments()
    path = pathlib.Path(args.out)
    found = json.loads(path.read_text()) if path.exists() else dict(rows={})
    if not args.only_table:
        pythons = dict(choice.split("=", 1) for choice in args.python)
        libraries = args.libraries or [name for name in LIBRARIES if usual(name, pythons)]
        found["machine"] = machine(args.threads)
        compileall.compile_dir(str(ROOT / "symtensor"), quiet=2)  # as installing does; a checkout may be fresh
        path.parent.mkdir(parents=True, exist_ok=True)
        for group in args.groups:
            for library, rows in measure(args, group, libraries, pythons).items():
                found["rows"].setdefault(library, {}).update(rows)
            path.write_text(json.dumps(found, indent=1) + "\n")  # after each group: a run may be cut off
    print(table.main_table(found))
    if args.table or args.only_table:
        table.write(found, ROOT / "docs" / "performance.md")
        if importlib.util.find_spec("matplotlib") is None:
            print("matplotlib is not installed: the chart stays as it was")
        else:
            draw = [sys.executable, "-m", "benchmarks.chart", "--results", str(path.resolve())]
            subprocess.run(draw, cwd=ROOT, check=True)


def arguments() -> argparse.Namespace:
    names = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=names, default=cases.GROUPS, help="of " + ",".join(cases.GROUPS))
    parser.add_argument("--libraries", type=names, help="of " + ",".join(LIBRARIES) + "; by default those installed")
    parser.add_argument("--python", action="append", default=[], metavar="LIBRARY=PATH",
                        help="the interpreter of an environment where a library is installed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each case is repeated")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one library and group")
    parser.add_argument("--repeat", type=int, default=1, help="processes for each library and group; the best counts")
    parser.add_argument("--out", default="out/benchmarks.json", help="results; rows measured again are replaced")
    parser.add_argument("--table", action="store_true", help="write docs/performance.md and docs/performance.svg too")
    parser.add_argument("--only-table", action="store_true", help="measure nothing, write these from earlier results")
    args = parser.parse_args()
    for chosen, known in ((args.groups, cases.GROUPS), (args.libraries or [], LIBRARIES)):
        for name in chosen:
            if name not in known:
                parser.error(f"{name} is not one of {', '.join(known)}")
    return args


def interpreter(library: str, pythons: dict) -> str:
    return pythons.get(library) or pythons.get(LIBRARIES[library].module) or sys.executable


def usual(library: str, pythons: dict) -> bool:
    """Is it measured by default: where it can be imported."""
    look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({LIBRARIES[library].module!r}))"
    command = [interpreter(library, pythons), "-c", look]
    return LIBRARIES[library].usual and subprocess.run(command, cwd=ROOT).returncode == 0


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def machine(threads: int) -> dict:
    model = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        named = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = named[0] if named else model
    return dict(processor=model, cores=len(cores()) or os.cpu_count(), system=platform.system(), threads=threads)


def measure(args, group: str, libraries: list[str], pythons: dict) -> dict:
    """Rows by library and case. Libraries take turns, so that a change of the machine meets all of them."""
    rows: dict = {name: {} for name in libraries}
    for _ in range(args.repeat):
        for library in libraries:
            for row in run_group(args, library, group, interpreter(library, pythons)):
                case = row["case"]
                rows[library][case] = faster(rows[library].get(case), row)
                print(f"{case:14} {library:14}", row.get("failed") or
                      f"{table.duration(row['best_s']):>9}   ready in {row['ready_s']:.2f} s", flush=True)
    return rows


def faster(one: dict | None, other: dict) -> dict:
    """Of two rows of one case: what is wrong once is wrong; else the least times of both."""
    if one is None or "failed" in one or "failed" in other:
        return other if one is None or "failed" in other else one
    least = {name: min(one[name], other[name]) for name in ("best_s", "median_s", "ready_s", "import_s")}
    return {**other, **least}


def run_group(args, library: str, group: str, python: str) -> list[dict]:
    """Start one worker and read its rows; cases that it did not reach get a row that says why."""
    command = [python, "-m", "benchmarks.worker", LIBRARIES[library].module, group, "--seconds", str(args.seconds)]
    if len(cores()) >= args.threads:
        command += ["--cores", *map(str, cores()[-args.threads:])]
    environment = dict(os.environ, **{name: str(args.threads) for name in THREADS})
    file = tempfile.TemporaryFile
    with tempfile.TemporaryDirectory() as cache, file("w+") as out, file("w+") as err:
        for name, value in LIBRARIES[library].environment.items():
            environment[name] = value.replace("{cache}", cache)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err, start_new_session=True)
        try:
            process.wait(args.timeout)
            why = ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            why = f"not within {args.timeout:g} s"
        out.seek(0)
        err.seek(0)
        rows = [json.loads(line[len(MARK):]) for line in out if line.startswith(MARK)]
        why = why or f"ended with {process.returncode}: {err.read().strip()[-300:]}"
    reached = {row["case"] for row in rows}
    rows += [dict(case=name, failed=why) for name, case in cases.CASES.items()
             if case.group == group and name not in reached]
    return rows


if __name__ == "__main__":
    main()
