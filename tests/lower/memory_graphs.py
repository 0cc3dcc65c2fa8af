"""Random graphs that are hard on the memory plan: views of views, values that could overwrite others, results and
updates that share memory, calls whose arguments overlap.

`Graph(seed)` is one of them, with the value of every variable by `perform`. `Session(graphs, mode)` is one function of
several graphs; each `call()` chooses arguments and compares with `perform`:

  - results and new values of shared variables are right, and those of earlier calls stay as they were;
  - no argument changes unless it was declared mutable, or is a borrowed shared value with an update;
  - no result shares memory with another, with a shared value, or with an argument (unless both sides say `borrow`).
"""

from __future__ import annotations

import itertools

import numpy as np
from law import layouts

import symtensor
import symtensor.tensor as T
from symtensor import In, Out
from symtensor.graph.basic import Apply, Constant
from symtensor.graph.op import Op
from symtensor.graph.traversal import io_toposort

KINDS = {
    "matrix": ("float64", (5, 6)),
    "turned": ("float64", (6, 5)),
    "square": ("float64", (5, 5)),
    "row": ("float64", (6,)),
    "column": ("float64", (5,)),
    "number": ("float64", ()),
    "single": ("float32", (5, 6)),
    "whole": ("int64", (6,)),
    "cube": ("float64", (2, 5, 6)),
}
LIKELY = ["matrix"] * 5 + ["row"] * 3 + ["square"] * 2 + ["turned", "column", "number", "single", "whole", "cube"]


class Island(Op):
    """A Python operation in several manners of returning memory: its own, a view of its input (said or not), twice the
    same, something it keeps."""

    __props__ = ("manner",)

    def __init__(self, manner: str):
        self.manner = manner
        if manner == "view":
            self.view_map = {0: [0]}
        self.kept = None

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return Apply(self, [x], [x.type() for _ in range(2 if self.manner == "twins" else 1)])

    def infer_shape(self, node, shapes):
        return [shapes[0]] * len(node.outputs)

    def perform(self, node, inputs, storage):
        x = inputs[0]
        if self.manner in ("view", "hidden view"):
            storage[0][0] = x[::-1]
        elif self.manner == "identity":
            storage[0][0] = x
        elif self.manner == "twins":
            storage[0][0] = storage[1][0] = x + x
        elif self.manner == "keeper":
            self.kept = storage[0][0] = x * 2
        else:
            storage[0][0] = x * 3


