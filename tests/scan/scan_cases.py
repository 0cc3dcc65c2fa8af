"""Programs with loops that run in Theano 1.0.5 as in symtensor; `theano_scans.json` holds what Theano gave.

A case gets `m`, which has the names of either package, and returns the arguments of `function` as a dict: inputs,
outputs, updates; `calls`, the arguments of one call after the other; `shared`, variables whose values are looked at
after the last call. A case in which building or calling raises gives the name of the error.
"""
from __future__ import annotations

import numpy as np

CASES = {}


def case(make):
    assert make.__name__ not in CASES
    CASES[make.__name__] = make
    return make


def array(*shape, seed=3, dtype="float64"):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(dtype)


def program(inputs, outputs, calls, updates=None, shared=()):
    return {"inputs": inputs, "outputs": outputs, "calls": calls, "updates": updates, "shared": list(shared)}


def run(m, name):
    """What a case gives: values and dtypes of each call and of shared variables, or an error."""
    try:
        given = CASES[name](m)
        f = m.function(given["inputs"], given["outputs"], updates=given["updates"], on_unused_input="ignore")
    except Exception as error:
        return {"error": type(error).__name__, "when": "building"}
    results = []
    for args in given["calls"]:
        try:
            results.append([described(x) for x in f(*args)])
        except Exception as error:
            results.append({"error": type(error).__name__})
    return {"calls": results, "shared": [described(x.get_value()) for x in given["shared"]]}


def described(x):
    return {"dtype": str(x.dtype), "shape": list(x.shape), "values": np.asarray(x, dtype="float64").ravel().tolist()}


# -- loops as tutorials have them --------------------------------------------------------------------------------------


@case
def power(m):
    a, k = m.T.vector(), m.T.iscalar()
    r, u = m.scan(lambda p, a: p * a, outputs_info=m.T.ones_like(a), non_sequences=a, n_steps=k)
    return program([a, k], [r, r[-1]], [[np.arange(4.0), 2], [np.arange(2.0), 5]], u)


@case
def power_of_no_steps(m):
    a, k = m.T.vector(), m.T.iscalar()
    r, u = m.scan(lambda p, a: p * a, outputs_info=m.T.ones_like(a), non_sequences=a, n_steps=k)
    return program([a, k], [r], [[np.arange(4.0), 0]], u)


@case
def last_of_no_steps(m):
    a, k = m.T.vector(), m.T.iscalar()
    r, u = m.scan(lambda p, a: p * a, outputs_info=m.T.ones_like(a), non_sequences=a, n_steps=k)
    return program([a, k], [r[-1]], [[np.arange(4.0), 0]], u)


@case
def polynomial(m):
    c, x = m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda c, k, x: c * x ** k, [c, m.T.arange(1000)], None, x)
    return program([c, x], [r.sum(), r], [[[1.0, 0.0, 2.0], 3.0], [[], 2.0]], u)


@case
def tanh_of_products(m):
    X, W, b = m.T.matrix(), m.T.matrix(), m.T.vector()
    r, u = m.scan(lambda v: m.T.tanh(m.T.dot(v, W) + b), X)
    return program([X, W, b], [r], [[array(3, 2), array(2, 2), array(2)]], u)


@case
def recurrence_with_taps(m):
    u, y, w, v = m.T.matrix(), m.T.vector(), m.T.matrix(), m.T.vector()
    r, up = m.scan(
        lambda u4, u0, x1, y3, y1, w: [m.T.tanh(m.T.dot(x1, w) + u0 - u4), (x1 * u4).sum() + y1 - 0.5 * y3],
        {"input": u, "taps": [-4, 0]}, [v, {"initial": y, "taps": [-3, -1]}], w,
    )
    return program([u, y, w, v], r, [[array(8, 2), array(3), array(2, 2), array(2)]], up)


@case
def powers_until(m):
    x = m.T.scalar()
    r, u = m.scan(lambda p, x: (p * 2, m.until(p * 2 > x)), outputs_info=m.T.constant(1.0), non_sequences=x,
                  n_steps=1024)
    return program([x], [r], [[45.0], [1.5], [1000.0]], u)


