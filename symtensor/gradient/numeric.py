"""Checking symbolic gradients against finite differences.

Comes in: a function of variables, and points to try it at. `verify_grad` multiplies the function's output with random
numbers to get a scalar, and compares its symbolic gradient with a numeric one; a difference raises GradientError.
"""
from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from symtensor.gradient.reverse import grad
from symtensor.graph.basic import Variable
from symtensor.graph.hooks import hooks
from symtensor.scalar.dtypes import FLOAT
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.type import TensorType

__all__ = ["GradientError", "numeric_grad", "verify_grad"]

# Where both the absolute and the relative error exceed this, the gradient counts as wrong.
_TOLERANCE = {"float16": 5e-2, "float32": 1e-2, "float64": 1e-4}


class GradientError(Exception):
    """The symbolic (val1) and the numeric (val2) gradient differ at one position of one argument."""

    def __init__(
        self,
        arg: int,
        err_pos: int,
        shape: tuple[int, ...],
        val1: Any,
        val2: Any,
        abs_err: float,
        rel_err: float,
        abs_tol: float,
        rel_tol: float,
    ) -> None:
        super().__init__()
        self.arg = arg
        self.err_pos = err_pos
        self.shape = shape
        self.val1 = val1
        self.val2 = val2
        self.abs_err = abs_err
        self.rel_err = rel_err
        self.abs_tol = abs_tol
        self.rel_tol = rel_tol

    def __reduce__(self) -> tuple[Any, ...]:
        values = (
            self.arg, self.err_pos, self.shape, self.val1, self.val2, self.abs_err, self.rel_err, self.abs_tol,
            self.rel_tol,
        )
        return type(self), values, {"args": self.args}

    def __str__(self) -> str:
        details = ", ".join(str(part) for part in self.args)
        return (
            "GradientError: numeric gradient and analytic gradient exceed tolerance:\n"
            f"        At position {self.err_pos} of argument {self.arg} with shape {self.shape},\n"
            f"            val1 = {self.val1:f}      ,  val2 = {self.val2:f}\n"
            f"            abs. error = {self.abs_err:f},  abs. tolerance = {self.abs_tol:f}\n"
            f"            rel. error = {self.rel_err:f},  rel. tolerance = {self.rel_tol:f}\n"
            f"Exception args: {details}"
        )


