"""Errors at run time name the shapes of all operands, the line of the node and the lines that made its operands: in C,
interpreted, node by node, and inside of loops, whatever rewriting has made of the graph."""
from __future__ import annotations

import re

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor import Mode, function, shared

MODES = {"FAST_RUN": "FAST_RUN", "C": Mode("cvm", "fast_compile"), "FAST_COMPILE": "FAST_COMPILE",
         "perform": Mode("perform", "fast_compile")}

x = T.fmatrix("x")
y = T.fmatrix("y")
v = T.fvector("v")
W = shared(np.ones((2, 2), "float32"), "W")
bias = shared(np.ones(3, "float32"), "bias")
GIVEN = {x: np.ones((3, 4), "float32"), y: np.ones((5, 6), "float32"), v: np.ones(7, "float32")}


class Unlucky(symtensor.Op):
    """A user's own op."""

    __props__ = ()

    def make_node(self, a):
        return symtensor.Apply(self, [a], [a.type()])

    def perform(self, node, inputs, outputs):
        raise ValueError("bad luck")


squashed = T.exp(x)
tanned = T.tanh(y)
total = squashed + tanned
product = T.dot(squashed, tanned)
scaled = 0.5 * T.dot(squashed, tanned)
joined = T.concatenate([squashed, tanned], axis=0)
reshaped = squashed.reshape((5, 5))
written = T.set_subtensor(squashed[1], v)
collected = T.inc_subtensor(squashed[[0, 1]], tanned)
chosen = T.switch(squashed > 1, squashed, tanned)
layer = T.nnet.sigmoid(T.dot(x, W) + bias)
biased = squashed + bias
softened = T.nnet.softmax(squashed)
difference = softened - tanned
squares = T.sqr(difference).mean()
picked = squashed[10]
spread = T.dot(squashed, v)
unlucky = Unlucky()(squashed)
inner = T.fmatrix("inner")
raised = inner + T.exp(y)
op = symtensor.OpFromGraph([inner, y], [raised])
applied = op(squashed, y)
gradient = T.grad(T.sqr(product - 1).sum(), x)


def add_in_step(row, state):
    wide = T.tanh(row)
    narrow = T.dot(y, state)
    return wide + narrow


def product_that_leaves(row, state):
    moved = T.dot(y, row)
    return moved + state


def map_in_step(row):
    doubled = row * 2
    return doubled + v


def growing(row, state):
    longer = T.concatenate([state, row])
    return longer


def index_in_step(i, state):
    one = v[i]
    return state + one


def python_in_step(row):
    bad = Unlucky()(row)
    return bad


zeros = T.zeros_like(y[0])
added, _ = symtensor.scan(add_in_step, sequences=[x], outputs_info=[zeros])
moved_out, _ = symtensor.scan(product_that_leaves, sequences=[x], outputs_info=[T.zeros_like(v)])
mapped, _ = symtensor.scan(map_in_step, sequences=[x])
grown, _ = symtensor.scan(growing, sequences=[x], outputs_info=[T.zeros_like(v)])
indexed, _ = symtensor.scan(index_in_step, sequences=[T.arange(10)], outputs_info=[T.zeros((), "float32")])
called, _ = symtensor.scan(python_in_step, sequences=[x])

