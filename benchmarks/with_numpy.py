"""The cases in NumPy, with gradients by hand. In float64 this is the reference for every library."""
from __future__ import annotations

import numpy as np

from benchmarks.cases import no_state

VERSION = np.__version__


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def call_add(d):
    x, y = d.x, d.y
    return lambda: x + y, no_state


def call_accum(d):
    total = np.asarray(0.0)

    def call():
        nonlocal total
        old = total
        total = total + d.x
        return old
    return call, lambda: [total]


def elementwise(d):
    x, y, a, b = d.x, d.y, d.a, d.b
    return lambda: np.tanh(a * x + b) * np.exp(-x ** 2) + np.log1p(np.abs(y)), no_state


def red_sum(d):
    return d.x.sum, no_state


def red_mean0(d):
    return lambda: d.x.mean(0), no_state


def red_mean1(d):
    return lambda: d.x.mean(1), no_state


def red_max(d):
    return d.x.max, no_state


def red_argmax(d):
    return lambda: d.x.argmax(1), no_state


def red_logsumexp(d):
    def call():
        m = d.x.max(1, keepdims=True)
        return np.log(np.exp(d.x - m).sum(1)) + m[:, 0]
    return call, no_state


def red_softmax(d):
    return lambda: softmax(d.x), no_state


def logreg(d):
    x, y, w, b = d.x, d.y, d.w.copy(), 0.0

    def call():
        nonlocal w, b
        p = sigmoid(x.dot(w) + b)
        xent = -y * np.log(p) - (1 - y) * np.log(1 - p)
        dz = (p - y) / len(y)
        w = w - d.rate * (x.T.dot(dz) + 2 * d.decay * w)
        b = b - d.rate * dz.sum()
        return p > 0.5, xent
    return call, lambda: [w, b]


def mlp(d):
    x, y = d.x, d.y
    W1, b1, W2, b2 = params = [a.copy() for a in (d.W1, d.b1, d.W2, d.b2)]
    rows = np.arange(len(y))

    def call():
        h = np.tanh(x.dot(W1) + b1)
        p = softmax(h.dot(W2) + b2)
        cost = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= len(y)
        dh = p.dot(W2.T) * (1 - h * h)
        for param, gradient in zip(params, (x.T.dot(dh), dh.sum(0), h.T.dot(p), p.sum(0))):
            param -= d.rate * gradient
        return cost
    return call, lambda: params


def rnn_fwd(d):
    def call():
        h, hs = d.h0, np.empty_like(d.x)
        for t in range(len(d.x)):
            h = hs[t] = np.tanh(d.x[t].dot(d.W) + h.dot(d.U) + d.b)
        return hs
    return call, no_state


def rnn_grad(d):
    forward, _ = rnn_fwd(d)
    width = d.x.shape[2]

    def call():
        hs = forward()
        dh, dz = np.zeros_like(d.h0), np.empty_like(hs)
        scale = 2.0 / hs.size
        for t in range(len(hs) - 1, -1, -1):
            dz[t] = (dh + scale * hs[t]) * (1 - hs[t] ** 2)
            dh = dz[t].dot(d.U.T)
        before = np.concatenate([d.h0[None], hs[:-1]]).reshape(-1, width)
        dz = dz.reshape(-1, width)
        return (hs ** 2).mean(), d.x.reshape(-1, width).T.dot(dz), before.T.dot(dz)
    return call, no_state


def lstm(d):
    x, y, H = d.x, d.y, d.hidden
    Wx, Wh, b = params = [a.copy() for a in (d.Wx, d.Wh, d.b)]

    def call():
        h, c, tape = d.h0, d.c0, []
        for t in range(len(x)):
            z = x[t].dot(Wx) + h.dot(Wh) + b
            i, f, g, o = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), np.tanh(z[:, 2 * H:3 * H]), sigmoid(z[:, 3 * H:])
            before, c = (h, c), f * c + i * g
            tanh_c = np.tanh(c)
            tape.append((*before, i, f, g, o, tanh_c))
            h = o * tanh_c
        cost = ((h - y) ** 2).mean()
        dh, dc = 2 * (h - y) / h.size, np.zeros_like(c)
        dWh, dz = np.zeros_like(Wh), np.empty((len(x), len(h), 4 * H), h.dtype)
        for t in range(len(x) - 1, -1, -1):
            h, c, i, f, g, o, tanh_c = tape[t]
            dc = dc + dh * o * (1 - tanh_c * tanh_c)
            dz[t] = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g),
                                    dh * tanh_c * o * (1 - o)], 1)
            dWh += h.T.dot(dz[t])
            dc, dh = dc * f, dz[t].dot(Wh.T)
        dWx = x.reshape(-1, H).T.dot(dz.reshape(-1, 4 * H))
        for param, gradient in zip(params, (dWx, dWh, dz.sum((0, 1)))):
            param -= d.rate * gradient
        return cost
    return call, lambda: params


def loop_pow(d):
    def call():
        r = np.ones_like(d.A)
        for _ in range(d.k):
            r = r * d.A
        return r
    return call, no_state


def loop_poly(d):
    return lambda: (d.coef * d.x ** np.arange(len(d.coef))).sum(), no_state


def loop_count(d):
    count = 0

    def call():
        nonlocal count
        for _ in range(d.k):
            count = count + 1
        return ()
    return call, lambda: [count]


def rand_uniform(d):
    source = np.random.default_rng(1)
    return lambda: source.random(d.shape, "float32"), no_state


def rand_normal(d):
    source = np.random.default_rng(1)
    return lambda: source.standard_normal(d.shape, "float32"), no_state


def jacobian(d):
    def call():
        y = np.tanh(d.W.dot(d.x))
        return (1 - y * y)[:, None] * d.W
    return call, no_state


def hessian(d):
    """Of sum(tanh(W x) ** 2)."""
    def call():
        y = np.tanh(d.W.dot(d.x))
        s = 1 - y * y
        return d.W.T.dot((2 * s * (s - 2 * y * y))[:, None] * d.W)
    return call, no_state


def chain(d):
    """Every operation is elementwise: the gradient of the sum is the running product of derivatives."""
    def call():
        y, g = d.x, np.ones_like(d.x)
        for i in range(d.ops):
            if i % 5 == 0:
                y = np.tanh(y)
                g = g * (1 - y * y)
            elif i % 5 == 1:
                y, g = y * 1.1, g * 1.1
            elif i % 5 == 2:
                y, g = np.sin(y), g * np.cos(y)
            elif i % 5 == 3:
                y, g = y + d.x, g + 1
            else:
                y = sigmoid(y)
                g = g * y * (1 - y)
        return y.sum(), g
    return call, no_state


def gemm(d):
    return lambda: d.a.dot(d.b), no_state


def embed_lookup(d):
    return lambda: d.E[d.idx], no_state


def embed_grad(d):
    def call():
        g = np.zeros_like(d.E)
        np.add.at(g, d.idx, d.G)
        return g
    return call, no_state


def embed_sgd(d):
    E = d.E.copy()

    def call():
        np.add.at(E, d.idx, -d.rate * d.G)
        return ()
    return call, lambda: [E]