@case
def running_sum(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda e, t: t + e, x, s)
    return program([x, s], [r, r[-1], r[-2:], r[::2]], [[[1.0, 2.0, 4.0], 10.0], [[5.0, 7.0], 0.0]], u)


@case
def triangular(m):
    X = m.T.matrix()
    r, u = m.scan(lambda i, j, X: m.T.cast(X[i, j], "float64"), [m.T.arange(X.shape[0]), m.T.arange(X.shape[1])],
                  non_sequences=X)
    return program([X], [r.sum(), r], [[array(3, 3)], [array(2, 4)]], u)


# -- map, reduce, folds ------------------------------------------------------------------------------------------------


@case
def squares(m):
    x = m.T.vector()
    r, u = m.map(lambda e: e * e, x)
    return program([x], [r], [[[1.0, 2.0, 3.0]], [[]]], u)


@case
def map_of_two(m):
    x, y, c = m.T.vector(), m.T.matrix(), m.T.scalar()
    r, u = m.map(lambda a, b, c: [a * b + c, b.sum()], [x, y], c)
    return program([x, y, c], r, [[[1.0, 2.0, 3.0], array(4, 2), 0.5]], u)


@case
def map_backwards(m):
    x = m.T.vector()
    r, u = m.map(lambda e: e * 2, x, go_backwards=True, name="twice")
    return program([x], [r], [[[1.0, 2.0, 3.0]]], u)


