"""Discrete draws made from uniform numbers: one-hot counts, and choices without replacement.

In: `pvals`, a matrix whose rows are distributions; `unis`, a vector of numbers in [0, 1), `n` for each row, the first
of every row, then the second of every row, and so on. Out: counts of the outcomes (`MultinomialFromUniform`) or the
outcomes themselves (`ChoiceFromUniform`). A number picks the first outcome up to which the probabilities, added in
their own dtype from the left, exceed it.

Refused: other ranks; `unis` of another length than rows times `n`; more choices without replacement than outcomes.
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.scalar.basic import as_scalar
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined
from symtensor.tensor.sizes import size

__all__ = ["ChoiceFromUniform", "MultinomialFromUniform", "MultinomialWOReplacementFromUniform"]

TOO_FEW = "unis.shape[0] != pvals.shape[0] * n"
NO_OUTCOME = "pvals must have at least one column"
TOO_MANY = "Cannot sample without replacement n samples bigger than the size of the distribution."


def _check(rows: int, outcomes: int, unis: np.ndarray, n: int) -> None:
    if outcomes < 1:
        raise ValueError(NO_OUTCOME)
    if n < 0 or unis.shape[0] != rows * n:
        raise ValueError(TOO_FEW)


class MultinomialFromUniform(Op):
    """How often each outcome of each row of `pvals` was picked by the row's `n` uniform numbers. A number beyond the
    sum of the row picks nothing. `odtype`: the dtype of the counts, "auto" for that of `pvals`."""

    __props__: tuple[str, ...] = ("odtype",)

    def __init__(self, odtype: str) -> None:
        self.odtype = odtype

    def __str__(self) -> str:
        return f"{self.__class__.__name__}{{{self.odtype}}}"

    def make_node(self, pvals: Any, unis: Any, n: Any = 1) -> Apply:
        pvals, unis = as_tensor_variable(pvals), as_tensor_variable(unis)
        if pvals.type.ndim != 2:
            raise NotImplementedError("pvals ndim should be 2", pvals.type.ndim)
        if unis.type.ndim != 1:
            raise NotImplementedError("unis ndim should be 1", unis.type.ndim)
        return Apply(self, [pvals, unis, as_scalar(n)], [self._out_type(pvals)()])

    def _out_type(self, pvals: Any) -> TensorType:
        dtype = pvals.type.dtype if self.odtype == "auto" else self.odtype
        return TensorType(dtype=dtype, broadcastable=pvals.type.broadcastable)

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        pvals, unis, n = inputs
        (gz,) = output_gradients
        # The counts are piecewise constant; n is a number of draws.
        return [pvals.zeros_like().astype(gz.dtype) if gz.dtype.startswith("float") else pvals.zeros_like(),
                unis.zeros_like(), grad_undefined(self, 2, n)]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        pvals, unis, n = inputs
        rows, outcomes = pvals.shape
        _check(rows, outcomes, unis, n)
        out = np.zeros((rows, outcomes), dtype=node.outputs[0].type.dtype)
        summed = np.cumsum(pvals, axis=1, dtype=pvals.dtype)
        for drawn in unis.reshape(int(n), rows):
            above = summed > drawn[:, None]
            row = np.flatnonzero(above.any(axis=1))
            out[row, above[row].argmax(axis=1)] += 1
        output_storage[0][0] = out


class ChoiceFromUniform(MultinomialFromUniform):
    """The `n` outcomes that each row's uniform numbers pick, one after the other; without `replace` an outcome that was
    picked gets probability 0 and the others are scaled to add up to 1. A number that picks nothing gives 0."""

    __props__ = ("odtype", "replace")

    def __init__(self, odtype: str, replace: bool = False, *args: Any, **kwargs: Any) -> None:
        self.replace = replace
        super().__init__(odtype, *args, **kwargs)

    def __str__(self) -> str:
        return f"{self.__class__.__name__}{{odtype={self.odtype!r}, replace={self.replace}}}"

    def _out_type(self, pvals: Any) -> TensorType:
        return TensorType(dtype="int64" if self.odtype == "auto" else self.odtype, broadcastable=(False, False))

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        n = node.inputs[2]
        return [(shapes[0][0], size(n))]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        pvals, unis, n = inputs
        rows, outcomes = pvals.shape
        _check(rows, outcomes, unis, n)
        if n > outcomes:
            raise ValueError(TOO_MANY)
        pvals = pvals.copy()
        out = np.zeros((rows, int(n)), dtype=node.outputs[0].type.dtype)
        for k, drawn in enumerate(unis.reshape(int(n), rows)):
            summed = np.cumsum(pvals, axis=1, dtype=pvals.dtype)
            above = summed > drawn[:, None]
            row = np.flatnonzero(above.any(axis=1))
            picked = above[row].argmax(axis=1)
            out[row, k] = picked
            if not self.replace:
                pvals[row, picked] = 0
                with np.errstate(all="ignore"):
                    # Added from the left, as the cumulated sums are.
                    pvals[row] /= np.cumsum(pvals[row], axis=1, dtype=pvals.dtype)[:, -1:]
        output_storage[0][0] = out


class MultinomialWOReplacementFromUniform(ChoiceFromUniform):
    """The old name of `ChoiceFromUniform`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "MultinomialWOReplacementFromUniform is deprecated, use ChoiceFromUniform instead.", DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)
