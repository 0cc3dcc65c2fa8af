"""The exceptions of `DebugMode`, and the texts that say what is wrong with a value.

Each holds what it is about (variable, values, node, reason) and tells it in `str()`.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from symtensor.graph.errors import BadOptimization as GraphBadOptimization
from symtensor.printing import debugprint

__all__ = [
    "BadDestroyMap", "BadOptimization", "BadThunkOutput", "BadViewMap", "DebugModeError", "InvalidValueError",
    "StochasticOrder", "differences",
]


class DebugModeError(Exception):
    """What `DebugMode` raises."""


class StochasticOrder(DebugModeError):
    """Rewriting the same graph twice did not do the same."""


def _facts(value: Any) -> str:
    """Shape, dtype, strides, extremes and numbers of non-finite elements, in one line."""
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "biufc":
        return str(type(value))
    parts = [value.shape, value.dtype, value.strides]
    if value.size and value.dtype.kind != "c":
        floats = value.dtype.kind == "f"
        parts += [value.min(), value.max(), np.isinf(value).sum() if floats else 0,
                  np.isnan(value).sum() if floats else 0]
    return " ".join(map(str, parts))


def differences(old: Any, new: Any) -> str:
    """Statistics of the differences between two arrays; the error where they cannot be compared."""
    try:
        gap = np.abs(np.asarray(new, dtype="float64") - np.asarray(old, dtype="float64"))
        with np.errstate(all="ignore"):
            relative = gap / (np.abs(np.asarray(old, dtype="float64")) + np.abs(np.asarray(new, dtype="float64")))
            relative = np.where(gap == 0, 0, relative)
    except (TypeError, ValueError) as error:
        return f"  The values cannot be subtracted: {error}\n"
    if gap.size == 0:
        return "  Both are empty.\n"
    lines = []
    for word, values in (("Abs", gap), ("Rel", relative)):
        for name, function in (("Max", np.max), ("Mean", np.mean), ("Median", np.median), ("Std", np.std)):
            lines.append(f"  {name} {word} Diff:  {function(values)}")
    return "\n".join(lines) + "\n"


class BadThunkOutput(DebugModeError):
    """Two ways of computing one variable gave different values.

    Attributes: `r` the variable, `thunk1` and `thunk2` how the values `val1` and `val2` were computed, `inputs_val` the
    values of the node's inputs.
    """

    r: Any = None
    thunk1: Any = ""
    val1: Any = None
    thunk2: Any = ""
    val2: Any = None

    def __init__(self, r: Any, thunk1: Any, val1: Any, thunk2: Any, val2: Any, inputs_val: Any = ()) -> None:
        super().__init__()
        self.r, self.thunk1, self.val1, self.thunk2, self.val2 = r, thunk1, val1, thunk2, val2
        self.inputs_val = inputs_val

    def offending_op(self) -> type:
        """The class of the op that computes the variable."""
        return type(self.r.owner.op)

    def __str__(self) -> str:
        return self.str_diagnostic()

    def str_diagnostic(self) -> str:
        """The whole story."""
        node = self.r.owner
        lines = ["BadThunkOutput"]
        if node is not None:
            lines += [
                f"  Apply   : {node}",
                f"  op      : {type(node.op)}",
                f"  Outputs Type: {self.r.type}",
                f"  Outputs Shape: {getattr(self.val1, 'shape', None)}",
                f"  Outputs Strides: {getattr(self.val1, 'strides', None)}",
                f"  Inputs Type : {[v.type for v in node.inputs]}",
                f"  Inputs Shape: {[getattr(v, 'shape', None) for v in self.inputs_val]}",
                f"  Inputs Strides: {[getattr(v, 'strides', None) for v in self.inputs_val]}",
                f"  Inputs values: {[v if getattr(v, 'size', 0) <= 10 else 'not shown' for v in self.inputs_val]}"]
        lines += [
            f"  Bad Variable: {self.r}",
            f"  thunk1  : {self.thunk1}",
            f"  thunk2  : {self.thunk2}",
            "           : shape, dtype, strides, min, max, n_inf, n_nan:",
            f"  Expected : {_facts(self.val1)}",
            f"  Value    : {_facts(self.val2)}",
            f"  expected    : {self.val1}",
            f"  value    : {self.val2}"]
        return "\n".join(lines) + "\n" + differences(self.val1, self.val2)


class BadOptimization(DebugModeError, GraphBadOptimization):
    """A rewrite replaced a variable by one that has another value."""

    def str_diagnostic(self) -> str:
        """The whole story."""
        lines = [
            "BadOptimization Error ",
            f"  Variable: id {id(self.new_r)} {self.new_r}",
            f"  Op {self.new_r.owner if self.new_r is not None else None}",
            f"  Value Type: {type(self.new_r_val)}",
            f"  Old Value shape, dtype, strides: {_facts(self.old_r_val)}",
            f"  Old Value:  {self.old_r_val}",
            f"  New Value shape, dtype, strides: {_facts(self.new_r_val)}",
            f"  New Value:  {self.new_r_val}"]
        text = "\n".join(lines) + "\n" + differences(self.old_r_val, self.new_r_val)
        text += f"\n  Reason:  {self.reason}\n  Old Graph:\n{_indented(self.old_graph)}"
        text += f"\n  New Graph:\n{_indented(self.new_graph)}"
        return text + ("\n\nHint: relax the tolerance by setting tensor.cmp_sloppy=1\n"
                       "  or even tensor.cmp_sloppy=2 for less-strict comparison\n")


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


class BadDestroyMap(DebugModeError):
    """An op changed an input that its `destroy_map` does not name."""

    def __init__(self, node: Any, idx: int, old_val: Any, new_val: Any, perform: str) -> None:
        super().__init__()
        self.node, self.idx, self.old_val, self.new_val, self.perform = node, idx, old_val, new_val, perform

    def __str__(self) -> str:
        node = self.node
        lines = [
            f"  node: {node}",
            f"  perform: {self.perform}",
            f"  node.inputs: {[str(v) for v in node.inputs]}",
            f"  destroy_map: {getattr(node.op, 'destroy_map', None) or {}}",
            f"  changed input idx: {self.idx}",
            f"  changed input type: {node.inputs[self.idx].type}",
            f"  repr (old val): {self.old_val!r}",
            f"  repr (new val): {self.new_val!r}"]
        if isinstance(self.old_val, np.ndarray) and isinstance(self.new_val, np.ndarray):
            lines.append(f"  value dtype (new <space> old): {self.new_val.dtype} {self.old_val.dtype}")
            lines.append(f"  value shape (new <space> old): {self.new_val.shape} {self.old_val.shape}")
            if self.old_val.shape == self.new_val.shape and self.old_val.size:
                places = np.argwhere(np.asarray(self.old_val != self.new_val))[:10]
                lines.append(f"  location of first 10 mismatches: {places.tolist()}")
        lines.append("")
        lines.append("  Hint: this can also be caused by a deficient values_eq_approx() or __eq__() implementation "
                     "[which compared input values]")
        return "\n".join(lines) + "\n"


class BadViewMap(DebugModeError):
    """An op returned an output that shares memory with an input or another output without saying so in its
    `view_map`."""

    def __init__(self, node: Any, output_idx: int, out_storage: Any, in_alias_idx: Any = None,
                 out_alias_idx: Any = None) -> None:
        super().__init__()
        self.node, self.output_idx, self.out_storage = node, output_idx, out_storage
        self.in_alias_idx, self.out_alias_idx = in_alias_idx, out_alias_idx

    def __str__(self) -> str:
        node = self.node
        lines = [
            f"  node: {node}",
            f"  node.inputs: {[str(v) for v in node.inputs]}",
            f"  node.outputs: {[str(v) for v in node.outputs]}",
            f"  view_map: {getattr(node.op, 'view_map', None) or {}}",
            f"  destroy_map: {getattr(node.op, 'destroy_map', None) or {}}",
            f"  aliased output: {self.output_idx}",
            f"  aliased output storage: {self.out_storage}"]
        if self.in_alias_idx:
            lines.append(f"  aliased to inputs: {self.in_alias_idx}")
        if self.out_alias_idx:
            lines.append(f"  aliased to outputs: {self.out_alias_idx}")
        return "\n".join(lines) + "\n"


class InvalidValueError(DebugModeError):
    """A value is not legal for its variable: of another type, or not finite."""

    def __init__(self, r: Any, v: Any = None, client_node: Any = None, hint: str = "none",
                 specific_hint: str = "none") -> None:
        super().__init__()
        self.r, self.v, self.client_node, self.hint, self.specific_hint = r, v, client_node, hint, specific_hint

    def __str__(self) -> str:
        value = self.v
        low = high = finite = None
        if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf":
            low, high, finite = value.min(), value.max(), bool(np.isfinite(value).all())
        lines = [
            "InvalidValueError",
            f"        type(variable) = {self.r.type}",
            f"        variable       = {self.r}",
            f"        type(value)    = {type(value)}",
            f"        dtype(value)   = {getattr(value, 'dtype', None)}",
            f"        shape(value)   = {getattr(value, 'shape', None)}",
            f"        value          = {str(value)[:100]}",
            f"        min(value)     = {low}",
            f"        max(value)     = {high}",
            f"        isfinite       = {finite}",
            f"        client_node    = {self.client_node}",
            f"        hint           = {self.hint}",
            f"        specific_hint  = {self.specific_hint}",
            "        context        = ...",
            _indented(debugprint(self.r, depth=12, file="str"))]
        return "\n".join(lines)