@case
def reduced(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.reduce(lambda e, t: t * 0.5 + e, x, s)
    b, _ = m.reduce(lambda e, t: t * 0.5 + e, x, s, go_backwards=True)
    return program([x, s], [r, b], [[[1.0, 2.0, 4.0], 8.0]], u)


@case
def reduced_nothing(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.reduce(lambda e, t: t + e, x, s)
    return program([x, s], [r], [[[], 8.0]], u)


@case
def reduced_two(m):
    x, s, k = m.T.vector(), m.T.scalar(), m.T.scalar()
    r, u = m.reduce(lambda e, a, b, k: [a + e * k, b * e], x, [s, s], k)
    return program([x, s, k], r, [[[1.0, 2.0, 4.0], 8.0, 3.0]], u)


@case
def folds(m):
    x, s = m.T.vector(), m.T.scalar()
    left, _ = m.foldl(lambda e, t, k: t * k - e, x, s, 2.0)
    right, u = m.foldr(lambda e, t, k: t * k - e, x, s, 2.0)
    return program([x, s], [left, right], [[[1.0, 2.0, 4.0], 8.0]], u)


@case
def folds_of_rows(m):
    x, s = m.T.fmatrix(), m.T.fvector()
    left, _ = m.foldl(lambda e, t: m.T.maximum(t, e), x, s)
    right, u = m.foldr(lambda e, t: m.T.tanh(t + e), x, s)
    return program([x, s], [left, right], [[array(3, 2, dtype="float32"), np.zeros(2, "float32")]], u)


# -- taps, lengths, dtypes ---------------------------------------------------------------------------------------------


@case
def sequence_taps(m):
    x = m.T.vector()
    outs = []
    for taps in ([-1, 0], [0, 2], [-2, 1], [1], [-3], [2, -1, 0], [0, 0]):
        for back in (False, True):
            r, _ = m.scan(lambda *rows: m.T.stack(rows), {"input": x, "taps": taps}, go_backwards=back)
            outs.append(r)
    return program([x], outs, [[np.arange(6.0)], [np.arange(4.0)]])


@case
def state_taps(m):
    x, n = m.T.vector(), m.T.iscalar()
    outs = []
    for taps in ([-2, -1], [-1, -2], [-3], [-3, -1], [-3, -2, -1]):
        r, _ = m.scan(lambda *rows: sum((k + 1) * row for k, row in enumerate(rows)),
                      outputs_info={"initial": x[:-min(taps)], "taps": taps}, n_steps=n)
        outs.append(r)
    return program([x, n], outs, [[[1.0, 2.0, 5.0], k] for k in range(1, 6)])


@case
def more_initial_rows_than_taps(m):
    x = m.T.vector()
    r, u = m.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=3)
    return program([x], [r], [[[1.0, 2.0]], [[1.0, 2.0, 50.0]]], u)


@case
def sequences_of_different_lengths(m):
    x, y, n = m.T.vector(), m.T.vector(), m.T.iscalar()
    r, _ = m.scan(lambda a, b: a * b, [x, y])
    q, _ = m.scan(lambda a, b: a * b, [x, {"input": y, "taps": [-1]}])
    b, _ = m.scan(lambda a, b: a * b, [x, y], go_backwards=True)
    k, u = m.scan(lambda a, b: a * b, [x, y], n_steps=n, go_backwards=True)
    return program([x, y, n], [r, q, b, k], [[np.arange(3.0), np.arange(5.0), 2], [np.arange(4.0), np.ones(4), 3]], u)


@case
def integer_state(m):
    x = m.T.ivector()
    r, u = m.scan(lambda e, t: t + e, x, m.T.constant(5, dtype="int64"))
    return program([x], [r], [[np.array([1, 2, 3], "int32")]], u)


@case
def float32_state(m):
    x, s = m.T.fvector(), m.T.fscalar()
    r, u = m.scan(lambda e, t: t / 3 + e, x, s)
    return program([x, s], [r], [[np.array([1, 2, 3], "float32"), 0.5]], u)


@case
def boolean_results(m):
    x = m.T.vector()
    r, u = m.scan(lambda e: [m.T.gt(e, 1), m.T.cast(e, "int8"), m.T.isnan(e)], x)
    return program([x], r, [[[1.0, 2.0, np.nan]]], u)


@case
def state_that_is_ignored(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda e, t: e * 2, x, s)
    return program([x, s], [r], [[[1.0, 2.0], 3.0]], u)


@case
def result_that_is_an_input(m):
    x, s, c = m.T.vector(), m.T.scalar(), m.T.vector()
    r, u = m.scan(lambda e, t, c: [t, e, c], x, [s, None, None], c)
    return program([x, s, c], r, [[[1.0, 2.0, 3.0], 7.0, [4.0, 5.0]]], u)


@case
def swapped_states(m):
    a, b = m.T.vector(), m.T.vector()
    r, u = m.scan(lambda p, q: [q, p], outputs_info=[a, b], n_steps=3)
    return program([a, b], r, [[[1.0, 2.0], [3.0, 4.0]]], u)


@case
def dict_of_outputs_info(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda e, t: [t + e, t * e], x, [{"initial": s, "taps": [-1]}, {}])
    return program([x, s], r, [[[1.0, 2.0], 3.0]], u)


@case
def constants_and_numbers(m):
    x = m.T.vector()
    r, u = m.scan(lambda e, t, k, v: t + e * k + v.sum(), x, np.float64(1), [2, np.ones(2)])
    return program([x], [r], [[[1.0, 2.0]]], u)


@case
def matrix_states(m):
    x, s, W = m.T.tensor3(), m.T.matrix(), m.T.matrix()
    r, u = m.scan(lambda e, h, W: m.T.nnet.sigmoid(m.T.dot(h, W) + e), x, s, W, go_backwards=True)
    return program([x, s, W], [r, r[-1].sum(0)], [[array(3, 2, 2), array(2, 2), array(2, 2, seed=4)]], u)


@case
def tensor_of_indices(m):
    x, i = m.T.matrix(), m.T.lvector()
    r, u = m.scan(lambda i, x: x[i] * i, i, non_sequences=x)
    return program([x, i], [r], [[array(4, 2), [3, 0, 1]], [array(4, 2), [0, 4]]], u)


@case
def assignments_in_the_body(m):
    i, v = m.T.lmatrix(), m.T.vector()
    r, u = m.scan(lambda at, v, M: m.T.set_subtensor(M[at[0], at[1]], v), [i, v], m.T.zeros((2, 2)))
    return program([i, v], [r[-1], r.sum(0)], [[[[0, 1], [1, 1], [0, 1]], [42.0, 50.0, 7.0]]], u)


@case
def rows_of_different_lengths(m):
    n = m.T.lvector()
    r, u = m.scan(lambda k: m.T.arange(k), n)
    return program([n], [r.sum()], [[[2, 2]], [[1, 2]]], u)


# -- conditions --------------------------------------------------------------------------------------------------------


@case
def until_in_a_sequence(m):
    x = m.T.vector()
    r, u = m.scan(lambda e: ([e, e * e], m.until(e > 2)), x)
    return program([x], [*r, r[0][-1], r[1][-2:]], [[[1.0, 2.0, 3.0, 4.0]], [[9.0, 1.0]], [[0.0, 1.0]]], u)


@case
def until_on_a_state(m):
    x, s, limit = m.T.vector(), m.T.scalar(), m.T.scalar()
    r, u = m.scan(lambda e, t, limit: (t + e, m.until(t + e > limit)), x, s, limit, go_backwards=True)
    return program([x, s, limit], [r, r.shape[0]], [[[1.0, 2.0, 3.0], 0.0, k] for k in (-1.0, 4.0, 5.0, 99.0)], u)


@case
def until_and_updates(m):
    k, x = m.shared(np.float64(0), "k"), m.T.vector()
    r, u = m.scan(lambda e: (e + k, {k: k + e}, m.until(k + e > 4)), x)
    return program([x], [r], [[[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0]]], u, [k])


@case
def until_alone_with_updates(m):
    k = m.shared(np.float64(1), "k")
    _, u = m.scan(lambda: ({k: k * 2}, m.until(k * 2 > 30)), n_steps=10)
    return program([], [], [[], []], u, [k])


# -- updates of shared variables ---------------------------------------------------------------------------------------


@case
def counters(m):
    k, v = m.shared(0, "k"), m.shared(np.zeros(2), "v")
    n, x = m.T.iscalar(), m.T.vector()
    r, u = m.scan(lambda: (v.sum() + k + 0 * x.sum(), {k: k + 1, v: v + x}), n_steps=n)
    return program([n, x], [r], [[3, [1.0, 2.0]], [1, [1.0, 1.0]]], u, [k, v])


@case
def updates_that_are_dropped(m):
    k = m.shared(1.0, "k")
    r, _ = m.scan(lambda: (k * 1, {k: k * 2}), n_steps=3)
    return program([], [r], [[], []], None, [k])


@case
def updates_of_one_another(m):
    a, b = m.shared(np.float64(1), "a"), m.shared(np.float64(2), "b")
    r, u = m.scan(lambda: (a - b, [(a, b * 1.0), (b, a + b)]), n_steps=4)
    return program([], [r], [[], []], u, [a, b])


@case
def default_updates_in_a_body(m):
    k = m.shared(np.float64(1), "k")
    k.default_update = k * 2
    r, u = m.scan(lambda e: e * k, m.T.arange(3.0))
    return program([], [r], [[], []], u, [k])


@case
def shared_state(m):
    h, W = m.shared(np.ones(2), "h"), m.shared(array(2, 2), "W")
    x = m.T.matrix()
    r, u = m.scan(lambda e, t: m.T.tanh(m.T.dot(t, W) + e), x, h)
    return program([x], [r], [[array(3, 2)], [array(2, 2, seed=5)]], {h: r[-1]}, [h])


@case
def updates_of_an_inner_loop(m):
    k, n = m.shared(np.float64(0), "k"), m.T.iscalar()

    def step(e):
        r, u = m.scan(lambda: (k * e, {k: k + 1}), n_steps=n)
        return r, u

    r, u = m.scan(step, m.T.arange(1.0, 4.0))
    return program([n], [r], [[2], [1]], u, [k])


# -- draws -------------------------------------------------------------------------------------------------------------


@case
def draws(m):
    streams = m.RandomStreams(7)
    r, u = m.scan(lambda e: e + streams.uniform((2,)), m.T.arange(3.0))
    return program([], [r], [[], []], u)


@case
def draws_of_two_kinds(m):
    streams = m.RandomStreams(7)
    r, u = m.scan(lambda h: [h + streams.normal((2,)), streams.binomial((3,), n=4, p=0.5)],
                  outputs_info=[m.T.zeros((2,)), None], n_steps=3)
    return program([], r, [[], []], u)


@case
def draws_with_a_condition(m):
    streams = m.RandomStreams(11)
    r, u = m.scan(lambda: (lambda e: (e, m.until(e > 0.8)))(streams.uniform(())), n_steps=50)
    return program([], [r], [[], [], []], u)


@case
def draws_of_mrg(m):
    streams = m.MRG(7)
    r, u = m.scan(lambda e: e + streams.uniform((3,)), m.T.arange(3.0))
    return program([], [r], [[], []], u)


@case
def draws_of_integers(m):
    streams = m.RandomStreams(3)
    r, u = m.scan(
        lambda: [streams.random_integers((2,), 0, 9), streams.permutation((), n=4), streams.choice((2,), a=5)],
        n_steps=2)
    return program([], r, [[], []], u)


@case
def draws_without_updates(m):
    streams = m.RandomStreams(7)
    r, _ = m.scan(lambda: streams.uniform((1,)), n_steps=3)
    return program([], [r], [[], []])


@case
def a_draw_from_outside(m):
    streams = m.RandomStreams(7)
    r, u = m.scan(lambda e, noise: e * noise, m.T.arange(1.0, 4.0), non_sequences=streams.uniform((2,)))
    return program([], [r], [[], []], u)


@case
def gibbs_chain(m):
    streams, W, b = m.RandomStreams(23455), m.shared(array(4, 3), "W"), m.shared(array(4, seed=1), "b")

    def step(v):
        p = m.T.nnet.sigmoid(m.T.dot(v, W))
        h = streams.binomial((3,), n=1, p=p)
        q = m.T.nnet.sigmoid(m.T.dot(h, W.T) + b)
        return streams.binomial((4,), n=1, p=q, dtype="float64")

    v = m.T.vector()
    r, u = m.scan(step, outputs_info=v, n_steps=5)
    return program([v], [r[-1], r], [[np.ones(4)], [np.zeros(4)]], u)


# -- nested loops, choices, Python in the body -------------------------------------------------------------------------


@case
def nested_sums(m):
    x = m.T.matrix()
    r, u = m.scan(lambda row: m.scan(lambda e, t: t + e, row, np.float64(0))[0], x)
    return program([x], [r], [[array(3, 2)], [array(1, 4)]], u)


@case
def nested_with_states(m):
    x, s = m.T.matrix(), m.T.vector()

    def step(row, h):
        inner, _ = m.scan(lambda e, t: t * 0.5 + e, row, h)
        return inner[-1] + h

    r, u = m.scan(step, x, s)
    g = m.T.grad(r.sum(), [x, s])
    return program([x, s], [r, *g], [[array(3, 2), array(2)]], u)


@case
def nested_three_deep(m):
    n = m.T.iscalar()
    one = np.float64(1)
    r, u = m.scan(
        lambda a: m.scan(
            lambda b: m.scan(lambda c: c + a * b, outputs_info=one, n_steps=n)[0][-1], m.T.arange(1.0, 3.0))[0],
        m.T.arange(1.0, 4.0))
    return program([n], [r], [[1], [3]], u)


@case
def choices_in_the_body(m):
    x = m.T.vector()
    r, u = m.scan(lambda e: [m.ifelse(m.T.gt(e, 0), m.T.log(e), -e), m.T.switch(e > 0, e, 0 * e)], x)
    return program([x], r, [[[1.0, -2.0, 3.0]]], u)


@case
def python_in_the_body(m):
    @m.as_op(itypes=[m.T.dvector], otypes=[m.T.dvector])
    def turned(v):
        return v[::-1].copy()

    x = m.T.matrix()
    r, u = m.scan(lambda e, t: turned(t) + e, x, m.T.zeros((2,)))
    return program([x], [r], [[array(3, 2)]], u)


# -- checkpoints -------------------------------------------------------------------------------------------------------


# With sequences Theano 1.0.5 raises TypeError here.


@case
def checkpoints_of_blocks(m):
    s, q = m.T.vector(), m.T.scalar()
    outs = []
    for size in (2, 3, 6):
        r, u = m.checkpoints(lambda t, q: t * q + 1, outputs_info=[s], non_sequences=[q], n_steps=6, save_every_N=size)
        outs += [r, *m.T.grad(r[-1].sum(), [s, q])]
    return program([s, q], outs, [[array(2), 0.9]], u)


@case
def checkpoints_of_two_states(m):
    s, q = m.T.vector(), m.T.scalar()
    r, u = m.checkpoints(lambda a, b, q: [m.T.tanh(a + b), b * q], outputs_info=[s, s], non_sequences=[q], n_steps=4,
                         save_every_N=2)
    return program([s, q], [*r, *m.T.grad(r[0].sum(), [s, q])], [[array(2), 0.9]], u)


@case
def checkpoints_without_sequences(m):
    a, n = m.T.vector(), m.T.iscalar()
    r, u = m.checkpoints(lambda p, a: p * a, outputs_info=m.T.ones_like(a), non_sequences=a, n_steps=n, save_every_N=2)
    return program([a, n], [r[-1], m.T.grad(r[-1].sum(), a)], [[np.arange(3.0), 4]], u)


@case
def checkpoints_with_taps(m):
    x, s = m.T.vector(), m.T.scalar()
    r, u = m.checkpoints(lambda e, t: t + e, [{"input": x, "taps": [-1]}], s)
    return program([x, s], [r], [[np.arange(3.0), 1.0]], u)


# -- derivatives -------------------------------------------------------------------------------------------------------


def net(m, **options):
    x, s, W = m.T.matrix("x"), m.T.vector("s"), m.T.matrix("W")
    r, u = m.scan(lambda e, h, W: m.T.tanh(m.T.dot(h, W) + e), x, s, W, **options)
    return x, s, W, r, u, [array(4, 2), array(2), array(2, 2, seed=4)]


@case
def gradients_of_a_net(m):
    x, s, W, r, u, given = net(m)
    return program([x, s, W], [r, *m.T.grad((r ** 2).sum(), [x, s, W]), *m.T.grad(r[-1].sum(), [x, s, W])], [given], u)


@case
def gradients_backwards(m):
    x, s, W, r, u, given = net(m, go_backwards=True)
    return program([x, s, W], [r, *m.T.grad((r ** 2).sum(), [x, s, W])], [given], u)


@case
def truncated_gradients(m):
    outs = []
    for k in (1, 2, 3):
        x, s, W, r, u, given = net(m, truncate_gradient=k)
        outs.append(m.function([x, s, W], m.T.grad(r[-1].sum(), [x, s, W]))(*given))
    flat = [m.T.constant(g) for gs in outs for g in gs]
    return program([], flat, [[]])


@case
def gradients_of_taps(m):
    x, y, q = m.T.vector(), m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda a2, a0, b3, b1, q: m.T.sin(a2 * b3 + q * b1) + a0, {"input": x, "taps": [-2, 0]},
                  {"initial": y, "taps": [-3, -1]}, q)
    return program([x, y, q], [r, *m.T.grad(r.sum(), [x, y, q])], [[array(6), array(3, seed=1), 0.3]], u)


