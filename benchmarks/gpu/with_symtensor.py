"""The cases in symtensor, on the device of `config.device` or the one that BENCH_STANDIN names, as module:class (tests
have one without a GPU)."""
from __future__ import annotations

import contextlib
import importlib
import os
from types import SimpleNamespace

import numpy as np

import symtensor.tensor as T
from symtensor import function, shared
from symtensor.compile import memo
from symtensor.runtime.cuda import device as devices

from benchmarks.with_symtensor import (VERSION, called, elementwise, embed_sgd, gemm, lstm, mlp, red_logsumexp,
                                       red_mean0, red_mean1, red_softmax, red_sum, rnn_grad, values)

__all__ = ["VERSION", "elementwise", "embed_sgd", "gemm", "grow", "lstm", "mlp", "pointwise", "red_logsumexp",
           "red_mean0", "red_mean1", "red_softmax", "red_sum", "rnn_grad"]
METERS: list = []
KEPT = contextlib.ExitStack()  # the device in use, for as long as the process


def start() -> str:
    standin = os.environ.get("BENCH_STANDIN")
    if standin:
        module, _, name = standin.partition(":")
        KEPT.enter_context(devices.use(getattr(importlib.import_module(module), name)()))
    s = shared(np.zeros((2, 2), "float32"))
    function([], [], updates=[(s, T.dot(s, s) + 1)])()  # contexts and libraries are nobody's build
    device = devices.current()
    return "the host" if device is None else device.name


def wait(returned, state) -> None:
    device = devices.current()
    if device is not None:
        device.synchronize()


def host(value) -> np.ndarray:
    return np.asarray(value)


def reset_peak() -> None:
    """From here to `peak`, what is taken and given back is counted; what other cases have made is forgotten."""
    memo.forget()
    device = devices.current()
    if device is None:
        return
    if hasattr(device, "release"):
        device.release()
    alloc, free, sizes, meter = device.alloc, device.free, {}, SimpleNamespace(used=0, peak=0)

    def counted_alloc(size):
        address = alloc(size)
        sizes[address] = size
        meter.used += size
        meter.peak = max(meter.peak, meter.used)
        return address

    def counted_free(address):
        meter.used -= sizes.pop(address, 0)
        free(address)
    device.alloc, device.free = counted_alloc, counted_free
    METERS.append(meter)


def peak() -> dict:
    device = devices.current()
    if device is None:
        return {}
    del device.alloc, device.free  # those of its class again
    known = device.memory() if hasattr(device, "memory") else {"used": 0, "kept": 0}
    return dict(values=METERS.pop().peak, taken=known["used"] + known["kept"])


def pointwise(d):
    x, a, b = T.fvector("x"), T.fscalar("a"), T.fscalar("b")
    y = a * x + b
    y = T.maximum(y, b * y)
    return called([x, a, b], y * y - a * abs(x) + y, [d.x, d.a, d.b])


def grow(d):
    s = shared(d.x)
    return function([], [], updates=[(s, s / 2 + 1)]), values([s])