EXP = "squashed = T.exp(x)"
TANH = "tanned = T.tanh(y)"
# the result, the kind of error, the line of the node, (shape, line) of operands that must be named
CASES = {
    "elementwise": (total * 2, ValueError, "total = squashed + tanned", [((3, 4), EXP), ((5, 6), TANH)]),
    "reduced": (total.sum(axis=0), ValueError, "total = squashed + tanned", [((3, 4), EXP), ((5, 6), TANH)]),
    "dot": (product + 1, ValueError, "product = T.dot(squashed, tanned)", [((3, 4), EXP), ((5, 6), TANH)]),
    "gemm": (scaled + x, ValueError, "scaled = 0.5 * T.dot(squashed, tanned)", [((3, 4), EXP), ((5, 6), TANH)]),
    "gemv": (spread * 2, ValueError, "spread = T.dot(squashed, v)", [((3, 4), EXP), ((7,), "v = T.fvector")]),
    "join": (joined, ValueError, "joined = T.concatenate", [((3, 4), EXP), ((5, 6), TANH)]),
    "reshape": (reshaped, ValueError, "reshaped = squashed.reshape", [((3, 4), "")]),
    "set_subtensor": (written, ValueError, "written = T.set_subtensor", [((3, 4), EXP), ((7,), "v = T.fvector")]),
    "inc_subtensor": (collected, ValueError, "collected = T.inc_subtensor", [((3, 4), EXP), ((5, 6), TANH)]),
    "switch": (chosen, ValueError, "chosen = T.switch", [((3, 4), EXP), ((5, 6), TANH)]),
    "shared": (layer, ValueError, "layer = T.nnet.sigmoid(", [((3, 4), "x = T.f"), ((2, 2), "W = ")]),
    "broadcast": (T.tanh(biased), ValueError, "biased = squashed + bias", [((3, 4), EXP), ((1, 3), "bias = shared")]),
    "softmax": (squares, ValueError, "difference = softened - tanned", [((3, 4), "softened = "), ((5, 6), TANH)]),
    "index": (picked.sum(), IndexError, "picked = squashed[10]", [((3, 4), "")]),
    "gradient": (gradient, ValueError, "product = T.dot(squashed, tanned)", [((3, 4), EXP), ((5, 6), TANH)]),
    "op of the user's": (unlucky, ValueError, "unlucky = Unlucky()(squashed)", [((3, 4), EXP)]),
    "graph as an op": (applied * 2, ValueError, "raised = inner + T.exp(y)", [((5, 6), "raised = ")]),
    "sum in a step": (
        added, ValueError, "narrow = T.dot(y, state)|return wide + narrow", [((4,), "wide = T.tanh(row)")]),
    "product out of a loop": (moved_out, ValueError, "moved = T.dot(y, row)", []),
    "map": (mapped, ValueError, "return doubled + v", [(None, "doubled = row * 2"), (None, "v = T.fvector")]),
    "rows that grow": (grown, ValueError, "longer = T.concatenate|grown, _ = symtensor.scan", []),
    "index in a step": (indexed, IndexError, "one = v[i]", [((7,), "v = T.fvector")]),
    "op of the user's in a step": (called, ValueError, "bad = Unlucky()(row)", []),
}


@pytest.fixture(params=list(MODES))
def mode(request):
    return MODES[request.param]


def message_of(result, kind, mode):
    given = [i for i in GIVEN if i in symtensor.gof.graph.ancestors([result])]
    f = function(given, result, mode=mode)
    with pytest.raises(kind) as caught:
        f(*[GIVEN[i] for i in given])
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_lines_and_shapes(case, mode):
    result, kind, line, operands = CASES[case]
    text = message_of(result, kind, mode)
    made = re.findall(r"^(?:Made|and) by: (.*?)  \(File \"(.*?)\"", text, re.MULTILINE)
    assert made and made[0][1] == __file__, text
    assert any(found.startswith(option) for option in line.split("|") for found, _ in made[:1]), text
    told = [entry for entry in text.splitlines() if entry.startswith("Operand ")]
    for shape, source in operands:
        sized = [entry for entry in told if shape is None or f"shape {shape}" in entry]
        assert any(f"made by: {source}" in entry for entry in sized), text


def test_loops_say_which(mode):
    text = message_of(indexed, IndexError, mode)
    assert re.search(r"^Inside of: for\{cpu,scan_fn\}, made by: indexed, _ = symtensor.scan", text, re.MULTILINE)


def test_functions_made_alike_keep_their_own_lines():
    def of_one_kind(one):
        a, b = T.fmatrix("a"), T.fmatrix("b")
        if one:
            c = a + b  # first
        else:
            c = a + b  # second
        return function([a, b], c)

    for one, word in ((True, "first"), (False, "second")):
        with pytest.raises(ValueError, match=f"c = a . b  # {word}"):
            of_one_kind(one)(GIVEN[x], GIVEN[y])


def test_numbers_as_arguments(mode):
    i = T.lscalar("i")
    f = function([x, i], x[:i] + x[:2], mode=mode)
    with pytest.raises(ValueError, match=r"f = function.*\n.*shape \(3, 4\).*\n.*shape \(2, 4\)"):
        f(GIVEN[x], 3)


def test_what_is_told_is_not_kept():
    f = function([x], unlucky)
    with pytest.raises(ValueError) as caught:
        f(GIVEN[x])
    assert "_blamed" not in caught.value.__dict__


