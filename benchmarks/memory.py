"""The memory that a case needs: `python -m benchmarks.memory [CASE] [--libraries ...]`.

In a process of its own each library is imported, the peak of the process's resident memory is reset, then the case is
built and called twenty times. Printed: the peak above what was resident after the import, in MB, of the whole (with
building) and of the calls alone.
"""
from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

from benchmarks import cases

CALLS = 20


def resident(field: str) -> float:
    """VmRSS (now) or VmHWM (the peak since the last reset) of this process, in MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field + ":"))


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def measure(library: str, name: str) -> tuple[float, float]:
    """(peak with building, peak of the calls), above what was resident before."""
    case = cases.CASES[name]
    module = importlib.import_module("benchmarks.with_" + library)
    given = cases.inputs(case, False)
    reset_peak()
    start = resident("VmRSS")
    call, _ = getattr(module, case.function)(given)
    call()
    whole = resident("VmHWM") - start
    reset_peak()
    before = resident("VmRSS")
    for _ in range(CALLS):
        call()
    return max(whole, resident("VmHWM") - start), resident("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", default="mlp")
    parser.add_argument("--libraries", nargs="+", default=["numpy", "symtensor"])
    parser.add_argument("--here", action="store_true", help="in this process; used by this program itself")
    args = parser.parse_args()
    if args.here:
        whole, calls = measure(args.libraries[0], args.case)
        print(f"{args.libraries[0]:12} {args.case:12} build and calls {whole:7.1f} MB, calls {calls:7.1f} MB")
        return
    for library in args.libraries:
        command = [sys.executable, "-m", "benchmarks.memory", args.case, "--libraries", library, "--here"]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
