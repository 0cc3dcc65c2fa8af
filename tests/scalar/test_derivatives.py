"""Derivatives of all rows against finite differences, and their unoptimised form against Theano 1.0.5's."""
from __future__ import annotations

import re

import numpy as np
import pytest

from symtensor.config import config
from symtensor.graph.basic import Constant
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.traversal import io_toposort
from symtensor.scalar import basic as s
from symtensor.scalar import evaluate
from symtensor.scalar.table import ROWS
from symtensor.scalar.type import operators

INFIX = {"add": "+", "sub": "-", "mul": "*", "true_div": "/", "int_div": "//", "pow": "**", "mod": "%"}


def op_of(name):
    if name.startswith("in"):
        special = {"inopenrange": (1, 1), "inclosedrange": (0, 0), "inrange_open_closed": (1, 0),
                   "inrange_closed_open": (0, 1)}
        if name in special:
            return s.InRange(*map(bool, special[name]))
    return operators[name]


def value_of(outputs, values):
    """The values of scalar variables, given those of the inputs."""
    known = dict(values)
    for node in io_toposort(list(values), outputs):
        arguments = [x.data if isinstance(x, Constant) else known[x] for x in node.inputs]
        known.update(zip(node.outputs, evaluate(node.op, arguments, [v.type.dtype for v in node.outputs])))
    return [x.data if isinstance(x, Constant) else known[x] for x in outputs]


def text(variable):
    """The expression as Theano's pp would print it (constants in braces)."""
    if variable.owner is None:
        return str(variable).replace("Constant{", "{") if isinstance(variable, Constant) else str(variable)
    name = variable.owner.op.row_name
    inner = [text(x) for x in variable.owner.inputs]
    if name in INFIX:
        return "(" + f" {INFIX[name]} ".join(inner) + ")"
    if name == "neg":
        return f"(-{inner[0]})"
    return f"{variable.owner.op}({', '.join(inner)})"


def gradients(op, dtypes, gradient_dtype=None):
    inputs = [s.get_scalar_type(d)(n) for d, n in zip(dtypes, "abc")]
    output = op(*inputs)
    gz = s.get_scalar_type(gradient_dtype or output.dtype)("g")
    return inputs, output, gz, op.L_op(inputs, [output], [gz])


# Inside the domain and away from kinks, for each operand in turn.
DOMAIN = {
    "arccosh": [1.3, 2.7, 8.1], "arcsin": [-0.7, 0.1, 0.6], "arccos": [-0.7, 0.1, 0.6], "arctanh": [-0.7, 0.1, 0.6],
    "erfinv": [-0.7, 0.1, 0.6], "erfcinv": [0.3, 1.1, 1.6], "log": [0.2, 1.3, 5.0], "log2": [0.2, 1.3, 5.0],
    "log10": [0.2, 1.3, 5.0], "log1p": [-0.6, 0.3, 5.0], "sqrt": [0.2, 1.3, 5.0], "gamma": [0.4, 1.3, 4.2],
    "gammaln": [0.4, 1.3, 4.2], "psi": [0.4, 1.3, 4.2], "xlogx": [0.4, 1.3, 4.2], "xlogy0": [0.4, 1.3, 4.2],
    "pow": [0.4, 1.3, 2.2], "gammainc": [0.4, 1.3, 4.2], "gammaincc": [0.4, 1.3, 4.2], "gammal": [0.4, 1.3, 4.2],
    "gammau": [0.4, 1.3, 4.2], "chi2sf": [0.4, 1.3, 4.2], "jv": [0.4, 1.3, 4.2], "iv": [0.4, 1.3, 4.2],
}
SMOOTH = [n for n in sorted(ROWS) if ROWS[n].grad is not None and ROWS[n].nan != "none"
          and n not in ("complex", "complex_from_polar")]


