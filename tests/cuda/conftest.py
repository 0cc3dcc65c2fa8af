"""The device that tests run on: the kernels' own text, run by the CPU (see cuda/shim/shim.h)."""
from __future__ import annotations

import pytest
from shim_device import ShimDevice

from symtensor.runtime.cuda.device import use


@pytest.fixture
def device():
    """Functions that the test makes run on this device."""
    made = ShimDevice()
    with use(made):
        yield made