class numeric_grad:
    """The gradient of a scalar function by forward differences: `gf`, an array or a list of arrays as `pt` is one.

    f         takes one array per point, all in the most precise dtype among them, and returns a scalar
    pt        a float array, or a list or tuple of them
    eps       the step; by default one that fits the least precise dtype among the points
    out_type  the dtype to compute in, where it is a complex one
    """

    type_eps: dict[Any, float] = {"float64": 1e-7, "float32": 3e-4, "float16": 1e-1}
    type_eps.update({np.dtype(name): eps for name, eps in list(type_eps.items())})

    def __init__(self, f: Callable[..., Any], pt: Any, eps: float | None = None, out_type: str | None = None) -> None:
        several = isinstance(pt, (list, tuple))
        points = [np.array(p) for p in (pt if several else [pt])]
        if eps is None:
            eps = max(self.type_eps[p.dtype] for p in points)
        if out_type and str(out_type).startswith("complex"):
            working = np.dtype(out_type)
        else:
            working = np.result_type(*(p.dtype for p in points))
        points = [p.astype(working) for p in points]
        gradients = []
        unmoved = np.array(f(*points))
        for point in points:
            gradient = np.zeros(point.shape, working)
            # The points are our own copies: each element is moved by eps and put back.
            for index in np.ndindex(point.shape):
                kept = point[index]
                point[index] = kept + eps
                gradient[index] = (f(*points) - unmoved) / eps
                point[index] = kept
            gradients.append(gradient)
        self.gf: Any = gradients if several else gradients[0]

    @staticmethod
    def abs_rel_err(a: Any, b: Any) -> tuple[Any, Any]:
        """The absolute and the relative difference, element by element; relative to |a| + |b|, at least 1e-8."""
        abs_err = abs(a - b)
        return abs_err, abs_err / np.maximum(abs(a) + abs(b), 1e-8)

    def abs_rel_errors(self, g_pt: Sequence[Any]) -> list[tuple[Any, Any]]:
        """`abs_rel_err` for each argument. ValueError where the number or the shapes of the gradients differ."""
        if len(g_pt) != len(self.gf):
            raise ValueError("argument has wrong number of elements", len(g_pt))
        errors = []
        for i, (ours, theirs) in enumerate(zip(self.gf, g_pt)):
            if ours.shape != theirs.shape:
                raise ValueError(f"argument element {i} has wrong shape {(ours.shape, theirs.shape)}")
            errors.append(self.abs_rel_err(ours, theirs))
        return errors

    def max_err(self, g_pt: Sequence[Any], abs_tol: float, rel_tol: float) -> tuple[int, int, float, float]:
        """The worst place: (argument, flat position, absolute error, relative error).

        Worst is where the better of the two errors, measured in tolerances, is largest. ValueError where an error is
        not finite.
        """
        worst = []
        errors = self.abs_rel_errors(g_pt)
        for abs_err, rel_err in errors:
            if not np.all(np.isfinite(abs_err)):
                raise ValueError("abs_err not finite", repr(abs_err))
            if not np.all(np.isfinite(rel_err)):
                raise ValueError("rel_err not finite", repr(rel_err))
            scaled = np.minimum(abs_err / abs_tol, rel_err / rel_tol)
            worst.append(int(np.argmax(scaled)) if scaled.size else -1)
        sizes = [
            min(abs_err.flat[at] / abs_tol, rel_err.flat[at] / rel_tol) if at >= 0 else -1.0
            for (abs_err, rel_err), at in zip(errors, worst)
        ]
        arg = int(np.argmax(sizes))
        at = worst[arg]
        if at < 0:
            return arg, 0, 0.0, 0.0
        abs_err, rel_err = errors[arg]
        return arg, at, abs_err.flat[at], rel_err.flat[at]


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Raises GradientError where the symbolic gradient of `fun` at `pt` differs from the numeric one.

    fun                  takes one tensor variable per point and returns one tensor variable; an op will do
    pt                   a list or tuple of float arrays; an axis of length 1 is broadcastable
    n_tests              how many random projections of the output to try
    rng                  a numpy.random.RandomState, for the projections
    eps, out_type        as for `numeric_grad`
    abs_tol, rel_tol     an error is one if it exceeds both
    mode                 the mode to compile with
    cast_to_output_type  compute the projection in the dtype of the output
    no_debug_ref         where `mode` is DebugMode, evaluate the function without it (the gradient is still debugged)
    """
    if not isinstance(pt, (list, tuple)):
        raise AssertionError(f"verify_grad expects a list or tuple of points, got {type(pt)}")
    points = [np.array(p) for p in pt]
    for i, point in enumerate(points):
        if str(point.dtype) not in FLOAT:
            raise TypeError(
                f'verify_grad can work only with floating point inputs, but input {i} has dtype "{point.dtype}".'
            )
    if rng is None:
        raise TypeError(
            "rng should be a valid instance of numpy.random.RandomState. You may want to use "
            "symtensor.tests.unittest_tools.verify_grad instead of symtensor.gradient.verify_grad."
        )
    tolerance = max((_TOLERANCE[str(p.dtype)] for p in points), default=1e-4)
    abs_tol = tolerance if abs_tol is None else abs_tol
    rel_tol = tolerance if rel_tol is None else rel_tol

    variables = [
        TensorType(point.dtype, [n == 1 for n in point.shape])(name=f"input {i}") for i, point in enumerate(points)
    ]
    output = _single_output(fun(*variables))
    forward = hooks.compile_function(variables, output, mode=mode, reference=no_debug_ref)
    shape = np.shape(forward(*[p.copy() for p in points]))

    projection = TensorType(output.type.dtype if cast_to_output_type else "float64", output.type.broadcastable)(
        name="random_projection"
    )
    cost = (projection * output).sum()
    arguments = [*variables, projection]
    cost_at = hooks.compile_function(arguments, cost, mode=mode, reference=no_debug_ref)
    gradients_at = hooks.compile_function(arguments, grad(cost, variables, disconnected_inputs="ignore"), mode=mode)
    for _ in range(n_tests):
        # Around 1, away from 0: no element of the output goes unseen.
        weights = np.asarray(rng.rand(*shape) + 0.5, dtype=projection.type.dtype)
        numeric = numeric_grad(
            lambda *p: cost_at(*[np.array(x, like.dtype) for x, like in zip(p, points)], weights), points, eps, out_type
        )
        symbolic = gradients_at(*[p.copy() for p in points], weights)
        _compare(numeric, symbolic, points, abs_tol, rel_tol, (eps, out_type))


def _single_output(output: Any) -> Any:
    if isinstance(output, (list, tuple)):
        raise NotImplementedError("cant (yet) autotest gradient of fun with multiple outputs")
    if not isinstance(output, Variable):
        raise TypeError(
            "It seems like you are trying to use verify_grad on an op or a function which outputs a list: there should "
            "be a single (array-like) output instead"
        )
    return as_tensor_variable(output)


def _compare(
    numeric: numeric_grad, symbolic: Sequence[Any], points: list[Any], abs_tol: float, rel_tol: float,
    asked: tuple[Any, Any],
) -> None:
    arg, at, abs_err, rel_err = numeric.max_err(symbolic, abs_tol, rel_tol)
    if abs_err > abs_tol and rel_err > rel_tol:
        error = GradientError(
            arg, at, points[arg].shape, symbolic[arg].flat[at], numeric.gf[arg].flat[at], abs_err, rel_err, abs_tol,
            rel_tol,
        )
        error.args += (
            "\nThe error happened with the following inputs:", points,
            "\nThe value of eps is:", asked[0], "\nThe out_type is:", asked[1],
        )
        raise error
