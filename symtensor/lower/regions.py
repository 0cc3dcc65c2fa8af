"""Lazy regions: which nodes belong inside one branch of an `ifelse`.

In: the nodes of a block in topological order and what the block has to yield. A node whose every use lies in one branch
of an `IfElse` (directly, or through other such nodes) is computed in that branch only; a node that both branches use,
or something outside, is computed before.
"""

from __future__ import annotations

from collections.abc import Sequence

from symtensor.control.ifelse import IfElse
from symtensor.graph.basic import Apply, Constant, Variable

Key = tuple[Apply, int]  # an IfElse node and a side: 0 then, 1 otherwise


class Regions:
    """members: nodes by region (None: outside all branches), in topological order. reads: for each IfElse, its
    condition and everything that its branches read from outside."""

    def __init__(self, order: Sequence[Apply], outputs: Sequence[Variable]):
        self.members: dict[Key | None, list[Apply]] = {None: list(order)}
        self.reads: dict[Apply, tuple[Variable, ...]] = {}
        if any(isinstance(node.op, IfElse) for node in order):
            self._parent: dict[Key, Key | None] = {}
            self._divide(order, outputs)

    def inputs(self, node: Apply) -> Sequence[Variable]:
        """What must be there before a node is emitted."""
        return self.reads.get(node, node.inputs)

    def _divide(self, order: Sequence[Apply], outputs: Sequence[Variable]) -> None:
        region: dict[Apply, Key | None] = {v.owner: None for v in outputs if v.owner is not None}
        for node in reversed(order):
            here = region.setdefault(node, None)
            for position, v in enumerate(node.inputs):
                where = here
                if isinstance(node.op, IfElse) and position:
                    where = (node, 0 if position <= node.op.n_outs else 1)
                    self._parent[where] = here
                if v.owner is not None:
                    region[v.owner] = self._common(region[v.owner], where) if v.owner in region else where
        self.members = {None: []}
        for node in order:
            self.members.setdefault(region[node], []).append(node)
        for node in order:
            if isinstance(node.op, IfElse):
                self.reads[node] = (node.inputs[0], *self._captured(node, order, region))

    def _chain(self, key: Key | None) -> list[Key]:
        """The region and those around it, innermost first."""
        chain = []
        while key is not None:
            chain.append(key)
            key = self._parent[key]
        return chain

    def _common(self, a: Key | None, b: Key | None) -> Key | None:
        around = set(self._chain(a))
        return next((key for key in self._chain(b) if key in around), None)

    def _captured(self, choice: Apply, order: Sequence[Apply], region: dict[Apply, Key | None]) -> list[Variable]:
        inside = {node for node in order if any(key[0] is choice for key in self._chain(region[node]))}
        found: dict[Variable, None] = {}
        for node in [*(n for n in order if n in inside), choice]:
            for v in node.inputs[1:] if node is choice else node.inputs:
                if v.owner is not None and v.owner not in inside and not isinstance(v, Constant):
                    found[v] = None
        return list(found)
