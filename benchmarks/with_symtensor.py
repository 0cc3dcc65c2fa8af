"""The cases in symtensor. Where BENCH_DEVICE is set, arguments and results that are arrays are shared variables, which
stay on the device."""
from __future__ import annotations

from functools import partial

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor import function, scan, shared
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

from benchmarks.cases import DEVICE, no_state

VERSION = symtensor.__version__


def values(params):
    """Reads the parameters after a call."""
    return lambda: [p.get_value() for p in params]


def called(inputs, outputs, given, updates=(), params=()):
    """(call, state) of a function of `inputs` on the values `given`."""
    if not DEVICE:
        return partial(function(inputs, outputs, updates=updates), *given), values(params) if params else no_state
    outputs = outputs if isinstance(outputs, list) else [outputs]
    results = [shared(np.zeros((0,) * y.ndim, y.dtype)) for y in outputs]
    held = {x: shared(value) for x, value in zip(inputs, given) if value.ndim}
    f = function([x for x in inputs if x not in held], [], givens=held, updates=[*zip(results, outputs), *updates])
    return partial(f, *(value for value in given if not value.ndim)), values([*results, *params])


def sgd(cost, params, rate):
    return [(p, p - rate * g) for p, g in zip(params, T.grad(cost, params))]


def call_add(d):
    x, y = T.dscalars("x", "y")
    return partial(function([x, y], x + y), d.x, d.y), no_state


def call_accum(d):
    x, total = T.dscalar("x"), shared(np.asarray(0.0))
    return partial(function([x], total, updates=[(total, total + x)]), d.x), values([total])


def elementwise(d):
    x, y = (T.vector(name, dtype=str(d.x.dtype)) for name in "xy")
    a, b = (T.scalar(name, dtype=str(d.x.dtype)) for name in "ab")
    return called([x, y, a, b], T.tanh(a * x + b) * T.exp(-x ** 2) + T.log1p(abs(y)), [d.x, d.y, d.a, d.b])


def reduction(expression):
    def case(d):
        x = T.fmatrix("x")
        return called([x], expression(x), [d.x])
    return case


red_sum = reduction(lambda x: x.sum())
red_mean0 = reduction(lambda x: x.mean(axis=0))
red_mean1 = reduction(lambda x: x.mean(axis=1))
red_max = reduction(lambda x: x.max())
red_argmax = reduction(lambda x: T.argmax(x, axis=1))
red_logsumexp = reduction(lambda x: T.log(T.sum(T.exp(x), axis=1)))
red_softmax = reduction(T.nnet.softmax)


def logreg(d):
    x, y = T.dmatrix("x"), T.dvector("y")
    w, b = params = shared(d.w.copy()), shared(0.0)
    p = 1 / (1 + T.exp(-T.dot(x, w) - b))
    xent = -y * T.log(p) - (1 - y) * T.log(1 - p)
    cost = xent.mean() + d.decay * (w ** 2).sum()
    f = function([x, y], [p > 0.5, xent], updates=sgd(cost, params, d.rate))
    return partial(f, d.x, d.y), values(params)


def mlp(d):
    x, y = T.fmatrix("x"), T.ivector("y")
    W1, b1, W2, b2 = params = [shared(a.copy()) for a in (d.W1, d.b1, d.W2, d.b2)]
    p = T.nnet.softmax(T.dot(T.tanh(T.dot(x, W1) + b1), W2) + b2)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    return called([x, y], cost, [d.x, d.y], sgd(cost, params, d.rate), params)


def rnn_states(d):
    x, h0 = T.ftensor3("x"), T.fmatrix("h0")
    W, U, b = (shared(a.copy()) for a in (d.W, d.U, d.b))
    states, _ = scan(lambda xt, h, W, U, b: T.tanh(T.dot(xt, W) + T.dot(h, U) + b),
                     sequences=x, outputs_info=h0, non_sequences=[W, U, b])
    return x, h0, W, U, states


def rnn_fwd(d):
    x, h0, _, _, states = rnn_states(d)
    return partial(function([x, h0], states), d.x, d.h0), no_state


