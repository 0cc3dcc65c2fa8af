"""What scan refuses, and how: types and phrases recorded from Theano 1.0.5."""
from __future__ import annotations

import logging

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.scan_module import until
from symtensor.scan_module.scan_utils import get_updates_and_outputs

RETURNED = r"The return value of your scan lambda expression may only be made of lists, tuples, or dictionaries"
CANNOT_PARSE = "Scan cannot parse the return value of your lambda expression, which is: "
GIVE_NONE = "Please provide None as outputs_info for any output that does not feed back into scan"
NOT_KNOWN = "No information about the number of steps provided. Either provide a value for n_steps argument of scan or "
NEGATIVE = "All the tap values must be smaller than 0."
INITIAL = "If you are using slices of an output you need to provide a initial state for it"
DTYPE = (
    r"When compiling the inner function of scan the following error has been encountered: The initial state "
    r"\(`outputs_info` in scan nomenclature\) of variable .* \(argument number {}\) has dtype {}, while the result of "
    r"the inner function \(`fn`\) has dtype {}. This can happen if the inner function of scan results in an upcast or "
    r"downcast."
)
RANK = r"\(argument number 1\) has {} dimension\(s\), while the corresponding variable in the result .* has {} dimens"
STEPS = "Using `return_steps` has been deprecated. Simply select the entries you need using a subtensor."

X, v, s, f = T.matrix("X"), T.vector("v"), T.scalar("s"), T.fscalar("f")
k = symtensor.shared(0, "k")
kk = symtensor.shared(np.zeros(3), "kk")


def state(**kwargs):
    return {"initial": v, **kwargs}


# (name, error, phrase, positional arguments of scan, keywords)
REFUSED = [
    ("until alone", ValueError, CANNOT_PARSE, (lambda a: until(a > 3), v), {}),
    ("updates first", ValueError, "you have to always return first the outputs", (lambda a: ({k: k + 1}, a), v), {}),
    ("until before updates", ValueError, CANNOT_PARSE, (lambda a: (a, until(a > 3), {k: k + 1}), v), {}),
    ("two outputs and until", ValueError, CANNOT_PARSE, (lambda a: (a, a, until(a > 3)), v), {}),
    ("outputs twice", ValueError, CANNOT_PARSE, (lambda a: ([a], [a]), v), {}),
    ("nested list", ValueError, CANNOT_PARSE, (lambda a: [[a]], v), {}),
    ("number", ValueError, RETURNED, (lambda a: 3, v), {}),
    ("None", ValueError, RETURNED, (lambda a: None, v), {}),
    ("string", ValueError, RETURNED, (lambda a: "a", v), {}),
    ("array", ValueError, RETURNED, (lambda a: np.ones(2), v), {}),
    ("update to a number", ValueError, RETURNED, (lambda: {k: 3},), {"n_steps": 2}),
    ("no function", TypeError, "not callable", (3, v), {}),
    ("too many arguments", TypeError, "missing 1 required positional argument", (lambda a, b: a, v), {}),
    ("float steps", TypeError, "Expected an integer", (lambda a: a, v), {"n_steps": 2.5}),
    ("float steps variable", ValueError, "n_steps must be an int. dtype provided is float64", (lambda a: a, v),
     {"n_steps": T.dscalar()}),
    ("vector of steps", ValueError, "TensorType", (lambda a: a, v), {"n_steps": T.lvector()}),
    ("string as steps", T.basic.AsTensorError, "Cannot convert", (lambda a: a, v), {"n_steps": "a"}),
    ("no steps", ValueError, NOT_KNOWN, (lambda: s,), {}),
    ("scalar sequence", IndexError, "too many indices for array", (lambda a: a, s), {}),
    ("sequence without input", KeyError, "input", (lambda a: a, {"inp": v}), {}),
    ("None as sequence", TypeError, "None", (lambda a: a, [None]), {}),
    ("positive tap", ValueError, NEGATIVE, (lambda a: a,), {"outputs_info": state(taps=[1]), "n_steps": 3}),
    ("tap zero", ValueError, NEGATIVE, (lambda a: a,), {"outputs_info": state(taps=[0]), "n_steps": 3}),
    ("taps without state", ValueError, INITIAL, (lambda a: a,), {"outputs_info": {"taps": [-1]}, "n_steps": 3}),
    ("taps with None", ValueError, INITIAL, (lambda a: a,),
     {"outputs_info": {"initial": None, "taps": [-1]}, "n_steps": 3}),
    ("no taps", TypeError, "missing 1 required positional", (lambda a: a,),
     {"outputs_info": {"initial": s, "taps": []}, "n_steps": 3}),
    ("scalar state of two taps", IndexError, "too many indices for array", (lambda a: a,),
     {"outputs_info": {"initial": s, "taps": [-2]}, "n_steps": 3}),
    ("too many infos", ValueError, GIVE_NONE, (lambda a: a * 2, v), {"outputs_info": [None, None]}),
    ("too few infos", ValueError, GIVE_NONE, (lambda a: (a * 2, a), v), {"outputs_info": [None]}),
    ("one info for two", ValueError, GIVE_NONE, (lambda a, b: (a * 2, b), v), {"outputs_info": s}),
    ("return_steps", ValueError, STEPS, (lambda a: a, v), {"outputs_info": [{"return_steps": 3}]}),
    ("return_steps and state", ValueError, STEPS, (lambda a, b: a, v),
     {"outputs_info": [{"initial": s, "return_steps": 3}]}),
    ("upcast", ValueError, DTYPE.format(1, "float32", "float64"), (lambda a, b: a + b, v), {"outputs_info": f}),
    ("integer state", ValueError, DTYPE.format(1, "int8", "float64"), (lambda a, b: a + b, v), {"outputs_info": 0}),
    ("downcast", ValueError, DTYPE.format(0, "float64", "float32"), (lambda b: T.cast(b, "float32"),),
     {"outputs_info": s, "n_steps": 2}),
    ("rank grows", ValueError, RANK.format(1, 1), (lambda a, b: a + b, X), {"outputs_info": s}),
    ("rank shrinks", ValueError, RANK.format(2, 0), (lambda a, b: a, v), {"outputs_info": v}),
    ("strict", symtensor.gof.fg.MissingInputError, "ScanOp is missing an input: kk", (lambda a: a + kk, v),
     {"strict": True}),
    ("type of update", TypeError, "An update must have the same type as the original shared variable",
     (lambda: {k: k + 1.5},), {"n_steps": 2}),
    ("update of no shared variable", TypeError, "update target must be a SharedVariable", (lambda: {s: s + 1.5},),
     {"n_steps": 2}),
    ("broadcast pattern", TypeError, "should have the same type but have type", (lambda a, b: a + b, X),
     {"outputs_info": T.zeros((1,))}),
]


