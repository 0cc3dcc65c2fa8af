"""Runs cases with one library in this process: `python -m benchmarks.gpu.worker MODULE FOLDER CASE ...`.

The parent reads what it prints: a line when a case begins, and a line of JSON when it has ended, with the seconds of
the build and of the fastest call and the memory of the device, or with the reason why there are none. Times are those
of the wall clock around many calls, until the device has done them all.
"""
from __future__ import annotations

import argparse
import gc
import importlib
import json
import pathlib
import statistics
import sys
import time
import warnings

from benchmarks.gpu import reference
from benchmarks.gpu.cases import CASES, GpuCase, error

BEGIN, MARK = "BEGIN ", "RESULT "
LEAST = 0.02  # seconds of a batch of calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="of with_MODULE.py")
    parser.add_argument("folder", type=pathlib.Path, help="of the inputs and results")
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--seconds", type=float, default=0.3)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    begin = time.perf_counter()
    module = importlib.import_module("benchmarks.gpu.with_" + args.module)
    device = module.start()
    facts = dict(version=module.VERSION, python=sys.version.split()[0], device=device,
                 start_s=time.perf_counter() - begin)
    for name in args.cases:
        print(BEGIN + name, flush=True)
        row = dict(case=name, **facts)
        try:
            row.update(measure(module, CASES[name], args.folder, args.seconds))
        except Exception as problem:  # the other cases still run; the reason is part of the result
            row["failed"] = f"{type(problem).__name__}: {problem}"[:300]
        print(MARK + json.dumps(row), flush=True)


def measure(module, one: GpuCase, folder: pathlib.Path, seconds: float) -> dict:
    """Build a case, check its first results, and time it."""
    case = one.case
    if not hasattr(module, case.function):
        return dict(failed="not written for this library")
    given, expected = reference.read(folder, case.name)
    gc.collect()
    module.reset_peak()
    try:
        start = time.perf_counter()
        call, state = getattr(module, case.function)(given)
        returned = call()
        module.wait(returned, state)
        ready = time.perf_counter() - start
        wrong = error(results(module, returned, state), expected)
        for _ in range(2):
            returned = call()
        module.wait(returned, state)
    finally:
        memory = module.peak()
    if not wrong <= case.tolerance:
        return dict(failed=f"wrong: error {wrong:.2g}, allowed {case.tolerance:.2g}", ready_s=ready)
    del returned
    return dict(error=wrong, ready_s=ready, memory=memory, amount=one.amount(given),
                **timed(call, lambda returned: module.wait(returned, state), seconds))


def results(module, returned, state) -> list:
    return [module.host(a) for a in (*(returned if isinstance(returned, (tuple, list)) else [returned]), *state())]


def timed(call, wait, seconds: float) -> dict:
    """The fastest and the median call of batches that end when the device has done them."""
    def batch(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            returned = call()
        wait(returned)
        return time.perf_counter() - start

    count, took = 1, batch(1)
    while took < min(LEAST, seconds):
        count = max(2 * count, min(20 * count, int(count * LEAST / max(took, 1e-9))))
        took = batch(count)
    samples: list[float] = []
    begin = time.perf_counter()
    while len(samples) < 3 or time.perf_counter() - begin < seconds:
        samples.append(batch(count) / count)
    return dict(best_s=min(samples), median_s=statistics.median(samples), calls=count * len(samples))


if __name__ == "__main__":
    main()