@pytest.mark.parametrize("name", SMOOTH)
def test_finite_differences(name):
    op = op_of(name)
    arity = ROWS[name].arity or (3 if name in ("add", "mul") else 2)
    inputs, output, gz, grads = gradients(op, ["float64"] * arity,
                                          "float64" if ROWS[name].nan == "tests" else None)
    points = DOMAIN.get(name, [-2.3, -0.4, 0.3, 1.7])
    checked = 0
    for i, base in enumerate(points):
        at = [points[(i + k) % len(points)] + 0.01 * k for k in range(arity)]
        if name == "clip":
            at[1:] = sorted(at[1:])
        for k, gradient in enumerate(grads):
            if isinstance(gradient.type, (NullType, DisconnectedType)):
                assert name in ("second", "jv", "iv", "gammainc", "gammaincc", "gammal", "gammau", "chi2sf")
                continue
            assert gradient.dtype == "float64"
            value = value_of([gradient], {**dict(zip(inputs, map(np.float64, at))), gz: np.float64(1.5)})[0]
            step = 1e-5
            ends = []
            for sign in (1, -1):
                moved = [np.float64(v + sign * step * (j == k)) for j, v in enumerate(at)]
                ends.append(float(np.real(evaluate(op, moved, [output.dtype])[0])))
            slope = 1.5 * (ends[0] - ends[1]) / (2 * step)
            if name in ("mod",) and k == 1 and ROWS["int_div"].numpy(at[0], at[1]) != ROWS["int_div"].numpy(*moved):
                continue
            np.testing.assert_allclose(value, slope, rtol=2e-6, atol=2e-7, err_msg=f"{name} input {k} at {at}")
            checked += 1
    assert checked


@pytest.mark.parametrize("name", ["real", "imag", "conj", "angle", "abs_", "neg", "identity", "sqr", "inv", "add",
                                  "sub", "mul", "true_div"])
def test_complex_derivatives(name):
    """d cost / dRe + i d cost / dIm, for cost = Re(conj(w) f(z)) with a fixed w."""
    op = op_of(name)
    arity = ROWS[name].arity or 2
    inputs, output, gz, grads = gradients(op, ["complex128"] * arity)
    at = [np.complex128(0.7 - 1.1j), np.complex128(-1.3 + 0.4j)][:arity]
    weight = np.complex128(0.6 + 0.9j) if output.dtype == "complex128" else np.float64(0.6)
    values = {**dict(zip(inputs, at)), gz: weight}

    def cost(*z):
        return float(np.real(np.conj(weight) * evaluate(op, z, [output.dtype])[0]))

    for k, gradient in enumerate(grads):
        got = value_of([gradient], values)[0]
        want = 0.0
        for direction in (1.0, 1j):
            plus = [z + 1e-6 * direction * (j == k) for j, z in enumerate(at)]
            minus = [z - 1e-6 * direction * (j == k) for j, z in enumerate(at)]
            want += direction * (cost(*plus) - cost(*minus)) / 2e-6
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["complex", "complex_from_polar"])
def test_derivatives_into_complex(name):
    op = op_of(name)
    inputs, output, gz, grads = gradients(op, ["float64", "float64"])
    at, weight = [np.float64(1.2), np.float64(0.4)], np.complex128(0.6 - 0.9j)
    for k, gradient in enumerate(grads):
        assert gradient.dtype == "float64"
        ends = [np.real(np.conj(weight) * evaluate(op, [v + d * (j == k) for j, v in enumerate(at)], ["complex128"])[0])
                for d in (1e-6, -1e-6)]
        got = value_of([gradient], {**dict(zip(inputs, at)), gz: weight})[0]
        np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-6, rtol=1e-7)


