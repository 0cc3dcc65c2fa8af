"""Where values live never changes what they are: random graphs of views, overwritable values, aliased arguments, shared
variables that swap, loops and branches (`memory_graphs`), run in every way there is.

    test_plans      without memory sharing, with it, with unused memory poisoned; pairs that may share are equally large
    test_calls      functions interpreted, and run node by node
    test_compiled   functions in C, many graphs in each: their values share one pool of slots

Each test takes a block of seeds; with `--slow` there are 5,000 graphs. A failure names the seed: `Graph(seed)`.
"""

from __future__ import annotations

import numpy as np
import pytest
from law import slow
from memory_graphs import Graph, Session

from symtensor import Mode
from symtensor.ir.nodes import Nest
from symtensor.ir.text import program_text
from symtensor.lower.bufferize import bufferize
from symtensor.runtime.interpreter import Interpreter

INTERPRETED = Mode("py", "fast_run")
BLOCK = 250
BLOCKS = range(1, 21)


def equally_large(stmt, buffers) -> None:
    """A hook: what may take the place of another value has its sizes."""
    if isinstance(stmt, Nest):
        for written, read in stmt.inplace:
            assert buffers[written].shape == buffers[read].shape, (written, read)


def plans(seed: int) -> None:
    session = Session([Graph(seed)], INTERPRETED)
    code = session.function.maker.code.lowered
    apart = bufferize(code.nests, share_memory=False)
    ways = [
        Interpreter(code.nests, code.constants, code.pycalls, poison=True, before=equally_large),
        Interpreter(code.program, code.constants, code.pycalls, poison=True, sharing=True),
        Interpreter(code.program, code.constants, code.pycalls, poison=True),
        Interpreter(apart, code.constants, code.pycalls, poison=True, sharing=True),
    ]
    arguments = session.arguments()
    shared = [container.data for container in session.function.input_storage[len(arguments) :]]
    found = []
    for way in ways:
        outputs, updates = way.run([*arguments, *map(np.array, shared)])
        found.append([np.array(v) for v in (*outputs, *updates)])
    rtol = 1e-4 if session.coarse else 1e-11
    for k, way in enumerate(found[1:]):
        for a, b in zip(way, found[0], strict=True):
            text = f"seed {seed}, way {k + 1}"
            assert a.dtype == b.dtype and a.shape == b.shape, text
            if not np.allclose(a, b, rtol=rtol, atol=rtol):
                raise AssertionError(f"{text}\n{program_text(code.program)}")


def calls(seeds, mode, times: int = 3) -> None:
    session = Session([Graph(seed) for seed in seeds], mode)
    for _ in range(times):
        session.call()


@pytest.mark.parametrize("block", [0, *slow(*BLOCKS)])
def test_plans(block):
    for seed in range(block * BLOCK, block * BLOCK + (BLOCK if block else 40)):
        plans(seed)


@pytest.mark.parametrize("mode", [INTERPRETED, Mode("perform", None), "FAST_COMPILE"], ids=["py", "perform", "quick"])
@pytest.mark.parametrize("block", [0, *slow(*BLOCKS)])
def test_calls(block, mode):
    for seed in range(block * BLOCK, block * BLOCK + (BLOCK if block else 15)):
        calls([seed], mode)


@pytest.mark.parametrize("block", [0, *slow(*BLOCKS)])
def test_compiled(block):
    """With a failure in a batch, its graphs are tried one by one to name the guilty one."""
    size, count = (25, BLOCK) if block else (30, 30)
    for first in range(block * BLOCK, block * BLOCK + count, size):
        seeds = range(first, first + size)
        try:
            calls(seeds, None, 4)
        except Exception:
            for seed in seeds:
                calls([seed], None, 8)
            raise
