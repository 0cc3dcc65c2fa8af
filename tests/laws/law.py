"""The laws every op keeps.

`agree`      compiled C, the interpreter and the op's own `perform` give the same values, of the inferred sizes
`gradients`  symbolic gradients equal differences
`fail`       a call that must fail does so in C and interpreter with the same class of error, as in `perform`

A `Case` is a small graph with values for its inputs. All cases of a call go into one function (one call of the C
compiler); when something fails, the cases are tried one by one to name the guilty ones. The interpreter must equal
`perform` to the last few bits, C must equal the interpreter within the accuracy of vectorised arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T
from symtensor.gradient import grad
from symtensor.graph.basic import Constant, Variable
from symtensor.graph.traversal import io_toposort
from symtensor.ir.nodes import PyCall
from symtensor.ir.walk import statements
from symtensor.lower.driver import lower
from symtensor.runtime.executor import link
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.type import TensorType

RTOL = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-13, "complex64": 1e-5, "complex128": 1e-12}


@dataclass
class Case:
    """A label for failures, input variables with values, and outputs."""

    label: str
    inputs: Sequence[Variable]
    values: Sequence[np.ndarray]
    outputs: Sequence[Variable]


def case(label: str, build: Callable[..., object], *values: object, dtype: str | None = None) -> Case:
    """A case from a function of variables that returns a variable or several. A value's axis of length 1 is a
    broadcastable one unless the value comes as `(array, pattern)`."""
    pairs = [v if isinstance(v, tuple) else (np.asarray(v, dtype), None) for v in values]
    arrays = [np.asarray(array) for array, _ in pairs]
    patterns = [tuple(n == 1 for n in a.shape) if p is None else p for a, (_, p) in zip(arrays, pairs)]
    inputs = [TensorType(str(a.dtype), pattern)() for a, pattern in zip(arrays, patterns)]
    built = build(*inputs)
    outputs = list(built) if isinstance(built, (list, tuple)) else [built]
    return Case(label, inputs, arrays, outputs)


def slow(*parameters: object) -> list:
    """Parameters that are tried with `--slow` only."""
    return [pytest.param(p, marks=pytest.mark.slow) for p in parameters]


# -- values and memory layouts -----------------------------------------------------------------------------------------


def sample(rng: np.random.Generator, dtype: str, shape: tuple[int, ...] | int) -> np.ndarray:
    """Ordinary values of a dtype: small integers, normal floats."""
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.6)
    if np.dtype(dtype).kind in "iu":
        return np.asarray(rng.integers(0 if dtype[0] == "u" else -4, 6, shape)).astype(dtype)
    found = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        found = found + 1j * rng.standard_normal(shape)
    return np.asarray(found).astype(dtype)


def layouts(base: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The same values in several memory layouts: C order, Fortran order, all axes reversed, every second element of a
    larger array at an offset."""
    back = (slice(None, None, -1),) * base.ndim
    wide = np.zeros([2 * n + 3 for n in base.shape], base.dtype)
    every = tuple(slice(2, 2 + 2 * n, 2) for n in base.shape)
    wide[every] = base
    return [
        ("c", base),
        ("fortran", np.asfortranarray(base)),
        ("reversed", base[back].copy()[back]),
        ("spread", wide[every]),
    ]


# -- C, the interpreter, perform ---------------------------------------------------------------------------------------


def run_perform(node, values: list) -> list:
    storage: list[list] = [[None] for _ in node.outputs]
    with np.errstate(all="ignore"):
        node.op.perform(node, values, storage)
    return [cell[0] for cell in storage]


def performed(case: Case) -> list[np.ndarray]:
    """The outputs by `perform`, node after node; their sizes are the inferred ones."""
    known = dict(zip(case.inputs, (np.array(v) for v in case.values)))

    def value(v: Variable):
        return v.data if isinstance(v, Constant) else known[v]

    def evaluate(outputs: list[Variable]) -> None:
        for node in io_toposort(list(known), outputs):
            if node.outputs[0] not in known:
                known.update(zip(node.outputs, run_perform(node, [value(v) for v in node.inputs])))

    evaluate(list(case.outputs))
    found = [np.asarray(value(v)) for v in case.outputs]
    env = ShapeEnv(case.inputs)
    for out, array in zip(case.outputs, found):
        if hasattr(out.type, "broadcastable"):
            lengths = list(env.shape(out))
            evaluate(lengths)
            assert tuple(int(value(n)) for n in lengths) == array.shape, f"{case.label}: inferred, and {array.shape}"
    return found


def same(got, expected, label: str, rtol: float) -> None:
    assert got.dtype == expected.dtype, f"{label}: {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"{label}: shape {got.shape}, expected {expected.shape}"
    if got.dtype.kind in "fc":
        scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * float(scale) * 0.02, err_msg=label)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=label)


def lowered(inputs: list[Variable], outputs: list[Variable], python: bool = False):
    """The lowered function; unless `python`, every op must have a lowering."""
    made = lower(inputs, outputs, io_toposort(inputs, outputs))
    islands = [str(made.pycalls[s.callee].node) for s in statements(made.program.body) if isinstance(s, PyCall)]
    assert python or not islands, f"no lowering for {islands}"
    return made


