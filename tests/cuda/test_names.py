"""Old names: what programs that were written for Theano's GPUs ask, in processes that see no GPU and ones that see the
stand-in for one."""
from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.compat import gpuarray, sandbox_cuda
from symtensor.config import config
from symtensor.runtime.cuda import device as devices
from symtensor.runtime.cuda import pycuda_device
from symtensor.runtime.cuda.driver import Unavailable

OLD = """
import symtensor.compat.theano as words
words.install()
import theano
import theano.tensor as T
print(theano.sandbox.cuda.cuda_available, theano.sandbox.cuda.cuda_enabled)
import theano.sandbox.cuda
from theano.sandbox.cuda import dnn, use
from theano.sandbox.cuda.basic_ops import gpu_contiguous, gpu_from_host, host_from_gpu, as_cuda_ndarray_variable
from theano.sandbox.cuda.type import CudaNdarrayType
from theano.sandbox.cuda.var import float32_shared_constructor
from theano.sandbox.cuda.dnn import dnn_available
import theano.gpuarray
from theano.gpuarray import GpuArrayType, as_gpuarray_variable, get_context, pygpu_activated, ContextNotDefined
from theano.gpuarray.basic_ops import gpu_contiguous as again, GpuFromHost, HostFromGpu, infer_context_name
from theano.gpuarray.dnn import dnn_present, version
from theano.gpuarray.type import gpuarray_shared_constructor, list_contexts
assert again is gpu_contiguous and theano.gpuarray.use is use
print(pygpu_activated, dnn_available(), dnn_available(None), dnn_present(), version(raises=False), list_contexts())
x = T.fmatrix("x")
assert host_from_gpu(gpu_from_host(gpu_contiguous(as_cuda_ndarray_variable(x)))) is x
assert not isinstance(x.type, (GpuArrayType, CudaNdarrayType))
import theano.compat
"""


def run(code, flags=""):
    environment = {**os.environ, "SYMTENSOR_FLAGS": flags, "SYMTENSORRC": "", "THEANO_FLAGS": "",
                   "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("flags, contexts", [("", "[]"), ("device=cuda,contexts=a->cuda0;b->cuda1", "[None, 'a']")])
def test_programs_without_a_gpu(flags, contexts):
    done = run(OLD.replace("import theano.compat\n", ""), flags)
    assert done.stderr == ""
    assert done.stdout == f"False False\nFalse False False False -1 {contexts}\n"


@pytest.fixture
def back(monkeypatch):
    """`config.device` is put back after the test."""
    monkeypatch.setitem(config.__dict__, "device", "cpu")
    yield


def test_use_without_a_gpu(back, monkeypatch):
    def opened(name):
        raise Unavailable(f"device {name} cannot be used: it sleeps")

    monkeypatch.setattr(devices, "opened", opened)
    with pytest.raises(RuntimeError, match="device gpu0 cannot be used: it sleeps"):
        gpuarray.use("gpu0", force=True)
    with pytest.warns(UserWarning, match="device gpu0 cannot be used: it sleeps"):
        gpuarray.use("gpu0")
    with pytest.raises(RuntimeError, match="it sleeps"):
        gpuarray.init_dev("cuda1")
    assert config.device == "cpu"
    gpuarray.use("cpu")
    with pytest.raises(gpuarray.ContextNotDefined, match="context name None not defined"):
        gpuarray.get_context(None)
    with pytest.raises(ValueError, match="context name dev0 not defined"):
        gpuarray.as_gpuarray_variable(T.fmatrix(), "dev0")
    with pytest.raises(ValueError, match="not defined"):
        gpuarray.infer_context_name(T.fmatrix())
    with pytest.raises(TypeError, match="No suitable SharedVariable"):
        gpuarray.gpuarray_shared_constructor(np.ones(3))


def test_use(back, monkeypatch):
    device = object()
    monkeypatch.setattr(devices, "opened", lambda name: device)
    monkeypatch.setattr(pycuda_device, "why_not", lambda name: "")
    assert sandbox_cuda.cuda_available and not sandbox_cuda.cuda_enabled and not gpuarray.pygpu_activated
    gpuarray.use("cuda0", default_to_move_computation_to_gpu=False)
    assert config.device == "cpu"
    gpuarray.use("cuda1")
    assert config.device == "cuda1" and sandbox_cuda.cuda_enabled and gpuarray.pygpu_activated
    assert gpuarray.get_context(None) is device is gpuarray.get_context("cuda1")
    assert gpuarray.list_contexts() == [None] and gpuarray.infer_context_name(T.fmatrix()) is None
    x = T.fmatrix()
    assert gpuarray.GpuFromHost(None)(x) is x is gpuarray.HostFromGpu()(x) is gpuarray.GpuContiguous()(x)
    assert gpuarray.transfer(x, "cuda1") is x
    with pytest.raises(gpuarray.ContextNotDefined):
        gpuarray.GpuFromHost("cuda0")(x)
    with pytest.warns(UserWarning, match='the device "gpu2" is called "cuda2" now'):
        gpuarray.use("gpu2")
    assert config.device == "cuda2"
    gpuarray.use("cpu")
    assert config.device == "cpu"


def test_types():
    assert gpuarray.GpuArrayType("float64", (False, True)) == T.TensorType("float64", (False, True))
    assert gpuarray.GpuArrayType("float32", (), name="n").name == "n"
    assert sandbox_cuda.CudaNdarrayType((False,))("v").type == T.fvector
    with pytest.raises(gpuarray.ContextNotDefined):
        gpuarray.GpuArrayType("float32", (), "dev3")
    with pytest.raises(TypeError, match="float32, not float64"):
        sandbox_cuda.CudaNdarrayType((), dtype="float64")


def test_shared():
    s = sandbox_cuda.float32_shared_constructor(np.ones((1, 2), "float32"), "s", broadcastable=(True, False))
    assert s.type == T.TensorType("float32", (True, False)) and s.name == "s"
    with pytest.raises(TypeError, match="float32 arrays only"):
        sandbox_cuda.float32_shared_constructor(np.ones(2))


def test_cudnn():
    assert "cuDNN is not used" in gpuarray.dnn_available.msg == gpuarray.dnn_present.msg
    with pytest.raises(RuntimeError, match="We can't determine the cudnn version as it is not available"):
        gpuarray.version()
    for module in ("gpuarray", "sandbox.cuda"):
        with pytest.raises(AttributeError):
            __import__(f"symtensor.{module}", fromlist=["x"]).GpuElemwise
    assert symtensor.sandbox.cuda is sys.modules["symtensor.sandbox.cuda"]
    with pytest.raises(AttributeError, match="nonsense"):
        symtensor.sandbox.nonsense
