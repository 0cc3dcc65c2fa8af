"""The real pycuda, where it is installed, on a driver whose device is host memory (fake_cuda.c as libcuda): the names
that are used exist, contexts and the pool behave, and a process ends as it should."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import fake_cuda
import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pycuda") is None, reason="pycuda is not installed")

START = """
import ctypes, sys, threading
import numpy as np
import symtensor
from symtensor.codegen.target import KernelUnit
from symtensor.runtime.cuda import compiler, cublas, device, driver
from symtensor.runtime.cuda.array import DeviceArray
compiler.find = lambda: compiler
compiler.image = lambda text, capability: b"\\x7fELF"
compiler.libraries = lambda stem: ["libcuda.so.1"]
fake = ctypes.CDLL("libcuda.so.1")
fake.fake_log.restype = ctypes.c_char_p
"""

WORK = START + """
d = device.current()
assert d is device.opened("cuda") is device.opened("cuda0")
assert (d.name, d.capability, d.multiprocessors) == ("cuda0: Host memory", (9, 0), 7), d.name
def work():
    a = DeviceArray.from_host(d, np.arange(5, dtype="float32"))
    b = a.copy()
    loaded = d.load(KernelUnit("text", ("k0", "k1")))
    values = ctypes.c_uint64(b.address), ctypes.c_int64(5)
    args = (ctypes.c_void_p * 2)(*map(ctypes.addressof, values))
    d.launch(loaded, 0, (1, 1, 1), (32, 1, 1), ctypes.addressof(args))
    assert b.get().tolist() == [1, 3, 5, 7, 9] and a.get().tolist() == [0, 1, 2, 3, 4]
    c = DeviceArray.empty(d, (2, 2), "float32")
    x, y = (DeviceArray.from_host(d, np.arange(4, dtype="float32").reshape(2, 2) + k) for k in (0, 1))
    d.routine("gemm_f32")([c], [x, y], (1, 0))
    assert c.get().tolist() == [[3, 4], [11, 16]], c.get()
    assert fake.fake_depth() == 0
    done.append(1)
done = []
work()
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert len(done) == 2
used = d.memory()
assert used["used"] == 0 and used["kept"] > 0, used
room = ctypes.c_longlong.in_dll(fake, "fake_room")
room.value = 1 << 20
try:
    d.alloc(1 << 22)
except MemoryError as error:
    assert "no room for 4194304 bytes" in str(error), error
else:
    raise AssertionError
big = [DeviceArray.empty(d, (1 << 18,), "int8") for k in range(2)]
big.clear()  # kept by the pool, which gives it up for something larger
d.free(d.alloc(900000))
d.release()
assert d.memory()["kept"] == 0
s = symtensor.shared(np.arange(3.0), target="cuda0")
assert isinstance(s.get_value(return_internal_type=True), DeviceArray) and s.get_value().tolist() == [0, 1, 2]
assert s.transfer("cuda") is s and s.transfer("gpu0") is s and s.transfer("cpu") is s
left = DeviceArray.from_host(d, np.zeros(4))
print("fine")
"""


def run(place: Path, code: str, **more: str):
    environment = {**os.environ, "SYMTENSOR_FLAGS": "device=cuda", "LD_LIBRARY_PATH": str(place), **more}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("driver")
    fake_cuda.built(place)
    done = run(place, "import pycuda.driver")
    if "ImportError" in done.stderr:  # built for a CUDA with other functions than those of fake_cuda.c
        pytest.skip(done.stderr.splitlines()[-1])
    return place


def test_work(place):
    done = run(place, WORK)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)


@pytest.mark.parametrize(
    "number, said", [(0, "CUDA says: cuInit failed"), (1, "CUDA has 1 device(s), numbered from 0")])
def test_no_device(place, number, said):
    name = "cuda1" if number else "cuda"
    code = START + f"""
ctypes.c_int.in_dll(fake, "fake_devices").value = {number}
try:
    device.current()
except driver.Unavailable as error:
    print(error)
"""
    done = run(place, code, SYMTENSOR_FLAGS=f"device={name}")
    assert done.stdout.startswith(f"device {name} cannot be used: {said}"), done.stdout + done.stderr
    assert "symtensor.doctor" in done.stdout and done.stderr == ""
