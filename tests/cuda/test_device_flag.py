"""The flag `device` and the targets of values, in processes of their own that see no GPU."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest

from symtensor.config import FLAGS
from symtensor.configdefaults import same_device


def run(code, flags="", **more):
    environment = {**os.environ, "SYMTENSOR_FLAGS": flags, "SYMTENSORRC": "", "THEANO_FLAGS": "",
                   "CUDA_VISIBLE_DEVICES": "", **more}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


FIRST = """
import sys, warnings
warnings.simplefilter("error")
import symtensor
import symtensor.tensor as T
x = T.fvector("x")
s = symtensor.shared([1.0], "s")
v = T.as_tensor_variable([1.0, 2.0]) + x
assert not any(name.startswith("pycuda") or name.endswith("pycuda_device") for name in sys.modules)
"""


def test_nothing_happens_at_import_and_the_first_function_says_what_is_wrong():
    done = run(FIRST + """
import numpy as np
for make in (lambda: symtensor.function([x], x + 1), lambda: symtensor.shared(np.ones(2), target="cuda")):
    try:
        make()
    except RuntimeError as error:
        print(type(error).__name__, error)
""", "device=cuda")
    lines = [line for line in done.stdout.splitlines() if line.startswith("Unavailable ")]
    assert len(lines) == 2 and done.stderr == "", done.stdout + done.stderr
    for line in lines:
        assert line.startswith("Unavailable device cuda cannot be used: ")
    assert "`python -m symtensor.doctor` looks at all that it needs; device=cpu does without" in done.stdout


@pytest.mark.parametrize("given, now", [("gpu", "cuda"), ("gpu0", "cuda0"), ("gpu13", "cuda13")])
def test_old_names(given, now):
    done = run("import symtensor; print(symtensor.config.device)", f"device={given}")
    assert done.stdout == now + "\n"
    assert f'UserWarning: config.device: the device "{given}" is called "{now}" now' in done.stderr
    assert done.stderr.count("UserWarning") == 1


@pytest.mark.parametrize("given, said", [
    ("opencl0:0", "functions are compiled to C and to CUDA, not to OpenCL. Use cpu, or cuda on a device of NVIDIA's."),
    ("cudax", 'Valid options are "cpu", "cuda", "cuda0", "cuda1" and so on.'), ("tpu", 'Invalid value ("tpu")')])
def test_what_is_no_device(given, said):
    done = run("import symtensor; symtensor.config.device", f"device={given}")
    assert done.returncode == 1 and "ValueError" in done.stderr and said in done.stderr


def test_same_device():
    assert same_device("cuda", "cuda0") and same_device("gpu0", "cuda") and same_device("cuda2", "gpu2")
    assert not same_device("cuda", "cuda1") and not same_device("cpu", "cuda") and not same_device(None, "cuda")


TARGETS = """
import numpy as np, symtensor, symtensor.tensor as T
x, s = T.fvector("x"), symtensor.shared(np.ones(3), "s")
for target in ("cpu", "cuda", "cuda0", "gpu", "gpu0", "cuda1", "dev0", "dev1", "other", None):
    try:
        moved = x.transfer(target) is x and s.transfer(target) is s
    except ValueError as error:
        moved = str(error)
    print(target, moved)
"""


@pytest.mark.parametrize("flags, known", [
    ("", ["cpu"]), ("device=cuda", ["cpu", "cuda", "cuda0", "gpu", "gpu0", "None"]),
    ("device=cuda1", ["cpu", "cuda1", "None"]),
    ("device=cuda1,contexts=dev0->cuda0;dev1->cuda1", ["cpu", "cuda1", "dev1", "None"])])
def test_targets(flags, known):
    done = run(TARGETS, flags)
    assert done.stderr == ""
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert [target for target, moved in found.items() if moved == "True"] == known
    assert {moved for target, moved in found.items() if target not in known} == {
        f"Can't transfer to target {target}" for target in found if target not in known}


def test_a_target_that_is_not_in_use():
    done = run("""
import numpy as np, symtensor
for value in (np.ones(3), 2.0):
    for target in ("cuda1", "dev0"):
        try:
            symtensor.shared(value, target=target)
        except TypeError as error:
            print(str(error).split(".")[0])
print(type(symtensor.shared(2.0, target="cuda").get_value(borrow=True)).__name__)  # numbers stay on the host
""", "device=cuda")
    assert done.stdout.splitlines()[:4] == ["No suitable SharedVariable constructor could be found"] * 4
    assert done.stdout.splitlines()[-1] == "ndarray"


def test_the_table():
    rows = {flag.name: flag for flag in FLAGS}
    for name in ("device", "contexts", "deterministic", "cuda.root"):
        assert not rows[name].no_effect
    for name in ("force_device", "init_gpu_device", "gpuarray.preallocate", "gpuarray.sched", "gpuarray.sync",
                 "gpuarray.single_stream", "gpuarray.cache_path"):
        assert rows[name].no_effect and "CPU" not in rows[name].no_effect
