"""`Composite`: printing, values, retyping, equality, derivatives, depth."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

from symtensor import scalar as s
from symtensor.graph.null_type import DisconnectedType


@pytest.fixture
def xy():
    return s.floats("xy")


def test_prints_as_theano(xy):
    x, y = xy
    z = x * y
    expected = {
        "Composite{((i0 * i1) + tanh((i0 * i1)))}": [z + s.tanh(z)],
        "Composite{((i0 * i1) + (i0 * i1)), (i0 * i1)}": [z + z, z],
        "Composite{(((exp((i0 * i1)) * exp((i0 * i1))) * (i0 * i1)) - (-(i0 * i1)))}": [s.exp(z) * s.exp(z) * z - (-z)],
        "Composite{((i0 * i1) + (i1 * Constant{2}))}": [s.Composite([x, y], [x + y * 2])(z, y)],
        "Composite{Switch(LT(i0, i1), i0, i1)}": [s.switch(x < y, x, y)],
        "Composite{(i0 ** i1), identity(i0), (i0 + i1 + i0), (i0 - (i1 - i0)), ((Abs(i0) // i1) % i0), "
        "Invert(Cast{int8}(i0))}": [x**y, s.identity(x), s.add(x, y, x), s.sub(x, y - x), abs(x) // y % x,
                                    s.invert(s.cast(x, "int8"))],
    }
    for text, outputs in expected.items():
        made = s.Composite([x, y], outputs)
        assert str(made) == text and made.nin == 2 and made.nout == len(outputs)


def test_values(xy):
    x, y = xy
    made = s.Composite([x, y], [x * y + s.tanh(x * y), x - y * 2])
    a, b = np.linspace(-1, 1, 5), np.linspace(3, 4, 5)
    first, second = s.evaluate(made, [a, b], ["float64", "float64"])
    np.testing.assert_allclose(first, a * b + np.tanh(a * b))
    np.testing.assert_allclose(second, a - 2 * b)
    assert made.impl(1.0, 2.0) == [2.0 + np.tanh(2.0), -3.0]
    storage = [[None], [None]]
    made.perform(made.make_node(x, y), [np.float64(1), np.float64(2)], storage)
    assert storage[1][0] == -3.0


def test_other_dtypes_make_another_composite(xy):
    x, y = xy
    made = s.Composite([x, y], [x + y * 2, x < y])
    outputs = made(s.int8(), s.float32())
    assert [v.dtype for v in outputs] == ["float32", "bool"]
    assert outputs[0].owner.op != made
    with pytest.raises(TypeError, match="Wrong types for Composite"):
        made.output_types([s.int8, s.float32])
    with pytest.raises(TypeError, match="Wrong number of inputs"):
        made(x)


def test_equality_ignores_names_and_shares_equal_nodes(xy):
    x, y = xy
    z = x * y
    one = s.Composite([x, y], [z + s.tanh(z), x - y * 2])
    other = s.Composite([y, x], [y * x + s.tanh(y * x), y - x * 2])
    assert one == other and hash(one) == hash(other)
    assert one != s.Composite([x, y], [z + s.tanh(z), x - y * 3])
    assert s.Composite([x], [x + 0.0]) != s.Composite([x], [x + -0.0])
    assert len(other.fgraph.toposort()) == 5
    assert pickle.loads(pickle.dumps(one)) == one


def test_inner_composites_are_spread_out(xy):
    x, y = xy
    inner = s.Composite([x, y], [x + y, x - y])
    outer = s.Composite([x, y], [inner(x * y, y)[1] * 3, inner(x * y, y)[0]])
    assert not any(isinstance(node.op, s.Composite) for node in outer.fgraph.toposort())
    assert outer.impl(2.0, 5.0) == [15.0, 15.0]


def test_refusals(xy):
    x, y = xy
    with pytest.raises(AssertionError):
        s.Composite([x], [x])
    with pytest.raises(Exception) as caught:
        s.Composite([x], [x + y])
    assert type(caught.value).__name__ == "MissingInputError"


def test_gradient(xy):
    x, y = xy
    made = s.Composite([x, y], [x * y + s.tanh(x), s.second(y, x), x < y])
    outputs = made(x, y)
    g = s.floats("gh")
    gx, gy = made.L_op([x, y], outputs, [g[0], g[1], DisconnectedType()()])
    function = s.Composite([x, y, *g], [gx, gy])
    at = 0.3, 1.7, 2.0, 5.0
    np.testing.assert_allclose(function.impl(*at), [2.0 * (1.7 + 1 - np.tanh(0.3) ** 2) + 5.0, 2.0 * 0.3])
    only = s.Composite([x, y], [s.exp(x), s.exp(y)])
    gx, gy = only.L_op([x, y], only(x, y), [g[0], DisconnectedType()()])
    assert isinstance(gy.type, DisconnectedType) and gx.dtype == "float64"


def test_deep_and_wide_composites_do_not_recurse(xy):
    x, _ = xy
    z = x
    for _ in range(5000):
        z = z + x
    made = s.Composite([x], [z])
    assert made.impl(1.0) == 5001.0
    doubled = x
    for _ in range(60):
        doubled = doubled + doubled
    assert s.Composite([x], [doubled]).impl(1.0) == 2.0**60