# What theano.pp prints for op.L_op, on float64 scalars.
PRINTED = {
    "abs_": ["(g * sgn(a))"],
    "arccos": ["((-g) / sqrt(({1.0} - sqr(a))))"],
    "arccosh": ["(g / sqrt((sqr(a) - {1.0})))"],
    "arcsinh": ["(g / sqrt((sqr(a) + {1.0})))"],
    "arctan": ["(g / ({1.0} + sqr(a)))"],
    "arctan2": ["((g * b) / (sqr(b) + sqr(a)))", "((g * (-a)) / (sqr(b) + sqr(a)))"],
    "arctanh": ["(g / ({1.0} - sqr(a)))"],
    "clip": ["(AND(GE(a, b), LE(a, c)) * g)", "(LT(a, b) * g)", "(GT(a, c) * g)"],
    "cos": ["((-g) * sin(a))"],
    "cosh": ["(g * sinh(a))"],
    "deg2rad": ["(g * {0.017453292519943295})"],
    "exp": ["(g * exp(a))"],
    "exp2": ["((g * exp2(a)) * log({2.0}))"],
    "expm1": ["(g * exp(a))"],
    "floor": ["second(a, {0.0})"],
    "identity": ["g"],
    "inv": ["((-g) / (a * a))"],
    "log": ["(g / a)"],
    "log10": ["(g / (a * {2.302585092994046}))"],
    "log1p": ["(g / ({1} + a))"],
    "log2": ["(g / (a * {0.6931471805599453}))"],
    "maximum": ["(EQ(maximum(a, b), a) * g)", "(({1.0} - EQ(maximum(a, b), a)) * g)"],
    "mod": ["g", "((-(a // b)) * g)"],
    "mul": ["(g * b)", "(g * a)"],
    "neg": ["(-g)"],
    "pow": ["((g * b) * (a ** (b - {1})))", "Switch(EQ(a, {0}), {0}, ((g * log(a)) * (a ** b)))"],
    "rad2deg": ["(g * {57.29577951308232})"],
    "sin": ["(g * cos(a))"],
    "sqr": ["((g * a) * {2})"],
    "sqrt": ["((g * {0.5}) / sqrt(a))"],
    "sub": ["g", "(-g)"],
    "tan": ["(g / sqr(cos(a)))"],
    "tanh": ["(g * ({1} - sqr(tanh(a))))"],
    "true_div": ["(g / b)", "((-(g * a)) / (b * b))"],
    "erf": ["((g * {1.1283791670955126}) * exp(((-a) * a)))"],
    "erfc": ["(((-g) * {1.1283791670955126}) * exp(((-a) * a)))"],
    "erfcx": ["(g * ({-1.1283791670955126} + (({2.0} * a) * erfcx(a))))"],
    "erfinv": ["((g * {0.8862269254527579}) * exp((erfinv(a) ** {2})))"],
    "gamma": ["((g * gamma(a)) * psi(a))"],
    "gammaln": ["(g * psi(a))"],
    "i1": ["((g * (i0(a) + iv({2}, a))) / {2.0})"],
    "j0": ["((g * {-1}) * j1(a))"],
    "j1": ["((g * (j0(a) - jv({2}, a))) / {2.0})"],
    "psi": ["(g * tri_gamma(a))"],
    "sigmoid": ["((g * scalar_sigmoid(a)) * ({1.0} - scalar_sigmoid(a)))"],
    "softplus": ["(g * scalar_sigmoid(a))"],
    "softsign": ["(g / (({1.0} + Abs(a)) * ({1.0} + Abs(a))))"],
    "xlogx": ["(g * ({1} + log(a)))"],
    "xlogy0": ["(g * log(b))", "((g * a) / b)"],
}


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_printed_form_is_theanos(name):
    _, _, _, grads = gradients(op_of(name), ["float64"] * len(PRINTED[name]))
    # 2 / sqrt(pi) is rounded in the last place one way or the other.
    got = [re.sub(r"1\.12837916709551\d+", "C", text(g)) for g in grads]
    assert got == [p.replace("1.1283791670955126", "C") for p in PRINTED[name]]


@pytest.mark.parametrize("name", ["exp", "erf", "log10", "sigmoid", "arccos", "i1", "pow", "maximum", "clip",
                                  "switch", "mod"])
def test_gradients_stay_in_float32(name):
    arity = ROWS[name].arity or 2
    for dtypes in (["float32"] * arity, ["float32"] + ["int8"] * (arity - 1)):
        if name == "switch":
            dtypes = ["bool", "float32", "float32"]
        _, _, _, grads = gradients(op_of(name), dtypes)
        assert {g.dtype for g in grads[1 if name == "switch" else 0:]} == {"float32"}


@pytest.mark.parametrize("name", ["add", "mul", "exp", "sqr", "second", "floor", "pow", "maximum", "sgn"])
def test_integers_have_zero_or_float_gradients(name):
    arity = ROWS[name].arity or 2
    _, output, _, grads = gradients(op_of(name), ["int64"] * arity, config.floatX)
    for g in grads:
        if not isinstance(g.type, DisconnectedType):
            assert g.dtype == "float64"
            if output.dtype == "int64":
                assert text(g) == f"second({'abc'[grads.index(g)]}, {{0.0}})"


def test_disconnected_output_gradient():
    x = s.float64("x")
    (g,) = s.exp.L_op([x], [s.exp(x)], [DisconnectedType()()])
    assert isinstance(g.type, DisconnectedType)


def test_second_is_disconnected_from_its_first_input():
    x, y = s.floats("xy")
    first, last = s.second.L_op([x, y], [s.second(x, y)], [y])
    assert isinstance(first.type, DisconnectedType) and last is y
    assert s.second.connection_pattern(None) == [[False], [True]]


def test_what_nobody_derived_is_null_or_raises():
    v, x = s.floats("vx")
    order, argument = operators["jv"].L_op([v, x], [operators["jv"](v, x)], [x])
    assert isinstance(order.type, NullType) and argument.dtype == "float64"
    with pytest.raises(Exception, match="grad") as caught:
        operators["tri_gamma"].grad([x], [x])
    assert type(caught.value).__name__ == "MethodNotDefined"
    with pytest.raises(NotImplementedError):
        s.exp.grad([s.complex128("z")], [s.complex128("g")])
