"""Times the cases on a GPU side by side: `python -m benchmarks.gpu [--write docs/gpu.md]`, from a checkout.

Each library runs in a process of its own, with an empty cache of compiled code; one that dies or takes too long loses
the case it was at, and a new process goes on with the next. Inputs, parameters and results stay on the device. Results
that differ from float64 NumPy are failures. What is missing is a row with the reason. Out come one JSON file and the
tables.

`--look` says what is here and what is missing, and measures nothing. `--tiny` runs everything on a few numbers, and
`--device cpu` on the host (symtensor also on `--device module:class`), to try the programs where there is no GPU.
"""
from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

from benchmarks.gpu import reference, table, with_driver
from benchmarks.gpu.cases import CASES
from benchmarks.gpu.worker import BEGIN, MARK
from symtensor.runtime.cuda.compiler import homes
from symtensor.runtime.cuda.pycuda_device import why_not

ROOT = pathlib.Path(__file__).resolve().parents[2]
TO_START = 90  # seconds for imports and the device's context


@dataclass(frozen=True)
class Library:
    module: str  # what is imported, and the end of the name of its file here
    environment: dict = field(default_factory=dict)  # {cache} stands for an empty directory, {device} for cuda or cpu


LIBRARIES = {
    "driver": Library("driver"),
    "symtensor": Library("symtensor", {"SYMTENSOR_FLAGS": "device={device},base_compiledir={cache}"}),
    "torch": Library("torch"),
    "jax": Library("jax", {"JAX_PLATFORMS": "{device}", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}),
    "cupy": Library("cupy", {"CUPY_CACHE_DIR": "{cache}"}),
    "torch-compile": Library("torch", {"BENCH_TORCH_COMPILE": "1", "TORCHINDUCTOR_CACHE_DIR": "{cache}",
                                       "TRITON_CACHE_DIR": "{cache}/triton"}),
}
# Products of float32 are products of float32; the driver's own cache of compiled code is empty too.
COMMON = {"BENCH_DEVICE": "{device}", "NVIDIA_TF32_OVERRIDE": "0", "CUDA_CACHE_PATH": "{cache}/driver"}


def main() -> None:
    args = arguments()
    if args.look:
        sys.exit(look(args))
    missing = with_driver.why_not() if args.device == "cuda" else ""
    if missing:
        sys.exit(f"No GPU can be used here: {missing}. --tiny --device cpu tries the programs without one; --look says "
                 "what else is missing.")
    path, end = pathlib.Path(args.out), time.monotonic() + args.budget
    path.parent.mkdir(parents=True, exist_ok=True)
    found: dict = dict(rows={}, notes=args.note, tiny=args.tiny, device=args.device)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        reference.write(folder, args.cases, args.tiny)
        for library in args.libraries:
            found["rows"][library], said = {}, ""
            for row in run(args, library, folder, end):
                found["rows"][library][row["case"]] = row
                if row.get("failed") != said:
                    print(f"{row['case']:14} {library:14}", row.get("failed") or
                          f"{table.duration(row['best_s']):>9}   ready in {row['ready_s']:.2f} s", flush=True)
                said = row.get("failed", "")
                path.write_text(json.dumps(found, indent=1) + "\n")  # after each case: a run may be cut off
    print("\n" + table.text(found))
    if args.write:
        table.write(found, pathlib.Path(args.write))


def arguments() -> argparse.Namespace:
    names = lambda text: text.split(",")
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=names, default=list(CASES), help="of " + ",".join(CASES))
    parser.add_argument("--libraries", type=names, default=list(LIBRARIES), help="of " + ",".join(LIBRARIES))
    parser.add_argument("--python", action="append", default=[], metavar="LIBRARY=PATH",
                        help="the interpreter of an environment where a library is installed")
    parser.add_argument("--device", default="cuda", help="cuda, cpu, or module:class for symtensor")
    parser.add_argument("--tiny", action="store_true", help="a few numbers, to try the programs")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each case is repeated")
    parser.add_argument("--limit", type=float, default=45, help="seconds for one case, with its build")
    parser.add_argument("--budget", type=float, default=330, help="seconds for all")
    parser.add_argument("--out", default="out/gpu.json", help="results")
    parser.add_argument("--write", metavar="DOCUMENT", help="write the tables between its markers")
    parser.add_argument("--note", action="append", default=[], help="a line to write with the tables")
    parser.add_argument("--look", action="store_true", help="say what is here; ends with 1 if no GPU is")
    args = parser.parse_args()
    for chosen, known in ((args.cases, CASES), (args.libraries, LIBRARIES)):
        for name in chosen:
            if name not in known:
                parser.error(f"{name} is not one of {', '.join(known)}")
    args.pythons = dict(choice.split("=", 1) for choice in args.python)
    args.kind = "cuda" if args.device == "cuda" else "cpu"
    return args


