"""Which sizes are equal: what fusion groups by, and what must be checked at run time.

Every elementwise node says that its operands have equal lengths along the axes where they do not broadcast. Lengths are
the symbolic scalars of `ShapeEnv`; equal ones are kept in a union-find. The representative of a class is a literal if
it has one, else the length that is known first (of a function input).

Whoever relies on an equality must run after the check of it: loops over an array that end where another array ends read
memory that is not theirs where the check would have failed. So `Sizes` by itself holds no equalities; each block (a
function, a branch of an `ifelse`, a step of a loop) takes those of its own nodes whose lengths are known where the
block begins, and checks them there. Other equalities are checked before their node and not relied on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.shape_env import ShapeEnv
from symtensor.tensor.shape_ops import Shape_i


class Sizes:
    """Sizes of every variable, up to equalities (see the module)."""

    def __init__(self, order: Sequence[Apply], inputs: Sequence[Variable]):
        # What an ifelse yields has the sizes of the branch that ran: they are asked for, not inferred.
        chosen = [v for node in order if isinstance(node.op, IfElse) for v in node.outputs]
        self.env = ShapeEnv([*inputs, *chosen])
        self.inputs = set(inputs)
        self.parent: dict[object, object] = {}
        self.size: dict[object, Variable] = {}
        # for each node (axis, reference operand, other operand): lengths to check
        self.asserted: dict[Apply, list[tuple[int, int, int]]] = {}

    def assuming(self, nodes: Sequence[Apply], is_known: Callable[[Variable], bool]) -> tuple[Sizes, Sizes]:
        """Sizes with what the elementwise nodes among `nodes` assert, as far as the lengths are known.

        Returns them twice: `asserted` of the first lists the checks that all others rely on, that of the second those
        that are made before each node.
        """
        late = copy.copy(self)
        late.parent, late.asserted = dict(self.parent), {}
        early: dict[Apply, list[tuple[int, int, int]]] = {}
        for node in nodes:
            if isinstance(node.op, Elemwise):
                late._unify(node, is_known, early)
        first = copy.copy(late)
        first.asserted = early
        return first, late

    def _unify(self, node: Apply, is_known: Callable[[Variable], bool],
               early: dict[Apply, list[tuple[int, int, int]]]) -> None:
        for axis in range(node.outputs[0].type.ndim):
            first: int | None = None
            for position, operand in enumerate(node.inputs):
                if operand.type.broadcastable[axis]:
                    continue
                if first is None:
                    first = position
                elif self.root(node.inputs[first], axis) != self.root(operand, axis):
                    known = is_known(self.own(node.inputs[first], axis)) and is_known(self.own(operand, axis))
                    (early if known else self.asserted).setdefault(node, []).append((axis, first, position))
                    if known:
                        self._union(self.root(node.inputs[first], axis), self.root(operand, axis))

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
