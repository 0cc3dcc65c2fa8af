"""Python processes for tests: with the sources and the helpers of this directory on their path."""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")

# What a program starts with: `use()` links a case, checks what it gives, and returns what ran it ("c" or
# "interpreter"); `count` has one item for every run of the compiler.
LINK = """
    import os, pathlib, sys, warnings
    import cases
    from symtensor.runtime import cache, cachedir, entry, executor, loader, processor, toolchain, upkeep
    count = []
    compile_text = toolchain.compile_text
    toolchain.compile_text = lambda *args, **more: count.append(1) or compile_text(*args, **more)
    def use(case=cases.outer_sum()):
        executable = executor.link(case.program)
        assert (executable.run(case.values)[0][0] == case.outputs[0]).all()
        return executable.consumer
    def said():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            consumer = use()
        return consumer, " | ".join(str(w.message) for w in caught)
"""


def program(code: str) -> str:
    return textwrap.dedent(LINK) + textwrap.dedent(code)


def environment(cache=None, **more: str) -> dict[str, str]:
    """The environment of a process; `cache` is its base_compiledir."""
    result = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'runtime'}", "THEANO_FLAGS": "",
              "SYMTENSOR_FLAGS": "" if cache is None else f"base_compiledir={cache}", **more}
    return {name: value for name, value in result.items() if value is not None}


def start(code: str, cache=None, prefix=(), **more: str) -> subprocess.Popen:
    cwd = more.pop("cwd", ROOT)
    return subprocess.Popen([*prefix, sys.executable, "-c", program(code)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment(cache, **more))


def run(code: str, cache=None, prefix=(), **more: str) -> str:
    """What a program printed; fails if it failed."""
    process = start(code, cache, prefix, **more)
    try:
        out, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return out


def mounted(options: str, point: pathlib.Path) -> tuple[str, ...]:
    """A command prefix: a small file system in memory at `point`, for that process alone. Skips where that is not
    allowed."""
    command = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"', options,
               str(point))
    try:
        done = subprocess.run([*command, "true"], capture_output=True, timeout=60)
    except OSError as error:
        pytest.skip(f"no unshare: {error}")
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.decode().strip()}")
    return command