@case
def gradients_of_future_taps(m):
    x, q = m.T.vector(), m.T.scalar()
    r, u = m.scan(lambda a, b, q: a * b * q, {"input": x, "taps": [0, 1]}, non_sequences=q)
    return program([x, q], [r, *m.T.grad((r ** 2).sum(), [x, q])], [[array(4), 0.3]], u)


@case
def gradients_through_updates(m):
    k, x = m.shared(0.5, "k"), m.T.vector()
    r, u = m.scan(lambda e: (e * k ** 2, {k: k * 0.5}), x)
    return program([x], [r, m.T.grad(r.sum(), x)], [[[1.0, 2.0, 3.0]]], u, [k])


@case
def gradients_of_draws(m):
    streams, w = m.RandomStreams(5), m.T.scalar()
    r, u = m.scan(lambda h: m.T.tanh(h * w + streams.uniform((2,))), outputs_info=m.T.zeros((2,)), n_steps=3)
    return program([w], [r, m.T.grad(r[-1].sum(), w)], [[0.5], [1.5]], u)


@case
def gradients_of_nested_loops(m):
    x, w = m.T.matrix(), m.T.scalar()

    def step(row, h, w):
        inner, _ = m.scan(lambda e, t, w: m.T.tanh(e * t + w), row, np.float64(0.5), w)
        return h * inner[-1] + w

    r, u = m.scan(step, x, np.float64(1), w)
    return program([x, w], [r, *m.T.grad(r.sum(), [x, w])], [[array(3, 2), 0.25]], u)


