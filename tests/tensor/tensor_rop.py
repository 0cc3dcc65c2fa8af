"""The forward derivative of an expression against differences."""
from __future__ import annotations

import numpy as np

from symtensor.gradient import Rop
from symtensor.tensor.type import TensorType
from tensor_perform import evaluate


def check_rop(build, *values, rng, eps=1e-6, tolerance=1e-5):
    """Rop of build(*variables) along a random direction, for float64 arrays."""
    variables = [TensorType("float64", [False] * np.ndim(v))() for v in values]
    directions = [TensorType("float64", [False] * np.ndim(v))() for v in values]
    moves = [rng.uniform(0.5, 1.5, size=np.shape(v)) for v in values]
    out = build(*variables)
    point = {v: np.array(x, dtype="float64") for v, x in zip(variables, values)}
    found = evaluate(Rop(out, variables, directions), {**point, **dict(zip(directions, moves))})
    sides = [
        evaluate(out, {v: point[v] + sign * eps * move for v, move in zip(variables, moves)}, laws=False)
        for sign in (1, -1)
    ]
    np.testing.assert_allclose(found, (sides[0] - sides[1]) / (2 * eps), rtol=tolerance, atol=tolerance)
