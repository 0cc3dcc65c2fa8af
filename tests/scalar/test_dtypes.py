"""Promotion and output-dtype rules against what Theano 1.0.5 answers for every dtype and pair of dtypes."""
from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from symtensor.config import config
from symtensor.scalar import basic, dtypes
from symtensor.scalar.table import ROWS

FACTS = json.loads((pathlib.Path(__file__).parent / "theano_dtypes.json").read_text())
SHORT = dict(zip(FACTS["dtypes"].split(), dtypes.ALL))
REFUSED = "-"


def facts(row):
    return [SHORT.get(code, REFUSED) for code in row.split()]


def outcome(function, *args):
    try:
        return function(*args)
    except TypeError:
        return REFUSED


def test_the_order_of_dtypes_is_the_recorded_one():
    assert [str(np.dtype(c if c != "b" else "?")) for c in FACTS["dtypes"].split()] == list(dtypes.ALL)
    assert dtypes.DISCRETE + dtypes.FLOAT + dtypes.COMPLEX == dtypes.ALL


def test_upcast_of_every_pair():
    for first, row in zip(dtypes.ALL, FACTS["upcast"]):
        assert [dtypes.upcast(first, second) for second in dtypes.ALL] == facts(row), first


def test_upcast_goes_from_left_to_right():
    assert dtypes.upcast("int8", "uint16", "float16") == "float64"
    assert dtypes.upcast("int32") == "int32"
    with pytest.raises(TypeError):
        dtypes.upcast()


@pytest.mark.parametrize("floatX, policy, expected", [
    ("float32", "custom",
     "float64 float64 float64 float32 float64 float64 int32 float64 float16 float64 complex128 float32"),
    ("float32", "numpy+floatX",
     "float32 float32 float32 float32 float32 float64 int32 float64 float16 float32 complex128 float32"),
    ("float16", "numpy+floatX",
     "float64 float64 float16 float32 float16 float64 int32 float64 float16 float16 complex128 float16"),
    ("float64", "numpy+floatX",
     "float64 float64 float64 float32 float64 float64 int32 float64 float16 float64 complex128 float32"),
])
def test_upcast_under_settings(monkeypatch, floatX, policy, expected):
    pairs = [("int64", "float32"), ("int32", "float32"), ("int64", "float16"), ("int8", "float32"), ("uint64", "int8"),
             ("float64", "int8"), ("int32",), ("float64",), ("bool", "float16"), ("uint64", "int64"),
             ("int64", "complex64"), ("int16", "float16")]
    monkeypatch.setattr(config, "floatX", floatX)
    monkeypatch.setattr(config, "cast_policy", policy)
    assert [dtypes.upcast(*pair) for pair in pairs] == expected.split()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_output_dtype_of_every_row(name):
    recorded = FACTS["ops"].get(name)
    if recorded is None:
        assert name.startswith("inrange_")
        recorded = FACTS["ops"]["inopenrange"]
    row = ROWS[name]
    if isinstance(recorded, str):
        assert [outcome(row.output_dtype, d) for d in dtypes.ALL] == facts(recorded)
        return
    for first, expected in zip(dtypes.ALL, recorded):
        for second, answer in zip(dtypes.ALL, facts(expected)):
            pair = (first, second) if row.arity != 3 else ("bool" if name == "switch" else first, first, second)
            assert outcome(row.output_dtype, *pair) == answer, pair


@pytest.mark.parametrize("name", sorted(FACTS["rules"]))
def test_public_output_rules(name):
    rule = getattr(basic, name)
    one, two = FACTS["rules"][name]
    types = basic.all_types
    assert [outcome(lambda t: rule(t)[0].dtype, t) for t in types] == facts(one)
    for first, expected in zip(types, two or ()):
        assert [outcome(lambda a, b: rule(a, b)[0].dtype, first, second) for second in types] == facts(expected)


def test_division_of_integers_gives_floatX(monkeypatch):
    monkeypatch.setattr(config, "floatX", "float32")
    kinds = ("bool", "int8", "int64", "float16", "float32")
    expected = ("float32 float32 float32 float16 float32 float32 float32 float32 float16 float32 float32 float32 "
                "float32 float64 float64 float16 float16 float64 float16 float32 float32 float32 float64 float32 "
                "float32")
    assert [ROWS["true_div"].output_dtype(a, b) for a in kinds for b in kinds] == expected.split()


def test_operand_dtypes():
    def operands(name, *in_dtypes):
        row = ROWS[name]
        return row.operand_dtypes(in_dtypes, row.output_dtype(*in_dtypes))

    assert operands("add", "int8", "float32") == ("float32", "float32")
    assert operands("exp", "int8") == ("float32",)
    assert operands("true_div", "int8", "int64") == ("float64", "float64")
    assert operands("true_div", "int8", "float32") == ("float32", "float32")
    assert operands("lt", "int64", "uint64") == ("float64", "float64")
    assert operands("and_", "int8", "uint64") == ("uint64", "uint64")
    assert operands("switch", "float64", "int8", "float32") == ("bool", "float32", "float32")
    assert operands("abs_", "complex64") == ("complex64",)
    assert operands("second", "int8", "float32") == ("int8", "float32")
    assert operands("complex", "float32", "int8") == ("float32", "float32")
    assert operands("angle", "complex64") == ("complex128",)


@pytest.mark.parametrize("policy, floatX, floats, ints", [
    ("custom", "float16", "float16 float16 float16 float16 float16 float16", "int8 int16 int16 int32 int64 int8"),
    ("custom", "float32", "float32 float32 float32 float32 float32 float32", "int8 int16 int16 int32 int64 int8"),
    ("custom", "float64", "float32 float64 float64 float64 float32 float64", "int8 int16 int16 int32 int64 int8"),
    ("numpy+floatX", "float16", " ".join(["float16"] * 6), " ".join(["int64"] * 6)),
    ("numpy+floatX", "float32", " ".join(["float32"] * 6), " ".join(["int64"] * 6)),
    ("numpy+floatX", "float64", " ".join(["float64"] * 6), " ".join(["int64"] * 6)),
])
def test_dtypes_of_python_numbers(monkeypatch, policy, floatX, floats, ints):
    monkeypatch.setattr(config, "floatX", floatX)
    monkeypatch.setattr(config, "cast_policy", policy)
    assert [str(basic.autocast_float(v).dtype) for v in (1.0, 1.1, 1e40, 1e300, 70000.0, 1e-8)] == floats.split()
    assert [str(basic.autocast_int(v).dtype) for v in (1, 200, 300, 70000, 2**40, -1)] == ints.split()


@pytest.mark.parametrize("floatX, choices, expected", [
    ("float16", ("float16", "float32"), "float16 float16 float16 float16"),
    ("float16", ("float32", "float64"), "float32 float64 float32 float64"),
    ("float32", ("float64",), "float64 float64 float64 float64"),
    ("float64", ("float16", "float32"), "float32 float32 float32 float32"),
    ("float64", ("float32", "float64"), "float32 float64 float32 float64"),
])
def test_autocast_float_as(monkeypatch, floatX, choices, expected):
    monkeypatch.setattr(config, "floatX", floatX)
    before = basic.autocast_float.dtypes
    with basic.autocast_float_as(*choices):
        assert [str(basic.autocast_float(v).dtype) for v in (1.0, 1.1, 1e10, 1e40)] == expected.split()
    assert basic.autocast_float.dtypes == before