@case
def second_derivatives(m):
    x, s, q = m.T.vector(), m.T.scalar(), m.T.scalar()
    r, u = m.scan(lambda a, b, c: m.T.tanh(a * b + c), x, s, q)
    g = m.T.grad(r[-1], [x, s, q])
    return program([x, s, q], [*g, *m.T.grad(g[0].sum() + g[2], [x, s, q])], [[array(3), 0.4, 0.3]], u)


@case
def gradients_of_powers(m):
    a, n = m.T.vector(), m.T.iscalar()
    r, u = m.scan(lambda p, a: p * a, outputs_info=m.T.ones_like(a), non_sequences=a, n_steps=n)
    return program([a, n], [m.T.grad(r[-1].sum(), a), m.T.grad(r.sum(), a)], [[np.arange(1.0, 4.0), 3], [[2.0], 1]], u)


@case
def gradients_with_integer_counters(m):
    x = m.T.vector()
    (count, r), u = m.scan(lambda e, i: [i + 1, e * i], x, [m.T.constant(2, dtype="int64"), None])
    return program([x], [count, r, m.T.grad(r.sum(), x)], [[[1.0, 2.0, 3.0]]], u)


@case
def directional_derivatives(m):
    x, s, W, r, u, given = net(m)
    points = [m.T.matrix(), m.T.vector(), m.T.matrix()]
    moved = m.Rop(r, [x, s, W], points)
    last = m.Rop(r[-1], W, points[2])
    return program([x, s, W, *points], [moved, last], [given + [array(4, 2, seed=6), array(2, seed=7), array(2, 2)]], u)


