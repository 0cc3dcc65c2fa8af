"""Random loops (`random_loops`) give what running their nodes one by one gives, interpreted and compiled. A failure
names the seed: `Loop(seed)`."""
from __future__ import annotations

import numpy as np
import pytest
from random_loops import Loop

import symtensor.lower.driver
from symtensor import Mode
from symtensor.compile import memo

NODE_BY_NODE = Mode("py", None)
BLOCKS = [pytest.param(range(k, k + 20), marks=[pytest.mark.slow] * (k >= 20)) for k in range(0, 400, 20)]
COMPILED = [pytest.param(seed, marks=[pytest.mark.slow] * (seed >= 8)) for seed in range(80)]


def compare(seed: int, mode: object) -> None:
    for one, other in zip(Loop(seed).results(mode), Loop(seed).results(NODE_BY_NODE), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=f"Loop({seed})")


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_interpreted(seeds):
    for seed in seeds:
        compare(seed, "FAST_COMPILE")


@pytest.mark.parametrize("seed", COMPILED)
def test_compiled(seed):
    compare(seed, "FAST_RUN")


def test_states_are_put_in_place(monkeypatch):
    """Loops of this kind do have states that can be: without them the same comes out."""
    put, found = symtensor.lower.driver.states_in_place, []

    def counted(program):
        new = put(program)
        found.append(new is not program and new.body != program.body)
        return new

    monkeypatch.setattr(symtensor.lower.driver, "states_in_place", counted)
    with_it = [Loop(seed).results("FAST_COMPILE") for seed in range(20)]
    assert sum(found) > 5
    memo.forget()
    monkeypatch.setattr(symtensor.lower.driver, "states_in_place", lambda program: program)
    for one, other in zip(with_it, [Loop(seed).results("FAST_COMPILE") for seed in range(20)], strict=True):
        for value, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(value, wanted)
