"""Which sizes are equal: what fusion groups by, and what must be checked at run time.

Every elementwise node says that its operands have equal lengths along the axes where they do not broadcast. Lengths are
the symbolic scalars of `ShapeEnv`; equal ones are kept in a union-find. The representative of a class is a literal if
it has one, else the length that is known first (of a function input).
"""

from __future__ import annotations

from collections.abc import Sequence

from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.shape_ops import Shape_i


class Sizes:
    """Sizes of every variable, up to the equalities that the elementwise nodes assert."""

    def __init__(self, order: Sequence[Apply], inputs: Sequence[Variable]):
        # What an ifelse yields has the sizes of the branch that ran: they are asked for, not inferred.
        chosen = [v for node in order if isinstance(node.op, IfElse) for v in node.outputs]
        self.env = ShapeEnv([*inputs, *chosen])
        self.inputs = set(inputs)
        self.parent: dict[object, object] = {}
        self.size: dict[object, Variable] = {}
        # (node, axis, reference length, operand position, its length): equal lengths to check before the node runs
        self.asserted: dict[Apply, list[tuple[int, int, int]]] = {}
        for node in order:
            if isinstance(node.op, Elemwise):
                self._unify(node)

    def _unify(self, node: Apply) -> None:
        checks: list[tuple[int, int, int]] = []
        for axis in range(node.outputs[0].type.ndim):
            first: int | None = None
            for position, operand in enumerate(node.inputs):
                if operand.type.broadcastable[axis]:
                    continue
                if first is None:
                    first = position
                elif self.root(node.inputs[first], axis) != self.root(operand, axis):
                    checks.append((axis, first, position))
                    self._union(self.root(node.inputs[first], axis), self.root(operand, axis))
        if checks:
            self.asserted[node] = checks

    def _key(self, size: Variable) -> object:
        key: object = int(size.data) if isinstance(size, Constant) else size
        self.size.setdefault(key, size)
        return key

    def _find(self, key: object) -> object:
        path = []
        while key in self.parent:
            path.append(key)
            key = self.parent[key]
        for step in path:
            self.parent[step] = key
        return key

    def _rank(self, key: object) -> int:
        """Smaller is better known."""
        if isinstance(key, int):
            return 0
        owner = self.size[key].owner
        return 1 if owner is not None and isinstance(owner.op, Shape_i) and owner.inputs[0] in self.inputs else 2

    def _union(self, a: object, b: object) -> None:
        if self._rank(b) < self._rank(a):
            a, b = b, a
        self.parent[b] = a

    def root(self, variable: Variable, axis: int) -> object:
        return self._find(self._key(self.own(variable, axis)))

    def own(self, variable: Variable, axis: int) -> Variable:
        """The length as `ShapeEnv` infers it, before any equality."""
        return self.env.shape(variable)[axis]

    def best(self, variable: Variable, axis: int) -> Variable:
        """The best known length that equals it: a literal or a function input's length if there is one, else its
        own."""
        key = self.root(variable, axis)
        return self.size[key] if self._rank(key) < 2 else self.own(variable, axis)

    def key(self, variable: Variable) -> tuple[object, ...]:
        """Equal keys: equal sizes (once all checks have passed)."""
        return tuple("1" if b else self.root(variable, k) for k, b in enumerate(variable.type.broadcastable))
