"""Other tests once more, with every access and operation of the generated code checked by the sanitizers, and with a
compiler that takes no warning: the tests of the printer, the corpus of laws, loops, and random graphs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
FLAGS = (
    "-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1 -O1 -Wno-error"
)
# Halves of units leave out what only the other half calls. Programs may compare unsigned numbers with 0.
STRICT = """\
#!/bin/sh
for flag; do
    shift
    case "$flag" in
    -w) ;;
    -DST_PART=*) set -- "$@" "$flag" -Wno-unused-function ;;
    *) set -- "$@" "$flag" ;;
    esac
done
exec gcc "$@" -Wall -Wextra -Wno-type-limits -Wno-sign-compare -Wno-tautological-compare -Wno-bool-compare -Werror
"""
PRINTER = [f"codegen/test_{name}.py" for name in "elementwise reductions programs library rows laws".split()]
LAWS = sorted(f"laws/{path.name}" for path in (TESTS / "laws").glob("test_*.py"))
LOOPS = [f"scan/test_scan_{name}.py" for name in "programs values grid gradients errors draws".split()]
MEMORY = ["lower/test_memory_plan.py", "lower/test_in_place.py", "lower/test_results_as_views.py",
          "lower/test_carried.py", "scan/test_random_loops.py"]


def again(path: str, flags: str, cache: Path, *options: str, **more: str) -> None:
    """Runs a file of tests in a process with other compiler flags and an empty cache."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "pytest", "-q", "-x", "-p", "helpers_as_text", *options,
         str(TESTS / path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{TESTS / 'codegen'}",
             "SYMTENSOR_FLAGS": f"base_compiledir={cache},{flags}", **more},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def libraries() -> str:
    """The sanitizers' libraries, which must be there before Python is."""
    found = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    if not all(map(os.path.isabs, found)):
        pytest.skip("gcc has no sanitizer libraries")
    return " ".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("path", PRINTER + LAWS + LOOPS + MEMORY)
def test_no_undefined_behaviour(path, tmp_path):
    preloaded = libraries()
    again(
        path,
        f"gcc.cxxflags={FLAGS}",
        tmp_path,
        LD_PRELOAD=preloaded,
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1",
        SYMTENSOR_TEST_CFLAGS=FLAGS,
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", LAWS + LOOPS + MEMORY)
def test_no_warnings(path, tmp_path):
    compiler = tmp_path / "strict-gcc"
    compiler.write_text(STRICT)
    compiler.chmod(0o755)
    again(path, f"cxx={compiler}", tmp_path / "cache")


@pytest.mark.slow
def test_the_sanitizers_are_on(tmp_path):
    """What the test above would not see, if a flag were lost: a read behind an array ends the process."""
    code = """
import sys
import numpy as np
from symtensor.ir.nodes import *
from symtensor.runtime.executor import link
index = Op("add", (Local("i"), Const(400, "int64")), "int64")
loop = Loop(Axis("i", Dim("x", 0)), (Store("y", (Local("i"),), Load("x", (index,), "float64")),))
buffers = Buffer("x", "float64", (False,), "any"), Buffer("y", "float64", (False,), "c")
body = Alloc("y", (Dim("x", 0),), ("output", 0)), Nest((loop,))
link(Program("f", "buffered", buffers, ("x",), (), ("y",), (), body)).run([np.ones(400)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SYMTENSOR_FLAGS": f"base_compiledir={tmp_path},gcc.cxxflags={FLAGS}",
            "LD_PRELOAD": libraries(),
            "ASAN_OPTIONS": "detect_leaks=0",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode and "heap-buffer-overflow" in done.stderr, done.stderr[-2000:]
