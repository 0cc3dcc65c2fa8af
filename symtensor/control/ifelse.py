"""Lazy choice: `ifelse(condition, then, otherwise)` computes only the branch that the condition picks.

Comes in: a condition of rank 0 (zero is false) and two variables of the same type, or two lists of as many. Goes out: a
variable or list. Compiled functions evaluate lazily; `perform`, which gets the values of both branches, only picks.
"""
from __future__ import annotations

import copy
from typing import Any, Sequence

import numpy as np

from symtensor.config import config
from symtensor.graph.basic import Apply, Variable
from symtensor.graph.null_type import DisconnectedType
from symtensor.graph.op import Op
from symtensor.tensor.constant import as_tensor_variable
from symtensor.tensor.first_cause import first_cause
from symtensor.tensor.sizes import same

__all__ = ["IfElse", "ifelse"]


class IfElse(Op):
    """`IfElse(n_outs)(condition, *then, *otherwise)`: the first or the second `n_outs` inputs after the condition.

    as_view  the outputs may be views of the branches
    gpu      kept for programs that ask for it; it only counts in equality and in how the op prints
    name     printed, and passed on to gradients; does not count in equality
    """

    __module__ = "symtensor.ifelse"

    def __init__(self, n_outs: int, as_view: bool = False, gpu: bool = False, name: str | None = None) -> None:
        if as_view:
            # One output can be a view of the one branch or the other; what is declared is the first.
            self.view_map = {i: [i + 1] for i in range(n_outs)}
        self.as_view = as_view
        self.gpu = gpu
        self.n_outs = n_outs
        self.name = name

    def _key(self) -> tuple[Any, ...]:
        return (type(self), self.as_view, self.gpu, self.n_outs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IfElse) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        words = [self.name] if self.name is not None else []
        words += ["inplace"] * self.as_view + ["gpu"] * self.gpu
        return f"if{{{','.join(words)}}}"

    def make_node(self, c: Any, *args: Any) -> Apply:
        if len(args) != 2 * self.n_outs:
            raise AssertionError(
                f"Wrong number of arguments to make_node: expected {2 * self.n_outs}, got {len(args)}"
            )
        condition = c if isinstance(c, Variable) else as_tensor_variable(c)
        branches = [x if isinstance(x, Variable) else as_tensor_variable(x) for x in args]
        for then, other in zip(branches[: self.n_outs], branches[self.n_outs:]):
            if then.type != other.type:
                raise TypeError(
                    "IfElse requires same types for true and false return values", then, other, then.type, other.type
                )
        return Apply(self, [condition, *branches], [x.type() for x in branches[: self.n_outs]])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any, params: Any = None) -> None:
        first = 1 if np.any(inputs[0]) else 1 + self.n_outs
        for value, storage in zip(inputs[first: first + self.n_outs], output_storage):
            storage[0] = value if self.as_view else copy.copy(value)

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        condition, n = node.inputs[0], self.n_outs
        results: list[Any] = []
        lengths: list[tuple[Any, Any]] = []
        for then, other in zip(shapes[1: 1 + n], shapes[1 + n:]):
            if then is None or other is None:
                results.append(None)
                continue
            lengths += [(a, b) for a, b in zip(then, other) if not same(a, b)]
            results.append(list(zip(then, other)))
        chosen: list[Any] = []
        if lengths:
            # Lazily as well: the length of a branch may be known only when the branch has run.
            op = IfElse(len(lengths), gpu=False, name="shape")
            then_lengths, other_lengths = ([_length(pair[side]) for pair in lengths] for side in (0, 1))
            chosen = op(condition, *then_lengths, *other_lengths, return_list=True)
        remaining = iter(chosen)
        return [
            None if pairs is None else tuple(a if same(a, b) else next(remaining) for a, b in pairs)
            for pairs in results
        ]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        everything = [[True] * self.n_outs]
        own = [[i == j for j in range(self.n_outs)] for i in range(self.n_outs)]
        return everything + own + own

    def grad(self, ins: Sequence[Any], grads: Sequence[Any]) -> list[Any]:
        condition, n = ins[0], self.n_outs
        flowing = [i for i, g in enumerate(grads) if not isinstance(g.type, DisconnectedType)]
        given = [grads[i] for i in flowing]
        zeros_then = [ins[1 + i].zeros_like(dtype=grads[i].type.dtype) for i in flowing]
        zeros_other = [ins[1 + n + i].zeros_like(dtype=grads[i].type.dtype) for i in flowing]
        to_then = self._like("_grad_t", len(flowing))(condition, *given, *zeros_then, return_list=True)
        to_other = self._like("_grad_f", len(flowing))(condition, *zeros_other, *given, return_list=True)
        results = [condition.zeros_like(dtype=config.floatX)]
        for parts in (to_then, to_other):
            found = dict(zip(flowing, parts))
            results += [found[i] if i in found else DisconnectedType()() for i in range(n)]
        return results

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        moved = [x.zeros_like() if p is None else p for x, p in zip(inputs[1:], eval_points[1:])]
        return self._like("", self.n_outs)(inputs[0], *moved, return_list=True)

    def _like(self, suffix: str, n_outs: int) -> IfElse:
        return IfElse(n_outs, gpu=self.gpu, name=None if self.name is None else self.name + suffix)


