"""Which lengths can be had at a place in the Program: from constants, from values that there are, and by arithmetic on
those."""
from __future__ import annotations

from collections.abc import Sequence

from symtensor.graph.basic import Constant, Variable
from symtensor.lower.context import Lowering
from symtensor.tensor.shape_ops import Shape_i


class KnownNow:
    """Whether a length is known where `ctx` stands now."""

    def __init__(self, ctx: Lowering) -> None:
        self.ctx = ctx
        self.answers: dict[Variable, bool] = {}

    def __call__(self, size: Variable) -> bool:
        todo = [size]
        while todo:
            v = todo[-1]
            if v in self.answers:
                todo.pop()
                continue
            operands = self._operands(v)
            waiting = [] if operands is None else [x for x in operands if x not in self.answers]
            if waiting:
                todo.extend(waiting)
                continue
            todo.pop()
            self.answers[v] = operands is not None and all(self.answers[x] for x in operands)
        return self.answers[size]

    def _operands(self, v: Variable) -> Sequence[Variable] | None:
        """What a length is computed from; None where it is not known now."""
        ctx = self.ctx
        if isinstance(v, Constant) or v in ctx.names:
            return ()
        node = v.owner
        if node is None:
            return None
        if isinstance(node.op, Shape_i):
            x = node.inputs[0]
            return () if isinstance(x, Constant) or x in ctx.names or x in ctx.rows_of else None
        return node.inputs if ctx.rules[node].element is not None else None
