"""The sizes of every variable of a graph, as symbolic int64 scalars: each op's `infer_shape`, composed.

In: the variables that count as given (a function's inputs). Out: `ShapeEnv.shape(variable)`, a tuple of scalar
variables: constants where the length is known, `Shape_i` of a given variable, arithmetic on those, or `Shape_i` of the
variable itself where its op does not tell. Equal expressions are one object, so sizes can be compared by identity.

The graphs that `infer_shape` returns are not trusted to be small: each is interned node by node, lengths of known
variables are replaced by their expressions, and nodes of constants are computed at once.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.tensor.constant import constant
from symtensor.tensor.conversion import ScalarFromTensor, TensorFromScalar
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.shape_ops import Shape, Shape_i
from symtensor.tensor.sizes import ShapeError, size

__all__ = ["ShapeEnv"]


class ShapeEnv:
    """Sizes of variables, memoised. `given`: variables whose lengths are simply asked for at run time."""

    def __init__(self, given: Iterable[Variable] = ()):
        self.given = set(given)
        self._shapes: dict[Variable, tuple[Variable, ...] | None] = {}
        self._interned: dict[object, Variable] = {}
        self._known: dict[Variable, Variable] = {}
        self._lengths: dict[int, Variable] = {}

    def shape(self, variable: Variable) -> tuple[Variable, ...]:
        """One scalar per axis. TypeError for variables without axes (objects)."""
        if variable not in self._shapes:
            self._visit(variable)
        found = self._shapes[variable]
        if found is None:
            raise TypeError(f"{variable} of type {variable.type} has no shape")
        return found

    def length(self, n: int) -> Variable:
        """The constant length n."""
        if n not in self._lengths:
            self._lengths[n] = constant(np.asarray(n, dtype="int64"))
        return self._lengths[n]

    def _visit(self, goal: Variable) -> None:
        """Sizes of all ancestors of `goal`, producers first."""
        stack = [goal]
        while stack:
            variable = stack[-1]
            if variable in self._shapes:
                stack.pop()
                continue
            owner = None if variable in self.given else variable.owner
            missing = [v for v in owner.inputs if v not in self._shapes] if owner is not None else []
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if owner is None:
                self._shapes[variable] = self._asked(variable)
            else:
                self._infer(owner)

    def _asked(self, variable: Variable) -> tuple[Variable, ...] | None:
        """Lengths that are asked for at run time, except where they are known."""
        if isinstance(variable, Constant) and hasattr(variable.type, "broadcastable"):
            return tuple(self.length(n) for n in np.shape(variable.data))
        pattern = getattr(variable.type, "broadcastable", None)
        if pattern is None:
            return () if hasattr(variable.type, "dtype") else None
        return tuple(self.length(1) if b else self._ask(variable, k) for k, b in enumerate(pattern))

    def _ask(self, variable: Variable, axis: int) -> Variable:
        key = (Shape_i, axis, variable)
        if key not in self._interned:
            self._interned[key] = Shape_i(axis)(variable)
            self._known[self._interned[key]] = self._interned[key]
        return self._interned[key]

    def _infer(self, node: Apply) -> None:
        try:
            inferred = node.op.infer_shape(node, [self._shapes[v] for v in node.inputs])
        except (AttributeError, NotImplementedError, ShapeError):
            inferred = [None] * len(node.outputs)
        if len(inferred) != len(node.outputs):
            raise ValueError(f"{node.op}.infer_shape returned {len(inferred)} shapes for {len(node.outputs)} outputs")
        for variable, sizes in zip(node.outputs, inferred):
            pattern = getattr(variable.type, "broadcastable", None)
            if sizes is None or pattern is None:
                self._shapes[variable] = self._asked(variable)
                continue
            if len(sizes) != len(pattern):
                raise ValueError(f"{node.op}.infer_shape gave {len(sizes)} lengths for {variable.type}")
            self._shapes[variable] = tuple(
                self.length(1) if b else self._length_of(n) for n, b in zip(sizes, pattern)
            )

    def _length_of(self, inferred: Any) -> Variable:
        """What an op told, a number or an integer variable of any dtype, as the one int64 object for it."""
        known = size(inferred)
        return self.length(known) if isinstance(known, int) else self._intern(known)

    def _intern(self, goal: Variable) -> Variable:
        """The one object for an expression, with lengths of known variables filled in."""
        stack = [goal]
        while stack:
            variable = stack[-1]
            if variable in self._known:
                stack.pop()
                continue
            node = variable.owner
            if node is None or variable in self.given or variable in self._shapes:
                self._known[variable] = self._constant(variable) if isinstance(variable, Constant) else variable
                stack.pop()
                continue
            if isinstance(node.op, Shape_i) and (node.inputs[0].owner is None or node.inputs[0] in self._shapes):
                found = self._shapes.get(node.inputs[0])
                self._known[variable] = found[node.op.i] if found else self._ask(node.inputs[0], node.op.i)
                stack.pop()
                continue
            missing = [v for v in node.inputs if v not in self._known]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            self._known[variable] = self._node(node, variable)
        return self._known[goal]

    def _constant(self, variable: Constant) -> Variable:
        data = np.asarray(variable.data) if isinstance(variable.data, (np.ndarray, np.generic, int)) else None
        if data is not None and data.ndim == 0 and data.dtype.kind in "iub" and _is_int64_scalar(variable):
            return self.length(int(data))
        return variable

    def _node(self, node: Apply, variable: Variable) -> Variable:
        """The expression of a node whose inputs are interned."""
        inputs = [self._known[v] for v in node.inputs]
        if isinstance(node.op, TensorFromScalar) and inputs[0].owner is not None and isinstance(
                inputs[0].owner.op, ScalarFromTensor):
            return inputs[0].owner.inputs[0]
        entry = self._shape_entry(node, inputs)
        if entry is not None:
            return entry
        if isinstance(node.op, Elemwise) and all(isinstance(v, Constant) and np.size(v.data) == 1 for v in inputs):
            storage: list[list[Any]] = [[None] for _ in node.outputs]
            node.op.perform(node, [np.asarray(v.data) for v in inputs], storage)
            value = storage[node.outputs.index(variable)][0]
            made = constant(value, dtype=variable.type.dtype)
            return self._constant(made)
        position = node.outputs.index(variable)
        key = (node.op, tuple(inputs), position)
        if key not in self._interned:
            same = all(a is b for a, b in zip(inputs, node.inputs))
            self._interned[key] = variable if same else node.clone_with_new_inputs(inputs).outputs[position]
            self._known[self._interned[key]] = self._interned[key]
        return self._interned[key]

    def _shape_entry(self, node: Apply, inputs: Sequence[Variable]) -> Variable | None:
        """`shape(x)[k]` with a literal k, as a length of x."""
        idx_list = getattr(node.op, "idx_list", None)
        vector = inputs[0].owner if inputs else None
        if idx_list is None or len(idx_list) != 1 or vector is None or not isinstance(vector.op, Shape):
            return None
        index = inputs[1].data if len(inputs) == 2 and isinstance(inputs[1], Constant) else idx_list[0]
        lengths = self._shapes.get(vector.inputs[0])
        if lengths and isinstance(index, (int, np.integer)) and -len(lengths) <= index < len(lengths):
            return lengths[int(index)]
        return None


def _is_int64_scalar(variable: Variable) -> bool:
    return getattr(variable.type, "dtype", None) == "int64" and getattr(variable.type, "broadcastable", None) == ()