@case
def weighted_derivatives(m):
    x, s, W, r, u, given = net(m)
    weights = m.T.matrix()
    return program([x, s, W, weights], m.Lop(r, [x, s, W], weights), [given + [array(4, 2, seed=6)]], u)


@case
def jacobians(m):
    x, s, W, r, u, given = net(m)
    return program([x, s, W], [m.jacobian(r[-1], s), m.jacobian(r[-1], W), *m.jacobian(r[:, 0], [x, s])], [given], u)


@case
def jacobian_of_an_expression(m):
    v, A = m.T.vector(), m.T.matrix()
    outputs = [m.jacobian(m.T.dot(A, v) ** 2, v), m.jacobian((v ** 2).sum(), v)]
    return program([v, A], outputs, [[array(2), array(3, 2)]])


@case
def hessians(m):
    v, w = m.T.vector(), m.T.vector()
    cost = (v ** 3 * w).sum() + v[0] * v[1] * v[2]
    return program([v, w], [m.hessian(cost, v), *m.hessian(cost, [v, w])], [[array(3), array(3, seed=1)]])


@case
def hessian_through_a_loop(m):
    s, x = m.T.vector(), m.T.vector()
    r, u = m.scan(lambda e, h: m.T.tanh(h * e + h.sum()), x, s)
    return program([s, x], [m.hessian(r[-1].sum(), s)], [[array(2), array(3, seed=1)]], u)


