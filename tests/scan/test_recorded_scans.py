"""What Theano 1.0.5 gave for the programs of `scan_cases`: values, dtypes, shapes, updates and errors."""
from __future__ import annotations

import json
import pathlib
import types

import numpy as np
import pytest
import scan_cases

import symtensor
import symtensor.tensor as T
from symtensor.sandbox.rng_mrg import MRG_RandomStreams
from symtensor.scan_module import until
from symtensor.tensor.shared_randomstreams import RandomStreams

FACTS = json.loads((pathlib.Path(__file__).parent / "theano_scans.json").read_text())

NAMES = types.SimpleNamespace(
    T=T, scan=symtensor.scan, map=symtensor.map, reduce=symtensor.reduce, foldl=symtensor.foldl, foldr=symtensor.foldr,
    checkpoints=symtensor.scan_checkpoints, until=until, function=symtensor.function, shared=symtensor.shared,
    as_op=symtensor.as_op, ifelse=symtensor.ifelse.ifelse, RandomStreams=RandomStreams, MRG=MRG_RandomStreams,
    Rop=symtensor.gradient.Rop, Lop=symtensor.gradient.Lop, jacobian=symtensor.gradient.jacobian,
    hessian=symtensor.gradient.hessian,
)

# Where we differ on purpose: case -> for each call None (as recorded), an error, or values of the first output.
DIFFERENT = {
    # No steps give no rows: Theano refuses to loop zero times, or hands out the state before the first step.
    "power_of_no_steps": [[]],
    "last_of_no_steps": ["IndexError"],
    "reduced_nothing": ["IndexError"],
    # Theano computes with rows that are not there, and leaves states out of sight that nobody reads.
    "initial_state_of_another_length": [None, "ValueError"],
    "too_many_steps": ["ValueError", None],
    "checkpoints_with_taps": "RuntimeError",
}


def close(one, other):
    tolerance = 1e-5 if "32" in other["dtype"] else 1e-10
    return (one["dtype"], one["shape"]) == (other["dtype"], other["shape"]) and np.allclose(
        one["values"], other["values"], rtol=tolerance, atol=1e-12, equal_nan=True
    )


def as_wanted(found, fact, ours=None):
    if isinstance(ours, str):
        return found == {"error": ours}
    if ours is not None:
        return found[0]["values"] == ours
    if isinstance(fact, dict):
        return found == fact
    return len(found) == len(fact) and all(map(close, found, fact))


def test_enough_is_recorded():
    assert FACTS.keys() == scan_cases.CASES.keys()
    values = [name for name, fact in FACTS.items() if any(isinstance(call, list) for call in fact.get("calls", ()))]
    errors = [name for name, fact in FACTS.items() if "error" in str(fact)]
    assert len(values) >= 60 and len(errors) >= 12 and DIFFERENT.keys() < FACTS.keys()


@pytest.mark.filterwarnings("ignore:the updates of the loop for:UserWarning")
@pytest.mark.parametrize("name", FACTS)
def test_same_as_recorded(name):
    fact, found, ours = FACTS[name], scan_cases.run(NAMES, name), DIFFERENT.get(name)
    if "error" in fact:
        assert found == ({"error": ours, "when": "building"} if ours else fact)
        return
    assert "calls" in found, found
    for k, (one, other) in enumerate(zip(found["calls"], fact["calls"], strict=True)):
        assert as_wanted(one, other, ours and ours[k]), (k, one, other)
    if ours is None:
        assert as_wanted(found["shared"], fact["shared"])
