"""The cases in CuPy: elementwise chains by `cupy.fuse`, the rest as in NumPy, gradients by hand. No recurrent layers:
CuPy has none."""
from __future__ import annotations

import cupy
import numpy as np

from benchmarks.cases import no_state

VERSION = cupy.__version__


def start() -> str:
    x = cupy.ones((2, 2), "float32")
    x.dot(x)
    wait(None, None)
    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()


def wait(returned, state) -> None:
    cupy.cuda.Device().synchronize()


def host(value) -> np.ndarray:
    return cupy.asnumpy(value)


def reset_peak() -> None:
    cupy.get_default_memory_pool().free_all_blocks()


def peak() -> dict:
    return dict(taken=cupy.get_default_memory_pool().total_bytes())


def arrays(*given):
    return [cupy.asarray(a) for a in given]


def copy(d):
    x, = arrays(d.x)
    y = cupy.empty_like(x)

    def step():
        cupy.copyto(y, x)
        return ()
    return step, lambda: [y]


def pointwise(d):
    @cupy.fuse()
    def f(x, a, b):
        y = a * x + b
        y = cupy.maximum(y, b * y)
        return y * y - a * cupy.abs(x) + y
    x, a, b = arrays(d.x)[0], d.a[()], d.b[()]
    return lambda: f(x, a, b), no_state


def elementwise(d):
    @cupy.fuse()
    def f(x, y, a, b):
        return cupy.tanh(a * x + b) * cupy.exp(-(x * x)) + cupy.log1p(cupy.abs(y))
    (x, y), a, b = arrays(d.x, d.y), d.a[()], d.b[()]
    return lambda: f(x, y, a, b), no_state


def red_sum(d):
    return arrays(d.x)[0].sum, no_state


def red_mean0(d):
    x, = arrays(d.x)
    return lambda: x.mean(0), no_state


def red_mean1(d):
    x, = arrays(d.x)
    return lambda: x.mean(1), no_state


def red_logsumexp(d):
    x, = arrays(d.x)
    return lambda: cupy.log(cupy.exp(x).sum(1)), no_state


def softmax(x):
    e = cupy.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def red_softmax(d):
    x, = arrays(d.x)
    return lambda: softmax(x), no_state


def gemm(d):
    a, b = arrays(d.a, d.b)
    return lambda: a.dot(b), no_state


def mlp(d):
    x, y, W1, b1, W2, b2 = arrays(d.x, d.y, d.W1, d.b1, d.W2, d.b2)
    params, rows = [W1, b1, W2, b2], cupy.arange(len(d.y))

    def call():
        h = cupy.tanh(x.dot(W1) + b1)
        p = softmax(h.dot(W2) + b2)
        cost = -cupy.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= len(y)
        dh = p.dot(W2.T) * (1 - h * h)
        for param, gradient in zip(params, (x.T.dot(dh), dh.sum(0), h.T.dot(p), p.sum(0))):
            param -= d.rate * gradient
        return cost
    return call, lambda: params


def embed_sgd(d):
    E, idx, G = arrays(d.E, d.idx, d.G)

    def step():
        cupy.add.at(E, idx, -d.rate * G)
        return ()
    return step, lambda: [E]


def grow(d):
    s, = arrays(d.x)

    def step():
        nonlocal s
        s = s / 2 + 1
        return ()
    return step, lambda: [s]
