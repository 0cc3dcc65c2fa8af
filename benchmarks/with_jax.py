"""The cases in JAX under jit: inputs live on the device, parameters are donated to each step. Calls wait for their
results, unless the clock does (BENCH_DEVICE)."""
from __future__ import annotations

import jax
import jax.numpy as J
import numpy as np
from jax import lax

from benchmarks.cases import DEVICE, no_state

VERSION = jax.__version__
jax.config.update("jax_enable_x64", True)
finish = (lambda results: results) if DEVICE else jax.block_until_ready


def compiled(f, *args):
    """A call of the compiled function, and no state."""
    f, args = jax.jit(f), [J.asarray(a) for a in args]
    return lambda: finish(f(*args)), no_state


def trainer(step, params, *args):
    """step(params, *args) -> (result, new params)."""
    f, args = jax.jit(step, donate_argnums=0), [J.asarray(a) for a in args]
    params = [J.array(p) for p in params]

    def call():
        nonlocal params
        result, params = f(params, *args)
        finish((result, params))
        return result
    return call, lambda: params


def sgd(loss, rate):
    def step(params, *args):
        cost, gradients = jax.value_and_grad(loss)(params, *args)
        return cost, [p - rate * g for p, g in zip(params, gradients)]
    return step


def call_add(d):
    return compiled(lambda x, y: x + y, d.x, d.y)


def call_accum(d):
    return trainer(lambda s, x: (s[0], [s[0] + x]), [np.float64(0)], d.x)


def elementwise(d):
    return compiled(lambda x, y, a, b: J.tanh(a * x + b) * J.exp(-x ** 2) + J.log1p(abs(y)), d.x, d.y, d.a, d.b)


def red_sum(d):
    return compiled(lambda x: x.sum(), d.x)


def red_mean0(d):
    return compiled(lambda x: x.mean(0), d.x)


def red_mean1(d):
    return compiled(lambda x: x.mean(1), d.x)


def red_max(d):
    return compiled(lambda x: x.max(), d.x)


def red_argmax(d):
    return compiled(lambda x: x.argmax(1), d.x)


def red_logsumexp(d):
    return compiled(lambda x: jax.nn.logsumexp(x, axis=1), d.x)


def red_softmax(d):
    return compiled(lambda x: jax.nn.softmax(x, axis=1), d.x)


def logreg(d):
    def loss(params, x, y):
        w, b = params
        p = 1 / (1 + J.exp(-x @ w - b))
        xent = -y * J.log(p) - (1 - y) * J.log(1 - p)
        return xent.mean() + d.decay * (w ** 2).sum(), (p > 0.5, xent)

    def step(params, x, y):
        (_, result), gradients = jax.value_and_grad(loss, has_aux=True)(params, x, y)
        return result, [p - d.rate * g for p, g in zip(params, gradients)]
    return trainer(step, [d.w, np.float64(0)], d.x, d.y)


def mlp(d):
    def loss(params, x, y):
        W1, b1, W2, b2 = params
        return -jax.nn.log_softmax(J.tanh(x @ W1 + b1) @ W2 + b2)[J.arange(len(y)), y].mean()
    return trainer(sgd(loss, d.rate), [d.W1, d.b1, d.W2, d.b2], d.x, d.y)


def rnn_states(W, U, b, x, h0):
    def step(h, xt):
        h = J.tanh(xt @ W + h @ U + b)
        return h, h
    return lax.scan(step, h0, x)[1]


def rnn_fwd(d):
    return compiled(rnn_states, d.W, d.U, d.b, d.x, d.h0)


def rnn_grad(d):
    def cost(W, U, *others):
        return (rnn_states(W, U, *others) ** 2).mean()

    def cost_and_gradients(*args):
        value, gradients = jax.value_and_grad(cost, (0, 1))(*args)
        return value, *gradients
    return compiled(cost_and_gradients, d.W, d.U, d.b, d.x, d.h0)


def lstm(d):
    H, sigmoid = d.hidden, jax.nn.sigmoid

    def loss(params, x, y, h0, c0):
        Wx, Wh, b = params

        def step(carried, xt):
            h, c = carried
            z = xt @ Wx + h @ Wh + b
            i, f, g, o = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), J.tanh(z[:, 2 * H:3 * H]), sigmoid(z[:, 3 * H:])
            c = f * c + i * g
            return (o * J.tanh(c), c), None
        (h, _), _ = lax.scan(step, (h0, c0), x)
        return ((h - y) ** 2).mean()
    return trainer(sgd(loss, d.rate), [d.Wx, d.Wh, d.b], d.x, d.y, d.h0, d.c0)


def loop_pow(d):
    return compiled(lambda A, k: lax.fori_loop(0, k, lambda i, r: r * A, J.ones_like(A)), d.A, np.int32(d.k))


def loop_poly(d):
    def f(coef, x):
        return lax.scan(lambda _, term: (0, term[0] * x ** term[1]), 0, (coef, J.arange(len(coef))))[1].sum()
    return compiled(f, d.coef, d.x)


def loop_count(d):
    def step(params, k):
        return (), [lax.fori_loop(0, k, lambda i, count: count + 1, params[0])]
    return trainer(step, [np.int64(0)], np.int32(d.k))


def draw(kind):
    def case(d):
        def step(keys, _):
            key, used = jax.random.split(keys[0])
            return kind(used, d.shape, "float32"), [key]
        call, _ = trainer(step, [jax.random.PRNGKey(1)], 0)
        return call, no_state
    return case


rand_uniform, rand_normal = draw(jax.random.uniform), draw(jax.random.normal)


def jacobian(d):
    return compiled(jax.jacrev(lambda x, W: J.tanh(W @ x)), d.x, d.W)


def hessian(d):
    return compiled(jax.hessian(lambda x, W: (J.tanh(W @ x) ** 2).sum()), d.x, d.W)


def chain(d):
    def f(x):
        y = x
        for i in range(d.ops):
            y = (J.tanh, lambda y: y * 1.1, J.sin, lambda y: y + x, jax.nn.sigmoid)[i % 5](y)
        return y.sum()
    return compiled(jax.value_and_grad(f), d.x)


def gemm(d):
    return compiled(J.dot, d.a, d.b)


def embed_lookup(d):
    return compiled(lambda E, idx: E[idx], d.E, d.idx)


def embed_grad(d):
    return compiled(jax.grad(lambda E, idx, G: (E[idx] * G).sum()), d.E, d.idx, d.G)


def embed_sgd(d):
    return trainer(lambda params, idx, G: ((), [params[0].at[idx].add(-d.rate * G)]), [d.E], d.idx, d.G)