def _agree(cases: Sequence[Case], loose: float, python: bool) -> None:
    inputs = [v for case in cases for v in case.inputs]
    outputs = [v for case in cases for v in case.outputs]
    values = [v for case in cases for v in case.values]
    labels = [f"{case.label} output {k}" for case in cases for k in range(len(case.outputs))]
    coarse = [max(RTOL.get(v.type.dtype, 0.0) for v in case.inputs) for case in cases for _ in case.outputs]
    made = lowered(inputs, outputs, python)
    expected = [out for case in cases for out in performed(case)]
    before = [np.array(v) for v in values]
    interpreted, _ = link(made.program, made.constants, made.pycalls, consumer="interpreter").run(values)
    compiled, _ = link(made.program, made.constants, made.pycalls, consumer="c").run(values)
    for old, new in zip(before, values):
        np.testing.assert_array_equal(np.asarray(old), np.asarray(new), err_msg="an input was changed")
    for label, a, b, c, least in zip(labels, expected, interpreted, compiled, coarse, strict=True):
        rtol = RTOL.get(str(a.dtype), 0.0)
        same(np.asarray(b), a, f"interpreter against perform: {label}", rtol)
        same(np.asarray(c), np.asarray(b), f"C against interpreter: {label}", max(rtol, least) * loose)


def agree(cases: Sequence[Case], loose: float = 1.0, python: bool = False) -> None:
    """Compares the three consumers on all cases at once. C may differ from the interpreter by what the coarsest
    dtype of the case allows, times `loose` (functions with larger last-bit errors); `python`: Python islands are
    expected, else there must be none."""
    try:
        _agree(cases, loose, python)
    except Exception as error:
        _blame(cases, lambda case: _agree([case], loose, python), error)


def _blame(cases: Sequence[Case], law: Callable[[Case], None], error: Exception) -> None:
    """Fails with every case that breaks the law by itself, or with the error of all together."""
    if len(cases) == 1:
        raise error
    found = []
    for one in cases:
        try:
            law(one)
        except Exception as alone:
            found.append(f"{one.label}: {type(alone).__name__}: {str(alone).strip()[:600]}")
    raise AssertionError("\n\n".join(found) or f"only together: {error}") from error


# -- gradients ---------------------------------------------------------------------------------------------------------


def _gradients(cases: Sequence[Case], rng: np.random.Generator, eps: float, rtol: float) -> None:
    costs, slopes = [], []
    for one in cases:
        total = sum(T.sum(o * rng.uniform(0.5, 1.5, np.shape(v))) for o, v in zip(one.outputs, performed(one)))
        costs.append(total)
        slopes.append(grad(total, _moved(one), disconnected_inputs="ignore"))
    inputs = [v for one in cases for v in one.inputs]
    every = symtensor.function(inputs, costs + [g for own in slopes for g in own])
    plain = symtensor.function(inputs, costs)
    given = [np.array(v) for one in cases for v in one.values]
    found = every(*given)[len(costs) :]
    expected = [np.zeros(np.shape(value)) for one in cases for value in _values(one)]
    owners = [k for k, one in enumerate(cases) for _ in _moved(one)]
    places = [k for k, v in enumerate(inputs) if v.type.dtype.startswith("float")]
    firsts: dict[int, int] = {}
    for k, (owner, array) in enumerate(zip(owners, expected)):
        firsts.setdefault(owner, k)
    moves: list[list[tuple[int, tuple[int, ...]]]] = [
        [(k, at) for k, o in enumerate(owners) if o == owner for at in np.ndindex(*expected[k].shape)]
        for owner in range(len(cases))
    ]
    for step in range(max(map(len, moves))):
        now = [(owner, *own[step]) for owner, own in enumerate(moves) if step < len(own)]
        sides = []
        for sign in (1, -1):
            moved = list(given)
            for _, k, at in now:
                moved[places[k]] = given[places[k]].copy()
                moved[places[k]][at] += sign * eps
            sides.append(plain(*moved))
        for owner, k, at in now:
            expected[k][at] = (sides[0][owner] - sides[1][owner]) / (2 * eps)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=cases[owners[k]].label)


def _moved(one: Case) -> list[Variable]:
    return [v for v in one.inputs if v.type.dtype.startswith("float")]


def _values(one: Case) -> list[np.ndarray]:
    return [a for v, a in zip(one.inputs, one.values) if v.type.dtype.startswith("float")]


def gradients(cases: Sequence[Case], rng: np.random.Generator, eps: float = 1e-6, rtol: float = 1e-5) -> None:
    """Compares gradients of random weighted sums of the outputs by float64 inputs with central differences. All cases
    are moved at once, so two compiled functions do for all."""
    try:
        _gradients(cases, rng, eps, rtol)
    except Exception as error:
        _blame(cases, lambda one: _gradients([one], rng, eps, rtol), error)


# -- errors ------------------------------------------------------------------------------------------------------------


def fail(one: Case, error: type[Exception], python: bool = False) -> None:
    """`perform`, the interpreter and C all fail with this class of error."""
    made = lowered(list(one.inputs), list(one.outputs), python)
    runs: dict[str, Callable[[], object]] = {"perform": lambda: performed(one)}
    for consumer in ("interpreter", "c"):
        linked = link(made.program, made.constants, made.pycalls, consumer=consumer)
        runs[consumer] = lambda linked=linked: linked.run(list(one.values))
    for name, run in runs.items():
        try:
            run()
        except error:
            continue
        except Exception as other:
            raise AssertionError(f"{one.label}: {name} raised {type(other).__name__}: {other}") from other
        raise AssertionError(f"{one.label}: {name} did not fail")
