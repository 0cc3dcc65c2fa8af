"""Every kernel does on the shim what the interpreter does with the same memory."""
from __future__ import annotations

import pytest
from families import FAMILIES


@pytest.mark.parametrize("name", list(FAMILIES))
def test_kernels_do_what_the_interpreter_does(name):
    family = FAMILIES[name]()
    for run in family.runs:
        run()
    skipped = [1 for run in family.runs for kernel in run.checked.kernels.values() if kernel is None]
    assert family.kernels.ran >= len(family.kernels.kernels)
    print(f"{name}: {len(family.kernels.kernels)} kernels, {family.kernels.ran} launches, {len(skipped)} nests without")
