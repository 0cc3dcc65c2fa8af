"""Ctrl-C during a loop that would run for hours: the call ends, nothing was stored, the function works afterwards."""
from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
import symtensor
import symtensor.tensor as T

signal.signal(signal.SIGINT, signal.default_int_handler)
how, linker = sys.argv[1:]
n, v = T.lscalar("n"), T.dvector("v")
w = symtensor.shared(np.zeros(3), "w")


@symtensor.as_op(itypes=[T.dvector], otypes=[T.dvector])
def python_step(h):
    return h * 0.5


many = symtensor.shared(np.linspace(0, 1, 100_000))  # slow steps: traces of hours of them fit into memory
slow = lambda h: h * 0.5 + v + 1e-30 * T.tanh(many * h.sum()).sum()
bodies = {
    "vector": slow,
    "python": lambda h: python_step(h) + v + 1e-30 * T.tanh(many * h.sum()).sum(),
    "until": lambda h: (slow(h), symtensor.scan_module.until(h.sum() > 1e9)),
    "nested": lambda h: symtensor.scan(slow, outputs_info=h, n_steps=n)[0][-1],
}
if how == "carried":
    _, updates = symtensor.scan(lambda: {w: w * 0.5 + v}, n_steps=n)
    f = symtensor.function([n, v], updates[w].sum(), updates=updates, mode=symtensor.Mode(linker=linker))
else:
    hs, _ = symtensor.scan(bodies[how], outputs_info=w, n_steps=n)
    f = symtensor.function([n, v], hs[-1].sum(), updates=[(w, hs[-1])], mode=symtensor.Mode(linker=linker))
assert len(f.maker.code.lowered.pycalls) == (how == "python")
assert f(2, np.ones(3)) > 0
before = w.get_value()
assert before.any()
timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
start = time.monotonic()
timer.start()
try:
    f(10 ** 12 if how == 'carried' else 10 ** 6, np.ones(3))
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - start < 10)
timer.join()
print("unchanged", np.array_equal(w.get_value(), before))
f(1, np.ones(3))
print("usable", np.allclose(w.get_value(), before * 0.5 + 1))
"""


@pytest.mark.parametrize("how, linker", [
    ("vector", "c"), ("carried", "c"), ("python", "c"), ("until", "c"), ("nested", "c"),
    ("vector", "py"), ("carried", "py"), ("python", "py"),
])
def test_ctrl_c_ends_a_long_loop(how, linker):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how, linker], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["interrupted True", "unchanged True", "usable True"], done.stdout
