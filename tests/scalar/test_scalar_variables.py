"""Scalar types, variables, constants and ops: what they accept, make, print and refuse."""
from __future__ import annotations

import pickle

import numpy as np
import pytest

from symtensor import scalar as s
from symtensor.config import config
from symtensor.graph.basic import Constant
from symtensor.scalar.table import ROWS
from symtensor.scalar.type import operators


@pytest.mark.parametrize("value, kwargs, expected", [
    (1, {}, np.float32(1)), (1.5, {}, np.float32(1.5)), (1.1, {"allow_downcast": True}, np.float32(1.1)),
    (np.float32(2), {"strict": True}, np.float32(2)), (np.array(3.0), {}, np.float32(3)), (True, {}, np.float32(1)),
])
def test_filter_accepts(value, kwargs, expected):
    result = s.float32.filter(value, **kwargs)
    assert type(result) is np.float32 and result == expected


@pytest.mark.parametrize("kind, value, kwargs, phrase", [
    ("float32", 1.1, {}, "Value cannot accurately be converted to dtype (float32) and allow_downcast is not True"),
    ("float32", np.float64(1.1), {"strict": True}, "float32 expected a <class 'numpy.float32'>"),
    ("float32", "a", {}, "Could not convert <class 'str'> (value=a) to float32"),
    ("float32", 10**40, {}, "Could not convert <class 'int'>"),
    ("int8", 200, {}, "Value cannot accurately be converted to dtype (int8)"),
    ("int8", 1.5, {}, "Could not convert <class 'float'> (value=1.5) to int8"),
    ("float64", 1j, {}, "Could not convert"),
    ("float64", None, {}, "Could not convert"),
    ("float64", np.zeros(2), {}, "Could not convert"),
])
def test_filter_refuses(kind, value, kwargs, phrase):
    with pytest.raises(TypeError) as caught:
        s.get_scalar_type(kind).filter(value, **kwargs)
    assert phrase in str(caught.value)


def test_filter_downcasts_python_floats_to_floatX(monkeypatch):
    monkeypatch.setattr(config, "floatX", "float32")
    assert s.float32.filter(1.1) == np.float32(1.1)
    with pytest.raises(TypeError):
        s.float32.filter(np.float64(1.1))


def test_filter_wraps_when_allowed():
    assert s.int8.filter(300, allow_downcast=True) == 44
    assert np.isnan(s.float32.filter(float("nan")))


def test_types():
    assert s.Scalar("int8") == s.int8 and s.get_scalar_type("int8") is s.int8 and s.Scalar("int8") != s.int16
    assert str(s.float32) == "float32" and repr(s.int8) == "Scalar(int8)"
    assert s.Scalar("floatX").dtype == config.floatX
    assert s.int8.upcast(s.int16, s.float32) == "float32"
    assert s.uint8.dtype_specs() == (np.uint8, "npy_uint8", "UInt8")
    assert s.float32.values_eq_approx(np.float32(1), np.float32(1.00005))
    assert not s.float32.values_eq_approx(np.float32(1), np.float32(1.01))
    assert s.float32.values_eq(np.float32("nan"), np.float32("nan"))
    for bad in ("foo", "str"):
        with pytest.raises(TypeError, match="Unsupported dtype for Scalar"):
            s.Scalar(bad)
    assert len(s.all_types) == 14 and s.discrete_types + s.float_types + s.complex_types == s.all_types


@pytest.mark.parametrize("value, dtype, text", [
    (True, "int8", "1"), (1, "int8", "1"), (128, "int16", "128"), (-129, "int16", "-129"), (40000, "int32", "40000"),
    (2**31, "int64", "2147483648"), (2**63, "uint64", str(2**63)), (2**64 - 1, "uint64", str(2**64 - 1)),
    (1.0, "float32", "1.0"), (1.1, "float64", "1.1"), (1e10, "float32", "10000000000.0"), (float("inf"), "float32",
    "inf"), (1.1j, "complex128", "1.1j"), (np.float32(1), "float32", "1.0"), (np.array(2.0), "float64", "2.0"),
    (np.bool_(True), "bool", "True"), (np.uint64(3), "uint64", "3"), (np.float16(1), "float16", "1.0"), (float("nan"),
    "float64", "nan"),
])
def test_constants(value, dtype, text):
    made = s.constant(value)
    assert made.dtype == dtype and str(made) == f"Constant{{{text}}}" and type(made.data) is np.dtype(dtype).type
    assert str(s.constant(value, name="k")) == "k"


def test_constants_that_cannot_be():
    for bad in ("x", None, [1, 2]):
        with pytest.raises(TypeError):
            s.constant(bad)
    with pytest.raises(OverflowError):
        s.constant(2**64)


