"""NumPy versions of the library routines that `ir.Call` names: what the interpreter runs.

Each takes (outputs, inputs, scalars): arrays already allocated and written in place, arrays that are read, NumPy
scalars. Names and roles are those of `symtensor.codegen.library`.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Arrays = Sequence[np.ndarray]
Routine = Callable[[Arrays, Arrays, Sequence[Any]], None]


def gemm(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """c = alpha * a @ b + beta * c, for matrices or stacks of them; c is not read where beta is 0."""
    (c,), (a, b), (alpha, beta) = outputs, inputs, scalars
    product = np.matmul(a, b)
    if alpha != 1:
        product *= alpha
    if beta != 0:
        product += beta * c
    c[...] = product


def gemv(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """y = alpha * a @ x + beta * y; y is not read where beta is 0."""
    gemm(outputs, inputs, scalars)


def ger(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """a = a + alpha * outer(x, y), without conjugation."""
    (a,), (x, y), (alpha,) = outputs, inputs, scalars
    a += (alpha * x)[:, None] * y


def dot(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """z = sum(x * y), without conjugation."""
    (z,), (x, y) = outputs, inputs
    z[...] = np.dot(x, y)


def sort(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """y = x sorted along an axis."""
    outputs[0][...] = np.sort(inputs[0], axis=int(scalars[0]))


def argsort(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """y = the positions that sort x along an axis, stable."""
    outputs[0][...] = np.argsort(inputs[0], axis=int(scalars[0]), kind="stable")


def nonzero(outputs: Arrays, inputs: Arrays, scalars: Sequence[Any]) -> None:
    """The indices of the elements that are not 0, one array for each axis."""
    for target, found in zip(outputs, np.nonzero(inputs[0])):
        target[...] = found


ROUTINES: Mapping[str, Routine] = {
    "gemm": gemm, "batched_gemm": gemm, "gemv": gemv, "ger": ger, "dot": dot, "sort": sort, "argsort": argsort,
    "nonzero": nonzero,
}
