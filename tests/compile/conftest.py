"""Functions are tried with each consumer: compiled C, the interpreter, and node by node."""
from __future__ import annotations

import pytest

from symtensor.compile.mode import Mode


@pytest.fixture(params=["cvm", "py", "perform"])
def mode(request):
    """The default rewrites with one of the consumers."""
    return Mode(request.param)
