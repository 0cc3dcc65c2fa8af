"""Every rule fires where it must, does not fire at near misses, and keeps the values where it fires."""
from __future__ import annotations

import importlib
import pkgutil
import warnings

import numpy as np
import pytest
from rule_cases import CASES
from rule_scope import Variables, performed

import symtensor.rewrite.rules as rules_package
from symtensor.config import change_flags
from symtensor.graph.fg import FunctionGraph
from symtensor.rewrite.driver import run_to_fixed_point
from symtensor.rewrite.merge import merge

TUPLES = ("USELESS", "CANONICALIZE", "STABILIZE", "FOLD", "BLAS", "SPECIALIZE", "UNCANONICALIZE")
MODULES = [importlib.import_module(f"symtensor.rewrite.rules.{info.name}")
           for info in pkgutil.iter_modules(rules_package.__path__)]
RULES = {rule.name: rule for module in MODULES for name in TUPLES for rule in getattr(module, name, ())}
# Rules that need another one to bring an expression into their form, or that see it through one.
HELPERS = {
    "gradient_of_log_softmax_at_classes_becomes_one_operation": ["fill_moves_out_of_arithmetic"],
    "gradient_of_log_softmax_does_not_divide": [
        "fill_moves_out_of_arithmetic", "fill_of_full_shape_becomes_its_value", "constants_of_a_product_combine",
        "dimshuffle_of_number_becomes_number"],
    "gaussian_over_erfc_becomes_stable": ["fill_moves_out_of_arithmetic", "constants_of_a_product_combine"],
}


def rewritten(name, scope, text):
    outputs = scope.outputs(text)
    inputs = list(scope.variables.values())
    fgraph = FunctionGraph(inputs, outputs, clone=True)
    merge(fgraph)
    names = [name, *HELPERS.get(name, ())]
    with change_flags(on_opt_error="raise"):
        log = run_to_fixed_point(fgraph, [RULES[n] for n in names])
    assert not log.cycles and not log.failed and not log.declined.get(name)
    return outputs, fgraph, log


def close(got, expected, dtype, text):
    assert got.dtype == expected.dtype and got.shape == expected.shape, text
    tolerance = {"float32": 2e-5, "float64": 1e-11, "complex128": 1e-11, "complex64": 1e-5}.get(str(got.dtype), 0)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=text)


def test_every_rule_has_cases():
    assert sorted(CASES) == sorted(RULES)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_fires_and_keeps_values(name, dtype, rng):
    for text in CASES[name][0]:
        scope = Variables(dtype, rng)
        outputs, fgraph, log = rewritten(name, scope, text)
        assert log.fired(name), f"{name} does not fire at {text}"
        values = list(scope.values.values())
        before = performed(scope.variables.values(), outputs, values)
        after = performed(fgraph.inputs, fgraph.outputs, values)
        for a, b, old, new in zip(before, after, outputs, fgraph.outputs):
            assert old.type == new.type, text
            close(b, a, dtype, f"{name}: {text}")


@pytest.mark.parametrize("name", sorted(CASES))
def test_does_not_fire_at_near_misses(name, rng):
    for text in CASES[name][1]:
        scope = Variables("float64", rng)
        _, fgraph, log = rewritten(name, scope, text)
        assert not log.fired(name), f"{name} fires at {text} and makes {fgraph}"


# Rules whose purpose is to give another value where the expression overflows: their extremes are in test_stability.
BETTER = {rule.name for module in MODULES for rule in getattr(module, "STABILIZE", ())} | {
    "function_of_its_inverse_becomes_the_argument", "root_of_square_becomes_absolute_value",
    "absolute_value_of_what_has_no_sign",
}


@pytest.mark.parametrize("name", sorted(n for n in CASES if "nan_unsafe" not in RULES[n].tags and n not in BETTER))
def test_keeps_nan_and_infinities(name, rng):
    for text in CASES[name][0]:
        scope = Variables("float64", rng, special=True)
        outputs, fgraph, _ = rewritten(name, scope, text)
        values = list(scope.values.values())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NaN to an integer
            before = performed(scope.variables.values(), outputs, values)
            after = performed(fgraph.inputs, fgraph.outputs, values)
        for a, b in zip(before, after):
            close(b, a, "float64", f"{name}: {text}")


def test_rules_say_what_they_do():
    for name, rule in RULES.items():
        assert rule.__doc__ or rule.patterns, f"{name} has neither a docstring nor a pattern"
        assert set(rule.tags) <= {"fast_compile", "nan_unsafe", "shape_unsafe"}
