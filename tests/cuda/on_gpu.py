"""A plugin for pytest: everything that tests compile runs on the GPU, `pytest -p on_gpu tests/laws`. Where there is
none that works, nothing is collected, and the reason is given."""
from __future__ import annotations

import on_shim as shim_plugin

from symtensor.runtime.cuda.device import opened

shim_plugin.DEVICE = opened("cuda")
on_gpu = shim_plugin.on_shim
