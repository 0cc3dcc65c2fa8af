"""Where plain arithmetic overflows or loses all digits, the compiled expression has the right value."""
from __future__ import annotations

import math

import numpy as np
import pytest
from rule_scope import Variables, performed

from symtensor.config import change_flags
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.optdb import Query
from symtensor.rewrite.pipeline import optimize

inf = math.inf

# expression of x (and y), values of x (and y), the exact results
EXTREMES = [
    ("T.log(1 + T.exp(x))", [1000.0, -1000.0, 0.0, -40.0], [1000.0, 0.0, math.log(2), 4.248354255291589e-18]),
    ("T.log(1 + x)", [1e-20, -1e-20, 0.0], [1e-20, -1e-20, 0.0]),
    ("T.log(1 - x)", [1e-20, -1e-20], [-1e-20, 1e-20]),
    ("T.exp(x) - 1", [1e-20, -1e-20, -800.0], [1e-20, -1e-20, -1.0]),
    ("T.log(N.sigmoid(x))", [-1000.0, 1000.0, -50.0], [-1000.0, 0.0, -50.0]),
    ("T.log(1 - N.sigmoid(x))", [1000.0, -1000.0, 50.0], [-1000.0, 0.0, -50.0]),
    ("1 - N.sigmoid(x)", [50.0, 700.0], [1.9287498479639178e-22, 9.8596765437597708e-305]),
    ("1 / (1 + T.exp(x))", [1000.0, -1000.0, 50.0], [0.0, 1.0, 1.9287498479639178e-22]),
    ("T.exp(x) / (1 + T.exp(x))", [1000.0, -1000.0], [1.0, 0.0]),
    ("T.log(T.exp(x) + T.exp(y))", [[1000.0, -1000.0, -inf, 3.0, inf], [1000.0, -1001.0, -inf, -inf, 0.0]],
     [1000.0 + math.log(2), -1000.0 + math.log1p(math.exp(-1)), -inf, 3.0, inf]),
    ("1 - T.erf(x)", [10.0, 6.0], [2.088487583762545e-45, 2.1519736712498913e-17]),
    ("1 - T.erfc(x)", [1e-20], [1.1283791670955126e-20]),
    ("T.log(T.erfc(x))", [30.0, 100.0, -3.0], [-903.9741171106439, -10005.177585122665, 0.6931361352504469]),
    ("T.log(1 - T.exp(x))", [-1e-20, -1000.0, -0.5], [math.log(1e-20), 0.0, math.log(-math.expm1(-0.5))]),
    ("T.log(T.exp(x).sum())", [1000.0, 999.0, -1000.0], 1000.0 + math.log1p(math.exp(-1))),
    ("T.log(T.exp(x).sum())", [-1000.0, -1000.0], -1000.0 + math.log(2)),
    ("T.log(T.exp(x).sum())", [-inf, -inf], -inf),
    ("T.log(T.exp(x).sum())", [inf, 1.0], inf),
    ("T.log(N.softmax(x.dimshuffle('x', 0)))[0]", [1000.0, 0.0, -1000.0], [0.0, -1000.0, -2000.0]),
    ("T.grad(T.log(N.softmax(x.dimshuffle('x', 0)))[0, 1], x)", [1000.0, 0.0], [-1.0, 1.0]),
    ("T.grad(T.log(1 + T.exp(x)).sum(), x)", [1000.0, -1000.0, 0.0], [1.0, 0.0, 0.5]),
    ("T.grad(N.binary_crossentropy(N.sigmoid(x), y).sum(), x)", [[1000.0, -1000.0, 0.0], [0.0, 1.0, 0.25]],
     [1.0, -1.0, 0.25]),
    ("N.binary_crossentropy(N.sigmoid(x), y)", [[800.0, -800.0], [0.0, 1.0]], [800.0, 800.0]),
    ("T.grad(T.log(T.erfc(x)).sum(), x)", [40.0, -3.0], [-80.02498439935778, -6.962729502414981e-05]),
    ("T.sqrt(T.sqr(x))", [1e200, -1e-200], [1e200, 1e-200]),
    ("T.log(T.exp(x))", [1000.0, -1000.0], [1000.0, -1000.0]),
]


@pytest.mark.parametrize("include", ["fast_run", "fast_compile"])
@pytest.mark.parametrize("text, values, expected", EXTREMES)
def test_extremes(text, values, expected, include, rng):
    if include == "fast_compile" and text in (
            "T.sqrt(T.sqr(x))", "T.log(T.exp(x))", "T.grad(N.binary_crossentropy(N.sigmoid(x), y).sum(), x)"):
        pytest.skip("not a rule of every mode")
    scope = Variables("float64", rng)
    outputs = scope.outputs(text)
    x, y = scope.variables["x"], scope.variables["y"]
    fgraph = FunctionGraph([x, y], outputs, clone=True)
    with change_flags(on_opt_error="raise"):
        optimize(fgraph, Query(include=[include]))
    given = values if isinstance(values[0], list) else [values, [0.0] * len(values)]
    (got,) = performed(fgraph.inputs, fgraph.outputs, [np.array(v) for v in given])
    np.testing.assert_allclose(got, expected, rtol=1e-13, err_msg=str(fgraph))


@pytest.mark.parametrize("logs", ["T.log(N.softmax(m))[arange(si(y1, 0)), y1]",
                                  "T.log(N.softmax(m)[arange(si(y1, 0)), y1])",
                                  "T.log(N.softmax(m)[T.arange(y1.shape[0]), y1])",
                                  "-N.categorical_crossentropy(N.softmax(m), y1)"])
def test_crossentropy_with_impossible_classes(logs, rng):
    scope = Variables("float64", rng)
    outputs = scope.outputs(f"[({logs}).sum(), T.grad(({logs}).sum(), m)]")
    m, y1 = scope.variables["m"], scope.variables["y1"]
    fgraph = FunctionGraph([m, y1], outputs, clone=True)
    with change_flags(on_opt_error="raise"):
        optimize(fgraph, Query(include=["fast_run"]))
    scores = np.array([[2000.0, 0.0], [0.0, 3000.0]])
    cost, gradient = performed(fgraph.inputs, fgraph.outputs, [scores, np.array([1, 0])])
    np.testing.assert_array_equal(cost, -5000.0)
    np.testing.assert_array_equal(gradient, [[-1.0, 1.0], [1.0, -1.0]])