def test_signatures():
    assert s.constant(float("nan")).signature() == s.constant(float("nan")).signature()
    assert s.constant(0.0).signature() != s.constant(-0.0).signature()
    assert s.constant(1).signature() != s.constant(1.0).signature()
    assert s.constant(2).equals(s.constant(2))


def test_operators():
    x, y = s.floats("xy")
    i = s.int8("i")
    expected = [
        (x + y, "add", "float64"), (x - y, "sub", "float64"), (x * y, "mul", "float64"), (x / y, "true_div", "float64"),
        (x // y, "int_div", "float64"), (x % y, "mod", "float64"), (x**y, "pow", "float64"), (-x, "neg", "float64"),
        (abs(x), "Abs", "float64"), (x < y, "LT", "bool"), (x <= y, "LE", "bool"), (x > y, "GT", "bool"),
        (x >= y, "GE", "bool"), (2 + x, "add", "float64"), (2 - x, "sub", "float64"), (2 * x, "mul", "float64"),
        (2 / x, "true_div", "float64"), (2 // x, "int_div", "float64"), (2 % x, "mod", "float64"),
        (2**x, "pow", "float64"), (~i, "Invert", "int8"), (i & i, "AND", "int8"), (i | 1, "OR", "int8"),
        (1 ^ i, "XOR", "int8"),
    ]
    for variable, title, dtype in expected:
        assert str(variable) == f"{title}.0" and variable.dtype == dtype
    assert [str(v) for v in (2 - x).owner.inputs] == ["Constant{2}", "x"]
    assert x.ndim == 0 and (x == x) and not (x == y)


def test_likes_and_casts():
    x = s.float64("x")
    zero = x.zeros_like()
    assert str(zero.owner.op) == "second" and str(zero.owner.inputs[1]) == "Constant{0.0}"
    assert x.ones_like("int8").dtype == "int8"
    assert x.astype("float64") is x and str(x.astype("float32")) == "Cast{float32}.0"
    assert s.cast(x, "floatX") is x
    with pytest.raises(TypeError, match="Casting from complex to real is ambiguous"):
        s.cast(s.complex64(), "float32")
    with pytest.raises((TypeError, KeyError)):
        s.cast(x, "foo")


def test_division_of_integers(monkeypatch):
    i, j = s.ints("ij")
    with pytest.warns(DeprecationWarning, match="Division of two integer types with x / y is deprecated"):
        assert str(i / j) == "int_div.0"
    monkeypatch.setattr(config, "int_division", "floatX")
    assert str(i / j) == "true_div.0"
    monkeypatch.setattr(config, "int_division", "raise")
    with pytest.raises(s.IntegerDivisionError):
        i / j
    assert s.int_or_true_div(True, False) is s.true_div


@pytest.mark.parametrize("make, error, phrase", [
    (lambda: s.sub(s.float64()), TypeError, "Wrong number of inputs for sub.make_node"),
    (lambda: s.exp(s.float64(), s.float64()), TypeError, "Wrong number of inputs for exp.make_node"),
    (lambda: s.neg(s.bool()), TypeError, "bool input not supported"),
    (lambda: s.sub(s.bool(), s.bool()), TypeError, "bool output not supported"),
    (lambda: s.clip(s.complex64(), 0, 1), TypeError, "complex type are not supported"),
    (lambda: s.and_(s.bool(), s.int8()), TypeError, "input to a BitOp must have type"),
    (lambda: s.invert(s.float32()), TypeError, "input to a BitOp must have type"),
    (lambda: s.ceil(s.complex64()), TypeError, "complex argument not supported"),
    (lambda: s.complex64() % s.complex64(), s.ComplexError, "mod operator"),
    (lambda: s.as_scalar("q"), TypeError, "Cannot convert q to Scalar"),
    (lambda: s.Add("not callable"), TypeError, "Expected a callable"),
    (lambda: s.Cast("int8"), TypeError, "int8"),
])
def test_refusals(make, error, phrase):
    with pytest.raises(error, match=phrase.replace("(", r"\(")):
        make()


def test_every_row_has_an_op_that_prints_as_theanos():
    titles = {
        "abs_": "Abs", "and_": "AND", "eq": "EQ", "neq": "NEQ", "isnan": "IsNan", "invert": "Invert",
        "switch": "Switch",
        "int_div": "int_div", "round_half_to_even": "RoundHalfToEven", "sigmoid": "scalar_sigmoid", "exp": "exp",
        "complex_from_polar": "complex_from_polar", "erfcinv": "erfcinv", "xlogx": "scalar_xlogx",
        "ultra_fast_sigmoid": "ultra_fast_scalar_sigmoid", "or_": "OR", "inv": "inv", "second": "second", "sgn": "sgn",
    }
    for name, title in titles.items():
        assert str(operators[name]) == title
    for name, row in ROWS.items():
        if name not in ("inopenrange", "inclosedrange", "inrange_open_closed", "inrange_closed_open"):
            assert operators[name].row_name == name and str(operators[name]) == row.title
    assert str(s.inopenrange) == "InRange{openlow=True, openhi=True}"
    assert s.InRange(True, False) == s.InRange(True, False) != s.inopenrange
    assert str(s.convert_to_int8) == "Cast{int8}" and s.Cast(s.int8) == s.convert_to_int8 != s.convert_to_int16
    assert s.Add() == s.add and s.Add(s.same_out) != s.add and s.floor_div is s.int_div
    assert (s.add.identity, s.mul.identity, s.and_.identity, s.or_.identity) == (0, 1, -1, 0)
    assert s.add.commutative and s.add.associative and not s.sub.commutative and not hasattr(s.maximum, "identity")


ALL_OPS = [operators[n] for n in sorted(ROWS) if n in operators] + [s.convert_to_int8, s.inopenrange]


@pytest.mark.parametrize("op", ALL_OPS, ids=str)
def test_ops_pickle(op):
    again = pickle.loads(pickle.dumps(op))
    assert again == op and hash(again) == hash(op) and str(again) == str(op)


@pytest.mark.parametrize("op, args, value", [
    (s.add, (1, 2), 3), (s.int_div, (7, -2), -4), (s.mod, (7, -2), -1), (s.switch, (1, 2, 3), 2), (s.true_div, (3, 2),
    1.5), (s.inv, (2,), 0.5), (s.clip, (5, 1, 3), 3), (s.second, (1, 2), 2), (s.pow, (2, -1), 0), (s.deg2rad,
    (180.0,), np.pi), (s.convert_to_int8, (3.7,), 3), (s.inopenrange, (1, 0, 2), 1), (s.real, (1 + 2j,), 1.0),
])
def test_impl(op, args, value):
    assert op.impl(*args) == value


def test_perform_of_user_ops():
    class Triple(s.UnaryScalarOp):
        def impl(self, x):
            return 3 * x

        def grad(self, inputs, gout):
            return [gout[0] * 3]

    triple = Triple(s.upgrade_to_float, name="triple")
    x = s.int8("x")
    node = triple.make_node(x)
    storage = [[None]]
    node.op.perform(node, [np.int8(7)], storage)
    assert storage[0][0] == 21 and storage[0][0].dtype == np.float32 and str(triple) == "triple"
    np.testing.assert_array_equal(s.evaluate(triple, [np.arange(3)], ["float32"])[0], [0, 3, 6])
    assert str(triple.L_op([x], node.outputs, [s.float32("g")])[0]) == "mul.0"
    assert Triple(s.same_out) != triple and Triple(s.upgrade_to_float) == triple


def test_output_rules_as_objects():
    assert str(s.transfer_type(1)) == "transfer_type{1}" and s.transfer_type(1) == s.transfer_type(1)
    assert s.transfer_type(1, None, s.int8)(s.int16, s.float32) == (s.float32, s.float32, s.int8)
    lookup = s.unary_out_lookup({s.int8: s.float32})
    assert lookup(s.int8) == (s.float32,)
    with pytest.raises(TypeError):
        lookup(s.int16)
    assert s.specific_out(s.int8) == s.specific_out(s.int8) and s.specific_out(s.int8)(s.float64) == (s.int8,)


def test_casts_between_all_dtypes():
    for source in s.all_types:
        value = np.array([0, 1, 3]).astype(source.dtype)
        for target in s.all_types:
            op = s.Cast(target)
            if source in s.complex_types and target not in s.complex_types:
                with pytest.raises(TypeError, match="can't convert complex"):
                    s.evaluate(op, [value], [target.dtype])
                continue
            (result,) = s.evaluate(op, [value], [target.dtype])
            assert result.dtype == target.dtype
            np.testing.assert_array_equal(result, value.astype(target.dtype))


def test_gradient_of_cast():
    x, i = s.float64("x"), s.int8("i")
    g = s.float32("g")
    assert s.convert_to_float32.L_op([x], [s.convert_to_float32(x)], [g])[0] is g
    (zero,) = s.convert_to_int8.L_op([x], [s.convert_to_int8(x)], [g])
    assert str(zero.owner.op) == "second" and zero.dtype == "float64"
    assert isinstance(zero.owner.inputs[1], Constant) and zero.owner.inputs[1].data == 0
    assert s.convert_to_int16.L_op([i], [s.convert_to_int16(i)], [g])[0].dtype == config.floatX


def test_as_common_dtype():
    a, b = s.as_common_dtype(s.int8("i"), s.float32("f"))
    assert (a.dtype, b.dtype) == ("float32", "float32")