@pytest.mark.parametrize("name, error, phrase, args, kwargs", REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(name, error, phrase, args, kwargs):
    with pytest.raises(error, match=phrase):
        symtensor.scan(*args, **kwargs)


def test_there_is_one_case_for_each_name():
    assert len({case[0] for case in REFUSED}) == len(REFUSED) >= 25


def test_conditions_are_symbolic_scalars():
    with pytest.raises(T.basic.AsTensorError, match="Cannot cast True or False as a tensor variable"):
        until(True)
    with pytest.raises(AssertionError):
        until(v > 2)


def test_taps_none_beside_an_initial_state_warns(caplog):
    with caplog.at_level(logging.WARNING):
        result, _ = symtensor.scan(lambda a: a * 2, outputs_info={"initial": s, "taps": None}, n_steps=3)
    assert caplog.messages == ["Output s ( index 0) has a initial state but taps is explicitly set to None "]
    assert result.ndim == 1


def test_accepted():
    """Forms that look odd and that Theano takes."""
    for args, kwargs in [
        ((lambda a: a, {"input": v, "taps": -1}), {}), ((lambda a: a, {"input": v, "taps": None}), {}),
        ((lambda a: a, {"input": v, "foo": 3}), {}), ((lambda a: a, v), {"outputs_info": {}}),
        ((lambda a: a * 2,), {"outputs_info": {"initial": s}, "n_steps": 3}),
        ((lambda a, b: a * 2, v), {"outputs_info": [{"initial": s, "inplace": v}]}),
        ((lambda a: a + s, v), {"strict": True}), ((lambda *rows: rows[0] + rows[1], v), {"outputs_info": s}),
        ((lambda a: a, v), {"n_steps": 0}), ((lambda a: a, v), {"n_steps": np.int32(2)}),
    ]:
        assert symtensor.scan(*args, **kwargs)[0].type == T.dvector
    result, _ = symtensor.scan(lambda b: T.dot(X, b), outputs_info=T.zeros((3, 1)), n_steps=2)
    assert result.type == T.TensorType("float64", (False, False, True))


def test_parts_of_what_a_step_returns():
    stop = until(s > 0)
    assert get_updates_and_outputs(v) == (None, [v], {})
    assert get_updates_and_outputs((v, s)) == (None, [v, s], {})
    assert get_updates_and_outputs(([v, s], (k, k))) == (None, [], {v: s, k: k})
    assert get_updates_and_outputs([(k, k)]) == (None, [], {k: k})
    assert get_updates_and_outputs((v, stop)) == (stop, [v], {})
    assert get_updates_and_outputs(([v, s], stop)) == (stop, [v, s], {})
    assert get_updates_and_outputs((v, {k: k}, stop)) == (stop, [v], {k: k})
    assert get_updates_and_outputs(({k: k}, stop)) == (stop, [], {k: k})
    assert get_updates_and_outputs(([], {k: k})) == (None, [], {k: k})
