"""A cache of the test's own for every test of the runtime, shared by a whole run (compiling is what costs)."""
from __future__ import annotations

import pytest

from symtensor.runtime import cachedir, toolchain


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(shared_cache, monkeypatch):
    monkeypatch.setattr(cachedir, "wanted", lambda: shared_cache)
    return shared_cache


@pytest.fixture
def compiler():
    found = toolchain.find()
    if found is None:
        pytest.skip(f"no C compiler: {toolchain.why_not()}")
    return found