class Graph:
    """One random graph.

    inputs     explicit inputs; `kinds`, `mutable`, `borrowed` say more of each
    shared     shared variables; `updates` are pairs of one and its new value
    outputs    what is returned; `lent` are the positions of those with `borrow=True`
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.rng = np.random.default_rng([seed, 77])
        self.known: dict = {}
        self.pool: list = []
        self.inputs, self.kinds, self.shared, self.shared_kinds = [], [], [], []
        for k in range(int(self.rng.integers(1, 5))):
            kind = self.one_of(LIKELY)
            variable = tensor(kind)(f"x{k}_{seed}")
            self.inputs.append(variable)
            self.kinds.append(kind)
            self.add(variable, self.value(kind))
        for k in range(int(self.rng.integers(0, 4))):
            kind = self.one_of(LIKELY)
            variable = symtensor.shared(self.value(kind), f"s{k}_{seed}")
            self.shared.append(variable)
            self.shared_kinds.append(kind)
            self.add(variable, variable.get_value())
        self.mutable = [bool(self.rng.random() < 0.15) for _ in self.inputs]
        self.borrowed = [m or bool(self.rng.random() < 0.3) for m in self.mutable]
        for _ in range(int(self.rng.integers(1, 13))):
            getattr(self, self.one_of(STEPS))()
        self.choose_outputs()
        self.choose_updates()

    # -- choosing -----------------------------------------------------------------------------------------------------

    def one_of(self, things):
        return things[int(self.rng.integers(len(things)))]

    def value(self, kind: str) -> np.ndarray:
        return fresh(self.rng, kind)

    def pick(self, test=lambda v: True):
        """A variable, mostly a late one, that passes a test; None if there is none."""
        found = [v for v in self.pool if test(v)]
        if not found:
            return None
        return self.one_of(found[-6:] if self.rng.random() < 0.6 else found)

    def floats(self, ndim=None, least=2):
        """A float variable of this rank whose axes are long enough to be cut."""
        return self.pick(
            lambda v: (
                v.dtype.startswith("float")
                and (v.ndim >= 1 if ndim is None else v.ndim == ndim)
                and min(self.shape(v), default=least) >= least
            )
        )

    def shape(self, v):
        return self.known[v].shape

    def add(self, v, value=None) -> None:
        """Adds a variable to what later steps may use. Its value comes from `perform`."""
        if value is not None:
            self.known[v] = value
        self.evaluate([v])
        self.pool.append(v)

    def evaluate(self, outputs) -> None:
        perform(self.known, outputs)

    def like(self, x):
        """A variable of the same type and shape, maybe `x` itself."""
        found = self.pick(lambda v: v.type == x.type and self.shape(v) == self.shape(x))
        return x if found is None else found

    # -- steps --------------------------------------------------------------------------------------------------------

    def unary(self):
        x = self.floats()
        if x is not None:
            f = self.one_of([T.tanh, T.neg, T.abs_, T.sin, lambda v: v * 0.5, lambda v: 1 - v, T.nnet.sigmoid])
            self.add(f(x))

    def binary(self):
        x = self.pick()
        f = self.one_of([T.add, T.sub, T.maximum, lambda a, b: a * 0.5 + b, lambda a, b: T.tanh(a) * b])
        self.add(f(x, self.like(x)))

    def chain(self):
        x = self.floats()
        if x is not None:
            for _ in range(3):
                x = T.tanh(x + 0.1) if self.rng.random() < 0.5 else x - 0.5 * self.like(x)
                self.add(x)

    def broadcast(self):
        x, y = self.floats(2), self.floats(1)
        if x is None or y is None:
            return
        if self.shape(x)[1] == self.shape(y)[0]:
            self.add(x + y)
        elif self.shape(x)[0] == self.shape(y)[0]:
            self.add(x - y.dimshuffle(0, "x"))

    def view(self):
        x = self.pick(lambda v: v.ndim >= 1 and min(self.shape(v)) >= 2)
        if x is None:
            return
        cut = [
            lambda v: v[::-1],
            lambda v: v[1:],
            lambda v: v[:-1],
            lambda v: v[::2] if self.shape(v)[0] > 2 else v,
            lambda v: v[1:][::-1],
            lambda v: v[::-1][::-1],
            lambda v: v[1],
            lambda v: v[-1],
            lambda v: v.flatten(),
            lambda v: v[T.constant(1) :],
            lambda v: v.reshape((v.shape[0], -1)),
            lambda v: v[v.shape[0] // 2 - 1 : v.shape[0] // 2 + 1],
        ]
        if x.ndim == 2:
            cut += [
                lambda v: v.T,
                lambda v: v.T,
                lambda v: v[:, ::-1],
                lambda v: v[:, 1],
                lambda v: v[:, 1:],
                lambda v: v[::-1, ::-1],
                lambda v: v.T.flatten(),
                lambda v: v.flatten().reshape((v.shape[1], v.shape[0])),
                lambda v: v.T.reshape((v.shape[0], v.shape[1])),
                lambda v: v.dimshuffle(1, "x", 0)[:, 0],
                lambda v: T.diagonal(v),
            ]
        if x.ndim == 3:
            cut += [lambda v: v[0], lambda v: v.dimshuffle(1, 0, 2)[:, 1], lambda v: v.reshape((-1, v.shape[2]))[5:]]
        self.add(self.one_of(cut)(x))

    def write(self):
        """set_subtensor and inc_subtensor, often of a value that is a part of the same array."""
        x = self.pick(lambda v: v.ndim >= 1 and min(self.shape(v)) >= 3)
        if x is None:
            return
        f = self.one_of([T.set_subtensor, T.inc_subtensor])
        n = int(self.rng.integers(6))
        if n == 0:
            self.add(f(x[1:], x[:-1]))
        elif n == 1:
            self.add(f(x[::-1], x))
        elif n == 2:
            self.add(f(x[1], x[2]))
        elif n == 3:
            part = x[:2]
            self.evaluate([part])
            self.add(f(part, self.one_of([x[-2:], x[1:3], self.like(part)])))
        elif n == 4:
            self.add(f(x[T.constant([0, 2, 0])], x[:3]))
        else:
            self.add(f(x[::2], T.constant(2, dtype=x.dtype)))

    def product(self):
        a = self.floats(2)
        if a is None:
            return
        b = self.pick(lambda v: v.ndim == 2 and v.dtype == a.dtype and self.shape(v)[0] == self.shape(a)[1])
        p = T.dot(a, a.T if b is None else b) * 0.1
        self.evaluate([p])
        if self.rng.random() < 0.6:
            c = self.pick(lambda v: v.ndim == 2 and v.dtype == p.dtype and self.shape(v) == self.shape(p))
            if c is not None:
                p = self.one_of([lambda: c - 0.5 * p, lambda: 0.9 * c + p, lambda: p + c, lambda: p.T + c.T])()
        self.add(p)

    def vector_product(self):
        a = self.floats(2)
        if a is None:
            return
        u = self.pick(lambda v: v.ndim == 1 and v.dtype == a.dtype and self.shape(v)[0] == self.shape(a)[1])
        w = self.pick(lambda v: v.ndim == 1 and v.dtype == a.dtype and self.shape(v)[0] == self.shape(a)[0])
        if u is not None:
            p = 0.1 * T.dot(a, u)
            self.add(p if w is None else w + p)
        if u is not None and w is not None and self.rng.random() < 0.5:
            self.add(a + 0.1 * T.outer(w, u))

    def reduce(self):
        x = self.floats()
        if x is None:
            return
        f = self.one_of([T.sum, T.mean, T.max])
        axis = self.one_of([None, 0, x.ndim - 1])
        r = f(T.tanh(x) if self.rng.random() < 0.5 else x, axis=axis)
        self.add(0.2 * r)
        if axis is not None:
            order = list(range(x.ndim - 1))
            order.insert(axis, "x")
            self.add(x - r.dimshuffle(order))

    def softmax(self):
        x = self.floats(2)
        if x is not None:
            self.add(T.nnet.softmax(x))

    def join(self):
        x = self.floats()
        if x is not None:
            y = self.like(x)
            self.add(self.one_of([lambda: T.join(0, x[1:], y), lambda: T.stack([x, y])[1], lambda: T.tile(x[-1], 2)])())

    def library(self):
        x = self.floats()
        if x is not None:
            self.add(self.one_of([lambda: T.sort(x, axis=0), lambda: T.cumsum(x, axis=0) * 0.2])())

    def alloc(self):
        x = self.pick()
        self.add(self.one_of([T.zeros_like, T.ones_like, lambda v: T.zeros_like(v) + v])(x))

    def take(self):
        x = self.pick(lambda v: v.ndim >= 1 and min(self.shape(v)) >= 3)
        if x is not None:
            self.add(x[T.constant([2, 0, 0, 1])])

    def cast(self):
        x = self.floats()
        if x is not None:
            self.add(x.astype("float32" if x.dtype == "float64" else "float64"))

    def choose(self):
        x = self.floats()
        c = self.pick(lambda v: v.owner is None and v.dtype == "float64" and v.ndim >= 0)
        if x is None or c is None:
            return
        y = self.like(x)
        condition = T.gt(c.flatten()[0] if c.ndim else c, 0.3)
        if self.rng.random() < 0.3:
            both = symtensor.ifelse.ifelse(condition, [x, T.tanh(y)], [y, x])
            self.add(both[0])
            self.add(both[1])
        else:
            self.add(symtensor.ifelse.ifelse(condition, self.one_of([x, T.sin(x)]), self.one_of([y, y * 2])))

    def loop(self):
        x = self.floats(2)
        if x is None:
            return
        start = self.pick(lambda v: v.ndim == 1 and v.dtype == x.dtype and self.shape(v)[0] == self.shape(x)[1])
        start = x[0] if start is None else start
        manner = int(self.rng.integers(4))
        if manner == 0:
            states, _ = symtensor.scan(lambda r, s: T.tanh(r + 0.5 * s), x, start)
        elif manner == 1:
            (states, others), _ = symtensor.scan(
                lambda r, a, b: [b, T.tanh(r - a)], x, [start, T.zeros_like(start)]
            )
            self.add(others)
        elif manner == 2:
            states, _ = symtensor.scan(lambda r, c: T.set_subtensor(r[0], c[1]), x, non_sequences=start)
        else:
            states, _ = symtensor.scan(lambda s, c: 0.5 * s[::-1] + c, None, start, [start], n_steps=3)
        self.add(self.one_of([states, states[-1], states[1:], states[::-1]]))

    def island(self):
        x = self.floats()
        if x is not None:
            for out in Island(self.one_of(ISLANDS)).make_node(x).outputs:
                self.add(out)

    def slope(self):
        costs = [T.sum(T.tanh(v)) for v in self.pool[-2:] if v.dtype.startswith("float")]
        wrt = [v for v in self.inputs + self.shared if v.dtype.startswith("float")]
        islands = any(isinstance(n.op, Island) for n in io_toposort([], costs))
        if costs and wrt and not islands:
            for g in T.grad(sum(costs), wrt, disconnected_inputs="ignore"):
                self.add(g)

    # -- results ------------------------------------------------------------------------------------------------------

    def choose_outputs(self) -> None:
        n = int(self.rng.integers(0 if self.shared else 1, 6))
        self.outputs = [self.pick() for _ in range(n)]
        if n and self.rng.random() < 0.3:  # the same, or views of it, several times
            x = self.one_of(self.outputs)
            more = [x] if not x.ndim else [x, x[::-1], x.T, x[1:], x.flatten(), x.dimshuffle("x", *range(x.ndim))]
            for v in [self.one_of(more) for _ in range(2)]:
                self.evaluate([v])
                self.outputs.append(v)
        self.lent = [bool(self.rng.random() < 0.25) for _ in self.outputs]

    def choose_updates(self) -> None:
        self.updates = []
        for k, s in enumerate(self.shared):
            manner = self.rng.random()
            new = None
            if manner < 0.15:
                continue
            if manner < 0.4:  # another shared variable, an input, or a value of the same shape: swaps, rotations
                new = self.pick(lambda v: v.type == s.type and self.shape(v) == self.shape(s) and v.owner is None)
            elif manner < 0.6 and s.ndim:
                new = self.one_of(
                    [s[::-1], T.inc_subtensor(s[1:], s[:-1]), T.set_subtensor(s[0], s[-1]), T.roll(s, 1, axis=0)]
                )
            elif manner < 0.8:
                found = self.like(s)
                new = s - found if s.dtype == "int64" else s - 0.1 * found.astype(s.dtype)
                new = new.astype(s.dtype)
            new = self.like(s) if new is None else new
            self.evaluate([new])
            if new.type == s.type and self.shape(new) == self.shape(s):
                self.updates.append((s, new))


STEPS = (
    "unary binary binary chain chain broadcast view view view view write write write product product vector_product "
    "reduce softmax join library alloc take cast choose loop island slope"
).split()
ISLANDS = ["view", "hidden view", "identity", "twins", "keeper", "plain"]


def tensor(kind: str):
    dtype, shape = KINDS[kind]
    return T.TensorType(dtype, (False,) * len(shape))


def fresh(rng, kind: str) -> np.ndarray:
    dtype, shape = KINDS[kind]
    if dtype == "int64":
        return rng.integers(-4, 5, shape)
    return np.asarray(rng.uniform(-1, 1, shape), dtype)


def perform(known: dict, outputs) -> list:
    """Adds the values of outputs, node by node, to the known ones. Every value gets memory of its own."""
    for v in outputs:
        if isinstance(v, Constant):
            known.setdefault(v, v.data)
    todo = [v for v in outputs if v not in known]
    for node in io_toposort(list(known), todo) if todo else ():
        if node.outputs[0] in known:
            continue
        values = [known[v] if v in known else v.data for v in node.inputs]
        storage: list[list] = [[None] for _ in node.outputs]
        with np.errstate(all="ignore"):
            node.op.perform(node, values, storage)
        for v, (value,) in zip(node.outputs, storage):
            known[v] = np.array(value)
    return [known[v] for v in outputs]


# -- calls -------------------------------------------------------------------------------------------------------------


class Session:
    """A function of several graphs in a mode, and calls of it."""

    def __init__(self, graphs, mode=None):
        self.graphs = graphs
        self.mode = mode
        self.label = f"seeds {[g.seed for g in graphs]}, mode {mode}"
        self.inputs = [v for g in graphs for v in g.inputs]
        self.kinds = [k for g in graphs for k in g.kinds]
        self.mutable = [m for g in graphs for m in g.mutable]
        self.borrowed = [b for g in graphs for b in g.borrowed]
        self.outputs = [v for g in graphs for v in g.outputs]
        self.lent = [b for g in graphs for b in g.lent]
        self.shared = [s for g in graphs for s in g.shared]
        self.updates = [pair for g in graphs for pair in g.updates]
        self.start = [s.get_value() for s in self.shared]
        self.rng = np.random.default_rng([graphs[0].seed, 78])
        self.results: list = []
        self.coarse = any(getattr(v, "dtype", "") == "float32" for g in graphs for v in g.pool)
        self.function = symtensor.function(
            [In(v, mutable=m, borrow=b) for v, m, b in zip(self.inputs, self.mutable, self.borrowed)],
            [Out(v, borrow=b) for v, b in zip(self.outputs, self.lent)],
            updates=self.updates,
            mode=mode,
            on_unused_input="ignore",
        )

    def restore(self) -> None:
        """Gives shared variables back what they had in the beginning."""
        for s, value in zip(self.shared, self.start):
            s.set_value(value)

    def arguments(self) -> list:
        """Values of the inputs: arrays in many layouts, some of them overlapping."""
        chosen: list = []
        self.handed: list = []  # shared variables' own arrays
        for k, kind in enumerate(self.kinds):
            dtype, shape = KINDS[kind]
            manner = self.rng.random()
            twins = [a for a, other in zip(chosen, self.kinds) if other == kind]
            borrowed = [s.get_value(borrow=True) for s in self.shared if s.type == self.inputs[k].type]
            borrowed = [value for value in borrowed if value.shape == shape]
            results = [r for r in self.results if r.dtype == dtype and r.shape == shape]
            if manner < 0.2 and twins:
                chosen.append(twins[0])
            elif manner < 0.3 and twins:
                chosen.append(twins[0][::-1] if twins[0].ndim else twins[0])
            elif manner < 0.45 and twins and shape:  # overlapping windows
                base = fresh(self.rng, kind)
                base = np.concatenate([base, base])
                for j, other in enumerate(self.kinds[:k]):
                    if other == kind and chosen[j] is twins[-1]:
                        chosen[j] = base[: shape[0]]
                chosen.append(base[1 : shape[0] + 1])
            elif manner < 0.55 and borrowed:
                value = borrowed[int(self.rng.integers(len(borrowed)))]
                self.handed.append(value)
                chosen.append(value)
            elif manner < 0.65 and results:
                chosen.append(results[0])
            elif manner < 0.72 and not self.mutable[k]:
                value = fresh(self.rng, kind)
                value.flags.writeable = False
                chosen.append(value)
            else:
                several = layouts(fresh(self.rng, kind))
                chosen.append(several[int(self.rng.integers(len(several))) if shape else 0][1])
        return chosen

    def call(self, exact=None) -> list:
        """One call, compared with `perform`, or with `exact` (results and new values) to the last bit."""
        arguments = self.arguments()
        values = [np.array(a) for a in arguments]
        before = [s.get_value() for s in self.shared]
        expected, renewed = self.expected(values, before)
        kept = [(r, np.array(r)) for r in self.results]
        ours = [s.get_value(borrow=True) for s in self.shared if any(t is s for t, _ in self.updates)]
        results = self.function(*arguments)
        loose = [a for a, m in zip(arguments, self.mutable) if m] + ours
        for k, (v, got, want) in enumerate(zip(self.outputs, results, expected, strict=True)):
            if not (self.lent[k] and overlaps(got, loose)):
                self.close(got, want, f"output {v}")
        for s, want in zip(self.shared, renewed, strict=True):
            self.close(s.get_value(borrow=True), want, f"new value of {s}")
        if exact is not None:
            for a, b in zip([*results, *(s.get_value() for s in self.shared)], exact, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=self.label)
        for k, (a, value) in enumerate(zip(arguments, values)):
            if not overlaps(a, loose):
                assert np.array_equal(a, value), f"{self.label}: argument {self.inputs[k]} was changed"
        for r, value in kept:
            if not overlaps(r, loose):
                assert np.array_equal(r, value), f"{self.label}: an earlier result was changed"
        self.separate(results, arguments)
        self.results = [r for r, lent in zip(results, self.lent) if not lent][:6]
        return [*map(np.array, results), *(s.get_value() for s in self.shared)]

    def expected(self, values, before):
        known = dict(zip([*self.inputs, *self.shared], [*values, *before]))
        perform(known, [*self.outputs, *(new for _, new in self.updates)])
        new = dict(self.updates)
        return [known[v] for v in self.outputs], [known[new.get(s, s)] for s in self.shared]

    def close(self, got, want, what) -> None:
        what = f"{self.label}: {what}"
        assert type(got) is np.ndarray and got.dtype == want.dtype and got.shape == want.shape, what
        if got.dtype.kind != "f":
            assert np.array_equal(got, want), what
            return
        rtol, scale = (1e-3 if self.coarse else 1e-7), np.max(np.abs(want), initial=1.0)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * 0.01 * scale, err_msg=what)

    def separate(self, results, arguments) -> None:
        """Nobody shares memory with anybody who did not ask for it."""
        values = [s.get_value(borrow=True) for s in self.shared]
        lending = [a for a, borrowed in zip(arguments, self.borrowed) if borrowed] + self.handed
        for (i, a), (j, b) in itertools.combinations(enumerate(results), 2):
            if not (self.lent[i] and self.lent[j]):
                assert not overlaps(a, [b]), f"{self.label}: results {i} and {j} share memory"
        for i, r in enumerate(results):
            assert self.lent[i] or not overlaps(r, values), f"{self.label}: result {i} is a shared variable's"
            for k, a in enumerate(arguments):
                allowed = self.lent[i] and overlaps(a, lending)
                assert allowed or not overlaps(r, [a]), f"{self.label}: result {i} shares memory with argument {k}"
        for (s, a), (t, b) in itertools.combinations(zip(self.shared, values), 2):
            assert not overlaps(a, [b]), f"{self.label}: {s} and {t} share memory"
        for k, a in enumerate(arguments):
            allowed = overlaps(a, self.handed)
            assert allowed or not overlaps(a, values), f"{self.label}: argument {k} is a shared variable's"


def overlaps(array, others) -> bool:
    return any(np.may_share_memory(array, other) for other in others)
