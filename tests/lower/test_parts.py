"""Values that are only read in parts: computed where these are read if that does no work twice, with equal results."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.ir.nodes import Nest
from symtensor.ir.walk import statements

MODES = ["FAST_RUN", "FAST_COMPILE", "DebugMode"]


def gates(z, n):
    return T.tanh(z[:, :n]) * z[:, n:2 * n] + T.exp(z[:, 2 * n:])


SUMS = {  # of x (rows, 9), y (rows, 9), a row, a column, a vector
    "sum": lambda x, y, r, c, v: x + y,
    "broadcast": lambda x, y, r, c, v: x * r + c,
    "vector": lambda x, y, r, c, v: T.tanh(x + v),
    "product": lambda x, y, r, c, v: T.dot(x, T.dot(x.T, y)) + v,
    "row and column": lambda x, y, r, c, v: (r + c) * 2,
}
READ = {  # how the value is read, and how many nests are left for "sum"
    "gates": (lambda z: gates(z, 3), 1),
    "split": (lambda z: T.mul(*T.split(z, [3, 3, 3], 3, axis=1)), 1),
    "rows": (lambda z: z[0] * z[1], 1),
    "column and rest": (lambda z: [z[:, 0] * 2, z[:, 1:] * 2], 2),
    "sums": (lambda z: [z[:, :4].sum(axis=0), z[:, 4:].prod(axis=1)], 2),
    "every second": (lambda z: z[:, 1::2] - z[:, :8:2], 1),
    "unknown bound": (lambda z: [T.exp(z[:z.shape[0] // 2]), T.exp(z[z.shape[0] // 2:])], 2),
    "overlapping": (lambda z: z[:, :5] * z[:, 4:], 2),
    "all of it too": (lambda z: [z, T.exp(z[:, :3]) * z[:, 3:6]], 2),
    "a column for every element": (lambda z: z[:, 0].dimshuffle(0, "x") * z[:, 1:], 2),
    "a column added to rows": (lambda z: z[:, 0] + z[:, 1:].sum(axis=1), None),
    "parts as results": (lambda z: [z[:, :3], z[:, 3:]], None),
    "backwards": (lambda z: z[:, ::-1] * 2, None),
}


def given(dtype, rows=4):
    made = [T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.row(dtype=dtype), T.col(dtype=dtype), T.vector(dtype=dtype)]
    rng = np.random.default_rng(3)
    shapes = [(rows, 9), (rows, 9), (1, 9), (rows, 1), (9,)]
    return made, [rng.uniform(-1, 1, size=shape).astype(dtype) for shape in shapes]


def as_list(found):
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(read, dtype):
    for rows in (4, 2):
        variables, values = given(dtype, rows)
        outputs = [out for name in SUMS for out in as_list(READ[read][0](SUMS[name](*variables)))]
        results = [symtensor.function(variables, outputs, mode=mode, on_unused_input="ignore")(*values)
                   for mode in MODES]
        for found in results[1:]:
            for one, other in zip(found, results[0]):
                assert one.dtype == other.dtype and one.shape == other.shape
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("read", [name for name, (_, count) in READ.items() if count is not None])
def test_passes(read):
    variables, _ = given("float64")
    f = symtensor.function(variables, READ[read][0](SUMS["sum"](*variables)), on_unused_input="ignore")
    assert sum(isinstance(s, Nest) for s in statements(f.maker.code.lowered.program.body)) == READ[read][1]


@pytest.mark.parametrize("mode", MODES)
def test_errors_stay(mode):
    variables, values = given("float64")
    f = symtensor.function(variables, gates(variables[0] + variables[1], 3), mode=mode, on_unused_input="ignore")
    with pytest.raises(ValueError, match="mis-match"):
        f(values[0], values[1][:3], *values[2:])
    with pytest.raises(ValueError, match="mis-match"):
        f(values[0][:, :8], values[1][:, :8], *values[2:])  # parts of unequal sizes


def test_large_nests_are_not_made_larger():
    x = T.dmatrix("x")
    z = x
    for _ in range(20):
        z = T.tanh(z * 2 + x)
    f = symtensor.function([x], gates(z, 3))
    assert sum(isinstance(s, Nest) for s in statements(f.maker.code.lowered.program.body)) == 2
