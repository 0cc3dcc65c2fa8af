"""The cases in JAX under jit. Products are in float32."""
from __future__ import annotations

import jax
import jax.numpy as J
import numpy as np

from benchmarks.cases import DEVICE
from benchmarks.with_jax import (VERSION, compiled, elementwise, embed_sgd, gemm, lstm, mlp, red_logsumexp, red_mean0,
                                 red_mean1, red_softmax, red_sum, rnn_grad, trainer)

__all__ = ["VERSION", "elementwise", "embed_sgd", "gemm", "grow", "lstm", "mlp", "pointwise", "red_logsumexp",
           "red_mean0", "red_mean1", "red_softmax", "red_sum", "rnn_grad"]
jax.config.update("jax_default_matmul_precision", "highest")


def start() -> str:
    x = J.ones((2, 2), "float32")
    (x @ x).block_until_ready()
    return jax.devices()[0].device_kind


def wait(returned, state) -> None:
    jax.block_until_ready((returned, state()))


def host(value) -> np.ndarray:
    return np.asarray(value)


def reset_peak() -> None:
    pass


def peak() -> dict:
    """Since the process's start."""
    known = jax.devices()[0].memory_stats() if DEVICE == "cuda" else None
    return dict(values=known["peak_bytes_in_use"]) if known else {}


def pointwise(d):
    def f(x, a, b):
        y = a * x + b
        y = J.maximum(y, b * y)
        return y * y - a * abs(x) + y
    return compiled(f, d.x, d.a, d.b)


def grow(d):
    return trainer(lambda params: ((), [params[0] / 2 + 1]), [d.x])
