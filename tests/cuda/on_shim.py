"""A plugin for pytest: everything that tests compile runs on the shim, `pytest -p on_shim tests/laws`.

With SYMTENSOR_TEST_RESIDENT=1, programs that are linked by hand have all their inputs on the device.
"""
from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from shim_device import ShimDevice

from symtensor.compile.on_device import linked_on
from symtensor.runtime import executor
from symtensor.runtime.cuda.device import use

DEVICE = ShimDevice()
_link = executor.link


def link(program: Any, constants: Any = (), pycalls: Any = (), **options: Any) -> Any:
    """`runtime.executor.link`, for the shim."""
    if options.get("consumer", "c") != "c" or program.stage != "buffered":
        return _link(program, constants, pycalls, **options)
    resident = range(len(program.inputs)) if os.environ.get("SYMTENSOR_TEST_RESIDENT") == "1" else ()
    options.pop("consumer", None)
    return linked_on(DEVICE, program, constants, pycalls, resident, **options)()


@pytest.fixture(autouse=True)
def on_shim(monkeypatch):
    for name in ("law", "lowered"):
        if name in sys.modules:
            monkeypatch.setattr(sys.modules[name], "link", link)
    with use(DEVICE):
        yield


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{DEVICE.launched} kernels launched, moved {DEVICE.moved}")
