"""Shared by all tests: the `--slow` switch, a private compile cache, and seeded random data whose seed is printed."""
from __future__ import annotations

import os

import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    chosen, left = [], []
    for item in items:
        (left if item.get_closest_marker("slow") else chosen).append(item)
    items[:] = chosen
    if left:
        config.hook.pytest_deselected(items=left)


@pytest.fixture
def rng(request):
    """A NumPy generator; its seed is shown when the test fails and may be set by SYMTENSOR_TEST_SEED."""
    seed = int(os.environ.get("SYMTENSOR_TEST_SEED", "20240229"))
    print(f"seed: {seed}")
    return np.random.default_rng(seed)
