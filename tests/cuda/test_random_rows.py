"""Random functions of rows and columns: nests joined and split mean what they meant, and kernels do that.

A function is grown from two matrices, a row, a column, places within rows and two shared variables, by operations that
share rows: reductions, what is made of them and broadcast again, softmaxes, gathers, writes to parts, branches, loops.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from shim_device import ShimDevice

import symtensor.tensor as T
from symtensor import function, scan, shared
from symtensor.codegen.cuda import has_kernel, in_groups, join_points, split_sums
from symtensor.control.ifelse import ifelse
from symtensor.ir import spec
from symtensor.runtime.cuda.device import use
from symtensor.runtime.interpreter import Interpreter

DTYPES = ["float64", "float32", "float64", "float32", "float16"]
TOLERANCE = {"float64": 1e-8, "float32": 1e-3, "float16": 6e-2}
SHAPES = [(3, 5), (1, 1), (0, 4), (4, 0), (5, 1), (1, 40), (40, 9), (7, 255), (3, 257), (2, 513), (300, 3)]
ORDERS = ["forward", "reverse", "1", "2"]

UNARY = [T.tanh, T.cos, T.nnet.sigmoid, abs, lambda a: a * 2 - 1, lambda a: T.sqr(a) * 0.25, lambda a: T.exp(-abs(a)),
         lambda a: T.sqrt(abs(a) + 0.5), lambda a: T.maximum(a, 0)]
BINARY = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b * 0.5, lambda a, b: a / (1 + abs(b)), T.maximum,
          T.minimum, lambda a, b: T.switch(T.gt(a, 0), a, b)]
REDUCTIONS = [T.mean, T.max, T.min, T.var, lambda a, axis: T.tanh(a.sum(axis)), lambda a, axis: T.tanh(a).prod(axis),
              lambda a, axis: T.gt(a, 0).sum(axis) % 7, lambda a, axis: T.any(T.gt(a, 0.5), axis),
              lambda a, axis: T.log(T.exp(T.tanh(a)).sum(axis) + 1)]
ROWWISE = [T.nnet.softmax, T.nnet.logsoftmax, lambda a: a[:, ::-1], lambda a: a[::-1],
           lambda a: (a - a.mean(1, keepdims=True)) / T.sqrt(a.var(1, keepdims=True) + 1),
           lambda a: T.tanh(T.cumsum(a, axis=1)), lambda a: T.dot(T.dot(a, a.T) * 0.01, a)]


@dataclass
class Grown:
    """What has been made so far. `condition` chooses branches; None: there are none, and no loops."""

    rng: np.random.Generator
    dtype: str
    condition: object = None
    matrices: list = field(default_factory=list)
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    places: list = field(default_factory=list)

    def pick(self, values):
        """One of the values, rather a late one."""
        values = values[-3:] if self.rng.random() < 0.5 else values
        return values[int(self.rng.integers(len(values)))]

    def one(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def add(self, values, value) -> None:
        values.append(T.cast(value, self.dtype))

    def grow(self, steps: int) -> None:
        kinds = [self.elementwise] * 6 + [self.reduction] * 5 + [self.rowwise] * 2 + [self.gather, self.part]
        if self.condition is not None:
            kinds += [self.branch, self.loop]
        for _ in range(steps):
            self.one(kinds)()

    def elementwise(self) -> None:
        column, row = (lambda: self.pick(self.columns).dimshuffle(0, "x")), (lambda: self.pick(self.rows))
        matrix, number = (lambda: self.pick(self.matrices)), (lambda: self.pick(self.numbers))
        if self.rng.random() < 0.3:
            values = self.one([self.matrices, self.columns, self.rows, self.numbers])
            self.add(values, self.one(UNARY)(self.pick(values)))
        else:
            self.add(self.matrices, self.one(BINARY)(matrix(), self.one([matrix, column, column, row, number])()))

    def reduction(self) -> None:
        axis = self.one([1, 1, 1, 0, None])
        values = self.numbers if axis is None else self.rows if axis == 0 else self.columns
        self.add(values, self.one(REDUCTIONS)(self.pick(self.matrices), axis=axis))

    def rowwise(self) -> None:
        how = self.one(ROWWISE[:-1] if self.dtype == "float16" else ROWWISE)
        self.add(self.matrices, how(self.pick(self.matrices)))

    def gather(self) -> None:
        a = self.pick(self.matrices)
        self.add(self.columns, a[T.arange(a.shape[0]), self.pick(self.places)])

    def part(self) -> None:
        a, b, column = self.pick(self.matrices), self.pick(self.matrices), self.pick(self.columns)
        self.add(self.matrices, self.one([
            lambda: T.set_subtensor(a[1:], b[1:]), lambda: T.set_subtensor(a[:, 2:], b[:, 2:]),
            lambda: T.inc_subtensor(a[:, ::2], column.dimshuffle(0, "x")),
            lambda: T.inc_subtensor(a[T.arange(a.shape[0]), self.pick(self.places)], column),
            lambda: T.concatenate([a[:, :2], b[:, 2:]], axis=1),
        ])())

    def branch(self) -> None:
        values = self.one([self.matrices, self.columns])
        self.add(values, ifelse(self.condition, self.pick(values), self.pick(values)))

    def loop(self) -> None:
        """A loop that carries a matrix and a column; some of what it makes is wanted afterwards."""
        first, column = (self.pick(values) for values in (self.matrices, self.columns))
        steps = int(self.rng.integers(2, 6))

        def step(x, s, c):
            inner = Grown(self.rng, self.dtype, None, [*self.matrices[-2:], x, s], [*self.columns[-2:], c],
                          self.rows[-2:], self.numbers[-2:], self.places[-2:])
            inner.grow(steps)
            ends = T.tanh(inner.pick(inner.matrices)), T.tanh(inner.pick(inner.columns)), inner.pick(inner.columns)
            return [T.cast(end, self.dtype) for end in ends]

        over = T.stack([self.pick(self.matrices), self.pick(self.matrices)])
        (s, c, made), _ = scan(step, sequences=over, outputs_info=[first, column, None])
        for values, value in ((self.matrices, s[-1]), (self.columns, c[-1]), (self.columns, made.sum(axis=0))):
            if self.rng.random() < 0.6:
                self.add(values, value)


def made(seed: int):
    """Inputs, outputs, updates and shared variables of a function."""
    rng, dtype = np.random.default_rng(seed), DTYPES[seed % len(DTYPES)]
    x, z, r, c = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.vector(dtype=dtype), T.vector(dtype=dtype)
    y, condition = T.lvector(), T.iscalar()
    w, v = shared(np.ones((2, 2), dtype), name="w"), shared(np.ones(2, dtype), name="v")
    grown = Grown(rng, dtype, condition, [x, z, w], [c, v], [r], [T.cast(r.sum() * 0.01, dtype)],
                  [y, T.argmax(T.maximum(x, z), axis=1)])
    grown.grow(int(rng.integers(8, 30)))
    outputs = [e for values in (grown.matrices, grown.columns, grown.rows, grown.numbers) for e in values[-3:]
               if rng.random() < 0.6]
    updates = [(variable, grown.pick(values)) for variable, values in ((w, grown.matrices), (v, grown.columns))
               if rng.random() < 0.7]
    return [x, z, r, c, y, condition], outputs, updates, [w, v]


def values_for(seed: int):
    """Values of the inputs and of the shared variables, for some shapes."""
    rng, dtype = np.random.default_rng(seed), DTYPES[seed % len(DTYPES)]
    for k in rng.permutation(len(SHAPES))[:6]:
        n, m = SHAPES[k]
        x, z, w, r, c, v = (rng.standard_normal(s).astype(dtype) for s in ((n, m), (n, m), (n, m), m, n, n))
        yield [x, z, r, c, rng.integers(0, max(m, 1), n), np.int32(k % 2)], [w, v]


def attempt(call):
    """What a call gives, or the kind of its failure: there is no largest element of nothing."""
    try:
        with np.errstate(all="ignore"):
            return [np.array(value) for value in call()]
    except (ValueError, IndexError) as error:
        return type(error)


def compare(result, expected, seed: int) -> None:
    if isinstance(expected, type) or isinstance(result, type):
        assert result is expected
        return
    tolerance = TOLERANCE[DTYPES[seed % len(DTYPES)]]
    for a, b in zip(result, expected, strict=True):
        assert a.dtype == b.dtype
        largest = np.abs(b, dtype="float64", where=np.isfinite(b), out=np.zeros(b.shape)).max(initial=1)
        np.testing.assert_allclose(a.astype("float64"), b.astype("float64"), rtol=0, atol=tolerance * largest)


def run_as_programs(seed: int) -> None:
    """The program, and its nests joined and split, on memory that buffers share. It is not poisoned: a nest that has
    been joined may read what was in a slot that another buffer has been given, but that nobody has written yet."""
    inputs, outputs, updates, variables = made(seed)
    maker = function(inputs, outputs, updates=updates, on_unused_input="ignore").maker
    program, lowered = maker.code.lowered.program, maker.code.lowered
    buffers = {b.name: b for b in program.buffers}
    joined = spec.check(join_points(program, lambda nest: has_kernel(nest, buffers) and in_groups(nest, buffers),
                                    lambda buffer: True))
    split = spec.check(split_sums(joined, lambda buffer: True))
    ways = [Interpreter(p, lowered.constants, lowered.pycalls, sharing=True) for p in (program, split)]
    for values, states in values_for(seed):
        named, rest = dict(zip("wv", states)), iter(values)
        given = [named[i.name] if i.name in named else next(rest) for i in maker.fgraph.inputs]

        def call(way):
            results, new = way.run([np.copy(value) for value in given])
            return [*results, *new]

        expected, result = (attempt(lambda: call(way)) for way in ways)
        compare(result, expected, seed)


def run_on_device(seed: int, monkeypatch) -> None:
    """The function on the host and on the device."""
    found = []
    for where in (None, ShimDevice()):
        with use(where):
            inputs, outputs, updates, variables = made(seed)
            f = function(inputs, outputs, updates=updates, on_unused_input="ignore")
            found.append([])
            for k, (values, states) in enumerate(values_for(seed)):
                monkeypatch.setenv("SHIM_ORDER", ORDERS[(seed + k) % len(ORDERS)])
                for variable, state in zip(variables, states):
                    variable.set_value(state)
                found[-1].append(attempt(lambda: [*f(*values), *(variable.get_value() for variable in variables)]))
    for expected, result in zip(*found, strict=True):
        compare(result, expected, seed)


@pytest.mark.parametrize("seed", range(8))
def test_programs(seed):
    run_as_programs(seed)


@pytest.mark.parametrize("seed", range(100, 103))
def test_functions(seed, monkeypatch):
    run_on_device(seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400, 20))
def test_many_programs(seed):
    for each in range(seed, seed + 20):
        run_as_programs(each)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2060))
def test_many_functions(seed, monkeypatch):
    run_on_device(seed, monkeypatch)
