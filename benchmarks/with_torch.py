"""The cases in PyTorch, eager or, where the environment sets BENCH_TORCH_COMPILE, under torch.compile."""
from __future__ import annotations

import os

import torch
import torch.nn.functional as F

from benchmarks.cases import DEVICE, no_state

VERSION = torch.__version__
COMPILE = bool(os.environ.get("BENCH_TORCH_COMPILE"))


def wrap(f):
    return torch.compile(f, dynamic=False) if COMPILE else f


def tensors(*arrays, grad=False):
    made = [torch.from_numpy(a.copy()).to(DEVICE or "cpu") for a in arrays]
    return [t.requires_grad_() for t in made] if grad else made


def plain(f, *args):
    """A call without gradients, and no state."""
    f = wrap(f)

    def call():
        with torch.no_grad():
            return f(*args)
    return call, no_state


def trainer(loss, params, rate):
    """loss() -> cost, or (cost, results); a step of descent."""
    loss = wrap(loss)

    def call():
        cost, *results = returned = loss()
        gradients = torch.autograd.grad(cost, params)
        with torch.no_grad():
            torch._foreach_add_(params, gradients, alpha=-float(rate))
        return results or returned
    return call, lambda: [p.detach() for p in params]


def call_add(d):
    return plain(torch.add, *tensors(d.x, d.y))


def call_accum(d):
    total, x = torch.zeros((), dtype=torch.float64), tensors(d.x)[0]

    def step():
        old = total.clone()
        total.add_(x)
        return old
    return plain(step)[0], lambda: [total]


def elementwise(d):
    def f(x, y, a, b):
        return torch.tanh(a * x + b) * torch.exp(-x ** 2) + torch.log1p(torch.abs(y))
    return plain(f, *tensors(d.x, d.y, d.a, d.b))


def red_sum(d):
    return plain(lambda x: x.sum(), *tensors(d.x))


def red_mean0(d):
    return plain(lambda x: x.mean(0), *tensors(d.x))


def red_mean1(d):
    return plain(lambda x: x.mean(1), *tensors(d.x))


def red_max(d):
    return plain(lambda x: x.max(), *tensors(d.x))


def red_argmax(d):
    return plain(lambda x: x.argmax(1), *tensors(d.x))


def red_logsumexp(d):
    return plain(lambda x: torch.logsumexp(x, 1), *tensors(d.x))


def red_softmax(d):
    return plain(lambda x: torch.softmax(x, 1), *tensors(d.x))


def logreg(d):
    x, y = tensors(d.x, d.y)
    w, = tensors(d.w, grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    decay = float(d.decay)

    def loss():
        p = 1 / (1 + torch.exp(-(x @ w) - b))
        xent = -y * torch.log(p) - (1 - y) * torch.log(1 - p)
        return xent.mean() + decay * (w ** 2).sum(), p > 0.5, xent
    return trainer(loss, [w, b], d.rate)


def mlp(d):
    x, y = tensors(d.x, d.y)
    y = y.long()
    W1, b1, W2, b2 = params = tensors(d.W1, d.b1, d.W2, d.b2, grad=True)
    return trainer(lambda: (F.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, y),), params, d.rate)


def rnn_states(x, h, W, U, b):
    states = []
    for xt in x:
        h = torch.tanh(xt @ W + h @ U + b)
        states.append(h)
    return torch.stack(states)


def rnn_fwd(d):
    return plain(rnn_states, *tensors(d.x, d.h0, d.W, d.U, d.b))


def rnn_grad(d):
    x, h0, b = tensors(d.x, d.h0, d.b)
    W, U = tensors(d.W, d.U, grad=True)
    cost = wrap(lambda: (rnn_states(x, h0, W, U, b) ** 2).mean())

    def call():
        value = cost()
        return value.detach(), *torch.autograd.grad(value, [W, U])
    return call, no_state


def lstm(d):
    """The library's own LSTM."""
    x, y, h0, c0 = tensors(d.x, d.y, d.h0, d.c0)
    Wx, Wh, b = params = tensors(d.Wx, d.Wh, d.b, grad=True)
    no_bias = torch.zeros_like(b)

    def eager():
        weights = [Wx.t(), Wh.t(), b, no_bias]
        _, h, _ = torch.lstm(x, (h0[None], c0[None]), weights, True, 1, 0.0, True, False, False)
        return ((h[0] - y) ** 2).mean(),

    def written_out():
        h, c = h0, c0
        for xt in x:
            i, f, g, o = (xt @ Wx + h @ Wh + b).split(d.hidden, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return ((h - y) ** 2).mean(),
    return trainer(written_out if COMPILE else eager, params, d.rate)


def loop_pow(d):
    def f(A):
        r = torch.ones_like(A)
        for _ in range(d.k):
            r = r * A
        return r
    return plain(f, *tensors(d.A))


def loop_poly(d):
    return plain(lambda coef, x: (coef * x ** torch.arange(len(coef))).sum(), *tensors(d.coef, d.x))


if not COMPILE:  # a hundred thousand unrolled steps do not compile in minutes
    def loop_count(d):
        count = torch.zeros((), dtype=torch.int64)

        def step():
            nonlocal count
            for _ in range(d.k):
                count = count + 1
            return ()
        return plain(step)[0], lambda: [count]


def rand_uniform(d):
    torch.manual_seed(1)
    return plain(lambda: torch.rand(d.shape))


def rand_normal(d):
    torch.manual_seed(1)
    return plain(lambda: torch.randn(d.shape))


def jacobian(d):
    return plain(torch.func.jacrev(lambda x, W: torch.tanh(W @ x)), *tensors(d.x, d.W))


def hessian(d):
    return plain(torch.func.hessian(lambda x, W: (torch.tanh(W @ x) ** 2).sum()), *tensors(d.x, d.W))


def chain(d):
    x, = tensors(d.x, grad=True)

    def f():
        y = x
        for i in range(d.ops):
            y = (torch.tanh, lambda y: y * 1.1, torch.sin, lambda y: y + x, torch.sigmoid)[i % 5](y)
        return y.sum()
    f = wrap(f)

    def call():
        cost = f()
        return cost.detach(), torch.autograd.grad(cost, x)[0]
    return call, no_state


def gemm(d):
    return plain(torch.mm, *tensors(d.a, d.b))


def embed_lookup(d):
    return plain(lambda E, idx: E[idx], *tensors(d.E, d.idx))


def embed_grad(d):
    E, = tensors(d.E, grad=True)
    idx, G = tensors(d.idx, d.G)
    cost = wrap(lambda: (E[idx] * G).sum())
    return lambda: torch.autograd.grad(cost(), E)[0], no_state


def embed_sgd(d):
    E, idx, G = tensors(d.E, d.idx, d.G)
    rate = float(d.rate)

    def step():
        E.index_add_(0, idx, G, alpha=-rate)
        return ()
    return plain(step)[0], lambda: [E]
