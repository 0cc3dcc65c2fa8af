"""Evaluating graphs op by op with `perform`, and the laws that every op obeys.

`evaluate` runs a graph and checks on the way that every result fits its variable's type and the shape that
`infer_shape` promised. `check_gradient` compares symbolic gradients with differences. `text` draws a graph for
comparison with recorded ones.
"""
from __future__ import annotations

import numpy as np

from symtensor.gradient import grad
from symtensor.graph.basic import Constant
from symtensor.graph.traversal import io_toposort
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.type import TensorType


def _run(outputs, given):
    values = {v: v.type.filter(np.asarray(value, dtype=v.type.dtype)) for v, value in given.items()}
    order = io_toposort(list(values), list(outputs))
    for node in order:
        inputs = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
        storage = [[None] for _ in node.outputs]
        node.op.perform(node, inputs, storage)
        for variable, cell in zip(node.outputs, storage):
            values[variable] = cell[0]
    return order, values


def evaluate(output, given, laws=True):
    """The value of a variable, for values of the inputs of its graph (a list of variables gives a list)."""
    outputs = output if isinstance(output, (list, tuple)) else [output]
    order, values = _run(outputs, given)
    if laws:
        shapes_hold(order, values, given)
    results = [v.data if isinstance(v, Constant) else values[v] for v in outputs]
    return results if isinstance(output, (list, tuple)) else results[0]


def shapes_hold(order, values, given):
    """Every result has the type, and the shape that `infer_shape` says, of its variable."""
    env = ShapeEnv(given)
    for node in order:
        for variable in node.outputs:
            value = values[variable]
            if not isinstance(variable.type, TensorType):
                continue
            assert isinstance(value, np.ndarray), (node, type(value))
            assert value.dtype == variable.type.dtype and value.ndim == variable.type.ndim, (node, value.dtype)
            for length, one in zip(value.shape, variable.type.broadcastable):
                assert length == 1 or not one, (node, value.shape, variable.type)
            lengths = env.shape(variable)
            assert all(n.type.dtype == "int64" and n.type.ndim == 0 for n in lengths), (node, lengths)
            unknown = [n for n in lengths if not isinstance(n, Constant)]
            _, known = _run(unknown, {**given, **{v: values[v] for v in node.outputs if v in values}})
            found = tuple(int(n.data) if isinstance(n, Constant) else int(known[n]) for n in lengths)
            assert found == value.shape, (node, found, value.shape)


def check_gradient(build, *values, rng, eps=1e-6, tolerance=1e-5):
    """Symbolic gradients of sum(random weights * build(*variables)) against differences, for float64 arrays."""
    variables = [TensorType("float64", [False] * np.ndim(v))() for v in values]
    _check_gradient(build, variables, values, rng, eps, tolerance)


def check_gradient_of(build, variables, values, rng, eps=1e-6, tolerance=1e-5):
    """As `check_gradient`, for variables of any type."""
    _check_gradient(build, variables, values, rng, eps, tolerance)


def _check_gradient(build, variables, values, rng, eps, tolerance):
    out = build(*variables)
    given = {v: np.array(x, dtype=v.type.dtype) for v, x in zip(variables, values)}
    weights = rng.uniform(0.5, 1.5, size=evaluate(out, given).shape)
    cost = (out * TensorType("float64", out.type.broadcastable).make_constant(weights)).sum()
    gradients = grad(cost, variables)
    found = evaluate(gradients, given)
    for variable, gradient, symbolic in zip(variables, found, gradients):
        assert symbolic.type.broadcastable == variable.type.broadcastable
        x = given[variable]
        expected = np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            sides = []
            for sign in (1, -1):
                moved = x.copy()
                moved[place] += sign * eps
                sides.append(evaluate(cost, {**given, variable: moved}, laws=False))
            expected[place] = (sides[0] - sides[1]) / (2 * eps)
        np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


def text(variable) -> str:
    """A graph as nested calls: `dot(x, InplaceDimShuffle{1,0}(x))`."""
    if variable.owner is None:
        return str(variable)
    arguments = ", ".join(text(v) for v in variable.owner.inputs)
    port = f".{variable.index}" if len(variable.owner.outputs) > 1 else ""
    return f"{variable.owner.op}{port}({arguments})"