# -- refused, when built or when called --------------------------------------------------------------------------------


@case
def strict_and_missing_shared(m):
    x, k = m.T.vector(), m.shared(np.ones(2), "k")
    r, u = m.scan(lambda e: e * k.sum(), x, strict=True)
    return program([x], [r], [[[1.0]]], u)


@case
def strict_and_given_shared(m):
    x, k = m.T.vector(), m.shared(np.ones(2), "k")
    r, u = m.scan(lambda e, k: e * k.sum(), x, non_sequences=[k], strict=True)
    return program([x], [r], [[[1.0, 4.0]]], u)


@case
def input_that_the_function_lacks(m):
    x, y = m.T.vector(), m.T.scalar("y")
    r, u = m.scan(lambda e: e * y, x)
    return program([x], [r], [[[1.0]]], u)


@case
def initial_state_of_another_dtype(m):
    x, s = m.T.vector(), m.T.fscalar()
    r, u = m.scan(lambda e, t: t + e, x, s)
    return program([x, s], [r], [[[1.0], 2.0]], u)


@case
def initial_state_of_another_rank(m):
    x, s = m.T.matrix(), m.T.scalar()
    r, u = m.scan(lambda e, t: t + e, x, s)
    return program([x, s], [r], [[array(2, 2), 2.0]], u)