# ------------------------------------------------------------------------------------------------- what is missing


def look(args) -> int:
    """Print what is here; 1 if symtensor cannot use a GPU."""
    gpu, device = with_driver.why_not(), why_not("cuda").splitlines()
    lines = [("GPU", gpu or "there"), ("symtensor on it", device[0] if device else "there"),
             ("its extension", "built" if importlib.util.find_spec("symtensor._executor") else
              "not built for this interpreter: calls take longer (python setup.py build_ext --inplace)"),
             ("nvcc", program("nvcc") or "not found (needed only where there is no NVRTC)"),
             ("compute-sanitizer", program("compute-sanitizer") or "not found: kernels run without its checks")]
    for name, library in LIBRARIES.items():
        if name not in ("driver", "symtensor"):
            lines.append((name, "there" if installed(library, args.pythons, name) else "not installed: no column"))
    for name, what in lines:
        print(f"{name:18} {what}")
    if gpu or device:
        print("There is no GPU that symtensor can use here, so nothing was measured. `SYMTENSOR_FLAGS=device=cuda "
              "python -m symtensor.doctor` says more.")
    return 1 if gpu or device else 0


def program(name: str) -> str | None:
    """A program of the toolkit."""
    return shutil.which(name) or next((str(path) for home in homes() for path in [home / "bin" / name]
                                       if os.access(path, os.X_OK)), None)


def interpreter(library: Library, pythons: dict, name: str) -> str:
    return pythons.get(name) or pythons.get(library.module) or sys.executable


def installed(library: Library, pythons: dict, name: str) -> bool:
    if library.module == "driver" or interpreter(library, pythons, name) == sys.executable:
        return library.module == "driver" or importlib.util.find_spec(library.module) is not None
    code = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({library.module!r}))"
    return subprocess.run([interpreter(library, pythons, name), "-c", code], cwd=ROOT).returncode == 0


# ------------------------------------------------------------------------------------------------------- processes


def run(args, name: str, folder: pathlib.Path, end: float):
    """Rows of one library, one for each case."""
    library, left = LIBRARIES[name], list(args.cases)
    if not installed(library, args.pythons, name):
        yield from (dict(case=case, failed="not installed") for case in left)
        return
    if name == "driver":
        if args.kind != "cuda":
            yield from (dict(case=case, failed="needs a GPU") for case in left)
            return
        left = [case for case in left if case == "copy"]
    while left:
        if time.monotonic() > end:
            yield from (dict(case=case, failed="no time was left") for case in left)
            return
        started = False
        for row in process(args, name, folder, left, end):
            if row["case"] is None:  # it did not come to any case
                yield from (dict(row, case=case) for case in left)
                return
            started = True
            left.remove(row["case"])
            yield row
        if not started:
            raise AssertionError("a process neither ran a case nor failed")


def process(args, name: str, folder: pathlib.Path, cases: list[str], end: float):
    """Rows of one process; the last one says why it ended before all cases were done, if it did."""
    library = LIBRARIES[name]
    command = [interpreter(library, args.pythons, name), "-m", "benchmarks.gpu.worker", library.module, str(folder),
               *cases, "--seconds", str(0 if args.tiny else args.seconds)]
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile("w+") as said:
        environment = dict(os.environ)
        for variable, value in {**COMMON, **library.environment}.items():
            environment[variable] = value.replace("{cache}", cache).replace("{device}", args.kind)
        if ":" in args.device:
            environment["BENCH_STANDIN"] = args.device
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=said, text=True,
                                 start_new_session=True)
        lines: queue.Queue = queue.Queue()
        reader = threading.Thread(target=read_into, args=(child.stdout, lines))
        reader.start()
        at, why = None, ""
        try:
            while True:
                limit = args.limit if at else TO_START
                try:
                    line = lines.get(timeout=max(0.1, min(limit, end + 5 - time.monotonic())))
                except queue.Empty:
                    why = f"not within {limit:g} s" if time.monotonic() < end else "no time was left"
                    break
                if line is None:
                    child.wait()
                    said.seek(0)
                    why = f"ended with {child.returncode}: {last_words(said.read())}"
                    break
                if line.startswith(BEGIN):
                    at = line[len(BEGIN):].strip()
                elif line.startswith(MARK):
                    at = None
                    yield json.loads(line[len(MARK):])
                    cases = cases[1:]
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            reader.join()
            child.stdout.close()
        if cases:
            yield dict(case=at or (None if not at and why else cases[0]), failed=why)


def read_into(stream, lines: queue.Queue) -> None:
    """Lines as they come, then None."""
    for line in stream:
        lines.put(line)
    lines.put(None)


def last_words(text: str) -> str:
    return text.strip()[-300:]


if __name__ == "__main__":
    main()