def _length(length: Any) -> Any:
    return length if isinstance(length, Variable) else as_tensor_variable(np.asarray(length, dtype="int64"))


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """One of two branches, and only that one is computed.

    condition    of rank 0; zero is false, anything else true (TypeError for other ranks)
    then_branch  a variable or value, or a list or tuple of them
    else_branch  the same, as many (ValueError) and of the same types (TypeError)
    name         printed in the graph

    Returns a variable, or a list or tuple as `then_branch` (or else `else_branch`) is one. `switch` chooses element by
    element and computes both.
    """
    many_then, many_else = (isinstance(branch, (list, tuple)) for branch in (then_branch, else_branch))
    then = [_variable(x) for x in (then_branch if many_then else [then_branch])]
    other = [_variable(x) for x in (else_branch if many_else else [else_branch])]
    if len(then) != len(other):
        raise ValueError(
            "The number of values on the `then` branch should have the same number of variables as the `else` branch : "
            f"(variables on `then` {len(then)}, variables on `else` {len(other)})"
        )
    pairs = [_same_type(a, b) for a, b in zip(then, other)]
    condition = _variable(condition)
    if getattr(condition.type, "ndim", 0) != 0:
        raise TypeError(
            "Condition given to the op has to be a scalar with 0 standing for False, anything else for True"
        )
    outputs = IfElse(len(pairs), name=name)(condition, *[a for a, _ in pairs], *[b for _, b in pairs], return_list=True)
    if many_then:
        return type(then_branch)(outputs)
    return list(outputs) if many_else else outputs[0]


def _variable(x: Any) -> Any:
    return x if isinstance(x, Variable) else as_tensor_variable(x)


def _same_type(then: Any, other: Any) -> tuple[Any, Any]:
    if then.type == other.type:
        return then, other
    # Another kind of type (a tensor against an object) may know how to take the other in.
    if type(then.type) is not type(other.type):
        if hasattr(then.type, "broadcastable"):
            return then, then.type.filter_variable(other)
        return other.type.filter_variable(then), other
    raise TypeError(
        f"The two branches should have identical types, but they are {then.type} and {other.type} respectively. This "
        "error could be raised if for example you provided a one element list on the `then` branch but a tensor on the "
        f"`else` branch.{_because(then, other)}"
    )


def _because(then: Any, other: Any) -> str:
    """What made one branch wider than the other."""
    for name, one, another in (("then", then, other), ("else", other, then)):
        cause = first_cause(one, another.type) if getattr(one.type, "dtype", None) != \
            getattr(another.type, "dtype", None) else ""
        if cause and not cause.startswith("Nothing"):
            return f"\nIn the `{name}` branch: {cause}"
    cause = first_cause(other, then.type)
    return f"\nIn the `else` branch: {cause}" if cause else ""