@case
def initial_state_of_another_length(m):
    x, s = m.T.matrix(), m.T.vector()
    r, u = m.scan(lambda e, t: e * 2, x, s)
    return program([x, s], [r], [[array(2, 2), array(2)], [array(2, 2), array(3)]], u)


@case
def state_that_grows(m):
    x = m.T.vector()
    r, u = m.scan(lambda t: m.T.concatenate([t, t]), outputs_info=x, n_steps=2)
    return program([x], [r], [[[1.0, 2.0]]], u)


@case
def initial_state_of_two_rows(m):
    x = m.T.vector()
    r, u = m.scan(lambda a, b: a + b, outputs_info={"initial": x, "taps": [-2, -1]}, n_steps=2)
    return program([x], [r], [[[1.0, 2.0]]], u)


@case
def too_many_steps(m):
    x, n = m.T.vector(), m.T.iscalar()
    r, u = m.scan(lambda e: e * 2, x, n_steps=n)
    return program([x, n], [r], [[[1.0, 2.0], 3], [[1.0, 2.0], 2]], u)


@case
def a_step_that_fails(m):
    x, i = m.T.vector(), m.T.lvector()
    k = m.shared(0, "k")
    r, u = m.scan(lambda i: (x[i], {k: k + 1}), i)
    return program([x, i], [r], [[[1.0, 2.0], [0, 1, 7]], [[1.0, 2.0], [0, 1]]], u, [k])


@case
def rows_that_do_not_fit(m):
    x, y = m.T.matrix(), m.T.vector()
    r, u = m.scan(lambda e: e + y, x)
    return program([x, y], [r], [[array(2, 3), array(2)], [array(2, 3), array(3)]], u)


@case
def gradient_of_a_state_nobody_uses(m):
    x, a, b = m.T.vector(), m.T.scalar(), m.T.scalar()
    (p, q), u = m.scan(lambda e, h, c: [h * e, c + e], x, [a, b])
    return program([x, a, b], [m.T.grad(p.sum(), b)], [[[1.0], 1.0, 1.0]], u)


@case
def update_of_another_type(m):
    k = m.shared(0, "k")
    r, u = m.scan(lambda: (k * 2, {k: k + 0.5}), n_steps=2)
    return program([], [r], [[]], u)