n, k = T.lscalar("n"), T.lscalar("k")
FAR = 2 ** 62
# what is made, arguments, the shape that the message names
SIZES = {
    "zeros": (T.zeros((n, k)), (2 ** 40, 2 ** 40), (2 ** 40, 2 ** 40)),
    "zeros, product 0 in 64 bits": (T.zeros((n, k)), (FAR, 4), (FAR, 4)),
    "zeros below 0": (T.zeros((n, k)), (3, -1), (3, -1)),
    "zeros below 0 twice": (T.zeros((n, k)), (-3, -3), (-3, -3)),
    "alloc": (T.alloc(np.float32(1), n, k) + 1, (FAR, 4), (FAR, 4)),
    "alloc below 0": (T.alloc(np.float32(1), n, k) + 1, (-1, 4), (-1, 4)),
    "arange": (T.arange(n), (FAR, 0), (FAR,)),
    "eye": (T.eye(n, k), (2 ** 40, 2 ** 40), (2 ** 40, 2 ** 40)),
    "tri": (T.tri(n, k), (2 ** 40, 2 ** 40), (2 ** 40, 2 ** 40)),
    "tile": (T.tile(T.ones((3,)), (n, k), ndim=2), (2 ** 40, 2 ** 40), (2 ** 40, 2 ** 40)),
    "repeat": (T.repeat(T.ones((3,)), n), (FAR, 0), (3, FAR)),
    "outer": (T.outer(T.zeros((n,)), T.zeros((k,))), (2 ** 40, 2 ** 40), (2 ** 40, 2 ** 40)),
    "join": (T.concatenate([T.zeros((n,)), T.zeros((k,))]), (FAR, FAR), (FAR,)),
    "broadcast": (T.zeros((n, 1)) + T.zeros((1, k)), (2 ** 33, 2 ** 33), (2 ** 33, 2 ** 33)),
    "steps": (symtensor.scan(lambda a: a * 2, outputs_info=[T.ones((3,))], n_steps=n)[0], (FAR, 0), None),
    "rows": (symtensor.scan(lambda i: T.zeros((k,)) * i, sequences=[T.arange(n)])[0], (2, -1), None),
}


@pytest.mark.parametrize("engine", ["FAST_RUN", "C", "FAST_COMPILE"])
@pytest.mark.parametrize("case", SIZES)
def test_sizes_that_cannot_be(case, engine):
    result, arguments, shape = SIZES[case]
    f = function([n, k], result, mode=MODES[engine], on_unused_input="ignore")
    with pytest.raises((MemoryError, ValueError)) as caught:
        f(*arguments)
    text = str(caught.value)
    assert f'"{case}": (' in text and __file__ in text, text
    negative = "negative dimensions are not allowed" in text
    assert negative == (min(arguments) < 0) and isinstance(caught.value, ValueError if negative else MemoryError)
    if shape is not None:
        assert ", ".join(map(str, shape)) in text.splitlines()[0], text


m, counts = T.dmatrix("m"), T.lvector("counts")
# what 64 bits make of these products and sums would fit
WRAPPED = {
    "reshape": (m.reshape((n, k))[-1, -1], [(np.ones((2, 4)), 2 ** 62 + 2, 4, [1]),
                                            (np.ones((0, 4)), 2 ** 33, 2 ** 31, [1])]),
    "reshape and infer": (m.reshape((n, k, -1)).sum(), [(np.ones((0, 4)), 2 ** 33, 2 ** 31, [1])]),
    "repeat": (T.repeat(m, counts, axis=0).sum(), [(np.ones((4, 1)), 1, 1, [FAR] * 4),
                                                   (np.ones((4, 1)), 1, 1, [FAR, FAR, FAR, FAR + 3]),
                                                   (np.ones((32, 1)), 1, 1, [2 ** 59])]),
}


@pytest.mark.parametrize("engine", ["FAST_RUN", "C", "FAST_COMPILE"])
@pytest.mark.parametrize("case", WRAPPED)
def test_sizes_that_64_bits_do_not_hold(case, engine):
    result, calls = WRAPPED[case]
    f = function([m, n, k, counts], result, mode=MODES[engine], on_unused_input="ignore")
    for arguments in calls:
        with pytest.raises((MemoryError, ValueError)):
            f(*arguments)