def rnn_grad(d):
    x, h0, W, U, states = rnn_states(d)
    cost = (states ** 2).mean()
    return called([x, h0], [cost, *T.grad(cost, [W, U])], [d.x, d.h0])


def lstm(d):
    H, sigmoid = d.hidden, T.nnet.sigmoid
    x, y, h0, c0 = T.ftensor3("x"), T.fmatrix("y"), T.fmatrix("h0"), T.fmatrix("c0")
    params = [shared(a.copy()) for a in (d.Wx, d.Wh, d.b)]

    def step(xt, h, c, Wx, Wh, b):
        z = T.dot(xt, Wx) + T.dot(h, Wh) + b
        i, f, g, o = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), T.tanh(z[:, 2 * H:3 * H]), sigmoid(z[:, 3 * H:])
        c = f * c + i * g
        return o * T.tanh(c), c

    (hs, _), _ = scan(step, sequences=x, outputs_info=[h0, c0], non_sequences=params)
    cost = ((hs[-1] - y) ** 2).mean()
    return called([x, y, h0, c0], cost, [d.x, d.y, d.h0, d.c0], sgd(cost, params, d.rate), params)


def loop_pow(d):
    k, A = T.iscalar("k"), T.dvector("A")
    powers, _ = scan(lambda r, A: r * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    return partial(function([A, k], powers[-1]), d.A, np.int32(d.k)), no_state


def loop_poly(d):
    coef, x = T.dvector("coef"), T.dscalar("x")
    terms, _ = scan(lambda c, i, x: c * x ** i, sequences=[coef, T.arange(coef.shape[0])], non_sequences=x)
    return partial(function([coef, x], terms.sum()), d.coef, d.x), no_state


def loop_count(d):
    count, k = shared(np.int64(0)), T.iscalar("k")
    _, updates = scan(lambda: {count: count + 1}, n_steps=k)
    return partial(function([k], [], updates=updates), np.int32(d.k)), values([count])


def rand_uniform(d):
    return function([], MRG_RandomStreams(1).uniform(d.shape, dtype="float32")), no_state


def rand_normal(d):
    return function([], MRG_RandomStreams(1).normal(d.shape, dtype="float32")), no_state


def jacobian(d):
    x, W = T.dvector("x"), shared(d.W)
    y = T.tanh(T.dot(W, x))
    rows, _ = scan(lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])
    return partial(function([x], rows), d.x), no_state


def hessian(d):
    x, W = T.dvector("x"), shared(d.W)
    g = T.grad((T.tanh(T.dot(W, x)) ** 2).sum(), x)
    rows, _ = scan(lambda i, g, x: T.grad(g[i], x), sequences=T.arange(g.shape[0]), non_sequences=[g, x])
    return partial(function([x], rows), d.x), no_state


def chain(d):
    x = y = T.dvector("x")
    for i in range(d.ops):
        y = (T.tanh, lambda y: y * 1.1, T.sin, lambda y: y + x, T.nnet.sigmoid)[i % 5](y)
    cost = y.sum()
    return partial(function([x], [cost, T.grad(cost, x)]), d.x), no_state


def gemm(d):
    a, b = (T.matrix(name, dtype=str(d.a.dtype)) for name in "ab")
    return called([a, b], T.dot(a, b), [d.a, d.b])


def embed_lookup(d):
    E, idx = shared(d.E), T.lvector("idx")
    return partial(function([idx], E[idx]), d.idx), no_state


def embed_grad(d):
    E, idx, G = shared(d.E), T.lvector("idx"), T.fmatrix("G")
    return partial(function([idx, G], T.grad((E[idx] * G).sum(), E)), d.idx, d.G), no_state


def embed_sgd(d):
    E, idx, G = shared(d.E.copy()), T.lvector("idx"), T.fmatrix("G")
    rows = E[idx]
    step = T.inc_subtensor(rows, -d.rate * T.grad((rows * G).sum(), rows))
    return called([idx, G], [], [d.idx, d.G], [(E, step)], [E])
