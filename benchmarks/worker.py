"""Runs one group of cases with one library in this process: `python -m benchmarks.worker LIBRARY GROUP`.

`run.py` starts it and reads what it prints: a line of JSON for each case, with the seconds of the build and of the
fastest call, or with the reason why there are none.
"""
from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import sys
import time
import warnings

from benchmarks import cases, with_numpy

MARK = "RESULT "


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("group")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--cores", type=int, nargs="+", help="run on these cores only")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    if args.cores:
        os.sched_setaffinity(0, args.cores)
    start = time.perf_counter()
    module = importlib.import_module("benchmarks.with_" + args.library)
    imported = time.perf_counter() - start
    for case in cases.CASES.values():
        if case.group != args.group:
            continue
        row = dict(case=case.name, version=module.VERSION, python=sys.version.split()[0], import_s=imported)
        try:
            row.update(measure(module, case, args.seconds, args.tiny))
        except Exception as problem:  # the other cases still run; the reason is part of the result
            row["failed"] = f"{type(problem).__name__}: {problem}"[:300]
        print(MARK + json.dumps(row), flush=True)


def measure(module, case: cases.Case, seconds: float, tiny: bool) -> dict:
    """Build a case, check its first results, and time it."""
    if not hasattr(module, case.function):
        return dict(failed="not written for this library")
    given = cases.inputs(case, tiny)
    call, state = getattr(with_numpy, case.function)(cases.widened(given))
    expected = cases.results(case, call(), state())
    start = time.perf_counter()
    call, state = getattr(module, case.function)(given)
    returned = call()
    ready = time.perf_counter() - start
    error = cases.error(cases.results(case, returned, state()), expected)
    del returned, expected
    if not error <= case.tolerance:
        return dict(failed=f"wrong: error {error:.2g}, allowed {case.tolerance:.2g}", ready_s=ready)
    return dict(error=error, ready_s=ready, **timed(call, seconds))


def timed(call, seconds: float) -> dict:
    """The fastest and the median call; quick ones in batches long enough for the clock."""
    gc.collect()
    count, batch = 1, 0.0
    while batch < 2e-4:
        count *= 2 if batch else 1
        start = time.perf_counter()
        for _ in range(count):
            call()
        batch = time.perf_counter() - start
    samples: list[float] = []
    begin = time.perf_counter()
    while len(samples) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for _ in range(count):
            call()
        samples.append((time.perf_counter() - start) / count)
    return dict(best_s=min(samples), median_s=statistics.median(samples), calls=count * len(samples))


if __name__ == "__main__":
    main()
